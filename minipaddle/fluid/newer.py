"""Names that are in `base` since Paddle 2.5 and were in `fluid` before."""
from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ..utils import absent

__all__ = ["from_base"]


def from_base(module: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module of `fluid`: what it has not itself is taken from its namesake in `base`."""
    package, _, rest = module.partition(".fluid")

    def find(name: str) -> Any:
        if not name.startswith("__"):
            found = getattr(importlib.import_module(f"{package}.base{rest}"), name, None)
            if found is not None:
                return found
        raise absent.absent(module, name)

    return find
