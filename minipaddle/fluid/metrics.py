"""Metrics that add up batches on the host, fed with fetched arrays."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

__all__ = ["Accuracy", "Auc", "ChunkEvaluator", "CompositeMetric", "EditDistance", "MetricBase", "Precision", "Recall"]


def _array(value: Any, name: str) -> np.ndarray[Any, Any]:
    if not isinstance(value, (np.ndarray, np.generic)):
        raise ValueError(f"The '{name}' must be a numpy ndarray, got {type(value).__name__}.")
    return np.asarray(value)


def _number(value: Any, name: str, array: bool = True) -> Any:
    is_one = isinstance(value, (int, float, np.number)) or (isinstance(value, np.ndarray) and value.shape in ((), (1,)))
    if not (is_one or (array and isinstance(value, np.ndarray))):
        raise ValueError(
            f"The '{name}' must be a number(int, float){' or a numpy ndarray' if array else ''}, got {type(value).__name__}."
        )
    return value


class MetricBase:
    """Base of metrics: attributes whose names do not begin with _ are their states; `reset` makes those zero."""

    def __init__(self, name: str | None = None) -> None:
        self._name = str(name) if name is not None else type(self).__name__

    def __str__(self) -> str:
        return self._name

    def _states(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if not k.startswith("_")}

    def reset(self) -> None:
        """Forget all batches."""
        for key, value in self._states().items():
            if isinstance(value, (bool, int, float)):
                setattr(self, key, type(value)(0))
            else:
                setattr(self, key, np.zeros_like(value) if isinstance(value, (np.ndarray, np.generic)) else None)

    def get_config(self) -> dict[str, Any]:
        """Name and states."""
        return {"name": self._name, "states": copy.deepcopy(self._states())}

    def update(self, preds: Any, labels: Any) -> None:
        """Add one batch."""
        raise NotImplementedError(f"{type(self).__name__} does not define update")

    def eval(self) -> Any:
        """The metric over all batches since `reset`."""
        raise NotImplementedError(f"{type(self).__name__} does not define eval")


class CompositeMetric(MetricBase):
    """Several metrics that get the same batches; `eval` gives a list."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self._metrics: list[MetricBase] = []

    def add_metric(self, metric: MetricBase) -> None:
        """Add one. ValueError unless it is a MetricBase."""
        if not isinstance(metric, MetricBase):
            raise ValueError(f"SubMetric should be inherit from MetricBase, got {type(metric).__name__}.")
        self._metrics.append(metric)

    def reset(self) -> None:
        """Forget all batches."""
        for m in self._metrics:
            m.reset()

    def update(self, preds: Any, labels: Any) -> None:
        """Add one batch to each."""
        for m in self._metrics:
            m.update(preds, labels)

    def eval(self) -> list[Any]:
        """What each gives."""
        return [m.eval() for m in self._metrics]


class _Binary(MetricBase):
    def _batch(self, preds: Any, labels: Any) -> tuple[Any, Any]:
        """Predicted and true classes, bool [n]: probabilities are rounded."""
        p, y = _array(preds, "preds"), _array(labels, "labels")
        n = y.shape[0]
        return np.rint(p).astype("int32").reshape(n, -1)[:, 0] == 1, y.reshape(n, -1)[:, 0] == 1


class Precision(_Binary):
    """Share of true positives among predicted positives; preds: probabilities [n, 1], labels: 0 or 1 [n, 1]."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.tp = self.fp = 0

    def update(self, preds: Any, labels: Any) -> None:
        """Add one batch. ValueError unless both are ndarrays."""
        p, y = self._batch(preds, labels)
        self.tp += int((p & y).sum())
        self.fp += int((p & ~y).sum())

    def eval(self) -> float:
        """The precision; 0 without predicted positives."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else 0.0


class Recall(_Binary):
    """Share of true positives among positives; preds: probabilities [n, 1], labels: 0 or 1 [n, 1]."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.tp = self.fn = 0

    def update(self, preds: Any, labels: Any) -> None:
        """Add one batch. ValueError unless both are ndarrays."""
        p, y = self._batch(preds, labels)
        self.tp += int((p & y).sum())
        self.fn += int((~p & y).sum())

    def eval(self) -> float:
        """The recall; 0 without positives."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else 0.0


class Accuracy(MetricBase):
    """The mean of accuracies (of `layers.accuracy`), each weighted, for example with the size of its batch."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.value = self.weight = 0.0

    def update(self, value: Any, weight: Any) -> None:
        """Add one batch. ValueError for anything but numbers, or a negative weight."""
        _number(value, "value")
        if _number(weight, "weight", array=False) < 0:
            raise ValueError("The 'weight' can not be negative")
        self.value += value * weight
        self.weight += weight

    def eval(self) -> Any:
        """The mean. ValueError before any batch."""
        if self.weight == 0:
            raise ValueError(
                "There is no data in Accuracy Metrics; add the result of layers.accuracy with update first."
            )
        return self.value / self.weight


class ChunkEvaluator(MetricBase):
    """Precision, recall and F1 over chunks, from the counts that `layers.chunk_eval` gives."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.num_infer_chunks = self.num_label_chunks = self.num_correct_chunks = 0

    def update(self, num_infer_chunks: Any, num_label_chunks: Any, num_correct_chunks: Any) -> None:  # type: ignore[override]
        """Add the counts of one batch. ValueError for anything but numbers and arrays."""
        self.num_infer_chunks += _number(num_infer_chunks, "num_infer_chunks")
        self.num_label_chunks += _number(num_label_chunks, "num_label_chunks")
        self.num_correct_chunks += _number(num_correct_chunks, "num_correct_chunks")

    def eval(self) -> tuple[float, float, float]:
        """Precision, recall, F1."""
        right, inferred, true = (
            float(np.sum(n)) for n in (self.num_correct_chunks, self.num_infer_chunks, self.num_label_chunks)
        )
        precision = right / inferred if inferred else 0.0
        recall = right / true if true else 0.0
        return precision, recall, 2 * precision * recall / (precision + recall) if right else 0.0


class EditDistance(MetricBase):
    """Mean edit distance, and share of sequences that are not exactly right, from what `layers.edit_distance` gives."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.total_distance = 0.0
        self.seq_num = self.instance_error = 0

    def update(self, distances: Any, seq_num: Any) -> None:
        """Add one batch. ValueError unless `distances` is an ndarray and `seq_num` a number."""
        d = _array(distances, "distances")
        count = int(np.sum(_number(seq_num, "seq_num", array=False)))
        self.seq_num += count
        self.instance_error += count - int((d == 0).sum())
        self.total_distance += float(d.sum())

    def eval(self) -> tuple[float, float]:
        """Mean distance and share of wrong sequences. ValueError before any batch."""
        if self.seq_num == 0:
            raise ValueError(
                "There is no data in EditDistance Metric; add the result of layers.edit_distance with update first."
            )
        return self.total_distance / self.seq_num, self.instance_error / self.seq_num


class Auc(MetricBase):
    """Area under the ROC curve, from counts in `num_thresholds` + 1 bins. preds: probabilities [n, 2], labels: [n, 1]."""

    def __init__(self, name: str | None = None, curve: str = "ROC", num_thresholds: int = 4095) -> None:
        super().__init__(name)
        if curve != "ROC":
            raise ValueError(f"Auc: only the curve 'ROC' is known, got {curve!r}")
        self._num_thresholds = num_thresholds
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._positive, self._negative = np.zeros(self._num_thresholds + 1), np.zeros(self._num_thresholds + 1)

    def update(self, preds: Any, labels: Any) -> None:
        """Add one batch. ValueError unless both are ndarrays with probabilities in [0, 1]."""
        y = _array(labels, "labels").reshape(-1).astype(bool)
        bins = (_array(preds, "predictions")[:, 1] * self._num_thresholds).astype(np.int64)
        if bins.size and (np.min(bins) < 0 or np.max(bins) > self._num_thresholds):
            raise ValueError("Auc: predictions must be probabilities in [0, 1]")
        self._positive += np.bincount(bins[y], minlength=self._num_thresholds + 1)
        self._negative += np.bincount(bins[~y], minlength=self._num_thresholds + 1)

    def eval(self) -> float:
        """The area; 0 when there is only one class."""
        pos, neg = np.cumsum(self._positive[::-1]), np.cumsum(self._negative[::-1])
        if not pos[-1] or not neg[-1]:
            return 0.0
        width = np.diff(neg, prepend=0.0)
        height = pos + np.concatenate([[0.0], pos[:-1]])
        return float((width * height).sum() / 2.0 / pos[-1] / neg[-1])
