"""Activations and other functions of one tensor."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..helper import run

_PLAIN = (
    "abs", "acos", "asin", "atan", "ceil", "cos", "exp", "floor", "logsigmoid", "reciprocal", "round", "rsqrt", "sigmoid", "sin",
    "softplus", "softsign", "sqrt", "square", "tanh", "tanh_shrink",
)  # fmt: skip

__all__ = [*_PLAIN, "cumsum", "erf", "gelu", "hard_shrink", "softshrink", "thresholded_relu"]  # noqa: PLE0604


def _unary(type: str) -> Callable[..., Any]:
    def function(x: Any, name: str | None = None) -> Any:
        return run(type, x, name=name)

    function.__name__ = function.__qualname__ = type
    function.__doc__ = f"Operator `{type}`, element by element."
    return function


globals().update({type: _unary(type) for type in _PLAIN})


def _given(**attrs: Any) -> dict[str, Any]:
    """Those that are not None; the others keep the operator's default."""
    return {key: value for key, value in attrs.items() if value is not None}


def softshrink(x: Any, alpha: float | None = None) -> Any:
    """x - alpha above alpha (default 0.5), x + alpha below -alpha, 0 between."""
    return run("softshrink", x, **_given(**{"lambda": alpha}))


def hard_shrink(x: Any, threshold: float | None = None) -> Any:
    """x where its size is above `threshold` (default 0.5), else 0."""
    return run("hard_shrink", x, **_given(threshold=threshold))


def thresholded_relu(x: Any, threshold: float | None = None) -> Any:
    """x above `threshold` (default 1), else 0."""
    return run("thresholded_relu", x, **_given(threshold=threshold))


def cumsum(x: Any, axis: int | None = None, exclusive: bool | None = None, reverse: bool | None = None) -> Any:
    """Running sums along `axis` (default the last); exclusive: without the element itself; reverse: from the end."""
    return run("cumsum", x, **_given(axis=axis, exclusive=exclusive, reverse=reverse))


def gelu(x: Any, approximate: bool = False) -> Any:
    """x times the normal distribution function of x; approximate: by tanh."""
    return run("gelu", x, approximate=approximate)


def erf(x: Any) -> Any:
    """The error function."""
    return run("erf", x)
