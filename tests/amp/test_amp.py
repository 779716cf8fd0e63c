"""Mixed precision: what is cast, loss scaling, decorated models."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.core import dispatch


def tensors() -> tuple[Any, Any]:
    x = paddle.to_tensor(np.ones((2, 3), "float32"))
    return x, paddle.Parameter(np.full((3, 2), 0.5, "float32"))


def test_float16_on_the_cpu_has_no_effect_and_says_so() -> None:
    x, w = tensors()
    with pytest.warns(UserWarning, match="no effect"), paddle.amp.auto_cast():
        assert paddle.matmul(x, w).dtype == paddle.float32
    assert not paddle.amp.is_float16_supported("cpu")


def test_bfloat16_lists() -> None:
    pytest.importorskip("ml_dtypes")
    x, w = tensors()
    with paddle.amp.auto_cast(dtype="bfloat16"):
        y = paddle.matmul(x, w)
        loss = y.mean()
        assert y.dtype == paddle.bfloat16  # white
        assert loss.dtype == paddle.exp(y).dtype == paddle.float32  # black
        assert (y + y).dtype == paddle.bfloat16 and (y + x[:, :2]).dtype == paddle.float32  # the widest input
    assert paddle.matmul(x, w).dtype == paddle.float32 and dispatch.amp_cast is None
    loss.backward()
    assert w.grad.dtype == paddle.float32
    np.testing.assert_allclose(w.grad.numpy(), 0.5)


def test_bfloat16_levels_and_custom_lists() -> None:
    pytest.importorskip("ml_dtypes")
    x, w = tensors()
    half = paddle.matmul
    with paddle.amp.auto_cast(dtype="bfloat16", custom_black_list=["matmul_v2"]):
        assert half(x, w).dtype == paddle.float32
    with paddle.amp.auto_cast(dtype="bfloat16", custom_white_list=["exp"]):
        assert paddle.exp(x).dtype == paddle.bfloat16
    with paddle.amp.auto_cast(dtype="bfloat16", level="OD"):
        assert paddle.tanh(half(x, w)).dtype == paddle.float32
    with paddle.amp.auto_cast(dtype="bfloat16", level="O2", use_promote=False):
        assert paddle.exp(x).dtype == paddle.bfloat16
        with paddle.amp.auto_cast(enable=False):
            assert half(x, w).dtype == paddle.float32
        assert half(x, w).dtype == paddle.bfloat16
    with paddle.amp.auto_cast(dtype="bfloat16", level="O0"):
        assert half(x, w).dtype == paddle.float32


def test_other_threads_are_not_touched() -> None:
    pytest.importorskip("ml_dtypes")
    x, w = tensors()
    found = []
    with paddle.amp.auto_cast(dtype="bfloat16"):
        thread = threading.Thread(target=lambda: found.append(paddle.matmul(x, w).dtype))
        thread.start()
        thread.join()
    assert found == [paddle.float32]


def test_wrong_arguments() -> None:
    for options in (
        {"level": "O3"}, {"dtype": "float64"},
        {"dtype": "bfloat16", "custom_white_list": ["exp"], "custom_black_list": ["exp"]},
    ):  # fmt: skip
        with pytest.raises(ValueError), paddle.amp.auto_cast(**options):
            pass
    with pytest.raises(ValueError):
        paddle.amp.decorate(paddle.nn.Layer(), level="O0")
    with pytest.raises(AssertionError):
        paddle.amp.GradScaler(incr_ratio=0.5)


def test_scaling_leaves_the_trajectory_alone_and_adapts() -> None:
    plain, scaled = (paddle.Parameter(np.ones(3, "float32")) for _ in range(2))
    a, b = (paddle.optimizer.Adam(0.1, parameters=[p]) for p in (plain, scaled))
    scaler = paddle.amp.GradScaler(init_loss_scaling=1024.0, incr_every_n_steps=2)
    for _ in range(4):
        (plain * plain).sum().backward()
        a.step()
        a.clear_grad()
        loss = scaler.scale((scaled * scaled).sum())
        loss.backward()
        scaler.step(b)
        scaler.update()
        b.clear_grad()
    np.testing.assert_allclose(scaled.numpy(), plain.numpy(), rtol=1e-6)
    assert scaler.state_dict()["scale"].tolist() == [4096.0]


def test_infinite_gradients_are_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    p = paddle.Parameter(np.ones(2, "float32"))
    optimizer = paddle.optimizer.SGD(0.1, parameters=[p])
    scaler = paddle.amp.GradScaler(init_loss_scaling=8.0, decr_ratio=0.25)
    p.grad = paddle.to_tensor(np.array([1.0, np.inf], "float32"))
    scaler.step(optimizer)
    scaler.update()
    np.testing.assert_array_equal(p.numpy(), 1)
    assert scaler.state_dict()["scale"].tolist() == [2.0]
    assert capsys.readouterr().out == "Found inf or nan, current scale is: 8.0, decrease to: 8.0*0.25\n"
    p.grad = paddle.to_tensor(np.array([2.0, 4.0], "float32"))
    assert scaler.minimize(optimizer, (p * p).sum())[1]
    np.testing.assert_allclose(p.numpy(), [0.9, 0.8], rtol=1e-6)


def test_unscale_once_and_step_once() -> None:
    p = paddle.Parameter(np.ones(2, "float32"))
    optimizer = paddle.optimizer.SGD(0.1, parameters=[p])
    scaler = paddle.amp.GradScaler(init_loss_scaling=4.0)
    p.grad = paddle.to_tensor(np.array([4.0, 8.0], "float32"))
    scaler.unscale_(optimizer)
    np.testing.assert_array_equal(p.grad.numpy(), [1, 2])
    with pytest.raises(RuntimeError, match="unscale_"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    np.testing.assert_allclose(p.numpy(), [0.9, 0.8], rtol=1e-6)
    with pytest.raises(RuntimeError, match="step"):
        scaler.step(optimizer)
    scaler.update()
    scaler.step(optimizer)


def test_scaler_state() -> None:
    first = paddle.amp.GradScaler(init_loss_scaling=16.0, incr_every_n_steps=7)
    second = paddle.amp.GradScaler()
    second.load_state_dict(first.state_dict())
    assert second.state_dict() == first.state_dict() and second.get_incr_every_n_steps() == 7
    assert second.get_init_loss_scaling() == 16.0 and second.is_enable() and second.is_use_dynamic_loss_scaling()
    off = paddle.amp.GradScaler(enable=False)
    assert off.state_dict() == {}
    x = paddle.to_tensor(1.0)
    assert off.scale(x) is x
    with pytest.raises(RuntimeError, match="empty"):
        second.load_state_dict({})
    with pytest.raises(TypeError):
        second.scale(1.0)


def test_decorate_casts_all_but_norms_and_excluded() -> None:
    pytest.importorskip("ml_dtypes")
    nn = paddle.nn
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1D(3), nn.Linear(3, 1))
    optimizer = paddle.optimizer.AdamW(0.1, parameters=net.parameters())
    net, optimizer = paddle.amp.decorate(
        net, optimizer, level="O2", dtype="bfloat16", excluded_layers=net[2], save_dtype="float32"
    )
    assert net[0].weight.dtype == paddle.bfloat16
    assert net[1].weight.dtype == net[2].weight.dtype == paddle.float32
    assert {t.dtype.name for t in net.state_dict().values()} == {"float32"}
    with paddle.amp.auto_cast(level="O2", dtype="bfloat16"):
        net(paddle.to_tensor(np.ones((4, 2), "float32"))).mean().backward()
    optimizer.step()
    assert set(optimizer.state_dict()["master_weights"]) == {net[0].weight.name, net[0].bias.name}


def test_casts_are_recorded_in_static_programs() -> None:
    pytest.importorskip("ml_dtypes")
    paddle.enable_static()
    try:
        program = paddle.static.Program()
        with paddle.static.program_guard(program, paddle.static.Program()):
            x = paddle.static.data("x", [2, 2], "float32")
            with paddle.amp.auto_cast(dtype="bfloat16"):
                y = paddle.matmul(x, x)
        assert [op.type for op in program.global_block().ops] == ["cast", "cast", "matmul_v2"]
        assert y.dtype == paddle.bfloat16
    finally:
        paddle.disable_static()
