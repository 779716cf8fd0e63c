"""``paddle.metric``: measures over many batches."""
from __future__ import annotations

from .metrics import *
