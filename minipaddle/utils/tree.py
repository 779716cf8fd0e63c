"""Nested lists, tuples and dicts: take the leaves out, put them back."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["flatten", "leaves", "map_structure", "map_together", "ordered", "pack", "structure"]


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


def map_together(function: Callable[..., Any], first: Any, *others: Any) -> Any:
    """`map_structure` over several values of one structure. ValueError when their structures differ."""
    for other in others:
        if structure(other) != structure(first):
            raise ValueError(f"the structures differ: {structure(first)} and {structure(other)}")
    columns = zip(flatten(first), *map(flatten, others), strict=True)
    return pack(first, [function(*column) for column in columns])


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
