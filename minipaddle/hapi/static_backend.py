"""Model in static mode: one Program each for training, evaluation and prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import xp as backend
from ..core.dispatch import call
from ..core.program import Program
from ..errors import NotSupportedError
from ..framework import io as framework_io
from ..ops import elementwise as E
from ..static.executor import Executor
from ..static.io import save_inference_model
from ..static.program import data, default_main_program, default_startup_program, global_scope, program_guard
from .lists import to_list

if TYPE_CHECKING:
    from .model import Model

__all__ = ["StaticBackend"]


class StaticBackend:
    """Runs batches of a `Model` through an Executor."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.amp_level = "O0"
        self.cast_configs: dict[str, Any] = {}
        self.scaler_configs: dict[str, Any] = {}
        self._origin, self._startup = default_main_program(), default_startup_program()
        self._programs: dict[str, Program] = {}
        self._inputs: dict[str, list[Any]] = {}
        self._labels: dict[str, list[Any]] = {}
        self._outputs: dict[str, list[Any]] = {}
        self._losses: dict[str, list[Any]] = {}
        self._metrics: dict[str, list[list[Any]]] = {}
        self._executor: Executor | None = None

    def prepare(self) -> None:
        """Write the Programs and give parameters their first values."""
        if self.amp_level != "O0":
            raise NotSupportedError("Model in static mode has no mixed precision; use dynamic mode, or amp_configs=None")
        for mode in ("train", "eval", "test"):
            if mode not in self._programs:
                self._write(mode)
        if self._executor is None:
            self._executor = Executor(backend.current_place())
            self._start()

    def _write(self, mode: str) -> None:
        model = self.model
        program = self._origin.clone()
        if mode != "train":
            program.global_block().ops.clear()
        model.mode = mode
        if mode == "train":
            model.network.train()
        else:
            model.network.eval()
        with program_guard(program, self._startup):
            inputs = [data(s.name, s.shape, s.dtype) for s in model._inputs]
            labels = [data(s.name, s.shape, s.dtype) for s in model._labels]
            outputs = to_list(model.network(*inputs))
            losses: list[Any] = []
            metrics: list[list[Any]] = []
            if mode != "test":
                if model._loss:
                    losses = to_list(model._loss(*outputs, *labels))
                metrics = [to_list(m.compute(*outputs, *labels)) for m in model._metrics]
            if mode == "train" and model._optimizer is not None and losses:
                model._optimizer.minimize(call(E.sum_, losses))
        self._programs[mode] = program if mode == "train" else program.clone(for_test=True)
        self._inputs[mode], self._labels[mode] = inputs, labels
        self._outputs[mode], self._losses[mode], self._metrics[mode] = outputs, losses, metrics

    def _start(self) -> None:
        """Run those operators of the startup Program whose variables have no value yet."""
        scope = global_scope()
        program = self._startup.clone()
        block = program.global_block()
        block.ops = [op for op in block.ops if any(scope.tensor(n) is None for n in op.output_arg_names)]
        program.touch()
        if block.ops:
            assert self._executor is not None
            self._executor.run(program)

    def _run(self, mode: str, inputs: Any, labels: Any) -> Any:
        model = self.model
        model.mode = mode
        assert self._executor is not None, "Model is not ready, please call `model.prepare()` first"
        given = to_list(inputs)
        assert len(given) == len(self._inputs[mode]), (
            f"number of inputs does not match number of arguments of `forward` method: got {len(given)}, expected "
            f"{len(self._inputs[mode])}"
        )
        feed = {v.name: x for v, x in zip(self._inputs[mode], given, strict=True)}
        feed |= {v.name: x for v, x in zip(self._labels[mode], to_list(labels), strict=False)}
        metrics = self._metrics[mode]
        if mode == "test":
            wanted = list(self._outputs[mode])
        else:
            wanted = self._losses[mode] + [v for row in metrics for v in row]
        # a metric may hand a label through, which no operator makes
        made = [v for v in wanted if v.name not in feed]
        values = iter(self._executor.run(self._programs[mode], feed=feed, fetch_list=made))
        results = [np.asarray(feed[v.name]) if v.name in feed else next(values) for v in wanted]
        if mode == "test":
            return results
        losses = results[: len(self._losses[mode])]
        rest = iter(results[len(losses) :])
        found = [m.update(*[next(rest) for _ in row]) for m, row in zip(model._metrics, metrics, strict=True)]
        if losses and found:
            return losses, found
        return losses or found

    def train_batch(self, inputs: Any, labels: Any, update: bool) -> Any:
        """One run of the training Program."""
        assert self.model._optimizer, "model not ready, please call `model.prepare()` first"
        assert update is True, "Does not support `update == False` in static graph mode by now."
        return self._run("train", inputs, labels)

    def eval_batch(self, inputs: Any, labels: Any) -> Any:
        """One run of the evaluation Program."""
        return self._run("eval", inputs, labels)

    def predict_batch(self, inputs: Any) -> list[np.ndarray[Any, Any]]:
        """One run of the prediction Program."""
        return self._run("test", inputs, None)

    def _state_names(self) -> list[str]:
        """Variables of the optimizer in the training Program."""
        optimizer = self.model._optimizer
        if optimizer is None or "train" not in self._programs:
            return []
        names = [v.name for kept in optimizer._accumulators.values() for v in kept.values()]
        names += [v.name for v in optimizer._master_weights.values()]
        return names + [v.name for v in optimizer._learning_rate_map.values()]

    def save(self, path: str) -> None:
        """Write .pdparams (by structured names) and .pdopt (by variable names)."""
        scope = global_scope()

        def value(name: str) -> np.ndarray[Any, Any]:
            t = scope.tensor(name)
            assert t is not None, f"variable {name!r} has no value yet; call `model.prepare()` first"
            return t.numpy()

        state = self.model.network.state_dict()
        saved: dict[str, Any] = {k: value(v.name) for k, v in state.items()}
        saved["StructuredToParameterName@@"] = {k: v.name for k, v in state.items()}  # for a model whose parameters have other names
        framework_io.save(saved, path + ".pdparams")
        names = self._state_names()
        if names:
            framework_io.save({name: value(name) for name in names}, path + ".pdopt")

    def save_inference_model(self, path: str) -> None:
        """Write the prediction Program with its parameters."""
        assert "test" in self._programs and self._executor is not None, (
            "Model is not ready, please call `model.prepare()` first"
        )
        save_inference_model(
            path, self._inputs["test"], self._outputs["test"], self._executor, program=self._programs["test"]
        )

    def load(self, matched: list[tuple[Any, Any]], optimizer_state: Any, scaler_state: Any) -> None:
        """Take over parameters and the state of the optimizer."""
        scope = global_scope()
        for param, value in matched:
            scope.var(param.name).set(np.asarray(value))
        if not optimizer_state:
            return
        for name in self._state_names():
            if name in optimizer_state:
                scope.var(name).set(np.asarray(optimizer_state[name]))
            else:
                assert name.startswith("learning_rate_"), f"variable [{name}] is not in optimizer state file"
