"""Nested lists, tuples and dicts: take the leaves out, put them back."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = [
    "assert_same_structure", "flatten", "is_sequence", "leaves", "map_structure", "map_structures", "ordered", "pack",
    "pack_sequence_as", "structure",
]  # fmt: skip


def leaves(value: Any) -> Iterator[Any]:
    """The leaves of nested lists, tuples and dicts, depth first; dict entries in sorted key order as Paddle does."""
    if isinstance(value, dict):
        for key in ordered(value):
            yield from leaves(value[key])
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def flatten(value: Any) -> list[Any]:
    """The leaves as a list."""
    return list(leaves(value))


def map_structure(function: Callable[[Any], Any], value: Any) -> Any:
    """The same structure with `function` applied to each leaf, leaves visited in the order of `leaves`."""
    if isinstance(value, dict):
        done = {key: map_structure(function, value[key]) for key in ordered(value)}
        return type(value)((key, done[key]) for key in value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(map_structure(function, item) for item in value))
    if isinstance(value, (list, tuple)):
        return type(value)(map_structure(function, item) for item in value)
    return function(value)


def pack(like: Any, values: list[Any]) -> Any:
    """`values` (in the order of `leaves`) put into the structure of `like`."""
    source = iter(values)
    return map_structure(lambda _: next(source), like)


def structure(value: Any) -> Any:
    """A hashable description of the structure without its leaves."""
    if isinstance(value, dict):
        return ("dict", tuple((key, structure(value[key])) for key in ordered(value)))
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, tuple(structure(item) for item in value))
    return "*"


def ordered(mapping: dict[Any, Any]) -> list[Any]:
    """The keys in the order in which leaves are visited."""
    try:
        return sorted(mapping)
    except TypeError:
        return sorted(mapping, key=str)


# --- as scripts call them: ``paddle.utils.pack_sequence_as``


def is_sequence(value: Any) -> bool:
    """Whether it is a list, a tuple or a dict."""
    return isinstance(value, (list, tuple, dict))


def pack_sequence_as(structure: Any, flat_sequence: Any) -> Any:
    """The leaves `flat_sequence` (a list or tuple; of a dict its values by sorted keys) in the form of `structure`.

    TypeError for something that is no sequence, ValueError for the wrong number of leaves.
    """
    if not is_sequence(flat_sequence):
        raise TypeError(f"pack_sequence_as: flat_sequence must be a sequence, got {type(flat_sequence).__name__}")
    values = flatten(flat_sequence) if isinstance(flat_sequence, dict) else list(flat_sequence)
    expected = sum(1 for _ in leaves(structure))
    if len(values) != expected:
        raise ValueError(f"pack_sequence_as: the structure has {expected} leaves, flat_sequence has {len(values)}")
    return pack(structure, values)


def map_structures(function: Callable[..., Any], *structures: Any) -> Any:
    """`function` of the leaves that stand in the same place of each structure, in the form of the first.

    ValueError when they have different numbers of leaves.
    """
    columns = [flatten(one) for one in structures]
    if len({len(column) for column in columns}) > 1:
        raise ValueError(f"map_structure: the structures differ, they have {', '.join(str(len(c)) for c in columns)} leaves")
    return pack(structures[0], [function(*values) for values in zip(*columns, strict=True)])


def assert_same_structure(nest1: Any, nest2: Any, check_types: bool = True) -> None:
    """ValueError unless both are nested in the same way; TypeError where `check_types` and the types of sequences differ."""
    if sum(1 for _ in leaves(nest1)) != sum(1 for _ in leaves(nest2)) or is_sequence(nest1) != is_sequence(nest2):
        raise ValueError(f"the two structures are not nested in the same way: {nest1!r} and {nest2!r}")
    if not is_sequence(nest1):
        return
    if check_types and type(nest1) is not type(nest2):
        raise TypeError(f"the two structures have sequences of different types: {type(nest1).__name__} and {type(nest2).__name__}")
    if isinstance(nest1, dict) and isinstance(nest2, dict):
        if set(nest1) != set(nest2):
            raise ValueError(f"the two dicts have different keys: {list(nest1)} and {list(nest2)}")
        pairs = [(nest1[k], nest2[k]) for k in nest1]
    else:
        pairs = list(zip(nest1, nest2, strict=False))
    for one, other in pairs:
        assert_same_structure(one, other, check_types)
