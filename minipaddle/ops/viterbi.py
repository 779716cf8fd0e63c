"""The best path through a linear chain of tags."""
from __future__ import annotations

from typing import Any

import numpy as np

from .registry import Spec, op

__all__: list[str] = []

_I64 = np.dtype(np.int64)


def _rule(x: Spec, transition: Spec, length: Spec, **_: Any) -> tuple[Spec, ...]:
    if x.ndim != 3:
        raise ValueError(f"Input must be [batch, time, tags], got {list(x.shape)}")
    tags = x.shape[2]
    if transition.ndim != 2 or any(-1 not in (n, tags) and n != tags for n in transition.shape):
        raise ValueError(f"Transition must be [{tags}, {tags}] for {tags} tags, got {list(transition.shape)}")
    if length.ndim != 1 or (-1 not in (length.shape[0], x.shape[0]) and length.shape[0] != x.shape[0]):
        raise ValueError(f"Length must be [{x.shape[0]}], got {list(length.shape)}")
    return Spec((x.shape[0],), x.dtype), Spec((x.shape[0], -1), _I64)


@op("viterbi_decode", "Input, Transition, Length -> Scores, Path", infer=_rule)
def viterbi_decode(xp, x, transition, length, *, include_bos_eos_tag: bool = True):
    """Transition[i, j] scores going from tag i to tag j. With include_bos_eos_tag the last tag stands for the beginning, the last but
    one for the end. Path is as long as the longest sequence; behind the end of a sequence it holds zeros."""
    specs = [Spec(a.shape, a.dtype) for a in (x, transition, length)]
    _rule(*specs)
    batch, time, _ = x.shape
    longest = int(length.max()) if batch else 0
    if longest > time or (batch and int(length.min()) < 0):
        raise ValueError(f"Length must lie between 0 and {time}, the time steps of Input, got {length.tolist()}")
    score = x[:, 0] + transition[-1] if include_bos_eos_tag else x[:, 0]
    length = length.reshape(-1, 1)
    if include_bos_eos_tag:
        score = xp.where(length == 1, score + transition[-2], score)
    came_from = []
    for t in range(1, longest):
        through = score[:, :, None] + transition[None]
        best = through.argmax(axis=1)
        new = through.max(axis=1) + x[:, t]
        if include_bos_eos_tag:
            new = xp.where(length == t + 1, new + transition[-2], new)
        score = xp.where(t < length, new, score)
        came_from.append(best)
    tag = score.argmax(axis=1)
    scores = score.max(axis=1)
    rows = xp.arange(batch)
    path = [xp.where(longest - 1 < length[:, 0], tag, 0)] if longest else []
    for t in range(longest - 1, 0, -1):
        inside = t < length[:, 0]
        tag = xp.where(inside, came_from[t - 1][rows, tag], tag)
        path.append(xp.where(t - 1 < length[:, 0], tag, 0))
    steps = xp.stack(path[::-1], axis=1) if path else xp.zeros((batch, 0))
    return scores, steps.astype(_I64)
