"""Names about errors of traced functions."""
from __future__ import annotations

from ..error_report import ERROR_DATA, ErrorData

__all__ = [
    "DEFAULT_DISABLE_NEW_ERROR", "DEFAULT_SIMPLIFY_NEW_ERROR", "DISABLE_ERROR_ENV_NAME", "Dy2StKeyError", "ERROR_DATA", "ErrorData",
    "SIMPLIFY_ERROR_ENV_NAME",
]  # fmt: skip

#: Environment variable that leaves errors as they were raised when it is set to 1.
DISABLE_ERROR_ENV_NAME = "TRANSLATOR_DISABLE_NEW_ERROR"
DEFAULT_DISABLE_NEW_ERROR = 0
#: Paddle's variable for the frames inside of the framework; ours is MINIPADDLE_FULL_TRACEBACK.
SIMPLIFY_ERROR_ENV_NAME = "TRANSLATOR_SIMPLIFY_NEW_ERROR"
DEFAULT_SIMPLIFY_NEW_ERROR = 1

#: A KeyError of a traced function keeps its class.
Dy2StKeyError = KeyError
