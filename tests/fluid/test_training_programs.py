"""Training Programs that real Paddle 1.8.5 wrote (`fluid.save`), without call stacks: the recorded losses are followed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minipaddle import fluid

DATA = Path(__file__).parent / "data"
INDEX: dict[str, Any] = json.loads((DATA / "index.json").read_text())


@pytest.mark.parametrize("name", list(INDEX))
def test_losses_of_four_steps(name: str, static: None) -> None:
    """activations: 32 of them under Adadelta. static_rnn and dynamic_rnn: operators `recurrent` and `while`, with rank tables."""
    program = fluid.Program.parse_from_string((DATA / f"{name}.pdmodel").read_bytes())
    entry, stored = INDEX[name], dict(np.load(DATA / f"{name}.npz"))
    feed: dict[str, Any] = {}
    for key, array in stored.items():
        kind, _, variable = key.partition(":")
        if kind == "value":
            fluid.global_scope().var(variable).get_tensor().set(array, fluid.CPUPlace())
        else:
            lengths = entry["lengths"].get(variable)
            feed[variable] = array if lengths is None else fluid.create_lod_tensor(array, [lengths], fluid.CPUPlace())
    exe = fluid.Executor(fluid.CPUPlace())
    found = [float(np.asarray(exe.run(program, feed=feed, fetch_list=[entry["loss"]])[0]).item()) for _ in entry["losses"]]
    np.testing.assert_allclose(found, entry["losses"], rtol=1e-4)
