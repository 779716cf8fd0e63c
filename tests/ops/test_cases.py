"""Every operator's rows, through every check."""
from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import numpy as np
import pytest

import minipaddle.core.array_facade  # noqa: F401  (second derivatives)
from minipaddle.ops.registry import OPS
from tests.ops import cases as package
from tests.ops import standin
from tests.ops.caselib import (
    Case,
    check_dtype,
    check_forward,
    check_gradient,
    check_infer,
    check_static,
    leaves,
    nested,
)

CASES: list[Case] = [
    c for m in pkgutil.iter_modules(package.__path__) for c in importlib.import_module(f"{package.__name__}.{m.name}").CASES
]
BY_ID = {c.id: c for c in CASES}


@pytest.mark.parametrize("name", list(BY_ID))
def test_forward(name: str) -> None:
    check_forward(BY_ID[name])


@pytest.mark.parametrize("name", list(BY_ID))
def test_gradient(name: str) -> None:
    check_gradient(BY_ID[name])


@pytest.mark.parametrize("name", list(BY_ID))
def test_shape_rule_and_dtype(name: str) -> None:
    check_infer(BY_ID[name])
    check_dtype(BY_ID[name])


@pytest.mark.parametrize("name", list(BY_ID))
def test_program(name: str) -> None:
    check_static(BY_ID[name])


@pytest.mark.parametrize("name", [n for n, c in BY_ID.items() if c.standin])
def test_goes_through_the_array_module(name: str) -> None:
    """No operator reaches for NumPy behind the dispatcher's back: forward and backward on arrays NumPy refuses."""
    c = BY_ID[name]
    op = OPS[c.type]
    if op.is_random:
        pytest.skip("random numbers come from the module's own generator")
    arrays = c.arrays()
    arrays += [None] * (len(op.inputs) - len(arrays))
    result = op.forward(standin, *nested(standin.asarray, arrays), **c.attrs)
    results = result if isinstance(result, tuple) else (result,)
    assert all(isinstance(r, standin.ndarray) for r in leaves(list(results))), f"{c.type} gives NumPy arrays"
    if op.grad is None or not c.grad:
        return
    expected = op.forward(np, *arrays, **c.attrs)
    plain = expected if isinstance(expected, tuple) else (expected,)
    args: list[Any] = []
    for kind, index, spec_only in op.grad.sources:
        source = {"in": arrays, "out": plain, "d_out": plain}[kind][index]
        if source is None:
            args.append(None)
        elif kind == "d_out":
            args.append(nested(lambda a: standin.asarray(np.ones_like(a)), source))
        elif spec_only:
            args.append(nested(lambda a: a, source))
        else:
            args.append(nested(standin.asarray, source))
    attrs = op.grad.pick(c.attrs)
    if op.grad.takes_needs:
        attrs = {**attrs, "needs": (True,) * len(op.grad.targets)}
    op.grad.function(standin, *args, **attrs)
