"""Ragged sequences: the lod of a tensor.

A tensor whose rows are sequences one behind the other carries a lod: levels of offsets, the outermost first.
``((0, 2, 5),)`` says rows 0 and 1 are the first sequence, rows 2 to 4 the second. With two levels the upper one counts
sequences of the lower. Lengths, ``[[2, 3]]``, say the same. The lod is no part of the array; `compiler.lod` hands it from
operator to operator.
"""
from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

__all__ = ["Lod", "Ragged", "checked_lod", "lod_from_lengths", "lod_to_lengths"]

Lod = tuple[tuple[int, ...], ...]


def checked_lod(levels: Sequence[Sequence[int]], rows: int | None, what: str = "lod") -> Lod | None:
    """`levels` of offsets as a Lod, None for no levels. ValueError unless they fit each other and `rows` (if given)."""
    try:
        lod = tuple(tuple(operator.index(n) for n in level) for level in levels)
    except TypeError:
        raise TypeError(f"{what} must be a list of lists of integers, got {levels!r}") from None
    if not lod:
        return None
    for i, level in enumerate(lod):
        if len(level) < 2 or level[0] != 0 or any(a > b for a, b in zip(level, level[1:], strict=False)):
            raise ValueError(
                f"the provided {what} is invalid: level {i} must be offsets that begin with 0 and never fall, got "
                f"{list(level)}"
            )
        if i + 1 < len(lod) and level[-1] != len(lod[i + 1]) - 1:
            raise ValueError(
                f"the provided {what} is invalid: level {i} ends with {level[-1]}, but level {i + 1} holds "
                f"{len(lod[i + 1]) - 1} sequences"
            )
    if rows is not None and lod[-1][-1] != rows:
        raise ValueError(
            f"the provided {what} is invalid: its sequences have {lod[-1][-1]} rows together, but the tensor has {rows}"
        )
    return lod


def lod_from_lengths(lengths: Sequence[Sequence[int]], rows: int | None) -> Lod | None:
    """The Lod for levels of sequence lengths. ValueError unless they fit each other and `rows`."""
    levels = []
    for level in lengths:
        offsets = [0]
        for n in level:
            offsets.append(offsets[-1] + n)
        levels.append(offsets)
    return checked_lod(levels, rows, "recursive_sequence_lengths")


def lod_to_lengths(lod: Lod | None) -> list[list[int]]:
    """Lengths instead of offsets."""
    return [[b - a for a, b in zip(level, level[1:], strict=False)] for level in lod or ()]


class Ragged:
    """The lod methods of Tensors."""

    __slots__ = ()

    _data: Any
    _extra: Any

    def _lod(self) -> Lod | None:
        return None if self._extra is None else self._extra.lod

    def lod(self) -> list[list[int]]:
        """Levels of offsets of the sequences in the rows; [] for a tensor without sequences."""
        return [list(level) for level in self._lod() or ()]

    def set_lod(self, lod: Sequence[Sequence[int]]) -> None:
        """Say which rows are sequences, by offsets. ValueError for offsets that do not fit the rows."""
        self._more().lod = checked_lod(lod, self._rows())  # type: ignore[attr-defined]

    def recursive_sequence_lengths(self) -> list[list[int]]:
        """Levels of lengths of the sequences in the rows."""
        return lod_to_lengths(self._lod())

    def set_recursive_sequence_lengths(self, recursive_sequence_lengths: Sequence[Sequence[int]]) -> None:
        """Say which rows are sequences, by lengths. ValueError for lengths that do not fit the rows."""
        self._more().lod = lod_from_lengths(recursive_sequence_lengths, self._rows())  # type: ignore[attr-defined]

    def has_valid_recursive_sequence_lengths(self) -> bool:
        """Whether the lod still fits the rows, which may have changed since it was set."""
        lod = self._lod()
        return lod is None or lod[-1][-1] == self._rows()

    def _rows(self) -> int | None:
        if not self._is_initialized():  # type: ignore[attr-defined]
            return None
        return int(self._data.shape[0]) if self._data.ndim else 1
