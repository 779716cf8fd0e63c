"""Models written by real Paddle 3.3.1 in its own format (json): outputs, state, fine-tuning, and writing them again as .pdmodel."""
from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import inference, nn

from ..formats.common import GOLDEN, INDEX, arrays, keys

MODELS = [k for k in keys("v331_pir", having="methods") if INDEX[k]["load"]["api"] == "paddle.jit.load"]
ONE_METHOD = [k for k in MODELS if len(INDEX[k]["methods"]) == 1]
TUNED = [(k, how) for k in MODELS for how in ("sgd", "adam") if how in (INDEX[k].get("finetune") or {})]

# Paddle 3.3.1 trains loaded models in test mode: batch_norm stays as it is
FROZEN = ("v331_pir/convbn",)
# the bias of attention keys has no gradient, and Adam turns rounding noise into steps of full size
NO_GRADIENT = {"v331_pir/encoder": ("linear_1.b_0",)}


@pytest.fixture(autouse=True)
def fresh_names():
    with paddle.utils.unique_name.guard():
        yield


def prefix(key: str) -> str:
    return str(GOLDEN / key / INDEX[key]["load"]["path"])


def listed(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (list, tuple)) else [result]


def saved_names(layer: Any) -> dict[str, Any]:
    """Name of a variable in the file -> Tensor."""
    return {old: layer._by_variable[new] for m in layer._methods.values() for old, new in m.renamed.items()}


def compare(got: list[Any], want: list[np.ndarray]) -> None:
    assert len(got) == len(want)
    for out, expected in zip(got, want, strict=True):
        found = out.numpy() if hasattr(out, "numpy") else out
        assert found.dtype == expected.dtype and found.shape == expected.shape
        if expected.dtype.kind in "fc":
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
        else:
            np.testing.assert_array_equal(found, expected)


def recorded(key: str, method: str = "forward") -> tuple[list[np.ndarray], list[np.ndarray]]:
    found, spec = arrays(key, "io"), INDEX[key]["methods"][method]
    return [found[i["array"]] for i in spec["inputs"]], [found[o] for o in spec["outputs"]]


@pytest.mark.parametrize("key", MODELS)
def test_outputs(key: str) -> None:
    layer = paddle.jit.load(prefix(key))
    for name in INDEX[key]["methods"]:
        inputs, outputs = recorded(key, name)
        compare(listed(getattr(layer, name)(*inputs)), outputs)


@pytest.mark.parametrize("key", [k for k in MODELS if "loaded" in INDEX[k]])
def test_state(key: str) -> None:
    """Keys, kinds and flags are those of Paddle 3.3.1; BatchNorm statistics and buffers are Parameters that are not trained."""
    layer, facts = paddle.jit.load(prefix(key)), INDEX[key]["loaded"]
    tensors = {n: t for n, t in saved_names(layer).items() if not n.endswith("__non_persistable")}
    assert set(tensors) == set(facts["is_parameter"])
    for name, t in tensors.items():
        assert isinstance(t, paddle.Parameter) == facts["is_parameter"][name]
        assert t.stop_gradient == facts["stop_gradient"][name]
    assert list(layer.state_dict()) == facts["state_dict_keys"]
    if key in ONE_METHOD:
        keys_of = layer._persistable_var_name_dict
        renamed = layer._methods["forward"].renamed
        assert {n: keys_of[renamed[n]] for n in tensors} == facts["key_of_saved_name"]


@pytest.mark.parametrize(("key", "how"), TUNED)
def test_fine_tuning(key: str, how: str) -> None:
    record, batch = INDEX[key]["finetune"][how], dict(np.load(GOLDEN / key / INDEX[key]["finetune"]["batch"]))
    layer = paddle.jit.load(prefix(key))
    if key not in FROZEN:
        layer.train()
    make = {"sgd": lambda p: paddle.optimizer.SGD(0.1, parameters=p), "adam": lambda p: paddle.optimizer.Adam(0.01, parameters=p)}[how]
    optimizer = make(layer.parameters())
    inputs = [paddle.to_tensor(batch[f"x_{i}"]) for i in range(len(batch) - 1)]
    target = paddle.to_tensor(batch["y"])
    losses = []
    for _ in range(record["steps"]):
        out = listed(layer(*inputs))[0]
        loss = nn.functional.cross_entropy(out, target) if record["loss"] == "ce" else ((out - target) ** 2).mean()
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        losses.append(float(loss))
    np.testing.assert_allclose(losses, record["losses"], rtol=1e-4)
    final = dict(np.load(GOLDEN / key / record["final"]))
    after = final.pop("eval_output_after")
    tensors = saved_names(layer)
    for name, want in final.items():
        if how == "adam" and name in NO_GRADIENT.get(key, ()):
            continue
        np.testing.assert_allclose(tensors[name].numpy(), want, atol=1e-4 if how == "adam" else 1e-5, err_msg=name)
    layer.eval()
    np.testing.assert_allclose(listed(layer(*inputs))[0].numpy(), after, atol=2e-4)


def test_training_mode_switches_dropout_and_batch_norm() -> None:
    """As for .pdmodel files (Paddle 3.3.1 leaves both in test mode)."""
    layer, (inputs, outputs) = paddle.jit.load(prefix("v331_pir/convnet_dropout")), recorded("v331_pir/convnet_dropout")
    before = {n: t.numpy().copy() for n, t in saved_names(layer).items() if n.endswith(("w_1", "w_2"))}
    layer.train()
    paddle.seed(1)
    first, second = layer(*inputs).numpy(), layer(*inputs).numpy()
    assert not np.array_equal(first, second)
    assert all(not np.array_equal(saved_names(layer)[n].numpy(), value) for n, value in before.items())
    layer.eval()
    compare([layer(*inputs)], [layer(*inputs).numpy()])
    again = paddle.jit.load(prefix("v331_pir/convnet_dropout"))
    compare([again(*inputs)], outputs)


@pytest.mark.parametrize("key", ["v331_pir/control_flow", "v331_pir/lstm", "v331_pir/gru", "v331_pir/bilstm2"])
def test_what_paddle_331_cannot_train(key: str) -> None:
    layer, (inputs, _) = paddle.jit.load(prefix(key)), recorded(key)
    layer.train()
    optimizer = paddle.optimizer.SGD(0.05, parameters=layer.parameters())
    losses = []
    for _ in range(4):
        loss = (layer(*inputs) ** 2).mean()
        loss.backward()
        assert all(p.grad is not None for p in layer.parameters())
        optimizer.step()
        optimizer.clear_grad()
        losses.append(float(loss))
    assert losses == sorted(losses, reverse=True) and losses[0] > losses[-1]


@pytest.mark.parametrize("key", ONE_METHOD)
def test_saved_again_as_pdmodel(key: str, tmp_path: Path) -> None:
    layer, (inputs, outputs) = paddle.jit.load(prefix(key)), recorded(key)
    path = str(tmp_path / "m")
    paddle.jit.save(layer, path, input_spec=[paddle.static.InputSpec(s.shape, s.dtype, s.name) for s in layer._input_spec()])
    assert (tmp_path / "m.pdmodel").exists() and not (tmp_path / "m.json").exists()
    compare(listed(paddle.jit.load(path)(*inputs)), outputs)


@pytest.mark.parametrize("key", ["v331_pir/convbn", "v331_pir/control_flow", "v331_pir/multi_io", "v331_pir/no_param"])
def test_other_ways_to_open_a_model(key: str) -> None:
    inputs, outputs = recorded(key)
    for config in (inference.Config(prefix(key)), inference.Config(prefix(key) + ".json", prefix(key) + ".pdiparams")):
        predictor = inference.create_predictor(config)
        assert predictor.get_output_names() == [f"fetch_name_{i}" for i in range(len(outputs))]
        for name, value in zip(predictor.get_input_names(), inputs, strict=True):
            predictor.get_input_handle(name).copy_from_cpu(value)
        predictor.run()
        compare([predictor.get_output_handle(n).copy_to_cpu() for n in predictor.get_output_names()], outputs)
    paddle.enable_static()
    try:
        exe = paddle.static.Executor()
        with paddle.static.scope_guard(paddle.static.Scope()):
            program, feeds, fetches = paddle.static.load_inference_model(prefix(key), exe)
            assert feeds == [i["name"] for i in INDEX[key]["methods"]["forward"]["inputs"]]
            compare(exe.run(program, feed=dict(zip(feeds, inputs, strict=True)), fetch_list=fetches), outputs)
    finally:
        paddle.disable_static()


def test_copies_and_tracing() -> None:
    """A loaded layer can be copied, pickled, and used as a part of a traced one."""
    layer, (inputs, outputs) = paddle.jit.load(prefix("v331_pir/buffers")), recorded("v331_pir/buffers")
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        compare([other(*inputs)], outputs)

    class Twice(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = layer

        def forward(self, x):
            return self.inner(x) * 2

    traced = paddle.jit.to_static(Twice())
    compare([traced(paddle.to_tensor(inputs[0]))], [outputs[0] * np.float32(2)])
