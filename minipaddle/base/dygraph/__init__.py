"""``base.dygraph``: dynamic mode."""
from __future__ import annotations

from ...autograd import grad
from . import base
from .base import disable_dygraph, enable_dygraph, enabled, guard, no_grad, to_variable

__all__ = ["base", "disable_dygraph", "enable_dygraph", "enabled", "grad", "guard", "no_grad", "to_variable"]
