"""``base.core``: names that scripts take from Paddle's C++ side."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from .. import dtypes
from ..core.scope import Scope
from ..core.tensor import Tensor as _EagerTensor
from ..fluid.core import (
    CPUPlace,
    CUDAPinnedPlace,
    CUDAPlace,
    LoDTensor,
    LoDTensorArray,
    Tensor,
    VarBase,
    VarDesc,
    get_cuda_device_count,
    is_compiled_with_cuda,
)
from ..ops.registry import OPS
from ..tensor.dlpack import from_dlpack

__all__ = [
    "CPUPlace", "CUDAPinnedPlace", "CUDAPlace", "DataType", "LoDTensor", "LoDTensorArray", "Scope", "Tensor", "VarBase",
    "VarDesc", "eager", "from_dlpack", "get_all_op_names", "get_cuda_device_count", "is_bfloat16_supported", "is_compiled_with_cinn",
    "is_compiled_with_cuda", "is_compiled_with_custom_device", "is_compiled_with_dist", "is_compiled_with_ipu", "is_compiled_with_mkldnn",
    "is_compiled_with_nccl", "is_compiled_with_rocm", "is_compiled_with_xpu", "is_float16_supported", "kEmptyVarName", "kGradVarSuffix",
    "op_support_gpu", "supports_bfloat16",
]  # fmt: skip

#: The class of dynamic tensors, as Paddle's scripts reach it: ``core.eager.Tensor``.
eager = SimpleNamespace(Tensor=_EagerTensor)


class DataType:
    """Element types under the names of Paddle's C++ enumeration."""

    BOOL, UINT8, INT8, INT16, INT32, INT64 = (
        dtypes.bool_, dtypes.uint8, dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64,
    )  # fmt: skip
    FLOAT16, BFLOAT16, FLOAT32, FLOAT64 = dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64
    COMPLEX64, COMPLEX128 = dtypes.complex64, dtypes.complex128


def _never(*_: Any) -> bool:
    """What minipaddle does not contain."""
    return False


is_compiled_with_cinn = is_compiled_with_custom_device = is_compiled_with_dist = is_compiled_with_ipu = _never
is_compiled_with_mkldnn = is_compiled_with_nccl = is_compiled_with_rocm = is_compiled_with_xpu = _never
# bfloat16 is computed by ml_dtypes on the CPU; neither CuPy nor an accelerated CPU library takes it
is_bfloat16_supported = supports_bfloat16 = _never


# operators are not taken apart into simpler ones, whatever is asked for: the results are the same
_is_bwd_prim_enabled = _is_fwd_prim_enabled = _is_all_prim_enabled = _never


def _set_prim_all_enabled(value: bool) -> None:
    """Paddle's switch for Programs of simpler operators. There is one form here, so it changes nothing."""


_set_prim_forward_enabled = _set_prim_backward_enabled = _set_prim_all_enabled


def is_float16_supported(place: Any) -> bool:
    """Whether operators compute in float16 on this device: on GPUs."""
    return bool(place.is_gpu_place())


def op_support_gpu(op_type: str) -> bool:
    """Whether there is this operator: each one runs on both devices."""
    return op_type in OPS


def get_all_op_names() -> list[str]:
    """Types of all operators."""
    return list(OPS)


def kEmptyVarName() -> str:
    """The name that stands for "no variable" in an operator's slots."""
    return "@EMPTY@"


def kGradVarSuffix() -> str:
    """What the name of a gradient ends with."""
    return "@GRAD"
