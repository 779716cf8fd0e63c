"""Learning-rate schedules: values, state, arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle

lr = paddle.optimizer.lr


def rates(scheduler: Any, steps: int) -> list[float]:
    found = [scheduler()]
    for _ in range(steps):
        scheduler.step()
        found.append(scheduler())
    return found


# closed forms, by epoch
FORMULAS: list[tuple[Any, Any]] = [
    (lambda: lr.NoamDecay(64, 8, 2.0), lambda e: 2 / 8 * min(1.0 if e == 0 else e**-0.5, e * 8**-1.5)),
    (lambda: lr.PiecewiseDecay([3, 6], [0.3, 0.2, 0.1]), lambda e: 0.3 if e < 3 else 0.2 if e < 6 else 0.1),
    (lambda: lr.NaturalExpDecay(0.5, 0.1), lambda e: 0.5 * math.exp(-0.1 * e)),
    (lambda: lr.InverseTimeDecay(0.5, 0.1), lambda e: 0.5 / (1 + 0.1 * e)),
    (lambda: lr.PolynomialDecay(0.5, 5, 0.1, 2.0), lambda e: 0.4 * (1 - min(e, 5) / 5) ** 2 + 0.1),
    (lambda: lr.PolynomialDecay(0.5, 4, 0.1, cycle=True), lambda e: 0.4 * (1 - e / (4 * max(1, -(-e // 4)))) + 0.1),
    (lambda: lr.LinearWarmup(0.5, 4, 0.0, 0.5), lambda e: min(e, 4) / 8),
    (lambda: lr.ExponentialDecay(0.5, 0.9), lambda e: 0.5 * 0.9**e),
    (lambda: lr.MultiStepDecay(0.5, [2, 5], 0.1), lambda e: 0.5 * 0.1 ** ((e >= 2) + (e >= 5))),
    (lambda: lr.StepDecay(0.5, 3, 0.1), lambda e: 0.5 * 0.1 ** (e // 3)),
    (lambda: lr.LambdaDecay(0.5, lambda e: 1 / (e + 1)), lambda e: 0.5 / (e + 1)),
    (lambda: lr.MultiplicativeDecay(0.5, lambda e: 0.9), lambda e: 0.5 * 0.9**e),
    (lambda: lr.CosineAnnealingDecay(0.5, 4, 0.1), lambda e: 0.1 + 0.2 * (1 + math.cos(math.pi * e / 4))),
    (lambda: lr.CyclicLR(0.1, 0.5, 2, 3), lambda e: 0.1 + 0.4 * [0, 0.5, 1, 2 / 3, 1 / 3][e % 5]),
    (lambda: lr.CyclicLR(0.1, 0.5, 2, scale_fn=lambda n: 1 / (n + 1), scale_mode="iterations"),
     lambda e: 0.1 + 0.4 * [0, 0.5, 1, 0.5][e % 4] / (e + 1)),
    (lambda: lr.CyclicLR(0.1, 0.5, 2, mode="triangular2"), lambda e: 0.1 + 0.4 * [0, 0.5, 1, 0.5][e % 4] / 2 ** (e // 4)),
    (lambda: lr.LinearLR(0.5, 4, 0.5, 1.0), lambda e: 0.5 * (0.5 + min(e, 4) / 8)),
    (lambda: lr.CosineAnnealingWarmRestarts(0.5, 2, 2),
     lambda e: 0.25 * (1 + math.cos(math.pi * (e / 2 if e < 2 else (e - 2) / 4 if e < 6 else (e - 6) / 8)))),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(FORMULAS)))
def test_closed_form(number: int) -> None:
    make, formula = FORMULAS[number]
    scheduler = make()
    np.testing.assert_allclose(rates(scheduler, 9), [formula(e) for e in range(10)], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("number", range(len(FORMULAS)))
def test_state_goes_on(number: int) -> None:
    first, second = FORMULAS[number][0](), FORMULAS[number][0]()
    rates(first, 3)
    second.set_state_dict(first.state_dict())
    assert second() == first()
    if not isinstance(first, lr.CosineAnnealingWarmRestarts):  # Paddle does not save its place in the cycle either
        assert rates(second, 4) == rates(first, 4)


@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_one_cycle(strategy: str, three_phase: bool) -> None:
    s = lr.OneCycleLR(1.0, 20, divide_factor=10.0, end_learning_rate=0.01, phase_pct=0.25, anneal_strategy=strategy,
                      three_phase=three_phase)  # fmt: skip
    found = rates(s, 19)
    assert found[0] == pytest.approx(0.1) and max(found) == pytest.approx(1.0) and found.index(max(found)) == 4
    assert found[19] == pytest.approx(0.01)
    if three_phase:
        assert found[8] == pytest.approx(0.1)
    s.step()
    with pytest.raises(ValueError, match="total_steps"):
        s.step()


def test_reduce_on_plateau() -> None:
    s = lr.ReduceOnPlateau(1.0, factor=0.5, patience=1, cooldown=1, min_lr=0.3)
    found = []
    for metric in (3.0, np.float32(2.0), np.array([2.0]), paddle.to_tensor(2.0), 2.0, 2.0, 2.0, 2.0, 2.0):
        s.step(metric)
        found.append(s())
    assert found == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3]
    state = s.state_dict()
    assert list(state) == ["cooldown_counter", "best", "num_bad_epochs", "last_epoch", "last_lr"]
    assert state["best"] == 2.0 and state["last_epoch"] == 9
    up = lr.ReduceOnPlateau(1.0, mode="max", threshold_mode="abs", threshold=0.5, patience=0, factor=0.1)
    up.step(1.0)
    up.step(1.4)
    assert up() == pytest.approx(0.1)
    with pytest.raises(TypeError):
        s.step("good")
    with pytest.raises(AssertionError):
        s.step(np.zeros(2))


def test_warmup_of_a_scheduler_saves_both() -> None:
    def make() -> Any:
        return lr.LinearWarmup(lr.StepDecay(0.4, 2, 0.5), 3, 0.1, 0.4)

    first, second = make(), make()
    rates(first, 6)
    state = first.state_dict()
    assert set(state["LinearWarmup_LR"]) == {"last_epoch", "last_lr"}
    second.set_state_dict(state)
    assert rates(second, 3) == rates(first, 3)


def test_state_of_another_kind() -> None:
    s = lr.StepDecay(0.1, 3)
    with pytest.raises(RuntimeError, match="last_lr"):
        s.set_state_dict({"last_epoch": 1})
    with pytest.warns(UserWarning, match="best"):
        s.set_state_dict({"last_epoch": 1, "last_lr": 0.2, "best": 3})
    assert s() == 0.2


def test_own_scheduler_and_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    class Halving(lr.LRScheduler):
        def get_lr(self) -> float:
            return self.base_lr * 0.5**self.last_epoch

    s = Halving(1.0, verbose=True)
    s.step()
    assert s() == 0.5
    s.step(4)
    assert s.last_epoch == 4 and s() == 0.0625
    assert capsys.readouterr().out.splitlines()[1] == "Epoch 1: Halving set learning rate to 0.5."
    with pytest.raises(NotImplementedError, match="get_lr"):
        lr.LRScheduler(0.1)


@pytest.mark.parametrize("make, error", [
    (lambda: lr.StepDecay("0.1", 3), TypeError), (lambda: lr.StepDecay(-0.1, 3), ValueError),
    (lambda: lr.StepDecay(0.1, 3.0), TypeError), (lambda: lr.StepDecay(0.1, 3, 1.5), ValueError),
    (lambda: lr.StepDecay(0.1, 0), AssertionError), (lambda: lr.NoamDecay(0, 1), ValueError),
    (lambda: lr.PiecewiseDecay([], [1.0]), ValueError), (lambda: lr.PiecewiseDecay([1, 2], [0.1, 0.2]), ValueError),
    (lambda: lr.ExponentialDecay(0.1, 1.5), AssertionError), (lambda: lr.NaturalExpDecay(0.1, -1), AssertionError),
    (lambda: lr.PolynomialDecay(0.1, 2.5), AssertionError), (lambda: lr.LinearWarmup(0.1, 3, 0.5, 0.1), AssertionError),
    (lambda: lr.LinearWarmup("a", 3, 0.0, 0.1), TypeError), (lambda: lr.MultiStepDecay(0.1, [3, 2]), ValueError),
    (lambda: lr.MultiStepDecay(0.1, 3), TypeError), (lambda: lr.LambdaDecay(0.1, 3), TypeError),
    (lambda: lr.ReduceOnPlateau(0.1, mode="up"), ValueError), (lambda: lr.ReduceOnPlateau(0.1, factor=2), ValueError),
    (lambda: lr.CosineAnnealingDecay(0.1, 2.5), TypeError), (lambda: lr.OneCycleLR(1.0, 0), ValueError),
    (lambda: lr.OneCycleLR(1.0, 5, phase_pct=2.0), ValueError), (lambda: lr.OneCycleLR("a", 5), TypeError),
    (lambda: lr.OneCycleLR(1.0, 5, anneal_strategy="sin"), ValueError), (lambda: lr.CyclicLR(0.1, 1.0, 2.0), TypeError),
    (lambda: lr.CyclicLR(0.1, 1.0, 2, mode="square"), ValueError), (lambda: lr.LinearLR(0.1, 0), ValueError),
    (lambda: lr.LinearLR(0.1, 3, start_factor=2), ValueError), (lambda: lr.CosineAnnealingWarmRestarts(0.1, 0), ValueError),
])  # fmt: skip
def test_wrong_arguments(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()
