"""The one door from public functions to operators.

`call(op, *inputs, **attrs)` runs the operator on arrays and writes the tape, or, when a recorder is current, appends
the operator to its Program. Nothing above this module asks which of the two happens.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import errors
from ..backend import xp as backend
from ..backend.quiet import quiet, restore
from ..errors import UnsupportedDtypeError, WrongTypeError
from ..ops.registry import Op, Spec
from .context import context
from .tape import OpNode
from .tensor import Tensor, TensorBase, make_tensor

__all__ = ["before_change", "call", "in_place", "kind_of", "specs_of"]

_new = Tensor.__new__
_others = backend._others
_ndarray = np.ndarray

# Gets the inputs of each of Paddle's operators and may cast them; set by `amp` while some thread is inside of `auto_cast`. As long as
# there is one, an operator that Paddle does not have is run as the operators it consists of.
amp_cast: Callable[[Op, Sequence[Any]], Sequence[Any]] | None = None


def call(op: Op, *inputs: Any, **attrs: Any) -> Any:
    """Run or record one operator.

    inputs: one entry per input slot, in slot order: a Tensor, a list of Tensors for list slots, None for absent ones
    (trailing absent slots may be left out). attrs: Paddle's attributes; what is not given keeps its default.
    Returns the visible outputs: one Tensor, or a tuple of Tensors (lists for list slots).
    """
    if amp_cast is not None:
        if op.expand is not None:
            return op.expand(*inputs, **{**op.defaults, **attrs})
        inputs = tuple(amp_cast(op, inputs))
    ctx = context
    if ctx.recorder is not None:
        return ctx.recorder.apply(op, inputs, attrs)
    if not op.plain and len(inputs) != op.short:
        if not 0 <= op.short < len(inputs) or [t for t in inputs[op.short :] if t is not None]:
            return _general(op, inputs, attrs)
        inputs = inputs[: op.short]  # the optional ones are absent
    # the common case: every input one Tensor, every output one new Tensor
    warnings = quiet()
    try:
        if len(inputs) == 2:  # spelled out: this is the hottest line of eager execution
            x, y = inputs
            arrays: Any = (x._data, y._data)
            record = not x._stop_gradient or not y._stop_gradient
        else:
            arrays = [t._data for t in inputs]
            record = False
            for t in inputs:
                if not t._stop_gradient:
                    record = True
                    break
        result = op.forward(np if not _others else backend.module_of(arrays), *arrays, **attrs)
    except Exception as error:
        raise _explain(op, inputs, attrs, error) from None
    finally:
        restore(warnings)
    if record and (op.grad is None or not ctx.grad_enabled):
        record = False
    sole = op.sole
    if type(result) is not tuple or sole >= 0:
        outputs: Any = None
        if type(result) is tuple:  # the others are for the gradient alone
            outputs = list(result)
            result = result[sole]
        t = _new(Tensor)
        t._data = result if type(result) is _ndarray else _array(result)
        t._stop_gradient = True
        t._edge = None
        t._version = [0]
        t._extra = None
        if op.viewing and backend.is_view(t._data, arrays[0]):
            t._version = inputs[0]._version
        if record and t._data.dtype.kind in "fcV":
            if outputs is None:
                outputs = (t,)
            else:
                outputs[sole] = t
            t._edge = (OpNode(op, inputs, arrays, attrs, outputs), sole)
            t._stop_gradient = False
        return t
    outputs = [r if slot.hidden else _wrap(r) for r, slot in zip(result, op.outputs, strict=True)]
    if record:
        _attach(OpNode(op, inputs, arrays, attrs, outputs), outputs)
    visible = op.returns
    return outputs[visible[0]] if len(visible) == 1 else tuple(outputs[i] for i in visible)


def _array(result: Any) -> Any:
    """NumPy gives scalars for 0-d results; tensors hold arrays."""
    return np.asarray(result) if isinstance(result, (np.generic, float, int, bool, complex)) else result


def _wrap(result: Any) -> Any:
    if result is None:
        return None
    if isinstance(result, (list, tuple)):
        return [make_tensor(r) for r in result]
    return make_tensor(result)


def _attach(node: OpNode, outputs: Any) -> None:
    for i, t in enumerate(outputs):
        if t is None or node.op.outputs[i].hidden:
            continue
        if type(t) is list:
            for k, item in enumerate(t):
                if item._data.dtype.kind in "fcV":
                    item._edge, item._stop_gradient = (node, (i, k)), False
        elif t._data.dtype.kind in "fcV" and not node.op.outputs[i].over:
            t._edge, t._stop_gradient = (node, i), False


def _general(op: Op, inputs: Any, attrs: dict[str, Any]) -> Any:
    """Operators with list, absent, in-place or view slots."""
    if len(inputs) < len(op.inputs):
        inputs = (*inputs, *(None,) * (len(op.inputs) - len(inputs)))
    record = False
    arrays: list[Any] = []
    warnings = quiet()
    try:
        for t in inputs:
            if t is None:
                arrays.append(None)
            elif isinstance(t, (list, tuple)):
                arrays.append([x._data for x in t])
                record = record or any(not x._stop_gradient for x in t)
            else:
                arrays.append(t._data)
                record = record or not t._stop_gradient
        result = op.forward(np if not _others else backend.module_of(arrays), *arrays, **attrs)
    except Exception as error:
        raise _explain(op, inputs, attrs, error) from None
    finally:
        restore(warnings)
    results = result if type(result) is tuple else (result,)
    outputs = []
    for slot, r in zip(op.outputs, results, strict=True):
        if slot.over and r is not None:
            target = inputs[op.input_index[slot.over]]
            if target is None:  # the optional input it would be written over is absent
                outputs.append(_wrap(r))
                continue
            for t, value in zip(target, r, strict=True) if slot.many else ((target, r),):
                if value is t._data:  # a kernel wrote in place
                    t._version[0] += 1
                else:  # the old array stays as it is, so what the tape kept of it stays right
                    t._data = _array(value)
            outputs.append(target)
            continue
        if slot.hidden:
            outputs.append(r)
            continue
        made = _wrap(r)
        if slot.view and made is not None and inputs[0] is not None:
            source = inputs[0] if not isinstance(inputs[0], (list, tuple)) else inputs[0][0]
            for t in made if type(made) is list else (made,):
                if backend.is_view(t._data, source._data):
                    t._version = source._version
        outputs.append(made)
    if record and op.grad is not None and context.grad_enabled:
        _attach(OpNode(op, inputs, arrays, attrs, outputs), outputs)
    visible = op.returns
    return outputs[visible[0]] if len(visible) == 1 else tuple(outputs[i] for i in visible)


def before_change(target: Any) -> Any:
    """`target` as it is now, for an operator whose result is written over it: what the tape keeps must not change with it."""
    if (
        context.recorder is not None
        or not context.grad_enabled
        or getattr(target, "_edge", None) is None
        or target._stop_gradient
    ):
        return target
    kept = make_tensor(target._data.copy())
    kept._edge, kept._stop_gradient = target._edge, False
    return kept


def in_place(target: Any, result: Any) -> Any:
    """Make `target` the value `result`, as the methods ending in ``_`` do; returns `target`.

    ValueError for a leaf that requires a gradient.
    """
    if context.recorder is not None:
        return context.recorder.in_place(target, result)
    if target._edge is None and not target._stop_gradient and context.grad_enabled:
        raise ValueError(
            f"leaf tensor {target.name!r} requires a gradient and cannot be changed in place; "
            "use `with paddle.no_grad():` or work on a copy"
        )
    data = result._data
    if data.dtype == target._data.dtype and data.shape == target._data.shape:
        target._assign_array(data)
    else:
        target._replace(data)
    if not context.grad_enabled and target._edge is None:
        return target
    target._edge, target._stop_gradient = result._edge, result._stop_gradient
    return target


# --- errors


def specs_of(arrays: Any) -> Any:
    """Specs of arrays, nested lists and None kept."""
    if arrays is None:
        return None
    if isinstance(arrays, (list, tuple)):
        return [specs_of(a) for a in arrays]
    return Spec(arrays.shape, arrays.dtype)


def describe_call(op: Op, values: Any, attrs: dict[str, Any]) -> str:
    """One line per input and attribute, for error messages."""

    def show(value: Any) -> str:
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join(show(v) for v in value) + "]"
        data = getattr(value, "_data", value)
        if hasattr(data, "shape") and hasattr(data, "dtype"):
            name = getattr(data.dtype, "name", data.dtype)
            return f"{name}{list(data.shape)}"
        return f"{type(value).__name__} {value!r}"

    rows = [f"  {slot.name}: {show(v)}" for slot, v in zip(op.inputs, values, strict=False) if v is not None]
    rows += [f"  {name} = {value!r}" for name, value in attrs.items()]
    return "\n".join(rows)


_KINDS = (NotImplementedError, IndexError, ValueError, TypeError, RuntimeError, OverflowError, KeyError, MemoryError)


# how NumPy and CuPy say that a function does not take arrays of such a type
_REFUSALS = ("ufunc", "numpy boolean", "cupy boolean", "of arguments for cupy_")


def kind_of(error: Exception) -> type[Exception]:
    """The class to tell the failure of an operator's function with: our own as they are, NumPy's and CuPy's by what they mean."""
    kind, message = type(error), str(error)
    if kind.__module__ == errors.__name__:
        return kind
    refused = kind is TypeError and any(words in message for words in _REFUSALS)
    if refused or kind.__name__ in ("UFuncTypeError", "_UFuncNoLoopError", "ComplexWarning"):
        return UnsupportedDtypeError
    if isinstance(error, ValueError) and isinstance(error, IndexError):  # NumPy's AxisError
        return errors.AxisError
    return kind if kind in _KINDS else next((k for k in _KINDS if isinstance(error, k)), kind)


def _explain(op: Op, inputs: Any, attrs: dict[str, Any], error: Exception) -> Exception:
    """The same failure told in terms of the operator: what it got, what it wanted."""
    for slot, value in zip(op.inputs, inputs, strict=False):
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if not isinstance(item, TensorBase) and (item is not None or not slot.optional):
                return WrongTypeError(
                    f"{op.type}: argument {slot.name} must be a Tensor, got {type(item).__name__} {str(item)[:80]}"
                )
            if item is not None and not hasattr(item, "_data"):
                return TypeError(
                    f"{op.type}: argument {slot.name} is the symbolic Variable {getattr(item, 'name', '')!r}, which has no data outside "
                    "of the Program it belongs to; run the Program with an Executor, or call the traced function"
                )
    message = str(error)
    if op.infer_rule is not None and isinstance(error, (ValueError, IndexError)):
        try:
            op.infer(*[specs_of(getattr_nested(v)) for v in inputs], **attrs)
        except ValueError as better:
            message = str(better)
            error = better if isinstance(better, errors.AxisError) else error
        except Exception:  # the rule itself may fail on such input; then the first message stands
            pass
    kind = kind_of(error)
    try:
        return kind(f"{op.type}: {message}\n{describe_call(op, inputs, attrs)}")
    except Exception:  # an exception class with a signature of its own
        return error


def getattr_nested(value: Any) -> Any:
    """The arrays of Tensors, lists and None kept."""
    if isinstance(value, (list, tuple)):
        return [getattr_nested(v) for v in value]
    return None if value is None else value._data
