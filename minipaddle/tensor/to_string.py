"""Printing tensors as Paddle 2.6.2 prints them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import xp as backend
from ..core.tensor import Parameter, Tensor
from ..errors import WrongTypeError

__all__ = ["set_printoptions"]


@dataclass
class PrintOptions:
    """precision: digits after the point. threshold: more elements are summarised. edgeitems: shown at each end."""

    precision: int = 8
    threshold: int = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool = False


OPTIONS = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: int | None = None,
    edgeitems: int | None = None,
    sci_mode: bool | None = None,
    linewidth: int | None = None,
) -> None:
    """Change how tensors are printed; None leaves an option alone. TypeError for values of another type."""
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    for name, value in given.items():
        if value is None:
            continue
        if not isinstance(value, int):
            raise WrongTypeError(f"set_printoptions: {name} must be an int, got {type(value).__name__}")
        setattr(OPTIONS, name, value)
    if sci_mode is not None:
        if not isinstance(sci_mode, bool):
            raise WrongTypeError(f"set_printoptions: sci_mode must be a bool, got {type(sci_mode).__name__}")
        OPTIONS.sci_mode = sci_mode


def _number(value: Any) -> str:
    """One element; whole floating numbers end in a point."""
    if isinstance(value, np.floating):
        if OPTIONS.sci_mode:
            return f"{value:.{OPTIONS.precision}e}"
        if np.ceil(value) == value:
            return f"{value:.0f}."
        return f"{value:.{OPTIONS.precision}f}"
    return f"{value}"


def _padded(value: Any, width: int, signed: bool) -> str:
    """One element filled up to the column; where some are negative the others leave room for a sign."""
    text = _number(value)
    if width <= len(text):
        return text
    return " " + text.ljust(width - 1) if signed and not value < 0 else text.ljust(width)


def _edges(array: Any) -> Any:
    """The elements at the ends of each dimension, which alone decide the width of the columns."""
    n = OPTIONS.edgeitems
    for axis, length in enumerate(array.shape):
        if length > 2 * n:
            array = np.concatenate([array.take(range(n), axis), array.take(range(length - n, length), axis)], axis)
    return array


def _body(array: Any, summary: bool, indent: int, width: int, signed: bool) -> str:
    if array.ndim == 0:
        return _padded(array[()], width, signed)
    n = OPTIONS.edgeitems
    shortened = summary and array.shape[0] > 2 * n
    chosen = [*range(n), *range(array.shape[0] - n, array.shape[0])] if shortened else range(array.shape[0])
    if array.ndim == 1:
        items = [_padded(array[i], width, signed) for i in chosen]
    else:
        items = [_body(array[i], summary, indent + 1, width, signed) for i in chosen]
    if shortened:
        items.insert(n, "...")
    if array.ndim > 1:
        return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(items) + "]"
    per_line = max(1, (OPTIONS.linewidth - indent) // (width + 2))
    lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def tensor_to_string(x: Tensor, prefix: str = "Tensor") -> str:
    """The text of ``print(x)``."""
    if not x._is_initialized():
        return f"{prefix}(Not initialized)"
    array = backend.to_numpy(x._data)
    if array.dtype.kind == "V" or array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    indent = len(prefix) + 1
    shown = _edges(array).reshape(-1)
    width = max((len(_number(v)) for v in shown), default=0)
    signed = array.dtype.kind in "if" and bool((shown < 0).any())
    body = _body(array, array.size > OPTIONS.threshold, indent, width, signed)
    return (
        f"{prefix}(shape={x.shape}, dtype={x.dtype.name}, place={x.place}, stop_gradient={x.stop_gradient},\n"
        f"{' ' * indent}{body})"
    )


def parameter_to_string(x: Parameter) -> str:
    """The text of ``print(parameter)``."""
    return "Parameter containing:\n" + tensor_to_string(x)


for _class, _function in ((Tensor, tensor_to_string), (Parameter, parameter_to_string)):
    for _name in ("__repr__", "__str__"):
        setattr(_class, _name, _function)
