"""``paddle.framework``: saving and loading, flags, and the basic classes under the names Paddle gives them here."""

from __future__ import annotations

import importlib
from typing import Any

from ..autograd import grad
from ..backend.place import CPUPlace, CUDAPinnedPlace, CUDAPlace
from ..core.grad_mode import no_grad
from ..core.program import Block, Program, Variable
from ..core.tensor import EagerParamBase, Parameter
from ..dtypes import get_default_dtype, set_default_dtype
from ..nn.layer.layers import Layer
from ..nn.param_attr import ParamAttr
from ..tensor.random import seed
from ..utils import absent
from . import random
from .flags import get_flags, set_flags
from .io import async_save, clear_async_save_task_queue, load, save
from .mode import in_dygraph_mode, in_dynamic_mode, in_dynamic_or_pir_mode, in_pir_mode, use_pir_api


def __getattr__(name: str) -> Any:
    # names that belong to levels above this one; scripts look for them here, too
    if name == "core":
        return importlib.import_module("..base.core", __name__)
    if name in ("LayerHelper", "OpProtoHolder", "_current_expected_place", "_global_flags", "convert_np_dtype_to_dtype_", "dygraph_only"):
        module = "..base.layer_helper" if name == "LayerHelper" else "..base.framework"
        return getattr(importlib.import_module(module, __name__), name)
    raise absent.absent(__name__, name)


__all__ = [
    "Block", "CPUPlace", "CUDAPinnedPlace", "CUDAPlace", "EagerParamBase", "Layer", "ParamAttr", "Parameter", "Program",
    "Variable", "async_save", "clear_async_save_task_queue", "get_default_dtype", "get_flags", "grad", "load", "no_grad",
    "save", "seed", "set_default_dtype", "set_flags",
]  # fmt: skip
