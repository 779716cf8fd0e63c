"""Values that may be one or several."""

from __future__ import annotations

from typing import Any

__all__ = ["to_list"]


def to_list(value: Any) -> list[Any]:
    """A list of the elements of a list or tuple, or of the one value; None is an empty list."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
