"""`x[...] = number` in files: the form of 2.5 and later, marked as such, and the older one."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import minipaddle as paddle
from minipaddle import nn
from minipaddle.formats import pdmodel
from minipaddle.static import InputSpec


class Written(nn.Layer):
    def __init__(self, dtype: str) -> None:
        super().__init__()
        self.kind = dtype

    def forward(self, x):
        h = x.astype(self.kind)
        h[:, 1] = True if self.kind == "bool" else 5
        return h


def _saved(folder: Path, dtype: str = "float32") -> str:
    prefix = str(folder / "model")
    paddle.jit.save(Written(dtype), prefix, input_spec=[InputSpec([None, 3], "float32")])
    return prefix


def _desc(prefix: str):
    from minipaddle.formats import framework_pb2

    return framework_pb2.ProgramDesc.FromString(Path(prefix + ".pdmodel").read_bytes())


def test_the_file_says_which_form_the_operator_has(tmp_path: Path) -> None:
    # Paddle 3 reads zeros for the values where this is missing
    prefix = _saved(tmp_path)
    assert {p.op_name: p.op_version.version for p in _desc(prefix).op_version_map.pair} == {b"set_value": 4}
    again = str(tmp_path / "again")
    loaded = paddle.jit.load(prefix)
    paddle.jit.save(loaded, again, input_spec=[InputSpec([None, 3], "float32")])
    assert {p.op_name: p.op_version.version for p in _desc(again).op_version_map.pair} == {b"set_value": 4}


def test_other_programs_need_no_versions() -> None:
    program = paddle.static.Program()
    assert not pdmodel.loads(pdmodel.dumps(program)).op_version_map


@pytest.mark.parametrize(
    "dtype, name, field, value",
    [
        ("float32", b"fp32_values", "floats", 5.0),
        ("int32", b"int32_values", "ints", 5),
        ("int64", b"int64_values", "longs", 5),
        ("float64", b"fp64_values", "float64s", 5.0),
        ("bool", b"bool_values", "ints", 1),
    ],
)
def test_values_of_files_before_2_5_are_found(tmp_path: Path, dtype: str, name: bytes, field: str, value: float) -> None:
    from minipaddle.formats import framework_pb2

    prefix = _saved(tmp_path, dtype)
    desc = _desc(prefix)
    desc.version.version = 2004002
    desc.ClearField("op_version_map")
    kinds = {"floats": "FLOATS", "ints": "INTS", "longs": "LONGS", "float64s": "FLOAT64S"}
    (op,) = [op for op in desc.blocks[0].ops if op.type == b"set_value"]
    kept = [a for a in op.attrs if a.name != b"values"]
    del op.attrs[:]
    op.attrs.extend(kept)
    for list_name in (b"bool_values", b"fp32_values", b"int32_values", b"int64_values", b"fp64_values", b"fp16_values"):
        kind = field if list_name == name else "floats" if list_name.startswith(b"fp") else "ints"
        attr = op.attrs.add(name=list_name, type=framework_pb2.ATTR_TYPES[kinds[kind]])
        if list_name == name:
            getattr(attr, field).append(value)
    Path(prefix + ".pdmodel").write_bytes(desc.SerializeToString())
    x = paddle.to_tensor(np.arange(6, dtype="float32").reshape(2, 3))
    result = paddle.jit.load(prefix)(x)
    expected = x.numpy().astype(dtype)
    expected[:, 1] = value
    np.testing.assert_array_equal(result.numpy(), expected)
    program = pdmodel.loads(pdmodel.dumps(pdmodel.load_file(prefix + ".pdmodel")))
    assert program.op_version_map == {"set_value": 4}  # it is written in the new form


def test_float64_constants_keep_their_digits(tmp_path: Path) -> None:
    class Sums(nn.Layer):
        def forward(self, x):
            y = x.astype("float64")
            return y + paddle.to_tensor(np.array([1.0, 0.5, -2.0])), y + paddle.to_tensor(np.array([0.1, 1e300, np.inf]))

    prefix = str(tmp_path / "model")
    paddle.jit.save(Sums(), prefix, input_spec=[InputSpec([None, 3], "float32")])
    found = paddle.jit.load(prefix)(paddle.zeros([1, 3]))
    assert found[0].numpy().tolist() == [[1.0, 0.5, -2.0]] and found[1].numpy().tolist() == [[0.1, 1e300, np.inf]]
    kinds = [op.attrs["dtype"] for op in pdmodel.load_file(prefix + ".pdmodel").global_block().ops if op.type == "assign_value"]
    assert kinds == [5, 6]  # what float32 holds exactly is written as Paddle writes it, so that Paddle 3 reads it too
