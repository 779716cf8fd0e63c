"""Making tensors from numbers: constants, ranges, identity matrices, shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtypes import numpy_of as _numpy
from ..errors import UnsupportedDtypeError
from .manipulation import all_below, ints_of, open_ints
from .registry import DTypeNumber, Float64s, Floats, Ints, Long, Longs, Op, Scalars, Spec, op
from .shapes import same_as

__all__: list[str] = []

_I32, _I64, _BOOL = np.dtype(np.int32), np.dtype(np.int64), np.dtype(np.bool_)


def checked_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """A shape without negative entries."""
    if any(n < 0 for n in shape):
        raise ValueError(f"shape {list(shape)} has a negative dimension")
    return tuple(shape)


def shape_spec(whole: Any, parts: Any, shape: Sequence[int], dtype: Any) -> Spec:
    """The rule of operators that make a tensor of a given shape."""
    found = open_ints(whole, parts, shape)
    if found is None:
        raise ValueError("the number of dimensions of the result is unknown: the shape tensor has an unknown length")
    if whole is None and not parts:
        checked_shape(found)
    return Spec(found, _numpy(dtype))


def _number(text: str, value: float, dtype: Any) -> Any:
    """The constant of `fill_constant`: `str_value` holds what a float32 attribute cannot."""
    if not text:
        return value
    if text in ("inf", "-inf", "nan"):
        return float(text)
    return (
        int(text)
        if dtype.kind in "iu" and text.lstrip("-").isdigit()
        else complex(text)
        if dtype.kind == "c"
        else float(text)
    )


@op(
    "fill_constant",
    "ValueTensor?, ShapeTensor?, ShapeTensorList*? -> Out",
    infer=lambda v=None, s=None, t=None, *, shape=(), dtype=5, **_: shape_spec(s, t, shape, dtype),
)
def fill_constant(
    xp,
    value_tensor=None,
    shape_tensor=None,
    shape_tensors=None,
    *,
    shape: Longs = (),
    dtype: DTypeNumber = 5,
    value: float = 0.0,
    str_value: str = "",
    force_cpu: bool = False,
    place_type: int = -1,
):
    target = _numpy(dtype)
    size = checked_shape(ints_of(shape_tensor, shape_tensors, shape))
    if value_tensor is not None:
        return xp.broadcast_to(value_tensor.reshape(()).astype(target), size).copy()
    return xp.full(size, _number(str_value, value, target), target)


@op(
    "fill_any_like",
    "X -> Out",
    infer=lambda x, *, dtype=-1, **_: Spec(x.shape, x.dtype if dtype == -1 else _numpy(dtype)),
)
def fill_any_like(xp, x, *, value: float = 0.0, dtype: DTypeNumber = -1):
    return xp.full(x.shape, value, x.dtype if dtype == -1 else _numpy(dtype))


@op("fill_any", "X -> Out", infer=same_as(0), grad="X#, Out@GRAD -> X@GRAD")
def fill_any(xp, x, *, value: float = 0.0):
    return xp.full(x.shape, value, x.dtype)


@fill_any.backward
def _(xp, x, d_out):
    return xp.zeros_like(d_out)


@op("fill_zeros_like", "X -> Out", infer=same_as(0))
def fill_zeros_like(xp, x):
    return xp.zeros(x.shape, x.dtype)


@op("fill_zeros_like2", "X -> Out", infer=lambda x, *, dtype=5: Spec(x.shape, _numpy(dtype)))
def fill_zeros_like2(xp, x, *, dtype: DTypeNumber = 5):
    return xp.zeros(x.shape, _numpy(dtype))


def batch_shape(shape: Sequence[int], like: Sequence[int], input_dim_idx: int, output_dim_idx: int) -> tuple[int, ...]:
    """`shape` with the batch dimension of `like` put in."""
    out = list(shape)
    if not 0 <= output_dim_idx < len(out) or not 0 <= input_dim_idx < len(like):
        raise ValueError(
            f"input_dim_idx = {input_dim_idx} or output_dim_idx = {output_dim_idx} is out of range for shapes "
            f"{list(like)} and {out}"
        )
    out[output_dim_idx] = like[input_dim_idx]
    return tuple(out)


@op(
    "fill_constant_batch_size_like",
    "Input -> Out",
    infer=lambda x, *, shape, input_dim_idx=0, output_dim_idx=0, dtype=5, **_: Spec(
        batch_shape(shape, x.shape, input_dim_idx, output_dim_idx), _numpy(dtype)
    ),
    lod="Input ->",
)
def fill_constant_batch_size_like(
    xp,
    x,
    *,
    shape: Ints,
    input_dim_idx: int = 0,
    output_dim_idx: int = 0,
    dtype: DTypeNumber = 5,
    value: float = 0.0,
    str_value: str = "",
    force_cpu: bool = False,
    lod=None,
):
    target = _numpy(dtype)
    size = list(batch_shape(shape, x.shape, input_dim_idx, output_dim_idx))
    if lod is not None and input_dim_idx == 0:  # as many as there are sequences
        size[output_dim_idx] = len(lod[-1]) - 1
    return xp.full(size, _number(str_value, value, target), target)


ASSIGN_SLOTS = {
    "bool": "bool_values",
    "float32": "fp32_values",
    "float64": "fp64_values",
    "int32": "int32_values",
    "int64": "int64_values",
}


@op("assign_value", "-> Out", infer=lambda *, shape, dtype, **_: Spec(shape, _numpy(dtype)))
def assign_value(
    xp,
    *,
    shape: Ints,
    dtype: DTypeNumber,
    bool_values: Ints = (),
    fp32_values: Floats = (),
    fp64_values: Float64s = (),
    int32_values: Ints = (),
    int64_values: Longs = (),
    values: Scalars = None,  # type: ignore[assignment]  # in files of Paddle 3, in place of the lists; never written
):
    target = _numpy(dtype)
    given = {
        "bool": bool_values,
        "float32": fp32_values,
        "float64": fp64_values,
        "int32": int32_values,
        "int64": int64_values,
    }
    if values is not None and len(values):
        return xp.asarray(np.asarray(values).astype(target).reshape(tuple(shape)))
    if target.name not in given:
        raise ValueError(f"dtype {target} is not one of {', '.join(given)}")
    return xp.asarray(np.asarray(given[target.name], target).reshape(tuple(shape)))


@op(
    "empty",
    "ShapeTensor?, ShapeTensorList*? -> Out",
    infer=lambda s=None, t=None, *, shape=(), dtype=5: shape_spec(s, t, shape, dtype),
)
def empty(xp, shape_tensor=None, shape_tensors=None, *, shape: Longs = (), dtype: DTypeNumber = 5):
    # zeros: a Program whose result depends on what the memory held would be hard to debug
    return xp.zeros(checked_shape(ints_of(shape_tensor, shape_tensors, shape)), _numpy(dtype))


@op(
    "eye",
    "-> Out",
    infer=lambda *, num_rows, num_columns=-1, dtype=5: Spec(
        (num_rows, num_rows if num_columns == -1 else num_columns), _numpy(dtype)
    ),
)
def eye(xp, *, num_rows: Long, num_columns: Long = -1, dtype: DTypeNumber = 5):
    return xp.eye(num_rows, None if num_columns == -1 else num_columns, dtype=_numpy(dtype))


# --- ranges


def range_length(start: Any, end: Any, step: Any) -> int:
    """Number of values from `start` towards `end`."""
    if step == 0:
        raise ValueError("step must not be 0")
    if (start < end and step < 0) or (start > end and step > 0):
        raise ValueError(f"step = {step} leads away from end: start = {start}, end = {end}")
    if isinstance(step, (int, np.integer)):
        return max(0, -int((int(start) - int(end)) // int(step)))
    return math.ceil(abs((end - start) / step))  # in the precision of the numbers: 0.3 / 0.1 is 3 in float32


@op("range", "Start, End, Step -> Out", infer=lambda start, end, step: Spec((-1,), start.dtype))
def range_(xp, start, end, step):
    number = start.dtype.type
    first, last, gap = number(start.item()), number(end.item()), number(step.item())
    n = range_length(first, last, gap)
    if start.dtype.kind in "iu":
        return (xp.arange(n) * int(gap) + int(first)).astype(start.dtype)
    # each value is first + i * gap in the tensor's own precision
    return xp.arange(n).astype(start.dtype) * gap + first


def _spaced(xp: Any, start: float, stop: float, n: int, dtype: Any) -> Any:
    """n evenly spaced float64 values, computed from both ends so that they are symmetric."""
    if n <= 0:
        raise ValueError(f"num must be positive, got {n}")
    if n == 1:
        return xp.full((1,), start, "float64")
    step = (stop - start) / (n - 1)
    i = xp.arange(n).astype("float64")
    return xp.where(i < n // 2, start + step * i, stop - step * (n - 1 - i))


@op("linspace", "Start, Stop, Num -> Out", infer=lambda start, stop, num, *, dtype: Spec((-1,), _numpy(dtype)))
def linspace(xp, start, stop, num, *, dtype: DTypeNumber):
    target = _numpy(dtype)
    return _spaced(xp, float(start.item()), float(stop.item()), int(num.item()), target).astype(target)


@op(
    "logspace",
    "Start, Stop, Num, Base -> Out",
    infer=lambda start, stop, num, base, *, dtype: Spec((-1,), _numpy(dtype)),
)
def logspace(xp, start, stop, num, base, *, dtype: DTypeNumber):
    target = _numpy(dtype)
    return (float(base.item()) ** _spaced(xp, float(start.item()), float(stop.item()), int(num.item()), target)).astype(
        target
    )


def _triangle(type: str, lower: bool) -> Op:
    def count(rows: int, columns: int, offset: int) -> int:
        # row i holds the columns j with j <= i + offset (lower) or j >= i + offset (upper)
        below = sum(min(max(i + offset + (1 if lower else 0), 0), columns) for i in range(rows))
        return below if lower else rows * columns - below

    def indices(xp: Any, rows: int, columns: int, offset: int, dtype: int) -> Any:
        distance = xp.arange(columns)[None, :] - xp.arange(rows)[:, None]
        found = xp.nonzero(distance <= offset if lower else distance >= offset)
        return xp.stack(found).astype(_numpy(dtype))

    if lower:

        @op(
            type,
            "-> out",
            infer=lambda *, rows=0, cols=0, offset=0, dtype=3: Spec((2, count(rows, cols, offset)), _numpy(dtype)),
        )
        def forward(xp, *, rows: int = 0, cols: int = 0, offset: int = 0, dtype: DTypeNumber = 3):
            return indices(xp, rows, cols, offset, dtype)

    else:

        @op(
            type,
            "-> out",
            infer=lambda *, row=0, col=0, offset=0, dtype=3: Spec((2, count(row, col, offset)), _numpy(dtype)),
        )
        def forward(xp, *, row: int = 0, col: int = 0, offset: int = 0, dtype: DTypeNumber = 3):
            return indices(xp, row, col, offset, dtype)

    return forward


tril_indices = _triangle("tril_indices", True)
triu_indices = _triangle("triu_indices", False)


# --- facts about a tensor


@op("shape", "Input -> Out", infer=lambda x: Spec((x.ndim,), _I32))
def shape(xp, x):
    return xp.asarray(x.shape, "int32")


@op("size", "Input -> Out", infer=lambda x: Spec((), _I64))
def size(xp, x):
    return xp.full((), x.size, "int64")


@op("is_empty", "X -> Out", infer=lambda x: Spec((), _BOOL))
def is_empty(xp, x):
    return xp.full((), x.size == 0, bool)


@op("increment", "X -> Out", infer=same_as(0), grad="Out@GRAD -> X@GRAD")
def increment(xp, x, *, step: float = 1.0):
    if x.size != 1:
        raise ValueError(f"X must hold one element, got shape {list(x.shape)}")
    return x + x.dtype.type(step)


@increment.backward
def _(xp, d_out):
    return d_out


def _infer_one_hot(
    x: Spec, depth_tensor: Any = None, *, depth: int = -1, dtype: int = 5, allow_out_of_range: bool = False
) -> Spec:
    return Spec((*x.shape, -1 if depth_tensor is not None else depth), _numpy(dtype))


def encode(xp: Any, x: Any, depth: int, dtype: Any, allow_out_of_range: bool) -> Any:
    """One-hot rows along a new last axis; classes outside of [0, depth) give zeros, or an error."""
    if all_below(x, depth):
        out = np.zeros((x.size, depth), dtype)
        out.reshape(-1)[x.reshape(-1) + np.arange(0, x.size * depth, depth or 1)] = 1
        return out.reshape((*x.shape, depth))
    if not allow_out_of_range and x.size and x.dtype.kind in "iu" and (int(x.min()) < 0 or int(x.max()) >= depth):
        raise ValueError(f"a class is outside of [0, {depth}): the input holds {int(x.min())} to {int(x.max())}")
    if x.dtype.kind not in "iu":
        raise UnsupportedDtypeError(f"the input must hold integer class numbers, got {x.dtype}")
    return (xp.expand_dims(x, -1) == xp.arange(depth).astype(x.dtype)).astype(dtype)


@op("one_hot_v2", "X, depth_tensor? -> Out", infer=_infer_one_hot)
def one_hot_v2(xp, x, depth_tensor=None, *, depth: int = -1, dtype: DTypeNumber = 5, allow_out_of_range: bool = False):
    return encode(xp, x, depth if depth_tensor is None else int(depth_tensor.item()), _numpy(dtype), allow_out_of_range)


def _infer_one_hot_v1(
    x: Spec, depth_tensor: Any = None, *, depth: int = 1, dtype: int = 5, allow_out_of_range: bool = False
) -> Spec:
    if not x.shape or x.shape[-1] not in (1, -1):
        raise ValueError(f"the last dimension of the input must be 1, got shape {list(x.shape)}")
    return Spec((*x.shape[:-1], -1 if depth_tensor is not None else depth), _numpy(dtype))


@op("one_hot", "X, depth_tensor? -> Out", infer=_infer_one_hot_v1)
def one_hot(xp, x, depth_tensor=None, *, depth: int = 1, dtype: DTypeNumber = 5, allow_out_of_range: bool = False):
    classes = x.reshape(x.shape[:-1])
    return encode(
        xp, classes, depth if depth_tensor is None else int(depth_tensor.item()), _numpy(dtype), allow_out_of_range
    )


def _infer_sequence_mask(x: Spec, longest: Any = None, *, maxlen: int = -1, out_dtype: int = 3) -> Spec:
    return Spec((*x.shape, -1 if longest is not None or maxlen < 0 else maxlen), _numpy(out_dtype))


@op("sequence_mask", "X, MaxLenTensor? -> Y", infer=_infer_sequence_mask)
def sequence_mask(xp, x, longest=None, *, maxlen: int = -1, out_dtype: DTypeNumber):
    n = int(longest.item()) if longest is not None else maxlen if maxlen >= 0 else int(x.max())
    return (xp.arange(n).astype(x.dtype) < xp.expand_dims(x, -1)).astype(_numpy(out_dtype))
