"""Helpers without a layer of their own."""
from __future__ import annotations

from types import ModuleType

from . import absent, tree, unique_name

__all__ = ["absent", "tree", "unique_name"]

dlpack: ModuleType  # tensors are made above this package, which puts the module here
