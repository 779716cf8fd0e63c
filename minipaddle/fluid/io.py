"""``fluid.io``: files of Programs in 1.x's own ways; the work is done in `paddle.static`."""
from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from ..batch import batch
from ..core.program import Program, Variable
from ..io import DataLoader as _DataLoader
from ..io.dataloader.collate import default_collate_fn
from ..static import io as S
from ..static.executor import Executor
from ..static.io import is_parameter as is_parameter  # scripts of 1.x use these two
from ..static.io import is_persistable as is_persistable
from ..static.io import load_program_state, set_program_state
from .training_program import in_1x_form

__all__ = [
    "DataLoader", "batch", "default_collate_fn", "get_program_parameter", "get_program_persistable_vars", "load", "load_inference_model",
    "load_params", "load_persistables", "load_program_state", "load_vars", "save", "save_inference_model", "save_params",
    "save_persistables", "save_vars", "set_program_state",
]  # fmt: skip

_PROTOCOL = 2  # of the pickles that 1.x wrote


class DataLoader(_DataLoader):
    """`paddle.io.DataLoader`, which in 1.x gives ``[{name: Tensor}]`` per batch in static mode."""

    def __init__(
        self, dataset: Any, feed_list: Any = None, places: Any = None, return_list: bool = False, batch_sampler: Any = None,
        batch_size: int | None = 1, shuffle: bool = False, drop_last: bool = False, collate_fn: Any = None, num_workers: int = 0,
        use_buffer_reader: bool = True, use_shared_memory: bool = True, timeout: float = 0, worker_init_fn: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            dataset, feed_list, places, return_list, batch_sampler, batch_size, shuffle, drop_last, collate_fn, num_workers,
            use_buffer_reader, use_shared_memory=use_shared_memory, timeout=timeout, worker_init_fn=worker_init_fn,
        )  # fmt: skip


def save_vars(
    executor: Executor,
    dirname: str | None,
    main_program: Program | None = None,
    vars: Sequence[Variable] | None = None,
    predicate: Callable[[Variable], bool] | None = None,
    filename: str | None = None,
) -> Any:
    """Write variables (`vars`, or those of the Program that `predicate` takes) into a folder: a file each, or one `filename`."""
    return S.save_vars(executor, dirname, main_program, vars, predicate, filename)


def load_vars(
    executor: Executor,
    dirname: str | None,
    main_program: Program | None = None,
    vars: Sequence[Variable] | None = None,
    predicate: Callable[[Variable], bool] | None = None,
    filename: str | None = None,
) -> Any:
    """Read what `save_vars` wrote into the scope."""
    return S.load_vars(executor, dirname, main_program, vars, predicate, filename)


def save_params(executor: Executor, dirname: str | None, main_program: Program | None = None, filename: str | None = None) -> Any:
    """Write the parameters of the Program: a file each, or one `filename`."""
    return S.save_vars(executor, dirname, main_program, None, S.is_parameter, filename)


def load_params(executor: Executor, dirname: str | None, main_program: Program | None = None, filename: str | None = None) -> Any:
    """Read what `save_params` wrote into the scope."""
    return S.load_vars(executor, dirname, main_program, None, S.is_parameter, filename)


def save_persistables(executor: Executor, dirname: str | None, main_program: Program | None = None, filename: str | None = None) -> Any:
    """Write parameters, statistics and the state of optimizers: a file each, or one `filename`."""
    return S.save_vars(executor, dirname, main_program, None, S.is_persistable, filename)


def load_persistables(executor: Executor, dirname: str | None, main_program: Program | None = None, filename: str | None = None) -> Any:
    """Read what `save_persistables` wrote into the scope."""
    return S.load_vars(executor, dirname, main_program, None, S.is_persistable, filename)


def save_inference_model(
    dirname: str,
    feeded_var_names: Sequence[str],
    target_vars: Sequence[Variable],
    executor: Executor,
    main_program: Program | None = None,
    model_filename: str | None = None,
    params_filename: str | None = None,
    export_for_deployment: bool = True,
    program_only: bool = False,
) -> list[str]:
    """Write the part of a Program that leads to `target_vars`, as a folder with ``__model__`` and a file per parameter.

    model_filename: instead of ``__model__``; params_filename: one file for all parameters. Returns the names of the outputs.
    """
    return S.save_inference_folder(
        dirname, feeded_var_names, target_vars, executor, main_program, model_filename, params_filename, program_only
    )


def load_inference_model(
    dirname: str,
    executor: Executor,
    model_filename: str | None = None,
    params_filename: str | None = None,
    pserver_endpoints: Any = None,
) -> list[Any]:
    """Read such a folder: [Program, names of the inputs, Variables of the outputs]; the parameters go into the scope."""
    if not os.path.isdir(dirname):
        raise ValueError(f"There is no directory named '{dirname}'")
    return S.load_inference_model(dirname, executor, model_filename=model_filename or "__model__", params_filename=params_filename)


def save(program: Program, model_path: str) -> None:
    """Write ``.pdparams``, ``.pdopt`` and ``.pdmodel`` of a training Program."""
    S.save(in_1x_form(program), model_path, protocol=_PROTOCOL)


def load(program: Program, model_path: str, executor: Executor | None = None, var_list: Sequence[Variable] | None = None) -> None:
    """Set the variables of `program` from what `save` (or `save_vars`) wrote."""
    S.load(program, model_path, executor, var_list)


def get_program_parameter(program: Program) -> list[Variable]:
    """The parameters of the Program."""
    return [v for v in program.list_vars() if S.is_parameter(v)]


def get_program_persistable_vars(program: Program) -> list[Variable]:
    """The persistable variables of the Program."""
    return [v for v in program.list_vars() if S.is_persistable(v)]
