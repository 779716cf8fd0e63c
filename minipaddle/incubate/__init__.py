"""``paddle.incubate``: of what Paddle tries out there, what has a place here too."""
from __future__ import annotations

from typing import Any as _Any

from ..utils.absent import absent as _absent
from . import autograd

__all__ = ["autograd"]


def __getattr__(name: str) -> _Any:
    raise _absent(__name__, name)
