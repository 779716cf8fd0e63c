"""Model in dynamic mode: the network is called as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..amp import GradScaler, auto_cast, decorate
from ..backend import xp as backend
from ..core.dispatch import call
from ..core.tensor import TensorBase, isinstance_strict
from ..framework import io as framework_io
from ..ops import elementwise as E
from ..tensor import creation
from .lists import to_list

if TYPE_CHECKING:
    from .model import Model

__all__ = ["DynamicBackend"]


def _tensors(values: Any) -> list[Any]:
    return [v if isinstance_strict(v, TensorBase) else creation.to_tensor(v) for v in to_list(values)]


def _arrays(values: Any) -> list[np.ndarray[Any, Any]]:
    return [v.numpy() if isinstance_strict(v, TensorBase) else np.asarray(v) for v in to_list(values)]


class DynamicBackend:
    """Runs batches of a `Model` eagerly."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.amp_level = "O0"
        self.cast_configs: dict[str, Any] = {}
        self.scaler_configs: dict[str, Any] = {}

    def prepare(self) -> None:
        """Put the network into half precision where level O2 asks for it."""
        model = self.model
        on_gpu = backend.current_place().kind != "cpu"
        if self.amp_level == "O2" and on_gpu and model._optimizer is not None:
            model.network, model._optimizer = decorate(model.network, model._optimizer, level="O2")
        model._scaler = GradScaler(**self.scaler_configs) if self.amp_level != "O0" else None

    def train_batch(self, inputs: Any, labels: Any, update: bool) -> Any:
        """Forward, backward and, with `update`, a step of the optimizer."""
        model = self.model
        assert model._optimizer, "model not ready, please call `model.prepare()` first"
        assert model._loss, "training needs a loss; give one to `model.prepare(loss=...)`"
        model.network.train()
        model.mode = "train"
        targets = _tensors(labels)
        on_gpu = backend.current_place().kind != "cpu"  # half precision pays on a GPU only
        with auto_cast(enable=self.amp_level != "O0" and on_gpu, level=self.amp_level, **self.cast_configs):
            outputs = to_list(model.network(*_tensors(inputs)))
        losses = to_list(model._loss(*outputs, *targets))
        total = losses[0] if len(losses) == 1 else call(E.sum_, losses)
        if model._scaler is not None:
            scaled = model._scaler.scale(total)
            scaled.backward()
            if update:
                model._scaler.minimize(model._optimizer, scaled)
                model.network.clear_gradients()
        else:
            total.backward()
            if update:
                model._optimizer.step()
                model.network.clear_gradients()
        metrics = self._metrics(outputs, targets)
        return (_arrays(losses), metrics) if metrics else _arrays(losses)

    def _metrics(self, outputs: list[Any], labels: list[Any]) -> list[Any]:
        found = []
        for metric in self.model._metrics:
            found.append(metric.update(*_arrays(metric.compute(*outputs, *labels))))
        return found

    def eval_batch(self, inputs: Any, labels: Any) -> Any:
        """Losses and metrics."""
        model = self.model
        model.network.eval()
        model.mode = "eval"
        targets = _tensors(labels)
        outputs = to_list(model.network(*_tensors(inputs)))
        losses = to_list(model._loss(*outputs, *targets)) if model._loss else []
        metrics = self._metrics(outputs, targets)
        if model._loss:
            return (_arrays(losses), metrics) if metrics else _arrays(losses)
        return metrics

    def predict_batch(self, inputs: Any) -> list[np.ndarray[Any, Any]]:
        """Outputs of the network."""
        self.model.network.eval()
        self.model.mode = "test"
        return _arrays(self.model.network(*_tensors(inputs)))

    def save(self, path: str) -> None:
        """Write .pdparams, .pdopt and, with mixed precision, .pdscaler."""
        model = self.model
        framework_io.save(model.network.state_dict(), path + ".pdparams")
        if model._optimizer is not None and (state := model._optimizer.state_dict()):
            framework_io.save(state, path + ".pdopt")
        if model._scaler is not None and (state := model._scaler.state_dict()):
            framework_io.save(state, path + ".pdscaler")

    def save_inference_model(self, path: str) -> None:
        """Write the traced network."""
        self.model._save_traced(path)

    def load(self, matched: list[tuple[Any, Any]], optimizer_state: Any, scaler_state: Any) -> None:
        """Take over parameters and states."""
        for param, value in matched:
            param.set_value(value)
        model = self.model
        if scaler_state is not None and model._scaler is not None:
            model._scaler.load_state_dict(scaler_state)
        if optimizer_state and model._optimizer is not None:
            model._optimizer.set_state_dict(optimizer_state)
