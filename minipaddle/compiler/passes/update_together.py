"""Updates of parameters that follow each other become one operator, which changes the arrays in place.

    w, m, v, p, q = adam(w, w@GRAD, rate, ...)
    b, n, u, r, s = adam(b, b@GRAD, rate, ...)   ->   [w, b], [m, n], ... = adam_together([w, b], [w@GRAD, b@GRAD], rate, ...)

Only for callers that own the arrays of the parameters and their accumulators, as the Executor does: their old values are lost.
"""

from __future__ import annotations

from typing import Any

from ...core.program import Operator
from ...ops.registry import OPS
from ..binding import attributes
from ..graph import Graph, made_operator

__all__ = ["update_together"]

# operator -> (what it becomes, slots with one rate for all, attributes that it keeps)
_FORMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "adam": ("adam_together", ("beta1", "beta2", "epsilon")),
    "adamw": ("adam_together", ("beta1", "beta2", "epsilon", "coeff", "lr_ratio", "with_decay")),
    "momentum": (
        "momentum_together",
        ("mu", "use_nesterov", "regularization_method", "regularization_coeff", "rescale_grad"),
    ),
    "sgd": ("sgd_together", ()),
}


def update_together(graph: Graph) -> Graph:
    """Join runs of updates of one kind with the same settings and the same rate."""
    operators: list[Operator] = []
    run: list[Operator] = []
    key: Any = None
    for op in (*graph.operators, None):
        found = None if op is None else _key(graph, op)
        if run and (found is None or found != key or _clashes(run, op)):
            operators.append(_joined(run, dict(key[2])))
            run = []
        if found is None:
            if op is not None:
                operators.append(op)
        else:
            assert op is not None
            run.append(op)
        key = found
    return graph.with_operators(operators)


def _key(graph: Graph, op: Operator) -> Any:
    """What updates must have in common; None for everything else."""
    if op.type not in _FORMS:
        return None
    together, kept = _FORMS[op.type]
    definition = OPS[op.type]
    given = attributes(op, definition)
    settings = {name: given.get(name, definition.defaults[name]) for name in kept}
    if set(given) - set(kept) - {"multi_precision", "lazy_mode", "min_row_size_to_use_multithread"}:
        return None
    slots = {slot.name for slot in OPS[together].inputs}
    if any(names for slot, names in op.inputs.items() if slot not in slots) or not all(
        len(op.inputs.get(s, [])) == 1 for s in slots
    ):
        return None
    if (
        not all(n in graph.feeds for s in slots if s != "Grad" for n in op.inputs[s])
        or op.inputs["Grad"][0] in graph.feeds
    ):
        return None
    gradient, parameter = graph.spec(op.inputs["Grad"][0]), graph.spec(op.inputs["Param"][0])
    if gradient is None or parameter is None or gradient.dtype != parameter.dtype:
        return None
    return op.type, tuple(op.inputs["LearningRate"]), tuple(settings.items())


def _clashes(run: list[Operator], op: Operator | None) -> bool:
    """Whether `op` uses something that one of `run` writes."""
    written = {n for o in run for n in o.output_arg_names}
    return op is not None and any(n in written for n in (*op.input_arg_names, *op.output_arg_names))


def _joined(run: list[Operator], settings: dict[str, Any]) -> Operator:
    first = run[0]
    together = OPS[_FORMS[first.type][0]]
    if first.type in ("adam", "adamw"):
        decays = settings.pop("with_decay", False)
        settings = {**settings, "each": first.type, "coeff": settings.get("coeff", 0.0) if decays else 0.0}
    inputs = {
        s.name: [n for op in run for n in op.inputs[s.name]] if s.many else first.inputs[s.name]
        for s in together.inputs
    }
    outputs = {s.name: [n for op in run for n in op.outputs[s.name]] for s in together.outputs}
    return made_operator(first, together.type, inputs, outputs, **settings)
