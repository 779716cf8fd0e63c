"""print(program) and program.to_code()."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.errors import NotSupportedError

from .networks import Net, until_large

GOLDEN = Path(__file__).resolve().parents[1] / "formats" / "golden"
INDEX = json.loads((GOLDEN / "index.json").read_text())
MODELS = [
    "v262/control_flow", "v262/convbn", "v262/convnet_dropout", "v262/encoder", "v262/gru", "v262/lstm", "v262/multi_io", "v262/tied",
    "v262/function", "v262/static_infer", "v185/convbn_infer_default", "v185/fc_infer_default", "v185/while_cond",
]  # fmt: skip


def ran(code: str, feed: dict[str, Any], values: dict[str, Any]) -> list[np.ndarray[Any, Any]]:
    space: dict[str, Any] = {"__name__": "generated"}
    exec(compile(code, "generated", "exec"), space)
    return space["run"](feed, values)


def concrete_of(function: Any, *args: Any) -> Any:
    return paddle.jit.to_static(function).get_concrete_program(*args)[0]


def test_bookkeeping_attributes_are_left_out_and_blocks_are_indented() -> None:
    text = str(concrete_of(until_large, paddle.rand([3])).main_program)
    assert not any(word in text for word in ("op_device", "op_namescope", "op_role", "with_quant_attr"))
    assert "bias = 1.0" in text
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if "= while(" in line)
    assert lines[at + 1].startswith("        { // block_idx:1  parent_idx:0")
    assert lines[1].strip().startswith("var x :")


def test_attributes_that_say_something_are_listed() -> None:
    main = paddle.static.Program()
    paddle.enable_static()
    try:
        with paddle.static.program_guard(main, paddle.static.Program()), paddle.static.name_scope("part"):
            paddle.static.data("x", [2, 3]) + 1.0
    finally:
        paddle.disable_static()
    assert "op_namescope = /part/" in str(main)


@pytest.mark.parametrize("name", MODELS)
def test_to_code_gives_the_same_results(name: str) -> None:
    entry = INDEX[name]
    model = paddle.jit.load(str(GOLDEN / name / entry["load"]["path"]), **entry["load"].get("kwargs", {}))
    with np.load(GOLDEN / name / entry["io"]) as io:
        arrays = [io[i["array"]] for i in entry["methods"]["forward"]["inputs"]]
    wanted = model(*arrays)
    wanted = wanted if isinstance(wanted, (list, tuple)) else [wanted]
    method = model._method("forward")
    values = {n: t.numpy() for n, t in model._by_variable.items()}
    got = ran(model.program().to_code(method.outputs), dict(zip(method.inputs, arrays, strict=True)), values)
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(a, b.numpy())


@pytest.mark.parametrize("factor", [1.0, -1.0])
def test_to_code_of_a_traced_net_with_branches(factor: float) -> None:
    net = Net()
    x = paddle.rand([4, 12]) * factor
    concrete = net.forward.get_concrete_program(x)[0]
    program = concrete.main_program
    values = {n: t.numpy() for n, t in concrete.captured.items()}
    (got,) = ran(program.to_code(), {"x": x.numpy()}, values)
    np.testing.assert_array_equal(got, net(x).numpy())


def test_to_code_of_a_loop() -> None:
    traced = paddle.jit.to_static(until_large)
    x = paddle.to_tensor([1.0, 2.0, 3.0])
    program = traced.get_concrete_program(x)[0]
    (got,) = ran(program.main_program.to_code([program.outputs[0]]), {"x": x.numpy()}, {})
    np.testing.assert_array_equal(got, until_large(x).numpy())


def test_to_code_of_a_training_program() -> None:
    main, startup = paddle.static.Program(), paddle.static.Program()
    paddle.enable_static()
    try:
        with paddle.static.program_guard(main, startup):
            x = paddle.static.data("x", [-1, 4])
            loss = paddle.mean(paddle.static.nn.fc(x, 3))
            paddle.optimizer.SGD(0.5).minimize(loss)
            exe = paddle.static.Executor()
            exe.run(startup)
            values = {v.name: np.array(v.get_value().numpy()) for v in main.persistables()}
            feed = {"x": np.random.default_rng(0).random((2, 4)).astype("float32")}
            code = main.to_code([loss])
            wanted = exe.run(main, feed=feed, fetch_list=[loss])
    finally:
        paddle.disable_static()
    np.testing.assert_array_equal(ran(code, feed, values)[0], wanted[0])


def test_to_code_keeps_odd_names_and_values() -> None:
    program = paddle.static.Program()
    block = program.global_block()
    name = "x'\n\"<b>"
    block.create_var(name, [2], "float32", is_data=True)
    block.create_var("y", [2], "float32")
    block.append_op("scale", {"X": name}, {"Out": "y"}, {"scale": float("inf"), "bias": 1.5})
    (got,) = ran(program.to_code(), {name: np.ones(2, "float32")}, {})
    assert np.isinf(got).all()


def test_to_code_refuses_what_python_cannot_say() -> None:
    program = paddle.static.Program()
    block = program.global_block()
    block.create_var("y", [2], "float32")
    block.append_op("scale", {"X": "y"}, {"Out": "y"}, {"scale": object()})
    with pytest.raises(NotSupportedError, match="operator scale: attribute scale is a object"):
        program.to_code()
    with pytest.raises(ValueError, match="no variables 'z'"):
        paddle.static.Program().to_code(["z"])
