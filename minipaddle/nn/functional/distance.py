"""``paddle.nn.functional``: distances and similarities."""

from __future__ import annotations

from typing import Any

from ...core.dispatch import call
from ...ops import reduction as R
from ...tensor import math as M
from ...tensor.arguments import static_types

__all__ = ["cosine_similarity", "pairwise_distance"]


def pairwise_distance(
    x: Any, y: Any, p: float = 2.0, epsilon: float = 1e-6, keepdim: bool = False, name: str | None = None
) -> Any:
    """The p-norm of x - y + epsilon over the last axis. x, y: [N, D] or [D]; `p` may be infinite."""
    static_types("pairwise_distance", "float16 float32 float64", x=x, y=y)
    difference = M.subtract(x, y)
    if epsilon != 0.0:
        difference = difference + epsilon
    return call(R.p_norm, difference, axis=-1, porder=float(p), keepdim=bool(keepdim), epsilon=0.0, asvector=False)


def cosine_similarity(x1: Any, x2: Any, axis: int = 1, eps: float = 1e-8) -> Any:
    """x1 * x2 / max(|x1| |x2|, eps) along `axis`, which disappears; other dimensions broadcast."""
    product = M.sum(M.multiply(x1, x2), axis=axis)
    sizes = M.sum(M.multiply(x1, x1), axis=axis) * M.sum(M.multiply(x2, x2), axis=axis)
    return product / M.sqrt(M.clip(sizes, min=eps * eps))
