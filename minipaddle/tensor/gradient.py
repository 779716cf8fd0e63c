"""Gradients of tensors: ``x.backward()``, ``paddle.grad``, and hooks."""
from __future__ import annotations

import itertools
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from ..core import tape
from ..core.backward import recorded_gradients
from ..core.context import context
from ..core.custom_gradient import record_hook
from ..core.tensor import Tensor, isinstance_strict, tensor_method
from ..errors import MisusedTensorError, NotSupportedError, WrongTypeError
from ..ops.registry import OPS

__all__ = ["grad"]

_hook_ids = itertools.count()


def tensors_of(value: Any, name: str) -> list[Tensor]:
    """A Tensor or a non-empty list of Tensors, as a list. AssertionError (Paddle's class) for anything else."""
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    if not items:
        raise MisusedTensorError(f"{name} must not be empty")
    for t in items:
        if isinstance_strict(t, Tensor):
            continue
        if isinstance(t, Tensor):
            raise NotSupportedError(
                f"{name} holds the symbolic Variable {t.name!r}: gradients inside of a traced function or a static "
                "Program come from the Program as a whole; call backward() or paddle.grad outside of it"
            )
        raise MisusedTensorError(f"{name} must be a Tensor or a list of Tensors, got {type(t).__name__} {str(t)[:60]}")
    return items


def seeds_of(value: Any, outputs: Sequence[Tensor], name: str) -> list[Tensor | None]:
    """The gradients the walk starts with: a Tensor or None for each output. AssertionError if they do not fit."""
    if value is None:
        return [None] * len(outputs)
    items: list[Tensor | None] = list(value) if isinstance(value, (list, tuple)) else [value]
    if not items:
        return [None] * len(outputs)
    if len(items) != len(outputs):
        raise MisusedTensorError(f"{name} has {len(items)} entries for {len(outputs)} tensors; None stands for ones")
    for g, t in zip(items, outputs, strict=True):
        if g is None:
            continue
        if not isinstance_strict(g, Tensor):
            raise MisusedTensorError(f"{name} must hold Tensors or None, got {type(g).__name__} {str(g)[:60]}")
        if g._data.shape != t._data.shape:
            raise MisusedTensorError(f"{name}: the gradient of {t.name!r} must have shape {t.shape}, got {g.shape}")
    return items


def flag_of(value: Any, name: str) -> bool:
    """A bool; AssertionError (Paddle's class) for anything else."""
    if value is not True and value is not False:
        raise MisusedTensorError(f"{name} must be True or False, got {value!r}")
    return value


@tensor_method()
def backward(self: Any, grad_tensor: Tensor | None = None, retain_graph: bool = False) -> None:
    """Add to ``.grad`` of every leaf the gradient of this tensor, weighted by `grad_tensor` (its shape; default ones).

    retain_graph: keep what the walk needs, so that it can be done again. AssertionError for a `grad_tensor` of the
    wrong type or shape, SystemError when the graph was freed by an earlier walk.
    """
    if not isinstance_strict(self, Tensor):
        raise NotSupportedError(
            f"backward() of the symbolic Variable {self.name!r}: call it on what the traced function returns, or use "
            "paddle.static.append_backward in static mode"
        )
    seeds = [None] if grad_tensor is None else seeds_of([grad_tensor], [self], "grad_tensor")
    tape.run_backward([self], seeds, retain_graph)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool = False,
    no_grad_vars: Any = None,
) -> list[Tensor | None]:
    """Gradients of the sum of `outputs`, weighted by `grad_outputs` (default ones), with respect to each of `inputs`.

    outputs, inputs: a Tensor or a list of Tensors. create_graph: record the calculation, so that the results can be
    differentiated again. retain_graph: the graph is kept whatever it says, as in Paddle; only backward() frees it.
    no_grad_vars: tensors that count as constants. No ``.grad`` changes. Returns a list, in which an input that plays no
    part has None if `allow_unused`, else ValueError. AssertionError for arguments of the wrong type, RuntimeError for a
    tensor named twice.
    """
    recorder = context.recorder
    if recorder is not None and recorder.tracing:
        return _recorded(outputs, inputs, grad_outputs, create_graph, only_inputs, allow_unused, no_grad_vars)
    outs, ins = tensors_of(outputs, "outputs"), tensors_of(inputs, "inputs")
    for name, tensors in (("outputs", outs), ("inputs", ins)):
        _refuse_twice(name, tensors)
    seeds = seeds_of(grad_outputs, outs, "grad_outputs")
    if no_grad_vars is None:
        constants: list[Tensor] = []
    elif isinstance(no_grad_vars, (list, tuple, set)):
        constants = tensors_of(list(no_grad_vars), "no_grad_vars") if no_grad_vars else []
    else:
        constants = tensors_of(no_grad_vars, "no_grad_vars")
    flag_of(create_graph, "create_graph")
    if not flag_of(only_inputs, "only_inputs"):
        raise MisusedTensorError("only_inputs=False is not supported, as in Paddle; use backward() instead")
    if retain_graph is not None:
        flag_of(retain_graph, "retain_graph")
    return tape.grad(outs, ins, seeds, True, create_graph, flag_of(allow_unused, "allow_unused"), constants)


def _refuse_twice(name: str, tensors: Sequence[Any]) -> None:
    if len({id(t) for t in tensors}) < len(tensors):
        raise RuntimeError(f"paddle.grad: {name} contain duplicate tensors, which it does not take; name each of them once")


def _recorded(
    outputs: Any, inputs: Any, grad_outputs: Any, create_graph: bool, only_inputs: bool, allow_unused: bool, no_grad_vars: Any
) -> list[Tensor | None]:
    """`grad` while a function is traced."""
    recorder = context.recorder

    def variables(value: Any, name: str) -> list[Any]:
        items = list(value) if isinstance(value, (list, tuple, set)) else [value]
        for t in items:
            if not isinstance(t, Tensor):
                raise MisusedTensorError(f"{name} must be a Tensor or a list of Tensors, got {type(t).__name__} {str(t)[:60]}")
        if not items:
            raise MisusedTensorError(f"{name} must not be empty")
        return [recorder.variable(t, OPS["assign"], "X") for t in items]

    outs, ins = variables(outputs, "outputs"), variables(inputs, "inputs")
    for name, given in (("outputs", outs), ("inputs", ins)):
        _refuse_twice(name, given)
    weights: list[Any] = [None] * len(outs)
    if grad_outputs is not None:
        items = list(grad_outputs) if isinstance(grad_outputs, (list, tuple)) else [grad_outputs]
        if items and len(items) != len(outs):
            raise MisusedTensorError(f"grad_outputs has {len(items)} entries for {len(outs)} tensors; None stands for ones")
        weights = [None if w is None else variables(w, "grad_outputs")[0] for w in items] or weights
    for w, t in zip(weights, outs, strict=True):
        if w is not None and tuple(w._shape) != tuple(t._shape):
            raise MisusedTensorError(f"grad_outputs: the gradient of {t.name!r} must be {t.describe()}, got {w.describe()}")
    flag_of(create_graph, "create_graph")
    if not flag_of(only_inputs, "only_inputs"):
        raise MisusedTensorError("only_inputs=False is not supported, as in Paddle; use backward() instead")
    constants = [] if not no_grad_vars else [v.name for v in variables(no_grad_vars, "no_grad_vars")]
    found: list[Any] = [*recorded_gradients(recorder, outs, ins, weights, constants, create_graph)]
    missing = [i for i, g in enumerate(found) if g is None]
    if not flag_of(allow_unused, "allow_unused") and missing:
        at = missing[0]
        raise ValueError(
            f"paddle.grad: input number {at} ({ins[at].name!r}) does not lead to any of the outputs, or has stop_gradient=True; pass "
            "allow_unused=True to get None for it"
        )
    return found


class TensorHookRemoveHelper:
    """What `register_hook` returns: `remove()` takes the hook away again."""

    def __init__(self, hooks: dict[int, Callable[..., Any]], number: int) -> None:
        self._hooks, self._number = hooks, number

    def remove(self) -> bool:
        """True if the hook was there; False, with a warning, if it was removed before."""
        if self._hooks.pop(self._number, None) is None:
            warnings.warn("this gradient hook was removed before", stacklevel=2)
            return False
        return True


class _RecordedHook(TensorHookRemoveHelper):
    """The handle of a hook that is part of a Program."""

    def remove(self) -> bool:
        """NotSupportedError: a Program keeps its hooks."""
        raise NotSupportedError("a hook that was registered in a traced function stays in the Program; it cannot be removed")


@tensor_method()
def register_hook(self: Any, hook: Callable[[Tensor], Tensor | None]) -> TensorHookRemoveHelper:
    """Call ``hook(gradient)`` each time the gradient of this tensor is known; a Tensor that it returns replaces it.

    The gradient of a leaf is what one `backward()` adds to it. Returns a handle with `remove()`. RuntimeError if the
    tensor has stop_gradient=True. In a traced function the hook is recorded once, as a part of the Program.
    """
    if not callable(hook):
        raise WrongTypeError(f"register_hook takes a function of the gradient, got {type(hook).__name__}")
    if self._stop_gradient:
        raise RuntimeError(f"tensor {self.name!r} has stop_gradient=True, so it gets no gradient and takes no hook")
    if not isinstance_strict(self, Tensor):
        if context.recorder is None or not context.recorder.tracing:
            raise NotSupportedError(
                f"register_hook on the symbolic Variable {self.name!r}: hooks belong to eager tensors and to traced functions"
            )
        record_hook(context.recorder, self, hook)
        return _RecordedHook({}, -1)
    if self._edge is None:
        extra = self._more()
        if extra.hooks is None:
            extra.hooks = {}
        hooks = extra.hooks
    else:
        node, output = self._edge
        if node.hooks is None:
            node.hooks = {}
        hooks = node.hooks.setdefault(output, {})
    number = next(_hook_ids)
    hooks[number] = hook
    return TensorHookRemoveHelper(hooks, number)


@tensor_method()
def retain_grads(self: Any) -> None:
    """Let `backward()` fill ``.grad`` of this tensor although it is not a leaf; nothing with stop_gradient=True."""
    if not isinstance_strict(self, Tensor):
        raise NotSupportedError(f"retain_grads() of the symbolic Variable {self.name!r}: only eager tensors have .grad")
    if self._stop_gradient:
        return
    self._more().retains_grad = True
    if self._edge is not None:
        node, output = self._edge
        if node.retained is None:
            node.retained = {}
        # weak: the tensor holds its node already, and .grad of a tensor that is gone interests nobody
        node.retained[output] = weakref.ref(self)
