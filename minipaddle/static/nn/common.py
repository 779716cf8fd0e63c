"""``paddle.static.nn``: layers as functions. They make their parameters and append the operators that the layers append too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ... import dtypes
from ...core.dispatch import call
from ...core.parameters import create_parameter
from ...core.program import Variable
from ...nn import functional as F
from ...nn.initializer import Constant, Initializer, Normal, chosen_initializer, unique_parameter_name
from ...nn.param_attr import ParamAttr
from ...ops.registry import find_op
from ...utils import unique_name
from ..extras import WeightNormParamAttr
from ..program import static_only, static_recorder

__all__ = [
    "batch_norm", "bilinear_tensor_product", "conv2d", "conv2d_transpose", "conv3d", "conv3d_transpose", "embedding", "fc",
    "group_norm", "instance_norm", "layer_norm", "prelu", "row_conv", "spectral_norm",
]  # fmt: skip


class _Layer:
    """The name of one layer, from which its parameters and results take theirs."""

    def __init__(self, kind: str, name: str | None) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{kind}: name must be a string, got {type(name).__name__}")
        self.kind = kind
        self.name = unique_name.generate(kind) if name is None else name
        self.recorder = static_recorder(kind)

    def parameter(
        self, attr: Any, shape: Sequence[int], dtype: dtypes.DType, is_bias: bool = False, default: Initializer | None = None,
        stop_gradient: bool | None = None,
    ) -> Any:  # fmt: skip
        """A parameter as `attr` says; None when that is False."""
        attr = ParamAttr._to_attr(attr)
        if attr is False:
            return None
        if any(n < 0 for n in shape):
            raise ValueError(
                f"{self.kind}: a parameter of shape {list(shape)} depends on an unknown dimension; give it in paddle.static.data"
            )
        size = [int(n) for n in shape]
        initializer = chosen_initializer(attr.initializer, default, is_bias)
        name = attr.name or unique_parameter_name(self.name, is_bias)

        def made(name: str, size: list[int], make: Any) -> Any:
            return create_parameter(
                size, dtype, name, make, trainable=attr.trainable, optimize_attr={"learning_rate": attr.learning_rate},
                regularizer=attr.regularizer, need_clip=attr.need_clip, stop_gradient=stop_gradient,
            )  # fmt: skip

        if not isinstance(attr, WeightNormParamAttr):
            return made(name, size, lambda: initializer.values(size, dtype))
        return self._normalized(attr.dim, name, size, made, lambda: initializer.values(size, dtype))

    def _normalized(self, dim: int | None, name: str, size: list[int], made: Any, make: Any) -> Any:
        """A weight as length and direction: ``g * v / |v|``; g starts as the length of v."""
        if dim is not None and not -len(size) <= dim < len(size):
            raise ValueError(f"WeightNormParamAttr: dim = {dim} is out of range for a parameter of shape {size}")
        axes = [i for i in range(len(size)) if dim is None or i != dim % len(size)]
        lengths = [1] if dim is None else [1 if i in axes else n for i, n in enumerate(size)]

        def length(v: Any) -> Any:
            total = call(
                find_op("reduce_sum"),
                call(find_op("square"), v),
                dim=axes,
                keep_dim=dim is not None,
                reduce_all=dim is None,
            )
            root = call(find_op("sqrt"), total)
            return call(find_op("reshape2"), root, shape=[1])[0] if dim is None else root

        v = made(name + "_v", size, make)
        start = self.recorder.startup.global_block().var(v.name)
        g = made(name + "_g", lengths, lambda: length(start))
        with self.recorder.helper(self.name):
            return call(find_op("elementwise_mul"), v, call(find_op("elementwise_div"), g, length(v)))

    def call(self, op_type: str, *inputs: Any, **attrs: Any) -> Any:
        """Append an operator whose outputs are named after the layer."""
        with self.recorder.helper(self.name):
            return call(find_op(op_type), *inputs, **attrs)

    def apply(self, function: Any, *inputs: Any, **options: Any) -> Any:
        """Call a public function whose outputs are named after the layer."""
        with self.recorder.helper(self.name):
            return function(*inputs, **options)

    def bias(self, x: Any, attr: Any, size: int, axis: int) -> Any:
        """`x` plus a bias along `axis`, unless `attr` is False."""
        b = self.parameter(attr, [size], x.dtype, is_bias=True)
        return x if b is None else self.call("elementwise_add", x, b, axis=axis)

    def activated(self, x: Any, act: Any) -> Any:
        """`x` through the operator named `act`."""
        if act is None:
            return x
        if not isinstance(act, str):
            raise TypeError(f"{self.kind}: the activation must be a name such as 'relu', got {type(act).__name__}")
        try:
            return self.call(act, x)
        except KeyError as error:
            raise ValueError(f"{self.kind}: unknown activation {act!r}; {error.args[0]}") from None


def _variable(value: Any, what: str) -> Variable:
    if not isinstance(value, Variable):
        raise TypeError(f"The type of '{what}' must be Variable, but received {type(value).__name__}")
    return value


def _shape(x: Variable) -> tuple[int, ...]:
    return x.static_shape


@static_only
def fc(
    x: Any,
    size: int,
    num_flatten_dims: int = 1,
    weight_attr: Any = None,
    bias_attr: Any = None,
    activation: str | None = None,
    name: str | None = None,
) -> Any:
    """Matrix product with a new weight, plus a bias: [..., in] -> [..., size]. x: a Variable or a list whose products are added.

    num_flatten_dims: that many leading dimensions are kept, the others together are the input width. bias_attr=False: no
    bias. activation: the name of an operator. TypeError unless `x` holds Variables.
    """
    layer = _Layer("fc", name)
    inputs = list(x) if isinstance(x, (list, tuple)) else [x]
    attrs = list(weight_attr) if isinstance(weight_attr, (list, tuple)) else [weight_attr] * len(inputs)
    if len(attrs) != len(inputs):
        raise ValueError(f"fc: {len(inputs)} inputs need as many weight_attr, got {len(attrs)}")
    products = []
    flat = num_flatten_dims
    for v, attr in zip(inputs, attrs):
        shape = _shape(_variable(v, "x"))
        flat = len(shape) - 1 if num_flatten_dims == -1 else num_flatten_dims
        if not 0 < flat < len(shape):
            raise ValueError(
                f"fc: num_flatten_dims must be between 1 and {len(shape) - 1} for input {list(shape)}, got {num_flatten_dims}"
            )
        width = -1 if -1 in shape[flat:] else math.prod(shape[flat:])
        w = layer.parameter(attr, [width, size], v.dtype)
        if w is None:
            raise ValueError("fc: weight_attr must not be False")
        products.append(layer.call("mul", v, w, x_num_col_dims=flat, y_num_col_dims=1))
    out = products[0] if len(products) == 1 else layer.call("sum", products)
    return layer.activated(layer.bias(out, bias_attr, size, flat), activation)


@static_only
def embedding(
    input: Any,
    size: Sequence[int],
    is_sparse: bool = False,
    is_distributed: bool = False,
    padding_idx: int | None = None,
    param_attr: Any = None,
    dtype: Any = "float32",
) -> Any:
    """Rows of a new table: ids of any shape [...] -> [..., size[1]].

    size: [rows, width]. padding_idx: ids of this row give zeros and no gradient. is_sparse, is_distributed: how Paddle keeps the
    gradient; it is dense here.
    """
    layer = _Layer("embedding", None)
    _variable(input, "input")
    w = layer.parameter(param_attr, size, dtypes.as_dtype(dtype))
    padding = -1 if padding_idx is None else padding_idx if padding_idx >= 0 else size[0] + padding_idx
    return layer.call("lookup_table_v2", input, w, padding_idx=padding)


def _pair(value: Any, n: int, what: str) -> list[int]:
    items = list(value) if isinstance(value, (list, tuple)) else [value] * n
    if len(items) == 1:
        items *= n
    if len(items) != n or not all(isinstance(v, int) for v in items):
        raise ValueError(f"{what} must be an int or a list of {n} ints, got {value!r}")
    return items


def _conv(
    kind: str, function: Any, dims: int, input: Any, num_filters: int,
    filter_size: Any, stride: Any, padding: Any, dilation: Any, groups: int | None,
    param_attr: Any, bias_attr: Any, use_cudnn: bool, act: str | None, name: str | None, data_format: str,
) -> Any:  # fmt: skip
    _variable(input, "input")
    if not isinstance(use_cudnn, bool):
        raise ValueError(f"{kind}: use_cudnn must be True or False, got {use_cudnn!r}")
    if param_attr is False:
        raise ValueError(f"{kind}: param_attr must not be False")
    layer = _Layer(kind, name)
    channel_axis = _channel_axis(kind, data_format, dims)
    channels = _shape(input)[channel_axis]
    if channels < 0:
        raise ValueError(
            f"{kind}: the number of channels of {input.name!r} is unknown ({list(_shape(input))}); give it in paddle.static.data"
        )
    groups = groups or 1
    if channels % groups or num_filters % groups:
        raise ValueError(f"{kind}: {channels} channels and {num_filters} filters must be multiples of groups, {groups}")
    kernel = _pair(filter_size, dims, f"{kind}: filter_size")
    std = (2.0 / (math.prod(kernel) * channels)) ** 0.5
    w = layer.parameter(param_attr, [num_filters, channels // groups, *kernel], input.dtype, default=Normal(0.0, std))
    out = layer.apply(function, input, w, None, stride, padding, dilation, groups, data_format)
    return layer.activated(layer.bias(out, bias_attr, num_filters, channel_axis), act)


def _channel_axis(kind: str, data_format: str, dims: int) -> int:
    first, last = ("NCHW", "NHWC") if dims == 2 else ("NCDHW", "NDHWC")
    if data_format not in (first, last):
        raise ValueError(f"{kind}: data_format must be {first!r} or {last!r}, got {data_format!r}")
    return 1 if data_format == first else dims + 1


@static_only
def conv2d(
    input: Any, num_filters: int, filter_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int | None = None,
    param_attr: Any = None, bias_attr: Any = None, use_cudnn: bool = True, act: str | None = None, name: str | None = None,
    data_format: str = "NCHW",
) -> Any:  # fmt: skip
    """Convolution [N, C, H, W] -> [N, num_filters, H', W'] with new filters and bias; see `nn.functional.conv2d`."""
    return _conv(
        "conv2d", F.conv2d, 2, input, num_filters, filter_size, stride, padding, dilation, groups, param_attr, bias_attr, use_cudnn, act,
        name, data_format,
    )  # fmt: skip


@static_only
def conv3d(
    input: Any, num_filters: int, filter_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int | None = None,
    param_attr: Any = None, bias_attr: Any = None, use_cudnn: bool = True, act: str | None = None, name: str | None = None,
    data_format: str = "NCDHW",
) -> Any:  # fmt: skip
    """Convolution [N, C, D, H, W] -> [N, num_filters, D', H', W'] with new filters and bias; see `nn.functional.conv3d`."""
    return _conv(
        "conv3d", F.conv3d, 3, input, num_filters, filter_size, stride, padding, dilation, groups, param_attr, bias_attr, use_cudnn, act,
        name, data_format,
    )  # fmt: skip


def _conv_transpose(
    kind: str, function: Any, dims: int, input: Any, num_filters: int,
    output_size: Any, filter_size: Any, padding: Any, stride: Any, dilation: Any,
    groups: int | None, param_attr: Any, bias_attr: Any, act: str | None, name: str | None, data_format: str,
) -> Any:  # fmt: skip
    _variable(input, "input")
    if param_attr is False:
        raise ValueError(f"{kind}: param_attr must not be False")
    layer = _Layer(kind, name)
    channel_axis = _channel_axis(kind, data_format, dims)
    shape = _shape(input)
    channels = shape[channel_axis]
    groups = groups or 1
    if filter_size is None:
        if output_size is None:
            raise ValueError(f"{kind}: output_size must be set when filter_size is None")
        if isinstance(padding, str):
            raise ValueError(f"{kind}: without filter_size, padding must be numbers, got {padding!r}")
        sizes, strides = _pair(output_size, dims, "output_size"), _pair(stride, dims, "stride")
        pads, dilations = _pair(padding, dims, "padding"), _pair(dilation, dims, "dilation")
        space = shape[2:] if channel_axis == 1 else shape[1:-1]
        kernel = [
            (o - (i - 1) * s + 2 * p - 1) // d + 1 for o, i, s, p, d in zip(sizes, space, strides, pads, dilations)
        ]
    else:
        kernel = _pair(filter_size, dims, f"{kind}: filter_size")
    w = layer.parameter(param_attr, [channels, num_filters // groups, *kernel], input.dtype)
    out = layer.apply(
        function, input, w, None, stride=stride, padding=padding, groups=groups, dilation=dilation, output_size=output_size,
        data_format=data_format,
    )  # fmt: skip
    return layer.activated(layer.bias(out, bias_attr, num_filters, channel_axis), act)


@static_only
def conv2d_transpose(
    input: Any, num_filters: int, output_size: Any = None, filter_size: Any = None, padding: Any = 0, stride: Any = 1, dilation: Any = 1,
    groups: int | None = None, param_attr: Any = None, bias_attr: Any = None, use_cudnn: bool = True, act: str | None = None,
    name: str | None = None, data_format: str = "NCHW",
) -> Any:  # fmt: skip
    """Transposed convolution of images with new filters and bias; `filter_size` or `output_size` must be given."""
    return _conv_transpose(
        "conv2d_transpose", F.conv2d_transpose, 2, input, num_filters, output_size, filter_size, padding, stride, dilation,
        groups, param_attr,
        bias_attr, act, name, data_format,
    )  # fmt: skip


@static_only
def conv3d_transpose(
    input: Any, num_filters: int, output_size: Any = None, filter_size: Any = None, padding: Any = 0, stride: Any = 1, dilation: Any = 1,
    groups: int | None = None, param_attr: Any = None, bias_attr: Any = None, use_cudnn: bool = True, act: str | None = None,
    name: str | None = None, data_format: str = "NCDHW",
) -> Any:  # fmt: skip
    """Transposed convolution of volumes with new filters and bias; `filter_size` or `output_size` must be given."""
    return _conv_transpose(
        "conv3d_transpose", F.conv3d_transpose, 3, input, num_filters, output_size, filter_size, padding, stride, dilation,
        groups, param_attr,
        bias_attr, act, name, data_format,
    )  # fmt: skip


@static_only
def batch_norm(
    input: Any, act: str | None = None, is_test: bool = False, momentum: float = 0.9, epsilon: float = 1e-05, param_attr: Any = None,
    bias_attr: Any = None, data_layout: str = "NCHW", in_place: bool = False, name: str | None = None, moving_mean_name: str | None = None,
    moving_variance_name: str | None = None, do_model_average_for_mean_and_var: bool = True, use_global_stats: bool = False,
) -> Any:  # fmt: skip
    """Batch normalisation over all axes but the channels, with new scale, bias and running statistics.

    is_test or use_global_stats: normalise with the running statistics. in_place: saves memory in Paddle, nothing here.
    """
    if bias_attr is False:
        raise AssertionError("bias_attr should not be False in batch_norm.")
    _variable(input, "input")
    layer = _Layer("batch_norm", name)
    shape = _shape(input)
    channels = shape[1] if data_layout == "NCHW" or len(shape) == 2 else shape[-1]
    dtype = dtypes.float32 if input.dtype.name in ("float16", "bfloat16") else input.dtype
    scale = layer.parameter(param_attr, [channels], dtype, default=Constant(1.0))
    bias = layer.parameter(bias_attr, [channels], dtype, is_bias=True)
    statistics = [
        layer.parameter(
            ParamAttr(name=given, initializer=Constant(start), trainable=False, do_model_average=do_model_average_for_mean_and_var),
            [channels], dtype, stop_gradient=True,
        )
        for given, start in ((moving_mean_name, 0.0), (moving_variance_name, 1.0))
    ]  # fmt: skip
    out = layer.call(
        "batch_norm", input, scale, bias, *statistics, momentum=momentum, epsilon=epsilon, is_test=is_test, data_layout=data_layout,
        use_global_stats=use_global_stats,
    )  # fmt: skip
    return layer.activated(out, act)


@static_only
def layer_norm(
    input: Any, scale: bool = True, shift: bool = True, begin_norm_axis: int = 1, epsilon: float = 1e-05, param_attr: Any = None,
    bias_attr: Any = None, act: str | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Normalisation over the axes from `begin_norm_axis` on, with a new scale and shift of their size."""
    _variable(input, "input")
    layer = _Layer("layer_norm", name)
    dims = _shape(input)[begin_norm_axis:]
    size = [-1 if -1 in dims else math.prod(dims)]
    w = b = None
    if scale:
        if param_attr is False:
            raise AssertionError("param_attr should not be False when using scale.")
        w = layer.parameter(param_attr, size, input.dtype, default=Constant(1.0))
    if shift:
        if bias_attr is False:
            raise AssertionError("bias_attr should not be False when using shift.")
        b = layer.parameter(bias_attr, size, input.dtype, is_bias=True)
    out = layer.call("layer_norm", input, w, b, epsilon=epsilon, begin_norm_axis=begin_norm_axis)
    return layer.activated(out, act)


@static_only
def group_norm(
    input: Any, groups: int, epsilon: float = 1e-05, param_attr: Any = None, bias_attr: Any = None, act: str | None = None,
    data_layout: str = "NCHW", name: str | None = None,
) -> Any:  # fmt: skip
    """Normalisation within `groups` groups of channels; param_attr and bias_attr give it a scale and bias per channel.

    Without these attributes there are none, as in Paddle 2.6.2.
    """
    if data_layout not in ("NCHW", "NHWC"):
        raise ValueError(
            f"Param(data_layout) of Op(paddle.static.nn.group_norm) got wrong value: received {data_layout!r} but only "
            "NCHW or NHWC supported."
        )
    _variable(input, "input")
    layer = _Layer("group_norm", name)
    channels = _shape(input)[1 if data_layout == "NCHW" else -1]
    w = layer.parameter(param_attr or False, [channels], input.dtype, default=Constant(1.0))
    b = layer.parameter(bias_attr or False, [channels], input.dtype, is_bias=True)
    return layer.activated(
        layer.call("group_norm", input, w, b, epsilon=epsilon, groups=groups, data_layout=data_layout), act
    )


@static_only
def instance_norm(
    input: Any, epsilon: float = 1e-05, param_attr: Any = None, bias_attr: Any = None, name: str | None = None
) -> Any:
    """Normalisation of each channel of each sample; with a scale and a bias per channel if both attributes are given, as in Paddle.

    AssertionError if just one of them is False.
    """
    if param_attr is False and bias_attr is not False or bias_attr is False and param_attr is not False:
        raise AssertionError("param_attr and bias_attr must be set to False at the same time in instance_norm")
    _variable(input, "input")
    layer = _Layer("instance_norm", name)
    channels = _shape(input)[1]
    w = b = None
    if param_attr and bias_attr:
        w = layer.parameter(param_attr, [channels], input.dtype, default=Constant(1.0))
        b = layer.parameter(bias_attr, [channels], input.dtype, is_bias=True, default=Constant(0.0))
    return layer.call("instance_norm", input, w, b, epsilon=epsilon)


@static_only
def prelu(x: Any, mode: str, param_attr: Any = None, data_format: str = "NCHW", name: str | None = None) -> Any:
    """max(x, 0) + alpha * min(x, 0) with a new alpha that starts at 0.25: one ("all"), per "channel", or per "element"."""
    if mode not in ("all", "channel", "element"):
        raise ValueError("mode should be one of all, channel, element.")
    _variable(x, "x")
    layer = _Layer("prelu", name)
    shape = _shape(x)
    size = [1]
    if mode == "channel":
        if data_format not in ("NC", "NCL", "NCHW", "NCDHW", "NLC", "NHWC", "NDHWC"):
            raise ValueError(
                f"data_format must be one of 'NC', 'NCL', 'NCHW', 'NCDHW', 'NLC', 'NHWC', 'NDHWC' but receive '{data_format}'"
            )
        last = data_format[-1] == "C" and data_format != "NC"
        if len(shape) < 2:
            raise AssertionError(
                "The size of input shape should be equal or larger than 2 in prelu() when mode is 'channel'"
            )
        size = [1] * (len(shape) - 1) + [shape[-1]] if last else [1, shape[1]] + [1] * (len(shape) - 2)
        data_format = "NHWC" if last else "NCHW"
    elif mode == "element":
        if not shape:
            raise AssertionError(
                "The size of input shape should be equal or larger than 1 in prelu() when mode is 'element'"
            )
        size = [1, *shape[1:]]
    alpha = layer.parameter(
        param_attr, size, dtypes.float32 if x.dtype.itemsize == 2 else x.dtype, default=Constant(0.25)
    )
    return layer.call("prelu", x, alpha, mode=mode, data_format=data_format)


@static_only
def bilinear_tensor_product(
    x: Any,
    y: Any,
    size: int,
    act: str | None = None,
    name: str | None = None,
    param_attr: Any = None,
    bias_attr: Any = None,
) -> Any:
    """x W_k y for k < size with a new W, plus a bias: [N, in1], [N, in2] -> [N, size]."""
    layer = _Layer("bilinear_tensor_product", name)
    w = layer.parameter(param_attr, [size, _shape(_variable(x, "x"))[1], _shape(_variable(y, "y"))[1]], x.dtype)
    b = layer.parameter(bias_attr, [1, size], x.dtype, is_bias=True)
    return layer.activated(layer.call("bilinear_tensor_product", x, y, w, b), act)


@static_only
def spectral_norm(weight: Any, dim: int = 0, power_iters: int = 1, eps: float = 1e-12, name: str | None = None) -> Any:
    """`weight` divided by its largest singular value, which is found by `power_iters` steps of power iteration."""
    layer = _Layer("spectral_norm", name)
    shape = _shape(_variable(weight, "weight"))
    if not -len(shape) <= dim < len(shape):
        raise ValueError(f"The input `dim` should be less than the rank of `weight`, but received dim={dim}")
    h = shape[dim]
    w = math.prod(shape) // h
    u = layer.parameter(ParamAttr(initializer=Normal(0.0, 1.0), trainable=False), [h], weight.dtype, stop_gradient=True)
    v = layer.parameter(ParamAttr(initializer=Normal(0.0, 1.0), trainable=False), [w], weight.dtype, stop_gradient=True)
    return layer.call("spectral_norm", weight, u, v, dim=dim, power_iters=power_iters, eps=eps)


@static_only
def row_conv(input: Any, future_context_size: int, param_attr: Any = None, act: str | None = None) -> Any:
    """Lookahead convolution over sequences: row t sees rows t to t + future_context_size."""
    layer = _Layer("row_conv", None)
    _variable(input, "input")
    w = layer.parameter(param_attr, [future_context_size + 1, _shape(input)[-1]], input.dtype)
    return layer.activated(layer.call("row_conv", input, w), act)
