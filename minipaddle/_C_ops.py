"""``paddle._C_ops``: the functions below Paddle's public ones. Here they are the public functions of the same name."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import tensor
from .nn import functional

__all__: list[str] = []


def __getattr__(name: str) -> Callable[..., Any]:
    for module in (tensor, functional):
        found = getattr(module, name, None)
        if callable(found) and not name.startswith("_"):
            return found  # type: ignore[no-any-return]
    raise AttributeError(f"paddle._C_ops.{name}: there is no public function of this name here", name=name)
