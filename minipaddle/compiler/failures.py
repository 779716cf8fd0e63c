"""What an error of an operator in a running Program says: the operator, its inputs, and the user's line that made it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import errors
from ..core.blocks import inner_block, reads, resolve
from ..core.dispatch import kind_of
from ..core.program import Operator
from ..core.report import code_of, coded, lines_of, page_of
from ..errors import AssertionFailedError, UnsetVariableError
from ..ops.control_flow import UNSET, Unset
from ..ops.registry import OPS, Spec
from .binding import attributes

__all__ = ["explain_operator"]

_KINDS = (
    ValueError,
    TypeError,
    IndexError,
    RuntimeError,
    KeyError,
    NotImplementedError,
    AssertionError,
    ArithmeticError,
    MemoryError,
)


def explain_operator(error: Exception, op: Operator, value: Callable[[str], Any]) -> BaseException:
    """The error told in terms of `op`. value: gives the value of a variable the operator reads."""
    if code_of(str(error)):
        return error
    unset = next((n for n in (op.input_arg_names or reads(op)) if value(n) is UNSET), None)
    if unset is None and isinstance(error, errors.UnsetVariableError):
        unset = ""
    shown = _inputs(op, value)
    where = lines_of(op.callstack[-4:])
    place = f"operator {op.type} of the Program" + (f" (block {op.block.idx})" if op.block.idx else "")
    layer = getattr(op, "layer", "")
    if layer:
        place += f" in layer {layer!r}"
    kind: type[BaseException]
    if unset is not None:
        v = resolve(op.block, unset) if unset else None
        label = (v.__dict__.get("label") if v is not None else None) or (repr(unset) if unset else "a value")
        kind = UnsetVariableError
        message = coded("D2S104", f"{label} is used, but the branch or loop that ran gave it no value ({place})",
                        "give it a value before the branch or loop, or in both branches")  # fmt: skip
    elif isinstance(error, AssertionFailedError) or (
        op.type == "assert" and not isinstance(error, errors.NotSupportedError)
    ):
        kind = type(error)
        message = coded("D2S111", str(error), "look at the input of this call: the condition of the marked line did not hold for it")
    elif inner_block(op) is not None and "one element" in str(error):
        kind, message = ValueError, coded("D2S109", str(error))
    else:
        kind = next((k for k in kind_of(error).__mro__ if k in _KINDS or k.__module__ == errors.__name__), RuntimeError)
        message = f"[D2S112] {place} failed: {_better(error, op, value)}"
        if not op.callstack:
            message += f"\n  reads {', '.join(op.input_arg_names)}; writes {', '.join(op.output_arg_names)}"
    text = message + (f"\n{shown}" if shown else "")
    if message.startswith("[D2S112]"):
        text += "\n  what to do: compare these shapes and types with what the operator needs; a size that must be fixed can be declared in "
        text += "input_spec"
    if where:
        text += f"\n  written at\n{where}"
    text += page_of(message)
    try:
        return kind(text)
    except Exception:
        return RuntimeError(text)


def _better(error: Exception, op: Operator, value: Callable[[str], Any]) -> str:
    """What the shape rule of the operator says about its inputs, else what the error says."""
    definition = OPS.get(op.type)
    if definition is not None and definition.infer_rule is not None and isinstance(error, (ValueError, IndexError)):

        def spec(name: str) -> Any:
            found = value(name)
            return Spec(found.shape, found.dtype)

        try:
            specs: list[Any] = []
            for slot in definition.inputs:
                names = op.inputs.get(slot.name, [])
                specs.append([spec(n) for n in names] if slot.many and names else spec(names[0]) if names else None)
            definition.infer(*specs, **attributes(op, definition))
        except ValueError as better:
            return str(better)
        except Exception:  # the rule itself may fail on such input; then the first message stands
            pass
    return str(error).removeprefix(f"{op.type}: ")


def _inputs(op: Operator, value: Callable[[str], Any]) -> str:
    """One line for each input: slot, name, dtype and shape."""
    if inner_block(op) is not None:
        return ""

    def show(name: str) -> str:
        found = value(name)
        if isinstance(found, list):
            return f"{name}: list of {len(found)} tensors"
        if found is None or isinstance(found, Unset) or not hasattr(found, "dtype"):
            return f"{name}: {'unset' if isinstance(found, Unset) else 'no value'}"
        return f"{name}: {getattr(found.dtype, 'name', found.dtype)}{list(found.shape)}"

    rows = []
    for slot, names in op.inputs.items():
        if names:
            rows.append(f"  {slot} = " + "; ".join(show(n) for n in names[:8]) + (" ..." if len(names) > 8 else ""))
    return "\n".join(rows)
