"""Programs recorded from small functions, run by the interpreter and by compiled code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import minipaddle as paddle
from minipaddle.compiler import INFER_PASSES, compile_program, interpret
from minipaddle.core.program import Program
from minipaddle.core.recorder import TraceRecorder, recording
from minipaddle.dtypes import from_numpy


class Recorded:
    """What `function` does to symbolic inputs with the shapes (None: unknown) and types of `examples`; captured Tensors are parameters."""

    def __init__(self, function: Callable[..., Any], examples: Sequence[Any], unknown: Sequence[tuple[int, int]] = ()) -> None:
        self.program = Program()
        block = self.program.global_block()
        recorder = TraceRecorder(self.program)
        inputs = []
        for i, a in enumerate(examples):
            shape = [-1 if (i, axis) in unknown else n for axis, n in enumerate(a.shape)]
            inputs.append(block.create_var(f"x{i}", shape, from_numpy(a.dtype)))
        with recording(recorder), paddle.no_grad():
            found = function(*inputs)
        found = list(found) if isinstance(found, (list, tuple)) else [found]
        self.fetches = [v.name for v in found]
        self.parameters = recorder.captured
        self.feeds = [*(v.name for v in inputs), *self.parameters]
        self.operators = list(block.ops)

    def compiled(self, passes: Any = INFER_PASSES) -> Any:
        return compile_program(self.operators, self.feeds, self.fetches, "f", seldom=list(self.parameters), passes=passes)

    def arrays(self, examples: Sequence[Any]) -> list[Any]:
        return [*examples, *(t._data for t in self.parameters.values())]

    def versions(self, examples: Sequence[Any]) -> list[int]:
        return [*(0 for _ in examples), *(t._version[0] for t in self.parameters.values())]

    def expected(self, examples: Sequence[Any]) -> list[Any]:
        return interpret(self.operators, dict(zip(self.feeds, self.arrays(examples), strict=True)), self.fetches, np)


def types(function: Any) -> list[str]:
    """Operator types of a generated function, in order."""
    return [] if function is None else [op.type for op in function.operators]


def normal(*shape: int, seed: int = 0, dtype: str = "float32") -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def parameter(array: Any) -> Any:
    return paddle.to_tensor(array)
