"""``base.dygraph.base``."""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from ...autograd import grad
from ...core.context import context
from ...core.grad_mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from ...fluid.dygraph.base import disable_dygraph, enable_dygraph, enabled, guard, to_variable
from ..framework import _static_guard

__all__ = [
    "disable_dygraph", "enable_dygraph", "enable_grad", "enabled", "global_var", "grad", "guard", "in_to_static_mode", "is_grad_enabled",
    "no_grad", "no_grad_",
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


def in_to_static_mode() -> bool:
    """Whether a function is being traced by `to_static`."""
    return context.recorder is not None and context.recorder.tracing


class _GlobalVar:
    """What Paddle keeps in variables of a module. Setting it changes nothing: a trace that fails leaves no mode behind."""

    @property
    def _in_to_static_mode_(self) -> bool:
        return in_to_static_mode()

    @_in_to_static_mode_.setter
    def _in_to_static_mode_(self, value: bool) -> None:
        pass


global_var = _GlobalVar()
