"""InputSpec: shape, dtype and name of an input that is not there yet."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..core.recorder import spec_of
from ..core.tensor import TensorBase
from ..dtypes import DType

__all__ = ["InputSpec"]


class InputSpec:
    """What an input of a traced function looks like.

    shape: list or tuple; None and negative numbers are open dimensions (-1). dtype: default float32. name: the name of the
    input in saved files; that of the argument unless given. TypeError for a shape that is no list or tuple.
    """

    def __init__(self, shape: Sequence[int | None], dtype: Any = "float32", name: str | None = None, stop_gradient: bool = False) -> None:
        if not isinstance(shape, (list, tuple)):
            raise TypeError(f"InputSpec: shape must be a list or tuple, got {type(shape).__name__} {shape!r}")
        self.shape = tuple(self._dimension(n) for n in shape)
        self.dtype: DType = dtypes.as_dtype("float32" if dtype is None else dtype)
        self.name = name
        self.stop_gradient = stop_gradient

    @staticmethod
    def _dimension(n: Any) -> int:
        if n is None:
            return -1
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
            raise TypeError(f"InputSpec: each dimension must be an int or None, got {type(n).__name__} {n!r}")
        return int(n) if n >= 0 else -1

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> InputSpec:
        """Shape, dtype and (unless `name` is given) name of a Tensor or Variable. TypeError for anything else."""
        if not isinstance(tensor, TensorBase):
            raise TypeError(f"InputSpec.from_tensor takes a Tensor, got {type(tensor).__name__}")
        return cls(spec_of(tensor).shape, tensor.dtype, name or tensor.name, stop_gradient=tensor.stop_gradient)  # type: ignore[attr-defined]

    @classmethod
    def from_numpy(cls, ndarray: np.ndarray[Any, Any], name: str | None = None) -> InputSpec:
        """Shape and dtype of a NumPy array. TypeError for anything else."""
        if not isinstance(ndarray, (np.ndarray, np.generic)):
            raise TypeError(f"InputSpec.from_numpy takes an array, got {type(ndarray).__name__}")
        return cls(ndarray.shape, dtypes.from_numpy(ndarray.dtype), name)

    def batch(self, batch_size: int | Any) -> InputSpec:
        """Put a dimension in front; returns self. ValueError unless it is one integer."""
        if isinstance(batch_size, (list, tuple)):
            if len(batch_size) != 1:
                raise ValueError(f"InputSpec.batch: expected one batch size, got {len(batch_size)}: {batch_size}")
            batch_size = batch_size[0]
        elif isinstance(batch_size, TensorBase):
            batch_size = int(batch_size)  # type: ignore[call-overload]
        if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)):
            raise TypeError(f"InputSpec.batch: batch_size must be an int, got {type(batch_size).__name__}")
        self.shape = (self._dimension(int(batch_size)), *self.shape)
        return self

    def unbatch(self) -> InputSpec:
        """Take the first dimension away; returns self. ValueError for a scalar."""
        if not self.shape:
            raise ValueError("InputSpec.unbatch: the shape is empty already")
        self.shape = self.shape[1:]
        return self

    def __eq__(self, other: object) -> bool:
        if type(other) is not InputSpec:
            return NotImplemented
        return (self.shape, self.dtype, self.name, self.stop_gradient) == (other.shape, other.dtype, other.name, other.stop_gradient)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype, self.name, self.stop_gradient))

    def __repr__(self) -> str:
        return f"InputSpec(shape={self.shape}, dtype={self.dtype}, name={self.name}, stop_gradient={self.stop_gradient})"
