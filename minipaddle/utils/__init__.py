"""Helpers without a layer of their own."""
from __future__ import annotations

from types import ModuleType

from . import absent, tree, unique_name
from .helpers import deprecated, require_version, try_import
from .tree import assert_same_structure, flatten, is_sequence, pack_sequence_as
from .tree import map_structures as map_structure

__all__ = [
    "absent", "assert_same_structure", "deprecated", "flatten", "is_sequence", "map_structure", "pack_sequence_as", "require_version",
    "tree", "try_import", "unique_name",
]  # fmt: skip

dlpack: ModuleType  # tensors are made above this package, which puts the module here
