"""Making tensors, and changing what they are."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.context import context
from ...core.control_flow import TensorArray, grown
from ...core.program import Variable
from ...core.tensor import TensorBase
from ...dtypes import as_dtype
from ...nn.initializer import Initializer
from ...nn.param_attr import ParamAttr
from ...nn.parameter import create_parameter as make_parameter
from ...static.program import create_global_var as make_global_var
from ...static.program import static_recorder
from ...tensor.creation import to_tensor
from ...utils import unique_name
from ..helper import Helper, run

__all__ = [
    "argmax", "argmin", "argsort", "assign", "cast", "concat", "create_global_var", "create_parameter", "create_tensor", "diag", "eye",
    "fill_constant", "fill_constant_batch_size_like", "has_inf", "has_nan", "isfinite", "linspace", "ones", "ones_like", "range",
    "reverse", "sums", "tril", "triu", "zeros", "zeros_like",
]  # fmt: skip


def create_tensor(dtype: Any, name: str | None = None, persistable: bool = False) -> Variable:
    """A Variable of the current block without a value yet."""
    block = static_recorder("create_tensor").block
    return block.create_var(name or unique_name.generate("create_tensor"), (), as_dtype(dtype), persistable=persistable)


def create_parameter(
    shape: Sequence[int],
    dtype: Any,
    name: str | None = None,
    attr: ParamAttr | None = None,
    is_bias: bool = False,
    default_initializer: Initializer | None = None,
) -> Any:
    """A parameter of this shape, as `attr` and `default_initializer` say."""
    return make_parameter(shape, dtype, name, attr, is_bias, default_initializer)


def create_global_var(
    shape: Sequence[int], value: float, dtype: Any, persistable: bool = False, force_cpu: bool = False, name: str | None = None
) -> Variable:
    """A variable that the startup Program fills with `value`."""
    return make_global_var(shape, value, dtype, persistable, force_cpu, name)


def cast(x: Any, dtype: Any) -> Any:
    """`x` in another dtype."""
    return run("cast", x, in_dtype=x.dtype.proto, out_dtype=as_dtype(dtype).proto)


def concat(input: Any, axis: Any = 0, name: str | None = None) -> Any:
    """The tensors of the list `input` one behind the other along `axis`."""
    array = grown(input)  # of a traced function
    if isinstance(array, TensorArray):
        return array.joined(int(axis), False)[0]
    items = list(input) if isinstance(input, (list, tuple)) else [input]
    if isinstance(axis, TensorBase):
        return run("concat", items, axis, name=name)
    return run("concat", items, axis=int(axis), name=name)


def sums(input: Any, out: Any = None) -> Any:
    """The sum of the tensors in `input`, written into `out` if given."""
    items = list(input) if isinstance(input, (list, tuple)) else [input]
    helper = Helper("sum")
    return helper("sum", items) if out is None else helper.into({"Out": out}, "sum", items)


def assign(input: Any, output: Any = None) -> Any:
    """A copy of a tensor or an array, written into `output` if given."""
    helper = Helper("assign")
    if isinstance(input, np.ndarray) or not isinstance(input, TensorBase):
        array = np.asarray(input)
        kinds = {"float32": "fp32_values", "int32": "int32_values", "int64": "int64_values", "bool": "bool_values"}
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        if array.dtype.name not in kinds:
            raise TypeError(f"assign: the array must be float32, int32, int64 or bool, got {array.dtype}")
        values = {kinds[array.dtype.name]: array.reshape(-1).tolist()}
        attrs = {"shape": list(array.shape), "dtype": as_dtype(array.dtype).proto, **values}
        return helper("assign_value", **attrs) if output is None else helper.into({"Out": output}, "assign_value", **attrs)
    return helper("assign", input) if output is None else helper.into({"Out": output}, "assign", input)


def fill_constant(shape: Any, dtype: Any, value: Any, force_cpu: bool = False, out: Any = None, name: str | None = None) -> Any:
    """A tensor full of `value`. shape: ints, a list with Variables in it, or a Variable."""
    helper = Helper("fill_constant", name)
    kind = as_dtype(dtype)
    attrs: dict[str, Any] = {"dtype": kind.proto, "force_cpu": force_cpu}
    value_tensor = value if isinstance(value, TensorBase) else None
    if value_tensor is None:
        attrs["value"] = float(value)
        attrs["str_value"] = str(int(value)) if kind.np.kind in "iu" else str(float(value))
    shape_tensor = parts = None
    if isinstance(shape, TensorBase):
        shape_tensor = shape
    elif any(isinstance(n, TensorBase) for n in shape):
        parts = [n if isinstance(n, TensorBase) else fill_constant([1], "int32", n, True) for n in shape]
        attrs["shape"] = [-1 if isinstance(n, TensorBase) else int(n) for n in shape]
    else:
        attrs["shape"] = [int(n) for n in shape]
    inputs = (value_tensor, shape_tensor, parts)
    made = helper("fill_constant", *inputs, **attrs) if out is None else helper.into({"Out": out}, "fill_constant", *inputs, **attrs)
    made.stop_gradient = True
    return made


def fill_constant_batch_size_like(
    input: Any, shape: Sequence[int], dtype: Any, value: float, input_dim_idx: int = 0, output_dim_idx: int = 0, force_cpu: bool = False
) -> Any:
    """A tensor full of `value` whose dimension `output_dim_idx` is dimension `input_dim_idx` of `input`."""
    kind = as_dtype(dtype)
    text = str(int(value)) if kind.np.kind in "iu" else str(float(value))
    out = run(
        "fill_constant_batch_size_like", input, shape=[int(n) for n in shape], dtype=kind.proto, value=float(value), str_value=text,
        input_dim_idx=input_dim_idx, output_dim_idx=output_dim_idx, force_cpu=force_cpu,
    )  # fmt: skip
    out.stop_gradient = True
    return out


def ones(shape: Any, dtype: Any, force_cpu: bool = False) -> Any:
    """Ones."""
    return fill_constant(shape, dtype, 1.0, force_cpu)


def zeros(shape: Any, dtype: Any, force_cpu: bool = False) -> Any:
    """Zeros."""
    return fill_constant(shape, dtype, 0.0, force_cpu)


def ones_like(x: Any, out: Any = None) -> Any:
    """Ones in the shape of `x`."""
    helper = Helper("ones_like")
    return helper("fill_any_like", x, value=1.0) if out is None else helper.into({"Out": out}, "fill_any_like", x, value=1.0)


def zeros_like(x: Any, out: Any = None) -> Any:
    """Zeros in the shape of `x`."""
    helper = Helper("zeros_like")
    return helper("fill_zeros_like", x) if out is None else helper.into({"Out": out}, "fill_zeros_like", x)


def argmin(x: Any, axis: int = 0) -> Any:
    """Where along `axis` the smallest value is, int64."""
    return run("arg_min", x, axis=axis, dtype=-1)


def argmax(x: Any, axis: int = 0) -> Any:
    """Where along `axis` the largest value is, int64."""
    return run("arg_max", x, axis=axis, dtype=-1)


def argsort(input: Any, axis: int = -1, descending: bool = False, name: str | None = None) -> Any:
    """The sorted values along `axis`, and where they were."""
    return run("argsort", input, axis=axis, descending=descending, name=name)


def reverse(x: Any, axis: Any) -> Any:
    """`x` turned around along `axis` (an int or a list)."""
    return run("reverse", x, axis=[axis] if isinstance(axis, int) else list(axis))


def _has(type: str, x: Any) -> Any:
    helper = Helper("isinf" if type == "isinf_v2" else "isnan")
    return helper("reduce_any", helper(type, x), reduce_all=True)


def has_inf(x: Any) -> Any:
    """Whether `x` holds an infinity; bool with one element."""
    return _has("isinf_v2", x)


def has_nan(x: Any) -> Any:
    """Whether `x` holds a NaN; bool with one element."""
    return _has("isnan_v2", x)


def isfinite(x: Any) -> Any:
    """Whether `x` holds finite numbers alone; bool with one element."""
    helper = Helper("isfinite")
    return helper("reduce_all", helper("isfinite_v2", x), reduce_all=True)


def range(start: Any, end: Any, step: Any, dtype: Any) -> Any:
    """Numbers from `start` up to but not including `end`."""
    def given(value: Any) -> Any:
        if isinstance(value, TensorBase):
            return value if value.dtype is as_dtype(dtype) else cast(value, dtype)  # type: ignore[attr-defined]
        return fill_constant([1], dtype, value)

    return run("range", given(start), given(end), given(step))


def linspace(start: Any, stop: Any, num: Any, dtype: Any = None) -> Any:
    """`num` numbers evenly spaced from `start` to `stop`."""
    kind = as_dtype("float32" if dtype is None else dtype)
    ends = [v if isinstance(v, TensorBase) else fill_constant([1], kind, v) for v in (start, stop)]
    count = num if isinstance(num, TensorBase) else fill_constant([1], "int32", num)
    return run("linspace", *ends, count, dtype=kind.proto)


def diag(diagonal: Any) -> Any:
    """A square matrix with these numbers (a 1-d Variable or array) on its diagonal, zeros elsewhere."""
    x = diagonal if isinstance(diagonal, TensorBase) else assign(diagonal)
    return run("diag_v2", x, helper="diag")


def eye(num_rows: int, num_columns: int | None = None, batch_shape: Sequence[int] | None = None, dtype: Any = "float32") -> Any:
    """The unit matrix, repeated over `batch_shape`."""
    columns = num_rows if num_columns is None else num_columns
    out = run("eye", num_rows=num_rows, num_columns=columns, dtype=as_dtype(dtype).proto)
    if batch_shape is not None:
        shape = [1] * len(batch_shape) + [num_rows, columns]
        out = run("reshape2", out, shape=shape)
        out = run("expand", out, expand_times=[*batch_shape, 1, 1])
    out.stop_gradient = True
    return out


def tril(input: Any, diagonal: int = 0, name: str | None = None) -> Any:
    """The lower triangle, zeros above."""
    return run("tril_triu", input, diagonal=diagonal, lower=True, name=name)


def triu(input: Any, diagonal: int = 0, name: str | None = None) -> Any:
    """The upper triangle, zeros below."""
    return run("tril_triu", input, diagonal=diagonal, lower=False, name=name)


def as_variable(value: Any) -> Any:
    """A Tensor or Variable out of an array."""
    if isinstance(value, TensorBase):
        return value
    return to_tensor(value) if context.recorder is None else assign(np.asarray(value))
