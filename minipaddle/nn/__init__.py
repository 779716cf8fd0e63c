"""``paddle.nn``: layers, initializers, gradient clipping."""

from __future__ import annotations

from typing import Any as _Any

from ..utils.absent import absent as _absent
from . import functional, initializer, utils
from .clip import ClipGradByGlobalNorm, ClipGradByNorm, ClipGradByValue
from .decode import BeamSearchDecoder, dynamic_decode
from .layer import *
from .param_attr import ParamAttr


def __getattr__(name: str) -> _Any:
    raise _absent(__name__, name)
