"""Everything real Paddle 1.8.5 wrote: it loads in each way there is, gives the recorded results, and trains on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import fluid

from ..formats.common import GOLDEN, INDEX, arrays, keys

MODELS = [k for k in keys("v185", having="methods") if INDEX[k]["load"]["api"] == "paddle.jit.load"]
VARIABLES = [k for k in keys("v185") if k not in MODELS]
TUNED = [
    (k, how)
    for k in MODELS
    for how in ("sgd", "adam")
    if how in (INDEX[k].get("read_by_2.6.2", {}).get("finetune") or {})
]


def folder(key: str) -> str:
    return str(GOLDEN / key / INDEX[key]["load"]["path"])


def names(key: str) -> dict[str, Any]:
    return dict(INDEX[key]["load"].get("kwargs", {}))


def given(key: str) -> tuple[list[str], list[Any]]:
    """Names and values of the inputs, ragged where they were."""
    entry, io = INDEX[key], arrays(key, "io")
    found = []
    for i in entry["methods"]["forward"]["inputs"]:
        lengths = entry.get("input_recursive_seq_lens", {}).get(i["name"])
        a = io[i["array"]]
        found.append(a if lengths is None else fluid.create_lod_tensor(a, lengths, fluid.CPUPlace()))
    return [i["name"] for i in entry["methods"]["forward"]["inputs"]], found


def compare(key: str, results: list[Any]) -> None:
    entry, io = INDEX[key], arrays(key, "io")
    wanted = entry["methods"]["forward"]["outputs"]
    assert len(results) == len(wanted)
    for i, (r, name) in enumerate(zip(results, wanted, strict=True)):
        np.testing.assert_allclose(np.asarray(r), io[name], rtol=1e-6, atol=1e-6)
        if "output_lod" in entry:
            assert r.lod() == entry["output_lod"][i]


@pytest.mark.parametrize("key", MODELS)
def test_an_inference_model_as_a_layer(key: str) -> None:
    layer = paddle.jit.load(folder(key), **names(key))
    _, inputs = given(key)
    results = layer(*[x if isinstance(x, paddle.Tensor) else paddle.to_tensor(x) for x in inputs])
    compare(key, list(results) if isinstance(results, (list, tuple)) else [results])


@pytest.mark.parametrize("key", MODELS)
def test_an_inference_model_as_a_program(key: str, static: None) -> None:
    exe = fluid.Executor(fluid.CPUPlace())
    program, feeds, fetches = fluid.io.load_inference_model(folder(key), exe, **names(key))
    wanted, inputs = given(key)
    assert feeds == wanted
    compare(key, exe.run(program, feed=dict(zip(feeds, inputs, strict=True)), fetch_list=fetches, return_numpy=False))
    for name, array in arrays(key).items():
        assert np.array_equal(np.asarray(fluid.global_scope().find_var(name).get_tensor()), array)


@pytest.mark.parametrize("key", MODELS)
def test_parameters_of_an_inference_model(key: str) -> None:
    found = paddle.load(folder(key), **names(key))
    wanted = arrays(key)
    assert set(found) == set(wanted)
    for name, array in wanted.items():
        assert np.array_equal(np.asarray(found[name]), array)


@pytest.mark.parametrize(("key", "how"), TUNED)
def test_tuning_follows_the_recorded_losses(key: str, how: str) -> None:
    record = INDEX[key]["read_by_2.6.2"]["finetune"]
    batch = dict(np.load(GOLDEN / key / record["batch"]))
    layer = paddle.jit.load(folder(key), **names(key))
    layer.train()
    make = {
        "sgd": lambda p: paddle.optimizer.SGD(0.1, parameters=p),
        "adam": lambda p: paddle.optimizer.Adam(0.01, parameters=p),
    }[how]
    optimizer = make(layer.parameters())
    x, y = [paddle.to_tensor(batch[k]) for k in sorted(batch) if k.startswith("x")], paddle.to_tensor(batch["y"])
    losses = []
    for _ in range(record[how]["steps"]):
        out = layer(*x)
        loss = paddle.nn.functional.cross_entropy(out, y) if record[how]["loss"] == "ce" else ((out - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        losses.append(float(loss))
    np.testing.assert_allclose(losses, record[how]["losses"], rtol=1e-5)
    final = dict(np.load(GOLDEN / key / record[how]["final"]))
    state = layer.state_dict()
    for name, array in final.items():
        slot = INDEX[key]["read_by_2.6.2"]["key_of_saved_name"][name]
        np.testing.assert_allclose(state[slot].numpy(), array, atol=1e-5)


@pytest.mark.parametrize("key", VARIABLES)
def test_variables(key: str, static: None) -> None:
    load = INDEX[key]["load"]
    if load["api"] == "paddle.load":
        found: Any = paddle.load(folder(key), **names(key))
        wanted = arrays(key)
        present = {k: v for k, v in wanted.items() if k in found}
        assert set(found) - {"StructuredToParameterName@@"} == set(present) and len(present) >= len(wanted) - 3
        for name, array in present.items():
            assert np.array_equal(np.asarray(found[name]), array), name
        return
    wanted = {**arrays(key), **arrays(key, "optimizer_state")}
    block = fluid.default_main_program().global_block()
    variables = [block.create_var(n, wanted[n].shape, wanted[n].dtype, persistable=True) for n in load["var_list"]]
    found = fluid.load_program_state(folder(key), var_list=variables)
    assert list(found) == load["var_list"]
    for name in load["var_list"]:
        assert np.array_equal(found[name], wanted[name])


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_training_program_goes_on(optimizer: str, static: None) -> None:
    """``fluid.save``: the Program is read with its optimizer operators; a step moves the parameters and brings the loss down."""
    prefix = str(GOLDEN / f"v185/fc_{optimizer}_fluid_save" / "fc")
    with open(prefix + ".pdmodel", "rb") as file:
        program = fluid.Program.parse_from_string(file.read())
    fluid.load(program, prefix, fluid.Executor(fluid.CPUPlace()))
    for field in ("params", "optimizer_state"):
        for name, array in arrays(f"v185/fc_{optimizer}_fluid_save", field).items():
            assert np.array_equal(np.asarray(fluid.global_scope().find_var(name).get_tensor()), array)
    block = program.global_block()
    feeds = [v for v in block.vars.values() if v.need_check_feed]
    loss = next(op for op in block.ops if int(op.attr("op_role")) == 256).output_arg_names[0]
    rng = np.random.default_rng(0)
    feed = {
        v.name: rng.integers(0, 4, (8, 1)) if v.dtype.name == "int64" else rng.random((8, *v.shape[1:]), "float32")
        for v in feeds
    }
    exe = fluid.Executor(fluid.CPUPlace())
    losses = [exe.run(program, feed=feed, fetch_list=[loss])[0].item() for _ in range(5)]
    assert all(b < a for a, b in zip(losses, losses[1:], strict=False))


def test_a_dygraph_checkpoint() -> None:
    key = "v185/dy_save_dygraph"
    wanted = arrays(key)
    state, optimizer = fluid.load_dygraph(str(GOLDEN / key / "net"))
    assert {k for k in state if "@@" not in k} == set(wanted) and optimizer
    net = paddle.nn.Layer()
    net.fc1, net.fc2, net.bn = paddle.nn.Linear(4, 3), paddle.nn.Linear(3, 2), paddle.nn.BatchNorm(2)
    net.set_state_dict({k: v for k, v in state.items() if "@@" not in k})
    net.eval()
    io = arrays(key, "io")
    out = net.bn(net.fc2(paddle.tanh(net.fc1(paddle.to_tensor(io["in_0"])))))
    np.testing.assert_allclose(out.numpy(), io["out_0"], atol=1e-6)
