"""Each test has Programs, a scope and name counters of its own, in static mode."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

import minipaddle as paddle
from minipaddle import fluid


@pytest.fixture
def static() -> Iterator[None]:
    paddle.enable_static()
    try:
        with (
            fluid.program_guard(fluid.Program(), fluid.Program()),
            fluid.scope_guard(fluid.Scope()),
            fluid.unique_name.guard(),
        ):
            yield
    finally:
        paddle.disable_static()
