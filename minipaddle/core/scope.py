"""Scopes: where the values of persistable variables live between runs of a Program."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..backend import xp as backend
from ..dtypes import DType
from .tensor import Tensor, make_tensor

__all__ = ["Scope", "ScopeTensor", "ScopeVariable", "current_scope", "default_scope", "scope_guard"]


class ScopeTensor:
    """The tensor of a scope's variable, as ``scope.find_var(name).get_tensor()`` gives it."""

    __slots__ = ("_holder",)

    def __init__(self, holder: ScopeVariable) -> None:
        self._holder = holder

    def _array(self) -> Any:
        value = self._holder.value
        if value is None:
            raise RuntimeError(
                f"variable {self._holder.name!r} of the scope holds no value yet; run the startup Program or call set()"
            )
        return value._data

    def set(self, array: Any, place: Any = None) -> None:
        """Take a copy of `array` (an ndarray, a list or a Tensor) as the value."""
        self._holder.set(array)

    def shape(self) -> list[int]:
        """Dimensions."""
        return list(self._array().shape)

    def _dtype(self) -> DType:
        return dtypes.from_numpy(self._array().dtype)

    def _place(self) -> Any:
        return backend.place_of(self._array())

    def _is_initialized(self) -> bool:
        return self._holder.value is not None and self._holder.value._is_initialized()

    def numpy(self) -> np.ndarray[Any, Any]:
        """A copy in CPU memory."""
        return np.array(backend.to_numpy(self._array()))

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        found = np.array(backend.to_numpy(self._array()))
        return found if dtype is None else found.astype(dtype)

    def _tensor(self) -> Tensor:
        self._array()
        assert self._holder.value is not None
        return self._holder.value

    def lod(self) -> list[list[int]]:
        """Offsets of ragged sequences, [] for a plain tensor."""
        return self._tensor().lod()

    def set_lod(self, lod: Sequence[Sequence[int]]) -> None:
        """Set the offsets of ragged sequences."""
        self._tensor().set_lod(lod)

    def recursive_sequence_lengths(self) -> list[list[int]]:
        """Lengths of ragged sequences, [] for a plain tensor."""
        return self._tensor().recursive_sequence_lengths()

    def set_recursive_sequence_lengths(self, recursive_sequence_lengths: Sequence[Sequence[int]]) -> None:
        """Set the lengths of ragged sequences; before there is a value, for the one to come."""
        if self._holder.value is None:
            self._holder.value = Tensor(name=self._holder.name)
        self._tensor().set_recursive_sequence_lengths(recursive_sequence_lengths)

    def has_valid_recursive_sequence_lengths(self) -> bool:
        """Whether the lod fits the rows."""
        return self._tensor().has_valid_recursive_sequence_lengths()

    def _set_dims(self, dims: Sequence[int]) -> None:
        """Prepare for data of this shape; `set` takes any shape, so nothing is to be done."""

    def _numel(self) -> int:
        return int(self._array().size)

    def _ptr(self) -> int:
        array = self._array()
        return int(array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr)

    def _share_data_with(self, other: ScopeTensor) -> ScopeTensor:
        """Have the memory of another one from now on; returns itself."""
        self._holder.put(other._array())
        return self

    def _clear(self) -> None:
        self._tensor()._make_void()

    def _to_dlpack(self) -> Any:
        """The DLPack capsule; memory is shared."""
        return self._array().__dlpack__()

    def _element(self, index: int) -> Any:
        return backend.to_numpy(self._array().reshape(-1)[index]).item()

    def _set_element(self, index: int, value: Any) -> None:
        self._array().reshape(-1)[index] = value
        self._tensor()._version[0] += 1

    _get_float_element = _get_double_element = _get_complex64_element = _get_complex128_element = _element
    _set_float_element = _set_double_element = _set_complex64_element = _set_complex128_element = _set_element

    def __len__(self) -> int:
        return len(self._array())

    def __getitem__(self, index: Any) -> Any:
        return self.numpy()[index]

    def __repr__(self) -> str:
        if self._holder.value is None:
            return f"<ScopeTensor {self._holder.name}: no value>"
        return f"<ScopeTensor {self._holder.name}: {self._dtype().name}{self.shape()}>"


class ScopeVariable:
    """A name in a scope. `value` is a Tensor, or None as long as nothing was written."""

    __slots__ = ("name", "value")

    def __init__(self, name: str) -> None:
        self.name = name
        self.value: Tensor | None = None

    def set(self, array: Any) -> None:
        """Take a copy of `array`; the Tensor that is there stays the same object."""
        if isinstance(array, ScopeTensor):
            self.put(array._array().copy())
            return
        array = array._data if hasattr(array, "_data") else array
        self.put(np.array(array) if backend.array_module(array) is np else array.copy())

    def put(self, array: Any) -> None:
        """Take `array` itself."""
        dtypes.from_numpy(array.dtype)
        if self.value is None:
            self.value = make_tensor(backend.to_module(array, backend.current()))
            self.value.name = self.name
        else:
            self.value._data = backend.to_module(array, backend.array_module(self.value._data))
            self.value._version[0] += 1

    def get_tensor(self) -> ScopeTensor:
        """A handle that reads and sets the value."""
        return ScopeTensor(self)


class Scope:
    """Variable names and their values. A scope made by `new_scope` also sees what its parent holds."""

    def __init__(self, parent: Scope | None = None) -> None:
        self._parent = parent
        self._vars: dict[str, ScopeVariable] = {}
        self._kids: list[Scope] = []
        self.version = 0  # grows when a variable is made or taken away

    def var(self, name: str) -> ScopeVariable:
        """The variable of this scope with this name, made if there is none."""
        found = self._vars.get(name)
        if found is None:
            found = self._vars[name] = ScopeVariable(name)
            self.version += 1
        return found

    def find_var(self, name: str) -> ScopeVariable | None:
        """The variable here or in an enclosing scope; None if there is none."""
        scope: Scope | None = self
        while scope is not None:
            found = scope._vars.get(name)
            if found is not None:
                return found
            scope = scope._parent
        return None

    def erase(self, names: Sequence[str]) -> None:
        """Take variables away."""
        for name in names:
            self._vars.pop(name, None)
        self.version += 1

    def new_scope(self) -> Scope:
        """A scope inside of this one."""
        kid = Scope(self)
        self._kids.append(kid)
        return kid

    def drop_kids(self) -> None:
        """Forget the scopes made by `new_scope`."""
        self._kids.clear()

    def local_var_names(self) -> list[str]:
        """Names of the variables of this scope itself."""
        return list(self._vars)

    def tensor(self, name: str) -> Tensor | None:
        """The value of a variable, None if it has none."""
        found = self.find_var(name)
        return None if found is None else found.value

    def __repr__(self) -> str:
        return f"<Scope: {len(self._vars)} variables>"


default_scope = Scope()


class _Current(threading.local):
    scope: Scope = default_scope


_current = _Current()


def current_scope() -> Scope:
    """The scope in force in this thread."""
    return _current.scope


@contextlib.contextmanager
def scope_guard(scope: Scope) -> Iterator[None]:
    """Make `scope` the one in force inside of a ``with`` block. TypeError for anything else."""
    if not isinstance(scope, Scope):
        raise TypeError(f"scope_guard takes a paddle.static.Scope, got {type(scope).__name__}")
    old, _current.scope = _current.scope, scope
    try:
        yield
    finally:
        _current.scope = old
