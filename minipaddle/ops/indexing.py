"""Reading and writing parts of a tensor: slices, gathering, scattering, masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import kernels
from ..errors import UnfitShapesError
from .manipulation import add_at, all_below, ints_of, zeros_added_at, zeros_placed
from .registry import DTypeNumber, Ints, Longs, Scalars, Spec, op
from .shapes import axis_of, broadcast_shape, product, same_as, unbroadcast

__all__: list[str] = []


# --- slices


def slice_bounds(n: int, start: int, end: int, step: int) -> slice:
    """The Python slice for Paddle's start, end and step over n entries.

    With a negative step an end of -1 means "through entry 0", as in Paddle; other negative numbers count from the end.
    """
    if step == 0:
        raise ValueError("the step of a slice must not be 0")
    if step > 0:
        a = max(start + n, 0) if start < 0 else min(start, n)
        b = max(end + n, 0) if end < 0 else min(end, n)
        return slice(a, max(a, b), step)
    a = min(start + n if start < 0 else start, n - 1)
    b = end if end >= -1 else max(end + n, -1)
    if a < 0 or a <= b:
        return slice(0, 0, 1)
    return slice(a, b if b >= 0 else None, step)


def _length(s: slice, n: int) -> int:
    return len(range(*s.indices(n)))


_ALL = slice(None)


def _window(shape: Sequence[int], axes: Any, starts: Any, ends: Any, steps: Any, decrease: Any) -> tuple[Any, ...]:
    """The basic index (ints, slices, a closing Ellipsis) for slice attributes."""
    index: list[Any] = [_ALL] * len(shape)
    if not len(axes) == len(starts) == len(ends) == len(steps):
        raise ValueError(
            f"axes {list(axes)}, starts {list(starts)}, ends {list(ends)} and steps must have the same length"
        )
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        at = axis_of(axis, len(shape), "axes")
        n = shape[at]
        if start == -1 and end == 0 and at in decrease:
            end = n  # the one entry at -1, written as [-1, 0)
        index[at] = slice_bounds(n, start, end, step)
    for at in decrease:
        s = index[at]
        if isinstance(s, int):
            continue
        if s.step == 1 and s.stop - s.start == 1:  # within bounds, as slice_bounds makes them
            index[at] = s.start
            continue
        if _length(s, shape[at]) < 1:
            asked = next((st for a, st in zip(axes, starts, strict=True) if axis_of(a, len(shape)) == at), None)
            raise IndexError(f"index {asked} is out of range for dimension {at} with {shape[at]} entries")
        if _length(s, shape[at]) > 1:
            raise ValueError(f"dimension {at} is to be dropped, but the slice takes {_length(s, shape[at])} entries")
        index[at] = s.indices(shape[at])[0]
    # the Ellipsis keeps the result an array (and a view) when every dimension is dropped
    return (*index, Ellipsis)


def _infer_window(x: Spec, axes: Any, starts: Any, ends: Any, steps: Any, decrease: Any, unknown: Any) -> Spec:
    """Shape after slicing; `unknown`: per axis whether start, end or step is known only later."""
    shape = list(x.shape)
    for axis, start, end, step, open_ in zip(axes, starts, ends, steps, unknown, strict=True):
        at = axis_of(axis, x.ndim, "axes")
        n = x.shape[at]
        if at in decrease:
            shape[at] = 1
            if (
                n != -1
                and not open_
                and not (start == -1 and end == 0)
                and _length(slice_bounds(n, start, end, step), n) != 1
            ):
                raise ValueError(f"index {start} is out of range for dimension {at} with {n} entries")
        elif open_:
            shape[at] = -1
        elif n != -1:
            shape[at] = _length(slice_bounds(n, start, end, step), n)
        else:
            shape[at] = _open_length(start, end, step)
    return Spec([n for i, n in enumerate(shape) if i not in decrease], x.dtype)


def _open_length(start: int, end: int, step: int) -> int:
    """Length of a slice of an unknown dimension: known only when it takes nothing."""
    if step > 0 and 0 <= start and 0 <= end <= start:
        return 0
    return -1


_STARTS = "StartsTensor?, EndsTensor?, StartsTensorList*?, EndsTensorList*?"


def _infer_slice(
    x: Spec,
    s: Any = None,
    e: Any = None,
    sl: Any = None,
    el: Any = None,
    *,
    axes: Any,
    starts: Any = (),
    ends: Any = (),
    infer_flags: Any = (),
    decrease_axis: Any = (),
) -> Spec:
    n = len(axes)
    starts = [-1] * n if s is not None or (sl and len(starts) != n) else starts
    ends = [-1] * n if e is not None or (el and len(ends) != n) else ends
    if not len(starts) == len(ends) == n:
        raise ValueError(f"axes {list(axes)}, starts {list(starts)} and ends {list(ends)} must have the same length")
    flags = infer_flags or [1] * n
    unknown = [s is not None or e is not None or ((bool(sl) or bool(el)) and flags[i] == -1) for i in range(n)]
    return _infer_window(x, axes, starts, ends, [1] * n, decrease_axis, unknown)


@op("slice", f"Input, {_STARTS} -> Out&", infer=_infer_slice, grad=f"Input#, {_STARTS}, Out@GRAD -> Input@GRAD")
def slice_(
    xp,
    x,
    starts_tensor=None,
    ends_tensor=None,
    starts_list=None,
    ends_list=None,
    *,
    axes: Ints,
    starts: Ints = (),
    ends: Ints = (),
    infer_flags: Ints = (),
    decrease_axis: Ints = (),
):
    if starts_tensor is not None or starts_list:
        starts = ints_of(starts_tensor, starts_list, starts)
    if ends_tensor is not None or ends_list:
        ends = ints_of(ends_tensor, ends_list, ends)
    return x[_window(x.shape, axes, starts, ends, (1,) * len(axes), decrease_axis)]


@slice_.backward
def _(
    xp,
    x,
    starts_tensor,
    ends_tensor,
    starts_list,
    ends_list,
    d_out,
    *,
    axes: Ints,
    starts: Ints = (),
    ends: Ints = (),
    decrease_axis: Ints = (),
):
    first, last = ints_of(starts_tensor, starts_list, starts), ints_of(ends_tensor, ends_list, ends)
    window = _window(x.shape, axes, first, last, [1] * len(axes), decrease_axis)
    return zeros_placed(xp, x.shape, d_out.dtype, window, d_out)


_STRIDED = "StartsTensor?, StartsTensorList*?, EndsTensor?, EndsTensorList*?, StridesTensor?, StridesTensorList*?"


def _infer_strided(
    x: Spec,
    s: Any = None,
    sl: Any = None,
    e: Any = None,
    el: Any = None,
    p: Any = None,
    pl: Any = None,
    *,
    axes: Any,
    starts: Any = (),
    ends: Any = (),
    strides: Any = (),
    infer_flags: Any = (),
    decrease_axis: Any = (),
) -> Spec:
    n = len(axes)
    starts = [-1] * n if s is not None or len(starts) != n else starts
    ends = [-1] * n if e is not None or len(ends) != n else ends
    strides = [1] * n if p is not None or len(strides) != n else strides
    flags = infer_flags or [1] * n
    whole = s is not None or e is not None or p is not None
    unknown = [whole or ((bool(sl) or bool(el) or bool(pl)) and flags[i] == -1) for i in range(n)]
    return _infer_window(x, axes, starts, ends, strides, decrease_axis, unknown)


@op(
    "strided_slice",
    f"Input, {_STRIDED} -> Out&",
    infer=_infer_strided,
    grad=f"Input#, {_STRIDED}, Out@GRAD -> Input@GRAD",
)
def strided_slice(
    xp,
    x,
    starts_tensor=None,
    starts_list=None,
    ends_tensor=None,
    ends_list=None,
    strides_tensor=None,
    strides_list=None,
    *,
    axes: Ints,
    starts: Ints = (),
    ends: Ints = (),
    strides: Ints = (),
    infer_flags: Ints = (),
    decrease_axis: Ints = (),
):
    first, last = ints_of(starts_tensor, starts_list, starts), ints_of(ends_tensor, ends_list, ends)
    return x[_window(x.shape, axes, first, last, ints_of(strides_tensor, strides_list, strides), decrease_axis)]


@strided_slice.backward
def _(
    xp,
    x,
    starts_tensor,
    starts_list,
    ends_tensor,
    ends_list,
    strides_tensor,
    strides_list,
    d_out,
    *,
    axes: Ints,
    starts: Ints = (),
    ends: Ints = (),
    strides: Ints = (),
    decrease_axis: Ints = (),
):
    first, last = ints_of(starts_tensor, starts_list, starts), ints_of(ends_tensor, ends_list, ends)
    window = _window(x.shape, axes, first, last, ints_of(strides_tensor, strides_list, strides), decrease_axis)
    return zeros_placed(xp, x.shape, d_out.dtype, window, d_out)


# --- writing


def set_window(shape: Sequence[int], axes: Any, starts: Any, ends: Any, steps: Any) -> tuple[slice, ...]:
    """The slices that `set_value` writes; ends of slices with a negative step count as in Python's `slice.indices`."""
    index = [slice(None)] * len(shape)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        at = axis_of(axis, len(shape), "axes")
        index[at] = slice_bounds(shape[at], start, end, step)
    return tuple(index)


def _write(xp: Any, x: Any, value: Any, window: tuple[slice, ...], decrease_axes: Any, none_axes: Any) -> Any:
    out = x.copy()
    out[window] = fitted(xp, value, out[window].shape, decrease_axes, none_axes)
    return out


def fitted(xp: Any, value: Any, shape: Sequence[int], decrease_axes: Any, none_axes: Any) -> Any:
    """`value` with 1-sized dimensions where indexed dimensions were dropped, so that it broadcasts to `shape`."""
    seen = [n for i, n in enumerate(shape) if i not in decrease_axes]
    for at in none_axes:
        seen.insert(at, 1)
    try:
        value = xp.broadcast_to(value, tuple(seen))
    except ValueError:
        # a value with leading ones fits too, as in NumPy
        while value.ndim > len(seen) and value.shape[0] == 1:
            value = value.reshape(value.shape[1:])
        if broadcast_fits(value.shape, seen):
            value = xp.broadcast_to(value, tuple(seen))
        else:
            raise ValueError(
                f"a value of shape {list(value.shape)} does not fit the indexed part of shape {seen}"
            ) from None
    return value.reshape(tuple(1 if i in decrease_axes else n for i, n in enumerate(shape)))


def broadcast_fits(shape: Sequence[int], target: Sequence[int]) -> bool:
    """Whether `shape` broadcasts to exactly `target`."""
    return len(shape) <= len(target) and all(
        n in (1, m) for n, m in zip(shape, tuple(target)[len(target) - len(shape) :], strict=True)
    )


_SET_INPUTS = "Input{}, ValueTensor?{}, StartsTensorList*?, EndsTensorList*?, StepsTensorList*?"


def _infer_set_value(x: Spec, *_: Any, **__: Any) -> Spec:
    return x


@op(
    "set_value",
    _SET_INPUTS.format("", "") + " -> Out",
    infer=_infer_set_value,
    grad="ValueTensor?#, StartsTensorList*?, EndsTensorList*?, StepsTensorList*?, Out@GRAD -> "
    "Input@GRAD, ValueTensor@GRAD",
)
def set_value(
    xp,
    x,
    value=None,
    starts_list=None,
    ends_list=None,
    steps_list=None,
    *,
    dtype: DTypeNumber = 5,
    axes: Longs,
    starts: Longs = (),
    ends: Longs = (),
    steps: Longs = (),
    decrease_axes: Longs = (),
    none_axes: Longs = (),
    values: Scalars = (),
    shape: Longs = (),
):
    if value is None:
        value = xp.asarray(np.asarray(list(values)).astype(x.dtype).reshape(tuple(shape)))
    window = _set_window_of(x.shape, axes, starts, ends, steps, starts_list, ends_list, steps_list, decrease_axes)
    return _write(xp, x, value.astype(x.dtype), window, decrease_axes, none_axes)


def _set_window_of(
    shape: Any,
    axes: Any,
    starts: Any,
    ends: Any,
    steps: Any,
    starts_list: Any,
    ends_list: Any,
    steps_list: Any,
    decrease: Any,
) -> tuple[slice, ...]:
    first, last = ints_of(None, starts_list, starts), ints_of(None, ends_list, ends)
    for i, axis in enumerate(axes):
        if axis in decrease and first[i] == -1 and last[i] == 0:
            last[i] = shape[axis]
    return set_window(shape, axes, first, last, ints_of(None, steps_list, steps))


@set_value.backward
def _(
    xp,
    value,
    starts_list,
    ends_list,
    steps_list,
    d_out,
    *,
    axes: Longs,
    starts: Longs = (),
    ends: Longs = (),
    steps: Longs = (),
    decrease_axes: Longs = (),
    none_axes: Longs = (),
    needs: tuple[bool, ...] = (True, True),
):
    window = _set_window_of(d_out.shape, axes, starts, ends, steps, starts_list, ends_list, steps_list, decrease_axes)
    part = d_out[window] if window else d_out
    dx = dv = None
    if needs[0]:
        outside = xp.ones(tuple(d_out.shape), bool)
        outside[window] = False
        dx = xp.where(outside, d_out, d_out.dtype.type(0))
    if needs[1] and value is not None:
        seen = [n for i, n in enumerate(part.shape) if i not in decrease_axes]
        for at in none_axes:
            seen.insert(at, 1)
        part = part.reshape(tuple(seen))
        lead = len(value.shape) - len(seen)
        dv = unbroadcast(xp, part.reshape((1,) * lead + tuple(seen)) if lead > 0 else part, value.shape)
    return dx, dv


# --- gathering


def in_range(
    xp: Any, index: Any, n: int, what: str, negative: bool = False, error: type[Exception] = ValueError
) -> Any:
    """The index itself; `error` when an entry is outside of [0, n) (or of [-n, n) with `negative`)."""
    if index.dtype.kind not in "iu":
        raise ValueError(f"{what} must be an integer tensor, got {index.dtype}")
    if index.size:
        if all_below(index, n):
            return index
        low, high = int(index.min()), int(index.max())
        if low < (-n if negative else 0) or high >= n:
            allowed = f"[{-n if negative else 0}, {n})"
            raise error(f"{what} holds {low if low < (-n if negative else 0) else high}, which is outside of {allowed}")
    return index


def along(axis: int, index: Any) -> tuple[Any, ...]:
    """The index that applies `index` to dimension `axis`."""
    return (*(slice(None),) * axis, index)


def _gather_axis(x: Any, axis_tensor: Any, axis: int) -> int:
    return axis_of(axis if axis_tensor is None else int(axis_tensor.item()), len(x.shape))


def _flat_index(index: Any) -> Any:
    if index.ndim == 2 and index.shape[1] == 1:
        return index.reshape(-1)
    if index.ndim > 1:
        raise ValueError(f"the index must have one dimension (or shape [n, 1]), got shape {list(index.shape)}")
    return index


def _infer_gather(x: Spec, index: Spec, axis_tensor: Any = None, *, axis: int = 0) -> Spec:
    if index.ndim > 2 or (index.ndim == 2 and index.shape[1] not in (1, -1)):
        raise ValueError(f"the index must have one dimension (or shape [n, 1]), got shape {list(index.shape)}")
    if axis_tensor is not None:  # which dimension is exchanged is known when the Program runs
        return Spec((-1,) * (x.ndim - 1 + min(index.ndim, 1)), x.dtype)
    at = axis_of(axis, x.ndim)
    return Spec((*x.shape[:at], *index.shape[:1], *x.shape[at + 1 :]), x.dtype)


@op("gather", "X, Index, Axis? -> Out", infer=_infer_gather, grad="X#, Index, Axis?, Out@GRAD -> X@GRAD")
def gather(xp, x, index, axis_tensor=None, *, axis: int = 0):
    at = _gather_axis(x, axis_tensor, axis)
    return x.take(in_range(xp, _flat_index(index), x.shape[at], "the index", error=IndexError), axis=at)


def taken_back(xp: Any, d_out: Any, index: Any, shape: Sequence[int], axis: int) -> Any:
    """Gradient of taking slices `index` (0-D or 1-D) along `axis`: each slice of `d_out` added to its place."""
    if index.ndim == 0:
        index, d_out = index.reshape(1), xp.expand_dims(d_out, axis)
    if axis == 0:
        return zeros_added_at(xp, shape, d_out.dtype, (index,), d_out)
    front = list(shape)
    front[0], front[axis] = shape[axis], shape[0]
    return zeros_added_at(xp, front, d_out.dtype, (index,), d_out.swapaxes(0, axis)).swapaxes(0, axis)


@gather.backward
def _(xp, x, index, axis_tensor, d_out, *, axis: int = 0):
    return taken_back(xp, d_out, _flat_index(index), x.shape, _gather_axis(x, axis_tensor, axis))


def _infer_index_select(x: Spec, index: Spec, *, dim: int = 0) -> Spec:
    if index.ndim not in (1, 2) or (index.ndim == 2 and index.shape[1] not in (1, -1)):
        raise ValueError(f"the index must have one dimension, got shape {list(index.shape)}")
    at = axis_of(dim, x.ndim, "dim")
    return Spec((*x.shape[:at], index.shape[0], *x.shape[at + 1 :]), x.dtype)


@op("index_select", "X, Index -> Out", infer=_infer_index_select, grad="X#, Index, Out@GRAD -> X@GRAD")
def index_select(xp, x, index, *, dim: int = 0):
    if not index.ndim:
        raise ValueError("the index must have one dimension, got a scalar tensor")
    at = axis_of(dim, x.ndim, "dim")
    return x.take(in_range(xp, _flat_index(index).reshape(-1), x.shape[at], "the index", negative=True), axis=at)


@index_select.backward
def _(xp, x, index, d_out, *, dim: int = 0):
    return taken_back(xp, d_out, _flat_index(index).reshape(-1), x.shape, axis_of(dim, len(x.shape)))


def _infer_gather_nd(x: Spec, index: Spec) -> Spec:
    if not index.shape:
        raise ValueError("the index must have at least one dimension")
    depth = index.shape[-1]
    if depth == -1:
        raise ValueError("the last dimension of the index must be known: it says how many dimensions of X are indexed")
    if depth > x.ndim:
        raise ValueError(f"the index names {depth} dimensions, but X has {x.ndim}")
    return Spec((*index.shape[:-1], *x.shape[depth:]), x.dtype)


def _columns(xp: Any, index: Any, shape: Sequence[int], error: type[Exception] = ValueError) -> tuple[Any, ...]:
    """The columns of a [..., depth] index, each checked against its dimension."""
    return tuple(
        in_range(xp, index[..., i], shape[i], f"column {i} of the index", negative=True, error=error)
        for i in range(index.shape[-1])
    )


@op("gather_nd", "X, Index -> Out", infer=_infer_gather_nd, grad="X#, Index, Out@GRAD -> X@GRAD")
def gather_nd(xp, x, index):
    _infer_gather_nd(x, index)
    columns = _columns(xp, index, x.shape)
    return x[columns] if columns else xp.broadcast_to(x, (*index.shape[:-1], *x.shape)).copy()


@gather_nd.backward
def _(xp, x, index, d_out):
    columns = tuple(index[..., i] for i in range(index.shape[-1]))
    if not columns:
        return d_out.sum(axis=tuple(range(index.ndim - 1)))
    return zeros_added_at(xp, x.shape, d_out.dtype, columns, d_out)


def _infer_index_sample(x: Spec, index: Spec) -> Spec:
    if x.ndim != 2 or index.ndim != 2:
        raise ValueError(f"X and Index must have two dimensions, got {list(x.shape)} and {list(index.shape)}")
    if -1 not in (x.shape[0], index.shape[0]) and x.shape[0] != index.shape[0]:
        raise ValueError(f"X has {x.shape[0]} rows but Index has {index.shape[0]}; they must be equal")
    return Spec(index.shape, x.dtype)


@op("index_sample", "X, Index -> Out", infer=_infer_index_sample, grad="X#, Index, Out@GRAD -> X@GRAD")
def index_sample(xp, x, index):
    _infer_index_sample(x, index)
    return x[along_axis(xp, in_range(xp, index, x.shape[1], "the index"), 1)]


@index_sample.backward
def _(xp, x, index, d_out):
    return zeros_added_at(xp, x.shape, d_out.dtype, along_axis(xp, index, 1), d_out)


def along_axis(xp: Any, index: Any, axis: int) -> tuple[Any, ...]:
    """The advanced index that stands for `take_along_axis` with `index`."""
    return tuple(
        index if i == axis else xp.arange(n).reshape((1,) * i + (-1,) + (1,) * (index.ndim - i - 1))
        for i, n in enumerate(index.shape)
    )


def _infer_along(x: Spec, index: Spec, *_: Any, Axis: int, **__: Any) -> Spec:
    if x.ndim != index.ndim:
        raise ValueError(f"Input has {x.ndim} dimensions but Index has {index.ndim}; they must be equal")
    axis_of(Axis, x.ndim, "Axis")
    return Spec(index.shape, x.dtype)


@op("take_along_axis", "Input, Index -> Result", infer=_infer_along, grad="Input#, Index, Result@GRAD -> Input@GRAD")
def take_along_axis(xp, x, index, *, Axis: int):
    _infer_along(x, index, Axis=Axis)
    at = axis_of(Axis, x.ndim)
    index = in_range(xp, index, x.shape[at], "the index", negative=True)
    return x[along_axis(xp, index, at)]


@take_along_axis.backward
def _(xp, x, index, d_out, *, Axis: int):
    return zeros_added_at(xp, x.shape, d_out.dtype, along_axis(xp, index, axis_of(Axis, index.ndim)), d_out)


_REDUCTIONS = ("assign", "add", "sum", "mul", "multiply", "amin", "amax", "mean")


@op(
    "put_along_axis",
    "Input, Index, Value -> Result",
    infer=lambda x, index, value, **_: x,
    grad="Input, Index, Value, Result, Result@GRAD -> Input@GRAD, Value@GRAD",
)
def put_along_axis(xp, x, index, value, *, Axis: int, Reduce: str = "assign", Include_self: bool = True):
    if Reduce not in _REDUCTIONS:
        raise ValueError(f"Reduce = {Reduce!r} is unknown; expected one of {', '.join(_REDUCTIONS)}")
    _infer_along(x, index, Axis=Axis)
    at = axis_of(Axis, x.ndim)
    index = in_range(xp, index, x.shape[at], "the index", negative=True)
    place = along_axis(xp, index, at)
    value = xp.broadcast_to(value.astype(x.dtype), index.shape)
    out = x.copy()
    if Reduce == "assign":
        out[place] = value
        return out
    if not Include_self:
        out[place] = {"mul": 1, "multiply": 1, "amin": _extreme(x.dtype, True), "amax": _extreme(x.dtype, False)}.get(
            Reduce, 0
        )
    if Reduce in ("add", "sum", "mean"):
        add_at(xp, out, place, value)
    else:
        function = {"mul": xp.multiply, "multiply": xp.multiply, "amin": xp.minimum, "amax": xp.maximum}[Reduce]
        _combine_at(xp, function, out, place, xp.broadcast_to(value, tuple(index.shape)))
    if Reduce == "mean":
        count = _counts(xp, x.shape, place, index.shape, x.dtype, Include_self)
        out = xp.where(count > 0, out / xp.maximum(count, 1), out).astype(x.dtype)
    return out


def _combine_at(xp: Any, function: Callable[[Any, Any], Any], out: Any, place: Any, values: Any) -> None:
    """``out[place] = function(out[place], values)`` in place, also where places repeat; `out` is contiguous.

    CuPy has no `multiply.at`, and its `maximum.at` takes float64 through float32.
    """
    at = xp.arange(out.size).reshape(tuple(out.shape))[place].reshape(-1)
    if not at.size:
        return
    order = xp.argsort(at, kind="stable")
    at, values, flat = at[order], values.reshape(-1)[order], out.reshape(-1)
    turn = xp.arange(at.size) - xp.searchsorted(at, at)  # how many of the same place come before
    for i in range(int(turn.max()) + 1):
        now = xp.nonzero(turn == i)[0]
        flat[at[now]] = function(flat[at[now]], values[now])


def _extreme(dtype: Any, largest: bool) -> Any:
    if dtype.kind == "f":
        return np.inf if largest else -np.inf
    return np.iinfo(dtype).max if largest else np.iinfo(dtype).min


def _counts(xp: Any, shape: Any, place: Any, values_shape: Any, dtype: Any, include_self: bool) -> Any:
    count = xp.full(tuple(shape), 1 if include_self else 0, dtype)
    add_at(xp, count, place, xp.ones(tuple(values_shape), dtype))
    return xp.where(count == 0, dtype.type(1), count)


@put_along_axis.backward
def _(xp, x, index, value, out, d_out, *, Axis: int, Reduce: str = "assign", Include_self: bool = True):
    at = axis_of(Axis, index.ndim)
    place = along_axis(xp, index, at)
    touched = xp.zeros(tuple(d_out.shape), bool)
    touched[place] = True
    zero, one = d_out.dtype.type(0), d_out.dtype.type(1)
    if Reduce == "assign":
        # of repeated places the last value stays
        last = xp.zeros(tuple(d_out.shape), "int64")
        order = xp.arange(product(index.shape)).reshape(tuple(index.shape))
        last[place] = order
        dx = xp.where(touched, zero, d_out)
        dv = xp.where(last[place] == order, d_out[place], zero)
    elif Reduce in ("add", "sum"):
        dx = d_out if Include_self else xp.where(touched, zero, d_out)
        dv = d_out[place]
    elif Reduce == "mean":
        share = d_out / xp.where(touched, _counts(xp, d_out.shape, place, index.shape, d_out.dtype, Include_self), one)
        dx = share if Include_self else xp.where(touched, zero, d_out)
        dv = share[place]
    elif Reduce in ("mul", "multiply"):
        rest = d_out * out
        dx = xp.where(touched, rest / xp.where(x == 0, one, x) if Include_self else xp.zeros_like(d_out), d_out)
        full = xp.broadcast_to(value, tuple(index.shape))
        dv = rest[place] / full
    else:
        winner = xp.equal(xp.broadcast_to(value, tuple(index.shape)), out[place])
        own = (x == out) if Include_self else xp.zeros(tuple(d_out.shape), bool)
        number = own.astype(d_out.dtype)
        add_at(xp, number, place, winner.astype(d_out.dtype))
        share = d_out / xp.where(number == 0, one, number)
        dx = xp.where(touched, xp.where(own, share, zero), d_out)
        dv = xp.where(winner, share[place], zero)
    return dx, unbroadcast(xp, dv, value.shape)


# --- scattering


def _infer_scatter(x: Spec, ids: Spec, updates: Spec, **_: Any) -> Spec:
    if ids.ndim not in (0, 1) and not (ids.ndim == 2 and ids.shape[1] in (1, -1)):
        raise ValueError(f"the index must have one dimension, got shape {list(ids.shape)}")
    rows = tuple(updates.shape[1:]) if ids.ndim else tuple(updates.shape)
    for m, n in zip(rows, x.shape[1:], strict=False):
        if -1 not in (m, n) and m != n:
            raise ValueError(
                f"each update must have the shape {list(x.shape[1:])} of a row of X, got updates {list(updates.shape)}"
            )
    if ids.ndim and -1 not in (ids.shape[0], updates.shape[0]) and ids.shape[0] != updates.shape[0]:
        raise ValueError(f"the index has {ids.shape[0]} entries but there are {updates.shape[0]} updates")
    return x


@op("scatter", "X, Ids, Updates -> Out", infer=_infer_scatter, grad="Ids, Updates#, Out@GRAD -> X@GRAD, Updates@GRAD")
def scatter(xp, x, ids, updates, *, overwrite: bool = True):
    _infer_scatter(x, ids, updates)
    ids = in_range(xp, ids.reshape(-1), x.shape[0], "the index", error=IndexError)
    updates = updates.reshape((ids.shape[0], *x.shape[1:]))
    out = x.copy()
    if overwrite:
        out[ids] = updates
    else:  # rows that are named are cleared first, then the updates add up
        out[ids] = 0
        add_at(xp, out, ids, updates)
    return out


@scatter.backward
def _(xp, ids, updates, d_out, *, overwrite: bool = True, needs: tuple[bool, ...] = (True, True)):
    ids = ids.reshape(-1)
    dx = None
    if needs[0]:
        kept = xp.ones((d_out.shape[0],) + (1,) * (d_out.ndim - 1), bool)
        kept[ids] = False
        dx = xp.where(kept, d_out, d_out.dtype.type(0))
    return dx, (d_out[ids].reshape(tuple(updates.shape)) if needs[1] else None)


def _infer_scatter_nd_add(x: Spec, index: Spec, updates: Spec) -> Spec:
    depth = index.shape[-1]
    if depth != -1:
        if depth > x.ndim:
            raise ValueError(f"the index names {depth} dimensions, but X has {x.ndim}")
        wanted = (*index.shape[:-1], *x.shape[depth:])
        if len(wanted) != updates.ndim or any(
            -1 not in (m, n) and m != n for m, n in zip(wanted, updates.shape, strict=True)
        ):
            raise ValueError(f"updates must have shape {list(wanted)}, got {list(updates.shape)}")
    return x


@op(
    "scatter_nd_add",
    "X, Index, Updates -> Out",
    infer=_infer_scatter_nd_add,
    grad="Index, Updates#, Out@GRAD -> X@GRAD, Updates@GRAD",
)
def scatter_nd_add(xp, x, index, updates):
    _infer_scatter_nd_add(x, index, updates)
    out = x.copy()
    columns = _columns(xp, index, x.shape, IndexError)
    if columns:
        add_at(xp, out, columns, updates)
    else:
        out = out + updates.sum(axis=tuple(range(index.ndim - 1)))
    return out


@scatter_nd_add.backward
def _(xp, index, updates, d_out):
    columns = tuple(index[..., i] for i in range(index.shape[-1]))
    if not columns:
        return d_out, xp.broadcast_to(d_out, tuple(updates.shape))
    return d_out, d_out[columns]


@op(
    "index_add",
    "X, Index, AddValue -> Out",
    infer=lambda x, index, value, *, axis=0: x,
    grad="Index, AddValue#, Out@GRAD -> X@GRAD, AddValue@GRAD",
)
def index_add(xp, x, index, value, *, axis: int = 0):
    at = axis_of(axis, x.ndim)
    index = in_range(xp, index, x.shape[at], "the index", negative=True)
    wanted = (*x.shape[:at], index.shape[0], *x.shape[at + 1 :])
    if tuple(value.shape) != wanted:
        raise ValueError(f"AddValue must have shape {list(wanted)}, got {list(value.shape)}")
    out = x.copy()
    add_at(xp, out, along(at, index), value)
    return out


@index_add.backward
def _(xp, index, value, d_out, *, axis: int = 0):
    return d_out, xp.take(d_out, index, axis=axis_of(axis, d_out.ndim))


def _index_arrays(xp: Any, indices: Sequence[Any], shape: Sequence[int]) -> tuple[Any, ...]:
    """Index tensors as integer arrays: a boolean one stands for the places where it is true."""
    found: list[Any] = []
    for i in indices:
        if i.dtype.kind == "b":
            if tuple(i.shape) != tuple(shape[len(found) : len(found) + i.ndim]):
                at = shape[len(found) : len(found) + i.ndim]
                raise IndexError(
                    f"a boolean index has shape {list(i.shape)}, but the indexed dimensions are {list(at)}"
                )
            found.extend(xp.nonzero(i))
        else:
            if len(found) >= len(shape):
                raise IndexError(f"too many indices for a tensor of {len(shape)} dimensions")
            found.append(in_range(xp, i, shape[len(found)], f"index {len(found)}", negative=True))
    if len(found) > len(shape):
        raise IndexError(f"too many indices for a tensor of {len(shape)} dimensions")
    return tuple(found)


@op(
    "index_put",
    "x, indices*, value -> out",
    infer=lambda x, indices, value, **_: x,
    grad="x#, indices, value#, out@GRAD -> x@GRAD, value@GRAD",
)
def index_put(xp, x, indices, value, *, accumulate: bool = False):
    if value.dtype != x.dtype:
        raise ValueError(f"x is {x.dtype} but value is {value.dtype}; cast one of them")
    places = _index_arrays(xp, indices, x.shape)
    wanted = (*broadcast_shape(*[p.shape for p in places]), *x.shape[len(places) :])
    if not broadcast_fits(value.shape, wanted):
        raise ValueError(f"a value of shape {list(value.shape)} does not fit the indexed part of shape {list(wanted)}")
    out = x.copy()
    if accumulate:
        add_at(xp, out, places, value)
    else:
        out[places] = value
    return out


@index_put.backward
def _(xp, x, indices, value, d_out, *, accumulate: bool = False, needs: tuple[bool, ...] = (True, True)):
    places = _index_arrays(xp, indices, x.shape)
    dx = dv = None
    if needs[0]:
        if accumulate:
            dx = d_out
        else:
            kept = xp.ones(tuple(d_out.shape[: len(places)]) + (1,) * (d_out.ndim - len(places)), bool)
            kept[places] = False
            dx = xp.where(kept, d_out, d_out.dtype.type(0))
    if needs[1]:
        dv = unbroadcast(xp, d_out[places], value.shape)
    return dx, dv


# --- masks and conditions


def _infer_masked_select(x: Spec, mask: Spec) -> Spec:
    try:
        broadcast_shape(x.shape, mask.shape)
    except ValueError as error:
        raise UnfitShapesError(str(error)) from None
    return Spec((-1,), x.dtype)


def _both(xp: Any, x: Any, mask: Any) -> tuple[Any, Any]:
    if mask.dtype.kind != "b":
        raise ValueError(f"the mask must be a bool tensor, got {mask.dtype}")
    if x.shape == mask.shape:
        return x, mask
    shape = broadcast_shape(x.shape, mask.shape)
    return xp.broadcast_to(x, shape), xp.broadcast_to(mask, shape)


def _chosen(xp: Any, x: Any, mask: Any) -> Any:
    """``x[mask]``."""
    kernel = kernels.lookup("compress")
    found = None if kernel is None or x.ndim != mask.ndim else kernel(mask, x)
    return x[mask] if found is None else found


def _put_back(xp: Any, mask: Any, d_out: Any, shape: Sequence[int]) -> Any:
    """Zeros of `shape` with `d_out` where the mask, which covers the first dimensions, is true."""
    kernel = kernels.lookup("spread")
    found = None if kernel is None or mask.ndim != len(shape) else kernel(mask, d_out)
    return zeros_added_at(xp, shape, d_out.dtype, xp.nonzero(mask), d_out, unique=True) if found is None else found


def _infer_masked_take(x: Spec, mask: Spec) -> Spec:
    if mask.ndim > x.ndim or any(-1 not in (m, n) and m != n for m, n in zip(mask.shape, x.shape, strict=False)):
        raise IndexError(f"a bool index of shape {list(mask.shape)} does not match the indexed dimensions of {list(x.shape)}")
    return Spec((-1, *x.shape[mask.ndim :]), x.dtype)


@op("masked_take", "X, Mask -> Out", infer=_infer_masked_take, grad="X#, Mask, Out@GRAD -> X@GRAD")
def masked_take(xp, x, mask):
    """``x[mask]`` in one step; Programs get the operators that Paddle makes of it."""
    return _chosen(xp, x, mask)


@masked_take.backward
def _(xp, x, mask, d_out):
    return _put_back(xp, mask, d_out, x.shape)


@op("masked_select", "X, Mask -> Y", infer=_infer_masked_select, grad="X#, Mask, Y@GRAD -> X@GRAD")
def masked_select(xp, x, mask):
    try:
        x, mask = _both(xp, x, mask)
    except ValueError as error:
        raise UnfitShapesError(str(error)) from None
    return _chosen(xp, x, mask)


@masked_select.backward
def _(xp, x, mask, d_out):
    shape = broadcast_shape(x.shape, mask.shape)
    return unbroadcast(xp, _put_back(xp, xp.broadcast_to(mask, shape), d_out, shape), x.shape)


def _infer_where(condition: Spec, x: Spec, y: Spec) -> Spec:
    if -1 not in (*condition.shape, *x.shape, *y.shape) and not tuple(condition.shape) == tuple(x.shape) == tuple(
        y.shape
    ):
        raise ValueError(
            f"Condition {list(condition.shape)}, X {list(x.shape)} and Y {list(y.shape)} must have the same shape"
        )
    return Spec(broadcast_shape(condition.shape, x.shape, y.shape), x.dtype)


@op("where", "Condition, X, Y -> Out", infer=_infer_where, grad="Condition, X#, Y#, Out@GRAD -> X@GRAD, Y@GRAD")
def where(xp, condition, x, y):
    if condition.dtype.kind != "b":
        raise ValueError(f"Condition must be a bool tensor, got {condition.dtype}")
    if x.dtype != y.dtype:
        raise ValueError(f"X is {x.dtype} but Y is {y.dtype}; cast one of them")
    if not condition.shape == x.shape == y.shape:
        _infer_where(condition, x, y)
    return xp.where(condition, x, y)


@where.backward
def _(xp, condition, x, y, d_out, *, needs: tuple[bool, ...] = (True, True)):
    zero = d_out.dtype.type(0)
    dx = xp.where(condition, d_out, zero) if needs[0] else None
    dy = xp.where(condition, zero, d_out) if needs[1] else None
    return dx, dy


def _infer_where_index(x: Spec) -> Spec:
    return Spec((-1, x.ndim), np.dtype(np.int64))


@op("where_index", "Condition -> Out", infer=_infer_where_index)
def where_index(xp, x):
    if not x.ndim:
        raise ValueError("a 0-D tensor has no indices; reshape it to [1] first")
    return xp.stack(xp.nonzero(x), 1).astype("int64")


@op("multiplex", "X*, Ids -> Out", infer=lambda xs, ids: xs[0], grad="X#, Ids, Out@GRAD -> X@GRAD")
def multiplex(xp, xs, ids):
    rows = in_range(xp, ids.reshape(-1), len(xs), "the index")
    return xp.stack(xs, 0)[rows, xp.arange(rows.shape[0])]


@multiplex.backward
def _(xp, xs, ids, d_out):
    rows = ids.reshape((-1,) + (1,) * (d_out.ndim - 1))
    zero = d_out.dtype.type(0)
    return [xp.where(rows == number, d_out, zero) for number in range(len(xs))]


@op("shard_index", "X -> Out", infer=same_as(0))
def shard_index(xp, x, *, index_num: int, nshards: int, shard_id: int, ignore_value: int = -1):
    if not 0 <= shard_id < nshards:
        raise ValueError(f"shard_id = {shard_id} must be in [0, {nshards})")
    size = (index_num + nshards - 1) // nshards
    x = in_range(xp, x, index_num, "the input")
    return xp.where(x // size == shard_id, x % size, x.dtype.type(ignore_value)).astype(x.dtype)
