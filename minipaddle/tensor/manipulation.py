"""Shape and layout: public functions and tensor methods."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..core.dispatch import before_change, call, in_place
from ..core.recorder import spec_of
from ..core.tensor import TensorBase, tensor_method
from ..errors import AxisError, MisusedTensorError, WrongTypeError
from ..ops import creation as C
from ..ops import elementwise as E
from ..ops import indexing as I
from ..ops import manipulation as M
from ..ops.shapes import axis_of
from ..ops.shapes import broadcast_shape as _broadcast_shape
from .arguments import (
    as_int,
    as_ints,
    builds_program,
    ints_or_tensors,
    is_symbolic,
    is_tensor_like,
    own_dimensions,
    planes,
    static_types,
)
from .creation import to_tensor, tril, triu
from .operators import cast_to

__all__ = [
    "as_complex",
    "as_real",
    "as_strided",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_shape",
    "broadcast_tensors",
    "broadcast_to",
    "chunk",
    "concat",
    "crop",
    "diagonal",
    "diagonal_scatter",
    "dsplit",
    "expand",
    "expand_as",
    "flatten",
    "flip",
    "gather",
    "gather_nd",
    "hsplit",
    "index_add",
    "index_fill",
    "index_put",
    "masked_fill",
    "moveaxis",
    "put_along_axis",
    "repeat_interleave",
    "reshape",
    "reverse",
    "roll",
    "rot90",
    "scatter",
    "scatter_nd",
    "scatter_nd_add",
    "select_scatter",
    "shard_index",
    "slice",
    "split",
    "squeeze",
    "stack",
    "strided_slice",
    "swapaxes",
    "t",
    "take_along_axis",
    "tile",
    "transpose",
    "unbind",
    "unflatten",
    "unfold",
    "unsqueeze",
    "unstack",
    "view",
    "view_as",
    "vsplit",
]


# --- reshape and its kin


@tensor_method("reshape")
def reshape(x: Any, shape: Any, name: str | None = None) -> Any:
    """The same elements in another shape; -1 stands for what is left, 0 for the dimension of `x` at that place.

    `shape`: ints, an int tensor, or a list of both. ValueError when the number of elements differs.
    """
    if not isinstance(shape, (list, tuple, np.ndarray)) and not is_tensor_like(shape):
        raise WrongTypeError(
            f"reshape: shape must be a list, a tuple or an integer Tensor, got {type(shape).__name__} {str(shape)[:60]}"
        )
    attribute, whole, parts = ints_or_tensors(own_dimensions(x, shape, 0), "shape")
    return call(M.reshape2, x, whole, parts, shape=attribute)


@tensor_method("transpose")
def transpose(x: Any, perm: Any, name: str | None = None) -> Any:
    """Dimensions reordered: output dimension i is input dimension ``perm[i]``."""
    if isinstance(perm, int):
        raise WrongTypeError(f"transpose: perm must be a list or a tuple, got {perm}")
    return call(M.transpose2, x, axis=as_ints(perm, "perm"))


@tensor_method("t")
def t(input: Any, name: str | None = None) -> Any:
    """The transpose of a tensor of at most two dimensions."""
    static_types("t", "float16 float32 float64 int32 int64", input=input)
    ndim = spec_of(input).ndim
    if ndim > 2:
        raise ValueError(f"t takes a tensor of at most 2 dimensions, got {ndim}; use transpose with a perm")
    return input if ndim < 2 else call(M.transpose2, input, axis=[1, 0])


def _reversed_dimensions(x: Any) -> Any:
    """All dimensions in reverse order."""
    ndim = spec_of(x).ndim
    return x if ndim == 1 else call(M.transpose2, x, axis=list(range(ndim))[::-1])


TensorBase.T = property(_reversed_dimensions)  # type: ignore[attr-defined]


def _matrix_transpose(x: Any) -> Any:
    """The last two dimensions exchanged."""
    ndim = spec_of(x).ndim
    if ndim < 2:
        raise ValueError(f"mT takes a tensor of at least 2 dimensions, got {ndim}")
    return call(M.transpose2, x, axis=[*range(ndim - 2), ndim - 1, ndim - 2])


TensorBase.mT = property(_matrix_transpose)  # type: ignore[attr-defined]


@tensor_method("moveaxis")
def moveaxis(x: Any, source: Any, destination: Any, name: str | None = None) -> Any:
    """Dimensions `source` moved to places `destination`; the others keep their order."""
    ndim = spec_of(x).ndim
    for what, axes in (("source", source), ("destination", destination)):
        if any(not -ndim <= a < ndim for a in as_ints(axes, what)):
            raise MisusedTensorError(f"moveaxis: {what} {axes} is out of range for {ndim} dimensions")
    from_, to = ([axis_of(a, ndim) for a in as_ints(v, "axis")] for v in (source, destination))
    if len(from_) != len(to) or len(set(from_)) != len(from_) or len(set(to)) != len(to):
        raise ValueError(f"moveaxis: source {source} and destination {destination} must be as many distinct dimensions")
    order = [i for i in range(ndim) if i not in from_]
    for place, axis in sorted(zip(to, from_, strict=True)):
        order.insert(place, axis)
    return call(M.transpose2, x, axis=order)


@tensor_method("swapaxes", "transpose_axes")
def swapaxes(x: Any, axis0: int, axis1: int, name: str | None = None) -> Any:
    """Dimensions `axis0` and `axis1` exchanged."""
    order = list(range(spec_of(x).ndim))
    a, b = axis_of(axis0, len(order), "axis0"), axis_of(axis1, len(order), "axis1")
    order[a], order[b] = b, a
    return call(M.transpose2, x, axis=order)


@tensor_method("squeeze")
def squeeze(x: Any, axis: Any = None, name: str | None = None) -> Any:
    """Without the dimensions of length 1 (all, or those listed in `axis`); others are left as they are."""
    static_types("squeeze", "bool int8 int32 int64 float16 bfloat16 float32 float64 complex64 complex128", x=x)
    return call(M.squeeze2, x, axes=[] if axis is None else as_ints(axis, "axis"))


@tensor_method("unsqueeze")
def unsqueeze(x: Any, axis: Any, name: str | None = None) -> Any:
    """With new dimensions of length 1 at `axis` (an int, a list, or an int tensor)."""
    static_types("unsqueeze", "bool int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128", x=x)
    attribute, whole, parts = ints_or_tensors(axis, "axis")
    return call(M.unsqueeze2, x, whole, parts, axes=[] if parts else attribute)


@tensor_method("flatten")
def flatten(x: Any, start_axis: int = 0, stop_axis: int = -1, name: str | None = None) -> Any:
    """Dimensions `start_axis` to `stop_axis` (inclusive) as one. ValueError when start lies behind stop."""
    static_types("flatten", "int8 int16 int32 int64 uint8 float16 bfloat16 float32 float64", x=x)
    ndim = spec_of(x).ndim
    for what, axis in (("start_axis", start_axis), ("stop_axis", stop_axis)):
        if not isinstance(axis, (int, np.integer)) or not -max(ndim, 1) <= axis < max(ndim, 1):
            raise ValueError(f"flatten: {what} must be an int in [{-max(ndim, 1)}, {max(ndim, 1) - 1}], got {axis!r}")
    first, last = axis_of(int(start_axis), ndim), axis_of(int(stop_axis), ndim)
    if first > last:
        raise ValueError(
            f"flatten: start_axis = {start_axis} lies behind stop_axis = {stop_axis} for {ndim} dimensions"
        )
    return call(M.flatten_contiguous_range, x, start_axis=first, stop_axis=last)


@tensor_method("unflatten")
def unflatten(x: Any, axis: int, shape: Any, name: str | None = None) -> Any:
    """Dimension `axis` split into `shape` (one entry may be -1)."""
    at = axis_of(as_int(axis, "axis"), spec_of(x).ndim)
    dims = spec_of(x).shape
    if is_tensor_like(shape) and is_symbolic(shape):
        whole = call(C.shape, x)
        parts = [slice(whole, [0], [0], [at]), _cast(shape, dtypes.int32), slice(whole, [0], [at + 1], [len(dims)])]
        return reshape(x, concat([p for p, n in zip(parts, (at, 1, len(dims) - at - 1), strict=True) if n]))
    entries = list(shape) if isinstance(shape, (list, tuple)) else as_ints(shape, "shape")
    # 0 keeps a dimension in place, which also works while its length is not known
    lead = [0 if n == -1 else n for n in dims[:at]]
    rest = [x.shape[i] if dims[i] == -1 else dims[i] for i in range(at + 1, len(dims))]
    return reshape(x, [*lead, *entries, *rest])


@tensor_method("view")
def view(x: Any, shape_or_dtype: Any, name: str | None = None) -> Any:
    """The same memory in another shape (list or tuple) or read as another dtype."""
    if isinstance(shape_or_dtype, (list, tuple)):
        return call(M.view_shape, x, dims=as_ints(shape_or_dtype, "shape"))
    return call(M.view_dtype, x, dtype=dtypes.as_dtype(shape_or_dtype).proto)


@tensor_method("view_as")
def view_as(x: Any, other: Any, name: str | None = None) -> Any:
    """The same memory in the shape of `other`."""
    return call(M.view_shape, x, dims=list(spec_of(other).shape))


@tensor_method("as_strided")
def as_strided(x: Any, shape: Any, stride: Any, offset: int = 0, name: str | None = None) -> Any:
    """The same memory read with given strides (in elements). ValueError when that reaches outside of `x`."""
    return call(M.as_strided, x, dims=as_ints(shape, "shape"), stride=as_ints(stride, "stride"), offset=int(offset))


@tensor_method("unfold")
def unfold(x: Any, axis: int, size: int, step: int, name: str | None = None) -> Any:
    """Windows of `size` along `axis` at distance `step`, as a new last dimension (a view)."""
    return call(M.tensor_unfold, x, axis=int(axis), size=int(size), step=int(step))


def _at_least(inputs: Sequence[Any], grow: Any) -> Any:
    made = [grow(x if is_tensor_like(x) else to_tensor(x)) for x in inputs]
    return made[0] if len(made) == 1 else made


def _grow(x: Any, axes: dict[int, list[int]]) -> Any:
    wanted = axes.get(spec_of(x).ndim)
    return x if wanted is None else unsqueeze(x, wanted)


@tensor_method("atleast_1d")
def atleast_1d(*inputs: Any, name: str | None = None) -> Any:
    """Inputs with at least one dimension; a list if several are given."""
    return _at_least(inputs, lambda x: _grow(x, {0: [0]}))


@tensor_method("atleast_2d")
def atleast_2d(*inputs: Any, name: str | None = None) -> Any:
    """Inputs with at least two dimensions: [n] becomes [1, n]."""
    return _at_least(inputs, lambda x: _grow(x, {0: [0, 1], 1: [0]}))


@tensor_method("atleast_3d")
def atleast_3d(*inputs: Any, name: str | None = None) -> Any:
    """Inputs with at least three dimensions: [n] becomes [1, n, 1], [m, n] becomes [m, n, 1]."""
    return _at_least(inputs, lambda x: _grow(x, {0: [0, 1, 2], 1: [0, 2], 2: [2]}))


@tensor_method("as_complex")
def as_complex(x: Any, name: str | None = None) -> Any:
    """Pairs in the last dimension (of length 2) as complex numbers."""
    return call(M.as_complex, x)


@tensor_method("as_real")
def as_real(x: Any, name: str | None = None) -> Any:
    """Complex numbers as pairs in a new last dimension."""
    return call(M.as_real, x)


# --- joining and splitting


def _tensor_list(x: Any, what: str) -> list[Any]:
    """A list of tensors out of a list or tuple. WrongTypeError for anything else."""
    if not isinstance(x, (list, tuple)):
        raise WrongTypeError(f"{what} takes a list or tuple of Tensors, got {type(x).__name__}")
    if not x:
        raise WrongTypeError(f"{what} takes at least one Tensor, got an empty {type(x).__name__}")
    for i, v in enumerate(x):
        if not is_tensor_like(v):
            raise WrongTypeError(f"{what}: item {i} must be a Tensor, got {type(v).__name__}")
    return list(x)


def concat(x: Any, axis: Any = 0, name: str | None = None) -> Any:
    """Tensors joined along `axis`; all other dimensions and the dtypes must agree."""
    tensors = _tensor_list(x, "concat")
    if is_tensor_like(axis) and is_symbolic(axis):
        return call(M.concat, tensors, axis, axis=0)
    return call(M.concat, tensors, axis=as_int(axis, "axis"))


def stack(x: Any, axis: int = 0, name: str | None = None) -> Any:
    """Tensors of one shape joined along a new dimension `axis`."""
    return call(M.stack, _tensor_list(x, "stack"), axis=as_int(axis, "axis"))


@tensor_method("split")
def split(x: Any, num_or_sections: Any, axis: Any = 0, name: str | None = None) -> list[Any]:
    """A list of parts along `axis`: as many equal ones as an int says, or of the lengths in a list (one may be -1)."""
    axis_tensor = axis if is_tensor_like(axis) and is_symbolic(axis) else None
    at = 0 if axis_tensor is not None else as_int(axis, "axis")
    if -spec_of(x).ndim <= at < 0:
        at += spec_of(x).ndim  # as Paddle writes it: its kernel for Programs takes no negative axis
    if isinstance(num_or_sections, (int, np.integer)):
        if num_or_sections <= 0:
            raise ValueError(f"split: num_or_sections must be positive, got {num_or_sections}")
        return list(call(M.split, x, axis_tensor, num=int(num_or_sections), axis=at))
    if not isinstance(num_or_sections, (list, tuple)):
        raise WrongTypeError(
            f"split: num_or_sections must be an int, a list or a tuple, got {type(num_or_sections).__name__}"
        )
    sections, _, parts = ints_or_tensors(num_or_sections, "num_or_sections")
    if not sections:
        raise ValueError("split: num_or_sections is an empty list")
    return list(call(M.split, x, axis_tensor, parts, sections=sections, axis=at))


@tensor_method("chunk")
def chunk(x: Any, chunks: int, axis: Any = 0, name: str | None = None) -> list[Any]:
    """A list of `chunks` equal parts along `axis`. TypeError when `chunks` is no int."""
    if not isinstance(chunks, (int, np.integer)):
        raise WrongTypeError(f"chunk: chunks must be an int, got {type(chunks).__name__}")
    return split(x, chunks, axis)


@tensor_method("vsplit")
def vsplit(x: Any, num_or_sections: Any, name: str | None = None) -> list[Any]:
    """`split` along dimension 0 of a tensor of at least two dimensions."""
    if spec_of(x).ndim < 2:
        raise ValueError(f"vsplit takes a tensor of at least 2 dimensions, got shape {list(spec_of(x).shape)}")
    return split(x, num_or_sections, 0)


def hsplit(x: Any, num_or_sections: Any, name: str | None = None) -> list[Any]:
    """`split` along dimension 1 (dimension 0 of a vector)."""
    ndim = spec_of(x).ndim
    if ndim < 1:
        raise ValueError("hsplit takes a tensor of at least 1 dimension")
    return split(x, num_or_sections, 0 if ndim == 1 else 1)


def dsplit(x: Any, num_or_sections: Any, name: str | None = None) -> list[Any]:
    """`split` along dimension 2 of a tensor of at least three dimensions."""
    if spec_of(x).ndim < 3:
        raise ValueError(f"dsplit takes a tensor of at least 3 dimensions, got shape {list(spec_of(x).shape)}")
    return split(x, num_or_sections, 2)


def _length_known(x: Any, axis: int, what: str) -> None:
    spec = spec_of(x)
    if spec.ndim == 0:
        raise ValueError(f"{what}: a 0-D tensor has no dimension to take apart")
    if spec.shape[axis_of(axis, spec.ndim)] == -1:
        raise ValueError(
            f"{what}: dimension {axis} of shape {list(spec.shape)} is unknown, so the number of parts is; "
            "give num or a fixed size"
        )


@tensor_method("unstack")
def unstack(x: Any, axis: int = 0, num: int | None = None) -> list[Any]:
    """A list of the slices along `axis`, without that dimension."""
    spec = spec_of(x)
    if num is None:
        _length_known(x, axis, "unstack")
        num = spec.shape[axis_of(axis, spec.ndim)]
    if num == 0:
        return []
    return list(call(M.unstack, x, axis=int(axis), num=int(num)))


@tensor_method("unbind")
def unbind(input: Any, axis: int = 0) -> list[Any]:
    """A list of the slices along `axis`, without that dimension (views)."""
    if not isinstance(axis, (int, np.integer)):
        raise WrongTypeError(f"unbind: axis must be an int, got {type(axis).__name__}")
    _length_known(input, axis, "unbind")
    return list(call(M.unbind, input, axis=int(axis)))


# --- expanding


@tensor_method("expand")
def expand(x: Any, shape: Any, name: str | None = None) -> Any:
    """Repeated along dimensions of length 1 (and new leading ones) up to `shape`; -1 keeps a dimension."""
    own = own_dimensions(x, shape, -1) if isinstance(shape, (list, tuple)) and len(shape) == spec_of(x).ndim else shape
    attribute, whole, parts = ints_or_tensors(own, "shape", unknown=-2)
    return call(M.expand_v2, x, whole, parts, shape=attribute)


@tensor_method("broadcast_to")
def broadcast_to(x: Any, shape: Any, name: str | None = None) -> Any:
    """The same as `expand`. AssertionError for sizes that are no ints."""
    if isinstance(shape, (list, tuple)) and any(isinstance(n, float) for n in shape):
        raise MisusedTensorError(f"broadcast_to: shape must hold ints, got {list(shape)}")
    return expand(x, shape)


@tensor_method("expand_as")
def expand_as(x: Any, y: Any, name: str | None = None) -> Any:
    """Expanded to the shape of `y`."""
    return call(M.expand_as_v2, x, y, target_shape=list(spec_of(y).shape))


@tensor_method("tile")
def tile(x: Any, repeat_times: Any, name: str | None = None) -> Any:
    """Repeated ``repeat_times[i]`` times along dimension i (counted from the last)."""
    attribute, whole, parts = ints_or_tensors(repeat_times, "repeat_times")
    return call(M.tile, x, whole, parts, repeat_times=attribute)


def broadcast_tensors(input: Any, name: str | None = None) -> list[Any]:
    """All tensors of a list expanded to their common shape."""
    tensors = _tensor_list(input, "broadcast_tensors")
    if builds_program():
        try:
            _broadcast_shape(*(spec_of(v).shape for v in tensors))
        except ValueError as e:
            raise WrongTypeError(f"broadcast_tensors: {e}") from e
    return list(call(M.broadcast_tensors, tensors))


def broadcast_shape(x_shape: Sequence[int], y_shape: Sequence[int]) -> list[int]:
    """The common shape of two shapes. ValueError when they do not fit."""
    return list(_broadcast_shape(x_shape, y_shape))


@tensor_method("repeat_interleave")
def repeat_interleave(x: Any, repeats: Any, axis: int | None = None, name: str | None = None) -> Any:
    """Each entry along `axis` repeated `repeats` times (an int, or one count per entry); flattened without `axis`."""
    if axis is None:
        x, axis = flatten(x), 0
    if is_tensor_like(repeats):
        return call(M.repeat_interleave, x, repeats, dim=int(axis))
    if isinstance(repeats, (list, tuple, np.ndarray)):
        return call(M.repeat_interleave, x, to_tensor(np.asarray(repeats)), dim=int(axis))
    return call(M.repeat_interleave, x, Repeats=as_int(repeats, "repeats"), dim=int(axis))


# --- reordering


@tensor_method("flip", "reverse")
def flip(x: Any, axis: Any, name: str | None = None) -> Any:
    """The order along `axis` (an int or a list) reversed."""
    axes = as_ints(axis, "axis")
    for a in axes:
        axis_of(a, spec_of(x).ndim)
    return call(M.flip, x, axis=axes)


reverse = flip


@tensor_method("roll")
def roll(x: Any, shifts: Any, axis: Any = None, name: str | None = None) -> Any:
    """Entries moved by `shifts` along `axis` (flattened without), those that leave coming in at the other end."""
    axes = [] if axis is None else as_ints(axis, "axis")
    ndim = spec_of(x).ndim
    if any(not -ndim <= a < ndim for a in axes):
        raise AxisError(f"roll: axis {axes} is out of range for {ndim} dimensions")
    if is_tensor_like(shifts) and is_symbolic(shifts):
        return call(M.roll, x, shifts, axis=axes)
    steps = as_ints(shifts, "shifts")
    if axis is not None and len(steps) != len(axes):
        raise ValueError(f"roll: shifts {steps} and axis {axes} must have the same length")
    return call(M.roll, x, shifts=steps, axis=axes)


@tensor_method("rot90")
def rot90(x: Any, k: int = 1, axes: Sequence[int] = (0, 1), name: str | None = None) -> Any:
    """Turned by k * 90 degrees in the plane of `axes`, from the first towards the second."""
    ndim = spec_of(x).ndim
    pair = list(axes)
    if len(pair) != 2:
        raise ValueError(f"rot90: axes must name two dimensions, got {axes}")
    if ndim < 2:
        raise ValueError(f"rot90 takes a tensor of at least 2 dimensions, got {ndim}")
    a, b = axis_of(pair[0], ndim, "axes"), axis_of(pair[1], ndim, "axes")
    if a == b:
        raise ValueError(f"rot90: axes {axes} name one dimension twice")
    k %= 4
    if k == 0:
        return x
    if k == 2:
        return flip(flip(x, a), b)
    order = list(range(ndim))
    order[a], order[b] = b, a
    return transpose(flip(x, b), order) if k == 1 else flip(transpose(x, order), b)


# --- slices


def slice(input: Any, axes: Any, starts: Any, ends: Any) -> Any:
    """Entries ``starts[i]`` to ``ends[i]`` (excluded) along each of `axes`; negative numbers count from the end."""
    which = as_ints(axes, "axes")
    first, first_whole, first_parts = ints_or_tensors(starts, "starts")
    last, last_whole, last_parts = ints_or_tensors(ends, "ends")
    flags = [
        -1 if first_whole is not None or last_whole is not None or _open(starts, i) or _open(ends, i) else 1
        for i in range(len(which))
    ]
    return call(
        I.slice_,
        input,
        first_whole,
        last_whole,
        first_parts,
        last_parts,
        axes=which,
        starts=first,
        ends=last,
        infer_flags=flags,
        decrease_axis=[],
    )


def _open(values: Any, i: int) -> bool:
    return (
        isinstance(values, (list, tuple)) and i < len(values) and is_tensor_like(values[i]) and is_symbolic(values[i])
    )


@tensor_method("strided_slice")
def strided_slice(x: Any, axes: Any, starts: Any, ends: Any, strides: Any, name: str | None = None) -> Any:
    """As `slice`, taking every ``strides[i]``-th entry; a negative stride walks backwards."""
    which = as_ints(axes, "axes")
    first, first_whole, first_parts = ints_or_tensors(starts, "starts")
    last, last_whole, last_parts = ints_or_tensors(ends, "ends")
    step, step_whole, step_parts = ints_or_tensors(strides, "strides")
    whole = any(w is not None for w in (first_whole, last_whole, step_whole))
    flags = [-1 if whole or any(_open(v, i) for v in (starts, ends, strides)) else 1 for i in range(len(which))]
    return call(
        I.strided_slice,
        x,
        first_whole,
        first_parts,
        last_whole,
        last_parts,
        step_whole,
        step_parts,
        axes=which,
        starts=first,
        ends=last,
        strides=step,
        infer_flags=flags,
        decrease_axis=[],
    )


def crop(x: Any, shape: Any = None, offsets: Any = None, name: str | None = None) -> Any:
    """A window of `shape` (-1: to the end) at `offsets` (zeros if not given)."""
    spec = spec_of(x)
    wanted = [-1] * spec.ndim if shape is None else shape
    size, size_whole, size_parts = ints_or_tensors(wanted, "shape")
    at, at_whole, at_parts = ints_or_tensors([0] * spec.ndim if offsets is None else offsets, "offsets")
    return call(M.crop_tensor, x, size_whole, size_parts, at_whole, at_parts, shape=size, offsets=at)


# --- gathering and scattering


def _indices(index: Any) -> Any:
    return index if is_tensor_like(index) else to_tensor(np.asarray(index))


@tensor_method("gather")
def gather(x: Any, index: Any, axis: Any = None, name: str | None = None) -> Any:
    """Slices number `index` ([n] or [n, 1]) along `axis`. IndexError when one is out of range."""
    at = 0 if axis is None else axis
    if is_tensor_like(at) and is_symbolic(at):
        return call(I.gather, x, _indices(index), at, axis=0)
    return call(I.gather, x, _indices(index), axis=as_int(at, "axis"))


@tensor_method("gather_nd")
def gather_nd(x: Any, index: Any, name: str | None = None) -> Any:
    """Slices of `x` at the coordinates in the last dimension of `index`."""
    return call(I.gather_nd, x, index)


@tensor_method("scatter")
def scatter(x: Any, index: Any, updates: Any, overwrite: bool = True, name: str | None = None) -> Any:
    """`x` with rows `index` replaced by `updates`; with ``overwrite=False`` by the sum of their updates."""
    return call(I.scatter, x, index, updates, overwrite=bool(overwrite))


@tensor_method("scatter_nd_add")
def scatter_nd_add(x: Any, index: Any, updates: Any, name: str | None = None) -> Any:
    """`x` with `updates` added at the coordinates in the last dimension of `index`."""
    return call(I.scatter_nd_add, x, index, updates)


def scatter_nd(index: Any, updates: Any, shape: Any, name: str | None = None) -> Any:
    """Zeros of `shape` with `updates` added at the coordinates in the last dimension of `index`."""
    attribute, whole, parts = ints_or_tensors(shape, "shape")
    base = call(
        C.fill_constant, None, whole, parts, shape=attribute, dtype=updates.dtype.proto, value=0.0, str_value="0.0"
    )
    return call(I.scatter_nd_add, base, index, updates)


@tensor_method("index_add")
def index_add(x: Any, index: Any, axis: int, value: Any, name: str | None = None) -> Any:
    """`x` with `value` added to its slices number `index` along `axis`."""
    return call(I.index_add, x, index, value, axis=int(axis))


@tensor_method("index_put")
def index_put(x: Any, indices: Any, value: Any, accumulate: bool = False, name: str | None = None) -> Any:
    """`x` with `value` written (or added) at the places a tuple of index tensors names."""
    return call(I.index_put, x, list(indices), value, accumulate=bool(accumulate))


@tensor_method("index_fill")
def index_fill(x: Any, index: Any, axis: int, value: Any, name: str | None = None) -> Any:
    """`x` with its slices number `index` along `axis` set to one number (or 0-D tensor)."""
    ndim = spec_of(x).ndim
    if not isinstance(axis, (int, np.integer)):
        raise WrongTypeError(f"index_fill: axis must be an int, got {type(axis).__name__}")
    at = axis_of(int(axis), ndim)
    if is_tensor_like(value):
        if spec_of(value).ndim:
            raise ValueError(
                f"index_fill: value must be a number or a 0-D tensor, got shape {list(spec_of(value).shape)}"
            )
        filled = value if value.dtype is x.dtype else _cast(value, x.dtype)
    else:
        filled = to_tensor(value, dtype=x.dtype)
    order = [at, *[i for i in range(ndim) if i != at]]
    moved = call(I.index_put, transpose(x, order), [index], filled, accumulate=False)
    return transpose(moved, M.inverse(order))


@tensor_method("take_along_axis")
def take_along_axis(arr: Any, indices: Any, axis: int, broadcast: bool = True) -> Any:
    """Entries of `arr` along `axis` picked by `indices`; the other dimensions broadcast unless `broadcast` is False."""
    at = _same_rank(arr, indices, axis)
    if not broadcast:
        for i, (m, n) in enumerate(zip(spec_of(arr).shape, spec_of(indices).shape, strict=True)):
            if i != at and -1 not in (m, n) and n > m:
                raise RuntimeError(f"take_along_axis: dimension {i} of indices is {n}, but that of arr is {m}")
        return call(I.take_along_axis, arr, indices, Axis=at)
    indices, arr = _broadcast_but(indices, arr, at), _broadcast_but(arr, indices, at)
    return call(I.take_along_axis, arr, indices, Axis=at)


def _same_rank(arr: Any, indices: Any, axis: Any) -> int:
    a, b = spec_of(arr).ndim, spec_of(indices).ndim
    if a != b:
        raise ValueError(f"indices must have as many dimensions as arr ({a}), got {b}")
    return axis_of(as_int(axis, "axis"), a)


def _broadcast_but(x: Any, other: Any, axis: int) -> Any:
    """`x` expanded to the shape of `other` except along `axis`."""
    own, theirs = spec_of(x).shape, spec_of(other).shape
    shape = _broadcast_shape(own[:axis] + own[axis + 1 :], theirs[:axis] + theirs[axis + 1 :])
    wanted = [*shape[:axis], own[axis], *shape[axis:]]
    if -1 not in wanted and tuple(wanted) == tuple(own):
        return x
    if -1 in shape:  # found when the Program runs; Paddle's broadcast_tensors wants one dtype
        return broadcast_tensors([x, cast_to(slice(other, [axis], [0], [1]), x.dtype)])[0]
    return call(M.expand_v2, x, shape=wanted)


@tensor_method("put_along_axis")
def put_along_axis(
    arr: Any,
    indices: Any,
    values: Any,
    axis: int,
    reduce: str = "assign",
    include_self: bool = True,
    broadcast: bool = True,
) -> Any:
    """`arr` with `values` written (or added, multiplied ...) along `axis` at `indices`.

    reduce: "assign", "add", "mul" or "multiply", "amin", "amax", "mean".
    """
    at = _same_rank(arr, indices, axis)
    if not is_tensor_like(values):
        values = to_tensor(values)
    if values.dtype is not arr.dtype:
        values = _cast(values, arr.dtype)
    if broadcast:
        indices = _broadcast_but(indices, arr, at)
    shape = list(spec_of(indices).shape)
    if -1 in shape:
        values = broadcast_tensors([values, indices])[0] if spec_of(values).ndim < len(shape) or spec_of(values).size == 1 else values
    elif list(spec_of(values).shape) != shape:
        values = call(M.expand_v2, values, shape=shape)
    return call(I.put_along_axis, arr, indices, values, Axis=at, Reduce=reduce, Include_self=bool(include_self))


@tensor_method("masked_fill")
def masked_fill(x: Any, mask: Any, value: Any, name: str | None = None) -> Any:
    """`x` with `value` (a number or 0-D tensor) where `mask` is True; `mask` broadcasts."""
    if is_tensor_like(value) and spec_of(value).ndim:
        if spec_of(value).size not in (1, -1):
            raise ValueError(
                f"masked_fill: value must be a number or one element, got shape {list(spec_of(value).shape)}"
            )
        value = reshape(value, [])
    if not is_tensor_like(value):
        value = to_tensor(value, dtype=x.dtype)
    elif value.dtype is not x.dtype:
        value = _cast(value, x.dtype)
    if tuple(spec_of(mask).shape) != tuple(spec_of(x).shape) or -1 in spec_of(x).shape:
        mask, x = broadcast_tensors([mask, x])
    return call(I.where, mask, call(M.expand_as_v2, value, x, target_shape=list(spec_of(x).shape)), x)


def shard_index(input: Any, index_num: int, nshards: int, shard_id: int, ignore_value: int = -1) -> Any:
    """Indices local to shard number `shard_id` of `nshards`; those of other shards become `ignore_value`."""
    if not 0 <= shard_id < nshards:
        raise ValueError(f"shard_index: shard_id = {shard_id} must be in [0, {nshards})")
    return call(
        I.shard_index,
        input,
        index_num=int(index_num),
        nshards=int(nshards),
        shard_id=int(shard_id),
        ignore_value=int(ignore_value),
    )


@tensor_method("diagonal")
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, name: str | None = None) -> Any:
    """The diagonals of the planes of `axis1` and `axis2`, as the last dimension (a view)."""
    planes("diagonal", x, axis1, axis2)
    return call(M.diagonal, x, offset=int(offset), axis1=int(axis1), axis2=int(axis2))


@tensor_method("select_scatter")
def select_scatter(x: Any, values: Any, axis: int, index: int, name: str | None = None) -> Any:
    """A copy of `x` with slice number `index` along `axis` replaced by `values`.

    RuntimeError when `values` does not have the shape of the slice, IndexError when there is no such slice.
    """
    shape = list(spec_of(x).shape)
    at = axis_of(int(axis), len(shape))
    wanted = shape[:at] + shape[at + 1 :]
    own = list(spec_of(values).shape)
    if len(own) != len(wanted) or any(-1 not in (m, n) and m != n for m, n in zip(own, wanted, strict=True)):
        raise RuntimeError(f"select_scatter: values must have the shape {wanted} of the slice, got {own}")
    if shape[at] != -1 and not -shape[at] <= index < shape[at]:
        raise IndexError(f"select_scatter: index {index} is out of range for dimension {at} with {shape[at]} entries")
    start = int(index) if index >= 0 or shape[at] == -1 else int(index) + shape[at]
    if values.dtype is not x.dtype:
        values = _cast(values, x.dtype)
    end = start + 1 if start != -1 else 2147483647
    return call(
        I.set_value,
        x,
        values,
        dtype=x.dtype.proto,
        axes=[at],
        starts=[start],
        ends=[end],
        steps=[1],
        decrease_axes=[at],
    )


@tensor_method("diagonal_scatter")
def diagonal_scatter(x: Any, y: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, name: str | None = None) -> Any:
    """A copy of `x` with the diagonal of `axis1` and `axis2` replaced by `y`.

    AssertionError when `y` does not have the shape of the diagonal.
    """
    wanted = M.diagonal.infer(spec_of(x), offset=offset, axis1=axis1, axis2=axis2)[0].shape
    if tuple(spec_of(y).shape) != tuple(wanted):
        raise MisusedTensorError(
            f"diagonal_scatter: y must have the shape {list(wanted)}, got {list(spec_of(y).shape)}"
        )
    return call(M.fill_diagonal_tensor, x, y, offset=int(offset), dim1=int(axis1), dim2=int(axis2))


def _cast(x: Any, dtype: Any) -> Any:
    return call(E.cast, x, in_dtype=x.dtype.proto, out_dtype=dtypes.as_dtype(dtype).proto)


# functions that Paddle has as methods too, though their first argument is no single tensor
for _name in (
    "broadcast_shape",
    "broadcast_tensors",
    "concat",
    "scatter_nd",
    "shard_index",
    "slice",
    "stack",
    "hsplit",
    "dsplit",
):
    tensor_method(_name)(globals()[_name])


# --- in place


def _in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """The variant of a function that changes its first argument."""

    @functools.wraps(function)
    def method(x: Any, *args: Any, **kwargs: Any) -> Any:
        return in_place(x, function(before_change(x), *args, **kwargs))

    method.__name__ = method.__qualname__ = function.__name__ + "_"
    method.__doc__ = f"`{function.__name__}`, changing `x` itself."
    return method


IN_PLACE = (
    reshape,
    squeeze,
    unsqueeze,
    flatten,
    scatter,
    put_along_axis,
    index_add,
    index_put,
    index_fill,
    masked_fill,
    transpose,
    t,
    tril,
    triu,
)

for _function in IN_PLACE:
    _method = _in_place(_function)
    tensor_method(_method.__name__)(_method)
    globals()[_method.__name__] = _method
    __all__.append(_method.__name__)
