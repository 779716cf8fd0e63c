"""``fluid.framework``."""
from __future__ import annotations

from ..core.program import Block, Operator, Program, Variable
from ..static.program import (
    cpu_places,
    cuda_places,
    default_main_program,
    default_startup_program,
    device_guard,
    in_dynamic_mode,
    name_scope,
    program_guard,
)
from .newer import from_base

__all__ = [
    "Block", "Operator", "Program", "Variable", "cpu_places", "cuda_places", "default_main_program",
    "default_startup_program", "device_guard", "in_dygraph_mode", "name_scope", "program_guard",
]  # fmt: skip


def in_dygraph_mode() -> bool:
    """Whether functions compute at once."""
    return in_dynamic_mode()

__getattr__ = from_base(__name__)
