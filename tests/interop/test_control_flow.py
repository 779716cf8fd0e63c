"""The functions of tests/jit/grammar_cases.py, saved by minipaddle, give the same results in real Paddle 2.6.2."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.static import InputSpec

from ..jit.grammar_cases import CASES
from .common import needs_paddle, run

pytestmark = [pytest.mark.paddle, needs_paddle]
NAMES = [name for name, case in CASES.items() if case.saves and not case.seeded and not case.refuses]
PARTS = 4

CODE = """
for name, calls in json.load(open("calls.json")).items():
    layer = paddle.jit.load(name)
    layer.eval()
    result[name] = []
    for arguments in calls:
        given = [paddle.to_tensor(np.asarray(values, dtype).reshape(shape)) for values, dtype, shape in arguments]
        outs = layer(*given)
        outs = outs if isinstance(outs, (list, tuple)) else [outs]
        result[name].append([np.asarray(o.numpy(), "float64").reshape(-1).tolist() for o in outs])
"""


@pytest.mark.filterwarnings("ignore:Found 'dict':UserWarning", "ignore:paddle.jit.save. method:UserWarning")
@pytest.mark.parametrize("part", range(PARTS))
def test_real_paddle_runs_them(part: int, tmp_path: Path) -> None:
    wanted: dict[str, Any] = {}
    calls: dict[str, Any] = {}
    for name in NAMES[part::PARTS]:
        case = CASES[name]
        paddle.seed(3)
        target = case.make() if inspect.isclass(case.make) else case.make
        if inspect.isclass(case.make):
            target.eval()
        first = case.calls[0]
        specs = [
            InputSpec([None] * a.ndim if case.open_sizes else list(a.shape), str(a.dtype), f"x{i}") if isinstance(a, np.ndarray) else a
            for i, a in enumerate(first)
        ]
        paddle.jit.save(paddle.jit.to_static(target, input_spec=specs), str(tmp_path / name))
        loaded = paddle.jit.load(str(tmp_path / name))
        calls[name], wanted[name] = [], []
        for call in case.calls:
            if [a.shape if isinstance(a, np.ndarray) else a for a in call] != [a.shape if isinstance(a, np.ndarray) else a for a in first]:
                continue
            if [str(getattr(a, "dtype", "")) for a in call] != [str(getattr(a, "dtype", "")) for a in first]:
                continue
            tensors = [a for a in call if isinstance(a, np.ndarray)]
            outs = loaded(*tensors)
            calls[name].append([[a.reshape(-1).tolist(), str(a.dtype), list(a.shape)] for a in tensors])
            wanted[name].append([np.asarray(o, "float64").reshape(-1) for o in (outs if isinstance(outs, (list, tuple)) else [outs])])
    (tmp_path / "calls.json").write_text(json.dumps(calls))
    found = run(CODE, tmp_path)
    for name, rows in wanted.items():
        for want, got in zip(rows, found[name], strict=True):
            assert len(want) == len(got), name
            for w, g in zip(want, got, strict=True):
                np.testing.assert_allclose(g, w, rtol=2e-5, atol=1e-5, err_msg=name)
