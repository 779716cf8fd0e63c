"""TranslatedLayer: a Layer around Programs that were read from files. It runs, trains and can be saved again."""
from __future__ import annotations

import re
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..backend import xp as backend
from ..compiler.binding import attributes, definition_of, results_by_name, run_arguments
from ..core.context import context
from ..core.control_flow import copy_operator
from ..core.program import Program, Variable
from ..core.tensor import Parameter, Tensor, generated_name, isinstance_strict, make_tensor
from ..dtypes import from_numpy
from ..formats.detect import INFO_SUFFIX, MODEL_SUFFIX, PARAMS_SUFFIX
from ..formats.pdmodel import prune
from ..nn.layer.layers import Layer
from ..ops.registry import OPS
from ..utils import unique_name
from .error_report import about_the_call, shortened
from .input_spec import InputSpec
from .inspection import OperatorInfo, matching, operators_of, unknown_variable
from .partial_program import PartialProgram

__all__ = [
    "INFER_MODEL_SUFFIX", "INFER_PARAMS_INFO_SUFFIX", "INFER_PARAMS_SUFFIX", "INFER_PROPERTY_SUFFIX", "LoadedMethod", "TranslatedLayer",
]  # fmt: skip

INFER_MODEL_SUFFIX, INFER_PARAMS_SUFFIX = MODEL_SUFFIX, PARAMS_SUFFIX
INFER_PARAMS_INFO_SUFFIX = INFER_PROPERTY_SUFFIX = INFO_SUFFIX


#: Endings of the files of a saved model.
INFER_MODEL_SUFFIX, INFER_PARAMS_SUFFIX, INFER_PARAMS_INFO_SUFFIX = ".pdmodel", ".pdiparams", ".pdiparams.info"


@dataclass
class LoadedMethod:
    """One Program of a saved model: names of its inputs and outputs, and the values of its persistable variables."""

    program: Program
    inputs: list[str]
    outputs: list[str]
    values: dict[str, Any]  # None where a Layer has taken the array over
    suffix: str = ""
    renamed: dict[str, str] = field(default_factory=dict)  # name in the file -> name here
    forms: dict[Any, PartialProgram] = field(default_factory=dict)  # by training flag and frozen statistics
    trainable: bool = True  # False: the file says that the model is for inference only

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "forms": {}}  # compiled functions are made again


def _unique(name: str, taken: set[str]) -> str:
    """A name nobody in this process has: the number at the end grows."""
    base = re.sub(r"_\d+$", "", name)
    while True:
        # names that Tensors give themselves are counted in a place of their own
        own = base in ("generated_tensor", "eager_tmp")
        candidate = generated_name(base) if own else unique_name.generate(base)
        if candidate not in taken:
            return candidate


class TranslatedLayer(Layer):
    """What `jit.load` returns.

    Starts in eval mode. `train()` makes dropout drop and batch_norm use batch statistics (unless the model was saved with
    them frozen), and gradients flow to the parameters. Each saved method is a method here; `program(method)` shows its Program.
    """

    def __init__(self, methods: dict[str, LoadedMethod], info: dict[str, dict[str, Any]] | None) -> None:
        super().__init__()
        self._methods = methods
        self._by_variable: dict[str, Tensor] = {}
        self._persistable_var_name_dict: dict[str, str] = {}
        self._structured: dict[str, str] = {}  # variable -> structured name in the file
        self._frozen: set[str] = set()  # statistics that train() keeps as they are
        self._make_state(info)
        for name in methods:
            if name != "forward":
                self._add_method(name)
        self.eval()

    # --- building

    def _make_state(self, info: dict[str, dict[str, Any]] | None) -> None:
        """Parameters and buffers: forward's first, then those of the other methods; each variable of the file once."""
        order = ["forward", *sorted(m for m in self._methods if m != "forward")]
        shared: dict[str, str] = {}
        parameters = buffers = 0
        for method_name in order:
            method = self._methods.get(method_name)
            if method is None:
                continue
            taken = {v.name for v in method.program.list_vars() if v.name not in method.values}
            for old in sorted(method.values):
                if old not in shared:
                    facts = (info or {}).get(old)
                    is_parameter = "trainable" in facts if facts is not None else not _only_written(method.program, old)
                    new = _unique(old, taken)
                    shared[old] = new
                    array = backend.to_module(_own(method.values[old]), backend.current())
                    if is_parameter:
                        t: Tensor = _parameter(array, new, facts)
                        if facts is None and _written(method.program, old):
                            t.stop_gradient = True  # statistics of batch_norm
                        key = f"param_{parameters}"
                        parameters += 1
                        self.add_parameter(key, t)
                    else:
                        t = make_tensor(array)
                        t.name = new
                        t._stop_gradient = True if facts is None else bool(facts.get("stop_gradient", True))
                        key = f"buffer_{buffers}"
                        buffers += 1
                        self.register_buffer(key, t)
                    self._by_variable[new] = t
                    self._persistable_var_name_dict[new] = key
                    if facts is not None and facts.get("structured_name"):
                        self._structured[new] = str(facts["structured_name"])
                method.renamed[old] = shared[old]
            method.values = dict.fromkeys(method.values)  # the arrays belong to the Tensors now
            _rename(method.program, method.renamed)
            method.inputs = [method.renamed.get(n, n) for n in method.inputs]
            method.outputs = [method.renamed.get(n, n) for n in method.outputs]
            _restore_outputs(method.program)

    def _add_method(self, name: str) -> None:
        def run(self: TranslatedLayer, *args: Any) -> Any:
            return self._run(name, args)

        run.__name__ = name
        run.__qualname__ = f"TranslatedLayer.{name}"
        run.__doc__ = f"Run the saved method `{name}`."
        self.__dict__[name] = types.MethodType(run, self)

    # --- running

    def __call__(self, *inputs: Any, **kwargs: Any) -> Any:
        """Run pre-hooks, `forward`, post-hooks."""
        try:
            return super().__call__(*inputs, **kwargs)
        except Exception as error:
            raise shortened(error) from None

    def forward(self, *args: Any) -> Any:
        """Run the saved `forward`: one positional Tensor or ndarray per input of the model."""
        return self._run("forward", args)

    def _run(self, name: str, args: Sequence[Any]) -> Any:
        method = self._methods[name]
        with about_the_call():
            tensors = self._check(name, method, args)
            if self.training and not method.trainable:
                raise ValueError(
                    f"{name}() of the loaded model: the file says that the model cannot be trained (trainable is false); call eval() "
                    "first"
                )
        if context.recorder is not None:
            results = replay(context.recorder, method, self._in_mode(method), tensors, self._by_variable)
        else:
            try:
                results = self._form(method).run(tensors)
            except Exception as error:
                raise shortened(error) from None
        return results[0] if len(results) == 1 else results

    def _check(self, name: str, method: LoadedMethod, args: Sequence[Any]) -> list[Tensor]:
        if len(args) != len(method.inputs):
            raise TypeError(
                f"{name}() of the loaded model takes {len(method.inputs)} inputs ({', '.join(map(repr, self._specs(method)))}), "
                f"got {len(args)}"
            )
        block = method.program.global_block()
        tensors = []
        for number, (wanted, value) in enumerate(zip(method.inputs, args, strict=True)):
            v = block.var(wanted)
            if isinstance(value, np.ndarray):
                from_numpy(value.dtype)
                value = make_tensor(backend.to_module(value, backend.current()))
            elif not isinstance_strict(value, Tensor) and not hasattr(value, "spec"):
                raise TypeError(f"{name}() of the loaded model: input {number} ({wanted!r}) must be a Tensor or ndarray, "
                                f"got {type(value).__name__}")  # fmt: skip
            shape, dtype = (value._data.shape, value.dtype) if isinstance_strict(value, Tensor) else (value.spec.shape, value.dtype)
            fits = len(shape) == len(v._shape) and all(a in (-1, b) or b == -1 for a, b in zip(v._shape[1:], shape[1:], strict=True))
            if v._dtype is not dtype or (v._shape and not fits):
                raise ValueError(
                    f"{name}() of the loaded model: input {number} ({wanted!r}) must be {v.describe()}, got {dtype.name}{list(shape)}"
                )
            tensors.append(value)
        return tensors

    def _form(self, method: LoadedMethod) -> PartialProgram:
        key = (self.training, frozenset(self._frozen)) if self._frozen else self.training
        form = method.forms.get(key)
        if form is None:
            captured = {name: self._by_variable[name] for name in method.renamed.values()}
            form = method.forms[key] = PartialProgram(
                self._in_mode(method), method.inputs, captured, method.outputs, recompute=not self.training
            )
        return form

    def _in_mode(self, method: LoadedMethod) -> Program:
        """The Program of a method for the present mode: `is_test` as in train() or eval(), frozen statistics kept."""
        program = method.program
        if self.training or self._frozen:
            program = program.clone()
            for block in program.blocks:
                for op in block.ops:
                    if self.training and op.attrs.get("is_test"):
                        op.attrs["is_test"] = False
                    if "use_global_stats" in op.attrs and not self._frozen.isdisjoint(op.input_arg_names):
                        op.attrs["use_global_stats"] = True
        return program

    # --- looking inside

    def program(self, method_name: str = "forward") -> Program:
        """The Program of a method. ValueError for a method the model does not have."""
        return self._method(method_name).program

    def operators(self, method_name: str = "forward") -> list[OperatorInfo]:
        """The operators of a method in the order they run: types, inputs and outputs with shapes, attributes, source lines.

        Those inside of branches and loops follow, with the number of their block.
        """
        return operators_of(self._method(method_name).program, self._structured)

    def input_names(self, method_name: str = "forward") -> list[str]:
        """Names of the variables a method takes, in the order of its arguments."""
        return list(self._method(method_name).inputs)

    def output_names(self, method_name: str = "forward") -> list[str]:
        """Names of the variables a method returns, in order."""
        return list(self._method(method_name).outputs)

    def extract(self, *outputs: Any, inputs: Sequence[Any] | None = None, method_name: str = "forward") -> TranslatedLayer:
        """A new layer that computes these variables of a method and nothing they do not need.

        outputs: names of variables, or Variables of `program()`. inputs: where to start, default the model's own inputs; a
        variable named here is fed instead of computed, so a model can be cut in two. The new layer starts in eval mode and
        shares its parameters with this one; copy.deepcopy makes it independent. ValueError for unknown names, parameters,
        and outputs that need more than the inputs.
        """
        method = self._method(method_name)
        if not outputs:
            raise ValueError("extract() needs the name of at least one variable; layer.operators() lists them")
        fetches = [self._variable_name(method, v) for v in outputs]
        feeds = method.inputs if inputs is None else [self._variable_name(method, v) for v in inputs]
        program = prune(method.program, feeds, fetches)
        read = {n for block in program.blocks for op in block.ops for n in op.input_arg_names} | set(fetches)
        unread = [n for n in feeds if n not in read]
        if inputs is not None and unread:
            raise ValueError(f"extract(): the inputs {unread} do not lead to {fetches}")
        feeds = [n for n in feeds if n in read]
        block = program.global_block()
        renamed = {old: new for old, new in method.renamed.items() if new in block.vars}
        values = {old: method.values[old] for old in renamed}
        new: TranslatedLayer = TranslatedLayer.__new__(TranslatedLayer)
        Layer.__init__(new)
        new._methods = {"forward": LoadedMethod(program, feeds, fetches, values, method.suffix, renamed)}
        used = set(renamed.values())
        new._by_variable = {n: t for n, t in self._by_variable.items() if n in used}
        new._persistable_var_name_dict = {n: k for n, k in self._persistable_var_name_dict.items() if n in used}
        new._structured = {n: k for n, k in self._structured.items() if n in used}
        new._frozen = self._frozen
        for name, key in new._persistable_var_name_dict.items():
            t = self._by_variable[name]
            if isinstance(t, Parameter):
                new.add_parameter(key, t)
            else:
                new.register_buffer(key, t)
        new.eval()
        return new

    def with_outputs(self, *names: Any, method_name: str = "forward") -> TranslatedLayer:
        """As `extract`, but the model's own outputs come first and these variables after them."""
        return self.extract(*self._method(method_name).outputs, *names, method_name=method_name)

    def _variable_name(self, method: LoadedMethod, wanted: Any) -> str:
        name = wanted.name if isinstance(wanted, Variable) else wanted
        if not isinstance(name, str):
            raise TypeError(f"a variable of a loaded model is given by its name or as a Variable, got {type(wanted).__name__}")
        if name in self._by_variable or name in method.renamed:
            raise ValueError(f"{name!r} is a parameter of the loaded model, not a result; take it from named_parameters()")
        if name not in method.program.global_block().vars:
            raise unknown_variable(name, method.program)
        return name

    # --- freezing

    def freeze(self, *patterns: str) -> list[str]:
        """Keep parameters as they are: no gradients, and statistics of batch_norm used and not updated in train().

        patterns: with ``*``, ``?`` and ``[...]``, held against the structured name, the variable's name and the key in
        state_dict(). Returns the variable names that fit. ValueError for a pattern that nothing fits.
        """
        chosen = matching(patterns, self._names())
        statistics = self._statistics()
        for name in chosen:
            if name in statistics:
                self._frozen.add(name)
            self._by_variable[name].stop_gradient = True
        return chosen

    def unfreeze(self, *patterns: str) -> list[str]:
        """The opposite of `freeze`. Statistics of batch_norm behave again as the model says."""
        chosen = matching(patterns, self._names())
        statistics = self._statistics()
        for name in chosen:
            t = self._by_variable[name]
            self._frozen.discard(name)
            if name not in statistics and isinstance(t, Parameter) and t.dtype.is_floating:
                t.stop_gradient = False
        return chosen

    def _names(self) -> list[tuple[str, list[str]]]:
        """For each persistable variable all names it goes by."""
        in_file = {new: old for method in self._methods.values() for old, new in method.renamed.items()}
        return [
            (name, [key, name, in_file.get(name, ""), self._structured.get(name, "")])
            for name, key in self._persistable_var_name_dict.items()
        ]

    def _statistics(self) -> set[str]:
        """Persistable variables that operators write."""
        ops = [op for method in self._methods.values() for block in method.program.blocks for op in block.ops]
        return {n for op in ops for n in op.output_arg_names if n in self._by_variable}

    def _method(self, name: str) -> LoadedMethod:
        try:
            return self._methods[name]
        except KeyError:
            raise ValueError(f"the loaded model has no method {name!r}; it has {', '.join(self._methods)}") from None

    def _specs(self, method: LoadedMethod) -> list[InputSpec]:
        block = method.program.global_block()
        return [InputSpec(block.var(n)._shape, block.var(n).dtype, n) for n in method.inputs]

    def _input_spec(self, method_name: str = "forward") -> list[InputSpec]:
        """Specs of a method's inputs."""
        return self._specs(self._method(method_name))

    def _output_spec(self, method_name: str = "forward") -> list[InputSpec]:
        """Specs of a method's results."""
        method = self._method(method_name)
        block = method.program.global_block()
        return [InputSpec(block._var_recursive(n)._shape, block._var_recursive(n).dtype, n) for n in method.outputs]

    @property
    def _input_args_names(self) -> list[str]:
        """Input names of the first method."""
        return next(iter(self._methods.values())).inputs

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._methods, {k: v for k, v in self.__dict__.items() if k not in self._methods and k != "_methods"})

    def __deepcopy__(self, memo: dict[int, Any]) -> TranslatedLayer:
        import copy

        new: TranslatedLayer = TranslatedLayer.__new__(TranslatedLayer)
        memo[id(self)] = new
        for key, value in self.__dict__.items():
            if key == "_methods":
                value = {
                    n: LoadedMethod(
                        m.program.clone(), list(m.inputs), list(m.outputs), m.values, m.suffix, dict(m.renamed), trainable=m.trainable
                    )
                    for n, m in self._methods.items()
                }
            elif key in self._methods or key == "_by_variable":
                continue
            else:
                value = copy.deepcopy(value, memo)
            new.__dict__[key] = value
        new.__dict__["_by_variable"] = {n: memo.get(id(t), t) for n, t in self._by_variable.items()}
        for name in new._methods:
            if name != "forward":
                new._add_method(name)
        return new


def replay(
    recorder: Any, method: LoadedMethod, program: Program, inputs: Sequence[Any], state: dict[str, Tensor]
) -> list[Any]:
    """Record the operators of a loaded Program (of `method`, in the mode wanted) into the Program that is being traced."""
    env: dict[str, Any] = dict(zip(method.inputs, inputs, strict=True))
    env.update((name, state[name]) for name in method.renamed.values())
    for op in program.global_block().ops:
        if len(program.blocks) > 1:  # shapes behind a branch or loop are known to the file alone
            copy_operator(recorder, op, env)
            continue
        definition = definition_of(op)
        arguments, _ = run_arguments(op, definition, env.__getitem__)
        outputs = recorder.append(definition, arguments, attributes(op, definition))
        env.update(results_by_name(op, definition, tuple(outputs)))
    return [env[name] for name in method.outputs]


def _rebuild(methods: dict[str, LoadedMethod], state: dict[str, Any]) -> TranslatedLayer:
    new: TranslatedLayer = TranslatedLayer.__new__(TranslatedLayer)
    for method in methods.values():
        method.forms = {}
    new.__dict__.update(state)
    new.__dict__["_methods"] = methods
    for name in methods:
        if name != "forward":
            new._add_method(name)
    return new


def _own(array: Any) -> Any:
    """The array, or a copy if somebody else may have its memory."""
    return array if type(array) is np.ndarray and array.flags.owndata and array.flags.writeable else array.copy()


def _parameter(array: Any, name: str, facts: dict[str, Any] | None) -> Parameter:
    trainable = True if facts is None else bool(facts.get("trainable", True))
    floating = array.dtype.kind in "fcV"
    p = Parameter(array[:0] if array.ndim else array, name=name, trainable=trainable and floating)
    p._data = array  # without the copy that a Parameter takes of a value
    if facts is not None and floating:
        p.stop_gradient = bool(facts.get("stop_gradient", not trainable))
    return p


def _written(program: Program, name: str) -> bool:
    """Whether some operator writes the variable."""
    return any(name in op.output_arg_names for block in program.blocks for op in block.ops)


def _only_written(program: Program, name: str) -> bool:
    """Whether some operator writes the variable without reading it."""
    return any(name in op.output_arg_names and name not in op.input_arg_names for block in program.blocks for op in block.ops)


def _rename(program: Program, names: dict[str, str]) -> None:
    for block in program.blocks:
        block.vars = {names.get(n, n): v for n, v in block.vars.items()}
        for name, v in block.vars.items():
            v.name = name
        for op in block.ops:
            for slots in (op.inputs, op.outputs):
                for slot, values in slots.items():
                    slots[slot] = [names.get(n, n) for n in values]
    program.touch()


def _restore_outputs(program: Program) -> None:
    """Outputs that saving clipped away (XShape, Mask ...) come back, because gradients need them."""
    for block in program.blocks:
        for op in block.ops:
            definition = OPS.get(op.type)
            if definition is None or definition.grad is None:
                continue
            for kind, index, _ in definition.grad.sources:
                slot = definition.outputs[index] if kind == "out" else None
                if slot is None or op.outputs.get(slot.name) or slot.many:
                    continue
                like = block.find_var(op.input_arg_names[0]) if op.input_arg_names else None
                v = block.create_var(
                    program.fresh_name(f"{op.type}.{slot.name.lower()}.restored"), (), like._dtype if like is not None else None
                )
                op.outputs[slot.name] = [v.name]
