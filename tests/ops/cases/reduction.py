"""Rows for the operators of `ops/reduction.py`."""
from __future__ import annotations

import numpy as np

from tests.ops.caselib import booleans, case, distinct, each, flat, integers, normal, uniform, value

NAN = float("nan")


def reduce(function):
    """The NumPy form over axis 1 of each reduction."""
    return lambda x, *_: function(x, axis=1)


X = normal(2, 3, 4)

CASES = flat(
    case("reduce_sum", X, dim=each([0], [1, -1], []), keep_dim=each(False, True)),
    case("reduce_sum", X, reduce_all=True, expect=np.sum),
    case("reduce_sum", normal(), dim=[], name="scalar", expect=np.sum),
    case("reduce_sum", integers(0, 9, 2, 3, dtype="int32"), dim=[1], expect=reduce(np.sum)),
    case("reduce_sum", booleans(2, 3), dim=[1], expect=reduce(np.sum)),
    case("reduce_sum", integers(0, 9, 2, 3, dtype="uint8"), dim=[1], expect=lambda x: x.sum(1, dtype="uint8")),
    case("reduce_sum", X, dim=[1], in_dtype=6, out_dtype=5, grad=False),
    case("reduce_mean", X, dim=each([0], [1, -1], []), keep_dim=each(False, True)),
    case("reduce_mean", integers(-9, 9, 2, 3), dim=[1], expect=lambda x: np.trunc(x.mean(1)).astype("int64")),
    case("mean", X, expect=np.mean),
    case("reduce_max", distinct(3, 4), dim=each([0], [1], []), keep_dim=each(False, True)),
    case("reduce_min", distinct(3, 4), dim=[1], expect=reduce(np.min)),
    case("reduce_amax", distinct(3, 4), None, None, dim=[1], expect=reduce(lambda x, axis: x.max(axis))),
    case("reduce_amin", distinct(3, 4), None, None, dim=[0], keep_dim=True, expect=lambda x, *_: x.min(0, keepdims=True)),
    case("reduce_amax", distinct(3, 4), value([1], "int32"), None, dim=[0], check_infer=False, static=False, grad=False, expect=lambda x, *_: x.max(1)),
    case("reduce_prod", uniform(0.5, 2, 3, 4), dim=each([0], []), keep_dim=each(False, True)),
    case("reduce_prod", value([[1.0, 0.0, 3.0], [0.0, 0.0, 2.0], [2.0, 3.0, 4.0]]), dim=[1], name="zeros", expect=reduce(np.prod)),
    case("reduce_all", booleans(3, 4), None, None, dim=[1], expect=reduce(np.all)),
    case("reduce_any", booleans(3, 4), None, None, dim=each([0], []), keep_dim=True),
    case("reduce_any", normal(3, 4), None, None, dim=[1], grad=False, expect=reduce(np.any)),
    case("logsumexp", normal(3, 4), axis=each([0], [0, 1]), keepdim=each(False, True)),
    case("logsumexp", value([[1000.0, 1001.0]]), axis=[1], name="large", expect=lambda x: np.array([1001.3132616875183])),
    case("frobenius_norm", normal(3, 4), dim=each([0, 1], [1]), keep_dim=each(False, True)),
    *[case("p_norm", normal(3, 4), porder=p, axis=1, keepdim=k) for p in (1.0, 2.0, 3.0, 0.5, float("inf"), -float("inf")) for k in (False, True)],
    case("p_norm", distinct(3, 4), porder=0.0, axis=0, grad=False, expect=lambda x: np.full(4, 3.0)),
    case("p_norm", distinct(3, 4), porder=2.5, asvector=True),
    case("l1_norm", distinct(3, 4), expect=lambda x: np.abs(x).sum()),
    case("squared_l2_norm", normal(3, 4), expect=lambda x: np.array([(x * x).sum()])),
    case("norm", normal(3, 4), axis=1, epsilon=1e-10),
    *[case("dist", distinct(2, 3), normal(3), p=p) for p in (0.7, 1.0, 2.0, 3.0, float("inf"))],
    case("cumsum", normal(2, 3, 4), axis=each(0, -1), exclusive=each(False, True), reverse=each(False, True)),
    case("cumsum", normal(2, 3), flatten=True, expect=lambda x: x.reshape(-1).cumsum()),
    case("cumsum", integers(0, 9, 2, 3, dtype="int32"), axis=1, expect=lambda x: x.cumsum(1, dtype="int32")),
    case("cumprod", uniform(0.5, 2, 2, 4), dim=each(0, 1)),
    case("cumprod", value([[1.0, 2.0, 0.0, 3.0, 4.0], [2.0, 0.0, 3.0, 0.0, 1.0]]), dim=1, name="zeros", expect=lambda x: x.cumprod(1)),
    case("logcumsumexp", normal(2, 5), axis=each(0, 1), reverse=each(False, True)),
    case("logcumsumexp", normal(2, 5), axis=1, exclusive=True, grad=False),
    case("logcumsumexp", value([-1000.0, 0.0, 1000.0]), axis=0, name="wide", grad=False, expect=lambda x: x),
    case("cummax", distinct(2, 6), axis=each(0, -1), dtype=3),
    case("cummin", distinct(2, 6), axis=1, dtype=2),
    case("cummax", value([1.0, 3.0, 3.0, 2.0]), axis=0, dtype=3, grad=False, expect=lambda x: (np.maximum.accumulate(x), np.array([0, 1, 2, 2]))),
    case("nanmedian", distinct(3, 5), axis=[1], keepdim=each(False, True)),
    case("nanmedian", distinct(3, 4), axis=each([], [0, 1])),
    case("nanmedian", value([[1.0, NAN, 3.0, 4.0]]), axis=[1], keepdim=False, grad=False, expect=lambda x: np.array([3.0])),
)  # fmt: skip
