"""Switching dynamic mode on and off in 1.x's way, and what is done there without layers."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...autograd import grad as new_grad
from ...backend import xp as backend
from ...core.context import context
from ...core.grad_mode import no_grad
from ...core.program import Program
from ...core.tensor import Tensor, TensorBase, make_tensor
from ...device import get_device, set_device
from ...dtypes import from_numpy
from ...static.program import disable_static, enable_static, program_guard
from ...utils import unique_name

__all__ = ["disable_dygraph", "enable_dygraph", "enabled", "grad", "guard", "no_grad", "to_variable"]


def enabled() -> bool:
    """Whether functions compute at once."""
    return context.recorder is None


def enable_dygraph(place: Any = None) -> None:
    """From now on compute at once; place: the device."""
    disable_static(place)


def disable_dygraph() -> None:
    """From now on write operators into the default Programs."""
    enable_static()


@contextlib.contextmanager
def guard(place: Any = None) -> Iterator[None]:
    """Inside of the ``with`` block functions compute at once (on `place`), names count from zero, and the default Programs are new."""
    recorder, device = context.recorder, get_device()
    context.recorder = None
    try:
        if place is not None:
            set_device(place)
        with program_guard(Program(), Program()), unique_name.guard():
            yield
    finally:
        context.recorder = recorder
        if place is not None:
            set_device(device)


def to_variable(value: Any, name: str | None = None, zero_copy: bool | None = None) -> Any:
    """A Tensor that holds an array (whose dtype stays); Tensors are returned as they are. TypeError for anything else.

    AssertionError in static mode.
    """
    recorder = context.recorder
    assert recorder is None or recorder.tracing, (
        "We only support 'to_variable()' in dynamic graph mode, please call 'paddle.disable_static()' to enter dynamic graph mode."
    )
    if isinstance(value, TensorBase):
        return value
    if not isinstance(value, (np.ndarray, np.generic)):
        raise TypeError(f"The type of 'value' in fluid.dygraph.to_variable must be numpy.ndarray, got {type(value).__name__}")
    array = np.array(value)
    from_numpy(array.dtype)
    t: Tensor = make_tensor(backend.to_module(array, backend.current()))
    if name is not None:
        t.name = name
    return t


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool = False,
    no_grad_vars: Any = None,
    backward_strategy: Any = None,
) -> Any:
    """`paddle.grad`. backward_strategy: has no effect."""
    return new_grad(outputs, inputs, grad_outputs, retain_graph, create_graph, only_inputs, allow_unused, no_grad_vars)
