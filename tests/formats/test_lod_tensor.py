"""Tensor streams against files of Paddle, and their damage."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest

from minipaddle import dtypes
from minipaddle.errors import FormatError
from minipaddle.formats import detect, lod_tensor
from minipaddle.formats.lod_tensor import SelectedRows, StreamError

from .common import GOLDEN, INDEX, arrays, files, keys, label, same

STREAMS = [p for p in files("v185", "v262", "v331_legacy") if p.stat().st_size and p.read_bytes()[:4] == b"\0\0\0\0"]


@pytest.mark.parametrize("path", STREAMS, ids=label)
def test_golden_streams_are_written_alike(path):
    data = path.read_bytes()
    out = io.BytesIO()
    with open(path, "rb") as f:
        tensors = lod_tensor.read_all(f, str(path))
    for t in tensors:
        lod_tensor.write_tensor(out, t.array, t.lod)
    assert out.getvalue() == data
    with open(path, "rb") as f:
        headers = lod_tensor.read_headers(f, str(path))
    assert [(h.shape, h.dtype, h.lod) for h in headers] == [(t.raw.shape, t.dtype, t.lod) for t in tensors]
    assert detect.kind_of_file(str(path)) == ("tensor" if len(tensors) == 1 else "combined")


@pytest.mark.parametrize("key", keys("v262", "v331_legacy", having="methods"))
def test_golden_parameters_by_name(key):
    entry = INDEX[key]
    want = arrays(key)
    prefix = str(GOLDEN / key / entry["load"]["path"])
    if entry["load"]["api"] != "paddle.jit.load":
        pytest.skip("not a saved model")
    found = detect.find_model(prefix)
    assert set(found.methods) == set(entry["methods"])
    for files_ in found.methods.values():
        if files_.params is None:
            continue
        from minipaddle.formats import pdmodel

        names = [v.name for v in pdmodel.load_file(files_.model).persistables()]
        values = detect.read_parameters(files_, names, raw=True)
        assert list(values) == sorted(names)
        for name in names:
            assert same(values[name], want[name]), name
        with open(files_.params, "rb") as f:
            assert lod_tensor.dumps_combined(detect.read_parameters(files_, names)) == f.read()


def test_bytes_of_the_reference():
    data = lod_tensor.dumps(np.zeros((2, 3), "float32"))
    assert data == bytes.fromhex("00000000 0000000000000000 00000000 06000000 0805 1002 1003".replace(" ", "")) + bytes(
        24
    )
    assert (
        lod_tensor.dumps(np.float32(1.0).reshape(()))[16:]
        == bytes.fromhex("00000000 02000000 0805".replace(" ", "").removeprefix("00000000")) + b"\0\0\x80?"
    )


@pytest.mark.parametrize("dtype", [d for d in dtypes.ALL if d is not dtypes.bfloat16], ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3), (130, 2)], ids=str)
def test_round_trip(dtype, shape):
    array = (np.arange(int(np.prod(shape))) % 100).reshape(shape).astype(dtype.np)
    found = lod_tensor.loads(lod_tensor.dumps(array))
    assert found.dtype is dtype and same(found.array, array) and found.lod == []
    if array.ndim == 2:
        assert same(lod_tensor.loads(lod_tensor.dumps(array.T)).array, np.ascontiguousarray(array.T))
    big = array.astype(array.dtype.newbyteorder(">"))
    assert same(lod_tensor.loads(lod_tensor.dumps(big)).array, array)


def test_bfloat16():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([1.5, -2, 3e38], ml_dtypes.bfloat16)
    data = lod_tensor.dumps(array)
    found = lod_tensor.loads(data)
    assert found.dtype is dtypes.bfloat16 and found.raw.dtype == np.uint16
    assert found.array.dtype == array.dtype and found.array.tobytes() == array.tobytes()


def test_levels_of_detail():
    lod = [[0, 2, 3], [0, 1, 4, 6]]
    data = lod_tensor.dumps(np.zeros((6, 1), "float32"), lod)
    assert data[4:20] == struct.pack("<QQ", 2, 24)
    assert lod_tensor.loads(data).lod == lod


def test_selected_rows():
    value = SelectedRows([1, 3], 5, np.arange(6, dtype="float32").reshape(2, 3))
    out = io.BytesIO()
    lod_tensor.write_selected_rows(out, value)
    assert out.getvalue()[:36] == struct.pack("<IQqqq", 0, 2, 1, 3, 5)
    out.seek(0)
    assert detect.kind_of(out) == "selected_rows"
    found = lod_tensor.read_selected_rows(out)
    assert found.rows() == [1, 3] and found.height() == 5 and same(found.numpy(), value.numpy())


def test_combined_is_sorted_by_name(tmp_path):
    values = {"b": np.ones(2), "a_1": np.zeros((1, 2), "int64"), "a": np.array(3)}
    data = lod_tensor.dumps_combined(values)
    assert data == b"".join(lod_tensor.dumps(values[n]) for n in ("a", "a_1", "b"))
    path = tmp_path / "all"
    path.write_bytes(data)
    found = lod_tensor.load_combined(str(path), ["b", "a", "a_1"])
    assert {n: t.array.tolist() for n, t in found.items()} == {n: v.tolist() for n, v in values.items()}
    with pytest.raises(StreamError, match="holds 3 tensors, but 4"):
        lod_tensor.load_combined(str(path), ["b", "a", "a_1", "c"])
    with pytest.raises(RuntimeError, match="more variables"):
        lod_tensor.load_combined(str(path), ["b", "a"])
    path.write_bytes(data + b"\0")
    with pytest.raises(ValueError, match="1 bytes follow"):
        lod_tensor.load_combined(str(path), ["b", "a", "a_1"])


def test_truncation_everywhere():
    arrays_ = {"a": np.arange(300, dtype="float32").reshape(100, 3), "b": np.arange(4)}
    data = lod_tensor.dumps_combined(arrays_)
    for end in range(len(data)):
        with pytest.raises(FormatError, match="name"):
            found = lod_tensor.read_all(io.BytesIO(data[:end]), "name")
            if len(found) < 2:  # cut exactly between the two
                raise FormatError("name")
    lod = lod_tensor.dumps(np.zeros((6, 1), "float32"), [[0, 2, 3], [0, 1, 4, 6]])
    for end in range(len(lod)):
        with pytest.raises(StreamError):
            lod_tensor.loads(lod[:end])


def test_flipped_bytes_raise_only_format_errors():
    rng = np.random.default_rng(0)
    data = lod_tensor.dumps(np.zeros((6, 2), "float32"), [[0, 2, 3]])
    for _ in range(5000):
        bad = bytearray(data[:80])
        for _ in range(rng.integers(1, 4)):
            bad[rng.integers(len(bad))] = rng.integers(256)
        try:
            lod_tensor.loads(bytes(bad))
        except FormatError:
            pass


def desc(*varints: bytes) -> bytes:
    body = b"".join(varints)
    return struct.pack("<IQIi", 0, 0, 0, len(body)) + body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        struct.pack("<IQ", 1, 0) + bytes(40),
        struct.pack("<IQ", 0, 1 << 60) + bytes(40),
        struct.pack("<IQQ", 0, 1, 1 << 60) + bytes(40),
        struct.pack("<IQQ", 0, 1, 7) + bytes(40),
        struct.pack("<IQI", 0, 0, 5) + bytes(40),
        struct.pack("<IQIi", 0, 0, 0, -1) + bytes(40),
        struct.pack("<IQIi", 0, 0, 0, 1 << 30) + bytes(40),
        desc(b"\x08\x05", b"\x10" + b"\xff" * 8 + b"\x7f") + bytes(40),
        desc(b"\x08\x05", b"\x10" + b"\xff" * 9 + b"\x01") + bytes(40),
        desc(b"\x08\x05", b"\x10\x00", b"\x10" + b"\xff" * 8 + b"\x7f"),
        desc(b"\x08\x05", *[b"\x10\x01"] * 60) + bytes(4),
        desc(b"\x08\x63", b"\x10\x01") + bytes(40),
        desc(b"\x08\x20", b"\x10\x01") + bytes(1),
        desc(b"\x10\x01") + bytes(4),
        desc(b"\x08\x05", b"\x10") + bytes(4),
        desc(b"\x08\x05", b"\x12\x7f") + bytes(4),
        desc(b"\x0b\x05"),
        b"this is some text and no tensor at all" * 3,
    ],
    ids=range(19),
)
def test_foreign_and_absurd_streams(data):
    with pytest.raises(FormatError, match="name"):
        lod_tensor.loads(data, "name")


def test_folder(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "w").write_bytes(lod_tensor.dumps(np.ones(2)))
    (tmp_path / "sub" / "b").write_bytes(lod_tensor.dumps(np.zeros(3)))
    found = lod_tensor.load_folder(str(tmp_path), ["w", "sub/b"])
    assert {n: t.raw.shape for n, t in found.items()} == {"w": (2,), "sub/b": (3,)}
    with pytest.raises(ValueError, match="'c' does not exist"):
        lod_tensor.load_folder(str(tmp_path), ["c"])
    for name in ("../x", "/etc/passwd", ""):
        with pytest.raises(ValueError, match="outside"):
            lod_tensor.load_folder(str(tmp_path), [name])


def test_unknown_element_type_is_named():
    with pytest.raises(TypeError, match="'w'.*uint32"):
        lod_tensor.dumps_combined({"w": np.zeros(2, "uint32")})
