"""CIFAR-10 and CIFAR-100 from their archives."""
from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import dtypes
from ...errors import FormatError
from ...io import Dataset
from ..image import pil_module
from .files import check_backend, check_mode
from .files import data_file as find

__all__ = ["Cifar10", "Cifar100"]

_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"),
}  # fmt: skip


class _Unpickler(pickle.Unpickler):
    """Admits what these files hold: arrays and plain containers. Anything else is refused with its name."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise FormatError(f"a CIFAR file holds arrays and lists only, but this one asks for {module}.{name}")
        return super().find_class(module, name)


class Cifar10(Dataset):
    """Small colour pictures: (image 32 x 32 x 3, label int64).

    data_file: ``cifar-10-python.tar.gz``; without it the place where Paddle keeps its download is tried. backend: "pil" gives Pillow
    images, "cv2" float32 arrays. FileNotFoundError says where to get a missing file.
    """

    URL = "https://dataset.bj.bcebos.com/cifar/cifar-10-python.tar.gz"
    PARTS = {"train": "data_batch", "test": "test_batch"}

    def __init__(
        self,
        data_file: str | None = None,
        mode: str = "train",
        transform: Callable[[Any], Any] | None = None,
        download: bool = True,
        backend: str | None = None,
    ) -> None:
        self.mode = check_mode(mode, ("train", "test"))
        self.backend = check_backend(backend)
        self.data_file = find(data_file, "data_file", self.URL, "cifar", download)
        self.transform = transform
        self.data = self._load()
        self.dtype = dtypes.get_default_dtype()

    def _load(self) -> list[tuple[np.ndarray[Any, Any], int]]:
        data: list[tuple[np.ndarray[Any, Any], int]] = []
        with tarfile.open(self.data_file) as archive:
            members = sorted((m for m in archive if m.isfile() and self.PARTS[self.mode] in m.name), key=lambda m: m.name)
            for member in members:
                stream = archive.extractfile(member)
                assert stream is not None
                batch = _Unpickler(io.BytesIO(stream.read()), encoding="bytes").load()
                labels = batch.get(b"labels", batch.get(b"fine_labels"))
                if labels is None:
                    raise FormatError(f"{self.data_file}: {member.name} has neither labels nor fine_labels")
                data.extend(zip(batch[b"data"], labels, strict=True))
        if not data:
            raise FormatError(f"{self.data_file}: no file in the archive has {self.PARTS[self.mode]!r} in its name")
        return data

    def __getitem__(self, idx: int) -> tuple[Any, Any]:
        row, label = self.data[idx]
        image: Any = np.reshape(row, [3, 32, 32]).transpose(1, 2, 0)
        if self.backend == "pil":
            image = pil_module("Cifar with backend 'pil'").fromarray(np.ascontiguousarray(image.astype("uint8")))
        if self.transform is not None:
            image = self.transform(image)
        return image if self.backend == "pil" else image.astype(self.dtype), np.array(label, dtype="int64")

    def __len__(self) -> int:
        return len(self.data)


class Cifar100(Cifar10):
    """As `Cifar10`, with a hundred classes; data_file: ``cifar-100-python.tar.gz``."""

    URL = "https://dataset.bj.bcebos.com/cifar/cifar-100-python.tar.gz"
    PARTS = {"train": "train", "test": "test"}
