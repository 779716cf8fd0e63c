"""paddle.static.amp: scaled losses, and the casts that a device with half precision gets."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
import minipaddle.nn.functional as F
from minipaddle import static
from minipaddle.static import amp

pytestmark = pytest.mark.filterwarnings("ignore:static.amp.decorate. on the CPU")


def _weight(*shape: int) -> paddle.ParamAttr:
    values = ((np.arange(np.prod(shape)) % 7 - 3) / 7).reshape(shape).astype("float32")
    return paddle.ParamAttr(initializer=paddle.nn.initializer.Assign(values))


def _losses(make: Callable[[], Any], **options: Any) -> list[tuple[float, float]]:
    """(loss, factor) of eight steps; the fourth has an infinite input."""
    x = static.data("x", [None, 6], "float32")
    h = F.relu(static.nn.fc(x, 8, weight_attr=_weight(6, 8), bias_attr=_weight(8)))
    h = static.nn.fc(h, 1, weight_attr=_weight(8, 1), bias_attr=_weight(1))
    loss = paddle.mean(h * h)
    optimizer = amp.decorate(make(), **options)
    operators, pairs = optimizer.minimize(loss)
    assert len(operators) >= len(pairs) == 4 and optimizer.get_scaled_loss() is not None
    exe = static.Executor(paddle.CPUPlace())
    exe.run(static.default_startup_program())
    optimizer.amp_init(paddle.CPUPlace(), scope=static.global_scope())
    rng, found = np.random.RandomState(0), []
    for i in range(8):
        value = rng.rand(4, 6).astype("float32")
        if i == 3:
            value[0, 0] = np.inf
        got, factor = exe.run(feed={"x": value}, fetch_list=[loss, optimizer.get_loss_scaling()])
        found.append((float(got), float(factor[0])))
    return found


# what Paddle 2.6.2 computes on the CPU
EXPECTED = {
    "adam": (
        [0.0641, 0.06007, 0.03695, np.inf, 0.01725, 0.01821, 0.02134, 0.01278], [8, 16, 16, 8, 8, 16, 16, 32],
        lambda: paddle.optimizer.Adam(0.01), {"init_loss_scaling": 8.0, "incr_every_n_steps": 2, "decr_every_n_nan_or_inf": 1},
    ),
    "the older form": (
        [0.0641, 0.08531, 0.06941, np.inf, 0.04337, 0.05564, 0.01146, 0.01629], [128, 256, 256, 204.8, 204.8, 409.6, 409.6, 819.2],
        lambda: paddle.optimizer.Momentum(0.01, 0.9),
        {"init_loss_scaling": 128.0, "incr_every_n_steps": 2, "decr_every_n_nan_or_inf": 1, "use_pure_fp16": False},
    ),
    "a fixed factor": (
        [0.0641, 0.06832, 0.04411, np.inf, np.nan, np.nan, np.nan, np.nan], [4] * 8,
        lambda: paddle.optimizer.SGD(0.05), {"init_loss_scaling": 4.0, "use_dynamic_loss_scaling": False},
    ),
    "O2": (
        [0.0641, 0.08531, 0.06941, np.inf, 0.04337, 0.05564, 0.01146, 0.01629], [16, 16, 32, 8, 8, 8, 16, 16],
        lambda: paddle.optimizer.Momentum(0.01, 0.9),
        {"level": "O2", "init_loss_scaling": 16.0, "incr_every_n_steps": 3, "decr_ratio": 0.25},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(EXPECTED))
def test_losses_and_factors_are_those_of_paddle(name: str) -> None:
    losses, factors, make, options = EXPECTED[name]
    found = _losses(make, **options)
    np.testing.assert_allclose([loss for loss, _ in found], losses, atol=6e-6)
    np.testing.assert_allclose([factor for _, factor in found], factors)


def _lists(**options: Any) -> amp.AutoMixedPrecisionLists:
    """The lists of a device that computes in half precision."""
    lists = amp.AutoMixedPrecisionLists(**options)
    lists.unsupported_list = set(options.get("custom_black_list") or ())
    return lists


def _network() -> tuple[Any, Any]:
    x, y = static.data("x", [None, 1, 8, 8], "float32"), static.data("y", [None, 1], "int64")
    h = static.nn.batch_norm(static.nn.conv2d(x, 4, 3), act="relu")
    h = static.nn.fc(F.max_pool2d(h, 2), 8, activation="tanh")
    h = static.nn.fc(paddle.exp(h * 0.5), 3)
    return h, paddle.mean(F.softmax_with_cross_entropy(h, y))


def _types(program: static.Program) -> dict[str, str]:
    block = program.global_block()
    return {op.type: block.var(op.output_arg_names[0]).dtype.name for op in block.ops if not int(op.attrs.get("op_role", 0)) & 3}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("level", ["O1", "O2"])
@pytest.mark.parametrize("make", [paddle.optimizer.Momentum, paddle.optimizer.Adam])
def test_half_precision_trains(make: Any, level: str, dtype: str) -> None:
    pytest.importorskip("ml_dtypes")
    paddle.seed(0)
    _, loss = _network()
    optimizer = amp.decorate(make(0.05), _lists(dtype=dtype), level=level, dtype=dtype)
    optimizer.minimize(loss)
    main = static.default_main_program()
    parameters = {p.name: p.dtype.name for p in main.all_parameters()}
    assert parameters["conv2d_0.w_0"] == (dtype if level == "O2" else "float32")
    assert parameters["batch_norm_0.w_0"] == "float32"
    found = _types(main)
    assert found["conv2d"] == found["mul"] == found["batch_norm"] == found["pool2d"] == found["tanh"] == dtype
    assert found["exp"] == found["softmax_with_cross_entropy"] == ("float32" if level == "O1" else dtype)
    exe = static.Executor()
    exe.run(static.default_startup_program())
    optimizer.amp_init(paddle.CPUPlace(), scope=static.global_scope())
    held = np.asarray(static.global_scope().find_var("conv2d_0.w_0").get_tensor())
    assert held.dtype.name == (dtype if level == "O2" else "float32")
    rng = np.random.RandomState(0)
    feed = {"x": rng.rand(8, 1, 8, 8).astype("float32"), "y": rng.randint(0, 3, (8, 1))}
    losses = [float(exe.run(feed=feed, fetch_list=[loss])[0]) for _ in range(8)]
    assert losses[-1] < 0.85 * losses[0]


def test_lists_and_guards_say_where() -> None:
    lists = _lists(custom_black_list={"conv2d"}, custom_white_list={"exp"}, custom_black_varnames={"fc_1.w_0"})
    assert "conv2d" in lists.black_list and "exp" in lists.white_list and "conv2d" not in lists.white_list
    _network()
    main = static.default_main_program()
    names = amp.cast_model_to_fp16(main, lists, use_fp16_guard=False, level="O1")
    block = main.global_block()
    found = {(op.type, op.output_arg_names[0]): block.var(op.output_arg_names[0]).dtype.name for op in block.ops}
    assert found["conv2d", "conv2d_0.tmp_0"] == "float32" and found["exp", "exp_0.tmp_0"] == "float16"
    assert found["mul", "fc_0.tmp_0"] == "float16" and found["mul", "fc_1.tmp_0"] == "float32"
    assert "fc_0.w_0" in names and "conv2d_0.w_0" not in names


def test_only_what_is_guarded_becomes_half() -> None:
    x = static.data("x", [None, 4], "float32")
    h = paddle.matmul(x, static.create_parameter([4, 4], "float32"))
    with amp.fp16_guard():
        g = paddle.matmul(h, static.create_parameter([4, 4], "float32"))
    names = amp.cast_model_to_fp16(static.default_main_program(), _lists())
    assert h.dtype.name == "float32" and g.dtype.name == "float16"
    exe = static.Executor()
    exe.run(static.default_startup_program())
    amp.cast_parameters_to_fp16(paddle.CPUPlace(), static.default_main_program(), to_fp16_var_names=names)
    (got,) = exe.run(feed={"x": np.ones((2, 4), "float32")}, fetch_list=[g])
    assert got.dtype == np.float16


def test_on_the_cpu_all_stays_float32() -> None:
    _, loss = _network()
    with pytest.warns(UserWarning, match="all stay float32"):
        optimizer = amp.decorate(paddle.optimizer.SGD(0.1))
    optimizer.minimize(loss)
    main = static.default_main_program()
    assert {v.dtype.name for v in main.list_vars() if v.dtype.is_floating} == {"float32"}


def test_wrong_arguments_are_said() -> None:
    sgd = paddle.optimizer.SGD(0.1)
    with pytest.raises(ValueError, match="overlaps"):
        amp.CustomOpLists({"exp"}, {"exp"})
    with pytest.raises(ValueError, match="bfloat16"):
        amp.AutoMixedPrecisionLists(dtype="float64")
    with pytest.raises(ValueError, match="level"):
        amp.decorate(sgd, level="O3")
    with pytest.raises(TypeError, match="use_pure_fp16"):
        amp.decorate(sgd, level="O1", use_pure_fp16=True)
    with pytest.raises(TypeError, match="optimizer"):
        amp.decorate("sgd")
    with pytest.raises(AssertionError, match="minimize"):
        amp.decorate(sgd).get_loss_scaling()
    with pytest.raises(AssertionError, match="minimize"):
        amp.decorate(sgd).amp_init(None)
    with pytest.warns(UserWarning, match="not scaled"):
        amp.decorate(sgd, dtype="bfloat16", use_dynamic_loss_scaling=True)
