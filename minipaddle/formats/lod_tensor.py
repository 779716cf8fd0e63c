"""Tensor streams: one tensor after its header, little endian, C order, without padding.

    bytes         type       content
    4             uint32     version of the LoD part, 0
    8             uint64     number of LoD levels, 0 for an ordinary tensor
      8           uint64       per level: number of bytes that follow
      n           uint64[]     the offsets of the level
    4             uint32     version of the tensor part, 0
    4             int32      size of the description
    size          protobuf   TensorDesc: field 1 data_type (varint), field 2 dims (varints)
    ...           raw        the elements

A combined file (``.pdiparams``) holds the streams of all variables sorted by name, and nothing else; the names come
from the Program. SelectedRows (rows of a tall tensor): uint32 0, uint64 number of rows, int64 row numbers, int64
height, then a tensor from its version on, without LoD part. The same bytes in Paddle 1.8, 2.x and 3.x.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from .. import dtypes
from ..backend import xp as backend
from ..core.lod_tensor import LoDTensor
from ..dtypes import DType
from ..errors import FormatError

__all__ = [
    "Header",
    "SelectedRows",
    "StoredTensor",
    "StreamError",
    "dumps",
    "dumps_combined",
    "load_combined",
    "load_file",
    "load_folder",
    "loads",
    "read_all",
    "read_headers",
    "read_selected_rows",
    "read_tensor",
    "write_combined",
    "write_selected_rows",
    "write_tensor",
]


class StreamError(FormatError, RuntimeError):
    """A tensor stream ends early, goes on too long, or holds another number of tensors. Paddle raises RuntimeError."""


@dataclass
class StoredTensor:
    """A tensor as it lies in a file. bfloat16 is a uint16 array here, so that reading needs no extra package."""

    raw: np.ndarray[Any, Any]
    dtype: DType
    lod: list[list[int]] = field(default_factory=list)

    @property
    def array(self) -> np.ndarray[Any, Any]:
        """The elements with their NumPy type; bfloat16 needs the extra ``bf16``."""
        return self.raw.view(self.dtype.np) if self.dtype is dtypes.bfloat16 else self.raw


class SelectedRows:
    """Some rows of a tensor of `height` rows: `rows` are their numbers, `value` is an array [len(rows), ...]."""

    def __init__(self, rows: Iterable[int] = (), height: int = 0, value: np.ndarray[Any, Any] | None = None) -> None:
        self._rows, self._height = [int(r) for r in rows], int(height)
        self._tensor = LoDTensor(np.empty((0,), np.float32) if value is None else value)

    @property
    def value(self) -> np.ndarray[Any, Any]:
        """The rows, [len(rows), ...]."""
        return backend.to_numpy(self._tensor._data)

    def get_tensor(self) -> LoDTensor:
        """The tensor that holds the rows; ``get_tensor().set(array)`` fills it."""
        return self._tensor

    def set_rows(self, rows: Iterable[int]) -> None:
        """Say which rows they are."""
        self._rows = [int(r) for r in rows]

    def set_height(self, height: int) -> None:
        """Set the number of rows of the whole tensor."""
        self._height = int(height)

    def rows(self) -> list[int]:
        """Numbers of the rows."""
        return list(self._rows)

    def height(self) -> int:
        """Number of rows of the whole tensor."""
        return self._height

    def numpy(self) -> np.ndarray[Any, Any]:
        """The rows, [len(rows), ...]."""
        return self.value

    def __repr__(self) -> str:
        return f"SelectedRows(rows={self._rows}, height={self._height}, value={self.value!r})"


# --- reading


class _Source:
    """A file with a known end; asking for more than is left raises before anything is allocated."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.file, self.name = file, name
        here = file.tell()
        self.end = file.seek(0, io.SEEK_END)
        file.seek(here)

    @property
    def left(self) -> int:
        return self.end - self.file.tell()

    def need(self, count: int, what: str) -> None:
        if count > self.left:
            raise StreamError(
                f"{self.name}: truncated or foreign: {what} needs {count} bytes at offset {self.file.tell()}, "
                f"{self.left} are left"
            )

    def take(self, count: int, what: str) -> bytes:
        self.need(count, what)
        return self.file.read(count)

    def number(self, code: str, what: str) -> int:
        return struct.unpack(code, self.take(struct.calcsize(code), what))[0]

    def array(self, shape: Sequence[int], dtype: np.dtype[Any], what: str) -> np.ndarray[Any, Any]:
        size = dtype.itemsize
        for n in shape:
            size *= n
        self.need(size, what)
        try:
            made = np.empty(shape, dtype)
        except ValueError:  # [0, 2**60]: no elements, but no array NumPy can describe
            raise FormatError(f"{self.name}: {what} is beyond what an array can be") from None
        if size:
            got = self.file.readinto(made.reshape(-1).view(np.uint8))  # type: ignore[attr-defined]
            if got != size:
                raise StreamError(f"{self.name}: {what} ends early: expected {size} bytes, got {got}")
        return made


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            value &= (1 << 64) - 1
            return value - (1 << 64) if value >> 63 else value, at
        if shift > 63:
            raise IndexError


def _parse_desc(data: bytes) -> tuple[int, list[int]]:
    """(data_type, dims) of a TensorDesc. IndexError for damaged bytes."""
    at, number, dims = 0, -1, []
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            if key >> 3 == 1:
                number = value
            elif key >> 3 == 2:
                dims.append(value)
        elif kind == 2:
            size, at = _varint(data, at)
            if size < 0 or at + size > len(data):
                raise IndexError
            if key >> 3 == 2:  # packed, which Paddle reads but never writes
                inner, stop = at, at + size
                while inner < stop:
                    value, inner = _varint(data, inner)
                    dims.append(value)
            at += size
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise IndexError
    if number < 0 or at != len(data):
        raise IndexError
    return number, dims


@dataclass(frozen=True)
class Header:
    """What a stream says of a tensor before its elements."""

    shape: tuple[int, ...]
    dtype: DType
    lod: list[list[int]]

    @property
    def stored(self) -> np.dtype[Any]:
        """The NumPy type of the bytes."""
        return np.dtype(np.uint16) if self.dtype is dtypes.bfloat16 else self.dtype.np


def _read_desc(source: _Source, lod: list[list[int]]) -> Header:
    version = source.number("<I", "the tensor version")
    if version != 0:
        raise FormatError(f"{source.name}: not a tensor stream: expected tensor version 0, got {version}")
    size = source.number("<i", "the size of the tensor description")
    if size < 0:
        raise FormatError(f"{source.name}: not a tensor stream: a tensor description of {size} bytes")
    data = source.take(size, "the tensor description")
    try:
        number, dims = _parse_desc(data)
    except IndexError:
        raise FormatError(f"{source.name}: damaged tensor description {data[:32].hex()}") from None
    if any(n < 0 for n in dims) or len(dims) > 32:
        raise FormatError(f"{source.name}: a tensor of shape {dims[:40]}")
    try:
        dtype = dtypes.from_proto(number)
    except TypeError:
        raise FormatError(
            f"{source.name}: a tensor of element type number {number}, which minipaddle does not have; it reads "
            f"{', '.join(f'{d.proto} ({d.name})' for d in dtypes.ALL)}"
        ) from None
    return Header(tuple(dims), dtype, lod)


def _read_lod(source: _Source) -> list[list[int]]:
    version = source.number("<I", "the LoD version")
    if version != 0:
        raise FormatError(f"{source.name}: not a tensor stream: expected LoD version 0, got {version}")
    levels = source.number("<Q", "the number of LoD levels")
    if levels * 8 > source.left:
        raise StreamError(
            f"{source.name}: truncated or foreign: {levels} LoD levels announced, {source.left} bytes are left"
        )
    lod = []
    for i in range(levels):
        size = source.number("<Q", f"the size of LoD level {i}")
        if size % 8:
            raise FormatError(f"{source.name}: LoD level {i} of {size} bytes, expected a multiple of 8")
        lod.append(list(struct.unpack(f"<{size // 8}Q", source.take(size, f"LoD level {i}"))))
    return lod


def _read_data(source: _Source, header: Header) -> np.ndarray[Any, Any]:
    what = f"a tensor {header.dtype.name}{list(header.shape)}"
    array = source.array(header.shape, header.stored.newbyteorder("<"), what)
    # the view says "native" instead of "little-endian", which libraries that look at buffers prefer
    return array.view(header.stored) if array.dtype.isnative else array.astype(header.stored)


def _read_tensor(source: _Source) -> StoredTensor:
    header = _read_desc(source, _read_lod(source))
    return StoredTensor(_read_data(source, header), header.dtype, header.lod)


def _read_selected_rows(source: _Source) -> SelectedRows:
    version = source.number("<I", "the SelectedRows version")
    if version != 0:
        raise FormatError(f"{source.name}: expected SelectedRows version 0, got {version}")
    count = source.number("<Q", "the number of rows")
    rows = source.array([count], np.dtype("<i8"), f"{count} row numbers")
    height = source.number("<q", "the height")
    header = _read_desc(source, [])
    return SelectedRows(rows.tolist(), height, StoredTensor(_read_data(source, header), header.dtype).array)


def read_tensor(file: BinaryIO, name: str = "data") -> StoredTensor:
    """The tensor at the file's position. StreamError when it is cut short, FormatError when it is no tensor."""
    return _read_tensor(_Source(file, name))


def read_selected_rows(file: BinaryIO, name: str = "data") -> SelectedRows:
    """The SelectedRows at the file's position; errors as `read_tensor`."""
    return _read_selected_rows(_Source(file, name))


def read_all(file: BinaryIO, name: str = "data") -> list[StoredTensor]:
    """All tensors up to the end of the file, at least one."""
    source = _Source(file, name)
    found = [_read_tensor(source)]
    while source.left:
        found.append(_read_tensor(source))
    return found


def read_headers(file: BinaryIO, name: str = "data") -> list[Header]:
    """Shapes and types of all tensors up to the end of the file; their elements are skipped. Errors as
    `read_tensor`."""
    source = _Source(file, name)
    found: list[Header] = []
    while not found or source.left:
        header = _read_desc(source, _read_lod(source))
        size = header.stored.itemsize
        for n in header.shape:
            size *= n
        source.need(size, f"a tensor {header.dtype.name}{list(header.shape)}")
        file.seek(size, io.SEEK_CUR)
        found.append(header)
    return found


def loads(data: bytes, name: str = "data") -> StoredTensor:
    """The tensor that `data` holds from the first byte to the last. StreamError for bytes left over."""
    file = io.BytesIO(data)
    return _single(file, name)


def load_file(path: str) -> StoredTensor:
    """The one tensor of a file. StreamError for bytes left over, as in a combined file."""
    with open(path, "rb") as file:
        return _single(file, path)


def _single(file: BinaryIO, name: str) -> StoredTensor:
    source = _Source(file, name)
    found = _read_tensor(source)
    if source.left:
        raise StreamError(f"{name}: {source.left} bytes follow the tensor; expected a file of one tensor")
    return found


def load_combined(path: str, names: Iterable[str]) -> dict[str, StoredTensor]:
    """The tensors of a combined file by name. StreamError unless the file holds exactly one tensor per name."""
    wanted = sorted(names)
    found: dict[str, StoredTensor] = {}
    with open(path, "rb") as file:
        source = _Source(file, path)
        for name in wanted:
            if not source.left:
                raise StreamError(
                    f"{path}: holds {len(found)} tensors, but {len(wanted)} variables are to be read; {name!r} is the "
                    "first without one"
                )
            try:
                found[name] = _read_tensor(source)
            except FormatError as error:
                raise type(error)(f"{error} (variable {name!r})") from None
        if source.left:
            raise StreamError(
                f"{path}: {source.left} bytes follow the last of {len(wanted)} tensors; the file holds more variables "
                "than were asked for"
            )
    return found


# --- writing


def _desc(number: int, shape: Sequence[int]) -> bytes:
    out = bytearray((8, number))
    for n in shape:
        out.append(16)
        while n > 127:
            out.append(n & 127 | 128)
            n >>= 7
        out.append(n)
    return bytes(out)


def _write_body(file: BinaryIO, array: np.ndarray[Any, Any]) -> None:
    dtype = dtypes.from_numpy(array.dtype)
    if dtype is dtypes.bfloat16:
        array = array.view(np.uint16)
    array = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
    desc = _desc(dtype.proto, array.shape)
    file.write(struct.pack("<Ii", 0, len(desc)) + desc)
    if array.size:
        file.write(array.reshape(-1).view(np.uint8).data)


def write_tensor(file: BinaryIO, array: np.ndarray[Any, Any], lod: Sequence[Sequence[int]] = ()) -> None:
    """Append one tensor. TypeError for an element type that Paddle does not have."""
    dtypes.from_numpy(array.dtype)
    file.write(struct.pack("<IQ", 0, len(lod)))
    for level in lod:
        file.write(struct.pack(f"<Q{len(level)}Q", 8 * len(level), *level))
    _write_body(file, array)


def write_selected_rows(file: BinaryIO, rows: SelectedRows) -> None:
    """Append SelectedRows."""
    numbers = rows.rows()
    file.write(struct.pack(f"<IQ{len(numbers)}qq", 0, len(numbers), *numbers, rows.height()))
    _write_body(file, rows.value)


def dumps(array: np.ndarray[Any, Any], lod: Sequence[Sequence[int]] = ()) -> bytes:
    """One tensor as bytes."""
    out = io.BytesIO()
    write_tensor(out, array, lod)
    return out.getvalue()


def write_combined(file: BinaryIO, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Append all arrays, sorted by name."""
    for name in sorted(arrays):
        try:
            write_tensor(file, arrays[name])
        except TypeError as error:
            raise TypeError(f"variable {name!r}: {error}") from None


def dumps_combined(arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """A combined file: all arrays, sorted by name."""
    out = io.BytesIO()
    write_combined(out, arrays)
    return out.getvalue()


def load_folder(folder: str, names: Iterable[str]) -> dict[str, StoredTensor]:
    """One file per variable, called as the variable. FormatError names a file that is missing."""
    found = {}
    for name in sorted(names):
        parts = name.split("/")
        if not name or ".." in parts or os.path.isabs(name):
            raise FormatError(f"{folder}: variable {name!r} names a file outside of the folder")
        path = os.path.join(folder, *parts)
        if not os.path.isfile(path):
            raise FormatError(f"{path}: the file of variable {name!r} does not exist")
        found[name] = load_file(path)
    return found
