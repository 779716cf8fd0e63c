"""Activation functions as layers; see ``paddle.nn.functional`` for what they compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.recorder import spec_of
from ...dtypes import get_default_dtype
from .. import functional as F
from ..initializer import Constant
from .layers import Layer

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Maxout",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SELU",
    "Sigmoid",
    "Silu",
    "Softmax",
    "Softmax2D",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Swish",
    "Tanh",
    "Tanhshrink",
    "ThresholdedReLU",
]


class _Plain(Layer):
    """A function of one tensor without settings."""

    function: Callable[..., Any]

    def __init__(self, name: str | None = None) -> None:
        super().__init__()
        self._name = name

    def forward(self, x: Any) -> Any:
        return self.function(x)

    def extra_repr(self) -> str:
        return f"name={self._name}" if self._name else ""


class ReLU(_Plain):
    """max(x, 0)."""

    function = staticmethod(F.relu)


class ReLU6(_Plain):
    """x limited to [0, 6]."""

    function = staticmethod(F.relu6)


class Sigmoid(_Plain):
    """1 / (1 + exp(-x))."""

    function = staticmethod(F.sigmoid)


class LogSigmoid(_Plain):
    """log(1 / (1 + exp(-x)))."""

    function = staticmethod(F.log_sigmoid)


class Tanh(_Plain):
    """Hyperbolic tangent."""

    function = staticmethod(F.tanh)


class Tanhshrink(_Plain):
    """x - tanh(x)."""

    function = staticmethod(F.tanhshrink)


class Softsign(_Plain):
    """x / (1 + |x|)."""

    function = staticmethod(F.softsign)


class Silu(_Plain):
    """x / (1 + exp(-x))."""

    function = staticmethod(F.silu)


class Swish(_Plain):
    """x / (1 + exp(-x))."""

    function = staticmethod(F.swish)


class Mish(_Plain):
    """x * tanh(log(1 + exp(x)))."""

    function = staticmethod(F.mish)


class Hardswish(_Plain):
    """x * min(max(x + 3, 0), 6) / 6."""

    function = staticmethod(F.hardswish)


class Hardsigmoid(_Plain):
    """x / 6 + 0.5 limited to [0, 1]."""

    function = staticmethod(F.hardsigmoid)


class Softmax2D(_Plain):
    """Softmax over the channels of [N, C, H, W] or [C, H, W]. AssertionError for other shapes."""

    def forward(self, x: Any) -> Any:
        ndim = spec_of(x).ndim
        if ndim not in (3, 4):
            raise AssertionError(f"Softmax2D takes [N, C, H, W] or [C, H, W], got {list(spec_of(x).shape)}")
        return F.softmax(x, axis=-3)


class _Set(Layer):
    """A function of one tensor with settings, kept as ``_<setting>`` and shown by `print`."""

    function: Callable[..., Any]
    settings: tuple[str, ...]

    def _keep(self, name: str | None, *values: Any) -> None:
        super().__init__()
        self._name = name
        for setting, value in zip(self.settings, values, strict=True):
            setattr(self, f"_{setting}", value)

    def forward(self, x: Any) -> Any:
        return self.function(x, *[getattr(self, f"_{s}") for s in self.settings])

    def _shown(self, value: Any) -> str:
        return str(value)

    def extra_repr(self) -> str:
        shown = [f"{s}={self._shown(getattr(self, f'_{s}'))}" for s in self.settings]
        return ", ".join(shown + ([f"name={self._name}"] if self._name else []))


class CELU(_Set):
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))."""

    function, settings = staticmethod(F.celu), ("alpha",)

    def __init__(self, alpha: float = 1.0, name: str | None = None) -> None:
        self._keep(name, alpha)


class ELU(_Set):
    """x where x > 0, else alpha * (exp(x) - 1)."""

    function, settings = staticmethod(F.elu), ("alpha",)

    def __init__(self, alpha: float = 1.0, name: str | None = None) -> None:
        self._keep(name, alpha)


class GELU(_Set):
    """x times the normal distribution function of x."""

    function, settings = staticmethod(F.gelu), ("approximate",)

    def __init__(self, approximate: bool = False, name: str | None = None) -> None:
        self._keep(name, approximate)


class GLU(_Set):
    """The first half along `axis` times the sigmoid of the second half."""

    function, settings = staticmethod(F.glu), ("axis",)

    def __init__(self, axis: int = -1, name: str | None = None) -> None:
        self._keep(name, axis)


class Hardshrink(_Set):
    """x where |x| > threshold, else 0."""

    function, settings = staticmethod(F.hardshrink), ("threshold",)

    def __init__(self, threshold: float = 0.5, name: str | None = None) -> None:
        self._keep(name, threshold)


class Hardtanh(_Set):
    """x limited to [min, max]."""

    function, settings = staticmethod(F.hardtanh), ("min", "max")

    def __init__(self, min: float = -1.0, max: float = 1.0, name: str | None = None) -> None:
        self._keep(name, min, max)


class LeakyReLU(_Set):
    """x where x > 0, else negative_slope * x."""

    function, settings = staticmethod(F.leaky_relu), ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, name: str | None = None) -> None:
        self._keep(name, negative_slope)


class SELU(_Set):
    """scale * (x where x > 0, else alpha * (exp(x) - 1))."""

    function, settings = staticmethod(F.selu), ("scale", "alpha")

    def __init__(
        self,
        scale: float = 1.0507009873554804934193349852946,
        alpha: float = 1.6732632423543772848170429916717,
        name: str | None = None,
    ) -> None:
        self._keep(name, scale, alpha)

    def _shown(self, value: Any) -> str:
        return f"{value:.16f}"


class Softplus(_Set):
    """log(1 + exp(beta * x)) / beta; x itself where beta * x > threshold."""

    function, settings = staticmethod(F.softplus), ("beta", "threshold")

    def __init__(self, beta: float = 1, threshold: float = 20, name: str | None = None) -> None:
        self._keep(name, beta, threshold)


class Softshrink(_Set):
    """x moved towards 0 by `threshold`."""

    function, settings = staticmethod(F.softshrink), ("threshold",)

    def __init__(self, threshold: float = 0.5, name: str | None = None) -> None:
        self._keep(name, threshold)


class ThresholdedReLU(_Set):
    """x where x > threshold, else 0."""

    function, settings = staticmethod(F.thresholded_relu), ("threshold",)

    def __init__(self, threshold: float = 1.0, name: str | None = None) -> None:
        self._keep(name, threshold)


class Softmax(_Set):
    """exp(x) divided by its sum along `axis`."""

    function, settings = staticmethod(F.softmax), ("axis",)

    def __init__(self, axis: int = -1, name: str | None = None) -> None:
        self._keep(name, axis)


class LogSoftmax(_Set):
    """The logarithm of softmax along `axis`."""

    function, settings = staticmethod(F.log_softmax), ("axis",)

    def __init__(self, axis: int = -1, name: str | None = None) -> None:
        self._keep(name, axis)


class Maxout(_Set):
    """The largest of each of `groups` neighbouring channels along `axis`."""

    function, settings = staticmethod(F.maxout), ("groups", "axis")

    def __init__(self, groups: int, axis: int = 1, name: str | None = None) -> None:
        self._keep(name, groups, axis)


class RReLU(_Set):
    """x where x >= 0, else a * x with a drawn from [lower, upper] in training and their middle in evaluation."""

    settings = ("lower", "upper")

    def __init__(self, lower: float = 1.0 / 8.0, upper: float = 1.0 / 3.0, name: str | None = None) -> None:
        self._keep(name, lower, upper)

    def forward(self, x: Any) -> Any:
        return F.rrelu(x, lower=self._lower, upper=self._upper, training=self.training)

    def extra_repr(self) -> str:
        name = f", name={self._name}" if self._name else ""
        return f"lower={self._lower}, upper={self._upper}, training={self.training}, dtype={self._dtype}{name}"


class PReLU(Layer):
    """x where x > 0, else weight * x with a learned weight: one, or one per channel (`num_parameters`)."""

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        weight_attr: Any = None,
        data_format: str = "NCHW",
        name: str | None = None,
    ) -> None:
        super().__init__()
        self._num_parameters, self._init, self._name, self._data_format = num_parameters, init, name, data_format
        self._dtype = get_default_dtype()
        self._weight = self.create_parameter(
            attr=weight_attr, shape=[num_parameters], dtype=self._dtype, default_initializer=Constant(init)
        )

    def forward(self, x: Any) -> Any:
        return F.prelu(x, self._weight, data_format=self._data_format)

    def extra_repr(self) -> str:
        name = f", name={self._name}" if self._name else ""
        return (
            f"num_parameters={self._num_parameters}, data_format={self._data_format}, init={self._init}, "
            f"dtype={self._dtype}{name}"
        )
