"""`paddle.grad` inside of traced functions: the gradient is a part of the Program, and can be differentiated again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import nn
from minipaddle.errors import NotSupportedError
from minipaddle.nn import functional as F
from minipaddle.static import InputSpec

X = np.array([[0.5, -1.0, 2.0, 0.3], [1.5, 0.25, -0.75, 0.9], [0.1, 0.2, 1.1, -0.4]], "float32")


def first(x: Any) -> Any:
    y = x * x
    return paddle.grad(outputs=[y], inputs=[x])[0] * x


def second(x: Any) -> Any:
    y = paddle.tanh(x) * x
    return paddle.grad([y], [x], create_graph=True)[0]


def third(x: Any) -> Any:
    y = x**4
    for _ in range(3):
        y = paddle.grad(y, x, create_graph=True)[0]
    return y


def normalized(x: Any) -> Any:
    v, m = paddle.var(x, axis=-1, unbiased=False, keepdim=True), paddle.mean(x, axis=-1, keepdim=True)
    y = (x - m) / paddle.sqrt(v + 1e-2)
    return paddle.grad((y * y * y).sum(), x, create_graph=True)[0]


def weighted(x: Any) -> Any:
    w = paddle.ones([4, 2]) * 0.3
    w.stop_gradient = False
    h = F.relu(x @ w) - F.gelu(x @ w)
    dx, dw = paddle.grad(h, [x, w], grad_outputs=h * 2, create_graph=True)
    return dx.sum() + (dw**2).sum()


def lists(x: Any) -> Any:
    a, b = paddle.split(x, 2, axis=1)
    y = paddle.exp(paddle.concat([a * b, b], axis=0)).transpose([1, 0])
    return paddle.log(paddle.grad([y, y * 1], x, create_graph=True)[0].abs() + 1)


def unused(x: Any) -> Any:
    z = x * 1
    found = paddle.grad(x * x, [x, z], allow_unused=True, create_graph=True)
    assert found[1] is None
    return found[0]


def constants(x: Any) -> Any:
    y = x * 2
    z = y * x
    return paddle.grad(z, x, no_grad_vars=[y], create_graph=True)[0]


def after_branch(x: Any) -> Any:
    if x.sum() > 0:
        y = x * x
    else:
        y = x * 3
    return paddle.grad(y, x)[0] * x


def after_loop(x: Any) -> Any:
    s = x
    for _ in range(paddle.shape(x)[0]):
        s = s * x
    return paddle.grad(s, x)[0] * x


def after_loop_and_in_branch(x: Any) -> Any:
    s = x
    for _ in range(paddle.shape(x)[0]):
        s = s * x
    g = paddle.grad(s, x)[0]
    if x.sum() > 0:
        return g * x
    return g + x


def in_branch_of_input(x: Any) -> Any:
    if x.sum() > 0:
        y = x * x * x
        return paddle.grad(y, x, create_graph=True)[0] * x
    return x


def in_branch(x: Any) -> Any:
    if x.sum() > 0:
        z = x * 2
        y = z * z * z
        return paddle.grad(y, z, create_graph=True)[0] + x
    return x


def of_outer_values(x: Any) -> Any:
    y = paddle.tanh(x)
    if x.sum() > 0:
        return paddle.grad(y, x)[0] * x
    return y


def in_loop(x: Any) -> Any:
    for _ in range(paddle.shape(x)[0]):
        z = x * 1
        x = x - 0.1 * paddle.grad(paddle.tanh(z) * z, z, create_graph=True)[0]
    return x


def result(function: Callable[..., Any], data: Any) -> tuple[Any, Any]:
    x = paddle.to_tensor(data)
    x.stop_gradient = False
    out = function(x)
    (out * out).sum().backward()
    return out.numpy(), x.grad.numpy()


FUNCTIONS = [
    first, second, third, normalized, weighted, lists, unused, constants, after_branch, after_loop,
    after_loop_and_in_branch, in_branch_of_input, in_branch, of_outer_values, in_loop,
]  # fmt: skip


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_as_dynamically(function: Callable[..., Any], sign: int) -> None:
    wanted = result(function, X * sign)
    for found in (result(paddle.jit.to_static(function), X * sign),):
        for a, b in zip(wanted, found, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


class Penalty(nn.Layer):
    """A critic with a penalty on the size of its gradient, as WGAN-GP trains it."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.norm = nn.Linear(4, 8), nn.Linear(8, 1), nn.LayerNorm(8)
        self.conv = nn.Conv2D(1, 2, 3, padding=1)

    def critic(self, x: Any) -> Any:
        h = paddle.tanh(self.norm(self.a(x)))
        images = F.leaky_relu(self.conv(x.reshape([1, 1, -1, 4]))).mean()
        return self.b(F.softplus(h)).sum() + F.sigmoid(h).sum() * images

    def forward(self, x: Any) -> Any:
        x.stop_gradient = False
        y = self.critic(x)
        g = paddle.grad(y, x, create_graph=True)[0]
        return ((g.norm(2, axis=1) - 1) ** 2).mean() + y * 0.1


def test_gradient_penalty_trains_as_dynamically() -> None:
    dynamic, traced = Penalty(), Penalty()
    traced.set_state_dict(dynamic.state_dict())
    paddle.jit.to_static(traced)
    losses = []
    for net in (dynamic, traced):
        sgd = paddle.optimizer.SGD(0.05, parameters=net.parameters())
        found = []
        for _ in range(3):
            loss = net(paddle.to_tensor(X))
            loss.backward()
            sgd.step()
            sgd.clear_grad()
            found.append(float(loss))
        losses.append(found)
    np.testing.assert_allclose(*losses, rtol=1e-4)


def test_saved_and_loaded(tmp_path: Path) -> None:
    traced = paddle.jit.to_static(second, input_spec=[InputSpec([None, 4], stop_gradient=False)])
    x = paddle.to_tensor(X)
    x.stop_gradient = False
    wanted = traced(x).numpy()
    paddle.jit.save(traced, str(tmp_path / "f"))
    np.testing.assert_allclose(paddle.jit.load(str(tmp_path / "f"))(x).numpy(), wanted, rtol=1e-6)


def through_branch(x: Any) -> Any:
    y = x * x if x.sum() > 0 else x
    return paddle.grad(y, x, create_graph=True)[0]


def mixed_blocks(x: Any) -> Any:
    y = x * 2
    if x.sum() > 0:
        return paddle.grad(y * y, y)[0]
    return x


@pytest.mark.parametrize("function, words", [(through_branch, "second derivative is not recorded"), (mixed_blocks, "one and the same")])
def test_refused(function: Callable[..., Any], words: str) -> None:
    x = paddle.to_tensor(X)
    x.stop_gradient = False
    with pytest.raises(NotSupportedError, match=words):
        paddle.jit.to_static(function)(x)


def test_wrong_arguments() -> None:
    def unrelated(x: Any) -> Any:
        return paddle.grad(x * 2, x * 1)[0]

    def of_number(x: Any) -> Any:
        return paddle.grad(x * 2, 3)

    def of_shape(x: Any) -> Any:
        return paddle.grad(x * 2, x, grad_outputs=paddle.ones([2]))

    x = paddle.to_tensor(X)
    x.stop_gradient = False
    def twice(x: Any) -> Any:
        y = x * 2
        return paddle.grad([y, y], x)

    for function, kind, words in (
        (unrelated, ValueError, "does not lead"),
        (of_number, AssertionError, "inputs must be"),
        (of_shape, AssertionError, "must be float32"),
        (twice, RuntimeError, "duplicate tensors"),
    ):
        with pytest.raises(kind, match=words):
            paddle.jit.to_static(function)(x)
