"""A Program as text: the listing that `print` shows, and a Python script that builds and runs the same Program."""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import NotSupportedError
from ..ops.registry import OPS

if TYPE_CHECKING:
    from .program import Block, Operator, Program, Variable

__all__ = ["COMMON_ATTRS", "block_text", "feeds_of", "fetches_of", "operator_text", "program_code", "program_text", "telling_attrs"]

# what Paddle puts on every operator; shown only where it says something
COMMON_ATTRS: dict[str, Any] = {"op_role": 0, "op_role_var": [], "op_namescope": "/", "op_device": "", "with_quant_attr": False}

_EMPTY = "@EMPTY@"


# --- the listing


def operator_text(op: Operator) -> str:
    """``{Out=['y']} = relu(inputs={X=['x']})``; bookkeeping attributes only where they differ from their defaults."""

    def side(slots: dict[str, list[str]]) -> str:
        return ", ".join(f"{slot}={slots[slot]}" for slot in sorted(slots))

    attrs = {k: v for k, v in op.attrs.items() if k not in COMMON_ATTRS or v != COMMON_ATTRS[k]}
    listed = "".join(f", {k} = {attrs[k]}" for k in sorted(attrs))
    return f"{{{side(op.outputs)}}} = {op.type}(inputs={{{side(op.inputs)}}}{listed})"


def _in_order(block: Block) -> list[Variable]:
    """The variables of a block: what is fed, then in the order in which operators mention them, then the rest."""
    names: dict[str, None] = {}

    def mention(some: Iterable[str]) -> None:
        names.update((n, None) for n in some if n in block.vars)

    def walk(inside: Block) -> None:
        for op in inside.ops:
            mention(op.input_arg_names)
            for index in op.sub_blocks:
                if 0 <= index < len(block.program.blocks) and index != inside.idx:
                    walk(block.program.blocks[index])
            mention(op.output_arg_names)

    mention(n for n, v in block.vars.items() if v.is_data or v.need_check_feed)
    walk(block)
    mention(block.vars)
    return [block.vars[n] for n in names]


def block_text(block: Block, indent: str = "", seen: set[int] | None = None) -> str:
    """One block; the blocks that its operators hold follow these operators, further in."""
    seen = set() if seen is None else seen
    seen.add(block.idx)
    forward = f"  forward_idx:{block.forward_block_idx}" if block.forward_block_idx >= 0 else ""
    lines = [f"{indent}{{ // block_idx:{block.idx}  parent_idx:{block.parent_idx}{forward}"]
    lines += [f"{indent}    {v!r}" for v in _in_order(block)]
    if block.vars and block.ops:
        lines.append("")
    for op in block.ops:
        lines.append(f"{indent}    {operator_text(op)}")
        for index in op.sub_blocks:
            if 0 <= index < len(block.program.blocks) and index not in seen:
                lines.append(block_text(block.program.blocks[index], indent + "        ", seen).rstrip("\n"))
    return "\n".join(lines) + f"\n{indent}}}\n"


def program_text(program: Program) -> str:
    """All blocks; those that no operator holds stand at the end."""
    seen: set[int] = set()
    return "\n".join([block_text(b, "", seen) for b in program.blocks if b.idx not in seen])


# --- a script


def feeds_of(program: Program) -> list[str]:
    """Names that must be fed: variables of block 0 that are read before anything writes them and hold no kept value."""
    block = program.global_block()
    fed = [n for op in block.ops if op.type == "feed" for n in op.output_arg_names]
    written = set(fed)
    found = list(fed)
    names = {n: None for n, v in block.vars.items() if v.is_data or v.need_check_feed}

    def walk(inside: Block) -> None:
        for op in inside.ops:
            for n in op.input_arg_names:
                v = block.vars.get(n)
                if v is not None and n not in written and not v.persistable and v.has_dtype and not _is_own(n, inside, block):
                    names.setdefault(n)
            for index in op.sub_blocks:
                if 0 < index < len(program.blocks) and index != inside.idx:
                    walk(program.blocks[index])
            if inside is block:
                written.update(op.output_arg_names)

    walk(block)
    return [*found, *(n for n in names if n not in found)]


def _is_own(name: str, inside: Block, block: Block) -> bool:
    return inside is not block and name in inside.vars


def fetches_of(program: Program) -> list[str]:
    """Names worth fetching: what fetch operators take, else the visible results in block 0 that no operator reads."""
    block = program.global_block()
    fetched = [n for op in block.ops if op.type == "fetch" for n in op.input_arg_names]
    if fetched:
        return fetched
    read = {n for b in program.blocks for op in b.ops for n in op.input_arg_names}
    found: dict[str, None] = {}
    for op in block.ops:
        definition = OPS.get(op.type)
        for slot, names in op.outputs.items():
            index = None if definition is None else definition.output_index.get(slot)
            hidden = index is not None and (definition.outputs[index].hidden or bool(definition.outputs[index].over))  # type: ignore[union-attr]
            for n in names:
                v = block.vars.get(n)
                if not hidden and n not in read and n != _EMPTY and v is not None and not v.persistable and v.kind == "LOD_TENSOR":
                    found[n] = None
    return list(found)


def telling_attrs(op: Operator) -> dict[str, Any]:
    """Attributes that differ from the definition's defaults, and those the definition does not know."""
    definition = OPS.get(op.type)
    defaults = dict(COMMON_ATTRS)
    if definition is not None:
        defaults.update((name, attr.default) for name, attr in definition.attrs.items())
    return {k: op.attrs[k] for k in op.attrs if k not in defaults or not _same(op.attrs[k], defaults[k])}


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return list(a) == list(b)
    return type(a) is type(b) and a == b


def _text(value: Any, where: str) -> str:
    """Python source of an attribute's value."""
    if isinstance(value, (bool, int, str, bytes, type(None))):
        return repr(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return repr(number) if math.isfinite(number) else f'float("{number}")'
    if isinstance(value, (np.integer, np.bool_)):
        return repr(value.item())
    if isinstance(value, complex):
        return f"complex({_text(value.real, where)}, {_text(value.imag, where)})"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_text(v, where) for v in value) + "]"
    if isinstance(value, np.ndarray):
        return _text(value.tolist(), where)
    if hasattr(value, "idx"):  # a Block
        return repr(int(value.idx))
    raise NotSupportedError(
        f"{where} is a {type(value).__name__}, which to_code() cannot write as Python; save the Program with paddle.static.save or "
        "paddle.jit.save instead"
    )


def _slots(slots: dict[str, list[str]]) -> str:
    return "{" + ", ".join(f"{slot!r}: {names!r}" for slot, names in slots.items()) + "}"


def _variable_code(v: Variable) -> str:
    options = [f"name={v.name!r}"]
    if v.kind != "LOD_TENSOR":
        options.append(f"type={v.kind!r}")
    if v.has_dtype:
        options += [f"shape={list(v.static_shape)!r}", f"dtype={v.dtype.name!r}"]
    for name in ("lod_level", "persistable", "is_parameter", "stop_gradient", "need_check_feed", "is_data"):
        value = getattr(v, name)
        if value:
            options.append(f"{name}={value!r}")
    return f"block.create_var({', '.join(options)})"


def _operator_code(op: Operator) -> list[str]:
    where = f"operator {op.type}: attribute "
    attrs = telling_attrs(op)
    unknown = {k: t for k, t in op.attr_types.items() if k in attrs}
    parts = [f"type={op.type!r}", f"inputs={_slots(op.inputs)}", f"outputs={_slots(op.outputs)}"]
    if attrs:
        parts.append("attrs={" + ", ".join(f"{k!r}: {_text(attrs[k], where + k)}" for k in attrs) + "}")
    if unknown:
        parts.append(f"attr_types={unknown!r}")
    line = f"block.append_op({', '.join(parts)})"
    if len(line) <= 120:
        return [line]
    return ["block.append_op(", *(f"    {p}," for p in parts), ")"]


def _block_code(block: Block) -> list[str]:
    lines = [_variable_code(v) for v in _in_order(block)]
    if lines and block.ops:
        lines.append("")
    last = ""
    for op in block.ops:
        location = op.location
        if location and location != last:
            lines.append(f"# {_one_line(location)}")
        last = location
        lines += _operator_code(op)
    return lines


def _one_line(text: str) -> str:
    return " ".join(text.split())


def program_code(program: Program, fetch_list: Sequence[Any] | None = None) -> str:
    """A script that builds `program` and runs it; see `Program.to_code`."""
    fetches = fetches_of(program) if fetch_list is None else [n if isinstance(n, str) else n.name for n in fetch_list]
    feeds = feeds_of(program)
    block = program.global_block()
    unknown = [n for n in fetches if block.find_var(n) is None]
    if unknown:
        raise ValueError(f"to_code: the Program has no variables {', '.join(map(repr, unknown))} to fetch")
    lines = [
        '"""A Program as Python. `build()` makes it; `run(feed, values)` runs it on arrays."""',
        "import numpy as np",
        "",
        "import minipaddle as paddle",
        "",
        f"FEEDS = {feeds!r}",
        f"FETCHES = {fetches!r}",
        "",
        "",
        "def build():",
        '    """The Program, block by block."""',
        "    program = paddle.static.Program()",
    ]
    if program.random_seed:
        lines.append(f"    program.random_seed = {program.random_seed}")
    if program.desc_version:
        lines.append(f"    program.desc_version = {program.desc_version}  # of the file: Programs before 2.0 know no 0-d tensors")
    for b in program.blocks[1:]:
        lines.append(f"    program._create_block(parent_idx={b.parent_idx})  # block {b.idx}")
    if len(program.blocks) > 1:
        lines.append("    program.current_block_idx = 0")
    for b in program.blocks:
        lines += ["", f"    block = program.block({b.idx})"]
        if b.forward_block_idx >= 0:
            lines.append(f"    block.forward_block_idx = {b.forward_block_idx}")
        lines += [f"    {line}" if line else "" for line in _block_code(b)]
    lines += ["", "    return program", "", "", *_RUN]
    return "\n".join(lines) + "\n"


_RUN = '''
def run(feed, values=None, fetch_list=FETCHES):
    """Results for `feed` (name -> array). values: name -> array for parameters and other kept variables."""
    program = build()
    scope = paddle.static.Scope()
    with paddle.static.scope_guard(scope):
        for name, value in (values or {}).items():
            scope.var(name).set(np.asarray(value))
        was_dynamic = paddle.in_dynamic_mode()
        paddle.enable_static()
        try:
            return paddle.static.Executor().run(program, feed=feed, fetch_list=list(fetch_list), scope=scope)
        finally:
            if was_dynamic:
                paddle.disable_static()


def some_values(variables):
    """Small numbers by name, 1 for a size that is not known: to see that the Program runs."""
    random = np.random.default_rng(0)
    return {
        v.name: (random.random([abs(n) for n in v.shape]) * 0.1).astype(str(np.dtype(v.dtype.np)))
        for v in variables
        if v.has_dtype
    }


if __name__ == "__main__":
    block = build().global_block()
    kept = [v for v in block.vars.values() if v.persistable]
    for name, result in zip(FETCHES, run(some_values(block.var(n) for n in FEEDS), some_values(kept))):
        print(name, result.dtype, result.shape)
'''.strip().splitlines()
