"""Linear algebra: decompositions, solvers, determinants, Kronecker and cross products, histograms.

Decompositions work on the last two axes, everything before them is a batch. Gradients follow M. Giles, "Collected matrix
derivative results for forward and reverse mode algorithmic differentiation" (2008), and the references at each operator.
"""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from .elementwise import const, refuse_integers
from .registry import Long, Spec, op
from .shapes import axis_of, broadcast_shape, product, same_as, unbroadcast

__all__: list[str] = []

_I32, _I64 = np.dtype(np.int32), np.dtype(np.int64)


def square_matrices(x: Any, what: str = "X") -> None:
    """ValueError unless the last two dimensions are equal."""
    if x.ndim < 2 or (x.shape[-1] != x.shape[-2] and -1 not in x.shape[-2:]):
        raise ValueError(f"{what} must hold square matrices in its last two dimensions, got shape {list(x.shape)}")


def turned(x: Any) -> Any:
    """The conjugate transpose of the last two axes."""
    t = x.swapaxes(-1, -2)
    return t.conj() if x.dtype.kind == "c" else t


def inverted(xp: Any, x: Any) -> Any:
    """Inverse matrices; recorded as operator `inverse` inside a second derivative."""
    record = getattr(xp, "recorded", None)
    return xp.linalg.inv(x) if record is None else record("inverse", x)


# --- products


def _infer_kron(x: Spec, y: Spec) -> Spec:
    n = max(x.ndim, y.ndim)
    xs, ys = (1,) * (n - x.ndim) + x.shape, (1,) * (n - y.ndim) + y.shape
    return Spec([product((a, b)) for a, b in zip(xs, ys, strict=True)], x.dtype)


def _interleaved(x: Any, y: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes in which x and y broadcast to [x0, y0, x1, y1, ...]."""
    n = max(x.ndim, y.ndim)
    xs, ys = (1,) * (n - x.ndim) + tuple(x.shape), (1,) * (n - y.ndim) + tuple(y.shape)
    return tuple(m for a in xs for m in (a, 1)), tuple(m for b in ys for m in (1, b))


@op("kron", "X, Y -> Out", infer=_infer_kron, grad="X, Y, Out@GRAD -> X@GRAD, Y@GRAD")
def kron(xp, x, y):
    xs, ys = _interleaved(x, y)
    pairs = x.reshape(xs) * y.reshape(ys)
    return pairs.reshape(tuple(pairs.shape[2 * i] * pairs.shape[2 * i + 1] for i in range(pairs.ndim // 2)))


@kron.backward
def _(xp, x, y, d_out, *, needs: tuple[bool, ...] = (True, True)):
    xs, ys = _interleaved(x, y)
    d = d_out.reshape(broadcast_shape(xs, ys))
    dx = unbroadcast(xp, d * _conj(y).reshape(ys), xs).reshape(tuple(x.shape)) if needs[0] else None
    dy = unbroadcast(xp, d * _conj(x).reshape(xs), ys).reshape(tuple(y.shape)) if needs[1] else None
    return dx, dy


def _conj(x: Any) -> Any:
    return x.conj() if x.dtype.kind == "c" else x


def _infer_trace(x: Spec, *, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Spec:
    a, b = axis_of(axis1, x.ndim, "axis1"), axis_of(axis2, x.ndim, "axis2")
    if x.ndim < 2 or a == b:
        raise ValueError(f"axis1 = {axis1} and axis2 = {axis2} must be two axes of X, which has {x.ndim} dimensions")
    return Spec([n for i, n in enumerate(x.shape) if i not in (a, b)], x.dtype)


@op("trace", "Input -> Out", infer=_infer_trace, grad="Input#, Out@GRAD -> Input@GRAD")
def trace(xp, x, *, offset: int = 0, axis1: int = 0, axis2: int = 1):
    _infer_trace(x, axis1=axis1, axis2=axis2)
    return x.trace(offset, axis1, axis2, dtype=x.dtype)


@trace.backward
def _(xp, x, d_out, *, offset: int = 0, axis1: int = 0, axis2: int = 1):
    a, b = axis1 % x.ndim, axis2 % x.ndim
    plane = xp.eye(x.shape[a], x.shape[b], offset, dtype=x.dtype)
    if a > b:
        plane = plane.T
    shape = tuple(x.shape[i] if i in (a, b) else 1 for i in range(x.ndim))
    lead = tuple(1 if i in (a, b) else n for i, n in enumerate(x.shape))
    return d_out.reshape(lead) * plane.reshape(shape)


# --- norms


@op("renorm", "X -> Out", infer=same_as(0), grad="X, Out@GRAD -> X@GRAD")
def renorm(xp, x, *, p: float, axis: int, max_norm: float):
    refuse_integers(x)
    norm, over = _slice_norms(xp, x, p, axis, max_norm)
    return x * xp.where(over, const(x, max_norm) / (norm + const(x, 1e-7)), const(x, 1))


def _slice_norms(xp: Any, x: Any, p: float, axis: int, max_norm: float) -> tuple[Any, Any]:
    axes = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    norm = xp.power(xp.power(xp.abs(x), const(x, p)).sum(axis=axes, keepdims=True), const(x, 1 / p))
    return norm, norm > max_norm


@renorm.backward
def _(xp, x, d_out, *, p: float, axis: int, max_norm: float):
    norm, over = _slice_norms(xp, x, p, axis, max_norm)
    axes = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    shifted = norm + const(x, 1e-7)
    safe = xp.where(norm == 0, xp.ones_like(norm), norm)
    slope = xp.sign(x) * xp.power(xp.abs(x) / safe, const(x, p - 1))
    along = (d_out * x).sum(axis=axes, keepdims=True)
    inside = (d_out - along * slope / shifted) * const(x, max_norm) / shifted
    return xp.where(over, inside, d_out)


# --- inverses, determinants, solvers


def _infer_inverse(x: Spec) -> Spec:
    if x.ndim < 2 or (-1 not in x.shape[-2:] and x.shape[-2] != x.shape[-1]):
        raise ValueError(f"Input must hold square matrices, got shape {list(x.shape)}")
    return x


@op("inverse", "Input -> Output", infer=_infer_inverse, grad="Output, Output@GRAD -> Input@GRAD")
def inverse(xp, x):
    refuse_integers(x)
    square_matrices(x, "Input")
    return xp.linalg.inv(x)


@inverse.backward
def _(xp, out, d_out):
    return -(turned(out) @ d_out @ turned(out))


@op("determinant", "Input -> Out", infer=lambda x: Spec(x.shape[:-2], x.dtype), grad="Input, Out, Out@GRAD -> Input@GRAD")
def determinant(xp, x):
    refuse_integers(x)
    square_matrices(x, "Input")
    return xp.linalg.det(x)


def _cofactors(xp: Any, x: Any) -> Any:
    """det(x) times the inverse transpose, from the singular values, so that singular matrices have them too."""
    u, s, vh = xp.linalg.svd(x)
    n = s.shape[-1]
    others = xp.stack([xp.where(xp.arange(n) == i, const(x, 1), s).prod(axis=-1) for i in range(n)], axis=-1)
    sign = xp.linalg.det(u) * xp.linalg.det(vh)
    return (u * (others * sign.reshape((*sign.shape, 1))).reshape((*s.shape[:-1], 1, n))) @ vh


@determinant.backward
def _(xp, x, out, d_out):
    shape = (*x.shape[:-2], 1, 1)
    if hasattr(xp, "recorded"):  # inside a second derivative
        return (d_out * out).reshape(shape) * inverted(xp, x).swapaxes(-1, -2)
    return d_out.reshape(shape) * _cofactors(xp, x)


@op("slogdeterminant", "Input -> Out", infer=lambda x: Spec((2, *x.shape[:-2]), x.dtype), grad="Input, Out#, Out@GRAD -> Input@GRAD")
def slogdeterminant(xp, x):
    refuse_integers(x)
    square_matrices(x, "Input")
    sign, size = xp.linalg.slogdet(x)
    return xp.stack([sign, size], axis=0)


@slogdeterminant.backward
def _(xp, x, out, d_out):
    return d_out[1].reshape((*x.shape[:-2], 1, 1)) * inverted(xp, x).swapaxes(-1, -2)


def _lower(xp: Any, x: Any, k: int = 0) -> Any:
    """The lower triangle of the last two axes, from diagonal k down."""
    return x * xp.tri(x.shape[-2], x.shape[-1], k, dtype=x.dtype)


def _upper(xp: Any, x: Any, k: int = 0) -> Any:
    """The upper triangle of the last two axes, from diagonal k up."""
    return x - _lower(xp, x, k - 1)


@op("cholesky", "X -> Out", infer=same_as(0), grad="Out, Out@GRAD -> X@GRAD")
def cholesky(xp, x, *, upper: bool = False):
    refuse_integers(x)
    square_matrices(x)
    # only one triangle is read; NumPy reads the lower one
    return turned(xp.linalg.cholesky(turned(x))) if upper else xp.linalg.cholesky(x)


@cholesky.backward
def _(xp, out, d_out, *, upper: bool = False):
    low, d = (turned(out), turned(d_out)) if upper else (out, d_out)
    middle = turned(low) @ d
    n = low.shape[-1]
    middle = _lower(xp, middle) - middle * (xp.eye(n, dtype=low.dtype) * const(low, 0.5))
    inverse = inverted(xp, low)
    made = turned(inverse) @ middle @ inverse
    return (made + turned(made)) * const(low, 0.5)


def _is_vector(x: Any, y: Any) -> bool:
    """Whether the right side is a vector (or a batch of them), not a matrix."""
    return y.ndim == 1 or (y.ndim == x.ndim - 1 and tuple(y.shape) == tuple(x.shape[:-1]))


def _infer_solve(x: Spec, y: Spec, **_: Any) -> Spec:
    square_matrices(x)
    shape = (*y.shape, 1) if _is_vector(x, y) else y.shape
    if -1 not in (x.shape[-1], shape[-2]) and x.shape[-1] != shape[-2]:
        raise ValueError(f"X has {x.shape[-1]} rows but Y has {shape[-2]}; they must be equal")
    lead = broadcast_shape(x.shape[:-2], shape[:-2])
    return Spec((*lead, *shape[-2:]) if shape is y.shape else (*lead, shape[-2]), x.dtype)


def _solved(xp: Any, a: Any, b: Any) -> Any:
    if hasattr(xp, "recorded"):  # inside a second derivative
        return inverted(xp, a) @ b
    lead = broadcast_shape(a.shape[:-2], b.shape[:-2])
    return xp.linalg.solve(xp.broadcast_to(a, (*lead, *a.shape[-2:])), xp.broadcast_to(b, (*lead, *b.shape[-2:])))


def _solve_forward(xp: Any, a: Any, x: Any, y: Any) -> Any:
    """a z = y, where `a` was made of the operator's X."""
    refuse_integers(x)
    _infer_solve(x, y)
    if _is_vector(x, y):
        z = _solved(xp, a, y.reshape((*y.shape, 1)))
        return z.reshape(z.shape[:-1])
    return _solved(xp, a, y)


def _solve_backward(xp: Any, a: Any, x: Any, y: Any, out: Any, d_out: Any, need_a: bool) -> tuple[Any, Any]:
    """Gradients of a and y for a z = y: a^-H d and -(a^-H d) z^H."""
    vector = _is_vector(x, y)
    if vector:
        out, d_out = out.reshape((*out.shape, 1)), d_out.reshape((*d_out.shape, 1))
    dy = _solved(xp, turned(a), d_out)
    da = -unbroadcast(xp, dy @ turned(out), tuple(a.shape)) if need_a else None
    shape = (*y.shape, 1) if vector else tuple(y.shape)
    return da, unbroadcast(xp, dy, shape).reshape(tuple(y.shape))


@op("solve", "X, Y -> Out", infer=_infer_solve, grad="X, Y#, Out, Out@GRAD -> X@GRAD, Y@GRAD")
def solve(xp, x, y):
    return _solve_forward(xp, x, x, y)


@solve.backward
def _(xp, x, y, out, d_out, *, needs: tuple[bool, ...] = (True, True)):
    return _solve_backward(xp, x, x, y, out, d_out, needs[0])


def _triangle(xp: Any, x: Any, upper: bool, transpose: bool, unitriangular: bool) -> Any:
    a = _upper(xp, x) if upper else _lower(xp, x)
    if unitriangular:
        eye = xp.eye(x.shape[-1], dtype=x.dtype)
        a = a - a * eye + eye
    return a.swapaxes(-1, -2) if transpose else a


@op("triangular_solve", "X, Y -> Out", infer=_infer_solve, grad="X, Y#, Out, Out@GRAD -> X@GRAD, Y@GRAD")
def triangular_solve(xp, x, y, *, upper: bool = True, transpose: bool = False, unitriangular: bool = False):
    square_matrices(x)
    return _solve_forward(xp, _triangle(xp, x, upper, transpose, unitriangular), x, y)


@triangular_solve.backward
def _(xp, x, y, out, d_out, *, upper: bool = True, transpose: bool = False, unitriangular: bool = False,
      needs: tuple[bool, ...] = (True, True)):  # fmt: skip
    a = _triangle(xp, x, upper, transpose, unitriangular)
    da, dy = _solve_backward(xp, a, x, y, out, d_out, needs[0])
    if da is not None:
        da = da.swapaxes(-1, -2) if transpose else da
        k = 1 if unitriangular else 0
        da = _upper(xp, da, k) if upper else _lower(xp, da, -k)
    return da, dy


def _infer_cholesky_solve(b: Spec, factor: Spec, **_: Any) -> Spec:
    square_matrices(factor, "Y")
    return Spec((*broadcast_shape(b.shape[:-2], factor.shape[:-2]), *b.shape[-2:]), b.dtype)


@op("cholesky_solve", "X, Y -> Out", infer=_infer_cholesky_solve, grad="X#, Y, Out, Out@GRAD -> X@GRAD, Y@GRAD")
def cholesky_solve(xp, b, factor, *, upper: bool = False):
    refuse_integers(b)
    square_matrices(factor, "Y")
    return _solved(xp, _from_factor(xp, factor, upper)[1], b)


def _from_factor(xp: Any, factor: Any, upper: bool) -> tuple[Any, Any]:
    """The triangle that counts, and the matrix of which it is the Cholesky factor."""
    half = _upper(xp, factor) if upper else _lower(xp, factor)
    return half, turned(half) @ half if upper else half @ turned(half)


@cholesky_solve.backward
def _(xp, b, factor, out, d_out, *, upper: bool = False, needs: tuple[bool, ...] = (True, True)):
    half, a = _from_factor(xp, factor, upper)
    db = _solved(xp, a, d_out)
    d_factor = None
    if needs[1]:
        both = db @ turned(out)
        both = -(both + turned(both))
        d_factor = unbroadcast(xp, half @ both if upper else both @ half, tuple(factor.shape))
        d_factor = _upper(xp, d_factor) if upper else _lower(xp, d_factor)
    return unbroadcast(xp, db, tuple(b.shape)), d_factor


@op("matrix_power", "X -> Out", infer=same_as(0), grad="X, Out#, Out@GRAD -> X@GRAD")
def matrix_power(xp, x, *, n: int):
    refuse_integers(x)
    square_matrices(x)
    return _power(xp, x, n)


def _power(xp: Any, x: Any, n: int) -> Any:
    """x to the power n by squaring; the inverse for negative n."""
    if n < 0:
        x, n = inverted(xp, x), -n
    result = None
    while n:
        if n & 1:
            result = x if result is None else result @ x
        n >>= 1
        x = x @ x if n else x
    return xp.broadcast_to(xp.eye(x.shape[-1], dtype=x.dtype), tuple(x.shape)).copy() if result is None else result


@matrix_power.backward
def _(xp, x, out, d_out, *, n: int):
    if n == 0:
        return xp.zeros_like(d_out)
    if n < 0:  # through the inverse
        inverse = inverted(xp, x)
        return -(turned(inverse) @ _power_back(xp, inverse, d_out, -n) @ turned(inverse))
    return _power_back(xp, x, d_out, n)


def _power_back(xp: Any, x: Any, d: Any, n: int) -> Any:
    """sum over i of (x^i)^H d (x^(n-1-i))^H."""
    xh = turned(x)
    total, left = None, d
    for i in range(n):
        part = left
        for _ in range(n - 1 - i):
            part = part @ xh
        total = part if total is None else total + part
        left = xh @ left
    return total


# --- decompositions


def _symmetric(xp: Any, x: Any, lower: bool) -> Any:
    """The symmetric (Hermitian) matrix of which one triangle is given."""
    half = _lower(xp, x, -1) if lower else turned(_upper(xp, x, 1))
    return half + turned(half) + x * xp.eye(x.shape[-1], dtype=x.dtype)


def _gaps(xp: Any, w: Any) -> Any:
    """1 / (w_j - w_i), 0 where they are equal."""
    gap = w.reshape((*w.shape[:-1], 1, -1)) - w.reshape((*w.shape, 1))
    equal = gap == 0
    return xp.where(equal, xp.zeros_like(gap), const(w, 1) / xp.where(equal, xp.ones_like(gap), gap))


def _real_of(dtype: Any) -> Any:
    return np.dtype(np.float32 if dtype.name == "complex64" else np.float64 if dtype.name == "complex128" else dtype)


def _infer_eigh(x: Spec, **_: Any) -> tuple[Spec, Spec]:
    square_matrices(x)
    return Spec(x.shape[:-1], _real_of(x.dtype)), x


def _eigh_back(xp: Any, w: Any, v: Any, dw: Any, dv: Any) -> Any:
    inner = (turned(v) @ dv) * _gaps(xp, w) + dw.reshape((*w.shape, 1)) * xp.eye(w.shape[-1], dtype=w.dtype)
    return v @ inner.astype(v.dtype) @ turned(v)


@op("eigh", "X -> Eigenvalues, Eigenvectors", infer=_infer_eigh,
    grad="Eigenvalues, Eigenvectors, Eigenvalues@GRAD, Eigenvectors@GRAD -> X@GRAD")  # fmt: skip
def eigh(xp, x, *, UPLO: str = "L"):
    refuse_integers(x)
    square_matrices(x)
    w, v = xp.linalg.eigh(x, UPLO)
    return w, v


@eigh.backward
def _(xp, w, v, dw, dv):
    return _eigh_back(xp, w, v, dw, dv)


@op("eigvalsh", "X -> Eigenvalues, Eigenvectors~", infer=_infer_eigh, grad="Eigenvectors, Eigenvalues@GRAD -> X@GRAD")
def eigvalsh(xp, x, *, UPLO: str = "L", is_test: bool = False):
    refuse_integers(x)
    square_matrices(x)
    w, v = xp.linalg.eigh(x, UPLO)
    return w, v


@eigvalsh.backward
def _(xp, v, dw):
    return (v * dw.reshape((*dw.shape[:-1], 1, -1))) @ turned(v)


def _complex_of(dtype: Any) -> Any:
    return np.dtype(np.complex64 if dtype.name in ("float32", "complex64") else np.complex128)


@op("eig", "X -> Eigenvalues, Eigenvectors", infer=lambda x: (
    Spec(x.shape[:-1], _complex_of(x.dtype)), Spec(x.shape, _complex_of(x.dtype))),
    grad="X#, Eigenvalues, Eigenvectors, Eigenvalues@GRAD, Eigenvectors@GRAD -> X@GRAD")  # fmt: skip
def eig(xp, x):
    refuse_integers(x)
    square_matrices(x)
    w, v = xp.linalg.eig(x)
    return w.astype(_complex_of(x.dtype)), v.astype(_complex_of(x.dtype))


@eig.backward
def _(xp, x, w, v, dw, dv):
    # eigenvectors have norm 1 and an arbitrary phase: the part of dv along v has no effect
    vh = turned(v)
    along = vh @ dv
    n = w.shape[-1]
    eye = xp.eye(n, dtype=w.dtype)
    diagonal = (along * eye).sum(axis=-1).real.astype(w.dtype)
    inner = along - (vh @ v) * diagonal.reshape((*w.shape[:-1], 1, n))
    inner = inner * _gaps(xp, w.conj()) + dw.reshape((*w.shape, 1)) * eye
    made = _solved(xp, vh, inner @ vh)
    return made.astype(x.dtype) if x.dtype.kind == "c" else made.real.astype(x.dtype)


@op("eigvals", "X -> Out", infer=lambda x: Spec(x.shape[:-1], _complex_of(x.dtype)))
def eigvals(xp, x):
    refuse_integers(x)
    square_matrices(x)
    return xp.linalg.eigvals(x).astype(_complex_of(x.dtype))


def _infer_svd(x: Spec, *, full_matrices: bool = False) -> tuple[Spec, Spec, Spec]:
    if x.ndim < 2:
        raise ValueError(f"X must have at least two dimensions, got {list(x.shape)}")
    lead, (m, n) = x.shape[:-2], x.shape[-2:]
    k = -1 if -1 in (m, n) else min(m, n)
    u = (*lead, m, m if full_matrices else k)
    return Spec(u, x.dtype), Spec((*lead, k), _real_of(x.dtype)), Spec((*lead, n if full_matrices else k, n), x.dtype)


@op("svd", "X -> U, S, VH", infer=_infer_svd, grad="X#, U, S, VH, U@GRAD, S@GRAD, VH@GRAD -> X@GRAD")
def svd(xp, x, *, full_matrices: bool = False):
    refuse_integers(x)
    u, s, vh = xp.linalg.svd(x, full_matrices=full_matrices)
    return u, s, vh


@svd.backward
def _(xp, x, u, s, vh, du, ds, dvh, *, full_matrices: bool = False):
    # J. Townsend, "Differentiating the Singular Value Decomposition" (2016)
    k = s.shape[-1]
    if full_matrices:
        u, du, vh, dvh = u[..., :k], du[..., :k], vh[..., :k, :], dvh[..., :k, :]
    row, column = s.reshape((*s.shape[:-1], 1, k)), s.reshape((*s.shape, 1))
    gaps = _gaps(xp, s * s)
    inverse = const(s, 1) / xp.where(s == 0, xp.ones_like(s), s)
    eye = xp.eye(k, dtype=s.dtype)
    a, b = turned(u) @ du, vh @ turned(dvh)
    inner = ((a - turned(a)) * gaps) * row + ((b - turned(b)) * gaps) * column
    inner = inner + eye * column * ds.reshape((*s.shape, 1)) / _safe(xp, column)
    made = u @ inner.astype(u.dtype) @ vh
    if u.shape[-2] > k:
        made = made + ((du - u @ a) * inverse.reshape(row.shape)) @ vh
    if vh.shape[-1] > k:
        made = made + (u * inverse.reshape(row.shape)) @ (dvh - turned(b) @ vh)
    return made


def _safe(xp: Any, x: Any) -> Any:
    return xp.where(x == 0, xp.ones_like(x), x)


def _infer_qr(x: Spec, *, mode: str = "reduced") -> tuple[Spec, Spec]:
    if x.ndim < 2:
        raise ValueError(f"X must have at least two dimensions, got {list(x.shape)}")
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"mode = {mode!r}; expected 'reduced', 'complete' or 'r'")
    lead, (m, n) = x.shape[:-2], x.shape[-2:]
    k = -1 if -1 in (m, n) else min(m, n)
    if mode == "complete":
        return Spec((*lead, m, m), x.dtype), Spec((*lead, m, n), x.dtype)
    return Spec((*lead, m, k) if mode == "reduced" else (0,), x.dtype), Spec((*lead, k, n), x.dtype)


@op("qr", "X -> Q, R", infer=_infer_qr, grad="X#, Q, R, Q@GRAD, R@GRAD -> X@GRAD")
def qr(xp, x, *, mode: str = "reduced"):
    refuse_integers(x)
    _infer_qr(x, mode=mode)
    if mode == "r":
        return xp.empty((0,), x.dtype), xp.linalg.qr(x, mode="r")
    q, r = xp.linalg.qr(x, mode=mode)
    return q, r


@qr.backward
def _(xp, x, q, r, dq, dr, *, mode: str = "reduced"):
    # H. Walter, L. Lehmann and R. Lamour (2012) for tall matrices, the wide ones by columns
    m, n = x.shape[-2:]
    if mode == "r" or (mode == "complete" and m > n):
        raise NotImplementedError(f"qr has no gradient with mode = {mode!r} for a {m} x {n} matrix; use mode='reduced'")

    def tall(q: Any, r: Any, dq: Any, dr: Any) -> Any:
        inner = r @ turned(dr) - turned(dq) @ q
        low = _lower(xp, inner, -1)
        inner = low + turned(low) + inner * xp.eye(inner.shape[-1], dtype=inner.dtype)
        return turned(_solved(xp, r, turned(dq + q @ inner)))

    if m >= n:
        return tall(q, r, dq, dr)
    right = q @ r[..., m:]  # the columns of X that Q does not depend on
    left = tall(q, r[..., :m], dq + right @ turned(dr[..., m:]), dr[..., :m])
    return xp.concatenate([left, q @ dr[..., m:]], axis=-1)


def _infer_lu(x: Spec, **_: Any) -> tuple[Spec, Spec, Spec]:
    lead, (m, n) = x.shape[:-2], x.shape[-2:]
    k = -1 if -1 in (m, n) else min(m, n)
    return x, Spec((*lead, k), _I32), Spec(lead or (1,), _I32)


def _row_order(xp: Any, pivots: Any, m: int) -> Any:
    """The permutation of m rows that LAPACK's list of swaps stands for: row i of the result is row order[i]. [B, m]."""
    batch, k = pivots.shape
    order = xp.broadcast_to(xp.arange(m), (batch, m)).copy()
    rows = xp.arange(batch)
    for i in range(k):
        other = pivots[:, i] - 1
        here, there = order[:, i].copy(), order[rows, other].copy()
        order[:, i] = there
        order[rows, other] = here
    return order


@op("lu", "X -> Out, Pivots, Infos", infer=_infer_lu, grad="X#, Out, Pivots, Out@GRAD -> X@GRAD")
def lu(xp, x, *, pivots: bool = True):
    refuse_integers(x)
    lead, (m, n) = x.shape[:-2], x.shape[-2:]
    k = min(m, n)
    a = x.reshape((-1, m, n)).copy()
    batch = a.shape[0]
    rows = xp.arange(batch)
    swaps, singular = xp.zeros((batch, k), _I32), xp.zeros((batch,), _I32)
    for i in range(k):
        at = xp.argmax(xp.abs(a[:, i:, i]), axis=1) + i if pivots else xp.full((batch,), i)
        swaps[:, i] = at + 1
        here, there = a[:, i].copy(), a[rows, at].copy()
        a[:, i] = there
        a[rows, at] = here
        pivot = a[:, i, i]
        singular = xp.where((pivot == 0) & (singular == 0), i + 1, singular)
        a[:, i + 1 :, i] = a[:, i + 1 :, i] / xp.where(pivot == 0, xp.ones_like(pivot), pivot).reshape(-1, 1)
        a[:, i + 1 :, i + 1 :] = a[:, i + 1 :, i + 1 :] - a[:, i + 1 :, i : i + 1] * a[:, i : i + 1, i + 1 :]
    return a.reshape(x.shape), swaps.reshape((*lead, k)), singular.astype(_I32).reshape(lead or (1,))


def _lu_parts(xp: Any, packed: Any) -> tuple[Any, Any]:
    """The unit lower [.., m, k] and the upper [.., k, n] triangle."""
    m, n = packed.shape[-2:]
    k = min(m, n)
    low = _lower(xp, packed[..., :k], -1) + xp.eye(m, k, dtype=packed.dtype)
    return low, _upper(xp, packed[..., :k, :])


@lu.backward
def _(xp, x, out, swaps, d_out):
    m, n = x.shape[-2:]
    k = min(m, n)
    low, up = _lu_parts(xp, out)
    d_low, d_up = _lower(xp, d_out[..., :k], -1), _upper(xp, d_out[..., :k, :])
    l1, u1 = low[..., :k, :], up[..., :k]
    lower_part, upper_part = turned(l1) @ d_low[..., :k, :], d_up[..., :k] @ turned(u1)
    if n > k:
        lower_part = lower_part - d_up[..., k:] @ turned(up[..., k:])
    if m > k:
        upper_part = upper_part - turned(low[..., k:, :]) @ d_low[..., k:, :]
    inner = _lower(xp, lower_part, -1) + _upper(xp, upper_part)
    made = turned(_solved(xp, u1, turned(_solved(xp, turned(l1), inner))))
    if n > k:
        made = xp.concatenate([made, _solved(xp, turned(l1), d_up[..., k:])], axis=-1)
    if m > k:
        made = xp.concatenate([made, turned(_solved(xp, u1, turned(d_low[..., k:, :])))], axis=-2)
    order = _row_order(xp, swaps.reshape((-1, k)), m)
    rows = xp.argsort(order, axis=-1)
    index = xp.broadcast_to(rows.reshape((*rows.shape, 1)), (rows.shape[0], m, n))
    return xp.take_along_axis(made.reshape((-1, m, n)), index, axis=1).reshape(tuple(x.shape))


def _infer_lu_unpack(x: Spec, pivots: Spec, *, unpack_ludata: bool = True, unpack_pivots: bool = True) -> tuple[Any, ...]:
    lead, (m, n) = x.shape[:-2], x.shape[-2:]
    k = -1 if -1 in (m, n) else min(m, n)
    return Spec((*lead, m, m), x.dtype), Spec((*lead, m, k), x.dtype), Spec((*lead, k, n), x.dtype)


@op("lu_unpack", "X, Pivots -> Pmat, L, U", infer=_infer_lu_unpack, grad="X#, L@GRAD, U@GRAD -> X@GRAD")
def lu_unpack(xp, x, pivots, *, unpack_ludata: bool = True, unpack_pivots: bool = True):
    lead, m = x.shape[:-2], x.shape[-2]
    low, up = _lu_parts(xp, x)
    order = _row_order(xp, pivots.reshape((-1, pivots.shape[-1])), m)
    matrix = (xp.arange(m).reshape(1, m, 1) == order.reshape(-1, 1, m)).astype(x.dtype)
    return matrix.reshape((*lead, m, m)), low, up


@lu_unpack.backward
def _(xp, x, d_low, d_up):
    m, n = x.shape[-2:]
    k = min(m, n)
    low, up = _lower(xp, d_low, -1), _upper(xp, d_up)
    if n > k:
        low = xp.concatenate([low, xp.zeros((*low.shape[:-1], n - k), low.dtype)], axis=-1)
    if m > k:
        up = xp.concatenate([up, xp.zeros((*up.shape[:-2], m - k, n), up.dtype)], axis=-2)
    return low + up


def _infer_rank(x: Spec, tol_tensor: Any = None, **_: Any) -> Spec:
    lead = x.shape[:-2]
    return Spec(lead if tol_tensor is None else broadcast_shape(lead, tol_tensor.shape), _I32)


@op("matrix_rank", "X, TolTensor? -> Out", infer=_infer_rank)
def matrix_rank(xp, x, tol_tensor=None, *, tol: float = 0.0, hermitian: bool = False, use_default_tol: bool = True):
    refuse_integers(x)
    s = xp.abs(xp.linalg.eigvalsh(x)) if hermitian else xp.linalg.svd(x, compute_uv=False)
    if use_default_tol and tol_tensor is None:
        limit = s.max(axis=-1) * const(s, np.finfo(s.dtype).eps * max(x.shape[-2:]))
    elif tol_tensor is not None:
        limit = tol_tensor.astype(s.dtype)
    else:
        limit = xp.full(s.shape[:-1], tol, s.dtype)
    return (s > limit.reshape((*limit.shape, 1))).sum(axis=-1, dtype=_I32)


def _infer_lstsq(x: Spec, y: Spec, *, rcond: float = 0.0, driver: str = "gels") -> tuple[Any, ...]:
    m, n = x.shape[-2:]
    if -1 in (m, n):
        raise ValueError(f"the last two dimensions of X must be known, got {list(x.shape)}")
    lead, columns = broadcast_shape(x.shape[:-2], y.shape[:-2]), y.shape[-1]
    residuals = (*lead, columns) if m > n else (0,)
    return Spec((*lead, n, columns), x.dtype), Spec(residuals, x.dtype), Spec(x.shape[:-2], _I32), Spec((*x.shape[:-2], min(m, n)), x.dtype)


def _pseudo_inverse(xp: Any, x: Any, rcond: float) -> tuple[Any, Any, Any, Any]:
    """The pseudo-inverse, and u, s, vh of which it is made."""
    u, s, vh = xp.linalg.svd(x, full_matrices=False)
    used = s > s.max(axis=-1, keepdims=True) * const(s, rcond)
    inverse = xp.where(used, const(s, 1) / xp.where(used, s, const(s, 1)), const(s, 0))
    return (turned(vh) * inverse.reshape((*s.shape[:-1], 1, -1))) @ turned(u), u, xp.where(used, s, const(s, 0)), vh


@op("lstsq", "X, Y -> Solution, Residuals, Rank, SingularValues", infer=_infer_lstsq,
    grad="X, Y, Solution, Solution@GRAD, Residuals@GRAD, SingularValues@GRAD -> X@GRAD, Y@GRAD")  # fmt: skip
def lstsq(xp, x, y, *, rcond: float = 0.0, driver: str = "gels"):
    refuse_integers(x)
    pinv, _, s, _ = _pseudo_inverse(xp, x, rcond)
    solution = pinv @ y
    if x.shape[-2] > x.shape[-1]:
        distance = x @ solution - y
        residuals = (distance * distance).sum(axis=-2)
    else:
        residuals = xp.zeros((0,), x.dtype)
    return solution, residuals, (s > 0).sum(axis=-1, dtype=_I32), s


@lstsq.backward
def _(xp, x, y, solution, d_out, d_residuals, d_singular, *, rcond: float = 0.0, needs: tuple[bool, ...] = (True, True)):
    # G. Golub and V. Pereyra, "The Differentiation of Pseudo-Inverses" (1973)
    pinv, u, _, vh = _pseudo_inverse(xp, x, rcond)
    rest = y - x @ solution
    twice = None
    if x.shape[-2] > x.shape[-1]:
        twice = rest * const(x, 2) * d_residuals.reshape((*d_residuals.shape[:-1], 1, -1))
    back_ = turned(pinv) @ d_out
    dx = dy = None
    if needs[0]:
        outside = d_out - pinv @ (x @ d_out)
        dx = -(back_ @ turned(solution)) + rest @ turned(pinv @ back_) + (turned(pinv) @ solution) @ turned(outside)
        if twice is not None:
            dx = dx - twice @ turned(solution)
        dx = unbroadcast(xp, dx, tuple(x.shape)) + (u * d_singular.reshape((*d_singular.shape[:-1], 1, -1))) @ vh
    if needs[1]:
        dy = unbroadcast(xp, back_ if twice is None else back_ + twice, tuple(y.shape))
    return dx, dy


# --- cross product


def _cross_axis(x: Any, dim: int) -> int:
    """The axis of length 3: the first one if `dim` is 9, Paddle's number for that."""
    if dim == 9:
        for i, n in enumerate(x.shape):
            if n == 3:
                return i
        raise ValueError(f"no dimension of X is of length 3: {list(x.shape)}")
    axis = axis_of(dim, x.ndim, "dim")
    if x.shape[axis] != 3:
        raise ValueError(f"dimension {dim} of X must be of length 3, got shape {list(x.shape)}")
    return axis


def _infer_cross(x: Spec, y: Spec, *, dim: int = 9) -> Spec:
    if -1 not in x.shape:
        _cross_axis(x, dim)
    if x.ndim != y.ndim or any(a != b and -1 not in (a, b) for a, b in zip(x.shape, y.shape, strict=True)):
        raise ValueError(f"X and Y must have one shape, got {list(x.shape)} and {list(y.shape)}")
    return x


def _crossed(xp: Any, x: Any, y: Any, axis: int) -> Any:
    before = (slice(None),) * axis
    x0, x1, x2 = (x[(*before, slice(i, i + 1))] for i in range(3))
    y0, y1, y2 = (y[(*before, slice(i, i + 1))] for i in range(3))
    return xp.concatenate([x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0], axis=axis)


@op("cross", "X, Y -> Out", infer=_infer_cross, grad="X, Y, Out@GRAD -> X@GRAD, Y@GRAD")
def cross(xp, x, y, *, dim: int = 9):
    _infer_cross(x, y, dim=dim)
    return _crossed(xp, x, y, _cross_axis(x, dim))


@cross.backward
def _(xp, x, y, d_out, *, dim: int = 9, needs: tuple[bool, ...] = (True, True)):
    axis = _cross_axis(x, dim)
    return (_crossed(xp, y, d_out, axis) if needs[0] else None), (_crossed(xp, d_out, x, axis) if needs[1] else None)


# --- counting


@op("histogram", "X -> Out", infer=lambda x, *, bins=100, **_: Spec((bins,), _I64))
def histogram(xp, x, *, bins: Long = 100, min: int = 0, max: int = 0):
    if min > max:
        raise ValueError(f"min = {min} is larger than max = {max}")
    flat = x.reshape(-1)
    low, high = float(min), float(max)
    if min == max == 0 and flat.size:
        low, high = float(flat.min()), float(flat.max())
    if not math.isfinite(low) or not math.isfinite(high):
        raise ValueError("X holds nan or infinity; give min and max")
    if low == high:
        low, high = low - 1, high + 1
    return xp.histogram(flat.astype(np.float64), bins=bins, range=(low, high))[0].astype(_I64)


def _infer_bincount(x: Spec, weights: Any = None, *, minlength: int = 0) -> Spec:
    return Spec((-1,), _I64 if weights is None else weights.dtype if weights.dtype.kind == "f" else np.dtype(np.float64))


@op("bincount", "X, Weights? -> Out", infer=_infer_bincount)
def bincount(xp, x, weights=None, *, minlength: int = 0):
    if x.dtype.kind not in "iu" or x.ndim != 1:
        raise ValueError(f"X must be a vector of integers, got {x.dtype} of shape {list(x.shape)}")
    if x.size and x.min() < 0:
        raise ValueError("X must not hold negative numbers")
    if weights is not None and tuple(weights.shape) != tuple(x.shape):
        raise ValueError(f"Weights must have the shape of X, got {list(weights.shape)} and {list(x.shape)}")
    made = xp.bincount(x, weights, minlength)
    if weights is None:
        return made.astype(_I64)
    return made.astype(weights.dtype if weights.dtype.kind == "f" else np.float64)
