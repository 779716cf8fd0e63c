"""auto_cast: operators in half precision where that is safe; decorate: whole models in half precision."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from .. import dtypes
from ..backend import xp as backend
from ..core import dispatch
from ..core.context import context
from ..core.recorder import spec_of
from ..errors import MissingExtraError
from ..nn.layer import layers
from ..nn.layer import norm as norm_layers
from ..ops import elementwise as E
from ..ops.registry import Op
from ..optimizer import Optimizer
from .amp_lists import black_list, white_list

__all__ = [
    "amp_decorate", "amp_guard", "auto_cast", "decorate", "is_bfloat16_supported", "is_float16_supported",
]  # fmt: skip

_KEEP = ("cast",)  # it is what the casting itself uses
_IN_FLOAT32 = ("batch_norm", "sync_batch_norm")


class _State:
    """What is in force inside of one `auto_cast`."""

    __slots__ = ("black", "dtype", "key", "level", "promote", "white")

    def __init__(self, level: str, dtype: str, white: set[str], black: set[str], promote: bool) -> None:
        self.level, self.white, self.black, self.promote = level, white, black, promote
        self.dtype = dtypes.as_dtype(dtype)
        # what a traced Program depends on: to_static keeps one per key
        self.key = (level, dtype, promote, frozenset(white), frozenset(black))

    def __str__(self) -> str:
        return f"{self.level}, {self.dtype.name}"

    def target(self, op: Op, values: Sequence[Any]) -> dtypes.DType:
        """The floating type that operator `op` is to compute in."""
        if op.type in self.white:
            return self.dtype
        if op.type in self.black or self.level == "OD":
            return dtypes.float32
        mixed = any(v is not None and spec_of(v).dtype == "float32" for v in values)
        if mixed and (self.level == "O1" or self.promote):
            return dtypes.float32
        return self.dtype


def _floating(v: Any) -> bool:
    return v is not None and spec_of(v).dtype.name in ("float16", "bfloat16", "float32")


def _cast(v: Any, wanted: dtypes.DType) -> Any:
    if not _floating(v) or spec_of(v).dtype.name == wanted.name:
        return v
    old = dtypes.from_numpy(spec_of(v).dtype)
    return dispatch.call(E.cast, v, in_dtype=old.proto, out_dtype=wanted.proto)


def _cast_inputs(op: Op, inputs: Sequence[Any]) -> Sequence[Any]:
    """The inputs of an operator in the type that the current state wants; see `dispatch.amp_cast`."""
    state = context.amp
    if state is None or op.type in _KEEP:
        return inputs
    if any(slot.over for slot in op.outputs):
        # what is written in place stays as it is; batch normalisation wants its input in the type of its statistics
        if op.type not in _IN_FLOAT32:
            return inputs
        return [_cast(inputs[0], dtypes.float32), *inputs[1:]]
    values = [v for item in inputs for v in (item if isinstance(item, (list, tuple)) else (item,))]
    if not any(_floating(v) for v in values):
        return inputs
    wanted = state.target(op, values)
    return [
        [_cast(v, wanted) for v in item] if isinstance(item, (list, tuple)) else _cast(item, wanted) for item in inputs
    ]


def _usable(dtype: str, place: Any) -> str:
    """"" if this type can be used on a device, else the reason why not."""
    if place.kind != "cpu":
        return ""
    if dtype == "float16":
        return "NumPy has no fast float16, so on the CPU everything stays float32; bfloat16 can be asked for instead"
    try:
        dtypes.bfloat16.np  # noqa: B018  (imports ml_dtypes)
    except (ImportError, MissingExtraError) as error:
        return f"bfloat16 on the CPU needs ml_dtypes ({error}); everything stays float32"
    return ""


def _lists(white: Any, black: Any, level: str, dtype: str) -> tuple[set[str], set[str]]:
    both = set(white or ()) & set(black or ())
    if both:
        raise ValueError(f"auto_cast: {sorted(both)} stand in both custom_white_list and custom_black_list")
    own_white = (white_list()[dtype][level] | set(white or ())) - set(black or ())
    own_black = (black_list()[dtype][level] | set(black or ())) - set(white or ())
    return own_white, own_black


@contextlib.contextmanager
def auto_cast(
    enable: bool = True,
    custom_white_list: Any = None,
    custom_black_list: Any = None,
    level: str = "O1",
    dtype: str = "float16",
    use_promote: bool = True,
) -> Iterator[None]:
    """Inside of the ``with`` block operators compute in half precision where that is safe.

    level: "O1" casts the inputs of operators in the white list to `dtype`, of those in the black list to float32, of others
    to the widest type among them; "O2" casts everything but a short black list (with `use_promote`, mixed inputs go to
    float32); "OD" casts the white list only; "O0" nothing. dtype: "float16" or "bfloat16". ValueError for other levels
    or types, or an operator in both custom lists. A warning where the device cannot do it; then nothing is cast.
    """
    level = level.upper()
    if level not in ("O0", "OD", "O1", "O2"):
        raise ValueError(f"auto_cast: level should be O0, OD, O1 or O2, got {level!r}")
    dtype = dtype.lower()
    if enable and dtype not in ("float16", "bfloat16"):
        raise ValueError(f"auto_cast: dtype should be 'float16' or 'bfloat16', got {dtype!r}")
    state = None
    if enable and level != "O0":
        white, black = _lists(custom_white_list, custom_black_list, level, dtype)
        problem = _usable(dtype, backend.current_place())
        if problem:
            warnings.warn(f"auto_cast has no effect: {problem}", stacklevel=3)
        else:
            state = _State(level, dtype, white, black, use_promote)
    old = context.amp
    context.amp = state
    _count(1 if state is not None else 0)
    try:
        yield
    finally:
        context.amp = old
        _count(-1 if state is not None else 0)


_active = 0


def _count(change: int) -> None:
    """The dispatcher looks for `amp_cast` only while some thread is inside of `auto_cast`."""
    global _active
    _active += change
    dispatch.amp_cast = _cast_inputs if _active else None


amp_guard = auto_cast


def _as_list(value: Any, kind: type, what: str) -> list[Any]:
    items = value if isinstance(value, list) else [value]
    for item in items:
        if not isinstance(item, kind):
            raise TypeError(f"decorate: {what} must be a {kind.__name__} or a list of them, got {type(item).__name__}")
    return items


def _excluded(layer: Any, excluded: Sequence[Any]) -> bool:
    for item in excluded:
        if isinstance(item, type):
            if isinstance(layer, item):
                return True
        elif any(layer is inner for inner in item.sublayers(include_self=True)):
            return True
    return False


def decorate(
    models: Any,
    optimizers: Any = None,
    level: str = "O1",
    dtype: str = "float16",
    master_weight: bool | None = None,
    save_dtype: str | None = None,
    master_grad: bool = False,
    excluded_layers: Any = None,
) -> Any:
    """Put models into half precision for level "O2"; "O1" changes nothing. Returns models, or (models, optimizers).

    Parameters become `dtype`, except those of normalisation layers and of `excluded_layers` (layers or classes). The
    optimizers keep float32 copies unless `master_weight` is False. save_dtype: the type in which ``state_dict()`` gives
    parameters. master_grad: gradients of half-precision parameters are float32.
    """
    if level not in ("O1", "O2"):
        raise ValueError(f"decorate: level should be O1 or O2, got {level!r}")
    if dtype not in ("float16", "bfloat16"):
        raise ValueError(f"decorate: dtype should be 'float16' or 'bfloat16', got {dtype!r}")
    if save_dtype is not None and save_dtype not in ("float16", "bfloat16", "float32", "float64"):
        raise ValueError(f"decorate: save_dtype should be a floating type, got {save_dtype!r}")
    result = models if optimizers is None else (models, optimizers)
    if level == "O1":
        return result
    problem = _usable(dtype, backend.current_place())
    if problem:
        warnings.warn(f"decorate has no effect: {problem}", stacklevel=2)
        return result
    chosen = _as_list(models, layers.Layer, "models")
    excluded = [] if excluded_layers is None else excluded_layers
    excluded = excluded if isinstance(excluded, list) else [excluded]
    for item in excluded:
        if not isinstance(item, layers.Layer) and not (isinstance(item, type) and issubclass(item, layers.Layer)):
            raise TypeError(f"decorate: excluded_layers must hold layers or classes of layers, got {item!r}")
    for model in chosen:
        for layer in model.sublayers(include_self=True):
            if not _excluded(layer, excluded) and not _stays_float32(layer, dtype):
                _to_half(layer, dtype)
        if master_grad:
            for parameter in model.parameters():
                if parameter.dtype.name == dtype and not parameter.stop_gradient:
                    parameter.register_hook(_in_float32)
    if optimizers is not None:
        for optimizer in _as_list(optimizers, Optimizer, "optimizers"):
            optimizer._multi_precision = master_weight is not False
    if save_dtype is not None:
        for model in chosen:
            for layer in model.sublayers(include_self=True):
                layer.register_state_dict_hook(_SaveAs(save_dtype))
    return result


amp_decorate = decorate


def _in_float32(gradient: Any) -> Any:
    """A gradient hook: sums of gradients are kept in float32."""
    return dispatch.call(E.cast, gradient, in_dtype=gradient.dtype.proto, out_dtype=dtypes.float32.proto)


def _stays_float32(layer: Any, dtype: str) -> bool:
    names = {c.__name__ for c in type(layer).__mro__ if c.__module__ == norm_layers.__name__}
    if names & {"_BatchNormBase", "BatchNorm", "BatchNorm1D", "BatchNorm2D", "BatchNorm3D", "SyncBatchNorm"}:
        return True
    others = {"LayerNorm", "InstanceNorm1D", "InstanceNorm2D", "InstanceNorm3D"}
    return dtype == "float16" and bool(names & others)


def _to_half(layer: Any, dtype: str) -> None:
    layer._convert(dtypes.as_dtype(dtype), None, floating_only=True)
    layer.__dict__["_dtype"] = dtype


class _SaveAs:
    """A state-dict hook: floating entries in another type, under their own names."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtypes.as_dtype(dtype)

    def __call__(self, state: dict[str, Any]) -> None:
        for key, t in state.items():
            if t.dtype.is_floating and t.dtype is not self.dtype:
                made = dispatch.call(E.cast, t.detach(), in_dtype=t.dtype.proto, out_dtype=self.dtype.proto)
                made.name = t.name
                state[key] = made


def _supported(dtype: str, device: Any) -> bool:
    place = backend.current_place() if device is None else backend.parse(device)
    return _usable(dtype, place) == ""


def is_float16_supported(device: Any = None) -> bool:
    """Whether `auto_cast` uses float16 on a device (default: the current one)."""
    return _supported("float16", device)


def is_bfloat16_supported(device: Any = None) -> bool:
    """Whether `auto_cast` uses bfloat16 on a device (default: the current one)."""
    return _supported("bfloat16", device)
