"""Tracing: one call of a Python function becomes a Program.

The arguments' Tensors are replaced by Variables, the function runs once under a TraceRecorder, and what comes out is
remembered: the Program, its inputs and outputs, the parameters it met, and how to put results back into the structure the
function returned.
"""
from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.grad_mode import enable_grad
from ..core.program import Program, Variable
from ..core.recorded_training import refuse_unused
from ..core.recorder import TraceRecorder, recording
from ..core.tensor import Parameter, Tensor, TensorBase, isinstance_strict
from ..errors import WrongTypeError
from ..nn.layer.layers import Layer, edits, parts_of
from ..utils import tree
from . import convert
from .input_spec import InputSpec
from .partial_program import PartialProgram

__all__ = ["ConcreteProgram", "FunctionSpec", "trace"]


class FunctionSpec:
    """Signature of a traced function, and its declared input specs in the structure of its arguments.

    TypeError when `input_spec` is no list or tuple; ValueError when it holds too many.
    """

    def __init__(self, function: Callable[..., Any], input_spec: Any = None) -> None:
        self.function = function
        self.signature = inspect.signature(function)
        self.parameters = [
            p for p in self.signature.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        ]
        self.arg_names = [p.name for p in self.parameters]
        self.input_spec = None if input_spec is None else self._check(input_spec)

    @property
    def args_name(self) -> list[str]:
        """Names of the arguments."""
        return self.arg_names

    @property
    def dygraph_function(self) -> Callable[..., Any]:
        """The function."""
        return self.function

    @property
    def flat_input_spec(self) -> list[Any]:
        """The declared input specs one behind the other, [] if there are none."""
        return [] if self.input_spec is None else list(tree.leaves(self.input_spec))

    @property
    def name(self) -> str:
        """``forward(x, label=None)`` for messages."""
        text = ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in self.parameters)
        return f"{self.function.__name__}({text})"

    def _check(self, input_spec: Any) -> list[Any]:
        if not isinstance(input_spec, (list, tuple)):
            raise TypeError(
                f"{self.function.__name__}: input_spec must be a list or tuple with one entry per argument, "
                f"got {type(input_spec).__name__}"
            )
        variadic = any(p.kind is p.VAR_POSITIONAL for p in self.signature.parameters.values())
        if len(input_spec) > len(self.parameters) and not variadic:
            raise ValueError(
                f"{self.name}: input_spec holds {len(input_spec)} entries, but the function takes {len(self.parameters)} arguments"
            )
        return list(input_spec)

    def bind(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments with defaults filled in. ValueError when some are missing or unknown."""
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError:
            self._explain_binding(args, kwargs)
            raise
        bound.apply_defaults()
        return list(bound.args), dict(bound.kwargs)

    def unified_args_and_kwargs(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments in their order with defaults filled in, and what only goes by keyword. ValueError when they do not fit."""
        try:
            positional, keywords = self.bind(args, kwargs)
        except TypeError as error:
            raise ValueError(str(error)) from None
        return tuple(positional), keywords

    def _explain_binding(self, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        unknown = [k for k in kwargs if k not in self.arg_names]
        if unknown and not any(p.kind is p.VAR_KEYWORD for p in self.signature.parameters.values()):
            raise WrongTypeError(f"{self.name} got unexpected keyword arguments: {', '.join(unknown)}") from None
        given = set(self.arg_names[: len(args)]) | set(kwargs)
        missing = [p.name for p in self.parameters if p.default is p.empty and p.name not in given]
        if missing:
            raise ValueError(
                f"`{self.function.__name__}()` requires {', '.join(f'`{m}`' for m in missing)} arguments, but got "
                f"only {len(args) + len(kwargs)}"
            ) from None

    def from_specs(self, input_spec: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """Arguments for a trace from input specs: entries are InputSpecs, Tensors, ndarrays, nested structures, or constants."""
        specs = self._check(list(input_spec) if isinstance(input_spec, tuple) else input_spec)
        args, kwargs = self.bind(specs, {})
        return args, kwargs

    def names_of(self, args: Sequence[Any], kwargs: dict[str, Any]) -> list[tuple[str, Any]]:
        """(argument name, value) for everything that was bound."""
        named: list[tuple[str, Any]] = []
        positional = [p for p in self.signature.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        for i, value in enumerate(args):
            if i < len(positional):
                named.append((positional[i].name, value))
            else:
                rest = next(p.name for p in self.signature.parameters.values() if p.kind is p.VAR_POSITIONAL)
                named.append((f"{rest}_{i - len(positional)}", value))
        named.extend(kwargs.items())
        return named


def spec_from_value(value: Any) -> InputSpec | None:
    """The InputSpec of a Tensor, ndarray or InputSpec; None for a plain Python value."""
    if isinstance(value, InputSpec):
        return value
    if isinstance_strict(value, Tensor):
        return InputSpec(value._data.shape, value.dtype, None, stop_gradient=value._stop_gradient)
    if isinstance(value, np.ndarray):
        spec = InputSpec.from_numpy(value)
        spec.stop_gradient = True
        return spec
    return None


class ConcreteProgram:
    """One traced form of a function.

    main_program: the Program. inputs: its feed Variables in order, and constants that were given for arguments (baked: those that
    are defaults as well). outputs: result Variables in order. parameters: the Parameters it met. captured: variable name -> Tensor
    for parameters, buffers and constants. frozen: Python values read from outside, which are part of the Program. branches:
    (file:line, taken) -> how often a condition on Python values went that way. attributes: captured name -> (Layer, attribute) for
    Tensors that are no part of a Layer, just an attribute that may hold another one at the next call. code: function -> its rewritten
    text. facts: what the form was made for, in words; reason: why it was needed.
    """

    def __init__(
        self,
        main_program: Program,
        inputs: list[Variable],
        outputs: list[Variable],
        captured: dict[str, Tensor],
        template: Any,
        function: Callable[..., Any],
        baked: list[tuple[Any, bool]],
    ) -> None:
        self.main_program, self.captured, self.template = main_program, captured, template
        self.startup_program = Program()
        self.input_variables, self.output_variables = inputs, outputs
        self.baked = [value for value, _ in baked]
        self.inputs: list[Any] = [*inputs, *(value for value, is_default in baked if not is_default)]
        self.outputs = outputs
        self.function = function
        self.frozen: list[convert.Guard] = []
        self.branches: dict[tuple[str, bool], int] = {}
        self.code: dict[str, str] = {}
        self.facts: dict[str, str] = {}
        self.reason = ""
        self.effects: list[Callable[[], None]] = []  # what a call does to Python values that it depends on
        self.parts: list[tuple[Layer, list[Any]]] = []  # the Layers that were called, and what they consisted of
        self.edits = 0
        self.gives_one = False  # a call gives one Tensor and does nothing else
        self.attributes: dict[str, tuple[Layer, str]] = {}  # captured name -> the attribute that each call reads it from
        self.number_of_forward_ops = len(main_program.global_block().ops)
        self.training = True
        self.step: Any = None  # the training step inside of the function (core/recorded_training.py), if there is one
        self._parameters: list[Tensor] | None = None  # given by hand

    def same_parts(self) -> bool:
        """Whether the Layers still have the parameters, buffers, sublayers and hooks that they were traced with."""
        if edits[0] != self.edits:
            for layer, old in self.parts:
                now = parts_of(layer)
                if len(now) != len(old) or any(a is not b for a, b in zip(now, old, strict=True)):
                    return False
            self.edits = edits[0]
        return True

    def read_attributes(self) -> dict[str, Tensor]:
        """`captured`, with the Tensors that now stand in attributes of Layers, such as a weight that a hook computes before each call."""
        for name, (layer, attribute) in self.attributes.items():
            self.captured[name] = _attribute(layer, attribute)
        return self.captured

    def still_holds(self) -> bool:
        """Whether the Python values that are part of the Program are what they were."""
        return all(guard.holds() for guard in self.frozen)

    def changed(self) -> list[str]:
        """Python values that are not what they were, in words."""
        return [f"{g.path} is {g.now()}, was {g.value!r}" for g in self.frozen if not g.holds()]

    @property
    def parameters(self) -> list[Tensor]:
        """Parameters and buffers the Program uses."""
        if self._parameters is not None:
            return self._parameters
        used = {n for block in self.main_program.blocks for op in block.ops for n in op.input_arg_names + op.output_arg_names}
        return [t for name, t in self.captured.items() if name in used and (isinstance_strict(t, Parameter) or t.persistable)]

    @parameters.setter
    def parameters(self, parameters: list[Tensor]) -> None:
        self._parameters = parameters

    def ready(self) -> PartialProgram:
        """The Program made ready to run."""
        made = PartialProgram(
            self.main_program, [v.name for v in self.input_variables], self.captured, [v.name for v in self.output_variables]
        )
        made.training = self.training
        if self.attributes:
            made.refresh = self.read_attributes
        if self.step is not None:
            made.before, made.trains = self.step.before, True
        return made

    def restore(self, values: Sequence[Any]) -> Any:
        """Result values put into the structure the function returned."""
        for effect in self.effects:
            effect()
        if self.template is _ONE:
            return values[0]
        source = iter(values)
        return tree.map_structure(lambda leaf: next(source) if leaf is _ONE else leaf, self.template)


class _One:
    """Marks the place of a Tensor in a result structure."""

    def __repr__(self) -> str:
        return "<tensor>"


_ONE = _One()


def trace(
    function: Callable[..., Any],
    spec: FunctionSpec,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    *,
    self_argument: Any = None,
) -> ConcreteProgram:
    """Run `function` once on symbolic inputs. `args`/`kwargs`: bound arguments whose Tensors, ndarrays and InputSpecs
    become inputs; everything else is passed as it is."""
    program = Program()
    recorder = TraceRecorder(program)
    block = program.global_block()
    inputs: list[Variable] = []
    baked: list[tuple[Any, bool]] = []  # (value, whether it is the default of its argument)

    defaults = {p.name: p.default for p in spec.parameters}

    def feed(value: Any, base: str) -> Any:
        found = spec_from_value(value)
        if found is None:
            baked.append((value, value is defaults.get(base, baked)))
            return value
        name = found.name or base
        if name in block.vars:
            number = 1
            while f"{name}_{number}" in block.vars:
                number += 1
            name = f"{name}_{number}"
        v = block.create_var(name, found.shape, found.dtype, is_data=True, need_check_feed=True)
        v.stop_gradient = found.stop_gradient
        inputs.append(v)
        return v

    def symbolic(value: Any, name: str) -> Any:
        if isinstance(value, dict) and _holds_inputs(value):
            done = {k: symbolic(value[k], str(k)) for k in tree.ordered(value)}
            return type(value)((k, done[k]) for k in value)
        if isinstance(value, (list, tuple)) and _holds_inputs(value):
            items = [symbolic(v, f"{name}_{i}") for i, v in enumerate(value)]
            return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
        return feed(value, name)

    converted = dict_by_name(spec, args, kwargs, symbolic)
    positional, keywords = converted
    fed = [v.name for v in inputs]
    # one Program serves calls with and without gradients, so the caller's no_grad() does not count
    notes = recorder.notes = convert.Notes()
    owner = getattr(function, "__self__", None)
    if isinstance(owner, Layer):
        recorder.layers.append((owner, ""))
    def layers_met() -> list[Layer]:
        tops = [owner, *notes.layers.values(), *(layer for layer, _ in recorder.layers)]
        found = {id(one): one for top in tops if isinstance(top, Layer) for one in top.sublayers(include_self=True)}
        return list(found.values())

    recorder.converted = convert.convert_function
    recorder.read_anew = lambda t: _place_of(t, layers_met()) is not None
    with recording(recorder), enable_grad():
        body = convert.convert_function(function, main=True)
        result = body(*positional, **keywords) if self_argument is None else body(self_argument, *positional, **keywords)
        outputs: list[Variable] = []

        def collect(leaf: Any) -> Any:
            if isinstance_strict(leaf, Variable):
                outputs.append(leaf)
                return _ONE
            if isinstance_strict(leaf, Tensor):
                outputs.append(recorder.capture(leaf))
                return _ONE
            if isinstance(leaf, (convert.Unknown, convert.TensorArray)):
                convert.refuse_result(leaf, function)
            return leaf

        refuse_unused(recorder)
        _refuse_new_parameters(recorder, function, owner)
        template = tree.map_structure(collect, result) if _holds_tensors(result) else result
    # an input that was changed in place goes by another name now; what is fed keeps its own
    made = ConcreteProgram(program, [block.vars[name] for name in fed], outputs, recorder.captured, template, function, baked)
    made.frozen, made.branches, made.code = notes.guards(function), dict(notes.branches), dict(notes.code)
    made.effects = notes.effects
    made.gives_one = template is _ONE and not made.effects
    made.step = recorder.training
    used = ([owner] if isinstance(owner, Layer) else []) + list(notes.layers.values())
    met = layers_met()
    registered = {id(t) for layer in met for part in (layer._parameters, layer._buffers) for t in part.values()}
    for name, t in recorder.captured.items():
        place = None if id(t) in registered else _place_of(t, met)
        if place is not None:
            made.attributes[name] = place
            kind = functools.partial(_kind_of, *place)
            made.frozen.append(convert.Guard(f"{type(place[0]).__name__}.{place[1]}", kind, kind()))
    made.parts, made.edits = [(layer, parts_of(layer)) for layer in used], edits[0]
    return made


def _place_of(t: Tensor, layers: Sequence[Layer]) -> tuple[Layer, str] | None:
    """The Layer and attribute that hold a Tensor."""
    for layer in layers:
        for space in (layer.__dict__, layer._buffers):
            for name, value in space.items():
                if value is t:
                    return layer, name
    return None


def _attribute(layer: Layer, name: str) -> Any:
    return layer.__dict__[name] if name in layer.__dict__ else layer._buffers[name]


def _kind_of(layer: Layer, name: str) -> str:
    """Shape and dtype of the Tensor in an attribute, as text."""
    value = _attribute(layer, name)
    return f"{value.dtype.name}{value.shape}" if isinstance_strict(value, Tensor) else type(value).__name__


def _refuse_new_parameters(recorder: TraceRecorder, function: Callable[..., Any], owner: Any) -> None:
    """ValueError for parameters that the traced call made and nobody keeps: each call would have to make new ones."""
    made = [p for p in recorder.made if recorder.captured.get(p.name) is p]
    if not made:
        return
    inner = getattr(function, "__func__", function)
    places = [owner, *getattr(inner, "__globals__", {}).values()]
    for cell in getattr(inner, "__closure__", None) or ():
        with contextlib.suppress(ValueError):
            places.append(cell.cell_contents)
    kept = {id(p) for place in places if isinstance(place, Layer) for p in place.parameters()}
    kept |= set(map(id, places))
    for p in made:
        if id(p) not in kept:
            raise ValueError(
                f"parameter {p.name!r} (shape {p.shape}) is made inside of the traced function {function.__name__} and not kept: run "
                "dynamically each call would make a new one, and a Program cannot. Make the layer in __init__, or outside of the function"
            )


def dict_by_name(
    spec: FunctionSpec, args: Sequence[Any], kwargs: dict[str, Any], convert: Callable[[Any, str], Any]
) -> tuple[list[Any], dict[str, Any]]:
    """`convert(value, argument name)` over bound arguments."""
    named = spec.names_of(args, {})
    positional = [convert(value, name) for name, value in named]
    return positional, {name: convert(value, name) for name, value in kwargs.items()}


def _holds_inputs(value: Any) -> bool:
    return any(spec_from_value(leaf) is not None for leaf in tree.leaves(value))


def _holds_tensors(value: Any) -> bool:
    kinds = (convert.Unknown, convert.TensorArray)
    return any(isinstance_strict(leaf, TensorBase) or isinstance(leaf, kinds) for leaf in tree.leaves(value))
