"""Adagrad."""

from __future__ import annotations

from typing import Any

from ..nn.clip import ClipGradBase
from ..ops import optimizer as O
from .fused import FusedUpdate
from .lr import LRScheduler
from .optimizer import Accumulator, Optimizer, needed

__all__ = ["Adagrad"]


class Adagrad(FusedUpdate, Optimizer):
    """Steps over the root of the sum of all squared gradients so far (Duchi et al. 2011).

    initial_accumulator_value: what these sums start from. Parameter groups may set "epsilon". The other arguments are those
    of `Optimizer`.
    """

    op, type = O.adagrad, "adagrad"
    _slots = (Accumulator("Moment", "moment", "initial_accumulator_value"),)
    _shared = ("epsilon",)

    def __init__(
        self,
        learning_rate: float | LRScheduler,
        epsilon: float = 1e-6,
        parameters: Any = None,
        weight_decay: Any = None,
        grad_clip: ClipGradBase | None = None,
        name: str | None = None,
        initial_accumulator_value: float = 0.0,
    ) -> None:
        needed(self, AssertionError, learning_rate=learning_rate, epsilon=epsilon)
        self._epsilon, self.initial_accumulator_value = epsilon, initial_accumulator_value
        super().__init__(learning_rate, parameters, weight_decay, grad_clip, name)

    def _attributes(self, params: list[Any], rates: Any, group: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return rates, {"epsilon": group.get("epsilon", self._epsilon)}
