"""What a call of a traced function hands out belongs to the caller, and gradients come from what was computed."""

from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import flags
from minipaddle.errors import GradientError
from minipaddle.nn import functional as F
from tests.compiler.common import normal


def test_a_view_of_an_input_is_a_copy():
    w = paddle.create_parameter([2, 3], "float32")
    f = paddle.jit.to_static(lambda x: (x, x.reshape([3, 2]), w, paddle.transpose(w, [1, 0])))
    x = paddle.to_tensor(normal(2, 3))
    before, weight = x.numpy(), w.numpy()
    with paddle.no_grad():
        for t in f(x):
            t.add_(paddle.ones([1]))
    np.testing.assert_array_equal(x.numpy(), before)
    np.testing.assert_array_equal(w.numpy(), weight)


def test_changing_a_result_that_the_gradient_needs_is_noticed():
    net = paddle.nn.Linear(3, 4)
    f = paddle.jit.to_static(lambda x: F.sigmoid(net(x)))
    out = f(paddle.to_tensor(normal(2, 3)))
    loss = out.sum()
    with paddle.no_grad():
        out.add_(paddle.ones([1]))
    with pytest.raises(GradientError, match="changed in place"):
        loss.backward()


@pytest.mark.parametrize("switch", ["interpret", "passes"])
def test_gradients_are_the_same_without_compiled_code(switch):
    paddle.seed(3)
    net = paddle.nn.Sequential(
        paddle.nn.Conv2D(1, 4, 3), paddle.nn.BatchNorm2D(4), paddle.nn.Hardswish(), paddle.nn.MaxPool2D(2), paddle.nn.Flatten(),
        paddle.nn.Linear(36, 5),
    )  # fmt: skip
    x, y = paddle.to_tensor(normal(4, 1, 8, 8)), paddle.to_tensor(np.array([[0], [1], [4], [2]]))

    def gradients():
        f = paddle.jit.to_static(lambda x: net(x))
        loss = F.cross_entropy(f(x), y)
        loss.backward()
        found = [p.grad.numpy() for p in net.parameters() if not p.stop_gradient]
        for p in net.parameters():
            p.clear_gradient(False)
        return found

    usual = gradients()
    with flags.scoped(**{switch: switch == "interpret"}):
        other = gradients()
    for a, b in zip(usual, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_loaded_model_in_eval_mode_still_has_gradients(tmp_path):
    paddle.seed(3)
    net = paddle.nn.Sequential(paddle.nn.Conv2D(1, 4, 3), paddle.nn.BatchNorm2D(4), paddle.nn.ReLU(), paddle.nn.Dropout(0.5))
    net.eval()
    x = paddle.to_tensor(normal(2, 1, 8, 8), stop_gradient=False)
    paddle.jit.save(net, str(tmp_path / "m"), input_spec=[paddle.static.InputSpec([None, 1, 8, 8], "float32")])
    loaded = paddle.jit.load(str(tmp_path / "m"))
    out = loaded(x)
    np.testing.assert_allclose(out.numpy(), net(x).numpy(), rtol=1e-5, atol=1e-6)
    (out * out).sum().backward()
    got = x.grad.numpy()
    x.clear_gradient(False)
    expected = net(x)
    (expected * expected).sum().backward()
    np.testing.assert_allclose(got, x.grad.numpy(), rtol=1e-4, atol=1e-5)
    by_shape = {tuple(p.shape): p for p in net.parameters() if p.ndim == 4}
    for p in loaded.parameters():
        if p.ndim == 4:
            np.testing.assert_allclose(p.grad.numpy(), by_shape[tuple(p.shape)].grad.numpy(), rtol=1e-4, atol=1e-4)
    # what was kept for it must not change in between
    out = loaded(x).sum()
    with paddle.no_grad():
        x.add_(paddle.ones([1]))
    with pytest.raises((GradientError, ValueError)):
        out.backward()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(5, 3), (2, 5, 3), (3,)])
def test_a_linear_layer_of_any_rank(dtype, shape):
    paddle.seed(7)
    w, b = paddle.create_parameter([3, 4], dtype), paddle.create_parameter([4], dtype)
    f = paddle.jit.to_static(lambda x: F.linear(x, w, b))
    for stopped in (True, False):
        found = []
        for function in (f, f.dygraph_function):
            x = paddle.to_tensor(normal(*shape, dtype=dtype), stop_gradient=stopped)
            (function(x) ** 2).sum().backward()
            found.append([t.grad.numpy() for t in (w, b, *(() if stopped else (x,)))])
            w.clear_gradient(False), b.clear_gradient(False)
        for a, expected in zip(*found, strict=True):
            np.testing.assert_allclose(a, expected, rtol=1e-5)
