"""The file forms of Paddle 1.x: what we write, real Paddle 1.8.5 reads and runs, and the other way round."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle

from . import networks_1x
from .common import needs_paddle_1x, run_1x
from .networks_1x import NETS, Net, read_all, save_all

pytestmark = [pytest.mark.paddle, needs_paddle_1x]

SCRIPT = """
sys.path.insert(0, {folder!r})
os.environ["FLUID_MODULE"] = "paddle.fluid"
import traceback
from networks_1x import NETS, Net, fluid, read_all, save_all

for name in NETS:
    try:
        result[name] = dict(ours=read_all(name, "ours/" + name))
        # the training Program of the checkpoint itself
        with open("ours/" + name + "/checkpoint/net.pdmodel", "rb") as file:
            program = fluid.Program.parse_from_string(file.read())
        scope, exe = fluid.Scope(), fluid.Executor(fluid.CPUPlace())
        with fluid.scope_guard(scope):
            for key, value in fluid.io.load_program_state("ours/" + name + "/checkpoint/net").items():
                scope.var(key).get_tensor().set(value, fluid.CPUPlace())
            net = Net(name)
            losses = []
            for _ in range(3):
                found = exe.run(program, feed=net.feed(), fetch_list=[net.loss.name])
                losses.append(float(np.array(found[0]).reshape(-1)[0]))
        result[name]["program"] = losses
        net = Net(name)
        net.train(2)
        save_all(net, "theirs/" + name)
        result[name]["theirs"] = dict(results=net.results().tolist(), losses=net.train(3))
    except Exception:
        result[name] = dict(error=traceback.format_exc())
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder with the files of both frameworks, what real Paddle reports, and our results and losses."""
    folder = tmp_path_factory.mktemp("fluid")
    own: dict[str, Any] = {}
    paddle.enable_static()
    here = os.getcwd()
    try:
        for name in NETS:
            net = Net(name)
            net.train(2)
            save_all(net, str(folder / "ours" / name))
            own[name] = {"results": net.results(), "losses": net.train(3)}
        found = run_1x(SCRIPT.format(folder=str(Path(networks_1x.__file__).parent)), folder)
        yield folder, found, own
    finally:
        os.chdir(here)
        paddle.disable_static()


def check(found: dict[str, Any], results: Any, losses: Any) -> None:
    for key, value in found.items():
        if key.startswith("losses"):
            np.testing.assert_allclose(value, losses, rtol=1e-4, err_msg=key)
        else:
            np.testing.assert_allclose(value, results, atol=2e-6, err_msg=key)


@pytest.mark.parametrize("name", list(NETS))
def test_paddle_1x_reads_runs_and_trains_what_we_write(both: Any, name: str) -> None:
    """All four ways to name the files of an inference model, parameters, persistables and checkpoints."""
    _, found, own = both
    assert "error" not in found[name], found[name]["error"]
    check(found[name]["ours"], own[name]["results"], own[name]["losses"])


@pytest.mark.parametrize("name", list(NETS))
def test_paddle_1x_runs_the_training_program_of_a_checkpoint(both: Any, name: str) -> None:
    _, found, own = both
    assert "error" not in found[name], found[name]["error"]
    np.testing.assert_allclose(found[name]["program"], own[name]["losses"], rtol=1e-4)


@pytest.mark.parametrize("name", list(NETS))
def test_we_read_run_and_train_what_paddle_1x_writes(both: Any, name: str) -> None:
    folder, found, _ = both
    assert "error" not in found[name], found[name]["error"]
    theirs = found[name]["theirs"]
    check(read_all(name, str(folder / "theirs" / name)), theirs["results"], theirs["losses"])
