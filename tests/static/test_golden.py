"""Static-mode files of real Paddle 2.6.2 and 3.3.1 (its old programs): recorded results and trajectories."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import static

from ..formats.common import GOLDEN, INDEX, arrays

GROUPS = ["v262", "v331_legacy"]


def _value(name: str) -> np.ndarray:
    return np.asarray(static.global_scope().find_var(name).get_tensor())


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("name", ["static_infer", "hapi"])
def test_inference_models(group: str, name: str) -> None:
    key = f"{group}/{name}"
    entry, io = INDEX[key], arrays(key, "io")
    exe = static.Executor(paddle.CPUPlace())
    program, feeds, fetches = static.load_inference_model(str(GOLDEN / key / entry["load"]["path"]), exe)
    method = entry["methods"]["forward"]
    assert len(feeds) == len(method["inputs"])
    feed = {n: io[i["array"]] for n, i in zip(feeds, method["inputs"], strict=True)}
    for got, want in zip(exe.run(program, feed=feed, fetch_list=fetches), method["outputs"], strict=True):
        np.testing.assert_allclose(got, io[want], rtol=1e-6, atol=1e-6)
    assert {v.name for v in program.persistables()} <= set(arrays(key)) or name == "hapi"


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_goes_on_as_it_did(group: str, optimizer: str) -> None:
    key = f"{group}/static_save_{optimizer}"
    entry, prefix = INDEX[key], str(GOLDEN / f"{group}/static_save_{optimizer}" / "fc")
    program = static.deserialize_program(Path(prefix + ".pdmodel").read_bytes())
    exe = static.Executor(paddle.CPUPlace())
    static.load(program, prefix, exe)
    state = static.load_program_state(prefix)
    for name, array in {**arrays(key), **arrays(key, "optimizer_state")}.items():
        assert np.array_equal(state[name], array) and np.array_equal(_value(name), array)
    batch = dict(np.load(GOLDEN / key / entry["batch"]))
    block = program.global_block()
    assert {v.name for v in block.vars.values() if v.need_check_feed} == set(batch)
    loss = next(op for op in block.ops if int(op.attr("op_role")) & 256).output_arg_names[0]
    losses = [float(exe.run(program, feed=batch, fetch_list=[loss])[0]) for _ in entry["losses_after"]]
    np.testing.assert_allclose(losses, entry["losses_after"], rtol=1e-6)


@pytest.mark.parametrize("group", GROUPS)
def test_programs_and_parameters_out_of_bytes(group: str) -> None:
    folder = GOLDEN / group / "static_serialize"
    program = static.deserialize_program((folder / "program.bin").read_bytes())
    exe = static.Executor(paddle.CPUPlace())
    static.deserialize_persistables(program, (folder / "params.bin").read_bytes(), exe)
    for name, array in arrays(f"{group}/static_serialize").items():
        if program.global_block().has_var(name):
            assert np.array_equal(_value(name), array)
    feeds = [op.output_arg_names[0] for op in program.global_block().ops if op.type == "feed"]
    fetches = [op.input_arg_names[0] for op in program.global_block().ops if op.type == "fetch"]
    infer = arrays(f"{group}/static_infer", "io")
    entry = INDEX[f"{group}/static_infer"]["methods"]["forward"]
    if {k: v.tolist() for k, v in arrays(f"{group}/static_infer").items()} == {
        k: v.tolist() for k, v in arrays(f"{group}/static_serialize").items()
    }:
        got = exe.run(program, feed={feeds[0]: infer[entry["inputs"][0]["array"]]}, fetch_list=fetches)
        np.testing.assert_allclose(got[0], infer[entry["outputs"][0]], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("group", GROUPS)
def test_bare_variables(group: str) -> None:
    key = f"{group}/static_save_vars"
    wanted = arrays(key)
    found = paddle.load(str(GOLDEN / key / "each"))
    assert set(found) == set(wanted) and all(np.array_equal(found[n], a) for n, a in wanted.items())
    block = static.default_main_program().global_block()
    variables = [block.create_var(n, a.shape, a.dtype, persistable=True) for n, a in wanted.items()]
    one = static.load_program_state(str(GOLDEN / key / "one" / "all"), var_list=variables)
    assert all(np.array_equal(one[n], a) for n, a in wanted.items())


@pytest.mark.parametrize("group", GROUPS)
def test_programs_that_paddle_save_wrote(group: str) -> None:
    folder = GOLDEN / group / "static_paddle_save"
    program = paddle.load(str(folder / "main.pdmodel"))
    assert isinstance(program, static.Program)
    assert [op.type for op in program.global_block().ops if op.type in ("sgd", "adam")]
    state = paddle.load(str(folder / "param.pdparams"))
    program.set_state_dict({**state, **paddle.load(str(folder / "opt.pdopt"))})
    for name, array in arrays(f"{group}/static_paddle_save").items():
        if name in state:
            assert np.array_equal(np.asarray(state[name]), array) and np.array_equal(_value(name), array)
