"""Beam search over ragged candidates (Paddle 1.x); checked against Paddle 1.8.5.

Two levels of LoD say which rows belong to which source sentence, and which rows come from which row of the step before.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .ragged import Lod
from .registry import Spec, op

__all__: list[str] = []

Item = tuple[float, int, int]  # score, row it comes from, id


def _host(x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(x.tolist(), x.dtype).reshape(x.shape)


def _best(items: list[Item], size: int) -> list[Item]:
    """The `size` best, by score, then by row; of equals the one seen first."""
    return sorted(items, key=lambda item: (-item[0], -item[1]))[:size]


def _search(
    pre_ids: Any,
    pre_scores: Any,
    ids: Any,
    scores: Any,
    level: int,
    beam_size: int,
    end_id: int,
    is_accumulated: bool,
    lod: Lod | None,
) -> tuple[list[list[Item]], tuple[int, ...]]:
    """For each row what it goes on with, and the offsets of the source sentences in rows."""
    if lod is None or not 0 <= level < len(lod):
        raise ValueError(
            f"Input(scores) must have a LoD with level {level} that says which rows belong to which source sentence"
        )
    sources = np.asarray(lod[level])
    for below in lod[level + 1 :]:
        sources = np.asarray(below)[sources]
    before, total, new = _host(pre_ids).reshape(-1), _host(pre_scores).reshape(-1), _host(scores)
    rows, width = new.shape[0], int(np.prod(new.shape[1:]))
    new = new.reshape(rows, width)
    named = np.broadcast_to(np.arange(width), new.shape) if ids is None else _host(ids).reshape(rows, width)
    if len(before) != rows or len(total) != rows or sources[-1] != rows:
        raise ValueError(
            f"pre_ids, pre_scores, scores and the LoD must speak of the same rows, got {len(before)}, {len(total)}, {rows}, {sources[-1]}"
        )
    chosen: list[list[Item]] = [[] for _ in range(rows)]
    for a, b in zip(sources[:-1], sources[1:], strict=True):
        items: list[Item] = []
        for row in range(a, b):
            if before[row] == end_id:  # a finished sentence keeps its score
                items.append((float(total[row]), row, end_id))
                continue
            values = new[row] if is_accumulated else total[row] + np.log(new[row])
            items += [(float(v), row, int(i)) for v, i in zip(values, named[row], strict=True)]
        best = _best(items, beam_size)
        if all(i == end_id and before[row] == end_id for _, row, i in best):
            continue  # all sentences of this source are finished
        for item in best:
            chosen[item[1]].append(item)
    return chosen, tuple(int(n) for n in sources)


def _infer_search(pre_ids: Spec, pre_scores: Spec, ids: Spec | None, scores: Spec, **_: Any) -> tuple[Spec, Spec, Spec]:
    return Spec((-1, 1), np.dtype("int64")), Spec((-1, 1), scores.dtype), Spec((-1,), np.dtype("int32"))


@op(
    "beam_search",
    "pre_ids, pre_scores, ids?, scores -> selected_ids, selected_scores, parent_idx",
    infer=_infer_search,
    lod="scores -> selected_ids, selected_scores",
)
def beam_search(
    xp,
    pre_ids,
    pre_scores,
    ids,
    scores,
    *,
    level: int = 0,
    beam_size: int,
    end_id: int,
    is_accumulated: bool = True,
    lod=None,
):
    chosen, _ = _search(pre_ids, pre_scores, ids, scores, level, beam_size, end_id, is_accumulated, lod)
    items = [item for found in chosen for item in found]
    return (
        xp.asarray(np.asarray([i for _, _, i in items], np.int64).reshape(-1, 1)),
        xp.asarray(np.asarray([s for s, _, _ in items], scores.dtype).reshape(-1, 1)),
        xp.asarray(np.asarray([row for _, row, _ in items], np.int32)),
    )


@beam_search.lod
def _(xp, pre_ids, pre_scores, ids, scores, *, level=0, beam_size, end_id, is_accumulated=True, lod=None):
    chosen, sources = _search(pre_ids, pre_scores, ids, scores, level, beam_size, end_id, is_accumulated, lod)
    rows = (0, *np.cumsum([len(found) for found in chosen]).tolist())
    return (sources, rows), (sources, rows)


def _sentences(ids: Any, scores: Any, end_id: int, lods: Any) -> list[list[tuple[list[int], list[float]]]]:
    """For each source its sentences, words and scores, the best first: followed back from the last step."""
    if lods is None or any(lod is None or len(lod) != 2 for lod in lods):
        raise ValueError("the arrays must hold what beam_search gave, with its two levels of LoD")
    count = len(lods[0][0]) - 1
    words: list[list[list[int]]] = [[] for _ in range(count)]
    values: list[list[list[float]]] = [[] for _ in range(count)]
    at: list[list[int]] = [[] for _ in range(count)]
    for i, s, lod in zip(reversed(list(ids)), reversed(list(scores)), reversed(list(lods)), strict=True):
        i, s = _host(i).reshape(-1), _host(s).reshape(-1)
        sources, rows = lod
        for n in range(count):
            first, end = sources[n], sources[n + 1]
            if not at[n]:
                for row in range(first, end):
                    for candidate in range(rows[row], rows[row + 1]):
                        at[n].append(row)
                        words[n].append([int(i[candidate])])
                        values[n].append([float(s[candidate])])
                continue
            for k, candidate in enumerate(at[n]):
                if int(i[candidate]) != end_id or not words[n][k]:
                    words[n][k].append(int(i[candidate]))
                    values[n][k].append(float(s[candidate]))
                at[n][k] = next(row for row in range(first, end) if rows[row] <= candidate < rows[row + 1])
    return [sorted(zip(w, v, strict=True), key=lambda pair: -pair[1][0]) for w, v in zip(words, values, strict=True)]


@op(
    "beam_search_decode",
    "Ids, Scores -> SentenceIds, SentenceScores",
    infer=lambda ids, scores, **_: (Spec((-1,), np.dtype("int64")), Spec((-1,), scores.dtype)),
    lod="Ids -> SentenceIds, SentenceScores",
)
def beam_search_decode(xp, ids, scores, *, beam_size: int, end_id: int, lod=None):
    found = [pair for source in _sentences(ids, scores, end_id, lod) for pair in source]
    dtype = scores[0].dtype
    return (
        xp.asarray(np.asarray([w for words, _ in found for w in reversed(words)], np.int64)),
        xp.asarray(np.asarray([v for _, values in found for v in reversed(values)], dtype)),
    )


@beam_search_decode.lod
def _(xp, ids, scores, *, beam_size, end_id, lod=None):
    found = _sentences(ids, scores, end_id, lod)
    made = (
        (0, *np.cumsum([len(s) for s in found]).tolist()),
        (0, *np.cumsum([len(words) for s in found for words, _ in s]).tolist()),
    )
    return made, made
