"""LAMB."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..nn.clip import ClipGradBase
from ..ops import optimizer as O
from .adam import MOMENTS
from .fused import FusedUpdate
from .lr import LRScheduler
from .optimizer import Optimizer, needed

__all__ = ["Lamb"]


class Lamb(FusedUpdate, Optimizer):
    """Adam's step scaled, per parameter, to the norm of that parameter (You et al. 2020).

    lamb_weight_decay: decay added to the step before it is scaled. exclude_from_weight_decay_fn: function of a parameter;
    no decay where it is true. always_adapt: scale parameters without decay too. Parameter groups may set "beta1", "beta2",
    "epsilon", "lamb_weight_decay" and "exclude_from_weight_decay_fn". The other arguments are those of `Optimizer`.
    """

    op, type = O.lamb, "lamb"
    _slots = MOMENTS
    _shared, _own = ("beta1", "beta2", "epsilon", "always_adapt"), ("weight_decay",)

    def __init__(
        self,
        learning_rate: float | LRScheduler = 0.001,
        lamb_weight_decay: float = 0.01,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-6,
        parameters: Any = None,
        grad_clip: ClipGradBase | None = None,
        exclude_from_weight_decay_fn: Callable[[Any], bool] | None = None,
        multi_precision: bool = False,
        always_adapt: bool = False,
        name: str | None = None,
    ) -> None:
        needed(self, AssertionError, learning_rate=learning_rate, beta1=beta1, beta2=beta2, epsilon=epsilon)
        self._beta1, self._beta2, self._epsilon = beta1, beta2, epsilon
        self._lamb_weight_decay, self._exclude_from_weight_decay_fn = lamb_weight_decay, exclude_from_weight_decay_fn
        self._multi_precision, self.always_adapt = multi_precision, always_adapt
        super().__init__(learning_rate, parameters, None, grad_clip, name)

    def _attributes(self, params: list[Any], rates: Any, group: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        decay = float(group.get("lamb_weight_decay", self._lamb_weight_decay))
        excluded = group.get("exclude_from_weight_decay_fn", self._exclude_from_weight_decay_fn)
        return rates, {
            "weight_decay": decay if excluded is None else [0.0 if excluded(p) else decay for p in params],
            "beta1": group.get("beta1", self._beta1),
            "beta2": group.get("beta2", self._beta2),
            "epsilon": group.get("epsilon", self._epsilon),
            "always_adapt": self.always_adapt,
        }
