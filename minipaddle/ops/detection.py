"""Operators of object detection: regions of interest, overlapping boxes, box coding. Boxes are (x1, y1, x2, y2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .elementwise import const
from .manipulation import zeros_added_at
from .pool import maxima
from .registry import Floats, Ints, Spec, op
from .shapes import product

__all__: list[str] = []


def _infer_regions(x: Spec, rois: Spec, pooled_height: int, pooled_width: int) -> Spec:
    if x.ndim != 4 or rois.ndim != 2 or rois.shape[1] not in (4, -1):
        raise ValueError(f"X must be [N, C, H, W] and ROIs [M, 4], got {list(x.shape)} and {list(rois.shape)}")
    if pooled_height < 1 or pooled_width < 1:
        raise ValueError(f"pooled_height and pooled_width must be positive, got {pooled_height} and {pooled_width}")
    return Spec((rois.shape[0], x.shape[1], pooled_height, pooled_width), x.dtype)


def _image_of_each(x: Any, rois: Any, counts: Any, lod: Any = None) -> list[int]:
    """For each region the number of its image, from the number of regions per image or from the lod of the regions."""
    if counts is None and not lod:
        raise ValueError("RoisNum, the number of boxes for each image, is needed (or ROIs with a lod)")
    if counts is not None:
        numbers = [int(n) for n in counts.reshape(-1).tolist()]
    else:
        numbers = [b - a for a, b in zip(lod[-1], lod[-1][1:], strict=False)]
    if len(numbers) != x.shape[0] or sum(numbers) != rois.shape[0]:
        raise ValueError(
            f"RoisNum must hold {x.shape[0]} numbers, one per image, whose sum is the {rois.shape[0]} boxes, got {numbers}"
        )
    return [i for i, n in enumerate(numbers) for _ in range(n)]


def _sample_matrix(
    start: float, size: float, bins: int, length: int, sampling_ratio: int, dtype: Any
) -> np.ndarray[Any, Any]:
    """The matrix [bins, length] that averages linear samples taken in each bin of a stretch of one axis."""
    step = size / bins
    samples = sampling_ratio if sampling_ratio > 0 else max(math.ceil(step), 0)
    m = np.zeros((bins, length))
    if not samples:
        return m.astype(dtype)
    at = start + np.arange(bins)[:, None] * step + (np.arange(samples) + 0.5)[None, :] * step / samples
    inside = (at >= -1) & (at <= length)
    at = np.clip(at, 0, length - 1)
    low = np.minimum(at.astype(np.int64), length - 1)
    right = at - low
    rows = np.broadcast_to(np.arange(bins)[:, None], at.shape)
    np.add.at(m, (rows, low), np.where(inside, 1 - right, 0))
    np.add.at(m, (rows, np.minimum(low + 1, length - 1)), np.where(inside, right, 0))
    return (m / samples).astype(dtype)


def _region_matrices(
    xp: Any, x: Any, rois: Any, height: int, width: int, spatial_scale: float, sampling_ratio: int, aligned: bool
) -> list[tuple[Any, Any]]:
    """For each region the matrices that sample the rows and the columns of its image (He et al. 2017)."""
    found = []
    half = 0.5 if aligned else 0.0
    for box in rois.tolist():
        x1, y1, x2, y2 = (v * spatial_scale - half for v in box)
        w, h = x2 - x1, y2 - y1
        if not aligned:
            w, h = max(w, 1.0), max(h, 1.0)
        rows = _sample_matrix(y1, h, height, x.shape[2], sampling_ratio, x.dtype)
        columns = _sample_matrix(x1, w, width, x.shape[3], sampling_ratio, x.dtype)
        found.append((xp.asarray(rows), xp.asarray(columns)))
    return found


@op(
    "roi_align",
    "X, ROIs, RoisNum? -> Out",
    grad="X#, ROIs, RoisNum?, Out@GRAD -> X@GRAD",
    infer=lambda x, rois, n=None, *, pooled_height, pooled_width, **_: _infer_regions(
        x, rois, pooled_height, pooled_width
    ),
    lod="ROIs ->",
)
def roi_align(
    xp, x, rois, counts=None, *, pooled_height: int = 1, pooled_width: int = 1, spatial_scale: float = 1.0,
    sampling_ratio: int = -1, aligned: bool = False, lod=None,
):  # fmt: skip
    spec = _infer_regions(x, rois, pooled_height, pooled_width)
    images = _image_of_each(x, rois, counts, lod)
    matrices = _region_matrices(xp, x, rois, pooled_height, pooled_width, spatial_scale, sampling_ratio, aligned)
    if not matrices:
        return xp.zeros(spec.shape, x.dtype)
    return xp.stack([rows @ x[i] @ columns.T for i, (rows, columns) in zip(images, matrices, strict=True)], axis=0)


@roi_align.backward
def _(
    xp, x, rois, counts, d_out, *, pooled_height=1, pooled_width=1, spatial_scale=1.0, sampling_ratio=-1, aligned=False, lod=None
):  # fmt: skip
    if hasattr(xp, "recorded"):
        rois, counts = xp.constant(rois), xp.constant(counts)
    images = _image_of_each(x, rois, counts, lod)
    module = getattr(xp, "module", xp)
    matrices = _region_matrices(module, x, rois, pooled_height, pooled_width, spatial_scale, sampling_ratio, aligned)
    parts: list[Any] = [None] * x.shape[0]
    for k, (i, (rows, columns)) in enumerate(zip(images, matrices, strict=True)):
        part = rows.T @ d_out[k] @ columns
        parts[i] = part if parts[i] is None else parts[i] + part
    empty = xp.zeros(tuple(x.shape[1:]), d_out.dtype)
    return xp.stack([empty if p is None else p for p in parts], axis=0)


def _rounded(value: float) -> int:
    """As C's round: halves away from zero."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def _bins(start: int, end: int, bins: int, length: int) -> tuple[Any, Any, Any]:
    """Windows of one axis as `ops.pool` takes them: elements, which are there, how many."""
    step = max(end - start + 1, 1) / bins
    at = np.arange(bins)
    low = np.clip(np.floor(at * step).astype(np.int64) + start, 0, length)
    high = np.clip(np.ceil((at + 1) * step).astype(np.int64) + start, 0, length)
    index = low[:, None] + np.arange(max(int(np.max(high - low)), 1))
    return np.minimum(index, length - 1), index < high[:, None], np.maximum(high - low, 1)


def _infer_roi_pool(x: Spec, rois: Spec, n: Any = None, *, pooled_height: int, pooled_width: int, **_: Any) -> Any:
    out = _infer_regions(x, rois, pooled_height, pooled_width)
    return out, Spec(out.shape, np.dtype(np.int64))


@op(
    "roi_pool",
    "X, ROIs, RoisNum? -> Out, Argmax~",
    infer=_infer_roi_pool,
    grad="X#, ROIs, RoisNum?, Argmax, Out@GRAD -> X@GRAD",
    lod="ROIs ->",
)
def roi_pool(
    xp, x, rois, counts=None, *, pooled_height: int = 1, pooled_width: int = 1, spatial_scale: float = 1.0, lod=None
):  # fmt: skip
    spec = _infer_regions(x, rois, pooled_height, pooled_width)
    images = _image_of_each(x, rois, counts, lod)
    largest, places = [], []
    for i, box in zip(images, rois.tolist(), strict=True):
        x1, y1, x2, y2 = (_rounded(v * spatial_scale) for v in box)
        windows = [_bins(y1, y2, pooled_height, x.shape[2]), _bins(x1, x2, pooled_width, x.shape[3])]
        y, index = maxima(xp, x[i : i + 1], windows)
        largest.append(xp.where(index < 0, const(x, 0), y))
        places.append(xp.broadcast_to(index, y.shape))
    if not largest:
        return xp.zeros(spec.shape, x.dtype), xp.zeros(spec.shape, np.int64)
    return xp.concatenate(largest, axis=0), xp.concatenate(places, axis=0).astype(np.int64)


@roi_pool.backward
def _(xp, x, rois, counts, index, d_out, *, lod=None):
    if hasattr(xp, "recorded"):
        index, counts = xp.constant(index), xp.constant(counts)
    module = getattr(xp, "module", xp)
    images = module.asarray(np.asarray(_image_of_each(x, rois, counts, lod), np.int64)).reshape((-1, 1, 1, 1))
    plane = product(x.shape[2:])
    place = (images * x.shape[1] + module.arange(x.shape[1]).reshape((-1, 1, 1))) * plane + module.maximum(index, 0)
    values = d_out * (index >= 0).astype(d_out.dtype)
    flat = zeros_added_at(xp, (product(x.shape),), d_out.dtype, (place.reshape(-1),), values.reshape(-1))
    return flat.reshape(tuple(x.shape))


def _mean_matrix(start: float, size: float, bins: int, length: int, dtype: Any) -> np.ndarray[Any, Any]:
    """The matrix [bins, length] that averages whole elements over each bin of a stretch; empty bins give 0."""
    at = np.arange(bins)
    step = size / bins
    low = np.clip(np.floor(at * step + start), 0, length)
    high = np.clip(np.ceil((at + 1) * step + start), 0, length)
    inside = (np.arange(length) >= low[:, None]) & (np.arange(length) < high[:, None])
    return (inside / np.maximum(high - low, 1)[:, None]).astype(dtype)


def _bin_matrices(xp: Any, x: Any, rois: Any, height: int, width: int, spatial_scale: float) -> list[tuple[Any, Any]]:
    found = []
    for box in rois.tolist():
        x1, y1 = (_rounded(v) * spatial_scale for v in box[:2])
        x2, y2 = ((_rounded(v) + 1) * spatial_scale for v in box[2:])
        rows = _mean_matrix(y1, max(y2 - y1, 0.1), height, x.shape[2], x.dtype)
        columns = _mean_matrix(x1, max(x2 - x1, 0.1), width, x.shape[3], x.dtype)
        found.append((xp.asarray(rows), xp.asarray(columns)))
    return found


def _infer_psroi(x: Spec, rois: Spec, *, pooled_height: int, pooled_width: int, output_channels: int) -> Spec:
    out = _infer_regions(x, rois, pooled_height, pooled_width)
    wanted = output_channels * pooled_height * pooled_width
    if x.shape[1] not in (-1, wanted):
        raise ValueError(f"X must have output_channels * pooled_height * pooled_width = {wanted} channels, got {x.shape[1]}")
    return Spec((out.shape[0], output_channels, pooled_height, pooled_width), x.dtype)


@op(
    "psroi_pool",
    "X, ROIs, RoisNum? -> Out",
    grad="X#, ROIs, RoisNum?, Out@GRAD -> X@GRAD",
    infer=lambda x, rois, n=None, *, pooled_height=1, pooled_width=1, output_channels, **_: _infer_psroi(
        x, rois, pooled_height=pooled_height, pooled_width=pooled_width, output_channels=output_channels
    ),
    lod="ROIs ->",
)
def psroi_pool(
    xp, x, rois, counts=None, *, pooled_height: int = 1, pooled_width: int = 1, output_channels: int, spatial_scale: float = 1.0,
    lod=None,
):  # fmt: skip
    """Means over the bins of a region, each bin from channels of its own (Dai et al. 2016, R-FCN)."""
    spec = _infer_psroi(x, rois, pooled_height=pooled_height, pooled_width=pooled_width, output_channels=output_channels)
    images = _image_of_each(x, rois, counts, lod)
    x = x.reshape((x.shape[0], output_channels, pooled_height, pooled_width, *x.shape[2:]))
    parts = [
        xp.einsum("cijyx,iy,jx->cij", x[i], rows, columns)
        for i, (rows, columns) in zip(
            images, _bin_matrices(xp, Spec((0, 0, *x.shape[4:]), x.dtype), rois, pooled_height, pooled_width, spatial_scale), strict=True
        )
    ]
    return xp.stack(parts, axis=0) if parts else xp.zeros(spec.shape, x.dtype)


@psroi_pool.backward
def _(
    xp, x, rois, counts, d_out, *, pooled_height=1, pooled_width=1, output_channels, spatial_scale=1.0, lod=None
):  # fmt: skip
    if hasattr(xp, "recorded"):
        rois, counts = xp.constant(rois), xp.constant(counts)
    images = _image_of_each(x, rois, counts, lod)
    module = getattr(xp, "module", xp)
    parts: list[Any] = [None] * x.shape[0]
    for k, (i, (rows, columns)) in enumerate(
        zip(images, _bin_matrices(module, x, rois, pooled_height, pooled_width, spatial_scale), strict=True)
    ):
        # [C, i, j] spread over the rows and columns of each bin
        part = d_out[k].reshape((*d_out.shape[1:], 1, 1)) * (rows[:, None, :, None] * columns[None, :, None, :])
        part = part.reshape(tuple(x.shape[1:]))
        parts[i] = part if parts[i] is None else parts[i] + part
    empty = xp.zeros(tuple(x.shape[1:]), d_out.dtype)
    return xp.stack([empty if p is None else p for p in parts], axis=0)


@op("nms", "Boxes -> KeepBoxesIdxs", infer=lambda boxes, **_: Spec((-1,), np.dtype(np.int64)))
def nms(xp, boxes, *, iou_threshold: float = 1.0):
    """Numbers of the boxes that overlap none of those kept before them; the best comes first."""
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"Boxes must be [M, 4], got {list(boxes.shape)}")
    n = boxes.shape[0]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    dropped = xp.zeros(n, bool)
    kept = []
    for i in range(n):
        if bool(dropped[i]):
            continue
        kept.append(i)
        rest = boxes[i + 1 :]
        low, high = xp.maximum(rest[:, :2], boxes[i, :2]), xp.minimum(rest[:, 2:], boxes[i, 2:])
        sides = xp.maximum(high - low, const(boxes, 0))
        common = sides[:, 0] * sides[:, 1]
        union = areas[i + 1 :] + areas[i] - common
        dropped[i + 1 :] = dropped[i + 1 :] | (common > union * const(boxes, iou_threshold))
    return xp.asarray(np.asarray(kept, np.int64))


def _infer_box_coder(prior: Spec, var: Any, target: Spec, *, code_type: str, **_: Any) -> Spec:
    if prior.ndim != 2 or prior.shape[1] not in (4, -1):
        raise ValueError(f"PriorBox must be [M, 4], got {list(prior.shape)}")
    if code_type == "encode_center_size":
        if target.ndim != 2:
            raise ValueError(f"TargetBox must be [N, 4] to be encoded, got {list(target.shape)}")
        return Spec((target.shape[0], prior.shape[0], 4), target.dtype)
    if code_type != "decode_center_size":
        raise ValueError(f"code_type = {code_type!r}; expected 'encode_center_size' or 'decode_center_size'")
    if target.ndim != 3:
        raise ValueError(f"TargetBox must be [N, M, 4] to be decoded, got {list(target.shape)}")
    return Spec(target.shape, target.dtype)


def _centred(boxes: Any, extra: float) -> tuple[Any, Any]:
    """Sizes and lower corners of boxes [..., 4], each [..., 2]."""
    return boxes[..., 2:] - boxes[..., :2] + const(boxes, extra), boxes[..., :2]


@op("box_coder", "PriorBox, PriorBoxVar?, TargetBox -> OutputBox", infer=_infer_box_coder)
def box_coder(
    xp, prior, prior_var, target, *, code_type: str = "encode_center_size", box_normalized: bool = True, axis: int = 0,
    variance: Floats = (),
):  # fmt: skip
    _infer_box_coder(prior, prior_var, target, code_type=code_type)
    if axis not in (0, 1) or len(variance) not in (0, 4) or (prior_var is not None and len(variance)):
        raise ValueError(
            f"axis must be 0 or 1 and the variance a tensor or 4 numbers, got axis {axis} and variance {list(variance)}"
        )
    extra = 0.0 if box_normalized else 1.0
    sizes, corners = _centred(prior, extra)
    centres = corners + sizes / const(prior, 2)
    weights = prior_var
    if weights is None:
        numbers: Sequence[float] = variance if len(variance) else (1.0,) * 4
        weights = xp.asarray(np.asarray(numbers, prior.dtype))
    if code_type == "encode_center_size":
        own, _ = _centred(target, extra)
        middle = (target[:, 2:] + target[:, :2]) / const(target, 2)
        moved = (middle[:, None] - centres[None]) / sizes[None]
        return xp.concatenate([moved, xp.log(xp.abs(own[:, None] / sizes[None]))], axis=2) / weights
    rows = (None, slice(None)) if axis == 0 else (slice(None), None)
    sizes, centres = sizes[rows], centres[rows]
    if prior_var is not None:
        weights = prior_var[rows]
    scaled = weights * target
    middle = scaled[..., :2] * sizes + centres
    reach = xp.exp(scaled[..., 2:]) * sizes / const(target, 2)
    return xp.concatenate([middle - reach, middle + reach - const(target, extra)], axis=2)


# --- convolution at places that the network chooses (Dai et al. 2017; Zhu et al. 2019)


def _infer_deformable(
    x: Spec, offset: Spec, weight: Spec, *, strides: Any, paddings: Any, dilations: Any, deformable_groups: int, groups: int
) -> Spec:  # fmt: skip
    sizes = []
    for axis in (0, 1):
        n, k = x.shape[axis + 2], weight.shape[axis + 2]
        sizes.append(-1 if -1 in (n, k) else (n + 2 * paddings[axis] - dilations[axis] * (k - 1) - 1) // strides[axis] + 1)
    wanted = 2 * deformable_groups * weight.shape[2] * weight.shape[3]
    known = -1 not in (*weight.shape[2:], offset.shape[1])
    if x.ndim != 4 or offset.ndim != 4 or (known and offset.shape[1] != wanted):
        raise ValueError(f"Offset must be [N, {wanted}, H, W], two numbers for each weight of a filter, got {list(offset.shape)}")
    if any(-1 not in (a, b) and a != b for a, b in zip(offset.shape[2:], sizes, strict=True)):
        raise ValueError(f"Offset must be [N, {wanted}, {sizes[0]}, {sizes[1]}], got {list(offset.shape)}")
    if -1 not in (x.shape[1], weight.shape[1]) and (x.shape[1] != weight.shape[1] * groups or x.shape[1] % deformable_groups):
        raise ValueError(
            f"Input has {x.shape[1]} channels; Filter {list(weight.shape)} with {groups} groups takes {weight.shape[1] * groups}, and "
            f"they must divide into {deformable_groups} deformable groups"
        )
    return Spec((x.shape[0], weight.shape[0], *sizes), x.dtype)


def _corners(xp: Any, module: Any, x: Any, offset: Any, weight: Any, strides: Any, paddings: Any, dilations: Any, dg: int) -> Any:
    """Where each weight looks: for the four neighbours their place in the plane, weight, and the weight's slopes in y and x.

    Arrays are [N, deformable groups, kh * kw, H', W'].
    """
    n, _, height, width = x.shape
    kh, kw = weight.shape[2:]
    oh, ow = offset.shape[2:]
    offset = offset.reshape((n, dg, kh * kw, 2, oh, ow))
    ky, kx = np.divmod(np.arange(kh * kw), kw)
    ys = (np.arange(oh) * strides[0] - paddings[0]).reshape(1, oh, 1) + (ky * dilations[0]).reshape(-1, 1, 1)
    xs = (np.arange(ow) * strides[1] - paddings[1]).reshape(1, 1, ow) + (kx * dilations[1]).reshape(-1, 1, 1)
    at_y = offset[:, :, :, 0] + module.asarray(ys.astype(x.dtype))
    at_x = offset[:, :, :, 1] + module.asarray(xs.astype(x.dtype))
    low_y, low_x = xp.floor(at_y), xp.floor(at_x)
    if hasattr(xp, "recorded"):
        low_y, low_x = xp.constant(low_y), xp.constant(low_x)
    fy, fx = at_y - low_y, at_x - low_x
    low_y, low_x = low_y.astype(np.int64), low_x.astype(np.int64)
    found = []
    one = const(x, 1)
    for dy in (0, 1):
        for dx in (0, 1):
            row, column = low_y + dy, low_x + dx
            there = ((row >= 0) & (row < height) & (column >= 0) & (column < width)).astype(x.dtype)
            place = module.clip(row, 0, height - 1) * width + module.clip(column, 0, width - 1)
            wy, wx = (fy if dy else one - fy), (fx if dx else one - fx)
            sign_y, sign_x = const(x, 2 * dy - 1), const(x, 2 * dx - 1)
            found.append((place, wy * wx * there, wx * there * sign_y, wy * there * sign_x))
    return found


def _plane_values(xp: Any, x: Any, place: Any, dg: int) -> Any:
    """Elements of the planes at these places: [N, dg, C / dg, K, H', W']."""
    n, c, h, w = x.shape
    flat = x.reshape((n, dg, c // dg, h * w))
    at = place.reshape((n, dg, 1, -1))
    at = xp.broadcast_to(at, (n, dg, c // dg, at.shape[-1]))
    return xp.take_along_axis(flat, at, axis=3).reshape((n, dg, c // dg, *place.shape[2:]))


def _deformable(xp, x, offset, weight, mask, strides, paddings, dilations, deformable_groups, groups):
    spec = _infer_deformable(
        x, offset, weight, strides=strides, paddings=paddings, dilations=dilations, deformable_groups=deformable_groups, groups=groups
    )
    columns = _sampled(xp, x, _corners(xp, xp, x, offset, weight, strides, paddings, dilations, deformable_groups), deformable_groups)
    if mask is not None:
        columns = columns * _mask_of(mask, columns, deformable_groups)
    columns = columns.reshape((x.shape[0], groups, -1, spec.shape[2] * spec.shape[3]))
    out = weight.reshape((groups, weight.shape[0] // groups, -1)) @ columns
    return out.reshape(spec.shape)


def _sampled(xp: Any, x: Any, corners: Any, dg: int) -> Any:
    total: Any = None
    for place, share, _, _ in corners:
        part = _plane_values(xp, x, place, dg) * _for_channels(share)
        total = part if total is None else total + part
    return total


def _for_channels(share: Any) -> Any:
    """[N, deformable groups, ...] with an axis of length 1 for the channels of a group."""
    return share.reshape((*share.shape[:2], 1, *share.shape[2:]))


def _mask_of(mask: Any, columns: Any, dg: int) -> Any:
    return mask.reshape((mask.shape[0], dg, 1, columns.shape[3], *mask.shape[2:]))


def _deformable_gradients(xp, x, offset, weight, mask, d_out, strides, paddings, dilations, deformable_groups, groups):
    """Gradients of x, offset, weight and mask."""
    module = getattr(xp, "module", xp)
    dg, n, c = deformable_groups, x.shape[0], x.shape[1]
    corners = _corners(xp, module, x, offset, weight, strides, paddings, dilations, dg)
    columns = _sampled(xp, x, corners, dg)
    shape = tuple(columns.shape)
    d_rows = d_out.reshape((n, groups, d_out.shape[1] // groups, -1))
    kernel = weight.reshape((groups, weight.shape[0] // groups, -1))
    masked = columns if mask is None else columns * _mask_of(mask, columns, dg)
    flat = masked.reshape((n, groups, -1, d_rows.shape[-1]))
    d_weight = (d_rows @ xp.swapaxes(flat, 2, 3)).sum(axis=0).reshape(tuple(weight.shape))
    d_columns = (xp.swapaxes(kernel, 1, 2) @ d_rows).reshape(shape)
    d_mask = None
    if mask is not None:
        d_mask = (d_columns * columns).sum(axis=2).reshape(tuple(mask.shape))
        d_columns = d_columns * _mask_of(mask, columns, dg)
    d_x: Any = None
    d_y: Any = None
    d_across: Any = None
    planes = np.arange(n * c).reshape(n, dg, c // dg, 1, 1, 1) * (x.shape[2] * x.shape[3])
    for place, share, slope_y, slope_x in corners:
        index = module.broadcast_to(place[:, :, None] + module.asarray(planes), shape).reshape(-1)
        values = (d_columns * _for_channels(share)).reshape(-1)
        part = zeros_added_at(xp, (product(x.shape),), x.dtype, (index,), values)
        d_x = part if d_x is None else d_x + part
        pull = (d_columns * _plane_values(xp, x, place, dg)).sum(axis=2)
        d_y = pull * slope_y if d_y is None else d_y + pull * slope_y
        d_across = pull * slope_x if d_across is None else d_across + pull * slope_x
    d_offset = xp.stack([d_y, d_across], axis=3).reshape(tuple(offset.shape))
    return d_x.reshape(tuple(x.shape)), d_offset, d_weight, d_mask


@op(
    "deformable_conv",
    "Input, Offset, Filter, Mask -> Output",
    grad="Input, Offset, Filter, Mask, Output@GRAD -> Input@GRAD, Offset@GRAD, Filter@GRAD, Mask@GRAD",
    infer=lambda x, offset, weight, mask, *, im2col_step=64, **attrs: _infer_deformable(x, offset, weight, **attrs),
)
def deformable_conv(
    xp, x, offset, weight, mask, *, strides: Ints = (1, 1), paddings: Ints = (0, 0), dilations: Ints = (1, 1),
    deformable_groups: int = 1, groups: int = 1, im2col_step: int = 64,
):  # fmt: skip
    return _deformable(xp, x, offset, weight, mask, strides, paddings, dilations, deformable_groups, groups)


@deformable_conv.backward
def _(
    xp, x, offset, weight, mask, d_out, *, strides=(1, 1), paddings=(0, 0), dilations=(1, 1), deformable_groups=1, groups=1
):  # fmt: skip
    return _deformable_gradients(xp, x, offset, weight, mask, d_out, strides, paddings, dilations, deformable_groups, groups)


@op(
    "deformable_conv_v1",
    "Input, Offset, Filter -> Output",
    grad="Input, Offset, Filter, Output@GRAD -> Input@GRAD, Offset@GRAD, Filter@GRAD",
    infer=lambda x, offset, weight, *, im2col_step=64, **attrs: _infer_deformable(x, offset, weight, **attrs),
)
def deformable_conv_v1(
    xp, x, offset, weight, *, strides: Ints = (1, 1), paddings: Ints = (0, 0), dilations: Ints = (1, 1),
    deformable_groups: int = 1, groups: int = 1, im2col_step: int = 64,
):  # fmt: skip
    return _deformable(xp, x, offset, weight, None, strides, paddings, dilations, deformable_groups, groups)


@deformable_conv_v1.backward
def _(
    xp, x, offset, weight, d_out, *, strides=(1, 1), paddings=(0, 0), dilations=(1, 1), deformable_groups=1, groups=1
):  # fmt: skip
    return _deformable_gradients(xp, x, offset, weight, None, d_out, strides, paddings, dilations, deformable_groups, groups)[:3]
