"""Code generation: a list of operators becomes one straight-line Python function that one can read.

    def forward(xp, x, linear_0_w_0, linear_0_b_0):
        matmul_v2_0_tmp_0 = op_matmul_v2(xp, x, linear_0_w_0)
        elementwise_add_0_tmp_0 = op_elementwise_add(xp, matmul_v2_0_tmp_0, linear_0_b_0); del matmul_v2_0_tmp_0
        return [elementwise_add_0_tmp_0]

The source is registered with `linecache`, so tracebacks and debuggers show its lines. Variable names from files are
data: they pass through one sanitiser, and values through `repr` or the table of constants.
"""
from __future__ import annotations

import itertools
import keyword
import linecache
import re
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .. import flags
from ..backend.quiet import quiet, restore
from ..core.blocks import inner_block, reads
from ..core.program import Operator
from .binding import EMPTY, attributes, definition_of, is_gradient, needs_of, one_element_results
from .control_flow import Writer
from .failures import explain_operator
from .liveness import live_operators
from .lod import LodFlow, LodStep, lod_of_rows

__all__ = ["CompiledFunction", "compile_block"]

_number = itertools.count()
_PLAIN = (bool, int, str, type(None))


class CompiledFunction:
    """A generated function. Called as ``f(xp, *arrays)`` in the order of `feeds`; returns the list of `fetches`.

    `source` is its text, `operators` the operators it runs, in order. `lod_feeds` are the feeds whose lods it takes too,
    after the arrays; where there are any, or an operator makes a lod (`gives_lods`), the list it returns holds the lods
    of all fetches after the fetches, None for those without. An error of an operator is raised again with the
    operator, its variables and the user's line that made it.
    """

    def __init__(
        self, name: str, source: str, space: dict[str, Any], operators: Sequence[Operator],
        lines: dict[int, tuple[Operator, Callable[[str], str]]],
        lod_feeds: Sequence[str] = (), lod_fetches: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.name, self.source, self.operators = name, source, list(operators)
        self.lod_feeds, self.lod_fetches = tuple(lod_feeds), tuple(lod_fetches)  # fetches that may have a lod
        self.gives_lods = bool(self.lod_feeds or self.lod_fetches)
        self.feeds: tuple[str, ...] = ()
        self._lines = lines
        self.file = f"<minipaddle {name} {next(_number)}>"
        linecache.cache[self.file] = (len(source), None, source.splitlines(True), self.file)
        weakref.finalize(self, linecache.cache.pop, self.file, None)
        exec(compile(source, self.file, "exec"), space)
        self.function = space[name]

    @property
    def op_lines(self) -> dict[int, Operator]:
        """Line of `source` (from 1) -> the operator it runs."""
        return {line: op for line, (op, _) in self._lines.items()}

    def __call__(self, xp: Any, *arrays: Any) -> list[Any]:
        warnings = quiet()
        try:
            return self.function(xp, *arrays)
        except Exception as error:
            found = self.failed(error)
            raise found from found.__cause__
        finally:
            restore(warnings)

    def failed(self, error: Exception) -> BaseException:
        """What to raise, and from what cause, for an error of `function`: the same with the operator in its message."""
        found = self.explain(error)
        found.__cause__ = error.__cause__ if found is error or flags.get("full_traceback") else None
        return found

    def explain(self, error: Exception) -> BaseException:
        """The same error, with the operator that raised it, its inputs, and where the user wrote that operator."""
        at = next((t for t in _tracebacks(error) if t.tb_frame.f_code.co_filename == self.file), None)
        if at is None or at.tb_lineno not in self._lines:
            return error
        op, ident = self._lines[at.tb_lineno]
        return explain_operator(error, op, lambda name: at.tb_frame.f_locals.get(ident(name)))

    def __repr__(self) -> str:
        return f"<compiled {self.name}: {len(self.operators)} operators>"


def _tracebacks(error: BaseException) -> Iterator[Any]:
    at = error.__traceback__
    while at is not None:
        yield at
        at = at.tb_next


class _Names:
    """Python identifiers for variable names, readable and unique."""

    def __init__(self) -> None:
        self._by_name: dict[str, str] = {}
        self._taken: set[str] = {"xp", "UNSET", "is_true", "zeros_like", "add_up", "copied", "reversed", "lod_of_rows"}

    def __call__(self, name: str) -> str:
        found = self._by_name.get(name)
        if found is None:
            found = self._by_name[name] = self.unique(name)
        return found

    def of_block(self, name: str, block: int) -> str:
        """The identifier of a variable that belongs to a block of the Program; other blocks may have the same name."""
        if block == 0:
            return self(name)
        key = f"{name}\0{block}"
        found = self._by_name.get(key)
        if found is None:
            found = self._by_name[key] = self.unique(name)
        return found

    def unique(self, name: str) -> str:
        """A new identifier that looks like `name`."""
        base = re.sub(r"\W", "_", name, flags=re.ASCII) or "v"
        if base[0].isdigit() or keyword.iskeyword(base) or base.startswith(("op_", "const_", "__")):
            base = "v_" + base
        found, n = base, 1
        while found in self._taken:
            n += 1
            found = f"{base}_{n}"
        self._taken.add(found)
        return found


def _statement(op: Operator, ident: Callable[[str], str], space: dict[str, Any], flow: LodFlow) -> str:
    """The assignment that runs one ordinary operator."""
    definition = definition_of(op)
    function = definition.forward
    attrs = attributes(op, definition)
    if definition.gradient_of is not None:
        plan = definition.gradient_of.grad
        assert plan is not None
        function, attrs = plan.function, plan.pick(attrs)
        if plan.takes_needs:
            attrs["needs"] = needs_of(op, definition)
    if definition.choose is not None:
        found = definition.choose([_spec_of(op, names) for names in (op.inputs.get(s.name) for s in definition.inputs)], attrs)
        if found is not None:
            function, attrs = found, {}
    called = name = f"op_{re.sub(r'[^0-9A-Za-z_]', '_', op.type)}"
    while space.setdefault(called, function) is not function:
        called = f"{name}_{len(space)}"
    arguments = ["xp"]
    for slot in definition.inputs:
        names = op.inputs.get(slot.name, [])
        if slot.many:
            items = ["None" if n == EMPTY else ident(n) for n in names]
            arguments.append("[" + ", ".join(items) + "]" if names or not slot.optional else "None")
        else:
            arguments.append(ident(names[0]) if names else "None")
    while arguments[-1] == "None" and len(arguments) > 1 and _has_default(function, len(arguments) - 1):
        arguments.pop()
    for key, value in attrs.items():
        text = _literal(value, space)  # `lambda` is an attribute of some operators
        arguments.append(f"**{{{key!r}: {text}}}" if keyword.iskeyword(key) else f"{key}={text}")
    if "out" in op.extra:  # see passes/write_in_place.py
        arguments.append(f"out={ident(op.extra['out'])}")
    step = flow.step(op, definition) if op.block.idx == 0 else None
    made_lods = "" if step is None else _lods(step, definition, arguments, ident, called, space)
    targets = _targets(op, definition, ident)
    line = f"{targets}{' = ' if targets else ''}{called}({', '.join(arguments)}){made_lods}"
    for n in one_element_results(op):
        line += f"; {ident(n)} = {ident(n)}.reshape(1)"
    return line


def _spec_of(op: Operator, names: Sequence[str] | None) -> Any:
    """Shape and dtype of the one variable in a slot, None where that is not known."""
    v = op.block.find_var(names[0]) if names is not None and len(names) == 1 else None
    return v.spec if v is not None and v.has_dtype and "ragged" not in v.__dict__ else None


def compile_block(
    operators: Sequence[Operator],
    feeds: Sequence[str],
    fetches: Sequence[str],
    name: str = "program",
    lod_feeds: Sequence[str] = (),
) -> CompiledFunction:
    """Generate the function that computes `fetches` from `feeds`. Operators that lead nowhere are left out.

    lod_feeds: those feeds that come with a lod; see `CompiledFunction` for how lods are passed.
    """
    kept = live_operators(operators, fetches)
    ident = _Names()
    flow = LodFlow(lod_feeds)
    space: dict[str, Any] = {}
    last: dict[str, int] = {}
    for i, op in enumerate(kept):
        for n in (*reads(op), *op.input_arg_names, *op.output_arg_names):
            last[n] = i
    keep = set(fetches)
    parameters = ", ".join(["xp", *(ident(n) for n in feeds), *(ident("lod of " + n) for n in lod_feeds)])

    def plain(op: Operator, ident: Callable[[str], str]) -> str:
        return _statement(op, ident, space, flow)

    writer = Writer(plain, ident.of_block, space)
    writer.defined.update(ident(n) for n in feeds)
    sure = set(feeds)  # names that have a value whatever branches are taken
    i = 0
    while i < len(kept):
        op = kept[i]
        if op.block.idx:
            local: Callable[[str], str] = writer.namer(op.block)
        else:
            local = ident
        after = keep  # what is read after operators with blocks is found by the writer itself
        taken = writer.operator(kept, i, local, after)
        group = kept[i : i + taken]
        if taken == 1 and inner_block(op) is None:
            sure.update(op.output_arg_names)
        names = dict.fromkeys(n for o in group for n in (*reads(o), *o.input_arg_names, *o.output_arg_names))
        dead = [local(n) for n in names if i <= last[n] < i + taken and n not in keep and n != EMPTY and n in sure]
        if dead and taken == 1 and inner_block(op) is None:
            writer.lines[-1] += f"; del {', '.join(dead)}"
        elif dead:
            writer.line(f"del {', '.join(dead)}")
        i += taken
    lines = [f"def {name}({parameters}):", *(line for line, _, _ in writer.prologue), *writer.lines]
    lod_fetches = [n for n in fetches if n in flow.key]
    results = [ident(n) for n in fetches]
    if lod_feeds or lod_fetches:
        results += [ident("lod of " + flow.key[n]) if n in flow.key else "None" for n in fetches]
    lines.append(f"    return [{', '.join(results)}]")
    operator_at = {number + 2: (op, local) for number, (_, op, local) in enumerate(writer.prologue)}
    operator_at |= {number + 1 + len(writer.prologue): (op, local) for number, op, local in writer.ops}
    made = CompiledFunction(name, "\n".join(lines) + "\n", space, kept, operator_at, lod_feeds, lod_fetches)
    made.feeds = tuple(feeds)
    return made


def _lods(
    step: LodStep, definition: Any, arguments: list[str], ident: Callable[[str], str], called: str, space: dict[str, Any]
) -> str:
    """Adds the keyword `lod` to `arguments`; returns source text, behind the operator's call, for the lods it makes."""

    def text(key: Any) -> str:
        if isinstance(key, list):
            return "[" + ", ".join(map(text, key)) + "]"
        return "None" if key is None else ident("lod of " + key)

    if any(k is not None and k != [None] * len(k) for k in step.takes):
        keys = [text(k) for k in step.takes]
        arguments.append(f"lod={keys[0] if step.single else '(' + ', '.join(keys) + ')'}")
    parts = []
    if step.made:
        space["lod_" + called] = definition.lod_function
        keys_made = {rule.slot: key for rule, _, key in step.made}
        targets = [ident("lod of " + keys_made[rule.slot]) if rule.slot in keys_made else "_"
                   for rule in definition.lod_rules if rule.source is None]  # fmt: skip
        parts.append(f"{', '.join(targets)} = lod_{called}({', '.join(arguments)})")
    for name, key, source in step.kept:
        space["lod_of_rows"] = lod_of_rows
        lod = ident("lod of " + step.sources[key])
        parts.append(f"{ident('lod of ' + key)} = lod_of_rows({lod}, {ident(source)}, {ident(name)})")
    return "".join("; " + p for p in parts)


def _has_default(function: Any, index: int) -> bool:
    code, defaults = function.__code__, function.__defaults__ or ()
    return index >= code.co_argcount - len(defaults)


def _literal(value: Any, space: dict[str, Any]) -> str:
    """Source text for an attribute value: a literal when that is exact, else an entry of the constants."""
    if type(value) in _PLAIN and (not isinstance(value, str) or len(value) < 200):
        return repr(value)
    if type(value) is float and value == value and abs(value) != float("inf"):
        return repr(value)
    if type(value) in (list, tuple) and len(value) < 64 and all(type(v) in _PLAIN or (type(v) is float and v - v == 0) for v in value):
        return repr(value)
    name = f"const_{len(space)}"
    space[name] = value
    return name


def _targets(op: Operator, definition: Any, ident: Callable[[str], str]) -> str:
    """Left side of the assignment: one name per output slot."""
    parts = []
    for slot in definition.outputs:
        names = op.outputs.get(slot.name, [])
        if not names or (not slot.many and names[0] == EMPTY):
            parts.append("_")
        elif slot.many:
            parts.append("[" + ", ".join("_" if n == EMPTY else ident(n) for n in names) + "]")
        else:
            parts.append(ident(names[0]))
    if len(parts) == 1 and is_gradient(definition):
        return parts[0]
    return ", ".join(parts)
