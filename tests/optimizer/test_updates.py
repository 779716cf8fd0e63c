"""Update operators against values that Paddle 2.6.2 computed (updates_paddle_2.6.2.npz; float32, CPU)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minipaddle.ops.registry import OPS

RECORDED = np.load(Path(__file__).parent / "updates_paddle_2.6.2.npz")
INDEX = json.loads(str(RECORDED["index"]))


@pytest.mark.parametrize("number", range(len(INDEX)), ids=[f"{i}-{row['type']}" for i, row in enumerate(INDEX)])
def test_update_is_paddles(number: int) -> None:
    row = INDEX[number]
    op = OPS[row["type"]]

    def read(slot: str) -> Any:
        count = row["lists"].get(slot)
        if count is None:
            return None
        arrays = [RECORDED[f"{number}|in|{slot}|{i}"] for i in range(count or 1)]
        return arrays if count else arrays[0]

    result = op.forward(np, *[read(s.name) for s in op.inputs], **row["attrs"])
    results = result if isinstance(result, tuple) else (result,)
    compared = 0
    for slot, got in zip(op.outputs, results, strict=True):
        for i, array in enumerate(got if isinstance(got, list) else [got]):
            key = f"{number}|out|{slot.name}|{i}"
            if array is None or key not in RECORDED:
                continue
            np.testing.assert_allclose(array, RECORDED[key], rtol=1e-6, atol=4e-6, err_msg=slot.name)
            assert array.dtype == np.float32
            compared += 1
    assert compared
