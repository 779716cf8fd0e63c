"""Progress of a pass over the data: a bar drawn by tqdm, or one line per report."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["ProgressBar"]


def _tqdm() -> Any:
    """The class of the bar, None where tqdm is not installed (the extra `progress`)."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm


def describe(values: Sequence[tuple[str, Any]]) -> str:
    """`` - loss: 0.1234 - acc: 0.5``: name and value, numbers with four digits."""
    text = ""
    for name, value in values:
        text += f" - {name}:"
        for v in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(v, np.ndarray) and v.size == 1:
                v = v.item()
            if isinstance(v, (float, np.floating)):
                number = float(v)
                text += f" {number:.4f}" if abs(number) > 0.001 else f" {number:.4e}"
            else:
                text += f" {v}"
    return text


def _pace(seconds: float, name: str) -> str:
    if seconds >= 1 or seconds == 0:
        return f" - {seconds:.0f}s/{name}"
    if seconds >= 0.001:
        return f" - {seconds * 1e3:.0f}ms/{name}"
    return f" - {seconds * 1e6:.0f}us/{name}"


class ProgressBar:
    """Reports of how far a pass has come.

    num: number of steps, None if unknown. verbose: 0 silent, 1 a bar (lines without tqdm), 2 and 3 lines. TypeError for a
    number of steps below 1.
    """

    def __init__(
        self, num: int | None = None, width: int = 30, verbose: int = 1, start: bool = True, file: Any = None,
        name: str = "step",
    ) -> None:  # fmt: skip
        if isinstance(num, int) and num <= 0:
            raise TypeError(f"num of ProgressBar must be None or a positive int, got {num}")
        self._num, self._width, self._verbose, self.name = num, width, verbose, name
        self._file = file
        self._start = time.time()
        self._bar: Any = None
        self._bar_class: Any = _tqdm() if verbose == 1 else None
        if start and self._bar_class is not None:
            self._draw(0, ())

    @property
    def file(self) -> Any:
        """Where reports go: standard output as it is when they are made, unless given."""
        return sys.stdout if self._file is None else self._file

    def start(self) -> None:
        """Measure the pace from now on."""
        self._start = time.time()

    def update(self, current_num: int, values: Sequence[tuple[str, Any]] = ()) -> None:
        """Report step `current_num` with these names and values."""
        if not self._verbose:
            return
        if self._bar_class is not None:
            self._draw(current_num, values)
            return
        pace = (time.time() - self._start) / current_num if current_num else 0
        if self._num:
            count = f"{self.name} {current_num:{len(str(self._num))}d}/{self._num}"
        else:
            count = f"{self.name} {current_num:3d}"
        self.file.write(count + describe(values) + _pace(pace, self.name) + "\n")
        self.file.flush()

    def _draw(self, current_num: int, values: Sequence[tuple[str, Any]]) -> None:
        if self._bar is None:
            self._bar = self._bar_class(
                total=self._num, desc=self.name, unit=self.name, file=self.file, mininterval=0, leave=True
            )
        self._bar.n = current_num
        self._bar.set_postfix_str(describe(values).removeprefix(" - "), refresh=False)
        self._bar.refresh()
        if self._num is not None and current_num >= self._num:
            self.close()

    def close(self) -> None:
        """Leave the bar as it is and go on to the next line."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
