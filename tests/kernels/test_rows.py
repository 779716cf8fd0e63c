"""Kernels of activations, running sums, sums, largest elements and masks against the NumPy forms."""

from __future__ import annotations

import numpy as np
import pytest

from minipaddle import flags
from minipaddle.backend.kernels import ACTIVATION_GRADS, ACTIVATIONS
from minipaddle.ops.registry import OPS
from minipaddle.ops.search import sorted_index

DTYPES = ["float32", "float64"]

# operator, attributes, kernel of forward, what its backward function gets beside d_out
OPERATORS = [
    ("relu", {}, "Out"),
    ("relu6", {"threshold": 6.0}, "Out"),
    ("brelu", {"t_min": -0.5, "t_max": 0.75}, "X"),
    ("clip", {"min": -0.5, "max": 0.75}, "X"),
    ("leaky_relu", {"alpha": 0.25}, "X"),
    ("hard_swish", {}, "X"),
    ("hard_sigmoid", {"slope": 0.25, "offset": 0.5}, "Out"),
    ("elu", {"alpha": 1.5}, "X, Out"),
    ("softplus", {"beta": 2.0, "threshold": 15.0}, "X"),
    ("mish", {}, "X"),
    ("gelu", {"approximate": True}, "X"),
    ("swish", {"beta": 1.5}, "X"),
    ("silu", {}, "X, Out"),
    ("sigmoid", {}, "Out"),
    ("tanh", {}, "Out"),
    ("round", {}, None),
    ("scale", {"scale": 2.5, "bias": -1.0}, None),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("type", "attrs", "kept"), OPERATORS, ids=[row[0] for row in OPERATORS])
def test_activations(kernel, type, attrs, kept, dtype):
    op = OPS[type]
    x = np.concatenate([np.linspace(-40, 40, 1601), [0.0, -0.0, 2.5, -2.5, 0.49999997, np.nan, np.inf, -np.inf]]).astype(dtype)
    d_out = np.random.default_rng(0).standard_normal(x.shape).astype(dtype)
    tolerance = 5e-6 if dtype == "float32" else 1e-13

    def run(x, d_out):
        out = op.forward(np, x, **attrs)
        if kept is None:
            return (out,)
        arrays = {"X": (x,), "Out": (out,), "X, Out": (x, out)}[kept]
        absent = (None, None) if type == "clip" else ()
        return out, op.grad.function(np, *arrays, *absent, d_out, **op.grad.pick({**op.defaults, **attrs}))

    with np.errstate(all="ignore"):
        got = run(x, d_out)
        with flags.scoped(kernels=False):
            expected = run(x, d_out)
    for a, b in zip(got, expected, strict=True):
        assert a.dtype == b.dtype == dtype
        np.testing.assert_allclose(a[:-3], b[:-3], rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(got[0][-3:], expected[0][-3:])  # nan and the infinities


def test_activation_refuses(kernel):
    x = np.ones((3, 4), "float32")
    for name in ACTIVATIONS:
        assert kernel("activation")(name, x.T) is None
        assert kernel("activation")(name, x.astype("float16")) is None
    for name in ACTIVATION_GRADS:
        assert kernel("activation_grad")(name, x, x.astype("float64")) is None
        with pytest.raises(ValueError, match="d_out has 2 elements"):
            kernel("activation_grad")(name, x, np.ones(2, "float32"))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(7,), (3, 5), (19, 33), (2, 3, 4), (1, 1)], ids=str)
def test_cumsum(kernel, dtype, shape):
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    for axis in range(x.ndim):
        np.testing.assert_array_equal(kernel("cumsum")(x, axis), np.cumsum(x, axis=axis))
        back = np.flip(np.cumsum(np.flip(x, axis), axis=axis), axis)
        np.testing.assert_array_equal(kernel("cumsum")(x, axis, True), back)
    assert kernel("cumsum")(np.arange(3), 0) is None
    assert kernel("cumsum")(np.zeros((0, 3), dtype), 1) is None


def test_total(kernel):
    x = np.random.default_rng(0).random(100003).astype("float32")
    assert kernel("total")(x) == pytest.approx(x.sum(dtype="float64"), rel=1e-14)
    assert kernel("total")(x.astype("float64")) is None  # NumPy adds by pairs
    assert kernel("total")(x[::2]) is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("largest", [True, False])
def test_top(kernel, dtype, largest):
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 40):
        x = rng.integers(-4, 4, (7, n)).astype(dtype)  # many equal ones
        x[rng.random(x.shape) < 0.1] = np.nan
        x[rng.random(x.shape) < 0.1] = np.inf
        for k in {1, min(n, 7), min(n, 16)}:
            values, index = kernel("top")(x, k, largest)
            expected = sorted_index(np, x, 1, largest)[:, :k]
            np.testing.assert_array_equal(index, expected)
            np.testing.assert_array_equal(values, np.take_along_axis(x, expected, 1))
    assert kernel("top")(np.zeros((2, 100), dtype), 50, largest) is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("taps", [1, 2, 4])
def test_resample(kernel, dtype, taps):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 5)).astype(dtype)
    for axis in range(3):
        size = x.shape[axis]
        index, weight = rng.integers(0, size, (taps, 300)), rng.random((taps, 300))
        if taps == 2:
            weight[0] = 1 - weight[1]
        matrix = np.zeros((300, size))
        np.add.at(matrix, (np.broadcast_to(np.arange(300), index.shape), index), weight)
        got = kernel("resample")(x, axis, index, weight)
        assert got.dtype == dtype
        np.testing.assert_allclose(got, np.moveaxis(np.moveaxis(x, axis, -1) @ matrix.T, -1, axis), rtol=1e-5, atol=1e-6)
        with pytest.raises(IndexError, match=f"index {size} is outside of"):
            kernel("resample")(x, axis, index + (size - index.max()), weight)
    assert kernel("resample")(x.T, 0, index, weight) is None


@pytest.mark.parametrize("dtype", ["bool", "int16", "float16", "float32", "int64", "float64"])
def test_masks(kernel, dtype):
    rng = np.random.default_rng(0)
    for share in (0.0, 0.5, 1.0):
        mask = rng.random((9, 11)) < share
        x = rng.integers(0, 100, mask.shape).astype(dtype)
        chosen = kernel("compress")(mask, x)
        np.testing.assert_array_equal(chosen, x[mask])
        np.testing.assert_array_equal(kernel("spread")(mask, chosen), np.where(mask, x, np.zeros((), dtype)))
    assert kernel("compress")(mask, x.T) is None
    with pytest.raises(ValueError, match="chooses 99 elements, expected 100"):
        kernel("spread")(mask, np.zeros(100, dtype))
