"""Gradient descent with momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import kernels
from ..nn.clip import ClipGradBase
from ..ops import optimizer as O
from ..regularizer import L2Decay
from .lr import LRScheduler
from .optimizer import Accumulator, Optimizer, needed

__all__ = ["Momentum"]


class Momentum(Optimizer):
    """``velocity = momentum * velocity + gradient; parameter -= learning_rate * velocity``.

    use_nesterov: step along ``gradient + momentum * velocity`` (the new velocity). rescale_grad: a factor of the gradient.
    use_multi_tensor: has no effect, all parameters are updated together anyway. Parameter groups may set "momentum",
    "use_nesterov" and "rescale_grad". The other arguments are those of `Optimizer`.
    """

    op, type = O.momentum, "momentum"
    _slots = (Accumulator("Velocity", "velocity"),)

    def __init__(
        self,
        learning_rate: float | LRScheduler = 0.001,
        momentum: float = 0.9,
        parameters: Any = None,
        use_nesterov: bool = False,
        weight_decay: Any = None,
        grad_clip: ClipGradBase | None = None,
        multi_precision: bool = False,
        rescale_grad: float = 1.0,
        use_multi_tensor: bool = False,
        name: str | None = None,
    ) -> None:
        needed(self, ValueError, learning_rate=learning_rate, momentum=momentum)
        self._momentum, self._use_nesterov, self._rescale_grad = momentum, bool(use_nesterov), rescale_grad
        self._multi_precision, self._use_multi_tensor = multi_precision, use_multi_tensor
        super().__init__(learning_rate, parameters, weight_decay, grad_clip, name)

    def _attributes(self, params: list[Any], rates: Any, group: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return rates, {
            "mu": group.get("momentum", self._momentum),
            "use_nesterov": bool(group.get("use_nesterov", self._use_nesterov)),
            "rescale_grad": group.get("rescale_grad", self._rescale_grad),
        }

    def _decays_itself(self, regularizer: Any) -> bool:
        return type(regularizer) is L2Decay

    def _static_attributes(self, param: Any, group: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        attributes = super()._static_attributes(param, group, values)
        own = getattr(param, "regularizer", None)
        regularizer = self._default_regularizer(group) if own is None else own
        if self._decays_itself(regularizer):
            attributes |= {"regularization_method": "l2_decay", "regularization_coeff": float(regularizer._coeff)}
        return attributes

    def _fused(
        self, cache: Any, params: list[Any], grads: list[Any], accumulators: list[list[Any]], rates: Any,
        attributes: dict[str, Any], l2: Any, scale: Any,
    ) -> bool:  # fmt: skip
        kernel = kernels.lookup("momentum") if type(params[0]) is np.ndarray else None
        if kernel is None:
            return False
        rescale = attributes["rescale_grad"]
        if rescale != 1.0:
            scale = [s * rescale for s in scale] if isinstance(scale, list) else scale * rescale
        return kernel(
            cache, params, grads, accumulators[0], rates, attributes["mu"], attributes["use_nesterov"], l2, scale
        )

    def _apply_one(
        self, plan: Any, i: int, array: Any, rate: float, attributes: dict[str, Any], l2: float, scale: float
    ) -> None:
        # the operator decays itself, after rescale_grad
        attributes = {**attributes, "regularization_method": "l2_decay", "regularization_coeff": l2} if l2 else attributes
        super()._apply_one(plan, i, array, rate, attributes, 0.0, scale)
