"""NumPy's floating-point warnings, off while operators run: in Paddle inf and nan are plain results.

`quiet()` returns what `restore` takes back. Setting the state directly takes a tenth of the time of `numpy.errstate`, which
would be a good part of a small operator's.
"""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

__all__ = ["quiet", "quietly", "restore"]

F = TypeVar("F", bound=Callable[..., Any])

quiet: Callable[[], Any]
restore: Callable[[Any], None]

try:  # NumPy 2: a context variable
    from numpy._core.umath import _extobj_contextvar, _make_extobj  # type: ignore[attr-defined]

    quiet = functools.partial(_extobj_contextvar.set, _make_extobj(all="ignore"))
    restore = _extobj_contextvar.reset
except ImportError:

    def quiet() -> Any:
        return np.seterr(all="ignore")

    def restore(token: Any) -> None:
        np.seterr(**token)


def quietly(function: F) -> F:
    """`function` with the warnings off while it runs."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        token = quiet()
        try:
            return function(*args, **kwargs)
        finally:
            restore(token)

    return run  # type: ignore[return-value]
