"""``paddle.vision``: image data sets, transforms, models and operators."""
from __future__ import annotations

import importlib as _importlib
from typing import Any as _Any

from . import datasets, transforms
from .datasets import *
from .image import *
from .transforms import *

# networks and operators are imported when they are first asked for
_LAZY_MODULES = ("models", "ops")


def __getattr__(name: str) -> _Any:
    if name in _LAZY_MODULES:
        return _importlib.import_module(f".{name}", __name__)
    models = _importlib.import_module(".models", __name__)
    if not name.startswith("_") and name in models.__all__:
        return getattr(models, name)
    raise AttributeError(f"module 'paddle.vision' has no attribute {name!r}")
