"""Rows for the operators of `ops/embedding.py`, and for the bilinear form."""

from __future__ import annotations

import numpy as np

from tests.ops.caselib import case, flat, integers, normal, value


def traced_back(ids, parents):
    out = np.empty_like(ids)
    for b in range(ids.shape[1]):
        for k in range(ids.shape[2]):
            beam = k
            for t in range(ids.shape[0] - 1, -1, -1):
                out[t, b, k], beam = ids[t, b, beam], parents[t, b, beam]
    return out


CASES = flat(
    case("lookup_table_v2", integers(0, 5, 2, 3), normal(5, 4), expect=lambda i, w: w[i]),
    case(
        "lookup_table_v2",
        value([[0, 2], [2, 4]], "int32"),
        normal(5, 4),
        padding_idx=2,
        expect=lambda i, w: w[i] * (i != 2)[..., None],
    ),
    case("lookup_table", normal(5, 4), integers(0, 5, 3, 1), expect=lambda w, i: w[i[:, 0]]),
    case(
        "bilinear_tensor_product",
        normal(3, 4),
        normal(3, 2),
        normal(5, 4, 2),
        normal(1, 5),
        expect=lambda x, y, w, b: np.einsum("ni,oij,nj->no", x, w, y) + b,
    ),
    case("bilinear_tensor_product", normal(3, 4), normal(3, 2), normal(5, 4, 2), name="no bias"),
    case("gather_tree", integers(0, 9, 4, 2, 3), integers(0, 3, 4, 2, 3), expect=traced_back),
)
