"""``utils.environments``: environment variables with a type and a default."""
from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = [
    "BooleanEnvironmentVariable", "EnvironmentVariable", "EnvironmentVariableGuard", "IntegerEnvironmentVariable",
    "StringEnvironmentVariable", "StringListEnvironmentVariable",
]  # fmt: skip

T = TypeVar("T")


class EnvironmentVariable(Generic[T]):
    """One variable: `get`, `set` and `delete` it; `default` is what it is when it is not set."""

    def __init__(self, name: str, default: T) -> None:
        self.name, self.default = name, default

    def get(self) -> T:
        """Its value."""
        text = os.environ.get(self.name)
        return self.default if text is None else self.parse(text)

    def set(self, value: T) -> None:
        """Set it."""
        os.environ[self.name] = self.text(value)

    def delete(self) -> None:
        """Take it away."""
        os.environ.pop(self.name, None)

    def parse(self, text: str) -> T:
        """The value that a text stands for."""
        raise NotImplementedError(f"{type(self).__name__} does not define parse(text)")

    def text(self, value: T) -> str:
        """The text for a value."""
        return str(value)

    def __repr__(self) -> str:
        return f"Env({self.name}={self.get()!r})"


class StringEnvironmentVariable(EnvironmentVariable[str]):
    """A text."""

    def parse(self, text: str) -> str:
        return text

    def text(self, value: str) -> str:
        assert isinstance(value, str), f"{self.name} takes a str, got {type(value).__name__}"
        return value


class BooleanEnvironmentVariable(EnvironmentVariable[bool]):
    """True for 1, y, yes, t, true and on, in any case."""

    def parse(self, text: str) -> bool:
        return text.lower() in ("1", "y", "yes", "t", "true", "on")

    def text(self, value: bool) -> str:
        assert isinstance(value, bool), f"{self.name} takes a bool, got {type(value).__name__}"
        return str(value).lower()

    def __bool__(self) -> bool:
        raise ValueError(f"the variable itself is no bool; use {self.name}.get()")


class IntegerEnvironmentVariable(EnvironmentVariable[int]):
    """An integer."""

    def parse(self, text: str) -> int:
        return int(text)

    def text(self, value: int) -> str:
        assert isinstance(value, int) and not isinstance(value, bool), f"{self.name} takes an int, got {type(value).__name__}"
        return str(value)


class StringListEnvironmentVariable(EnvironmentVariable[list[str]]):
    """Texts with commas between them."""

    def parse(self, text: str) -> list[str]:
        return text.split(",")

    def text(self, value: list[str]) -> str:
        assert isinstance(value, list) and all(isinstance(v, str) for v in value), f"{self.name} takes a list of str"
        return ",".join(value)


@contextlib.contextmanager
def EnvironmentVariableGuard(variable: EnvironmentVariable[T], value: T) -> Iterator[None]:
    """Set a variable inside of the ``with`` block."""
    old = os.environ.get(variable.name)
    variable.set(value)
    try:
        yield
    finally:
        if old is None:
            variable.delete()
        else:
            os.environ[variable.name] = old
