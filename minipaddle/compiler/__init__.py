"""Programs become Python functions: passes, code generation, the reference interpreter."""
from __future__ import annotations

from .codegen import CompiledFunction, compile_block
from .interpreter import interpret
from .pipeline import INFER_PASSES, TRAIN_PASSES, CompiledProgram, compile_program, with_larger_operators

__all__ = [
    "INFER_PASSES", "TRAIN_PASSES", "CompiledFunction", "CompiledProgram", "compile_block", "compile_program", "interpret",
    "with_larger_operators",
]  # fmt: skip
