"""Tensors with ragged sequences in them."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.lod import lod_from_lengths
from ..core.lod_tensor import LoDTensor, LoDTensorArray
from ..core.tensor import Tensor, isinstance_strict

__all__ = ["LoDTensor", "LoDTensorArray", "create_lod_tensor", "create_random_int_lodtensor"]


def create_lod_tensor(data: Any, recursive_seq_lens: Sequence[Sequence[int]], place: Any = None) -> LoDTensor:
    """A LoDTensor from an array, a LoDTensor, or a list of lists of ids, with levels of sequence lengths.

    A list gives int64 [n, 1]; its inner lengths must be the innermost of `recursive_seq_lens`. TypeError for other data;
    AssertionError or ValueError for lengths that do not fit.
    """
    if isinstance(data, list):
        lengths = [len(part) for part in data]
        assert [lengths] == [list(level) for level in recursive_seq_lens[-1:]], "data and recursive_seq_lens do not match"
        data = np.array([n for part in data for n in part], dtype=np.int64).reshape(-1, 1)
    elif isinstance_strict(data, Tensor):
        data = np.asarray(data)
    elif not isinstance(data, np.ndarray):
        raise TypeError("data should be either a LoDTensor, a Numpy array or a list")
    made = LoDTensor()
    lod = lod_from_lengths(recursive_seq_lens, data.shape[0] if data.ndim else 1)
    made.set(data, place)
    made._more().lod = lod
    return made


def create_random_int_lodtensor(
    recursive_seq_lens: Sequence[Sequence[int]], base_shape: Sequence[int], place: Any, low: int, high: int
) -> LoDTensor:
    """Random integers in [low, high], rows of `base_shape`, as many as the innermost lengths say."""
    assert isinstance(base_shape, list), "base_shape should be a list"
    rows = sum(recursive_seq_lens[-1])
    data = np.random.randint(low, high + 1, [rows, *base_shape]).astype(np.int64)
    return create_lod_tensor(data, recursive_seq_lens, place)
