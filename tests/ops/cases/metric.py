"""Accuracy and area under the ROC curve."""
from __future__ import annotations

import numpy as np

from tests.ops.caselib import case, flat, integers, uniform, value

COUNTS = np.zeros((1, 9), "int64")
WINDOW = np.zeros(4 * 9 + 1, "int64")


def exact_auc(p, y, *_):
    """The share of (positive, negative) pairs in the right order, ties counting half, on the grid of thresholds."""
    b, y = np.floor(p[:, -1] * 8), y.reshape(-1)
    pairs = b[y == 1][:, None] - b[y == 0][None, :]
    return float(((pairs > 0) + 0.5 * (pairs == 0)).mean())


LABELS = value([[1], [0], [1], [1], [0], [0]], "int64")
CASES = flat(
    case(
        "accuracy",
        uniform(0, 1, 3, 2),
        value([[1, 0], [2, 1], [0, 2]], "int64"),
        value([[0], [0], [0]], "int64"),
        expect=lambda out, i, l: (np.float32(2 / 3), np.int32(2), np.int32(3)),
    ),
    case("accuracy", uniform(0, 1, 4, 1), integers(0, 3, 4, 1), integers(0, 3, 4, 1)),
    case("auc", uniform(0, 1, 6, 2, dtype="float32"), LABELS, value(COUNTS), value(COUNTS), num_thresholds=8, slide_steps=0, grad=False,
         expect=lambda *a: (exact_auc(*a),)),
    case("auc", uniform(0, 1, 6, 2, dtype="float32"), LABELS, value(WINDOW), value(WINDOW), num_thresholds=8, slide_steps=3, grad=False,
         expect=lambda *a: (exact_auc(*a),)),
)  # fmt: skip
