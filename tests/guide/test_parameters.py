"""Sections 1.1.1, 1.2 and 2 of the guide: paddle.save, paddle.load, state dicts."""
from __future__ import annotations

import pickle
from collections import OrderedDict

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import nn

from .common import GIVEN, RECORDED, LinearNet, given, train


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with paddle.utils.unique_name.guard():
        yield


class RandomDataset(paddle.io.Dataset):
    def __init__(self, num_samples):
        self.num_samples = num_samples

    def __getitem__(self, idx):
        image = np.random.random([784]).astype("float32")
        label = np.random.randint(0, 9, (1,)).astype("int64")
        return image, label

    def __len__(self):
        return self.num_samples


def test_the_loader_of_the_guide() -> None:
    loader = paddle.io.DataLoader(RandomDataset(64), batch_size=16, shuffle=True, drop_last=True, num_workers=2)
    assert len(loader) == 4
    passes = [list(loader()), list(loader)]
    for batches in passes:
        assert len(batches) == 4
        for batch in batches:
            image, label = batch
            assert type(batch) is list and image.shape == [16, 784] and label.shape == [16, 1]
            assert image.dtype == paddle.float32 and label.dtype == paddle.int64 and image.stop_gradient
    rows = np.concatenate([image.numpy() for batches in passes for image, _ in batches])
    assert len(np.unique(rows[:, 0])) == len(rows)  # no two workers and no two passes draw the same numbers


def test_eager_trajectory() -> None:
    layer = given(LinearNet())
    losses, adam = train(layer)
    np.testing.assert_allclose(losses, RECORDED["eager.losses"], atol=1e-5)
    np.testing.assert_allclose(layer._linear.weight.numpy(), RECORDED["eager.w"], atol=1e-6)
    np.testing.assert_allclose(layer._linear.bias.numpy(), RECORDED["eager.b"], atol=1e-6)
    for key, value in adam.state_dict().items():
        np.testing.assert_allclose(value.numpy(), RECORDED["eager.adam." + key], atol=1e-6)
    layer.eval()
    np.testing.assert_allclose(layer(paddle.to_tensor(GIVEN["x"])).numpy(), RECORDED["eager.pred"], atol=1e-5)


def test_loss_shape_text_and_cleared_gradients() -> None:
    layer = LinearNet()
    adam = paddle.optimizer.Adam(learning_rate=0.001, parameters=layer.parameters())
    loss = nn.CrossEntropyLoss()(layer(paddle.to_tensor(GIVEN["image"][0])), paddle.to_tensor(GIVEN["label"][0]))
    assert loss.shape == []
    assert float(f"{np.mean(loss.numpy())}") == pytest.approx(float(loss), rel=1e-6)
    loss.backward()
    adam.step()
    adam.clear_grad()
    np.testing.assert_array_equal(layer._linear.weight.grad.numpy(), np.zeros([784, 10]))


def test_state_dicts() -> None:
    layer = LinearNet()
    state = layer.state_dict()
    assert type(state) is OrderedDict and list(state) == ["_linear.weight", "_linear.bias"]
    assert [v.shape for v in state.values()] == [[784, 10], [10]] and state["_linear.weight"] is layer._linear.weight
    adam = paddle.optimizer.Adam(learning_rate=0.001, parameters=layer.parameters())
    assert adam.state_dict() == {}
    train(layer, 1, adam)
    names = ["linear_0.w_0", "linear_0.b_0"]
    kinds = ["moment1_0", "moment2_0", "beta1_pow_acc_0", "beta2_pow_acc_0"]
    assert list(adam.state_dict()) == [f"{n}_{k}" for k in kinds for n in names]
    power = adam.state_dict()["linear_0.w_0_beta1_pow_acc_0"]
    assert power.shape == [1] and power.item() == pytest.approx(0.81)
    assert adam.state_dict()["linear_0.w_0_beta2_pow_acc_0"].item() == pytest.approx(0.998001)
    scheduled = paddle.optimizer.Adam(paddle.optimizer.lr.StepDecay(0.1, 2), parameters=layer.parameters())
    assert scheduled.state_dict() == {"LR_Scheduler": {"last_epoch": 0, "last_lr": 0.1}}


def test_files_hold_arrays_and_a_name_table() -> None:
    layer = LinearNet()
    _, adam = train(layer, 1)
    paddle.save(layer.state_dict(), "linear_net.pdparams")
    paddle.save(adam.state_dict(), "adam.pdopt")
    with open("linear_net.pdparams", "rb") as f:
        assert f.read(2) == b"\x80\x04"
        f.seek(0)
        stored = pickle.load(f)
    table = stored.pop("StructuredToParameterName@@")
    assert table == {"_linear.weight": "linear_0.w_0", "_linear.bias": "linear_0.b_0"}
    assert all(type(v) is np.ndarray for v in stored.values())
    with open("adam.pdopt", "rb") as f:
        stored = pickle.load(f)
    assert all(k == v for k, v in stored["StructuredToParameterName@@"].items())


def test_loading_gives_named_tensors() -> None:
    layer = LinearNet()
    paddle.save(layer.state_dict(), "linear_net.pdparams")
    state = paddle.load("linear_net.pdparams")
    assert list(state) == ["_linear.weight", "_linear.bias"] and isinstance(state["_linear.bias"], paddle.Tensor)
    assert state["_linear.weight"].name == "linear_0.w_0"
    assert type(paddle.load("linear_net.pdparams", return_numpy=True)["_linear.bias"]) is np.ndarray
    assert "StructuredToParameterName@@" in paddle.load("linear_net.pdparams", keep_name_table=True)
    fresh = LinearNet()
    assert fresh.set_state_dict(state) == ([], [])
    np.testing.assert_array_equal(fresh._linear.weight.numpy(), layer._linear.weight.numpy())


def test_training_goes_on_as_it_would_have() -> None:
    layer = given(LinearNet())
    losses, adam = train(layer, 8)
    paddle.save(layer.state_dict(), "net.pdparams")
    paddle.save(adam.state_dict(), "net.pdopt")
    with paddle.utils.unique_name.guard():
        again = LinearNet()
        again.set_state_dict(paddle.load("net.pdparams"))
        adam = paddle.optimizer.Adam(learning_rate=0.001, parameters=again.parameters())
        assert adam.set_state_dict(paddle.load("net.pdopt")) is None
        rest, _ = train(again, 8, adam, first=8)
    np.testing.assert_allclose(np.concatenate([losses, rest]), RECORDED["eager.losses"], atol=1e-5)


def test_wrong_optimizer_state() -> None:
    layer = LinearNet()
    _, adam = train(layer, 1)
    state = adam.state_dict()
    with pytest.raises(AssertionError, match="moment1"):
        adam.set_state_dict({k: v for k, v in state.items() if "moment1" not in k})
    wrong = {k: (np.zeros(3, "float32") if k == "linear_0.w_0_moment1_0" else v.numpy()) for k, v in state.items()}
    with pytest.raises(ValueError, match=r"linear_0.w_0_moment1_0.*784.*\[3\]|linear_0.w_0_moment1_0.*\[3\].*784"):
        adam.set_state_dict(wrong)


def test_wrong_configs_and_paths() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        paddle.load("x", nonsense=1)
    with pytest.raises(ValueError, match="nonsense"):
        paddle.jit.load("x", nonsense=1)
    with pytest.raises(ValueError, match="nonsense"):
        paddle.jit.save(LinearNet(), "x", nonsense=1)
    with pytest.raises(ValueError, match="not exists"):
        paddle.load("nothing.pdparams")
    for path in ("", "x/"):
        with pytest.raises(ValueError):
            paddle.save({}, path)
        with pytest.raises(ValueError):
            paddle.jit.save(LinearNet(), path, input_spec=[paddle.static.InputSpec([None, 784])])
    paddle.save({"a": paddle.ones([1])}, "new/deep/folder/a")
    assert paddle.load("new/deep/folder/a")["a"].item() == 1.0
