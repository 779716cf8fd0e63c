"""The lod of Tensors."""
from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import fluid


def _tensor(rows: int = 5) -> paddle.Tensor:
    return paddle.to_tensor(np.zeros((rows, 2), "float32"))


def test_offsets_and_lengths_say_the_same() -> None:
    t = _tensor()
    assert t.lod() == [] and t.recursive_sequence_lengths() == [] and t.has_valid_recursive_sequence_lengths()
    t.set_lod([[0, 2, 5]])
    assert t.recursive_sequence_lengths() == [[2, 3]]
    t.set_recursive_sequence_lengths([[1, 1], [2, 3]])
    assert t.lod() == [[0, 1, 2], [0, 2, 5]]
    t.set_lod([])
    assert t.lod() == []


@pytest.mark.parametrize("lod", [[[0, 2, 4]], [[0, 3, 2, 5]], [[1, 5]], [[0]], [[0, 2], [0, 2, 3, 5]]])
def test_offsets_that_do_not_fit_are_refused(lod: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="lod is invalid"):
        _tensor().set_lod(lod)


def test_create_lod_tensor() -> None:
    t = fluid.create_lod_tensor(np.ones((5, 3), "float32"), [[2, 3]], fluid.CPUPlace())
    assert t.lod() == [[0, 2, 5]] and t.shape() == [5, 3] and list(t.shape) == [5, 3]
    ids = fluid.create_lod_tensor([[1, 2], [3]], [[2, 1]], fluid.CPUPlace())
    assert np.array(ids).tolist() == [[1], [2], [3]] and np.array(ids).dtype == np.int64 and ids.lod() == [[0, 2, 3]]
    assert fluid.create_lod_tensor(t, [[5]], fluid.CPUPlace()).lod() == [[0, 5]]
    with pytest.raises(AssertionError, match="do not match"):
        fluid.create_lod_tensor([[1, 2], [3]], [[2, 2]], fluid.CPUPlace())
    with pytest.raises(ValueError, match="invalid"):
        fluid.create_lod_tensor(np.ones((5, 3)), [[2, 2]], fluid.CPUPlace())
    with pytest.raises(TypeError, match="LoDTensor, a Numpy array or a list"):
        fluid.create_lod_tensor("x", [[1]], fluid.CPUPlace())


def test_random_ids() -> None:
    t = fluid.create_random_int_lodtensor([[2, 3]], [1], fluid.CPUPlace(), 3, 4)
    assert list(t.shape) == [5, 1] and set(np.unique(np.array(t))) <= {3, 4}


def test_an_empty_lod_tensor_is_filled_by_set() -> None:
    t = fluid.LoDTensor()
    t.set(np.arange(6, dtype="float32").reshape(3, 2), fluid.CPUPlace())
    t.set_lod([[0, 1, 3]])
    assert np.array(t).sum() == 15 and t.recursive_sequence_lengths() == [[1, 2]]
