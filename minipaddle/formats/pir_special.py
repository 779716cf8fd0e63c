"""Operators of Paddle 3.x that need more than a row of the table: constants, vectors, arrays, control flow; attributes that follow
from others.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import dtypes
from .pir_reader import Damaged, Finisher, Handler, Reader, Refused, row_of, written_number
from .pir_text import PD_OP, PirBlock, PirOp, PirType, shown_name

__all__ = ["FINISHERS", "HANDLERS"]


# --- inputs, outputs, vectors and constants


def _parameter(reader: Reader, op: PirOp) -> None:
    number, value_type = op.results[0]
    if value_type is None or value_type.dtype is None:
        raise Damaged(f"parameter {op.attrs['name']!r} has no type")
    persistable = op.persistable[0]
    v = reader.program.global_block().create_var(
        op.attrs["name"], value_type.shape, value_type.dtype, persistable=persistable, is_parameter=persistable,
        stop_gradient=op.stop_gradient[0],
    )  # fmt: skip
    v.extra["trainable"] = op.attrs["trainable"]
    if not persistable and (-1 in v.static_shape or math.prod(v.static_shape) > 1 << 20):
        raise Damaged(f"parameter {v.name!r} has shape {list(v.static_shape)}, and no value is stored for it")
    reader.bind(number, v.name, value_type)


def _data(reader: Reader, op: PirOp) -> None:
    number, value_type = op.results[0]
    name = reader.attr(op, "name")
    if reader.block.idx or not isinstance(name, str) or value_type is None:
        raise Damaged("an input is declared inside of a branch or loop, or has no name or type")
    stored = bool(op.persistable and op.persistable[0])
    v = reader.block.create_var(
        name, value_type.shape, value_type.dtype, persistable=stored, need_check_feed=not stored, is_data=not stored,
        stop_gradient=bool(op.stop_gradient and op.stop_gradient[0]),
    )  # fmt: skip
    reader.bind(number, v.name, value_type)
    if not stored:
        reader.feeds.append(name)


def _fetch(reader: Reader, op: PirOp) -> None:
    (number,) = op.operands
    column = reader.attr(op, "col")
    if reader.block.idx or type(column) is not int or any(column == c for c, _ in reader.fetches):
        raise Damaged(f"fetch operators must be outside of blocks and have columns of their own, got column {column!r}")
    name = reader.tensor(number, op)
    wanted = op.attrs.get("name")
    if isinstance(wanted, str) and name != wanted and wanted not in reader.block.vars:
        out = reader.block.create_var(wanted, reader.types[number].shape, reader.types[number].dtype)
        reader.emit("assign", {"X": [name]}, {"Out": [wanted]}, {})
        name = out.name
    reader.fetches.append((column, name))


def _combine(reader: Reader, op: PirOp) -> None:
    number, value_type = op.results[0]
    reader.vectors[number] = [reader.tensor(operand, op) for operand in op.operands]
    reader.combined[number] = list(op.operands)
    if value_type is not None:
        reader.types[number] = value_type


def _split_vector(reader: Reader, op: PirOp) -> None:
    names = reader.vector(op.operands[0], op)
    if len(names) != len(op.results):
        raise Damaged(f"{shown_name(op.name)} takes {len(op.results)} values out of a vector of {len(names)}")
    for name, (number, value_type) in zip(names, op.results, strict=True):
        reader.bind(number, name, value_type)
    _name_outputs(reader, op)


def _slice_vector(reader: Reader, op: PirOp) -> None:
    names, index = reader.vector(op.operands[0], op), reader.attr(op, "index")
    if not 0 <= index < len(names):
        raise Damaged(f"{shown_name(op.name)} takes value {index} of a vector of {len(names)}")
    reader.bind(op.results[0][0], names[index], op.results[0][1])
    _name_outputs(reader, op)


def _name_outputs(reader: Reader, op: PirOp) -> None:
    """Outputs of the model that come out of a vector get their names from an assign."""
    for number, _ in op.results:
        reader.output_arg_names.pop(number, None)


def _full(reader: Reader, op: PirOp) -> None:
    """full(shape, value), ones and zeros."""
    plain = op.name.removeprefix(PD_OP)
    value = {"ones": 1.0, "zeros": 0.0}.get(plain)
    value = reader.attr(op, "value") if value is None else value
    shape = [int(n) for n in reader.attr(op, "shape")]
    out = reader.result(op, 0, "fill_constant")
    maker = reader.fill(value, out.dtype, shape, out)
    if plain.endswith("_"):  # over another tensor
        reader.names[op.operands[0]] = out.name
        return
    size = math.prod(shape)
    if size <= 64:
        reader.constant_result(op, maker, [value] * size, shape)


def _full_int_array(reader: Reader, op: PirOp) -> None:
    elements = [int(n) for n in reader.attr(op, "value")]
    out = reader.result(op, 0, "assign_value")
    kind = "int32_values" if out.dtype is dtypes.int32 else "int64_values"
    maker = reader.emit(
        "assign_value", {}, {"Out": [out.name]}, {"shape": [len(elements)], "dtype": out.dtype.proto, kind: elements}
    )
    reader.constant_result(op, maker, elements, [len(elements)])


_VALUE_LISTS = {"bool": "bool_values", "int32": "int32_values", "int64": "int64_values", "float32": "fp32_values", "float64": "fp64_values"}


def _assign_value(reader: Reader, op: PirOp) -> None:
    shape = [int(n) for n in reader.attr(op, "shape")]
    elements = list(reader.attr(op, "values"))
    target = reader.dtype(reader.attr(op, "dtype"))
    if len(elements) != math.prod(shape):
        raise Damaged(f"{shown_name(op.name)}: {len(elements)} values for shape {shape}")
    held = target if target.name in _VALUE_LISTS else dtypes.float32 if target.is_floating else dtypes.int32
    out = reader.result(op, 0, "assign_value")
    made = out if held is target else reader.declare(PirType(held, tuple(shape)), "assign_value")
    kind = _VALUE_LISTS[held.name]
    maker = reader.emit(
        "assign_value", {}, {"Out": [made.name]},
        {"shape": shape, "dtype": held.proto, kind: reader.value_attr(op, "assign_value", kind, elements)},
    )  # fmt: skip
    if made is not out:
        reader.emit("cast", {"X": [made.name]}, {"Out": [out.name]}, {"in_dtype": held.proto, "out_dtype": target.proto})
    elif len(elements) <= 64:
        reader.constant_result(op, maker, elements, shape)
    if op.operands and op.operands[0]:
        reader.names[op.operands[0]] = out.name


def _full_with_tensor(reader: Reader, op: PirOp) -> None:
    value, shape = op.operands
    out = reader.result(op, 0, "fill_constant")
    inputs: dict[str, list[str]] = {}
    known_shape, known_value = reader.constant(shape), reader.constant(value)
    if known_shape is None:
        inputs["ShapeTensor"] = [reader.tensor(shape, op)]
    if known_value is None:
        inputs["ValueTensor"] = [reader.tensor(value, op)]
    number = known_value.elements[0] if known_value is not None else 0.0
    reader.fill(number, out.dtype, [] if known_shape is None else known_shape.elements, out, inputs)


def _shape64(reader: Reader, op: PirOp) -> None:
    out = reader.result(op, 0, "shape")
    small = reader.declare(PirType(dtypes.int32, out.static_shape), "shape")
    reader.emit("shape", {"Input": [reader.tensor(op.operands[0], op)]}, {"Out": [small.name]}, {})
    reader.emit("cast", {"X": [small.name]}, {"Out": [out.name]}, {"in_dtype": dtypes.int32.proto, "out_dtype": dtypes.int64.proto})


def _stack(reader: Reader, op: PirOp) -> None:
    """As in the table, and the parts of a shape are remembered."""
    row = row_of(op.name)
    assert row is not None
    before = len(reader.block.ops)
    reader.by_row(op, row)
    parts = reader.combined.get(op.operands[0])
    if parts and all(reader.type_of(part, op).shape in ((), (1,)) for part in parts):
        reader.stacked[op.results[0][0]] = parts
        reader.makers.add(id(reader.block.ops[before]))


def _assign_out(reader: Reader, op: PirOp) -> None:
    """assign_out_(x, output): write x over output."""
    source, target = op.operands
    number, value_type = op.results[0]
    name = reader.tensor(target, op)
    if reader.is_outer(name):
        reader.emit("assign", {"X": [reader.tensor(source, op)]}, {"Out": [name]}, {})
        reader.bind(number, name, value_type)
    else:
        out = reader.result(op, 0, "assign")
        reader.emit("assign", {"X": [reader.tensor(source, op)]}, {"Out": [out.name]}, {})
        reader.names[target] = out.name


def _arange(reader: Reader, op: PirOp) -> None:
    out = reader.result(op, 0, "range")
    inputs = {}
    for slot, number in zip(("Start", "End", "Step"), op.operands, strict=True):
        found = reader.type_of(number, op)
        assert found.dtype is not None
        inputs[slot] = [reader.cast(reader.tensor(number, op), found.dtype, out.dtype, found.shape)]
    reader.emit("range", inputs, {"Out": [out.name]}, {})


def _swiglu(reader: Reader, op: PirOp) -> None:
    """silu(x) * y; without y the two are the halves of x."""
    x, y = (*op.operands, 0)[:2]
    first = reader.tensor(x, op)
    given = reader.type_of(x, op)
    if y:
        second = reader.tensor(y, op)
    else:
        half = (*given.shape[:-1], given.shape[-1] // 2 if given.shape[-1] > 0 else -1)
        halves = [reader.declare(PirType(given.dtype, half), "split").name for _ in range(2)]
        reader.emit("split", {"X": [first]}, {"Out": halves}, {"num": 2, "sections": [], "axis": len(half) - 1})
        first, second = halves
        given = PirType(given.dtype, half)
    gate = reader.declare(given, "silu")
    reader.emit("silu", {"X": [first]}, {"Out": [gate.name]}, {})
    out = reader.result(op, 0, "elementwise_mul")
    reader.emit("elementwise_mul", {"X": [gate.name], "Y": [second]}, {"Out": [out.name]}, {})


def _masked_fill(reader: Reader, op: PirOp) -> None:
    """where(mask, value, x), with all three in the shape of the result."""
    x, mask, value = op.operands
    out = reader.result(op, 0, "where")
    named = {}
    for slot, number in (("X", value), ("Y", x), ("Condition", mask)):
        found = reader.type_of(number, op)
        named[slot] = name = reader.tensor(number, op)
        if found.shape != out.static_shape:
            like = reader.tensor(x, op)
            if reader.type_of(x, op).shape != out.static_shape:
                raise Refused(f"{shown_name(op.name)}: a mask of another shape than the tensor {list(out.static_shape)} is not supported")
            wide = reader.declare(PirType(found.dtype, out.static_shape), "expand")
            reader.emit("expand_as_v2", {"X": [name], "Y": [like]}, {"Out": [wide.name]}, {"target_shape": list(out.static_shape)})
            named[slot] = wide.name
    reader.emit("where", {slot: [name] for slot, name in named.items()}, {"Out": [out.name]}, {})
    if op.name.endswith("_"):
        reader.names[x] = out.name


def _create_array(reader: Reader, op: PirOp) -> None:
    reader.result(op, 0, "array")


def _array_write(reader: Reader, op: PirOp) -> None:
    array, value, index = op.operands
    name = reader.tensor(array, op)
    reader.emit("write_to_array", {"X": [reader.tensor(value, op)], "I": [reader.tensor(index, op)]}, {"Out": [name]}, {})
    reader.bind(op.results[0][0], name, op.results[0][1])


def _yield(reader: Reader, op: PirOp) -> None:
    raise Damaged("a yield outside of a branch or loop")


# --- control flow


def _assign(reader: Reader, source: str, target: str) -> None:
    reader.emit("assign", {"X": [source]}, {"Out": [target]}, {})


def _inside(reader: Reader, function: PirBlock, finish: Callable[[list[int]], None]) -> int:
    """Read a region as a block of its own; its index. finish: called inside it with what it yields."""
    outside = reader.block
    reader.block = reader.program.create_block(outside.idx)
    index = reader.block.idx
    finish(reader.run(function))
    reader.block = outside
    return index


def _if(reader: Reader, op: PirOp) -> None:
    """A conditional_block per branch, then select_input: as Paddle writes it."""
    if len(op.regions) != 2 or len(op.operands) != 1:
        raise Damaged(f"an if has {len(op.regions)} branches and {len(op.operands)} operands, expected 2 and 1")
    outside = reader.block
    condition, shape = _condition(reader, op.operands[0], op), reader.types[op.operands[0]].shape
    arrays = [value_type is not None and value_type.is_array for _, value_type in op.results]
    sides: list[list[str]] = []
    for function, wanted in zip(op.regions, (True, False), strict=True):
        pred = condition
        if not wanted:
            pred = reader.declare(PirType(dtypes.bool_, shape), "logical_not").name
            reader.emit("logical_not", {"X": [condition]}, {"Out": [pred]}, {})
        made: list[str] = []

        def finish(yielded: list[int], made: list[str] = made) -> None:
            if len(yielded) != len(op.results):
                raise Damaged(f"a branch yields {len(yielded)} values, expected {len(op.results)}")
            for number, (_, value_type), is_array in zip(yielded, op.results, arrays, strict=True):
                name = reader.tensor(number, op)
                if not is_array and value_type is not None:
                    target = reader.declare(value_type, "cond", block=outside)
                    _assign(reader, name, target.name)
                    name = target.name
                made.append(name)

        index = _inside(reader, function, finish)
        carrier = outside.create_var(reader.fresh("_generated_var"), (), None, kind="STEP_SCOPES")
        reader.emit(
            "conditional_block", {"Cond": [pred]},
            {"Out": [n for n, is_array in zip(made, arrays, strict=True) if not is_array], "Scope": [carrier.name]},
            {"sub_block": index, "is_scalar_condition": True},
        )  # fmt: skip
        sides.append(made)
    mask = ""
    for i, (number, value_type) in enumerate(op.results):
        yes, no = sides[0][i], sides[1][i]
        if arrays[i]:
            if yes != no:
                raise Refused("an if chooses between two arrays of tensors; only the same array can come out of both branches")
            reader.bind(number, yes, value_type)
        elif value_type is not None:
            mask = mask or reader.cast(condition, dtypes.bool_, dtypes.int32, shape)
            out = reader.result(op, i, "select_input")
            reader.emit("select_input", {"X": [no, yes], "Mask": [mask]}, {"Out": [out.name]}, {})


def _condition(reader: Reader, number: int, op: PirOp) -> str:
    found = reader.type_of(number, op)
    assert found.dtype is not None
    return reader.cast(reader.tensor(number, op), found.dtype, dtypes.bool_, found.shape)


def _while(reader: Reader, op: PirOp) -> None:
    """Loop variables are outer variables that the block writes over at its end, the condition last."""
    if len(op.regions) != 1 or not {len(op.operands) - 1} == {len(op.results)} == {len(op.regions[0].arguments)}:
        raise Damaged("a while has other numbers of start values, arguments and results")
    body, outside = op.regions[0], reader.block
    start = _condition(reader, op.operands[0], op)
    going = reader.declare(PirType(dtypes.bool_, reader.type_of(op.operands[0], op).shape), "while")
    carried: list[str] = []
    for index, ((argument, _), (number, value_type)) in enumerate(zip(body.arguments, op.results, strict=True)):
        initial = reader.tensor(op.operands[index + 1], op)
        if argument in reader.seen:
            raise Damaged(f"block argument {argument} occurs twice")
        reader.seen.add(argument)
        if value_type is None or value_type.is_array:
            name = initial
        else:
            name = reader.result(op, index, "while").name
            _assign(reader, initial, name)
        reader.bind(number, name, value_type)
        reader.bind(argument, name, value_type)
        carried.append(name)
    _assign(reader, start, going.name)

    def finish(yielded: list[int]) -> None:
        if len(yielded) != len(carried) + 1:
            raise Damaged(f"a loop yields {len(yielded)} values, expected {len(carried) + 1}")
        again = _condition(reader, yielded[0], op)
        writes = []
        for number, target in zip(yielded[1:], carried, strict=True):
            source = reader.tensor(number, op)
            if source == target:
                continue
            v = outside.find_var(target)
            if v is not None and v.kind != "LOD_TENSOR":
                raise Refused("a loop replaces an array of tensors by another one; arrays can only be written in place")
            if source in carried or source == going.name:  # as it was when the trip began
                kept = reader.declare(reader.types.get(number), "assign")
                _assign(reader, source, kept.name)
                source = kept.name
            writes.append((source, target))
        for source, target in writes:
            _assign(reader, source, target)
        _assign(reader, again, going.name)

    index = _inside(reader, body, finish)
    carrier = outside.create_var(reader.fresh("_generated_var"), (), None, kind="STEP_SCOPES")
    reader.emit(
        "while", {"X": [], "Condition": [going.name]}, {"Out": [], "StepScopes": [carrier.name]}, {"sub_block": index, "is_test": False}
    )


HANDLERS: dict[str, Handler] = {
    "p": _parameter,
    "0.combine": _combine,
    "0.split": _split_vector,
    "0.slice": _slice_vector,
    "1.data": _data,
    "1.fetch": _fetch,
    "1.full": _full,
    "1.full_": _full,
    "1.ones": _full,
    "1.zeros": _full,
    "1.full_int_array": _full_int_array,
    "1.full_with_tensor": _full_with_tensor,
    "1.assign_value": _assign_value,
    "1.assign_out": _assign_out,
    "1.shape64": _shape64,
    "1.stack": _stack,
    "1.arange": _arange,
    "1.swiglu": _swiglu,
    "1.masked_fill": _masked_fill,
    "1.create_array": _create_array,
    "1.array_write": _array_write,
    "1.if": _if,
    "1.while": _while,
    "2.yield": _yield,
}


# --- attributes that follow from others


def _finish_reduction(reader: Reader, op: PirOp, inputs: dict[str, list[str]], attrs: dict[str, Any]) -> None:
    if not attrs.get("dim"):
        attrs["dim"], attrs["reduce_all"] = [], True
    source, result = reader.type_of(op.operands[0], op), op.results[0][1]
    if op.name == PD_OP + "sum" and result is not None and source.dtype is not None and result.dtype is not source.dtype:
        assert result.dtype is not None
        attrs["in_dtype"], attrs["out_dtype"] = source.dtype.proto, result.dtype.proto
    elif attrs.get("out_dtype", -1) == -1:
        attrs.pop("out_dtype", None)


def _finish_logsumexp(reader: Reader, op: PirOp, inputs: dict[str, list[str]], attrs: dict[str, Any]) -> None:
    if not attrs.get("axis"):
        attrs["axis"], attrs["reduce_all"] = [], True


def _finish_cast(reader: Reader, op: PirOp, inputs: dict[str, list[str]], attrs: dict[str, Any]) -> None:
    source = reader.type_of(op.operands[0], op).dtype
    if source is not None:
        attrs["in_dtype"] = source.proto


def _finish_set_value(reader: Reader, op: PirOp, inputs: dict[str, list[str]], attrs: dict[str, Any]) -> None:
    target = reader.type_of(op.operands[0], op).dtype
    if target is not None:
        attrs["dtype"] = target.proto


def _finish_interpolation(reader: Reader, op: PirOp, inputs: dict[str, list[str]], attrs: dict[str, Any]) -> None:
    """Paddle 2.x takes sizes as int32 only."""
    sizes = reader.combined.get(op.operands[2], []) if len(op.operands) > 2 else []
    if sizes:
        found = [reader.type_of(number, op) for number in sizes]
        inputs["SizeTensor"] = [
            reader.cast(name, t.dtype, dtypes.int32, t.shape) if t.dtype is not None else name
            for name, t in zip(inputs["SizeTensor"], found, strict=True)
        ]


def _finish_strided_slice(reader: Reader, op: PirOp, inputs: dict[str, list[str]], attrs: dict[str, Any]) -> None:
    """Paddle 2.x wants one flag per axis: whether the shape of the result is known."""
    attrs["infer_flags"] = [-1 if len(inputs) > 1 else 1] * len(attrs.get("axes", ()))


def _finish_batch_like(reader: Reader, op: PirOp, inputs: dict[str, list[str]], attrs: dict[str, Any]) -> None:
    result = op.results[0][1]
    if result is not None and result.dtype is not None:
        attrs["str_value"] = written_number(op.attrs.get("value", 0.0), result.dtype)


FINISHERS: dict[str, Finisher] = {
    **{f"reduce_{name}": _finish_reduction for name in ("sum", "mean", "max", "min", "prod", "any", "all", "amax", "amin")},
    "frobenius_norm": _finish_reduction,
    **{f"{name}_interp_v2": _finish_interpolation for name in ("linear", "bilinear", "trilinear", "nearest", "bicubic")},
    "strided_slice": _finish_strided_slice,
    "logsumexp": _finish_logsumexp,
    "cast": _finish_cast,
    "set_value": _finish_set_value,
    "fill_constant_batch_size_like": _finish_batch_like,
}
