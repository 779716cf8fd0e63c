"""``fluid.core``: names that 1.x scripts take from Paddle's C++ side."""
from __future__ import annotations

from .. import dtypes
from ..backend.place import CPUPlace, CUDAPinnedPlace, CUDAPlace
from ..core.scope import Scope
from ..core.tensor import Tensor as VarBase
from ..device import is_compiled_with_cuda
from .lod_tensor import LoDTensor, LoDTensorArray
from .newer import from_base
from .predictor import AnalysisConfig, PaddleBuf, PaddleTensor, create_paddle_predictor

__all__ = [
    "AnalysisConfig", "CPUPlace", "CUDAPinnedPlace", "CUDAPlace", "LoDTensor", "LoDTensorArray", "PaddleBuf", "PaddleTensor",
    "Scope", "Tensor", "VarBase", "VarDesc", "create_paddle_predictor", "get_cuda_device_count", "is_compiled_with_cuda",
]  # fmt: skip

Tensor = LoDTensor


class VarKind(str):
    """A kind of variable: the word that `Variable.type` gives, with the number that files hold."""

    number: int

    def __new__(cls, name: str, number: int) -> VarKind:
        made = super().__new__(cls, name)
        made.number = number
        return made

    @property
    def name(self) -> str:
        """The word."""
        return str(self)

    def __int__(self) -> int:
        return self.number


class _VarTypes(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, (dtypes.DType, VarKind))


class VarDesc:
    """Kinds of variables and element types."""

    class VarType(metaclass=_VarTypes):
        """Element types are the dtypes themselves (``VarType.FP32 is paddle.float32``), kinds of variables are words."""

        BOOL, INT16, INT32, INT64, FP16, FP32, FP64 = (
            dtypes.bool_, dtypes.int16, dtypes.int32, dtypes.int64, dtypes.float16, dtypes.float32, dtypes.float64,
        )  # fmt: skip
        UINT8, INT8, BF16, COMPLEX64, COMPLEX128 = dtypes.uint8, dtypes.int8, dtypes.bfloat16, dtypes.complex64, dtypes.complex128
        LOD_TENSOR, SELECTED_ROWS = VarKind("LOD_TENSOR", 7), VarKind("SELECTED_ROWS", 8)
        FEED_MINIBATCH, FETCH_LIST = VarKind("FEED_MINIBATCH", 9), VarKind("FETCH_LIST", 10)
        STEP_SCOPES, LOD_RANK_TABLE = VarKind("STEP_SCOPES", 11), VarKind("LOD_RANK_TABLE", 12)
        LOD_TENSOR_ARRAY, PLACE_LIST = VarKind("LOD_TENSOR_ARRAY", 13), VarKind("PLACE_LIST", 14)
        READER, RAW = VarKind("READER", 15), VarKind("RAW", 17)


def get_cuda_device_count() -> int:
    """How many GPUs there are."""
    try:
        import cupy
    except ImportError:
        return 0
    return int(cupy.cuda.runtime.getDeviceCount())

__getattr__ = from_base(__name__)
