"""paddle.save and paddle.load."""

from __future__ import annotations

import collections
import io
import os
import threading
import warnings
from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np

from ..backend import xp as backend
from ..core.context import context
from ..core.lod_tensor import LoDTensor
from ..core.program import Program
from ..core.scope import ScopeTensor
from ..core.tensor import Tensor, TensorBase, isinstance_strict, make_tensor
from ..dtypes import from_numpy
from ..errors import FormatError
from ..formats import atomic, detect, info, lod_tensor, pdmodel, pdparams, safe_pickle
from ..nn.layer.layers import Layer

__all__ = ["async_save", "clear_async_save_task_queue", "load", "save"]

_SAVE_CONFIGS = ("use_binary_format", "pickle_protocol")
_LOAD_CONFIGS = ("model_filename", "params_filename", "keep_name_table", "return_numpy")


def _check_configs(function: str, configs: dict[str, Any], known: Iterable[str]) -> None:
    for key in configs:
        if key not in known:
            raise ValueError(
                f"The additional config ({key}) of `paddle.{function}` is not supported. Supported are "
                f"{', '.join(known)}."
            )


def _in_static_mode() -> bool:
    return context.recorder is not None and not context.recorder.tracing


# --- save


def save(obj: Any, path: str | os.PathLike[str] | io.BytesIO, protocol: int = 4, **configs: Any) -> None:
    """Write a state dict, a Tensor, a Program, or an object with Tensors in it, to one file.

    path: the whole file name (no suffix is added; missing folders are made) or a BytesIO. protocol: of the pickle, 2
    to 4. use_binary_format=True writes a single Tensor as Paddle's tensor stream. ValueError for a bad path, protocol
    or config, and for Layers; NotImplementedError for containers other than dict, list, tuple and set. A file that
    exists is replaced only when everything was written.
    """
    target = _save_path(path)
    _check_configs("save", configs, _SAVE_CONFIGS)
    binary = configs.get("use_binary_format", False)
    if not isinstance(binary, bool):
        raise TypeError(f"Type of `use_binary_format` should be bool, but received {type(binary)}.")
    if configs.get("pickle_protocol") is not None:
        protocol = configs["pickle_protocol"]
        warnings.warn("'pickle_protocol' is a deprecated argument. Please use 'protocol' instead.", stacklevel=2)
    if isinstance(obj, ScopeTensor):
        obj = obj._tensor()
    _write(target, _binary_content(obj) if binary else _content(obj, protocol))


def _save_path(path: Any) -> str | io.BytesIO:
    if isinstance(path, io.BytesIO):
        return path
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"only supports saving objects to file and `BytesIO`, but got {type(path)}")
    name = os.fspath(path)
    if os.path.basename(name) == "":
        raise ValueError(
            "The input path MUST be format of dirname/filename [dirname\\filename in Windows system], but received "
            f"filename is empty string (path {name!r})."
        )
    return name


def _write(target: str | io.BytesIO, content: atomic.Content) -> None:
    if isinstance(target, str):
        atomic.write_file(target, content)
        return
    if callable(content):
        whole = io.BytesIO()  # the buffer gets all or nothing
        content(whole)
        content = whole.getvalue()
    target.write(content)


def _binary_content(obj: Any) -> atomic.Content:
    if isinstance(obj, lod_tensor.SelectedRows):
        if not obj.value.size:
            raise ValueError("paddle.save: the SelectedRows to be saved has no rows yet; set its tensor first")
        return lambda file: lod_tensor.write_selected_rows(file, obj)
    if not isinstance_strict(obj, Tensor):
        raise NotImplementedError(
            f"When use_binary_format = True, `paddle.save`  expected Tensor, but received {type(obj)}."
        )
    if not obj._is_initialized():
        raise ValueError("paddle.save: the tensor to be saved is not initialized; set its data first")
    array = backend.to_numpy(obj._data)
    return lambda file: lod_tensor.write_tensor(file, array)


def _content(obj: Any, protocol: int) -> atomic.Content:
    if isinstance(obj, Program):
        return pdmodel.dumps(obj)
    safe_pickle.check_protocol(protocol)
    state_dict = pdparams.is_state_dict(obj)
    _check_content(obj, set(), any_container=state_dict)
    dynamic = not _in_static_mode()
    if state_dict and dynamic and not obj:
        warnings.warn("The input state dict is empty, no need to save.", stacklevel=3)
    return lambda file: pdparams.dump(obj, file, protocol, name_table=dynamic)


def _check_content(obj: Any, seen: set[int], any_container: bool) -> None:
    """Refuse Layers everywhere, and outside of state dicts the containers that Paddle refuses."""
    if isinstance(obj, Layer):
        raise ValueError("paddle do not support saving `paddle.nn.Layer` object. Save its state_dict() instead.")
    if isinstance(obj, lod_tensor.SelectedRows):
        raise NotImplementedError(
            "`paddle.save` do not support saving 'SelectedRows'. Use use_binary_format=True for it."
        )
    kind = type(obj)
    if kind in (dict, collections.OrderedDict, list, tuple, set) or (any_container and isinstance(obj, dict)):
        if id(obj) not in seen:
            seen.add(id(obj))
            for value in obj.values() if isinstance(obj, dict) else obj:
                _check_content(value, seen, any_container)
    elif (
        not any_container
        and isinstance(obj, Iterable)
        and not isinstance(obj, (str, np.ndarray, np.generic, TensorBase))
    ):
        raise NotImplementedError(
            f"The iteratable objects supported are tuple, list, dict, OrderedDict, string. But received {kind}."
        )


_saving: list[threading.Thread] = []


def async_save(
    obj: Any,
    path: str | os.PathLike[str] | io.BytesIO,
    protocol: int = 4,
    sync_other_task: bool = False,
    **configs: Any,
) -> None:
    """`save` in a thread of its own. The values are those of now: what changes later is not saved.

    sync_other_task: first wait for the saves that are under way. TypeError unless `obj` is a dict or a Tensor.
    """
    if _in_static_mode():
        raise ValueError("async_save currently is not supported in static mode.")
    if configs:
        warnings.warn("configs are not supported in async mode, will be overided by default settings.", stacklevel=2)
    if not isinstance(obj, dict) and not isinstance_strict(obj, Tensor):
        raise TypeError(f"currently async_save does not support this type: {type(obj)}")
    content = io.BytesIO()
    save(obj, content, protocol)
    if sync_other_task:
        clear_async_save_task_queue()
    task = threading.Thread(target=_write, args=(_save_path(path), content.getvalue()))
    task.start()
    _saving.append(task)


def clear_async_save_task_queue() -> None:
    """Wait until every `async_save` is done."""
    while _saving:
        _saving.pop().join()


# --- load


def load(path: str | os.PathLike[str] | io.BytesIO, **configs: Any) -> Any:
    """Read what `save` wrote, or the parameters of a saved model.

    path: a file or BytesIO; the prefix of jit.save or static.save_inference_model; or a folder of Paddle 1.x (with
    model_filename and params_filename where they were given). Files give Tensors (return_numpy=True: arrays;
    keep_name_table=True: with the table of Tensor names); prefixes and folders give a dict of arrays, bfloat16 as
    uint16. ValueError when there is nothing, or when files are damaged or foreign; EOFError (a ValueError too) for an
    empty file.
    """
    _check_configs("load", configs, _LOAD_CONFIGS)
    return_numpy = bool(configs.get("return_numpy", False))
    keep_name_table = bool(configs.get("keep_name_table", False))
    if isinstance(path, io.BytesIO):
        start = path.tell()
        try:
            return _load_file(path, repr(path), return_numpy, keep_name_table)
        except BaseException:
            path.seek(start)
            raise
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"paddle.load takes a path (str or PathLike) or a BytesIO, got {type(path).__name__}")
    name = os.fspath(path)
    if os.path.isfile(name):
        with open(name, "rb") as file:
            return _load_file(file, name, return_numpy, keep_name_table)
    return _load_model_state(name, configs.get("model_filename"), configs.get("params_filename"))


def _load_file(file: BinaryIO, name: str, return_numpy: bool, keep_name_table: bool) -> Any:
    start = file.tell()
    head = file.read(4)
    file.seek(start)
    if not head or head[0] == 0x80:
        return _load_pickle(file, name, return_numpy, keep_name_table)
    if head == b"\0\0\0\0":
        return _load_stream(file, name, return_numpy)
    return _load_program(file, name)


def _load_pickle(file: BinaryIO, name: str, return_numpy: bool, keep_name_table: bool) -> Any:
    found = pdparams.load(file, name)

    def make(tensor_name: str | None, array: np.ndarray[Any, Any]) -> Any:
        return array if return_numpy else _tensor(array, tensor_name, name)

    if not isinstance(found, dict) or pdparams.NAME_TABLE not in found:
        return pdparams.map_named(found, make)
    for key, tensor_name in found[pdparams.NAME_TABLE].items():
        if key not in found:
            raise FormatError(f"{name}: the table of names lists {key!r}, which is not in the file")
        if isinstance(found[key], np.ndarray):
            found[key] = make(tensor_name if isinstance(tensor_name, str) else None, found[key])
    if not keep_name_table:
        del found[pdparams.NAME_TABLE]
    return found


def _tensor(array: np.ndarray[Any, Any], tensor_name: str | None, file: str) -> Tensor:
    array = pdparams.to_dtype(array)
    try:
        from_numpy(array.dtype)
    except TypeError:
        raise FormatError(
            f"{file}: an array of type {array.dtype} cannot become a Tensor; pass return_numpy=True to get arrays"
        ) from None
    t = make_tensor(backend.to_module(array, backend.current()))
    if _in_static_mode():
        t = LoDTensor(t)
    if tensor_name is not None:
        t.name = tensor_name
    return t


def _load_stream(file: BinaryIO, name: str, return_numpy: bool) -> Any:
    start = file.tell()
    kind = detect.kind_of(file, name)
    if kind == "selected_rows":
        return lod_tensor.read_selected_rows(file, name)
    if kind == "combined" and not isinstance(file, io.BytesIO):
        prefix = name.removesuffix(detect.PARAMS_SUFFIX)
        model = any(os.path.exists(prefix + suffix) for suffix in (detect.MODEL_SUFFIX, detect.JSON_SUFFIX))
        way = f"paddle.load({prefix!r})" if model and prefix != name else (
            f"paddle.static.load_program_state({name!r}, var_list)"
        )  # fmt: skip
        raise FormatError(f"{name}: holds several tensors, without their names; load them with {way}")
    try:
        stored = lod_tensor.read_tensor(file, name)
        if kind == "unknown" and not isinstance(file, io.BytesIO):
            raise FormatError(f"{name}: after a first tensor come bytes that are none; the file is damaged")
    except FormatError as error:
        file.seek(start)
        raise FormatError(f"`paddle.load` can not parse the file:{name}. {error}") from None
    return stored.raw if return_numpy else _tensor(stored.raw, None, name)


def _load_program(file: BinaryIO, name: str) -> Program:
    try:
        program = detect.loads_program(file.read(), name)
    except FormatError as error:
        raise FormatError(
            f"`paddle.load` can not parse the file:{name}. Expected a file of paddle.save (a pickle, a tensor stream "
            f"or a Program). {error}"
        ) from None
    if not _in_static_mode():
        raise FormatError(
            f"`paddle.load` can not parse the file:{name}. It holds a Program: load the model with "
            "paddle.jit.load('<prefix>'), its parameters with paddle.load('<prefix>'), or the Program itself after "
            "paddle.enable_static()"
        )
    return program


def _load_model_state(
    path: str, model_filename: str | None, params_filename: str | None
) -> dict[str, np.ndarray[Any, Any]]:
    """Parameters of a saved model, by structured name where the model knows them, sorted by variable name."""
    if os.path.isdir(path) and not os.path.exists(path + detect.MODEL_SUFFIX):
        if model_filename is None and params_filename is None and detect.model_in_folder(path) is None:
            return {variable: stored.raw for variable, stored in detect.read_folder(path).items()}
        if model_filename is None and detect.model_in_folder(path) is None:
            raise ValueError(
                f"{os.path.join(path, params_filename or '')}: a file of several variables does not hold their names, "
                "and the folder has no model file that does; load it with paddle.static.load_program_state(file, "
                "var_list)"
            )
    found = detect.find_model(path, model_filename, params_filename)
    values: dict[str, np.ndarray[Any, Any]] = {}
    for files in found.methods.values():
        for variable, array in detect.read_parameters(files, detect.stored_names(files.model), raw=True).items():
            values.setdefault(variable, array)
    values = {variable: values[variable] for variable in sorted(values)}
    if found.info is None:
        return values
    facts = info.loads_file(found.info)
    named: dict[str, np.ndarray[Any, Any]] = {}
    for variable, array in values.items():
        if variable not in facts:
            raise detect.MismatchError(
                f"{found.info}: has no entry for variable {variable!r} of the model; the files do not belong together"
            )
        key = facts[variable].get("structured_name", variable)
        named[variable if key in named else key] = array
    return named


# --- under the names that Paddle's own scripts use

_legacy_save = save


def _legacy_load(path: str, **configs: Any) -> Any:
    """`load` with NumPy arrays for Tensors."""
    return load(path, **{"return_numpy": True, **configs})


def _stream(function: str, where: Any) -> str | io.BytesIO:
    if not isinstance(where, (str, os.PathLike, io.BytesIO)):
        raise NotImplementedError(f"{function} takes a file name or a BytesIO, got {type(where).__name__}")
    return where if isinstance(where, io.BytesIO) else os.fspath(where)


def _save_lod_tensor(tensor: Any, file_name: Any) -> None:
    """Write one tensor as Paddle's tensor stream."""
    _write(_stream("_save_lod_tensor", file_name), _binary_content(tensor._tensor() if isinstance(tensor, ScopeTensor) else tensor))


def _load_lod_tensor(file_name: Any) -> Any:
    """Read one tensor of `_save_lod_tensor`."""
    return load(_stream("_load_lod_tensor", file_name))


def _save_selected_rows(selected_rows: Any, file_name: Any) -> None:
    """Write SelectedRows as Paddle's stream."""
    _write(_stream("_save_selected_rows", file_name), _binary_content(selected_rows))


def _load_selected_rows(file_name: Any) -> Any:
    """Read SelectedRows of `_save_selected_rows`."""
    return load(_stream("_load_selected_rows", file_name))
