"""What `paddle.save` writes: state dicts (``.pdparams``, ``.pdopt``) and other objects with Tensors in them.

A state dict (a dict whose values are all Tensors, or dicts without Tensors) becomes a pickle of

    {key: ndarray, ..., "StructuredToParameterName@@": {key: name of the Tensor}}

In any other object each Tensor becomes the tuple ``(name, ndarray)``. bfloat16 is stored as uint16. Under protocol 2
and 3 an array of more than 2**30 bytes is cut into flat pieces ``key@@.0``, ``key@@.1``, listed in
``UnpackBigParamInfor@@``.
"""

from __future__ import annotations

import collections
import math
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from .. import dtypes
from ..backend import xp as backend
from ..core.tensor import Tensor, TensorBase, isinstance_strict
from ..errors import FormatError
from . import safe_pickle

__all__ = ["BIG_TABLE", "NAME_TABLE", "dump", "is_state_dict", "load", "map_named", "plain_array"]

NAME_TABLE = "StructuredToParameterName@@"
BIG_TABLE = "UnpackBigParamInfor@@"
LARGEST = 2**30 - 1  # bytes of one array under protocol 2 and 3


def plain_array(value: Any) -> np.ndarray[Any, Any]:
    """The data of a Tensor as it is stored: in CPU memory, bfloat16 as uint16."""
    array = backend.to_numpy(value._data if isinstance_strict(value, Tensor) else value)
    return array.view(np.uint16) if array.dtype.name == "bfloat16" else array


# --- writing


def is_state_dict(obj: Any) -> bool:
    """Whether `obj` is a dict of Tensors, and of dicts that hold none."""
    if not isinstance(obj, dict):
        return False
    for value in obj.values():
        if isinstance(value, dict):
            if any(contains(v, lambda x: isinstance_strict(x, TensorBase)) for v in value.values()):
                return False
        elif not isinstance_strict(value, Tensor):
            return False
    return True


def contains(obj: Any, condition: Callable[[Any], bool], seen: set[int] | None = None) -> bool:
    """Whether `obj`, or something in its lists, tuples and dicts, meets the condition."""
    if condition(obj):
        return True
    if type(obj) not in (dict, collections.OrderedDict, list, tuple):
        return False
    seen = set() if seen is None else seen
    if id(obj) in seen:
        return False
    seen.add(id(obj))
    return any(contains(v, condition, seen) for v in (obj.values() if isinstance(obj, dict) else obj))


def dump(obj: Any, file: BinaryIO, protocol: int = 4, name_table: bool = True) -> None:
    """Write `obj` to `file`. ValueError for a protocol other than 2, 3 or 4; TypeError for symbolic Variables;
    NotSupportedError for objects that `load` would refuse.

    name_table: whether a state dict carries its table of names (dynamic mode) or not (static mode).
    """
    safe_pickle.check_protocol(protocol)
    if is_state_dict(obj):
        stored: dict[Any, Any] = {k: plain_array(v) if isinstance_strict(v, Tensor) else v for k, v in obj.items()}
        if name_table:
            stored[NAME_TABLE] = {k: v.name for k, v in obj.items() if isinstance_strict(v, Tensor)}
        obj = _cut(stored, LARGEST) if protocol < 4 else stored
    safe_pickle.dump(obj, file, protocol, _reduce)


def _reduce(obj: Any) -> Any:
    if isinstance_strict(obj, TensorBase):
        if not isinstance_strict(obj, Tensor):
            raise TypeError(
                f"paddle.save cannot write the symbolic Variable {obj.name!r}: it has no data; save "
                "program.state_dict() instead"
            )
        return tuple, ((obj.name, plain_array(obj)),)
    return NotImplemented


def _cut(stored: dict[Any, Any], limit: int) -> dict[Any, Any]:
    """Replace arrays of more than `limit` bytes by flat pieces."""
    big = {k: v for k, v in stored.items() if isinstance(v, np.ndarray) and v.size > limit // v.itemsize}
    if not big:
        return stored
    pieces: dict[Any, Any] = {k: v for k, v in stored.items() if k not in big}
    table: dict[str, dict[str, Any]] = {}
    for key, array in big.items():
        length = limit // array.itemsize
        names = [f"{key}@@.{i}" for i in range(math.ceil(array.size / length))]
        flat = array.reshape(-1)
        pieces.update((name, flat[i * length : (i + 1) * length]) for i, name in enumerate(names))
        table[key] = {"OriginShape": array.shape, "slices": names}
    pieces[BIG_TABLE] = table
    return pieces


# --- reading


def load(file: BinaryIO, name: str) -> Any:
    """The object as it is stored, native byte order, pieces put together again, the table of names still in it.

    FormatError for a damaged or refused pickle; EmptyFileError (an EOFError too) for an empty file.
    """
    found = safe_pickle.load(file, name)
    if isinstance(found, dict):
        if BIG_TABLE in found:
            _join(found, name)
        table = found.get(NAME_TABLE)
        if NAME_TABLE in found and not isinstance(table, dict):
            raise FormatError(f"{name}: {NAME_TABLE} must be a dict, got {type(table).__name__}")
    return found


def _join(found: dict[Any, Any], name: str) -> None:
    table = found.pop(BIG_TABLE)
    try:
        for key, entry in table.items():
            array = np.concatenate([found[part] for part in entry["slices"]]).reshape(entry["OriginShape"])
            for part in entry["slices"]:
                del found[part]
            found[key] = array
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"{name}: the pieces listed in {BIG_TABLE} do not fit together ({type(error).__name__}: {error})"
        ) from None


def is_named_array(obj: Any) -> bool:
    """Whether `obj` is the stored form of a Tensor inside an object: ``(name, ndarray)``."""
    return isinstance(obj, tuple) and len(obj) == 2 and isinstance(obj[0], str) and isinstance(obj[1], np.ndarray)


def map_named(obj: Any, make: Callable[[str | None, np.ndarray[Any, Any]], Any]) -> Any:
    """Turn stored Tensors back with ``make(name, array)``.

    If a ``(name, ndarray)`` occurs anywhere, exactly those are Tensors and other arrays stay arrays; if none occurs,
    every array is a Tensor without name. Lists and dicts are changed in place.
    """
    if contains(obj, is_named_array):
        return _map(obj, is_named_array, lambda pair: make(*pair), {})
    return _map(obj, lambda x: isinstance(x, np.ndarray), lambda array: make(None, array), {})


def _map(obj: Any, condition: Callable[[Any], bool], change: Callable[[Any], Any], done: dict[int, Any]) -> Any:
    key = id(obj)
    if key in done:
        return done[key][0]
    if condition(obj):
        result = change(obj)
    elif type(obj) in (dict, collections.OrderedDict, list):
        done[key] = (obj, obj)  # before its content: it may hold itself
        for k in list(range(len(obj)) if isinstance(obj, list) else obj):
            obj[k] = _map(obj[k], condition, change, done)
        return obj
    elif type(obj) in (tuple, set):
        result = type(obj)(_map(v, condition, change, done) for v in obj)
    else:
        return obj
    done[key] = (result, obj)  # `obj` is kept alive, so that its id is not used again
    return result


def native(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array in this machine's byte order."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def to_dtype(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array a Tensor gets: uint16 stands for bfloat16 in Paddle's files."""
    array = native(array)
    return array.view(dtypes.bfloat16.np) if array.dtype == np.uint16 else array
