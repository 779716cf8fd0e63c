"""Distances and similarities as layers."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .layers import Layer

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class PairwiseDistance(Layer):
    """The p-norm of x - y + epsilon over the last axis; see `functional.pairwise_distance`."""

    def __init__(self, p: float = 2.0, epsilon: float = 1e-6, keepdim: bool = False, name: str | None = None) -> None:
        super().__init__()
        self.p, self.epsilon, self.keepdim, self.name = p, epsilon, keepdim, name

    def forward(self, x: Any, y: Any) -> Any:
        return F.pairwise_distance(x, y, self.p, self.epsilon, self.keepdim, self.name)

    def extra_repr(self) -> str:
        shown = [f"p={self.p}"]
        shown += [f"epsilon={self.epsilon}"] if self.epsilon != 1e-6 else []
        shown += [f"keepdim={self.keepdim}"] if self.keepdim is not False else []
        shown += [f"name={self.name}"] if self.name is not None else []
        return ", ".join(shown)


class CosineSimilarity(Layer):
    """The cosine of the angle between x1 and x2 along `axis`."""

    def __init__(self, axis: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self._axis, self._eps = axis, eps

    def forward(self, x1: Any, x2: Any) -> Any:
        return F.cosine_similarity(x1, x2, axis=self._axis, eps=self._eps)

    def extra_repr(self) -> str:
        return f"axis={self._axis}, eps={self._eps}"
