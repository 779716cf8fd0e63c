"""See `jit.dy2static.convert_call_func`."""
from __future__ import annotations

from ....jit.dy2static.convert_call_func import CONVERSION_OPTIONS, ConversionOptions, convert_call

__all__ = ["CONVERSION_OPTIONS", "ConversionOptions", "convert_call"]
