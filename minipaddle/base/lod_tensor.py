"""``base.lod_tensor``."""
from __future__ import annotations

from ..fluid.lod_tensor import create_lod_tensor, create_random_int_lodtensor

__all__ = ["create_lod_tensor", "create_random_int_lodtensor"]
