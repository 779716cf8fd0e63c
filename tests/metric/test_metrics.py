"""paddle.metric."""
from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.core.dispatch import call
from minipaddle.core.program import Program
from minipaddle.core.recorder import Recorder, recording
from minipaddle.metric import Accuracy, Auc, Metric, Precision, Recall, accuracy
from minipaddle.ops import metric as M


def scores(n, classes, seed=0):
    return paddle.to_tensor(np.random.default_rng(seed).random((n, classes), dtype="float32"))


def test_accuracy_of_batches():
    m = Accuracy(topk=(1, 2), name="a")
    x, y = scores(10, 4), np.arange(10) % 4
    order = np.argsort(-x.numpy(), axis=1)
    top1, top2 = (order[:, 0] == y).mean(), (order[:, :2] == y[:, None]).any(1).mean()
    for part in (slice(0, 3), slice(3, 10)):
        m.update(m.compute(x[part], paddle.to_tensor(y[part])))
    np.testing.assert_allclose(m.accumulate(), [top1, top2])
    assert m.name() == ["a_top1", "a_top2"]
    m.reset()
    assert m.accumulate() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", ["int64", "int32"])
def test_accuracy_takes_classes_columns_and_one_hot(dtype):
    x, y = scores(5, 3), np.array([0, 1, 2, 1, 0], dtype)
    m = Accuracy()
    a = m.compute(x, paddle.to_tensor(y)).numpy()
    assert a.shape == (5, 1) and a.dtype == np.float32
    assert (a == m.compute(x, paddle.to_tensor(y[:, None])).numpy()).all()
    assert (a == m.compute(x, paddle.to_tensor(np.eye(3, dtype="float32")[y])).numpy()).all()
    assert m.update(m.compute(x, paddle.to_tensor(y))) == pytest.approx(a.mean())


def test_accuracy_of_sequences():
    m = Accuracy()
    correct = m.compute(scores(6, 4).reshape([2, 3, 4]), paddle.zeros([2, 3, 1], "int64"))
    assert correct.shape == [2, 3, 1]
    m.update(correct)
    assert m.count == [6]


def test_accuracy_function():
    x, y = scores(6, 4), paddle.to_tensor([[0], [1], [2], [3], [0], [1]])
    correct, total = paddle.zeros([1], "int32"), paddle.zeros([1], "int32")
    got = accuracy(x, y, k=2, correct=correct, total=total)
    want = (np.argsort(-x.numpy(), 1)[:, :2] == y.numpy()).any(1)
    assert got.shape == [] and got.dtype == paddle.float32
    np.testing.assert_allclose(float(got), want.mean(), rtol=1e-6)
    assert int(correct) == want.sum() and int(total) == 6
    assert float(accuracy(x, y.astype("int32"), k=2)) == float(got)
    with pytest.raises(ValueError, match=r"\[N, 1\].*\[6\]"):
        accuracy(x, y.reshape([-1]))
    with pytest.raises(TypeError, match="int32"):
        accuracy(x.astype("int32"), y)


def test_accuracy_in_a_program():
    program = Program()
    block = program.global_block()
    x = block.create_var("x", (-1, 4), paddle.float32)
    y = block.create_var("y", (-1, 1), paddle.int64)
    with recording(Recorder(program)):
        out = accuracy(x, y, k=2)
    assert [op.type for op in block.ops] == ["top_k_v2", "accuracy"]
    assert set(block.ops[1].inputs) == {"Out", "Indices", "Label"}
    assert set(block.ops[1].outputs) == {"Accuracy", "Correct", "Total"}
    assert tuple(out.shape) == ()


def test_precision_and_recall():
    p = np.array([0.5, 0.5001, 0.2, 0.9, 0.7], "float32")
    y = np.array([1, 1, 1, 0, 1])
    precision, recall = Precision(), Recall()
    for shape in ((-1,), (-1, 1)):
        precision.update(p.reshape(shape), y.reshape(shape))
        recall.update(paddle.to_tensor(p.reshape(shape)), paddle.to_tensor(y.reshape(shape)))
    # precision rounds a half up, recall to the even 0
    assert (precision.tp, precision.fp, recall.tp, recall.fn) == (6, 2, 4, 4)
    assert precision.accumulate() == 0.75 and recall.accumulate() == 0.5
    for m in (precision, recall):
        with pytest.raises(ValueError, match="preds"):
            m.update([0.1], y)
        with pytest.raises(ValueError, match="labels"):
            m.update(p, [1])
        with pytest.raises(ValueError, match="one value per sample"):
            m.update(np.ones((5, 2)), y)


def test_auc_against_all_pairs():
    rng = np.random.default_rng(2)
    p = np.round(rng.random(60) * 63) / 63
    y = rng.integers(0, 2, 60)
    m = Auc(num_thresholds=63)
    for part in (slice(0, 20), slice(20, 60)):
        m.update(np.stack([1 - p[part], p[part]], 1), y[part, None])
    d = p[y == 1][:, None] - p[y == 0][None]
    np.testing.assert_allclose(m.accumulate(), ((d > 0) + 0.5 * (d == 0)).mean())
    m.reset()
    assert m.accumulate() == 0.0
    with pytest.raises(AssertionError, match="1.5"):
        m.update(np.array([[0.0, 1.5]]), np.array([1]))
    with pytest.raises(ValueError, match="ROC"):
        Auc(curve="PR")


# what Paddle 2.6.2 gives for five batches of 6 (num_thresholds 7): over the last three batches, and over all
WINDOW = [1.0, 0.4714285714285714, 0.537037037037037, 0.49375, 0.5844155844155844]
ALL = [1.0, 0.4714285714285714, 0.537037037037037, 0.5664335664335665, 0.5825892857142857]


def test_auc_operator_follows_paddle():
    rng = np.random.RandomState(0)
    window = [paddle.zeros([4 * 8 + 1], "int64") for _ in range(2)]
    every = [paddle.zeros([1, 8], "int64") for _ in range(2)]
    for i in range(5):
        p = rng.rand(6).astype("float32")
        x, y = paddle.to_tensor(np.stack([1 - p, p], 1)), paddle.to_tensor(rng.randint(0, 2, (6, 1)))
        got = call(M.auc, x, y, *window, num_thresholds=7, slide_steps=3)[0]
        total = call(M.auc, x, y, *every, num_thresholds=7, slide_steps=0)[0]
        np.testing.assert_allclose([float(got), float(total)], [WINDOW[i], ALL[i]], rtol=1e-12)
    assert window[0].numpy()[-1] == 5 and every[0].numpy().tolist() == [[1, 0, 2, 3, 3, 4, 3, 0]]
    with pytest.raises(ValueError, match="between 0 and 1"):
        call(M.auc, x * 2 + 1, y, *every, num_thresholds=7, slide_steps=0)


def test_metric_is_abstract():
    with pytest.raises(TypeError):
        Metric()
