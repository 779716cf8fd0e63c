"""Pooling of one to three dimensions, and its inverse.

Windows are found per axis, so maxima and sums are taken one axis after the other: that serves regular, ceil-mode and
adaptive windows alike. The compiled kernels serve two dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from .activation import by_kernel
from .conv import channels_first, channels_last, is_channel_last
from .manipulation import zeros_added_at
from .norm import differentiated_again, plain_value
from .registry import Ints, Op, Spec, op
from .shapes import product

__all__: list[str] = []

Pads = tuple[tuple[int, int], ...]


def _pool_pads(sizes: Sequence[int], ksize: Any, strides: Any, paddings: Any, algorithm: str) -> Pads:
    n = len(ksize)
    if algorithm == "SAME":
        totals = [
            0 if s == -1 else max((-(-s // t) - 1) * t + k - s, 0)
            for s, t, k in zip(sizes, strides, ksize, strict=True)
        ]
        return tuple((t // 2, t - t // 2) for t in totals)
    if algorithm == "VALID":
        return ((0, 0),) * n
    if algorithm != "EXPLICIT":
        raise ValueError(f"padding_algorithm = {algorithm!r}; expected 'EXPLICIT', 'SAME' or 'VALID'")
    if len(paddings) == n:
        return tuple((p, p) for p in paddings)
    if len(paddings) == 2 * n:
        return tuple(zip(paddings[::2], paddings[1::2], strict=True))
    raise ValueError(f"paddings must hold {n} or {2 * n} numbers, got {list(paddings)}")


def _settled(
    sizes: Sequence[int], ksize: Any, strides: Any, paddings: Any, algorithm: str, global_pooling: bool, adaptive: bool
) -> tuple[tuple[int, ...], tuple[int, ...], Pads]:
    """Window sizes (output sizes if adaptive), strides and paddings for an input of `sizes`."""
    n = len(sizes)
    if global_pooling:
        return tuple(sizes), (1,) * n, ((0, 0),) * n
    if len(ksize) != n:
        raise ValueError(f"ksize must hold {n} numbers for an input of {n + 2} dimensions, got {list(ksize)}")
    if any(k < 1 for k in ksize):
        raise ValueError(f"ksize must be positive, got {list(ksize)}")
    if adaptive:
        return tuple(ksize), (1,) * n, ((0, 0),) * n
    if len(strides) != n or any(t < 1 for t in strides):
        raise ValueError(f"strides must hold {n} positive numbers, got {list(strides)}")
    pads = _pool_pads(sizes, ksize, strides, paddings, algorithm)
    for (before, after), k in zip(pads, ksize, strict=True):
        if before < 0 or after < 0 or (algorithm == "EXPLICIT" and (before >= k or after >= k + max(strides))):
            raise ValueError(
                f"paddings must be 0 or more and smaller than the window {list(ksize)}, got {[list(p) for p in pads]}"
            )
    return tuple(ksize), tuple(strides), pads


def windows_of(size: int, k: int, t: int, before: int, after: int, ceil_mode: bool) -> int:
    """How many windows fit an axis. As in C the quotient is cut towards 0: a window a little too large fits once, clipped."""
    return int((size - k + before + after + (t - 1 if ceil_mode else 0)) / t) + 1


def _pooled(
    sizes: Sequence[int], ksize: Any, strides: Any, pads: Pads, ceil_mode: bool, adaptive: bool
) -> tuple[int, ...]:
    """Output sizes."""
    if adaptive:
        return tuple(ksize)
    out = []
    for size, k, t, (before, after) in zip(sizes, ksize, strides, pads, strict=True):
        n = -1 if -1 in (size, k) else windows_of(size, k, t, before, after, ceil_mode)
        if n < 1 and n != -1 or n == -1 and -1 not in (size, k):
            raise ValueError(
                f"a window of {list(ksize)} is larger than the padded input: sizes {list(sizes)}, paddings {[list(p) for p in pads]}"
            )
        out.append(n)
    return tuple(out)


@lru_cache(maxsize=256)
def _geometry(
    sizes: tuple[int, ...], ksize: tuple[int, ...], strides: tuple[int, ...], paddings: tuple[int, ...], algorithm: str,
    global_pooling: bool, ceil_mode: bool, adaptive: bool,
) -> tuple[tuple[int, ...], tuple[int, ...], Pads, tuple[int, ...]]:  # fmt: skip
    """Windows, strides and paddings (also as one tuple) of a pooling that fits."""
    k, t, pads = _settled(sizes, ksize, strides, paddings, algorithm, global_pooling, adaptive)
    _pooled(sizes, k, t, pads, ceil_mode, adaptive)
    return k, t, pads, tuple(p for pair in pads for p in pair)


@lru_cache(maxsize=256)
def _axis_windows(
    size: int, k: int, t: int, before: int, after: int, ceil_mode: bool, exclusive: bool, adaptive: bool
) -> tuple[Any, Any, Any]:
    """For one axis: elements [n, longest] of each window, which of these are there, and how many each counts."""
    if adaptive:
        at = np.arange(k)
        begin, end = at * size // k, -((at + 1) * size // -k)
        count = end - begin
    else:
        n = windows_of(size, k, t, before, after, ceil_mode)
        begin = np.arange(n) * t - before
        end = np.minimum(begin + k, size + before)  # sic: Paddle takes the padding before for the one after
        count = end - begin
        begin, end = np.maximum(begin, 0), np.minimum(end, size)
        if exclusive:
            count = end - begin
    index = begin[:, None] + np.arange(max(int(np.max(end - begin)), 1))
    return np.minimum(index, size - 1), index < end[:, None], np.maximum(count, 1)


def maxima(xp: Any, x: Any, windows: Sequence[tuple[Any, Any, Any]], planes: Any = None) -> tuple[Any, Any]:
    """Largest elements of the windows over the last axes, and their positions in the plane, row by row.

    planes: of three axes, the arguments with which the kernel finds the maxima of the last two.
    """
    low = x.dtype.type((np.finfo if x.dtype.kind == "f" else np.iinfo)(x.dtype).min)
    sizes = x.shape[2:]
    index: Any = None
    axes = len(sizes)
    if planes is not None:  # the last two axes
        found = by_kernel("max_pool2d", x.reshape((-1, *x.shape[2:])), *planes, True) if x.size else None
        if found is not None:
            x, index = (part.reshape((*x.shape[:3], *part.shape[2:])) for part in found)
            index, axes = index.astype(np.int64), axes - 2
    for axis in range(axes - 1, -1, -1):
        elements, there, _ = windows[axis]
        n, longest = elements.shape
        at = axis + 2
        flat = xp.asarray(elements.reshape(-1))
        rest = (1,) * (x.ndim - at - 1)
        shape = (*x.shape[:at], n, longest, *x.shape[at + 1 :])
        seen = xp.where(
            xp.asarray(there.reshape((1,) * at + (n, longest) + rest)), xp.take(x, flat, axis=at).reshape(shape), low
        )
        best = xp.expand_dims(xp.argmax(seen, axis=at + 1), at + 1)
        x = xp.take_along_axis(seen, best, axis=at + 1).squeeze(axis=at + 1)
        where = xp.asarray(elements.reshape((1,) * at + (n, longest) + rest))
        weight = product(sizes[axis + 1 :])
        own = xp.take_along_axis(xp.broadcast_to(where, shape), best, axis=at + 1).squeeze(axis=at + 1) * weight
        if index is not None:
            own = own + xp.take_along_axis(xp.take(index, flat, axis=at).reshape(shape), best, axis=at + 1).squeeze(
                axis=at + 1
            )
        index = own
    for axis, (_, there, _) in enumerate(windows):
        empty = ~there.any(axis=1)
        if empty.any():  # a window that lies in the padding alone
            index = xp.where(xp.asarray(empty.reshape((-1,) + (1,) * (len(sizes) - axis - 1))), -1, index)
    return x, index


def _largest(xp: Any, x: Any, windows: Sequence[tuple[Any, Any, Any]], planes: Any = None) -> Any:
    """Largest elements alone, one axis after the other; planes: as `maxima` takes them."""
    if planes is not None and x.size:
        flat = by_kernel("max_pool2d", x.reshape((-1, *x.shape[2:])), *planes)
        if flat is not None:
            x, windows = flat.reshape((*x.shape[:3], *flat.shape[2:])), windows[:1]
    low = x.dtype.type((np.finfo if x.dtype.kind == "f" else np.iinfo)(x.dtype).min)
    for axis, (elements, there, _) in enumerate(windows, 2):
        inner = np.where(there, elements, elements[:, :1])  # short windows meet their first element again
        found: Any = None
        for column in inner.T:
            part = xp.take(x, xp.asarray(column), axis=axis)
            found = part if found is None else xp.maximum(found, part)
        x = found
        if not there[:, 0].all():
            x = xp.where(xp.asarray(there[:, 0].reshape((-1,) + (1,) * (x.ndim - axis - 1))), x, low)
    return x


def _matrices(xp: Any, windows: Sequence[tuple[Any, Any, Any]], sizes: Sequence[int], dtype: Any) -> list[Any]:
    """Per axis the matrix [n, size] whose rows average over the windows."""
    found = []
    for (elements, there, count), size in zip(windows, sizes, strict=True):
        m = np.zeros((len(elements), size), dtype)
        rows = np.arange(len(elements))[:, None]
        np.add.at(m, (np.broadcast_to(rows, elements.shape)[there], elements[there]), 1)
        found.append(xp.asarray((m / count[:, None]).astype(dtype)))
    return found


def along(x: Any, matrix: Any, axis: int) -> Any:
    """`x` with the vectors along `axis` multiplied by `matrix` [n, size]."""
    if axis == x.ndim - 1:
        return (x.reshape((-1, x.shape[axis])) @ matrix.T).reshape((*x.shape[:-1], matrix.shape[0]))
    if axis == x.ndim - 2:
        return matrix @ x
    return (x.swapaxes(axis, x.ndim - 1) @ matrix.T).swapaxes(axis, x.ndim - 1)


def _applied(x: Any, matrices: Sequence[Any]) -> Any:
    """Each of the last axes of x times its matrix [n, size]."""
    for i, m in enumerate(matrices):
        x = along(x, m, x.ndim - len(matrices) + i)
    return x


def _planes(n: int, ksize: Any, strides: Any, pads: Pads, ceil_mode: bool, adaptive: bool) -> Any:
    """Of three axes, what the kernel of two takes for the last two; else None."""
    if n != 3:
        return None
    return ksize[1:], strides[1:], tuple(p for pair in pads[1:] for p in pair), ceil_mode, adaptive


def _all_windows(
    sizes: Any, ksize: Any, strides: Any, pads: Pads, ceil_mode: bool, exclusive: bool, adaptive: bool
) -> list[Any]:
    return [
        _axis_windows(s, k, t, before, after, ceil_mode, exclusive, adaptive)
        for s, k, t, (before, after) in zip(sizes, ksize, strides, pads, strict=True)
    ]


def _infer_pool(
    x: Spec,
    *,
    ksize: Any,
    strides: Any,
    paddings: Any,
    ceil_mode: bool,
    data_format: str,
    pooling_type: str,
    global_pooling: bool,
    adaptive: bool,
    padding_algorithm: str,
    **_: Any,
) -> Spec:
    if pooling_type not in ("max", "avg"):
        raise ValueError(f"pooling_type = {pooling_type!r}; expected 'max' or 'avg'")
    if x.ndim < 3:
        raise ValueError(f"the input must have a batch, a channel and spatial axes, got shape {list(x.shape)}")
    last = is_channel_last(data_format)
    sizes = x.shape[1:-1] if last else x.shape[2:]
    if global_pooling:
        out: tuple[int, ...] = (1,) * len(sizes)
    else:
        k, t, pads = _settled(sizes, ksize, strides, paddings, padding_algorithm, False, adaptive)
        if padding_algorithm == "SAME" and not adaptive and -1 in sizes:
            out = tuple(-1 if s == -1 else -(-s // u) for s, u in zip(sizes, t, strict=True))
        else:
            out = _pooled(sizes, k, t, pads, ceil_mode, adaptive)
    return Spec((x.shape[0], *out, x.shape[-1]) if last else (*x.shape[:2], *out), x.dtype)


def _pool(
    xp: Any,
    x: Any,
    n: int,
    ksize: Any,
    strides: Any,
    paddings: Any,
    ceil_mode: bool,
    exclusive: bool,
    data_format: str,
    pooling_type: str,
    global_pooling: bool,
    adaptive: bool,
    algorithm: str,
) -> Any:
    last = is_channel_last(data_format)
    if x.ndim != n + 2:
        raise ValueError(f"the input must have {n + 2} dimensions, got shape {list(x.shape)}")
    if pooling_type not in ("max", "avg"):
        raise ValueError(f"pooling_type = {pooling_type!r}; expected 'max' or 'avg'")
    if pooling_type == "avg" and x.dtype.kind != "f":
        raise ValueError(f"an average needs floating numbers, got {x.dtype}")
    if last:
        x = channels_first(xp, x)
    sizes = x.shape[2:]
    k, t, pads, flat = _geometry(
        tuple(sizes), tuple(ksize), tuple(strides), tuple(paddings), algorithm, global_pooling, ceil_mode, adaptive
    )
    y = None
    if n == 2:
        if pooling_type == "max":
            y = by_kernel("max_pool2d", x, k, t, flat, ceil_mode, adaptive)
        else:
            y = by_kernel("avg_pool2d", x, k, t, flat, ceil_mode, exclusive, adaptive)
    if y is None:
        windows = _all_windows(sizes, k, t, pads, ceil_mode, exclusive, adaptive)
        planes = _planes(n, k, t, pads, ceil_mode, adaptive)
        y = _largest(xp, x, windows, planes) if pooling_type == "max" else _applied(x, _matrices(xp, windows, sizes, x.dtype))
        y = xp.ascontiguousarray(y)
    return channels_last(xp, y) if last else y


def _scattered(xp: Any, d_out: Any, index: Any, sizes: Sequence[int]) -> Any:
    """Gradients put where the maxima were: `index` holds positions in a plane of `sizes`."""
    n, c = d_out.shape[:2]
    plane = product(sizes)
    if index.size and int(index.min()) < 0:  # -1: the window was empty
        d_out = d_out * (index >= 0).astype(d_out.dtype)
        index = xp.maximum(index, 0)
    planes = xp.arange(n * c).reshape((n, c) + (1,) * len(sizes)) * plane
    flat = (index + planes).reshape(-1)
    return zeros_added_at(xp, (n * c * plane,), d_out.dtype, (flat,), d_out.reshape(-1)).reshape((n, c, *sizes))


def _pool_back(
    xp: Any,
    x: Any,
    d_out: Any,
    n: int,
    ksize: Any,
    strides: Any,
    paddings: Any,
    ceil_mode: bool,
    exclusive: bool,
    data_format: str,
    pooling_type: str,
    global_pooling: bool,
    adaptive: bool,
    algorithm: str,
) -> Any:
    last = is_channel_last(data_format)
    again = differentiated_again(xp)
    if last:
        d_out = channels_first(xp, d_out)
        x = channels_first(xp, x)
    sizes = tuple(x.shape[2:])
    k, t, pads, flat = _geometry(
        sizes, tuple(ksize), tuple(strides), tuple(paddings), algorithm, global_pooling, ceil_mode, adaptive
    )
    d_x = None
    if n == 2 and not again:
        if pooling_type == "max":
            d_x = by_kernel("max_pool2d_grad", x, d_out, k, t, flat, ceil_mode, adaptive)
        else:
            d_x = by_kernel("avg_pool2d_grad", x.shape, d_out, k, t, flat, ceil_mode, exclusive, adaptive)
    if d_x is None:
        windows = _all_windows(sizes, k, t, pads, ceil_mode, exclusive, adaptive)
        if pooling_type == "max":
            # which element is the largest does not change with a small step: constants for a second derivative
            module, values = (xp.module if again else xp), plain_value(xp, x)
            planes = _planes(n, k, t, pads, ceil_mode, adaptive)
            d_x = _scattered(xp, d_out, maxima(module, values, windows, planes)[1], sizes)
        else:
            d_x = _applied(d_out, [m.T for m in _matrices(xp, windows, sizes, x.dtype)])
        d_x = xp.ascontiguousarray(d_x)
    return channels_last(xp, d_x) if last else d_x


def _pool_op(type: str, n: int, data_format_: str) -> Op:
    one, zero = (1,) * n, (0,) * n

    @op(type, "X -> Out", infer=_infer_pool, grad="X, Out#, Out@GRAD -> X@GRAD")
    def forward(
        xp,
        x,
        *,
        ksize: Ints,
        strides: Ints = one,
        paddings: Ints = zero,
        ceil_mode: bool = False,
        exclusive: bool = True,
        data_format: str = data_format_,
        pooling_type: str = "",
        global_pooling: bool = False,
        adaptive: bool = False,
        padding_algorithm: str = "EXPLICIT",
        use_cudnn: bool = False,
    ):
        return _pool(
            xp,
            x,
            n,
            ksize,
            strides,
            paddings,
            ceil_mode,
            exclusive,
            data_format,
            pooling_type,
            global_pooling,
            adaptive,
            padding_algorithm,
        )

    @forward.backward
    def _(
        xp,
        x,
        out,
        d_out,
        *,
        ksize,
        strides=one,
        paddings=zero,
        ceil_mode=False,
        exclusive=True,
        data_format=data_format_,
        pooling_type="",
        global_pooling=False,
        adaptive=False,
        padding_algorithm="EXPLICIT",
        use_cudnn=False,
    ):
        return _pool_back(
            xp,
            x,
            d_out,
            n,
            ksize,
            strides,
            paddings,
            ceil_mode,
            exclusive,
            data_format,
            pooling_type,
            global_pooling,
            adaptive,
            padding_algorithm,
        )

    return forward


pool2d = _pool_op("pool2d", 2, "NCHW")
pool3d = _pool_op("pool3d", 3, "NCDHW")


# --- maxima with their positions


def _infer_with_index(
    x: Spec, *, ksize: Any, strides: Any, paddings: Any, global_pooling: bool, adaptive: bool, **_: Any
) -> tuple[Spec, Spec]:
    out = _infer_pool(
        x,
        ksize=ksize,
        strides=strides,
        paddings=paddings,
        ceil_mode=False,
        data_format="NCHW",
        pooling_type="max",
        global_pooling=global_pooling,
        adaptive=adaptive,
        padding_algorithm="EXPLICIT",
    )
    return out, Spec(out.shape, np.dtype(np.int32))


def _with_index_op(type: str, n: int) -> Op:
    """Maxima, and their positions in the plane of an image as int32. Paddings may be 2n numbers too, which Paddle has not."""
    one, zero = (1,) * n, (0,) * n

    @op(type, "X -> Out, Mask", infer=_infer_with_index, grad="X#, Mask, Out@GRAD -> X@GRAD")
    def forward(
        xp,
        x,
        *,
        ksize: Ints,
        strides: Ints = one,
        paddings: Ints = zero,
        global_pooling: bool = False,
        adaptive: bool = False,
    ):
        if x.ndim != n + 2:
            raise ValueError(f"the input must have {n + 2} dimensions, got shape {list(x.shape)}")
        sizes = x.shape[2:]
        k, t, pads = _settled(sizes, ksize, strides, paddings, "EXPLICIT", global_pooling, adaptive)
        _pooled(sizes, k, t, pads, False, adaptive)
        if n == 2:
            found = by_kernel("max_pool2d", x, k, t, tuple(p for pair in pads for p in pair), False, adaptive, True)
            if found is not None:
                return found
        y, index = maxima(xp, x, _all_windows(sizes, k, t, pads, False, True, adaptive))
        return xp.ascontiguousarray(y), xp.ascontiguousarray(index.astype(np.int32))

    @forward.backward
    def _(xp, x, mask, d_out):
        return _scattered(xp, d_out, mask.astype(np.int64), x.shape[2:])

    return forward


max_pool2d_with_index = _with_index_op("max_pool2d_with_index", 2)
max_pool3d_with_index = _with_index_op("max_pool3d_with_index", 3)


# --- the inverse


def _unpooled(sizes: Sequence[int], ksize: Any, strides: Any, paddings: Any, output_size: Any) -> tuple[int, ...]:
    if len(output_size) == len(sizes) and all(n > 0 for n in output_size):
        return tuple(output_size)
    return tuple(
        -1 if s == -1 else (s - 1) * t - 2 * p + k for s, k, t, p in zip(sizes, ksize, strides, paddings, strict=True)
    )


def _infer_unpool(
    x: Spec, indices: Spec, *, ksize: Any, strides: Any, paddings: Any, output_size: Any, **_: Any
) -> Spec:
    if x.ndim != indices.ndim or not all(a == b or -1 in (a, b) for a, b in zip(x.shape, indices.shape, strict=True)):
        raise ValueError(f"X and Indices must have one shape, got {list(x.shape)} and {list(indices.shape)}")
    return Spec((*x.shape[:2], *_unpooled(x.shape[2:], ksize, strides, paddings, output_size)), x.dtype)


def _scattered_back(
    xp: Any, x: Any, indices: Any, n: int, ksize: Any, strides: Any, paddings: Any, output_size: Any
) -> Any:
    """Zeros with the elements of x at their positions in the plane."""
    if x.ndim != n + 2 or x.shape != indices.shape:
        raise ValueError(
            f"X and Indices must both have one shape of {n + 2} dimensions, got {list(x.shape)} and {list(indices.shape)}"
        )
    sizes = _unpooled(x.shape[2:], ksize, strides, paddings, output_size)
    plane = product(sizes)
    if indices.size and (int(indices.min()) < 0 or int(indices.max()) >= plane):
        raise ValueError(f"Indices must lie in an output plane of {list(sizes)}, 0 to {plane - 1}")
    count = x.shape[0] * x.shape[1]
    out = xp.zeros((count, plane), x.dtype)
    out[xp.arange(count).reshape(-1, 1), indices.reshape(count, -1)] = x.reshape(count, -1)
    return out.reshape((*x.shape[:2], *sizes))


def _unpool_back(xp: Any, x: Any, indices: Any, d_out: Any) -> Any:
    count = x.shape[0] * x.shape[1]
    picked = xp.take_along_axis(d_out.reshape(count, -1), indices.reshape(count, -1).astype(np.int64), 1)
    return picked.reshape(tuple(x.shape))


_UNPOOL_GRAD = "X#, Indices, Out#, Out@GRAD -> X@GRAD"


@op("unpool", "X, Indices -> Out", infer=_infer_unpool, grad=_UNPOOL_GRAD)
def unpool(
    xp,
    x,
    indices,
    *,
    ksize: Ints,
    unpooling_type: str,
    strides: Ints = (1, 1),
    paddings: Ints = (0, 0),
    output_size: Ints = (0, 0),
    data_format: str = "NCHW",
):
    if unpooling_type != "max" or data_format != "NCHW":
        raise ValueError(
            f"takes unpooling_type 'max' and data_format 'NCHW', got {unpooling_type!r} and {data_format!r}"
        )
    return _scattered_back(xp, x, indices, 2, ksize, strides, paddings, output_size)


@unpool.backward
def _(xp, x, indices, out, d_out):
    return _unpool_back(xp, x, indices, d_out)


@op("unpool3d", "X, Indices -> Out", infer=_infer_unpool, grad=_UNPOOL_GRAD)
def unpool3d(
    xp,
    x,
    indices,
    *,
    ksize: Ints,
    strides: Ints = (1, 1, 1),
    paddings: Ints = (0, 0, 0),
    output_size: Ints = (0, 0, 0),
    data_format: str = "NCDHW",
):
    if data_format != "NCDHW":
        raise ValueError(f"takes data_format 'NCDHW', got {data_format!r}")
    return _scattered_back(xp, x, indices, 3, ksize, strides, paddings, output_size)


@unpool3d.backward
def _(xp, x, indices, out, d_out):
    return _unpool_back(xp, x, indices, d_out)
