"""Layers of 1.x in dynamic mode: those of `paddle.nn`, with the argument names of then and an activation."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import nn as N
from ...core.dispatch import call
from ...dtypes import as_dtype
from ...nn.initializer import Constant, Normal
from ...nn.layer.layers import Layer
from ...ops.registry import find_op
from ..layers import nn as functions

__all__ = [
    "BCELoss", "BatchNorm", "Conv2D", "Conv2DTranspose", "Dropout", "Embedding", "GRUUnit", "GroupNorm", "InstanceNorm", "L1Loss",
    "LayerNorm", "Linear", "MSELoss", "NLLLoss", "PRelu", "Pool2D",
]  # fmt: skip


BCELoss, L1Loss, MSELoss, NLLLoss = N.BCELoss, N.L1Loss, N.MSELoss, N.NLLLoss


def _in_dtype(layer: Layer, dtype: Any) -> None:
    """Parameters in the type asked for; the layers of 2.x make them float32."""
    if as_dtype(dtype) is not as_dtype("float32"):
        layer.to(dtype=dtype)


def _activated(x: Any, act: str | None) -> Any:
    return x if act is None else call(find_op(act), x)


class Linear(N.Linear):
    """x @ weight + bias, then `act`. weight: [input_dim, output_dim]."""

    def __init__(
        self, input_dim: int, output_dim: int, param_attr: Any = None, bias_attr: Any = None, act: str | None = None, dtype: Any = "float32"
    ) -> None:
        super().__init__(input_dim, output_dim, weight_attr=param_attr, bias_attr=bias_attr)
        _in_dtype(self, dtype)
        self._act = act

    def forward(self, input: Any) -> Any:
        """[..., input_dim] to [..., output_dim]."""
        return _activated(super().forward(input), self._act)


def _kernel_init(attr: Any, channels: int, filter_size: Any, count: int = 2) -> Any:
    """1.x starts filters with variance 2 / (inputs of one output)."""
    from ...nn.param_attr import ParamAttr

    chosen = ParamAttr._to_attr(attr)
    if chosen is False or chosen.initializer is not None:
        return chosen
    sizes = list(filter_size) if isinstance(filter_size, (list, tuple)) else [filter_size] * count
    inputs = channels
    for n in sizes:
        inputs *= n
    chosen.initializer = Normal(0.0, (2.0 / inputs) ** 0.5)
    return chosen


class Conv2D(N.Conv2D):
    """A convolution of images [n, num_channels, h, w], then `act`."""

    def __init__(
        self, num_channels: int, num_filters: int, filter_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
        groups: int | None = None, param_attr: Any = None, bias_attr: Any = None, use_cudnn: bool = True, act: str | None = None,
        dtype: Any = "float32",
    ) -> None:  # fmt: skip
        super().__init__(
            num_channels, num_filters, filter_size, stride, padding, dilation, groups or 1,
            weight_attr=_kernel_init(param_attr, num_channels, filter_size), bias_attr=bias_attr,
        )  # fmt: skip
        _in_dtype(self, dtype)
        self._act = act

    def forward(self, x: Any) -> Any:
        """The convolved images."""
        return _activated(super().forward(x), self._act)


class Conv2DTranspose(N.Conv2DTranspose):
    """The transposed convolution of images, then `act`."""

    def __init__(
        self, num_channels: int, num_filters: int, filter_size: Any, output_size: Any = None, padding: Any = 0, stride: Any = 1,
        dilation: Any = 1, groups: int | None = None, param_attr: Any = None, bias_attr: Any = None, use_cudnn: bool = True,
        act: str | None = None, dtype: Any = "float32",
    ) -> None:  # fmt: skip
        super().__init__(
            num_channels, num_filters, filter_size, stride, padding, dilation=dilation, groups=groups or 1, weight_attr=param_attr,
            bias_attr=bias_attr,
        )  # fmt: skip
        _in_dtype(self, dtype)
        self._act, self._size = act, output_size

    def forward(self, x: Any) -> Any:  # type: ignore[override]
        """The larger images."""
        return _activated(super().forward(x, self._size), self._act)


class Pool2D(Layer):
    """Largest values or means of windows; see `fluid.layers.pool2d`."""

    def __init__(
        self, pool_size: Any = -1, pool_type: str = "max", pool_stride: Any = 1, pool_padding: Any = 0, global_pooling: bool = False,
        use_cudnn: bool = True, ceil_mode: bool = False, exclusive: bool = True, data_format: str = "NCHW",
    ) -> None:  # fmt: skip
        super().__init__()
        self._options = {
            "pool_size": pool_size, "pool_type": pool_type, "pool_stride": pool_stride, "pool_padding": pool_padding,
            "global_pooling": global_pooling, "ceil_mode": ceil_mode, "exclusive": exclusive, "data_format": data_format,
        }  # fmt: skip

    def forward(self, input: Any) -> Any:
        """The pooled images."""
        return functions.pool2d(input, **self._options)


class BatchNorm(N.BatchNorm):
    """Batch normalisation with running statistics, then `act`; `paddle.nn.BatchNorm`, which kept the arguments of 1.x."""


class Embedding(N.Embedding):
    """Rows of a table [rows, width] by number. A last dimension of 1 of the ids is replaced by the width, as in 1.x."""

    def __init__(
        self, size: Sequence[int], is_sparse: bool = False, is_distributed: bool = False, padding_idx: int | None = None,
        param_attr: Any = None, dtype: Any = "float32",
    ) -> None:  # fmt: skip
        super().__init__(size[0], size[1], padding_idx=padding_idx, sparse=is_sparse, weight_attr=param_attr)
        _in_dtype(self, dtype)


class LayerNorm(N.LayerNorm):
    """Normalisation over the last dimensions, then `act`. scale, shift: whether there are such parameters."""

    def __init__(
        self, normalized_shape: Any, scale: bool = True, shift: bool = True, epsilon: float = 1e-5, param_attr: Any = None,
        bias_attr: Any = None, act: str | None = None, dtype: Any = "float32",
    ) -> None:  # fmt: skip
        super().__init__(normalized_shape, epsilon, param_attr if scale else False, bias_attr if shift else False)
        _in_dtype(self, dtype)
        self._act = act

    def forward(self, input: Any) -> Any:
        """The normalised tensor."""
        return _activated(super().forward(input), self._act)


class GroupNorm(N.GroupNorm):
    """Normalisation over groups of channels, then `act`."""

    def __init__(
        self, channels: int, groups: int, epsilon: float = 1e-5, param_attr: Any = None, bias_attr: Any = None, act: str | None = None,
        data_layout: str = "NCHW", dtype: Any = "float32",
    ) -> None:  # fmt: skip
        super().__init__(groups, channels, epsilon, param_attr, bias_attr, data_layout)
        _in_dtype(self, dtype)
        self._act = act

    def forward(self, input: Any) -> Any:
        """The normalised images."""
        return _activated(super().forward(input), self._act)


class InstanceNorm(N.InstanceNorm2D):
    """Normalisation of each channel of each image."""

    def __init__(
        self, num_channels: int, epsilon: float = 1e-5, param_attr: Any = None, bias_attr: Any = None, dtype: Any = "float32"
    ) -> None:
        super().__init__(num_channels, epsilon, weight_attr=param_attr, bias_attr=bias_attr)
        _in_dtype(self, dtype)


class Dropout(Layer):
    """Elements set to zero with probability `p` in training."""

    def __init__(
        self, p: float = 0.5, seed: int | None = None, dropout_implementation: str = "downgrade_in_infer", is_test: bool = False
    ) -> None:
        super().__init__()
        self._p, self._seed, self._implementation, self._is_test = p, seed, dropout_implementation, is_test

    def forward(self, input: Any) -> Any:
        """The thinned tensor."""
        return functions.dropout(
            input, self._p, self._is_test or not self.training, self._seed, dropout_implementation=self._implementation
        )


class PRelu(Layer):
    """x where positive, else a slope times x: one slope ("all"), one per "channel", or one per "element"."""

    def __init__(
        self, mode: str, channel: int | None = None, input_shape: Any = None, param_attr: Any = None, dtype: Any = "float32"
    ) -> None:
        super().__init__()
        shapes: dict[str, Any] = {"all": [1], "channel": [1, channel, 1, 1], "element": [1, *list(input_shape or [])[1:]]}
        if mode not in shapes:
            raise ValueError(f"PRelu: mode must be one of all, channel, element, got {mode!r}")
        if mode == "channel" and channel is None or mode == "element" and input_shape is None:
            raise ValueError(f"PRelu: mode={mode!r} needs {'channel' if mode == 'channel' else 'input_shape'}")
        self._mode = mode
        self.weight = self.create_parameter(shapes[mode], param_attr, dtype, default_initializer=Constant(1.0))

    def forward(self, input: Any) -> Any:
        """The activated tensor."""
        return call(find_op("prelu"), input, self.weight, mode=self._mode)


class GRUUnit(Layer):
    """One step of a GRU; size = 3 * hidden size. Returns the new hidden state, r * hidden, and the gates."""

    def __init__(
        self, size: int, param_attr: Any = None, bias_attr: Any = None, activation: str = "tanh", gate_activation: str = "sigmoid",
        origin_mode: bool = False, dtype: Any = "float32",
    ) -> None:  # fmt: skip
        super().__init__()
        numbers = {"identity": 0, "sigmoid": 1, "tanh": 2, "relu": 3}
        self._attrs = {"activation": numbers[activation], "gate_activation": numbers[gate_activation], "origin_mode": origin_mode}
        d = size // 3
        self.weight = self.create_parameter([d, 3 * d], param_attr, dtype)
        self.bias = self.create_parameter([1, 3 * d], bias_attr, dtype, is_bias=True)

    def forward(self, input: Any, hidden: Any) -> tuple[Any, Any, Any]:
        """input: [n, size], hidden: [n, size / 3]."""
        gate, reset, new = call(find_op("gru_unit"), input, hidden, self.weight, self.bias, **self._attrs)
        return new, reset, gate
