"""``base.layers.math_op_patch``."""
from __future__ import annotations

__all__ = ["monkey_patch_variable"]


def monkey_patch_variable() -> None:
    """Nothing to do: Variables have their operators from the beginning."""
