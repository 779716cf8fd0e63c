"""Small things that the text and the page of a report share."""
from __future__ import annotations

from typing import Any

__all__ = ["bytes_text", "count_text", "numbered"]


def numbered(source: Any) -> list[tuple[int, str]]:
    """(line number, text) of the lines of a function."""
    numbers = source.numbers or range(source.first, source.first + len(source.lines))
    return list(zip(numbers, source.lines, strict=True))


def bytes_text(n: int) -> str:
    """``12.5 KiB``."""
    size = float(n)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{int(size)} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError


def count_text(n: int) -> str:
    """``1.23 M``."""
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if n >= limit:
            return f"{n / (1e3 if unit == 'k' else limit):.3g} {unit}"
    return f"{n:,}"
