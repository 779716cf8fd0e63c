"""What a loaded Program holds, as plain records that print well; and finding parts of it by name."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.program import Operator, Program, Variable

__all__ = ["OperatorInfo", "VariableInfo", "matching", "operators_of", "unknown_variable"]


@dataclass(frozen=True)
class VariableInfo:
    """A value of a Program. shape: -1 where unknown. dtype: "" for what holds no tensor. structured_name: of a parameter."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    is_parameter: bool
    structured_name: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.dtype or '?'}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class OperatorInfo:
    """An operator of a Program. block: 0, or the number of the branch or loop it stands in. source: ``file:line``, or ""."""

    index: int
    type: str
    inputs: dict[str, list[VariableInfo]]
    outputs: dict[str, list[VariableInfo]]
    attrs: dict[str, Any]
    source: str
    block: int

    @property
    def output_arg_names(self) -> list[str]:
        """Names of what it makes."""
        return [v.name for items in self.outputs.values() for v in items]

    @property
    def input_arg_names(self) -> list[str]:
        """Names of what it reads."""
        return [v.name for items in self.inputs.values() for v in items]

    def __str__(self) -> str:
        def side(slots: dict[str, list[VariableInfo]]) -> str:
            return ", ".join(f"{slot}=" + " + ".join(map(str, items)) for slot, items in slots.items())

        where = f"{self.block}." if self.block else ""
        return f"{where + str(self.index):>6} {self.type}({side(self.inputs)}) -> {side(self.outputs)}" + (
            f"  # {self.source}" if self.source else ""
        )


# attributes that say nothing about what an operator computes
_BOOKKEEPING = {"op_role", "op_role_var", "op_namescope", "op_device", "op_callstack", "with_quant_attr"}


def operators_of(program: Program, structured: dict[str, str]) -> list[OperatorInfo]:
    """All operators, those of branches and loops after the ones of block 0. structured: names of parameters by variable."""
    return [
        OperatorInfo(
            i, op.type, _slots(op, op.inputs, structured), _slots(op, op.outputs, structured),
            {k: v for k, v in op.attrs.items() if k not in _BOOKKEEPING}, op.location, block.idx,
        )
        for block in program.blocks
        for i, op in enumerate(block.ops)
    ]  # fmt: skip


def _slots(op: Operator, slots: dict[str, list[str]], structured: dict[str, str]) -> dict[str, list[VariableInfo]]:
    return {s: [_variable(op.block.find_var(n), n, structured) for n in names] for s, names in slots.items() if names}


def _variable(v: Variable | None, name: str, structured: dict[str, str]) -> VariableInfo:
    if v is None:
        return VariableInfo(name, (), "", False)
    dtype = v.dtype.name if v.has_dtype and v.kind == "LOD_TENSOR" else ""
    return VariableInfo(name, v.static_shape, dtype, v.persistable, structured.get(name, ""))


def unknown_variable(name: str, program: Program) -> ValueError:
    """The error for a name that block 0 does not have; says what it may have been meant."""
    inner = next((b.idx for b in program.blocks[1:] if name in b.vars), None)
    if inner is not None:
        return ValueError(
            f"variable {name!r} is in block {inner} of the loaded model, inside of a branch or loop; only variables of block 0 "
            "can be inputs or outputs"
        )
    made = [n for op in program.global_block().ops for n in op.output_arg_names]
    close = difflib.get_close_matches(name, made, 3, 0.5)
    return ValueError(
        f"the loaded model has no variable {name!r}"
        + (f"; similar names: {', '.join(map(repr, close))}" if close else "")
        + ". layer.operators() lists its operators with the names of what they make"
    )


def matching(patterns: Sequence[str], names: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """Keys of those entries of (key, names) of which a name fits a pattern (``*``, ``?``, ``[...]``; case matters).

    ValueError for a pattern that nothing fits.
    """
    entries = [(key, [n for n in known if n]) for key, known in names]
    chosen: dict[str, None] = {}
    for pattern in patterns:
        found = [key for key, known in entries if any(fnmatch.fnmatchcase(n, pattern) for n in known)]
        if not found:
            examples = [known[-1] for _, known in entries[:3]]
            raise ValueError(
                f"no parameter has a name that fits {pattern!r}; names are as in {', '.join(map(repr, examples)) or 'nothing: it has none'}"
            )
        chosen.update(dict.fromkeys(found))
    order = [key for key, _ in entries]
    return sorted(chosen, key=order.index)
