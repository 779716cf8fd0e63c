from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import static

F = paddle.nn.functional
RNG = np.random.RandomState(0)


def run(fetches: Any, feed: dict[str, Any]) -> list[np.ndarray[Any, Any]]:
    exe = static.Executor()
    exe.run(static.default_startup_program())
    return exe.run(feed=feed, fetch_list=fetches)


def dynamic(function: Any, *arrays: Any) -> Any:
    paddle.disable_static()
    try:
        return function(*[paddle.to_tensor(a) for a in arrays]).numpy()
    finally:
        paddle.enable_static()


def parameters() -> list[tuple[str, tuple[int, ...], bool]]:
    return [(p.name, p.shape, p.trainable) for p in static.default_main_program().all_parameters()]


def value(name: str) -> np.ndarray[Any, Any]:
    return np.array(static.global_scope().find_var(name).get_tensor())


def array(*shape: int) -> np.ndarray[Any, Any]:
    return RNG.randn(*shape).astype("float32")


def test_fc_of_several_inputs_and_axes() -> None:
    a, b = static.data("a", [None, 2, 3]), static.data("b", [None, 2, 4])
    out = static.nn.fc([a, b], 5, num_flatten_dims=2, activation="tanh", name="mine")
    assert out.shape == (-1, 2, 5) and out.name == "mine.tmp_4"
    assert parameters() == [("mine.w_0", (3, 5), True), ("mine.w_1", (4, 5), True), ("mine.b_0", (5,), True)]
    x, y = array(2, 2, 3), array(2, 2, 4)
    (got,) = run([out], {"a": x, "b": y})
    assert np.allclose(got, np.tanh(x @ value("mine.w_0") + y @ value("mine.w_1")), atol=1e-6)
    with pytest.raises(ValueError, match="num_flatten_dims"):
        static.nn.fc(a, 5, num_flatten_dims=3)
    with pytest.raises(ValueError, match="unknown dimension"):
        static.nn.fc(static.data("c", [2, None]), 5)
    with pytest.raises(ValueError, match="unknown activation 'rellu'.*relu"):
        static.nn.fc(a, 5, activation="rellu")


def test_embedding() -> None:
    ids = static.data("ids", [None, 2], "int64")
    out = static.nn.embedding(ids, [7, 3], padding_idx=-1)
    i = np.array([[0, 6], [3, 3]])
    (got,) = run([out], {"ids": i})
    want = value("embedding_0.w_0")[i]
    want[0, 1] = 0
    assert np.array_equal(got, want)


@pytest.mark.parametrize("data_format", ["NCHW", "NHWC"])
def test_conv2d(data_format: str) -> None:
    shape = [2, 4, 5, 6] if data_format == "NCHW" else [2, 5, 6, 4]
    x = static.data("x", shape)
    out = static.nn.conv2d(x, 6, 3, stride=2, padding=1, groups=2, act="relu", data_format=data_format)
    assert (
        parameters() == [("conv2d_0.w_0", (6, 2, 3, 3), True), ("conv2d_0.b_0", (6,), True)]
        and out.name == "conv2d_0.tmp_2"
    )
    data = array(*shape)
    (got,) = run([out], {"x": data})
    w = value("conv2d_0.w_0")
    want = dynamic(lambda d, k: F.relu(F.conv2d(d, k, stride=2, padding=1, groups=2, data_format=data_format)), data, w)
    assert np.allclose(got, want, atol=1e-5)


def test_transposed_and_3d_convolutions() -> None:
    x, v = static.data("x", [2, 3, 4, 4]), static.data("v", [2, 3, 4, 4, 4])
    outs = [
        static.nn.conv2d_transpose(x, 2, filter_size=3, stride=2),
        static.nn.conv2d_transpose(x, 2, output_size=[8, 8], stride=2, padding=1),
        static.nn.conv3d(v, 2, 2), static.nn.conv3d_transpose(v, 2, filter_size=2, bias_attr=False),
    ]  # fmt: skip
    assert [o.shape for o in outs] == [(2, 2, 9, 9), (2, 2, 8, 8), (2, 2, 3, 3, 3), (2, 2, 5, 5, 5)]
    a, b = array(2, 3, 4, 4), array(2, 3, 4, 4, 4)
    got = run(outs, {"x": a, "v": b})
    assert np.allclose(
        got[0], dynamic(lambda d, k: F.conv2d_transpose(d, k, stride=2), a, value("conv2d_transpose_0.w_0")), atol=1e-5
    )
    assert np.allclose(got[2], dynamic(F.conv3d, b, value("conv3d_0.w_0")), atol=1e-5)
    with pytest.raises(ValueError, match="output_size"):
        static.nn.conv2d_transpose(x, 2)


def test_batch_norm_keeps_statistics() -> None:
    x = static.data("x", [None, 3, 4, 4])
    out = static.nn.batch_norm(x, momentum=0.5)
    assert parameters() == [
        ("batch_norm_0.w_0", (3,), True), ("batch_norm_0.b_0", (3,), True), ("batch_norm_0.w_1", (3,), False),
        ("batch_norm_0.w_2", (3,), False),
    ]  # fmt: skip
    assert out.name == "batch_norm_0.tmp_3"
    data = array(5, 3, 4, 4)
    test = static.default_main_program().clone(for_test=True)
    (got,) = run([out], {"x": data})
    assert np.allclose(got.mean((0, 2, 3)), 0, atol=1e-5) and np.allclose(got.std((0, 2, 3)), 1, atol=1e-3)
    assert np.allclose(value("batch_norm_0.w_1"), 0.5 * data.mean((0, 2, 3)), atol=1e-6)
    mean, var = (value(f"batch_norm_0.w_{i}").reshape(1, 3, 1, 1) for i in (1, 2))
    (tested,) = static.Executor().run(test, feed={"x": data}, fetch_list=[out.name])
    assert np.allclose(tested, (data - mean) / np.sqrt(var + 1e-5), atol=1e-5)


def test_other_normalisations() -> None:
    x = static.data("x", [None, 4, 3, 3])
    attr = paddle.ParamAttr()
    outs = [
        static.nn.layer_norm(x, begin_norm_axis=2),
        static.nn.group_norm(x, 2, param_attr=attr, bias_attr=attr),
        static.nn.instance_norm(x),
    ]
    assert [o.name for o in outs] == ["layer_norm_0.tmp_2", "group_norm_0.tmp_2", "instance_norm_0.tmp_2"]
    data = array(2, 4, 3, 3)
    got = run(outs, {"x": data})
    for result, shape in zip(got, ((2, 4, 9), (2, 2, 18), (2, 4, 9)), strict=True):
        flat = data.reshape(shape)
        want = (flat - flat.mean(-1, keepdims=True)) / np.sqrt(flat.var(-1, keepdims=True) + 1e-5)
        assert np.allclose(result.reshape(shape), want, atol=1e-5)
    with pytest.raises(AssertionError, match="instance_norm"):
        static.nn.instance_norm(x, param_attr=False)


@pytest.mark.parametrize(("mode", "shape"), [("all", (1,)), ("channel", (1, 2, 1, 1)), ("element", (1, 2, 3, 3))])
def test_prelu(mode: str, shape: tuple[int, ...]) -> None:
    x = static.data("x", [None, 2, 3, 3])
    out = static.nn.prelu(x, mode)
    assert parameters() == [("prelu_0.w_0", shape, True)]
    data = array(2, 2, 3, 3)
    assert np.allclose(run([out], {"x": data})[0], np.where(data > 0, data, 0.25 * data))
    with pytest.raises(ValueError, match="mode should be"):
        static.nn.prelu(x, "some")


def test_bilinear_and_spectral_norm() -> None:
    x, y = static.data("x", [None, 2]), static.data("y", [None, 3])
    out = static.nn.bilinear_tensor_product(x, y, 4)
    w = paddle.create_parameter([4, 6], "float32")
    normed = static.nn.spectral_norm(w, power_iters=50)
    a, b = array(5, 2), array(5, 3)
    got, matrix = run([out, normed], {"x": a, "y": b})
    assert np.allclose(got, np.einsum("ni,kij,nj->nk", a, value("bilinear_tensor_product_0.w_0"), b), atol=1e-5)
    assert np.linalg.svd(matrix)[1][0] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("dim", [None, 1])
def test_weight_norm(dim: int | None) -> None:
    x = static.data("x", [None, 3])
    out = static.nn.fc(x, 2, weight_attr=static.WeightNormParamAttr(dim=dim, name="wn"), bias_attr=False)
    assert [p[0] for p in parameters()] == ["wn_v", "wn_g"]
    data = array(4, 3)
    (got,) = run([out], {"x": data})
    assert np.allclose(got, data @ value("wn_v"), atol=1e-5)  # at first g is the length of v
    static.append_backward(paddle.mean(out))


def test_layers_work_in_static_mode() -> None:
    net = paddle.nn.Sequential(
        paddle.nn.Conv2D(1, 2, 3),
        paddle.nn.BatchNorm2D(2),
        paddle.nn.ReLU(),
        paddle.nn.Flatten(),
        paddle.nn.Linear(8, 3),
    )
    x = static.data("x", [None, 1, 4, 4])
    out = net(x)
    assert out.shape == (-1, 3)
    loss = paddle.mean(out * out)
    paddle.optimizer.Adam(0.05, parameters=net.parameters()).minimize(loss)
    data = array(6, 1, 4, 4)
    exe = static.Executor()
    exe.run(static.default_startup_program())
    losses = [float(exe.run(feed={"x": data}, fetch_list=[loss])[0]) for _ in range(10)]
    assert losses[-1] < losses[0]


def test_py_func_and_print(capfd: pytest.CaptureFixture[str]) -> None:
    x = static.data("x", [None, 3])
    x.stop_gradient = False
    out = static.default_main_program().current_block().create_var("out", [-1, 3], "float32")
    static.py_func(
        np.tanh, x, out, lambda y, dy: np.array(dy) * (1 - np.square(np.array(y))), skip_vars_in_backward_input=x
    )
    static.py_func(lambda v: print("seen", v.shape), out, None)
    shown = static.Print(out, message="here")
    (dx,) = static.gradients([paddle.sum(shown)], [x])
    data = array(2, 3)
    got, grad = run([out, dx], {"x": data})
    assert np.allclose(got, np.tanh(data)) and np.allclose(grad, 1 - np.tanh(data) ** 2, atol=1e-6)
    text = capfd.readouterr()
    assert "seen (2, 3)" in text.out and "here" in text.out + text.err


def test_metrics() -> None:
    p, y = static.data("p", [None, 2]), static.data("y", [None, 1], "int64")
    share = static.accuracy(p, y)
    area, recent, states = static.auc(p, y)
    exe = static.Executor()
    exe.run(static.default_startup_program())
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]], "float32")
    for labels, total, last in (([0, 1, 0, 1], 1.0, 1.0), ([1, 0, 1, 0], 0.5, 0.0)):
        got = exe.run(feed={"p": scores, "y": np.array(labels).reshape(4, 1)}, fetch_list=[share, area, recent])
        assert [float(g) for g in got] == pytest.approx([last, total, last], abs=1e-3)
    assert len(states) == 4 and value(states[2].name).sum() == 4


def test_moving_average() -> None:
    x = static.data("x", [None, 1])
    out = static.nn.fc(x, 1, bias_attr=False)
    test = static.default_main_program().clone(for_test=True)
    paddle.optimizer.SGD(0.1).minimize(paddle.mean(out))
    average = static.ExponentialMovingAverage(0.5)
    average.update()
    exe = static.Executor()
    exe.run(static.default_startup_program())
    one = {"x": np.ones((1, 1), "float32")}
    seen = []
    for _ in range(3):
        exe.run(feed=one)
        seen.append(float(value("fc_0.w_0")[0, 0]))
    want = sum(w * 0.5 ** (3 - i) for i, w in enumerate(seen)) / (1 - 0.5**3)
    with average.apply(exe):
        assert float(exe.run(test, feed=one, fetch_list=[out.name])[0][0, 0]) == pytest.approx(want, abs=1e-6)
    assert float(value("fc_0.w_0")[0, 0]) == pytest.approx(seen[-1])


def test_control_flow_and_its_gradients() -> None:
    x, n = static.data("x", [2]), static.data("n", [1], "int64")
    x.stop_gradient = False
    a = static.nn.cond(paddle.sum(x) > 0.0, lambda: x * 2.0, lambda: x - 1.0)
    i, b = static.nn.while_loop(lambda i, v: i < n, lambda i, v: [i + 1, v * 0.5 + 1.0], [paddle.zeros([1], "int64"), a])
    c = static.nn.switch_case(i, {1: lambda: b + 1.0, 2: lambda: b * 2.0}, default=lambda: b)
    d = static.nn.case([(paddle.sum(c) < 0.0, lambda: c * 3.0)], default=lambda: c)
    (dx,) = static.gradients([paddle.sum(d * d)], [x])
    for sign in (1.0, -1.0):
        for trips in (1, 2, 4):
            data = sign * np.array([0.5, 2.0], "float32")
            want, slope = (data * 2, 2.0) if sign > 0 else (data - 1, 1.0)
            for _ in range(trips):
                want, slope = want * 0.5 + 1, slope * 0.5
            if trips == 1:
                want = want + 1
            elif trips == 2:
                want, slope = want * 2, slope * 2
            if want.sum() < 0:
                want, slope = want * 3, slope * 3
            got, grad = run([d, dx], {"x": data, "n": np.array([trips])})
            assert np.allclose(got, want, atol=1e-6) and np.allclose(grad, 2 * want * slope, atol=1e-5)
