"""``paddle.signal``: short-time Fourier transforms."""
from __future__ import annotations

from typing import Any

from .core.dispatch import call
from .core.recorder import spec_of
from .core.tensor import tensor_method
from .errors import MisusedTensorError, UnsupportedDtypeError
from .nn.functional import pad
from .ops import fft as O
from .tensor.arguments import is_symbolic, is_tensor_like
from .tensor.creation import ones
from .tensor.manipulation import squeeze, tile, transpose, unsqueeze

__all__ = ["istft", "stft"]


def _positive(value: Any, what: str) -> int:
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"{what} must be a positive integer, got {value}")
    return value


def _end(axis: int) -> int:
    if axis not in (0, -1):
        raise ValueError(f"axis must be 0 or -1, got {axis}")
    return axis


def frame(x: Any, frame_length: int, hop_length: int, axis: int = -1, name: str | None = None) -> Any:
    """Overlapping pieces of a signal: [.., length] gives [.., frame_length, frames], or with axis 0 [frames, frame_length, ..]."""
    _positive(frame_length, "frame_length")
    return call(O.frame, x, frame_length=frame_length, hop_length=_positive(hop_length, "hop_length"), axis=_end(axis))


def overlap_add(x: Any, hop_length: int, axis: int = -1, name: str | None = None) -> Any:
    """The signal out of its pieces, added where they overlap; shapes as in `frame`."""
    return call(O.overlap_add, x, hop_length=_positive(hop_length, "hop_length"), axis=_end(axis))


def _demand(condition: bool, message: str) -> None:
    if not condition:
        raise MisusedTensorError(message)


def _window(window: Any, win_length: int, n_fft: int, dtype: Any) -> Any:
    """The window padded on both sides to `n_fft`."""
    if window is None:
        window = ones([win_length], dtype)
    else:
        shape = list(spec_of(window).shape)
        _demand(
            len(shape) == 1 and shape[0] in (-1, win_length),
            f"expected a 1D window tensor of size equal to win_length({win_length}), but got window with shape {shape}.",
        )
    left = (n_fft - win_length) // 2
    return pad(window, [left, n_fft - win_length - left]) if win_length < n_fft else window


def _lengths(n_fft: int, hop_length: int | None, win_length: int | None) -> tuple[int, int]:
    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    _demand(hop > 0, f"hop_length should be > 0, but got {hop}.")
    _demand(0 < win <= n_fft, f"win_length should be in (0, n_fft({n_fft})], but got {win}.")
    return hop, win


@tensor_method("stft")
def stft(
    x: Any, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Any = None, center: bool = True,
    pad_mode: str = "reflect", normalized: bool = False, onesided: bool = True, name: str | None = None,
) -> Any:  # fmt: skip
    """Fourier transforms of windowed pieces of x [length] or [batch, length]: complex [.., frequencies, frames].

    center: x is padded on both sides so that frame t is centred at t * hop_length. onesided: frequencies that are not negative only,
    n_fft // 2 + 1 of them. AssertionError for lengths that do not fit.
    """
    shape = list(spec_of(x).shape)
    _demand(len(shape) in (1, 2), f"x should be a 1D or 2D real tensor, but got rank of x is {len(shape)}")
    hop, win = _lengths(n_fft, hop_length, win_length)
    _demand(0 < n_fft and (shape[-1] == -1 or n_fft <= shape[-1]), f"n_fft should be in (0, seq_length({shape[-1]})], but got {n_fft}.")
    window = _window(window, win, n_fft, "float64" if x.dtype.name in ("float64", "complex128") else "float32")
    signal = unsqueeze(x, 0) if len(shape) == 1 else x
    if center:
        _demand(pad_mode in ("constant", "reflect"), f'pad_mode should be "reflect" or "constant", but got "{pad_mode}".')
        signal = squeeze(pad(unsqueeze(signal, -1), [n_fft // 2, n_fft // 2], mode=pad_mode, data_format="NLC"), -1)
    frames = transpose(frame(signal, n_fft, hop), [0, 2, 1]) * window
    norm = "ortho" if normalized else "backward"
    if frames.dtype.is_complex:
        _demand(not onesided, "onesided should be False when input or window is a complex Tensor.")
        out = call(O.fft_c2c, frames, axes=[2], normalization=norm, forward=True)
    else:
        out = call(O.fft_r2c, frames, axes=[2], normalization=norm, forward=True, onesided=bool(onesided))
    out = transpose(out, [0, 2, 1])
    return squeeze(out, 0) if len(shape) == 1 else out


@tensor_method("istft")
def istft(
    x: Any, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Any = None, center: bool = True,
    normalized: bool = False, onesided: bool = True, length: int | None = None, return_complex: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """The signal of which `stft` gives x, complex [frequencies, frames] or [batch, frequencies, frames], by overlapping and adding.

    length: of the result, otherwise what the frames cover. ValueError where the windows leave a gap, AssertionError for lengths that
    do not fit, TypeError for x that is not complex.
    """
    if not is_tensor_like(x) or not x.dtype.is_complex:
        raise UnsupportedDtypeError(f"istft takes a complex64 or complex128 Tensor, got {getattr(x, 'dtype', type(x))}")
    shape = list(spec_of(x).shape)
    _demand(len(shape) in (2, 3), f"x should be a 2D or 3D complex tensor, but got rank of x is {len(shape)}")
    hop, win = _lengths(n_fft, hop_length, win_length)
    _demand(hop <= win, f"hop_length should be in (0, win_length({win})], but got {hop}.")
    wanted, frames = n_fft // 2 + 1 if onesided else n_fft, shape[-1]
    _demand(shape[-2] in (-1, wanted), f"fft_size should be equal to {wanted} when onesided is {onesided}, but got {shape[-2]}.")
    if frames == -1:
        raise ValueError("istft: the number of frames must be known while a Program is recorded")
    window = _window(window, win, n_fft, "float64" if x.dtype.name == "complex128" else "float32")
    spectrum = transpose(unsqueeze(x, 0) if len(shape) == 2 else x, [0, 2, 1])
    norm = "ortho" if normalized else "backward"
    if return_complex:
        _demand(not onesided, "onesided should be False when input(output of istft) or window is a complex Tensor.")
        out = call(O.fft_c2c, spectrum, axes=[2], normalization=norm, forward=False)
    else:
        _demand(not window.dtype.is_complex, "Data type of window should not be complex when return_complex is False.")
        half = spectrum if onesided else spectrum[:, :, : n_fft // 2 + 1]
        out = call(O.fft_c2r, half, axes=[2], normalization=norm, forward=False, last_dim_size=n_fft if n_fft % 2 else 0)
    out = overlap_add(transpose(out * window, [0, 2, 1]), hop)
    envelope = overlap_add(transpose(tile(unsqueeze(window * window, 0), [frames, 1]), [1, 0]), hop)
    start = n_fft // 2 if center else 0
    if length is not None:
        stop: int | None = start + length
    else:
        stop = -start if start else None
    out, envelope = out[:, start:stop], envelope[start:stop]
    if not is_symbolic(envelope) and float(envelope.abs().min()) < 1e-11:
        raise ValueError("istft: the windows leave a gap (the NOLA condition fails); take a smaller hop_length or another window")
    out = out / envelope
    return squeeze(out, 0) if len(shape) == 2 else out
