"""Switching the tape off and on."""
from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
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

    def _again(self) -> _GradMode:
        return type(self)()

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(func):
            return self._generator(func)

        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return func(*args, **kwargs)

        return wrapped

    def _generator(self, func: Callable[..., Generator[Any, Any, Any]]) -> Callable[..., Generator[Any, Any, Any]]:
        """The mode holds while the generator runs, not while its caller does between two steps."""

        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            generator = func(*args, **kwargs)
            step, value = generator.send, None
            try:
                while True:
                    try:
                        with self._again():
                            result = step(value)
                    except StopIteration as end:
                        return end.value
                    try:
                        step, value = generator.send, (yield result)
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        step, value = generator.throw, error  # type: ignore[assignment]
            finally:
                with self._again():
                    generator.close()

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

    def _again(self) -> _GradMode:
        return set_grad_enabled(self.mode)

    def __enter__(self) -> _GradMode:
        return self


def is_grad_enabled() -> bool:
    """Whether operators are recorded for gradients now."""
    return context.grad_enabled
