"""Backward from several tensors at once."""
from __future__ import annotations

from typing import Any

from ..core import tape
from ..errors import MisusedTensorError
from ..tensor.gradient import flag_of, seeds_of, tensors_of

__all__ = ["backward"]


def backward(tensors: Any, grad_tensors: Any = None, retain_graph: bool = False) -> None:
    """Add to ``.grad`` of every leaf the gradient of the sum of `tensors`, weighted by `grad_tensors` (default ones).

    tensors: a Tensor or a list of different Tensors. grad_tensors: a Tensor or None for each of them, of its shape.
    retain_graph: keep what the walk needs, so that it can be done again. AssertionError for wrong arguments.
    """
    outputs = tensors_of(tensors, "tensors")
    if len({id(t) for t in outputs}) != len(outputs):
        raise MisusedTensorError("tensors holds the same Tensor more than once")
    tape.run_backward(outputs, seeds_of(grad_tensors, outputs, "grad_tensors"), flag_of(retain_graph, "retain_graph"))
