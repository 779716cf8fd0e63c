"""Signatures of traced functions."""
from __future__ import annotations

from ..trace import FunctionSpec

__all__ = ["FunctionSpec"]
