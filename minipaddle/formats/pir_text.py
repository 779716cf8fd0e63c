"""The text of a model of Paddle 3.x as plain objects.

A file is ``{"base_code": {"magic": "pir", ...}, "program": {"regions": [{"blocks": [...]}]}}``. Keys: ``#`` a kind or name, ``%`` the
number of a value, ``I`` operands, ``O`` results, ``TT`` a type, ``A`` attributes (``N`` name, ``AT`` value: ``D``, or ``VD`` for
infinities), ``OA`` facts about results. Names begin with the number of their dialect: ``0.`` builtin, ``1.`` pd_op, ``2.`` control flow.
"""
from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

from .. import dtypes
from ..dtypes import DType
from ..errors import FormatError, NotSupportedError

__all__ = ["BUILTIN", "CONTROL", "PD_OP", "DTypeName", "PirBlock", "PirOp", "PirType", "all_ops", "parse", "plain_name", "shown_name"]

BUILTIN, PD_OP, CONTROL = "0.", "1.", "2."

# element types without data
_ELEMENTS = {
    "t_bool": "bool", "t_i8": "int8", "t_ui8": "uint8", "t_i16": "int16", "t_i32": "int32", "t_i64": "int64", "t_f16": "float16",
    "t_bf16": "bfloat16", "t_f32": "float32", "t_f64": "float64", "t_c64": "complex64", "t_c128": "complex128",
}  # fmt: skip
_SPECIAL = {"INF": math.inf, "-INF": -math.inf, "NAN": math.nan}


@dataclass(frozen=True)
class PirType:
    """Type of a value: a tensor, an array of tensors, or (`parts`) a vector of values."""

    dtype: DType | None = None
    shape: tuple[int, ...] = ()
    is_array: bool = False
    parts: tuple[PirType, ...] | None = None


@dataclass
class PirOp:
    """An operator. operands: value numbers, 0 for an absent one. results: number and type, None for one that is not made."""

    name: str
    operands: list[int]
    results: list[tuple[int, PirType | None]]
    attrs: dict[str, Any] = field(default_factory=dict)
    stop_gradient: list[bool] = field(default_factory=list)
    persistable: list[bool] = field(default_factory=list)
    regions: list[PirBlock] = field(default_factory=list)


@dataclass
class PirBlock:
    """A block: its arguments and operators."""

    arguments: list[tuple[int, PirType | None]]
    ops: list[PirOp]


class DTypeName(str):
    """The value of an attribute that is a data type."""


def _element(entry: Any) -> DType:
    name = entry["#"].removeprefix(BUILTIN)
    if name not in _ELEMENTS:
        raise NotSupportedError(f"element type {entry['#']!r} is not supported; known are {', '.join(_ELEMENTS.values())}")
    return dtypes.as_dtype(_ELEMENTS[name])


def _type(entry: Any) -> PirType | None:
    kind = entry["#"]
    if kind == "NULL":
        return None
    if kind == BUILTIN + "t_vec":
        return PirType(parts=tuple(part for part in map(_type, entry["D"]) if part is not None))
    if kind not in (BUILTIN + "t_dtensor", PD_OP + "t_dense_tensor_array"):
        raise NotSupportedError(f"values of type {kind!r} are not supported, only dense tensors, arrays and vectors of them")
    shape = entry["D"][1]
    if len(shape) > 64 or not all(type(n) is int and abs(n) < 2**48 for n in shape):
        raise ValueError(f"a value has shape {list(shape)[:70]}")
    known = tuple(max(n, -1) for n in shape)  # products of unknown dimensions are written too: -4
    return PirType(_element(entry["D"][0]), known, is_array=kind == PD_OP + "t_dense_tensor_array")


def _attribute(entry: Any) -> Any:
    kind = entry["#"]
    if "VD" in entry:
        return _SPECIAL[entry["VD"].upper()]
    data = entry.get("D")
    if kind == BUILTIN + "a_array":
        return [_attribute(item) for item in data]
    if kind == PD_OP + "a_dtype":
        return DTypeName(data)
    if kind in (BUILTIN + "a_c64", BUILTIN + "a_c128"):
        return complex(*data) if isinstance(data, list) else data
    if kind == PD_OP + "a_scalar" and isinstance(data, list):
        return data[-1]
    return data


def _flags(entries: Any, name: str) -> list[bool]:
    for entry in entries:
        if entry["N"] == name:
            return [bool(item["D"]) for item in entry["AT"]["D"]]
    return []


def _number(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"the number of a value is {value!r}")
    return value


def _op(entry: Any) -> PirOp:
    name = entry["#"]
    if name == "p":  # a parameter, in a short form
        result = entry["O"]
        _, _, _, variable = entry["A"]
        persistable, stop_gradient, trainable = map(bool, entry["OA"])
        if not isinstance(variable, str) or not variable:
            raise ValueError(f"a parameter has the name {variable!r}")
        return PirOp(
            "p", [], [(_number(result["%"]), _type(result["TT"]))], {"name": variable, "trainable": trainable}, [stop_gradient],
            [persistable],
        )  # fmt: skip
    if not isinstance(name, str):
        raise ValueError(f"an operator has the name {name!r}")
    return PirOp(
        name,
        [_number(operand["%"]) for operand in entry["I"]],
        [(_number(result["%"]), _type(result["TT"])) for result in entry["O"]],
        {a["N"]: _attribute(a["AT"]) for a in entry["A"]},
        _flags(entry.get("OA", ()), "stop_gradient"),
        _flags(entry.get("OA", ()), "persistable"),
        [_function(block) for region in entry.get("regions", ()) for block in region["blocks"]],
    )


def _function(entry: Any) -> PirBlock:
    arguments = [(_number(a["#"]), _type(a["TT"])) for a in entry.get("args", ())]
    return PirBlock(arguments, [_op(op) for op in entry["ops"]])


def parse(data: bytes, name: str) -> tuple[PirBlock, bool]:
    """The main block, and whether the file says that it may be trained."""
    try:
        whole = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{name}: not a json file, or cut short ({len(data)} bytes): {error}") from None
    base = whole.get("base_code") if isinstance(whole, dict) else None
    magic = base.get("magic") if isinstance(base, dict) else None
    if not isinstance(base, dict) or magic != "pir":
        raise FormatError(
            f"{name}: not a model of Paddle 3.x: base_code.magic should be 'pir', "
            + (f"got {magic!r}" if isinstance(base, dict) else "but there is no base_code")
        )
    version = base.get("version")
    if type(version) is not int or version < 1:
        raise FormatError(f"{name}: the format version should be 1 or more (Paddle 3.3 writes 4), got {version!r}")
    try:
        regions = whole["program"]["regions"]
        (region,) = regions
        (block,) = region["blocks"]
        return _function(block), bool(base.get("trainable", True))
    except NotSupportedError as error:
        raise NotSupportedError(f"{name}: {error}") from None
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise FormatError(f"{name}: damaged, or not a model of Paddle 3.x: {type(error).__name__}: {error}") from None


def all_ops(function: PirBlock) -> list[PirOp]:
    return [inner for op in function.ops for inner in (op, *(o for region in op.regions for o in all_ops(region)))]


def shown_name(name: str) -> str:
    for prefix, dialect in ((BUILTIN, "builtin."), (PD_OP, "pd_op."), (CONTROL, "cf.")):
        if name.startswith(prefix):
            return dialect + name.removeprefix(prefix)
    return name


def plain_name(name: str) -> str:
    return name.removeprefix(PD_OP).removesuffix("_")
