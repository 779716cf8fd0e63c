"""Transforms of arrays [H, W] or [H, W, C], colours in the order red, green, blue. Results keep the dtype of the image.

Written with NumPy alone. Where Paddle calls OpenCV the formulas are OpenCV's (half-pixel centres, bicubic with a = -0.75); rounding of
uint8 may differ by one. Rotations and affine maps use the same geometry as for Pillow images.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .arguments import affine_matrix, borders, check_hue, expanded, perspective_coefficients, resized, rotation_matrix

__all__: list[str] = []

Array = np.ndarray[Any, Any]
GRAY = np.array([0.299, 0.587, 0.114])  # ITU-R 601


def _like(values: Array, dtype: Any) -> Array:
    """Floating results as `dtype`: rounded and cut off for integers."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
    return values.astype(dtype)


def _cubic(t: Array) -> Array:
    a, t = -0.75, np.abs(t)
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = a * (((t - 5) * t + 8) * t - 4)
    return np.where(t <= 1, near, np.where(t < 2, far, 0.0))


def _lanczos(t: Array) -> Array:
    return np.where(np.abs(t) < 4, np.sinc(t) * np.sinc(t / 4), 0.0)


def _linear(t: Array) -> Array:
    return np.maximum(0.0, 1 - np.abs(t))


_KERNELS: dict[str, tuple[Callable[[Array], Array], int]] = {
    "bilinear": (_linear, 1), "bicubic": (_cubic, 2), "lanczos": (_lanczos, 4),
}  # fmt: skip


def _unknown(interpolation: str) -> Exception:
    return KeyError(f"interpolation {interpolation!r} is unknown for arrays; there are nearest, area, {', '.join(_KERNELS)}")


def _resize_matrix(n: int, m: int, interpolation: str) -> Array:
    """[m, n]: the weights of n old samples in m new ones."""
    scale = n / m
    weights = np.zeros((m, n))
    if interpolation == "nearest":
        weights[np.arange(m), np.minimum((np.arange(m) * scale).astype(int), n - 1)] = 1
        return weights
    if interpolation == "area" and m <= n:
        left = np.arange(m)[:, None] * scale
        cells = np.arange(n)[None, :]
        overlap = np.minimum(left + scale, cells + 1) - np.maximum(left, cells)
        return np.maximum(overlap, 0) / scale
    kernel, reach = _KERNELS["bilinear" if interpolation == "area" else interpolation]
    at = (np.arange(m) + 0.5) * scale - 0.5
    first = np.floor(at).astype(int) - reach + 1
    taps = first[:, None] + np.arange(2 * reach)[None, :]
    w = kernel(at[:, None] - taps)
    w /= w.sum(axis=1, keepdims=True)
    np.add.at(weights, (np.arange(m)[:, None], np.clip(taps, 0, n - 1)), w)
    return weights


def resize(img: Array, size: Any, interpolation: str) -> Array:
    h, w = img.shape[:2]
    new_h, new_w = resized(size, w, h)
    if (new_h, new_w) == (h, w):
        return img
    if interpolation == "nearest":
        rows = np.minimum((np.arange(new_h) * (h / new_h)).astype(int), h - 1)
        columns = np.minimum((np.arange(new_w) * (w / new_w)).astype(int), w - 1)
        return img[rows][:, columns]
    if interpolation not in ("area", *_KERNELS):
        raise _unknown(interpolation)
    wide = np.float64 if img.dtype == np.float64 else np.float32
    across: Any = _resize_matrix(w, new_w, interpolation).astype(wide)
    down: Any = _resize_matrix(h, new_h, interpolation).astype(wide)
    values: Any = np.moveaxis(img.astype(wide), (0, 1), (-2, -1))  # (C,) H W
    return _like(np.moveaxis(down @ values @ across.T, (-2, -1), (0, 1)), img.dtype)


def pad(img: Array, padding: Any, fill: Any, padding_mode: str) -> Array:
    left, top, right, bottom = borders(padding, fill, padding_mode)
    widths = ((top, bottom), (left, right), (0, 0))[: img.ndim]
    if padding_mode != "constant":
        return np.pad(img, widths, padding_mode)  # type: ignore[call-overload]
    made = np.empty([n + sum(w) for n, w in zip(img.shape, widths, strict=True)], img.dtype)
    made[...] = _fill(img, fill)
    made[top : top + img.shape[0], left : left + img.shape[1]] = img
    return made


def _fill(img: Array, fill: Any) -> Any:
    """Broadcast against [..., C]."""
    if isinstance(fill, (list, tuple)) and img.ndim == 2:
        return fill[0]
    return np.asarray(fill)


def crop(img: Array, top: int, left: int, height: int, width: int) -> Array:
    return img[top : top + height, left : left + width]


def hflip(img: Array) -> Array:
    return np.ascontiguousarray(img[:, ::-1])


def vflip(img: Array) -> Array:
    return np.ascontiguousarray(img[::-1])


def _table(img: Array, values: Array) -> Array:
    return np.clip(values, 0, 255).astype(np.uint8)[img.astype(np.uint8)]


def adjust_brightness(img: Array, factor: float) -> Array:
    return _table(img, np.arange(256) * factor)


def adjust_contrast(img: Array, factor: float) -> Array:
    return _table(img, (np.arange(256) - 74) * factor + 74)  # 74: the mean Paddle assumes


def _gray(img: Array) -> Array:
    """[H, W, 1], floating."""
    if img.ndim == 2 or img.shape[2] == 1:
        return img.reshape(*img.shape[:2], 1).astype(np.float64)
    return (img[..., :3] @ GRAY)[..., None]


def adjust_saturation(img: Array, factor: float) -> Array:
    if img.ndim == 2 or img.shape[2] == 1:
        return img
    mixed = img * float(factor) + _gray(img) * (1 - float(factor))
    return np.clip(mixed, 0, 255).astype(img.dtype)


def adjust_hue(img: Array, factor: float) -> Array:
    check_hue(factor)
    if img.ndim == 2 or img.shape[2] == 1:
        return img
    h, s, v = rgb_to_hsv(img.astype(np.uint8)[..., :3] / 255.0)
    h = (np.rint(h * 255) + int(factor * 255)) % 256 / 255
    return np.rint(hsv_to_rgb(h, s, v) * 255).astype(img.dtype)


def rgb_to_hsv(rgb: Array) -> tuple[Array, Array, Array]:
    """Hue, saturation and value in [0, 1] of colours [..., 3] in [0, 1]."""
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    high, low = rgb.max(axis=-1), rgb.min(axis=-1)
    spread = high - low
    safe = np.where(spread > 0, spread, 1)
    h = np.where(high == r, (g - b) / safe, np.where(high == g, (b - r) / safe + 2, (r - g) / safe + 4))
    return (h / 6) % 1.0, spread / np.where(high > 0, high, 1), high


def hsv_to_rgb(h: Array, s: Array, v: Array) -> Array:
    """The opposite of `rgb_to_hsv`."""
    parts = [v - v * s * np.clip(np.minimum(k, 4 - k), 0, 1) for k in ((n + h * 6) % 6 for n in (5, 3, 1))]
    return np.stack(parts, axis=-1)


def _sample(img: Array, x: Array, y: Array, interpolation: str, fill: Any) -> Array:
    """The image at places (x, y), pixel centres at .5; what lies outside is `fill`."""
    h, w = img.shape[:2]
    filled = np.broadcast_to(_fill(img, fill), img.shape[2:])
    outside = (x < 0) | (x >= w) | (y < 0) | (y >= h)
    if interpolation == "nearest":
        values = img[np.clip(np.floor(y), 0, h - 1).astype(int), np.clip(np.floor(x), 0, w - 1).astype(int)]
        out = values.copy()
    elif interpolation in _KERNELS:
        kernel, reach = _KERNELS[interpolation]
        x, y = x - 0.5, y - 0.5
        x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
        out = np.zeros((*x.shape, *img.shape[2:]))
        for dy in range(1 - reach, reach + 1):
            wy = kernel(y - (y0 + dy))
            row = np.clip(y0 + dy, 0, h - 1)
            for dx in range(1 - reach, reach + 1):
                weight = wy * kernel(x - (x0 + dx))
                out += weight.reshape(weight.shape + (1,) * (img.ndim - 2)) * img[row, np.clip(x0 + dx, 0, w - 1)]
        out = _like(out, img.dtype)
    else:
        raise KeyError(f"interpolation {interpolation!r} is unknown here; there are nearest, {', '.join(_KERNELS)}")
    out[outside] = filled
    return out


def _grid(width: int, height: int) -> tuple[Array, Array]:
    y, x = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
    return x, y


def _affine_map(img: Array, m: Any, width: int, height: int, interpolation: str, fill: Any) -> Array:
    x, y = _grid(width, height)
    return _sample(img, m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5], interpolation, fill)


def affine(img: Array, angle: float, translate: Any, scale: float, shear: Any, interpolation: str, fill: Any, center: Any) -> Array:
    h, w = img.shape[:2]
    matrix = affine_matrix((w * 0.5, h * 0.5) if center is None else center, angle, translate, scale, shear)
    return _affine_map(img, matrix, w, h, interpolation, fill)


def rotate(img: Array, angle: float, interpolation: str, expand: bool, center: Any, fill: Any) -> Array:
    h, w = img.shape[:2]
    m = rotation_matrix(angle, (w * 0.5, h * 0.5) if center is None else center)
    width, height = w, h
    if expand:
        m, width, height = expanded(m, w, h)
    return _affine_map(img, m, width, height, interpolation, fill)


def perspective(img: Array, startpoints: Any, endpoints: Any, interpolation: str, fill: Any) -> Array:
    h, w = img.shape[:2]
    a, b, c, d, e, f, g, i = perspective_coefficients(startpoints, endpoints)
    x, y = _grid(w, h)
    below = g * x + i * y + 1
    return _sample(img, (a * x + b * y + c) / below, (d * x + e * y + f) / below, interpolation, fill)


def to_grayscale(img: Array, channels: int) -> Array:
    gray = _like(_gray(img), img.dtype)
    return gray if channels == 1 else np.repeat(gray, 3, axis=2)


def normalize(img: Array, mean: Any, std: Any, data_format: str, to_rgb: bool) -> Array:
    shape = (-1, 1, 1) if data_format == "CHW" else (1, 1, -1)
    m, s = (np.asarray(v, dtype=np.float32).reshape(shape) for v in (mean, std))
    if to_rgb:
        img = img[..., ::-1]
    return (img - m) / s


def erase(img: Array, i: int, j: int, h: int, w: int, v: Any, inplace: bool) -> Array:
    made = img if inplace else img.copy()
    made[i : i + h, j : j + w, ...] = v
    return made

