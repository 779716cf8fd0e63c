"""Files of static Programs.

save, load                                   <prefix>.pdparams, .pdopt, .pdmodel
save_inference_model, load_inference_model   <prefix>.pdmodel, .pdiparams; or a folder, as Paddle 1.x wrote it
save_vars, load_vars                         a folder with a file per variable, or one combined file
load_program_state, set_program_state        any of these as a dict of arrays
serialize_*, deserialize_*                   the same as bytes
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..backend import xp as backend
from ..core.program import SPECIAL_KINDS, Program, Variable
from ..core.scope import Scope, current_scope
from ..core.tensor import TensorBase
from ..errors import FormatError
from ..formats import atomic, detect, lod_tensor, pdmodel, pdparams, safe_pickle
from ..formats.lod_tensor import StoredTensor
from ..formats.program_state import (
    MODEL,
    OPT,
    PARAMS,
    WrongFileError,
    check_stored,
    load_dict,
    load_program_state,
    prefix_of,
    variables_of,
)
from .executor import CompiledProgram, Executor, MissingValueError
from .program import default_main_program, static_only

__all__ = [
    "deserialize_persistables", "deserialize_program", "load", "load_from_file", "load_inference_model", "load_program_state",
    "load_vars", "normalize_program", "save", "save_inference_model", "save_to_file", "save_vars", "serialize_persistables",
    "serialize_program", "set_program_state",
]  # fmt: skip


class StateError(AssertionError, ValueError):
    """A saved state does not fit the Program. Paddle raises AssertionError."""


class NoStateError(FileNotFoundError, ValueError):
    """There are no saved values. Paddle raises ValueError."""


# --- values in scopes


def is_parameter(v: Variable) -> bool:
    """Whether the variable is a parameter."""
    return v.is_parameter


def is_persistable(v: Variable) -> bool:
    """Whether the variable has a value that outlives a run."""
    return v.persistable and v.kind not in SPECIAL_KINDS


def _program(program: Any, what: str) -> Program:
    if isinstance(program, CompiledProgram):
        program = program._program
    if not isinstance(program, Program):
        raise TypeError(f"{what}: program must be a Program, got {type(program).__name__}")
    return program


def _value(name: str, scope: Scope | None = None) -> np.ndarray[Any, Any]:
    found = (scope or current_scope()).tensor(name)
    if found is None:
        raise MissingValueError(
            f"variable {name!r} has no value in the scope; run the startup Program before saving: "
            "exe.run(paddle.static.default_startup_program())"
        )
    return backend.to_numpy(found._data)


def _lod(name: str) -> list[list[int]]:
    found = current_scope().tensor(name)
    return found.lod() if found is not None else []


def _put(name: str, array: np.ndarray[Any, Any], executor: Any = None) -> None:
    place = executor.place if isinstance(executor, Executor) else None
    current_scope().var(name).put(backend.to_place(array, place))


def _put_stored(name: str, stored: StoredTensor, executor: Any = None) -> None:
    _put(name, stored.array, executor)
    if stored.lod:
        tensor = current_scope().tensor(name)
        assert tensor is not None
        tensor.set_lod(stored.lod)


def _unique_persistables(program: Program, condition: Callable[[Variable], bool]) -> list[Variable]:
    found: dict[str, Variable] = {}
    for v in program.list_vars():
        if v.kind not in SPECIAL_KINDS and condition(v):
            found.setdefault(v.name, v)
    return list(found.values())


# --- checkpoints


@static_only
def save(program: Program, model_path: str, protocol: int = 4, **configs: Any) -> None:
    """Write parameters, the other persistable variables, and the Program itself, as three files that begin with `model_path`.

    protocol: of the pickles, 2 to 4. AssertionError for a path that ends in a folder; ValueError for the protocol, and for
    variables that have no value.
    """
    model_path = os.fspath(model_path)
    if not os.path.basename(model_path):
        raise StateError(
            "The input model_path MUST be format of dirname/filename [dirname\\filename in Windows system], but received model_path "
            f"is empty string ({model_path!r})."
        )
    if "pickle_protocol" in configs:
        protocol = configs["pickle_protocol"]
        warnings.warn("'pickle_protocol' is a deprecated argument. Please use 'protocol' instead.", stacklevel=2)
    safe_pickle.check_protocol(protocol)
    program = _program(program, "static.save")
    parameters = {v.name: _value(v.name) for v in _unique_persistables(program, lambda v: v.is_parameter)}
    others = {
        v.name: _value(v.name) for v in _unique_persistables(program, lambda v: v.persistable and not v.is_parameter)
    }
    atomic.write_files(
        {
            model_path + PARAMS: lambda file: pdparams.dump(parameters, file, protocol, name_table=False),
            model_path + OPT: lambda file: pdparams.dump(others, file, protocol, name_table=False),
            model_path + MODEL: pdmodel.dumps(program),
        }
    )


@static_only
def load(
    program: Program, model_path: str, executor: Executor | None = None, var_list: Sequence[Variable] | None = None
) -> None:
    """Set the variables of `program` from what `save` wrote, or from a folder or file of `save_vars`.

    model_path: the prefix given to `save` (or one of its files). executor: where the values go; needed for folders and files
    of `save_vars`. var_list: the variables a single file of `save_vars` holds, or the part to be loaded.
    FileNotFoundError when there is nothing; AssertionError (a ValueError too) for a missing variable or another shape.
    """
    program = _program(program, "static.load")
    prefix = prefix_of(model_path)
    if var_list is not None:
        variables_of(list(var_list), "static.load: var_list must hold Variables", TypeError)
    if not os.path.exists(prefix + PARAMS):
        _load_bare(program, os.fspath(model_path), prefix, executor, var_list)
        return
    wanted = None if var_list is None else {v.name for v in var_list}
    state = load_dict(prefix + PARAMS)
    parameters = [v for v in _unique_persistables(program, is_parameter) if wanted is None or v.name in wanted]
    others = [
        v
        for v in _unique_persistables(program, lambda v: v.persistable and not v.is_parameter)
        if wanted is None or v.name in wanted
    ]
    for v in parameters:
        if v.name not in state:
            raise StateError(f"Can not find [{v.name}] in model file [{prefix + PARAMS}]")
    if others:
        if not os.path.exists(prefix + OPT):
            raise StateError(f"Optimizer file [{prefix + OPT}] not exits")
        state = {**state, **load_dict(prefix + OPT)}
        for v in others:
            if v.name not in state:
                raise StateError(f"Can not find [{v.name}] in model file [{prefix + OPT}]")
    for v in (*parameters, *others):
        _check_fits(v, state[v.name])
    for v in (*parameters, *others):
        _put(v.name, np.array(pdparams.to_dtype(state[v.name])), executor)


def _load_bare(program: Program, path: str, prefix: str, executor: Any, var_list: Sequence[Variable] | None) -> None:
    """`load` of what `save_vars` and its relatives wrote."""
    if not os.path.exists(path):
        raise NoStateError(f"[Errno 2] No such file or directory: '{prefix + PARAMS}'")
    if executor is None:
        raise ValueError(
            f"{path}: executor is required when loading model file saved with [ save_params, save_persistables, save_vars ]"
        )
    if os.path.isdir(path):
        names = {v.name for v in var_list} if var_list is not None else None
        chosen = [
            v for v in _unique_persistables(program, is_persistable)
            if (names is None or v.name in names) and os.path.isfile(os.path.join(path, v.name))
        ]  # fmt: skip
        if not chosen:
            raise FileNotFoundError(f"{path}: the folder holds no file of a persistable variable of the Program")
        load_vars(executor, path, program, vars=chosen)
        return
    if var_list is None:
        raise ValueError(
            f"{path}: var_list is required when loading model file saved with [ save_params, save_persistables, save_vars ]"
        )
    known = {v.name for v in program.list_vars()}
    for v in var_list:
        if v.name not in known:
            raise LookupError(f"loaded var [{v.name}] is not in program variable list")
    load_vars(executor, os.path.dirname(path), program, vars=list(var_list), filename=os.path.basename(path))


def _check_fits(v: Variable, value: Any) -> None:
    array = np.asarray(value)
    if len(v._shape) != array.ndim or any(n not in (-1, m) for n, m in zip(v._shape, array.shape)):
        raise StateError(
            f"Parameter's shape does not match, the Program requires a parameter with the shape of ({v._shape}), while the loaded "
            f"parameter (namely [ {v.name} ]) has a shape of  ({array.shape})."
        )
    stored = "bfloat16" if array.dtype == np.uint16 else array.dtype.name
    if v.has_dtype and stored != v.dtype.name:
        raise StateError(
            f"Parameter's data type does not match, the Program requires a parameter with a dtype of ({v.dtype.name}), while the "
            f"loaded parameter (namely [ {v.name} ]) has a dtype of  ({stored})."
        )


@static_only
def set_program_state(program: Program, state_dict: dict[str, np.ndarray[Any, Any]]) -> None:
    """Set those persistable variables of `program` that `state_dict` names; one UserWarning lists names it has no use for.

    AssertionError (a ValueError too) for another shape or dtype; nothing is set then.
    """
    program = _program(program, "set_program_state")
    state = dict(state_dict)
    state.pop(pdparams.NAME_TABLE, None)
    used: list[tuple[str, np.ndarray[Any, Any]]] = []
    for v in _unique_persistables(program, is_persistable):
        if v.name not in state:
            continue
        value = state.pop(v.name)
        array = backend.to_numpy(value._data) if isinstance(value, TensorBase) else np.asarray(value)
        if current_scope().tensor(v.name) is None:
            raise StateError(f"Variable [ {v.name} ] Not found, Please make sure run startup program")
        _check_fits(v, array)
        used.append((v.name, array))
    for name, array in used:
        _put(name, np.array(pdparams.to_dtype(array)))
    if state:
        warnings.warn(
            f"This list is not set, Because of Paramerter not found in program. There are: {' '.join(map(str, state))}",
            stacklevel=2,
        )


# --- inference models


def _checked_prefix(path_prefix: Any) -> str:
    if not isinstance(path_prefix, (str, os.PathLike)):
        raise ValueError(f"'path_prefix' should be a string, got {type(path_prefix).__name__}")
    path = os.fspath(path_prefix)
    if not os.path.basename(path) or path.endswith(os.sep):
        raise ValueError(
            f"'path_prefix' should not be a directory; it must end in the common beginning of the file names, got {path!r}"
        )
    return path


def _program_for(given: Any, variables: Sequence[Variable], what: str) -> Program:
    """The Program that was given; else that of the Variables."""
    if given is not None:
        return _program(given, what)
    return variables[0].block.program if variables else default_main_program()


def _inference_program(
    program: Program, feed_vars: Sequence[Variable], fetch_vars: Sequence[Variable], **options: Any
) -> Program:
    if not fetch_vars:
        raise ValueError("'fetch_vars' is empty: there is nothing to compute")
    return pdmodel.to_inference_program(program, [v.name for v in feed_vars], [v.name for v in fetch_vars], **options)


def _states(program: Program) -> dict[str, np.ndarray[Any, Any]]:
    return {v.name: _value(v.name) for v in program.persistables()}


@static_only
def save_inference_model(path_prefix: str, feed_vars: Any, fetch_vars: Any, executor: Executor, **kwargs: Any) -> None:
    """Write ``<path_prefix>.pdmodel`` and ``.pdiparams``: the part of a Program that leads from `feed_vars` to `fetch_vars`.

    feed_vars, fetch_vars: a Variable or a list. Keywords: `program` (default that of the Variables), `clip_extra` (default True).
    ValueError for a path that ends in a folder, for anything but Variables, and when a feed is not needed or missing.
    """
    known = ("program", "clip_extra", "legacy_format")
    for name in kwargs:
        if name not in known:
            warnings.warn(
                f"save_inference_model: the keyword {name!r} is not known; known are {', '.join(known)}", stacklevel=2
            )
    path = _checked_prefix(path_prefix)
    feeds = variables_of(feed_vars, "'feed_vars' should be a Variable or a list of Variable.")
    fetches = variables_of(fetch_vars, "'fetch_vars' should be a Variable or a list of Variable.")
    program = _program_for(kwargs.get("program"), fetches, "save_inference_model")
    made = _inference_program(program, feeds, fetches, clip_extra=kwargs.get("clip_extra", True))
    files: dict[str, atomic.Content] = {path + MODEL: pdmodel.dumps(made)}
    state = _states(made)
    if state:
        files[path + detect.PARAMS_SUFFIX] = lod_tensor.dumps_combined(state)
    atomic.write_files(files)


def save_inference_folder(
    dirname: str,
    feeded_var_names: Any,
    target_vars: Any,
    executor: Executor | None,
    main_program: Program | None = None,
    model_filename: str | None = None,
    params_filename: str | None = None,
    program_only: bool = False,
) -> list[str]:
    """Write an inference model as Paddle 1.x did: a folder with ``__model__`` and a file per variable.

    feeded_var_names: names of the inputs. model_filename: instead of ``__model__``. params_filename: one file for all
    variables. Returns the names of the outputs. ValueError for anything but names and Variables, and as `save_inference_model`.
    """
    names = [feeded_var_names] if isinstance(feeded_var_names, str) else list(feeded_var_names or [])
    if not all(isinstance(n, str) for n in names):
        raise ValueError("'feed_vars' should be a list of str.")
    targets = variables_of(target_vars, "'target_vars' should be a list of Variable.")
    program = _program_for(main_program, targets, "save_inference_model")
    if not targets:
        raise ValueError("'target_vars' should not be empty.")
    made = pdmodel.to_inference_program(program, names, [v.name for v in targets], version=pdmodel.VERSION_1X)
    fetched = [op.input_arg_names[0] for op in _by_column(made, "fetch")]
    files: dict[str, atomic.Content] = {
        os.path.join(dirname, os.path.basename(model_filename or "__model__")): pdmodel.dumps(made)
    }
    state = {} if program_only else _states(made)
    if state and params_filename is not None:
        files[os.path.join(dirname, os.path.basename(params_filename))] = lod_tensor.dumps_combined(state)
    else:
        for name, array in state.items():
            files[_variable_file(dirname, name)] = lod_tensor.dumps(array, _lod(name))
    atomic.write_files(files)
    return fetched


def _by_column(program: Program, kind: str) -> list[Any]:
    """The feed or fetch operators in order."""
    ops = [op for op in program.global_block().ops if op.type == kind]
    if kind == "feed":
        ops = ops[::-1]  # they stand in reverse
    columns = [op.attrs.get("col") for op in ops]
    if len(set(columns)) == len(ops) and all(isinstance(c, int) for c in columns):
        ops.sort(key=lambda op: op.attrs["col"])
    return ops


@static_only
def load_inference_model(path_prefix: str | None, executor: Executor, **kwargs: Any) -> list[Any]:
    """Read an inference model into a Program and its parameters into the scope in force.

    path_prefix: what `save_inference_model` was given; a folder of Paddle 1.x, or any folder with the keywords
    `model_filename` and `params_filename`; None when these keywords are the contents themselves.
    Returns [Program, names of the inputs, Variables of the outputs]. FileNotFoundError (a ValueError) when files are missing; ValueError
    when they are damaged or do not belong together.
    """
    for name in kwargs:
        if name not in ("model_filename", "params_filename", "pserver_endpoints"):
            raise ValueError(
                f"function 'load_inference_model' doesn't support argument '{name}',\n only ('model_filename', 'params_filename') "
                "are supported."
            )
    model_name, params_name = kwargs.get("model_filename"), kwargs.get("params_filename")
    if path_prefix is None:
        if not isinstance(model_name, bytes):
            raise ValueError(
                "load_inference_model: without path_prefix, model_filename must be the bytes of the Program"
            )
        program = detect.loads_program(model_name, "model_filename")
        _load_bytes(program, params_name, "params_filename", executor)
    else:
        path = os.fspath(path_prefix)
        found = _find_model(path, model_name, params_name)
        files = found.methods["forward"]
        program = detect.load_program(files.model)
        wanted = {v.name: v for v in program.persistables()}
        values = detect.read_parameters(files, wanted)
        for name, array in values.items():
            _check_loaded(wanted[name], array, files.params or os.path.join(files.folder or "", name))
        for name, array in values.items():
            _put(name, array, executor)
    pdmodel.from_inference_program(program)  # says what is wrong with a Program that is no model
    block = program.global_block()
    feeds = [op.output_arg_names[0] for op in _by_column(program, "feed")]
    fetches = [block._var_recursive(op.input_arg_names[0]) for op in _by_column(program, "fetch")]
    return [program, feeds, fetches]


class _NoModelError(FileNotFoundError, ValueError):
    """There is no model at a path."""


def _find_model(path: str, model_name: Any, params_name: Any) -> detect.FoundModel:
    try:
        with warnings.catch_warnings():
            if os.path.isdir(path):
                warnings.simplefilter("ignore")
            return detect.find_model(path, model_name, params_name)
    except FormatError:
        raise
    except ValueError as error:
        raise _NoModelError(str(error)) from None


def _check_loaded(v: Variable, array: np.ndarray[Any, Any], path: str) -> None:
    if len(v._shape) != array.ndim or any(n not in (-1, m) for n, m in zip(v._shape, array.shape)):
        raise ValueError(
            f"{path}: parameter {v.name!r} should have shape {list(v._shape)}, but its file holds {list(array.shape)}; the model and "
            "parameter files do not belong together"
        )


@static_only
def normalize_program(program: Program, feed_vars: Any, fetch_vars: Any, **kwargs: Any) -> Program:
    """The part of a Program from `feed_vars` to `fetch_vars`, in test mode, with feed and fetch operators.

    skip_prune_program=True keeps all of it. TypeError for anything but a Program and Variables.
    """
    if not isinstance(program, Program):
        raise TypeError(f"program type must be `paddle.static.Program`, but received `{type(program).__name__}`")
    feeds = variables_of(feed_vars, "feed_vars type must be a Variable or a list of Variable.", TypeError)
    fetches = variables_of(fetch_vars, "fetch_vars type must be a Variable or a list of Variable.", TypeError)
    return _inference_program(
        program,
        feeds,
        fetches,
        clip_extra=False,
        keep_flags=True,
        prune_program=not kwargs.get("skip_prune_program", False),
    )


def _normalized(feed_vars: Any, fetch_vars: Any, kwargs: dict[str, Any], what: str) -> Program:
    feeds = variables_of(feed_vars, "'feed_vars' should be a Variable or a list of Variable.")
    fetches = variables_of(fetch_vars, "'fetch_vars' should be a Variable or a list of Variable.")
    program = _program_for(kwargs.get("program"), fetches, what)
    return _inference_program(program, feeds, fetches, clip_extra=False, keep_flags=True)


@static_only
def serialize_program(feed_vars: Any, fetch_vars: Any, **kwargs: Any) -> bytes:
    """The bytes of the ``.pdmodel`` for these inputs and outputs. Keyword `program`: default that of the Variables."""
    return pdmodel.dumps(_normalized(feed_vars, fetch_vars, kwargs, "serialize_program"))


@static_only
def serialize_persistables(feed_vars: Any, fetch_vars: Any, executor: Executor, **kwargs: Any) -> bytes | None:
    """The bytes of the ``.pdiparams`` for these inputs and outputs; None, with a warning, if there are no variables."""
    state = _states(_normalized(feed_vars, fetch_vars, kwargs, "serialize_persistables"))
    if not state:
        warnings.warn(
            "no variable in your model, please ensure there are any variables in your model to save", stacklevel=2
        )
        return None
    return lod_tensor.dumps_combined(state)


@static_only
def deserialize_program(data: bytes) -> Program:
    """The Program of `serialize_program`. ValueError for damaged bytes."""
    return detect.loads_program(data, "the given bytes")


@static_only
def deserialize_persistables(program: Program, data: bytes, executor: Executor) -> None:
    """Put the values of `serialize_persistables` into the scope in force. ValueError when they do not fit the Program."""
    _load_bytes(_program(program, "deserialize_persistables"), data, "the given bytes", executor)


def _load_bytes(program: Program, data: bytes | None, name: str, executor: Any) -> None:
    variables = program.persistables()
    if not variables:
        return
    if not isinstance(data, bytes):
        raise ValueError(
            f"{name}: the Program has {len(variables)} persistable variables, so their bytes are needed, got {type(data).__name__}"
        )
    tensors = lod_tensor.read_all(io.BytesIO(data), name)
    if len(tensors) != len(variables):
        raise WrongFileError(
            f"{name}: holds {len(tensors)} tensors, but the Program has {len(variables)} persistable variables"
        )
    for v, stored in zip(variables, tensors):
        _check_loaded(v, stored.raw, name)
    for v, stored in zip(variables, tensors):
        _put_stored(v.name, stored, executor)


def save_to_file(path: str, content: bytes) -> None:
    """Write bytes to a file. ValueError for anything but bytes."""
    if not isinstance(content, bytes):
        raise ValueError(f"'content' type should be bytes, got {type(content).__name__}.")
    atomic.write_file(os.fspath(path), content)


def load_from_file(path: str) -> bytes:
    """The bytes of a file."""
    with open(path, "rb") as file:
        return file.read()


# --- bare variables


def _chosen(
    main_program: Any, vars: Sequence[Variable] | None, predicate: Callable[[Variable], bool] | None, what: str
) -> list[Variable]:
    if vars is not None:
        return [
            v
            for v in variables_of(list(vars), f"{what}: vars must hold Variables", TypeError)
            if v.kind not in SPECIAL_KINDS
        ]
    program = default_main_program() if main_program is None else main_program
    if not isinstance(program, (Program, CompiledProgram)):
        raise TypeError(
            f"The type of input main_program is invalid, expected type is paddle.static.Program, but received {type(program).__name__}"
        )
    if predicate is None:
        raise ValueError(f"{what}: give vars or a predicate")
    return _unique_persistables(_program(program, what), predicate)


def _variable_file(folder: str, name: str) -> str:
    return os.path.join(folder, *name.split("/"))


def save_vars(
    executor: Executor,
    dirname: str | None,
    main_program: Program | None = None,
    vars: Sequence[Variable] | None = None,
    predicate: Callable[[Variable], bool] | None = None,
    filename: str | None = None,
) -> None:
    """Write the values of variables: a file per variable in `dirname`, or all of them, sorted by name, in one file `filename`.

    vars: which; without it those of `main_program` for which `predicate` is true. TypeError when `dirname` is missing.
    """
    chosen = _chosen(main_program, vars, predicate, "save_vars")
    if dirname is None:
        raise TypeError("save_vars: dirname must be a folder, got None")
    if not chosen:
        warnings.warn(
            "no variable in your model, please ensure there are any variables in your model to save", stacklevel=2
        )
        return
    names = sorted({v.name for v in chosen})
    if filename is not None:
        atomic.write_file(os.path.join(dirname, filename), lod_tensor_file(names))
        return
    atomic.write_files({_variable_file(dirname, n): lod_tensor.dumps(_value(n), _lod(n)) for n in names})


def lod_tensor_file(names: Iterable[str]) -> bytes:
    """The combined file of these variables of the scope."""
    out = io.BytesIO()
    for name in sorted(names):
        lod_tensor.write_tensor(out, _value(name), _lod(name))
    return out.getvalue()


def load_vars(
    executor: Executor,
    dirname: str | None,
    main_program: Program | None = None,
    vars: Sequence[Variable] | None = None,
    predicate: Callable[[Variable], bool] | None = None,
    filename: str | None = None,
) -> None:
    """Set variables from what `save_vars` wrote; the arguments are the same.

    RuntimeError (and ValueError) when a file is missing, damaged, or holds other variables; ValueError for another shape or dtype.
    """
    chosen = {v.name: v for v in _chosen(main_program, vars, predicate, "load_vars")}
    if not chosen:
        return
    if filename is not None:
        path = os.path.join(dirname or "", filename)
        if not os.path.isfile(path):
            raise WrongFileError(f"{path}: the file does not exist")
        found = lod_tensor.load_combined(path, chosen)
        source = dict.fromkeys(chosen, path)
    else:
        if dirname is None:
            raise TypeError("load_vars: dirname must be a folder, got None")
        try:
            found = lod_tensor.load_folder(dirname, chosen)
        except lod_tensor.StreamError:
            raise
        except FormatError as error:
            raise WrongFileError(f"{error}; please check whether the model file is complete or damaged") from None
        source = {n: _variable_file(dirname, n) for n in chosen}
    for name, stored in found.items():
        check_stored(chosen[name], stored, source[name])
    for name, stored in found.items():
        _put_stored(name, stored, executor)


def save_params(
    executor: Executor, dirname: str, main_program: Program | None = None, filename: str | None = None
) -> None:
    """`save_vars` of the parameters."""
    save_vars(executor, dirname, main_program, predicate=is_parameter, filename=filename)


def save_persistables(
    executor: Executor, dirname: str, main_program: Program | None = None, filename: str | None = None
) -> None:
    """`save_vars` of all persistable variables."""
    save_vars(executor, dirname, main_program, predicate=is_persistable, filename=filename)


def load_params(
    executor: Executor, dirname: str, main_program: Program | None = None, filename: str | None = None
) -> None:
    """`load_vars` of the parameters."""
    load_vars(executor, dirname, main_program, predicate=is_parameter, filename=filename)


def load_persistables(
    executor: Executor, dirname: str, main_program: Program | None = None, filename: str | None = None
) -> None:
    """`load_vars` of all persistable variables."""
    load_vars(executor, dirname, main_program, predicate=is_persistable, filename=filename)
