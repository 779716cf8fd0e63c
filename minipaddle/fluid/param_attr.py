"""``fluid.param_attr``."""
from __future__ import annotations

from ..nn.param_attr import ParamAttr

__all__ = ["ParamAttr"]
