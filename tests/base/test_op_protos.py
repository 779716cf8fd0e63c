"""What tests of single operators are written with: descriptions of operators, and operators run on a scope."""
from __future__ import annotations

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import decomposition
from minipaddle.autograd.ir_backward import grad
from minipaddle.base import core
from minipaddle.base.backward import append_backward
from minipaddle.base.framework import OpProtoHolder, _dygraph_guard, _dygraph_tracer, canonicalize_attrs
from minipaddle.base.proto import framework_pb2
from minipaddle.incubate.autograd import Hessian, Jacobian, primapi
from minipaddle.utils.environments import BooleanEnvironmentVariable, EnvironmentVariableGuard


def made(type: str, **given) -> core.Operator:
    """An operator from a message, as Paddle's tests make it."""
    proto = OpProtoHolder.instance().get_op_proto(type)
    desc = framework_pb2.OpDesc(type=type)
    for side, described in ((desc.inputs, proto.inputs), (desc.outputs, proto.outputs)):
        for slot in described:
            side.add(parameter=slot.name, arguments=given.get(slot.name, []))
    for attr in proto.attrs:
        if attr.name in given:
            message = desc.attrs.add(name=attr.name, type=attr.type)
            if attr.type == framework_pb2.BOOLEAN:
                message.b = given[attr.name]
            else:
                assert attr.type == framework_pb2.INTS
                message.ints.extend(given[attr.name])
    return core.Operator.create(desc.SerializeToString())


def test_descriptions() -> None:
    protos = {p.type: p for p in map(framework_pb2.OpProto.FromString, core.get_all_op_protos())}
    matmul, concat, reshape = protos["matmul_v2"], protos["concat"], protos["reshape2"]
    assert [(v.name, v.duplicable) for v in matmul.inputs] == [("X", False), ("Y", False)]
    assert {a.name: a.type for a in matmul.attrs if not a.generated} == {"trans_x": framework_pb2.BOOLEAN, "trans_y": framework_pb2.BOOLEAN}
    assert concat.inputs[0].duplicable and [v.intermediate for v in reshape.outputs] == [False, True]
    assert "tanh_grad" in protos and OpProtoHolder.instance().has_op_proto("abs")
    assert core.get_attrtibute_type("transpose2", "axis") == framework_pb2.INTS and core.get_op_extra_attrs("abs") == {}
    with pytest.raises(ValueError, match="not been registered"):
        OpProtoHolder.instance().get_op_proto("no_such")


def test_an_operator_on_a_scope() -> None:
    scope = core.Scope()
    for name in ("a", "b", "c"):
        scope.var(name).get_tensor()
    scope.find_var("a").get_tensor().set(np.arange(6.0).reshape(3, 2), core.CPUPlace())
    scope.find_var("b").get_tensor().set(np.eye(3), core.CPUPlace())
    op = made("matmul_v2", X=["a"], Y=["b"], Out=["c"], trans_x=True)
    op.run(scope, core.CPUPlace())
    assert op.type() == "matmul_v2" and np.array(scope.find_var("c").get_tensor()).tolist() == [[0, 2, 4], [1, 3, 5]]
    scope.find_var("a").get_tensor()._set_double_element(0, 9.0)
    op.run(scope)
    assert np.array(scope.find_var("c").get_tensor())[0, 0] == 9


def test_lengths_before_data() -> None:
    scope = core.Scope()
    handle = scope.var("x").get_tensor()
    handle.set_recursive_sequence_lengths([[1, 2]])
    handle.set(np.ones([3, 1], "float32"))
    assert handle.recursive_sequence_lengths() == [[1, 2]] and handle.has_valid_recursive_sequence_lengths()


def test_gradient_of_an_appended_operator() -> None:
    paddle.enable_static()
    try:
        program = paddle.static.Program()
        block = program.global_block()
        x = block.create_var(name="X", shape=[2, 3], dtype=np.dtype("float64"), lod_level=0)
        out = block.create_var(name="Out", shape=None, dtype=np.dtype("float64"), lod_level=None)
        op = block.append_op(type="tanh", inputs={"X": [x]}, outputs={"Out": [out]}, attrs={"use_mkldnn": False})
        op.desc.infer_shape(block.desc)
        loss = block.create_var(dtype=out.dtype, shape=[1])
        block.append_op(type="mean", inputs={"X": [out]}, outputs={"Out": loss}).desc.infer_shape(block.desc)
        ((_, gradient),) = append_backward(loss=loss, parameter_list=["X"], no_grad_set=set())
        t = core.LoDTensor()
        t.set(np.zeros([2, 3]), core.CPUPlace())
        value, got = paddle.static.Executor().run(program, {"X": t}, [out, gradient], scope=core.Scope(), return_numpy=False)
    finally:
        paddle.disable_static()
    assert isinstance(value, core.LoDTensor) and value.shape() == [2, 3] and value.lod() == []
    np.testing.assert_allclose(np.array(got), np.full([2, 3], 1 / 6))


@pytest.mark.parametrize(("type", "given", "attrs", "expected"), [
    ("reduce_sum", ["X"], {}, (["X"], ["dim", "out_dtype", "keep_dim"], ["Out"])),
    ("split", ["X"], {"num": 2}, (["X"], ["num", "axis"], ["Out"])),
    ("elementwise_add", ["X", "Y"], {"axis": 1}, (["X", "Y"], ["axis"], ["Out"])),
    ("reshape2", ["X", "Shape"], {}, (["X"], ["Shape"], ["Out", "XShape"])),
    ("tanh", ["X"], {}, (["X"], [], ["Out"])),
])  # fmt: skip
def test_signatures(type: str, given: list[str], attrs: dict[str, object], expected: object) -> None:
    inputs = {name: [paddle.ones([2])] for name in given}
    proto = OpProtoHolder.instance().get_op_proto(type)
    assert _dygraph_tracer()._get_kernel_signature(type, inputs, {}, canonicalize_attrs(attrs, proto)) == expected
    with _dygraph_guard(None):
        assert _dygraph_tracer() is None and not paddle.in_dynamic_mode()


def test_flags_and_environment(monkeypatch) -> None:
    old = core.globals()["FLAGS_use_system_allocator"]
    core.globals()["FLAGS_use_system_allocator"] = True
    assert paddle.get_flags("FLAGS_use_system_allocator")["FLAGS_use_system_allocator"] is True
    core.globals()["FLAGS_use_system_allocator"] = old
    assert "abs_grad" in core._get_all_register_op_kernels() and core.has_grad_op_maker("abs") and not core.has_infer_inplace("abs")
    monkeypatch.delenv("A_SWITCH", raising=False)
    switch = BooleanEnvironmentVariable("A_SWITCH", False)
    with EnvironmentVariableGuard(switch, True):
        assert switch.get() is True
    assert switch.get() is False
    with pytest.raises(AssertionError, match="bool"):
        switch.set("yes")


def test_simpler_operators_are_not_asked_for() -> None:
    paddle.enable_static()
    try:
        with paddle.static.program_guard(paddle.static.Program()):
            x = paddle.static.data("x", [2])
            x.stop_gradient = False
            y = x * x
            (dx,) = grad([y], [x])
            program = paddle.static.default_main_program()
            assert decomposition.decompose(program, [y]) == [y]
            primapi.to_prim(program.blocks)
            assert not primapi.prim_enabled()
            assert paddle.static.Executor().run(feed={"x": np.ones(2, "float32")}, fetch_list=[dx])[0].tolist() == [2, 2]
    finally:
        paddle.disable_static()


def test_jacobians_of_functions() -> None:
    x, y = paddle.to_tensor([[1.0, 2.0], [3.0, 4.0]]), paddle.to_tensor([5.0])
    np.testing.assert_allclose(Jacobian(lambda a: a * a, x)[:], np.diag([2.0, 4.0, 6.0, 8.0]))
    np.testing.assert_allclose(Jacobian(lambda a, b: a.sum() * b, [x, y])[:], [[5.0, 5.0, 5.0, 5.0, 10.0]])
    batched = Jacobian(lambda a: a * a, x, is_batched=True)[:]
    np.testing.assert_allclose(batched, [np.diag([2.0, 4.0]), np.diag([6.0, 8.0])])
    np.testing.assert_allclose(Hessian(lambda a: (a * a * a).sum(), x)[:], np.diag([6.0, 12.0, 18.0, 24.0]))
