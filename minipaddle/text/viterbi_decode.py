"""Viterbi decoding, as a function and as a layer."""
from __future__ import annotations

from typing import Any

from .. import dtypes
from ..core.dispatch import call
from ..nn import Layer
from ..ops import viterbi as V

__all__ = ["ViterbiDecoder", "viterbi_decode"]


def viterbi_decode(
    potentials: Any, transition_params: Any, lengths: Any, include_bos_eos_tag: bool = True, name: str | None = None
) -> tuple[Any, Any]:
    """The best path of each sequence: scores [batch] and tags int64 [batch, longest sequence], zeros behind the end.

    potentials: float32 or float64 [batch, time, tags]. transition_params: [tags, tags], from row to column. lengths: int64 [batch].
    include_bos_eos_tag: the last tag stands for the beginning, the last but one for the end. TypeError for other dtypes.
    """
    for what, value, known in (
        ("potentials", potentials, (dtypes.float32, dtypes.float64)),
        ("transition_params", transition_params, (dtypes.float32, dtypes.float64)),
        ("lengths", lengths, (dtypes.int64,)),
    ):
        if value.dtype not in known:
            raise TypeError(f"viterbi_decode: {what} must be {' or '.join(d.name for d in known)}, got {value.dtype.name}")
    if not isinstance(include_bos_eos_tag, bool):
        raise TypeError(f"viterbi_decode: include_bos_eos_tag must be a bool, got {type(include_bos_eos_tag).__name__}")
    scores, path = call(V.viterbi_decode, potentials, transition_params, lengths, include_bos_eos_tag=include_bos_eos_tag)
    return scores, path


class ViterbiDecoder(Layer):
    """`viterbi_decode` with fixed transitions."""

    def __init__(self, transitions: Any, include_bos_eos_tag: bool = True, name: str | None = None) -> None:
        super().__init__()
        self.transitions = transitions
        self.include_bos_eos_tag = include_bos_eos_tag
        self.name = name

    def forward(self, potentials: Any, lengths: Any) -> tuple[Any, Any]:
        """Scores and paths for `potentials` [batch, time, tags]."""
        return viterbi_decode(potentials, self.transitions, lengths, self.include_bos_eos_tag, self.name)
