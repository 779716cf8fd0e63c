"""``jit.dy2static``: the parts of to_static under the names that scripts and tests import from Paddle."""
from __future__ import annotations

from ..convert import call as Call
from ..convert import call as convert_call
from . import (
    convert_call_func,
    convert_operators,
    error,
    function_spec,
    logging_utils,
    origin_info,
    partial_program,
    program_translator,
    utils,
)
from .program_translator import convert_to_static

__all__ = [
    "Call", "convert_call", "convert_call_func", "convert_operators", "convert_to_static", "error", "function_spec", "logging_utils",
    "origin_info", "partial_program", "program_translator", "utils",
]  # fmt: skip
