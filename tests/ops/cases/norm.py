"""Normalisation."""

from __future__ import annotations

import numpy as np

from tests.ops.caselib import case, each, flat, normal, uniform

C = normal(3)
STATS = (normal(3), uniform(0.5, 2, 3))
EPS = 9.999999747378752e-06


def rows(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """x with mean 0 and variance 1 over `axes`."""
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + EPS)


def channels(v: np.ndarray) -> np.ndarray:
    return v.reshape(-1, 1, 1)


CASES = flat(
    case(
        "batch_norm",
        normal(4, 3, 2, 5),
        C,
        C,
        *STATS,
        name="definition",
        check_infer=False,
        expect=lambda x, s, b, m, v: rows(x, (0, 2, 3)) * channels(s) + channels(b),
    ),
    case(
        "batch_norm",
        normal(4, 3, 2, 5),
        C,
        C,
        *STATS,
        is_test=True,
        name="stored statistics",
        check_infer=False,
        expect=lambda x, s, b, m, v: (x - channels(m)) / np.sqrt(channels(v) + EPS) * channels(s) + channels(b),
    ),
    case(
        "batch_norm", normal(4, 2, 5, 3), C, C, *STATS, data_layout="NHWC", is_test=each(False, True), check_infer=False
    ),
    case("batch_norm", normal(5, 3), C, C, *STATS, name="two axes", check_infer=False),
    case(
        "batch_norm",
        normal(4, 3, 5),
        None,
        None,
        *STATS,
        name="no scale",
        use_global_stats=each(False, True),
        check_infer=False,
    ),
    case("batch_norm", normal(2, 3, 2, 2, 3), C, C, *STATS, is_test=True, trainable_statistics=True, check_infer=False),
    case(
        "sync_batch_norm",
        normal(4, 3, 2, 5),
        C,
        C,
        *STATS,
        check_infer=False,
        expect=lambda x, s, b, m, v: rows(x, (0, 2, 3)) * channels(s) + channels(b),
    ),
    case(
        "layer_norm",
        normal(3, 4, 5),
        normal(5),
        normal(5),
        begin_norm_axis=2,
        expect=lambda x, s, b: rows(x, (2,)) * s + b,
    ),
    case("layer_norm", normal(3, 4, 5), normal(20), normal(20), begin_norm_axis=1),
    case("layer_norm", normal(3, 4, 5), begin_norm_axis=each(1, 2), epsilon=0.1, name="plain"),
    case("layer_norm", normal(6, 5), normal(5), name="scale alone"),
    case("layer_norm", normal(6, 5), None, normal(5), name="bias alone"),
    case("group_norm", normal(2, 6, 3, 4), normal(6), normal(6), groups=each(1, 2, 3, 6)),
    case(
        "group_norm",
        normal(2, 4, 5),
        groups=2,
        name="definition",
        expect=lambda x: rows(x.reshape(2, 2, 10), (2,)).reshape(2, 4, 5),
    ),
    case("group_norm", normal(2, 3, 4, 6), normal(6), normal(6), groups=3, data_layout="NHWC"),
    case("group_norm", normal(3, 6), normal(6), None, groups=2, name="two axes"),
    case("instance_norm", normal(2, 3, 4, 5), C, C, expect=lambda x, s, b: rows(x, (2, 3)) * channels(s) + channels(b)),
    case("instance_norm", normal(2, 3, 4), name="plain"),
    case("instance_norm", normal(2, 3, 2, 3, 2), C, C, epsilon=0.01),
    case("lrn", normal(2, 7, 3, 2), n=each(1, 3, 4), alpha=0.3, beta=each(0.75, 0.5)),
    case("lrn", normal(2, 3, 2, 7), n=5, alpha=0.1, data_format="NHWC"),
    case(
        "spectral_norm",
        normal(4, 3),
        normal(4),
        normal(3),
        dim=0,
        power_iters=200,
        rtol=1e-4,
        check_infer=False,
        name="converged",
        expect=lambda w, u, v: w / np.linalg.svd(w)[1][0],
    ),
    case("spectral_norm", normal(3, 4, 2, 2), normal(4), normal(12), dim=1, power_iters=1, grad=False),
    case(
        "affine_channel",
        normal(2, 3, 4, 5),
        C,
        C,
        data_layout="NCHW",
        expect=lambda x, s, b: x * channels(s) + channels(b),
    ),
    case("affine_channel", normal(2, 4, 5, 3), C, C, data_layout="NHWC"),
)
