"""Weight decay under the argument names of 1.x."""
from __future__ import annotations

from .. import regularizer as R

__all__ = ["L1Decay", "L1DecayRegularizer", "L2Decay", "L2DecayRegularizer"]


class L1DecayRegularizer(R.L1Decay):
    """The term ``regularization_coeff * sign(parameter)``."""

    def __init__(self, regularization_coeff: float = 0.0) -> None:
        super().__init__(regularization_coeff)
        self._regularization_coeff = regularization_coeff


class L2DecayRegularizer(R.L2Decay):
    """The term ``regularization_coeff * parameter``."""

    def __init__(self, regularization_coeff: float = 0.0) -> None:
        super().__init__(regularization_coeff)
        self._regularization_coeff = regularization_coeff


L1Decay, L2Decay = L1DecayRegularizer, L2DecayRegularizer
