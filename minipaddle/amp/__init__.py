"""``paddle.amp``: automatic mixed precision.

On a GPU operators run in float16 or bfloat16 as in Paddle. On the CPU NumPy has no fast half precision: float16 is left
alone with a warning (as in Paddle), bfloat16 is used when it is asked for and the package ml_dtypes is installed. Loss
scaling works on both.
"""

from __future__ import annotations

from .amp_lists import black_list, white_list
from .auto_cast import (
    amp_decorate,
    amp_guard,
    auto_cast,
    decorate,
    is_bfloat16_supported,
    is_float16_supported,
)
from .grad_scaler import AmpScaler, GradScaler, OptimizerState

__all__ = [
    "AmpScaler", "GradScaler", "OptimizerState", "amp_decorate", "amp_guard", "auto_cast", "black_list", "decorate",
    "is_bfloat16_supported", "is_float16_supported", "white_list",
]  # fmt: skip
