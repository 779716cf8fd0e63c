"""The json of Paddle 3.x: what a model becomes, and what is refused."""
from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.errors import FormatError, NotSupportedError, UnknownOperatorError
from minipaddle.formats import detect, lod_tensor, pdmodel, pir_json
from minipaddle.formats.pir_ops import rows
from minipaddle.ops.registry import OPS

from .common import GOLDEN, INDEX, arrays, keys
from .pir_text import Model, array, tensor

MODELS = [k for k in keys("v331_pir") if (GOLDEN / k / "net.json").exists()]
X = np.arange(-3, 3, dtype="float32").reshape(2, 3)


def run(model: Model, *inputs: Any, folder: Path, **values: Any) -> Any:
    """The results of a model, through jit.load."""
    (folder / "m.json").write_bytes(model.bytes())
    if values:
        (folder / "m.pdiparams").write_bytes(lod_tensor.dumps_combined(values))
    found = paddle.jit.load(str(folder / "m"))(*inputs)
    return [t.numpy() for t in found] if isinstance(found, (list, tuple)) else found.numpy()


def types(model: Model) -> list[str]:
    return [op.type for op in pir_json.loads(model.bytes()).global_block().ops]


def test_rows_name_what_exists() -> None:
    for name, row in rows().items():
        definition = OPS[row.type]
        for operand in row.operands:
            if operand.slot:
                assert definition.inputs[definition.input_index[operand.slot]].many == operand.many, name
            assert not operand.attr or operand.attr in definition.attrs, name
        for result in row.results:
            if result.slot:
                assert definition.outputs[definition.output_index[result.slot]].many == result.many, name
            assert not result.over or result.over in definition.input_index, name
        assert {*row.renamed.values(), *row.added} <= set(definition.attrs), name


@pytest.mark.parametrize("key", MODELS)
def test_programs_have_the_form_of_pdmodel(key: str) -> None:
    """Written as .pdmodel and read again, the Program is the same; every attribute has the type its definition says."""
    program = pir_json.load_file(str(GOLDEN / key / "net.json"))
    again = pdmodel.loads(pdmodel.dumps(program))
    assert [[op.type for op in b.ops] for b in again.blocks] == [[op.type for op in b.ops] for b in program.blocks]
    for block, other in zip(program.blocks, again.blocks, strict=True):
        for op, same in zip(block.ops, other.ops, strict=True):
            assert (op.inputs, op.outputs) == (same.inputs, same.outputs)
            assert not same.attr_types or op.type in ("feed", "fetch")
    inputs = [i["name"] for i in INDEX[key]["methods"]["forward"]["inputs"]]
    _, feeds, fetches = pdmodel.from_inference_program(program)
    assert feeds == inputs and fetches == [f"fetch_name_{i}" for i in range(len(fetches))]


@pytest.mark.parametrize("key", [k for k in MODELS if INDEX[k].get("params")])
def test_values_by_name(key: str) -> None:
    """paddle.load of the prefix: variable names, as stored."""
    found = paddle.load(str(GOLDEN / key / INDEX[key]["load"]["path"]))
    want = arrays(key, "params")
    assert list(found) == sorted(want)
    for name, value in want.items():
        np.testing.assert_array_equal(found[name], value)


# --- what becomes of constants


def test_constants_become_attributes(tmp_path: Path) -> None:
    m = Model()
    x = m.data("x", [-1, 3])
    y = m.op("scale", [x, m.full(2.0)], [-1, 3], bias=1.0, bias_after_scale=True)
    z = m.op("reshape", [y, m.ints(3, -1)], [3, -1])
    m.fetch(m.op("clip", [z, m.full(-1.0), m.full(float("-inf"))], [3, -1]))
    assert types(m) == ["feed", "scale", "reshape2", "clip", "fetch"]
    np.testing.assert_array_equal(run(m, X, folder=tmp_path), np.full((3, 2), -np.inf, "float32"))


def test_constants_that_are_needed_as_tensors(tmp_path: Path) -> None:
    m = Model()
    x = m.data("x", [-1, 3])
    m.fetch(m.op("add", [x, m.full(0.5, [3])], [-1, 3]), 0)
    m.fetch(m.ints(4, 5), 1)
    assert types(m) == ["feed", "fill_constant", "elementwise_add", "assign_value", "fetch", "fetch"]
    first, second = run(m, X, folder=tmp_path)
    np.testing.assert_array_equal(first, X + 0.5)
    np.testing.assert_array_equal(second, np.array([4, 5]))
    assert second.dtype == np.int64


def test_shapes_computed_while_the_model_runs(tmp_path: Path) -> None:
    m = Model()
    x = m.data("x", [-1, -1])
    shape = m.op("shape64", [x], tensor([2], "int64"))
    rows_ = m.op("slice", [shape, m.ints(0), m.ints(1)], tensor([], "int64"), axes=[0], infer_flags=[1], decrease_axis=[0])
    parts = m.combine(m.full(1.0, [], "int64"), rows_, m.full(-1.0, [], "int64"), dtype="int64")
    wanted = m.op("stack", [parts], tensor([3], "int64"), axis=0)
    m.fetch(m.op("reshape", [x, wanted], [1, -1, -1]))
    assert run(m, X, folder=tmp_path).shape == (1, 2, 3)
    fixed = Model()
    x = fixed.data("x", [-1, -1])
    parts = fixed.combine(*(fixed.full(float(n), [], "int64") for n in (3, 2)), dtype="int64")
    fixed.fetch(fixed.op("reshape", [x, fixed.op("stack", [parts], tensor([2], "int64"), axis=0)], [3, 2]))
    assert types(fixed) == ["feed", "reshape2", "fetch"]  # a stack of constants is a constant


def test_a_constant_that_is_changed_in_place_is_none(tmp_path: Path) -> None:
    """As loops over time steps have it: the index is written over inside, after it was used."""
    m = Model()
    x = m.data("x", [-1, 3])
    i, total = m.full(0.0, [], "int64"), m.op("scale", [x, m.full(0.0)], [-1, 3], bias=0.0)
    going = m.op("less_than", [i, m.full(2.0, [], "int64")], tensor([], "bool"))

    def body() -> list[int]:
        start = m.op("stack", [m.combine(i, dtype="int64")], tensor([1], "int64"), axis=0)
        after = m.op("scale", [i, m.full(1.0)], tensor([], "int64"), bias=1.0)
        end = m.op("stack", [m.combine(after, dtype="int64")], tensor([1], "int64"), axis=0)
        row = m.op("slice", [x, start, end], [3], axes=[0], infer_flags=[-1], decrease_axis=[0])
        m.op("assign_out_", [m.op("add", [total, row], [-1, 3]), total], [-1, 3])
        m.op("increment_", [i], tensor([], "int64"), value=1.0)
        m.op("assign_out_", [m.op("less_than", [i, m.full(2.0, [], "int64")], tensor([], "bool")), going], tensor([], "bool"))
        return [going]

    m.op("while", [going], None, regions=[m.block(body)])
    m.fetch(total)
    np.testing.assert_array_equal(run(m, X, folder=tmp_path), np.broadcast_to(X.sum(0), (2, 3)))


def test_in_place_operators_change_what_is_read_later(tmp_path: Path) -> None:
    m = Model()
    x = m.data("x", [-1, 3])
    y = m.op("scale", [x, m.full(2.0)], [-1, 3], bias=0.0)
    m.op("relu_", [y], [-1, 3])
    m.fetch(y)
    np.testing.assert_array_equal(run(m, X, folder=tmp_path), np.maximum(2 * X, 0))


# --- vectors, order, outputs


def test_vectors(tmp_path: Path) -> None:
    m = Model()
    x = m.data("x", [-1, 4])
    halves = m.op("split_with_num", [x, m.full(1.0, [1], "int32")], {"#": "0.t_vec", "D": [tensor([-1, 2])] * 2}, num=2)
    a, b = m.op("0.split", [halves], [tensor([-1, 2])] * 2)
    both = m.op("concat", [m.combine(b, a, shape=[-1, 2]), m.full(1.0, [1], "int32")], [-1, 4])
    m.fetch(both, 0)
    m.fetch(b, 1)
    x4 = np.arange(8, dtype="float32").reshape(2, 4)
    first, second = run(m, x4, folder=tmp_path)
    np.testing.assert_array_equal(first, x4[:, [2, 3, 0, 1]])
    np.testing.assert_array_equal(second, x4[:, 2:])


def test_results_are_ordered_by_column_and_may_be_inputs(tmp_path: Path) -> None:
    m = Model()
    x, y = m.data("feed", [2]), m.data("fetch", [2])
    total = m.op("add", [x, y], [2])
    m.fetch(total, 2)
    m.fetch(x, 0)
    m.fetch(total, 1)
    a, b = np.float32([1, 2]), np.float32([10, 20])
    for got, want in zip(run(m, a, b, folder=tmp_path), (a, a + b, a + b), strict=True):
        np.testing.assert_array_equal(got, want)


def test_batch_norm_operands(tmp_path: Path) -> None:
    """x, mean, variance, scale, bias; running statistics are written over in training."""
    m = Model()
    p = {n: m.parameter(n, [3], (1, 1, 0) if n in "mv" else (1, 0, 1)) for n in ("b", "m", "s", "v")}
    results = m.op(
        "batch_norm_", [m.data("x", [-1, 3]), p["m"], p["v"], p["s"], p["b"]],
        [tensor([-1, 3])] + [tensor([3])] * 4 + [tensor([0], "uint8")],
        is_test=True, momentum=0.9, epsilon=0.0, data_format="NCHW", use_global_stats=False, trainable_statistics=False,
    )  # fmt: skip
    m.fetch(results[0])
    values = {"b": np.float32([1, 2, 3]), "m": np.float32([1, 0, 0]), "s": np.float32([1, 1, 2]), "v": np.float32([4, 1, 1])}
    got = run(m, X, folder=tmp_path, **values)
    np.testing.assert_allclose(got, (X - values["m"]) / np.sqrt(values["v"]) * values["s"] + values["b"], rtol=1e-6)
    layer = paddle.jit.load(str(tmp_path / "m"))
    layer.train()
    layer(X)
    means = {old: layer._by_variable[new].numpy() for old, new in layer._methods["forward"].renamed.items()}
    np.testing.assert_allclose(means["m"], 0.9 * values["m"] + 0.1 * X.mean(0), rtol=1e-6)


def test_gradients_stop_where_the_file_says(tmp_path: Path) -> None:
    m = Model()
    w = m.parameter("w", [3])
    x = m.data("x", [-1, 3])
    y = m.op("multiply", [x, w], [-1, 3])
    cut = m.op("assign", [y], [-1, 3], stop=True)
    m.fetch(m.op("add", [y, m.op("multiply", [cut, cut], [-1, 3])], [-1, 3]))
    (tmp_path / "m.json").write_bytes(m.bytes())
    (tmp_path / "m.pdiparams").write_bytes(lod_tensor.dumps_combined({"w": np.ones(3, "float32")}))
    layer = paddle.jit.load(str(tmp_path / "m"))
    layer.train()
    layer(X).sum().backward()
    np.testing.assert_allclose(layer.parameters()[0].grad.numpy(), X.sum(0))


def test_parameters_without_values_are_buffers(tmp_path: Path) -> None:
    m = Model()
    m.parameter("state", [], (0, 1, 0), "uint8")
    w = m.parameter("w", [3], (1, 1, 0))
    m.fetch(m.op("add", [m.data("x", [-1, 3]), w], [-1, 3]))
    np.testing.assert_array_equal(run(m, X, folder=tmp_path, w=np.ones(3, "float32")), X + 1)
    layer = paddle.jit.load(str(tmp_path / "m"))
    assert list(layer.state_dict()) == ["param_0", "buffer_0"] and layer.parameters()[0].stop_gradient


# --- control flow


def test_loop_variables_are_assigned_together(tmp_path: Path) -> None:
    """a, b = b, a: both as they were when the trip began."""
    m = Model()
    a, b = m.data("a", [2]), m.data("b", [2])
    i = m.full(0.0, [], "int64")
    start = m.op("less_than", [i, m.full(3.0, [], "int64")], tensor([], "bool"))

    def body(i: int, a: int, b: int) -> list[int]:
        i = m.op("scale", [i, m.full(1.0)], tensor([], "int64"), bias=1.0)
        return [m.op("less_than", [i, m.full(3.0, [], "int64")], tensor([], "bool")), i, b, a]

    block = m.block(body, tensor([], "int64"), tensor([2]), tensor([2]))
    _, first, second = m.op("while", [start, i, a, b], [tensor([], "int64"), tensor([2]), tensor([2])], regions=[block])
    m.fetch(first, 0)
    m.fetch(second, 1)
    one, two = np.float32([1, 2]), np.float32([3, 4])
    got = run(m, one, two, folder=tmp_path)
    np.testing.assert_array_equal(got, [two, one])


@pytest.mark.parametrize("sign", [1, -1])
def test_branches(tmp_path: Path, sign: int) -> None:
    m = Model()
    x = m.data("x", [-1, 3])
    total = m.op("sum", [x, m.ints()], [], dtype="dtype:Undefined(ALL_DTYPE)", keepdim=False)
    positive = m.op("greater_than", [total, m.full(0.0, [])], tensor([], "bool"))

    def times(factor: float) -> dict[str, Any]:
        return m.block(lambda: [m.op("scale", [x, m.full(factor)], [-1, 3], bias=0.0), x])

    y, same = m.op("if", [positive], [tensor([-1, 3])] * 2, regions=[times(2.0), times(5.0)])
    m.fetch(y, 0)
    m.fetch(same, 1)
    value = sign * np.ones((2, 3), "float32")
    got = run(m, value, folder=tmp_path)
    np.testing.assert_array_equal(got[0], value * (2 if sign > 0 else 5))
    np.testing.assert_array_equal(got[1], value)


def test_arrays_of_tensors(tmp_path: Path) -> None:
    m = Model()
    x = m.data("x", [-1, 3])
    i, items = m.full(0.0, [1], "int64"), m.op("create_array", [], array([-1, 3]), dtype="dtype:float32")
    three = m.full(3.0, [], "int64")

    def body(i: int) -> list[int]:
        m.op("array_write_", [items, x, m.op("array_length", [items], tensor([1], "int64"))], array([-1, 3]))
        i = m.op("scale", [i, m.full(1.0)], tensor([1], "int64"), bias=1.0)
        return [m.op("less_than", [i, three], tensor([1], "bool")), i]

    start = m.op("less_than", [i, three], tensor([1], "bool"))
    m.op("while", [start, i], [tensor([1], "int64")], regions=[m.block(body, tensor([1], "int64"))])
    joined, _ = m.op("array_to_tensor", [items], [tensor([-1, 3]), tensor([-1], "int32")], axis=0, use_stack=False)
    m.fetch(joined)
    np.testing.assert_array_equal(run(m, X, folder=tmp_path), np.concatenate([X] * 3))


def test_gradients_of_an_array_that_carries_a_state(tmp_path: Path) -> None:
    """As Paddle writes recurrent layers: state i + 1 is made from state i, both in an array; the results in another."""
    m = Model()
    w = m.parameter("w", [3])
    x = m.data("x", [-1, 3])
    i, states, results = m.full(0.0, [], "int64"), *(m.op("create_array", [], array([-1, 3]), dtype="dtype:float32") for _ in range(2))
    two = m.full(2.0, [], "int64")
    going = m.op("less_than", [i, two], tensor([], "bool"))
    m.op("array_write_", [states, x, i], array([-1, 3]))

    def body() -> list[int]:
        y = m.op("multiply", [m.op("array_read", [states, i], [-1, 3]), w], [-1, 3])
        m.op("array_write_", [results, y, i], array([-1, 3]))
        m.op("increment_", [i], tensor([], "int64"), value=1.0)
        m.op("array_write_", [states, y, i], array([-1, 3]))
        m.op("assign_out_", [m.op("less_than", [i, two], tensor([], "bool")), going], tensor([], "bool"))
        return [going]

    m.op("while", [going], None, regions=[m.block(body)])
    joined, _ = m.op("array_to_tensor", [results], [tensor([2, -1, 3]), tensor([-1], "int32")], axis=0, use_stack=True)
    m.fetch(joined)
    factor = np.float32([1, 2, 3])
    np.testing.assert_allclose(run(m, X, folder=tmp_path, w=factor), [X * factor, X * factor**2])
    layer = paddle.jit.load(str(tmp_path / "m"))
    layer.train()
    layer(X).sum().backward()
    np.testing.assert_allclose(layer.parameters()[0].grad.numpy(), (X + 2 * X * factor).sum(0), rtol=1e-6)


# --- refusals


def simple(name: str = "relu", **attrs: Any) -> Model:
    m = Model()
    m.fetch(m.op(name, [m.data("x", [-1, 3])], [-1, 3], **attrs))
    return m


def test_unknown_operators_are_named() -> None:
    m = Model()
    x = m.op("rellu", [m.data("x", [3])], [3])
    m.fetch(m.op("0.nothing", [m.op("warp", [x], [3])], [3]))
    message = r"a/m.json: operator 'pd_op.rellu' is not known, nor 2 others .*pd_op.warp, builtin.nothing"
    with pytest.raises(UnknownOperatorError, match=message):
        pir_json.loads(m.bytes(), "a/m.json")
    with pytest.raises(UnknownOperatorError, match="near: relu"):
        pir_json.loads(simple("rellu").bytes())
    with pytest.raises(UnknownOperatorError, match="for training"):
        pir_json.loads(simple("relu_grad").bytes())


def test_values_can_be_read_without_knowing_the_operators(tmp_path: Path) -> None:
    m = Model()
    w = m.parameter("w", [2])
    m.fetch(m.op("warp", [w], [2]))
    (tmp_path / "m.json").write_bytes(m.bytes())
    (tmp_path / "m.pdiparams").write_bytes(lod_tensor.dumps_combined({"w": np.float32([1, 2])}))
    np.testing.assert_array_equal(paddle.load(str(tmp_path / "m"))["w"], [1, 2])


def test_attributes_that_would_change_the_result_are_refused() -> None:
    assert types(simple("cumprod", dim=1, exclusive=False, reverse=False)) == ["feed", "cumprod", "fetch"]
    with pytest.raises(NotSupportedError, match="pd_op.cumprod: attribute reverse=True"):
        pir_json.loads(simple("cumprod", dim=1, reverse=True).bytes())
    with pytest.raises(NotSupportedError, match="mode='min' is not supported, only 'avg'"):
        pir_json.loads(simple("nanmedian", mode="min").bytes())
    m = Model()
    x, axes = m.data("x", [-1, 3]), m.data("axes", [1], "int64")
    m.fetch(m.op("squeeze", [x, axes], [3]))
    with pytest.raises(NotSupportedError, match="pd_op.squeeze: 'axes' is computed while the model runs"):
        pir_json.loads(m.bytes())
    m = Model()
    m.fetch(m.op("relu", [m.data("x", [3])], {"#": "1.t_srows", "D": [{"#": "0.t_f32"}, [3], "NCHW", [], 0]}))
    with pytest.raises(NotSupportedError, match="t_srows"):
        pir_json.loads(m.bytes())


def damaged(change: Any) -> bytes:
    whole = json.loads(simple().bytes())
    change(whole["program"]["regions"][0]["blocks"][0]["ops"], whole)
    return json.dumps(whole).encode()


DAMAGE: dict[str, tuple[Any, str]] = {
    "magic": (lambda ops, whole: whole["base_code"].update(magic="onnx"), "should be 'pir', got 'onnx'"),
    "no base_code": (lambda ops, whole: whole.pop("base_code"), "there is no base_code"),
    "version 0": (lambda ops, whole: whole["base_code"].update(version=0), "version should be 1 or more .* got 0"),
    "no program": (lambda ops, whole: whole.pop("program"), "KeyError: 'program'"),
    "value made twice": (lambda ops, whole: ops[1]["O"][0].update({"%": 1}), "value 1 is made twice"),
    "value not made": (lambda ops, whole: ops[1]["I"][0].update({"%": 9}), "uses value 9, which is not made before"),
    "no fetch": (lambda ops, whole: ops.pop(), "no fetch operator"),
    "no column": (lambda ops, whole: ops[2]["A"].pop(), "pd_op.fetch has no attribute 'col'"),
    "shape": (lambda ops, whole: ops[0]["O"][0]["TT"]["D"].__setitem__(1, [2**50]), "shape"),
    "operands": (lambda ops, whole: ops[1]["I"].append({"%": 1}), "has 2 operands, expected 1"),
    "yield": (lambda ops, whole: ops.insert(1, {"#": "2.yield", "A": [], "I": [], "O": [], "OA": []}), "yield outside"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_named(what: str) -> None:
    change, message = DAMAGE[what]
    with pytest.raises(FormatError, match=f"m.json: .*{message}"):
        pir_json.loads(damaged(change), "m.json")


def test_versions_that_are_read() -> None:
    for version in (1, 4, 99):
        assert pir_json.loads(simple().bytes(version=version))
    pretty = json.dumps(json.loads(simple().bytes()), indent=2).encode()
    assert pir_json.is_pir(pretty) and pir_json.loads(b"\n" + pretty)


def test_any_damage_is_a_format_error() -> None:
    """Random changes: an error that says so, or a model; never another exception."""
    rnd = random.Random(0)
    sources = [json.loads((GOLDEN / k / "net.json").read_bytes()) for k in ("v331_pir/control_flow", "v331_pir/lstm")]

    def places(x: Any, found: list[Any]) -> list[Any]:
        for key in x if isinstance(x, dict) else range(len(x)) if isinstance(x, list) else ():
            found.append((x, key))
            places(x[key], found)
        return found

    refused = 0
    for _ in range(300):
        whole = json.loads(json.dumps(rnd.choice(sources)))
        for _ in range(rnd.choice((1, 3))):
            holder, key = rnd.choice(places(whole["program"], []) or [(whole, "program")])
            holder[key] = rnd.choice([None, 0, -1, 3, 2**70, "x", [], {}, {"#": "q"}, float("nan"), "1.full"])
            if holder is whole:
                break
        try:
            pir_json.loads(json.dumps(whole).encode())
        except (FormatError, NotSupportedError):
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("data", [b"", b"\0\1\2", b"[1]", b"{", b'{"base_code": 3}', b'{"a":' * 100_000])
def test_other_files(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_bytes(data)
    for read in (paddle.jit.load, paddle.load):
        with pytest.raises(ValueError, match=re.escape(str(tmp_path / "m.json"))):
            read(str(tmp_path / "m"))


def test_truncated_anywhere() -> None:
    whole = (GOLDEN / "v331_pir/buffers/net.json").read_bytes()
    for end in range(0, len(whole), 101):
        with pytest.raises(FormatError):
            pir_json.loads(whole[:end], "m.json")


# --- files


def copy(key: str, folder: Path) -> str:
    for file in (GOLDEN / key).iterdir():
        if file.suffix != ".npz":
            (folder / file.name).write_bytes(file.read_bytes())
    return str(folder / INDEX[key]["load"]["path"])


def test_files_that_belong_together(tmp_path: Path) -> None:
    prefix = copy("v331_pir/linear_another", tmp_path)
    (tmp_path / "linear.config.json").write_text('{"no": "model"}')
    found = detect.find_model(prefix)
    assert list(found.methods) == ["forward", "another_forward"] and found.info is None
    assert found.methods["another_forward"].params == prefix + ".another_forward.pdiparams"
    Path(prefix + ".pdmodel").write_bytes(b"x")
    assert detect.find_model(prefix).methods["forward"].model == prefix + ".pdmodel"  # Paddle 2.x comes first
    Path(prefix + ".pdmodel").unlink()
    with pytest.raises(ValueError, match="Give the prefix"):
        detect.find_model(prefix + ".json")
    Path(prefix).mkdir()
    with pytest.raises(ValueError, match="exist at the same time"):
        detect.find_model(prefix)


def test_missing_and_wrong_parameter_files(tmp_path: Path) -> None:
    prefix = copy("v331_pir/buffers", tmp_path)
    params = Path(prefix + ".pdiparams")
    whole = params.read_bytes()
    for data in (whole[:-3], whole[:10], b"", whole + b"x"):
        params.write_bytes(data)
        with pytest.raises(ValueError, match=re.escape(str(params))):
            paddle.jit.load(prefix)
    params.unlink()
    with pytest.raises(ValueError, match=re.escape(str(params)) + ".*does not exist"):
        paddle.jit.load(prefix)


def test_a_model_for_inference_only(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_bytes(simple().bytes(trainable=False))
    layer = paddle.jit.load(str(tmp_path / "m"))
    np.testing.assert_array_equal(layer(X).numpy(), np.maximum(X, 0))
    layer.train()
    with pytest.raises(ValueError, match="cannot be trained"):
        layer(X)
