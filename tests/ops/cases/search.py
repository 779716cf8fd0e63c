"""Searching and sorting."""

from __future__ import annotations

import numpy as np

from tests.ops.caselib import case, distinct, each, flat, integers, normal, value

CASES = flat(
    case("arg_max", distinct(3, 4), axis=each(0, 1, -1), keepdims=each(True, False)),
    case("arg_max", distinct(3, 4), axis=0, flatten=True, keepdims=each(True, False), dtype=2),
    case("arg_min", distinct(3, 4), axis=1, expect=lambda x: x.argmin(1)),
    case("argsort", distinct(3, 4), axis=each(0, 1, -1), descending=each(True, False)),
    case("argsort", distinct(), axis=-1, name="0-D"),
    case("argsort", value([1, 3, 3, 1]), descending=True, expect=lambda x: np.array([3, 3, 1, 1])),
    case("top_k_v2", distinct(3, 5), k=each(1, 3), axis=each(-1, 0), largest=each(True, False)),
    case("top_k_v2", distinct(3, 5), value([2], "int32"), name="k tensor", check_infer=False),
    case("top_k", distinct(3, 5), k=2),
    case("kthvalue", distinct(3, 5), k=each(1, 4), axis=1, keepdim=each(True, False)),
    case("mode", distinct(3, 5), axis=1, keepdim=each(True, False)),
    case("mode", value([[1, 2, 2, 3], [4, 4, 1, 1]]), axis=-1, expect=lambda x: (np.array([2, 1]), np.array([2, 3]))),
    case("unique", integers(0, 4, 8), is_sorted=True, check_infer=False),
    case(
        "unique",
        value([3, 1, 3, 2]),
        is_sorted=False,
        expect=lambda x: (np.array([3, 1, 2]), np.array([0, 1, 3]), np.array([0, 1, 0, 2]), np.array([2, 1, 1])),
        check_infer=False,
    ),
    case("unique", integers(0, 2, 5, 2), axis=each([0], [1]), is_sorted=True, check_infer=False),
    case(
        "unique_consecutive",
        value([1, 1, 2, 2, 1]),
        dtype=3,
        expect=lambda x: (np.array([1, 2, 1]), np.array([0, 0, 1, 1, 2]), np.array([2, 2, 1])),
        check_infer=False,
    ),
    case(
        "searchsorted",
        value([1.0, 3.0, 5.0], None, False),
        normal(2, 3),
        right=each(True, False),
        out_int32=each(True, False),
    ),
    case(
        "searchsorted",
        value([[1.0, 3.0], [2.0, 4.0]], None, False),
        value([[1.0], [9.0]], None, False),
        expect=lambda s, v: np.array([[0], [2]]),
    ),
)
