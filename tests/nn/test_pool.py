"""Pooling: forms of arguments, positions, layers, errors."""

from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle
import minipaddle.nn.functional as F
from minipaddle import nn
from tests.nn.recorded import both_ways, normal

X = normal(2, 3, 7, 6)
FUNCTIONS = {1: (F.max_pool1d, F.avg_pool1d), 2: (F.max_pool2d, F.avg_pool2d), 3: (F.max_pool3d, F.avg_pool3d)}


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_whole_windows(dims) -> None:
    x = normal(2, 3, *[6] * dims)
    split = x.reshape(2, 3, *[3, 2] * dims)
    inner = tuple(range(3, 3 + 2 * dims, 2))
    largest, mean = FUNCTIONS[dims]
    np.testing.assert_array_equal(both_ways(lambda x: largest(x, 2), x), split.max(inner))
    np.testing.assert_allclose(both_ways(lambda x: mean(x, 2), x), split.mean(inner), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_positions_and_their_inverse(dims) -> None:
    x = normal(2, 3, *[5] * dims)
    pool, unpool = FUNCTIONS[dims][0], (F.max_unpool1d, F.max_unpool2d, F.max_unpool3d)[dims - 1]
    y, mask = pool(paddle.to_tensor(x), 2, return_mask=True)
    assert mask.dtype == paddle.int32
    np.testing.assert_array_equal(
        np.take_along_axis(x.reshape(2, 3, -1), mask.numpy().reshape(2, 3, -1), 2), y.numpy().reshape(2, 3, -1)
    )
    back = unpool(y, mask, 2, output_size=[5] * dims)
    assert back.shape == [2, 3, *[5] * dims]
    assert set(back.numpy().ravel()) == {0.0, *y.numpy().ravel()}
    layer = (nn.MaxUnPool1D, nn.MaxUnPool2D, nn.MaxUnPool3D)[dims - 1](2, output_size=[5] * dims)
    np.testing.assert_array_equal(layer(y, mask).numpy(), back.numpy())


@pytest.mark.parametrize("options", [{"padding": "SAME"}, {"ceil_mode": True}, {"padding": [1, 0], "ceil_mode": True}])
def test_positions_with_same_and_ceil_mode(options) -> None:
    """Paddle 2.6 drops these with return_mask; here they hold."""
    x = paddle.to_tensor(X)
    y, mask = F.max_pool2d(x, 3, 2, return_mask=True, **options)
    np.testing.assert_array_equal(y.numpy(), F.max_pool2d(x, 3, 2, **options).numpy())
    picked = np.take_along_axis(X.reshape(2, 3, -1), mask.numpy().reshape(2, 3, -1), 2)
    np.testing.assert_array_equal(picked.reshape(y.shape), y.numpy())


def test_what_an_average_counts() -> None:
    x = paddle.ones([1, 1, 4, 4])
    assert (F.avg_pool2d(x, 3, 1, 1).numpy() == 1).all()
    np.testing.assert_allclose(
        F.avg_pool2d(x, 3, 1, 1, exclusive=False).numpy()[0, 0, 0], [4 / 9, 6 / 9, 6 / 9, 4 / 9], rtol=1e-6
    )
    np.testing.assert_allclose(F.avg_pool2d(x, 2, divisor_override=3).numpy(), np.full((1, 1, 2, 2), 4 / 3), rtol=1e-6)
    assert F.avg_pool2d(x, 3, 2, ceil_mode=True).shape == [1, 1, 2, 2]


def test_channels_last() -> None:
    last = X.transpose(0, 2, 3, 1).copy()
    for f in (F.max_pool2d, F.avg_pool2d):
        first = f(paddle.to_tensor(X), 3, 2, 1).numpy()
        np.testing.assert_allclose(
            both_ways(lambda x, f=f: f(x, 3, 2, 1, data_format="NHWC"), last).transpose(0, 3, 1, 2), first, rtol=1e-6
        )


def test_adaptive_windows_share_out_the_axes() -> None:
    found = both_ways(lambda x: F.adaptive_avg_pool2d(x, [3, None]), X)
    expected = np.stack([X[:, :, a:b].mean(2) for a, b in ((0, 3), (2, 5), (4, 7))], 2)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    y, mask = F.adaptive_max_pool2d(paddle.to_tensor(X), 2, return_mask=True)
    np.testing.assert_array_equal(y.numpy()[:, :, 0, 0], X[:, :, :4, :3].max((2, 3)))
    assert mask.numpy().max() < 42
    assert nn.AdaptiveAvgPool3D(1)(paddle.to_tensor(normal(1, 2, 3, 4, 5))).shape == [1, 2, 1, 1, 1]
    assert nn.AdaptiveMaxPool1D(3, return_mask=True)(paddle.to_tensor(normal(1, 2, 7)))[1].shape == [1, 2, 3]


def test_gradient_goes_to_the_first_of_equals() -> None:
    x = paddle.zeros([1, 1, 2, 4])
    x.stop_gradient = False
    F.max_pool2d(x, 2).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy()[0, 0], [[1, 0, 1, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: F.max_pool2d(x, 2, data_format="NHWC", return_mask=True), "channels first"),
        (lambda x: F.avg_pool2d(x, 2, padding="VALID", ceil_mode=True), "VALID"),
        (lambda x: F.avg_pool2d(x, 0), "greater than 0"),
        (lambda x: F.max_pool1d(x, 2), "3-D tensor"),
        (lambda x: F.adaptive_avg_pool2d(x, [1, 2, 3]), "2 numbers"),
        (lambda x: F.max_pool2d(x, 9, 1), "larger than the padded input"),
        (lambda x: F.max_unpool2d(x, x, 2, output_size=[50, 50]), "invalid output_size"),
    ],
)
def test_errors_say_what_is_wrong(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call(paddle.to_tensor(X))


def test_layers_print_their_windows() -> None:
    assert str(nn.MaxPool2D(2, 2)) == "MaxPool2D(kernel_size=2, stride=2, padding=0)"
    assert str(nn.AdaptiveAvgPool2D(1)) == "AdaptiveAvgPool2D(output_size=1)"
