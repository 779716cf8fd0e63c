"""``utils.layers_utils``: nested structures, under the name of Paddle's module."""
from __future__ import annotations

from .tree import assert_same_structure, flatten, is_sequence, pack_sequence_as
from .tree import map_structures as map_structure

__all__ = ["assert_same_structure", "flatten", "is_sequence", "map_structure", "pack_sequence_as", "to_sequence"]


def to_sequence(nest: object) -> list[object]:
    """A list, tuple or dict as it is, anything else as a list of one."""
    return nest if is_sequence(nest) else [nest]  # type: ignore[return-value]
