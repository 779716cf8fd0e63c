"""Whole training steps inside of traced functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import nn
from minipaddle import optimizer as O
from minipaddle.errors import GradientError

X = np.random.default_rng(0).random((8, 4)).astype("float32")


class Net(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 6, weight_attr=paddle.ParamAttr(learning_rate=0.5))
        self.norm = nn.BatchNorm1D(6)
        self.second = nn.Linear(6, 2, weight_attr=paddle.ParamAttr(regularizer=paddle.regularizer.L1Decay(0.01)), bias_attr=False)

    def forward(self, x: Any) -> Any:
        h = self.norm(paddle.tanh(self.first(x)))
        if h.sum() > 1000.0:
            h = h * 2
        return self.second(h) ** 2


def step(net: Any, x: Any, optimizer: Any) -> Any:
    loss = net(x).mean()
    loss.backward()
    optimizer.step()
    optimizer.clear_grad()
    return loss


def cleared_before(net: Any, x: Any, optimizer: Any) -> Any:
    optimizer.clear_grad()
    loss = net(x).mean()
    loss.backward()
    optimizer.step()
    return loss, [loss]


def accumulated(net: Any, x: Any, optimizer: Any) -> Any:
    total = 0.0
    for part in (x[:4], x[4:]):
        loss = net(part).mean()
        loss.backward()
        total += loss.detach()
    norm = (net.first.weight.grad**2).sum()
    optimizer.minimize(loss)
    net.clear_gradients()
    return total, norm


def weighted(net: Any, x: Any, optimizer: Any) -> Any:
    out = net(x)
    out.backward(paddle.full_like(out, 0.25))
    optimizer.step()
    optimizer.clear_grad()
    return out


def losses(function: Callable[..., Any], optimizer: Callable[..., Any], rate: Any, trace: bool) -> list[Any]:
    paddle.seed(3)
    net = Net()
    rate = rate() if callable(rate) else rate
    made = optimizer(learning_rate=rate, parameters=net.parameters())
    traced = paddle.jit.to_static(function) if trace else function
    found = []
    for i in range(5):
        out = (function if i == 3 else traced)(net, paddle.to_tensor(X), made)  # one eager step between
        made.clear_grad()
        found += [v.numpy().sum() for v in paddle.utils.flatten(out)]
        if isinstance(rate, O.lr.LRScheduler):
            rate.step()
    if trace:
        assert len(traced.program_cache) == 1  # type: ignore[attr-defined]
        assert all(v.stop_gradient for v in paddle.utils.flatten(traced(net, paddle.to_tensor(X), made)))
        function = traced
    else:
        function(net, paddle.to_tensor(X), made)
    return [*found, *(p.numpy().astype("float64").sum() for p in net.parameters())]


OPTIMIZERS = {
    "sgd": O.SGD,
    "decayed": partial(O.SGD, weight_decay=0.1),
    "momentum": partial(O.Momentum, use_nesterov=True),
    "adam": O.Adam,
    "adamw": partial(O.AdamW, weight_decay=0.2, apply_decay_param_fun=lambda name: "w" in name),
    "adamax": O.Adamax,
    "lamb": O.Lamb,
    "rmsprop": O.RMSProp,
    "adagrad": O.Adagrad,
    "adadelta": O.Adadelta,
    "global norm": partial(O.Adam, grad_clip=nn.ClipGradByGlobalNorm(0.01)),
    "norm": partial(O.SGD, grad_clip=nn.ClipGradByNorm(0.01)),
    "value": partial(O.SGD, grad_clip=nn.ClipGradByValue(0.001)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_step_of_every_optimizer(name: str) -> None:
    want, got = (losses(step, OPTIMIZERS[name], 0.05, trace) for trace in (False, True))
    np.testing.assert_allclose(got, want, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("function", [cleared_before, accumulated, weighted])
def test_other_ways_to_write_it(function: Callable[..., Any]) -> None:
    want, got = (losses(function, O.Momentum, 0.05, trace) for trace in (False, True))
    np.testing.assert_allclose(got, want, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("rate", [partial(O.lr.StepDecay, 0.1, 2), partial(O.lr.LinearWarmup, 0.5, 3, 0.0, 0.5)])
def test_the_rate_is_that_of_each_call(rate: Any) -> None:
    want, got = (losses(step, O.SGD, rate, trace) for trace in (False, True))
    np.testing.assert_allclose(got, want, rtol=2e-4, atol=1e-5)


def test_set_lr_and_set_state_dict() -> None:
    def run(trace: bool) -> Any:
        paddle.seed(1)
        net = Net()
        adam = O.Adam(0.1, parameters=net.parameters())
        function = paddle.jit.to_static(step) if trace else step
        function(net, paddle.to_tensor(X), adam)
        kept = {k: v.clone() if isinstance(v, paddle.Tensor) else v for k, v in adam.state_dict().items()}
        function(net, paddle.to_tensor(X), adam)
        adam.set_lr(0.01)
        adam.set_state_dict(kept)
        return [function(net, paddle.to_tensor(X), adam).numpy() for _ in range(3)]

    np.testing.assert_allclose(run(True), run(False), rtol=1e-4)


def test_calls_with_tensors_alone() -> None:
    def run(trace: bool) -> Any:
        paddle.seed(1)
        net = Net()
        rate = O.lr.StepDecay(0.1, 2)
        adam = O.Adam(rate, parameters=net.parameters())
        found = []

        def train(x: Any) -> Any:
            return step(net, x, adam)

        function = paddle.jit.to_static(train) if trace else train
        for i in range(6):
            found.append(float(function(paddle.to_tensor(X))))
            if i == 3:
                net.first.weight.set_value(net.first.weight * 0.5)
            rate.step()
        return [*found, *(b.numpy().sum() for b in net.buffers())]

    np.testing.assert_allclose(run(True), run(False), rtol=1e-4)


def test_gradients_from_before_a_step_are_refused() -> None:
    net = nn.Linear(4, 2)
    sgd = O.SGD(0.1, parameters=net.parameters())
    train = paddle.jit.to_static(lambda x: step(net, x, sgd))
    x = paddle.to_tensor(X, stop_gradient=False)
    for _ in range(2):
        y = net(x).sum()
        train(x)
        with pytest.raises(GradientError, match="in place"):
            y.backward()


def test_half_precision_with_master_weights() -> None:
    def run(trace: bool) -> Any:
        paddle.seed(1)
        net = nn.Linear(4, 2)
        net.to(dtype="bfloat16")
        adam = O.AdamW(0.1, parameters=net.parameters(), multi_precision=True)
        function = paddle.jit.to_static(step) if trace else step
        return [float(function(net, paddle.to_tensor(X).astype("bfloat16"), adam).astype("float32")) for _ in range(4)]

    np.testing.assert_allclose(run(True), run(False), rtol=2e-2)


def test_what_is_refused() -> None:
    net = Net()
    sgd = O.SGD(0.1, parameters=net.parameters())
    x = paddle.to_tensor(X)

    def unused(x: Any) -> Any:
        loss = net(x).mean()
        loss.backward()
        return loss

    def in_a_branch(x: Any) -> Any:
        loss = net(x).mean()
        if loss > 0:
            loss.backward()
            sgd.step()
        return loss

    def twice(x: Any) -> Any:
        for _ in range(2):
            loss = net(x).mean()
            loss.backward()
            sgd.step()
            sgd.clear_grad()
        return loss

    def without_backward(x: Any) -> Any:
        sgd.step()
        return net(x)

    scheduler = O.lr.StepDecay(0.1, 2)
    scheduled = O.SGD(scheduler, parameters=net.parameters())

    def moves_the_scheduler(x: Any) -> Any:
        loss = net(x).mean()
        loss.backward()
        scheduled.step()
        scheduler.step()
        return loss

    def moves_it_first(x: Any) -> Any:
        scheduler.step()
        loss = net(x).mean()
        loss.backward()
        scheduled.step()
        return loss

    for function, text in (
        (moves_it_first, "call it outside"),
        (unused, "the gradients would be lost"),
        (in_a_branch, "in a branch or loop"),
        (twice, "after the step of an optimizer"),
        (without_backward, "without backward"),
        (moves_the_scheduler, "call it outside"),
    ):
        with pytest.raises(RuntimeError, match=text):
            paddle.jit.to_static(function)(x)

    net(x).mean().backward()
    with pytest.raises(RuntimeError, match="clear it first"):
        paddle.jit.to_static(step)(net, x, sgd)
