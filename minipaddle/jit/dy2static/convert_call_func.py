"""What is called in place of a function inside of traced code, and how a function says that it stays ordinary Python."""
from __future__ import annotations

from ..api import CONVERSION_OPTIONS, ConversionOptions
from ..convert import call as convert_call

__all__ = ["CONVERSION_OPTIONS", "ConversionOptions", "convert_call"]
