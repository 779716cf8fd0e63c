"""``paddle.device``: choosing where tensors live."""
from __future__ import annotations

from .backend import xp as backend
from .backend.place import CPUPlace, CUDAPinnedPlace, CUDAPlace, Place

__all__ = [
    "CPUPlace",
    "CUDAPinnedPlace",
    "CUDAPlace",
    "cuda",
    "get_all_device_type",
    "get_available_device",
    "get_device",
    "is_compiled_with_cuda",
    "is_compiled_with_rocm",
    "is_compiled_with_xpu",
    "set_device",
    "synchronize",
]


def set_device(device: str | Place) -> Place:
    """Choose the device for new tensors: "cpu", "gpu" or "gpu:<number>".

    ValueError for an unknown name, ImportError without CuPy, RuntimeError without a GPU.
    """
    return backend.set_device(device)


def get_device() -> str:
    """Name of the current device: "cpu" or "gpu:<number>"."""
    place = backend.current_place()
    return "cpu" if place.kind == "cpu" else f"gpu:{place.get_device_id()}"


def _gpu_count() -> int:
    try:
        return int(backend._cupy().cuda.runtime.getDeviceCount())
    except (ImportError, RuntimeError):
        return 0


def is_compiled_with_cuda() -> bool:
    """Whether a GPU can be used here: CuPy is installed and finds one."""
    return _gpu_count() > 0


def is_compiled_with_rocm() -> bool:
    """Never."""
    return False


def is_compiled_with_xpu() -> bool:
    """Never."""
    return False


def get_all_device_type() -> list[str]:
    """Kinds of devices there are."""
    return ["cpu", "gpu"] if _gpu_count() else ["cpu"]


def get_available_device() -> list[str]:
    """Names of all devices."""
    return ["cpu", *(f"gpu:{i}" for i in range(_gpu_count()))]


def synchronize(device: str | Place | None = None) -> None:
    """Wait until the GPU is done; nothing to do on the CPU."""
    place = backend.current_place() if device is None else backend.parse(device)
    if place.kind == "gpu":
        backend.module_for(place).cuda.Device(place.get_device_id()).synchronize()


class cuda:
    """``paddle.device.cuda``."""

    @staticmethod
    def device_count() -> int:
        """Number of GPUs that can be used."""
        return _gpu_count()

    @staticmethod
    def synchronize(device: str | Place | None = None) -> None:
        """Wait until the GPU is done."""
        synchronize(device)

    @staticmethod
    def empty_cache() -> None:
        """Give unused GPU memory back."""
        if _gpu_count():
            backend._cupy().get_default_memory_pool().free_all_blocks()
