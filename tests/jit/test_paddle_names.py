"""to_static under the names of Paddle's own modules, as its tests and other people's scripts use them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minipaddle as paddle
import minipaddle.jit.dy2static as _jst
from minipaddle import nn
from minipaddle.base.dygraph import to_variable
from minipaddle.base.dygraph.base import global_var, in_to_static_mode
from minipaddle.jit.api import sot_mode_guard, to_static
from minipaddle.jit.dy2static import convert_operators, error
from minipaddle.jit.dy2static.convert_call_func import CONVERSION_OPTIONS
from minipaddle.jit.dy2static.function_spec import FunctionSpec
from minipaddle.jit.dy2static.origin_info import unwrap
from minipaddle.jit.dy2static.partial_program import partial_program_from
from minipaddle.jit.dy2static.program_translator import ConcreteProgram, ProgramTranslator, StaticFunction
from minipaddle.jit.dy2static.utils import Dygraph2StaticException, func_to_source_code
from minipaddle.jit.translated_layer import INFER_MODEL_SUFFIX, INFER_PARAMS_SUFFIX
from minipaddle.static import InputSpec


def plain(x: Any, flag: bool = False) -> Any:
    # a comment
    return x * 2.0 if flag else x / 2.0


class Net(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Any) -> Any:
        return self.fc(x)

    @to_static
    def twice(self, x: Any) -> Any:
        return x * 2

    def length(self, x: Any) -> Any:
        if x.shape[0] > 1:
            return x + 1
        return x


def test_translator_of_before_2_5() -> None:
    translator = ProgramTranslator()
    assert translator is ProgramTranslator.get_instance() and translator.enable_to_static
    x = paddle.ones([2])
    translator.enable(False)
    try:
        assert translator.get_func(plain) is plain and not translator.enable_to_static
    finally:
        translator.enable(True)
    assert translator.get_output(plain, x).tolist() == [0.5, 0.5]
    main, startup, inputs, outputs = translator.get_program(plain, x)
    assert [op.type for op in main.global_block().ops] == ["scale"] and not startup.global_block().ops
    assert (len(inputs), len(outputs)) == (1, 1) and "return" in translator.get_code(plain)


def test_functions_have_a_mode_layers_keep_their_own() -> None:
    @to_static
    def dropped(x: Any) -> Any:
        return nn.functional.dropout(x, 0.5)

    x = paddle.ones([200])
    assert (dropped(x) == 0).any()
    dropped.eval()
    assert dropped(x).tolist() == x.tolist()
    assert dropped.program_cache.last()[-1][1].training is False
    dropped.train()
    assert (dropped(x) == 0).any() and len(dropped.program_cache) == 2
    for training in (True, False, True):
        dropped.train() if training else dropped.eval()
        for _ in range(3):
            assert bool((dropped(x) == 0).any()) is training
    net = to_static(Net())
    with pytest.raises(RuntimeError, match="belongs to the Layer Net"):
        net.forward.eval()
    net.eval()
    net(paddle.ones([1, 4]))
    partial = net.forward.program_cache.last()[-1][1]
    assert partial.training is False and partial.program is partial.infer_program


def test_rollback_of_methods_and_copies() -> None:
    x = paddle.ones([2, 4])
    net = Net()
    before = net.twice(x)
    assert isinstance(net.twice, StaticFunction) and net.twice.class_instance is net
    net.twice.rollback()
    assert not isinstance(net.twice, StaticFunction)
    assert net.twice(x).tolist() == before.tolist()
    static = to_static(plain)
    assert copy.deepcopy(static) is plain and unwrap(static) is plain
    made = to_static(Net())
    copied = copy.deepcopy(made)
    assert copied.forward.class_instance is copied and made.forward.class_instance is made


def test_source_and_marks() -> None:
    assert "#" not in func_to_source_code(plain) and func_to_source_code(to_static(plain)) == func_to_source_code(plain)
    net = Net()
    paddle.jit.not_to_static(net.length)
    try:
        assert getattr(net.length, CONVERSION_OPTIONS).not_convert
        assert _jst.Call(net.length) == net.length
        static = to_static(net.length)
        assert "if x.shape[0] > 1" in static.code
        assert static(paddle.ones([2])).tolist() == [2, 2]
    finally:
        delattr(Net.length, CONVERSION_OPTIONS)
    assert convert_operators.convert_len([1, 2]) == 2
    assert convert_operators.convert_logical_and(lambda: 0, lambda: 1 // 0) == 0
    with sot_mode_guard(True):
        assert to_static(plain)(paddle.ones([1])).item() == 0.5


def test_inputs_leave_defaults_out() -> None:
    assert [v.name for v in to_static(plain, input_spec=[InputSpec([None, 4])]).inputs] == ["x"]


def test_a_traced_form_with_wrong_parameters() -> None:
    net = to_static(Net())
    net(paddle.ones([1, 4]))
    concrete = net.forward.concrete_program
    assert isinstance(concrete, ConcreteProgram)
    parameters = concrete.parameters
    concrete.parameters = parameters[0]
    with pytest.raises(TypeError, match="list or tuple"):
        partial_program_from(concrete)
    concrete.parameters = ["fc.weight", *parameters]
    with pytest.raises(TypeError, match=r"parameters\[0\]"):
        partial_program_from(concrete)
    concrete.parameters = parameters
    assert partial_program_from(concrete).run([paddle.ones([1, 4])])[0].shape == [1, 3]


def test_signature() -> None:
    spec = FunctionSpec(plain, [InputSpec([4])])
    assert spec.args_name == ["x", "flag"] and spec.dygraph_function is plain and len(spec.flat_input_spec) == 1
    assert spec.unified_args_and_kwargs([1], {}) == ((1, False), {})
    for args, kwargs in (([1, 2, 3], {}), ([], {"flag": True}), ([1], {"other": 1})):
        with pytest.raises(ValueError):
            spec.unified_args_and_kwargs(args, kwargs)


def test_errors_carry_their_data() -> None:
    def mixed(x: Any) -> Any:
        if x.sum() > 0:
            return x, x
        return x

    with pytest.raises(Dygraph2StaticException, match="Your if/else have different number of return value.") as caught:
        to_static(mixed)(paddle.ones([2]))
    data = getattr(caught.value, error.ERROR_DATA)
    assert isinstance(data, error.ErrorData) and issubclass(data.error_type, Dygraph2StaticException)

    def missing(x: Any) -> Any:
        return {"x": x}["y"]

    with pytest.raises(error.Dy2StKeyError):
        to_static(missing)(paddle.ones([2]))
    assert not in_to_static_mode() and global_var._in_to_static_mode_ is False


def test_parameters_made_in_the_call_are_refused_unless_kept() -> None:
    class Fresh(nn.Layer):
        def forward(self, x: Any) -> Any:
            return nn.Linear(4, 4)(x)

    with pytest.raises(ValueError, match="made inside of the traced function"):
        to_static(Fresh())(paddle.ones([1, 4]))

    class Lazy(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.fc: Any = None

        def forward(self, x: Any) -> Any:
            if self.fc is None:
                self.fc = nn.Linear(4, 4)
            return self.fc(x)

    net = to_static(Lazy())
    x = paddle.ones([1, 4])
    np.testing.assert_array_equal(net(x).numpy(), net(x).numpy())


def test_to_variable_is_dynamic_only() -> None:
    @to_static
    def traced(x: Any) -> Any:
        return to_variable(x) + 1

    assert traced(np.ones(2, "float32")).tolist() == [2, 2]
    paddle.enable_static()
    try:
        with pytest.raises(AssertionError, match="dynamic graph mode"):
            to_variable(np.ones(2, "float32"))
    finally:
        paddle.disable_static()


def test_suffixes(tmp_path: Path) -> None:
    paddle.jit.save(nn.Linear(4, 3), str(tmp_path / "net"), input_spec=[InputSpec([None, 4])])
    assert (tmp_path / f"net{INFER_MODEL_SUFFIX}").exists() and (tmp_path / f"net{INFER_PARAMS_SUFFIX}").exists()


def test_a_condition_in_a_branch_that_does_not_run() -> None:
    def nested(x: Any) -> Any:
        if x.mean() < 0:
            if x > 3:
                return x + 1
        return x

    traced = to_static(nested)
    assert traced(paddle.ones([3])).tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="D2S109"):
        traced(-paddle.ones([3]))


def test_keys_of_a_dict_with_an_entry_of_one_branch() -> None:
    def asks(x: Any) -> Any:
        d = {"a": x}
        if x.sum() > 0:
            d["b"] = x
        return x + 1 if "b" in d else x

    with pytest.raises(TypeError, match="the keys of a dict are asked for"):
        to_static(asks)(paddle.ones([2]))


def test_containers_of_a_layer_in_branches() -> None:
    class Caching(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.cache: dict[str, Any] = {}

        def forward(self, x: Any) -> Any:
            self.cache["b"] = x * 2
            if x.mean() > 0:
                self.cache["w"] = x + 1
                return self.cache["w"] * self.cache["b"]
            return self.cache["b"]

    dynamic, traced = Caching(), to_static(Caching())
    for x in (paddle.ones([2]), -paddle.ones([2]), paddle.ones([3])):
        assert traced(x).tolist() == dynamic(x).tolist()


def test_entries_behind_the_end_of_a_list_are_not_read() -> None:
    def taken(x: Any) -> Any:
        items = []
        for _ in range(paddle.shape(x)[0]):
            items.append(x)
        items.pop()
        return items[1]

    traced = to_static(taken, input_spec=[InputSpec([None])])
    assert traced(paddle.ones([3])).tolist() == [1, 1, 1]
    with pytest.raises(IndexError):
        traced(paddle.ones([2]))


def test_names_before_2_5() -> None:
    from minipaddle.fluid.dygraph import declarative
    from minipaddle.fluid.dygraph.dygraph_to_static.program_translator import StaticLayer
    from minipaddle.fluid.dygraph.dygraph_to_static.utils import Dygraph2StaticException as Old

    assert isinstance(declarative(plain), StaticLayer) and Old is Dygraph2StaticException
    assert isinstance(declarative(input_spec=[InputSpec([None])])(plain), StaticLayer)


def test_integers_of_two_types_may_be_handed_on() -> None:
    def chosen(x: Any) -> Any:
        items = []
        if x.sum() > 0:
            items.append(x)
        else:
            items.append(paddle.full([1, 2], 9, dtype="int64"))
        return items[0]

    traced = to_static(chosen)
    one = paddle.to_tensor([1, 1], dtype="int32")
    assert traced(one).dtype == paddle.int32 and traced(-one).dtype == paddle.int64 and traced(-one).tolist() == [[9, 9]]
    with pytest.raises(TypeError, match="D2S105"):
        to_static(lambda x: chosen(x) + 1)(one)


def test_build_strategy_is_checked() -> None:
    with pytest.raises(TypeError, match="BuildStrategy"):
        to_static(plain, build_strategy="x")
    assert to_static(plain, build_strategy=paddle.static.BuildStrategy())(paddle.ones([1])).item() == 0.5


def test_accuracy_in_every_mode() -> None:
    scores, labels = paddle.to_tensor([[0.1, 0.9], [0.8, 0.2]]), paddle.to_tensor([[1], [1]])
    assert float(paddle.static.accuracy(scores, labels)) == 0.5
    assert float(to_static(paddle.static.accuracy)(scores, labels)) == 0.5
    made = paddle.tensor.math._multiply_with_axis(paddle.ones([2, 3]), paddle.to_tensor([2.0, 3.0]), axis=0)
    assert made.tolist() == [[2, 2, 2], [3, 3, 3]]


def test_what_test_helpers_of_paddle_do() -> None:
    def run() -> Any:
        return to_static(plain)(paddle.ones([2])).tolist()

    assert not paddle.base.core._is_bwd_prim_enabled() and paddle.framework.core is paddle.base.core
    paddle.base.core._set_prim_all_enabled(True)
    paddle.set_flags({"FLAGS_enable_pir_in_executor": True})
    try:
        with paddle.static.scope_guard(paddle.static.Scope()), paddle.static.program_guard(paddle.static.Program()):
            assert run() == [0.5, 0.5]
    finally:
        paddle.set_flags({"FLAGS_enable_pir_in_executor": False})
    with paddle.base.unique_name.guard(), paddle.pir_utils.IrGuard():
        paddle.disable_static()
        assert run() == [0.5, 0.5]


def test_small_helpers() -> None:
    x = paddle.to_tensor([[1.0, 2.0], [0.0, 4.0]])
    casts = to_static(lambda v: (bool(v), float(v > 1), int(v[0, 1])))(x)
    assert [c.tolist() for c in casts] == [[[True, True], [False, True]], [[0, 1], [0, 1]], 2]
    assert paddle.utils.flatten({"b": [1, (2, 3)], "a": 4}) == [4, 1, 2, 3]
    assert paddle.utils.map_structure(lambda a, b: a + b, [1, {"k": 2}], [3, {"k": 4}]) == [4, {"k": 6}]
    assert paddle.utils.pack_sequence_as([0, [0, 0]], [1, 2, 3]) == [1, [2, 3]]
    with pytest.raises(ValueError, match="structures differ"):
        paddle.utils.map_structure(lambda a, b: a, [1], [1, 2])
    assert x.place._equals(paddle.CPUPlace())
    leaf = paddle.ones([1])
    leaf.stop_gradient = False
    a = paddle.to_tensor([3.0], stop_gradient=False)
    leaf._inplace_assign(a * 2)
    leaf.sum().backward()
    assert leaf.tolist() == [6] and a.grad.tolist() == [2]


def test_lists_of_traced_functions_in_layers_of_1x() -> None:
    from minipaddle.fluid import layers

    def joined(x: Any) -> Any:
        items = []
        for _ in range(paddle.shape(x)[0]):
            items.append(x)
        return layers.concat(items, axis=0), layers.stack(items, axis=1)

    one, two = to_static(joined)(paddle.to_tensor([1.0, 2.0]))
    assert one.tolist() == [1, 2, 1, 2] and two.tolist() == [[1, 1], [2, 2]]
