"""jit.explain: what it finds, how it prints, what it counts."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.core import cost
from minipaddle.errors import NotSupportedError
from minipaddle.jit.explanation import Report, spec_from_text
from minipaddle.ops.registry import Spec

from .networks import FILE, Block, Convolutions, Net, Uneven, line_of, until_large

GOLDEN = Path(__file__).resolve().parents[1] / "formats" / "golden"


@pytest.fixture(scope="module")
def report() -> Report:
    return paddle.jit.explain(Net(), paddle.rand([4, 12]))


def row_of(report: Report, type: str, layer: str) -> Any:
    return next(row for row in report.operators if row.type == type and row.layer == layer)


def test_operators_know_layer_source_shapes_and_code(report: Report) -> None:
    row = row_of(report, "matmul_v2", "blocks.1.fc")
    assert row.location == f"{FILE}:{line_of('y = nn.functional.gelu')}"
    assert [(Path(f).name, n) for f, n, _ in row.stack] == [
        ("networks.py", line_of("h = block(h)")), ("networks.py", line_of("y = nn.functional.gelu")),
    ]  # fmt: skip
    assert [t for _, t in row.results] == ["float32[4, 8]"]
    assert dict(row.inputs)["Y"][0][1] == "float32[8, 8]"
    (line,) = row.code
    assert "op_linear(" in report.parts[0].code.splitlines()[line - 1]  # with the bias behind it
    assert report.parts[0].code_rows[line] == [row.number, row.number + 1]


def test_forward_backward_and_inference_parts(report: Report) -> None:
    assert [p.name for p in report.parts] == ["forward", "backward", "inference"]
    backward = report.parts[1].operators
    grad = next(row for row in backward if row.type == "linear_grad" and row.layer == "head")  # of product and bias at once
    assert report.operators[grad.of].type == "elementwise_add" and report.operators[grad.of].layer == "head"
    assert grad.location == report.operators[grad.of].location
    for part in report.parts:
        for line, numbers in part.code_rows.items():
            assert numbers and 1 <= line <= len(part.code.splitlines())


def test_blocks_of_a_branch_are_rows_too(report: Report) -> None:
    inner = [row for row in report.operators if row.depth]
    assert {"scale", "assign"} <= {row.type for row in inner}
    doubled = next(row for row in inner if row.location.endswith(f":{line_of('h = h * 2')}"))
    assert doubled.code, "an operator inside of a branch has its line in the generated code"


def test_what_is_frozen_and_which_branches_were_taken(report: Report) -> None:
    frozen = {(what, value) for what, value, _ in report.frozen}
    assert {("argument", "False"), ("self.scale", "1"), ("self.scale", "2"), ("x.shape", "[4, 12]")} <= frozen
    place = f"{FILE}:{line_of('if self.scale > 1')}"
    assert {(w, way) for w, way, _ in report.branches} == {(place, "taken"), (place, "not taken")}


def test_rewritten_source_is_shown(report: Report) -> None:
    source = next(s for s in report.sources if s.name == "Net.forward")
    assert "_jst.If" in source.rewritten and source.lines[0].strip() == "@paddle.jit.to_static"


def test_text_lists_operators_under_their_lines(report: Report) -> None:
    lines = str(report).splitlines()
    at = next(i for i, line in enumerate(lines) if line.endswith("h = self.stem(x)"))
    assert "matmul_v2 -> float32[4, 8]   [stem; 1 of 2 fused]" in lines[at + 1]
    assert "frozen while tracing" in str(report) and "def backward(xp" in str(report)


def test_figures(report: Report) -> None:
    assert report.parameter_count == 12 * 8 + 8 + 2 * (8 * 8 + 8 + 16) + 8 * 3 + 3
    assert row_of(report, "matmul_v2", "stem").operations == 4 * 8 * 12
    assert 0 < report.peak_bytes <= report.activation_bytes
    assert report.kept_bytes is not None and report.kept_bytes > 0
    assert report.uncounted == []


def test_the_cache_account() -> None:
    net = Net()
    net(paddle.rand([4, 12]))
    net(paddle.rand([5, 12]))
    report = paddle.jit.explain(net.forward)
    assert [e["shown"] for e in report.cache] == ["", "shown here"]
    assert report.cache[0]["reason"] == "first call" and "5" in report.cache[1]["reason"]
    assert len(net.forward.program_cache) == 2, "explaining a form that exists traces nothing"


def test_multiply_adds_agree_with_flops() -> None:
    net = Convolutions()
    net.eval()
    report = paddle.jit.explain(net, "float32[1, 3, 8, 8]")
    counted = {row.type: row.operations for row in report.operators}
    assert counted["conv2d"] == 8 * 64 * 27
    assert counted["batch_norm"] == 2 * 8 * 64
    assert counted["matmul_v2"] == 128 * 5
    assert counted["pool2d"] == 5 * 128
    total = paddle.flops(net, [1, 3, 8, 8])
    assert total == counted["conv2d"] + counted["batch_norm"] + counted["matmul_v2"]  # pooling by maximum is free there


@pytest.mark.parametrize("inputs, outputs, attrs, wanted", [
    (("conv2d", {"Input": [2, 6, 5, 5], "Filter": [4, 3, 3, 3]}), {"Output": [2, 4, 3, 3]}, {"groups": 2}, 2 * 4 * 9 * 27),
    (("matmul_v2", {"X": [7, 3], "Y": [3, 5]}), {"Out": [7, 5]}, {}, 105),
    (("matmul_v2", {"X": [3, 7], "Y": [3, 5]}), {"Out": [7, 5]}, {"trans_x": True}, 105),
    (("mul", {"X": [2, 3, 4], "Y": [12, 5]}), {"Out": [2, 5]}, {"x_num_col_dims": 1}, 120),
    (("relu", {"X": [2, 3]}), {"Out": [2, 3]}, {}, 6),
    (("reduce_sum", {"X": [2, 3]}), {"Out": []}, {}, 6),
    (("reshape2", {"X": [2, 3]}), {"Out": [6]}, {}, 0),
    (("relu", {"X": [-1, 3]}), {"Out": [-1, 3]}, {}, None),
    (("no_such_operator", {"X": [2]}), {"Out": [2]}, {}, None),
    (("matmul_v2_grad", {"X": [7, 3], "Y": [3, 5], "Out@GRAD": [7, 5]}), {"X@GRAD": [7, 3], "Y@GRAD": [3, 5]}, {}, 210),
])  # fmt: skip
def test_cost_rules(inputs: Any, outputs: Any, attrs: Any, wanted: int | None) -> None:
    type, given = inputs

    def specs(slots: Any) -> Any:
        return {slot: [Spec(shape, np.dtype("float32"))] for slot, shape in slots.items()}

    assert cost.operations_of(type, specs(given), specs(outputs), attrs) == wanted


# --- compare


def test_compare_says_that_eager_and_traced_agree() -> None:
    report = paddle.jit.explain(Net(), paddle.rand([4, 12]), compare=True)
    assert "agree" in report.compared and report.first_difference is None
    assert {d.kind for d in report.differences} == {"result", "gradient"}
    assert row_of(report, "matmul_v2", "head").status == "same"


def test_compare_follows_loops() -> None:
    report = paddle.jit.explain(until_large, "float32[3]", compare=True)
    assert "agree" in report.compared
    assert next(r for r in report.operators if r.depth and r.type == "scale").eager == 0.0


def test_compare_marks_the_first_operator_that_differs() -> None:
    net = Uneven()
    report = paddle.jit.explain(net, paddle.to_tensor([1.0, 2.0]), compare=True)
    first = report.first_difference
    assert first is not None and first.location == f"{FILE}:{line_of('z = y * float')}"
    assert [row.status for row in report.operators] == ["same", "first", "differs"]
    assert f"number {first.number}" in report.compared and "FIRST DIFFERENCE" in str(report)


def test_compare_puts_buffers_random_state_and_gradients_back() -> None:
    net = Convolutions()
    before = {n: v.numpy().copy() for n, v in net.state_dict().items()}
    x = paddle.rand([2, 3, 8, 8])
    paddle.seed(7)
    wanted = paddle.rand([3]).numpy()
    paddle.seed(7)
    paddle.jit.explain(net, x, compare=True)
    np.testing.assert_array_equal(paddle.rand([3]).numpy(), wanted)
    assert all((net.state_dict()[n].numpy() == v).all() for n, v in before.items())
    assert all(p.grad is None for p in net.parameters())


def test_compare_of_a_layer_with_dropout_draws_the_same_numbers() -> None:
    net = paddle.nn.Sequential(paddle.nn.Linear(6, 6), paddle.nn.Dropout(0.5), paddle.nn.ReLU())
    report = paddle.jit.explain(net, paddle.rand([5, 6]), compare=True)
    assert "agree" in report.compared
    assert [row.status for row in report.operators] == ["same"] * 4, "layers of the library have no user lines, and are matched by type"


def test_programs_without_operators_parameters_or_arguments() -> None:
    assert "agree" in paddle.jit.explain(lambda x: x, "float32[3]", compare=True).compared
    report = paddle.jit.explain(lambda: paddle.ones([2]) * 3, compare=True)
    assert "agree" in report.compared and report.parts[0].name == "inference" and report.to_html()


# --- loaded models


def test_a_loaded_model() -> None:
    index = json.loads((GOLDEN / "index.json").read_text())
    name = "v262/convnet_dropout"
    model = paddle.jit.load(str(GOLDEN / name / index[name]["load"]["path"]))
    report = paddle.jit.explain(model, compare=True)
    assert "agree" in report.compared
    assert report.parts[0].name == "inference" and len(report.operators) == len(model.program().global_block().ops)
    assert any(row.stack for row in report.operators), "source lines come from op_callstack"
    assert all(row.layer for row in report.operators[1:])


def test_a_saved_model_shows_the_source_that_is_still_here(tmp_path: Path) -> None:
    net = Block(8, 2)
    net.eval()
    paddle.jit.save(net, str(tmp_path / "net"), [paddle.static.InputSpec([None, 8], "float32", "x")])
    report = paddle.jit.explain(paddle.jit.load(str(tmp_path / "net")), "float32[3, 8]")
    assert report.operations == sum(row.operations or 0 for row in report.operators) > 3 * 64
    assert "x float32[3, 8]" in report.sizes


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match="takes a function"):
        paddle.jit.explain(3)
    with pytest.raises(NotSupportedError, match="got a Program"):
        paddle.jit.explain(paddle.static.Program())
    with pytest.raises(ValueError, match="input_spec"):
        paddle.jit.explain(lambda x: x)


@pytest.mark.parametrize("text, wanted", [
    ("float32[-1, 784]", ((-1, 784), "float32", None)), ("x: int64[?]", ((-1,), "int64", "x")), ("float64[]", ((), "float64", None)),
    ("mean", None), ("nonsense[3]", None),
])  # fmt: skip
def test_specs_as_text(text: str, wanted: Any) -> None:
    found = spec_from_text(text)
    assert (None if found is None else (found.shape, found.dtype.name, found.name)) == wanted
