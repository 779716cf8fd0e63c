"""Operators, one definition each. Importing this package fills the registry."""
from __future__ import annotations

from . import (
    activation,
    beam,
    boxes,
    control_flow,
    conv,
    creation,
    crf,
    detection,
    elementwise,
    embedding,
    fft,
    fused,
    indexing,
    legacy,
    legacy_layers,
    legacy_loss,
    linalg,
    loss,
    manipulation,
    matmul,
    metric,
    norm,
    optimizer,
    pool,
    py_func,
    quantize,
    random,
    rank_table,
    reduction,
    rnn,
    sampled,
    search,
    sequence,
    sequence_rnn,
    vision,
    viterbi,
    yolo,
)

# isort: split
from . import half_precision, lod_sharing  # last: they complete what the others define

__all__ = [
    "activation", "beam", "boxes", "control_flow", "conv", "creation", "crf", "detection", "elementwise", "embedding", "fft", "fused",
    "half_precision", "indexing", "legacy", "legacy_layers", "legacy_loss", "linalg", "lod_sharing", "loss", "manipulation", "matmul",
    "metric", "norm", "optimizer", "pool", "py_func", "quantize", "random", "rank_table", "reduction", "rnn", "sampled", "search",
    "sequence", "sequence_rnn", "vision", "viterbi", "yolo",
]  # fmt: skip
