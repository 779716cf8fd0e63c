"""LoDTensor: a tensor that is made empty and filled later, and lists of such."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import xp as backend
from .scope import ScopeTensor
from .tensor import Tensor, TensorMeta

__all__ = ["LoDTensor", "LoDTensorArray", "made_lod_tensor"]


class Shape(list):  # type: ignore[type-arg]
    """Dimensions: a list, which may also be called, as in 1.x."""

    def __call__(self) -> list[int]:
        return list(self)


class _LoDTensorMeta(TensorMeta):
    """`isinstance(handle, LoDTensor)` holds for the tensors of a scope's variables, which have the same methods."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return type(instance) is ScopeTensor or super().__instancecheck__(instance)


class LoDTensor(Tensor, metaclass=_LoDTensorMeta):
    """A tensor made empty and filled by `set`, as in 1.x: ``t = LoDTensor(); t.set(array, place); t.set_lod([[0, 2, 5]])``."""

    __slots__ = ()

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        """Dimensions; ``t.shape`` and ``t.shape()`` both give them."""
        return Shape(self._data.shape)

    def set(self, array: Any, place: Any = None) -> None:
        """Take a copy of `array`, on the device `place`. The lod stays."""
        self._replace(backend.to_place(np.array(array), place))

    def _dtype(self) -> Any:
        return self.dtype

    def _is_initialized(self) -> bool:
        return bool(self._data.size)


def made_lod_tensor(array: Any) -> LoDTensor:
    """A LoDTensor around an array that nobody else holds."""
    made: LoDTensor = LoDTensor.__new__(LoDTensor)
    made._data, made._stop_gradient, made._edge, made._version, made._extra = array, True, None, [0], None
    return made


class LoDTensorArray(list):  # type: ignore[type-arg]
    """A list of LoDTensors."""
