"""``fluid.unique_name``."""
from __future__ import annotations

from ..utils.unique_name import generate, guard, switch

__all__ = ["generate", "guard", "switch"]
