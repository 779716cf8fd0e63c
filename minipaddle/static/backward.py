"""append_backward and gradients: gradient operators in static Programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core import backward
from ..core.program import Variable
from .program import static_only

__all__ = ["append_backward", "gradients"]


@static_only
def append_backward(
    loss: Variable,
    parameter_list: Sequence[Any] | None = None,
    no_grad_set: Any = None,
    callbacks: Any = None,
    checkpoints: Any = None,
    distop_context: Any = None,
) -> list[tuple[Variable, Variable]]:
    """Append the gradient operators of `loss` to its Program; returns (parameter, gradient) pairs.

    parameter_list: the parameters (or names) to return, all trainable ones by default. no_grad_set: variables that count
    as constants. checkpoints: only saves memory in Paddle; the gradients are the same, so it changes nothing here.
    TypeError unless `loss` is a Variable; ValueError unless it has one element.
    """
    return backward.append_backward(loss, parameter_list, no_grad_set, callbacks)


@static_only
def gradients(
    targets: Any, inputs: Any, target_gradients: Any = None, no_grad_set: Any = None
) -> list[Variable | None]:
    """Append the gradient operators of ``sum(target * target_gradient)``; returns the gradient of each input.

    targets, inputs: Variables of one Program. target_gradients: a Variable or None (ones) per target. An input that the
    targets do not depend on has None ([] if it is the only one, as in Paddle). ValueError for the wrong number or shape.
    """
    return backward.gradients(targets, inputs, target_gradients, no_grad_set)
