"""Optimizer steps inside of traced functions: the update operators become a part of the Program, which then writes the parameters.

The operators are those of `minimize`; accumulators and master weights are the ones of eager steps, so both kinds of steps can
follow each other. The learning rate is a value that is set anew before each call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..backend import xp as backend
from ..core.context import context
from ..core.dispatch import call
from ..core.tensor import Tensor, make_tensor
from ..ops import elementwise as E
from ..utils import unique_name
from .program import regularized

if TYPE_CHECKING:
    from .optimizer import Optimizer

__all__ = ["record_step"]


def record_step(optimizer: Optimizer) -> None:
    """Record one step with the gradients that `backward()` recorded. RuntimeError where that cannot be done."""
    recorder: Any = context.recorder
    training, name = recorder.training, f"{type(optimizer).__name__}.step()"
    if training is None:
        raise RuntimeError(
            f"{name} was called inside of a function that to_static traces, without backward() in it; call it outside of the "
            "traced function, after loss.backward()"
        )
    if recorder.regions:
        raise RuntimeError(f"{name} in a branch or loop on a Tensor of a traced function: call it outside of the branch or loop")
    if optimizer._auxiliary_vars.get("found_inf") is not None:
        raise RuntimeError(f"{name} in a traced function cannot be left out for gradients that are infinite: step outside of it")
    training.steps += 1
    old, context.grad_enabled = context.grad_enabled, False
    try:
        for group in optimizer._groups():
            pairs: list[Any] = [training.gradients[id(p)] for p in group["params"] if not p.stop_gradient and id(p) in training.gradients]
            if pairs:
                _record_group(optimizer, group, pairs)
    finally:
        context.grad_enabled = old


def _record_group(optimizer: Optimizer, group: dict[str, Any], pairs: list[Any]) -> None:
    recorder: Any = context.recorder
    clip = group.get("grad_clip")
    if clip is not None:
        pairs = clip(pairs)
    default = optimizer._default_regularizer(group)
    pairs = [(p, regularized(optimizer, p, g, default)) for p, g in pairs if g is not None]
    rate = _rate(optimizer, pairs[0][0])
    for p, g in pairs:
        context.recorder = None  # accumulators are made here and now
        try:
            master, row = optimizer._prepare(p)
        finally:
            context.recorder = recorder
        values: dict[str, Any] = {a.slot: v for a, v in zip(optimizer._slots, row, strict=True)}
        factor = optimizer._factor(p)
        own = rate if factor == 1.0 else call(E.scale, rate, scale=float(factor))
        values |= {"Param": p, "Grad": g, "LearningRate": own, "MasterParam": master}
        attributes = optimizer._static_attributes(p, group, values)
        if "multi_precision" in optimizer.op.attrs:
            attributes["multi_precision"] = master is not None
        optimizer._call_operator(values, attributes)
    for p, _ in pairs:
        optimizer._finish_update(p, group)


def _rate(optimizer: Optimizer, param: Tensor) -> Tensor:
    """The learning rate as a Tensor that holds its value of now at each call."""
    recorder: Any = context.recorder
    module = backend.array_module(param._data)
    kind = dtypes.float64.np if param.dtype is dtypes.float64 else np.float32
    shape = optimizer._static_rate_shape

    def value() -> Any:
        return module.full(shape, optimizer.get_lr(), kind)

    rate = make_tensor(value())
    rate.name, rate.persistable = unique_name.generate("learning_rate"), True

    def refresh() -> None:
        rate._data = value()
        rate._version[0] += 1

    recorder.training.before.append(refresh)
    return rate
