"""Layers: convolutions and transposed convolutions."""

from __future__ import annotations

from typing import Any

from ...errors import MisusedTensorError
from ...ops import conv as C
from ..functional import conv as F
from ..functional.vision import pad
from ..initializer import Normal
from .layers import Layer

__all__ = ["Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D", "Conv3DTranspose"]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Layer):
    """What the six layers share: weight [out, in / groups, *kernel] (transposed [in, out / groups, *kernel]) and bias [out]."""

    _dims = 0
    _transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        padding_mode: str,
        output_padding: Any,
        dilation: Any,
        groups: int,
        weight_attr: Any,
        bias_attr: Any,
        data_format: str,
    ) -> None:
        super().__init__()
        dims, what = self._dims, type(self).__name__
        if weight_attr is False:
            raise AssertionError(f"{what}: weight_attr should not be False: a convolution needs its weight")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {set(_PADDING_MODES)}, but got padding_mode={padding_mode!r}"
            )
        if padding_mode != "zeros" and not isinstance(padding, int):
            raise TypeError(
                f"{what}: when padding_mode in ['reflect', 'replicate', 'circular'], type of padding must be int, got {padding!r}"
            )
        last = F.channels_are_last(data_format, dims)
        for name, number in (("in_channels", in_channels), ("out_channels", out_channels), ("groups", groups)):
            if number < 1:
                raise MisusedTensorError(f"{what}: {name} must be positive, got {number}")
        if not self._transposed and in_channels % groups:
            raise ValueError(f"{what}: in_channels, {in_channels}, must be divisible by groups, {groups}.")
        self._param_attr, self._bias_attr = weight_attr, bias_attr
        self._in_channels, self._out_channels, self._groups = in_channels, out_channels, groups
        self._data_format = data_format
        self._channel_dim = dims + 1 if last else 1
        self._stride = F.int_list(stride, dims, "stride")
        self._dilation = F.int_list(dilation, dims, "dilation")
        self._kernel_size = F.int_list(kernel_size, dims, "kernel_size")
        self._padding, self._padding_mode, self.output_padding = padding, padding_mode, output_padding
        self._updated_padding, self._padding_algorithm = F.padding_of(padding, dims, last)
        if padding_mode != "zeros":
            self._reversed_padding_repeated_twice = F.repeated_twice([padding] * dims)
            self._updated_padding = [0] * dims
        if any(p < 0 for p in self._updated_padding):
            raise ValueError(f"Invalid padding, all value should be larger than or equal to 0, but received: {padding}")
        default = None  # transposed: that of all weights
        if self._transposed:
            shape = [in_channels, out_channels // groups, *self._kernel_size]
        else:
            shape = [out_channels, in_channels // groups, *self._kernel_size]
            count = in_channels
            for k in self._kernel_size:
                count *= k
            default = Normal(0.0, (2.0 / count) ** 0.5)  # He et al. 2015
        self.weight = self.create_parameter(shape=shape, attr=weight_attr, default_initializer=default)
        self.bias = self.create_parameter(shape=[out_channels], attr=bias_attr, is_bias=True)

    def _padded(self, x: Any) -> Any:
        if self._padding_mode == "zeros":
            return x
        return pad(x, self._reversed_padding_repeated_twice, mode=self._padding_mode, data_format=self._data_format)

    def extra_repr(self) -> str:
        """Channels and what differs from the defaults."""
        ones = [1] * self._dims
        parts = [f"{self._in_channels}, {self._out_channels}, kernel_size={self._kernel_size}"]
        for name, value, default in (
            ("stride", self._stride, ones),
            ("padding", self._padding, 0),
            ("padding_mode", self._padding_mode, "zeros"),
            ("output_padding", self.output_padding, 0),
            ("dilation", self._dilation, ones),
            ("groups", self._groups, 1),
        ):
            if value != default:
                parts.append(f"{name}={value}")
        return ", ".join([*parts, f"data_format={self._data_format}"])


class Conv1D(_ConvNd):
    """Convolution of [N, C, L] (or [N, L, C] with data_format "NLC"); see `nn.functional.conv1d`."""

    _dims = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        padding_mode: str = "zeros",
        weight_attr: Any = None,
        bias_attr: Any = None,
        data_format: str = "NCL",
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            padding_mode,
            0,
            dilation,
            groups,
            weight_attr,
            bias_attr,
            data_format,
        )

    def forward(self, x: Any) -> Any:
        """[N, in_channels, L] to [N, out_channels, L']."""
        padding = self._padding if self._padding_mode == "zeros" else 0
        return F.conv1d(
            self._padded(x),
            self.weight,
            self.bias,
            self._stride,
            padding,
            self._dilation,
            self._groups,
            self._data_format,
        )


class _ConvStraight(_ConvNd):
    """Two and three axes: the arguments are settled once, so the operator is called directly."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        padding_mode: str,
        weight_attr: Any,
        bias_attr: Any,
        data_format: str,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            padding_mode,
            0,
            dilation,
            groups,
            weight_attr,
            bias_attr,
            data_format,
        )
        self._op_type = f"conv{self._dims}d"
        if self._dims == 2 and F.depthwise(in_channels, out_channels, groups):
            self._op_type = "depthwise_conv2d"

    def forward(self, x: Any) -> Any:
        """[N, in_channels, ...] to [N, out_channels, ...]."""
        op = C.conv3d if self._dims == 3 else C.conv2d if self._op_type == "conv2d" else C.depthwise_conv2d
        return F.convolved(
            op,
            self._padded(x),
            self.weight,
            self.bias,
            self._stride,
            self._updated_padding,
            self._padding_algorithm,
            self._dilation,
            self._groups,
            self._data_format,
            self._channel_dim,
        )


class Conv2D(_ConvStraight):
    """Convolution of [N, C, H, W] (or [N, H, W, C] with data_format "NHWC"); see `nn.functional.conv2d`."""

    _dims = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        padding_mode: str = "zeros",
        weight_attr: Any = None,
        bias_attr: Any = None,
        data_format: str = "NCHW",
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            padding_mode,
            weight_attr,
            bias_attr,
            data_format,
        )


class Conv3D(_ConvStraight):
    """Convolution of [N, C, D, H, W] (or channels last with "NDHWC"); see `nn.functional.conv3d`."""

    _dims = 3

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        padding_mode: str = "zeros",
        weight_attr: Any = None,
        bias_attr: Any = None,
        data_format: str = "NCDHW",
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            padding_mode,
            weight_attr,
            bias_attr,
            data_format,
        )


class _Transposed(_ConvNd):
    _transposed = True

    def forward(self, x: Any, output_size: Any = None) -> Any:
        """[N, in_channels, ...] to [N, out_channels, ...]; `output_size` takes the place of output_padding."""
        function = (F.conv1d_transpose, F.conv2d_transpose, F.conv3d_transpose)[self._dims - 1]
        return function(
            x,
            self.weight,
            bias=self.bias,
            padding=self._padding,
            output_padding=self.output_padding if output_size is None else 0,
            stride=self._stride,
            dilation=self._dilation,
            groups=self._groups,
            output_size=output_size,
            data_format=self._data_format,
        )


class Conv1DTranspose(_Transposed):
    """Transposed convolution of [N, C, L]; see `nn.functional.conv1d_transpose`."""

    _dims = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
        weight_attr: Any = None,
        bias_attr: Any = None,
        data_format: str = "NCL",
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            "zeros",
            output_padding,
            dilation,
            groups,
            weight_attr,
            bias_attr,
            data_format,
        )


class Conv2DTranspose(_Transposed):
    """Transposed convolution of [N, C, H, W]; see `nn.functional.conv2d_transpose`."""

    _dims = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        weight_attr: Any = None,
        bias_attr: Any = None,
        data_format: str = "NCHW",
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            "zeros",
            output_padding,
            dilation,
            groups,
            weight_attr,
            bias_attr,
            data_format,
        )


class Conv3DTranspose(_Transposed):
    """Transposed convolution of [N, C, D, H, W]; see `nn.functional.conv3d_transpose`."""

    _dims = 3

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        weight_attr: Any = None,
        bias_attr: Any = None,
        data_format: str = "NCDHW",
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            "zeros",
            output_padding,
            dilation,
            groups,
            weight_attr,
            bias_attr,
            data_format,
        )
