"""Rows for the operators of `ops/activation.py`."""

from __future__ import annotations

import numpy as np

from tests.ops.caselib import Array, case, distinct, each, flat, normal, uniform


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


X = distinct(3, 8)

CASES = flat(
    case("relu", X, expect=lambda x: np.maximum(x, 0)),
    case("relu", normal(), name="scalar", expect=lambda x: np.maximum(x, 0)),
    case("relu6", uniform(-3, 9, 4, 5), expect=lambda x: np.clip(x, 0, 6)),
    case("brelu", X, t_min=-0.5, t_max=0.7, expect=lambda x: np.clip(x, -0.5, 0.7)),
    case("leaky_relu", X, alpha=each(0.02, 0.3, 1.5)),
    case("elu", X, alpha=each(1.0, 0.4), expect=None),
    case("celu", X, alpha=each(1.0, 0.4)),
    case("selu", X),
    case("gelu", normal(3, 5), approximate=each(False, True)),
    case("silu", normal(3, 5), expect=lambda x: x * sigmoid(x)),
    case("swish", normal(3, 5), beta=each(1.0, 0.5)),
    case("mish", normal(3, 5), expect=lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    case("mish", uniform(15, 30, 6), name="large", rtol=1e-4),
    case("sigmoid", normal(3, 5), expect=sigmoid),
    case("logsigmoid", normal(3, 5), expect=lambda x: np.log(sigmoid(x))),
    case("softplus", normal(3, 5), beta=each(1.0, 2.0), threshold=each(20.0, 1.0)),
    case("softsign", X, expect=lambda x: x / (1 + np.abs(x))),
    case("tanh_shrink", X, expect=lambda x: x - np.tanh(x)),
    case("soft_relu", normal(3, 5), threshold=each(40.0, 1.0)),
    case("hard_shrink", X, threshold=each(0.5, 0.2)),
    case("softshrink", X, **{"lambda": each(0.5, 0.2)}),
    case("thresholded_relu", X, threshold=each(1.0, 0.2)),
    case("hard_sigmoid", uniform(-4, 4, 12), slope=each(0.2, 0.1666667), offset=0.5),
    case("hard_swish", uniform(-5, 5, 12), expect=lambda x: x * np.clip(x + 3, 0, 6) / 6),
    case("stanh", normal(5), scale_a=0.67, scale_b=1.7159, expect=lambda x: 1.7159 * np.tanh(0.67 * x)),
    case("prelu", X, uniform(0.1, 0.5, 1), mode="all", expect=lambda x, a: np.where(x > 0, x, a * x)),
    case(
        "prelu",
        distinct(2, 3, 4),
        uniform(0.1, 0.5, 3),
        mode="channel",
        expect=lambda x, a: np.where(x > 0, x, a[:, None] * x),
    ),
    case(
        "prelu",
        distinct(2, 3, 4),
        uniform(0.1, 0.5, 4),
        mode="channel",
        data_format="NHWC",
        expect=lambda x, a: np.where(x > 0, x, a * x),
    ),
    case(
        "prelu",
        distinct(2, 3, 4),
        uniform(0.1, 0.5, 1, 3, 4),
        mode="element",
        expect=lambda x, a: np.where(x > 0, x, a * x),
    ),
    case("maxout", distinct(2, 6, 2, 2), groups=2, axis=1, expect=lambda x: x.reshape(2, 3, 2, 2, 2).max(2)),
    case("maxout", distinct(2, 2, 2, 6), groups=3, axis=each(-1, 3), expect=lambda x: x.reshape(2, 2, 2, 2, 3).max(4)),
    case("softmax", normal(3, 4, 5), axis=-1, expect=lambda x: softmax(x, -1)),
    case("softmax", normal(3, 4, 5), axis=1, expect=lambda x: softmax(x, 1)),
    case("softmax", normal(), name="scalar", expect=lambda x: np.ones(())),
    case("log_softmax", normal(3, 4, 5), axis=-1, expect=lambda x: np.log(softmax(x, -1))),
    case("log_softmax", normal(3, 4, 5), axis=0, expect=lambda x: np.log(softmax(x, 0))),
    case("rrelu", X, is_test=True, lower=0.1, upper=0.3, grad=False, expect=lambda x: np.where(x < 0, 0.2 * x, x)),
    case(
        "dropout",
        normal(3, 4),
        dropout_prob=0.3,
        is_test=True,
        dropout_implementation=each("downgrade_in_infer", "upscale_in_train"),
    ),
    case(
        "dropout",
        normal(3, 4),
        dropout_prob=0.4,
        fix_seed=True,
        seed=7,
        dropout_implementation=each("downgrade_in_infer", "upscale_in_train"),
    ),
    case("dropout", normal(3, 4), dropout_prob=1.0, expect=lambda x: 0 * x),
    case("dropout_nd", normal(3, 4, 5), dropout_prob=0.4, fix_seed=True, seed=7, axis=[0, 1]),
    case(
        "fused_softmax_mask_upper_triangle",
        normal(2, 3, 4, 4),
        expect=lambda x: softmax(np.where(np.tri(4) > 0, x, -np.inf), -1),
    ),
    case(
        "fused_softmax_mask",
        normal(2, 3, 4, 4),
        Array(normal(2, 1, 4, 4).make, False),
        expect=lambda x, m: softmax(x + m, -1),
    ),
)
