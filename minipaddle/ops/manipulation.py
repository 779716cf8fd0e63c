"""Shape and layout: reshape, transpose, concat, split, expand, flip and their kin.

Where Paddle takes a shape or axis as a tensor, it may come as one tensor, as a list of one-element tensors, or as an
attribute; the first one present wins (`ints_of`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from ..backend import kernels
from ..backend import xp as backend
from ..dtypes import numpy_of as _numpy
from ..errors import MisusedTensorError, UnsupportedDtypeError, WrongTypeError
from .registry import DTypeNumber, Ints, Long, Longs, Op, Spec, op
from .shapes import axis_of, broadcast_shape, product, same_as, unbroadcast

__all__: list[str] = []


def ints_of(whole: Any, parts: Any, given: Sequence[int]) -> list[int]:
    """Integers that came as one tensor, as a list of one-element tensors, or as an attribute."""
    if whole is not None:
        return [int(n) for n in whole.reshape(-1).tolist()]
    if parts:
        return [int(p.item()) for p in parts]
    return list(given)


def open_ints(whole: Any, parts: Any, given: Sequence[int], count: int | None = None) -> list[int] | None:
    """What a shape rule knows of `ints_of`: -1 where unknown; None when even the number of entries is unknown."""
    if whole is not None:
        if whole.ndim == 0:
            return [-1]
        n = whole.shape[0] if whole.ndim else 1
        return None if n == -1 and count is None else [-1] * (count if n == -1 else n)  # type: ignore[operator]
    if parts:
        return list(given) if len(given) == len(parts) else [-1] * len(parts)
    return [int(n) for n in given]


def x_shape(xp: Any, x: Any) -> Any:
    """The XShape output: a shape and no data."""
    return xp.empty((0, *x.shape), x.dtype)


def x_shape_spec(x: Spec) -> Spec:
    """The rule of `x_shape`."""
    return Spec((0, *x.shape), x.dtype)


# --- reshape and its kin


def full_shape(shape: Sequence[int], wanted: Sequence[int]) -> tuple[int, ...]:
    """`wanted` with 0 (take the dimension of the input) and -1 (what is left) resolved; -1 stays where unknown."""
    if list(wanted).count(-1) > 1:
        raise MisusedTensorError(f"shape {list(wanted)} has more than one -1; at most one dimension can be inferred")
    out = []
    open_known = list(shape)
    for i, n in enumerate(wanted):
        if n == 0:
            # with no elements a 0 is meant literally when there is nothing to copy
            if i >= len(shape):
                if product(shape) == 0:
                    out.append(0)
                    continue
                raise MisusedTensorError(f"shape {list(wanted)} copies dimension {i}, but the input has only {len(shape)}")
            out.append(shape[i])
            if shape[i] == -1:
                open_known[i] = 1
        elif n < -1:
            raise MisusedTensorError(f"shape {list(wanted)} has a negative dimension other than -1")
        else:
            out.append(n)
    copied_open = [i for i, n in enumerate(wanted) if n == 0 and i < len(shape) and shape[i] == -1]
    if -1 in wanted:
        at = list(wanted).index(-1)
        known = 1
        for i, n in enumerate(out):
            if i != at and i not in copied_open:
                known *= n
        total = product(open_known)
        if total == -1:
            return tuple(out)
        if known == 0 or total % known:
            raise ValueError(
                f"an input of shape {list(shape)} ({total} elements) cannot be reshaped to {list(wanted)}: "
                f"{total} is not divisible by {known}"
            )
        out[at] = total // known
    else:
        total, made = product(shape), product(out)
        if -1 not in (total, made) and total != made:
            raise ValueError(
                f"an input of shape {list(shape)} has {total} elements, but shape {list(wanted)} has {made}; "
                "they must be equal"
            )
    return tuple(out)


def reshaped(x: Any, wanted: Sequence[int]) -> Any:
    """`x` in the shape `wanted`, which may hold 0 and -1."""
    if 0 in wanted or (wanted and min(wanted) < -1):
        wanted = full_shape(x.shape, wanted)
    return x.reshape(wanted)


def _infer_reshape(x: Spec, whole: Any = None, parts: Any = None, *, shape: Sequence[int] = (), **_: Any) -> Spec:
    wanted = open_ints(whole, parts, shape)
    if wanted is None:
        raise ValueError("the number of dimensions of the result is unknown: the shape tensor has an unknown length")
    if whole is not None or parts:
        return Spec(
            [n if n > 0 else (x.shape[i] if n == 0 and i < x.ndim else -1) for i, n in enumerate(wanted)], x.dtype
        )
    return Spec(full_shape(x.shape, wanted), x.dtype)


@op(
    "reshape2",
    "X, Shape?, ShapeTensor*? -> Out&, XShape~",
    infer=lambda x, s=None, t=None, *, shape=(): (_infer_reshape(x, s, t, shape=shape), x_shape_spec(x)),
    grad="XShape#, Out@GRAD -> X@GRAD",
)
def reshape2(xp, x, shape_tensor=None, shape_tensors=None, *, shape: Ints = ()):
    return reshaped(x, ints_of(shape_tensor, shape_tensors, shape)), x_shape(xp, x)


@reshape2.backward
def _(xp, xshape, d_out):
    return d_out.reshape(tuple(xshape.shape[1:]))


@op("reshape", "X, Shape?, ShapeTensor*? -> Out&", infer=_infer_reshape, grad="X#, Out@GRAD -> X@GRAD")
def reshape(xp, x, shape_tensor=None, shape_tensors=None, *, shape: Ints = ()):
    return reshaped(x, ints_of(shape_tensor, shape_tensors, shape))


@reshape.backward
def _(xp, x, d_out):
    return d_out.reshape(tuple(x.shape))


@lru_cache(maxsize=1024)
def _permutation(axis: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    order = tuple([int(a) + ndim if a < 0 else int(a) for a in axis])
    if sorted(order) != list(range(ndim)):
        raise ValueError(f"axis {list(axis)} is not a permutation of the {ndim} dimensions of the input")
    return order


def permutation(axis: Sequence[int], ndim: int) -> tuple[int, ...]:
    """A checked permutation with non-negative entries."""
    return _permutation(tuple(axis), ndim)


def _infer_transpose(x: Spec, *, axis: Sequence[int] = ()) -> Spec:
    return Spec([x.shape[a] for a in permutation(axis, x.ndim)], x.dtype)


def inverse(order: Sequence[int]) -> list[int]:
    """The permutation that undoes `order`."""
    back = [0] * len(order)
    for i, a in enumerate(order):
        back[a] = i
    return back


@op(
    "transpose2",
    "X -> Out&, XShape~",
    infer=lambda x, *, axis=(): (_infer_transpose(x, axis=axis), x_shape_spec(x)),
    grad="XShape#, Out@GRAD -> X@GRAD",
)
def transpose2(xp, x, *, axis: Ints):
    return x.transpose(permutation(axis, x.ndim)), x_shape(xp, x)


@transpose2.backward
def _(xp, xshape, d_out, *, axis: Ints):
    return d_out.transpose(inverse(permutation(axis, len(axis))))


@op("transpose", "X -> Out&", infer=_infer_transpose, grad="Out@GRAD -> X@GRAD")
def transpose(xp, x, *, axis: Ints):
    return x.transpose(permutation(axis, x.ndim))


@transpose.backward
def _(xp, d_out, *, axis: Ints):
    return d_out.transpose(inverse(permutation(axis, len(axis))))


def squeezed(shape: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    """The shape without the listed dimensions that are 1 (without a list: all that are 1); unknown ones count as 1."""
    if not axes:
        return tuple(n for n in shape if n != 1)
    drop = {axis_of(int(a), len(shape)) for a in axes}
    return tuple(n for i, n in enumerate(shape) if not (i in drop and n in (1, -1)))


def _infer_squeeze(x: Spec, *, axes: Sequence[int] = ()) -> Spec:
    return Spec(squeezed(x.shape, axes), x.dtype)


@op(
    "squeeze2",
    "X -> Out&, XShape~",
    infer=lambda x, *, axes=(): (_infer_squeeze(x, axes=axes), x_shape_spec(x)),
    grad="XShape#, Out@GRAD -> X@GRAD",
)
def squeeze2(xp, x, *, axes: Ints = ()):
    return x.reshape(squeezed(x.shape, axes)), x_shape(xp, x)


@squeeze2.backward
def _(xp, xshape, d_out):
    return d_out.reshape(tuple(xshape.shape[1:]))


@op("squeeze", "X -> Out&", infer=_infer_squeeze, grad="X#, Out@GRAD -> X@GRAD")
def squeeze(xp, x, *, axes: Ints = ()):
    return x.reshape(squeezed(x.shape, axes))


@squeeze.backward
def _(xp, x, d_out):
    return d_out.reshape(tuple(x.shape))


def unsqueezed(shape: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    """The shape with a 1 put in at each axis in turn, each counted in the shape made so far."""
    out = list(shape)
    for a in axes:
        at = int(a) + len(out) + 1 if a < 0 else int(a)
        if not 0 <= at <= len(out):
            raise ValueError(
                f"axis = {a} is out of range for {len(out)} dimensions; expected [{-len(out) - 1}, {len(out)}]"
            )
        out.insert(at, 1)
    return tuple(out)


def _infer_unsqueeze(x: Spec, whole: Any = None, parts: Any = None, *, axes: Sequence[int] = ()) -> Spec:
    if whole is not None or parts:
        found = open_ints(whole, parts, ())
        if found is None:
            raise ValueError("the number of dimensions of the result is unknown: the axis tensor has an unknown length")
        return Spec([-1] * (x.ndim + len(found)), x.dtype)
    return Spec(unsqueezed(x.shape, axes), x.dtype)


@op(
    "unsqueeze2",
    "X, AxesTensor?, AxesTensorList*? -> Out&, XShape~",
    infer=lambda x, a=None, t=None, *, axes=(): (_infer_unsqueeze(x, a, t, axes=axes), x_shape_spec(x)),
    grad="XShape#, Out@GRAD -> X@GRAD",
)
def unsqueeze2(xp, x, axes_tensor=None, axes_tensors=None, *, axes: Ints = ()):
    return x.reshape(unsqueezed(x.shape, ints_of(axes_tensor, axes_tensors, axes))), x_shape(xp, x)


@unsqueeze2.backward
def _(xp, xshape, d_out):
    return d_out.reshape(tuple(xshape.shape[1:]))


@op("unsqueeze", "X, AxesTensor?, AxesTensorList*? -> Out&", infer=_infer_unsqueeze, grad="X#, Out@GRAD -> X@GRAD")
def unsqueeze(xp, x, axes_tensor=None, axes_tensors=None, *, axes: Ints = ()):
    return x.reshape(unsqueezed(x.shape, ints_of(axes_tensor, axes_tensors, axes)))


@unsqueeze.backward
def _(xp, x, d_out):
    return d_out.reshape(tuple(x.shape))


def flattened(shape: Sequence[int], start: int, stop: int) -> tuple[int, ...]:
    """The shape with dimensions start..stop (inclusive) made one; a scalar becomes [1]."""
    if not shape:
        return (1,)
    a, b = axis_of(start, len(shape), "start_axis"), axis_of(stop, len(shape), "stop_axis")
    if a > b:
        raise ValueError(f"start_axis = {start} lies behind stop_axis = {stop} for {len(shape)} dimensions")
    return (*shape[:a], product(shape[a : b + 1]), *shape[b + 1 :])


@op(
    "flatten_contiguous_range",
    "X -> Out&, XShape~",
    infer=lambda x, *, start_axis=1, stop_axis=1: (
        Spec(flattened(x.shape, start_axis, stop_axis), x.dtype),
        x_shape_spec(x),
    ),
    grad="XShape#, Out@GRAD -> X@GRAD",
)
def flatten_contiguous_range(xp, x, *, start_axis: int = 1, stop_axis: int = 1):
    return x.reshape(flattened(x.shape, start_axis, stop_axis)), x_shape(xp, x)


@flatten_contiguous_range.backward
def _(xp, xshape, d_out):
    return d_out.reshape(tuple(xshape.shape[1:]))


def _matrix(shape: Sequence[int], axis: int) -> tuple[int, int]:
    if not 0 <= axis <= len(shape):
        raise ValueError(f"axis = {axis} is out of range for {len(shape)} dimensions; expected [0, {len(shape)}]")
    return product(shape[:axis]), product(shape[axis:])


def _infer_flatten(x: Spec, *, axis: int = 1) -> Spec:
    return Spec(_matrix(x.shape, axis), x.dtype)


@op(
    "flatten2",
    "X -> Out&, XShape~",
    infer=lambda x, *, axis=1: (_infer_flatten(x, axis=axis), x_shape_spec(x)),
    grad="XShape#, Out@GRAD -> X@GRAD",
)
def flatten2(xp, x, *, axis: int = 1):
    return x.reshape(_matrix(x.shape, axis)), x_shape(xp, x)


@flatten2.backward
def _(xp, xshape, d_out):
    return d_out.reshape(tuple(xshape.shape[1:]))


@op("flatten", "X -> Out&", infer=_infer_flatten, grad="X#, Out@GRAD -> X@GRAD")
def flatten(xp, x, *, axis: int = 1):
    return x.reshape(_matrix(x.shape, axis))


@flatten.backward
def _(xp, x, d_out):
    return d_out.reshape(tuple(x.shape))


@op(
    "view_shape",
    "input -> out&",
    infer=lambda x, *, dims=(): Spec(full_shape(x.shape, dims), x.dtype),
    grad="input#, out@GRAD -> input@GRAD",
)
def view_shape(xp, x, *, dims: Longs = ()):
    if not x.flags.c_contiguous:
        raise ValueError("a view needs a contiguous tensor; use reshape, or call contiguous() first")
    return x.reshape(full_shape(x.shape, dims))


@view_shape.backward
def _(xp, x, d_out):
    return d_out.reshape(tuple(x.shape))


def _viewed(shape: Sequence[int], old: int, new: int) -> tuple[int, ...]:
    if old == new or not shape:
        if old != new:
            raise ValueError("a 0-D tensor can only be viewed as a type of the same size")
        return tuple(shape)
    if shape[-1] != -1 and shape[-1] * old % new:
        raise ValueError(
            f"the last dimension of shape {list(shape)} holds {shape[-1] * old} bytes, not a multiple of {new}"
        )
    return (*shape[:-1], -1 if shape[-1] == -1 else shape[-1] * old // new)


@op(
    "view_dtype",
    "input -> out&",
    infer=lambda x, *, dtype: Spec(_viewed(x.shape, x.dtype.itemsize, _numpy(dtype).itemsize), _numpy(dtype)),
    grad="input#, out@GRAD -> input@GRAD",
)
def view_dtype(xp, x, *, dtype: DTypeNumber):
    target = _numpy(dtype)
    _viewed(x.shape, x.dtype.itemsize, target.itemsize)
    return x.view(target)


@view_dtype.backward
def _(xp, x, d_out):
    return d_out.view(x.dtype)


@op("share_data", "X -> Out&", infer=same_as(0))
def share_data(xp, x):
    return x


@op("assign", "X? -> Out", infer=same_as(0), grad="Out@GRAD -> X@GRAD")
def assign(xp, x):
    return x.copy()


@assign.backward
def _(xp, d_out):
    return d_out


@op("memcpy", "X -> Out", infer=same_as(0), grad="X#, Out@GRAD -> X@GRAD")
def memcpy(xp, x, *, dst_place_type: int):
    if dst_place_type == 0:
        return backend.to_numpy(x)
    return _to_gpu(x)


def _to_gpu(x: Any) -> Any:
    """On the GPU that is current in this thread (the first one, unless `set_device` says another)."""
    module = backend.module_for(backend.parse("gpu"))
    return module.asarray(x)


@memcpy.backward
def _(xp, x, d_out, *, dst_place_type: int):
    return backend.to_numpy(d_out) if dst_place_type else _to_gpu(d_out)


# --- concat, stack, split


def _infer_concat(xs: list[Spec], axis_tensor: Any = None, *, axis: int = 0) -> Spec:
    if not xs:
        raise ValueError("concat needs at least one tensor")
    ndim = xs[0].ndim
    if axis_tensor is not None:
        return Spec([-1] * ndim, xs[0].dtype)
    shape = list(_same_but(xs, axis_of(axis, ndim)))
    shape[axis_of(axis, ndim)] = -1 if any(x.shape[axis] == -1 for x in xs) else sum(x.shape[axis] for x in xs)
    return Spec(shape, xs[0].dtype)


def _same_but(xs: Sequence[Any], axis: int | None) -> tuple[int, ...]:
    """The common shape of `xs`, not looking at dimension `axis`; ValueError naming the first that differs."""
    shape = list(xs[0].shape)
    for number, x in enumerate(xs):
        if x.ndim != len(shape):
            raise ValueError(
                f"all tensors must have the same number of dimensions; number 0 has {list(xs[0].shape)}, "
                f"number {number} has {list(x.shape)}"
            )
        if x.dtype != xs[0].dtype:
            raise WrongTypeError(
                f"all tensors must have the same dtype; number 0 is {xs[0].dtype}, number {number} is {x.dtype}"
            )
        for i, n in enumerate(x.shape):
            if i == axis or n == shape[i] or n == -1:
                continue
            if shape[i] != -1:
                raise ValueError(
                    f"shapes differ in dimension {i}: number 0 has {list(xs[0].shape)}, "
                    f"number {number} has {list(x.shape)}"
                    + ("" if axis is None else f"; only dimension {axis} may differ")
                )
            shape[i] = n
    return tuple(shape)


@op("concat", "X*, AxisTensor? -> Out", infer=_infer_concat, grad="X#, AxisTensor?, Out@GRAD -> X@GRAD")
def concat(xp, xs, axis_tensor=None, *, axis: int = 0):
    first = xs[0]
    if axis_tensor is not None:
        axis = int(axis_tensor.item())
    for x in xs:
        if x.dtype is not first.dtype and x.dtype != first.dtype:
            _same_but(xs, axis)
    if first.ndim == 0:
        raise ValueError("a 0-D tensor cannot be concatenated; use stack")
    return xp.concatenate(xs, axis_of(axis, first.ndim))


@concat.backward
def _(xp, xs, axis_tensor, d_out, *, axis: int = 0):
    if axis_tensor is not None:
        axis = int(axis_tensor.item())
    axis = axis_of(axis, d_out.ndim)
    places, at = [], 0
    for x in xs[:-1]:
        at += x.shape[axis]
        places.append(at)
    return list(xp.split(d_out, places, axis))


def _infer_stack(xs: list[Spec], *, axis: int = 0) -> Spec:
    if not xs:
        raise ValueError("stack needs at least one tensor")
    shape = _same_but(xs, None)
    at = axis_of(axis, len(shape) + 1)
    return Spec((*shape[:at], len(xs), *shape[at:]), xs[0].dtype)


@op("stack", "X* -> Y", infer=_infer_stack, grad="X#, Y@GRAD -> X@GRAD")
def stack(xp, xs, *, axis: int = 0):
    if any(x.dtype != xs[0].dtype or x.shape != xs[0].shape for x in xs):
        _same_but(xs, None)
    shape = xs[0].shape
    at = axis_of(axis, len(shape) + 1)
    shape = (*shape[:at], 1, *shape[at:])
    return xp.concatenate([x.reshape(shape) for x in xs], at)


@stack.backward
def _(xp, xs, d_out, *, axis: int = 0):
    return _unstacked(d_out, axis)


def _unstacked(x: Any, axis: int) -> list[Any]:
    """The slices along `axis`; each a view."""
    lead = (slice(None),) * axis_of(axis, x.ndim)
    # the Ellipsis keeps a 0-D slice an array
    places = [(*lead, i, Ellipsis) for i in range(x.shape[axis])]
    return [x[place] for place in places]


def _infer_unstack(x: Spec, *, axis: int = 0, num: int = 0) -> list[Spec]:
    if not x.shape:
        raise ValueError("a 0-D tensor cannot be unstacked")
    at = axis_of(axis, x.ndim)
    count = x.shape[at] if x.shape[at] != -1 else num
    if count <= 0 and x.shape[at] != 0:
        raise ValueError(f"dimension {at} of shape {list(x.shape)} is unknown; give num")
    if num not in (0, count):
        raise ValueError(f"num = {num}, but dimension {at} of shape {list(x.shape)} is {count}")
    return [Spec(x.shape[:at] + x.shape[at + 1 :], x.dtype) for _ in range(count)]


@op(
    "unstack",
    "X -> Y*",
    infer=lambda x, *, axis=0, num=0: (_infer_unstack(x, axis=axis, num=num),),
    grad="Y@GRAD* -> X@GRAD",
)
def unstack(xp, x, *, axis: int = 0, num: int = 0):
    if not x.ndim or num not in (0, x.shape[axis_of(axis, x.ndim)]):
        _infer_unstack(Spec(x.shape, x.dtype), axis=axis, num=num)
    return [part.copy() for part in _unstacked(x, axis)]


@unstack.backward
def _(xp, d_outs, *, axis: int = 0):
    return xp.stack(d_outs, axis)


@op("unbind", "X -> Out*&", infer=lambda x, *, axis=0: (_infer_unstack(x, axis=axis),), grad="Out@GRAD* -> X@GRAD")
def unbind(xp, x, *, axis: int = 0):
    if not x.ndim:
        raise ValueError("a 0-D tensor cannot be unbound")
    return _unstacked(x, axis)


@unbind.backward
def _(xp, d_outs, *, axis: int = 0):
    return xp.stack(d_outs, axis)


def section_sizes(n: int, sections: Sequence[int], num: int, axis: int) -> list[int]:
    """Sizes of the parts of a dimension of length n (-1: unknown)."""
    if num > 0:
        if n != -1 and n % num:
            raise MisusedTensorError(f"dimension {axis} of length {n} cannot be split into {num} equal parts")
        return [-1 if n == -1 else n // num] * num
    sizes = [int(s) for s in sections]
    if sizes.count(-1) > 1 or any(s < -1 for s in sizes):
        raise ValueError(f"sections {sizes} may hold at most one -1 and no other negative number")
    rest = sum(s for s in sizes if s != -1)
    if -1 in sizes:
        if n != -1:
            if rest > n:
                raise ValueError(f"sections {sizes} need more than the {n} entries of dimension {axis}")
            sizes[sizes.index(-1)] = n - rest
    elif n != -1 and rest != n:
        raise ValueError(f"sections {sizes} sum to {rest}, but dimension {axis} has {n} entries")
    return sizes


def _infer_split(
    x: Spec, axis_tensor: Any = None, parts: Any = None, *, sections: Any = (), num: int = 0, axis: int = 0
) -> Any:
    if not x.shape:
        raise ValueError("a 0-D tensor cannot be split")
    count = num if num > 0 else len(parts) if parts else len(sections)
    if axis_tensor is not None:
        return ([Spec([-1] * x.ndim, x.dtype) for _ in range(count)],)
    at = axis_of(axis, x.ndim)
    sizes = [-1] * count if parts else section_sizes(x.shape[at], sections, num, at)
    return ([Spec((*x.shape[:at], n, *x.shape[at + 1 :]), x.dtype) for n in sizes],)


@op(
    "split", "X, AxisTensor?, SectionsTensorList*? -> Out*", infer=_infer_split, grad="AxisTensor?, Out@GRAD* -> X@GRAD"
)
def split(xp, x, axis_tensor=None, sections_tensors=None, *, sections: Ints = (), num: int = 0, axis: int = 0):
    if not x.ndim:
        raise ValueError("a 0-D tensor cannot be split")
    at = axis_of(axis if axis_tensor is None else int(axis_tensor.item()), x.ndim)
    given = ints_of(None, sections_tensors, sections)
    lead, parts, end = (slice(None),) * at, [], 0
    for n in section_sizes(x.shape[at], given, num, at):
        parts.append(x[(*lead, slice(end, end + n))].copy())
        end += n
    return parts


@split.backward
def _(xp, axis_tensor, d_outs, *, axis: int = 0):
    return xp.concatenate(d_outs, axis if axis_tensor is None else int(axis_tensor.item()))


# --- expand, tile, repeat


def expanded(shape: Sequence[int], wanted: Sequence[int]) -> tuple[int, ...]:
    """`wanted` with -1 (keep) resolved; -2 stands for a number that is not known yet."""
    lead = len(wanted) - len(shape)
    if lead < 0:
        raise ValueError(f"a tensor of shape {list(shape)} cannot be expanded to fewer dimensions {list(wanted)}")
    out = []
    for i, n in enumerate(wanted):
        old = shape[i - lead] if i >= lead else None
        if n == -2:
            out.append(-1 if old in (None, 1, -1) else old)
        elif n == -1:
            if old is None:
                raise ValueError(f"shape {list(wanted)}: -1 keeps a dimension, but dimension {i} is new; give its size")
            out.append(old)
        elif n < 0:
            raise ValueError(f"shape {list(wanted)} has a negative dimension other than -1")
        elif old in (None, 1, -1, n):
            out.append(n)
        else:
            raise ValueError(
                f"a tensor of shape {list(shape)} cannot be expanded to {list(wanted)}: dimension {i - lead} is {old}, "
                f"expected 1 or {n}"
            )
    return tuple(out)  # type: ignore[arg-type]


def _infer_expand(x: Spec, whole: Any = None, parts: Any = None, *, shape: Sequence[int] = ()) -> Spec:
    wanted = open_ints(whole, parts, shape)
    if wanted is None:
        raise ValueError("the number of dimensions of the result is unknown: the shape tensor has an unknown length")
    if whole is not None:
        wanted = [-2] * len(wanted)
    elif parts and len(shape) != len(parts):
        wanted = [-2] * len(parts)
    return Spec(expanded(x.shape, wanted), x.dtype)


def _broadcast(xp: Any, x: Any, shape: Sequence[int]) -> Any:
    """A broadcast with memory of its own, so that it can be changed in place."""
    out = xp.empty(tuple(shape), x.dtype)
    out[...] = x
    return out


@op("expand_v2", "X, Shape?, expand_shapes_tensor*? -> Out", infer=_infer_expand, grad="X#, Out@GRAD -> X@GRAD")
def expand_v2(xp, x, shape_tensor=None, shape_tensors=None, *, shape: Ints = ()):
    return _broadcast(xp, x, expanded(x.shape, ints_of(shape_tensor, shape_tensors, shape)))


@expand_v2.backward
def _(xp, x, d_out):
    return unbroadcast(xp, d_out, x.shape)


@op(
    "expand_as_v2",
    "X, Y? -> Out",
    infer=lambda x, y=None, *, target_shape=(): Spec(
        expanded(x.shape, [-2 if n == -1 else n for n in (target_shape if y is None else y.shape)]), x.dtype
    ),
    grad="X#, Out@GRAD -> X@GRAD",
)
def expand_as_v2(xp, x, y=None, *, target_shape: Ints = ()):
    return _broadcast(xp, x, expanded(x.shape, target_shape if y is None else y.shape))


@expand_as_v2.backward
def _(xp, x, d_out):
    return unbroadcast(xp, d_out, x.shape)


@op(
    "broadcast_tensors",
    "X* -> Out*",
    infer=lambda xs: ([Spec(broadcast_shape(*[x.shape for x in xs]), x.dtype) for x in xs],),
    grad="X#, Out@GRAD -> X@GRAD",
)
def broadcast_tensors(xp, xs):
    shape = broadcast_shape(*[x.shape for x in xs])
    return [_broadcast(xp, x, shape) for x in xs]


@broadcast_tensors.backward
def _(xp, xs, d_outs):
    return [unbroadcast(xp, d, x.shape) for x, d in zip(xs, d_outs, strict=True)]


def tiled(shape: Sequence[int], times: Sequence[int]) -> tuple[int, ...]:
    """The shape after `tile`; -1 where unknown."""
    n = max(len(shape), len(times))
    a, t = (1,) * (n - len(shape)) + tuple(shape), (1,) * (n - len(times)) + tuple(times)
    return tuple(-1 if -1 in (i, k) else i * k for i, k in zip(a, t, strict=True))


def _infer_tile(x: Spec, whole: Any = None, parts: Any = None, *, repeat_times: Sequence[int] = ()) -> Spec:
    times = open_ints(whole, parts, repeat_times)
    if times is None:
        raise ValueError("the number of dimensions of the result is unknown: the repeat tensor has an unknown length")
    if whole is None and not parts and any(t <= 0 for t in times):
        raise MisusedTensorError(f"repeat_times {list(times)} must be positive")
    return Spec(tiled(x.shape, times), x.dtype)


@op("tile", "X, RepeatTimes?, repeat_times_tensor*? -> Out", infer=_infer_tile, grad="X#, Out@GRAD -> X@GRAD")
def tile(xp, x, times_tensor=None, times_tensors=None, *, repeat_times: Ints = ()):
    times = ints_of(times_tensor, times_tensors, repeat_times)
    if any(t <= 0 for t in times):
        raise ValueError(f"repeat_times {times} must be positive")
    if len(times) == x.ndim and len(times) - times.count(1) == 1:  # along one axis
        axis = next(i for i, t in enumerate(times) if t != 1)
        return xp.concatenate([x] * times[axis], axis)
    return xp.tile(x, times)


def _tile_back(xp: Any, x: Any, d_out: Any) -> Any:
    lead = d_out.ndim - x.ndim
    shape: list[int] = []
    for i, n in enumerate(d_out.shape):
        own = x.shape[i - lead] if i >= lead else 1
        shape += [n // own if own else 1, own]
    return d_out.reshape(tuple(shape)).sum(axis=tuple(range(0, len(shape), 2))).reshape(tuple(x.shape))


@tile.backward
def _(xp, x, d_out):
    return _tile_back(xp, x, d_out)


@op(
    "expand",
    "X, ExpandTimes?, expand_times_tensor*? -> Out",
    infer=lambda x, w=None, p=None, *, expand_times=(): _infer_tile(x, w, p, repeat_times=expand_times),
    grad="X#, Out@GRAD -> X@GRAD",
)
def expand(xp, x, times_tensor=None, times_tensors=None, *, expand_times: Ints = ()):
    return xp.tile(x, ints_of(times_tensor, times_tensors, expand_times))


@expand.backward
def _(xp, x, d_out):
    return _tile_back(xp, x, d_out)


@op("expand_as", "X, target_tensor -> Out", infer=lambda x, y: Spec(y.shape, x.dtype), grad="X#, Out@GRAD -> X@GRAD")
def expand_as(xp, x, y):
    if x.ndim != y.ndim or any(n == 0 or m % n for n, m in zip(x.shape, y.shape, strict=True)):
        raise ValueError(f"shape {list(x.shape)} cannot be repeated to shape {list(y.shape)}")
    return xp.tile(x, [m // n for n, m in zip(x.shape, y.shape, strict=True)])


@expand_as.backward
def _(xp, x, d_out):
    return _tile_back(xp, x, d_out)


def _infer_repeat(x: Spec, repeats: Any = None, *, Repeats: int = 0, dim: int = 0) -> Spec:
    at = axis_of(dim, x.ndim)
    n = -1 if repeats is not None or x.shape[at] == -1 else x.shape[at] * Repeats
    return Spec((*x.shape[:at], n, *x.shape[at + 1 :]), x.dtype)


@op("repeat_interleave", "X, RepeatsTensor? -> Out", infer=_infer_repeat, grad="X#, RepeatsTensor?, Out@GRAD -> X@GRAD")
def repeat_interleave(xp, x, repeats=None, *, Repeats: int = 0, dim: int = 0):
    at = axis_of(dim, x.ndim)
    if repeats is None:
        if Repeats <= 0:
            raise ValueError(f"repeats must be positive, got {Repeats}")
        return xp.repeat(x, Repeats, axis=at)
    if repeats.size not in (1, x.shape[at]):
        raise ValueError(f"repeats has {repeats.size} entries, but dimension {at} of X has {x.shape[at]}")
    return xp.repeat(
        x, [int(n) for n in repeats.reshape(-1).tolist()] if repeats.size > 1 else int(repeats.item()), axis=at
    )


@repeat_interleave.backward
def _(xp, x, repeats, d_out, *, Repeats: int = 0, dim: int = 0):
    at = axis_of(dim, len(x.shape))
    if repeats is not None and repeats.size == 1:
        Repeats, repeats = int(repeats.item()), None
    if repeats is None:
        return d_out.reshape((*x.shape[:at], x.shape[at], Repeats, *x.shape[at + 1 :])).sum(axis=at + 1)
    counts = [int(n) for n in repeats.reshape(-1).tolist()]
    places = [sum(counts[: i + 1]) for i in range(len(counts) - 1)]
    return xp.concatenate([part.sum(axis=at, keepdims=True) for part in xp.split(d_out, places, at)], at)


# --- reordering


def _axes(axis: Sequence[int], ndim: int) -> tuple[int, ...]:
    return tuple(axis_of(int(a), ndim) for a in axis)


_ALL, _BACKWARDS = slice(None), slice(None, None, -1)


def _flip(type: str) -> Op:
    @op(type, "X -> Out", infer=same_as(0), grad="Out@GRAD -> X@GRAD")
    def forward(xp, x, *, axis: Ints):
        turned = set(_axes(axis, x.ndim))
        return x[tuple(_BACKWARDS if i in turned else _ALL for i in range(x.ndim))].copy()

    @forward.backward
    def _(xp, d_out, *, axis: Ints):
        return xp.flip(d_out, _axes(axis, d_out.ndim))

    return forward


flip = _flip("flip")
reverse = _flip("reverse")


def _rolled(xp: Any, x: Any, shifts: Sequence[int], axis: Sequence[int]) -> Any:
    if not axis:
        if len(shifts) != 1:
            raise ValueError(f"shifts {list(shifts)} without axis must be one number")
        return _roll_one(xp, x.reshape(-1), shifts[0], 0).reshape(x.shape)
    if len(axis) != len(shifts):
        raise ValueError(f"shifts {list(shifts)} and axis {list(axis)} must have the same length")
    for shift, a in zip(shifts, axis, strict=True):
        x = _roll_one(xp, x, shift, axis_of(a, x.ndim))
    return x


def _roll_one(xp: Any, x: Any, shift: int, axis: int) -> Any:
    n = x.shape[axis]
    shift = shift % n if n else 0
    if not shift:
        return x
    lead = (slice(None),) * axis
    return xp.concatenate([x[(*lead, slice(n - shift, None))], x[(*lead, slice(None, n - shift))]], axis)


@op("roll", "X, ShiftsTensor? -> Out", infer=same_as(0), grad="X#, ShiftsTensor?, Out@GRAD -> X@GRAD")
def roll(xp, x, shifts_tensor=None, *, shifts: Longs = (), axis: Longs = ()):
    out = _rolled(xp, x, ints_of(shifts_tensor, None, shifts), axis)
    return out.copy() if out is x or out.base is not None else out


@roll.backward
def _(xp, x, shifts_tensor, d_out, *, shifts: Longs = (), axis: Longs = ()):
    return _rolled(xp, d_out, [-s for s in ints_of(shifts_tensor, None, shifts)], axis)


@lru_cache(maxsize=32)
def _small_mask(rows: int, columns: int, diagonal: int, lower: bool) -> Any:
    return _made_mask(np, rows, columns, diagonal, lower)


def _mask(xp: Any, rows: int, columns: int, diagonal: int, lower: bool) -> Any:
    """Boolean [rows, columns]: what `tril` (or `triu`) keeps."""
    return (_small_mask if xp is np and rows * columns <= 65536 else partial(_made_mask, xp))(rows, columns, diagonal, lower)


def _made_mask(xp: Any, rows: int, columns: int, diagonal: int, lower: bool) -> Any:
    distance = xp.arange(columns)[None, :] - xp.arange(rows)[:, None]
    return distance <= diagonal if lower else distance >= diagonal


@op("tril_triu", "X -> Out", infer=same_as(0), grad="Out@GRAD -> X@GRAD")
def tril_triu(xp, x, *, diagonal: int = 0, lower: bool = False):
    if x.ndim < 2:
        raise ValueError(f"the input needs at least 2 dimensions, got shape {list(x.shape)}")
    return (
        x * _mask(xp, x.shape[-2], x.shape[-1], diagonal, lower).astype(x.dtype)
        if x.dtype.kind in "iu"
        else xp.where(_mask(xp, x.shape[-2], x.shape[-1], diagonal, lower), x, x.dtype.type(0))
    )


@tril_triu.backward
def _(xp, d_out, *, diagonal: int = 0, lower: bool = False):
    return xp.where(_mask(xp, d_out.shape[-2], d_out.shape[-1], diagonal, lower), d_out, d_out.dtype.type(0))


def _grid_shape(xs: Sequence[Any]) -> tuple[int, ...]:
    for number, x in enumerate(xs):
        if x.dtype != xs[0].dtype:
            raise ValueError(
                f"meshgrid takes tensors of one dtype; number 0 is {xs[0].dtype}, number {number} is {x.dtype}"
            )
        if x.ndim > 1:
            raise ValueError(f"meshgrid takes tensors of 0 or 1 dimensions; number {number} has shape {list(x.shape)}")
    return tuple(x.shape[0] if x.ndim else 1 for x in xs)


@op(
    "meshgrid",
    "X* -> Out*",
    infer=lambda xs: ([Spec(_grid_shape(xs), x.dtype) for x in xs],),
    grad="X#, Out@GRAD -> X@GRAD",
)
def meshgrid(xp, xs):
    shape = _grid_shape(xs)
    return [_broadcast(xp, x.reshape((1,) * i + (-1,) + (1,) * (len(xs) - 1 - i)), shape) for i, x in enumerate(xs)]


@meshgrid.backward
def _(xp, xs, d_outs):
    found = []
    for i, (x, d) in enumerate(zip(xs, d_outs, strict=True)):
        others = tuple(k for k in range(len(xs)) if k != i)
        found.append((d.sum(axis=others) if others else d).reshape(tuple(x.shape)))
    return found


# --- complex numbers as pairs


def _complex_of(dtype: Any) -> Any:
    return np.dtype(np.complex64 if dtype.itemsize == 4 else np.complex128)


def _real_of(dtype: Any) -> Any:
    return np.dtype(np.float32 if dtype.itemsize == 8 else np.float64)


def _infer_as_complex(x: Spec) -> Spec:
    if x.dtype.kind != "f":
        raise UnsupportedDtypeError(f"takes floating tensors, got {x.dtype}")
    if not x.shape or x.shape[-1] not in (2, -1):
        raise ValueError(f"the last dimension of the input must be 2, got {x}")
    return Spec(x.shape[:-1], _complex_of(x.dtype))


@op("as_complex", "X -> Out&", infer=_infer_as_complex, grad="Out@GRAD -> X@GRAD")
def as_complex(xp, x):
    target = _infer_as_complex(x).dtype
    return xp.ascontiguousarray(x).view(target).reshape(x.shape[:-1])


@as_complex.backward
def _(xp, d_out):
    return xp.ascontiguousarray(d_out).view(_real_of(d_out.dtype)).reshape((*d_out.shape, 2))


@op("as_real", "X -> Out&", infer=lambda x: Spec((*x.shape, 2), _real_of(x.dtype)), grad="Out@GRAD -> X@GRAD")
def as_real(xp, x):
    if x.dtype.kind != "c":
        raise UnsupportedDtypeError(f"the input must be complex, got {x.dtype}")
    return (
        xp.ascontiguousarray(x).reshape(x.shape).view(_real_of(x.dtype)).reshape((*x.shape, 2))
        if x.ndim
        else (x.reshape(1).view(_real_of(x.dtype)))
    )


@as_real.backward
def _(xp, d_out):
    return xp.ascontiguousarray(d_out).view(_complex_of(d_out.dtype)).reshape(d_out.shape[:-1])


@op(
    "complex",
    "X, Y -> Out",
    infer=lambda x, y: Spec(broadcast_shape(x.shape, y.shape), _complex_of(x.dtype)),
    grad="X#, Y#, Out@GRAD -> X@GRAD, Y@GRAD",
)
def complex_(xp, x, y):
    if x.dtype != y.dtype or x.dtype.kind != "f":
        raise UnsupportedDtypeError(f"X and Y must have the same floating dtype, got {x.dtype} and {y.dtype}")
    out = xp.empty(broadcast_shape(x.shape, y.shape), _complex_of(x.dtype))
    out.real, out.imag = x, y
    return out


@complex_.backward
def _(xp, x, y, d_out):
    return unbroadcast(xp, d_out.real.copy(), x.shape), unbroadcast(xp, d_out.imag.copy(), y.shape)


# --- diagonals


def _infer_diagonal(x: Spec, *, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Spec:
    if x.ndim < 2:
        raise ValueError(f"the input needs at least 2 dimensions, got shape {list(x.shape)}")
    a, b = axis_of(axis1, x.ndim, "axis1"), axis_of(axis2, x.ndim, "axis2")
    if a == b:
        raise ValueError(f"axis1 = {axis1} and axis2 = {axis2} are the same dimension")
    rest = [n for i, n in enumerate(x.shape) if i not in (a, b)]
    rows, columns = x.shape[a], x.shape[b]
    n = (
        -1
        if -1 in (rows, columns)
        else max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    )
    return Spec((*rest, n), x.dtype)


@op("diagonal", "Input -> Out&", infer=_infer_diagonal, grad="Input#, Out@GRAD -> Input@GRAD")
def diagonal(xp, x, *, offset: int = 0, axis1: int = 0, axis2: int = 1):
    _infer_diagonal(x, offset=offset, axis1=axis1, axis2=axis2)
    a, b = axis_of(axis1, x.ndim), axis_of(axis2, x.ndim)
    rows, columns = x.shape[a], x.shape[b]
    n = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    moved = x.transpose([i for i in range(x.ndim) if i not in (a, b)] + [a, b])
    i0, j0 = max(0, -offset), max(0, offset)
    corner = moved[..., i0 : i0 + n, j0 : j0 + n]
    # the diagonal of a strided array is a strided array: NumPy's own `diagonal` would be read-only
    strides = (*corner.strides[:-2], corner.strides[-2] + corner.strides[-1])
    return xp.lib.stride_tricks.as_strided(corner, (*corner.shape[:-2], n), strides)


@diagonal.backward
def _(xp, x, d_out, *, offset: int = 0, axis1: int = 0, axis2: int = 1):
    a, b = axis_of(axis1, len(x.shape)), axis_of(axis2, len(x.shape))
    rows, columns = x.shape[a], x.shape[b]
    full = _embedded(xp, d_out, offset, rows, columns)
    rest = [i for i in range(len(x.shape)) if i not in (a, b)]
    return full.transpose(inverse([*rest, a, b]))


def _embedded(xp: Any, d: Any, offset: int, rows: int, columns: int) -> Any:
    """[..., rows, columns] with the last axis of `d` on diagonal `offset` and zeros elsewhere."""
    n = d.shape[-1]
    if n == 0:
        return xp.zeros((*d.shape[:-1], rows, columns), d.dtype)
    i0, j0 = max(0, -offset), max(0, offset)
    square = xp.expand_dims(d, -1) * xp.eye(n, dtype=d.dtype)
    lead = tuple(d.shape[:-1])
    blocks = [xp.zeros((*lead, n, j0), d.dtype), square, xp.zeros((*lead, n, columns - n - j0), d.dtype)]
    wide = xp.concatenate(blocks, -1) if columns != n else square
    if rows == n:
        return wide
    return xp.concatenate(
        [xp.zeros((*lead, i0, columns), d.dtype), wide, xp.zeros((*lead, rows - n - i0, columns), d.dtype)], -2
    )


def _infer_diag_embed(x: Spec, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Spec:
    if not x.shape:
        raise ValueError("a 0-D tensor has no diagonal")
    ndim = x.ndim + 1
    a, b = axis_of(dim1, ndim, "dim1"), axis_of(dim2, ndim, "dim2")
    if a == b:
        raise ValueError(f"dim1 = {dim1} and dim2 = {dim2} are the same dimension")
    n = -1 if x.shape[-1] == -1 else x.shape[-1] + abs(offset)
    rest = iter(x.shape[:-1])
    return Spec([n if i in (a, b) else next(rest) for i in range(ndim)], x.dtype)


@op("diag_embed", "Input -> Out", infer=_infer_diag_embed, grad="Out@GRAD -> Input@GRAD")
def diag_embed(xp, x, *, offset: int = 0, dim1: int = -2, dim2: int = -1):
    _infer_diag_embed(x, offset=offset, dim1=dim1, dim2=dim2)
    a, b = axis_of(dim1, x.ndim + 1), axis_of(dim2, x.ndim + 1)
    n = x.shape[-1] + abs(offset)
    rest = [i for i in range(x.ndim + 1) if i not in (a, b)]
    out = xp.zeros((*x.shape[:-1], n, n), x.dtype)
    k = xp.arange(x.shape[-1])
    out[..., k + max(0, -offset), k + max(0, offset)] = x
    return out.transpose(inverse([*rest, a, b]))


@diag_embed.backward
def _(xp, d_out, *, offset: int = 0, dim1: int = -2, dim2: int = -1):
    return _diagonal_sum(xp, d_out, offset, dim1, dim2)


def _diagonal_sum(xp: Any, d: Any, offset: int, axis1: int, axis2: int) -> Any:
    """The diagonal, by masking and summing (which a second derivative can follow)."""
    a, b = axis_of(axis1, d.ndim), axis_of(axis2, d.ndim)
    moved = d.transpose([*[i for i in range(d.ndim) if i not in (a, b)], a, b])
    rows, columns = moved.shape[-2:]
    n = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    i0, j0 = max(0, -offset), max(0, offset)
    return (moved[..., i0 : i0 + n, j0 : j0 + n] * xp.eye(n, dtype=d.dtype)).sum(axis=-1)


def _infer_diag(x: Spec, *, offset: int = 0, padding_value: float = 0.0) -> Spec:
    if x.ndim > 2:
        raise ValueError(f"diag takes a tensor of 1 or 2 dimensions, got shape {list(x.shape)}")
    if x.ndim == 2:
        return _infer_diagonal(x, offset=offset)
    n = 1 if x.ndim == 0 else x.shape[0]
    n = -1 if n == -1 else n + abs(offset)
    return Spec((n, n), x.dtype)


@op("diag_v2", "X -> Out", infer=_infer_diag, grad="X#, Out@GRAD -> X@GRAD")
def diag_v2(xp, x, *, offset: int = 0, padding_value: float = 0.0):
    if x.ndim > 2:
        _infer_diag(x)
    if x.ndim == 2:
        return xp.diagonal(x, offset).copy()
    x = x.reshape(-1)
    n = x.shape[0] + abs(offset)
    out = xp.full((n, n), padding_value, x.dtype)
    k = xp.arange(x.shape[0])
    out[k + max(0, -offset), k + max(0, offset)] = x
    return out


@diag_v2.backward
def _(xp, x, d_out, *, offset: int = 0):
    if len(x.shape) == 2:
        return _embedded(xp, d_out, offset, *x.shape)
    return _diagonal_sum(xp, d_out, offset, 0, 1).reshape(tuple(x.shape))


def _wrapped_diagonal(xp: Any, shape: Sequence[int], offset: int, wrap: bool) -> Any:
    """Boolean mask of what `fill_diagonal` writes."""
    if len(shape) < 2:
        raise ValueError(f"the input needs at least 2 dimensions, got shape {list(shape)}")
    if len(shape) > 2:
        if len(set(shape)) > 1:
            raise ValueError(f"with more than 2 dimensions all must be equal, got shape {list(shape)}")
        step = sum(shape[0] ** i for i in range(len(shape)))
        size = product(shape)
        mask = xp.zeros(size, bool)
        mask[offset if offset >= 0 else 0 : size : step] = True
        return mask.reshape(tuple(shape))
    rows, columns = shape
    i, j = xp.arange(rows)[:, None], xp.arange(columns)[None, :]
    if wrap and rows > columns:
        return (j - i % (columns + 1)) == offset
    return (j - i) == offset


@op("fill_diagonal", "X -> Out", infer=same_as(0), grad="Out@GRAD -> X@GRAD")
def fill_diagonal(xp, x, *, value: float = 0.0, offset: int = 0, wrap: bool = False):
    return xp.where(_wrapped_diagonal(xp, x.shape, offset, wrap), x.dtype.type(value), x)


@fill_diagonal.backward
def _(xp, d_out, *, offset: int = 0, wrap: bool = False):
    return xp.where(_wrapped_diagonal(xp, d_out.shape, offset, wrap), d_out.dtype.type(0), d_out)


@op("fill_diagonal_tensor", "X, Y -> Out", infer=same_as(0), grad="Out@GRAD -> X@GRAD, Y@GRAD")
def fill_diagonal_tensor(xp, x, y, *, offset: Long = 0, dim1: int = 0, dim2: int = 1):
    wanted = _infer_diagonal(x, offset=offset, axis1=dim1, axis2=dim2).shape
    if tuple(y.shape) != tuple(wanted):
        raise ValueError(f"Y has shape {list(y.shape)}, expected {list(wanted)}: that of the diagonal")
    out = x.copy()
    view = out.transpose(
        [i for i in range(x.ndim) if i not in (dim1 % x.ndim, dim2 % x.ndim)] + [dim1 % x.ndim, dim2 % x.ndim]
    )
    k = xp.arange(wanted[-1])
    view[..., k + max(0, -offset), k + max(0, offset)] = y.astype(x.dtype)
    return out


@fill_diagonal_tensor.backward
def _(xp, d_out, *, offset: Long = 0, dim1: int = 0, dim2: int = 1):
    dy = _diagonal_sum(xp, d_out, offset, dim1, dim2)
    a, b = dim1 % d_out.ndim, dim2 % d_out.ndim
    rest = [i for i in range(d_out.ndim) if i not in (a, b)]
    moved = d_out.transpose([*rest, a, b])
    distance = xp.arange(moved.shape[-1])[None, :] - xp.arange(moved.shape[-2])[:, None]
    return xp.where(distance == offset, d_out.dtype.type(0), moved).transpose(inverse([*rest, a, b])), dy


# --- windows


def window_count(n: int, size: int, step: int) -> int:
    """Number of windows of `size` at distance `step` in n entries."""
    return -1 if n == -1 else (n - size) // step + 1


def _infer_unfold(x: Spec, *, axis: int, size: int, step: int) -> Spec:
    at = axis_of(axis, x.ndim)
    if size < 0 or step <= 0 or (x.shape[at] != -1 and size > x.shape[at]):
        raise ValueError(f"windows of {size} at distance {step} do not fit dimension {at} of shape {list(x.shape)}")
    return Spec((*x.shape[:at], window_count(x.shape[at], size, step), *x.shape[at + 1 :], size), x.dtype)


@op("tensor_unfold", "input -> out&", infer=_infer_unfold, grad="input#, out@GRAD -> input@GRAD")
def tensor_unfold(xp, x, *, axis: Long, size: Long, step: Long):
    shape = _infer_unfold(x, axis=axis, size=size, step=step).shape
    at = axis_of(axis, x.ndim)
    strides = (*x.strides[:at], x.strides[at] * step, *x.strides[at + 1 :], x.strides[at])
    return xp.lib.stride_tricks.as_strided(x, shape, strides)


@tensor_unfold.backward
def _(xp, x, d_out, *, axis: Long, size: Long, step: Long):
    at = axis_of(axis, len(x.shape))
    last = step * (d_out.shape[at] - 1) + 1
    total = xp.zeros(tuple(x.shape), d_out.dtype)
    for k in range(size):  # overlapping windows add up
        place = (*(slice(None),) * at, slice(k, k + last, step))
        total = total + zeros_placed(xp, x.shape, d_out.dtype, place, d_out[..., k])
    return total


def _strided_span(dims: Sequence[int], stride: Sequence[int], offset: int) -> int:
    return offset + 1 + sum((n - 1) * s for n, s in zip(dims, stride, strict=True)) if all(dims) else 0


@op(
    "as_strided",
    "input -> out&",
    infer=lambda x, *, dims=(), stride=(), offset=0: Spec(dims, x.dtype),
    grad="input#, out@GRAD -> input@GRAD",
)
def as_strided(xp, x, *, dims: Longs = (), stride: Longs = (), offset: Long = 0):
    if len(dims) != len(stride):
        raise ValueError(f"shape {list(dims)} and stride {list(stride)} must have the same length")
    if (
        offset < 0
        or any(n < 0 for n in dims)
        or any(s < 0 for s in stride)
        or _strided_span(dims, stride, offset) > x.size
    ):
        raise ValueError(
            f"shape {list(dims)}, stride {list(stride)}, offset {offset} reach outside of the {x.size} elements"
        )
    flat = xp.ascontiguousarray(x).reshape(-1)[offset:]
    return xp.lib.stride_tricks.as_strided(flat, tuple(dims), tuple(s * x.itemsize for s in stride))


@as_strided.backward
def _(xp, x, d_out, *, dims: Longs = (), stride: Longs = (), offset: Long = 0):
    index = xp.zeros((), "int64") + offset
    for axis, (n, s) in enumerate(zip(dims, stride, strict=True)):
        index = index + (xp.arange(n) * s).reshape((1,) * axis + (n,) + (1,) * (len(dims) - axis - 1))
    return zeros_added_at(xp, (product(x.shape),), d_out.dtype, (index,), d_out).reshape(tuple(x.shape))


_UNSIGNED = {np.dtype(np.int64): np.uint64, np.dtype(np.int32): np.uint32}


def all_below(index: Any, n: int) -> bool:
    """Whether a NumPy array of int32 or int64 holds numbers in [0, n) alone. False for others too: look closer then."""
    if type(index) is not np.ndarray or index.dtype not in _UNSIGNED:
        return False
    if not index.size:
        return True
    # one look for both ends, since as unsigned numbers negative ones are the largest; argmax is the quickest way to it
    numbers: Any = index.view(_UNSIGNED[index.dtype])
    return bool(numbers.item(numbers.argmax()) < n)


def add_at(xp: Any, out: Any, place: Any, values: Any) -> None:
    """``out[place] += values`` in place, also where places repeat.

    CuPy adds so only to real numbers of 32 and 64 bits and to float16.
    """
    if type(out) is np.ndarray and _rows_added(out, place if type(place) is tuple else (place,), values):
        return
    if out.dtype.kind == "c":
        xp.add.at(out.real, place, values.real)
        xp.add.at(out.imag, place, values.imag)
    elif xp is np or out.dtype.kind in "iuf" and (out.itemsize >= 4 or out.dtype == np.float16):
        xp.add.at(out, place, values)
    else:
        wide = out.astype(np.int64 if out.dtype.kind in "iu" else np.float32)
        xp.add.at(wide, place, values.astype(wide.dtype))
        out[...] = wide.astype(out.dtype)


def _rows_added(out: Any, index: tuple[Any, ...], values: Any) -> bool:
    """`add_at` by the kernel that adds whole rows, for index arrays over the first dimensions. False: nothing was done."""
    kernel = kernels.lookup("add_rows")
    if kernel is None or values.size < 256 or out.dtype.kind != "f" or not out.flags.c_contiguous or not out.size:
        return False
    place: Any = None
    for part, n in zip(index, out.shape, strict=False):
        if type(part) is not np.ndarray or part.dtype.kind != "i":
            return False
        if part.size and part.min() < 0:
            part = np.where(part < 0, part + n, part)
        place = part if place is None else place * n + part
    rest = out.shape[len(index) :]
    if type(place) is not np.ndarray or values.shape != (*place.shape, *rest) or values.dtype != out.dtype:
        return False
    width = product(rest)
    rows = np.ascontiguousarray(values).reshape(-1, width)
    return bool(kernel(out.reshape(-1, width), np.ascontiguousarray(place).reshape(-1), rows))


def zeros_added_at(
    xp: Any, shape: Sequence[int], dtype: Any, index: tuple[Any, ...], values: Any, unique: bool = False
) -> Any:
    """Zeros of `shape` with `values` added at an advanced index over the first dimensions.

    Repeated places add up; `unique` promises that there are none. `values` has the full shape of the indexed part.
    """
    recorded: Callable[..., Any] | None = getattr(xp, "zeros_added_at", None)  # the facade of second derivatives
    if recorded is not None:
        return recorded(shape, dtype, index, values, unique)
    if unique:
        out = xp.zeros(tuple(shape), dtype)
        out[index] = values
        return out
    if type(values) is np.ndarray:
        out = xp.zeros(tuple(shape), dtype)
        if _rows_added(out, index, values):
            return out
    # over flat memory `add.at` is several times faster than with an index over some of the dimensions
    place = xp.where(index[0] < 0, index[0] + shape[0], index[0])
    for part, n in zip(index[1:], shape[1:], strict=False):
        place = place * n + xp.where(part < 0, part + n, part)
    width = product(shape[len(index) :])
    if width != 1:
        place = xp.expand_dims(place, -1) * width + xp.arange(width)
    out = xp.zeros(product(shape), dtype)
    add_at(xp, out, place.reshape(-1), values.reshape(-1))
    return out.reshape(tuple(shape))


def zeros_placed(xp: Any, shape: Sequence[int], dtype: Any, index: tuple[Any, ...], values: Any) -> Any:
    """Zeros of `shape` with `values` written at a basic index of ints and slices."""
    recorded: Callable[..., Any] | None = getattr(xp, "zeros_placed", None)
    if recorded is not None:
        return recorded(shape, dtype, index, values)
    out = xp.zeros(tuple(shape), dtype)
    out[index] = values
    return out


# --- crop


def _crop_window(shape: Sequence[int], wanted: Sequence[int], offsets: Sequence[int]) -> tuple[slice, ...]:
    if len(wanted) != len(shape) or len(offsets) not in (0, len(shape)):
        raise ValueError(
            f"shape {list(wanted)} and offsets {list(offsets)} must have one entry per dimension of {list(shape)}"
        )
    window = []
    for i, n in enumerate(shape):
        start = int(offsets[i]) if offsets else 0
        size = n - start if wanted[i] == -1 else int(wanted[i])
        if start < 0 or size < 0 or start + size > n:
            raise ValueError(f"dimension {i}: a window of {size} at offset {start} does not fit the {n} entries")
        window.append(slice(start, start + size))
    return tuple(window)


def _infer_crop(
    x: Spec, s: Any = None, st: Any = None, o: Any = None, ot: Any = None, *, shape: Any = (), offsets: Any = ()
) -> Spec:
    wanted = open_ints(s, st, shape, x.ndim)
    assert wanted is not None
    found = open_ints(o, ot, offsets, x.ndim) if o is None and not ot else None
    out = []
    for i, n in enumerate(wanted):
        if n != -1:
            out.append(n)
        elif s is not None or st or found is None or x.shape[i] == -1:
            out.append(-1)
        else:
            out.append(x.shape[i] - (found[i] if found else 0))
    return Spec(out, x.dtype)


@op(
    "crop_tensor",
    "X, Shape?, ShapeTensor*?, Offsets?, OffsetsTensor*? -> Out",
    infer=_infer_crop,
    grad="X#, Offsets?, OffsetsTensor*?, Out@GRAD -> X@GRAD",
)
def crop_tensor(
    xp,
    x,
    shape_tensor=None,
    shape_tensors=None,
    offsets_tensor=None,
    offsets_tensors=None,
    *,
    shape: Ints = (),
    offsets: Ints = (),
):
    wanted = ints_of(shape_tensor, shape_tensors, shape)
    return x[_crop_window(x.shape, wanted, ints_of(offsets_tensor, offsets_tensors, offsets))].copy()


@crop_tensor.backward
def _(xp, x, offsets_tensor, offsets_tensors, d_out, *, offsets: Ints = ()):
    at = ints_of(offsets_tensor, offsets_tensors, offsets)
    return zeros_placed(xp, x.shape, d_out.dtype, _crop_window(x.shape, d_out.shape, at), d_out)


@op(
    "crop",
    "X, Y?, Offsets? -> Out",
    infer=lambda x, y=None, o=None, *, offsets=(), shape=(): Spec(shape if y is None else y.shape, x.dtype),
    grad="X#, Offsets?, Out@GRAD -> X@GRAD",
)
def crop(xp, x, y=None, offsets_tensor=None, *, offsets: Ints = (), shape: Ints = ()):
    wanted = shape if y is None else y.shape
    return x[_crop_window(x.shape, wanted, ints_of(offsets_tensor, None, offsets))].copy()


@crop.backward
def _(xp, x, offsets_tensor, d_out, *, offsets: Ints = ()):
    window = _crop_window(x.shape, d_out.shape, ints_of(offsets_tensor, None, offsets))
    return zeros_placed(xp, x.shape, d_out.dtype, window, d_out)
