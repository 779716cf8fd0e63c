"""Operators of detectors around their networks: default boxes, decoding, suppression of overlapping boxes, proposals.

Boxes are (x1, y1, x2, y2). What is decided box by box runs in CPU memory, whatever the device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .elementwise import const
from .registry import Floats, Ints, Spec, op

__all__: list[str] = []

_INT32 = np.dtype(np.int32)
_LARGEST_STEP = math.log(1000.0 / 16.0)  # limit of a predicted logarithm of a size


def _host(x: Any) -> Any:
    """An array in CPU memory."""
    if isinstance(x, np.ndarray):
        return x
    get = getattr(x, "get", None)
    return get() if get is not None else np.asarray(x.tolist(), x.dtype).reshape(x.shape)


def _counts(given: Any, lod: Any, rows: int, what: str) -> list[int]:
    """Number of rows of each image, from a tensor of numbers or from the lod of the rows."""
    if given is not None:
        numbers = [int(n) for n in given.reshape(-1).tolist()]
    elif lod:
        numbers = [b - a for a, b in zip(lod[-1], lod[-1][1:], strict=False)]
    else:
        raise ValueError(f"the number of rows of {what} for each image is needed: a tensor with the numbers, or a lod")
    if sum(numbers) != rows:
        raise ValueError(f"the numbers of rows for each image, {numbers}, do not add up to the {rows} rows of {what}")
    return numbers


def _offsets(numbers: Sequence[int]) -> tuple[tuple[int, ...]]:
    found = [0]
    for n in numbers:
        found.append(found[-1] + n)
    return (tuple(found),)


# --- default boxes


def _ratios(aspect_ratios: Sequence[float], flip: bool) -> list[float]:
    found = [1.0]
    for ratio in aspect_ratios:
        if any(abs(ratio - known) < 1e-6 for known in found):
            continue
        found.append(ratio)
        if flip:
            found.append(1.0 / ratio)
    return found


def _grid(x: Any, image: Any, step_w: float, step_h: float, offset: float) -> tuple[Any, Any, float, float]:
    """Centres of the cells along both axes in pixels of the image, and the steps between them."""
    step_w = step_w if step_w and step_h else image.shape[3] / x.shape[3]
    step_h = step_h if step_w and step_h else image.shape[2] / x.shape[2]
    return (np.arange(x.shape[3]) + offset) * step_w, (np.arange(x.shape[2]) + offset) * step_h, step_w, step_h


def _around(xs: Any, ys: Any, sizes: Any, image: Any) -> Any:
    """Boxes [H, W, P, 4] around the centres; sizes [P, 2] are half the widths and heights. In parts of the image."""
    half = np.asarray(sizes).reshape(1, 1, -1, 2)
    centres = np.stack(np.broadcast_arrays(xs[None, :], ys[:, None]), axis=-1)[:, :, None]
    scale = np.asarray([image.shape[3], image.shape[2]])
    return np.concatenate([(centres - half) / scale, (centres + half) / scale], axis=-1)


def _with_variances(xp: Any, boxes: Any, variances: Sequence[float], dtype: Any) -> tuple[Any, Any]:
    spread = np.broadcast_to(np.asarray(variances, dtype), boxes.shape)
    return xp.asarray(boxes.astype(dtype)), xp.asarray(np.ascontiguousarray(spread))


def _infer_prior_box(x: Spec, image: Spec, *, min_sizes: Any, max_sizes: Any, aspect_ratios: Any, flip: bool, **_: Any) -> Any:
    if x.ndim != 4 or image.ndim != 4:
        raise ValueError(f"Input and Image must be [N, C, H, W], got {list(x.shape)} and {list(image.shape)}")
    if len(max_sizes) not in (0, len(min_sizes)) or any(b <= a for a, b in zip(min_sizes, max_sizes, strict=False)):
        raise ValueError(f"max_sizes must be as many as min_sizes and larger, got {list(max_sizes)} for {list(min_sizes)}")
    count = len(_ratios(aspect_ratios, flip)) * len(min_sizes) + len(max_sizes)
    spec = Spec((x.shape[2], x.shape[3], count, 4), x.dtype)
    return spec, spec


@op("prior_box", "Input, Image -> Boxes, Variances", infer=_infer_prior_box)
def prior_box(
    xp, x, image, *, min_sizes: Floats, max_sizes: Floats = (), aspect_ratios: Floats = (), variances: Floats = (0.1,),
    flip: bool = True, clip: bool = True, step_w: float = 0.0, step_h: float = 0.0, offset: float = 0.5,
    min_max_aspect_ratios_order: bool = False,
):  # fmt: skip
    """Default boxes of SSD (Liu et al. 2016)."""
    _infer_prior_box(x, image, min_sizes=min_sizes, max_sizes=max_sizes, aspect_ratios=aspect_ratios, flip=flip)
    sizes: list[tuple[float, float]] = []
    for i, size in enumerate(min_sizes):
        shapes = [(size * math.sqrt(r) / 2, size / math.sqrt(r) / 2) for r in _ratios(aspect_ratios, flip)]
        largest = [(math.sqrt(size * max_sizes[i]) / 2,) * 2] if len(max_sizes) else []
        sizes += [shapes[0], *largest, *shapes[1:]] if min_max_aspect_ratios_order else [*shapes, *largest]
    xs, ys, _, _ = _grid(x, image, step_w, step_h, offset)
    boxes = _around(xs, ys, sizes, image)
    return _with_variances(xp, np.clip(boxes, 0, 1) if clip else boxes, variances, x.dtype)


def _infer_density(x: Spec, image: Spec, *, fixed_ratios: Any, densities: Any, flatten_to_2d: bool = False, **_: Any) -> Any:
    count = sum(len(fixed_ratios) * d * d for d in densities)
    h, w = x.shape[2:]
    shape = ((-1 if -1 in (h, w) else h * w * count), 4) if flatten_to_2d else (h, w, count, 4)
    return Spec(shape, x.dtype), Spec(shape, x.dtype)


@op("density_prior_box", "Input, Image -> Boxes, Variances", infer=_infer_density)
def density_prior_box(
    xp, x, image, *, variances: Floats = (0.1, 0.1, 0.2, 0.2), clip: bool = True, flatten_to_2d: bool = False, step_w: float = 0.0,
    step_h: float = 0.0, offset: float = 0.5, fixed_sizes: Floats = (), fixed_ratios: Floats = (), densities: Ints = (),
):  # fmt: skip
    xs, ys, step_w, step_h = _grid(x, image, step_w, step_h, offset)
    step = int((step_w + step_h) * 0.5)
    parts = []
    for size, density in zip(fixed_sizes, densities, strict=True):
        shift = step // density
        moves = -step / 2 + shift / 2 + np.arange(density) * shift
        for ratio in fixed_ratios:
            half = [(size * math.sqrt(ratio) / 2, size / math.sqrt(ratio) / 2)]
            parts += [_around(xs + dx, ys + dy, half, image) for dy in moves for dx in moves]
    boxes = np.concatenate(parts, axis=2)
    boxes = np.concatenate([np.maximum(boxes[..., :2], 0), np.minimum(boxes[..., 2:], 1)], axis=-1)
    boxes = np.clip(boxes, 0, 1) if clip else boxes
    return _with_variances(xp, boxes.reshape(-1, 4) if flatten_to_2d else boxes, variances, x.dtype)


def _infer_anchors(x: Spec, *, anchor_sizes: Any, aspect_ratios: Any, **_: Any) -> Any:
    spec = Spec((x.shape[2], x.shape[3], len(anchor_sizes) * len(aspect_ratios), 4), x.dtype)
    return spec, spec


@op("anchor_generator", "Input -> Anchors, Variances", infer=_infer_anchors)
def anchor_generator(
    xp, x, *, anchor_sizes: Floats, aspect_ratios: Floats, variances: Floats = (0.1, 0.1, 0.2, 0.2), stride: Floats,
    offset: float = 0.5,
):  # fmt: skip
    """Anchors of Faster R-CNN (Ren et al. 2015), in pixels of the image."""
    across, down = stride
    sizes = []
    for ratio in aspect_ratios:
        width = _rounded(math.sqrt(across * down / ratio))
        height = _rounded(width * ratio)
        sizes += [((size / across * width - 1) / 2, (size / down * height - 1) / 2) for size in anchor_sizes]
    xs = np.arange(x.shape[3]) * across + offset * (across - 1)
    ys = np.arange(x.shape[2]) * down + offset * (down - 1)
    return _with_variances(xp, _around(xs, ys, sizes, Spec((1, 1, 1, 1), x.dtype)), variances, x.dtype)


def _rounded(value: float) -> float:
    return math.floor(value + 0.5)


# --- decoding


def _infer_yolo(x: Spec, size: Spec, *, anchors: Any, class_num: int, iou_aware: bool = False, **_: Any) -> Any:
    count = len(anchors) // 2
    wanted = count * (class_num + 5 + bool(iou_aware))
    if x.ndim != 4 or x.shape[1] not in (-1, wanted):
        raise ValueError(f"X must be [N, {wanted}, H, W] for {count} anchors and {class_num} classes, got {list(x.shape)}")
    if size.ndim != 2 or size.shape[1] not in (-1, 2):
        raise ValueError(f"ImgSize must be [N, 2] (heights and widths), got {list(size.shape)}")
    boxes = -1 if -1 in x.shape[2:] else count * x.shape[2] * x.shape[3]
    return Spec((x.shape[0], boxes, 4), x.dtype), Spec((x.shape[0], boxes, class_num), x.dtype)


def _sigmoid(xp: Any, x: Any) -> Any:
    return const(x, 1) / (const(x, 1) + xp.exp(-x))


@op("yolo_box", "X, ImgSize -> Boxes, Scores", infer=_infer_yolo)
def yolo_box(
    xp, x, size, *, anchors: Ints, class_num: int, conf_thresh: float = 0.01, downsample_ratio: int = 32, clip_bbox: bool = True,
    scale_x_y: float = 1.0, iou_aware: bool = False, iou_aware_factor: float = 0.5,
):  # fmt: skip
    """Boxes and class scores from the output of a YOLOv3 head (Redmon and Farhadi 2018)."""
    _infer_yolo(x, size, anchors=anchors, class_num=class_num, iou_aware=iou_aware)
    n, _, h, w = x.shape
    count = len(anchors) // 2
    overlap = None
    if iou_aware:
        overlap, x = _sigmoid(xp, x[:, :count]), x[:, count:]
    x = x.reshape((n, count, 5 + class_num, h, w))
    sure = _sigmoid(xp, x[:, :, 4])
    if overlap is not None:
        sure = sure ** const(x, 1 - iou_aware_factor) * overlap ** const(x, iou_aware_factor)
    there = sure >= const(x, conf_thresh)
    zero, two = const(x, 0), const(x, 2)
    heights, widths = (size[:, i].astype(x.dtype).reshape((n, 1, 1, 1)) for i in (0, 1))
    bias = const(x, -0.5 * (scale_x_y - 1))
    columns = xp.arange(w).astype(x.dtype)
    rows = xp.arange(h).astype(x.dtype).reshape((h, 1))
    cx = (columns + _sigmoid(xp, x[:, :, 0]) * const(x, scale_x_y) + bias) * widths / const(x, w)
    cy = (rows + _sigmoid(xp, x[:, :, 1]) * const(x, scale_x_y) + bias) * heights / const(x, h)
    known = xp.asarray(np.asarray(anchors, x.dtype).reshape(1, count, 2, 1, 1))
    bw = xp.exp(x[:, :, 2]) * known[:, :, 0] * widths / const(x, downsample_ratio * w)
    bh = xp.exp(x[:, :, 3]) * known[:, :, 1] * heights / const(x, downsample_ratio * h)
    left, top, right, bottom = cx - bw / two, cy - bh / two, cx + bw / two, cy + bh / two
    if clip_bbox:
        one = const(x, 1)
        left, top = xp.maximum(left, zero), xp.maximum(top, zero)
        right, bottom = xp.minimum(right, widths - one), xp.minimum(bottom, heights - one)
    boxes = xp.where(there[..., None], xp.stack([left, top, right, bottom], axis=-1), zero)
    scores = xp.where(there[:, :, None], sure[:, :, None] * _sigmoid(xp, x[:, :, 5:]), zero)
    return boxes.reshape((n, -1, 4)), xp.transpose(scores, (0, 1, 3, 4, 2)).reshape((n, -1, class_num))


@op(
    "iou_similarity",
    "X, Y -> Out",
    infer=lambda x, y, **_: Spec((x.shape[0], y.shape[0]), x.dtype),
    lod="X -> Out=X",
)
def iou_similarity(xp, x, y, *, box_normalized: bool = True, lod=None):
    """How much of the union of two boxes they have in common, for all pairs."""
    extra, zero = const(x, 0 if box_normalized else 1), const(x, 0)
    low = xp.maximum(x[:, None, :2], y[None, :, :2])
    high = xp.minimum(x[:, None, 2:], y[None, :, 2:])
    sides = xp.maximum(high - low + extra, zero)
    common = sides[..., 0] * sides[..., 1]
    own = (x[:, 2] - x[:, 0] + extra) * (x[:, 3] - x[:, 1] + extra)
    other = (y[:, 2] - y[:, 0] + extra) * (y[:, 3] - y[:, 1] + extra)
    return common / (own[:, None] + other[None] - common + const(x, 1e-10))


@op("box_clip", "Input, ImInfo -> Output", infer=lambda x, info, **_: Spec(x.shape, x.dtype), lod="Input -> Output=Input")
def box_clip(xp, x, info, *, lod=None):
    """Boxes cut to their images. ImInfo: height, width and scale of each; the lod of Input says whose box it is."""
    numbers = _counts(None, lod, x.shape[0], "Input")
    if len(numbers) != info.shape[0]:
        raise ValueError(f"ImInfo is for {info.shape[0]} images, the lod of Input for {len(numbers)}")
    sizes = _host(info)
    bounds = np.floor(sizes[:, :2] / sizes[:, 2:3] + 0.5) - 1
    limits = np.repeat(bounds[:, [1, 0]], numbers, axis=0)
    limits = xp.asarray(np.tile(limits, (1, x.shape[-1] // 2)).astype(x.dtype)).reshape((-1, *(1,) * (x.ndim - 2), x.shape[-1]))
    return xp.maximum(xp.minimum(x, limits), const(x, 0))


@op("polygon_box_transform", "Input -> Output", infer=lambda x: Spec(x.shape, x.dtype))
def polygon_box_transform(xp, x):
    """Positions from offsets of a text detector whose map is a fourth as large: 4 * place - offset."""
    four = const(x, 4)
    columns = xp.arange(x.shape[3]).astype(x.dtype) * four
    rows = xp.arange(x.shape[2]).astype(x.dtype).reshape((-1, 1)) * four
    even = xp.asarray((np.arange(x.shape[1]) % 2 == 0).reshape(1, -1, 1, 1))
    return xp.where(even, columns, rows) - x


# --- suppression


def _areas(boxes: Any, extra: float) -> Any:
    wide, high = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return np.where((wide < 0) | (high < 0), 0, (wide + extra) * (high + extra))


def _overlaps(box: Any, boxes: Any, extra: float) -> Any:
    """Part of the union that one box has in common with each of `boxes`."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:4], boxes[:, 2:4])
    apart = (boxes[:, 0] > box[2]) | (boxes[:, 2] < box[0]) | (boxes[:, 1] > box[3]) | (boxes[:, 3] < box[1])
    sides = high - low + boxes.dtype.type(extra)
    common = sides[:, 0] * sides[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = common / (_areas(box[None], extra)[0] + _areas(boxes, extra) - common)
    return np.where(apart, 0, found)


def _best(scores: Any, threshold: float, limit: int) -> Any:
    """Numbers of those above the threshold, the best first, at most `limit` (-1: all)."""
    chosen = np.nonzero(scores > threshold)[0]
    chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
    return chosen[:limit] if limit > -1 else chosen


def _suppress(boxes: Any, order: Any, threshold: float, eta: float, extra: float) -> list[int]:
    """Those of `order` that overlap none kept before them by more than the threshold, which eta lets shrink."""
    kept: list[int] = []
    for i in order.tolist():
        if kept and (_overlaps(boxes[i], boxes[kept], extra) > threshold).any():
            continue
        kept.append(i)
        if eta < 1 and threshold > 0.5:
            threshold *= eta
    return kept


def _detections(
    boxes: Any, scores: Any, background: int, score_threshold: float, nms_top_k: int, nms_threshold: float, eta: float,
    keep_top_k: int, normalized: bool,
) -> list[tuple[int, int]]:  # fmt: skip
    """(class, number of the box) of what is kept of one image. scores [C, M]; boxes [M, K], or [C, M, K]: one per class."""
    found: dict[int, list[int]] = {}
    own = boxes.ndim == 3
    for label in range(scores.shape[0]):
        if label != background:
            order = _best(scores[label], score_threshold, nms_top_k)
            found[label] = _suppress(boxes[label] if own else boxes, order, nms_threshold, eta, 0.0 if normalized else 1.0)
    everything = [(label, i) for label, items in found.items() for i in items]
    if -1 < keep_top_k < len(everything):
        values = np.asarray([scores[label, i] for label, i in everything])
        order = np.argsort(-values, kind="stable")[:keep_top_k]
        everything = sorted((everything[i] for i in order.tolist()), key=lambda item: (item[0], item[1] if own else 0))
    return everything


def _all_detections(boxes: Any, scores: Any, numbers: Sequence[int] | None, **settings: Any) -> tuple[Any, Any, list[int]]:
    """Rows (class, score, box), their indices and the number of each image."""
    rows, index, counts = [], [], []
    if scores.ndim == 3:
        if boxes.ndim != 3 or boxes.shape[:2] != (scores.shape[0], scores.shape[2]):
            raise ValueError(f"BBoxes must be [N, M, 4] and Scores [N, C, M], got {list(boxes.shape)} and {list(scores.shape)}")
        if boxes.shape[2] != 4:
            raise ValueError(f"boxes are given by 4 numbers, got {boxes.shape[2]}; polygons are not supported")
        for n in range(scores.shape[0]):
            kept = _detections(boxes[n], scores[n], **settings)
            rows += [(label, scores[n, label, i], *boxes[n, i]) for label, i in kept]
            index += [n * scores.shape[2] + i for _, i in kept]
            counts.append(len(kept))
    else:
        start = 0
        for number in numbers or ():
            part, marks = boxes[start : start + number], scores[start : start + number]
            kept = _detections(part.transpose(1, 0, 2), marks.T, **settings)
            rows += [(label, marks[i, label], *part[i, label]) for label, i in kept]
            index += [(start + i) * scores.shape[1] + label for label, i in kept]
            counts.append(len(kept))
            start += number
    out = np.asarray(rows, boxes.dtype).reshape(-1, 2 + boxes.shape[-1])
    return out, np.asarray(index, np.int32).reshape(-1, 1), counts


def _infer_multiclass(boxes: Spec, scores: Spec, *_: Any, **__: Any) -> Any:
    if scores.ndim not in (2, 3) or boxes.ndim != 3:
        raise ValueError(f"BBoxes must be [N, M, 4] and Scores [N, C, M] or [M, C], got {list(boxes.shape)} and {list(scores.shape)}")
    images = scores.shape[0] if scores.ndim == 3 else -1
    width = boxes.shape[2] + 2 if boxes.shape[2] != -1 else -1
    return Spec((-1, width), boxes.dtype), Spec((-1, 1), _INT32), Spec((images,), _INT32)


def _multiclass(xp, boxes, scores, numbers, lods, settings):
    """Arrays of a multiclass_nms operator, and the number of rows of each image."""
    boxes, scores = _host(boxes), _host(scores)
    given = None
    if scores.ndim == 2:
        given = _counts(numbers, next((lod for lod in lods or () if lod), None), scores.shape[0], "Scores")
    return _all_detections(boxes, scores, given, **settings)


def _settings(background_label, score_threshold, nms_top_k, nms_threshold, nms_eta, keep_top_k, normalized):
    return {
        "background": background_label, "score_threshold": score_threshold, "nms_top_k": nms_top_k, "nms_threshold": nms_threshold,
        "eta": nms_eta, "keep_top_k": keep_top_k, "normalized": normalized,
    }  # fmt: skip


@op("multiclass_nms", "BBoxes, Scores -> Out", infer=lambda *a, **k: _infer_multiclass(*a)[0], lod="BBoxes, Scores -> Out")
def multiclass_nms(
    xp, boxes, scores, *, background_label: int = 0, score_threshold: float, nms_top_k: int, nms_threshold: float = 0.3,
    nms_eta: float = 1.0, keep_top_k: int, normalized: bool = True, lod=None,
):  # fmt: skip
    settings = _settings(background_label, score_threshold, nms_top_k, nms_threshold, nms_eta, keep_top_k, normalized)
    out, _, _ = _multiclass(xp, boxes, scores, None, lod, settings)
    return xp.asarray(out if len(out) else np.full((1, 1), -1, out.dtype))  # -1: nothing was found


@multiclass_nms.lod
def _(
    xp, boxes, scores, *, background_label=0, score_threshold, nms_top_k, nms_threshold=0.3, nms_eta=1.0, keep_top_k,
    normalized=True, lod=None,
):  # fmt: skip
    settings = _settings(background_label, score_threshold, nms_top_k, nms_threshold, nms_eta, keep_top_k, normalized)
    _, _, counts = _multiclass(xp, boxes, scores, None, lod, settings)
    return _offsets(counts) if sum(counts) else ((0, 1),)


@op(
    "multiclass_nms2",
    "BBoxes, Scores -> Out, Index",
    infer=lambda *a, **k: _infer_multiclass(*a)[:2],
    lod="BBoxes, Scores -> Out, Index",
)
def multiclass_nms2(
    xp, boxes, scores, *, background_label: int = 0, score_threshold: float, nms_top_k: int, nms_threshold: float = 0.3,
    nms_eta: float = 1.0, keep_top_k: int, normalized: bool = True, lod=None,
):  # fmt: skip
    settings = _settings(background_label, score_threshold, nms_top_k, nms_threshold, nms_eta, keep_top_k, normalized)
    out, index, _ = _multiclass(xp, boxes, scores, None, lod, settings)
    return xp.asarray(out), xp.asarray(index)


@multiclass_nms2.lod
def _(
    xp, boxes, scores, *, background_label=0, score_threshold, nms_top_k, nms_threshold=0.3, nms_eta=1.0, keep_top_k,
    normalized=True, lod=None,
):  # fmt: skip
    settings = _settings(background_label, score_threshold, nms_top_k, nms_threshold, nms_eta, keep_top_k, normalized)
    _, _, counts = _multiclass(xp, boxes, scores, None, lod, settings)
    return _offsets(counts), _offsets(counts)


@op("multiclass_nms3", "BBoxes, Scores, RoisNum? -> Out, Index, NmsRoisNum", infer=_infer_multiclass)
def multiclass_nms3(
    xp, boxes, scores, numbers=None, *, score_threshold: float, nms_top_k: int, keep_top_k: int, nms_threshold: float = 0.3,
    normalized: bool = True, nms_eta: float = 1.0, background_label: int = 0,
):  # fmt: skip
    """Suppression for each class of each image, then the best of all classes. Rows of Out: class, score, box."""
    settings = _settings(background_label, score_threshold, nms_top_k, nms_threshold, nms_eta, keep_top_k, normalized)
    out, index, counts = _multiclass(xp, boxes, scores, numbers, None, settings)
    return xp.asarray(out), xp.asarray(index), xp.asarray(np.asarray(counts, np.int32))


@op("matrix_nms", "BBoxes, Scores -> Out, Index, RoisNum", infer=_infer_multiclass)
def matrix_nms(
    xp, boxes, scores, *, score_threshold: float, nms_top_k: int, keep_top_k: int, post_threshold: float, use_gaussian: bool = False,
    gaussian_sigma: float = 2.0, background_label: int = 0, normalized: bool = True,
):  # fmt: skip
    """Scores shrink with the overlap with better boxes of the class, all at once (Wang et al. 2020, SOLOv2)."""
    boxes, scores = _host(boxes), _host(scores)
    if scores.ndim != 3 or boxes.ndim != 3 or boxes.shape[2] != 4:
        raise ValueError(f"BBoxes must be [N, M, 4] and Scores [N, C, M], got {list(boxes.shape)} and {list(scores.shape)}")
    extra = 0.0 if normalized else 1.0
    rows, index, counts = [], [], []
    for n in range(scores.shape[0]):
        labels, values, places = [], [], []
        for label in range(scores.shape[1]):
            if label == background_label:
                continue
            order = _best(scores[n, label], score_threshold, nms_top_k)
            kept = _decayed(boxes[n, order], scores[n, label, order], use_gaussian, gaussian_sigma, extra)
            good = np.nonzero(kept > post_threshold)[0]
            labels += [label] * len(good)
            values += kept[good].tolist()
            places += order[good].tolist()
        ranked = np.argsort(-np.asarray(values), kind="stable")
        ranked = ranked[:keep_top_k] if keep_top_k > -1 else ranked
        rows += [(labels[i], values[i], *boxes[n, places[i]]) for i in ranked.tolist()]
        index += [n * scores.shape[2] + places[i] for i in ranked.tolist()]
        counts.append(len(ranked))
    out = np.asarray(rows, boxes.dtype).reshape(-1, 6)
    return (
        xp.asarray(out), xp.asarray(np.asarray(index, np.int32).reshape(-1, 1)), xp.asarray(np.asarray(counts, np.int32)),
    )  # fmt: skip


def _decayed(boxes: Any, scores: Any, gaussian: bool, sigma: float, extra: float) -> Any:
    """Scores, sorted from the best, after the better ones have had their say."""
    if not len(scores):
        return scores
    overlap = np.tril(np.stack([_overlaps(b, boxes, extra) for b in boxes]), -1)
    most = overlap.max(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        decay = np.exp((most**2 - overlap**2) * sigma) if gaussian else (1 - overlap) / (1 - most)
    decay = np.where(np.tril(np.ones(overlap.shape, bool), -1), decay, 1)
    return (scores * decay.min(axis=1)).astype(scores.dtype)


# --- proposals


def _proposals(
    scores: Any, deltas: Any, size: Any, anchors: Any, variances: Any, pre_nms_topN: int, post_nms_topN: int, nms_thresh: float,
    min_size: float, eta: float, extra: float, scale: float | None,
) -> tuple[Any, Any]:  # fmt: skip
    """Proposals of one image from flat arrays, and their scores. scale: of the image, for the sizes that count in `min_size`."""
    order = np.argsort(-scores, kind="stable")
    if 0 < pre_nms_topN < len(order):
        order = order[:pre_nms_topN]
    scores, deltas, anchors, variances = scores[order], deltas[order], anchors[order], variances[order]
    sizes = anchors[:, 2:] - anchors[:, :2] + anchors.dtype.type(extra)
    centres = anchors[:, :2] + sizes / 2
    steps = deltas * variances
    middle = steps[:, :2] * sizes + centres
    reach = np.exp(np.minimum(steps[:, 2:], steps.dtype.type(_LARGEST_STEP))) * sizes / 2
    boxes = np.concatenate([middle - reach, middle + reach - deltas.dtype.type(extra)], axis=1)
    limits = np.tile(size[::-1] - deltas.dtype.type(extra), 2)
    boxes = np.maximum(np.minimum(boxes, limits), 0)
    least = max(min_size, 1.0)
    spans = boxes[:, 2:] - boxes[:, :2]
    middles = boxes[:, :2] + (spans + boxes.dtype.type(extra)) / 2
    measured = (spans / scale if scale is not None else spans) + extra
    good = (measured >= least).all(axis=1)
    if extra or scale is not None:
        good &= (middles <= size[::-1]).all(axis=1)
    if not good.any():
        return np.zeros((1, 4), boxes.dtype), np.zeros((1, 1), scores.dtype)
    boxes, scores = boxes[good], scores[good]
    if nms_thresh > 0:
        kept = _suppress(boxes, np.arange(len(boxes)), nms_thresh, eta, extra)
        kept = kept[:post_nms_topN] if 0 < post_nms_topN else kept
        boxes, scores = boxes[kept], scores[kept]
    return boxes, scores[:, None]


def _all_proposals(scores, deltas, info, anchors, variances, scaled, **settings):
    scores, deltas, info, anchors, variances = (_host(a) for a in (scores, deltas, info, anchors, variances))
    n, count, h, w = scores.shape
    if deltas.shape != (n, 4 * count, h, w) or anchors.size != count * h * w * 4:
        raise ValueError(
            f"Scores are {list(scores.shape)}, so BboxDeltas must be {[n, 4 * count, h, w]} and Anchors {[h, w, count, 4]}, got "
            f"{list(deltas.shape)} and {list(anchors.shape)}"
        )
    flat_scores = scores.transpose(0, 2, 3, 1).reshape(n, -1)
    flat_deltas = deltas.reshape(n, count, 4, h, w).transpose(0, 3, 4, 1, 2).reshape(n, -1, 4)
    found = [
        _proposals(
            flat_scores[i], flat_deltas[i], info[i, :2], anchors.reshape(-1, 4), variances.reshape(-1, 4),
            scale=float(info[i, 2]) if scaled else None, **settings,
        )
        for i in range(n)
    ]  # fmt: skip
    counts = [len(boxes) for boxes, _ in found]
    return np.concatenate([b for b, _ in found]), np.concatenate([s for _, s in found]), counts


def _infer_proposals(scores: Spec, *_: Any, **__: Any) -> Any:
    return Spec((-1, 4), scores.dtype), Spec((-1, 1), scores.dtype), Spec((scores.shape[0],), _INT32)


def _generated(xp, found):
    boxes, scores, counts = found
    return xp.asarray(boxes), xp.asarray(scores), xp.asarray(np.asarray(counts, np.int32))


@op(
    "generate_proposals_v2",
    "Scores, BboxDeltas, ImShape, Anchors, Variances -> RpnRois, RpnRoiProbs, RpnRoisNum",
    infer=_infer_proposals,
    lod="-> RpnRois, RpnRoiProbs",
)
def generate_proposals_v2(
    xp, scores, deltas, shape, anchors, variances, *, pre_nms_topN: int, post_nms_topN: int, nms_thresh: float, min_size: float,
    eta: float = 1.0, pixel_offset: bool = True,
):  # fmt: skip
    """Regions that a region proposal network finds: decoded, cut to the image, the small ones dropped, suppressed."""
    return _generated(xp, _all_proposals(
        scores, deltas, shape, anchors, variances, False, pre_nms_topN=pre_nms_topN, post_nms_topN=post_nms_topN,
        nms_thresh=nms_thresh, min_size=min_size, eta=eta, extra=1.0 if pixel_offset else 0.0,
    ))  # fmt: skip


@generate_proposals_v2.lod
def _(
    xp, scores, deltas, shape, anchors, variances, *, pre_nms_topN, post_nms_topN, nms_thresh, min_size, eta=1.0,
    pixel_offset=True,
):  # fmt: skip
    _, _, counts = _all_proposals(
        scores, deltas, shape, anchors, variances, False, pre_nms_topN=pre_nms_topN, post_nms_topN=post_nms_topN,
        nms_thresh=nms_thresh, min_size=min_size, eta=eta, extra=1.0 if pixel_offset else 0.0,
    )  # fmt: skip
    return _offsets(counts), _offsets(counts)


@op(
    "generate_proposals",
    "Scores, BboxDeltas, ImInfo, Anchors, Variances -> RpnRois, RpnRoiProbs, RpnRoisNum",
    infer=_infer_proposals,
    lod="-> RpnRois, RpnRoiProbs",
)
def generate_proposals(
    xp, scores, deltas, info, anchors, variances, *, pre_nms_topN: int, post_nms_topN: int, nms_thresh: float, min_size: float,
    eta: float = 1.0,
):  # fmt: skip
    return _generated(xp, _all_proposals(
        scores, deltas, info, anchors, variances, True, pre_nms_topN=pre_nms_topN, post_nms_topN=post_nms_topN,
        nms_thresh=nms_thresh, min_size=min_size, eta=eta, extra=1.0,
    ))  # fmt: skip


@generate_proposals.lod
def _(xp, scores, deltas, info, anchors, variances, *, pre_nms_topN, post_nms_topN, nms_thresh, min_size, eta=1.0):
    _, _, counts = _all_proposals(
        scores, deltas, info, anchors, variances, True, pre_nms_topN=pre_nms_topN, post_nms_topN=post_nms_topN,
        nms_thresh=nms_thresh, min_size=min_size, eta=eta, extra=1.0,
    )  # fmt: skip
    return _offsets(counts), _offsets(counts)


def _levels(rois: Any, min_level: int, max_level: int, refer_level: int, refer_scale: int, pixel_offset: bool) -> Any:
    areas = _areas(rois, 1.0 if pixel_offset else 0.0)
    found = np.floor(np.log2(np.sqrt(areas) / refer_scale + 1e-6) + refer_level)
    return np.clip(found, min_level, max_level).astype(np.int64)


@op(
    "distribute_fpn_proposals",
    "FpnRois, RoisNum? -> MultiFpnRois*, RestoreIndex, MultiLevelRoIsNum*",
    infer=lambda rois, numbers=None, *, min_level, max_level, **_: (
        [Spec((-1, 4), rois.dtype)] * (max_level - min_level + 1),
        Spec((rois.shape[0], 1), _INT32),
        [Spec((-1 if numbers is None else numbers.shape[0],), _INT32)] * (max_level - min_level + 1),
    ),
    lod="FpnRois ->",
)
def distribute_fpn_proposals(
    xp, rois, numbers=None, *, min_level: int, max_level: int, refer_level: int, refer_scale: int, pixel_offset: bool = True,
    lod=None,
):  # fmt: skip
    """Regions by the level of a feature pyramid that fits their size (Lin et al. 2017)."""
    rois = _host(rois)
    counts = _counts(numbers, lod, len(rois), "FpnRois")
    images = np.repeat(np.arange(len(counts)), counts)
    levels = _levels(rois, min_level, max_level, refer_level, refer_scale, pixel_offset)
    order = [np.nonzero(levels == level)[0] for level in range(min_level, max_level + 1)]
    restore = np.empty((len(rois), 1), np.int32)
    restore[np.concatenate(order), 0] = np.arange(len(rois))
    parts = [xp.asarray(rois[chosen]) for chosen in order]
    sizes = [xp.asarray(np.bincount(images[chosen], minlength=len(counts)).astype(np.int32)) for chosen in order]
    return parts, xp.asarray(restore), sizes


@op(
    "collect_fpn_proposals",
    "MultiLevelRois*, MultiLevelScores*, MultiLevelRoIsNum*? -> FpnRois, RoisNum",
    infer=lambda rois, scores, numbers=None, **_: (
        Spec((-1, 4), rois[0].dtype),
        Spec((numbers[0].shape[0] if numbers else -1,), _INT32),
    ),
    lod="MultiLevelRois -> FpnRois",
)
def collect_fpn_proposals(xp, rois, scores, numbers=None, *, post_nms_topN: int, lod=None):
    """The best regions of all levels, image by image."""
    order, counts = _collected(rois, scores, numbers, post_nms_topN, lod)
    everything = np.concatenate([_host(b) for b in rois])
    return xp.asarray(everything[order]), xp.asarray(np.asarray(counts, np.int32))


@collect_fpn_proposals.lod
def _(xp, rois, scores, numbers=None, *, post_nms_topN, lod=None):
    return _offsets(_collected(rois, scores, numbers, post_nms_topN, lod)[1])


def _collected(rois: Any, scores: Any, numbers: Any, limit: int, lod: Any) -> tuple[Any, list[int]]:
    """Numbers of the regions to keep among those of all levels, in order, and how many each image has."""
    images, values = [], []
    for i, (boxes, marks) in enumerate(zip(rois, scores, strict=True)):
        counts = _counts(numbers[i] if numbers else None, lod[i] if lod else None, boxes.shape[0], f"MultiLevelRois[{i}]")
        images.append(np.repeat(np.arange(len(counts)), counts))
        values.append(_host(marks).reshape(-1))
    owner = np.concatenate(images)
    order = np.argsort(-np.concatenate(values), kind="stable")[:limit]
    order = order[np.argsort(owner[order], kind="stable")]
    return order, np.bincount(owner[order], minlength=len(counts)).tolist()
