"""Arguments that may be numbers or tensors: shapes, axes, repeat counts, constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..backend import xp as backend
from ..core.context import context
from ..core.dispatch import call
from ..core.program import Variable
from ..core.recorder import spec_of
from ..core.tensor import Tensor, TensorBase, isinstance_strict, make_tensor
from ..dtypes import DType
from ..errors import MisusedTensorError, UnsupportedDtypeError, WrongTypeError
from ..ops import creation as C
from ..ops import elementwise as E
from ..ops import manipulation as M

__all__: list[str] = []


def is_tensor_like(value: Any) -> bool:
    """Whether it is a Tensor or a Variable."""
    return isinstance_strict(value, TensorBase)


def is_symbolic(value: Any) -> bool:
    """Whether the value of this tensor is known only when a Program runs."""
    return isinstance_strict(value, Variable) or (context.recorder is not None and isinstance_strict(value, Tensor))


def builds_program() -> bool:
    """Whether a Program is being built by hand (static mode), not by tracing."""
    return context.recorder is not None and not context.recorder.tracing


def static_types(function: str, accepted: str, **arguments: Any) -> None:
    """In static mode: TypeError unless the tensors among the arguments have one of the data types, named with blanks between.

    Paddle refuses the others when a Program is built. Functions of one operator leave that to `ops.data_types`.
    """
    if not builds_program():
        return
    for name, value in arguments.items():
        for v in value if isinstance(value, (list, tuple)) else (value,):
            if not is_tensor_like(v):
                if v is None:
                    continue
                raise WrongTypeError(f"{function}: {name} must be a Variable, got {type(v).__name__}")
            if v.dtype.name not in accepted.split():
                raise UnsupportedDtypeError(
                    f"{function}: the data type of {name} must be one of {accepted.replace(' ', ', ')}, got {v.dtype.name}; cast it first"
                )


def static_dtype(function: str, accepted: str, dtype: DType) -> None:
    """In static mode: TypeError unless the data type asked for is one of those named with blanks between."""
    if builds_program() and dtype.name not in accepted.split():
        raise UnsupportedDtypeError(f"{function}: dtype must be one of {accepted.replace(' ', ', ')}, got {dtype.name}")


def planes(function: str, x: Any, axis1: int, axis2: int) -> None:
    """In static mode: AssertionError unless `axis1` and `axis2` are two different axes of `x`."""
    if builds_program() and is_tensor_like(x):
        ndim = spec_of(x).ndim
        if not (-ndim <= axis1 < ndim and -ndim <= axis2 < ndim and axis1 % ndim != axis2 % ndim):
            raise MisusedTensorError(f"{function}: {axis1} and {axis2} must be different axes of {ndim} dimensions")


def as_int(value: Any, name: str, error: type[Exception] = WrongTypeError) -> int:
    """A Python int out of an int, a NumPy integer or an eager Tensor of one element. `error` for anything else."""
    if type(value) is int:
        return value
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance_strict(value, Tensor) and value._data.size == 1 and value._data.dtype.kind in "iu":
        return int(value.item())
    if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "iu":
        return int(value.item())
    raise error(f"{name} must be an integer, got {type(value).__name__} {str(value)[:60]}")


def as_ints(value: Any, name: str) -> list[int]:
    """A list of Python ints out of an int, a sequence or an eager integer Tensor. WrongTypeError for anything else."""
    if type(value) is int:
        return [value]
    if type(value) is list:  # the usual cases, kept short
        for n in value:
            if type(n) is not int:
                break
        else:
            return value[:]
    if isinstance_strict(value, Tensor) or isinstance(value, np.ndarray):
        array = value.numpy() if isinstance_strict(value, Tensor) else value
        if array.dtype.kind not in "iu":
            raise WrongTypeError(f"{name} must hold integers, got {array.dtype}")
        return [int(n) for n in array.reshape(-1)]
    if isinstance(value, (list, tuple)):
        return [as_int(n, name) for n in value]
    return [as_int(value, name)]


def int_constant(value: int, shape: Sequence[int] = (1,), dtype: int = 2) -> Any:
    """A constant integer tensor as Paddle puts it between tensors of a shape list."""
    return call(
        C.fill_constant, shape=list(shape), dtype=dtype, value=float(value), str_value=str(value), force_cpu=True
    )


def ints_or_tensors(value: Any, name: str, unknown: int = -1) -> tuple[list[int], Any, list[Any] | None]:
    """A shape-like argument as (attribute, one tensor, list of tensors).

    Plain numbers and eager Tensors become the attribute. While a Program is recorded, a tensor whose value is not known
    yet goes into the second or third; the attribute then holds `unknown` in its place.
    """
    if type(value) is list and context.recorder is None and all(type(n) is int for n in value):
        return list(value), None, None  # the usual case, kept short
    if is_tensor_like(value):
        if is_symbolic(value):
            return [], value, None
        return as_ints(value, name), None, None
    if isinstance(value, np.ndarray) or not isinstance(value, (list, tuple)):
        return as_ints(value, name), None, None
    if not any(is_tensor_like(n) and is_symbolic(n) for n in value):
        return [as_int(n, name) for n in value], None, None
    attribute, parts = [], []
    for n in value:
        if is_tensor_like(n) and is_symbolic(n):
            attribute.append(unknown)
            parts.append(n)
        else:
            attribute.append(as_int(n, name))
            parts.append(int_constant(attribute[-1]))
    return attribute, None, parts


def own_dimensions(x: Any, shape: Any, stand_in: int) -> Any:
    """`shape` with ``x.shape[i]`` at place i replaced by `stand_in`, the number that means "as in the input" there.

    While a function is traced ``x.shape[i]`` may be symbolic; said this way the shape rules know more.
    """
    recorder = context.recorder
    if recorder is None or not isinstance(shape, (list, tuple)) or not isinstance_strict(x, Variable):
        return shape
    return [
        stand_in if isinstance_strict(n, Variable) and recorder.is_dimension(n, x, i) else n
        for i, n in enumerate(shape)
    ]


def constant(array: np.ndarray[Any, Any], place: Any = None, like: Any = None) -> Any:
    """A tensor with these values: an eager Tensor, or while a Program is recorded the output of `assign_value`.

    It is made on `place`, else where the Tensor `like` is, else on the current device.
    """
    if context.recorder is None:
        if place is None and backend._others and isinstance_strict(like, Tensor):
            place = like.place
        return make_tensor(backend.to_place(array, place))
    if array.dtype.kind == "c":
        return call(M.complex_, constant(array.real.copy()), constant(array.imag.copy()))
    target = dtypes.from_numpy(array.dtype)
    carrier = target.name if target.name in C.ASSIGN_SLOTS else "float32" if target.is_floating else "int32"
    if carrier == "float64" and _fits_float32(array):
        carrier = "float32"  # as Paddle has it; Paddle 3 reads no float64 values here
    values = array.astype(carrier).reshape(-1).tolist()
    if carrier == "bool":
        values = [int(v) for v in values]
    made = call(
        C.assign_value,
        shape=list(array.shape),
        dtype=dtypes.as_dtype(carrier).proto,
        **{C.ASSIGN_SLOTS[carrier]: values},
    )
    if carrier != target.name:
        made = call(E.cast, made, in_dtype=dtypes.as_dtype(carrier).proto, out_dtype=target.proto)
    return made


def _fits_float32(array: np.ndarray[Any, Any]) -> bool:
    with np.errstate(over="ignore"):
        return np.array_equal(array.astype(np.float32), array, equal_nan=True)


def with_shape(value: Any, shape: Sequence[int]) -> Any:
    """A Variable told the shape that Python knows better than the shape rule; a Tensor as it is."""
    if isinstance_strict(value, Variable):
        value._shape = tuple(shape)
    return value
