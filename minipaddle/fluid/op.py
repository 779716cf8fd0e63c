"""``fluid.op``: operators by themselves, ``Operator("mul", X="a", Y="b", Out="c").run(scope, place)``."""
from __future__ import annotations

from typing import Any

from ..core import program as programs
from ..ops.registry import OPS, Op
from ..static import op_protos

__all__ = ["Operator", "OperatorFactory"]


class OperatorFactory:
    """Makes operators from slots (a name, or a list of names) and attributes, and tells what slots and attributes there are."""

    def __call__(self, type: str, **given: Any) -> op_protos.Operator:
        """The operator. ValueError for a type, slot or attribute there is not."""
        definition = self._definition(type)
        slots: list[dict[str, list[str]]] = []
        for side in (definition.inputs, definition.outputs):
            named = {s.name: given.pop(s.name) for s in side if s.name in given}
            slots.append({slot: [names] if isinstance(names, str) else list(names) for slot, names in named.items()})
        given = {name: value for name, value in given.items() if name not in op_protos.OpProtoHolder.generated_op_attr_names()}
        unknown = sorted(set(given) - set(definition.attrs))
        if unknown:
            raise ValueError(f"operator {type} has no slot or attribute {unknown[0]!r}")
        return op_protos.Operator(programs.Operator(programs.Program().global_block(), type, slots[0], slots[1], given))

    @staticmethod
    def _definition(type: str) -> Op:
        if type not in OPS:
            raise ValueError(f"The operator: {type} is not registered.")
        return OPS[type]

    def types(self) -> list[str]:
        """Types of all operators."""
        return list(OPS)

    def get_op_inputs(self, type: str) -> list[tuple[str, bool]]:
        """Input slots, and whether they hold lists."""
        return [(s.name, s.many) for s in self._definition(type).inputs]

    def get_op_outputs(self, type: str) -> list[tuple[str, bool]]:
        """Output slots, and whether they hold lists."""
        return [(s.name, s.many) for s in self._definition(type).outputs]

    def get_op_input_names(self, type: str) -> list[str]:
        """Names of the input slots."""
        return [name for name, _ in self.get_op_inputs(type)]

    def get_op_output_names(self, type: str) -> list[str]:
        """Names of the output slots."""
        return [name for name, _ in self.get_op_outputs(type)]

    def get_op_attr_names(self, type: str) -> list[str]:
        """Names of the attributes."""
        return list(self._definition(type).attrs)

    def get_op_extra_attr_names(self, type: str) -> list[str]:
        """Names of attributes that are no part of the description: none."""
        return []


Operator = OperatorFactory()
