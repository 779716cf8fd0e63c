"""batch_norm with stored statistics becomes a product and a sum per channel.

    y, ... = batch_norm(x, scale, bias, mean, variance)     factor, shift = channel_affine(scale, bias, mean, variance)
                                                   ->       t = elementwise_mul(x, factor, axis=1)
                                                            y = elementwise_add(t, shift, axis=1)

`hoist` then takes channel_affine out, `scale_into_filter` the product, and `fuse_elementwise` joins the sum to what follows.
"""
from __future__ import annotations

from ...core.program import Operator
from ..binding import EMPTY
from ..graph import Graph, attribute, made_operator, single

__all__ = ["unfold_batch_norm", "uses_stored_statistics"]


def uses_stored_statistics(op: Operator) -> bool:
    """Whether this is a batch_norm that leaves its moving averages as they are."""
    if op.type != "batch_norm":
        return False
    return bool((attribute(op, "is_test") and not attribute(op, "trainable_statistics")) or attribute(op, "use_global_stats"))


def unfold_batch_norm(graph: Graph) -> Graph:
    """Unfold where scale, bias and statistics change seldom."""
    # a batch_norm with stored statistics "writes" them, but writes what is there already
    idle = {n for op in graph.operators if uses_stored_statistics(op) for s in ("MeanOut", "VarianceOut") for n in op.outputs.get(s, ())}
    made = []
    for op in graph.operators:
        if not _serves(graph, op, idle):
            made.append(op)
            continue
        x, y = single(op, "X"), single(op, "Y")
        factor, shift, product = f"{y}.factor", f"{y}.shift", f"{y}.product"
        parameters = {s: op.inputs[s] for s in ("Scale", "Bias", "Mean", "Variance") if op.inputs.get(s)}
        epsilon = float(attribute(op, "epsilon"))
        made += [
            made_operator(op, "channel_affine", parameters, {"Factor": factor, "Shift": shift}, epsilon=epsilon),
            made_operator(op, "elementwise_mul", {"X": x, "Y": factor}, {"Out": product}, axis=1),
            made_operator(op, "elementwise_add", {"X": product, "Y": shift}, {"Out": y}, axis=1),
        ]
    return graph.with_operators(made)


def _serves(graph: Graph, op: Operator, idle: set[str]) -> bool:
    if not uses_stored_statistics(op) or attribute(op, "data_layout") == "NHWC":
        return False
    parameters = [n for s in ("Scale", "Bias", "Mean", "Variance") for n in op.inputs.get(s, ())]
    if not all(n in graph.seldom and (graph.fixed(n) or n in idle) for n in parameters):
        return False
    specs = [graph.spec(n) for n in (*op.inputs["X"], *parameters)]
    if None in specs or len({s.dtype for s in specs if s is not None}) > 1:
        return False
    others = [n for slot, names in op.outputs.items() if slot not in ("Y", "MeanOut", "VarianceOut") for n in names]
    if op.outputs.get("MeanOut", []) not in ([], op.inputs["Mean"]) or op.outputs.get("VarianceOut", []) not in ([], op.inputs["Variance"]):
        return False
    return not any(graph.uses[n] for n in others if n != EMPTY)
