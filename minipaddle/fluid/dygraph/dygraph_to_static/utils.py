"""See `jit.dy2static.utils`."""
from __future__ import annotations

from ....jit.dy2static.utils import (
    Dygraph2StaticException,
    ast_to_source_code,
    func_to_source_code,
)

__all__ = ["Dygraph2StaticException", "ast_to_source_code", "func_to_source_code"]
