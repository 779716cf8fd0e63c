"""Printed tensors, as Paddle 2.6.2 prints them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.tensor.to_string import OPTIONS


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    old = dict(OPTIONS.__dict__)
    yield
    OPTIONS.__dict__.update(old)


def body(x: Any) -> str:
    return str(paddle.to_tensor(x)).split("\n", 1)[1]


def test_head() -> None:
    x = paddle.to_tensor([1.0], stop_gradient=False)
    assert str(x) == "Tensor(shape=[1], dtype=float32, place=Place(cpu), stop_gradient=False,\n       [1.])" == repr(x)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ([1, -20], "       [ 1 , -20])"),
        (-2.5, "       -2.50000000)"),
        ([1e10, 1e-10], "       [10000000000., 0.00000000  ])"),
        ([float("nan"), float("inf"), -1], "       [ nan, inf., -1. ])"),
        ([1 + 2j, 3], "       [(1+2j), (3+0j)])"),
        ([True], "       [True])"),
        (np.zeros((0, 3)), "       [])"),
        ([[[1, 2], [3, 4]], [[5, 6], [7, 8]]],
         "       [[[1, 2],\n         [3, 4]],\n\n        [[5, 6],\n         [7, 8]]])"),
        (np.float16([[1.5, -2], [3, 4]]), "       [[1.50000000, -2.       ],\n        [ 3.       ,  4.       ]])"),
    ],
)  # fmt: skip
def test_body(data: Any, text: str) -> None:
    assert body(data) == text


def test_lines_are_broken_at_eighty() -> None:
    lines = body((np.arange(30) / 7).astype("float32")).split("\n")
    assert lines[0] == "       [0.        , 0.14285715, 0.28571430, 0.42857143, 0.57142860, 0.71428573,"
    assert lines[1].startswith("        0.85714287, 1.        , ")
    assert len(lines) == 5


def test_summary_and_options() -> None:
    assert body(np.ones(1001, "float32")) == "       [1., 1., 1., ..., 1., 1., 1.])"
    lines = body(np.arange(2000.0).reshape(20, 100)).split("\n")
    assert lines[0] == "       [[0.   , 1.   , 2.   , ..., 97.  , 98.  , 99.  ],"
    assert lines[3] == "        ...,"
    paddle.set_printoptions(precision=2, threshold=5, edgeitems=1)
    assert body(np.arange(6) / 3) == "       [0.  , ..., 1.67])"
    paddle.set_printoptions(sci_mode=True)
    assert body([1.5]) == "       [1.50e+00])"
    with pytest.raises(TypeError):
        paddle.set_printoptions(precision=1.5)  # type: ignore[arg-type]
