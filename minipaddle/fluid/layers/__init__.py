"""``fluid.layers``."""
from __future__ import annotations

from . import control_flow, io, learning_rate_scheduler, loss, metric_op, more, nn, ops, rnn, sequence, tensor
from .control_flow import *
from .io import *
from .learning_rate_scheduler import *
from .loss import *
from .metric_op import *
from .more import *
from .nn import *
from .ops import *
from .rnn import *
from .sequence import *
from .tensor import *

sequence_lod = sequence  # its name in 1.x

__all__ = [  # noqa: PLE0604
    "sequence_lod",
    *(n for m in (control_flow, io, learning_rate_scheduler, loss, metric_op, more, nn, ops, rnn, sequence, tensor) for n in m.__all__),
]
