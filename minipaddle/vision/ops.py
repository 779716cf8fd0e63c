"""``paddle.vision.ops``: operators of object detection. Boxes are (x1, y1, x2, y2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.dispatch import call
from ..core.tensor import Tensor, TensorBase, isinstance_strict
from ..errors import NotSupportedError
from ..nn import Layer
from ..ops import detection as D
from ..tensor.creation import to_tensor
from ..tensor.manipulation import gather
from ..tensor.search import argsort

__all__ = ["RoIAlign", "RoIPool", "box_coder", "nms", "roi_align", "roi_pool"]


def _pair(what: str, output_size: Any) -> dict[str, int]:
    if isinstance(output_size, int):
        output_size = (output_size, output_size)
    if not isinstance(output_size, (tuple, list)) or len(output_size) != 2:
        raise TypeError(f"{what}: output_size must be an int or a tuple of two, got {output_size!r}")
    return {"pooled_height": int(output_size[0]), "pooled_width": int(output_size[1])}


def roi_align(
    x: Any, boxes: Any, boxes_num: Any, output_size: int | tuple[int, int], spatial_scale: float = 1.0, sampling_ratio: int = -1,
    aligned: bool = True, name: str | None = None,
) -> Any:  # fmt: skip
    """Means of bilinear samples in the bins of each box (He et al. 2017): [M, C, *output_size].

    x: [N, C, H, W]. boxes: [M, 4] in image coordinates, times spatial_scale those of x. boxes_num: int32 [N], boxes per image.
    sampling_ratio: samples per bin and axis, by default as many as the bin has pixels. aligned: pixels are squares around their centres.
    """
    if boxes_num is None:
        raise AssertionError("roi_align: boxes_num should not be None: it says which image each box belongs to")
    return call(
        D.roi_align, x, boxes, boxes_num, **_pair("roi_align", output_size), spatial_scale=float(spatial_scale),
        sampling_ratio=int(sampling_ratio), aligned=bool(aligned),
    )  # fmt: skip


def roi_pool(
    x: Any,
    boxes: Any,
    boxes_num: Any,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    name: str | None = None,
) -> Any:
    """Largest elements in the bins of each box (Girshick 2015): [M, C, *output_size]; arguments as `roi_align`."""
    if boxes_num is None:
        raise AssertionError("roi_pool: boxes_num should not be None: it says which image each box belongs to")
    return call(D.roi_pool, x, boxes, boxes_num, **_pair("roi_pool", output_size), spatial_scale=float(spatial_scale))


class RoIAlign(Layer):
    """`roi_align` with its sizes kept."""

    def __init__(self, output_size: int | tuple[int, int], spatial_scale: float = 1.0) -> None:
        super().__init__()
        self._output_size, self._spatial_scale = output_size, spatial_scale

    def forward(self, x: Any, boxes: Any, boxes_num: Any, aligned: bool = True) -> Any:
        """See `roi_align`."""
        return roi_align(x, boxes, boxes_num, self._output_size, self._spatial_scale, aligned=aligned)


class RoIPool(Layer):
    """`roi_pool` with its sizes kept."""

    def __init__(self, output_size: int | tuple[int, int], spatial_scale: float = 1.0) -> None:
        super().__init__()
        self._output_size, self._spatial_scale = output_size, spatial_scale

    def forward(self, x: Any, boxes: Any, boxes_num: Any) -> Any:
        """See `roi_pool`."""
        return roi_pool(x, boxes, boxes_num, self._output_size, self._spatial_scale)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"output_size={self._output_size}, spatial_scale={self._spatial_scale}"


def nms(
    boxes: Any, iou_threshold: float = 0.3, scores: Any = None, category_idxs: Any = None, categories: Sequence[Any] | None = None,
    top_k: int | None = None,
) -> Any:  # fmt: skip
    """Numbers (int64) of the boxes [M, 4] kept by non-maximum suppression, best first.

    A box goes when it overlaps a better one by more than iou_threshold of their union. Without scores [M] the boxes come sorted;
    with category_idxs [M] boxes meet those of their own category alone, and at most top_k are kept.
    """
    threshold = float(iou_threshold)
    if scores is None:
        return call(D.nms, boxes, iou_threshold=threshold)
    if category_idxs is None:
        order = argsort(scores, descending=True)
        return gather(order, call(D.nms, gather(boxes, order), iou_threshold=threshold))
    if top_k is not None and top_k > scores.shape[0]:
        raise AssertionError(
            f"nms: top_k, {top_k}, should be smaller equal than the number of boxes, {scores.shape[0]}"
        )
    if categories is None:
        raise AssertionError("nms: if category_idxs is given, categories, a list of all categories, is necessary")
    if not all(isinstance_strict(t, Tensor) for t in (boxes, scores, category_idxs)):
        raise NotSupportedError(
            "nms: category_idxs works on Tensors alone; in a Program call nms once for each category"
        )
    value, group = scores.numpy(), category_idxs.numpy()
    kept: list[np.ndarray[Any, Any]] = []
    for category in categories:
        own = np.flatnonzero(group == (category.item() if isinstance_strict(category, TensorBase) else category))
        own = own[np.argsort(-value[own], kind="stable")]
        if own.size:
            kept.append(own[call(D.nms, gather(boxes, to_tensor(own)), iou_threshold=threshold).numpy()])
    found = np.sort(np.concatenate(kept)) if kept else np.zeros(0, np.int64)
    return to_tensor(found[np.argsort(-value[found], kind="stable")][:top_k].astype(np.int64))


def box_coder(
    prior_box: Any, prior_box_var: Any, target_box: Any, code_type: str = "encode_center_size", box_normalized: bool = True,
    axis: int = 0, name: str | None = None,
) -> Any:  # fmt: skip
    """Boxes as offsets of centre and size from prior boxes [M, 4] (Liu et al. 2016), or back: [N, M, 4].

    prior_box_var: [M, 4] or four numbers, which divide the offsets. target_box: [N, 4] to encode, [N, M, 4] to decode, where `axis` says
    which of its axes goes with the prior boxes (0: the second, 1: the first). TypeError for another prior_box_var.
    """
    variance: list[float] = []
    if isinstance(prior_box_var, (list, tuple)):
        if len(prior_box_var) != 4:
            raise AssertionError(f"box_coder: prior_box_var must be a Tensor or 4 numbers, got {prior_box_var!r}")
        variance, prior_box_var = [float(v) for v in prior_box_var], None
    elif not isinstance_strict(prior_box_var, TensorBase):
        raise TypeError(f"box_coder: prior_box_var must be a Tensor or 4 numbers, got {type(prior_box_var).__name__}")
    return call(
        D.box_coder, prior_box, prior_box_var, target_box, code_type=code_type, box_normalized=bool(box_normalized), axis=int(axis),
        variance=variance,
    )  # fmt: skip
