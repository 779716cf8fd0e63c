"""``paddle.utils.dlpack``: tensors from and for other libraries, without a copy."""
from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from ..core.tensor import Tensor, isinstance_strict, make_tensor
from ..dtypes import from_numpy
from ..errors import WrongTypeError

__all__ = ["from_dlpack", "to_dlpack"]


class _Capsule:
    """A DLPack capsule made the old way, in the form today's protocol asks for."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        """Kind and number of the device, which the capsule's structure says behind the pointer to the data."""
        pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
        pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
        start = pointer_of(self.capsule, b"dltensor")  # ValueError for a capsule that was used before
        kind, number = (ctypes.c_int32 * 2).from_address(start + ctypes.sizeof(ctypes.c_void_p))
        return kind, number


def to_dlpack(x: Any) -> Any:
    """The DLPack capsule of a Tensor; memory is shared. TypeError for anything else."""
    if not isinstance_strict(x, Tensor):
        raise WrongTypeError(f"to_dlpack takes a Tensor, got {type(x).__name__}")
    return x.detach().__dlpack__()


def from_dlpack(dlpack: Any) -> Any:
    """A Tensor around the memory of a DLPack capsule or of an object with ``__dlpack__``. TypeError for anything else."""
    if type(dlpack).__name__ == "PyCapsule":
        dlpack = _Capsule(dlpack)
    if not hasattr(dlpack, "__dlpack__"):
        raise WrongTypeError(f"from_dlpack takes a DLPack capsule or an object with __dlpack__, got {type(dlpack).__name__}")
    if dlpack.__dlpack_device__()[0] == 2:
        try:
            import cupy
        except ImportError:
            raise WrongTypeError("from_dlpack: the data is on a GPU, which needs CuPy (pip install 'minipaddle[gpu]')") from None
        array = cupy.from_dlpack(dlpack)
    else:
        array = np.from_dlpack(dlpack)
        if not array.flags.writeable:
            array = array.copy()
    from_numpy(array.dtype)
    return make_tensor(array)
