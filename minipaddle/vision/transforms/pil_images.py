"""Transforms of Pillow images."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..image import pil_module
from .arguments import affine_matrix, borders, check_hue, perspective_coefficients, resized

__all__: list[str] = []


def _filter(name: str) -> Any:
    table = pil_module("image transforms").Resampling
    try:
        return table[name.upper()]
    except (KeyError, AttributeError):
        raise KeyError(f"interpolation {name!r} is unknown; Pillow has {', '.join(f.name.lower() for f in table)}") from None


def _fill(img: Any, fill: Any) -> Any:
    """A fill value as Pillow wants it: one number per band."""
    if isinstance(fill, (int, float)):
        return (fill,) * len(img.getbands()) if len(img.getbands()) > 1 else fill
    if isinstance(fill, (list, tuple)):
        return tuple(fill) if len(img.getbands()) > 1 else fill[0]
    return fill


def as_array(pic: Any) -> np.ndarray[Any, Any]:
    """[H, W, C]: uint8, int32 for the modes I and I;16, float32 for F; 0 and 255 for the mode 1."""
    array: np.ndarray[Any, Any]
    if pic.mode in ("I", "I;16"):
        array = np.asarray(pic).astype(np.int32)
    elif pic.mode == "F":
        array = np.asarray(pic, np.float32)
    elif pic.mode == "1":
        array = np.asarray(pic, np.uint8) * np.uint8(255)
    else:
        array = np.asarray(pic)
    return array[:, :, None] if array.ndim == 2 else array


def resize(img: Any, size: Any, interpolation: str) -> Any:
    w, h = img.size
    new = resized(size, w, h)
    if isinstance(size, int) and new == (h, w):
        return img
    return img.resize(new[::-1], _filter(interpolation))


def pad(img: Any, padding: Any, fill: Any, padding_mode: str) -> Any:
    left, top, right, bottom = borders(padding, fill, padding_mode)
    if padding_mode == "constant":
        from PIL import ImageOps

        made = ImageOps.expand(img, border=(left, top, right, bottom), fill=_fill(img, fill))
    else:
        array = np.asarray(img)
        widths = ((top, bottom), (left, right), (0, 0))[: array.ndim]
        made = pil_module("image transforms").fromarray(np.pad(array, widths, padding_mode))  # type: ignore[call-overload]
    if img.mode == "P":
        made.putpalette(img.getpalette())
    return made


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    return img.crop((left, top, left + width, top + height))


def hflip(img: Any) -> Any:
    return img.transpose(pil_module("image transforms").Transpose.FLIP_LEFT_RIGHT)


def vflip(img: Any) -> Any:
    return img.transpose(pil_module("image transforms").Transpose.FLIP_TOP_BOTTOM)


def _enhance(kind: str, img: Any, factor: float) -> Any:
    from PIL import ImageEnhance

    return getattr(ImageEnhance, kind)(img).enhance(factor)


def adjust_brightness(img: Any, factor: float) -> Any:
    return _enhance("Brightness", img, factor)


def adjust_contrast(img: Any, factor: float) -> Any:
    return _enhance("Contrast", img, factor)


def adjust_saturation(img: Any, factor: float) -> Any:
    return _enhance("Color", img, factor)


def adjust_hue(img: Any, factor: float) -> Any:
    check_hue(factor)
    if img.mode in ("L", "1", "I", "F"):
        return img
    module = pil_module("image transforms")
    h, s, v = img.convert("HSV").split()
    turned = (np.asarray(h).astype(np.int16) + int(factor * 255)) % 256
    return module.merge("HSV", (module.fromarray(turned.astype(np.uint8)), s, v)).convert(img.mode)


def affine(img: Any, angle: float, translate: Any, scale: float, shear: Any, interpolation: str, fill: Any, center: Any) -> Any:
    w, h = img.size
    matrix = affine_matrix((w * 0.5, h * 0.5) if center is None else center, angle, translate, scale, shear)
    method = pil_module("image transforms").Transform.AFFINE
    return img.transform(img.size, method, matrix, _filter(interpolation), fillcolor=_fill(img, fill))


def rotate(img: Any, angle: float, interpolation: str, expand: bool, center: Any, fill: Any) -> Any:
    return img.rotate(angle, _filter(interpolation), expand, center, fillcolor=_fill(img, fill))


def perspective(img: Any, startpoints: Any, endpoints: Any, interpolation: str, fill: Any) -> Any:
    method = pil_module("image transforms").Transform.PERSPECTIVE
    coefficients = perspective_coefficients(startpoints, endpoints)
    return img.transform(img.size, method, coefficients, _filter(interpolation), fillcolor=_fill(img, fill))


def to_grayscale(img: Any, channels: int) -> Any:
    gray = img.convert("L")
    return gray if channels == 1 else pil_module("image transforms").merge("RGB", (gray, gray, gray))


def erase(img: Any, i: int, j: int, h: int, w: int, v: Any, inplace: bool) -> Any:
    array = np.array(img, dtype=np.uint8)
    if array.ndim == 2:
        v = np.asarray(v).reshape(-1)[:1] if np.size(v) == 1 else np.asarray(v).reshape(h, w)
    array[i : i + h, j : j + w, ...] = v
    return pil_module("image transforms").fromarray(array)
