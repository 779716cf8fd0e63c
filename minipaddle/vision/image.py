"""The image backend: which kind of object data sets give for an image."""
from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import MissingExtraError

__all__ = ["get_image_backend", "image_load", "set_image_backend"]

_BACKENDS = ("pil", "cv2", "tensor")
_image_backend = "pil"


def pil_module(purpose: str) -> ModuleType:
    """``PIL.Image``, imported when it is first needed. MissingExtraError without Pillow."""
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtraError("pillow", "image", purpose) from None
    return Image


def is_pil_image(value: Any) -> bool:
    """Whether it is a Pillow image; asking does not import Pillow."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def _checked(backend: str) -> str:
    if backend not in _BACKENDS:
        raise ValueError(f"Expected backend are one of {list(_BACKENDS)}, but got {backend!r}")
    return backend


def set_image_backend(backend: str) -> None:
    """Choose "pil" (Pillow images), "cv2" (arrays as OpenCV gives them) or "tensor". ValueError for other names."""
    global _image_backend
    _image_backend = _checked(backend)


def get_image_backend() -> str:
    """The backend in force."""
    return _image_backend


def image_load(path: str | os.PathLike[str], backend: str | None = None) -> Any:
    """Read an image file.

    "pil": a Pillow image. "cv2": uint8 [H, W, 3] in the order blue, green, red, as OpenCV gives it. "tensor": the same values as a
    float32 Tensor [3, H, W] between 0 and 1, in the order red, green, blue.
    """
    chosen = _checked(_image_backend if backend is None else backend)
    image = pil_module("reading images").open(path)
    if chosen == "pil":
        return image
    array = np.asarray(image.convert("RGB"))
    if chosen == "cv2":
        return np.ascontiguousarray(array[:, :, ::-1])
    from .transforms.functional import to_tensor

    return to_tensor(array)
