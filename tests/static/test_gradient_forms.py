"""Gradients in Programs are written with the operators that Paddle has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import static

A = np.random.default_rng(0).standard_normal((4, 6)).astype("float32")


def _split(x: Any) -> Any:
    a, b, c = paddle.split(x, 3, axis=1)
    return paddle.add_n([a * a, b, c])


CASES = {
    "concat": _split,
    "scale": lambda x: paddle.scale(x, 3.0, 1.0),
    "assign": lambda x: paddle.assign(x) * x,
    "cast": lambda x: paddle.cast(paddle.cast(x, "float64"), "float32"),
    "stack": lambda x: paddle.unbind(x, axis=0)[1],
    "flip": lambda x: paddle.flip(x, [1]) * x,
    "print": lambda x: static.Print(x, print_phase="forward", first_n=1) * x,
}


@pytest.mark.parametrize("kind", list(CASES))
def test_the_form_and_its_value(kind: str) -> None:
    x = static.data("x", [4, 6])
    x.stop_gradient = False
    y = CASES[kind](x)
    count = len(static.default_main_program().global_block().ops)
    (gradient,) = static.gradients([paddle.sum(y)], [x])
    written = [op.type for op in static.default_main_program().global_block().ops[count:]]
    assert kind in written and not {
        f"{t}_grad" for t in ("split", "scale", "sum", "assign", "cast", "unbind", "flip", "print")
    } & set(written)
    got = static.Executor().run(feed={"x": A}, fetch_list=[gradient])[0]
    paddle.disable_static()
    t = paddle.to_tensor(A, stop_gradient=False)
    with_tape = _split(t) if kind == "concat" else (t * t if kind == "print" else CASES[kind](t))
    with_tape.sum().backward()
    np.testing.assert_allclose(got, t.grad.numpy(), rtol=1e-6)
    paddle.enable_static()


def test_recurrent_layers_of_an_open_batch() -> None:
    x = static.data("x", [None, 5, 3])
    lstm = paddle.nn.LSTM(3, 4, direction="bidirect")
    y, _ = lstm(x)
    cell = paddle.nn.RNN(paddle.nn.GRUCell(3, 2))
    z, _ = cell(x)
    loss = paddle.mean(y * y) + paddle.mean(z * z)
    paddle.optimizer.Adam(0.05).minimize(loss)
    exe = static.Executor()
    exe.run(static.default_startup_program())
    for batch in (2, 7):
        feed = {"x": np.random.default_rng(batch).standard_normal((batch, 5, 3)).astype("float32")}
        losses = [float(exe.run(feed=feed, fetch_list=[loss])[0]) for _ in range(5)]
        assert losses[-1] < losses[0]


def test_layers_of_static_nn_on_sequences_and_others() -> None:
    x = static.data("x", [None, 2], lod_level=1)
    pooled = static.nn.sequence_pool(static.nn.sequence_conv(x, 3), "sum")
    picture, offset, mask = (
        static.data(n, s) for n, s in (("p", [1, 2, 5, 5]), ("o", [1, 18, 5, 5]), ("m", [1, 9, 5, 5]))
    )
    moved = static.nn.deform_conv2d(picture, offset, mask, 4, 3, padding=1)
    assert pooled.shape == (-1, 3) and moved.shape == (1, 4, 5, 5)
    assert static.nn.static_pylayer(lambda a: a * 2, [x]).stop_gradient
    with pytest.raises(paddle.errors.NotSupportedError, match="batch_norm"):
        static.nn.data_norm(x)
