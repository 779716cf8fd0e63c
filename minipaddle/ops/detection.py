"""Operators of object detection: regions of interest, overlapping boxes, box coding. Boxes are (x1, y1, x2, y2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .elementwise import const
from .manipulation import zeros_added_at
from .pool import maxima
from .registry import Floats, Spec, op
from .shapes import product

__all__: list[str] = []


def _infer_regions(x: Spec, rois: Spec, pooled_height: int, pooled_width: int) -> Spec:
    if x.ndim != 4 or rois.ndim != 2 or rois.shape[1] not in (4, -1):
        raise ValueError(f"X must be [N, C, H, W] and ROIs [M, 4], got {list(x.shape)} and {list(rois.shape)}")
    if pooled_height < 1 or pooled_width < 1:
        raise ValueError(f"pooled_height and pooled_width must be positive, got {pooled_height} and {pooled_width}")
    return Spec((rois.shape[0], x.shape[1], pooled_height, pooled_width), x.dtype)


def _image_of_each(x: Any, rois: Any, counts: Any) -> list[int]:
    """For each region the number of its image, from the number of regions per image."""
    if counts is None:
        raise ValueError("RoisNum, the number of boxes for each image, is needed")
    numbers = [int(n) for n in counts.reshape(-1).tolist()]
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
)
def roi_align(
    xp, x, rois, counts=None, *, pooled_height: int = 1, pooled_width: int = 1, spatial_scale: float = 1.0,
    sampling_ratio: int = -1, aligned: bool = False,
):  # fmt: skip
    spec = _infer_regions(x, rois, pooled_height, pooled_width)
    images = _image_of_each(x, rois, counts)
    matrices = _region_matrices(xp, x, rois, pooled_height, pooled_width, spatial_scale, sampling_ratio, aligned)
    if not matrices:
        return xp.zeros(spec.shape, x.dtype)
    return xp.stack([rows @ x[i] @ columns.T for i, (rows, columns) in zip(images, matrices, strict=True)], axis=0)


@roi_align.backward
def _(
    xp, x, rois, counts, d_out, *, pooled_height=1, pooled_width=1, spatial_scale=1.0, sampling_ratio=-1, aligned=False
):
    if hasattr(xp, "recorded"):
        rois, counts = xp.constant(rois), xp.constant(counts)
    images = _image_of_each(x, rois, counts)
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
    index = low[:, None] + np.arange(max(int((high - low).max()), 1))
    return np.minimum(index, length - 1), index < high[:, None], np.maximum(high - low, 1)


def _infer_roi_pool(x: Spec, rois: Spec, n: Any = None, *, pooled_height: int, pooled_width: int, **_: Any) -> Any:
    out = _infer_regions(x, rois, pooled_height, pooled_width)
    return out, Spec(out.shape, np.dtype(np.int64))


@op(
    "roi_pool",
    "X, ROIs, RoisNum? -> Out, Argmax~",
    infer=_infer_roi_pool,
    grad="X#, ROIs, RoisNum?, Argmax, Out@GRAD -> X@GRAD",
)
def roi_pool(
    xp, x, rois, counts=None, *, pooled_height: int = 1, pooled_width: int = 1, spatial_scale: float = 1.0
):  # fmt: skip
    spec = _infer_regions(x, rois, pooled_height, pooled_width)
    images = _image_of_each(x, rois, counts)
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
def _(xp, x, rois, counts, index, d_out):
    if hasattr(xp, "recorded"):
        index, counts = xp.constant(index), xp.constant(counts)
    module = getattr(xp, "module", xp)
    images = module.asarray(np.asarray(_image_of_each(x, rois, counts), np.int64)).reshape((-1, 1, 1, 1))
    plane = product(x.shape[2:])
    place = (images * x.shape[1] + module.arange(x.shape[1]).reshape((-1, 1, 1))) * plane + module.maximum(index, 0)
    values = d_out * (index >= 0).astype(d_out.dtype)
    flat = zeros_added_at(xp, (product(x.shape),), d_out.dtype, (place.reshape(-1),), values.reshape(-1))
    return flat.reshape(tuple(x.shape))


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
