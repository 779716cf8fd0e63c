"""``base.param_attr``."""
from __future__ import annotations

from ..nn.param_attr import ParamAttr
from ..static.extras import WeightNormParamAttr

__all__ = ["ParamAttr", "WeightNormParamAttr"]
