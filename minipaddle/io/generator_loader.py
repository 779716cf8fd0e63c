"""The loader of 1.x that reads from a Python generator: ``DataLoader.from_generator``."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ..core.tensor import Tensor, isinstance_strict
from ..errors import NotSupportedError
from .feeding import Feeding, in_static_mode

__all__ = ["GeneratorLoader"]

Source = Callable[[], Iterable[Any]]


class GeneratorLoader:
    """Batches from a generator function, set by one of three methods.

    `set_sample_generator`: it yields samples (a tuple of arrays), which are put together to batches here.
    `set_sample_list_generator`: it yields batches as lists of samples. `set_batch_generator`: it yields finished batches.
    In dynamic mode, and with return_list=True, a batch is a list of Tensors, else ``[{name: Tensor}]``.
    capacity, use_double_buffer, use_multiprocess: accepted; the generator runs in this process, one batch at a time.
    """

    def __init__(
        self,
        feed_list: Any = None,
        capacity: int | None = None,
        use_double_buffer: bool = True,
        iterable: bool = True,
        return_list: bool = False,
        use_multiprocess: bool = False,
        drop_last: bool = True,
    ) -> None:
        if not iterable:
            raise NotSupportedError(
                "DataLoader.from_generator(iterable=False) puts a reader into the Program; use iterable=True and "
                "exe.run(program, feed=batch) for each batch of the loader"
            )
        if in_static_mode() and not return_list and feed_list is None:
            raise AssertionError("feed_list should be set when return_list=False")
        if capacity is not None and capacity <= 0:
            raise AssertionError(f"capacity should be a positive number of batches, got {capacity}")
        self._feed_list = feed_list
        self._return_list = return_list
        self._drop_last = drop_last
        self._feeding = Feeding(feed_list, None)
        self._source: Source | None = None

    def set_sample_generator(self, reader: Source, batch_size: int, drop_last: bool = True, places: Any = None) -> GeneratorLoader:
        """Read samples from ``reader()`` and batch them. Returns the loader."""
        assert batch_size > 0, f"batch_size must be larger than 0, got {batch_size}"

        def batches() -> Iterator[list[Any]]:
            samples: list[Any] = []
            for sample in reader():
                samples.append(sample if isinstance(sample, (list, tuple)) else (sample,))
                if len(samples) == batch_size:
                    yield samples
                    samples = []
            if samples and not drop_last:
                yield samples

        return self.set_sample_list_generator(batches, places)

    def set_sample_list_generator(self, reader: Source, places: Any = None) -> GeneratorLoader:
        """Read lists of samples from ``reader()``. Returns the loader."""

        def batches() -> Iterator[list[Any]]:
            for samples in reader():
                yield [np.stack([_array(v) for v in field]) for field in zip(*samples, strict=True)]

        return self.set_batch_generator(batches, places)

    def set_batch_generator(self, reader: Source, places: Any = None) -> GeneratorLoader:
        """Read batches (arrays or Tensors, one per variable) from ``reader()``. Returns the loader."""
        self._source = reader
        self._feeding = Feeding(self._feed_list, places)
        return self

    def __iter__(self) -> Iterator[Any]:
        if self._source is None:
            raise AssertionError("Data source of DataLoader has not set yet: call one of its set_..._generator methods first")
        return self._batches(self._source)

    def _batches(self, source: Source) -> Iterator[Any]:
        for batch in source():
            fields = list(batch) if isinstance(batch, (list, tuple)) else [batch]
            arrays = [v if isinstance_strict(v, Tensor) else _array(v) for v in fields]
            yield self._feeding.tensors(arrays) if self._return_list else self._feeding.finish(arrays, as_dict=True)

    def __call__(self) -> Iterator[Any]:
        return iter(self)

    def start(self) -> None:
        """For loaders that are part of a Program (iterable=False), which are not supported."""
        raise NotSupportedError("start() is for loaders with iterable=False, which are not supported; iterate over the loader instead")

    def reset(self) -> None:
        """As `start`."""
        raise NotSupportedError("reset() is for loaders with iterable=False, which are not supported; iterate over the loader again")


def _array(value: Any) -> np.ndarray[Any, Any]:
    """Python floats as float32 and ints as int64; arrays keep their type."""
    if isinstance_strict(value, Tensor):
        return value.numpy()
    array = np.asarray(value)
    if array.dtype == np.float64 and not isinstance(value, (np.ndarray, np.generic)):
        return array.astype(np.float32)
    return array
