"""Gradients in the form in which Paddle's Programs hold them.

Most operators have a gradient operator of their own, ``<op>_grad``. The gradient of some is an ordinary operator instead: that of
`split` is a `concat`, that of `assign` an `assign`, that of `sum` a `scale` for each input. `ordinary_form` gives those.

Programs of other versions may name fewer inputs of a gradient operator than its definition reads; `completed` finds what is
missing in the forward operator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..ops.registry import OPS
from .program import GRAD_SUFFIX, Operator

__all__ = ["completed", "forward_of", "ordinary_form"]

EMPTY = "@EMPTY@"
Slots = dict[str, list[str]]
Form = list[tuple[str, Slots, Slots, dict[str, Any]]]  # type, inputs, outputs, attributes


def _one(
    type: str,
    attrs: Callable[[Operator], dict[str, Any]],
    source: str = "Out",
    slot: str = "X",
    out: str = "Out",
    extra: Sequence[tuple[str, str]] = (),
) -> Callable[[Operator, Slots, Slots], Form]:
    """One operator from the gradient of `source` to that of `slot`. extra: (slot of the forward operator, slot here)."""

    def form(op: Operator, inputs: Slots, outputs: Slots) -> Form:
        reads = {("In" if type == "print" else "X"): inputs[source + GRAD_SUFFIX]}
        reads |= {there: list(op.inputs[here]) for here, there in extra if op.inputs.get(here)}
        return [(type, reads, {out: outputs[slot + GRAD_SUFFIX]}, attrs(op))]

    return form


def _scale(factor: float) -> dict[str, Any]:
    return {"scale": factor, "bias": 0.0, "bias_after_scale": True}


def _copies(*sides: tuple[str, float]) -> Callable[[Operator, Slots, Slots], Form]:
    """A `scale` for each input of these slots."""

    def form(op: Operator, inputs: Slots, outputs: Slots) -> Form:
        found: Form = []
        for slot, factor in sides:
            for name in outputs.get(slot + GRAD_SUFFIX, []):
                if name != EMPTY:
                    found.append(("scale", {"X": inputs["Out" + GRAD_SUFFIX]}, {"Out": [name]}, _scale(factor)))
        return found

    return form


def _merged(op: Operator, inputs: Slots, outputs: Slots) -> Form:
    given = {"X": inputs["Out" + GRAD_SUFFIX], "Mask": list(op.inputs["Mask"])}
    sides = [(f"Out{side}", outputs.get(f"In{side}{GRAD_SUFFIX}", [EMPTY])) for side in ("True", "False")]
    return [("split_lod_tensor", given, dict(sides), {"level": op.attr("level")})]


def _split(op: Operator, inputs: Slots, outputs: Slots) -> Form:
    given = {"X": list(op.inputs["X"]), "Mask": list(op.inputs["Mask"])}
    given |= {f"In{side}": inputs[f"Out{side}{GRAD_SUFFIX}"] for side in ("True", "False")}
    return [("merge_lod_tensor", given, {"Out": outputs["X" + GRAD_SUFFIX]}, {"level": op.attr("level")})]


def _same(*names: str) -> Callable[[Operator], dict[str, Any]]:
    return lambda op: {name: op.attr(name) for name in names}


_FORMS: dict[str, Callable[[Operator, Slots, Slots], Form]] = {
    "as_complex": _one("as_real", _same()),
    "as_real": _one("as_complex", _same()),
    "assign": _one("assign", _same()),
    "cast": _one("cast", lambda op: {"in_dtype": op.attr("out_dtype"), "out_dtype": op.attr("in_dtype")}),
    "conj": _one("conj", _same()),
    "exponential": _one("fill_any_like", lambda op: {"value": 0.0}),
    "flip": _one("flip", _same("axis")),
    "increment": _one("assign", _same()),
    "merge_lod_tensor": _merged,
    "minus": _copies(("X", 1.0), ("Y", -1.0)),
    "print": _one("print", lambda op: {**op.attrs, "is_forward": False}, slot="In"),
    "reverse": _one("reverse", _same("axis")),
    "scale": _one("scale", lambda op: _scale(op.attr("scale")), extra=[("ScaleTensor", "ScaleTensor")]),
    "sequence_reverse": _one("sequence_reverse", _same(), source="Y", out="Y"),
    "sign": _one("scale", lambda op: _scale(0.0)),
    "split_lod_tensor": _split,
    "split": _one("concat", _same("axis"), extra=[("AxisTensor", "AxisTensor")]),
    "sum": _copies(("X", 1.0)),
    "unbind": _one("stack", _same("axis"), out="Y"),
}  # fmt: skip


def ordinary_form(op: Operator, inputs: Slots, outputs: Slots) -> Form | None:
    """The operators that Paddle writes for the gradient of `op`; None if that is ``<op>_grad``.

    inputs, outputs: the slots of its gradient operator, ``Out@GRAD`` -> names and ``X@GRAD`` -> names.
    """
    form = _FORMS.get(op.type)
    return None if form is None else form(op, inputs, outputs)


def completed(operators: Sequence[Operator]) -> list[Operator]:
    """The operators, with gradient operators replaced that lack an input which their definitions read.

    Outputs that a definition does not make are left out: 1.x's `hierarchical_sigmoid` names its weight once more as W_Out.
    """
    found = list(operators)
    for i, op in enumerate(found):
        definition = OPS.get(op.type)
        if (
            definition is not None
            and not op.sub_blocks
            and (not op.outputs.keys() <= definition.output_index.keys() or "W_Out" in op.outputs)
        ):
            outputs = {
                slot: names for slot, names in op.outputs.items() if slot in definition.output_index and slot != "W_Out"
            }
            found[i] = op = _changed(op, op.inputs, outputs)
        forward = None if definition is None else definition.gradient_of
        if definition is None or forward is None:
            continue
        old = 0 < op.block.program.desc_version < 2_000_000  # 1.x leaves out more
        missing = [
            s.name
            for s in definition.inputs
            if (old or not s.optional) and not op.inputs.get(s.name) and not s.name.endswith(GRAD_SUFFIX)
        ]
        if not missing:
            continue
        maker = forward_of(op, found[:i])
        if maker is None:
            continue
        inputs = dict(op.inputs)
        for slot in missing:
            names = maker.inputs.get(slot) or maker.outputs.get(slot)
            if names:
                inputs[slot] = list(names)
        found[i] = _changed(op, inputs, op.outputs)
    return found


def _changed(op: Operator, inputs: Slots, outputs: Slots) -> Operator:
    made = Operator(op.block, op.type, inputs, outputs, op.attrs, op.attr_types, op.callstack)
    made.extra, made.layer = op.extra, op.layer
    return made


def forward_of(gradient: Operator, before: Sequence[Operator]) -> Operator | None:
    """The operator among `before` that the gradient operator belongs to: one of its type with the same variables."""
    type = gradient.type.removesuffix("_grad")
    given = {
        slot.removesuffix(GRAD_SUFFIX): names
        for slot, names in gradient.inputs.items()
        if not slot.endswith(GRAD_SUFFIX)
    }
    behind = {
        slot.removesuffix(GRAD_SUFFIX): names for slot, names in gradient.inputs.items() if slot.endswith(GRAD_SUFFIX)
    }
    for op in reversed(before):
        if op.type != type:
            continue
        slots = {**op.inputs, **op.outputs}
        if any(names and slot in slots and slots[slot] != names for slot, names in given.items()):
            continue
        if all(_belong(slots.get(slot, []), names) for slot, names in behind.items()):
            return op
    return None


def _belong(names: Sequence[str], gradients: Sequence[str]) -> bool:
    return not gradients or [g.partition(GRAD_SUFFIX)[0] for g in gradients if g != EMPTY] == [
        n for n, g in zip(names, gradients, strict=False) if g != EMPTY
    ]
