"""The unpickler: what it admits, what it refuses, and that damage never does more than raise."""

from __future__ import annotations

import collections
import datetime
import decimal
import io
import os
import pickle
import struct

import numpy as np
import pytest

from minipaddle.errors import FormatError
from minipaddle.formats import safe_pickle
from minipaddle.formats.safe_pickle import EmptyFileError, ForbiddenGlobalError

from .common import files, label, same

PICKLES = [p for p in files("v185", "v262", "v331_legacy") if p.read_bytes()[:1] == b"\x80"]


def read(path):
    with open(path, "rb") as f:
        return safe_pickle.load(f, str(path))


def equal(a, b):
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and same(a, b)
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


@pytest.mark.parametrize("path", PICKLES, ids=label)
def test_golden_pickles(path):
    found = read(path)
    again = safe_pickle.loads(safe_pickle.dumps(found, 4))
    assert equal(found, again)


@pytest.mark.parametrize("path", [p for p in PICKLES if "big_param" not in str(p)], ids=label)
def test_golden_pickles_are_written_alike(path):
    """Byte for byte; files of NumPy 2 differ in the name of the module, for which the old one is written."""
    data = path.read_bytes()
    protocol = data[1]
    written = safe_pickle.dumps(safe_pickle.loads(data), protocol)
    if b"numpy._core" in data:
        assert b"numpy._core" not in written
        assert equal(safe_pickle.loads(written), safe_pickle.loads(data))
        return
    if b"builtins" in data or b"__builtin__" in data:
        return  # what was a Tensor is a plain tuple after reading
    if path.name == "ndarray.p2":
        return  # whether its key "b" and the array's typecode "b" are one object depends on the Python that wrote it
    assert written == data


VALUES = [
    None,
    True,
    3,
    -(2**80),
    2.5,
    1 + 2j,
    "text",
    "ä\udcff",
    b"bytes",
    b"",
    bytearray(b"x"),
    [],
    (),
    {},
    set(),
    {1, 2},
    frozenset({3}),
    [1, [2, (3, {"k": [4]})]],
    collections.OrderedDict(a=1, b=2),
    slice(1, None, 2),
    datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
    datetime.date(2020, 2, 3),
    datetime.timedelta(3, 4),
    decimal.Decimal("1.25"),
    np.float32(1.5),
    np.int64(-3),
    np.bool_(True),
    np.arange(6).reshape(2, 3),
    np.zeros((0, 3), "float16"),
    np.array(2.5),
    np.array(["ab", "c"]),
    np.arange(3, dtype=">i4"),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(10)[::2],
    np.array([1 + 2j], "complex64"),
    np.arange(20000, dtype="float32"),
]


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("value", VALUES, ids=lambda v: f"{type(v).__name__}")
def test_round_trip_and_plain_pickle(value, protocol):
    data = safe_pickle.dumps(value, protocol)
    found = safe_pickle.loads(data)
    plain = pickle.loads(data)  # ordinary Python reads it too, and reads the same
    standard = safe_pickle.loads(pickle.dumps(value, protocol))
    if isinstance(value, np.ndarray):
        assert np.array_equal(found, value) and found.shape == value.shape
        assert same(found, plain) and same(found, standard)
    else:
        assert found == value and type(found) is type(value) and plain == value and standard == value


def test_shared_and_cyclic_objects():
    shared = [np.ones(2)]
    found = safe_pickle.loads(safe_pickle.dumps([shared, shared]))
    assert found[0] is found[1]
    cycle: list = []
    cycle.append(cycle)
    found = safe_pickle.loads(safe_pickle.dumps(cycle))
    assert found[0] is found


def test_default_dict():
    value = collections.defaultdict(int, a=1)
    found = safe_pickle.loads(safe_pickle.dumps(value))
    assert found["nothing"] == 0 and found["a"] == 1
    with pytest.raises(FormatError, match="factory"):
        safe_pickle.loads(b"\x80\x04ccollections\ndefaultdict\nccollections\nOrderedDict\n\x85R.")


def test_numpy_1_name_is_written_under_numpy_2():
    for protocol in (2, 3, 4):
        data = safe_pickle.dumps([np.ones(2), np.float32(1)], protocol)
        assert b"numpy.core.multiarray" in data and b"numpy._core" not in data
    both = safe_pickle.dumps(np.arange(3), 2)
    assert same(safe_pickle.loads(both.replace(b"numpy.core.", b"numpy._core.")), np.arange(3))


class Evil:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "value,name",
    [
        (Evil(os.system, "touch harm"), "system"),
        (Evil(eval, "__import__('os').system('touch harm')"), "eval"),
        (Evil(eval, "data", {"data": [1]}), "eval"),
        (Evil(exec, "open('harm', 'w')"), "exec"),
        (Evil(getattr, os, "system"), "getattr"),
        (Evil(open, "harm", "w"), "open"),
        (Evil(np.load, "harm"), "load"),
        (Evil(np.fromfile, "harm"), "fromfile"),
        (Evil(__import__, "os"), "__import__"),
        (os.system, "system"),
        (pickle.Unpickler, "Unpickler"),
        ({"a": [Evil(os.system, "touch harm")]}, "system"),
    ],
    ids=lambda v: v if isinstance(v, str) else type(v).__name__,
)
def test_refused(value, name, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        data = pickle.dumps(value, protocol)
    except Exception:
        pytest.skip("not picklable")
    with pytest.raises(FormatError) as caught:
        safe_pickle.loads(data, "evil.pdparams")
    assert "evil.pdparams" in str(caught.value)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    "data,word",
    [
        (b"cos\nsystem\n(S'touch harm'\ntR.", "os.system"),
        (b"(S'touch harm'\nios\nsystem\n.", "class"),
        (b"(cos\nsystem\nS'touch harm'\no.", "os.system"),
        (b"\x80\x02cbuiltins\ntuple\n)\x81.", "class"),
        (b"\x80\x02\x82\x01.", "extension"),
        (b"\x80\x02Pid\n.", "outside"),
        (b"\x80\x02K\x01Q.", "outside"),
        (b"\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00O8\x85R.", "element type"),
        (b"\x80\x02cnumpy\ndtype\nX\x05\x00\x00\x00f4,f4\x85R.", "element type"),
        (b"\x80\x02cnumpy\nndarray\nJ\x00\x00\x00\x7f\x85\x85R.", "directly"),
        (b"\x80\x02c__builtin__\nbytes\nJ\x00\x00\x00\x7f\x85R.", "bytes"),
        (b"\x80\x02c__builtin__\nset\nc__builtin__\nset\n\x85R.", "set"),
        (b"\x80\x02ccollections\nOrderedDict\n}X\x01\x00\x00\x00aK\x01sb.", "state"),
        (b"\x80\x02]}X\x01\x00\x00\x00aK\x01sb.", "state"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "os.system"),
        (b"\x80\x04\x8c\x08builtins\x8c\x0etuple.__init__\x93.", "tuple.__init__"),
    ],
    ids=range(16),
)
def test_refused_by_hand(data, word):
    with pytest.raises(FormatError, match=word):
        safe_pickle.loads(data, "file")


def test_refused_class_is_named_and_is_an_unpickling_error():
    with pytest.raises(ForbiddenGlobalError, match=r"subprocess\.Popen") as caught:
        safe_pickle.loads(b"\x80\x04csubprocess\nPopen\n.", "file")
    assert isinstance(caught.value, (pickle.UnpicklingError, ValueError))


def test_static_lod_tensor_form():
    """`eval("data", {"data": array})`, which is not evaluated."""
    data = pickle.dumps(Evil(eval, "data", {"data": np.arange(3)}), 2)
    assert same(safe_pickle.loads(data), np.arange(3))


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"x.",
        b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"x.",
        b"\x80\x04B" + struct.pack("<I", 0xFFFFFFFF) + b"x.",
        b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b"x.",
        b"\x80\x04\x8b" + struct.pack("<i", 0x7FFFFFFF) + b"x.",
        b"\x80\x04\x96" + struct.pack("<Q", 1 << 40) + b"x.",
        b"\x80\x02]r" + struct.pack("<I", 0xFFFFFFF0) + b"K\x01a",
        b"\x80\x02" + b"(" * 2000,
        b"\x80\x02" + b"]" * 100000 + b"a" * 99999,
        b"\x80\x63.",
        b"\x80\x04.",
        b"\x80\x04",
        b"\x80",
    ],
    ids=range(13),
)
def test_sizes_are_checked_before_allocation(data):
    with pytest.raises(FormatError):
        safe_pickle.loads(data, "file")


def test_arrays_of_protocol_5():
    arrays = {"a": np.arange(6, dtype="float32").reshape(2, 3), "f": np.asfortranarray(np.eye(2, 3)), "b": np.arange(3, dtype=">i4")}
    found = safe_pickle.loads(pickle.dumps(arrays, 5))
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].flags.writeable
    data = pickle.dumps(arrays["a"], 5)
    with pytest.raises(FormatError, match="needs 28 bytes, the file has 24"):
        safe_pickle.loads(data.replace(b"K\x02K\x03\x86", b"K\x07K\x01\x86"))


def test_array_data_must_fit_its_shape():
    good = pickle.dumps(np.arange(4, dtype="int32"), 3)
    for bad in (good.replace(b"K\x04\x85", b"K\x05\x85"), good.replace(b"K\x04\x85", b"K\x02\x85")):
        assert bad != good
        with pytest.raises(FormatError, match="needs"):
            safe_pickle.loads(bad, "file")


def test_truncation_everywhere():
    data = safe_pickle.dumps({"w": np.arange(50.0), "n": [1, "two", (3.0, None)], "b": np.zeros((2, 3), "int8")}, 4)
    for protocol in (2, 4):
        data = safe_pickle.dumps({"w": np.arange(50.0), "n": [1, "two", (3.0, None)]}, protocol)
        for end in range(len(data)):
            with pytest.raises(FormatError, match="file"):
                safe_pickle.loads(data[:end], "file")


def test_flipped_bytes_raise_only_format_errors():
    rng = np.random.default_rng(0)
    for protocol in (2, 3, 4):
        data = safe_pickle.dumps(
            {"w": np.arange(5.0), "n": [1, "two", (3.0, None)], "m": {"x": np.float32(1)}}, protocol
        )
        for _ in range(1500):
            bad = bytearray(data)
            for _ in range(rng.integers(1, 4)):
                bad[rng.integers(len(bad))] = rng.integers(256)
            try:
                safe_pickle.loads(bytes(bad), "file")
            except FormatError:
                pass


def test_empty():
    with pytest.raises(EmptyFileError, match=r"file.*Ran out of input"):
        safe_pickle.loads(b"", "file")
    assert issubclass(EmptyFileError, EOFError) and issubclass(EmptyFileError, ValueError)


def test_writing_refuses_what_cannot_be_read_back():
    for value in (
        Evil(os.system, "x"),
        object(),
        os.system,
        lambda: 0,
        Evil,
        np.array([object()]),
        np.array([(1, 2.0)], "i4,f4"),
        np.datetime64("2020-01-01"),
    ):
        with pytest.raises(NotImplementedError, match="paddle.save cannot write"):
            safe_pickle.dumps({"a": value})


@pytest.mark.parametrize("protocol", [0, 1, 5, -1, True, "4", None, 3.0])
def test_protocol(protocol):
    with pytest.raises(ValueError, match="protocol"):
        safe_pickle.dumps(1, protocol)


def test_position_after_the_pickle():
    file = io.BytesIO(b"xx" + safe_pickle.dumps([1, 2]) + b"rest")
    file.seek(2)
    assert safe_pickle.load(file, "file") == [1, 2]
    assert file.read() == b"rest"
