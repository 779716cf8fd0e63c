"""Convolutions: forms of arguments, layers, errors."""

from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle
import minipaddle.nn.functional as F
from minipaddle import nn
from tests.nn.recorded import both_ways, normal

X, W, B = normal(2, 3, 6, 7), normal(4, 3, 3, 2), normal(4)


def conv(x: np.ndarray, pads: list[tuple[int, int]]) -> np.ndarray:
    """conv2d of x, padded by NumPy."""
    padded = np.pad(x, [(0, 0), (0, 0), *pads])
    return F.conv2d(paddle.to_tensor(padded), paddle.to_tensor(W)).numpy()


@pytest.mark.parametrize(
    ("padding", "pads"),
    [
        (1, [(1, 1), (1, 1)]),
        ([1, 2], [(1, 1), (2, 2)]),
        ((0, 1, 2, 0), [(0, 1), (2, 0)]),
        ([[0, 0], [0, 0], [1, 0], [0, 2]], [(1, 0), (0, 2)]),
        ("SAME", [(1, 1), (0, 1)]),
        ("valid", [(0, 0), (0, 0)]),
    ],
)
def test_forms_of_padding(padding, pads) -> None:
    found = both_ways(lambda x, w: F.conv2d(x, w, padding=padding), X, W)
    np.testing.assert_allclose(found, conv(X, pads), rtol=1e-5, atol=1e-5)


def test_channels_last_and_bias() -> None:
    first = both_ways(lambda x, w, b: F.conv2d(x, w, b, stride=2), X, W, B)
    last = both_ways(
        lambda x, w, b: F.conv2d(x, w, b, stride=2, data_format="NHWC"), X.transpose(0, 2, 3, 1).copy(), W, B
    )
    np.testing.assert_allclose(first, last.transpose(0, 3, 1, 2), rtol=1e-5, atol=1e-5)
    bare = F.conv2d(paddle.to_tensor(X), paddle.to_tensor(W), stride=2).numpy()
    np.testing.assert_allclose(first - bare, np.broadcast_to(B[:, None, None], bare.shape), rtol=1e-4, atol=1e-5)


def test_one_axis_agrees_with_numpy() -> None:
    x, w = normal(1, 1, 12), normal(1, 1, 4)
    found = both_ways(lambda x, w: F.conv1d(x, w, padding=3), x, w)
    np.testing.assert_allclose(found[0, 0], np.convolve(x[0, 0], w[0, 0, ::-1]), rtol=1e-5, atol=1e-5)
    last = both_ways(lambda x, w: F.conv1d(x, w, padding=3, data_format="NLC"), x.transpose(0, 2, 1).copy(), w)
    np.testing.assert_allclose(last[0, :, 0], found[0, 0], rtol=1e-5, atol=1e-5)


def test_transposed_is_the_gradient_of_the_convolution() -> None:
    x = paddle.to_tensor(X, stop_gradient=False)
    y = F.conv2d(x, paddle.to_tensor(W), stride=[2, 1], padding=1)
    d = normal(*y.shape, seed=1)
    (y * paddle.to_tensor(d)).sum().backward()
    found = both_ways(
        lambda d, w: F.conv2d_transpose(d, w, stride=[2, 1], padding=1, output_padding=[1, 0]), d, W, unknown=True
    )
    np.testing.assert_allclose(found, x.grad.numpy(), rtol=1e-5, atol=1e-5)
    sized = F.conv2d_transpose(paddle.to_tensor(d), paddle.to_tensor(W), stride=[2, 1], padding=1, output_size=[6, 7])
    np.testing.assert_array_equal(sized.numpy(), found)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_output_size_of_the_layers(dims) -> None:
    layer = (nn.Conv1DTranspose, nn.Conv2DTranspose, nn.Conv3DTranspose)[dims - 1](4, 6, 3, stride=2, groups=2)
    x = paddle.to_tensor(normal(1, 4, *[3] * dims))
    assert layer.weight.shape == [4, 3, *[3] * dims]
    assert layer(x).shape == [1, 6, *[7] * dims]
    assert layer(x, output_size=[8] * dims).shape == [1, 6, *[8] * dims]
    with pytest.raises(ValueError, match="output_size"):
        layer(x, output_size=[9] * dims)


def test_groups_are_separate_convolutions() -> None:
    x, w = normal(2, 4, 5, 5), normal(6, 2, 3, 3)
    found = both_ways(lambda x, w: F.conv2d(x, w, groups=2), x, w)
    for g in range(2):
        part = F.conv2d(paddle.to_tensor(x[:, 2 * g : 2 * g + 2]), paddle.to_tensor(w[3 * g : 3 * g + 3])).numpy()
        np.testing.assert_allclose(found[:, 3 * g : 3 * g + 3], part, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("mode", "numpy_mode"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")])
def test_padding_mode(mode, numpy_mode) -> None:
    layer = nn.Conv2D(3, 4, 3, padding=2, padding_mode=mode)
    padded = np.pad(X, [(0, 0), (0, 0), (2, 2), (2, 2)], mode=numpy_mode)
    expected = F.conv2d(paddle.to_tensor(padded), layer.weight, layer.bias)
    np.testing.assert_allclose(layer(paddle.to_tensor(X)).numpy(), expected.numpy(), rtol=1e-5, atol=1e-5)


def test_names_shapes_and_start() -> None:
    with paddle.utils.unique_name.guard():
        layers = [nn.Conv2D(64, 64, 3), nn.Conv2DTranspose(3, 4, 2), nn.Conv1D(2, 4, 3, bias_attr=False)]
    assert [p.name for layer in layers for p in layer.parameters()] == [
        "conv2d_0.w_0", "conv2d_0.b_0", "conv2d_transpose_0.w_0", "conv2d_transpose_0.b_0", "conv1d_0.w_0",
    ]  # fmt: skip
    assert layers[2].bias is None
    weight = layers[0].weight.numpy()
    assert abs(weight.std() - np.sqrt(2 / (64 * 9))) < 2e-3
    assert not layers[0].bias.numpy().any()
    text = "Conv2D(3, 4, kernel_size=[3, 3], stride=[2, 2], padding=1, groups=1, data_format=NCHW)".replace(
        ", groups=1", ""
    )
    assert str(nn.Conv2D(3, 4, 3, stride=2, padding=1)) == text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, w: F.conv2d(x, w, groups=2), "divisible by groups"),
        (lambda x, w: F.conv2d(x, w, data_format="NCL"), "data_format"),
        (lambda x, w: F.conv2d(x, w, padding="HALF"), "SAME"),
        (lambda x, w: F.conv2d(x, w, padding=[[0, 0], [1, 1], [0, 0], [0, 0]]), "batch or channel"),
        (lambda x, w: F.conv2d(x, w, padding=-1), "larger than or equal to 0"),
        (lambda x, w: F.conv2d(x, w, stride=[1, 2, 3]), "length must be 2"),
        (lambda x, w: F.conv2d(x[:, :2], w), "2 channels"),
        (lambda x, w: F.conv1d(x, w), "3D tensor"),
        (lambda x, w: F.conv2d(x[:, :, :2], w), "larger than the padded input"),
    ],
)
def test_errors_say_what_is_wrong(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call(paddle.to_tensor(X), paddle.to_tensor(W))
