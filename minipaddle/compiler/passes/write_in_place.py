"""A chain of elementwise operators writes its result over an input that nobody reads afterwards.

    t = conv2d(x, w)                               t = conv2d(x, w)
    y = elementwise_chain([t, b], ...)     ->      y = elementwise_chain([t, b], ..., out=t)

Only over arrays that were made for this one use: never over feeds, fetches, parameters, or anything a view may show.
"""
from __future__ import annotations

from ..graph import Graph, made_operator
from ..liveness import is_fresh

__all__ = ["write_in_place"]


def write_in_place(graph: Graph) -> Graph:
    """Note in `extra["out"]` where generated code lets a result go."""
    made = []
    for op in graph.operators:
        if op.type == "elementwise_chain":
            (name,) = op.output_arg_names
            over = next((n for n in op.input_arg_names if is_fresh(graph, n) and graph.spec(n) == graph.spec(name)), None)
            if over is not None:
                op = made_operator(op, op.type, op.inputs, op.outputs, **op.attrs)
                op.extra["out"] = over
        made.append(op)
    return graph.with_operators(made)
