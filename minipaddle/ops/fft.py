"""Discrete Fourier transforms, and frames of signals.

The transforms are linear: each gradient is a transform in the other direction with the same factor.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import UnsupportedDtypeError
from .registry import Long, Longs, Spec, op
from .shapes import axis_of

__all__: list[str] = []

_COMPLEX = {"float16": np.complex64, "float32": np.complex64, "float64": np.complex128}
_REAL = {"complex64": np.float32, "complex128": np.float64}


def _factor(normalization: str, forward: bool, count: int) -> float:
    """What a sum over `count` elements is multiplied by."""
    if normalization == "ortho":
        return 1.0 / math.sqrt(count)
    if normalization not in ("backward", "forward"):
        raise ValueError(f"normalization = {normalization!r}; expected 'backward', 'ortho' or 'forward'")
    return 1.0 / count if forward is (normalization == "forward") else 1.0


def _opposite(normalization: str) -> str:
    """The normalization under which the other direction has the factor of this one."""
    return {"backward": "forward", "forward": "backward"}.get(normalization, normalization)


def _axes(x: Any, axes: Sequence[int]) -> list[int]:
    return [axis_of(int(a), x.ndim) for a in axes]


def _count(shape: Sequence[int], axes: Sequence[int]) -> int:
    return math.prod([shape[a] for a in axes])


def _same_complex(x: Spec, **_: Any) -> Spec:
    return x


@op("fft_c2c", "X -> Out", infer=_same_complex, grad="Out@GRAD -> X@GRAD")
def fft_c2c(xp, x, *, axes: Longs, normalization: str, forward: bool):
    if x.dtype.kind != "c":
        raise UnsupportedDtypeError(f"takes complex tensors, got {x.dtype}")
    axes = _axes(x, axes)
    count = _count(x.shape, axes)
    factor = _factor(normalization, forward, count)
    if not forward:
        factor *= count  # NumPy has divided by it
    found = xp.fft.fftn(x, axes=axes) if forward else xp.fft.ifftn(x, axes=axes)
    return _scaled(found, factor, x.dtype)


def _scaled(x: Any, factor: float, dtype: Any) -> Any:
    dtype = np.dtype(dtype)
    return (x if factor == 1 else x * factor).astype(dtype, copy=False)


@fft_c2c.backward
def _(xp, d_out, *, axes: Longs, normalization: str, forward: bool):
    return _again(xp, fft_c2c, d_out, axes=axes, normalization=_opposite(normalization), forward=not forward)


def _again(xp: Any, transform: Any, x: Any, **attrs: Any) -> Any:
    """A transform inside of a gradient; recorded while second derivatives are."""
    return xp.recorded(transform.type, x, **attrs) if hasattr(xp, "recorded") else transform(xp, x, **attrs)


def _infer_r2c(x: Spec, *, axes: Sequence[int], onesided: bool, **_: Any) -> Spec:
    shape, last = list(x.shape), axis_of(int(axes[-1]), x.ndim)
    if onesided and shape[last] != -1:
        shape[last] = shape[last] // 2 + 1
    if x.dtype.name not in _COMPLEX:
        raise UnsupportedDtypeError(f"takes real floating tensors, got {x.dtype}")
    return Spec(shape, np.dtype(_COMPLEX[x.dtype.name]))


@op("fft_r2c", "X -> Out", infer=_infer_r2c, grad="X#, Out@GRAD -> X@GRAD")
def fft_r2c(xp, x, *, axes: Longs, normalization: str, forward: bool, onesided: bool):
    kind = _infer_r2c(x, axes=axes, onesided=onesided).dtype
    axes = _axes(x, axes)
    factor = _factor(normalization, forward, _count(x.shape, axes))
    if onesided:
        found = xp.fft.rfftn(x.astype(np.float32) if x.dtype.itemsize == 2 else x, axes=axes)
    else:
        found = xp.fft.fftn(x.astype(kind), axes=axes)
    # the other direction of a real signal is the conjugate
    return _scaled(found if forward else found.conj(), factor, kind)


@fft_r2c.backward
def _(xp, x, d_out, *, axes: Longs, normalization: str, forward: bool, onesided: bool):
    last = axis_of(int(axes[-1]), len(x.shape))
    if onesided and x.shape[last] > d_out.shape[last]:
        shape = list(d_out.shape)
        shape[last] = x.shape[last] - d_out.shape[last]
        d_out = xp.concatenate([d_out, xp.zeros(shape, d_out.dtype)], axis=last)
    back = _again(xp, fft_c2c, d_out, axes=axes, normalization=_opposite(normalization), forward=not forward)
    return back.real.astype(x.dtype)


def _infer_c2r(x: Spec, *, axes: Sequence[int], last_dim_size: int = 0, **_: Any) -> Spec:
    shape, last = list(x.shape), axis_of(int(axes[-1]), x.ndim)
    if last_dim_size > 0:
        if shape[last] not in (-1, last_dim_size // 2 + 1):
            raise ValueError(
                f"a real signal of {last_dim_size} elements has {last_dim_size // 2 + 1} frequencies, but dimension {last} of the input "
                f"is {shape[last]}"
            )
        shape[last] = last_dim_size
    elif shape[last] != -1:
        shape[last] = 2 * (shape[last] - 1)
        if shape[last] < 1:
            raise ValueError(f"the real signal would have {shape[last]} elements; give n")
    if x.dtype.name not in _REAL:
        raise UnsupportedDtypeError(f"takes complex tensors, got {x.dtype}")
    return Spec(shape, np.dtype(_REAL[x.dtype.name]))


@op("fft_c2r", "X -> Out", infer=_infer_c2r, grad="Out@GRAD -> X@GRAD")
def fft_c2r(xp, x, *, axes: Longs, normalization: str, forward: bool, last_dim_size: Long = 0):
    made = _infer_c2r(x, axes=axes, last_dim_size=last_dim_size)
    axes = _axes(x, axes)
    sizes = [made.shape[a] for a in axes]
    count = math.prod(sizes)
    found = xp.fft.irfftn(x.conj() if forward else x, s=sizes, axes=axes)
    return _scaled(found, _factor(normalization, forward, count) * count, made.dtype)


@fft_c2r.backward
def _(xp, d_out, *, axes: Longs, normalization: str, forward: bool):
    # all frequencies but 0 and the highest one of an even number stand for two of the whole spectrum
    back = _again(xp, fft_r2c, d_out, axes=axes, normalization=_opposite(normalization), forward=not forward, onesided=True)
    last = axis_of(int(axes[-1]), len(d_out.shape))
    weight = np.full(back.shape[last], 2.0, d_out.dtype)
    weight[0] = 1
    if d_out.shape[last] % 2 == 0:
        weight[-1] = 1
    return back * xp.asarray(weight.reshape([-1 if i == last else 1 for i in range(len(d_out.shape))]))


# --- frames


def _frames(length: int, frame_length: int, hop_length: int) -> int:
    return 1 + (length - frame_length) // hop_length


def _infer_frame(x: Spec, *, frame_length: int, hop_length: int, axis: int = -1) -> Spec:
    if axis not in (0, -1):
        raise ValueError(f"axis must be 0 or -1, got {axis}")
    if not x.shape:
        raise ValueError("the input needs at least one dimension")
    length = x.shape[axis]
    if length != -1 and frame_length > length:
        raise ValueError(f"frame_length = {frame_length} is longer than the sequence of {length}")
    count = -1 if length == -1 else _frames(length, frame_length, hop_length)
    return Spec((*x.shape[:-1], frame_length, count) if axis == -1 else (count, frame_length, *x.shape[1:]), x.dtype)


@op("frame", "X -> Out", infer=_infer_frame, grad="X#, Out@GRAD -> X@GRAD")
def frame(xp, x, *, frame_length: int, hop_length: int, axis: int = -1):
    count = _infer_frame(x, frame_length=frame_length, hop_length=hop_length, axis=axis).shape[axis]
    places = np.arange(count)[:, None] * hop_length + np.arange(frame_length)
    return xp.take(x, xp.asarray(places.T if axis == -1 else places), axis=axis)


@frame.backward
def _(xp, x, d_out, *, hop_length: int, axis: int = -1):
    back = _again(xp, overlap_add, d_out, hop_length=hop_length, axis=axis)
    rest = x.shape[axis] - back.shape[axis]  # elements behind the last frame
    if not rest:
        return back
    shape = list(x.shape)
    shape[axis] = rest
    return xp.concatenate([back, xp.zeros(shape, back.dtype)], axis=axis % len(shape))


def _infer_overlap_add(x: Spec, *, hop_length: int, axis: int = -1) -> Spec:
    if axis not in (0, -1):
        raise ValueError(f"axis must be 0 or -1, got {axis}")
    if x.ndim < 2:
        raise ValueError(f"the input needs at least two dimensions, got shape {list(x.shape)}")
    size, count = x.shape[-2:] if axis == -1 else x.shape[1::-1]
    if size != -1 and hop_length > size:
        raise ValueError(f"hop_length = {hop_length} is larger than the frame length {size}")
    length = -1 if -1 in (size, count) else (count - 1) * hop_length + size
    return Spec((*x.shape[:-2], length) if axis == -1 else (length, *x.shape[2:]), x.dtype)


@op("overlap_add", "X -> Out", infer=_infer_overlap_add, grad="X#, Out@GRAD -> X@GRAD")
def overlap_add(xp, x, *, hop_length: int, axis: int = -1):
    out = xp.zeros(_infer_overlap_add(x, hop_length=hop_length, axis=axis).shape, x.dtype)
    size, count = x.shape[-2:] if axis == -1 else x.shape[1::-1]
    for i in range(count):
        if axis == -1:
            out[..., i * hop_length : i * hop_length + size] += x[..., i]
        else:
            out[i * hop_length : i * hop_length + size] += x[i]
    return out


@overlap_add.backward
def _(xp, x, d_out, *, hop_length: int, axis: int = -1):
    size = x.shape[-2] if axis == -1 else x.shape[1]
    return _again(xp, frame, d_out, frame_length=int(size), hop_length=hop_length, axis=axis)
