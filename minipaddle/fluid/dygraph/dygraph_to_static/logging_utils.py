"""See `jit.dy2static.logging_utils`."""
from __future__ import annotations

from ....jit.dy2static.logging_utils import set_code_level, set_verbosity

__all__ = ["set_code_level", "set_verbosity"]
