"""Training Programs in the form of 1.x: real Paddle 1.8.5 trains what `fluid.save` writes here, with the same losses, and the reverse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle

from . import static_nets_1x
from .common import needs_paddle_1x, run_1x
from .static_nets_1x import NETS

pytestmark = [pytest.mark.paddle, needs_paddle_1x]

SCRIPT = """
sys.path.insert(0, {folder!r})
os.environ["FLUID_MODULE"] = "paddle.fluid"
from static_nets_1x import save_all, train_all
result["ours"] = train_all("ours")
result["theirs"] = dict((k, v["losses"]) for k, v in save_all("theirs").items())
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Losses: of ours here, of ours there, of theirs there, of theirs here."""
    folder = tmp_path_factory.mktemp("training")
    paddle.enable_static()
    try:
        here = {k: v["losses"] for k, v in static_nets_1x.save_all(str(folder / "ours")).items()}
        there = run_1x(SCRIPT.format(folder=str(Path(static_nets_1x.__file__).parent)), folder)
        return here, there["ours"], there["theirs"], static_nets_1x.train_all(str(folder / "theirs"))
    finally:
        paddle.disable_static()


@pytest.mark.parametrize("name", list(NETS))
def test_paddle_trains_what_we_write(both: Any, name: str) -> None:
    here, there, theirs, _ = both
    assert not isinstance(there[name], str), there[name]
    np.testing.assert_allclose(there[name], here[name], rtol=2e-4, atol=1e-6)
    np.testing.assert_allclose(theirs[name], here[name], rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("name", list(NETS))
def test_we_train_what_paddle_writes(both: Any, name: str) -> None:
    _, _, there, here = both
    assert not isinstance(here[name], str), here[name]
    np.testing.assert_allclose(here[name], there[name], rtol=2e-4, atol=1e-6)
