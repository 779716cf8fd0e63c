"""The guide's 1.x network: names, operators, training, and the files in their old forms."""
from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import fluid
from minipaddle.formats import pdmodel

REFERENCE = os.path.join(os.path.dirname(__file__), "..", "..", "..", "shared", "seed", "reference")


def _network() -> Any:
    image = fluid.data(name="image", shape=[None, 784], dtype="float32")
    label = fluid.data(name="label", shape=[None, 1], dtype="int64")
    pred = fluid.layers.fc(input=image, size=10, act="softmax")
    loss = fluid.layers.cross_entropy(input=pred, label=label)
    avg_loss = fluid.layers.mean(loss)
    made = fluid.optimizer.SGD(learning_rate=0.001).minimize(avg_loss)
    exe = fluid.Executor(fluid.CPUPlace())
    exe.run(fluid.default_startup_program())
    return pred, loss, avg_loss, made, exe


def _batch(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"image": rng.random((16, 784), dtype=np.float32), "label": rng.integers(0, 9, (16, 1))}


@pytest.fixture
def network(static: None) -> Any:
    return _network()


def test_names_shapes_and_operators(network: Any) -> None:
    pred, loss, avg_loss, made, _ = network
    assert (pred.name, pred.shape) == ("fc_0.tmp_2", (-1, 10))
    assert (loss.name, loss.shape) == ("cross_entropy2_0.tmp_0", (-1, 1))
    assert (avg_loss.name, avg_loss.shape) == ("mean_0.tmp_0", (1,))
    main, startup = fluid.default_main_program(), fluid.default_startup_program()
    assert [op.type for op in main.global_block().ops] == [
        "mul", "elementwise_add", "softmax", "cross_entropy2", "mean", "fill_constant", "mean_grad", "cross_entropy_grad2", "softmax_grad",
        "elementwise_add_grad", "mul_grad", "sgd", "sgd",
    ]  # fmt: skip
    assert [(p.name, p.shape) for p in main.all_parameters()] == [("fc_0.w_0", (784, 10)), ("fc_0.b_0", (10,))]
    assert [v.name for v in main.persistables()] == ["fc_0.b_0", "fc_0.w_0", "learning_rate_0"]
    assert {op.output_arg_names[0]: op.type for op in startup.global_block().ops} == {
        "fc_0.w_0": "uniform_random", "fc_0.b_0": "fill_constant", "learning_rate_0": "fill_constant",
    }  # fmt: skip
    assert isinstance(made, tuple) and [type(part) for part in made] == [list, list]


def test_running_trains_and_gives_one_number_in_an_array(network: Any) -> None:
    _, _, avg_loss, _, exe = network
    losses = [exe.run(fluid.default_main_program(), feed=_batch(), fetch_list=[avg_loss])[0] for _ in range(20)]
    assert losses[0].shape == (1,) and losses[0].dtype == np.float32
    assert losses[-1] < losses[0]


@pytest.mark.shared
def test_the_recorded_trajectory(network: Any) -> None:
    _, _, avg_loss, _, exe = network
    given, wanted = np.load(os.path.join(REFERENCE, "inputs.npz")), np.load(os.path.join(REFERENCE, "trajectories.npz"))
    for name, key in (("fc_0.w_0", "w"), ("fc_0.b_0", "b")):
        fluid.global_scope().find_var(name).get_tensor().set(given[key], fluid.CPUPlace())
    losses = []
    for step in range(16):
        feed = {"image": given["image"][step % 4], "label": given["label"][step % 4]}
        losses.append(exe.run(feed=feed, fetch_list=[avg_loss])[0][0])
    np.testing.assert_allclose(losses, wanted["fluid.losses"], atol=1e-5)
    for name, key in (("fc_0.w_0", "w"), ("fc_0.b_0", "b")):
        value = np.array(fluid.global_scope().find_var(name).get_tensor())
        np.testing.assert_allclose(value, wanted[f"fluid.{key}"], atol=1e-6)


FORMS = {
    "default": ({}, {"__model__", "fc_0.w_0", "fc_0.b_0"}, {}),
    "model": ({"model_filename": "__simplenet__"}, {"__simplenet__", "fc_0.w_0", "fc_0.b_0"}, {"model_filename": "__simplenet__"}),
    "params": ({"params_filename": "__params__"}, {"__model__", "__params__"}, {"params_filename": "__params__"}),
    "both": ({"model_filename": "m", "params_filename": "p"}, {"m", "p"}, {"model_filename": "m", "params_filename": "p"}),
}  # fmt: skip


@pytest.mark.parametrize("form", list(FORMS))
def test_an_inference_folder_is_loaded_tuned_and_saved_anew(network: Any, form: str, tmp_path: Any) -> None:
    pred, _, _, _, exe = network
    how, files, back = FORMS[form]
    folder = str(tmp_path / "fc")
    main = fluid.default_main_program()
    batch = _batch()
    test_program = main.clone(for_test=True)
    before = exe.run(test_program, feed=batch, fetch_list=[pred.name])[0]
    names = fluid.io.save_inference_model(folder, ["image"], [pred], exe, **how)
    assert names == ["save_infer_model/scale_0.tmp_0"] and set(os.listdir(folder)) == files
    model = pdmodel.load_file(os.path.join(folder, how.get("model_filename", "__model__")))
    assert [op.type for op in model.global_block().ops] == ["feed", "mul", "elementwise_add", "softmax", "scale", "fetch"]
    assert model.desc_version == 1008005
    program, feeds, fetches = fluid.io.load_inference_model(folder, exe, **how)
    assert feeds == ["image"]
    np.testing.assert_allclose(exe.run(program, feed={"image": batch["image"]}, fetch_list=fetches)[0], before, atol=1e-6)

    paddle.disable_static()
    state = paddle.load(folder, **back)
    assert {k: v.shape for k, v in state.items()} == {"fc_0.b_0": (10,), "fc_0.w_0": (784, 10)}
    layer = paddle.jit.load(folder, **back)
    assert list(layer.state_dict()) == ["param_0", "param_1"] and not layer.training
    x = paddle.to_tensor(batch["image"])
    np.testing.assert_allclose(layer(x).numpy(), before, atol=1e-6)
    layer.train()
    losses = []
    sgd = paddle.optimizer.SGD(0.5, parameters=layer.parameters())
    for _ in range(5):
        loss = -paddle.log(layer(x)[:, 0]).mean()
        loss.backward()
        sgd.step()
        sgd.clear_grad()
        losses.append(float(loss))
    assert losses == sorted(losses, reverse=True)
    layer.eval()
    paddle.jit.save(layer, str(tmp_path / "new"), input_spec=[x])
    np.testing.assert_allclose(paddle.jit.load(str(tmp_path / "new"))(x).numpy(), layer(x).numpy(), atol=1e-6)


def test_parameters_go_into_a_dynamic_layer_by_their_names(network: Any, tmp_path: Any) -> None:
    pred, _, _, _, exe = network
    fluid.io.save_inference_model(str(tmp_path / "fc"), ["image"], [pred], exe)
    paddle.disable_static()
    state = paddle.load(str(tmp_path / "fc"))
    layer = paddle.nn.Linear(784, 10, weight_attr=paddle.ParamAttr(name="fc_0.w_0"), bias_attr=paddle.ParamAttr(name="fc_0.b_0"))
    layer.set_state_dict(state, use_structured_name=False)
    np.testing.assert_array_equal(layer.weight.numpy(), state["fc_0.w_0"])


def test_a_checkpoint_of_fluid_save(network: Any, tmp_path: Any) -> None:
    _, _, avg_loss, _, exe = network
    main, path = fluid.default_main_program(), str(tmp_path / "fc.save")
    fluid.save(main, path)
    assert {f.removeprefix("fc.save") for f in os.listdir(tmp_path)} == {".pdparams", ".pdopt", ".pdmodel"}
    with open(path + ".pdparams", "rb") as file:
        assert file.read(2) == b"\x80\x02"  # pickle protocol 2
    assert list(fluid.io.load_program_state(path)) == ["fc_0.w_0", "fc_0.b_0", "learning_rate_0"]
    first = exe.run(main, feed=_batch(), fetch_list=[avg_loss])[0]
    exe.run(main, feed=_batch(1))
    fluid.load(main, path, exe)
    np.testing.assert_array_equal(exe.run(main, feed=_batch(), fetch_list=[avg_loss])[0], first)
    paddle.disable_static()
    state = paddle.load(path + ".pdparams")
    assert {k: v.shape for k, v in state.items()} == {"fc_0.w_0": [784, 10], "fc_0.b_0": [10]}


def test_variables_in_folders_and_in_one_file(network: Any, tmp_path: Any) -> None:
    _, _, _, _, exe = network
    apart, together = str(tmp_path / "apart"), str(tmp_path / "together")
    assert fluid.io.save_params(exe, apart) is None
    fluid.io.save_persistables(exe, together, filename="all")
    assert sorted(os.listdir(apart)) == ["fc_0.b_0", "fc_0.w_0"]
    value = np.array(fluid.global_scope().find_var("fc_0.w_0").get_tensor())
    np.testing.assert_array_equal(paddle.load(apart)["fc_0.w_0"], value)  # in static mode too
    state = paddle.static.load_program_state(os.path.join(together, "all"), fluid.default_main_program().persistables())
    assert list(state) == ["fc_0.b_0", "fc_0.w_0", "learning_rate_0"]
    for load, folder, name in ((fluid.io.load_params, apart, None), (fluid.io.load_persistables, together, "all")):
        fluid.global_scope().find_var("fc_0.w_0").get_tensor().set(np.zeros((784, 10), "float32"), fluid.CPUPlace())
        load(exe, folder, filename=name)
        np.testing.assert_array_equal(np.array(fluid.global_scope().find_var("fc_0.w_0").get_tensor()), value)
