"""What eager Tensors have to do with Programs: ``x.block`` and ``x._to_static_var()``."""
from __future__ import annotations

from typing import Any

from ..core.program import Block, Variable
from ..core.tensor import EagerParamBase, Tensor
from .program import default_main_program

__all__: list[str] = []


def _block(x: Tensor) -> Block:
    """The block that operators would go to in static mode."""
    return default_main_program().global_block()


def _to_static_var(x: Tensor, to_parameter: bool = False, **kwargs: Any) -> Variable:
    """A Variable of the default main Program with the tensor's name, shape and dtype; a parameter's becomes a parameter.

    kwargs: attributes of it that are to differ.
    """
    block = _block(x)
    if not (to_parameter or isinstance(x, EagerParamBase)):
        options = {"persistable": x.persistable, "stop_gradient": x.stop_gradient, **kwargs}
        return block.create_var(**{"name": x.name, "shape": x.shape, "dtype": x.dtype, **options})
    attributes = {"trainable": not x.stop_gradient}
    for name in ("optimize_attr", "regularizer", "need_clip", "do_model_average", "is_distributed"):
        if hasattr(x, name):
            attributes[name] = getattr(x, name)
    return block.create_parameter(**{"name": x.name, "shape": x.shape, "dtype": x.dtype, **attributes, **kwargs})


setattr(Tensor, "block", property(_block))  # noqa: B010
setattr(Tensor, "_to_static_var", _to_static_var)  # noqa: B010
