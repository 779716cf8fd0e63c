"""``paddle.decomposition``: Paddle's way to take operators apart into simpler ones, for compilers that want those."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .core.program import Program

__all__ = ["decompose"]


def decompose(
    program: Program, src_vars: Sequence[Any], blacklist: Any = frozenset(), whitelist: Any = frozenset(), start_index: int = 0,
    end_index: int = -1,
) -> list[Any]:  # fmt: skip
    """The variables that stand for `src_vars` afterwards: these themselves, since operators stay whole here."""
    return list(src_vars)
