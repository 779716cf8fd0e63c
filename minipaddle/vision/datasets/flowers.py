"""The Oxford 102 flowers."""
from __future__ import annotations

import gzip
import importlib
import io
import os
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import dtypes
from ...errors import MissingExtraError
from ...io import Dataset
from ..image import pil_module
from .files import check_backend, check_mode
from .files import data_file as find

__all__ = ["Flowers"]

URL = "http://paddlemodels.bj.bcebos.com/flowers/"
# Paddle trains on the larger part, which the authors of the data call the test set
PARTS = {"train": "tstid", "test": "trnid", "valid": "valid"}


def _loadmat(path: str, name: str) -> Any:
    try:
        loadmat = importlib.import_module("scipy.io").loadmat
    except ImportError:
        error = MissingExtraError("scipy", "image", "the label files of Flowers (.mat)")
        error.args = (error.args[0].replace("'minipaddle[image]'", "scipy"),)
        raise error from None
    return loadmat(path)[name][0]


class Archive:
    """Members of a tar file by name. A compressed archive is unpacked once into an unnamed temporary file.

    Reading takes the place as an argument and moves nothing, so threads and forked workers may share the file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file: Any = open(path, "rb")
        if self._file.read(2) == b"\x1f\x8b":
            with gzip.open(path) as packed:
                self._file.close()
                self._file = tempfile.TemporaryFile()
                shutil.copyfileobj(packed, self._file, 1 << 20)
        self._file.seek(0)
        with tarfile.open(fileobj=self._file, mode="r:") as archive:
            self.members = {m.name.removeprefix("./"): (m.offset_data, m.size) for m in archive if m.isfile()}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["path"])  # type: ignore[misc]

    def __del__(self) -> None:
        file = getattr(self, "_file", None)
        if file is not None:
            file.close()

    def read(self, name: str) -> bytes:
        """The bytes of a member; KeyError names the archive."""
        if name not in self.members:
            raise KeyError(f"{self.path} has no member {name!r}")
        offset, size = self.members[name]
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), size, offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.read(size)


class Flowers(Dataset):
    """Flowers: (image, label int64 [1]).

    data_file: ``102flowers.tgz``, label_file: ``imagelabels.mat``, setid_file: ``setid.mat`` (these two need scipy). The archive is read in
    place. FileNotFoundError says where to get a missing file.
    """

    def __init__(
        self,
        data_file: str | None = None,
        label_file: str | None = None,
        setid_file: str | None = None,
        mode: str = "train",
        transform: Callable[[Any], Any] | None = None,
        download: bool = True,
        backend: str | None = None,
    ) -> None:
        part = PARTS[check_mode(mode, ("train", "valid", "test"))]
        self.backend = check_backend(backend)
        self.transform = transform
        paths = [
            find(path, argument, URL + name, "flowers", download)
            for path, argument, name in (
                (data_file, "data_file", "102flowers.tgz"),
                (label_file, "label_file", "imagelabels.mat"),
                (setid_file, "setid_file", "setid.mat"),
            )
        ]
        self.archive = Archive(paths[0])
        self.labels = _loadmat(paths[1], "labels")
        self.indexes = _loadmat(paths[2], part)
        self.dtype = dtypes.get_default_dtype()

    def __getitem__(self, idx: int) -> tuple[Any, Any]:
        index = int(self.indexes[idx])
        image = pil_module("Flowers").open(io.BytesIO(self.archive.read(f"jpg/image_{index:05d}.jpg")))
        if self.backend == "cv2":
            image = np.array(image)
        if self.transform is not None:
            image = self.transform(image)
        label = np.array([self.labels[index - 1]], dtype="int64")
        return image if self.backend == "pil" else image.astype(self.dtype), label

    def __len__(self) -> int:
        return len(self.indexes)
