"""Writes small models in the json of Paddle 3.x by hand."""
from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

ELEMENTS = {"float32": "0.t_f32", "float64": "0.t_f64", "int32": "0.t_i32", "int64": "0.t_i64", "bool": "0.t_bool", "uint8": "0.t_ui8"}


def tensor(shape: Sequence[int], dtype: str = "float32") -> dict[str, Any]:
    """The type of a tensor."""
    return {"#": "0.t_dtensor", "D": [{"#": ELEMENTS[dtype]}, list(shape), "NCHW", [], 0]}


def array(shape: Sequence[int]) -> dict[str, Any]:
    """The type of an array of tensors."""
    return {"#": "1.t_dense_tensor_array", "D": [{"#": "0.t_f32"}, list(shape), "NCHW"]}


def attribute(value: Any) -> dict[str, Any]:
    """An attribute's value; a name such as "dtype:int64" is a data type."""
    if isinstance(value, bool):
        return {"#": "0.a_bool", "D": value}
    if isinstance(value, int):
        return {"#": "0.a_i64", "D": value}
    if isinstance(value, float):
        return {"#": "0.a_f64", "VD": "-INF"} if value == float("-inf") else {"#": "0.a_f64", "D": value}
    if isinstance(value, str):
        return {"#": "1.a_dtype", "D": value[6:]} if value.startswith("dtype:") else {"#": "0.a_str", "D": value}
    return {"#": "0.a_array", "D": [attribute(v) for v in value]}


class Model:
    """Values are numbers; `op` returns that of its (first) result."""

    def __init__(self) -> None:
        self.count = self.arguments = 0
        self.main: list[dict[str, Any]] = []
        self.ops = self.main

    def new(self) -> int:
        self.count += 1
        return self.count

    def parameter(self, name: str, shape: Sequence[int], flags: Sequence[int] = (1, 0, 1), dtype: str = "float32") -> int:
        number = self.new()
        self.ops.append({
            "#": "p", "A": [0, 1, 1, name], "DA": [], "O": {"%": number, "TT": tensor(shape, dtype)}, "OA": list(flags), "QA": []
        })  # fmt: skip
        return number

    def op(
        self, kind: str, operands: Sequence[int] = (), result: Any = (), /, *, stop: bool = False, regions: Any = None, **attrs: Any
    ) -> Any:
        """result: a shape, a type, a list of types (the numbers come back as a list), or None."""
        many = isinstance(result, list) and bool(result) and all(isinstance(t, dict) for t in result)
        types = [] if result is None else result if many else [result if isinstance(result, dict) else tensor(result)]
        numbers = [self.new() for _ in types]
        made: dict[str, Any] = {
            "#": kind if kind[1] == "." else "1." + kind, "A": [{"N": k, "AT": attribute(v)} for k, v in attrs.items()],
            "I": [{"%": n} for n in operands], "O": [{"%": n, "TT": t} for n, t in zip(numbers, types)],
            "OA": [{"N": "stop_gradient", "AT": attribute([stop] * len(types))}],
        }  # fmt: skip
        if regions is not None:
            made["regions"] = [{"#": "region", "blocks": [block]} for block in regions]
        self.ops.append(made)
        return numbers if many else numbers[0] if numbers else None

    def data(self, name: str, shape: Sequence[int], dtype: str = "float32") -> int:
        return self.op("data", [], tensor(shape, dtype), name=name, shape=shape, dtype="dtype:" + dtype)

    def full(self, value: Any, shape: Sequence[int] = (1,), dtype: str = "float32") -> int:
        return self.op("full", [], tensor(shape, dtype), shape=shape, value=value, dtype="dtype:" + dtype)

    def ints(self, *values: int) -> int:
        return self.op("full_int_array", [], tensor([len(values)], "int64"), value=values, dtype="dtype:int64")

    def combine(self, *values: int, shape: Sequence[int] = (), dtype: str = "float32") -> int:
        return self.op("0.combine", values, {"#": "0.t_vec", "D": [tensor(shape, dtype) for _ in values]})

    def fetch(self, value: int, col: int = 0, name: str | None = None) -> None:
        self.op("fetch", [value], (), name=f"fetch_name_{col}" if name is None else name, col=col)

    def block(self, make: Any, *argument_types: Any) -> dict[str, Any]:
        """A region's block: `make(*arguments)` appends operators and returns what it yields."""
        outside, self.ops = self.ops, []
        arguments = []
        for _ in argument_types:
            self.arguments += 1
            arguments.append(-self.arguments)
        self.op("2.yield", make(*arguments), None)
        made = {"#": "block", "args": [{"#": n, "TT": t} for n, t in zip(arguments, argument_types)], "ops": self.ops}
        self.ops = outside
        return made

    def bytes(self, **base: Any) -> bytes:
        code = {"magic": "pir", "trainable": True, "version": 4, **base}
        return json.dumps({"base_code": code, "program": {"regions": [
            {"#": "region_0", "blocks": [{"#": "block_0", "args": [], "ops": self.main}]}
        ]}}).encode()  # fmt: skip
