"""Running a function in eager mode and as a recorded Program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minipaddle as paddle
from minipaddle.compiler import interpret
from minipaddle.core.program import Program
from minipaddle.core.recorder import TraceRecorder, recording


def both_ways(function: Callable[..., Any], *arrays: np.ndarray, unknown: bool = True) -> np.ndarray:
    """The result of `function` on Tensors; the same function recorded on variables of an unknown batch size must agree."""
    eager = function(*[paddle.to_tensor(a) for a in arrays]).numpy()
    program = Program()
    block = program.global_block()
    variables = [
        block.create_var(f"in_{i}", (-1, *a.shape[1:]) if unknown and i == 0 else a.shape, a.dtype)
        for i, a in enumerate(arrays)
    ]
    with recording(TraceRecorder(program)) as recorder:
        out = function(*variables)
    assert len(out.shape) == eager.ndim
    assert all(n in (-1, m) for n, m in zip(out._shape, eager.shape, strict=True))
    values = {v.name: a for v, a in zip(variables, arrays, strict=True)}
    values |= {name: t._data for name, t in recorder.captured.items()}
    (found,) = interpret(block.ops, values, [out.name], np)
    np.testing.assert_array_equal(found, eager)
    return eager


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Seeded numbers, float32."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype("float32")
