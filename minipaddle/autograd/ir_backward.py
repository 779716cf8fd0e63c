"""``autograd.ir_backward``: gradients of the variables of a Program, under the name they have in newer Paddle."""
from __future__ import annotations

from typing import Any

from ..core.backward import gradients

__all__ = ["grad"]


def grad(
    outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None, create_graph: bool | None = False,
    only_inputs: bool | None = True, allow_unused: bool | None = False, no_grad_vars: Any = None,
) -> list[Any]:  # fmt: skip
    """Gradients of the sum of `outputs` with respect to `inputs`, recorded in the Program: as `paddle.static.gradients`.

    The Program keeps everything and can be differentiated again, whatever the flags say.
    """
    return gradients(outputs, inputs, grad_outputs, no_grad_vars)
