"""``paddle.base``: the low-level names of Paddle 2.6, and layers written with them."""
from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle.base import core
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
