"""Hand-written gradients in Programs: `PyLayer.apply` and `register_hook` in a traced function, `static_pylayer` in static mode.

The operators of the function stand in the Program as they were recorded, without a gradient of their own. Behind them an operator
`custom_gradient` hands their results on; it holds the operators of the backward function, which `backward.py` puts in where the
gradient is asked for.

    Raw: what the function returned. X: the Variables it was given. Saved: other Variables that the backward function reads.

A hook is such an operator too, whose X is its Raw; it stands right behind the operator that makes the value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import NotSupportedError
from ..ops.registry import OPS
from .dispatch import call
from .grad_mode import enable_grad, no_grad
from .program import GRAD_SUFFIX, Block, Operator, Program, Variable
from .recorder import Recorder
from .tensor import Tensor, TensorBase, isinstance_strict

__all__ = ["CUSTOM", "BackwardPart", "is_hook", "record", "record_hook", "renamed", "without_gradients", "without_pylayer"]

CUSTOM = "custom_gradient"


class BackwardPart:
    """The operators of a backward function.

    seeds: names that stand for the gradients of Raw. saved: names that stand for Saved. results: per entry of X the name of its
    gradient, or None.
    """

    def __init__(self, operators: list[Operator], seeds: list[str], saved: list[str], results: list[str | None]) -> None:
        self.operators, self.seeds, self.saved, self.results = operators, seeds, saved, results


def record(
    what: str,
    forward: Callable[[], Any],
    backward: Callable[..., Any],
    inputs: Sequence[Variable],
    recorder: Any,
    differentiable: Callable[[Variable], bool] = lambda v: True,
) -> Any:
    """Record ``forward()`` so that its gradient is ``backward(*gradients of results)``, one value per entry of `inputs`.

    what: a name for messages. differentiable: which results have a gradient. Returns what `forward` returned, its Variables replaced.
    """
    with no_grad():
        result = forward()
    single = not isinstance(result, (list, tuple))
    results = [result] if single else list(result)
    raws = [r for r in results if isinstance_strict(r, Variable)]
    if not raws:
        raise ValueError(f"{what} must return at least one Tensor, got {type(result).__name__}")
    part = _backward_part(what, backward, inputs, raws, recorder)
    saved = list(part.saved)
    block = recorder.block
    outs = call(OPS[CUSTOM], raws, list(inputs), [block._var_recursive(n) for n in saved] or None)
    block.ops[-1].extra["backward"] = part
    for raw, out in zip(raws, outs, strict=True):
        has = differentiable(raw) and _floating(raw) and any(r is not None for r in part.results)
        out._stop_gradient, out.cut = not has, not has
    source = iter(outs)
    results = [next(source) if isinstance_strict(r, Variable) else r for r in results]
    return results[0] if single else type(result)(results) if type(result) in (list, tuple) else tuple(results)


def record_hook(recorder: Any, v: Variable, hook: Callable[[Any], Any]) -> None:
    """Let ``hook(gradient)`` replace the whole gradient of a Variable, that of uses before this call included.

    NotSupportedError for a Variable of an enclosing block, whose hook would depend on the branch, and for a hook that uses Tensors
    made later than the Variable.
    """
    block = recorder.block
    if v.block is not block:
        raise NotSupportedError(
            f"register_hook on {v.name!r} inside of a branch or loop on a Tensor, where it was not made: register it where it is made"
        )
    bottom, name = None, v.name  # hooks run in the order in which they were registered: a new one lies below the others
    while (maker := _maker(block, name)) is not None and is_hook(maker):
        bottom, name = maker, maker.inputs["X"][0]

    def backward(gradient: Variable) -> Any:
        made = recorder.converted(hook)(gradient)
        return gradient if made is None else made

    out = record(f"a hook of {v.name!r}", lambda: v, backward, [v], recorder)
    op = block.ops.pop()
    op.extra["hook"] = True
    at = 0 if maker is None else next(i for i, o in enumerate(block.ops) if o is maker) + 1
    late = {n for o in block.ops[at:] for n in o.output_arg_names}
    used = [n for n in op.inputs.get("Saved", []) if n in late and n != v.name]
    if used:
        raise NotSupportedError(
            f"a hook of {v.name!r} uses Tensors that are made later ({', '.join(used)}); compute them before, or inside of the hook"
        )
    if maker is not None:  # its result gets another name, so that all readers find what the hook stands behind
        source = block.program.fresh_name(f"{name}_unhooked")
        block.create_var(source, v._shape, v._dtype)._stop_gradient = False
        maker._rename_output(name, source)
        target = name
        del block.vars[out.name]
    else:
        source, target = name, out.name
        if bottom is not None:
            bottom._rename_input(name, target)
            bottom.inputs["Saved"] = [name if n == target else n for n in bottom.inputs.get("Saved", [])]
        else:
            for o in (o for b in block.program.blocks for o in b.ops):
                o._rename_input(name, target)
    op.inputs["Raw"] = op.inputs["X"] = [source]
    op.inputs["Saved"] = [source if n == v.name else n for n in op.inputs.get("Saved", [])]
    op.outputs["Out"] = [target]
    block.ops.insert(at, op)
    if maker is None and bottom is None:
        Recorder.in_place(recorder, v, out)
    block.program.touch()


def is_hook(op: Operator) -> bool:
    """Whether the operator stands for a gradient hook of its input."""
    return "hook" in op.extra


def _maker(block: Block, name: str) -> Operator | None:
    return next((o for o in block.ops if name in o.output_arg_names), None)


def without_gradients(program: Program) -> Program:
    """The Program with plain copies in place of `custom_gradient`, which no other reader of files knows; the same one if it has none."""
    if not any(op.type == CUSTOM for block in program.blocks for op in block.ops):
        return program
    new = program.clone()
    for block in new.blocks:
        ops, block.ops = block.ops, []
        for op in ops:
            if op.type != CUSTOM:
                block.ops.append(op)
                continue
            for raw, out in zip(op.inputs["Raw"], op.outputs["Out"], strict=True):
                block.append_op("assign", {"X": raw}, {"Out": out}, callstack=list(op.callstack))
    new.touch()
    return new


def without_pylayer(program: Program) -> None:
    """Put the operators of Paddle's `pylayer` in its place: those of its first block, behind them a `custom_gradient`."""
    for block in program.blocks:
        ops, block.ops = block.ops, []
        for op in ops:
            if op.type == "pylayer":
                _put_in(op, program.blocks[op.attrs["blocks"][0]], block)
            else:
                block.ops.append(op)
    program.touch()


def renamed(slots: dict[str, list[str]], names: dict[str, str]) -> dict[str, list[str]]:
    """The slots of an operator under other names."""
    return {slot: [names.get(n, n) for n in found] for slot, found in slots.items()}


def _put_in(op: Operator, inner: Block, block: Block) -> None:
    names: dict[str, str] = {}
    for v in inner.vars.values():
        names[v.name] = block.program.fresh_name(v.name)
        block.create_var(names[v.name], v._shape, v._dtype, kind=v.kind).cut = True
    outs = list(op.outputs["Out"])
    for n in outs:  # written inside of the block, in the variable outside
        v = block._var_recursive(n)
        names[n] = block.program.fresh_name(n)
        block.create_var(names[n], v._shape, v._dtype).cut = True
    for o in inner.ops:
        taken, made = renamed(o.inputs, names), renamed(o.outputs, names)
        block.append_op(o.type, taken, made, dict(o.attrs), attr_types=dict(o.attr_types), callstack=list(o.callstack))
    inner.ops, inner.vars = [], {}
    block.append_op(CUSTOM, {"Raw": [names[n] for n in outs], "X": list(op.inputs.get("Input", []))}, {"Out": outs}, {})


def _floating(v: Variable) -> bool:
    return v.has_dtype and (v.dtype.is_floating or v.dtype.is_complex)


def _backward_part(
    what: str, backward: Callable[..., Any], inputs: Sequence[Variable], raws: Sequence[Variable], recorder: Any
) -> BackwardPart:
    block, program = recorder.block, recorder.program
    first, blocks = len(block.ops), len(program.blocks)
    before = [(v, name) for b in program.blocks for name, v in b.vars.items()]
    seeds = []
    for raw in raws:
        name = program.fresh_name(f"{raw.name}{GRAD_SUFFIX}@GIVEN")
        seeds.append(block.create_var(name, raw._shape, raw._dtype))
        seeds[-1]._stop_gradient = False
    with enable_grad():
        found = backward(*seeds)
        gradients = list(found) if isinstance(found, (list, tuple)) else [found]
        if len(gradients) != len(inputs):
            raise ValueError(f"the backward function of {what} returned {len(gradients)} gradients for {len(inputs)} tensor arguments")
        fitted = [_fitted(what, i, g, x, recorder) for i, (g, x) in enumerate(zip(gradients, inputs, strict=True))]
    operators = block.ops[first:]
    del block.ops[first:]
    if len(program.blocks) > blocks:
        raise NotSupportedError(f"the backward function of {what} has branches or loops on Tensors; write it with paddle.where instead")
    written = {n for op in operators for n in op.output_arg_names}
    if any(v.name != name or name in written for v, name in before):
        raise NotSupportedError(f"the backward function of {what} changes a Tensor from outside in place; let it compute a new one")
    made = written | {v.name for v in seeds}
    recorder.forget(lambda v: v.name in made)  # what it remembers of their sizes
    names = [n for op in operators for n in op.input_arg_names] + [n for n in fitted if n is not None]
    return BackwardPart(operators, [v.name for v in seeds], list(dict.fromkeys(n for n in names if n not in made)), fitted)


def _fitted(what: str, number: int, g: Any, x: Variable, recorder: Any) -> str | None:
    """The name of a gradient in the shape and dtype of what it belongs to."""
    if g is None:
        return None
    if not isinstance(g, TensorBase):
        raise ValueError(f"{what}: backward must return Tensors or None, got {type(g).__name__} for tensor argument {number}")
    if isinstance_strict(g, Tensor):
        g = recorder.variable(g, OPS[CUSTOM], "X")
    if g.dtype is not x.dtype:
        g = call(OPS["cast"], g, in_dtype=g.dtype.proto, out_dtype=x.dtype.proto)
    known = -1 not in (*g._shape, *x._shape)
    if known and g._shape != x._shape:
        if math.prod(g._shape) != math.prod(x._shape):
            raise ValueError(f"{what}: backward returned shape {list(g._shape)} for tensor argument {number} of shape {list(x._shape)}")
        g = call(OPS["reshape2"], g, shape=list(x._shape))
    return g.name
