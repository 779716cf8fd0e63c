"""Comparisons, counters, and control flow."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..helper import Helper

__all__ = [
    "equal", "greater_equal", "greater_than", "increment", "is_empty", "less_equal", "less_than", "not_equal",
]  # fmt: skip


def _comparison(type: str) -> Callable[..., Any]:
    def function(x: Any, y: Any, cond: Any = None) -> Any:
        helper = Helper(type)
        out = helper(type, x, y) if cond is None else helper.into({"Out": cond}, type, x, y)
        out.stop_gradient = True
        return out

    function.__name__ = function.__qualname__ = type
    function.__doc__ = f"Operator `{type}`, bool, written into `cond` if given."
    return function


equal, not_equal = _comparison("equal"), _comparison("not_equal")
less_equal = _comparison("less_equal")
greater_than, greater_equal = _comparison("greater_than"), _comparison("greater_equal")


def less_than(x: Any, y: Any, force_cpu: bool | None = None, cond: Any = None) -> Any:
    """x < y, bool, written into `cond` if given. force_cpu: has no effect."""
    helper = Helper("less_than")
    out = helper("less_than", x, y) if cond is None else helper.into({"Out": cond}, "less_than", x, y)
    out.stop_gradient = True
    return out


def increment(x: Any, value: float = 1.0, in_place: bool = True) -> Any:
    """x + value for a tensor with one element; in_place: written over `x`."""
    helper = Helper("increment")
    return helper.into({"Out": x}, "increment", x, step=float(value)) if in_place else helper("increment", x, step=float(value))


def is_empty(x: Any, cond: Any = None) -> Any:
    """Whether `x` has no elements."""
    helper = Helper("is_empty")
    return helper("is_empty", x) if cond is None else helper.into({"Out": cond}, "is_empty", x)
