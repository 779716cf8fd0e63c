"""Metrics of 1.x over several batches."""

from __future__ import annotations

import numpy as np
import pytest

from minipaddle.fluid import metrics as M


def test_precision_and_recall_together() -> None:
    both, precision, recall = M.CompositeMetric(), M.Precision("p"), M.Recall()
    both.add_metric(precision)
    both.add_metric(recall)
    both.update(np.array([[0.9], [0.2], [0.8]]), np.array([[1], [1], [0]]))
    both.update(np.array([[0.7]]), np.array([[1]]))
    assert both.eval() == [2 / 3, 2 / 3] and str(precision) == "p" and precision.get_config()["states"] == {"tp": 2, "fp": 1}
    both.reset()
    assert both.eval() == [0.0, 0.0]
    with pytest.raises(ValueError, match="ndarray"):
        precision.update([0.5], np.array([[1]]))
    with pytest.raises(ValueError, match="MetricBase"):
        both.add_metric(3)  # type: ignore[arg-type]


def test_accuracy_is_weighted() -> None:
    m = M.Accuracy()
    with pytest.raises(ValueError, match="no data"):
        m.eval()
    m.update(np.array([0.5]), 10)
    m.update(1.0, 30)
    assert m.eval() == pytest.approx(0.875)
    with pytest.raises(ValueError, match="negative"):
        m.update(0.5, -1)


def test_auc_of_a_perfect_and_a_random_order() -> None:
    m = M.Auc("auc")
    p = np.array([0.1, 0.4, 0.6, 0.9])
    m.update(np.stack([1 - p, p], 1), np.array([[0], [0], [1], [1]]))
    assert m.eval() == 1.0
    m.update(np.stack([1 - p, p], 1), np.array([[1], [1], [0], [0]]))
    assert m.eval() == pytest.approx(0.5)
    m.reset()
    assert m.eval() == 0.0


def test_chunks_and_edit_distances() -> None:
    chunks = M.ChunkEvaluator()
    chunks.update(np.array([4]), np.array([5]), np.array([3]))
    chunks.update(6, 5, 3)
    assert chunks.eval() == pytest.approx((0.6, 0.6, 0.6))
    distance = M.EditDistance("d")
    with pytest.raises(ValueError, match="no data"):
        distance.eval()
    distance.update(np.array([[0.0], [2.0]]), 2)
    distance.update(np.array([[1.0], [0.0]]), np.array([2]))
    assert distance.eval() == (0.75, 0.5)
