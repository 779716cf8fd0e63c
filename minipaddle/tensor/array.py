"""Lists of Tensors that a Program may fill: ``paddle.tensor.array_write`` and its siblings."""
from __future__ import annotations

from ..core.control_flow import array_length, array_read, array_write, create_array

__all__ = ["array_length", "array_read", "array_write", "create_array"]
