"""How layers of Paddle 1.x call operators; see `static.helper`."""
from __future__ import annotations

from ..static.helper import Helper, attr_list, dtype_of, run

__all__ = ["Helper", "attr_list", "dtype_of", "run"]
