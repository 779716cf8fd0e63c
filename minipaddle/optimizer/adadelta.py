"""Adadelta."""

from __future__ import annotations

from typing import Any

from ..nn.clip import ClipGradBase
from ..ops import optimizer as O
from .lr import LRScheduler
from .optimizer import Accumulator, Optimizer, needed

__all__ = ["Adadelta"]


class Adadelta(Optimizer):
    """Steps in the proportion of the root mean squares of past updates and gradients (Zeiler 2012).

    rho: how slowly these means follow. Parameter groups may set "epsilon" and "rho". The other arguments are those of
    `Optimizer`.
    """

    op, type = O.adadelta, "adadelta"
    _slots = (
        Accumulator("AvgSquaredGrad", "_avg_squared_grad"), Accumulator("AvgSquaredUpdate", "_avg_squared_update"),
    )  # fmt: skip

    def __init__(
        self,
        learning_rate: float | LRScheduler = 0.001,
        epsilon: float = 1e-6,
        rho: float = 0.95,
        parameters: Any = None,
        weight_decay: Any = None,
        grad_clip: ClipGradBase | None = None,
        name: str | None = None,
    ) -> None:
        needed(self, ValueError, learning_rate=learning_rate, epsilon=epsilon, rho=rho)
        self._epsilon, self._rho = epsilon, rho
        super().__init__(learning_rate, parameters, weight_decay, grad_clip, name)

    def _attributes(self, params: list[Any], rates: Any, group: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return rates, {"rho": group.get("rho", self._rho), "epsilon": group.get("epsilon", self._epsilon)}
