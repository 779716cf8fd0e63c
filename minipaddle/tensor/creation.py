"""Making tensors."""

from __future__ import annotations

import builtins
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import dtypes
from ..backend import xp as backend
from ..backend.quiet import quietly
from ..core.context import context
from ..core.dispatch import call, in_place
from ..core.program import Variable
from ..core.recorder import spec_of
from ..core.scope import ScopeTensor
from ..core.tensor import Tensor, isinstance_strict, make_tensor, tensor_method
from ..dtypes import DType
from ..errors import UnsupportedDtypeError, WrongTypeError
from ..ops import creation as C
from ..ops import elementwise as E
from ..ops import manipulation as M
from .arguments import (
    as_int,
    constant,
    ints_or_tensors,
    is_symbolic,
    is_tensor_like,
    static_dtype,
    static_types,
    with_shape,
)

__all__ = [
    "arange",
    "assign",
    "clone",
    "complex",
    "diag",
    "diag_embed",
    "diagflat",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "linspace",
    "logspace",
    "meshgrid",
    "ones",
    "ones_like",
    "polar",
    "to_tensor",
    "tril",
    "tril_indices",
    "triu",
    "triu_indices",
    "zeros",
    "zeros_like",
]


# --- from data


def _numbers(data: Any) -> np.ndarray[Any, Any]:
    """A fresh array of a type Paddle has. TypeError or ValueError as Paddle raises for everything else."""
    if isinstance(data, (np.ndarray, np.generic, ScopeTensor)):
        array = np.array(data)
        inferred = False
    elif isinstance(data, (bool, int, float, builtins.complex, bytes)):
        array, inferred = np.array(data), True
    elif isinstance(data, (list, tuple)):
        try:
            array = np.array(data)
        except ValueError as error:
            raise ValueError(
                f"to_tensor: the nested lists differ in length or hold something that is no number ({error}); "
                "expected a rectangular structure of numbers"
            ) from None
        inferred = True
    else:
        raise WrongTypeError(
            f"to_tensor takes a number, a list, a tuple, a numpy.ndarray or a paddle.Tensor, got {type(data).__name__}"
        )
    kind = array.dtype.kind
    if kind == "O" or kind in "USMm" or array.dtype in (np.uint32, np.uint64):
        what = "text" if kind in "US" else f"values of NumPy type {array.dtype}"
        raise ValueError(f"to_tensor: {what} cannot be put into a tensor; expected bool, int, float or complex numbers")
    if inferred:
        if kind in "fc":
            wide = dtypes.default_dtype()
            array = array.astype(("complex128" if wide is dtypes.float64 else "complex64") if kind == "c" else wide.np)
        elif array.dtype == np.int32:  # NumPy's default integer on some systems
            array = array.astype(np.int64)
    elif array.dtype == np.uint16:  # Paddle's way to hand over bfloat16
        array = array.view(dtypes.bfloat16.np)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    dtypes.from_numpy(array.dtype)
    return array


def _holds_variable(data: Any) -> bool:
    if isinstance(data, (list, tuple)):
        return any(_holds_variable(d) for d in data)
    return is_tensor_like(data) and is_symbolic(data)


@quietly
def _retyped(array: Any, target: np.dtype[Any]) -> Any:
    """A copy in another type; complex numbers lose their imaginary part where it is real."""
    return (array.real if array.dtype.kind == "c" and target.kind != "c" else array).astype(target)


def to_tensor(data: Any, dtype: Any = None, place: Any = None, stop_gradient: bool = True) -> Any:
    """A new tensor holding a copy of `data`: a number, nested lists, a NumPy array or a Tensor.

    Python floats get the default floating type, Python ints int64; NumPy arrays keep their type. `place` is a device
    name or Place. ValueError for ragged lists and text, TypeError for other objects.
    """
    target = None if dtype is None else dtypes.as_dtype(dtype)
    out: Any
    if is_tensor_like(data) or (context.recorder is not None and _holds_variable(data)):
        if context.recorder is None:
            array = data._data.copy() if target is None else _retyped(data._data, target.np)
            if place is not None:
                array = backend.to_place(array, place)
            out = make_tensor(array)
        else:
            out = _stacked(data)
            if target is not None and out.dtype is not target:
                out = call(E.cast, out, in_dtype=out.dtype.proto, out_dtype=target.proto)
    else:
        array = _numbers(data)
        if target is not None and array.dtype != target.np:
            array = _retyped(array, target.np)
        out = constant(array, place)
    out.stop_gradient = stop_gradient
    return out


def _leaf_types(data: Any) -> Iterator[np.dtype[Any]]:
    if isinstance(data, (list, tuple)):
        for d in data:
            yield from _leaf_types(d)
    else:
        yield spec_of(data).dtype if is_tensor_like(data) else np.asarray(data).dtype


def _stacked(data: Any, kind: DType | None = None) -> Any:
    """Nested lists that hold Variables, as a recorded stack; the dtype is what NumPy makes of such lists of numbers."""
    if kind is None:
        if is_tensor_like(data):
            return call(M.assign, data)
        common = np.result_type(*_leaf_types(data))
        kind = (
            dtypes.default_dtype()
            if common.kind == "f"
            else dtypes.int64
            if common == np.int32
            else dtypes.from_numpy(common)
        )
    if is_tensor_like(data):
        return data if data.dtype is kind else call(E.cast, data, in_dtype=data.dtype.proto, out_dtype=kind.proto)
    if _holds_variable(data):
        return call(M.stack, [_stacked(d, kind) for d in data], axis=0)
    return to_tensor(data, dtype=kind)


def assign(x: Any, output: Any = None) -> Any:
    """A copy of a tensor, list, array or number (a number gives shape [1]; float64 data becomes float32, as in Paddle).

    `output`, if given, is overwritten and returned. The gradient passes.
    """
    if is_tensor_like(x):
        static_types("assign", "bool int8 int32 int64 uint8 float16 bfloat16 float32 float64", x=x)
        made = call(M.assign, x)
    else:
        if _holds_variable(x):
            made = _stacked(x)
        else:
            if not isinstance(x, (list, tuple, np.ndarray)):
                if not isinstance(x, (bool, int, float, np.generic)):
                    raise WrongTypeError(
                        f"assign takes a Tensor, numpy.ndarray, list or number, got {type(x).__name__} {str(x)[:60]}"
                    )
                x = [x]
            array = np.array(x)
            if array.dtype == np.float64:
                array = array.astype(np.float32)
            if array.dtype.kind in "OUS":
                raise ValueError(f"assign: {array.dtype} data cannot be put into a tensor; expected numbers")
            if array.dtype.name not in ("bool", "float32", "int32", "int64"):
                raise UnsupportedDtypeError(f"assign takes bool, float32, float64, int32 or int64 data, got {array.dtype}")
            made = constant(array)
    if output is None:
        return made
    if not is_tensor_like(output):
        raise WrongTypeError(f"assign: output must be a Tensor, got {type(output).__name__}")
    return in_place(output, made)


@tensor_method("_inplace_assign")
def _inplace_assign(x: Any, y: Any) -> Any:
    made = call(M.assign, y)
    if not isinstance_strict(x, Tensor) or x._edge is not None or x._stop_gradient:
        return in_place(x, made)
    x._data, x._edge, x._stop_gradient = made._data, made._edge, made._stop_gradient  # no leaf any more
    x._version[0] += 1
    return x


@tensor_method("clone")
def clone(x: Any, name: str | None = None) -> Any:
    """A copy with memory of its own; the gradient passes to `x`."""
    return call(M.assign, x)


# --- constants


def _dtype_or_default(dtype: Any) -> DType:
    return dtypes.default_dtype() if dtype is None else dtypes.as_dtype(dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A tensor of `shape` (ints, an int tensor, or a list of both) filled with one number.

    Without `dtype` it has the default floating type, whatever the number is.
    """
    target = _dtype_or_default(dtype)
    if is_tensor_like(shape):
        static_types("full", "int32 int64", shape=shape)
    attribute, whole, parts = ints_or_tensors(shape, "shape")
    if is_tensor_like(fill_value):
        value = fill_value
        if value.dtype is not target:
            value = call(E.cast, value, in_dtype=value.dtype.proto, out_dtype=target.proto)
        return call(C.fill_constant, value, whole, parts, shape=attribute, dtype=target.proto)
    number, text = _fill_number(fill_value, target)
    return call(C.fill_constant, None, whole, parts, shape=attribute, dtype=target.proto, value=number, str_value=text)


def _fill_number(value: Any, target: DType) -> tuple[float, str]:
    """Value and `str_value` of `fill_constant`."""
    if isinstance(value, (builtins.complex, np.complexfloating)):
        if not target.is_complex:
            raise UnsupportedDtypeError(f"a complex number cannot fill a tensor of {target.name}; give dtype='complex64'")
        return float(value.real), str(builtins.complex(value))
    if isinstance(value, np.ndarray):
        value = value.item()
    if isinstance(value, (str, bool, int, float, np.generic)):
        number = float(value)
        if target.is_floating or target.is_complex or not math.isfinite(number):
            return number, str(number)
        return number, str(int(value))
    raise WrongTypeError(f"fill_value must be a number or a Tensor, got {type(value).__name__}")


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Zeros of `shape`; the default floating type unless `dtype` is given."""
    return full(shape, 0, dtype)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Ones of `shape`; the default floating type unless `dtype` is given."""
    return full(shape, 1, dtype)


def fill_constant(
    shape: Any, dtype: Any, value: Any, force_cpu: bool = False, out: Any = None, name: str | None = None
) -> Any:
    """`full` with its arguments in the older order. out: a tensor to write into, and to return. force_cpu: no effect."""
    made = full(shape, value, dtype)
    return made if out is None else assign(made, out)


def full_like(x: Any, fill_value: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A tensor with the shape (and, without `dtype`, the type) of `x`, filled with one number."""
    static_types("full_like", "bool int16 int32 int64 float16 bfloat16 float32 float64", x=x)
    target = x.dtype if dtype is None else dtypes.as_dtype(dtype)
    if is_tensor_like(fill_value):
        return call(
            E.elementwise_add,
            call(C.fill_any_like, x, value=0.0, dtype=target.proto),
            call(E.cast, fill_value, in_dtype=fill_value.dtype.proto, out_dtype=target.proto),
        )
    return call(C.fill_any_like, x, value=float(fill_value), dtype=target.proto)


def zeros_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Zeros with the shape and type of `x`."""
    static_types("zeros_like", "bool int16 int32 int64 float16 bfloat16 float32 float64", x=x)
    return full_like(x, 0, dtype)


def ones_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Ones with the shape and type of `x`."""
    static_types("ones_like", "bool int16 int32 int64 float16 bfloat16 float32 float64", x=x)
    return full_like(x, 1, dtype)


def empty(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A tensor of `shape` whose values mean nothing (they are zeros)."""
    attribute, whole, parts = ints_or_tensors(shape, "shape")
    return call(C.empty, whole, parts, shape=attribute, dtype=_dtype_or_default(dtype).proto)


def empty_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A tensor with the shape and type of `x` (which may be an array) whose values mean nothing (they are zeros)."""
    if isinstance(x, np.ndarray):
        return zeros(list(x.shape), dtypes.from_numpy(x.dtype) if dtype is None else dtype)
    return full_like(x, 0, dtype)


def eye(num_rows: int, num_columns: int | None = None, dtype: Any = None, name: str | None = None) -> Any:
    """The identity matrix, [num_rows, num_columns]. TypeError for negative or non-integer sizes."""
    for what, n in (("num_rows", num_rows), ("num_columns", num_columns)):
        if n is not None and (not isinstance(n, (int, np.integer)) or n < 0):
            raise WrongTypeError(f"eye: {what} must be a non-negative int, got {n!r}")
    columns = num_rows if num_columns is None else num_columns
    target = _dtype_or_default(dtype)
    static_dtype("eye", "float16 float32 float64 int32 int64 bfloat16 complex64 complex128", target)
    return call(C.eye, num_rows=int(num_rows), num_columns=int(columns), dtype=target.proto)


# --- ranges


def _scalar_tensor(value: Any, target: DType) -> Any:
    """A number or tensor as a tensor of type `target`."""
    if is_tensor_like(value):
        return (
            value if value.dtype is target else call(E.cast, value, in_dtype=value.dtype.proto, out_dtype=target.proto)
        )
    if context.recorder is None:
        return constant(np.full((1,), value, target.np))
    number, text = _fill_number(value, target)
    return call(C.fill_constant, shape=[1], dtype=target.proto, value=number, str_value=text, force_cpu=True)


def arange(start: Any = 0, end: Any = None, step: Any = 1, dtype: Any = None, name: str | None = None) -> Any:
    """Values from `start` (included) to `end` (excluded) at distance `step`; ``arange(n)`` counts from 0.

    int64 when all three are integers, else the default floating type. ValueError when `step` is 0 or leads away from
    `end`.
    """
    if end is None:
        start, end = 0, start
    given = (start, end, step)
    if dtype is None:
        integral = all(
            v.dtype.np.kind in "iub" if is_tensor_like(v) else isinstance(v, (int, np.integer)) for v in given
        )
        target = dtypes.int64 if integral else dtypes.default_dtype()
    else:
        target = dtypes.as_dtype(dtype)
    out = call(C.range_, *[_scalar_tensor(v, target) for v in given])
    if isinstance_strict(out, Variable) and not any(is_tensor_like(v) for v in given):
        out = with_shape(out, [C.range_length(*(np.asarray(v).astype(target.np)[()] for v in given))])
    return out


def linspace(start: Any, stop: Any, num: Any, dtype: Any = None, name: str | None = None) -> Any:
    """`num` evenly spaced values from `start` to `stop`, both included."""
    target = _dtype_or_default(dtype)
    if not is_tensor_like(num):
        num = as_int(num, "linspace: num")
        if num <= 0:
            raise ValueError(f"linspace: num must be positive, got {num}")
    static_dtype("linspace", "int32 int64 float16 bfloat16 float32 float64", target)
    ends = [_scalar_tensor(v, v.dtype if is_tensor_like(v) else target) for v in (start, stop)]
    out = call(C.linspace, *ends, num if is_tensor_like(num) else _scalar_tensor(num, dtypes.int32), dtype=target.proto)
    return out if is_tensor_like(num) else with_shape(out, [num])


def logspace(start: Any, stop: Any, num: Any, base: Any = 10.0, dtype: Any = None, name: str | None = None) -> Any:
    """`num` values from ``base ** start`` to ``base ** stop`` whose exponents are evenly spaced."""
    target = _dtype_or_default(dtype)
    if not is_tensor_like(num):
        num = as_int(num, "logspace: num")
        if num <= 0:
            raise ValueError(f"logspace: num must be positive, got {num}")
    first, last, root = (_scalar_tensor(v, v.dtype if is_tensor_like(v) else target) for v in (start, stop, base))
    out = call(
        C.logspace,
        first,
        last,
        num if is_tensor_like(num) else _scalar_tensor(num, dtypes.int32),
        root,
        dtype=target.proto,
    )
    return out if is_tensor_like(num) else with_shape(out, [num])


def meshgrid(*args: Any, **kwargs: Any) -> list[Any]:
    """Coordinate grids of vectors (given one by one or as a list): each output has shape [len(x0), len(x1), ...]."""
    tensors = list(args[0]) if len(args) == 1 and isinstance(args[0], (list, tuple)) else list(args)
    unknown = set(kwargs) - {"name"}
    if unknown:
        raise WrongTypeError(f"meshgrid got an unexpected keyword argument {sorted(unknown)[0]!r}")
    return list(call(M.meshgrid, tensors))


# --- triangles and diagonals


def _triangle(function: str, x: Any, diagonal: Any, lower: bool) -> Any:
    diagonal = as_int(diagonal, f"{function}: diagonal")
    if is_tensor_like(x) and spec_of(x).ndim < 2:
        raise ValueError(f"{function} takes tensors of at least 2 dimensions, got shape {list(spec_of(x).shape)}")
    return call(M.tril_triu, x, diagonal=diagonal, lower=lower)


@tensor_method("tril")
def tril(x: Any, diagonal: int = 0, name: str | None = None) -> Any:
    """The lower triangle of the last two dimensions, zeros above diagonal number `diagonal`."""
    return _triangle("tril", x, diagonal, lower=True)


@tensor_method("triu")
def triu(x: Any, diagonal: int = 0, name: str | None = None) -> Any:
    """The upper triangle of the last two dimensions, zeros below diagonal number `diagonal`."""
    return _triangle("triu", x, diagonal, lower=False)


def _index_sizes(what: str, row: Any, col: Any, offset: Any) -> None:
    for name, n in (("row", row), ("col", col)):
        if not isinstance(n, (int, np.integer)) or n < 0:
            raise WrongTypeError(f"{what}: {name} must be a non-negative int, got {n!r}")
    if not isinstance(offset, (int, np.integer)):
        raise WrongTypeError(f"{what}: offset must be an int, got {type(offset).__name__}")


def tril_indices(row: int, col: int | None, offset: int = 0, dtype: Any = "int64") -> Any:
    """[2, n]: row and column numbers of the lower triangle of a [row, col] matrix, square where `col` is None."""
    columns = row if col is None else col
    _index_sizes("tril_indices", row, columns, offset)
    return call(C.tril_indices, rows=int(row), cols=int(columns), offset=int(offset), dtype=dtypes.as_dtype(dtype).proto)


def triu_indices(row: int, col: int | None = None, offset: int = 0, dtype: Any = "int64") -> Any:
    """[2, n]: row and column numbers of the upper triangle of a [row, col] matrix."""
    columns = row if col is None else col
    _index_sizes("triu_indices", row, columns, offset)
    return call(C.triu_indices, row=int(row), col=int(columns), offset=int(offset), dtype=dtypes.as_dtype(dtype).proto)


@tensor_method("diag")
def diag(x: Any, offset: int = 0, padding_value: float = 0, name: str | None = None) -> Any:
    """A matrix with vector `x` on its diagonal (other entries `padding_value`), or the diagonal of a matrix."""
    return call(M.diag_v2, x, offset=int(offset), padding_value=float(padding_value))


@tensor_method("diagflat")
def diagflat(x: Any, offset: int = 0, name: str | None = None) -> Any:
    """A matrix with the flattened `x` on its diagonal."""
    if spec_of(x).ndim > 1:
        x = call(M.flatten_contiguous_range, x, start_axis=0, stop_axis=-1)
    return call(M.diag_v2, x, offset=int(offset), padding_value=0.0)


@tensor_method("diag_embed")
def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Matrices in dimensions `dim1` and `dim2` with the last axis of `input` on their diagonals."""
    if not is_tensor_like(input):
        input = to_tensor(input)
    return call(M.diag_embed, input, offset=int(offset), dim1=int(dim1), dim2=int(dim2))


def complex(real: Any, imag: Any, name: str | None = None) -> Any:
    """A complex tensor from two floating ones, which broadcast."""
    return call(M.complex_, real, imag)


@tensor_method("polar")
def polar(abs: Any, angle: Any, name: str | None = None) -> Any:
    """A complex tensor from absolute values and angles in radians."""
    return complex(abs * angle.cos(), abs * angle.sin())
