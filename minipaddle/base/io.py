"""``base.io``."""
from __future__ import annotations

from ..io import DataLoader

__all__ = ["DataLoader"]
