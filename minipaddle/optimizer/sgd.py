"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import kernels
from ..nn.clip import ClipGradBase
from ..ops import optimizer as O
from .lr import LRScheduler
from .optimizer import Optimizer, needed

__all__ = ["SGD"]


class SGD(Optimizer):
    """``parameter -= learning_rate * gradient``.

    multi_precision: keep a float32 copy of half-precision parameters and do the sums on that. The other arguments are
    those of `Optimizer`.
    """

    op, type = O.sgd, "sgd"

    def __init__(
        self,
        learning_rate: float | LRScheduler = 0.001,
        parameters: Any = None,
        weight_decay: Any = None,
        grad_clip: ClipGradBase | None = None,
        multi_precision: bool = False,
        name: str | None = None,
    ) -> None:
        needed(self, ValueError, learning_rate=learning_rate)
        self._multi_precision = multi_precision
        super().__init__(learning_rate, parameters, weight_decay, grad_clip, name)

    def _fused(
        self, cache: Any, params: list[Any], grads: list[Any], accumulators: list[list[Any]], rates: Any,
        attributes: dict[str, Any], l2: Any, scale: Any,
    ) -> bool:  # fmt: skip
        if type(params[0]) is not np.ndarray:
            return False
        kernel = kernels.lookup("sgd")
        return kernel is not None and kernel(cache, params, grads, rates, l2, scale)
