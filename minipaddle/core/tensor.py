"""The eager Tensor: an array, a place on the tape, and Paddle's attributes.

Methods such as ``x.reshape`` and ``x + y`` are public functions of `minipaddle.tensor`, attached to `TensorBase` with
`tensor_method`; the static `Variable` shares them through the same base.
"""
from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..backend import xp as backend
from ..backend.place import Place
from ..dtypes import DType
from ..errors import MisusedTensorError, NotSupportedError
from ..utils import unique_name
from .context import context
from .lod import Lod, Ragged

__all__ = ["Parameter", "Tensor", "TensorBase", "TensorMeta", "generated_name", "make_tensor", "tensor_method"]

_generated = itertools.count()


def generated_name(kind: str) -> str:
    """A name for a tensor that nobody named; no other in the process has it."""
    return f"{kind}_{next(_generated)}"


class TensorBase:
    """What the eager `Tensor` and the symbolic `Variable` have in common: every method of `tensor_method`."""

    __slots__ = ()
    # NumPy must hand ``array + tensor`` to Tensor.__radd__ instead of looping over the elements
    __array_priority__ = 100.0
    __array_ufunc__ = None

    def __hash__(self) -> int:
        return id(self)


def tensor_method(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Attach a public function to tensors under `names` (its own name if none is given)."""

    def attach(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names or (function.__name__,):
            setattr(TensorBase, name, function)
        return function

    return attach


class _Extra:
    """What few tensors need, kept apart so that results of operators stay small."""

    __slots__ = ("grad", "hooks", "lod", "name", "persistable", "retains_grad", "void", "zero_grad")

    def __init__(self) -> None:
        self.name: str | None = None
        self.grad: Tensor | None = None
        self.zero_grad = False  # `grad` stands for zeros and was not filled in yet
        self.persistable = False
        self.hooks: dict[int, Callable[[Tensor], Tensor | None]] | None = None
        self.retains_grad = False
        self.lod: Lod | None = None
        self.void: Any = None  # the placeholder that stands in `_data` for data which is not there


class TensorMeta(type):
    """`isinstance(x, Tensor)` holds for symbolic Variables too: user code asks this while it is traced."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance_strict(instance, cls) or (cls is Tensor and isinstance_strict(instance, TensorBase))

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        given = _cpp_arguments(args, kwargs) if cls is Tensor else None
        if given is None:
            return super().__call__(*args, **kwargs)
        dims, kind = given.pop("dims", None), given.pop("kind", "LOD_TENSOR")
        if str(kind) != "LOD_TENSOR":
            raise NotSupportedError(f"Tensor(): kind of variable {kind} is not supported; tensors are dense (LOD_TENSOR) here")
        made = super().__call__(**given)
        if dims is not None:
            made._make_void(dims)
        return made


# Paddle's C++ constructors, told apart by the type of an argument: a dtype first, or a place second
_DESCRIBED = ("dtype", "dims", "name", "type", "persistable")
_FROM_ARRAY = ("value", "place", "persistable", "zero_copy", "name", "stop_gradient")
_FROM_TENSOR = ("value", "place", "name")


def _cpp_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments of one of those constructors by name, None for the Python one."""
    if (args and isinstance(args[0], DType)) or "dims" in kwargs:
        names: tuple[str, ...] = _DESCRIBED
    elif len(args) > 1 and isinstance(args[1], Place):
        names = _FROM_TENSOR if isinstance_strict(args[0], Tensor) else _FROM_ARRAY
    elif "zero_copy" in kwargs:
        names = _FROM_ARRAY
    else:
        return None
    if len(args) > len(names):
        raise TypeError(f"Tensor() takes {', '.join(names)} here, got {len(args)} arguments")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    given.pop("zero_copy", None)  # sharing memory is an optimization that NumPy arrays of the user must not see
    if "type" in given:
        given["kind"] = given.pop("type")
    if given.get("name") is None:
        given.pop("name", None)
    return given


def isinstance_strict(instance: Any, cls: type) -> bool:
    """`isinstance` without the courtesy to Variables."""
    return cls in type(instance).__mro__


class Tensor(Ragged, TensorBase, metaclass=TensorMeta):
    """A multi-dimensional array that can be differentiated.

    `stop_gradient` True (the default) keeps it out of the tape. `grad` is filled by `backward()`. The array lives in CPU
    memory (NumPy) or on a GPU (CuPy).

    Paddle's C++ constructors are understood too: ``Tensor(value, place, persistable, zero_copy, name, stop_gradient)``,
    ``Tensor(tensor, place, name)`` and, for a tensor without data, ``Tensor(dtype, dims, name, type, persistable)``.
    """

    # _edge: None for a leaf, else (tape node, number of its output). _version: a one-element list that counts changes in
    # place; tensors that share memory share it.
    __slots__ = ("__weakref__", "_data", "_edge", "_extra", "_stop_gradient", "_version")

    _data: Any
    _edge: Any
    _extra: _Extra | None
    _stop_gradient: bool
    _version: list[int]

    def __init__(
        self,
        value: Any = None,
        dtype: Any = None,
        place: Place | str | None = None,
        stop_gradient: bool = True,
        name: str | None = None,
        persistable: bool = False,
    ) -> None:
        if isinstance_strict(value, Tensor):
            array = value._data.copy()
        elif backend.array_module(value) is not np:  # on a GPU already
            array = value.copy()
        else:
            array = np.array([] if value is None else value)
            if value is None or (array.dtype == np.float64 and not isinstance(value, (np.ndarray, np.generic))):
                array = array.astype(dtypes.default_dtype().np)
        if dtype is not None:
            array = array.astype(dtypes.numpy_of(dtype))
        dtypes.from_numpy(array.dtype)
        self._data = backend.to_place(array, place)
        self._stop_gradient = stop_gradient
        self._edge = None
        self._version = [0]
        self._extra = None
        if name is not None:
            self.name = name
        if persistable:
            self.persistable = True
        if value is None:
            self._make_void()

    # --- what it is

    @property
    def shape(self) -> list[int]:
        """Dimensions as a plain list; a scalar tensor has []."""
        return list(self._data.shape)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self._data.ndim

    def dim(self) -> int:
        """Number of dimensions."""
        return self._data.ndim

    ndimension = dim

    @property
    def size(self) -> int:
        """Number of elements, as an int."""
        return int(self._data.size)

    @property
    def dtype(self) -> DType:
        """Element type, for example ``paddle.float32``."""
        return dtypes.from_numpy(self._data.dtype)

    @property
    def place(self) -> Place:
        """The device that holds the data."""
        return backend.place_of(self._data)

    @property
    def type(self) -> str:
        """Kind of variable, as in Programs."""
        return "LOD_TENSOR"

    @property
    def strides(self) -> list[int]:
        """Distance between neighbours along each axis, in elements."""
        return [s // self._data.itemsize for s in self._data.strides]

    def element_size(self) -> int:
        """Bytes per element."""
        return int(self._data.itemsize)

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return int(self._data.itemsize)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return int(self._data.nbytes)

    def is_contiguous(self) -> bool:
        """Whether the elements lie in C order without gaps."""
        return bool(self._data.flags.c_contiguous)

    def is_dense(self) -> bool:
        """Always: sparse tensors do not exist here."""
        return True

    def is_sparse(self) -> bool:
        """Never: sparse tensors do not exist here."""
        return False

    def is_selected_rows(self) -> bool:
        """Never: gradients are always dense here."""
        return False

    def _is_initialized(self) -> bool:
        return self._extra is None or self._extra.void is not self._data

    def _make_void(self, shape: Sequence[int] = (0,), dtype: Any = None) -> None:
        """Take the data away; shape and dtype (as before unless given) are kept by a placeholder."""
        array = np.zeros(tuple(shape), self._data.dtype if dtype is None else dtypes.numpy_of(dtype))
        array.flags.writeable = False
        self._more().void = self._data = array

    def value(self) -> Tensor:
        """The tensor itself."""
        return self

    # --- names and flags

    def _more(self) -> _Extra:
        if self._extra is None:
            self._extra = _Extra()
        return self._extra

    @property
    def name(self) -> str:
        """A name unique in the process unless the user sets one."""
        extra = self._more()
        if extra.name is None:
            kind = "generated_tensor" if self._edge is None else "eager_tmp"
            extra.name = generated_name(kind)
        return extra.name

    @name.setter
    def name(self, value: str) -> None:
        self._more().name = value

    @property
    def persistable(self) -> bool:
        """Whether the tensor belongs to the saved state of a model."""
        return self._extra is not None and self._extra.persistable

    @persistable.setter
    def persistable(self, value: bool) -> None:
        self._more().persistable = bool(value)

    @property
    def stop_gradient(self) -> bool:
        """True: no gradient flows to or through this tensor."""
        return self._stop_gradient

    @stop_gradient.setter
    def stop_gradient(self, value: bool) -> None:
        self._stop_gradient = bool(value)

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user rather than by a differentiated operator."""
        return self._edge is None

    @property
    def grad_fn(self) -> Any:
        """The tape node that made this tensor, None for a leaf."""
        return None if self._edge is None else self._edge[0]

    @property
    def inplace_version(self) -> int:
        """How often the data was changed in place."""
        return self._version[0]

    # --- gradients

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward()` accumulated: same shape and dtype, or None."""
        if context.recorder is not None and (training := getattr(context.recorder, "training", None)) is not None:
            recorded = training.gradients.get(id(self))  # of a backward() inside of a traced function
            if recorded is not None:
                return recorded[1]  # type: ignore[no-any-return]
        extra = self._extra
        if extra is None:
            return None
        if extra.zero_grad:
            extra.zero_grad = False
            grad = make_tensor(backend.array_module(self._data).zeros_like(self._data))
            grad._stop_gradient = False
            extra.grad = grad
        return extra.grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is None:
            if self._extra is not None:
                self._extra.grad, self._extra.zero_grad = None, False
            return
        if not isinstance_strict(value, Tensor):
            raise TypeError(f"grad of tensor {self.name!r} takes a Tensor or None, got {type(value).__name__}")
        if value._data.shape != self._data.shape:
            raise ValueError(f"grad of tensor {self.name!r} must have shape {self.shape}, got {value.shape}")
        extra = self._more()
        extra.grad, extra.zero_grad = value, False

    def clear_gradient(self, set_to_zero: bool = True) -> None:
        """Forget the gradient: zeros afterwards, or None with ``set_to_zero=False``."""
        if context.recorder is not None and (training := getattr(context.recorder, "training", None)) is not None:
            training.gradients.pop(id(self), None)
        extra = self._extra
        if extra is None or (extra.grad is None and not extra.zero_grad):
            return
        extra.grad, extra.zero_grad = None, set_to_zero

    clear_grad = clear_gradient

    def gradient(self) -> np.ndarray[Any, Any] | None:
        """The gradient as a NumPy array, or None."""
        grad = self.grad
        return None if grad is None else grad.numpy()

    def zero_grad_(self) -> None:
        """Set the gradient to zeros."""
        self.clear_gradient(True)

    # --- data

    def numpy(self, blocking: bool = True) -> np.ndarray[Any, Any]:
        """A copy of the data as a NumPy array in CPU memory; it is always complete, `blocking` or not."""
        array = backend.to_numpy(self._data)
        return array.copy() if array is self._data else array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = backend.to_numpy(self._data)
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy or (copy is None and array is self._data) else array

    def __dlpack__(self, *, stream: Any = None, **kwargs: Any) -> Any:
        if not self._stop_gradient:
            raise BufferError("a tensor that requires a gradient cannot be exported; use x.detach()")
        return self._data.__dlpack__(stream=stream, **kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._data.__dlpack_device__()

    def tolist(self) -> Any:
        """The data as nested Python lists (a number for a scalar tensor)."""
        return backend.to_numpy(self._data).tolist()

    def item(self, *args: int) -> Any:
        """One element as a Python number; ValueError unless there is one element or an index is given."""
        array = backend.to_numpy(self._data)
        if args:
            try:
                return array.item(*args)
            except IndexError as error:
                raise ValueError(f"item(): {error}") from None
        if array.size != 1:
            raise ValueError(f"item() without index takes a tensor of one element, got shape {self.shape}")
        return array.item()

    def _scalar(self, what: str) -> Any:
        if self._data.size != 1:
            raise MisusedTensorError(f"{what}() takes a tensor of one element, got shape {self.shape}")
        return backend.to_numpy(self._data).reshape(()).item()

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise MisusedTensorError(
                f"the truth value of a tensor of shape {self.shape} is ambiguous; use .any() or .all(), or compare one element"
            )
        return bool(self._scalar("bool"))

    def __int__(self) -> int:
        return int(self._scalar("int"))

    def __float__(self) -> float:
        return float(self._scalar("float"))

    def __complex__(self) -> complex:
        return complex(self._scalar("complex"))

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iub":
            raise TypeError(f"only integer tensors can be used as an index, got {self.dtype}")
        return int(self._scalar("int"))

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and self._data.size == 1 else format(str(self), spec)

    def __len__(self) -> int:
        if self._data.ndim == 0:
            raise MisusedTensorError("len() of a 0-D tensor")
        return int(self._data.shape[0])

    def __iter__(self) -> Iterator[Tensor]:
        if self._data.ndim == 0:
            raise MisusedTensorError("iteration over a 0-D tensor")
        return (self[i] for i in range(self._data.shape[0]))  # type: ignore[index]

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        new = make_tensor(self._data.copy())  # a leaf, whatever this one was computed from
        self._copy_attributes(new)
        memo[id(self)] = new
        return new

    def _copy_attributes(self, new: Tensor) -> None:
        new._stop_gradient = self._stop_gradient
        if self.persistable:
            new.persistable = True
        if self._extra is not None and self._extra.name is not None:
            new.name = unique_name.generate(self._extra.name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.numpy(), self.name, self._stop_gradient, self.persistable)

    # --- changing in place

    def _assign_array(self, array: Any) -> None:
        """Overwrite the data with `array` (same device); memory is kept where shape, dtype and flags allow it."""
        data = self._data
        if data.shape == array.shape and data.dtype == array.dtype and backend.writeable(data):
            data[...] = array
        else:
            self._data = array
        self._version[0] += 1

    def _replace(self, array: Any) -> None:
        """Point the tensor at another array of its own; used where the old memory is not to be touched."""
        self._data = array
        self._version[0] += 1


def make_tensor(array: Any) -> Tensor:
    """A leaf Tensor around an array that nobody else holds; NumPy scalars become 0-d arrays."""
    t: Tensor = Tensor.__new__(Tensor)
    t._data = np.asarray(array) if isinstance(array, (np.generic, int, float, bool, complex)) else array
    t._stop_gradient = True
    t._edge = None
    t._version = [0]
    t._extra = None
    return t


def _rebuild(array: np.ndarray[Any, Any], name: str, stop_gradient: bool, persistable: bool) -> Tensor:
    t = Tensor(array, stop_gradient=stop_gradient, name=name)
    if persistable:
        t.persistable = True
    return t


class EagerParamBase(Tensor):
    """A Tensor that is trained: persistable, `stop_gradient` False while `trainable`.

    `optimize_attr` holds its learning-rate factor, `regularizer` and `need_clip` overrule the optimizer's. Instead of a value a
    `shape` may be given, of at least one dimension greater than 0 each (else ValueError); the data is zeros then.
    """

    # no __slots__: parameters may carry further attributes

    def __init__(
        self,
        value: Any = None,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
        optimize_attr: dict[str, float] | None = None,
        regularizer: Any = None,
        need_clip: bool = True,
        do_model_average: bool | None = None,
        is_distributed: bool = False,
        shape: Sequence[int] | None = None,
    ) -> None:
        if value is None:
            if not shape or any(n <= 0 for n in shape):
                raise ValueError(f"a parameter needs a value or a shape of dimensions greater than 0, got shape {shape}")
            value = np.zeros(tuple(shape), dtypes.default_dtype().np)
        super().__init__(value, dtype=dtype, stop_gradient=not trainable)
        extra = self._more()
        extra.name = name if name is not None else unique_name.generate("_eager_param_base")
        extra.persistable = True
        self.optimize_attr = {"learning_rate": 1.0} if optimize_attr is None else optimize_attr
        self.regularizer = regularizer
        self.need_clip = need_clip
        self.is_distributed = is_distributed
        self.do_model_average = do_model_average

    @property
    def trainable(self) -> bool:
        """Whether optimizers change it; the opposite of `stop_gradient`."""
        return not self._stop_gradient

    @trainable.setter
    def trainable(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise ValueError(f"trainable of parameter {self.name!r} takes a bool, got {type(value).__name__}")
        self._stop_gradient = not value

    def __deepcopy__(self, memo: dict[int, Any]) -> EagerParamBase:
        new: EagerParamBase = EagerParamBase.__new__(EagerParamBase)
        new._data, new._edge, new._version, new._extra = self._data.copy(), None, [0], None
        new.__dict__.update(self.__dict__)
        self._copy_attributes(new)
        memo[id(self)] = new
        return new

    def __reduce__(self) -> tuple[Any, ...]:
        state = dict(self.__dict__)
        return _rebuild_parameter, (self.numpy(), self.name, self._stop_gradient, state)


#: The name users meet; the class carries Paddle's internal one, which its scripts print.
Parameter = EagerParamBase


def _rebuild_parameter(array: np.ndarray[Any, Any], name: str, stop_gradient: bool, state: dict[str, Any]) -> Parameter:
    p = Parameter(array, name=name, trainable=not stop_gradient)
    p.__dict__.update(state)
    return p
