"""Calls are written out per kind of call; whatever changes between two calls, each does the right thing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.errors import GradientError
from minipaddle.jit import call_path
from minipaddle.nn import functional as F


def net_of(layers: int) -> Any:
    paddle.seed(5)
    hidden = [part for _ in range(layers - 1) for part in (paddle.nn.Linear(4, 4), paddle.nn.Tanh())]
    return paddle.nn.Sequential(*hidden, paddle.nn.Linear(4, 3))


@pytest.fixture(params=[1, call_path._SPELLED_OUT], ids=["few parameters", "many parameters"])
def nets(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """The same network twice: traced, and dynamic."""
    return paddle.jit.to_static(net_of(request.param)), net_of(request.param)


def rows(n: int = 5, seed: int = 0) -> Any:
    return paddle.to_tensor(np.random.default_rng(seed).standard_normal((n, 4)).astype("float32"))


def same(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)


def gradients(net: Any, x: Any) -> list[Any]:
    F.cross_entropy(net(x), paddle.arange(x.shape[0]) % 3).backward()
    found = [None if p.grad is None else p.grad.numpy() for p in net.parameters()]
    for p in net.parameters():
        p.clear_gradient(False)
    return found


def same_gradients(nets: tuple[Any, Any], x: Any) -> None:
    for a, b in zip(gradients(nets[0], x), gradients(nets[1], x), strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_kinds_of_calls_in_turns(nets: tuple[Any, Any]) -> None:
    static, dynamic = nets
    for turn in range(3):
        same_gradients(nets, rows(5, turn))
        same_gradients(nets, rows(2, turn))
        with paddle.no_grad():
            y = static(rows(5, turn))
            same(y, dynamic(rows(5, turn)))
            assert y.stop_gradient and y.grad_fn is None
        x = rows(5, turn)
        x.stop_gradient = False
        static(x).sum().backward()
        got, x.grad = x.grad, None
        dynamic(x).sum().backward()
        same(got, x.grad)
        for net in nets:
            net.clear_gradients()
    assert len(static.forward.program_cache) == 3, "two shapes, and one for an input with a gradient"


def test_parameters_that_stop_and_go_on(nets: tuple[Any, Any]) -> None:
    for _ in range(2):
        same_gradients(nets, rows())
        for net in nets:
            net[len(net) - 1].weight.stop_gradient = True
        same_gradients(nets, rows())
        for net in nets:
            for p in net.parameters():
                p.stop_gradient = True
        assert nets[0](rows()).stop_gradient
        for net in nets:
            for p in net.parameters():
                p.stop_gradient = False


def test_parameters_that_change(nets: tuple[Any, Any]) -> None:
    static, dynamic = nets
    static.eval(), dynamic.eval()
    for turn in range(4):
        with paddle.no_grad():
            for _ in range(2):
                same(static(rows()), dynamic(rows()))
            for p, q in zip(static.parameters(), dynamic.parameters(), strict=True):
                value = np.random.default_rng(turn).standard_normal(p.shape).astype("float32")
                p.set_value(value), q.set_value(value)


def test_modes_in_turns() -> None:
    paddle.seed(1)
    net = paddle.jit.to_static(paddle.nn.Sequential(paddle.nn.Linear(4, 4), paddle.nn.Dropout(0.5)))
    x = rows(50)
    for _ in range(3):
        net.train()
        first, second = net(x).numpy(), net(x).numpy()
        assert (first == 0).any() and (first != second).any(), "dropout is drawn anew"
        net.eval()
        first, second = net(x).numpy(), net(x).numpy()
        assert (first != 0).all()
        np.testing.assert_array_equal(first, second)
        net[1].training = True  # of one part alone
        assert (net(x).numpy() == 0).any()


def test_a_part_that_is_replaced() -> None:
    net = paddle.jit.to_static(net_of(1))
    x = rows()
    for _ in range(3):
        net(x)
    net[0] = paddle.nn.Linear(4, 7)
    assert net(x).shape == [5, 7]


def test_statistics_are_updated_at_each_call() -> None:
    static, dynamic = (paddle.nn.Sequential(paddle.nn.BatchNorm1D(4), paddle.nn.BatchNorm1D(4)) for _ in range(2))
    static = paddle.jit.to_static(static)
    for turn in range(3):
        static(rows(5, turn)), dynamic(rows(5, turn))
        with paddle.no_grad():
            static(rows(5, turn)), dynamic(rows(5, turn))
    for a, b in zip(static.buffers(), dynamic.buffers(), strict=True):
        same(a, b)


def test_results_in_the_memory_of_an_input_or_of_each_other() -> None:
    f = paddle.jit.to_static(lambda x: x.reshape([4, 5]))
    g = paddle.jit.to_static(lambda x: (x * 2).reshape([4, 5]).unbind(0))
    for _ in range(3):
        x = rows()
        f(x).fill_(0.0)
        same(x, rows())
        first, second, *_ = g(x)
        first.fill_(0.0)
        assert second.numpy().any()


def test_an_input_changed_before_the_gradient() -> None:
    net = paddle.jit.to_static(net_of(1))
    for _ in range(3):
        x = rows()
        y = net(x)
        x.fill_(0.0)
        with pytest.raises(GradientError, match="changed in place"):
            y.sum().backward()
        y = net(rows())
        with paddle.no_grad():
            net[0].bias.fill_(1.0)  # the gradient looks at its shape alone
        y.sum().backward()


def test_what_an_error_says_at_each_call() -> None:
    f = paddle.jit.to_static(lambda x, i: paddle.gather(x, i), input_spec=[
        paddle.static.InputSpec([None, 4]), paddle.static.InputSpec([None], "int64"),
    ])  # fmt: skip
    for _ in range(3):
        same(f(rows(), paddle.to_tensor([1])), rows()[1:2])
        with pytest.raises(Exception, match=r"(?s)operator gather.*written at"):
            f(rows(), paddle.to_tensor([77]))


def test_several_results_and_no_argument() -> None:
    w = paddle.create_parameter([3], "float32")
    f = paddle.jit.to_static(lambda: {"a": w * 2, "b": [w + 1, 5]})
    for _ in range(3):
        found = f()
        assert found["b"][1] == 5
        (found["a"] * 3 + found["b"][0]).sum().backward(retain_graph=True)
        np.testing.assert_allclose(w.grad.numpy(), [7.0] * 3)
        w.clear_grad()
        found["b"][0].sum().backward()
        np.testing.assert_allclose(w.grad.numpy(), [1.0] * 3)
        w.clear_grad()


def test_the_source_can_be_read() -> None:
    net = paddle.jit.to_static(net_of(1))
    net(rows())
    (entry,) = [e for _, e in net.forward.program_cache]
    (path,) = entry[1]._paths.values()
    assert path.source.startswith("def call(args):") and "function(xp, a0, b0, b1)" in path.source
