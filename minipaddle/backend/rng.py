"""Random numbers: one seeded generator for the CPU and one for each GPU, reproducible after `seed`."""
from __future__ import annotations

import os
from typing import Any

import numpy as np

from . import xp
from .place import CUDAPlace

__all__ = [
    "Generator", "default_generator", "derive_seed", "get_gpu_states", "get_state", "numpy_generator", "random", "seed",
    "set_state",
]  # fmt: skip


class Generator:
    """The random state of the process. `initial_seed()` is what `paddle.seed` set (or a random number)."""

    def __init__(self) -> None:
        self._seed = int.from_bytes(os.urandom(4), "little")
        self._seeded = False
        self._made: dict[tuple[str, int], Any] = {}
        self._spawned = 0

    def manual_seed(self, value: int) -> Generator:
        """Start over from `value`; returns the generator."""
        self._seed, self._seeded = int(value), True
        self._made.clear()
        self._spawned = 0
        return self

    def initial_seed(self) -> int:
        """The seed in force."""
        return self._seed

    def get_state(self) -> list[dict[str, Any]]:
        """The state of the CPU generator, for `set_state`."""
        return [dict(self.of(np).bit_generator.state)]

    def set_state(self, state: list[dict[str, Any]]) -> None:
        """Put back what `get_state` gave."""
        self.of(np).bit_generator.state = state[0]

    def random(self) -> int:
        """A random number, an int below 2**32; the CPU generator moves on."""
        return int(self.of(np).integers(0, 2**32))

    def seed(self) -> int:
        """Start over from a random seed, and tell it."""
        value = int.from_bytes(os.urandom(4), "little")
        self.manual_seed(value)
        return value

    def of(self, module: Any) -> Any:
        """The generator object of an array module (`numpy.random.Generator`, or CuPy's of the current GPU)."""
        # one for each GPU; asking NumPy for what it has not is slow
        key = (module.__name__, module.cuda.Device().id if module is not np and hasattr(module, "cuda") else -1)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = module.random.default_rng(self._seed)
        return found

    def derive_seed(self) -> int:
        """A new seed for somebody else (a data worker); the sequence repeats after `manual_seed`."""
        self._spawned += 1
        sequence = np.random.SeedSequence([self._seed & 0xFFFFFFFFFFFFFFFF, self._spawned])
        return int(sequence.generate_state(1, np.uint64)[0])


default_generator = Generator()


def seed(seed: int) -> Generator:
    """Make random numbers repeat: everything random in minipaddle starts over from `seed`."""
    return default_generator.manual_seed(seed)


def random(module: Any) -> Any:
    """The generator that operators draw from, for arrays of `module`."""
    return default_generator.of(module)


def numpy_generator() -> np.random.Generator:
    """The CPU generator."""
    return default_generator.of(np)


def derive_seed() -> int:
    """A fresh seed for a data worker."""
    return default_generator.derive_seed()


def get_state() -> list[dict[str, Any]]:
    """The states of the generators of the CPU and of the GPUs in use, for `set_state`."""
    default_generator.of(xp.current())  # it may be about to be made
    return [dict(numpy_generator().bit_generator.state), *get_gpu_states()]


def get_gpu_states() -> list[dict[str, Any]]:
    """The states of the generators of the GPUs in use, each with the number of its GPU, as CPU arrays."""
    gpus = {device: made for (_, device), made in default_generator._made.items() if device >= 0}
    return [{"gpu": device, "state": xp.to_numpy(_memory(gpus[device])).copy()} for device in sorted(gpus)]


def _memory(generator: Any) -> Any:
    """The array of CuPy that holds a generator's state; CuPy has no public way to it."""
    return generator.bit_generator._state


def set_state(state: list[dict[str, Any]]) -> None:
    """Put back what `get_state` or `get_gpu_states` gave."""
    for one in state:
        if "gpu" not in one:
            numpy_generator().bit_generator.state = one
            continue
        place = CUDAPlace(one["gpu"])
        with xp.on(place):
            module = xp.module_for(place)
            _memory(default_generator.of(module))[...] = module.asarray(one["state"])


