"""Descriptions of operators as messages, and single operators run on the variables of a scope.

This is what tests of operators are written with in Paddle: ``core.get_all_op_protos()``, ``core.Operator.create(bytes)``,
``OpProtoHolder.instance().get_op_proto(type)``.
"""
from __future__ import annotations

import functools
from collections.abc import Iterator, MutableMapping
from enum import IntEnum
from importlib import resources
from typing import Any

from ..backend import xp as backend
from ..backend.quiet import quietly
from ..compiler.binding import definition_of, results_by_name, run_arguments
from ..core import program as programs
from ..core.scope import Scope
from ..errors import NotSupportedError
from ..formats import op_messages as framework_pb2
from ..framework import get_flags, set_flags
from ..ops.registry import OPS, Op

__all__ = [
    "Globals", "OpProtoHolder", "Operator", "Tracer", "canonicalize_attrs", "get_all_op_protos", "get_attrtibute_type",
    "get_op_extra_attrs", "op_proto_and_checker_maker",
]  # fmt: skip

_ATTR_TYPES: dict[str, int] = framework_pb2.files.ATTR_TYPES


class OpRole(IntEnum):
    """What an operator is for."""

    Forward = 0
    Backward = 1
    Optimize = 2
    RPC = 4
    Dist = 8
    LRSched = 16
    Loss = 256


class op_proto_and_checker_maker:
    """Names of the attributes that every operator has."""

    OpRole = OpRole

    @staticmethod
    def kOpRoleAttrName() -> str:
        """What it is for."""
        return "op_role"

    @staticmethod
    def kOpRoleVarAttrName() -> str:
        """The parameters and gradients it belongs to."""
        return "op_role_var"

    @staticmethod
    def kOpNameScopeAttrName() -> str:
        """The `name_scope` it was made in."""
        return "op_namescope"

    @staticmethod
    def kOpCreationCallstackAttrName() -> str:
        """The lines of the user's code that made it."""
        return "op_callstack"

    @staticmethod
    def kOpDeviceAttrName() -> str:
        """The device it was made for."""
        return "op_device"


def op_proto(definition: Op) -> Any:
    """The description of an operator as a message ``OpProto``."""
    made = framework_pb2.OpProto(type=definition.type, comment="")  # type: ignore[attr-defined]
    for slot in definition.inputs:
        made.inputs.add(name=slot.name, comment="", duplicable=slot.many, dispensable=slot.optional)
    for slot in definition.outputs:
        made.outputs.add(
            name=slot.name, comment="", duplicable=slot.many, dispensable=slot.optional, intermediate=slot.hidden
        )
    for attr in definition.attrs.values():
        made.attrs.add(name=attr.name, type=_ATTR_TYPES[attr.type], comment="")
    made.attrs.add(name="op_role", type=_ATTR_TYPES["INT"], comment="", generated=True)
    return made


def get_all_op_protos() -> list[bytes]:
    """The descriptions of all operators, as bytes."""
    return [op_proto(definition).SerializeToString() for definition in OPS.values()]


def get_op_extra_attrs(type: str) -> dict[str, Any]:
    """Attributes that are no part of an operator's description: none."""
    return {}


def get_attrtibute_type(type: str, name: str) -> int:
    """The number of an attribute's type. KeyError if there is none. (Paddle's spelling.)"""
    return _ATTR_TYPES[OPS[type].attrs[name].type]


class OpProtoHolder:
    """The descriptions of all operators: ``OpProtoHolder.instance().get_op_proto(type)``."""

    _instance: OpProtoHolder | None = None

    def __init__(self) -> None:
        self.op_proto_map: dict[str, Any] = {}

    @classmethod
    def instance(cls) -> OpProtoHolder:
        """The one holder."""
        if cls._instance is None:
            cls._instance = cls()
        return cls._instance

    def get_op_proto(self, type: str) -> Any:
        """The description of an operator. ValueError if there is none."""
        if type not in OPS:
            raise ValueError(f'Operator "{type}" has not been registered.')
        if type not in self.op_proto_map:
            self.op_proto_map[type] = op_proto(OPS[type])
        return self.op_proto_map[type]

    def has_op_proto(self, type: str) -> bool:
        """Whether there is such an operator."""
        return type in OPS

    @staticmethod
    def generated_op_attr_names() -> set[str]:
        """Attributes that every operator has."""
        return {"op_role", "op_role_var", "op_namescope", "op_callstack", "op_device"}


def canonicalize_attrs(attrs: dict[str, Any], op_proto: Any) -> dict[str, Any]:
    """A copy of `attrs`: here values of attributes need no wrapping."""
    return dict(attrs)


class Operator:
    """An operator that reads and writes the variables of a scope: ``Operator.create(op_desc_bytes).run(scope, place)``."""

    def __init__(self, op: programs.Operator) -> None:
        self._op = op

    @classmethod
    def create(cls, data: bytes) -> Operator:
        """From the bytes of a message ``OpDesc``. ValueError for a type there is not."""
        desc = framework_pb2.OpDesc.FromString(data)  # type: ignore[attr-defined]
        if desc.type not in OPS:
            raise ValueError(f'Operator "{desc.type}" has not been registered.')
        ins, outs = ({v.parameter: list(v.arguments) for v in side if v.arguments} for side in (desc.inputs, desc.outputs))
        attrs = {a.name: _value(a) for a in desc.attrs}
        return cls(programs.Operator(programs.Program().global_block(), desc.type, ins, outs, attrs))

    def type(self) -> str:
        """Its type."""
        return self._op.type

    def inputs(self) -> dict[str, list[str]]:
        """Input slots and the variables in them."""
        return dict(self._op.inputs)

    def outputs(self) -> dict[str, list[str]]:
        """Output slots and the variables in them."""
        return dict(self._op.outputs)

    @quietly
    def run(self, scope: Scope, place: Any = None) -> None:
        """Compute once. Results get no lod; run operators that make one in a Program."""
        definition = definition_of(self._op)

        def get(name: str) -> Any:
            value = scope.tensor(name)
            return value._data if value is not None and value._is_initialized() else None

        arguments, attrs = run_arguments(self._op, definition, get)
        if definition.lod_takes:
            many = {s.name for s in definition.inputs if s.many}
            found = [[_lod(scope, n) for n in self._op.inputs.get(slot, [])] for slot in definition.lod_takes]
            lods = [f if slot in many else f[0] if f else None for slot, f in zip(definition.lod_takes, found, strict=True)]
            attrs["lod"] = lods[0] if len(lods) == 1 else tuple(lods)
        module = backend.current() if place is None else backend.module_for(backend.parse(place))
        result = definition.forward(module, *arguments, **attrs)
        for name, array in results_by_name(self._op, definition, result).items():
            if array is not None:
                scope.var(name).put(array)


def _lod(scope: Scope, name: str) -> Any:
    value = scope.tensor(name)
    return None if value is None else value._lod()


def _value(attr: Any) -> Any:
    kind = next(name for name, number in _ATTR_TYPES.items() if number == attr.type)
    field = {
        "INT": "i", "FLOAT": "f", "STRING": "s", "BOOLEAN": "b", "LONG": "l", "FLOAT64": "float64", "INTS": "ints",
        "FLOATS": "floats", "STRINGS": "strings", "BOOLEANS": "bools", "LONGS": "longs", "FLOAT64S": "float64s",
    }.get(kind)  # fmt: skip
    if field is not None:
        value = getattr(attr, field)
        return list(value) if kind.endswith("S") else value
    if kind == "SCALAR":
        return _number(attr.scalar)
    if kind == "SCALARS":
        return [_number(s) for s in attr.scalars]
    raise NotSupportedError(f"Operator.create: attribute {attr.name!r} of type {kind} is not supported")


def _number(scalar: Any) -> Any:
    for field in ("b", "i", "r"):
        if scalar.HasField(field):
            return getattr(scalar, field)
    return complex(scalar.c.r, scalar.c.i)


@functools.cache
def _signatures() -> dict[str, tuple[list[str], list[str], list[str]]]:
    text = resources.files(__package__).joinpath("kernel_signatures.txt").read_text("utf-8")
    table = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            type, _, parts = line.partition(": ")
            inputs, attrs, outputs = (part.split() for part in parts.split("|"))
            table[type] = inputs, attrs, outputs
    return table


def _plain(name: str) -> str:
    """What the name of an attribute and that of the input which replaces it have in common."""
    return name.replace("_", "").lower().removesuffix("list").removesuffix("tensor")


class Tracer:
    """What ``framework._dygraph_tracer()`` gives in dynamic mode."""

    def _get_kernel_signature(
        self, type: str, inputs: dict[str, Any], outputs: dict[str, Any], attrs: dict[str, Any]
    ) -> tuple[list[str], list[str], list[str]]:
        """Names of the inputs, attributes and outputs in the order in which Paddle's functions take and return them."""
        definition = OPS.get(type)
        if definition is None:
            raise RuntimeError(f"operator {type!r} is not defined here")
        listed = _signatures().get(type)
        if listed is None:
            given = [s.name for s in definition.inputs if inputs.get(s.name) or not s.optional]
            listed = given, list(definition.attrs), [definition.outputs[i].name for i in definition.returns]
        names, outs = list(listed[0]), list(listed[2])
        # a tensor that is given for an attribute stands in its place
        tensors = {_plain(s.name): s.name for s in definition.inputs if inputs.get(s.name) and s.name not in names}
        chosen = [tensors.get(_plain(a), a) for a in listed[1]]
        if type == "split" and attrs.get("num"):
            chosen = ["num" if a == "sections" else a for a in chosen]
        if type.startswith("elementwise_") and attrs.get("axis", -1) != -1:
            chosen = ["axis"]
        return names, chosen, outs


class Globals(MutableMapping[str, Any]):
    """Flags by name; reading and setting as with `get_flags` and `set_flags`."""

    def __getitem__(self, name: str) -> Any:
        return get_flags(name)[name]

    def __setitem__(self, name: str, value: Any) -> None:
        set_flags({name: value})

    def __delitem__(self, name: str) -> None:
        raise TypeError("flags cannot be taken away")

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def is_public(self, name: str) -> bool:
        """Whether `get_flags` knows the name."""
        try:
            get_flags(name)
        except ValueError:
            return False
        return True

