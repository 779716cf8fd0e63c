"""Elementwise mathematics of one or two tensors, comparisons and logic.

The binary operators broadcast as NumPy does; the attribute `axis` other than -1 is the 1.x way of saying at which
dimension of X the dimensions of Y begin. Which operators take integers follows Paddle 2.6.2: `exp`, `log` and their
relatives turn them into float32, most others refuse them.
"""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import kernels
from ..dtypes import numpy_of as _numpy
from ..errors import UnfitShapesError, UnsupportedDtypeError
from . import special
from .registry import DTypeNumber, Op, Spec, op
from .shapes import broadcast, broadcast_shape, same_as, same_with_dtype, unbroadcast

__all__: list[str] = []

_F32 = np.dtype(np.float32)
_BOOL = np.dtype(np.bool_)


# --- unary


def refuse_integers(x: Any) -> None:
    """UnsupportedDtypeError for an operator that has no meaning on integers."""
    if x.dtype.kind in "iub":
        raise UnsupportedDtypeError(f"takes floating tensors, got {x.dtype}; cast it first, for example x.astype('float32')")


def _as_float(spec: Spec, **_: Any) -> Spec:
    return Spec(spec.shape, _F32) if spec.dtype.kind in "iub" else spec


def unary(
    type: str,
    forward: Callable[..., Any],
    backward: Callable[..., Any] | None = None,
    keeps: str = "X",
    integers: str = "refuse",
    slots: str = "X -> Out",
) -> Op:
    """Define an operator of one tensor without attributes.

    backward(xp, kept, d_out), where `keeps` says what is kept: "X", "Out", or "" for nothing.
    integers: "refuse", "float32" (the result is float32), or "keep" (the function knows what to do).
    """
    x_slot, out_slot = (s.strip() for s in slots.split("->"))
    infer: Callable[..., Any] = same_as(0)
    function = forward
    if integers == "refuse":

        def function(xp, x):
            if x.dtype.kind in "iub":
                refuse_integers(x)
            return forward(xp, x)

    elif integers == "float32":
        infer = _as_float

        def function(xp, x):
            return forward(xp, x.astype(_F32) if x.dtype.kind in "iub" else x)

    grad = None
    if backward is not None:
        kept = {"X": f"{x_slot}, ", "Out": f"{out_slot}, ", "": ""}[keeps]
        grad = f"{kept}{out_slot}@GRAD -> {x_slot}@GRAD"
    made = op(type, slots, infer=infer, grad=grad)(function)
    if backward is not None:
        made.backward(_conjugated(backward))
    return made


def _conjugated(backward: Callable[..., Any]) -> Callable[..., Any]:
    """`backward` is d_out times a derivative; the gradient of a complex value is d_out times its conjugate."""
    if backward.__code__.co_argcount == 2:

        def alone(xp, d):
            return backward(xp, d.conj()).conj() if d.dtype.kind == "c" else backward(xp, d)

        return alone

    def both(xp, kept, d):
        return backward(xp, kept, d.conj()).conj() if d.dtype.kind == "c" else backward(xp, kept, d)

    return both


@functools.lru_cache(maxsize=4096)
def _constant(dtype: Any, number: float) -> Any:
    made = np.asarray(number, dtype)
    made.flags.writeable = False
    return made


def const(x: Any, number: float) -> Any:
    """A number in the type of `x`, so that float32 stays float32 for 0-d values under NumPy 1 too. Not to be given back as a result.

    Beside NumPy arrays it is a 0-d array: their functions take that in half the time of a scalar.
    """
    kind = type(number)
    if type(x) is np.ndarray and x.dtype.kind == "f" and (kind is int or (kind is float and number)):  # -0.0 would be taken for 0
        return _constant(x.dtype, number)
    return x.dtype.type(number)


exp = unary("exp", lambda xp, x: xp.exp(x), lambda xp, out, d: d * out, "Out", "float32")
expm1 = unary("expm1", lambda xp, x: xp.expm1(x), lambda xp, out, d: d * out + d, "Out", "float32")
log = unary("log", lambda xp, x: xp.log(x), lambda xp, x, d: d / x, "X", "float32")
log2 = unary("log2", lambda xp, x: xp.log2(x), lambda xp, x, d: d / (x * const(x, np.log(2))), "X", "float32")
log10 = unary("log10", lambda xp, x: xp.log10(x), lambda xp, x, d: d / (x * const(x, np.log(10))), "X", "float32")
log1p = unary("log1p", lambda xp, x: xp.log1p(x), lambda xp, x, d: d / (x + const(x, 1)), "X", "float32")

sqrt = unary("sqrt", lambda xp, x: xp.sqrt(x), lambda xp, out, d: d * const(out, 0.5) / out, "Out")
rsqrt = unary("rsqrt", lambda xp, x: const(x, 1) / xp.sqrt(x), lambda xp, out, d: d * const(out, -0.5) * out * out * out, "Out")
reciprocal = unary("reciprocal", lambda xp, x: const(x, 1) / x, lambda xp, out, d: -(d * out * out), "Out")
square = unary("square", lambda xp, x: x * x, lambda xp, x, d: d * x * const(x, 2), integers="keep")

sin = unary("sin", lambda xp, x: xp.sin(x), lambda xp, x, d: d * xp.cos(x))
cos = unary("cos", lambda xp, x: xp.cos(x), lambda xp, x, d: -(d * xp.sin(x)))
tan = unary("tan", lambda xp, x: xp.tan(x), lambda xp, x, d: d / xp.square(xp.cos(x)))
sinh = unary("sinh", lambda xp, x: xp.sinh(x), lambda xp, x, d: d * xp.cosh(x))
cosh = unary("cosh", lambda xp, x: xp.cosh(x), lambda xp, x, d: d * xp.sinh(x))


def _tanh_back(xp: Any, out: Any, d: Any) -> Any:
    kernel = kernels.lookup("activation_grad")
    found = None if kernel is None else kernel("tanh", out, d)
    return d * (const(out, 1) - out * out) if found is None else found


tanh = unary("tanh", lambda xp, x: xp.tanh(x), _tanh_back, "Out")
asin = unary("asin", lambda xp, x: xp.arcsin(x), lambda xp, x, d: d / xp.sqrt(const(x, 1) - x * x))
acos = unary("acos", lambda xp, x: xp.arccos(x), lambda xp, x, d: -(d / xp.sqrt(const(x, 1) - x * x)))
atan = unary("atan", lambda xp, x: xp.arctan(x), lambda xp, x, d: d / (x * x + const(x, 1)))
asinh = unary("asinh", lambda xp, x: xp.arcsinh(x), lambda xp, x, d: d / xp.sqrt(x * x + const(x, 1)))
acosh = unary("acosh", lambda xp, x: xp.arccosh(x), lambda xp, x, d: d / (xp.sqrt(x - const(x, 1)) * xp.sqrt(x + const(x, 1))))
atanh = unary("atanh", lambda xp, x: xp.arctanh(x), lambda xp, x, d: d / (const(x, 1) - x * x))

floor = unary("floor", lambda xp, x: xp.floor(x), lambda xp, d: xp.zeros_like(d), "")
ceil = unary("ceil", lambda xp, x: xp.ceil(x), lambda xp, d: xp.zeros_like(d), "")
trunc = unary("trunc", lambda xp, x: x.copy() if x.dtype.kind in "iub" else xp.trunc(x), lambda xp, d: xp.zeros_like(d), "", "keep")


def _sign(xp: Any, x: Any) -> Any:
    if x.dtype.kind == "c":  # NumPy 1 and 2 mean different things by it
        raise UnsupportedDtypeError(f"takes real tensors, got {x.dtype}; `sgn` takes complex ones")
    return xp.sign(x)


sign = unary("sign", _sign, lambda xp, d: xp.zeros_like(d), "", "keep")


def _round(xp: Any, x: Any) -> Any:
    """Halves go away from zero, as in Paddle 2.6.2 (NumPy and Paddle 3: to even)."""
    kernel = kernels.lookup("activation")
    found = None if kernel is None else kernel("round", x)
    if found is not None:
        return found
    whole = xp.trunc(x)
    # x - whole is exact, so no half is ever missed
    return whole + xp.where(xp.abs(x - whole) >= const(x, 0.5), xp.sign(x), const(x, 0))


round_ = unary("round", _round, lambda xp, d: xp.zeros_like(d), "")


@op("abs", "X -> Out", infer=lambda x: Spec(x.shape, _real_dtype(x.dtype)), grad="X, Out@GRAD -> X@GRAD")
def abs_(xp, x):
    if x.dtype.kind == "b":
        refuse_integers(x)
    return xp.abs(x)


@abs_.backward
def _(xp, x, d_out):
    if x.dtype.kind == "c":
        size = xp.abs(x)
        return d_out * xp.where(size == 0, x, x / xp.where(size == 0, 1, size))
    return d_out * xp.sign(x)


def _real_dtype(dtype: Any) -> Any:
    return {"complex64": _F32, "complex128": np.dtype(np.float64)}.get(dtype.name, dtype)


def _complex_dtype(dtype: Any) -> Any:
    return np.dtype(np.complex128 if dtype.itemsize == 8 else np.complex64)


# --- special functions


def _erf(xp: Any, x: Any) -> Any:
    kernel = kernels.lookup("erf")
    found = kernel(x) if kernel is not None else None
    return special.erf(xp, x) if found is None else found


_TWO_OVER_SQRT_PI = 1.1283791670955126
erf = unary("erf", _erf, lambda xp, x, d: d * xp.exp(-(x * x)) * const(x, _TWO_OVER_SQRT_PI))
erfinv = unary("erfinv", special.erfinv, lambda xp, out, d: d * xp.exp(out * out) * const(out, 1 / _TWO_OVER_SQRT_PI), "Out")
lgamma = unary("lgamma", special.lgamma, lambda xp, x, d: d * special.digamma(xp, x))
digamma = unary("digamma", special.digamma, lambda xp, x, d: d * special.polygamma(xp, 1, x))


@op("polygamma", "x -> out", infer=same_as(0), grad="x, out@GRAD -> x@GRAD")
def polygamma(xp, x, *, n: int):
    refuse_integers(x)
    return special.polygamma(xp, n, x)


@polygamma.backward
def _(xp, x, d_out, *, n: int):
    return d_out * special.polygamma(xp, n + 1, x)


i0 = unary("i0", special.i0, lambda xp, x, d: d * special.i1(xp, x), slots="x -> out")


@op("i1", "x -> out", infer=same_as(0), grad="x, out#, out@GRAD -> x@GRAD")
def i1(xp, x):
    refuse_integers(x)
    return special.i1(xp, x)


@i1.backward
def _(xp, x, out, d_out):
    return d_out * (special.i0(xp, x) - special.i1_over_x(xp, x))


@op("i0e", "x -> out", infer=same_as(0), grad="x, out, out@GRAD -> x@GRAD")
def i0e(xp, x):
    refuse_integers(x)
    return special.i0e(xp, x)


@i0e.backward
def _(xp, x, out, d_out):
    return d_out * (special.i1e(xp, x) - xp.sign(x) * out)


@op("i1e", "x -> out", infer=same_as(0), grad="x, out, out@GRAD -> x@GRAD")
def i1e(xp, x):
    refuse_integers(x)
    return special.i1e(xp, x)


@i1e.backward
def _(xp, x, out, d_out):
    return d_out * (special.i0e(xp, x) - special.i1_over_x(xp, x) * xp.exp(-xp.abs(x)) - xp.sign(x) * out)


@op("logit", "X -> Out", infer=same_as(0), grad="X, Out@GRAD -> X@GRAD")
def logit(xp, x, *, eps: float = 1e-6):
    refuse_integers(x)
    if eps:
        x = xp.clip(x, const(x, eps), const(x, 1 - eps))
    with np.errstate(divide="ignore", invalid="ignore"):  # nan outside of [0, 1], as Paddle
        return xp.log(x / (const(x, 1) - x))


@logit.backward
def _(xp, x, d_out, *, eps: float = 1e-6):
    inside = (x >= const(x, eps)) & (x <= const(x, 1 - eps))
    safe = xp.where(inside, x, const(x, 0.5))
    return xp.where(inside, d_out / (safe * (const(x, 1) - safe)), xp.zeros_like(d_out))


# --- complex numbers


conj = unary("conj", lambda xp, x: xp.conj(x), lambda xp, d: d.conj(), "", "keep")


@op("real", "X -> Out", infer=lambda x: Spec(x.shape, _real_dtype(x.dtype)), grad="X#, Out@GRAD -> X@GRAD")
def real(xp, x):
    if x.dtype.kind != "c":
        raise UnsupportedDtypeError(f"takes complex tensors, got {x.dtype}")
    return x.real.copy()


@real.backward
def _(xp, x, d_out):
    return d_out.astype(x.dtype)


@op("imag", "X -> Out", infer=lambda x: Spec(x.shape, _real_dtype(x.dtype)), grad="X#, Out@GRAD -> X@GRAD")
def imag(xp, x):
    if x.dtype.kind != "c":
        raise UnsupportedDtypeError(f"takes complex tensors, got {x.dtype}")
    return x.imag.copy()


@imag.backward
def _(xp, x, d_out):
    return d_out.astype(x.dtype) * x.dtype.type(1j)


@op("angle", "X -> Out", infer=lambda x: Spec(x.shape, _real_dtype(x.dtype)), grad="X, Out@GRAD -> X@GRAD")
def angle(xp, x):
    refuse_integers(x)
    if x.dtype.kind == "c":
        return xp.angle(x)
    return xp.where(x < 0, const(x, np.pi), const(x, 0)) + x * const(x, 0)  # nan stays nan


@angle.backward
def _(xp, x, d_out):
    if x.dtype.kind != "c":
        return xp.zeros_like(d_out)
    size = x.real * x.real + x.imag * x.imag
    size = xp.where(size == 0, xp.ones_like(size), size)
    return (d_out * (-x.imag) / size).astype(x.dtype) + (d_out * x.real / size).astype(x.dtype) * x.dtype.type(1j)


# --- tests


def _test(type: str, floating: str) -> Op:
    @op(type, "X -> Out", infer=same_with_dtype("bool"))
    def forward(xp, x):
        return getattr(xp, floating)(x)

    return forward


isnan = _test("isnan_v2", "isnan")
isinf = _test("isinf_v2", "isinf")
isfinite = _test("isfinite_v2", "isfinite")


def _any_test(type: str, function: str, invert: bool = False) -> Op:
    # the 1.x forms answer for the whole tensor
    @op(type, "X -> Out", infer=lambda x: Spec((1,), _BOOL))
    def forward(xp, x):
        found = getattr(xp, function)(x)
        return (found.all() if invert else found.any()).reshape(1)

    return forward


_any_test("isnan", "isnan")
_any_test("isinf", "isinf")
_any_test("isfinite", "isfinite", True)


# --- binary


def aligned(x: Any, y: Any, axis: int) -> Any:
    """Y with trailing ones where `axis` says that it starts before the last dimensions of X."""
    if axis == -1 or x.ndim <= y.ndim:
        return y
    return y.reshape(y.shape + (1,) * (x.ndim - axis - y.ndim))


def aligned_shape(x: Any, y: Any, axis: int) -> tuple[int, ...]:
    """The shape that `aligned` gives Y."""
    if axis == -1 or x.ndim <= y.ndim:
        return tuple(y.shape)
    return tuple(y.shape) + (1,) * (x.ndim - axis - y.ndim)


def back(xp: Any, d: Any, like: Any, shape: tuple[int, ...]) -> Any:
    """A gradient summed back to `shape` and given the shape and dtype of `like`."""
    wanted = like.shape
    if d.shape != wanted:
        d = unbroadcast(xp, d, shape)
        if d.shape != wanted:
            d = d.reshape(wanted)
    if d.dtype is like.dtype or d.dtype == like.dtype:
        return d
    return (d.real if d.dtype.kind == "c" and like.dtype.kind != "c" else d).astype(like.dtype)


@op("elementwise_add", "X, Y -> Out", infer=broadcast(), grad="X#, Y#, Out@GRAD -> X@GRAD, Y@GRAD")
def elementwise_add(xp, x, y, *, axis: int = -1):
    if axis == -1:
        return x + y
    return x + aligned(x, y, axis)


@elementwise_add.backward
def _(xp, x, y, d_out, *, axis: int = -1, needs: tuple[bool, ...] = (True, True)):
    dx = back(xp, d_out, x, x.shape) if needs[0] else None
    dy = back(xp, d_out, y, aligned_shape(x, y, axis)) if needs[1] else None
    return dx, dy


@op("grad_add", "X, Y -> Out", infer=broadcast())
def grad_add(xp, x, y, *, axis: int = -1):
    return x + aligned(x, y, axis)


@op("elementwise_sub", "X, Y -> Out", infer=broadcast(), grad="X#, Y#, Out@GRAD -> X@GRAD, Y@GRAD")
def elementwise_sub(xp, x, y, *, axis: int = -1):
    if axis == -1:
        return x - y
    return x - aligned(x, y, axis)


@elementwise_sub.backward
def _(xp, x, y, d_out, *, axis: int = -1, needs: tuple[bool, ...] = (True, True)):
    dx = back(xp, d_out, x, x.shape) if needs[0] else None
    dy = back(xp, -d_out, y, aligned_shape(x, y, axis)) if needs[1] else None
    return dx, dy


@op("minus", "X, Y -> Out", infer=same_as(0), grad="X#, Y#, Out@GRAD -> X@GRAD, Y@GRAD")
def minus(xp, x, y):
    return x - y


@minus.backward
def _(xp, x, y, d_out):
    return d_out, -d_out


@op("elementwise_mul", "X, Y -> Out", infer=broadcast(), grad="X, Y, Out@GRAD -> X@GRAD, Y@GRAD")
def elementwise_mul(xp, x, y, *, axis: int = -1):
    if axis == -1:
        return x * y
    return x * aligned(x, y, axis)


@elementwise_mul.backward
def _(xp, x, y, d_out, *, axis: int = -1, needs: tuple[bool, ...] = (True, True)):
    y_ = aligned(x, y, axis)
    dx = back(xp, d_out * y_.conj() if y.dtype.kind == "c" else d_out * y_, x, x.shape) if needs[0] else None
    dy = back(xp, d_out * x.conj() if x.dtype.kind == "c" else d_out * x, y, y_.shape) if needs[1] else None
    return dx, dy


@op("elementwise_div", "X, Y -> Out", infer=broadcast(), grad="X#, Y, Out, Out@GRAD -> X@GRAD, Y@GRAD")
def elementwise_div(xp, x, y, *, axis: int = -1):
    y = aligned(x, y, axis)
    if x.dtype.kind in "iub":  # Paddle divides integers to integers, towards zero
        whole = floor_quotient(xp, x, y)
        return (whole + ((whole < 0) & (whole * y != x))).astype(x.dtype)
    return x / y


def floor_quotient(xp: Any, x: Any, y: Any) -> Any:
    """Quotient of integers; ZeroDivision as Paddle tells it."""
    if (y == 0).any():
        raise ValueError("integer division by zero")
    return xp.floor_divide(x, y)


@elementwise_div.backward
def _(xp, x, y, out, d_out, *, axis: int = -1, needs: tuple[bool, ...] = (True, True)):
    y_ = aligned(x, y, axis)
    if y.dtype.kind == "c":
        y_, out = y_.conj(), out.conj()
    dx = d_out / y_
    dy = back(xp, -(dx * out), y, y_.shape) if needs[1] else None
    return (back(xp, dx, x, x.shape) if needs[0] else None), dy


@op("elementwise_floordiv", "X, Y -> Out", infer=broadcast())
def elementwise_floordiv(xp, x, y, *, axis: int = -1):
    y = aligned(x, y, axis)
    if x.dtype.kind in "iub":
        return floor_quotient(xp, x, y)
    return xp.floor(x / y)


@op("elementwise_mod", "X, Y -> Out", infer=broadcast(), grad="X, Y, Out@GRAD -> X@GRAD, Y@GRAD")
def elementwise_mod(xp, x, y, *, axis: int = -1):
    y = aligned(x, y, axis)
    if x.dtype.kind in "iub" and (y == 0).any():
        raise ValueError("integer division by zero")
    return xp.remainder(x, y)


@elementwise_mod.backward
def _(xp, x, y, d_out, *, axis: int = -1, needs: tuple[bool, ...] = (True, True)):
    y_ = aligned(x, y, axis)
    dx = back(xp, d_out, x, x.shape) if needs[0] else None
    dy = back(xp, -(d_out * xp.floor(x / y_)), y, y_.shape) if needs[1] else None
    return dx, dy


@op("elementwise_pow", "X, Y -> Out", infer=broadcast(), grad="X, Y, Out@GRAD -> X@GRAD, Y@GRAD")
def elementwise_pow(xp, x, y, *, axis: int = -1):
    return xp.power(x, aligned(x, y, axis))


@elementwise_pow.backward
def _(xp, x, y, d_out, *, axis: int = -1, needs: tuple[bool, ...] = (True, True)):
    if x.dtype.kind == "c":
        x, y = x.conj(), y.conj()
    y_ = aligned(x, y, axis)
    dx = dy = None
    if needs[0]:
        dx = back(xp, d_out * y_ * xp.power(x, y_ - const(y, 1)), x, x.shape)
    if needs[1]:
        # at x = 0 the derivative is 0, not 0 * log 0
        safe = xp.where(x == 0, const(x, 1), x)
        dy = back(xp, d_out * xp.power(x, y_) * xp.log(safe), y, y_.shape)
    return dx, dy


def _extremum(type: str, function: str, first: Callable[[Any, Any], Any], with_axis: bool = True) -> Op:
    """maximum and its relatives: `first(x, y)` is where the gradient goes to X."""

    def run(xp: Any, x: Any, y: Any, axis: int) -> Any:
        return getattr(xp, function)(x, aligned(x, y, axis))

    if with_axis:

        @op(type, "X, Y -> Out", infer=broadcast(), grad="X, Y, Out@GRAD -> X@GRAD, Y@GRAD")
        def forward(xp, x, y, *, axis: int = -1):
            return run(xp, x, y, axis)

    else:

        @op(type, "X, Y -> Out", infer=broadcast(), grad="X, Y, Out@GRAD -> X@GRAD, Y@GRAD")
        def forward(xp, x, y):
            return run(xp, x, y, -1)

    @forward.backward
    def _(xp, x, y, d_out, *, axis: int = -1, needs: tuple[bool, ...] = (True, True)):
        y_ = aligned(x, y, axis)
        take = first(x, y_)
        zero = xp.zeros_like(d_out)
        dx = back(xp, xp.where(take, d_out, zero), x, x.shape) if needs[0] else None
        dy = back(xp, xp.where(take, zero, d_out), y, y_.shape) if needs[1] else None
        return dx, dy

    return forward


elementwise_max = _extremum("elementwise_max", "maximum", lambda x, y: x > y)
elementwise_min = _extremum("elementwise_min", "minimum", lambda x, y: x < y)
# a nan counts as absent: the gradient goes to the other side
elementwise_fmax = _extremum("elementwise_fmax", "fmax", lambda x, y: (x >= y) | (y != y), with_axis=False)
elementwise_fmin = _extremum("elementwise_fmin", "fmin", lambda x, y: (x <= y) | (y != y), with_axis=False)


@op("elementwise_heaviside", "X, Y -> Out", infer=broadcast(), grad="X, Y#, Out@GRAD -> X@GRAD, Y@GRAD")
def elementwise_heaviside(xp, x, y):
    zero, one = const(x, 0), const(x, 1)
    return xp.where(x == 0, y, xp.where(x > 0, one, zero + (x != x) * x))


@elementwise_heaviside.backward
def _(xp, x, y, d_out, *, needs: tuple[bool, ...] = (True, True)):
    dx = back(xp, xp.zeros_like(d_out), x, x.shape) if needs[0] else None
    dy = back(xp, xp.where(x == 0, d_out, xp.zeros_like(d_out)), y, y.shape) if needs[1] else None
    return dx, dy


@op("atan2", "X1, X2 -> Out", infer=lambda x, y: Spec(broadcast_shape(x.shape, y.shape), np.dtype(np.float64) if x.dtype.kind in "iu"
    else x.dtype), grad="X1, X2, Out@GRAD -> X1@GRAD, X2@GRAD")  # fmt: skip
def atan2(xp, x, y):
    if x.dtype.kind in "iu":  # to float64, as Paddle
        x, y = x.astype(np.float64), y.astype(np.float64)
    return xp.arctan2(x, y)


@atan2.backward
def _(xp, x, y, d_out, *, needs: tuple[bool, ...] = (True, True)):
    d = d_out / (x * x + y * y)
    return (back(xp, d * y, x, x.shape) if needs[0] else None), (back(xp, -(d * x), y, y.shape) if needs[1] else None)


@op("nextafter", "x, y -> out", infer=broadcast())
def nextafter(xp, x, y):
    refuse_integers(x)
    return xp.nextafter(x, y)


# --- with numbers


def _scaled(xp: Any, x: Any, scale: float, bias: float, bias_after_scale: bool) -> Any:
    """Integers are scaled by whole numbers, as Paddle casts the factors first."""
    wide = x.astype(np.int64) if x.dtype.itemsize < 8 else x
    factor, shift = (bool(scale), bool(bias)) if x.dtype.kind == "b" else (int(scale), int(bias))
    made = wide * wide.dtype.type(factor) + wide.dtype.type(shift) if bias_after_scale else (wide + wide.dtype.type(shift)) * factor
    return made.astype(x.dtype)


@op("scale", "X, ScaleTensor? -> Out", infer=same_as(0), grad="ScaleTensor?, Out@GRAD -> X@GRAD")
def scale(xp, x, scale_tensor=None, *, scale: float = 1.0, bias: float = 0.0, bias_after_scale: bool = True):
    if x.dtype.kind in "iub":
        return _scaled(xp, x, scale if scale_tensor is None else scale_tensor.item(), bias, bias_after_scale)
    if scale_tensor is None and bias != 0 and scale != 1 and bias_after_scale:
        kernel = kernels.lookup("activation")
        found = None if kernel is None else kernel("scale", x, scale, bias)
        if found is not None:
            return found
    number = x.dtype.type
    factor = number(scale) if scale_tensor is None else scale_tensor.astype(x.dtype).reshape(())
    if bias == 0:
        return x * factor
    if scale == 1 and scale_tensor is None:
        return x + number(bias)
    if bias_after_scale:
        return x * factor + number(bias)
    return (x + number(bias)) * factor


@scale.backward
def _(xp, scale_tensor, d_out, *, scale: float = 1.0):
    if scale_tensor is not None:
        return d_out * scale_tensor.astype(d_out.dtype).reshape(())
    return d_out if scale == 1 else d_out * d_out.dtype.type(scale)


@op("pow", "X, FactorTensor? -> Out", infer=same_as(0), grad="X, FactorTensor?, Out@GRAD -> X@GRAD")
def pow_(xp, x, factor_tensor=None, *, factor: float = 1.0):
    exponent = factor if factor_tensor is None else factor_tensor.item()
    if x.dtype.kind in "iub":
        if x.dtype.kind == "b":
            refuse_integers(x)
        if exponent < 0:
            raise ValueError(f"integers to the negative power {exponent} are not integers; cast the tensor to a floating type")
        return xp.power(x, x.dtype.type(int(exponent)))
    return _powered(xp, x, exponent)


def _powered(xp: Any, x: Any, exponent: float) -> Any:
    """x to a power; small whole ones as products, which cost a fiftieth of `power`."""
    if exponent == 2:
        return x * x
    if exponent == 3 and x.dtype.kind == "f":
        return x * x * x
    if exponent == -1 and x.dtype.kind == "f":
        return const(x, 1) / x
    return xp.power(x, const(x, exponent))


@pow_.backward
def _(xp, x, factor_tensor, d_out, *, factor: float = 1.0):
    exponent = factor if factor_tensor is None else factor_tensor.item()
    if exponent == 2:
        return d_out * (x.conj() if x.dtype.kind == "c" else x) * const(x, 2)
    if exponent == 0:
        return xp.zeros_like(d_out)
    if exponent == 1:
        return d_out
    if x.dtype.kind == "c":
        x = x.conj()
    return d_out * _powered(xp, x, exponent - 1) * const(x, exponent)


def _bounds(x: Any, low: Any, high: Any, min: float | None, max: float | None) -> tuple[Any, Any]:
    """Both limits in the dtype of `x`; None where a number lies beyond what an integer type holds."""

    def bound(tensor: Any, number: float | None) -> Any:
        if tensor is not None:
            return tensor.astype(x.dtype).reshape(()) if tensor.size == 1 else tensor.astype(x.dtype)
        if number is None:
            return None
        if x.dtype.kind in "iu":
            info = np.iinfo(x.dtype)
            return None if not info.min <= number <= info.max else x.dtype.type(int(number))
        return x.dtype.type(number)

    return bound(low, min), bound(high, max)


def _clipped(name: str, *arrays: Any, low: Any, high: Any, min: float | None, max: float | None) -> Any:
    """What a kernel gives for limits that are numbers, None where it does not serve."""
    if low is not None or high is not None or min is None or max is None or not min <= max or arrays[0].dtype.kind != "f":
        return None
    kernel = kernels.lookup(name)
    return None if kernel is None else kernel("clip", *arrays, min, max)


@op("clip", "X, Min?, Max? -> Out", infer=same_as(0), grad="X, Min?, Max?, Out@GRAD -> X@GRAD")
def clip(xp, x, low=None, high=None, *, min: float, max: float):
    found = _clipped("activation", x, low=low, high=high, min=min, max=max)
    if found is not None:
        return found
    lowest, highest = _bounds(x, low, high, min, max)
    if lowest is not None:
        x = xp.maximum(x, lowest)
    return xp.minimum(x, highest) if highest is not None else x if lowest is not None else x.copy()


@clip.backward
def _(xp, x, low, high, d_out, *, min: float, max: float):
    found = _clipped("activation_grad", x, d_out, low=low, high=high, min=min, max=max)
    if found is not None:
        return found
    lowest, highest = _bounds(x, low, high, min, max)
    inside: Any = None
    if lowest is not None:
        inside = x > lowest
    if highest is not None:
        inside = x < highest if inside is None else inside & (x < highest)
    return d_out if inside is None else d_out * inside.astype(d_out.dtype)


@op("clip_by_norm", "X -> Out", infer=same_as(0), grad="X, Out@GRAD -> X@GRAD")
def clip_by_norm(xp, x, *, max_norm: float):
    norm = xp.sqrt((x * x).sum())
    return xp.where(norm > const(x, max_norm), x * (const(x, max_norm) / xp.where(norm > 0, norm, const(x, 1))), x)


@clip_by_norm.backward
def _(xp, x, d_out, *, max_norm: float):
    norm = xp.sqrt((x * x).sum())
    if not norm > max_norm:
        return d_out
    factor = const(x, max_norm) / norm
    return (d_out - x * ((x * d_out).sum() / (norm * norm))) * factor


@op("lerp", "X, Y, Weight -> Out", infer=lambda x, y, w: Spec(broadcast_shape(x.shape, y.shape, w.shape), x.dtype),
    grad="X, Y, Weight, Out, Out@GRAD -> X@GRAD, Y@GRAD, Weight@GRAD")  # fmt: skip
def lerp(xp, x, y, weight):
    refuse_integers(x)
    return x + (y - x) * weight


@lerp.backward
def _(xp, x, y, weight, out, d_out, *, needs: tuple[bool, ...] = (True, True, True)):
    one = const(x, 1)
    dx = back(xp, d_out * (one - weight), x, x.shape) if needs[0] else None
    dy = back(xp, d_out * weight, y, y.shape) if needs[1] else None
    dw = back(xp, d_out * (y - x), weight, weight.shape) if needs[2] else None
    return dx, dy, dw


@op("sum", "X* -> Out", infer=lambda xs: Spec(xs[0].shape, xs[0].dtype), grad="X#, Out@GRAD -> X@GRAD")
def sum_(xp, xs):
    for x in xs[1:]:
        if x.shape != xs[0].shape:
            raise ValueError(f"tensors to add must have one shape, got {list(xs[0].shape)} and {list(x.shape)}")
    if len(xs) == 1:
        return xs[0].copy()
    return functools.reduce(lambda a, b: a + b, xs)


@sum_.backward
def _(xp, xs, d_out):
    return [d_out for _ in xs]


# --- comparisons and logic


def _compare(type: str, function: str) -> Op:
    @op(type, "X, Y -> Out", infer=broadcast("bool"))
    def forward(xp, x, y, *, axis: int = -1, force_cpu: bool = False):
        return getattr(xp, function)(x, aligned(x, y, axis))

    return forward


equal = _compare("equal", "equal")
not_equal = _compare("not_equal", "not_equal")
less_than = _compare("less_than", "less")
less_equal = _compare("less_equal", "less_equal")
greater_than = _compare("greater_than", "greater")
greater_equal = _compare("greater_equal", "greater_equal")


def _logical(type: str, function: str) -> Op:
    @op(type, "X, Y -> Out", infer=broadcast("bool"))
    def forward(xp, x, y):
        return getattr(xp, function)(x, y)

    return forward


logical_and = _logical("logical_and", "logical_and")
logical_or = _logical("logical_or", "logical_or")
logical_xor = _logical("logical_xor", "logical_xor")


@op("logical_not", "X -> Out", infer=same_with_dtype("bool"))
def logical_not(xp, x):
    return xp.logical_not(x)


def _bitwise(type: str, function: str) -> Op:
    @op(type, "X, Y -> Out", infer=broadcast())
    def forward(xp, x, y):
        if x.dtype.kind not in "iub":
            raise UnsupportedDtypeError(f"takes bool and integer tensors, got {x.dtype}")
        return getattr(xp, function)(x, y)

    return forward


bitwise_and = _bitwise("bitwise_and", "bitwise_and")
bitwise_or = _bitwise("bitwise_or", "bitwise_or")
bitwise_xor = _bitwise("bitwise_xor", "bitwise_xor")


@op("bitwise_not", "X -> Out", infer=same_as(0))
def bitwise_not(xp, x):
    if x.dtype.kind not in "iub":
        raise UnsupportedDtypeError(f"takes bool and integer tensors, got {x.dtype}")
    return xp.invert(x)


@op("equal_all", "X, Y -> Out", infer=lambda x, y: Spec((), _BOOL))
def equal_all(xp, x, y):
    if tuple(x.shape) != tuple(y.shape):
        return xp.zeros((), _BOOL)
    return (x == y).all()


def _close_shape(x: Any, y: Any) -> tuple[int, ...]:
    try:
        return broadcast_shape(x.shape, y.shape)
    except ValueError as error:
        raise UnfitShapesError(str(error)) from None


def _close(xp: Any, x: Any, y: Any, rtol: Any, atol: Any, equal_nan: bool) -> Any:
    _close_shape(x, y)
    # in float64, so that a tolerance below the resolution of the type still counts
    wide = np.complex128 if x.dtype.kind == "c" else np.float64
    a, b = x.astype(wide), y.astype(wide)
    with np.errstate(invalid="ignore"):
        near = (a == b) | (xp.abs(a - b) <= atol + rtol * xp.abs(b)) & xp.isfinite(a) & xp.isfinite(b)
    return near | (xp.isnan(a) & xp.isnan(b)) if equal_nan else near


def _tolerance(tensor: Any, text: str) -> float:
    return float(text) if tensor is None else float(tensor.item())


def _infer_isclose(x: Spec, y: Spec, *_: Any, **attrs: Any) -> Spec:
    return Spec(_close_shape(x, y), _BOOL)


@op("isclose", "Input, Other, Rtol?, Atol? -> Out", infer=_infer_isclose)
def isclose(xp, x, y, rtol_tensor=None, atol_tensor=None, *, rtol: str = "1e-5", atol: str = "1e-8", equal_nan: bool = False):
    return _close(xp, x, y, _tolerance(rtol_tensor, rtol), _tolerance(atol_tensor, atol), equal_nan)


@op("allclose", "Input, Other, Rtol?, Atol? -> Out", infer=lambda x, y, r=None, a=None, **_: Spec((), _BOOL))
def allclose(xp, x, y, rtol_tensor=None, atol_tensor=None, *, rtol: str = "1e-5", atol: str = "1e-8", equal_nan: bool = False):
    return _close(xp, x, y, _tolerance(rtol_tensor, rtol), _tolerance(atol_tensor, atol), equal_nan).all()


def _infer_cast(x: Spec, *, out_dtype: Any, in_dtype: Any = None, **_: Any) -> Spec:
    return Spec(x.shape, _numpy(out_dtype))


@op("cast", "X -> Out", infer=_infer_cast, grad="X#, Out@GRAD -> X@GRAD")
def cast(xp, x, *, in_dtype: DTypeNumber = 5, out_dtype: DTypeNumber = 5):
    target = _numpy(out_dtype)
    if x.dtype.kind == "c" and target.kind != "c":
        return x.real.astype(target)
    return x.astype(target)


@cast.backward
def _(xp, x, d_out):
    if d_out.dtype.kind == "c" and x.dtype.kind != "c":
        d_out = d_out.real
    return d_out.astype(x.dtype)
