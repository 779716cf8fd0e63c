"""The kernel for chains of elementwise operators, and convolution in parts, against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from minipaddle.backend import kernels

CODES = kernels.CHAIN_CODES
FORMULAS = {
    "add": lambda x, y, c: x + y, "sub": lambda x, y, c: x - y, "mul": lambda x, y, c: x * y, "div": lambda x, y, c: x / y,
    "max": lambda x, y, c: np.maximum(x, y), "min": lambda x, y, c: np.minimum(x, y), "times": lambda x, y, c: x * c[0],
    "plus": lambda x, y, c: x + c[0], "clip": lambda x, y, c: np.minimum(np.maximum(x, c[0]), c[1]),
    "relu": lambda x, y, c: np.maximum(x, 0), "leaky": lambda x, y, c: np.where(x > 0, x, x * c[0]),
    "hard_swish": lambda x, y, c: x * np.minimum(np.maximum(x + c[0], 0), c[1]) / c[2],
    "sigmoid": lambda x, y, c: 1 / (1 + np.exp(-x)), "silu": lambda x, y, c: x / (1 + np.exp(-x)),
    "sqrt": lambda x, y, c: np.sqrt(x), "square": lambda x, y, c: x * x, "abs": lambda x, y, c: np.abs(x),
}  # fmt: skip


def normal(*shape, dtype="float32", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CODES)
def test_each_step(kernel, name, dtype):
    x, y = normal(3, 700, dtype=dtype) * 3, normal(3, 700, dtype=dtype, seed=1)
    if name == "sqrt":
        x = np.abs(x)
    constants = np.array([0.5, 1.25, 3.0], dtype)
    got = kernel("chain")(((CODES[name], 0, 1, *constants.tolist()),), [x, y])
    expected = FORMULAS[name](x, y, constants)
    assert got.dtype == dtype
    if name in ("sigmoid", "silu"):
        np.testing.assert_allclose(got, expected, rtol=1e-6 if dtype == "float32" else 1e-14)
    else:
        np.testing.assert_array_equal(got, expected)


SHAPES = [(), (1,), (4,), (5, 4), (3, 1, 1), (1, 3, 1, 1), (2, 1, 1, 1), (2, 3, 1, 1), (5, 1), (3, 5, 4), (2, 3, 5, 4)]


@pytest.mark.parametrize("shape", SHAPES)
def test_operands_broadcast(kernel, shape):
    x, y = normal(2, 3, 5, 4), normal(*shape, seed=1)
    got = kernel("chain")(((CODES["mul"], 0, 1, 0, 0, 0), (CODES["add"], 2, 1, 0, 0, 0)), [x, y])
    np.testing.assert_array_equal(got, x * y + y)
    got = kernel("chain")(((CODES["sub"], 0, 1, 0, 0, 0),), [y, x])
    np.testing.assert_array_equal(got, y - x)


def test_many_rows_longer_and_shorter_than_a_block(kernel):
    for shape, own in (((7, 3, 2000), (3, 1)), ((2000, 3), (3,)), ((3, 1500), (1500,)), ((1500, 3), (1500, 1))):
        x, y = normal(*shape), normal(*own, seed=1)
        np.testing.assert_array_equal(kernel("chain")(((CODES["add"], 0, 1, 0, 0, 0),), [x, y]), x + y)


def test_in_place(kernel):
    x, y = normal(2, 3, 400), normal(3, 1, seed=1)
    expected = (x + y) * x
    assert kernel("chain")(((CODES["add"], 0, 1, 0, 0, 0), (CODES["mul"], 2, 0, 0, 0, 0)), [x, y], x) is x
    np.testing.assert_array_equal(x, expected)


def test_what_it_does_not_serve(kernel):
    add = ((CODES["add"], 0, 1, 0, 0, 0),)
    x = normal(4, 6)
    assert kernel("chain")(add, [x, x.astype("float64")]) is None
    assert kernel("chain")(add, [x.astype("int64"), x.astype("int64")]) is None
    assert kernel("chain")(add, [x.T, x.T]) is None
    assert kernel("chain")(add, [normal(2, 3, 5, 4), normal(2, 1, 5, 1)]) is None
    assert kernel("chain")(add, [normal(0, 3), normal(0, 3)]) is None
    assert kernel("chain")(add, [np.float32(1), x]) is None


def test_wrong_arguments(kernel):
    cpu = kernels._cpu
    x = normal(4)
    with pytest.raises(ValueError, match="step 0"):
        cpu.chain(((99, 0, 0, 0, 0, 0),), ((1, 4),), x, x)
    with pytest.raises(ValueError, match="step 0"):
        cpu.chain(((0, 0, 5, 0, 0, 0),), ((1, 4),), x, x)
    with pytest.raises(ValueError, match="elements"):
        cpu.chain(((0, 0, 0, 0, 0, 0),), ((1, 5),), x, x)
    with pytest.raises(ValueError, match="place 0"):
        cpu.chain(((0, 0, 0, 0, 0, 0),), ((0, 4),), x, x)
    with pytest.raises(TypeError):
        cpu.chain([], ((1, 4),), x, x)


def test_denormals_are_zero_inside_and_the_processor_is_left_as_it_was(kernel):
    tiny = np.full(64, 1e-40, "float32")
    assert not kernel("chain")(((CODES["times"], 0, 0, 1.0, 0, 0),), [tiny]).any()
    assert (tiny * np.float32(0.5) != 0).all()


@pytest.mark.parametrize("cache", [300, 3000, 1 << 20])
@pytest.mark.parametrize("groups", [1, 2])
def test_convolution_in_parts_is_the_same(kernel, monkeypatch, cache, groups):
    x, w = normal(5, 4, 11, 9, dtype="float64"), normal(6, 4 // groups, 3, 3, dtype="float64", seed=1)
    settings = ((2, 1), (1, 0, 2, 1), (1, 2), groups)
    whole = kernel("conv2d")(x, w, *settings)
    d_y = normal(*whole.shape, dtype="float64", seed=2)
    gradients = kernel("conv2d_grad")(x, w, d_y, *settings)
    monkeypatch.setattr(kernels, "_CACHE", cache)
    np.testing.assert_allclose(kernel("conv2d")(x, w, *settings), whole, rtol=1e-12, atol=1e-12)
    for a, b in zip(kernel("conv2d_grad")(x, w, d_y, *settings), gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("ksize", [(3, 3), (5, 5), (2, 4), (7, 7), (8, 8)])
@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (1, 3)])
@pytest.mark.parametrize("dilations", [(1, 1), (2, 1), (1, 3)])
def test_depthwise(kernel, ksize, strides, dilations):
    x, w = normal(2, 3, 29, 37), normal(3, 1, *ksize, seed=1)
    paddings = (1, 2, 3, 0)
    padded = np.pad(x.astype("float64"), ((0, 0), (0, 0), (1, 2), (3, 0)))
    got = kernel("conv2d")(x, w, strides, paddings, dilations, 3)
    expected = np.zeros(got.shape)
    for i in range(ksize[0]):
        for j in range(ksize[1]):
            h, v = i * dilations[0], j * dilations[1]
            part = padded[:, :, h :: strides[0], v :: strides[1]][:, :, : got.shape[2], : got.shape[3]]
            expected += part * w[:, 0, i, j][:, None, None]
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(2, 3, 8, 10), (1, 2, 9, 7), (2, 1, 3, 3)])
def test_gradient_of_windows_side_by_side(kernel, shape):
    x = np.round(normal(*shape))  # with ties
    y, index = kernel("max_pool2d")(x, (2, 2), (2, 2), (0, 0, 0, 0), return_index=True)
    d_y = normal(*y.shape, seed=1)
    expected = np.zeros(shape, "float32").reshape(*shape[:2], -1)
    np.put_along_axis(expected, index.reshape(*shape[:2], -1).astype(np.int64), d_y.reshape(*shape[:2], -1), axis=2)
    got = kernel("max_pool2d_grad")(x, d_y, (2, 2), (2, 2), (0, 0, 0, 0))
    np.testing.assert_array_equal(got, expected.reshape(shape))
