"""The linear-chain conditional random field of Paddle 1.x: its likelihood and its best path.

Emission [n, K] scores tags per row; Transition [K + 2, K]: row 0 scores beginning with a tag, row 1 ending with it, row 2 + i going
from tag i to each tag. Sequences come as a lod, or as padded [B, T, ...] inputs with Length [B].
"""
from __future__ import annotations

from typing import Any

import numpy as np

from .manipulation import zeros_added_at
from .ragged import Batches, Lod, last_level, lod_of_lengths, rows_per_sequence
from .registry import Spec, op

__all__: list[str] = []


class _Chains:
    """Where the sequences are: the rows of the flattened emissions that belong to them, and offsets among those rows."""

    def __init__(self, emission: Any, length: Any, lod: Lod | None) -> None:
        self.rows: np.ndarray[Any, Any] | None = None
        if length is None:
            if emission.ndim != 2:
                raise ValueError(f"Emission must be [rows, tags] (or [B, T, tags] with Length), got {list(emission.shape)}")
            self.offsets = last_level(lod, emission.shape[0], "Emission")
            return
        if emission.ndim != 3:
            raise ValueError(f"with Length Emission must be [B, T, tags], got {list(emission.shape)}")
        counts = np.asarray(length.reshape(-1).tolist(), np.int64)
        batch, longest = emission.shape[:2]
        if len(counts) != batch or (batch and (counts.min() < 0 or counts.max() > longest)):
            raise ValueError(f"Length must hold {batch} numbers from 0 to {longest}, got {counts.tolist()}")
        self.offsets = np.asarray(lod_of_lengths(counts), np.int64)
        self.rows = rows_per_sequence(np.arange(batch) * longest, counts)

    @property
    def total(self) -> int:
        return int(self.offsets[-1])

    def pick(self, xp: Any, x: Any, width: int) -> Any:
        """The rows that belong to sequences, [total, width]."""
        flat = x.reshape(-1, width)
        return flat if self.rows is None else flat.take(xp.asarray(self.rows), axis=0)

    def spread(self, xp: Any, rows: Any, shape: tuple[int, ...]) -> Any:
        """Rows back in the place where `pick` found them, zeros elsewhere."""
        if self.rows is None:
            return rows.reshape(shape)
        count = int(np.prod(shape[:-1]))
        place = (xp.asarray(self.rows),)
        return zeros_added_at(xp, (count, shape[-1]), rows.dtype, place, rows, unique=True).reshape(shape)


def _check(emission: Any, transition: Any) -> int:
    tags = emission.shape[-1]
    if transition.ndim != 2 or (-1 not in (tags, *transition.shape) and tuple(transition.shape) != (tags + 2, tags)):
        raise ValueError(f"Transition must have shape {[tags + 2, tags]} for {tags} tags, got {list(transition.shape)}")
    return tags


def _labels(xp: Any, label: Any, chains: _Chains, tags: int) -> Any:
    if label.dtype.kind not in "iu":
        raise ValueError(f"Label must hold tag numbers, got {label.dtype}")
    picked = chains.pick(xp, label, 1).reshape(-1)
    if picked.shape[0] != chains.total:
        raise ValueError(f"Label must hold one tag for each of the {chains.total} rows, got {picked.shape[0]}")
    if picked.size and (int(picked.min()) < 0 or int(picked.max()) >= tags):
        raise ValueError(f"tags must be 0 to {tags - 1}, got {int(picked.min())} to {int(picked.max())}")
    return picked


def _normalized(x: Any) -> tuple[Any, Any]:
    total = x.sum(axis=1, keepdims=True)
    return x / total, total


def _forward_pass(xp: Any, e: Any, transition_exps: Any, walk: Batches) -> tuple[list[Any], list[Any]]:
    """Per time the normalized forward probabilities [B, K] and what they were divided by [B, 1]."""
    alphas: list[Any] = []
    totals: list[Any] = []
    for t, (a, b) in enumerate(walk.spans):
        raw = transition_exps[:1] * e[a:b] if t == 0 else (alphas[-1][: b - a] @ transition_exps[2:]) * e[a:b]
        alpha, total = _normalized(raw)
        alphas.append(alpha)
        totals.append(total)
    return alphas, totals


def _infer_likelihood(
    emission: Spec, transition: Spec, label: Spec, length: Spec | None = None, **_: Any
) -> tuple[Spec, ...]:
    _check(emission, transition)
    count = -1 if length is None else emission.shape[0]
    return emission, emission, transition, Spec((count, 1), emission.dtype)


@op("linear_chain_crf", "Emission, Transition, Label, Length? -> Alpha~, EmissionExps~, TransitionExps~, LogLikelihood",
    infer=_infer_likelihood,
    grad="Emission#, Transition#, Label, Length, Alpha, EmissionExps, TransitionExps, LogLikelihood@GRAD"
         " -> Emission@GRAD, Transition@GRAD", lod="Emission ->")  # fmt: skip
def linear_chain_crf(xp, emission, transition, label, length=None, *, lod=None):
    # LogLikelihood is what Paddle calls so: the negative logarithm of the likelihood of the labels
    tags = _check(emission, transition)
    chains = _Chains(emission, length, lod)
    labels = _labels(xp, label, chains, tags)
    rows = chains.pick(xp, emission, tags)
    top = rows.max(axis=1, keepdims=True) if rows.size else rows[:, :1]
    e, transition_exps = xp.exp(rows - top), xp.exp(transition)
    walk = Batches(chains.offsets, False)
    order = xp.asarray(walk.rows)
    alphas, totals = _forward_pass(xp, e.take(order, axis=0), transition_exps, walk)
    back = xp.asarray(walk.back)
    alpha = xp.concatenate(alphas).take(back, axis=0) if alphas else e
    logs = (xp.log(xp.concatenate(totals)).take(back, axis=0) if alphas else e[:, :1]) + top
    first, last, full = _ends(chains.offsets)
    score = _label_score(xp, rows, transition, labels, first, last, chains.offsets)
    # the normalizer: all that was divided out, and the sum over the last tags
    ends = xp.log((alpha.take(xp.asarray(last), axis=0) * transition_exps[1:2]).sum(axis=1))
    sums = _per_sequence(xp, logs.reshape(-1), chains.offsets)
    out = sums - score
    out = out + zeros_added_at(xp, (len(chains.offsets) - 1,), out.dtype, (xp.asarray(full),), ends, unique=True)
    shape = emission.shape
    return (chains.spread(xp, alpha, shape), chains.spread(xp, e, shape), transition_exps, out.reshape(-1, 1))


def _ends(offsets: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], ...]:
    """First and last rows of the sequences that are not empty, and their numbers."""
    full = np.nonzero(offsets[1:] > offsets[:-1])[0]
    return offsets[:-1][full], offsets[1:][full] - 1, full


def _per_sequence(xp: Any, values: Any, offsets: np.ndarray[Any, Any]) -> Any:
    of = np.repeat(np.arange(len(offsets) - 1), offsets[1:] - offsets[:-1])
    return zeros_added_at(xp, (len(offsets) - 1,), values.dtype, (xp.asarray(of),), values)


def _steps(offsets: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Rows that have a row of the same sequence before them."""
    inner = np.ones(int(offsets[-1]), bool)
    inner[offsets[:-1][offsets[:-1] < offsets[1:]]] = False
    return np.nonzero(inner)[0]


def _label_score(xp: Any, rows: Any, transition: Any, labels: Any, first: Any, last: Any, offsets: Any) -> Any:
    """The score of the labelled path, per sequence."""
    count, tags = rows.shape
    flat = transition.reshape(-1)
    per_row = rows.reshape(-1).take(xp.arange(count) * tags + labels)
    begin, end = labels.take(xp.asarray(first)), labels.take(xp.asarray(last))
    inner = xp.asarray(_steps(offsets))
    moves = (labels.take(inner - 1) + 2) * tags + labels.take(inner)
    extra = zeros_added_at(xp, (count,), rows.dtype, (inner,), flat.take(moves), unique=True)
    extra = extra + zeros_added_at(xp, (count,), rows.dtype, (xp.asarray(first),), flat.take(begin), unique=True)
    extra = extra + zeros_added_at(xp, (count,), rows.dtype, (xp.asarray(last),), flat.take(end + tags), unique=True)
    return _per_sequence(xp, per_row + extra, offsets)


@linear_chain_crf.backward
def _(xp, emission, transition, label, length, alpha, e, transition_exps, d_out, *, lod=None):
    tags = emission.shape[-1]
    chains = _Chains(emission, length, lod)
    labels = _labels(xp, label, chains, tags)
    offsets, dtype = chains.offsets, d_out.dtype
    walk = Batches(offsets, False)
    order = xp.asarray(walk.rows)
    a_rows, e_rows = chains.pick(xp, alpha, tags).take(order, axis=0), chains.pick(xp, e, tags).take(order, axis=0)
    weight = d_out.reshape(-1, 1).take(xp.asarray(walk.order), axis=0)  # per sequence, in the order of the walk
    moves = transition_exps[2:]
    d_moves = xp.zeros((tags, tags), dtype)
    d_end = xp.zeros((tags,), dtype)
    parts: list[Any] = []
    later: Any = None  # times t + 1: beta * e, [B, K]
    for t in range(len(walk.spans) - 1, -1, -1):
        a, b = walk.spans[t]
        going = 0 if later is None else later.shape[0]  # sequences that go on after this time
        now = a_rows[a:b]
        ending = now[going:] * transition_exps[1:2]
        d_end = d_end + (_normalized(ending)[0] * weight[going : b - a]).sum(axis=0)
        beta = xp.broadcast_to(transition_exps[1:2], (b - a - going, tags))
        if going:
            # edge probabilities: alpha_i * move_ij * later_j, one sequence's sum to 1
            total = ((now[:going] @ moves) * later).sum(axis=1, keepdims=True)
            d_moves = d_moves + moves * (now[:going].swapaxes(0, 1) @ (later * (weight[:going] / total)))
            beta = xp.concatenate([later @ moves.swapaxes(0, 1), beta])
        beta, _ = _normalized(beta)
        parts.append(_normalized(now * beta)[0] * weight[: b - a])
        later = beta * e_rows[a:b]
    node = xp.concatenate(parts[::-1]) if parts else a_rows
    d_begin = node[: walk.spans[0][1]].sum(axis=0) if parts else xp.zeros((tags,), dtype)
    d_rows = node.take(xp.asarray(walk.back), axis=0)
    # less what the labels count
    first, last, full = _ends(offsets)
    of = np.repeat(np.arange(len(offsets) - 1), offsets[1:] - offsets[:-1])
    row_weight = d_out.reshape(-1).take(xp.asarray(of), axis=0)
    count = chains.total
    place = (xp.arange(count), labels)
    d_rows = d_rows - zeros_added_at(xp, (count, tags), dtype, place, row_weight, unique=True)
    full_weight = d_out.reshape(-1).take(xp.asarray(full), axis=0)
    inner = xp.asarray(_steps(offsets))
    edges = (labels.take(inner - 1), labels.take(inner))
    d_moves = d_moves - zeros_added_at(xp, (tags, tags), dtype, edges, row_weight.take(inner, axis=0))
    d_begin = d_begin - zeros_added_at(xp, (tags,), dtype, (labels.take(xp.asarray(first)),), full_weight)
    d_end = d_end - zeros_added_at(xp, (tags,), dtype, (labels.take(xp.asarray(last)),), full_weight)
    d_transition = xp.concatenate([d_begin.reshape(1, -1), d_end.reshape(1, -1), d_moves])
    return chains.spread(xp, d_rows, tuple(emission.shape)), d_transition


def _infer_decoding(
    emission: Spec, transition: Spec, label: Spec | None = None, length: Spec | None = None, **_: Any
) -> Spec:
    _check(emission, transition)
    return Spec((emission.shape[0], 1) if length is None else emission.shape[:2], np.dtype(np.int64))


@op("crf_decoding", "Emission, Transition, Label?, Length? -> ViterbiPath", infer=_infer_decoding,
    lod="Emission -> ViterbiPath=Emission")  # fmt: skip
def crf_decoding(xp, emission, transition, label=None, length=None, *, lod=None):
    tags = _check(emission, transition)
    chains = _Chains(emission, length, lod)
    walk = Batches(chains.offsets, False)
    rows = chains.pick(xp, emission, tags).take(xp.asarray(walk.rows), axis=0)
    came: list[Any] = []
    scores: list[Any] = []
    for t, (a, b) in enumerate(walk.spans):
        if t == 0:
            scores.append(transition[:1] + rows[a:b])
            continue
        reached = scores[-1][: b - a].reshape(b - a, tags, 1) + transition[2:].reshape(1, tags, tags)
        came.append(reached.argmax(axis=1))
        scores.append(reached.max(axis=1) + rows[a:b])
    paths: list[Any] = []
    best: Any = None  # tags at time t + 1
    for t in range(len(walk.spans) - 1, -1, -1):
        a, b = walk.spans[t]
        going = 0 if best is None else best.shape[0]
        ending = (scores[t][going:] + transition[1:2]).argmax(axis=1)
        if going:
            before = came[t].reshape(-1).take(xp.arange(going) * tags + best)
            ending = xp.concatenate([before, ending])
        best = ending
        paths.append(best)
    found = xp.concatenate(paths[::-1]).take(xp.asarray(walk.back)) if paths else xp.zeros((0,), np.dtype(np.int64))
    path = found.astype(np.dtype(np.int64)).reshape(-1, 1)
    shape = (emission.shape[0], 1) if length is None else emission.shape[:2]
    if label is not None:
        path = (path == chains.pick(xp, label, 1).astype(path.dtype)).astype(path.dtype)
    return chains.spread(xp, path, (*shape, 1)).reshape(shape) if length is not None else path
