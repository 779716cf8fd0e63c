"""``paddle.create_parameter``: a parameter outside of any Layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.parameters import create_parameter as make_parameter
from ..dtypes import as_dtype
from ..utils import unique_name
from .initializer import Initializer, chosen_initializer, unique_parameter_name
from .param_attr import ParamAttr

__all__ = ["create_parameter"]


def create_parameter(
    shape: Sequence[int],
    dtype: Any,
    name: str | None = None,
    attr: ParamAttr | None = None,
    is_bias: bool = False,
    default_initializer: Initializer | None = None,
) -> Any:
    """A new trainable parameter of this shape and dtype, initialised as `attr` or `default_initializer` says.

    Without either it starts Xavier-uniform, or with zeros if `is_bias`. TypeError for other argument types.
    """
    if not isinstance(shape, (list, tuple, np.ndarray)):
        raise TypeError(f"create_parameter: shape must be a list or tuple of ints, got {type(shape).__name__}")
    for n in shape:
        if not isinstance(n, (int, np.integer)):
            raise TypeError(f"create_parameter: the entries of shape must be ints, got {type(n).__name__} {n!r}")
    if isinstance(dtype, int):
        raise TypeError(f"create_parameter: dtype must be a name or a paddle dtype, got the int {dtype}")
    if attr is not None and not isinstance(attr, ParamAttr):
        raise TypeError(f"create_parameter: attr must be a ParamAttr or None, got {type(attr).__name__}")
    if default_initializer is not None and not isinstance(default_initializer, Initializer):
        raise TypeError(
            f"create_parameter: default_initializer must be an Initializer or None, got {type(default_initializer).__name__}"
        )
    attr = ParamAttr() if attr is None else attr
    kind = as_dtype(dtype)
    initializer = chosen_initializer(attr.initializer, default_initializer, is_bias)
    chosen = attr.name or name or unique_parameter_name(unique_name.generate("create_parameter"), is_bias)
    size = [int(n) for n in shape]
    return make_parameter(
        size, kind, chosen, lambda: initializer.values(size, kind), trainable=attr.trainable,
        optimize_attr={"learning_rate": attr.learning_rate}, regularizer=attr.regularizer, need_clip=attr.need_clip,
    )  # fmt: skip
