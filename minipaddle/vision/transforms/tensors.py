"""Transforms of Tensors [C, H, W] (some also [N, C, H, W]), through operators: they can be traced and differentiated."""
from __future__ import annotations

from typing import Any

import numpy as np

from ...nn import functional as F
from ...tensor import creation, logic, manipulation, math, search, stat
from .arguments import (
    affine_matrix,
    borders,
    check_hue,
    expanded,
    perspective_coefficients,
    resized,
    rotation_matrix,
)

__all__: list[str] = []

GRAY = (0.2989, 0.587, 0.114)


def check(img: Any) -> None:
    """RuntimeError unless it has three or four dimensions."""
    if len(img.shape) not in (3, 4):
        raise RuntimeError(f"a Tensor image must have the shape [C, H, W] or [N, C, H, W], got {list(img.shape)}")


def _channels(img: Any) -> int:
    check(img)
    if img.shape[-3] not in (1, 3):
        raise ValueError(f"channels of input should be either 1 or 3, got {img.shape[-3]} in the shape {list(img.shape)}")
    return int(img.shape[-3])


def _constant(values: Any, like: Any) -> Any:
    dtype = like.dtype if like.dtype.is_floating else "float32"
    return creation.to_tensor(np.asarray(values, dtype="float64"), dtype=dtype)


def _cast(img: Any, dtype: Any) -> Any:
    return img if img.dtype is dtype else math.cast(img, dtype)


def resize(img: Any, size: Any, interpolation: str) -> Any:
    check(img)
    h, w = (int(n) for n in img.shape[-2:])
    if w <= 0 or h <= 0:
        raise NotImplementedError(f"resize needs to know height and width, got the shape {list(img.shape)}")
    new = resized(size, w, h)
    if isinstance(size, int) and new == (h, w):
        return img
    whole = manipulation.unsqueeze(img, 0) if len(img.shape) == 3 else img
    made = F.interpolate(whole, size=list(new), mode=interpolation.lower(), data_format="NCHW")
    return manipulation.squeeze(made, 0) if len(img.shape) == 3 else made


def pad(img: Any, padding: Any, fill: Any, padding_mode: str) -> Any:
    check(img)
    left, top, right, bottom = borders(padding, fill, padding_mode)
    if padding_mode == "symmetric":
        raise ValueError("padding_mode 'symmetric' is not supported for Tensors; use constant, edge or reflect")
    mode = {"edge": "replicate"}.get(padding_mode, padding_mode)
    whole = manipulation.unsqueeze(img, 0) if len(img.shape) == 3 else img
    made = F.pad(whole, [left, right, top, bottom], mode=mode, value=float(fill), data_format="NCHW")
    return manipulation.squeeze(made, 0) if len(img.shape) == 3 else made


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    check(img)
    return img[..., top : top + height, left : left + width]


def hflip(img: Any) -> Any:
    check(img)
    return manipulation.flip(img, axis=[-1])


def vflip(img: Any) -> Any:
    check(img)
    return manipulation.flip(img, axis=[-2])


def _blend(img: Any, other: Any, ratio: float) -> Any:
    """ratio * img + (1 - ratio) * other, kept in the range of images, in the dtype of `img`."""
    high = 1.0 if img.dtype.is_floating else 255.0
    target = img.dtype if img.dtype.is_floating else "float32"
    mixed = math.cast(img, target) * float(ratio) + math.cast(other, target) * (1.0 - float(ratio))
    return math.cast(math.clip(mixed, 0, high), img.dtype)


def adjust_brightness(img: Any, factor: float) -> Any:
    assert factor >= 0, f"brightness_factor should be non-negative, got {factor}"
    _channels(img)
    return _blend(img, creation.zeros_like(img), factor)


def adjust_contrast(img: Any, factor: float) -> Any:
    assert factor >= 0, f"contrast_factor should be non-negative, got {factor}"
    gray = img if _channels(img) == 1 else to_grayscale(img, 1)
    target = img.dtype if img.dtype.is_floating else "float32"
    return _blend(img, stat.mean(math.cast(gray, target), axis=[-3, -2, -1], keepdim=True), factor)


def adjust_saturation(img: Any, factor: float) -> Any:
    assert factor >= 0, f"saturation_factor should be non-negative, got {factor}"
    return img if _channels(img) == 1 else _blend(img, to_grayscale(img, 1), factor)


def adjust_hue(img: Any, factor: float) -> Any:
    check_hue(factor, AssertionError)
    if _channels(img) == 1:
        return img
    scale = 1.0 if img.dtype.is_floating else 255.0
    rgb = img if img.dtype.is_floating else math.cast(img, "float32") / scale
    r, g, b = manipulation.unbind(rgb, axis=-3)
    high, low = math.maximum(math.maximum(r, g), b), math.minimum(math.minimum(r, g), b)
    spread = high - low
    flat = logic.equal(high, low)
    one = creation.ones_like(high)
    safe = search.where(flat, one, spread)
    s = spread / search.where(flat, one, high)
    h = search.where(
        logic.equal(high, r), (g - b) / safe, search.where(logic.equal(high, g), (b - r) / safe + 2.0, (r - g) / safe + 4.0)
    )
    h = h / 6.0 + float(factor)
    h = (h - math.floor(h)) * 6.0
    parts = []
    for n in (5.0, 3.0, 1.0):
        k = math.remainder(h + n, 6.0 * one)
        parts.append(high - high * s * math.clip(math.minimum(k, 4.0 - k), 0.0, 1.0))
    made = manipulation.stack(parts, axis=-3)
    return made if img.dtype.is_floating else math.cast(made * scale, img.dtype)


def to_grayscale(img: Any, channels: int) -> Any:
    check(img)
    target = img.dtype if img.dtype.is_floating else "float32"
    weights = manipulation.reshape(_constant(GRAY, img), [-1, 1, 1])
    gray = _cast(math.sum(math.cast(img, target) * weights, axis=-3, keepdim=True), img.dtype)
    if channels == 1:
        return gray
    return manipulation.concat([gray] * channels, axis=-3)


def normalize(img: Any, mean: Any, std: Any, data_format: str) -> Any:
    check(img)
    m, s = _constant(mean, img), _constant(std, img)
    if data_format.lower() == "chw":
        m, s = manipulation.reshape(m, [-1, 1, 1]), manipulation.reshape(s, [-1, 1, 1])
    return (img - m) / s


def erase(img: Any, i: int, j: int, h: int, w: int, v: Any, inplace: bool) -> Any:
    check(img)
    made = img if inplace else creation.clone(img)
    made[..., i : i + h, j : j + w] = v
    return made


def _sample(img: Any, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], interpolation: str, fill: Any) -> Any:
    """The image at places (x, y), pixel centres at .5; outside of it `fill`."""
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(f"interpolation must be 'nearest' or 'bilinear' for Tensors, got {interpolation!r}")
    whole = manipulation.unsqueeze(img, 0) if len(img.shape) == 3 else img
    n, c, h, w = (int(k) for k in whole.shape)
    places = np.stack([x * (2 / w) - 1, y * (2 / h) - 1], axis=-1)[None]
    if not whole.dtype.is_floating:
        whole = math.cast(whole, "float32")
    grid = manipulation.tile(_constant(places, whole), [n, 1, 1, 1])
    made = F.grid_sample(whole, grid, mode=interpolation, padding_mode="zeros", align_corners=False)
    values = list(fill) if isinstance(fill, (tuple, list)) else [0 if fill is None else fill]
    if len(values) not in (1, c):
        raise ValueError(f"fill has {len(values)} values for {c} channels")
    # as Paddle 2.6.2: at the border the share that lies outside counts twice, once as zero and once as `fill`
    seen = F.grid_sample(creation.ones_like(whole[:, :1]), grid, mode=interpolation, padding_mode="zeros", align_corners=False)
    made = made * seen + (1.0 - seen) * manipulation.reshape(_constant(values, whole), [1, -1, 1, 1])
    made = _cast(made, img.dtype)
    return manipulation.squeeze(made, 0) if len(img.shape) == 3 else made


def _grid(width: int, height: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    y, x = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
    return x, y


def _affine_map(img: Any, m: Any, width: int, height: int, interpolation: str, fill: Any) -> Any:
    x, y = _grid(width, height)
    return _sample(img, m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5], interpolation, fill)


def affine(img: Any, angle: float, translate: Any, scale: float, shear: Any, interpolation: str, fill: Any, center: Any) -> Any:
    check(img)
    h, w = (int(n) for n in img.shape[-2:])
    matrix = affine_matrix((w * 0.5, h * 0.5) if center is None else center, angle, translate, scale, shear)
    return _affine_map(img, matrix, w, h, interpolation, fill)


def rotate(img: Any, angle: float, interpolation: str, expand: bool, center: Any, fill: Any) -> Any:
    check(img)
    h, w = (int(n) for n in img.shape[-2:])
    m = rotation_matrix(float(angle), (w * 0.5, h * 0.5) if center is None else center)
    width, height = w, h
    if expand:
        m, width, height = expanded(m, w, h)
    return _affine_map(img, m, width, height, interpolation, fill)


def perspective(img: Any, startpoints: Any, endpoints: Any, interpolation: str, fill: Any) -> Any:
    check(img)
    h, w = (int(n) for n in img.shape[-2:])
    a, b, c, d, e, f, g, i = perspective_coefficients(startpoints, endpoints)
    x, y = _grid(w, h)
    below = g * x + i * y + 1
    return _sample(img, (a * x + b * y + c) / below, (d * x + e * y + f) / below, interpolation, fill)
