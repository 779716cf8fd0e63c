"""What paddle.save and the model formats write is read by real Paddle 2.6.2, and the other way round."""

from __future__ import annotations

import collections
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from minipaddle import dtypes
from minipaddle.core.program import Program
from minipaddle.core.tensor import Parameter, Tensor
from minipaddle.formats import detect, info, lod_tensor, pdmodel, pdparams
from minipaddle.framework import load, save

from ..formats.common import GOLDEN, INDEX, arrays, keys
from .common import needs_paddle, run

pytestmark = [pytest.mark.paddle, needs_paddle]
DTYPES = [d.name for d in dtypes.ALL if d is not dtypes.bfloat16]


def tensor(value, dtype="float32", name=None):
    return Tensor(np.asarray(value, dtype), name=name)


def shown(array):
    return [list(array.shape), np.ascontiguousarray(array).tobytes().hex()]


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_paddle_reads_our_state_dicts_and_objects(tmp_path, monkeypatch):
    state = collections.OrderedDict(
        [
            ("fc.weight", Parameter(np.arange(6, dtype="float32").reshape(2, 3), name="linear_0.w_0")),
            ("fc.bias", Parameter(np.array([1.5, -2, 0], "float32"), name="linear_0.b_0")),
        ]
    )
    optimizer = {"w_moment1_0": tensor([1], name="w_moment1_0"), "LR_Scheduler": {"last_epoch": 2, "last_lr": 0.5}}
    every = {name: tensor([[1, 0], [1, 1]], name, name) for name in DTYPES}
    every["scalar"], every["empty"] = tensor(3.0, name="scalar"), tensor(np.zeros((0, 2)), name="empty")
    nested = {"model": state, "list": [tensor([7], name="seven"), 1, ("a", None)], "epoch": 3, "array": np.arange(3)}
    for protocol in (2, 3, 4):
        save(state, f"state.p{protocol}", protocol=protocol)
        save(optimizer, f"optimizer.p{protocol}", protocol=protocol)
        save(every, f"every.p{protocol}", protocol=protocol)
        save(nested, f"nested.p{protocol}", protocol=protocol)
        save(tensor([[1, 2]], name="alone"), f"alone.p{protocol}", protocol=protocol)
    with monkeypatch.context() as m:
        m.setattr(pdparams, "LARGEST", 40)
        save({"w": tensor(np.arange(24).reshape(4, 6), name="w_0")}, "pieces.p2", protocol=2)
    for name, t in every.items():
        save(t, f"{name}.bin", use_binary_format=True)
    found = run(
        """
for file in os.listdir("."):
    if file[-3:] in (".p2", ".p3", ".p4"):
        result[file] = describe(paddle.load(file))
        if file.startswith("state"):
            result[file + " table"] = paddle.load(file, keep_name_table=True)["StructuredToParameterName@@"]
    if file.endswith(".bin"):
        result[file] = describe(paddle.load(file))
""",
        tmp_path,
    )
    for protocol in (2, 3, 4):
        for kind, want in (("state", state), ("every", every)):
            got = found[f"{kind}.p{protocol}"]
            assert list(got) == list(want)
            for key, t in want.items():
                assert got[key][:4] == ["Tensor", t.name, *shown(t.numpy())], (kind, key)
        assert found[f"state.p{protocol} table"] == {"fc.weight": "linear_0.w_0", "fc.bias": "linear_0.b_0"}
        got = found[f"optimizer.p{protocol}"]
        assert got["LR_Scheduler"] == {"last_epoch": 2, "last_lr": 0.5} and got["w_moment1_0"][1] == "w_moment1_0"
        got = found[f"nested.p{protocol}"]
        assert got["model"]["fc.bias"][1] == "linear_0.b_0" and got["list"][1][:2] == ["Tensor", "seven"]
        assert got["list"][2:] == [1, ["tuple", "a", None]] and got["epoch"] == 3 and got["array"][0] == "ndarray"
        assert found[f"alone.p{protocol}"][:2] == ["Tensor", "alone"]
    assert found["pieces.p2"]["w"][:4] == ["Tensor", "w_0", *shown(np.arange(24, dtype="float32").reshape(4, 6))]
    for name, t in every.items():
        assert found[f"{name}.bin"][2:4] == shown(t.numpy()), name


def test_bfloat16(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    t = Tensor(np.array([1.5, -2], ml_dtypes.bfloat16), name="b")
    save({"b": t}, "state")
    save(t, "binary", use_binary_format=True)
    found = run(
        "result['state'] = describe(paddle.load('state')['b']); result['binary'] = describe(paddle.load('binary'))",
        tmp_path,
    )
    want = shown(np.array([1.5, -2], "float32"))
    assert found["state"] == ["Tensor", "b", *want, "paddle.bfloat16"]
    assert found["binary"][2:] == [*want, "paddle.bfloat16"]


def linear() -> Program:
    """x @ w + b, then a comparison, as a traced function would give it."""
    program = Program()
    b = program.global_block()
    b.create_var("x", [-1, 3], "float32")
    b.create_var("linear_0.w_0", [3, 2], "float32", persistable=True, is_parameter=True)
    b.create_var("linear_0.b_0", [2], "float32", persistable=True, is_parameter=True)
    b.create_var("unused.w_0", [2], "float32", persistable=True, is_parameter=True)
    b.create_var("h", [-1, 2], "float32")
    b.create_var("y", [-1, 2], "float32")
    b.create_var("flag", [-1, 2], "bool")
    b.append_op("matmul_v2", {"X": "x", "Y": "linear_0.w_0"}, {"Out": "h"}, {"trans_x": False, "trans_y": False})
    b.append_op("elementwise_add", {"X": "h", "Y": "linear_0.b_0"}, {"Out": "y"}, {"axis": -1})
    b.append_op("greater_than", {"X": "y", "Y": "h"}, {"Out": "flag"}, {"axis": -1, "force_cpu": False})
    return program


def test_paddle_runs_a_model_of_ours(tmp_path):
    values = {"linear_0.w_0": np.arange(6, dtype="float32").reshape(3, 2), "linear_0.b_0": np.array([1, -1], "float32")}
    program = pdmodel.to_inference_program(linear(), ["x"], ["y", "flag"])
    for op in program.global_block().ops:
        op.callstack = [(__file__, 1, "forward")]
    Path("net.pdmodel").write_bytes(pdmodel.dumps(program))
    Path("stack.pdmodel").write_bytes(pdmodel.dumps(program, callstack=True))
    for prefix in ("net", "stack"):
        Path(prefix + ".pdiparams").write_bytes(lod_tensor.dumps_combined(values))
    Path("net.pdiparams.info").write_bytes(
        info.dumps(
            {
                "linear_0.w_0": {"structured_name": "fc.weight", "stop_gradient": False, "trainable": True},
                "linear_0.b_0": {"structured_name": "fc.bias", "stop_gradient": True},
            }
        )
    )
    x = np.arange(12, dtype="float32").reshape(4, 3)
    np.save("x.npy", x)
    found = run(
        """
x = np.load("x.npy")
for prefix in ("net", "stack"):
    layer = paddle.jit.load(prefix)
    result[prefix] = [describe(y.numpy()) for y in layer(paddle.to_tensor(x))]
    result[prefix + " parameters"] = sorted(p.shape for p in layer.parameters())
    result[prefix + " state"] = describe(paddle.load("./" + prefix))
from paddle.inference import Config, create_predictor
config = Config("net.pdmodel", "net.pdiparams")
config.disable_glog_info()
predictor = create_predictor(config)
result["names"] = predictor.get_input_names()
predictor.get_input_handle(result["names"][0]).copy_from_cpu(x)
predictor.run()
result["inference"] = [describe(predictor.get_output_handle(n).copy_to_cpu()) for n in predictor.get_output_names()]
paddle.enable_static()
exe = paddle.static.Executor()
program, feeds, fetches = paddle.static.load_inference_model("net", exe)
result["feeds"] = feeds
result["static"] = [describe(y) for y in exe.run(program, feed={feeds[0]: x}, fetch_list=fetches)]
""",
        tmp_path,
    )
    h = x @ values["linear_0.w_0"]
    y = h + values["linear_0.b_0"]
    want = [["ndarray", *shown(y)], ["ndarray", *shown(y > h)]]
    assert found["net"] == found["stack"] == found["inference"] == found["static"] == want
    assert found["names"] == found["feeds"] == ["x"]
    assert found["net parameters"] == [[3, 2]] and found["stack parameters"] == [[2], [3, 2]]
    assert list(found["net state"]) == ["fc.bias", "fc.weight"]
    assert list(found["stack state"]) == ["linear_0.b_0", "linear_0.w_0"]
    assert found["net state"]["fc.weight"] == ["ndarray", *shown(values["linear_0.w_0"])]


RUNNABLE = [
    k for k in keys("v262", "v331_pir", having="methods")
    if INDEX[k]["load"]["api"] == "paddle.jit.load" and set(INDEX[k]["methods"]) == {"forward"} and INDEX[k].get("io")
]  # fmt: skip


def test_paddle_runs_its_own_models_written_again(tmp_path):
    """Read, taken apart, put together and written by us: the outputs are those of the original."""
    cases = {}
    for number, key in enumerate(RUNNABLE):
        prefix = str(GOLDEN / key / INDEX[key]["load"]["path"])
        files = detect.find_model(prefix).methods["forward"]
        program = detect.load_program(files.model)
        body, feeds, fetches = pdmodel.from_inference_program(program)
        again = pdmodel.to_inference_program(body, feeds, fetches)
        Path(f"m{number}.pdmodel").write_bytes(pdmodel.dumps(again))
        values = detect.read_parameters(files, [v.name for v in again.persistables()])
        if values:
            Path(f"m{number}.pdiparams").write_bytes(lod_tensor.dumps_combined(values))
        if (GOLDEN / key / "net.pdiparams.info").exists():
            Path(f"m{number}.pdiparams.info").write_bytes(info.dumps(info.loads_file(prefix + ".pdiparams.info")))
        spec = INDEX[key]["methods"]["forward"]
        cases[f"m{number}"] = {
            "key": key, "io": str(GOLDEN / key / INDEX[key]["io"]), "inputs": [i["array"] for i in spec["inputs"]],
            "outputs": spec["outputs"],
        }  # fmt: skip
    Path("cases.json").write_text(json.dumps(cases))
    found = run(
        """
for prefix, case in json.load(open("cases.json")).items():
    io = np.load(case["io"])
    layer = paddle.jit.load(prefix)
    out = layer(*[paddle.to_tensor(io[n]) for n in case["inputs"]])
    out = out if isinstance(out, (list, tuple)) else [out]
    # real Paddle 2.6.2 moves bool outputs behind the others
    want = [io[n] for n in case["outputs"]]
    want = [w for w in want if w.dtype != bool] + [w for w in want if w.dtype == bool]
    out = [o.numpy() for o in out]
    out = [o for o in out if o.dtype != bool] + [o for o in out if o.dtype == bool]
    apart = [float(np.abs(a.astype("float64") - b).max()) for a, b in zip(out, want) if a.size]
    result[case["key"]] = [[a.shape for a in out] == [b.shape for b in want], max(apart)]
""",
        tmp_path,
    )
    assert set(found) == set(RUNNABLE)
    wrong = {k: v for k, v in found.items() if not v[0] or v[1] > 1e-5}
    assert not wrong


def test_paddle_continues_training_a_program_of_its_own_written_again(tmp_path):
    """A training Program with backward and optimizer operators survives reading and writing."""
    key = "v262/static_save_adam"
    for name in ("fc.pdparams", "fc.pdopt"):
        shutil.copy(GOLDEN / key / name, name)
    Path("fc.pdmodel").write_bytes(pdmodel.dumps(pdmodel.load_file(str(GOLDEN / key / "fc.pdmodel"))))
    batch = arrays(key, "batch") if "batch" in INDEX[key] else {}
    np.savez("batch.npz", **batch)
    found = run(
        """
paddle.enable_static()
batch = np.load("batch.npz")
data = open("fc.pdmodel", "rb").read()
program = paddle.static.Program.parse_from_string(data)
result["ops"] = [op.type for op in program.global_block().ops]
result["persistable"] = sorted(v.name for v in program.list_vars() if v.persistable)
exe = paddle.static.Executor()
paddle.static.load(program, "fc", exe)
result["loaded"] = sorted(paddle.static.load_program_state("fc"))
""",
        tmp_path,
    )
    ours = pdmodel.load_file(str(GOLDEN / key / "fc.pdmodel"))
    assert found["ops"] == [op.type for op in ours.global_block().ops]
    assert found["persistable"] == [v.name for v in ours.persistables()] == found["loaded"]


def test_we_read_what_paddle_writes(tmp_path):
    run(
        """
paddle.seed(1)
net = paddle.nn.Sequential(paddle.nn.Linear(3, 4), paddle.nn.BatchNorm1D(4), paddle.nn.Dropout(0.5))
opt = paddle.optimizer.Adam(parameters=net.parameters(), learning_rate=paddle.optimizer.lr.StepDecay(0.1, 2))
net(paddle.ones([2, 3])).sum().backward()
opt.step()
paddle.save(net.state_dict(), "net.pdparams")
paddle.save(opt.state_dict(), "net.pdopt")
paddle.save([net.state_dict(), 3], "both", protocol=2)
paddle.save(net[0].weight, "binary", use_binary_format=True)
net.eval()
paddle.jit.save(net, "model/net", input_spec=[paddle.static.InputSpec([None, 3], name="image")])
np.savez("values.npz", **{k: v.numpy() for k, v in net.state_dict().items()})
""",
        tmp_path,
    )
    values = dict(np.load("values.npz"))
    state = load("net.pdparams")
    assert list(state) == list(values) and all(np.array_equal(state[k].numpy(), values[k]) for k in values)
    assert state["0.weight"].name == "linear_0.w_0"
    optimizer = load("net.pdopt")
    assert optimizer["LR_Scheduler"]["last_epoch"] == 0 and "linear_0.w_0_moment1_0" in optimizer
    assert np.array_equal(load("both")[0]["1._mean"].numpy(), values["1._mean"])
    assert np.array_equal(load("binary").numpy(), values["0.weight"])
    parameters = load("model/net")
    assert set(parameters) == set(values) and all(np.array_equal(parameters[k], values[k]) for k in values)
    body, feeds, fetches = pdmodel.from_inference_program(pdmodel.load_file("model/net.pdmodel"))
    assert feeds == ["image"] and len(fetches) == 1
    assert [op.type for op in body.global_block().ops] == ["matmul_v2", "elementwise_add", "batch_norm", "dropout"]
