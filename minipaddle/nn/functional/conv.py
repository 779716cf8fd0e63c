"""``paddle.nn.functional``: convolutions and transposed convolutions.

`padding` may be a number for every axis, a list of one number per axis, of two per axis (before and after), a list of pairs for all axes
of the input (with [0, 0] for batch and channels), "SAME" (as many places as the input has, divided by the stride) or
"VALID" (none). Weights of convolutions are [out, in / groups, *kernel], of transposed ones [in, out / groups, *kernel].
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

from ...core.dispatch import call
from ...core.recorder import spec_of
from ...core.tensor import TensorBase, isinstance_strict
from ...ops import conv as C
from ...ops import elementwise as E
from ...ops.registry import Op
from ...tensor.arguments import as_int, is_tensor_like
from ...tensor.manipulation import squeeze, unsqueeze

__all__ = ["conv1d", "conv1d_transpose", "conv2d", "conv2d_transpose", "conv3d", "conv3d_transpose"]

FORMATS = {1: ("NCL", "NLC"), 2: ("NCHW", "NHWC"), 3: ("NCDHW", "NDHWC")}


def channels_are_last(data_format: str, dims: int) -> bool:
    """Whether `data_format` for `dims` spatial axes has the channels last. ValueError if it is none of the two."""
    first, last = FORMATS[dims]
    if data_format not in (first, last):
        raise ValueError(
            f"Attr(data_format) should be {first!r} or {last!r}. Received Attr(data_format): {data_format}."
        )
    return data_format == last


def int_list(value: Any, n: int, name: str) -> list[int]:
    """`value` as a list of `n` ints: a number stands for all of them. ValueError for another length or type."""
    if type(value) is int:
        return [value] * n
    if isinstance(value, Integral):
        return [int(value)] * n
    if is_tensor_like(value) and not value.shape:
        return [as_int(value, name, ValueError)] * n
    try:
        found = [as_int(v, name, ValueError) for v in value]
    except TypeError:
        raise ValueError(f"The {name}'s type must be int, list or tuple. Received: {value!r}") from None
    if len(found) != n:
        raise ValueError(f"The {name}'s length must be {n}. Received: {value!r}")
    return found


def padding_of(padding: Any, dims: int, channel_last: bool) -> tuple[list[int], str]:
    """The attributes `paddings` and `padding_algorithm` for a `padding` argument; ValueError for a form that is none."""
    if isinstance(padding, str):
        algorithm = padding.upper()
        if algorithm not in ("SAME", "VALID"):
            raise ValueError(f"Unknown padding: '{padding}'. It can only be 'SAME' or 'VALID'.")
        return [0] * dims, algorithm
    if not isinstance(padding, (list, tuple)):
        return int_list(padding, dims, "padding"), "EXPLICIT"
    if len(padding) == dims + 2 and isinstance(padding[0], (list, tuple)):
        outer = (padding[0], padding[-1]) if channel_last else (padding[0], padding[1])
        if any(list(p) != [0, 0] for p in outer):
            raise ValueError(f"Non-zero padding({padding}) in the batch or channel dimensions is not supported.")
        pairs = padding[1:-1] if channel_last else padding[2:]
        numbers = [as_int(n, "padding", ValueError) for pair in pairs for n in pair]
    elif len(padding) in (dims, 2 * dims) and isinstance(padding[0], Integral):
        numbers = [as_int(n, "padding", ValueError) for n in padding]
    else:
        raise ValueError(
            f"Invalid padding: {padding!r}; expected a number, {dims} or {2 * dims} numbers, {dims + 2} pairs, 'SAME' or 'VALID'"
        )
    if len(numbers) == 2 * dims and numbers[::2] == numbers[1::2]:
        numbers = numbers[::2]
    return numbers, "EXPLICIT"


def _not_negative(padding: list[int]) -> None:
    if any(p < 0 for p in padding):
        raise ValueError(f"Invalid padding, all value should be larger than or equal to 0, but received: {padding}")


def convolved(
    op: Op,
    x: Any,
    weight: Any,
    bias: Any,
    strides: list[int],
    paddings: list[int],
    algorithm: str,
    dilations: list[int],
    groups: int,
    data_format: str,
    channel_axis: int,
) -> Any:
    """The operator and the addition of the bias, once the arguments are settled."""
    out = call(
        op,
        x,
        weight,
        strides=strides,
        paddings=paddings,
        padding_algorithm=algorithm,
        dilations=dilations,
        groups=groups,
        data_format=data_format,
    )
    return out if bias is None else call(E.elementwise_add, out, bias, axis=channel_axis)


def _channels(
    what: str, x: Any, weight: Any, dims: int, channel_last: bool, groups: int
) -> tuple[int, tuple[int, ...]]:
    """Channels of x and the shape of the weight, after the checks that all six functions share."""
    for name, t in (("x", x), ("weight", weight)):
        if not isinstance_strict(t, TensorBase):
            raise TypeError(f"{what}: {name} must be a Tensor, got {type(t).__name__}")
    shape, filters = spec_of(x).shape, spec_of(weight).shape
    for name, found in (("x", shape), ("weight", filters)):
        if len(found) != dims + 2:
            raise ValueError(
                f"{what}: {name} should be a {dims + 2}D tensor, but received {name} with the shape of {list(found)}"
            )
    channels = shape[-1 if channel_last else 1]
    if channels < 0:
        raise ValueError(
            f"{what}: the channel dimension of the input({list(shape)}) should be defined. Received: {channels}."
        )
    if groups <= 0:
        raise ValueError(f"{what}: groups should be greater than 0. Received groups: {groups}")
    if channels % groups:
        raise ValueError(
            f"{what}: the channels of the input, {channels} of {list(shape)}, must be divisible by groups, {groups}"
        )
    return channels, filters


def _conv(
    dims: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int, data_format: str
) -> Any:
    what = f"conv{dims}d"
    last = channels_are_last(data_format, dims)
    channels, filters = _channels(what, x, weight, dims, last, groups)
    if filters[0] % groups:
        raise ValueError(
            f"{what}: the number of filters, {filters[0]} of weight {list(filters)}, must be divisible by groups, {groups}"
        )
    paddings, algorithm = padding_of(padding, dims, last)
    _not_negative(paddings)
    strides, dilations = int_list(stride, dims, "stride"), int_list(dilation, dims, "dilation")
    axis = -1 if last else 1
    if dims == 3:
        return convolved(C.conv3d, x, weight, bias, strides, paddings, algorithm, dilations, groups, data_format, axis)
    op = C.depthwise_conv2d if dims == 2 and depthwise(channels, filters[0], groups) else C.conv2d
    if dims == 2:
        return convolved(op, x, weight, bias, strides, paddings, algorithm, dilations, groups, data_format, axis)
    # one axis: two, of which the first has one element
    paddings = [0, *paddings] if len(paddings) == 1 else [0, 0, *paddings]
    extra = 1 if last else 2
    out = convolved(
        op,
        unsqueeze(x, extra),
        unsqueeze(weight, 2),
        bias,
        [1, *strides],
        paddings,
        algorithm,
        [1, *dilations],
        groups,
        "NHWC" if last else "NCHW",
        axis,
    )
    return squeeze(out, extra)


def conv1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    data_format: str = "NCL",
    name: str | None = None,
) -> Any:
    """Convolution (cross-correlation) of x [N, C, L] with weight [O, C / groups, k], plus bias [O]: [N, O, L']."""
    return _conv(1, x, weight, bias, stride, padding, dilation, groups, data_format)


def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    data_format: str = "NCHW",
    name: str | None = None,
) -> Any:
    """Convolution (cross-correlation) of x [N, C, H, W] with weight [O, C / groups, kh, kw], plus bias [O]."""
    return _conv(2, x, weight, bias, stride, padding, dilation, groups, data_format)


def conv3d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    data_format: str = "NCDHW",
    name: str | None = None,
) -> Any:
    """Convolution (cross-correlation) of x [N, C, D, H, W] with weight [O, C / groups, kd, kh, kw], plus bias [O]."""
    return _conv(3, x, weight, bias, stride, padding, dilation, groups, data_format)


def _conv_transpose(
    dims: int,
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
    groups: int,
    output_size: Any,
    data_format: str,
) -> Any:
    what = f"conv{dims}d_transpose"
    last = channels_are_last(data_format, dims)
    channels, filters = _channels(what, x, weight, dims, last, groups)
    paddings, algorithm = padding_of(padding, dims, last)
    _not_negative(paddings)
    strides, dilations = int_list(stride, dims, "stride"), int_list(dilation, dims, "dilation")
    extra: list[int] = []
    wanted: list[int] = []
    if output_size is None:
        if not (isinstance(output_padding, Integral) and output_padding == 0):
            extra = int_list(output_padding, dims, "output_padding")
    else:
        if not (isinstance(output_padding, Integral) and output_padding == 0):
            raise ValueError("output_padding option is mutually exclusive with output_size")
        if not isinstance(output_size, (Integral, list, tuple)) and not is_tensor_like(output_size):
            raise ValueError(
                f"output_size should be int or Tensor or list, tuple of ints or Tensor, got {type(output_size).__name__}"
            )
        wanted = _sizes(output_size, dims)
    axis = -1 if last else 1
    op = C.conv3d_transpose if dims == 3 else C.conv2d_transpose
    if dims != 3 and channels == groups and channels != 1 and filters[1] == 1:
        op = C.depthwise_conv2d_transpose
    attrs: dict[str, Any] = {
        "padding_algorithm": algorithm,
        "groups": groups,
        "data_format": "NHWC" if last else "NCHW",
    }
    if dims == 1:  # two axes, of which the second has one element
        if extra and extra[0] > strides[0]:
            raise ValueError(f"output_padding, {extra[0]}, should not be greater than stride, {strides[0]}")
        paddings = [*paddings, 0] if len(paddings) == 1 else [*paddings, 0, 0]
        strides, dilations = [*strides, 1], [*dilations, 1]
        extra, wanted = extra and [*extra, 0], wanted and [*wanted, 1]
        x, weight = unsqueeze(x, 2 if last else 3), unsqueeze(weight, 3)
    out = call(
        op,
        x,
        weight,
        strides=strides,
        paddings=paddings,
        output_padding=extra,
        output_size=wanted,
        dilations=dilations,
        **attrs,
    )
    if bias is not None:
        out = call(E.elementwise_add, out, bias, axis=axis)
    return squeeze(out, 2 if last else 3) if dims == 1 else out


def _sizes(value: Any, dims: int) -> list[int]:
    if is_tensor_like(value) and len(value.shape) == 1:
        if value.shape[0] not in (1, dims):
            raise ValueError(f"output_size must hold 1 or {dims} integers, got a Tensor of shape {list(value.shape)}")
        value = [int(n) for n in value.tolist()] * (dims if value.shape[0] == 1 else 1)
    return int_list(value, dims, "output_size")


def conv1d_transpose(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
    output_size: Any = None,
    data_format: str = "NCL",
    name: str | None = None,
) -> Any:
    """Transposed convolution of x [N, C, L] with weight [C, O / groups, k], plus bias [O].

    Length (L - 1) * stride - paddings + dilation * (k - 1) + 1 + output_padding; `output_size` says it outright.
    """
    return _conv_transpose(
        1, x, weight, bias, stride, padding, output_padding, dilation, groups, output_size, data_format
    )


def conv2d_transpose(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    output_size: Any = None,
    data_format: str = "NCHW",
    name: str | None = None,
) -> Any:
    """Transposed convolution of x [N, C, H, W] with weight [C, O / groups, kh, kw], plus bias [O]; sizes as `conv1d_transpose`."""
    return _conv_transpose(
        2, x, weight, bias, stride, padding, output_padding, dilation, groups, output_size, data_format
    )


def conv3d_transpose(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
    output_size: Any = None,
    data_format: str = "NCDHW",
    name: str | None = None,
) -> Any:
    """Transposed convolution of x [N, C, D, H, W] with weight [C, O / groups, kd, kh, kw], plus bias [O]."""
    return _conv_transpose(
        3, x, weight, bias, stride, padding, output_padding, dilation, groups, output_size, data_format
    )


def depthwise(in_channels: int, out_channels: int, groups: int) -> bool:
    """Whether Paddle takes a 2-D convolution of these channels for a depthwise one."""
    return in_channels == groups and in_channels != 1 and out_channels % in_channels == 0


def repeated_twice(numbers: Sequence[int]) -> list[int]:
    """[a, b] as [b, b, a, a]: paddings per axis in the order that `pad` takes."""
    return [n for n in reversed(numbers) for _ in range(2)]
