"""paddle.set_flags and paddle.get_flags: the run-time switches of Paddle that scripts set.

Most of them tune memory and libraries that do not exist here. Those are kept, given back, and have no effect; a switch
that would change results and is not supported is refused when it is turned on.
"""
from __future__ import annotations

from typing import Any

from ..errors import NotSupportedError

__all__ = ["get_flags", "set_flags"]

_WITHOUT_EFFECT: dict[str, Any] = {
    "FLAGS_allocator_strategy": "auto_growth",
    "FLAGS_conv_workspace_size_limit": 512,
    "FLAGS_cudnn_batchnorm_spatial_persistent": False,
    "FLAGS_cudnn_deterministic": False,
    "FLAGS_cudnn_exhaustive_search": False,
    "FLAGS_eager_delete_tensor_gb": 0.0,
    "FLAGS_embedding_deterministic": 0,
    "FLAGS_enable_cublas_tensor_op_math": False,
    "FLAGS_dygraph_debug": 0,
    "FLAGS_enable_pir_api": False,
    "FLAGS_enable_pir_in_executor": False,
    "FLAGS_fast_eager_deletion_mode": True,
    "FLAGS_fraction_of_gpu_memory_to_use": 0.92,
    "FLAGS_gpu_memory_limit_mb": 0,
    "FLAGS_initial_gpu_memory_in_mb": 0,
    "FLAGS_max_inplace_grad_add": 0,
    "FLAGS_memory_fraction_of_eager_deletion": 1.0,
    "FLAGS_new_executor_serial_run": False,
    "FLAGS_paddle_num_threads": 1,
    "FLAGS_prim_enabled": False,
    "FLAGS_sort_sum_gradient": False,
    "FLAGS_use_stride_kernel": True,
    "FLAGS_sync_nccl_allreduce": True,
    "FLAGS_use_cinn": False,
    "FLAGS_use_mkldnn": False,
    "FLAGS_use_standalone_executor": True,
    "FLAGS_use_system_allocator": False,
}
_NOT_SUPPORTED = {"FLAGS_benchmark": "time your script instead", "FLAGS_check_nan_inf": "test results with paddle.isfinite(x).all()"}
_values = {**_WITHOUT_EFFECT, **dict.fromkeys(_NOT_SUPPORTED, False)}


def _known(function: str, name: Any) -> None:
    if name not in _values:
        raise ValueError(f"{function}: flag {name!r} is not known here; known are {', '.join(sorted(_values))}")


def set_flags(flags: dict[str, Any]) -> None:
    """Set switches by name. TypeError unless a dict; ValueError for an unknown name; NotSupportedError where one would matter."""
    if not isinstance(flags, dict):
        raise TypeError(f"set_flags takes a dict of flag name -> value, got {type(flags).__name__}")
    for name, value in flags.items():
        _known("set_flags", name)
        if name in _NOT_SUPPORTED and value:
            raise NotSupportedError(f"set_flags: {name} is not supported; {_NOT_SUPPORTED[name]}")
    _values.update(flags)


def get_flags(flags: Any) -> dict[str, Any]:
    """Name -> value for one name, or a list or tuple of names. TypeError for other types, ValueError for unknown names."""
    names = [flags] if isinstance(flags, str) else flags
    if not isinstance(names, (list, tuple)):
        raise TypeError(f"get_flags takes a name, a list or a tuple, got {type(flags).__name__}")
    for name in names:
        _known("get_flags", name)
    return {name: _values[name] for name in names}
