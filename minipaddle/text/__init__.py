"""``paddle.text``: decoding of tag sequences. The data sets of Paddle's module are not included."""
from __future__ import annotations

from .viterbi_decode import ViterbiDecoder, viterbi_decode

__all__ = ["ViterbiDecoder", "viterbi_decode"]
