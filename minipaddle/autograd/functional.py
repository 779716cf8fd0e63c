"""Jacobians and Hessians by repeated backward passes, and products with them."""
from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from ..core.tensor import Tensor, isinstance_strict, make_tensor
from ..tensor.creation import ones_like, zeros_like
from ..tensor.gradient import grad, seeds_of, tensors_of
from ..tensor.manipulation import reshape, stack

__all__ = ["Hessian", "Jacobian", "hessian", "jacobian", "jvp", "vjp"]


def _gradient(y: Any, x: Any) -> Any:
    """Gradient of the sum of `y` with respect to `x`, itself differentiable; zeros where `x` plays no part."""
    (g,) = grad(y, x, create_graph=True, allow_unused=True)
    if g is None:
        g = zeros_like(x)
        g.stop_gradient = x.stop_gradient
    return g


class Jacobian:
    """The matrix of partial derivatives of `ys` with respect to `xs`, evaluated when it is indexed or used.

    Without batch: ys [M] or [], xs [N] or []; shape [M, N], a dimension that is missing there is missing here. With
    batch: ys [B, M] or [B], xs [B, N] or [B]; shape [B, M, N]. Only the rows (M) that an index asks for are evaluated,
    and each of them once. Used as a Tensor otherwise: arithmetic, comparison and every attribute of the full matrix.
    ValueError for tensors of more dimensions.
    """

    def __init__(self, ys: Any, xs: Any, is_batched: bool = False) -> None:
        low = 1 if is_batched else 0
        for name, t in (("ys", ys), ("xs", xs)):
            if not low <= len(t.shape) <= low + 1:
                raise ValueError(
                    f"{name} must have {low} or {low + 1} dimensions with is_batched={is_batched}, got shape {t.shape}"
                )
        self._ys, self._xs, self._batched = ys, xs, is_batched
        self._rows: dict[int, Any] = {}
        self._height = ys.shape[low] if len(ys.shape) > low else None  # None: a single row without an axis
        batch = list(xs.shape[:low])
        self.shape: list[int] = [*batch, *([] if self._height is None else [self._height]), *xs.shape[low:]]

    def _row(self, i: int) -> Any:
        """Derivatives of row `i` of `ys`; [N] or [], with batch [B, N] or [B]."""
        found = self._rows.get(i)
        if found is None:
            y = self._ys if self._height is None else self._ys[:, i] if self._batched else self._ys[i]
            found = self._rows[i] = _gradient(y, self._xs)
        return found

    def _stacked(self, numbers: Sequence[int]) -> Any:
        return stack([self._row(i) for i in numbers], axis=1 if self._batched else 0)

    def _evaluate_all(self) -> Any:
        return self._row(0) if self._height is None else self._stacked(range(self._height))

    def __getitem__(self, indexes: Any) -> Any:
        index = indexes if isinstance(indexes, tuple) else (indexes,)
        if any(i is Ellipsis for i in index):
            raise IndexError("a Jacobian takes no Ellipsis as index; give slices")
        if not self.shape:
            raise IndexError("a Jacobian of two 0-D tensors cannot be indexed; use it as a Tensor")
        if len(index) > len(self.shape):
            raise IndexError(f"{len(index)} indexes for a Jacobian of shape {self.shape}")
        axis = 1 if self._batched else 0
        index += (slice(None),) * (len(self.shape) - len(index))
        if self._height is None:
            return self._row(0)[index]
        chosen = index[axis]
        if isinstance(chosen, slice):
            numbers = range(*chosen.indices(self._height))
            inner: Any = slice(None)
        elif isinstance(chosen, int):
            if not -self._height <= chosen < self._height:
                raise IndexError(f"row {chosen} of a Jacobian of shape {self.shape}")
            row = self._row(chosen % self._height)
            rest = index[:axis] + index[axis + 1 :]
            return row[rest] if rest else row
        else:
            raise TypeError(f"a Jacobian is indexed with ints and slices, got {type(chosen).__name__}")
        return self._stacked(numbers)[index[:axis] + (inner,) + index[axis + 1 :]]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._evaluate_all(), name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={self.shape})"

    __hash__ = object.__hash__


class Hessian(Jacobian):
    """The matrix of second derivatives; see `Jacobian`."""


def _forward_operator(name: str) -> None:
    function: Callable[[Any, Any], Any] = getattr(operator, name)

    def method(self: Jacobian, other: Any) -> Any:
        return function(self._evaluate_all(), other._evaluate_all() if isinstance(other, Jacobian) else other)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{name}` of the full matrix and a number, a Tensor or another Jacobian."
    setattr(Jacobian, name, method)


for _name in ("add", "sub", "mul", "truediv", "pow", "mod", "floordiv", "matmul", "eq", "ne", "lt", "le", "gt", "ge"):
    _forward_operator(f"__{_name}__")


def _is_batched(batch_axis: Any) -> bool:
    if batch_axis is None or (isinstance(batch_axis, int) and not isinstance(batch_axis, bool) and batch_axis == 0):
        return batch_axis is not None
    raise ValueError(f"batch_axis must be None or 0, got {batch_axis!r}")


def jacobian(ys: Any, xs: Any, batch_axis: int | None = None) -> Any:
    """Partial derivatives of `ys` with respect to `xs`: a `Jacobian`, or tuples of them where tuples were given.

    ys, xs: Tensors of at most one dimension, or of one more with ``batch_axis=0``, whose rows do not mix; or tuples of
    such. For two tuples the result is indexed ``[number in ys][number in xs]``. ValueError for other shapes.
    """
    batched = _is_batched(batch_axis)
    if isinstance(ys, (list, tuple)):
        if isinstance(xs, (list, tuple)):
            return tuple(tuple(Jacobian(y, x, batched) for x in xs) for y in ys)
        return tuple(Jacobian(y, xs, batched) for y in ys)
    if isinstance(xs, (list, tuple)):
        return tuple(Jacobian(ys, x, batched) for x in xs)
    return Jacobian(ys, xs, batched)


def hessian(ys: Any, xs: Any, batch_axis: int | None = None) -> Any:
    """Second derivatives of `ys` with respect to `xs`: a `Hessian`, or a tuple of tuples of them for a tuple `xs`.

    ys: a Tensor of one element, or of one element per row with ``batch_axis=0``. xs: as for `jacobian`. ValueError for
    other shapes.
    """
    batched = _is_batched(batch_axis)
    rows = ys.shape[0] if batched and ys.shape else 1
    if ys.size != rows:
        raise ValueError(f"ys must have one element{' per row' if batched else ''}, got shape {ys.shape}")
    y = reshape(ys, [-1] if batched else [])
    several = isinstance(xs, (list, tuple))
    items = list(xs) if several else [xs]
    for x in items:
        Jacobian(y, x, batched)  # checks the shapes
    firsts = [_gradient(y, x) for x in items]
    found = tuple(tuple(Hessian(first, x, batched) for x in items) for first in firsts)
    return found if several else found[0][0]


def _run(func: Callable[..., Any], xs: Any) -> tuple[list[Tensor], Any]:
    """Fresh leaves for `xs` and what `func` makes of them."""
    leaves: list[Any] = []
    for x in tensors_of(xs, "xs"):
        leaf = make_tensor(x._data)
        leaf._version, leaf._stop_gradient = x._version, False
        leaves.append(leaf)
    return leaves, func(*leaves)


def _like(values: list[Tensor], model: Any) -> Any:
    return type(model)(values) if isinstance(model, (list, tuple)) else values[0]


def vjp(func: Callable[..., Any], xs: Any, v: Any = None) -> tuple[Any, Any]:
    """``(func(*xs), v times the Jacobian)``: the gradient of `func` weighted by `v`.

    xs: a Tensor or a list of them; the second result has their shapes and structure. v: shaped as the results of
    `func`, default ones.
    """
    leaves, ys = _run(func, xs)
    outputs = tensors_of(ys, "what func returns")
    found = grad(outputs, leaves, seeds_of(v, outputs, "v"), allow_unused=True)
    return ys, _like([zeros_like(x) if g is None else g for g, x in zip(found, leaves, strict=True)], xs)


def jvp(func: Callable[..., Any], xs: Any, v: Any = None) -> tuple[Any, Any]:
    """``(func(*xs), the Jacobian times v)``: the change of the results along `v` (shapes of `xs`, default ones).

    Found by differentiating the backward pass, so the operators of `func` need second derivatives.
    """
    leaves, ys = _run(func, xs)
    outputs = tensors_of(ys, "what func returns")
    directions = [ones_like(x) if d is None else d for d, x in zip(seeds_of(v, leaves, "v"), leaves, strict=True)]
    # the gradient is linear in its weights u, so its derivative by u along v is the product wanted
    weights = []
    for y in outputs:
        u = zeros_like(y)
        u.stop_gradient = False
        weights.append(u)
    firsts = grad(outputs, leaves, weights, create_graph=True, allow_unused=True)
    used = [(g, d) for g, d in zip(firsts, directions, strict=True) if g is not None and isinstance_strict(g, Tensor)]
    found: list[Tensor | None] = [None] * len(weights)
    if used:
        found = grad([g for g, _ in used], weights, [d for _, d in used], allow_unused=True)
    return ys, _like([zeros_like(u) if g is None else g for g, u in zip(found, weights, strict=True)], ys)
