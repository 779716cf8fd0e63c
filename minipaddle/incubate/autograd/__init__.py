"""``paddle.incubate.autograd``: products with Jacobians, whole Jacobians, and switches for simpler operators."""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ...autograd import functional
from ...autograd.functional import jvp, vjp
from ...tensor.manipulation import concat, reshape, split
from . import primapi
from .primapi import disable_prim, enable_prim, prim_enabled

__all__ = ["Hessian", "Jacobian", "disable_prim", "enable_prim", "jvp", "prim_enabled", "primapi", "vjp"]


def _of_one_vector(func: Callable[..., Any], xs: Any, is_batched: bool) -> tuple[Any, Any]:
    """The result of `func`, and the inputs as one vector (with batch: one per sample) that it was computed from."""
    inputs = list(xs) if isinstance(xs, Sequence) else [xs]
    lead = [inputs[0].shape[0]] if is_batched else []
    sizes = [math.prod(x.shape[len(lead) :]) for x in inputs]
    whole = concat([reshape(x.detach(), [*lead, -1]) for x in inputs], axis=-1)
    whole.stop_gradient = False
    parts = split(whole, sizes, axis=-1) if len(inputs) > 1 else [whole]
    return func(*(reshape(p, x.shape) for p, x in zip(parts, inputs, strict=True))), whole


def Jacobian(func: Callable[..., Any], xs: Any, is_batched: bool = False) -> functional.Jacobian:
    """The Jacobian of ``func(*xs)``, results and inputs flattened: [M, N]; with batch [B, M, N]. `xs`: a Tensor or several."""
    ys, whole = _of_one_vector(func, xs, is_batched)
    ys = concat([reshape(y, [*([y.shape[0]] if is_batched else []), -1]) for y in (ys if isinstance(ys, Sequence) else [ys])], axis=-1)
    return functional.Jacobian(ys, whole, is_batched)


def Hessian(func: Callable[..., Any], xs: Any, is_batched: bool = False) -> Any:
    """The Hessian of ``func(*xs)``, one number (with batch one per sample), inputs flattened: [N, N]; with batch [B, N, N]."""
    ys, whole = _of_one_vector(func, xs, is_batched)
    return functional.hessian(reshape(ys, [ys.shape[0]] if is_batched else []), whole, 0 if is_batched else None)
