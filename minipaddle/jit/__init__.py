"""``paddle.jit``: dynamic to static, saving and loading models."""
from __future__ import annotations

import importlib as _importlib
from typing import Any as _Any

from . import dy2static
from .api import (
    StaticFunction,
    enable_to_static,
    ignore_module,
    not_to_static,
    set_code_level,
    set_verbosity,
    to_static,
)
from .dy2static.program_translator import ProgramTranslator
from .input_spec import InputSpec
from .save_load import load, save
from .translated_layer import TranslatedLayer

__all__ = [
    "InputSpec", "ProgramTranslator", "StaticFunction", "TranslatedLayer", "dy2static", "enable_to_static", "explain",
    "ignore_module", "load", "not_to_static", "save", "set_code_level", "set_verbosity", "to_static",
]  # fmt: skip


def __getattr__(name: str) -> _Any:
    if name == "explain":  # imported when first asked for
        found = globals()[name] = _importlib.import_module(".explanation", __name__).explain
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
