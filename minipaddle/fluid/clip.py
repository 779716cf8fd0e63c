"""Gradient clipping under the names of 1.x."""
from __future__ import annotations

from typing import Any

from ..core.program import Program
from ..errors import NotSupportedError
from ..nn.clip import ClipGradBase, ClipGradByGlobalNorm, ClipGradByNorm, ClipGradByValue

__all__ = ["GradientClipByGlobalNorm", "GradientClipByNorm", "GradientClipByValue", "set_gradient_clip"]


class GradientClipByValue(ClipGradByValue):
    """Each gradient cut to [min, max]; min defaults to -max."""

    def __init__(self, max: float, min: float | None = None, need_clip: Any = None) -> None:
        _no_choice(need_clip)
        super().__init__(max, min)


class GradientClipByNorm(ClipGradByNorm):
    """Each gradient scaled down so that its norm is at most `clip_norm`."""

    def __init__(self, clip_norm: float, need_clip: Any = None) -> None:
        _no_choice(need_clip)
        super().__init__(clip_norm)


class GradientClipByGlobalNorm(ClipGradByGlobalNorm):
    """All gradients scaled down together so that the norm of all is at most `clip_norm`."""

    def __init__(self, clip_norm: float, group_name: str = "default_group", need_clip: Any = None) -> None:
        _no_choice(need_clip)
        super().__init__(clip_norm, group_name)


def _no_choice(need_clip: Any) -> None:
    if need_clip is not None:
        raise NotSupportedError("the function need_clip is not supported; set ParamAttr(need_clip=False) on the parameters to be left out")


def set_gradient_clip(clip: ClipGradBase, param_list: Any = None, program: Program | None = None) -> None:
    """Not supported: NotSupportedError. Give the clip to the optimizer: ``SGD(..., grad_clip=clip)``."""
    raise NotSupportedError("set_gradient_clip is not supported; give the clip to the optimizer: grad_clip=clip")
