"""Functions that need a size which only the fed batch has: Programs with -1 give what dynamic mode gives."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import nn
from minipaddle.errors import NotSupportedError
from minipaddle.nn import functional as F


def run_static(function: Callable[..., Any], arrays: list[np.ndarray], shapes: list[list[int]]) -> np.ndarray:
    paddle.enable_static()
    try:
        main, startup = paddle.static.Program(), paddle.static.Program()
        with paddle.static.program_guard(main, startup):
            inputs = [paddle.static.data(f"x{i}", s, str(a.dtype)) for i, (a, s) in enumerate(zip(arrays, shapes, strict=True))]
            out = function(*inputs)
        exe = paddle.static.Executor()
        exe.run(startup)
        result = exe.run(main, feed={f"x{i}": a for i, a in enumerate(arrays)}, fetch_list=[out])[0]
    finally:
        paddle.disable_static()
    assert len(out.shape) == result.ndim and all(n in (-1, m) for n, m in zip(out.shape, result.shape, strict=True))
    return result


def test_kl_div_divides_by_the_fed_batch() -> None:
    x, y = np.random.default_rng(0).random((2, 6, 5), dtype=np.float32)
    want = F.kl_div(paddle.to_tensor(x), paddle.to_tensor(y), "batchmean").numpy()
    got = run_static(lambda a, b: F.kl_div(a, b, "batchmean"), [x, y], [[-1, 5], [-1, 5]])
    np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("layer", [lambda: nn.Dropout(0.5, axis=[0, 1]), lambda: nn.Dropout2D(0.5), lambda: nn.AlphaDropout(0.5)])
def test_dropout_of_an_unknown_batch(layer: Callable[[], Any]) -> None:
    x = np.ones((40, 5, 2, 3), np.float32)
    got = run_static(lambda a: layer()(a), [x], [[-1, 5, -1, 3]])
    assert got.shape == x.shape
    dropped = got == got.min()
    assert 0.2 < dropped.mean() < 0.8
    if not isinstance(layer(), nn.AlphaDropout):  # whole channels go together
        assert (dropped.all((2, 3)) | ~dropped.any((2, 3))).all()


@pytest.mark.parametrize(
    ("size", "unknown", "layout"),
    [
        ((2, 5, 4), [-1, 5, -1], "NCL"), ((2, 5, 4, 3), [-1, 5, -1, -1], "NCHW"), ((2, 4, 3, 5), [-1, -1, -1, 5], "NHWC"),
        ((2, 5, 4, 3, 2), [-1, 5, -1, -1, -1], "NCDHW"), ((2, 4, 3, 2, 5), [-1, -1, -1, -1, 5], "NDHWC"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_local_response_norm_of_unknown_sizes(size: tuple[int, ...], unknown: list[int], layout: str, dtype: str) -> None:
    x = np.random.default_rng(1).standard_normal(size).astype(dtype)

    def function(a: Any) -> Any:
        return F.local_response_norm(a, 3, alpha=0.5, data_format=layout)

    np.testing.assert_allclose(run_static(function, [x], [unknown]), function(paddle.to_tensor(x)).numpy(), rtol=1e-5)


def test_int_labels_of_multi_label_soft_margin_loss() -> None:
    x = np.random.default_rng(1).standard_normal((3, 4)).astype("float32")
    y = np.array([[1, 0, 1, 0]] * 3)
    want = F.multi_label_soft_margin_loss(paddle.to_tensor(x), paddle.to_tensor(y.astype("float32"))).numpy()
    assert want > 0.1
    np.testing.assert_allclose(F.multi_label_soft_margin_loss(paddle.to_tensor(x), paddle.to_tensor(y)).numpy(), want)
    np.testing.assert_allclose(run_static(F.multi_label_soft_margin_loss, [x, y], [[-1, 4], [-1, 4]]), want, rtol=1e-6)


def test_one_hot_is_float32_whatever_the_default() -> None:
    paddle.set_default_dtype("float64")
    try:
        assert F.one_hot(paddle.to_tensor([1, 2]), 4).dtype == paddle.float32
    finally:
        paddle.set_default_dtype("float32")


def test_weight_norm_is_refused_in_static_mode() -> None:
    paddle.enable_static()
    try:
        with pytest.raises(NotSupportedError, match="dynamic mode"):
            nn.utils.weight_norm(nn.Linear(2, 3))
    finally:
        paddle.disable_static()


def test_split_is_written_with_an_axis_that_paddle_reads() -> None:
    main = paddle.jit.to_static(lambda x: paddle.split(x, 2, axis=-1)[0], input_spec=[paddle.static.InputSpec([None, 4])])
    (split,) = [op for op in main.main_program.global_block().ops if op.type == "split"] if main.concrete_program else []
    assert split.attrs["axis"] == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda x: F.dropout(x, 0.0, mode="bogus"), lambda x: F.prelu(x, paddle.ones([1]), data_format="bogus"),
        lambda x: F.instance_norm(x, data_format="bogus"), lambda x: F.pad(x, [1, 1], data_format="bogus"),
    ],
)  # fmt: skip
def test_unknown_argument_values_are_named(call: Callable[[Any], Any]) -> None:
    with pytest.raises((ValueError, AssertionError), match="(?i)bogus"):
        call(paddle.ones([2, 3, 4]))
