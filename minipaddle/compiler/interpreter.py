"""The reference: a Program run operator by operator. Generated code is tested against it."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..backend.quiet import quietly
from ..core.program import Operator, Program
from .binding import definition_of, results_by_name, run_arguments
from .control_flow import Scope, is_control, run_control
from .lod import LodFlow, call_keyword, lod_of_rows

__all__ = ["interpret"]


@quietly
def interpret(
    operators: Sequence[Operator],
    values: Mapping[str, Any],
    fetches: Sequence[str],
    xp: Any,
    lods: Mapping[str, Any] | None = None,
    watch: Callable[[Operator, dict[str, Any]], None] | None = None,
) -> list[Any]:
    """Values of the variables `fetches` after running `operators` on `values` (name -> array).

    lods: name -> lod of such values as have one. When it is given the lods of the fetches follow their values.
    watch: called after each ordinary operator, those in blocks included, with the operator and its results by name.
    """
    program = operators[0].block.program if operators else Program()
    scope = Scope(program.global_block())
    env = scope.values
    env.update(values)
    flow, known = LodFlow(lods or ()), dict(lods or {})

    def run(ops: Sequence[Operator], inside: Scope) -> None:
        for op in ops:
            if is_control(op):
                run_control(op, inside, xp, run)
                continue
            definition = definition_of(op)
            arguments, attrs = run_arguments(op, definition, inside.get)
            made = results_by_name(op, definition, definition.forward(xp, *arguments, **attrs))
            for name, value in made.items():
                inside.set(name, value)
            if watch is not None:
                watch(op, made)

    for op in operators:
        if is_control(op):
            run_control(op, scope, xp, run)
            continue
        definition = definition_of(op)
        arguments, attrs = run_arguments(op, definition, scope.get)  # an array nobody wrote to is unset
        step = flow.step(op, definition)
        if step is not None:
            attrs |= call_keyword(step, known.__getitem__)
        result = definition.forward(xp, *arguments, **attrs)
        found = results_by_name(op, definition, result)
        if step is not None:
            if step.made:
                made = definition.lod_function(xp, *arguments, **attrs)  # type: ignore[misc]
                makes = [rule.slot for rule in definition.lod_rules if rule.source is None]
                lod_of = dict(zip(makes, made if len(makes) > 1 else [made], strict=True))
                known |= {key: lod_of[rule.slot] for rule, _, key in step.made}
            for name, key, source in step.kept:
                known[key] = lod_of_rows(known[step.sources[key]], env[source], found[name])
        env.update(found)
        if watch is not None:
            watch(op, found)
    results = [scope.get(name) for name in fetches]
    return results if lods is None else results + [known.get(flow.key.get(name, "")) for name in fetches]
