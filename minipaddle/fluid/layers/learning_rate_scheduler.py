"""Learning-rate schedules: in static mode operators on a counter of runs, in dynamic mode the classes of `fluid.decay`."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...core.context import context
from ...static.program import static_recorder
from .. import decay
from . import nn, ops, tensor
from .nn import autoincreased_step_counter

__all__ = [
    "cosine_decay", "exponential_decay", "inverse_time_decay", "linear_lr_warmup", "natural_exp_decay", "noam_decay", "piecewise_decay",
    "polynomial_decay",
]  # fmt: skip

_LR_SCHEDULE = 16  # op_role


def _dynamic() -> bool:
    return context.recorder is None


def _step(begin: int = 0) -> Any:
    counter = autoincreased_step_counter("@LR_DECAY_COUNTER@", begin)
    return tensor.cast(counter, "float32")


def _marked() -> Any:
    return static_recorder("learning rate schedule").marked(_LR_SCHEDULE)


def _periods(decay_steps: int, staircase: bool) -> Any:
    found = _step() / float(decay_steps)
    return ops.floor(found) if staircase else found  # type: ignore[attr-defined]


def noam_decay(d_model: int, warmup_steps: int, learning_rate: Any = 1.0) -> Any:
    """``learning_rate * d_model ** -0.5 * min(n ** -0.5, n * warmup_steps ** -1.5)``, n = 1, 2, ... (Vaswani et al. 2017)."""
    if _dynamic():
        return decay.NoamDecay(d_model, warmup_steps, learning_rate=learning_rate)
    with _marked():
        n = _step(1)
        low = nn.elementwise_min(nn.pow(n, -0.5), nn.scale(n, float(warmup_steps) ** -1.5))
        return nn.scale(low, float(d_model) ** -0.5 * learning_rate)


def exponential_decay(learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False) -> Any:
    """``learning_rate * decay_rate ** (n / decay_steps)``; staircase: whole numbers of periods."""
    if _dynamic():
        return decay.ExponentialDecay(learning_rate, decay_steps, decay_rate, staircase)
    with _marked():
        exponent = nn.scale(_periods(decay_steps, staircase), math.log(decay_rate))
        return nn.scale(ops.exp(exponent), float(learning_rate))  # type: ignore[attr-defined]


def natural_exp_decay(learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False) -> Any:
    """``learning_rate * exp(-decay_rate * n / decay_steps)``; staircase: whole numbers of periods."""
    if _dynamic():
        return decay.NaturalExpDecay(learning_rate, decay_steps, decay_rate, staircase)
    with _marked():
        exponent = nn.scale(_periods(decay_steps, staircase), -float(decay_rate))
        return nn.scale(ops.exp(exponent), float(learning_rate))  # type: ignore[attr-defined]


def inverse_time_decay(learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False) -> Any:
    """``learning_rate / (1 + decay_rate * n / decay_steps)``; staircase: whole numbers of periods."""
    if _dynamic():
        return decay.InverseTimeDecay(learning_rate, decay_steps, decay_rate, staircase)
    with _marked():
        divisor = nn.scale(_periods(decay_steps, staircase), float(decay_rate), 1.0)
        return nn.scale(ops.reciprocal(divisor), float(learning_rate))  # type: ignore[attr-defined]


def polynomial_decay(
    learning_rate: float, decay_steps: int, end_learning_rate: float = 0.0001, power: float = 1.0, cycle: bool = False
) -> Any:
    """From `learning_rate` to `end_learning_rate` in `decay_steps`, by a power of what is left; cycle: begin again."""
    if _dynamic():
        return decay.PolynomialDecay(learning_rate, decay_steps, end_learning_rate, power, cycle)
    with _marked():
        n = _step()
        one = tensor.fill_constant([1], "float32", 1.0)
        if cycle:
            cycles = nn.elementwise_max(ops.ceil(n / float(decay_steps)), one)  # type: ignore[attr-defined]
            share = n / nn.scale(cycles, float(decay_steps))
        else:
            share = nn.elementwise_min(nn.scale(n, 1.0 / decay_steps), one)
        left = nn.pow(nn.scale(share, -1.0, 1.0), power)
        return nn.scale(left, float(learning_rate) - end_learning_rate, end_learning_rate)


def piecewise_decay(boundaries: Sequence[int], values: Sequence[float]) -> Any:
    """values[i] until run boundaries[i]; the last value after all of them."""
    if len(values) - len(boundaries) != 1:
        raise ValueError("the values should be one more than the boundaries")
    if _dynamic():
        return decay.PiecewiseDecay(boundaries, values, 0)
    with _marked():
        n = _step()
        rate = tensor.fill_constant([1], "float32", float(values[0]))
        for boundary, before, after in zip(boundaries, values, values[1:], strict=False):
            # each boundary that is reached adds the difference
            reached = tensor.cast(n >= tensor.fill_constant([1], "float32", float(boundary)), "float32")
            rate = nn.elementwise_add(rate, nn.scale(reached, float(after) - float(before)))
        return rate


def cosine_decay(learning_rate: float, step_each_epoch: int, epochs: int) -> Any:
    """Half a cosine over `epochs` epochs of `step_each_epoch` runs."""
    if _dynamic():
        return decay.CosineDecay(learning_rate, step_each_epoch, epochs)
    with _marked():
        epoch = ops.floor(_step() / float(step_each_epoch))  # type: ignore[attr-defined]
        wave = ops.cos(nn.scale(epoch, math.pi / epochs))  # type: ignore[attr-defined]
        return nn.scale(wave, 0.5 * learning_rate, 0.5 * learning_rate)


def linear_lr_warmup(learning_rate: Any, warmup_steps: int, start_lr: float, end_lr: float) -> Any:
    """From `start_lr` to `end_lr` in `warmup_steps`, then `learning_rate` (a number or the Variable of another schedule)."""
    if _dynamic():
        return decay.LinearLrWarmup(learning_rate, warmup_steps, start_lr, end_lr)
    with _marked():
        n = _step()
        warm = tensor.cast(n < tensor.fill_constant([1], "float32", float(warmup_steps)), "float32")
        rising = nn.scale(n, (float(end_lr) - start_lr) / warmup_steps, float(start_lr))
        after = tensor.fill_constant([1], "float32", float(learning_rate)) if isinstance(learning_rate, (int, float)) else learning_rate
        return nn.elementwise_add(nn.elementwise_mul(rising, warm), nn.elementwise_mul(after, nn.scale(warm, -1.0, 1.0)))
