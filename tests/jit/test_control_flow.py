"""Control flow on Tensors: traced functions give the dynamic graph's results and gradients."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import flags, nn
from minipaddle.core.control_flow import case, cond, switch_case, while_loop
from minipaddle.static import InputSpec

from . import control_flow_functions as functions
from . import more_control_flow

X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "float32")
CASES: dict[str, Callable[..., Any]] = {
    name: f
    for module in (functions, more_control_flow)
    for name, f in vars(module).items()
    if inspect.isfunction(f) and f.__module__ == module.__name__ and name != "helper_inplace"
}


def count(n: int) -> np.ndarray[Any, Any]:
    return np.array(n, "int64")


def feeds_of(function: Callable[..., Any]) -> list[tuple[Any, ...]]:
    if len(inspect.signature(function).parameters) == 1:
        return [(X,), (-X,)]
    return [(X, count(3)), (-X, count(1)), (X, count(0))]


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for v in value.values():
            yield from leaves(v)
    elif isinstance(value, (list, tuple)):
        for v in value:
            yield from leaves(v)
    elif value is not None:
        yield value


def outcome(function: Callable[..., Any], feed: tuple[Any, ...]) -> Any:
    """Results and input gradients, or the class of the error."""
    tensors = [paddle.to_tensor(a) for a in feed]
    for t in tensors:
        t.stop_gradient = t.dtype != paddle.float32
    try:
        found = list(leaves(function(*tensors)))
    except (AssertionError, ValueError) as error:
        return type(error)
    loss = None
    for t in found:
        if isinstance(t, paddle.Tensor) and t.dtype == paddle.float32 and not t.stop_gradient:
            loss = (t * t).sum() if loss is None else loss + (t * t).sum()
    if loss is not None:
        loss.backward()
    gradients = [np.zeros(t.shape) if t.grad is None else t.grad.numpy() for t in tensors if not t.stop_gradient]
    return [np.asarray(t.numpy() if isinstance(t, paddle.Tensor) else t) for t in found], gradients


@pytest.mark.parametrize("interpret", [False, True])
@pytest.mark.parametrize("name", list(CASES))
def test_same_as_the_dynamic_graph(name: str, interpret: bool) -> None:
    function = CASES[name]
    with flags.scoped(interpret=interpret):
        traced = paddle.jit.to_static(function)
        for feed in feeds_of(function):
            want, got = outcome(function, feed), outcome(traced, feed)
            if isinstance(want, type):
                assert isinstance(got, type)
                continue
            assert len(want[0]) == len(got[0])
            for w, g in zip(want[0], got[0], strict=True):
                assert w.shape == g.shape
                np.testing.assert_allclose(g.astype("float64"), w.astype("float64"), rtol=1e-5)
            for w, g in zip(want[1], got[1], strict=True):
                np.testing.assert_allclose(g, w, rtol=1e-4)


OPEN = ["nested_break", "branch_in_loop_in_branch", "rnn_list", "swap", "early3", "acc_vector", "while_true", "lst"]


@pytest.mark.parametrize("name", OPEN)
def test_saved_and_loaded_it_still_runs_and_trains(name: str, tmp_path: Path) -> None:
    function = CASES[name]
    specs = [InputSpec([None, 3], "float32", "x"), InputSpec([], "int64", "n")][
        : len(inspect.signature(function).parameters)
    ]
    paddle.jit.save(paddle.jit.to_static(function, input_spec=specs), str(tmp_path / "model"))
    loaded = paddle.jit.load(str(tmp_path / "model"))
    loaded.train()
    for feed in feeds_of(function):
        want, got = outcome(function, feed), outcome(loaded, feed)
        for w, g in zip(want[0][: len(got[0])], got[0], strict=True):
            if w.dtype.kind == "f":
                np.testing.assert_allclose(g, w, rtol=1e-5)
        for w, g in zip(want[1], got[1], strict=True):
            np.testing.assert_allclose(g, w, rtol=1e-4)


@pytest.mark.parametrize("name", ["branch_in_loop_in_branch", "nested_break", "rnn_list", "early3"])
def test_a_loaded_model_can_be_part_of_another_trace(name: str, tmp_path: Path) -> None:
    function = CASES[name]
    specs = [InputSpec([None, 3], "float32", "x"), InputSpec([], "int64", "n")][
        : len(inspect.signature(function).parameters)
    ]
    paddle.jit.save(paddle.jit.to_static(function, input_spec=specs), str(tmp_path / "model"))
    loaded = paddle.jit.load(str(tmp_path / "model"))

    def outer(*args: Any) -> Any:
        result = loaded(*args)
        return (result[0] if isinstance(result, (list, tuple)) else result) + 1, args[0]

    for feed in feeds_of(function):
        want, got = outcome(outer, feed), outcome(paddle.jit.to_static(outer), feed)
        for w, g in zip(want[0] + want[1], got[0] + got[1], strict=True):
            np.testing.assert_allclose(g, w, rtol=1e-5)


# --- what ends up in the Program


def types(function: Any) -> list[list[str]]:
    return [[op.type for op in block.ops] for block in function.concrete_program.main_program.blocks]


def test_branch_in_paddles_form() -> None:
    f = paddle.jit.to_static(
        lambda x: x * 2 if x.sum() > 0 else x - 1, input_spec=[InputSpec([None, 3], "float32", "x")]
    )
    main, then, orelse = types(f)
    assert main[-5:] == ["conditional_block", "logical_not", "conditional_block", "cast", "select_input"]
    assert then == ["scale", "assign"] and orelse == ["scale", "assign"]
    program = f.main_program
    assert [b.parent_idx for b in program.blocks] == [-1, 0, 0] and [b.idx for b in program.blocks] == [0, 1, 2]
    blocks = [op for op in program.global_block().ops if op.type == "conditional_block"]
    assert all(op.attrs["is_scalar_condition"] for op in blocks) and blocks[0].inputs["Input"] == ["x"]


def test_loop_in_paddles_form() -> None:
    def f(x: Any, n: Any) -> Any:
        for _ in range(n):
            x = x * 2
        return x

    traced = paddle.jit.to_static(f)
    traced(paddle.ones([2]), paddle.to_tensor(3))
    main, body = types(traced)
    assert main.count("while") == 1 and body[-1] == "assign" and "less_than" in body
    op = next(op for op in traced.main_program.global_block().ops if op.type == "while")
    written = {n for o in traced.main_program.blocks[1].ops if o.type == "assign" for n in o.output_arg_names}
    assert written == set(op.outputs["Out"]) and op.inputs["Condition"][0] in written


def test_gradients_are_operators_with_blocks() -> None:
    from minipaddle.core.backward import append_gradients

    def f(x: Any, n: Any) -> Any:
        for _ in range(n):
            x = paddle.tanh(x) if x.sum() > 0 else x * 2
        return x

    traced = paddle.jit.to_static(f)
    x = paddle.ones([2])
    x.stop_gradient = False
    traced(x, paddle.to_tensor(3))
    program = traced.main_program.clone()
    block = program.global_block()
    _, gradients = append_gradients(block, [traced.outputs[0].name], ["x"])
    assert gradients == {"x": "x@GRAD"}
    grad = next(op for op in block.ops if op.type == "while_grad")
    inner = program.blocks[grad.attrs["sub_block"]]
    assert inner.parent_idx == 0 and inner.forward_block_idx == 1
    assert {op.type for op in inner.ops} >= {"conditional_block_grad", "select_output"}
    assert all(
        program.blocks[op.attrs["sub_block"]].forward_block_idx > 0
        for op in inner.ops
        if op.type == "conditional_block_grad"
    )


def test_python_conditions_add_no_operators() -> None:
    class Net(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 3)
            self.deep = True

        def forward(self, x: Any, times: int = 2, skip: Any = None) -> Any:
            for _ in range(times):
                x = self.fc(x) if self.deep and self.training else x
            if skip is not None:
                x = x + skip
            while times > 0:
                times -= 1
            return x

    net = paddle.jit.to_static(Net())
    net(paddle.ones([2, 3]))
    assert types(net.forward) == [["matmul_v2", "elementwise_add"] * 2]


def test_generated_code_is_plain_python() -> None:
    def f(x: Any, n: Any) -> Any:
        while x.sum() < n:
            if x.max() > 2:
                x = x + 1
            else:
                x = x * 2
        return x

    traced = paddle.jit.to_static(f)
    traced(paddle.ones([2]), paddle.to_tensor(20.0))
    source = traced.program_cache.last()[1][1].inference.main.source
    assert "    while is_true(" in source and "        if is_true(" in source and "        else:" in source


def test_errors_of_operators_in_a_loop_name_the_line() -> None:
    def f(x: Any, y: Any, n: Any) -> Any:
        for _ in range(n):
            x = paddle.matmul(x, y)
        return x

    traced = paddle.jit.to_static(
        f, input_spec=[InputSpec([None, None]), InputSpec([None, None]), InputSpec([], "int64")]
    )
    with pytest.raises(ValueError, match=r"(?s)D2S112.*matmul_v2.*block 1.*x = paddle\.matmul\(x, y\)"):
        traced(paddle.ones([2, 3]), paddle.ones([2, 3]), paddle.to_tensor(1))


# --- Layers


class Base(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, x: Any) -> Any:
        if x.sum() > 0:
            return self.fc(x)
        return x * self.__factor(x)

    def __factor(self, x: Any) -> Any:  # a private name, which carries the name of the class
        return 2.0 if x.max() > -2 else 3.0


class Derived(Base):
    def forward(self, x: Any) -> Any:
        y = super().forward(x)
        if y.mean() > 0:
            y = super().forward(y)
        return y


@pytest.mark.parametrize("make", [Base, Derived, lambda: nn.Sequential(nn.Linear(3, 3), Derived())])
def test_layers_super_private_names_and_containers(make: Callable[[], Any]) -> None:
    net = make()
    x = paddle.to_tensor(X)
    want = [net(x).numpy(), net(-x).numpy()]
    traced = paddle.jit.to_static(net)
    np.testing.assert_allclose(traced(x).numpy(), want[0], rtol=1e-6)
    np.testing.assert_allclose(traced(-x).numpy(), want[1], rtol=1e-6)
    assert len(traced.forward.program_cache) == 1
    traced.forward.rollback()
    np.testing.assert_allclose(net(x).numpy(), want[0], rtol=1e-6)


def test_batch_norm_statistics_inside_of_a_branch() -> None:
    class Net(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1D(3)

        def forward(self, x: Any) -> Any:
            if x.sum() > 0:
                x = self.norm(x)
            return x

    dynamic, traced = Net(), paddle.jit.to_static(Net())
    for data in (X, -X, X * 2):
        np.testing.assert_allclose(
            traced(paddle.to_tensor(data)).numpy(), dynamic(paddle.to_tensor(data)).numpy(), rtol=1e-5, atol=1e-6
        )
    np.testing.assert_allclose(traced.norm._mean.numpy(), dynamic.norm._mean.numpy(), rtol=1e-6)


def test_body_runs_once_and_the_source_may_be_missing() -> None:
    calls: list[int] = []

    def f(x: Any) -> Any:
        calls.append(1)
        if x.sum() > 0:
            x = x * 2
        return x

    traced = paddle.jit.to_static(f)
    for _ in range(3):
        traced(paddle.ones([2]))
    assert calls == [1]
    space: dict[str, Any] = {}
    exec("def g(x, flag=True):\n    return x * 2 if flag else x", space)
    assert float(paddle.jit.to_static(space["g"])(paddle.to_tensor(3.0))) == 6.0


# --- paddle.static.nn's functions, dynamic and recorded


def both(f: Callable[..., Any], *feeds: Any) -> None:
    for feed in feeds:
        values = [paddle.to_tensor(a) for a in feed]
        want, got = list(leaves(f(*values))), list(leaves(paddle.jit.to_static(f)(*values)))
        for w, g in zip(want, got, strict=True):
            np.testing.assert_allclose(g.numpy(), w.numpy(), rtol=1e-6)


def test_cond_while_loop_case_switch_case() -> None:
    both(lambda x: cond(x.sum() > 0, lambda: (x, {"a": x * 2}), lambda: (x - 1, {"a": x * 3})), (X,), (-X,))
    both(
        lambda x, n: while_loop(lambda i, y: i < n, lambda i, y: (i + 1, y * 2), [paddle.zeros([], "int64"), x]),
        (X, count(3)),
        (X, count(0)),
    )
    both(
        lambda x: case([(x.sum() > 5, lambda: x * 2), (x.sum() > -5, lambda: x * 3)], default=lambda: x * 4),
        (X,),
        (-X,),
        (X * 0,),
    )
    both(
        lambda x, n: switch_case(n, {1: lambda: x * 2, 3: lambda: x * 3}, default=lambda: x),
        (X, count(1)),
        (X, count(3)),
        (X, count(2)),
    )


def test_wrong_arguments_of_these_functions() -> None:
    one = paddle.ones([1])
    with pytest.raises(TypeError):
        cond(one > 0, 3, lambda: one)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="should not be empty"):
        while_loop(lambda: one > 0, lambda: one, [])
    with pytest.raises(TypeError, match="branch_index"):
        switch_case(1, [lambda: one])
    with pytest.raises(ValueError, match="unique"):
        switch_case(paddle.to_tensor(1), [(1, lambda: one), (1, lambda: one)])
    with pytest.raises(TypeError, match="tuple"):
        case([one])
