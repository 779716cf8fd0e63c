"""The best path through a chain."""
from __future__ import annotations

import itertools

import numpy as np

from tests.ops.caselib import case, each, flat, normal, value


def every_path(x, transition, length):
    """By trying them all; the last two of the tags are ordinary ones."""
    scores, paths = [], np.zeros((len(x), length.max()), "int64")
    for b, n in enumerate(length):
        rated = {
            p: x[b, range(n), p].sum() + transition[p[:-1], p[1:]].sum() for p in itertools.product(range(x.shape[2]), repeat=int(n))
        }
        best = max(rated, key=rated.get)
        scores.append(rated[best])
        paths[b, :n] = best
    return np.array(scores), paths


LENGTHS = value([4, 1, 3], "int64")
CASES = flat(
    case("viterbi_decode", normal(3, 5, 3), normal(3, 3), LENGTHS, include_bos_eos_tag=False, expect=every_path, check_infer=False),
    case("viterbi_decode", normal(3, 5, 4), normal(4, 4), LENGTHS, include_bos_eos_tag=each(True, False), check_infer=False),
)
