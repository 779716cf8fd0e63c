"""Operators that walk ragged sequences inside of loops, part rows by a mask, search with beams, and sample classes."""

from __future__ import annotations

import numpy as np

from tests.ops.caselib import case, flat, integers, normal, uniform, value

LOD = ((0, 2, 5, 6),)
TABLE = value([[1, 3], [0, 2], [2, 1]])  # the second sentence is the longest
RAGGED = {"check_infer": False, "static": False}
MASK = value([[True], [False], [False], [True]])
# rows of three source sentences, the last of which is finished
BEAMS = ((0, 2, 3, 4), (0, 1, 2, 3, 4))

CASES = flat(
    case(
        "lod_rank_table",
        normal(6, 2),
        lod=LOD,
        grad=False,
        expect=lambda x: np.array([[1, 3], [0, 2], [2, 1]]),
        **RAGGED,
    ),
    case("max_sequence_len", TABLE, grad=False, expect=lambda t: np.array([3]), static=False),
    case("shrink_rnn_memory", normal(3, 4), TABLE, value([1]), expect=lambda x, t, i: x[:2], **RAGGED),
    case("reorder_lod_tensor_by_rank", normal(3, 4), TABLE, expect=lambda x, t: x[[1, 0, 2]], static=False),
    case(
        "reorder_lod_tensor_by_rank",
        normal(6, 2),
        TABLE,
        lod=LOD,
        name="sentences",
        expect=lambda x, t: x[[2, 3, 4, 0, 1, 5]],
        **RAGGED,
    ),
    case("split_lod_tensor", normal(4, 3), MASK, expect=lambda x, m: (x[[0, 3]], x[[1, 2]]), **RAGGED),
    case(
        "split_lod_tensor",
        normal(6, 2),
        value([[False], [True], [False]]),
        lod=LOD,
        name="sentences",
        expect=lambda x, m: (x[2:5], x[[0, 1, 5]]),
        **RAGGED,
    ),
    case(
        "merge_lod_tensor",
        None,
        MASK,
        normal(2, 3),
        normal(2, 3),
        expect=lambda x, m, a, b: np.stack([a[0], b[0], b[1], a[1]]),
        **RAGGED,
    ),
    case(
        "beam_search",
        value([[3], [4], [2], [0]]),
        value(np.array([[0.1], [0.2], [0.3], [0.9]], "float32")),
        value([[1, 2], [3, 0], [5, 6], [1, 2]]),
        value(np.array([[0.5, 0.4], [0.6, 0.45], [0.2, 0.1], [0.3, 0.2]], "float32")),
        beam_size=2,
        end_id=0,
        lod=BEAMS,
        grad=False,
        expect=lambda *_: (
            np.array([[1], [3], [5], [6]]),
            np.array([[0.5], [0.6], [0.2], [0.1]], "float32"),
            np.array([0, 1, 2, 2], "int32"),
        ),
        **RAGGED,
    ),
    case(
        "nce",
        normal(4, 3),
        integers(0, 6, 4, 2),
        normal(6, 3),
        normal(6, 1),
        num_total_classes=6,
        num_neg_samples=3,
        custom_neg_classes=[1, 4, 5],
        standin=False,
        static=False,
    ),
    case(
        "nce",
        normal(4, 3),
        integers(0, 6, 4, 1),
        normal(6, 3),
        None,
        uniform(0.5, 2, 4),
        num_total_classes=6,
        num_neg_samples=2,
        sampler=1,
        custom_neg_classes=[0, 3],
        standin=False,
        static=False,
        name="weights",
    ),
)
