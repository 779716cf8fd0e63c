"""Layers of 1.x: the same operators as `paddle.static.nn` and `paddle.*`, under the argument names of then."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.control_flow import TensorArray, grown
from ...core.program import Variable
from ...core.tensor import TensorBase
from ...dtypes import as_dtype
from ...nn.initializer import Constant
from ...nn.param_attr import ParamAttr
from ...static import nn as S
from ...static.program import static_recorder
from ..helper import Helper, run
from .tensor import fill_constant

__all__ = [
    "adaptive_pool2d", "adaptive_pool3d", "add_position_encoding", "affine_channel", "affine_grid", "autoincreased_step_counter",
    "batch_norm", "bilinear_tensor_product", "brelu", "clip", "clip_by_norm", "conv2d", "conv2d_transpose", "conv3d", "conv3d_transpose",
    "cos_sim", "crf_decoding", "crop", "crop_tensor", "dice_loss", "dropout", "elementwise_add", "elementwise_div", "elementwise_floordiv",
    "elementwise_max", "elementwise_min", "elementwise_mod", "elementwise_mul", "elementwise_pow", "elementwise_sub", "elu", "embedding",
    "expand", "expand_as", "fc", "flatten", "gather", "gather_nd", "gather_tree", "gaussian_random", "gaussian_random_batch_size_like",
    "grid_sampler", "group_norm", "hard_sigmoid", "hard_swish", "im2sequence", "image_resize", "instance_norm", "l2_normalize",
    "label_smooth", "layer_norm", "leaky_relu", "linear_chain_crf", "lod_append", "lod_reset", "log", "logical_and", "logical_not",
    "logical_or", "logical_xor", "lrn", "matmul", "maxout", "mean", "mul", "multiplex", "one_hot", "pad", "pad2d", "pad_constant_like",
    "pixel_shuffle", "pool2d", "pool3d", "pow", "prelu", "rank", "reduce_all", "reduce_any", "reduce_max", "reduce_mean", "reduce_min",
    "reduce_prod", "reduce_sum", "relu", "relu6", "reshape", "resize_bilinear", "resize_nearest", "resize_trilinear", "row_conv",
    "sampling_id", "scale", "scatter", "scatter_nd", "scatter_nd_add", "selu", "shape", "shard_index", "shuffle_channel", "sign", "size",
    "slice", "smooth_l1", "soft_relu", "softmax", "space_to_depth", "spectral_norm", "split", "squeeze", "stack", "stanh", "strided_slice",
    "sum", "swish", "temporal_shift", "topk", "transpose", "unfold", "uniform_random", "uniform_random_batch_size_like", "unique",
    "unsqueeze", "unstack", "where",
]  # fmt: skip


# --- layers with parameters


def fc(
    input: Any,
    size: int,
    num_flatten_dims: int = 1,
    param_attr: Any = None,
    bias_attr: Any = None,
    act: str | None = None,
    name: str | None = None,
) -> Any:
    """Matrix product with a new weight, plus a bias; see `paddle.static.nn.fc`. input: a Variable, or a list to be added up."""
    return S.fc(input, size, num_flatten_dims, param_attr, bias_attr, act, name)


def embedding(
    input: Any,
    size: Sequence[int],
    is_sparse: bool = False,
    is_distributed: bool = False,
    padding_idx: int | None = None,
    param_attr: Any = None,
    dtype: Any = "float32",
) -> Any:
    """Rows of a new table [rows, width]. input: int64 [..., 1], whose last dimension is replaced by the width."""
    helper = Helper("embedding")
    table = helper.parameter(param_attr, size, dtype)
    padding = -1 if padding_idx is None else padding_idx if padding_idx >= 0 else size[0] + padding_idx
    return helper("lookup_table", table, input, is_sparse=is_sparse, is_distributed=is_distributed, padding_idx=padding)


conv2d, conv3d = S.conv2d, S.conv3d
conv2d_transpose, conv3d_transpose = S.conv2d_transpose, S.conv3d_transpose
batch_norm, layer_norm, group_norm = S.batch_norm, S.layer_norm, S.group_norm
bilinear_tensor_product, spectral_norm, row_conv = S.bilinear_tensor_product, S.spectral_norm, S.row_conv


def instance_norm(input: Any, epsilon: float = 1e-05, param_attr: Any = None, bias_attr: Any = None, name: str | None = None) -> Any:
    """Normalisation of each channel of each sample, with a new scale and bias per channel."""
    attrs = [ParamAttr() if a is None else a for a in (param_attr, bias_attr)]
    return S.instance_norm(input, epsilon, attrs[0], attrs[1], name)


def prelu(x: Any, mode: str, param_attr: Any = None, name: str | None = None) -> Any:
    """x where positive, else a new slope times x: one for "all", per "channel" or per "element"."""
    return S.prelu(x, mode, param_attr, name=name)


def linear_chain_crf(input: Any, label: Any, param_attr: Any = None, length: Any = None) -> Any:
    """The negative log-likelihood of the tags `label` under a conditional random field, one number per sequence.

    input: scores [n, tags] with a lod, or [B, T, tags] with `length`. The new parameter holds start, end and transition scores.
    """
    helper = Helper("linear_chain_crf")
    tags = int(input.shape[2 if length is not None else 1])
    transition = helper.parameter(param_attr, [tags + 2, tags], input.dtype)
    return helper("linear_chain_crf", input, transition, label, length)


def crf_decoding(input: Any, param_attr: Any, label: Any = None, length: Any = None) -> Any:
    """The best tags of each row, int64; with `label` 1 where they agree. param_attr: names the parameter of linear_chain_crf."""
    helper = Helper("crf_decoding")
    block = static_recorder("crf_decoding").program.global_block()
    transition = block.find_var(getattr(param_attr, "name", param_attr) or "")
    if transition is None:
        raise ValueError("crf_decoding: param_attr must name the parameter that linear_chain_crf has made")
    out = helper("crf_decoding", input, transition, label, length)
    out.stop_gradient = True
    return out


def affine_channel(
    x: Any, scale: Any = None, bias: Any = None, data_layout: str = "NCHW", name: str | None = None, act: str | None = None
) -> Any:
    """x * scale + bias, both [channels]."""
    helper = Helper("affine_channel", name)
    return helper.act(helper("affine_channel", x, scale, bias, data_layout=data_layout), act)


def autoincreased_step_counter(counter_name: str | None = None, begin: int = 1, step: int = 1) -> Variable:
    """An int64 counter that grows by `step` at the beginning of each run; the first run sees `begin`."""
    recorder = static_recorder("autoincreased_step_counter")
    name = counter_name or "@STEP_COUNTER@"
    block = recorder.program.global_block()
    if name in block.vars:
        return block.vars[name]
    kind = as_dtype("int64")
    counter = recorder.create_persistable(name, [1], kind, lambda: Constant(float(begin - 1)).values([1], kind))
    block._prepend_op("increment", {"X": [name]}, {"Out": [name]}, {"step": float(step)})
    counter.stop_gradient = True
    return counter


# --- functions of two tensors


def _elementwise(type: str) -> Callable[..., Any]:
    def function(x: Any, y: Any, axis: int = -1, act: str | None = None, name: str | None = None) -> Any:
        helper = Helper(type, name)
        return helper.act(helper(type, x, y, axis=axis), act)

    function.__name__ = function.__qualname__ = type
    function.__doc__ = f"Operator `{type}`. axis: the dimension of x at which the first of y lies, -1: aligned at the end."
    return function


elementwise_add, elementwise_sub = _elementwise("elementwise_add"), _elementwise("elementwise_sub")
elementwise_mul, elementwise_div = _elementwise("elementwise_mul"), _elementwise("elementwise_div")
elementwise_max, elementwise_min = _elementwise("elementwise_max"), _elementwise("elementwise_min")
elementwise_pow, elementwise_mod = _elementwise("elementwise_pow"), _elementwise("elementwise_mod")
elementwise_floordiv = _elementwise("elementwise_floordiv")


def _logical(type: str) -> Callable[..., Any]:
    def function(x: Any, y: Any, out: Any = None, name: str | None = None) -> Any:
        helper = Helper(type, name)
        return helper(type, x, y) if out is None else helper.into({"Out": out}, type, x, y)

    function.__name__ = function.__qualname__ = type
    function.__doc__ = f"Operator `{type}` on bool tensors, written into `out` if given."
    return function


logical_and, logical_or, logical_xor = _logical("logical_and"), _logical("logical_or"), _logical("logical_xor")


def logical_not(x: Any, out: Any = None, name: str | None = None) -> Any:
    """Not x; bool."""
    helper = Helper("logical_not", name)
    return helper("logical_not", x) if out is None else helper.into({"Out": out}, "logical_not", x)


def matmul(
    x: Any, y: Any, transpose_x: bool = False, transpose_y: bool = False, alpha: float = 1.0, name: str | None = None
) -> Any:
    """alpha * x @ y, over leading dimensions alike."""
    return run("matmul", x, y, transpose_X=transpose_x, transpose_Y=transpose_y, alpha=float(alpha), name=name)


def mul(x: Any, y: Any, x_num_col_dims: int = 1, y_num_col_dims: int = 1, name: str | None = None) -> Any:
    """The matrix product of x and y, each made a matrix by flattening before and from the given dimension on."""
    return run("mul", x, y, x_num_col_dims=x_num_col_dims, y_num_col_dims=y_num_col_dims, name=name)


def cos_sim(X: Any, Y: Any) -> Any:
    """The cosine between rows of X and of Y (or its one row): [n, 1]."""
    return run("cos_sim", X, Y)


def multiplex(inputs: Sequence[Any], index: Any) -> Any:
    """Row i of input number index[i]; index: int32 [n, 1]."""
    return run("multiplex", list(inputs), index)


def sum(x: Any) -> Any:
    """The sum of the tensors in the list `x`."""
    return run("sum", list(x) if isinstance(x, (list, tuple)) else [x])


# --- reductions


def _reduction(type: str) -> Callable[..., Any]:
    def function(input: Any, dim: Any = None, keep_dim: bool = False, name: str | None = None) -> Any:
        dims = [dim] if isinstance(dim, int) else list(dim) if dim is not None else []
        everything = not dims or len(dims) == len(input.shape)
        return run(type, input, dim=dims or [0], keep_dim=keep_dim, reduce_all=everything, name=name)

    function.__name__ = function.__qualname__ = type
    function.__doc__ = f"Operator `{type}` over the dimensions `dim` (None: all, which leaves one element)."
    return function


reduce_sum, reduce_mean, reduce_prod = _reduction("reduce_sum"), _reduction("reduce_mean"), _reduction("reduce_prod")
reduce_max, reduce_min = _reduction("reduce_max"), _reduction("reduce_min")
reduce_all, reduce_any = _reduction("reduce_all"), _reduction("reduce_any")


def mean(x: Any, name: str | None = None) -> Any:
    """The mean of all elements, as one element."""
    return run("mean", x, name=name)


def topk(input: Any, k: Any, name: str | None = None) -> tuple[Any, Any]:
    """The k largest values along the last dimension, and where they are (int64); no gradient flows back, as in 1.8."""
    if isinstance(k, TensorBase):
        values, indices = run("top_k", input, k, name=name)
    else:
        values, indices = run("top_k", input, k=int(k), name=name)
    values.stop_gradient = indices.stop_gradient = True
    return values, indices


def l2_normalize(x: Any, axis: int, epsilon: float = 1e-12, name: str | None = None) -> Any:
    """x / sqrt(sum of x² along `axis` + epsilon)."""
    if len(x.shape) == 1:
        axis = 0
    helper = Helper("l2_normalize", name)
    return helper("norm", x, axis=1 if axis is None else axis, epsilon=float(epsilon))


# --- functions of one tensor


def relu(x: Any, name: str | None = None) -> Any:
    """max(x, 0)."""
    return run("relu", x, name=name)


def log(x: Any, name: str | None = None) -> Any:
    """The natural logarithm."""
    return run("log", x, name=name)


def sign(x: Any) -> Any:
    """-1, 0 or 1."""
    return run("sign", x)


def softmax(input: Any, use_cudnn: bool = False, name: str | None = None, axis: int = -1) -> Any:
    """exp(x) / sum(exp(x)) along `axis`."""
    return run("softmax", input, axis=axis, use_cudnn=use_cudnn, name=name)


def selu(x: Any, scale: float | None = None, alpha: float | None = None, name: str | None = None) -> Any:
    """scale * x where positive, else scale * alpha * (exp(x) - 1)."""
    given: dict[str, Any] = {k: float(v) for k, v in (("scale", scale), ("alpha", alpha)) if v is not None}
    return run("selu", x, name=name, **given)


def elu(x: Any, alpha: float = 1.0, name: str | None = None) -> Any:
    """x where positive, else alpha * (exp(x) - 1)."""
    return run("elu", x, alpha=alpha, name=name)


def relu6(x: Any, threshold: float = 6.0, name: str | None = None) -> Any:
    """min(max(x, 0), threshold)."""
    return run("relu6", x, threshold=threshold, name=name)


def pow(x: Any, factor: Any = 1.0, name: str | None = None) -> Any:
    """x to the power `factor` (a number or a Variable with one element)."""
    if isinstance(factor, TensorBase):
        return run("pow", x, factor, name=name)
    return run("pow", x, factor=float(factor), name=name)


def stanh(x: Any, scale_a: float = 0.67, scale_b: float = 1.7159, name: str | None = None) -> Any:
    """scale_b * tanh(scale_a * x)."""
    return run("stanh", x, scale_a=scale_a, scale_b=scale_b, name=name)


def hard_sigmoid(x: Any, slope: float = 0.2, offset: float = 0.5, name: str | None = None) -> Any:
    """slope * x + offset, clipped to [0, 1]."""
    return run("hard_sigmoid", x, slope=slope, offset=offset, name=name)


def hard_swish(x: Any, threshold: float = 6.0, scale: float = 6.0, offset: float = 3.0, name: str | None = None) -> Any:
    """x * min(max(x + offset, 0), threshold) / scale."""
    return run("hard_swish", x, threshold=threshold, scale=scale, offset=offset, name=name)


def swish(x: Any, beta: float = 1.0, name: str | None = None) -> Any:
    """x * sigmoid(beta * x)."""
    return run("swish", x, beta=beta, name=name)


def brelu(x: Any, t_min: float = 0.0, t_max: float = 24.0, name: str | None = None) -> Any:
    """x clipped to [t_min, t_max]."""
    return run("brelu", x, t_min=t_min, t_max=t_max, name=name)


def leaky_relu(x: Any, alpha: float = 0.02, name: str | None = None) -> Any:
    """x where positive, else alpha * x."""
    return run("leaky_relu", x, alpha=alpha, name=name)


def soft_relu(x: Any, threshold: float = 40.0, name: str | None = None) -> Any:
    """log(1 + exp(x)), x clipped to [-threshold, threshold]."""
    return run("soft_relu", x, threshold=threshold, name=name)


def scale(
    x: Any, scale: Any = 1.0, bias: float = 0.0, bias_after_scale: bool = True, act: str | None = None, name: str | None = None
) -> Any:
    """scale * x + bias, or scale * (x + bias)."""
    helper = Helper("scale", name)
    if isinstance(scale, TensorBase):
        out = helper("scale", x, scale, bias=float(bias), bias_after_scale=bias_after_scale)
    else:
        out = helper("scale", x, scale=float(scale), bias=float(bias), bias_after_scale=bias_after_scale)
    return helper.act(out, act)


def clip(x: Any, min: float, max: float, name: str | None = None) -> Any:
    """x cut to [min, max]."""
    return run("clip", x, min=float(min), max=float(max), name=name)


def clip_by_norm(x: Any, max_norm: float, name: str | None = None) -> Any:
    """x scaled down so that its Euclidean norm is at most `max_norm`."""
    return run("clip_by_norm", x, max_norm=float(max_norm), name=name)


def dropout(
    x: Any,
    dropout_prob: float,
    is_test: bool = False,
    seed: int | None = None,
    name: str | None = None,
    dropout_implementation: str = "downgrade_in_infer",
) -> Any:
    """Elements set to zero with this probability in training.

    "downgrade_in_infer" scales by 1 - p when testing, "upscale_in_train" by 1 / (1 - p) when training.
    """
    return run(
        "dropout", x, dropout_prob=float(dropout_prob), is_test=is_test, fix_seed=seed is not None, seed=seed or 0,
        dropout_implementation=dropout_implementation, name=name,
    )  # fmt: skip


def maxout(x: Any, groups: int, name: str | None = None, axis: int = 1) -> Any:
    """The largest of each `groups` channels."""
    return run("maxout", x, groups=groups, axis=axis, name=name)


# --- images


def _pair(value: Any, count: int) -> list[int]:
    return [int(n) for n in value] if isinstance(value, (list, tuple)) else [int(value)] * count


def _pooling(kind: str, count: int, layout: str) -> Callable[..., Any]:
    def function(
        input: Any,
        pool_size: Any = -1,
        pool_type: str = "max",
        pool_stride: Any = 1,
        pool_padding: Any = 0,
        global_pooling: bool = False,
        use_cudnn: bool = True,
        ceil_mode: bool = False,
        name: str | None = None,
        exclusive: bool = True,
        data_format: str = layout,
    ) -> Any:
        if pool_type not in ("max", "avg"):
            raise ValueError(f"{kind}: pool_type must be 'max' or 'avg', got {pool_type!r}")
        if not global_pooling and pool_size == -1:
            raise ValueError(f"{kind}: pool_size must be given unless global_pooling is set")
        algorithm, padding = "EXPLICIT", pool_padding
        if isinstance(padding, str):
            algorithm, padding = padding.upper(), 0
        if isinstance(padding, (list, tuple)) and padding and isinstance(padding[0], (list, tuple)):
            spatial = padding[2:] if data_format[1] == "C" else padding[1:-1]
            padding = [int(n) for pair in spatial for n in pair]
        pads = [int(n) for n in padding] if isinstance(padding, (list, tuple)) else [int(padding)] * count
        return run(
            kind, input, pooling_type=pool_type, ksize=_pair(pool_size, count), global_pooling=global_pooling,
            strides=_pair(pool_stride, count), paddings=pads, padding_algorithm=algorithm, use_cudnn=use_cudnn, ceil_mode=ceil_mode,
            exclusive=exclusive, data_format=data_format, name=name,
        )  # fmt: skip

    function.__name__ = function.__qualname__ = kind
    function.__doc__ = "Largest values or means of windows of `pool_size`, `pool_stride` apart; global_pooling: of the whole image."
    return function


pool2d, pool3d = _pooling("pool2d", 2, "NCHW"), _pooling("pool3d", 3, "NCDHW")


def _adaptive(kind: str, count: int, layout: str) -> Callable[..., Any]:
    def function(input: Any, pool_size: Any, pool_type: str = "max", require_index: bool = False, name: str | None = None) -> Any:
        size = _pair(pool_size, count)
        if require_index:
            if pool_type != "max":
                raise ValueError(f"adaptive_{kind}: require_index=True needs pool_type='max'")
            return run(f"max_{kind}_with_index", input, ksize=size, adaptive=True, strides=[1] * count, paddings=[0] * count, name=name)
        return run(kind, input, pooling_type=pool_type, ksize=size, adaptive=True, strides=[1] * count, paddings=[0] * count, name=name)

    function.__name__ = function.__qualname__ = f"adaptive_{kind}"
    function.__doc__ = "Largest values or means of so many windows that `pool_size` outputs per dimension come out."
    return function


adaptive_pool2d, adaptive_pool3d = _adaptive("pool2d", 2, "NCHW"), _adaptive("pool3d", 3, "NCDHW")


def lrn(
    input: Any, n: int = 5, k: float = 1.0, alpha: float = 1e-4, beta: float = 0.75, name: str | None = None, data_format: str = "NCHW"
) -> Any:
    """Normalisation by the squares of the `n` channels around: x / (k + alpha * sum) ** beta."""
    return run("lrn", input, n=n, k=k, alpha=alpha, beta=beta, data_format=data_format, name=name)


_RESIZE = {"NEAREST": "nearest_interp", "BILINEAR": "bilinear_interp", "TRILINEAR": "trilinear_interp"}


def image_resize(
    input: Any, out_shape: Any = None, scale: Any = None, name: str | None = None, resample: str = "BILINEAR", actual_shape: Any = None,
    align_corners: bool = True, align_mode: int = 1, data_format: str = "NCHW",
) -> Any:  # fmt: skip
    """Images in another size: `out_shape` (a list or a Variable), or `scale` times the old."""
    if resample not in _RESIZE:
        raise ValueError(f"image_resize: resample must be one of {', '.join(_RESIZE)}, got {resample!r}")
    if out_shape is None and scale is None:
        raise ValueError("image_resize: out_shape or scale must be given")
    dims = 3 if resample == "TRILINEAR" else 2
    size_tensor = actual_shape if isinstance(actual_shape, TensorBase) else None
    parts = scale_tensor = None
    attrs: dict[str, Any] = {}
    if isinstance(out_shape, TensorBase):
        size_tensor = out_shape
    elif out_shape is not None:
        if len(out_shape) != dims:
            raise ValueError(f"image_resize: out_shape must hold {dims} numbers, got {out_shape!r}")
        if any(isinstance(n, TensorBase) for n in out_shape):
            parts = [n if isinstance(n, TensorBase) else fill_constant([1], "int32", n, True) for n in out_shape]
        else:
            attrs = dict(zip(("out_d", "out_h", "out_w")[3 - dims :], (int(n) for n in out_shape), strict=True))
    elif isinstance(scale, TensorBase):
        scale_tensor = scale
    else:
        attrs["scale"] = float(scale)
    return run(
        _RESIZE[resample], input, size_tensor, parts, scale_tensor, interp_method=resample.lower(), align_corners=align_corners,
        align_mode=align_mode, data_layout="NCHW" if data_format[1] == "C" else "NHWC", name=name, **attrs,
    )  # fmt: skip


def resize_bilinear(
    input: Any, out_shape: Any = None, scale: Any = None, name: str | None = None, actual_shape: Any = None, align_corners: bool = True,
    align_mode: int = 1, data_format: str = "NCHW",
) -> Any:  # fmt: skip
    """`image_resize` with bilinear interpolation."""
    return image_resize(input, out_shape, scale, name, "BILINEAR", actual_shape, align_corners, align_mode, data_format)


def resize_trilinear(
    input: Any, out_shape: Any = None, scale: Any = None, name: str | None = None, actual_shape: Any = None, align_corners: bool = True,
    align_mode: int = 1, data_format: str = "NCDHW",
) -> Any:  # fmt: skip
    """`image_resize` of volumes, with trilinear interpolation."""
    return image_resize(input, out_shape, scale, name, "TRILINEAR", actual_shape, align_corners, align_mode, data_format)


def resize_nearest(
    input: Any, out_shape: Any = None, scale: Any = None, name: str | None = None, actual_shape: Any = None, align_corners: bool = True,
    data_format: str = "NCHW",
) -> Any:  # fmt: skip
    """`image_resize` that takes the nearest pixel."""
    return image_resize(input, out_shape, scale, name, "NEAREST", actual_shape, align_corners, 1, data_format)


def im2sequence(
    input: Any, filter_size: Any = 1, stride: Any = 1, padding: Any = 0, input_image_size: Any = None, out_stride: Any = 1,
    name: str | None = None,
) -> Any:  # fmt: skip
    """The windows of each image as a sequence of rows: [n * windows, channels * height * width], with a lod."""
    pads = _pair(padding, 2)
    return run(
        "im2sequence", input, input_image_size, kernels=_pair(filter_size, 2), strides=_pair(stride, 2),
        paddings=pads if len(pads) == 4 else pads * 2, out_stride=_pair(out_stride, 2), name=name,
    )  # fmt: skip


def pixel_shuffle(x: Any, upscale_factor: int) -> Any:
    """[n, c * r², h, w] to [n, c, h * r, w * r]."""
    return run("pixel_shuffle", x, upscale_factor=upscale_factor)


def space_to_depth(x: Any, blocksize: int, name: str | None = None) -> Any:
    """Blocks of the image into channels: [n, c, h, w] to [n, c * b², h / b, w / b]."""
    return run("space_to_depth", x, blocksize=blocksize, name=name)


def shuffle_channel(x: Any, group: int, name: str | None = None) -> Any:
    """Channels in another order: the first of each group, then the second."""
    return run("shuffle_channel", x, group=group, name=name)


def temporal_shift(x: Any, seg_num: int, shift_ratio: float = 0.25, name: str | None = None) -> Any:
    """A part of the channels moved to the image before, another to the one behind, among `seg_num` images of a video."""
    return run("temporal_shift", x, seg_num=seg_num, shift_ratio=shift_ratio, name=name)


def grid_sampler(x: Any, grid: Any, name: str | None = None) -> Any:
    """The image at the places of `grid`, bilinear."""
    return run("grid_sampler", x, grid, name=name)


def affine_grid(theta: Any, out_shape: Any, name: str | None = None) -> Any:
    """Places for `grid_sampler` from matrices [n, 2, 3]."""
    if isinstance(out_shape, TensorBase):
        return run("affine_grid", theta, out_shape, name=name)
    return run("affine_grid", theta, output_shape=[int(n) for n in out_shape], name=name)


def unfold(
    x: Any, kernel_sizes: Any, strides: Any = 1, paddings: Any = 0, dilations: Any = 1, name: str | None = None
) -> Any:
    """The windows of each image as columns."""
    pads = _pair(paddings, 2)
    return run(
        "unfold", x, kernel_sizes=_pair(kernel_sizes, 2), strides=_pair(strides, 2), paddings=pads if len(pads) == 4 else pads * 2,
        dilations=_pair(dilations, 2), name=name,
    )  # fmt: skip


def add_position_encoding(input: Any, alpha: float, beta: float, name: str | None = None) -> Any:
    """alpha * x + beta * (sines and cosines of the position) (Vaswani et al. 2017)."""
    return run("add_position_encoding", input, alpha=float(alpha), beta=float(beta), name=name)


# --- shapes


def reshape(x: Any, shape: Any, actual_shape: Any = None, act: str | None = None, inplace: bool = False, name: str | None = None) -> Any:
    """The elements in another shape; 0 keeps a dimension, -1 is inferred. shape: a list (with Variables in it) or a Variable."""
    helper = Helper("reshape2", name)
    given = actual_shape if isinstance(actual_shape, TensorBase) else shape if isinstance(shape, TensorBase) else None
    if given is not None:
        attrs = {} if isinstance(shape, TensorBase) else {"shape": [int(n) for n in shape]}
        return helper.act(helper("reshape2", x, given, **attrs), act)
    if any(isinstance(n, TensorBase) for n in shape):
        parts = [n if isinstance(n, TensorBase) else fill_constant([1], "int32", n, True) for n in shape]
        out = helper("reshape2", x, None, parts, shape=[-1 if isinstance(n, TensorBase) else int(n) for n in shape])
    else:
        out = helper("reshape2", x, shape=[int(n) for n in shape])
    return helper.act(out, act)


def squeeze(input: Any, axes: Sequence[int], name: str | None = None) -> Any:
    """Without the dimensions `axes` of size 1 (all such if the list is empty)."""
    return run("squeeze2", input, axes=[int(a) for a in axes], helper="squeeze", name=name)


def unsqueeze(input: Any, axes: Any, name: str | None = None) -> Any:
    """With new dimensions of size 1 at `axes`."""
    places = [axes] if isinstance(axes, int) else [int(a) for a in axes]
    return run("unsqueeze2", input, axes=places, helper="unsqueeze2", name=name)


def transpose(x: Any, perm: Sequence[int], name: str | None = None) -> Any:
    """Dimensions in the order `perm`."""
    return run("transpose2", x, axis=[int(a) for a in perm], helper="transpose", name=name)


def flatten(x: Any, axis: int = 1, name: str | None = None) -> Any:
    """A matrix: the dimensions before `axis` together, and those from it on."""
    return run("flatten2", x, axis=axis, helper="flatten", name=name)


def stack(x: Any, axis: int = 0) -> Any:
    """Tensors of one shape along a new dimension."""
    array = grown(x)  # of a traced function
    if isinstance(array, TensorArray):
        return array.joined(int(axis), True)[0]
    return run("stack", list(x) if isinstance(x, (list, tuple)) else [x], axis=axis)


def unstack(x: Any, axis: int = 0, num: int | None = None) -> list[Any]:
    """The slices along `axis`."""
    count = int(x.shape[axis]) if num is None else num
    return list(run("unstack", x, axis=axis, num=count))


def split(input: Any, num_or_sections: Any, dim: Any = -1, name: str | None = None) -> list[Any]:
    """Parts along `dim`: so many equal ones, or of these sizes (one may be -1)."""
    if isinstance(dim, TensorBase):
        raise TypeError("split: dim must be an int; a Variable as dim is not supported")
    axis = dim + len(input.shape) if dim < 0 else dim
    if isinstance(num_or_sections, int):
        return list(run("split", input, num=num_or_sections, axis=axis, name=name))
    return list(run("split", input, sections=[int(n) for n in num_or_sections], num=0, axis=axis, name=name))


def expand(x: Any, expand_times: Any, name: str | None = None) -> Any:
    """Each dimension repeated so many times."""
    if isinstance(expand_times, TensorBase):
        return run("expand", x, expand_times, name=name)
    if any(isinstance(n, TensorBase) for n in expand_times):
        parts = [n if isinstance(n, TensorBase) else fill_constant([1], "int32", n, True) for n in expand_times]
        return run("expand", x, None, parts, expand_times=[-1 if isinstance(n, TensorBase) else int(n) for n in expand_times], name=name)
    return run("expand", x, expand_times=[int(n) for n in expand_times], name=name)


def expand_as(x: Any, target_tensor: Any, name: str | None = None) -> Any:
    """`x` repeated until it has the shape of `target_tensor`."""
    return run("expand_as", x, target_tensor, name=name)


def pad(x: Any, paddings: Sequence[int], pad_value: float = 0.0, name: str | None = None) -> Any:
    """`pad_value` before and behind each dimension: paddings [before 0, behind 0, before 1, ...]."""
    return run("pad", x, paddings=[int(n) for n in paddings], pad_value=float(pad_value), name=name)


def pad_constant_like(x: Any, y: Any, pad_value: float = 0.0, name: str | None = None) -> Any:
    """`y` with `pad_value` behind, until it has the shape of `x`."""
    return run("pad_constant_like", x, y, pad_value=float(pad_value), name=name)


def pad2d(
    input: Any, paddings: Any = (0, 0, 0, 0), mode: str = "constant", pad_value: float = 0.0, data_format: str = "NCHW",
    name: str | None = None,
) -> Any:  # fmt: skip
    """Images with a border: paddings [top, bottom, left, right]; mode "constant", "reflect" or "edge"."""
    if isinstance(paddings, TensorBase):
        return run("pad2d", input, paddings, mode=mode, pad_value=float(pad_value), data_format=data_format, name=name)
    return run(
        "pad2d", input, paddings=[int(n) for n in paddings], mode=mode, pad_value=float(pad_value), data_format=data_format, name=name
    )


def crop(x: Any, shape: Any = None, offsets: Any = None, name: str | None = None) -> Any:
    """A part of `x` of this shape (a list, or that of a Variable), from `offsets` on."""
    attrs: dict[str, Any] = {}
    like = where = None
    if isinstance(shape, TensorBase):
        like = shape
    else:
        attrs["shape"] = [int(n) for n in shape]
    if isinstance(offsets, TensorBase):
        where = offsets
    else:
        attrs["offsets"] = [0] * len(x.shape) if offsets is None else [int(n) for n in offsets]
    return run("crop", x, like, where, name=name, **attrs)


def crop_tensor(x: Any, shape: Any = None, offsets: Any = None, name: str | None = None) -> Any:
    """A part of `x` of this shape (-1: up to the end), from `offsets` on."""
    sizes = [int(n) for n in (x.shape if shape is None else shape)]
    return run("crop_tensor", x, shape=sizes, offsets=[0] * len(x.shape) if offsets is None else [int(n) for n in offsets], name=name)


def slice(input: Any, axes: Sequence[int], starts: Any, ends: Any) -> Any:
    """From starts[i] up to ends[i] along axes[i]; the bounds may hold Variables."""
    attrs: dict[str, Any] = {"axes": [int(a) for a in axes], "infer_flags": [1] * len(axes)}
    inputs: list[Any] = [input, None, None, None, None]
    for place, key, bounds in ((1, "starts", starts), (2, "ends", ends)):
        if isinstance(bounds, TensorBase):
            inputs[place] = bounds
            attrs[key] = [-1] * len(axes)
            attrs["infer_flags"] = [-1] * len(axes)
        elif any(isinstance(n, TensorBase) for n in bounds):
            inputs[place + 2] = [n if isinstance(n, TensorBase) else fill_constant([1], "int32", n, True) for n in bounds]
            attrs[key] = [-1 if isinstance(n, TensorBase) else int(n) for n in bounds]
            attrs["infer_flags"] = [-1 if isinstance(n, TensorBase) else f for n, f in zip(bounds, attrs["infer_flags"], strict=True)]
        else:
            attrs[key] = [int(n) for n in bounds]
    return run("slice", *inputs, **attrs)


def strided_slice(input: Any, axes: Sequence[int], starts: Sequence[int], ends: Sequence[int], strides: Sequence[int]) -> Any:
    """Every strides[i]-th element along axes[i], from starts[i] up to ends[i]."""
    return run(
        "strided_slice", input, axes=[int(a) for a in axes], starts=[int(n) for n in starts], ends=[int(n) for n in ends],
        strides=[int(n) for n in strides], infer_flags=[1] * len(axes),
    )  # fmt: skip


def shape(input: Any) -> Any:
    """The dimensions, int32."""
    out = run("shape", input)
    out.stop_gradient = True
    return out


def rank(input: Any) -> Any:
    """The number of dimensions, int32 with one element."""
    return fill_constant([1], "int32", len(input.shape))


def size(input: Any) -> Any:
    """The number of elements, int64 with one element."""
    return run("size", input)


# --- rows by number


def gather(input: Any, index: Any, overwrite: bool = True) -> Any:
    """Rows of `input` by number. overwrite: how Paddle adds gradients up; they are right either way."""
    return run("gather", input, index)


def gather_nd(input: Any, index: Any, name: str | None = None) -> Any:
    """Elements or slices by the numbers in the last dimension of `index`."""
    return run("gather_nd", input, index, name=name)


def scatter(input: Any, index: Any, updates: Any, name: str | None = None, overwrite: bool = True) -> Any:
    """`input` with rows replaced by `updates` (overwrite=False: with their sum)."""
    return run("scatter", input, index, updates, overwrite=overwrite, name=name)


def scatter_nd_add(ref: Any, index: Any, updates: Any, name: str | None = None) -> Any:
    """`ref` with `updates` added at `index`."""
    return run("scatter_nd_add", ref, index, updates, name=name)


def scatter_nd(index: Any, updates: Any, shape: Sequence[int], name: str | None = None) -> Any:
    """Zeros of this shape with `updates` added at `index`."""
    return scatter_nd_add(fill_constant(shape, updates.dtype, 0.0), index, updates, name)


def gather_tree(ids: Any, parents: Any) -> Any:
    """Beams followed back from the last step: [time, batch, beams]."""
    return run("gather_tree", ids, parents)


def one_hot(input: Any, depth: Any, allow_out_of_range: bool = False) -> Any:
    """A row of `depth` numbers per id, one of them 1. input: int64 [..., 1]."""
    if isinstance(depth, TensorBase):
        out = run("one_hot", input, depth, allow_out_of_range=allow_out_of_range)
    else:
        out = run("one_hot", input, depth=int(depth), allow_out_of_range=allow_out_of_range)
    out.stop_gradient = True
    return out


def where(condition: Any) -> Any:
    """The places where `condition` is true: int64 [count, dimensions]."""
    return run("where_index", condition, helper="where_index")


def unique(x: Any, dtype: Any = "int32") -> tuple[Any, Any]:
    """The different values, and which one each element is."""
    out, _, index, _ = run("unique", x, dtype=as_dtype(dtype).proto, return_inverse=True, is_sorted=False)
    return out, index


def shard_index(input: Any, index_num: int, nshards: int, shard_id: int, ignore_value: int = -1) -> Any:
    """Ids relative to their shard; `ignore_value` for those of other shards."""
    return run("shard_index", input, index_num=index_num, nshards=nshards, shard_id=shard_id, ignore_value=ignore_value)


# --- lod


def lod_reset(x: Any, y: Any = None, target_lod: Sequence[int] | None = None) -> Any:
    """`x` with the lod of `y` (or with the offsets that `y` holds), or with the offsets `target_lod`."""
    if y is not None:
        return run("lod_reset", x, y)
    if target_lod is None:
        raise ValueError("lod_reset: y or target_lod must be given")
    return run("lod_reset", x, target_lod=[int(n) for n in target_lod])


def lod_append(x: Any, level: Any) -> Any:
    """`x` with one more level of lod: offsets in a list, or a Variable that has or holds them."""
    if isinstance(level, TensorBase):
        return run("lod_reset", x, level, append=True, helper="lod_append")
    return run("lod_reset", x, target_lod=[int(n) for n in level], append=True, helper="lod_append")


# --- random numbers


def uniform_random(shape: Any, dtype: Any = "float32", min: float = -1.0, max: float = 1.0, seed: int = 0) -> Any:
    """Uniform numbers in [min, max)."""
    return run("uniform_random", shape=[int(n) for n in shape], min=float(min), max=float(max), seed=seed, dtype=as_dtype(dtype).proto)


def gaussian_random(shape: Any, mean: float = 0.0, std: float = 1.0, seed: int = 0, dtype: Any = "float32") -> Any:
    """Normal numbers."""
    return run("gaussian_random", shape=[int(n) for n in shape], mean=float(mean), std=float(std), seed=seed, dtype=as_dtype(dtype).proto)


def uniform_random_batch_size_like(
    input: Any, shape: Sequence[int], dtype: Any = "float32", input_dim_idx: int = 0, output_dim_idx: int = 0, min: float = -1.0,
    max: float = 1.0, seed: int = 0,
) -> Any:  # fmt: skip
    """`uniform_random` whose dimension `output_dim_idx` is dimension `input_dim_idx` of `input`."""
    return run(
        "uniform_random_batch_size_like", input, shape=[int(n) for n in shape], input_dim_idx=input_dim_idx, output_dim_idx=output_dim_idx,
        min=float(min), max=float(max), seed=seed, dtype=as_dtype(dtype).proto,
    )  # fmt: skip


def gaussian_random_batch_size_like(
    input: Any, shape: Sequence[int], input_dim_idx: int = 0, output_dim_idx: int = 0, mean: float = 0.0, std: float = 1.0, seed: int = 0,
    dtype: Any = "float32",
) -> Any:  # fmt: skip
    """`gaussian_random` whose dimension `output_dim_idx` is dimension `input_dim_idx` of `input`."""
    return run(
        "gaussian_random_batch_size_like", input, shape=[int(n) for n in shape], input_dim_idx=input_dim_idx, output_dim_idx=output_dim_idx,
        mean=float(mean), std=float(std), seed=seed, dtype=as_dtype(dtype).proto,
    )  # fmt: skip


def sampling_id(x: Any, min: float = 0.0, max: float = 1.0, seed: int = 0, dtype: Any = "float32") -> Any:
    """A column number drawn per row with the probabilities in it. dtype: has no effect, as in Paddle."""
    return run("sampling_id", x, min=float(min), max=float(max), seed=seed)


# --- losses that stand among the layers in 1.x


def smooth_l1(x: Any, y: Any, inside_weight: Any = None, outside_weight: Any = None, sigma: float | None = None) -> Any:
    """Per row the sum of d² / 2 near zero and of |d| beyond, d = x - y: [n, 1]."""
    return run("smooth_l1_loss", x, y, inside_weight, outside_weight, sigma=1.0 if sigma is None else float(sigma))


def label_smooth(
    label: Any, prior_dist: Any = None, epsilon: float = 0.1, dtype: Any = "float32", name: str | None = None
) -> Any:
    """(1 - epsilon) * label + epsilon * (prior or 1 / classes), of the type of `label`; dtype: has no effect, as in Paddle."""
    out = run("label_smooth", label, prior_dist, epsilon=float(epsilon), name=name)
    out.stop_gradient = True
    return out


def dice_loss(input: Any, label: Any, epsilon: float = 1e-5, name: str | None = None) -> Any:
    """1 - 2 * overlap / (total of prediction and label); label: class numbers [..., 1]."""
    wide = one_hot(label, depth=int(input.shape[-1]))
    dims = list(np.arange(1, len(input.shape)).tolist())
    inside = reduce_sum(elementwise_mul(input, wide), dim=dims)
    total = elementwise_add(reduce_sum(input, dim=dims), reduce_sum(wide, dim=dims))
    return reduce_mean(scale(elementwise_div(scale(inside, 2.0), scale(total, 1.0, epsilon)), -1.0, 1.0))

