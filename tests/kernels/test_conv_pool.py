"""Convolution, pooling, elementwise and embedding kernels against plain NumPy loops."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minipaddle.backend import kernels

DTYPES = ["float32", "float64"]


def normal(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def close(got, expected, dtype, factor=1.0):
    tolerance = factor * (2e-6 if dtype == "float32" else 4e-15)
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)
    assert got.dtype == dtype


# x shape, output channels, groups, kernel, strides, paddings (top, bottom, left, right), dilations
CONVS = [
    ((2, 3, 8, 9), 4, 1, (3, 3), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((2, 3, 8, 9), 4, 1, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    ((2, 1, 28, 28), 6, 1, (5, 5), (1, 1), (2, 2, 2, 2), (1, 1)),
    ((1, 8, 9, 9), 5, 1, (3, 2), (2, 2), (0, 1, 2, 0), (1, 1)),
    ((1, 6, 11, 12), 4, 2, (3, 3), (2, 3), (1, 1, 1, 1), (2, 2)),
    ((2, 4, 7, 7), 8, 4, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    ((2, 4, 8, 8), 4, 4, (3, 3), (2, 2), (1, 1, 1, 1), (1, 1)),
    ((2, 4, 5, 5), 3, 1, (1, 1), (3, 3), (0, 0, 0, 0), (1, 1)),
    ((1, 2, 3, 3), 2, 1, (2, 2), (1, 1), (5, 5, 5, 5), (3, 3)),
    ((1, 9, 4, 40), 3, 1, (4, 4), (1, 4), (0, 0, 0, 0), (1, 1)),
    # several parts: rows of one image, and images; more weights per channel than are taken at once
    ((1, 32, 47, 45), 33, 1, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    ((1, 32, 95, 91), 31, 1, (3, 3), (2, 2), (1, 1, 1, 1), (1, 1)),
    ((37, 16, 9, 11), 17, 1, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    ((3, 40, 7, 7), 9, 1, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    # padding that differs by side, or exceeds what a gradient can turn round; dilation and groups over several images
    ((3, 2, 7, 6), 7, 1, (3, 3), (1, 1), (2, 0, 0, 1), (1, 1)),
    ((3, 2, 7, 6), 7, 1, (2, 3), (1, 1), (3, 3, 4, 4), (1, 1)),
    ((3, 6, 13, 10), 15, 3, (3, 2), (1, 1), (2, 2, 1, 2), (2, 3)),
    ((2, 6, 13, 10), 9, 3, (3, 3), (1, 3), (1, 1, 1, 1), (1, 2)),
    ((2, 3, 20, 21), 8, 1, (7, 7), (2, 2), (3, 3, 3, 3), (1, 1)),
    # kernels of one place: with and without a whole vector of places, and with a stride
    ((2, 5, 6, 7), 11, 1, (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((2, 6, 3, 3), 4, 2, (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((2, 6, 9, 9), 4, 2, (1, 1), (2, 2), (0, 0, 0, 0), (1, 1)),
]


def patches(x, ksize, strides, paddings, dilations):
    """x[n, c, oh, ow, i, j] of the padded input."""
    top, bottom, left, right = paddings
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    extent = [d * (k - 1) + 1 for d, k in zip(dilations, ksize)]
    view = np.lib.stride_tricks.sliding_window_view(x, extent, axis=(2, 3))
    return view[:, :, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CONVS, ids=str)
@pytest.mark.parametrize("by_blas", [False, True])
def test_convolution(kernel, dtype, case, by_blas, monkeypatch):
    if by_blas:  # as for large products on many cores
        monkeypatch.setattr(kernels, "_better_shared", lambda *_: True)
    shape, out_channels, groups, ksize, strides, paddings, dilations = case
    x = normal(shape, dtype)
    weight = normal((out_channels, shape[1] // groups, *ksize), dtype, 1)
    windows = patches(x.astype("float64"), ksize, strides, paddings, dilations)
    n, c, oh, ow = windows.shape[:4]
    grouped = windows.reshape(n, groups, c // groups, oh, ow, *ksize)
    filters = weight.reshape(groups, out_channels // groups, c // groups, *ksize).astype("float64")
    expected = np.einsum("ngchwij,gocij->ngohw", grouped, filters).reshape(n, out_channels, oh, ow)
    close(kernel("conv2d")(x, weight, strides, paddings, dilations, groups), expected, dtype, 20)

    d_y = normal(expected.shape, dtype, 2)
    d_x, d_weight = kernel("conv2d_grad")(x, weight, d_y, strides, paddings, dilations, groups)
    spread = d_y.reshape(n, groups, -1, oh, ow).astype("float64")
    close(d_weight, np.einsum("ngchwij,ngohw->gocij", grouped, spread).reshape(weight.shape), dtype, 80)
    d_windows = np.einsum("ngohw,gocij->ngchwij", spread, filters).reshape(windows.shape)
    padded = np.zeros((n, c, shape[2] + sum(paddings[:2]), shape[3] + sum(paddings[2:])))
    for i in range(ksize[0]):
        for j in range(ksize[1]):
            for a in range(oh):
                for b in range(ow):
                    h, w = a * strides[0] + i * dilations[0], b * strides[1] + j * dilations[1]
                    padded[:, :, h, w] += d_windows[:, :, a, b, i, j]
    d_expected = padded[:, :, paddings[0] : paddings[0] + shape[2], paddings[2] : paddings[2] + shape[3]]
    close(d_x, d_expected, dtype, 20)
    assert kernel("conv2d_grad")(x, weight, d_y, strides, paddings, dilations, groups, False, False) == (None, None)
    # a gradient comes strided from a transpose
    strided = np.ascontiguousarray(d_y.transpose(1, 0, 2, 3)).transpose(1, 0, 2, 3)
    again = kernel("conv2d_grad")(x, weight, strided, strides, paddings, dilations, groups)
    np.testing.assert_array_equal(again[0], d_x)

    cols = kernel("im2col")(x, ksize, strides, paddings, dilations)
    np.testing.assert_array_equal(cols, windows.transpose(0, 1, 4, 5, 2, 3).reshape(cols.shape).astype(dtype))
    d_cols = d_windows.transpose(0, 1, 4, 5, 2, 3).reshape(cols.shape).astype(dtype)
    close(kernel("col2im")(d_cols, shape, ksize, strides, paddings, dilations), d_expected, dtype, 20)


def test_convolution_refuses(kernel):
    x, weight = normal((1, 2, 4, 4), "float32"), normal((2, 2, 3, 3), "float32")
    plain = ((1, 1), (0, 0, 0, 0), (1, 1), 1)
    assert kernel("conv2d")(x, weight.astype("float64"), *plain) is None
    assert kernel("conv2d")(x.transpose(0, 1, 3, 2), weight, *plain) is None
    with pytest.raises(ValueError, match="larger than the padded input"):
        kernel("conv2d")(x, normal((2, 2, 5, 5), "float32"), *plain)
    assert kernel("conv2d")(x, normal((2, 3, 3, 3), "float32"), *plain) is None


# shape, ksize, strides, paddings, ceil_mode, adaptive
POOLS = [
    ((2, 3, 8, 8), (2, 2), (2, 2), (0, 0, 0, 0), False, False),
    ((1, 2, 9, 9), (3, 3), (2, 2), (0, 0, 0, 0), False, False),
    ((1, 2, 9, 9), (3, 3), (1, 1), (1, 1, 1, 1), False, False),
    ((1, 2, 6, 6), (3, 3), (2, 2), (1, 1, 1, 1), True, False),
    ((1, 2, 10, 11), (2, 3), (3, 3), (1, 0, 0, 2), False, False),
    ((1, 1, 10, 600), (2, 2), (2, 2), (0, 0, 0, 0), False, False),
    ((1, 1, 4, 1100), (3, 3), (2, 2), (1, 1, 1, 1), False, False),
    ((2, 3, 7, 5), (3, 2), (1, 1), (0, 0, 0, 0), False, True),
    ((2, 3, 3, 3), (5, 1), (1, 1), (0, 0, 0, 0), False, True),
    # windows side by side, of many widths
    ((1, 2, 4, 46), (2, 2), (2, 2), (0, 0, 0, 0), False, False),
    ((1, 2, 5, 28), (2, 2), (2, 2), (0, 0, 0, 0), False, False),
    ((2, 1, 6, 13), (2, 2), (2, 2), (0, 0, 0, 0), False, False),
    ((2, 1, 4, 4), (2, 2), (2, 2), (0, 0, 0, 0), False, False),
    ((2, 1, 4, 2), (2, 2), (2, 2), (0, 0, 0, 0), False, False),
]


def windows_of(size, ksize, stride, before, after, ceil_mode, adaptive):
    """[(begin, end, length with padding)] of each window."""
    if adaptive:
        bounds = [(i * size // ksize, math.ceil((i + 1) * size / ksize)) for i in range(ksize)]
        return [(a, b, b - a) for a, b in bounds]
    n = int((size - ksize + before + after + (stride - 1) * ceil_mode) / stride) + 1
    begins = [i * stride - before for i in range(n)]
    return [(max(a, 0), min(a + ksize, size), min(a + ksize, size + before) - a) for a in begins]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", POOLS, ids=str)
def test_pooling(kernel, dtype, case):
    shape, ksize, strides, paddings, ceil_mode, adaptive = case
    x = normal(shape, dtype).round(1)  # rounded: ties
    rows = windows_of(shape[2], ksize[0], strides[0], *paddings[:2], ceil_mode, adaptive)
    columns = windows_of(shape[3], ksize[1], strides[1], *paddings[2:], ceil_mode, adaptive)
    out_shape = (*shape[:2], len(rows), len(columns))
    largest, index = np.empty(out_shape), np.empty(out_shape, "int32")
    means = {True: np.empty(out_shape), False: np.empty(out_shape)}
    d_y = normal(out_shape, dtype, 1)
    d_max, d_mean = np.zeros(shape), {True: np.zeros(shape), False: np.zeros(shape)}
    for n, c, i, j in np.ndindex(out_shape):
        (h0, h1, height), (w0, w1, width) = rows[i], columns[j]
        window = x[n, c, h0:h1, w0:w1].astype("float64")
        h, w = np.unravel_index(window.argmax(), window.shape)
        largest[n, c, i, j], index[n, c, i, j] = window[h, w], (h0 + h) * shape[3] + w0 + w
        d_max[n, c, h0 + h, w0 + w] += d_y[n, c, i, j]
        for exclusive, count in ((True, window.size), (False, height * width)):
            means[exclusive][n, c, i, j] = window.sum() / count
            d_mean[exclusive][n, c, h0:h1, w0:w1] += d_y[n, c, i, j] / count
    geometry = (ksize, strides, paddings, ceil_mode)
    got, got_index = kernel("max_pool2d")(x, *geometry, adaptive, True)
    np.testing.assert_array_equal(got, largest.astype(dtype))
    np.testing.assert_array_equal(got_index, index)
    np.testing.assert_array_equal(kernel("max_pool2d")(x, *geometry, adaptive), got)
    close(kernel("max_pool2d_grad")(x, d_y, *geometry, adaptive), d_max, dtype)
    for exclusive in (True, False):
        close(kernel("avg_pool2d")(x, *geometry, exclusive, adaptive), means[exclusive], dtype, 4)
        close(kernel("avg_pool2d_grad")(shape, d_y, *geometry, exclusive, adaptive), d_mean[exclusive], dtype, 4)


def test_empty_window_of_max_pool(kernel):
    """As in Paddle 2.6.2, a window that ceil_mode puts outside gives the lowest number and no gradient."""
    x = -np.ones((1, 1, 5, 5), "float32")
    got = kernel("max_pool2d")(x, (1, 1), (3, 3), (0, 0, 0, 0), True)
    np.testing.assert_array_equal(got[0, 0, 2], np.full(3, np.finfo("float32").min))
    d_x = kernel("max_pool2d_grad")(x, np.ones_like(got), (1, 1), (3, 3), (0, 0, 0, 0), True)
    assert d_x.sum() == 4
    with pytest.raises(ValueError, match="window of 7"):
        kernel("max_pool2d")(x, (7, 7), (1, 1), (0, 0, 0, 0))


@pytest.mark.parametrize("dtype", DTYPES)
def test_elementwise(kernel, dtype):
    x = np.concatenate([np.linspace(-12, 12, 4001), [0.0, -0.0, 1e-30, -50, 50, np.inf, -np.inf]]).astype(dtype)
    wide = x.astype("float64")
    erf = np.array([math.erf(v) for v in wide])
    normal_cdf = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in wide])
    with np.errstate(all="ignore"):
        close(kernel("sigmoid")(x), 1 / (1 + np.exp(-wide)), dtype)
        close(kernel("silu")(x)[:-1], (wide / (1 + np.exp(-wide)))[:-1], dtype)
        close(kernel("erf")(x), erf, dtype)
        close(kernel("gelu")(x)[:-1], (wide * normal_cdf)[:-1], dtype)
        density = np.exp(-wide * wide / 2) / math.sqrt(2 * math.pi)
        d_y = normal(x.shape, dtype, 1)
        close(kernel("gelu_grad")(x, d_y)[:-2], (d_y * (normal_cdf + wide * density))[:-2], dtype, 3)
    y = np.maximum(x, 0)
    np.testing.assert_array_equal(kernel("activation_grad")("relu", y, d_y), d_y * (y > 0))
    assert np.isnan(kernel("activation_grad")("relu", y[:1], np.array([np.nan], dtype)))[0]
    assert kernel("activation_grad")("relu", y[::2], d_y[::2]) is None
    for name in ("sigmoid", "silu", "erf", "gelu"):
        copy = x.copy()
        assert kernel(name)(copy, out=copy) is copy
        np.testing.assert_array_equal(copy, kernel(name)(x))
        assert np.isnan(kernel(name)(np.array([np.nan], dtype)))[0]
        assert kernel(name)(x[::2]) is None
        assert kernel(name)(np.arange(3)) is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("id_type", ["int32", "int64"])
def test_add_rows(kernel, dtype, id_type):
    ids = np.random.default_rng(0).integers(0, 11, (6, 5)).astype(id_type)
    rows = normal((6, 5, 7), dtype)
    for skip in (None, 3):
        table = np.ones((11, 7), dtype)
        expected = np.ones((11, 7))
        np.add.at(expected, ids.reshape(-1), np.where((ids == skip)[..., None], 0, rows).reshape(-1, 7))
        assert kernel("add_rows")(table, ids, rows, skip)
        close(table, expected, dtype, 8)
    for bad in (11, -1):
        with pytest.raises(IndexError, match=rf"ids\[1\] is {bad}, the table has 11 rows"):
            kernel("add_rows")(table, np.array([0, bad]), rows[0, :2])
    assert kernel("add_rows")(table.T, np.array([0]), rows[0, :1]) is False
