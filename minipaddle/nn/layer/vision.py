"""Layers: resizing, padding, patches and shuffles of images."""

from __future__ import annotations

from typing import Any

from ...core.tensor import TensorBase, isinstance_strict
from ..functional import vision as F
from .layers import Layer

__all__ = [
    "ChannelShuffle",
    "Fold",
    "Pad1D",
    "Pad2D",
    "Pad3D",
    "PixelShuffle",
    "PixelUnshuffle",
    "Unfold",
    "Upsample",
    "UpsamplingBilinear2D",
    "UpsamplingNearest2D",
    "ZeroPad2D",
]


class _Shuffle(Layer):
    """A positive number and the layout, kept for a function."""

    def _keep(self, label: str, number: int, data_format: str, name: str | None) -> int:
        what = type(self).__name__
        if not isinstance(number, int) or isinstance(number, bool):
            raise TypeError(f"{what}: {label} must be int type, got {type(number).__name__}")
        if number <= 0:
            raise ValueError(f"{what}: {label} must be positive, got {number}")
        if data_format not in ("NCHW", "NHWC"):
            raise ValueError(f"{what}: Data format should be 'NCHW' or 'NHWC', got {data_format!r}")
        self._label, self._data_format, self._name = label, data_format, name
        return number

    def _shown(self, number: int) -> str:
        text = f"{self._label}={number}"
        if self._data_format != "NCHW":
            text += f", data_format={self._data_format}"
        return text if self._name is None else f"{text}, name={self._name}"


class PixelShuffle(_Shuffle):
    """[N, C * r * r, H, W] to [N, C, H * r, W * r]."""

    def __init__(self, upscale_factor: int, data_format: str = "NCHW", name: str | None = None) -> None:
        super().__init__()
        self._upscale_factor = self._keep("upscale_factor", upscale_factor, data_format, name)

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.pixel_shuffle(x, self._upscale_factor, self._data_format)

    def extra_repr(self) -> str:
        """The factor."""
        return self._shown(self._upscale_factor)


class PixelUnshuffle(_Shuffle):
    """[N, C, H * r, W * r] to [N, C * r * r, H, W]."""

    def __init__(self, downscale_factor: int, data_format: str = "NCHW", name: str | None = None) -> None:
        super().__init__()
        self._downscale_factor = self._keep("downscale_factor", downscale_factor, data_format, name)

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.pixel_unshuffle(x, self._downscale_factor, self._data_format)

    def extra_repr(self) -> str:
        """The factor."""
        return self._shown(self._downscale_factor)


class ChannelShuffle(_Shuffle):
    """Channels, seen as [groups, C / groups], transposed."""

    def __init__(self, groups: int, data_format: str = "NCHW", name: str | None = None) -> None:
        super().__init__()
        self._groups = self._keep("groups", groups, data_format, name)

    def forward(self, x: Any) -> Any:
        """Same shape as x."""
        return F.channel_shuffle(x, self._groups, self._data_format)

    def extra_repr(self) -> str:
        """The number of groups."""
        return self._shown(self._groups)


class Upsample(Layer):
    """Resize to `size` or by `scale_factor`; see `nn.functional.interpolate`."""

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool = False,
        align_mode: int = 0,
        data_format: str = "NCHW",
        name: str | None = None,
    ) -> None:
        super().__init__()
        self.size, self.scale_factor, self.mode = size, scale_factor, mode.lower()
        self.align_corners, self.align_mode, self.data_format, self.name = align_corners, align_mode, data_format, name

    def forward(self, x: Any) -> Any:
        """Resized x."""
        return F.interpolate(
            x, self.size, self.scale_factor, self.mode, self.align_corners, self.align_mode, self.data_format
        )

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"{_wanted(self)}, mode={self.mode}, align_corners={self.align_corners}, align_mode={self.align_mode}, "
            f"data_format={self.data_format}{f', name={self.name}' if self.name else ''}"
        )


def _wanted(layer: Any) -> str:
    return f"scale_factor={layer.scale_factor}" if layer.scale_factor is not None else f"size={layer.size}"


class _Upsampling2D(Layer):
    _mode, _align_corners = "", False

    def __init__(
        self, size: Any = None, scale_factor: Any = None, data_format: str = "NCHW", name: str | None = None
    ) -> None:
        super().__init__()
        self.size = [size, size] if isinstance(size, int) else size
        self.scale_factor, self.data_format, self.name = scale_factor, data_format, name

    def forward(self, x: Any) -> Any:
        """Resized x [N, C, H, W]."""
        return F.interpolate(x, self.size, self.scale_factor, self._mode, self._align_corners, 0, self.data_format)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{_wanted(self)}, data_format={self.data_format}{f', name={self.name}' if self.name else ''}"


class UpsamplingNearest2D(_Upsampling2D):
    """Resize [N, C, H, W] by picking the nearest pixel."""

    _mode = "nearest"


class UpsamplingBilinear2D(_Upsampling2D):
    """Resize [N, C, H, W] by bilinear interpolation in which corner pixels keep their values."""

    _mode, _align_corners = "bilinear", True


class _Pad(Layer):
    _dims = 0

    def _keep(self, padding: Any, mode: str, value: float, data_format: str, name: str | None) -> None:
        if not isinstance(padding, (list, tuple)) and not isinstance_strict(padding, TensorBase):
            padding = [padding] * (2 * self._dims)
        self._pad, self._mode, self._value, self._data_format, self._name = padding, mode, value, data_format, name

    def forward(self, x: Any) -> Any:
        """Padded x."""
        return F.pad(x, self._pad, self._mode, self._value, self._data_format)

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"padding={self._pad}, mode={self._mode}, value={self._value}, data_format={self._data_format}"
            f"{f', name={self._name}' if self._name else ''}"
        )


class Pad1D(_Pad):
    """Pad [N, C, L] by a number or (left, right); see `nn.functional.pad`."""

    _dims = 1

    def __init__(
        self,
        padding: Any,
        mode: str = "constant",
        value: float = 0.0,
        data_format: str = "NCL",
        name: str | None = None,
    ) -> None:
        super().__init__()
        self._keep(padding, mode, value, data_format, name)


class Pad2D(_Pad):
    """Pad [N, C, H, W] by a number or (left, right, top, bottom); see `nn.functional.pad`."""

    _dims = 2

    def __init__(
        self,
        padding: Any,
        mode: str = "constant",
        value: float = 0.0,
        data_format: str = "NCHW",
        name: str | None = None,
    ) -> None:
        super().__init__()
        self._keep(padding, mode, value, data_format, name)


class ZeroPad2D(_Pad):
    """Zeros around [N, C, H, W]: a number or (left, right, top, bottom)."""

    _dims = 2

    def __init__(self, padding: Any, data_format: str = "NCHW", name: str | None = None) -> None:
        super().__init__()
        self._keep(padding, "constant", 0.0, data_format, name)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"padding={self._pad}, data_format={self._data_format}{f', name={self._name}' if self._name else ''}"


class Pad3D(_Pad):
    """Pad [N, C, D, H, W] by a number or (left, right, top, bottom, front, back); see `nn.functional.pad`."""

    _dims = 3

    def __init__(
        self,
        padding: Any,
        mode: str = "constant",
        value: float = 0.0,
        data_format: str = "NCDHW",
        name: str | None = None,
    ) -> None:
        super().__init__()
        self._keep(padding, mode, value, data_format, name)


class Unfold(Layer):
    """Patches of [N, C, H, W] as columns; see `nn.functional.unfold`."""

    def __init__(
        self, kernel_sizes: Any, dilations: Any = 1, paddings: Any = 0, strides: Any = 1, name: str | None = None
    ) -> None:
        super().__init__()
        self.kernel_sizes, self.dilations, self.paddings, self.strides, self.name = (
            kernel_sizes,
            dilations,
            paddings,
            strides,
            name,
        )

    def forward(self, input: Any) -> Any:
        """[N, C, H, W] to [N, C * kh * kw, L]."""
        return F.unfold(input, self.kernel_sizes, self.strides, self.paddings, self.dilations)

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"kernel_size={self.kernel_sizes}, dilation={self.dilations}, padding={self.paddings}, stride={self.strides}"
            f"{f', name={self.name}' if self.name else ''}"
        )


class Fold(Layer):
    """Columns added up into images; see `nn.functional.fold`."""

    def __init__(
        self,
        output_sizes: Any,
        kernel_sizes: Any,
        dilations: Any = 1,
        paddings: Any = 0,
        strides: Any = 1,
        name: str | None = None,
    ) -> None:
        super().__init__()
        self.output_sizes, self.kernel_sizes = output_sizes, kernel_sizes
        self.dilations, self.paddings, self.strides, self.name = dilations, paddings, strides, name

    def forward(self, input: Any) -> Any:
        """[N, C * kh * kw, L] to [N, C, *output_sizes]."""
        return F.fold(input, self.output_sizes, self.kernel_sizes, self.strides, self.paddings, self.dilations)

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"kernel_size={self.kernel_sizes}, dilation={self.dilations}, padding={self.paddings}, stride={self.strides}"
            f"{f', name={self.name}' if self.name else ''}"
        )
