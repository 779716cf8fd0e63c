"""See `jit.dy2static.program_translator`."""
from __future__ import annotations

from ....jit.dy2static.program_translator import (
    ASTStaticFunction,
    ConcreteProgram,
    FunctionSpec,
    ProgramCache,
    ProgramTranslator,
    StaticFunction,
    SymbolicStaticFunction,
    convert_to_static,
)

StaticLayer = StaticFunction  # its name in 1.8

__all__ = [
    "ASTStaticFunction", "ConcreteProgram", "FunctionSpec", "ProgramCache", "ProgramTranslator", "StaticFunction",
    "StaticLayer", "SymbolicStaticFunction", "convert_to_static",
]  # fmt: skip
