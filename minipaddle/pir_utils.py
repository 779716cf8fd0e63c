"""``paddle.pir_utils``: for scripts that try both forms of Programs Paddle 2.6 has. minipaddle has one, so they run once."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .static.program import disable_static, enable_static, in_dynamic_mode

__all__ = ["IrGuard", "test_with_pir_api"]

F = TypeVar("F", bound=Callable[..., Any])


class IrGuard:
    """Static mode inside of the ``with`` block; Programs have their one form."""

    _was_dynamic = False

    def __enter__(self) -> None:
        self._was_dynamic = in_dynamic_mode()
        enable_static()

    def __exit__(self, *exception: Any) -> None:
        if self._was_dynamic:
            disable_static()


def test_with_pir_api(func: F) -> F:
    """Decorator: the function as it is."""
    return func


test_with_pir_api.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever its name says
