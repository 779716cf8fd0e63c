"""Building a Program looks at data types as Paddle 2.6.2 does."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
import minipaddle.nn.functional as F
from minipaddle.ops.data_types import refusal
from minipaddle.ops.registry import OPS

SQUARE = lambda f: lambda x: f(x, x)  # noqa: E731
# function, data types Paddle refuses, data types it takes
CASES: list[tuple[str, Any, str, str]] = [
    ("sqrt", paddle.sqrt, "bool int32 complex64", "float16 float64"),
    ("exp", paddle.exp, "bool uint8 int8", "int32 complex64"),
    ("abs", paddle.abs, "bool int8", "int32 complex64 float16"),
    ("floor", paddle.floor, "int32 complex64", "float32"),
    ("real", paddle.real, "float32 int32", "complex64"),
    ("bitwise_not", paddle.bitwise_not, "float32", "bool int8 int64"),
    ("softmax", F.softmax, "int32 bool", "float16 float32"),
    ("gelu", F.gelu, "int32", "float32"),
    ("mean", paddle.mean, "int32 bool", "float64"),
    ("sum", paddle.sum, "uint8 int8", "bool int32"),
    ("max", paddle.max, "bool complex64", "int64"),
    ("std", paddle.std, "int32 bool", "float64"),
    ("median", paddle.median, "bool int8", "int32"),
    ("cumsum", paddle.cumsum, "bool int8", "int32"),
    ("argmax", paddle.argmax, "bool int8", "uint8 int16"),
    ("unique", paddle.unique, "bool int8", "int64"),
    ("diag", paddle.diag, "bool int8", "int32"),
    ("tile", lambda x: paddle.tile(x, [2, 2]), "int8 complex64", "bool"),
    ("concat", lambda x: paddle.concat([x, x]), "int16 complex64", "bool int8"),
    ("scale", paddle.scale, "bool", "int8 complex64"),
    ("add", SQUARE(paddle.add), "int8 uint8", "bool complex64"),
    ("mod", SQUARE(paddle.mod), "int8 complex64", "int32 float32"),
    ("equal", SQUARE(paddle.equal), "complex64", "bool int8"),
    ("matmul", SQUARE(paddle.matmul), "int32 bool", "float64 complex64"),
    ("logical_and", SQUARE(paddle.logical_and), "uint8", "float32"),
    ("one_hot", lambda x: F.one_hot(x, 3), "float32", "int32"),
    ("embedding", lambda x: F.embedding(x, paddle.ones([8, 3])), "float32 bool", "int16 int64"),
    ("mse_loss", SQUARE(F.mse_loss), "float16 int32", "float64"),
    ("l1_loss", SQUARE(F.l1_loss), "bool int8", "float16"),
    ("linear", lambda x: F.linear(x, paddle.ones([2, 3])), "int32 complex64", "float32"),
    ("layer_norm", lambda x: F.layer_norm(x, 2), "int32", "float32"),
]


@pytest.mark.parametrize("function, bad, good", [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_types(function: Any, bad: str, good: str) -> None:
    for name in bad.split():
        with pytest.raises(TypeError, match=name):
            function(paddle.static.data(f"bad_{name}", [2, 2], name))
    for name in good.split():
        try:
            function(paddle.static.data(f"good_{name}", [2, 2], name))
        except TypeError as error:  # the weight of a function of two tensors may have another type
            assert "data type" not in str(error), f"{name}: {error}"


@pytest.mark.parametrize("function", [paddle.exp, paddle.std, paddle.nansum, F.relu, SQUARE(paddle.add), SQUARE(F.mse_loss)])
def test_numbers_and_arrays_are_no_variables(function: Any) -> None:
    for value in (1, np.ones([2, 2], "float32")):
        with pytest.raises(TypeError):
            function(value)


def test_dynamic_mode_is_more_generous() -> None:
    paddle.disable_static()
    x = paddle.to_tensor([1.0, 3.0], "float16")
    assert float(F.mse_loss(x, x * 2)) == 5.0


def test_the_table_names_operators_and_slots_there_are() -> None:
    refusal("relu", "X", "float32")
    from minipaddle.ops import data_types

    unknown = [
        f"{op}.{slot}"
        for op, slots in data_types._table.items()
        for slot in slots
        if op in OPS and slot not in [s.name for s in OPS[op].inputs]
    ]
    assert not unknown
