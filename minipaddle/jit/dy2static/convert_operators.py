"""Python's operators and built-in functions as traced code runs them: on ordinary values as Python does, on Tensors recorded."""
from __future__ import annotations

from typing import Any

from ..convert import Assert as convert_assert
from ..convert import and_, call, or_
from ..convert import not_ as convert_logical_not

__all__ = [
    "convert_assert", "convert_enumerate", "convert_len", "convert_logical_and", "convert_logical_not", "convert_logical_or",
    "convert_print", "convert_range", "convert_zip",
]  # fmt: skip

convert_len, convert_range, convert_enumerate, convert_zip, convert_print = map(call, (len, range, enumerate, zip, print))


def convert_logical_and(x_func: Any, y_func: Any) -> Any:
    """``x_func() and y_func()``; values that are no functions are taken as they are."""
    return and_(x_func() if callable(x_func) else x_func, y_func if callable(y_func) else lambda: y_func)


def convert_logical_or(x_func: Any, y_func: Any) -> Any:
    """``x_func() or y_func()``; values that are no functions are taken as they are."""
    return or_(x_func() if callable(x_func) else x_func, y_func if callable(y_func) else lambda: y_func)
