"""paddle.text."""
from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle


def data(seed=0):
    r = np.random.RandomState(seed)
    return paddle.to_tensor(r.rand(2, 4, 5).astype("float32")), paddle.to_tensor(np.random.RandomState(1).rand(5, 5).astype("float32"))


def test_numbers_of_paddle():
    x, transitions = data()
    lengths = paddle.to_tensor([3, 1])
    scores, path = paddle.text.viterbi_decode(x, transitions, lengths)
    np.testing.assert_allclose(scores.numpy(), [5.17654085, 2.44983053], rtol=1e-6)  # Paddle 2.6.2
    assert path.numpy().tolist() == [[1, 3, 0], [0, 0, 0]]
    layer = paddle.text.ViterbiDecoder(transitions)
    assert (layer(x, lengths)[1].numpy() == path.numpy()).all()


def test_mistakes():
    x, transitions = data()
    with pytest.raises(TypeError, match="lengths.*int32"):
        paddle.text.viterbi_decode(x, transitions, paddle.to_tensor([1, 1], dtype="int32"))
    with pytest.raises(ValueError, match=r"\[5, 5\]"):
        paddle.text.viterbi_decode(x, transitions[:4], paddle.to_tensor([1, 1]))
    with pytest.raises(ValueError, match="between 0 and 4"):
        paddle.text.viterbi_decode(x, transitions, paddle.to_tensor([5, 1]))
