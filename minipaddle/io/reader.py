"""The DataLoader."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..errors import NotSupportedError
from .dataloader.batch_sampler import BatchSampler, EndlessBatches
from .dataloader.collate import default_collate_fn, default_convert_fn
from .dataloader.dataset import Dataset, IterableDataset
from .dataloader.fetcher import make_fetcher
from .feeding import Feeding, in_static_mode
from .generator_loader import GeneratorLoader

__all__ = ["DataLoader"]


class _Default(int):
    """The default of `return_list`: counts as True, and can be told from a True that the user wrote."""

    def __repr__(self) -> str:
        return "True"


_RETURN_LIST: Any = _Default(1)


class NoLengthError(ValueError, TypeError):
    """A loader of a stream has no length. Paddle raises ValueError; being a TypeError lets ``list(loader)`` work."""


class DataLoader:
    """Batches of a data set, read in this process or by `num_workers` worker processes.

    dataset: a `Dataset` (by index) or `IterableDataset` (stream). feed_list: in static mode the variables (or names) to feed.
    places: device of the Tensors, or a list with one device; default: the current one. return_list: in static mode False
    gives ``[{name: Tensor}]`` per batch; by default with a feed_list the list of Tensors carries the names itself. batch_sampler:
    an iterable of lists of indices, instead of batch_size, shuffle and drop_last. batch_size: None means no batching:
    samples come as they are. collate_fn: from a list of samples to a batch. prefetch_factor: batches per worker in
    advance. use_shared_memory: arrays from workers travel in shared memory rather than through pipes. timeout: seconds to wait
    for a batch, 0 for ever. worker_init_fn: called in each worker with its number. persistent_workers: keep workers for the next pass.
    use_buffer_reader: accepted; reading ahead is what workers do.

    Iterate over the loader or over ``loader()``. Each worker has seeds of its own for `random`, `numpy.random` and minipaddle, new for
    every pass, and repeatable under `paddle.seed`. An exception in a worker is raised here with the same class and the worker's
    traceback. AssertionError or ValueError for wrong arguments, as in Paddle.
    """

    def __init__(
        self,
        dataset: Dataset,
        feed_list: Any = None,
        places: Any = None,
        return_list: bool = _RETURN_LIST,
        batch_sampler: Any = None,
        batch_size: int | None = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        collate_fn: Callable[[Any], Any] | None = None,
        num_workers: int = 0,
        use_buffer_reader: bool = True,
        prefetch_factor: int = 2,
        use_shared_memory: bool = True,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        persistent_workers: bool = False,
    ) -> None:
        self._list_is_default = return_list is _RETURN_LIST
        self.return_list = bool(return_list)
        self.dataset = dataset
        self.feed_list = feed_list
        self.collate_fn = collate_fn
        self.use_buffer_reader = use_buffer_reader
        self.worker_init_fn = worker_init_fn
        self._persistent_workers = persistent_workers
        self._iterator: Any = None
        if not self.return_list and in_static_mode():
            assert feed_list is not None, "feed_list should be set when return_list=False"
        self._feeding = Feeding(feed_list, places)
        self.places = self._feeding.places
        assert hasattr(num_workers, "__index__") and num_workers >= 0, (
            f"num_workers should be a non-negative value, an int, got {num_workers!r}"
        )
        assert prefetch_factor > 0, f"prefetch_factor should be a positive value, got {prefetch_factor}"
        assert timeout >= 0, f"timeout should be a non-negative value, got {timeout}"
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor
        self.use_shared_memory = use_shared_memory and num_workers > 0
        self.timeout = timeout
        stream = isinstance(dataset, IterableDataset)
        if stream:
            if shuffle:
                raise ValueError(f"IterableDataset not support shuffle, but got shuffle={shuffle}")
            if batch_sampler is not None:
                raise ValueError("IterableDataset expect unspecified batch_sampler")
        if batch_sampler is not None:
            assert batch_size == 1 and not shuffle and not drop_last, (
                "batch_size/shuffle/drop_last should not be set when batch_sampler is given"
            )
            self.batch_sampler: Any = batch_sampler
            self.batch_size = None
        elif batch_size is None:
            self.batch_sampler = None
            self.batch_size = None
        else:
            assert batch_size > 0, (
                f"batch_size should be None or a positive value when batch_sampler is not given, got {batch_size}"
            )
            self.batch_size = batch_size
            self.batch_sampler = (
                EndlessBatches(batch_size)
                if stream
                else BatchSampler(dataset=dataset, batch_size=batch_size, shuffle=shuffle, drop_last=drop_last)
            )
        self.drop_last = drop_last
        self.auto_collate_batch = self.batch_sampler is not None
        self._collate = collate_fn or (default_collate_fn if self.auto_collate_batch else default_convert_fn)

    def __len__(self) -> int:
        if isinstance(self.dataset, IterableDataset):
            raise NoLengthError("length of IterableDataset not supported: a stream does not know how many batches it gives")
        return len(self.batch_sampler) if self.auto_collate_batch else len(self.dataset)

    def __iter__(self) -> Iterator[Any]:
        if self.num_workers == 0:
            return SingleProcessIterator(self)
        # not before it is needed: multiprocessing is slow to import
        from .dataloader.multiprocess import WorkerIterator

        if not self._persistent_workers:
            return WorkerIterator(self)
        if self._iterator is None or self._iterator.broken:
            self._iterator = WorkerIterator(self)
        else:
            self._iterator.reset()
        return self._iterator

    def __call__(self) -> Iterator[Any]:
        return self.__iter__()

    def _index_sampler(self) -> Any:
        """What iterators ask for the indices of each batch."""
        if self.auto_collate_batch:
            return self.batch_sampler
        return EndlessBatches(1) if isinstance(self.dataset, IterableDataset) else range(len(self.dataset))

    def _finish(self, batch: Any) -> Any:
        """Arrays become Tensors on the loader's device; in static mode the batch is made ready for `Executor.run`."""
        if self.return_list and not self._list_is_default:
            return self._feeding.tensors(batch)
        return self._feeding.finish(batch, as_dict=not self.return_list)

    @staticmethod
    def from_generator(
        feed_list: Any = None,
        capacity: int | None = None,
        use_double_buffer: bool = True,
        iterable: bool = True,
        return_list: bool = False,
        use_multiprocess: bool = False,
        drop_last: bool = True,
    ) -> GeneratorLoader:
        """A 1.x loader that reads from a Python generator; see `GeneratorLoader`."""
        return GeneratorLoader(feed_list, capacity, use_double_buffer, iterable, return_list, use_multiprocess, drop_last)

    @staticmethod
    def from_dataset(dataset: Any, places: Any, drop_last: bool = True) -> Any:
        """Not supported: reads the text files of 1.x's InMemoryDataset and QueueDataset, which do not exist here."""
        raise NotSupportedError(
            f"DataLoader.from_dataset reads 1.x's InMemoryDataset or QueueDataset, got {type(dataset).__name__}; these do not exist "
            "here: write a paddle.io.Dataset or IterableDataset and pass it to paddle.io.DataLoader"
        )


class SingleProcessIterator:
    """One pass over a loader in this process."""

    def __init__(self, loader: DataLoader) -> None:
        self._loader = loader
        self._batches = iter(loader._index_sampler())
        self._fetch = make_fetcher(loader.dataset, loader.auto_collate_batch, loader._collate, loader.drop_last)

    def __iter__(self) -> SingleProcessIterator:
        return self

    def __len__(self) -> int:
        return len(self._loader)

    def __next__(self) -> Any:
        return self._loader._finish(self._fetch(next(self._batches)))
