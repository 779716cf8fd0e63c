"""Gradients written by hand in traced functions: PyLayer and hooks give what they give dynamically."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import nn
from minipaddle.autograd import PyLayer
from minipaddle.errors import NotSupportedError
from minipaddle.static import InputSpec

X = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]], "float32")


class Scaled(PyLayer):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 3

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        return paddle.sin(dy)


class Tanh(PyLayer):
    @staticmethod
    def forward(ctx: Any, x: Any, function: Any = paddle.square) -> Any:
        ctx.function = function
        y = paddle.tanh(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        (y,) = ctx.saved_tensor()
        return dy * (1 - ctx.function(y))


class Several(PyLayer):
    @staticmethod
    def forward(ctx: Any, x: Any, y: Any) -> Any:
        a, b = x * y, x - y
        ctx.save_for_backward(x)
        ctx.mark_non_differentiable(b)
        return 1, a, b, None, x.argmax()

    @staticmethod
    def backward(ctx: Any, da: Any, db: Any, di: Any) -> Any:
        (x,) = ctx.saved_tensor()
        return da * x + db, None


class Nested(PyLayer):
    @staticmethod
    def forward(ctx: Any, x: Any, y: Any) -> Any:
        z = Tanh.apply(x)
        ctx.save_for_backward(z)
        return z + y

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        (z,) = ctx.saved_tensor()
        return Scaled.apply(dy), dy - paddle.square(z)


class Recomputed(PyLayer):
    """Keeps its input alone; `backward` runs the function again. Its second argument needs no gradient, and gets none."""

    @staticmethod
    def forward(ctx: Any, x: Any, factor: Any) -> Any:
        ctx.save_for_backward(x)
        return paddle.tanh(x) * x * factor

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        (x,) = ctx.saved_tensor()
        with paddle.enable_grad():
            x = x.detach()
            x.stop_gradient = False
            y = paddle.tanh(x) * x * x.shape[0]
        return paddle.grad(y, x, dy)[0]


def recomputed(x: Any) -> Any:
    return Recomputed.apply(x * 2, paddle.ones([3])) * x.shape[0]


def one(x: Any) -> Any:
    return Tanh.apply(x, function=paddle.exp) + Scaled.apply(x)


def several(x: Any) -> Any:
    _, a, b, _, i = Several.apply(x, x * 2)
    return a * 2 + b, i


def nested(x: Any) -> Any:
    return Nested.apply(x, x * x)


def in_branch(x: Any) -> Any:
    if x.sum() > 0:
        return Tanh.apply(x)
    return Scaled.apply(x)


def in_loop(x: Any) -> Any:
    for _ in range(paddle.shape(x)[0]):
        x = Tanh.apply(x) * 2
    return x


def unused(x: Any) -> Any:
    Scaled.apply(x)
    return x * 2


def hooks(x: Any) -> Any:
    def double(g: Any) -> Any:
        return 2 * g

    y = x + 4
    f = y + x
    z = f**2
    y.register_hook(double)
    f.register_hook(double)
    x.register_hook(double)
    return z


def hooks_in_their_order(x: Any) -> Any:
    y = x * 3
    x.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: g * 2)
    y.register_hook(lambda g: g + y)
    y.register_hook(lambda g: None)
    y.register_hook(lambda g: paddle.clip(g, max=2.0))
    return y * y + x


def grad_of_hooked(x: Any) -> Any:
    y = x * 3
    y.register_hook(lambda g: g * 2)
    g = paddle.grad(y * y, y, create_graph=True)[0]
    x.register_hook(lambda g: g * 5)
    return g * y + paddle.grad(x * x, x, create_graph=True)[0]


def hook_in_branch(x: Any) -> Any:
    if x.sum() > 1:
        y = x + 4
        z = y**2
        y.register_hook(lambda g: g * 2)
    else:
        y = x - 4
        z = y**3
        y.register_hook(lambda g: g * 3)
    return z


def hook_in_loop(x: Any) -> Any:
    for _ in range(paddle.shape(x)[0]):
        y = x * 2
        y.register_hook(lambda g: g * 0.5)
        x = y + x
    return x


def result(function: Callable[..., Any], data: Any) -> tuple[Any, Any]:
    x = paddle.to_tensor(data)
    x.stop_gradient = False
    out = function(x)
    first = out[0] if isinstance(out, tuple) else out
    (first * first).sum().backward()
    return [np.asarray(v.numpy()) for v in (out if isinstance(out, tuple) else (out,))], x.grad.numpy()


FUNCTIONS = [
    one, several, nested, recomputed, in_branch, in_loop, unused, hooks, hooks_in_their_order, grad_of_hooked, hook_in_branch, hook_in_loop,
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("sign", [1, -1])
def test_as_dynamically(function: Callable[..., Any], sign: int) -> None:
    wanted, gradient = result(function, X * sign)
    traced = paddle.jit.to_static(function)
    for _ in range(2):
        found, g = result(traced, X * sign)
        for a, b in zip(wanted, found, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)
        np.testing.assert_allclose(gradient, g, rtol=1e-5)


def test_second_derivatives_pass_through_hooks() -> None:
    def hooked(x: Any) -> Any:
        y = x * x
        y.register_hook(lambda g: g * g)
        return y * y

    found = []
    for function in (hooked, paddle.jit.to_static(hooked)):
        x = paddle.to_tensor(X, stop_gradient=False)
        (g,) = paddle.grad(function(x).sum(), x, create_graph=True)
        (g * g).sum().backward()
        found.append((g.numpy(), x.grad.numpy()))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_sizes_seen_in_a_backward_function_are_asked_for_anew() -> None:
    f = paddle.jit.to_static(recomputed, input_spec=[InputSpec([None, 3])])
    for data in (X, X[:1]):
        for a, b in zip(result(f, data), result(recomputed, data), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)


def test_saved_without_its_hooks(tmp_path: Path) -> None:
    f = paddle.jit.to_static(hooks, input_spec=[InputSpec([None, 3], stop_gradient=False)])
    with pytest.warns(UserWarning, match="gradient hooks"):
        paddle.jit.save(f, str(tmp_path / "f"))
    x = paddle.to_tensor(X, stop_gradient=False)
    y = paddle.jit.load(str(tmp_path / "f"))(x)
    y.sum().backward()
    np.testing.assert_allclose(y.numpy(), (2 * X + 4) ** 2, rtol=1e-6)
    np.testing.assert_allclose(x.grad.numpy(), 4 * (2 * X + 4), rtol=1e-6)


class Net(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x: Any) -> Any:
        return Tanh.apply(self.fc(x))


def test_training_and_saving(tmp_path: Path) -> None:
    net, x = paddle.jit.to_static(Net(), input_spec=[InputSpec([None, 3])]), paddle.to_tensor(X)
    sgd = paddle.optimizer.SGD(0.1, parameters=net.parameters())
    before = float(net(x).mean())
    for _ in range(3):
        loss = net(x).mean()
        loss.backward()
        sgd.step()
        sgd.clear_grad()
    assert float(net(x).mean()) < before
    with pytest.warns(UserWarning, match="hand-written gradient"):
        paddle.jit.save(net, str(tmp_path / "net"))
    loaded = paddle.jit.load(str(tmp_path / "net"))
    types = [op.type for op in loaded.program().global_block().ops]
    assert "assign" in types and "custom_gradient" not in types
    np.testing.assert_allclose(loaded(x).numpy(), net(x).numpy(), rtol=1e-6)


class Choosing(PyLayer):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 1

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        return paddle.static.nn.cond(dy.sum() > 0, lambda: dy, lambda: -dy)


class Changing(PyLayer):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * 1

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        (x,) = ctx.saved_tensor()
        x.add_(dy)
        return dy


class Number(PyLayer):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 1

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        return 3.0


@pytest.mark.parametrize("trace", [False, True])
def test_a_gradient_must_be_a_tensor(trace: bool) -> None:
    with pytest.raises(ValueError, match="Tensors or None, got float for tensor argument 0"):
        result(paddle.jit.to_static(Number.apply) if trace else Number.apply, X)


def late(x: Any) -> Any:
    y = x * 2
    z = y * y
    y.register_hook(lambda g: g * z)
    return z


def outside(x: Any) -> Any:
    y = x * 2
    if x.sum() > 0:
        y.register_hook(lambda g: g)
    return y


@pytest.mark.parametrize(
    "function, words",
    [(Choosing.apply, "branches or loops"), (Changing.apply, "in place"), (late, "made later"), (outside, "where it is made")],
)
def test_refused(function: Callable[..., Any], words: str) -> None:
    x = paddle.to_tensor(X)
    x.stop_gradient = False
    with pytest.raises(NotSupportedError, match=words):
        paddle.jit.to_static(lambda v: function(v))(x)


def test_hooks_of_constants_and_handles() -> None:
    def constant(x: Any) -> Any:
        x.register_hook(lambda g: g)
        return x

    with pytest.raises(RuntimeError, match="stop_gradient"):
        paddle.jit.to_static(constant)(paddle.to_tensor(X))

    def removes(x: Any) -> Any:
        y = x * 2
        y.register_hook(lambda g: g).remove()
        return y

    x = paddle.to_tensor(X)
    x.stop_gradient = False
    with pytest.raises(NotSupportedError, match="cannot be removed"):
        paddle.jit.to_static(removes)(x)
