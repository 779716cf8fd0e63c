"""Functions on class numbers."""

from __future__ import annotations

from typing import Any

from ...core.dispatch import call
from ...core.recorder import spec_of
from ...dtypes import float32
from ...ops import creation as C
from ...ops import embedding as EM
from ...tensor.arguments import as_int, is_symbolic, is_tensor_like

__all__ = ["embedding", "one_hot"]


def embedding(
    x: Any, weight: Any, padding_idx: int | None = None, sparse: bool = False, name: str | None = None
) -> Any:
    """Rows of `weight` [rows, width] by the numbers in `x` (int32 or int64, any shape); gives [..., width].

    Rows at `padding_idx` (negative: from the end) are zeros and get no gradient. `sparse` is accepted; gradients are dense.
    ValueError for a number outside of the table.
    """
    if padding_idx is None:
        return call(EM.lookup_table_v2, x, weight, padding_idx=-1)
    rows = spec_of(weight).shape[0]
    if not -rows <= padding_idx < rows:
        raise ValueError(f"embedding: padding_idx must be within [-{rows}, {rows}), got {padding_idx}")
    return call(EM.lookup_table_v2, x, weight, padding_idx=padding_idx + rows if padding_idx < 0 else padding_idx)


def one_hot(x: Any, num_classes: Any, name: str | None = None) -> Any:
    """Class numbers as vectors that are 1 at the class and 0 elsewhere: [...] becomes float32 [..., num_classes].

    ValueError when a class is negative or not below `num_classes`.
    """
    dtype = float32.proto  # whatever the default dtype
    if is_tensor_like(num_classes) and is_symbolic(num_classes):
        return call(C.one_hot_v2, x, num_classes, dtype=dtype)
    return call(C.one_hot_v2, x, depth=as_int(num_classes, "num_classes"), dtype=dtype)
