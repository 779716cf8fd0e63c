"""minipaddle: Paddle 2.x's dynamic-graph API with integrated to_static, on NumPy and CuPy.

Use it under Paddle's name: ``import minipaddle as paddle``.
"""
from __future__ import annotations

import importlib as _importlib
from typing import Any as _Any

from . import autograd, device, fft, linalg, nn, ops, regularizer, signal, tensor, utils, version
from .alias import alias
from .autograd import grad
from .batch import batch
from .core import array_facade as _array_facade
from .core.grad_mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .core.tensor import Parameter, Tensor
from .device import (
    CPUPlace,
    CUDAPinnedPlace,
    CUDAPlace,
    get_device,
    is_compiled_with_cuda,
    is_compiled_with_rocm,
    is_compiled_with_xpu,
    set_device,
)
from .dtypes import DType as dtype
from .dtypes import (
    bfloat16,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    set_default_dtype,
    uint8,
)
from .dtypes import bool_ as bool
from .nn.param_attr import ParamAttr
from .nn.parameter import create_parameter
from .tensor import *

#: The interface's release, then minipaddle's own: scripts that ask for "2.x or newer" are answered rightly.
__version__ = f"{version.full_version}+minipaddle.{version.minipaddle}"

utils.dlpack = tensor.dlpack

# imported when first asked for: `import minipaddle` costs little more than NumPy
_LAZY_MODULES = (
    "_C_ops", "_legacy_C_ops", "amp", "base", "decomposition", "fluid", "framework", "hapi", "incubate", "inference", "io", "jit",
    "metric", "optimizer", "pir_utils", "static", "text", "vision",
)  # fmt: skip
_LAZY_NAMES = {
    "Model": "hapi", "callbacks": "hapi", "flops": "hapi", "summary": "hapi",
    "disable_static": "static", "enable_static": "static", "in_dynamic_mode": "static",
    "get_flags": "framework", "load": "framework", "save": "framework", "set_flags": "framework",
}  # fmt: skip


def __getattr__(name: str) -> _Any:
    if name in _LAZY_MODULES:
        found = _importlib.import_module(f".{name}", __name__)
    elif name in _LAZY_NAMES:
        found = getattr(_importlib.import_module(f".{_LAZY_NAMES[name]}", __name__), name)
    else:
        raise utils.absent.absent(__name__, name)
    globals()[name] = found
    return found
