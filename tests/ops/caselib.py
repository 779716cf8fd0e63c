"""How an operator's test row is written, and the checks that every row goes through.

    CASES = [
        case("softmax", normal(3, 5), axis=[-1, 0]),                      # one test per value in a list attribute `each`
        case("concat", [normal(2, 3), normal(2, 3)], axis=0),             # a list slot takes a list
        case("relu", distinct(3, 4), expect=lambda x: np.maximum(x, 0)),
    ]

Inputs stand in slot order, None for absent slots. Several values of an attribute: ``axis=each(-1, 0)``. Floating inputs
are differentiated unless ``grad=False``; ``expect`` is a NumPy formula for the first output (or a tuple for several).
"""
from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minipaddle.compiler import compile_block, interpret
from minipaddle.core import tape
from minipaddle.core.backward import append_gradients
from minipaddle.core.dispatch import call
from minipaddle.core.program import Program
from minipaddle.core.recorder import TraceRecorder, recording
from minipaddle.core.tensor import Tensor
from minipaddle.ops.registry import OPS, Spec


class Array:
    """A seeded input."""

    def __init__(self, make: Callable[[np.random.Generator], np.ndarray], differentiable: bool = True):
        self.make, self.differentiable = make, differentiable


def normal(*shape: int, dtype: str = "float64") -> Array:
    return Array(lambda g: np.asarray(g.standard_normal(shape)).astype(dtype))


def uniform(low: float, high: float, *shape: int, dtype: str = "float64") -> Array:
    return Array(lambda g: np.asarray(g.uniform(low, high, shape)).astype(dtype))


def distinct(*shape: int, dtype: str = "float64") -> Array:
    """No two values closer than 0.13, none at zero: safe for kinks and sorting."""
    n = int(np.prod(shape))
    return Array(lambda g: ((g.permutation(n) - n // 2 + 0.5) * 0.13).reshape(shape).astype(dtype))


def integers(low: int, high: int, *shape: int, dtype: str = "int64") -> Array:
    return Array(lambda g: np.asarray(g.integers(low, high, shape)).astype(dtype), False)


def booleans(*shape: int) -> Array:
    return Array(lambda g: np.asarray(g.random(shape) < 0.5), False)


def value(data: Any, dtype: str | None = None, differentiable: bool | None = None) -> Array:
    a = np.asarray(data, dtype=dtype)
    return Array(lambda g: a.copy(), a.dtype.kind in "fc" if differentiable is None else differentiable)


@dataclass
class Each:
    values: tuple[Any, ...]


def each(*values: Any) -> Each:
    return Each(values)


@dataclass
class Case:
    type: str
    inputs: tuple[Any, ...]
    attrs: dict[str, Any]
    grad: bool = True
    expect: Callable[..., Any] | None = None
    rtol: float = 1e-5
    name: str = ""
    check_infer: bool = True
    static: bool = True
    standin: bool = True
    mutates: tuple[str, ...] = field(default=())

    @property
    def id(self) -> str:
        attrs = ",".join(f"{k}={v}" for k, v in self.attrs.items())
        return f"{self.type}[{self.name or attrs}]".replace(" ", "")

    def arrays(self) -> list[Any]:
        rng = np.random.default_rng(zlib.crc32(self.id.encode()))

        def make(a: Any) -> Any:
            if isinstance(a, (list, tuple)):
                return [make(x) for x in a]
            return None if a is None else a.make(rng)

        return [make(a) for a in self.inputs]


def case(type: str, *inputs: Any, grad: bool = True, expect: Any = None, rtol: float = 1e-5, name: str = "",
         check_infer: bool = True, static: bool = True, standin: bool = True, **attrs: Any) -> list[Case]:  # fmt: skip
    """One row; a list because `each` makes several."""
    keys = list(attrs)
    choices = [v.values if isinstance(v, Each) else (v,) for v in attrs.values()]
    return [
        Case(type, inputs, dict(zip(keys, values, strict=True)), grad, expect, rtol, name, check_infer, static, standin)
        for values in itertools.product(*choices)
    ]


def flat(*rows: list[Case]) -> list[Case]:
    """Rows of `case` as one list."""
    return [c for row in rows for c in row]


# --- helpers


def nested(function: Callable[[Any], Any], values: Any) -> Any:
    if isinstance(values, (list, tuple)):
        return [nested(function, v) for v in values]
    return None if values is None else function(values)


def leaves(values: Any) -> list[Any]:
    if isinstance(values, (list, tuple)):
        return [x for v in values for x in leaves(v)]
    return [] if values is None else [values]


def differentiated(c: Case) -> list[int]:
    """Numbers of the (flattened) inputs that get a gradient."""
    op = OPS[c.type]
    if not c.grad or op.grad is None:
        return []
    wanted, number = [], 0
    for index, a in enumerate(c.inputs):
        for leaf in leaves(a if isinstance(a, (list, tuple)) else [a]):
            if leaf.differentiable and index in op.grad.targets:
                wanted.append(number)
            number += 1
    return wanted


def run_eager(c: Case, arrays: list[Any], xp_array: Callable[[Any], Any] | None = None) -> tuple[list[Tensor], list[Tensor]]:
    """Flattened input Tensors and visible outputs."""
    tensors = nested(lambda a: Tensor(a), arrays)
    flat_inputs = leaves(tensors)
    for i in differentiated(c):
        flat_inputs[i].stop_gradient = False
    out = call(OPS[c.type], *tensors, **c.attrs)
    return flat_inputs, leaves(out if isinstance(out, (list, tuple)) else [out])


def cotangents(outputs: list[Any]) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [np.asarray(rng.standard_normal(o.shape)).astype(o.dtype) for o in outputs]


# --- the checks


def check_forward(c: Case) -> None:
    """Right values, inputs left alone, the same for non-contiguous inputs."""
    arrays = c.arrays()
    before = [a.copy() for a in leaves(arrays)]
    _, outputs = run_eager(c, arrays)
    got = [o._data for o in outputs]
    if c.expect is not None:
        wanted = c.expect(*arrays)
        for g, w in zip(got, wanted if isinstance(wanted, tuple) else (wanted,), strict=False):
            np.testing.assert_allclose(g, w, rtol=1e-6, atol=1e-9)
            assert g.shape == np.shape(w)
    assert all(isinstance(g, np.ndarray) for g in got)
    if OPS[c.type].is_random:
        return
    op = OPS[c.type]
    op.forward(np, *arrays, **c.attrs)
    if not any(s.over for s in op.outputs):
        for a, b in zip(leaves(arrays), before, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=f"{c.type} changes its input")

    def scattered(a: np.ndarray) -> np.ndarray:
        if a.ndim == 0:
            return a
        wide = np.zeros((*a.shape[:-1], a.shape[-1] * 2), a.dtype)
        wide[..., ::2] = a
        return wide[..., ::2]

    result = op.forward(np, *nested(scattered, c.arrays()), **c.attrs)
    again = [leaves(r if isinstance(r, (list, tuple)) else [r]) for r in (result if isinstance(result, tuple) else (result,))]
    for g, w in zip([x for i in op.returns for x in again[i]], got, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-9, atol=1e-12)


def check_dtype(c: Case) -> None:
    """float32 inputs give float32 outputs where float64 inputs give float64 ones (also for 0-d values under NumPy 1)."""
    arrays = c.arrays()
    narrower = {"float64": "float32", "complex128": "complex64"}
    if not any(a.dtype.name in narrower for a in leaves(arrays)):
        return
    low = nested(lambda a: a.astype(narrower.get(a.dtype.name, a.dtype)), arrays)
    op = OPS[c.type]
    wide, narrow = op.forward(np, *arrays, **c.attrs), op.forward(np, *low, **c.attrs)
    for w, n in zip(leaves(wide), leaves(narrow), strict=True):
        if np.asarray(w).dtype == np.float64 and "dtype" not in c.attrs and "out_dtype" not in c.attrs:
            assert np.asarray(n).dtype == np.float32, f"{c.type}: float32 in, {np.asarray(n).dtype} out"


def check_infer(c: Case) -> None:
    """The shape rule agrees with forward, and stays consistent when dimensions are unknown."""
    op = OPS[c.type]
    if op.infer_rule is None or not c.check_infer:
        return
    arrays = c.arrays()
    result = op.forward(np, *arrays, **c.attrs)
    results = leaves(result)
    specs = nested(lambda a: Spec(a.shape, a.dtype), arrays)
    found = op.infer(*specs, **c.attrs)
    kept = list(result if isinstance(result, tuple) else (result,))
    for f, r in zip(found, kept, strict=True):
        if f is None or r is None:
            continue
        for fs, rs in zip(leaves(f if isinstance(f, list) else [f]), leaves(r if isinstance(r, (list, tuple)) else [r]), strict=True):
            assert tuple(fs.shape) == np.shape(rs), f"infer says {fs.shape}, forward gives {np.shape(rs)}"
            assert fs.dtype == np.asarray(rs).dtype, f"infer says {fs.dtype}, forward gives {np.asarray(rs).dtype}"
    for which in range(len(leaves(arrays))):
        for axis in range(leaves(arrays)[which].ndim):
            count = itertools.count()

            def unknown(a: np.ndarray, which: int = which, axis: int = axis, count: Any = count) -> Spec:
                shape = list(a.shape)
                if next(count) == which:
                    shape[axis] = -1
                return Spec(shape, a.dtype)

            try:
                open_specs = op.infer(*nested(unknown, arrays), **c.attrs)
            except Exception as error:
                raise AssertionError(f"infer fails with dimension {axis} of input {which} unknown: {error!r}") from error
            flat_specs = leaves([s for s in open_specs if s is not None])
            for fs, rs in zip(flat_specs, results, strict=False):
                assert len(fs.shape) == np.ndim(rs)
                assert all(n in (-1, m) for n, m in zip(fs.shape, np.shape(rs), strict=True)), f"{fs.shape} against {np.shape(rs)}"


def check_gradient(c: Case) -> None:
    """The tape's gradient against central differences along a random direction."""
    wanted = differentiated(c)
    if not wanted:
        return
    arrays = c.arrays()
    inputs, outputs = run_eager(c, arrays)
    floats = [o for o in outputs if o._data.dtype.kind in "fc" and not o.stop_gradient]
    d = cotangents([o._data for o in floats])
    tape.run_backward(floats, [Tensor(x) for x in d])
    rng = np.random.default_rng(9)
    flat_arrays = leaves(arrays)
    step = 1e-6
    for i in wanted:
        direction = np.asarray(rng.standard_normal(flat_arrays[i].shape))

        def value_at(sign: float, i: int = i, direction: Any = direction) -> float:
            moved = iter([a + sign * step * direction if k == i else a for k, a in enumerate(flat_arrays)])
            _, outs = run_eager(c, nested(lambda a: next(moved), arrays))
            outs = [o for o in outs if o._data.dtype.kind in "fc" and not o.stop_gradient]
            return float(sum((o._data * x).sum() for o, x in zip(outs, d, strict=True)))

        numeric = (value_at(1) - value_at(-1)) / (2 * step)
        grad = inputs[i].grad
        analytic = 0.0 if grad is None else float((grad._data * direction).sum())
        scale = max(1.0, abs(numeric), abs(analytic))
        assert abs(numeric - analytic) < max(c.rtol, 1e-5) * scale * 2, f"input {i}: finite differences {numeric}, tape {analytic}"
        if grad is not None:
            assert grad._data.shape == flat_arrays[i].shape and grad._data.dtype == flat_arrays[i].dtype


def check_static(c: Case) -> None:
    """Recorded in a Program with its gradient: interpreter = tape, generated code = interpreter."""
    if not c.static or OPS[c.type].is_random:
        return
    arrays = c.arrays()
    op = OPS[c.type]
    wanted = differentiated(c)
    inputs, eager = run_eager(c, arrays)
    program = Program()
    block = program.global_block()
    number = itertools.count()

    def declare(a: np.ndarray) -> Any:
        n = next(number)
        v = block.create_var(f"in_{n}", a.shape, a.dtype)
        v._stop_gradient = n not in wanted
        return v

    variables = nested(declare, arrays)
    with recording(TraceRecorder(program)):
        out = call(op, *variables, **c.attrs)
    outputs = leaves(out if isinstance(out, (list, tuple)) else [out])
    feeds = [v.name for v in leaves(variables)]
    values = dict(zip(feeds, leaves(arrays), strict=True))
    fetches = [v.name for v in outputs]
    extra: list[str] = []
    if wanted:
        floats = [(v, e) for v, e in zip(outputs, eager, strict=True) if not e.stop_gradient]
        d = cotangents([e._data for _, e in floats])
        seeds, grads = append_gradients(block, [v.name for v, _ in floats], [feeds[i] for i in wanted])
        values |= dict(zip(seeds, d, strict=True))
        tape.run_backward([e for _, e in floats], [Tensor(x) for x in d])
        extra = [grads[feeds[i]] for i in wanted if feeds[i] in grads]
        expected_grads = [inputs[i].grad._data for i in wanted if feeds[i] in grads]  # type: ignore[union-attr]
    found = interpret(block.ops, values, fetches + extra, np)
    for g, e in zip(found, eager, strict=False):
        np.testing.assert_array_equal(g, e._data)
    if wanted:
        for g, e in zip(found[len(fetches) :], expected_grads, strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-12, atol=1e-14)
    compiled = compile_block(block.ops, list(values), fetches + extra)
    ran = compiled(np, *values.values())  # the lods of ragged results follow them
    for g, e in zip(ran[: len(found)], found, strict=True):
        np.testing.assert_array_equal(g, e)
