"""Names that are in `base` since Paddle 2.5, under the names they had in `fluid`."""
from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from minipaddle import base, fluid
from minipaddle.fluid.op import Operator
from minipaddle.jit.arguments import parse_arg_and_kwargs


def test_modules_of_fluid_that_are_in_base() -> None:
    code = (
        "import minipaddle; minipaddle.alias()\n"
        "from paddle.fluid.layer_helper import LayerHelper\n"
        "from paddle.fluid.wrapped_decorator import signature_safe_contextmanager\n"
        "from paddle.fluid.framework import OpProtoHolder, _current_expected_place, convert_np_dtype_to_dtype_\n"
        "from paddle.fluid.data_feeder import check_variable_and_dtype, convert_dtype\n"
        "from paddle.fluid.dygraph.layers import Layer\n"
        "from paddle.fluid.layers.utils import flatten\n"
        "from paddle.fluid.proto import framework_pb2\n"
        "import paddle.fluid.core as core\n"
        "import paddle\n"
        "assert Layer is paddle.nn.Layer and core.get_all_op_protos() and framework_pb2.OpProto\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert fluid.framework.Parameter is base.framework.Parameter and fluid.core.eager is base.core.eager
    with pytest.raises(AttributeError, match="nothing_like_it"):
        fluid.core.nothing_like_it  # noqa: B018


def test_operators_by_slots_and_attributes() -> None:
    scope = fluid.core.Scope()
    for name, value in (("a", np.ones([2, 3])), ("b", np.full([3, 2], 2.0))):
        scope.var(name).get_tensor().set(value, fluid.CPUPlace())
    op = Operator("mul", X="a", Y="b", Out="c", x_num_col_dims=1)
    op.run(scope, fluid.CPUPlace())
    assert np.array(scope.find_var("c").get_tensor()).tolist() == [[6.0, 6.0], [6.0, 6.0]]
    assert Operator.get_op_inputs("sum") == [("X", True)] and Operator.get_op_output_names("mul") == ["Out"]
    assert "x_num_col_dims" in Operator.get_op_attr_names("mul") and "relu" in Operator.types()
    for wrong in (lambda: Operator("no_such"), lambda: Operator("mul", X="a", Z="b")):
        with pytest.raises(ValueError):
            wrong()


def test_arguments_of_functions() -> None:
    def function(x, axis=-1, name=None):
        return x

    assert parse_arg_and_kwargs(function) == (["x", "axis", "name"], {"axis": -1, "name": None})
