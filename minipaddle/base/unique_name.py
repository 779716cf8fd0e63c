"""``base.unique_name``."""
from __future__ import annotations

from ..utils.unique_name import UniqueNameGenerator, generate, guard, switch

__all__ = ["UniqueNameGenerator", "generate", "guard", "switch"]
