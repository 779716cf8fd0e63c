"""Searching and sorting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import kernels
from ..dtypes import numpy_of as _numpy
from ..errors import WrongTypeError
from .indexing import along, along_axis, zeros_added_at
from .registry import DTypeNumber, Ints, Long, Op, Spec, op
from .shapes import axis_of, product

__all__: list[str] = []

_I64 = np.dtype(np.int64)


# --- largest and smallest


def _arg(type: str, function: str) -> Op:
    def rule(x: Spec, *, axis: int = -1, keepdims: bool = False, flatten: bool = False, dtype: int = 3) -> Spec:
        if flatten:
            return Spec((1,) * x.ndim if keepdims else (), _index_dtype(dtype))
        at = axis_of(axis, x.ndim)
        return Spec([1 if i == at else n for i, n in enumerate(x.shape) if keepdims or i != at], _index_dtype(dtype))

    @op(type, "X -> Out", infer=rule)
    def forward(xp, x, *, axis: Long, keepdims: bool = False, flatten: bool = False, dtype: DTypeNumber = 3):
        target = _index_dtype(dtype)
        if not flatten:
            axis_of(axis, x.ndim)
        if flatten or not x.ndim:
            found = xp.asarray(getattr(x, function)()).astype(target, copy=False)
            return found.reshape((1,) * x.ndim if keepdims else ())
        at = axis_of(axis, x.ndim)
        found = getattr(x, function)(axis=at).astype(target, copy=False)
        return xp.expand_dims(found, at) if keepdims else found

    return forward


def _index_dtype(number: int) -> Any:
    target = _I64 if number < 0 else _numpy(number)
    if target not in (np.int32, np.int64):
        raise WrongTypeError(f"dtype of an index must be int32 or int64, got {target}")
    return target


arg_max = _arg("arg_max", "argmax")
arg_min = _arg("arg_min", "argmin")


def sorted_index(xp: Any, x: Any, axis: int, descending: bool) -> Any:
    """Indices that sort `x`; equal values keep their order. NaN counts as the largest."""
    if not descending:
        return xp.argsort(x, axis=axis, kind="stable")
    # sorting the reversed array and reversing the result keeps equal values in order
    n = x.shape[axis]
    order = xp.argsort(xp.flip(x, axis), axis=axis, kind="stable")
    return n - 1 - xp.flip(order, axis)


def _taken(xp: Any, x: Any, index: Any, axis: int) -> Any:
    """`take_along_axis` for indices that are in range and not negative."""
    if type(x) is not np.ndarray or axis != x.ndim - 1:
        return xp.take_along_axis(x, index, axis)
    if x.ndim == 1:
        return x[index]
    n = x.shape[-1]
    rows = np.arange(0, x.size, n or 1).reshape((*x.shape[:-1], 1))
    return x.reshape(-1)[index + rows]


def _back_along(xp: Any, x: Any, index: Any, d_out: Any, axis: int) -> Any:
    return zeros_added_at(xp, x.shape, d_out.dtype, along_axis(xp, index, axis), d_out, unique=True)


@op(
    "argsort",
    "X -> Out, Indices",
    infer=lambda x, **_: (x, Spec(x.shape, _I64)),
    grad="X#, Indices, Out@GRAD -> X@GRAD",
)
def argsort(xp, x, *, axis: int = -1, descending: bool = False):
    if not x.ndim:
        axis_of(axis, 0)
        return x.copy(), xp.zeros((), "int64")
    at = axis_of(axis, x.ndim)
    index = sorted_index(xp, x, at, descending)
    return _taken(xp, x, index, at), index.astype("int64", copy=False)


@argsort.backward
def _(xp, x, index, d_out, *, axis: int = -1):
    if not d_out.ndim:
        return d_out
    return _back_along(xp, x, index, d_out, axis_of(axis, d_out.ndim))


def _infer_top(x: Spec, k_tensor: Any = None, *, k: int = 1, axis: int = -1, **_: Any) -> tuple[Spec, Spec]:
    if not x.shape:
        return x, Spec((), _I64)
    at = axis_of(axis, x.ndim)
    if k_tensor is None and (k < 1 or (x.shape[at] != -1 and k > x.shape[at])):
        raise ValueError(
            f"k = {k} must be in [1, {x.shape[at]}], the length of dimension {at} of shape {list(x.shape)}"
        )
    shape = (*x.shape[:at], k if k_tensor is None else -1, *x.shape[at + 1 :])
    return Spec(shape, x.dtype), Spec(shape, _I64)


def _top(xp: Any, x: Any, k: int, axis: int, largest: bool) -> tuple[Any, Any]:
    at = axis_of(axis, x.ndim)
    if not x.ndim:
        return x.copy(), xp.zeros((), "int64")
    _infer_top(x, None, k=k, axis=axis)
    if type(x) is np.ndarray:
        kernel = kernels.lookup("top")
        last = at == x.ndim - 1
        found = None if kernel is None else kernel(x if last else np.ascontiguousarray(x.swapaxes(at, -1)), k, largest)
        if found is not None:
            values, places = found if last else [np.ascontiguousarray(part.swapaxes(at, -1)) for part in found]
            return values, places
    index = sorted_index(xp, x, at, largest)[along(at, slice(0, k))]
    return _taken(xp, x, index, at), index.astype("int64", copy=False)


@op("top_k_v2", "X, K? -> Out, Indices", infer=_infer_top, grad="X#, Indices, Out@GRAD -> X@GRAD")
def top_k_v2(xp, x, k_tensor=None, *, k: int = 1, axis: int = -1, largest: bool = True, sorted: bool = True):
    return _top(xp, x, k if k_tensor is None else int(k_tensor.item()), axis, largest)


@top_k_v2.backward
def _(xp, x, index, d_out, *, axis: int = -1):
    if not d_out.ndim:
        return d_out
    return _back_along(xp, x, index, d_out, axis_of(axis, d_out.ndim))


@op("top_k", "X, K? -> Out, Indices", infer=_infer_top, grad="X#, Indices, Out@GRAD -> X@GRAD")
def top_k(xp, x, k_tensor=None, *, k: int = 1):
    return _top(xp, x, k if k_tensor is None else int(k_tensor.item()), -1, True)


@top_k.backward
def _(xp, x, index, d_out):
    return _back_along(xp, x, index, d_out, d_out.ndim - 1)


def _infer_reduced(x: Spec, *, axis: int = -1, keepdim: bool = False, **_: Any) -> tuple[Spec, Spec]:
    if not x.shape:
        return x, Spec((), _I64)
    at = axis_of(axis, x.ndim)
    shape = [1 if i == at else n for i, n in enumerate(x.shape) if keepdim or i != at]
    return Spec(shape, x.dtype), Spec(shape, _I64)


def _pick(xp: Any, x: Any, index: Any, axis: int, keepdim: bool) -> tuple[Any, Any]:
    """Values and indices at `index`, whose dimension `axis` is 1."""
    value = xp.take_along_axis(x, index, axis)
    index = index.astype("int64")
    return (value, index) if keepdim else (xp.squeeze(value, axis), xp.squeeze(index, axis))


def _unpick(xp: Any, x: Any, index: Any, d_out: Any, axis: int, keepdim: bool) -> Any:
    if not x.shape:
        return d_out
    at = axis_of(axis, len(x.shape))
    if not keepdim:
        index, d_out = xp.expand_dims(index, at), xp.expand_dims(d_out, at)
    return _back_along(xp, x, index, d_out, at)


@op("kthvalue", "X -> Out, Indices", infer=_infer_reduced, grad="X#, Indices, Out@GRAD -> X@GRAD")
def kthvalue(xp, x, *, k: int = 1, axis: int = -1, keepdim: bool = False):
    at = axis_of(axis, x.ndim)
    if not x.ndim:
        return x.copy(), xp.zeros((), "int64")
    if not 1 <= k <= x.shape[at]:
        raise ValueError(
            f"k = {k} must be in [1, {x.shape[at]}], the length of dimension {at} of shape {list(x.shape)}"
        )
    index = sorted_index(xp, x, at, False)[along(at, slice(k - 1, k))]
    return _pick(xp, x, index, at, keepdim)


@kthvalue.backward
def _(xp, x, index, d_out, *, axis: int = -1, keepdim: bool = False):
    return _unpick(xp, x, index, d_out, axis, keepdim)


@op("mode", "X -> Out, Indices", infer=_infer_reduced, grad="X#, Indices, Out@GRAD -> X@GRAD")
def mode(xp, x, *, axis: int = -1, keepdim: bool = False):
    at = axis_of(axis, x.ndim)
    if not x.ndim:
        return x.copy(), xp.zeros((), "int64")
    order = sorted_index(xp, x, at, False)
    ranked = xp.moveaxis(xp.take_along_axis(x, order, at), at, -1)
    n = ranked.shape[-1]
    place = xp.arange(n)
    # how long the run of equal values that ends here is
    new = xp.concatenate([xp.ones((*ranked.shape[:-1], 1), bool), ranked[..., 1:] != ranked[..., :-1]], -1)
    starts = xp.argsort(~new, axis=-1, kind="stable")  # the places where runs start come first
    start = xp.take_along_axis(starts, xp.cumsum(new, axis=-1) - 1, -1)
    length = place - start + 1
    # the longest run (the smallest value among equals); of equal values the last place, as Paddle
    end = xp.argmax(length, axis=-1)
    index = xp.take_along_axis(order, xp.expand_dims(end, at), at)
    return _pick(xp, x, index, at, keepdim)


@mode.backward
def _(xp, x, index, d_out, *, axis: int = -1, keepdim: bool = False):
    return _unpick(xp, x, index, d_out, axis, keepdim)


# --- unique values


def _infer_unique(
    x: Spec,
    *,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Sequence[int] = (),
    dtype: int = 3,
    is_sorted: bool = False,
) -> tuple[Spec, Spec, Spec, Spec]:
    index = Spec((-1,), _numpy(dtype))
    shape = [-1 if i == axis_of(axis[0], x.ndim) else n for i, n in enumerate(x.shape)] if axis else [-1]
    n = (x.shape[axis_of(axis[0], x.ndim)] if x.ndim else 1) if axis else product(x.shape)
    return Spec(shape, x.dtype), index, Spec((n,), _numpy(dtype)), index


def _rows(xp: Any, x: Any, axis: Sequence[int]) -> tuple[Any, int | None]:
    """Entries to compare as rows of a matrix, and the axis they came from."""
    if not axis:
        return x.reshape(-1, 1), None
    at = axis_of(axis[0], x.ndim)
    return xp.moveaxis(x, at, 0).reshape(x.shape[at], -1), at


def _sorted_rows(xp: Any, rows: Any) -> Any:
    """Order that sorts rows by their first column, then the second, and so on; equal rows keep their order."""
    order = xp.arange(rows.shape[0])
    for column in range(rows.shape[1] - 1, -1, -1):
        order = order[xp.argsort(rows[order, column], kind="stable")]
    return order


def _starts(xp: Any, rows: Any) -> Any:
    """True where a row differs from the one before."""
    n = rows.shape[0]
    if n == 0:
        return xp.zeros(0, bool)
    new = xp.ones(n, bool)
    new[1:] = rows[1:, 0] != rows[:-1, 0] if rows.shape[1] == 1 else (rows[1:] != rows[:-1]).any(axis=1)
    return new


def _counts(xp: Any, first: Any, n: int, dtype: Any) -> Any:
    counts = xp.empty(first.shape, dtype)
    if counts.size:
        counts[:-1] = first[1:] - first[:-1]
        counts[-1] = n - first[-1]
    return counts


@op("unique", "X -> Out, Indices?, Index, Counts?", infer=_infer_unique)
def unique(
    xp,
    x,
    *,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Ints = (),
    dtype: DTypeNumber = 3,
    is_sorted: bool = False,
):
    target = _numpy(dtype)
    rows, at = _rows(xp, x, axis)
    order = _sorted_rows(xp, rows) if rows.shape[1] != 1 else rows[:, 0].argsort(kind="stable")
    new = _starts(xp, rows[order])
    first = new.nonzero()[0]
    number = xp.empty(order.shape, target)
    number[order] = new.cumsum(dtype=target) - 1
    index = order[first]
    if not is_sorted:  # the 1.x form: values in the order in which they first appear
        by_place = xp.argsort(index, kind="stable")
        index = index[by_place]
        number = xp.argsort(by_place)[number].astype(target)
        counts = _counts(xp, first, rows.shape[0], target)[by_place]
    else:
        counts = _counts(xp, first, rows.shape[0], target)
    out = x.reshape(-1)[index] if at is None else xp.take(x, index, axis=at)
    return out, index.astype(target, copy=False), number, counts


def _infer_unique_consecutive(
    x: Spec, *, return_inverse: bool = False, return_counts: bool = False, axis: Any = (), dtype: int = 5
) -> Any:
    out, _, inverse, counts = _infer_unique(x, axis=axis, dtype=dtype)
    return out, inverse, counts


@op("unique_consecutive", "X -> Out, Index?, Counts?", infer=_infer_unique_consecutive)
def unique_consecutive(
    xp, x, *, return_inverse: bool = False, return_counts: bool = False, axis: Ints = (), dtype: DTypeNumber = 5
):
    target = _numpy(dtype)
    rows, at = _rows(xp, x, axis)
    new = _starts(xp, rows)
    first = xp.nonzero(new)[0]
    out = x.reshape(-1)[first] if at is None else xp.take(x, first, axis=at)
    return out, (xp.cumsum(new) - 1).astype(target), _counts(xp, first, rows.shape[0], target)


# --- binary search


def _infer_searchsorted(s: Spec, v: Spec, *, out_int32: bool = False, right: bool = False) -> Spec:
    if not s.shape:
        raise ValueError("SortedSequence needs at least one dimension")
    if s.ndim > 1:
        fits = s.ndim == v.ndim and all(-1 in (m, n) or m == n for m, n in zip(s.shape[:-1], v.shape[:-1], strict=True))
        if not fits:
            raise RuntimeError(
                f"SortedSequence {list(s.shape)} and Values {list(v.shape)} must agree in all dimensions but the last"
            )
    return Spec(v.shape, np.dtype(np.int32 if out_int32 else np.int64))


@op("searchsorted", "SortedSequence, Values -> Out", infer=_infer_searchsorted)
def searchsorted(xp, s, v, *, out_int32: bool = False, right: bool = False):
    _infer_searchsorted(s, v)
    target = np.dtype(np.int32 if out_int32 else np.int64)
    side = "right" if right else "left"
    if s.ndim == 1:
        return xp.searchsorted(s, v, side=side).astype(target).reshape(v.shape)
    rows, wanted = s.reshape(-1, s.shape[-1]), v.reshape(product(v.shape[:-1]), v.shape[-1])
    found = [xp.searchsorted(rows[i], wanted[i], side=side) for i in range(rows.shape[0])]
    return xp.stack(found).astype(target).reshape(v.shape)
