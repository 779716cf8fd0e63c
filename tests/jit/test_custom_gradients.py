"""Hand-written gradients in Programs: PyLayer in traced functions, static_pylayer in static mode, Paddle's pylayer in files."""
from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import nn, static
from minipaddle.core.program import Program
from minipaddle.errors import NotSupportedError
from minipaddle.formats import pdmodel
from minipaddle.static import InputSpec

X = np.arange(6, dtype="float32").reshape(2, 3) / 3


class Rounded(paddle.autograd.PyLayer):
    @staticmethod
    def forward(ctx, x, s):
        y = paddle.round(x * s)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, dy):
        x, y = ctx.saved_tensor()
        return dy * x.abs() * 2, (dy * y).sum().reshape([1])


class Quantised(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)
        self.scale = self.create_parameter([1])
        self.scale.set_value(np.array([3.0], "float32"))

    def forward(self, x):
        return self.second(Rounded.apply(self.first(x), self.scale))


def _gradients(net: Any) -> list[np.ndarray]:
    x = paddle.to_tensor(X, stop_gradient=False)
    y = net(x)
    y.square().sum().backward()
    return [y.numpy(), x.grad.numpy(), *(p.grad.numpy() for p in net.parameters())]


def test_pylayer_trains_in_a_traced_layer() -> None:
    net = Quantised()
    traced = paddle.jit.to_static(copy.deepcopy(net))
    for a, b in zip(_gradients(traced), _gradients(net), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


class TwoOfThree(paddle.autograd.PyLayer):
    """Lists, an argument without gradient, a result without one, and a result that nobody uses."""

    @staticmethod
    def forward(ctx, pair, factor, k, name=None):
        ctx.k = k
        a, b = pair
        ctx.save_for_backward(a, factor)
        mask = (a > 0).astype("float32")
        ctx.mark_non_differentiable(mask)
        return a * factor * k, mask, b + 1

    @staticmethod
    def backward(ctx, d_first, d_mask, d_last):
        a, factor = ctx.saved_tensor()
        return [d_first * factor * 10, d_last], (d_first * a).sum() * ctx.k * 100


def _two_of_three(x, factor):
    first, mask, _ = TwoOfThree.apply([x * 2, x * 3], factor, 5, name="n")
    return (first * mask).sum() + x.sum()


def test_lists_plain_arguments_and_unused_results() -> None:
    found = []
    for function in (_two_of_three, paddle.jit.to_static(_two_of_three)):
        x = paddle.to_tensor(X - 0.5, stop_gradient=False)
        factor = paddle.to_tensor(2.0, stop_gradient=False)
        out = function(x, factor)
        out.backward()
        found.append((out.numpy(), x.grad.numpy(), factor.grad.numpy()))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


class Branching(paddle.autograd.PyLayer):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        if x.sum() > 0:
            y = x * 2
        else:
            y = x * 3
        return y

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensor()
        return dy * 10 * x


def test_a_branch_on_a_tensor_in_forward() -> None:
    f = paddle.jit.to_static(lambda x: Branching.apply(x) * 1.0)
    for value, expected in ((1.0, 2.0), (-1.0, -3.0)):
        x = paddle.to_tensor([value, value], stop_gradient=False)
        y = f(x)
        y.sum().backward()
        assert y.numpy().tolist() == [expected] * 2 and x.grad.numpy().tolist() == [10 * value] * 2


def test_gradient_of_a_hand_written_gradient() -> None:
    class Cube(paddle.autograd.PyLayer):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensor()
            return 3 * dy * x * x

    f = paddle.jit.to_static(lambda x: Cube.apply(x) * 1.0)
    x = paddle.to_tensor([2.0], stop_gradient=False)
    (g,) = paddle.grad(f(x), x, create_graph=True)
    (h,) = paddle.grad(g, x)
    assert float(g) == 12.0 and float(h) == 12.0


def test_wrong_numbers_and_shapes_are_said() -> None:
    class Wrong(paddle.autograd.PyLayer):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, dy):
            return dy

    class Misshapen(paddle.autograd.PyLayer):
        @staticmethod
        def forward(ctx, x):
            return x * 1.0

        @staticmethod
        def backward(ctx, dy):
            return dy[:1]

    x = paddle.to_tensor(X, stop_gradient=False)
    with pytest.raises(ValueError, match="1 gradients for the 2"):
        paddle.jit.to_static(lambda a: Wrong.apply(a, a))(x)
    with pytest.raises(ValueError, match="argument 0"):
        paddle.jit.to_static(lambda a: Misshapen.apply(a))(x)


def test_saved_without_its_gradient(tmp_path: Path) -> None:
    net = Quantised()
    expected = net(paddle.to_tensor(X)).numpy()
    with pytest.warns(UserWarning, match="hand-written gradient"):
        paddle.jit.save(net, str(tmp_path / "model"), input_spec=[InputSpec([None, 3], "float32")])
    program = pdmodel.load_file(str(tmp_path / "model.pdmodel"))
    assert "custom_gradient" not in {op.type for op in program.global_block().ops}
    np.testing.assert_allclose(paddle.jit.load(str(tmp_path / "model"))(paddle.to_tensor(X)).numpy(), expected, rtol=1e-6)


def test_paddles_pylayer_in_a_file(tmp_path: Path) -> None:
    program = Program()
    block = program.global_block()
    x = block.create_var("x", [-1, 3], "float32")
    block.create_var("out", [-1, 3], "float32")
    x.is_data = x.need_check_feed = True
    inner = program.create_block()
    program.rollback()
    inner.create_var("tmp", [-1, 3], "float32")
    inner.append_op("scale", {"X": "x"}, {"Out": "tmp"}, {"scale": 2.0})
    inner.append_op("assign", {"X": "tmp"}, {"Out": "out"})
    block.append_op("pylayer", {"Input": ["x"]}, {"Out": ["out"]}, {"blocks": [inner.idx]}, attr_types={"blocks": "BLOCKS"})
    (tmp_path / "model.pdmodel").write_bytes(pdmodel.dumps(pdmodel.to_inference_program(program, ["x"], ["out"])))
    loaded = paddle.jit.load(str(tmp_path / "model"))
    value = paddle.to_tensor(X, stop_gradient=False)
    y = loaded(value)
    np.testing.assert_allclose(y.numpy(), X * 2)
    with pytest.raises(NotSupportedError, match="hand-written"):
        y.sum().backward()


@pytest.fixture
def static_mode() -> Iterator[None]:
    paddle.enable_static()
    try:
        with static.program_guard(static.Program(), static.Program()), static.scope_guard(static.Scope()):
            yield
    finally:
        paddle.disable_static()


def test_static_pylayer(static_mode: None) -> None:
    x = static.data("x", [None, 3], "float32")
    x.stop_gradient = False
    y = static.nn.static_pylayer(paddle.exp, [x], lambda dy: 2 * paddle.exp(dy))
    (g,) = static.gradients([y], [x])
    found = static.Executor().run(feed={"x": X}, fetch_list=[y, g])
    np.testing.assert_allclose(found[0], np.exp(X), rtol=1e-6)
    np.testing.assert_allclose(found[1], np.full_like(X, 2 * np.e), rtol=1e-6)


def test_static_pylayer_trains_and_refuses(static_mode: None) -> None:
    x = static.data("x", [None, 3], "float32")
    h = static.nn.fc(x, 2, weight_attr=paddle.ParamAttr(initializer=nn.initializer.Constant(0.5)), bias_attr=False)
    y = static.nn.static_pylayer(lambda a: paddle.round(a), [h], lambda d: d)
    loss = paddle.mean(y * y)
    paddle.optimizer.SGD(0.005).minimize(loss)
    exe = static.Executor()
    exe.run(static.default_startup_program())
    losses = [float(exe.run(feed={"x": X * 3}, fetch_list=[loss])[0]) for _ in range(4)]
    assert losses[-1] < losses[0]
    with pytest.raises(ValueError, match="stop_gradient"):
        static.nn.static_pylayer(lambda a: a * 2, [h])
    with pytest.raises(AssertionError, match="list"):
        static.nn.static_pylayer(lambda a: a * 2, h)
    with pytest.raises(ValueError, match="2 gradients for 1"):
        static.nn.static_pylayer(lambda a: a * 2, [h], lambda d: (d, d))
