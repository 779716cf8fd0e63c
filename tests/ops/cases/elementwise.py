"""Rows for the operators of `ops/elementwise.py` and `ops/special.py`."""
from __future__ import annotations

import math

import numpy as np

from tests.ops.caselib import booleans, case, distinct, each, flat, integers, normal, uniform, value

NAN, INF = float("nan"), float("inf")


def vectorised(function):
    return lambda x: np.vectorize(function, otypes=[np.float64])(x)


def half_away(x):
    return np.sign(x) * np.floor(np.abs(x) + 0.5)


CASES = flat(
    # one tensor
    case("abs", distinct(2, 3), expect=np.abs),
    case("exp", normal(2, 3), expect=np.exp),
    case("exp", integers(-3, 4, 5), name="int64", expect=lambda x: np.exp(x).astype("float32")),
    case("expm1", normal(2, 3), expect=np.expm1),
    case("log", uniform(0.3, 3, 2, 3), expect=np.log),
    case("log2", uniform(0.3, 3, 2, 3), expect=np.log2),
    case("log10", uniform(0.3, 3, 2, 3), expect=np.log10),
    case("log1p", uniform(-0.5, 3, 2, 3), expect=np.log1p),
    case("sqrt", uniform(0.3, 3, 2, 3), expect=np.sqrt),
    case("rsqrt", uniform(0.3, 3, 2, 3), expect=lambda x: 1 / np.sqrt(x)),
    case("reciprocal", uniform(0.3, 3, 2, 3), expect=lambda x: 1 / x),
    case("square", normal(2, 3), expect=np.square),
    case("square", integers(-3, 4, 5), name="int64", expect=np.square),
    case("sin", normal(2, 3), expect=np.sin),
    case("cos", normal(2, 3), expect=np.cos),
    case("tan", uniform(-1, 1, 2, 3), expect=np.tan),
    case("sinh", normal(2, 3), expect=np.sinh),
    case("cosh", normal(2, 3), expect=np.cosh),
    case("tanh", normal(2, 3), expect=np.tanh),
    case("asin", uniform(-0.9, 0.9, 4), expect=np.arcsin),
    case("acos", uniform(-0.9, 0.9, 4), expect=np.arccos),
    case("atan", normal(4), expect=np.arctan),
    case("asinh", normal(4), expect=np.arcsinh),
    case("acosh", uniform(1.2, 3, 4), expect=np.arccosh),
    case("atanh", uniform(-0.9, 0.9, 4), expect=np.arctanh),
    case("floor", distinct(5), expect=np.floor),
    case("ceil", distinct(5), expect=np.ceil),
    case("round", value([-2.5, -1.5, -0.5, 0.4999999, 0.5, 1.5, 2.5]), grad=False, expect=half_away),
    case("trunc", distinct(5), expect=np.trunc),
    case("trunc", integers(-3, 3, 5), name="int64", expect=lambda x: x),
    case("sign", distinct(5), expect=np.sign),
    case("tanh", normal(), name="scalar", expect=np.tanh),
    # special functions
    case("erf", uniform(-4, 4, 50), expect=vectorised(math.erf)),
    case("erfinv", uniform(-0.95, 0.95, 20), expect=None),
    case("lgamma", uniform(-3.9, 8, 50), rtol=1e-4, expect=vectorised(math.lgamma)),
    case("digamma", uniform(0.2, 30, 20)),
    case("polygamma", uniform(0.5, 20, 10), n=each(1, 2, 3)),
    case("i0", uniform(-30, 30, 12), rtol=1e-4, expect=np.i0),
    case("i0e", uniform(-30, 30, 12), expect=lambda x: np.i0(x) * np.exp(-np.abs(x))),
    case("i1", uniform(-8, 8, 12), rtol=1e-4),
    case("i1e", uniform(-30, 30, 12)),
    case("logit", uniform(0.1, 0.9, 5), eps=each(0.0, 1e-6), expect=lambda x: np.log(x / (1 - x))),
    # complex numbers
    case("conj", value([1 + 2j, 3 - 1j]), grad=False, expect=np.conj),
    case("real", value([1 + 2j, 3 - 1j]), grad=False, expect=np.real),
    case("imag", value([1 + 2j, 3 - 1j]), grad=False, expect=np.imag),
    case("angle", value([1 + 2j, 3 - 1j]), grad=False, name="complex", expect=np.angle),
    case("angle", distinct(5), expect=np.angle),
    # tests
    case("isnan_v2", value([1.0, NAN, INF]), grad=False, expect=np.isnan),
    case("isinf_v2", value([1.0, NAN, -INF]), grad=False, expect=np.isinf),
    case("isfinite_v2", value([1.0, NAN, INF]), grad=False, expect=np.isfinite),
    case("isnan", value([1.0, NAN, INF]), grad=False, expect=lambda x: np.array([True])),
    case("isinf", value([1.0, NAN]), grad=False, expect=lambda x: np.array([False])),
    case("isfinite", value([1.0, 2.0]), grad=False, expect=lambda x: np.array([True])),
    # two tensors
    case("elementwise_add", normal(2, 3), normal(3), expect=np.add),
    case("elementwise_add", normal(2, 3, 4), normal(3), axis=1, expect=lambda x, y: x + y[:, None]),
    case("elementwise_add", normal(3), normal(2, 1), name="broadcast both", expect=np.add),
    case("elementwise_add", normal(), normal(2), name="scalar", expect=np.add),
    case("elementwise_sub", normal(2, 1, 3), normal(4, 1), expect=np.subtract),
    case("elementwise_sub", normal(2, 3, 4), normal(2, 3), axis=0, expect=lambda x, y: x - y[:, :, None]),
    case("minus", normal(2, 3), normal(2, 3), expect=np.subtract),
    case("grad_add", normal(2, 3), normal(2, 3), expect=np.add),
    case("elementwise_mul", normal(2, 1, 3), normal(4, 1), expect=np.multiply),
    case("elementwise_mul", normal(2, 3, 4), normal(2), axis=0, expect=lambda x, y: x * y[:, None, None]),
    case("elementwise_div", normal(2, 1, 3), uniform(0.5, 2, 4, 1), expect=np.divide),
    case("elementwise_div", normal(2, 3, 4), uniform(0.5, 2, 3), axis=1),
    case("elementwise_div", integers(-20, 20, 8), integers(1, 5, 8), name="int64", expect=lambda x, y: np.trunc(x / y).astype("int64")),
    case("elementwise_floordiv", integers(-20, 20, 8), integers(1, 5, 8), expect=np.floor_divide),
    case("elementwise_floordiv", normal(6), uniform(0.5, 2, 6), name="float", expect=lambda x, y: np.floor(x / y)),
    case("elementwise_mod", integers(-20, 20, 8), integers(1, 5, 8), expect=np.mod),
    case("elementwise_mod", distinct(6), uniform(1, 2, 6), name="float", expect=np.mod),
    case("elementwise_pow", uniform(0.5, 2, 2, 3), normal(3), expect=np.power),
    case("elementwise_max", distinct(2, 3), value([0.01, 0.02, 0.03]), expect=np.maximum),
    case("elementwise_min", distinct(2, 3), value([0.01, 0.02, 0.03]), expect=np.minimum),
    case("elementwise_fmax", distinct(2, 3), value([0.01, 0.02, 0.03]), expect=np.fmax),
    case("elementwise_fmin", distinct(2, 3), value([0.01, 0.02, 0.03]), expect=np.fmin),
    case("elementwise_fmax", value([NAN, 1.0]), value([2.0, NAN]), grad=False, name="nan", expect=np.fmax),
    case("elementwise_heaviside", distinct(6), normal(6), expect=np.heaviside),
    case("elementwise_heaviside", value([0.0, 1.0, -1.0]), value([0.5]), grad=False, name="zero", expect=np.heaviside),
    case("atan2", normal(2, 3), normal(3), expect=np.arctan2),
    case("nextafter", normal(3), normal(3), grad=False, expect=np.nextafter),
    # with numbers
    case("scale", normal(3), None, scale=each(1.0, -2.5), bias=each(0.0, 0.5), bias_after_scale=each(True, False)),
    case("scale", normal(3), value([2.0]), bias=1.0, expect=lambda x, s: x * 2 + 1),
    case("scale", integers(-5, 5, 6), None, scale=2.7, bias=1.5, expect=lambda x, _: x * 2 + 1),
    case("scale", integers(9, 20, 4, dtype="uint8"), None, bias=-8.0, expect=lambda x, _: x - 8),
    case("pow", uniform(0.5, 2, 4), None, factor=each(0.0, 1.0, 2.0, 2.5, -1.0)),
    case("pow", integers(-4, 5, 6), None, factor=3.0, expect=lambda x, _: x**3),
    case("pow", uniform(0.5, 2, 4), value([1.5], differentiable=False), expect=lambda x, f: x**1.5),
    case("clip", distinct(3, 4), None, None, min=-0.3, max=each(0.4, INF), expect=None),
    case("clip", distinct(3, 4), value([-0.3], differentiable=False), value(0.4, differentiable=False), min=0.0, max=0.0,
         expect=lambda x, low, high: np.clip(x, -0.3, 0.4)),
    case("clip", integers(-5, 5, 6), None, None, min=-2, max=2**31 - 128, expect=lambda x, *_: np.maximum(x, -2)),
    case("clip_by_norm", normal(3, 2), max_norm=each(0.5, 100.0)),
    case("lerp", normal(2, 3), normal(3), uniform(0, 1, 1), expect=lambda x, y, w: x + w * (y - x)),
    case("sum", [normal(2, 3)] * 3, expect=sum),
    case("sum", [normal(2, 3)], name="one", expect=lambda xs: xs[0]),
    case("cast", normal(4), in_dtype=6, out_dtype=each(5, 2, 0), grad=False),
    # comparisons and logic
    *[
        case(name, integers(0, 3, 2, 4), integers(0, 3, 4), expect=function)
        for name, function in {
            "equal": np.equal, "not_equal": np.not_equal, "less_than": np.less, "less_equal": np.less_equal,
            "greater_than": np.greater, "greater_equal": np.greater_equal,
        }.items()
    ],
    case("less_than", normal(2, 3), normal(2), axis=0, grad=False, expect=lambda x, y: x < y[:, None]),
    case("logical_and", booleans(6), booleans(6), expect=np.logical_and),
    case("logical_or", booleans(6), booleans(6), expect=np.logical_or),
    case("logical_xor", integers(0, 2, 6), integers(0, 2, 6), expect=np.logical_xor),
    case("logical_not", normal(3), grad=False, expect=np.logical_not),
    case("bitwise_and", integers(0, 64, 5), integers(0, 64, 5), expect=np.bitwise_and),
    case("bitwise_or", booleans(5), booleans(5), expect=np.bitwise_or),
    case("bitwise_xor", integers(0, 64, 5), integers(0, 64, 5), expect=np.bitwise_xor),
    case("bitwise_not", integers(0, 64, 5), expect=np.invert),
    case("equal_all", integers(0, 9, 5), integers(0, 9, 4), name="shapes", expect=lambda x, y: np.array(False)),
    case("equal_all", value([1, 2]), value([1, 2]), expect=lambda x, y: np.array(True)),
    case("isclose", value([1.0, 2.0, NAN, INF]), value([1.000001, 2.1, NAN, INF]), atol="0.001", equal_nan=each(False, True), grad=False),
    case("allclose", value([1.0, 2.0]), value([1.00001, 2.0]), None, value([0.1]), grad=False, expect=lambda *a: np.array(True)),
)  # fmt: skip
