"""Learning-rate schedules: ``paddle.optimizer.lr``.

A scheduler is given to an optimizer as its learning rate and moved on by calling `step()`, once per epoch or per batch
as one likes; "epoch" here means such a step. Constructing one makes the first step, to epoch 0.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.context import context
from ..core.tensor import Tensor, isinstance_strict

__all__ = [
    "CosineAnnealingDecay", "CosineAnnealingWarmRestarts", "CyclicLR", "ExponentialDecay", "InverseTimeDecay",
    "LRScheduler", "LambdaDecay", "LinearLR", "LinearWarmup", "MultiStepDecay", "MultiplicativeDecay", "NaturalExpDecay",
    "NoamDecay", "OneCycleLR", "PiecewiseDecay", "PolynomialDecay", "ReduceOnPlateau", "StepDecay",
]  # fmt: skip


def _need(condition: bool, message: str) -> None:
    """AssertionError, which is what Paddle raises for these arguments."""
    if not condition:
        raise AssertionError(message)


def _need_type(value: Any, kinds: Any, name: str, of: str) -> None:
    if not isinstance(value, kinds):
        wanted = " or ".join(k.__name__ for k in kinds) if isinstance(kinds, tuple) else kinds.__name__
        raise TypeError(f"{name} of {of} must be {wanted}, got {type(value).__name__} {value!r}")


def _refuse_in_trace(scheduler: LRScheduler) -> None:
    """RuntimeError while a function is traced: the rate would move once, at the trace, and never again."""
    if context.recorder is not None and context.recorder.tracing:
        raise RuntimeError(
            f"{type(scheduler).__name__}.step() inside of a traced function would happen once, when it is traced: call it outside"
        )


class LRScheduler:
    """Base of all schedules. Subclasses define `get_lr()` from `last_epoch` and `base_lr`.

    learning_rate: the rate to start from. last_epoch: the epoch before the first. verbose: print each new rate.
    TypeError unless the rate is a number, ValueError if it is negative.
    """

    def __init__(self, learning_rate: float = 0.1, last_epoch: int = -1, verbose: bool = False) -> None:
        _need_type(learning_rate, (float, int), "learning_rate", type(self).__name__)
        if learning_rate < 0:
            raise ValueError(f"learning_rate of {type(self).__name__} must not be negative, got {learning_rate}")
        self.base_lr = float(learning_rate)
        self.last_lr = float(learning_rate)
        self.last_epoch = last_epoch
        self.verbose = verbose
        self._var_name: str | None = None
        self.step()

    def __call__(self) -> float:
        """The rate now."""
        return self.last_lr

    def step(self, epoch: int | None = None) -> None:
        """Move to the next epoch, or to `epoch`, and compute its rate. RuntimeError inside of a traced function."""
        _refuse_in_trace(self)
        if epoch is None:
            self.last_epoch += 1
            self.last_lr = self.get_lr()
        else:
            self.last_epoch = epoch
            closed = getattr(self, "_get_closed_form_lr", None)
            self.last_lr = self.get_lr() if closed is None else closed()
        self._tell()

    def _tell(self) -> None:
        if self.verbose:
            print(f"Epoch {self.last_epoch}: {type(self).__name__} set learning rate to {self.last_lr}.")

    def state_keys(self) -> None:
        """Set `self.keys`, the names of the attributes that `state_dict` holds."""
        self.keys = ["last_epoch", "last_lr"]

    def state_dict(self) -> dict[str, Any]:
        """What is needed to go on: plain Python values by name."""
        self.state_keys()
        return {key: _plain(self.__dict__[key], key) for key in self.keys if key in self.__dict__}

    def set_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over saved state. RuntimeError if a name is missing; a warning if there are others."""
        self.state_keys()
        for key in self.keys:
            if key not in state_dict:
                raise RuntimeError(
                    f"state of {type(self).__name__} lacks {key!r}; it has {sorted(state_dict)}, expected {self.keys}"
                )
            self.__dict__[key] = state_dict[key]
        if len(state_dict) > len(self.keys):
            extra = sorted(set(state_dict) - set(self.keys))
            warnings.warn(f"unused values in the state of {type(self).__name__}: {extra}", stacklevel=2)

    set_dict = set_state_dict

    def get_lr(self) -> float:
        """The rate of epoch `last_epoch`."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr()")


def _plain(value: Any, key: str) -> Any:
    if isinstance_strict(value, Tensor):
        _need(value.size == 1, f"{key} of a scheduler must have one element, got shape {value.shape}")
        return float(value)
    return value


class NoamDecay(LRScheduler):
    """``learning_rate * d_model ** -0.5 * min(epoch ** -0.5, epoch * warmup_steps ** -1.5)`` (Vaswani et al. 2017)."""

    def __init__(
        self, d_model: int, warmup_steps: int, learning_rate: float = 1.0, last_epoch: int = -1, verbose: bool = False
    ) -> None:
        if d_model <= 0:
            raise ValueError(f"d_model of NoamDecay must be positive, got {d_model}")
        self.d_model, self.warmup_steps = d_model, warmup_steps
        super().__init__(learning_rate, last_epoch, verbose)

    def get_lr(self) -> float:
        """The rate of epoch `last_epoch`."""
        falling = 1.0 if self.last_epoch == 0 else self.last_epoch**-0.5
        rising = self.warmup_steps**-1.5 * self.last_epoch
        return self.base_lr * self.d_model**-0.5 * min(falling, rising)


class PiecewiseDecay(LRScheduler):
    """``values[i]`` until epoch ``boundaries[i]``; the last value after all of them."""

    def __init__(
        self, boundaries: Sequence[int], values: Sequence[float], last_epoch: int = -1, verbose: bool = False
    ) -> None:
        if len(boundaries) == 0:
            raise ValueError("boundaries of PiecewiseDecay must not be empty")
        if len(values) <= len(boundaries):
            raise ValueError(
                f"PiecewiseDecay needs one value more than boundaries, got {len(values)} values for {len(boundaries)} "
                "boundaries"
            )
        self.boundaries, self.values = boundaries, values
        super().__init__(last_epoch=last_epoch, verbose=verbose)

    def get_lr(self) -> float:
        """The rate of epoch `last_epoch`."""
        for boundary, value in zip(self.boundaries, self.values, strict=False):
            if self.last_epoch < boundary:
                return value
        return self.values[len(self.values) - 1]


class NaturalExpDecay(LRScheduler):
    """``learning_rate * exp(-gamma * epoch)``."""

    def __init__(self, learning_rate: float, gamma: float, last_epoch: int = -1, verbose: bool = False) -> None:
        _need(gamma > 0.0, f"gamma of NaturalExpDecay must be positive so that the rate falls, got {gamma}")
        self.gamma = gamma
        super().__init__(learning_rate, last_epoch, verbose)

    def get_lr(self) -> float:
        """The rate of epoch `last_epoch`."""
        return self.base_lr * math.exp(-1 * self.gamma * self.last_epoch)


class InverseTimeDecay(LRScheduler):
    """``learning_rate / (1 + gamma * epoch)``."""

    def __init__(self, learning_rate: float, gamma: float, last_epoch: int = -1, verbose: bool = False) -> None:
        self.gamma = gamma
        super().__init__(learning_rate, last_epoch, verbose)

    def get_lr(self) -> float:
        """The rate of epoch `last_epoch`."""
        return self.base_lr / (1 + self.gamma * self.last_epoch)


class PolynomialDecay(LRScheduler):
    """From `learning_rate` to `end_lr` in `decay_steps` epochs along ``(1 - epoch / decay_steps) ** power``.

    With `cycle` the span is doubled, tripled ... each time it is used up.
    """

    def __init__(
        self,
        learning_rate: float,
        decay_steps: int,
        end_lr: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        _need(
            isinstance(decay_steps, int) and decay_steps > 0,
            f"decay_steps of PolynomialDecay must be a positive int, got {decay_steps!r}",
        )
        _need(power > 0.0, f"power of PolynomialDecay must be positive so that the rate falls, got {power}")
        self.decay_steps, self.end_lr, self.power, self.cycle = decay_steps, end_lr, power, cycle
        super().__init__(learning_rate, last_epoch, verbose)

    def get_lr(self) -> float:
        """The rate of epoch `last_epoch`."""
        epoch, steps = self.last_epoch, self.decay_steps
        if self.cycle:
            steps = steps * (math.ceil(float(epoch) / float(steps)) if epoch != 0 else 1)
        else:
            epoch = min(epoch, steps)
        return (self.base_lr - self.end_lr) * (1 - float(epoch) / float(steps)) ** self.power + self.end_lr


class LinearWarmup(LRScheduler):
    """From `start_lr` to `end_lr` in `warmup_steps` epochs, then `learning_rate`, a number or another scheduler."""

    def __init__(
        self,
        learning_rate: float | LRScheduler,
        warmup_steps: int,
        start_lr: float,
        end_lr: float,
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        _need_type(learning_rate, (float, int, LRScheduler), "learning_rate", "LinearWarmup")
        _need(
            isinstance(warmup_steps, int) and warmup_steps > 0,
            f"warmup_steps of LinearWarmup must be a positive int, got {warmup_steps!r}",
        )
        _need(end_lr > start_lr, f"end_lr {end_lr} of LinearWarmup must be greater than start_lr {start_lr}")
        self.learning_rate, self.warmup_steps = learning_rate, warmup_steps
        self.start_lr, self.end_lr = start_lr, end_lr
        super().__init__(start_lr, last_epoch, verbose)

    def state_dict(self) -> dict[str, Any]:
        """As of all schedulers, with the inner scheduler's under "LinearWarmup_LR"."""
        state = super().state_dict()
        if isinstance(self.learning_rate, LRScheduler):
            state["LinearWarmup_LR"] = self.learning_rate.state_dict()
        return state

    def set_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over saved state, the inner scheduler's too."""
        own = dict(state_dict)
        inner = own.pop("LinearWarmup_LR", None)
        super().set_state_dict(own)
        if isinstance(self.learning_rate, LRScheduler):
            if inner is None:
                raise KeyError("LinearWarmup_LR: the loaded state has none for the scheduler inside of LinearWarmup")
            self.learning_rate.set_state_dict(inner)

    set_dict = set_state_dict

    def get_lr(self) -> float:
        """The rate of epoch `last_epoch`."""
        if self.last_epoch < self.warmup_steps:
            return (self.end_lr - self.start_lr) * float(self.last_epoch) / float(self.warmup_steps) + self.start_lr
        if isinstance(self.learning_rate, LRScheduler):
            self.learning_rate.step(self.last_epoch - self.warmup_steps)
            return self.learning_rate()
        return self.learning_rate


class ExponentialDecay(LRScheduler):
    """``learning_rate * gamma ** epoch``, gamma in (0, 1)."""

    def __init__(self, learning_rate: float, gamma: float, last_epoch: int = -1, verbose: bool = False) -> None:
        _need(0.0 < gamma < 1.0, f"gamma of ExponentialDecay must be in (0, 1) so that the rate falls, got {gamma}")
        self.gamma = gamma
        super().__init__(learning_rate, last_epoch, verbose)

    def get_lr(self) -> float:
        """The rate of epoch `last_epoch`."""
        return self.base_lr * self.gamma**self.last_epoch


def _falling(gamma: float, of: str) -> float:
    if gamma >= 1.0:
        raise ValueError(f"gamma of {of} must be less than 1, got {gamma}")
    return gamma


class MultiStepDecay(LRScheduler):
    """Multiplied by `gamma` at each epoch in `milestones`."""

    def __init__(
        self,
        learning_rate: float,
        milestones: Sequence[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        _need_type(milestones, (tuple, list), "milestones", "MultiStepDecay")
        if any(a >= b for a, b in zip(milestones, milestones[1:], strict=False)):
            raise ValueError(f"milestones of MultiStepDecay must increase, got {list(milestones)}")
        self.gamma = _falling(gamma, "MultiStepDecay")
        self.milestones = milestones
        super().__init__(learning_rate, last_epoch, verbose)

    def get_lr(self) -> float:
        """The rate of epoch `last_epoch`."""
        passed = sum(self.last_epoch >= m for m in self.milestones)
        return self.base_lr * self.gamma**passed


class StepDecay(LRScheduler):
    """Multiplied by `gamma` every `step_size` epochs."""

    def __init__(
        self, learning_rate: float, step_size: int, gamma: float = 0.1, last_epoch: int = -1, verbose: bool = False
    ) -> None:
        _need_type(step_size, int, "step_size", "StepDecay")
        self.gamma = _falling(gamma, "StepDecay")
        _need(step_size > 0, f"step_size of StepDecay must be positive, got {step_size}")
        self.step_size = step_size
        super().__init__(learning_rate, last_epoch, verbose)

    def get_lr(self) -> float:
        """The rate of epoch `last_epoch`."""
        return self.base_lr * self.gamma ** (self.last_epoch // self.step_size)


def _need_callable(function: Any, of: str) -> None:
    if not callable(function):
        raise TypeError(f"lr_lambda of {of} must be a function of the epoch, got {type(function).__name__}")


class LambdaDecay(LRScheduler):
    """``learning_rate * lr_lambda(epoch)``. The function is not saved."""

    def __init__(
        self, learning_rate: float, lr_lambda: Callable[[int], float], last_epoch: int = -1, verbose: bool = False
    ) -> None:
        _need_callable(lr_lambda, "LambdaDecay")
        self.lr_lambda = lr_lambda
        super().__init__(learning_rate, last_epoch, verbose)

    def get_lr(self) -> float:
        """The rate of epoch `last_epoch`."""
        return self.base_lr * self.lr_lambda(self.last_epoch)


class MultiplicativeDecay(LRScheduler):
    """``learning_rate * lr_lambda(1) * ... * lr_lambda(epoch)``. The function is not saved."""

    def __init__(
        self, learning_rate: float, lr_lambda: Callable[[int], float], last_epoch: int = -1, verbose: bool = False
    ) -> None:
        _need_callable(lr_lambda, "MultiplicativeDecay")
        self.lr_lambda = lr_lambda
        super().__init__(learning_rate, last_epoch, verbose)

    def get_lr(self) -> float:
        """The rate of epoch `last_epoch`."""
        rate = self.base_lr
        for epoch in range(1, self.last_epoch + 1):
            rate = rate * self.lr_lambda(epoch)
        return rate


class ReduceOnPlateau(LRScheduler):
    """Multiplied by `factor` when a metric has not improved for more than `patience` steps.

    mode: "min" or "max", what is better. threshold: an improvement must exceed it, as a share ("rel") or absolutely
    ("abs"). cooldown: steps to wait after a reduction. min_lr: never below. epsilon: smaller changes are not made.
    """

    def __init__(
        self,
        learning_rate: float,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0,
        epsilon: float = 1e-8,
        verbose: bool = False,
    ) -> None:
        mode = mode.lower()
        if mode not in ("min", "max"):
            raise ValueError(f"mode of ReduceOnPlateau must be 'min' or 'max', got {mode!r}")
        if factor >= 1.0:
            raise ValueError(f"factor of ReduceOnPlateau must be less than 1, got {factor}")
        threshold_mode = threshold_mode.lower()
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold_mode of ReduceOnPlateau must be 'rel' or 'abs', got {threshold_mode!r}")
        _need_type(learning_rate, (float, int), "learning_rate", "ReduceOnPlateau")
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.min_lr, self.epsilon = cooldown, min_lr, epsilon
        self.cooldown_counter = 0
        self.best: Any = None
        self.num_bad_epochs = 0
        # no first step: the base class would make one, and a metric is needed for it
        self.base_lr = float(learning_rate)
        self.last_lr = float(learning_rate)
        self.last_epoch = 0
        self.verbose = verbose
        self._var_name = None

    def state_keys(self) -> None:
        """Set `self.keys`."""
        self.keys = ["cooldown_counter", "best", "num_bad_epochs", "last_epoch", "last_lr"]

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take the metric of one more epoch: a number, or an array or tensor of one element."""
        _refuse_in_trace(self)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if isinstance(metrics, np.ndarray) or isinstance_strict(metrics, Tensor):
            _need(
                metrics.size == 1,
                f"the metric for ReduceOnPlateau must have one element, got shape {list(metrics.shape)}; take its mean first",
            )
            metrics = metrics.item()
        elif not isinstance(metrics, (int, float, np.floating)):
            raise TypeError(
                f"the metric for ReduceOnPlateau must be a number, an array or a tensor, got {type(metrics).__name__}"
            )
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            return
        if self.best is None or self._is_better(metrics, self.best):
            self.best = metrics
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
            lower = max(self.last_lr * self.factor, self.min_lr)
            if self.last_lr - lower > self.epsilon:
                self.last_lr = lower
                self._tell()

    def get_lr(self) -> float:
        """The rate now."""
        return self.last_lr

    def _is_better(self, current: Any, best: Any) -> bool:
        margin = best * self.threshold if self.threshold_mode == "rel" else self.threshold
        return current < best - margin if self.mode == "min" else current > best + margin


class CosineAnnealingDecay(LRScheduler):
    """Down to `eta_min` in `T_max` epochs along half a cosine, and up again (Loshchilov & Hutter 2017, no restarts)."""

    def __init__(
        self, learning_rate: float, T_max: int, eta_min: float = 0, last_epoch: int = -1, verbose: bool = False
    ) -> None:
        _need_type(T_max, int, "T_max", "CosineAnnealingDecay")
        _need_type(eta_min, (float, int), "eta_min", "CosineAnnealingDecay")
        _need(T_max > 0, f"T_max of CosineAnnealingDecay must be positive, got {T_max}")
        self.T_max, self.eta_min = T_max, float(eta_min)
        super().__init__(learning_rate, last_epoch, verbose)

    def get_lr(self) -> float:
        """The rate of epoch `last_epoch`, from that of the epoch before."""
        if self.last_epoch == 0:
            return self.base_lr
        turn = math.pi / self.T_max
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            return self.last_lr + (self.base_lr - self.eta_min) * (1 - math.cos(turn)) / 2
        ratio = (1 + math.cos(turn * self.last_epoch)) / (1 + math.cos(turn * (self.last_epoch - 1)))
        return ratio * (self.last_lr - self.eta_min) + self.eta_min

    def _get_closed_form_lr(self) -> float:
        return self.eta_min + (self.base_lr - self.eta_min) * (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2


class OneCycleLR(LRScheduler):
    """One rise to `max_learning_rate` and one fall to `end_learning_rate` in `total_steps` (Smith & Topin 2017).

    It starts at ``max_learning_rate / divide_factor`` and rises for the share `phase_pct` of the steps. With `three_phase`
    it falls back to the start first, then to the end. anneal_strategy: "cos" or "linear".
    """

    def __init__(
        self,
        max_learning_rate: float,
        total_steps: int,
        divide_factor: float = 25.0,
        end_learning_rate: float = 0.0001,
        phase_pct: float = 0.3,
        anneal_strategy: str = "cos",
        three_phase: bool = False,
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        for name, rate in (("max_learning_rate", max_learning_rate), ("end_learning_rate", end_learning_rate)):
            _need_type(rate, (float, int), name, "OneCycleLR")
            if rate < 0:
                raise ValueError(f"{name} of OneCycleLR must not be negative, got {rate}")
        _need_type(total_steps, int, "total_steps", "OneCycleLR")
        if total_steps <= 0:
            raise ValueError(f"total_steps of OneCycleLR must be positive, got {total_steps}")
        _need_type(phase_pct, float, "phase_pct", "OneCycleLR")
        if not 0 <= phase_pct <= 1:
            raise ValueError(f"phase_pct of OneCycleLR must be between 0 and 1, got {phase_pct}")
        _need_type(divide_factor, (float, int), "divide_factor", "OneCycleLR")
        self.total_steps = total_steps
        start, end = max_learning_rate / float(divide_factor), float(end_learning_rate)
        peak, last = phase_pct * total_steps - 1, total_steps - 1
        if three_phase:
            if phase_pct >= 0.5:
                raise ValueError(f"phase_pct of OneCycleLR with three_phase must be less than 0.5, got {phase_pct}")
            self._ends = [peak, 2 * phase_pct * total_steps - 2, last]
            self._rates = [start, max_learning_rate, start, end]
        else:
            self._ends = [peak, last]
            self._rates = [start, max_learning_rate, end]
        if anneal_strategy == "cos":
            self.anneal_func = self._cos_annealing
        elif anneal_strategy == "linear":
            self.anneal_func = self._linear_annealing
        else:
            raise ValueError(f"anneal_strategy of OneCycleLR must be 'cos' or 'linear', got {anneal_strategy!r}")
        super().__init__(start, last_epoch, verbose)

    def _cos_annealing(self, start_lr: float, end_lr: float, pct: float) -> float:
        return end_lr + (start_lr - end_lr) / 2.0 * (math.cos(math.pi * pct) + 1)

    def _linear_annealing(self, start_lr: float, end_lr: float, pct: float) -> float:
        return (end_lr - start_lr) * pct + start_lr

    def get_lr(self) -> float:
        """The rate of epoch `last_epoch`. ValueError beyond `total_steps`."""
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(f"OneCycleLR was stepped {step} times, but total_steps is {self.total_steps}")
        begin = 0.0
        for i, end in enumerate(self._ends):
            if step <= end or i == len(self._ends) - 1:
                return self.anneal_func(self._rates[i], self._rates[i + 1], (step - begin) / ((end - begin) or 1.0))
            begin = end
        raise AssertionError("unreachable")


class CyclicLR(LRScheduler):
    """Up from `base_learning_rate` to `max_learning_rate` in `step_size_up` epochs and down again, repeatedly (Smith 2017).

    mode: "triangular", "triangular2" (the height halves each cycle) or "exp_range" (it shrinks by ``exp_gamma`` per
    epoch). A `scale_fn` of the cycle's or the epoch's number (`scale_mode` "cycle" or "iterations") replaces the mode.
    """

    def __init__(
        self,
        base_learning_rate: float,
        max_learning_rate: float,
        step_size_up: int,
        step_size_down: int | None = None,
        mode: str = "triangular",
        exp_gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        _need_type(max_learning_rate, (float, int), "max_learning_rate", "CyclicLR")
        if max_learning_rate < 0:
            raise ValueError(f"max_learning_rate of CyclicLR must not be negative, got {max_learning_rate}")
        for name, size in (("step_size_up", step_size_up), ("step_size_down", step_size_down)):
            if size is None and name == "step_size_down":
                continue
            _need_type(size, int, name, "CyclicLR")
            if size <= 0:  # type: ignore[operator]
                raise ValueError(f"{name} of CyclicLR must be positive, got {size}")
        _need_type(exp_gamma, float, "exp_gamma", "CyclicLR")
        up = float(step_size_up)
        down = up if step_size_down is None else float(step_size_down)
        self.cycle_size = up + down
        self.step_up_pct = up / self.cycle_size
        self.max_lr = float(max_learning_rate)
        self.amplitude = self.max_lr - base_learning_rate
        if scale_fn is None and mode not in ("triangular", "triangular2", "exp_range"):
            raise ValueError(
                f"mode of CyclicLR must be 'triangular', 'triangular2' or 'exp_range' unless scale_fn is given, got {mode!r}"
            )
        if scale_mode not in ("cycle", "iterations"):
            raise ValueError(f"scale_mode of CyclicLR must be 'cycle' or 'iterations', got {scale_mode!r}")
        self.mode, self.gamma = mode, exp_gamma
        if scale_fn is not None:
            self.scale_fn, self.scale_mode = scale_fn, scale_mode
        elif mode == "exp_range":
            self.scale_fn, self.scale_mode = self._exp_range_scale_fn, "iterations"
        else:
            self.scale_fn = self._triangular_scale_fn if mode == "triangular" else self._triangular2_scale_fn
            self.scale_mode = "cycle"
        super().__init__(base_learning_rate, last_epoch, verbose)

    def _triangular_scale_fn(self, x: float) -> float:
        return 1.0

    def _triangular2_scale_fn(self, x: float) -> float:
        return 1 / 2.0 ** (x - 1)

    def _exp_range_scale_fn(self, x: float) -> float:
        return self.gamma**x

    def get_lr(self) -> float:
        """The rate of epoch `last_epoch`."""
        cycle = 1 + self.last_epoch // self.cycle_size
        position = 1.0 + self.last_epoch / self.cycle_size - cycle
        if position <= self.step_up_pct:
            height = position / self.step_up_pct
        else:
            height = (1 - position) / (1 - self.step_up_pct)
        argument = cycle if self.scale_mode == "cycle" else self.last_epoch
        return self.base_lr + self.amplitude * height * self.scale_fn(argument)


class LinearLR(LRScheduler):
    """From ``learning_rate * start_factor`` to ``learning_rate * end_factor`` in `total_steps` epochs."""

    def __init__(
        self,
        learning_rate: float,
        total_steps: int,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        if not 0 < start_factor <= 1.0:
            raise ValueError(f"start_factor of LinearLR must be in (0, 1], got {start_factor}")
        if not 0 <= end_factor <= 1.0:
            raise ValueError(f"end_factor of LinearLR must be in [0, 1], got {end_factor}")
        if total_steps <= 0:
            raise ValueError(f"total_steps of LinearLR must be positive, got {total_steps}")
        self.start_factor, self.end_factor, self.total_steps = start_factor, end_factor, total_steps
        super().__init__(learning_rate, last_epoch, verbose)

    def get_lr(self) -> float:
        """The rate of epoch `last_epoch`, from that of the epoch before."""
        if self.last_epoch == 0:
            return self.base_lr * self.start_factor
        if self.last_epoch > self.total_steps:
            return self.last_lr
        span = self.end_factor - self.start_factor
        return self.last_lr * (1.0 + span / (self.total_steps * self.start_factor + (self.last_epoch - 1) * span))


class CosineAnnealingWarmRestarts(LRScheduler):
    """Down to `eta_min` along half a cosine in `T_0` epochs, then from the start again, each time `T_mult` times as long."""

    def __init__(
        self,
        learning_rate: float,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0,
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"T_0 of CosineAnnealingWarmRestarts must be a positive int, got {T_0!r}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"T_mult of CosineAnnealingWarmRestarts must be an int of at least 1, got {T_mult!r}")
        self.T_0, self.T_i, self.T_mult, self.eta_min = T_0, T_0, T_mult, eta_min
        self.T_cur: float = last_epoch
        super().__init__(learning_rate, last_epoch, verbose)

    def get_lr(self) -> float:
        """The rate at place `T_cur` of a span of `T_i` epochs."""
        return self.eta_min + (self.base_lr - self.eta_min) * (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2

    def step(self, epoch: float | None = None) -> None:
        """Move to the next epoch, or to `epoch`, which may be a fraction. ValueError for a negative one."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur = self.T_cur + 1
            if self.T_cur >= self.T_i:
                self.T_cur = self.T_cur - self.T_i
                self.T_i = self.T_i * self.T_mult
        else:
            if epoch < 0:
                raise ValueError(f"epoch of CosineAnnealingWarmRestarts.step must not be negative, got {epoch}")
            if epoch < self.T_0:
                self.T_i, self.T_cur = self.T_0, epoch
            elif self.T_mult == 1:
                self.T_cur = epoch % self.T_0
            else:
                n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
                self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
                self.T_i = self.T_0 * self.T_mult**n
        self.last_epoch = math.floor(epoch)
        self.last_lr = self.get_lr()
        self._tell()
