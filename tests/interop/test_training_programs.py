"""Training Programs: what `static.save` writes here, real Paddle 2.6.2 trains with the same losses; and the other way round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle

from . import static_nets
from .common import needs_paddle, run
from .static_nets import NETS

pytestmark = [pytest.mark.paddle, needs_paddle]

SCRIPT = """
sys.path.insert(0, {folder!r})
os.environ["PADDLE_MODULE"] = "paddle"
from static_nets import save_all, train_all
result["ours"] = train_all("ours")
result["theirs"] = dict((k, v["losses"]) for k, v in save_all("theirs").items())
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Losses: of ours here, of ours there, of theirs there, of theirs here."""
    folder = tmp_path_factory.mktemp("training")
    try:
        here = {k: v["losses"] for k, v in static_nets.save_all(str(folder / "ours")).items()}
        there = run(SCRIPT.format(folder=str(Path(static_nets.__file__).parent)), folder)
        return here, there["ours"], there["theirs"], static_nets.train_all(str(folder / "theirs"))
    finally:
        paddle.disable_static()


@pytest.mark.parametrize("name", list(NETS))
def test_paddle_trains_what_we_write(both: Any, name: str) -> None:
    here, there, _, _ = both
    assert not isinstance(there[name], str), there[name]
    np.testing.assert_allclose(there[name], here[name], rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("name", list(NETS))
def test_we_train_what_paddle_writes(both: Any, name: str) -> None:
    _, _, there, here = both
    assert not isinstance(here[name], str), here[name]
    np.testing.assert_allclose(here[name], there[name], rtol=2e-4, atol=1e-6)
