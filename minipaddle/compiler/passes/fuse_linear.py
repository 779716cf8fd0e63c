"""A matrix product and the bias added to it become one operator, which adds the bias in place.

    t = matmul_v2(x, w)
    y = elementwise_add(t, b)      ->      y = linear(x, w, b)

Where nobody else reads t, and b is a vector.
"""
from __future__ import annotations

from ...core.program import Operator
from ..graph import Graph, attribute, made_operator, single

__all__ = ["fuse_linear"]


def fuse_linear(graph: Graph) -> Graph:
    """Join products with their biases."""
    replaced: dict[int, list[Operator]] = {}
    for op in graph.operators:
        if op.type != "elementwise_add" or attribute(op, "axis") not in (-1, 1):
            continue
        product, bias = single(op, "X"), single(op, "Y")
        if product is None or bias is None or not graph.temporary(product) or graph.maker[product].type != "matmul_v2":
            continue
        before = graph.maker[product]
        spec, whole = graph.spec(bias), graph.spec(product)
        if spec is None or whole is None or spec.ndim != 1 or whole.ndim < 2 or spec.dtype != whole.dtype:
            continue
        if spec.shape[0] in (1, -1) or spec.shape[0] != whole.shape[-1] or (attribute(op, "axis") == 1 and whole.ndim != 2):
            continue
        x, y = single(before, "X"), single(before, "Y")
        if x is None or y is None or bias not in graph.feeds or not (graph.fixed(x) and graph.fixed(y)):
            continue
        flags = {name: attribute(before, name) for name in ("trans_x", "trans_y")}
        replaced[id(before)] = []
        replaced[id(op)] = [made_operator(op, "linear", {"X": x, "Y": y, "Bias": bias}, {"Out": op.outputs["Out"]}, **flags)]
    return graph.with_operators([new for op in graph.operators for new in replaced.get(id(op), [op])])
