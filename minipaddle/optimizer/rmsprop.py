"""RMSProp."""

from __future__ import annotations

from typing import Any

from ..nn.clip import ClipGradBase
from ..ops import optimizer as O
from .fused import FusedUpdate
from .lr import LRScheduler
from .optimizer import Accumulator, Optimizer, needed

__all__ = ["RMSProp"]


class RMSProp(FusedUpdate, Optimizer):
    """Steps over the root mean square of recent gradients (Tieleman & Hinton 2012).

    rho: how slowly the mean follows. momentum: share of the last step that is kept. centered: take the variance rather
    than the mean square. Parameter groups may set these and "epsilon". ValueError for negative numbers. The other
    arguments are those of `Optimizer`.
    """

    op, type = O.rmsprop, "rmsprop"
    _slots = (
        Accumulator("Moment", "momentum"), Accumulator("MeanSquare", "mean_square"), Accumulator("MeanGrad", "mean_grad"),
    )  # fmt: skip
    _shared = ("decay", "epsilon", "momentum", "centered")

    def __init__(
        self,
        learning_rate: float | LRScheduler,
        rho: float = 0.95,
        epsilon: float = 1e-6,
        momentum: float = 0.0,
        centered: bool = False,
        parameters: Any = None,
        weight_decay: Any = None,
        grad_clip: ClipGradBase | None = None,
        name: str | None = None,
    ) -> None:
        needed(self, ValueError, learning_rate=learning_rate, rho=rho, epsilon=epsilon, momentum=momentum)
        for label, value in (("epsilon", epsilon), ("momentum", momentum), ("rho", rho)):
            if value < 0:
                raise ValueError(f"{label} of RMSProp must not be negative, got {value}")
        self._rho, self._epsilon, self._momentum, self._centered = rho, epsilon, momentum, centered
        super().__init__(learning_rate, parameters, weight_decay, grad_clip, name)

    def _attributes(self, params: list[Any], rates: Any, group: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return rates, {
            "epsilon": group.get("epsilon", self._epsilon),
            "decay": group.get("rho", self._rho),
            "momentum": group.get("momentum", self._momentum),
            "centered": bool(group.get("centered", self._centered)),
        }
