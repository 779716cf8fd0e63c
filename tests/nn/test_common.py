"""Linear maps, embeddings, dropout, distances, sequence masks."""

from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle
import minipaddle.nn.functional as F
from minipaddle import nn


def test_linear():
    layer = nn.Linear(3, 2)
    assert layer.weight.shape == [3, 2] and layer.bias.shape == [2] and not layer.bias.numpy().any()
    x = paddle.randn([4, 5, 3])
    np.testing.assert_allclose(
        layer(x).numpy(), x.numpy() @ layer.weight.numpy() + layer.bias.numpy(), rtol=1e-5, atol=1e-6
    )
    assert nn.Linear(3, 2, bias_attr=False).bias is None
    assert str(layer) == "Linear(in_features=3, out_features=2, dtype=float32)"
    with pytest.raises(ValueError):
        layer(paddle.ones([4, 5]))


def test_bilinear():
    layer = nn.Bilinear(3, 4, 2)
    a, b = paddle.randn([5, 3]), paddle.randn([5, 4])
    wanted = np.einsum("ni,oij,nj->no", a.numpy(), layer.weight.numpy(), b.numpy())
    np.testing.assert_allclose(layer(a, b).numpy(), wanted, rtol=1e-4, atol=1e-5)


def test_embedding_padding_row_stays_zero():
    layer = nn.Embedding(5, 3, padding_idx=-1, sparse=True)
    assert not layer.weight.numpy()[4].any()
    out = layer(paddle.to_tensor([[0, 4], [4, 0]]))
    assert out.shape == [2, 2, 3]
    out.sum().backward()
    grad = layer.weight.grad.numpy()
    assert grad[0].tolist() == [2, 2, 2] and not grad[1:].any()
    assert str(layer) == "Embedding(5, 3, padding_idx=-1, sparse=True)"


def test_embedding_errors():
    w = paddle.ones([5, 3])
    for wrong in (5, -6):
        with pytest.raises(ValueError, match="padding_idx"):
            F.embedding(paddle.to_tensor([0]), w, padding_idx=wrong)
    with pytest.raises(ValueError, match="outside"):
        F.embedding(paddle.to_tensor([5]), w)
    with pytest.raises(ValueError, match="num_embeddings"):
        nn.Embedding(0, 3)


@pytest.mark.parametrize("mode", ["upscale_in_train", "downscale_in_infer"])
def test_dropout_modes(mode):
    paddle.seed(3)
    layer = nn.Dropout(0.25, mode=mode)
    x = paddle.ones([100, 100])
    x.stop_gradient = False
    out = layer(x)
    kept = np.float32(1 / 0.75) if mode == "upscale_in_train" else np.float32(1)
    assert set(np.unique(out.numpy())) == {np.float32(0), kept}
    assert abs((out.numpy() == 0).mean() - 0.25) < 0.02
    out.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), out.numpy())
    layer.eval()
    assert np.unique(layer(x).numpy()).tolist() == [1.0 if mode == "upscale_in_train" else 0.75]


def test_dropout_repeats_after_seed_and_never_drops_with_zero():
    x = paddle.ones([50])
    paddle.seed(9)
    first = F.dropout(x, 0.5).numpy()
    assert (first != F.dropout(x, 0.5).numpy()).any()
    paddle.seed(9)
    np.testing.assert_array_equal(first, F.dropout(x, 0.5).numpy())
    assert F.dropout(x, 0.0) is x
    assert not F.dropout(x, 1.0).numpy().any()


def test_dropout_along_axes():
    out = F.dropout(paddle.ones([40, 30]), 0.5, axis=0).numpy()
    assert (out == out[:, :1]).all() and 0 < (out == 0).mean() < 1
    out = nn.Dropout2D(0.5)(paddle.ones([4, 20, 3, 3])).numpy()
    assert (out == out[:, :, :1, :1]).all() and 0 < (out == 0).mean() < 1
    out = nn.Dropout3D(0.5, data_format="NDHWC")(paddle.ones([4, 2, 2, 2, 20])).numpy()
    assert (out == out[:, :1, :1, :1, :]).all() and 0 < (out == 0).mean() < 1


def test_dropout_errors():
    x = paddle.ones([2, 3])
    for p in (-0.1, 1.1):
        with pytest.raises(ValueError, match="between 0 and 1"):
            F.dropout(x, p)
    with pytest.raises(TypeError):
        F.dropout(x, "half")
    with pytest.raises(ValueError, match="mode"):
        F.dropout(x, 0.5, mode="upscale")
    with pytest.raises(ValueError, match="axis"):
        F.dropout(x, 0.5, axis=2)
    with pytest.raises(ValueError, match="4 dimensions"):
        F.dropout2d(x)
    with pytest.raises(RuntimeError, match="floating"):
        F.dropout(paddle.ones([2], "int64"))


def test_alpha_dropout_keeps_mean_and_variance():
    paddle.seed(5)
    out = nn.AlphaDropout(0.3)(paddle.randn([200, 200])).numpy()
    assert abs(out.mean()) < 0.02 and abs(out.std() - 1) < 0.02


def test_dropout_in_a_traced_layer_follows_train_and_eval():
    net = paddle.jit.to_static(nn.Sequential(nn.Linear(3, 64), nn.Dropout(0.5)))
    x = paddle.ones([8, 3])
    assert 0.2 < (net(x).numpy() == 0).mean() < 0.8
    net.eval()
    np.testing.assert_allclose(net(x).numpy(), (x @ net[0].weight + net[0].bias).numpy(), rtol=1e-6)


def test_flatten_and_unflatten():
    assert nn.Flatten()(paddle.ones([2, 3, 4])).shape == [2, 12]
    assert nn.Unflatten(1, [3, -1])(paddle.ones([2, 12])).shape == [2, 3, 4]
    x = paddle.ones([2])
    assert nn.Identity(1, anything=2)(x) is x


def test_distances():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 3, 4)).astype("float32")
    got = nn.PairwiseDistance(p=1, keepdim=True)(paddle.to_tensor(a), paddle.to_tensor(b)).numpy()
    np.testing.assert_allclose(got, np.abs(a - b + 1e-6).sum(-1, keepdims=True), rtol=1e-5)
    got = nn.CosineSimilarity(axis=0)(paddle.to_tensor(a), paddle.to_tensor(b)).numpy()
    np.testing.assert_allclose(got, (a * b).sum(0) / np.sqrt((a * a).sum(0) * (b * b).sum(0)), rtol=1e-4)


def test_sequence_mask():
    lengths = paddle.to_tensor([1, 3, 0])
    assert F.sequence_mask(lengths).numpy().tolist() == [[1, 0, 0], [1, 1, 1], [0, 0, 0]]
    mask = F.sequence_mask(lengths, maxlen=4, dtype="bool")
    assert mask.shape == [3, 4] and mask.numpy().sum() == 4
    assert F.sequence_mask(lengths, maxlen=paddle.to_tensor(2)).shape == [3, 2]
