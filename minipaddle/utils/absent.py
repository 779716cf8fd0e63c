"""Names that Paddle has and minipaddle has not: an AttributeError that says so and names the nearest thing there is."""
from __future__ import annotations

import difflib
import sys
from importlib import resources

__all__ = ["absent", "paddle_names"]

_table: dict[str, frozenset[str]] = {}


def paddle_names() -> dict[str, frozenset[str]]:
    """Namespace (``paddle.nn``) -> its public names in Paddle 2.6.2."""
    if not _table:
        text = resources.files(__package__).joinpath("paddle_names.txt").read_text("utf-8")
        for line in text.splitlines():
            if not line.startswith("#"):
                space, _, names = line.partition(":")
                _table[space] = frozenset(names.split())
    return _table


def absent(module: str, name: str) -> AttributeError:
    """The error for ``<module>.<name>``; `module` is minipaddle's own ``__name__``."""
    space = ".".join(["paddle", *module.split(".")[1:]])
    if name.startswith("__"):
        return AttributeError(f"module {space!r} has no attribute {name!r}")
    owner = sys.modules.get(module)
    there = [n for n in dir(owner) if not n.startswith("_")]
    near = difflib.get_close_matches(name, there, 3, 0.7)
    known = paddle_names()
    elsewhere = sorted(s for s, names in known.items() if name in names and s != space and s.islower())
    message = f"module {space!r} has no attribute {name!r}"
    if name in known.get(space, ()):
        message += ": Paddle 2.6 has it, minipaddle has not (docs/absent.md lists all such names)"
    elif elsewhere:
        message += f"; it is in {' and '.join(elsewhere[:2])}"
    if near:
        message += f"; the nearest here: {', '.join(near)}"
    return AttributeError(message, name=name, obj=owner)
