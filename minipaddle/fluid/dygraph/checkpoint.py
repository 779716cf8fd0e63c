"""State dicts in files: ``.pdparams`` for layers, ``.pdopt`` for optimizers."""
from __future__ import annotations

import os
from typing import Any

import numpy as np

from ...core.tensor import Parameter, isinstance_strict
from ...errors import FormatError
from ...formats import atomic, pdparams
from ...framework.io import load as new_load

__all__ = ["load_dygraph", "save_dygraph"]

_PROTOCOL = 2


def save_dygraph(state_dict: dict[str, Any], model_path: str) -> None:
    """Write the state of a Layer to ``<model_path>.pdparams``, that of an optimizer to ``<model_path>.pdopt``.

    ValueError when the path ends in a folder, or when the state is empty.
    """
    if not os.path.basename(model_path):
        raise ValueError(
            "The input model_path MUST be format of dirname/filename [dirname\\filename in Windows system], but received model_path is "
            f"empty string ({model_path!r})."
        )
    if not state_dict:
        raise ValueError("state_dict is empty, no need to save")
    suffix = ".pdparams" if any(isinstance_strict(v, Parameter) for v in state_dict.values()) else ".pdopt"
    atomic.write_file(model_path + suffix, lambda file: pdparams.dump(state_dict, file, _PROTOCOL))


def load_dygraph(model_path: str, keep_name_table: bool = False) -> tuple[Any, Any]:
    """(state of the Layer, state of the optimizer or None), each a dict of arrays.

    model_path: what `save_dygraph` was given (its suffix may be there), or the prefix or folder of a saved inference model.
    ValueError when there is nothing.
    """
    prefix = model_path
    for suffix in (".pdparams", ".pdopt"):
        prefix = prefix.removesuffix(suffix)
    found: list[Any] = [None, None]
    for i, suffix in enumerate((".pdparams", ".pdopt")):
        path = prefix + suffix
        if os.path.exists(path):
            with open(path, "rb") as file:
                state = pdparams.load(file, path)
            if not isinstance(state, dict):
                raise FormatError(f"{path}: holds a {type(state).__name__}, expected a dict from names to arrays")
            if i == 0 and not keep_name_table:
                state.pop(pdparams.NAME_TABLE, None)
            if i == 1:
                state.pop(pdparams.NAME_TABLE, None)
            found[i] = pdparams.map_named(state, lambda _, array: np.array(array))
    if found == [None, None]:
        found[0] = new_load(model_path)
    return found[0], found[1]
