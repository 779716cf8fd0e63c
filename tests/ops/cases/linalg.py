"""Rows for the operators of `ops/matmul.py` and `ops/linalg.py`."""
from __future__ import annotations

import numpy as np

from tests.ops.caselib import Array, case, each, flat, integers, normal, uniform, value


def spread(*shape: int) -> Array:
    """Well-conditioned square matrices."""
    return Array(lambda g: g.standard_normal(shape) + 3 * np.eye(shape[-1]))


def positive(*shape: int) -> Array:
    """Symmetric positive definite matrices."""

    def make(g: np.random.Generator) -> np.ndarray:
        a = g.standard_normal(shape)
        return a @ np.swapaxes(a, -1, -2) + 2 * np.eye(shape[-1])

    return Array(make)


def einsum(equation: str, *shapes: tuple[int, ...]):
    return case("einsum", [normal(*s) for s in shapes], equation=equation, expect=lambda xs: np.einsum(equation, *xs))


CASES = flat(
    # products
    case("matmul_v2", normal(3, 4), normal(4, 2), expect=np.matmul),
    case("linear", normal(3, 4), normal(4, 2), normal(2), expect=lambda x, y, b: x @ y + b),
    case("linear", normal(2, 3, 4), normal(5, 4), normal(5), trans_y=True, expect=lambda x, y, b: x @ y.T + b),
    case("matmul_v2", normal(4, 3), normal(2, 4), trans_x=True, trans_y=True, expect=lambda x, y: x.T @ y.T),
    case("matmul_v2", normal(2, 3, 4), normal(4, 2), name="batch by matrix", expect=np.matmul),
    case("matmul_v2", normal(2, 1, 3, 4), normal(5, 4, 2), name="broadcast", expect=np.matmul),
    case("matmul_v2", normal(2, 4, 3), normal(2, 5, 4), trans_x=True, trans_y=True,
         expect=lambda x, y: np.swapaxes(x, 1, 2) @ np.swapaxes(y, 1, 2)),
    case("matmul_v2", normal(4), normal(4), name="vectors", expect=np.matmul),
    case("matmul_v2", normal(3, 4), normal(4), name="matrix by vector", expect=np.matmul),
    case("matmul_v2", normal(4), normal(4, 2), name="vector by matrix", expect=np.matmul),
    case("matmul_v2", normal(4), normal(2, 4, 3), name="vector by batch", expect=np.matmul),
    case("matmul_v2", normal(2, 3, 4), normal(4), name="batch by vector", expect=np.matmul),
    case("matmul", normal(3, 4), normal(5, 4), transpose_Y=True, alpha=each(1.0, 0.5)),
    case("mul", normal(2, 3, 4), normal(4, 5), x_num_col_dims=2, y_num_col_dims=1, expect=np.matmul),
    case("mul", normal(2, 3, 2), normal(3, 2, 5), x_num_col_dims=1, y_num_col_dims=2, expect=lambda x, y: x.reshape(2, 6) @ y.reshape(6, 5)),
    case("bmm", normal(2, 3, 4), normal(2, 4, 5), expect=np.matmul),
    case("mv", normal(3, 4), normal(4), expect=np.matmul),
    case("dot", normal(4), normal(4), expect=np.dot),
    case("dot", normal(3, 4), normal(3, 4), name="rows", expect=lambda x, y: (x * y).sum(1)),
    case("dot", integers(0, 5, 4, dtype="int32"), integers(0, 5, 4, dtype="int32"), name="int32", expect=np.dot),
    case("addmm", normal(2, 3), normal(2, 4), normal(4, 3), Alpha=each(1.0, 0.5), Beta=each(1.0, 2.0)),
    case("addmm", normal(3), normal(2, 4), normal(4, 3), name="broadcast", expect=lambda c, x, y: c + x @ y),
    case("multi_dot", [normal(3, 4), normal(4, 2), normal(2, 5)], expect=lambda xs: xs[0] @ xs[1] @ xs[2]),
    case("multi_dot", [normal(4), normal(4, 2), normal(2, 5), normal(5)], name="vectors", expect=lambda xs: xs[0] @ xs[1] @ xs[2] @ xs[3]),
    case("kron", normal(2, 2), normal(2, 3), expect=np.kron),
    case("kron", normal(3), normal(2, 2, 2), name="ranks", expect=np.kron),
    case("cross", normal(3, 3), normal(3, 3), dim=each(9, 1)),
    case("cross", normal(2, 3), normal(2, 3), expect=np.cross),
    case("trace", normal(3, 4), offset=each(0, 1, -1)),
    case("trace", normal(3, 4, 2), axis1=2, axis2=0, offset=1, expect=lambda x: np.trace(x, 1, 2, 0)),
    einsum("ij,jk->ik", (2, 3), (3, 4)),
    einsum("ij->ji", (2, 3)),
    einsum("ij->i", (2, 3)),
    einsum("ij,ij->", (2, 3), (2, 3)),
    einsum("ii->i", (3, 3)),
    einsum("ii", (3, 3)),
    einsum("iij->j", (3, 3, 2)),
    einsum("bij,bjk->bik", (2, 3, 4), (2, 4, 2)),
    einsum("bhd,bkd->bhk", (2, 3, 4), (2, 5, 4)),
    einsum("...ij,jk->...ik", (2, 2, 3), (3, 4)),
    einsum("...a,...a->...", (2, 1, 4), (3, 4)),
    einsum("i,j->ij", (2,), (3,)),
    einsum("ijk,jil->kl", (2, 3, 4), (3, 2, 5)),
    einsum("ab,bc,cd->ad", (2, 3), (3, 4), (4, 2)),
    # inverses, determinants, solvers
    case("inverse", spread(2, 3, 3), rtol=1e-4, expect=np.linalg.inv),
    case("determinant", spread(2, 3, 3), rtol=1e-4, expect=np.linalg.det),
    case("determinant", value([[1.0, 2.0], [2.0, 4.0]]), name="singular", expect=np.linalg.det),
    case("slogdeterminant", spread(2, 3, 3), rtol=1e-4, expect=lambda x: np.stack(np.linalg.slogdet(x))),
    case("solve", spread(2, 3, 3), normal(2, 3, 2), rtol=1e-4, expect=np.linalg.solve),
    case("solve", spread(3, 3), normal(3), name="vector", rtol=1e-4, expect=np.linalg.solve),
    case("solve", spread(3, 3), normal(2, 3, 2), name="broadcast", rtol=1e-4),
    case("triangular_solve", spread(3, 3), normal(3, 2), upper=each(True, False), transpose=each(True, False), unitriangular=each(True, False),
         rtol=1e-4),
    case("cholesky_solve", normal(3, 2), spread(3, 3), upper=each(True, False), rtol=1e-4),
    case("matrix_power", spread(2, 2), n=each(0, 1, 3, -2), rtol=1e-3),
    case("matrix_rank", value([[1.0, 2.0], [2.0, 4.0]]), None, grad=False, expect=lambda *_: np.array(1)),
    case("matrix_rank", normal(2, 3, 3), None, tol=0.5, use_default_tol=False, grad=False),
    case("lstsq", normal(4, 2), normal(4, 3), rcond=1e-15, driver="gelsd", rtol=1e-4, check_infer=False),
    case("lstsq", normal(2, 4), normal(2, 3), rcond=1e-15, driver="gels", rtol=1e-4, check_infer=False),
    # decompositions; what is differentiated does not depend on the choice of signs
    case("cholesky", positive(2, 3, 3), upper=each(False, True), rtol=1e-4, grad=False),
    case("eigh", positive(3, 3), UPLO=each("L", "U"), grad=False),
    case("eigvalsh", positive(2, 3, 3), UPLO="L", grad=False, expect=np.linalg.eigvalsh),
    case("eig", spread(3, 3), grad=False, static=False),
    case("eigvals", spread(3, 3), grad=False),
    case("svd", normal(2, 4, 3), rtol=1e-4),
    case("svd", normal(3, 4), rtol=1e-4, name="wide"),
    case("svd", normal(3, 4), full_matrices=True, grad=False),
    case("qr", normal(2, 4, 3), rtol=1e-4),
    case("qr", normal(3, 4), rtol=1e-4, name="wide"),
    case("qr", normal(4, 3), mode=each("complete", "r"), grad=False),
    case("lu", spread(2, 3, 3), rtol=1e-4),
    case("lu", normal(4, 3), rtol=1e-4, name="tall"),
    case("lu", normal(3, 4), rtol=1e-4, name="wide"),
    case("lu_unpack", normal(3, 3), value([2, 3, 3], "int32"), rtol=1e-4),
    case("lu_unpack", normal(4, 3), value([2, 4, 3], "int32"), name="tall"),
    case("lu_unpack", normal(3, 4), value([2, 3, 3], "int32"), name="wide"),
    case("renorm", normal(3, 4), p=2.0, axis=0, max_norm=each(0.5, 100.0), rtol=1e-4),
    # counting
    case("histogram", normal(20), bins=4, min=-2, max=2, grad=False, expect=lambda x: np.histogram(x, 4, (-2, 2))[0]),
    case("histogram", normal(20), bins=5, grad=False, expect=lambda x: np.histogram(x, 5)[0]),
    case("bincount", integers(0, 5, 8), None, minlength=each(0, 9), check_infer=False),
    case("bincount", integers(0, 5, 8), uniform(0, 1, 8), grad=False, check_infer=False, expect=lambda x, w: np.bincount(x, w)),
)  # fmt: skip
