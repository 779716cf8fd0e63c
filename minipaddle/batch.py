"""``paddle.batch``: readers of Paddle 1.x, put together into batches."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["batch"]


def batch(reader: Callable[[], Iterator[Any]], batch_size: int, drop_last: bool = False) -> Callable[[], Iterator[list[Any]]]:
    """A reader of lists of `batch_size` items out of a reader of items; the last may be shorter unless `drop_last`.

    ValueError unless batch_size is positive.
    """
    size = int(batch_size)
    if size <= 0:
        raise ValueError(f"batch_size should be a positive integer value, but got batch_size={size}")

    def batched() -> Iterator[list[Any]]:
        items = []
        for item in reader():
            items.append(item)
            if len(items) == size:
                yield items
                items = []
        if items and not drop_last:
            yield items

    return batched
