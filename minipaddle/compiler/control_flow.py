"""Branches and loops of Programs: how they are written as ``if`` and ``while``, and how the interpreter runs them.

A loop that is differentiated keeps, for each trip, the values its gradient block reads; they are the value of the variable in
its slot StepScopes, a list that the gradient walks backwards. A branch keeps one such tuple in Scope, None when it was not
taken. In generated code names are Python locals, so what a block writes over an outer variable is an ordinary assignment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..core.blocks import (
    BRANCHES,
    EMPTY,
    LOOPS,
    has_effect,
    inner_block,
    outer_writes,
    reads,
    resolve,
    step_values,
    writes,
)
from ..core.program import BACKWARD, GRAD_SUFFIX, Block, Operator
from ..ops.control_flow import UNDEFINED, UNSET, is_true

__all__ = ["CONTROL", "Writer", "is_control", "live_operators", "run_control"]

# operators whose meaning depends on the block they stand in or on values that may be unset
CONTROL = {
    "conditional_block", "conditional_block_infer", "while", "conditional_block_grad", "while_grad", "write_to_array", "add_to_array",
    "select_input",
}  # fmt: skip


def is_control(op: Operator) -> bool:
    """Whether this module runs the operator."""
    return op.type in CONTROL or is_undefined(op) or (op.type in _PASSING and len(op.block.program.blocks) > 1)


def is_scalar(op: Operator) -> bool:
    """Whether a branch is taken when its condition holds; else (in Paddle 1.x's IfElse) when nothing in Cond is empty."""
    return bool(op.attrs.get("is_scalar_condition", False))


# operators that let an unset value pass where the Program has control flow
_PASSING = {"assign", "assign_grad", "sum", "fill_zeros_like", "select_output"}


def is_undefined(op: Operator) -> bool:
    """Whether this is Paddle's mark for a variable without a value."""
    if op.type != "assign_value":
        return False
    values = op.attrs.get("values") or op.attrs.get("fp64_values") or op.attrs.get("fp32_values") or []
    return len(values) == 1 and isinstance(values[0], float) and abs(values[0] / UNDEFINED - 1) < 1e-5


def live_operators(operators: Sequence[Operator], fetches: Iterable[str]) -> list[Operator]:
    """Operators that lead to `fetches` or have an effect of their own, in order."""
    live, kept = set(fetches), []
    for op in reversed(operators):
        if any(n in live for n in writes(op)) or has_effect(op):
            kept.append(op)
            live.update(reads(op))
    return kept[::-1]


# --- values that may be unset


def zeros_like(xp: Any, x: Any) -> Any:
    """Zeros, for an array of tensors no gradient, for an unset value an unset gradient."""
    return x if x is UNSET else [] if isinstance(x, list) else xp.zeros(x.shape, x.dtype)


def add_up(xp: Any, parts: Sequence[Any]) -> Any:
    """The sum of gradients, those of values nobody set left out."""
    given = [p for p in parts if p is not UNSET]
    if not given:
        return UNSET
    if isinstance(given[0], list):
        longest = max(given, key=len)
        return [sum_of(given, i) for i in range(len(longest))]
    total = given[0]
    for p in given[1:]:
        total = total + p
    return total.copy() if len(given) == 1 else total


def sum_of(arrays: Sequence[list[Any]], i: int) -> Any:
    """Entry `i` of the sum of arrays of tensors."""
    found = [a[i] for a in arrays if i < len(a) and a[i] is not None]
    total = found[0] if found else None
    for item in found[1:]:
        total = total + item
    return total


_HELPERS: dict[str, Any] = {"is_true": is_true, "UNSET": UNSET, "zeros_like": zeros_like, "add_up": add_up}


# --- writing source


class Writer:
    """Writes operators as source lines, blocks indented.

    plain: gives the statement for an ordinary operator. names: gives the identifier for (variable name, block it belongs to).
    """

    def __init__(
        self,
        plain: Callable[[Operator, Callable[[str], str]], str],
        names: Callable[[str, int], str],
        space: dict[str, Any],
    ) -> None:
        self.plain, self.names, self.space = plain, names, space
        self.lines: list[str] = []
        self.ops: list[
            tuple[int, Operator, Callable[[str], str]]
        ] = []  # (line number in `lines`, operator, its identifiers)
        self.at: Callable[[str], str] = str  # identifiers of the block at work
        self.prologue: list[
            tuple[str, Operator, Callable[[str], str]]
        ] = []  # constants of loops and branches, made once
        self.indent = 1
        self.defined: set[str] = set()
        self.own: dict[
            str, str
        ] = {}  # inside of gradient blocks: outer variables as they were when the forward block began
        space.update(_HELPERS)

    def line(self, text: str, op: Operator | None = None) -> None:
        """Add a line; `op` is what an error on it belongs to."""
        self.lines.append("    " * self.indent + text)
        if op is not None:
            self.ops.append((len(self.lines), op, self.at))

    def namer(self, block: Block, own: dict[str, str] | None = None) -> Callable[[str], str]:
        """Identifiers of names as a block sees them. own: names that stand for something else there."""

        def ident(name: str) -> str:
            if own and name in own and name not in block.vars:
                return own[name]
            v = resolve(block, name)
            return self.names(name, 0 if v is None else v.block.idx)

        return ident

    def block(
        self, block: Block, fetches: Iterable[str], ident: Callable[[str], str], wanted: set[str], before_end: str = ""
    ) -> None:
        """The operators of a block. before_end: a line to put before the assignments that end a loop's body."""
        at = self.at
        kept = live_operators(block.ops, [*fetches, *wanted])
        end = len(kept)
        outer = set(outer_writes(block))
        while end and kept[end - 1].type == "assign" and kept[end - 1].output_arg_names[0] in outer:
            end -= 1
        self.operators(kept[:end], ident, wanted | set(outer) | {n for op in kept[end:] for n in reads(op)})
        if before_end:
            self.line(before_end)
        self.operators(kept[end:], ident, wanted | set(outer))
        if not kept and not before_end:
            self.line("pass")
        self.at = at

    def operators(self, ops: Sequence[Operator], ident: Callable[[str], str], wanted: set[str]) -> None:
        """A run of operators. wanted: names that are read afterwards."""
        i = 0
        while i < len(ops):
            i += self.operator(ops, i, ident, wanted)

    def operator(self, ops: Sequence[Operator], i: int, ident: Callable[[str], str], wanted: set[str]) -> int:
        """Write operator number `i`; returns how many operators were written."""
        op = ops[i]
        taken = 1
        self.at = ident
        if op.type in BRANCHES:
            taken = self._branch(ops, i, ident, wanted)
        elif op.type in LOOPS:
            self._loop(ops, i, ident, wanted)
        elif op.type == "while_grad":
            self._loop_gradient(op, ident)
        elif op.type == "conditional_block_grad":
            self._branch_gradient(op, ident)
        elif is_undefined(op):
            self.line(f"{ident(op.output_arg_names[0])} = UNSET", op)
        elif op.type in ("assign", "assign_grad") or _passes_gradient(op):
            target, source = op.output_arg_names[0], op.input_arg_names[0]
            if op.block.idx == 0 and op.type == "assign" and not _is_backward(op) and not self._may_alias(op, target):
                self.space["copied"] = copied
                self.line(f"{ident(target)} = copied({ident(source)})", op)
            else:
                self.line(f"{ident(target)} = {ident(source)}", op)
        elif op.type == "sum" and len(op.block.program.blocks) > 1:
            self.line(f"{ident(op.output_arg_names[0])} = add_up(xp, [{', '.join(map(ident, op.inputs['X']))}])", op)
        elif op.type == "fill_zeros_like" and len(op.block.program.blocks) > 1:
            self.line(f"{ident(op.output_arg_names[0])} = zeros_like(xp, {ident(op.input_arg_names[0])})", op)
        elif op.type == "select_input":
            no, yes = op.inputs["X"]
            self.line(
                f"{ident(op.output_arg_names[0])} = {ident(yes)} if {ident(op.inputs['Mask'][0])} else {ident(no)}", op
            )
        elif op.type in ("write_to_array", "add_to_array"):
            out = op.output_arg_names[0]
            array = ident(out) if ident(out) in self.defined else "None"
            self.space[f"op_{op.type}"] = _forward(op)
            self.line(
                f"{ident(out)} = op_{op.type}(xp, {ident(op.inputs['X'][0])}, {ident(op.inputs['I'][0])}, {array})", op
            )
        elif op.block.idx and _is_small_constant(op):
            self.prologue.append(("    " + self.plain(op, ident), op, ident))
        else:
            self.line(self.plain(op, ident), op)
        self.defined.update(ident(n) for o in ops[i : i + taken] for n in writes(o) if n != EMPTY)
        return taken

    def _may_alias(self, op: Operator, target: str) -> bool:
        """Whether the copy is the start of a loop variable or of a value that a branch may change."""
        return any(target in writes(o) for o in op.block.ops if inner_block(o) is not None)

    def _unset(self, names: Iterable[str], ident: Callable[[str], str]) -> None:
        missing = [ident(n) for n in names if ident(n) not in self.defined and n != EMPTY]
        if missing:
            self.line(f"{' = '.join(dict.fromkeys(missing))} = UNSET")

    def _kept(self, inner: Block, ident: Callable[[str], str]) -> str:
        names = [ident(n) for n in step_values(inner)]
        return f"({', '.join(names)}{',' if len(names) == 1 else ''})"

    def _nested(
        self, inner: Block, wanted: set[str], carrier: str, before_end: str, own: dict[str, str] | None = None
    ) -> None:
        self.indent += 1
        saved, defined = set(step_values(inner)) if carrier else set(), set(self.defined)
        outs = outer_writes(inner)
        ident = self.namer(inner, own)
        if before_end:  # what is kept must exist whatever the branches inside do
            self._unset([n for n in saved if n in inner.vars and not any(n in writes(o) for o in inner.ops)], ident)
        self.block(inner, outs, ident, saved, before_end)
        self.defined = defined
        self.indent -= 1

    # a branch, together with its counterpart and the choice of their results where Paddle's order is kept

    def _branch(self, ops: Sequence[Operator], i: int, ident: Callable[[str], str], wanted: set[str]) -> int:
        op = ops[i]
        inner = inner_block(op)
        assert inner is not None
        condition = op.inputs["Cond"][0]
        other, taken, selects = None, 1, []
        if (
            i + 2 < len(ops)
            and ops[i + 1].type == "logical_not"
            and ops[i + 1].input_arg_names == [condition]
            and ops[i + 2].type in BRANCHES
        ):
            if ops[i + 2].inputs["Cond"] == ops[i + 1].output_arg_names:
                other, taken = ops[i + 2], 3
                masks = set()
                while i + taken < len(ops):
                    o = ops[i + taken]
                    if o.type == "cast" and o.input_arg_names == [condition]:
                        masks.add(o.output_arg_names[0])
                    elif o.type == "select_input" and o.inputs["Mask"][0] in masks:
                        selects.append(o)
                    else:
                        break
                    taken += 1
        followers = ops[i + 1 : i + taken]
        later = wanted | {n for o in ops[i + taken :] for n in reads(o)}
        for o in followers:
            if o.type in ("logical_not", "cast") and o.output_arg_names[0] in later:
                self.line(self.plain(o, ident), o)
        chosen = {n for o in selects for n in o.inputs["X"]}
        outs = [n for b in (op, other) if b is not None for n in outer_writes(inner_block(b))]  # type: ignore[arg-type]
        declared = [n for b in (op, other) if b is not None for n in b.output_arg_names]
        names = [
            n
            for n in dict.fromkeys([*outs, *declared])
            if n in later and n not in chosen or (n in chosen and n in later)
        ]
        plain_scope = {n for b in (op, other) if b is not None for n in b.outputs.get("Scope", [])}
        names = [n for n in names if n not in plain_scope]
        missing_choice = [n for o in selects for n in o.inputs["X"] if not self._writes_whole(n, op, other)]
        self._unset([*names, *missing_choice], ident)
        if is_scalar(op):
            self.line(f"if is_true({ident(condition)}):", op)
        else:
            self.line(f"if {' and '.join(ident(n) + '.size' for n in op.inputs['Cond'])}:", op)
        self._one_branch(op, inner, other, later, selects, 1, ident)
        needs_else = other is not None or any(n in later for n in op.outputs.get("Scope", []))
        if needs_else:
            self.line("else:")
            if other is None:
                self.indent += 1
                self.line(f"{ident(op.outputs['Scope'][0])} = None")
                self.indent -= 1
            else:
                other_block = inner_block(other)
                assert other_block is not None
                self._one_branch(other, other_block, op, later, selects, 0, ident)
        return taken

    def _writes_whole(self, name: str, op: Operator, other: Operator | None) -> bool:
        blocks = [inner_block(b) for b in (op, other) if b is not None]
        return any(name in outer_writes(b) for b in blocks if b is not None) or False

    def _one_branch(
        self, op: Operator, inner: Block, other: Operator | None, later: set[str], selects: Sequence[Operator], side: int,
        ident: Callable[[str], str],
    ) -> None:  # fmt: skip
        scope = op.outputs.get("Scope", [""])[0]
        keeps = scope in later and bool(scope)
        self._nested(
            inner,
            later,
            scope if keeps else "",
            f"{ident(scope)} = {self._kept(inner, self.namer(inner))}" if keeps else "",
        )
        self.indent += 1
        if other is not None:
            others = other.outputs.get("Scope", [""])[0]
            if others and others in later:
                self.line(f"{ident(others)} = None")
        written = outer_writes(inner)
        for o in selects:
            source = o.inputs["X"][side]
            value = ident(source) if source in written or ident(source) in self.defined else "UNSET"
            self.line(f"{ident(o.output_arg_names[0])} = {value}", o)
        self.indent -= 1

    def _branch_gradient(self, op: Operator, ident: Callable[[str], str]) -> None:
        made = inner_block(op)
        assert made is not None
        forward = op.block.program.blocks[made.forward_block_idx]
        scope = ident(op.inputs["Scope"][0])
        outside = self.own
        own, kept = self._start_values(forward)
        self.own = own = {**outside, **own}
        results = self._results(op, "Input", made)
        self.line(f"if {scope} is not None:", op)
        self.indent += 1
        if kept:
            self.line(f"{kept} = {scope}")
        inside = self.namer(made, own)
        self.block(made, [*outer_writes(made), *(n for _, n, _ in results)], inside, {n for _, n, _ in results})
        self.own = outside
        moved = [(t, n) for t, n, _ in results if ident(t) != inside(n)]
        for target, name in moved:
            self.line(f"{ident(target)} = {inside(name)}")
        self.indent -= 1
        untaken = [(t, n, x) for t, n, x in results if n in made.vars]
        passed = [(t, n) for t, n, _ in results if n not in made.vars and ident(t) != inside(n)]
        if untaken or passed:
            self.line("else:")
            self.indent += 1
            for target, _, x in untaken:
                self.line(f"{ident(target)} = zeros_like(xp, {ident(x)})", op)
            for target, name in passed:
                self.line(f"{ident(target)} = {ident(name)}")
            self.indent -= 1

    def _results(self, op: Operator, slot: str, made: Block) -> list[tuple[str, str, str]]:
        """(gradient outside, gradient inside, variable) for each gradient that a gradient block gives."""
        found = []
        inside_of = dict(zip(_carried(op), op.inputs.get("Out@GRAD", []), strict=False))
        for x, outside in zip(op.inputs.get(slot, []), op.outputs.get(slot + GRAD_SUFFIX, []), strict=False):
            if outside != EMPTY:
                inside = x + GRAD_SUFFIX
                if inside not in made.vars:
                    inside = inside_of.get(x, inside)
                found.append((outside, inside, x))
        return found

    def _start_values(self, forward: Block) -> tuple[dict[str, str], str]:
        """Identifiers for the kept values inside a gradient block, and the target that takes them apart."""
        own, targets = {}, []
        for n in step_values(forward):
            if n in forward.vars:
                targets.append(self.names(n, forward.idx))
            else:  # an outer variable as it was when the block began
                own[n] = self.names(n + " at the start", forward.idx)
                targets.append(own[n])
        return own, ", ".join(targets) + ("," if len(targets) == 1 else "")

    def _loop(self, ops: Sequence[Operator], i: int, ident: Callable[[str], str], wanted: set[str]) -> None:
        op = ops[i]
        wanted = wanted | {n for o in ops[i + 1 :] for n in reads(o)}
        inner = inner_block(op)
        assert inner is not None
        scopes = op.outputs.get("StepScopes", [""])[0]
        keeps = bool(scopes) and scopes in wanted
        self._unset(outer_writes(inner), ident)
        if keeps:
            self.line(f"{ident(scopes)} = []")
        self.line(f"while is_true({ident(op.inputs['Condition'][0])}):", op)
        before = set(self.defined)
        self.defined |= {ident(n) for n in outer_writes(inner)}
        kept = f"{ident(scopes)}.append({self._kept(inner, self.namer(inner))})" if keeps else ""
        self._nested(inner, wanted, scopes if keeps else "", kept)
        self.defined = before

    def _is_array(self, op: Operator, name: str) -> bool:
        v = resolve(op.block, name)
        return v is not None and v.kind == "LOD_TENSOR_ARRAY"

    def _loop_gradient(self, op: Operator, ident: Callable[[str], str]) -> None:
        made = inner_block(op)
        assert made is not None
        forward = op.block.program.blocks[made.forward_block_idx]
        outside = self.own
        own, kept = self._start_values(forward)
        self.own = own = {**outside, **own}
        results = self._results(op, "X", made)
        inside = self.namer(made, own)
        summed = [(t, n, x) for t, n, x in results if n in made.vars]
        for target, _, x in summed:
            self.line(f"{ident(target)} = zeros_like(xp, {ident(x)})", op)
        arrays = [t for t, n, x in results if n not in made.vars and self._is_array(op, x)]
        self._unset([*op.inputs.get("Out@GRAD", []), *arrays], ident)
        self.defined |= {ident(n) for n in arrays}
        self.line(f"for {kept or '_'} in reversed({ident(op.inputs['StepScopes'][0])}):".replace(", in ", ", in "), op)
        self.indent += 1
        self.defined |= {ident(n) for n in op.inputs.get("Out@GRAD", [])}
        # the sums outside may have the same name as the parts inside
        fetches = [*outer_writes(made), *(n for _, n, _ in results)]
        self.block(made, fetches, inside, set(fetches))
        for target, name, x in summed:
            if self._is_array(op, x):  # entry by entry
                self.line(f"{ident(target)} = add_up(xp, [{ident(target)}, {inside(name)}])", op)
            else:
                self.line(f"{ident(target)} += {inside(name)}", op)
        self.indent -= 1
        self.own = outside
        for target, name, _ in results:
            if name not in made.vars and ident(target) != ident(name):
                self.line(f"{ident(target)} = {ident(name)}")


def _is_small_constant(op: Operator) -> bool:
    shape = op.attrs.get("shape") or ()
    return (
        op.type == "fill_constant"
        and not any(op.inputs.values())
        and len(shape) <= 1
        and all(0 <= n <= 64 for n in shape)
    )


def _is_backward(op: Operator) -> bool:
    return bool(int(op.attrs.get("op_role", 0)) & BACKWARD)


def _passes_gradient(op: Operator) -> bool:
    """Whether this is the `scale` by one that stands for the gradient of a sum."""
    if op.type != "scale" or not _is_backward(op) or len(op.input_arg_names) != 1:
        return False
    attr = op.attr
    return bool(attr("scale") == 1 and attr("bias") == 0)


def copied(x: Any) -> Any:
    """A copy of an array; arrays of tensors and unset values as they are."""
    return x if x is UNSET else list(x) if isinstance(x, list) else x.copy()


def _forward(op: Operator) -> Any:
    from .binding import definition_of

    return definition_of(op).forward


def _carried(op: Operator) -> list[str]:
    """Names whose gradients stand in Out@GRAD, in its order."""
    return [_forward_name(g) for g in op.inputs.get("Out@GRAD", [])]


def _forward_name(gradient: str) -> str:
    return gradient.rsplit(GRAD_SUFFIX, 1)[0]


# --- running, operator by operator


LODS = "\0lods"  # among what a run of a block keeps: the lods, where there are any


class Scope:
    """Values of the names of a block; what it does not hold is looked up further out."""

    def __init__(
        self, block: Block, outer: Scope | None = None, kept: dict[str, Any] | None = None, forward: Block | None = None
    ) -> None:
        self.block, self.outer, self.kept, self.forward = block, outer, kept or {}, forward
        self.values: dict[str, Any] = {}

    def home(self, name: str) -> Scope:
        """The scope whose block declares the name."""
        at = self
        while at.outer is not None and name not in at.block.vars:
            at = at.outer
        return at

    def get(self, name: str) -> Any:
        """Value of a variable; where there is control flow a variable may be unset. KeyError for one that has none otherwise."""
        at: Scope | None = self
        while at is not None:
            if name in at.values and (at.outer is None or name in at.block.vars):
                return at.values[name]
            if name in at.kept:
                return at.kept[name]
            at = at.outer
        if len(self.block.program.blocks) > 1:
            return UNSET
        raise KeyError(name)

    def set(self, name: str, value: Any) -> None:
        """Give a variable a value."""
        self.home(name).values[name] = value


def run_control(op: Operator, scope: Scope, xp: Any, run: Callable[[Sequence[Operator], Scope], None]) -> None:
    """Run one operator of this module. run: runs the operators of a block."""

    get = scope.get
    inner = inner_block(op)
    if is_undefined(op):
        scope.set(op.output_arg_names[0], UNSET)
    elif op.type in ("assign", "assign_grad"):
        scope.set(op.output_arg_names[0], get(op.input_arg_names[0]))
    elif op.type == "sum":
        scope.set(op.output_arg_names[0], add_up(xp, [get(n) for n in op.inputs["X"]]))
    elif op.type == "fill_zeros_like":
        scope.set(op.output_arg_names[0], zeros_like(xp, get(op.input_arg_names[0])))
    elif op.type == "select_input":
        scope.set(op.output_arg_names[0], get(op.inputs["X"][int(get(op.inputs["Mask"][0]).item())]))
    elif op.type == "select_output":
        like = [get(n) for n in op.inputs["Like"]] if "Like" in op.inputs else None
        found = _forward(op)(xp, get(op.inputs["X"][0]), get(op.inputs["Mask"][0]), like)
        for n, value in zip(op.outputs["Out"], found, strict=True):
            if n != EMPTY:
                scope.set(n, value)
    elif op.type in ("write_to_array", "add_to_array"):
        scope.set(
            op.output_arg_names[0],
            _forward(op)(xp, get(op.inputs["X"][0]), get(op.inputs["I"][0]), get(op.output_arg_names[0])),
        )
    elif op.type in BRANCHES:
        assert inner is not None
        kept = None
        if is_true(get(op.inputs["Cond"][0])) if is_scalar(op) else all(get(n).size for n in op.inputs["Cond"]):
            kept = _run_keeping(inner, scope, run)
        for n in op.outputs.get("Scope", []):
            scope.set(n, kept)
    elif op.type in LOOPS:
        assert inner is not None
        steps = []
        while is_true(get(op.inputs["Condition"][0])):
            steps.append(_run_keeping(inner, scope, run))
        for n in op.outputs.get("StepScopes", []):
            scope.set(n, steps)
    elif op.type == "conditional_block_grad":
        assert inner is not None
        kept = get(op.inputs["Scope"][0])
        _run_gradient(op, "Input", inner, [] if kept is None else [kept], scope, xp, run, passes=kept is None)
    else:
        assert inner is not None
        _run_gradient(op, "X", inner, get(op.inputs["StepScopes"][0])[::-1], scope, xp, run)


def _run_keeping(inner: Block, scope: Scope, run: Callable[[Sequence[Operator], Scope], None]) -> dict[str, Any]:
    start = {}
    for n in step_values(inner):
        if n not in inner.vars:
            start[n] = scope.get(n)
    lods = {n: scope.lod(n) for n in start} if hasattr(scope, "lod") else None
    inside = type(scope)(inner, scope)
    run(inner.ops, inside)
    if lods is None:
        return {**inside.values, **start}
    return {**inside.values, **start, LODS: {**inside.lods, **lods}}  # type: ignore[attr-defined]


def _run_gradient(
    op: Operator, slot: str, made: Block, steps: Sequence[dict[str, Any]], scope: Scope, xp: Any,
    run: Callable[[Sequence[Operator], Scope], None], passes: bool = False,
) -> None:  # fmt: skip
    pairs = []
    inside_of = dict(zip(_carried(op), op.inputs.get("Out@GRAD", []), strict=False))
    for x, outside in zip(op.inputs.get(slot, []), op.outputs.get(slot + GRAD_SUFFIX, []), strict=False):
        if outside != EMPTY:
            inside = x + GRAD_SUFFIX
            pairs.append((outside, inside if inside in made.vars else inside_of.get(x, inside), x))
    sums = {outside: zeros_like(xp, scope.get(x)) for outside, inside, x in pairs if inside in made.vars}
    for kept in steps:
        within = type(scope)(made, scope, kept)
        run(made.ops, within)
        for outside, inside, _ in pairs:
            if inside in made.vars:
                sums[outside] = add_up(xp, [sums[outside], within.get(inside)])
    for outside, inside, _ in pairs:
        scope.set(outside, sums[outside] if inside in made.vars else scope.get(inside))
