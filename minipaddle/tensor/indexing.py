"""Reading and writing by index: ``x[...]`` and ``x[...] = v``.

An index is taken apart into a basic part (ints, slices, None) and index tensors. The basic part becomes `slice`,
`strided_slice` and `unsqueeze2`; index tensors become `gather_nd` over a transposed tensor: the operators Paddle 2.6.2
writes into Programs. An int next to index tensors belongs to the basic part, as in Paddle (NumPy treats it as one more
index tensor, which can change the order of dimensions).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import dtypes
from ..backend import xp as backend
from ..core.context import context
from ..core.dispatch import call, in_place
from ..core.recorder import spec_of
from ..core.tensor import Tensor, isinstance_strict, make_tensor, tensor_method
from ..errors import AxisError, InvalidIndexError, UnsupportedDtypeError, WrongTypeError
from ..ops import elementwise as E
from ..ops import indexing as I
from ..ops import manipulation as M
from ..ops.registry import Spec
from ..ops.shapes import broadcast_shape
from .arguments import constant, is_symbolic, is_tensor_like

__all__: list[str] = []

LARGE = 2147483647  # Paddle's "to the end"


@dataclass
class Index:
    """A parsed index over a tensor.

    axes ... steps: the basic part, entries ints or symbolic tensors. decrease: axes that an int drops. none_axes: where
    new dimensions go, counted in the result of the basic part. places: (dimension after slicing, index tensor).
    empty: the slice is known to take nothing.
    """

    axes: list[int] = field(default_factory=list)
    starts: list[Any] = field(default_factory=list)
    ends: list[Any] = field(default_factory=list)
    steps: list[Any] = field(default_factory=list)
    decrease: list[int] = field(default_factory=list)
    none_axes: list[int] = field(default_factory=list)
    places: list[tuple[int, Any]] = field(default_factory=list)
    empty: bool = False

    def add(self, axis: int, start: Any, end: Any, step: Any) -> None:
        """Index one axis by a slice."""
        self.axes.append(axis)
        self.starts.append(start)
        self.ends.append(end)
        self.steps.append(step)

    @property
    def symbolic(self) -> bool:
        """Whether a bound is known only when the Program runs."""
        return False in [isinstance(v, int) for v in (*self.starts, *self.ends, *self.steps)]


def _is_int(item: Any) -> bool:
    return isinstance(item, (int, np.integer)) and not isinstance(item, (bool, np.bool_))


def _as_index_tensor(item: Any) -> Any:
    """A list, tuple, range or array as an index tensor."""
    if is_tensor_like(item):
        return item
    if isinstance(item, (list, tuple)) and any(is_tensor_like(v) for v in item):
        item = [v.numpy() if isinstance_strict(v, Tensor) else v for v in item]
    array = np.asarray(item)
    if array.size == 0 and array.dtype.kind == "f":
        array = array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise ValueError(f"an index list must hold integers or bools, got values of type {array.dtype}")
    return constant(array.astype(np.int64) if array.dtype.kind in "iu" else array)


def _rank_of(item: Any) -> int:
    """How many dimensions an item of an index uses up."""
    if type(item) is int or type(item) is slice:
        return 1
    if item is None or item is Ellipsis:
        return 0
    if is_tensor_like(item):
        spec = spec_of(item)
        return spec.ndim if spec.dtype.kind == "b" else 1
    return 1


def _normal(item: Any) -> Any:
    """One item of an index as int, slice, None, Ellipsis, a symbolic 0-D tensor, or an index tensor."""
    if type(item) is int or type(item) is slice:
        return item
    if item is None or item is Ellipsis or isinstance(item, slice) or _is_int(item):
        return int(item) if isinstance(item, np.integer) else item
    if isinstance(item, (bool, np.bool_)):
        return constant(np.asarray(item))
    if is_tensor_like(item):
        spec = spec_of(item)
        if spec.dtype.kind not in "iub":
            raise ValueError(f"an index tensor must hold integers or bools, got {item.dtype}")
        if spec.ndim == 0 and spec.dtype.kind in "iu" and not is_symbolic(item):
            return int(item)
        return item
    if isinstance(item, np.ndarray) and item.ndim == 0 and item.dtype.kind in "iu":
        return int(item)
    if isinstance(item, (list, tuple, range, np.ndarray)):
        return _as_index_tensor(item)
    raise InvalidIndexError(
        "a tensor is indexed by ints, slices, None, ..., lists, arrays and tensors of integers or bools, "
        f"got {type(item).__name__}"
    )


def _bound(value: Any, what: str) -> Any:
    """A slice bound as an int or a symbolic tensor."""
    if type(value) is int:
        return value
    if is_tensor_like(value):
        if is_symbolic(value):
            return value
        if value._data.size != 1 or value._data.dtype.kind not in "iu":
            raise UnsupportedDtypeError(
                f"the {what} of a slice must be one integer, got a tensor of shape {value.shape} and {value.dtype}"
            )
        return int(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "iu":
        return int(value.item())
    raise WrongTypeError(f"the {what} of a slice must be an integer, got {type(value).__name__}")


def parse(item: Any, spec: Spec) -> Index:
    """Take an index apart.

    IndexError for too many items and ints out of range, ValueError for things that no index is made of.
    """
    items = [_normal(i) for i in (item if isinstance(item, tuple) else (item,))]
    dots = [i for i, v in enumerate(items) if v is Ellipsis]
    used = sum(_rank_of(v) for v in items)
    if used > spec.ndim:
        raise AxisError(
            f"too many indices: {used} for a tensor of {spec.ndim} dimensions and shape {list(spec.shape)}"
        )
    if len(dots) > 1:
        raise ValueError(f"an index may hold one ... only, got {len(dots)}")
    if dots:
        items[dots[0] : dots[0] + 1] = [slice(None)] * (spec.ndim - used)
    found = Index()
    axis = out = 0
    for v in items:
        if v is None:
            found.none_axes.append(out)
            out += 1
        elif isinstance(v, int):
            _add_int(found, axis, v, spec.shape[axis])
            axis += 1
        elif isinstance(v, slice):
            _add_slice(found, axis, v, spec.shape[axis])
            axis += 1
            out += 1
        else:
            kind = spec_of(v)
            if kind.ndim == 0 and kind.dtype.kind in "iu":  # known when the Program runs
                found.add(axis, v, v + 1, 1)
                found.decrease.append(axis)
                axis += 1
                continue
            if kind.dtype.kind == "b":
                at = spec.shape[axis : axis + kind.ndim]
                if len(at) != kind.ndim or any(
                    -1 not in (m, n) and m != n for m, n in zip(at, kind.shape, strict=True)
                ):
                    raise IndexError(
                        f"a bool index of shape {list(kind.shape)} does not match the indexed dimensions {list(at)}"
                    )
            found.places.append((out, v))
            step = _rank_of(v)
            axis += step
            out += step
    return found


def _add_int(found: Index, axis: int, value: int, n: int) -> None:
    if n != -1 and not -n <= value < n:
        raise IndexError(f"index {value} is out of range for dimension {axis} with {n} entries")
    if n != -1 and value < 0:
        value += n
    found.add(axis, value, value + 1 if value != -1 else LARGE, 1)
    found.decrease.append(axis)


def _add_slice(found: Index, axis: int, s: slice, n: int) -> None:
    if s.start is None and s.stop is None and s.step is None:
        return
    step = 1 if s.step is None else _bound(s.step, "step")
    if isinstance(step, int) and step == 0:
        raise ValueError("the step of a slice must not be 0")
    backwards = isinstance(step, int) and step < 0
    start = (LARGE if backwards else 0) if s.start is None else _bound(s.start, "start")
    stop = (-1 if backwards else LARGE) if s.stop is None else _bound(s.stop, "stop")
    if backwards and s.stop is not None and isinstance(stop, int) and stop < 0:
        # in the attributes -1 means "through entry 0", so Python's -1 has to be said without a sign
        if n != -1:
            stop = max(stop + n, -1)
        elif stop == -1:
            found.empty = True
    found.add(axis, start, stop, step)


def _tensor_list(values: Sequence[Any]) -> Any:
    """The tensor-list slot for bounds of which some are symbolic; None when all are numbers."""
    if all(isinstance(v, int) for v in values):
        return None
    return [constant(np.asarray(v, np.int32)) if isinstance(v, int) else v for v in values]


def _numbers(values: Sequence[Any]) -> list[int]:
    return [v if isinstance(v, int) else -1 for v in values]


def _basic(x: Any, at: Index) -> Any:
    """The basic part, without new dimensions."""
    if not at.axes:
        return x
    plain = False not in [type(s) is int and s == 1 for s in at.steps]
    if plain and not at.symbolic:
        return call(
            I.slice_, x, axes=at.axes, starts=at.starts, ends=at.ends, infer_flags=[1] * len(at.axes), decrease_axis=at.decrease
        )
    starts, ends = _numbers(at.starts), _numbers(at.ends)
    flags = [
        -1 if not (isinstance(a, int) and isinstance(b, int) and isinstance(c, int)) else 1
        for a, b, c in zip(at.starts, at.ends, at.steps, strict=True)
    ]
    if plain:
        return call(
            I.slice_,
            x,
            None,
            None,
            _tensor_list(at.starts),
            _tensor_list(at.ends),
            axes=at.axes,
            starts=starts,
            ends=ends,
            infer_flags=flags,
            decrease_axis=at.decrease,
        )
    return call(
        I.strided_slice,
        x,
        None,
        _tensor_list(at.starts),
        None,
        _tensor_list(at.ends),
        None,
        _tensor_list(at.steps),
        axes=at.axes,
        starts=starts,
        ends=ends,
        strides=_numbers(at.steps),
        infer_flags=flags,
        decrease_axis=at.decrease,
    )


def _order(places: Sequence[tuple[int, Any]], ndim: int) -> tuple[list[int], int]:
    """(permutation that brings indexed dimensions to the front, where the result of the index tensors stands).

    Adjacent index tensors leave their result in place, others put it in front.
    """
    indexed: list[int] = []
    for at, tensor in places:
        indexed.extend(range(at, at + _rank_of(tensor)))
    adjacent = all(b - a == 1 for a, b in zip(indexed, indexed[1:], strict=False))
    rest = [i for i in range(ndim) if i not in indexed]
    return indexed + rest, indexed[0] if adjacent else 0


def _integer_tensors(places: Sequence[tuple[int, Any]]) -> list[Any]:
    """Index tensors of integers: a bool one becomes the columns of `where_index`."""
    found: list[Any] = []
    for _, tensor in places:
        spec = spec_of(tensor)
        if spec.dtype.kind == "b":
            coordinates = call(I.where_index, tensor)
            found.extend(call(M.unbind, coordinates, axis=1))
        elif spec.dtype not in (np.int32, np.int64):
            found.append(call(E.cast, tensor, in_dtype=tensor.dtype.proto, out_dtype=dtypes.int64.proto))
        else:
            found.append(tensor)
    if len({t.dtype.name for t in found}) > 1:
        found = [
            t if t.dtype is dtypes.int64 else call(E.cast, t, in_dtype=t.dtype.proto, out_dtype=dtypes.int64.proto)
            for t in found
        ]
    return found


def _coordinates(places: Sequence[tuple[int, Any]]) -> Any:
    """One index [..., depth] for `gather_nd`."""
    if len(places) == 1 and spec_of(places[0][1]).dtype.kind == "b":
        return call(I.where_index, places[0][1])
    tensors = _integer_tensors(places)
    if len(tensors) == 1:
        return call(M.unsqueeze2, tensors[0], axes=[-1])
    return call(M.stack, list(call(M.broadcast_tensors, tensors)), axis=-1)


def _taken(x: Any, mask: Any) -> Any:
    """The operators that Paddle makes of ``x[mask]``."""
    return call(I.gather_nd, x, call(I.where_index, mask))


I.masked_take.expand = _taken


def _result_rank(places: Sequence[tuple[int, Any]]) -> int:
    """Number of dimensions that the index tensors together give."""
    return max(1 if spec_of(t).dtype.kind == "b" else spec_of(t).ndim for _, t in places)


def _moved_back(rank: int, front: int, ndim: int) -> list[int]:
    """The permutation that moves the first `rank` dimensions behind the next `front` ones."""
    return [*range(rank, rank + front), *range(rank), *range(rank + front, ndim)]


def _gather_places(x: Any, at: Index) -> None:
    """Bring index tensors to the device of `x`, as Paddle does."""
    if context.recorder is None and at.places and isinstance_strict(x, Tensor):
        at.places = [(axis, _on(t, x)) for axis, t in at.places]


def _on(t: Any, x: Any) -> Any:
    module = backend.array_module(x._data)
    if not isinstance_strict(t, Tensor) or backend.array_module(t._data) is module:
        return t
    return make_tensor(backend.to_module(t._data, module))


def get_item(x: Any, item: Any) -> Any:
    """``x[item]``: a view for ints, slices and None; a copy for index tensors, lists and masks."""
    kind = type(item)
    shape = x._data.shape if type(x) is Tensor else spec_of(x).shape
    if kind is int and shape:  # the most frequent cases
        n = shape[0]
        if n != -1 and -n <= item < n:
            item = item + n if item < 0 else item
            return call(I.slice_, x, axes=[0], starts=[item], ends=[item + 1], infer_flags=[1], decrease_axis=[0])
    elif kind is slice and shape and item.step is None:
        start, stop = item.start, item.stop
        if (type(start) is int or start is None) and (type(stop) is int or (stop is None and start is not None)):
            start, stop = 0 if start is None else start, LARGE if stop is None else stop
            return call(I.slice_, x, axes=[0], starts=[start], ends=[stop], infer_flags=[1], decrease_axis=[])
    elif kind is Tensor and type(x) is Tensor and type(item._data) is type(x._data):  # a mask, on the same device
        mask = item._data
        if mask.dtype.kind == "b" and mask.ndim and mask.shape == shape[: mask.ndim]:
            return call(I.masked_take, x, item)
    spec = spec_of(x)
    at = parse(item, spec)
    if at.places:
        _gather_places(x, at)
    out = _basic(x, at)
    if at.none_axes:
        out = call(M.unsqueeze2, out, axes=at.none_axes)
    if not at.places:
        if out is x:  # a new Tensor over the same memory
            out = call(M.reshape2, x, shape=[0] * spec.ndim) if spec.ndim else call(M.reshape2, x, shape=[])
        return out
    return _take(out, at.places)


def _take(x: Any, places: Sequence[tuple[int, Any]]) -> Any:
    if spec_of(places[0][1]).ndim == 0:  # a plain True or False: a new first dimension, kept or empty
        return call(
            I.gather_nd, call(M.unsqueeze2, x, axes=[0]), call(I.where_index, call(M.reshape2, places[0][1], shape=[1]))
        )
    ndim = spec_of(x).ndim
    order, front = _order(places, ndim)
    if order != list(range(ndim)):
        x = call(M.transpose2, x, axis=order)
    if len(places) == 1 and spec_of(places[0][1]).dtype.kind == "b":
        out = call(I.masked_take, x, places[0][1])
    else:
        out = call(I.gather_nd, x, _coordinates(places))
    if front:
        rank = spec_of(out).ndim
        out = call(M.transpose2, out, axis=_moved_back(_result_rank(places), front, rank))
    return out


# --- writing


def _value(x: Any, value: Any) -> Any:
    """The value to write as a tensor of the type of `x`."""
    if is_tensor_like(value):
        return (
            value
            if value.dtype is x.dtype
            else call(E.cast, value, in_dtype=value.dtype.proto, out_dtype=x.dtype.proto)
        )
    if not isinstance(value, (bool, int, float, complex, np.ndarray, np.generic, list, tuple)):
        raise ValueError(f"only tensors, arrays and numbers can be written by index, got {type(value).__name__}")
    array = np.asarray(value)
    if array.dtype.kind not in "biufcV":
        raise ValueError(f"only numbers can be written by index, got values of type {array.dtype}")
    if array.dtype.kind == "c" and not x.dtype.is_complex:
        raise ValueError(f"complex numbers cannot be written into a tensor of {x.dtype}")
    return constant(array.astype(x.dtype.np), like=x)


def _window_attrs(at: Index) -> dict[str, Any]:
    return {
        "axes": at.axes,
        "starts": _numbers(at.starts),
        "ends": _numbers(at.ends),
        "steps": _numbers(at.steps),
        "decrease_axes": at.decrease,
        "none_axes": at.none_axes,
    }


def _set_basic(x: Any, at: Index, value: Any) -> Any:
    attrs = _window_attrs(at)
    lists = (_tensor_list(at.starts), _tensor_list(at.ends), _tensor_list(at.steps))
    if isinstance(value, (bool, int, float)):
        return call(I.set_value, x, None, *lists, dtype=x.dtype.proto, values=[value], shape=[1], **attrs)
    return call(I.set_value, x, _value(x, value), *lists, dtype=x.dtype.proto, **attrs)


def _arranged(value: Any, shape: Sequence[int], rank: int, front: int) -> Any:
    """`value`, which broadcasts to a result of `get_item` of len(shape) dimensions, with the index result in front."""
    if not front:
        return value
    ndim, own = len(shape), spec_of(value).ndim
    if own <= ndim - front - rank:
        return value
    if own < ndim:
        value = call(M.unsqueeze2, value, axes=[0] * (ndim - own))
    order = [*range(front, front + rank), *range(front), *range(front + rank, ndim)]
    return call(M.transpose2, value, axis=order)


def _set_places(x: Any, places: Sequence[tuple[int, Any]], value: Any) -> Any:
    """`x` with `value` at index tensors."""
    value = _value(x, value)
    ndim = spec_of(x).ndim
    order, front = _order(places, ndim)
    moved = order != list(range(ndim))
    if moved:
        x = call(M.transpose2, x, axis=order)
    rank = _result_rank(places)
    value = _arranged(value, [0] * (rank + ndim - sum(_rank_of(t) for _, t in places)), rank, front)
    indices = [t for _, t in places]
    if any(spec_of(t).dtype.kind == "b" for t in indices) and len(indices) > 1:
        indices = _integer_tensors(places)
    out = call(I.index_put, x, indices, value, accumulate=False)
    return call(M.transpose2, out, axis=M.inverse(order)) if moved else out


def _write_now(x: Any, at: Index, value: Any) -> None:
    """Write into the memory of an eager tensor; nothing is recorded for gradients."""
    data = x._data
    module = backend.array_module(data)
    window = I.set_window(data.shape, at.axes, at.starts, at.ends, at.steps)
    if type(value) in (int, float) and not at.places and data.dtype.kind == "f":
        data[window] = data.dtype.type(value)
        return
    data_value = _value(x, value)._data
    if not at.places:
        data[window] = I.fitted(module, data_value, data[window].shape, at.decrease, at.none_axes)
        return
    index = tuple(w.start if i in at.decrease else w for i, w in enumerate(window))
    view = data[index]
    for axis in at.none_axes:
        view = module.expand_dims(view, axis)
    order, front = _order(at.places, view.ndim)
    rank = _result_rank(at.places)
    view = view.transpose(order)
    indices = I._index_arrays(module, [t._data for _, t in at.places], view.shape)
    lead = broadcast_shape(*[i.shape for i in indices])
    rest = view.shape[len(indices) :]
    if front:  # the value follows the layout of the result of reading
        wanted = (*rest[:front], *lead, *rest[front:])
        if not I.broadcast_fits(data_value.shape, wanted):
            raise ValueError(
                f"a value of shape {list(data_value.shape)} does not fit the indexed part of shape {list(wanted)}"
            )
        data_value = module.broadcast_to(data_value, wanted).transpose(
            [*range(front, front + rank), *range(front), *range(front + rank, len(wanted))]
        )
    elif not I.broadcast_fits(data_value.shape, (*lead, *rest)):
        raise ValueError(
            f"a value of shape {list(data_value.shape)} does not fit the indexed part of shape {[*lead, *rest]}"
        )
    view[indices] = data_value


def set_item(x: Any, item: Any, value: Any) -> None:
    """``x[item] = value``: `x` itself changes; `value` broadcasts to the indexed part and takes the type of `x`.

    Gradients flow to `value` and to the part of `x` that stays. ValueError for a leaf that requires a gradient.
    """
    at = parse(item, spec_of(x))
    if at.empty:
        return
    if at.places:
        _gather_places(x, at)
    if at.places and spec_of(at.places[0][1]).ndim == 0:  # x[True] = v is x[...] = v, x[False] = v nothing
        chosen = at.places[0][1]
        if is_symbolic(chosen):
            raise IndexError(
                "a 0-D bool tensor cannot be written through while a Program is recorded; use paddle.where"
            )
        if bool(chosen):
            set_item(x, Ellipsis, value)
        return
    if context.recorder is None:
        tracked = context.grad_enabled and (
            not x._stop_gradient or (is_tensor_like(value) and not value._stop_gradient)
        )
        if not tracked and backend.writeable(x._data):
            _write_now(x, at, value)
            x._version[0] += 1
            return
    if not at.places:
        in_place(x, _set_basic(x, at, value))
        return
    if not at.axes and not at.none_axes:
        in_place(x, _set_places(x, at.places, value))
        return
    part = _basic(x, at)
    if at.none_axes:
        part = call(M.unsqueeze2, part, axes=at.none_axes)
    changed = _set_places(part, at.places, value)
    if at.none_axes:
        changed = call(M.squeeze2, changed, axes=at.none_axes)
    at.none_axes = []
    in_place(x, _set_basic(x, at, changed))


def setitem(x: Any, index: Any, value: Any) -> Any:
    """`x` with ``x[index] = value`` done. In dynamic mode `x` itself changes; in static mode the result is another Variable."""
    if context.recorder is not None:
        x = call(M.assign, x)
    set_item(x, index, value)
    return x


tensor_method("__getitem__")(get_item)
tensor_method("__setitem__")(set_item)
