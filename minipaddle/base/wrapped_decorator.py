"""``base.wrapped_decorator``."""
from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

__all__ = ["signature_safe_contextmanager", "wrap_decorator"]

signature_safe_contextmanager = contextlib.contextmanager


def wrap_decorator(decorator: Callable[..., Any]) -> Callable[..., Any]:
    """`decorator`, with the decorated function's name and signature on what it returns."""

    def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
        return functools.wraps(function)(decorator(function))

    return wrapped
