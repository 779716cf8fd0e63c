"""Rows for the operators of `ops/loss.py`."""

from __future__ import annotations

import numpy as np

from tests.ops.caselib import Array, case, distinct, each, flat, integers, normal, uniform, value


def log_softmax(x, axis=-1):
    z = x - x.max(axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis, keepdims=True))


def softmax_ce(x, label, axis=-1):
    logs = log_softmax(x, axis)
    return np.exp(logs), -np.take_along_axis(logs, label, axis)


def mean_ce(x, label, ignored=-100, axis=-1):
    label = label if label.ndim == x.ndim else np.expand_dims(label, axis)
    counted = label != ignored
    _, loss = softmax_ce(x, np.where(counted, label, 0), axis)
    return np.where(counted, loss, 0).sum() / max(counted.sum(), 1)


def soft_ce(x, label, axis=-1):
    logs = log_softmax(x, axis)
    return np.exp(logs), -(label * logs).sum(axis, keepdims=True)


def nll(x, label, weight=None):
    w = np.ones_like(x[0]) if weight is None else weight
    picked = x[np.arange(len(x)), label]
    return -(picked * w[label]).sum() / w[label].sum(), w[label].sum()


def ctc_by_paths(logits, label, times, sizes, blank):
    """-log of the summed probability of every alignment, tried one by one."""
    import itertools

    logs = log_softmax(logits)
    found = []
    for b in range(logits.shape[1]):
        total = 0.0
        for path in itertools.product(range(logits.shape[2]), repeat=int(times[b])):
            merged = [k for i, k in enumerate(path) if k != blank and (i == 0 or path[i - 1] != k)]
            if merged == list(label[b, : sizes[b]]):
                total += np.exp(sum(logs[t, b, k] for t, k in enumerate(path)))
        found.append([-np.log(total) if total else 0.0])
    return np.array(found)


def rnnt_by_paths(x, label, times, sizes, blank):
    """-log of the summed probability of every way through the grid."""

    def ways(b, t, u):
        if t == times[b] - 1 and u == sizes[b]:
            return np.exp(x[b, t, u, blank])
        total = 0.0
        if t + 1 < times[b]:
            total += np.exp(x[b, t, u, blank]) * ways(b, t + 1, u)
        if u < sizes[b]:
            total += np.exp(x[b, t, u, label[b, u]]) * ways(b, t, u + 1)
        return total

    return np.array([-np.log(ways(b, 0, 0)) for b in range(len(x))])


def no_gradient(array: Array) -> Array:
    return Array(array.make, False)


LABELS = value([[1], [4], [0]])
CTC = (normal(5, 3, 3), value([[1, 2], [1, 1], [2, 0]], "int32"), value([5, 4, 3]), value([2, 2, 1]))
RNNT = (normal(2, 4, 3, 5), value([[1, 2], [3, 0]], "int32"), value([4, 3], "int32"), value([2, 1], "int32"))
TREE = (normal(3, 4), normal(5, 4), value([[0], [5], [3]]))

CASES = flat(
    case("mean_cross_entropy", normal(3, 5), LABELS, expect=mean_ce),
    case("mean_cross_entropy", normal(3, 5), value([1, 4, 0]), ignore_index=4, expect=lambda x, y: mean_ce(x, y, 4)),
    case("mean_cross_entropy", normal(3, 5), value([4, 4, 4]), ignore_index=4, name="all ignored", expect=lambda x, y: mean_ce(x, y, 4)),
    case("mean_cross_entropy", normal(2, 5, 3), integers(0, 5, 2, 3), axis=1, expect=lambda x, y: mean_ce(x, y, axis=1)),
    case("mean_cross_entropy", normal(2, 5, 3), integers(0, 5, 2, 1, 3), axis=1, expect=lambda x, y: mean_ce(x, y, axis=1)),
    case("softmax_with_cross_entropy", normal(3, 5), LABELS, axis=-1, expect=softmax_ce),
    case(
        "softmax_with_cross_entropy",
        normal(2, 5, 3),
        integers(0, 5, 2, 1, 3),
        axis=1,
        expect=lambda x, y: softmax_ce(x, y, 1),
    ),
    case("softmax_with_cross_entropy", normal(3, 5), LABELS, ignore_index=4),
    case("softmax_with_cross_entropy", normal(3, 5), no_gradient(uniform(0, 1, 3, 5)), soft_label=True, expect=soft_ce),
    case("softmax_with_cross_entropy", uniform(0.1, 0.9, 3, 5), LABELS, use_softmax=False),
    case("nll_loss", normal(3, 5), value([1, 4, 0]), expect=nll),
    case("nll_loss", normal(3, 5), value([1, 4, 0]), no_gradient(uniform(0.5, 2, 5)), reduction="mean", expect=nll),
    case(
        "nll_loss",
        normal(3, 5),
        value([1, 4, 0]),
        no_gradient(uniform(0.5, 2, 5)),
        reduction=each("sum", "none"),
        ignore_index=4,
    ),
    case("nll_loss", normal(2, 3, 2, 2), integers(0, 3, 2, 2, 2), reduction=each("mean", "none"), name="images"),
    case("huber_loss", distinct(3, 4), value(np.zeros((3, 4))), delta=each(1.0, 0.3)),
    case("huber_loss", distinct(3, 4), value(np.full((1, 4), 0.02)), delta=0.5, name="broadcast"),
    case(
        "bce_loss",
        uniform(0.1, 0.9, 3, 4),
        no_gradient(uniform(0, 1, 3, 4)),
        expect=lambda x, y: -(y * np.log(x) + (1 - y) * np.log(1 - x)),
    ),
    case(
        "sigmoid_cross_entropy_with_logits", normal(3, 4), no_gradient(uniform(0, 1, 3, 4)), normalize=each(False, True)
    ),
    case(
        "sigmoid_cross_entropy_with_logits",
        normal(3, 4),
        value(np.array([[0.0, 1, -100, 1]] * 3), differentiable=False),
        normalize=each(False, True),
    ),
    case(
        "sigmoid_cross_entropy_with_logits",
        normal(3, 4),
        no_gradient(uniform(0, 1, 3, 4)),
        no_gradient(uniform(0.5, 3, 3, 4)),
        name="pos_weight",
        expect=lambda x, y, w: (
            (1 - y) * np.log(1 + np.exp(x))
            + (w - (1 - y)) * np.log(1 + np.exp(-x))
            + (1 - y) * (np.log(1 + np.exp(-x)) + x - np.log(1 + np.exp(x)))
        ),
    ),
    case(
        "kldiv_loss",
        normal(3, 4),
        no_gradient(uniform(-0.2, 1, 3, 4)),
        reduction=each("none", "mean", "sum", "batchmean"),
    ),
    case("log_loss", uniform(0.1, 0.9, 3, 1), no_gradient(uniform(0, 1, 3, 1)), epsilon=1e-4),
    case("label_smooth", normal(3, 4), epsilon=0.1, expect=lambda x: 0.9 * x + 0.025),
    case(
        "label_smooth",
        normal(3, 4),
        no_gradient(uniform(0, 1, 1, 4)),
        epsilon=0.3,
        expect=lambda x, p: 0.7 * x + 0.3 * p,
    ),
    case("warpctc", *CTC, blank=0, expect=lambda *a: ctc_by_paths(*a, 0)),
    case(
        "warpctc",
        CTC[0],
        value([[0, 1], [0, 0], [1, 0]], "int32"),
        *CTC[2:],
        blank=2,
        expect=lambda *a: ctc_by_paths(*a, 2),
    ),
    case(
        "warpctc",
        *CTC[:2],
        value([2, 2, 3]),
        value([2, 2, 0]),
        blank=0,
        name="impossible",
        expect=lambda *a: ctc_by_paths(*a, 0),
    ),
    case("warprnnt", *RNNT, blank=each(0, 4), expect=None),
    case("warprnnt", *RNNT, blank=0, name="by paths", expect=lambda *a: rnnt_by_paths(*a, 0)),
    case("hierarchical_sigmoid", *TREE, None, None, normal(5, 1), num_classes=6),
    case("hierarchical_sigmoid", *TREE, num_classes=6, name="no bias"),
    case(
        "hierarchical_sigmoid",
        normal(2, 4),
        normal(5, 4),
        value([[0], [1]]),
        value([[0, 2, -1], [0, 1, 3]]),
        value([[0, 1, -1], [1, 0, 1]]),
        normal(5, 1),
        num_classes=6,
        name="own tree",
    ),
    case("margin_cross_entropy", uniform(-0.9, 0.9, 3, 5), LABELS, scale=8.0, margin2=each(0.5, 0.0), rtol=1e-4),
    case(
        "margin_cross_entropy",
        uniform(-0.9, 0.9, 3, 5),
        LABELS,
        margin1=1.0,
        margin2=0.0,
        margin3=0.0,
        scale=4.0,
        expect=lambda x, y: softmax_ce(4 * x, y),
    ),
    case(
        "class_center_sample",
        value([3, 7, 3, 11, 0]),
        num_classes=20,
        num_samples=2,
        check_infer=False,
        expect=lambda y: (np.array([1, 2, 1, 3, 0]), np.array([0, 3, 7, 11])),
    ),
)
