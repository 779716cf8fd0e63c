"""What every test needs: those that read the reference data are skipped where it does not lie beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if SHARED.is_dir():
        return
    skip = pytest.mark.skip(reason="needs the reference data beside the checkout (../shared)")
    for item in items:
        if item.get_closest_marker("shared"):
            item.add_marker(skip)
