"""The segmentation pictures of Pascal VOC 2012."""
from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import dtypes
from ...io import Dataset
from ..image import pil_module
from .files import check_backend, check_mode
from .files import data_file as find
from .flowers import Archive

__all__ = ["VOC2012"]

URL = "https://dataset.bj.bcebos.com/voc/VOCtrainval_11-May-2012.tar"
PARTS = {"train": "trainval", "test": "train", "valid": "val"}  # as Paddle 2.6.2 assigns them
ROOT = "VOCdevkit/VOC2012/"


class VOC2012(Dataset):
    """Pictures with a class per pixel: (image, label image).

    data_file: ``VOCtrainval_11-May-2012.tar``, read in place. FileNotFoundError says where to get it.
    """

    def __init__(
        self,
        data_file: str | None = None,
        mode: str = "train",
        transform: Callable[[Any], Any] | None = None,
        download: bool = True,
        backend: str | None = None,
    ) -> None:
        self.flag = PARTS[check_mode(mode, ("train", "valid", "test"))]
        self.backend = check_backend(backend)
        self.data_file = find(data_file, "data_file", URL, "voc2012", download)
        self.transform = transform
        self.archive = Archive(self.data_file)
        names = self.archive.read(f"{ROOT}ImageSets/Segmentation/{self.flag}.txt").decode("utf-8").split()
        self.data = [f"{ROOT}JPEGImages/{name}.jpg" for name in names]
        self.labels = [f"{ROOT}SegmentationClass/{name}.png" for name in names]
        self.dtype = dtypes.get_default_dtype()

    def _open(self, name: str) -> Any:
        image = pil_module("VOC2012").open(io.BytesIO(self.archive.read(name)))
        return np.array(image) if self.backend == "cv2" else image

    def __getitem__(self, idx: int) -> tuple[Any, Any]:
        image, label = self._open(self.data[idx]), self._open(self.labels[idx])
        if self.transform is not None:
            image = self.transform(image)
        if self.backend == "cv2":
            return image.astype(self.dtype), label.astype(self.dtype)
        return image, label

    def __len__(self) -> int:
        return len(self.data)
