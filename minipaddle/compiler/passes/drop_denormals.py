"""Parameters of matrix products and convolutions lose their denormal numbers.

    y = conv2d(x, w)           w2 = without_denormals(w)
                        ->     y = conv2d(x, w2)

Published models hold thousands of numbers below 1e-38; arithmetic with them is very slow, and no result of ordinary size
depends on them. `hoist` takes without_denormals out.
"""
from __future__ import annotations

from ..graph import Graph, made_operator
from ..liveness import settled

__all__ = ["drop_denormals"]

_SLOT = {"conv2d": "Filter", "depthwise_conv2d": "Filter", "conv2d_transpose": "Filter", "matmul_v2": "Y", "mul": "Y"}


def drop_denormals(graph: Graph) -> Graph:
    """Clean the parameters that change seldom."""
    known = settled(graph)
    cleaned: dict[str, str] = {}
    made = []
    for op in graph.operators:
        slot = _SLOT.get(op.type)
        names = op.inputs.get(slot, []) if slot else []
        if len(names) == 1 and names[0] in known:
            name = names[0]
            if name not in cleaned:
                cleaned[name] = f"{name}.clean"
                made.append(made_operator(op, "without_denormals", {"X": name}, {"Out": cleaned[name]}))
            op = made_operator(op, op.type, {**op.inputs, slot: [cleaned[name]]}, op.outputs, **op.attrs)  # type: ignore[dict-item]
        made.append(op)
    return graph.with_operators(made)
