"""``base.backward``."""
from __future__ import annotations

from ..static.backward import append_backward, gradients

__all__ = ["append_backward", "calc_gradient", "gradients"]

calc_gradient = gradients
