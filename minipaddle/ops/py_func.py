"""The operator that calls a Python function while a Program runs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import xp as backend
from ..errors import NotSupportedError
from .registry import Spec, Strings, op

__all__ = ["register_function"]

_functions: dict[int, Callable[..., Any]] = {}
_count = itertools.count()


def register_function(function: Callable[..., Any]) -> int:
    """Keep a function for operators of this process; its number."""
    for number, known in _functions.items():
        if known is function:
            return number
    number = next(_count)
    _functions[number] = function
    return number


def _called(xp: Any, number: int, arguments: list[Any], count: int) -> list[Any]:
    function = _functions.get(number)
    if function is None:
        raise NotSupportedError(
            "a Program read from a file calls a Python function of the process that wrote it; that function is not in the file"
        )
    given = [backend.to_numpy(a) for a in arguments]
    found = function(*given)
    results = [] if found is None else list(found) if isinstance(found, (list, tuple)) else [found]
    if len(results) != count:
        name = getattr(function, "__name__", function)
        raise ValueError(f"py_func: {name} returned {len(results)} values, expected {count}")
    return [None if r is None else xp.asarray(backend.to_numpy(getattr(r, "_data", r))) for r in results]


def _infer(xs: Any, *, out_shapes: Strings = (), **_: Any) -> list[Spec]:
    """The outputs are declared by the user: 'float32 2 -1' is float32[2, -1]."""
    specs = []
    for text in out_shapes:
        dtype, *dims = text.split()
        specs.append(Spec(tuple(map(int, dims)), np.dtype(dtype)))
    return specs


@op("py_func", "X*? -> Out*?", infer=_infer, grad="X, Out, Out@GRAD -> X@GRAD", effect=True)
def py_func(xp, xs, *, forward_callable_id: int = 0, backward_callable_id: int = -1, backward_skip_vars: Strings = (),
            out_shapes: Strings = (), in_names: Strings = (), out_names: Strings = ()):  # fmt: skip
    """out_shapes, in_names, out_names: what the user declared, for shapes and for the variables that the backward function skips."""
    results = _called(xp, forward_callable_id, xs or [], len(out_shapes))
    for i, (result, text) in enumerate(zip(results, out_shapes)):
        dtype = text.split()[0]
        if result is None or result.dtype != np.dtype(dtype):
            got = "None" if result is None else str(result.dtype)
            raise ValueError(f"py_func: result {i} must be {dtype}, as its variable says, got {got}")
    return results


@py_func.backward
def _(xp, xs, outs, d_outs, *, backward_callable_id: int = -1, backward_skip_vars: Strings = (), in_names: Strings = (),
      out_names: Strings = ()):  # fmt: skip
    if backward_callable_id < 0:
        return [None if x is None else xp.zeros_like(x) for x in xs]
    skipped = set(backward_skip_vars)
    arguments = [a for n, a in (*zip(in_names, xs), *zip(out_names, outs)) if n not in skipped]
    found = _called(xp, backward_callable_id, [*arguments, *d_outs], len(xs))
    return [xp.zeros_like(x) if g is None else g.astype(x.dtype, copy=False) for x, g in zip(xs, found)]


@op("custom_gradient", "Raw*, X*, Saved*? -> Out*&", infer=lambda raws, xs, saved=None: list(raws))
def custom_gradient(xp, raws, xs, saved=None):
    """What a function with a hand-written gradient returned; see `core/custom_gradient.py`."""
    return list(raws)


@op("missing_gradient", "X, Given* -> Out", infer=lambda x, given: x, effect=True)
def missing_gradient(xp, x, given):
    """Stands where a hand-written gradient would be, in Programs that were read from files."""
    raise NotSupportedError(
        "a gradient through a function with a hand-written one (PyLayer) is asked for, but this Program was read from a file, and files do "
        "not hold such gradients; use the Program that was built in this process"
    )
