"""What decides a branch or loop of a traced function: ``x.numpy()`` there, and `and`, `or`, `not` of Tensors of any type."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minipaddle as paddle


def branch_on_data(x: Any) -> Any:
    if paddle.mean(x).numpy() > 0:
        y = x - 1
    else:
        y = x + 1
    return y


def branch_on_an_element(x: Any) -> Any:
    return x * 2 if x.numpy()[0] > x.numpy()[1] else x * 3


def loop_on_data(x: Any) -> Any:
    n = paddle.full([1], 3, "int32")
    i = 0
    while i < n.numpy()[0]:
        x = x + i
        i += 1
    for k in range(n.numpy()[0]):
        x = x * 2 + k
    return x


def parts_of_other_types(x: Any, y: Any = None) -> Any:
    if paddle.mean(x) + 1 and x[0] > -10 and x is not None or 2 > 1:
        x = x - 1
    if not (x[0] and (x * 2)[1]):
        x = x + 10
    if paddle.shape(x)[0] > 1 and x.sum().numpy() > -100 and y:
        x = x * 0
    return x


@pytest.mark.parametrize("function", [branch_on_data, branch_on_an_element, loop_on_data, parts_of_other_types])
@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], [-1.0, -2.0, 0.5], [1.0, 0.0, 0.0]])
def test_same_as_dynamic(function: Any, values: list[float]) -> None:
    x = np.array(values, "float32")
    traced = paddle.jit.to_static(function)
    np.testing.assert_allclose(traced(paddle.to_tensor(x)).numpy(), function(paddle.to_tensor(x)).numpy())
    assert len(traced.program_cache) == 1


def test_data_elsewhere_is_refused() -> None:
    def outside(x):
        y = x.numpy()
        return paddle.to_tensor(y)

    with pytest.raises(TypeError, match="D2S102"):
        paddle.jit.to_static(outside)(paddle.ones([2]))


def test_only_in_dynamic_mode() -> None:
    traced = paddle.jit.to_static(branch_on_data)
    paddle.enable_static()
    try:
        with pytest.raises(RuntimeError, match="only available in dynamic mode"):
            traced(paddle.static.data("x", [3]))
        with pytest.raises(RuntimeError, match="only available in dynamic mode"):
            traced.concrete_program  # noqa: B018
    finally:
        paddle.disable_static()


def test_unknown_keyword() -> None:
    with pytest.raises(TypeError, match="other"):
        paddle.jit.to_static(branch_on_data).get_concrete_program(paddle.static.InputSpec([3]), other=1)
