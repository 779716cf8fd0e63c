"""The operators of tensors (indexing apart) and what they do with numbers and arrays.

Types are those of Paddle 2.6.2: under ``+ - *`` two floating tensors take the wider type, otherwise the left one decides; an
integer tensor with a Python float becomes float32; `/` on integers gives float32. Where Paddle 2.6.2 fails or silently
drops something, the answer is the plain one: a bool tensor on the left takes the type of the right one, a complex number or
tensor makes the result complex, and ``int / float`` does not cut the right side to a whole number.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..backend import xp as backend
from ..core.context import context
from ..core.dispatch import call
from ..core.tensor import TensorBase, isinstance_strict, make_tensor, tensor_method
from ..dtypes import DType, promote
from ..ops import creation as C
from ..ops import elementwise as E
from ..ops import matmul as M
from ..ops.registry import Op
from .arguments import constant

__all__: list[str] = []

_FLOAT32, _INTEGERS = dtypes.float32, (dtypes.bool_, dtypes.uint8, dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64)


def cast_to(x: Any, dtype: DType) -> Any:
    """`x` in another element type; `x` itself if it has that type."""
    old = x.dtype
    return x if old is dtype else call(E.cast, x, in_dtype=old.proto, out_dtype=dtype.proto)


def number_like(value: Any, like: Any, dtype: DType) -> Any:
    """A 0-d tensor holding a number, on the device of `like`; an operator `fill_constant` while a Program is recorded."""
    if context.recorder is not None:
        text = ""
        if dtype.is_complex:
            text = str(value)
        elif float(np.float32(value)) != value and value == value:  # more than the float32 attribute `value` can hold
            text = repr(float(value)) if dtype.is_floating else str(int(value))
        return call(C.fill_constant, shape=[], dtype=dtype.proto, value=float(getattr(value, "real", value)), str_value=text)
    return make_tensor(backend.array_module(like._data).asarray(value, dtype.np))


def _common(x: DType, y: DType, widen: bool, divides: bool) -> DType:
    """The type both tensors take."""
    if x is y:
        found = x
    elif x is dtypes.bool_:
        found = y
    elif widen or y.is_complex:
        found = promote(x, y)
    else:
        found = x
    return _FLOAT32 if divides and not (found.is_floating or found.is_complex) else found


def is_weak(x: Any) -> bool:
    """Whether `x` stands for a Python number in a traced function: when types meet it counts as one."""
    return not hasattr(x, "_data") and getattr(x, "weak", False)


def _number_type(dtype: DType, number: DType, divides: bool) -> DType:
    """The type of an operator on a tensor of `dtype` and a Python number that is known as a tensor of type `number`."""
    if dtype.is_floating or dtype.is_complex:
        return dtype
    if divides or number.is_floating:
        return _FLOAT32
    return number if dtype is dtypes.bool_ else dtype


def operand(x: Any, y: Any, what: str, widen: bool = False, divides: bool = False) -> tuple[Any, Any]:
    """Both sides of an operator in one type: `y` may be a tensor, a number or an array, `x` is a tensor.

    widen: of two floating types the wider one. divides: integers become float32, as `/` wants. ValueError (Paddle's class)
    for anything else than these.
    """
    dtype = x.dtype
    if isinstance(y, np.ndarray):
        y = constant(y, like=x)
    weak = is_weak(x)
    if isinstance_strict(y, TensorBase):
        if weak is not is_weak(y):
            dtype = _number_type(*((y.dtype, dtype) if weak else (dtype, y.dtype)), divides)
        else:
            dtype = _common(dtype, y.dtype, widen, divides and not weak)
            if weak and divides and not dtype.is_floating:
                dtype = dtypes.float64
        return cast_to(x, dtype), cast_to(y, dtype)
    if isinstance(y, np.generic):
        y = y.item()
    if isinstance(y, complex):
        dtype = promote(dtypes.complex64, dtype)
    elif not isinstance(y, (int, float)):
        raise ValueError(f"operator {what} takes a Tensor, an array or a number on the other side, got {type(y).__name__} {str(y)[:60]}")
    elif (divides or isinstance(y, float)) and not (dtype.is_floating or dtype.is_complex):
        dtype = dtypes.float64 if weak else _FLOAT32
    return cast_to(x, dtype), number_like(y, x, dtype)


def _scalar(x: Any, y: Any) -> Any:
    """`x` ready for `scale` by the Python number `y`, None if `y` is no real number."""
    kind = type(y)
    if kind is not int and kind is not float:
        if not isinstance(y, (int, float, np.floating, np.integer, np.bool_)):
            return None
        kind = float if isinstance(y, (float, np.floating)) else int
    if kind is float and x.dtype.kind in "ib":
        return cast_to(x, dtypes.float64 if is_weak(x) else _FLOAT32)
    return x


def _method(
    name: str, op: Op, scalar: Callable[[Any, Any], Any] | None = None, widen: bool = False, divides: bool = False
) -> None:
    """Attach one binary operator. The first lines are the hot path: a number, or two tensors of one type."""
    symbol = name.strip("_")

    def operator(self: Any, other: Any) -> Any:
        kind = type(other)
        try:
            if kind is float or kind is int:
                if scalar is not None and self._data.dtype.kind == "f":
                    return scalar(self, other)
            elif self._data.dtype is other._data.dtype and (not divides or self._data.dtype.kind == "f"):
                return call(op, self, other)
        except AttributeError:  # an array or a symbolic Variable
            pass
        if scalar is not None and not isinstance_strict(other, TensorBase):
            x = _scalar(self, other)
            if x is not None:
                return scalar(x, other)
        return call(op, *operand(self, other, symbol, widen, divides))

    operator.__name__ = operator.__qualname__ = name
    operator.__doc__ = f"The operator `{symbol}` with a tensor, an array or a number; broadcasts."
    setattr(TensorBase, name, operator)


def _reflected(
    name: str, op: Op, scalar: Callable[[Any, Any], Any] | None = None, widen: bool = False, divides: bool = False
) -> None:
    """Attach an operator whose right side is the tensor."""
    symbol = name.strip("_")

    def operator(self: Any, other: Any) -> Any:
        if scalar is not None:
            x = _scalar(self, other)
            if x is not None:
                return scalar(x, other)
        right, left = operand(self, other, symbol, widen, divides)
        return call(op, left, right)

    operator.__name__ = operator.__qualname__ = name
    operator.__doc__ = f"The operator `{symbol}` of a number or an array and a tensor; broadcasts."
    setattr(TensorBase, name, operator)


def _times(x: Any, y: Any) -> Any:
    return call(E.scale, x, scale=_plain(y))


def _plus(x: Any, y: Any) -> Any:
    return call(E.scale, x, bias=_plain(y))


def _minus(x: Any, y: Any) -> Any:
    return call(E.scale, x, bias=-_plain(y))


def _from(x: Any, y: Any) -> Any:
    return call(E.scale, x, scale=-1.0, bias=_plain(y))


def _over(x: Any, y: Any) -> Any:
    x = cast_to(x, dtypes.float64 if is_weak(x) else _FLOAT32) if x.dtype in _INTEGERS else x
    if y == 0:  # 1 / 0 is inf or nan by the sign of x
        return call(E.elementwise_div, x, number_like(y, x, x.dtype))
    return call(E.scale, x, scale=1.0 / _plain(y))


def _to_the(x: Any, y: Any) -> Any:
    return call(E.pow_, x, factor=_plain(y))


def _plain(y: Any) -> float:
    """A Python float; integers that a float cannot hold stay as they are."""
    value = float(y)
    return value if value == y or value != value else int(y)


_method("__add__", E.elementwise_add, _plus, widen=True)
_method("__sub__", E.elementwise_sub, _minus, widen=True)
_method("__mul__", E.elementwise_mul, _times, widen=True)
_method("__truediv__", E.elementwise_div, _over, divides=True)
_method("__floordiv__", E.elementwise_floordiv)
_method("__mod__", E.elementwise_mod)
_method("__pow__", E.elementwise_pow, _to_the)
_method("__matmul__", M.matmul_v2)
_method("__eq__", E.equal)
_method("__ne__", E.not_equal)
_method("__lt__", E.less_than)
_method("__le__", E.less_equal)
_method("__gt__", E.greater_than)
_method("__ge__", E.greater_equal)
_reflected("__radd__", E.elementwise_add, _plus, widen=True)
_reflected("__rsub__", E.elementwise_sub, _from, widen=True)
_reflected("__rmul__", E.elementwise_mul, _times, widen=True)
_reflected("__rtruediv__", E.elementwise_div, divides=True)
_reflected("__rfloordiv__", E.elementwise_floordiv)
_reflected("__rmod__", E.elementwise_mod)
_reflected("__rpow__", E.elementwise_pow)
_reflected("__rmatmul__", M.matmul_v2)


@tensor_method("__neg__")
def negative(x: Any) -> Any:
    """-x."""
    return call(E.scale, x, scale=-1.0)


@tensor_method("__pos__")
def positive(x: Any) -> Any:
    """+x: the tensor itself."""
    return x
