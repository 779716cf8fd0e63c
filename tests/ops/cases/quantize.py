"""Operators of quantised models."""

from __future__ import annotations

import numpy as np

from tests.ops.caselib import case, each, flat, normal, uniform, value

CASES = flat(
    case(
        "quantize_linear",
        value([[-2.0, -0.5, 0.1, 1.0]]),
        value([1.0]),
        quant_axis=-1,
        round_type=0,
        grad=False,
        name="limits",
        expect=lambda x, s: np.array([[-128.0, -64, 13, 127]]),
    ),
    case("quantize_linear", normal(3, 4), uniform(0.5, 2, 3), value(np.zeros(3)), round_type=each(0, 1), grad=False),
    case(
        "dequantize_linear",
        value([[127, -64], [1, 0]], "int8"),
        value([2.0, 0.5]),
        quant_axis=1,
        grad=False,
        expect=lambda x, s: x * s / 127,
    ),
    case("fake_quantize_dequantize_moving_average_abs_max", normal(3, 4), value([1.5]), is_test=True, grad=False),
    case("fake_channel_wise_quantize_dequantize_abs_max", normal(3, 4, 2), quant_axis=each(0, 1), grad=False),
    case("fake_quantize_dequantize_abs_max", normal(3, 4), bit_length=each(4, 8), grad=False),
)
