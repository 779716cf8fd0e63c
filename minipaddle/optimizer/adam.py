"""Adam."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import kernels
from ..core.program import Variable
from ..core.tensor import Tensor, isinstance_strict
from ..nn.clip import ClipGradBase
from ..ops import optimizer as O
from .lr import LRScheduler
from .optimizer import Accumulator, Optimizer, needed

__all__ = ["Adam"]

MOMENTS = (
    Accumulator("Moment1", "moment1", wide=True),
    Accumulator("Moment2", "moment2", wide=True),
    Accumulator("Beta1Pow", "beta1_pow_acc", "_beta1", one=True, wide=True),
    Accumulator("Beta2Pow", "beta2_pow_acc", "_beta2", one=True, wide=True),
)


def check_betas(optimizer: Optimizer, beta1: Any, beta2: Any, epsilon: Any) -> None:
    """ValueError for numbers out of range; tensors are taken as they are."""
    for name, value in (("beta1", beta1), ("beta2", beta2)):
        if not isinstance(value, (Tensor, Variable)) and not 0 <= value < 1:
            raise ValueError(f"{name} of {type(optimizer).__name__} must be in [0, 1), got {value}")
    if not isinstance(epsilon, (Tensor, Variable)) and not 0 <= epsilon:
        raise ValueError(f"epsilon of {type(optimizer).__name__} must not be negative, got {epsilon}")


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015): steps along the mean of the gradients over the root of the mean of their squares.

    beta1, beta2: how slowly these means follow, numbers or tensors of one element. lazy_mode: matters for sparse gradients
    only, which do not exist here. use_multi_tensor: has no effect, all parameters are updated together anyway.
    multi_precision: keep a float32 copy of half-precision parameters and do the sums on that. Parameter groups may set
    "beta1", "beta2" and "epsilon". The other arguments are those of `Optimizer`.
    """

    op, type = O.adam, "adam"
    _slots = MOMENTS

    def __init__(
        self,
        learning_rate: float | LRScheduler = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        parameters: Any = None,
        weight_decay: Any = None,
        grad_clip: ClipGradBase | None = None,
        lazy_mode: bool = False,
        multi_precision: bool = False,
        use_multi_tensor: bool = False,
        name: str | None = None,
    ) -> None:
        needed(self, AssertionError, learning_rate=learning_rate, beta1=beta1, beta2=beta2, epsilon=epsilon)
        check_betas(self, beta1, beta2, epsilon)
        self._beta1, self._beta2, self._epsilon = beta1, beta2, epsilon
        self._lazy_mode, self._multi_precision, self._use_multi_tensor = lazy_mode, multi_precision, use_multi_tensor
        super().__init__(learning_rate, parameters, weight_decay, grad_clip, name)

    def _accumulator_start(self, accumulator: Accumulator) -> float:
        # the value of a Variable is not known when the Program is written: Paddle's defaults
        start = accumulator.start
        if isinstance(start, str) and isinstance_strict(getattr(self, start), Variable):
            return 0.9 if start == "_beta1" else 0.999
        return super()._accumulator_start(accumulator)

    def _attributes(self, params: list[Any], rates: Any, group: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return rates, {
            "beta1": _number(group.get("beta1", self._beta1)),
            "beta2": _number(group.get("beta2", self._beta2)),
            "epsilon": _number(group.get("epsilon", self._epsilon)),
        }

    def _static_attributes(self, param: Any, group: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        attributes = super()._static_attributes(param, group, values)
        for name in ("beta1", "beta2", "epsilon"):
            if isinstance_strict(attributes[name], Variable):
                values[f"{name.capitalize()}Tensor"] = attributes.pop(name)
        attributes["lazy_mode"] = bool(group.get("lazy_mode", self._lazy_mode))
        return attributes

    def _fused(
        self, cache: Any, params: list[Any], grads: list[Any], accumulators: list[list[Any]], rates: Any,
        attributes: dict[str, Any], l2: Any, scale: Any,
    ) -> bool:  # fmt: skip
        kernel = kernels.lookup("adam", "cpu" if type(params[0]) is np.ndarray else "gpu")
        if kernel is None:
            return False
        return kernel(
            cache, params, grads, *accumulators, rates, attributes["beta1"], attributes["beta2"], attributes["epsilon"],
            attributes.get("coeff", 0.0), l2, scale,
        )  # fmt: skip


def _number(value: Any) -> Any:
    return float(value) if type(value) is not float and isinstance_strict(value, Tensor) else value
