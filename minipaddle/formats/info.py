"""Facts about the variables of a saved model: ``<prefix>.pdiparams.info``.

A pickle of protocol 2 of ``{variable: {"structured_name": str, "stop_gradient": bool, "trainable": bool}}``. The entry
``trainable`` is there for Parameters only, which is how a reader tells them from buffers. jit.save of Paddle 2.x
writes it.
"""

from __future__ import annotations

from typing import Any

from ..errors import FormatError
from . import safe_pickle

__all__ = ["dumps", "loads", "loads_file"]


def dumps(facts: dict[str, dict[str, Any]]) -> bytes:
    """The file's bytes for ``{variable: facts}``."""
    return safe_pickle.dumps({name: dict(entry) for name, entry in facts.items()}, protocol=2)


def loads(data: bytes, name: str = "data") -> dict[str, dict[str, Any]]:
    """``{variable: facts}`` from the file's bytes. FormatError for anything else."""
    return _checked(safe_pickle.loads(data, name), name)


def loads_file(path: str) -> dict[str, dict[str, Any]]:
    """``{variable: facts}`` of a file; errors as `loads`."""
    with open(path, "rb") as file:
        return _checked(safe_pickle.load(file, path), path)


def _checked(found: Any, name: str) -> dict[str, dict[str, Any]]:
    if not isinstance(found, dict):
        raise FormatError(f"{name}: expected a dict of variables, got {type(found).__name__}")
    for variable, entry in found.items():
        if not isinstance(variable, str) or not isinstance(entry, dict):
            raise FormatError(f"{name}: the entry of {variable!r} must be a dict, got {type(entry).__name__}")
        if not isinstance(entry.get("structured_name", ""), str):
            raise FormatError(
                f"{name}: structured_name of {variable!r} must be a str, got {type(entry['structured_name']).__name__}"
            )
    return found
