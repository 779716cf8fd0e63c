"""A module that passes for CuPy: the stand-in arrays, which NumPy refuses, with one device and CuPy's random numbers.

With it the whole way to a GPU and back can be walked where there is none: whatever hands an array of the device to NumPy
fails, as it would with CuPy.
"""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from tests.ops import standin

# what cupy.random.Generator has of numpy.random.Generator
_DRAWS = {"beta", "binomial", "exponential", "gamma", "integers", "poisson", "random", "standard_exponential",
          "standard_gamma", "standard_normal", "uniform"}  # fmt: skip


class _Generator:
    def __init__(self, seed: int | None = None) -> None:
        self._inner = np.random.default_rng(seed)

    def __getattr__(self, name: str) -> Any:
        if name not in _DRAWS:
            raise AttributeError(f"cupy.random.Generator has no {name}")
        return standin.wrap(getattr(self._inner, name))


class _Device:
    def __init__(self, number: int) -> None:
        self.id = number

    def use(self) -> None:
        pass


class _Module(types.ModuleType):
    ndarray = standin.ndarray
    asarray = staticmethod(standin.asarray)
    array = staticmethod(standin.asarray)
    asnumpy = staticmethod(standin.asnumpy)
    random = types.SimpleNamespace(default_rng=_Generator)
    cuda = types.SimpleNamespace(Device=_Device, runtime=types.SimpleNamespace(getDeviceCount=lambda: 1))

    def __getattr__(self, name: str) -> Any:
        return getattr(standin, name)


def module() -> types.ModuleType:
    """To be put into ``sys.modules["cupy"]``."""
    standin.ndarray.device = _Device(0)  # type: ignore[attr-defined]
    return _Module("cupy")
