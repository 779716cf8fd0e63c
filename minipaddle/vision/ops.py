"""``paddle.vision.ops``: operators of object detection. Boxes are (x1, y1, x2, y2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.dispatch import call
from ..core.tensor import Tensor, TensorBase, isinstance_strict
from ..errors import NotSupportedError
from ..nn import Layer
from ..nn.initializer import Normal
from ..ops import boxes as B
from ..ops import detection as D
from ..ops import yolo as Y
from ..tensor.creation import to_tensor
from ..tensor.manipulation import gather
from ..tensor.search import argsort

__all__ = [
    "DeformConv2D", "PSRoIPool", "RoIAlign", "RoIPool", "box_coder", "deform_conv2d", "distribute_fpn_proposals",
    "generate_proposals", "matrix_nms", "nms", "prior_box", "psroi_pool", "roi_align", "roi_pool", "yolo_box", "yolo_loss",
]  # fmt: skip


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


def psroi_pool(
    x: Any, boxes: Any, boxes_num: Any, output_size: int | tuple[int, int], spatial_scale: float = 1.0, name: str | None = None
) -> Any:  # fmt: skip
    """Means in the bins of each box, each bin from channels of its own (Dai et al. 2016): [M, C / (h * w), h, w].

    x: [N, C, H, W]. boxes: [M, 4]. boxes_num: int32 [N], boxes per image. ValueError when C does not divide.
    """
    if len(x.shape) != 4:
        raise AssertionError(f"psroi_pool: Input features with shape should be (N, C, H, W), got {list(x.shape)}")
    sizes = _pair("psroi_pool", output_size)
    if not sizes["pooled_height"] * sizes["pooled_width"]:
        raise ValueError("psroi_pool: output_size should not contain 0.")
    channels = int(x.shape[1]) // (sizes["pooled_height"] * sizes["pooled_width"])
    return call(D.psroi_pool, x, boxes, boxes_num, **sizes, output_channels=channels, spatial_scale=float(spatial_scale))


class PSRoIPool(Layer):
    """`psroi_pool` with its sizes kept."""

    def __init__(self, output_size: int | tuple[int, int], spatial_scale: float = 1.0) -> None:
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale

    def forward(self, x: Any, boxes: Any, boxes_num: Any) -> Any:
        """See `psroi_pool`."""
        return psroi_pool(x, boxes, boxes_num, self.output_size, self.spatial_scale)


def prior_box(
    input: Any, image: Any, min_sizes: Any, max_sizes: Any = None, aspect_ratios: Any = (1.0,), variance: Any = (0.1, 0.1, 0.2, 0.2),
    flip: bool = False, clip: bool = False, steps: Any = (0.0, 0.0), offset: float = 0.5, min_max_aspect_ratios_order: bool = False,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Default boxes of SSD (Liu et al. 2016) for each cell of `input` [N, C, H, W], in parts of `image`: [H, W, P, 4], and variances.

    min_sizes, max_sizes: in pixels of the image. steps: (width, height) of a cell in pixels; 0: from the sizes. ValueError for
    max_sizes that are not larger than min_sizes.
    """
    steps = list(steps) if isinstance(steps, (list, tuple)) else [steps]
    if len(steps) != 2:
        raise ValueError(f"prior_box: steps should be (step_w, step_h), got {steps}")

    def numbers(value: Any) -> list[float]:
        return [float(v) for v in (value if isinstance(value, (list, tuple)) else [value])]

    largest = [] if max_sizes is None else numbers(max_sizes)
    return call(
        B.prior_box, input, image, min_sizes=numbers(min_sizes), max_sizes=largest if largest and largest[0] > 0 else [],
        aspect_ratios=numbers(aspect_ratios), variances=numbers(variance), flip=bool(flip), clip=bool(clip), step_w=float(steps[0]),
        step_h=float(steps[1]), offset=float(offset), min_max_aspect_ratios_order=bool(min_max_aspect_ratios_order),
    )  # fmt: skip


def yolo_box(
    x: Any, img_size: Any, anchors: Sequence[int], class_num: int, conf_thresh: float, downsample_ratio: int, clip_bbox: bool = True,
    name: str | None = None, scale_x_y: float = 1.0, iou_aware: bool = False, iou_aware_factor: float = 0.5,
) -> Any:  # fmt: skip
    """Boxes [N, M, 4] and class scores [N, M, class_num] from the output of a YOLOv3 head (Redmon and Farhadi 2018).

    x: [N, A * (5 + class_num), H, W], with iou_aware [N, A * (6 + class_num), H, W]. img_size: int32 [N, 2], heights and widths. Boxes
    with a confidence below conf_thresh are zeros.
    """
    return call(
        B.yolo_box, x, img_size, anchors=[int(a) for a in anchors], class_num=int(class_num), conf_thresh=float(conf_thresh),
        downsample_ratio=int(downsample_ratio), clip_bbox=bool(clip_bbox), scale_x_y=float(scale_x_y), iou_aware=bool(iou_aware),
        iou_aware_factor=float(iou_aware_factor),
    )  # fmt: skip


def yolo_loss(
    x: Any, gt_box: Any, gt_label: Any, anchors: Sequence[int], anchor_mask: Sequence[int], class_num: int, ignore_thresh: float,
    downsample_ratio: int, gt_score: Any = None, use_label_smooth: bool = True, name: str | None = None, scale_x_y: float = 1.0,
) -> Any:  # fmt: skip
    """The loss of a YOLOv3 head for each image: [N].

    x: [N, len(anchor_mask) * (5 + class_num), H, H]. gt_box: [N, B, 4], centres, widths and heights as shares of the image; rows of
    zeros fill up. gt_label: int32 [N, B]. gt_score: [N, B], weights of the boxes (default ones). anchors: widths and heights in pixels;
    anchor_mask: which of them this head predicts. downsample_ratio: pixels of the image per cell. Cells whose box covers a true box by
    more than ignore_thresh, but stand for none, have no share in the loss.
    """
    return call(
        Y.yolov3_loss, x, gt_box, gt_label, gt_score, anchors=[int(a) for a in anchors], anchor_mask=[int(a) for a in anchor_mask],
        class_num=int(class_num), ignore_thresh=float(ignore_thresh), downsample_ratio=int(downsample_ratio),
        use_label_smooth=bool(use_label_smooth), scale_x_y=float(scale_x_y),
    )  # fmt: skip


def matrix_nms(
    bboxes: Any, scores: Any, score_threshold: float, post_threshold: float, nms_top_k: int, keep_top_k: int, use_gaussian: bool = False,
    gaussian_sigma: float = 2.0, background_label: int = 0, normalized: bool = True, return_index: bool = False,
    return_rois_num: bool = True, name: str | None = None,
) -> Any:  # fmt: skip
    """Suppression that lets scores shrink with the overlap (Wang et al. 2020): rows (class, score, box), boxes per image, indices.

    bboxes: [N, M, 4]. scores: [N, C, M]. None stands for what was not asked for.
    """
    out, index, numbers = call(
        B.matrix_nms, bboxes, scores, score_threshold=float(score_threshold), nms_top_k=int(nms_top_k), keep_top_k=int(keep_top_k),
        post_threshold=float(post_threshold), use_gaussian=bool(use_gaussian), gaussian_sigma=float(gaussian_sigma),
        background_label=int(background_label), normalized=bool(normalized),
    )  # fmt: skip
    return out, numbers if return_rois_num else None, index if return_index else None


def generate_proposals(
    scores: Any, bbox_deltas: Any, img_size: Any, anchors: Any, variances: Any, pre_nms_top_n: int = 6000, post_nms_top_n: int = 1000,
    nms_thresh: float = 0.5, min_size: float = 0.1, eta: float = 1.0, pixel_offset: bool = False, return_rois_num: bool = False,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Regions that a region proposal network finds (Ren et al. 2015): boxes [M, 4], their scores [M, 1], and how many each image has.

    scores: [N, A, H, W]. bbox_deltas: [N, 4 * A, H, W]. img_size: [N, 2], heights and widths. anchors, variances: [H, W, A, 4].
    """
    boxes, probabilities, numbers = call(
        B.generate_proposals_v2, scores, bbox_deltas, img_size, anchors, variances, pre_nms_topN=int(pre_nms_top_n),
        post_nms_topN=int(post_nms_top_n), nms_thresh=float(nms_thresh), min_size=float(min_size), eta=float(eta),
        pixel_offset=bool(pixel_offset),
    )  # fmt: skip
    return boxes, probabilities, numbers if return_rois_num else None


def distribute_fpn_proposals(
    fpn_rois: Any, min_level: int, max_level: int, refer_level: int, refer_scale: int, pixel_offset: bool = False, rois_num: Any = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Regions [M, 4] by the level of a feature pyramid that fits their size (Lin et al. 2017).

    Returns a list with the regions of each level, the index [M, 1] that puts all of them back in order, and a list with the
    numbers of regions per image. rois_num: int32 [N], regions per image.
    """
    if not (max_level > min_level > 0 and max_level - min_level < 99):
        raise AssertionError(
            f"distribute_fpn_proposals: max_level should be greater than min_level, both positive, got {min_level} and {max_level}"
        )
    if rois_num is None and isinstance_strict(fpn_rois, Tensor):
        raise AssertionError("distribute_fpn_proposals: rois_num should not be None in dygraph mode.")
    rois, restore, numbers = call(
        B.distribute_fpn_proposals, fpn_rois, rois_num, min_level=int(min_level), max_level=int(max_level), refer_level=int(refer_level),
        refer_scale=int(refer_scale), pixel_offset=bool(pixel_offset),
    )  # fmt: skip
    return rois, restore, None if rois_num is None else numbers


def _two(what: str, value: Any) -> list[int]:
    found = [value, value] if isinstance(value, int) else list(value)
    if len(found) != 2:
        raise ValueError(f"{what} must be an int or two of them, got {value!r}")
    return [int(v) for v in found]


def deform_conv2d(
    x: Any, offset: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, deformable_groups: int = 1,
    groups: int = 1, mask: Any = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Convolution that looks at places the network chooses (Dai et al. 2017; with mask: Zhu et al. 2019): [N, out, H', W'].

    x: [N, C, H, W]. offset: [N, 2 * deformable_groups * kh * kw, H', W'], (y, x) for each weight. weight: [out, C / groups, kh, kw].
    mask: [N, deformable_groups * kh * kw, H', W']. bias: [out]. ValueError for shapes that do not fit.
    """
    attrs = {
        "strides": _two("stride", stride), "paddings": _two("padding", padding), "dilations": _two("dilation", dilation),
        "deformable_groups": int(deformable_groups), "groups": int(groups), "im2col_step": 1,
    }  # fmt: skip
    if mask is None:
        out = call(D.deformable_conv_v1, x, offset, weight, **attrs)
    else:
        out = call(D.deformable_conv, x, offset, weight, mask, **attrs)
    return out if bias is None else out + bias.reshape([1, -1, 1, 1])


class DeformConv2D(Layer):
    """`deform_conv2d` with a weight and a bias of its own."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
        deformable_groups: int = 1, groups: int = 1, weight_attr: Any = None, bias_attr: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if weight_attr is False:
            raise AssertionError("DeformConv2D: weight_attr should not be False in Conv.")
        if in_channels % groups:
            raise ValueError(f"DeformConv2D: in_channels must be divisible by groups, got {in_channels} and {groups}")
        kernel = _two("kernel_size", kernel_size)
        self._settings = {
            "stride": stride, "padding": padding, "dilation": dilation, "deformable_groups": deformable_groups, "groups": groups,
        }  # fmt: skip
        spread = (2.0 / (kernel[0] * kernel[1] * in_channels)) ** 0.5
        self.weight = self.create_parameter(
            [out_channels, in_channels // groups, *kernel], attr=weight_attr, default_initializer=Normal(0.0, spread)
        )
        self.bias = self.create_parameter([out_channels], attr=bias_attr, is_bias=True)

    def forward(self, x: Any, offset: Any, mask: Any = None) -> Any:
        """See `deform_conv2d`."""
        return deform_conv2d(x, offset, self.weight, self.bias, mask=mask, **self._settings)
