"""Learning-rate schedules of 1.x in dynamic mode: each update of the optimizer moves them on."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..optimizer.lr import LRScheduler

__all__ = [
    "CosineDecay", "ExponentialDecay", "InverseTimeDecay", "LearningRateDecay", "LinearLrWarmup", "NaturalExpDecay", "NoamDecay",
    "PiecewiseDecay", "PolynomialDecay",
]  # fmt: skip


class LearningRateDecay(LRScheduler):
    """Base: a subclass says in `rate(n)` what holds at step n. Steps count begin, begin + step, ..."""

    def __init__(self, begin: int = 0, step: int = 1, dtype: Any = "float32") -> None:
        self.begin, self.step_size, self.dtype = begin, step, dtype
        super().__init__(0.0)

    @property
    def step_num(self) -> int:
        """The number of the step now."""
        return self.begin + self.step_size * self.last_epoch

    def rate(self, n: int) -> float:
        """The rate at step `n`."""
        raise NotImplementedError(f"{type(self).__name__} does not define rate(n)")

    def get_lr(self) -> float:
        """The rate now."""
        return float(self.rate(self.step_num))


class NoamDecay(LearningRateDecay):
    """``learning_rate * d_model ** -0.5 * min(n ** -0.5, n * warmup_steps ** -1.5)`` (Vaswani et al. 2017)."""

    def __init__(
        self, d_model: int, warmup_steps: int, begin: int = 1, step: int = 1, dtype: Any = "float32", learning_rate: float = 1.0
    ) -> None:
        self.d_model, self.warmup_steps, self.learning_rate = d_model, warmup_steps, learning_rate
        super().__init__(begin, step, dtype)

    def rate(self, n: int) -> float:
        """The rate at step `n`."""
        return self.learning_rate * self.d_model**-0.5 * min(n**-0.5 if n else math.inf, n * self.warmup_steps**-1.5)


class PiecewiseDecay(LearningRateDecay):
    """values[i] until step boundaries[i]; the last value after all of them."""

    def __init__(
        self, boundaries: Sequence[int], values: Sequence[float], begin: int, step: int = 1, dtype: Any = "float32"
    ) -> None:
        if len(values) != len(boundaries) + 1:
            raise ValueError(f"PiecewiseDecay: {len(boundaries)} boundaries need {len(boundaries) + 1} values, got {len(values)}")
        self.boundaries, self.values = list(boundaries), list(values)
        super().__init__(begin, step, dtype)

    def rate(self, n: int) -> float:
        """The rate at step `n`."""
        return next((v for b, v in zip(self.boundaries, self.values, strict=False) if n < b), self.values[-1])


class _Falling(LearningRateDecay):
    def __init__(
        self, learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False, begin: int = 0, step: int = 1,
        dtype: Any = "float32",
    ) -> None:  # fmt: skip
        self.learning_rate, self.decay_steps, self.decay_rate, self.staircase = learning_rate, decay_steps, decay_rate, staircase
        super().__init__(begin, step, dtype)

    def _periods(self, n: int) -> float:
        return math.floor(n / self.decay_steps) if self.staircase else n / self.decay_steps


class ExponentialDecay(_Falling):
    """``learning_rate * decay_rate ** (n / decay_steps)``; staircase: whole numbers of periods."""

    def rate(self, n: int) -> float:
        """The rate at step `n`."""
        return self.learning_rate * self.decay_rate ** self._periods(n)


class NaturalExpDecay(_Falling):
    """``learning_rate * exp(-decay_rate * n / decay_steps)``; staircase: whole numbers of periods."""

    def rate(self, n: int) -> float:
        """The rate at step `n`."""
        return self.learning_rate * math.exp(-self.decay_rate * self._periods(n))


class InverseTimeDecay(_Falling):
    """``learning_rate / (1 + decay_rate * n / decay_steps)``; staircase: whole numbers of periods."""

    def rate(self, n: int) -> float:
        """The rate at step `n`."""
        return self.learning_rate / (1 + self.decay_rate * self._periods(n))


class PolynomialDecay(LearningRateDecay):
    """From `learning_rate` to `end_learning_rate` in `decay_steps`, by a power of what is left; cycle: begin again."""

    def __init__(
        self, learning_rate: float, decay_steps: int, end_learning_rate: float = 0.0001, power: float = 1.0, cycle: bool = False,
        begin: int = 0, step: int = 1, dtype: Any = "float32",
    ) -> None:  # fmt: skip
        self.learning_rate, self.decay_steps, self.end_learning_rate = learning_rate, decay_steps, end_learning_rate
        self.power, self.cycle = power, cycle
        super().__init__(begin, step, dtype)

    def rate(self, n: int) -> float:
        """The rate at step `n`."""
        steps = self.decay_steps * max(1, math.ceil(n / self.decay_steps)) if self.cycle else self.decay_steps
        left = 1 - (n if self.cycle else min(n, steps)) / steps
        return (self.learning_rate - self.end_learning_rate) * left**self.power + self.end_learning_rate


class CosineDecay(LearningRateDecay):
    """Half a cosine over `epochs` epochs of `step_each_epoch` steps."""

    def __init__(
        self, learning_rate: float, step_each_epoch: int, epochs: int, begin: int = 0, step: int = 1, dtype: Any = "float32"
    ) -> None:
        self.learning_rate, self.step_each_epoch, self.epochs = learning_rate, step_each_epoch, epochs
        super().__init__(begin, step, dtype)

    def rate(self, n: int) -> float:
        """The rate at step `n`."""
        return self.learning_rate * 0.5 * (math.cos(math.floor(n / self.step_each_epoch) * math.pi / self.epochs) + 1)


class LinearLrWarmup(LearningRateDecay):
    """From `start_lr` to `end_lr` in `warmup_steps`, then `learning_rate` (a number or another schedule)."""

    def __init__(
        self, learning_rate: Any, warmup_steps: int, start_lr: float, end_lr: float, begin: int = 1, step: int = 1, dtype: Any = "float32"
    ) -> None:
        if not start_lr <= end_lr:
            raise ValueError(f"LinearLrWarmup: start_lr must not be above end_lr, got {start_lr} and {end_lr}")
        self.learning_rate, self.warmup_steps, self.start_lr, self.end_lr = learning_rate, warmup_steps, start_lr, end_lr
        super().__init__(begin, step, dtype)

    def rate(self, n: int) -> float:
        """The rate at step `n`."""
        if n < self.warmup_steps:
            return self.start_lr + (self.end_lr - self.start_lr) * n / self.warmup_steps
        if isinstance(self.learning_rate, LearningRateDecay):
            return self.learning_rate.rate(n)
        return float(self.learning_rate)
