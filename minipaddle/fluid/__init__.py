"""``paddle.fluid``: the interface of Paddle 1.x. Names and arguments are those of 1.8; the work is done by the rest of minipaddle.

Static mode is switched on as in 2.x, ``paddle.enable_static()``, and dynamic mode inside of ``with fluid.dygraph.guard():``.
"""
from __future__ import annotations

from typing import Any as _Any

from ..backend.place import CPUPlace, CUDAPinnedPlace, CUDAPlace
from ..core.scope import Scope, scope_guard
from ..device import is_compiled_with_cuda
from ..framework import get_flags, set_flags
from ..nn.param_attr import ParamAttr
from ..static.backward import append_backward, gradients
from ..static.executor import BuildStrategy, CompiledProgram, ExecutionStrategy, Executor
from ..static.extras import WeightNormParamAttr
from ..static.program import (
    Program,
    Variable,
    cpu_places,
    cuda_places,
    data,
    default_main_program,
    default_startup_program,
    device_guard,
    global_scope,
    name_scope,
    program_guard,
)
from ..utils.absent import absent as _absent
from . import (
    backward,
    clip,
    core,
    data_feeder,
    dygraph,
    executor,
    framework,
    initializer,
    input,
    io,
    layers,
    lod_tensor,
    metrics,
    nets,
    optimizer,
    param_attr,
    regularizer,
    unique_name,
)
from .data_feeder import DataFeeder
from .dygraph import disable_dygraph, enable_dygraph, load_dygraph, save_dygraph
from .framework import in_dygraph_mode
from .input import embedding, one_hot
from .io import load, load_program_state, save, set_program_state
from .lod_tensor import LoDTensor, LoDTensorArray, create_lod_tensor, create_random_int_lodtensor
from .newer import from_base as _from_base

Tensor = LoDTensor

__all__ = [
    "BuildStrategy", "CPUPlace", "CUDAPinnedPlace", "CUDAPlace", "CompiledProgram", "DataFeeder", "ExecutionStrategy", "Executor",
    "LoDTensor", "LoDTensorArray", "ParamAttr", "Program", "Scope", "Tensor", "Variable", "WeightNormParamAttr",
    "append_backward", "backward", "clip", "core", "cpu_places",
    "create_lod_tensor", "create_random_int_lodtensor", "cuda_places", "data", "data_feeder", "default_main_program",
    "default_startup_program", "device_guard", "disable_dygraph", "dygraph", "embedding", "enable_dygraph", "executor", "framework",
    "get_flags", "global_scope", "gradients", "in_dygraph_mode", "initializer", "input", "io", "is_compiled_with_cuda", "layers", "load",
    "load_dygraph", "load_program_state", "lod_tensor", "metrics", "name_scope", "nets", "one_hot", "optimizer", "param_attr",
    "program_guard", "regularizer", "save", "save_dygraph", "scope_guard", "set_flags", "set_program_state", "unique_name",
]  # fmt: skip

__getattr__ = _from_base(__name__)
