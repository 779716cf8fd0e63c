"""Operators on ragged sequences (Paddle 1.x's sequence_*); checked against Paddle 1.8.5.

`lod` says where the sequences are, see `ops.ragged`. Shapes are known up to the number of rows.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from .manipulation import zeros_added_at
from .ragged import Lod, last_level, lengths, lod_of_lengths, rows_per_sequence, sequence_of_rows
from .registry import Ints, Spec, op
from .shapes import product, same_as

__all__: list[str] = []


def _open(x: Spec, *rest: int) -> Spec:
    """As many rows as will be found, `rest` behind."""
    return Spec((-1, *(rest or x.shape[1:])), x.dtype)


def _one_level_less(lod: Lod) -> Lod | None:
    return lod[:-1] or None


# --- pooling

_POOLS = ("AVERAGE", "SUM", "SQRT", "MAX", "LAST", "FIRST")


def _infer_pool(x: Spec, **_: Any) -> tuple[Spec, Spec]:
    if x.ndim < 2:
        raise ValueError(f"X must have rows of at least one dimension, got shape {list(x.shape)}")
    return _open(x), Spec((-1, *x.shape[1:]), np.dtype(np.int32))


def _pool_weights(xp: Any, pooltype: str, counts: np.ndarray[Any, Any], x: Any) -> Any:
    """What a row of each sequence counts in the sum."""
    if pooltype == "SUM":
        weights = np.ones(len(counts))
    else:
        weights = 1.0 / np.maximum(counts if pooltype == "AVERAGE" else np.sqrt(counts), 1)
    return xp.asarray(weights.astype(x.dtype)).reshape((-1,) + (1,) * (x.ndim - 1))


def _pooltype(name: str) -> str:
    if name not in _POOLS:
        raise ValueError(f"pooltype must be one of {', '.join(_POOLS)}, got {name!r}")
    return name


@op("sequence_pool", "X -> Out, MaxIndex~", infer=_infer_pool, grad="X, MaxIndex?, Out@GRAD -> X@GRAD", lod="X -> Out-")
def sequence_pool(xp, x, *, pooltype: str = "AVERAGE", pad_value: float = 0.0, is_test: bool = False, lod=None):
    offsets, kind = last_level(lod, x.shape[0]), _pooltype(pooltype)
    counts = lengths(offsets)
    empty = counts == 0
    index = xp.zeros((0, *x.shape[1:]), np.dtype(np.int32))
    if kind == "MAX":
        rows = [x[a:b] if b > a else x[:1] for a, b in zip(offsets[:-1], offsets[1:], strict=True)]
        out = xp.stack([r.max(axis=0) for r in rows])
        index = xp.stack([r.argmax(axis=0) + int(a) for r, a in zip(rows, offsets[:-1], strict=True)]).astype(np.int32)
    elif kind in ("FIRST", "LAST"):
        at = offsets[:-1] if kind == "FIRST" else offsets[1:] - 1
        out = x.take(xp.asarray(np.where(empty, 0, at)), axis=0)
    else:
        place = xp.asarray(sequence_of_rows(offsets))
        total = zeros_added_at(xp, (len(counts), *x.shape[1:]), x.dtype, (place,), x)
        out = total * _pool_weights(xp, kind, counts, x)
    if empty.any():
        shape = (-1,) + (1,) * (x.ndim - 1)
        out = xp.where(xp.asarray(empty).reshape(shape), xp.asarray(np.asarray(pad_value, x.dtype)), out)
        if kind == "MAX":
            index = xp.where(xp.asarray(empty).reshape(shape), xp.full_like(index, -1), index)
    return out, index


@sequence_pool.backward
def _(xp, x, index, d_out, *, pooltype: str = "AVERAGE", lod=None):
    offsets, kind = last_level(lod, x.shape[0]), _pooltype(pooltype)
    counts = lengths(offsets)
    full = counts > 0
    if kind == "MAX":
        number = np.nonzero(full)[0]
        if len(number) < len(counts):
            d_out, index = d_out.take(xp.asarray(number), axis=0), index.take(xp.asarray(number), axis=0)
        width = product(x.shape[1:])
        rows = index.reshape(-1, width)
        columns = xp.arange(width).reshape(1, -1) + xp.zeros_like(rows)
        flat = zeros_added_at(
            xp, (x.shape[0], width), d_out.dtype, (rows, columns), d_out.reshape(-1, width), unique=True
        )
        return flat.reshape(tuple(x.shape))
    if kind in ("FIRST", "LAST"):
        at = (offsets[:-1] if kind == "FIRST" else offsets[1:] - 1)[full]
        if not full.all():
            d_out = d_out.take(xp.asarray(np.nonzero(full)[0]), axis=0)
        return zeros_added_at(xp, tuple(x.shape), d_out.dtype, (xp.asarray(at),), d_out, unique=True)
    return (d_out * _pool_weights(xp, kind, counts, d_out)).take(xp.asarray(sequence_of_rows(offsets)), axis=0)


@sequence_pool.lod
def _(xp, x, *, lod=None, **_):
    return _one_level_less(lod)


# --- softmax


def _infer_column(x: Spec, **_: Any) -> Spec:
    if x.ndim not in (1, 2) or (x.ndim == 2 and x.shape[1] not in (1, -1)):
        raise ValueError(f"X must have one number per row, [N] or [N, 1], got shape {list(x.shape)}")
    return Spec(x.shape, x.dtype)


@op("sequence_softmax", "X -> Out", infer=_infer_column, grad="X#, Out, Out@GRAD -> X@GRAD", lod="X -> Out=X")
def sequence_softmax(xp, x, *, use_cudnn: bool = False, data_format: str = "AnyLayout", lod=None):
    _infer_column(x)
    offsets = last_level(lod, x.shape[0])
    flat = x.reshape(-1)
    full = [(a, b) for a, b in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True) if b > a]
    if not full:
        return x.copy()
    top = xp.stack([flat[a:b].max() for a, b in full])
    place = xp.asarray(np.repeat(np.arange(len(full)), [b - a for a, b in full]))
    e = xp.exp(flat - top.take(place))
    total = zeros_added_at(xp, (len(full),), x.dtype, (place,), e)
    return (e / total.take(place)).reshape(x.shape)


@sequence_softmax.backward
def _(xp, x, out, d_out, *, lod=None):
    offsets = last_level(lod, out.shape[0])
    place = xp.asarray(sequence_of_rows(offsets))
    y, d = out.reshape(-1), d_out.reshape(-1)
    mean = zeros_added_at(xp, (len(offsets) - 1,), d.dtype, (place,), y * d)
    return (y * (d - mean.take(place, axis=0))).reshape(tuple(out.shape))


# --- repeating


def _level(lod: Lod | None, number: int, slot: str) -> tuple[int, ...]:
    if lod is None:
        last_level(lod, None, slot)
        raise AssertionError
    if not -1 <= number < len(lod):
        raise ValueError(f"ref_level must be -1 or below the {len(lod)} levels of Input({slot}), got {number}")
    return lod[number]


def _expanded(rows: int, lods: tuple[Lod | None, Lod | None], ref_level: int) -> tuple[Any, Lod | None]:
    """Row numbers of the result, and its lod."""
    x_lod, y_lod = lods
    if x_lod is not None and len(x_lod) > 1:
        raise ValueError(f"X must have at most one level of sequences, got {len(x_lod)}")
    reference = np.asarray(_level(y_lod, ref_level, "Y"), np.int64)
    offsets = np.arange(rows + 1) if x_lod is None else np.asarray(x_lod[0], np.int64)
    times = lengths(reference)
    if len(times) != len(offsets) - 1:
        raise ValueError(f"X has {len(offsets) - 1} sequences, but level {ref_level} of Y's lod describes {len(times)}")
    starts, counts = np.repeat(offsets[:-1], times), np.repeat(lengths(offsets), times)
    return rows_per_sequence(starts, counts), None if x_lod is None else (lod_of_lengths(counts),)


def _infer_expand(x: Spec, y: Spec, **_: Any) -> Spec:
    return _open(x)


@op("sequence_expand", "X, Y -> Out", infer=_infer_expand, grad="X#, Y#, Out@GRAD -> X@GRAD", lod="X, Y -> Out")
def sequence_expand(xp, x, y, *, ref_level: int = -1, lod=(None, None)):
    return x.take(xp.asarray(_expanded(x.shape[0], lod, ref_level)[0]), axis=0)


@sequence_expand.backward
def _(xp, x, y, d_out, *, ref_level: int = -1, lod=(None, None)):
    rows = _expanded(x.shape[0], lod, ref_level)[0]
    return zeros_added_at(xp, tuple(x.shape), d_out.dtype, (xp.asarray(rows),), d_out)


@sequence_expand.lod
def _(xp, x, y, *, ref_level: int = -1, lod=(None, None)):
    return _expanded(x.shape[0], lod, ref_level)[1]


def _copies(x: Any, lods: tuple[Lod | None, Lod | None]) -> np.ndarray[Any, Any]:
    reference = np.asarray(_level(lods[1], 0, "Y"), np.int64)
    if len(reference) - 1 != x.shape[0]:
        raise ValueError(f"X has {x.shape[0]} rows, but the first level of Y's lod describes {len(reference) - 1} sequences")
    return sequence_of_rows(reference)


@op("sequence_expand_as", "X, Y -> Out", infer=_infer_expand, grad="X#, Y#, Out@GRAD -> X@GRAD", lod="X, Y -> Out=Y")
def sequence_expand_as(xp, x, y, *, lod=(None, None)):
    return x.take(xp.asarray(_copies(x, lod)), axis=0)


@sequence_expand_as.backward
def _(xp, x, y, d_out, *, lod=(None, None)):
    return zeros_added_at(xp, tuple(x.shape), d_out.dtype, (xp.asarray(_copies(x, lod)),), d_out)


# --- joining, turning, cutting


def _infer_concat(xs: list[Spec]) -> Spec:
    if any(x.shape[1:] != xs[0].shape[1:] for x in xs):
        raise ValueError(f"rows must look alike, got shapes {', '.join(str(list(x.shape)) for x in xs)}")
    return _open(xs[0])


def _joined(xs: Any, lods: Any) -> tuple[np.ndarray[Any, Any], tuple[int, ...]]:
    """Where each row of the result lies among all rows of the inputs, one input behind the other; and its offsets."""
    levels = [last_level(lod, x.shape[0]) for x, lod in zip(xs, lods or [None] * len(xs), strict=True)]
    if any(len(level) != len(levels[0]) for level in levels):
        raise ValueError(f"inputs must have equally many sequences, got {', '.join(str(len(v) - 1) for v in levels)}")
    base = np.cumsum([0, *(x.shape[0] for x in xs)])[:-1]
    starts = np.stack([level[:-1] + b for level, b in zip(levels, base, strict=True)], axis=1)
    counts = np.stack([lengths(level) for level in levels], axis=1)
    return rows_per_sequence(starts.reshape(-1), counts.reshape(-1)), lod_of_lengths(counts.sum(axis=1))


@op("sequence_concat", "X* -> Out", infer=_infer_concat, grad="X#, Out@GRAD -> X@GRAD", lod="X -> Out")
def sequence_concat(xp, xs, *, lod=None):
    return xp.concatenate(list(xs)).take(xp.asarray(_joined(xs, lod)[0]), axis=0)


@sequence_concat.backward
def _(xp, xs, d_out, *, lod=None):
    rows = _joined(xs, lod)[0]
    back = np.empty_like(rows)
    back[rows] = np.arange(len(rows))
    parts = np.split(back, np.cumsum([x.shape[0] for x in xs])[:-1])
    return [d_out.take(xp.asarray(p), axis=0) for p in parts]


@sequence_concat.lod
def _(xp, xs, *, lod=None):
    return (_joined(xs, lod)[1],)


def _turned(lod: Lod | None, rows: int) -> np.ndarray[Any, Any]:
    offsets = last_level(lod, rows)
    of = sequence_of_rows(offsets)
    return offsets[:-1][of] + offsets[1:][of] - 1 - np.arange(rows)


@op("sequence_reverse", "X -> Y", infer=same_as(0), grad="X#, Y@GRAD -> X@GRAD", lod="X -> Y=X")
def sequence_reverse(xp, x, *, lod=None):
    return x.take(xp.asarray(_turned(lod, x.shape[0])), axis=0)


@sequence_reverse.backward
def _(xp, x, d_out, *, lod=None):
    return d_out.take(xp.asarray(_turned(lod, x.shape[0])), axis=0)


def _host(xp: Any, values: Any) -> np.ndarray[Any, Any]:
    """Integers of a small array, on the host."""
    return np.asarray(values.reshape(-1).tolist(), np.int64)


def _infer_slice(x: Spec, offset: Spec, length: Spec) -> Spec:
    return _open(x)


def _sliced(xp: Any, x: Any, offset: Any, length: Any, lod: Lod | None) -> tuple[np.ndarray[Any, Any], Lod]:
    offsets = last_level(lod, x.shape[0])
    begin, count = _host(xp, offset), _host(xp, length)
    if len(begin) != len(offsets) - 1 or len(count) != len(begin):
        raise ValueError(f"Offset and Length need one number for each of the {len(offsets) - 1} sequences, got {len(begin)} "
                         f"and {len(count)}")  # fmt: skip
    bad = np.nonzero((begin < 0) | (count < 0) | (begin + count > lengths(offsets)))[0]
    if len(bad):
        i = int(bad[0])
        raise ValueError(f"sequence {i} has {int(lengths(offsets)[i])} rows; offset {int(begin[i])} and length {int(count[i])} "
                         "leave it")  # fmt: skip
    return rows_per_sequence(offsets[:-1] + begin, count), (lod_of_lengths(count),)


@op("sequence_slice", "X, Offset, Length -> Out", infer=_infer_slice, grad="X#, Offset, Length, Out@GRAD -> X@GRAD",
    lod="X -> Out")  # fmt: skip
def sequence_slice(xp, x, offset, length, *, lod=None):
    return x.take(xp.asarray(_sliced(xp, x, offset, length, lod)[0]), axis=0)


@sequence_slice.backward
def _(xp, x, offset, length, d_out, *, lod=None):
    rows = _sliced(xp, x, offset, length, lod)[0]
    return zeros_added_at(xp, tuple(x.shape), d_out.dtype, (xp.asarray(rows),), d_out, unique=True)


@sequence_slice.lod
def _(xp, x, offset, length, *, lod=None):
    return _sliced(xp, x, offset, length, lod)[1]


def _kept(x: Any, tokens: Any, lod: Lod | None) -> tuple[np.ndarray[Any, Any], Lod]:
    offsets = last_level(lod, x.shape[0])
    keep = ~np.isin(np.asarray(x.reshape(-1).tolist()), list(tokens))
    counts = np.bincount(sequence_of_rows(offsets)[keep], minlength=len(offsets) - 1)
    return np.nonzero(keep)[0], ((lod or ())[:-1] + (lod_of_lengths(counts),))


@op("sequence_erase", "X -> Out", infer=lambda x, **_: _open(x), lod="X -> Out")
def sequence_erase(xp, x, *, tokens: Ints, lod=None):
    if x.dtype.kind not in "iu" or x.size != x.shape[0]:
        raise ValueError(f"X must hold one integer per row, got {x.dtype}{list(x.shape)}")
    return x.take(xp.asarray(_kept(x, tokens, lod)[0]), axis=0)


@sequence_erase.lod
def _(xp, x, *, tokens: Ints, lod=None):
    return _kept(x, tokens, lod)[1]


# --- windows


def _windows(lod: Lod | None, rows: int, start: int, length: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """For each row the row numbers of its window, [rows, length], and how far outside of the sequence they are.

    The second array is 0 inside, -k for the k-th row before the sequence, k for the k-th row behind it.
    """
    offsets = last_level(lod, rows)
    of = sequence_of_rows(offsets)
    at = np.arange(rows).reshape(-1, 1) + np.arange(start, start + length)
    first, end = offsets[:-1][of].reshape(-1, 1), offsets[1:][of].reshape(-1, 1)
    outside = np.minimum(at - first, 0) + np.maximum(at - end + 1, 0)
    return np.where(outside == 0, at, 0), outside


def _infer_conv(x: Spec, padding: Spec | None, filter: Spec, *, contextLength: int, **_: Any) -> Spec:
    if x.ndim != 2 or filter.ndim != 2:
        raise ValueError(f"X and Filter must be matrices, got shapes {list(x.shape)} and {list(filter.shape)}")
    if -1 not in (x.shape[1], filter.shape[0]) and contextLength * x.shape[1] != filter.shape[0]:
        raise ValueError(f"Filter must have contextLength * {x.shape[1]} = {contextLength * x.shape[1]} rows, got "
                         f"{filter.shape[0]}")  # fmt: skip
    return Spec((x.shape[0], filter.shape[1]), x.dtype)


def _context(xp: Any, x: Any, padding: Any, lod: Lod | None, length: int, start: int) -> tuple[Any, Any, Any]:
    """The windows as one matrix; with the index of rows in [0 ; x ; padding] and the mask of what is inside."""
    rows = x.shape[0]
    at, outside = _windows(lod, rows, start, length)
    if padding is None:
        inside = xp.asarray((outside == 0).astype(x.dtype)).reshape(rows, length, 1)
        place = xp.asarray(at.reshape(-1))
        return (x.take(place, axis=0).reshape(rows, length, -1) * inside).reshape(rows, -1), place, inside
    up = max(-start, 0)
    # rows of the padding: those before a sequence count down to it, those behind it count up
    at = np.where(outside < 0, rows + up + outside, np.where(outside > 0, rows + up + outside - 1, at))
    place = xp.asarray(at.reshape(-1))
    return xp.concatenate([x, padding]).take(place, axis=0).reshape(rows, -1), place, None


def _conv_padding(padding: Any, x: Any, length: int, start: int, stride: int, trainable: bool) -> Any:
    if stride != 1:
        raise ValueError(f"contextStride must be 1, got {stride}")
    if not trainable:
        return None
    if padding is None:
        raise ValueError("paddingTrainable needs the input PaddingData")
    wanted = (max(-start, 0) + max(start + length - 1, 0), x.shape[1])
    if tuple(padding.shape) != wanted:
        raise ValueError(f"PaddingData must have shape {list(wanted)}, got {list(padding.shape)}")
    return padding


@op("sequence_conv", "X, PaddingData?, Filter -> Out", infer=_infer_conv,
    grad="X, PaddingData, Filter, Out@GRAD -> X@GRAD, PaddingData@GRAD, Filter@GRAD", lod="X -> Out=X")  # fmt: skip
def sequence_conv(xp, x, padding, filter, *, contextLength: int, contextStart: int = 0, contextStride: int = 1,
                  paddingTrainable: bool = False, lod=None):  # fmt: skip
    _infer_conv(x, padding, filter, contextLength=contextLength)
    padding = _conv_padding(padding, x, contextLength, contextStart, contextStride, paddingTrainable)
    return _context(xp, x, padding, lod, contextLength, contextStart)[0] @ filter


@sequence_conv.backward
def _(xp, x, padding, filter, d_out, *, contextLength: int, contextStart: int = 0, contextStride: int = 1,
      paddingTrainable: bool = False, lod=None):  # fmt: skip
    padding = _conv_padding(padding, x, contextLength, contextStart, contextStride, paddingTrainable)
    columns, place, inside = _context(xp, x, padding, lod, contextLength, contextStart)
    rows, width = x.shape
    d = d_out @ filter.swapaxes(0, 1)
    if inside is not None:
        d = d.reshape(rows, contextLength, width) * inside
    extra = 0 if padding is None else padding.shape[0]
    both = zeros_added_at(xp, (rows + extra, width), d.dtype, (place,), d.reshape(-1, width))
    return both[:rows], None if padding is None else both[rows:], columns.swapaxes(0, 1) @ d_out


@op("sequence_enumerate", "X -> Out", infer=lambda x, *, win_size, **_: Spec((x.shape[0], win_size), x.dtype),
    lod="X -> Out=X")  # fmt: skip
def sequence_enumerate(xp, x, *, win_size: int, pad_value: int = 0, lod=None):
    if x.dtype.kind not in "iu" or x.size != x.shape[0]:
        raise ValueError(f"X must hold one integer per row, got {x.dtype}{list(x.shape)}")
    if win_size < 1:
        raise ValueError(f"win_size must be at least 1, got {win_size}")
    at, outside = _windows(lod, x.shape[0], 0, win_size)
    found = x.reshape(-1).take(xp.asarray(at))
    return xp.where(xp.asarray(outside == 0), found, xp.full_like(found, pad_value))


def _infer_row_conv(x: Spec, filter: Spec, **_: Any) -> Spec:
    if filter.ndim != 2 or (-1 not in (filter.shape[1], x.shape[-1]) and filter.shape[1] != x.shape[-1]):
        raise ValueError(f"Filter must be [context, {x.shape[-1]}], got {list(filter.shape)}")
    return x


def _row_windows(x: Any, filter: Any, lod: Lod | None) -> tuple[Any, Any]:
    if lod is None and x.ndim == 3:  # a batch of equally long sequences
        lod = (tuple(range(0, x.shape[0] * x.shape[1] + 1, x.shape[1])),)
    return _windows(lod, product(x.shape[:-1]), 0, filter.shape[0])


@op("row_conv", "X, Filter -> Out", infer=_infer_row_conv, grad="X, Filter, Out@GRAD -> X@GRAD, Filter@GRAD",
    lod="X -> Out=X")  # fmt: skip
def row_conv(xp, x, filter, *, lod=None):
    _infer_row_conv(x, filter)
    at, outside = _row_windows(x, filter, lod)
    seen = x.reshape(-1, x.shape[-1]).take(xp.asarray(at.reshape(-1)), axis=0).reshape(*at.shape, -1)
    inside = xp.asarray((outside == 0).astype(x.dtype)).reshape(*at.shape, 1)
    return (seen * inside * filter).sum(axis=1).reshape(x.shape)


@row_conv.backward
def _(xp, x, filter, d_out, *, lod=None):
    at, outside = _row_windows(x, filter, lod)
    width, rows = x.shape[-1], at.shape[0]
    place = xp.asarray(at.reshape(-1))
    inside = xp.asarray((outside == 0).astype(d_out.dtype)).reshape(*at.shape, 1)
    d = d_out.reshape(rows, 1, width) * inside
    seen = x.reshape(rows, width).take(place, axis=0).reshape(*at.shape, width)
    d_x = zeros_added_at(xp, (rows, width), d_out.dtype, (place,), (d * filter).reshape(-1, width))
    return d_x.reshape(tuple(x.shape)), (d * seen).sum(axis=0)


# --- between ragged and padded


def _infer_pad(x: Spec, value: Spec, *, padded_length: int = -1) -> tuple[Spec, Spec]:
    if x.ndim < 2:
        raise ValueError(f"X must have at least two dimensions, got shape {list(x.shape)}")
    return Spec((-1, padded_length, *x.shape[1:]), x.dtype), Spec((-1,), np.dtype(np.int64))


def _padded(lod: Lod | None, rows: int, padded_length: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], int]:
    """Offsets, the place of each row among all padded rows, and the padded length."""
    offsets = last_level(lod, rows)
    counts = lengths(offsets)
    longest = int(counts.max()) if len(counts) else 0
    if padded_length != -1 and padded_length < longest:
        raise ValueError(f"padded_length must be -1 or at least the longest length {longest}, got {padded_length}")
    width = longest if padded_length == -1 else padded_length
    return offsets, rows_per_sequence(np.arange(len(counts)) * width, counts), width


@op("sequence_pad", "X, PadValue -> Out, Length", infer=_infer_pad, grad="X#, Out@GRAD -> X@GRAD", lod="X ->")
def sequence_pad(xp, x, value, *, padded_length: int = -1, lod=None):
    offsets, place, width = _padded(lod, x.shape[0], padded_length)
    if value.size != 1 and tuple(value.shape) != tuple(x.shape[1:]):
        raise ValueError(f"PadValue must be one number or look like a row, {list(x.shape[1:])}, got {list(value.shape)}")
    count = len(offsets) - 1
    if value.size == 1:
        value = value.reshape((1,) * (x.ndim - 1))
    there = np.zeros(count * width, bool)
    there[place] = True
    where = np.zeros(count * width, np.int64)
    where[place] = np.arange(x.shape[0])
    mask = xp.asarray(there).reshape((-1,) + (1,) * (x.ndim - 1))
    out = xp.where(mask, x.take(xp.asarray(where), axis=0), value.astype(x.dtype)) if x.shape[0] else (
        xp.zeros((count * width, *x.shape[1:]), x.dtype) + value
    )  # fmt: skip
    return out.reshape((count, width, *x.shape[1:])), xp.asarray(lengths(offsets))


@sequence_pad.backward
def _(xp, x, d_out, *, padded_length: int = -1, lod=None):
    _, place, _ = _padded(lod, x.shape[0], padded_length)
    return d_out.reshape((-1, *x.shape[1:])).take(xp.asarray(place), axis=0)


def _infer_unpad(x: Spec, length: Spec) -> Spec:
    if x.ndim < 2:
        raise ValueError(f"X must be [sequences, padded length, ...], got shape {list(x.shape)}")
    return Spec((-1, *x.shape[2:]), x.dtype) if x.ndim > 2 else Spec((-1, 1), x.dtype)


def _unpadded(xp: Any, x: Any, length: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    counts = _host(xp, length)
    if len(counts) != x.shape[0]:
        raise ValueError(f"Length must hold one number for each of the {x.shape[0]} sequences, got {len(counts)}")
    if len(counts) and (counts.min() < 0 or counts.max() > x.shape[1]):
        raise ValueError(f"lengths must be 0 to {x.shape[1]}, got {counts.tolist()}")
    return counts, rows_per_sequence(np.arange(len(counts)) * x.shape[1], counts)


@op("sequence_unpad", "X, Length -> Out", infer=_infer_unpad, grad="X#, Length, Out@GRAD -> X@GRAD", lod="-> Out")
def sequence_unpad(xp, x, length):
    _, rows = _unpadded(xp, x, length)
    rest = x.shape[2:] or (1,)
    return x.reshape((-1, *rest)).take(xp.asarray(rows), axis=0)


@sequence_unpad.backward
def _(xp, x, length, d_out):
    _, rows = _unpadded(xp, x, length)
    rest = tuple(x.shape[2:]) or (1,)
    flat = zeros_added_at(
        xp, (x.shape[0] * x.shape[1], *rest), d_out.dtype, (xp.asarray(rows),), d_out.reshape((-1, *rest)), unique=True
    )
    return flat.reshape(tuple(x.shape))


@sequence_unpad.lod
def _(xp, x, length):
    return (lod_of_lengths(_unpadded(xp, x, length)[0]),)


# --- other


def _infer_reshape(x: Spec, *, new_dim: int) -> Spec:
    if x.ndim != 2:
        raise ValueError(f"X must be a matrix, got shape {list(x.shape)}")
    return Spec((-1, new_dim), x.dtype)


@op("sequence_reshape", "X -> Out", infer=_infer_reshape, grad="X#, Out@GRAD -> X@GRAD", lod="X -> Out")
def sequence_reshape(xp, x, *, new_dim: int, lod=None):
    _reshaped(x, new_dim, lod)
    return x.reshape(-1, new_dim).copy()


@sequence_reshape.backward
def _(xp, x, d_out, *, new_dim: int):
    return d_out.reshape(tuple(x.shape))


def _reshaped(x: Any, new_dim: int, lod: Lod | None) -> Lod:
    sizes = lengths(last_level(lod, x.shape[0])) * x.shape[1]
    if new_dim < 1 or (sizes % new_dim).any():
        raise ValueError(f"new_dim = {new_dim} must divide the numbers in each sequence, {sizes.tolist()}")
    return (lod_of_lengths(sizes // new_dim),)


@sequence_reshape.lod
def _(xp, x, *, new_dim: int, lod=None):
    return _reshaped(x, new_dim, lod)


@op("sequence_scatter", "X, Ids, Updates -> Out", infer=same_as(0),
    grad="Ids, Updates#, Out@GRAD -> X@GRAD, Updates@GRAD", lod="Ids -> Out=X")  # fmt: skip
def sequence_scatter(xp, x, ids, updates, *, lod=None):
    of = _scatter_rows(xp, ids, lod, x.shape[0])
    return x + zeros_added_at(xp, x.shape, x.dtype, (of, ids.reshape(-1)), updates.reshape(-1))


def _scatter_rows(xp: Any, ids: Any, lod: Lod | None, rows: int) -> Any:
    offsets = last_level(lod, ids.shape[0], "Ids")
    if len(offsets) - 1 != rows:
        raise ValueError(f"Ids has {len(offsets) - 1} sequences for the {rows} rows of X; they must be equally many")
    return xp.asarray(sequence_of_rows(offsets))


@sequence_scatter.backward
def _(xp, ids, updates, d_out, *, lod=None):
    of = _scatter_rows(xp, ids, lod, d_out.shape[0])
    flat = of * d_out.shape[1] + ids.reshape(-1)
    return d_out, d_out.reshape(-1).take(flat, axis=0).reshape(tuple(updates.shape))


# --- lod_reset


def _new_lod(xp: Any, x: Any, y: Any, target_lod: Any, append: bool, lods: tuple[Lod | None, Lod | None]) -> Lod | None:
    x_lod, y_lod = lods
    if y is not None:
        if y_lod is not None:
            return ((x_lod or ()) + y_lod) if append else y_lod
        level = tuple(_host(xp, y).tolist())
    else:
        level = tuple(int(n) for n in target_lod)
    if len(level) < 2 or level[0] != 0 or any(a > b for a, b in zip(level, level[1:], strict=False)):
        raise ValueError(f"the target lod must be offsets that begin with 0 and never fall, got {list(level)}")
    if level[-1] != x.shape[0] and not append:
        raise ValueError(f"the target lod describes {level[-1]} rows, but X has {x.shape[0]}")
    return (*(x_lod or ()), level) if append else (level,)


@op("lod_reset", "X, Y? -> Out", infer=lambda x, y=None, **_: x, grad="X#, Out@GRAD -> X@GRAD", lod="X, Y -> Out")
def lod_reset(xp, x, y=None, *, target_lod: Ints = (), append: bool = False, lod=(None, None)):
    return x.copy()


@lod_reset.backward
def _(xp, x, d_out):
    return d_out


@lod_reset.lod
def _(xp, x, y=None, *, target_lod: Ints = (), append: bool = False, lod=(None, None)):
    return _new_lod(xp, x, y, target_lod, append, lod)


def _level_after_reset(x: int, y: int, *, append: bool = False, **_: Any) -> int:
    return max(y, 1) + (x if append else 0)


lod_reset.lod_level = _level_after_reset
