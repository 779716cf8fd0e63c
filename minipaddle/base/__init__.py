"""``paddle.base``: the low-level names of Paddle 2.5 and 2.6 (in 1.x and up to 2.4 they were in `paddle.fluid`).

Everything here is the same object as its namesake elsewhere in minipaddle; nothing is defined a second time.
"""
from __future__ import annotations

from typing import Any as _Any

from .. import framework as _framework
from ..backend.place import CPUPlace, CUDAPinnedPlace, CUDAPlace
from ..device import is_compiled_with_cuda, is_compiled_with_rocm, is_compiled_with_xpu
from ..framework import get_flags, set_flags
from ..nn.initializer import set_global_initializer
from ..nn.param_attr import ParamAttr
from ..static.extras import WeightNormParamAttr
from ..utils.absent import absent as _absent
from . import (
    backward,
    compiler,
    core,
    data_feeder,
    dygraph,
    executor,
    framework,
    initializer,
    io,
    layer_helper,
    layers,
    lod_tensor,
    log_helper,
    param_attr,
    reader,
    unique_name,
    wrapped_decorator,
)
from .backward import append_backward, gradients
from .compiler import BuildStrategy, CompiledProgram, ExecutionStrategy
from .core import LoDTensor, LoDTensorArray, Scope
from .data_feeder import DataFeeder
from .dygraph.base import disable_dygraph, enable_dygraph
from .executor import Executor, global_scope, scope_guard
from .framework import (
    Program,
    Variable,
    cpu_places,
    cuda_places,
    default_main_program,
    default_startup_program,
    device_guard,
    in_dygraph_mode,
    in_dynamic_or_pir_mode,
    in_pir_mode,
    name_scope,
    program_guard,
)
from .lod_tensor import create_lod_tensor, create_random_int_lodtensor

Tensor = LoDTensor
libpaddle = core  # Paddle's C++ module
enable_imperative, disable_imperative = enable_dygraph, disable_dygraph

_framework.core = core  # type: ignore[attr-defined]  # scripts take `paddle.framework.core`, too

__all__: list[str] = []


def __getattr__(name: str) -> _Any:
    raise _absent(__name__, name)
