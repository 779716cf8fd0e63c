"""Arrays through shared memory: the worker owns a few segments and uses them again and again, the parent copies out.

A segment is named ``<token>_<worker>_<number>``. Only the parent unlinks: it knows every number a worker can have used, so
nothing is left behind even when a worker was killed. `multiprocessing`'s resource tracker (one for all processes of the
program) sees each name come and go once.
"""
from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from multiprocessing import shared_memory
from typing import Any

import numpy as np

__all__ = ["Reader", "Writer", "describe"]

ALIGN = 64
SMALL = 4096  # bytes; less than this travels faster through the pipe

# what the reader needs to find one array: dtype, shape, offset in the segment
Layout = list[tuple[np.dtype[Any], tuple[int, ...], int]]


def describe(arrays: Sequence[np.ndarray[Any, Any]]) -> tuple[Layout, int]:
    """Where each array goes, and how many bytes all need."""
    layout, offset = [], 0
    for a in arrays:
        layout.append((a.dtype, a.shape, offset))
        offset += -(-a.nbytes // ALIGN) * ALIGN
    return layout, offset


class Writer:
    """The worker's side."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._made = 0
        self._segments: dict[str, shared_memory.SharedMemory] = {}
        self._free: list[str] = []
        self._retired: list[str] = []

    def release(self, names: Sequence[str]) -> None:
        """The parent has copied these segments out."""
        self._free.extend(names)

    def write(self, arrays: Sequence[np.ndarray[Any, Any]]) -> tuple[str, Layout, list[str]] | None:
        """Copy the arrays into a segment: its name, the layout, and names the parent may unlink.

        None when the arrays are better sent through the pipe: few bytes, or no shared memory left.
        """
        layout, size = describe(arrays)
        if size < SMALL:
            return None
        name = self._take(size)
        if name is None:
            return None
        buffer = self._segments[name].buf
        for a, (dtype, shape, offset) in zip(arrays, layout, strict=True):
            if a.nbytes:
                np.ndarray(shape, dtype, buffer, offset)[...] = a
        retired, self._retired = self._retired, []
        return name, layout, retired

    def _take(self, size: int) -> str | None:
        for i, name in enumerate(self._free):
            if self._segments[name].size >= size:
                return self._free.pop(i)
        if self._free:  # too small: replace it
            name = self._free.pop()
            self._segments.pop(name).close()
            self._retired.append(name)
        name = f"{self.prefix}_{self._made}"
        segment = None
        try:
            segment = shared_memory.SharedMemory(name, create=True, size=size)
            self._made += 1
            if hasattr(os, "posix_fallocate"):  # else a full /dev/shm would kill the process with SIGBUS at the first write
                os.posix_fallocate(segment._fd, 0, size)  # type: ignore[attr-defined]
        except OSError as error:
            if segment is not None:
                segment.close()
                self._retired.append(name)
            if error.errno in (errno.ENOSPC, errno.ENOMEM):
                return None
            raise
        self._segments[name] = segment
        return name

    def close(self, unlink: bool = False) -> None:
        """Let go of the segments; `unlink` when the parent is no longer there to do it."""
        for segment in self._segments.values():
            segment.close()
            if unlink:
                try:
                    segment.unlink()
                except FileNotFoundError:
                    pass
        self._segments.clear()


class Reader:
    """The parent's side for one worker."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._segments: dict[str, shared_memory.SharedMemory] = {}

    def read(self, name: str, layout: Layout, retired: Sequence[str]) -> list[np.ndarray[Any, Any]]:
        """Copies of the arrays in a segment."""
        for old in retired:
            self.unlink(old)
        segment = self._segments.get(name)
        if segment is None:
            segment = self._segments[name] = shared_memory.SharedMemory(name)
        buffer = segment.buf
        return [np.ndarray(shape, dtype, buffer, offset).copy() for dtype, shape, offset in layout]

    def unlink(self, name: str) -> bool:
        """Remove one segment; whether there was one."""
        segment = self._segments.pop(name, None)
        try:
            if segment is None:
                segment = shared_memory.SharedMemory(name)
            segment.close()
            segment.unlink()
        except FileNotFoundError:
            return False
        return True

    def close(self) -> None:
        """Unlink everything the worker made. Call it when the worker has ended."""
        last = max((int(n.rpartition("_")[2]) for n in self._segments), default=-1)
        number, missing = 0, 0
        while number <= last or missing < 8:
            missing = 0 if self.unlink(f"{self.prefix}_{number}") else missing + 1
            number += 1
        self._segments.clear()
