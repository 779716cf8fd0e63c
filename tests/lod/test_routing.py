"""Lods go from operator to operator: generated code, the interpreter and eager calls agree on every ragged operator."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minipaddle.compiler import compile_block, interpret
from minipaddle.core import tape
from minipaddle.core.backward import append_gradients
from minipaddle.core.dispatch import call
from minipaddle.core.program import Program
from minipaddle.core.recorder import Recorder, recording
from minipaddle.core.tensor import Tensor
from minipaddle.ops.registry import OPS
from tests.ops.caselib import cotangents, differentiated, leaves, nested
from tests.ops.cases.legacy import CASES

RAGGED = {c.id: c for c in CASES if "lod" in c.attrs}


def _declared(c: Any) -> tuple[Program, list[Any], dict[str, Any], dict[str, Any]]:
    """A Program with the case's operator; its variables, values and lods by name."""
    op, program = OPS[c.type], Program()
    block = program.global_block()
    given = c.attrs["lod"] if len(op.lod_takes) > 1 else (c.attrs["lod"],)
    lods = dict(zip(op.lod_takes, given, strict=True))
    values, known, variables = {}, {}, []
    number = 0
    for slot, entry in zip(op.inputs, c.arrays(), strict=False):
        items = entry if slot.many else [entry]
        made = []
        for i, array in enumerate(items):
            if array is None:
                continue
            v = block.create_var(f"in_{number}", array.shape, array.dtype)
            v._stop_gradient = number not in differentiated(c)
            values[v.name] = array
            lod = lods.get(slot.name)
            if lod is not None:
                known[v.name] = lod[i] if slot.many else lod
            made.append(v)
            number += 1
        variables.append(made if slot.many else made[0] if made else None)
    return program, variables, values, known


@pytest.mark.parametrize("name", list(RAGGED))
def test_a_program_hands_lods_on(name: str) -> None:
    c = RAGGED[name]
    op = OPS[c.type]
    program, variables, values, lods = _declared(c)
    attrs = {k: v for k, v in c.attrs.items() if k != "lod"}
    block = program.global_block()
    with recording(Recorder(program)):
        out = call(op, *variables, **attrs)
    fetches = [v.name for v in leaves(out if isinstance(out, (list, tuple)) else [out]) if v is not None]
    flat = leaves(variables)
    tensors = [Tensor(a, stop_gradient=v._stop_gradient) for a, v in zip(values.values(), flat, strict=True)]
    eager = iter(tensors)
    results = call(op, *nested(lambda v: next(eager), variables), **c.attrs)
    results = [r for r in leaves(results if isinstance(results, (list, tuple)) else [results]) if r is not None]
    wanted = [v.name for v in flat if not v._stop_gradient]
    seeds: dict[str, Any] = {}
    expected: list[Any] = []
    extra: list[str] = []
    if wanted and op.grad is not None and c.grad:
        floats = [(n, r) for n, r in zip(fetches, results, strict=True) if not r.stop_gradient]
        d = cotangents([r._data for _, r in floats])
        names, grads = append_gradients(block, [n for n, _ in floats], wanted)
        seeds = dict(zip(names, d, strict=True))
        tape.run_backward([r for _, r in floats], [Tensor(x) for x in d])
        extra = [grads[n] for n in wanted if n in grads]
        expected = [t.grad._data for t, v in zip(tensors, flat, strict=True) if v.name in grads]  # type: ignore[union-attr]
    asked = fetches + extra
    found = interpret(block.ops, {**values, **seeds}, asked, np, lods)
    for got, wanted_value in zip(found, [*[r._data for r in results], *expected], strict=False):
        np.testing.assert_allclose(got, wanted_value, rtol=1e-12, atol=1e-14)
    compiled = compile_block(block.ops, [*values, *seeds], asked, lod_feeds=list(lods))
    again = compiled(np, *values.values(), *seeds.values(), *lods.values())
    for got, same in zip(again[: len(asked)], found[: len(asked)], strict=True):
        np.testing.assert_array_equal(got, same)
    assert again[len(asked) :] == found[len(asked) :]
    for name_of, lod in zip(fetches, found[len(asked) :], strict=False):
        if lod is not None and found[fetches.index(name_of)].ndim:
            assert lod[-1][-1] == found[fetches.index(name_of)].shape[0], "the lod of a result describes its rows"


def _run(types: list[tuple[str, dict[str, Any]]], x: np.ndarray, lod: Any) -> tuple[np.ndarray, Any]:
    program = Program()
    v = program.global_block().create_var("x", (-1, *x.shape[1:]), x.dtype, lod_level=1)
    out: Any = v
    with recording(Recorder(program)):
        for type, attrs in types:
            out = call(OPS[type], out, **attrs)
    f = compile_block(program.global_block().ops, ["x"], [out.name], lod_feeds=["x"])
    value, found = f(np, x, lod)
    return value, found


X = np.arange(12.0, dtype=np.float32).reshape(6, 2)


def test_elementwise_operators_keep_the_lod() -> None:
    _, lod = _run([("relu", {}), ("scale", {"scale": 2.0}), ("softmax", {})], X, ((0, 2, 6),))
    assert lod == ((0, 2, 6),)


def test_reshape_keeps_the_lod_while_the_rows_stay() -> None:
    assert _run([("reshape2", {"shape": [0, 1, 2]})], X, ((0, 2, 6),))[1] == ((0, 2, 6),)
    assert _run([("reshape2", {"shape": [3, 4]})], X, ((0, 2, 6),))[1] is None


def test_transpose_loses_the_lod() -> None:
    assert _run([("transpose2", {"axis": [1, 0]})], X, ((0, 2, 6),))[1] is None


def test_pooling_takes_one_level_away() -> None:
    value, lod = _run([("sequence_pool", {"pooltype": "SUM"})], X, ((0, 1, 3), (0, 1, 2, 6)))
    assert value.shape == (3, 2) and lod == ((0, 1, 3),)


def test_a_missing_lod_is_an_error_that_says_how_to_give_one() -> None:
    program = Program()
    v = program.global_block().create_var("x", (-1, 2), np.float32)
    with recording(Recorder(program)):
        out = call(OPS["sequence_pool"], v, pooltype="SUM")
    f = compile_block(program.global_block().ops, ["x"], [out.name])
    with pytest.raises(ValueError, match="create_lod_tensor"):
        f(np, X)


def test_a_program_without_lods_has_no_code_for_them() -> None:
    program = Program()
    v = program.global_block().create_var("x", (-1, 2), np.float32)
    with recording(Recorder(program)):
        out = call(OPS["relu"], v)
    f = compile_block(program.global_block().ops, ["x"], [out.name])
    assert "lod" not in f.source and not f.gives_lods and len(f(np, X)) == 1


def test_levels_are_known_when_recorded() -> None:
    program = Program()
    block = program.global_block()
    x = block.create_var("x", (-1, 2), np.float32, lod_level=2)
    with recording(Recorder(program)):
        same = call(OPS["relu"], x)
        less = call(OPS["sequence_pool"], same, pooltype="SUM")
        new = call(OPS["lod_reset"], less, target_lod=[0, 1, 2])
        more = call(OPS["lod_reset"], new, target_lod=[0, 1, 2], append=True)
    assert [v.lod_level for v in (same, less, new, more)] == [2, 1, 1, 2]
