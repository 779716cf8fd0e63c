"""Shape rules with -1, shared by name."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import AxisError
from .registry import Spec

__all__ = [
    "add_reduce",
    "axes_of",
    "axis_of",
    "broadcast",
    "broadcast_shape",
    "product",
    "reduced_shape",
    "same_as",
    "same_with_dtype",
    "unbroadcast",
]


add_reduce: Any = np.add.reduce  # what `sum` of a NumPy array does, without its detours


def product(numbers: Sequence[int]) -> int:
    """Product of dimensions; -1 as soon as one of them is unknown."""
    count = 1
    for n in numbers:
        if n == -1:
            return -1
        count *= n
    return count


def same_as(index: int = 0) -> Callable[..., Spec]:
    """The rule of operators whose one output looks like input number `index`."""

    def rule(*specs: Any, **_: Any) -> Spec:
        return specs[index]

    return rule


def same_with_dtype(dtype: Any, index: int = 0) -> Callable[..., Spec]:
    """As `same_as`, with another dtype."""
    np_type = np.dtype(dtype)

    def rule(*specs: Any, **_: Any) -> Spec:
        return Spec(specs[index].shape, np_type)

    return rule


def broadcast_shape(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The NumPy broadcast of shapes that may hold -1. ValueError when they do not fit."""
    ndim = max((len(s) for s in shapes), default=0)
    out = []
    for position in range(ndim):
        dims = {s[position - ndim + len(s)] for s in shapes if position - ndim + len(s) >= 0}
        known = {d for d in dims if d not in (1, -1)}
        if len(known) > 1:
            raise ValueError(
                "shapes " + " and ".join(str(list(s)) for s in shapes) + " cannot be broadcast: dimension "
                f"{position - ndim} has {' and '.join(str(d) for d in sorted(known))}"
            )
        out.append(known.pop() if known else (-1 if -1 in dims else 1))
    return tuple(out)


def broadcast(dtype: Any = None) -> Callable[..., Spec]:
    """The rule of binary elementwise operators; `dtype` None keeps that of the first input."""
    np_type = None if dtype is None else np.dtype(dtype)

    def rule(x: Spec, y: Spec, *, axis: int = -1, **_: Any) -> Spec:
        ys = y.shape
        if axis not in (-1, None) and len(x.shape) > len(ys):
            ys = tuple(ys) + (1,) * (len(x.shape) - axis - len(ys))
        return Spec(broadcast_shape(x.shape, ys), x.dtype if np_type is None else np_type)

    return rule


def axis_of(axis: int, ndim: int, name: str = "axis") -> int:
    """A non-negative axis. AxisError when out of range."""
    limit = max(ndim, 1)
    if not -limit <= axis < limit:
        raise AxisError(f"{name} = {axis} is out of range for {ndim} dimensions; expected [{-limit}, {limit - 1}]")
    return axis + limit if axis < 0 else axis


def axes_of(axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Non-negative axes; None or an empty list means all of them."""
    if axis is None or (not isinstance(axis, int) and len(axis) == 0):
        return tuple(range(ndim))
    axes = (axis,) if isinstance(axis, int) else axis
    if len(axes) == 1 and type(axes[0]) is int and -ndim <= axes[0] < ndim:  # the usual case, kept short
        return (axes[0] % ndim,)
    found = tuple([axis_of(int(a), ndim) for a in axes])
    return found if ndim else ()


def reduced_shape(shape: Sequence[int], axes: Sequence[int], keepdim: bool) -> tuple[int, ...]:
    """The shape after reducing `axes`."""
    if keepdim:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def unbroadcast(xp: Any, d_out: Any, shape: Sequence[int]) -> Any:
    """Sum a gradient back to the `shape` that was broadcast; used by backward functions."""
    if d_out.shape == shape or tuple(d_out.shape) == tuple(shape):
        return d_out
    lead = d_out.ndim - len(shape)
    if lead == 1 and d_out.shape[1:] == shape:  # a bias
        return add_reduce(d_out, axis=0) if type(d_out) is np.ndarray else d_out.sum(axis=0)
    axes = tuple(range(lead)) + tuple(
        i + lead for i, n in enumerate(shape) if n == 1 and d_out.shape[i + lead] != 1
    )
    if len(axes) == lead:
        return d_out.sum(axis=axes) if axes else d_out
    return d_out.sum(axis=axes, keepdims=True).reshape(tuple(shape))
