"""Images in folders."""
from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import dtypes
from ...io import Dataset
from ..image import get_image_backend, pil_module

__all__ = ["DatasetFolder", "ImageFolder"]

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def has_valid_extension(filename: str, extensions: Sequence[str]) -> bool:
    """Whether the name ends in one of `extensions`, upper or lower case."""
    assert isinstance(extensions, (list, tuple)), "`extensions` must be list or tuple."
    return filename.lower().endswith(tuple(e.lower() for e in extensions))


def default_loader(path: str) -> Any:
    """An RGB image: of Pillow, or with the backend "cv2" as a uint8 array [H, W, 3]."""
    with open(path, "rb") as f:
        image = pil_module("reading images").open(f).convert("RGB")
    return np.asarray(image) if get_image_backend() == "cv2" else image


def _accepts(extensions: Any, is_valid_file: Any) -> tuple[Any, Callable[[str], bool]]:
    if is_valid_file is not None:
        if extensions is not None:
            raise ValueError("give either extensions or is_valid_file, not both")
        return None, is_valid_file
    extensions = IMG_EXTENSIONS if extensions is None else extensions
    return extensions, lambda path: has_valid_extension(path, extensions)


def _files(folder: str, accepts: Callable[[str], bool]) -> list[str]:
    return [
        path
        for root, _, names in sorted(os.walk(folder, followlinks=True))
        for path in (os.path.join(root, name) for name in sorted(names))
        if accepts(path)
    ]


def make_dataset(
    dir: str, class_to_idx: dict[str, int], extensions: Any, is_valid_file: Callable[[str], bool] | None = None
) -> list[tuple[str, int]]:
    """(path, class number) of every file below the folders of the classes."""
    _, accepts = _accepts(extensions, is_valid_file) if extensions is None else _accepts(extensions, None)
    dir = os.path.expanduser(dir)
    return [(path, class_to_idx[c]) for c in sorted(class_to_idx) for path in _files(os.path.join(dir, c), accepts)]


class DatasetFolder(Dataset):
    """One folder per class: (image, class number), classes in the order of their names.

    loader: from a path to a sample (`default_loader`). extensions: which files count (those of images), or is_valid_file: a
    function of the path. RuntimeError when no file is found.
    """

    def __init__(
        self,
        root: str,
        loader: Callable[[str], Any] | None = None,
        extensions: Sequence[str] | None = None,
        transform: Callable[[Any], Any] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
    ) -> None:
        self.root = os.fspath(root)
        self.transform = transform
        self.extensions, accepts = _accepts(extensions, is_valid_file)
        self.classes = sorted(d.name for d in os.scandir(os.path.expanduser(self.root)) if d.is_dir())
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        self.samples = make_dataset(self.root, self.class_to_idx, None, accepts)
        if not self.samples:
            raise RuntimeError(f"Found 0 files in the {len(self.classes)} folders below {self.root}{_allowed(self.extensions)}")
        self.loader = default_loader if loader is None else loader
        self.targets = [target for _, target in self.samples]
        self.dtype = dtypes.get_default_dtype()

    def __getitem__(self, index: int) -> tuple[Any, int]:
        path, target = self.samples[index]
        sample = self.loader(path)
        return sample if self.transform is None else self.transform(sample), target

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(Dataset):
    """Every image below a folder, without labels: [image]. Arguments as in `DatasetFolder`."""

    def __init__(
        self,
        root: str,
        loader: Callable[[str], Any] | None = None,
        extensions: Sequence[str] | None = None,
        transform: Callable[[Any], Any] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
    ) -> None:
        self.root = os.fspath(root)
        self.extensions, accepts = _accepts(extensions, is_valid_file)
        self.samples = _files(os.path.expanduser(self.root), accepts)
        if not self.samples:
            raise RuntimeError(f"Found 0 files below {self.root}{_allowed(self.extensions)}")
        self.loader = default_loader if loader is None else loader
        self.transform = transform

    def __getitem__(self, index: int) -> list[Any]:
        sample = self.loader(self.samples[index])
        return [sample if self.transform is None else self.transform(sample)]

    def __len__(self) -> int:
        return len(self.samples)


def _allowed(extensions: Any) -> str:
    return "" if extensions is None else "\nSupported extensions are: " + ",".join(extensions)
