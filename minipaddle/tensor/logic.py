"""Comparisons, logic and tests of equality."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.dispatch import call
from ..core.tensor import tensor_method
from ..errors import WrongTypeError
from ..ops import creation as C
from ..ops import elementwise as E
from ..ops.registry import Op
from . import creation
from .arguments import is_tensor_like, static_types
from .math import changing, same_types
from .operators import number_like

__all__ = [
    "allclose", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "equal", "equal_all", "greater_equal", "greater_than",
    "is_empty", "is_tensor", "isclose", "less_equal", "less_than", "logical_and", "logical_not", "logical_or", "logical_xor",
    "not_equal",
]  # fmt: skip


def _comparison(name: str, op: Op, meaning: str) -> Callable[..., Any]:
    def function(x: Any, y: Any, name: str | None = None) -> Any:
        if not is_tensor_like(y) and isinstance(y, (bool, int, float)) and is_tensor_like(x):
            y = number_like(y, x, x.dtype)
        static_types(what, "bool float16 bfloat16 float32 float64 uint8 int8 int16 int32 int64", x=x, y=y)
        return call(op, *same_types(x, y, what))

    what = name
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Whether x {meaning} y, elementwise with broadcasting; bool. y may be a number. ValueError for two types."
    return tensor_method(name)(function)


equal = _comparison("equal", E.equal, "=")
not_equal = _comparison("not_equal", E.not_equal, "!=")
less_than = _comparison("less_than", E.less_than, "<")
less_equal = _comparison("less_equal", E.less_equal, "<=")
greater_than = _comparison("greater_than", E.greater_than, ">")
greater_equal = _comparison("greater_equal", E.greater_equal, ">=")


def _put(result: Any, out: Any) -> Any:
    """`result`, written into the tensor `out` if one was given."""
    return result if out is None else creation.assign(result, out)


def _logical(name: str, op: Op, meaning: str, *methods: str) -> Callable[..., Any]:
    def function(x: Any, y: Any, out: Any = None, name: str | None = None) -> Any:
        return _put(call(op, *same_types(x, y, what)), out)

    what = name
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{meaning}, with broadcasting; written into `out` if given. ValueError for two types."
    return tensor_method(name, *methods)(function)


logical_and = _logical("logical_and", E.logical_and, "Whether both are true (not zero)")
logical_or = _logical("logical_or", E.logical_or, "Whether one of the two is true (not zero)")
logical_xor = _logical("logical_xor", E.logical_xor, "Whether just one of the two is true (not zero)")
bitwise_and = _logical("bitwise_and", E.bitwise_and, "Bits set in both integers (`and` of bools)", "__and__")
bitwise_or = _logical("bitwise_or", E.bitwise_or, "Bits set in one of the integers (`or` of bools)", "__or__")
bitwise_xor = _logical("bitwise_xor", E.bitwise_xor, "Bits set in just one of the integers (`xor` of bools)", "__xor__")


@tensor_method("logical_not")
def logical_not(x: Any, out: Any = None, name: str | None = None) -> Any:
    """Whether each element is false (zero); bool."""
    return _put(call(E.logical_not, x), out)


@tensor_method("bitwise_not", "__invert__")
def bitwise_not(x: Any, out: Any = None, name: str | None = None) -> Any:
    """All bits of integers turned over; `not` of bools."""
    return _put(call(E.bitwise_not, x), out)


@tensor_method("equal_all")
def equal_all(x: Any, y: Any, name: str | None = None) -> Any:
    """Whether shapes and all elements are equal; a 0-d bool tensor."""
    return call(E.equal_all, *same_types(x, y, "equal_all"))


@tensor_method("allclose")
def allclose(x: Any, y: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False, name: str | None = None) -> Any:
    """Whether |x - y| <= atol + rtol * |y| everywhere; a 0-d bool tensor."""
    for number in (rtol, atol):
        if isinstance(number, str):
            raise WrongTypeError(f"allclose: rtol and atol must be numbers, got {number!r}")
    x, y = same_types(x, y, "allclose")
    return call(E.allclose, x, y, rtol=str(float(rtol)), atol=str(float(atol)), equal_nan=equal_nan)


@tensor_method("isclose")
def isclose(x: Any, y: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False, name: str | None = None) -> Any:
    """Whether |x - y| <= atol + rtol * |y|, elementwise."""
    x, y = same_types(x, y, "isclose")
    return call(E.isclose, x, y, rtol=str(float(rtol)), atol=str(float(atol)), equal_nan=equal_nan)


@tensor_method("is_empty")
def is_empty(x: Any, name: str | None = None) -> Any:
    """Whether the tensor has no elements; a 0-d bool tensor."""
    return call(C.is_empty, x)


@tensor_method("is_tensor")
def is_tensor(x: Any) -> bool:
    """Whether `x` is a Tensor (or a symbolic Variable)."""
    return is_tensor_like(x)


equal_, not_equal_, less_than_, less_equal_, greater_than_, greater_equal_ = map(
    changing, (equal, not_equal, less_than, less_equal, greater_than, greater_equal)
)
logical_and_, logical_or_, logical_xor_, logical_not_ = map(changing, (logical_and, logical_or, logical_xor, logical_not))
bitwise_and_, bitwise_or_, bitwise_xor_, bitwise_not_ = map(changing, (bitwise_and, bitwise_or, bitwise_xor, bitwise_not))

__all__ += [_name for _name, _value in list(globals().items()) if _name.endswith("_") and not _name.startswith("_") and callable(_value)]
