"""Facts about tensors, and methods that move, copy or overwrite them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..backend import xp as backend
from ..backend.place import CPUPlace, CUDAPlace, Place
from ..core.context import context
from ..core.dispatch import call, in_place
from ..core.recorder import spec_of
from ..core.tensor import Tensor, TensorBase, isinstance_strict, tensor_method
from ..dtypes import DType
from ..errors import MisusedTensorError, WrongTypeError
from ..ops import creation as C
from ..ops import elementwise as E
from ..ops import manipulation as M
from ..ops.shapes import product
from .arguments import builds_program, constant, is_tensor_like

__all__ = [
    "finfo",
    "iinfo",
    "increment",
    "is_complex",
    "is_empty",
    "is_floating_point",
    "is_integer",
    "is_tensor",
    "numel",
    "rank",
    "shape",
    "tolist",
]


def is_tensor(x: Any) -> bool:
    """Whether `x` is a Tensor (or, while a Program is recorded, a Variable)."""
    return is_tensor_like(x)


def _checked(x: Any, what: str) -> Any:
    if not is_tensor_like(x):
        raise WrongTypeError(f"{what} takes a Tensor, got {type(x).__name__}")
    return x


@tensor_method("is_floating_point")
def is_floating_point(x: Any) -> bool:
    """Whether the dtype is float16, bfloat16, float32 or float64."""
    return _checked(x, "is_floating_point").dtype.is_floating


@tensor_method("is_integer")
def is_integer(x: Any) -> bool:
    """Whether the dtype is an integer one (bool is not)."""
    return _checked(x, "is_integer").dtype.np.kind in "iu"


@tensor_method("is_complex")
def is_complex(x: Any) -> bool:
    """Whether the dtype is complex64 or complex128."""
    return _checked(x, "is_complex").dtype.is_complex


@tensor_method("is_empty")
def is_empty(x: Any, name: str | None = None) -> Any:
    """A 0-D bool tensor: whether `x` has no elements."""
    return call(C.is_empty, x)


@tensor_method("numel")
def numel(x: Any, name: str | None = None) -> Any:
    """The number of elements as a 0-D int64 tensor."""
    return call(C.size, _checked(x, "numel"))


def shape(input: Any) -> Any:
    """The dimensions as an int32 tensor of shape [ndim]; known when a Program runs even where `input.shape` has -1."""
    return call(C.shape, input)


@tensor_method("rank")
def rank(input: Any) -> Any:
    """The number of dimensions as a 0-D int32 tensor."""
    if builds_program() and not is_tensor_like(input):
        raise WrongTypeError(f"rank: input must be a Variable, got {type(input).__name__}")
    return constant(np.asarray(input.ndim if isinstance(input, np.ndarray) else spec_of(input).ndim, np.int32))


def tolist(x: Any) -> Any:
    """The data as nested Python lists."""
    return x.tolist()


@tensor_method("increment")
def increment(x: Any, value: float = 1.0, name: str | None = None) -> Any:
    """`x` (one element) with `value` added, in place."""
    if -1 not in spec_of(x).shape and product(spec_of(x).shape) != 1:
        raise ValueError(f"increment takes a tensor of one element, got shape {list(spec_of(x).shape)}")
    return in_place(x, call(C.increment, x, step=float(value)))


@tensor_method("is_same_shape")
def is_same_shape(x: Any, y: Any) -> bool:
    """Whether two tensors have the same shape."""
    return tuple(spec_of(x).shape) == tuple(spec_of(y).shape)


@tensor_method("data_ptr")
def data_ptr(x: Any) -> int:
    """The address of the first element."""
    pointer = x._data.ctypes.data if isinstance(x._data, np.ndarray) else x._data.data.ptr
    return int(pointer)


@tensor_method("get_strides")
def get_strides(x: Any) -> list[int]:
    """Distance between neighbours along each axis, in elements."""
    return x.strides


def _set_data(x: Any, value: Any) -> None:
    if not isinstance_strict(value, Tensor):
        raise WrongTypeError(f"data of tensor {x.name!r} takes a Tensor, got {type(value).__name__}")
    x._replace(value._data)


# the tensor itself; setting it points the tensor at the memory of another
TensorBase.data = property(lambda x: x, _set_data)  # type: ignore[attr-defined]
TensorBase.layout = property(lambda x: "NCHW")  # type: ignore[attr-defined]
TensorBase.offset = property(lambda x: 0)  # type: ignore[attr-defined]


class finfo:
    """Limits of a floating (or complex) dtype: min, max, eps, resolution, smallest_normal, tiny, bits, dtype.

    ValueError for other dtypes.
    """

    def __init__(self, dtype: Any) -> None:
        target = dtypes.as_dtype(dtype)
        if not (target.is_floating or target.is_complex):
            raise ValueError(f"finfo takes a floating or complex dtype, got {target.name}")
        if target is dtypes.bfloat16:  # 8 bits of precision, the exponents of float32
            smallest = 2.0**-126
            self.min, self.max, self.eps, self.resolution = -(2.0**128 - 2.0**120), 2.0**128 - 2.0**120, 2.0**-7, 0.01
        else:
            found = np.finfo(target.np)
            smallest = float(found.tiny)
            self.min, self.max, self.eps = float(found.min), float(found.max), float(found.eps)
            self.resolution = float(f"1e-{found.precision}")
        self.smallest_normal = self.tiny = smallest
        self.bits = 8 * target.itemsize // (2 if target.is_complex else 1)
        self.dtype = target.name

    def __repr__(self) -> str:
        return (
            f"paddle.finfo(min={self.min:.6g}, max={self.max:.6g}, eps={self.eps:.6g}, "
            f"resolution={self.resolution:.6g}, "
            f"smallest_normal={self.smallest_normal:.6g}, tiny={self.tiny:.6g}, bits={self.bits}, dtype={self.dtype})"
        )


class iinfo:
    """Limits of an integer dtype: min, max, bits, dtype. ValueError for other dtypes."""

    def __init__(self, dtype: Any) -> None:
        target = dtypes.as_dtype(dtype)
        if target.np.kind not in "iu":
            raise ValueError(f"iinfo takes an integer dtype, got {target.name}")
        found = np.iinfo(target.np)
        self.min, self.max, self.bits, self.dtype = int(found.min), int(found.max), found.bits, target.name

    def __repr__(self) -> str:
        return f"paddle.iinfo(min={self.min}, max={self.max}, bits={self.bits}, dtype={self.dtype})"


# --- copies and devices


@tensor_method("detach")
def detach(x: Any) -> Any:
    """A tensor over the same memory that has no gradient history."""
    return call(M.share_data, x)


def _detach_in_place(x: Any) -> Any:
    """Cut the gradient history of `x` itself."""
    if context.recorder is None:
        x._edge = None
    x.stop_gradient = True
    return x


tensor_method("detach_")(_detach_in_place)


def _on(x: Any, place: Place) -> Any:
    """`x` on a device; `x` itself if it is there already."""
    if context.recorder is not None or x.place == place:
        return x
    with backend.on(place):
        return call(M.memcpy, x, dst_place_type=0 if place.kind == "cpu" else 1)


@tensor_method("cpu")
def cpu(x: Any) -> Any:
    """The tensor in CPU memory; the gradient passes."""
    return _on(x, CPUPlace())


@tensor_method("pin_memory")
def pin_memory(x: Any) -> Any:
    """The tensor in CPU memory (which is never pinned here)."""
    return _on(x, CPUPlace())


@tensor_method("cuda")
def cuda(x: Any, device_id: int | None = None, blocking: bool = True) -> Any:
    """The tensor on a GPU; the gradient passes. ImportError without CuPy, RuntimeError without a GPU."""
    if device_id is None:
        current = backend.current_place()
        return _on(x, current if current.kind == "gpu" else CUDAPlace(0))
    return _on(x, CUDAPlace(device_id))


def _cast(x: Any, target: DType) -> Any:
    return x if x.dtype is target else call(E.cast, x, in_dtype=x.dtype.proto, out_dtype=target.proto)


@tensor_method("to")
def to(x: Any, *args: Any, **kwargs: Any) -> Any:
    """Another device, dtype or both: ``to("gpu")``, ``to("float64")``, ``to(place, dtype)``, ``to(other)``.

    `blocking` is accepted; copies always block. TypeError for anything else.
    """
    place: Place | None = None
    target: DType | None = None
    names = {"device", "dtype", "blocking", "other"}
    unknown = set(kwargs) - names
    if unknown:
        raise WrongTypeError(f"to() got an unexpected keyword argument {sorted(unknown)[0]!r}")
    for value in (*args, *(kwargs[n] for n in ("other", "device", "dtype") if n in kwargs)):
        if value is None or isinstance(value, bool):
            continue
        if is_tensor_like(value):
            target = value.dtype
            place = value.place if isinstance_strict(value, Tensor) else None
        elif isinstance(value, Place):
            place = value
        else:
            try:
                target = dtypes.as_dtype(value)
            except TypeError:
                if not isinstance(value, str):
                    raise
                place = backend.parse(value)
    if target is not None:
        x = _cast(x, target)
    if place is not None:
        x = _on(x, place)
    return x


@tensor_method("contiguous")
def contiguous(x: Any) -> Any:
    """The tensor itself if its elements lie in order, else a copy for which that holds."""
    if isinstance_strict(x, Tensor) and not x._data.flags.c_contiguous:
        return call(M.assign, x)
    return x


def _copy_to(x: Any, place: Any, blocking: bool = True) -> Any:
    made = _on(x, backend.parse(place))
    return call(M.assign, made) if made is x else made


TensorBase._copy_to = _copy_to  # type: ignore[attr-defined]


# --- overwriting


@tensor_method("set_value")
def set_value(x: Any, value: Any) -> None:
    """Overwrite the data with an array or Tensor of the same shape and dtype; gradients do not notice.

    AssertionError (which also is a ValueError) when one of them differs.
    """
    if not isinstance_strict(x, Tensor):
        raise WrongTypeError(f"set_value: {x.name!r} is a symbolic Variable, which has no data while a Program is recorded")
    if is_tensor_like(value):
        if not isinstance_strict(value, Tensor):
            raise WrongTypeError("set_value takes data, not a symbolic Variable")
        array = value._data
    elif isinstance(value, np.ndarray):
        array = value
    else:
        raise MisusedTensorError(f"set_value takes a Tensor or a numpy.ndarray, got {type(value).__name__}")
    if tuple(array.shape) != tuple(x._data.shape):
        raise MisusedTensorError(f"set_value of tensor {x.name!r}: expected shape {x.shape}, got {list(array.shape)}")
    if array.dtype != x._data.dtype:
        raise MisusedTensorError(
            f"set_value of tensor {x.name!r}: expected dtype {x.dtype.name}, got {array.dtype.name}"
        )
    x._assign_array(backend.to_module(array, backend.array_module(x._data)))


@tensor_method("copy_")
def copy_(x: Any, value: Any, blocking: bool = True) -> None:
    """Overwrite the data with that of another Tensor of the same shape."""
    set_value(x, _cast(value, x.dtype).detach() if isinstance_strict(value, Tensor) else value)


@tensor_method("fill_")
def fill_(x: Any, value: Any) -> Any:
    """Set every element to one number; returns `x`."""
    if is_tensor_like(value):
        value = value.item()
    if not isinstance(value, (bool, int, float, np.generic)):
        raise WrongTypeError(f"fill_: value must be a number, got {type(value).__name__}")
    return in_place(x, call(C.fill_any, x, value=value))


@tensor_method("zero_")
def zero_(x: Any) -> Any:
    """Set every element to 0; returns `x`."""
    return in_place(x, call(C.fill_any, x))


@tensor_method("fill_diagonal_")
def fill_diagonal_(x: Any, value: float, offset: int = 0, wrap: bool = False, name: str | None = None) -> Any:
    """Set the diagonal to one number; returns `x`.

    With `wrap` it starts again below the last column of a tall matrix.
    """
    return in_place(x, call(M.fill_diagonal, x, value=float(value), offset=int(offset), wrap=bool(wrap)))


@tensor_method("fill_diagonal_tensor")
def fill_diagonal_tensor(x: Any, y: Any, offset: int = 0, dim1: int = 0, dim2: int = 1, name: str | None = None) -> Any:
    """A copy with the diagonal of dimensions `dim1` and `dim2` set to `y`."""
    return call(M.fill_diagonal_tensor, x, y, offset=int(offset), dim1=int(dim1), dim2=int(dim2))


@tensor_method("fill_diagonal_tensor_")
def fill_diagonal_tensor_(
    x: Any, y: Any, offset: int = 0, dim1: int = 0, dim2: int = 1, name: str | None = None
) -> Any:
    """Set the diagonal of dimensions `dim1` and `dim2` to `y`; returns `x`."""
    return in_place(x, fill_diagonal_tensor(x, y, offset, dim1, dim2))


# --- under the names that Paddle's own scripts use


@tensor_method("_numel")
def _numel(x: Any) -> int:
    """Number of elements."""
    return int(x.size)


@tensor_method("_bump_inplace_version")
def _bump_inplace_version(x: Tensor) -> None:
    """Count a change in place that was made behind minipaddle's back."""
    x._version[0] += 1


@tensor_method("_grad_ivar", "_grad_value")
def _grad_ivar(x: Tensor) -> Any:
    """The gradient, None if there is none."""
    return x.grad


@tensor_method("_copy_gradient_from")
def _copy_gradient_from(x: Any, other: Any) -> None:
    """Set the gradient to the values of another tensor."""
    x.grad = other.detach()


@tensor_method("_slice")
def _slice(x: Any, begin: int, end: int) -> Any:
    """Rows `begin` to `end`, in the same memory."""
    return x.detach()[begin:end]


@tensor_method("_to_dlpack")
def _to_dlpack(x: Any) -> Any:
    """The DLPack capsule; memory is shared."""
    return x.detach().__dlpack__()


@tensor_method("_to")
def _to(x: Any, device: Any = None, dtype: Any = None, blocking: bool | None = None) -> Any:
    """Change the device, the dtype or both of the tensor itself; returns it.

    ValueError for something that is no device, AssertionError for a `blocking` that is no bool.
    """
    if device is not None and not isinstance(device, (str, Place)):
        raise ValueError(f"_to: device must be a str or a place, got {type(device).__name__}")
    assert blocking is None or isinstance(blocking, bool), "_to: blocking must be True, False or None"
    x._replace(to(x.detach(), *(v for v in (device, dtype) if v is not None))._data)
    return x


@tensor_method("is_sparse_coo", "is_sparse_csr", "is_dist")
def _never(x: Any) -> bool:
    """Never: tensors are dense and live on one device here."""
    return False


@tensor_method("to_dense")
def to_dense(x: Any) -> Any:
    """The tensor itself: there are no sparse ones here."""
    return x
