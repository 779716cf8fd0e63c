"""Operators of control flow: branches, loops, arrays of tensors, printing and asserting.

`conditional_block`, `while` and their gradients hold a block; the compiler turns them into ``if`` and ``while`` of the
generated Python (`compiler/control_flow.py`), so their definitions here carry slots and attributes only. An array of
tensors is a Python list.
"""
from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..errors import AssertionFailedError, NotSupportedError
from .registry import Block, Long, Spec, Strings, op

__all__ = ["UNDEFINED", "UNSET", "Unset", "conditional_block", "is_true", "while_"]

# Paddle's mark for a variable that has no value yet: `assign_value` of this float64, shape [1]
UNDEFINED = 1.77113e27


class UnsetUse(AttributeError, ValueError):
    """An unset value was used."""


class Unset:
    """The value of a variable that no branch or trip has given one. Any use of it fails, and says so."""

    __slots__ = ()
    __array_ufunc__ = None

    def __getattr__(self, name: str) -> Any:
        raise UnsetUse("a value is used that was never set: it is set in one branch only, or in a loop without a trip")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.__getattr__("__array__")

    def __add__(self, other: Any) -> Any:
        return self if other is self else NotImplemented

    def copy(self) -> Unset:
        """Itself."""
        return self

    def __repr__(self) -> str:
        return "<unset>"


UNSET = Unset()


def is_true(condition: Any) -> bool:
    """The truth of a condition of one element. ValueError if it has another size."""
    if condition.size != 1:
        raise ValueError(
            f"the condition of a branch or loop must have one element, got shape {list(condition.shape)}; use .any() or .all()"
        )
    return bool(condition)


def _in_program(*_: Any, **__: Any) -> Any:
    raise NotSupportedError("operators that hold a block run only as part of a Program")


@op("conditional_block", "Cond*, Input*? -> Out*?, Scope?")
def conditional_block(xp, cond, inputs, *, sub_block: Block, is_scalar_condition: bool = False):
    return _in_program()


@op("conditional_block_infer", "Cond*, Input*? -> Out*?, Scope?")
def conditional_block_infer(xp, cond, inputs, *, sub_block: Block, is_scalar_condition: bool = False):
    return _in_program()


@op("conditional_block_grad", "Cond*, Input*?, Out*?, Out@GRAD*?, Scope? -> Cond@GRAD*?, Input@GRAD*?")
def conditional_block_grad(xp, *arrays, sub_block: Block, is_scalar_condition: bool = False):
    return _in_program()


@op("while", "X*?, Condition -> Out*?, StepScopes?")
def while_(xp, x, condition, *, sub_block: Block, is_test: bool = False):
    return _in_program()


@op("while_grad", "X*?, Out*?, Out@GRAD*?, StepScopes? -> X@GRAD*?")
def while_grad(xp, *arrays, sub_block: Block, is_test: bool = False, original_output_grad: Strings = ()):
    return _in_program()


@op("select_input", "X*, Mask -> Out", infer=lambda xs, mask: xs[0])
def select_input(xp, xs, mask):
    return xs[int(mask.item())]


@op("select_output", "X, Mask, Like*? -> Out*", infer=lambda x, mask, like=None: [x, x])
def select_output(xp, x, mask, like=None):
    # `like`: where an unchosen value exists all the same its gradient is zero
    chosen = int(mask.item())
    return [
        x if i == chosen else xp.zeros_like(like[i]) if like is not None and like[i] is not UNSET else UNSET for i in range(2)
    ]


# --- gradients written by hand


@op("py_layer", "X*, Y*, Saved*? -> Out*", infer=lambda x, y, saved=None: list(y), grad="Out@GRAD* -> X@GRAD*")
def py_layer(xp, x, y, saved=None):
    # not an operator of Paddle's: see core/written_gradient.py
    return [value.copy() for value in y]


@py_layer.backward
def _(xp, d_outs):
    return _in_program()


# --- arrays of tensors


@op("write_to_array", "X, I -> Out")
def write_to_array(xp, x, i, array=None):
    at, items = int(i.item()), [] if array is None or array is UNSET else list(array)
    if at < 0:
        raise IndexError(f"the index of an array write must not be negative, got {at}")
    items.extend([None] * (at + 1 - len(items)))
    items[at] = x
    return items


@op("add_to_array", "X, I -> Out")
def add_to_array(xp, x, i, array=None):
    # the gradient of a read; not an operator of Paddle's
    at, items = int(i.item()), [] if array is None or array is UNSET else list(array)
    items.extend([None] * (at + 1 - len(items)))
    items[at] = x if items[at] is None else items[at] + x
    return items


@op("read_from_array", "X, I, X_W? -> Out")
def read_from_array(xp, array, i, like=None):
    at = int(i.item())
    if array is UNSET:
        array = []
    if at < len(array) and array[at] is not None:
        return array[at]
    if like is not None:
        return xp.zeros_like(like)
    raise IndexError(f"an array of {len(array)} tensors has no entry {at}")


@op("lod_array_length", "X -> Out", infer=lambda x: Spec((1,), "int64"))
def lod_array_length(xp, array):
    return xp.asarray([0 if array is UNSET else len(array)], dtype="int64")


@op("tensor_array_to_tensor", "X -> Out, OutIndex")
def tensor_array_to_tensor(xp, array, *, axis: int = 0, use_stack: bool = False):
    if array is UNSET or not array:
        raise ValueError("concat or stack of an empty list of tensors: the loop that fills it made no trip")
    sizes = xp.asarray([1 if use_stack else item.shape[axis] for item in array], dtype="int32")
    return (xp.stack(array, axis) if use_stack else xp.concatenate(array, axis)), sizes


@op("tensor_array_to_tensor_grad", "X, OutIndex, Out@GRAD -> X@GRAD")
def tensor_array_to_tensor_grad(xp, array, sizes, d_out, *, axis: int = 0, use_stack: bool = False):
    if use_stack:
        return [xp.take(d_out, i, axis) for i in range(len(array))]
    parts, start = [], 0
    for item in array:
        index: list[Any] = [slice(None)] * d_out.ndim
        index[axis] = slice(start, start + item.shape[axis])
        parts.append(d_out[tuple(index)])
        start += item.shape[axis]
    return parts


# --- effects


def _host(x: Any) -> np.ndarray[Any, Any]:
    return x.get() if hasattr(x, "get") else np.asarray(x)


_prints: dict[str, int] = {}


@op("print", "In -> Out&", infer=lambda x, **_: x, grad="Out@GRAD -> In@GRAD", effect=True)
def print_(
    xp, x, *, first_n: int = -1, message: str = "", summarize: int = 20, print_tensor_name: bool = True,
    print_tensor_type: bool = True, print_tensor_shape: bool = True, print_tensor_layout: bool = True,
    print_tensor_lod: bool = True, print_phase: str = "BOTH", is_forward: bool = True,
):  # fmt: skip
    if print_phase.upper() == ("BACKWARD" if is_forward else "FORWARD"):
        return x
    if first_n > 0:
        _prints[message] = _prints.get(message, 0) + 1
        if _prints[message] > first_n:
            return x
    array = _host(x)
    count = array.size if summarize < 0 else summarize
    flat = array.reshape(-1)
    shown = " ".join(str(v) for v in flat[:count].tolist()) + (" ..." if flat.size > count else "")
    lines = [message] if message else []
    if print_tensor_shape:
        lines.append(f"  - shape: {list(array.shape)}")
    if print_tensor_type:
        lines.append(f"  - dtype: {array.dtype.name}")
    lines.append(f"  - data: [{shown}]")
    sys.stdout.write("\n".join(lines) + "\n")
    return x


@print_.backward
def _(xp, d_out):
    return d_out


_RAISED: dict[str, type[Exception]] = {
    e.__name__: e for e in (ValueError, TypeError, RuntimeError, IndexError, KeyError, NotImplementedError, ArithmeticError, OverflowError)
}


@op("assert", "Cond, Data*? -> ", effect=True, infer=lambda *_, **__: ())
def assert_(xp, cond, data=None, *, summarize: Long = -1, message: str = "", error: str = ""):
    # `message` and `error`, the class to raise, are attributes of this package alone; Paddle shows the data
    if cond.size == 1 and bool(cond):
        return ()
    if cond.size != 1:
        raise ValueError(f"the condition of an assert must have one element, got shape {list(cond.shape)}; use .all()")
    shown = "; ".join(str(_host(d).reshape(-1)[: 20 if summarize < 0 else summarize].tolist()) for d in data or [])
    text = message + (f"{': ' if message else ''}{shown}" if shown else "")
    kind = _RAISED.get(error)
    raise AssertionFailedError(text or "the asserted condition is false") if kind is None else kind(text)
