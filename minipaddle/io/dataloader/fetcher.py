"""Fetchers: from a list of indices to a collated batch, in the process that reads the data."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ...backend import xp as backend
from ...core.tensor import make_tensor
from .collate import default_collate_fn
from .dataset import IterableDataset, is_plain_tensors

__all__ = ["make_fetcher"]

Fetch = Callable[[Any], Any]


def _never() -> bool:
    return False


def make_fetcher(
    dataset: Any, auto_collate: bool, collate_fn: Callable[[Any], Any], drop_last: bool, done: Callable[[], bool] = _never
) -> Fetch:
    """The function from indices to a batch. StopIteration says that a stream has ended; None that `done` became true."""
    if isinstance(dataset, IterableDataset):
        return _stream(iter(dataset), auto_collate, _no_stop(collate_fn), drop_last, done)
    if not auto_collate:
        return _no_stop(lambda index: collate_fn(dataset[index]))
    if collate_fn is default_collate_fn and is_plain_tensors(dataset):
        return _rows_of(dataset.tensors)

    def fetch(indices: Any) -> Any:
        samples = []
        for i in indices:
            if done():
                return None
            samples.append(dataset[i])
        return collate_fn(samples)

    return _no_stop(fetch)


def _no_stop(function: Fetch) -> Fetch:
    """The function, with StopIteration from user code as an error: it would end the pass over the loader without a word."""

    def guarded(argument: Any) -> Any:
        try:
            return function(argument)
        except StopIteration as error:
            raise RuntimeError("the data set or collate_fn raised StopIteration; only iterators of streams may") from error

    return guarded


def _rows_of(tensors: Any) -> Fetch:
    """Whole batches of a TensorDataset in one indexing step."""

    def fetch(indices: Any) -> Any:
        rows = []
        for t in tensors:
            xp = backend.array_module(t._data)
            rows.append(make_tensor(t._data[xp.asarray(indices, dtype="int64")]))
        return rows

    return fetch


def _stream(
    samples: Iterator[Any], auto_collate: bool, collate_fn: Callable[[Any], Any], drop_last: bool, done: Callable[[], bool]
) -> Fetch:
    def fetch(indices: Any) -> Any:
        if not auto_collate:
            return collate_fn(next(samples))
        batch = []
        for _ in indices:
            if done():
                return None
            try:
                batch.append(next(samples))
            except StopIteration:
                break
        if not batch or (drop_last and len(batch) < len(indices)):
            raise StopIteration
        return collate_fn(batch)

    return fetch
