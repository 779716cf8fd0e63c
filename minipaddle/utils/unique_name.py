"""Names that count up: ``linear_0``, ``linear_1``, ``linear_0.w_0``."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["generate", "guard", "switch"]


class UniqueNameGenerator:
    """A counter per key, with an optional prefix before every name."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.ids: dict[str, int] = {}

    def __call__(self, key: str) -> str:
        number = self.ids.get(key, 0)
        self.ids[key] = number + 1
        return f"{self.prefix}{key}_{number}"


_current = UniqueNameGenerator()


def generate(key: str) -> str:
    """The next name for `key`: ``key_0``, ``key_1`` and so on."""
    return _current(key)


def switch(new_generator: UniqueNameGenerator | None = None, new_para_name_checker: object = None) -> UniqueNameGenerator:
    """Make another generator (a fresh one unless given) the current one; returns the old one.

    new_para_name_checker: taken for Paddle's sake; names are told apart by their generator alone.
    """
    global _current
    old, _current = _current, UniqueNameGenerator() if new_generator is None else new_generator
    return old


@contextmanager
def guard(new_generator: str | bytes | UniqueNameGenerator | None = None) -> Iterator[None]:
    """Count from zero inside a ``with`` block; a string is put before every name."""
    if isinstance(new_generator, bytes):
        new_generator = new_generator.decode()
    if isinstance(new_generator, str):
        new_generator = UniqueNameGenerator(new_generator)
    old = switch(new_generator)
    try:
        yield
    finally:
        switch(old)
