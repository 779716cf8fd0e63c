"""How layers call operators with names that count per layer, as in Paddle 1.x; there are no 0-d values."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.context import context
from ..core.dispatch import call
from ..core.parameters import create_parameter
from ..core.program import Variable
from ..core.recorder import StaticRecorder
from ..dtypes import DType, as_dtype
from ..nn.initializer import Constant, Initializer, XavierUniform
from ..nn.param_attr import ParamAttr
from ..ops.registry import OPS, find_op
from ..utils import unique_name

__all__ = ["Helper", "attr_list", "run"]


class Helper:
    """One use of a layer: `name` begins the names of its parameters (``fc_0.w_0``) and results (``fc_0.tmp_0``)."""

    def __init__(self, kind: str, name: str | None = None) -> None:
        self.kind = kind
        self.name = unique_name.generate(kind) if name is None else name

    def __call__(self, type: str, *inputs: Any, **attrs: Any) -> Any:
        """Run or record operator `type`; see `core.dispatch.call`."""
        recorder = context.recorder
        if not isinstance(recorder, StaticRecorder):
            return call(find_op(type), *inputs, **attrs)
        with recorder.helper(self.name):
            outputs = call(find_op(type), *inputs, **attrs)
        for v in outputs if isinstance(outputs, tuple) else (outputs,):
            if isinstance(v, Variable) and v.static_shape == ():
                v._shape = (1,)
        return outputs

    def into(self, outputs: dict[str, Any], type: str, *inputs: Any, **attrs: Any) -> Any:
        """As calling, with existing Variables for some output slots (static mode); returns what calling returns."""
        recorder = context.recorder
        if not isinstance(recorder, StaticRecorder):
            made = call(find_op(type), *inputs, **attrs)
            only = next(iter(outputs.values()))
            only._assign_array(made._data)
            return only
        made = self(type, *inputs, **attrs)
        if recorder.regions and made is not None and not isinstance(made, tuple):  # inside of cond or while_loop
            return recorder.in_place(next(iter(outputs.values())), made)
        op = recorder.block.ops[-1]
        for slot, v in outputs.items():
            for old in op.outputs[slot]:
                recorder.block.vars.pop(old, None)
            op.outputs[slot] = [v.name]
            if made is not None and not isinstance(made, tuple):
                if v.static_shape == () or not v.static_shape:
                    v._shape = made._shape
                v._stop_gradient = made._stop_gradient
                made = v
        recorder.program.touch()
        return made

    def parameter(
        self, attr: Any, shape: Sequence[int], dtype: Any, is_bias: bool = False, default_initializer: Initializer | None = None
    ) -> Any:
        """The parameter that `attr` (anything ParamAttr stands for) describes; None for False."""
        chosen = ParamAttr._to_attr(attr)
        if chosen is False:
            return None
        kind = as_dtype(dtype)
        initializer = chosen.initializer or default_initializer or (Constant(0.0) if is_bias else XavierUniform())
        size = [int(n) for n in shape]
        name = chosen.name or unique_name.generate(f"{self.name}.{'b' if is_bias else 'w'}")
        return create_parameter(
            size, kind, name, lambda: initializer.values(size, kind), trainable=chosen.trainable,
            optimize_attr={"learning_rate": chosen.learning_rate}, regularizer=chosen.regularizer, need_clip=chosen.need_clip,
        )  # fmt: skip

    def bias(self, x: Any, attr: Any, axis: int, size: Sequence[int] | None = None) -> Any:
        """`x` plus a bias over the dimensions from `axis` on (`size`: its shape, if that is another)."""
        b = self.parameter(attr, list(x.shape[axis:]) if size is None else size, x.dtype, is_bias=True)
        return x if b is None else self("elementwise_add", x, b, axis=axis)

    def act(self, x: Any, act: Any) -> Any:
        """`x` after the activation: its name, a dict with "type" and attributes, or None."""
        if act is None:
            return x
        attrs = {"type": act} if isinstance(act, str) else dict(act)
        kind = attrs.pop("type")
        if kind not in OPS:
            raise ValueError(f"{self.kind}: there is no activation {kind!r}")
        return self(kind, x, **attrs)


def run(type: str, *inputs: Any, name: str | None = None, helper: str | None = None, **attrs: Any) -> Any:
    """One operator as a layer of its own, whose names begin with `helper` (its type unless given)."""
    return Helper(helper or type, name)(type, *inputs, **attrs)


def attr_list(attr: Any, count: int) -> list[Any]:
    """One attribute per input: a list as it is, anything else `count` times."""
    if isinstance(attr, (list, tuple)):
        if len(attr) != count:
            raise ValueError(f"{len(attr)} parameter attributes for {count} inputs")
        return list(attr)
    if count > 1 and isinstance(attr, ParamAttr) and attr.name is not None:
        # as in 1.x each input has a parameter of its own: only the first may take the name
        import copy

        rest = copy.copy(attr)
        rest.name = None
        return [attr] + [rest] * (count - 1)
    return [attr] * count


def dtype_of(value: Any) -> DType:
    """The dtype that a string, a number of 1.x (``core.VarDesc.VarType.FP32``) or a DType stands for."""
    return as_dtype(value)
