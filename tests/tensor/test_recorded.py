"""The functions of these families on symbolic Variables with an unknown first dimension.

Each is recorded in a Program and run: values as in eager execution, and the inferred shapes that must be known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.compiler import interpret
from minipaddle.core.program import Program
from minipaddle.core.recorder import TraceRecorder, recording
from minipaddle.core.tensor import Tensor

X = np.arange(24, dtype="float32").reshape(2, 3, 4)
I = np.array([1, 0])
J = np.array([2, 0])


def setting(index: Callable[..., Any], value: Callable[..., Any]) -> Callable[..., Any]:
    """A function that copies its argument and writes into the copy."""

    def run(x: Any, *args: Any) -> Any:
        y = x * 1.0
        y[index(y, *args)] = value(y, *args)
        return y

    return run


# name -> (function, further inputs, shape that must be known: -1 where it cannot be)
CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...], list[int] | None]] = {
    "reshape by own dimension": (lambda x: x.reshape([x.shape[0], -1]), (), [-1, 12]),
    "reshape by another's": (lambda x: (x * 2).reshape([x.shape[0], 12]), (), [-1, 12]),
    "reshape to own shape": (lambda x: x.flatten(1).reshape(x.shape), (), [-1, 3, 4]),
    "zeros": (lambda x: paddle.zeros([x.shape[0], 2]), (), [-1, 2]),
    "ones of a shape": (lambda x: paddle.ones(x.shape), (), [-1, 3, 4]),
    "full by arithmetic": (lambda x: paddle.full([x.shape[0] * 2], 3.5), (), [-1]),
    "expand": (lambda x: paddle.ones([1, 4]).expand([x.shape[0], 4]), (), [-1, 4]),
    "tile": (lambda x: paddle.ones([1, 4]).tile([x.shape[0], 1]), (), [-1, 4]),
    "arange": (lambda x: paddle.arange(x.shape[0]), (), [-1]),
    "arange of numbers": (lambda x: paddle.arange(1, 6, 2), (), [3]),
    "linspace": (lambda x: paddle.linspace(0, 1, 5), (), [5]),
    "slice by dimension": (lambda x: x[: x.shape[0] - 1], (), [-1, 3, 4]),
    "int": (lambda x: x[0], (), [3, 4]),
    "last": (lambda x: x[-1], (), [3, 4]),
    "last of known": (lambda x: x[:, -1], (), [-1, 4]),
    "backwards": (lambda x: x[::-1], (), [-1, 3, 4]),
    "middle": (lambda x: x[:, 1:-1], (), [-1, 1, 4]),
    "none": (lambda x: x[None, :, 0], (), [1, -1, 4]),
    "index tensor": (lambda x, i: x[i], (I,), [2, 3, 4]),
    "two index tensors": (lambda x, i, j: x[i, j], (I, J), [2, 4]),
    "slice and index tensor": (lambda x, i: x[:, i], (I,), [-1, 2, 4]),
    "mask": (lambda x: x[x > 3], (), [-1]),
    "mask of rows": (lambda x, m: x[m], (np.array([True, False]),), [-1, 3, 4]),
    "list": (lambda x: x[[1, 0]], (), [2, 3, 4]),
    "scalar tensor": (lambda x, k: x[k], (np.int64(1),), [3, 4]),
    "negative scalar tensor": (lambda x, k: x[k], (np.int64(-1),), [3, 4]),
    "bound tensor": (lambda x, k: x[:, k:], (np.int64(1),), [-1, -1, 4]),
    "bound tensor and step": (lambda x, k: x[:, 0:k:2], (np.int64(3),), [-1, -1, 4]),
    "set int": (setting(lambda y: 0, lambda y: 1.0), (), [-1, 3, 4]),
    "set last": (setting(lambda y: -1, lambda y: 4.0), (), [-1, 3, 4]),
    "set column": (setting(lambda y, i: (slice(None), i), lambda y, i: 5.0), (I,), [-1, 3, 4]),
    "set rows": (setting(lambda y, i: i, lambda y, i: y[i] * 2), (I,), [-1, 3, 4]),
    "set mask": (setting(lambda y: y > 3, lambda y: 0.0), (), [-1, 3, 4]),
    "set mixed": (setting(lambda y, i: (slice(None), i, 1), lambda y, i: 7.0), (I,), [-1, 3, 4]),
    "set slice": (setting(lambda y: (slice(None), slice(1, None)), lambda y: y[:, :2] * 3), (), [-1, 3, 4]),
    "set by scalar tensor": (setting(lambda y, k: k, lambda y, k: 4.0), (np.int64(1),), [-1, 3, 4]),
    "set with none": (setting(lambda y: (None, 0), lambda y: 4.0), (), [-1, 3, 4]),
    "to_tensor of numbers": (lambda x: paddle.to_tensor([[1, 2], [3, 4]]), (), [2, 2]),
    "to_tensor of tensors": (lambda x: paddle.to_tensor([x[0, 0, 0], 2]), (), [2]),
    "to_tensor of dimensions": (lambda x: paddle.to_tensor([x.shape[0], 3]), (), [2]),
    "to_tensor of float16": (lambda x: paddle.to_tensor(np.ones(2, "float16")), (), [2]),
    "to_tensor of complex": (lambda x: paddle.to_tensor([1 + 2j]), (), [1]),
    "to_tensor of float64": (lambda x: paddle.to_tensor(np.array([1.123456789012345])), (), [1]),
    "concat": (lambda x: paddle.concat([x, paddle.zeros([1, 3, 4])]), (), [-1, 3, 4]),
    "stack": (lambda x: paddle.stack([x, x], 1), (), [-1, 2, 3, 4]),
    "split": (lambda x: paddle.split(x, [1, -1], 1)[1], (), [-1, 2, 4]),
    "unbind": (lambda x: x.unbind(1)[2], (), [-1, 4]),
    "unstack": (lambda x: x.unstack(2)[3], (), [-1, 3]),
    "flatten": (lambda x: x.flatten(1), (), [-1, 12]),
    "unflatten": (lambda x: paddle.unflatten(x, 2, [2, -1]), (), [-1, 3, 2, 2]),
    "transpose": (lambda x: x.transpose([2, 0, 1]), (), [4, -1, 3]),
    "repeat_interleave": (lambda x: paddle.repeat_interleave(x, 2, 1), (), [-1, 6, 4]),
    "expand_as": (lambda x: paddle.ones([4]).expand_as(x), (), [-1, 3, 4]),
    "masked_select": (lambda x: paddle.masked_select(x, x > 3), (), [-1]),
    "masked_fill": (lambda x: paddle.masked_fill(x, x > 3, -1.0), (), [-1, 3, 4]),
    "where": (lambda x: paddle.where(x > 3, x, paddle.zeros([1])), (), [-1, 3, 4]),
    "where places": (lambda x: paddle.where(x > 3)[2], (), [-1, 1]),
    "topk": (lambda x: x.topk(2)[1], (), [-1, 3, 2]),
    "sort": (lambda x: x.sort(0, True), (), [-1, 3, 4]),
    "argmax": (lambda x: x.argmax(0), (), [3, 4]),
    "unique": (lambda x: x.unique(return_counts=True)[1], (), [-1]),
    "one_hot": (lambda x, i: paddle.nn.functional.one_hot(i, 4), (I,), [2, 4]),
    "shape": (lambda x: paddle.shape(x), (), [3]),
    "numel": (lambda x: x.numel() + x.size, (), []),
    "take": (lambda x, i: paddle.take(x, i), (I,), [2]),
    "take, wrapped": (lambda x, i: paddle.take(x, i + 30, "wrap"), (I,), [2]),
    "take_along_axis": (lambda x: paddle.take_along_axis(x, paddle.zeros([2, 3, 1], "int64"), 2), (), [2, 3, 1]),
    "put_along_axis": (lambda x: paddle.put_along_axis(x, paddle.zeros([2, 3, 1], "int64"), 9.0, 2), (), None),
    "crop": (lambda x: paddle.crop(x, [-1, 2, 2], [0, 1, 1]), (), [-1, 2, 2]),
    "slice function": (lambda x: paddle.slice(x, [0, 1], [0, 1], [1, 3]), (), [-1, 2, 4]),
    "index_add": (lambda x, i: paddle.index_add(x, i, 1, x[:, :2]), (I,), [-1, 3, 4]),
    "select_scatter": (lambda x: paddle.select_scatter(x, x[:, 0], 1, 2), (), [-1, 3, 4]),
    "in place": (lambda x: (x * 1).reshape_([-1, 12]).unsqueeze_(0).fill_(2.0), (), [1, -1, 12]),
    "diagonal": (lambda x: x.diagonal(0, 1, 2), (), [-1, 3]),
    "normal": (lambda x: paddle.normal(x, paddle.zeros([1])), (), [-1, 3, 4]),
}


@pytest.mark.parametrize("name", list(CASES))
def test_recorded(name: str) -> None:
    function, others, known = CASES[name]
    arrays = [X, *(np.asarray(a) for a in others)]
    program = Program()
    block = program.global_block()
    feeds = []
    for n, a in enumerate(arrays):
        shape = list(a.shape)
        if n == 0:
            shape[0] = -1
        feeds.append(block.create_var(f"in_{n}", shape, a.dtype))
    recorder = TraceRecorder(program)
    with recording(recorder):
        out = function(*feeds)
    values = {f"in_{n}": a for n, a in enumerate(arrays)} | {n: t._data for n, t in recorder.captured.items()}
    (got,) = interpret(block.ops, values, [out.name], np)
    expected = function(*[Tensor(a) for a in arrays])
    np.testing.assert_allclose(got, expected.numpy())
    assert got.dtype == expected._data.dtype == out.dtype.np
    inferred = list(out.static_shape)
    if known is not None:
        assert inferred == known
    assert len(inferred) == got.ndim and all(n in (-1, m) for n, m in zip(inferred, got.shape, strict=True))


def test_operators_as_paddle_writes_them() -> None:
    """The operator types that real Paddle 2.6.2 puts into a Program for the same lines."""
    program = Program()
    x = program.global_block().create_var("x", [-1, 4, 5], "float32")
    i = program.global_block().create_var("i", [3], "int64")
    k = program.global_block().create_var("k", [], "int32")

    def types(function: Callable[[], Any]) -> list[str]:
        done = len(program.global_block().ops)
        with recording(TraceRecorder(program)):
            function()
        return [op.type for op in program.global_block().ops[done:]]

    assert types(lambda: x[0, 1:]) == ["slice"]
    assert types(lambda: x[::-1, 0]) == ["strided_slice"]
    assert types(lambda: x[None, ..., 0]) == ["slice", "unsqueeze2"]
    assert types(lambda: x[i]) == ["unsqueeze2", "gather_nd"]
    assert types(lambda: x[:, i]) == ["transpose2", "unsqueeze2", "gather_nd", "transpose2"]
    assert types(lambda: x[i, i]) == ["broadcast_tensors", "stack", "gather_nd"]
    assert types(lambda: x[i, 1:]) == ["slice", "unsqueeze2", "gather_nd"]
    assert types(lambda: x[:k]) == ["slice"]
    assert types(lambda: x[1:k:2]) == ["strided_slice"]
    assert types(lambda: paddle.reshape(x, [-1, k, 5])) == ["fill_constant", "fill_constant", "reshape2"]
    assert types(lambda: paddle.concat([x, x], k)) == ["concat"]
    assert types(lambda: paddle.arange(5)) == ["fill_constant", "fill_constant", "fill_constant", "range"]
    assert types(lambda: paddle.to_tensor([1.0])) == ["assign_value"]
    assert types(lambda: paddle.nn.functional.one_hot(i, k)) == ["one_hot_v2"]
    op = program.global_block().ops[0]
    assert {n: op.attr(n) for n in ("axes", "starts", "ends", "decrease_axis", "infer_flags")} == {
        "axes": [0, 1], "starts": [0, 1], "ends": [1, 2147483647], "decrease_axis": [0], "infer_flags": [1, 1],
    }  # fmt: skip
