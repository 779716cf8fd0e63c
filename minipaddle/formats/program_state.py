"""Checkpoints of static Programs as dicts of arrays, whatever files they are in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.program import Variable
from ..errors import FormatError
from . import detect, lod_tensor, pdparams
from .lod_tensor import StoredTensor

__all__ = ["WrongFileError", "load_program_state"]

PARAMS, OPT, MODEL = ".pdparams", ".pdopt", ".pdmodel"


class WrongFileError(FormatError, RuntimeError):
    """A file lacks a variable, or holds more than was asked for. Paddle raises RuntimeError."""


def variables_of(value: Any, message: str, error: type[Exception] = ValueError) -> list[Variable]:
    """One Variable or several as a list; `error` with `message` for anything else."""
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(v, Variable) for v in items):
        raise error(message)
    return items


def prefix_of(path: Any) -> str:
    """The common beginning of a checkpoint's files."""
    path = os.fspath(path)
    for suffix in (PARAMS, OPT, MODEL):
        if path.endswith(suffix):
            return path.removesuffix(suffix)
    return path


def load_dict(path: str) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of a ``.pdparams`` or ``.pdopt`` by variable name."""
    with open(path, "rb") as file:
        found = pdparams.load(file, path)
    if not isinstance(found, dict):
        raise FormatError(f"{path}: holds a {type(found).__name__}, expected a dict from names to arrays")
    table: dict[str, str] = found.pop(pdparams.NAME_TABLE, None) or {}
    return {table.get(k) or k: pdparams.map_named(v, lambda _, array: array) for k, v in found.items()}


def load_program_state(model_path: str, var_list: Sequence[Variable] | None = None) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of a checkpoint by variable name.

    model_path: a prefix of `save` (or one of its files): parameters and optimizer state together; a folder with a file per
    variable; or one combined file, whose variables `var_list` must name. A combined file holds no names: its tensors belong to the
    sorted names, and shape and dtype of each are checked. The result is in the order of `var_list`, if there is one.

    ValueError when there is nothing, when a combined file comes without `var_list`, or when shape or dtype differ; TypeError
    for entries that are no Variables; RuntimeError (and ValueError) for variables that are not there or are too many.
    """
    variables = None
    if var_list is not None:
        variables = variables_of(list(var_list), "load_program_state: var_list must hold Variables", TypeError)
    path = os.fspath(model_path)
    prefix = prefix_of(path)
    if os.path.exists(prefix + PARAMS):
        state = load_dict(prefix + PARAMS)
        if os.path.exists(prefix + OPT):
            state.update(load_dict(prefix + OPT))
        if variables is None:
            return state
        for v in variables:
            if v.name not in state:
                raise WrongFileError(
                    f"{prefix + PARAMS}: holds no variable {v.name!r}; it holds {', '.join(sorted(state))}"
                )
        return {v.name: state[v.name] for v in variables}
    if os.path.isdir(path):
        if variables is None:
            return {name: stored.raw for name, stored in detect.read_folder(path).items()}
        try:
            stored = lod_tensor.load_folder(path, [v.name for v in variables])
        except lod_tensor.StreamError:
            raise
        except FormatError as error:
            raise WrongFileError(str(error)) from None
        found = stored
        source = {v.name: os.path.join(path, v.name) for v in variables}
    elif os.path.isfile(path):
        if variables is None:
            raise ValueError(
                f"{path}: var_list can not be None when model_path is a file type; the file does not hold the names of its tensors"
            )
        found = lod_tensor.load_combined(path, [v.name for v in variables])
        source = dict.fromkeys(found, path)
    else:
        raise ValueError(f"{path}: there is no such folder or file, nor a file {prefix + PARAMS}")
    for v in variables:
        check_stored(v, found[v.name], source[v.name])
    return {v.name: found[v.name].raw for v in variables}


def check_stored(v: Variable, stored: StoredTensor, path: str) -> None:
    """ValueError unless shape and dtype of a stored tensor are those of the variable."""
    shape = tuple(stored.raw.shape)
    fits = len(v._shape) == len(shape) and all(n in (-1, m) for n, m in zip(v._shape, shape))
    if not fits or (v.has_dtype and stored.dtype is not v.dtype):
        raise ValueError(
            f"{path}: variable {v.name!r} is {v.describe()}, but the file holds {stored.dtype.name}{list(shape)} in its place"
        )
