"""Training Programs and recurrent layers of Paddle 1.x in a form that runs here.

`recurrent` (1.x's StaticRNN) becomes the `while` that it means. Gradients of loops and branches depend on the order in which 1.x writes
over its variables, and for values that a loop carries they are wrong there; so in such Programs the gradient operators are
written anew, under the same names.
"""

from __future__ import annotations

from typing import Any

from ..dtypes import bool_, int64
from . import backward
from .program import BACKWARD, GRAD_SUFFIX, LOSS, OPTIMIZE, Block, Operator, Program, Variable

__all__ = ["in_our_form", "without_recurrent"]

_FIRST_2X = 2_000_000  # the version number that files carry
_CONTROL_GRADIENTS = ("while_grad", "conditional_block_grad", "recurrent_grad")


def in_our_form(program: Program) -> Program:
    """The Program itself, or a copy that differs where 1.x's gradients of control flow do."""
    if len(program.blocks) == 1 or not 0 < program.desc_version < _FIRST_2X:
        return program
    types = {op.type for block in program.blocks for op in block.ops}
    if types.isdisjoint(_CONTROL_GRADIENTS):
        if "recurrent" not in types:
            return program
        new = program.clone()
        without_recurrent(new)
        return new
    main = program.global_block()
    ends = [i for i, op in enumerate(main.ops) if int(op.attrs.get("op_role", 0)) == LOSS | BACKWARD]
    if len(ends) != 1:  # not what `minimize` writes
        return program
    seed = main.ops[ends[0]].output_arg_names[0]
    new = program.clone()
    main = new.global_block()
    loss = main.find_var(seed.removesuffix(GRAD_SUFFIX))
    if loss is None:
        return program
    _drop_gradients(new)
    without_recurrent(new)
    tail = [op for op in main.ops if int(op.attrs.get("op_role", 0)) & OPTIMIZE]
    main.ops = [op for op in main.ops if not int(op.attrs.get("op_role", 0)) & OPTIMIZE]
    given = {n for op in tail for n in op.input_arg_names if n.endswith(GRAD_SUFFIX)}
    for v in main.vars.values():
        if v.persistable and v.name + GRAD_SUFFIX in given:
            v._stop_gradient = False
    wanted = [main.vars[n.removesuffix(GRAD_SUFFIX)] for n in sorted(given) if n.removesuffix(GRAD_SUFFIX) in main.vars]
    constants = {v.name for v in new.list_vars() if v.persistable} - {v.name for v in wanted}
    backward.append_backward(loss, wanted, constants)
    main.ops += tail
    new.touch()
    return new


def _drop_gradients(program: Program) -> None:
    """Take out gradient operators, their variables and their blocks."""
    forward = {0}
    for block in program.blocks:
        block.ops = [op for op in block.ops if not int(op.attrs.get("op_role", 0)) & BACKWARD]
    todo = [0]
    while todo:
        for op in program.blocks[todo.pop()].ops:
            found = [i for i in op.sub_blocks if i not in forward]
            forward.update(found)
            todo += found
    number = {old: new for new, old in enumerate(sorted(forward))}
    program.blocks = [b for b in program.blocks if b.idx in forward]
    for block in program.blocks:
        block.idx, block.parent_idx = number[block.idx], number.get(block.parent_idx, -1)
        block.vars = {name: v for name, v in block.vars.items() if GRAD_SUFFIX not in name}
        for v in block.vars.values():
            if not v.persistable and not v.is_data:
                v._stop_gradient = False
        for op in block.ops:
            for key in op.attrs:
                if key == "sub_block":
                    op.attrs[key] = number[op.attrs[key]]


# --- recurrent


def without_recurrent(program: Program) -> None:
    """Replace `recurrent` operators by loops, in place."""
    for block in list(program.blocks):
        ops, block.ops = block.ops, []
        for op in ops:
            if op.type == "recurrent":
                _as_loop(op, block)
            elif op.type == "rnn_memory_helper":
                block.ops.append(Operator(block, "assign", op.inputs, op.outputs, {}, callstack=op.callstack))
            else:
                block.ops.append(op)
    program.touch()


def _as_loop(op: Operator, block: Block) -> None:
    program = block.program
    inner = program.blocks[op.attrs["sub_block"]]
    stack = list(op.callstack)

    def variable(base: str, shape: Any, dtype: Any, kind: str = "LOD_TENSOR", where: Block = block) -> Variable:
        return where.create_var(program.fresh_name(base), shape, dtype, kind=kind)

    def append(
        type: str, inputs: dict[str, Any], out: Any, attrs: dict[str, Any] | None = None, where: Block = block
    ) -> Any:
        where.append_op(type, inputs, {"Out": out}, attrs or {}, callstack=stack)
        return out

    def constant(value: int) -> Variable:
        return append(
            "fill_constant",
            {},
            variable("recurrent", (1,), int64),
            {"shape": [1], "value": float(value), "dtype": int64.proto},
        )  # type: ignore[no-any-return]

    def add(x: Variable, number: float, where: Block = block) -> Variable:
        return append(
            "scale",
            {"X": x},
            variable("recurrent", (1,), int64, where=where),
            {"scale": 1.0, "bias": float(number)},
            where,
        )  # type: ignore[no-any-return]

    inputs = [block._var_recursive(n) for n in op.inputs["inputs"]]
    size = append("shape", {"Input": inputs[0]}, variable("recurrent", (len(inputs[0].static_shape),), "int32"))
    first = append(
        "slice", {"Input": size}, variable("recurrent", (1,), "int32"), {"axes": [0], "starts": [0], "ends": [1]}
    )
    count = append(
        "cast",
        {"X": first},
        variable("recurrent", (1,), int64),
        {"in_dtype": size.dtype.proto, "out_dtype": int64.proto},
    )
    step = constant(0)
    going = append("less_than", {"X": step, "Y": count}, variable("recurrent", (1,), bool_))
    body, inner.ops = inner.ops, []
    at = step
    if op.attrs.get("reverse"):
        last = append(
            "elementwise_sub", {"X": count, "Y": step}, variable("recurrent", (1,), int64, where=inner), None, inner
        )
        at = add(last, -1.0, inner)
    for x in inputs:  # inside, a variable of the same name is the slice
        whole = append("assign", {"X": x}, variable(f"{x.name}@STEPS", x.static_shape, x.dtype))
        row = append(
            "gather",
            {"X": whole, "Index": at},
            variable("recurrent", (1, *x.static_shape[1:]), x.dtype, where=inner),
            None,
            inner,
        )
        append("squeeze", {"X": row}, inner.vars[x.name], {"axes": [0]}, inner)
    links = []
    for start, before, after in zip(
        op.inputs.get("initial_states", []), op.attrs.get("ex_states", []), op.attrs.get("states", []), strict=True
    ):
        v = block._var_recursive(start)
        array = variable(f"{before}@STATES", v.static_shape, v.dtype, "LOD_TENSOR_ARRAY")
        append("write_to_array", {"X": v, "I": step}, array)
        links.append((after, array))
        inner.vars.setdefault(before, Variable(inner, before, v.static_shape, v.dtype))
        append("read_from_array", {"X": array, "I": step}, inner.vars[before], None, inner)
        inner.ops[-1].extra["once"] = True
    inner.ops += body
    results = []
    for n in op.outputs["outputs"]:
        out = block._var_recursive(n)
        array = variable(f"{n}@STEPS", out.static_shape[1:], out.dtype, "LOD_TENSOR_ARRAY")
        append("write_to_array", {"X": inner.vars[n], "I": at}, array, None, inner)
        results.append((array, out))
    following = add(step, 1.0, inner)
    for after, array in links:
        append("write_to_array", {"X": inner.vars[after], "I": following}, array, None, inner)
    again = append(
        "less_than", {"X": following, "Y": count}, variable("recurrent", (1,), bool_, where=inner), None, inner
    )
    append("assign", {"X": following}, step, None, inner)
    append("assign", {"X": again}, going, None, inner)
    reads: dict[str, None] = {}
    written: set[str] = set()
    for o in inner.ops:
        reads.update(dict.fromkeys(n for n in o.input_arg_names if n not in inner.vars and n not in written))
        written.update(o.output_arg_names)
    block.append_op(
        "while", {"X": [n for n in reads if n != going.name], "Condition": going},
        {"Out": list(dict.fromkeys([step.name, going.name, *(a.name for _, a in links), *(a.name for a, _ in results)])),
         "StepScopes": variable("recurrent", (), None, "STEP_SCOPES")},
        {"sub_block": inner.idx, "is_test": False}, callstack=stack,
    )  # fmt: skip
    for array, out in results:
        sizes = variable("recurrent", (-1,), "int32")
        block.append_op(
            "tensor_array_to_tensor",
            {"X": array},
            {"Out": out, "OutIndex": sizes},
            {"axis": 0, "use_stack": True},
            callstack=stack,
        )
