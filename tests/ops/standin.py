"""A stand-in array module: arrays that NumPy refuses to touch.

Its functions are NumPy's own on the inside, but they take and give `ndarray` objects of this module, and a plain
``np.exp(array)`` on one of these raises. An operator that passes here goes through `xp` alone, as CuPy needs.
"""
from __future__ import annotations

from typing import Any

import numpy as _np

__name__ = "standin"


class Refused(TypeError):
    """NumPy was used on an array of another module."""


def _in(value: Any) -> Any:
    if isinstance(value, ndarray):
        return value._a
    if isinstance(value, list):
        return [_in(v) for v in value]
    if isinstance(value, tuple):
        return tuple(_in(v) for v in value)
    if isinstance(value, dict):
        return {k: _in(v) for k, v in value.items()}
    return value


def _out(value: Any) -> Any:
    if isinstance(value, (_np.ndarray, _np.generic)):
        return ndarray(_np.asarray(value))
    if isinstance(value, list):
        return [_out(v) for v in value]
    if isinstance(value, tuple) and not isinstance(value, _np.dtype):
        return tuple(_out(v) for v in value)
    return value


class ndarray:
    """An array of the stand-in module; NumPy's methods work, NumPy's functions do not."""

    __array_ufunc__ = None

    def __init__(self, a: Any) -> None:
        self._a = a

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise Refused("NumPy asked for the data of an array of another module")

    def __array_function__(self, *args: Any, **kwargs: Any) -> Any:
        raise Refused("a NumPy function was called on an array of another module")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__array"):
            raise AttributeError(name)
        found = getattr(self._a, name)
        if callable(found):
            return lambda *a, **k: _out(found(*_in(a), **_in(k)))
        return _out(found)

    def __getitem__(self, index: Any) -> Any:
        return _out(self._a[_in(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._a[_in(index)] = _in(value)

    def __len__(self) -> int:
        return len(self._a)

    def __bool__(self) -> bool:
        return bool(self._a)

    def __int__(self) -> int:
        return int(self._a)

    def __float__(self) -> float:
        return float(self._a)

    def __index__(self) -> int:
        return self._a.__index__()

    def __iter__(self) -> Any:
        return (_out(v) for v in self._a)


def _operator(name: str) -> Any:
    def method(self: ndarray, *others: Any) -> Any:
        if any(isinstance(o, _np.ndarray) for o in others):
            raise Refused(f"a NumPy array meets an array of another module in {name}")
        return _out(getattr(self._a, name)(*_in(others)))

    return method


NAMES = (
    "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow matmul rmatmul neg abs invert and "
    "or xor rand ror rxor lt le gt ge eq ne lshift rshift"
)
for _name in NAMES.split():
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))
for _name in "iadd isub imul itruediv iand ior".split():

    def _inplace(self: ndarray, other: Any, _n: str = f"__{_name}__") -> Any:
        if isinstance(other, _np.ndarray):
            raise Refused("a NumPy array meets an array of another module")
        getattr(self._a, _n)(_in(other))
        return self

    setattr(ndarray, f"__{_name}__", _inplace)


class _Space:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return wrap(getattr(self._inner, name))


def wrap(found: Any) -> Any:
    """A NumPy function as a function of this module."""
    if isinstance(found, type) or not callable(found):
        return found

    class Function:
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            for a in args:
                if isinstance(a, _np.ndarray):
                    raise Refused(f"a NumPy array was given to {found.__name__} of another module")
            return _out(found(*_in(args), **_in(kwargs)))

        def __getattr__(self, name: str) -> Any:
            return wrap(getattr(found, name))

    return Function()


def __getattr__(name: str) -> Any:
    if name in ("linalg", "random", "fft"):
        return _Space(getattr(_np, name))
    if name.startswith("__"):
        raise AttributeError(name)
    return wrap(getattr(_np, name))


def asarray(a: Any, dtype: Any = None) -> ndarray:
    """Into the stand-in module (this is how data arrives on the device)."""
    return ndarray(_np.asarray(_in(a), dtype=dtype))


array = asarray


def asnumpy(a: ndarray) -> Any:
    """Back into NumPy."""
    return a._a
