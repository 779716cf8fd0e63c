"""See `jit.dy2static.error`."""
from __future__ import annotations

from ....jit.dy2static.error import (
    DEFAULT_DISABLE_NEW_ERROR,
    DEFAULT_SIMPLIFY_NEW_ERROR,
    DISABLE_ERROR_ENV_NAME,
    ERROR_DATA,
    SIMPLIFY_ERROR_ENV_NAME,
    Dy2StKeyError,
    ErrorData,
)

__all__ = [
    "DEFAULT_DISABLE_NEW_ERROR", "DEFAULT_SIMPLIFY_NEW_ERROR", "DISABLE_ERROR_ENV_NAME", "Dy2StKeyError", "ERROR_DATA",
    "ErrorData", "SIMPLIFY_ERROR_ENV_NAME",
]  # fmt: skip
