"""`backward()` inside of traced functions: the gradients of parameters become values of the Program.

They are kept by the recorder until an optimizer takes them (`optimizer/recorded.py`) or they are cleared. Once the function has
returned there is nothing left to hold them, so a function that calls `backward()` has to use them, too.
"""

from __future__ import annotations

from typing import Any

from ..ops import elementwise as E
from .backward import recorded_gradients
from .dispatch import call
from .program import Variable
from .tensor import Tensor, isinstance_strict

__all__ = ["Training", "record_backward", "refuse_unused"]


class Training:
    """What a trace knows about the training step inside of it.

    gradients: id of a Tensor -> (the Tensor, its gradient). before: what a call does before the Program runs. steps: how many
    optimizer steps there were.
    """

    def __init__(self) -> None:
        self.gradients: dict[int, tuple[Tensor, Variable]] = {}
        self.before: list[Any] = []
        self.steps = 0


def record_backward(recorder: Any, loss: Variable, grad_tensor: Any = None) -> None:
    """Record the gradient operators of `loss` for all parameters that were met."""
    training = recorder.training
    if recorder.regions:
        raise RuntimeError("backward() in a branch or loop on a Tensor of a traced function: call it outside of the branch or loop")
    if training is not None and training.steps:
        raise RuntimeError(
            "backward() after the step of an optimizer in one traced function: what the operators before the step worked with is "
            "changed by then. Trace the two steps as two functions"
        )
    block = recorder.program.global_block()
    wanted = [(t, block.vars[name]) for name, t in recorder.captured.items() if not t.stop_gradient and t.dtype.name[:3] in ("flo", "bfl")]
    if training is None:
        training = recorder.training = Training()
        for t, _ in wanted:
            if t.grad is not None and not t._extra.zero_grad and t.grad._data.any():
                raise RuntimeError(
                    f"{t.name!r} has a gradient from before, to which backward() in a traced function would not add; clear it first"
                )
    if not wanted or loss.stop_gradient:
        raise RuntimeError(f"backward() of {loss.name!r}, which needs no gradient: no parameter leads to it")
    weight = None if grad_tensor is None else recorder.capture(grad_tensor) if isinstance_strict(grad_tensor, Tensor) else grad_tensor
    found = recorded_gradients(recorder, [loss], [v for _, v in wanted], [weight], [], False)
    for (t, _), g in zip(wanted, found, strict=True):
        if g is None:
            continue
        before = training.gradients.get(id(t))
        training.gradients[id(t)] = (t, g if before is None else call(E.elementwise_add, before[1], g))


def refuse_unused(recorder: Any) -> None:
    """RuntimeError at the end of a trace that computes gradients for nothing."""
    training = recorder.training
    if training is None:
        return
    if not training.steps:
        raise RuntimeError(
            "backward() was called inside of a traced function, where there is nothing to run yet, and no optimizer steps inside of it: "
            "the gradients would be lost. Call backward() on the result of the traced call, or step the optimizer inside as well"
        )
