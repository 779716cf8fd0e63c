"""Rows for the operators of `ops/optimizer.py`. Values recorded from Paddle are in tests/optimizer/test_updates.py."""

from __future__ import annotations

import numpy as np

from tests.ops.caselib import case, each, flat, normal, uniform, value

P, G, V = normal(3, 4), normal(3, 4), normal(3, 4)
SQUARES = uniform(0.1, 2.0, 3, 4)
LR = value([0.05], "float64")
POW1, POW2 = value([0.81], "float64"), value([0.998], "float64")
STATE = (P, G, LR, V, SQUARES, POW1, POW2)
MANY = [normal(2, 3), normal(4)]


def adam(p, g, lr, m, v, pow1, pow2, *rest):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    step = lr * np.sqrt(1 - pow2) / (1 - pow1) * m / (np.sqrt(v) + 1e-8 * np.sqrt(1 - pow2))
    return p - step, m, v, pow1 * 0.9, pow2 * 0.999


def momentum(p, g, v, lr):
    v = 0.9 * v + 0.5 * g + 0.2 * p
    return p - lr * (0.5 * g + 0.2 * p + 0.9 * v), v


def rmsprop(p, s, g, m, lr, mean):
    s, mean = 0.9 * s + 0.1 * g * g, 0.9 * mean + 0.1 * g
    m = 0.5 * m + lr * g / np.sqrt(s - mean * mean + 1e-3)
    return p - m, m, s, mean


CASES = flat(
    case("sgd", P, LR, G, expect=lambda p, lr, g: p - lr * g),
    case("sgd", normal(), LR, normal(), name="scalar", expect=lambda p, lr, g: p - lr[0] * g),
    case("sgd", P, LR, G, P, name="master", expect=lambda p, lr, g, m: (m - lr * g, m - lr * g)),
    case("momentum", P, G, V, LR, mu=0.9, use_nesterov=True, regularization_method="l2_decay",
         regularization_coeff=0.2, rescale_grad=0.5, expect=momentum),
    case("momentum", P, G, V, LR, mu=0.9, expect=lambda p, g, v, lr: (p - lr * (0.9 * v + g), 0.9 * v + g)),
    case("merged_momentum", MANY, MANY, MANY, [LR, LR], mu=0.8),
    case("adam", *STATE, expect=adam),
    case("adam", *STATE, use_global_beta_pow=True),
    case("adam", *STATE, None, value([True]), name="skipped", expect=lambda p, g, lr, *rest: p),
    case("adam", *STATE, None, None, value([0.9], "float64", False), name="beta tensor", expect=adam),
    case("adamw", *STATE, coeff=each(0.0, 0.1), with_decay=each(False, True), lr_ratio=0.5),
    case("merged_adam", MANY, MANY, [LR, LR], MANY, [uniform(0.1, 2, 2, 3), uniform(0.1, 2, 4)], [POW1] * 2, [POW2] * 2),
    case("adamax", P, G, LR, V, SQUARES, POW1),
    case("adagrad", P, G, SQUARES, LR, expect=lambda p, g, m, lr: (p - lr * g / (np.sqrt(m + g * g) + 1e-6), m + g * g)),
    case("decayed_adagrad", P, G, SQUARES, LR, decay=0.8),
    case("adadelta", P, G, SQUARES, SQUARES, LR, rho=0.8),
    case("rmsprop", P, value(np.full((3, 4), 9.0)), G, V, LR, V, epsilon=1e-3, momentum=0.5, centered=True, expect=rmsprop),
    case("rmsprop", P, SQUARES, G, V, LR, name="without mean"),
    case("lamb", *STATE, weight_decay=each(0.0, 0.1)),
    case("lamb", value(np.zeros((3, 4))), *STATE[1:], weight_decay=0.1, name="zero parameter"),
    case("lars_momentum", MANY, MANY, MANY, [LR, LR], mu=0.9, lars_weight_decay=[0.05, 0.0]),
    case("ftrl", P, SQUARES, V, G, LR, l1=0.3, l2=0.1, lr_power=each(-0.5, -0.3)),
    case("dpsgd", P, G, LR, check_infer=False),
    case("proximal_gd", P, G, LR, l1=each(0.0, 0.3), l2=0.1),
    case("proximal_adagrad", P, SQUARES, G, LR, l1=0.3, l2=0.1),
    case("check_finite_and_unscale", MANY, value([4.0], "float64")),
    case("update_loss_scaling", MANY, value([True]), value([8.0], "float64"), value([1], "int32"), value([1], "int32"),
         incr_every_n_steps=2, decr_every_n_nan_or_inf=2, incr_ratio=2.0, decr_ratio=0.25),
    case("update_loss_scaling", MANY, value([False]), value([8.0], "float64"), value([1], "int32"), value([0], "int32"),
         incr_every_n_steps=2, decr_every_n_nan_or_inf=2, incr_ratio=2.0, decr_ratio=0.25, name="grows"),
)  # fmt: skip
