"""Losses: options and errors that the operator rows do not show."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minipaddle as paddle
import minipaddle.nn.functional as F
from minipaddle import nn


def tensor(a, dtype="float32", grad=False):
    t = paddle.to_tensor(np.asarray(a, dtype))
    t.stop_gradient = not grad
    return t


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


X = np.random.default_rng(0).standard_normal((4, 3)).astype("float32")
Y = np.array([0, 2, 1, 2])
PICKED = -log_softmax(X)[np.arange(4), Y]


@pytest.mark.parametrize("column", [False, True])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_cross_entropy_reductions(column, dtype):
    label = tensor(Y[:, None] if column else Y, dtype)
    assert math.isclose(float(F.cross_entropy(tensor(X), label)), PICKED.mean(), rel_tol=1e-5)
    assert math.isclose(float(F.cross_entropy(tensor(X), label, reduction="sum")), PICKED.sum(), rel_tol=1e-5)
    rest = F.cross_entropy(tensor(X), label, reduction="none")
    assert rest.shape == ([4, 1] if column else [4])
    np.testing.assert_allclose(rest.numpy().reshape(-1), PICKED, rtol=1e-5)


@pytest.mark.parametrize("ignored", [-100, -1, 2])
def test_cross_entropy_mean_counts_only_labels_that_are_not_ignored(ignored):
    y = np.where(Y == 2, ignored, Y)
    got = F.cross_entropy(tensor(X), tensor(y, "int64"), ignore_index=ignored)
    assert math.isclose(float(got), PICKED[Y != 2].mean(), rel_tol=1e-5)


def test_cross_entropy_of_ignored_labels_alone_is_zero():
    x = tensor(X, grad=True)
    loss = F.cross_entropy(x, tensor([-100] * 4, "int64"))
    loss.backward()
    assert float(loss) == 0 and not x.grad.numpy().any()


def test_cross_entropy_weight_divides_by_total_weight():
    w = np.array([1, 2, 4], "float32")
    got = F.cross_entropy(tensor(X), tensor(Y, "int64"), weight=tensor(w))
    assert math.isclose(float(got), (PICKED * w[Y]).sum() / w[Y].sum(), rel_tol=1e-5)
    image = np.moveaxis(X.reshape(1, 2, 2, 3), -1, 1)
    got = F.cross_entropy(tensor(image), tensor(Y.reshape(1, 2, 2), "int64"), weight=tensor(w), axis=1)
    assert math.isclose(float(got), (PICKED * w[Y]).sum() / w[Y].sum(), rel_tol=1e-5)


@pytest.mark.parametrize("axis", [-1, 1])
def test_label_smoothing_is_a_soft_label(axis):
    soft = np.eye(3)[Y] * 0.9 + 0.1 / 3
    wanted = -(soft * log_softmax(X)).sum(-1).mean()
    x = X if axis == -1 else X[:, :, None]
    y = Y if axis == -1 else Y[:, None]
    for hard in (y, np.expand_dims(y, axis if axis == 1 else -1)):
        got = F.cross_entropy(tensor(x), tensor(hard, "int64"), label_smoothing=0.1, axis=axis)
        assert math.isclose(float(got), wanted, rel_tol=1e-5)
    given = F.cross_entropy(tensor(X), tensor(soft), soft_label=True)
    assert math.isclose(float(given), wanted, rel_tol=1e-5)


def test_cross_entropy_errors():
    x, y = tensor(X), tensor(Y, "int64")
    with pytest.raises(IndexError, match="9"):
        F.cross_entropy(x, tensor([0, 1, 2, 9], "int64"))
    with pytest.raises(ValueError, match="reduction"):
        F.cross_entropy(x, y, reduction="avg")
    with pytest.raises(ValueError, match="dimensions"):
        F.cross_entropy(x, tensor(np.zeros((4, 1, 1)), "int64"))
    with pytest.raises(ValueError, match=r"\[3\]"):
        F.cross_entropy(x, y, weight=tensor([1.0, 2.0]))
    with pytest.raises(ValueError, match="ignore_index"):
        F.cross_entropy(x, tensor(np.eye(3)[Y]), soft_label=True, ignore_index=1)


@pytest.mark.parametrize("labels", [[[0], [1], [2], [1]], [[0], [-100], [2], [-100]]])
def test_traced_cross_entropy_counts_labels_as_the_dynamic_one(labels):
    net = nn.Linear(3, 3)

    @paddle.jit.to_static(input_spec=[paddle.static.InputSpec([None, 3]), paddle.static.InputSpec([None, 1], "int64")])
    def step(x, y):
        return F.cross_entropy(net(x), y)

    y = paddle.to_tensor(labels, "int64")
    x = paddle.ones([4, 3])
    traced = step(x, y)
    traced.backward()
    got = net.weight.grad.numpy()
    net.clear_gradients()
    dynamic = F.cross_entropy(net(x), y)
    dynamic.backward()
    assert math.isclose(float(traced), float(dynamic), rel_tol=1e-6)
    np.testing.assert_allclose(got, net.weight.grad.numpy(), rtol=1e-5, atol=1e-7)


def test_traced_losses_agree_with_eager_ones():
    def losses(x, y):
        row = y.flatten()
        return (
            F.cross_entropy(x, y, weight=paddle.full([3], 2.0), ignore_index=1),
            F.nll_loss(F.log_softmax(x), row),
            F.cross_entropy(x, row, label_smoothing=0.1),
            F.kl_div(F.log_softmax(x), F.softmax(x * 2), "batchmean"),
            F.multi_margin_loss(x, row),
            F.hinge_embedding_loss(x, paddle.sign(x)),
            F.npair_loss(x, x + 1, row),
        )

    args = tensor(X), tensor(Y[:, None], "int64")
    specs = [paddle.static.InputSpec([None, 3]), paddle.static.InputSpec([None, 1], "int64")]
    for a, b in zip(losses(*args), paddle.jit.to_static(losses, input_spec=specs)(*args), strict=True):
        assert math.isclose(float(a), float(b), rel_tol=1e-6)


def test_softmax_with_cross_entropy_returns_softmax_without_gradient():
    x = tensor(X, grad=True)
    loss, softmax = F.softmax_with_cross_entropy(x, tensor(Y[:, None], "int64"), return_softmax=True)
    assert loss.shape == [4, 1] and softmax.shape == [4, 3]
    (loss.sum() + 5 * softmax.sum()).backward()
    np.testing.assert_allclose(x.grad.numpy(), softmax.numpy() - np.eye(3)[Y], atol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (3, 4), (3, 2, 2), (3, 2, 2, 2)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_nll_loss_of_any_rank(shape, reduction):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((shape[0], 5, *shape[1:])).astype("float32"), rng.integers(0, 5, shape)
    picked = -np.take_along_axis(x, np.expand_dims(y, 1), 1)[:, 0]
    wanted = {"mean": picked.mean(), "sum": picked.sum(), "none": picked}[reduction]
    got = F.nll_loss(tensor(x), tensor(y, "int64"), reduction=reduction)
    assert got.shape == list(np.shape(wanted))
    np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-5)


def test_pos_weight_value_and_gradient():
    x, y, w = np.array([[-3.0, 2.0], [0.5, -40.0]]), np.array([[1.0, 0.0], [0.3, 1.0]]), np.array([3.0, 0.5])
    t = tensor(x, "float64", True)
    loss = F.binary_cross_entropy_with_logits(
        t, tensor(y, "float64"), pos_weight=tensor(w, "float64"), reduction="none"
    )
    p = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(loss.numpy(), -(w * y * np.log(p) + (1 - y) * np.log1p(-p)), rtol=1e-7)
    loss.sum().backward()
    np.testing.assert_allclose(t.grad.numpy(), (1 - y) * p - w * y * (1 - p), rtol=1e-6)


def test_binary_cross_entropy_checks():
    with pytest.raises(ValueError, match="probabilities"):
        F.binary_cross_entropy(tensor([1.5]), tensor([1.0]))
    with pytest.raises(ValueError, match="same shape"):
        F.binary_cross_entropy(tensor([0.5]), tensor([1.0, 0.0]))
    with pytest.raises(ValueError, match="same type"):
        F.binary_cross_entropy(tensor([0.5]), tensor([1], "int64"))
    assert float(F.binary_cross_entropy(tensor([0.0]), tensor([1.0]))) == 100.0


def test_triplet_uses_the_given_distance():
    x, p, n = tensor([[0.0, 0.0]]), tensor([[1.0, 2.0]]), tensor([[3.0, 0.0]])
    manhattan = lambda a, b: (a - b).abs().sum(-1)  # noqa: E731
    layer = nn.TripletMarginWithDistanceLoss(manhattan, margin=2.0)
    assert float(layer(x, p, n)) == 2.0
    with pytest.raises(ValueError, match="greater than 0"):
        layer(x, x, n)


def test_gaussian_nll_refuses_negative_variance():
    with pytest.raises(ValueError, match="negative"):
        F.gaussian_nll_loss(tensor([1.0]), tensor([1.0]), tensor([-1.0]))
    with pytest.raises(ValueError, match="variance must be"):
        F.gaussian_nll_loss(tensor([[1.0, 2.0]]), tensor([[1.0, 2.0]]), tensor([1.0, 2.0, 3.0]))


def test_poisson_full_has_finite_gradients_for_zero_counts():
    x = tensor([0.5, 1.0], grad=True)
    F.poisson_nll_loss(x, tensor([0.0, 4.0]), full=True).backward()
    assert np.isfinite(x.grad.numpy()).all()


def test_ctc_loss_mean_divides_by_label_lengths():
    rng = np.random.default_rng(2)
    x = tensor(rng.standard_normal((6, 2, 4)), grad=True)
    labels, times, sizes = tensor([[1, 2], [3, 0]], "int32"), tensor([6, 5], "int64"), tensor([2, 1], "int64")
    each = F.ctc_loss(x, labels, times, sizes, reduction="none")
    assert each.shape == [2]
    mean = F.ctc_loss(x, labels, times, sizes)
    assert math.isclose(float(mean), (each.numpy() / [2, 1]).mean(), rel_tol=1e-5)
    mean.backward()
    assert not x.grad.numpy()[5, 1].any()  # beyond the sequence
    with pytest.raises(AssertionError):
        F.ctc_loss(x, labels, times, sizes, reduction="avg")
    with pytest.raises(ValueError, match="LogitsLength"):
        F.ctc_loss(x, labels, tensor([7, 5], "int64"), sizes)


def test_hsigmoid_layer_learns():
    paddle.seed(1)
    layer = nn.HSigmoidLoss(4, 5)
    assert layer.weight.shape == [4, 4] and layer.bias.shape == [4, 1]
    out = layer(paddle.randn([3, 4]), tensor([[0], [4], [2]], "int64"))
    out.sum().backward()
    assert out.shape == [3, 1] and layer.weight.grad.numpy().any()
    with pytest.raises(ValueError, match="num_classes"):
        nn.HSigmoidLoss(4, 1)


def test_class_center_sample_keeps_the_classes_that_occur():
    remapped, sampled = F.class_center_sample(tensor([3, 7, 3, 11], "int64"), 20, 6)
    assert sampled.numpy()[:3].tolist() == [3, 7, 11] and len(set(sampled.numpy().tolist())) == 6
    np.testing.assert_array_equal(sampled.numpy()[remapped.numpy()], [3, 7, 3, 11])


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.L1Loss("avg"),
        lambda: nn.MSELoss("avg"),
        lambda: nn.BCELoss(reduction="avg"),
        lambda: nn.NLLLoss(reduction="avg"),
    ],
)
def test_layers_check_reduction_when_made(make):
    with pytest.raises(ValueError, match="avg"):
        make()
