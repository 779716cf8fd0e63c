"""Paddle's switches for Programs of simpler operators. Operators stay whole here, and the results are the same."""
from __future__ import annotations

from typing import Any

__all__ = ["disable_prim", "enable_prim", "prim_enabled", "to_prim"]


def enable_prim() -> None:
    """Changes nothing."""


def disable_prim() -> None:
    """Changes nothing."""


def prim_enabled() -> bool:
    """Never: operators stay whole."""
    return False


def to_prim(
    blocks: Any, blacklist: Any = frozenset(), whitelist: Any = frozenset(), start_idx: int = -1, backward_length: int = -1
) -> None:
    """Leaves the blocks as they are."""
