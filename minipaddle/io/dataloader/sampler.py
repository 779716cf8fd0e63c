"""Samplers: iterables of indices. They draw from NumPy's global state, as Paddle does, so `numpy.random.seed` repeats them."""
from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from typing import Any

import numpy as np

from ...core.tensor import TensorBase
from ...tensor.random import randperm

__all__ = ["RandomSampler", "Sampler", "SequenceSampler", "SubsetRandomSampler", "WeightedRandomSampler"]


class Sampler:
    """Base of samplers: subclasses define ``__iter__`` and usually ``__len__``."""

    def __init__(self, data_source: Any = None) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")


class SequenceSampler(Sampler):
    """0, 1, 2, ..."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """Indices in random order, or `num_samples` draws with replacement, or what `generator` (an iterator of indices) yields.

    TypeError for a replacement that is no bool, ValueError for a num_samples that is not positive or given without replacement.
    """

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None, generator: Any = None
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"expect boolean value for replacement, but got replacement={replacement!r}")
        if num_samples is not None and not replacement:
            raise ValueError("num_samples should not be specified while replacement is False")
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer, but got num_samples={self.num_samples!r}")

    @property
    def num_samples(self) -> int:
        """How many indices one pass gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n = len(self.data_source)
        if self.generator:
            for _ in range(self.num_samples):
                try:
                    index = next(self.generator)
                except StopIteration:
                    return
                yield index
        elif self.replacement:
            yield from np.random.choice(np.arange(n), self.num_samples, replace=True).tolist()
        else:
            yield from np.random.choice(np.arange(n), n, replace=False).tolist()

    def __len__(self) -> int:
        return self.num_samples


def _rows(weights: Any) -> np.ndarray[Any, Any]:
    """Checked weights as [rows, n]."""
    if isinstance(weights, TensorBase):
        weights = weights.numpy()  # type: ignore[attr-defined]
    if isinstance(weights, (list, tuple)):
        weights = np.array(weights)
    assert isinstance(weights, np.ndarray), f"weights should be paddle.Tensor, numpy.ndarray, list or tuple, got {type(weights).__name__}"
    assert weights.ndim in (1, 2), f"weights should be a 1-D or 2-D array, got {weights.ndim} dimensions"
    weights = weights.reshape((-1, weights.shape[-1]))
    assert not np.any(np.isnan(weights)), "weights shoule not be NaN"
    assert np.all(weights >= 0.0), "weights should be positive value"
    assert not np.any(np.isinf(weights)), "weights shoule not be INF"
    assert np.all((weights > 0.0).any(axis=1)), "weights should have positive values"
    return weights


class WeightedRandomSampler(Sampler):
    """`num_samples` draws with probabilities proportional to `weights` ([n], or [rows, n]: num_samples per row).

    ValueError for a num_samples that is no positive int and a replacement that is no bool; AssertionError for bad weights.
    """

    def __init__(self, weights: Any, num_samples: int, replacement: bool = True) -> None:
        if not isinstance(num_samples, int) or num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer, got {num_samples!r}")
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, got {replacement!r}")
        self.weights = weights
        self.num_samples = num_samples
        self.replacement = replacement

    def __iter__(self) -> Iterator[int]:
        rows = _rows(self.weights)
        if not self.replacement:
            assert np.all((rows > 0.0).sum(axis=1) >= self.num_samples), (
                "weights positive value number should not less than num_samples when replacement=False"
            )
        rows = rows / rows.sum(axis=1, keepdims=True)
        drawn = [np.random.choice(rows.shape[1], self.num_samples, self.replacement, row) for row in rows]
        return iter(np.concatenate(drawn).tolist())

    def __len__(self) -> int:
        return self.num_samples * len(_rows(self.weights))


class SubsetRandomSampler(Sampler):
    """The given indices in random order (from the generator of `paddle.seed`). ValueError when there are none."""

    def __init__(self, indices: Sequence[int]) -> None:
        if len(indices) == 0:
            raise ValueError("The length of `indices` in SubsetRandomSampler should be greater than 0.")
        self.indices = indices

    def __iter__(self) -> Iterator[int]:
        for i in randperm(len(self.indices)).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)
