"""Switching the tape off and on."""
from __future__ import annotations

import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any

from .context import context

__all__ = ["enable_grad", "is_grad_enabled", "no_grad", "set_grad_enabled"]


class _GradMode:
    """A ``with`` block or decorator under which gradients are (or are not) recorded."""

    mode = False

    def __init__(self, func: Callable[..., Any] | None = None) -> None:
        self._old: list[bool] = []

    def __new__(cls, func: Callable[..., Any] | None = None) -> Any:
        self = super().__new__(cls)
        if func is None:
            return self
        self.__init__()  # type: ignore[misc]
        return self(func)  # used as @no_grad without parentheses

    def __enter__(self) -> _GradMode:
        self._old.append(context.grad_enabled)
        context.grad_enabled = self.mode
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        context.grad_enabled = self._old.pop()

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with type(self)():
                return func(*args, **kwargs)

        return wrapped


class no_grad(_GradMode):
    """Record nothing for gradients: ``with paddle.no_grad():`` or ``@paddle.no_grad()``."""


class enable_grad(_GradMode):
    """Record again inside a `no_grad` block."""

    mode = True


class set_grad_enabled(_GradMode):
    """Record gradients or not, at once and as a ``with`` block."""

    def __new__(cls, mode: bool) -> Any:
        return object.__new__(cls)

    def __init__(self, mode: bool) -> None:
        self._old = [context.grad_enabled]
        self.mode = bool(mode)
        context.grad_enabled = self.mode

    def __enter__(self) -> _GradMode:
        return self


def is_grad_enabled() -> bool:
    """Whether operators are recorded for gradients now."""
    return context.grad_enabled
