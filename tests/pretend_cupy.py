"""A module that passes for CuPy: the stand-in arrays, which NumPy refuses, with one device and CuPy's random numbers.

With it the whole way to a GPU and back can be walked where there is none: whatever hands an array of the device to NumPy
fails, as it would with CuPy.
"""

from __future__ import annotations

import pickle
import types
from typing import Any

import numpy as np

from tests.ops import standin

# what cupy.random.Generator has of numpy.random.Generator
DRAWS = {"beta", "binomial", "exponential", "gamma", "integers", "poisson", "random", "standard_exponential",
          "standard_gamma", "standard_normal", "uniform"}  # fmt: skip


class _Generator:
    def __init__(self, seed: int | None = None) -> None:
        self._inner = np.random.default_rng(seed)
        self.bit_generator = types.SimpleNamespace(_state=_State(self._inner))

    def __getattr__(self, name: str) -> Any:
        if name not in DRAWS:
            raise AttributeError(f"cupy.random.Generator has no {name}")
        return standin.wrap(getattr(self._inner, name))


class _State(standin.ndarray):
    """The array with the state of a generator."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator

    @property
    def _a(self) -> Any:  # type: ignore[override]
        return np.frombuffer(pickle.dumps(self._generator.bit_generator.state), np.int8)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._generator.bit_generator.state = pickle.loads(standin.asnumpy(value).tobytes())


class _Device:
    def __init__(self, number: int = 0) -> None:
        self.id = number

    def use(self) -> None:
        pass

    def synchronize(self) -> None:
        pass

    def __enter__(self) -> _Device:
        return self

    def __exit__(self, *_: Any) -> None:
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
