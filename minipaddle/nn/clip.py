"""Gradient clipping for optimizers, by value, by norm and by global norm.

A clip is called with ``[(parameter, gradient), ...]`` and returns such a list; parameters with ``need_clip`` False keep
their gradients, pairs without gradient are left out. In eager steps the optimizers ask for `factors` instead, numbers that
the update multiplies each gradient with, so that no clipped gradient is ever stored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..backend import kernels
from ..core.dispatch import call
from ..core.grad_mode import no_grad
from ..core.recorder import spec_of
from ..ops import creation as C
from ..ops import elementwise as E
from ..ops import manipulation as M
from ..ops import reduction as R

__all__ = ["ClipGradByGlobalNorm", "ClipGradByNorm", "ClipGradByValue"]

Pairs = list[tuple[Any, Any]]


def _wants_clip(param: Any) -> bool:
    return getattr(param, "need_clip", True) is not False


def _cast(x: Any, dtype: Any) -> Any:
    """`x` as a tensor of this NumPy dtype."""
    old, new = dtypes.from_numpy(spec_of(x).dtype), dtypes.from_numpy(dtype)
    return x if old is new else call(E.cast, x, in_dtype=old.proto, out_dtype=new.proto)


def _squared_norms(arrays: Sequence[Any]) -> list[float] | None:
    """Sum of squares of each array; None where numbers would have to be fetched from a GPU."""
    if not all(type(a) is np.ndarray for a in arrays):
        return None
    kernel = kernels.lookup("squared_norms")
    found = kernel(list(arrays)) if kernel is not None else None
    if found is None:
        wide = [a.astype(np.float32) if a.dtype.itemsize == 2 else a for a in arrays]
        found = [float(np.vdot(a, a)) for a in wide]
    return found


class ClipGradBase:
    """Base of all clips; subclasses define `_clip`."""

    def __call__(self, params_grads: Pairs) -> Pairs:
        with no_grad():
            return self._clip(params_grads)

    def _clip(self, params_grads: Pairs) -> Pairs:
        raise NotImplementedError(f"{type(self).__name__} does not define _clip(params_grads)")

    def factors(self, params: Sequence[Any], grads: Sequence[Any]) -> list[float] | None:
        """What to multiply each gradient array with, or None when numbers do not say it."""
        return None


class ClipGradByValue(ClipGradBase):
    """Cut every element to [min, max]; `min` is ``-max`` unless given."""

    def __init__(self, max: float, min: float | None = None) -> None:
        if min is None:
            assert max > 0.0, f"max of ClipGradByValue must be positive when min is not given, got {max}"
            min = -max
        self.max, self.min = float(max), float(min)

    def __str__(self) -> str:
        return f"Clip Gradient By Value, min = {self.min:f}, max={self.max:f}"

    def _clip(self, params_grads: Pairs) -> Pairs:
        return [
            (p, call(E.clip, g, min=self.min, max=self.max) if _wants_clip(p) else g)
            for p, g in params_grads if g is not None
        ]  # fmt: skip


class ClipGradByNorm(ClipGradBase):
    """Scale each gradient down to the 2-norm `clip_norm` where it is longer."""

    def __init__(self, clip_norm: float) -> None:
        self.clip_norm = float(clip_norm)

    def __str__(self) -> str:
        return f"Gradient Clip By Norm, clip_norm={self.clip_norm:f}"

    def _clip(self, params_grads: Pairs) -> Pairs:
        return [
            (p, call(E.clip_by_norm, g, max_norm=self.clip_norm) if _wants_clip(p) else g)
            for p, g in params_grads if g is not None
        ]  # fmt: skip

    def factors(self, params: Sequence[Any], grads: Sequence[Any]) -> list[float] | None:
        squares = _squared_norms(grads)
        if squares is None:
            return None
        limit = self.clip_norm
        norms = [math.sqrt(s) for s in squares]
        return [
            1.0 if n <= limit or not _wants_clip(p) else limit / n for p, n in zip(params, norms, strict=True)
        ]  # fmt: skip


class ClipGradByGlobalNorm(ClipGradBase):
    """Scale all gradients by one factor so that the 2-norm of them together is at most `clip_norm`.

    `group_name` tells groups apart in static Programs of 1.x. With `auto_skip_clip` nothing is multiplied when the norm is
    small enough already; the result is the same.
    """

    def __init__(self, clip_norm: float, group_name: str = "default_group", auto_skip_clip: bool = False) -> None:
        assert isinstance(auto_skip_clip, bool), f"auto_skip_clip must be a bool, got {type(auto_skip_clip).__name__}"
        self.clip_norm = float(clip_norm)
        self.group_name = group_name
        self.auto_skip_clip = auto_skip_clip

    def __str__(self) -> str:
        return f"Gradient Clip By GlobalNorm, global_norm={self.clip_norm:f}"

    def _clip(self, params_grads: Pairs) -> Pairs:
        clipped = [g for p, g in params_grads if g is not None and _wants_clip(p)]
        if not clipped:
            return params_grads
        # one sum per precision, half precision counted in float32
        groups: dict[str, list[Any]] = {}
        for g in clipped:
            dtype = spec_of(g).dtype
            wide = _cast(g, np.dtype(np.float32)) if dtype.itemsize == 2 else g
            groups.setdefault(spec_of(wide).dtype.name, []).append(call(R.squared_l2_norm, wide))
        widest = np.dtype(np.float64 if "float64" in groups else np.float32)
        sums = [_cast(call(E.sum_, squares), widest) for squares in groups.values()]
        norm = call(E.sqrt, sums[0] if len(sums) == 1 else call(E.sum_, sums))
        limit = call(
            C.fill_constant, shape=[1], dtype=dtypes.from_numpy(widest).proto, value=self.clip_norm,
            str_value=str(self.clip_norm),
        )  # fmt: skip
        factor = call(E.elementwise_div, limit, call(E.elementwise_max, limit, norm))
        result: Pairs = []
        for p, g in params_grads:
            if g is None:
                continue
            if _wants_clip(p):
                dtype = spec_of(g).dtype
                wide = _cast(g, widest) if dtype.itemsize == 2 else g
                own = _cast(factor, spec_of(wide).dtype)
                if spec_of(wide).ndim == 0:
                    own = call(M.reshape2, own, shape=[])
                g = _cast(call(E.elementwise_mul, wide, own), dtype)
            result.append((p, g))
        return result

    def factors(self, params: Sequence[Any], grads: Sequence[Any]) -> list[float] | None:
        wanted = [_wants_clip(p) for p in params]
        squares = _squared_norms([g for g, w in zip(grads, wanted, strict=True) if w])
        if squares is None:
            return None
        norm, limit = math.sqrt(math.fsum(squares)) if squares else 0.0, self.clip_norm
        factor = 1.0 if norm <= limit else limit / norm
        return [factor if w else 1.0 for w in wanted]
