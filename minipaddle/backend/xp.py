"""The array module: NumPy on the CPU, CuPy on a GPU, chosen by `set_device`.

CuPy is imported only when a GPU is asked for. `module_of` is what the dispatcher calls with the arrays of one
operator; as long as no GPU was ever selected it is NumPy without looking.
"""
from __future__ import annotations

import contextlib
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import MissingCupyError, NoGPUError
from .place import CPUPlace, CUDAPlace, Place

__all__ = [
    "array_module", "current", "current_place", "is_view", "module_of", "on", "place_of", "set_device", "to_module",
    "to_numpy", "to_place", "writeable",
]  # fmt: skip

_place: Place = CPUPlace()
_module: Any = np
_others: list[Any] = []  # array modules other than NumPy in use


def _cupy(number: int = 0) -> ModuleType:
    try:
        import cupy
    except ImportError:
        raise MissingCupyError("cupy", "gpu", "device 'gpu'") from None
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        raise NoGPUError(f"device 'gpu': CuPy finds no usable NVIDIA GPU ({error}); use set_device('cpu')") from None
    if count == 0:
        raise NoGPUError("device 'gpu': CuPy finds no NVIDIA GPU; use set_device('cpu')")
    if number >= count:
        raise NoGPUError(f"device 'gpu:{number}': there are {count} GPUs, numbered from 0")
    return cupy


def parse(device: str | Place) -> Place:
    """`"cpu"`, `"gpu"`, `"gpu:1"` or a Place as a Place. ValueError for anything else."""
    if isinstance(device, Place):
        return device
    if isinstance(device, str):
        name, _, number = device.lower().partition(":")
        if name == "cpu" and not number:
            return CPUPlace()
        if name in ("gpu", "cuda") and (not number or number.isdigit()):
            return CUDAPlace(int(number or 0))
    raise ValueError(f"unknown device {device!r}; expected 'cpu', 'gpu' or 'gpu:<number>'")


def module_for(place: Place) -> Any:
    """The array module of a device, imported if need be."""
    if place.kind == "cpu":
        return np
    module = _cupy(place.device_id)
    register(module)
    return module


def on(place: Place) -> contextlib.AbstractContextManager[Any]:
    """Within this, what is made for the GPU is made on the GPU of `place`; nothing changes for the CPU."""
    return contextlib.nullcontext() if place.kind == "cpu" else module_for(place).cuda.Device(place.device_id)


def register(module: Any) -> None:
    """Make the dispatcher look for arrays of another module (CuPy, or a stand-in of the tests)."""
    if module is not np and module not in _others:
        _others.append(module)


def set_device(device: str | Place) -> Place:
    """Choose where new tensors are made: "cpu", "gpu" or "gpu:<number>".

    ValueError for an unknown name; MissingExtraError without CuPy and RuntimeError without such a GPU, both of which
    are ValueErrors too.
    """
    global _place, _module
    place = parse(device)
    _module = module_for(place)
    if place.kind == "gpu":
        _module.cuda.Device(place.device_id).use()
    _place = place
    return place


def use_module(module: Any) -> None:
    """Make `module` the current array module (used by the tests with a stand-in)."""
    global _module
    register(module)
    _module = module


def current() -> Any:
    """The array module for new tensors."""
    return _module


def current_place() -> Place:
    """The device for new tensors."""
    return _place


def array_module(array: Any) -> Any:
    """The module whose array this is; NumPy for NumPy arrays, scalars and lists."""
    if _others and type(array) is not np.ndarray:
        for module in _others:
            if isinstance(array, module.ndarray):
                return module
    return np


def module_of(arrays: Any) -> Any:
    """The module for an operator over `arrays` (nested lists allowed): that of the first one, else the current one.

    ValueError when arrays of two devices meet.
    """
    if not _others:
        return np
    found = None
    for array in arrays:
        if array is None:
            continue
        module = module_of(array) if isinstance(array, (list, tuple)) else array_module(array)
        if found is None:
            found = module
        elif module is not found:
            raise ValueError(
                f"tensors on different devices meet in one operator ({found.__name__} and {module.__name__}); "
                "move them first with .cpu() or .cuda()"
            )
    return _module if found is None else found


def place_of(array: Any) -> Place:
    """The device an array lives on."""
    module = array_module(array)
    if module is np or not hasattr(module, "cuda"):
        return CPUPlace()
    return CUDAPlace(array.device.id)


def is_view(made: Any, source: Any) -> bool:
    """Whether an operator that may give a view of `source` gave one."""
    if made is source or made.base is not None:
        return True
    return type(made) is not np.ndarray and bool(array_module(made).may_share_memory(made, source))  # CuPy's as_strided


def writeable(array: Any) -> bool:
    """Whether the array may be written to: no read-only NumPy array, and no elements that are one and the same memory."""
    if type(array) is np.ndarray:
        return array.flags.writeable
    return not any(step == 0 and n > 1 for step, n in zip(array.strides, array.shape))  # CuPy has no such flag


def to_numpy(array: Any) -> np.ndarray[Any, Any]:
    """The array in CPU memory (the same object if it already is there)."""
    module = array_module(array)
    return np.asarray(array) if module is np else module.asnumpy(array)


def to_module(array: Any, module: Any) -> Any:
    """The array as an array of `module`."""
    if array_module(array) is module:
        return array
    return module.asarray(to_numpy(array)) if module is not np else to_numpy(array)


def to_place(array: Any, place: Place | str | None) -> Any:
    """The array on a device (the same object if it already is there); None: where new tensors are made."""
    if place is None:
        return to_module(array, _module)
    place = parse(place)
    if place.kind == "cpu":
        return to_numpy(array)
    module = module_for(place)
    if array_module(array) is module and array.device.id == place.device_id:
        return array
    with module.cuda.Device(place.device_id):
        return module.asarray(array)
