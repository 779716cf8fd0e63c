"""Helpers without a layer of their own."""
from __future__ import annotations

from types import ModuleType

from . import absent, tree, unique_name
from .tree import flatten
from .tree import map_together as map_structure
from .tree import pack as pack_sequence_as

__all__ = ["absent", "flatten", "map_structure", "pack_sequence_as", "tree", "unique_name"]

dlpack: ModuleType  # tensors are made above this package, which puts the module here
