"""Layers: normalisation.

The running statistics of batch normalisation are parameters that need no gradient, `_mean` and `_variance`: so they appear
in `parameters()` and are named like weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

from ...core.dispatch import call
from ...dtypes import get_default_dtype
from ...ops import norm as N
from ...ops.registry import find_op
from ...ops.shapes import product
from ..functional import norm as F
from ..initializer import Constant, Normal
from ..param_attr import ParamAttr
from .layers import Layer

__all__ = [
    "BatchNorm",
    "BatchNorm1D",
    "BatchNorm2D",
    "BatchNorm3D",
    "GroupNorm",
    "InstanceNorm1D",
    "InstanceNorm2D",
    "InstanceNorm3D",
    "LayerNorm",
    "LocalResponseNorm",
    "SpectralNorm",
    "SyncBatchNorm",
]


def _check_dimensions(layer: Layer, x: Any, allowed: tuple[int, ...]) -> None:
    n = len(x.shape)
    if n not in allowed:
        raise ValueError(
            f"{type(layer).__name__}: expected {' or '.join(f'{d}D' for d in allowed)} input (got {n}D input)"
        )


class _InstanceNormBase(Layer):
    _ndims: tuple[int, ...] = ()

    def __init__(
        self,
        num_features: int,
        epsilon: float,
        momentum: float,
        weight_attr: Any,
        bias_attr: Any,
        data_format: str,
        name: str | None,
    ) -> None:
        super().__init__()
        if (weight_attr is False) != (bias_attr is False):
            raise AssertionError("weight_attr and bias_attr must be set to False at the same time in InstanceNorm")
        self._num_features, self._epsilon, self._momentum, self._data_format = (
            num_features,
            epsilon,
            momentum,
            data_format,
        )
        self._weight_attr, self._bias_attr = weight_attr, bias_attr
        self.scale = self.create_parameter([num_features], attr=weight_attr, default_initializer=Constant(1.0))
        self.bias = self.create_parameter(
            [num_features], attr=bias_attr, is_bias=True, default_initializer=Constant(0.0)
        )

    def forward(self, input: Any) -> Any:
        """Same shape as the input."""
        _check_dimensions(self, input, self._ndims)
        return F.instance_norm(
            input,
            weight=self.scale,
            bias=self.bias,
            momentum=self._momentum,
            eps=self._epsilon,
            data_format=self._data_format,
        )

    def extra_repr(self) -> str:
        """Channels and epsilon."""
        return f"num_features={self._num_features}, epsilon={self._epsilon}"


class InstanceNorm1D(_InstanceNormBase):
    """Normalise each channel of each sample of [N, C, L] (or [N, C]); weight `scale` and `bias` [C]."""

    _ndims = (2, 3)

    def __init__(
        self,
        num_features: int,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
        weight_attr: Any = None,
        bias_attr: Any = None,
        data_format: str = "NCL",
        name: str | None = None,
    ) -> None:
        super().__init__(num_features, epsilon, momentum, weight_attr, bias_attr, data_format, name)


class InstanceNorm2D(_InstanceNormBase):
    """Normalise each channel of each sample of [N, C, H, W]; weight `scale` and `bias` [C]."""

    _ndims = (4,)

    def __init__(
        self,
        num_features: int,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
        weight_attr: Any = None,
        bias_attr: Any = None,
        data_format: str = "NCHW",
        name: str | None = None,
    ) -> None:
        super().__init__(num_features, epsilon, momentum, weight_attr, bias_attr, data_format, name)


class InstanceNorm3D(_InstanceNormBase):
    """Normalise each channel of each sample of [N, C, D, H, W]; weight `scale` and `bias` [C]."""

    _ndims = (5,)

    def __init__(
        self,
        num_features: int,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
        weight_attr: Any = None,
        bias_attr: Any = None,
        data_format: str = "NCDHW",
        name: str | None = None,
    ) -> None:
        super().__init__(num_features, epsilon, momentum, weight_attr, bias_attr, data_format, name)


class GroupNorm(Layer):
    """Normalise groups of channels of [N, C, ...]; weight and bias [C]. An attribute of False freezes them at 1 and 0."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        epsilon: float = 1e-05,
        weight_attr: Any = None,
        bias_attr: Any = None,
        data_format: str = "NCHW",
        name: str | None = None,
    ) -> None:
        super().__init__()
        if data_format not in ("NCHW", "NHWC"):
            raise ValueError(f"GroupNorm: data_format should be 'NCHW' or 'NHWC', got {data_format!r}")
        self._num_groups, self._num_channels, self._epsilon, self._data_format = (
            num_groups,
            num_channels,
            epsilon,
            data_format,
        )
        self._weight_attr, self._bias_attr = weight_attr, bias_attr
        self.weight = _frozen_unless(
            self.create_parameter([num_channels], attr=weight_attr or None, default_initializer=Constant(1.0)),
            weight_attr,
        )
        self.bias = _frozen_unless(
            self.create_parameter(
                [num_channels], attr=bias_attr or None, is_bias=True, default_initializer=Constant(0.0)
            ),
            bias_attr,
        )

    def forward(self, input: Any) -> Any:
        """Same shape as the input."""
        return F.group_norm(input, self._num_groups, self._epsilon, self.weight, self.bias, self._data_format)

    def extra_repr(self) -> str:
        """Groups, channels and epsilon."""
        return f"num_groups={self._num_groups}, num_channels={self._num_channels}, epsilon={self._epsilon}"


def _frozen_unless(parameter: Any, attr: Any) -> Any:
    """`parameter`, needing no gradient when `attr` is False or has a learning rate of 0."""
    if attr is False or getattr(attr, "learning_rate", 1.0) == 0.0:
        parameter.stop_gradient = True
    return parameter


class LayerNorm(Layer):
    """Normalise the last axes, of sizes `normalized_shape`; weight and bias [product of these], False for none."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        epsilon: float = 1e-05,
        weight_attr: Any = None,
        bias_attr: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__()
        sizes: Any = [normalized_shape] if isinstance(normalized_shape, Integral) else normalized_shape
        self._normalized_shape = [int(n) for n in sizes]
        self._epsilon, self._weight_attr, self._bias_attr = epsilon, weight_attr, bias_attr
        count = [product(self._normalized_shape)]
        self.weight = self.create_parameter(count, attr=weight_attr, default_initializer=Constant(1.0))
        self.bias = self.create_parameter(count, attr=bias_attr, is_bias=True)

    def forward(self, input: Any) -> Any:
        """Same shape as the input."""
        return F.layer_norm(input, self._normalized_shape, self.weight, self.bias, self._epsilon)

    def extra_repr(self) -> str:
        """Shape and epsilon."""
        return f"normalized_shape={self._normalized_shape}, epsilon={self._epsilon}"


def _statistic(layer: Layer, name: str | None, channels: int, dtype: Any, start: float, average: bool = True) -> Any:
    attr = ParamAttr(name=name, initializer=Constant(start), trainable=False, do_model_average=average)
    made = layer.create_parameter([channels], attr=attr, dtype=dtype)
    made.stop_gradient = True
    return made


class _BatchNormBase(Layer):
    _formats: dict[str, str] = {}
    _ndims: tuple[int, ...] = ()

    def __init__(
        self,
        num_features: int,
        momentum: float,
        epsilon: float,
        weight_attr: Any,
        bias_attr: Any,
        data_format: str,
        use_global_stats: bool | None,
        name: str | None,
    ) -> None:
        super().__init__()
        self._num_features, self._momentum, self._epsilon = num_features, momentum, epsilon
        self._weight_attr, self._bias_attr, self._use_global_stats = weight_attr, bias_attr, use_global_stats
        default = get_default_dtype()
        self._dtype = "float32" if default == "float16" else default
        self.weight = self.create_parameter(
            [num_features], attr=weight_attr, dtype=self._dtype, default_initializer=Constant(1.0)
        )
        self.bias = self.create_parameter([num_features], attr=bias_attr, dtype=self._dtype, is_bias=True)
        self._mean = _statistic(self, None if name is None else name + "_mean", num_features, self._dtype, 0.0)
        self._variance = _statistic(self, None if name is None else name + "_variance", num_features, self._dtype, 1.0)
        self._data_format, self._name = data_format, name

    def _layout(self) -> str:
        if self._data_format not in self._formats:
            raise ValueError(
                f"{type(self).__name__}: expected {' or '.join(self._formats)} for data_format, got {self._data_format!r}"
            )
        return self._formats[self._data_format]

    def forward(self, input: Any) -> Any:
        """Same shape as the input; in training the running statistics move on."""
        layout = self._layout()
        _check_dimensions(self, input, self._ndims)
        return F.batch_norm(
            input,
            self._mean,
            self._variance,
            self.weight,
            self.bias,
            self.training,
            self._momentum,
            self._epsilon,
            layout,
            self._use_global_stats,
        )

    def extra_repr(self) -> str:
        """Channels, momentum, epsilon and what differs from the defaults."""
        text = f"num_features={self._num_features}, momentum={self._momentum}, epsilon={self._epsilon}"
        if self._data_format != "NCHW":
            text += f", data_format={self._data_format}"
        return text if self._name is None else f"{text}, name={self._name}"


_FIRST, _LAST = "NCHW", "NHWC"


class BatchNorm1D(_BatchNormBase):
    """Batch normalisation of [N, C] or [N, C, L]; see `nn.functional.batch_norm`."""

    _formats = {"NC": _FIRST, "NCL": _FIRST, "NCHW": _FIRST, "NLC": _LAST, "NHWC": _LAST}
    _ndims = (2, 3)

    def __init__(
        self,
        num_features: int,
        momentum: float = 0.9,
        epsilon: float = 1e-05,
        weight_attr: Any = None,
        bias_attr: Any = None,
        data_format: str = "NCL",
        use_global_stats: bool | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(num_features, momentum, epsilon, weight_attr, bias_attr, data_format, use_global_stats, name)


class BatchNorm2D(_BatchNormBase):
    """Batch normalisation of [N, C, H, W]; see `nn.functional.batch_norm`."""

    _formats = {"NCHW": _FIRST, "NHWC": _LAST}
    _ndims = (4,)

    def __init__(
        self,
        num_features: int,
        momentum: float = 0.9,
        epsilon: float = 1e-05,
        weight_attr: Any = None,
        bias_attr: Any = None,
        data_format: str = "NCHW",
        use_global_stats: bool | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(num_features, momentum, epsilon, weight_attr, bias_attr, data_format, use_global_stats, name)


class BatchNorm3D(_BatchNormBase):
    """Batch normalisation of [N, C, D, H, W]; see `nn.functional.batch_norm`."""

    _formats = {"NCDHW": _FIRST, "NCHW": _FIRST, "NDHWC": _LAST, "NHWC": _LAST}
    _ndims = (5,)

    def __init__(
        self,
        num_features: int,
        momentum: float = 0.9,
        epsilon: float = 1e-05,
        weight_attr: Any = None,
        bias_attr: Any = None,
        data_format: str = "NCDHW",
        use_global_stats: bool | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(num_features, momentum, epsilon, weight_attr, bias_attr, data_format, use_global_stats, name)


class SyncBatchNorm(_BatchNormBase):
    """Batch normalisation whose statistics are those of all processes; with one process the same as BatchNorm."""

    _formats = {
        "NC": _FIRST,
        "NCL": _FIRST,
        "NCHW": _FIRST,
        "NCDHW": _FIRST,
        "NLC": _LAST,
        "NHWC": _LAST,
        "NDHWC": _LAST,
    }
    _ndims = (2, 3, 4, 5)

    def __init__(
        self,
        num_features: int,
        momentum: float = 0.9,
        epsilon: float = 1e-05,
        weight_attr: Any = None,
        bias_attr: Any = None,
        data_format: str = "NCHW",
        name: str | None = None,
    ) -> None:
        super().__init__(num_features, momentum, epsilon, weight_attr, bias_attr, data_format, None, name)
        if weight_attr is False:
            self.weight = self.create_parameter([num_features], dtype=self._dtype, default_initializer=Constant(1.0))
            self.weight.stop_gradient = True
        if bias_attr is False:
            self.bias = self.create_parameter(
                [num_features], dtype=self._dtype, is_bias=True, default_initializer=Constant(0.0)
            )
            self.bias.stop_gradient = True

    def forward(self, x: Any) -> Any:
        """Same shape as the input."""
        _check_dimensions(self, x, self._ndims)
        return call(
            N.sync_batch_norm,
            x,
            self.weight,
            self.bias,
            self._mean,
            self._variance,
            is_test=not self.training,
            momentum=float(self._momentum),
            epsilon=float(self._epsilon),
            data_layout=self._layout(),
            use_global_stats=False,
            trainable_statistics=False,
        )

    @classmethod
    def convert_sync_batchnorm(cls, layer: Layer) -> Layer:
        """`layer` with each BatchNorm*D in it (or itself) replaced by a SyncBatchNorm that shares its parameters."""
        made = layer
        if isinstance(layer, _BatchNormBase):
            for attr in (layer._weight_attr, layer._bias_attr):
                if isinstance(attr, ParamAttr) and attr.name is not None:
                    attr.name += "_sync"
            made = cls(
                layer._num_features,
                layer._momentum,
                layer._epsilon,
                layer._weight_attr,
                layer._bias_attr,
                layer._data_format,
                layer._name,
            )
            if layer._weight_attr is not False and layer._bias_attr is not False:
                made.weight, made.bias = layer.weight, layer.bias
            made._mean, made._variance = layer._mean, layer._variance
            made.training = layer.training
        for name, child in list(layer.named_children()):
            made.add_sublayer(name, cls.convert_sync_batchnorm(child))
        return made


class BatchNorm(Layer):
    """Batch normalisation of [N, C], [N, C, L], [N, C, H, W] or [N, C, D, H, W], optionally followed by the activation named `act`.

    is_test or `eval()`: the running statistics are used. trainable_statistics: batch statistics in evaluation too. in_place and
    do_model_average_for_mean_and_var change nothing here.
    """

    def __init__(
        self,
        num_channels: int,
        act: str | None = None,
        is_test: bool = False,
        momentum: float = 0.9,
        epsilon: float = 1e-05,
        param_attr: Any = None,
        bias_attr: Any = None,
        dtype: Any = "float32",
        data_layout: str = "NCHW",
        in_place: bool = False,
        moving_mean_name: str | None = None,
        moving_variance_name: str | None = None,
        do_model_average_for_mean_and_var: bool = True,
        use_global_stats: bool = False,
        trainable_statistics: bool = False,
    ) -> None:
        super().__init__()
        self._param_attr, self._bias_attr, self._act = param_attr, bias_attr, act
        self._dtype = "float32" if dtype == "float16" else dtype
        self.weight = self.create_parameter(
            [num_channels], attr=param_attr, dtype=self._dtype, default_initializer=Constant(1.0)
        )
        self.bias = self.create_parameter([num_channels], attr=bias_attr, dtype=self._dtype, is_bias=True)
        average = do_model_average_for_mean_and_var
        self._mean = _statistic(self, moving_mean_name, num_channels, self._dtype, 0.0, average)
        self._variance = _statistic(self, moving_variance_name, num_channels, self._dtype, 1.0, average)
        self._in_place, self._data_layout, self._momentum, self._epsilon = in_place, data_layout, momentum, epsilon
        self._is_test, self._use_global_stats, self._trainable_statistics = (
            is_test,
            use_global_stats,
            trainable_statistics,
        )

    def forward(self, input: Any) -> Any:
        """Same shape as the input."""
        out = call(
            N.batch_norm,
            input,
            self.weight,
            self.bias,
            self._mean,
            self._variance,
            is_test=self._is_test or not self.training,
            momentum=float(self._momentum),
            epsilon=float(self._epsilon),
            data_layout=self._data_layout,
            use_global_stats=bool(self._use_global_stats),
            trainable_statistics=bool(self._trainable_statistics),
        )
        return out if self._act is None else call(find_op(self._act), out)


class LocalResponseNorm(Layer):
    """Divide by the strength of neighbouring channels; see `nn.functional.local_response_norm`."""

    def __init__(
        self,
        size: int,
        alpha: float = 0.0001,
        beta: float = 0.75,
        k: float = 1.0,
        data_format: str = "NCHW",
        name: str | None = None,
    ) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k, self.data_format, self.name = size, alpha, beta, k, data_format, name

    def forward(self, input: Any) -> Any:
        """Same shape as the input."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k, self.data_format)

    def extra_repr(self) -> str:
        """The constants."""
        text = f"size={self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
        if self.data_format != "NCHW":
            text += f", data_format={self.data_format}"
        return text if self.name is None else f"{text}, name={self.name}"


class SpectralNorm(Layer):
    """A weight of shape `weight_shape` divided by its largest singular value, found by power iteration (Miyato et al. 2018).

    dim: the axis (0 or 1) that makes the rows of the matrix. power_iters: steps per call, from `weight_u` and `weight_v`, which as in
    Paddle are not moved on.
    """

    def __init__(
        self,
        weight_shape: Sequence[int],
        dim: int = 0,
        power_iters: int = 1,
        eps: float = 1e-12,
        dtype: Any = "float32",
    ) -> None:
        super().__init__()
        self._power_iters, self._eps, self._dim, self._dtype = power_iters, eps, dim, dtype
        self._weight_shape = [int(n) for n in weight_shape]
        if product(self._weight_shape) <= 0:
            raise AssertionError(
                f"SpectralNorm: any dimension of `weight_shape` must be positive, got {self._weight_shape}"
            )
        if dim >= len(self._weight_shape):
            raise AssertionError(
                f"SpectralNorm: dim should be less than the length of `weight_shape`, {len(self._weight_shape)}, got {dim}"
            )
        rows = self._weight_shape[dim]
        self.weight_u = self._start(rows)
        self.weight_v = self._start(product(self._weight_shape) // rows)

    def _start(self, size: int) -> Any:
        made = self.create_parameter([size], attr=ParamAttr(), dtype=self._dtype, default_initializer=Normal(0.0, 1.0))
        made.stop_gradient = True
        return made

    def forward(self, x: Any) -> Any:
        """The weight x normalised, same shape."""
        return call(
            N.spectral_norm,
            x,
            self.weight_u,
            self.weight_v,
            dim=self._dim,
            power_iters=self._power_iters,
            eps=float(self._eps),
        )
