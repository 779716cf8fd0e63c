"""Reductions and cumulative operators: sums, means, extremes, norms, medians, running sums.

`dim` lists the reduced axes; an empty list, all axes, or `reduce_all` reduce to a scalar.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import kernels
from ..dtypes import numpy_of as _numpy
from .elementwise import const, refuse_integers
from .manipulation import zeros_added_at
from .norm import differentiated_again
from .registry import DTypeNumber, Ints, Longs, Op, Spec, op
from .shapes import add_reduce, axes_of, axis_of, reduced_shape, same_as

__all__: list[str] = []

_I64, _I32, _BOOL = np.dtype(np.int64), np.dtype(np.int32), np.dtype(np.bool_)


def reduced_axes(x: Any, dim: Any, reduce_all: bool) -> tuple[int, ...]:
    """The axes that `dim` and `reduce_all` name."""
    if reduce_all or dim is None or (not isinstance(dim, int) and len(dim) == 0):
        return tuple(range(x.ndim))
    return axes_of(dim, x.ndim)


def spread(xp: Any, value: Any, x: Any, axes: Sequence[int]) -> Any:
    """A reduced value (with or without the reduced axes) repeated over the shape of `x`."""
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    return xp.broadcast_to(value if tuple(value.shape) == shape else value.reshape(shape), tuple(x.shape))


def spread_copy(xp: Any, value: Any, x: Any, axes: Sequence[int]) -> Any:
    """`spread` into an array of its own."""
    if differentiated_again(xp):
        return spread(xp, value, x, axes).copy()
    out = xp.empty(tuple(x.shape), value.dtype)
    if value.ndim:
        shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
        value = value if tuple(value.shape) == shape else value.reshape(shape)
    out[...] = value
    return out


def kept(value: Any, x: Any, axes: Sequence[int]) -> Any:
    """A reduced value with the reduced axes as ones."""
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    return value if tuple(value.shape) == shape else value.reshape(shape)


def _tensor_axes(tensor: Any, tensors: Any, dim: Any) -> Any:
    """Axes given as tensors instead of the attribute."""
    if tensor is not None:
        return [int(n) for n in tensor.reshape(-1).tolist()]
    if tensors:
        return [int(t.item()) for t in tensors]
    return dim


def _sum_dtype(x: Any, out_dtype: int) -> Any:
    if out_dtype >= 0:
        return _numpy(out_dtype)
    return _I64 if x.dtype in (_BOOL, _I32) else x.dtype


def _rule(dtype: Callable[[Any, int], Any] | None = None) -> Callable[..., Spec]:
    def rule(
        x: Spec, tensor: Any = None, tensors: Any = None, *, dim: Any = (0,), keep_dim: bool = False, reduce_all: bool = False,
        out_dtype: int = -1, **_: Any,
    ) -> Spec:  # fmt: skip
        if tensor is not None or tensors:
            if reduce_all:
                axes: tuple[int, ...] = tuple(range(x.ndim))
            elif keep_dim:
                return Spec((-1,) * x.ndim, dtype(x, out_dtype) if dtype else x.dtype)
            else:
                count = len(tensors) if tensors else tensor.size
                if count < 0:
                    raise ValueError("the number of reduced axes is unknown")
                return Spec((-1,) * (x.ndim - count), dtype(x, out_dtype) if dtype else x.dtype)
        else:
            axes = reduced_axes(x, dim, reduce_all)
        return Spec(reduced_shape(x.shape, axes, keep_dim), dtype(x, out_dtype) if dtype else x.dtype)

    return rule


_LARGE = 4096  # elements from which on a kernel is worth asking for the sum


def _total(x: Any, axes: tuple[int, ...] | None = None, keep: bool = False) -> Any:
    """The sum of floating numbers over axes, all without them: of many float32 numbers in one pass, added up in double."""
    if type(x) is not np.ndarray:
        return x.sum(axis=axes, keepdims=keep)
    if x.size >= _LARGE and not keep and x.dtype == np.float32 and (axes is None or len(axes) == x.ndim):
        kernel = kernels.lookup("total")
        found = None if kernel is None else kernel(x)
        if found is not None:
            return np.float32(found)
    return add_reduce(x, axis=axes, keepdims=True) if keep else add_reduce(x, axis=axes)


@op("reduce_sum", "X -> Out", infer=_rule(_sum_dtype), grad="X#, Out@GRAD -> X@GRAD")
def reduce_sum(xp, x, *, dim: Ints = (0,), keep_dim: bool = False, reduce_all: bool = False, in_dtype: DTypeNumber = -1,
               out_dtype: DTypeNumber = -1):  # fmt: skip
    axes = reduced_axes(x, dim, reduce_all)
    if x.dtype.kind == "f" and out_dtype < 0:
        return _total(x, axes, keep_dim)
    return x.sum(axis=axes, keepdims=keep_dim, dtype=_sum_dtype(x, out_dtype))


@reduce_sum.backward
def _(xp, x, d_out, *, dim: Ints = (0,), reduce_all: bool = False):
    d = d_out if d_out.dtype == x.dtype else d_out.astype(x.dtype)
    return spread_copy(xp, d, x, reduced_axes(x, dim, reduce_all))


def _mean(xp: Any, x: Any, axes: tuple[int, ...], keep: bool) -> Any:
    if x.dtype.kind in "iub":  # whole numbers, cut towards zero, as Paddle (bool: whether any is true)
        return x.mean(axis=axes, keepdims=keep, dtype=np.float64).astype(x.dtype)
    count = _count(x.shape, axes)
    if not count:  # nan, without the warning of `mean`
        return x.sum(axis=axes, keepdims=keep, dtype=x.dtype) / const(x, count)
    if x.dtype.kind != "f" or x.dtype.itemsize < 4:
        return x.mean(axis=axes, keepdims=keep, dtype=x.dtype)
    return _total(x, axes, keep) / const(x, count)  # what `mean` does, in half the time for small arrays


def _count(shape: Sequence[int], axes: Sequence[int]) -> int:
    return shape[axes[0]] if len(axes) == 1 else math.prod([shape[a] for a in axes])


@op("reduce_mean", "X -> Out", infer=_rule(lambda x, n: x.dtype if n < 0 else _numpy(n)), grad="X#, Out@GRAD -> X@GRAD")
def reduce_mean(xp, x, *, dim: Ints = (0,), keep_dim: bool = False, reduce_all: bool = False, in_dtype: DTypeNumber = -1,
                out_dtype: DTypeNumber = -1):  # fmt: skip
    if out_dtype >= 0:
        x = x.astype(_numpy(out_dtype))
    if reduce_all and not keep_dim and x.dtype.kind == "f" and x.dtype.itemsize >= 4 and x.size:
        return _total(x) / const(x, x.size)  # the mean of a loss, without the detour over axes
    return _mean(xp, x, reduced_axes(x, dim, reduce_all), keep_dim)


@reduce_mean.backward
def _(xp, x, d_out, *, dim: Ints = (0,), reduce_all: bool = False):
    axes = reduced_axes(x, dim, reduce_all)
    d = d_out / const(d_out, max(_count(x.shape, axes), 1))
    return spread_copy(xp, d if d.dtype == x.dtype else d.astype(x.dtype), x, axes)


@op("mean", "X -> Out", infer=lambda x: Spec((), x.dtype), grad="X#, Out@GRAD -> X@GRAD")
def mean(xp, x):
    return _mean(xp, x, tuple(range(x.ndim)), False)


@mean.backward
def _(xp, x, d_out):
    return spread_copy(xp, d_out / const(d_out, max(x.size, 1)), x, tuple(range(x.ndim)))


def _extreme(type: str, method: str, shared: bool) -> Op:
    """Largest or smallest values. Ties get the whole gradient each (`reduce_max`) or equal shares of it (`reduce_amax`)."""
    slots = "X, AxisTensor?, AxisTensorList*? -> Out" if shared else "X -> Out"
    grad = "X, Out, Out@GRAD -> X@GRAD"

    def check(x: Any) -> None:
        if x.dtype.kind == "b":
            refuse_integers(x)
        if x.size == 0:
            raise ValueError("has no value for a tensor without elements")

    if shared:

        @op(type, slots, infer=_rule(), grad=grad)
        def forward(xp, x, axis_tensor=None, axis_tensors=None, *, dim: Longs = (0,), keep_dim: bool = False,
                    reduce_all: bool = False, in_dtype: DTypeNumber = -1, out_dtype: DTypeNumber = -1):  # fmt: skip
            check(x)
            dim = _tensor_axes(axis_tensor, axis_tensors, dim)
            return getattr(x, method)(axis=reduced_axes(x, dim, reduce_all), keepdims=keep_dim)

    else:

        @op(type, slots, infer=_rule(), grad=grad)
        def forward(xp, x, *, dim: Ints = (0,), keep_dim: bool = False, reduce_all: bool = False, in_dtype: DTypeNumber = -1,
                    out_dtype: DTypeNumber = -1):  # fmt: skip
            check(x)
            return getattr(x, method)(axis=reduced_axes(x, dim, reduce_all), keepdims=keep_dim)

    @forward.backward
    def _(xp, x, out, d_out, *, dim: Ints = (0,), reduce_all: bool = False):
        axes = reduced_axes(x, dim, reduce_all)
        chosen = (x == kept(out, x, axes)).astype(x.dtype)
        if shared:
            chosen = chosen / chosen.sum(axis=axes, keepdims=True)
        return kept(d_out, x, axes) * chosen

    return forward


reduce_max = _extreme("reduce_max", "max", shared=False)
reduce_min = _extreme("reduce_min", "min", shared=False)
reduce_amax = _extreme("reduce_amax", "max", shared=True)
reduce_amin = _extreme("reduce_amin", "min", shared=True)


@op("reduce_prod", "X -> Out", infer=_rule(lambda x, n: x.dtype if n < 0 else _numpy(n)), grad="X, Out, Out@GRAD -> X@GRAD")
def reduce_prod(xp, x, *, dim: Ints = (0,), keep_dim: bool = False, reduce_all: bool = False, in_dtype: DTypeNumber = -1,
                out_dtype: DTypeNumber = -1):  # fmt: skip
    if x.dtype.kind == "b" and out_dtype < 0:
        refuse_integers(x)
    target = x.dtype if out_dtype < 0 else _numpy(out_dtype)
    return x.prod(axis=reduced_axes(x, dim, reduce_all), keepdims=keep_dim, dtype=target)


@reduce_prod.backward
def _(xp, x, out, d_out, *, dim: Ints = (0,), reduce_all: bool = False):
    axes = reduced_axes(x, dim, reduce_all)
    d = kept(d_out, x, axes)
    zero = x == 0
    if not zero.any():
        return d * kept(out, x, axes) / x
    # the product of the others: where one factor is zero, only that one has a gradient
    safe = xp.where(zero, xp.ones_like(x), x)
    zeros = zero.sum(axis=axes, keepdims=True)
    others = safe.prod(axis=axes, keepdims=True) / safe
    return d * xp.where(zeros == 0, others, xp.where((zeros == 1) & zero, others, xp.zeros_like(x)))


def _decision(type: str, function: str) -> Op:
    @op(type, "X, AxisTensor?, AxisTensorList*? -> Out", infer=_rule(lambda x, n: _BOOL))
    def forward(xp, x, axis_tensor=None, axis_tensors=None, *, dim: Longs = (0,), keep_dim: bool = False,
                reduce_all: bool = False, in_dtype: DTypeNumber = -1, out_dtype: DTypeNumber = -1):  # fmt: skip
        dim = _tensor_axes(axis_tensor, axis_tensors, dim)
        return getattr(x.astype(_BOOL), function)(axis=reduced_axes(x, dim, reduce_all), keepdims=keep_dim)

    return forward


reduce_all_ = _decision("reduce_all", "all")
reduce_any = _decision("reduce_any", "any")


# --- norms


def _infer_logsumexp(x: Spec, *, axis: Any = (0,), keepdim: bool = False, reduce_all: bool = False) -> Spec:
    return Spec(reduced_shape(x.shape, reduced_axes(x, axis, reduce_all), keepdim), x.dtype)


@op("logsumexp", "X -> Out", infer=_infer_logsumexp, grad="X, Out, Out@GRAD -> X@GRAD")
def logsumexp(xp, x, *, axis: Ints = (0,), keepdim: bool = False, reduce_all: bool = False):
    refuse_integers(x)
    axes = reduced_axes(x, axis, reduce_all)
    top = x.max(axis=axes, keepdims=True)
    top = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
    with np.errstate(divide="ignore"):  # log 0 = -inf is right where all is -inf
        found = xp.log(xp.exp(x - top).sum(axis=axes, keepdims=True)) + top
    return found if keepdim else found.reshape(reduced_shape(x.shape, axes, False))


@logsumexp.backward
def _(xp, x, out, d_out, *, axis: Ints = (0,), reduce_all: bool = False):
    axes = reduced_axes(x, axis, reduce_all)
    return kept(d_out, x, axes) * xp.exp(x - kept(out, x, axes))


@op("frobenius_norm", "X -> Out", infer=_rule(), grad="X, Out, Out@GRAD -> X@GRAD")
def frobenius_norm(xp, x, *, dim: Ints = (0,), keep_dim: bool = False, reduce_all: bool = False, in_dtype: DTypeNumber = -1,
                   out_dtype: DTypeNumber = -1):  # fmt: skip
    refuse_integers(x)
    return xp.sqrt((x * x).sum(axis=reduced_axes(x, dim, reduce_all), keepdims=keep_dim))


@frobenius_norm.backward
def _(xp, x, out, d_out, *, dim: Ints = (0,), reduce_all: bool = False):
    axes = reduced_axes(x, dim, reduce_all)
    norm = kept(out, x, axes)
    return x * (kept(d_out, x, axes) / xp.where(norm == 0, xp.ones_like(norm), norm))


def _infer_p_norm(x: Spec, *, axis: int = -1, keepdim: bool = False, asvector: bool = False, **_: Any) -> Spec:
    axes = tuple(range(x.ndim)) if asvector else (axis_of(axis, x.ndim),)
    return Spec(reduced_shape(x.shape, axes, keepdim), x.dtype)


@op("p_norm", "X -> Out", infer=_infer_p_norm, grad="X, Out, Out@GRAD -> X@GRAD")
def p_norm(xp, x, *, porder: float = 2.0, axis: int = -1, epsilon: float = 1e-12, keepdim: bool = False, asvector: bool = False):
    refuse_integers(x)
    axes = tuple(range(x.ndim)) if asvector else axes_of(axis, x.ndim)
    size = xp.abs(x)
    if porder == math.inf:
        return size.max(axis=axes, keepdims=keepdim)
    if porder == -math.inf:
        return size.min(axis=axes, keepdims=keepdim)
    if porder == 0:
        return (x != 0).sum(axis=axes, keepdims=keepdim).astype(x.dtype)
    if porder == 1:
        return size.sum(axis=axes, keepdims=keepdim)
    if porder == 2:
        return xp.sqrt((x * x).sum(axis=axes, keepdims=keepdim))
    with np.errstate(divide="ignore"):  # a negative order of 0 is inf, and the norm then 0
        return xp.power(xp.power(size, const(x, porder)).sum(axis=axes, keepdims=keepdim), const(x, 1.0 / porder))


@p_norm.backward
def _(xp, x, out, d_out, *, porder: float = 2.0, axis: int = -1, asvector: bool = False):
    axes = tuple(range(x.ndim)) if asvector else (axis_of(axis, x.ndim),) if x.ndim else ()
    norm, d = kept(out, x, axes), kept(d_out, x, axes)
    if porder == 0:
        return xp.zeros_like(x)
    if abs(porder) == math.inf:
        return d * xp.sign(x) * (xp.abs(x) == norm).astype(x.dtype)
    if porder == 1:
        return d * xp.sign(x)
    safe = xp.where(norm == 0, xp.ones_like(norm), norm)
    if porder == 2:
        return d * x / safe
    size = xp.abs(x)
    ratio = xp.where(size == 0, xp.ones_like(size), size) / safe
    made = d * xp.sign(x) * xp.power(ratio, const(x, porder - 1))
    return xp.where(size == 0, xp.zeros_like(made), made)


@op("l1_norm", "X -> Out", infer=lambda x: Spec((), x.dtype), grad="X, Out@GRAD -> X@GRAD")
def l1_norm(xp, x):
    return xp.abs(x).sum()


@l1_norm.backward
def _(xp, x, d_out):
    return xp.sign(x) * d_out.reshape(())


@op("squared_l2_norm", "X -> Out", infer=lambda x: Spec((1,), x.dtype), grad="X, Out@GRAD -> X@GRAD")
def squared_l2_norm(xp, x):
    return (x * x).sum().reshape(1)


@squared_l2_norm.backward
def _(xp, x, d_out):
    return x * (d_out.reshape(()) * const(x, 2))


@op("norm", "X -> Out, Norm~", infer=lambda x, *, axis, epsilon=1e-10, is_test=False: (
    x, Spec(reduced_shape(x.shape, (axis_of(axis, x.ndim),), True), x.dtype)), grad="X, Norm#, Out@GRAD -> X@GRAD")  # fmt: skip
def norm(xp, x, *, axis: int, epsilon: float = 1e-10, is_test: bool = False):
    size = xp.sqrt((x * x).sum(axis=axis, keepdims=True) + const(x, epsilon))
    return x / size, size


@norm.backward
def _(xp, x, size, d_out, *, axis: int, epsilon: float = 1e-10):
    size = xp.sqrt((x * x).sum(axis=axis, keepdims=True) + const(x, epsilon))
    out = x / size
    return (d_out - out * (d_out * out).sum(axis=axis, keepdims=True)) / size


@op("dist", "X, Y -> Out", infer=lambda x, y, *, p=2.0: Spec((), x.dtype), grad="X, Y, Out, Out@GRAD -> X@GRAD, Y@GRAD")
def dist(xp, x, y, *, p: float = 2.0):
    return p_norm.forward(xp, x - y, porder=p, asvector=True)


@dist.backward
def _(xp, x, y, out, d_out, *, p: float = 2.0, needs: tuple[bool, ...] = (True, True)):
    assert p_norm.grad is not None
    from_difference = p_norm.grad.function(xp, x - y, out, d_out, porder=p, asvector=True)
    dx = _sum_back(from_difference, x) if needs[0] else None
    return dx, (-_sum_back(from_difference, y) if needs[1] else None)


def _sum_back(d: Any, like: Any) -> Any:
    lead = d.ndim - len(like.shape)
    axes = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(like.shape) if n == 1 and d.shape[i + lead] != 1)
    return d.sum(axis=axes, keepdims=True).reshape(tuple(like.shape)) if axes else d


# --- cumulative


def _flat_axis(x: Any, axis: int, flatten: bool) -> tuple[Any, int]:
    at = 0 if flatten else axis_of(axis, x.ndim)
    return (x.reshape(-1), 0) if flatten or x.ndim == 0 else (x, at)


def _at(ndim: int, axis: int, window: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (window,) + (slice(None),) * (ndim - axis - 1)


def _shifted(xp: Any, total: Any, axis: int, fill: float) -> Any:
    """Exclusive sums: the value at i holds what came before i."""
    made = xp.full(total.shape, fill, total.dtype)
    made[_at(total.ndim, axis, slice(1, None))] = total[_at(total.ndim, axis, slice(0, -1))]
    return made


def _infer_scan(x: Spec, *, flatten: bool = False, **_: Any) -> Spec:
    if not flatten:
        return x
    count = 1
    for n in x.shape:
        count = -1 if n == -1 or count == -1 else count * n
    return Spec((count,), x.dtype)


def _cumulative(xp: Any, x: Any, axis: int, exclusive: bool, reverse: bool) -> Any:
    kernel = kernels.lookup("cumsum")
    found = None if kernel is None else kernel(x, axis, reverse)
    if found is not None:
        return found - x if exclusive else found
    if reverse:
        x = xp.flip(x, axis)
    total = xp.cumsum(x, axis=axis).astype(x.dtype)
    if exclusive:
        total = total - x
    return xp.flip(total, axis) if reverse else total


@op("cumsum", "X -> Out", infer=_infer_scan, grad="X#, Out@GRAD -> X@GRAD")
def cumsum(xp, x, *, axis: int = -1, flatten: bool = False, exclusive: bool = False, reverse: bool = False):
    if x.dtype.name in ("bool", "uint8"):
        refuse_integers(x)
    flat, axis = _flat_axis(x, axis, flatten)
    made = _cumulative(xp, flat, axis, exclusive, reverse)
    return made if flatten or x.ndim else made.reshape(())


@cumsum.backward
def _(xp, x, d_out, *, axis: int = -1, flatten: bool = False, exclusive: bool = False, reverse: bool = False):
    d, axis = _flat_axis(d_out, axis, flatten)
    return _cumulative(xp, d, axis, exclusive, not reverse).reshape(tuple(x.shape))


@op("cumprod", "X -> Out", infer=same_as(0), grad="X, Out, Out@GRAD -> X@GRAD")
def cumprod(xp, x, *, dim: int):
    flat, axis = _flat_axis(x, dim, False)
    return xp.cumprod(flat, axis=axis).astype(x.dtype).reshape(x.shape)


@cumprod.backward
def _(xp, x, out, d_out, *, dim: int):
    shape = tuple(x.shape)
    x, axis = _flat_axis(x, dim, False)
    d, out = d_out.reshape(x.shape), out.reshape(x.shape)
    zero = x == 0
    if not zero.any():
        return (_cumulative(xp, d * out, axis, False, True) / x).reshape(shape)
    safe = xp.where(zero, xp.ones_like(x), x)
    before = _cumulative(xp, d * out, axis, False, True) / safe
    # at the first zero the products that run over it are those without it
    first = zero & (xp.cumsum(zero, axis=axis) == 1)
    without = xp.cumprod(xp.where(first, xp.ones_like(x), x), axis=axis).astype(x.dtype)
    return xp.where(first, _cumulative(xp, d * without, axis, False, True), before).reshape(shape)


def _scan_log(xp: Any, x: Any, axis: int) -> Any:
    """Running log-sum-exp by doubling steps (Hillis and Steele 1986): no overflow, and array modules need no ufunc.accumulate."""
    y = x.copy()
    step = 1
    while step < x.shape[axis]:
        late, early = _at(x.ndim, axis, slice(step, None)), _at(x.ndim, axis, slice(0, -step))
        y[late] = xp.logaddexp(y[late], y[early])
        step *= 2
    return y


@op("logcumsumexp", "X -> Out", infer=_infer_scan, grad="X, Out, Out@GRAD -> X@GRAD")
def logcumsumexp(xp, x, *, axis: int = -1, flatten: bool = False, exclusive: bool = False, reverse: bool = False):
    refuse_integers(x)
    flat, axis = _flat_axis(x, axis, flatten)
    turned = xp.flip(flat, axis) if reverse else flat
    total = _scan_log(xp, turned, axis)
    if exclusive:
        total = _shifted(xp, total, axis, float(np.finfo(x.dtype).min))
    total = xp.flip(total, axis) if reverse else total
    return total if flatten or x.ndim else total.reshape(())


@logcumsumexp.backward
def _(xp, x, out, d_out, *, axis: int = -1, flatten: bool = False, exclusive: bool = False, reverse: bool = False):
    shape = tuple(x.shape)
    x, axis = _flat_axis(x, axis, flatten)
    d, out = d_out.reshape(x.shape), out.reshape(x.shape)
    total = xp.zeros_like(x)
    for sign in (1, -1):
        with np.errstate(divide="ignore", invalid="ignore"):
            # log of the positive and of the negative part, so that nothing overflows
            part = xp.log(xp.maximum(d * const(x, sign), const(x, 0))) - out
            part = part if reverse else xp.flip(part, axis)
            run = _scan_log(xp, part, axis)
            if exclusive:
                run = _shifted(xp, run, axis, -math.inf)
            run = run if reverse else xp.flip(run, axis)
            total = total + const(x, sign) * xp.exp(x + run)
    return total.reshape(shape)


def _running_extreme(type: str, later_wins: Callable[[Any, Any], Any]) -> Op:
    """Running maximum or minimum with its position; among equals the last one counts, as in Paddle."""

    @op(type, "x -> out, indices", infer=lambda x, *, axis=-1, dtype=3: (x, Spec(x.shape, _numpy(dtype))),
        grad="x#, indices, out@GRAD -> x@GRAD")  # fmt: skip
    def forward(xp, x, *, axis: int = -1, dtype: DTypeNumber = 3):
        flat, at = _flat_axis(x, axis, False)
        n = flat.shape[at]
        place = xp.arange(n).reshape(tuple(n if i == at else 1 for i in range(flat.ndim)))
        value, index = flat.copy(), xp.broadcast_to(place, flat.shape).copy()
        step = 1
        while step < n:
            late, early = _at(flat.ndim, at, slice(step, None)), _at(flat.ndim, at, slice(0, -step))
            stays = later_wins(value[late], value[early])
            value[late], index[late] = xp.where(stays, value[late], value[early]), xp.where(stays, index[late], index[early])
            step *= 2
        return value.reshape(x.shape), index.astype(_numpy(dtype)).reshape(x.shape)

    @forward.backward
    def _(xp, x, index, d_out, *, axis: int = -1):
        d, at = _flat_axis(d_out, axis, False)
        index = index.reshape(tuple(d.shape))
        place = [xp.arange(m).reshape(tuple(m if k == i else 1 for k in range(d.ndim))) for i, m in enumerate(d.shape)]
        place[at] = index
        return zeros_added_at(xp, d.shape, d.dtype, tuple(xp.broadcast_to(p, tuple(d.shape)) for p in place), d).reshape(tuple(x.shape))

    return forward


cummax = _running_extreme("cummax", lambda late, early: (late >= early) | (late != late))
cummin = _running_extreme("cummin", lambda late, early: (late <= early) | (late != late))


# --- medians


def _infer_nanmedian(x: Spec, *, axis: Any = (), keepdim: bool = True) -> tuple[Spec, Spec]:
    shape = reduced_shape(x.shape, reduced_axes(x, axis, False), keepdim)
    return Spec(shape, x.dtype), Spec((*shape, 2), _I64)


@op("nanmedian", "X -> Out, MedianIndex~", infer=_infer_nanmedian, grad="X, MedianIndex, Out@GRAD -> X@GRAD")
def nanmedian(xp, x, *, axis: Ints = (), keepdim: bool = True):
    axes = reduced_axes(x, axis, False)
    rest = [i for i in range(x.ndim) if i not in axes]
    rows = x.transpose([*rest, *axes]).reshape((*[x.shape[i] for i in rest], -1))
    order = xp.argsort(rows, axis=-1)
    ordered = xp.take_along_axis(rows, order, axis=-1)
    count = rows.shape[-1] if x.dtype.kind != "f" else (~xp.isnan(rows)).sum(axis=-1, keepdims=True)
    count = count + xp.zeros((*rows.shape[:-1], 1), _I64)
    low, high = xp.maximum((count - 1) // 2, 0), xp.maximum(count // 2, 0)
    high = xp.minimum(high, rows.shape[-1] - 1)
    places = xp.concatenate([low, high], axis=-1)
    pair = xp.take_along_axis(ordered, places, axis=-1)
    middle = pair.mean(axis=-1) if x.dtype.kind == "f" else xp.trunc(pair.mean(axis=-1))
    shape = reduced_shape(x.shape, axes, keepdim)
    index = xp.take_along_axis(order, places, axis=-1)
    return middle.astype(x.dtype).reshape(shape), index.astype(_I64).reshape((*shape, 2))


@nanmedian.backward
def _(xp, x, index, d_out, *, axis: Ints = ()):
    axes = reduced_axes(x, axis, False)
    rest = [i for i in range(x.ndim) if i not in axes]
    lead = tuple(x.shape[i] for i in rest)
    n = _count(x.shape, axes)
    index = index.reshape((*lead, 2, 1))
    share = (xp.arange(n) == index).astype(x.dtype).sum(axis=-2) * const(x, 0.5)  # [..., n]
    d = (d_out.reshape((*lead, 1)) * share).reshape((*lead, *[x.shape[i] for i in axes]))
    order = [*rest, *axes]
    return d.transpose([order.index(i) for i in range(x.ndim)])
