"""``base.initializer``."""
from __future__ import annotations

from ..nn.initializer import set_global_initializer

__all__ = ["set_global_initializer"]
