"""Metrics that are fed batch by batch, and accuracy as a function."""
from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..core.dispatch import call, in_place
from ..core.tensor import Tensor, isinstance_strict
from ..ops import metric as M
from ..tensor.arguments import is_tensor_like
from ..tensor.logic import equal
from ..tensor.manipulation import reshape
from ..tensor.manipulation import slice as slice_
from ..tensor.math import cast
from ..tensor.search import argmax, argsort, topk

__all__ = ["Accuracy", "Auc", "Metric", "Precision", "Recall", "accuracy"]


class Metric(metaclass=abc.ABCMeta):
    """Base of metrics: `compute` (on Tensors, may be traced) prepares what `update` adds up; `accumulate` gives the result."""

    def __init__(self) -> None:  # noqa: B027 - subclasses call it
        pass

    @abc.abstractmethod
    def reset(self) -> None:
        """Forget all batches."""
        raise NotImplementedError(f"function 'reset' not implemented in {type(self).__name__}.")

    @abc.abstractmethod
    def update(self, *args: Any) -> Any:
        """Add one batch, given what `compute` returned."""
        raise NotImplementedError(f"function 'update' not implemented in {type(self).__name__}.")

    @abc.abstractmethod
    def accumulate(self) -> Any:
        """The metric over all batches since `reset`."""
        raise NotImplementedError(f"function 'accumulate' not implemented in {type(self).__name__}.")

    @abc.abstractmethod
    def name(self) -> Any:
        """Its name, or a list of names."""
        raise NotImplementedError(f"function 'name' not implemented in {type(self).__name__}.")

    def compute(self, *args: Any) -> Any:
        """What `update` gets of a batch; its arguments as they are unless a subclass does better."""
        return args


def _array(value: Any, name: str) -> np.ndarray[Any, Any]:
    if isinstance_strict(value, Tensor):
        return value.numpy()
    if isinstance(value, (np.ndarray, np.generic)):
        return np.asarray(value)
    raise ValueError(f"The '{name}' must be a numpy ndarray or Tensor, got {type(value).__name__}")


class Accuracy(Metric):
    """Share of samples whose label is among the `k` highest scores, for each k of `topk`."""

    def __init__(self, topk: Sequence[int] = (1,), name: str | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.topk = topk
        self.maxk = max(topk)
        base = name or "acc"
        self._name = [base] if self.maxk == 1 else [f"{base}_top{k}" for k in topk]
        self.reset()

    def compute(self, pred: Any, label: Any, *args: Any) -> Any:
        """Which of the highest scores hit: float32 [..., maxk].

        pred: scores [..., classes]. label: classes [N] or [..., 1], or one-hot [..., classes].
        """
        best = argsort(pred, descending=True)
        best = slice_(best, axes=[len(pred.shape) - 1], starts=[0], ends=[self.maxk])
        if len(label.shape) == 1 or (len(label.shape) == 2 and label.shape[-1] == 1):
            label = reshape(label, [-1, 1])
        elif label.shape[-1] != 1:
            label = argmax(label, axis=-1, keepdim=True)
        if label.dtype is not dtypes.int64:
            label = cast(label, "int64")
        return cast(equal(best, label), "float32")

    def update(self, correct: Any, *args: Any) -> Any:
        """Add what `compute` gave. Returns the accuracy of this batch: a number, or a list for several k."""
        hits = _array(correct, "correct")
        count = int(np.prod(hits.shape[:-1]))
        found = []
        for i, k in enumerate(self.topk):
            right = hits[..., :k].sum()
            found.append(float(right) / count if count else 0.0)
            self.total[i] += right
            self.count[i] += count
        return found[0] if len(self.topk) == 1 else found

    def reset(self) -> None:
        """Forget all batches."""
        self.total: list[Any] = [0.0] * len(self.topk)
        self.count = [0] * len(self.topk)

    def accumulate(self) -> Any:
        """The accuracy over all samples: a number, or a list for several k."""
        found = [float(t) / c if c > 0 else 0.0 for t, c in zip(self.total, self.count, strict=True)]
        return found[0] if len(self.topk) == 1 else found

    def name(self) -> list[str]:
        """One name per k."""
        return self._name


def _first_column(values: np.ndarray[Any, Any], rows: int) -> np.ndarray[Any, Any]:
    if values.size != rows:
        raise ValueError(f"preds and labels must hold one value per sample, got shape {list(values.shape)} for {rows} samples")
    return values.reshape(rows)


class Precision(Metric):
    """True positives among predicted positives, for two classes. A probability from 0.5 on counts as positive."""

    def __init__(self, name: str = "precision", *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tp = 0
        self.fp = 0
        self._name = name

    def update(self, preds: Any, labels: Any) -> None:
        """preds: probabilities [N] or [N, 1]. labels: 0 or 1, [N] or [N, 1]."""
        p, y = _array(preds, "preds"), _array(labels, "labels")
        positive = np.floor(_first_column(p, y.shape[0]) + 0.5).astype("int32") == 1
        true = _first_column(y, y.shape[0]) == 1
        self.tp += int((positive & true).sum())
        self.fp += int((positive & ~true).sum())

    def reset(self) -> None:
        """Forget all batches."""
        self.tp = 0
        self.fp = 0

    def accumulate(self) -> float:
        """The precision, 0.0 when nothing was predicted positive."""
        predicted = self.tp + self.fp
        return float(self.tp) / predicted if predicted else 0.0

    def name(self) -> str:
        """Its name."""
        return self._name


class Recall(Metric):
    """True positives among the samples that are positive, for two classes. A probability above 0.5 counts as positive."""

    def __init__(self, name: str = "recall", *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tp = 0
        self.fn = 0
        self._name = name

    def update(self, preds: Any, labels: Any) -> None:
        """preds: probabilities [N] or [N, 1]. labels: 0 or 1, [N] or [N, 1]."""
        p, y = _array(preds, "preds"), _array(labels, "labels")
        positive = np.rint(_first_column(p, y.shape[0])).astype("int32") == 1
        true = _first_column(y, y.shape[0]) == 1
        self.tp += int((positive & true).sum())
        self.fn += int((~positive & true).sum())

    def reset(self) -> None:
        """Forget all batches."""
        self.tp = 0
        self.fn = 0

    def accumulate(self) -> float:
        """The recall, 0.0 when no sample was positive."""
        actual = self.tp + self.fn
        return float(self.tp) / actual if actual else 0.0

    def name(self) -> str:
        """Its name."""
        return self._name


class Auc(Metric):
    """Area under the ROC curve, from counts at `num_thresholds` + 1 equal steps of the probability."""

    def __init__(
        self, curve: str = "ROC", num_thresholds: int = 4095, name: str = "auc", *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        if curve != "ROC":
            raise ValueError(f"Auc: curve must be 'ROC', got {curve!r}")
        self._curve = curve
        self._num_thresholds = num_thresholds
        self._name = name
        self.reset()

    def update(self, preds: Any, labels: Any) -> None:
        """preds: probabilities [N, 2] of the two classes. labels: 0 or 1, [N] or [N, 1]. AssertionError above 1."""
        y, p = _array(labels, "labels"), _array(preds, "preds")
        bins = (p[: len(y), 1] * self._num_thresholds).astype("int64")
        assert not bins.size or (bins.max() <= self._num_thresholds and bins.min() >= 0), (
            f"Auc: probabilities must lie between 0 and 1, got {p[:, 1].min()} to {p[:, 1].max()}"
        )
        positive = _first_column(y, len(y)).astype(bool)
        size = self._num_thresholds + 1
        self._stat_pos += np.bincount(bins[positive], minlength=size)
        self._stat_neg += np.bincount(bins[~positive], minlength=size)

    def accumulate(self) -> float:
        """The area, 0.0 unless both classes occurred."""
        return float(M.area_under_roc(np, self._stat_pos, self._stat_neg))

    def reset(self) -> None:
        """Forget all batches."""
        self._stat_pos = np.zeros(self._num_thresholds + 1)
        self._stat_neg = np.zeros(self._num_thresholds + 1)

    def name(self) -> str:
        """Its name."""
        return self._name


def accuracy(input: Any, label: Any, k: int = 1, correct: Any = None, total: Any = None, name: str | None = None) -> Any:
    """Share of rows whose label is among the `k` highest scores, a float32 scalar.

    input: floating scores [N, classes]. label: int64 or int32 [N, 1]; ValueError for other shapes. correct, total: int32 Tensors
    that receive the counts. TypeError unless input is floating.
    """
    for what, value in (("input", input), ("label", label)):
        if not is_tensor_like(value):
            raise TypeError(f"accuracy: {what} must be a Tensor, got {type(value).__name__}")
    if not input.dtype.is_floating:
        raise TypeError(f"accuracy: input must be float16, bfloat16, float32 or float64, got {input.dtype.name}")
    if label.dtype is dtypes.int32:
        label = cast(label, "int64")
    values, indices = topk(input, k=k)
    share, hits, count = call(M.accuracy, values, indices, label)
    if correct is not None:
        in_place(correct, hits)
    if total is not None:
        in_place(total, count)
    return share
