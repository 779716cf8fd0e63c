"""Variables that are fed."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.program import Variable
from ...static.program import data as declare

__all__ = ["data"]


def data(
    name: str, shape: Sequence[int | None], append_batch_size: bool = True, dtype: Any = "float32", lod_level: int = 0, type: Any = None,
    stop_gradient: bool = True,
) -> Variable:  # fmt: skip
    """A variable that is fed. append_batch_size: put a batch dimension, -1, before `shape` unless it holds one already."""
    dims = [-1 if n is None else int(n) for n in shape]
    if append_batch_size and -1 not in dims:
        dims = [-1, *dims]
    v = declare(name, dims, dtype, lod_level)
    v.need_check_feed = False
    v.stop_gradient = stop_gradient
    return v
