"""``fluid.backward``."""
from __future__ import annotations

from ..static.backward import append_backward, gradients
from .newer import from_base

__all__ = ["append_backward", "gradients"]

__getattr__ = from_base(__name__)
