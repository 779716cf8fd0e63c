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
from .program import BACKWARD, GRAD_SUFFIX, LOSS, Block, Operator, Program, Variable

__all__ = ["append_backward", "append_gradients", "gradients", "needs_gradient"]


def _definition(op: Operator) -> Op:
    try:
        return OPS[op.type]
    except KeyError:
        raise UnknownOperatorError(f"operator {op.type!r} has no definition, so its gradient is not known") from None


def needs_gradient(
    block: Block, wanted: Collection[str], operators: Sequence[Operator], no_grad: Collection[str] = ()
) -> set[str]:
    """Names of all variables that depend, through differentiable operators, on a variable in `wanted`.

    no_grad: variables that count as constants.
    """
    need = set(wanted) - set(no_grad)
    for op in operators:
        definition = OPS.get(op.type)
        if definition is None:
            continue
        if definition.grad is not None:
            targets = {definition.inputs[i].name for i in definition.grad.targets}
        elif definition.gradient_of is not None:  # refused later, if it is on the way
            targets = {slot.name for slot in definition.inputs}
        else:
            continue
        if not any(n in need for slot in targets for n in op.inputs.get(slot, [])):
            continue
        for slot in definition.outputs:
            if slot.over:
                continue
            for name in op.outputs.get(slot.name, []):
                v = block.find_var(name)
                if v is None or v.persistable or v.cut or not v.has_dtype or name in no_grad:
                    continue
                if v.dtype.is_floating or v.dtype.is_complex:
                    need.add(name)
    return need


def append_gradients(
    block: Block, targets: Sequence[str], wanted: Sequence[str], first: int = 0, no_grad: Collection[str] = ()
) -> tuple[list[str], dict[str, str]]:
    """Append gradient operators for ``sum(target * target_gradient)`` to `block`.

    targets: variables whose gradients are given. wanted: variables to differentiate with respect to. no_grad: variables
    that count as constants.
    Returns the names that hold the given gradients (to be fed or filled, in the order of `targets`) and, for each
    wanted variable that the targets depend on, the name of its gradient. A name ``x@GRAD`` that the block has already
    stays what it is; the new gradient is ``x@GRAD_0``.
    """
    forward = list(block.ops[first:])
    need = needs_gradient(block, wanted, forward, no_grad)
    used = [op for op in _on_the_way(forward, need, set(targets))]
    _refuse_rewrites(used, need)

    # how many parts each gradient will have
    parts: dict[str, int] = {}
    for name in targets:
        if name in need:
            parts[name] = parts.get(name, 0) + 1
    for op in used:
        for name in _differentiated_inputs(op, need):
            parts[name] = parts.get(name, 0) + 1

    made: dict[str, int] = {}
    zeros: set[str] = set()

    def declare(name: str, like: str) -> str:
        source = block.find_var(like)
        assert source is not None
        block.create_var(name, source._shape, source._dtype)
        return name

    grad_names: dict[str, str] = {}

    def grad_of(name: str) -> str:
        found = grad_names.get(name)
        if found is None:
            found, number = name + GRAD_SUFFIX, 0
            while found in block.vars:
                found = f"{name}{GRAD_SUFFIX}_{number}"
                number += 1
            grad_names[name] = found
        return found

    def part_of(name: str) -> str:
        number = made[name] = made.get(name, 0) + 1
        whole = grad_of(name)
        return declare(whole if parts[name] == 1 else f"{whole}@RENAME@block{block.idx}@{number - 1}", name)

    def finish(name: str) -> None:
        """Sum the parts as soon as the last one is there."""
        if parts[name] > 1 and made[name] == parts[name]:
            whole = grad_of(name)
            pieces = [f"{whole}@RENAME@block{block.idx}@{i}" for i in range(parts[name])]
            block.append_op("sum", {"X": pieces}, {"Out": declare(whole, name)}, {"op_role": BACKWARD})

    seeds = [part_of(name) if name in need else grad_of(name) for name in targets]
    for name in dict.fromkeys(targets):
        if name in need:
            finish(name)
    for op in reversed(used):
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
                    if parts.get(n, 0) == 0 and n not in zeros:
                        if may_miss:
                            continue
                        # an output that leads nowhere: its gradient is zero
                        block.append_op("fill_zeros_like", {"X": n}, {"Out": declare(grad_of(n), n)}, {"op_role": BACKWARD})
                        zeros.add(n)
                    names.append(grad_of(n))
            if names:
                inputs[slot.name] = list(names)
        outputs: dict[str, list[str]] = {}
        finished = []
        for slot, index in zip(plan.slots_out, plan.targets, strict=True):
            source_names = op.inputs.get(definition.inputs[index].name, [])
            if not any(n in need for n in source_names):
                continue
            # inside a list, gradients nobody needs get a name that says so
            outputs[slot.name] = [part_of(n) if n in need else "@EMPTY@" for n in source_names]
            finished += [n for n in source_names if n in need]
        if not outputs:
            continue
        attrs = {**op.attrs, "op_role": BACKWARD}
        of_parameters = [n for n in dict.fromkeys(finished) if _is_parameter(block, n)]
        if of_parameters:  # for Paddle's readers: pairs of a parameter and its gradient
            attrs["op_role_var"] = [name for n in of_parameters for name in (n, grad_of(n))]
        block.append_op(definition.grad_type, inputs, outputs, attrs, attr_types=dict(op.attr_types), callstack=list(op.callstack))
        for name in dict.fromkeys(finished):
            finish(name)
    return seeds, {name: grad_of(name) for name in wanted if made.get(name)}


def _is_parameter(block: Block, name: str) -> bool:
    v = block.find_var(name)
    return v is not None and v.is_parameter


def _differentiated_inputs(op: Operator, need: set[str]) -> list[str]:
    definition = _definition(op)
    assert definition.grad is not None
    slots = [definition.inputs[i].name for i in definition.grad.targets]
    return [n for slot in slots for n in op.inputs.get(slot, []) if n in need]


def _on_the_way(forward: Sequence[Operator], need: set[str], targets: set[str]) -> list[Operator]:
    """Operators between the wanted variables and the targets, in forward order."""
    live = set(targets)
    used = []
    for op in reversed(forward):
        produced = [n for n in op.output_names if n in live and n in need]
        if not produced:
            continue
        definition = _definition(op)
        if definition.gradient_of is not None and definition.grad is None:
            raise NotSupportedError(
                f"the gradient of operator {op.type} is asked for: a Program has no second derivatives; compute them in dynamic "
                "mode with paddle.grad(create_graph=True), or write the first derivative out with ordinary operators"
            )
        if definition.grad is None:
            continue
        inputs = _differentiated_inputs(op, need)
        if inputs:
            used.append(op)
            live.update(inputs)
    return used[::-1]


def _refuse_rewrites(used: Sequence[Operator], need: set[str]) -> None:
    """A differentiated variable must be written once: names stand for values here."""
    written: set[str] = set()
    for op in used:
        for name in op.output_names:
            if name in need and name in written:
                raise NotSupportedError(
                    f"variable {name!r} is written by several operators of the Program ({op.type} the last); its gradient "
                    "cannot be found from its name"
                )
            written.add(name)


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


def append_backward(
    loss: Variable, parameter_list: Sequence[Any] | None = None, no_grad_set: Any = None, callbacks: Any = None
) -> list[tuple[Variable, Variable]]:
    """Append the gradient operators of `loss` to its Program; returns (parameter, gradient) pairs.

    parameter_list: the parameters (or names) to return, all trainable ones by default. no_grad_set: variables that count
    as constants. TypeError unless `loss` is a Variable; ValueError unless it has one element.
    """
    if not isinstance(loss, Variable):
        raise TypeError(f"The type of 'loss' in append_backward must be Variable, but received {type(loss).__name__}.")
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
    first = len(block.ops)
    (seed,), found = append_gradients(block, [loss.name], wanted, no_grad=constants)
    if parameter_list is None:
        parameters = [v for v in program.all_parameters() if v.trainable]
    else:
        parameters = [program.global_block()._var_recursive(n) for n in _names(list(parameter_list), "parameter_list")]
    if found:
        _fill(block, first, seed, loss, LOSS | BACKWARD)
    return [(p, block._var_recursive(found[p.name])) for p in parameters if p.name in found and p.name not in constants]


def _fill(block: Block, index: int, name: str, like: Variable, role: int) -> None:
    """Insert the operator that makes the gradient a walk begins with: ones."""
    if -1 in like.static_shape:
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
    first = len(block.ops)
    names = list(dict.fromkeys(v.name for v in outs))
    wanted = [v.name for v in ins if v.name not in constants]
    seeds, found = append_gradients(block, names, wanted, no_grad=constants)
    if found:
        position = 0
        for target, seed, gradient in zip(outs, seeds, given):
            if seed not in block.vars:  # the target does not depend on any input
                continue
            if gradient is None:
                _fill(block, first + position, seed, target, BACKWARD)
            else:
                if tuple(gradient.static_shape) != tuple(target.static_shape):
                    raise ValueError(
                        f"The shapes of grad and target are different: {gradient.describe()} for {target.name!r}, which is {target.describe()}"
                    )
                block._insert_op(first + position, "assign", {"X": gradient}, {"Out": seed}, {"op_role": BACKWARD})
            position += 1
    result = [block.find_var(found[v.name]) if v.name in found else None for v in ins]
    return [] if result == [None] else result


def _variables(value: Any, what: str, optional: bool = False) -> list[Any]:
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    for item in items:
        if not isinstance(item, Variable) and not (optional and item is None):
            raise TypeError(f"The type of '{what}' in static.gradients must be Variable, but received {type(item).__name__}.")
    if not items:
        raise ValueError(f"static.gradients: {what} must not be empty")
    return items
