"""How parameters start, under the names and arguments of 1.x."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..core.dispatch import call
from ..dtypes import DType
from ..nn import initializer as I
from ..nn.initializer import Initializer, fans_of
from ..ops import random

__all__ = [
    "Bilinear", "BilinearInitializer", "Constant", "ConstantInitializer", "Initializer", "MSRA", "MSRAInitializer", "Normal",
    "NormalInitializer", "NumpyArrayInitializer", "TruncatedNormal", "TruncatedNormalInitializer", "Uniform", "UniformInitializer",
    "Xavier", "XavierInitializer",
]  # fmt: skip


def _uniform(shape: Sequence[int], dtype: DType, limit: float, seed: int) -> Any:
    return call(random.uniform_random, shape=list(shape), min=-limit, max=limit, seed=seed, dtype=dtype.proto)


def _normal(shape: Sequence[int], dtype: DType, mean: float, std: float, seed: int) -> Any:
    return call(random.gaussian_random, shape=list(shape), mean=mean, std=std, seed=seed, dtype=dtype.proto)


class ConstantInitializer(I.Constant):
    """Every element is `value`. force_cpu: has no effect, a Program runs on one device."""

    def __init__(self, value: float = 0.0, force_cpu: bool = False) -> None:
        super().__init__(value)


class UniformInitializer(Initializer):
    """Uniform in [low, high). seed: 0 takes the generator's. diag_num and its companions set a diagonal to diag_val."""

    def __init__(
        self, low: float = -1.0, high: float = 1.0, seed: int = 0, diag_num: int = 0, diag_step: int = 0, diag_val: float = 1.0
    ) -> None:
        if high < low:
            raise ValueError(f"Uniform: low must not be greater than high, got {low} and {high}")
        self._low, self._high, self._seed = low, high, seed
        self._diagonal = {"diag_num": diag_num, "diag_step": diag_step, "diag_val": diag_val}

    def values(self, shape: Sequence[int], dtype: DType) -> Any:
        """A tensor of this shape and dtype, made by operators."""
        return call(
            random.uniform_random, shape=list(shape), min=float(self._low), max=float(self._high), seed=self._seed, dtype=dtype.proto,
            **(self._diagonal if self._diagonal["diag_num"] else {}),
        )  # fmt: skip


class NormalInitializer(Initializer):
    """Normal with mean `loc` and standard deviation `scale`."""

    def __init__(self, loc: float = 0.0, scale: float = 1.0, seed: int = 0) -> None:
        self._mean, self._std_dev, self._seed = loc, scale, seed

    def values(self, shape: Sequence[int], dtype: DType) -> Any:
        """A tensor of this shape and dtype, made by operators."""
        return _normal(shape, dtype, float(self._mean), float(self._std_dev), self._seed)


class TruncatedNormalInitializer(NormalInitializer):
    """As Normal, drawn again where further than two standard deviations from the mean."""

    def values(self, shape: Sequence[int], dtype: DType) -> Any:
        """A tensor of this shape and dtype, made by operators."""
        return call(
            random.truncated_gaussian_random, shape=list(shape), mean=float(self._mean), std=float(self._std_dev), seed=self._seed,
            dtype=dtype.proto,
        )  # fmt: skip


class XavierInitializer(Initializer):
    """Variance 2 / (fan_in + fan_out), uniform or normal (Glorot and Bengio 2010)."""

    def __init__(self, uniform: bool = True, fan_in: float | None = None, fan_out: float | None = None, seed: int = 0) -> None:
        self._uniform, self._fan_in, self._fan_out, self._seed = uniform, fan_in, fan_out, seed

    def values(self, shape: Sequence[int], dtype: DType) -> Any:
        """A tensor of this shape and dtype, made by operators."""
        found = fans_of(shape)
        total = (found[0] if self._fan_in is None else self._fan_in) + (found[1] if self._fan_out is None else self._fan_out)
        if self._uniform:
            return _uniform(shape, dtype, math.sqrt(6.0 / total), self._seed)
        return _normal(shape, dtype, 0.0, math.sqrt(2.0 / total), self._seed)


class MSRAInitializer(Initializer):
    """Variance 2 / fan_in, uniform or normal (He et al. 2015)."""

    def __init__(self, uniform: bool = True, fan_in: float | None = None, seed: int = 0) -> None:
        self._uniform, self._fan_in, self._seed = uniform, fan_in, seed

    def values(self, shape: Sequence[int], dtype: DType) -> Any:
        """A tensor of this shape and dtype, made by operators."""
        fan = fans_of(shape)[0] if self._fan_in is None else self._fan_in
        if self._uniform:
            return _uniform(shape, dtype, math.sqrt(6.0 / fan), self._seed)
        return _normal(shape, dtype, 0.0, math.sqrt(2.0 / fan), self._seed)


BilinearInitializer = I.Bilinear


class NumpyArrayInitializer(I.Assign):
    """The numbers of an array of the parameter's shape."""


Constant, Uniform, Normal, TruncatedNormal = (
    ConstantInitializer, UniformInitializer, NormalInitializer, TruncatedNormalInitializer,
)  # fmt: skip
Xavier, MSRA, Bilinear = XavierInitializer, MSRAInitializer, BilinearInitializer
