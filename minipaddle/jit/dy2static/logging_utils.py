"""Log lines about tracing."""
from __future__ import annotations

from ..api import set_code_level, set_verbosity

__all__ = ["set_code_level", "set_verbosity"]
