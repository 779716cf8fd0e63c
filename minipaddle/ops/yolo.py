"""The loss of YOLOv3 (Redmon and Farhadi 2018).

Which anchor and cell stands for which object is decided in CPU memory; the sums are done where the output of the network is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .boxes import _host, _sigmoid
from .elementwise import const
from .manipulation import zeros_added_at
from .norm import plain_value
from .registry import Ints, Spec, op

__all__: list[str] = []

_SMALLEST = 1e-6  # boxes that are not wider and higher than this are filling


def _infer(
    x: Spec, box: Spec, label: Spec, score: Spec | None = None, *, anchors: Sequence[int], anchor_mask: Sequence[int], class_num: int,
    **_: Any,
) -> tuple[Spec, Spec, Spec]:  # fmt: skip
    wanted = len(anchor_mask) * (class_num + 5)
    if len(anchors) % 2 or not anchors:
        raise ValueError(f"anchors must hold widths and heights in turn, got {len(anchors)} numbers")
    if any(not 0 <= a < len(anchors) // 2 for a in anchor_mask):
        raise ValueError(f"anchor_mask {list(anchor_mask)} must name some of the {len(anchors) // 2} anchors, counted from 0")
    if x.ndim != 4 or x.shape[1] not in (-1, wanted):
        raise ValueError(f"X must be [N, {wanted}, H, H] for {len(anchor_mask)} anchors and {class_num} classes, got {list(x.shape)}")
    if x.shape[2] != x.shape[3] and -1 not in x.shape[2:]:
        raise ValueError(f"X must be as high as wide, got {list(x.shape)}")
    if box.ndim != 3 or box.shape[2] not in (-1, 4):
        raise ValueError(f"GTBox must be [N, B, 4] (centre, width and height), got {list(box.shape)}")
    for name, spec in (("GTLabel", label), ("GTScore", score)):
        if spec is not None and (spec.ndim != 2 or any(-1 not in (a, b) and a != b for a, b in zip(spec.shape, box.shape, strict=False))):
            raise ValueError(f"{name} must be [N, B] like GTBox {list(box.shape)}, got {list(spec.shape)}")
    rows = Spec((x.shape[0], len(anchor_mask), *x.shape[2:]), x.dtype)
    return Spec((x.shape[0],), x.dtype), rows, Spec(box.shape[:2], np.dtype(np.int32))


def _cross_entropy(xp: Any, x: Any, target: Any) -> Any:
    """Of the sigmoid of x with a target between 0 and 1."""
    return xp.maximum(x, const(x, 0)) - x * target + xp.log1p(xp.exp(-abs(x)))


def _overlaps(xp: Any, centre: Any, size: Any, other: Any, other_size: Any) -> Any:
    """How far two intervals reach into each other."""
    two = const(centre, 2)
    return xp.minimum(centre + size / two, other + other_size / two) - xp.maximum(centre - size / two, other - other_size / two)


def _best_overlap(xp: Any, x: Any, boxes: Any, valid: Any, anchors: Any, mask: Any, downsample: int, scale_x_y: float) -> Any:
    """For each predicted box the largest share of a union with one of the true boxes: [N, len(mask), H, W]."""
    n, _, h, w = x.shape
    head = x.reshape((n, len(mask), -1, h, w))
    scale, bias = const(x, scale_x_y), const(x, -0.5 * (scale_x_y - 1))
    across, down = xp.arange(w).astype(x.dtype), xp.arange(h).astype(x.dtype).reshape((h, 1))
    cx = (across + _sigmoid(xp, head[:, :, 0]) * scale + bias) / const(x, h)
    cy = (down + _sigmoid(xp, head[:, :, 1]) * scale + bias) / const(x, h)
    sizes = xp.asarray(np.asarray(anchors, x.dtype).reshape(-1, 2)[list(mask)].T.reshape(2, 1, -1, 1, 1))
    bw, bh = (xp.exp(head[:, :, 2 + i]) * sizes[i] / const(x, downsample * h) for i in (0, 1))
    best = xp.zeros(cx.shape, x.dtype)
    for t in range(boxes.shape[1]):
        if not valid[:, t].any():
            continue
        gx, gy, gw, gh = (boxes[:, t, i].reshape((n, 1, 1, 1)) for i in range(4))
        width, height = _overlaps(xp, cx, bw, gx, gw), _overlaps(xp, cy, bh, gy, gh)
        common = xp.where((width < 0) | (height < 0), const(x, 0), width * height)
        share = common / (bw * bh + gw * gh - common)
        there = xp.asarray(valid[:, t].reshape(n, 1, 1, 1))
        best = xp.where(there & (share > best), share, best)
    return best


def _matches(boxes: Any, valid: Any, anchors: Sequence[int], mask: Sequence[int], input_size: int) -> Any:
    """For each true box the position in `mask` of the anchor that is most like it, -1 where that is none of them: int32 [N, B]."""
    known = np.asarray(anchors, boxes.dtype).reshape(-1, 2) / boxes.dtype.type(input_size)
    size = boxes[..., None, 2:]
    common = np.minimum(size, known).prod(axis=-1)
    with np.errstate(all="ignore"):
        share = common / (size.prod(axis=-1) + known.prod(axis=-1) - common)
    place = np.full(len(known), -1, np.int32)
    for position, anchor in reversed(list(enumerate(mask))):
        place[anchor] = position
    return np.where(valid, place[share.argmax(axis=-1)], np.int32(-1)).astype(np.int32)


class _Positive(NamedTuple):
    """The true boxes that have a cell: where they are, and what the network should say there."""

    place: tuple[Any, ...]  # image, position in the mask, row, column
    goal: Any  # [P, 4]: x and y in the cell, logarithms of the sizes
    weight: Any  # [P]: of the four
    score: Any  # [P]
    classes: Any  # [P, class_num]


def _positive(boxes: Any, labels: Any, scores: Any, match: Any, h: int, w: int, anchors: Any, mask: Any, downsample: int, class_num: int,
              smooth: bool) -> _Positive:  # fmt: skip
    real = boxes.dtype.type
    image, number = np.nonzero(match >= 0)
    box, k = boxes[image, number], match[image, number]
    column = np.clip((box[:, 0] * real(w)).astype(np.int64), 0, w - 1)
    row = np.clip((box[:, 1] * real(h)).astype(np.int64), 0, h - 1)
    chosen = np.asarray(anchors, boxes.dtype).reshape(-1, 2)[np.asarray(mask, np.int64)[k]]
    goal = np.empty((len(k), 4), boxes.dtype)
    goal[:, 0], goal[:, 1] = box[:, 0] * real(h) - column, box[:, 1] * real(h) - row
    goal[:, 2:] = np.log(box[:, 2:] * real(downsample * h) / chosen)
    score = np.ones(len(k), boxes.dtype) if scores is None else scores[image, number].astype(boxes.dtype)
    rest = min(1 / class_num, 1 / 40) if smooth else 0.0
    classes = np.where(np.arange(class_num) == labels[image, number][:, None], real(1 - rest), real(rest))
    return _Positive((image, k.astype(np.int64), row, column), goal, (real(2) - box[:, 2] * box[:, 3]) * score, score, classes)


def _cells(x: Any, mask: Sequence[int]) -> Any:
    """[N, anchors, 5 + classes, H, W]."""
    return x.reshape((x.shape[0], len(mask), -1, *x.shape[2:]))


@op(
    "yolov3_loss", "X, GTBox, GTLabel, GTScore? -> Loss, ObjectnessMask~, GTMatchMask~", infer=_infer,
    grad="X, GTBox, GTLabel, GTScore?, ObjectnessMask, GTMatchMask, Loss@GRAD -> X@GRAD",
)  # fmt: skip
def yolov3_loss(
    xp, x, gt_box, gt_label, gt_score=None, *, anchors: Ints, anchor_mask: Ints, class_num: int, ignore_thresh: float = 0.7,
    downsample_ratio: int = 32, use_label_smooth: bool = True, scale_x_y: float = 1.0,
):  # fmt: skip
    """ObjectnessMask: the score of the object a cell stands for, -1 where the cell is left out, else 0."""
    scores = () if gt_score is None else (gt_score,)
    _infer(x, gt_box, gt_label, *scores, anchors=anchors, anchor_mask=anchor_mask, class_num=class_num)
    n, _, h, w = x.shape
    gt_box = gt_box.astype(x.dtype, copy=False)
    boxes, labels = _host(gt_box), _host(gt_label)
    valid = (boxes[..., 2:] >= _SMALLEST).all(axis=-1)
    best = _best_overlap(xp, x, gt_box, valid, anchors, anchor_mask, downsample_ratio, scale_x_y)
    match = _matches(boxes, valid, anchors, anchor_mask, downsample_ratio * h)
    found = _positive(boxes, labels, None if gt_score is None else _host(gt_score), match, h, w, anchors, anchor_mask, downsample_ratio,
                      class_num, use_label_smooth)  # fmt: skip
    sure = np.zeros((n, len(anchor_mask), h, w), x.dtype)
    taken = np.zeros(sure.shape, bool)
    for i, place in enumerate(zip(*found.place, strict=True)):  # of several objects in one cell the last counts
        sure[place], taken[place] = found.score[i], True
    zero = const(x, 0)
    mask = xp.where(xp.asarray(taken), xp.asarray(sure), xp.where(best > const(x, ignore_thresh), const(x, -1), zero))
    cells = _cells(x, anchor_mask)
    there = cells[:, :, 4]
    one = xp.where(mask > const(x, 1e-5), _cross_entropy(xp, there, const(x, 1)) * mask, zero)
    one = xp.where((mask <= const(x, 1e-5)) & (mask > const(x, -0.5)), _cross_entropy(xp, there, zero), one)
    loss = one.reshape((n, -1)).sum(axis=1)
    if len(found.score):
        place = tuple(xp.asarray(p) for p in found.place)
        got = xp.moveaxis(cells, 2, -1)[place]
        goal, weight, score, classes = (xp.asarray(a) for a in (found.goal, found.weight, found.score, found.classes))
        each = (_cross_entropy(xp, got[:, :2], goal[:, :2]).sum(axis=1) + abs(goal[:, 2:] - got[:, 2:4]).sum(axis=1)) * weight
        each = each + _cross_entropy(xp, got[:, 5:], classes).sum(axis=1) * score
        loss = loss + zeros_added_at(xp, (n,), x.dtype, (place[0],), each)
    return loss, mask, xp.asarray(match)


@yolov3_loss.backward
def _(
    xp, x, gt_box, gt_label, gt_score, mask, match, d_loss, *, anchors: Ints, anchor_mask: Ints, class_num: int,
    downsample_ratio: int = 32, use_label_smooth: bool = True,
):  # fmt: skip
    n, _, h, w = x.shape
    boxes = _host(plain_value(xp, gt_box)).astype(x.dtype, copy=False)
    scores = None if gt_score is None else _host(plain_value(xp, gt_score))
    found = _positive(boxes, _host(gt_label), scores, _host(match), h, w, anchors, anchor_mask,
                      downsample_ratio, class_num, use_label_smooth)  # fmt: skip
    cells = _cells(x, anchor_mask)
    zero, one = const(x, 0), const(x, 1)
    there = _sigmoid(xp, cells[:, :, 4])
    d_there = xp.where(mask > const(x, 1e-5), (there - one) * mask, xp.where(mask > const(x, -0.5), there, zero))
    shape = (*mask.shape, class_num + 5)
    d_cells = xp.zeros(shape, x.dtype)
    if len(found.score):
        place = tuple(xp.asarray(p) for p in found.place)
        got = xp.moveaxis(cells, 2, -1)[place]
        goal, weight, score, classes = (xp.asarray(a) for a in (found.goal, found.weight, found.score, found.classes))
        d_place = (_sigmoid(xp, got[:, :2]) - goal[:, :2]) * weight[:, None]
        d_size = xp.where(got[:, 2:4] > goal[:, 2:], weight[:, None], -weight[:, None])
        d_class = (_sigmoid(xp, got[:, 5:]) - classes) * score[:, None]
        nothing = xp.zeros((len(found.score), 1), x.dtype)
        d_cells = zeros_added_at(xp, shape, x.dtype, place, xp.concatenate([d_place, d_size, nothing, d_class], axis=1))
    d_cells = xp.moveaxis(d_cells, -1, 2)
    d_cells = xp.concatenate([d_cells[:, :, :4], xp.expand_dims(d_there, 2), d_cells[:, :, 5:]], axis=2)
    return (d_cells * d_loss.reshape((n, 1, 1, 1, 1))).reshape(x.shape)
