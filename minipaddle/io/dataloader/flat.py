"""Batches taken apart into arrays and structure, so that arrays can travel in shared memory."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...backend import xp as backend
from ...core.tensor import Tensor, isinstance_strict, make_tensor

__all__ = ["Place", "flatten", "restore", "to_tensors"]


class Place:
    """Stands in a structure where array number `index` was."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index

    def __reduce__(self) -> tuple[Any, ...]:
        return Place, (self.index,)


def flatten(batch: Any) -> tuple[list[np.ndarray[Any, Any]], Any]:
    """The arrays of a batch (those of Tensors too) and the same batch with a `Place` for each. Sequences become lists."""
    arrays: list[np.ndarray[Any, Any]] = []

    def walk(value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.dtype.kind != "O":
            arrays.append(value)
            return Place(len(arrays) - 1)
        if isinstance_strict(value, Tensor):
            arrays.append(backend.to_numpy(value._data))
            return Place(len(arrays) - 1)
        if isinstance(value, (str, bytes)):
            return value
        if isinstance(value, Mapping):
            return {k: walk(v) for k, v in value.items()}
        if isinstance(value, Sequence):
            return [walk(v) for v in value]
        return value

    return arrays, walk(batch)


def restore(structure: Any, arrays: Sequence[Any]) -> Any:
    """The opposite of `flatten`."""
    kind = type(structure)
    if kind is Place:
        return arrays[structure.index]
    if kind is list:
        return [restore(v, arrays) for v in structure]
    if kind is dict:
        return {k: restore(v, arrays) for k, v in structure.items()}
    return structure


def to_tensors(value: Any, move: Callable[[Any], Any] | None) -> Any:
    """A batch with Tensors (stop_gradient True) for its arrays and lists for its sequences; the rest stays as it is.

    move: brings an array to the device of the loader, None if it stays in CPU memory.
    """
    kind = type(value)
    if kind is list or kind is tuple:
        return [to_tensors(v, move) for v in value]
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "OUSMm":
            return value  # no Tensor has such elements
        return make_tensor(value if move is None else move(value))
    if isinstance_strict(value, Tensor):
        if move is not None:
            return make_tensor(move(value._data))
        return value if value._stop_gradient else make_tensor(value._data)
    if isinstance(value, (str, bytes)):
        return value
    if isinstance(value, Mapping):
        return {k: to_tensors(v, move) for k, v in value.items()}
    if isinstance(value, Sequence):
        return [to_tensors(v, move) for v in value]
    return value
