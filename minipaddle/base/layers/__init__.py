"""``base.layers``."""
from __future__ import annotations

from ...static.program import data

__all__ = ["data"]
