"""Statistics: means, variances, medians and quantiles."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import dtypes
from ..core.dispatch import call
from ..core.recorder import spec_of
from ..core.tensor import tensor_method
from ..errors import UnsupportedDtypeError, WrongTypeError
from ..ops import creation as C
from ..ops import elementwise as E
from ..ops import indexing as I
from ..ops import reduction as R
from ..ops import search as S
from ..ops.shapes import axis_of, reduced_shape
from . import creation, manipulation
from .arguments import is_tensor_like, static_types
from .math import any as _any
from .math import ceil, floor, isnan, lerp, pow, reduce_axes, sqrt
from .math import sum as _sum
from .operators import cast_to

__all__ = ["mean", "median", "nanmedian", "nanquantile", "numel", "quantile", "std", "var"]


@tensor_method("mean")
def mean(x: Any, axis: Any = None, keepdim: bool = False, name: str | None = None) -> Any:
    """Mean over `axis` (all by default)."""
    dim, reduce_all = reduce_axes(axis, x, "mean")
    return call(R.reduce_mean, x, dim=dim, keep_dim=bool(keepdim), reduce_all=reduce_all)


@tensor_method("numel")
def numel(x: Any, name: str | None = None) -> Any:
    """Number of elements; a 0-d int64 tensor."""
    return call(C.size, x)


@tensor_method("var")
def var(x: Any, axis: Any = None, unbiased: bool = True, keepdim: bool = False, name: str | None = None) -> Any:
    """Variance over `axis`: squared distances from the mean, divided by n - 1, or by n unless `unbiased` (or where n is 1)."""
    static_types("var", "float16 float32 float64", x=x)
    spec_of(x)  # an error for what is no tensor
    if not x.dtype.is_floating:
        raise UnsupportedDtypeError(f"var takes floating tensors, got {x.dtype.name}; cast it first")
    distance = x - mean(x, axis, True)
    out = _sum(pow(distance, 2), axis, keepdim=keepdim)
    dim, reduce_all = reduce_axes(axis, x, "var")
    shape = spec_of(x).shape
    sizes = shape if reduce_all or not shape else [shape[axis_of(d, len(shape))] for d in dim]
    if -1 not in sizes:
        n = math.prod(sizes)
        return out / float(max(n - 1, 1) if unbiased else n)
    count = cast_to(numel(x), dtypes.float32) / cast_to(numel(out), dtypes.float32)
    if unbiased:
        count = call(E.clip, count - 1.0, min=1.0, max=float(2**63))
    return out / cast_to(count, x.dtype)


@tensor_method("std")
def std(x: Any, axis: Any = None, unbiased: bool = True, keepdim: bool = False, name: str | None = None) -> Any:
    """Standard deviation over `axis`; see `var`."""
    static_types("std", "float16 float32 float64", x=x)
    return sqrt(var(x, axis, unbiased, keepdim))


@tensor_method("median")
def median(x: Any, axis: int | None = None, keepdim: bool = False, name: str | None = None) -> Any:
    """The middle element along `axis`, the mean of the two middle ones of an even number; nan if there is one.

    float32, or float64 for float64 input.
    """
    static_types("median", "float16 bfloat16 float32 float64 int32 int64", x=x)
    if not is_tensor_like(x):
        raise WrongTypeError(f"median takes a Tensor, got {type(x).__name__}")
    shape = spec_of(x).shape
    ndim = len(shape)
    if 0 in shape:
        raise ValueError("median of a tensor without elements")
    if axis is not None and not isinstance(axis, int):
        raise ValueError(f"median: axis must be None or an int, got {type(axis).__name__}")
    flat = axis is None or ndim == 0
    at = 0 if axis is None or ndim == 0 else axis_of(axis, ndim)
    rows = manipulation.flatten(x) if flat else x
    n = spec_of(rows).shape[at]
    if n == -1:
        raise ValueError("median: the length of the reduced axis must be known while a Program is recorded")
    target = dtypes.float64 if x.dtype is dtypes.float64 else dtypes.float32
    k = n // 2
    lowest, _ = call(S.top_k_v2, rows, k=k + 1, axis=at, largest=False, sorted=True)
    middle = cast_to(manipulation.slice(lowest, [at], [k], [k + 1]), target)
    if n % 2 == 0:
        middle = (cast_to(manipulation.slice(lowest, [at], [k - 1], [k]), target) + middle) / 2
    if x.dtype.is_floating:
        middle = middle + cast_to(_sum(cast_to(isnan(rows), x.dtype) * rows, axis=at, keepdim=True), target)
    if flat:
        return manipulation.reshape(middle, [1] * ndim if keepdim else [])
    return middle if keepdim else manipulation.squeeze(middle, at)


@tensor_method("nanmedian")
def nanmedian(x: Any, axis: Any = None, keepdim: bool = False, name: str | None = None) -> Any:
    """The median over `axis` (an int, several, or all) of the elements that are not nan; the type of `x`."""
    if not is_tensor_like(x):
        raise WrongTypeError(f"nanmedian takes a Tensor, got {type(x).__name__}")
    if isinstance(axis, (list, tuple)) and len(axis) == 0:
        raise ValueError("nanmedian: the list of axes must not be empty")
    return call(R.nanmedian, x, axis=reduce_axes(axis, x, "nanmedian")[0], keepdim=bool(keepdim))


def _quantile(x: Any, q: Any, axis: Any, keepdim: bool, ignore_nan: bool, what: str) -> Any:
    if not is_tensor_like(x):
        raise WrongTypeError(f"{what} takes a Tensor, got {type(x).__name__}")
    if not isinstance(q, (int, float, list, tuple)):
        raise WrongTypeError(f"{what}: q must be a number or a list of numbers, got {type(q).__name__}")
    levels: Sequence[float] = [q] if isinstance(q, (int, float)) else q
    if len(levels) == 0:
        raise ValueError(f"{what}: the list q must not be empty")
    if not all(0 <= level <= 1 for level in levels):
        raise ValueError(f"{what}: q must lie in [0, 1], got {q}")
    shape = spec_of(x).shape
    ndim = len(shape)
    if axis is None:
        axes: tuple[int, ...] = tuple(range(ndim))
    elif isinstance(axis, (list, tuple)):
        axes = tuple(axis_of(a, ndim) for a in axis)
    elif isinstance(axis, int):
        axes = (axis_of(axis, ndim),)
    else:
        raise ValueError(f"{what}: axis must be None, an int or a list of ints, got {type(axis).__name__}")
    rest = [i for i in range(ndim) if i not in axes]
    rows = manipulation.transpose(x, [*rest, *axes]) if ndim > 1 else x
    rows = manipulation.reshape(rows, [*([0] * len(rest)), -1])  # [..., n]
    n = spec_of(rows).shape[-1]
    if n == -1:
        raise ValueError(f"{what}: the number of reduced elements must be known while a Program is recorded")
    wide = dtypes.float64
    missing = isnan(rows)
    valid = _sum(call(E.logical_not, missing), axis=-1, keepdim=True, dtype="float64")
    ordered, _ = call(S.argsort, rows, axis=-1, descending=False)
    found = []
    for level in levels:
        place = (valid - 1.0) * float(level)
        if not ignore_nan:  # nan sorts last, and one of them makes the result nan
            last = creation.full_like(place, n - 1)
            place = call(I.where, _any(missing, axis=-1, keepdim=True), last, place)
        below, above = floor(place), ceil(place)
        low, high = (
            cast_to(call(I.take_along_axis, ordered, cast_to(p, dtypes.int64), Axis=len(rest)), wide) for p in (below, above)
        )
        value = lerp(low, high, place - below)  # [..., 1]
        found.append(manipulation.reshape(value, _target(shape, axes, keepdim)))
    return found[0] if len(levels) == 1 else manipulation.stack(found, 0)


def _target(shape: Sequence[int], axes: Sequence[int], keepdim: bool) -> list[int]:
    """The shape to give a result; ValueError when more than one dimension of it is unknown."""
    target = list(reduced_shape(shape, axes, keepdim))
    if target.count(-1) > 1:
        raise ValueError("quantile: at most one of the kept dimensions may be unknown while a Program is recorded")
    return target


@tensor_method("quantile")
def quantile(x: Any, q: Any, axis: Any = None, keepdim: bool = False) -> Any:
    """The q-quantiles over `axis`, linear between neighbours, in float64; a list q adds a dimension in front. nan if there is one."""
    return _quantile(x, q, axis, keepdim, False, "quantile")


@tensor_method("nanquantile")
def nanquantile(x: Any, q: Any, axis: Any = None, keepdim: bool = False) -> Any:
    """The q-quantiles over `axis` of the elements that are not nan; see `quantile`."""
    return _quantile(x, q, axis, keepdim, True, "nanquantile")
