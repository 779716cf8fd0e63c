"""Random numbers: one seeded generator per array module, reproducible after `seed`."""
from __future__ import annotations

import os
from typing import Any

import numpy as np

__all__ = ["Generator", "default_generator", "derive_seed", "get_state", "numpy_generator", "random", "seed", "set_state"]


class Generator:
    """The random state of the process. `initial_seed()` is what `paddle.seed` set (or a random number)."""

    def __init__(self) -> None:
        self._seed = int.from_bytes(os.urandom(4), "little")
        self._seeded = False
        self._made: dict[str, Any] = {}
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
        """The generator object of an array module (`numpy.random.Generator` or CuPy's)."""
        name = module.__name__
        if name not in self._made:
            self._made[name] = module.random.default_rng(self._seed)
        return self._made[name]

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
    """The CPU generator's state, for `set_state`."""
    return default_generator.get_state()


def set_state(state: list[dict[str, Any]]) -> None:
    """Put back what `get_state` gave."""
    default_generator.set_state(state)


