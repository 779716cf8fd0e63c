"""Settings: one table, readable from the environment (``MINIPADDLE_<NAME>``) and changeable in a ``with`` block."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["get", "scoped", "set_flags"]

_DEFAULTS: dict[str, Any] = {
    "kernels": True,  # use the compiled kernels where they exist
    "hold_memory": True,  # read at import: keep up to 128 MiB of freed arrays for the next ones
    "interpret": False,  # run Programs with the reference interpreter instead of generated code
    "passes": True,  # let the compiler rewrite Programs before it generates code
    # single passes, see compiler/pipeline.py
    "pass_drop_dead": True,
    "pass_unfold_batch_norm": True,
    "pass_scale_into_filter": True,
    "pass_drop_denormals": True,
    "pass_fuse_cross_entropy": True,
    "pass_fuse_linear": True,
    "pass_fuse_elementwise": True,
    "pass_write_in_place": True,
    "pass_update_together": True,
    "pass_hoist": True,
    "full_traceback": False,  # show minipaddle's own frames in errors of traced functions
}


def _from_environment(name: str, default: Any) -> Any:
    text = os.environ.get(f"MINIPADDLE_{name.upper()}")
    if text is None:
        return default
    return text.lower() not in ("0", "false", "off", "no", "")


_values = {name: _from_environment(name, default) for name, default in _DEFAULTS.items()}


def get(name: str) -> Any:
    """The current value of a setting; KeyError names the settings that exist."""
    try:
        return _values[name]
    except KeyError:
        raise KeyError(f"no setting {name!r}; there are {sorted(_values)}") from None


def set_flags(values: dict[str, Any]) -> None:
    """Change settings for the rest of the process."""
    for name, value in values.items():
        get(name)
        _values[name] = value


@contextmanager
def scoped(**values: Any) -> Iterator[None]:
    """Change settings inside a ``with`` block."""
    old = {name: get(name) for name in values}
    _values.update(values)
    try:
        yield
    finally:
        _values.update(old)
