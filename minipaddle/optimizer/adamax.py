"""Adamax."""

from __future__ import annotations

from typing import Any

from ..core.context import context
from ..core.dispatch import call
from ..core.tensor import Tensor, isinstance_strict
from ..nn.clip import ClipGradBase
from ..ops import elementwise as E
from ..ops import optimizer as O
from .adam import check_betas
from .lr import LRScheduler
from .optimizer import Accumulator, Optimizer, needed

__all__ = ["Adamax"]


class Adamax(Optimizer):
    """Adam with the largest past gradient in place of the root mean square (Kingma & Ba 2015, section 7).

    Parameter groups may set "beta1", "beta2" and "epsilon". The other arguments are those of `Optimizer`.
    """

    op, type = O.adamax, "adamax"
    _slots = (
        Accumulator("Moment", "moment", wide=True),
        Accumulator("InfNorm", "inf_norm", wide=True),
        Accumulator("Beta1Pow", "beta1_pow_acc", "_beta1", one=True),
    )

    def __init__(
        self,
        learning_rate: float | LRScheduler = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        parameters: Any = None,
        weight_decay: Any = None,
        grad_clip: ClipGradBase | None = None,
        name: str | None = None,
    ) -> None:
        needed(self, AssertionError, learning_rate=learning_rate, beta1=beta1, beta2=beta2, epsilon=epsilon)
        check_betas(self, beta1, beta2, epsilon)
        self._beta1, self._beta2, self._epsilon = beta1, beta2, epsilon
        super().__init__(learning_rate, parameters, weight_decay, grad_clip, name)

    def _attributes(self, params: list[Any], rates: Any, group: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return rates, {
            "beta1": group.get("beta1", self._beta1),
            "beta2": group.get("beta2", self._beta2),
            "epsilon": group.get("epsilon", self._epsilon),
        }

    def _finish_update(self, param: Any, group: dict[str, Any]) -> None:
        """The operator leaves the power of beta1 to a `scale` of its own, as in Paddle."""
        power = self._get_accumulator("beta1_pow_acc", param)
        beta1 = float(group.get("beta1", self._beta1))
        if isinstance_strict(power, Tensor) and context.recorder is None:
            power._data = call(E.scale, power, scale=beta1)._data
        else:
            self._append_over(E.scale, power, scale=beta1)
