"""``paddle.static``: Programs, the Executor that runs them, and their files."""

from __future__ import annotations

from typing import Any as _Any

from ..jit.input_spec import InputSpec
from ..nn.parameter import create_parameter
from ..tensor.indexing import setitem
from ..utils.absent import absent as _absent
from . import amp, descs, nn, tensors
from .backward import *
from .executor import *
from .extras import *
from .io import *
from .program import *


def __getattr__(name: str) -> _Any:
    raise _absent(__name__, name)
