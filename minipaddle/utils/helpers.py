"""Decorators and checks for packages that build on this one: ``paddle.utils.deprecated``, ``require_version``, ``try_import``."""
from __future__ import annotations

import functools
import importlib
import re
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

from .. import version

__all__ = ["deprecated", "require_version", "try_import"]

F = TypeVar("F", bound=Callable[..., Any])


def deprecated(update_to: str = "", since: str = "", reason: str = "", level: int = 0) -> Callable[[F], F]:
    """Decorator: calls give a DeprecationWarning that names the function to use instead; level 2: a RuntimeError."""

    def decorate(function: F) -> F:
        text = f'API "{function.__module__}.{function.__name__}" is deprecated'
        text += f" since {since}" if since else ""
        text += f', and will be removed in future versions. Please use "{update_to}" instead.' if update_to else "."
        text += f" Reason: {reason}" if reason else ""

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if level == 2:
                raise RuntimeError(text)
            if level == 0:
                warnings.warn(text, DeprecationWarning, stacklevel=2)
            return function(*args, **kwargs)

        wrapper.__doc__ = f"Warning:\n    {text}\n\n{function.__doc__ or ''}"
        return wrapper  # type: ignore[return-value]

    return decorate


def _parts(text: Any, name: str) -> tuple[int, ...]:
    if not isinstance(text, str):
        raise TypeError(f"require_version: {name} must be a str such as '2.6.0', got {type(text).__name__}")
    if not re.fullmatch(r"\d+(\.\d+){0,3}", text):
        raise ValueError(f"require_version: {name} must look like '2', '2.6' or '2.6.0', got {text!r}")
    found = tuple(int(n) for n in text.split("."))
    return (*found, *(0,) * (4 - len(found)))


def require_version(min_version: str, max_version: str | None = None) -> None:
    """Exception unless the interface's release is at least `min_version` and at most `max_version`.

    TypeError for arguments that are no text, ValueError for text of another form.
    """
    least = _parts(min_version, "min_version")
    most = None if max_version is None else _parts(max_version, "max_version")
    own = _parts(version.full_version, "the version")
    if own < least or (most is not None and own > most):
        wanted = f">= {min_version}" + ("" if max_version is None else f" and <= {max_version}")
        raise Exception(f"VersionError: the installed version {version.full_version} does not fit; required is {wanted}")


def try_import(module_name: str, err_msg: str | None = None) -> ModuleType:
    """A module by its full name. ImportError, with `err_msg` if given, when it is not installed."""
    try:
        return importlib.import_module(module_name)
    except ImportError:
        text = err_msg or f"Failed importing {module_name}; install the package that holds it, usually with pip install {module_name}"
        raise ImportError(text) from None
