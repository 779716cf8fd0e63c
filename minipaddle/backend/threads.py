"""How many threads the BLAS behind NumPy uses in this process."""
from __future__ import annotations

import sys

__all__ = ["limit_threads"]


def limit_threads(count: int) -> bool:
    """Let the OpenBLAS that NumPy loaded use `count` threads; whether one was found. Only Linux is looked at."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    try:
        with open("/proc/self/maps") as maps:
            libraries = {line.split()[-1] for line in maps if "blas" in line and ".so" in line}
    except OSError:
        return False
    for path in libraries:
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        for prefix in ("", "scipy_"):
            for suffix in ("", "64_"):
                function = getattr(library, f"{prefix}openblas_set_num_threads{suffix}", None)
                if function is not None:
                    function(ctypes.c_int(count))
                    return True
    return False
