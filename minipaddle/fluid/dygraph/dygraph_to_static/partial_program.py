"""See `jit.dy2static.partial_program`."""
from __future__ import annotations

from ....jit.dy2static.partial_program import PartialProgramLayer, partial_program_from

__all__ = ["PartialProgramLayer", "partial_program_from"]
