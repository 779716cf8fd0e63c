"""Rows for the operators of `ops/fft.py`. Gradients of complex values are tested in tests/tensor/test_fft.py."""
from __future__ import annotations

import numpy as np

from tests.ops.caselib import Array, case, each, flat, normal


def spectrum(*shape: int) -> Array:
    return Array(lambda g: g.standard_normal(shape) + 1j * g.standard_normal(shape))


def frames(x, size, hop):
    return np.stack([x[..., i : i + size] for i in range(0, x.shape[-1] - size + 1, hop)], -1)


DIRECTIONS = {"normalization": each("backward", "ortho", "forward"), "forward": each(True, False)}

CASES = flat(
    case("fft_c2c", spectrum(3, 4, 5), axes=each([2], [0, 1], [0, 1, 2]), grad=False, **DIRECTIONS),
    case("fft_c2c", spectrum(3, 4), axes=[1], normalization="backward", forward=True, grad=False, name="fft", expect=np.fft.fft),
    case("fft_c2c", spectrum(3, 4), axes=[1], normalization="backward", forward=False, grad=False, name="ifft", expect=np.fft.ifft),
    case("fft_r2c", normal(3, 4, 5), axes=each([2], [0, 1]), onesided=each(True, False), grad=False, **DIRECTIONS),
    case("fft_r2c", normal(3, 5), axes=[1], normalization="ortho", forward=True, onesided=True, grad=False, name="rfft",
         expect=lambda x: np.fft.rfft(x, norm="ortho")),
    case("fft_c2r", spectrum(3, 4, 5), axes=each([2], [0, 1]), grad=False, **DIRECTIONS),
    case("fft_c2r", spectrum(3, 4), axes=[1], normalization="backward", forward=False, last_dim_size=7, grad=False, name="irfft",
         expect=lambda x: np.fft.irfft(x, 7)),
    case("fft_c2r", spectrum(3, 4), axes=[1], normalization="backward", forward=True, last_dim_size=6, grad=False, name="hfft",
         expect=lambda x: np.fft.hfft(x, 6)),
    case("frame", normal(2, 11), frame_length=4, hop_length=each(1, 3), axis=-1),
    case("frame", normal(2, 11), frame_length=4, hop_length=3, name="values", expect=lambda x: frames(x, 4, 3)),
    case("frame", normal(11, 2), frame_length=5, hop_length=2, axis=0, expect=lambda x: frames(x.T, 5, 2).transpose(2, 1, 0)),
    case("frame", normal(9), frame_length=9, hop_length=2, axis=each(0, -1)),
    case("overlap_add", normal(2, 4, 3), hop_length=each(1, 2, 4), axis=-1),
    case("overlap_add", normal(3, 4, 2), hop_length=2, axis=0),
    case("overlap_add", normal(4, 3), hop_length=3, name="values",
         expect=lambda x: sum(np.pad(x[:, i], (3 * i, 6 - 3 * i)) for i in range(3))),
)  # fmt: skip
