"""One behaviour in every mode: each call runs eagerly, in a static Program (with the whole shape, and with the first dimension
unknown), and under to_static; values, shapes, types and gradients agree."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minipaddle as paddle

RNG = np.random.default_rng(17)
A, B = RNG.standard_normal((3, 4)), RNG.standard_normal((3, 4))
CUBE, ROW, COLUMN, POINT = RNG.standard_normal((3, 4, 2)), RNG.standard_normal(4), RNG.standard_normal((3, 1)), np.asarray(0.7)
SQUARE, EMPTY = RNG.standard_normal((3, 3)), np.zeros((0, 3))
INTS, MASK, PLACES = RNG.integers(1, 20, (3, 4)), RNG.random((3, 4)) < 0.5, np.array([2, 0, 1])

# name: (call, inputs)
CALLS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "add": (lambda x, y: x + y, (A, ROW)),
    "divide 0-d": (paddle.divide, (A, POINT)),
    "matmul": (lambda x, y: paddle.matmul(x, y, transpose_y=True), (CUBE, CUBE)),
    "inner": (paddle.inner, (A, B)),
    "inner with a vector": (paddle.inner, (A, ROW)),
    "outer": (paddle.outer, (ROW, COLUMN)),
    "addmm": (lambda x, y, z: paddle.addmm(x, y, z, beta=0.5), (ROW, SQUARE, A)),
    "einsum": (lambda x, y: paddle.einsum("ij,ik->jk", x, y), (A, B)),
    "gcd": (paddle.gcd, (INTS, np.array(12))),
    "lcm": (paddle.lcm, (INTS, INTS[:1])),
    "clip": (lambda x: paddle.clip(x, -0.5, 0.5), (A,)),
    "sum": (lambda x: paddle.sum(x, [0, -1], keepdim=True), (CUBE,)),
    "sum of nothing": (lambda x: paddle.sum(x, 0), (EMPTY,)),
    "mean": (lambda x: paddle.mean(x, 0), (A,)),
    "mean of nothing": (lambda x: paddle.mean(x, 0), (EMPTY,)),
    "var": (lambda x: paddle.var(x, 0), (A,)),
    "std 0-d axis": (lambda x: paddle.var(x, 0, unbiased=False), (POINT,)),
    "max": (lambda x: paddle.max(x, 1), (A,)),
    "logsumexp": (lambda x: paddle.logsumexp(x, -1), (A,)),
    "norm": (lambda x: paddle.norm(x, 3, 0), (A,)),
    "cov": (paddle.linalg.cov, (A,)),
    "cov of columns": (lambda x: paddle.linalg.cov(x, rowvar=False), (A,)),
    "cumsum": (lambda x: paddle.cumsum(x), (A,)),
    "cummax": (lambda x: paddle.cummax(x, 1), (A,)),
    "reshape": (lambda x: paddle.reshape(x, [0, 2, -1]), (A,)),
    "flatten": (lambda x: paddle.flatten(x, 1), (CUBE,)),
    "transpose": (lambda x: paddle.transpose(x, [2, 0, 1]), (CUBE,)),
    "squeeze": (lambda x: paddle.squeeze(x, 1), (COLUMN,)),
    "concat": (lambda x, y: paddle.concat([x, y], -1), (A, COLUMN)),
    "stack": (lambda x, y: paddle.stack([x, y], 1), (A, B)),
    "split": (lambda x: paddle.split(x, [1, -1], 1), (A,)),
    "tile": (lambda x: paddle.tile(x, [2, 1]), (A,)),
    "expand": (lambda x: paddle.expand(x, [2, -1, 4]), (COLUMN,)),
    "flip": (lambda x: paddle.flip(x, [0, 1]), (A,)),
    "roll": (lambda x: paddle.roll(x, 1), (A,)),
    "diff": (lambda x: paddle.diff(x, axis=1), (A,)),
    "gather": (lambda x, i: paddle.gather(x, i, axis=1), (A, PLACES)),
    "gather with axis": (lambda x, i, a: paddle.gather(x, i, a), (A, PLACES, np.array([1]))),
    "take_along_axis": (lambda x, i: paddle.take_along_axis(x, i, 0), (A, PLACES[None, :1])),
    "put_along_axis": (lambda x, i: paddle.put_along_axis(x, i, 9.0, 1), (A, PLACES[:, None])),
    "index_add": (lambda x, i, v: paddle.index_add(x, i, 0, v), (SQUARE, PLACES, SQUARE)),
    "masked_fill": (lambda x, m: paddle.masked_fill(x, m, 2.0), (A, MASK)),
    "masked_fill a vector": (lambda x, m: paddle.masked_fill(x, m, 2.0), (ROW, MASK)),
    "masked_fill by a tensor": (paddle.masked_fill, (A, MASK, np.asarray([0.5]))),
    "where": (paddle.where, (MASK, A, ROW)),
    "index": (lambda x: x[1:, None, ::2], (CUBE,)),
    "set index": (lambda x: _changed(x), (A,)),
    "topk": (lambda x: paddle.topk(x, 2), (A,)),
    "sort": (lambda x: paddle.sort(x, descending=True), (A,)),
    "tril": (lambda x: paddle.tril(x, -1), (A,)),
    "diag": (paddle.diag, (ROW,)),
    "in place": (lambda x: paddle.tanh_(x * 2), (A,)),
    "in place, twice the same": (lambda x: _squared(x * 1), (A,)),
    "an input in place": (lambda x: paddle.exp_(x.detach()), (A,)),
    "complex": (lambda x, y: (paddle.complex(x, y) * paddle.complex(y, x)).abs(), (A, B)),
    "exp of complex": (lambda x, y: paddle.exp(paddle.complex(x, y)).real(), (A, B)),
    "matmul of complex": (lambda x, y: paddle.matmul(paddle.complex(x, y), paddle.complex(y, x), transpose_y=True).imag(), (A, B)),
    "solve": (lambda x, y: paddle.linalg.solve(x, y), (SQUARE, SQUARE)),
    "inverse": (paddle.inverse, (SQUARE,)),
    "det": (paddle.linalg.det, (SQUARE,)),
    "cast": (lambda x: paddle.cast(x, "int32"), (A,)),
}  # fmt: skip


def _changed(x: Any) -> Any:
    y = x * 1
    y[0, 1:] = 2.0
    return y


def _squared(x: Any) -> Any:
    x.multiply_(x)
    return x


def _flat(found: Any) -> list[Any]:
    return [v for f in found for v in _flat(f)] if isinstance(found, (list, tuple)) else [found]


def _weights(shape: Any) -> np.ndarray:
    return np.cos(np.arange(int(np.prod(shape)))).reshape(shape) + 0.3


def _eager(call: Any, arrays: Any) -> tuple[list[np.ndarray], list[Any]]:
    inputs = [paddle.to_tensor(a, stop_gradient=a.dtype.kind != "f") for a in arrays]
    outputs = _flat(call(*inputs))
    differentiable = [o for o in outputs if not o.stop_gradient and o.dtype.is_floating]
    if differentiable:
        paddle.autograd.backward(differentiable, [paddle.to_tensor(_weights(o.shape)) for o in differentiable])
    return [o.numpy() for o in outputs], [None if t.grad is None else t.grad.numpy() for t in inputs]


def _static(call: Any, arrays: Any, unknown: bool) -> tuple[list[np.ndarray], list[Any]]:
    program = paddle.static.Program()
    with paddle.static.program_guard(program):
        inputs = []
        for i, a in enumerate(arrays):
            v = paddle.static.data(f"x{i}", [-1, *a.shape[1:]] if unknown and a.ndim else list(a.shape), str(a.dtype))
            v.stop_gradient = a.dtype.kind != "f"
            inputs.append(v)
        feed = {f"x{i}": a for i, a in enumerate(arrays)}
        outputs = _flat(call(*inputs))
        run = paddle.static.Executor().run
        found = run(program, feed=feed, fetch_list=outputs)
        for o, value in zip(outputs, found, strict=True):
            assert len(o.shape) == value.ndim
            assert all(n in (-1, m) for n, m in zip(o.shape, value.shape, strict=True))
            assert o.dtype.name == value.dtype.name
        pairs = [(o, v) for o, v in zip(outputs, found, strict=True) if not o.stop_gradient and v.dtype.kind == "f"]
        grads: list[Any] = [None] * len(arrays)
        if pairs:
            seeds = [paddle.static.data(f"d{i}", list(o.shape), str(v.dtype)) for i, (o, v) in enumerate(pairs)]
            feed |= {f"d{i}": _weights(v.shape) for i, (_, v) in enumerate(pairs)}
            floating = [v for v, a in zip(inputs, arrays, strict=True) if a.dtype.kind == "f"]
            made = paddle.static.gradients([o for o, _ in pairs], floating, seeds)
            values = iter(run(program, feed=feed, fetch_list=[g for g in made if g is not None]))
            listed = iter([None if g is None else next(values) for g in made])
            grads = [next(listed) if a.dtype.kind == "f" else None for a in arrays]
    return found, grads


def _same(got: Any, wanted: Any) -> None:
    for g, w in zip(got, wanted, strict=True):
        assert (g is None) is (w is None)
        if w is not None:
            assert g.dtype == w.dtype
            assert g.shape == w.shape
            np.testing.assert_allclose(g, w, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", list(CALLS))
def test_modes_agree(name: str) -> None:
    call, arrays = CALLS[name]
    values, grads = _eager(call, arrays)

    @paddle.jit.to_static
    def traced(*inputs: Any) -> Any:
        return call(*inputs)

    again = _eager(traced, arrays)
    _same(again[0], values)
    _same(again[1], grads)
    paddle.enable_static()
    try:
        whole, unknown = _static(call, arrays, False), _static(call, arrays, True)
    finally:
        paddle.disable_static()
    for found in (whole, unknown):
        _same(found[0], values)
        _same(found[1], grads)


def test_no_warnings() -> None:
    """Infinities and nan are results like others (warnings are errors here)."""
    x = paddle.to_tensor([0.0, -1.0, 1e38])
    assert np.isinf((1 / x).numpy()[0])
    assert np.isnan(paddle.log(x).numpy()[1])
    assert np.isinf((x * x).numpy()[2])
    assert np.isnan(paddle.mean(paddle.zeros([0])).numpy())
    x.stop_gradient = False
    paddle.sqrt(x).sum().backward()
    assert np.isinf(x.grad.numpy()[0])
    traced = paddle.jit.to_static(lambda v: paddle.log(v) / v)
    assert np.isinf(traced(x.detach()).numpy()[0])
    with np.errstate(divide="warn"), pytest.warns(RuntimeWarning):  # the user's own arrays still warn
        np.log(np.zeros(1))


@pytest.mark.parametrize("name", ["exp", "sin", "tanh", "log", "sqrt", "acosh", "square", "reciprocal"])
def test_gradients_of_complex_values(name: str) -> None:
    """d_out times the conjugate of the derivative, against differences along both axes."""
    z = RNG.standard_normal(4) + 1j * RNG.standard_normal(4)
    x = paddle.to_tensor(z, stop_gradient=False)
    function = getattr(paddle, name)
    (function(x).real().sum() + 2 * function(x).imag().sum()).backward()

    def loss(v: Any) -> float:
        out = function(paddle.to_tensor(v)).numpy()
        return float(out.real.sum() + 2 * out.imag.sum())

    for i in range(4):
        for unit in (1, 1j):
            step = np.zeros(4, complex)
            step[i] = 1e-6 * unit
            numeric = (loss(z + step) - loss(z - step)) / 2e-6
            part = x.grad.numpy()[i]
            assert numeric == pytest.approx(part.real if unit == 1 else part.imag, rel=1e-5, abs=1e-7)


def test_in_place_keeps_gradients_right() -> None:
    x = paddle.to_tensor([0.5, 2.0], stop_gradient=False)
    y = x * 1
    y.sin_()
    y.multiply_(y)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.sin([0.5, 2.0]) * np.cos([0.5, 2.0]), rtol=1e-6)
    with pytest.raises(ValueError, match="shape"):
        paddle.ones([3]).add_(paddle.ones([2, 3]))


def test_traced_function_may_change_its_input_in_place() -> None:
    @paddle.jit.to_static
    def traced(x: Any) -> Any:
        x.multiply_(x)
        return x + 1

    x = paddle.to_tensor([3.0], stop_gradient=False)
    y = traced(x)
    y.backward()
    assert (y.item(), x.grad.item()) == (10.0, 6.0)


@pytest.mark.parametrize(
    ("call", "errors"),
    [
        (lambda: paddle.sin(1.5), (ValueError, TypeError)),
        (lambda: paddle.var(np.ones(3)), (ValueError, TypeError)),
        (lambda: paddle.sin(paddle.ones([2], "int32")), (RuntimeError, TypeError)),
        (lambda: paddle.lgamma(paddle.ones([2], "complex64")), (RuntimeError, TypeError)),
        (lambda: paddle.floor(paddle.ones([2], "complex64")), (RuntimeError,)),
        (lambda: paddle.sum(paddle.ones([]), axis=1), (ValueError, IndexError)),
        (lambda: paddle.argmax(paddle.ones([]), axis=1), (ValueError,)),
        (lambda: paddle.sum(paddle.ones([2]), axis="0"), (ValueError, TypeError)),
        (lambda: paddle.dot(paddle.ones([2]), paddle.ones([3])), (ValueError, RuntimeError)),
        (lambda: paddle.isclose(paddle.ones([2]), paddle.ones([3])), (ValueError, RuntimeError)),
        (lambda: paddle.as_complex(paddle.ones([2], "int32")), (RuntimeError,)),
    ],
)
def test_errors(call: Any, errors: Any) -> None:
    """Each error is of every class that Paddle raises for it in one of its modes."""
    for error in errors:
        with pytest.raises(error):
            call()
