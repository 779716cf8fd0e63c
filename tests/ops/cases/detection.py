"""Operators of object detection."""

from __future__ import annotations

import numpy as np

from tests.ops.caselib import case, distinct, each, flat, normal, uniform, value

BOXES = value([[0.3, 0.2, 4.1, 3.7], [1.2, 1.1, 1.6, 9.5], [-2.0, 0.4, 3.3, 2.9]], "float64", False)
COUNTS = value([1, 2], "int32")
SORTED = value([[0, 0, 2, 2], [0.1, 0, 2, 2], [1, 1, 3, 3], [5, 5, 6, 6], [5, 5, 6, 6.2]], "float64", False)

CASES = flat(
    case(
        "roi_align",
        normal(2, 3, 5, 6),
        BOXES,
        COUNTS,
        pooled_height=2,
        pooled_width=3,
        sampling_ratio=each(-1, 2),
        aligned=each(True, False),
    ),
    case(
        "roi_align",
        value(np.arange(16.0).reshape(1, 1, 4, 4)),
        value([[0.0, 0, 4, 4]], "float64", False),
        value([1], "int32"),
        pooled_height=2,
        pooled_width=2,
        sampling_ratio=2,
        aligned=True,
        name="means",
        expect=lambda x, b, n: np.array([[[[2.5, 4.5], [10.5, 12.5]]]]),
    ),
    case(
        "roi_pool", distinct(2, 3, 5, 6), BOXES, COUNTS, pooled_height=2, pooled_width=2, spatial_scale=each(1.0, 0.6)
    ),
    case("nms", SORTED, iou_threshold=each(0.3, 0.99), check_infer=False),
    case("nms", SORTED, iou_threshold=0.3, check_infer=False, name="kept", expect=lambda b: np.array([0, 2, 3])),
    case(
        "box_coder",
        value([[0, 0, 2, 4], [1, 1, 3, 2]], "float64", False),
        uniform(0.1, 0.2, 2, 4),
        value([[1, 1, 2, 3.0]], "float64", False),
        box_normalized=each(True, False),
    ),
    case(
        "box_coder",
        value([[0, 0, 2, 4], [1, 1, 3, 2]], "float64", False),
        None,
        normal(3, 2, 4),
        code_type="decode_center_size",
        variance=[0.1, 0.1, 0.2, 0.2],
    ),
    case(
        "box_coder",
        value([[0, 0, 2, 4], [1, 1, 3, 2]], "float64", False),
        uniform(0.1, 0.2, 2, 4),
        normal(2, 3, 4),
        code_type="decode_center_size",
        axis=1,
        box_normalized=False,
    ),
)
