"""Operators on images: resizing, padding, patches, sampling grids, shuffles.

Resizing is separable: each axis is resampled on its own, forward by picking elements and mixing them, backward by the
transposed matrix. The coordinates are reckoned in float32, as Paddle does, so that the same elements are picked.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..backend import kernels
from .conv import columns, images
from .elementwise import const
from .manipulation import ints_of, open_ints, zeros_added_at, zeros_placed
from .norm import differentiated_again, plain_value
from .pool import along
from .registry import Floats, Ints, Op, Spec, op
from .shapes import product

__all__: list[str] = []


def is_last(layout: str) -> bool:
    """Whether NHWC (of any number of axes) is meant; ValueError for a layout that is neither that nor NCHW."""
    if layout in ("NCHW", "NCDHW", "NCL", "AnyLayout"):
        return False
    if layout in ("NHWC", "NDHWC", "NLC"):
        return True
    raise ValueError(f"data layout {layout!r}; expected NCHW or NHWC")


# --- resizing

_SIZES = ("out_d", "out_h", "out_w")


@lru_cache(maxsize=256)
def _taps(kind: str, size: int, out: int, scale: float, align_corners: bool, align_mode: int) -> tuple[Any, Any]:
    """For each place of the output the elements it is mixed from, int64 [taps, out], and their weights, float64 [taps, out]."""
    at = np.arange(out)
    ratio = np.float32(0)
    if out > 1:
        if align_corners:
            ratio = np.float32(np.float32(size - 1) / np.float32(out - 1))
        else:
            ratio = np.float32(1 / scale) if scale > 0 else np.float32(np.float32(size) / np.float32(out))
    plain = (ratio * at.astype(np.float32)).astype(np.float64)
    centred = np.float64(ratio) * (at + 0.5) - 0.5
    last = size - 1
    if kind == "nearest":
        index = (plain + 0.5 if align_corners else plain).astype(np.int64)
        return np.minimum(index, last)[None], np.ones((1, out))
    if kind == "bicubic":
        place = plain if align_corners else centred
        first = np.floor(place)
        t = place - first
        a = -0.75  # Keys 1981, with the constant of OpenCV

        def near(u: Any) -> Any:
            return ((a + 2) * u - (a + 3)) * u * u + 1

        def far(u: Any) -> Any:
            return ((a * u - 5 * a) * u + 8 * a) * u - 4 * a

        index = first.astype(np.int64) + np.arange(-1, 3)[:, None]
        return np.clip(index, 0, last), np.stack([far(t + 1), near(t), near(1 - t), far(2 - t)])
    place = (
        np.maximum(centred, 0).astype(np.float32) if align_mode == 0 and not align_corners else plain.astype(np.float32)
    )
    low = np.minimum(place.astype(np.int64), last)
    right = (place - low.astype(np.float32)).astype(np.float64)
    return np.stack([low, np.minimum(low + 1, last)]), np.stack([1 - right, right])


@lru_cache(maxsize=64)
def _tap_matrix(kind: str, size: int, out: int, scale: float, align_corners: bool, align_mode: int, dtype: Any) -> Any:
    """The same as a matrix [out, size]."""
    index, weight = _taps(kind, size, out, scale, align_corners, align_mode)
    m = np.zeros((out, size))
    np.add.at(m, (np.broadcast_to(np.arange(out), index.shape), index), weight)
    return m.astype(dtype)


def _resampled(xp: Any, x: Any, axis: int, index: Any, weight: Any) -> Any:
    if len(index) == 1:
        return xp.take(x, xp.asarray(index[0]), axis=axis)
    kernel = kernels.lookup("resample")
    found = None if kernel is None else kernel(x, axis, index, weight)
    if found is not None:
        return found
    shape = (-1,) + (1,) * (x.ndim - 1 - axis)
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)
    if len(index) == 2:
        low, high = (xp.take(x, xp.asarray(i), axis=axis).astype(dtype, copy=False) for i in index)
        high -= low
        high *= xp.asarray(weight[1].astype(dtype).reshape(shape))
        high += low
        return high
    total: Any = None
    for i, w in zip(index, weight.astype(dtype), strict=True):
        part = xp.take(x, xp.asarray(i), axis=axis) * xp.asarray(w.reshape(shape))
        total = part if total is None else total + part
    return total


def _even_repeats(index: Any, size: int) -> int:
    """n if each element is picked n times in order, else 0."""
    out = index.shape[1]
    if len(index) != 1 or size == 0 or out % size:
        return 0
    n = out // size
    return n if bool((index[0] == np.arange(out) // n).all()) else 0


def _interp_op(type: str, kind: str, ndims: tuple[int, ...]) -> Op:
    """One resizing operator. The older ones (without _v2) have one scale for all axes, which sets the size alone."""
    newer = type.endswith("_v2")

    def axes(ndim: int, layout: str) -> tuple[int, ...]:
        if ndim not in ndims:
            raise ValueError(f"the input must have {' or '.join(map(str, ndims))} dimensions, got {ndim}")
        return tuple(range(1, ndim - 1)) if is_last(layout) else tuple(range(2, ndim))

    def scales_of(scale: Any, n: int) -> tuple[float, ...]:
        if not newer:
            scale = [scale] if scale > 0 else []
        if len(scale) == 1:
            scale = list(scale) * n
        if len(scale) not in (0, n) or any(s <= 0 for s in scale):
            raise ValueError(f"scale must hold {n} positive numbers, got {list(scale)}")
        return tuple(float(np.float32(s)) for s in scale)

    def given(attrs: dict[str, int], n: int) -> list[int]:
        return [attrs[name] for name in _SIZES[3 - n :]]

    def grown(size: int, scale: float) -> int:
        return int(np.float32(size) * np.float32(scale))

    def settled(
        x: Any, out_size: Any, size_tensors: Any, scale_tensor: Any, layout: str, scale: Any, attrs: dict[str, int]
    ) -> Any:
        """The axes, and for each its size in the output and the scale that sets the ratio (0: the sizes do)."""
        at = axes(x.ndim, layout)
        n = len(at)
        if size_tensors:
            sizes = [int(t.reshape(-1)[0]) for t in size_tensors]
            ratios = (0.0,) * n
            if len(sizes) != n:
                raise ValueError(f"SizeTensor must hold {n} tensors, got {len(sizes)}")
        else:
            if scale_tensor is not None:
                found = [float(s) for s in scale_tensor.reshape(-1).tolist()]
                scale = (found if newer else found[0]) if found else scale
            ratios = scales_of(scale, n) or (0.0,) * n
            sizes = [grown(x.shape[a], s) for a, s in zip(at, ratios, strict=True)] if all(ratios) else given(attrs, n)
            if out_size is not None:
                sizes = [int(s) for s in out_size.reshape(-1).tolist()]
        if any(s < 1 for s in sizes) or len(sizes) != n:
            raise ValueError(f"the size of the output must be {n} positive numbers, got {sizes}")
        return at, sizes, ratios if newer else (0.0,) * n

    def infer(
        x: Spec,
        out_size: Any = None,
        size_tensors: Any = None,
        scale_tensor: Any = None,
        *,
        data_layout: str,
        scale: Any,
        align_corners: bool,
        align_mode: int,
        interp_method: str,
        **attrs: Any,
    ) -> Spec:
        at = axes(x.ndim, data_layout)
        n = len(at)
        shape = list(x.shape)
        ratios = scales_of(scale, n)
        if out_size is not None or (scale_tensor is not None and not size_tensors):
            sizes = [-1] * n
        elif size_tensors:
            sizes = [s if s > 0 else -1 for s in given(attrs, n)]
        elif ratios:
            sizes = [-1 if x.shape[a] == -1 else grown(x.shape[a], s) for a, s in zip(at, ratios, strict=True)]
        else:
            sizes = given(attrs, n)
            if any(s < 1 for s in sizes):
                raise ValueError(f"the size of the output must be {n} positive numbers, got {sizes}")
        for a, s in zip(at, sizes, strict=True):
            shape[a] = s
        return Spec(shape, x.dtype)

    def run(
        xp: Any,
        x: Any,
        out_size: Any,
        size_tensors: Any,
        scale_tensor: Any,
        layout: str,
        scale: Any,
        align_corners: bool,
        align_mode: int,
        attrs: dict[str, int],
    ) -> Any:
        at, sizes, ratios = settled(x, out_size, size_tensors, scale_tensor, layout, scale, attrs)
        y = x
        for a, size, ratio in zip(at, sizes, ratios, strict=True):
            y = _resampled(xp, y, a, *_taps(kind, x.shape[a], size, ratio, align_corners, align_mode))
        return xp.ascontiguousarray(y.astype(x.dtype, copy=False))

    def run_back(
        xp: Any,
        x: Any,
        out_size: Any,
        size_tensors: Any,
        scale_tensor: Any,
        d: Any,
        layout: str,
        scale: Any,
        align_corners: bool,
        align_mode: int,
        attrs: dict[str, int],
    ) -> Any:
        if scale_tensor is not None:
            scale_tensor = plain_value(xp, scale_tensor)
        at, sizes, ratios = settled(x, out_size, size_tensors, scale_tensor, layout, scale, attrs)
        for a, size, ratio in zip(at, sizes, ratios, strict=True):
            old = x.shape[a]
            times = _even_repeats(_taps(kind, old, size, ratio, align_corners, align_mode)[0], old)
            if times:
                parts = [d[(slice(None),) * a + (slice(i, None, times),)] for i in range(times)]
                d = parts[0]
                for part in parts[1:]:
                    d = d + part
            else:
                d = along(d, xp.asarray(_tap_matrix(kind, old, size, ratio, align_corners, align_mode, d.dtype).T), a)
        return xp.ascontiguousarray(d)

    slots = "X, OutSize?, SizeTensor*?, Scale? -> Out"
    grad = "X#, OutSize?, SizeTensor*?, Scale?, Out@GRAD -> X@GRAD"
    if newer:

        @op(type, slots, infer=infer, grad=grad)
        def forward(
            xp,
            x,
            out_size=None,
            size_tensors=None,
            scale_tensor=None,
            *,
            data_layout: str = "NCHW",
            out_d: int = 0,
            out_h: int = 0,
            out_w: int = 0,
            scale: Floats = (),
            interp_method: str = "bilinear",
            align_corners: bool = True,
            align_mode: int = 1,
        ):
            attrs = {"out_d": out_d, "out_h": out_h, "out_w": out_w}
            return run(
                xp, x, out_size, size_tensors, scale_tensor, data_layout, scale, align_corners, align_mode, attrs
            )

        @forward.backward
        def _(
            xp,
            x,
            out_size,
            size_tensors,
            scale_tensor,
            d_out,
            *,
            data_layout="NCHW",
            out_d=0,
            out_h=0,
            out_w=0,
            scale=(),
            align_corners=True,
            align_mode=1,
        ):
            attrs = {"out_d": out_d, "out_h": out_h, "out_w": out_w}
            return run_back(
                xp, x, out_size, size_tensors, scale_tensor, d_out, data_layout, scale, align_corners, align_mode, attrs
            )

        return forward

    @op(type, slots, infer=infer, grad=grad)
    def older(
        xp,
        x,
        out_size=None,
        size_tensors=None,
        scale_tensor=None,
        *,
        data_layout: str = "NCHW",
        out_d: int = 0,
        out_h: int = 0,
        out_w: int = 0,
        scale: float = 0.0,
        interp_method: str = "bilinear",
        align_corners: bool = True,
        align_mode: int = 1,
    ):
        attrs = {"out_d": out_d, "out_h": out_h, "out_w": out_w}
        return run(xp, x, out_size, size_tensors, scale_tensor, data_layout, scale, align_corners, align_mode, attrs)

    @older.backward
    def _(
        xp,
        x,
        out_size,
        size_tensors,
        scale_tensor,
        d_out,
        *,
        data_layout="NCHW",
        out_d=0,
        out_h=0,
        out_w=0,
        scale=0.0,
        align_corners=True,
        align_mode=1,
    ):
        attrs = {"out_d": out_d, "out_h": out_h, "out_w": out_w}
        return run_back(
            xp, x, out_size, size_tensors, scale_tensor, d_out, data_layout, scale, align_corners, align_mode, attrs
        )

    return older


INTERP = {
    kind: _interp_op(f"{kind}_interp_v2", tap, ndims)
    for kind, tap, ndims in (
        ("nearest", "nearest", (4, 5)),
        ("linear", "linear", (3,)),
        ("bilinear", "linear", (4,)),
        ("trilinear", "linear", (5,)),
        ("bicubic", "bicubic", (4,)),
    )
}
for _kind, _tap, _ndims in (
    ("nearest", "nearest", (4, 5)),
    ("linear", "linear", (3,)),
    ("bilinear", "linear", (4,)),
    ("trilinear", "linear", (5,)),
    ("bicubic", "bicubic", (4,)),
):
    _interp_op(f"{_kind}_interp", _tap, _ndims)


# --- padding


@lru_cache(maxsize=256)
def _pad_index(size: int, before: int, after: int, mode: str) -> Any:
    """For each place of a padded axis the element that stands there."""
    at = np.arange(size + before + after) - before
    if mode == "reflect":
        if max(before, after) >= size:
            raise ValueError(f"mode 'reflect' pads by less than the size of the axis, {size}, got {before} and {after}")
        at = np.abs(at)
        return np.where(at >= size, 2 * (size - 1) - at, at)
    if mode in ("replicate", "edge"):
        return np.clip(at, 0, size - 1)
    return at % size


def padded(xp: Any, x: Any, pads: Sequence[tuple[int, int]], mode: str, value: float) -> Any:
    """`x` padded (or, by negative numbers, cut) before and after each axis."""
    if mode == "constant":
        if min(map(min, pads), default=0) >= 0:
            sizes, place = [], []
            for n, (before, after) in zip(x.shape, pads, strict=True):
                sizes.append(n + before + after)
                place.append(slice(before, before + n))
            out = xp.zeros(tuple(sizes), x.dtype) if value == 0 else xp.full(tuple(sizes), value, x.dtype)
            out[tuple(place)] = x
            return out
        cut = x[tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.shape, pads, strict=True))]
        pads = [(max(b, 0), max(a, 0)) for b, a in pads]
        shape = tuple(n + b + a for n, (b, a) in zip(cut.shape, pads, strict=True))
        out = xp.zeros(shape, x.dtype) if value == 0 else xp.full(shape, value, x.dtype)
        out[tuple(slice(b, b + n) for n, (b, _) in zip(cut.shape, pads, strict=True))] = cut
        return out
    for axis, (before, after) in enumerate(pads):
        if before or after:
            x = xp.take(x, xp.asarray(_pad_index(x.shape[axis], before, after, mode)), axis=axis)
    return xp.ascontiguousarray(x)


def padded_back(xp: Any, x: Any, d: Any, pads: Sequence[tuple[int, int]], mode: str) -> Any:
    """The gradient of `padded`."""
    if mode == "constant":
        d = d[tuple(slice(max(b, 0), d.shape[i] - max(a, 0)) for i, (b, a) in enumerate(pads))]
        if not any(b < 0 or a < 0 for b, a in pads):
            return xp.ascontiguousarray(d)
        place = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.shape, pads, strict=True))
        return zeros_placed(xp, tuple(x.shape), d.dtype, place, d)
    for axis, (before, after) in enumerate(pads):
        if not (before or after):
            continue
        size = x.shape[axis]
        index = _pad_index(size, before, after, mode)
        if differentiated_again(xp):
            m = np.zeros((size, len(index)), d.dtype)
            m[index, np.arange(len(index))] = 1
            d = along(d, xp.asarray(m), axis)
            continue
        every = (slice(None),) * axis
        low, high = max(before, 0), len(index) - max(after, 0)
        part = xp.zeros((*d.shape[:axis], size, *d.shape[axis + 1 :]), d.dtype)
        part[(*every, slice(max(-before, 0), max(-before, 0) + high - low))] = d[(*every, slice(low, high))]
        for i in (*range(low), *range(high, len(index))):
            part[(*every, int(index[i]))] += d[(*every, i)]
        d = part
    return xp.ascontiguousarray(d)


def _pairs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _infer_padded(x: Spec, pads: Sequence[tuple[int, int]] | None, axes: Sequence[int], mode: str) -> Spec:
    shape = list(x.shape)
    if pads is None:
        for a in axes:
            shape[a] = -1
        return Spec(shape, x.dtype)
    for axis, (before, after) in enumerate(pads):
        if shape[axis] == -1:
            continue
        if mode == "reflect" and max(before, after) >= shape[axis]:
            raise ValueError(
                f"mode 'reflect' pads by less than the size of the axis, {shape[axis]}, got {before} and {after}"
            )
        shape[axis] += before + after
        if shape[axis] < 0 or (shape[axis] == 0 and x.shape[axis]):
            raise ValueError(f"padding {before}, {after} leaves nothing of dimension {axis} of {list(x.shape)}")
    return Spec(shape, x.dtype)


def _plain_pads(ndim: int, paddings: Sequence[int]) -> list[tuple[int, int]]:
    if len(paddings) != 2 * ndim or any(p < 0 for p in paddings):
        raise ValueError(
            f"paddings must hold {2 * ndim} numbers of 0 or more for an input of {ndim} dimensions, got {list(paddings)}"
        )
    return _pairs(paddings)


@op(
    "pad",
    "X -> Out",
    infer=lambda x, *, paddings, **_: _infer_padded(x, _plain_pads(x.ndim, paddings), (), "constant"),
    grad="Out@GRAD -> X@GRAD",
)
def pad(xp, x, *, paddings: Ints, pad_value: float = 0.0):
    return padded(xp, x, _plain_pads(x.ndim, paddings), "constant", pad_value)


@pad.backward
def _(xp, d_out, *, paddings):
    return padded_back(xp, None, d_out, _plain_pads(d_out.ndim, paddings), "constant")


def _image_pads(
    ndim: int, wanted: int, numbers: Sequence[int] | None, mode: str, modes: tuple[str, ...], last: bool, swap: bool
) -> Any:
    """Pairs per axis. pad3d counts from the last axis (left, right, top, ...), pad2d from the first (top, bottom, left, right)."""
    if ndim != wanted:
        raise ValueError(f"the input must have {wanted} dimensions, got {ndim}")
    if mode not in modes:
        raise ValueError(f"mode = {mode!r}; expected one of {', '.join(modes)}")
    if numbers is None or -1 in numbers and all(n == -1 for n in numbers) and len(numbers) != 2 * (wanted - 2):
        return None
    if len(numbers) != 2 * (wanted - 2):
        raise ValueError(f"paddings must hold {2 * (wanted - 2)} numbers, got {list(numbers)}")
    spatial = _pairs(numbers)
    if swap:
        spatial.reverse()
    return [(0, 0), *spatial, (0, 0)] if last else [(0, 0), (0, 0), *spatial]


def _image_pad_op(type: str, ndim: int, modes: tuple[str, ...], value_name: str, default_layout: str, swap: bool) -> Op:
    def pads_of(x: Any, tensor: Any, paddings: Any, mode: str, layout: str) -> Any:
        return _image_pads(x.ndim, ndim, ints_of(tensor, None, paddings), mode, modes, is_last(layout), swap)

    def infer(x: Spec, tensor: Any = None, *, paddings: Any, mode: str, data_format: str, **_: Any) -> Spec:
        last = is_last(data_format)
        pads = _image_pads(x.ndim, ndim, None if tensor is not None else list(paddings), mode, modes, last, swap)
        return _infer_padded(x, pads, range(1, ndim - 1) if last else range(2, ndim), mode)

    slots, grad = "X, Paddings? -> Out", "X#, Paddings?, Out@GRAD -> X@GRAD"
    if value_name == "value":

        @op(type, slots, infer=infer, grad=grad)
        def forward(
            xp,
            x,
            tensor=None,
            *,
            paddings: Ints,
            mode: str = "constant",
            value: float = 0.0,
            data_format: str = default_layout,
        ):
            return padded(xp, x, pads_of(x, tensor, paddings, mode, data_format), mode, value)

    else:

        @op(type, slots, infer=infer, grad=grad)
        def forward(
            xp,
            x,
            tensor=None,
            *,
            paddings: Ints,
            pad_value: float = 0.0,
            mode: str = "constant",
            data_format: str = default_layout,
        ):
            return padded(xp, x, pads_of(x, tensor, paddings, mode, data_format), mode, pad_value)

    @forward.backward
    def _(xp, x, tensor, d_out, *, paddings, mode="constant", data_format=default_layout):
        return padded_back(xp, x, d_out, pads_of(x, tensor, paddings, mode, data_format), mode)

    return forward


pad2d = _image_pad_op("pad2d", 4, ("constant", "reflect", "edge"), "pad_value", "NCHW", False)
pad3d = _image_pad_op("pad3d", 5, ("constant", "reflect", "replicate", "circular"), "value", "NCDHW", True)


# --- patches


def _patch_places(
    sizes: Sequence[int], ksize: Any, strides: Any, paddings: Any, dilations: Any
) -> tuple[tuple[int, ...], Any]:
    for name, values, n in (
        ("kernel_sizes", ksize, 2),
        ("strides", strides, 2),
        ("dilations", dilations, 2),
        ("paddings", paddings, 4),
    ):
        if len(values) != n or any(v < (name != "paddings") for v in values):
            raise ValueError(
                f"{name} must hold {n} {'numbers of 0 or more' if name == 'paddings' else 'positive numbers'}, got {list(values)}"
            )
    pads = ((paddings[0], paddings[2]), (paddings[1], paddings[3]))  # given as top, left, bottom, right
    places = []
    for size, k, t, (before, after), d in zip(sizes, ksize, strides, pads, dilations, strict=True):
        n = -1 if size == -1 else (size + before + after - (d * (k - 1) + 1)) // t + 1
        if size != -1 and n < 1:
            raise ValueError(
                f"the patch {list(ksize)} with dilations {list(dilations)} is larger than the padded image {list(sizes)}"
            )
        places.append(n)
    return tuple(places), pads


def _infer_unfold(x: Spec, *, kernel_sizes: Any, strides: Any, paddings: Any, dilations: Any) -> Spec:
    if x.ndim != 4:
        raise ValueError(f"the input must be [N, C, H, W], got {list(x.shape)}")
    places, _ = _patch_places(x.shape[2:], kernel_sizes, strides, paddings, dilations)
    return Spec((x.shape[0], -1 if x.shape[1] == -1 else x.shape[1] * product(kernel_sizes), product(places)), x.dtype)


@op("unfold", "X -> Y", infer=_infer_unfold, grad="X#, Y@GRAD -> X@GRAD")
def unfold(xp, x, *, kernel_sizes: Ints, strides: Ints, paddings: Ints, dilations: Ints):
    if x.ndim != 4:
        raise ValueError(f"the input must be [N, C, H, W], got {list(x.shape)}")
    places, pads = _patch_places(x.shape[2:], kernel_sizes, strides, paddings, dilations)
    cols = columns(xp, x, kernel_sizes, strides, pads, dilations, places)
    return cols.reshape(x.shape[0], x.shape[1] * product(kernel_sizes), product(places))


@unfold.backward
def _(xp, x, d_y, *, kernel_sizes, strides, paddings, dilations):
    places, pads = _patch_places(x.shape[2:], kernel_sizes, strides, paddings, dilations)
    cols = d_y.reshape((*x.shape[:2], product(kernel_sizes), *places))
    return images(xp, cols, x.shape[2:], kernel_sizes, strides, pads, dilations)


def _folded(
    x: Any, output_sizes: Any, ksize: Any, strides: Any, paddings: Any, dilations: Any
) -> tuple[int, tuple[int, ...], Any]:
    """Channels, places and paddings of an input [N, C * K, L] of fold."""
    if x.ndim != 3 or len(output_sizes) != 2:
        raise ValueError(
            f"the input must be [N, C, L] and output_sizes two numbers, got {list(x.shape)} and {list(output_sizes)}"
        )
    places, pads = _patch_places(output_sizes, ksize, strides, paddings, dilations)
    count = product(ksize)
    if x.shape[1] % count and x.shape[1] != -1:
        raise ValueError(
            f"dimension 1 of the input must be divisible by the size of the patch, {list(ksize)}, got {list(x.shape)}"
        )
    if x.shape[2] not in (-1, product(places)):
        raise ValueError(
            f"dimension 2 of the input must be {places[0]} * {places[1]}, the places of the patch, got {list(x.shape)}"
        )
    return -1 if x.shape[1] == -1 else x.shape[1] // count, places, pads


@op(
    "fold",
    "X -> Y",
    grad="X#, Y@GRAD -> X@GRAD",
    infer=lambda x, *, output_sizes, kernel_sizes, strides, paddings, dilations: Spec(
        (x.shape[0], _folded(x, output_sizes, kernel_sizes, strides, paddings, dilations)[0], *output_sizes), x.dtype
    ),
)
def fold(xp, x, *, output_sizes: Ints, kernel_sizes: Ints, strides: Ints, paddings: Ints, dilations: Ints):
    channels, places, pads = _folded(x, output_sizes, kernel_sizes, strides, paddings, dilations)
    cols = x.reshape((x.shape[0], channels, product(kernel_sizes), *places))
    return images(xp, cols, tuple(output_sizes), kernel_sizes, strides, pads, dilations)


@fold.backward
def _(xp, x, d_y, *, output_sizes, kernel_sizes, strides, paddings, dilations):
    _, places, pads = _folded(x, output_sizes, kernel_sizes, strides, paddings, dilations)
    return columns(xp, d_y, kernel_sizes, strides, pads, dilations, places).reshape(tuple(x.shape))


# --- shuffles


def _divided(n: int, by: int, what: str) -> int:
    if by < 1 or (n != -1 and n % by):
        raise ValueError(f"{what}, {n}, must be divisible by {by}")
    return -1 if n == -1 else n // by


def _infer_pixel_shuffle(x: Spec, *, upscale_factor: int, data_format: str) -> Spec:
    _four(x)
    n, c, h, w = x.shape if not is_last(data_format) else (x.shape[0], x.shape[3], x.shape[1], x.shape[2])
    c = _divided(c, upscale_factor**2, "the number of channels")
    h, w = (-1 if s == -1 else s * upscale_factor for s in (h, w))
    return Spec((n, h, w, c) if is_last(data_format) else (n, c, h, w), x.dtype)


def _four(x: Any) -> None:
    if x.ndim != 4:
        raise ValueError(f"the input must have 4 dimensions, got shape {list(x.shape)}")


def _shuffled_up(xp: Any, x: Any, r: int, last: bool) -> Any:
    """Channels into blocks of r * r pixels (Shi et al. 2016)."""
    _four(x)
    if last:
        n, h, w, c = x.shape
        c = _divided(c, r * r, "the number of channels")
        y = x.reshape((n, h, w, c, r, r)).transpose((0, 1, 4, 2, 5, 3))
        return xp.ascontiguousarray(y).reshape((n, h * r, w * r, c))
    n, c, h, w = x.shape
    c = _divided(c, r * r, "the number of channels")
    y = x.reshape((n, c, r, r, h, w)).transpose((0, 1, 4, 2, 5, 3))
    return xp.ascontiguousarray(y).reshape((n, c, h * r, w * r))


def _shuffled_down(xp: Any, x: Any, r: int, last: bool) -> Any:
    _four(x)
    if last:
        n, h, w, c = x.shape
        h, w = _divided(h, r, "the height"), _divided(w, r, "the width")
        y = x.reshape((n, h, r, w, r, c)).transpose((0, 1, 3, 5, 2, 4))
        return xp.ascontiguousarray(y).reshape((n, h, w, c * r * r))
    n, c, h, w = x.shape
    h, w = _divided(h, r, "the height"), _divided(w, r, "the width")
    y = x.reshape((n, c, h, r, w, r)).transpose((0, 1, 3, 5, 2, 4))
    return xp.ascontiguousarray(y).reshape((n, c * r * r, h, w))


@op("pixel_shuffle", "X -> Out", infer=_infer_pixel_shuffle, grad="Out@GRAD -> X@GRAD")
def pixel_shuffle(xp, x, *, upscale_factor: int = 1, data_format: str = "NCHW"):
    return _shuffled_up(xp, x, upscale_factor, is_last(data_format))


@pixel_shuffle.backward
def _(xp, d_out, *, upscale_factor=1, data_format="NCHW"):
    return _shuffled_down(xp, d_out, upscale_factor, is_last(data_format))


def _infer_pixel_unshuffle(x: Spec, *, downscale_factor: int, data_format: str) -> Spec:
    _four(x)
    last = is_last(data_format)
    n, c, h, w = x.shape if not last else (x.shape[0], x.shape[3], x.shape[1], x.shape[2])
    h, w = _divided(h, downscale_factor, "the height"), _divided(w, downscale_factor, "the width")
    c = -1 if c == -1 else c * downscale_factor**2
    return Spec((n, h, w, c) if last else (n, c, h, w), x.dtype)


@op("pixel_unshuffle", "X -> Out", infer=_infer_pixel_unshuffle, grad="Out@GRAD -> X@GRAD")
def pixel_unshuffle(xp, x, *, downscale_factor: int = 1, data_format: str = "NCHW"):
    return _shuffled_down(xp, x, downscale_factor, is_last(data_format))


@pixel_unshuffle.backward
def _(xp, d_out, *, downscale_factor=1, data_format="NCHW"):
    return _shuffled_up(xp, d_out, downscale_factor, is_last(data_format))


def _channels_mixed(xp: Any, x: Any, groups: int, last: bool, back: bool = False) -> Any:
    _four(x)
    axis = 3 if last else 1
    rest = _divided(x.shape[axis], groups, "the number of channels")
    pair = (rest, groups) if back else (groups, rest)
    y = x.reshape((*x.shape[:axis], *pair, *x.shape[axis + 1 :])).swapaxes(axis, axis + 1)
    return xp.ascontiguousarray(y).reshape(tuple(x.shape))


def _infer_channels_mixed(x: Spec, groups: int, layout: str) -> Spec:
    _four(x)
    _divided(x.shape[3 if is_last(layout) else 1], groups, "the number of channels")
    return x


@op(
    "channel_shuffle",
    "X -> Out",
    infer=lambda x, *, groups, data_format: _infer_channels_mixed(x, groups, data_format),
    grad="Out@GRAD -> X@GRAD",
)
def channel_shuffle(xp, x, *, groups: int, data_format: str = "NCHW"):
    return _channels_mixed(xp, x, groups, is_last(data_format))


@channel_shuffle.backward
def _(xp, d_out, *, groups, data_format="NCHW"):
    return _channels_mixed(xp, d_out, groups, is_last(data_format), True)


@op(
    "shuffle_channel",
    "X -> Out",
    infer=lambda x, *, group: _infer_channels_mixed(x, group, "NCHW"),
    grad="Out@GRAD -> X@GRAD",
)
def shuffle_channel(xp, x, *, group: int = 1):
    return _channels_mixed(xp, x, group, False)


@shuffle_channel.backward
def _(xp, d_out, *, group=1):
    return _channels_mixed(xp, d_out, group, False, True)


def _shifted(xp: Any, x: Any, seg_num: int, ratio: float, last: bool, back: bool = False) -> Any:
    """The first channels from the frame before, the next from the frame after, the rest as they are."""
    _four(x)
    if not 0 < ratio < 0.5:
        raise ValueError(f"shift_ratio must be between 0 and 0.5, got {ratio}")
    n = _divided(x.shape[0], seg_num, "dimension 0")
    c = x.shape[3] if last else x.shape[1]
    first, second = int(c * np.float32(ratio)), int(c * 2 * np.float32(ratio))
    y = x.reshape((n, seg_num, *x.shape[1:]))
    ahead: Any = slice(None, -1), slice(1, None)
    parts = []
    for low, high, (source, target) in (
        (0, first, ahead[::-1] if back else ahead),
        (first, second, ahead if back else ahead[::-1]),
    ):
        part = y[..., low:high] if last else y[:, :, low:high]
        at = (slice(None), target, *(slice(None),) * 3)
        parts.append(zeros_placed(xp, tuple(part.shape), x.dtype, at, part[(slice(None), source)]))
    parts.append(y[..., second:] if last else y[:, :, second:])
    return xp.concatenate(parts, axis=4 if last else 2).reshape(tuple(x.shape))


def _infer_shift(x: Spec, *, seg_num: int, shift_ratio: float, **_: Any) -> Spec:
    _four(x)
    _divided(x.shape[0], seg_num, "dimension 0")
    if not 0 < shift_ratio < 0.5:
        raise ValueError(f"shift_ratio must be between 0 and 0.5, got {shift_ratio}")
    return x


@op("temporal_shift", "X -> Out", infer=_infer_shift, grad="Out@GRAD -> X@GRAD")
def temporal_shift(xp, x, *, seg_num: int, shift_ratio: float = 0.25, data_format: str = "NCHW"):
    return _shifted(xp, x, seg_num, shift_ratio, is_last(data_format))


@temporal_shift.backward
def _(xp, d_out, *, seg_num, shift_ratio=0.25, data_format="NCHW"):
    return _shifted(xp, d_out, seg_num, shift_ratio, is_last(data_format), True)


# --- sampling grids


def _base_grid(xp: Any, sizes: Sequence[int], align_corners: bool, dtype: Any) -> Any:
    """Coordinates (x, y, ..., 1) of the places, [places, dimensions + 1]; the middle of an axis of one place is 0."""
    lines = []
    for n in sizes:
        ends = 1.0 if align_corners else (n - 1) / n
        lines.append(np.linspace(-ends, ends, n) if n > 1 else np.zeros(1))
    mesh = np.meshgrid(*lines, indexing="ij")
    stacked = np.stack([*(m.reshape(-1) for m in mesh[::-1]), np.ones(product(sizes))], axis=1)
    return xp.asarray(stacked.astype(dtype))


def _grid_sizes(theta: Any, sizes: Sequence[int]) -> list[int]:
    if theta.ndim != 3 or tuple(theta.shape[1:]) not in ((2, 3), (3, 4)):
        raise ValueError(f"Theta must be [N, 2, 3] or [N, 3, 4], got {list(theta.shape)}")
    n = theta.shape[1]
    if len(sizes) != n + 2:
        raise ValueError(
            f"the shape of the output must be {n + 2} numbers for Theta {list(theta.shape)}, got {list(sizes)}"
        )
    return list(sizes)


def _infer_affine_grid(theta: Spec, shape_tensor: Any = None, *, output_shape: Any = (), **_: Any) -> Spec:
    if theta.ndim != 3 or theta.shape[1] not in (2, 3, -1):
        raise ValueError(f"Theta must be [N, 2, 3] or [N, 3, 4], got {list(theta.shape)}")
    n = theta.shape[1]
    if n == -1:
        n = len(output_shape) - 2 if shape_tensor is None else theta.shape[2] - 1
    sizes = open_ints(shape_tensor, None, output_shape, n + 2)
    assert sizes is not None
    if len(sizes) != n + 2:
        raise ValueError(f"the shape of the output must be {n + 2} numbers for Theta {list(theta.shape)}, got {sizes}")
    return Spec((theta.shape[0], *sizes[2:], n), theta.dtype)


@op(
    "affine_grid",
    "Theta, OutputShape? -> Output",
    infer=_infer_affine_grid,
    grad="Theta#, OutputShape?, Output@GRAD -> Theta@GRAD",
)
def affine_grid(xp, theta, shape_tensor=None, *, output_shape: Ints = (), align_corners: bool = True):
    sizes = _grid_sizes(theta, ints_of(shape_tensor, None, output_shape))
    if sizes[0] != theta.shape[0]:
        raise ValueError(f"the output shape {sizes} and Theta {list(theta.shape)} must have the same batch size")
    base = _base_grid(xp, sizes[2:], align_corners, theta.dtype)
    return (base @ theta.swapaxes(1, 2)).reshape((theta.shape[0], *sizes[2:], theta.shape[1]))


@affine_grid.backward
def _(xp, theta, shape_tensor, d_out, *, output_shape=(), align_corners=True):
    sizes = tuple(d_out.shape[1:-1])
    base = _base_grid(xp, sizes, align_corners, theta.dtype)
    return d_out.reshape((d_out.shape[0], product(sizes), d_out.shape[-1])).swapaxes(1, 2) @ base


def _located(xp: Any, p: Any, size: int, padding_mode: str, align_corners: bool) -> tuple[Any, Any]:
    """Grid coordinates in [-1, 1] as positions along an axis, and the factor of their gradient (an array or a number).

    Each mode bends the line of positions at some points and is straight between them, so it is factor * p + shift with
    both found from the plain numbers.
    """
    half = (size - 1) / 2 if align_corners else size / 2
    p = (p + const(p, 1)) * const(p, half) - const(p, 0 if align_corners else 0.5)
    if padding_mode == "zeros":
        return p, half
    at = plain_value(xp, p)
    factor, shift = xp.ones(at.shape, at.dtype), xp.zeros(at.shape, at.dtype)
    last = size - 1
    if padding_mode == "reflection":
        if last == 0 and align_corners:
            return p * const(p, 0), 0.0
        middle = 0.0 if align_corners else 0.5
        reach = 2.0 * (last if align_corners else size)
        sign = xp.where(at + const(at, middle) < 0, const(at, -1), const(at, 1))
        folds = xp.floor(xp.abs(at + const(at, middle)) / const(at, reach))
        rest = xp.abs(at + const(at, middle)) - folds * const(at, reach)
        near = rest <= const(at, reach) - rest
        factor = xp.where(near, sign, -sign)
        shift = xp.where(near, -folds * const(at, reach), (folds + const(at, 1)) * const(at, reach))
        shift = shift + factor * const(at, middle) - const(at, middle)
    placed = at * factor + shift
    if padding_mode == "border" or not align_corners:
        low, high = placed < 0, placed > last
        shift = xp.where(low, const(at, 0), xp.where(high, const(at, last), shift))
        factor = xp.where(low | high, const(at, 0), factor)
    return p * factor + shift, factor * const(at, half)


def _check_grid(x: Any, grid: Any, mode: str, padding_mode: str) -> None:
    n = x.ndim - 2
    fits = (
        n in (2, 3)
        and grid.ndim == n + 2
        and grid.shape[-1] in (n, -1)
        and (grid.shape[0] == x.shape[0] or -1 in (grid.shape[0], x.shape[0]))
    )
    if not fits:
        raise ValueError(
            f"X must be [N, C, H, W] and Grid [N, H, W, 2] (or with depth, and 3), got {list(x.shape)} and {list(grid.shape)}"
        )
    if mode not in ("bilinear", "nearest") or padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            f"mode must be 'bilinear' or 'nearest' and padding_mode 'zeros', 'border' or 'reflection', got {mode!r} and {padding_mode!r}"
        )


def _infer_grid_sampler(x: Spec, grid: Spec, *, mode: str, padding_mode: str, **_: Any) -> Spec:
    _check_grid(x, grid, mode, padding_mode)
    return Spec((*x.shape[:2], *grid.shape[1:-1]), x.dtype)


def _rows(x: Any) -> Any:
    """[N, C, ...] as [N * places, C]."""
    return x.transpose((0, *range(2, x.ndim), 1)).reshape((product((x.shape[0], *x.shape[2:])), x.shape[1]))


def _corners(xp: Any, positions: Sequence[Any], sizes: Sequence[int], mode: str, batch: int) -> Any:
    """For each corner around the positions: rows of `_rows`, whether these are inside, and per axis whether it is the upper one."""
    plain = [plain_value(xp, p) for p in positions]
    if mode == "nearest":
        # halves go away from zero, as in C
        starts = [(xp.floor(xp.abs(p) + const(p, 0.5)) * xp.sign(p)) for p in plain]
    else:
        starts = [xp.floor(p) for p in plain]
    count = plain[0].size // max(batch, 1)
    base = xp.arange(batch).reshape((batch, 1)) * product(sizes)
    for which in itertools.product((0, 1), repeat=len(sizes)) if mode == "bilinear" else [(0,) * len(sizes)]:
        place: Any = 0
        inside: Any = True
        for start, at, size, up in zip(starts, plain, sizes, which, strict=True):
            i = start + const(start, up)
            seen = at if mode == "nearest" and len(sizes) == 3 else i  # sic: in volumes Paddle looks before it rounds
            inside = (seen >= 0) & (seen <= size - 1) & inside
            i = xp.minimum(xp.maximum(i, const(i, 0)), const(i, size - 1))
            i = xp.where(i == i, i, const(i, 0)).astype(np.int64)  # NaN lies outside
            place = place * size + i
        yield (place.reshape((batch, count)) + base).reshape(-1), inside.reshape(-1), which, starts


def _axis_positions(
    xp: Any, grid: Any, sizes: Sequence[int], padding_mode: str, align_corners: bool
) -> tuple[list[Any], list[Any]]:
    """Positions and gradient factors per axis of the image (the last entry of a grid point belongs to the first axis)."""
    n = len(sizes)
    found = [_located(xp, grid[..., n - 1 - i], sizes[i], padding_mode, align_corners) for i in range(n)]
    return [f[0] for f in found], [f[1] for f in found]


@op("grid_sampler", "X, Grid -> Output", infer=_infer_grid_sampler, grad="X, Grid, Output@GRAD -> X@GRAD, Grid@GRAD")
def grid_sampler(xp, x, grid, *, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool = True):
    _check_grid(x, grid, mode, padding_mode)
    if x.dtype.kind != "f" or x.dtype != grid.dtype:
        raise ValueError(f"X and Grid must be floating and of one type, got {x.dtype} and {grid.dtype}")
    sizes = tuple(x.shape[2:])
    positions, _ = _axis_positions(xp, grid, sizes, padding_mode, align_corners)
    rows = _rows(x)
    total: Any = None
    for place, inside, which, starts in _corners(xp, positions, sizes, mode, x.shape[0]):
        weight = inside.astype(x.dtype)
        if mode == "bilinear":
            for p, start, up in zip(positions, starts, which, strict=True):
                right = (p - start).reshape(-1)
                weight = weight * (right if up else const(x, 1) - right)
        part = xp.take(rows, place, axis=0) * xp.expand_dims(weight, 1)
        total = part if total is None else total + part
    out = total.reshape((x.shape[0], *grid.shape[1:-1], x.shape[1]))
    return xp.ascontiguousarray(out.transpose((0, x.ndim - 1, *range(1, x.ndim - 1))))


@grid_sampler.backward
def _(xp, x, grid, d_out, *, mode="bilinear", padding_mode="zeros", align_corners=True, needs=(True, True)):
    sizes = tuple(x.shape[2:])
    n, channels = x.shape[:2]
    positions, factors = _axis_positions(xp, grid, sizes, padding_mode, align_corners)
    rows, d_rows = _rows(x), _rows(d_out)
    d_x: Any = None
    d_axes: list[Any] = [None] * len(sizes)
    for place, inside, which, starts in _corners(xp, positions, sizes, mode, n):
        there = xp.asarray(inside.astype(x.dtype))
        lengths = []
        if mode == "bilinear":
            for p, start, up in zip(positions, starts, which, strict=True):
                right = (p - start).reshape(-1)
                lengths.append(right if up else const(x, 1) - right)
        if needs[0]:
            weight: Any = there
            for length in lengths:
                weight = length * weight
            values = d_rows * xp.expand_dims(weight, 1)
            part = zeros_added_at(xp, (n * product(sizes), channels), x.dtype, (place,), values)
            d_x = part if d_x is None else d_x + part
        if needs[1] and mode == "bilinear":
            felt = (d_rows * xp.take(rows, place, axis=0)).sum(axis=1) * there
            for axis, up in enumerate(which):
                one = felt
                for other, length in enumerate(lengths):
                    if other != axis:
                        one = one * length
                one = one if up else -one
                d_axes[axis] = one if d_axes[axis] is None else d_axes[axis] + one
    d_grid: Any = None
    if needs[1]:
        if mode == "nearest":
            d_grid = xp.zeros(tuple(grid.shape), grid.dtype)
        else:
            shape = tuple(grid.shape[:-1])
            parts = [
                d.reshape(shape) * (const(x, f) if isinstance(f, float) else f)
                for d, f in zip(d_axes, factors, strict=True)
            ]
            d_grid = xp.stack(parts[::-1], axis=len(shape))
    if d_x is not None:
        d_x = d_x.reshape((n, *sizes, channels)).transpose((0, x.ndim - 1, *range(1, x.ndim - 1)))
        d_x = xp.ascontiguousarray(d_x)
    return d_x, d_grid
