"""Special functions that array modules do not have, as vectorised formulas: error, gamma and Bessel functions.

All take (xp, x) and work in float64 inside; the result has the dtype of `x`. Relative errors are a few units of float64's
last place, except near zeros of a function, where the absolute error is that small.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import UnsupportedDtypeError

__all__ = ["digamma", "erf", "erfinv", "i0", "i0e", "i1", "i1_over_x", "i1e", "lgamma", "polygamma"]

_F64 = np.dtype(np.float64)


def _in_double(type: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Run a formula in float64 and give back the dtype of the input. Inside a second derivative record operator `type`."""

    def wrap(formula: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def function(xp: Any, x: Any) -> Any:
            if type and hasattr(xp, "recorded"):
                return xp.recorded(type, x)
            if x.dtype.kind == "c":
                raise UnsupportedDtypeError(f"takes real tensors, got {x.dtype}")
            with np.errstate(all="ignore"):  # each formula is also evaluated where another one is chosen
                return formula(xp, x.astype(_F64)).astype(x.dtype)

        function.__name__, function.__doc__ = formula.__name__, formula.__doc__
        return function

    return wrap


def _polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """Horner's rule; the coefficient of the highest power comes last."""
    total = x * 0.0 + coefficients[-1]
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total


# Rational approximations of fdlibm 5.3, s_erf.c (Sun Microsystems, 1993), by interval of |x|
_ERF_SMALL = (
    (1.28379167095512558561e-01, -3.25042107247001499370e-01, -2.84817495755985104766e-02, -5.77027029648944159157e-03,
     -2.37630166566501626084e-05),
    (1.0, 3.97917223959155352819e-01, 6.50222499887672944485e-02, 5.08130628187576562776e-03, 1.32494738004321644526e-04,
     -3.96022827877536812320e-06),
)  # fmt: skip
_ERF_NEAR_ONE = (
    (-2.36211856075265944077e-03, 4.14856118683748331666e-01, -3.72207876035701323847e-01, 3.18346619901161753674e-01,
     -1.10894694282396677476e-01, 3.54783043256182359371e-02, -2.16637559486879084300e-03),
    (1.0, 1.06420880400844228286e-01, 5.40397917702171048937e-01, 7.18286544141962662868e-02, 1.26171219808761642112e-01,
     1.36370839120290507362e-02, 1.19844998467991074170e-02),
)  # fmt: skip
_ERF_MIDDLE = (
    (-9.86494403484714822705e-03, -6.93858572707181764372e-01, -1.05586262253232909814e01, -6.23753324503260060396e01,
     -1.62396669462573470355e02, -1.84605092906711035994e02, -8.12874355063065934246e01, -9.81432934416914548592e00),
    (1.0, 1.96512716674392571292e01, 1.37657754143519042600e02, 4.34565877475229228821e02, 6.45387271733267880336e02,
     4.29008140027567833386e02, 1.08635005541779435134e02, 6.57024977031928170135e00, -6.04244152148580987438e-02),
)  # fmt: skip
_ERF_ONE_AT_1 = 8.45062911510467529297e-01


@_in_double("erf")
def erf(xp: Any, x: Any) -> Any:
    """The error function."""
    size = xp.abs(x)
    small = x + x * _polynomial(x * x, _ERF_SMALL[0]) / _polynomial(x * x, _ERF_SMALL[1])
    s = size - 1.0
    near_one = _ERF_ONE_AT_1 + _polynomial(s, _ERF_NEAR_ONE[0]) / _polynomial(s, _ERF_NEAR_ONE[1])
    # beyond 2.86 the same form is kept: erfc is below 5e-5 there, so its error does not reach erf
    far = xp.minimum(size, 6.0)
    inverse = 1.0 / (far * far)
    tail = xp.exp(-far * far - 0.5625 + _polynomial(inverse, _ERF_MIDDLE[0]) / _polynomial(inverse, _ERF_MIDDLE[1])) / far
    large = xp.where(size < 1.25, near_one, 1.0 - tail)
    found = xp.where(size < 0.84375, small, xp.sign(x) * large)
    return xp.where(x != x, x, found)


# Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988)
_NDTRI_CENTRE = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
     3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
)  # fmt: skip
_NDTRI_TAIL = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1, 1.48103976427480074590e-1,
     1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
)  # fmt: skip
_NDTRI_FAR = (
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2, 7.86869131145613259100e-4,
     1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15),
)  # fmt: skip


@_in_double("erfinv")
def erfinv(xp: Any, x: Any) -> Any:
    """The inverse of the error function: +-inf at +-1, nan outside."""
    q = x * 0.5
    r = 0.180625 - q * q
    centre = q * _polynomial(r, _NDTRI_CENTRE[0]) / _polynomial(r, _NDTRI_CENTRE[1])
    r = xp.sqrt(-xp.log((1.0 - xp.abs(x)) * 0.5))
    tail = _polynomial(r - 1.6, _NDTRI_TAIL[0]) / _polynomial(r - 1.6, _NDTRI_TAIL[1])
    far = _polynomial(r - 5.0, _NDTRI_FAR[0]) / _polynomial(r - 5.0, _NDTRI_FAR[1])
    found = xp.where(xp.abs(q) <= 0.425, centre, xp.sign(x) * xp.where(r <= 5.0, tail, far)) * math.sqrt(0.5)
    found = xp.where(xp.abs(x) == 1.0, xp.sign(x) * math.inf, found)
    return xp.where(xp.abs(x) > 1.0, math.nan, found)


# B(2k) / (2k (2k-1)): Stirling's series of log gamma
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
# B(2k) / 2k: the series of its derivative
_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
# B(2k) / (2k)!: the Euler-Maclaurin sum of the Hurwitz zeta function
_MACLAURIN = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600,
              -3617 / 10670622842880000)  # fmt: skip
_SHIFT = 10  # the series are used from here on; below, the recurrence leads there


@_in_double("lgamma")
def lgamma(xp: Any, x: Any) -> Any:
    """log |gamma(x)|: Stirling's series (Abramowitz and Stegun 6.1.41), the reflection formula 6.1.17 below 1/2."""
    left = x < 0.5
    y = xp.where(left, 1.0 - x, x)
    product = xp.ones_like(y)
    for k in range(_SHIFT):
        product = product * xp.where(y < _SHIFT, y + k, 1.0)
    z = xp.where(y < _SHIFT, y + _SHIFT, y)
    big = (z - 0.5) * xp.log(z) - z + 0.5 * math.log(2 * math.pi)
    value = big + _polynomial(1.0 / (z * z), _STIRLING) / z - xp.log(product)
    value = xp.where(xp.isinf(z), math.inf, value)
    turn = x - xp.floor(x)  # sin(pi x) repeats up to its sign
    reflected = math.log(math.pi) - xp.log(xp.sin(math.pi * turn)) - value
    reflected = xp.where(turn == 0, math.inf, reflected)
    return xp.where(left, reflected, value)


@_in_double("digamma")
def digamma(xp: Any, x: Any) -> Any:
    """The derivative of log gamma (Abramowitz and Stegun 6.3.18, reflection 6.3.7); nan at its poles."""
    left = x <= 0
    y = xp.where(left, 1.0 - x, x)
    total = xp.zeros_like(y)
    for k in range(_SHIFT):
        total = total + xp.where(y < _SHIFT, 1.0 / (y + k), 0.0)
    z = xp.where(y < _SHIFT, y + _SHIFT, y)
    square = 1.0 / (z * z)
    value = xp.log(z) - 0.5 / z - square * _polynomial(square, _DIGAMMA) - total
    turn = x - xp.floor(x)
    reflected = xp.where(turn == 0, math.nan, value - math.pi / xp.tan(math.pi * turn))
    return xp.where(left, reflected, value)


def polygamma(xp: Any, n: int, x: Any) -> Any:
    """The n-th derivative of digamma: (-1)^(n+1) n! zeta(n+1, x), zeta by Euler and Maclaurin (DLMF 25.11.5)."""
    if n == 0:
        return digamma(xp, x)
    if hasattr(xp, "recorded"):
        return xp.recorded("polygamma", x, n=n)
    y = x.astype(_F64)
    s = n + 1
    finite = y[xp.isfinite(y)]
    lowest = float(finite.min()) if finite.size else 1.0
    # left of zero the sum is carried on until the terms are right of it
    steps = _SHIFT + min(max(0, math.ceil(-lowest)), 100_000)
    with np.errstate(all="ignore"):
        total = xp.zeros_like(y)
        for k in range(steps):
            total = total + (y + k) ** -s
        z = y + steps
        total = total + z ** (1 - s) / (s - 1) + 0.5 * z**-s
        factor = float(s)
        for k, b in enumerate(_MACLAURIN):
            total = total + b * factor * z ** (-s - 2 * k - 1)
            factor *= (s + 2 * k + 1) * (s + 2 * k + 2)
        value = (-1.0) ** (n + 1) * math.factorial(n) * total
        value = xp.where((y <= 0) & (xp.floor(y) == y), math.inf if n % 2 else math.nan, value)
    return value.astype(x.dtype)


# --- modified Bessel functions of the first kind

_SMALL = 20.0  # up to here the power series, beyond it the asymptotic one


def _series(xp: Any, size: Any, order: int) -> Any:
    """sum (x^2/4)^k / (k! (k+order)!) (Abramowitz and Stegun 9.6.10 without the power of x in front)."""
    quarter = xp.minimum(size, _SMALL) ** 2 * 0.25
    total = xp.zeros_like(size)
    for k in range(47, 0, -1):
        total = (total + 1.0) * quarter / (k * (k + order))
    return total + 1.0


def _asymptotic(xp: Any, size: Any, order: int) -> Any:
    """exp(-x) I(x) for large x (Abramowitz and Stegun 9.7.1)."""
    x = xp.maximum(size, _SMALL)
    total = term = xp.ones_like(x)
    for k in range(1, 26):
        term = -term * (4 * order * order - (2 * k - 1) ** 2) / (8.0 * k * x)
        total = total + term
    return total / xp.sqrt(2 * math.pi * x)


@_in_double("i0")
def i0(xp: Any, x: Any) -> Any:
    """I0(x)."""
    size = xp.abs(x)
    return xp.where(size <= _SMALL, _series(xp, size, 0), _asymptotic(xp, size, 0) * xp.exp(size))


@_in_double("i0e")
def i0e(xp: Any, x: Any) -> Any:
    """exp(-|x|) I0(x)."""
    size = xp.abs(x)
    return xp.where(size <= _SMALL, _series(xp, size, 0) * xp.exp(-size), _asymptotic(xp, size, 0))


@_in_double("i1")
def i1(xp: Any, x: Any) -> Any:
    """I1(x)."""
    size = xp.abs(x)
    value = xp.where(size <= _SMALL, _series(xp, size, 1) * size * 0.5, _asymptotic(xp, size, 1) * xp.exp(size))
    return xp.sign(x) * value


@_in_double("i1e")
def i1e(xp: Any, x: Any) -> Any:
    """exp(-|x|) I1(x)."""
    size = xp.abs(x)
    value = xp.where(size <= _SMALL, _series(xp, size, 1) * size * 0.5 * xp.exp(-size), _asymptotic(xp, size, 1))
    return xp.sign(x) * value


@_in_double("")
def i1_over_x(xp: Any, x: Any) -> Any:
    """I1(x) / x, 1/2 at 0."""
    size = xp.abs(x)
    large = _asymptotic(xp, size, 1) * xp.exp(size) / xp.maximum(size, _SMALL)
    return xp.where(size <= _SMALL, _series(xp, size, 1) * 0.5, large)
