"""The type table: names, NumPy types, numbers in Paddle's files, and promotion."""
from __future__ import annotations

from typing import Any

import numpy as np

from .errors import MissingExtraError, WrongTypeError

__all__ = [
    "DType",
    "as_dtype",
    "bfloat16",
    "bool_",
    "complex128",
    "complex64",
    "float16",
    "float32",
    "float64",
    "from_numpy",
    "from_proto",
    "get_default_dtype",
    "int16",
    "int32",
    "int64",
    "int8",
    "numpy_of",
    "promote",
    "set_default_dtype",
    "uint8",
]


class DType:
    """One element type. There is exactly one object per type, so ``is`` and ``==`` agree.

    `name` is Paddle's name, `proto` the number of ``VarType.Type`` in Paddle's files, `np` the NumPy type.
    """

    __slots__ = ("_np", "is_complex", "is_floating", "itemsize", "kind", "name", "proto")

    def __init__(self, name: str, proto: int, np_type: str | None, kind: str, itemsize: int) -> None:
        self.name, self.proto, self.kind, self.itemsize = name, proto, kind, itemsize
        self.is_floating = kind == "f"
        self.is_complex = kind == "c"
        self._np: np.dtype[Any] | None = None if np_type is None else np.dtype(np_type)

    @property
    def np(self) -> np.dtype[Any]:
        """The NumPy type; bfloat16 needs the extra ``bf16`` (ml_dtypes)."""
        if self._np is None:
            try:
                import ml_dtypes
            except ImportError:
                raise MissingExtraError("ml_dtypes", "bf16", "bfloat16") from None
            self._np = np.dtype(ml_dtypes.bfloat16)
            _BY_NUMPY[self._np] = self
        return self._np

    def __repr__(self) -> str:
        return f"paddle.{self.name}"

    __str__ = __repr__

    def __hash__(self) -> int:
        return self.proto

    def __int__(self) -> int:
        """The number in Paddle's files, as operators take it for an attribute such as `out_dtype`."""
        return self.proto

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        # as in Paddle a name is no data type: x.dtype == "float32" is False
        if isinstance(other, (np.dtype, type)):
            try:
                return as_dtype(other) is self
            except (TypeError, ValueError):
                return False
        return NotImplemented

    def __reduce__(self) -> tuple[Any, ...]:
        return as_dtype, (self.name,)


bool_ = DType("bool", 0, "bool", "b", 1)
int16 = DType("int16", 1, "int16", "i", 2)
int32 = DType("int32", 2, "int32", "i", 4)
int64 = DType("int64", 3, "int64", "i", 8)
float16 = DType("float16", 4, "float16", "f", 2)
float32 = DType("float32", 5, "float32", "f", 4)
float64 = DType("float64", 6, "float64", "f", 8)
uint8 = DType("uint8", 20, "uint8", "i", 1)
int8 = DType("int8", 21, "int8", "i", 1)
bfloat16 = DType("bfloat16", 22, None, "f", 2)
complex64 = DType("complex64", 23, "complex64", "c", 8)
complex128 = DType("complex128", 24, "complex128", "c", 16)

ALL = (bool_, int16, int32, int64, float16, float32, float64, uint8, int8, bfloat16, complex64, complex128)
_BY_NAME = {d.name: d for d in ALL}
_BY_PROTO = {d.proto: d for d in ALL}
_BY_NUMPY = {d._np: d for d in ALL if d._np is not None}
_NUMPY_NAMES = frozenset(["double", "float", "half", "single", "int", "long", "short", "byte", "complex"])  # as Paddle takes them
_PYTHON = {bool: bool_, int: int64, float: float64, complex: complex128}


def as_dtype(value: Any) -> DType:
    """The type named by a `DType`, a name ("float32", "paddle.float32"), a NumPy or Python type, or a file number.

    `float` means float64 and `int` means int64, as in NumPy. TypeError for anything else.
    """
    if isinstance(value, DType):
        return value
    if isinstance(value, str):
        found = _BY_NAME.get(value.removeprefix("paddle."))
        if found is not None:
            return found
        if value in _NUMPY_NAMES:
            return from_numpy(np.dtype(value))
        raise TypeError(f"unknown data type {value!r}; expected one of {', '.join(_BY_NAME)}")
    if isinstance(value, type) and value in _PYTHON:
        return _PYTHON[value]
    if isinstance(value, int) and not isinstance(value, bool):
        return from_proto(value)
    try:
        return from_numpy(np.dtype(value))
    except TypeError:
        raise TypeError(f"{value!r} is not a data type; expected one of {', '.join(_BY_NAME)}") from None


def from_numpy(dtype: np.dtype[Any]) -> DType:
    """The type of a NumPy array's dtype. TypeError where Paddle has no such type."""
    found = _BY_NUMPY.get(dtype)
    if found is None:
        if dtype.name == "bfloat16":
            bfloat16._np = dtype
            _BY_NUMPY[dtype] = bfloat16
            return bfloat16
        native = dtype.newbyteorder("=")
        if native in _BY_NUMPY:
            return _BY_NUMPY[native]
        raise WrongTypeError(f"NumPy type {dtype} has no counterpart here; expected one of {', '.join(_BY_NAME)}")
    return found


def from_proto(number: int) -> DType:
    """The type with this ``VarType.Type`` number in Paddle's files. TypeError for an unknown number."""
    try:
        return _BY_PROTO[number]
    except KeyError:
        raise TypeError(f"{number} is not the number of a data type; known are {sorted(_BY_PROTO)}") from None


def numpy_of(value: Any) -> np.dtype[Any]:
    """The NumPy type of anything `as_dtype` takes; file numbers (attributes of operators) included."""
    return as_dtype(value).np


_default = float32


def get_default_dtype() -> str:
    """Name of the type that Python floats and new parameters get ("float32" unless changed)."""
    return _default.name


def default_dtype() -> DType:
    """The default floating type as a `DType`."""
    return _default


def set_default_dtype(d: Any) -> None:
    """Set the default floating type: float16, bfloat16, float32 or float64. TypeError for others."""
    global _default
    dtype = as_dtype(d)
    if not dtype.is_floating:
        raise TypeError(f"set_default_dtype takes float16, bfloat16, float32 or float64, got {dtype.name}")
    _default = dtype


_FLOAT_ORDER = {"float16": 0, "bfloat16": 0, "float32": 1, "float64": 2}


def promote(x: DType, y: DType) -> DType:
    """Common type of two tensors under an arithmetic operator, as Paddle 2.6.2.

    The wider of two floating types (float16 with bfloat16: float32); complex wins over floating; otherwise the
    left one decides (``int64 + float32`` is int64).
    """
    if x is y:
        return x
    if x.is_complex or y.is_complex:
        wide = float64 in (x, y) or complex128 in (x, y)
        return complex128 if wide else complex64
    if x.is_floating and y.is_floating:
        rank_x, rank_y = _FLOAT_ORDER[x.name], _FLOAT_ORDER[y.name]
        if rank_x == rank_y:
            return float32
        return x if rank_x > rank_y else y
    return x
