"""Index arithmetic for ragged sequences, shared by the operators that take a lod. Offsets live on the host."""
from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Batches", "Lod", "last_level", "lengths", "lod_of_lengths", "rows_per_sequence", "sequence_of_rows"]

Lod = tuple[tuple[int, ...], ...]


def last_level(lod: Lod | None, rows: int | None, slot: str = "X") -> np.ndarray[Any, Any]:
    """Offsets of the innermost level. ValueError when there is no lod, or one that does not fit `rows`."""
    if lod is None:
        raise ValueError(
            f"Input({slot}) does not contain LoD information; feed a LoDTensor (fluid.create_lod_tensor, or a Tensor after "
            "x.set_lod([[0, 2, 5]])) that says where its sequences begin"
        )
    offsets = np.asarray(lod[-1], np.int64)
    if rows is not None and int(offsets[-1]) != rows:
        raise ValueError(f"the lod of Input({slot}) describes {int(offsets[-1])} rows, but it has {rows}")
    return offsets


def lengths(offsets: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Lengths of the sequences between offsets."""
    return offsets[1:] - offsets[:-1]


def lod_of_lengths(counts: Any) -> tuple[int, ...]:
    """One level of offsets for sequence lengths."""
    return (0, *np.cumsum(np.asarray(counts, np.int64)).tolist())


def sequence_of_rows(offsets: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """For each row the number of its sequence."""
    return np.repeat(np.arange(len(offsets) - 1), lengths(offsets))


def rows_per_sequence(starts: Any, counts: Any) -> np.ndarray[Any, Any]:
    """Row numbers ``starts[i] .. starts[i] + counts[i] - 1`` for each i, one behind the other."""
    starts, counts = np.asarray(starts, np.int64), np.asarray(counts, np.int64)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(starts, counts) + np.arange(int(counts.sum())) - before


class Batches:
    """Ragged sequences walked in step: at time t all that are long enough, the longest first.

    rows: the row numbers in the order of the walk; sizes: how many belong to each time; back: where each row is found in that
    order; order: sequence numbers, the longest first.
    """

    def __init__(self, offsets: np.ndarray[Any, Any], reverse: bool) -> None:
        counts = lengths(offsets)
        self.order = np.argsort(-counts, kind="stable")
        longest = int(counts.max()) if len(counts) else 0
        times = np.arange(longest).reshape(-1, 1)
        n, start, end = counts[self.order], offsets[:-1][self.order], offsets[1:][self.order]
        there = times < n
        self.rows = (end - 1 - times if reverse else start + times)[there]
        self.sizes: list[int] = there.sum(axis=1).tolist()
        self.back = np.empty_like(self.rows)
        self.back[self.rows] = np.arange(len(self.rows))
        ends = np.cumsum([0, *self.sizes]).tolist()
        self.spans: list[tuple[int, int]] = list(zip(ends[:-1], ends[1:], strict=True))  # rows of the walk per time
