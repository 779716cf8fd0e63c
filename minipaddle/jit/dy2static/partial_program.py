"""Traced Programs that are ready to run."""
from __future__ import annotations

from ...core.tensor import Tensor, isinstance_strict
from ..partial_program import PartialProgram
from ..trace import ConcreteProgram

__all__ = ["PartialProgramLayer", "partial_program_from"]

PartialProgramLayer = PartialProgram


def partial_program_from(concrete_program: ConcreteProgram, from_method: bool = False) -> PartialProgram:
    """A traced form made ready to run. TypeError when its parameters are no list of Parameters."""
    parameters = concrete_program.parameters
    if not isinstance(parameters, (list, tuple)):
        raise TypeError(f"the parameters of a traced form must be a list or tuple, but received {type(parameters).__name__}")
    for i, p in enumerate(parameters):
        if not isinstance_strict(p, Tensor):
            raise TypeError(f"parameters[{i}] of a traced form must be a Parameter or buffer, but received {type(p).__name__} {p!r}")
    return concrete_program.ready()
