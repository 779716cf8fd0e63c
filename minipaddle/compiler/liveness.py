"""Facts about values that several passes need."""
from __future__ import annotations

from ..ops.registry import OPS
from .binding import EMPTY
from .control_flow import live_operators
from .graph import Graph

__all__ = ["is_fresh", "live_operators", "settled"]

# operators whose first output is always an array of its own, never an input or a view of one
_FRESH = {
    "conv2d", "depthwise_conv2d", "conv2d_transpose", "matmul_v2", "matmul", "mul", "layer_norm", "elementwise_add",
    "elementwise_sub", "elementwise_mul", "elementwise_div", "elementwise_chain",
}  # fmt: skip


def settled(graph: Graph) -> set[str]:
    """Variables that depend on nothing but the feeds that change seldom, so that they may be computed beforehand."""
    known = {n for n in graph.seldom if graph.fixed(n)}
    for op in graph.operators:
        definition = OPS.get(op.type)
        if definition is None or definition.is_random or definition.has_effect or op.sub_blocks:
            continue
        outputs = [n for n in op.output_arg_names if n != EMPTY]
        if all(n in known for n in op.input_arg_names if n != EMPTY) and all(graph.fixed(n) for n in outputs):
            known.update(outputs)
    return known


def is_fresh(graph: Graph, name: str) -> bool:
    """Whether the value is a new array that is read in one place only, so that the result made there may take its memory."""
    return graph.temporary(name) and graph.maker[name].type in _FRESH and graph.maker[name].output_arg_names[0] == name
