"""Gradients of gradients in Programs: the numbers of dynamic mode, Paddle's operators where it has them."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
import minipaddle.nn.functional as F
from minipaddle import static
from minipaddle.core import higher
from minipaddle.errors import NotSupportedError
from minipaddle.formats import pdmodel
from minipaddle.ops.registry import OPS

X = np.random.RandomState(1).rand(2, 3).astype("float32") + 0.1
W = np.random.RandomState(2).rand(3, 4).astype("float32")
IMAGE = np.random.RandomState(3).rand(2, 3, 4, 4).astype("float32")
KERNEL = np.random.RandomState(4).rand(4, 3, 3, 3).astype("float32")
DEPTHWISE = np.random.RandomState(5).rand(3, 1, 3, 3).astype("float32")

FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "tanh": lambda x, c: paddle.tanh(x),
    "sigmoid": lambda x, c: F.sigmoid(x),
    "exp": lambda x, c: paddle.exp(x),
    "log": lambda x, c: paddle.log(x),
    "sqrt": lambda x, c: paddle.sqrt(x + x * x),
    "sin cos": lambda x, c: paddle.sin(x) * paddle.cos(x),
    "power": lambda x, c: x**3,
    "softplus celu": lambda x, c: F.softplus(x) + F.celu(x - 0.5),
    "relu": lambda x, c: F.relu(x - 0.5) * x,
    "leaky_relu abs clip": lambda x, c: F.leaky_relu(x - 0.5) * paddle.abs(x - 0.4) + paddle.clip(x, 0.3, 0.8) * x,
    "elu silu gelu": lambda x, c: F.elu(x - 0.5) + F.silu(x) * F.gelu(x),
    "arithmetic": lambda x, c: (x + c(W[:, 0])) * (x - c(W[:, 1])) / (x + c(W[:, 2])),
    "matmul": lambda x, c: paddle.matmul(x, c(W)),
    "two products": lambda x, c: paddle.tanh(F.linear(paddle.tanh(F.linear(x, c(W), c(W[0]))), c(W.T.copy()))),
    "softmax": lambda x, c: F.softmax(x, axis=-1),
    "sums": lambda x, c: paddle.sum(x, 1) * paddle.mean(x) + paddle.logsumexp(x),
    "shapes": lambda x, c: paddle.transpose(paddle.reshape(x.unsqueeze(0), [-1, 2]), [1, 0]).flatten(),
    "joined": lambda x, c: paddle.stack([paddle.concat([x, x * 2, c(X)], 1), paddle.concat([x, x, x], 1)]),
    "parts": lambda x, c: paddle.split(x, 3, 1)[0] * x[:, 1:2],
    "spread": lambda x, c: paddle.expand(x, [4, 2, 3]) * paddle.tile(x, [2, 1]).reshape([2, 2, 3])[:1],
    "norm": lambda x, c: paddle.norm(x) * paddle.norm(x, axis=1),
    "choice": lambda x, c: paddle.where(x > 0.5, x, x * 2) * paddle.maximum(x, c(X[::-1].copy())),
    "float64": lambda x, c: paddle.cast(paddle.cast(x, "float64") * 2, "float32") * x,
    "cumsum": lambda x, c: paddle.cumsum(x, 0) * x,
}
IMAGES: dict[str, Callable[[Any, Any], Any]] = {
    "conv2d": lambda x, c: F.conv2d(x, c(KERNEL), padding=1),
    "depthwise": lambda x, c: F.conv2d(x, c(DEPTHWISE), groups=3, stride=2),
    "transposed": lambda x, c: F.conv2d_transpose(x, c(KERNEL.transpose(1, 0, 2, 3).copy())),
    "pools": lambda x, c: F.avg_pool2d(x, 2) * F.max_pool2d(x, 2),
    "norms": lambda x, c: F.layer_norm(x, [3, 4, 4]) * F.instance_norm(x),
    "pad": lambda x, c: F.pad(x, [1, 0, 0, 1]) * F.pad(x, [0, 1, 1, 0]),
}
ALL = [(name, f, X) for name, f in FUNCTIONS.items()] + [(name, f, IMAGE) for name, f in IMAGES.items()]


def _dynamic(function: Callable[[Any, Any], Any], value: np.ndarray, order: int) -> list[np.ndarray]:
    x = paddle.to_tensor(value, stop_gradient=False)
    y = function(x, paddle.to_tensor)
    found = []
    for _ in range(order):
        (g,) = paddle.grad(y * y, x, create_graph=True)
        found.append(g.numpy())
        y = g
    return found


@pytest.mark.parametrize("open_batch", [False, True], ids=["", "open"])
@pytest.mark.parametrize("name, function, value", ALL, ids=[name for name, _, _ in ALL])
def test_gradients_of_gradients(name: str, function: Callable[[Any, Any], Any], value: np.ndarray, open_batch: bool) -> None:
    order = 3 if value is X else 2
    paddle.disable_static()
    expected = _dynamic(function, value, order)
    paddle.enable_static()
    main = static.Program()
    with static.program_guard(main, static.Program()):
        x = static.data("x", [None if open_batch else value.shape[0], *value.shape[1:]], "float32")
        x.stop_gradient = False
        y = function(x, paddle.assign)
        wanted = []
        for _ in range(order):
            (g,) = static.gradients([y * y], [x])
            wanted.append(g)
            y = g
    found = static.Executor().run(main, feed={"x": value}, fetch_list=wanted)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4 * max(1.0, float(np.abs(b).max())))


def test_operators_are_those_of_paddle() -> None:
    main = static.Program()
    with static.program_guard(main, static.Program()):
        x = static.data("x", [None, 3], "float32")
        x.stop_gradient = False
        y = paddle.tanh(paddle.matmul(x, static.create_parameter([3, 4], "float32")) + static.create_parameter([4], "float32"))
        (g,) = static.gradients([paddle.mean(y)], [x])
        static.gradients([paddle.sum(g * g)], [x])
    types = [op.type for op in main.global_block().ops]
    for type in ("tanh_grad_grad", "matmul_v2_grad_grad", "elementwise_add_grad_grad"):
        assert type in types
    assert types.count("reduce_mean") + types.count("mean") == 1 or "mean" in types
    assert not any(type.startswith(higher.PREFIX) for type in types)


def test_a_gradient_penalty_trains() -> None:
    rng = np.random.RandomState(0)

    def weight(*shape: int) -> paddle.ParamAttr:
        return paddle.ParamAttr(initializer=paddle.nn.initializer.Assign((rng.rand(*shape) - 0.5).astype("float32")))

    main, startup = static.Program(), static.Program()
    with static.program_guard(main, startup):
        x = static.data("x", [None, 1, 6, 6], "float32")
        x.stop_gradient = False
        h = static.nn.conv2d(x, 4, 3, param_attr=weight(4, 1, 3, 3), bias_attr=weight(4))
        h = F.tanh(static.nn.fc(F.leaky_relu(h, 0.2), 8, weight_attr=weight(64, 8), bias_attr=weight(8)))
        y = static.nn.fc(h, 1, weight_attr=weight(8, 1), bias_attr=weight(1))
        (g,) = static.gradients([y], [x])
        norm = paddle.sqrt(paddle.sum(paddle.square(g), axis=[1, 2, 3]))
        loss = paddle.mean(paddle.square(norm - 1.0)) + paddle.mean(y)
        paddle.optimizer.Adam(0.01).minimize(loss)
    exe = static.Executor()
    exe.run(startup)
    value = np.random.RandomState(1).rand(5, 1, 6, 6).astype("float32")
    losses = [float(exe.run(main, feed={"x": value}, fetch_list=[loss])[0]) for _ in range(4)]
    # what Paddle 2.6.2 computes
    np.testing.assert_allclose(losses, [-0.5521001815795898, -1.0300219058990479, -1.3540244102478027, -1.5583021640777588], rtol=1e-5)


def test_files_hold_second_derivatives(tmp_path: Path) -> None:
    main = static.Program()
    with static.program_guard(main, static.Program()):
        x = static.data("x", [None, 3], "float32")
        x.stop_gradient = False
        (g,) = static.gradients([paddle.square(paddle.tanh(x)).unsqueeze(0)], [x])
        (g2,) = static.gradients([g], [x])
    exe = static.Executor()
    expected = exe.run(main, feed={"x": X}, fetch_list=[g2])[0]
    static.save_inference_model(str(tmp_path / "model"), [x], [g2], exe, program=main)
    program, feeds, fetches = static.load_inference_model(str(tmp_path / "model"), exe)
    np.testing.assert_allclose(exe.run(program, feed={feeds[0]: X}, fetch_list=fetches)[0], expected, rtol=1e-6)


def test_gradient_operators_in_files_are_whole(tmp_path: Path) -> None:
    # kernels of Paddle's inference engine crash where an output is missing
    main = static.Program()
    with static.program_guard(main, static.Program()):
        x = static.data("x", [None, 3], "float32")
        x.stop_gradient = False
        y = paddle.matmul(paddle.tanh(paddle.matmul(x, paddle.assign(W)) + paddle.assign(W[0])), paddle.assign(W.T.copy()))
        (g,) = static.gradients([y], [x])
        (g2,) = static.gradients([g], [x])
    exe = static.Executor()
    expected = exe.run(main, feed={"x": X}, fetch_list=[g, g2])
    static.save_inference_model(str(tmp_path / "model"), [x], [g, g2], exe, program=main)
    written = pdmodel.load_file(str(tmp_path / "model.pdmodel")).global_block()
    count = 0
    for op in written.ops:
        definition = OPS[op.type] if op.type in OPS else None
        if definition is not None and definition.gradient_of is not None and op.type in ("matmul_v2_grad", "matmul_v2_grad_grad"):
            count += 1
            assert {s.name for s in definition.outputs} == set(op.outputs) and "@EMPTY@" not in op.output_arg_names
            assert {s.name for s in definition.inputs} == set(op.inputs)
    assert count >= 4
    program, feeds, fetches = static.load_inference_model(str(tmp_path / "model"), exe)
    for a, b in zip(exe.run(program, feed={feeds[0]: X}, fetch_list=fetches), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    loaded, _, _ = pdmodel.from_inference_program(pdmodel.load_file(str(tmp_path / "model.pdmodel")))
    assert not any("UNUSED" in n for op in loaded.global_block().ops for n in (*op.input_arg_names, *op.output_arg_names))


def test_a_file_that_paddle_cannot_read_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    main = static.Program()
    with static.program_guard(main, static.Program()):
        x = static.data("x", [2, 3], "float32")
        x.stop_gradient = False
        (g,) = static.gradients([paddle.exp(x)], [x])
        (g2,) = static.gradients([g], [x])
    with pytest.warns(UserWarning, match="derivative_of_exp_grad"):
        data = pdmodel.dumps(main)
    made = OPS.pop("derivative_of_exp_grad")  # as in a process that has not met it yet
    monkeypatch.setattr(OPS["exp_grad"], "grad", None)
    again = pdmodel.loads(data)
    assert OPS["derivative_of_exp_grad"] is not made
    found = static.Executor().run(again, feed={"x": X}, fetch_list=[g2.name])[0]
    np.testing.assert_allclose(found, np.exp(X), rtol=1e-6)


def test_through_a_loop_it_is_refused() -> None:
    main = static.Program()
    with static.program_guard(main, static.Program()):
        x = static.data("x", [2, 3], "float32")
        x.stop_gradient = False
        i = paddle.zeros([1], "int64")
        _, y = static.nn.while_loop(lambda i, y: i < 3, lambda i, y: [i + 1, y * x], [i, x])
        (g,) = static.gradients([y], [x])
        with pytest.raises(NotSupportedError, match="while_grad"):
            static.gradients([paddle.sum(g * g)], [x])
