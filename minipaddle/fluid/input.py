"""``fluid.embedding`` and ``fluid.one_hot``: ids of any shape, [...] -> [..., width]."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.tensor import TensorBase
from ..static import nn as S
from .helper import run

__all__ = ["embedding", "one_hot"]


def embedding(
    input: Any, size: Sequence[int], is_sparse: bool = False, is_distributed: bool = False, padding_idx: int | None = None,
    param_attr: Any = None, dtype: Any = "float32",
) -> Any:  # fmt: skip
    """Rows of a new table [rows, width]; ids int64 [...]."""
    return S.embedding(input, size, is_sparse, is_distributed, padding_idx, param_attr, dtype)


def one_hot(input: Any, depth: Any, allow_out_of_range: bool = False) -> Any:
    """A row of `depth` numbers per id, one of them 1; ids int [...]."""
    if isinstance(depth, TensorBase):
        out = run("one_hot_v2", input, depth, allow_out_of_range=allow_out_of_range)
    else:
        out = run("one_hot_v2", input, depth=int(depth), allow_out_of_range=allow_out_of_range)
    out.stop_gradient = True
    return out
