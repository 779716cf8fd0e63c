"""to_static: a function or method that is traced into a Program at its first call and runs it from then on."""
from __future__ import annotations

import contextlib
import functools
import inspect
import re
import textwrap
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from ..core.context import context
from ..core.program import Program, Variable
from ..core.report import coded, page_of
from ..core.tensor import Parameter, Tensor, isinstance_strict, make_tensor
from ..nn.layer.layers import Layer, edits
from ..utils import tree
from . import convert
from .call_path import ANOTHER, CallPath
from .error_report import about_the_call, explain, shortened
from .input_spec import InputSpec
from .partial_program import PartialProgram
from .trace import ConcreteProgram, FunctionSpec, spec_from_value, trace

__all__ = [
    "CONVERSION_OPTIONS", "ConversionOptions", "ProgramCache", "StaticFunction", "enable_to_static", "ignore_module", "is_enabled",
    "not_to_static", "set_code_level", "set_verbosity", "sot_mode_guard", "to_static",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])


#: The attribute by which a function says that it is not rewritten.
CONVERSION_OPTIONS = "_not_to_static"


class ConversionOptions:
    """not_convert: whether a function stays ordinary Python (`not_to_static`)."""

    def __init__(self, not_convert: bool = False) -> None:
        self.not_convert = not_convert

    def attach(self, func: Any) -> None:
        """Mark a function, or the function of a method."""
        setattr(func.__func__ if inspect.ismethod(func) else func, CONVERSION_OPTIONS, self)

    def __bool__(self) -> bool:
        return self.not_convert


class _Switch:
    """Whether traced functions run as Programs (`enable_to_static`)."""

    enabled = True


Entry = tuple[ConcreteProgram, PartialProgram]


class ProgramCache:
    """The traced forms of one function, by what they were traced for.

    A key may have several forms: they differ in Python values that the function read from outside.
    """

    def __init__(self) -> None:
        self._forms: dict[Any, list[Entry]] = {}
        self._entries: dict[Any, Entry] = {}  # (key, number of the form) -> form, oldest first
        self._made = 0
        self.recent: Entry | None = None  # the form that ran last

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Any:
        return iter(self._entries.items())

    def get(self, key: Any) -> Entry | None:
        """The traced form for a key whose outside values are what they were, None if there is none yet."""
        self.drop_stale()
        for entry in self._forms.get(key, ()):
            if entry[0].still_holds():
                return entry
        return None

    def drop_stale(self) -> None:
        """Forget the forms of Layers that got other parameters, buffers, sublayers or hooks since."""
        stale = [number for number, entry in self._entries.items() if not entry[0].same_parts()]
        for number in stale:
            self._forms[number[0]].remove(self._entries.pop(number))

    def forms(self, key: Any) -> list[Entry]:
        """All traced forms of a key."""
        return self._forms.get(key, [])

    def put(self, key: Any, concrete: ConcreteProgram) -> Entry:
        """Keep a traced form."""
        partial = concrete.ready()
        forms = self._forms.setdefault(key, [])
        self._made += 1
        entry = self._entries[key, self._made] = (concrete, partial)
        forms.append(entry)
        return entry

    def last(self) -> tuple[Any, Entry]:
        """(key, (concrete program, partial program)) of the form that was used last. AssertionError if there is none."""
        assert self._entries, "No valid cached program in ProgramCache"
        for item in self._entries.items():
            if item[1] is self.recent:
                return item
        return next(reversed(self._entries.items()))

    def concrete_programs(self) -> list[ConcreteProgram]:
        """All traced forms, oldest first."""
        return [entry[0] for entry in self._entries.values()]

    def clear(self) -> None:
        """Forget all traced forms."""
        self._forms.clear()
        self._entries.clear()


def _identity(value: Any) -> Any:
    """A hashable stand-in for a plain Python argument."""
    if isinstance(value, float) and value != value:
        return "nan"
    try:
        hash(value)
    except TypeError:
        return ("id", id(value))
    return (type(value), value)


class StaticFunction:
    """The callable that `to_static` makes. It keeps the name and documentation of the function.

    A new Program is traced for each combination of shape, dtype and stop_gradient of the Tensor arguments (open dimensions
    of a declared `input_spec` do not count), value of the other arguments, and train/eval state of the Layer.
    """

    def __init__(
        self, function: Callable[..., Any], input_spec: Any = None, instance: Any = None, owner: StaticFunction | None = None
    ) -> None:
        functools.update_wrapper(self, function)
        if inspect.ismethod(function):
            instance = function.__self__ if instance is None else instance
            function = function.__func__
        self._function = function
        self._instance = instance
        self._declared = input_spec
        self._owner = owner
        bound = function if instance is None else function.__get__(instance, type(instance))
        self._bound: Callable[..., Any] = bound
        # an unbound method of a class body still shows `self`; its checks wait until it is bound
        self._spec: FunctionSpec | None = None
        if input_spec is not None and not isinstance(input_spec, (list, tuple)):
            raise TypeError(
                f"to_static({getattr(function, '__name__', function)!s}): input_spec must be a list or tuple with one entry per "
                f"argument, got {type(input_spec).__name__}"
            )
        self._cache = ProgramCache()
        self._patched_layer: Layer | None = None  # set by to_static(layer), for rollback
        self._layers: list[Layer] | None = None
        self._training = True  # for functions; methods of a Layer follow the Layer
        self._fast: dict[Any, Entry] = {}  # for calls with Tensors alone
        self._quick: Callable[[Sequence[Any]], Any] | None = None  # a written call like the last such one
        self._written: dict[Any, tuple[CallPath, list[int]]] = {}  # such calls by form and kind, and the count of edits they hold for

    # --- as an attribute of a class

    def __set_name__(self, owner: type, name: str) -> None:
        self._attribute = name

    def __get__(self, instance: Any, owner: type | None = None) -> StaticFunction:
        if instance is None:
            return self
        name = getattr(self, "_attribute", self.__name__)  # type: ignore[attr-defined]
        found = instance.__dict__.get(name)
        if isinstance(found, StaticFunction):
            return found
        bound = StaticFunction(self._function, self._declared, instance, owner=self)
        instance.__dict__[name] = bound  # found before this descriptor from now on
        return bound

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        instance = self._instance
        if instance is None:
            return self._function  # as Paddle does: a copied function is a plain one
        new_instance = memo.get(id(instance), instance)
        new = StaticFunction(self._function, self._declared, new_instance, self._owner)
        if self._patched_layer is not None:
            new._patched_layer = memo.get(id(self._patched_layer), self._patched_layer)
        memo[id(self)] = new
        return new

    def __copy__(self) -> StaticFunction:
        return StaticFunction(self._function, self._declared, self._instance, self._owner)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._function.__qualname__, self._function.__module__, self._instance, self._declared)

    # --- facts

    @property
    def function_spec(self) -> FunctionSpec:
        """Signature and declared input specs."""
        if self._spec is None:
            self._spec = FunctionSpec(self._bound, self._declared)
        return self._spec

    @property
    def dygraph_function(self) -> Callable[..., Any]:
        """The original function."""
        return self._bound

    @property
    def class_instance(self) -> Any:
        """The object whose method it is, None for a function."""
        return self._instance

    @property
    def program_cache(self) -> ProgramCache:
        """The traced forms so far."""
        return self._cache

    @property
    def code(self) -> str:
        """The function as it is traced: rewritten, where its control flow can be."""
        function = self._function
        form = None
        if inspect.isfunction(function) and not getattr(function, CONVERSION_OPTIONS, False):
            form = convert.rewritten_form(function)
        if form is not None:
            return form.text + "\n"
        try:
            return textwrap.dedent(inspect.getsource(self._function))
        except (OSError, TypeError):
            return f"# the source of {self._function.__name__} is not at hand\n"

    @property
    def concrete_program(self) -> ConcreteProgram:
        """The newest traced form; traced from the declared input specs if there is none yet.

        ValueError without input specs and before the first call.
        """
        return self.concrete_program_specify_input_spec(None)

    def _dynamic_only(self) -> None:
        recorder = context.recorder
        if recorder is not None and not recorder.tracing:
            raise RuntimeError(
                f"{getattr(self, '__name__', 'the function')} was made by paddle.jit.to_static, which is only available in dynamic mode; "
                "call paddle.disable_static() first"
            )

    def concrete_program_specify_input_spec(self, input_spec: Any = None, with_hook: bool = False) -> ConcreteProgram:
        """The traced form for `input_spec`, or the newest one when None is given. RuntimeError in static mode."""
        self._dynamic_only()
        newest = self._cache.last()[1][0] if len(self._cache) else None
        if newest is not None and newest.attributes and newest.still_holds():
            newest.read_attributes()  # a file keeps the present values
        self._cache.drop_stale()
        if input_spec is None and newest is not None and not len(self._cache) and self._declared is None:
            # the Layer was changed: trace anew what was traced last
            input_spec = [InputSpec(v._shape, v.dtype, v.name, v.stop_gradient) for v in newest.input_variables]
        if input_spec is None and len(self._cache):
            return self._cache.last()[1][0]
        chosen = self._declared if input_spec is None or self._declares(input_spec) else input_spec
        if chosen is None:
            if not self.function_spec.parameters:
                chosen = []
            else:
                raise ValueError(
                    f"No valid transformed program for function: {self.function_spec.name}, input_spec: {self._declared}. "
                    "Call the function once, or give an input_spec"
                )
        args, kwargs = self.function_spec.from_specs(chosen)
        for _, value in (*self.function_spec.names_of(args, {}), *kwargs.items()):
            if isinstance_strict(value, Tensor) and len(chosen):
                # an example Tensor gives its own name to the input
                value.name  # noqa: B018  (the name is generated on first use)
        args, kwargs = tree.map_structure(_named_example, [args, kwargs])
        key = self._key_of(args, kwargs, spec_names=True)
        entry = self._cache.get(key)
        if entry is None:
            entry = self._made(key, args, kwargs)
        return entry[0]

    def _declares(self, input_spec: Any) -> bool:
        """Whether `input_spec` holds some of the declared specs and leaves others away: then the whole is traced."""
        given, declared = tree.flatten(input_spec), tree.flatten(self._declared or [])
        if len(given) == len(declared):
            kinds = (InputSpec, Variable, Tensor, np.ndarray)
            if any(isinstance(g, kinds) != isinstance(d, kinds) for g, d in zip(given, declared, strict=True)):
                raise ValueError(
                    f"The `input_spec`: {input_spec} used to construct concrete_program is conflict with the `input_spec`: "
                    f"{self._declared} in `@paddle.jit.to_static`"
                )
            return False
        if not 0 < len(given) < len(declared):
            return False
        return all(isinstance(s, Variable) or any(s == d for d in declared if isinstance(d, InputSpec)) for s in given)

    def get_concrete_program(self, *args: Any, **kwargs: Any) -> tuple[ConcreteProgram, PartialProgram]:
        """The traced form that a call with these arguments runs."""
        kwargs.pop("with_hook", None), kwargs.pop("is_train", None)
        positional, keywords = self.function_spec.bind(args, kwargs)
        return self._entry(*self._fit(positional, keywords))

    @property
    def main_program(self) -> Program:
        """The Program of the newest traced form."""
        return self.concrete_program.main_program

    @property
    def inputs(self) -> list[Any]:
        """Input Variables of the newest traced form (and the constants among its arguments)."""
        return self.concrete_program.inputs

    @property
    def outputs(self) -> list[Any]:
        """Result Variables of the newest traced form."""
        return self.concrete_program.outputs

    @property
    def parameters(self) -> list[Tensor]:
        """Parameters the newest traced form uses."""
        return self.concrete_program.parameters

    def rollback(self) -> Callable[..., Any]:
        """The original function; a Layer made static by `to_static(layer)` gets its own forward back, another object its method."""
        if self._patched_layer is not None:
            self._patched_layer.__dict__.pop("forward", None)
            plain = self._patched_layer.forward
            if isinstance(plain, StaticFunction):  # the class itself has a traced forward
                return plain.rollback()
            return plain
        held = getattr(self._instance, "__dict__", {})
        for name in [n for n, v in held.items() if v is self]:
            held[name] = self._bound
        return self._bound

    def train(self) -> None:
        """From now on calls run in training mode. RuntimeError for a method of a Layer, whose own mode counts."""
        self._set_training(True)

    def eval(self) -> None:
        """From now on operators with a mode of their own (dropout ...) run as in inference. RuntimeError for a method of a Layer."""
        self._set_training(False)

    def _set_training(self, training: bool) -> None:
        if isinstance(self._instance, Layer):
            raise RuntimeError(
                f"{self._function.__name__} belongs to the Layer {type(self._instance).__name__}, whose mode it follows: call "
                f".{'train' if training else 'eval'}() of the Layer instead"
            )
        self._training = training
        self._fast.clear()
        self._quick = None

    # --- calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        recorder = context.recorder
        if recorder is not None or not _Switch.enabled:
            if recorder is not None and not recorder.tracing and _Switch.enabled:
                self._dynamic_only()
            inner = convert.convert_function(self._bound, main=True) if recorder is not None and recorder.tracing else self._bound
            return inner(*args, **kwargs)
        try:
            if not kwargs:
                if self._quick is not None:
                    result = self._quick(args)
                    if result is not ANOTHER:
                        return result
                entry = self._known(args)
                if entry is not None:
                    results = entry[1].run(args)
                    self._quick = self._write(entry, args)
                    return entry[0].restore(results)
            entry, tensors = self._prepare(args, kwargs)
            self._cache.recent = entry
            return entry[0].restore(entry[1].run(tensors))
        except Exception as error:
            raise shortened(error) from None

    def _prepare(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Entry, list[Tensor]]:
        """The traced form for a call, traced now if need be, and the Tensors to run it on."""
        with about_the_call():
            positional, keywords = self.function_spec.bind(args, kwargs)
            positional, keywords = self._fit(positional, keywords)
        entry = self._entry(positional, keywords)
        tensors = [_as_tensor(leaf) for leaf in tree.leaves([positional, _by_order(keywords)]) if spec_from_value(leaf) is not None]
        if not kwargs and len(args) == len(positional):
            key = self._fast_key(args)  # again: tracing may have met layers for the first time
            if key is not None and len(tensors) == len(args):
                self._fast[key] = entry
        return entry, tensors

    def _known(self, args: Sequence[Any]) -> Entry | None:
        """The form of an earlier call that was like this one: Tensors alone, the same shapes, types, modes and values from outside."""
        key = self._fast_key(args)
        entry = None if key is None else self._fast.get(key)
        if entry is None or not entry[0].same_parts() or not entry[0].still_holds():
            return None
        self._cache.recent = entry
        return entry

    def _write(self, entry: Entry, args: Sequence[Any]) -> Callable[[Sequence[Any]], Any] | None:
        """The written call for calls like this one, which `entry` just served."""
        concrete, partial = entry
        if _precision() is not None or any(type(t) is not Tensor for t in args) or partial.recent is None:
            return None
        if partial.refresh is not None or partial.before:  # there is something to do before each run
            return None
        likes = [(t._data.shape, t._data.dtype, t._stop_gradient) for t in args]
        key = (entry, partial.recent, *likes)
        found = self._written.get(key)
        if found is None:
            if len(self._written) > 100:  # forms come and go
                self._written.clear()
            until = [0]
            tests: list[str] = []
            facts: dict[str, Any] = {"edits": edits, "until": until, "concrete": concrete, "cache": self._cache, "entry": entry}
            for i, (shape, dtype, stop_gradient) in enumerate(likes):
                facts |= {f"shape{i}": shape, f"dtype{i}": dtype}
                tests.append(f"a{i}.shape != shape{i} or a{i}.dtype != dtype{i} or x{i}._stop_gradient is not {stop_gradient}")
            tests += ["edits[0] != until[0]", "context.amp is not None"]
            if concrete.frozen:
                tests.append("not concrete.still_holds()")
            ending = ["cache.recent = entry", "return t0" if concrete.gives_one else "return concrete.restore(outputs)"]
            found = self._written[key] = (partial.recent.narrowed(tests, facts, ending), until)
        found[1][0] = edits[0]
        return found[0].function

    def _fast_key(self, args: Sequence[Any]) -> Any:
        """A key for calls with Tensors alone; None for other calls."""
        parts: list[Any] = [_precision()]
        for t in args:
            if type(t) is not Tensor and not isinstance_strict(t, Tensor):
                return None
            data = t._data
            parts += (data.shape, data.dtype, t._stop_gradient)
        if self._instance is not None:
            if self._layers is not None and self._fast:
                parts += [layer.training for layer in self._layers]
            else:
                parts += self._modes()
        return tuple(parts)

    def _modes(self) -> list[bool]:
        """train/eval flags of the Layer and all Layers in it."""
        if not isinstance(self._instance, Layer):
            return []
        if self._layers is None or not len(self._fast):
            self._layers = self._instance.sublayers(include_self=True)
        return [layer.training for layer in self._layers]

    def _key_of(self, args: Sequence[Any], kwargs: dict[str, Any], spec_names: bool = False) -> Any:
        parts: list[Any] = []
        for leaf in tree.leaves([list(args), kwargs]):
            found = spec_from_value(leaf)
            if found is None:
                parts.append(_identity(leaf))
            else:
                parts.append((found.shape, found.dtype, found.stop_gradient, found.name if spec_names else None))
        self._layers = None
        modes = (self._training, *self._modes())
        return (tuple(parts), tree.structure([list(args), kwargs]), modes, _precision())

    def _fit(self, args: list[Any], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Check the arguments against the declared input specs; ValueError names argument, expected and got."""
        declared = self.function_spec.input_spec
        if declared is not None:
            named = self.function_spec.names_of(args, kwargs)
            for (name, value), expected in zip(named, declared, strict=False):
                self._check(name, value, expected)
        return args, kwargs

    def _check(self, name: str, value: Any, expected: Any) -> None:
        if isinstance(expected, (list, tuple)) and isinstance(value, (list, tuple)) and len(expected) == len(value):
            for i, (v, e) in enumerate(zip(value, expected, strict=True)):
                self._check(f"{name}[{i}]", v, e)
            return
        if isinstance(expected, dict) and isinstance(value, dict) and expected.keys() == value.keys():
            for k in expected:
                self._check(f"{name}[{k!r}]", value[k], expected[k])
            return
        want, got = spec_from_value(expected), spec_from_value(value)
        if want is None or got is None:
            return
        fits = len(want.shape) == len(got.shape) and all(a in (-1, b) or b == -1 for a, b in zip(want.shape, got.shape, strict=True))
        if not fits or want.dtype is not got.dtype:
            message = coded(
                "D2S106", f"{self.function_spec.name}: argument {name!r} does not fit the declared input_spec: expected "
                f"{want.dtype.name}{list(want.shape)}, got {got.dtype.name}{list(got.shape)}",
                "change the argument (its dtype with .astype), or declare None for dimensions that may vary",
            )  # fmt: skip
            raise ValueError(message + page_of(message))

    def _entry(self, args: list[Any], kwargs: dict[str, Any]) -> tuple[ConcreteProgram, PartialProgram]:
        declared = self.function_spec.input_spec
        traced_args, traced_kwargs = list(args), dict(kwargs)
        if declared is not None:
            names = [name for name, _ in self.function_spec.names_of(args, {})]
            for i, expected in enumerate(declared[: len(args)]):
                traced_args[i] = _open_up(args[i], expected)
            for name, expected in zip(list(kwargs), declared[len(names) :], strict=False):
                traced_kwargs[name] = _open_up(kwargs[name], expected)
        key = self._key_of(traced_args, traced_kwargs, spec_names=declared is not None)
        entry = self._cache.get(key)
        if entry is None:
            entry = self._made(key, traced_args, traced_kwargs)
        return entry

    def _made(self, key: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Entry:
        """Trace a new form, and note why it was needed."""
        facts = self._facts(args, kwargs)
        reason = self._reason(key, facts)
        convert.log(1, f"to_static traces {self.function_spec.name}: {reason}")
        try:
            concrete = trace(self._bound, self.function_spec, args, kwargs)
        except Exception as error:
            raise explain(error) from None
        if not self._training:
            concrete.main_program.set_test_mode()
            concrete.training = False
        elif isinstance(self._instance, Layer):
            concrete.training = self._instance.training
        concrete.facts, concrete.reason = facts, reason
        return self._cache.put(key, concrete)

    def _facts(self, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, str]:
        """What a form is made for, in words: argument -> description."""
        facts: dict[str, str] = {}

        def tell(name: str, value: Any) -> None:
            found = spec_from_value(value)
            if found is not None:
                shape = ", ".join("any" if n == -1 else str(n) for n in found.shape)
                facts[f"argument {name!r}"] = f"{found.dtype.name}[{shape}]{'' if not found.stop_gradient else ', stop_gradient'}"
            elif isinstance(value, dict) and value:
                for k, v in value.items():
                    tell(f"{name}[{k!r}]", v)
            elif isinstance(value, (list, tuple)) and value:
                for i, v in enumerate(value):
                    tell(f"{name}[{i}]", v)
            else:
                text = repr(value)
                facts[f"argument {name!r}"] = text if len(text) < 60 else f"{type(value).__name__} at {id(value):#x}"

        for name, value in self.function_spec.names_of(args, kwargs):
            tell(name, value)
        if not self._training:
            facts["mode of the function"] = "eval"
        if isinstance(self._instance, Layer):
            for path, layer in self._instance.named_sublayers(include_self=True):
                facts[f"mode of {path or 'the layer'}"] = "train" if layer.training else "eval"
        if context.amp is not None:
            facts["auto_cast"] = str(context.amp)
        return facts

    def _reason(self, key: Any, facts: dict[str, str]) -> str:
        """Why the forms there are do not serve."""
        earlier = self._cache.concrete_programs()
        if not earlier:
            return "first call"
        same = self._cache.forms(key)
        if same:
            changed = same[-1][0].changed()
            number = earlier.index(same[-1][0]) + 1
            return f"{', '.join(changed) or 'a value from outside'}; otherwise like Program {number}"
        found = []
        for number, concrete in enumerate(earlier, 1):
            known = dict.fromkeys([*facts, *concrete.facts])
            found.append((number, [n for n in known if facts.get(n) != concrete.facts.get(n)], concrete))
        number, names, concrete = min(found, key=lambda f: len(f[1]))
        shown = [f"{n} is {facts.get(n, 'absent')}, in Program {number} {concrete.facts.get(n, 'absent')}" for n in names[:4]]
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        return "; ".join(shown) + more if shown else "the structure of the arguments is another one"

    def explain_cache(self) -> str:
        """Why each Program was made, and what is built into it, as text."""
        programs = self._cache.concrete_programs()
        lines = [f"{self.function_spec.name}: {len(programs)} Program(s)"]
        for number, concrete in enumerate(programs, 1):
            lines.append(f"  {number}. {concrete.reason}")
            arguments = [f"{n.removeprefix('argument ')} = {v}" for n, v in concrete.facts.items() if n.startswith("argument")]
            if arguments:
                lines.append(f"     made for: {'; '.join(arguments)}")
            if concrete.frozen:
                lines.append(f"     built in: {'; '.join(map(repr, concrete.frozen[:12]))}{' ...' if len(concrete.frozen) > 12 else ''}")
            if concrete.captured:
                known = concrete.attributes
                constants = [
                    n for n, t in concrete.captured.items() if not (isinstance_strict(t, Parameter) or t.persistable or n in known)
                ]
                if constants:
                    lines.append(f"     constant Tensors: {', '.join(constants[:12])}{' ...' if len(constants) > 12 else ''}")
        if self._shapes_alone(programs):
            lines.append(
                "  Only sizes differ between some of them: declare those dimensions open, input_spec=[InputSpec([None, ...])], to need one "
                "Program."
            )
        return "\n".join(lines)

    @staticmethod
    def _shapes_alone(programs: Sequence[ConcreteProgram]) -> bool:
        def without_sizes(facts: dict[str, str]) -> tuple[Any, ...]:
            return tuple((n, re.sub(r"\[.*?\]", lambda m: "[" + "," * m[0].count(",") + "]", v)) for n, v in facts.items())

        seen = [without_sizes(p.facts) for p in programs]
        return len(set(seen)) < len({tuple(p.facts.items()) for p in programs})

    def __repr__(self) -> str:
        return f"<StaticFunction {self._function.__qualname__}: {len(self._cache)} program(s)>"


def _rebuild(qualname: str, module: str, instance: Any, input_spec: Any) -> StaticFunction:
    import importlib

    found: Any = importlib.import_module(module)
    for part in qualname.split("."):
        found = inspect.getattr_static(found, part) if not inspect.ismodule(found) else getattr(found, part)
    function = found._function if isinstance(found, StaticFunction) else found
    return StaticFunction(function, input_spec, instance)


def _named_example(value: Any) -> Any:
    """An example Tensor as the InputSpec with its name; other values unchanged."""
    if isinstance_strict(value, Tensor):
        spec = InputSpec.from_tensor(value)
        spec.stop_gradient = value._stop_gradient
        return spec
    return value


def _open_up(value: Any, expected: Any) -> Any:
    """The InputSpec under which `value` is traced: the declared shape and name, the value's stop_gradient."""
    if isinstance(expected, (list, tuple)) and isinstance(value, (list, tuple)) and len(expected) == len(value):
        return type(value)(_open_up(v, e) for v, e in zip(value, expected, strict=True))
    if isinstance(expected, dict) and isinstance(value, dict) and expected.keys() == value.keys():
        return {k: _open_up(value[k], expected[k]) for k in value}
    want, got = spec_from_value(expected), spec_from_value(value)
    if want is None or got is None:
        return value
    return InputSpec(want.shape, want.dtype, want.name, got.stop_gradient)


def _precision() -> Any:
    """What of `amp.auto_cast` is in force: its casts are part of a Program."""
    return None if context.amp is None else context.amp.key


def _as_tensor(value: Any) -> Tensor:
    return make_tensor(value.copy()) if isinstance(value, np.ndarray) else value


def _by_order(kwargs: dict[str, Any]) -> list[Any]:
    return list(kwargs.values())


def to_static(
    function: Any = None,
    input_spec: Any = None,
    build_strategy: Any = None,
    backend: Any = None,
    **kwargs: Any,
) -> Any:
    """Make a function or a Layer run as a Program: ``@to_static``, ``@to_static(input_spec=[...])``, ``to_static(layer)``.

    input_spec: list of InputSpec (or nested structures of them), one per argument; open dimensions (None, -1) make one
    Program serve all sizes. `full_graph`, `build_strategy` and `backend` are taken for Paddle's sake: there is one way to run.
    A Layer is returned as it is, with its `forward` replaced. TypeError for anything that is not callable.
    """
    property = kwargs.pop("property", False)
    kwargs.pop("full_graph", None)
    if kwargs:
        raise TypeError(f"to_static got unexpected keyword arguments: {', '.join(kwargs)}")
    if property:
        raise NotImplementedError("to_static(property=True) is not supported; save such values beside the model")
    if backend not in (None, "CINN"):
        raise ValueError(f"to_static: backend must be None or 'CINN', got {backend!r}")
    if build_strategy is not None and type(build_strategy).__name__ != "BuildStrategy":
        raise TypeError(f"to_static: build_strategy must be a paddle.static.BuildStrategy, got {type(build_strategy).__name__}")
    if input_spec is not None and not isinstance(input_spec, (list, tuple)):
        raise TypeError(f"to_static: input_spec must be a list or tuple with one entry per argument, got {type(input_spec).__name__}")

    def decorate(target: Any) -> Any:
        if isinstance(target, Layer):
            if isinstance(target.forward, StaticFunction):
                old = target.forward
                static = StaticFunction(old.dygraph_function, input_spec if input_spec is not None else old._declared)
            else:
                static = StaticFunction(target.forward, input_spec)
            static._patched_layer = target
            target.__dict__["forward"] = static
            return target
        if isinstance(target, StaticFunction):
            return StaticFunction(target.dygraph_function, input_spec if input_spec is not None else target._declared)
        if isinstance(target, (staticmethod, classmethod)):
            raise TypeError(f"to_static must stand under @{type(target).__name__}, not above it")
        if not callable(target) or isinstance(target, type):
            got = f"the class {target.__name__}" if isinstance(target, type) else type(target).__name__
            raise TypeError(f"to_static takes a function, a method or a Layer, got {got}")
        return StaticFunction(target, input_spec)

    return decorate if function is None else decorate(function)


def not_to_static(func: Any = None) -> Any:
    """Mark a function that stays ordinary Python when it is called from a traced one. Returns the function itself."""
    if func is None:
        return not_to_static
    ConversionOptions(not_convert=True).attach(func)
    return func


def is_enabled() -> bool:
    """Whether traced functions run as Programs."""
    return _Switch.enabled


@contextlib.contextmanager
def sot_mode_guard(sot_mode: bool) -> Iterator[None]:
    """For scripts that choose between Paddle's two ways of tracing: there is one here, so the block runs the same for both."""
    yield


def enable_to_static(enable_to_static_bool: bool) -> None:
    """Switch traced functions off (they run dynamically, line by line) or on again."""
    if not isinstance(enable_to_static_bool, bool):
        raise TypeError(f"enable_to_static takes a bool, got {type(enable_to_static_bool).__name__}")
    _Switch.enabled = enable_to_static_bool


def ignore_module(modules: list[Any]) -> None:
    """Modules whose functions are not rewritten when traced code calls them. TypeError for anything but a list of modules."""
    if not isinstance(modules, (list, tuple)):
        raise TypeError(f"ignore_module takes a list of modules, got {type(modules).__name__}")
    for module in modules:
        if not isinstance(module, types.ModuleType):
            raise TypeError(f"ignore_module takes a list of modules, got a list with {type(module).__name__}")
        convert.ignored_modules.add(module.__name__)


def set_code_level(level: int = 100, also_to_stdout: bool = False) -> None:
    """Show the rewritten code of traced functions on stderr at the next trace; 0 switches it off. TypeError unless an int."""
    if not isinstance(level, int) or isinstance(level, bool):
        raise TypeError(f"set_code_level: level must be an int, got {type(level).__name__}")
    convert.Log.code_level, convert.Log.code_to_stdout = level, bool(also_to_stdout)


def set_verbosity(level: int = 0, also_to_stdout: bool = False) -> None:
    """Log lines about tracing on stderr: from 1 why a function is traced, 2 each function that is rewritten, 3 its source.

    TypeError unless an int.
    """
    if not isinstance(level, int) or isinstance(level, bool):
        raise TypeError(f"set_verbosity: level must be an int, got {type(level).__name__}")
    convert.Log.verbosity, convert.Log.verbosity_to_stdout = level, bool(also_to_stdout)


