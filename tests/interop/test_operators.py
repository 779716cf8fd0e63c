"""Operators that only saved models hold, of detectors and quantised ones: results as real Paddle 2.6.2 gives them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle

from . import operator_cases
from .common import needs_paddle, run
from .operator_cases import CASES, run_case

pytestmark = [pytest.mark.paddle, needs_paddle]

SCRIPT = """
sys.path.insert(0, {folder!r})
os.environ["PADDLE_MODULE"] = "paddle"
import traceback
paddle.enable_static()
from operator_cases import CASES, run_case
for i, c in enumerate(CASES):
    try:
        found = run_case(c)
        np.savez(str(i) + ".npz", *[a for _, a, _ in found])
        result[str(i)] = [lod for _, _, lod in found]
    except Exception:
        result[str(i)] = traceback.format_exc()
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("operators")
    return folder, run(SCRIPT.format(folder=str(Path(operator_cases.__file__).parent)), folder)


@pytest.fixture(autouse=True)
def static_mode() -> Iterator[None]:
    paddle.enable_static()
    try:
        yield
    finally:
        paddle.disable_static()


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{i}-{c['type']}" for i, c in enumerate(CASES)])
def test_results_are_those_of_real_paddle(real: tuple[Path, dict[str, Any]], number: int) -> None:
    folder, report = real
    assert isinstance(report[str(number)], list), report[str(number)]
    with np.load(folder / f"{number}.npz") as stored:
        want = [stored[k] for k in stored.files]
    for (slot, got, lod), expected, expected_lod in zip(run_case(CASES[number]), want, report[str(number)], strict=True):
        if slot == "OutScale" and not expected.size:  # Paddle writes none in test mode
            continue
        if expected_lod and slot != "MultiFpnRois":  # their numbers are in MultiLevelRoIsNum
            assert lod == expected_lod, slot
        assert got.shape == expected.shape and got.dtype == expected.dtype, (slot, got.shape, expected.shape)
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4, err_msg=slot)
