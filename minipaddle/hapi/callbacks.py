"""What can happen during ``Model.fit``, ``evaluate`` and ``predict``: ``paddle.callbacks``."""

from __future__ import annotations

import numbers
import os
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..optimizer import lr
from .progressbar import ProgressBar

__all__ = [
    "Callback", "CallbackList", "EarlyStopping", "LRScheduler", "ModelCheckpoint", "ProgBarLogger", "ReduceLROnPlateau",
    "TensorBoard", "VisualDL", "WandbCallback", "config_callbacks",
]  # fmt: skip

Logs = dict[str, Any]


def config_callbacks(
    callbacks: Any = None,
    model: Any = None,
    batch_size: int | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    log_freq: int = 2,
    verbose: int = 2,
    save_freq: int = 1,
    save_dir: str | None = None,
    metrics: Any = None,
    mode: str = "train",
) -> CallbackList:
    """The callbacks of one run: the user's, and a logger, checkpoints and scheduler steps where these are missing."""
    chosen = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []
    if verbose and not any(isinstance(c, ProgBarLogger) for c in chosen):
        chosen = [ProgBarLogger(log_freq, verbose=verbose), *chosen]
    if not any(isinstance(c, ModelCheckpoint) for c in chosen):
        chosen.append(ModelCheckpoint(save_freq, save_dir))
    for c in chosen:
        if isinstance(c, EarlyStopping):
            c.save_dir = save_dir
    if not any(isinstance(c, LRScheduler) for c in chosen):
        chosen.append(LRScheduler())
    made = CallbackList(chosen)
    made.set_model(model)
    made.set_params({
        "batch_size": batch_size, "epochs": epochs, "steps": steps, "verbose": verbose,
        "metrics": (metrics or []) if mode != "test" else [],
    })  # fmt: skip
    return made


class CallbackList:
    """Several callbacks called one after the other."""

    def __init__(self, callbacks: Any = None) -> None:
        self.callbacks = list(callbacks or [])
        self.params: Logs = {}
        self.model: Any = None

    def append(self, callback: Callback) -> None:
        """Add one at the end."""
        self.callbacks.append(callback)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.callbacks)

    def set_params(self, params: Logs) -> None:
        """Tell all of them the settings of the run."""
        self.params = params
        for c in self.callbacks:
            c.set_params(params)

    def set_model(self, model: Any) -> None:
        """Tell all of them the Model."""
        self.model = model
        for c in self.callbacks:
            c.set_model(model)

    def _call(self, name: str, *args: Any) -> None:
        for c in self.callbacks:
            getattr(c, name)(*args)

    def _check_mode(self, mode: str) -> None:
        assert mode in ("train", "eval", "predict"), f"mode should be train, eval or predict, got {mode!r}"

    def on_begin(self, mode: str, logs: Logs | None = None) -> None:
        """A run of this mode begins."""
        self._check_mode(mode)
        self._call(f"on_{mode}_begin", logs)

    def on_end(self, mode: str, logs: Logs | None = None) -> None:
        """A run of this mode ends."""
        self._check_mode(mode)
        self._call(f"on_{mode}_end", logs)

    def on_epoch_begin(self, epoch: int | None = None, logs: Logs | None = None) -> None:
        """A pass over the training data begins."""
        self._call("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch: int | None = None, logs: Logs | None = None) -> None:
        """A pass over the training data ends."""
        self._call("on_epoch_end", epoch, logs)

    def on_batch_begin(self, mode: str, step: int | None = None, logs: Logs | None = None) -> None:
        """A batch begins."""
        self._check_mode(mode)
        self._call(f"on_{mode}_batch_begin", step, logs)

    def on_batch_end(self, mode: str, step: int | None = None, logs: Logs | None = None) -> None:
        """A batch ends."""
        self._check_mode(mode)
        self._call(f"on_{mode}_batch_end", step, logs)


class Callback:
    """Base of all callbacks: override what you need. `self.model` is the Model, `self.params` the settings of the run.

    `logs` holds "loss" (a list), the metrics by name, and "step" and "batch_size" at batches.
    """

    def __init__(self) -> None:
        self.model: Any = None
        self.params: Logs = {}

    def set_params(self, params: Logs) -> None:
        """Take the settings: batch_size, epochs, steps, verbose, metrics."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Take the Model."""
        self.model = model

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """`fit` begins."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """`fit` ends."""

    def on_eval_begin(self, logs: Logs | None = None) -> None:
        """An evaluation begins; logs: steps, metrics."""

    def on_eval_end(self, logs: Logs | None = None) -> None:
        """An evaluation ends."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """`predict` begins; logs: steps."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """`predict` ends."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """A pass over the training data begins."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """A pass over the training data ends."""

    def on_train_batch_begin(self, step: int, logs: Logs | None = None) -> None:
        """A training batch begins."""

    def on_train_batch_end(self, step: int, logs: Logs | None = None) -> None:
        """A training batch ends."""

    def on_eval_batch_begin(self, step: int, logs: Logs | None = None) -> None:
        """A batch of an evaluation begins."""

    def on_eval_batch_end(self, step: int, logs: Logs | None = None) -> None:
        """A batch of an evaluation ends."""

    def on_predict_batch_begin(self, step: int, logs: Logs | None = None) -> None:
        """A batch of `predict` begins."""

    def on_predict_batch_end(self, step: int, logs: Logs | None = None) -> None:
        """A batch of `predict` ends."""


class _Pass:
    """One pass over the data as the logger sees it: the bar, counts and times."""

    def __init__(self, steps: int | None, metrics: Any, verbose: int) -> None:
        self.steps, self.metrics, self.verbose = steps, metrics, verbose
        self.bar = ProgressBar(num=steps, verbose=verbose)
        self.step = self.samples = 0
        self.clear()
        self.waiting_since = time.time()
        self.working_since = self.waiting_since

    def clear(self) -> None:
        """Begin to count times anew."""
        self.data_time = self.batch_time = 0.0
        self.count = self.recent = 0

    def batch_begin(self) -> None:
        """The data of a batch is there."""
        self.working_since = time.time()
        self.data_time += self.working_since - self.waiting_since

    def batch_end(self, size: int) -> None:
        """A batch of so many samples is done."""
        self.waiting_since = time.time()
        self.batch_time += self.waiting_since - self.working_since
        self.step += 1
        self.count += 1
        self.samples += size
        self.recent += size

    def report(self, logs: Logs) -> None:
        """Show where the pass is."""
        values = [(k, logs[k]) for k in self.metrics if k in logs]
        if self.verbose == 3:
            count = max(self.count, 1)
            values += [
                ("avg_reader_cost", f"{self.data_time / count:.5f} sec"),
                ("avg_batch_cost", f"{self.batch_time / count:.5f} sec"),
                ("ips", f"{max(self.recent, 1) / max(self.data_time + self.batch_time, 1e-9):.5f} samples/sec"),
            ]
            self.clear()
        self.bar.update(self.step, values)


class ProgBarLogger(Callback):
    """Shows loss and metrics every `log_freq` batches.

    verbose: 0 nothing; 1 a bar (by tqdm, the extra `progress`; lines without it); 2 a line per report; 3 lines with times.
    """

    def __init__(self, log_freq: int = 1, verbose: int = 2) -> None:
        super().__init__()
        self.log_freq, self.verbose = log_freq, verbose
        self.epochs: int | None = None
        self.steps: int | None = None
        self._train: _Pass | None = None
        self._eval: _Pass | None = None
        self._test: _Pass | None = None

    def _is_print(self) -> bool:
        return bool(self.verbose)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Say what the numbers mean."""
        self.epochs = self.params["epochs"]
        if self._is_print():
            print(
                "The loss value printed in the log is the current step, and the metric is the average value of previous "
                "steps."
            )

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Begin a new bar."""
        self.steps = self.params["steps"]
        if self.epochs and self._is_print():
            print(f"Epoch {epoch + 1}/{self.epochs}")
        self._train = _Pass(self.steps, self.params["metrics"], self.verbose)

    def _batch_end(self, progress: _Pass | None, logs: Logs | None) -> None:
        assert progress is not None
        logs = logs or {}
        progress.batch_end(logs.get("batch_size", 1))
        if self._is_print() and progress.step % self.log_freq == 0:
            # the last step is shown at the end
            if progress.steps is None or progress.step < progress.steps:
                progress.report(logs)

    def on_train_batch_begin(self, step: int, logs: Logs | None = None) -> None:
        """Take the time."""
        if self._train is not None:
            self._train.batch_begin()

    def on_train_batch_end(self, step: int, logs: Logs | None = None) -> None:
        """Report every `log_freq` batches."""
        self._batch_end(self._train, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Report the last batch."""
        assert self._train is not None
        if self._is_print() and self._train.steps is not None:
            self._train.report(logs or {})
        self._train.bar.close()

    def on_eval_begin(self, logs: Logs | None = None) -> None:
        """Begin a new bar."""
        logs = logs or {}
        if self._is_print():
            print("Eval begin...")
        self._eval = _Pass(logs.get("steps"), logs.get("metrics", []), self.verbose)

    def on_eval_batch_begin(self, step: int, logs: Logs | None = None) -> None:
        """Take the time."""
        if self._eval is not None:
            self._eval.batch_begin()

    def on_eval_batch_end(self, step: int, logs: Logs | None = None) -> None:
        """Report every `log_freq` batches."""
        self._batch_end(self._eval, logs)

    def on_eval_end(self, logs: Logs | None = None) -> None:
        """Report the last batch and the number of samples."""
        assert self._eval is not None
        if self._is_print() and self._eval.steps is not None:
            self._eval.report(logs or {})
            self._eval.bar.close()
            print(f"Eval samples: {self._eval.samples}")
        self._eval.bar.close()

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Begin a new bar."""
        logs = logs or {}
        if self._is_print():
            print("Predict begin...")
        self._test = _Pass(logs.get("steps"), logs.get("metrics", []), self.verbose)

    def on_predict_batch_begin(self, step: int, logs: Logs | None = None) -> None:
        """Take the time."""
        if self._test is not None:
            self._test.batch_begin()

    def on_predict_batch_end(self, step: int, logs: Logs | None = None) -> None:
        """Report every `log_freq` batches."""
        self._batch_end(self._test, logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Report the last batch and the number of samples."""
        assert self._test is not None
        if self._is_print():
            if self._test.step % self.log_freq != 0 or self.verbose == 1:
                self._test.report(logs or {})
            self._test.bar.close()
            print(f"Predict samples: {self._test.samples}")
        self._test.bar.close()


class ModelCheckpoint(Callback):
    """Saves the Model as ``<save_dir>/<epoch>`` every `save_freq` epochs, and as ``<save_dir>/final`` at the end."""

    def __init__(self, save_freq: int = 1, save_dir: str | None = None) -> None:
        super().__init__()
        self.save_freq, self.save_dir = save_freq, save_dir

    def _save(self, name: str) -> None:
        path = f"{self.save_dir}/{name}"
        print(f"save checkpoint at {os.path.abspath(path)}")
        self.model.save(path)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save every `save_freq` epochs."""
        if self.model and self.save_dir and epoch % self.save_freq == 0:
            self._save(str(epoch))

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Save the last state."""
        if self.model and self.save_dir:
            self._save("final")


class LRScheduler(Callback):
    """Steps the optimizer's scheduler after each batch (`by_step`) or each epoch (`by_epoch`). ValueError for both."""

    def __init__(self, by_step: bool = True, by_epoch: bool = False) -> None:
        super().__init__()
        if by_step and by_epoch:
            raise ValueError("by_step and by_epoch of the LRScheduler callback exclude each other")
        self.by_step, self.by_epoch = by_step, by_epoch

    def _step(self) -> None:
        rate = getattr(self.model._optimizer, "_learning_rate", None)
        if isinstance(rate, lr.LRScheduler):
            rate.step()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Step if `by_epoch`."""
        if self.by_epoch:
            self._step()

    def on_train_batch_end(self, step: int, logs: Logs | None = None) -> None:
        """Step if `by_step`."""
        if self.by_step:
            self._step()


def _watched(callback: Any, logs: Logs | None) -> float | None:
    """The value of the metric a callback watches, None (with a warning) if there is none."""
    if logs is None or callback.monitor not in logs:
        warnings.warn(
            f"Monitor of {type(callback).__name__} should be loss or metric name; {callback.monitor!r} is not among "
            f"{sorted(logs or {})}.",
            stacklevel=3,
        )
        return None
    value = logs[callback.monitor]
    if isinstance(value, (list, tuple)):
        value = value[0]
    return value if isinstance(value, numbers.Number) else None  # type: ignore[return-value]


class EarlyStopping(Callback):
    """Stops training when a metric of the evaluation has not improved for `patience` evaluations.

    monitor: its name. mode: "min", "max", or "auto" (max for names with "acc"). min_delta: smaller changes do not count.
    baseline: a value to improve on. save_best_model: save the best one as ``<save_dir>/best_model``.
    """

    def __init__(
        self,
        monitor: str = "loss",
        mode: str = "auto",
        patience: int = 0,
        verbose: int = 1,
        min_delta: float = 0,
        baseline: float | None = None,
        save_best_model: bool = True,
    ) -> None:
        super().__init__()
        self.monitor, self.patience, self.verbose, self.baseline = monitor, patience, verbose, baseline
        self.wait_epoch = self.stopped_epoch = 0
        self.save_best_model = save_best_model
        self.save_dir: str | None = None
        self.best_weights = None
        if mode not in ("auto", "min", "max"):
            warnings.warn(f"EarlyStopping mode {mode} is unknown, fallback to auto mode.", stacklevel=2)
            mode = "auto"
        larger = mode == "max" or (mode == "auto" and "acc" in monitor)
        self.monitor_op: Any = np.greater if larger else np.less
        self.min_delta = abs(min_delta) if larger else -abs(min_delta)
        self.best_value: Any = self._worst()

    def _worst(self) -> float:
        if self.baseline is not None:
            return self.baseline
        return -np.inf if self.monitor_op is np.greater else np.inf

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget the last run."""
        self.wait_epoch = 0
        self.best_value = self._worst()

    def on_eval_end(self, logs: Logs | None = None) -> None:
        """Compare with the best value so far."""
        current = _watched(self, logs)
        if current is None:
            return
        if self.monitor_op(current - self.min_delta, self.best_value):
            self.best_value = current
            self.wait_epoch = 0
            if self.save_best_model and self.save_dir is not None:
                self.model.save(os.path.join(self.save_dir, "best_model"))
        else:
            self.wait_epoch += 1
        if self.wait_epoch >= self.patience:
            self.model.stop_training = True
            if self.verbose > 0:
                print(f"Epoch {self.stopped_epoch + 1}: Early stopping.")
                if self.save_best_model and self.save_dir is not None:
                    path = os.path.abspath(os.path.join(self.save_dir, "best_model"))
                    print(f"Best checkpoint has been saved at {path}")
        self.stopped_epoch += 1


class ReduceLROnPlateau(Callback):
    """Multiplies the learning rate by `factor` when a metric has not improved for `patience` evaluations.

    It works with a plain float as rate. monitor, mode, min_delta: as in `EarlyStopping`. cooldown: evaluations to wait
    afterwards. min_lr: never below. ValueError for a factor of 1 or more.
    """

    def __init__(
        self,
        monitor: str = "loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 1,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0,
    ) -> None:
        super().__init__()
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau does not support a factor >= 1.0, got {factor}")
        self.monitor, self.factor, self.patience, self.verbose = monitor, factor, patience, verbose
        self.min_delta, self.cooldown, self.min_lr = min_delta, cooldown, min_lr
        if mode not in ("auto", "min", "max"):
            warnings.warn(f"Learning rate reduction mode {mode} is unknown, fallback to auto mode.", stacklevel=2)
            mode = "auto"
        self.mode = mode
        self.epoch = 0
        self._reset()

    def _reset(self) -> None:
        self._smaller = self.mode == "min" or (self.mode == "auto" and "acc" not in self.monitor)
        self.best: Any = np.inf if self._smaller else -np.inf
        self.cooldown_counter = self.wait = 0

    def monitor_op(self, current: float, best: float) -> bool:
        """Whether `current` is an improvement on `best`."""
        return current < best - self.min_delta if self._smaller else current > best + self.min_delta

    def in_cooldown(self) -> bool:
        """Whether it still waits after a reduction."""
        return self.cooldown_counter > 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget the last run."""
        self._reset()

    def on_eval_end(self, logs: Logs | None = None) -> None:
        """Compare with the best value so far and reduce the rate if need be."""
        current = _watched(self, logs)
        if current is None:
            return
        optimizer = self.model._optimizer
        rate = getattr(optimizer, "_learning_rate", None)
        if not isinstance(rate, float):
            warnings.warn(
                f"ReduceLROnPlateau needs a float as learning rate, got {type(rate).__name__}; use lr.ReduceOnPlateau or "
                "another scheduler instead.",
                stacklevel=2,
            )
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.monitor_op(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and rate > self.min_lr:
                lower = max(rate * self.factor, self.min_lr)
                optimizer.set_lr(lower)
                if self.verbose > 0:
                    print(f"\nEpoch {self.epoch + 1}: ReduceLROnPlateau reducing learning rate to {lower}.")
                self.cooldown_counter = self.cooldown
                self.wait = 0
        self.epoch += 1


def _missing(package: str, purpose: str) -> ImportError:
    return ImportError(f"{purpose} needs the package {package!r}, which is not installed: pip install {package}")


class _Writer(Callback):
    """Base of callbacks that write loss and metrics of each step and evaluation to a log."""

    def __init__(self) -> None:
        super().__init__()
        self.epoch = self.train_step = 0
        self._fitting = False
        self._eval_metrics: Any = []

    def _write(self, tag: str, step: int, value: float) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError

    def _log(self, mode: str, metrics: Any, step: int, logs: Logs | None) -> None:
        for k in metrics:
            value = (logs or {}).get(k)
            if isinstance(value, (list, tuple)):
                value = value[0]
            if isinstance(value, numbers.Number):
                self._write(f"{mode}/{k}", step, value)  # type: ignore[arg-type]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Count steps from 0."""
        self._fitting, self.train_step = True, 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Note the epoch."""
        self.epoch = epoch

    def on_train_batch_end(self, step: int, logs: Logs | None = None) -> None:
        """Write the step."""
        self.train_step += 1
        self._log("train", self.params["metrics"], self.train_step, logs)

    def on_eval_begin(self, logs: Logs | None = None) -> None:
        """Note which metrics there will be."""
        self._eval_metrics = (logs or {}).get("metrics", [])

    def on_eval_end(self, logs: Logs | None = None) -> None:
        """Write the evaluation."""
        self._log("eval", self._eval_metrics, self.epoch, logs)
        if not self._fitting:
            self._close()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the log."""
        self._fitting = False
        self._close()


class VisualDL(_Writer):
    """Writes loss and metrics for VisualDL into `log_dir`. ImportError where the package visualdl is missing."""

    def __init__(self, log_dir: str) -> None:
        super().__init__()
        self.log_dir = log_dir
        self._writer: Any = None

    def _open(self) -> Any:
        try:
            import visualdl  # type: ignore[import-not-found]
        except ImportError:
            raise _missing("visualdl", "the callback VisualDL") from None
        return visualdl.LogWriter(self.log_dir)

    def _write(self, tag: str, step: int, value: float) -> None:
        if self._writer is None:
            self._writer = self._open()
        self._writer.add_scalar(tag=tag, step=step, value=value)

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class TensorBoard(VisualDL):
    """Writes loss and metrics for TensorBoard into `log_dir`, through the package tensorboardX or torch."""

    def _open(self) -> Any:
        try:
            from tensorboardX import SummaryWriter  # type: ignore[import-not-found]
        except ImportError:
            try:
                from torch.utils.tensorboard import SummaryWriter  # type: ignore[import-not-found]
            except ImportError:
                raise _missing("tensorboardX", "the callback TensorBoard") from None
        return SummaryWriter(self.log_dir)

    def _write(self, tag: str, step: int, value: float) -> None:
        if self._writer is None:
            self._writer = self._open()
        self._writer.add_scalar(tag, value, step)


class WandbCallback(_Writer):
    """Writes loss and metrics to Weights & Biases; the arguments are those of ``wandb.init``.

    ImportError where the package wandb is missing. A run that is in progress already is used, with a warning.
    """

    def __init__(
        self,
        project: str | None = None,
        entity: str | None = None,
        name: str | None = None,
        dir: str | None = None,
        mode: str | None = None,
        job_type: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        try:
            import wandb  # type: ignore[import-not-found]
        except ImportError:
            raise _missing("wandb", "WandbCallback") from None
        self.wandb = wandb
        self.wandb_args = {
            "project": project, "entity": entity, "name": name, "dir": dir, "mode": mode, "job_type": job_type, **kwargs,
        }  # fmt: skip
        self._run: Any = None
        self._pending: Logs = {}
        _ = self.run

    @property
    def run(self) -> Any:
        """The run, begun at first use."""
        if self._run is None:
            if self.wandb.run is not None:
                warnings.warn(
                    "a wandb run is in progress and is used; call wandb.finish() before to begin a new one", stacklevel=3
                )
                self._run = self.wandb.run
            else:
                self._run = self.wandb.init(**self.wandb_args)
        return self._run

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Say which axis belongs to which numbers."""
        super().on_train_begin(logs)
        self.run.define_metric("train/step")
        self.run.define_metric("train/*", step_metric="train/step")
        self.run.define_metric("epoch")
        self.run.define_metric("eval/*", step_metric="epoch")

    def _log(self, mode: str, metrics: Any, step: int, logs: Logs | None) -> None:
        self._pending = {"train/step" if mode == "train" else "epoch": step}
        super()._log(mode, metrics, step, logs)
        self.run.log(self._pending)

    def _write(self, tag: str, step: int, value: float) -> None:
        self._pending[tag] = value

    def _close(self) -> None:
        if self._run is not None:
            self._run.finish()
            self._run = None
