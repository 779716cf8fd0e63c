"""Gradients that the user writes by hand, in traced functions: `PyLayer`, hooks.

The operators of such a gradient are recorded at once, in a block that is taken out of the Program again. An operator ``py_layer``
stands where the gradient applies: going forward it hands its values on, and `core/backward.py` puts a copy of the recorded operators
in place of its gradient. Saved models have `assign` instead, because they keep no gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import NotSupportedError
from ..ops.registry import OPS
from .control_flow import drop_blocks, trace_block
from .program import Operator, Variable
from .recorder import Recorder
from .tensor import TensorBase, isinstance_strict

__all__ = ["WrittenGradient", "record_gradient", "record_hook"]


@dataclass
class WrittenGradient:
    """Operators recorded for a gradient.

    seeds: names of the gradients of the outputs. results: per input the name of its gradient, None where there is none. saved: names
    from outside, in the order of the slot Saved of the operator.
    """

    operators: list[Operator]
    variables: dict[str, Variable]
    seeds: list[str]
    results: list[str | None]
    saved: list[str]
    is_hook: bool = False


def record_gradient(
    recorder: Any, inputs: Sequence[Any], values: Sequence[Any], backward: Callable[[list[Variable]], Sequence[Any]], what: str
) -> list[Variable]:
    """New Variables with the values of `values`; ``backward(gradients of them)`` gives the gradients of `inputs` or None.

    NotSupportedError where the gradient holds control flow on Tensors or changes values from outside in place.
    """
    outs: list[Variable] = recorder.append(OPS["py_layer"], [list(inputs), list(values), []], {})[0]
    op = recorder.block.ops[-1]
    program = recorder.program
    seeds: list[Variable] = []

    def run() -> list[Any]:
        block = recorder.block
        for out in outs:
            seed = block.create_var(program.fresh_name("gradient"), out._shape, out._dtype)
            seed._stop_gradient = True
            seeds.append(seed)
        given = list(backward(seeds))
        return [recorder.variable(g, OPS["assign"], "X") if isinstance_strict(g, TensorBase) else g for g in given]

    first = len(program.blocks)
    region, results = trace_block(recorder, run)
    block = region.block
    nested, changed = len(program.blocks) > first + 1, region.results
    drop_blocks(recorder, first)
    if nested or changed:
        raise NotSupportedError(
            f"the gradient of {what} {'branches or loops on a Tensor' if nested else 'changes a Tensor from outside in place'}, which "
            "cannot be recorded in a traced function; choose with paddle.where, or compute anew"
        )
    inside = set(block.vars)
    read = [n for o in block.ops for n in o.input_arg_names] + [g.name for g in results if g is not None]
    saved = [n for n in dict.fromkeys(read) if n not in inside]
    op.inputs["Saved"] = list(saved)
    op.gradient = WrittenGradient(
        list(block.ops), dict(block.vars), [s.name for s in seeds], [None if g is None else g.name for g in results], saved
    )
    return outs


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
    while (maker := _maker(block, name)) is not None and maker.gradient is not None and maker.gradient.is_hook:
        bottom, name = maker, maker.inputs["X"][0]
    maker = _maker(block, name)

    def backward(seeds: list[Variable]) -> list[Any]:
        made = hook(seeds[0])
        return [seeds[0] if made is None else made]

    (out,) = record_gradient(recorder, [v], [v], backward, f"a hook of {v.name!r}")
    op = block.ops.pop()
    op.gradient.is_hook = True
    at = 0 if maker is None else next(i for i, o in enumerate(block.ops) if o is maker) + 1
    late = {n for o in block.ops[at:] for n in o.output_arg_names}
    used = [n for n in op.inputs["Saved"] if n in late and n != v.name]
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
            bottom.inputs["Saved"] = [name if n == target else n for n in bottom.inputs["Saved"]]
        else:
            for o in (o for b in block.program.blocks for o in b.ops):
                o._rename_input(name, target)
    op.inputs["X"] = op.inputs["Y"] = [source]
    op.inputs["Saved"] = [source if n == v.name else n for n in op.inputs["Saved"]]
    op.outputs["Out"] = [target]
    block.ops.insert(at, op)
    if maker is None and bottom is None:
        Recorder.in_place(recorder, v, out)
    block.program.touch()


def _maker(block: Any, name: str) -> Operator | None:
    return next((o for o in block.ops if name in o.output_arg_names), None)
