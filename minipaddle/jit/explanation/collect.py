"""Gathers the facts of a `Report`: operators, where they come from, what they cost, and the code generated for them."""
from __future__ import annotations

import ast
import inspect
import linecache
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ...backend import rng
from ...backend import xp as backend
from ...compiler import interpret
from ...core import cost
from ...core.blocks import EMPTY, has_effect, resolve
from ...core.callsite import stored_text
from ...core.grad_mode import no_grad
from ...core.listing import telling_attrs
from ...core.program import Block, Operator, Program, Variable
from ...errors import GradientError, NotSupportedError
from ...nn.layer.layers import Layer
from ...ops.registry import OPS, Spec
from ...utils import tree
from .. import convert
from ..api import StaticFunction
from ..partial_program import PartialProgram
from ..trace import ConcreteProgram, spec_from_value
from ..translated_layer import TranslatedLayer
from .figures import numbered
from .report import OperatorRow, Part, Report, SourceLines

__all__ = ["of_loaded", "of_traced", "size_for", "spec_text"]

_OPEN = 64  # what an unknown size other than the first counts as
_PACKAGED = re.compile(r"[/\\](?:site|dist)-packages[/\\]|^<")
_PARAMETER = re.compile(r"\.(?:w|b)_\d+.*$")


# --- sizes


def spec_text(spec: Any) -> str:
    """``float32[-1, 784]`` for a Spec, an InputSpec or a Variable."""
    shape = spec.static_shape if isinstance(spec, Variable) else spec.shape
    dtype = spec.dtype
    return f"{getattr(dtype, 'name', dtype)}[{', '.join(map(str, shape))}]"


def size_for(shape: Sequence[int]) -> tuple[int, ...]:
    """`shape` with a size in place of each unknown one: 1 in front, 64 elsewhere."""
    return tuple(n if n >= 0 else (1 if i == 0 else _OPEN) for i, n in enumerate(shape))


class _Sizes:
    """Shapes of all variables for given sizes of the inputs; those that cannot be found stay as declared."""

    def __init__(self, program: Program, feeds: Mapping[str, tuple[int, ...]], known: Mapping[tuple[int, str], Spec] | None = None) -> None:
        self.specs: dict[tuple[int, str], Spec] = dict(known or {})  # (block, variable) -> shape and dtype
        block = program.global_block()
        for name, shape in feeds.items():
            v = block.find_var(name)
            if v is not None and v.has_dtype:
                self.specs[0, name] = Spec(shape, v.dtype.np)
        self._walk(block)

    def of(self, block: Block, name: str) -> Spec | None:
        """Shape and dtype of a variable; None if it has none."""
        v = resolve(block, name)
        if v is None or not v.has_dtype:
            return self.specs.get((0, name))
        found = self.specs.get((v.block.idx, name))
        if found is None and "@GRAD" in name:
            found = self.of(block, name.partition("@GRAD")[0])
        return v.spec if found is None else found

    def complete(self, block: Block) -> bool:
        """Whether all shapes in block 0 are known."""
        specs = (self.of(block, n) for op in block.ops for n in op.output_arg_names)
        return all(s is None or min(s.shape, default=0) >= 0 for s in specs)

    def measure(self, partial: PartialProgram) -> None:
        """Find the rest by one run on zeros: shapes may depend on values that operators compute from sizes."""
        block = partial.program.global_block()
        if self.complete(block) or any(has_effect(op) for op in block.ops):
            return
        values: dict[str, Any] = {}
        for n in partial.inputs:
            found = self.specs.get((0, n))
            if found is None:
                return
            values[n] = backend.to_module(np.zeros(found.shape, found.dtype), backend.current())
        for n, t in zip(partial.captured_names, partial.captured, strict=True):
            values[n] = t._data.copy() if t.stop_gradient else t._data  # statistics may be written in place

        def watch(op: Operator, made: dict[str, Any]) -> None:
            for n, value in made.items():
                owner = resolve(op.block, n)
                if owner is not None and hasattr(value, "shape") and hasattr(value, "dtype"):
                    self.specs[owner.block.idx, n] = Spec(value.shape, value.dtype)

        state = rng.get_state()
        try:
            with no_grad(), np.errstate(all="ignore"):
                interpret(partial.operators, values, partial.outputs, backend.current(), watch=watch)
        except Exception:  # zeros may be refused, by a user's own assertion for one: the shapes found so far stay
            pass
        finally:
            rng.set_state(state)

    def _walk(self, block: Block) -> None:
        for op in block.ops:
            if "@GRAD" in "".join(op.output_arg_names):
                continue  # a gradient is like what it is the gradient of
            for index in op.sub_blocks:
                self._walk(block.program.blocks[index])
            outputs = [self.of(block, n) for n in op.output_arg_names]
            if all(spec is None or -1 not in spec.shape for spec in outputs):
                continue
            definition = OPS.get(op.type)
            if definition is None or op.sub_blocks:
                continue
            specs: list[Any] = []
            for slot in definition.inputs:
                found = [self.of(block, n) for n in op.inputs.get(slot.name, [])]
                specs.append(found if slot.many and (found or not slot.optional) else found[0] if found else None)
            try:
                made = definition.infer(*specs, **{k: v for k, v in op.attrs.items() if k in definition.attrs and v is not None})
            except Exception:  # sizes that do not fit the model, or depend on data: declared shapes stay
                continue
            for out, spec in zip(definition.outputs, made, strict=True):
                for name, one in zip(op.outputs.get(out.name, []), spec if out.many else [spec], strict=False):
                    owner = resolve(block, name)
                    if owner is not None and one is not None and all(n >= 0 for n in one.shape):
                        self.specs[owner.block.idx, name] = one


# --- operators and their code

Pair = tuple[Operator, OperatorRow]


def _describe(block: Block, name: str) -> str:
    v = resolve(block, name)
    return "" if v is None else v.describe()


def _rows(block: Block, ops: Sequence[Operator], sizes: _Sizes, depth: int = 0, into: list[Pair] | None = None) -> list[Pair]:
    """One row per operator, those of inner blocks after the operator that holds them."""
    rows: list[Pair] = [] if into is None else into
    for op in ops:
        definition = OPS.get(op.type)
        unseen = {s.name for s in definition.outputs if s.hidden} if definition is not None else set()
        slots: dict[str, dict[str, list[Spec]]] = {"in": {}, "out": {}}
        for side, names_of in (("in", op.inputs), ("out", op.outputs)):
            for slot, names in names_of.items():
                if side == "out" and slot in unseen:
                    continue
                found = [s for s in (sizes.of(block, n) for n in names if n != EMPTY) if s is not None]
                if found:
                    slots[side][slot] = found
        own = [
            s for slot, specs in slots["out"].items() for s in specs
            if definition is None or slot not in definition.output_index or not definition.outputs[definition.output_index[slot]].over
        ]  # fmt: skip
        known = [s for s in own if min(s.shape, default=0) >= 0]
        rows.append((op, OperatorRow(
            len(rows), op.type,
            [(slot, [(n, _describe(block, n)) for n in names]) for slot, names in op.inputs.items() if names],
            [(slot, [(n, _describe(block, n)) for n in names if n != EMPTY]) for slot, names in op.outputs.items() if names],
            {k: _attr_text(v) for k, v in telling_attrs(op).items() if k not in ("op_role", "op_role_var")},
            op.layer, [], _shown(op, definition, block), block.idx, depth,
            0 if op.sub_blocks else cost.operations_of(op.type, slots["in"], slots["out"], op.attrs),
            sum(s.size * s.dtype.itemsize for s in known) if len(known) == len(own) else None,
        )))  # fmt: skip
        for index in op.sub_blocks:
            inner = block.program.blocks[index]
            _rows(inner, inner.ops, sizes, depth + 1, rows)
    return rows


def _shown(op: Operator, definition: Any, block: Block) -> list[str]:
    """Types of the results, those kept for the gradient alone left out."""
    hidden = {s.name for s in definition.outputs if s.hidden or s.over} if definition is not None else set()
    hidden |= {"Scope", "StepScopes"}
    names = [n for slot, found in op.outputs.items() if slot not in hidden for n in found if n != EMPTY]
    return [_describe(block, n) for n in names]


def _attr_text(value: Any) -> str:
    text = str(value.idx) if isinstance(value, Block) else repr(value)
    return text if len(text) <= 200 else text[:197] + "..."


def _code_of(compiled: Any) -> tuple[str, list[tuple[int, Operator, bool]]]:
    """The generated text and (line, operator, whether it runs beforehand)."""
    main = getattr(compiled, "main", None)
    if main is None:  # the reference interpreter (flag `interpret`)
        return compiled.source, [(i, op, False) for i, op in enumerate(compiled.operators, 1)]
    if compiled.prepare is None:
        return compiled.source, [(line, op, False) for line, op in sorted(main.op_lines.items())]
    offset = compiled.prepare.source.count("\n") + 2
    before = [(line, op, True) for line, op in sorted(compiled.prepare.op_lines.items())]
    return compiled.source, before + [(line + offset, op, False) for line, op in sorted(main.op_lines.items())]


def _join(rows: Sequence[Pair], compiled: Any) -> tuple[str, dict[int, list[int]]]:
    """Notes in the rows which lines of the generated code run them; returns the code and line -> row numbers."""
    source, at = _code_of(compiled)
    by_id = {id(op): row for op, row in rows}
    maker: dict[str, Pair] = {}
    reader: dict[str, list[OperatorRow]] = {}
    for op, row in rows:
        for n in op.output_arg_names:
            if n != EMPTY:
                maker[n] = (op, row)
        for n in op.input_arg_names:
            reader.setdefault(n, []).append(row)
    made_by_code = {n for _, op, _ in at for n in op.output_arg_names}
    lines: dict[int, list[int]] = {}
    for line, op, beforehand in at:
        own = by_id.get(id(op))
        found = [own] if own is not None else _stands_for(op, maker, made_by_code)
        if not found:  # a parameter made ready for its operator
            found = [row for n in op.input_arg_names for row in reader.get(n, [])]
            lines[line] = sorted({row.number for row in found})
            continue
        for row in found:
            row.code.append(line)
            row.together = max(row.together, len(found))
            row.beforehand = beforehand
        lines[line] = sorted({row.number for row in found})
    return source, lines


def _stands_for(op: Operator, maker: Mapping[str, Pair], made_by_code: set[str]) -> list[OperatorRow]:
    """The operators of the Program that one operator made by passes replaces: those between its inputs and its outputs."""
    stop = set(op.input_arg_names) | (made_by_code - set(op.output_arg_names))
    waiting = [n for n in op.output_arg_names if n in maker]
    found: dict[int, OperatorRow] = {}
    while waiting:
        made, row = maker[waiting.pop()]
        if row.number in found:
            continue
        found[row.number] = row
        waiting += [n for n in made.input_arg_names if n in maker and n not in stop]
    return [found[n] for n in sorted(found)]


def _part(name: str, title: str, note: str, block: Block, ops: Sequence[Operator], compiled: Any, sizes: _Sizes) -> tuple[Part, list[Pair]]:
    rows = _rows(block, ops, sizes)
    source, lines = _join(rows, compiled)
    generated = len(compiled.operators)
    return Part(name, title, note, [row for _, row in rows], source, lines, generated), rows


def _layers_from_names(rows: Iterable[Pair], structured: Mapping[str, str]) -> None:
    """For Programs from files: what reads a parameter belongs to the layer in its name, and so does what follows.

    structured: variable -> structured name, where the file has them ("blocks.0.fc.weight").
    """
    current = ""
    for op, row in rows:
        if not row.layer:
            for n in op.input_arg_names:
                v = resolve(op.block, n)
                if v is not None and v.persistable and n in structured:
                    current = structured[n].rpartition(".")[0]
                    break
                if v is not None and v.persistable and _PARAMETER.search(n):
                    current = _PARAMETER.sub("", n)
                    break
            row.layer = current


def _gradients(forward: Sequence[Pair], backward: Sequence[Pair]) -> None:
    """Says of each gradient operator what it is the gradient of."""
    makers = {n: (op, row) for op, row in forward for n in op.output_arg_names}
    readers: dict[str, Pair] = {}
    types = {op.type for op, _ in forward}
    for op, row in forward:
        for n in op.input_arg_names:
            readers.setdefault(n, (op, row))
    for op, row in backward:
        definition = OPS.get(op.type)
        forward_op = None if definition is None else definition.gradient_of
        wanted = op.type.removesuffix("_grad") if forward_op is None else forward_op.type
        bases = [n.partition("@GRAD")[0] for n in op.input_arg_names if "@GRAD" in n]
        found = [makers[n] for n in bases if n in makers]
        exact = [pair for pair in found if pair[0].type == wanted]
        if not exact and not found:
            found = [readers[n] for n in (b.partition("@GRAD")[0] for b in op.output_arg_names) if n in readers]
        chosen = exact or found
        if chosen:
            joined = not exact and wanted not in types and wanted in OPS  # the gradient of several operators at once
            row.of, row.layer = chosen[0][1].number if exact or joined else None, chosen[0][1].layer


# --- source


def _trim(stack: Sequence[tuple[str, int, str]], function: Any) -> list[tuple[str, int, str]]:
    """The frames inside of the traced function; of a loaded model those outside of installed packages."""
    code = getattr(inspect.unwrap(function), "__code__", None) if function is not None else None
    code = getattr(getattr(function, "__func__", function), "__code__", code)
    if code is not None:
        last = max((line for _, _, line in code.co_lines() if line), default=code.co_firstlineno)
        for i, (file, line, name) in enumerate(stack):
            if file == code.co_filename and code.co_firstlineno <= line <= last and _plain_name(name) == code.co_name:
                return _merged(stack[i:])
    own = [frame for frame in stack if not _PACKAGED.search(frame[0])]
    return _merged(own if function is None else own[-1:])


def _plain_name(name: str) -> str:
    """``forward`` for ``body_1_of_forward``, as rewritten code calls the parts of it."""
    return re.sub(r"^[a-z]+_\d+_of_", "", name)


def _merged(stack: Sequence[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
    kept: list[tuple[str, int, str]] = []
    for file, line, name in stack:
        if kept and kept[-1][:2] == (file, line):
            continue
        kept.append((file, line, _plain_name(name)))
    return kept


_trees: dict[str, tuple[int, list[tuple[int, int, str]]]] = {}


def _functions_in(file: str) -> list[tuple[int, int, str]]:
    """(first line, last line, name) of the outermost functions of a file."""
    lines = linecache.getlines(file)
    found = _trees.get(file)
    if found is None or found[0] != len(lines):
        regions: list[tuple[int, int, str]] = []

        def look(node: ast.AST, prefix: str) -> None:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    first = min([child.lineno, *(d.lineno for d in child.decorator_list)])
                    regions.append((first, child.end_lineno or child.lineno, prefix + child.name))
                elif isinstance(child, ast.ClassDef):
                    look(child, f"{prefix}{child.name}.")
                else:
                    look(child, prefix)

        try:
            look(ast.parse("".join(lines)), "")
        except (SyntaxError, ValueError):
            pass
        found = _trees[file] = (len(lines), regions)
    return found[1]


def _is_here(file: str, lines: Iterable[int]) -> bool:
    """Whether the file is on this machine and, as far as a model file says, reads as it did when the model was made."""
    if not linecache.getlines(file):
        return False
    return all(stored_text(file, n).strip() in ("", linecache.getline(file, n).strip()) for n in lines)


def _sources(rows: Sequence[OperatorRow], function: Any) -> list[SourceLines]:
    """The functions that operators were written in, in the order of their first operator."""
    used: dict[str, dict[int, None]] = {}
    order: dict[tuple[str, int], int] = {}
    for row in rows:
        for file, line, _ in row.stack:
            used.setdefault(file, {})[line] = None
            order.setdefault((file, line), len(order))
    texts = {(c.co_filename, c.co_firstlineno): form.text for c, form in convert.rewritten_forms()}
    found: list[tuple[int, SourceLines]] = []
    for file, numbers in used.items():
        if not _is_here(file, numbers):
            known = sorted(numbers)
            lines = [stored_text(file, n).strip() or "(this line is not known here)" for n in known]
            made = SourceLines(file, "lines named by the model file", known[0], lines, "", False, known)
            found.append((min(order[file, n] for n in known), made))
            continue
        regions: dict[tuple[int, int, str], int] = {}
        for n in numbers:
            region = next((r for r in _functions_in(file) if r[0] <= n <= r[1]), (n, n, "module"))
            regions[region] = min(regions.get(region, len(order)), order[file, n])
        modules = [r for r in regions if r[2] == "module"]
        if len(modules) > 1:  # statements of the module itself are shown in one piece
            first, last = min(r[0] for r in modules), max(r[1] for r in modules)
            at = min(regions.pop(r) for r in modules)
            regions[first, last, "module"] = at
        for (first, last, name), at in regions.items():
            text = [line.rstrip("\n") for line in linecache.getlines(file)[first - 1 : last]]
            found.append((at, SourceLines(file, name, first, text, texts.get((file, first), ""))))
    own = {row.stack[-1][:2] for row in rows if row.stack}  # places of operators; the others only call
    found.sort(key=lambda pair: (not any((pair[1].file, n) in own for n, _ in numbered(pair[1])), pair[0]))
    made_of = [source for _, source in found]
    if not made_of and function is not None:
        made_of = _whole(function)
    return made_of


def _whole(function: Any) -> list[SourceLines]:
    """The traced function itself, for Programs without operators."""
    try:
        lines, first = inspect.getsourcelines(function)
        return [SourceLines(inspect.getsourcefile(function) or "", function.__qualname__, first, [line.rstrip("\n") for line in lines])]
    except (OSError, TypeError):
        return []


# --- figures


def _memory(rows: Sequence[Pair], sizes: _Sizes, outputs: Sequence[str]) -> tuple[int, int]:
    """Bytes of all results, and how many of them are held at once at most."""
    last: dict[str, int] = {}
    size: dict[str, int] = {}
    for i, (op, _) in enumerate(rows):
        for n in (*op.input_arg_names, *op.output_arg_names):
            last[n] = i
        for n in op.output_arg_names:
            v = resolve(op.block, n)
            spec = sizes.of(op.block, n)
            if v is not None and not v.persistable and spec is not None and v.kind == "LOD_TENSOR" and min(spec.shape, default=0) >= 0:
                size[n] = spec.size * spec.dtype.itemsize
    for n in outputs:
        last[n] = len(rows)
    held = peak = 0
    live: set[str] = set()
    dying: dict[int, list[str]] = {}
    for n, i in last.items():
        dying.setdefault(i, []).append(n)
    for i, (op, _) in enumerate(rows):
        for n in op.output_arg_names:
            if n in size and n not in live:
                live.add(n)
                held += size[n]
        peak = max(peak, held)
        for n in dying.get(i, []):
            if n in live:
                live.discard(n)
                held -= size[n]
    return sum(size.values()), peak


def _kept(form: Any, sizes: _Sizes, block: Block) -> int:
    """Bytes that the forward function hands to the backward function."""
    first = len(form.saved_from_inputs)
    specs = [sizes.of(block, n) for n in form.backward.feeds[first : first + form.own]]
    return sum(s.size * s.dtype.itemsize for s in specs if s is not None and min(s.shape, default=0) >= 0)


# --- reports


def _report(
    name: str, signature: str, origin: str, layer_class: str, partial: PartialProgram, feed_sizes: Mapping[str, tuple[int, ...]],
    function: Any, notes: list[str], trains: bool,
) -> Report:  # fmt: skip
    program = partial.program
    block = program.global_block()
    sizes = _Sizes(program, feed_sizes)
    sizes.measure(partial)
    inference, rows = _part(
        "inference", "Inference", "what a call runs when no gradient is wanted", block, block.ops, partial.inference, sizes
    )
    parts, all_rows, kept = [inference], list(rows), None
    differentiated = tuple(
        (v := block.find_var(n)) is not None and v.has_dtype and (v.dtype.is_floating or v.dtype.is_complex) and not v.stop_gradient
        for n in partial.feeds
    )
    if any(differentiated):
        try:
            form = partial.training_form(differentiated)
        except (GradientError, NotSupportedError, ValueError, TypeError, RuntimeError) as error:
            notes.append(f"there is no backward part: {str(error).splitlines()[0]}")
            form = None
        if form is not None and form.backward is not None and form.backward.operators:
            training, forward, backward, kept = _training(form, feed_sizes, sizes)
            parts = [*training, inference] if trains else [inference, *training]
            all_rows += [*forward, *backward]
    for op, row in all_rows:
        row.stack = _trim(op.callstack, function)
    activations, peak = _memory(rows, sizes, partial.outputs)
    captured = dict(zip(partial.captured_names, partial.captured, strict=True))
    parameters = [
        (n, f"{t.dtype.name}[{', '.join(map(str, t._data.shape))}]", int(t._data.nbytes), not t.stop_gradient)
        for n, t in captured.items()
        if t.persistable
    ]
    shown = ", ".join(f"{n} {spec_text(sizes.specs[0, n])}" for n in partial.inputs if (0, n) in sizes.specs)
    return Report(
        name, signature, origin, layer_class, _sources([row for _, row in all_rows], function), parts,
        [(n, _describe(block, n)) for n in partial.inputs], [(n, _describe(block, n)) for n in partial.outputs], parameters,
        shown or "this Program, which has no inputs", activations, peak, kept, [], [], [], str(program), _script(program, partial), notes,
    )  # fmt: skip


def _script(program: Program, partial: PartialProgram) -> str:
    try:
        return program.to_code(partial.outputs)
    except NotSupportedError as error:
        return f"# {error}\n"


def _training(form: Any, feed_sizes: Mapping[str, tuple[int, ...]], known: _Sizes) -> tuple[list[Part], list[Any], list[Any], int]:
    program: Program = form.backward.operators[0].block.program
    block = program.global_block()
    count = next((i for i, op in enumerate(block.ops) if any("@GRAD" in n for n in op.output_arg_names)), len(block.ops))
    sizes = _Sizes(program, feed_sizes, known.specs)
    forward, forward_rows = _part(
        "forward", "Forward", "what a call runs when a gradient is wanted; it also gives what backward needs", block, form.operators,
        form.forward, sizes,
    )  # fmt: skip
    backward, backward_rows = _part(
        "backward", "Backward", "what loss.backward() runs", block, block.ops[count:], form.backward, sizes
    )
    _gradients(forward_rows, backward_rows)
    return [forward, backward], forward_rows, backward_rows, _kept(form, sizes, block)


def of_traced(
    static: StaticFunction, concrete: ConcreteProgram, partial: PartialProgram, args: Sequence[Any], named: Mapping[str, Any]
) -> Report:
    """The report on a traced form of a function. args, named: what it was asked for; Tensors among them give sizes."""
    function = concrete.function
    plain = getattr(function, "__func__", function)
    owner = getattr(function, "__self__", None)
    code = getattr(plain, "__code__", None)
    origin = f"{code.co_filename}:{code.co_firstlineno}" if code is not None else ""
    given = [found for leaf in tree.leaves([list(args), list(named.values())]) if (found := spec_from_value(leaf)) is not None]
    feeds = {}
    for i, v in enumerate(concrete.input_variables):
        shape = given[i].shape if len(given) == len(concrete.input_variables) else v.static_shape
        feeds[v.name] = size_for(shape if len(shape) == len(v.static_shape) else v.static_shape)
    signature = "(" + ", ".join(f"{v.name}: {v.describe()}" for v in concrete.input_variables) + ")"
    trains = not isinstance(owner, Layer) or owner.training
    name = getattr(plain, "__qualname__", getattr(plain, "__name__", "function"))
    notes: list[str] = []
    layer_class = type(owner).__name__ if isinstance(owner, Layer) else ""
    report = _report(name, signature, origin, layer_class, partial, feeds, function, notes, trains)
    report.frozen = _frozen(concrete, report)
    report.branches = [
        (where or "inside of a library", "taken" if taken else "not taken", n) for (where, taken), n in concrete.branches.items()
    ]
    report.cache = _cache(static, concrete)
    return report


def _frozen(concrete: ConcreteProgram, report: Report) -> list[tuple[str, str, str]]:
    rows = []
    for value in concrete.baked:
        rows.append(("argument", _attr_text(value), "another value is traced anew"))
    for guard in concrete.frozen:
        rows.append((guard.path, _attr_text(guard.value), "read while tracing; part of the Program"))
    for v in concrete.input_variables:
        fixed = [n for n in v.static_shape if n >= 0]
        if fixed:
            why = "-1 is open, another of the others is traced anew" if -1 in v.static_shape else "another size is traced anew"
            rows.append((f"{v.name}.shape", str(list(v.static_shape)), why))
    persistent = {n for n, _, _, _ in report.parameters}
    for n, t in concrete.captured.items():
        if n not in persistent:
            rows.append((n, f"{t.dtype.name}{list(t._data.shape)}", "a Tensor from outside, kept as a constant"))
    return rows


def _cache(static: StaticFunction, concrete: ConcreteProgram) -> list[dict[str, str]]:
    """One entry per traced form: for what, how big, and why it was traced."""
    entries: list[dict[str, str]] = []
    for number, (_, (one, partial)) in enumerate(static.program_cache, 1):
        made = [form for form, there in (("inference", partial._inference), ("training", partial._training)) if there]
        facts = [f"{n.removeprefix('argument ')} = {value}" for n, value in one.facts.items() if not n.startswith("mode of ")]
        modes = {value for n, value in one.facts.items() if n.startswith("mode of ")}
        facts += [f"mode = {modes.pop()}"] if len(modes) == 1 else ["mode = train and eval, by layer"] if modes else []
        entries.append({
            "number": str(number), "made for": "; ".join(facts) or "no arguments", "reason": one.reason,
            "operators": f"{sum(len(b.ops) for b in one.main_program.blocks)} operators", "compiled": " + ".join(made) or "not yet",
            "shown": "shown here" if one is concrete else "",
        })  # fmt: skip
    return entries


def of_loaded(layer: TranslatedLayer, method_name: str, args: Sequence[Any]) -> tuple[Report, PartialProgram]:
    """The report on one method of a loaded model, and its runnable form. args: Tensors, arrays or specs that give sizes."""
    method = layer._method(method_name)
    partial = layer._form(method)
    block = partial.program.global_block()
    given = [spec_from_value(leaf) for leaf in args]
    if args and (len(given) != len(method.inputs) or None in given):
        raise TypeError(
            f"explain: {method_name}() of the loaded model takes {len(method.inputs)} inputs "
            f"({', '.join(map(repr, layer._specs(method)))}), got {', '.join(map(repr, args))}"
        )
    feeds = {}
    for i, n in enumerate(method.inputs):
        declared = block.var(n).static_shape
        shape = given[i].shape if args else declared  # type: ignore[union-attr]
        if len(shape) != len(declared):
            raise ValueError(f"explain: input {n!r} of the loaded model is {block.var(n).describe()}, got {list(shape)}")
        feeds[n] = size_for(shape)
    signature = "(" + ", ".join(f"{n}: {block.var(n).describe()}" for n in method.inputs) + ")"
    report = _report(method_name, signature, "a loaded model", "", partial, feeds, None, [], layer.training)
    for part in report.parts:
        pairs = [(op, row) for op, row in _pairs(part, partial) if row.number < len(part.operators)]
        if part.name == "inference":
            _layers_from_names(pairs, layer._structured)
    _share_layers(report)
    return report, partial


def _pairs(part: Part, partial: PartialProgram) -> list[Pair]:
    ops: list[Operator] = []

    def walk(block: Block) -> None:
        for op in block.ops:
            ops.append(op)
            for index in op.sub_blocks:
                walk(block.program.blocks[index])

    if part.name == "inference":
        walk(partial.program.global_block())
    return list(zip(ops, part.operators, strict=True)) if ops else []


def _share_layers(report: Report) -> None:
    """The other parts take the layers of the inference part, by the names of results."""
    layers = {n: row.layer for part in report.parts if part.name == "inference" for row in part.operators for n, _ in row.results}
    by_number: dict[int, str] = {}
    for part in sorted(report.parts, key=lambda p: ["inference", "forward", "backward"].index(p.name)):
        current = ""
        for row in part.operators:
            if row.layer:
                continue
            names = [n for n, _ in row.results]
            current = next((layers[n] for n in names if n in layers), current)
            if part.name == "backward":
                taken = [n.partition("@GRAD")[0] for _, items in row.inputs for n, _ in items if "@GRAD" in n]
                current = by_number.get(-1 if row.of is None else row.of) or next((layers[n] for n in taken if n in layers), current)
            row.layer = current
        if part.name == "forward":
            by_number = {row.number: row.layer for row in part.operators}
