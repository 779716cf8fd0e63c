"""paddle.grad inside of traced functions, and create_graph=True through them."""
from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
import minipaddle.nn.functional as F
from minipaddle import nn
from minipaddle.errors import GradientError, NotSupportedError
from minipaddle.static import InputSpec


class Equation(nn.Layer):
    """The residual of Burgers' equation, which has second derivatives of the network."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x):
        x.stop_gradient = False
        u = self.net(x)
        (g,) = paddle.grad(u, x, create_graph=True)
        ut, ux = g[:, 0:1], g[:, 1:2]
        (uxx,) = paddle.grad(ux, x, create_graph=True)
        return (ut + u * ux - 0.1 * uxx[:, 1:2]).square().mean()


def _trained(net: Any, data: list[np.ndarray]) -> list[float]:
    optimizer = paddle.optimizer.Adam(0.01, parameters=net.parameters())
    losses = []
    for value in data:
        loss = net(paddle.to_tensor(value))
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        losses.append(float(loss))
    return losses


@pytest.mark.parametrize("spec", [None, [InputSpec([None, 2], "float32")]], ids=["", "open"])
def test_gradients_inside_of_a_traced_function(spec: Any) -> None:
    rng = np.random.RandomState(0)
    data = [rng.rand(4 + i, 2).astype("float32") for i in range(4)]
    net = Equation()
    static = paddle.jit.to_static(copy.deepcopy(net), input_spec=spec)
    np.testing.assert_allclose(_trained(static, data), _trained(net, data), rtol=1e-4)


def test_a_model_that_returns_derivatives_is_saved(tmp_path: Path) -> None:
    class Field(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))

        def forward(self, x):
            x.stop_gradient = False
            u = self.net(x)
            (g,) = paddle.grad(u, x, create_graph=True)
            (h,) = paddle.grad(g[:, 0:1], x, create_graph=True)
            return u, g, h

    field = Field()
    x = paddle.rand([3, 2])
    expected = [t.numpy() for t in field(x)]
    paddle.jit.save(field, str(tmp_path / "field"), input_spec=[InputSpec([None, 2], "float32")])
    loaded = paddle.jit.load(str(tmp_path / "field"))
    for a, b in zip(loaded(x), expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-5, atol=1e-6)


def test_arguments_inside_of_a_traced_function() -> None:
    layer = nn.Linear(2, 2)

    @paddle.jit.to_static
    def weighted(x, w):
        y = layer(x)
        gx, gw = paddle.grad([y, y * y], [x, layer.weight], grad_outputs=[w, None])
        return gx, gw, gx.stop_gradient

    x = paddle.to_tensor([[1.0, 2.0]], stop_gradient=False)
    w = paddle.to_tensor([[3.0, 4.0]])
    gx, gw, stopped = weighted(x, w)
    y = layer(x)
    ex, ew = paddle.grad([y, y * y], [x, layer.weight], grad_outputs=[w, None])
    np.testing.assert_allclose(gx.numpy(), ex.numpy(), rtol=1e-5)
    np.testing.assert_allclose(gw.numpy(), ew.numpy(), rtol=1e-5)
    assert stopped and gx.stop_gradient  # create_graph=False

    @paddle.jit.to_static
    def unused(x, allow):
        return paddle.grad(layer(x * 1.0), [x, w], allow_unused=allow)

    assert unused(x, True)[1] is None
    with pytest.raises(ValueError, match="input number 1"):
        unused(x, False)

    @paddle.jit.to_static
    def branching(x):
        y = x * 1.0
        if y.sum() > 0:
            y = y * 2
        return paddle.grad(y, x)

    for sign, factor in ((1.0, 2.0), (-1.0, 1.0)):
        x = paddle.to_tensor([[sign, sign]], stop_gradient=False)
        assert branching(x)[0].numpy().tolist() == [[factor, factor]]


class Critic(nn.Layer):
    def __init__(self, normalised: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2D(1, 4, 3)
        self.norm = nn.BatchNorm2D(4) if normalised else nn.Identity()
        self.out = nn.Linear(4 * 36, 1)

    def forward(self, x):
        return self.out(F.leaky_relu(self.norm(self.conv(x)), 0.2).flatten(1))


@pytest.mark.parametrize("normalised", [False, True], ids=["", "batch norm"])
@pytest.mark.parametrize("evaluated", [False, True], ids=["train", "eval"])
def test_gradient_penalty_through_a_traced_layer(normalised: bool, evaluated: bool) -> None:
    critic = Critic(normalised)
    static = paddle.jit.to_static(copy.deepcopy(critic))
    value = np.random.RandomState(0).rand(3, 1, 8, 8).astype("float32")
    found = []
    for net in (critic, static):
        if evaluated:
            net.eval()
        x = paddle.to_tensor(value, stop_gradient=False)
        y = net(x)
        (g,) = paddle.grad(y, x, create_graph=True)
        loss = ((g.flatten(1).norm(axis=1) - 1) ** 2).mean() + y.mean()
        loss.backward()
        gradients = [np.zeros(p.shape) if p.grad is None else p.grad.numpy() for p in net.parameters()]
        found.append([loss.numpy(), x.grad.numpy(), *gradients, *(b.numpy() for b in net.buffers())])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_every_order_through_a_traced_function() -> None:
    f = paddle.jit.to_static(lambda x: x * x * x)
    x = paddle.to_tensor([2.0], stop_gradient=False)
    y = f(x)
    for expected in (12.0, 12.0, 6.0):
        (y,) = paddle.grad(y, x, create_graph=True)
        assert float(y) == expected


def test_two_outputs_of_which_one_is_used() -> None:
    f = paddle.jit.to_static(lambda x: (x * x, x * x * x))
    x = paddle.to_tensor([3.0], stop_gradient=False)
    (g,) = paddle.grad(f(x)[1], x, create_graph=True)
    (h,) = paddle.grad(g, x)
    assert float(g) == 27.0 and float(h) == 18.0


def test_random_numbers_and_changes_in_place_are_refused() -> None:
    net = paddle.jit.to_static(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)))
    x = paddle.ones([1, 2])
    x.stop_gradient = False
    with pytest.raises(NotSupportedError, match="random"):
        paddle.grad(net(x), x, create_graph=True)
    f = paddle.jit.to_static(lambda x: x * 2.0 + x)
    y = f(x)
    with paddle.no_grad():
        x.add_(paddle.ones([1, 2]))
    with pytest.raises(GradientError, match="in place"):
        paddle.grad(y, x, create_graph=True)
