"""Gradient operators appended to a Program, as Paddle's ``append_backward`` writes them.

For every forward operator on the way from the wanted variables to the targets, walked backwards, one ``<op>_grad`` operator
is written with the slots that the op's grad string names. A variable whose gradient comes from several operators gets
``x@GRAD@RENAME@block0@i`` parts and a `sum`. A target's own gradient is one more part, so a target that is also used
inside of the Program is right too.
"""
from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ..errors import NotSupportedError, UnknownOperatorError
from ..ops.registry import OPS, Op
from .blocks import (
    BRANCHES,
    EMPTY,
    GRADIENTS,
    LOOPS,
    inner_block,
    outer_reads,
    outer_writes,
    reads,
    resolve,
    single_assignment,
    writes,
)
from .custom_gradient import CUSTOM, is_hook, renamed
from .gradient_forms import ordinary_form
from .higher import form_of, make_differentiable
from .program import BACKWARD, GRAD_SUFFIX, LOSS, Block, Operator, Program, Variable

__all__ = ["append_backward", "append_gradients", "gradients", "needs_gradient", "recorded_gradients"]


def _definition(op: Operator) -> Op:
    try:
        return OPS[op.type]
    except KeyError:
        raise UnknownOperatorError(f"operator {op.type!r} has no definition, so its gradient is not known") from None


def needs_gradient(
    block: Block, wanted: Collection[str], operators: Sequence[Operator], no_grad: Collection[str] = ()
) -> set[str]:
    """Names of all variables that depend, through differentiable operators, on a variable in `wanted`.

    no_grad: variables that count as constants. Operators that hold blocks are followed inside.
    """
    need = set(wanted) - set(no_grad)
    _spread(block, operators, need, no_grad)
    return need


def _spread(block: Block, operators: Sequence[Operator], need: set[str], no_grad: Collection[str]) -> None:
    for op in operators:
        inner = inner_block(op)
        if op.type in _NOT_TWICE:  # refused later, if it is on the way
            if any(n in need for n in reads(op)):
                need.update(n for n in writes(op) if _is_floating_tensor(resolve(block, n)))
            continue
        if inner is not None and op.type in BRANCHES + LOOPS:
            before = -1
            while before != len(need):  # what a loop writes may be read by its next trip
                before = len(need)
                _spread(inner, inner.ops, need, no_grad)
                if op.type in BRANCHES:
                    break
            continue
        if op.type == CUSTOM:
            if _custom_inputs(op, need):
                need.update(n for n in op.outputs["Out"] if n not in no_grad and _takes_gradient(resolve(block, n)))
            continue
        if op.type in _ARRAY_FLOW:
            source, target = _ARRAY_FLOW[op.type]
            if any(n in need for n in op.inputs.get(source, [])):
                for name in op.outputs.get(target, []):
                    v = resolve(block, name)
                    if v is not None and not v.cut and name not in no_grad:
                        need.add(name)
            continue
        definition = OPS.get(op.type)
        if definition is None:
            continue
        if definition.grad is not None:
            targets = {definition.inputs[i].name for i in definition.grad.targets}
        elif definition.gradient_of is not None:
            targets = {slot.name for slot in definition.inputs if not slot.spec_only}
        else:
            continue
        if not any(n in need for slot in targets for n in op.inputs.get(slot, [])):
            continue
        for slot in definition.outputs:
            if slot.over:
                continue
            for name in op.outputs.get(slot.name, []):
                v = resolve(block, name)
                if v is None or v.persistable or v.cut or not v.has_dtype or name in no_grad:
                    continue
                if v.dtype.is_floating or v.dtype.is_complex:
                    need.add(name)


def _takes_gradient(v: Variable | None) -> bool:
    return _is_floating_tensor(v) and v is not None and not v.cut


def _custom_inputs(op: Operator, need: Collection[str]) -> list[str]:
    """Inputs that a hand-written gradient gives gradients to."""
    part = op.extra.get("backward")
    if part is None:  # read from a file, which does not hold it: an error when a gradient is really asked for
        return [n for n in op.inputs["X"] if n in need]
    return [n for n, g in zip(op.inputs["X"], part.results, strict=True) if g is not None and n in need]


# gradients of loops, branches and arrays of tensors
_NOT_TWICE = (*GRADIENTS, "select_output", "add_to_array", "tensor_array_to_tensor_grad")


def _is_floating_tensor(v: Variable | None) -> bool:
    return v is not None and v.has_dtype and (v.dtype.is_floating or v.dtype.is_complex)


# slot -> slot on the way forward, for operators whose gradients are written by hand below
_ARRAY_FLOW = {
    "select_input": ("X", "Out"), "write_to_array": ("X", "Out"), "read_from_array": ("X", "Out"),
    "tensor_array_to_tensor": ("X", "Out"), "lod_tensor_to_array": ("X", "Out"), "array_to_lod_tensor": ("X", "Out"),
}  # fmt: skip


def append_gradients(
    block: Block, targets: Sequence[str], wanted: Sequence[str], first: int = 0, no_grad: Collection[str] = (), paddle_forms: bool = False
) -> tuple[list[str], dict[str, str]]:
    """Append gradient operators for ``sum(target * target_gradient)`` to `block`.

    targets: variables whose gradients are given. wanted: variables to differentiate with respect to. no_grad: variables
    that count as constants. paddle_forms: only operators that Paddle has, so that it can train the Program (see `gradient_forms`).
    Returns the names that hold the given gradients (to be fed or filled, in the order of `targets`) and, for each
    wanted variable that the targets depend on, the name of its gradient. A name ``x@GRAD`` that the block has already
    stays what it is; the new gradient is ``x@GRAD_0``.
    """
    if first == 0:
        single_assignment(block.program)
    forward = list(block.ops[first:])
    need = needs_gradient(block, wanted, forward, no_grad)
    for op in forward:
        _name_all(op, need)
    walk = _Walk(block, block, forward, need, paddle_forms)
    walk.begin(targets)
    seeds = [walk.part_of(walk.last(name)) if name in need else walk.grad_of(name) for name in targets]
    for name in dict.fromkeys(targets):
        if name in need:
            walk.finish(walk.last(name))
    walk.run()
    return seeds, {name: walk.grad_of(name) for name in wanted if walk.has_gradient(name)}


def _name_all(op: Operator, need: set[str]) -> None:
    """Give every gradient in a list that a gradient operator on the way makes a name: the next derivative has to speak of it."""
    definition = OPS.get(op.type)
    if definition is None or definition.gradient_of is None or not any(n in need for n in op.input_arg_names):
        return
    for slot in definition.outputs:
        names = op.outputs.get(slot.name, [])
        if slot.many and EMPTY in names and set(names) != {EMPTY}:
            likes = op.inputs.get(slot.name.removesuffix(GRAD_SUFFIX), [])
            for k, name in enumerate(names):
                if name == EMPTY:
                    like = resolve(op.block, likes[k]) if k < len(likes) else None
                    fresh = op.block.program.fresh_name(f"{slot.name}@UNUSED")
                    v = op.block.create_var(fresh, () if like is None else like._shape, None if like is None else like._dtype)
                    names[k] = v.name


Key = tuple[str, int]  # a name and how often it was written before: one value


class _Walk:
    """Gradient operators for the operators of one block, appended to `block`.

    `source` is the block the operators stand in; for control flow it is another one than `block`.
    """

    def __init__(self, block: Block, source: Block, forward: Sequence[Operator], need: set[str], paddle_forms: bool = False) -> None:
        self.block, self.source, self.need, self.paddle_forms = block, source, need, paddle_forms
        self.forward = list(forward)
        self.read_keys: list[dict[str, Key]] = []
        self.write_keys: list[dict[str, Key]] = []
        self.versions: dict[str, int] = {}
        written: set[str] = set()
        self.rewrites: list[set[str]] = []  # names an operator with a block writes that had a value before
        for op in self.forward:
            self.read_keys.append({n: self.last(n) for n in reads(op)})
            before = {n for n in writes(op) if n in written or _is_outer_array(source, n)} if inner_block(op) is not None else set()
            self.rewrites.append(before)
            for n in dict.fromkeys(writes(op)):
                v = resolve(source, n)
                if v is None or v.kind == "LOD_TENSOR":
                    self.versions[n] = self.versions.get(n, 0) + 1
                written.add(n)
            self.write_keys.append({n: self.last(n) for n in writes(op)})
        self.parts: dict[Key, int] = {}
        self.made: dict[Key, int] = {}
        self.zeros: set[Key] = set()
        self.grad_names: dict[str, str] = {}
        self.numbers: dict[str, int] = {}
        self.pieces: dict[Key, list[str]] = {}
        self.started: set[str] = set()  # arrays whose gradient has begun
        self.outer: set[str] = set()  # names whose gradient variable belongs to an enclosing block
        self.used: list[int] = []
        self.given: dict[int, list[str]] = {}  # per used operator the names it gives gradients to
        self.inside: dict[int, tuple[list[str], list[str]]] = {}

    mark = ""  # in the names of gradients: gradients of a traced function are read by later gradients, and must not be taken for them

    def last(self, name: str) -> Key:
        """The value a name has after the operators seen so far."""
        return name, self.versions.get(name, 0)

    def begin(self, targets: Sequence[str]) -> None:
        """Find the operators between the targets and what needs gradients, and how many parts each gradient has."""
        live = {self.last(n) for n in targets if n in self.need}
        for key in [self.last(n) for n in targets if n in self.need]:
            self.parts[key] = self.parts.get(key, 0) + 1
        for i in reversed(range(len(self.forward))):
            op = self.forward[i]
            produced = [n for n, key in self.write_keys[i].items() if key in live and n in self.need]
            if not produced:
                continue
            inputs = self._inputs_of(i, op, produced)
            if not inputs:
                continue
            self.used.append(i)
            self.given[i] = inputs
            for n in inputs:
                key = self.read_keys[i].get(n, (n, 0))
                if inner_block(op) is not None and n in self.rewrites[i]:
                    key = (n, self.write_keys[i][n][1] - 1)
                live.add(key)
                self.parts[key] = self.parts.get(key, 0) + 1

    def _inputs_of(self, i: int, op: Operator, produced: list[str]) -> list[str]:
        """Names the operator gives gradients to, one entry per use."""
        if op.type in _NOT_TWICE:
            raise NotSupportedError(
                f"the gradient of operator {op.type} is asked for: second derivatives through loops, branches and arrays of tensors are "
                "not supported in a Program; compute them in dynamic mode with paddle.grad(create_graph=True)"
            )
        inner = inner_block(op)
        if inner is not None:
            carried, plain = _live_through(op, inner, produced, self.need, self.rewrites[i])
            self.inside[i] = (carried, plain)
            return carried + plain
        if op.type in _ARRAY_FLOW:
            return [n for n in op.inputs.get(_ARRAY_FLOW[op.type][0], []) if n in self.need]
        if op.type == CUSTOM:
            return _custom_inputs(op, self.need)
        definition = _definition(op)
        if definition.gradient_of is not None:
            make_differentiable(definition)
        return [] if definition.grad is None else _differentiated_inputs(op, self.need)

    def has_gradient(self, name: str) -> bool:
        """Whether a gradient of the variable was made."""
        return name in self.started or any(self.made.get((name, v)) for v in range(self.versions.get(name, 0) + 1))

    # --- names

    def grad_of(self, name: str) -> str:
        """Name of the gradient of a variable."""
        found = self.grad_names.get(name)
        if found is None:
            found, number = name + self.mark + GRAD_SUFFIX, 0
            while found in self.block.vars:
                found = f"{name}{self.mark}{GRAD_SUFFIX}_{number}"
                number += 1
            self.grad_names[name] = found
        return found

    def declare(self, name: str, like: str) -> str:
        """Declare a gradient variable that looks like `like`."""
        v = resolve(self.source, like)
        assert v is not None
        if like not in self.outer or name != self.grad_names.get(like):
            self.block.create_var(name, v._shape, v._dtype, kind=v.kind)
        return name

    def part_of(self, key: Key) -> str:
        """Name for the next part of a gradient."""
        name = key[0]
        self.made[key] = self.made.get(key, 0) + 1
        whole = self.grad_of(name)
        if self.parts[key] == 1:
            return self.declare(whole, name)
        number = self.numbers[name] = self.numbers.get(name, -1) + 1
        part = self.declare(f"{whole}@RENAME@block{self.block.idx}@{number}", name)
        self.pieces.setdefault(key, []).append(part)
        return part

    def finish(self, key: Key) -> None:
        """Sum the parts as soon as the last one is there."""
        if self.parts[key] > 1 and self.made[key] == self.parts[key]:
            whole = self.declare(self.grad_of(key[0]), key[0])
            self.block.append_op("sum", {"X": self.pieces[key]}, {"Out": whole}, {"op_role": BACKWARD})

    def fill_zeros(self, name: str) -> str:
        """The gradient of something that leads nowhere."""
        whole = self.declare(self.grad_of(name), name)
        self.block.append_op("fill_zeros_like", {"X": name}, {"Out": whole}, {"op_role": BACKWARD})
        return whole

    # --- operators

    def run(self) -> None:
        """Append the gradient operators."""
        for i in self.used:
            op = self.forward[i]
            if inner_block(op) is not None:
                self._block_gradient(i, op)
            elif op.type == "select_input":
                self._select_gradient(i, op)
            elif op.type in _ARRAY_FLOW:
                self._array_gradient(i, op)
            elif op.type == CUSTOM:
                self._custom_gradient(i, op)
            else:
                self._plain_gradient(i, op)

    def _plain_gradient(self, i: int, op: Operator) -> None:
        block, need = self.block, self.need
        definition = _definition(op)
        plan = definition.grad
        assert plan is not None
        inputs: dict[str, list[str]] = {}
        for slot, (kind, index, may_miss) in zip(plan.slots_in, plan.sources, strict=True):
            if kind == "in":
                names = op.inputs.get(definition.inputs[index].name, [])
            elif kind == "out":
                names = op.outputs.get(definition.outputs[index].name, [])
                if not names and not slot.optional:
                    raise NotSupportedError(
                        f"operator {op.type} was saved without its output {slot.name}, which its gradient needs; "
                        "load the Program through paddle.jit.load, which restores such outputs"
                    )
            else:
                names = []
                for n in op.outputs.get(definition.outputs[index].name, []):
                    if n == EMPTY:
                        names.append(n)
                        continue
                    key = self.write_keys[i][n]
                    if self.parts.get(key, 0) == 0 and key not in self.zeros:
                        if may_miss:
                            continue
                        self.fill_zeros(n)  # an output that leads nowhere
                        self.zeros.add(key)
                    names.append(self.grad_of(n))
            if names:
                inputs[slot.name] = list(names)
        outputs: dict[str, list[str]] = {}
        finished = []
        for slot, index in zip(plan.slots_out, plan.targets, strict=True):
            source_names = op.inputs.get(definition.inputs[index].name, [])
            if not any(n in need for n in source_names):
                continue
            # inside a list, gradients nobody needs get a name that says so
            outputs[slot.name] = [self.part_of(self.read_keys[i][n]) if n in need else EMPTY for n in source_names]
            finished += [n for n in source_names if n in need]
        if not outputs:
            return
        role: dict[str, Any] = {k: v for k, v in op.attrs.items() if k in ("op_namescope", "op_device")}
        role["op_role"] = BACKWARD
        of_parameters = [n for n in dict.fromkeys(finished) if _is_parameter(self.source, n)]
        if of_parameters:  # for Paddle's readers: pairs of a parameter and its gradient
            role["op_role_var"] = [name for n in of_parameters for name in (n, self.grad_of(n))]
        if definition.gradient_of is not None:
            form = form_of(op, definition, inputs, outputs, block)
        else:
            form = ordinary_form(op, inputs, outputs) if self.paddle_forms else None
        if form is None:
            attrs = {**op.attrs, **role}
            block.append_op(definition.grad_type, inputs, outputs, attrs, attr_types=dict(op.attr_types), callstack=list(op.callstack))
        else:
            for type, given, made, attrs in form:
                block.append_op(type, given, made, {**attrs, **role}, callstack=list(op.callstack))
        for name in dict.fromkeys(finished):
            self.finish(self.read_keys[i][name])

    def _custom_gradient(self, i: int, op: Operator) -> None:
        """Put the operators of a hand-written backward function in."""
        part = op.extra.get("backward")
        for n in op.outputs["Out"]:
            key = self.write_keys[i][n]
            if self.parts.get(key, 0) == 0 and key not in self.zeros:
                self.fill_zeros(n)
                self.zeros.add(key)
        given = [self.grad_of(n) for n in op.outputs["Out"]]
        if part is None:
            for x in op.inputs["X"]:
                if x in self.need:
                    key = self.read_keys[i][x]
                    slots = {"X": [x], "Given": given}
                    self.block.append_op("missing_gradient", slots, {"Out": self.part_of(key)}, {"op_role": BACKWARD})
                    self.finish(key)
            return
        names = dict(zip([*part.saved, *part.seeds], [*op.inputs.get("Saved", []), *given], strict=True))
        program = self.block.program
        for inner in part.operators:
            for n in inner.output_arg_names:
                if n not in names and n != EMPTY:
                    names[n] = program.fresh_name(n)
                    like = resolve(op.block, n)
                    v = self.block.create_var(names[n], () if like is None else like._shape, None if like is None else like._dtype)
                    if like is not None:
                        v.kind, v.cut = like.kind, like.cut
            taken, made = renamed(inner.inputs, names), renamed(inner.outputs, names)
            attrs = {**inner.attrs, "op_role": BACKWARD}
            new = self.block.append_op(inner.type, taken, made, attrs, attr_types=dict(inner.attr_types), callstack=list(inner.callstack))
            new.extra = dict(inner.extra)
        finished = []
        for x, g in zip(op.inputs["X"], part.results, strict=True):
            if g is not None and x in self.need:
                key = self.read_keys[i][x]
                self.block.append_op("assign", {"X": names[g]}, {"Out": self.part_of(key)}, {"op_role": BACKWARD})
                finished.append(key)
        for key in dict.fromkeys(finished):
            self.finish(key)

    def _select_gradient(self, i: int, op: Operator) -> None:
        names = op.inputs["X"]
        keys = [self.read_keys[i][n] for n in names]
        makers = {n for o in self.forward if o.type in BRANCHES for n in o.output_arg_names}
        inputs = {"X": [self.grad_of(op.outputs["Out"][0])], "Mask": list(op.inputs["Mask"])}
        if any(n in self.need and (n not in makers or self.parts.get(k, 0) > 1) for n, k in zip(names, keys, strict=True)):
            inputs["Like"] = list(names)  # a value nobody chose has zeros for its gradient
        outputs = [self.part_of(k) if n in self.need else EMPTY for n, k in zip(names, keys, strict=True)]
        self.block.append_op("select_output", inputs, {"Out": outputs}, {"op_role": BACKWARD}, callstack=list(op.callstack))
        for n, k in dict(zip(names, keys, strict=True)).items():
            if n in self.need:
                self.finish(k)

    def _array_gradient(self, i: int, op: Operator) -> None:
        role = {"op_role": BACKWARD}
        if op.type == "write_to_array":
            (x,), (array,) = op.inputs["X"], op.outputs["Out"]
            key = self.read_keys[i][x]
            inputs = {"X": [self.grad_of(array)], "I": list(op.inputs["I"]), "X_W": [x]}
            self.block.append_op("read_from_array", inputs, {"Out": self.part_of(key)}, role, callstack=list(op.callstack))
            if _writes_over_entries(self.source.program, array):  # what the entry was before has no part in what came after
                zeros = self.block.create_var(self.block.program.fresh_name(f"{x}{GRAD_SUFFIX}@ZERO"), (), None).name
                like = resolve(self.source, x)
                if like is not None:
                    self.block.vars[zeros]._shape, self.block.vars[zeros]._dtype = like._shape, like._dtype
                self.block.append_op("fill_zeros_like", {"X": x}, {"Out": zeros}, role)
                self.block.append_op("write_to_array", {"X": zeros, "I": list(op.inputs["I"])}, {"Out": self.grad_of(array)}, role)
            self.finish(key)
            return
        if op.type == "lod_tensor_to_array":
            (x,), (array,) = op.inputs["X"], op.outputs["Out"]
            key = self.read_keys[i][x]
            inputs = {"X": [self.grad_of(array)], "RankTable": list(op.inputs["RankTable"])}
            self.block.append_op("array_to_lod_tensor", inputs, {"Out": self.part_of(key)}, role, callstack=list(op.callstack))
            self.finish(key)
            return
        (array,), (out,) = op.inputs["X"], op.outputs["Out"]
        whole = self.declare(self.grad_of(array), array)
        if op.type == "read_from_array":
            inputs = {"X": [self.grad_of(out)], "I": list(op.inputs["I"])}
            # Paddle has no operator that adds; where each entry is read once, writing does the same
            kind = "write_to_array" if self.paddle_forms and op.extra.get("once") else "add_to_array"
            self.block.append_op(kind, inputs, {"Out": whole}, role, callstack=list(op.callstack))
        elif op.type == "array_to_lod_tensor" and array not in self.started:
            inputs = {"X": [self.grad_of(out)], "RankTable": list(op.inputs["RankTable"])}
            self.block.append_op("lod_tensor_to_array", inputs, {"Out": whole}, role, callstack=list(op.callstack))
        elif op.type == "array_to_lod_tensor":
            raise NotSupportedError(f"array {array!r} is used once more after the loop that fills it; its gradient is not supported")
        else:
            inputs = {"X": [array], "OutIndex": list(op.outputs["OutIndex"]), "Out@GRAD": [self.grad_of(out)]}
            part = whole
            if array in self.started:
                self.numbers[array] = self.numbers.get(array, -1) + 1
                part = self.declare(f"{whole}@RENAME@block{self.block.idx}@{self.numbers[array]}", array)
            attrs = {**op.attrs, **role}
            self.block.append_op("tensor_array_to_tensor_grad", inputs, {"X@GRAD": part}, attrs, callstack=list(op.callstack))
            if part != whole:
                self.block.append_op("sum", {"X": [whole, part]}, {"Out": whole}, role)
        self.started.add(array)

    def _block_gradient(self, i: int, op: Operator) -> None:
        inner = inner_block(op)
        assert inner is not None
        loop = op.type in LOOPS
        carried, plain = self.inside[i]
        slot_in = "X" if loop else "Input"
        after = [n for n in dict.fromkeys([*carried, *self.write_keys[i]]) if n in carried or (
            n in self.need and not loop and self.parts.get(self.write_keys[i][n], 0))]  # fmt: skip
        for n in after:
            key = self.write_keys[i].get(n, (n, 0))
            v = resolve(self.source, n)
            if v is not None and v.kind != "LOD_TENSOR":
                if n not in self.started:
                    if n in outer_writes(inner):  # the block reads the gradient before it makes it
                        self.fill_zeros(n)
                    else:  # its gradient begins in the block
                        self.declare(self.grad_of(n), n)
                    self.started.add(n)
                continue
            if not self.parts.get(key, 0) and key not in self.zeros:
                self.fill_zeros(n)
                self.zeros.add(key)
        arrays = [n for n in plain if not _is_tensor(self.source, n) and not (self.paddle_forms and _read_once(inner, n))]
        for n in arrays:  # the trips add to one gradient, which begins here unless it was begun before
            if n not in self.started:
                self.fill_zeros(n)
                self.started.add(n)
        program = self.block.program
        current = program.current_block_idx
        made = program.create_block(self.block.idx)
        program.current_block_idx = current
        made.forward_block_idx = inner.idx
        walk = _Walk(made, inner, inner.ops, self.need, self.paddle_forms)
        for n in [*after, *arrays]:
            walk.grad_names[n] = self.grad_of(n)
            walk.outer.add(n)
        walk.started |= {n for n in [*after, *arrays] if n in self.started}
        walk.begin(after)
        for n in after:
            key = walk.last(n)
            if walk.parts.get(key):  # the gradient that comes from behind is there
                walk.made[key] = walk.made.get(key, 0) + 1
                if walk.parts[key] > 1:
                    walk.pieces.setdefault(key, []).append(self.grad_of(n))
        walk.run()
        for n in carried:
            v = resolve(inner, n)
            if v is not None and v.kind == "LOD_TENSOR" and not walk.made.get((n, 0)):
                walk.fill_zeros(n)
        used = {n for o in inner.ops for n in (o.input_arg_names if inner_block(o) is None else reads(o))}
        new = [n for n in (*carried, *plain) if n in used or _is_tensor(self.source, n)]  # no arrays that are only written to
        reading = list(dict.fromkeys([*op.inputs.get(slot_in, []), *new]))
        op.inputs[slot_in] = reading
        outputs, finished = [], []
        for n in reading:
            v = resolve(self.source, n)
            if n in arrays or n in carried and v is not None and v.kind != "LOD_TENSOR":
                outputs.append(self.grad_of(n))
                self.started.add(n)
            elif n in carried or n in plain:
                key = self.read_keys[i].get(n, (n, 0))
                if n in self.rewrites[i]:
                    key = (n, self.write_keys[i][n][1] - 1)
                outputs.append(self.part_of(key))
                finished.append(key)
            else:
                outputs.append(EMPTY)
        attrs = {**op.attrs, "sub_block": made.idx, "op_role": BACKWARD}
        out_grads = [self.grad_of(n) for n in after]
        slots = {slot_in: reading, "Out": list(op.outputs.get("Out", [])), "Out@GRAD": out_grads}
        if loop:
            attrs["original_output_grad"], attrs["is_test"], op.attrs["is_test"] = out_grads, False, False
            slots["StepScopes"] = self._carrier(op, "StepScopes")
        else:
            slots = {"Cond": list(op.inputs["Cond"]), **slots, "Scope": self._carrier(op, "Scope")}
        self.block.append_op(
            f"{'while' if loop else 'conditional_block'}_grad", slots, {slot_in + GRAD_SUFFIX: outputs}, attrs,
            attr_types=dict(op.attr_types), callstack=list(op.callstack),
        )  # fmt: skip
        for key in dict.fromkeys(finished):
            self.finish(key)

    def _carrier(self, op: Operator, slot: str) -> list[str]:
        """The variable that takes what a run of the block keeps to its gradient."""
        names = op.outputs.get(slot)
        if not names:
            names = [op.block.create_var(None, (), None, kind="STEP_SCOPES").name]
            op.outputs[slot] = names
        return list(names)


def _live_through(
    op: Operator, inner: Block, produced: Collection[str], need: set[str], rewrites: Collection[str]
) -> tuple[list[str], list[str]]:
    """For an operator with a block: (names it writes over whose gradients go through it, other names it gives gradients to)."""
    own = set(outer_writes(inner))
    live = {n for n in produced if n in own}
    loop = op.type in LOOPS
    carried: set[str] = set()
    while True:
        if loop:
            carried = live & own
        walk = _Walk(inner, inner, inner.ops, need)
        walk.begin(sorted(live))
        found = {
            n for i in walk.used for n in walk.given[i]
            if walk.read_keys[i].get(n, (n, 0))[1] == 0 and n not in inner.vars and n in need
        }  # fmt: skip
        if not loop:
            carried = {n for n in live if n in rewrites}
            return sorted(carried | (found & own & set(rewrites))), sorted(found - own)
        grown = live | (found & own)
        if grown == live:
            return sorted(carried), sorted(found - own)
        live = grown


def _read_once(block: Block, array: str) -> bool:
    """Whether each entry of the array is read once by the operators of the block, which say so themselves."""
    readers = [op for op in block.ops if array in op.input_arg_names]
    return len(readers) == 1 and bool(readers[0].extra.get("once"))


def _writes_over_entries(program: Program, array: str) -> bool:
    """Whether an entry of an array of tensors may be written twice: by anything but an append."""
    fixed: list[Any] = []
    for block in program.blocks:
        for op in block.ops:
            if op.type != "write_to_array" or op.output_arg_names != [array] or int(op.attrs.get("op_role", 0)) & BACKWARD:
                continue
            index = op.inputs["I"][0]
            maker = next((o for o in reversed(block.ops) if index in o.output_arg_names), None)
            if maker is None or maker.type not in ("lod_array_length", "fill_constant"):
                return True
            if maker.type == "fill_constant":
                if block.idx:
                    return True
                fixed.append(maker.attrs.get("value"))
    return len(set(fixed)) < len(fixed)


def _is_outer_array(block: Block, name: str) -> bool:
    """Whether it is an array of tensors of an enclosing block, which has a value when the block begins."""
    return name not in block.vars and block.parent_idx >= 0 and not _is_tensor(block, name)


def _is_tensor(block: Block, name: str) -> bool:
    v = resolve(block, name)
    return v is None or v.kind == "LOD_TENSOR"


def _is_parameter(block: Block, name: str) -> bool:
    v = resolve(block, name)
    return v is not None and v.is_parameter


def _differentiated_inputs(op: Operator, need: set[str]) -> list[str]:
    definition = _definition(op)
    assert definition.grad is not None
    slots = [definition.inputs[i].name for i in definition.grad.targets]
    return [n for slot in slots for n in op.inputs.get(slot, []) if n in need]


# --- what users call


def _names(value: Any, what: str) -> list[str]:
    """Names of Variables or names, one or several. TypeError for anything else."""
    items = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
    for item in items:
        if not isinstance(item, (str, Variable)):
            raise TypeError(f"{what} must hold Variables or names, got {type(item).__name__}")
    return [item if isinstance(item, str) else item.name for item in items]


def _floating(v: Variable) -> bool:
    return v.has_dtype and v.kind == "LOD_TENSOR" and (v.dtype.is_floating or v.dtype.is_complex)


def _constants(program: Program, no_grad_set: Any, keep: Sequence[str] = ()) -> set[str]:
    """Names of the variables that no gradient flows to."""
    found = {v.name for v in program.list_vars() if v.stop_gradient}
    return (found - set(keep)) | set(_names(no_grad_set or [], "no_grad_set"))


def recorded_gradients(
    recorder: Any, outputs: Sequence[Variable], inputs: Sequence[Variable], weights: Sequence[Variable | None], no_grad: Sequence[str],
    create_graph: bool,
) -> list[Variable | None]:  # fmt: skip
    """`paddle.grad` while a function is traced: the gradient operators become a part of what is recorded.

    NotSupportedError where the way from the inputs to the outputs leads into a branch or loop that is not finished, or
    (create_graph) through a finished one.
    """
    block = outputs[0].block
    program = block.program
    if any(v.block is not block for v in (*outputs, *(v for v in inputs if not v.persistable and not v.is_data))):
        raise NotSupportedError(
            "paddle.grad inside of a branch or loop on a Tensor takes outputs and inputs that were made in one and the same block"
        )
    holding = [op for op in block.ops if inner_block(op) is not None]
    if holding and recorder.regions:
        raise NotSupportedError(
            "paddle.grad inside of a branch or loop on a Tensor, after another one; call it outside, or in a function of its own"
        )
    if block.idx and any(v.block is not block and _leads_here(block, v.name) for v in inputs):
        raise NotSupportedError(
            "paddle.grad inside of a branch or loop on a Tensor, for an input from outside that the branch or loop also uses through "
            "other Tensors; compute all of them inside"
        )
    inputs = [_below_hooks(block, v) for v in inputs]
    if not recorder.regions:
        single_assignment(program)
    first, blocks = len(block.ops), len(program.blocks)
    constants = ({v.name for v in program.list_vars() if v.stop_gradient} - {v.name for v in inputs}) | set(no_grad)
    wanted = [v.name for v in inputs if v.name not in no_grad]
    need = needs_gradient(block, wanted, block.ops, constants)
    for op in block.ops:
        _name_all(op, need)
    walk = _Walk(block, block, block.ops, need, True)
    names = [v.name for v in outputs]
    walk.begin(names)
    through_blocks = any(inner_block(walk.forward[i]) is not None for i in walk.used)
    if not through_blocks:
        walk.mark = "@RECORDED"
    if create_graph and through_blocks:
        raise NotSupportedError(
            "paddle.grad(create_graph=True) in a traced function, through a branch or loop on a Tensor: its second derivative is not "
            "recorded; leave create_graph out, or run it dynamically"
        )
    for target, weight in zip(outputs, weights, strict=True):
        if target.name in need:
            seed = walk.part_of(walk.last(target.name))
            if weight is None:
                _fill(block, len(block.ops), seed, target, 0)
            else:
                block.append_op("assign", {"X": weight}, {"Out": seed}, {})
    for name in dict.fromkeys(names):
        if name in need:
            walk.finish(walk.last(name))
    walk.run()
    found = {n: walk.grad_of(n) for n in dict.fromkeys(wanted) if walk.has_gradient(n)}
    if through_blocks:  # gradients of blocks go by the names of what they belong to
        for n, g in found.items():
            found[n] = block.create_var(None, block.vars[g]._shape, block.vars[g]._dtype).name
            block.append_op("assign", {"X": g}, {"Out": found[n]}, {})
    for b in [block, *program.blocks[blocks:]]:
        for op in b.ops[first if b is block else 0 :]:  # from now on they are operators like others
            op.attrs["op_role"] = 0
            op.attrs.pop("op_role_var", None)
    made = [block.vars[found[v.name]] if v.name in found else None for v in inputs]
    for v in made:
        if v is not None:
            v.stop_gradient = not create_graph
            v.cut = not create_graph
    program.touch()
    return made


def _below_hooks(block: Block, v: Variable) -> Variable:
    """The value that a Variable had before it got hooks: the gradient of a result, unlike that of an argument, passes through them."""
    name = v.name
    while (maker := next((op for op in block.ops if name in op.output_arg_names), None)) is not None:
        if not is_hook(maker):
            return v if name == v.name else block.vars[name]
        name = maker.inputs["X"][0]
    return v


def _leads_here(block: Block, name: str) -> bool:
    """Whether operators of enclosing blocks make something of the variable that `block` reads."""
    read = set(outer_reads(block))
    at = block.parent
    while at is not None:
        reached = {name}
        for op in at.ops:
            if any(n in reached for n in reads(op)):
                reached.update(writes(op))
        if read & (reached - {name}):
            return True
        at = at.parent
    return False


def append_backward(
    loss: Variable, parameter_list: Sequence[Any] | None = None, no_grad_set: Any = None, callbacks: Any = None
) -> list[tuple[Variable, Variable]]:
    """Append the gradient operators of `loss` to its Program; returns (parameter, gradient) pairs.

    parameter_list: the parameters (or names) to return, all trainable ones by default. no_grad_set: variables that count
    as constants. TypeError unless `loss` is a Variable; ValueError unless it has one element.
    """
    if not isinstance(loss, Variable):
        raise TypeError(f"The type of 'loss' in append_backward must be Variable, but received {type(loss).__name__}.")
    if callbacks is not None and not isinstance(callbacks, (list, tuple)):
        raise TypeError(f"The type of 'callbacks' in append_backward must be list or tuple, but received {type(callbacks).__name__}.")
    if parameter_list is not None and not isinstance(parameter_list, (list, tuple, set)):
        raise TypeError(f"The type of 'parameter_list' must be list, tuple or set, but received {type(parameter_list).__name__}.")
    if callbacks:
        raise NotSupportedError("append_backward: callbacks are not supported; change the gradient operators afterwards instead")
    if any(n != 1 for n in loss.static_shape):
        raise ValueError(
            f"append_backward: the loss must have one element, but {loss.name!r} is {loss.describe()}; use paddle.mean or paddle.sum"
        )
    block = loss.block
    program = block.program
    constants = _constants(program, no_grad_set)
    wanted = [v.name for v in program.list_vars() if v.name not in constants and _floating(v)]
    maker = loss.op
    if maker is not None:
        maker.attrs["op_role"] = int(maker.attrs.get("op_role", 0)) | LOSS
    single_assignment(program)
    first = len(block.ops)
    (seed,), found = append_gradients(block, [loss.name], wanted, no_grad=constants, paddle_forms=True)
    if parameter_list is None:
        parameters = [v for v in program.all_parameters() if v.trainable]
    else:
        parameters = [program.global_block()._var_recursive(n) for n in _names(list(parameter_list), "parameter_list")]
    if found:
        _fill(block, first, seed, loss, LOSS | BACKWARD)
    return [(p, block._var_recursive(found[p.name])) for p in parameters if p.name in found and p.name not in constants]


def _fill(block: Block, index: int, name: str, like: Variable, role: int, from_like: bool = False) -> None:
    """Insert the operator that makes the gradient a walk begins with: ones. from_like: read the shape from `like` in any case."""
    if from_like or -1 in like.static_shape:
        made = block._insert_op(index, "fill_any_like", {"X": like}, {"Out": name}, {"value": 1.0, "dtype": like.dtype.proto})
    else:
        made = block._insert_op(
            index, "fill_constant", {}, {"Out": name},
            {"shape": list(like.static_shape), "value": 1.0, "dtype": like.dtype.proto, "force_cpu": False},
        )  # fmt: skip
    made.attrs["op_role"] = role


def gradients(
    targets: Any, inputs: Any, target_gradients: Any = None, no_grad_set: Any = None
) -> list[Variable | None]:
    """Append the gradient operators of ``sum(target * target_gradient)``; returns the gradient of each input.

    targets, inputs: Variables of one Program. target_gradients: a Variable or None (ones) per target. An input that the
    targets do not depend on has None ([] if it is the only one, as in Paddle). ValueError for the wrong number or shape.
    """
    outs, ins = _variables(targets, "targets"), _variables(inputs, "inputs")
    given = [None] * len(outs) if target_gradients is None else _variables(target_gradients, "target_gradients", optional=True)
    if len(given) != len(outs):
        raise ValueError("Should have the same number of target_gradients as targets")
    block = outs[0].block
    program = block.program
    for v in (*outs, *ins):
        if v.block.program is not program:
            raise ValueError(f"gradients: {v.name!r} belongs to another Program than {outs[0].name!r}")
    constants = _constants(program, no_grad_set)
    single_assignment(program)
    first = len(block.ops)
    names = list(dict.fromkeys(v.name for v in outs))
    wanted = [v.name for v in ins if v.name not in constants]
    seeds, found = append_gradients(block, names, wanted, no_grad=constants, paddle_forms=True)
    if found:
        position = 0
        for target, seed, gradient in zip(outs, seeds, given):
            if seed not in block.vars:  # the target does not depend on any input
                continue
            if gradient is None:
                _fill(block, first + position, seed, target, BACKWARD, from_like=True)  # as Paddle has it in `gradients`
            else:
                if tuple(gradient.static_shape) != tuple(target.static_shape):
                    raise ValueError(
                        f"The shapes of grad and target are different: {gradient.describe()} for {target.name!r}, which is "
                        f"{target.describe()}"
                    )
                block._insert_op(first + position, "assign", {"X": gradient}, {"Out": seed}, {"op_role": BACKWARD})
            position += 1
    result = [block.find_var(found[v.name]) if v.name in found else None for v in ins]
    return [] if len(result) == 1 and result[0] is None else result


def _variables(value: Any, what: str, optional: bool = False) -> list[Any]:
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    for item in items:
        if not isinstance(item, Variable) and not (optional and item is None):
            raise TypeError(f"The type of '{what}' in static.gradients must be Variable, but received {type(item).__name__}.")
    if not items:
        raise ValueError(f"static.gradients: {what} must not be empty")
    return items
