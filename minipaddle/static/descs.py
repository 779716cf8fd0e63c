"""``program.desc``, ``block.desc``, ``op.desc``, ``variable.desc``: what Paddle's C++ side knows, as scripts read it.

They are views: the Python objects are the Program.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.program import Block, Operator, Program, Variable, infer_outputs
from ..dtypes import DType
from ..formats import pdmodel

__all__ = ["BlockDesc", "OpDesc", "ProgramDesc", "VarDescription"]


class VarDescription:
    """A variable."""

    def __init__(self, variable: Variable) -> None:
        self._variable = variable

    def name(self) -> str:
        """Its name."""
        return self._variable.name

    def shape(self) -> list[int]:
        """Dimensions, -1 where unknown."""
        return list(self._variable.static_shape)

    def dtype(self) -> DType:
        """Element type."""
        return self._variable.dtype

    def type(self) -> str:
        """Kind of variable."""
        return self._variable.type

    def persistable(self) -> bool:
        """Whether its value outlives a run."""
        return self._variable.persistable

    def lod_level(self) -> int:
        """Levels of ragged sequences."""
        return self._variable.lod_level

    def stop_gradient(self) -> bool:
        """Whether no gradient flows through it."""
        return self._variable.stop_gradient


class OpDesc:
    """An operator."""

    def __init__(self, op: Operator) -> None:
        self._op = op

    def type(self) -> str:
        """Its type."""
        return self._op.type

    def input_names(self) -> list[str]:
        """Names of its input slots."""
        return self._op.input_names

    def output_names(self) -> list[str]:
        """Names of its output slots."""
        return self._op.output_names

    def input(self, slot: str) -> list[str]:
        """Variable names in an input slot."""
        return self._op.input(slot)

    def output(self, slot: str) -> list[str]:
        """Variable names in an output slot."""
        return self._op.output(slot)

    def input_arg_names(self) -> list[str]:
        """Names of all variables it reads."""
        return self._op.input_arg_names

    def output_arg_names(self) -> list[str]:
        """Names of all variables it writes."""
        return self._op.output_arg_names

    def attr_names(self) -> list[str]:
        """Names of its attributes."""
        return self._op.attr_names

    def attr(self, name: str) -> Any:
        """Value of an attribute."""
        return self._op.attr(name)

    def has_attr(self, name: str) -> bool:
        """Whether it has an attribute."""
        return self._op.has_attr(name)

    def block_attr_id(self, name: str) -> int:
        """Index of the block that an attribute names."""
        return int(self._op.attr(name))

    def _set_attr(self, name: str, value: Any) -> None:
        self._op._set_attr(name, value)

    def set_input(self, slot: str, names: Sequence[str]) -> None:
        """Put variables into an input slot."""
        self._op.inputs[slot] = list(names)
        self._op.block.program.touch()

    def set_output(self, slot: str, names: Sequence[str]) -> None:
        """Put variables into an output slot."""
        self._op.outputs[slot] = list(names)
        self._op.block.program.touch()

    def _rename_input(self, old: str, new: str) -> None:
        self._op._rename_input(old, new)

    def _rename_output(self, old: str, new: str) -> None:
        self._op._rename_output(old, new)

    def check_attrs(self) -> None:
        """Nothing to do: attributes are checked when the operator runs."""

    def infer_var_type(self, block: BlockDesc) -> None:
        """Nothing to do: kinds of variables are known when they are declared."""

    def infer_shape(self, block: BlockDesc) -> None:
        """Give the outputs the shapes that follow from the inputs."""
        infer_outputs(self._op, every=True)


class BlockDesc:
    """A block."""

    def __init__(self, block: Block) -> None:
        self._block = block

    @property
    def id(self) -> int:
        """Its index."""
        return self._block.idx

    @property
    def parent(self) -> int:
        """Index of the enclosing block, -1 for none."""
        return self._block.parent_idx

    def op_size(self) -> int:
        """Number of operators."""
        return len(self._block.ops)

    def op(self, index: int) -> OpDesc:
        """One operator."""
        return OpDesc(self._block.ops[index])

    def all_vars(self) -> list[VarDescription]:
        """All variables."""
        return [VarDescription(v) for v in self._block.vars.values()]

    def has_var(self, name: bytes | str) -> bool:
        """Whether it declares a variable."""
        return self._block.has_var(_text(name))

    def find_var(self, name: bytes | str) -> VarDescription | None:
        """A variable it declares, None if there is none."""
        found = self._block.vars.get(_text(name))
        return None if found is None else VarDescription(found)

    def find_var_recursive(self, name: bytes | str) -> VarDescription | None:
        """A variable of this block or one around it, None if there is none."""
        found = self._block.find_var(_text(name))
        return None if found is None else VarDescription(found)


class ProgramDesc:
    """A Program."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def serialize_to_string(self) -> bytes:
        """The bytes of a ``.pdmodel``."""
        return pdmodel.dumps(self._program)

    def num_blocks(self) -> int:
        """Number of blocks."""
        return self._program.num_blocks

    def block(self, index: int) -> BlockDesc:
        """One block."""
        return BlockDesc(self._program.block(index))


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


_VIEWS: dict[Any, Any] = {Program: ProgramDesc, Block: BlockDesc, Operator: OpDesc, Variable: VarDescription}
for _class, _view in _VIEWS.items():
    _class.desc = property(_view)
