"""``base.backward``."""
from __future__ import annotations

from typing import Any

from ..core.program import Program
from ..static.backward import append_backward, gradients

__all__ = ["append_backward", "calc_gradient", "gradients", "gradients_with_optimizer"]

calc_gradient = gradients


def _append_grad_suffix_(name: str) -> str:
    """The name of a variable's gradient."""
    return name + "@GRAD"


def _as_list(x: Any) -> list[Any]:
    """A list or tuple as a list, None as [], anything else as a list of one."""
    return [] if x is None else list(x) if isinstance(x, (list, tuple)) else [x]


def gradients_with_optimizer(program: Program, optimizer: Any, inputs: Any = None, outputs: Any = None) -> tuple[list[Any], list[Any]]:
    """Gradients and updates by `optimizer` for the last result of `program` that leads nowhere else: (operators, pairs of both)."""
    block = program.global_block()
    read = {n for op in block.ops for n in op.input_arg_names}
    targets = _as_list(outputs) or [block.var(n) for op in block.ops for n in op.output_arg_names if n not in read and n in block.vars]
    parameters = _as_list(inputs) or program.all_parameters()
    pairs = [(p, g) for p, g in zip(parameters, gradients(targets, parameters), strict=False) if g is not None]
    return optimizer.apply_gradients(pairs), pairs
