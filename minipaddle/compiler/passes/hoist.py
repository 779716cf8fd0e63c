"""What depends on parameters alone is computed beforehand, once for many runs.

    f(x, w, factor):                            prepare(w, factor):
        w2 = scaled_filter(w, factor)               w2 = scaled_filter(w, factor)
        y = conv2d(x, w2)                 ->    f(x, w2):
                                                    y = conv2d(x, w2)

Constants belong here too: `fill_constant` depends on nothing.
"""
from __future__ import annotations

from dataclasses import replace

from ..graph import Graph
from ..liveness import settled

__all__ = ["hoist"]


def hoist(graph: Graph) -> tuple[Graph | None, Graph]:
    """(what is computed beforehand, the rest); the first is None if there is nothing."""
    known = settled(graph)
    before = [op for op in graph.operators if op.output_arg_names and all(n in known for n in op.output_arg_names)]
    if not before:
        return None, graph
    early = {id(op) for op in before}
    rest = [op for op in graph.operators if id(op) not in early]
    made = {n for op in before for n in op.output_arg_names}
    wanted = list(dict.fromkeys(n for n in (*(n for op in rest for n in op.input_arg_names), *graph.fetches) if n in made))
    read = {n for op in rest for n in op.input_arg_names} | set(graph.fetches)
    needed = {n for op in before for n in op.input_arg_names}
    first = Graph(tuple(before), tuple(n for n in graph.feeds if n in needed), tuple(wanted), graph.seldom)
    feeds = tuple(n for n in graph.feeds if n not in graph.seldom or n in read)
    return first, replace(graph, operators=tuple(rest), feeds=(*feeds, *wanted))
