"""Convolutions and transposed convolutions."""

from __future__ import annotations

import itertools

import numpy as np

from tests.ops.caselib import case, each, flat, normal


def by_loops(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """A convolution of two axes, stride 1, no padding, straight from its definition."""
    kh, kw = w.shape[2:]
    out = np.zeros((x.shape[0], w.shape[0], x.shape[2] - kh + 1, x.shape[3] - kw + 1))
    for n, o, i, j in itertools.product(*map(range, out.shape)):
        out[n, o, i, j] = (x[n, :, i : i + kh, j : j + kw] * w[o]).sum()
    return out


X, W = normal(2, 3, 5, 6), normal(4, 3, 3, 2)
LINE, LINE_W = normal(2, 3, 1, 9), normal(4, 3, 1, 3)
VOLUME = normal(1, 2, 4, 3, 5)

CASES = flat(
    case("conv2d", X, W, expect=by_loops, name="definition"),
    case(
        "conv2d",
        X,
        W,
        strides=each([1, 1], [2, 3]),
        paddings=each([0, 0], [1, 2], [0, 1, 2, 1]),
        dilations=each([1, 1], [2, 1]),
    ),
    case("conv2d", X, W, padding_algorithm=each("SAME", "VALID"), strides=[2, 1], dilations=[1, 2]),
    case("conv2d", normal(2, 4, 5, 5), normal(6, 2, 2, 3), groups=2, paddings=[1, 1]),
    case("conv2d", normal(2, 5, 6, 3), W, data_format="NHWC", paddings=[1, 0], strides=[1, 2]),
    case("conv2d", LINE, LINE_W, strides=[1, 2], paddings=[0, 1], dilations=[1, 2]),
    case("conv2d", X, normal(4, 3, 1, 1), name="1 x 1"),
    case(
        "depthwise_conv2d", X, normal(3, 1, 3, 3), groups=3, paddings=each([0, 0], [1, 1]), strides=each([1, 1], [2, 1])
    ),
    case("depthwise_conv2d", X, normal(6, 1, 2, 3), groups=3, name="two filters for each channel"),
    case("depthwise_conv2d", normal(2, 5, 6, 3), normal(3, 1, 3, 3), groups=3, data_format="NHWC"),
    case(
        "conv3d",
        VOLUME,
        normal(3, 2, 2, 2, 3),
        paddings=each([0, 0, 0], [1, 0, 1], [0, 1, 1, 0, 2, 1]),
        strides=[1, 2, 1],
    ),
    case("conv3d", VOLUME, normal(4, 1, 2, 1, 2), groups=2, dilations=[1, 2, 2]),
    case(
        "conv3d",
        normal(1, 4, 3, 5, 2),
        normal(3, 2, 2, 2, 3),
        data_format="NDHWC",
        padding_algorithm="SAME",
        strides=[2, 1, 2],
    ),
    case(
        "conv2d_transpose",
        normal(2, 3, 3, 4),
        normal(3, 2, 3, 2),
        strides=each([1, 1], [2, 3]),
        paddings=each([0, 0], [1, 0], [0, 1, 1, 0]),
    ),
    case(
        "conv2d_transpose",
        normal(2, 3, 3, 4),
        normal(3, 2, 3, 2),
        strides=[2, 2],
        dilations=[2, 1],
        output_padding=[1, 0],
    ),
    case("conv2d_transpose", normal(2, 3, 3, 4), normal(3, 2, 3, 2), strides=[3, 2], output_size=each([9, 8], [11, 9])),
    case("conv2d_transpose", normal(2, 4, 3, 4), normal(4, 2, 2, 2), groups=2, strides=[2, 1]),
    case(
        "conv2d_transpose", normal(2, 3, 4, 3), normal(3, 2, 3, 2), data_format="NHWC", strides=[2, 1], paddings=[1, 1]
    ),
    case(
        "conv2d_transpose",
        normal(2, 3, 3, 4),
        normal(3, 2, 3, 2),
        padding_algorithm=each("SAME", "VALID"),
        strides=[2, 2],
        check_infer=False,
    ),
    case(
        "depthwise_conv2d_transpose", normal(2, 3, 3, 4), normal(3, 1, 3, 2), groups=3, strides=[2, 1], paddings=[1, 0]
    ),
    case(
        "conv3d_transpose",
        normal(1, 2, 2, 3, 2),
        normal(2, 3, 2, 2, 3),
        strides=each([1, 1, 1], [2, 1, 3]),
        paddings=[0, 1, 1],
    ),
    case(
        "conv3d_transpose",
        normal(1, 2, 3, 2, 2),
        normal(2, 3, 2, 2, 3),
        data_format="NHWC",
        strides=[2, 1, 1],
        output_padding=[1, 0, 0],
    ),
)
