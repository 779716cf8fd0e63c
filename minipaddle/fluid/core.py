"""``fluid.core``: names that 1.x scripts take from Paddle's C++ side."""
from __future__ import annotations

from ..backend.place import CPUPlace, CUDAPinnedPlace, CUDAPlace
from ..core.scope import Scope
from ..core.tensor import Tensor as VarBase
from ..device import is_compiled_with_cuda
from .lod_tensor import LoDTensor, LoDTensorArray

__all__ = [
    "CPUPlace", "CUDAPinnedPlace", "CUDAPlace", "LoDTensor", "LoDTensorArray", "Scope", "Tensor", "VarBase", "VarDesc",
    "get_cuda_device_count", "is_compiled_with_cuda",
]  # fmt: skip

Tensor = LoDTensor


class VarDesc:
    """Kinds of variables and element types, by the numbers that files hold."""

    class VarType:
        """``VarType.FP32`` and its like stand for a dtype wherever one is asked for."""

        BOOL, INT16, INT32, INT64, FP16, FP32, FP64 = 0, 1, 2, 3, 4, 5, 6
        UINT8, INT8, BF16, COMPLEX64, COMPLEX128 = 20, 21, 22, 23, 24
        LOD_TENSOR, SELECTED_ROWS, FEED_MINIBATCH, FETCH_LIST, STEP_SCOPES = 7, 8, 9, 10, 11
        LOD_RANK_TABLE, LOD_TENSOR_ARRAY, PLACE_LIST, READER, RAW = 12, 13, 14, 15, 17


def get_cuda_device_count() -> int:
    """How many GPUs there are."""
    try:
        import cupy
    except ImportError:
        return 0
    return int(cupy.cuda.runtime.getDeviceCount())
