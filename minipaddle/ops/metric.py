"""Measures of how good predictions are. None of them has a gradient."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import NotSupportedError
from .registry import Spec, op

__all__: list[str] = []

_F32, _F64, _I32, _I64 = (np.dtype(t) for t in ("float32", "float64", "int32", "int64"))


def _accuracy_rule(out: Spec, indices: Spec, label: Spec, **_: Any) -> tuple[Spec, ...]:
    if label.ndim != 2:
        raise ValueError(f"Label must have the shape [N, 1], got {list(label.shape)}; use label.reshape([-1, 1])")
    if -1 not in (indices.shape[0], label.shape[0]) and indices.shape[0] != label.shape[0]:
        raise ValueError(f"Label has {label.shape[0]} rows, but Indices has {indices.shape[0]}")
    return Spec((), _F32), Spec((), _I32), Spec((), _I32)


@op("accuracy", "Out, Indices, Label -> Accuracy, Correct, Total", infer=_accuracy_rule)
def accuracy(xp, out, indices, label):
    _accuracy_rule(Spec(out.shape, out.dtype), Spec(indices.shape, indices.dtype), Spec(label.shape, label.dtype))
    total = indices.shape[0]
    correct = (indices == label).any(axis=1).sum()
    share = (correct / max(total, 1)).astype(_F32)
    return xp.asarray(share), xp.asarray(correct).astype(_I32), xp.asarray(total).astype(_I32)


def _auc_rule(
    predict: Spec, label: Spec, stat_pos: Spec, stat_neg: Spec, weight: Spec | None = None, *, curve: str = "ROC",
    num_thresholds: int = 4095, slide_steps: int = 1,
) -> tuple[Spec, ...]:  # fmt: skip
    return Spec((), _F64), stat_pos, stat_neg


def area_under_roc(xp: Any, pos: Any, neg: Any) -> Any:
    """Area under the ROC curve from counts per threshold (ascending), by trapezoids; 0 unless both classes occurred."""
    true = xp.concatenate([xp.zeros(1, _F64), xp.cumsum(pos[::-1].astype(_F64))])
    false = xp.concatenate([xp.zeros(1, _F64), xp.cumsum(neg[::-1].astype(_F64))])
    area = ((false[1:] - false[:-1]) * (true[1:] + true[:-1])).sum() / 2
    both = true[-1] * false[-1]
    return xp.where(both > 0, area / xp.maximum(both, 1), 0.0)


def _slide(xp: Any, stat: Any, new: Any, steps: int) -> tuple[Any, Any]:
    """The stored counts of the last `steps` batches, their sum and a running number, with the oldest batch replaced."""
    n = new.shape[0]
    number = stat[-1]
    kept = stat[: steps * n].reshape(steps, n)
    here = (xp.arange(steps) == number % steps).reshape(steps, 1)
    total = stat[steps * n : (steps + 1) * n] - (kept * here).sum(axis=0) + new
    kept = xp.where(here, new.reshape(1, n), kept)
    return xp.concatenate([kept.reshape(-1), total, (number + 1).reshape(1)]).astype(stat.dtype), total


@op(
    "auc",
    "Predict, Label, StatPos, StatNeg, InsTagWeight? -> AUC, StatPosOut=StatPos, StatNegOut=StatNeg",
    infer=_auc_rule,
)
def auc(xp, predict, label, stat_pos, stat_neg, ins_tag_weight=None, *, curve: str = "ROC", num_thresholds: int = 4095,
        slide_steps: int = 1):  # fmt: skip
    """StatPos, StatNeg: counts [1, num_thresholds + 1], or with slide_steps a flat array: one row of counts for each of the last
    batches, then their sum, then the number of batches seen."""
    if curve != "ROC":
        raise NotSupportedError(f"curve must be 'ROC', got {curve!r}")
    if ins_tag_weight is not None and not bool((ins_tag_weight > 0).all()):
        raise NotSupportedError("InsTagWeight with zeros (fake samples) is not supported; leave those samples out")
    p = predict.reshape(predict.shape[0], -1)[:, -1]
    if p.shape[0] and not bool(((p >= 0) & (p <= 1)).all()):
        raise ValueError("Predict must hold probabilities between 0 and 1")
    bins = (p * p.dtype.type(num_thresholds)).astype(_I64)
    positive = label.reshape(-1) != 0
    counts = num_thresholds + 1
    pos = xp.bincount(bins[positive], minlength=counts).astype(_I64)
    neg = xp.bincount(bins[~positive], minlength=counts).astype(_I64)
    if slide_steps == 0:
        all_pos, all_neg = stat_pos + pos.reshape(stat_pos.shape), stat_neg + neg.reshape(stat_neg.shape)
        return area_under_roc(xp, all_pos.reshape(-1), all_neg.reshape(-1)), all_pos, all_neg
    new_pos, sum_pos = _slide(xp, stat_pos.reshape(-1), pos, slide_steps)
    new_neg, sum_neg = _slide(xp, stat_neg.reshape(-1), neg, slide_steps)
    area = area_under_roc(xp, sum_pos, sum_neg)
    return area, new_pos.reshape(stat_pos.shape), new_neg.reshape(stat_neg.shape)
