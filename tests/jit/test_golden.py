"""Models and checkpoints written by real Paddle 2.6.2 and 3.3.1 (its old programs): outputs, state, fine-tuning, resuming."""
from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import nn

from ..formats.common import GOLDEN, INDEX, arrays

MODELS = [k for k, e in INDEX.items() if k.split("/")[0] in ("v262", "v331_legacy") and e["load"]["api"] == "paddle.jit.load"]
TUNED = [(k, how) for k in MODELS for how in ("sgd", "adam") if how in (INDEX[k].get("finetune") or {})]
OPTIMIZERS = [k for k, e in INDEX.items() if "losses_resumed" in e]


# Their true gradient is zero (a bias before batch_norm, the bias of attention keys), and Adam turns rounding noise into steps
# of full size; the running mean follows the bias.
NO_GRADIENT = {"v262/convbn": ("conv2d_0.b_0", "batch_norm2d_0.w_1"), "v262/encoder": ("linear_1.b_0",)}


@pytest.fixture(autouse=True)
def fresh_names():
    with paddle.utils.unique_name.guard():
        yield


def load(key: str) -> Any:
    return paddle.jit.load(str(GOLDEN / key / INDEX[key]["load"]["path"]), **INDEX[key]["load"]["kwargs"])


def listed(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (list, tuple)) else [result]


def saved_names(layer: Any) -> dict[str, Any]:
    """Name of a variable in the file -> Tensor."""
    return {old: layer._by_variable[new] for m in layer._methods.values() for old, new in m.renamed.items()}


@pytest.mark.parametrize("key", MODELS)
def test_outputs(key: str) -> None:
    layer, recorded = load(key), arrays(key, "io")
    for name, method in INDEX[key]["methods"].items():
        inputs = [recorded[i["array"]] for i in method["inputs"]]
        got = listed(getattr(layer, name)(*inputs))
        assert len(got) == len(method["outputs"])
        for out, wanted in zip(got, method["outputs"], strict=True):
            want = recorded[wanted]
            assert out.numpy().dtype == want.dtype and tuple(out.shape) == want.shape
            if want.dtype.kind in "fc":
                np.testing.assert_allclose(out.numpy(), want, rtol=1e-6, atol=1e-6)
            else:
                np.testing.assert_array_equal(out.numpy(), want)


@pytest.mark.parametrize("key", [k for k in MODELS if "loaded" in INDEX[k]])
def test_state(key: str) -> None:
    """Keys, kinds and flags of what was loaded; a parameter shared by two methods is there once."""
    layer, facts = load(key), INDEX[key]["loaded"]
    tensors = saved_names(layer)
    assert set(tensors) == set(facts["is_parameter"])
    for name, t in tensors.items():
        assert isinstance(t, paddle.Parameter) == facts["is_parameter"][name]
        assert t.stop_gradient == facts["stop_gradient"][name]
    if len(INDEX[key]["methods"]) == 1:
        assert list(layer.state_dict()) == facts["state_dict_keys"]
        keys = layer._persistable_var_name_dict
        renamed = layer._methods["forward"].renamed
        assert {n: keys[renamed[n]] for n in tensors} == facts["key_of_saved_name"]


@pytest.mark.parametrize(("key", "how"), TUNED)
def test_fine_tuning(key: str, how: str) -> None:
    record, batch = INDEX[key]["finetune"][how], dict(np.load(GOLDEN / key / INDEX[key]["finetune"]["batch"]))
    layer = load(key)
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
    if how == "sgd" or key not in NO_GRADIENT:
        np.testing.assert_allclose(listed(layer(*inputs))[0].numpy(), after, atol=2e-4)


class OptNet(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(4, 3), nn.Linear(3, 2)

    def forward(self, x):
        return self.fc2(nn.functional.leaky_relu(self.fc1(x), 0.01))


def _step() -> Any:
    return paddle.optimizer.lr.StepDecay(0.1, step_size=2, gamma=0.5)


def _warm() -> Any:
    lr = paddle.optimizer.lr
    return lr.LinearWarmup(lr.PiecewiseDecay([3, 5], [0.1, 0.05, 0.01]), 2, 0.0, 0.1)


MAKE: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda p: paddle.optimizer.SGD(_step(), parameters=p),
    "sgd_const": lambda p: paddle.optimizer.SGD(0.1, parameters=p),
    "momentum": lambda p: paddle.optimizer.Momentum(_step(), 0.9, parameters=p, use_nesterov=True, weight_decay=1e-3),
    "adam": lambda p: paddle.optimizer.Adam(paddle.optimizer.lr.NoamDecay(8, 4), parameters=p),
    "adam_const": lambda p: paddle.optimizer.Adam(0.01, parameters=p),
    "adamw": lambda p: paddle.optimizer.AdamW(paddle.optimizer.lr.CosineAnnealingDecay(0.05, T_max=6), parameters=p, weight_decay=0.02),
    "adamax": lambda p: paddle.optimizer.Adamax(0.02, parameters=p),
    "adagrad": lambda p: paddle.optimizer.Adagrad(0.02, parameters=p),
    "adadelta": lambda p: paddle.optimizer.Adadelta(0.5, parameters=p),
    "rmsprop": lambda p: paddle.optimizer.RMSProp(0.01, parameters=p, momentum=0.9, centered=True),
    "lamb": lambda p: paddle.optimizer.Lamb(0.01, parameters=p),
    "adam_piecewise_warmup": lambda p: paddle.optimizer.Adam(_warm(), parameters=p),
    "adam_reduce": lambda p: paddle.optimizer.Adam(paddle.optimizer.lr.ReduceOnPlateau(0.1, patience=1), parameters=p),
}


@pytest.mark.parametrize("key", OPTIMIZERS)
def test_resumed_training(key: str) -> None:
    entry, folder = INDEX[key], GOLDEN / key
    batch = arrays(key, "batch")
    net = OptNet()
    optimizer = MAKE[key.split("/opt_")[1]](net.parameters())
    net.set_state_dict(paddle.load(str(folder / "net.pdparams")))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.set_state_dict(paddle.load(str(folder / "net.pdopt")))
    losses, rates = [], []
    for _ in range(3):
        loss = nn.functional.cross_entropy(net(paddle.to_tensor(batch["x_0"])), paddle.to_tensor(batch["y"]))
        loss.backward()
        rates.append(float(optimizer.get_lr()))
        optimizer.step()
        optimizer.clear_grad()
        schedule = optimizer._learning_rate
        if isinstance(schedule, paddle.optimizer.lr.ReduceOnPlateau):
            schedule.step(loss)
        elif isinstance(schedule, paddle.optimizer.lr.LRScheduler):
            schedule.step()
        losses.append(float(loss))
    np.testing.assert_allclose(losses, entry["losses_resumed"], rtol=1e-5)
    np.testing.assert_allclose(rates, entry["lr_resumed"], rtol=1e-6)
    for name, want in arrays(key, "resumed").items():
        np.testing.assert_allclose(net.state_dict()[name].numpy(), want, atol=2e-6, err_msg=name)


def test_master_weights() -> None:
    pytest.importorskip("ml_dtypes")
    folder = GOLDEN / "v262/opt_master_weights"
    state = paddle.load(str(folder / "net.pdopt"))
    kept = state["master_weights"]["linear_0.w_0"]
    assert kept.dtype == paddle.float32 and kept.name == "linear_0.w_0_fp32_master_0"
    parameters = paddle.load(str(folder / "net.pdparams"))
    assert {v.dtype for v in parameters.values()} == {paddle.bfloat16}
