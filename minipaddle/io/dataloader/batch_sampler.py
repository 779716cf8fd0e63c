"""Batch samplers: iterables of lists of indices."""
from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .dataset import Dataset, IterableDataset
from .sampler import RandomSampler, Sampler, SequenceSampler

__all__ = ["BatchSampler", "DistributedBatchSampler"]


def _batches(indices: Iterable[Any], size: int, drop_last: bool) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for index in indices:
        batch.append(index)
        if len(batch) == size:
            yield batch
            batch = []
    if batch and not drop_last:
        yield batch


class BatchSampler(Sampler):
    """Lists of `batch_size` indices, from a `sampler` or from a `dataset` in order or shuffled.

    AssertionError for wrong arguments, as in Paddle.
    """

    sampler: Any

    def __init__(
        self,
        dataset: Dataset | None = None,
        sampler: Sampler | None = None,
        shuffle: bool = False,
        batch_size: int = 1,
        drop_last: bool = False,
    ) -> None:
        if dataset is None:
            assert sampler is not None, "either dataset or sampler should be set"
            assert isinstance(sampler, Sampler), f"sampler should be a paddle.io.Sampler, but got {type(sampler)}"
            assert not shuffle, "shuffle should be False when sampler is set"
            self.sampler = sampler
        else:
            assert not isinstance(dataset, IterableDataset), "dataset should not be a paddle.io.IterableDataset"
            assert sampler is None, "should not set both dataset and sampler"
            assert isinstance(shuffle, bool), f"shuffle should be a boolean value, but got {type(shuffle)}"
            self.sampler = RandomSampler(dataset) if shuffle else SequenceSampler(dataset)
        assert isinstance(batch_size, int) and batch_size > 0, f"batch_size should be a positive integer, but got {batch_size!r}"
        assert isinstance(drop_last, bool), f"drop_last should be a boolean value, but got {type(drop_last)}"
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[Any]]:
        return _batches(self.sampler, self.batch_size, self.drop_last)

    def __len__(self) -> int:
        return (len(self.sampler) + (0 if self.drop_last else self.batch_size - 1)) // self.batch_size


class EndlessBatches:
    """Lists of `batch_size` times None: what a stream is asked for."""

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[list[None]]:
        while True:
            yield [None] * self.batch_size


def _from_environment(name: str, default: int) -> int:
    return int(os.environ.get(name, default))


class DistributedBatchSampler(BatchSampler):
    """One rank's batches of a data set that several processes share; the data wraps around so that all get equally many.

    num_replicas, rank: default to PADDLE_TRAINERS_NUM (1) and PADDLE_TRAINER_ID (0). With `shuffle` the order depends on the
    epoch, which counts up by itself or is set by `set_epoch`.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = False,
        drop_last: bool = False,
    ) -> None:
        assert isinstance(batch_size, int) and batch_size > 0, f"batch_size should be a positive integer, got {batch_size!r}"
        assert isinstance(shuffle, bool), f"shuffle should be a boolean value, got {shuffle!r}"
        assert isinstance(drop_last, bool), f"drop_last should be a boolean number, got {drop_last!r}"
        if num_replicas is None:
            num_replicas = _from_environment("PADDLE_TRAINERS_NUM", 1)
        if rank is None:
            rank = _from_environment("PADDLE_TRAINER_ID", 0)
        assert isinstance(num_replicas, int) and num_replicas > 0, f"num_replicas should be a positive integer, got {num_replicas!r}"
        assert isinstance(rank, int) and rank >= 0, f"rank should be a non-negative integer, got {rank!r}"
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.nranks, self.local_rank = num_replicas, rank
        self.epoch = 0
        self.num_samples = -(-len(dataset) // num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[list[int]]:
        indices = np.resize(np.arange(len(self.dataset)), self.total_size)
        if self.shuffle:
            order = indices.tolist()
            np.random.RandomState(self.epoch).shuffle(order)
            indices = np.array(order, dtype=np.int64)
            self.epoch += 1
        if self.nranks > 1:
            # whole rounds of one batch per rank, then the rest in equal shares
            step = self.batch_size * self.nranks
            whole = self.total_size // step * step
            mine = indices[:whole].reshape(-1, self.nranks, self.batch_size)[:, self.local_rank].reshape(-1)
            rest = indices[whole:].reshape(self.nranks, -1)[self.local_rank]
            indices = np.concatenate([mine, rest])
        return _batches(indices.tolist(), self.batch_size, self.drop_last)

    def __len__(self) -> int:
        return (self.num_samples + (0 if self.drop_last else self.batch_size - 1)) // self.batch_size

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch that decides the shuffled order."""
        self.epoch = epoch
