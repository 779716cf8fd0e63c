"""Pooling."""

from __future__ import annotations

import numpy as np

from tests.ops.caselib import case, distinct, each, flat, normal, value

X, PLAIN = distinct(2, 2, 5, 6), normal(2, 2, 5, 6)
VOLUME = distinct(1, 2, 4, 3, 5)


def quarters(x: np.ndarray) -> np.ndarray:
    """x [N, C, 2h, 2w] in windows of 2 x 2, [N, C, h, w, 4]."""
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // 2, w // 2, 4)


TWO = {"ksize": [2, 2], "strides": [2, 2]}

CASES = flat(
    case("pool2d", distinct(2, 2, 4, 6), pooling_type="max", expect=lambda x: quarters(x).max(-1), **TWO),
    case("pool2d", normal(2, 2, 4, 6), pooling_type="avg", expect=lambda x: quarters(x).mean(-1), **TWO),
    case(
        "pool2d",
        X,
        ksize=[3, 2],
        strides=[2, 1],
        paddings=each([1, 0], [1, 0, 0, 1]),
        ceil_mode=each(False, True),
        pooling_type="max",
    ),
    case(
        "pool2d",
        PLAIN,
        ksize=[3, 2],
        strides=[2, 1],
        paddings=each([1, 1], [1, 0, 0, 1]),
        ceil_mode=each(False, True),
        exclusive=each(False, True),
        pooling_type="avg",
    ),
    case("pool2d", X, ksize=[3, 3], strides=[2, 2], padding_algorithm=each("SAME", "VALID"), pooling_type="max"),
    case("pool2d", PLAIN, ksize=[3, 3], strides=[2, 2], padding_algorithm="SAME", pooling_type="avg"),
    case("pool2d", X, ksize=[1, 1], global_pooling=True, pooling_type=each("max", "avg")),
    case("pool2d", X, ksize=each([3, 4], [1, 1], [7, 2]), adaptive=True, pooling_type=each("max", "avg")),
    case(
        "pool2d",
        distinct(2, 5, 6, 2),
        ksize=[2, 2],
        strides=[2, 1],
        data_format="NHWC",
        pooling_type=each("max", "avg"),
    ),
    case(
        "pool2d",
        normal(1, 2, 1, 4),
        ksize=[2, 2],
        strides=[2, 2],
        pooling_type="avg",
        name="window higher than the image",
        expect=lambda x: x.reshape(1, 2, 1, 2, 2).mean(-1),
    ),
    case(
        "pool3d",
        VOLUME,
        ksize=[2, 2, 2],
        strides=[1, 1, 2],
        paddings=each([0, 0, 0], [1, 0, 0]),
        ceil_mode=each(False, True),
        pooling_type=each("max", "avg"),
    ),
    case("pool3d", VOLUME, ksize=[3, 2, 2], adaptive=True, pooling_type=each("max", "avg")),
    case(
        "pool3d",
        distinct(1, 4, 3, 5, 2),
        ksize=[2, 2, 2],
        data_format="NDHWC",
        padding_algorithm="SAME",
        pooling_type=each("max", "avg"),
    ),
    case("max_pool2d_with_index", distinct(2, 2, 4, 6), expect=lambda x: quarters(x).max(-1), **TWO),
    case("max_pool2d_with_index", X, ksize=[3, 2], strides=[2, 1], paddings=each([1, 0], [0, 1, 1, 0])),
    case("max_pool2d_with_index", X, ksize=[2, 4], adaptive=True),
    case("max_pool2d_with_index", X, ksize=[1, 1], global_pooling=True),
    case("max_pool3d_with_index", VOLUME, ksize=[2, 2, 3], strides=[1, 1, 2], paddings=[1, 0, 1]),
    case("max_pool3d_with_index", VOLUME, ksize=[2, 1, 3], adaptive=True),
    case(
        "unpool",
        normal(1, 2, 2, 2),
        value([[[[0, 3], [9, 11]], [[5, 6], [8, 15]]]], "int32", False),
        unpooling_type="max",
        ksize=[2, 2],
        strides=[2, 2],
        output_size=each([0, 0], [4, 5]),
    ),
    case(
        "unpool3d", normal(1, 1, 1, 2, 1), value([[[[[3], [14]]]]], "int32", False), ksize=[2, 2, 2], strides=[2, 2, 2]
    ),
)
