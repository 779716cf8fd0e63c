"""Weight decay as a term of the gradient: ``paddle.regularizer``."""

from __future__ import annotations

from typing import Any

from .core.dispatch import call
from .core.grad_mode import no_grad
from .ops import elementwise as E

__all__ = ["L1Decay", "L2Decay"]


class WeightDecayRegularizer:
    """Base: called with a parameter and its gradient, gives the term that an optimizer adds to the gradient."""

    def __call__(self, param: Any, grad: Any = None, block: Any = None) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} does not define __call__(param, grad, block), the term to add to the gradient"
        )

    def __str__(self) -> str:
        return type(self).__name__


class L1Decay(WeightDecayRegularizer):
    """The term ``coeff * sign(parameter)``, the gradient of ``coeff * sum(abs(parameter))``."""

    def __init__(self, coeff: float = 0.0) -> None:
        assert coeff is not None, "coeff of L1Decay must be a number"
        self._coeff = coeff

    def __call__(self, param: Any, grad: Any = None, block: Any = None) -> Any:
        with no_grad():
            return call(E.scale, call(E.sign, param), scale=float(self._coeff))

    def __str__(self) -> str:
        return f"L1Decay, coeff={self._coeff:f}"


class L2Decay(WeightDecayRegularizer):
    """The term ``coeff * parameter``, the gradient of ``coeff / 2 * sum(parameter ** 2)``."""

    def __init__(self, coeff: float = 0.0) -> None:
        assert coeff is not None, "coeff of L2Decay must be a number"
        self._coeff = coeff

    def __call__(self, param: Any, grad: Any = None, block: Any = None) -> Any:
        with no_grad():
            return call(E.scale, param, scale=float(self._coeff))

    def __str__(self) -> str:
        return f"L2Decay, coeff={self._coeff:f}"
