"""``fluid.dygraph``: dynamic mode as 1.x had it."""
from __future__ import annotations

from ...nn.layer.container import LayerList, ParameterList, Sequential
from ...nn.layer.layers import Layer
from .. import decay
from ..decay import *
from . import base, checkpoint, dygraph_to_static, jit, nn
from .base import *
from .checkpoint import *
from .jit import *
from .nn import *

__all__ = [  # noqa: PLE0604
    "Layer", "LayerList", "ParameterList", "Sequential", "dygraph_to_static", *base.__all__, *checkpoint.__all__, *decay.__all__,
    *jit.__all__, *nn.__all__,
]  # fmt: skip
