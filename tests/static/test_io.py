from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import static
from minipaddle.static import io


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Net:
    """fc with Adam, its startup Program run."""

    def __init__(self) -> None:
        self.x, self.y = static.data("x", [None, 4]), static.data("y", [None, 1], "int64")
        self.pred = static.nn.fc(self.x, 3)
        self.loss = paddle.mean(paddle.nn.functional.cross_entropy(self.pred, self.y))
        paddle.optimizer.Adam(0.1).minimize(self.loss)
        self.main = static.default_main_program()
        self.exe = static.Executor()
        self.exe.run(static.default_startup_program())
        rng = np.random.RandomState(0)
        self.feed = {"x": rng.rand(5, 4).astype("float32"), "y": rng.randint(0, 3, (5, 1))}

    def step(self) -> float:
        return float(self.exe.run(self.main, feed=self.feed, fetch_list=[self.loss])[0])

    def predict(self) -> np.ndarray[Any, Any]:
        return self.exe.run(self.main.clone(for_test=True), feed=self.feed, fetch_list=[self.pred.name])[0]


def files(folder: str) -> list[str]:
    return sorted(os.listdir(folder))


def test_save_and_load() -> None:
    net = Net()
    net.step()
    static.save(net.main, "s/m")
    assert files("s") == ["m.pdmodel", "m.pdopt", "m.pdparams"]
    with open("s/m.pdparams", "rb") as file:
        state = pickle.load(file)
    assert list(state) == ["fc_0.w_0", "fc_0.b_0"] and type(state["fc_0.w_0"]) is np.ndarray
    want = [net.step() for _ in range(3)]
    for path in ("s/m", "s/m.pdparams"):
        static.load(net.main, path, net.exe)
        assert [net.step() for _ in range(3)] == want
    with pytest.raises(FileNotFoundError, match=r"nobody\.pdparams"):
        static.load(net.main, "s/nobody", net.exe)
    with pytest.raises(AssertionError, match="dirname/filename"):
        static.save(net.main, "s/")
    with pytest.raises(ValueError, match="protocol"):
        static.save(net.main, "s/m", protocol=5)


def test_load_that_does_not_fit_changes_nothing() -> None:
    net = Net()
    static.save(net.main, "m")
    state = pickle.loads(Path("m.pdparams").read_bytes())
    state["fc_0.b_0"] = np.zeros(7, "float32")
    Path("m.pdparams").write_bytes(pickle.dumps(state))
    net.step()
    before = net.predict()
    with pytest.raises(AssertionError, match=r"shape of \(\(3,\)\).*fc_0.b_0"):
        static.load(net.main, "m", net.exe)
    assert np.array_equal(before, net.predict())
    del state["fc_0.b_0"]
    Path("m.pdparams").write_bytes(pickle.dumps(state))
    with pytest.raises(AssertionError, match=r"Can not find \[fc_0.b_0\]"):
        static.load(net.main, "m", net.exe)


def test_program_state() -> None:
    net = Net()
    net.step()
    static.save(net.main, "s/m")
    state = static.load_program_state("s/m")
    assert len(state) == 2 + 1 + 8 and "fc_0.w_0_moment1_0" in state
    assert list(static.load_program_state("s/m.pdopt", net.main.all_parameters())) == ["fc_0.w_0", "fc_0.b_0"]
    before = net.predict()
    net.step()
    static.set_program_state(net.main, state)
    assert np.array_equal(net.predict(), before)
    with pytest.warns(UserWarning, match="There are: a b"):
        static.set_program_state(net.main, {"a": np.zeros(1), "b": np.zeros(1)})
    with pytest.raises(AssertionError, match="shape"):
        static.set_program_state(net.main, {"fc_0.w_0": np.zeros((2, 2), "float32")})
    with pytest.raises(AssertionError, match="data type"):
        static.set_program_state(net.main, {"fc_0.w_0": np.zeros((4, 3))})


def test_strict_loading_of_one_file() -> None:
    net = Net()
    io.save_params(net.exe, "one", net.main, filename="__params__")
    parameters = net.main.all_parameters()
    state = static.load_program_state("one/__params__", parameters)
    assert list(state) == ["fc_0.w_0", "fc_0.b_0"] and state["fc_0.w_0"].shape == (4, 3)
    assert list(static.load_program_state("one/__params__", parameters[::-1])) == ["fc_0.b_0", "fc_0.w_0"]
    other = static.Program().global_block()

    def variables(shape: list[int], dtype: str) -> list[Any]:
        other.vars.clear()
        return [
            other.create_var("fc_0.w_0", shape, dtype, persistable=True), other.create_var("fc_0.b_0", [3], "float32", persistable=True),
        ]  # fmt: skip

    with pytest.raises(ValueError, match=r"'fc_0.w_0' is float32\[3, 4\], but the file holds float32\[4, 3\]"):
        static.load_program_state("one/__params__", variables([3, 4], "float32"))
    with pytest.raises(ValueError, match=r"'fc_0.w_0' is float64\[4, 3\]"):
        static.load_program_state("one/__params__", variables([4, 3], "float64"))
    with pytest.raises(ValueError, match="var_list can not be None"):
        static.load_program_state("one/__params__")
    with pytest.raises(TypeError, match="Variables"):
        static.load_program_state("one/__params__", ["fc_0.w_0"])  # type: ignore[list-item]
    with pytest.raises(RuntimeError, match="more variables"):
        static.load_program_state("one/__params__", parameters[:1])
    more = [*parameters, other.create_var("z", [1], "float32")]
    with pytest.raises(RuntimeError, match="3 variables"):
        static.load_program_state("one/__params__", more)
    with pytest.raises(ValueError, match="no such folder"):
        static.load_program_state("nowhere", parameters)


def test_variables_in_files_of_their_own() -> None:
    net = Net()
    net.step()
    io.save_persistables(net.exe, "all", net.main)
    assert len(files("all")) == 11
    want = net.step()
    static.load_vars(net.exe, "all", net.main, predicate=io.is_persistable)
    assert net.step() == want
    static.load(net.main, "all", net.exe)
    assert net.step() == want
    state = static.load_program_state("all")
    assert list(state) == sorted(state) and paddle.load("all").keys() == state.keys()
    assert list(static.load_program_state("all", net.main.all_parameters()[:1])) == ["fc_0.w_0"]
    os.remove("all/fc_0.w_0")
    with pytest.raises(RuntimeError, match=r"fc_0.w_0.*does not exist"):
        io.load_params(net.exe, "all", net.main)
    with pytest.raises(RuntimeError, match=r"fc_0.w_0"):
        static.load_program_state("all", net.main.all_parameters())
    with pytest.raises(TypeError, match="dirname"):
        static.save_vars(net.exe, None, net.main, vars=net.main.all_parameters())


def test_inference_model() -> None:
    net = Net()
    net.step()
    want = net.predict()
    static.save_inference_model("i/m", net.x, [net.pred], net.exe)
    assert files("i") == ["m.pdiparams", "m.pdmodel"]
    with static.scope_guard(static.Scope()):
        for path, more in (("i/m", {}), ("i", {"model_filename": "m.pdmodel", "params_filename": "m.pdiparams"})):
            program, feeds, fetches = static.load_inference_model(path, net.exe, **more)
            assert [op.type for op in program.global_block().ops] == [
                "feed",
                "mul",
                "elementwise_add",
                "scale",
                "fetch",
            ]
            assert feeds == ["x"] and fetches[0].name == "save_infer_model/scale_0.tmp_0"
            assert np.array_equal(net.exe.run(program, feed={"x": net.feed["x"]}, fetch_list=fetches)[0], want)
    assert list(paddle.load("i/m")) == ["fc_0.b_0", "fc_0.w_0"]
    with pytest.raises(FileNotFoundError):
        static.load_inference_model("i/nobody", net.exe)
    with pytest.raises(ValueError, match="foo"):
        static.load_inference_model("i/m", net.exe, foo=1)
    with pytest.raises(ValueError, match=r"feeded_var_names\[1\]: 'y'"):
        static.save_inference_model("i/m", [net.x, net.y], [net.pred], net.exe)
    with pytest.raises(ValueError, match="'x'.*not among the fed"):
        static.save_inference_model("i/m", [], [net.pred], net.exe)
    with pytest.raises(ValueError, match="'feed_vars' should be"):
        static.save_inference_model("i/m", ["x"], [net.pred], net.exe)
    with pytest.raises(ValueError, match="directory"):
        static.save_inference_model("i/", [net.x], [net.pred], net.exe)


def test_inference_model_as_jit_loads_it() -> None:
    net = Net()
    want = net.predict()
    static.save_inference_model("m", [net.x], [net.pred], net.exe)
    io.save_inference_folder("folder", ["x"], [net.pred], net.exe)
    assert files("folder") == ["__model__", "fc_0.b_0", "fc_0.w_0"]
    paddle.disable_static()
    for path in ("m", "folder"):
        layer = paddle.jit.load(path)
        assert np.allclose(layer(paddle.to_tensor(net.feed["x"])).numpy(), want, atol=1e-6)


@pytest.mark.parametrize("model", [None, "net"])
@pytest.mark.parametrize("params", [None, "values"])
def test_inference_folders(model: str | None, params: str | None) -> None:
    net = Net()
    want = net.predict()
    assert io.save_inference_folder("d", "x", [net.pred], net.exe, model_filename=model, params_filename=params) == [
        "save_infer_model/scale_0.tmp_0"
    ]
    assert files("d") == sorted([model or "__model__", *([params] if params else ["fc_0.b_0", "fc_0.w_0"])])
    names = {k: v for k, v in (("model_filename", model), ("params_filename", params)) if v}
    with static.scope_guard(static.Scope()):
        program, feeds, fetches = static.load_inference_model("d", net.exe, **names)
        assert np.array_equal(net.exe.run(program, feed={"x": net.feed["x"]}, fetch_list=fetches)[0], want)


def test_bytes() -> None:
    net = Net()
    want = net.predict()
    program = static.serialize_program([net.x], [net.pred])
    values = static.serialize_persistables([net.x], [net.pred], net.exe)
    static.save_to_file("f/program", program)
    assert static.load_from_file("f/program") == program
    with static.scope_guard(static.Scope()):
        again = static.deserialize_program(program)
        static.deserialize_persistables(again, values, net.exe)
        assert np.array_equal(
            net.exe.run(again, feed={"x": net.feed["x"]}, fetch_list=["save_infer_model/scale_0.tmp_0"])[0], want
        )
        with pytest.raises(RuntimeError):
            static.deserialize_persistables(again, values[:-1], net.exe)
        loaded, _, _ = static.load_inference_model(None, net.exe, model_filename=program, params_filename=values)
        assert loaded.num_blocks == 1
    with pytest.raises(ValueError, match="bytes"):
        static.save_to_file("f/program", "text")  # type: ignore[arg-type]
    normal = static.normalize_program(net.main, [net.x], [net.pred])
    assert [op.type for op in normal.global_block().ops] == ["feed", "mul", "elementwise_add", "scale", "fetch"]
    with pytest.raises(TypeError, match="feed_vars"):
        static.normalize_program(net.main, ["x"], [net.pred])


def test_paddle_save_and_load_in_static_mode() -> None:
    net = Net()
    static.save(net.main, "m")
    found = paddle.load("m.pdparams")
    assert list(found) == ["fc_0.w_0", "fc_0.b_0"] and np.array(found["fc_0.w_0"]).shape == (4, 3)
    paddle.save(net.main, "program.pdmodel")
    assert isinstance(paddle.load("program.pdmodel"), static.Program)
    paddle.save(net.main.state_dict(), "state.pdparams")
    net.step()
    net.main.set_state_dict(paddle.load("state.pdparams"))
    want = net.step()
    static.load(net.main, "m", net.exe)
    assert net.step() == want


def test_program_state_is_under_io_too() -> None:
    assert paddle.io.load_program_state is static.load_program_state


GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "formats" / "golden"


@pytest.mark.shared
@pytest.mark.skipif(not GOLDEN.is_dir(), reason="needs the reference data beside the checkout")
@pytest.mark.parametrize(
    "case",
    ["v262/static_save_adam", "v262/static_save_sgd", "v331_legacy/static_save_adam", "v331_legacy/static_save_sgd"],
)
def test_training_goes_on_where_paddle_stopped(case: str) -> None:
    import json

    entry = json.loads((GOLDEN / "index.json").read_text())[case]
    folder = GOLDEN / case
    program = paddle.load(str(folder / "fc.pdmodel"))
    exe = static.Executor()
    static.load(program, str(folder / entry["path"]), exe)
    batch = np.load(folder / entry["batch"])
    feed = {
        "image": batch["image" if "image" in batch else "x_0"],
        "label": batch["label" if "label" in batch else "y"],
    }
    loss = next(op.output_arg_names[0] for op in program.global_block().ops if op.attr("op_role") == 256)
    losses = [float(exe.run(program, feed=feed, fetch_list=[loss])[0]) for _ in entry["losses_after"]]
    assert losses == pytest.approx(entry["losses_after"], abs=1e-5)


@pytest.mark.shared
@pytest.mark.skipif(not GOLDEN.is_dir(), reason="needs the reference data beside the checkout")
def test_inference_models_of_paddle() -> None:
    import json

    index = json.loads((GOLDEN / "index.json").read_text())
    cases = [
        "v262/static_infer",
        "v331_legacy/static_infer",
        *(c for c in index if c.startswith(("v185/fc_infer", "v185/convbn"))),
    ]
    for case in cases:
        entry = index[case]
        exe = static.Executor()
        with static.scope_guard(static.Scope()):
            program, feeds, fetches = static.load_inference_model(
                str(GOLDEN / case / entry["load"]["path"]), exe, **entry["load"]["kwargs"]
            )
            arrays = np.load(GOLDEN / case / entry["io"])
            method = entry["methods"]["forward"]
            feed = {n: arrays[i["array"]] for n, i in zip(feeds, method["inputs"], strict=True)}
            for got, want in zip(exe.run(program, feed=feed, fetch_list=fetches), method["outputs"], strict=True):
                assert np.allclose(got, arrays[want["array"] if isinstance(want, dict) else want], atol=1e-5), case
