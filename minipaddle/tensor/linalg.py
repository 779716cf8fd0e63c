"""Matrix products, norms, decompositions and solvers; ``paddle.linalg`` offers the latter."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dispatch import call
from ..core.recorder import spec_of
from ..core.tensor import tensor_method
from ..errors import UnsupportedDtypeError, WrongTypeError
from ..ops import elementwise as E
from ..ops import indexing as I
from ..ops import linalg as L
from ..ops import matmul as M
from ..ops import reduction as R
from ..ops.shapes import axis_of
from . import creation, manipulation, random
from .arguments import as_int, as_ints, is_symbolic, is_tensor_like, static_types
from .math import abs as _abs
from .math import clip, inverse, mm, pow, same_types, sqrt
from .math import max as _max
from .math import min as _min
from .math import sum as _sum
from .operators import cast_to, number_like
from .stat import mean, numel

__all__ = [
    "bincount", "bmm", "cdist", "cholesky", "cholesky_solve", "cond", "corrcoef", "cov", "cross", "det", "dist", "dot", "eig", "eigh",
    "eigvals", "eigvalsh", "histogram", "householder_product", "inv", "lstsq", "lu", "lu_unpack", "matmul", "matrix_power",
    "matrix_rank", "multi_dot", "mv", "norm", "pca_lowrank", "pinv", "qr", "slogdet", "solve", "svd", "tensordot",
    "triangular_solve",
]  # fmt: skip

_INF = math.inf


# --- products


@tensor_method("matmul")
def matmul(x: Any, y: Any, transpose_x: bool = False, transpose_y: bool = False, name: str | None = None) -> Any:
    """Matrix product of the last two dimensions, the others broadcast; vectors count as a row or a column.

    `transpose_x` and `transpose_y` swap the last two dimensions first. ValueError for two types or sizes that do not fit.
    """
    static_types("matmul", "int8 float16 bfloat16 float32 float64 complex64 complex128", x=x, y=y)
    try:
        if x._data.dtype is y._data.dtype:
            return call(M.matmul_v2, x, y, trans_x=transpose_x, trans_y=transpose_y)
    except AttributeError:  # symbolic Variables, or no tensors at all
        pass
    x, y = same_types(x, y, "matmul")
    return call(M.matmul_v2, x, y, trans_x=transpose_x, trans_y=transpose_y)


@tensor_method("bmm")
def bmm(x: Any, y: Any, name: str | None = None) -> Any:
    """Products of two stacks of matrices: [b, n, k] and [b, k, m] give [b, n, m]."""
    return call(M.bmm, *same_types(x, y, "bmm"))


@tensor_method("mv")
def mv(x: Any, vec: Any, name: str | None = None) -> Any:
    """A matrix [n, k] times a vector [k]."""
    return call(M.mv, *same_types(x, vec, "mv"))


@tensor_method("dot")
def dot(x: Any, y: Any, name: str | None = None) -> Any:
    """The inner product of two vectors, or of the rows of two matrices of one shape."""
    return call(M.dot, *same_types(x, y, "dot"))


@tensor_method("cross")
def cross(x: Any, y: Any, axis: int | None = 9, name: str | None = None) -> Any:
    """The cross product along `axis` of length 3, by default the first one of that length."""
    x, y = same_types(x, y, "cross")
    return call(L.cross, x, y, dim=9 if axis is None else int(axis))


@tensor_method("multi_dot")
def multi_dot(x: Any, name: str | None = None) -> Any:
    """The product of a list of matrices in the cheapest order; the first and the last one may be vectors."""
    if not isinstance(x, (list, tuple)):
        raise WrongTypeError(f"multi_dot takes a list of Tensors, got {type(x).__name__}")
    for other in x[1:]:
        same_types(x[0], other, "multi_dot")
    return call(M.multi_dot, list(x))


def _numbers(axes: Any) -> list[int]:
    return as_ints(axes, "tensordot: axes")


@tensor_method("tensordot")
def tensordot(x: Any, y: Any, axes: Any = 2, name: str | None = None) -> Any:
    """The sum of products over axes of `x` and `y`: a number n (the last n of x, the first n of y) or two lists.

    One list is meant for both; a shorter list is filled up from the other. A dimension of length 1 broadcasts.
    """
    x, y = same_types(x, y, "tensordot")
    xs, ys = list(spec_of(x).shape), list(spec_of(y).shape)
    if isinstance(axes, (int, np.integer)):
        if axes < 0:
            raise AssertionError(f"tensordot: axes must not be negative, got {axes}")
        left, right = list(range(len(xs) - int(axes), len(xs))), list(range(int(axes)))
    elif is_tensor_like(axes):
        listed = axes.tolist()
        left, right = (listed[0], listed[1] if len(listed) > 1 else []) if isinstance(listed[0], list) else (listed, [])
    elif len(axes) == 0 or isinstance(axes[0], (int, np.integer)):
        left, right = _numbers(axes), []
    else:
        left, right = _numbers(axes[0]), _numbers(axes[1]) if len(axes) > 1 else []
    left, right = left + right[len(left) :], right + left[len(right) :]
    left, right = [axis_of(a, len(xs)) for a in left], [axis_of(a, len(ys)) for a in right]
    for a, b in zip(left, right, strict=True):
        if xs[a] == 1 and ys[b] != 1:
            ys[b] = 1
            y = _sum(y, b, keepdim=True)
        elif ys[b] == 1 and xs[a] != 1:
            xs[a] = 1
            x = _sum(x, a, keepdim=True)
        elif xs[a] != ys[b] and -1 not in (xs[a], ys[b]):
            raise AssertionError(f"tensordot: dimension {a} of x has {xs[a]} elements but dimension {b} of y has {ys[b]}")
    letters = iter("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    x_names = [next(letters) for _ in xs]
    y_names = [x_names[left[right.index(i)]] if i in right else next(letters) for i in range(len(ys))]
    out = [n for i, n in enumerate(x_names) if i not in left] + [n for i, n in enumerate(y_names) if i not in right]
    return call(M.einsum, [x, y], equation=f"{''.join(x_names)},{''.join(y_names)}->{''.join(out)}")


# --- norms and distances


@tensor_method("norm")
def norm(x: Any, p: Any = "fro", axis: Any = None, keepdim: bool = False, name: str | None = None) -> Any:
    """The p-norm of all elements, of vectors along one axis, or of matrices over two axes.

    p: "fro" or a number; over two axes as well the norm of the elements, not an operator norm, as Paddle 2.6.2 has it.
    """
    static_types("norm", "float32 float64", x=x)
    if not isinstance(p, (str, int, float)) or (isinstance(p, str) and p != "fro"):
        raise ValueError(f"norm: p must be a number or 'fro', got {p!r}")
    if isinstance(axis, (list, tuple)) and len(axis) == 1:
        axis = axis[0]
    if axis is None:
        if p == "fro":
            return call(R.frobenius_norm, x, dim=[0], keep_dim=keepdim, reduce_all=True)
        return call(R.p_norm, x, porder=float(p), axis=-1, keepdim=keepdim, asvector=True)
    if isinstance(axis, int):
        order = 2.0 if p == "fro" else float(p)
        return call(R.p_norm, x, porder=order, axis=axis, keepdim=keepdim, asvector=False)
    if not isinstance(axis, (list, tuple)) or len(axis) != 2:
        raise ValueError(f"norm: axis must be an int or a list of at most two ints, got {axis!r}")
    axis = as_ints(axis, "norm: axis")
    if p == "fro":
        return call(R.frobenius_norm, x, dim=axis, keep_dim=keepdim, reduce_all=False)
    if p in (_INF, -_INF):
        return (_max if p > 0 else _min)(_abs(x), axis, keepdim)
    if p == 0:
        raise ValueError("norm: p = 0 is defined for one axis only")
    return pow(_sum(pow(_abs(x), float(p)), axis, keepdim=keepdim), 1.0 / float(p))


@tensor_method("dist")
def dist(x: Any, y: Any, p: float = 2, name: str | None = None) -> Any:
    """The p-norm of x - y over all elements, p >= 0 or infinity; broadcasts."""
    x, y = same_types(x, y, "dist")
    return call(R.dist, x, y, p=float(p))


@tensor_method("cdist")
def cdist(
    x: Any, y: Any, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary", name: str | None = None
) -> Any:
    """The p-norm distance of each row of x [.., n, k] to each row of y [.., m, k]: [.., n, m].

    compute_mode: whether Euclidean distances go through a matrix product, which is faster and less exact.
    """
    modes = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
    if compute_mode not in modes:
        raise ValueError(f"cdist: compute_mode = {compute_mode!r}; expected one of {', '.join(modes)}")
    x, y = same_types(x, y, "cdist")
    xs, ys = spec_of(x).shape, spec_of(y).shape
    if len(xs) < 2 or len(ys) < 2 or (xs[-1] != ys[-1] and -1 not in (xs[-1], ys[-1])):
        raise AssertionError(f"cdist takes [.., n, k] and [.., m, k], got {list(xs)} and {list(ys)}")
    if p < 0:
        raise AssertionError(f"cdist: p must not be negative, got {p}")
    large = xs[-2] > 25 or ys[-2] > 25
    if p == 2 and compute_mode != modes[2] and (compute_mode == modes[1] or large):
        x2, y2 = (_sum(pow(t, 2), axis=-1, keepdim=True) for t in (x, y))
        squares = matmul(x, y, transpose_y=True) * -2.0 + manipulation.swapaxes(y2, -1, -2) + x2
        return sqrt(clip(squares, min=0.0))
    return norm(manipulation.unsqueeze(x, -2) - manipulation.unsqueeze(y, -3), p=float(p), axis=-1)


def _pair_of_singular_values(x: Any) -> tuple[Any, Any]:
    s = svd(x)[1]
    return _max(s, [-1]), _min(s, [-1])


@tensor_method("cond")
def cond(x: Any, p: Any = None, name: str | None = None) -> Any:
    """The condition number of [.., m, n] for the norm p: None or 2, -2, and for square matrices 1, -1, inf, -inf, "fro", "nuc"."""
    shape = spec_of(x).shape
    if len(shape) < 2:
        raise ValueError(f"cond takes matrices, got {len(shape)} dimensions")
    p = 2 if p is None else p
    if p in (2, -2):
        largest, smallest = _pair_of_singular_values(x)
        return largest / smallest if p == 2 else smallest / largest
    if p not in ("fro", "nuc", 1, -1, _INF, -_INF):
        raise ValueError(f"cond: p = {p!r}; expected None, 2, -2, 1, -1, inf, -inf, 'fro' or 'nuc'")
    if shape[-1] != shape[-2]:
        raise ValueError(f"cond: p = {p!r} takes square matrices, got shape {list(shape)}")

    def size(a: Any) -> Any:
        if p == "fro":
            return sqrt(_sum(pow(a, 2), axis=[-2, -1]))
        if p == "nuc":
            return _sum(svd(a)[1], axis=-1)
        sums = _sum(_abs(a), axis=-2 if p in (1, -1) else -1)
        return (_max if p > 0 else _min)(sums, [-1])

    return size(x) * size(inverse(x))


# --- covariance


@tensor_method("cov")
def cov(
    x: Any, rowvar: bool = True, ddof: bool = True, fweights: Any = None, aweights: Any = None, name: str | None = None
) -> Any:
    """The covariance matrix of the rows of x [variables, observations] (of its columns unless `rowvar`), or of a vector.

    ddof: divide by n - 1 instead of n. fweights: how often each observation counts; aweights: how much.
    """
    shape = spec_of(x).shape
    if len(shape) not in (1, 2):
        raise ValueError(f"cov takes one or two dimensions, got {len(shape)}")
    if x.dtype.name not in ("float32", "float64"):
        raise UnsupportedDtypeError(f"cov takes float32 or float64, got {x.dtype.name}")
    if len(shape) == 1:
        x = manipulation.reshape(x, [1, -1])
    elif not rowvar and shape[0] != 1:
        x = manipulation.t(x)
    count = spec_of(x).shape[1]
    weights = None
    for given, what in ((fweights, "fweights"), (aweights, "aweights")):
        if given is None:
            continue
        found = spec_of(given).shape
        if len(found) != 1 or (found != (count,) and -1 not in (count, found[0])):
            raise ValueError(f"cov: {what} must be a vector of {count} elements, got shape {list(found)}")
        if not is_symbolic(given):
            if bool(_min(given) < 0):
                raise ValueError(f"cov: {what} must not be negative")
            if what == "fweights" and given.dtype.is_floating and not bool((given == call(E.floor, given)).all()):
                raise ValueError("cov: fweights must be whole numbers")
        typed = cast_to(given, x.dtype)
        weights = typed if weights is None else weights * typed
    if weights is None:
        average, weighted = mean(x, axis=1, keepdim=True), x
        divisor: Any = float(max(count - int(ddof), 0))
        if count == -1:  # known when the Program runs
            divisor = clip(cast_to(numel(x), x.dtype) / cast_to(numel(average), x.dtype) - float(ddof), min=0.0)
    else:
        total = _sum(weights)
        if not is_symbolic(total) and float(total) == 0:
            raise ValueError("cov: the weights add up to zero")
        weighted = x * weights
        average = manipulation.unsqueeze(_sum(weighted, axis=1) / total, 1)
        if aweights is not None and ddof:
            divisor = total - _sum(weights * cast_to(aweights, x.dtype)) / total
        else:
            divisor = total - float(ddof)
        divisor = clip(divisor, min=0.0)
    centred = x - average
    made = mm(centred, manipulation.transpose(weighted, [1, 0]))
    made = made / number_like(divisor, made, made.dtype) if isinstance(divisor, float) else made / divisor
    return manipulation.squeeze(made)


@tensor_method("corrcoef")
def corrcoef(x: Any, rowvar: bool = True, name: str | None = None) -> Any:
    """The correlation coefficients of the rows of x [variables, observations] (of its columns unless `rowvar`)."""
    c = cov(x, rowvar)
    if len(spec_of(c).shape) == 0:
        return c / c
    deviation = sqrt(manipulation.diagonal(c))
    c = c / manipulation.unsqueeze(deviation, 1) / manipulation.unsqueeze(deviation, 0)
    return clip(c, -1.0, 1.0)


# --- inverses and solvers


def inv(x: Any, name: str | None = None) -> Any:
    """Inverse matrices of [.., n, n]."""
    return inverse(x)


@tensor_method("det")
def det(x: Any, name: str | None = None) -> Any:
    """Determinants of [.., n, n]."""
    return call(L.determinant, x)


@tensor_method("slogdet")
def slogdet(x: Any, name: str | None = None) -> Any:
    """Sign and logarithm of the absolute value of the determinants of [.., n, n], stacked: [2, ..]."""
    return call(L.slogdeterminant, x)


@tensor_method("solve")
def solve(x: Any, y: Any, name: str | None = None) -> Any:
    """z with x @ z = y; x [.., n, n], y [.., n, k] or [.., n]."""
    return call(L.solve, *same_types(x, y, "solve"))


@tensor_method("triangular_solve")
def triangular_solve(
    x: Any, y: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False, name: str | None = None
) -> Any:
    """z with x @ z = y, of x [.., n, n] only one triangle taken; transpose: x transposed; unitriangular: ones on the diagonal."""
    x, y = same_types(x, y, "triangular_solve")
    return call(L.triangular_solve, x, y, upper=bool(upper), transpose=bool(transpose), unitriangular=bool(unitriangular))


@tensor_method("cholesky_solve")
def cholesky_solve(x: Any, y: Any, upper: bool = False, name: str | None = None) -> Any:
    """z with A @ z = x, where y [.., n, n] is the Cholesky factor of A."""
    x, y = same_types(x, y, "cholesky_solve")
    return call(L.cholesky_solve, x, y, upper=bool(upper))


@tensor_method("lstsq")
def lstsq(x: Any, y: Any, rcond: float | None = None, driver: str | None = None, name: str | None = None) -> tuple[Any, Any, Any, Any]:
    """z of least |x @ z - y|: (solution [.., n, k], residuals, rank, singular values) for x [.., m, n], y [.., m, k].

    Every driver ("gels", "gelsy", "gelsd", "gelss") gives the solution of least norm, from the singular values; as in Paddle
    the driver decides which of the other results are empty. rcond: singular values below rcond times the largest count as 0.
    """
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise ValueError(f"lstsq: driver = {driver!r}; expected 'gels', 'gelsy', 'gelsd' or 'gelss'")
    driver = driver or "gelsy"
    x, y = same_types(x, y, "lstsq")
    xs, ys = spec_of(x).shape, spec_of(y).shape
    if x.dtype.name not in ("float32", "float64"):
        raise ValueError(f"lstsq takes float32 or float64, got {x.dtype.name}")
    if len(xs) < 2 or len(ys) < 2 or (xs[-2] != ys[-2] and -1 not in (xs[-2], ys[-2])):
        raise ValueError(f"lstsq takes [.., m, n] and [.., m, k], got {list(xs)} and {list(ys)}")
    if rcond is None:
        rcond = (1e-7 if x.dtype.name == "float32" else 1e-15) * max(xs[-2:])
    solution, residuals, rank, singular = call(L.lstsq, x, y, rcond=float(rcond), driver=driver)
    if driver == "gels":
        rank = creation.empty([0], dtype="int32")
    if driver in ("gels", "gelsy"):
        singular = creation.empty([0], dtype=x.dtype)
    return solution, residuals, rank, singular


@tensor_method("pinv")
def pinv(x: Any, rcond: float = 1e-15, hermitian: bool = False, name: str | None = None) -> Any:
    """The pseudo-inverses [.., n, m] of [.., m, n]; singular values below rcond times the largest count as 0."""
    if hermitian:
        s, u = eigh(x)
        left, right, size = u, u, _abs(s)
    else:
        u, s, vt = svd(x)
        left, right, size = manipulation.swapaxes(vt, -1, -2), u, s
    if right.dtype.is_complex:
        left, right = (left if hermitian else call(E.conj, left)), call(E.conj, right)
    used = size > _max(size, [-1], True) * float(rcond)
    ones, zeros = creation.ones_like(s), creation.zeros_like(s)
    inverted = call(I.where, used, ones / call(I.where, used, s, ones), zeros)
    return matmul(left * manipulation.unsqueeze(inverted, -2), right, transpose_y=True)


@tensor_method("matrix_power")
def matrix_power(x: Any, n: int, name: str | None = None) -> Any:
    """[.., k, k] to the whole power n; the inverse is taken for negative n."""
    return call(L.matrix_power, x, n=int(n))


@tensor_method("matrix_rank")
def matrix_rank(x: Any, tol: Any = None, hermitian: bool = False, name: str | None = None) -> Any:
    """How many singular values of [.., m, n] are above `tol` (a number or a tensor; by default eps * max(m, n) * largest); int32."""
    if tol is None:
        return call(L.matrix_rank, x, use_default_tol=True, hermitian=bool(hermitian))
    if is_tensor_like(tol):
        return call(L.matrix_rank, x, cast_to(tol, x.dtype), use_default_tol=False, hermitian=bool(hermitian))
    return call(L.matrix_rank, x, tol=float(tol), use_default_tol=False, hermitian=bool(hermitian))


# --- decompositions


@tensor_method("cholesky")
def cholesky(x: Any, upper: bool = False, name: str | None = None) -> Any:
    """The lower triangular l with l @ l.T = x (upper: u.T @ u), for positive definite [.., n, n]."""
    return call(L.cholesky, x, upper=bool(upper))


@tensor_method("svd")
def svd(x: Any, full_matrices: bool = False, name: str | None = None) -> tuple[Any, Any, Any]:
    """u [.., m, k], s [.., k] (falling) and vh [.., k, n] with u * s @ vh = x; k is min(m, n), or m and n with `full_matrices`."""
    return call(L.svd, x, full_matrices=bool(full_matrices))


@tensor_method("qr")
def qr(x: Any, mode: str = "reduced", name: str | None = None) -> Any:
    """q [.., m, k] orthogonal and r [.., k, n] upper triangular; mode "complete" has k = m, "r" gives r alone."""
    q, r = call(L.qr, x, mode=mode)
    return r if mode == "r" else (q, r)


@tensor_method("lu")
def lu(x: Any, pivot: bool = True, get_infos: bool = False, name: str | None = None) -> Any:
    """The packed LU decomposition [.., m, n] and the row swaps (from 1); get_infos: also which pivot was 0 (from 1, 0 for none)."""
    packed, pivots, infos = call(L.lu, x, pivots=bool(pivot))
    return (packed, pivots, infos) if get_infos else (packed, pivots)


@tensor_method("lu_unpack")
def lu_unpack(x: Any, y: Any, unpack_ludata: bool = True, unpack_pivots: bool = True, name: str | None = None) -> tuple[Any, Any, Any]:
    """Permutation matrix, lower and upper triangle out of what `lu` gives: p @ l @ u is the matrix."""
    return call(L.lu_unpack, x, y, unpack_ludata=bool(unpack_ludata), unpack_pivots=bool(unpack_pivots))


def _half(UPLO: str, what: str) -> str:
    if UPLO not in ("L", "U"):
        raise ValueError(f"{what}: UPLO = {UPLO!r}; expected 'L' or 'U'")
    return UPLO


@tensor_method("eigh")
def eigh(x: Any, UPLO: str = "L", name: str | None = None) -> tuple[Any, Any]:
    """Eigenvalues (rising) and eigenvectors (columns) of symmetric [.., n, n], of which one triangle is read."""
    return call(L.eigh, x, UPLO=_half(UPLO, "eigh"))


@tensor_method("eigvalsh")
def eigvalsh(x: Any, UPLO: str = "L", name: str | None = None) -> Any:
    """Eigenvalues (rising) of symmetric [.., n, n], of which one triangle is read."""
    return call(L.eigvalsh, x, UPLO=_half(UPLO, "eigvalsh"), is_test=bool(x.stop_gradient))


@tensor_method("eig")
def eig(x: Any, name: str | None = None) -> tuple[Any, Any]:
    """Complex eigenvalues and eigenvectors (columns of norm 1) of [.., n, n]."""
    return call(L.eig, x)


@tensor_method("eigvals")
def eigvals(x: Any, name: str | None = None) -> Any:
    """Complex eigenvalues of [.., n, n]."""
    return call(L.eigvals, x)


@tensor_method("householder_product")
def householder_product(x: Any, tau: Any, name: str | None = None) -> Any:
    """The first n columns of a product of k reflections: x [.., m, n] has their vectors below the diagonal, tau [.., k] their factors."""
    x, tau = same_types(x, tau, "householder_product")
    shape, count = spec_of(x).shape, spec_of(tau).shape
    fits = len(shape) > 1 and len(count) == len(shape) - 1 and shape[:-2] == count[:-1]
    if not fits or shape[-2] < shape[-1] or shape[-1] < count[-1]:
        raise AssertionError(
            f"householder_product takes [.., m, n] with m >= n and [.., k] with k <= n, got {list(shape)} and {list(count)}"
        )
    m, n = shape[-2:]
    low = creation.tril(x, -1) + creation.eye(m, n, dtype=x.dtype)
    product = creation.eye(m, dtype=x.dtype)
    for i in range(count[-1]):
        v = manipulation.slice(low, [len(shape) - 1], [i], [i + 1])  # [.., m, 1]
        factor = manipulation.unsqueeze(manipulation.slice(tau, [len(count) - 1], [i], [i + 1]), -1)
        vh = manipulation.swapaxes(call(E.conj, v) if x.dtype.is_complex else v, -1, -2)
        product = product - matmul(matmul(product, v), vh) * factor
    return manipulation.slice(product, [len(shape) - 1], [0], [n])


@tensor_method("pca_lowrank")
def pca_lowrank(x: Any, q: int | None = None, center: bool = True, niter: int = 2, name: str | None = None) -> tuple[Any, Any, Any]:
    """u [.., m, q], s [.., q], v [.., n, q]: about the q largest singular values of x [.., m, n], its columns centred first.

    N. Halko, P. Martinsson, J. Tropp, "Finding structure with randomness" (2011), with `niter` power iterations.
    """
    if not is_tensor_like(x):
        raise ValueError(f"pca_lowrank takes a Tensor, got {type(x).__name__}")
    m, n = spec_of(x).shape[-2:]
    q = min(6, m, n) if q is None else q
    if not 0 <= q <= min(m, n):
        raise ValueError(f"pca_lowrank: q = {q} must lie in [0, {min(m, n)}]")
    if niter < 0:
        raise ValueError(f"pca_lowrank: niter must not be negative, got {niter}")
    a = x - mean(x, axis=-2, keepdim=True) if center else x
    turned = manipulation.swapaxes(a, -1, -2)
    wide = m < n or n > q
    a, turned = (turned, a) if wide else (a, turned)  # a basis of the range of `a`
    basis = qr(matmul(a, random.randn([spec_of(a).shape[-1], q], dtype=x.dtype)))[0]
    for _ in range(niter):
        basis = qr(matmul(turned, basis))[0]
        basis = qr(matmul(a, basis))[0]
    u, s, vh = svd(matmul(turned, basis))
    v = manipulation.swapaxes(vh, -1, -2)
    lifted = matmul(basis, v)
    return (u, s, lifted) if wide else (lifted, s, u)


# --- counting


@tensor_method("histogram")
def histogram(input: Any, bins: int = 100, min: int = 0, max: int = 0, name: str | None = None) -> Any:
    """How many elements fall into each of `bins` equal parts of [min, max] (of the range of the data if both are 0); int64 [bins]."""
    spec_of(input)  # an error for what is no tensor
    if input.dtype.name not in ("int32", "int64", "float32", "float64"):
        raise UnsupportedDtypeError(f"histogram takes int32, int64, float32 or float64, got {input.dtype.name}")
    bins = as_int(bins, "histogram: bins")
    if bins < 1:
        raise ValueError(f"histogram: bins must be at least 1, got {bins}")
    if max < min:
        raise ValueError(f"histogram: max must not be below min, got min {min} and max {max}")
    return call(L.histogram, input, bins=bins, min=min, max=max)


@tensor_method("bincount")
def bincount(x: Any, weights: Any = None, minlength: int = 0, name: str | None = None) -> Any:
    """How often each number from 0 on occurs in a vector of integers, or the sum of its weights; at least `minlength` long."""
    if x.dtype.name not in ("int32", "int64"):
        raise UnsupportedDtypeError(f"bincount takes int32 or int64, got {x.dtype.name}")
    return call(L.bincount, x, weights, minlength=int(minlength))
