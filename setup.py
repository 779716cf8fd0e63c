"""Adds what pyproject.toml cannot say: the optional C extension and the CUDA sources.

The kernels are one extension module, `minipaddle.kernels._cpu`, made of `kernels/cpu/*.c`. It is optional: without a
compiler the build only warns, and minipaddle runs on plain NumPy.

From Python 3.11 on the extension is built against the limited API, so that one binary serves every later Python. The
buffer protocol joined the limited API in 3.11; for 3.10 (and for free-threaded builds, which have no limited API) the
same sources are built against the ordinary API of the running interpreter.
"""

from __future__ import annotations

import glob
import os
import shutil
import sys
import sysconfig

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

LIMITED_API = sys.version_info >= (3, 11) and not sysconfig.get_config_var("Py_GIL_DISABLED")
HERE = os.path.dirname(os.path.abspath(__file__))


class BuildKernels(build_ext):
    """build_ext with the options of the compiler that was found."""

    def build_extension(self, ext: Extension) -> None:
        if self.compiler.compiler_type == "msvc":
            ext.extra_compile_args = ["/O2", "/fp:precise"]
        else:
            # No -ffast-math: it would flush denormals of the whole process and break NaN. sqrt and the conversions
            # still vectorise once they may leave errno and the trap flags alone; -fopenmp-simd only enables the
            # `omp simd` annotations, it needs no run-time library.
            ext.extra_compile_args = ["-O3", "-g0", "-std=c11", "-fvisibility=hidden"]
            ext.extra_compile_args += ["-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd"]
        super().build_extension(ext)


class BuildPackage(build_py):
    """build_py that also packages `kernels/cuda/*.cu` as data of minipaddle.kernels."""

    def run(self) -> None:
        super().run()
        if getattr(self, "editable_mode", False):
            return  # the sources are found in the checkout
        target = os.path.join(self.build_lib, "minipaddle", "kernels", "cuda")
        os.makedirs(target, exist_ok=True)
        for path in glob.glob(os.path.join(HERE, "kernels", "cuda", "*.cu")):
            shutil.copy(path, target)


setup(
    ext_modules=[
        Extension(
            "minipaddle.kernels._cpu",
            sources=sorted(glob.glob("kernels/cpu/*.c")),
            depends=sorted(glob.glob("kernels/cpu/*.h")),
            define_macros=[("Py_LIMITED_API", "0x030B0000")] if LIMITED_API else [],
            py_limited_api=LIMITED_API,
            optional=True,
        )
    ],
    cmdclass={"build_ext": BuildKernels, "build_py": BuildPackage},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if LIMITED_API else {},
)
