"""Activation layers: settings, printing, shapes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import minipaddle as paddle
import minipaddle.nn.functional as F
from minipaddle import nn

X = np.linspace(-4, 4, 24, dtype="float32").reshape(2, 4, 3)

PAIRS = [
    (nn.ReLU(), F.relu),
    (nn.ReLU6(), F.relu6),
    (nn.Sigmoid(), F.sigmoid),
    (nn.LogSigmoid(), F.log_sigmoid),
    (nn.Tanh(), F.tanh),
    (nn.Tanhshrink(), F.tanhshrink),
    (nn.Softsign(), F.softsign),
    (nn.Silu(), F.silu),
    (nn.Swish(), F.swish),
    (nn.Mish(), F.mish),
    (nn.Hardswish(), F.hardswish),
    (nn.Hardsigmoid(), F.hardsigmoid),
    (nn.CELU(0.5), lambda x: F.celu(x, 0.5)),
    (nn.ELU(0.5), lambda x: F.elu(x, 0.5)),
    (nn.GELU(True), lambda x: F.gelu(x, True)),
    (nn.GLU(1), lambda x: F.glu(x, 1)),
    (nn.Hardshrink(1.0), lambda x: F.hardshrink(x, 1.0)),
    (nn.Hardtanh(-2.0, 1.0), lambda x: F.hardtanh(x, -2.0, 1.0)),
    (nn.LeakyReLU(0.2), lambda x: F.leaky_relu(x, 0.2)),
    (nn.SELU(), F.selu),
    (nn.Softplus(2, 3), lambda x: F.softplus(x, 2, 3)),
    (nn.Softshrink(1.0), lambda x: F.softshrink(x, 1.0)),
    (nn.ThresholdedReLU(0.3), lambda x: F.thresholded_relu(x, 0.3)),
    (nn.Softmax(1), lambda x: F.softmax(x, 1)),
    (nn.LogSoftmax(0), lambda x: F.log_softmax(x, 0)),
    (nn.Maxout(2, 1), lambda x: F.maxout(x, 2, 1)),
    (nn.Softmax2D(), lambda x: F.softmax(x, 0)),
]


@pytest.mark.parametrize("layer, function", PAIRS, ids=lambda p: type(p).__name__)
def test_layer_computes_its_function(layer, function):
    x = paddle.to_tensor(X)
    wanted = function(x).numpy()
    np.testing.assert_array_equal(layer(x).numpy(), wanted)
    again = pickle.loads(pickle.dumps(layer))
    np.testing.assert_array_equal(again(x).numpy(), wanted)


def test_printing():
    assert str(nn.ELU(0.5)) == "ELU(alpha=0.5)"
    assert str(nn.ReLU(name="first")) == "ReLU(name=first)"
    assert str(nn.Hardtanh()) == "Hardtanh(min=-1.0, max=1.0)"
    assert str(nn.PReLU(3)) == "PReLU(num_parameters=3, data_format=NCHW, init=0.25, dtype=float32)"


def test_prelu_has_one_weight_per_channel():
    layer = nn.PReLU(4, init=0.1)
    x = paddle.to_tensor(X)
    np.testing.assert_allclose(layer(x).numpy(), np.where(X > 0, X, np.float32(0.1) * X))
    layer(x).sum().backward()
    np.testing.assert_allclose(layer._weight.grad.numpy(), np.minimum(X, 0).sum((0, 2)), rtol=1e-6)
    assert layer._weight.name.endswith(".w_0")


def test_rrelu_is_fixed_in_evaluation():
    layer = nn.RReLU(0.1, 0.3)
    x = paddle.to_tensor(X)
    slopes = layer(x).numpy()[X < 0] / X[X < 0]
    assert slopes.min() >= 0.1 - 1e-6 and slopes.max() <= 0.3 + 1e-6 and slopes.std() > 0
    layer.eval()
    np.testing.assert_allclose(layer(x).numpy(), np.where(X < 0, np.float32(0.2) * X, X), rtol=1e-6)


def test_softmax2d_wants_images():
    with pytest.raises(AssertionError, match="Softmax2D"):
        nn.Softmax2D()(paddle.ones([2, 3]))
