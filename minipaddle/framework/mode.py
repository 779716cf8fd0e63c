"""Which mode functions work in, under the names Paddle gives the questions."""
from __future__ import annotations

from ..static.program import in_dynamic_mode

__all__ = ["in_dygraph_mode", "in_dynamic_mode", "in_dynamic_or_pir_mode", "in_pir_mode", "use_pir_api"]


def in_pir_mode() -> bool:
    """Never: Programs have one form here."""
    return False


use_pir_api = in_pir_mode
in_dygraph_mode = in_dynamic_or_pir_mode = in_dynamic_mode
