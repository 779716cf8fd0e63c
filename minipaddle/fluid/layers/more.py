"""Further layers of 1.8 over operators that 2.x has too, some under other argument names; and `nce`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...dtypes import as_dtype
from ...nn.initializer import Normal
from ...static.extras import py_func
from ...static.nn.extra import nce
from ..helper import Helper, run
from .nn import image_resize
from .tensor import as_variable, fill_constant
from .tensor import range as numbers

__all__ = [
    "addcmul",
    "addmm",
    "allclose",
    "anchor_generator",
    "arange",
    "bmm",
    "box_clip",
    "box_coder",
    "chunk_eval",
    "clamp",
    "cross",
    "ctc_greedy_decoder",
    "deformable_conv",
    "density_prior_box",
    "diag_embed",
    "dist",
    "dot",
    "elementwise_equal",
    "flip",
    "full",
    "full_like",
    "index_sample",
    "index_select",
    "interpolate",
    "iou_similarity",
    "kron",
    "log1p",
    "log_softmax",
    "logsumexp",
    "matrix_nms",
    "mean_iou",
    "meshgrid",
    "mish",
    "multiclass_nms",
    "nce",
    "nonzero",
    "polygon_box_transform",
    "prior_box",
    "psroi_pool",
    "py_func",
    "randint",
    "randn",
    "randperm",
    "roi_align",
    "roi_pool",
    "roll",
    "t",
    "trace",
    "unique_with_counts",
    "yolo_box",
    "yolov3_loss",
]


# --- two tensors


def dot(x: Any, y: Any, name: str | None = None) -> Any:
    """The inner product of two vectors, or of each row."""
    return run("dot", x, y, name=name)


def cross(input: Any, other: Any, dim: int | None = None) -> Any:
    """The vector product along `dim`, by default the first dimension of length 3."""
    return run("cross", input, other) if dim is None else run("cross", input, other, dim=dim)


def kron(x: Any, y: Any, out: Any = None, name: str | None = None) -> Any:
    """The Kronecker product."""
    helper = Helper("kron", name)
    return helper("kron", x, y) if out is None else helper.into({"Out": out}, "kron", x, y)


def bmm(x: Any, y: Any, name: str | None = None) -> Any:
    """The product of each pair of matrices, [b, n, k] and [b, k, m]."""
    return run("bmm", x, y, name=name)


def addmm(input: Any, x: Any, y: Any, alpha: float = 1.0, beta: float = 1.0, name: str | None = None) -> Any:
    """beta * input + alpha * x @ y."""
    return run("addmm", input, x, y, Alpha=float(alpha), Beta=float(beta), name=name)


def addcmul(
    input: Any, tensor1: Any, tensor2: Any, value: float = 1.0, out: Any = None, name: str | None = None
) -> Any:
    """input + value * tensor1 * tensor2."""
    helper = Helper("addcmul", name)
    product = helper("scale", helper("elementwise_mul", tensor1, tensor2), scale=float(value))
    return (
        helper("elementwise_add", input, product)
        if out is None
        else helper.into({"Out": out}, "elementwise_add", input, product)
    )


def dist(x: Any, y: Any, p: float = 2) -> Any:
    """The p-norm of x - y, with one element."""
    return run("dist", x, y, p=float(p))


def allclose(
    input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False, name: str | None = None
) -> Any:
    """Whether all elements satisfy |input - other| <= atol + rtol * |other|; bool with one element."""
    return run("allclose", input, other, rtol=str(rtol), atol=str(atol), equal_nan=equal_nan, name=name)


def elementwise_equal(x: Any, y: Any, name: str | None = None) -> Any:
    """Whether elements are equal, bool."""
    out = run("equal", x, y, name=name)
    out.stop_gradient = True
    return out


# --- one tensor


def t(input: Any, name: str | None = None) -> Any:
    """The transpose of a tensor with at most two dimensions. ValueError for more."""
    if len(input.shape) > 2:
        raise ValueError(
            f"Input(input) only support N-D (N<=2) tensor, but received length of Input(input) is {len(input.shape)}"
        )
    return input if len(input.shape) < 2 else run("transpose2", input, axis=[1, 0], name=name)


def trace(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1, out: Any = None, name: str | None = None) -> Any:
    """The sum along a diagonal of the dimensions `dim1` and `dim2`."""
    attrs = {"offset": offset, "axis1": dim1, "axis2": dim2}
    helper = Helper("trace", name)
    return helper("trace", input, **attrs) if out is None else helper.into({"Out": out}, "trace", input, **attrs)


def roll(input: Any, shifts: Any, dims: Any = None) -> Any:
    """`input` rolled by `shifts` along `dims`; without dims as if it were flat."""
    moves = [shifts] if isinstance(shifts, int) else list(shifts)
    along = [dims] if isinstance(dims, int) else list(dims or [])
    if along and len(along) != len(moves):
        raise ValueError(
            f"When dims is not None, the number of shifts and dims must be equal: {len(moves)} shifts, {len(along)} dims"
        )
    return run("roll", input, shifts=moves, axis=along)


def flip(input: Any, dims: Any, name: str | None = None) -> Any:
    """`input` turned around along `dims`."""
    return run("flip", input, axis=[dims] if isinstance(dims, int) else list(dims), name=name)


def index_select(input: Any, index: Any, dim: int = 0) -> Any:
    """Slices of `input` along `dim` by number."""
    return run("index_select", input, index, dim=dim)


def index_sample(x: Any, index: Any) -> Any:
    """In row i the elements index[i] of row i of `x`."""
    return run("index_sample", x, index)


def log1p(x: Any, out: Any = None, name: str | None = None) -> Any:
    """log(1 + x)."""
    helper = Helper("log1p", name)
    return helper("log1p", x) if out is None else helper.into({"Out": out}, "log1p", x)


def log_softmax(input: Any, axis: int | None = None, dtype: Any = None, name: str | None = None) -> Any:
    """The logarithm of softmax along `axis`, by default the last."""
    helper = Helper("log_softmax", name)
    if dtype is not None:
        input = helper("cast", input, in_dtype=input.dtype.proto, out_dtype=as_dtype(dtype).proto)
    return helper("log_softmax", input, axis=-1 if axis is None else axis)


def logsumexp(x: Any, dim: Any = None, keepdim: bool = False, out: Any = None, name: str | None = None) -> Any:
    """The logarithm of the sum of exponentials over `dim`."""
    dims = [dim] if isinstance(dim, int) else list(dim or [])
    attrs = {"axis": dims or [0], "keepdim": keepdim, "reduce_all": not dims}
    helper = Helper("logsumexp", name)
    return helper("logsumexp", x, **attrs) if out is None else helper.into({"Out": out}, "logsumexp", x, **attrs)


def mish(x: Any, threshold: float = 20, name: str | None = None) -> Any:
    """x * tanh(softplus(x))."""
    return run("mish", x, threshold=float(threshold), name=name)


def clamp(input: Any, min: Any = None, max: Any = None, output: Any = None, name: str | None = None) -> Any:
    """`input` limited to [min, max]. ValueError without either."""
    if min is None and max is None:
        raise ValueError("either min or max should be defined.")
    attrs = {"min": float(-np.inf if min is None else min), "max": float(np.inf if max is None else max)}
    helper = Helper("clamp", name)
    return helper("clip", input, **attrs) if output is None else helper.into({"Out": output}, "clip", input, **attrs)


def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Matrices with the last dimension of `input` on a diagonal."""
    return run("diag_embed", as_variable(input), offset=offset, dim1=dim1, dim2=dim2)


def nonzero(input: Any, as_tuple: bool = False) -> Any:
    """The places of elements that are not zero, int64 [n, dimensions]; as_tuple: one [n, 1] per dimension."""
    places = run("where_index", input)
    if not as_tuple:
        return places
    return tuple(run("slice", places, axes=[1], starts=[i], ends=[i + 1]) for i in range(len(input.shape)))


def meshgrid(input: Sequence[Any], name: str | None = None) -> Any:
    """Each vector along a dimension of its own."""
    return run("meshgrid", list(input), name=name)


def unique_with_counts(x: Any, dtype: Any = "int32") -> Any:
    """Different values of `x` in the order of their first places, where each element is among them, and how often each occurs."""
    return run("unique_with_counts", x, dtype=as_dtype(dtype).proto)


# --- making tensors


def full(
    shape: Any,
    fill_value: Any,
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    stop_gradient: bool = True,
    name: str | None = None,
) -> Any:
    """A tensor full of `fill_value`. device: has no effect, a Program runs on one device."""
    made = fill_constant(shape, "float32" if dtype is None else dtype, fill_value, out=out, name=name)
    made.stop_gradient = stop_gradient
    return made


def full_like(
    input: Any,
    fill_value: float,
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    stop_gradient: bool = True,
    name: str | None = None,
) -> Any:
    """A tensor of the shape of `input` full of `fill_value`. device: has no effect."""
    attrs = {"value": float(fill_value), "dtype": -1 if dtype is None else as_dtype(dtype).proto}
    helper = Helper("full_like", name)
    made = (
        helper("fill_any_like", input, **attrs)
        if out is None
        else helper.into({"Out": out}, "fill_any_like", input, **attrs)
    )
    made.stop_gradient = stop_gradient
    return made


def arange(start: Any, end: Any, step: Any = 1, dtype: Any = None, name: str | None = None) -> Any:
    """Numbers from `start` up to but not including `end`."""
    return numbers(start, end, step, "float32" if dtype is None else dtype)


def randn(
    shape: Sequence[int],
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    stop_gradient: bool = True,
    name: str | None = None,
) -> Any:
    """Numbers from the standard normal distribution. device: has no effect."""
    attrs = {
        "shape": [int(n) for n in shape],
        "mean": 0.0,
        "std": 1.0,
        "dtype": as_dtype("float32" if dtype is None else dtype).proto,
    }
    helper = Helper("randn", name)
    made = helper("gaussian_random", **attrs) if out is None else helper.into({"Out": out}, "gaussian_random", **attrs)
    made.stop_gradient = stop_gradient
    return made


def randint(
    low: int,
    high: int | None = None,
    shape: Any = None,
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    stop_gradient: bool = False,
    seed: int = 0,
    name: str | None = None,
) -> Any:
    """Integers in [low, high), or [0, low) without `high`. device: has no effect."""
    first, end = (0, low) if high is None else (low, high)
    attrs = {
        "shape": [1] if shape is None else [int(n) for n in shape],
        "low": first,
        "high": end,
        "seed": seed,
        "dtype": as_dtype("int64" if dtype is None else dtype).proto,
    }
    helper = Helper("randint", name)
    made = helper("randint", **attrs) if out is None else helper.into({"Out": out}, "randint", **attrs)
    made.stop_gradient = stop_gradient
    return made


def randperm(
    n: int, out: Any = None, dtype: Any = "int64", device: Any = None, stop_gradient: bool = True, seed: int = 0
) -> Any:
    """The numbers 0 to n - 1 in random order. seed: only 0, that of the process; device: has no effect."""
    if n < 1:
        raise ValueError("The input n should be greater than 0 in randperm op.")
    if seed:
        raise ValueError("randperm: a seed of its own is not supported; use paddle.seed")
    attrs = {"n": n, "dtype": as_dtype(dtype).proto}
    helper = Helper("randperm")
    made = helper("randperm", **attrs) if out is None else helper.into({"Out": out}, "randperm", **attrs)
    made.stop_gradient = stop_gradient
    return made


# --- losses and measures


def chunk_eval(
    input: Any,
    label: Any,
    chunk_scheme: str,
    num_chunk_types: int,
    excluded_chunk_types: Any = None,
    seq_length: Any = None,
) -> tuple[Any, ...]:
    """Precision, recall, F1, and how many chunks were found, are there, and were found rightly. Tags: int64 [n, 1] with a lod, or padded
    with `seq_length`."""
    out = run(
        "chunk_eval",
        input,
        label,
        seq_length,
        num_chunk_types=num_chunk_types,
        chunk_scheme=chunk_scheme,
        excluded_chunk_types=list(excluded_chunk_types or []),
    )
    for v in out:
        v.stop_gradient = True
    return tuple(out)


def mean_iou(input: Any, label: Any, num_classes: int) -> Any:
    """The mean intersection over union, and per class how many predictions were wrong and right."""
    return run("mean_iou", input, label, num_classes=num_classes)


def ctc_greedy_decoder(
    input: Any, blank: int, input_length: Any = None, padding_value: int = 0, name: str | None = None
) -> Any:
    """The most probable class of each step, repeats and blanks left out. Ragged, or padded with `input_length` (then the lengths too)."""
    helper = Helper("ctc_greedy_decoder", name)
    _, best = helper("top_k", input, None, k=1)
    attrs: dict[str, Any] = {"merge_repeated": True, "blank": blank}
    if input_length is None:
        return helper("ctc_align", best, None, **attrs)
    flat = helper("squeeze2", best, axes=[2])
    return helper("ctc_align", flat, input_length, padding_value=padding_value, **attrs)


# --- pictures and boxes


def interpolate(
    input: Any,
    out_shape: Any = None,
    scale: Any = None,
    name: str | None = None,
    resample: str = "BILINEAR",
    actual_shape: Any = None,
    align_corners: bool = True,
    align_mode: int = 1,
    data_format: str = "NCHW",
) -> Any:
    """`input` in another size; see `image_resize`."""
    return image_resize(input, out_shape, scale, name, resample, actual_shape, align_corners, align_mode, data_format)


def deformable_conv(
    input: Any,
    offset: Any,
    mask: Any,
    num_filters: int,
    filter_size: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int | None = None,
    deformable_groups: int | None = None,
    im2col_step: int | None = None,
    param_attr: Any = None,
    bias_attr: Any = None,
    modulated: bool = True,
    name: str | None = None,
) -> Any:
    """A convolution whose filter looks at places moved by `offset`; modulated: weighted by `mask` (Dai et al. 2017, Zhu et al. 2018)."""
    helper = Helper("deformable_conv", name)

    def pair(value: Any) -> list[int]:
        return [int(value)] * 2 if isinstance(value, int) else [int(n) for n in value]

    channels, parts, size = int(input.shape[1]), groups or 1, pair(filter_size)
    if channels % parts:
        raise ValueError(f"num_channels must be divisible by groups, got {channels} and {parts}")
    if modulated and mask is None:
        raise ValueError("deformable_conv: mask is needed unless modulated is False")
    start = Normal(0.0, (2.0 / (size[0] * size[1] * channels)) ** 0.5)
    w = helper.parameter(param_attr, [num_filters, channels // parts, *size], input.dtype, default_initializer=start)
    attrs = {
        "strides": pair(stride),
        "paddings": pair(padding),
        "dilations": pair(dilation),
        "groups": parts,
        "deformable_groups": deformable_groups or 1,
        "im2col_step": im2col_step or 64,
    }
    kind = "deformable_conv" if modulated else "deformable_conv_v1"
    out = helper(kind, input, offset, w, mask, **attrs) if modulated else helper(kind, input, offset, w, **attrs)
    return helper.bias(out, bias_attr, 1, [num_filters])


def roi_align(
    input: Any,
    rois: Any,
    pooled_height: int = 1,
    pooled_width: int = 1,
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    name: str | None = None,
    rois_lod: Any = None,
) -> Any:
    """Each region of `rois` in one size, by bilinear interpolation. rois_lod: how many regions each picture has."""
    return run(
        "roi_align",
        input,
        rois,
        rois_lod,
        pooled_height=pooled_height,
        pooled_width=pooled_width,
        spatial_scale=float(spatial_scale),
        sampling_ratio=sampling_ratio,
        name=name,
    )


def roi_pool(
    input: Any,
    rois: Any,
    pooled_height: int = 1,
    pooled_width: int = 1,
    spatial_scale: float = 1.0,
    rois_lod: Any = None,
) -> Any:
    """Each region of `rois` in one size, by maxima. rois_lod: how many regions each picture has."""
    out, _ = run(
        "roi_pool",
        input,
        rois,
        rois_lod,
        pooled_height=pooled_height,
        pooled_width=pooled_width,
        spatial_scale=float(spatial_scale),
    )
    return out


def psroi_pool(
    input: Any,
    rois: Any,
    output_channels: int,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    name: str | None = None,
) -> Any:
    """Each region of `rois` in one size, a group of channels for each place (Dai et al. 2016)."""
    return run(
        "psroi_pool",
        input,
        rois,
        output_channels=output_channels,
        spatial_scale=float(spatial_scale),
        pooled_height=pooled_height,
        pooled_width=pooled_width,
        name=name,
    )


def iou_similarity(x: Any, y: Any, box_normalized: bool = True, name: str | None = None) -> Any:
    """The intersection over union of each pair of boxes."""
    return run("iou_similarity", x, y, box_normalized=box_normalized, name=name)


def box_coder(
    prior_box: Any,
    prior_box_var: Any,
    target_box: Any,
    code_type: str = "encode_center_size",
    box_normalized: bool = True,
    name: str | None = None,
    axis: int = 0,
) -> Any:
    """Boxes relative to prior boxes, or back."""
    attrs: dict[str, Any] = {"code_type": code_type, "box_normalized": box_normalized, "axis": axis}
    if isinstance(prior_box_var, (list, tuple)):
        return run(
            "box_coder", prior_box, None, target_box, variance=[float(v) for v in prior_box_var], name=name, **attrs
        )
    return run("box_coder", prior_box, prior_box_var, target_box, name=name, **attrs)


def _numbers(value: Any) -> list[float]:
    return [float(v) for v in value] if isinstance(value, (list, tuple)) else [float(value)]


def prior_box(
    input: Any,
    image: Any,
    min_sizes: Any,
    max_sizes: Any = None,
    aspect_ratios: Any = (1.0,),
    variance: Any = (0.1, 0.1, 0.2, 0.2),
    flip: bool = False,
    clip: bool = False,
    steps: Any = (0.0, 0.0),
    offset: float = 0.5,
    name: str | None = None,
    min_max_aspect_ratios_order: bool = False,
) -> Any:
    """Prior boxes at each place of `input`, and their variances (Liu et al. 2016)."""
    return run(
        "prior_box",
        input,
        image,
        min_sizes=_numbers(min_sizes),
        max_sizes=_numbers(max_sizes) if max_sizes else [],
        aspect_ratios=_numbers(aspect_ratios),
        variances=_numbers(variance),
        flip=flip,
        clip=clip,
        step_w=float(steps[0]),
        step_h=float(steps[1]),
        offset=float(offset),
        min_max_aspect_ratios_order=min_max_aspect_ratios_order,
        name=name,
    )


def density_prior_box(
    input: Any,
    image: Any,
    densities: Any = None,
    fixed_sizes: Any = None,
    fixed_ratios: Any = None,
    variance: Any = (0.1, 0.1, 0.2, 0.2),
    clip: bool = False,
    steps: Any = (0.0, 0.0),
    offset: float = 0.5,
    flatten_to_2d: bool = False,
    name: str | None = None,
) -> Any:
    """Prior boxes of several densities at each place of `input`, and their variances."""
    return run(
        "density_prior_box",
        input,
        image,
        variances=_numbers(variance),
        clip=clip,
        flatten_to_2d=flatten_to_2d,
        step_w=float(steps[0]),
        step_h=float(steps[1]),
        offset=float(offset),
        fixed_sizes=_numbers(fixed_sizes or []),
        fixed_ratios=_numbers(fixed_ratios or []),
        densities=[int(n) for n in densities or []],
        name=name,
    )


def anchor_generator(
    input: Any,
    anchor_sizes: Any = None,
    aspect_ratios: Any = None,
    variance: Any = (0.1, 0.1, 0.2, 0.2),
    stride: Any = None,
    offset: float = 0.5,
    name: str | None = None,
) -> Any:
    """Anchors at each place of `input`, and their variances (Ren et al. 2015)."""
    return run(
        "anchor_generator",
        input,
        anchor_sizes=_numbers(anchor_sizes),
        aspect_ratios=_numbers(aspect_ratios),
        variances=_numbers(variance),
        stride=_numbers(stride),
        offset=float(offset),
        name=name,
    )


def yolo_box(
    x: Any,
    img_size: Any,
    anchors: Any,
    class_num: int,
    conf_thresh: float,
    downsample_ratio: int,
    clip_bbox: bool = True,
    name: str | None = None,
    scale_x_y: float = 1.0,
) -> Any:
    """Boxes and scores out of YOLOv3's output."""
    return run(
        "yolo_box",
        x,
        img_size,
        anchors=list(anchors),
        class_num=class_num,
        conf_thresh=float(conf_thresh),
        downsample_ratio=downsample_ratio,
        clip_bbox=clip_bbox,
        scale_x_y=float(scale_x_y),
        name=name,
    )


def yolov3_loss(
    x: Any,
    gt_box: Any,
    gt_label: Any,
    anchors: Any,
    anchor_mask: Any,
    class_num: int,
    ignore_thresh: float,
    downsample_ratio: int,
    gt_score: Any = None,
    use_label_smooth: bool = True,
    name: str | None = None,
    scale_x_y: float = 1.0,
) -> Any:
    """The loss of YOLOv3 for each picture."""
    return run(
        "yolov3_loss",
        x,
        gt_box,
        gt_label,
        gt_score,
        anchors=list(anchors),
        anchor_mask=list(anchor_mask),
        class_num=class_num,
        ignore_thresh=float(ignore_thresh),
        downsample_ratio=downsample_ratio,
        use_label_smooth=use_label_smooth,
        scale_x_y=float(scale_x_y),
        name=name,
    )


def box_clip(input: Any, im_info: Any, name: str | None = None) -> Any:
    """Boxes cut at the edges of their picture."""
    return run("box_clip", input, im_info, name=name)


def polygon_box_transform(input: Any, name: str | None = None) -> Any:
    """Offsets to corners turned into coordinates."""
    return run("polygon_box_transform", input, name=name)


def multiclass_nms(
    bboxes: Any,
    scores: Any,
    score_threshold: float,
    nms_top_k: int,
    keep_top_k: int,
    nms_threshold: float = 0.3,
    normalized: bool = True,
    nms_eta: float = 1.0,
    background_label: int = 0,
    name: str | None = None,
) -> Any:
    """The best boxes of each class that do not overlap: [n, 6], class, score and box, with a lod over the pictures."""
    out = run(
        "multiclass_nms",
        bboxes,
        scores,
        background_label=background_label,
        score_threshold=float(score_threshold),
        nms_top_k=nms_top_k,
        nms_threshold=float(nms_threshold),
        nms_eta=float(nms_eta),
        keep_top_k=keep_top_k,
        normalized=normalized,
        name=name,
    )
    out.stop_gradient = True
    return out


def matrix_nms(
    bboxes: Any,
    scores: Any,
    score_threshold: float,
    post_threshold: float,
    nms_top_k: int,
    keep_top_k: int,
    use_gaussian: bool = False,
    gaussian_sigma: float = 2.0,
    background_label: int = 0,
    normalized: bool = True,
    return_index: bool = False,
    name: str | None = None,
) -> Any:
    """Boxes whose scores fall with the overlap with better ones (Wang et al. 2020); with return_index also their numbers."""
    out, index, _ = run(
        "matrix_nms",
        bboxes,
        scores,
        score_threshold=float(score_threshold),
        nms_top_k=nms_top_k,
        keep_top_k=keep_top_k,
        post_threshold=float(post_threshold),
        use_gaussian=use_gaussian,
        gaussian_sigma=float(gaussian_sigma),
        background_label=background_label,
        normalized=normalized,
        name=name,
    )
    out.stop_gradient = True
    return (out, index) if return_index else out
