"""``base.framework``: Programs, modes, places and dtypes."""
from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from ..backend import xp as backend
from ..backend.place import Place
from ..core.context import context
from ..core.program import Block, Operator, Program, Variable
from ..core.tensor import EagerParamBase
from ..device import is_compiled_with_cuda, is_compiled_with_rocm, is_compiled_with_xpu
from ..dtypes import DType, as_dtype
from ..framework import get_flags, in_dygraph_mode, in_dynamic_or_pir_mode, in_pir_mode, set_flags, use_pir_api
from ..static.op_protos import OpProtoHolder, Tracer, canonicalize_attrs
from ..static.program import (
    cpu_places,
    cuda_places,
    default_main_program,
    default_startup_program,
    device_guard,
    disable_static,
    enable_static,
    in_dynamic_mode,
    name_scope,
    program_guard,
    static_only,
    switch_main_program,
    switch_startup_program,
)
from . import core, unique_name

__all__ = [
    "Block", "EagerParamBase", "OpProtoHolder", "Operator", "Parameter", "Program", "Variable", "canonicalize_attrs",
    "convert_np_dtype_to_dtype_", "core", "cpu_places", "cuda_places", "default_main_program",
    "default_startup_program", "device_guard", "dtype_is_floating", "dygraph_only", "get_flags", "grad_var_name",
    "in_dygraph_mode", "in_dynamic_mode", "in_dynamic_or_pir_mode", "in_pir_mode", "is_compiled_with_cuda",
    "is_compiled_with_rocm", "is_compiled_with_xpu", "name_scope", "program_guard", "set_flags", "static_only",
    "switch_main_program", "switch_startup_program", "unique_name", "use_pir_api",
]  # fmt: skip


class _Parameters(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, Variable) and value.is_parameter

    def __call__(cls, block: Block, shape: Sequence[int], dtype: Any, type: Any = None, **options: Any) -> Variable:
        options.setdefault("name", unique_name.generate("_param"))
        return block.create_parameter(shape=shape, dtype=dtype, **options)


class Parameter(metaclass=_Parameters):
    """A parameter of a Program: ``Parameter(block, shape, dtype, name=...)`` declares one, `isinstance` recognises them."""


F = TypeVar("F", bound=Callable[..., Any])


_non_static_mode = in_dygraph_mode


def dygraph_only(function: F) -> F:
    """Decorator: AssertionError when the function is called in static mode."""

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        assert in_dynamic_mode(), (
            f"We only support '{function.__name__}()' in dynamic graph mode, please call 'paddle.disable_static()' to enter dynamic "
            "graph mode."
        )
        return function(*args, **kwargs)

    return checked  # type: ignore[return-value]


@contextlib.contextmanager
def _static_guard() -> Iterator[None]:
    """Static mode inside of the ``with`` block."""
    was_dynamic = context.recorder is None
    enable_static()
    try:
        yield
    finally:
        if was_dynamic:
            disable_static()


@contextlib.contextmanager
def _test_eager_guard(place: Any = None) -> Iterator[None]:
    """Paddle 2.3 and 2.4 run tests once more inside of this block, on their newer engine. There is one engine here."""
    yield


def _in_legacy_dygraph() -> bool:
    """Never: there is one engine for dynamic mode."""
    return False


def _enable_legacy_dygraph() -> None:
    """Paddle 2.3's switch to its older engine. There is one engine here, so it changes nothing."""


_disable_legacy_dygraph = _enable_legacy_dygraph


_tracer = Tracer()


def _dygraph_tracer() -> Tracer | None:
    """Something that is there in dynamic mode only."""
    return _tracer if in_dynamic_mode() else None


@contextlib.contextmanager
def _dygraph_guard(tracer: Any) -> Iterator[None]:
    """Paddle's way to change the mode for a while: static mode with None, else dynamic mode."""
    if tracer is None:
        with _static_guard():
            yield
        return
    was_static = not in_dynamic_mode()
    disable_static()
    try:
        yield
    finally:
        if was_static:
            enable_static()


def _current_expected_place() -> Place:
    """The device for new tensors."""
    return backend.current_place()


def _set_expected_place(place: Place) -> None:
    """Choose the device for new tensors."""
    backend.set_device(place)


def convert_np_dtype_to_dtype_(np_dtype: Any) -> DType:
    """The dtype that a NumPy type or a name stands for. uint16 is bfloat16, as in Paddle."""
    name = getattr(np_dtype, "name", None) or getattr(np_dtype, "__name__", None) or str(np_dtype)
    return as_dtype("bfloat16" if name == "uint16" else np_dtype)


@contextlib.contextmanager
def _dygraph_place_guard(place: Any) -> Iterator[None]:
    """Another device for new tensors for a while."""
    old = backend.current_place()
    backend.set_device(place)
    try:
        yield
    finally:
        backend.set_device(old)


def _global_flags() -> Any:
    """Flags by name."""
    return core.globals()


def is_compiled_with_cinn() -> bool:
    """Never."""
    return False


def cuda_pinned_places(device_count: int | None = None) -> list[core.CUDAPinnedPlace]:
    """As many places in pinned memory (which is plain memory here) as there are CPUs to use, or as asked for."""
    return [core.CUDAPinnedPlace() for _ in cpu_places(device_count)]


def generate_control_dev_var_name() -> str:
    """A name for a variable that stands for an order of operators."""
    return unique_name.generate("__control_var__")


def dtype_is_floating(dtype: Any) -> bool:
    """Whether the dtype is one of real floating-point numbers."""
    return as_dtype(dtype).is_floating


def grad_var_name(var_name: str) -> str:
    """Name of the gradient of a variable in a Program with backward operators."""
    return var_name + core.kGradVarSuffix()
