"""Operators of models that were quantised: numbers on a grid of integers, and back. Running models only; no calibration."""

from __future__ import annotations

from typing import Any

from ..errors import NotSupportedError
from .elementwise import const
from .registry import Spec, op
from .shapes import same_as

__all__: list[str] = []


def _per_channel(x: Any, scale: Any, axis: int) -> Any:
    """The scale as an array that broadcasts against x: one number, or one for each entry of an axis."""
    if axis < 0 or scale.size == 1:
        return scale.reshape(())
    if scale.size != x.shape[axis]:
        raise ValueError(f"Scale holds {scale.size} numbers, but axis {axis} of X has {x.shape[axis]} entries")
    return scale.reshape([-1 if i == axis else 1 for i in range(x.ndim)])


def _largest(bit_length: int) -> int:
    return (1 << (bit_length - 1)) - 1


def _on_grid(xp: Any, x: Any, scale: Any, bit_length: int, round_type: int) -> Any:
    """Whole numbers from -2^(bits-1) to 2^(bits-1) - 1; the scale is what the largest stands for."""
    largest = _largest(bit_length)
    steps = x * (const(x, largest) / scale)
    if round_type == 0:  # to the nearest, halves to even
        return xp.clip(xp.round(steps), const(x, -largest - 1), const(x, largest))
    steps = xp.clip(x, -scale, scale) * (const(x, largest) / scale)
    return xp.sign(steps) * xp.floor(xp.abs(steps) + const(x, 0.5))  # halves away from zero


def _only_running(type: str, is_test: bool) -> None:
    if not is_test:
        raise NotSupportedError(f"{type} with is_test=False: training with simulated quantisation is not supported; call eval()")


@op("quantize_linear", "X, Scale, ZeroPoint?, InAccum?, InState? -> Y", infer=same_as(0))
def quantize_linear(
    xp, x, scale, zero_point=None, accum=None, state=None, *, quant_axis: int = 0, bit_length: int = 8, round_type: int = 0,
    is_test: bool = True, only_observer: bool = False,
):  # fmt: skip
    _only_running("quantize_linear", is_test)
    if only_observer:
        return x
    return _on_grid(xp, x, _per_channel(x, scale.astype(x.dtype), quant_axis), bit_length, round_type)


def _infer_dequantize(x: Spec, scale: Spec, *_: Any, only_observer: bool = False, **__: Any) -> Spec:
    return Spec(x.shape, x.dtype if only_observer else scale.dtype)


@op("dequantize_linear", "X, Scale, ZeroPoint?, InAccum?, InState? -> Y", infer=_infer_dequantize)
def dequantize_linear(
    xp, x, scale, zero_point=None, accum=None, state=None, *, quant_axis: int = 0, bit_length: int = 8, round_type: int = 0,
    is_test: bool = True, only_observer: bool = False,
):  # fmt: skip
    if only_observer:
        return x
    return x.astype(scale.dtype) * _per_channel(x, scale, quant_axis) / const(scale, _largest(bit_length))


@op(
    "fake_quantize_dequantize_moving_average_abs_max",
    "X, InScale, InAccum?, InState? -> Out, OutScale",
    infer=lambda x, scale, *_, **__: (Spec(x.shape, x.dtype), Spec((1,), x.dtype)),
)
def fake_quantize_dequantize_moving_average_abs_max(
    xp, x, scale, accum=None, state=None, *, moving_rate: float = 0.9, bit_length: int = 8, round_type: int = 1, is_test: bool = False
):  # fmt: skip
    _only_running("fake_quantize_dequantize_moving_average_abs_max", is_test)
    one = scale.astype(x.dtype).reshape(())
    return _on_grid(xp, x, one, bit_length, round_type) * one / const(x, _largest(bit_length)), scale.astype(x.dtype)


@op(
    "fake_channel_wise_quantize_dequantize_abs_max",
    "X -> Out, OutScale",
    infer=lambda x, *, quant_axis=0, **_: (Spec(x.shape, x.dtype), Spec((x.shape[quant_axis],), x.dtype)),
)
def fake_channel_wise_quantize_dequantize_abs_max(
    xp, x, *, quant_axis: int = 0, bit_length: int = 8, round_type: int = 1
):  # fmt: skip
    scale = xp.abs(x).max(axis=tuple(i for i in range(x.ndim) if i != quant_axis))
    spread = _per_channel(x, scale, quant_axis)
    return _on_grid(xp, x, spread, bit_length, round_type) * spread / const(x, _largest(bit_length)), scale


@op("fake_quantize_dequantize_abs_max", "X -> Out, OutScale", infer=lambda x, **_: (Spec(x.shape, x.dtype), Spec((1,), x.dtype)))
def fake_quantize_dequantize_abs_max(xp, x, *, bit_length: int = 8, round_type: int = 1):
    scale = xp.abs(x).max()
    return _on_grid(xp, x, scale, bit_length, round_type) * scale / const(x, _largest(bit_length)), xp.reshape(scale, (1,))
