"""Resizing, padding, patches and sampling: forms of arguments, layers, errors."""

from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle
import minipaddle.nn.functional as F
from minipaddle import nn
from tests.nn.recorded import both_ways, normal

X = normal(2, 3, 4, 5)


def test_nearest() -> None:
    found = both_ways(lambda x: F.interpolate(x, scale_factor=2), X)
    np.testing.assert_array_equal(found, X.repeat(2, 2).repeat(2, 3))
    np.testing.assert_array_equal(nn.UpsamplingNearest2D(scale_factor=2)(paddle.to_tensor(X)).numpy(), found)
    down = both_ways(lambda x: F.interpolate(x, size=[2, 2]), X)
    np.testing.assert_array_equal(down, X[:, :, ::2][:, :, :, [0, 2]])


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_corners_keep_their_values(mode) -> None:
    found = both_ways(lambda x: F.interpolate(x, size=[7, 9], mode=mode, align_corners=True), X)
    for i in (0, -1):
        np.testing.assert_allclose(found[:, :, i, i], X[:, :, i, i], rtol=1e-5)
    # a straight line stays one (bicubic bends where it repeats the border)
    line = np.broadcast_to(np.arange(8, dtype="float32"), (1, 1, 4, 8)).copy()
    wide = F.interpolate(paddle.to_tensor(line), size=[4, 15], mode=mode, align_corners=True).numpy()
    np.testing.assert_allclose(wide[0, 0, 1, 4:-4], np.arange(15)[4:-4] / 2, rtol=1e-5)


@pytest.mark.parametrize(
    ("mode", "shape", "data_format"),
    [("linear", (2, 3, 4), "NCW"), ("trilinear", (2, 3, 2, 3, 4), "NCDHW"), ("bilinear", (2, 3, 4, 5), "NCHW")],
)
def test_channels_last(mode, shape, data_format) -> None:
    x = normal(*shape)
    first = both_ways(lambda x: F.interpolate(x, scale_factor=1.5, mode=mode, data_format=data_format), x)
    last = both_ways(
        lambda x: F.interpolate(x, scale_factor=1.5, mode=mode, data_format="N" + data_format[2:] + "C"),
        np.moveaxis(x, 1, -1).copy(),
    )
    np.testing.assert_allclose(np.moveaxis(last, -1, 1), first, rtol=1e-6)


def test_area_is_the_adaptive_mean() -> None:
    x = paddle.to_tensor(X)
    np.testing.assert_array_equal(
        F.interpolate(x, size=[2, 3], mode="area").numpy(), F.adaptive_avg_pool2d(x, [2, 3]).numpy()
    )


def test_sizes_and_scales_from_tensors() -> None:
    x = paddle.to_tensor(X)
    expected = F.interpolate(x, size=[8, 3], mode="bilinear").numpy()
    for size in (paddle.to_tensor([8, 3]), [paddle.to_tensor(8), 3]):
        np.testing.assert_array_equal(F.interpolate(x, size=size, mode="bilinear").numpy(), expected)
    size = np.array([8, 3], "int32")
    np.testing.assert_array_equal(both_ways(lambda x, s: F.interpolate(x, size=s, mode="bilinear"), X, size), expected)
    np.testing.assert_array_equal(
        both_ways(lambda x, s: F.interpolate(x, size=[s, 3], mode="bilinear"), X, np.array(8, "int32")), expected
    )
    scale = np.array([2.0, 0.6], "float32")
    found = both_ways(lambda x, s: F.upsample(x, scale_factor=s), X, scale)
    assert found.shape == (2, 3, 8, 3)


def test_pad_orders() -> None:
    np.testing.assert_array_equal(
        both_ways(lambda x: F.pad(x, [1, 2, 0, 3], value=2.0), X),
        np.pad(X, [(0, 0), (0, 0), (0, 3), (1, 2)], constant_values=2),
    )
    np.testing.assert_array_equal(
        both_ways(lambda x: F.pad(x, [1, 0, 0, 2, 0, 0, 3, 1]), X, unknown=True),
        np.pad(X, [(1, 0), (0, 2), (0, 0), (3, 1)]),
    )
    last = X.transpose(0, 2, 3, 1).copy()
    np.testing.assert_array_equal(
        both_ways(lambda x: F.pad(x, [1, 2, 0, 3], data_format="NHWC"), last),
        np.pad(last, [(0, 0), (0, 3), (1, 2), (0, 0)]),
    )
    np.testing.assert_array_equal(
        F.pad(paddle.to_tensor(X[0]), [2, 1], data_format="NCL").numpy(), np.pad(X[0], [(0, 0), (0, 0), (2, 1)])
    )
    np.testing.assert_array_equal(
        both_ways(lambda x, p: F.pad(x, p), X, np.array([1, 2, 0, 3], "int32")),
        np.pad(X, [(0, 0), (0, 0), (0, 3), (1, 2)]),
    )


@pytest.mark.parametrize(("mode", "numpy_mode"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")])
def test_pad_modes(mode, numpy_mode) -> None:
    layer = nn.Pad2D([1, 2, 3, 0], mode=mode)
    np.testing.assert_array_equal(both_ways(layer, X), np.pad(X, [(0, 0), (0, 0), (3, 0), (1, 2)], mode=numpy_mode))
    assert nn.ZeroPad2D(1)(paddle.to_tensor(X)).shape == [2, 3, 6, 7]
    assert nn.Pad1D(2, mode=mode)(paddle.to_tensor(X[0])).shape == [3, 4, 9]
    assert nn.Pad3D(1, mode=mode)(paddle.to_tensor(X[None])).shape == [1, 2, 5, 6, 7]


def test_unfold_and_fold() -> None:
    patches = both_ways(lambda x: F.unfold(x, [2, 3]), X)
    np.testing.assert_array_equal(patches[:, :, 0], X[:, :, :2, :3].reshape(2, -1))
    back = nn.Fold([4, 5], [2, 3])(paddle.to_tensor(patches)).numpy()
    counts = nn.Fold([4, 5], [2, 3])(paddle.ones(patches.shape)).numpy()
    np.testing.assert_allclose(back / counts, X, rtol=1e-5)
    assert nn.Unfold(2, strides=2, paddings=1)(paddle.to_tensor(X)).shape == [2, 12, 9]


def test_shuffles_are_inverse_to_each_other() -> None:
    x = paddle.to_tensor(normal(2, 8, 2, 3))
    up = nn.PixelShuffle(2)(x)
    assert up.shape == [2, 2, 4, 6]
    np.testing.assert_array_equal(nn.PixelUnshuffle(2)(up).numpy(), x.numpy())
    np.testing.assert_array_equal(F.channel_shuffle(nn.ChannelShuffle(2)(x), 4).numpy(), x.numpy())


def test_identity_grid_gives_the_image() -> None:
    theta = paddle.to_tensor(np.tile(np.array([[[1, 0, 0], [0, 1, 0]]], "float32"), (2, 1, 1)))
    for align in (True, False):
        grid = F.affine_grid(theta, [2, 3, 4, 5], align_corners=align)
        np.testing.assert_allclose(
            F.grid_sample(paddle.to_tensor(X), grid, align_corners=align).numpy(), X, rtol=1e-4, atol=1e-5
        )
    shape = np.array([2, 3, 4, 5], "int32")
    assert both_ways(lambda t, s: F.affine_grid(t, s), theta.numpy(), shape).shape == (2, 4, 5, 2)


def test_outside_of_the_image() -> None:
    x = paddle.to_tensor(np.arange(4, dtype="float32").reshape(1, 1, 1, 4))
    grid = paddle.to_tensor(np.array([[[[-2.0, 0], [5 / 3, 0]]]], "float32"))
    got = {m: F.grid_sample(x, grid, padding_mode=m).numpy().ravel() for m in ("zeros", "border", "reflection")}
    np.testing.assert_allclose(got["zeros"], [0, 0], atol=1e-6)
    np.testing.assert_allclose(got["border"], [0, 3], atol=1e-6)
    np.testing.assert_allclose(got["reflection"], [1.5, 2], atol=1e-5)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda x: F.interpolate(x), ValueError),
        (lambda x: F.interpolate(x, size=[2, 2], scale_factor=2), ValueError),
        (lambda x: F.interpolate(x, size=[2, 2], mode="linear"), ValueError),
        (lambda x: F.interpolate(x, size=[2, 2], mode="cubic"), ValueError),
        (lambda x: F.interpolate(x, size=[2, 2], align_corners=True), ValueError),
        (lambda x: F.interpolate(x, size=[2, 2], mode="bilinear", align_corners=1), TypeError),
        (lambda x: F.interpolate(x, size=[0, 2]), AssertionError),
        (lambda x: F.interpolate(x, scale_factor=-1.0), ValueError),
        (lambda x: F.pad(x, [1, 1]), ValueError),
        (lambda x: F.pad(x, [5, 0, 0, 0], mode="reflect"), ValueError),
        (lambda x: F.pad(x, [1, 1, 1, 1], mode="mirror"), AssertionError),
        (lambda x: F.pixel_shuffle(x, 2.0), TypeError),
        (lambda x: F.pixel_shuffle(x, 2), ValueError),
        (lambda x: F.unfold(x[0], 2), AssertionError),
        (lambda x: F.unfold(x, 9), ValueError),
        (lambda x: F.grid_sample(x, x), ValueError),
    ],
)
def test_errors(call, error) -> None:
    with pytest.raises(error):
        call(paddle.to_tensor(X))


def test_boxes_of_different_categories_do_not_meet() -> None:
    boxes = paddle.to_tensor(np.array([[0, 0, 2, 2], [0, 0, 2, 1.9], [0, 0, 2, 2], [4, 4, 5, 5]], "float32"))
    scores = paddle.to_tensor(np.array([0.3, 0.9, 0.5, 0.4], "float32"))
    assert paddle.vision.ops.nms(boxes, 0.5).tolist() == [0, 3]
    assert paddle.vision.ops.nms(boxes, 0.5, scores).tolist() == [1, 3]
    groups = paddle.to_tensor(np.array([0, 0, 1, 1]))
    assert paddle.vision.ops.nms(boxes, 0.5, scores, groups, [0, 1]).tolist() == [1, 2, 3]
    assert paddle.vision.ops.nms(boxes, 0.5, scores, groups, [0, 1], top_k=2).tolist() == [1, 2]
    count = paddle.to_tensor(np.array([4], "int32"))
    image = paddle.ones([1, 2, 8, 8])
    assert (paddle.vision.ops.RoIAlign(2)(image, boxes, count).numpy() == 1).all()
    assert paddle.vision.ops.RoIPool((2, 3))(image, boxes, count).shape == [4, 2, 2, 3]
