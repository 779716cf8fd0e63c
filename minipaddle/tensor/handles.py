"""Paddle's ways to a tensor's memory, which its own scripts use: handles, sharing, clearing."""
from __future__ import annotations

from ..core.scope import ScopeTensor, ScopeVariable
from ..core.tensor import Tensor, isinstance_strict, tensor_method
from ..errors import WrongTypeError

__all__: list[str] = []


@tensor_method("get_tensor")
def get_tensor(x: Tensor) -> ScopeTensor:
    """A handle that reads and sets the data, as ``scope.find_var(name).get_tensor()`` gives it."""
    holder = ScopeVariable(x.name)
    holder.value = x
    return ScopeTensor(holder)


@tensor_method("_clear", "_clear_data")
def _clear(x: Tensor) -> None:
    """Take the data away; until new data is set the tensor counts as not initialized."""
    x._make_void()


@tensor_method("_offset")
def _offset(x: Tensor) -> int:
    """Where the data begins in its memory: always 0, since a view is a tensor of its own."""
    return 0


@tensor_method("_share_buffer_to", "_share_underline_tensor_to")
def _share_buffer_to(x: Tensor, other: Tensor) -> None:
    """Let `other` have the memory of `x` from now on. TypeError unless it is a Tensor."""
    if not isinstance_strict(other, Tensor):
        raise WrongTypeError(f"_share_buffer_to takes a Tensor, got {type(other).__name__}")
    other._replace(x._data)


@tensor_method("_is_shared_buffer_with", "_is_shared_underline_tensor_with")
def _is_shared_buffer_with(x: Tensor, other: Tensor) -> bool:
    """Whether both begin at the same address."""
    return bool(x.data_ptr() == other.data_ptr())  # type: ignore[attr-defined]


@tensor_method("_set_grad_ivar")
def _set_grad_ivar(x: Tensor, value: Tensor | None) -> None:
    """Set the gradient; the same as ``x.grad = value``."""
    x.grad = value


@tensor_method("_zero_grads")
def _zero_grads(x: Tensor) -> None:
    """Set the gradient to zeros, also where there was none."""
    x._more().grad, x._more().zero_grad = None, True


@tensor_method("_is_gradient_set_empty")
def _is_gradient_set_empty(x: Tensor) -> bool:
    """Whether there is no gradient, or it was cleared since it was computed."""
    return x._extra is None or x._extra.grad is None


@tensor_method("_grad_name")
def _grad_name(x: Tensor) -> str:
    """The name that the gradient has in Programs."""
    return x.name + "@GRAD"


@tensor_method("_reset_grad_inplace_version")
def _reset_grad_inplace_version(x: Tensor, set_to_zero: bool = True) -> None:
    """Count changes of the gradient in place from 0 again."""
    if x.grad is not None:
        x.grad._version[0] = 0
