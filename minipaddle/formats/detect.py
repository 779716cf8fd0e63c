"""What lies at a path, and which files belong together.

prefix      <path>.pdmodel, <path>.pdiparams, <path>.<method>.pdmodel ..., <path>.pdiparams.info    Paddle 2.x
prefix      <path>.json, <path>.pdiparams, <path>.<method>.json ...; only where there is no .pdmodel  Paddle 3.x
folder      <path>/__model__ and one file per variable, or one combined file                        Paddle 1.x
variables   <path>/ with one file per variable and no model (save_params, save_persistables)        Paddle 1.x
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from ..core.program import Program
from ..errors import FormatError
from . import lod_tensor, pdmodel, pir_json

__all__ = [
    "FoundModel",
    "MismatchError",
    "ModelFiles",
    "find_model",
    "kind_of",
    "kind_of_file",
    "load_program",
    "loads_program",
    "read_folder",
    "read_parameters",
    "stored_names",
]

MODEL_SUFFIX = ".pdmodel"
JSON_SUFFIX = ".json"
PARAMS_SUFFIX = ".pdiparams"
INFO_SUFFIX = ".pdiparams.info"


class MismatchError(FormatError, RuntimeError):
    """Files do not belong together: one names a variable that another lacks. Paddle raises RuntimeError."""


@dataclass(frozen=True)
class ModelFiles:
    """Files of one method: the model, and a combined parameter file or the folder with a file per variable."""

    model: str
    params: str | None = None
    folder: str | None = None


@dataclass(frozen=True)
class FoundModel:
    """A saved model: files per method, ``forward`` first, and the file of facts about its variables if there is one."""

    methods: dict[str, ModelFiles] = field(default_factory=dict)
    info: str | None = None


def kind_of_file(path: str) -> str:
    """ "pickle", "tensor" (one), "combined" (several tensors), "selected_rows", "program", "pir_json", "empty" or
    "unknown"."""
    with open(path, "rb") as file:
        return kind_of(file, path)


def kind_of(file: BinaryIO, name: str = "data") -> str:
    """As `kind_of_file` for an open file, whose position is kept."""
    start = file.tell()
    try:
        head = file.read(64)
        if not head:
            return "empty"
        if head[0] == 0x80:
            return "pickle"
        file.seek(start)
        if head[:4] == b"\0\0\0\0":
            return _kind_of_stream(file, name)
        if head[:1] in (b"\x0a", b"\x22"):
            try:
                pdmodel.loads(file.read(), name)
            except FormatError:
                return "unknown"
            return "program"
        if head.lstrip()[:1] == b"{" and b'"base_code"' in head:
            return "pir_json"
        return "unknown"
    finally:
        file.seek(start)


def _kind_of_stream(file: BinaryIO, name: str) -> str:
    start = file.tell()
    try:  # first, as Paddle does: SelectedRows with rows 0 and 8 can be read as levels of detail
        lod_tensor.read_selected_rows(file, name)
        if not file.read(1):
            return "selected_rows"
    except FormatError:
        pass
    file.seek(start)
    try:
        return "tensor" if len(lod_tensor.read_headers(file, name)) == 1 else "combined"
    except FormatError:
        return "unknown"


# --- saved models


def load_program(path: str) -> Program:
    """The Program of a model file: a ProgramDesc, or the json of Paddle 3.x. FormatError names the file."""
    with open(path, "rb") as file:
        return loads_program(file.read(), path)


def loads_program(data: bytes, name: str = "data") -> Program:
    """As `load_program`, from bytes."""
    if name.endswith(JSON_SUFFIX) or pir_json.is_pir(data):
        return pir_json.loads(data, name)
    return pdmodel.loads(data, name)


def stored_names(path: str) -> list[str]:
    """Names of the variables that belong to a model file, sorted. A json may have operators that are not known here."""
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(JSON_SUFFIX) or pir_json.is_pir(data):
        return pir_json.stored_names(data, path)
    return [v.name for v in pdmodel.loads(data, path).persistables()]


def find_model(path: str, model_filename: str | None = None, params_filename: str | None = None) -> FoundModel:
    """The files of the model saved under `path`: a prefix (jit.save ...) or a folder of Paddle 1.x.

    ValueError when there is nothing, or both a prefix and a folder, or a named file is missing.
    """
    is_folder = os.path.isdir(path)
    suffix = MODEL_SUFFIX
    if not os.path.exists(path + MODEL_SUFFIX) and os.path.exists(path + JSON_SUFFIX):
        if not is_folder or model_in_folder(path) is None:
            suffix = JSON_SUFFIX
    if os.path.exists(path + suffix):
        if is_folder:
            raise ValueError(
                f"The {path}{suffix} and {path} directory exist at the same time, don't know which one to load, please "
                "make sure that the specified target of ``path`` is unique."
            )
        for name, value in (("model_filename", model_filename), ("params_filename", params_filename)):
            if value is not None:
                warnings.warn(
                    f"When loading the result saved with the specified file prefix, the ``{name}`` config does not "
                    "take effect.",
                    stacklevel=3,
                )
        return _prefix_model(path, suffix)
    if not is_folder:
        raise ValueError(_nothing_at(path))
    return _folder_model(path, model_filename, params_filename)


def _prefix_model(prefix: str, suffix: str) -> FoundModel:
    methods = {"forward": ModelFiles(prefix + suffix, _if_file(prefix + PARAMS_SUFFIX))}
    folder, base = os.path.split(prefix)
    for file in sorted(os.listdir(folder or ".")):
        if file.startswith(base + ".") and file.endswith(suffix):
            method = file[len(base) + 1 : -len(suffix)]
            stem = os.path.join(folder, f"{base}.{method}")
            if not method or "." in method or (suffix == JSON_SUFFIX and kind_of_file(stem + suffix) != "pir_json"):
                continue
            methods.setdefault(method, ModelFiles(stem + suffix, _if_file(stem + PARAMS_SUFFIX)))
    return FoundModel(methods, _if_file(prefix + INFO_SUFFIX) if suffix == MODEL_SUFFIX else None)


def _if_file(path: str) -> str | None:
    return path if os.path.isfile(path) else None


def _nothing_at(path: str) -> str:
    message = f"The ``path`` ({path}) to load model not exists."
    if os.path.exists(path.rstrip("/") + MODEL_SUFFIX):
        return f"{message} Give the prefix that the files share, {path.rstrip('/')!r}, without a slash at the end."
    for suffix in (INFO_SUFFIX, PARAMS_SUFFIX, MODEL_SUFFIX, JSON_SUFFIX):
        if path.endswith(suffix):
            prefix = path.removesuffix(suffix)
            return f"{message} Give the prefix that the files share, {prefix!r}, instead of the name of one file."
    if os.path.exists(path + ".pdparams") or os.path.exists(path + ".pdopt"):
        return (
            message
            + " Please specify the full file name, not just the file name prefix. For example, it should be written as "
            "`paddle.load('model.pdparams')` instead of `paddle.load('model')`."
        )
    return message


def _folder_model(folder: str, model_filename: str | None, params_filename: str | None) -> FoundModel:
    if model_filename is not None:
        model = os.path.join(folder, model_filename)
        if not os.path.isfile(model):
            raise ValueError(f"{model}: the model file does not exist; the folder holds {_listing(folder)}")
    else:
        found = model_in_folder(folder)
        if found is None:
            raise ValueError(
                f"{folder}: the folder holds no model file `__model__`{_hint_program(folder)}; it holds "
                f"{_listing(folder)}"
            )
        model = found
    if params_filename is None:
        return FoundModel({"forward": ModelFiles(model, None, folder)})
    params = os.path.join(folder, params_filename)
    if not os.path.isfile(params):
        raise ValueError(f"{params}: the parameter file does not exist; the folder holds {_listing(folder)}")
    return FoundModel({"forward": ModelFiles(model, params)}, _if_file(params + ".info"))


def model_in_folder(folder: str) -> str | None:
    """The model file of a folder that was saved without another name for it."""
    names = [
        n for n in sorted(os.listdir(folder)) if n.strip("_") == "model" and os.path.isfile(os.path.join(folder, n))
    ]
    return os.path.join(folder, "__model__" if "__model__" in names else names[0]) if names else None


def _listing(folder: str) -> str:
    names = sorted(os.listdir(folder))
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "") if names else "nothing"


def _hint_program(folder: str) -> str:
    """Which file of the folder is a Program, as a hint for messages."""
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if os.path.isfile(path) and os.path.getsize(path) < 1 << 26 and kind_of_file(path) == "program":
            if name.endswith(MODEL_SUFFIX):
                return f", but the model {name!r}: give the prefix {path.removesuffix(MODEL_SUFFIX)!r}"
            return f", but {name!r} is a Program: pass model_filename={name!r}"
    return ""


def read_parameters(files: ModelFiles, wanted: Iterable[str], raw: bool = False) -> dict[str, np.ndarray[Any, Any]]:
    """Values of the variables `wanted` by name, as the model's files hold them.

    raw: leave bfloat16 as uint16. FormatError names a file that is missing, damaged, or holds other variables.
    """
    names = sorted(wanted)
    if not names:
        return {}
    if files.params is not None:
        found = lod_tensor.load_combined(files.params, names)
    elif files.folder is not None:
        try:
            found = lod_tensor.load_folder(files.folder, names)
        except lod_tensor.StreamError:
            raise
        except FormatError as error:
            raise FormatError(f"{error}{_hint_combined(files, names)}") from None
    else:
        prefix = files.model.removesuffix(MODEL_SUFFIX).removesuffix(JSON_SUFFIX)
        beside = [prefix + s for s in (".pdparams", ".pdopt") if os.path.exists(prefix + s)]
        advice = (
            f"; {files.model} was saved together with {', '.join(beside)}: load that file by its full name with "
            "paddle.load"
            if beside
            else ""
        )
        state = "is no file" if os.path.exists(prefix + PARAMS_SUFFIX) else "does not exist"
        raise FormatError(
            f"{prefix}{PARAMS_SUFFIX}: {state}, but the model needs {len(names)} variables such as "
            f"{names[0]!r}{advice}"
        )
    return {name: t.raw if raw else t.array for name, t in found.items()}


def _hint_combined(files: ModelFiles, names: list[str]) -> str:
    folder = files.folder or ""
    others = [n for n in sorted(os.listdir(folder)) if os.path.join(folder, n) != files.model and n not in names]
    for name in others:
        path = os.path.join(folder, name)
        if os.path.isfile(path) and kind_of_file(path) in ("combined", "tensor"):
            return f"; {name!r} holds several variables in one file: pass params_filename={name!r}"
    return ""


# --- folders of variables


def read_folder(folder: str) -> dict[str, lod_tensor.StoredTensor]:
    """One tensor per file, by file name relative to the folder (with "/"), sorted.

    ValueError (FormatError) names the first file that is something else, and says what to do with it.
    """
    names = sorted(
        os.path.relpath(os.path.join(root, name), folder).replace(os.sep, "/")
        for root, _, files in os.walk(folder)
        for name in files
    )
    if not names:
        raise FormatError(f"{folder}: the folder holds no files; expected one file per variable")
    found = {}
    for name in names:
        path = os.path.join(folder, *name.split("/"))
        try:
            found[name] = lod_tensor.load_file(path)
        except FormatError as error:
            raise FormatError(_not_a_variable(path, name, error)) from None
    return found


def _not_a_variable(path: str, name: str, error: FormatError) -> str:
    kind = kind_of_file(path)
    prefix = path.removesuffix(INFO_SUFFIX).removesuffix(PARAMS_SUFFIX).removesuffix(MODEL_SUFFIX)
    if prefix != path and os.path.exists(prefix + MODEL_SUFFIX):
        return f"{path}: is a file of the model {prefix!r}; give that prefix instead of the folder"
    if kind == "combined":
        return (
            f"{path}: holds several variables in one file, without their names; load it with "
            f"paddle.static.load_program_state({path!r}, var_list), which is told the names"
        )
    if kind == "program":
        return f"{path}: is a Program and no variable; pass model_filename={name!r}"
    if kind == "pickle":
        return f"{path}: is a pickle and no variable; load it by its full name, paddle.load({path!r})"
    return str(error)
