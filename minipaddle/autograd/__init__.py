"""``paddle.autograd``: gradients of tensors, custom differentiable functions, Jacobians and Hessians."""
from __future__ import annotations

from ..core.grad_mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from ..tensor.gradient import grad
from .backward_mode import backward
from .functional import Hessian, Jacobian, hessian, jacobian, jvp, vjp
from .py_layer import PyLayer, PyLayerContext
from .saved_tensors_hooks import saved_tensors_hooks

__all__ = [
    "Hessian",
    "Jacobian",
    "PyLayer",
    "PyLayerContext",
    "backward",
    "enable_grad",
    "grad",
    "hessian",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "no_grad",
    "saved_tensors_hooks",
    "set_grad_enabled",
    "vjp",
]
