"""Rows of a table by number."""

from __future__ import annotations

from typing import Any

import numpy as np

from .activation import by_kernel
from .manipulation import zeros_added_at
from .registry import Long, Longs, Spec, Strings, op
from .shapes import product

__all__: list[str] = []


def _check_ids(ids: Any, rows: int, padding_idx: int) -> None:
    if ids.dtype.kind not in "iu":
        raise ValueError(f"Ids must be integers, got {ids.dtype}")
    if ids.size and (int(ids.min()) < 0 or int(ids.max()) >= rows):
        wrong = ids[(ids < 0) | (ids >= rows)]
        raise ValueError(f"id {int(wrong.reshape(-1)[0])} is outside of the table: expected 0 to {rows - 1}")


def _infer_v2(ids: Spec, w: Spec, **_: Any) -> Spec:
    if w.ndim != 2:
        raise ValueError(f"the table must be [rows, width], got {list(w.shape)}")
    return Spec((*ids.shape, w.shape[1]), w.dtype)


def _rows(xp: Any, w: Any, ids: Any, padding_idx: int) -> Any:
    if w.ndim != 2:
        raise ValueError(f"the table must be [rows, width], got {list(w.shape)}")
    _check_ids(ids, w.shape[0], padding_idx)
    out = w.take(ids, axis=0)
    if padding_idx >= 0:
        out[ids == padding_idx] = 0
    return out


def _scattered(xp: Any, w: Any, ids: Any, d_out: Any, padding_idx: int) -> Any:
    """The gradient of the table: rows of `d_out` added up at their numbers."""
    rows, width = w.shape
    flat, d = ids.reshape(-1), d_out.reshape(product(ids.shape), width)
    if type(d) is np.ndarray:
        table = np.zeros((rows, width), d.dtype)
        if by_kernel("add_rows", table, flat, d, padding_idx if padding_idx >= 0 else None):
            return table
    if padding_idx >= 0:
        d = d * (flat != padding_idx).astype(d.dtype).reshape(-1, 1)
    return zeros_added_at(xp, (rows, width), d.dtype, (flat,), d)


@op("lookup_table_v2", "Ids, W -> Out", infer=_infer_v2, grad="Ids, W#, Out@GRAD -> W@GRAD")
def lookup_table_v2(xp, ids, w, *, padding_idx: Long = -1):
    return _rows(xp, w, ids, padding_idx)


@lookup_table_v2.backward
def _(xp, ids, w, d_out, *, padding_idx: Long = -1):
    return _scattered(xp, w, ids, d_out, padding_idx)


def _infer_v1(w: Spec, ids: Spec, **_: Any) -> Spec:
    if w.ndim != 2:
        raise ValueError(f"the table must be [rows, width], got {list(w.shape)}")
    if not ids.shape or ids.shape[-1] not in (1, -1):
        raise ValueError(
            f"the last dimension of Ids must be 1, got {list(ids.shape)}; lookup_table_v2 takes other shapes"
        )
    return Spec((*ids.shape[:-1], w.shape[1]), w.dtype)


@op("lookup_table", "W, Ids -> Out", infer=_infer_v1, grad="Ids, W#, Out@GRAD -> W@GRAD")
def lookup_table(
    xp,
    w,
    ids,
    *,
    is_sparse: bool = False,
    is_distributed: bool = False,
    padding_idx: Long = -1,
    remote_prefetch: bool = False,
    entry_config: str = "",
    is_test: bool = False,
    entry: str = "none",
    table_class: str = "none",
    table_names: Strings = (),
    trainer_id: int = 0,
    grad_inplace: bool = False,
    epmap: Strings = (),
    height_sections: Longs = (),
):
    # is_distributed alone is only a mark: without servers Paddle looks the rows up in W, too
    if remote_prefetch and epmap:
        raise NotImplementedError(
            f"a table on servers ({', '.join(epmap)}) is not available; save the Program without remote_prefetch"
        )
    if not ids.shape or ids.shape[-1] != 1:
        raise ValueError(
            f"the last dimension of Ids must be 1, got {list(ids.shape)}; lookup_table_v2 takes other shapes"
        )
    return _rows(xp, w, ids.reshape(ids.shape[:-1]), padding_idx)


@lookup_table.backward
def _(xp, ids, w, d_out, *, padding_idx: Long = -1):
    return _scattered(xp, w, ids, d_out, padding_idx)


# --- beam search


def _infer_gather_tree(ids: Spec, parents: Spec) -> Spec:
    if ids.ndim != 3:
        raise ValueError(f"Ids must be [time, batch, beams], got {list(ids.shape)}")
    if parents.ndim != 3 or any(-1 not in (a, b) and a != b for a, b in zip(ids.shape, parents.shape, strict=True)):
        raise ValueError(f"Parents must have the shape of Ids {list(ids.shape)}, got {list(parents.shape)}")
    return ids


@op("gather_tree", "Ids, Parents -> Out", infer=_infer_gather_tree)
def gather_tree(xp, ids, parents):
    """Whole sequences of a beam search: from the last step back, each beam follows its parent."""
    _infer_gather_tree(ids, parents)
    steps, _, beams = ids.shape
    if parents.size and (int(parents.min()) < 0 or int(parents.max()) >= beams):
        raise ValueError(
            f"Parents must be beam numbers in [0, {beams - 1}], got {int(parents.min())} to {int(parents.max())}"
        )
    out = xp.empty_like(ids)
    beam = xp.broadcast_to(xp.arange(beams).reshape(1, -1), ids.shape[1:])
    for t in range(steps - 1, -1, -1):
        out[t] = xp.take_along_axis(ids[t], beam, 1)
        beam = xp.take_along_axis(parents[t], beam, 1)
    return out
