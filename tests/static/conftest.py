"""Static mode with fresh Programs, a fresh scope and names that count from zero."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import minipaddle as paddle
from minipaddle import static


@pytest.fixture(autouse=True)
def static_mode() -> Iterator[None]:
    paddle.enable_static()
    try:
        with (
            paddle.utils.unique_name.guard(),
            static.program_guard(static.Program(), static.Program()),
            static.scope_guard(static.Scope()),
        ):
            yield
    finally:
        paddle.disable_static()
