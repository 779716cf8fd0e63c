"""Replays eager and traced on the same inputs and finds the first operator whose results differ.

Three runs: the user's function as ordinary Python (each operator it runs is noted), the Program by the reference interpreter,
and the Program as the passes left it. The first two are put side by side by operator type and source line.
"""

from __future__ import annotations

import contextlib
import difflib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...autograd import grad
from ...backend import rng
from ...backend import xp as backend
from ...compiler import interpret
from ...compiler.control_flow import is_control
from ...core import dispatch
from ...core.callsite import user_callstack
from ...core.grad_mode import no_grad
from ...core.program import Operator, Program
from ...core.tensor import Tensor, TensorBase, isinstance_strict, make_tensor
from ...ops.registry import OPS, Op
from ...utils import tree
from .. import api
from ..partial_program import PartialProgram
from ..trace import ConcreteProgram, spec_from_value
from .collect import size_for
from .report import Difference, OperatorRow, Part, Report

__all__ = ["compare_function", "compare_loaded", "example_inputs"]

# largest difference that rounding explains, relative to the largest number of the result
_TOLERANCES = {
    "float64": 1e-11,
    "float32": 2e-5,
    "float16": 5e-3,
    "bfloat16": 3e-2,
    "complex128": 1e-11,
    "complex64": 2e-5,
}

Steps = list[tuple[Operator, list[Any]]]  # operators that the reference interpreter ran, and their results
Step = tuple[str, tuple[str, int], list[Any]]  # operator type, file and line, results


# --- inputs


def _array(spec: Any, random: np.random.Generator) -> np.ndarray[Any, Any]:
    shape, dtype = size_for(spec.shape), spec.dtype.np
    if np.dtype(dtype).kind in "iub":
        return random.integers(0, 2, shape).astype(dtype)
    return random.uniform(-1, 1, shape).astype(dtype)


def _value(leaf: Any, random: np.random.Generator) -> Any:
    """A Tensor of its own for a Tensor, array or spec; anything else as it is."""
    found = spec_from_value(leaf)
    if found is None:
        return leaf
    if isinstance_strict(leaf, Tensor):
        made = make_tensor(leaf._data.copy())
    elif isinstance(leaf, np.ndarray):
        made = make_tensor(backend.to_module(leaf.copy(), backend.current()))
    else:
        made = make_tensor(backend.to_module(_array(found, random), backend.current()))
    made.stop_gradient = found.stop_gradient or made._data.dtype.kind not in "fcV"
    return made


def example_inputs(partial: PartialProgram, args: Sequence[Any]) -> list[Tensor]:
    """One Tensor per input of a loaded model: what was given, random numbers in [-1, 1) otherwise (0 and 1 for integers)."""
    random = np.random.default_rng(0)
    block = partial.program.global_block()
    specs = [block.var(n) for n in partial.inputs]
    found = []
    for v, leaf in zip(specs, args or [None] * len(specs), strict=True):
        if leaf is None:
            leaf = _Spec(v.static_shape, v.dtype)
            found.append(make_tensor(backend.to_module(_array(leaf, random), backend.current())))
        else:
            found.append(_value(leaf, random))
    return found


class _Spec:
    def __init__(self, shape: Sequence[int], dtype: Any) -> None:
        self.shape, self.dtype = shape, dtype


# --- noting what runs


class _Watched:
    """Stands in for an operator's forward function; the calls of one thread are noted, those inside of them are not."""

    def __init__(self, definition: Op, notes: Callable[[str, Any], None]) -> None:
        self.inner = definition.forward
        self.type = definition.type
        self.notes = notes
        self.__code__, self.__defaults__ = self.inner.__code__, self.inner.__defaults__  # the compiler asks for them
        self.__kwdefaults__ = self.inner.__kwdefaults__

    def __call__(self, xp: Any, *arrays: Any, **attrs: Any) -> Any:
        if _state.owner != threading.get_ident() or _state.inside:
            return self.inner(xp, *arrays, **attrs)
        _state.inside = True
        try:
            result = self.inner(xp, *arrays, **attrs)
        finally:
            _state.inside = False
        self.notes(self.type, result)
        return result


def _as_they_are(op: Op, inputs: Sequence[Any]) -> Sequence[Any]:
    return inputs


class _State:
    owner = 0
    inside = False
    lock = threading.Lock()


_state = _State()


@contextlib.contextmanager
def _noting(steps: list[Step], outside: int) -> Iterator[None]:
    """Inside of the ``with`` block operators that this thread runs eagerly are appended to `steps`.

    outside: how many frames belong to whoever asked for the comparison; the trace does not have them.
    """

    def note(type: str, result: Any) -> None:
        frames = user_callstack(1000)[outside:]
        place = (frames[-1][0], frames[-1][1]) if frames else ("", 0)
        values = result if isinstance(result, tuple) else (result,)
        steps.append((type, place, [_copied(v) for v in values]))

    with _state.lock:
        watched = {t: _Watched(d, note) for t, d in OPS.items() if d.gradient_of is None}
        for t, one in watched.items():
            OPS[t].forward = one
        _state.owner, _state.inside = threading.get_ident(), False
        cast = dispatch.amp_cast
        dispatch.amp_cast = cast or _as_they_are  # no operator that stands for several
        try:
            yield
        finally:
            _state.owner, dispatch.amp_cast = 0, cast
            for t, one in watched.items():
                OPS[t].forward = one.inner


def _copied(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_copied(v) for v in value]
    return value.copy() if hasattr(value, "copy") else value


@contextlib.contextmanager
def _same_start(partial: PartialProgram) -> Iterator[Callable[[], None]]:
    """Gives a function that puts random numbers and buffers back to where they were; done once more at the end."""
    state = rng.get_state()
    arrays = [(t, t._data, t._data.copy()) for t in partial.captured if t.persistable or t._stop_gradient]

    def back() -> None:
        rng.set_state(state)
        for t, kept, copy in arrays:
            kept[...] = copy
            t._data = kept

    try:
        yield back
    finally:
        back()


# --- comparing


def _difference(a: Any, b: Any) -> tuple[float, float]:
    """(largest difference relative to the largest number, what rounding explains)."""
    if a is None or b is None:
        return 0.0, 0.0
    if isinstance(a, list) or isinstance(b, list):
        if not (isinstance(a, list) and isinstance(b, list)) or len(a) != len(b):
            return float("inf"), 0.0
        found = [_difference(x, y) for x, y in zip(a, b, strict=True)]
        return max(found, key=lambda pair: pair[0] - pair[1], default=(0.0, 0.0))
    a, b = _numbers(a), _numbers(b)
    if a is None or b is None:
        return 0.0, 0.0
    tolerance = max(_TOLERANCES.get(str(a.dtype), 0.0), _TOLERANCES.get(str(b.dtype), 0.0))
    if a.shape != b.shape and a.size == b.size == 1:  # a Python number is 0-d in one of them
        a, b = a.reshape(()), b.reshape(())
    if a.shape != b.shape or a.dtype != b.dtype:
        return float("inf"), tolerance
    if a.size == 0:
        return 0.0, tolerance
    if a.dtype.kind not in "fcV":
        return float(np.max(a != b)), 0.0
    wide = np.complex128 if a.dtype.kind == "c" else np.float64
    x, y = a.astype(wide), b.astype(wide)
    with np.errstate(all="ignore"):
        gap = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0.0, np.abs(x - y))
        finite = np.abs(y[np.isfinite(y)])
    scale = max(float(finite.max()) if finite.size else 0.0, 1e-30)
    return (float("inf") if np.isnan(gap).any() else float(gap.max()) / scale), tolerance


def _numbers(value: Any) -> np.ndarray[Any, Any] | None:
    if isinstance(value, TensorBase):
        value = getattr(value, "_data", None)
    found = backend.to_numpy(value) if hasattr(value, "dtype") else value
    return np.asarray(found) if isinstance(found, (np.ndarray, np.generic, int, float)) else None


def _worst(pairs: Sequence[tuple[float, float]]) -> tuple[float, bool]:
    """The largest difference and whether any is more than rounding."""
    return max((d for d, _ in pairs), default=0.0), any(d > t for d, t in pairs)


def _aligned(eager: Sequence[Step], traced: Sequence[Step]) -> list[int | None]:
    """For each step of the Program the number of the eager step it stands for."""
    found: list[int | None] = [None] * len(traced)
    a = [(t, place) for t, place, _ in eager]
    b = [(t, place) for t, place, _ in traced]
    if len(a) * len(b) <= 4_000_000:
        for i, j, n in difflib.SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks():
            for k in range(n):
                found[j + k] = i + k
        return found
    at = 0
    for j, key in enumerate(b):
        for i in range(at, min(at + 50, len(a))):
            if a[i] == key:
                found[j], at = i, i + 1
                break
    return found


def _pairs_of(part: Part, operators: Sequence[Operator]) -> dict[int, OperatorRow]:
    """id of an operator -> its row; rows were made in the same order."""
    ordered: list[Operator] = []

    def walk(ops: Sequence[Operator]) -> None:
        for op in ops:
            ordered.append(op)
            for index in op.sub_blocks:
                walk(op.block.program.blocks[index].ops)

    walk(operators)
    return {id(op): row for op, row in zip(ordered, part.operators, strict=True)}


def _all(program: Program) -> list[Operator]:
    """Operators of all blocks that the rows stand for."""
    return [op for block in program.blocks for op in block.ops if block.forward_block_idx < 0]


def _visible(op: Operator, made: Mapping[str, Any]) -> list[Any]:
    """Results in the order of the definition's slots."""
    definition = OPS.get(op.type)
    if definition is None:
        return list(made.values())
    found: list[Any] = []
    for slot in definition.outputs:
        values = [made.get(n) for n in op.outputs.get(slot.name, [])]
        found.append(values if slot.many else values[0] if values else None)
    return found


def _reference(
    partial: PartialProgram, values: Mapping[str, Any], xp: Any
) -> tuple[list[Any], Steps, dict[str, list[Any]]]:
    """Outputs, steps and values by name (one for each time it was written) of the reference interpreter."""
    steps: Steps = []
    named: dict[str, list[Any]] = {}

    def watch(op: Operator, made: dict[str, Any]) -> None:
        kept = {n: _copied(v) for n, v in made.items()}
        steps.append((op, _visible(op, kept)))
        for n, value in kept.items():
            named.setdefault(n, []).append(value)

    with no_grad():
        outputs = interpret(partial.operators, values, partial.outputs, xp, watch=watch)
    return outputs, steps, named


def _generated(
    partial: PartialProgram,
    values: Mapping[str, Any],
    xp: Any,
    named: Mapping[str, list[Any]],
    rows: Mapping[int, OperatorRow],
) -> None:
    """Notes in the rows how far the operators that the passes left are from the reference."""
    compiled = partial.inference
    if not partial.operators:
        return
    times: dict[str, int] = {}
    makers = {n: rows[id(op)] for op in partial.operators for n in op.output_arg_names if id(op) in rows}

    def watch(op: Operator, made: dict[str, Any]) -> None:
        for n, value in made.items():
            row = rows.get(id(op)) or makers.get(n)
            time = times[n] = times.get(n, -1) + 1
            if row is None or time >= len(named.get(n, ())) or _is_hidden(op, n):
                continue
            gap, tolerance = _difference(value, named[n][time])
            row.generated = max(row.generated or 0.0, gap)
            if gap > tolerance and row.status in ("", "same"):
                row.status = "differs"

    with no_grad():
        interpret(compiled.operators, values, partial.outputs, xp, watch=watch)


def _is_hidden(op: Operator, name: str) -> bool:
    definition = OPS.get(op.type)
    return definition is not None and any(
        slot.hidden and name in op.outputs.get(slot.name, ()) for slot in definition.outputs
    )


def _mark(
    report: Report,
    part: Part,
    order: Sequence[OperatorRow],
    rows: Mapping[int, OperatorRow],
    operators: Sequence[Operator],
) -> None:
    """The first row that differs, in the order in which operators ran, is marked."""
    for row in order:
        if row.status == "differs":
            row.status = "first"
            break
    passing = {id(rows[id(op)]) for op in operators if is_control(op)}  # the interpreter itself runs them
    for row in part.operators:
        if id(row) not in passing:
            row.status = row.status or "not run"
    found = {(row.type, *sorted(n for n, _ in row.results)): row for row in part.operators}
    for other in report.parts:  # the same operators in the form for training
        for row in other.operators if other.name == "forward" else []:
            like = found.get((row.type, *sorted(n for n, _ in row.results)))
            if like is not None:
                row.status, row.eager, row.generated = like.status, like.eager, like.generated


def compare_function(
    report: Report, concrete: ConcreteProgram, partial: PartialProgram, args: Sequence[Any], named: Mapping[str, Any]
) -> None:
    """Run all three and write what was found into `report`."""
    random = np.random.default_rng(0)
    args, named = tree.map_structure(lambda leaf: _value(leaf, random), [list(args), dict(named)])
    tensors = [leaf for leaf in tree.leaves([args, named]) if isinstance_strict(leaf, Tensor)]
    part = next(p for p in report.parts if p.name == "inference")
    rows = _pairs_of(part, partial.program.global_block().ops)
    eager_steps: list[Step] = []
    enabled = api._Switch.enabled
    with _same_start(partial) as back:
        xp = backend.module_of([t._data for t in [*tensors, *partial.captured]])
        back()
        api._Switch.enabled = False
        try:
            with _noting(eager_steps, len(user_callstack(1000))):
                eager_result = concrete.function(*args, **named)
        finally:
            api._Switch.enabled = enabled
        eager = [leaf for leaf in tree.leaves(eager_result) if isinstance_strict(leaf, Tensor)]
        back()
        inputs = [make_tensor(t._data.copy()) for t in tensors]
        for t, like in zip(inputs, tensors, strict=True):
            t.stop_gradient = like.stop_gradient
        traced = partial.run(inputs)
        gradients = _gradients(partial, eager, tensors, traced, inputs)
        values = dict(
            zip(partial.feeds, [*(t._data.copy() for t in tensors), *(t._data for t in partial.captured)], strict=True)
        )
        back()
        _, steps, by_name = _reference(partial, values, xp)
        back()
        _generated(partial, values, xp, by_name, rows)
    keyed: list[Step] = [
        (op.type, (op.callstack[-1][0], op.callstack[-1][1]) if op.callstack else ("", 0), found) for op, found in steps
    ]
    for (op, found), match in zip(steps, _aligned(eager_steps, keyed), strict=True):
        row = rows[id(op)]
        if match is None:
            row.status = row.status or "only traced"
            continue
        definition = OPS[op.type]
        pairs = [
            _difference(mine, theirs)
            for slot, mine, theirs in zip(definition.outputs, found, eager_steps[match][2], strict=False)
            if not slot.hidden
        ]
        gap, differs = _worst(pairs)
        row.eager = max(row.eager or 0.0, gap)
        row.status = "differs" if differs or row.status == "differs" else "same"
    order = list({id(row): row for row in (rows[id(op)] for op, _ in steps)}.values())
    _mark(report, part, order, rows, _all(partial.program))
    report.differences = [
        *(_named("result", n, a, b) for n, a, b in zip(partial.outputs, traced, eager, strict=False)),
        *gradients,
    ]
    if len(eager) != len(traced):
        report.notes.append(f"eager gave {len(eager)} Tensors, the traced form {len(traced)}")
    ran = [row for row in order if row.status]
    matched = sum(row.eager is not None for row in ran)
    _conclude(
        report,
        f"eager and traced agree; {matched} of {len(ran)} operators that ran have an eager counterpart",
        len(eager) == len(traced),
    )


def _named(kind: str, name: str, a: Any, b: Any) -> Difference:
    gap, tolerance = _difference(a, b)
    return Difference(name, kind, gap, tolerance)


def _gradients(
    partial: PartialProgram,
    eager: Sequence[Tensor],
    tensors: Sequence[Tensor],
    traced: Sequence[Tensor],
    inputs: Sequence[Tensor],
) -> list[Difference]:
    """Gradients of the sum of all results, for inputs and parameters that want one."""
    parameters = [(n, t) for n, t in zip(partial.captured_names, partial.captured, strict=True) if not t.stop_gradient]
    wanted = [*zip(partial.inputs, tensors, inputs, strict=True), *((n, t, t) for n, t in parameters)]
    wanted = [(n, a, b) for n, a, b in wanted if not a.stop_gradient]
    ends = [(a, b) for a, b in zip(eager, traced, strict=False) if not a.stop_gradient or not b.stop_gradient]
    if not wanted or not ends:
        return []
    found = []
    for results, leaves in (
        ([a for a, _ in ends], [a for _, a, _ in wanted]),
        ([b for _, b in ends], [b for _, _, b in wanted]),
    ):
        own = [t for t in results if not t.stop_gradient]
        found.append(grad(own, leaves, allow_unused=True) if own else [None] * len(leaves))
    made = []
    for (name, _, _), a, b in zip(wanted, found[1], found[0], strict=True):
        given = a if b is None else b
        if given is not None:  # what nothing depends on has no gradient: zero
            zero = make_tensor(np.zeros_like(backend.to_numpy(given._data)))
            made.append(_named("gradient", name, zero if a is None else a, zero if b is None else b))
    return made


def compare_loaded(report: Report, partial: PartialProgram, tensors: Sequence[Tensor]) -> None:
    """A loaded model has no eager form: its generated code is held against the reference interpreter."""
    part = next(p for p in report.parts if p.name == "inference")
    rows = _pairs_of(part, partial.program.global_block().ops)
    with _same_start(partial) as back:
        xp = backend.module_of([t._data for t in [*tensors, *partial.captured]])
        values = dict(
            zip(partial.feeds, [*(t._data.copy() for t in tensors), *(t._data for t in partial.captured)], strict=True)
        )
        outputs, steps, by_name = _reference(partial, values, xp)
        for op, _ in steps:
            rows[id(op)].status = "same"
        back()
        _generated(partial, values, xp, by_name, rows)
        back()
        with no_grad():
            results = partial.run(list(tensors))
    order = list({id(row): row for row in (rows[id(op)] for op, _ in steps)}.values())
    _mark(report, part, order, rows, _all(partial.program))
    report.differences = [_named("result", n, a, b) for n, a, b in zip(partial.outputs, results, outputs, strict=True)]
    _conclude(report, "generated code and reference agree", True)


def _conclude(report: Report, agreed: str, same_count: bool) -> None:
    first = report.first_difference
    wrong = [d for d in report.differences if d.difference > d.tolerance]
    if first is not None:
        gap = max(d for d in (first.eager, first.generated) if d is not None)
        where = f" ({first.location})" if first.location else ""
        report.compared = f"the first operator that differs is number {first.number}, {first.type}{where}: relative difference {gap:.3g}"
    elif wrong:
        report.compared = f"all operators agree, but {wrong[0].kind} {wrong[0].name} differs: relative difference {wrong[0].difference:.3g}"
    elif same_count:
        largest = max((d.difference for d in report.differences), default=0.0)
        report.compared = f"{agreed}; the largest relative difference of a result or gradient is {largest:.3g}"
    else:
        report.compared = "the numbers of results differ"
