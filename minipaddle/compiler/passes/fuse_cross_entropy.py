"""Softmax with cross entropy and the mean over the labels that count become one operator, which eager mode uses too.

    softmax, loss = softmax_with_cross_entropy(x, label, ignore_index=i)
    count = reduce_sum(cast(not_equal(label, i)))
    mean = elementwise_div(reduce_sum(loss), elementwise_max(count, 1))      ->      mean = mean_cross_entropy(x, label, ignore_index=i)

This is what `F.cross_entropy` records. Where nobody else reads the values in between.
"""
from __future__ import annotations

from ...core.program import Operator
from ..graph import Graph, attribute, made_operator, single

__all__ = ["fuse_cross_entropy"]


def fuse_cross_entropy(graph: Graph) -> Graph:
    """Join losses with their means."""
    replaced: dict[int, Operator | None] = {}
    for op in graph.operators:
        found = _parts(graph, op) if op.type == "elementwise_div" else None
        if found is None:
            continue
        loss, others = found
        attrs = {name: attribute(loss, name) for name in ("ignore_index", "axis")}
        made = made_operator(
            op, "mean_cross_entropy", {slot: loss.inputs[slot] for slot in ("Logits", "Label")},
            {"Softmax": loss.outputs["Softmax"], "Loss": op.outputs["Out"]}, **attrs,
        )  # fmt: skip
        replaced |= {id(other): None for other in (loss, *others)} | {id(op): made}
    return graph.with_operators([new for op in graph.operators if (new := replaced.get(id(op), op)) is not None])


def _before(graph: Graph, op: Operator, slot: str, type: str) -> Operator | None:
    """The operator that makes an input for `op` alone, if it has this type."""
    name = single(op, slot)
    if name is None or not graph.temporary(name) or graph.maker[name].type != type:
        return None
    return graph.maker[name]


def _parts(graph: Graph, mean: Operator) -> tuple[Operator, list[Operator]] | None:
    """(the loss, the other operators before `mean`), None if it is something else."""
    total, at_least = _before(graph, mean, "X", "reduce_sum"), _before(graph, mean, "Y", "elementwise_max")
    if total is None or at_least is None:
        return None
    loss = _before(graph, total, "X", "softmax_with_cross_entropy")
    count, one = _before(graph, at_least, "X", "reduce_sum"), _before(graph, at_least, "Y", "fill_constant")
    cast = None if count is None else _before(graph, count, "X", "cast")
    counted = None if cast is None else _before(graph, cast, "X", "not_equal")
    ignored = None if counted is None else _before(graph, counted, "Y", "fill_constant")
    if loss is None or count is None or one is None or cast is None or counted is None or ignored is None:
        return None
    softmax = single(loss, "Softmax")
    if softmax is None or graph.uses[softmax] or not graph.fixed(softmax) or single(counted, "X") != single(loss, "Label"):
        return None
    if attribute(loss, "soft_label") or not attribute(loss, "use_softmax") or not (_over_all(total) and _over_all(count)):
        return None
    if _constant(one) != 1 or _constant(ignored) != attribute(loss, "ignore_index"):
        return None
    names = [single(loss, "Logits"), single(loss, "Label")]
    if not all(name is not None and graph.fixed(name) for name in names):
        return None
    return loss, [total, at_least, count, one, cast, counted, ignored]


def _over_all(op: Operator) -> bool:
    """Whether a reduction takes all axes and changes nothing else."""
    return (
        (attribute(op, "reduce_all") or not attribute(op, "dim"))
        and not attribute(op, "keep_dim")
        and attribute(op, "in_dtype") == attribute(op, "out_dtype") == -1
    )


def _constant(op: Operator) -> float | None:
    """The number that a `fill_constant` fills in, None if that comes from a variable."""
    if op.input_arg_names:
        return None
    text = attribute(op, "str_value")
    return float(text) if text else attribute(op, "value")
