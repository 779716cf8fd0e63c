"""Second derivatives: the gradient of a gradient against finite differences of the first gradient."""
from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

from minipaddle.core import tape
from minipaddle.core.tensor import Tensor
from minipaddle.errors import NotSupportedError
from tests.ops.caselib import Case, cotangents, differentiated, leaves, nested, run_eager

FAMILIES = ("elementwise", "activation", "reduction", "linalg", "conv", "pool", "norm", "vision", "detection")
CASES = [c for f in FAMILIES for c in importlib.import_module(f"tests.ops.cases.{f}").CASES if differentiated(c) and c.name != "singular"]
BY_ID = {c.id: c for c in CASES}

# operators whose gradient is made of steps that have no recorded form; they say so instead of giving a wrong number
NOT_HERE = {"logcumsumexp", "lstsq"}


def first_gradients(c: Case, arrays: list[Any], create_graph: bool) -> tuple[list[Tensor], list[Tensor], list[Any]]:
    inputs, outputs = run_eager(c, arrays)
    floats = [o for o in outputs if o._data.dtype.kind in "fc" and not o.stop_gradient]
    d = [Tensor(x) for x in cotangents([o._data for o in floats])]
    wanted = [inputs[i] for i in differentiated(c)]
    return inputs, wanted, tape.grad(floats, wanted, d, True, create_graph, True)


@pytest.mark.parametrize("name", list(BY_ID))
def test_second_derivative(name: str) -> None:
    c = BY_ID[name]
    arrays = c.arrays()
    try:
        _, wanted, grads = first_gradients(c, arrays, True)
    except NotSupportedError:
        assert c.type in NOT_HERE or c.name == "zeros", f"{c.type} has no second derivative"
        return
    rng = np.random.default_rng(11)
    directions = [np.asarray(rng.standard_normal(w.shape)) for w in wanted]
    used = [(g, v) for g, v in zip(grads, directions, strict=True) if g is not None and not g.stop_gradient]
    second: list[Any] = [None] * len(wanted)  # zeros where the gradient does not depend on the inputs
    if used:
        second = tape.grad([g for g, _ in used], wanted, [Tensor(v) for _, v in used], True, False, True)
    flat = leaves(arrays)
    step = 1e-6
    for i, (number, found) in enumerate(zip(differentiated(c), second, strict=True)):
        along = np.asarray(np.random.default_rng(12 + i).standard_normal(flat[number].shape))

        def value_at(sign: float, number: int = number, along: Any = along) -> float:
            moved = iter([a + sign * step * along if k == number else a for k, a in enumerate(flat)])
            _, _, g = first_gradients(c, nested(lambda a: next(moved), arrays), False)
            return float(sum((x._data * v).sum() for x, v in zip(g, directions, strict=True) if x is not None))

        numeric = (value_at(1) - value_at(-1)) / (2 * step)
        analytic = 0.0 if found is None else float((found._data * along).sum())
        scale = max(1.0, abs(numeric), abs(analytic))
        assert abs(numeric - analytic) < max(c.rtol, 1e-5) * scale * 20, f"input {number}: differences {numeric}, tape {analytic}"
