"""Normalisation: statistics, layers, errors."""

from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle
import minipaddle.nn.functional as F
from minipaddle import nn
from tests.nn.recorded import both_ways, normal

X = normal(4, 6, 5, 3)


def scaled(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


def test_batch_norm_moves_its_statistics_in_training_only() -> None:
    layer = nn.BatchNorm2D(6, momentum=0.7)
    x = paddle.to_tensor(X)
    np.testing.assert_allclose(layer(x).numpy(), scaled(X, (0, 2, 3)), rtol=1e-4, atol=1e-5)
    mean, var = 0.3 * X.mean((0, 2, 3)), 0.7 + 0.3 * X.var((0, 2, 3))
    np.testing.assert_allclose(layer._mean.numpy(), mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layer._variance.numpy(), var, rtol=1e-4)
    layer.eval()
    shape = (1, 6, 1, 1)
    expected = (X - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + 1e-5)
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer._mean.numpy(), mean, rtol=1e-4, atol=1e-6)


def test_use_global_stats() -> None:
    layer = nn.BatchNorm2D(6, use_global_stats=True)
    layer(paddle.to_tensor(X))
    assert not layer._mean.numpy().any()
    layer = nn.BatchNorm2D(6, use_global_stats=False).eval()
    np.testing.assert_allclose(layer(paddle.to_tensor(X)).numpy(), scaled(X, (0, 2, 3)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "shape", "axes"),
    [
        (lambda: nn.BatchNorm1D(6), (4, 6), (0,)),
        (lambda: nn.BatchNorm1D(6, data_format="NLC"), (4, 5, 6), (0, 1)),
        (lambda: nn.BatchNorm2D(6, data_format="NHWC"), (4, 5, 3, 6), (0, 1, 2)),
        (lambda: nn.BatchNorm3D(6), (2, 6, 2, 3, 4), (0, 2, 3, 4)),
        (lambda: nn.BatchNorm(6), (4, 6, 3), (0, 2)),
        (lambda: nn.SyncBatchNorm(6), (4, 6, 3, 2), (0, 2, 3)),
        (lambda: nn.InstanceNorm1D(6), (4, 6, 5), (2,)),
        (lambda: nn.InstanceNorm3D(6), (2, 6, 2, 3, 4), (2, 3, 4)),
        (lambda: nn.LayerNorm([5, 3]), (4, 6, 5, 3), (2, 3)),
    ],
)
def test_what_is_normalised(layer, shape, axes) -> None:
    x = normal(*shape)
    np.testing.assert_allclose(layer()(paddle.to_tensor(x)).numpy(), scaled(x, axes), rtol=1e-3, atol=1e-4)


def test_group_norm_layouts_agree() -> None:
    layer, last = nn.GroupNorm(3, 6), nn.GroupNorm(3, 6, data_format="NHWC")
    weight = normal(6)
    for n in (layer, last):
        n.weight.set_value(weight)
    found = both_ways(layer, X)
    expected = scaled(X.reshape(4, 3, -1), (2,)).reshape(X.shape) * weight.reshape(6, 1, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        both_ways(last, X.transpose(0, 2, 3, 1).copy()).transpose(0, 3, 1, 2), found, rtol=1e-4, atol=1e-5
    )
    frozen = nn.GroupNorm(3, 6, weight_attr=False)
    assert frozen.weight.stop_gradient and not frozen.bias.stop_gradient


def test_names_and_state() -> None:
    with paddle.utils.unique_name.guard():
        layer = nn.BatchNorm2D(3)
    assert list(layer.state_dict()) == ["weight", "bias", "_mean", "_variance"]
    assert [p.name for p in layer.parameters()] == [
        "batch_norm2d_0.w_0",
        "batch_norm2d_0.b_0",
        "batch_norm2d_0.w_1",
        "batch_norm2d_0.w_2",
    ]
    assert [p.stop_gradient for p in layer.parameters()] == [False, False, True, True]
    assert not list(layer.named_buffers())
    assert [n for n, _ in nn.InstanceNorm2D(3).named_parameters()] == ["scale", "bias"]
    assert str(nn.BatchNorm1D(3)) == "BatchNorm1D(num_features=3, momentum=0.9, epsilon=1e-05, data_format=NCL)"


def test_conversion_to_sync_batch_norm_shares_parameters() -> None:
    net = nn.Sequential(nn.Conv2D(3, 6, 1), nn.Sequential(nn.BatchNorm2D(6)))
    old = net[1][0]
    new = nn.SyncBatchNorm.convert_sync_batchnorm(net)[1][0]
    assert type(new) is nn.SyncBatchNorm
    assert new.weight is old.weight and new._variance is old._variance
    x = paddle.to_tensor(X)
    np.testing.assert_array_equal(new(x).numpy(), old(x).numpy())


def test_batch_norm_with_activation() -> None:
    out = nn.BatchNorm(6, act="relu")(paddle.to_tensor(X)).numpy()
    np.testing.assert_allclose(out, np.maximum(scaled(X, (0, 2, 3)), 0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("data_format", ["NCL", "NCHW", "NCDHW", "NLC", "NHWC", "NDHWC"])
def test_local_response_norm(data_format) -> None:
    x = normal(2, 5, *[3] * (len(data_format) - 2))
    squares = np.pad(x**2, [(0, 0), (1, 1)] + [(0, 0)] * (x.ndim - 2))
    sums = squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:]
    expected = x / (2 + 0.3 * sums / 3) ** 0.5
    if data_format[-1] == "C":
        x, expected = np.moveaxis(x, 1, -1).copy(), np.moveaxis(expected, 1, -1)
    layer = nn.LocalResponseNorm(3, alpha=0.3, beta=0.5, k=2.0, data_format=data_format)
    np.testing.assert_allclose(both_ways(layer, x), expected, rtol=1e-5, atol=1e-6)


def test_normalize() -> None:
    x = normal(3, 4)
    x[1] = 0
    found = both_ways(lambda x: F.normalize(x), x)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), [1, 0, 1], rtol=1e-5)
    with pytest.raises(ValueError, match="Axis must be 0 or -1"):
        F.normalize(paddle.ones([3]))


def test_spectral_norm_divides_by_the_largest_singular_value() -> None:
    w = normal(4, 3, 2)
    out = nn.SpectralNorm([4, 3, 2], dim=1, power_iters=300)(paddle.to_tensor(w)).numpy()
    singular = np.linalg.svd(w.transpose(1, 0, 2).reshape(3, 8), compute_uv=False)[0]
    np.testing.assert_allclose(out, w / singular, rtol=1e-4)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: nn.BatchNorm2D(6)(paddle.ones([2, 6, 3])), ValueError),
        (lambda: nn.BatchNorm2D(6, data_format="NCL")(paddle.to_tensor(X)), ValueError),
        (lambda: nn.BatchNorm2D(5)(paddle.to_tensor(X)), ValueError),
        (lambda: nn.LayerNorm(4)(paddle.to_tensor(X)), ValueError),
        (lambda: nn.GroupNorm(4, 6)(paddle.to_tensor(X)), ValueError),
        (lambda: nn.InstanceNorm2D(6, weight_attr=False), AssertionError),
        (lambda: nn.InstanceNorm2D(6, data_format="NHWC")(paddle.to_tensor(X)), ValueError),
        (lambda: F.batch_norm(paddle.ones([3]), paddle.ones([3]), paddle.ones([3])), AssertionError),
        (lambda: F.local_response_norm(paddle.ones([3, 3]), 3), ValueError),
    ],
)
def test_errors(call, error) -> None:
    with pytest.raises(error):
        call()


@pytest.mark.parametrize(
    "layer",
    [nn.Conv2D(6, 2, 2), nn.Conv2DTranspose(6, 2, 2), nn.GroupNorm(2, 6), nn.InstanceNorm2D(6), nn.LayerNorm(3)],
)
def test_an_empty_batch_stays_empty(layer) -> None:
    x = paddle.zeros([0, 6, 5, 3])
    x.stop_gradient = False
    y = layer(x)
    y.sum().backward()
    assert y.shape[0] == 0 and x.grad.shape == [0, 6, 5, 3]
    assert not layer.weight.grad.numpy().any() if getattr(layer, "weight", None) is not None else True
