"""``paddle.nn.functional``: stateless layers."""
from __future__ import annotations

from typing import Any as _Any

from ...utils.absent import absent as _absent
from .activation import *
from .attention import *
from .common import *
from .conv import *
from .distance import *
from .extension import *
from .input import *
from .loss import *
from .norm import *
from .pooling import *
from .vision import *


def __getattr__(name: str) -> _Any:
    raise _absent(__name__, name)
