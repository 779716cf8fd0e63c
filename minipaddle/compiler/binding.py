"""How an operator of a Program meets its definition: arguments in slot order, results by name."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import higher
from ..core.program import Operator
from ..errors import UnknownOperatorError
from ..ops.registry import OPS, Op

__all__ = ["attributes", "definition_of", "needs_of", "one_element_results", "results_by_name", "run_arguments"]

EMPTY = "@EMPTY@"
_ONE_ELEMENT = frozenset(
    "accuracy auc mean mean_iou p_norm frobenius_norm reduce_all reduce_any reduce_max reduce_mean reduce_min reduce_prod reduce_sum size "
    "slice squared_l2_norm strided_slice arg_max arg_min dist allclose trace logsumexp".split()
)
_FIRST_WITH_0D = 2_000_000  # the version number that files carry


def definition_of(op: Operator) -> Op:
    """The definition of an operator; UnknownOperatorError with its place in the Program if there is none."""
    found = OPS.get(op.type) or higher.find(op.type)
    if found is None:
        unknown = sorted({o.type for b in op.block.program.blocks for o in b.ops if o.type not in (*OPS, "feed", "fetch")})
        index = next((i for i, o in enumerate(op.block.ops) if o is op), -1)
        import difflib

        near = difflib.get_close_matches(op.type, OPS, 3)
        raise UnknownOperatorError(
            f"operator {op.type!r} (block {op.block.idx}, operator {index}) is not defined here"
            + (f"; {len(unknown) - 1} more types are unknown: {', '.join(u for u in unknown if u != op.type)}" if len(unknown) > 1 else "")
            + (f"; the nearest known: {', '.join(near)}" if near else "")
        )
    return found


def attributes(op: Operator, definition: Op) -> dict[str, Any]:
    """Attributes that differ from the definition's defaults and that its function takes."""
    chosen = {}
    for name, attr in definition.attrs.items():
        if name in op.attrs:
            value = op.attrs[name]
            if value is not None and (value != attr.default or type(value) is not type(attr.default)):
                chosen[name] = value
    return chosen


def needs_of(op: Operator, definition: Op) -> tuple[bool, ...]:
    """For gradient operators: which gradients somebody wants."""
    return tuple(any(n != EMPTY for n in op.outputs.get(slot.name, [])) for slot in definition.outputs)


def run_arguments(op: Operator, definition: Op, get: Callable[[str], Any]) -> tuple[list[Any], dict[str, Any]]:
    """Positional arguments (None for absent slots) and attributes of one operator."""
    arguments: list[Any] = []
    for slot in definition.inputs:
        names = op.inputs.get(slot.name, [])
        if slot.many:
            arguments.append([None if n == EMPTY else get(n) for n in names] if names or not slot.optional else None)
        else:
            arguments.append(get(names[0]) if names else None)
    attrs = attributes(op, definition)
    if is_gradient(definition):
        attrs["needs"] = needs_of(op, definition)
    return arguments, attrs


def is_gradient(definition: Op) -> bool:
    """Whether this is the `<op>_grad` of a definition."""
    return definition.gradient_of is not None


def one_element_results(op: Operator) -> list[str]:
    """Outputs that come out 0-d, but which a Program of Paddle 1.x declares with one element, for it knows no 0-d tensors."""
    if op.type not in _ONE_ELEMENT or op.block.program.desc_version >= _FIRST_WITH_0D:
        return []
    declared = [(name, op.block.find_var(name)) for name in op.output_arg_names]
    return [name for name, v in declared if v is not None and v.static_shape == (1,)]


def results_by_name(op: Operator, definition: Op, result: Any) -> dict[str, Any]:
    """Variable name -> value for what the operator's function returned."""
    results = result if isinstance(result, tuple) else (result,)
    found: dict[str, Any] = {}
    for slot, value in zip(definition.outputs, results, strict=True):
        names = op.outputs.get(slot.name, [])
        if not names:
            continue
        if value is None:  # an output that is absent this time; generated code assigns None as well
            found.update(dict.fromkeys(n for n in names if n != EMPTY))
            continue
        for name, item in zip(names, value if slot.many else [value], strict=True):
            if name != EMPTY:
                found[name] = item
    for name in one_element_results(op):
        found[name] = found[name].reshape(1)
    return found
