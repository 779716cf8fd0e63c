"""``base.data_feeder``: batches for `Executor.run`, and the checks of arguments that Paddle's own layers make."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.context import context
from ..core.tensor import TensorBase
from ..dtypes import as_dtype
from ..fluid.data_feeder import DataFeeder

__all__ = ["DataFeeder", "check_dtype", "check_type", "check_variable_and_dtype", "convert_dtype"]


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
