"""What every test needs: reference data where a test reads it (skipped otherwise), and the same random numbers each time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from minipaddle.backend import rng

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if SHARED.is_dir():
        return
    skip = pytest.mark.skip(reason="needs the reference data beside the checkout (../shared)")
    for item in items:
        if item.get_closest_marker("shared"):
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def repeatable(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test draws the same random numbers each time; tests/io is about what happens without a seed."""
    if "io" in request.path.parts:
        yield
        return
    numbers = np.random.get_state()
    np.random.seed(0)
    rng.default_generator.manual_seed(0)
    yield
    rng.default_generator._seeded = False
    np.random.set_state(numbers)
