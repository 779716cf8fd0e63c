"""Second derivatives in Programs: gradient operators of gradient operators.

``tanh_grad_grad`` runs the backward function of tanh on Tensors, as `paddle.grad(create_graph=True)` does dynamically, and
differentiates what was recorded. One rule serves every operator whose backward function `array_facade` can run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops.registry import OPS, GradPlan, Op, Slot, _gradient_op
from . import tape
from .array_facade import Facade, FacadeModule
from .context import context
from .tensor import Tensor, make_tensor

__all__ = ["differentiable"]


def differentiable(definition: Op) -> bool:
    """Whether a gradient operator has a gradient itself; it is made when it is first asked for."""
    if definition.grad is not None:
        return True
    forward = definition.gradient_of
    if forward is None or forward.gradient_of is not None or forward.grad is None:
        return False  # a third derivative
    inputs, outputs = definition.inputs, definition.outputs
    targets = tuple(i for i, s in enumerate(inputs) if not s.spec_only)
    definition.grad = GradPlan(
        _runner(definition, targets),
        (*inputs, *(Slot(s.name + "@GRAD", s.many, True) for s in outputs)),
        tuple(Slot(inputs[i].name + "@GRAD", inputs[i].many, True) for i in targets),
        (*(("in", i, s.spec_only) for i, s in enumerate(inputs)), *(("d_out", i, not s.many) for i, s in enumerate(outputs))),
        targets, True, tuple(definition.attrs), True,
    )  # fmt: skip
    OPS[definition.grad_type] = _gradient_op(definition)
    return True


def _runner(definition: Op, targets: tuple[int, ...]) -> Callable[..., Any]:
    assert definition.gradient_of is not None
    plan = definition.gradient_of.grad
    assert plan is not None
    count = len(definition.inputs)

    def run(xp: Any, *arrays: Any, needs: tuple[bool, ...] = (), **attrs: Any) -> Any:
        given, seeds = arrays[:count], (*arrays[count:], *(None,) * (len(definition.outputs) - len(arrays) + count))
        leaves: dict[int, Any] = {}

        def wrapped(i: int, value: Any) -> Any:
            if value is None or definition.inputs[i].spec_only:
                return value
            leaves[i] = [_leaf(v) for v in value] if isinstance(value, list) else _leaf(value)
            return [_facade(v) for v in leaves[i]] if isinstance(value, list) else _facade(leaves[i])

        picked = plan.pick({**definition.defaults, **attrs}) if not plan.all_attrs else attrs
        if plan.takes_needs:
            picked = {**picked, "needs": tuple(s is not None for s in seeds)}
        recorder, grad_enabled, amp = context.recorder, context.grad_enabled, context.amp
        context.recorder, context.grad_enabled, context.amp = None, True, None
        try:
            result = plan.function(FacadeModule(xp), *(wrapped(i, v) for i, v in enumerate(given)), **picked)
            results = result if isinstance(result, tuple) else (result,)
            outs, weights, handed_on = [], [], []  # the last: gradients that are an input as it is
            for made, seed in zip(results, seeds, strict=True):
                pairs = zip(made, seed, strict=True) if isinstance(seed, list) else [(made, seed)]
                for m, s in pairs:
                    if s is None or not isinstance(m, Facade) or m.t._stop_gradient:
                        continue
                    if m.t._edge is None:
                        handed_on.append((m.t, s))
                    else:
                        outs.append(m.t)
                        weights.append(make_tensor(s))
            wanted = [t for i in targets for t in _tensors(leaves.get(i))]
            found = tape.grad(outs, wanted, weights, True, False, True) if outs and wanted else [None] * len(wanted)
        finally:
            context.recorder, context.grad_enabled, context.amp = recorder, grad_enabled, amp
        gradients = {id(t): xp.zeros_like(t._data) if g is None else g._data for t, g in zip(wanted, found, strict=True)}
        for t, s in handed_on:
            gradients[id(t)] = gradients[id(t)] + s

        def gradient(value: Any) -> Any:
            if isinstance(value, list):
                return [gradient(v) for v in value]
            return gradients[id(value)] if isinstance(value, Tensor) else None

        made = tuple(gradient(leaves.get(i)) for i in targets)
        return made if len(made) != 1 else made[0]

    return run


def _leaf(array: Any) -> Any:
    """A Tensor that requires a gradient; arrays of other kinds as they are."""
    if array.dtype.kind not in "fcV":
        return array
    t = make_tensor(array)
    t._stop_gradient = False
    return t


def _facade(value: Any) -> Any:
    return Facade(value) if isinstance(value, Tensor) else value


def _tensors(value: Any) -> list[Tensor]:
    return [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, Tensor)]
