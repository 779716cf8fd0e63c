"""``base.dygraph.base``."""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from ...autograd import grad
from ...core.grad_mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from ...fluid.dygraph.base import disable_dygraph, enable_dygraph, enabled, guard, to_variable
from ..framework import _static_guard

__all__ = [
    "disable_dygraph", "enable_dygraph", "enable_grad", "enabled", "grad", "guard", "is_grad_enabled", "no_grad", "no_grad_",
    "set_grad_enabled", "switch_to_static_graph", "to_variable",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])
no_grad_ = no_grad


def switch_to_static_graph(function: F) -> F:
    """Decorator: the function runs in static mode."""

    @functools.wraps(function)
    def switched(*args: Any, **kwargs: Any) -> Any:
        with _static_guard():
            return function(*args, **kwargs)

    return switched  # type: ignore[return-value]
