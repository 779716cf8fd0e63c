"""A stand-in array module: arrays that NumPy refuses to touch, and no more than CuPy has.

Its functions are NumPy's own on the inside, but they take and give `ndarray` objects of this module, and a plain
``np.exp(array)`` on one of these raises. An operator that passes here goes through `xp` alone, as CuPy needs.

Where CuPy 14 differs from NumPy, so does this module: only the functions, methods and keywords of the tables below exist
(`tests/test_gpu.py` holds the tables against CuPy itself where it is installed), results of no dimensions are arrays, an
array is no Python index, nothing tells whether an array may be written to, and integer arrays that index past the end
wrap around instead of raising IndexError.
"""
from __future__ import annotations

from typing import Any

import numpy as _np

__name__ = "standin"

# keywords -> the functions that take them. A function that is missing: see that CuPy has it, then add it.
_TABLE = {
    "": """abs add angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_or bitwise_xor ceil clip
        conj cos cosh divide equal exp expm1 floor floor_divide fmax fmin greater greater_equal invert isfinite isinf isnan
        less less_equal log log10 log1p log2 logaddexp logical_and logical_not logical_or logical_xor maximum minimum multiply
        negative nextafter not_equal power reciprocal remainder rint sign sin sinh sqrt square subtract tan tanh true_divide
        trunc
        ascontiguousarray broadcast_to diag diagonal einsum expand_dims flip moveaxis nonzero reshape round split squeeze
        swapaxes tensordot tile transpose where matmul may_share_memory lib.stride_tricks.as_strided
        linalg.cholesky linalg.det linalg.eig linalg.eigh linalg.eigvals linalg.inv linalg.slogdet linalg.solve""",
    "dtype": "arange empty empty_like eye full full_like ones ones_like tri zeros zeros_like",
    "axis": "concatenate diff repeat stack take take_along_axis",
    "axis dtype": "cumprod cumsum",
    "axis keepdims": "all any argmax argmin max min",
    "axis dtype keepdims": "mean prod sum",
    "axis kind": "argsort sort",
    "axes": "fft.fftn fft.ifftn fft.rfftn",
    "axes s": "fft.irfftn",
    "minlength": "bincount",
    "bins range": "histogram",
    "mode constant_values": "pad",
    "mode": "linalg.qr",
    "compute_uv full_matrices": "linalg.svd",
    "side": "searchsorted",
}
FUNCTIONS = {name: frozenset(keywords.split()) for keywords, names in _TABLE.items() for name in names.split()}
AT = frozenset({"add"})  # the ufuncs with a method `at` that is right for every type it takes
AT_TYPES = "i4 i8 u4 u8 f2 f4 f8".split()
METHODS = {
    name: frozenset(keywords.split())
    for keywords, names in {
        "": "conj copy fill item nonzero ravel reshape swapaxes tolist transpose view",
        "axis": "repeat squeeze take",
        "axis keepdims": "all any argmax argmin max min",
        "axis dtype": "cumprod cumsum",
        "axis dtype keepdims": "mean prod sum",
        "axis kind": "argsort sort",
        "copy": "astype",
        "dtype": "trace",
        "side": "searchsorted",
    }.items()
    for name in names.split()
}
ATTRIBUTES = frozenset("T base dtype flags imag itemsize mT nbytes ndim real shape size strides".split())
FLAGS = frozenset("c_contiguous f_contiguous fnc forc owndata".split())
_TAKE_SHAPES = frozenset("zeros ones empty full concatenate stack einsum arange".split())


class Refused(TypeError):
    """NumPy was used on an array of another module, or what CuPy does not have was asked for."""


def _in(value: Any) -> Any:
    if isinstance(value, ndarray):
        return value._a
    if isinstance(value, _np.ndarray):
        raise Refused("a NumPy array meets arrays of another module")
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


def _only(keywords: dict[str, Any], known: frozenset[str], name: str) -> None:
    for keyword in keywords:
        if keyword not in known:
            raise Refused(f"{name} of CuPy, as far as the table of tests/ops/standin.py says, takes no {keyword!r}")


def _index(array: _np.ndarray, index: Any) -> Any:
    """An index for NumPy; integer arrays wrap around, as CuPy's do."""
    items = index if isinstance(index, tuple) else (index,)
    used = sum(_width(i) for i in items)
    found, axis = [], 0
    for item in items:
        value = item._a if isinstance(item, ndarray) else item  # CuPy takes NumPy arrays as an index
        if item is Ellipsis:
            axis += array.ndim - used
        elif isinstance(value, _np.ndarray) and value.dtype.kind in "iu":
            value = value % max(array.shape[axis], 1)
        axis += _width(item)
        found.append(value)
    return tuple(found) if isinstance(index, tuple) else found[0]


def _width(item: Any) -> int:
    if item is None or item is Ellipsis or isinstance(item, (bool, _np.bool_)):
        return 0
    return item.ndim if isinstance(item, (ndarray, _np.ndarray)) and item.dtype.kind == "b" else 1


class _Flags:
    def __init__(self, flags: Any) -> None:
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        if name not in FLAGS:
            raise AttributeError(f"the flags of a CuPy array have no {name!r}")
        return getattr(self._flags, name)


class ndarray:
    """An array of the stand-in module; NumPy's methods work, NumPy's functions do not."""

    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, a: Any) -> None:
        self._a = a

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise Refused("NumPy asked for the data of an array of another module")

    def __array_function__(self, *args: Any, **kwargs: Any) -> Any:
        raise Refused("a NumPy function was called on an array of another module")

    def __getattr__(self, name: str) -> Any:
        if name == "flags":
            return _Flags(self._a.flags)
        if name in ATTRIBUTES:
            return _out(getattr(self._a, name))
        if name not in METHODS:
            raise AttributeError(f"an array of CuPy has no {name!r}, as far as the table of tests/ops/standin.py says")
        found = getattr(self._a, name)

        def method(*args: Any, **keywords: Any) -> Any:
            _only(keywords, METHODS[name], name)
            if name == "take":
                keywords["mode"] = "wrap"
            return _out(found(*_in(args), **_in(keywords)))

        return method

    def __getitem__(self, index: Any) -> Any:
        return _out(self._a[_index(self._a, index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, (list, tuple)):
            raise Refused("a list was written into an array of another module")
        self._a[_index(self._a, index)] = _in(value)

    def __len__(self) -> int:
        return len(self._a)

    def __bool__(self) -> bool:
        return bool(self._a)

    def __int__(self) -> int:
        return int(self._a)

    def __float__(self) -> float:
        return float(self._a)

    def __complex__(self) -> complex:
        return complex(self._a)

    def __format__(self, spec: str) -> str:
        return format(self._a[()] if self._a.ndim == 0 else self._a, spec)

    def __iter__(self) -> Any:
        return (_out(v) for v in self._a)


def _operator(name: str) -> Any:
    def method(self: ndarray, *others: Any) -> Any:
        if any(isinstance(o, (list, tuple)) for o in others):
            return NotImplemented
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
        getattr(self._a, _n)(_in(other))
        return self

    setattr(ndarray, f"__{_name}__", _inplace)


class _Function:
    def __init__(self, name: str) -> None:
        self._name = name
        self._found: Any = _np
        for part in name.split("."):
            self._found = getattr(self._found, part)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        name = self._name
        _only(keywords, FUNCTIONS[name] | ({"out"} if isinstance(self._found, _np.ufunc) else frozenset()), name)
        if args and isinstance(args[0], (list, tuple)) and name not in _TAKE_SHAPES:
            raise Refused(f"{name} of CuPy takes arrays, got {type(args[0]).__name__}")
        if name == "take":
            keywords["mode"] = "wrap"
        if name == "take_along_axis":
            a, index, axis = _in(args[0]), _in(args[1]), keywords.get("axis", args[2] if len(args) > 2 else -1)
            return _out(_np.take_along_axis(a, index % max(a.shape[axis], 1), axis))
        made = _out(self._found(*_in(args), **_in(keywords)))
        if name == "lib.stride_tricks.as_strided":
            made.base = None  # CuPy forgets whose memory it is
        return made

    def at(self, out: ndarray, index: Any, *values: Any) -> None:
        if self._name not in AT or out.dtype.str[1:] not in AT_TYPES:
            raise Refused(f"CuPy has no {self._name}.at for {out.dtype}")
        self._found.at(out._a, _index(out._a, index), *_in(values))


class _Space:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return _get(f"{self._name}.{name}")


def _get(name: str) -> Any:
    if any(known.startswith(name + ".") for known in FUNCTIONS):
        return _Space(name)
    if name not in FUNCTIONS:
        raise AttributeError(f"CuPy has no {name}, as far as the table of tests/ops/standin.py says")
    return _Function(name)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    found = getattr(_np, name, None)
    if isinstance(found, (type, float)):  # float32, pi
        return found
    return _get(name)


def wrap(function: Any) -> Any:
    """A NumPy function that takes and gives arrays of this module."""
    return lambda *args, **keywords: _out(function(*_in(args), **_in(keywords)))


def asarray(a: Any, dtype: Any = None) -> ndarray:
    """Into the stand-in module (this is how data arrives on the device)."""
    if isinstance(a, ndarray):
        return a if dtype is None or a.dtype == dtype else ndarray(a._a.astype(dtype))
    made = _np.asarray(_in(a) if isinstance(a, (list, tuple)) else a, dtype=dtype)
    if made.dtype.kind in "OSUMm":
        raise ValueError(f"Unsupported dtype {made.dtype}")
    return ndarray(made)


array = asarray


def asnumpy(a: ndarray) -> Any:
    """Back into NumPy."""
    return a._a
