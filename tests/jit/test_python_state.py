"""Python state that a traced function reads and changes, and changes that a Program could not repeat."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import nn
from minipaddle.static import InputSpec

COUNT = 0
LOG: list[int] = []
TABLE = {"n": 0}


def global_counter(x: Any) -> Any:
    global COUNT
    COUNT += 1
    return x * COUNT


def global_turn(x: Any) -> Any:
    global COUNT
    turn = COUNT
    COUNT = (COUNT + 1) % 3
    return x * (turn + 1)


def list_length(x: Any) -> Any:
    LOG.append(1)
    return x * len(LOG)


def dict_entry(x: Any) -> Any:
    TABLE["n"] += 1
    return x * TABLE["n"]


def nonlocal_counter() -> Callable[[Any], Any]:
    n = 0

    def count(x: Any) -> Any:
        nonlocal n
        n = n + 2
        return x + n

    return count


@pytest.mark.parametrize(
    ("make", "programs"),
    [
        (lambda: global_counter, 6), (lambda: global_turn, 3), (lambda: list_length, 6), (lambda: dict_entry, 6), (nonlocal_counter, 6),
    ],
)  # fmt: skip
def test_each_call_moves_the_state_on(make: Any, programs: int) -> None:
    def results(wrap: Callable[[Any], Any]) -> tuple[list[float], Any]:
        global COUNT
        COUNT = TABLE["n"] = 0
        LOG.clear()
        function = wrap(make())
        return [float(function(paddle.ones([1]))) for _ in range(6)], function

    want, _ = results(lambda f: f)
    got, traced = results(paddle.jit.to_static)
    assert got == want
    assert len(traced.program_cache) == programs
    assert "otherwise like Program 1" in traced.explain_cache()


def test_state_that_nobody_reads_changes_once() -> None:
    calls = [0]
    seen: list[int] = []

    @paddle.jit.to_static
    def f(x: Any) -> Any:
        calls[0] += 1
        seen.append(1)
        return x * 2

    for _ in range(3):
        f(paddle.ones([2]))
    assert calls == [1] and seen == [1] and len(f.program_cache) == 1


def test_a_gradient_does_not_flow_out_of_no_grad_after_loading(tmp_path: Path) -> None:
    def f(x: Any) -> Any:
        with paddle.no_grad():
            scale = x.sum() * 2
        if scale > 0:
            return x * scale + x.detach()
        return x * float(x.max())

    x = paddle.to_tensor(np.asarray([[1.0, -2.0, 4.0]], "float32"), stop_gradient=False)
    paddle.jit.save(paddle.jit.to_static(f, input_spec=[InputSpec([None, 3], "float32", "x")]), str(tmp_path / "m"))
    loaded = paddle.jit.load(str(tmp_path / "m"))
    loaded(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.full((1, 3), 6.0))
    x.clear_grad()
    loaded(-x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.full((1, 3), -2.0))


def test_a_loaded_model_still_asserts_and_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def f(x: Any, n: Any) -> Any:
        assert x.sum() > 0, "the sum must be positive"
        for _ in range(n):
            assert (x < 10).all(), "too large"
        print("sum", x.sum())
        return x * 2

    specs = [InputSpec([3], "float32", "x"), InputSpec([], "int64", "n")]
    paddle.jit.save(paddle.jit.to_static(f, input_spec=specs), str(tmp_path / "m"))
    loaded = paddle.jit.load(str(tmp_path / "m"))
    once, never = paddle.to_tensor(1), paddle.to_tensor(0)
    capsys.readouterr()
    assert loaded(paddle.ones([3]), once).tolist() == [2, 2, 2]
    assert "sum" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="the sum must be positive") as caught:
        loaded(-paddle.ones([3]), once)
    assert "assert x.sum() > 0" in str(caught.value) and "what to do" in str(caught.value)
    with pytest.raises(AssertionError, match="too large"):
        loaded(paddle.full([3], 20.0), once)
    loaded(paddle.full([3], 20.0), never)


def test_frames_of_errors_are_the_users(tmp_path: Path) -> None:
    traced = paddle.jit.to_static(lambda x, y: paddle.matmul(x, y), input_spec=[InputSpec([None, None]), InputSpec([None, None])])
    paddle.jit.save(traced, str(tmp_path / "m"))
    loaded = paddle.jit.load(str(tmp_path / "m"))
    a = paddle.ones([2, 3])
    calls: list[Callable[[], Any]] = [
        lambda: traced(a, a), lambda: traced(a), lambda: traced(a, z=a), lambda: loaded(a, a), lambda: loaded(a), lambda: loaded(a, 3),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises((ValueError, TypeError)) as caught:
            call()
        inside = [f for f in caught.traceback if "minipaddle" in str(f.path) and "tests" not in str(f.path)]
        assert len(inside) == 1  # the call itself


class Kept(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.last: Any = None

    def forward(self, x: Any) -> Any:
        self.last = x * 2
        return self.last + 1


def test_a_variable_of_another_trace_is_refused() -> None:
    layer = Kept()
    paddle.jit.to_static(layer)(paddle.ones([2]))

    @paddle.jit.to_static
    def f(x: Any) -> Any:
        return x + layer.last

    with pytest.raises(TypeError, match="belongs to another Program"):
        f(paddle.ones([2]))


def test_verbosity(capsys: pytest.CaptureFixture[str]) -> None:
    paddle.jit.set_verbosity(3, also_to_stdout=True)
    try:
        paddle.jit.to_static(global_turn)(paddle.ones([1]))
    finally:
        paddle.jit.set_verbosity(0)
    out = capsys.readouterr().out
    assert "first call" in out and "to_static rewrites global_turn" in out and "turn = COUNT" in out


def test_cost_of_recurrent_layers() -> None:
    report = paddle.jit.explain(paddle.jit.to_static(nn.LSTM(8, 16)).forward, "float32[2, 5, 8]")
    # 5 steps, 2 sequences: two matrix products and two biases, and 8 steps for each of 16 units
    assert report.operations == 5 * 2 * (64 * 8 + 64 * 16 + 64 + 64 + 8 * 16)
