"""``paddle.nn.functional``: masks of sequences and beam search."""

from __future__ import annotations

from typing import Any

from ...core.dispatch import call
from ...core.recorder import spec_of
from ...dtypes import as_dtype
from ...ops import creation as C
from ...ops import embedding as EM
from ...tensor import creation
from ...tensor.arguments import as_int, is_symbolic, is_tensor_like

__all__ = ["diag_embed", "gather_tree", "sequence_mask"]

diag_embed = creation.diag_embed


def sequence_mask(x: Any, maxlen: Any = None, dtype: Any = "int64", name: str | None = None) -> Any:
    """For lengths `x` [...] a tensor [..., maxlen] that is 1 at places before the length; `maxlen` is the longest by default."""
    out_dtype = as_dtype(dtype).proto
    if is_tensor_like(maxlen) and is_symbolic(maxlen):
        return call(C.sequence_mask, x, maxlen, out_dtype=out_dtype)
    if maxlen is None:
        return call(C.sequence_mask, x, maxlen=-1, out_dtype=out_dtype)
    return call(C.sequence_mask, x, maxlen=as_int(maxlen, "maxlen"), out_dtype=out_dtype)


def gather_tree(ids: Any, parents: Any) -> Any:
    """Whole sequences of a beam search; `ids` and `parents` are integers [time, batch, beams]. ValueError for other shapes."""
    if spec_of(ids).ndim != 3:
        raise ValueError(f"gather_tree: ids must be [time, batch, beams], got {list(spec_of(ids).shape)}")
    if spec_of(parents).ndim != 3:
        raise ValueError(f"gather_tree: parents must be [time, batch, beams], got {list(spec_of(parents).shape)}")
    return call(EM.gather_tree, ids, parents)
