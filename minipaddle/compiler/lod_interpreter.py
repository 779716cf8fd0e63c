"""Programs whose loops and branches hold operators on ragged sequences: which value has a lod is known only when they run.

Each variable carries its lod beside its value, an array of tensors a list of lods. Everything else is as in `interpreter`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.blocks import inner_block
from ..core.program import Block, Operator
from ..ops.registry import OPS, Op
from .binding import definition_of, results_by_name, run_arguments
from .control_flow import LODS, Scope, is_control, run_control
from .lod import lod_of_rows

__all__ = ["LodProgram", "needs_lods_inside"]


def needs_lods_inside(operators: Sequence[Operator]) -> bool:
    """Whether an operator inside of a loop or branch asks for lods, or makes them."""
    for op in operators:
        inner = inner_block(op)
        if inner is not None and (any(map(_about_lods, inner.ops)) or needs_lods_inside(inner.ops)):
            return True
    return False


def _about_lods(op: Operator) -> bool:
    definition = OPS.get(op.type)
    return definition is not None and bool(definition.lod_takes or definition.lod_function)


class LodScope(Scope):
    """Values of the names of a block, with their lods."""

    def __init__(self, block: Block, outer: Scope | None = None, kept: dict[str, Any] | None = None, forward: Block | None = None) -> None:
        super().__init__(block, outer, kept, forward)
        self.lods: dict[str, Any] = {}

    def lod(self, name: str) -> Any:
        """The lod of a variable, a list of lods for an array; None without one. A gradient has that of its variable."""
        at: Any = self
        while at is not None:
            if name in at.lods and (at.outer is None or name in at.block.vars):
                return at.lods[name]
            if name in at.kept.get(LODS, ()):
                return at.kept[LODS][name]
            at = at.outer
        base, found, _ = name.partition("@GRAD")
        return self.lod(base) if found else None

    def set_lod(self, name: str, lod: Any) -> None:
        """Give a variable a lod."""
        self.home(name).lods[name] = lod  # type: ignore[attr-defined]


class LodProgram:
    """The interface of `CompiledProgram`: ``f(xp, *arrays, *lods)`` gives values and then lods of the fetches."""

    gives_lods = True
    prepare = None

    def __init__(self, operators: Sequence[Operator], feeds: Sequence[str], fetches: Sequence[str], lod_feeds: Sequence[str]) -> None:
        self.operators, self.feeds, self.fetches = list(operators), tuple(feeds), list(fetches)
        self.lod_feeds, self.lod_fetches = tuple(lod_feeds), tuple(fetches)
        self.source = "\n".join(map(repr, operators))

    def with_state(self, xp: Any, arrays: Sequence[Any], versions: Any) -> list[Any]:
        """Like a call."""
        return self(xp, *arrays)

    def __call__(self, xp: Any, *arrays: Any) -> list[Any]:
        scope = LodScope(self.operators[0].block.program.global_block())
        scope.values.update(zip(self.feeds, arrays, strict=False))
        scope.lods.update(zip(self.lod_feeds, arrays[len(self.feeds) :], strict=True))

        def run(ops: Sequence[Operator], inside: Any) -> None:
            for op in ops:
                if is_control(op):
                    run_control(op, inside, xp, run)
                    _after_control(op, inside)
                else:
                    _run_one(xp, op, inside)

        run(self.operators, scope)
        return [scope.get(n) for n in self.fetches] + [None if isinstance(scope.lod(n), list) else scope.lod(n) for n in self.fetches]


def _after_control(op: Operator, scope: LodScope) -> None:
    """Lods of what an operator of control flow wrote itself."""
    if op.type == "select_input":
        chosen = op.inputs["X"][int(scope.get(op.inputs["Mask"][0]).item())]
        scope.set_lod(op.output_arg_names[0], scope.lod(chosen))
    elif op.type == "write_to_array":
        at, found = int(scope.get(op.inputs["I"][0]).item()), list(scope.lod(op.output_arg_names[0]) or ())
        found.extend([None] * (at + 1 - len(found)))
        found[at] = scope.lod(op.inputs["X"][0])
        scope.set_lod(op.output_arg_names[0], found)
    elif op.type in ("assign", "sum", "fill_zeros_like") and op.input_arg_names:
        scope.set_lod(op.output_arg_names[0], scope.lod(op.input_arg_names[0]))


def _run_one(xp: Any, op: Operator, scope: LodScope) -> None:
    definition = definition_of(op)
    arguments, attrs = run_arguments(op, definition, scope.get)
    taken: list[Any] = []
    for slot in definition.lod_takes:
        names = op.inputs.get(slot, [])
        many = slot in definition.input_index and definition.inputs[definition.input_index[slot]].many
        taken.append([scope.lod(n) for n in names] if many else scope.lod(names[0]) if names else None)
    if any(lod is not None and lod != [None] * len(lod) for lod in taken):
        attrs["lod"] = taken[0] if len(taken) == 1 else tuple(taken)
    found = results_by_name(op, definition, definition.forward(xp, *arguments, **attrs))
    for name, value in found.items():
        scope.set(name, value)
        scope.set_lod(name, None)
    if op.type == "read_from_array":
        lods, at = scope.lod(op.inputs["X"][0]), int(arguments[1].item())
        scope.set_lod(op.output_arg_names[0], lods[at] if lods and at < len(lods) else None)
    _set_lods(xp, op, definition, arguments, attrs, scope)


def _set_lods(xp: Any, op: Operator, definition: Op, arguments: list[Any], attrs: dict[str, Any], scope: LodScope) -> None:
    makes = [rule.slot for rule in definition.lod_rules if rule.source is None]
    made: dict[str, Any] = {}
    if makes and definition.lod_function is not None:
        result = definition.lod_function(xp, *arguments, **attrs)
        made = dict(zip(makes, result if len(makes) > 1 else [result], strict=True))
    for rule in definition.lod_rules:
        for name in op.outputs.get(rule.slot, []):
            if rule.source is None:
                scope.set_lod(name, made.get(rule.slot))
                continue
            source = (op.inputs.get(rule.source) or [""])[0]
            lod = scope.lod(source)
            if rule.rows and lod is not None:
                lod = lod_of_rows(lod, scope.get(source), scope.get(name))
            scope.set_lod(name, lod)
