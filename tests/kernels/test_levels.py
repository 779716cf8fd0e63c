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
    files = ["test_optim.py", "test_last_axis.py", "test_conv_pool.py", "test_rnn.py", "test_rows.py"]
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


def test_held_memory(kernel):
    """The allocator can be told on glibc; elsewhere the answer is no, and nothing else changes."""
    from minipaddle.kernels import _cpu

    assert _cpu.hold_memory(1 << 25, 1 << 27) in (True, False)
    assert _cpu.hold_memory(-1, 1 << 27) is False
    with pytest.raises(TypeError):
        _cpu.hold_memory("much", 1)


def test_kernels_of_another_version_are_left_out():
    code = (
        "import sys, types, warnings; warnings.simplefilter('error')\n"
        "old = types.ModuleType('minipaddle.kernels._cpu'); sys.modules['minipaddle.kernels._cpu'] = old\n"
        "import minipaddle.kernels; minipaddle.kernels._cpu = old\n"
        "import minipaddle\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "build them again" in done.stderr, done.stderr
