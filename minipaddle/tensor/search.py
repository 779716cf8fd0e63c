"""Searching, sorting and choosing."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..core.dispatch import call, in_place
from ..core.recorder import spec_of
from ..core.tensor import tensor_method
from ..errors import UnsupportedDtypeError, WrongTypeError
from ..ops import elementwise as E
from ..ops import indexing as I
from ..ops import manipulation as M
from ..ops import search as S
from ..ops.shapes import broadcast_shape, product
from .arguments import as_int, builds_program, is_symbolic, is_tensor_like, static_dtype, static_types
from .creation import full, to_tensor
from .manipulation import flatten, reshape

__all__ = [
    "argmax",
    "argmin",
    "argsort",
    "bucketize",
    "index_sample",
    "index_select",
    "kthvalue",
    "masked_select",
    "mode",
    "multiplex",
    "nonzero",
    "searchsorted",
    "sort",
    "take",
    "topk",
    "unique",
    "unique_consecutive",
    "where",
    "where_",
]


def _arg(op: Any, x: Any, axis: Any, keepdim: bool, dtype: Any) -> Any:
    if dtype is None:
        raise WrongTypeError("dtype of an index must be int32 or int64, got None")
    target = dtypes.as_dtype(dtype)
    if target.name not in ("int32", "int64"):
        raise WrongTypeError(f"dtype of an index must be int32 or int64, got {target.name}")
    if axis is not None and not isinstance(axis, (int, np.integer)):
        raise WrongTypeError(f"axis must be an int or None, got {type(axis).__name__}")
    return call(
        op, x, axis=0 if axis is None else int(axis), keepdims=bool(keepdim), flatten=axis is None, dtype=target.proto
    )


@tensor_method("argmax")
def argmax(
    x: Any, axis: int | None = None, keepdim: bool = False, dtype: Any = "int64", name: str | None = None
) -> Any:
    """Index of the largest value along `axis` (of the flattened tensor without); the first one of equals."""
    return _arg(S.arg_max, x, axis, keepdim, dtype)


@tensor_method("argmin")
def argmin(
    x: Any, axis: int | None = None, keepdim: bool = False, dtype: Any = "int64", name: str | None = None
) -> Any:
    """Index of the smallest value along `axis` (of the flattened tensor without); the first one of equals."""
    return _arg(S.arg_min, x, axis, keepdim, dtype)


@tensor_method("argsort")
def argsort(x: Any, axis: int = -1, descending: bool = False, name: str | None = None) -> Any:
    """int64 indices that sort `x` along `axis`; equal values keep their order."""
    static_types("argsort", "int16 int32 int64 uint8 float16 float32 float64", x=x)
    return call(S.argsort, x, axis=int(axis), descending=bool(descending))[1]


@tensor_method("sort")
def sort(x: Any, axis: int = -1, descending: bool = False, name: str | None = None) -> Any:
    """Values sorted along `axis`."""
    return call(S.argsort, x, axis=int(axis), descending=bool(descending))[0]


@tensor_method("topk")
def topk(
    x: Any, k: Any, axis: int | None = None, largest: bool = True, sorted: bool = True, name: str | None = None
) -> tuple[Any, Any]:
    """The `k` largest (or smallest) values along `axis`, sorted, and their int64 indices."""
    at = -1 if axis is None else int(axis)
    if is_tensor_like(k) and is_symbolic(k):
        return call(S.top_k_v2, x, k, axis=at, largest=bool(largest), sorted=bool(sorted))
    return call(S.top_k_v2, x, k=as_int(k, "k"), axis=at, largest=bool(largest), sorted=bool(sorted))


@tensor_method("kthvalue")
def kthvalue(
    x: Any, k: int, axis: int | None = None, keepdim: bool = False, name: str | None = None
) -> tuple[Any, Any]:
    """The `k`-th smallest value along `axis` (counted from 1) and its int64 index."""
    return call(S.kthvalue, x, k=as_int(k, "k"), axis=-1 if axis is None else int(axis), keepdim=bool(keepdim))


@tensor_method("mode")
def mode(x: Any, axis: int = -1, keepdim: bool = False, name: str | None = None) -> tuple[Any, Any]:
    """The most frequent value along `axis` (the smallest of equally frequent ones) and the index of its last place."""
    return call(S.mode, x, axis=int(axis), keepdim=bool(keepdim))


# --- choosing


@tensor_method("index_select")
def index_select(x: Any, index: Any, axis: int = 0, name: str | None = None) -> Any:
    """Slices number `index` (a vector) along `axis`."""
    return call(I.index_select, x, index, dim=int(axis))


@tensor_method("index_sample")
def index_sample(x: Any, index: Any) -> Any:
    """``out[i, j] = x[i, index[i, j]]`` for matrices."""
    return call(I.index_sample, x, index)


@tensor_method("masked_select")
def masked_select(x: Any, mask: Any, name: str | None = None) -> Any:
    """A vector of the values where `mask` is True."""
    return call(I.masked_select, x, mask)


@tensor_method("take")
def take(x: Any, index: Any, mode: str = "raise", name: str | None = None) -> Any:
    """Values at places of the flattened `x`, in the shape of `index`.

    mode: "raise" (ValueError when out of range), "wrap" (count on from the start), "clip" (the nearest end).
    """
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"take: mode must be 'raise', 'wrap' or 'clip', got {mode!r}")
    if not is_tensor_like(index) or spec_of(index).dtype.kind not in "iu":
        raise UnsupportedDtypeError(
            "take: index must be an integer Tensor, "
            f"got {index.dtype if is_tensor_like(index) else type(index).__name__}"
        )
    size = product(spec_of(x).shape)
    flat, place = flatten(x), flatten(index)
    count = size if size != -1 else x.numel()
    if mode == "raise":
        if not is_symbolic(index) and size != -1 and place._data.size:
            low, high = int(place._data.min()), int(place._data.max())
            if low < -size or high >= size:
                raise ValueError(f"take: index {low if low < -size else high} is out of range for {size} elements")
        place = where(place < 0, place + count, place)
    elif mode == "wrap":
        place = place % count
    else:
        place = place.clip(0, count - 1) if size != -1 else place.clip(min=0).minimum(count - 1)
    return reshape(call(I.index_select, flat, place, dim=0), list(index.shape))


def multiplex(inputs: Any, index: Any, name: str | None = None) -> Any:
    """Row i of the result is row i of ``inputs[index[i]]``."""
    if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
        raise ValueError("multiplex takes a list of at least two Tensors")
    return call(I.multiplex, list(inputs), index)


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """`x` where `condition` is True, else `y`; all three broadcast, numbers are allowed.

    Without `x` and `y`: the places where `condition` is True, as `nonzero` with ``as_tuple=True``.
    """
    if x is None and y is None:
        return nonzero(condition, as_tuple=True)
    if x is None or y is None:
        raise ValueError("where takes both x and y, or neither of them")
    x, y = (_as_operand(v, o) for v, o in ((x, y), (y, x)))
    if x.dtype is not y.dtype:
        wide = dtypes.promote(x.dtype, y.dtype)
        x, y = (v if v.dtype is wide else call(E.cast, v, in_dtype=v.dtype.proto, out_dtype=wide.proto) for v in (x, y))
    shapes = [spec_of(v).shape for v in (condition, x, y)]
    if not shapes[0] == shapes[1] == shapes[2]:
        broadcast_shape(*shapes)
        condition, x, y = call(M.broadcast_tensors, [condition, x, y])
    return call(I.where, condition, x, y)


def _as_operand(value: Any, other: Any) -> Any:
    """A float counts as float64, as in Paddle 2.6.2; an int or bool takes the type of the other operand."""
    if is_tensor_like(value):
        return value
    if isinstance(value, (float, np.floating)):
        return full([], value, dtypes.float64)
    if is_tensor_like(other) and isinstance(value, (bool, int, np.generic)):
        return full([], value, other.dtype)
    return to_tensor(value)


def where_(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """`where`, changing `x` itself."""
    return in_place(x, where(condition, x, y))


tensor_method("where")(where)
tensor_method("where_")(where_)
tensor_method("multiplex")(multiplex)


@tensor_method("nonzero")
def nonzero(x: Any, as_tuple: bool = False) -> Any:
    """int64 [n, ndim]: the places of the values that are not zero; with `as_tuple` one [n, 1] tensor per dimension."""
    found = call(I.where_index, x)
    if not as_tuple:
        return found
    ndim = spec_of(x).ndim
    if ndim == 1:
        return (found,)
    return tuple(
        call(I.slice_, found, axes=[1], starts=[i], ends=[i + 1], infer_flags=[1], decrease_axis=[])
        for i in range(ndim)
    )


# --- unique values and binary search


@tensor_method("unique")
def unique(
    x: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    dtype: Any = "int64",
    name: str | None = None,
) -> Any:
    """The different values (or slices along `axis`), sorted; on demand also first places, inverse and counts."""
    if builds_program():
        for flag in (return_index, return_inverse, return_counts):
            if not isinstance(flag, bool):
                raise WrongTypeError(f"unique: return_index, return_inverse and return_counts must be bool, got {flag!r}")
        static_dtype("unique", "int32 int64", dtypes.as_dtype(dtype))
    if isinstance(axis, str):
        raise WrongTypeError(f"unique: axis must be an int, got {axis!r}")
    out, index, inverse, counts = call(
        S.unique,
        x,
        return_index=bool(return_index),
        return_inverse=bool(return_inverse),
        return_counts=bool(return_counts),
        axis=[] if axis is None else [int(axis)],
        dtype=dtypes.as_dtype(dtype).proto,
        is_sorted=True,
    )
    found = [out]
    found += [v for v, wanted in ((index, return_index), (inverse, return_inverse), (counts, return_counts)) if wanted]
    return found[0] if len(found) == 1 else tuple(found)


@tensor_method("unique_consecutive")
def unique_consecutive(
    x: Any,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    dtype: Any = "int64",
    name: str | None = None,
) -> Any:
    """Runs of equal values (or slices along `axis`) made one; on demand the run of each input, and lengths."""
    out, inverse, counts = call(
        S.unique_consecutive,
        x,
        return_inverse=bool(return_inverse),
        return_counts=bool(return_counts),
        axis=[] if axis is None else [int(axis)],
        dtype=dtypes.as_dtype(dtype).proto,
    )
    found = [out] + [v for v, wanted in ((inverse, return_inverse), (counts, return_counts)) if wanted]
    return found[0] if len(found) == 1 else tuple(found)


def searchsorted(
    sorted_sequence: Any, values: Any, out_int32: bool = False, right: bool = False, name: str | None = None
) -> Any:
    """Where each of `values` would have to be put into the sorted last dimension; `right` puts it behind equal ones."""
    return call(S.searchsorted, sorted_sequence, values, out_int32=bool(out_int32), right=bool(right))


@tensor_method("bucketize")
def bucketize(
    x: Any, sorted_sequence: Any, out_int32: bool = False, right: bool = False, name: str | None = None
) -> Any:
    """`searchsorted` of `x` in a sorted vector."""
    ndim = spec_of(sorted_sequence).ndim
    if ndim != 1:
        raise ValueError(f"bucketize: sorted_sequence must be a vector, got {ndim} dimensions")
    return searchsorted(sorted_sequence, x, out_int32, right)
