from __future__ import annotations

import threading

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import static


def net() -> tuple[static.Variable, static.Variable]:
    x = static.data("x", [None, 4])
    y = static.data("y", [None, 1], "int64")
    pred = static.nn.fc(static.nn.fc(x, 3, activation="relu"), 2)
    return pred, paddle.mean(paddle.nn.functional.softmax_with_cross_entropy(pred, y))


def types(program: static.Program) -> list[str]:
    return [op.type for op in program.global_block().ops]


def test_modes() -> None:
    assert not paddle.in_dynamic_mode()
    paddle.disable_static()
    assert paddle.in_dynamic_mode()
    paddle.enable_static()
    assert not paddle.in_dynamic_mode()


def test_other_threads_stay_dynamic() -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(paddle.in_dynamic_mode()))
    thread.start()
    thread.join()
    assert found == [True]


def test_modes_count_names_apart() -> None:
    generate = paddle.utils.unique_name.generate
    assert static.nn.fc(static.data("x", [None, 4]), 3).name == "fc_0.tmp_1"
    assert [generate("counted_apart") for _ in range(3)][-1] == "counted_apart_2"
    paddle.disable_static()
    name = generate("counted_apart")
    paddle.enable_static()
    assert name == "counted_apart_0"


def test_operators_and_names_are_paddles() -> None:
    pred, loss = net()
    paddle.optimizer.Adam(0.1).minimize(loss)
    main = static.default_main_program()
    # recorded with Paddle 2.6.2
    assert types(main) == [
        "mul", "elementwise_add", "relu", "mul", "elementwise_add", "softmax_with_cross_entropy", "reduce_mean",
        "fill_constant", "reduce_mean_grad", "softmax_with_cross_entropy_grad", "elementwise_add_grad",
        "mul_grad", "relu_grad", "elementwise_add_grad", "mul_grad", "adam", "adam", "adam", "adam",
    ]  # fmt: skip
    assert (pred.name, loss.name) == ("fc_1.tmp_1", "mean_0.tmp_0")
    assert [p.name for p in main.all_parameters()] == ["fc_0.w_0", "fc_0.b_0", "fc_1.w_0", "fc_1.b_0"]
    assert [op.output("ParamOut")[0] for op in main.global_block().ops[-4:]] == [
        "fc_0.b_0",
        "fc_0.w_0",
        "fc_1.b_0",
        "fc_1.w_0",
    ]
    roles = [op.attr("op_role") for op in main.global_block().ops]
    assert roles == [0] * 6 + [256, 257] + [1] * 7 + [2] * 4
    assert types(static.default_startup_program())[:4] == [
        "uniform_random",
        "fill_constant",
        "uniform_random",
        "fill_constant",
    ]
    assert main.global_block().ops[11].attr("op_role_var") == ["fc_1.w_0", "fc_1.w_0@GRAD"]


def test_operators_between_variables() -> None:
    x = static.data("x", [None, 4])
    y = x + 1.0
    z = paddle.concat([x, y], axis=0)
    assert (y.name, z.name, z[:2].name) == ("tmp_0", "concat_0.tmp_0", "concat_0.tmp_0_slice_0")
    assert y.shape == (-1, 4) and y.stop_gradient and paddle.sum(z).name == "sum_0.tmp_0"


def test_declaring_twice() -> None:
    x = static.data("x", [None, 4])
    assert static.data("x", [None, 4]) is x
    with pytest.raises(ValueError, match="'x' has been created before.*shape"):
        static.data("x", [None, 5])
    with pytest.raises(TypeError, match="'shape' in data"):
        static.data("z", "ab")  # type: ignore[arg-type]


def test_clone_for_test_drops_training() -> None:
    x = static.data("x", [None, 4])
    h = static.nn.batch_norm(paddle.nn.functional.relu(x))
    loss = paddle.mean(static.nn.fc(h, 2))
    paddle.optimizer.Momentum(0.1, 0.9).minimize(loss)
    test = static.default_main_program().clone(for_test=True)
    assert types(test) == ["relu", "batch_norm", "mul", "elementwise_add", "reduce_mean"]
    assert test.global_block().ops[1].attr("is_test") is True
    assert not any("@GRAD" in v.name or "velocity" in v.name for v in test.list_vars())
    assert not static.default_main_program().global_block().ops[1].attr("is_test")


def test_text_and_bytes() -> None:
    _, loss = net()
    main = static.default_main_program()
    text = str(main)
    assert "persist trainable param fc_0.w_0 : LOD_TENSOR.shape(4, 3).dtype(float32).stop_gradient(False)" in text
    assert "{Out=['fc_0.tmp_0']} = mul(inputs={X=['x'], Y=['fc_0.w_0']}" in text
    again = static.Program.parse_from_string(main.desc.serialize_to_string())
    assert types(again) == types(main) and [p.name for p in again.all_parameters()] == [
        p.name for p in main.all_parameters()
    ]


def test_parameters_may_be_shared_by_name() -> None:
    x = static.data("x", [None, 4])
    attr = paddle.ParamAttr(name="w")
    static.nn.fc(x, 3, weight_attr=attr, bias_attr=False)
    static.nn.fc(x, 3, weight_attr=attr, bias_attr=False)
    assert [p.name for p in static.default_main_program().all_parameters()] == ["w"]
    assert types(static.default_startup_program()) == ["uniform_random"]
    with pytest.raises(ValueError, match="'w' has been created before"):
        static.nn.fc(x, 5, weight_attr=attr, bias_attr=False)


def test_name_scope_and_device() -> None:
    x = static.data("x", [2])
    with static.name_scope("a"), static.device_guard("cpu"):
        paddle.exp(x)
    with static.name_scope("a"):
        paddle.exp(x)
    first, second = static.default_main_program().global_block().ops
    assert (first.attr("op_namescope"), first.attr("op_device")) == ("/a/", "cpu")
    assert (second.attr("op_namescope"), second.attr("op_device")) == ("/a_1/", "")
    with pytest.raises(ValueError, match="device_guard"), static.device_guard("moon"):
        pass


def test_state_dict() -> None:
    _, loss = net()
    paddle.optimizer.Adam(0.1).minimize(loss)
    main = static.default_main_program()
    with pytest.raises(ValueError, match="startup"):
        main.state_dict()
    static.Executor().run(static.default_startup_program())
    assert list(main.state_dict("param")) == ["fc_0.w_0", "fc_0.b_0", "fc_1.w_0", "fc_1.b_0"]
    assert "learning_rate_0" in main.state_dict("opt") and len(main.state_dict()) == 4 + 1 + 16
    main.set_state_dict({"fc_0.b_0": np.full(3, 2.0, "float32")})
    assert main.state_dict()["fc_0.b_0"].numpy().tolist() == [2.0] * 3
    with pytest.warns(UserWarning, match="'nobody' is not found"):
        main.set_state_dict({"nobody": np.zeros(1)})
    with pytest.raises(ValueError, match="param"):
        main.state_dict("some")


def test_dynamic_mode_is_refused() -> None:
    _, loss = net()
    paddle.disable_static()
    for call in (
        lambda: static.data("q", [1]), lambda: static.nn.fc(loss, 1), lambda: static.append_backward(loss),
        lambda: static.save(static.Program(), "p"), lambda: static.save_inference_model("p", [], [], None),
    ):  # fmt: skip
        with pytest.raises(AssertionError, match="enable_static"):
            call()


def test_eager_tensors_are_refused() -> None:
    paddle.disable_static()
    t = paddle.ones([4])
    paddle.enable_static()
    with pytest.raises(TypeError, match="static.data"):
        static.data("x", [4]) + t


def test_scopes() -> None:
    outer = static.Scope()
    outer.var("a").get_tensor().set(np.arange(3.0, dtype="float32"), paddle.CPUPlace())
    inner = outer.new_scope()
    assert inner.find_var("a").get_tensor().shape() == [3] and inner.find_var("b") is None
    t = outer.find_var("a").get_tensor()
    copied = np.array(t)
    t.set(copied + 1, None)
    assert copied.tolist() == [0, 1, 2] and np.array(t).tolist() == [1, 2, 3]
    with static.scope_guard(outer):
        assert static.global_scope() is outer
    assert static.global_scope() is not outer


def test_variables_have_no_data() -> None:
    x = static.data("x", [2])
    for ask in (x.numpy, x.item, x.tolist, x.backward, lambda: np.asarray(x), lambda: float(x)):
        with pytest.raises(AssertionError, match="'x'"):
            ask()
    with pytest.raises(ValueError, match="startup Program"):
        x.get_value()
    with pytest.raises(TypeError, match="bool"):
        bool(x)


def test_operators_appended_by_hand() -> None:
    block = static.default_main_program().global_block()
    x, y = block.create_var("X", [-1, 3], "float32"), block.create_var("Y", [3, 2], "float32")
    out, other = block.create_var("Out", dtype="float32"), block.create_var("Other")
    block.append_op("mul", {"X": [x], "Y": [y]}, {"Out": [out]})
    block.append_op(type="argsort", inputs={"X": out}, outputs={"Out": [other], "Indices": [block.create_var("I")]}, attrs={"axis": -1})
    assert (out.shape, other.shape, block.var("I").dtype) == ((-1, 2), (-1, 2), paddle.int64)
    feed = {"X": np.ones((2, 3), "float32"), "Y": np.arange(6, dtype="float32").reshape(3, 2)}
    assert static.Executor().run(feed=feed, fetch_list=["Out"])[0].tolist() == [[6, 9]] * 2


def test_descs_are_views() -> None:
    x = static.data("x", [None, 3])
    y = static.nn.fc(x, 2)
    main = static.default_main_program()
    block = main.desc.block(0)
    assert (main.desc.num_blocks(), block.id, block.parent, block.op_size()) == (1, 0, -1, len(main.global_block().ops))
    op = block.op(0)
    assert (op.type(), op.input("X"), op.has_attr("y_num_col_dims"), op.attr("y_num_col_dims")) == ("mul", ["x"], True, 1)
    assert y.desc.shape() == [-1, 2] and block.has_var(b"x") and block.find_var(b"none") is None
    out = main.global_block().create_var(name="out", shape=[1], dtype="float32")
    made = main.global_block().append_op(type="relu", inputs={"X": y}, outputs={"Out": out})
    made.desc.infer_shape(main.global_block().desc)
    assert out.shape == (-1, 2) and made.all_attrs() is not made.attrs


def test_setitem_gives_another_variable() -> None:
    x = paddle.zeros([2, 2])
    y = static.setitem(x, (slice(None), 0), 5.0)
    got = static.Executor().run(fetch_list=[x, y])
    assert got[0].tolist() == [[0, 0], [0, 0]] and got[1].tolist() == [[5, 0], [5, 0]]


def test_parameters_start_alike_in_both_modes() -> None:
    def values() -> list[np.ndarray]:
        paddle.framework.random._manual_program_seed(90)
        layers = [paddle.nn.Linear(3, 4), paddle.nn.Conv2D(1, 2, 3)]
        if not paddle.in_dynamic_mode():
            static.Executor().run(static.default_startup_program())
            return [np.array(static.global_scope().find_var(p.name).get_tensor()) for n in layers for p in n.parameters()]
        return [p.numpy() for n in layers for p in n.parameters()]

    recorded = values()
    paddle.disable_static()
    try:
        with static.program_guard(static.Program(), static.Program()):
            dynamic = values()
    finally:
        paddle.enable_static()
    for a, b in zip(recorded, dynamic, strict=True):
        np.testing.assert_array_equal(a, b)


def test_arguments_of_the_wrong_kind() -> None:
    x = static.data("x", [2])
    with pytest.raises(AssertionError, match="fetch_list"):
        static.Executor().run(fetch_list={"x": x})
    with pytest.raises(TypeError, match="require string"):
        static.default_main_program().global_block().var(3)
    with pytest.raises(AssertionError, match="throw_on_error"):
        static.default_main_program().to_string(1)
    with pytest.raises(TypeError, match="Assert"):
        static.nn.control_flow.Assert(x)
    with pytest.raises(ValueError, match="where the condition holds"):
        static.nn.cond(paddle.full([1], True, "bool"), lambda: x, lambda: (x, x))
    with pytest.raises(IndexError, match="indexed by"):
        x["a"]
