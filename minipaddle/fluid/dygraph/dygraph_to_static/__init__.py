"""``fluid.dygraph.dygraph_to_static``: `jit.dy2static` under the name that it had before 2.5."""
from __future__ import annotations

from ....jit.dy2static import Call, convert_call, convert_to_static
from . import convert_call_func, error, logging_utils, partial_program, program_translator, utils

__all__ = [
    "Call", "convert_call", "convert_call_func", "convert_to_static", "error", "logging_utils", "partial_program", "program_translator",
    "utils",
]  # fmt: skip
