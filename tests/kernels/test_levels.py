"""The switch, the build without extension, and the lower instruction set levels, each in a process of its own."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from minipaddle import flags
from minipaddle.backend import kernels

ROOT = pathlib.Path(__file__).parents[2]
LEVELS = ["base", "avx2", "avx512"]


@pytest.mark.parametrize("level", LEVELS[:2])
def test_lower_level(kernel, level):
    if os.environ.get("MINIPADDLE_KERNELS_ISA"):
        pytest.skip("already running at a chosen level")
    if LEVELS.index(kernels.isa()) <= LEVELS.index(level):
        pytest.skip(f"this processor runs the other tests at level {kernels.isa()!r}")
    files = ["test_optim.py", "test_last_axis.py", "test_conv_pool.py", "test_rnn.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/kernels/{name}" for name in files)],
        cwd=ROOT, env={**os.environ, "MINIPADDLE_KERNELS_ISA": level}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]


def test_switch(kernel):
    with flags.scoped(kernels=False):
        assert kernels.lookup("softmax") is None
        assert not kernels.available()
    assert kernels.lookup("softmax") is not None
    assert kernels.lookup("no such kernel") is None


@pytest.mark.parametrize("reason", ["switched off", "not built"])
def test_without_extension(reason):
    prepare = "import sys; sys.modules['minipaddle.kernels._cpu'] = None; " if reason == "not built" else ""
    check = (
        "from minipaddle.backend import kernels as k; "
        "assert k.lookup('adam') is None and not k.available(); k.BufferCache().clear(); print(k.isa())"
    )
    env = {**os.environ, "MINIPADDLE_KERNELS": "0" if reason == "switched off" else "1"}
    done = subprocess.run(
        [sys.executable, "-c", prepare + check], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    if reason == "not built":
        assert done.stdout.strip() == "none"
