"""Image transforms as functions.

Each takes a Pillow image, an array [H, W] or [H, W, C], or a Tensor [C, H, W], and gives the same kind.
"""
from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from ...tensor import creation, manipulation
from ...tensor.arguments import is_tensor_like
from ..image import is_pil_image
from . import arrays, pil_images, tensors

__all__ = [
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "adjust_saturation",
    "affine",
    "center_crop",
    "crop",
    "erase",
    "hflip",
    "normalize",
    "pad",
    "perspective",
    "resize",
    "rotate",
    "to_grayscale",
    "to_tensor",
    "vflip",
]

_is_pil_image = is_pil_image
_is_tensor_image = is_tensor_like


def _is_numpy_image(img: Any) -> bool:
    return isinstance(img, np.ndarray) and img.ndim in (2, 3)


def _of(img: Any) -> Any:
    """The module with the functions for this kind of image. TypeError for anything that is none."""
    if is_pil_image(img):
        return pil_images
    if is_tensor_like(img):
        return tensors
    if _is_numpy_image(img):
        return arrays
    shape = f" of shape {list(img.shape)}" if isinstance(img, np.ndarray) else ""
    raise TypeError(f"img should be PIL Image or Tensor Image or ndarray with dim=[2 or 3]. Got {type(img)}{shape}")


def to_tensor(pic: Any, data_format: str = "CHW") -> Any:
    """The image as a Tensor [C, H, W] (or [H, W, C] for "HWC"); uint8 becomes float32 between 0 and 1. A Tensor must be [C, H, W]."""
    kind = _of(pic)
    if kind is tensors:
        return pic if data_format.lower() == "chw" else manipulation.transpose(pic, (1, 2, 0))
    if data_format not in ("CHW", "HWC"):
        raise ValueError(f"data_format should be CHW or HWC. Got {data_format!r}")
    array = pil_images.as_array(pic) if kind is pil_images else pic
    if array.ndim == 2:
        array = array[:, :, None]
    if data_format == "CHW":
        array = array.transpose(2, 0, 1)
    if array.dtype == np.uint8:
        array = array.astype(np.float32) / np.float32(255.0)
    return creation.to_tensor(np.ascontiguousarray(array))


def resize(img: Any, size: Any, interpolation: str = "bilinear") -> Any:
    """Resize to (height, width), or so that the shorter side has the length `size`.

    interpolation: nearest, bilinear, bicubic; also box, hamming, lanczos for Pillow images, area, lanczos for arrays, area for Tensors.
    """
    return _of(img).resize(img, size, interpolation)


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """Add borders: a number, (left and right, top and bottom) or (left, top, right, bottom) pixels.

    padding_mode: constant (with `fill`), edge, reflect, or symmetric (not for Tensors).
    """
    return _of(img).pad(img, padding, fill, padding_mode)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """Cut out a rectangle."""
    return _of(img).crop(img, top, left, height, width)


def center_crop(img: Any, output_size: Any) -> Any:
    """Cut out the middle: (height, width) or a square."""
    kind = _of(img)
    if isinstance(output_size, numbers.Number):
        output_size = (int(output_size), int(output_size))  # type: ignore[call-overload]
    width, height = image_size(img)
    h, w = output_size
    return kind.crop(img, int(round((height - h) / 2.0)), int(round((width - w) / 2.0)), h, w)


def image_size(img: Any) -> tuple[int, int]:
    """(width, height). TypeError for something that is no image, ValueError for a Tensor of the wrong shape."""
    if is_pil_image(img):
        return img.size
    if _is_numpy_image(img):
        return img.shape[1], img.shape[0]
    if is_tensor_like(img):
        if len(img.shape) not in (3, 4):
            raise ValueError(f"The dim for input Tensor should be 3-D or 4-D, but received {len(img.shape)}")
        return img.shape[-1], img.shape[-2]
    raise TypeError(f"Unexpected type {type(img)}")


def hflip(img: Any) -> Any:
    """Exchange left and right."""
    return _of(img).hflip(img)


def vflip(img: Any) -> Any:
    """Exchange top and bottom."""
    return _of(img).vflip(img)


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """0 gives black, 1 the image itself, 2 twice as bright."""
    return _of(img).adjust_brightness(img, brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """0 gives plain grey, 1 the image itself."""
    return _of(img).adjust_contrast(img, contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """0 gives shades of grey, 1 the image itself."""
    return _of(img).adjust_saturation(img, saturation_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """Turn the circle of hues by `hue_factor` of its length, -0.5 to 0.5. ValueError (AssertionError for Tensors) outside."""
    return _of(img).adjust_hue(img, hue_factor)


def affine(
    img: Any,
    angle: float,
    translate: Any,
    scale: float,
    shear: Any,
    interpolation: str = "nearest",
    fill: Any = 0,
    center: Any = None,
) -> Any:
    """Rotate by `angle` degrees clockwise around `center` (the middle), scale, shear by degrees, and shift by `translate` pixels.

    center, translate: (x, y). shear: a number, or the angles along x and y. fill: for what comes from outside the image.
    """
    kind = _of(img)
    if not isinstance(angle, (int, float)):
        raise TypeError(f"Argument angle should be int or float, got {type(angle).__name__}")
    if not isinstance(translate, (list, tuple)):
        raise TypeError(f"Argument translate should be a sequence, got {type(translate).__name__}")
    if len(translate) != 2:
        raise ValueError(f"Argument translate should be a sequence of length 2, got {len(translate)} values")
    if scale <= 0.0:
        raise ValueError(f"Argument scale should be positive, got {scale}")
    if not isinstance(shear, (numbers.Number, list, tuple)):
        raise TypeError(f"Shear should be either a single value or a sequence of two values, got {type(shear).__name__}")
    if not isinstance(interpolation, str):
        raise TypeError(f"Argument interpolation should be a string, got {type(interpolation).__name__}")
    angles = [shear, 0.0] if isinstance(shear, numbers.Number) else list(shear)  # type: ignore[arg-type]
    if len(angles) == 1:
        angles *= 2
    if len(angles) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError(f"Argument center should be a sequence, got {type(center).__name__}")
    return kind.affine(img, float(angle), list(translate), scale, angles, interpolation, fill, center)


def rotate(
    img: Any, angle: float, interpolation: str = "nearest", expand: bool = False, center: Any = None, fill: Any = 0
) -> Any:
    """Rotate by `angle` degrees counter-clockwise around `center` (x, y), by default the middle; `expand` makes room for all of it."""
    return _of(img).rotate(img, angle, interpolation, expand, None if center is None else tuple(center), fill)


def perspective(img: Any, startpoints: Any, endpoints: Any, interpolation: str = "nearest", fill: Any = 0) -> Any:
    """Move the four `startpoints` (x, y) to the `endpoints`, and everything else with them."""
    return _of(img).perspective(img, startpoints, endpoints, interpolation, fill)


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """Brightness, in 1 or 3 equal channels. ValueError for other numbers."""
    kind = _of(img)
    if num_output_channels not in (1, 3):
        raise ValueError(f"num_output_channels should be either 1 or 3, got {num_output_channels}")
    return kind.to_grayscale(img, num_output_channels)


def normalize(img: Any, mean: Any, std: Any, data_format: str = "CHW", to_rgb: bool = False) -> Any:
    """(img - mean) / std per channel. Pillow images become float32 arrays [H, W, C] first. to_rgb reverses the channels of arrays."""
    if is_tensor_like(img):
        return tensors.normalize(img, mean, std, data_format)
    array = np.asarray(img).astype(np.float32) if is_pil_image(img) else img
    return arrays.normalize(array, mean, std, data_format, to_rgb)


def erase(img: Any, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Any:
    """Overwrite the rectangle of height `h` and width `w` at row `i` and column `j` with `v`."""
    return _of(img).erase(img, i, j, h, w, v, inplace)
