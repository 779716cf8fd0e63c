"""Sums of products in Einstein's notation."""
from __future__ import annotations

from typing import Any

from ..core.dispatch import call
from ..ops import matmul as M
from .math import same_types

__all__ = ["einsum"]


def einsum(equation: str, *operands: Any) -> Any:
    """The sum of products that `equation` says, for example ``einsum("bij,bjk->bik", a, b)``.

    Letters name dimensions, "..." stands for any number of them, without "->" the result has the letters that occur once,
    sorted. ValueError for an equation that does not fit the operands.
    """
    if not operands:
        raise ValueError(f"einsum: equation {equation!r} needs at least one operand")
    for other in operands[1:]:
        same_types(operands[0], other, "einsum")
    return call(M.einsum, list(operands), equation=equation)
