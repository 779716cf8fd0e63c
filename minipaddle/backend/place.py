"""Devices, under Paddle's names."""
from __future__ import annotations

__all__ = ["CPUPlace", "CUDAPinnedPlace", "CUDAPlace", "Place"]


class Place:
    """A device. `kind` is "cpu" or "gpu"."""

    kind = "cpu"
    device_id = 0

    def is_cpu_place(self) -> bool:
        """Whether this is the CPU."""
        return self.kind == "cpu"

    def is_gpu_place(self) -> bool:
        """Whether this is a GPU."""
        return self.kind == "gpu"

    def is_cuda_pinned_place(self) -> bool:
        """Never: pinned memory is plain CPU memory here."""
        return False

    def get_device_id(self) -> int:
        """Number of the GPU (0 on the CPU)."""
        return self.device_id

    def gpu_device_id(self) -> int:
        """Number of the GPU (0 on the CPU)."""
        return self.device_id

    def _equals(self, other: object) -> bool:
        """Whether both are the same device."""
        return self == other

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Place):
            return NotImplemented
        return (self.kind, self.device_id) == (other.kind, other.device_id)

    def __hash__(self) -> int:
        return hash((self.kind, self.device_id))

    def __repr__(self) -> str:
        return "Place(cpu)" if self.kind == "cpu" else f"Place(gpu:{self.device_id})"

    __str__ = __repr__


class CPUPlace(Place):
    """The CPU."""


class CUDAPinnedPlace(CPUPlace):
    """Accepted for Paddle's sake; the memory is ordinary CPU memory."""


class CUDAPlace(Place):
    """An NVIDIA GPU, reached through CuPy."""

    kind = "gpu"

    def __init__(self, id: int = 0) -> None:
        self.device_id = int(id)
