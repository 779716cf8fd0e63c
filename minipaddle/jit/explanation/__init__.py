"""``paddle.jit.explain``: what to_static made of a function, side by side with the source it came from.

`collect` gathers the facts, `compare` replays eager and traced on the same inputs, `report` shows them as text, `page` as one
HTML page.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ...core.program import Program
from ...core.tensor import Tensor, isinstance_strict
from ...errors import NotSupportedError
from ...nn.layer.layers import Layer
from ...utils import tree
from ..api import StaticFunction
from ..input_spec import InputSpec
from ..trace import spec_from_value
from ..translated_layer import TranslatedLayer
from . import collect
from .compare import compare_function, compare_loaded, example_inputs
from .report import OperatorRow, Part, Report, SourceLines

__all__ = ["OperatorRow", "Part", "Report", "SourceLines", "explain", "spec_from_text"]

_SPEC = re.compile(r"\s*(?:(?P<name>[A-Za-z_]\w*)\s*:\s*)?(?P<dtype>[A-Za-z]+\d*)\s*\[(?P<shape>[-\d\s,?]*)\]\s*")


def spec_from_text(text: str) -> InputSpec | None:
    """``"float32[-1, 784]"`` or ``"x: float32[?, 784]"`` as an InputSpec; None when the text is something else."""
    found = _SPEC.fullmatch(text)
    if found is None:
        return None
    sizes = [n.strip() for n in found["shape"].split(",") if n.strip()]
    try:
        return InputSpec([-1 if n == "?" else int(n) for n in sizes], found["dtype"], found["name"])
    except (TypeError, ValueError):
        return None


def explain(function: Callable[..., Any], *specs: Any, compare: bool = False, method: str = "forward", **keywords: Any) -> Report:
    """What tracing makes of `function`: a `Report` that prints as text, shows as HTML in a notebook and saves as a page.

    function: a traced or an ordinary function, a method, a Layer, or what `paddle.jit.load` returned (then `method` chooses).
    specs, keywords: its arguments, as for a call: Tensors, arrays, InputSpecs, texts like ``"float32[-1, 784]"``, and
    Python values. Without any the newest traced form is explained. A function that `to_static` knows keeps the
    form that is traced here, as it does at a call. compare: run eager and traced on the given inputs (random ones where only
    a spec is given) and mark the first operator that differs. TypeError for anything that cannot be traced.
    """
    args = [_read(value) for value in specs]
    named = {name: _read(value) for name, value in keywords.items()}
    if isinstance(function, Program):
        raise NotSupportedError(
            "jit.explain takes a function, a Layer or a loaded model, got a Program; print(program) and program.to_code() show one"
        )
    if isinstance(function, TranslatedLayer):
        if named:
            raise TypeError(f"explain: a loaded model takes its inputs by position, got {', '.join(named)}")
        report, partial = collect.of_loaded(function, method, args)
        if compare:
            compare_loaded(report, partial, example_inputs(partial, args))
        return report
    if isinstance(function, Layer):
        forward = function.forward
        static = forward if isinstance(forward, StaticFunction) else StaticFunction(forward)
    elif isinstance(function, StaticFunction):
        static = function
    elif callable(function):
        static = StaticFunction(function)
    else:
        raise TypeError(f"explain takes a function, a Layer or a loaded model, got {type(function).__name__}")
    concrete = _trace(static, args, named)
    partial = next(p for _, (c, p) in static.program_cache if c is concrete)
    report = collect.of_traced(static, concrete, partial, args, named)
    if compare:
        positional, keyword_values = _bound(static, args, named)
        compare_function(report, concrete, partial, positional, keyword_values)
    return report


def _read(value: Any) -> Any:
    found = spec_from_text(value) if isinstance(value, str) else None
    return value if found is None else found


def _bound(static: StaticFunction, args: list[Any], named: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    if not args and not named and static._declared is not None:
        return static.function_spec.from_specs(list(static._declared))
    return static.function_spec.bind(args, named)


def _trace(static: StaticFunction, args: list[Any], named: dict[str, Any]) -> Any:
    if not args and not named:
        if static.function_spec.parameters or not len(static.program_cache):
            return static.concrete_program
        return static.program_cache.last()[1][0]
    positional, keywords = static.function_spec.bind(args, named)
    if any(isinstance_strict(leaf, InputSpec) for leaf in tree.leaves([positional, keywords])):
        values = [_as_spec(v) for v in (*positional, *keywords.values())]
        return static.concrete_program_specify_input_spec(values)
    return static.get_concrete_program(*args, **named)[0]


def _as_spec(value: Any) -> Any:
    """Tensors beside InputSpecs count as specs without their names."""
    if isinstance_strict(value, Tensor):
        return spec_from_value(value)
    return value
