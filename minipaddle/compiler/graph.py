"""What passes read and write: a list of operators with its inputs and outputs, never changed in place."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ..core.program import Operator
from ..ops.registry import OPS, Spec
from .binding import EMPTY

__all__ = ["Graph", "made_operator"]


@dataclass(frozen=True)
class Graph:
    """Operators in order, the variables they are fed and those that are wanted.

    seldom: feeds that change seldom (parameters and statistics outside of training); what depends on nothing else may be
    computed once for many runs.
    """

    operators: tuple[Operator, ...]
    feeds: tuple[str, ...]
    fetches: tuple[str, ...]
    seldom: frozenset[str] = frozenset()

    def with_operators(self, operators: Iterable[Operator]) -> Graph:
        """The same with other operators."""
        return replace(self, operators=tuple(operators))

    @cached_property
    def uses(self) -> Counter[str]:
        """How often each variable is read; a fetch counts as one reading."""
        return Counter([n for op in self.operators for n in (*op.input_arg_names, *_inside(op)[0])]) + Counter(self.fetches)

    @cached_property
    def writes(self) -> Counter[str]:
        """How often each variable is written; being fed counts as writing."""
        outer = Counter([n for op in self.operators for n in (*op.output_arg_names, *_inside(op)[1]) if n != EMPTY])
        return outer + Counter(self.feeds)

    @cached_property
    def maker(self) -> dict[str, Operator]:
        """The last operator that writes each variable."""
        return {n: op for op in self.operators for n in op.output_arg_names if n != EMPTY}

    def fixed(self, name: str) -> bool:
        """Whether the variable has one value throughout: it is written once and belongs to no inner block."""
        return self.writes[name] == 1

    def temporary(self, name: str) -> bool:
        """Whether the variable is written once by an operator and read once by another: it may be made otherwise, or not."""
        return self.writes[name] == 1 and self.uses[name] == 1 and name in self.maker and name not in self.fetches

    def spec(self, name: str) -> Spec | None:
        """Shape (-1 where unknown) and dtype of a variable, None if they are not declared."""
        if not self.operators:
            return None
        v = self.operators[0].block.find_var(name)
        return v.spec if v is not None and v.has_dtype else None


def _inside(op: Operator) -> tuple[list[str], list[str]]:
    """Names that the blocks inside of an operator read and write."""
    reads: list[str] = []
    writes: list[str] = []
    for index in op.sub_blocks:
        for inner in op.block.program.blocks[index].ops:
            more = _inside(inner)
            reads += [*inner.input_arg_names, *more[0]]
            writes += [*inner.output_arg_names, *more[1]]
    return reads, writes


def made_operator(like: Operator, type: str, inputs: dict[str, Any], outputs: dict[str, Any], **attrs: Any) -> Operator:
    """A new operator standing in for `like`: same block, same line of the user's code."""

    def listed(slots: dict[str, Any]) -> dict[str, list[str]]:
        return {slot: [names] if isinstance(names, str) else list(names) for slot, names in slots.items()}

    made = Operator(like.block, type, listed(inputs), listed(outputs), attrs, callstack=like.callstack)
    made.layer = like.layer
    return made


def single(op: Operator, slot: str) -> str | None:
    """The only name in an input or output slot, None if there is not exactly one."""
    names: Sequence[str] = op.inputs.get(slot) or op.outputs.get(slot) or ()
    return names[0] if len(names) == 1 else None


def attribute(op: Operator, name: str) -> Any:
    """An attribute's value, the definition's default where the operator does not carry it."""
    value = op.attrs.get(name)
    return OPS[op.type].defaults.get(name) if value is None else value
