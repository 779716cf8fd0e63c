"""From plain objects to a Program: values, constants, and the operators that are in the table."""
from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import dtypes
from ..core.blocks import BRANCHES, outer_reads, outer_writes
from ..core.program import Block, Operator, Program, Variable
from ..dtypes import DType
from ..ops.registry import OPS
from . import pdmodel
from .pir_ops import Operand, Row, rows
from .pir_text import CONTROL, PD_OP, DTypeName, PirBlock, PirOp, PirType, all_ops, plain_name, shown_name

__all__ = ["Constant", "Damaged", "Finisher", "Handler", "Reader", "Refused", "find_handler", "row_of", "written_number"]

# attributes of every operator that say nothing about values
_UNUSED = ("struct_name", "place", "op_callstack", "op_role", "op_device", "op_namescope")


class Refused(Exception):
    """Something that is valid but cannot be said in a Program."""


class Damaged(Exception):
    """Something that is not valid."""


Handler = Callable[["Reader", PirOp], None]
Finisher = Callable[["Reader", PirOp, dict[str, list[str]], dict[str, Any]], None]


def find_handler(handlers: Mapping[str, Handler], name: str) -> Handler | None:
    """What reads an operator that is not in the table."""
    return handlers.get(name) or handlers.get(name.removesuffix("_"))


def row_of(name: str) -> Row | None:
    return rows().get(plain_name(name)) if name.startswith(PD_OP) else None


def _changed(function: PirBlock) -> set[int]:
    """Values that operators write over: no constants, wherever they are read."""
    found = set()
    for op in all_ops(function):
        if op.name.endswith("_") and op.operands:
            found.add(op.operands[1 if plain_name(op.name) == "assign_out" and len(op.operands) > 1 else 0])
    return found


@dataclass(frozen=True)
class Constant:
    """A value known when the file is read: its elements in a flat list."""

    elements: list[Any]
    shape: tuple[int, ...]


class Reader:
    """Appends operators to the blocks of a Program. `block`: the one that is being written."""

    def __init__(self, handlers: Mapping[str, Handler], finishers: Mapping[str, Finisher]) -> None:
        self.handlers, self.finishers = handlers, finishers
        self.program = Program()
        self.block = self.program.global_block()
        self.names: dict[int, str] = {}  # value -> variable
        self.types: dict[int, PirType] = {}
        self.vectors: dict[int, list[str]] = {}
        self.combined: dict[int, list[int]] = {}  # vector -> the values it was made of
        self.stacked: dict[int, list[int]] = {}  # tensor of integers -> the one-element values it was made of
        self.constants: dict[int, Constant] = {}
        self.makers: set[int] = set()  # operators that only make constants
        self.output_arg_names: dict[int, str] = {}
        self.seen: set[int] = set()

    def read(self, function: PirBlock) -> Program:
        """The Program of the main block."""
        reserved = set()
        for op in function.ops:
            if op.name in ("p", PD_OP + "data"):
                name = op.attrs.get("name")
                if name in reserved:
                    raise Damaged(f"the name {name!r} is given to two parameters or inputs")
                reserved.add(name)
        for op in function.ops:
            name = op.attrs.get("name")
            if op.name == PD_OP + "fetch" and isinstance(name, str) and name not in reserved and op.operands:
                self.output_arg_names.setdefault(op.operands[0], name)
                reserved.add(name)
        self.changed = _changed(function)
        self.reserved = reserved
        self.feeds: list[str] = []
        self.fetches: list[tuple[int, str]] = []
        self.run(function)
        main = self.program.global_block()
        if not self.fetches:
            raise Damaged("the model has no fetch operator, so it has no results")
        feed, fetch = (name if name not in main.vars else self.fresh(name) for name in ("feed", "fetch"))
        if self.feeds:
            main.create_var(feed, kind="FEED_MINIBATCH", persistable=True)
        main.create_var(fetch, kind="FETCH_LIST", persistable=True)
        for i, name in enumerate(self.feeds):
            main._prepend_op("feed", {"X": [feed]}, {"Out": [name]}, {"col": i})
        for column, name in sorted(self.fetches):
            main.append_op("fetch", {"X": [name]}, {"Out": [fetch]}, {"col": column})
        self.drop_unread()
        self.describe_blocks()
        self.program.current_block_idx = 0
        return self.program

    def run(self, function: PirBlock) -> list[int]:
        """Append the operators of a block; the values that it yields."""
        for op in function.ops:
            if op.name == CONTROL + "yield" and self.block.idx:
                return op.operands
            for number, _ in op.results:
                if number in self.seen:
                    raise Damaged(f"value {number} is made twice, the second time by {shown_name(op.name)}")
                self.seen.add(number)
            handler = find_handler(self.handlers, op.name)
            if handler is not None:
                handler(self, op)
            else:
                row = row_of(op.name)
                assert row is not None
                self.by_row(op, row)
        return []

    # --- values

    def tensor(self, number: int, op: PirOp) -> str:
        """The variable of a value."""
        try:
            return self.names[number]
        except KeyError:
            raise Damaged(f"{shown_name(op.name)} uses value {number}, which is " + (
                "a vector" if number in self.vectors else "not made before it"
            )) from None  # fmt: skip

    def vector(self, number: int, op: PirOp) -> list[str]:
        """The variables of a vector, or of a single value."""
        return list(self.vectors[number]) if number in self.vectors else [self.tensor(number, op)]

    def type_of(self, number: int, op: PirOp) -> PirType:
        """The type of a value."""
        if number not in self.types:
            self.tensor(number, op)
        return self.types[number]

    def constant(self, number: int) -> Constant | None:
        """The elements of a value that is known; of a stack of known numbers too."""
        found = self.constants.get(number)
        if found is None and number in self.stacked:
            parts = [self.constants.get(part) for part in self.stacked[number]]
            if all(part is not None and len(part.elements) == 1 for part in parts):
                elements = [part.elements[0] for part in parts if part is not None]
                found = Constant(elements, (len(elements),))
        if found is None and number in self.combined:
            parts = [self.constants.get(part) for part in self.combined[number]]
            if all(part is not None and len(part.elements) == 1 for part in parts):
                found = Constant([part.elements[0] for part in parts if part is not None], (len(parts),))
        return found

    def fresh(self, base: str) -> str:
        """A name that no variable has."""
        while True:
            name = self.program.fresh_name(base) + ".tmp_0"
            if name not in self.reserved and not any(name in b.vars for b in self.program.blocks):
                return name

    def declare(self, value_type: PirType | None, base: str, number: int = 0, block: Block | None = None) -> Variable:
        """A variable of a type in the present (or another) block; it stands for the value `number`."""
        block = block or self.block
        value_type = value_type or PirType()
        name = self.output_arg_names.get(number, "") if block.idx == 0 else ""
        v = block.create_var(
            name or self.fresh(base), value_type.shape, value_type.dtype, kind="LOD_TENSOR_ARRAY" if value_type.is_array else "LOD_TENSOR"
        )
        if number:
            self.bind(number, v.name, value_type)
        return v

    def bind(self, number: int, name: str, value_type: PirType | None) -> None:
        """Let a value be a variable that exists."""
        self.names[number] = name
        if value_type is not None:
            self.types[number] = value_type

    def result(self, op: PirOp, index: int, base: str) -> Variable:
        """A new variable for a result."""
        number, value_type = op.results[index]
        v = self.declare(value_type, base, number)
        self.flag(op, index, v)
        return v

    def flag(self, op: PirOp, index: int, v: Variable) -> None:
        """Gradients stop at a value if the file says so."""
        if index < len(op.stop_gradient) and op.stop_gradient[index]:
            v.stop_gradient = True

    def emit(self, type_name: str, inputs: dict[str, list[str]], outputs: dict[str, list[str]], attrs: dict[str, Any]) -> Operator:
        """Append an operator, with the defaults of the attributes that are not given and, as Paddle has it, empty slots."""
        definition = OPS[type_name]
        inputs = {**{slot.name: [] for slot in definition.inputs}, **inputs}
        full = dict(attrs)
        for name, attr in definition.attrs.items():
            if name not in full and attr.default is not None:
                full[name] = list(attr.default) if isinstance(attr.default, list) else attr.default
        for name, (_, default) in pdmodel.KERNEL.get(type_name, {}).items():
            full.setdefault(name, default)
        op = Operator(self.block, type_name, inputs, outputs, dict(sorted(full.items())))
        self.block.ops.append(op)
        return op

    def value_attr(self, op: PirOp, type_name: str, name: str, value: Any) -> Any:
        """An attribute as the ProgramDesc operator holds it."""
        if isinstance(value, DTypeName):
            return -1 if value.startswith("Undefined") else self.dtype(value).proto
        wanted = pdmodel.declared_type(type_name, name)
        if wanted is None or wanted in ("SCALAR", "SCALARS"):
            return value
        try:
            return pdmodel.convert(value, wanted)
        except (OverflowError, TypeError, ValueError) as error:
            raise Damaged(f"{shown_name(op.name)}: attribute {name!r}: {error}") from None

    def dtype(self, name: Any) -> DType:
        """A data type by its name in the file."""
        try:
            return dtypes.as_dtype(str(name))
        except (TypeError, ValueError):
            raise Refused(f"data type {name!r} is not supported") from None

    def attr(self, op: PirOp, name: str) -> Any:
        """An attribute that an operator must have."""
        try:
            return op.attrs[name]
        except KeyError:
            raise Damaged(f"{shown_name(op.name)} has no attribute {name!r}; it has {sorted(op.attrs)}") from None

    # --- operators of the table

    def by_row(self, op: PirOp, row: Row) -> None:
        """Append the operator that a row of the table names."""
        if len(op.operands) > len(row.operands) and any(op.operands[len(row.operands):]):
            raise Damaged(f"{shown_name(op.name)} has {len(op.operands)} operands, expected {len(row.operands)}")
        attrs = self.attributes(op, row)
        inputs: dict[str, list[str]] = {}
        for place, number in zip(row.operands, op.operands):
            if number:
                self.place(op, row, place, number, inputs, attrs)
        outputs: dict[str, list[str]] = {}
        before: list[tuple[int, int]] = []  # value -> value that replaces it
        in_place = op.name.endswith("_") and not any(r.over for r in row.results)
        for index, (number, value_type) in enumerate(op.results):
            place_of = row.results[index] if index < len(row.results) else None
            if place_of is None or not place_of.slot or value_type is None:
                if value_type is not None:
                    self.types[number] = value_type
                continue
            if place_of.over:
                (name,) = inputs[place_of.over]
                self.bind(number, name, value_type)
                outputs[place_of.slot] = [name]
            elif place_of.many:
                outputs[place_of.slot] = self.vector_result(op, index, row.type)
            elif index == 0 and in_place and op.operands and op.operands[0] and self.is_outer(self.tensor(op.operands[0], op)):
                self.bind(number, self.names[op.operands[0]], value_type)
                outputs[place_of.slot] = [self.names[number]]
            else:
                outputs[place_of.slot] = [self.result(op, index, row.type).name]
                if index == 0 and in_place and op.operands and op.operands[0]:
                    before.append((op.operands[0], number))
        finish = self.finishers.get(row.type)
        if finish is not None:
            finish(self, op, inputs, attrs)
        self.emit(row.type, inputs, outputs, attrs)
        for old, new in before:  # the memory is the same: later readers of the old value see the new one
            self.names[old] = self.names[new]

    def is_outer(self, name: str) -> bool:
        """Whether a variable belongs to an enclosing block, or lives between runs."""
        v = self.block.vars.get(name)
        return v is None or v.persistable or v.kind != "LOD_TENSOR"

    def vector_result(self, op: PirOp, index: int, base: str) -> list[str]:
        """New variables for a result that is a vector."""
        number, value_type = op.results[index]
        if value_type is None or value_type.parts is None:
            return [self.result(op, index, base).name]
        made = []
        for part in value_type.parts:
            v = self.declare(part, base)
            self.flag(op, index, v)
            made.append(v.name)
        self.vectors[number] = made
        self.types[number] = value_type
        return made

    def attributes(self, op: PirOp, row: Row) -> dict[str, Any]:
        """The attributes of an operator under their ProgramDesc names."""
        definition = OPS[row.type]
        attrs = {name: self.value_attr(op, row.type, name, value) for name, value in row.added.items()}
        for name, value in op.attrs.items():
            if name in _UNUSED or name in row.without_effect:
                continue
            if name in row.only:
                if value != row.only[name]:
                    raise Refused(f"{shown_name(op.name)}: {name}={value!r} is not supported, only {row.only[name]!r}")
                continue
            new = row.renamed.get(name, name)
            if new in definition.attrs:
                attrs[new] = self.value_attr(op, row.type, new, value)
            elif value not in (False, 0, "", [], None):
                raise Refused(f"{shown_name(op.name)}: attribute {name}={value!r} is not supported by operator {row.type}")
        return attrs

    def place(
        self, op: PirOp, row: Row, place: Operand, number: int, inputs: dict[str, list[str]], attrs: dict[str, Any]
    ) -> None:
        """Put an operand into its slot or attribute."""
        if place.refused:
            raise Refused(f"{shown_name(op.name)}: operator {row.type} has nothing for its optional operand {op.operands.index(number)}")
        if not place.slot and not place.attr:
            return
        if not place.attr:
            inputs[place.slot] = self.vector(number, op) if place.many else [self.tensor(number, op)]
            return
        known = self.constant(number)
        if known is not None:
            attrs[place.attr] = self.value_attr(op, row.type, place.attr, _as_attribute(known, row.type, place.attr))
        elif not place.slot:
            raise Refused(f"{shown_name(op.name)}: {place.attr!r} is computed while the model runs; operator {row.type} needs a constant")
        elif place.many:
            parts = self.combined.get(number) or self.stacked.get(number)
            if parts is None:
                raise Refused(f"{shown_name(op.name)}: {place.attr!r} is computed; operator {row.type} needs one tensor per number")
            inputs[place.slot] = [self.tensor(part, op) for part in parts]
            attrs[place.attr] = self.value_attr(op, row.type, place.attr, [-1] * len(parts))
        elif number in self.vectors:
            raise Refused(f"{shown_name(op.name)}: {place.attr!r} is a vector of tensors; operator {row.type} needs one tensor")
        else:
            inputs[place.slot] = [self.tensor(number, op)]

    # --- constants

    def constant_result(self, op: PirOp, maker: Operator, elements: list[Any], shape: Sequence[int]) -> None:
        """Remember what a result is, so that it can become an attribute."""
        if op.results[0][0] not in self.changed:
            self.constants[op.results[0][0]] = Constant(elements, tuple(shape))
            self.makers.add(id(maker))

    def fill(self, value: Any, dtype: DType, shape: Sequence[int], out: Variable, inputs: dict[str, list[str]] | None = None) -> Operator:
        """Append the operator that fills a tensor with a number."""
        number = 0.0 if isinstance(value, complex) or not math.isfinite(value) else float(value)
        return self.emit(
            "fill_constant", inputs or {}, {"Out": [out.name]},
            {"shape": list(shape), "dtype": dtype.proto, "value": number, "str_value": written_number(value, dtype)},
        )  # fmt: skip

    def cast(self, name: str, source: DType, target: DType, shape: Sequence[int]) -> str:
        """A variable of another element type."""
        if source is target:
            return name
        out = self.declare(PirType(target, tuple(shape)), "cast")
        self.emit("cast", {"X": [name]}, {"Out": [out.name]}, {"in_dtype": source.proto, "out_dtype": target.proto})
        return out.name

    # --- afterwards

    def drop_unread(self) -> None:
        """Remove the operators that made constants which became attributes."""
        readers: dict[str, int] = {}
        for block in self.program.blocks:
            for op in block.ops:
                for name in op.input_arg_names:
                    readers[name] = readers.get(name, 0) + 1
        for block in self.program.blocks:
            kept = []
            for op in reversed(block.ops):
                if id(op) in self.makers and not any(readers.get(name) for name in op.output_arg_names):
                    for name in op.output_arg_names:
                        block.vars.pop(name, None)
                    for name in op.input_arg_names:
                        readers[name] -= 1
                else:
                    kept.append(op)
            block.ops = kept[::-1]

    def describe_blocks(self) -> None:
        """Say of operators with blocks what these read and write; the innermost first."""
        for block in reversed(self.program.blocks):
            for op in block.ops:
                inner = op.attrs.get("sub_block")
                if not isinstance(inner, int):
                    continue
                body = self.program.blocks[inner]
                written = outer_writes(body)
                if op.type in BRANCHES:
                    op.inputs["Input"] = outer_reads(body)
                    op.outputs["Out"] = list(dict.fromkeys([*op.outputs.get("Out", []), *written]))
                else:
                    (condition,) = op.inputs["Condition"]
                    op.inputs["X"] = [n for n in dict.fromkeys([*outer_reads(body), *written]) if n != condition]
                    op.outputs["Out"] = written


def _as_attribute(known: Constant, type_name: str, name: str) -> Any:
    """The value of an attribute: a list if it takes one, else a number."""
    wanted = pdmodel.declared_type(type_name, name) or ""
    if wanted.endswith("S"):
        return list(known.elements)
    if len(known.elements) != 1:
        raise Damaged(f"attribute {name!r} of operator {type_name} is one number, got {known.elements[:8]}")
    (value,) = known.elements
    return repr(float(value)) if wanted == "STRING" else value


def written_number(value: Any, dtype: DType) -> str:
    """A number as `fill_constant` reads it."""
    if isinstance(value, complex):
        return str(value).strip("()")
    if dtype.is_floating or dtype.is_complex:
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf") if math.isinf(value) else repr(float(value))
    return str(int(value))
