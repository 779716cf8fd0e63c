"""Tensors that look like arrays, so that backward functions can be differentiated themselves.

A backward function is written with operators, array methods and ``xp.`` functions. For higher derivatives it is called
with `Facade` objects and `FacadeModule` instead of arrays and NumPy: each step then goes through `dispatch.call` and
is recorded. What is not in this vocabulary raises `NotSupportedError` rather than losing a gradient.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import xp as backend
from ..dtypes import from_numpy
from ..errors import NotSupportedError
from ..ops.manipulation import zeros_added_at, zeros_placed
from ..ops.registry import OPS, Spec
from ..ops.shapes import axes_of
from . import tape
from .dispatch import call
from .tensor import Tensor, isinstance_strict, make_tensor

__all__ = ["Facade", "FacadeModule", "differentiated", "run_backward_function"]


def _op(type: str, *inputs: Any, **attrs: Any) -> Any:
    return call(OPS[type], *inputs, **attrs)


class Facade:
    """One Tensor behaving like a NumPy array; comparisons give plain arrays, which are constants."""

    __slots__ = ("t",)
    __array_ufunc__ = None

    def __init__(self, t: Tensor) -> None:
        self.t = t

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotSupportedError("this operator has no second derivative here: its gradient leaves the recorded operations")

    # --- attributes

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.t._data.shape)

    @property
    def ndim(self) -> int:
        return self.t._data.ndim

    @property
    def size(self) -> int:
        return int(self.t._data.size)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.t._data.dtype

    @property
    def T(self) -> Facade:
        return self.transpose()

    def __len__(self) -> int:
        return self.shape[0]

    # --- operators

    def _binary(self, type: str, other: Any, swap: bool = False) -> Facade:
        y = _lift(other, self)
        x, y = (y, self.t) if swap else (self.t, y)
        return Facade(_op(type, x, y))

    def _scaled(self, factor: float, shift: float) -> Facade:
        return Facade(_op("scale", self.t, scale=float(factor), bias=float(shift)))

    def __add__(self, other: Any) -> Facade:
        return self._scaled(1, other) if _is_number(other) else self._binary("elementwise_add", other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Facade:
        return self._scaled(1, -other) if _is_number(other) else self._binary("elementwise_sub", other)

    def __rsub__(self, other: Any) -> Facade:
        return self._scaled(-1, other) if _is_number(other) else self._binary("elementwise_sub", other, True)

    def __mul__(self, other: Any) -> Facade:
        return self._scaled(other, 0) if _is_number(other) else self._binary("elementwise_mul", other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Facade:
        return self._binary("elementwise_div", other)

    def __rtruediv__(self, other: Any) -> Facade:
        return self._binary("elementwise_div", other, True)

    def __pow__(self, other: Any) -> Facade:
        if _is_number(other):
            return Facade(_op("pow", self.t, factor=float(other)))
        return self._binary("elementwise_pow", other)

    def __neg__(self) -> Facade:
        return self._scaled(-1, 0)

    def __matmul__(self, other: Any) -> Facade:
        return Facade(_op("matmul_v2", self.t, _lift(other, self)))

    def __rmatmul__(self, other: Any) -> Facade:
        return Facade(_op("matmul_v2", _lift(other, self), self.t))

    def __gt__(self, other: Any) -> Any:
        return self.t._data > raw(other)

    def __ge__(self, other: Any) -> Any:
        return self.t._data >= raw(other)

    def __lt__(self, other: Any) -> Any:
        return self.t._data < raw(other)

    def __le__(self, other: Any) -> Any:
        return self.t._data <= raw(other)

    def __eq__(self, other: Any) -> Any:  # type: ignore[override]
        return self.t._data == raw(other)

    def __ne__(self, other: Any) -> Any:  # type: ignore[override]
        return self.t._data != raw(other)

    __hash__ = object.__hash__

    def __getitem__(self, index: Any) -> Facade:
        from_slices = _slices(index, self.shape)
        if from_slices is not None:
            plain = all(step == 1 for step in from_slices["strides"])
            if plain:
                del from_slices["strides"]
            return Facade(_op("slice" if plain else "strided_slice", self.t, **from_slices))
        places = _places(index)
        if places is None:
            return _unsupported("indexing")
        module = backend.array_module(self.t._data)
        return Facade(_op("gather_nd", self.t, make_tensor(module.stack(module.broadcast_arrays(*places), -1))))

    # --- methods

    def sum(self, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Facade:
        axes = axes_of(axis, self.ndim)
        return Facade(_op("reduce_sum", self.t, dim=list(axes), keep_dim=keepdims, reduce_all=len(axes) == self.ndim))

    def mean(self, axis: Any = None, keepdims: bool = False) -> Facade:
        axes = axes_of(axis, self.ndim)
        return Facade(_op("reduce_mean", self.t, dim=list(axes), keep_dim=keepdims, reduce_all=len(axes) == self.ndim))

    def reshape(self, *shape: Any) -> Facade:
        if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
            shape = tuple(shape[0])
        return Facade(_op("reshape2", self.t, shape=[int(n) for n in shape]))

    def ravel(self) -> Facade:
        return self.reshape(-1)

    def transpose(self, *axes: Any) -> Facade:
        if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list, np.ndarray))):
            axes = tuple(axes[0]) if axes[0] is not None else ()
        order = [int(a) for a in axes] if axes else list(range(self.ndim))[::-1]
        return Facade(_op("transpose2", self.t, axis=order))

    def swapaxes(self, a: int, b: int) -> Facade:
        order = list(range(self.ndim))
        order[a], order[b] = order[b], order[a]
        return self.transpose(order)

    def astype(self, dtype: Any, copy: bool = True) -> Facade:
        target = np.dtype(dtype)
        if target == self.dtype:
            return self
        return Facade(_op("cast", self.t, in_dtype=from_numpy(self.dtype).proto, out_dtype=from_numpy(target).proto))

    def copy(self) -> Facade:
        return self

    def item(self) -> Any:
        return self.t._data.item()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _unsupported(f"array.{name}")

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        return self.t._data.max(axis=axis, keepdims=keepdims)

    def conj(self) -> Facade:
        return self if self.dtype.kind != "c" else Facade(_op("conj", self.t))

    @property
    def real(self) -> Facade:
        return self if self.dtype.kind != "c" else Facade(_op("real", self.t))

    @property
    def imag(self) -> Facade:
        return self * 0.0 if self.dtype.kind != "c" else Facade(_op("imag", self.t))


def _unsupported(what: str) -> Any:
    raise NotSupportedError(f"a second derivative through {what} is not defined here")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.floating, np.integer)) and not isinstance(value, np.ndarray)


def raw(value: Any) -> Any:
    """The array of a Facade; anything else unchanged."""
    return value.t._data if isinstance(value, Facade) else value


def _lift(value: Any, like: Facade) -> Tensor:
    """A Tensor for an operand: constants take the dtype of their partner."""
    if isinstance(value, Facade):
        return value.t
    if isinstance_strict(value, Tensor):
        return value
    module = backend.array_module(like.t._data)
    return make_tensor(module.asarray(value).astype(like.dtype))


def _slices(index: Any, shape: Sequence[int]) -> dict[str, Any] | None:
    """Attributes of operator `strided_slice` for an index of ints and slices; None when it is something else."""
    parts = list(index) if isinstance(index, tuple) else [index]
    if any(p is Ellipsis for p in parts):
        at = next(i for i, p in enumerate(parts) if p is Ellipsis)
        parts[at : at + 1] = [slice(None)] * (len(shape) - len(parts) + 1)
    bounds: list[tuple[int, int, int]] = []
    decrease = []
    for axis, part in enumerate(parts):
        if isinstance(part, (int, np.integer)):
            n = int(part) % shape[axis]
            bounds.append((n, n + 1, 1))
            decrease.append(axis)
        elif isinstance(part, slice):
            start, stop, step = part.indices(shape[axis])
            bounds.append((start, max(stop, start) if step > 0 else min(stop, start), step))
        else:
            return None
    starts, ends, strides = ([b[i] for b in bounds] for i in range(3))
    return {"axes": list(range(len(bounds))), "starts": starts, "ends": ends, "strides": strides, "decrease_axis": decrease,
            "infer_flags": [1] * len(bounds)}  # fmt: skip


def _places(index: Any) -> list[Any] | None:
    """An advanced index over the first dimensions as integer arrays; None when it is something else."""
    found: list[Any] = []
    for part in index if isinstance(index, tuple) else (index,):
        if not hasattr(part, "dtype") or isinstance(part, Facade):
            return None
        if part.dtype.kind == "b":
            found.extend(part.nonzero())
        else:
            found.append(part)
    return found


_UNARY = {
    name: name
    for name in ("exp", "log", "sqrt", "tanh", "sin", "cos", "sinh", "cosh", "abs", "square", "log1p", "expm1", "tan", "log2")
} | {"reciprocal": "reciprocal", "arctan": "atan"}


class FacadeModule:
    """The part of an array module that backward functions use, over Facades."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.__name__ = module.__name__

    def __getattr__(self, name: str) -> Any:
        if name in _UNARY:
            return lambda x, **_: Facade(_op(_UNARY[name], x.t)) if isinstance(x, Facade) else getattr(self.module, name)(x)
        function = getattr(self.module, name)
        if not callable(function) or isinstance(function, type):
            return function

        def constant(*args: Any, **kwargs: Any) -> Any:
            # with constants alone the array module does; a Facade among them would lose its gradient
            if any(isinstance(a, Facade) for a in (*args, *kwargs.values())):
                _unsupported(f"xp.{name}")
            return function(*args, **kwargs)

        return constant

    def recorded(self, type: str, x: Any, **attrs: Any) -> Any:
        """Operator `type` on a Facade: formulas that array modules lack ask for it, as ``erf`` in the gradient of gelu."""
        return Facade(_op(type, x.t, **attrs))

    # what depends on the shape alone, or picks values without changing gradients

    def zeros_like(self, x: Any, dtype: Any = None) -> Any:
        return self._constant(self.module.zeros(x.shape, dtype or x.dtype), x)

    def ones_like(self, x: Any, dtype: Any = None) -> Any:
        return self._constant(self.module.ones(x.shape, dtype or x.dtype), x)

    def empty_like(self, x: Any, dtype: Any = None) -> Any:
        return _unsupported("xp.empty_like")

    def _constant(self, array: Any, like: Any) -> Any:
        return Facade(make_tensor(array)) if isinstance(like, Facade) and array.dtype.kind in "fc" else array

    def sign(self, x: Any) -> Any:
        return self.module.sign(raw(x))

    def floor(self, x: Any) -> Any:
        return self.module.floor(raw(x))

    def argmax(self, x: Any, **kwargs: Any) -> Any:
        return self.module.argmax(raw(x), **kwargs)

    def isnan(self, x: Any) -> Any:
        return self.module.isnan(raw(x))

    def constant(self, x: Any) -> Any:
        """The plain array of a Facade, for what does not change with a small step (which element is largest, say)."""
        return raw(x)

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        return x if isinstance(x, Facade) else self.module.asarray(x, dtype)

    ascontiguousarray = asarray

    # functions over Facades

    def _any(self, *values: Any) -> Facade | None:
        return next((v for v in values if isinstance(v, Facade)), None)

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        like = self._any(x, y)
        condition = raw(condition)
        if like is None:
            return self.module.where(condition, x, y)
        shape = np.broadcast_shapes(condition.shape, np.shape(raw(x)), np.shape(raw(y)))
        full = [_lift(v, like) for v in (x, y)]
        full = [t if tuple(t.shape) == shape else _op("expand_v2", t, shape=list(shape)) for t in full]
        return Facade(_op("where", make_tensor(self.module.broadcast_to(condition, shape)), *full))

    def multiply(self, x: Any, y: Any) -> Any:
        return x * y

    def add(self, x: Any, y: Any) -> Any:
        return x + y

    def subtract(self, x: Any, y: Any) -> Any:
        return x - y

    def divide(self, x: Any, y: Any) -> Any:
        return x / y

    def negative(self, x: Any) -> Any:
        return -x

    def matmul(self, x: Any, y: Any) -> Any:
        return x @ y

    def power(self, x: Any, y: Any) -> Any:
        if not isinstance(x, Facade) and isinstance(y, Facade):
            return Facade(_op("elementwise_pow", _lift(x, y), y.t))
        return x**y

    def maximum(self, x: Any, y: Any) -> Any:
        return self.where(raw(x) >= raw(y), x, y) if self._any(x, y) is not None else self.module.maximum(x, y)

    def minimum(self, x: Any, y: Any) -> Any:
        return self.where(raw(x) <= raw(y), x, y) if self._any(x, y) is not None else self.module.minimum(x, y)

    def sum(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return x.sum(axis=axis, keepdims=keepdims)

    def cumsum(self, x: Any, axis: int) -> Any:
        return Facade(_op("cumsum", x.t, axis=axis)) if isinstance(x, Facade) else self.module.cumsum(x, axis)

    def expand_dims(self, x: Any, axis: Any) -> Any:
        if not isinstance(x, Facade):
            return self.module.expand_dims(x, axis)
        axes = [axis] if isinstance(axis, int) else list(axis)
        return Facade(_op("unsqueeze2", x.t, axes=axes))

    def squeeze(self, x: Any, axis: Any = None) -> Any:
        if not isinstance(x, Facade):
            return self.module.squeeze(x, axis)
        axes = [] if axis is None else [axis] if isinstance(axis, int) else list(axis)
        return Facade(_op("squeeze2", x.t, axes=axes))

    def broadcast_to(self, x: Any, shape: Sequence[int]) -> Any:
        if not isinstance(x, Facade):
            return self.module.broadcast_to(x, shape)
        return Facade(_op("expand_v2", x.t, shape=list(shape)))

    def reshape(self, x: Any, shape: Sequence[int]) -> Any:
        return x.reshape(shape)

    def transpose(self, x: Any, axes: Any = None) -> Any:
        return x.transpose(axes)

    def swapaxes(self, x: Any, a: int, b: int) -> Any:
        return x.swapaxes(a, b)

    def moveaxis(self, x: Any, source: int, destination: int) -> Any:
        if not isinstance(x, Facade):
            return self.module.moveaxis(x, source, destination)
        order = [i for i in range(x.ndim) if i != source % x.ndim]
        order.insert(destination % x.ndim, source % x.ndim)
        return x.transpose(order)

    def concatenate(self, values: Sequence[Any], axis: int = 0) -> Any:
        like = self._any(*values)
        if like is None:
            return self.module.concatenate(values, axis)
        return Facade(_op("concat", [_lift(v, like) for v in values], axis=axis))

    def stack(self, values: Sequence[Any], axis: int = 0) -> Any:
        like = self._any(*values)
        if like is None:
            return self.module.stack(values, axis)
        return Facade(_op("stack", [_lift(v, like) for v in values], axis=axis))

    def split(self, x: Any, places: Sequence[int], axis: int = 0) -> Any:
        if not isinstance(x, Facade):
            return self.module.split(x, places, axis)
        bounds = [0, *[int(p) for p in places], x.shape[axis]]
        sizes = [b - a for a, b in zip(bounds, bounds[1:], strict=False)]
        return [Facade(t) for t in _op("split", x.t, axis=axis, sections=sizes)]

    def flip(self, x: Any, axis: Any) -> Any:
        if not isinstance(x, Facade):
            return self.module.flip(x, axis)
        return Facade(_op("flip", x.t, axis=[axis] if isinstance(axis, int) else list(axis)))

    def zeros_placed(self, shape: Sequence[int], dtype: Any, index: Any, values: Any) -> Any:
        """`ops.manipulation.zeros_placed`, recorded."""
        if not isinstance(values, Facade):
            return zeros_placed(self.module, shape, dtype, index, values)
        found = _slices(index, shape)
        if found is None:
            return _unsupported("writing at this index")
        return Facade(_op(
            "set_value", make_tensor(self.module.zeros(tuple(shape), dtype)), values.t, axes=found["axes"], starts=found["starts"],
            ends=found["ends"], steps=found["strides"], decrease_axes=found["decrease_axis"],
        ))  # fmt: skip

    def zeros_added_at(
        self, shape: Sequence[int], dtype: Any, index: Any, values: Any, unique: bool = False
    ) -> Any:
        """`ops.manipulation.zeros_added_at`, recorded."""
        if not isinstance(values, Facade):
            return zeros_added_at(self.module, shape, dtype, index, values, unique)
        places = _places(index)
        if places is None:
            return _unsupported("adding at this index")
        zeros = make_tensor(self.module.zeros(tuple(shape), dtype))
        return Facade(_op("index_put", zeros, [make_tensor(p) for p in places], values.t, accumulate=True))

    def take(self, x: Any, index: Any, axis: int) -> Any:
        if not isinstance(x, Facade):
            return self.module.take(x, raw(index), axis=axis)
        return Facade(_op("gather", x.t, make_tensor(raw(index)), axis=axis))

    def take_along_axis(self, x: Any, index: Any, axis: int) -> Any:
        if not isinstance(x, Facade):
            return self.module.take_along_axis(x, raw(index), axis)
        return Facade(_op("take_along_axis", x.t, make_tensor(raw(index)), Axis=axis))


def run_backward_function(node: tape.OpNode, args: Sequence[Any], attrs: dict[str, Any]) -> Sequence[Any]:
    """The backward function of `node` on Tensors, recorded; gradients come back as Tensors."""
    plan = node.op.grad
    assert plan is not None
    edges = dict(zip(plan.targets, node.edges, strict=True))
    module = np

    def tensor(array: Any, edge: Any) -> Any:
        if isinstance_strict(edge, Tensor) and edge._data is array:
            return Facade(edge)
        t = make_tensor(array)
        if edge is not None and array.dtype.kind in "fcV":
            t._edge, t._stop_gradient = (edge if type(edge) is tuple else None), False
        return Facade(t) if array.dtype.kind in "fcV" else array

    wrapped: list[Any] = []
    for (kind, index, _), value in zip(plan.sources, args, strict=True):
        if kind == "d_out":
            if isinstance(value, list):
                wrapped.append([Facade(v) for v in value])
            else:
                wrapped.append(None if value is None else Facade(value))
                if value is not None:
                    module = backend.array_module(value._data)
        elif value is None or isinstance(value, Spec) or (isinstance(value, list) and value and isinstance(value[0], Spec)):
            wrapped.append(value)
        elif kind == "in":
            edge = edges.get(index)
            if isinstance(value, list):
                wrapped.append([tensor(v, e) for v, e in zip(value, edge or [None] * len(value), strict=True)])
            else:
                wrapped.append(tensor(value, edge))
        elif isinstance(value, list):
            wrapped.append([tensor(v, (node, (index, k))) for k, v in enumerate(value)])
        else:
            wrapped.append(tensor(value, (node, index)))
    return _called(plan.function, module, wrapped, attrs)


def differentiated(function: Any, module: Any, args: Sequence[Any], attrs: dict[str, Any]) -> Sequence[Any]:
    """A backward function called with Tensors (lists of them, Specs, None), recorded; it gives Tensors."""

    def wrap(value: Any) -> Any:
        if isinstance(value, list):
            return [wrap(v) for v in value]
        if not isinstance_strict(value, Tensor):
            return value
        return Facade(value) if value._data.dtype.kind in "fcV" else value._data

    return _called(function, module, [wrap(a) for a in args], attrs)


def _called(function: Any, module: Any, wrapped: Sequence[Any], attrs: dict[str, Any]) -> Sequence[Any]:
    result = function(FacadeModule(module), *wrapped, **attrs)
    results = result if isinstance(result, tuple) else (result,)

    def unwrap(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [unwrap(v) for v in value]
        if value is None or isinstance_strict(value, Tensor):
            return value
        return value.t if isinstance(value, Facade) else make_tensor(value)

    return [unwrap(r) for r in results]


tape.differentiable_backward = run_backward_function
