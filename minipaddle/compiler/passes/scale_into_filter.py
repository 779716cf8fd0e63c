"""A product per channel behind a convolution goes into the filter.

    t = conv2d(x, w)                                     w2 = scaled_filter(w, factor)
    y = elementwise_mul(t, factor, axis=1)      ->       y = conv2d(x, w2)

and with a bias in between, ``(t + b) * factor = t * factor + b * factor``. Only where w and factor change seldom, so that
`hoist` takes scaled_filter out.
"""
from __future__ import annotations

from ...core.program import Operator
from ..graph import Graph, attribute, made_operator, single
from ..liveness import settled

__all__ = ["scale_into_filter"]

# the axis of the filter that counts the output channels
_AXIS = {"conv2d": 0, "depthwise_conv2d": 0, "conv2d_transpose": 1}


def scale_into_filter(graph: Graph) -> Graph:
    """Move factors into filters."""
    known = settled(graph)
    replaced: dict[int, list[Operator]] = {}  # id of an operator -> what stands in its place
    for op in graph.operators:
        if op.type != "elementwise_mul" or attribute(op, "axis") != 1:
            continue
        x, factor = single(op, "X"), single(op, "Y")
        if x is None or factor not in known or not graph.temporary(x):
            continue
        before, bias = graph.maker[x], None
        if before.type == "elementwise_add" and attribute(before, "axis") == 1 and single(before, "Y") in known:
            inner = single(before, "X")
            if inner is None or not graph.temporary(inner) or not _is_vector(graph, single(before, "Y")):
                continue
            bias, before = before, graph.maker[inner]
        w = single(before, "Filter") if before.type in _AXIS else None
        if w is None or w not in known or not _served(before):
            continue
        out, scaled = single(op, "Out"), f"{single(op, 'Out')}.filter"
        assert out is not None
        made_filter = made_operator(before, "scaled_filter", {"Filter": w, "Factor": factor}, {"Out": scaled}, axis=_AXIS[before.type])
        product = out if bias is None else f"{out}.convolved"
        conv = made_operator(before, before.type, {**before.inputs, "Filter": [scaled]}, {"Output": product}, **before.attrs)
        replaced[id(before)] = []
        replaced[id(op)] = [made_filter, conv]
        if bias is not None:
            replaced[id(bias)] = []
            shift = f"{out}.bias"
            replaced[id(op)] += [
                made_operator(bias, "elementwise_mul", {"X": bias.inputs["Y"], "Y": factor}, {"Out": shift}),
                made_operator(bias, "elementwise_add", {"X": product, "Y": shift}, {"Out": out}, axis=1),
            ]
    return graph.with_operators([new for op in graph.operators for new in replaced.get(id(op), [op])])


def _served(conv: Operator) -> bool:
    if attribute(conv, "data_format") not in ("NCHW", "AnyLayout") or conv.inputs.get("Bias"):
        return False
    return conv.type != "conv2d_transpose" or attribute(conv, "groups") == 1


def _is_vector(graph: Graph, name: str | None) -> bool:
    spec = None if name is None else graph.spec(name)
    return spec is not None and spec.ndim == 1
