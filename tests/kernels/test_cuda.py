"""CUDA kernels against the CPU ones; the last test needs CuPy and a GPU."""

from __future__ import annotations

import numpy as np
import pytest

from minipaddle.backend import cuda_kernels, kernels
from tests.kernels.test_optim import gradients, run_adam, state


def test_source_is_found():
    assert "adam_##SUFFIX" in cuda_kernels.source("adam.cu")
    with pytest.raises(FileNotFoundError, match=r"none\.cu"):
        cuda_kernels.source("none.cu")


@pytest.mark.parametrize("architecture", ["sm_75", "sm_80", "sm_90"])
def test_source_compiles(architecture):
    """NVIDIA's compiler needs no GPU."""
    nvrtc = pytest.importorskip("cupy_backends.cuda.libs.nvrtc")
    try:
        version = nvrtc.getVersion()
    except Exception as error:
        pytest.skip(f"CuPy is here, but no NVRTC ({error})")
    assert version >= (12, 0)
    program = nvrtc.createProgram(cuda_kernels.source("adam.cu"), "adam.cu", [], [])
    try:
        nvrtc.compileProgram(program, (*cuda_kernels.OPTIONS, f"-arch={architecture}"))
        assert not nvrtc.getProgramLog(program)
        cubin = nvrtc.getCUBIN(program)
        assert all(f"adam_{name}".encode() in cubin for name in ("float32", "float64", "pow_float32", "pow_float64"))
    finally:
        nvrtc.destroyProgram(program)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_adam(kernel, dtype):
    cupy = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("no GPU")
    on_cpu, grads = state(dtype), gradients(dtype)
    on_gpu = {name: [cupy.asarray(a) for a in arrays] for name, arrays in on_cpu.items()}
    adam = kernels.lookup("adam", "gpu")
    for _ in range(3):
        assert run_adam(kernel("adam"), None, on_cpu, grads)
        assert run_adam(adam, None, on_gpu, [cupy.asarray(g) for g in grads])
    for name, arrays in on_cpu.items():
        for expected, got in zip(arrays, on_gpu[name]):
            np.testing.assert_allclose(got.get(), expected, rtol=2e-6, atol=2e-6)
