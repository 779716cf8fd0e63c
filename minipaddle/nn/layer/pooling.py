"""Layers: pooling. The arguments are those of the functions of `nn.functional` with the same names."""

from __future__ import annotations

from typing import Any

from ..functional import pooling as F
from .layers import Layer

__all__ = [
    "AdaptiveAvgPool1D",
    "AdaptiveAvgPool2D",
    "AdaptiveAvgPool3D",
    "AdaptiveMaxPool1D",
    "AdaptiveMaxPool2D",
    "AdaptiveMaxPool3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxUnPool1D",
    "MaxUnPool2D",
    "MaxUnPool3D",
]


class AvgPool1D(Layer):
    """Means of windows of [N, C, L]."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        exclusive: bool = True,
        ceil_mode: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.ceil_mode, self.exclusive, self.name = ceil_mode, exclusive, name

    def forward(self, x: Any) -> Any:
        """[N, C, L] to [N, C, L']."""
        return F.avg_pool1d(x, self.kernel_size, self.stride, self.padding, self.exclusive, self.ceil_mode)

    def extra_repr(self) -> str:
        """Window, stride and padding."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _Windows(Layer):
    """Pooling over windows of two or three axes."""

    ksize: Any
    stride: Any
    padding: Any

    def extra_repr(self) -> str:
        """Window, stride and padding."""
        return f"kernel_size={self.ksize}, stride={self.stride}, padding={self.padding}"


class _AvgPool(_Windows):
    _function: Any = None

    def _keep(
        self,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        ceil_mode: bool,
        exclusive: bool,
        divisor: float | None,
        data_format: str,
        name: str | None,
    ) -> None:
        self.ksize, self.stride, self.padding = kernel_size, stride, padding
        self.ceil_mode, self.exclusive, self.divisor, self.data_format, self.name = (
            ceil_mode,
            exclusive,
            divisor,
            data_format,
            name,
        )

    def forward(self, x: Any) -> Any:
        """The function of the same name on x."""
        return type(self)._function(
            x, self.ksize, self.stride, self.padding, self.ceil_mode, self.exclusive, self.divisor, self.data_format
        )


class AvgPool2D(_AvgPool):
    """Means of windows of [N, C, H, W]."""

    _function = staticmethod(F.avg_pool2d)

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        exclusive: bool = True,
        divisor_override: float | None = None,
        data_format: str = "NCHW",
        name: str | None = None,
    ) -> None:
        super().__init__()
        self._keep(kernel_size, stride, padding, ceil_mode, exclusive, divisor_override, data_format, name)


class AvgPool3D(_AvgPool):
    """Means of windows of [N, C, D, H, W]."""

    _function = staticmethod(F.avg_pool3d)

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        exclusive: bool = True,
        divisor_override: float | None = None,
        data_format: str = "NCDHW",
        name: str | None = None,
    ) -> None:
        super().__init__()
        self._keep(kernel_size, stride, padding, ceil_mode, exclusive, divisor_override, data_format, name)


class MaxPool1D(Layer):
    """Largest elements of windows of [N, C, L]."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        return_mask: bool = False,
        ceil_mode: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.ceil_mode, self.return_mask, self.name = ceil_mode, return_mask, name

    def forward(self, input: Any) -> Any:
        """[N, C, L] to [N, C, L'], with return_mask also the positions."""
        return F.max_pool1d(input, self.kernel_size, self.stride, self.padding, self.return_mask, self.ceil_mode)

    def extra_repr(self) -> str:
        """Window, stride and padding."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _MaxPool(_Windows):
    _function: Any = None

    def _keep(
        self,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        return_mask: bool,
        ceil_mode: bool,
        data_format: str,
        name: str | None,
    ) -> None:
        self.ksize, self.stride, self.padding = kernel_size, stride, padding
        self.return_mask, self.ceil_mode, self.data_format, self.name = return_mask, ceil_mode, data_format, name

    def forward(self, x: Any) -> Any:
        """The function of the same name on x."""
        return type(self)._function(
            x, self.ksize, self.stride, self.padding, self.return_mask, self.ceil_mode, self.data_format
        )


class MaxPool2D(_MaxPool):
    """Largest elements of windows of [N, C, H, W]."""

    _function = staticmethod(F.max_pool2d)

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        return_mask: bool = False,
        ceil_mode: bool = False,
        data_format: str = "NCHW",
        name: str | None = None,
    ) -> None:
        super().__init__()
        self._keep(kernel_size, stride, padding, return_mask, ceil_mode, data_format, name)


class MaxPool3D(_MaxPool):
    """Largest elements of windows of [N, C, D, H, W]."""

    _function = staticmethod(F.max_pool3d)

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        return_mask: bool = False,
        ceil_mode: bool = False,
        data_format: str = "NCDHW",
        name: str | None = None,
    ) -> None:
        super().__init__()
        self._keep(kernel_size, stride, padding, return_mask, ceil_mode, data_format, name)


class AdaptiveAvgPool1D(Layer):
    """Means of `output_size` windows that share out the axis of [N, C, L]."""

    def __init__(self, output_size: Any, name: str | None = None) -> None:
        super().__init__()
        self.output_size, self.name = output_size, name

    def forward(self, input: Any) -> Any:
        """[N, C, L] to [N, C, output_size]."""
        return F.adaptive_avg_pool1d(input, self.output_size)

    def extra_repr(self) -> str:
        """The size of the output."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool2D(Layer):
    """Means of windows that share out the axes of [N, C, H, W]; None keeps an axis."""

    def __init__(self, output_size: Any, data_format: str = "NCHW", name: str | None = None) -> None:
        super().__init__()
        self._output_size, self._data_format, self._name = output_size, data_format, name

    def forward(self, x: Any) -> Any:
        """[N, C, H, W] to [N, C, *output_size]."""
        return F.adaptive_avg_pool2d(x, self._output_size, self._data_format)

    def extra_repr(self) -> str:
        """The size of the output."""
        return f"output_size={self._output_size}"


class AdaptiveAvgPool3D(Layer):
    """Means of windows that share out the axes of [N, C, D, H, W]; None keeps an axis."""

    def __init__(self, output_size: Any, data_format: str = "NCDHW", name: str | None = None) -> None:
        super().__init__()
        self._output_size, self._data_format, self._name = output_size, data_format, name

    def forward(self, x: Any) -> Any:
        """[N, C, D, H, W] to [N, C, *output_size]."""
        return F.adaptive_avg_pool3d(x, self._output_size, self._data_format)

    def extra_repr(self) -> str:
        """The size of the output."""
        return f"output_size={self._output_size}"


class AdaptiveMaxPool1D(Layer):
    """Largest elements of `output_size` windows that share out the axis of [N, C, L]."""

    def __init__(self, output_size: Any, return_mask: bool = False, name: str | None = None) -> None:
        super().__init__()
        self.output_size, self.return_mask, self.name = output_size, return_mask, name

    def forward(self, input: Any) -> Any:
        """[N, C, L] to [N, C, output_size], with return_mask also the positions."""
        return F.adaptive_max_pool1d(input, self.output_size, self.return_mask)

    def extra_repr(self) -> str:
        """The size of the output."""
        return f"output_size={self.output_size}, return_mask={self.return_mask}"


class AdaptiveMaxPool2D(Layer):
    """Largest elements of windows that share out the axes of [N, C, H, W]; None keeps an axis."""

    def __init__(self, output_size: Any, return_mask: bool = False, name: str | None = None) -> None:
        super().__init__()
        self._output_size, self._return_mask, self._name = output_size, return_mask, name

    def forward(self, x: Any) -> Any:
        """[N, C, H, W] to [N, C, *output_size], with return_mask also the positions."""
        return F.adaptive_max_pool2d(x, self._output_size, self._return_mask)

    def extra_repr(self) -> str:
        """The size of the output."""
        return f"output_size={self._output_size}, return_mask={self._return_mask}"


class AdaptiveMaxPool3D(Layer):
    """Largest elements of windows that share out the axes of [N, C, D, H, W]; None keeps an axis."""

    def __init__(self, output_size: Any, return_mask: bool = False, name: str | None = None) -> None:
        super().__init__()
        self._output_size, self._return_mask, self._name = output_size, return_mask, name

    def forward(self, x: Any) -> Any:
        """[N, C, D, H, W] to [N, C, *output_size], with return_mask also the positions."""
        return F.adaptive_max_pool3d(x, self._output_size, self._return_mask)

    def extra_repr(self) -> str:
        """The size of the output."""
        return f"output_size={self._output_size}, return_mask={self._return_mask}"


class _UnPool(Layer):
    _function: Any = None

    def _keep(
        self, kernel_size: Any, stride: Any, padding: Any, data_format: str, output_size: Any, name: str | None
    ) -> None:
        self.ksize, self.stride, self.padding = kernel_size, stride, padding
        self.data_format, self.output_size, self.name = data_format, output_size, name

    def forward(self, x: Any, indices: Any) -> Any:
        """The elements of x put back where the maxima were, zeros elsewhere."""
        return type(self)._function(
            x, indices, self.ksize, self.stride, self.padding, self.data_format, self.output_size
        )

    def extra_repr(self) -> str:
        """The size of the output."""
        return f"output_size={self.output_size}"


class MaxUnPool1D(_UnPool):
    """The inverse of MaxPool1D."""

    _function = staticmethod(F.max_unpool1d)

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        data_format: str = "NCL",
        output_size: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__()
        self._keep(kernel_size, stride, padding, data_format, output_size, name)


class MaxUnPool2D(_UnPool):
    """The inverse of MaxPool2D."""

    _function = staticmethod(F.max_unpool2d)

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        data_format: str = "NCHW",
        output_size: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__()
        self._keep(kernel_size, stride, padding, data_format, output_size, name)


class MaxUnPool3D(_UnPool):
    """The inverse of MaxPool3D."""

    _function = staticmethod(F.max_unpool3d)

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        data_format: str = "NCDHW",
        output_size: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__()
        self._keep(kernel_size, stride, padding, data_format, output_size, name)
