"""Arithmetic, elementwise mathematics, reductions and running sums: ``paddle.*`` and methods of tensors.

Types follow Paddle 2.6.2: functions of two tensors take operands of one type (`add`, `subtract` and
`multiply` also two floating ones); the operators ``+ - * /`` of `operators` are more generous.
"""
from __future__ import annotations

import builtins
import functools
import inspect
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..core.control_flow import while_loop
from ..core.dispatch import before_change, call, in_place
from ..core.recorder import spec_of
from ..core.tensor import tensor_method
from ..dtypes import as_dtype
from ..errors import MixedDtypesError, UnsupportedDtypeError, WrongTypeError
from ..ops import activation as A
from ..ops import creation as C
from ..ops import elementwise as E
from ..ops import indexing as I
from ..ops import linalg as L
from ..ops import matmul as M
from ..ops import reduction as R
from ..ops.registry import Op
from ..ops.shapes import axis_of
from . import creation, manipulation
from .arguments import as_int, as_ints, is_symbolic, is_tensor_like, planes, static_types
from .operators import cast_to, number_like

__all__ = [
    "abs", "acos", "acosh", "add", "add_n", "addmm", "all", "amax", "amin", "angle", "any", "asin", "asinh", "atan", "atan2",
    "atanh", "cast", "ceil", "clip", "combinations", "conj", "cos", "cosh", "count_nonzero", "cummax", "cummin", "cumprod", "cumsum",
    "cumulative_trapezoid", "deg2rad", "diff", "digamma", "divide", "erf", "erfinv", "exp", "expm1", "floor", "floor_divide",
    "floor_mod", "fmax", "fmin", "frac", "frexp", "gcd", "heaviside", "hypot", "i0", "i0e", "i1", "i1e", "imag", "inner", "inverse",
    "isfinite", "isinf", "isnan", "kron", "lcm", "ldexp", "lerp", "lgamma", "log", "log10", "log1p", "log2", "logaddexp",
    "logcumsumexp", "logit", "logsumexp", "max", "maximum", "min", "minimum", "mm", "mod", "multigammaln", "multiply", "nan_to_num",
    "nanmean", "nansum", "neg", "nextafter", "outer", "polygamma", "pow", "prod", "rad2deg", "real", "reciprocal", "remainder",
    "renorm", "round", "rsqrt", "scale", "sgn", "sigmoid", "sign", "sin", "sinh", "sqrt", "square", "stanh", "subtract", "sum", "take",
    "tan", "tanh", "trace", "trapezoid", "trunc", "vander",
]  # fmt: skip

_INTEGERS = ("bool", "uint8", "int8", "int16", "int32", "int64")


# --- one tensor


def _unary(name: str, op: Op, meaning: str, argument: str = "x") -> Callable[..., Any]:
    """The public function of an operator of one tensor without attributes."""
    if argument == "x":

        def function(x: Any, name: str | None = None) -> Any:
            return call(op, x)

    else:

        def function(input: Any, name: str | None = None) -> Any:  # type: ignore[misc]
            return call(op, input)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{meaning}; shape as the input."
    return tensor_method(name)(function)


abs = _unary("abs", E.abs_, "|x|, elementwise; real for complex input")
acos = _unary("acos", E.acos, "Inverse cosine in [0, pi]")
acosh = _unary("acosh", E.acosh, "Inverse hyperbolic cosine")
tensor_method("__abs__")(abs)
angle = _unary("angle", E.angle, "Argument in radians: 0 or pi for real numbers")
asin = _unary("asin", E.asin, "Inverse sine in [-pi/2, pi/2]")
asinh = _unary("asinh", E.asinh, "Inverse hyperbolic sine")
atan = _unary("atan", E.atan, "Inverse tangent in (-pi/2, pi/2)")
atanh = _unary("atanh", E.atanh, "Inverse hyperbolic tangent")
ceil = _unary("ceil", E.ceil, "The next whole number upwards")
conj = _unary("conj", E.conj, "Complex conjugate")
cos = _unary("cos", E.cos, "Cosine of radians")
cosh = _unary("cosh", E.cosh, "Hyperbolic cosine")
digamma = _unary("digamma", E.digamma, "Derivative of log gamma")
erf = _unary("erf", E.erf, "Error function")
erfinv = _unary("erfinv", E.erfinv, "Inverse of the error function")
exp = _unary("exp", E.exp, "e to the power x; float32 for integers")
expm1 = _unary("expm1", E.expm1, "exp(x) - 1, exact for small x")
floor = _unary("floor", E.floor, "The next whole number downwards")
i0 = _unary("i0", E.i0, "Modified Bessel function of the first kind, order 0")
i0e = _unary("i0e", E.i0e, "exp(-|x|) times `i0`")
i1 = _unary("i1", E.i1, "Modified Bessel function of the first kind, order 1")
i1e = _unary("i1e", E.i1e, "exp(-|x|) times `i1`")
imag = _unary("imag", E.imag, "Imaginary part of a complex tensor")
isfinite = _unary("isfinite", E.isfinite, "Whether each element is neither infinite nor nan")
isinf = _unary("isinf", E.isinf, "Whether each element is infinite")
isnan = _unary("isnan", E.isnan, "Whether each element is nan")
lgamma = _unary("lgamma", E.lgamma, "log |gamma(x)|")
log = _unary("log", E.log, "Natural logarithm; float32 for integers")
log10 = _unary("log10", E.log10, "Logarithm to base 10")
log1p = _unary("log1p", E.log1p, "log(1 + x), exact for small x")
log2 = _unary("log2", E.log2, "Logarithm to base 2")
real = _unary("real", E.real, "Real part of a complex tensor")
reciprocal = _unary("reciprocal", E.reciprocal, "1 / x")
round = _unary("round", E.round_, "The nearest whole number, halves away from zero")
rsqrt = _unary("rsqrt", E.rsqrt, "1 / sqrt(x)")
sigmoid = _unary("sigmoid", A.sigmoid, "1 / (1 + exp(-x))")
sign = _unary("sign", E.sign, "-1, 0 or 1 by the sign")
sin = _unary("sin", E.sin, "Sine of radians")
sinh = _unary("sinh", E.sinh, "Hyperbolic sine")
sqrt = _unary("sqrt", E.sqrt, "Square root")
square = _unary("square", E.square, "x * x")
tan = _unary("tan", E.tan, "Tangent of radians")
tanh = _unary("tanh", E.tanh, "Hyperbolic tangent")
trunc = _unary("trunc", E.trunc, "x without its fraction", "input")


@tensor_method("neg")
def neg(x: Any, name: str | None = None) -> Any:
    """-x."""
    static_types("neg", "int8 int16 int32 int64 uint8 float16 bfloat16 float32 float64 complex64 complex128", x=x)
    return call(E.scale, x, scale=-1.0)


@tensor_method("cast", "astype")
def cast(x: Any, dtype: Any) -> Any:
    """`x` with elements of another type, always a new tensor; TypeError for an unknown type."""
    if not is_tensor_like(x):
        raise WrongTypeError(f"cast: x must be a Tensor, got {type(x).__name__}")
    return call(E.cast, x, in_dtype=x.dtype.proto, out_dtype=as_dtype(dtype).proto)


@tensor_method("scale")
def scale(
    x: Any, scale: Any = 1.0, bias: float = 0.0, bias_after_scale: bool = True, act: str | None = None, name: str | None = None
) -> Any:
    """scale * x + bias, or scale * (x + bias); `scale` a number or a tensor of one element, `act` an activation put on top."""
    static_types("scale", "int8 int16 int32 int64 uint8 float16 bfloat16 float32 float64 complex64 complex128", x=x)
    if is_tensor_like(scale):
        out = call(E.scale, x, scale, bias=float(bias), bias_after_scale=bias_after_scale)
    else:
        out = call(E.scale, x, scale=float(scale), bias=float(bias), bias_after_scale=bias_after_scale)
    return out if act is None else activated(out, act)


def activated(x: Any, act: str) -> Any:
    """`x` through the activation operator named `act`; ValueError if there is none."""
    known = {o.type: o for o in vars(A).values() if isinstance(o, Op)} | {"tanh": E.tanh, "exp": E.exp, "sqrt": E.sqrt, "abs": E.abs_}
    if act not in known:
        raise ValueError(f"act = {act!r} names no activation; expected one of {', '.join(sorted(known))}")
    return call(known[act], x)


@tensor_method("stanh")
def stanh(x: Any, scale_a: float = 0.67, scale_b: float = 1.7159, name: str | None = None) -> Any:
    """scale_b * tanh(scale_a * x)."""
    return call(A.stanh, x, scale_a=scale_a, scale_b=scale_b)


@tensor_method("logit")
def logit(x: Any, eps: float | None = None, name: str | None = None) -> Any:
    """log(x / (1 - x)), `x` first limited to [eps, 1 - eps] if given; nan outside of [0, 1]."""
    return call(E.logit, x, eps=0.0 if eps is None else eps)


@tensor_method("polygamma")
def polygamma(x: Any, n: int, name: str | None = None) -> Any:
    """The n-th derivative of `digamma`, n >= 0."""
    if not isinstance(n, int):
        raise WrongTypeError(f"polygamma: n must be an int, got {type(n).__name__}")
    if n < 0:
        raise ValueError(f"polygamma: n must not be negative, got {n}")
    return digamma(x) if n == 0 else call(E.polygamma, x, n=n)


@tensor_method("multigammaln")
def multigammaln(x: Any, p: int, name: str | None = None) -> Any:
    """Logarithm of the multivariate gamma function of dimension p >= 1; elements of `x` above (p - 1) / 2."""
    if p < 1:
        raise AssertionError(f"multigammaln: p must be at least 1, got {p}")
    steps = 0.5 * creation.arange(1 - p, 1, 1, dtype=x.dtype)
    return sum(lgamma(manipulation.unsqueeze(x, -1) + steps), axis=-1) + 0.25 * p * (p - 1) * math.log(math.pi)


@tensor_method("frac")
def frac(x: Any, name: str | None = None) -> Any:
    """The fraction: x - trunc(x), with the sign of x."""
    if x.dtype.name not in ("int32", "int64", "float32", "float64"):
        raise UnsupportedDtypeError(f"frac takes int32, int64, float32 or float64, got {x.dtype.name}")
    return subtract(x, trunc(x))


@tensor_method("sgn")
def sgn(x: Any, name: str | None = None) -> Any:
    """The sign; for complex numbers x / |x|, 0 for 0."""
    if x.dtype.name not in ("float16", "float32", "float64", "complex64", "complex128"):
        raise UnsupportedDtypeError(f"sgn takes floating or complex tensors, got {x.dtype.name}")
    if not x.dtype.is_complex:
        return sign(x)
    size = abs(x)
    size = call(I.where, size == 0.0, creation.ones_like(size), size)
    return manipulation.as_complex(manipulation.as_real(x) / manipulation.unsqueeze(size, -1))


def _to_float(x: Any) -> Any:
    return cast_to(x, dtypes.float32) if x.dtype.name in ("int32", "int64") else x


@tensor_method("rad2deg")
def rad2deg(x: Any, name: str | None = None) -> Any:
    """Degrees of radians; float32 for integers."""
    static_types("rad2deg", "float32 float64 int32 int64", x=x)
    return call(E.scale, _to_float(x), scale=180 / math.pi)


@tensor_method("deg2rad")
def deg2rad(x: Any, name: str | None = None) -> Any:
    """Radians of degrees; float32 for integers."""
    static_types("deg2rad", "float32 float64 int32 int64", x=x)
    return call(E.scale, _to_float(x), scale=math.pi / 180)


@tensor_method("nan_to_num")
def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None, name: str | None = None) -> Any:
    """`x` with nan and the infinities replaced; the infinities become the largest numbers of the type unless given."""
    if not is_tensor_like(x):
        raise WrongTypeError(f"nan_to_num: x must be a Tensor, got {type(x).__name__}")
    if x.dtype.name not in ("float32", "float64"):
        raise AssertionError(f"nan_to_num takes float32 or float64, got {x.dtype.name}")
    info = np.finfo(x.dtype.np)
    for found, value in (
        (isnan(x), nan),
        (x == math.inf, float(info.max) if posinf is None else posinf),
        (x == -math.inf, float(info.min) if neginf is None else neginf),
    ):
        x = call(I.where, found, creation.full_like(x, value), x)
    return x


@tensor_method("frexp")
def frexp(x: Any, name: str | None = None) -> tuple[Any, Any]:
    """Mantissa in (-1, -0.5] or [0.5, 1) and exponent with x = mantissa * 2**exponent, both of the type of `x`."""
    if x.dtype.name not in ("float32", "float64"):
        raise UnsupportedDtypeError(f"frexp takes float32 or float64, got {x.dtype.name}")
    size = abs(x)
    exponent = floor(log2(size))
    exponent = call(I.where, isinf(exponent), creation.zeros_like(exponent), exponent)
    mantissa = size / 2**exponent
    one = mantissa >= 1
    exponent = call(I.where, one, exponent + 1, exponent)
    mantissa = call(I.where, one, mantissa / 2, mantissa)
    return call(I.where, x < 0, -mantissa, mantissa), exponent


_CLIPPED = frozenset(("float16", "bfloat16", "float32", "float64", "int32", "int64"))


@tensor_method("clip")
def clip(x: Any, min: Any = None, max: Any = None, name: str | None = None) -> Any:
    """`x` limited to [min, max]: numbers or tensors of one element, None for no limit."""
    static_types("clip", "float16 bfloat16 float32 float64 int32 int64", x=x)
    name_ = x.dtype.name
    kind_min, kind_max = type(min), type(max)
    if (kind_min is float or kind_min is int) and (kind_max is float or kind_max is int) and name_ in _CLIPPED:
        return call(E.clip, x, None, None, min=min, max=max)
    if name_ in ("int32", "int64"):
        # the numbers that Paddle writes for "no limit"; `clip` takes them as that
        lowest: Any = np.iinfo(name_).min
        highest: Any = np.iinfo(name_).max - (2**7 if name_ == "int32" else 2**39)
    elif x.dtype.is_floating:
        info = np.finfo(name_ if name_ in ("float16", "float64") else "float32")
        lowest, highest = float(info.min), float(info.max)
    else:
        raise RuntimeError(f"clip takes floating tensors, int32 or int64, got {name_}")

    def bound(value: Any, default: Any, what: str) -> tuple[Any, Any]:
        if value is None:
            return None, default
        if is_tensor_like(value):
            return (value, default) if is_symbolic(value) else (None, value.item())
        if isinstance(value, (int, float, np.number)):
            return None, value.item() if isinstance(value, np.number) else value
        raise WrongTypeError(f"clip: {what} must be a number or a Tensor, got {type(value).__name__}")

    low, least = bound(min, lowest, "min")
    high, greatest = bound(max, highest, "max")
    return call(E.clip, x, low, high, min=least, max=greatest)


# --- two tensors


def same_types(x: Any, y: Any, what: str, widen: bool = False) -> tuple[Any, Any]:
    """Both operands, checked: tensors of one type. widen: two floating types may differ.

    WrongTypeError or MixedDtypesError otherwise.
    """
    for value in (x, y):
        if not is_tensor_like(value):
            raise WrongTypeError(f"{what} takes two Tensors, got {type(value).__name__} {str(value)[:60]}; the operators take numbers too")
    a, b = x.dtype, y.dtype
    if a is b:
        return x, y
    if widen and builtins.all(d.is_floating or d.is_complex for d in (a, b)):
        common = dtypes.promote(a, b)
        return cast_to(x, common), cast_to(y, common)
    raise MixedDtypesError(f"{what}: x is {a.name} but y is {b.name}; cast one of them with .astype()")


def _binary(name: str, op: Op, meaning: str, widen: bool = False) -> Callable[..., Any]:
    """The public function of an operator of two tensors; its first lines are the hot path."""

    def function(x: Any, y: Any, name: str | None = None) -> Any:
        try:
            if x._data.dtype is y._data.dtype:
                return call(op, x, y)
        except AttributeError:  # symbolic Variables, or no tensors at all
            pass
        static_types(what, accepted, x=x, y=y)
        return call(op, *same_types(x, y, what, widen))

    what = name
    accepted = "bool float16 bfloat16 float32 float64 int32 int64"
    if name in ("add", "subtract", "multiply", "divide", "maximum", "kron", "nextafter", "atan2"):
        accepted += " complex64 complex128"
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{meaning}, with broadcasting. ValueError for operands of different types."
    return tensor_method(name)(function)


add = _binary("add", E.elementwise_add, "x + y", widen=True)
subtract = _binary("subtract", E.elementwise_sub, "x - y", widen=True)
multiply = _binary("multiply", E.elementwise_mul, "x * y", widen=True)
divide = _binary("divide", E.elementwise_div, "x / y; integers are divided towards zero")
floor_divide = _binary("floor_divide", E.elementwise_floordiv, "x / y rounded towards minus infinity")
remainder = _binary("remainder", E.elementwise_mod, "x - y * floor(x / y), with the sign of y")
maximum = _binary("maximum", E.elementwise_max, "The larger element; nan wins")
minimum = _binary("minimum", E.elementwise_min, "The smaller element; nan wins")
fmax = _binary("fmax", E.elementwise_fmax, "The larger element; a nan counts as absent")
fmin = _binary("fmin", E.elementwise_fmin, "The smaller element; a nan counts as absent")
heaviside = _binary("heaviside", E.elementwise_heaviside, "0 where x < 0, y where x = 0, 1 where x > 0")
atan2 = _binary("atan2", E.atan2, "The angle of the point (y, x) in (-pi, pi]")
nextafter = _binary("nextafter", E.nextafter, "The next number after x towards y")
kron = _binary("kron", L.kron, "Kronecker product")

mod = floor_mod = remainder
for _name in ("mod", "floor_mod"):
    tensor_method(_name)(remainder)


@tensor_method("pow")
def pow(x: Any, y: Any, name: str | None = None) -> Any:
    """x to the power `y`, a number or a tensor of the same type; broadcasts."""
    if isinstance(y, (int, float, np.number)):
        return call(E.pow_, x, factor=y.item() if isinstance(y, np.number) else y)
    if not is_tensor_like(y):
        raise WrongTypeError(f"pow: y must be a number or a Tensor, got {type(y).__name__}")
    return call(E.elementwise_pow, *same_types(x, y, "pow"))


@tensor_method("gcd")
def gcd(x: Any, y: Any, name: str | None = None) -> Any:
    """Greatest common divisor of integers, never negative; broadcasts. How long Euclid's loop runs depends on the values."""
    static_types("gcd", "int32 int64", x=x, y=y)
    x, y = same_types(x, y, "gcd")

    def step(x: Any, y: Any) -> list[Any]:
        open_ = y != 0
        rest = remainder(x, call(I.where, open_, y, creation.ones_like(y)))
        return [call(I.where, open_, y, x), call(I.where, open_, rest, creation.zeros_like(y))]

    pair = [abs(v) for v in manipulation.broadcast_tensors([x, y])]
    return while_loop(lambda _, y: any(y != 0), step, pair)[0]


@tensor_method("lcm")
def lcm(x: Any, y: Any, name: str | None = None) -> Any:
    """Least common multiple of integers, never negative; 0 where one of them is 0. Broadcasts."""
    static_types("lcm", "int32 int64", x=x, y=y)
    divisor = gcd(x, y)
    zero = divisor == 0
    safe = call(I.where, zero, creation.ones_like(divisor), divisor)
    return abs(x * y) // safe


@tensor_method("logaddexp")
def logaddexp(x: Any, y: Any, name: str | None = None) -> Any:
    """log(exp(x) + exp(y)) without overflow; broadcasts."""
    return log1p(exp(-abs(x - y))) + maximum(x, y)


@tensor_method("hypot")
def hypot(x: Any, y: Any, name: str | None = None) -> Any:
    """sqrt(x**2 + y**2); broadcasts."""
    for value in (x, y):
        if not is_tensor_like(value):
            raise WrongTypeError(f"hypot takes two Tensors, got {type(value).__name__}")
    return sqrt(pow(x, 2) + pow(y, 2))


@tensor_method("ldexp")
def ldexp(x: Any, y: Any, name: str | None = None) -> Any:
    """x * 2**y, in float64 if one of them is, else in the default floating type."""
    for value in (x, y):
        if not is_tensor_like(value):
            raise WrongTypeError(f"ldexp takes two Tensors, got {type(value).__name__}")
    target = dtypes.float64 if dtypes.float64 in (x.dtype, y.dtype) else dtypes.default_dtype()
    x, y = cast_to(x, target), cast_to(y, target)
    return multiply(x, call(E.elementwise_pow, number_like(2.0, y, target), y))


@tensor_method("lerp")
def lerp(x: Any, y: Any, weight: Any, name: str | None = None) -> Any:
    """x + weight * (y - x); `weight` a float or a tensor. Broadcasts."""
    if isinstance(weight, float):
        weight = number_like(weight, x, x.dtype)
    x, y = same_types(x, y, "lerp")
    return call(E.lerp, x, same_types(x, y, "lerp")[1], same_types(x, weight, "lerp")[1])


@tensor_method("add_n")
def add_n(inputs: Any, name: str | None = None) -> Any:
    """The sum of a list of tensors of one shape and type (or one tensor as it is)."""
    if is_tensor_like(inputs):
        inputs = [inputs]
    if not isinstance(inputs, (list, tuple)) or len(inputs) == 0:
        raise WrongTypeError(f"add_n takes a Tensor or a list of them that is not empty, got {type(inputs).__name__}")
    for other in inputs[1:]:
        same_types(inputs[0], other, "add_n")
    return call(E.sum_, list(inputs))


@tensor_method("mm")
def mm(input: Any, mat2: Any, name: str | None = None) -> Any:
    """Matrix product of [.., n, k] and [.., k, m]."""
    static_types("mm", "float16 float32 float64", input=input, mat2=mat2)
    return call(M.matmul_v2, *same_types(input, mat2, "mm"))


@tensor_method("addmm")
def addmm(input: Any, x: Any, y: Any, beta: float = 1.0, alpha: float = 1.0, name: str | None = None) -> Any:
    """beta * input + alpha * (x @ y); x [n, k], y [k, m], input broadcast to [n, m]."""
    same_types(x, y, "addmm")
    same_types(input, x, "addmm")
    return call(M.addmm, input, x, y, Alpha=float(alpha), Beta=float(beta))


@tensor_method("inner")
def inner(x: Any, y: Any, name: str | None = None) -> Any:
    """Products over the last dimensions of both: x [.., k], y [.., k], result [.. of x, .. of y]."""
    static_types("inner", "float16 float32 float64", x=x, y=y)
    xs, ys = spec_of(x).shape, spec_of(y).shape
    if len(xs) == 0 or len(ys) == 0 or (spec_of(x).size == 1 or spec_of(y).size == 1):
        return multiply(x, y)
    length = xs[-1] if xs[-1] != -1 else ys[-1]
    if length == -1:
        length = x.shape[-1]
        if length == -1:  # in static mode a shape is plain numbers
            length = call(C.shape, x)[len(xs) - 1]
    rows, columns = manipulation.reshape(x, [-1, length]), manipulation.reshape(y, [-1, length])
    if (*xs[:-1], *ys[:-1]).count(-1) > 1:  # too much is unknown for one reshape: the dimensions of x stay as they are
        product = call(M.matmul_v2, *same_types(x, manipulation.transpose(columns, [1, 0]), "inner"))
        return product if len(ys) == 2 else manipulation.reshape(product, [0] * (len(xs) - 1) + list(ys[:-1]))
    product = call(M.matmul_v2, *same_types(rows, manipulation.transpose(columns, [1, 0]), "inner"))
    return manipulation.reshape(product, [*list(x.shape)[:-1], *list(y.shape)[:-1]])


@tensor_method("outer")
def outer(x: Any, y: Any, name: str | None = None) -> Any:
    """All products of elements: [x.size, y.size]."""
    static_types("outer", "float16 float32 float64 int32 int64", x=x, y=y)
    x, y = same_types(x, y, "outer")
    return call(M.matmul_v2, manipulation.reshape(x, [-1, 1]), manipulation.reshape(y, [1, -1]))


@tensor_method("inverse")
def inverse(x: Any, name: str | None = None) -> Any:
    """Inverse matrices of [.., n, n]."""
    return call(L.inverse, x)


@tensor_method("trace")
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, name: str | None = None) -> Any:
    """Sum of a diagonal of each plane of `axis1` and `axis2`."""
    planes("trace", x, axis1, axis2)
    return call(L.trace, x, offset=offset, axis1=axis1, axis2=axis2)


@tensor_method("renorm")
def renorm(x: Any, p: float, axis: int, max_norm: float) -> Any:
    """Slices along `axis` whose p-norm exceeds `max_norm`, scaled down to it."""
    ndim = len(spec_of(x).shape)
    return call(L.renorm, x, p=float(p), axis=axis_of(axis, ndim), max_norm=float(max_norm))


@tensor_method("take")
def take(x: Any, index: Any, mode: str = "raise", name: str | None = None) -> Any:
    """Elements of the flattened `x` at an integer tensor; mode: "raise" beyond the ends, "wrap" around, or "clip"."""
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"take: mode = {mode!r}; expected 'raise', 'wrap' or 'clip'")
    if not is_tensor_like(index):
        raise WrongTypeError(f"take: index must be a Tensor, got {type(index).__name__}")
    if index.dtype.name not in ("int32", "int64"):
        raise UnsupportedDtypeError(f"take: index must be int32 or int64, got {index.dtype.name}")
    flat, place = manipulation.flatten(x), manipulation.flatten(index)
    count = spec_of(flat).shape[0]
    if count == -1:
        raise ValueError("take: the number of elements of x is unknown while a Program is recorded")
    if mode == "raise":
        place = call(I.where, place < 0, place + count, place)
    elif mode == "wrap":
        place = place % count
    else:
        place = clip(place, 0, count - 1)
    return manipulation.reshape(manipulation.gather(flat, place), list(index.shape))


# --- reductions


def reduce_axes(axis: Any, x: Any, what: str) -> tuple[list[int], bool]:
    """The attributes `dim` and `reduce_all` for an axis argument: None, an int, or several. TypeError for anything else."""
    if axis is None:
        return [], True
    if type(axis) is int:
        return [axis], len(spec_of(x).shape) == 1
    if is_tensor_like(axis) or isinstance(axis, (int, list, tuple, range, np.integer)):
        axes = as_ints(list(axis) if isinstance(axis, range) else axis, f"{what}: axis")
        return axes, not axes or len(axes) == len(spec_of(x).shape)
    raise WrongTypeError(f"{what}: axis must be None, an int or a list of ints, got {type(axis).__name__}")


def _reduce(op: Op, x: Any, axis: Any, keepdim: bool, **attrs: Any) -> Any:
    dim, reduce_all = reduce_axes(axis, x, op.type)
    return call(op, x, dim=dim, keep_dim=bool(keepdim), reduce_all=reduce_all, **attrs)


@tensor_method("sum")
def sum(x: Any, axis: Any = None, dtype: Any = None, keepdim: bool = False, name: str | None = None) -> Any:
    """Sum over `axis` (all by default); bool and int32 give int64 unless `dtype` says otherwise."""
    static_types("sum", "bool float16 bfloat16 float32 float64 int16 int32 int64 complex64 complex128", x=x)
    dim, _ = reduce_axes(axis, x, "sum")
    if dtype is None:
        return call(R.reduce_sum, x, dim=dim, keep_dim=bool(keepdim))
    return call(R.reduce_sum, x, dim=dim, keep_dim=bool(keepdim), in_dtype=x.dtype.proto, out_dtype=as_dtype(dtype).proto)


@tensor_method("max")
def max(x: Any, axis: Any = None, keepdim: bool = False, name: str | None = None) -> Any:
    """Largest elements over `axis`; each of several equal ones gets the whole gradient."""
    return _reduce(R.reduce_max, x, axis, keepdim)


@tensor_method("min")
def min(x: Any, axis: Any = None, keepdim: bool = False, name: str | None = None) -> Any:
    """Smallest elements over `axis`; each of several equal ones gets the whole gradient."""
    return _reduce(R.reduce_min, x, axis, keepdim)


@tensor_method("amax")
def amax(x: Any, axis: Any = None, keepdim: bool = False, name: str | None = None) -> Any:
    """Largest elements over `axis`; several equal ones share the gradient."""
    return _reduce(R.reduce_amax, x, axis, keepdim)


@tensor_method("amin")
def amin(x: Any, axis: Any = None, keepdim: bool = False, name: str | None = None) -> Any:
    """Smallest elements over `axis`; several equal ones share the gradient."""
    return _reduce(R.reduce_amin, x, axis, keepdim)


@tensor_method("prod")
def prod(x: Any, axis: Any = None, keepdim: bool = False, dtype: Any = None, name: str | None = None) -> Any:
    """Product over `axis`."""
    if dtype is not None:
        x = cast_to(x, as_dtype(dtype))
    return _reduce(R.reduce_prod, x, axis, keepdim)


@tensor_method("all")
def all(x: Any, axis: Any = None, keepdim: bool = False, name: str | None = None) -> Any:
    """Whether all elements over `axis` are true (not zero); bool."""
    return _reduce(R.reduce_all_, x, axis, keepdim)


@tensor_method("any")
def any(x: Any, axis: Any = None, keepdim: bool = False, name: str | None = None) -> Any:
    """Whether some element over `axis` is true (not zero); bool."""
    return _reduce(R.reduce_any, x, axis, keepdim)


@tensor_method("logsumexp")
def logsumexp(x: Any, axis: Any = None, keepdim: bool = False, name: str | None = None) -> Any:
    """log(sum(exp(x))) over `axis` without overflow."""
    dim, reduce_all = reduce_axes(axis, x, "logsumexp")
    return call(R.logsumexp, x, axis=dim, keepdim=bool(keepdim), reduce_all=reduce_all)


@tensor_method("nansum")
def nansum(x: Any, axis: Any = None, dtype: Any = None, keepdim: bool = False, name: str | None = None) -> Any:
    """Sum over `axis` with nan counted as 0."""
    static_types("nansum", "float16 float32 float64 int32 int64", x=x)
    zeros = creation.zeros_like(x)
    return sum(call(I.where, isnan(x), zeros, x), axis, dtype, keepdim)


@tensor_method("nanmean")
def nanmean(x: Any, axis: Any = None, keepdim: bool = False, name: str | None = None) -> Any:
    """Mean over `axis` of the elements that are not nan."""
    static_types("nanmean", "float16 bfloat16 float32 float64", x=x)
    count = sum(call(E.bitwise_not, isnan(x)), axis=axis, keepdim=keepdim)
    return divide(nansum(x, axis=axis, keepdim=keepdim), cast_to(count, x.dtype))


@tensor_method("count_nonzero")
def count_nonzero(x: Any, axis: Any = None, keepdim: bool = False, name: str | None = None) -> Any:
    """Number of elements other than zero over `axis`; int64."""
    static_types("count_nonzero", "bool float16 bfloat16 float32 float64 int16 int32 int64 uint8", x=x)
    spec_of(x)  # an error for what is no tensor
    return sum(cast(cast(x, "bool"), "int64"), axis=axis, keepdim=keepdim)


# --- cumulative


def _typed(x: Any, dtype: Any) -> Any:
    return x if dtype is None else cast_to(x, as_dtype(dtype))


@tensor_method("cumsum")
def cumsum(x: Any, axis: int | None = None, dtype: Any = None, name: str | None = None) -> Any:
    """Running sums along `axis`, of the flattened tensor for None."""
    x = _typed(x, dtype)
    if axis is None:
        return call(R.cumsum, x, flatten=True)
    return call(R.cumsum, x, axis=as_int(axis, "cumsum: axis"), flatten=False)


@tensor_method("logcumsumexp")
def logcumsumexp(x: Any, axis: int | None = None, dtype: Any = None, name: str | None = None) -> Any:
    """Running log-sum-exp along `axis`, of the flattened tensor for None."""
    x = _typed(x, dtype)
    if axis is None:
        return call(R.logcumsumexp, x, flatten=True)
    return call(R.logcumsumexp, x, axis=as_int(axis, "logcumsumexp: axis"), flatten=False)


@tensor_method("cumprod")
def cumprod(x: Any, dim: int | None = None, dtype: Any = None, name: str | None = None) -> Any:
    """Running products along `dim`."""
    if dim is None:
        raise WrongTypeError("cumprod: dim must be an int, got None")
    return call(R.cumprod, _typed(x, dtype), dim=as_int(dim, "cumprod: dim"))


def _running(op: Op, x: Any, axis: int | None, dtype: Any) -> tuple[Any, Any]:
    target = as_dtype(dtype)
    if target.name not in ("int32", "int64"):
        raise UnsupportedDtypeError(f"{op.type}: dtype of the indices must be int32 or int64, got {target.name}")
    if axis is None:
        axis, x = -1, manipulation.flatten(x)
    return call(op, x, axis=axis, dtype=target.proto)


@tensor_method("cummax")
def cummax(x: Any, axis: int | None = None, dtype: Any = "int64", name: str | None = None) -> tuple[Any, Any]:
    """Running maxima and their positions along `axis`; the last of equal ones counts."""
    return _running(R.cummax, x, axis, dtype)


@tensor_method("cummin")
def cummin(x: Any, axis: int | None = None, dtype: Any = "int64", name: str | None = None) -> tuple[Any, Any]:
    """Running minima and their positions along `axis`; the last of equal ones counts."""
    return _running(R.cummin, x, axis, dtype)


def _neighbours(x: Any, axis: int) -> tuple[Any, Any]:
    """All elements along `axis` but the last, and all but the first."""
    n = spec_of(x).shape[axis]
    first, last = (n - 1, n) if n > 0 else (-1, int(np.iinfo(np.int32).max))
    return manipulation.slice(x, [axis], [0], [first]), manipulation.slice(x, [axis], [1], [last])


@tensor_method("diff")
def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None, name: str | None = None) -> Any:
    """Differences of neighbours along `axis`, taken n >= 1 times; `prepend` and `append` are put on first."""
    static_types("diff", "bool float16 float32 float64 int32 int64", x=x)
    if n < 1:
        raise ValueError(f"diff: n must be at least 1, got {n}")
    axis = axis_of(axis, len(spec_of(x).shape))
    for _ in range(n):
        parts = [p for p in (prepend, x, append) if p is not None]
        whole = parts[0] if len(parts) == 1 else manipulation.concat(parts, axis)
        early, late = _neighbours(whole, axis)
        x = call(E.logical_xor, late, early) if x.dtype is dtypes.bool_ else subtract(late, early)
    return x


def _trapezoids(y: Any, x: Any, dx: Any, axis: int) -> Any:
    """Areas of the trapezoids between neighbours of `y` along `axis`."""
    if x is not None and dx is not None:
        raise ValueError("trapezoid takes x or dx, not both")
    for value in (y, x):
        if value is not None and value.dtype.name not in ("float16", "float32", "float64"):
            raise UnsupportedDtypeError(f"trapezoid takes floating tensors, got {value.dtype.name}")
    ndim = len(spec_of(y).shape)
    at = axis_of(axis, ndim)
    if x is None:
        step: Any = 1.0 if dx is None else dx
        if is_tensor_like(step) and len(spec_of(step).shape) > 1:
            raise ValueError(f"trapezoid: dx must be a number, got shape {list(step.shape)}")
    elif len(spec_of(x).shape) == 1:
        step = manipulation.reshape(diff(x), [-1 if i == at else 1 for i in range(ndim)])
    else:
        step = diff(x, axis=at)
    early, late = _neighbours(y, at)
    return 0.5 * ((late + early) * step)


@tensor_method("trapezoid")
def trapezoid(y: Any, x: Any = None, dx: Any = None, axis: int = -1, name: str | None = None) -> Any:
    """The integral of `y` along `axis` by the trapezoid rule, over the points `x` or with the step `dx`."""
    return sum(_trapezoids(y, x, dx, axis), axis=axis)


@tensor_method("cumulative_trapezoid")
def cumulative_trapezoid(y: Any, x: Any = None, dx: Any = None, axis: int = -1, name: str | None = None) -> Any:
    """The running integral of `y` along `axis` by the trapezoid rule, one element shorter than `y`."""
    return cumsum(_trapezoids(y, x, dx, axis), axis=axis)


@tensor_method("vander")
def vander(x: Any, n: int | None = None, increasing: bool = False, name: str | None = None) -> Any:
    """The Vandermonde matrix [len(x), n] of powers of a vector, highest power first unless `increasing`."""
    static_types("vander", "float32 float64 int32 int64 complex64 complex128", x=x)
    shape = spec_of(x).shape
    if len(shape) != 1:
        raise ValueError(f"vander takes a vector, got {len(shape)} dimensions")
    if n is None:
        if shape[0] == -1:
            raise ValueError("vander: the length of x is unknown while a Program is recorded; give n")
        n = shape[0]
    if n < 0:
        raise ValueError(f"vander: n must not be negative, got {n}")
    if n == 0:
        return creation.empty([shape[0], 0], dtype=x.dtype)
    column = manipulation.unsqueeze(x, -1)
    powers = [creation.ones_like(column)]
    for _ in range(n - 1):
        powers.append(multiply(powers[-1], column))
    return manipulation.concat(powers if increasing else powers[::-1], axis=1)


@tensor_method("combinations")
def combinations(x: Any, r: int = 2, with_replacement: bool = False, name: str | None = None) -> Any:
    """All choices of r elements of a vector, [number, r], in lexicographic order of their places."""
    shape = spec_of(x).shape
    if len(shape) != 1:
        raise WrongTypeError(f"combinations takes a vector, got shape {list(shape)}")
    if not isinstance(r, int) or r < 0:
        raise ValueError(f"combinations: r must be an int that is not negative, got {r!r}")
    if r == 0:
        return creation.empty([0], dtype=x.dtype)
    if shape[0] == -1:
        raise ValueError("combinations: the length of x is unknown while a Program is recorded; give static.data its whole shape")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array(list(choose(range(shape[0]), r)), np.int64).reshape(-1, r)
    if len(places) == 0:
        return creation.empty([0, r], dtype=x.dtype)
    picked = manipulation.gather(x, creation.to_tensor(places.reshape(-1)))
    return manipulation.reshape(picked, [len(places), r])


# --- in place


def changing(function: Callable[..., Any], method: bool = True) -> Callable[..., Any]:
    """The variant ``foo_`` of a function: it changes its first argument and returns it. method: attach it to tensors."""

    @functools.wraps(function)
    def changed(x: Any, *args: Any, **kwargs: Any) -> Any:
        old = before_change(x)
        made = function(old, *[old if a is x else a for a in args], **kwargs)
        before, after = spec_of(x), spec_of(made)
        if after.size != before.size and -1 not in (*after.shape, *before.shape):
            raise ValueError(
                f"{function.__name__}_: the result has shape {list(after.shape)}, but the tensor it is written over {list(before.shape)}; "
                f"use {function.__name__}, which makes a new tensor"
            )
        return in_place(x, made)

    signature = inspect.signature(function)
    kept = [p for n, p in signature.parameters.items() if n != "out"]  # the result has its place already
    changed.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    changed.__name__ = changed.__qualname__ = function.__name__ + "_"
    changed.__doc__ = f"`{function.__name__}`, changing its first argument itself."
    return tensor_method(changed.__name__)(changed) if method else changed


abs_, acos_, acosh_, add_, addmm_, asin_, asinh_, atan_, atanh_ = map(
    changing, (abs, acos, acosh, add, addmm, asin, asinh, atan, atanh)
)
cast_, ceil_, clip_, cos_, cosh_, cumprod_, cumsum_, digamma_, divide_ = map(
    changing, (cast, ceil, clip, cos, cosh, cumprod, cumsum, digamma, divide)
)
erf_, erfinv_, exp_, expm1_, floor_, floor_divide_, frac_, gcd_, hypot_, i0_ = map(
    changing, (erf, erfinv, exp, expm1, floor, floor_divide, frac, gcd, hypot, i0)
)
lcm_, ldexp_, lerp_, lgamma_, log_, log10_, log1p_, log2_, logit_ = map(
    changing, (lcm, ldexp, lerp, lgamma, log, log10, log1p, log2, logit)
)
multigammaln_, multiply_, nan_to_num_, neg_, polygamma_, pow_, reciprocal_, remainder_, renorm_, round_ = map(
    changing, (multigammaln, multiply, nan_to_num, neg, polygamma, pow, reciprocal, remainder, renorm, round)
)
rsqrt_, scale_, sigmoid_, sin_, sinh_, sqrt_, square_, subtract_, tan_, tanh_, trunc_ = map(
    changing, (rsqrt, scale, sigmoid, sin, sinh, sqrt, square, subtract, tan, tanh, trunc)
)
mod_ = floor_mod_ = remainder_
for _name in ("mod_", "floor_mod_"):
    tensor_method(_name)(remainder_)

__all__ += [_name for _name, _value in list(globals().items()) if _name.endswith("_") and not _name.startswith("_") and callable(_value)]


def _with_axis(op: Op) -> Callable[..., Any]:
    def function(x: Any, y: Any, axis: int = -1, name: str | None = None) -> Any:
        return call(op, x, y, axis=axis)

    return function


# `y` lies along the dimensions of `x` from `axis` on
_add_with_axis, _subtract_with_axis = _with_axis(E.elementwise_add), _with_axis(E.elementwise_sub)
_multiply_with_axis, _divide_with_axis = _with_axis(E.elementwise_mul), _with_axis(E.elementwise_div)
