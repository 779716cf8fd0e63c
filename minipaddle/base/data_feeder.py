"""``base.data_feeder``: batches for `Executor.run`, and the checks of arguments that Paddle's own layers make."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.context import context
from ..core.tensor import TensorBase
from ..dtypes import as_dtype
from ..fluid.data_feeder import DataFeeder

__all__ = [
    "DataFeeder", "check_dtype", "check_type", "check_variable_and_dtype", "convert_dtype", "convert_float_to_uint16",
    "convert_uint16_to_float",
]  # fmt: skip


def convert_float_to_uint16(data: Any, data_format: str = "NCHW") -> np.ndarray[Any, Any]:
    """float32 numbers as bfloat16 in uint16, cut off as Paddle's scripts do it; data_format "NHWC" puts channels last."""
    array = np.ascontiguousarray(data, dtype=np.float32)
    if data_format == "NHWC":
        array = np.ascontiguousarray(np.transpose(array, [0, 3, 1, 2]))
    found = (array.view(np.uint32) >> 16).astype(np.uint16).reshape(array.shape)
    return np.transpose(found, [0, 2, 3, 1]) if data_format == "NHWC" else found


def convert_uint16_to_float(data: Any) -> np.ndarray[Any, Any]:
    """bfloat16 in uint16 as float32 numbers."""
    return (np.asarray(data, dtype=np.uint16).astype(np.uint32) << 16).view(np.float32)


def convert_dtype(dtype: Any) -> str:
    """The name of a dtype ("float32"); bfloat16 is named "uint16", the type that carries it in NumPy. TypeError otherwise."""
    if dtype in ("uint16", "bfloat16"):
        return "uint16"
    name = as_dtype(dtype).name
    return "uint16" if name == "bfloat16" else name


def check_type(input: Any, input_name: str, expected_type: Any, op_name: str, extra_message: str = "") -> None:
    """TypeError unless `input` is of a type (in static mode; dynamic mode checks nothing here, as in Paddle)."""
    if context.recorder is not None and not isinstance(input, expected_type):
        raise TypeError(
            f"The type of '{input_name}' in {op_name} must be {expected_type}, but received {type(input)}. {extra_message}"
        )


def check_dtype(input_dtype: Any, input_name: str, expected_dtype: str | Sequence[str], op_name: str, extra_message: str = "") -> None:
    """TypeError unless the dtype is one of the names (in static mode)."""
    if context.recorder is not None and convert_dtype(input_dtype) not in expected_dtype:
        raise TypeError(
            f"The data type of '{input_name}' in {op_name} must be {expected_dtype}, but received {convert_dtype(input_dtype)}. "
            f"{extra_message}"
        )


def check_variable_and_dtype(
    input: Any, input_name: str, expected_dtype: str | Sequence[str], op_name: str, extra_message: str = ""
) -> None:
    """TypeError unless `input` is a tensor with one of the dtypes (in static mode)."""
    if context.recorder is not None:
        check_type(input, input_name, TensorBase, op_name, extra_message)
        check_dtype(input.dtype, input_name, expected_dtype, op_name, extra_message)
