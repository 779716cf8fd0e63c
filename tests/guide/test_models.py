"""Section 3 of the guide: jit.save, jit.load, fine-tuning."""
from __future__ import annotations

import pickle
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

import minipaddle as paddle
import minipaddle.nn.functional as F
from minipaddle import nn
from minipaddle.static import InputSpec

from .common import GIVEN, RECORDED, LinearNet, SpecNet, StaticNet, TwoMethods, files, given, train


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with paddle.utils.unique_name.guard():
        yield


X = GIVEN["x"]


def saved(path: str = "example.model/linear") -> LinearNet:
    layer = given(LinearNet())
    paddle.jit.save(layer, path, input_spec=[InputSpec([None, 784], "float32")])
    return layer


# --- 3.1.1 trained through to_static


def test_static_trajectory_and_files() -> None:
    layer = given(StaticNet())
    losses, _ = train(layer)
    np.testing.assert_allclose(losses, RECORDED["static.losses"], atol=1e-5)
    np.testing.assert_allclose(layer._linear.weight.numpy(), RECORDED["static.w"], atol=1e-6)
    paddle.jit.save(layer, "example.model/linear")
    assert files("example.model") == ["linear.pdiparams", "linear.pdiparams.info", "linear.pdmodel"]
    loaded = paddle.jit.load("example.model/linear")
    spec = loaded._input_spec()[0]
    assert (spec.shape, spec.name) == ((16, 784), "x")


def test_info_file() -> None:
    saved()
    with open("example.model/linear.pdiparams.info", "rb") as f:
        assert f.read(2) == b"\x80\x02"
        f.seek(0)
        facts = pickle.load(f)
    assert facts == {
        "linear_0.w_0": {"structured_name": "_linear.weight", "stop_gradient": False, "trainable": True},
        "linear_0.b_0": {"structured_name": "_linear.bias", "stop_gradient": False, "trainable": True},
    }


def test_without_spec_or_call() -> None:
    with pytest.raises(ValueError, match=r"No valid transformed program for function: forward\(x\), input_spec: None"):
        paddle.jit.save(StaticNet(), "m/linear")
    assert not Path("m").exists()


def test_the_last_shape_is_saved_unless_a_spec_is_given() -> None:
    layer = StaticNet()
    layer(paddle.ones([2, 784])), layer(paddle.ones([5, 784]))
    paddle.jit.save(layer, "a/net")
    assert paddle.jit.load("a/net")._input_spec()[0].shape == (5, 784)
    paddle.jit.save(layer, "b/net", input_spec=[InputSpec([None, 784])])
    assert paddle.jit.load("b/net")._input_spec()[0].shape == (-1, 784)


def test_spec_on_the_decorator() -> None:
    layer = given(SpecNet())
    layer(paddle.ones([2, 784])), layer(paddle.ones([5, 784]))
    assert len(layer.forward.program_cache) == 1
    paddle.jit.save(layer, "m/net")
    spec = paddle.jit.load("m/net")._input_spec()[0]
    assert (spec.shape, spec.dtype, spec.name) == ((-1, 784), paddle.float32, "x")


def test_input_spec() -> None:
    assert repr(InputSpec([None, 784], "float32", "x")) == "InputSpec(shape=(-1, 784), dtype=paddle.float32, name=x, stop_gradient=False)"
    assert InputSpec([-3, 4]).shape == (-1, 4)
    t = paddle.ones([2, 3])
    assert InputSpec.from_tensor(t).name == t.name and InputSpec.from_tensor(t, name="y").name == "y"
    assert InputSpec.from_numpy(np.ones([2], "int64")) == InputSpec([2], "int64")
    assert InputSpec([4]).batch(8).shape == (8, 4) and InputSpec([8, 4]).unbatch().shape == (4,)
    with pytest.raises(TypeError):
        InputSpec(3)


def test_what_has_no_spec_and_what_cannot_be_traced() -> None:
    with pytest.raises(TypeError, match="from_numpy takes an array, got Tensor"):
        InputSpec.from_numpy(paddle.ones([2]))
    with pytest.raises(TypeError, match="from_tensor takes a Tensor, got ndarray"):
        InputSpec.from_tensor(np.ones(2))
    for wrong, word in ((LinearNet, "the class LinearNet"), (3, "int")):
        with pytest.raises(TypeError, match=f"takes a function, a method or a Layer, got {word}"):
            paddle.jit.to_static(wrong)


def test_names_of_list_and_dict_arguments() -> None:
    @paddle.jit.to_static(input_spec=[[InputSpec([2]), InputSpec([2])], {"k": InputSpec([2])}])
    def f(xs, d):
        return xs[0] + xs[1] + d["k"]

    assert [v.name for v in f.concrete_program.inputs] == ["xs_0", "xs_1", "k"]


class Wrong(nn.Layer):
    """The example the guide calls wrong (block 7)."""

    def __init__(self) -> None:
        super().__init__()
        self._linear = nn.Linear(784, 10)

    @paddle.jit.to_static
    def forward(self, x, label=None):
        out = self._linear(x)
        if label:
            loss = F.cross_entropy(out, label)
            avg_loss = F.mean(loss)
            return out, avg_loss
        else:  # noqa: RET505  (as the guide writes it)
            return out


class Labelled(nn.Layer):
    """Its corrected form."""

    def __init__(self) -> None:
        super().__init__()
        self._linear = nn.Linear(784, 10)

    @paddle.jit.to_static
    def forward(self, x, label=None):
        out = self._linear(x)
        if label is not None:
            return out, paddle.mean(F.cross_entropy(out, label))
        return out


def test_the_example_the_guide_calls_wrong() -> None:
    layer = Wrong()
    assert layer(paddle.ones([3, 784])).shape == [3, 10]
    for n in (1, 3):
        with pytest.raises(AttributeError, match="has no attribute 'mean'") as caught:
            layer(paddle.ones([n, 784]), paddle.zeros([n, 1], "int64"))
        assert "F.mean(loss)" in str(caught.value)


def test_label_and_pruning() -> None:
    layer = Labelled()
    x, label = paddle.ones([3, 784]), paddle.zeros([3, 1], "int64")
    layer(x)
    paddle.jit.save(layer, "plain/net")
    assert [s.name for s in paddle.jit.load("plain/net")._input_spec()] == ["x"]
    out, loss = layer(x, label)
    paddle.jit.save(layer, "both/net")
    loaded = paddle.jit.load("both/net")
    assert [s.name for s in loaded._input_spec()] == ["x", "label"] and len(loaded._output_spec()) == 2
    np.testing.assert_allclose(loaded(x, label)[1].numpy(), loss.numpy(), rtol=1e-5)
    with pytest.raises(ValueError, match="label"):
        paddle.jit.save(layer, "pruned/net", output_spec=[out])
    with pytest.raises(ValueError, match="label"):
        paddle.jit.save(layer, "pruned/net", input_spec=[InputSpec([3, 784]), InputSpec([3, 1], "int64")], output_spec=[0])
    paddle.jit.save(layer, "pruned/net", output_spec=[out], input_names_after_prune=["x"])
    pruned = paddle.jit.load("pruned/net")
    assert [s.name for s in pruned._input_spec()] == ["x"] and pruned(x).shape == [3, 10]


# --- several methods


@pytest.mark.parametrize("where", ["relative", "absolute"])
def test_several_methods(where: str, tmp_path) -> None:
    layer = given(TwoMethods())
    prefix = "m/linear" if where == "relative" else str(tmp_path / "m" / "linear")
    paddle.jit.save(layer, prefix)
    assert files("m") == [
        "linear.another_forward.pdiparams", "linear.another_forward.pdmodel", "linear.pdiparams", "linear.pdiparams.info", "linear.pdmodel",
    ]  # fmt: skip
    assert Path("m/linear.pdiparams").stat().st_size == Path("m/linear.another_forward.pdiparams").stat().st_size == 31451
    with open("m/linear.pdiparams.info", "rb") as f:
        assert len(pickle.load(f)) == 4
    loaded = paddle.jit.load(prefix)
    np.testing.assert_allclose(loaded(paddle.to_tensor(X)).numpy(), RECORDED["two.forward"], atol=1e-5)
    np.testing.assert_allclose(loaded.another_forward(paddle.to_tensor(X)).numpy(), RECORDED["two.another_forward"], atol=1e-5)
    assert loaded.another_forward.__name__ == "another_forward" and loaded.another_forward.__self__ is loaded
    assert loaded.program("another_forward").global_block().ops
    with pytest.raises(ValueError, match="no method 'nothing'"):
        loaded.program("nothing")
    assert set(paddle.load(prefix)) == {"_linear.weight", "_linear.bias", "_linear_2.weight", "_linear_2.bias"}


def test_methods_sorting_before_and_after_forward() -> None:
    class Three(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(2, 2)

        @paddle.jit.to_static(input_spec=[InputSpec([None, 2])])
        def forward(self, x):
            return self.fc(x)

        @paddle.jit.to_static(input_spec=[InputSpec([None, 2])])
        def after(self, x):
            return self.fc(x) + 1

        @paddle.jit.to_static(input_spec=[InputSpec([None, 2])])
        def zeta(self, x):
            return x * 2

    layer = Three()
    paddle.jit.save(layer, "m/three")
    assert files("m") == [
        "three.after.pdiparams", "three.after.pdmodel", "three.pdiparams", "three.pdiparams.info", "three.pdmodel", "three.zeta.pdmodel",
    ]  # fmt: skip
    loaded = paddle.jit.load("m/three")
    x = paddle.ones([1, 2])
    np.testing.assert_allclose(loaded.after(x).numpy(), layer(x).numpy() + 1, rtol=1e-6)
    assert loaded.zeta(x).tolist() == [[2.0, 2.0]]
    assert len(loaded.parameters()) == 2  # shared, not loaded twice


def test_input_spec_with_several_methods() -> None:
    with pytest.raises(ValueError, match="If there are static functions other than 'forward'"):
        paddle.jit.save(TwoMethods(), "m/linear", input_spec=[InputSpec([None, 784])])

    class OnlyOther(nn.Layer):
        def forward(self, x):
            return x

        @paddle.jit.to_static(input_spec=[InputSpec([None, 2])])
        def other(self, x):
            return x * 2

    with pytest.raises(ValueError, match="forward"):
        paddle.jit.save(OnlyOther(), "m/linear")
    with pytest.raises(ValueError, match="other than 'forward'"):
        paddle.jit.save(OnlyOther(), "m/linear", input_spec=[InputSpec([None, 2])])
    assert not Path("m").exists()


# --- 3.1.2 trained dynamically


def test_saving_a_dynamic_layer() -> None:
    layer = saved("example.dy_model/linear")
    assert files("example.dy_model") == ["linear.pdiparams", "linear.pdiparams.info", "linear.pdmodel"]
    assert not hasattr(layer.forward, "program_cache") and layer(paddle.ones([2, 784])).shape == [2, 10]
    loaded = paddle.jit.load("example.dy_model/linear")
    assert loaded._input_spec()[0].name == "x" and loaded._output_spec()[0].shape == (-1, 10)


def test_specs_must_match_the_arguments() -> None:
    class Two(nn.Layer):
        def forward(self, x, y, double=False):
            return (x + y) * 2 if double else x + y

    spec = InputSpec([None, 2])
    for wrong in (None, [spec]):
        with pytest.raises(ValueError):
            paddle.jit.save(Two(), "m/two", input_spec=wrong)
    with pytest.raises(ValueError):
        paddle.jit.save(Two(), "m/two", input_spec=[spec, spec, True, spec])
    with pytest.raises(TypeError):
        paddle.jit.save(Two(), "m/two", input_spec=spec)
    paddle.jit.save(Two(), "m/two", input_spec=[spec, spec, True])
    assert paddle.jit.load("m/two")(paddle.ones([1, 2]), paddle.ones([1, 2])).tolist() == [[4.0, 4.0]]
    paddle.jit.save(Two(), "m/plain", input_spec=[spec, spec])
    assert paddle.jit.load("m/plain")(paddle.ones([1, 2]), paddle.ones([1, 2])).tolist() == [[2.0, 2.0]]


def test_example_tensors_and_arrays() -> None:
    image = paddle.to_tensor(GIVEN["image"][0])
    image.name = "picture"
    for n, example in enumerate((image, GIVEN["image"][0])):
        paddle.jit.save(LinearNet(), f"m{n}/linear", input_spec=[example])
        spec = paddle.jit.load(f"m{n}/linear")._input_spec()[0]
        assert spec.shape == (16, 784) and spec.name == ("picture" if n == 0 else "x")


def test_a_spec_of_the_wrong_width() -> None:
    with pytest.raises(ValueError, match="784"):
        paddle.jit.save(LinearNet(), "m/linear", input_spec=[InputSpec([None, 100])])
    with pytest.raises(ValueError, match="X is float64 but Y is float32"):
        paddle.jit.save(LinearNet(), "m/linear", input_spec=[InputSpec([None, 784], "float64")])
    assert not Path("m").exists()


def test_paths_that_are_none() -> None:
    for path in (None, 3, b"m/linear"):
        with pytest.raises(TypeError, match=f"the path must be a str or PathLike, got {type(path).__name__}"):
            paddle.jit.save(LinearNet(), path, input_spec=[InputSpec([None, 784])])
        with pytest.raises(TypeError, match=f"the path must be a str or PathLike, got {type(path).__name__}"):
            paddle.jit.load(path)


def test_functions_and_bound_methods() -> None:
    def double(x):
        return x * 2

    paddle.jit.save(paddle.jit.to_static(double, input_spec=[InputSpec([2])]), "f/double")
    assert files("f") == ["double.pdmodel"]
    assert paddle.jit.load("f/double")(paddle.ones([2])).tolist() == [2.0, 2.0]
    layer = given(SpecNet())
    paddle.jit.save(layer.forward, "b/net")
    loaded = paddle.jit.load("b/net")
    np.testing.assert_allclose(loaded(X).numpy(), layer(paddle.to_tensor(X)).numpy(), rtol=1e-6)


# --- 3.2 loading


def test_translated_layer() -> None:
    layer = saved()
    loaded = paddle.jit.load("example.model/linear")
    assert type(loaded).__name__ == "TranslatedLayer" and isinstance(loaded, nn.Layer) and not loaded.training
    loaded.train()
    assert loaded.training
    loaded.eval()
    assert [p.shape for p in loaded.parameters()] == [[10], [784, 10]] and list(loaded.state_dict()) == ["param_0", "param_1"]
    assert all(p.trainable for p in loaded.parameters())
    assert loaded(paddle.randn([1, 784], "float32")).shape == [1, 10]
    np.testing.assert_allclose(loaded(X).numpy(), layer(paddle.to_tensor(X)).numpy(), rtol=1e-6)


def test_names_are_made_unique() -> None:
    with paddle.utils.unique_name.guard():
        saved()
    with paddle.utils.unique_name.guard():
        first, second = (paddle.jit.load("example.model/linear") for _ in range(2))
        assert [p.name for p in first.parameters()] == ["linear_0.b_0", "linear_0.w_0"]
        assert [p.name for p in second.parameters()] == ["linear_0.b_1", "linear_0.w_1"]
        assert second.program().global_block().has_var("x")


def test_calling_wrongly_and_the_callers_tensor() -> None:
    saved()
    loaded = paddle.jit.load("example.model/linear")
    x = paddle.to_tensor(X)
    name = x.name
    loaded(x)
    assert x.name == name
    with pytest.raises(TypeError):
        loaded([x])
    with pytest.raises((TypeError, IndexError)):
        loaded(x, x)
    with pytest.raises(TypeError, match="x"):
        loaded()
    with pytest.raises(ValueError, match="float32"):
        loaded(x.astype("float64"))
    with pytest.raises(ValueError, match="784"):
        loaded(paddle.ones([2, 100]))


def test_loaded_prediction_and_fine_tuning() -> None:
    layer = given(StaticNet())
    train(layer)
    paddle.jit.save(layer, "example.model/linear", input_spec=[InputSpec([None, 784], "float32", "x")])
    loaded = paddle.jit.load("example.model/linear")
    np.testing.assert_allclose(loaded(paddle.to_tensor(X)).numpy(), RECORDED["loaded.pred"], atol=1e-5)
    loaded.train()
    losses, _ = train(loaded)
    np.testing.assert_allclose(losses, RECORDED["fine_tune.losses"], atol=1e-5)
    by_shape = {tuple(p.shape): p.numpy() for p in loaded.parameters()}
    np.testing.assert_allclose(by_shape[784, 10], RECORDED["fine_tune.w"], atol=1e-6)
    np.testing.assert_allclose(by_shape[10,], RECORDED["fine_tune.b"], atol=1e-6)
    loaded.eval()
    x = paddle.to_tensor(X)
    want = loaded(x).numpy()
    paddle.jit.save(loaded, "fine-tune.model/linear", input_spec=[x])
    assert files("fine-tune.model") == ["linear.pdiparams", "linear.pdiparams.info", "linear.pdmodel"]
    again = paddle.jit.load("fine-tune.model/linear")
    np.testing.assert_allclose(again(x).numpy(), want, rtol=1e-6)
    with pytest.raises(ValueError):
        paddle.jit.save(loaded, "other/linear")


def test_backward_in_eval_mode_is_not_silent() -> None:
    saved()
    loaded = paddle.jit.load("example.model/linear")
    loaded(paddle.to_tensor(X)).sum().backward()
    assert all(p.grad is not None for p in loaded.parameters())


def test_dropout_and_batch_norm_follow_the_mode() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1D(8), nn.Dropout(0.5))
    paddle.jit.save(net, "m/net", input_spec=[InputSpec([None, 4])])
    loaded = paddle.jit.load("m/net")
    x = paddle.to_tensor(np.random.default_rng(0).normal(size=(16, 4)).astype("float32"))
    np.testing.assert_array_equal(loaded(x).numpy(), loaded(x).numpy())
    frozen = [p for p in loaded.parameters() if not p.trainable]
    assert len(frozen) == 2
    before = [p.numpy() for p in frozen]
    loaded.train()
    out = loaded(x).numpy()
    assert (out == 0).mean() > 0.3
    assert all(not np.array_equal(b, p.numpy()) for b, p in zip(before, frozen, strict=True))


def test_a_loaded_layer_inside_another_layer() -> None:
    saved()

    class Head(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.body = paddle.jit.load("example.model/linear")
            self.fc = nn.Linear(10, 2)

        def forward(self, x):
            return self.fc(self.body(x))

    head = Head()
    head.train()
    head(paddle.to_tensor(X)).sum().backward()
    assert all(p.grad is not None for p in head.parameters()) and len(head.state_dict()) == 4
    paddle.jit.save(head, "head/net", input_spec=[InputSpec([None, 784])])
    head.eval()
    np.testing.assert_allclose(paddle.jit.load("head/net")(X).numpy(), head(paddle.to_tensor(X)).numpy(), rtol=1e-5)


def test_missing_files() -> None:
    saved()
    with pytest.raises(ValueError, match="nothing"):
        paddle.jit.load("example.model/nothing")
    with pytest.raises(ValueError):
        paddle.jit.load("example.model/linear.pdmodel")
    Path("empty").mkdir()
    with pytest.raises(ValueError, match="empty"):
        paddle.jit.load("empty")
    Path("example.model/linear.pdiparams.info").unlink()
    loaded = paddle.jit.load("example.model/linear")
    assert [p.shape for p in loaded.parameters()] == [[10], [784, 10]] and all(p.trainable for p in loaded.parameters())
    Path("example.model/linear.pdiparams").unlink()
    with pytest.raises(ValueError, match="pdiparams"):
        paddle.jit.load("example.model/linear")


def test_files_that_do_not_belong_together() -> None:
    saved()
    info = Path("example.model/linear.pdiparams.info")
    facts = pickle.loads(info.read_bytes())
    gone = sorted(facts)[0]
    del facts[gone]
    info.write_bytes(pickle.dumps(facts, 2))
    with pytest.raises(RuntimeError, match=rf"linear\.pdiparams\.info: has no entry for variable '{gone}'"):
        paddle.jit.load("example.model/linear")


def test_parameters_of_another_type_or_shape() -> None:
    saved()
    other = LinearNet().to(dtype="float64")
    paddle.jit.save(other, "other/linear", input_spec=[InputSpec([None, 784], "float64")])
    wide = nn.Linear(3, 10)
    paddle.jit.save(wide, "wide/linear", input_spec=[InputSpec([None, 3])])
    for folder, words in (("other", "should be float32, but its file holds float64"), ("wide", r"\[784, 10\].*\[3, 10\]")):
        shutil.copy(f"{folder}/linear.pdiparams", "example.model/linear.pdiparams")
        with pytest.raises(ValueError, match=rf"linear\.pdmodel: parameter 'linear_.*{words}"):
            paddle.jit.load("example.model/linear")


def test_a_program_that_reads_what_nothing_computes() -> None:
    saved()
    path = Path("example.model/linear.pdmodel")
    data = path.read_bytes()
    name = b"matmul_v2_0.tmp_0"
    at = data.rindex(name)  # an operator's input
    path.write_bytes(data[:at] + b"M" + data[at + 1 :])
    with pytest.raises(ValueError, match=r"linear\.pdmodel: .*'[mM]atmul_v2_0\.tmp_0', which is no input"):
        paddle.jit.load("example.model/linear")
    paddle.enable_static()
    try:
        with pytest.raises(ValueError, match=r"linear\.pdmodel"):
            paddle.static.load_inference_model("example.model/linear", paddle.static.Executor())
    finally:
        paddle.disable_static()


@pytest.mark.parametrize("suffix", [".pdmodel", ".pdiparams", ".pdiparams.info"])
def test_truncated_files_are_refused(suffix: str) -> None:
    saved()
    path = Path("example.model/linear" + suffix)
    data = path.read_bytes()
    for size in (0, 1, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        with pytest.raises((ValueError, RuntimeError, pickle.UnpicklingError), match="linear"):
            paddle.jit.load("example.model/linear")


def test_parameters_alone() -> None:
    layer = saved()
    state = paddle.load("example.model/linear")
    assert type(state) is dict and list(state) == ["_linear.bias", "_linear.weight"]
    assert all(type(v) is np.ndarray for v in state.values())
    fresh = LinearNet()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fresh.set_state_dict(state, use_structured_name=False) == ([], [])
    np.testing.assert_array_equal(fresh._linear.weight.numpy(), layer._linear.weight.numpy())
    fresh.eval()
    assert fresh(paddle.randn([1, 784], "float32")).shape == [1, 10]


def test_a_failed_save_leaves_the_old_files() -> None:
    saved()
    before = {p.name: p.read_bytes() for p in Path("example.model").iterdir()}
    with pytest.raises(ValueError):
        paddle.jit.save(LinearNet(), "example.model/linear", input_spec=[InputSpec([None, 100])])
    assert {p.name: p.read_bytes() for p in Path("example.model").iterdir()} == before


def test_the_shape_that_was_used_last_is_saved() -> None:
    layer = StaticNet()
    for n in (2, 5, 2):
        layer(paddle.ones([n, 784]))
    assert len(layer.forward.program_cache) == 2
    paddle.jit.save(layer, "m/net")
    assert paddle.jit.load("m/net")._input_spec()[0].shape == (2, 784)
