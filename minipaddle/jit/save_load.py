"""jit.save and jit.load: Programs and parameters in Paddle's own files.

    <path>.pdmodel, <path>.pdiparams                      method forward
    <path>.<method>.pdmodel, <path>.<method>.pdiparams    every other traced method
    <path>.pdiparams.info                                 facts about all variables, shared by the methods
"""
from __future__ import annotations

import functools
import inspect
import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ..backend import xp as backend
from ..core.blocks import has_effect, inner_block, reads, rename
from ..core.custom_gradient import CUSTOM, is_hook
from ..core.program import Operator, Program, Variable
from ..core.tensor import Parameter, Tensor, isinstance_strict
from ..formats import atomic, detect, info, lod_tensor, pdmodel, pir_json
from ..nn.layer.layers import Layer
from ..ops.registry import OPS
from ..utils import tree
from .api import StaticFunction, _Switch
from .input_spec import InputSpec
from .partial_program import ProgramNode
from .trace import ConcreteProgram
from .translated_layer import LoadedMethod, TranslatedLayer

__all__ = ["load", "save"]

_SAVE_CONFIGS = (
    "output_spec", "with_hook", "combine_params", "clip_extra", "skip_forward", "input_names_after_prune", "skip_prune_program",
)  # fmt: skip
_LOAD_CONFIGS = ("model_filename", "params_filename")


def _check_configs(function: str, configs: dict[str, Any], known: Sequence[str]) -> None:
    unknown = [name for name in configs if name not in known]
    if unknown:
        raise ValueError(f"{function}: the additional config ({unknown[0]}) is not supported; known are {', '.join(known)}")


def _checked_path(function: str, path: Any) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{function}: the path must be a str or PathLike, got {type(path).__name__}")
    return os.fspath(path)


# --- save


def save(layer: Any, path: str, input_spec: Any = None, **configs: Any) -> None:
    """Write a Layer (its forward and every other method under `to_static`) or a function as Paddle model files.

    path: prefix of the files; missing folders are made. input_spec: one InputSpec, example Tensor, ndarray or constant per
    argument of forward; needed unless forward is traced already, and not allowed when other methods are traced.
    configs: output_spec (keep these results only), input_names_after_prune, clip_extra, with_hook, skip_prune_program,
    skip_forward. TypeError for something that cannot be saved; ValueError for wrong specs, paths and configs.
    """
    if not _Switch.enabled:
        raise RuntimeError("paddle.jit.save: to_static is switched off by paddle.jit.enable_to_static(False); switch it on to save")
    if not isinstance(layer, (Layer, StaticFunction)) and not (callable(layer) and not isinstance(layer, type)):
        raise TypeError(f"paddle.jit.save takes a Layer or a function, got {type(layer).__name__}")
    _check_configs("paddle.jit.save", configs, _SAVE_CONFIGS)
    if configs.get("combine_params"):
        raise ValueError("paddle.jit.save: combine_params=True is not supported; each method keeps a parameter file of its own")
    path = _checked_path("paddle.jit.save", path)
    if not os.path.basename(path):
        raise ValueError(
            f"paddle.jit.save: the path must end in a file name prefix, as in 'folder/model', got {path!r}"
        )
    if input_spec is not None and not isinstance(input_spec, (list, tuple)):
        raise TypeError(f"paddle.jit.save: input_spec must be a list or tuple with one entry per argument, got {type(input_spec).__name__}")
    methods = _concrete_programs(layer, input_spec, configs)
    owner = layer if isinstance(layer, Layer) else getattr(layer, "_instance", None) or getattr(layer, "__self__", None)
    names = _structured_names(owner) if isinstance(owner, Layer) else {}

    files: dict[str, bytes] = {}
    facts: dict[str, dict[str, Any]] = {}
    for name, concrete in methods.items():
        prefix = path if name == "forward" else f"{path}.{name}"
        program, feeds, fetches = _pruned(concrete, configs, name, input_spec)
        written = [op for block in program.blocks for op in block.ops if op.type == CUSTOM]
        if any(is_hook(op) for op in written):
            warnings.warn(
                f"paddle.jit.save: method {name!r} has gradient hooks (register_hook); files do not hold them, so a Layer that is loaded "
                "from them uses the gradients without them",
                stacklevel=2,
            )
        if any(not is_hook(op) for op in written):
            warnings.warn(
                f"paddle.jit.save: method {name!r} uses a hand-written gradient (PyLayer); files do not hold it, so a Layer that is loaded "
                "from them computes the same, but gets no gradient through it",
                stacklevel=2,
            )
        program, fetches = _with_cuts(program, fetches)
        inference = pdmodel.to_inference_program(program, feeds, fetches, effects=True)
        files[prefix + ".pdmodel"] = pdmodel.dumps(inference, callstack=True)
        state = {v.name: concrete.captured[v.name] for v in inference.persistables()}
        if state:
            files[prefix + ".pdiparams"] = lod_tensor.dumps_combined({n: backend.to_numpy(t._data) for n, t in state.items()})
        for variable, t in state.items():
            facts.setdefault(variable, _facts(t, names.get(variable, variable)))
    if isinstance(owner, Layer):
        for t in owner.to_static_state_dict().values():
            if facts:
                facts.setdefault(t.name, _facts(t, names[t.name]))
    if facts:
        files[path + ".pdiparams.info"] = info.dumps(facts)
    if not isinstance(layer, Layer) and owner is None and any(c.captured for c in methods.values()):
        warnings.warn(
            "paddle.jit.save: a function was saved that uses tensors defined outside of it; their present values are stored as parameters",
            stacklevel=2,
        )
    if any(_holds_dict(concrete.template) for concrete in methods.values()):
        warnings.warn(
            "Found 'dict' in given outputs, the values will be returned in a sequence sorted in lexicographical order by their keys.",
            stacklevel=2,
        )
    atomic.write_files(files)


def _holds_dict(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, (list, tuple)) and any(_holds_dict(item) for item in value))


def _facts(t: Tensor, structured_name: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"structured_name": structured_name, "stop_gradient": bool(t.stop_gradient)}
    if isinstance_strict(t, Parameter):
        entry["trainable"] = bool(t.trainable)  # type: ignore[attr-defined]
    return entry


def _structured_names(layer: Layer) -> dict[str, str]:
    """Variable name -> key of the Layer's state dict (non-persistable buffers included)."""
    return {t.name: key for key, t in layer.to_static_state_dict().items()}


def _static_methods(layer: Layer) -> dict[str, StaticFunction]:
    """The traced methods of a Layer besides forward."""
    found = {}
    for name in dir(type(layer)):
        if isinstance(inspect.getattr_static(type(layer), name, None), StaticFunction) and name != "forward":
            found[name] = getattr(layer, name)
    for name, value in layer.__dict__.items():
        if isinstance(value, StaticFunction) and name != "forward":
            found[name] = value
    return dict(sorted(found.items()))


def _concrete_programs(layer: Any, input_spec: Any, configs: dict[str, Any]) -> dict[str, ConcreteProgram]:
    if not isinstance(layer, Layer):
        static = layer if isinstance(layer, StaticFunction) else StaticFunction(layer)
        return {"forward": static.concrete_program_specify_input_spec(input_spec)}
    others = _static_methods(layer)
    if others and input_spec is not None:
        raise ValueError(
            "If there are static functions other than 'forward' that need to be saved, the input 'input_spec' should be None, but "
            f"received the type of 'input_spec' is {type(input_spec)}; declare it with @to_static(input_spec=...) instead "
            f"(here: {', '.join(others)})"
        )
    methods: dict[str, ConcreteProgram] = {}
    forward: Any = layer.forward
    static_forward = isinstance(forward, StaticFunction)
    if static_forward or not configs.get("skip_forward"):
        if not static_forward and input_spec is None:
            detail = "the method 'forward' of the layer is not traced" if others else "the layer was not traced by paddle.jit.to_static"
            raise ValueError(
                f"paddle.jit.save: {detail}, so it needs input_spec: one InputSpec or example Tensor per argument of forward"
            )
        hooked = bool(layer._forward_pre_hooks or layer._forward_post_hooks)
        if hooked:
            source = forward.dygraph_function if static_forward else forward
            declared = forward._declared if static_forward else None
            static = StaticFunction(_with_hooks(layer, source), declared)
            if input_spec is None and declared is None and static_forward:
                key_inputs = forward.concrete_program.input_variables
                input_spec = [InputSpec(v._shape, v.dtype, v.name, v.stop_gradient) for v in key_inputs]
        else:
            static = forward if static_forward else StaticFunction(forward)
        methods["forward"] = static.concrete_program_specify_input_spec(input_spec)
    for name, method in others.items():
        methods[name] = method.concrete_program
    return methods


def _with_hooks(layer: Layer, forward: Callable[..., Any]) -> Callable[..., Any]:
    """The Layer's call, hooks included, under the signature of its forward."""

    @functools.wraps(forward)
    def call_with_hooks(*args: Any, **kwargs: Any) -> Any:
        return Layer.__call__(layer, *args, **kwargs)

    call_with_hooks.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
    return call_with_hooks


def _pruned(
    concrete: ConcreteProgram, configs: dict[str, Any], method: str, input_spec: Any
) -> tuple[Program, list[str], list[str]]:
    """The traced Program with the feeds and fetches to be saved."""
    feeds = [v.name for v in concrete.input_variables]
    given = [s for s in tree.flatten(input_spec or []) if isinstance(s, (InputSpec, Variable))]
    if 0 < len(given) < len(feeds):  # some of the specs declared by to_static: the other inputs are to go
        configs = {"input_names_after_prune": [s.name for s in given], **configs}
    fetches = list(dict.fromkeys(v.name for v in concrete.output_variables))
    output_spec = configs.get("output_spec") if method == "forward" else None
    if output_spec is not None:
        fetches = _selected_outputs(concrete, output_spec)
    if not fetches:
        raise ValueError(f"paddle.jit.save: method {method!r} returns no Tensor, so there is nothing to save")
    needed = _needed_inputs(concrete.main_program, fetches)
    needed.update(n for op in concrete.main_program.global_block().ops if has_effect(op) for n in _leading_to(concrete.main_program, op))
    chosen = configs.get("input_names_after_prune") if method == "forward" else None
    if chosen is not None:
        unknown = [n for n in chosen if n not in feeds]
        if unknown:
            raise ValueError(f"paddle.jit.save: input_names_after_prune names {unknown}, but the inputs are {feeds}")
        missing = [n for n in feeds if n in needed and n not in chosen]
        if missing:
            raise ValueError(f"paddle.jit.save: the chosen outputs need the inputs {missing}, which input_names_after_prune leaves out")
        feeds = [n for n in feeds if n in chosen]
    elif output_spec is not None:
        unused = [n for n in feeds if n not in needed]
        if unused:
            raise ValueError(
                f"paddle.jit.save: the inputs {unused} do not lead to the outputs of output_spec; leave them out of input_spec or "
                "pass input_names_after_prune"
            )
    return concrete.main_program, feeds, fetches


def _needed_inputs(program: Program, fetches: Sequence[str]) -> set[str]:
    live = set(fetches)
    for op in reversed(program.global_block().ops):
        if any(n in live for n in op.output_arg_names):
            live.update(op.input_arg_names)
    return live


def _leading_to(program: Program, op: Operator) -> set[str]:
    ops = program.global_block().ops
    live = set(reads(op))
    for earlier in reversed(ops[: ops.index(op)]):
        if any(n in live for n in earlier.output_arg_names):
            live.update(reads(earlier))
    return live


def _with_cuts(program: Program, fetches: list[str]) -> tuple[Program, list[str]]:
    """A copy in which operators say where no gradient flows (`no_grad`, stop_gradient): files have no other place for it.

    `share_data`, the operator of `x.detach()`, stands after each such value that is read by something with a gradient.
    """
    if not any(_is_cut(v) for block in program.blocks for v in block.vars.values()):
        return program, fetches
    new = program.clone()
    for block in new.blocks:
        for name in [n for n, v in block.vars.items() if _is_cut(v)]:
            places = [i for i, op in enumerate(block.ops) if name in op.output_arg_names]
            if not places:
                continue  # an input: whether it needs a gradient is said at each call
            at = places[-1] + 1
            maker = block.ops[at - 1]
            if inner_block(maker) is None and (maker.type not in OPS or OPS[maker.type].grad is None):
                continue  # no gradient passes it anyway
            readers = [op for op in block.ops[at:] if name in reads(op) and not _all_cut(op)]
            fetched = block.idx == 0 and name in fetches
            if not readers and not fetched:
                continue
            like = block.vars[name]
            fresh = new.fresh_name("share_data")
            made = block.create_var(f"{fresh}.tmp_0", like._shape, like._dtype, lod_level=like.lod_level)
            for op in readers:
                rename(op, name, made.name)
            if fetched:
                fetches = [made.name if n == name else n for n in fetches]
            block._insert_op(at, "share_data", {"X": name}, {"Out": made.name}, {}).callstack = list(maker.callstack)
    new.touch()
    return new, fetches


def _is_cut(v: Variable) -> bool:
    return v.cut and not v.persistable and v.kind == "LOD_TENSOR" and v.has_dtype and (v.dtype.is_floating or v.dtype.is_complex)


def _all_cut(op: Operator) -> bool:
    """Whether everything an operator makes is cut already, or is no floating number."""
    if inner_block(op) is not None:
        return False
    outputs = [op.block.find_var(n) for n in op.output_arg_names]
    return all(v is None or v.cut or not v.has_dtype or not (v.dtype.is_floating or v.dtype.is_complex) for v in outputs)


def _selected_outputs(concrete: ConcreteProgram, output_spec: Any) -> list[str]:
    if not isinstance(output_spec, (list, tuple)):
        raise TypeError(f"paddle.jit.save: output_spec must be a list, got {type(output_spec).__name__}")
    outputs = concrete.output_variables
    chosen: list[str] = []
    foreign = [w.name for w in output_spec if isinstance_strict(w, Tensor) and _result_name(w) not in {v.name for v in outputs}]
    if foreign and len(output_spec) == len(outputs):
        warnings.warn(
            f"paddle.jit.save: the Tensors {foreign} of output_spec are no results of the traced function; as output_spec has one "
            "entry for each result, all results are saved",
            stacklevel=4,
        )
        return [v.name for v in outputs]
    for wanted in tree.leaves(list(output_spec)):
        if isinstance(wanted, int) and not isinstance(wanted, bool):
            if not -len(outputs) <= wanted < len(outputs):
                raise ValueError(f"paddle.jit.save: output_spec asks for result {wanted}, but there are {len(outputs)}")
            chosen.append(outputs[wanted].name)
            continue
        name = _result_name(wanted)
        if name not in {v.name for v in outputs}:
            raise ValueError(
                f"paddle.jit.save: output_spec names {name!r}, which is no result of the traced function; results are "
                f"{[v.name for v in outputs]} (a position such as 0 may be given instead of a name)"
            )
        chosen.append(name)
    return chosen


def _result_name(wanted: Any) -> Any:
    """The variable name of an entry of output_spec: a name, an InputSpec, a Variable, or the Tensor a traced call returned."""
    if isinstance_strict(wanted, Tensor):
        if wanted._edge is not None and isinstance(wanted._edge[0], ProgramNode):
            node, index = wanted._edge
            return node.form.outputs[index]
        return wanted.name
    return wanted.name if isinstance(wanted, (InputSpec, Variable)) else wanted


# --- load


def load(path: str, **configs: Any) -> TranslatedLayer:
    """Read model files into a `TranslatedLayer`.

    path: the prefix given to `jit.save` or `static.save_inference_model` (of Paddle 3.x too, where the model is ``<path>.json``), or a
    folder of the 1.x `save_inference_model` (with model_filename and params_filename where they were given). ValueError when files
    are missing, damaged or foreign.
    """
    _check_configs("paddle.jit.load", configs, _LOAD_CONFIGS)
    found = detect.find_model(_checked_path("paddle.jit.load", path), **configs)
    facts = info.loads_file(found.info) if found.info else None
    methods: dict[str, LoadedMethod] = {}
    for name, files in found.methods.items():
        stored = detect.load_program(files.model)
        program, feeds, fetches = pdmodel.from_inference_program(stored)
        if pir_json.is_read(stored):
            facts = {**(facts or {}), **pir_json.variable_facts(stored)}
        wanted = sorted(v.name for v in program.persistables())
        values = detect.read_parameters(files, wanted)
        _check_values(program, values, files.model)
        for variable in values:
            if facts is not None and variable not in facts:
                raise detect.MismatchError(
                    f"{found.info}: has no entry for variable {variable!r} of {files.model}; the files do not belong together"
                )
        values.update(pir_json.without_values(stored))
        methods[name] = LoadedMethod(program, feeds, fetches, values, trainable=stored.extra.get("trainable", True))
    return TranslatedLayer(methods, facts)


def _check_values(program: Program, values: dict[str, Any], file: str) -> None:
    """The shapes and types of the parameters must be what the Program says."""
    for v in program.persistables():
        array = values[v.name]
        if len(v._shape) != array.ndim or any(n not in (-1, m) for n, m in zip(v._shape, array.shape, strict=True)):
            raise ValueError(
                f"{file}: parameter {v.name!r} should have shape {list(v._shape)}, but its file holds {list(array.shape)}; the model and "
                "parameter files do not belong together"
            )
        if v._dtype is not None and v._dtype.np != array.dtype:
            raise ValueError(
                f"{file}: parameter {v.name!r} should be {v._dtype.name}, but its file holds {array.dtype}; the model and parameter "
                "files do not belong together"
            )
