"""Elementwise operators that follow each other become one pass over memory.

    t = elementwise_add(x, b, axis=1)            y = elementwise_chain([x, b], steps=(elementwise_add, hard_swish))
    y = hard_swish(t)                     ->

Values in between must be used nowhere else. Small arrays stay as they are: there the calls count, not the memory.
"""
from __future__ import annotations

from dataclasses import dataclass

from ...backend import kernels
from ...core.program import Operator
from ...ops.fused import Step, chain_form
from ...ops.registry import OPS
from ..binding import EMPTY, attributes
from ..graph import Graph, made_operator
from ..liveness import is_fresh, settled

__all__ = ["fuse_elementwise"]

_SMALL = 4096  # elements below which NumPy's own functions, one after the other, are as fast


_TWO = ("add", "sub", "mul", "div", "max", "min")  # steps of the kernel that take two operands


@dataclass
class _Chain:
    inputs: list[str]
    steps: list[Step]  # operands: the number of an input, or -1 - the number of a step
    length: int  # steps of the kernel
    members: list[Operator]


def fuse_elementwise(graph: Graph) -> Graph:
    """Join chains."""
    if kernels.lookup("chain") is None:
        return graph
    chains: dict[str, _Chain] = {}  # result -> the chain that makes it
    known = settled(graph)
    for op in graph.operators:
        found = _begun(graph, op) if not set(op.output_arg_names) <= known else None  # what is settled is not done here at all
        if found is not None:
            chains[op.output_arg_names[0]] = _extended(graph, found, chains)
    replaced: dict[int, list[Operator]] = {}
    for name, chain in chains.items():
        if _pays(graph, name, chain):
            replaced.update((id(op), []) for op in chain.members)
            count = len(chain.inputs)
            steps = tuple((t, tuple(i if i >= 0 else count - 1 - i for i in at), attrs) for t, at, attrs in chain.steps)
            last = chain.members[-1]
            replaced[id(last)] = [made_operator(last, "elementwise_chain", {"X": chain.inputs}, {"Out": name}, steps=steps)]
    return graph.with_operators([new for op in graph.operators for new in replaced.get(id(op), [op])])


def _begun(graph: Graph, op: Operator) -> _Chain | None:
    """A chain of one operator, None if it cannot be part of a chain."""
    definition = OPS.get(op.type)
    if definition is None:
        return None
    attrs = attributes(op, definition)
    form = chain_form(op.type, attrs)
    outputs = [n for n in op.output_arg_names if n != EMPTY]
    if form is None or len(outputs) != 1 or len(op.input_arg_names) != (2 if form[0][0] in _TWO else 1):
        return None
    names = [*op.input_arg_names, outputs[0]]
    specs = [graph.spec(n) for n in names]
    if not all(graph.fixed(n) for n in names) or any(s is not None and s.dtype.kind != "f" for s in specs):
        return None
    given = [n for slot in definition.inputs for n in op.inputs.get(slot.name, ())]  # in the order of the function
    inputs = list(dict.fromkeys(given))
    step = (op.type, tuple(inputs.index(n) for n in given), tuple(sorted(attrs.items())))
    return _Chain(inputs, [step], len(form), [op])


def _is_shifted(chain: _Chain, name: str) -> bool:
    """Whether the attribute `axis` puts the dimensions of this input elsewhere: then it must stay an input."""
    _, operands, attrs = chain.steps[0]
    return dict(attrs).get("axis", -1) != -1 and chain.inputs[operands[-1]] == name


def _extended(graph: Graph, chain: _Chain, chains: dict[str, _Chain]) -> _Chain:
    """`chain` with the chains before it that nothing else needs."""
    for name in list(chain.inputs):
        before = chains.get(name)
        if before is None or not graph.temporary(name) or _is_shifted(chain, name):
            continue
        inputs = list(dict.fromkeys([*before.inputs, *(n for n in chain.inputs if n != name)]))
        if len(inputs) + before.length + chain.length > kernels.CHAIN_LIMIT:
            continue
        shift = len(before.steps)

        def moved(step: Step, old: _Chain, by: int, inputs: list[str] = inputs, name: str = name, shift: int = shift) -> Step:
            places = []
            for i in step[1]:
                if i < 0:
                    places.append(i - by)
                elif old.inputs[i] == name and by:
                    places.append(-shift)  # the result of the chain before
                else:
                    places.append(inputs.index(old.inputs[i]))
            return step[0], tuple(places), step[2]

        steps = [moved(s, before, 0) for s in before.steps] + [moved(s, chain, shift) for s in chain.steps]
        chain = _Chain(inputs, steps, before.length + chain.length, [*before.members, *chain.members])
        del chains[name]
    return chain


def _pays(graph: Graph, name: str, chain: _Chain) -> bool:
    spec = graph.spec(name)
    if spec is not None and spec.ndim < 4:
        known = 1
        for n in spec.shape:
            known *= n if n > 0 else 1
        if known < _SMALL:
            return False
    # a single step pays when it can be done in place
    return chain.length > 1 or any(is_fresh(graph, n) for n in chain.inputs)
