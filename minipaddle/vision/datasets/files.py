"""Finding the files of a data set."""
from __future__ import annotations

import os
from typing import Any

from ..image import get_image_backend

__all__ = ["check_backend", "check_mode", "data_file"]

CACHE = "~/.cache/paddle/dataset"


def check_mode(mode: str, known: tuple[str, ...]) -> str:
    """The mode in lower case; AssertionError when unknown."""
    assert mode.lower() in known, f"mode should be {' or '.join(map(repr, known))}, but got {mode!r}"
    return mode.lower()


def check_backend(backend: str | None) -> str:
    """The backend, by default that of `set_image_backend`; ValueError unless "pil" or "cv2"."""
    chosen = get_image_backend() if backend is None else backend
    if chosen not in ("pil", "cv2"):
        raise ValueError(f"Expected backend are one of ['pil', 'cv2'], but got {chosen!r}")
    return chosen


def data_file(path: Any, argument: str, url: str, folder: str, download: bool) -> str:
    """The path of an existing file: the one given, else where Paddle would have put its download.

    AssertionError without a path when download is False; FileNotFoundError that says how to get the file.
    """
    if path is None:
        assert download, f"{argument} is not set and downloading automatically is disabled"
        path = os.path.join(os.path.expanduser(CACHE), folder, url.rsplit("/", 1)[1])
    path = os.fspath(path)
    if not os.path.exists(path):
        raise FileNotFoundError(
            f"{path}: no such file. minipaddle downloads nothing: get it from {url} and pass its path as {argument}=..., or put it there"
        )
    return path
