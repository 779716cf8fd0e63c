"""``base.layer_helper``: how layers written outside of minipaddle append operators by type, in static mode."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..core.program import Operator, Program, Variable
from ..dtypes import DType, get_default_dtype
from ..fluid.helper import Helper
from ..nn.initializer import Initializer
from ..nn.param_attr import ParamAttr
from ..static.program import default_main_program, default_startup_program, static_recorder
from ..utils import unique_name

__all__ = ["LayerHelper"]


class LayerHelper:
    """One use of a layer. kwargs: the layer's arguments by name; of them `name`, `act`, `param_attr`, `bias_attr` and `dtype` count.

    Operators are appended to the default main Program, so it works in static mode only; in dynamic mode call functions of `paddle`.
    """

    def __init__(self, layer_type: str, **kwargs: Any) -> None:
        self.kwargs, self.layer_type = kwargs, layer_type
        self._helper = Helper(layer_type, kwargs.get("name"))
        self.name = self._helper.name

    @property
    def main_program(self) -> Program:
        """Where operators go."""
        return default_main_program()

    @property
    def startup_program(self) -> Program:
        """Where the making of parameters goes."""
        return default_startup_program()

    @property
    def param_attr(self) -> Any:
        """The ParamAttr of weights."""
        return ParamAttr._to_attr(self.kwargs.get("param_attr"))

    @property
    def bias_attr(self) -> Any:
        """The ParamAttr of the bias, False for no bias."""
        return ParamAttr._to_attr(self.kwargs.get("bias_attr"))

    def multiple_input(self, input_param_name: str = "input") -> list[Any]:
        """That argument as a list of variables."""
        value = self.kwargs.get(input_param_name, [])
        return list(value) if isinstance(value, (list, tuple)) else [value]

    def input(self, input_param_name: str = "input") -> Any:
        """That argument, which must be one variable; ValueError for several."""
        values = self.multiple_input(input_param_name)
        if len(values) != 1:
            raise ValueError(f"{self.layer_type} layer only takes one input, got {len(values)}")
        return values[0]

    def iter_inputs_and_params(self, input_param_name: str = "input") -> Iterator[tuple[Any, Any]]:
        """Pairs of an input and the ParamAttr for it."""
        values = self.multiple_input(input_param_name)
        attrs = self.param_attr if isinstance(self.param_attr, list) else [self.param_attr] * len(values)
        return zip(values, attrs, strict=True)

    def input_dtype(self, input_param_name: str = "input") -> DType | None:
        """The dtype that all variables of that argument have; ValueError if they differ."""
        kinds = {v.dtype for v in self.multiple_input(input_param_name)}
        if len(kinds) > 1:
            raise ValueError(f"{self.layer_type}: the inputs have data types {sorted(k.name for k in kinds)}; they must be the same")
        return next(iter(kinds), None)

    def create_parameter(
        self, attr: Any, shape: Sequence[int], dtype: Any = None, is_bias: bool = False, default_initializer: Initializer | None = None,
        stop_gradient: bool = False, type: str = "LOD_TENSOR",
    ) -> Any:  # fmt: skip
        """A new parameter; None where `attr` is False."""
        made = self._helper.parameter(attr, shape, dtype or get_default_dtype(), is_bias, default_initializer)
        if made is not None and stop_gradient:
            made.stop_gradient = True
        return made

    def create_variable_for_type_inference(self, dtype: Any, stop_gradient: bool = False, shape: Sequence[int] | None = None) -> Variable:
        """A variable for an operator's output; its shape is found when the operator is appended."""
        name = unique_name.generate(f"{self.name}.tmp")
        return static_recorder("LayerHelper").block.create_var(name, shape, dtype, stop_gradient=stop_gradient)

    def create_variable(self, **options: Any) -> Variable:
        """A variable of the current block; options as for `Block.create_var`."""
        return static_recorder("LayerHelper").block.create_var(**options)

    def create_global_variable(self, persistable: bool = False, **options: Any) -> Variable:
        """A variable of the Program's first block."""
        options.setdefault("name", unique_name.generate(f"{self.name}.tmp"))
        return self.main_program.global_block().create_var(persistable=persistable, **options)

    def create_or_get_global_variable(self, name: str, **options: Any) -> tuple[Variable, bool]:
        """The variable of the first block with this name, and whether it was made now."""
        block = self.main_program.global_block()
        if block.has_var(name):
            return block.var(name), False
        return self.create_global_variable(name=name, **options), True

    def set_variable_initializer(self, var: Variable, initializer: Initializer) -> Variable:
        """Let the startup Program give a persistable variable its first value."""
        recorder = static_recorder("LayerHelper")
        recorder.create_parameter(
            list(var.static_shape), var.dtype, var.name, lambda: initializer.values(list(var.static_shape), var.dtype), trainable=False
        )
        return var

    def append_op(self, *args: Any, **kwargs: Any) -> Operator:
        """Append an operator to the current block; see `Block.append_op`."""
        return static_recorder("LayerHelper").block.append_op(*args, **kwargs)

    def append_bias_op(self, input_var: Any, dim_start: int = 1, dim_end: int | None = None) -> Any:
        """`input_var` plus a bias over dimensions `dim_start` to `dim_end`; as it is without a bias_attr."""
        return self._helper.bias(input_var, self.bias_attr, dim_start, list(input_var.shape[dim_start:dim_end]))

    def append_activation(self, input_var: Any) -> Any:
        """`input_var` after the layer's activation, argument `act`."""
        return self._helper.act(input_var, self.kwargs.get("act"))
