"""``paddle.static.nn``: layers as functions that make their parameters in the current Program."""

from __future__ import annotations

from typing import Any as _Any

from ...core.control_flow import case, cond, switch_case, while_loop
from ...utils.absent import absent as _absent
from ..extras import py_func
from . import control_flow
from .common import *
from .extra import *
from .sequence import *


def __getattr__(name: str) -> _Any:
    raise _absent(__name__, name)
