"""Pickles without trust: only the few globals that Paddle's files hold are admitted, none is called blindly.

What `paddle.save` writes are dicts, lists, numbers, text and NumPy arrays. An array is

    numpy.core.multiarray._reconstruct(numpy.ndarray, (0,), b"b")      GLOBAL/STACK_GLOBAL, REDUCE
    BUILD (1, shape, numpy.dtype("f4", False, True) BUILD (3, "<", None, None, None, -1, -1, 0), is_fortran, bytes)

with the bytes as ``_codecs.encode(text, "latin1")`` under protocol 2. NumPy 2 calls the module
``numpy._core.multiarray``; both names are read, the old one is written, because NumPy 1.x knows no other.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import io
import pickle
import re
import struct
from collections.abc import Callable
from typing import Any, BinaryIO, ClassVar

import numpy as np

from ..errors import FormatError, NotSupportedError

__all__ = [
    "EmptyFileError",
    "ForbiddenGlobalError",
    "SafePickler",
    "SafeUnpickler",
    "check_protocol",
    "dump",
    "dumps",
    "load",
    "loads",
]

PROTOCOLS = (2, 3, 4)


class ForbiddenGlobalError(FormatError, pickle.UnpicklingError):
    """A pickle asks for a class or function that is not on the list. Loading it as Python does could run any code."""


class EmptyFileError(FormatError, EOFError):
    """The file has no content. Paddle raises EOFError for an empty pickle."""


# --- the admitted globals: each is a function that checks its arguments


def _reconstruct(kind: Any, shape: Any, code: Any) -> np.ndarray[Any, Any]:
    if kind is not _ndarray or shape != (0,):
        raise FormatError("an array is built in an unknown way")
    return np.ndarray((0,), "b")


def _ndarray(*args: Any) -> Any:
    raise FormatError("numpy.ndarray is called directly; arrays are made by _reconstruct")


_DTYPE = re.compile(r"[<>=|]?([?bBhHiIlLqQefdFD]|[biufc][0-9]{1,2}|[SU][0-9]{1,9})")


def _dtype(name: Any, align: Any = False, copy: Any = False) -> np.dtype[Any]:
    if not isinstance(name, str) or not _DTYPE.fullmatch(name):
        raise FormatError(f"array of element type {str(name)[:40]!r}; only numbers, bool and text are read")
    return np.dtype(name)


def _scalar(dtype: Any, data: Any = b"") -> Any:
    if not isinstance(dtype, np.dtype):
        raise FormatError("a NumPy scalar without element type")
    raw = data.encode("latin1") if isinstance(data, str) else data
    if not isinstance(raw, bytes) or len(raw) != dtype.itemsize or dtype.itemsize == 0:
        raise FormatError(f"a NumPy scalar of type {dtype} with data of the wrong length")
    return np.frombuffer(raw, dtype)[0]


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray[Any, Any]:
    """How NumPy writes an array under protocol 5."""
    if type(data) not in (bytes, bytearray) or not isinstance(dtype, np.dtype) or order not in ("C", "F"):
        raise FormatError("an array with an unknown description")
    _check_size(shape, dtype, len(data))
    return np.frombuffer(bytearray(data), dtype).reshape(shape, order=order)


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    if not isinstance(text, str) or str(encoding).lower() not in ("latin1", "latin-1"):
        raise FormatError("_codecs.encode with other arguments than (text, 'latin1')")
    return text.encode("latin1")


def _bytes(*args: Any) -> bytes:
    if not args:
        return b""
    if len(args) == 2 and isinstance(args[0], str):
        return _encode(*args)
    raise FormatError("bytes() with other arguments than text and 'latin1'")


def _bytearray(*args: Any) -> bytearray:
    if len(args) == 1 and isinstance(args[0], bytes):
        return bytearray(args[0])
    return bytearray(_bytes(*args))


def _container(kind: type) -> Callable[..., Any]:
    def make(*args: Any) -> Any:
        if len(args) > 1 or (args and not isinstance(args[0], (list, tuple, set, dict))):
            raise FormatError(f"{kind.__name__}() with unexpected arguments")
        return kind(*args)

    return make


def _number(kind: type) -> Callable[..., Any]:
    def make(*args: Any) -> Any:
        if not all(isinstance(a, (int, float, str)) or a is None for a in args):
            raise FormatError(f"{kind.__name__}() with unexpected arguments")
        return kind(*args)

    return make


def _time(kind: Any) -> Callable[..., Any]:
    def make(*args: Any) -> Any:
        plain = (bytes, int, float, str, datetime.timezone, datetime.timedelta)
        if not all(isinstance(a, plain) for a in args):
            raise FormatError(f"{kind.__name__}() with unexpected arguments")
        if args and isinstance(args[0], str) and kind in (datetime.datetime, datetime.date, datetime.time):
            args = (args[0].encode("latin1"), *args[1:])  # protocol 2
        return kind(*args)

    return make


def _default_dict(*args: Any) -> Any:
    if len(args) > 1 or (args and args[0] is not None and args[0] not in _FACTORIES):
        raise FormatError("collections.defaultdict with a factory other than int, float, list, dict, set, tuple or str")
    return collections.defaultdict(_FACTORIES[args[0]] if args and args[0] is not None else None)


def _eval(expression: Any, scope: Any = None) -> Any:
    """Paddle writes a static LoDTensor as ``eval("data", {"data": array})``; nothing is evaluated here."""
    if (
        expression != "data"
        or not isinstance(scope, dict)
        or set(scope) != {"data"}
        or type(scope["data"]) is not np.ndarray
    ):
        raise ForbiddenGlobalError(f"the pickle asks to evaluate {str(expression)[:60]!r}; this is refused")
    return scope["data"]


def _table() -> dict[tuple[str, str], Callable[..., Any]]:
    table: dict[tuple[str, str], Callable[..., Any]] = {
        ("numpy", "ndarray"): _ndarray,
        ("numpy", "dtype"): _dtype,
        ("_codecs", "encode"): _encode,
        ("collections", "OrderedDict"): _container(collections.OrderedDict),
        ("collections", "defaultdict"): _default_dict,
        ("decimal", "Decimal"): _number(decimal.Decimal),
    }
    for name in ("datetime", "date", "time", "timedelta", "timezone"):
        table["datetime", name] = _time(getattr(datetime, name))
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        table[module, "_reconstruct"] = _reconstruct
        table[module, "scalar"] = _scalar
    for module in ("numpy.core.numeric", "numpy._core.numeric"):
        table[module, "_frombuffer"] = _frombuffer
    for module in ("builtins", "__builtin__"):
        for kind in (tuple, list, dict, set, frozenset):
            table[module, kind.__name__] = _CONTAINERS[kind]
        for number in (int, float, complex, slice, str):
            table[module, number.__name__] = _NUMBERS[number]
        table[module, "bytes"], table[module, "bytearray"], table[module, "eval"] = _bytes, _bytearray, _eval
    return table


_CONTAINERS: dict[type, Callable[..., Any]] = {k: _container(k) for k in (tuple, list, dict, set, frozenset)}
_NUMBERS: dict[type, Callable[..., Any]] = {k: _number(k) for k in (int, float, complex, slice, str)}
_FACTORIES: dict[Any, Any] = {
    f: kind for table in (_CONTAINERS, _NUMBERS) for kind, f in table.items() if kind not in (frozenset, complex, slice)
}
ALLOWED = _table()
_ADMITTED = frozenset(ALLOWED.values())


# --- reading


class _Bounded:
    """The file as the unpickler sees it: asking for more bytes than are left is an error, not an allocation."""

    def __init__(self, file: BinaryIO, left: int) -> None:
        self._file, self._left = file, left

    def read(self, count: int) -> bytes:
        if count > self._left:
            raise EOFError(f"{count} bytes are announced where {self._left} are left")
        self._left -= count
        return self._file.read(count)

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[:] = data
        return len(data)

    def readline(self) -> bytes:
        line = self._file.readline(min(self._left, 1 << 20))
        self._left -= len(line)
        return line


class SafeUnpickler(pickle._Unpickler):
    """An unpickler for data. It calls nothing but the functions of `ALLOWED` and sets no attribute of any object."""

    dispatch: ClassVar[dict[int, Callable[..., Any]]] = dict(pickle._Unpickler.dispatch)

    def __init__(self, file: BinaryIO, left: int) -> None:
        super().__init__(_Bounded(file, left), encoding="latin1")  # type: ignore[arg-type]

    def find_class(self, module: str, name: str) -> Any:
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise ForbiddenGlobalError(
                f"the pickle asks for {module}.{name}, which is not admitted: loading it could run foreign code. Files "
                "of paddle.save hold Tensors, arrays, numbers, text and containers of these"
            ) from None

    def get_extension(self, code: int) -> None:
        raise ForbiddenGlobalError(f"the pickle asks for a registered extension ({code}); this is refused")

    def _instantiate(self, kind: Any, args: Any) -> None:
        raise ForbiddenGlobalError(f"the pickle makes an instance of {kind!r}; this is refused")

    def load_reduce(self) -> None:
        stack = self.stack  # type: ignore[attr-defined]
        args = stack.pop()
        function = stack[-1]
        if not callable(function) or function not in _ADMITTED or not isinstance(args, tuple):
            raise ForbiddenGlobalError(f"the pickle calls {str(function)[:80]}; this is refused")
        stack[-1] = function(*args)

    def load_build(self) -> None:
        stack = self.stack  # type: ignore[attr-defined]
        state = stack.pop()
        target = stack[-1]
        if isinstance(target, np.dtype):
            built = _built_dtype(target, state)
            if built is not target:
                memo = self.memo  # type: ignore[attr-defined]
                stack[-1] = built
                # the memo still holds the type as it was before its byte order was known
                for key in reversed(memo):
                    if memo[key] is target:
                        memo[key] = built
                        break
        elif type(target) is np.ndarray:
            _fill_array(target, state)
        else:
            raise ForbiddenGlobalError(f"the pickle sets the state of a {type(target).__name__}; this is refused")

    def _no_object(self) -> None:
        raise ForbiddenGlobalError("the pickle makes an object by its class; this is refused")

    def _no_reference(self) -> None:
        raise ForbiddenGlobalError("the pickle refers to an object outside of the file; this is refused")

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.BUILD[0]] = load_build
    for _code in (pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.OBJ, pickle.INST):
        dispatch[_code[0]] = _no_object
    for _code in (pickle.PERSID, pickle.BINPERSID):
        dispatch[_code[0]] = _no_reference


def _built_dtype(dtype: np.dtype[Any], state: Any) -> np.dtype[Any]:
    plain = isinstance(state, tuple) and len(state) in (8, 9) and state[2:5] == (None, None, None)
    if not plain or state[1] not in ("<", ">", "=", "|"):
        raise FormatError(f"element type {dtype} with an unknown description")
    return dtype.newbyteorder(">") if state[1] == ">" else dtype


def _fill_array(array: np.ndarray[Any, Any], state: Any) -> None:
    if not isinstance(state, tuple) or len(state) != 5:
        raise FormatError("an array with an unknown description")
    version, shape, dtype, fortran, data = state
    if isinstance(data, str):
        data = data.encode("latin1")  # written by Python 2
    if version != 1 or not isinstance(dtype, np.dtype) or not isinstance(data, bytes):
        raise FormatError("an array with an unknown description")
    _check_size(shape, dtype, len(data))
    array.__setstate__((version, shape, dtype, bool(fortran), data))  # type: ignore


def _check_size(shape: Any, dtype: np.dtype[Any], count: int) -> None:
    if not isinstance(shape, tuple):
        raise FormatError("an array with an unknown description")
    size = dtype.itemsize
    for n in shape:
        if type(n) is not int or n < 0:
            raise FormatError(f"an array of shape {shape}")
        size *= n
    if size != count:
        raise FormatError(f"an array of shape {shape} and type {dtype} needs {size} bytes, the file has {count}")


def load(file: BinaryIO, name: str) -> Any:
    """The object of the pickle at the file's position, which afterwards is just behind it.

    `name` is for messages. EmptyFileError when nothing is left; FormatError for anything truncated, foreign or refused.
    """
    start = file.tell()
    left = file.seek(0, io.SEEK_END) - start
    file.seek(start)
    if left == 0:
        raise EmptyFileError(f"{name}: the file is empty; expected a pickle written by paddle.save. Ran out of input")
    try:
        return SafeUnpickler(file, left).load()
    except ForbiddenGlobalError as error:
        raise ForbiddenGlobalError(f"{name}: {error}") from None
    except FormatError as error:
        raise FormatError(f"{name}: {error}") from None
    except EOFError as error:
        raise FormatError(
            f"{name}: the pickle is truncated ({error or 'it ends early'}); the file has {left} bytes"
        ) from None
    except (Exception, RecursionError, MemoryError) as error:
        detail = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise FormatError(f"{name}: not a readable pickle ({detail})") from None


def loads(data: bytes, name: str = "data") -> Any:
    """The object of a pickle given as bytes; errors as `load`."""
    return load(io.BytesIO(data), name)


# --- writing

_RENAMED = {"numpy._core.multiarray": "numpy.core.multiarray"}


class SafePickler(pickle._Pickler):
    """A pickler of what `SafeUnpickler` reads back; other objects are refused by name.

    reduce: function from an object to a `__reduce__` tuple, or NotImplemented to pickle it as usual.
    """

    def __init__(self, file: BinaryIO, protocol: int, reduce: Callable[[Any], Any] | None = None) -> None:
        check_protocol(protocol)
        super().__init__(file, protocol)
        self._reduce = reduce

    def reducer_override(self, obj: Any) -> Any:
        if self._reduce is not None:
            found = self._reduce(obj)
            if found is not NotImplemented:
                return found
        if isinstance(obj, np.ndarray):
            if obj.dtype.kind not in "biufcSU":
                raise NotSupportedError(
                    f"paddle.save cannot write an array of element type {obj.dtype}; convert it to numbers or text"
                )
            return np.asarray(obj).__reduce__()
        if isinstance(obj, np.generic) and obj.dtype.kind not in "biufcSU":
            raise NotSupportedError(
                f"paddle.save cannot write a NumPy scalar of type {obj.dtype}; convert it to a number or text"
            )
        return NotImplemented

    def save_global(self, obj: Any, name: str | None = None) -> None:
        module = getattr(obj, "__module__", None) or ""
        label = name or getattr(obj, "__qualname__", None) or str(obj)
        if (module, label) not in ALLOWED:
            raise NotSupportedError(
                f"paddle.save cannot write {module}.{label}: a file may hold Tensors, arrays, numbers, text and "
                "containers of these. Save a plain value instead (for an object its state_dict, for a data type its "
                "name)"
            )
        if module not in _RENAMED:
            super().save_global(obj, name)  # type: ignore[misc]
            return
        module = _RENAMED[module]
        if self.proto >= 4:  # type: ignore[attr-defined]
            self.save(module)  # type: ignore[attr-defined]
            self.save(label)  # type: ignore[attr-defined]
            self.write(pickle.STACK_GLOBAL)  # type: ignore[attr-defined]
        else:
            self.write(pickle.GLOBAL + f"{module}\n{label}\n".encode())  # type: ignore[attr-defined]
        self.memoize(obj)  # type: ignore[attr-defined]

    def save_type(self, obj: Any) -> None:
        self.save_global(obj)

    def save_function(self, obj: Any) -> None:
        self.save_global(obj)

    dispatch: ClassVar[dict[type, Callable[..., Any]]] = dict(pickle._Pickler.dispatch)
    dispatch[type] = save_type
    dispatch[type(lambda: 0)] = save_function


def check_protocol(protocol: Any) -> None:
    """ValueError unless `protocol` is 2, 3 or 4."""
    if not isinstance(protocol, int):
        raise ValueError(f"The 'protocol' MUST be `int`, but received {type(protocol)}")
    if protocol not in PROTOCOLS or isinstance(protocol, bool):
        raise ValueError(f"Expected 1<'protocol'<5, but received protocol={protocol}")


def dump(obj: Any, file: BinaryIO, protocol: int, reduce: Callable[[Any], Any] | None = None) -> None:
    """Write `obj` as a pickle. NotSupportedError for what could not be read back; ValueError for another protocol than
    2 to 4."""
    try:
        SafePickler(file, protocol, reduce).dump(obj)
    except struct.error as error:
        raise ValueError(
            f"paddle.save: an object is too large for pickle protocol {protocol} ({error}); use protocol=4"
        ) from None
    except OverflowError as error:
        raise ValueError(
            f"paddle.save: an object is too large for pickle protocol {protocol} ({error}); use protocol=4"
        ) from None


def dumps(obj: Any, protocol: int = 4, reduce: Callable[[Any], Any] | None = None) -> bytes:
    """`obj` as the bytes of a pickle; errors as `dump`."""
    out = io.BytesIO()
    dump(obj, out, protocol, reduce)
    return out.getvalue()
