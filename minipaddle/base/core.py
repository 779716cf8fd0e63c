"""``base.core``: names that scripts take from Paddle's C++ side."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from .. import dtypes
from ..backend.place import Place
from ..core.scope import Scope
from ..core.tensor import Tensor as _EagerTensor
from ..fluid.core import (
    AnalysisConfig,
    CPUPlace,
    CUDAPinnedPlace,
    CUDAPlace,
    LoDTensor,
    LoDTensorArray,
    Tensor,
    VarBase,
    VarDesc,
    create_paddle_predictor,
    get_cuda_device_count,
    is_compiled_with_cuda,
)
from ..formats import lod_tensor as streams
from ..formats.lod_tensor import SelectedRows
from ..ops.registry import OPS
from ..static.descs import BlockDesc, OpDesc, ProgramDesc
from ..static.op_protos import (
    Globals,
    Operator,
    get_all_op_protos,
    get_attrtibute_type,
    get_op_extra_attrs,
    op_proto_and_checker_maker,
)
from ..tensor.dlpack import from_dlpack

__all__ = [
    "AnalysisConfig", "BlockDesc", "CPUPlace", "CUDAPinnedPlace", "CUDAPlace", "CustomPlace", "DataType",
    "DenseTensor", "EOFException", "EnforceNotMet", "IPUPlace", "LoDTensor", "LoDTensorArray", "OpDesc", "Operator",
    "Place", "ProgramDesc", "Scope", "SelectedRows", "Tensor", "VarBase", "VarDesc", "XPUPlace",
    "create_paddle_predictor", "eager", "from_dlpack", "get_all_op_names", "get_all_op_protos", "get_attrtibute_type",
    "get_cuda_device_count", "get_op_extra_attrs", "globals", "has_grad_op_maker", "has_infer_inplace",
    "has_non_empty_grad_op_maker", "is_bfloat16_supported", "is_compiled_with_brpc", "is_compiled_with_cinn",
    "is_compiled_with_cuda", "is_compiled_with_custom_device", "is_compiled_with_dist", "is_compiled_with_ipu",
    "is_compiled_with_mkldnn", "is_compiled_with_nccl", "is_compiled_with_rocm", "is_compiled_with_xpu",
    "is_float16_supported", "kEmptyVarName", "kGradVarSuffix", "load_dense_tensor", "load_lod_tensor",
    "load_selected_rows", "op_proto_and_checker_maker", "op_support_gpu", "save_dense_tensor", "save_lod_tensor",
    "save_selected_rows", "set_prim_eager_enabled", "supports_bfloat16",
]  # fmt: skip

#: The class of dynamic tensors, as Paddle's scripts reach it: ``core.eager.Tensor``.
eager = SimpleNamespace(Tensor=_EagerTensor)


DenseTensor = LoDTensor


class DataType:
    """Element types under the names of Paddle's C++ enumeration."""

    BOOL, UINT8, INT8, INT16, INT32, INT64 = (
        dtypes.bool_, dtypes.uint8, dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64,
    )  # fmt: skip
    FLOAT16, BFLOAT16, FLOAT32, FLOAT64 = dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64
    COMPLEX64, COMPLEX128 = dtypes.complex64, dtypes.complex128


class EnforceNotMet(RuntimeError):
    """Paddle's class for failed checks of its C++ side; here every error has the built-in class that fits."""


class EOFException(Exception):
    """A reader has no more data."""


class _AbsentPlace(Place):
    """A device that minipaddle does not know: RuntimeError when one is made."""

    def __init__(self, *args: Any) -> None:
        raise RuntimeError(f"{type(self).__name__} is not supported; devices are CPUPlace() and CUDAPlace(id)")


class XPUPlace(_AbsentPlace):
    """Not supported."""


class IPUPlace(_AbsentPlace):
    """Not supported."""


class CustomPlace(_AbsentPlace):
    """Not supported."""


def _never(*_: Any) -> bool:
    """What minipaddle does not contain."""
    return False


is_compiled_with_brpc = is_compiled_with_cinn = is_compiled_with_custom_device = is_compiled_with_dist = is_compiled_with_ipu = _never
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


# --- operators by themselves

_flags = Globals()


def globals() -> Globals:
    """Flags by name."""
    return _flags


def _get_all_register_op_kernels(lib: str = "all") -> dict[str, list[str]]:
    """Type of an operator -> the forms it has: one, for all devices and data types."""
    return {type: ["data_type[any]:data_layout[any]:place[any]:library_type[PLAIN]"] for type in OPS}


def has_infer_inplace(op_type: str) -> bool:
    """Whether a Program may be told to let this operator write over its input: that is decided when it is compiled."""
    return False


def has_grad_op_maker(op_type: str) -> bool:
    """Whether the operator has a gradient of its own."""
    return op_type in OPS and OPS[op_type].grad is not None


def has_non_empty_grad_op_maker(op_type: str) -> bool:
    """Whether the operator has a gradient of its own."""
    return has_grad_op_maker(op_type)


def set_prim_eager_enabled(value: bool) -> None:
    """Paddle's switch for gradients made of simpler operators. There is one form here, so it changes nothing."""


# --- one variable in one file


def _save(write: Any, value: Any, file_name: str) -> None:
    try:
        with open(file_name, "wb") as file:
            write(file, value)
    except OSError as error:
        raise RuntimeError(f"Cannot open {file_name} to save variables: {error}") from None


def _load(read: Any, file_name: str) -> Any:
    try:
        with open(file_name, "rb") as file:
            return read(file, file_name)
    except OSError as error:
        raise RuntimeError(f"Cannot open {file_name} to load variables: {error}") from None


def save_lod_tensor(tensor: Any, file_name: str) -> None:
    """Write a tensor as Paddle's stream. RuntimeError where the file cannot be written."""
    _save(lambda file, array: streams.write_tensor(file, array, tensor.lod()), np.asarray(tensor), file_name)


def load_lod_tensor(tensor: Any, file_name: str) -> None:
    """Fill a tensor from a file of `save_lod_tensor`. RuntimeError where it cannot be read."""
    stored = _load(streams.read_tensor, file_name)
    tensor.set(stored.array)
    tensor.set_lod(stored.lod)


def save_selected_rows(selected_rows: SelectedRows, file_name: str) -> None:
    """Write SelectedRows as Paddle's stream. RuntimeError where the file cannot be written."""
    _save(streams.write_selected_rows, selected_rows, file_name)


def load_selected_rows(selected_rows: SelectedRows, file_name: str) -> None:
    """Fill SelectedRows from a file of `save_selected_rows`. RuntimeError where it cannot be read."""
    stored = _load(streams.read_selected_rows, file_name)
    selected_rows.set_rows(stored.rows())
    selected_rows.set_height(stored.height())
    selected_rows.get_tensor().set(stored.value)


save_dense_tensor, load_dense_tensor = save_lod_tensor, load_lod_tensor
