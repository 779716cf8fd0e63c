"""Skips the kernel tests, with the reason, where the extension is not built or switched off."""

from __future__ import annotations

import pytest

from minipaddle.backend import kernels


@pytest.fixture
def kernel():
    """kernel("name") looks a kernel up; skips the test if there are none."""
    if not kernels.available():
        pytest.skip("the C extension is not built (no compiler?) or MINIPADDLE_KERNELS=0")

    def lookup(name):
        found = kernels.lookup(name)
        assert found is not None, f"no kernel {name!r}"
        return found

    return lookup
