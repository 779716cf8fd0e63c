"""Operators that lead to nothing wanted are left out.

    a = relu(x)                     a = relu(x)
    b = exp(x)            ->
    fetch a                         fetch a
"""
from __future__ import annotations

from ..graph import Graph
from ..liveness import live_operators

__all__ = ["drop_dead"]


def drop_dead(graph: Graph) -> Graph:
    """Keep what leads to the fetches or has an effect of its own."""
    return graph.with_operators(live_operators(graph.operators, graph.fetches))
