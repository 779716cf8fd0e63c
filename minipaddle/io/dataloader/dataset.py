"""Data sets: by index (`Dataset`) or as a stream (`IterableDataset`), and what combines them."""
from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ...core.context import context
from ...core.tensor import Tensor
from ...tensor.random import randperm

__all__ = [
    "ChainDataset",
    "ComposeDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]


class Dataset:
    """A data set by index: subclasses define ``__getitem__(index)`` and ``__len__()``."""

    def __init__(self) -> None:
        pass

    def __getitem__(self, idx: Any) -> Any:
        raise NotImplementedError(f"'__getitem__' not implement in class {type(self).__name__}")

    def __len__(self) -> int:
        raise NotImplementedError(f"'__len__' not implement in class {type(self).__name__}")


class IterableDataset(Dataset):
    """A data set as a stream: subclasses define ``__iter__()``.

    With worker processes each worker iterates over its own copy; use `get_worker_info` to give each a share.
    """

    def __init__(self) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"'__iter__' not implement in class {type(self).__name__}")

    def __getitem__(self, idx: Any) -> Any:
        raise RuntimeError(f"'__getitem__' should not be called for IterableDataset {type(self).__name__}")

    def __len__(self) -> int:
        raise _NoLength(f"'__len__' should not be called for IterableDataset {type(self).__name__}")


class _NoLength(RuntimeError, TypeError):
    """A stream has no length. Paddle raises RuntimeError; that it is a TypeError as well lets ``list(stream)`` work."""


class TensorDataset(Dataset):
    """Sample i is the tuple of the i-th rows of `tensors`.

    tensors: list of Tensors (or arrays) with the same first dimension; AssertionError otherwise. RuntimeError in static mode.
    """

    def __init__(self, tensors: Sequence[Any]) -> None:
        if context.recorder is not None:
            raise RuntimeError("TensorDataset can only be used in dynamic mode; call paddle.disable_static() first")
        assert len(tensors) > 0, "TensorDataset needs at least one tensor"
        first = tensors[0].shape[0]
        for i, t in enumerate(tensors):
            assert t.shape[0] == first, (
                f"TensorDataset: all tensors need the same first dimension; tensor 0 has {first} rows, tensor {i} has {t.shape[0]}"
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])


def _fields(sample: Any) -> list[Any]:
    return list(sample) if isinstance(sample, (list, tuple)) else [sample]


class ComposeDataset(Dataset):
    """Sample i is the fields of sample i of every data set in one tuple. AssertionError unless all have the same length."""

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = list(datasets)
        assert len(self.datasets) > 0, "ComposeDataset: the list of data sets is empty"
        for i, dataset in enumerate(self.datasets):
            assert isinstance(dataset, Dataset), f"ComposeDataset: entry {i} must be a paddle.io.Dataset, got {type(dataset).__name__}"
            assert not isinstance(dataset, IterableDataset), f"ComposeDataset: entry {i} is an IterableDataset, which has no index"
            assert len(dataset) == len(self.datasets[0]), (
                f"ComposeDataset: lengths of datasets should be same, got {len(self.datasets[0])} and {len(dataset)}"
            )

    def __len__(self) -> int:
        return len(self.datasets[0])

    def __getitem__(self, idx: Any) -> tuple[Any, ...]:
        return tuple(itertools.chain.from_iterable(_fields(dataset[idx]) for dataset in self.datasets))


class ChainDataset(IterableDataset):
    """Streams one after the other. AssertionError unless all are IterableDatasets."""

    def __init__(self, datasets: Iterable[IterableDataset]) -> None:
        self.datasets = list(datasets)
        assert len(self.datasets) > 0, "ChainDataset: the list of data sets is empty"
        for i, dataset in enumerate(self.datasets):
            assert isinstance(dataset, IterableDataset), (
                f"ChainDataset: entry {i} must be a paddle.io.IterableDataset, got {type(dataset).__name__}"
            )

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            yield from dataset


class ConcatDataset(Dataset):
    """Data sets one after the other. AssertionError for an empty list or a stream; ValueError for an index out of range."""

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        """Running sums of the lengths."""
        return list(itertools.accumulate(len(e) for e in sequence))

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = list(datasets)
        assert len(self.datasets) > 0, "datasets should not be an empty iterable"
        for i, dataset in enumerate(self.datasets):
            assert not isinstance(dataset, IterableDataset), f"ConcatDataset does not support IterableDataset (entry {i})"
        self.cumulative_sizes = self.cumsum(self.datasets)

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx: int) -> Any:
        if idx < 0:
            if -idx > len(self):
                raise ValueError(f"absolute value of index should not exceed dataset length: index {idx}, length {len(self)}")
            idx += len(self)
        which = bisect.bisect_right(self.cumulative_sizes, idx)
        if which == len(self.datasets):
            raise IndexError(f"ConcatDataset: index {idx} is out of range for {len(self)} samples")
        return self.datasets[which][idx - (self.cumulative_sizes[which - 1] if which else 0)]


class Subset(Dataset):
    """The samples of `dataset` at `indices`, in that order."""

    def __init__(self, dataset: Dataset, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, idx: Any) -> Any:
        return self.dataset[self.indices[idx]]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Dataset, lengths: Sequence[int], generator: Any = None) -> list[Subset]:
    """Split at random into parts of the given lengths. ValueError unless they add up to ``len(dataset)``.

    generator: accepted as in Paddle, which draws from the generator of `paddle.seed` whatever it is.
    """
    total = sum(lengths)
    if total != len(dataset):
        raise ValueError(
            f"Sum of input lengths does not equal the length of the input dataset! Lengths {list(lengths)} add up to {total}, the "
            f"data set has {len(dataset)} samples"
        )
    order: list[int] = randperm(total).tolist() if total else []
    return [Subset(dataset, order[end - n : end]) for end, n in zip(itertools.accumulate(lengths), lengths, strict=True)]


def is_plain_tensors(dataset: Any) -> bool:
    """Whether whole batches can be cut out of the tensors at once: nothing overridden, no gradient wanted."""
    return type(dataset) is TensorDataset and all(type(t) is Tensor and t._stop_gradient for t in dataset.tensors)
