"""``paddle.Model``: training, evaluation and prediction of a network in a few lines."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import xp as backend
from ..core.context import context
from ..core.grad_mode import no_grad
from ..framework import io as framework_io
from ..io import DataLoader, Dataset, DistributedBatchSampler
from ..jit import save as jit_save
from ..jit.input_spec import InputSpec
from ..metric import Metric
from ..nn.clip import ClipGradByGlobalNorm, ClipGradByNorm
from ..utils import tree
from .callbacks import EarlyStopping, config_callbacks
from .dynamic_backend import DynamicBackend
from .lists import to_list
from .model_summary import summary
from .static_backend import StaticBackend

__all__ = ["Model"]

_SUFFIXES = (".pdparams", ".pdopt", ".pdmodel")
_SCALER_KEYS = {
    "init_loss_scaling", "incr_ratio", "decr_ratio", "incr_every_n_steps", "decr_every_n_nan_or_inf",
    "use_dynamic_loss_scaling",
}  # fmt: skip
_CAST_KEYS = {"custom_white_list", "custom_black_list"}


class Model:
    """A network with what is needed to train and use it.

    inputs, labels: `InputSpec`s; in dynamic mode they say how many arguments the network takes and what is saved for
    inference, by default all arguments of ``forward``. In static mode (``paddle.enable_static()`` before) inputs are needed;
    TypeError without.
    """

    def __init__(self, network: Any, inputs: Any = None, labels: Any = None) -> None:
        self.mode = "train"
        self.network = network
        self._loss: Any = None
        self._optimizer: Any = None
        self._metrics: list[Any] = []
        self._scaler: Any = None
        self._is_shape_inferred = False
        self._specs_given = bool(inputs)
        self._shapes: Any = None  # of the last batch
        self.stop_training = False
        self._accumulate = 1
        self.num_iters: int | None = None
        static = context.recorder is not None and not context.recorder.tracing
        if static and not isinstance(inputs, (list, tuple, dict, InputSpec)):
            raise TypeError("'inputs' must be list or tuple or dict, and couldn't be None.")
        self._inputs = self._verified(inputs, is_input=True)
        self._labels = self._verified(labels)
        self._adapter: Any = StaticBackend(self) if static else DynamicBackend(self)

    # --- one batch

    def train_batch(self, inputs: Any, labels: Any = None, update: bool = True) -> Any:
        """One training step on one batch. ``update=False`` only adds to the gradients.

        Returns the losses as a list of arrays, or (losses, metrics) if there are metrics.
        """
        result = self._adapter.train_batch(inputs, labels, update)
        self._note_shapes(inputs)
        return result

    @no_grad()
    def eval_batch(self, inputs: Any, labels: Any = None) -> Any:
        """Losses and metrics of one batch, as `train_batch` returns them; only the metrics without a loss."""
        result = self._adapter.eval_batch(inputs, labels)
        self._note_shapes(inputs)
        return result

    @no_grad()
    def predict_batch(self, inputs: Any) -> list[np.ndarray[Any, Any]]:
        """The outputs of the network for one batch, as arrays."""
        result = self._adapter.predict_batch(inputs)
        self._note_shapes(inputs)
        return result

    def _note_shapes(self, inputs: Any) -> None:
        if self._specs_given or self._shapes is not None:
            return
        self._shapes = [(list(x.shape), getattr(x, "dtype", "float32")) for x in to_list(inputs)]
        names = self._argument_names()
        self._inputs = [
            InputSpec(shape, dtype, name) for name, (shape, dtype) in zip(names, self._shapes, strict=False)
        ]  # fmt: skip
        self._is_shape_inferred = True

    # --- files

    def save(self, path: str, training: bool = True) -> None:
        """Write ``path.pdparams`` and ``path.pdopt`` to go on training from, or with ``training=False`` an inference model.

        That is ``path.pdmodel``, ``path.pdiparams`` and ``path.pdiparams.info``, for which the inputs must be known: from the
        constructor or from a batch that was run; RuntimeError otherwise. ValueError for an empty file name.
        """
        path = os.fspath(path)
        if not os.path.basename(path):
            raise ValueError(f"Model.save: the path must end in a file name, as in folder/name; got {path!r}")
        if training:
            self._adapter.save(path)
        else:
            self._adapter.save_inference_model(path)

    def _save_traced(self, path: str) -> None:
        if not self._specs_given and self._shapes is None:
            raise RuntimeError(
                "Saving inference model needs 'inputs' or running before saving. Please specify 'inputs' in Model "
                "initialization or input training data and perform a training for shape derivation."
            )
        if self._is_shape_inferred:
            warnings.warn(
                "'inputs' was not specified when Model initialization, so the input shape to be saved will be the shape "
                "derived from the user's actual inputs. The input shape to be saved is "
                f"{[shape for shape, _ in self._shapes]}. For saving correct input shapes, please provide 'inputs' for Model "
                "initialization.",
                stacklevel=4,
            )
        jit_save(self.network, path, input_spec=self._inputs)

    def load(self, path: str, skip_mismatch: bool = False, reset_optimizer: bool = False) -> None:
        """Take over what `save` wrote, parameters and the state of the optimizer if there is a ``path.pdopt``.

        skip_mismatch: leave parameters that are missing or have another shape as they are, with a warning (and leave the
        optimizer alone) instead of ValueError. reset_optimizer: do not load its state. AssertionError without parameters.
        """
        path = os.fspath(path)
        for suffix in _SUFFIXES:
            path = path.removesuffix(suffix)
        file = path + ".pdparams"
        assert os.path.isfile(file), f"Failed to load parameters, please check path. There is no file {file}"
        state = framework_io.load(file, return_numpy=True, keep_name_table=True)
        table = state.pop("StructuredToParameterName@@", {})
        matched, saved_names = [], {}
        for key, param in self.network.state_dict().items():
            problem = _mismatch(key, param, state.get(key))
            if problem is None:
                matched.append((param, state[key]))
                saved_names[table.get(key, param.name)] = param.name
            elif skip_mismatch:
                warnings.warn(f"Skip loading for {key}. {problem}", stacklevel=2)
                reset_optimizer = True
            else:
                raise ValueError(problem)
        optimizer_state = scaler_state = None
        if not reset_optimizer and os.path.isfile(path + ".pdopt"):
            optimizer_state = _renamed(framework_io.load(path + ".pdopt", return_numpy=True), saved_names)
        if os.path.isfile(path + ".pdscaler"):
            scaler_state = framework_io.load(path + ".pdscaler", return_numpy=True)
        self._adapter.load(matched, optimizer_state, scaler_state)

    # --- settings

    def parameters(self, *args: Any, **kwargs: Any) -> list[Any]:
        """The parameters of the network."""
        return self.network.parameters(*args, **kwargs)

    def prepare(
        self,
        optimizer: Any = None,
        loss: Any = None,
        metrics: Any = None,
        amp_configs: str | dict[str, Any] | None = None,
    ) -> None:
        """Set optimizer, loss (a Layer or function of outputs and labels) and metrics.

        amp_configs: a level of mixed precision ("O0", "O1", "O2") or a dict with "level" and settings of `auto_cast` and
        `GradScaler`. TypeError for a loss that cannot be called, AssertionError for metrics of another kind.
        """
        if loss is not None and not callable(loss):
            raise TypeError("'loss' must be sub classes of `paddle.nn.Layer` or any callable function.")
        self._optimizer, self._loss = optimizer, loss
        self._metrics = to_list(metrics) if metrics else []
        for metric in self._metrics:
            assert isinstance(metric, Metric), f"{type(metric).__name__} is not sub class of Metric"
        self._adapter.amp_level, self._adapter.cast_configs, self._adapter.scaler_configs = self._amp(amp_configs)
        self._adapter.prepare()

    def _amp(self, configs: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
        if not configs:
            return "O0", {}, {}
        if isinstance(configs, str):
            configs = {"level": configs}
        level = configs.get("level", "O1")
        if level not in ("O0", "O1", "O2"):
            raise ValueError(f"The level of amp_configs should be 'O0', 'O1' or 'O2', got {level!r}.")
        clip = getattr(self._optimizer, "_grad_clip", None)
        if level == "O2" and clip is not None:
            assert isinstance(clip, (ClipGradByGlobalNorm, ClipGradByNorm)), (
                "Only ClipGradByNorm and ClipGradByGlobalNorm are supported in amp training with level=O2 currently."
            )
        unknown = set(configs) - {"level"} - _SCALER_KEYS - _CAST_KEYS
        if unknown:
            raise ValueError(
                "Except for 'level', the keys of 'amp_configs' must be accepted by mixed precision APIs, but "
                f"{tuple(sorted(unknown))} could not be recognized."
            )
        if level == "O0":
            return level, {}, {}
        cast = {k: v for k, v in configs.items() if k in _CAST_KEYS}
        return level, cast, {k: v for k, v in configs.items() if k in _SCALER_KEYS}

    # --- runs

    def _loader(self, data: Any, batch_size: int, num_workers: int, shuffle: bool = False, drop_last: bool = False) -> Any:
        if not isinstance(data, Dataset):
            return data
        sampler = DistributedBatchSampler(data, batch_size=batch_size, shuffle=shuffle, drop_last=drop_last)
        return DataLoader(
            data, batch_sampler=sampler, places=backend.current_place(), num_workers=num_workers, return_list=True
        )

    def fit(
        self,
        train_data: Any = None,
        eval_data: Any = None,
        batch_size: int | Sequence[int] = 1,
        epochs: int = 1,
        eval_freq: int = 1,
        log_freq: int = 10,
        save_dir: str | None = None,
        save_freq: int = 1,
        verbose: int = 2,
        drop_last: bool = False,
        shuffle: bool = True,
        num_workers: int = 0,
        callbacks: Any = None,
        accumulate_grad_batches: int = 1,
        num_iters: int | None = None,
    ) -> None:
        """Train for `epochs` passes over `train_data`, evaluating on `eval_data` every `eval_freq` of them.

        train_data, eval_data: a Dataset, or an iterable of batches such as a DataLoader (then batch_size, drop_last,
        shuffle and num_workers do not apply). batch_size: one number, or one each for training and evaluation. log_freq:
        batches between reports. save_dir: where checkpoints go, every `save_freq` epochs. verbose: 0 silent, 1 a progress
        bar, 2 lines, 3 lines with times. accumulate_grad_batches: batches per update. num_iters: stop after so many batches.
        """
        assert train_data is not None, "train_data must be given!"
        if isinstance(batch_size, (tuple, list)):
            assert len(batch_size) == 2, "batch_size length error, expected train_batch_size and eval_batch_size."
            train_size, eval_size = batch_size
        else:
            train_size = eval_size = batch_size  # type: ignore[assignment]
        train_loader = self._loader(train_data, train_size, num_workers, shuffle, drop_last)
        eval_loader = None if eval_data is None else self._loader(eval_data, eval_size, num_workers)
        self._accumulate = accumulate_grad_batches
        steps = _length(train_loader)
        self.num_iters = num_iters
        if isinstance(num_iters, int):
            assert num_iters > 0, "num_iters must be greater than 0!"
            if steps is not None:
                epochs = num_iters // steps + 1
                steps = min(num_iters, steps)
        self.stop_training = False
        run = config_callbacks(
            callbacks, model=self, epochs=epochs, steps=steps, log_freq=log_freq, save_freq=save_freq, save_dir=save_dir,
            verbose=verbose, metrics=self._metrics_name(),
        )  # fmt: skip
        if eval_loader is None and any(isinstance(c, EarlyStopping) for c in run):
            warnings.warn("EarlyStopping needs validation data.", stacklevel=2)
        run.on_begin("train")
        logs: dict[str, Any] = {}
        for epoch in range(epochs):
            run.on_epoch_begin(epoch)
            logs, _ = self._run_one_epoch(train_loader, run, "train")
            run.on_epoch_end(epoch, logs)
            if eval_loader is not None and epoch % eval_freq == 0:
                run.on_begin("eval", {"steps": _length(eval_loader), "metrics": self._metrics_name()})
                eval_logs, _ = self._run_one_epoch(eval_loader, run, "eval")
                run.on_end("eval", eval_logs)
            if self.stop_training:
                break
        run.on_end("train", logs)

    def evaluate(
        self,
        eval_data: Any,
        batch_size: int = 1,
        log_freq: int = 10,
        verbose: int = 2,
        num_workers: int = 0,
        callbacks: Any = None,
        num_iters: int | None = None,
    ) -> dict[str, Any]:
        """Loss and metrics over `eval_data`, by name; the loss is that of the last batch, as a list. Arguments as in `fit`."""
        loader = self._loader(eval_data, batch_size, num_workers)
        run = config_callbacks(callbacks, model=self, log_freq=log_freq, verbose=verbose, metrics=self._metrics_name())
        steps = _length(loader)
        self.num_iters = num_iters
        if isinstance(num_iters, int):
            assert num_iters > 0, "num_iters must be greater than 0!"
            steps = num_iters if steps is None else min(num_iters, steps)
            self.num_iters = steps
        run.on_begin("eval", {"steps": steps, "metrics": self._metrics_name()})
        logs, _ = self._run_one_epoch(loader, run, "eval")
        run.on_end("eval", logs)
        return {name: logs[name] for name in self._metrics_name() if name in logs}

    def predict(
        self,
        test_data: Any,
        batch_size: int = 1,
        num_workers: int = 0,
        stack_outputs: bool = False,
        verbose: int = 1,
        callbacks: Any = None,
    ) -> list[Any]:
        """Per output of the network a tuple with one array per batch, or with `stack_outputs` one array of all rows."""
        loader = self._loader(test_data, batch_size, num_workers)
        run = config_callbacks(callbacks, model=self, verbose=verbose)
        self.num_iters = None
        logs: dict[str, Any] = {"steps": _length(loader)}
        run.on_begin("predict", logs)
        logs, batches = self._run_one_epoch(loader, run, "predict")
        outputs: list[Any] = list(zip(*batches, strict=False))
        if stack_outputs:
            outputs = [np.vstack(parts) for parts in outputs]
        run.on_end("predict", logs)
        return outputs

    def _run_one_epoch(self, loader: Any, run: Any, mode: str) -> tuple[dict[str, Any], list[Any]]:
        """One pass over the data; the last logs, and for "predict" the outputs of each batch."""
        logs: dict[str, Any] = {}
        outputs = []
        total = _length(loader)
        taken = len(self._inputs)
        for step, batch in enumerate(loader):
            data = tree.flatten(batch)
            run.on_batch_begin(mode, step, logs)
            if mode == "predict":
                outputs.append(self.predict_batch(data[:taken]))
            else:
                if mode == "train":
                    update = (step + 1) % self._accumulate == 0 or step + 1 == total
                    result = self.train_batch(data[:taken], data[taken:], update)
                else:
                    result = self.eval_batch(data[:taken], data[taken:])
                values: list[Any] = []
                if self._loss:
                    losses = result[0] if self._metrics else result
                    values.append([float(np.asarray(v).reshape(-1)[0]) for v in losses])
                for metric in self._metrics:
                    values.extend(to_list(metric.accumulate()))
                names = self._metrics_name()
                assert len(names) == len(values), f"the metrics have the names {names}, but {len(values)} values"
                logs.update(zip(names, values, strict=True))
            logs["step"] = step
            logs["batch_size"] = data[0].shape[0]
            run.on_batch_end(mode, step, logs)
            if self.num_iters is not None:
                self.num_iters -= 1
                if self.num_iters <= 0:
                    self.stop_training = True
                    self.num_iters = None
                    break
        for metric in self._metrics:
            metric.reset()
        return logs, outputs

    def summary(self, input_size: Any = None, dtype: Any = None) -> dict[str, int]:
        """As ``paddle.summary`` of the network; `input_size` is that of the inputs unless given."""
        assert input_size is not None or self._specs_given or self._shapes is not None, (
            "'input_size' or 'self._input' must be set"
        )
        return summary(self.network, self._inputs if input_size is None else input_size, dtypes=dtype)

    # --- helpers

    def _argument_names(self) -> list[str]:
        forward = self.network.forward
        forward = getattr(forward, "_function", getattr(forward, "dygraph_function", forward))
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return [n for n, p in inspect.signature(forward).parameters.items() if p.kind in kinds and n != "self"]

    def _verified(self, specs: Any, is_input: bool = False) -> list[Any]:
        if specs is None:
            return [InputSpec([None], name=name) for name in self._argument_names()] if is_input else []
        if isinstance(specs, dict):
            specs = [specs[name] for name in self._argument_names()]
        specs = to_list(specs)
        for i, spec in enumerate(specs):
            assert isinstance(spec, InputSpec), f"specification {i} must be an InputSpec, got {type(spec).__name__}"
            if spec.name is None:
                raise ValueError(f"Requires Input[{i}].name != None, but receive `None` with {spec}.")
        return specs

    def _metrics_name(self) -> list[str]:
        names = ["loss"] if self._loss else []
        for metric in self._metrics:
            names += to_list(metric.name())
        return names


def _length(loader: Any) -> int | None:
    try:
        return len(loader)
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        return None


def _mismatch(key: str, param: Any, value: Any) -> str | None:
    if value is None:
        return f"{key} is not found in the providing file."
    shape = list(getattr(param, "static_shape", param.shape))
    if list(value.shape) != shape:
        return f"{key} receives a shape {list(value.shape)}, but the expected shape is {shape}."
    return None


def _renamed(state: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Optimizer state of parameters that were called otherwise when it was saved."""
    longest = sorted(names, key=len, reverse=True)

    def own(key: str) -> str:
        for name in longest:
            if key.startswith(name + "_"):
                return names[name] + key[len(name) :]
        return key

    renamed: dict[str, Any] = {}
    for key, value in state.items():
        if key == "master_weights":
            value = {names.get(name, name): v for name, v in value.items()}
        renamed[own(key)] = value
    return renamed

