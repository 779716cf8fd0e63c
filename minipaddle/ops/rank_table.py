"""Operators that walk ragged sequences step by step inside of a loop, and that part rows by a mask (Paddle 1.x's DynamicRNN and IfElse).

A rank table says in which order the sequences are walked: one row (number of the sequence, length) for each, the longest first. At
time t those are at work that are longer than t, so they are always the first rows. Checked against Paddle 1.8.5.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .ragged import Lod, last_level, lengths, lod_of_lengths, rows_per_sequence
from .registry import Spec, op
from .shapes import same_as

__all__: list[str] = []


def _table(table: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Numbers of the sequences and their lengths, in the order of the walk."""
    found = np.asarray(table.tolist(), np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _starts(order: np.ndarray[Any, Any], counts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Where the sequence at each place of the table begins."""
    by_number = np.zeros_like(counts)
    by_number[order] = counts
    return (np.cumsum(by_number) - by_number)[order]


@op("lod_rank_table", "X -> Out", infer=lambda x, **_: Spec((-1, 2), np.dtype("int64")), lod="X ->")
def lod_rank_table(xp, x, *, level: int = 0, lod=None):
    if lod is None or not 0 <= level < len(lod):
        raise ValueError(
            f"the sequences of level {level} are to be walked, but Input(X) has {0 if lod is None else len(lod)} levels of LoD"
        )
    if level != len(lod) - 1:
        raise ValueError(
            f"only sequences of rows can be walked: level {level} of {len(lod)} levels holds sequences of sequences"
        )
    counts = lengths(np.asarray(lod[level], np.int64))
    order = np.argsort(-counts, kind="stable")
    return xp.asarray(np.stack([order, counts[order]], 1))


@op("max_sequence_len", "RankTable -> Out", infer=lambda table: Spec((1,), np.dtype("int64")))
def max_sequence_len(xp, table):
    return xp.asarray(np.asarray(_table(table)[1][:1] if len(table) else [0], np.int64))


def _steps(xp: Any, x: Any, table: Any) -> list[Any]:
    order, counts = _table(table)
    if int(counts.sum()) != x.shape[0]:
        raise ValueError(f"the rank table describes {int(counts.sum())} rows, but X has {x.shape[0]}")
    first = _starts(order, counts)
    longest = int(counts.max()) if len(counts) else 0
    return [x.take(xp.asarray(first[counts > t] + t), axis=0) for t in range(longest)]


def _joined(xp: Any, steps: Any, table: Any) -> Any:
    order, counts = _table(table)
    if len(steps) != (int(counts.max()) if len(counts) else 0):
        raise ValueError(
            f"the array holds {len(steps)} steps, but the longest sequence of the rank table has {int(counts.max())}"
        )
    first = _starts(order, counts)
    rows = np.concatenate([first[counts > t] + t for t in range(len(steps))]) if len(steps) else np.zeros(0, np.int64)
    back = np.empty(len(rows), np.int64)
    back[rows] = np.arange(len(rows))
    return xp.concatenate(list(steps), 0).take(xp.asarray(back), axis=0)


@op(
    "lod_tensor_to_array",
    "X, RankTable -> Out",
    infer=lambda x, table: Spec((-1, *x.shape[1:]), x.dtype),
    grad="RankTable, Out@GRAD -> X@GRAD",
)
def lod_tensor_to_array(xp, x, table):
    return _steps(xp, x, table)


@lod_tensor_to_array.backward
def _(xp, table, d_out):
    return _joined(xp, d_out, table)


@op(
    "array_to_lod_tensor",
    "X, RankTable -> Out",
    infer=lambda x, table: Spec((-1, *x.shape[1:]), x.dtype),
    grad="RankTable, Out@GRAD -> X@GRAD",
    lod="-> Out",
)
def array_to_lod_tensor(xp, array, table):
    return _joined(xp, array, table)


@array_to_lod_tensor.backward
def _(xp, table, d_out):
    return _steps(xp, d_out, table)


@array_to_lod_tensor.lod
def _(xp, array, table):
    order, counts = _table(table)
    by_number = np.zeros_like(counts)
    by_number[order] = counts
    return (lod_of_lengths(by_number),)


@op(
    "shrink_rnn_memory",
    "X, RankTable, I -> Out",
    infer=lambda x, table, i: Spec((-1, *x.shape[1:]), x.dtype),
    grad="X#, Out@GRAD -> X@GRAD",
)
def shrink_rnn_memory(xp, x, table, i):
    return x[: int((_table(table)[1] > int(i.item())).sum())]


@shrink_rnn_memory.backward
def _(xp, x, d_out):
    out = xp.zeros(x.shape, d_out.dtype)
    out[: d_out.shape[0]] = d_out
    return out


def _ranked(x: Any, table: Any, lod: Lod | None) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Row numbers in the order of the table, and the lengths of what is moved: sequences, or single rows without a lod."""
    order, _ = _table(table)
    offsets = np.arange(x.shape[0] + 1) if lod is None else last_level(lod, x.shape[0])
    if len(offsets) != len(order) + 1:
        raise ValueError(f"the rank table is about {len(order)} sequences, but X has {len(offsets) - 1}")
    counts = lengths(offsets)[order]
    return rows_per_sequence(offsets[:-1][order], counts), counts


@op(
    "reorder_lod_tensor_by_rank",
    "X, RankTable -> Out",
    infer=same_as(0),
    grad="X#, RankTable, Out@GRAD -> X@GRAD",
    lod="X -> Out",
)
def reorder_lod_tensor_by_rank(xp, x, table, *, lod=None):
    return x.take(xp.asarray(_ranked(x, table, lod)[0]), axis=0)


@reorder_lod_tensor_by_rank.backward
def _(xp, x, table, d_out, *, lod=None):
    out = xp.empty(d_out.shape, d_out.dtype)
    out[xp.asarray(_ranked(x, table, lod)[0])] = d_out
    return out


@reorder_lod_tensor_by_rank.lod
def _(xp, x, table, *, lod=None):
    return None if lod is None else (lod_of_lengths(_ranked(x, table, lod)[1]),)


# --- rows by a mask


def _parted(x: Any, mask: Any, lod: Lod | None) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """For True and False: row numbers, and lengths of the sequences they make (of one row each without a lod)."""
    chosen = np.asarray(mask.reshape(-1).tolist(), bool)
    offsets = np.arange(x.shape[0] + 1) if lod is None else last_level(lod, x.shape[0])
    if len(chosen) != len(offsets) - 1:
        raise ValueError(
            f"Mask has {len(chosen)} entries for {len(offsets) - 1} {'rows' if lod is None else 'sequences'} of X"
        )
    found = []
    for side in (chosen, ~chosen):
        counts = lengths(offsets)[side]
        found.append((rows_per_sequence(offsets[:-1][side], counts), counts))
    return found


def _infer_split(x: Spec, mask: Spec, **_: Any) -> tuple[Spec, Spec]:
    return Spec((-1, *x.shape[1:]), x.dtype), Spec((-1, *x.shape[1:]), x.dtype)


@op(
    "split_lod_tensor",
    "X, Mask -> OutTrue, OutFalse",
    infer=_infer_split,
    grad="X#, Mask, OutTrue@GRAD, OutFalse@GRAD -> X@GRAD",
    lod="X -> OutTrue, OutFalse",
)
def split_lod_tensor(xp, x, mask, *, level: int = 0, lod=None):
    yes, no = _parted(x, mask, lod)
    return x.take(xp.asarray(yes[0]), axis=0), x.take(xp.asarray(no[0]), axis=0)


@split_lod_tensor.backward
def _(xp, x, mask, d_true, d_false, *, lod=None):
    out = xp.empty(x.shape, d_true.dtype)
    for (rows, _), d in zip(_parted(x, mask, lod), (d_true, d_false), strict=True):
        out[xp.asarray(rows)] = d
    return out


@split_lod_tensor.lod
def _(xp, x, mask, *, lod=None):
    return tuple(None if lod is None else (lod_of_lengths(counts),) for _, counts in _parted(x, mask, lod))


def _places(mask: Any, yes: Any, no: Any, lods: Any) -> tuple[list[np.ndarray[Any, Any]], np.ndarray[Any, Any] | None]:
    """Where the rows of both sides go, and the lengths of all sequences if there are any."""
    chosen = np.asarray(mask.reshape(-1).tolist(), bool)
    counts = np.ones(len(chosen), np.int64)
    ragged = any(lod is not None for lod in lods)
    for side, x, lod in ((chosen, yes, lods[0]), (~chosen, no, lods[1])):
        own = np.ones(x.shape[0], np.int64) if lod is None else lengths(np.asarray(lod[-1], np.int64))
        if len(own) != int(side.sum()):
            raise ValueError(f"Mask asks for {int(side.sum())} rows or sequences where {len(own)} are given")
        counts[side] = own
    starts = np.cumsum(counts) - counts
    return [rows_per_sequence(starts[side], counts[side]) for side in (chosen, ~chosen)], counts if ragged else None


def _infer_merge(x: Any, mask: Spec, yes: Spec, no: Spec, **_: Any) -> Spec:
    return Spec((-1, *yes.shape[1:]), yes.dtype)


@op(
    "merge_lod_tensor",
    "X?, Mask, InTrue, InFalse -> Out",
    infer=_infer_merge,
    grad="Mask, InTrue#, InFalse#, Out@GRAD -> InTrue@GRAD, InFalse@GRAD",
    lod="InTrue, InFalse -> Out",
)
def merge_lod_tensor(xp, x, mask, yes, no, *, level: int = 0, lod=(None, None)):
    places, _ = _places(mask, yes, no, lod)
    like = yes if yes.shape[0] else no
    out = xp.empty((yes.shape[0] + no.shape[0], *like.shape[1:]), like.dtype)
    for rows, part in zip(places, (yes, no), strict=True):
        out[xp.asarray(rows)] = part.reshape((part.shape[0], *like.shape[1:]))
    return out


@merge_lod_tensor.backward
def _(xp, mask, yes, no, d_out, *, lod=(None, None)):
    places, _ = _places(mask, yes, no, lod)
    return tuple(d_out.take(xp.asarray(rows), axis=0) for rows in places)


@merge_lod_tensor.lod
def _(xp, x, mask, yes, no, *, level=0, lod=(None, None)):
    counts = _places(mask, yes, no, lod)[1]
    return None if counts is None else (lod_of_lengths(counts),)
