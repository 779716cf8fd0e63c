"""Optimizers whose whole update is one compiled kernel of the operator's name."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import kernels

__all__ = ["FusedUpdate"]


class FusedUpdate:
    """Gives an `Optimizer` the kernel ``type(cache, params, grads, accumulators.., rates, shared.., own.., l2, scale)``.

    _shared: attributes of the operator that are one number for all parameters. _own: those that may differ between them.
    """

    type: str
    _shared: tuple[str, ...] = ()
    _own: tuple[str, ...] = ()

    def _fused(
        self, cache: Any, params: list[Any], grads: list[Any], accumulators: list[list[Any]], rates: Any,
        attributes: dict[str, Any], l2: Any, scale: Any,
    ) -> bool:  # fmt: skip
        kernel = kernels.lookup(self.type) if type(params[0]) is np.ndarray else None
        if kernel is None:
            return False
        settings = [attributes[name] for name in (*self._shared, *self._own)]
        return kernel(cache, params, grads, *accumulators, rates, *settings, l2, scale)
