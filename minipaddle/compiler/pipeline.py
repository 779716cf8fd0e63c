"""From a list of operators to something that runs: the passes, in order, and what they give.

Each pass is a small file in `passes/` whose docstring shows what it does; ``MINIPADDLE_PASS_<NAME>=0`` or
``flags.scoped(pass_<name>=False)`` switches one off, the flag `passes` all of them.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import is_
from typing import Any

from .. import flags
from ..core.program import Operator
from ..ops.registry import OPS
from .codegen import CompiledFunction, compile_block
from .graph import Graph
from .interpreter import interpret
from .lod_interpreter import LodProgram, needs_lods_inside
from .passes.drop_dead import drop_dead
from .passes.drop_denormals import drop_denormals
from .passes.fuse_cross_entropy import fuse_cross_entropy
from .passes.fuse_elementwise import fuse_elementwise
from .passes.fuse_linear import fuse_linear
from .passes.hoist import hoist
from .passes.scale_into_filter import scale_into_filter
from .passes.unfold_batch_norm import unfold_batch_norm
from .passes.update_together import update_together
from .passes.write_in_place import write_in_place

__all__ = ["INFER_PASSES", "STATIC_PASSES", "TRAIN_PASSES", "CompiledProgram", "compile_program", "with_larger_operators"]

Pass = Callable[[Graph], Graph]

INFER_PASSES: list[Pass] = [
    drop_dead, unfold_batch_norm, drop_dead, scale_into_filter, drop_denormals, fuse_linear, fuse_cross_entropy, fuse_elementwise,
    write_in_place,
]  # fmt: skip
# before gradients are appended: what these make has a gradient operator of its own
LARGER_OPERATORS: list[Pass] = [fuse_linear, fuse_cross_entropy]
TRAIN_PASSES: list[Pass] = [drop_dead, fuse_elementwise, write_in_place]
# for the Executor, whose scope owns the arrays of parameters
STATIC_PASSES: list[Pass] = [drop_dead, update_together, fuse_elementwise, write_in_place]
# `hoist` comes last in both: it makes two functions out of one


@dataclass
class State:
    """What `prepare` made, from which arrays in which versions; `roots` are the memories it lies in."""

    xp: Any
    arrays: list[Any]
    versions: Any
    made: list[Any]
    roots: set[int]


def _root(value: Any) -> int:
    base = getattr(value, "base", None)
    return id(value if base is None else base)


class CompiledProgram:
    """Computes `fetches` from `feeds`: ``f(xp, *arrays)``, arrays in the order of `feeds`, gives a list.

    It consists of `main` and, where there is something to compute beforehand, `prepare`. `with_state` runs `prepare` only when
    a parameter has changed since the last call. May be called by several threads at once.
    """

    def __init__(self, feeds: Sequence[str], main: CompiledFunction, prepare: CompiledFunction | None, main_feeds: Sequence[str]) -> None:
        self.feeds, self.main, self.prepare = tuple(feeds), main, prepare
        position = {n: i for i, n in enumerate(self.feeds)}
        # positions of the arrays that `prepare` takes, and that `main` takes before what `prepare` made
        self.first = [position[n] for n in prepare.feeds] if prepare is not None else []
        self.second = [position[n] for n in main_feeds if n in position]
        self.state: State | None = None

    lod_feeds = property(lambda self: self.main.lod_feeds)
    lod_fetches = property(lambda self: self.main.lod_fetches)
    gives_lods = property(lambda self: self.main.gives_lods)

    @property
    def source(self) -> str:
        """The generated code."""
        return self.main.source if self.prepare is None else self.prepare.source + "\n\n" + self.main.source

    @property
    def operators(self) -> list[Operator]:
        """The operators of the generated code, in order."""
        return self.main.operators if self.prepare is None else self.prepare.operators + self.main.operators

    def __call__(self, xp: Any, *arrays: Any) -> list[Any]:
        if self.prepare is None:
            return self.main(xp, *arrays)
        if not self.first:  # constants
            return self.with_state(xp, arrays, None)
        made = self.prepare(xp, *[arrays[i] for i in self.first])
        return self.main(xp, *[arrays[i] for i in self.second], *made, *arrays[len(self.feeds) :])

    def with_state(self, xp: Any, arrays: Sequence[Any], versions: Any) -> list[Any]:
        """Like a call, but values that depend on parameters alone are kept as long as their arrays and `versions` are the same.

        versions: for each array something comparable that differs when it was changed in place; None if none ever is.
        """
        if self.prepare is None:
            return self.main(xp, *arrays)
        state = self.prepared(xp, arrays, versions)
        results = self.main(xp, *[arrays[i] for i in self.second], *state.made, *arrays[len(self.feeds) :])
        # what is kept must not be handed out
        return [r.copy() if r is not None and _root(r) in state.roots else r for r in results]

    def prepared(self, xp: Any, arrays: Sequence[Any], versions: Any) -> State:
        """What `prepare` makes of these arrays: as it was, if they are the same in the same versions."""
        assert self.prepare is not None
        own = [arrays[i] for i in self.first]
        versions = None if versions is None else [versions[i] for i in self.first]
        state = self.state
        if state is None or state.xp is not xp or state.versions != versions or not all(map(is_, own, state.arrays)):
            made = self.prepare(xp, *own)
            state = self.state = State(xp, own, versions, made, {_root(v) for v in made})
        return state

    def __getstate__(self) -> None:
        raise TypeError("a compiled Program cannot be pickled; pickle the Program")

    def __repr__(self) -> str:
        return f"<compiled {self.main.name}: {len(self.operators)} operators>"


class InterpretedProgram:
    """The same interface on top of the reference interpreter (flag `interpret`)."""

    gives_lods = False
    prepare = None
    lod_feeds: tuple[str, ...] = ()
    lod_fetches: tuple[str, ...] = ()

    def __init__(self, operators: Sequence[Operator], feeds: Sequence[str], fetches: Sequence[str]) -> None:
        self.operators, self.feeds, self.fetches = list(operators), tuple(feeds), list(fetches)
        self.source = "\n".join(map(repr, operators))

    @property
    def main(self) -> Any:
        """What runs: this."""
        return self.__call__

    def __call__(self, xp: Any, *arrays: Any) -> list[Any]:
        return interpret(self.operators, dict(zip(self.feeds, arrays, strict=True)), self.fetches, xp)

    def with_state(self, xp: Any, arrays: Sequence[Any], versions: Any) -> list[Any]:
        """Like a call."""
        return self(xp, *arrays)


def compile_program(
    operators: Sequence[Operator],
    feeds: Sequence[str],
    fetches: Sequence[str],
    name: str = "program",
    lod_feeds: Sequence[str] = (),
    *,
    seldom: Sequence[str] = (),
    passes: Sequence[Pass] = TRAIN_PASSES,
) -> CompiledProgram:
    """Run the passes and generate code.

    seldom: feeds that change seldom, see `Graph`. lod_feeds: feeds that come with a lod; where lods flow, operators are left as
    they are.
    """
    if flags.get("interpret") and not lod_feeds:
        return InterpretedProgram(operators, feeds, fetches)  # type: ignore[return-value]
    if (lod_feeds or any(_has_lods(op) for op in operators)) and needs_lods_inside(operators):
        return LodProgram(operators, feeds, fetches, lod_feeds)  # type: ignore[return-value]
    graph = Graph(tuple(operators), tuple(feeds), tuple(fetches), frozenset(seldom))
    prepare = None
    if flags.get("passes") and not lod_feeds and not any(_has_lods(op) for op in operators):
        for step in passes:
            if flags.get(f"pass_{step.__name__}"):
                graph = step(graph)
        if flags.get("pass_hoist"):
            before, graph = hoist(graph)
            if before is not None:
                prepare = compile_block(before.operators, before.feeds, before.fetches, f"prepare_{name}")
    main = compile_block(graph.operators, graph.feeds, graph.fetches, name, lod_feeds)
    return CompiledProgram(feeds, main, prepare, graph.feeds)


def with_larger_operators(operators: Sequence[Operator], feeds: Sequence[str], fetches: Sequence[str]) -> list[Operator]:
    """The operators with groups of them joined, as far as that can be done before they are differentiated."""
    graph = Graph(tuple(operators), tuple(feeds), tuple(fetches))
    if flags.get("passes") and not flags.get("interpret") and not any(_has_lods(op) for op in operators):
        for step in LARGER_OPERATORS:
            if flags.get(f"pass_{step.__name__}"):
                graph = step(graph)
    return list(graph.operators)


def _has_lods(op: Operator) -> bool:
    definition = OPS.get(op.type)
    return definition is not None and any(rule.source is None for rule in definition.lod_rules)
