"""`minimize` in static mode: the operators, variables and marks that Paddle writes, and the same numbers as eager steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import static
from minipaddle.core.scope import Scope

O = paddle.optimizer
START = np.linspace(-1, 1, 6).reshape(3, 2).astype("float32")
INPUT = np.linspace(-2, 1, 12).reshape(4, 3).astype("float32")
MAKERS = {
    "sgd": lambda **k: O.SGD(0.1, **k),
    "momentum": lambda **k: O.Momentum(0.1, 0.8, use_nesterov=True, **k),
    "adam": lambda **k: O.Adam(0.05, **k),
    "adamax": lambda **k: O.Adamax(0.05, **k),
    "adagrad": lambda **k: O.Adagrad(0.1, **k),
    "adadelta": lambda **k: O.Adadelta(0.5, **k),
    "rmsprop": lambda **k: O.RMSProp(0.02, momentum=0.5, centered=True, **k),
}


@pytest.fixture
def static_mode() -> Iterator[None]:
    paddle.enable_static()
    try:
        with static.scope_guard(Scope()), paddle.utils.unique_name.guard():
            yield
    finally:
        paddle.disable_static()


def parameters() -> list[Any]:
    assign = paddle.nn.initializer.Assign
    w = paddle.create_parameter(
        [3, 2], "float32",
        attr=paddle.ParamAttr("w", assign(START), 0.5, regularizer=paddle.regularizer.L1Decay(0.1)),
    )  # fmt: skip
    b = paddle.create_parameter([2], "float32", attr=paddle.ParamAttr("b", assign(np.ones(2, "float32"))))
    return [w, b]


def loss_of(x: Any, w: Any, b: Any) -> Any:
    return (paddle.matmul(x, w) + b).square().mean()


def build(make: Any, **options: Any) -> Any:
    main, startup = static.Program(), static.Program()
    with static.program_guard(main, startup):
        x = static.data("x", [None, 3], "float32")
        optimizer = make(**options)
        result = optimizer.minimize(loss_of(x, *parameters()))
    return main, startup, optimizer, result


OPTIONS: dict[str, Any] = {
    "plain": {}, "l2": {"weight_decay": 0.3},
    "global norm": {"weight_decay": 0.3, "grad_clip": paddle.nn.ClipGradByGlobalNorm(0.3)},
    "norm": {"grad_clip": paddle.nn.ClipGradByNorm(0.3)}, "value": {"grad_clip": paddle.nn.ClipGradByValue(0.2)},
}  # fmt: skip


@pytest.mark.parametrize("options", list(OPTIONS))
@pytest.mark.parametrize("name", list(MAKERS))
def test_same_numbers_as_eager(name: str, options: str, static_mode: None) -> None:
    main, startup, _, _ = build(MAKERS[name], **OPTIONS[options])
    exe = static.Executor()
    exe.run(startup)
    for _ in range(4):
        exe.run(main, feed={"x": INPUT})
    scope = static.global_scope()
    found = [np.array(scope.find_var(n).get_tensor()) for n in ("w", "b")]
    paddle.disable_static()
    params = parameters()
    optimizer = MAKERS[name](parameters=params, **OPTIONS[options])
    for _ in range(4):
        loss_of(paddle.to_tensor(INPUT), *params).backward()
        optimizer.step()
        optimizer.clear_grad()
    for got, p in zip(found, params, strict=True):
        np.testing.assert_allclose(got, p.numpy(), rtol=2e-5, atol=1e-6)


def test_program_is_paddles(static_mode: None) -> None:
    main, startup, _, (operators, pairs) = build(MAKERS["adam"], **OPTIONS["global norm"])
    types = [op.type for op in main.global_block().ops]
    tail = types[types.index("squared_l2_norm") :]
    # recorded from Paddle 2.6.2
    assert tail == [
        "squared_l2_norm", "squared_l2_norm", "sum", "sqrt", "fill_constant", "elementwise_max", "elementwise_div",
        "elementwise_mul", "elementwise_mul", "scale", "sum", "sign", "scale", "sum", "adam", "scale", "adam",
    ]  # fmt: skip
    assert [op.type for op in operators] == ["adam", "scale", "adam"]
    assert [(p.name, g.name) for p, g in pairs] == [("w", "w@GRAD"), ("b", "b@GRAD")]
    first = operators[0]
    assert first.input("Param") == first.output("ParamOut") == ["b"]
    assert first.input("Beta1Pow") == first.output("Beta1PowOut") == ["b_beta1_pow_acc_0"]
    assert first.input("LearningRate") == ["learning_rate_0"]
    assert first.attr("op_role") == 2 and operators[1].attr("op_role") == 18
    made = [op.output_arg_names[0] for op in startup.global_block().ops]
    state = [f"{p}_{kind}_0" for p in "bw" for kind in ("moment1", "moment2", "beta1_pow_acc", "beta2_pow_acc")]
    assert made == ["w", "b", "learning_rate_0", *state]
    rate = main.global_block().var("learning_rate_0")
    assert rate.persistable and rate.stop_gradient and rate.static_shape == ()
    left = {op.type for op in main.clone(for_test=True).global_block().ops}
    assert "adam" not in left and "sgd" not in left and "sqrt" not in left


def test_decay_of_momentum_is_an_attribute(static_mode: None) -> None:
    main, *_ = build(MAKERS["momentum"], weight_decay=0.2)
    updates = {op.input("Param")[0]: op for op in main.global_block().ops if op.type == "momentum"}
    assert updates["b"].attr("regularization_method") == "l2_decay"
    assert updates["b"].attr("regularization_coeff") == 0.2
    assert updates["w"].attr("regularization_method") == ""


def test_adamax_powers_come_last(static_mode: None) -> None:
    main, *_ = build(MAKERS["adamax"])
    last = main.global_block().ops[-2:]
    assert [(op.type, op.input("X"), op.output("Out")) for op in last] == [
        ("scale", [f"{p}_beta1_pow_acc_0"], [f"{p}_beta1_pow_acc_0"]) for p in "bw"
    ]  # fmt: skip


def test_scheduler_sets_the_rate_of_each_run(static_mode: None) -> None:
    scheduler = O.lr.StepDecay(0.5, step_size=1, gamma=0.1)
    main, startup, optimizer, _ = build(lambda: O.SGD(scheduler))
    assert main.lr_scheduler is scheduler and main.lr_var.name == "learning_rate_0"
    exe = static.Executor()
    exe.run(startup)
    rates = []
    for _ in range(3):
        rates.append(float(exe.run(main, feed={"x": INPUT}, fetch_list=["learning_rate_0"])[0]))
        scheduler.step()
    np.testing.assert_allclose(rates, [0.5, 0.05, 0.005], rtol=1e-6)
    assert optimizer.get_lr() == scheduler.last_lr


def test_set_lr_changes_the_next_run(static_mode: None) -> None:
    main, startup, optimizer, _ = build(MAKERS["sgd"])
    exe = static.Executor()
    exe.run(startup)
    optimizer.set_lr(0.025)
    (rate,) = exe.run(main, feed={"x": INPUT}, fetch_list=["learning_rate_0"])
    np.testing.assert_allclose(rate, 0.025)


def test_step_and_backward_are_told_apart(static_mode: None) -> None:
    *_, optimizer, _ = build(MAKERS["sgd"])
    with pytest.raises(AssertionError, match="minimize"):
        optimizer.step()


def test_chosen_parameters_only(static_mode: None) -> None:
    main, startup = static.Program(), static.Program()
    with static.program_guard(main, startup):
        x = static.data("x", [None, 3], "float32")
        loss = loss_of(x, *parameters())
        _, pairs = O.SGD(0.1).minimize(loss, parameters=["w"])
    assert [p.name for p, _ in pairs] == ["w"]
    assert [op.input("Param") for op in main.global_block().ops if op.type == "sgd"] == [["w"]]


def test_step_inside_a_traced_function_is_refused() -> None:
    p = paddle.create_parameter([2], "float32")
    optimizer = O.SGD(0.1, parameters=[p])

    def function(x: Any) -> Any:
        optimizer.step()
        return x * p

    with pytest.raises(RuntimeError, match="outside of the traced function"):
        paddle.jit.to_static(function)(paddle.to_tensor(np.ones(2, "float32")))
