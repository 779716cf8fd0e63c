"""Matrix products."""
from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ..errors import MisusedTensorError, UnfitShapesError
from .registry import Spec, op
from .shapes import broadcast_shape, product, unbroadcast

__all__: list[str] = []


def _conj(*arrays: Any) -> tuple[Any, ...]:
    """Complex factors conjugated, as gradients take them."""
    return tuple([a.conj() if a.dtype.kind == "c" else a for a in arrays])


def _infer_matmul(x: Spec, y: Spec, *, trans_x: bool = False, trans_y: bool = False, **_: Any) -> Spec:
    if not x.shape or not y.shape:
        raise ValueError("both inputs need at least one dimension")
    if x.dtype is not None and y.dtype is not None and x.dtype != y.dtype:
        raise ValueError(f"X is {x.dtype} but Y is {y.dtype}; cast one of them")
    xs = (1, *x.shape) if x.ndim == 1 else tuple(x.shape)
    ys = (*y.shape, 1) if y.ndim == 1 else tuple(y.shape)
    rows, k = xs[-2:][::-1] if trans_x and x.ndim > 1 else xs[-2:]
    j, columns = ys[-2:][::-1] if trans_y and y.ndim > 1 else ys[-2:]
    if -1 not in (k, j) and k != j:
        raise ValueError(f"X has {k} columns but Y has {j} rows; they must be equal")
    shape = list(broadcast_shape(xs[:-2], ys[:-2]))
    if x.ndim > 1:
        shape.append(rows)
    if y.ndim > 1:
        shape.append(columns)
    return Spec(shape, x.dtype)


@op("matmul_v2", "X, Y -> Out", infer=_infer_matmul, grad="X, Y, Out@GRAD -> X@GRAD, Y@GRAD")
def matmul_v2(xp, x, y, *, trans_x: bool = False, trans_y: bool = False):
    if x.dtype != y.dtype:
        raise ValueError(f"X is {x.dtype} but Y is {y.dtype}; cast one of them")
    if trans_x and x.ndim > 1:
        x = x.swapaxes(-1, -2)
    if trans_y and y.ndim > 1:
        y = y.swapaxes(-1, -2)
    if x.ndim > 2 and y.ndim == 2 and x.flags.c_contiguous:
        # one large product is faster than a stack of small ones
        out = (x.reshape(-1, x.shape[-1]) @ y).reshape(*x.shape[:-1], y.shape[-1])
    else:
        out = xp.matmul(x, y)
    return out.astype(x.dtype) if x.dtype.kind == "V" else out  # NumPy multiplies bfloat16 matrices to float32


@matmul_v2.backward
def _(xp, x, y, d_out, *, trans_x: bool = False, trans_y: bool = False, needs: tuple[bool, ...] = (True, True)):
    dx = dy = None
    if x.dtype.kind == "c" or y.dtype.kind == "c":
        x, y = _conj(x, y)
    if x.ndim == 2 and y.ndim == 2:
        if needs[0]:
            dx = (y @ d_out.T if not trans_y else y.T @ d_out.T) if trans_x else (d_out @ y if trans_y else d_out @ y.T)
        if needs[1]:
            dy = (d_out.T @ x if not trans_x else d_out.T @ x.T) if trans_y else (x @ d_out if trans_x else x.T @ d_out)
        return dx, dy
    # vectors become matrices, then each product is transposed back
    a = x.reshape(1, -1) if x.ndim == 1 else (x.swapaxes(-1, -2) if trans_x else x)
    b = y.reshape(-1, 1) if y.ndim == 1 else (y.swapaxes(-1, -2) if trans_y else y)
    lead = broadcast_shape(a.shape[:-2], b.shape[:-2])
    d = d_out.reshape(*lead, a.shape[-2], b.shape[-1])
    if needs[0]:
        turned = b.swapaxes(-1, -2)
        da = unbroadcast(xp, d * turned if b.shape[-1] == 1 else d @ turned, a.shape)  # of vectors: no sums at all
        dx = da.reshape(x.shape) if x.ndim == 1 else (da.swapaxes(-1, -2) if trans_x else da)
    if needs[1]:
        if b.ndim == 2 and a.ndim > 2:
            db = a.reshape(-1, a.shape[-1]).swapaxes(0, 1) @ d.reshape(-1, d.shape[-1])
        else:
            turned = a.swapaxes(-1, -2)
            db = unbroadcast(xp, turned * d if a.shape[-2] == 1 else turned @ d, b.shape)
        dy = db.reshape(y.shape) if y.ndim == 1 else (db.swapaxes(-1, -2) if trans_y else db)
    return dx, dy


@op("mul", "X, Y -> Out", infer=lambda x, y, *, x_num_col_dims, y_num_col_dims: Spec(
    x.shape[:x_num_col_dims] + y.shape[y_num_col_dims:], x.dtype), grad="X, Y, Out@GRAD -> X@GRAD, Y@GRAD")  # fmt: skip
def mul(xp, x, y, *, x_num_col_dims: int = 1, y_num_col_dims: int = 1):
    a = x.reshape(product(x.shape[:x_num_col_dims]), -1)
    b = y.reshape(product(y.shape[:y_num_col_dims]), -1)
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"X flattens to {a.shape[1]} columns but Y to {b.shape[0]} rows; they must be equal")
    return (a @ b).reshape(x.shape[:x_num_col_dims] + y.shape[y_num_col_dims:])


@mul.backward
def _(xp, x, y, d_out, *, x_num_col_dims: int = 1, y_num_col_dims: int = 1, needs: tuple[bool, ...] = (True, True)):
    x, y = _conj(x, y)
    a = x.reshape(product(x.shape[:x_num_col_dims]), -1)
    b = y.reshape(product(y.shape[:y_num_col_dims]), -1)
    d = d_out.reshape(a.shape[0], b.shape[1])
    return ((d @ b.T).reshape(x.shape) if needs[0] else None), ((a.T @ d).reshape(y.shape) if needs[1] else None)


def _infer_addmm(c: Spec, x: Spec, y: Spec, **_: Any) -> Spec:
    if x.ndim != 2 or y.ndim != 2:
        raise ValueError(f"X and Y must be matrices, got {list(x.shape)} and {list(y.shape)}")
    if -1 not in (x.shape[1], y.shape[0]) and x.shape[1] != y.shape[0]:
        raise ValueError(f"X has {x.shape[1]} columns but Y has {y.shape[0]} rows; they must be equal")
    shape = (x.shape[0], y.shape[1])
    if c.ndim > 2 or any(a not in (1, -1, b) and b != -1 for a, b in zip(c.shape[::-1], shape[::-1], strict=False)):
        raise ValueError(f"Input of shape {list(c.shape)} cannot be broadcast to {list(shape)}")
    return Spec(shape, x.dtype)


@op("addmm", "Input, X, Y -> Out", infer=_infer_addmm, grad="Input#, X, Y, Out@GRAD -> Input@GRAD, X@GRAD, Y@GRAD")
def addmm(xp, c, x, y, *, Alpha: float = 1.0, Beta: float = 1.0):
    _infer_addmm(c, x, y)
    product = x @ y
    return c * c.dtype.type(Beta) + (product if Alpha == 1 else product * product.dtype.type(Alpha))


@addmm.backward
def _(xp, c, x, y, d_out, *, Alpha: float = 1.0, Beta: float = 1.0, needs: tuple[bool, ...] = (True, True, True)):
    number = x.dtype.type
    x, y = _conj(x, y)
    scaled = d_out * number(Alpha)
    dc = unbroadcast(xp, d_out * number(Beta), c.shape) if needs[0] else None
    return dc, (scaled @ y.T if needs[1] else None), (x.T @ scaled if needs[2] else None)


@op("matmul", "X, Y -> Out", infer=lambda x, y, *, transpose_X=False, transpose_Y=False, **_: _infer_matmul(
    x, y, trans_x=transpose_X, trans_y=transpose_Y), grad="X, Y, Out@GRAD -> X@GRAD, Y@GRAD")  # fmt: skip
def matmul(xp, x, y, *, transpose_X: bool = False, transpose_Y: bool = False, alpha: float = 1.0, head_number: int = 1):
    if head_number != 1:
        raise NotImplementedError(f"head_number = {head_number}: products of several heads in one matrix are not done here")
    out = matmul_v2.forward(xp, x, y, trans_x=transpose_X, trans_y=transpose_Y)
    return out if alpha == 1 else out * x.dtype.type(alpha)


@matmul.backward
def _(xp, x, y, d_out, *, transpose_X: bool = False, transpose_Y: bool = False, alpha: float = 1.0,
      needs: tuple[bool, ...] = (True, True)):  # fmt: skip
    d = d_out if alpha == 1 else d_out * x.dtype.type(alpha)
    assert matmul_v2.grad is not None
    return matmul_v2.grad.function(xp, x, y, d, trans_x=transpose_X, trans_y=transpose_Y, needs=needs)


def _infer_bmm(x: Spec, y: Spec) -> Spec:
    if x.ndim != 3 or y.ndim != 3:
        raise ValueError(f"both inputs must have three dimensions, got {list(x.shape)} and {list(y.shape)}")
    if -1 not in (x.shape[0], y.shape[0]) and x.shape[0] != y.shape[0]:
        raise ValueError(f"X holds {x.shape[0]} matrices but Y holds {y.shape[0]}; the numbers must be equal")
    return _infer_matmul(x, y)


@op("bmm", "X, Y -> Out", infer=_infer_bmm, grad="X, Y, Out@GRAD -> X@GRAD, Y@GRAD")
def bmm(xp, x, y):
    _infer_bmm(x, y)
    return xp.matmul(x, y)


@bmm.backward
def _(xp, x, y, d_out, *, needs: tuple[bool, ...] = (True, True)):
    x, y = _conj(x, y)
    return (d_out @ y.swapaxes(-1, -2) if needs[0] else None), (x.swapaxes(-1, -2) @ d_out if needs[1] else None)


def _infer_mv(x: Spec, vec: Spec) -> Spec:
    if x.ndim != 2 or vec.ndim != 1:
        raise ValueError(f"X must be a matrix and Vec a vector, got {list(x.shape)} and {list(vec.shape)}")
    if -1 not in (x.shape[1], vec.shape[0]) and x.shape[1] != vec.shape[0]:
        raise ValueError(f"X has {x.shape[1]} columns but Vec has {vec.shape[0]} elements; they must be equal")
    return Spec(x.shape[:1], x.dtype)


@op("mv", "X, Vec -> Out", infer=_infer_mv, grad="X, Vec, Out@GRAD -> X@GRAD, Vec@GRAD")
def mv(xp, x, vec):
    _infer_mv(x, vec)
    return x @ vec


@mv.backward
def _(xp, x, vec, d_out, *, needs: tuple[bool, ...] = (True, True)):
    x, vec = _conj(x, vec)
    dx = d_out.reshape(-1, 1) * vec.reshape(1, -1) if needs[0] else None
    return dx, ((x.T @ d_out.reshape(-1, 1)).reshape(-1) if needs[1] else None)


def _infer_dot(x: Spec, y: Spec) -> Spec:
    if x.ndim not in (1, 2) or x.ndim != y.ndim or any(a != b and -1 not in (a, b) for a, b in zip(x.shape, y.shape, strict=True)):
        raise UnfitShapesError(f"X and Y must be vectors or matrices of one shape, got {list(x.shape)} and {list(y.shape)}")
    return Spec(x.shape[:-1], x.dtype)


@op("dot", "X, Y -> Out", infer=_infer_dot, grad="X, Y, Out@GRAD -> X@GRAD, Y@GRAD")
def dot(xp, x, y):
    _infer_dot(x, y)
    return (x * y).sum(axis=-1, dtype=x.dtype)


@dot.backward
def _(xp, x, y, d_out, *, needs: tuple[bool, ...] = (True, True)):
    d = d_out.reshape((*x.shape[:-1], 1))
    dx = d * (y.conj() if y.dtype.kind == "c" else y) if needs[0] else None
    return dx, (d * (x.conj() if x.dtype.kind == "c" else x) if needs[1] else None)


def _chain_order(sizes: list[int]) -> Any:
    """Where to split a chain of matrices sizes[i] x sizes[i+1] (Cormen et al., "Introduction to Algorithms", 15.2)."""
    n = len(sizes) - 1
    cost = [[0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j = i + length - 1
            choices = [cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)]
            cost[i][j] = min(choices)
            split[i][j] = i + choices.index(cost[i][j])
    return split


def _infer_multi_dot(xs: list[Spec]) -> Spec:
    if len(xs) < 2:
        raise ValueError(f"at least two matrices are wanted, got {len(xs)}")
    out = xs[0]
    for x in xs[1:]:
        out = _infer_matmul(out, x)
    return out


@op("multi_dot", "X* -> Out", infer=_infer_multi_dot, grad="X, Out@GRAD -> X@GRAD")
def multi_dot(xp, xs):
    _infer_multi_dot(xs)
    first = xs[0].reshape(1, -1) if xs[0].ndim == 1 else xs[0]
    last = xs[-1].reshape(-1, 1) if xs[-1].ndim == 1 else xs[-1]
    chain = [first, *xs[1:-1], last]
    split = _chain_order([m.shape[0] for m in chain] + [last.shape[1]])

    def product_of(i: int, j: int) -> Any:
        return chain[i] if i == j else product_of(i, split[i][j]) @ product_of(split[i][j] + 1, j)

    shape = (xs[0].shape[:1] if xs[0].ndim == 2 else ()) + (xs[-1].shape[1:] if xs[-1].ndim == 2 else ())
    return product_of(0, len(chain) - 1).reshape(shape)


@multi_dot.backward
def _(xp, xs, d_out):
    chain = [xs[0].reshape(1, -1) if xs[0].ndim == 1 else xs[0], *xs[1:-1], xs[-1].reshape(-1, 1) if xs[-1].ndim == 1 else xs[-1]]
    d = d_out.reshape(chain[0].shape[0], chain[-1].shape[1])
    found = []
    for i, x in enumerate(xs):
        left = right = None  # the products before and after matrix i
        for m in chain[:i]:
            left = m if left is None else left @ m
        for m in chain[:i:-1]:
            right = m if right is None else m @ right
        g = d if left is None else left.T @ d
        g = g if right is None else g @ right.T
        found.append(g.reshape(tuple(x.shape)))
    return found


# --- einsum


def parse_equation(equation: str, ranks: list[int]) -> tuple[list[list[str]], list[str]]:
    """Labels of the operands and of the result, one per dimension; those of "..." are named "0", "1", ... from the right."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise MisusedTensorError(f"equation {equation!r} has {len(terms)} operands, got {len(ranks)}")
    longest = 0

    def labels(term: str, rank: int | None) -> list[str]:
        nonlocal longest
        before, dots, after = term.partition("...")
        if any(not (c.isascii() and c.isalpha()) for c in before + after):
            raise MisusedTensorError(f"equation {equation!r}: labels must be letters, got {term!r}")
        if not dots:
            if rank is not None and len(term) != rank:
                raise MisusedTensorError(f"equation {equation!r}: {term!r} has {len(term)} labels for {rank} dimensions")
            return list(term)
        if rank is None:
            middle = longest
        else:
            middle = rank - len(before) - len(after)
            if middle < 0:
                raise MisusedTensorError(f"equation {equation!r}: {term!r} has more labels than the {rank} dimensions of its operand")
            longest = max(longest, middle)
        return [*before, *[str(i) for i in range(middle - 1, -1, -1)], *after]

    found = [labels(term, rank) for term, rank in zip(terms, ranks, strict=True)]
    if arrow:
        out = labels(right, None)
        for label in out:
            if out.count(label) > 1 or not any(label in f for f in found):
                raise MisusedTensorError(f"equation {equation!r}: label {label!r} of the result must occur once there, and in an operand")
        return found, out
    every = [label for f in found for label in f]
    dots = [str(i) for i in range(longest - 1, -1, -1)]
    return found, dots + sorted(x for x in set(every) if not x.isdigit() and every.count(x) == 1)


@lru_cache(maxsize=256)
def _settled(equation: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[list[list[str]], list[str]]:
    """Labels of the operands and of the result for operands that fit; not to be changed."""
    labels, out = parse_equation(equation, [len(shape) for shape in shapes])
    _label_sizes(list(shapes), labels, equation)
    return labels, out


def _label_sizes(shapes: list[Any], labels: list[list[str]], equation: str) -> dict[str, int]:
    """The size of each label; -1 where no operand knows it. Those of "..." broadcast."""
    found: dict[str, set[int]] = {}
    for shape, names in zip(shapes, labels, strict=True):
        for n, name in zip(shape, names, strict=True):
            found.setdefault(name, set()).add(n)
    sizes = {}
    for name, dims in found.items():
        known = dims - {-1} - ({1} if name.isdigit() else set())
        if len(known) > 1:
            sizes_found = " and ".join(map(str, sorted(known)))
            raise MisusedTensorError(f"equation {equation!r}: label {name!r} stands for dimensions of {sizes_found}")
        sizes[name] = known.pop() if known else -1 if -1 in dims else 1
    return sizes


def _reduced(xp: Any, x: Any, names: list[str], keep: set[str]) -> tuple[Any, list[str]]:
    """Diagonals where a label is repeated, sums over labels that nobody else needs."""
    names = list(names)
    for name in dict.fromkeys(names):
        while names.count(name) > 1:
            i = names.index(name)
            j = names.index(name, i + 1)
            n = x.shape[i]
            plane = xp.eye(n, dtype=x.dtype).reshape(tuple(n if k in (i, j) else 1 for k in range(len(names))))
            x = (x * plane).sum(axis=j)
            del names[j]
    gone = tuple(i for i, name in enumerate(names) if name not in keep)
    if gone:
        x = x.sum(axis=gone, dtype=x.dtype)
        names = [name for name in names if name in keep]
    return x, names


def _ordered(x: Any, names: list[str], wanted: list[str]) -> Any:
    order = [names.index(name) for name in wanted]
    return x if order == list(range(len(order))) else x.transpose(order)


def _pair(xp: Any, a: Any, la: list[str], b: Any, lb: list[str], keep: set[str]) -> tuple[Any, list[str]]:
    """The product of two operands, summed over the shared labels that are not in `keep`."""
    batch = [x for x in la if x in lb and x in keep]
    summed = [x for x in la if x in lb and x not in keep]
    free_a, free_b = [x for x in la if x not in lb], [x for x in lb if x not in la]
    a, b = _ordered(a, la, batch + free_a + summed), _ordered(b, lb, batch + summed + free_b)
    n, rows, k = len(batch), len(free_a), len(summed)
    if k and tuple(a.shape[n + rows :]) != tuple(b.shape[n : n + k]):  # labels of "..." may be 1 on one side
        inner = broadcast_shape(a.shape[n + rows :], b.shape[n : n + k])
        a = xp.broadcast_to(a, (*a.shape[: n + rows], *inner))
        b = xp.broadcast_to(b, (*b.shape[:n], *inner, *b.shape[n + k :]))
    shape = (*broadcast_shape(a.shape[:n], b.shape[:n]), *a.shape[n : n + rows], *b.shape[n + k :])
    left = a.reshape((*a.shape[:n], product(a.shape[n : n + rows]), product(a.shape[n + rows :])))
    right = b.reshape((*b.shape[:n], product(b.shape[n : n + k]), product(b.shape[n + k :])))
    made = left @ right if k else left * right  # without a sum: [.., r, 1] * [.., 1, c]
    return made.reshape(shape), batch + free_a + free_b


@lru_cache(maxsize=256)
def _product_plan(la: tuple[str, ...], lb: tuple[str, ...], out: tuple[str, ...]) -> Any:
    """How two operands become one product of matrices, or None if their labels ask for more than that.

    (permutations of the operands, numbers of shared, own and summed labels, permutation of the product); None for no permutation.
    """
    labels = {*la, *lb}
    if len({*la}) != len(la) or len({*lb}) != len(lb) or any(name.isdigit() for name in labels):
        return None
    batch = [x for x in la if x in lb and x in out]
    summed = [x for x in la if x in lb and x not in out]
    free_a, free_b = [x for x in la if x not in lb], [x for x in lb if x not in la]
    if not summed or any(x not in out for x in (*free_a, *free_b)):
        return None

    def order(names: Sequence[str], wanted: Sequence[str]) -> tuple[int, ...] | None:
        found = tuple(names.index(x) for x in wanted)
        return None if found == tuple(range(len(found))) else found

    made = [*batch, *free_a, *free_b]
    return (
        order(la, batch + free_a + summed), order(lb, batch + summed + free_b), len(batch), len(free_a), len(summed), order(made, out)
    )  # fmt: skip


def _multiplied(a: Any, b: Any, plan: Any) -> Any:
    """The product that `_product_plan` describes."""
    order_a, order_b, n, rows, k, order = plan
    if order_a is not None:
        a = a.transpose(order_a)
    if order_b is not None:
        b = b.transpose(order_b)
    if rows == k == 1 and b.ndim == n + 2:  # matrices already
        made = a @ b
    else:
        lead, own, common, others = a.shape[:n], a.shape[n : n + rows], a.shape[n + rows :], b.shape[n + k :]
        left, right = a.reshape((*lead, product(own), product(common))), b.reshape((*lead, product(common), product(others)))
        made = (left @ right).reshape((*lead, *own, *others))
    return made if order is None else made.transpose(order)


def contract(xp: Any, arrays: list[Any], labels: list[list[str]], out: list[str]) -> Any:
    """The sum of products that the labels say; every label of `out` occurs in some operand."""
    if len(arrays) == 2:
        plan = _product_plan(tuple(labels[0]), tuple(labels[1]), tuple(out))
        if plan is not None:
            return _multiplied(arrays[0], arrays[1], plan)
    made: Any = None
    names: list[str] = []
    for i, (x, own) in enumerate(zip(arrays, labels, strict=True)):
        later = {name for rest in labels[i + 1 :] for name in rest} | set(out)
        x, own = _reduced(xp, x, own, later | set(names))
        made, names = (x, own) if made is None else _pair(xp, made, names, x, own, later)
        made, names = _reduced(xp, made, names, later)
    return _ordered(made, names, out)


def _infer_einsum(xs: list[Spec], *, equation: str) -> tuple[Any, ...]:
    labels, out = parse_equation(equation, [x.ndim for x in xs])
    sizes = _label_sizes([x.shape for x in xs], labels, equation)
    nothing = [Spec((0,), x.dtype) for x in xs]
    return Spec([sizes[name] for name in out], xs[0].dtype), nothing, nothing


@op("einsum", "Operands* -> Out, InnerCache*~, XShape*~", infer=_infer_einsum, grad="Operands, Out@GRAD -> Operands@GRAD")
def einsum(xp, xs, *, equation: str):
    labels, out = _settled(equation, tuple([tuple(x.shape) for x in xs]))
    made = contract(xp, list(xs), labels, out)
    if any(made is x for x in xs) or made.base is not None:  # a transposed or summed view of an operand
        made = made.copy()
    # Paddle keeps intermediate results here; its files name them, nothing reads them
    return made, [xp.empty((0,), x.dtype) for x in xs], [xp.empty((0,), x.dtype) for x in xs]


@einsum.backward
def _(xp, xs, d_out, *, equation: str):
    labels, out = _settled(equation, tuple([tuple(x.shape) for x in xs]))
    found = []
    for i, x in enumerate(xs):
        others = [o for k, o in enumerate(xs) if k != i]
        names = [o for k, o in enumerate(labels) if k != i]
        own = list(dict.fromkeys(labels[i]))
        there = {name for group in names for name in group} | set(out)
        known = [name for name in own if name in there]
        conjugates = [o.conj() if o.dtype.kind == "c" else o for o in others]
        g = contract(xp, [d_out, *conjugates], [out, *names], known)
        # labels that only this operand has were summed over: the gradient is the same along them
        sizes = dict(zip(labels[i], x.shape, strict=True))
        g = g.reshape(tuple(g.shape[known.index(name)] if name in known else 1 for name in own))
        wide = tuple(sizes[name] if name not in known else g.shape[k] for k, name in enumerate(own))
        g = xp.broadcast_to(g, wide).copy()
        g = unbroadcast(xp, g, tuple(sizes[name] for name in own))
        for j, name in enumerate(labels[i]):  # back onto the diagonal of a repeated label
            if labels[i].index(name) != j:
                first, n = labels[i].index(name), sizes[name]
                g = g.reshape((*g.shape[:j], 1, *g.shape[j:]))
                plane = xp.eye(n, dtype=x.dtype).reshape(tuple(n if k in (first, j) else 1 for k in range(g.ndim)))
                g = g * plane
        found.append(g)
    return found


# --- bilinear form


def _infer_bilinear(x: Spec, y: Spec, weight: Spec, bias: Any = None) -> Spec:
    if x.ndim != 2 or y.ndim != 2 or weight.ndim != 3:
        raise ValueError(
            f"X [N, I], Y [N, J] and Weight [O, I, J] are wanted, got {list(x.shape)}, {list(y.shape)} and {list(weight.shape)}"
        )
    pairs = [("X rows and Y rows", x.shape[0], y.shape[0]), ("X columns and Weight", x.shape[1], weight.shape[1])]
    for what, a, b in [*pairs, ("Y columns and Weight", y.shape[1], weight.shape[2])]:
        if a != b and -1 not in (a, b):
            raise ValueError(f"{what} do not fit: {a} and {b}")
    if bias is not None and (tuple(bias.shape) != (1, weight.shape[0]) and -1 not in (*bias.shape, weight.shape[0])):
        raise ValueError(f"Bias must be [1, {weight.shape[0]}], got {list(bias.shape)}")
    return Spec((x.shape[0] if x.shape[0] != -1 else y.shape[0], weight.shape[0]), x.dtype)


@op("bilinear_tensor_product", "X, Y, Weight, Bias? -> Out", infer=_infer_bilinear,
    grad="X, Y, Weight, Bias?#, Out@GRAD -> X@GRAD, Y@GRAD, Weight@GRAD, Bias@GRAD")  # fmt: skip
def bilinear_tensor_product(xp, x, y, weight, bias=None):
    """Out[n, o] = X[n] Weight[o] Y[n]^T, plus Bias[o]."""
    _infer_bilinear(x, y, weight, bias)
    o, i, j = weight.shape
    out = ((x @ weight.transpose(1, 0, 2).reshape(i, o * j)).reshape(-1, o, j) * xp.expand_dims(y, 1)).sum(axis=2)
    return out if bias is None else out + bias


@bilinear_tensor_product.backward
def _(xp, x, y, weight, bias, d_out):
    o, i, j = weight.shape
    wide = xp.expand_dims(d_out, 2)
    with_y = (y @ weight.transpose(2, 0, 1).reshape(j, o * i)).reshape(-1, o, i)
    with_x = (x @ weight.transpose(1, 0, 2).reshape(i, o * j)).reshape(-1, o, j)
    d_weight = (wide * xp.expand_dims(x, 1)).reshape(-1, o * i).transpose(1, 0) @ y
    d_bias = None if bias is None else d_out.sum(axis=0, keepdims=True)
    return (wide * with_y).sum(axis=1), (wide * with_x).sum(axis=1), d_weight.reshape(o, i, j), d_bias
