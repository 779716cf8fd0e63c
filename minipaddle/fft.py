"""``paddle.fft``: discrete Fourier transforms.

Everywhere: `n` or `s` is the length (per axis) to which the input is cut or padded with zeros; norm says where the sum is divided by the
number of elements N: "backward" in the inverse, "forward" in the forward transform, "ortho" by sqrt(N) in both. Integers become the
default floating type. ValueError for a length that is not positive, an axis out of range or an unknown norm.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import dtypes
from .core.dispatch import call
from .core.recorder import spec_of
from .nn.functional import pad
from .ops import fft as O
from .tensor.creation import to_tensor
from .tensor.manipulation import roll, slice
from .tensor.math import cast

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "hfft2", "hfftn", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft", "ihfft2",
    "ihfftn", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip

Size = Sequence[int] | None
Axes = Sequence[int] | None


def _real(x: Any) -> Any:
    """`x`, integers as floats."""
    return x if x.dtype.is_floating or x.dtype.is_complex else cast(x, dtypes.default_dtype())


def _complex(x: Any) -> Any:
    if x.dtype.is_complex:
        return x
    x = _real(x)
    return cast(x, "complex128" if x.dtype is dtypes.float64 else "complex64")


def _resized(x: Any, sizes: Sequence[int], axes: Sequence[int]) -> Any:
    """`x` cut or padded with zeros at the end of `axes`."""
    for size, axis in zip(sizes, axes, strict=True):
        shape = list(spec_of(x).shape)
        length = shape[axis]
        if length < size:  # an unknown one is -1
            widths = [0] * (2 * len(shape))
            widths[2 * axis + 1] = size - max(length, 0)
            x = pad(x, widths)
        if length > size or length == -1:
            x = slice(x, [axis], [0], [size])
    return x


def _checked(x: Any, s: Any, axes: Any, norm: str, single: bool) -> tuple[list[int] | None, list[int]]:
    """Sizes (or None) and non-negative axes in the order in which they are transformed: the last one given stays last."""
    if norm not in ("forward", "backward", "ortho"):
        raise ValueError(f"Unexpected norm: {norm}. Norm should be forward, backward or ortho")
    ndim = spec_of(x).ndim
    for what, values in (("n" if single else "s", s), ("axis" if single else "axes", axes)):
        if values is None:
            continue
        if not isinstance(values, Sequence) or isinstance(values, str) or any(not isinstance(v, int) for v in values):
            raise ValueError(f"fft: {what} must be {'an integer' if single else 'a sequence of integers'}, got {values}")
        if len(values) > ndim:
            raise ValueError(f"fft: {what} = {values} names more axes than the {ndim} of the input")
    if s is not None and any(n <= 0 for n in s):
        raise ValueError(f"fft: lengths must be positive, got {list(s)}")
    if axes is None:
        return (None if s is None else list(s)), list(range(0 if s is None else ndim - len(s), ndim))
    if any(not -ndim <= a < ndim for a in axes):
        raise ValueError(f"fft: axes {list(axes)} are out of range for {ndim} dimensions")
    if s is not None and len(s) != len(axes):
        raise ValueError(f"fft: s has {len(s)} entries but axes has {len(axes)}")
    return (None if s is None else list(s)), [a % ndim for a in axes]


def _c2c(x: Any, s: Any, axes: Any, norm: str, forward: bool, single: bool = False) -> Any:
    sizes, axes = _checked(x, s, axes, norm, single)
    x = _complex(x)
    if sizes is not None:
        x = _resized(x, sizes, axes)
    return call(O.fft_c2c, x, axes=sorted(axes), normalization=norm, forward=forward)


def _r2c(x: Any, s: Any, axes: Any, norm: str, forward: bool, single: bool = False) -> Any:
    sizes, axes = _checked(x, s, axes, norm, single)
    x = _real(x)
    if sizes is not None:
        x = _resized(x, sizes, axes)
    return call(O.fft_r2c, x, axes=[*sorted(axes[:-1]), axes[-1]], normalization=norm, forward=forward, onesided=True)


def _c2r(x: Any, s: Any, axes: Any, norm: str, forward: bool, single: bool = False) -> Any:
    sizes, axes = _checked(x, s, axes, norm, single)
    x = _complex(x)
    more = {}
    if sizes is not None:
        x = _resized(x, [*sizes[:-1], sizes[-1] // 2 + 1], axes)
        more = {"last_dim_size": sizes[-1]}
    return call(O.fft_c2r, x, axes=[*sorted(axes[:-1]), axes[-1]], normalization=norm, forward=forward, **more)


def _one(n: Any) -> Any:
    return None if n is None else [n]


def _at(axis: Any) -> list[Any]:
    return [-1 if axis is None else axis]


def _two(x: Any, s: Any, axes: Any) -> None:
    """ValueError unless two axes are meant."""
    ndim = spec_of(x).ndim
    if ndim < 2:
        raise ValueError(f"The rank of the input ({ndim}) should >= 2")
    for what, values in (("s", s), ("axes", axes)):
        if values is not None and (not isinstance(values, Sequence) or len(values) != 2):
            raise ValueError(f"Invalid FFT argument {what} ({values}), it should be a sequence of 2 integers.")


def fft(x: Any, n: int | None = None, axis: int = -1, norm: str = "backward", name: str | None = None) -> Any:
    """The transform along one axis; complex, as long as the input."""
    return _c2c(x, _one(n), _at(axis), norm, True, True)


def ifft(x: Any, n: int | None = None, axis: int = -1, norm: str = "backward", name: str | None = None) -> Any:
    """The inverse of `fft`."""
    return _c2c(x, _one(n), _at(axis), norm, False, True)


def rfft(x: Any, n: int | None = None, axis: int = -1, norm: str = "backward", name: str | None = None) -> Any:
    """The transform of a real signal: the n // 2 + 1 frequencies that are not negative."""
    return _r2c(x, _one(n), _at(axis), norm, True, True)


def irfft(x: Any, n: int | None = None, axis: int = -1, norm: str = "backward", name: str | None = None) -> Any:
    """The inverse of `rfft`: a real signal of n elements, 2 * (m - 1) for m frequencies by default."""
    return _c2r(x, _one(n), _at(axis), norm, False, True)


def hfft(x: Any, n: int | None = None, axis: int = -1, norm: str = "backward", name: str | None = None) -> Any:
    """The transform of a signal with Hermitian symmetry, of which half is given: real."""
    return _c2r(x, _one(n), _at(axis), norm, True, True)


def ihfft(x: Any, n: int | None = None, axis: int = -1, norm: str = "backward", name: str | None = None) -> Any:
    """The inverse of `hfft`."""
    return _r2c(x, _one(n), _at(axis), norm, False, True)


def fftn(x: Any, s: Size = None, axes: Axes = None, norm: str = "backward", name: str | None = None) -> Any:
    """`fft` along several axes (all by default)."""
    return _c2c(x, s, axes, norm, True)


def ifftn(x: Any, s: Size = None, axes: Axes = None, norm: str = "backward", name: str | None = None) -> Any:
    """`ifft` along several axes (all by default)."""
    return _c2c(x, s, axes, norm, False)


def rfftn(x: Any, s: Size = None, axes: Axes = None, norm: str = "backward", name: str | None = None) -> Any:
    """`fft` along several axes of a real tensor; the last of them is cut to half."""
    return _r2c(x, s, axes, norm, True)


def irfftn(x: Any, s: Size = None, axes: Axes = None, norm: str = "backward", name: str | None = None) -> Any:
    """The inverse of `rfftn`."""
    return _c2r(x, s, axes, norm, False)


def hfftn(x: Any, s: Size = None, axes: Axes = None, norm: str = "backward", name: str | None = None) -> Any:
    """`hfft` along several axes."""
    return _c2r(x, s, axes, norm, True)


def ihfftn(x: Any, s: Size = None, axes: Axes = None, norm: str = "backward", name: str | None = None) -> Any:
    """The inverse of `hfftn`."""
    return _r2c(x, s, axes, norm, False)


def fft2(x: Any, s: Size = None, axes: Axes = (-2, -1), norm: str = "backward", name: str | None = None) -> Any:
    """`fftn` along two axes."""
    _two(x, s, axes)
    return fftn(x, s, axes, norm)


def ifft2(x: Any, s: Size = None, axes: Axes = (-2, -1), norm: str = "backward", name: str | None = None) -> Any:
    """`ifftn` along two axes."""
    _two(x, s, axes)
    return ifftn(x, s, axes, norm)


def rfft2(x: Any, s: Size = None, axes: Axes = (-2, -1), norm: str = "backward", name: str | None = None) -> Any:
    """`rfftn` along two axes."""
    _two(x, s, axes)
    return rfftn(x, s, axes, norm)


def irfft2(x: Any, s: Size = None, axes: Axes = (-2, -1), norm: str = "backward", name: str | None = None) -> Any:
    """`irfftn` along two axes."""
    _two(x, s, axes)
    return irfftn(x, s, axes, norm)


def hfft2(x: Any, s: Size = None, axes: Axes = (-2, -1), norm: str = "backward", name: str | None = None) -> Any:
    """`hfftn` along two axes."""
    _two(x, s, axes)
    return hfftn(x, s, axes, norm)


def ihfft2(x: Any, s: Size = None, axes: Axes = (-2, -1), norm: str = "backward", name: str | None = None) -> Any:
    """`ihfftn` along two axes."""
    _two(x, s, axes)
    return ihfftn(x, s, axes, norm)


def fftfreq(n: int, d: float = 1.0, dtype: Any = None, name: str | None = None) -> Any:
    """The frequencies of `fft` of n samples at distance `d`."""
    return _frequencies(np.fft.fftfreq, n, d, dtype)


def rfftfreq(n: int, d: float = 1.0, dtype: Any = None, name: str | None = None) -> Any:
    """The frequencies of `rfft` of n samples at distance `d`."""
    return _frequencies(np.fft.rfftfreq, n, d, dtype)


def _frequencies(function: Any, n: int, d: float, dtype: Any) -> Any:
    if d * n == 0:
        raise ValueError("d or n should not be 0.")
    return to_tensor(function(n, d), dtype=dtypes.default_dtype() if dtype is None else dtype)


def fftshift(x: Any, axes: Any = None, name: str | None = None) -> Any:
    """Frequency 0 moved to the middle of `axes` (all by default)."""
    return _shifted(x, axes, lambda n: n // 2)


def ifftshift(x: Any, axes: Any = None, name: str | None = None) -> Any:
    """The inverse of `fftshift`."""
    return _shifted(x, axes, lambda n: -(n // 2))


def _shifted(x: Any, axes: Any, by: Any) -> Any:
    shape = spec_of(x).shape
    at = list(range(len(shape))) if axes is None else [axes] if isinstance(axes, int) else list(axes)
    if any(shape[a] == -1 for a in at):
        raise ValueError(f"fftshift: the axes {at} of shape {list(shape)} must have known lengths")
    return roll(x, [by(shape[a]) for a in at], at)
