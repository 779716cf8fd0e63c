"""Facts about operators that hold a block: what they read and write outside of it, and one name for each value.

Names of a Program may be written again: a loop writes over the variables it started with. Gradients need names that stand
for one value, so `single_assignment` gives the values that are written over later names of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ..ops.registry import OPS
from .program import BACKWARD, GRAD_SUFFIX, Block, Operator, Program, Variable

__all__ = [
    "ARRAY_WRITES", "BRANCHES", "EMPTY", "LOOPS", "has_blocks", "has_effect", "inner_block", "outer_reads", "outer_writes",
    "reads", "rename", "resolve", "single_assignment", "step_values", "writes",
]  # fmt: skip

EMPTY = "@EMPTY@"
BRANCHES = ("conditional_block", "conditional_block_infer")
LOOPS = ("while",)
GRADIENTS = ("conditional_block_grad", "while_grad")
ARRAY_WRITES = ("write_to_array", "add_to_array")


def has_blocks(program: Program) -> bool:
    """Whether the Program holds control flow."""
    return len(program.blocks) > 1


def inner_block(op: Operator) -> Block | None:
    """The block that an operator holds, None for ordinary operators."""
    index = op.attrs.get("sub_block")
    if index is None or isinstance(index, bool):
        return None
    if isinstance(index, Block):
        return index
    return op.block.program.blocks[int(index)]


def resolve(block: Block, name: str) -> Variable | None:
    """The variable a name means in a block: its own, one of the forward block it belongs to, or of an enclosing one."""
    at: Block | None = block
    while at is not None:
        if name in at.vars:
            return at.vars[name]
        if at.forward_block_idx >= 0:
            forward = block.program.blocks[at.forward_block_idx]
            if name in forward.vars:
                return forward.vars[name]
        at = at.parent
    return None


def outer_writes(block: Block) -> list[str]:
    """Names that the operators of a block write and that belong to an enclosing block."""
    found = [n for op in block.ops for n in writes(op) if n not in block.vars and n != EMPTY]
    return list(dict.fromkeys(found))


def outer_reads(block: Block) -> list[str]:
    """Names that the operators of a block read before they write them, of an enclosing block."""
    found: dict[str, None] = {}
    written: set[str] = set()
    for op in block.ops:
        for n in reads(op):
            if n not in block.vars and n not in written and n != EMPTY:
                found[n] = None
        if inner_block(op) is None:
            written.update(op.output_arg_names)
    return list(found)


def step_values(block: Block) -> list[str]:
    """Names of a forward block that its gradient blocks read: what each run of it keeps."""
    found: dict[str, None] = {}
    overwritten = set(outer_writes(block))
    for other in block.program.blocks:
        if other.forward_block_idx == block.idx and other is not block:
            for n in outer_reads(other):
                if n in block.vars or n in overwritten:
                    found[n] = None
    return list(found)


def reads(op: Operator) -> list[str]:
    """All names that running the operator reads, its block included."""
    inner = inner_block(op)
    if inner is None:
        if op.type in ARRAY_WRITES:
            return [*op.input_arg_names, *op.output_arg_names]
        return op.input_arg_names
    if op.type in GRADIENTS:
        forward = op.block.program.blocks[inner.forward_block_idx]
        kept = set(step_values(forward))
        inside = [n for n in outer_reads(inner) if n not in kept]
        carriers = op.inputs.get("StepScopes", []) + op.inputs.get("Scope", [])
        # the gradient of what was not run, or did not run, is zero: its shape is asked for
        slot = "X" if op.type == "while_grad" else "Input"
        likes = [n for n, g in zip(op.inputs.get(slot, []), op.outputs.get(slot + GRAD_SUFFIX, []), strict=False)
                 if g != EMPTY and n + GRAD_SUFFIX in inner.vars]  # fmt: skip
        return list(dict.fromkeys([*inside, *op.inputs.get("Out" + GRAD_SUFFIX, []), *carriers, *likes]))
    own = op.inputs.get("Condition", []) + op.inputs.get("Cond", [])
    kept_as_they_are = outer_writes(inner) if op.type in BRANCHES else []
    before = [n for n in kept_as_they_are if n in op.inputs.get("Input", [])]
    return list(dict.fromkeys([*own, *outer_reads(inner), *before]))


def writes(op: Operator) -> list[str]:
    """All names that the operator writes, its block included."""
    inner = inner_block(op)
    if inner is None or op.type in GRADIENTS:
        return op.output_arg_names
    return list(dict.fromkeys([*outer_writes(inner), *op.output_arg_names]))


def has_effect(op: Operator) -> bool:
    """Whether it does something besides its outputs, in its block or itself."""
    inner = inner_block(op)
    if inner is not None:
        return any(map(has_effect, inner.ops))
    definition = OPS.get(op.type)
    return definition is not None and definition.has_effect


# --- one name for each value


def single_assignment(program: Program) -> None:
    """Rename values that are written over later, in place. Persistable variables and arrays keep their names.

    Afterwards an operator of a block reads a name of an enclosing block only as it was when the block began, and such a name is
    written by an `assign` at the end of the block. In block 0 the last value keeps the name.
    """
    if not has_blocks(program) or any(int(op.attrs.get("op_role", 0)) & BACKWARD for op in program.global_block().ops):
        return  # gradient operators are there already: it was done when they were made
    forward = [b for b in program.blocks if b.forward_block_idx < 0]
    main = program.global_block()
    _rename_versions(main)
    for block in forward[1:]:
        _write_at_the_end(block)
    program.touch()


def _exempt(block: Block, name: str) -> bool:
    v = resolve(block, name)
    return v is None or v.persistable or v.kind != "LOD_TENSOR"


def _rename_versions(main: Block) -> None:
    writers: dict[str, list[Operator]] = {}
    for op in main.ops:
        for n in dict.fromkeys(writes(op)):
            if not _exempt(main, n):
                writers.setdefault(n, []).append(op)
    for name, ops in writers.items():
        if len(ops) == 1 and inner_block(ops[0]) is None and name not in reads(ops[0]):
            continue
        position = {id(op): i for i, op in enumerate(main.ops)}
        places = [position[id(op)] for op in ops]
        before = any(name in reads(op) for op in main.ops[: places[0] + 1])  # fed, or read by the loop that writes it
        versions = len(places) + before
        if versions < 2:
            continue
        _split(main, name, places, before)


def _split(main: Block, name: str, places: list[int], before: bool) -> None:
    ops = main.ops
    if before and len(places) == 1 and _untouched_before(ops, name, places[0]):
        return
    if (
        not before
        and len(places) == 2
        and inner_block(ops[places[1]]) is not None
        and _untouched_between(ops, name, *places)
    ):
        return
    if before and len(places) == 2 and ops[places[0]].type == "assign" and inner_block(ops[places[1]]) is not None:
        copied = all(op.type == "assign" for op in ops[: places[0]] if name in reads(op))
        if copied and _untouched_between(ops, name, *places):
            return  # split already
    like = main.vars.get(name)
    if like is None:
        return
    current = name
    inserted: dict[int, list[tuple[str, str]]] = {}
    if before:
        current = _declare(main, name, like)
        inserted.setdefault(0, []).append((name, current))
    last = places[-1]
    for i, op in enumerate(ops):
        if i not in places:
            if current != name and (name in reads(op)):
                rename(op, name, current)
            continue
        target = name if i == last else _declare(main, name, like)
        if inner_block(op) is None:
            op.inputs = _renamed(op.inputs, name, current)
            op.outputs = _renamed(op.outputs, name, target)
        else:
            if name in reads(op) or (op.type in BRANCHES and (before or i != places[0])):
                inserted.setdefault(i, []).append((current, target))
            rename(op, name, target)
        current = target
    for i in sorted(inserted, reverse=True):
        for source, target in inserted[i]:
            main._insert_op(i, "assign", {"X": source}, {"Out": target}, {})


def _untouched_before(ops: Sequence[Operator], name: str, place: int) -> bool:
    """Whether the value before the loop is used by the loop alone."""
    return inner_block(ops[place]) is not None and not any(name in reads(op) for op in ops[:place])


def _untouched_between(ops: Sequence[Operator], name: str, first: int, second: int) -> bool:
    if any(name in reads(op) for op in ops[first:second]):
        return False
    maker = ops[first]
    definition = OPS.get(maker.type)
    if inner_block(maker) is not None or definition is None:
        return False
    if definition.grad is None:
        return True
    return not any(
        kind == "out" and name in maker.outputs.get(definition.outputs[index].name, [])
        for kind, index, _ in definition.grad.sources
    )


def _declare(block: Block, name: str, like: Variable) -> str:
    number = 0
    while True:
        fresh = f"{name}@v{number}"
        if not any(fresh in b.vars for b in block.program.blocks):
            break
        number += 1
    v = block.create_var(fresh, like._shape, like._dtype, lod_level=like.lod_level)
    v._stop_gradient, v.cut = like._stop_gradient, like.cut
    return fresh


def _renamed(slots: dict[str, list[str]], old: str, new: str) -> dict[str, list[str]]:
    return {slot: [new if n == old else n for n in names] for slot, names in slots.items()}


def rename(op: Operator, old: str, new: str) -> None:
    """Another name for an outer variable in an operator and the blocks it holds."""
    op.inputs, op.outputs = _renamed(op.inputs, old, new), _renamed(op.outputs, old, new)
    inner = inner_block(op)
    if inner is not None and old not in inner.vars:
        for o in inner.ops:
            rename(o, old, new)


def _write_at_the_end(block: Block) -> None:
    outer = [n for n in outer_writes(block) if not _exempt(block, n)]
    if _is_normal(block, outer):
        return
    current: dict[str, str] = {}
    made: list[Operator] = []
    twice = _written_twice(block)
    for op in block.ops:
        inner = inner_block(op)
        targets = [n for n in writes(op) if n in outer or n in twice]
        targets = [n for n in dict.fromkeys(targets) if not _exempt(block, n)]
        if inner is None:
            op.inputs = {slot: [current.get(n, n) for n in names] for slot, names in op.inputs.items()}
            for n in targets:
                fresh = _declare_inside(block, n)
                op.outputs = _renamed(op.outputs, n, fresh)
                current[n] = fresh
        else:
            for n in targets:
                fresh = _declare_inside(block, n)
                source = current.get(n, n)
                if n in current or (n in outer and (n in reads(op) or op.type in BRANCHES)):
                    made.append(Operator(block, "assign", {"X": [source]}, {"Out": [fresh]}, {}))
                rename(op, n, fresh)
                current[n] = fresh
            for old, new in current.items():
                if old not in targets:
                    rename(op, old, new)
        made.append(op)
    for n in outer:
        made.append(Operator(block, "assign", {"X": [current[n]]}, {"Out": [n]}, {}))
    block.ops = made


def _written_twice(block: Block) -> set[str]:
    """Variables of the block itself that several of its operators write."""
    counts = Counter(n for op in block.ops for n in set(writes(op)))
    return {n for n, count in counts.items() if count > 1 and n in block.vars and not _exempt(block, n)}


def _declare_inside(block: Block, name: str) -> str:
    like = resolve(block, name)
    assert like is not None
    return _declare(block, name, like)


def _is_normal(block: Block, outer: Iterable[str]) -> bool:
    names = set(outer)
    seen: set[str] = set()
    for op in block.ops:
        if seen & set(reads(op)):
            return False
        for n in writes(op):
            if n in names:
                if op.type != "assign" or n in seen or any(source in names for source in op.input_arg_names):
                    return False
                seen.add(n)
    return not _written_twice(block)
