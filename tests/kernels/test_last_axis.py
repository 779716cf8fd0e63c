"""Softmax, cross entropy and normalisation kernels against plain NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest

DTYPES = ["float32", "float64"]
SHAPES = [(1, 1), (16, 10), (3, 17), (2, 5, 33), (130, 7), (2, 5000)]


def normal(shape, dtype, seed=0, scale=1.0):
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(dtype)


def close(got, expected, dtype, factor=1.0):
    tolerance = factor * (2e-6 if dtype == "float32" else 4e-15)
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)
    assert got.dtype == dtype


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_softmax(kernel, dtype, shape):
    x, dy = normal(shape, dtype, 0, 3.0), normal(shape, dtype, 1)
    y = softmax(x.astype("float64"))
    close(kernel("softmax")(x), y, dtype)
    close(kernel("softmax")(x, axis=len(shape) - 1), y, dtype)
    close(kernel("softmax_grad")(y.astype(dtype), dy), y * (dy - (y * dy).sum(-1, keepdims=True)), dtype, 4)
    logarithm = np.log(y)
    close(kernel("log_softmax")(x), logarithm, dtype, 2)
    close(
        kernel("log_softmax_grad")(logarithm.astype(dtype), dy), dy - y * dy.astype("float64").sum(-1, keepdims=True),
        dtype, 40,
    )  # fmt: skip
    assert kernel("softmax")(x, out=x) is x
    close(x, y, dtype)


def test_softmax_of_extremes(kernel):
    inf, nan = np.inf, np.nan
    x = np.array([[0, -inf, -1000, -100], [nan, 0, 1, 2], [88, 88, -88, 3e38], [-inf, -inf, 0, -inf]], "float32")
    with np.errstate(all="ignore"):
        expected = softmax(x)
    np.testing.assert_allclose(kernel("softmax")(x), expected, rtol=1e-6, atol=2e-44)
    x = np.array([[0.0, -745.0, -709.0, -1e308]])
    np.testing.assert_allclose(kernel("softmax")(x), softmax(x), rtol=1e-15, atol=5e-324)


@pytest.mark.parametrize("dtype, lowest", [("float32", -103.0), ("float64", -745.0)])
def test_exponential(kernel, dtype, lowest):
    """exp itself, seen through a row [0, x] whose sum the exact result divides out."""
    x = np.stack([np.zeros(20001), np.linspace(lowest, 0, 20001)], 1).astype(dtype)
    wide = np.exp(x.astype(np.longdouble))
    expected = wide / wide.sum(1, keepdims=True)
    tiny, eps = np.finfo(dtype).tiny, np.finfo(dtype).eps
    np.testing.assert_allclose(kernel("softmax")(x), expected.astype(dtype), rtol=4 * eps, atol=tiny * eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("label_type", ["int32", "int64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cross_entropy(kernel, dtype, label_type, shape):
    logits, rows = normal(shape, dtype, 0, 3.0), shape[:-1]
    label = np.random.default_rng(2).integers(0, shape[-1], (*rows, 1)).astype(label_type)
    label.reshape(-1)[::3] = -100
    got_softmax, loss = kernel("softmax_with_cross_entropy")(logits, label)
    y = softmax(logits.astype("float64"))
    picked = np.take_along_axis(y, np.maximum(label, 0), -1)
    close(got_softmax, y, dtype)
    close(loss, np.where(label == -100, 0, -np.log(picked)), dtype, 2)
    assert loss.shape == (*rows, 1)
    d_loss = normal((*rows, 1), dtype, 3)
    hot = np.arange(shape[-1]) == label
    expected = np.where(label == -100, 0, d_loss * (y - hot))
    close(kernel("softmax_with_cross_entropy_grad")(y.astype(dtype), label, d_loss), expected, dtype, 2)
    flat = label.reshape(rows)
    close(kernel("softmax_with_cross_entropy_grad")(y.astype(dtype), flat, d_loss), expected, dtype, 2)
    assert kernel("softmax_with_cross_entropy")(logits, flat)[1].shape == (*rows, 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 3, 64, 150])
@pytest.mark.parametrize("ignored", [0, 1, 1000])
def test_mean_cross_entropy(kernel, dtype, rows, ignored):
    logits = normal((rows, 7), dtype, 0, 3.0)
    label = np.random.default_rng(2).integers(0, 7, rows)
    label[:ignored] = 9
    y = softmax(logits.astype("float64"))
    counted = label != 9
    losses = -np.log(y[np.arange(rows), np.where(counted, label, 0)])
    got_softmax, mean = kernel("mean_cross_entropy")(logits, label, ignore_index=9)
    close(got_softmax, y, dtype)
    assert mean.shape == ()
    close(mean, losses[counted].sum() / max(counted.sum(), 1), dtype, 2)
    d = np.asarray(0.7, dtype)
    hot = np.arange(7) == label[:, None]
    expected = np.where(counted[:, None], 0.7 / max(counted.sum(), 1) * (y - hot), 0)
    close(kernel("mean_cross_entropy_grad")(y.astype(dtype), label[:, None], d, ignore_index=9), expected, dtype, 2)


@pytest.mark.parametrize("name", ["softmax_with_cross_entropy", "mean_cross_entropy"])
def test_cross_entropy_labels_are_checked(kernel, name):
    logits = normal((3, 4), "float32")
    forward, backward = kernel(name), kernel(f"{name}_grad")
    for bad in (4, -1, 2**40):
        label = np.array([0, bad, 1])
        message = rf"label\[1\] is {bad}, expected a class in \[0, 4\)"
        with pytest.raises(ValueError, match=message):
            forward(logits, label)
        with pytest.raises(ValueError, match=message):
            backward(logits, label, np.zeros(3 if name.startswith("softmax") else (), "float32"))
    assert forward(logits, np.array([0, -1, 1]), ignore_index=-1) is not None
    with pytest.raises(ValueError, match="label has 2 elements, expected 3"):
        forward(logits, np.array([0, 1]))
    assert forward(logits, np.array([0.0, 1.0, 2.0])) is None  # soft labels and the like are not served


def test_not_served(kernel):
    x = normal((4, 6), "float32")
    for name in ("softmax", "log_softmax"):
        assert kernel(name)(x, axis=0) is None
        assert kernel(name)(x.T) is None
        assert kernel(name)(x.astype("float16")) is None
        assert kernel(name)(x.astype("int64")) is None
        assert kernel(name)(np.float32(1).reshape(())) is None
        assert kernel(name)(x[:0]) is None
    assert kernel("softmax_grad")(x, x.astype("float64")) is None
    with pytest.raises(ValueError, match="d_out has 12 elements, expected 24"):
        kernel("softmax_grad")(x, x[:2])


def layer_norm(x, scale, bias, epsilon, axis):
    axes = tuple(range(axis, x.ndim))
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    h = (x - mean) / np.sqrt(variance + epsilon)
    tail = x.shape[axis:]
    y = h * (1 if scale is None else scale.reshape(tail)) + (0 if bias is None else bias.reshape(tail))
    return y, mean, variance, h


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("has_scale", [True, False])
@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("shape, axis", [((4, 10), 1), ((3, 5, 7), 1), ((3, 5, 7), 2), ((2, 3000), 1)], ids=str)
def test_layer_norm(kernel, dtype, has_scale, has_bias, shape, axis):
    size = int(np.prod(shape[axis:]))
    x, dy = normal(shape, dtype, 0, 2.0) + 1, normal(shape, dtype, 1)
    x = x.astype(dtype)
    scale = normal(size, dtype, 2) if has_scale else None
    bias = normal(size, dtype, 3) if has_bias else None
    wide = [None if a is None else a.astype("float64") for a in (x, scale, bias)]
    y, mean, variance, h = layer_norm(*wide, 1e-5, axis)
    got_y, got_mean, got_variance = kernel("layer_norm")(x, scale, bias, 1e-5, axis)
    close(got_y, y, dtype, 4)
    close(got_mean, mean.reshape(-1), dtype)
    close(got_variance, variance.reshape(-1), dtype, 2)

    axes = tuple(range(axis, x.ndim))
    g = dy.astype("float64") * (1 if scale is None else scale.astype("float64").reshape(shape[axis:]))
    dx = (g - g.mean(axes, keepdims=True) - h * (g * h).mean(axes, keepdims=True)) / np.sqrt(variance + 1e-5)
    got = kernel("layer_norm_grad")(x, scale, got_mean, got_variance, dy, 1e-5, axis, has_bias)
    rows = tuple(range(axis))
    close(got[0], dx, dtype, 4)
    if has_scale:
        close(got[1], (dy.astype("float64") * h).sum(rows).reshape(-1), dtype, 8)
    else:
        assert got[1] is None
    if has_bias:
        close(got[2], dy.astype("float64").sum(rows).reshape(-1), dtype, 4)
    else:
        assert got[2] is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(4, 3, 5, 7), (2, 6, 11), (8, 2, 40, 40), (9, 5), (64, 130)], ids=str)
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm(kernel, dtype, shape, affine):
    x = (normal(shape, dtype, 0, 2.0) + 3).astype(dtype)
    dy, c, axes = normal(shape, dtype, 1), shape[1], (0, *range(2, len(shape)))
    wide = x.astype("float64")
    column = (1, c, *[1] * (len(shape) - 2))
    scale, bias = (normal(c, dtype, 2), normal(c, dtype, 3)) if affine else (None, None)
    s, b = (scale.astype("float64").reshape(column), bias.reshape(column)) if affine else (1, 0)
    mean, variance = wide.mean(axes), wide.var(axes)
    inverse = 1 / np.sqrt(variance + 1e-5)
    h = (wide - mean.reshape(column)) * inverse.reshape(column)

    y, got_mean, got_variance, got_inverse = kernel("batch_norm")(x, scale, bias, 1e-5)
    close(y, h * s + b, dtype, 8)
    close(got_mean, mean, dtype)
    close(got_variance, variance, dtype, 2)
    close(got_inverse, inverse, dtype, 2)

    d_scale, d_bias = (dy * h).sum(axes), dy.astype("float64").sum(axes)
    count = x.size / c
    shift = (d_bias / count).reshape(column) + h * (d_scale / count).reshape(column)
    got = kernel("batch_norm_grad")(x, dy, scale, got_mean, got_inverse)
    close(got[0], s * inverse.reshape(column) * (dy - shift), dtype, 8)
    close(got[1], d_scale, dtype, 200)
    close(got[2], d_bias, dtype, 200)

    mean, variance = normal(c, dtype, 4), normal(c, dtype, 5) ** 2 + 1
    inverse = (1 / np.sqrt(variance + 1e-5)).astype(dtype)
    close(
        kernel("batch_norm_infer")(x, scale, bias, mean, inverse),
        (wide - mean.reshape(column)) / np.sqrt(variance + 1e-5).reshape(column) * s + b, dtype, 8,
    )  # fmt: skip
    got = kernel("batch_norm_grad")(x, dy, scale, mean, inverse, True)
    close(got[0], dy * (s * inverse.reshape(column)), dtype)
    assert kernel("batch_norm_grad")(x, dy, scale, mean, inverse, False, False)[0] is None
    assert kernel("batch_norm")(x[:0], scale, bias, 1e-5) is None
