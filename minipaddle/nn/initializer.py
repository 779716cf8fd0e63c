"""``paddle.nn.initializer``: how parameters start.

An initializer calls operators, so that the same rule runs eagerly and is written into startup Programs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.context import context
from ..core.dispatch import call
from ..core.program import Variable
from ..core.recorder import Recorder, recording
from ..core.tensor import Tensor, isinstance_strict
from ..dtypes import DType
from ..errors import MisusedTensorError
from ..ops import creation, linalg, random
from ..ops import elementwise as E
from ..ops import manipulation as M
from ..tensor import math as tensor_math
from ..tensor.arguments import constant
from ..utils import unique_name

__all__ = [
    "Assign", "Bilinear", "Constant", "Dirac", "Initializer", "KaimingNormal", "KaimingUniform", "Normal", "Orthogonal",
    "TruncatedNormal", "Uniform", "XavierNormal", "XavierUniform", "calculate_gain", "set_global_initializer",
]  # fmt: skip


def fans_of(shape: Sequence[int]) -> tuple[int, int]:
    """Fan-in and fan-out of a parameter: [in, out] for matrices, [out, in, *kernel] for convolutions."""
    if not shape:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    if len(shape) == 2:
        return shape[0], shape[1]
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


class Initializer:
    """Base class: a subclass says in `values` which operators give the first value of a parameter."""

    def values(self, shape: Sequence[int], dtype: DType) -> Any:
        """A tensor of this shape and dtype, made by operators."""
        raise NotImplementedError(f"{type(self).__name__} does not define values(shape, dtype)")

    def __call__(self, var: Any, block: Any = None) -> Any:
        """Give `var`, a Tensor or a static Variable, its first value again. Returns `var`."""
        return self.forward(var, block)

    def forward(self, var: Any, block: Any = None) -> Any:
        """As calling the initializer."""
        shape, dtype = [int(n) for n in var.shape], var.dtype
        if isinstance_strict(var, Variable):
            target = var.block if block is None else block
            with recording(Recorder(target.program)):
                call(M.assign, self.values(shape, dtype))
            target.ops[-1].outputs["Out"] = [var.name]
            return var
        recorder, context.recorder = context.recorder, None
        try:
            value = self.values(shape, dtype)
        finally:
            context.recorder = recorder
        var._assign_array(value._data)
        return var

    def __repr__(self) -> str:
        facts = ", ".join(f"{key.lstrip('_')}={value!r}" for key, value in vars(self).items())
        return f"{type(self).__name__}({facts})"


def _seed() -> int:
    """The seed of the default startup Program, as for what is recorded there; 0 takes numbers from the generator."""
    program = context.startup_program
    return 0 if context.recorder is not None or program is None else program.random_seed


def _uniform(shape: Sequence[int], dtype: DType, low: float, high: float) -> Any:
    return call(random.uniform_random, shape=list(shape), min=float(low), max=float(high), seed=_seed(), dtype=dtype.proto)


def _normal(shape: Sequence[int], dtype: DType, mean: float, std: float) -> Any:
    return call(random.gaussian_random, shape=list(shape), mean=float(mean), std=float(std), seed=_seed(), dtype=dtype.proto)


class Constant(Initializer):
    """Every element is `value`."""

    def __init__(self, value: float = 0.0) -> None:
        if value is None:
            raise ValueError("Constant: value must be a number, got None")
        self._value = value

    def values(self, shape: Sequence[int], dtype: DType) -> Any:
        return call(
            creation.fill_constant,
            shape=list(shape),
            dtype=dtype.proto,
            value=float(self._value),
            str_value=str(float(self._value)),
        )


class Normal(Initializer):
    """Normally distributed with `mean` and standard deviation `std`."""

    def __init__(self, mean: float = 0.0, std: float = 1.0, name: str | None = None) -> None:
        if mean is None or std is None:
            raise ValueError("Normal: mean and std must be numbers, got None")
        self._mean, self._std = mean, std

    def values(self, shape: Sequence[int], dtype: DType) -> Any:
        return _normal(shape, dtype, self._mean, self._std)


class TruncatedNormal(Initializer):
    """As Normal, drawn again where further than two standard deviations from the mean."""

    def __init__(self, mean: float = 0.0, std: float = 1.0, name: str | None = None) -> None:
        if mean is None or std is None:
            raise ValueError("TruncatedNormal: mean and std must be numbers, got None")
        self._mean, self._std = mean, std

    def values(self, shape: Sequence[int], dtype: DType) -> Any:
        return call(
            random.truncated_gaussian_random,
            shape=list(shape),
            mean=float(self._mean),
            std=float(self._std),
            seed=_seed(),
            dtype=dtype.proto,
        )


class Uniform(Initializer):
    """Uniform in [low, high)."""

    def __init__(self, low: float = -1.0, high: float = 1.0, name: str | None = None) -> None:
        if low is None or high is None or high < low:
            raise ValueError(f"Uniform: low must not be greater than high, got {low} and {high}")
        self._low, self._high = low, high

    def values(self, shape: Sequence[int], dtype: DType) -> Any:
        return _uniform(shape, dtype, self._low, self._high)


class _Xavier(Initializer):
    """Glorot and Bengio 2010: variance 2 / (fan_in + fan_out)."""

    _is_uniform: bool

    def __init__(self, fan_in: float | None = None, fan_out: float | None = None, name: str | None = None) -> None:
        self._fan_in, self._fan_out = fan_in, fan_out

    def values(self, shape: Sequence[int], dtype: DType) -> Any:
        fan_in, fan_out = fans_of(shape)
        total = (fan_in if self._fan_in is None else self._fan_in) + (
            fan_out if self._fan_out is None else self._fan_out
        )
        if self._is_uniform:
            limit = math.sqrt(6.0 / total)
            return _uniform(shape, dtype, -limit, limit)
        return _normal(shape, dtype, 0.0, math.sqrt(2.0 / total))


class XavierUniform(_Xavier):
    """Uniform in ±sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""

    _is_uniform = True


class XavierNormal(_Xavier):
    """Normal with standard deviation sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""

    _is_uniform = False


class _Kaiming(Initializer):
    """He et al. 2015: variance gain² / fan_in."""

    _is_uniform: bool

    def __init__(self, fan_in: float | None = None, negative_slope: float = 0.0, nonlinearity: str = "relu") -> None:
        self._fan_in, self._negative_slope, self._nonlinearity = fan_in, negative_slope, nonlinearity
        calculate_gain(nonlinearity, negative_slope)

    def values(self, shape: Sequence[int], dtype: DType) -> Any:
        fan_in = fans_of(shape)[0] if self._fan_in is None else self._fan_in
        std = calculate_gain(self._nonlinearity, self._negative_slope) / math.sqrt(fan_in)
        if self._is_uniform:
            limit = math.sqrt(3.0) * std
            return _uniform(shape, dtype, -limit, limit)
        return _normal(shape, dtype, 0.0, std)


class KaimingUniform(_Kaiming):
    """Uniform in ±gain * sqrt(3 / fan_in) (He et al. 2015)."""

    _is_uniform = True


class KaimingNormal(_Kaiming):
    """Normal with standard deviation gain / sqrt(fan_in) (He et al. 2015)."""

    _is_uniform = False


def _fixed(values: Any, dtype: DType) -> Any:
    """A constant tensor holding `values`."""
    return constant(np.ascontiguousarray(values, dtype=dtype.np))


class Assign(Initializer):
    """The given numbers: an array, a list or a Tensor of the parameter's shape."""

    def __init__(self, value: Any, name: str | None = None) -> None:
        if not isinstance(value, (np.ndarray, list, tuple)) and not isinstance_strict(value, Tensor):
            raise MisusedTensorError(f"Assign takes an ndarray, a list, a tuple or a Tensor, got {type(value).__name__}")
        self._value = value

    def values(self, shape: Sequence[int], dtype: DType) -> Any:
        array = np.asarray(self._value)
        if tuple(array.shape) != tuple(shape):
            raise ValueError(
                f"Assign: the parameter has shape {list(shape)}, but the value has shape {list(array.shape)}"
            )
        return _fixed(array, dtype)


class Bilinear(Initializer):
    """Weights of a transposed convolution [out, in, k, k] that interpolates bilinearly (Long et al. 2015)."""

    def values(self, shape: Sequence[int], dtype: DType) -> Any:
        if len(shape) != 4 or shape[2] != shape[3]:
            raise ValueError(f"Bilinear: the parameter must have shape [out, in, k, k], got {list(shape)}")
        size = shape[3]
        factor = math.ceil(size / 2.0)
        center = (2 * factor - 1 - factor % 2) / (2.0 * factor)
        place = np.arange(math.prod(shape))
        # the row is not rounded down to a whole number, as in Paddle 2.6.2
        x, y = place % size, (place / size) % size
        values = (1 - np.abs(x / factor - center)) * (1 - np.abs(y / factor - center))
        return _fixed(values.reshape(shape), dtype)


class Dirac(Initializer):
    """Convolution weights [out, in, *kernel] that hand their input on unchanged, in each of `groups` groups."""

    def __init__(self, groups: int = 1, name: str | None = None) -> None:
        if not isinstance(groups, int) or groups <= 0:
            raise AssertionError(f"Dirac: groups must be a positive integer, got {groups!r}")
        self._groups = groups

    def values(self, shape: Sequence[int], dtype: DType) -> Any:
        if len(shape) not in (3, 4, 5):
            raise AssertionError(f"Dirac: the parameter must have 3, 4 or 5 dimensions, got shape {list(shape)}")
        if shape[0] % self._groups:
            raise AssertionError(f"Dirac: dimension 0 ({shape[0]}) must be a multiple of groups ({self._groups})")
        array = np.zeros(shape, dtype.np)
        each = shape[0] // self._groups
        center = tuple(n // 2 for n in shape[2:])
        for g in range(self._groups):
            for i in range(min(each, shape[1])):
                array[(g * each + i, i, *center)] = 1
        return _fixed(array, dtype)


class Orthogonal(Initializer):
    """A random (semi-)orthogonal matrix times `gain`; dimensions from 1 on are taken together (Saxe et al. 2013)."""

    def __init__(self, gain: float = 1.0, name: str | None = None) -> None:
        if gain is None:
            raise AssertionError("Orthogonal: gain must be a number, got None")
        self._gain = gain

    def values(self, shape: Sequence[int], dtype: DType) -> Any:
        if len(shape) < 2:
            raise AssertionError(f"Orthogonal: the parameter must have at least 2 dimensions, got shape {list(shape)}")
        rows, columns = shape[0], math.prod(shape[1:])
        drawn = _normal([max(rows, columns), min(rows, columns)], dtype, 0.0, 1.0)
        q, r = call(linalg.qr, drawn, mode="reduced")
        q = q * tensor_math.sign(call(M.diagonal, r))
        if rows < columns:
            q = call(M.transpose2, q, axis=[1, 0])
        q = call(M.reshape2, q, shape=list(shape))
        return call(E.scale, q, scale=float(self._gain))


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The recommended factor for the standard deviation before an activation; `param` is the slope of leaky_relu.

    ValueError for an activation without one.
    """
    slope = 0.01 if param is None else float(param)
    gains = {
        "sigmoid": 1.0, "linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0, "conv1d_transpose": 1.0, "conv2d_transpose": 1.0,
        "conv3d_transpose": 1.0, "tanh": 5.0 / 3, "relu": math.sqrt(2.0), "leaky_relu": math.sqrt(2.0 / (1 + slope**2)), "selu": 3.0 / 4,
    }  # fmt: skip
    if nonlinearity not in gains:
        raise ValueError(f"calculate_gain: no gain is known for {nonlinearity!r}; known are {', '.join(gains)}")
    gain = gains[nonlinearity]
    return 1 if gain == 1.0 else gain


class _Global:
    """What `set_global_initializer` set."""

    weight: Initializer | None = None
    bias: Initializer | None = None


def set_global_initializer(weight_init: Initializer | None, bias_init: Initializer | None = None) -> None:
    """Initializers for parameters whose attributes name none, in place of the layers' defaults. None undoes it."""
    for value, name in ((weight_init, "weight_init"), (bias_init, "bias_init")):
        if value is not None and not isinstance(value, Initializer):
            raise TypeError(
                f"set_global_initializer: {name} must be an Initializer or None, got {type(value).__name__}"
            )
    _Global.weight, _Global.bias = weight_init, bias_init


def chosen_initializer(given: Initializer | None, default: Initializer | None, is_bias: bool) -> Initializer:
    """The initializer in force: the attribute's, the global one, the layer's default, Paddle's default."""
    if given is not None:
        return given
    overall = _Global.bias if is_bias else _Global.weight
    if overall is not None:
        return overall
    if default is not None:
        return default
    return Constant(0.0) if is_bias else XavierUniform()


def unique_parameter_name(base: str, is_bias: bool) -> str:
    """``linear_0.w_0``: the owner's name, w or b, and a count."""
    return unique_name.generate(f"{base}.{'b' if is_bias else 'w'}")
