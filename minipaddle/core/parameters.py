"""Where parameters come from: eagerly they are computed at once, in static mode their making goes to the startup Program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import dtypes
from .context import context
from .tensor import Parameter

__all__ = ["create_parameter"]


def create_parameter(
    shape: Sequence[int],
    dtype: Any,
    name: str,
    make: Callable[[], Any],
    *,
    trainable: bool = True,
    optimize_attr: dict[str, float] | None = None,
    regularizer: Any = None,
    need_clip: bool = True,
    stop_gradient: bool | None = None,
) -> Any:
    """A parameter named `name` whose first value is what `make()` returns.

    `make` calls operators through the dispatcher and returns one tensor of this shape and dtype. Eagerly, and while a function
    is traced, it runs at once and a `Parameter` comes back. In static mode (a recorder that does not trace) the recorder's
    ``create_parameter`` runs it on the startup Program, lets its result be named `name`, and gives a persistable Variable of
    the main Program.
    """
    shape = [int(n) for n in shape]
    recorder = context.recorder
    if recorder is not None and not recorder.tracing:
        return recorder.create_parameter(
            shape, dtypes.as_dtype(dtype), name, make, trainable=trainable, optimize_attr=optimize_attr, regularizer=regularizer,
            need_clip=need_clip, stop_gradient=stop_gradient,
        )  # fmt: skip
    context.recorder = None
    grad_enabled, context.grad_enabled = context.grad_enabled, False
    try:
        value = make()
    finally:
        context.recorder, context.grad_enabled = recorder, grad_enabled
    parameter = Parameter(
        value, name=name, trainable=trainable, optimize_attr=optimize_attr, regularizer=regularizer, need_clip=need_clip
    )
    if stop_gradient is not None:
        parameter.stop_gradient = stop_gradient
    if recorder is not None:
        recorder.made.append(parameter)
    return parameter
