"""Gradients of gradient operators, so that a Program can hold second and higher derivatives.

A gradient operator such as ``tanh_grad`` is given a gradient, ``tanh_grad_grad``, the first time one is asked for. It
runs the backward function as the tape does for ``create_graph=True``, and differentiates what was recorded. The
gradient of that is found in the same way.
"""
from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..backend import xp as backend
from ..ops.registry import OPS, GradPlan, Op, Slot, Spec, gradient_op
from . import tape
from .array_facade import differentiated
from .context import context
from .tensor import Tensor, isinstance_strict, make_tensor

__all__ = ["definition_in_program", "make_differentiable"]


def definition_in_program(type: str, slots: Iterable[str]) -> Op | None:
    """The definition of an operator of a Program, made here if it is the gradient of a gradient operator with these input slots."""
    found = OPS.get(type)
    if found is None and type.endswith("_grad_grad"):
        gradient = definition_in_program(type.removesuffix("_grad"), ())
        if gradient is not None and gradient.gradient_of is not None:
            plan = make_differentiable(gradient)
            if {s.name for s in plan.slots_in}.issuperset(slots):  # Paddle has such operators with slots of their own
                found = OPS[type]
    return found


def make_differentiable(gradient: Op) -> GradPlan:
    """The plan for the gradient of a gradient operator; its operator ``<type>_grad`` is defined, too."""
    if gradient.grad is not None:
        return gradient.grad
    inputs, outputs = gradient.inputs, gradient.outputs
    targets = tuple(i for i, s in enumerate(inputs) if not s.spec_only)

    def run(xp: Any, *arrays: Any, needs: tuple[bool, ...], **attrs: Any) -> Any:
        arrays = (*arrays, *(None,) * (len(inputs) + len(outputs) - len(arrays)))  # those at the end may be left away, in `needs` too
        wanted = {i for i, needed in zip(targets, needs, strict=False) if needed and arrays[i] is not None}
        with _eagerly():
            given = [a if s.spec_only else _wrapped(a, True) for s, a in zip(inputs, arrays, strict=False)]
            seeds = [_wrapped(a, False) for a in arrays[len(inputs) :]]
            found = _gradients(gradient, given, seeds, wanted, attrs, create_graph=False)
        taken = {id(t._data) for t in _flat([*given, *seeds]) if t is not None}
        results = tuple(_arrays(found[i], arrays[i], taken) if i in wanted else None for i in targets)
        return results if len(results) > 1 else results[0]

    gradient.grad = GradPlan(
        run,
        _with_gradients(inputs, outputs),
        tuple(Slot(inputs[i].name + "@GRAD", inputs[i].many, True) for i in targets),
        (*(("in", i, s.spec_only) for i, s in enumerate(inputs)), *(("d_out", j, True) for j in range(len(outputs)))),
        targets, True, tuple(gradient.attrs), True,
    )  # fmt: skip
    OPS[gradient.grad_type] = gradient_op(gradient)
    return gradient.grad


def _with_gradients(inputs: Sequence[Slot], outputs: Sequence[Slot]) -> tuple[Slot, ...]:
    """The inputs, and slots for the gradients of the outputs under names that the inputs do not have."""
    found = list(inputs)
    for s in outputs:
        name = s.name + "@GRAD"
        while any(name == other.name for other in found):
            name += "@GRAD"
        found.append(Slot(name, s.many, True))
    return tuple(found)


def _results(gradient: Op, given: Sequence[Any], attrs: dict[str, Any]) -> list[Any]:
    """What a gradient operator gives, as recorded Tensors."""
    inner = gradient.gradient_of
    assert inner is not None and inner.grad is not None
    if inner.gradient_of is None:
        picked = inner.grad.pick(attrs)
        if inner.grad.takes_needs:
            picked = {**picked, "needs": (True,) * len(inner.grad.targets)}
        module = next(backend.array_module(t._data) for t in _flat(given) if t is not None)
        return list(differentiated(inner.grad.function, module, given, picked))
    count = len(inner.inputs)
    wanted = set(inner.grad.targets)
    found = _gradients(inner, given[:count], given[count:], wanted, attrs, create_graph=True)
    return [found[i] for i in inner.grad.targets]


def _gradients(
    gradient: Op, given: Sequence[Any], seeds: Sequence[Any], wanted: set[int], attrs: dict[str, Any], create_graph: bool
) -> dict[int, Any]:
    """Gradients of ``sum(result * seed)`` of a gradient operator with respect to the `wanted` ones of its inputs."""
    results: list[Tensor] = []
    weights: list[Tensor | None] = []
    for result, seed in zip(_results(gradient, given, attrs), seeds, strict=True):
        for r, s in zip(_flat([result]), _flat([seed]), strict=True) if seed is not None else ():
            if r is not None and s is not None and not r.stop_gradient:
                results.append(r)
                weights.append(s)
    sources = [t for i in sorted(wanted) for t in _flat([given[i]]) if t is not None and not t.stop_gradient]
    grads: Sequence[Any] = [None] * len(sources)
    if results and sources:
        grads = tape.grad(results, sources, weights, True, create_graph, True, [])
    by_id = {id(t): g for t, g in zip(sources, grads, strict=True)}

    def of(value: Any) -> Any:
        return [of(v) for v in value] if isinstance(value, list) else by_id.get(id(value))

    return {i: of(given[i]) for i in wanted}


def _flat(values: Sequence[Any]) -> list[Any]:
    """Tensors (and gaps) in a row, lists opened."""
    found: list[Any] = []
    for value in values:
        if isinstance(value, (list, tuple)):
            found.extend(_flat(value))
        elif value is None or isinstance_strict(value, Tensor):
            found.append(value)
    return found


def _wrapped(array: Any, variable: bool) -> Any:
    if array is None or isinstance(array, Spec):
        return array
    if isinstance(array, (list, tuple)):
        return [_wrapped(a, variable) for a in array]
    t = make_tensor(array)
    t._stop_gradient = not variable or array.dtype.kind not in "fcV"
    return t


def _arrays(grads: Any, like: Any, taken: set[int]) -> Any:
    """Arrays that share no memory with others, as compiled Programs expect of an operator's results."""
    if isinstance(like, (list, tuple)):
        return [_arrays(g, a, taken) for g, a in zip(grads, like, strict=True)]
    if like is None:
        return None
    if grads is None:
        return backend.array_module(like).zeros_like(like)
    array = grads._data
    if array.base is not None or id(array) in taken:
        array = array.copy()
    taken.add(id(array))
    return array


@contextlib.contextmanager
def _eagerly() -> Iterator[None]:
    """Operators compute at once and are recorded on the tape."""
    old = context.recorder, context.grad_enabled, context.amp
    context.recorder, context.grad_enabled, context.amp = None, True, None
    try:
        yield
    finally:
        context.recorder, context.grad_enabled, context.amp = old
