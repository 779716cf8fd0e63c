"""Programs whose loops and branches write over variables, as Paddle's files hold them: results and gradients."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minipaddle.compiler import compile_block, interpret
from minipaddle.core.backward import append_gradients
from minipaddle.core.blocks import outer_reads, outer_writes, single_assignment
from minipaddle.core.program import Block, Program


def loop(program: Program, condition: str) -> Block:
    """Append a `while` whose body is to be filled by the caller, who calls `close` afterwards."""
    body = program.create_block()
    body.parent.append_op("while", {"X": [], "Condition": condition}, {"Out": [], "StepScopes": "steps"}, {"sub_block": body.idx})  # type: ignore[union-attr]
    return body


def close(program: Program, body: Block) -> None:
    program.rollback()
    op = next(op for op in program.current_block().ops if op.attrs.get("sub_block") == body.idx)
    op.inputs["X"], op.outputs["Out"] = outer_reads(body), outer_writes(body)


def counter(block: Block, name: str, n: str) -> None:
    block.create_var(name, (), "int64")
    block.create_var("going", (), "bool")
    block.append_op("fill_constant", {}, {"Out": name}, {"shape": [], "dtype": 3, "value": 0.0})
    block.append_op("less_than", {"X": name, "Y": n}, {"Out": "going"}, {})


def count(body: Block, name: str, n: str) -> None:
    for v, kind in (("next", "int64"), ("again", "bool")):
        body.create_var(v, (), kind)
    body.append_op("scale", {"X": name}, {"Out": "next"}, {"scale": 1.0, "bias": 1.0})
    body.append_op("less_than", {"X": "next", "Y": n}, {"Out": "again"}, {})


def overwriting() -> Program:
    """x is read, written over by a loop, and read again; y is the result of an operator whose gradient needs it."""
    program = Program()
    main = program.global_block()
    for name in ("x", "y", "s", "out"):
        main.create_var(name, (3,), "float32")
    main.create_var("n", (), "int64")
    main.create_var("steps", (), None, kind="STEP_SCOPES")
    main.append_op("tanh", {"X": "x"}, {"Out": "y"}, {})
    main.append_op("elementwise_mul", {"X": "x", "Y": "x"}, {"Out": "s"}, {})
    counter(main, "i", "n")
    body = loop(program, "going")
    body.create_var("t", (3,), "float32")
    body.append_op("elementwise_mul", {"X": "x", "Y": "y"}, {"Out": "t"}, {})
    count(body, "i", "n")
    body.append_op("assign", {"X": "x"}, {"Out": "y"}, {})  # x and y change places, more or less
    body.append_op("assign", {"X": "t"}, {"Out": "x"}, {})
    body.append_op("assign", {"X": "next"}, {"Out": "i"}, {})
    body.append_op("assign", {"X": "again"}, {"Out": "going"}, {})
    close(program, body)
    main.append_op("sum", {"X": ["x", "y", "s"]}, {"Out": "out"}, {})
    return program


def reference(x: Any, n: int) -> Any:
    y, s = np.tanh(x), x * x
    for _ in range(n):
        x, y = x * y, x
    return x + y + s


@pytest.mark.parametrize("n", [0, 1, 3])
@pytest.mark.parametrize("normal", [False, True])
def test_values(n: int, normal: bool) -> None:
    program = overwriting()
    if normal:
        single_assignment(program)
    x = np.array([0.5, -1.0, 2.0], "float32")
    values = {"x": x, "n": np.array(n, "int64")}
    ops = program.global_block().ops
    (want,) = interpret(ops, values, ["out"], np)
    (got,) = compile_block(ops, ["x", "n"], ["out"])(np, x, values["n"])
    np.testing.assert_allclose(want, reference(x, n), rtol=1e-6)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_gradients(n: int) -> None:
    program = overwriting()
    block = program.global_block()
    (seed,), found = append_gradients(block, ["out"], ["x"])
    x = np.array([0.5, -1.0, 2.0], "float32")
    values = {"x": x, "n": np.array(n, "int64"), seed: np.ones(3, "float32")}
    (want,) = interpret(block.ops, values, [found["x"]], np)
    (got,) = compile_block(block.ops, list(values), [found["x"]])(np, *values.values())
    wide, step = x.astype("float64"), 1e-6
    slope = (reference(wide + step, n) - reference(wide - step, n)) / (2 * step)
    np.testing.assert_allclose(want, slope, rtol=1e-4)
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_names_stand_for_one_value_afterwards() -> None:
    program = overwriting()
    single_assignment(program)
    written: list[str] = [n for op in program.global_block().ops if op.type != "while" for n in op.output_arg_names]
    assert len(written) == len(set(written)) and program.global_block().ops[-1].output_arg_names == ["out"]
    before = str(program)
    single_assignment(program)
    assert str(program) == before
