"""A new Program exactly when the call, the mode or outside Python state needs one, and an account of why."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import nn
from minipaddle.static import InputSpec

SCALE = 2.0
SIZES = [1, 2]


def uses_a_global(x: Any) -> Any:
    return x * SCALE + len(SIZES)


class Net(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.times = 1
        self.calls = 0

    def forward(self, x: Any) -> Any:
        self.calls += 1
        for _ in range(self.times):
            x = self.fc(x)
        return x


def test_outside_state_that_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    f = paddle.jit.to_static(uses_a_global)
    x = paddle.to_tensor(1.0)
    assert float(f(x)) == 4.0 and float(f(x)) == 4.0 and len(f.program_cache) == 1
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    assert float(f(x)) == 7.0 and len(f.program_cache) == 2
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    assert float(f(x)) == 4.0 and len(f.program_cache) == 2
    report = f.explain_cache()
    assert "SCALE is 5.0, was 2.0" in report and "built in: SCALE = 2.0" in report


def test_attributes_and_closures() -> None:
    net = paddle.jit.to_static(Net())
    x = paddle.ones([1, 2])
    net(x), net(x)
    assert len(net.forward.program_cache) == 1 and net.calls == 1  # a counter that is only kept is no reason
    net.times = 3
    np.testing.assert_allclose(net(x).numpy(), net.forward.dygraph_function(x).numpy(), rtol=1e-6)
    assert len(net.forward.program_cache) == 2

    k = 2

    def f(x: Any) -> Any:
        return x * k

    traced = paddle.jit.to_static(f)
    assert float(traced(paddle.to_tensor(3.0))) == 6.0
    k = 4
    assert float(traced(paddle.to_tensor(3.0))) == 12.0 and len(traced.program_cache) == 2


def test_mode_of_a_layer_outside() -> None:
    net = nn.Dropout(0.5)
    f = paddle.jit.to_static(lambda x: net(x) + 1)
    x = paddle.ones([64])
    f(x)
    net.eval()
    np.testing.assert_array_equal(f(x).numpy(), np.full([64], 2.0, "float32"))
    net.train()
    f(x)
    assert len(f.program_cache) == 2


def test_reasons() -> None:
    @paddle.jit.to_static
    def f(x: Any, scale: int = 1) -> Any:
        return x * scale

    f(paddle.ones([2, 3])), f(paddle.ones([4, 3])), f(paddle.ones([4, 3]), 5), f(paddle.ones([4, 3], "int64"), 5)
    y = paddle.ones([4, 3])
    y.stop_gradient = False
    f(y, 5)
    lines = f.explain_cache()
    assert "f(x, scale=1): 5 Program(s)" in lines and "1. first call" in lines
    assert "argument 'x' is float32[4, 3], stop_gradient, in Program 1 float32[2, 3], stop_gradient" in lines
    assert "argument 'scale' is 5, in Program 2 1" in lines and "int64[4, 3]" in lines
    assert "declare those dimensions open" in lines
    assert [c.reason for c in f.program_cache.concrete_programs()][0] == "first call"

    net = paddle.jit.to_static(nn.Sequential(nn.Linear(3, 3), nn.Dropout()))
    net(paddle.ones([1, 3]))
    net[1].eval()
    net(paddle.ones([1, 3]))
    assert "mode of 1 is eval, in Program 1 train" in net.forward.explain_cache()


def test_open_dimensions_need_one_program() -> None:
    f = paddle.jit.to_static(lambda x: x.sum() if x.sum() > 0 else x.mean(), input_spec=[InputSpec([None, 3])])
    for n in (1, 2, 5):
        f(paddle.ones([n, 3]))
    assert len(f.program_cache) == 1 and "x' = float32[any, 3]" in f.explain_cache()


def test_code_levels(capsys: pytest.CaptureFixture[str]) -> None:
    def f(x: Any) -> Any:
        if x.sum() > 0:
            x = x * 2
        return x

    traced = paddle.jit.to_static(f)
    assert "_jst.If(" in traced.code and "def f(x):" in traced.code
    paddle.jit.set_code_level(100)
    paddle.jit.set_verbosity(1, also_to_stdout=True)
    try:
        traced(paddle.ones([2]))
    finally:
        paddle.jit.set_code_level(0)
        paddle.jit.set_verbosity(0)
    out, err = capsys.readouterr()
    assert "_jst.If(" in err and "first call" in out
    for setter in (paddle.jit.set_code_level, paddle.jit.set_verbosity):
        with pytest.raises(TypeError):
            setter(True)  # type: ignore[operator]
        with pytest.raises(TypeError):
            setter("1")  # type: ignore[operator]
    paddle.jit.set_verbosity(-1)
    paddle.jit.set_verbosity(0)


def test_what_a_concrete_program_keeps() -> None:
    def helper(x: Any) -> Any:
        return x * SCALE if x.sum() > 0 else x

    def f(x: Any, flag: bool = True) -> Any:
        if flag:
            x = helper(x)
        return x

    traced = paddle.jit.to_static(f)
    traced(paddle.ones([2]))
    concrete = traced.concrete_program
    assert [g.path for g in concrete.frozen] == ["SCALE"] and concrete.frozen[0].value == SCALE
    assert any(location.startswith(__file__) and taken for location, taken in concrete.branches)
    assert len(concrete.code) == 2 and all("_jst" in text for text in concrete.code.values())
    stacks = [op.callstack for block in concrete.main_program.blocks for op in block.ops]
    assert all(stack and stack[-1][0] == __file__ for stack in stacks)


def test_ignore_module_and_not_to_static() -> None:
    import sys

    def f(x: Any) -> Any:
        return uses_a_branch(x)

    assert float(paddle.jit.to_static(f)(paddle.to_tensor(1.0))) == 2.0
    from minipaddle.jit import convert

    paddle.jit.ignore_module([sys.modules[__name__]])
    try:
        with pytest.raises(TypeError, match="D2S101"):
            paddle.jit.to_static(f)(paddle.to_tensor(1.0))
    finally:
        convert.ignored_modules.discard(__name__)
    with pytest.raises(TypeError):
        paddle.jit.ignore_module("name")  # type: ignore[arg-type]


def uses_a_branch(x: Any) -> Any:
    return x * 2 if x.sum() > 0 else x


def test_print_in_a_program() -> None:
    def f(x: Any) -> Any:
        print("value:", x * 2)
        print("while tracing")
        return x

    traced = paddle.jit.to_static(f)
    outputs = []
    for _ in range(2):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            traced(paddle.to_tensor([1.0, 2.0]))
        outputs.append(out.getvalue())
    assert "while tracing" in outputs[0] and "while tracing" not in outputs[1]
    assert all("value:" in o and "2.0 4.0" in o for o in outputs)


class Body(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.shift = paddle.zeros([2])

    @paddle.jit.to_static
    def forward(self, x: Any) -> Any:
        return self.fc(x) + self.shift


def test_replaced_parts_are_traced_anew(tmp_path: Any) -> None:
    net, x = Body(), paddle.ones([1, 2])

    def check(factor: float = 1.0) -> None:
        wanted = (x.numpy() @ net.fc.weight.numpy() + (0 if net.fc.bias is None else net.fc.bias.numpy())) * factor + net.shift.numpy()
        np.testing.assert_allclose(net(x).numpy(), wanted, rtol=1e-6)
        assert len(net.forward.program_cache) == 1  # what no longer holds is forgotten

    check()
    nn.Linear(2, 2)  # others do not matter
    first = net.forward.concrete_program
    check()
    assert net.forward.concrete_program is first
    net.fc = nn.Linear(2, 2)
    check()
    net.fc.weight = net.create_parameter([2, 2])
    check()
    net.shift = paddle.ones([2])
    check()
    handle = net.fc.register_forward_post_hook(lambda layer, inputs, out: out * 3)
    check(3.0)
    handle.remove()
    check()
    net.fc.bias = None
    check()
    net.fc = nn.Linear(2, 2)  # saved without a call in between
    paddle.jit.save(net, str(tmp_path / "net"))
    np.testing.assert_allclose(paddle.jit.load(str(tmp_path / "net"))(x).numpy(), net(x).numpy(), rtol=1e-6)
