"""The user's function below its decorators."""
from __future__ import annotations

import inspect
from typing import Any

from ..api import StaticFunction

__all__ = ["unwrap"]


def unwrap(func: Any) -> Any:
    """The function inside of a `StaticFunction`, a method or functools.wraps decorators; others as they are."""
    while True:
        if isinstance(func, StaticFunction):
            func = func.dygraph_function
        elif inspect.ismethod(func):
            func = func.__func__
        elif hasattr(func, "__wrapped__"):
            func = func.__wrapped__
        else:
            return func
