"""The mode, the default Programs, and the variables a user declares in them."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from .. import dtypes
from ..backend import xp as backend
from ..backend.place import CPUPlace, CUDAPlace, Place
from ..core.context import Context, context
from ..core.program import Program, Variable
from ..core.recorder import StaticRecorder
from ..core.scope import Scope, current_scope, scope_guard
from ..formats import pdmodel
from ..nn.initializer import Constant
from ..utils import unique_name

__all__ = [
    "Program", "Scope", "Variable", "cpu_places", "create_global_var", "cuda_places", "data", "default_main_program",
    "default_startup_program", "device_guard", "disable_static", "enable_static", "global_scope", "in_dynamic_mode", "name_scope",
    "program_guard", "scope_guard", "static_only", "static_recorder",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])


class _Defaults(threading.local):
    """The default Programs; those of the process until `program_guard` puts others in their place in a thread."""

    main = Program()
    startup = Program()


_defaults = _Defaults()
Context.startup_program = _defaults.startup
_static_names = unique_name.UniqueNameGenerator()
_dynamic_names: unique_name.UniqueNameGenerator | None = None


# --- the mode


def enable_static() -> None:
    """From now on, in this thread, functions write operators into the default Programs instead of computing."""
    global _dynamic_names
    if isinstance(context.recorder, StaticRecorder):
        return
    context.recorder = StaticRecorder(_defaults.main, _defaults.startup)
    _dynamic_names = unique_name.switch(_static_names)  # the two modes count names separately, as in Paddle


def disable_static(place: Place | str | None = None) -> None:
    """Compute at once again. place: also make it the current device."""
    if place is not None:
        backend.set_device(place)
    if not isinstance(context.recorder, StaticRecorder):
        return
    context.recorder = None
    if _dynamic_names is not None:
        unique_name.switch(_dynamic_names)


def in_dynamic_mode() -> bool:
    """Whether functions compute at once; False in static mode and while a function is traced."""
    return context.recorder is None


def static_recorder(function: str) -> StaticRecorder:
    """The recorder of static mode. AssertionError, naming `function`, in dynamic mode."""
    recorder = context.recorder
    if recorder is None or recorder.tracing:
        raise AssertionError(
            f"In PaddlePaddle 2.x, we turn on dynamic graph mode by default, and '{function}()' is only supported in static graph "
            "mode. So if you want to use this api, please call 'paddle.enable_static()' before this api to enter static graph mode."
        )
    return recorder


def static_only(function: F) -> F:
    """Decorator: AssertionError when the function is called in dynamic mode."""

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        static_recorder(function.__name__)
        return function(*args, **kwargs)

    return checked  # type: ignore[return-value]


# --- Programs


def default_main_program() -> Program:
    """The Program that operators go to unless `program_guard` says otherwise."""
    return _defaults.main


def default_startup_program() -> Program:
    """The Program that gives parameters their first values."""
    return _defaults.startup


def switch_main_program(program: Program) -> Program:
    """Make `program` the default main Program; returns the one before."""
    return _switch(program, _defaults.startup)[0]


def switch_startup_program(program: Program) -> Program:
    """Make `program` the default startup Program; returns the one before."""
    return _switch(_defaults.main, program)[1]


def _set_defaults(main: Program, startup: Program) -> None:
    _defaults.main, _defaults.startup = main, startup
    context.startup_program = startup


def _switch(main: Program, startup: Program) -> tuple[Program, Program]:
    old = _defaults.main, _defaults.startup
    _set_defaults(main, startup)
    recorder = context.recorder
    if isinstance(recorder, StaticRecorder):
        made = StaticRecorder(main, startup)
        made.namescope, made.device = recorder.namescope, recorder.device
        context.recorder = made
    return old


@contextlib.contextmanager
def program_guard(main_program: Program, startup_program: Program | None = None) -> Iterator[None]:
    """Inside of the ``with`` block operators go to `main_program`, the making of parameters to `startup_program`.

    TypeError for anything but Programs.
    """
    for name, value in (("main_program", main_program), ("startup_program", startup_program)):
        if not isinstance(value, Program) and not (value is None and name == "startup_program"):
            raise TypeError(
                f"The type of '{name}' in paddle.static.program_guard must be Program, but received {type(value).__name__}"
            )
    recorder = context.recorder
    old = _switch(main_program, _defaults.startup if startup_program is None else startup_program)
    try:
        yield
    finally:
        _set_defaults(*old)
        if isinstance(recorder, StaticRecorder):
            context.recorder = recorder


def global_scope() -> Scope:
    """The scope that holds the values of persistable variables."""
    return current_scope()


_scope_counts: dict[str, int] = {}


@contextlib.contextmanager
def name_scope(prefix: str | None = None) -> Iterator[None]:
    """Operators made inside of the ``with`` block say in `op_namescope` that they belong to `prefix`."""
    recorder = context.recorder
    if not isinstance(recorder, StaticRecorder):
        yield
        return
    if not prefix or not isinstance(prefix, str):
        raise AssertionError(f"name_scope: the prefix must be a non-empty string, got {prefix!r}")
    old = recorder.namescope
    path = f"{old}{prefix}"
    counts = recorder.program.__dict__.setdefault("_name_scopes", {})
    number = counts.get(path, 0)
    counts[path] = number + 1
    recorder.namescope = f"{path}_{number}/" if number else f"{path}/"
    try:
        yield
    finally:
        recorder.namescope = old


@contextlib.contextmanager
def device_guard(device: str | None = None) -> Iterator[None]:
    """Operators made inside of the ``with`` block carry `device` ("cpu", "gpu", "gpu:0") as op_device.

    A Program runs on the device of its Executor as a whole; the mark is kept in files. ValueError for another device.
    """
    recorder = static_recorder("device_guard")
    name, _, number = (device or "").partition(":")
    if device is not None and (
        name not in ("cpu", "gpu", "npu", "xpu", "all") or (number and (name == "cpu" or not number.isdigit()))
    ):
        raise ValueError(f"device_guard: the device should be 'cpu', 'gpu' or 'gpu:<number>', got {device!r}")
    with recorder.marked(device=device or ""):
        yield


# --- variables


@static_only
def data(name: str, shape: Sequence[int | None], dtype: Any = None, lod_level: int = 0) -> Variable:
    """A variable that is fed when the Program runs.

    shape: None or -1 for a dimension known only then. dtype: the default float type unless given. lod_level: levels of
    ragged sequences. TypeError for a name or shape of another type; ValueError when `name` was declared differently before.
    """
    if not isinstance(name, (str, bytes)):
        raise TypeError(f"The type of 'name' in data must be str, but received {type(name).__name__}.")
    if not isinstance(shape, (list, tuple)):
        raise TypeError(f"The type of 'shape' in data must be list or tuple, but received {type(shape).__name__}.")
    name = name.decode() if isinstance(name, bytes) else name
    dims = tuple(-1 if n is None else int(n) for n in shape)
    kind = dtypes.default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    return declare_data(_defaults.main, name, dims, kind, lod_level)


def declare_data(program: Program, name: str, dims: tuple[int, ...], kind: dtypes.DType, lod_level: int) -> Variable:
    """The fed variable of this description in `program`, made if there is none."""
    block = program.global_block()
    found = block.vars.get(name)
    if found is not None:
        for what, old, new in (
            ("shape", found._shape, dims),
            ("data type", found._dtype, kind),
            ("lod_level", found.lod_level, lod_level),
        ):
            if old != new:
                raise ValueError(
                    f"Variable '{name}' has been created before. The previous {what} is {old}, the new {what} is {new}. They are "
                    "not matched."
                )
        return found
    return block.create_var(
        name, dims, kind, lod_level=lod_level, stop_gradient=True, is_data=True, need_check_feed=True
    )


def create_global_var(
    shape: Sequence[int],
    value: float,
    dtype: Any,
    persistable: bool = False,
    force_cpu: bool = False,
    name: str | None = None,
) -> Variable:
    """A variable that the startup Program fills with `value`. force_cpu: has no effect, a Program runs on one device."""
    if not isinstance(shape, (list, tuple)):
        raise TypeError(f"create_global_var: shape must be a list or tuple, got {type(shape).__name__}")
    recorder = static_recorder("create_global_var")
    kind = dtypes.as_dtype(dtype)
    size = [int(n) for n in shape]
    if name is None:
        name = recorder.unused_name("_generated_var")
    v = recorder.create_persistable(name, size, kind, lambda: Constant(value).values(size, kind))
    v.persistable = persistable
    return v


# --- devices


def cpu_places(device_count: int | None = None) -> list[CPUPlace]:
    """`device_count` CPU places, by default as many as the environment variable CPU_NUM says (1 without it)."""
    return [CPUPlace()] * (int(os.environ.get("CPU_NUM", 1)) if device_count is None else device_count)


def cuda_places(device_ids: int | Sequence[int] | None = None) -> list[CUDAPlace]:
    """Places of these GPUs, by default of all that there are. MissingExtraError without CuPy, RuntimeError without a GPU."""
    backend.module_for(CUDAPlace(0))
    if device_ids is None:
        import cupy

        device_ids = range(cupy.cuda.runtime.getDeviceCount())
    return [CUDAPlace(i) for i in ([device_ids] if isinstance(device_ids, int) else device_ids)]


# --- Programs and bytes: the format is a level above the class


def parse_from_string(binary_str: bytes) -> Program:
    """The Program that the bytes of a ``.pdmodel`` describe. ValueError when they are damaged or something else."""
    return pdmodel.loads(binary_str, "the given bytes")


setattr(Program, "parse_from_string", staticmethod(parse_from_string))  # noqa: B010
