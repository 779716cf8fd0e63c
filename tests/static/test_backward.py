from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import static
from minipaddle.errors import NotSupportedError


def run(feed: dict[str, object], *fetches: object) -> list[np.ndarray]:
    exe = static.Executor()
    exe.run(static.default_startup_program())
    return exe.run(feed=feed, fetch_list=list(fetches))


def test_gradients() -> None:
    x, y = static.data("x", [3]), static.data("y", [3])
    x.stop_gradient = y.stop_gradient = False
    z = paddle.sum(x * x * y)
    dx, dy = static.gradients([z], [x, y])
    assert dx.name == "x@GRAD" and dx.shape == (3,)
    a, b = np.array([1, 2, 3], "float32"), np.array([4, 5, 6], "float32")
    got = run({"x": a, "y": b}, dx, dy)
    assert np.allclose(got[0], 2 * a * b) and np.allclose(got[1], a * a)


def test_target_gradients_and_unconnected_inputs() -> None:
    x, y, g = static.data("x", [None, 3]), static.data("y", [1]), static.data("g", [None, 3])
    x.stop_gradient = y.stop_gradient = False
    dx, dy = static.gradients([x * 2.0], [x, y], target_gradients=[g])
    assert dy is None
    seed = np.arange(6, dtype="float32").reshape(2, 3)
    assert np.allclose(run({"x": seed, "g": seed}, dx)[0], 2 * seed)
    assert static.gradients([x * 2.0], [y]) == []
    with pytest.raises(ValueError, match="same number"):
        static.gradients([x * 2.0], [x], target_gradients=[g, g])


def test_a_second_walk_gets_names_of_its_own() -> None:
    x = static.data("x", [2])
    x.stop_gradient = False
    first = static.gradients([x * 3.0], [x])
    second = static.gradients([x * 5.0], [x])
    one = np.ones(2, "float32")
    got = run({"x": one}, first[0], second[0])
    assert got[0].tolist() == [3, 3] and got[1].tolist() == [5, 5]


def test_constants() -> None:
    x = static.data("x", [None, 2])
    h = static.nn.fc(x, 2, bias_attr=False)
    frozen = static.nn.fc(h, 2, weight_attr=paddle.ParamAttr(trainable=False), bias_attr=False)
    cut = static.nn.fc(frozen, 2, bias_attr=False)
    cut.stop_gradient = True
    pairs = static.append_backward(paddle.mean(frozen + cut))
    assert [(p.name, g.name) for p, g in pairs] == [("fc_0.w_0", "fc_0.w_0@GRAD")]


def test_no_grad_set_and_parameter_list() -> None:
    x = static.data("x", [None, 2])
    loss = paddle.mean(static.nn.fc(static.nn.fc(x, 2), 1))
    pairs = static.append_backward(loss, parameter_list=["fc_1.w_0", "fc_0.w_0"], no_grad_set={"fc_0.w_0"})
    assert [p.name for p, _ in pairs] == ["fc_1.w_0"]
    with pytest.raises(TypeError, match="'loss'"):
        static.append_backward("loss")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one element"):
        static.append_backward(x * 1.0)


def test_second_derivatives_and_no_third_ones() -> None:
    x = static.data("x", [2])
    x.stop_gradient = False
    (dx,) = static.gradients([paddle.sum(x * x * x)], [x])
    (ddx,) = static.gradients([paddle.sum(dx)], [x])
    with pytest.raises(NotSupportedError, match="no third derivatives"):
        static.gradients([paddle.sum(ddx)], [x])
    data = np.array([1.0, -2.0], "float32")
    first, second = static.Executor().run(feed={"x": data}, fetch_list=[dx, ddx])
    np.testing.assert_allclose(first, 3 * data**2)
    np.testing.assert_allclose(second, 6 * data)


def test_two_losses_two_optimizers() -> None:
    x = static.data("x", [None, 2])
    a, b = static.nn.fc(x, 1, bias_attr=False), static.nn.fc(x, 1, bias_attr=False)
    block = static.default_main_program().global_block()
    paddle.optimizer.SGD(1.0).minimize(paddle.mean(a), parameters=[block.var("fc_0.w_0")])
    paddle.optimizer.SGD(1.0).minimize(paddle.mean(a * b), parameters=[block.var("fc_1.w_0")])
    exe = static.Executor()
    exe.run(static.default_startup_program())
    scope = static.global_scope()
    w = [np.array(scope.find_var(f"fc_{i}.w_0").get_tensor()) for i in (0, 1)]
    feed = np.ones((1, 2), "float32")
    (before,) = exe.run(feed={"x": feed}, fetch_list=[a])
    now = [np.array(scope.find_var(f"fc_{i}.w_0").get_tensor()) for i in (0, 1)]
    assert np.allclose(now[0], w[0] - 1) and np.allclose(now[1], w[1] - before[0, 0], atol=1e-6)
