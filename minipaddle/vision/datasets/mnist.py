"""MNIST and FashionMNIST from their IDX files."""
from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import dtypes
from ...errors import FormatError
from ...io import Dataset
from ..image import pil_module
from .files import check_backend, check_mode, data_file

__all__ = ["MNIST", "FashionMNIST"]


def _read(path: str) -> bytes:
    with open(path, "rb") as f:
        data = f.read()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def read_idx(path: str, dimensions: int) -> np.ndarray[Any, Any]:
    """uint8 array out of an IDX file, gzipped or not.

    offset 0: two zero bytes; 2: 8 for uint8; 3: number of dimensions; 4: each dimension as a big-endian uint32; then the values.
    """
    data = _read(path)
    head = 4 + 4 * dimensions
    if len(data) < head or data[:3] != b"\0\0\x08" or data[3] != dimensions:
        raise FormatError(f"{path}: not an IDX file of bytes with {dimensions} dimensions (it starts with {data[:4]!r})")
    shape = struct.unpack_from(f">{dimensions}I", data, 4)
    count = int(np.prod(shape))
    if len(data) - head < count:
        raise FormatError(f"{path}: cut off: {len(data) - head} of {count} values are there")
    return np.frombuffer(data, np.uint8, count, head).reshape(shape)


class MNIST(Dataset):
    """Handwritten digits: (image 28 x 28, label int64 [1]).

    image_path, label_path: the IDX files, for example ``train-images-idx3-ubyte.gz`` and ``train-labels-idx1-ubyte.gz``; without them the
    places where Paddle keeps its downloads are tried. backend: "pil" gives Pillow images, "cv2" float32 arrays.
    FileNotFoundError says where to get a missing file.
    """

    NAME = "mnist"
    URL_PREFIX = "https://dataset.bj.bcebos.com/mnist/"

    def __init__(
        self,
        image_path: str | None = None,
        label_path: str | None = None,
        mode: str = "train",
        transform: Callable[[Any], Any] | None = None,
        download: bool = True,
        backend: str | None = None,
    ) -> None:
        self.mode = check_mode(mode, ("train", "test"))
        self.backend = check_backend(backend)
        part = "train" if self.mode == "train" else "t10k"
        self.image_path = data_file(image_path, "image_path", f"{self.URL_PREFIX}{part}-images-idx3-ubyte.gz", self.NAME, download)
        self.label_path = data_file(label_path, "label_path", f"{self.URL_PREFIX}{part}-labels-idx1-ubyte.gz", self.NAME, download)
        self.transform = transform
        self.images = read_idx(self.image_path, 3)
        self.labels = read_idx(self.label_path, 1).astype("int64").reshape(-1, 1)
        if len(self.images) != len(self.labels):
            raise FormatError(f"{self.image_path} has {len(self.images)} images, but {self.label_path} has {len(self.labels)} labels")
        self.dtype = dtypes.get_default_dtype()

    def __getitem__(self, idx: int) -> tuple[Any, Any]:
        image: Any = self.images[idx]
        if self.backend == "pil":
            image = pil_module("MNIST with backend 'pil'").fromarray(image)
        else:
            image = image.astype("float32")
        if self.transform is not None:
            image = self.transform(image)
        return image if self.backend == "pil" else image.astype(self.dtype), self.labels[idx]

    def __len__(self) -> int:
        return len(self.labels)


class FashionMNIST(MNIST):
    """Pieces of clothing in the format of `MNIST`."""

    NAME = "fashion-mnist"
    URL_PREFIX = "https://dataset.bj.bcebos.com/fashion_mnist/"
