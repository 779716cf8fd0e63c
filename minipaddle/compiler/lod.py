"""Which variables of a Program carry a lod (the offsets of ragged sequences), found before it runs.

A lod is no part of an array. It comes with a fed value, goes from operator to operator by the rules of their
definitions, and generated code hands it to those functions that ask for it. Where nothing fed has one there is no such
code.
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..core.program import Operator
from ..ops.registry import LodRule, Op

__all__ = ["LodFlow", "LodStep", "call_keyword", "lod_of_rows"]


@dataclass
class LodStep:
    """What one operator does with lods, in terms of keys; a key names a lod that is at hand, None says there is none.

    takes: per slot that its function asks for, a key or a list of keys. kept: (output name, key, name of the input that
    must have as many rows). made: (rule, output name, new key) for what the lod function makes.
    """

    takes: list[Any]
    kept: list[tuple[str, str, str]]
    made: list[tuple[LodRule, str, str]]
    sources: dict[str, str]  # key of `kept` -> key of the lod that is kept
    single: bool


class LodFlow:
    """The key of the lod that each variable carries at the current point of the Program; those without are absent."""

    def __init__(self, fed: Iterable[str]) -> None:
        self.key = {name: name for name in fed}
        self._count = 0

    def _fresh(self, name: str) -> str:
        self._count += 1
        return f"{name} {self._count}"

    def step(self, op: Operator, definition: Op) -> LodStep | None:
        """Move past one operator. None when it has nothing to do with lods."""
        before = self.key
        if not before and not (definition.lod_takes or definition.lod_rules):
            return None
        takes: list[Any] = []
        for slot in definition.lod_takes:
            names = op.inputs.get(slot, [])
            if slot in definition.input_index and definition.inputs[definition.input_index[slot]].many:
                takes.append([self._of(n) for n in names])
            else:
                takes.append(self._of(names[0]) if names else None)
        step = LodStep(takes, [], [], {}, len(definition.lod_takes) == 1)
        found: dict[str, str] = {}
        for rule in definition.lod_rules:
            for name in op.outputs.get(rule.slot, []):
                if rule.source is None:
                    key = self._fresh(name)
                    step.made.append((rule, name, key))
                    found[name] = key
                    continue
                source = (op.inputs.get(rule.source) or [""])[0]
                if source not in before:
                    continue
                if rule.rows:
                    key = self._fresh(name)
                    step.kept.append((name, key, source))
                    step.sources[key] = before[source]
                    found[name] = key
                else:
                    found[name] = before[source]
        for slot, names in op.outputs.items():
            for n, name in enumerate(names):
                likewise = self._of_gradient(op, definition, slot, n) if slot.endswith("@GRAD") else None
                if name in found:
                    before[name] = found[name]
                elif likewise is not None:
                    before[name] = likewise
                else:
                    before.pop(name, None)
        return step

    def _of(self, name: str) -> str | None:
        """The key for a variable; a gradient without one has that of its variable."""
        found = self.key.get(name)
        return self.key.get(name.partition("@GRAD")[0]) if found is None and "@GRAD" in name else found

    def _of_gradient(self, op: Operator, definition: Op, slot: str, number: int) -> str | None:
        """A gradient is as ragged as the value it belongs to."""
        if definition.gradient_of is None:
            return None
        names = op.inputs.get(slot.removesuffix("@GRAD"), [])
        return self.key.get(names[number]) if number < len(names) else None


def call_keyword(step: LodStep, get: Any) -> dict[str, Any]:
    """The keyword `lod` for the functions of the operator, from `get(key)`; empty when no input has a lod."""
    if not any(k is not None and k != [None] * len(k) for k in step.takes):
        return {}

    def value(key: Any) -> Any:
        if isinstance(key, list):
            return [value(k) for k in key]
        return None if key is None else get(key)

    values = tuple(value(key) for key in step.takes)
    return {"lod": values[0] if step.single else values}


def lod_of_rows(lod: Any, x: Any, out: Any) -> Any:
    """`lod` if `out` has as many rows as `x`."""
    return lod if lod is not None and x.shape[:1] == out.shape[:1] else None
