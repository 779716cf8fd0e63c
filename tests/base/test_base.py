"""``paddle.base``: the low-level names of Paddle 2.6, and layers written with them."""
from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.base import backward as base_backward
from minipaddle.base import core
from minipaddle.base.data_feeder import convert_float_to_uint16, convert_uint16_to_float
from minipaddle.base.framework import convert_np_dtype_to_dtype_, grad_var_name
from minipaddle.base.layer_helper import LayerHelper
from minipaddle.pir_utils import IrGuard
from minipaddle.pir_utils import test_with_pir_api as once


@pytest.fixture
def programs():
    main, startup = paddle.static.Program(), paddle.static.Program()
    paddle.enable_static()
    with paddle.static.program_guard(main, startup), paddle.utils.unique_name.guard():
        yield main, startup
    paddle.disable_static()


def test_names_under_paddle() -> None:
    code = (
        "import minipaddle; minipaddle.alias()\n"
        "import paddle.base.dygraph.base\n"
        "from paddle import base\n"
        "from paddle.base import Program, core, program_guard, unique_name\n"
        "from paddle.base.backward import append_backward\n"
        "from paddle.base.data_feeder import check_variable_and_dtype\n"
        "from paddle.pir_utils import test_with_pir_api\n"
        "assert base.Program is Program is paddle.static.Program and base.Executor is paddle.static.Executor\n"
        "assert core.eager.Tensor is paddle.Tensor\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_element_types_are_dtypes() -> None:
    kinds = core.VarDesc.VarType
    assert paddle.ones([2]).dtype == kinds.FP32 and int(kinds.FP32) == 5
    assert paddle.ones([2]).type == kinds.LOD_TENSOR and int(kinds.LOD_TENSOR) == 7
    assert isinstance(paddle.float32, kinds) and isinstance(kinds.RAW, kinds) and not isinstance("x", kinds)
    assert paddle.ones([2]).astype(kinds.INT64).dtype is paddle.int64


@pytest.mark.parametrize(
    "given, name", [("double", "float64"), ("half", "float16"), ("int", "int64"), (np.uint8, "uint8"), ("uint16", "bfloat16")]
)
def test_numpy_names_of_dtypes(given: object, name: str) -> None:
    assert convert_np_dtype_to_dtype_(given).name == name


def test_numpy_name_as_dtype() -> None:
    assert paddle.zeros([1], "double").dtype is paddle.float64


def test_gradient_names() -> None:
    assert grad_var_name("w") == "w@GRAD" and core.kEmptyVarName() == "@EMPTY@"


def test_a_layer_of_ones_own(programs) -> None:
    def scaled(x, act=None, param_attr=None):
        helper = LayerHelper("scaled", **locals())
        weight = helper.create_parameter(helper.param_attr, [x.shape[1], 2], helper.input_dtype("x"))
        out = helper.create_variable_for_type_inference(x.dtype)
        helper.append_op(type="mul", inputs={"X": x, "Y": weight}, outputs={"Out": out}, attrs={"x_num_col_dims": 1, "y_num_col_dims": 1})
        return helper.append_activation(out)

    x = paddle.static.data("x", [None, 3])
    y = scaled(x, act="relu", param_attr=paddle.nn.initializer.Constant(2.0))
    assert y.shape == (-1, 2) and programs[0].all_parameters()[0].name.startswith("scaled_")
    exe = paddle.static.Executor()
    exe.run(programs[1])
    assert exe.run(programs[0], feed={"x": np.ones([4, 3], "float32")}, fetch_list=[y])[0].tolist() == [[6.0, 6.0]] * 4


def test_a_layer_needs_static_mode() -> None:
    with pytest.raises(AssertionError, match="enable_static"):
        LayerHelper("own").append_op(type="relu")


def test_programs_have_one_form() -> None:
    with IrGuard():
        assert not paddle.in_dynamic_mode()
    assert paddle.in_dynamic_mode()
    seen = []
    once(seen.append)(1)
    assert seen == [1]


def test_seeds_of_programs(programs) -> None:
    paddle.framework.random._manual_program_seed(7)
    assert [p.random_seed for p in programs] == [7, 7]


def test_place_as_second_argument() -> None:
    t = core.eager.Tensor(np.ones([2], "float64"), paddle.CPUPlace())
    assert t.dtype is paddle.float64 and t.place.is_cpu_place()


def test_methods_of_tensors() -> None:
    x = paddle.to_tensor([[1.0, 2.0], [3.0, 4.0]], stop_gradient=False)
    (x * 2).sum().backward()
    assert x._grad_ivar().tolist() == [[2.0, 2.0]] * 2 and x._numel() == 4
    x._copy_gradient_from(paddle.ones([2, 2]))
    assert x.grad.tolist() == [[1.0, 1.0]] * 2
    assert x._slice(1, 2).tolist() == [[3.0, 4.0]]
    before = x.inplace_version
    x._bump_inplace_version()
    assert x.inplace_version == before + 1
    y = paddle.ones([2])
    assert y._to(dtype="float64") is y and y.dtype is paddle.float64
    with pytest.raises(ValueError, match="device"):
        y._to(device=1)


def test_constructors_of_core_eager_tensor() -> None:
    array, place = np.ones([2, 2], "float64"), paddle.CPUPlace()
    t = core.eager.Tensor(array, place, True, False, "given", False)
    assert (t.persistable, t.name, t.stop_gradient, t.dtype) == (True, "given", False, paddle.float64)
    t = core.eager.Tensor(value=array, place=place, persistable=True, zero_copy=False, name="x", stop_gradient=True)
    assert (t.persistable, t.name, t.stop_gradient) == (True, "x", True)
    assert core.eager.Tensor(paddle.ones([3]), place, "copied").name == "copied"
    t = core.eager.Tensor(paddle.float32, [3, 4], "described", core.VarDesc.VarType.LOD_TENSOR, True)
    assert (t.shape, t.name, t.persistable, t._is_initialized()) == ([3, 4], "described", True, False)
    assert str(t) == "Tensor(Not initialized)"
    t.set_value(np.ones([3, 4], "float32"))
    assert t._is_initialized() and t.sum().item() == 12
    assert core.eager.Tensor()._numel() == 0


def test_memory_of_tensors() -> None:
    x, empty = paddle.arange(4, dtype="float32"), core.eager.Tensor()
    x._share_buffer_to(empty)
    assert x._is_shared_buffer_with(empty) and x._offset() == 0
    handle = x.value().get_tensor()
    assert handle.shape() == [4] and handle._dtype() == core.VarDesc.VarType.FP32 and isinstance(handle, core.LoDTensor)
    handle._set_float_element(1, 7.5)
    assert x.tolist() == [0.0, 7.5, 2.0, 3.0] and handle._get_float_element(1) == 7.5
    handle.set(np.zeros([2], "float32"), paddle.CPUPlace())
    assert x.tolist() == [0.0, 0.0] and paddle.to_tensor(handle).tolist() == [0.0, 0.0]
    x._clear()
    assert str(x) == "Tensor(Not initialized)"


def test_tensors_become_variables() -> None:
    layer = paddle.nn.Linear(2, 3, weight_attr=paddle.ParamAttr(learning_rate=0.5))
    parameter = layer.weight._to_static_var()
    assert isinstance(parameter, paddle.base.framework.Parameter) and parameter.name == layer.weight.name
    assert parameter.optimize_attr["learning_rate"] == 0.5 and layer.weight.block is parameter.block
    plain = paddle.ones([3])._to_static_var()
    assert isinstance(plain, paddle.base.framework.Variable) and not isinstance(plain, paddle.base.framework.Parameter)


def test_parameters_without_a_value() -> None:
    made = paddle.base.framework.EagerParamBase(shape=[2, 3], dtype="float64", name="p", trainable=False)
    assert (made.shape, made.dtype, made.trainable) == ([2, 3], paddle.float64, False)
    with pytest.raises(ValueError, match="shape"):
        paddle.base.framework.EagerParamBase(shape=[], dtype="float32")


def test_streams_of_single_variables(tmp_path) -> None:
    file = str(tmp_path / "t")
    core.save_lod_tensor(core.LoDTensor(np.arange(3.0)), file)
    read = core.LoDTensor()
    core.load_lod_tensor(read, file)
    assert read.tolist() == [0.0, 1.0, 2.0]
    rows = core.SelectedRows([0, 4], 10)
    with pytest.raises(ValueError, match="no rows"):
        paddle.save(rows, file, use_binary_format=True)
    rows.get_tensor().set(np.ones([2, 3], "float32"))
    core.save_selected_rows(rows, file)
    read = core.SelectedRows([], 0)
    core.load_selected_rows(read, file)
    assert (read.rows(), read.height(), np.asarray(read.get_tensor()).shape) == ([0, 4], 10, (2, 3))
    with pytest.raises(RuntimeError, match="Cannot open"):
        core.load_lod_tensor(core.LoDTensor(), str(tmp_path / "none"))


def test_nested_structures() -> None:
    nested = [{"b": 1, "a": 2}, (3, [])]
    assert paddle.utils.flatten(nested) == [2, 1, 3]
    assert paddle.utils.map_structure(lambda x, y: x + y, nested, nested) == [{"b": 2, "a": 4}, (6, [])]
    assert paddle.utils.pack_sequence_as(nested, (7, 8, 9)) == [{"b": 8, "a": 7}, (9, [])]
    with pytest.raises(ValueError, match="3 leaves"):
        paddle.utils.pack_sequence_as(nested, [1])
    paddle.utils.assert_same_structure(nested, nested)
    with pytest.raises(TypeError, match="different types"):
        paddle.utils.assert_same_structure([1], (1,))


def test_operators_by_type_and_functions_below_the_public_ones() -> None:
    x = paddle.to_tensor([[1.0, 2.0]], stop_gradient=False)
    y = paddle._legacy_C_ops.matmul_v2(x, x, "trans_x", False, "trans_y", True)
    y.backward()
    assert y.tolist() == [[5.0]] and x.grad.tolist() == [[2.0, 4.0]]
    assert paddle._C_ops.relu(paddle.to_tensor([-1.0, 1.0])).tolist() == [0.0, 1.0]
    with pytest.raises(TypeError, match="takes the inputs X, Y"):
        paddle._legacy_C_ops.matmul_v2(x, x, x)
    with pytest.raises(AttributeError, match="no operator"):
        paddle._legacy_C_ops.nothing_like_it  # noqa: B018


def test_helpers_of_packages() -> None:
    @paddle.utils.deprecated(update_to="paddle.new", since="2.0")
    def old() -> int:
        return 3

    with pytest.warns(DeprecationWarning, match="paddle.new"):
        assert old() == 3
    paddle.utils.require_version("2.0")
    with pytest.raises(Exception, match="VersionError"):
        paddle.utils.require_version("99.0")
    with pytest.raises(ValueError, match="must look like"):
        paddle.utils.require_version("2.a")
    with pytest.raises(ImportError, match="no_such_module"):
        paddle.utils.try_import("no_such_module")


def test_more_names_of_paddles_tests() -> None:
    array = np.array([1.0, -2.5], "float32")
    np.testing.assert_array_equal(convert_uint16_to_float(convert_float_to_uint16(array)), array)
    assert base_backward._append_grad_suffix_("x") == "x@GRAD" and base_backward._as_list(None) == []
    assert paddle.framework.core is core and paddle.base.libpaddle is core
    with pytest.raises(RuntimeError, match="not supported"):
        core.XPUPlace(0)
    assert issubclass(core.EnforceNotMet, RuntimeError)


def test_one_engine() -> None:
    framework = paddle.base.framework
    framework._enable_legacy_dygraph()
    with framework._test_eager_guard():
        assert not framework._in_legacy_dygraph()
