"""The kernel of recurrent layers against the operator's own NumPy form."""

from __future__ import annotations

import numpy as np
import pytest

from minipaddle import flags
from minipaddle.ops.rnn import rnn as operator

GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
DTYPES = ["float32", "float64"]


def inputs(mode, dtype, steps, batch, width, hidden, layers, directions, has_bias):
    """x, first states, weights of the operator; numbers as large as trained networks have them."""
    rng = np.random.default_rng(0)
    draw = lambda *shape: rng.standard_normal(shape).astype(dtype)  # noqa: E731
    rows, many = layers * directions, GATES[mode] * hidden
    weights = []
    for k in range(rows):
        wide = width if k < directions else directions * hidden
        weights += [draw(many, wide) / np.sqrt(wide, dtype=dtype), draw(many, hidden) / np.sqrt(hidden, dtype=dtype)]
    weights += [draw(many) for _ in range(2 * rows)] if has_bias else []
    states = [draw(rows, batch, hidden) for _ in range(2 if mode == "LSTM" else 1)]
    return draw(steps, batch, width), states, weights


def both_ways(x, states, weights, lengths, **attrs):
    """Every result and gradient, as one list."""
    out, dropped, last, reserve = operator.forward(np, x, states, weights, lengths, **attrs)
    rng = np.random.default_rng(1)
    d_out, *d_last = (rng.standard_normal(a.shape).astype(a.dtype) for a in (out, *last))
    gradient = operator.grad.function
    d_x, d_states, d_weights = gradient(np, x, states, weights, lengths, out, dropped, reserve, d_out, d_last, **attrs)
    return [out, *last, d_x, *d_states, *d_weights]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", GATES)
@pytest.mark.parametrize("sizes", [(1, 1, 1), (3, 1, 5), (4, 2, 16), (3, 3, 7), (5, 7, 20), (2, 8, 33), (3, 13, 48), (2, 16, 64)], ids=str)
def test_sizes(kernel, mode, dtype, sizes):
    steps, batch, hidden = sizes
    data = inputs(mode, dtype, steps, batch, 3, hidden, 1, 1, hidden != 7)
    attrs = {"mode": mode, "hidden_size": hidden}
    with flags.scoped(kernels=False):
        expected = both_ways(*data, None, **attrs)
    for got, wanted in zip(both_ways(*data, None, **attrs), expected, strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, wanted, rtol=0, atol=(2e-5 if dtype == "float32" else 1e-12) * max(abs(wanted).max(), 1))


@pytest.mark.parametrize("mode", GATES)
@pytest.mark.parametrize("directions", [1, 2])
def test_layers_directions_and_lengths(kernel, mode, directions):
    data = inputs(mode, "float64", 6, 4, 3, 5, 2, directions, True)
    attrs = {"mode": mode, "hidden_size": 5, "num_layers": 2, "is_bidirec": directions == 2}
    for lengths in (None, np.array([6, 3, 1, 5])):
        with flags.scoped(kernels=False):
            expected = both_ways(*data, lengths, **attrs)
        for a, b in zip(both_ways(*data, lengths, **attrs), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * max(abs(b).max(), 1))


def run(kernel, x, weight, dtype, h=None):
    """A layer of one number per state, RNN_TANH, over the steps x."""
    steps = x.astype(dtype).reshape(-1, 1, 1)
    gates, states = np.empty_like(steps), np.empty_like(steps)
    h = np.zeros((1, 1), dtype) if h is None else h
    found = kernel("rnn")("RNN_TANH", False, steps, weight, None, None, h, None, gates, np.empty((len(x), 1, 0), dtype), states)
    return None if found is None else states.reshape(-1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_hyperbolic_tangent(kernel, dtype):
    """Right to the last digits near 0 too, where exp(2x) - 1 would lose them."""
    x = np.concatenate([np.linspace(-12, 12, 2001), [1e-30, -1e-7, 1e-4, 0.0, 25, -90, np.inf, -np.inf]]).astype(dtype)
    got = run(kernel, x, np.zeros((1, 1), dtype), dtype)
    np.testing.assert_allclose(got, np.tanh(x.astype("float64")), rtol=5e-7 if dtype == "float32" else 1e-15 * 3)
    assert np.isnan(run(kernel, np.array([np.nan]), np.zeros((1, 1), dtype), dtype))


def test_refuses(kernel):
    x, weight = np.zeros(3, "float32"), np.zeros((1, 1), "float32")
    assert run(kernel, x, weight.astype("float64"), "float32") is None
    assert run(kernel, x, weight, "float16") is None
    with pytest.raises(ValueError, match="expected 1"):
        run(kernel, x, np.zeros((2, 1), "float32"), "float32")


def test_large_products_are_left_to_blas(kernel):
    shape = (2, 128, 512)
    h, states, gates = np.zeros(shape[1:], "float32"), np.zeros(shape, "float32"), np.zeros((2, 128, 1536), "float32")
    weight = np.zeros((1536, 512), "float32")
    assert kernel("rnn")("GRU", False, gates, weight, None, None, h, None, gates.copy(), states.copy(), states) is None
