"""Programs and their files."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from minipaddle import dtypes
from minipaddle.core.program import Operator, Program
from minipaddle.errors import FormatError
from minipaddle.formats import pdmodel
from minipaddle.ops import registry
from minipaddle.ops.registry import OPS, DTypeNumber, Floats, Ints, Long, Longs, Scalars, op

from .common import GOLDEN, INDEX, arrays, keys, label, program_files

PROGRAMS = program_files("v185", "v262", "v331_legacy")
SAVED = [k for k in keys("v262", "v331_legacy", having="methods") if INDEX[k]["load"]["api"] == "paddle.jit.load"]


def pb():
    from minipaddle.formats import framework_pb2

    return framework_pb2


@pytest.fixture
def known() -> Iterator[str]:
    """An operator whose attributes have every type that needs care."""
    name = "formats_test"

    @op(name, "X, Y? -> Out")
    def f(
        xp,
        x,
        y=None,
        *,
        number: int = 1,
        ratio: float = 0.5,
        text: str = "t",
        flag: bool = True,
        axes: Ints = (1, 2),
        wide: Long = 3,
        shape: Longs = (),
        factors: Floats = (),
        dtype: DTypeNumber = 5,
        values: Scalars = (),
        needed: int = None,
        is_test: bool = False,
    ):
        return x

    yield name
    del OPS[name]


def small(type_name: str = "relu", attrs: dict | None = None) -> Program:
    program = Program()
    block = program.global_block()
    block.create_var("x", [-1, 4], "float32", need_check_feed=True)
    block.create_var("y", [-1, 4], "float32")
    block.append_op(type_name, {"X": "x"}, {"Out": "y"}, attrs)
    return program


def described(program: Program) -> pb:
    return pb().ProgramDesc.FromString(pdmodel.dumps(program))


def operators(program: Program) -> list:
    def used(slots):  # the number after scale_<i>.tmp_ counts the saves of the process
        return {
            slot: [re.sub(r"(scale_\d+\.tmp_)\d+", r"\1n", n) for n in names] for slot, names in slots.items() if names
        }

    return [(o.type, used(o.inputs), used(o.outputs)) for b in program.blocks for o in b.ops]


def attributes(op_desc) -> dict:
    names = {n: t for t, n in pb().ATTR_TYPES.items()}
    return {a.name.decode(): (names[a.type], a) for a in op_desc.attrs}


# --- files of Paddle


@pytest.mark.parametrize("path", PROGRAMS, ids=label)
def test_golden_programs_survive(path):
    program = pdmodel.load_file(str(path))
    data = pdmodel.dumps(program, callstack=True)
    again = pdmodel.loads(data)
    assert str(again) == str(program)
    assert pdmodel.dumps(again, callstack=True) == data
    assert pdmodel.dumps(program.clone(), callstack=True) == data
    assert program.desc_version in (1008005, 2006002, 3003001)


@pytest.mark.parametrize("path", PROGRAMS, ids=label)
def test_golden_programs_are_written_as_they_were(path):
    """Message by message: nothing lost, and of attributes only more (defaults, common ones) and never another value."""
    source = pb().ProgramDesc.FromString(path.read_bytes())
    written = pb().ProgramDesc.FromString(pdmodel.dumps(pdmodel.load_file(str(path)), callstack=True))
    assert written.version == source.version and written.op_version_map == source.op_version_map
    assert written.op_compatible_map == source.op_compatible_map
    for a, b in zip(source.blocks, written.blocks, strict=True):
        assert (a.idx, a.parent_idx, a.forward_block_idx) == (b.idx, b.parent_idx, b.forward_block_idx)
        for v, w in zip(a.vars, b.vars, strict=True):
            for flag in ("persistable", "need_check_feed", "is_parameter", "stop_gradient"):
                assert getattr(v, flag) == getattr(w, flag)
                v.ClearField(flag)
                w.ClearField(flag)
            for part in ("lod_tensor", "tensor_array"):
                if v.type.HasField(part):
                    getattr(v.type, part).lod_level = getattr(v.type, part).lod_level  # absent means 0
            assert v == w
        for o, p in zip(a.ops, b.ops, strict=True):
            assert o.type == p.type and o.is_target == p.is_target
            for side in ("inputs", "outputs"):
                key = lambda s: s.parameter  # noqa: E731
                assert sorted(getattr(o, side), key=key) == sorted(getattr(p, side), key=key)
            old, new = attributes(o), attributes(p)
            for name, (kind, value) in old.items():
                if name == "op_callstack":
                    assert not value.strings or list(new[name][1].strings)[::2] == list(value.strings)[::2]
                elif new[name][0] == kind:
                    assert new[name][1] == value, (o.type, name)


@pytest.mark.parametrize("key", SAVED)
def test_golden_inference_programs(key):
    entry = INDEX[key]
    for method, spec in entry["methods"].items():
        prefix = GOLDEN / key / entry["load"]["path"]
        path = f"{prefix}{'' if method == 'forward' else '.' + method}.pdmodel"
        program = pdmodel.load_file(path)
        body, feeds, fetches = pdmodel.from_inference_program(program)
        assert feeds == [i["name"] for i in spec["inputs"]]
        assert len(fetches) == len(spec["outputs"])
        types = [o.type for o in body.global_block().ops]
        assert "feed" not in types and "fetch" not in types
        assert not any(n.startswith("save_infer_model/") for n in body.global_block().vars)
        for v, i in zip(feeds, spec["inputs"], strict=True):
            if "shape" in i:
                assert list(body.global_block().var(v).static_shape) == i["shape"]
                assert body.global_block().var(v).dtype.name == i["dtype"]
        values = arrays(key)
        for v in body.persistables():
            assert v.static_shape == values[v.name].shape

        again = pdmodel.to_inference_program(body, feeds, fetches)
        assert pdmodel.from_inference_program(again)[1:] == (feeds, fetches)
        assert [v.name for v in again.persistables()] == [v.name for v in program.persistables()]
        if entry["version"] == "2.6.2":
            assert operators(again) == operators(program)
        assert pdmodel.dumps(again) == pdmodel.dumps(pdmodel.to_inference_program(body, feeds, fetches))


def test_callstack_is_read_and_written():
    program = pdmodel.load_file(str(GOLDEN / "v262/linear_f64/net.pdmodel"))
    feed = program.global_block().ops[0]
    assert feed.type == "feed" and feed.callstack == [("model.py", 1, "forward")]
    assert "op_callstack" not in feed.attrs
    assert b"op_callstack" not in pdmodel.dumps(program)
    program = small()
    program.global_block().ops[0].callstack = [(__file__, 1, "f"), ("no such\nfile", 3, "g")]
    again = pdmodel.loads(pdmodel.dumps(program, callstack=True))
    assert again.global_block().ops[0].callstack == program.global_block().ops[0].callstack
    stack = attributes(described_op(program, callstack=True))["op_callstack"][1].strings
    assert stack[0].decode() == f'  File "{__file__}", line 1, in f'
    assert stack[1].decode() == '    """Programs and their files."""'


def described_op(program: Program, callstack: bool = False):
    return pb().ProgramDesc.FromString(pdmodel.dumps(program, callstack)).blocks[0].ops[0]


# --- what is not understood


def test_unknown_fields_operators_and_attributes_survive():
    desc = described(small("operator_of_the_future", {"sub": [1, 2], "half": 0.5}))
    unknown = b"\xf2\x3f\x03abc"  # field 1022, three bytes
    block = desc.blocks[0]
    later = block.ops[0].attrs.add(name=b"later", type=99)
    later.MergeFromString(unknown)
    block.ops[0].attrs[0].MergeFromString(unknown)
    block.ops[0].inputs[0].MergeFromString(unknown)
    block.ops[0].MergeFromString(unknown)
    block.vars[0].MergeFromString(unknown)
    block.vars[0].type.lod_tensor.tensor.MergeFromString(unknown)
    block.vars[0].attrs.add(name=b"q", type=0, i=3)
    block.vars.add(name=b"new kind").type.type = 77
    block.vars.add(name=b"reader").type.type = 15
    block.vars[3].type.reader.lod_tensor.add().tensor.data_type = 5
    block.vars.add(name=b"float8").type.type = 7
    block.vars[4].type.lod_tensor.tensor.data_type = 32
    block.vars[4].type.lod_tensor.tensor.dims.extend([2, 3])
    block.MergeFromString(unknown)
    desc.MergeFromString(unknown)
    program = pdmodel.loads(desc.SerializeToString())
    assert program.global_block().var("new kind").kind == "77"
    assert program.global_block().var("float8").static_shape == (2, 3)
    assert not program.global_block().var("float8").has_dtype
    for p in (program, program.clone()):
        again = pb().ProgramDesc.FromString(pdmodel.dumps(p))
        for v in again.blocks[0].vars:  # written always, absent in the messages above
            if v.name in (b"new kind", b"reader", b"float8"):
                v.ClearField("persistable")
        again.blocks[0].vars[4].type.lod_tensor.ClearField("lod_level")
        assert again.blocks[0].ops[0].attrs[-1].name == b"with_quant_attr"
        ours = {a.name: a for a in again.blocks[0].ops[0].attrs}
        for a in block.ops[0].attrs:
            assert ours[a.name].SerializeToString() == a.SerializeToString()
        for m in (desc, again):
            del m.blocks[0].ops[0].attrs[:]
        assert again.SerializeToString(deterministic=True) == desc.SerializeToString(deterministic=True)


def test_text_that_is_not_utf8():
    desc = described(small())
    desc.blocks[0].vars[0].name = b"caf\xe9"
    desc.blocks[0].ops[0].inputs[0].arguments[0] = b"caf\xe9"
    program = pdmodel.loads(desc.SerializeToString())
    assert program.global_block().ops[0].input_arg_names == ["caf\udce9"]
    assert pb().ProgramDesc.FromString(pdmodel.dumps(program)).blocks[0].vars[0].name == b"caf\xe9"


def test_packed_numbers_are_read():
    data = pdmodel.dumps(small("anything", {"axes": [1, 2, 3]}))
    unpacked = b"\x30\x01\x30\x02\x30\x03"
    assert unpacked in data
    packed = data.replace(
        unpacked, b"\x32\x03\x01\x02\x03" + b"\x1d"
    )  # keep the lengths: end with a float field cut below
    with pytest.raises(FormatError):
        pdmodel.loads(packed)
    desc = described(small("anything", {"axes": [1, 2, 3]}))
    attr = next(a for a in desc.blocks[0].ops[0].attrs if a.name == b"axes")
    attr.ClearField("ints")
    attr.MergeFromString(b"\x32\x03\x01\x02\x03")
    assert pdmodel.loads(desc.SerializeToString()).global_block().ops[0].attrs["axes"] == [1, 2, 3]


# --- attributes


def test_exact_types_are_written(known):
    program = small(
        known,
        {
            "number": np.int64(7),
            "ratio": 2,
            "flag": 0,
            "axes": (np.int32(3),),
            "wide": 1 << 40,
            "shape": [5],
            "values": [True, 2, 2.5, 1j],
            "dtype": dtypes.float64,
            "factors": np.ones(2),
        },
    )
    found = attributes(described_op(program))
    kinds = {n: k for n, (k, _) in found.items()}
    assert kinds == {
        "number": "INT",
        "ratio": "FLOAT",
        "text": "STRING",
        "flag": "BOOLEAN",
        "axes": "INTS",
        "wide": "LONG",
        "shape": "LONGS",
        "factors": "FLOATS",
        "dtype": "INT",
        "values": "SCALARS",
        "is_test": "BOOLEAN",
        "op_role": "INT",
        "op_role_var": "STRINGS",
        "op_namescope": "STRING",
        "op_device": "STRING",
        "with_quant_attr": "BOOLEAN",
    }
    assert found["number"][1].i == 7 and found["ratio"][1].f == 2.0 and found["text"][1].s == b"t"
    assert list(found["axes"][1].ints) == [3] and found["wide"][1].l == 1 << 40 and found["dtype"][1].i == 6
    assert [s.type for s in found["values"][1].scalars] == [1, 2, 3, 4]
    assert found["op_namescope"][1].s == b"/" and found["op_role"][1].i == 0 and found["op_role"][1].HasField("i")
    again = pdmodel.loads(pdmodel.dumps(program)).global_block().ops[0]
    assert again.attrs["values"] == [True, 2, 2.5, 1j] and type(again.attrs["values"][0]) is bool
    assert again.attrs["axes"] == [3] and again.attr_types == {}


def test_absent_attributes_get_their_defaults(known):
    program = pdmodel.loads(pdmodel.dumps(small("other")).replace(b"other", b"relu_"))
    desc = described(program)
    desc.blocks[0].ops[0].type = known.encode()
    del desc.blocks[0].ops[0].attrs[:]
    found = pdmodel.loads(desc.SerializeToString()).global_block().ops[0]
    assert found.attrs["axes"] == [1, 2] and found.attrs["ratio"] == 0.5 and found.attrs["flag"] is True
    assert "needed" not in found.attrs
    found.attrs["axes"].append(9)
    assert pdmodel.loads(desc.SerializeToString()).global_block().ops[0].attrs["axes"] == [1, 2]


@pytest.mark.parametrize(
    "name,kind,field,value,expected",
    [
        ("number", "LONG", "l", 5, 5),
        ("number", "FLOAT", "f", 5.0, 5),
        ("number", "BOOLEAN", "b", True, 1),
        ("number", "INTS", "ints", [5], 5),
        ("ratio", "FLOAT64", "float64", 0.25, 0.25),
        ("ratio", "INT", "i", 2, 2.0),
        ("flag", "INT", "i", 0, False),
        ("axes", "LONGS", "longs", [1, 2], [1, 2]),
        ("axes", "INT", "i", 4, [4]),
        ("axes", "FLOATS", "floats", [1.0, 2.0], [1, 2]),
        ("wide", "INT", "i", -2, -2),
        ("shape", "INTS", "ints", [], []),
        ("factors", "FLOAT64S", "float64s", [0.5], [0.5]),
        ("text", "STRINGS", "strings", [b"a"], "a"),
    ],
)
def test_any_numeric_type_is_read(known, name, kind, field, value, expected):
    desc = described(small(known))
    attrs = desc.blocks[0].ops[0].attrs
    kept = [a for a in attrs if a.name != name.encode()]
    del attrs[:]
    attrs.extend(kept)
    attrs.add(name=name.encode(), type=pb().ATTR_TYPES[kind], **{field: value})
    found = pdmodel.loads(desc.SerializeToString()).global_block().ops[0]
    assert found.attrs[name] == expected and type(found.attrs[name]) is type(expected)
    declared = OPS[known].attrs[name].type
    assert attributes(described_op(found.block.program))[name][0] == declared


def test_scalar_is_read_for_a_number(known):
    desc = described(small(known))
    attr = next(a for a in desc.blocks[0].ops[0].attrs if a.name == b"ratio")
    attr.Clear()
    attr.name, attr.type = b"ratio", pb().ATTR_TYPES["SCALAR"]
    attr.scalar.type, attr.scalar.r = 3, 0.75
    assert pdmodel.loads(desc.SerializeToString()).global_block().ops[0].attrs["ratio"] == 0.75


def test_values_of_another_kind_keep_their_type(known):
    """A tensor in place of a number (VAR), or something no conversion can express, is kept as it stands."""
    desc = described(small(known))
    for attr in desc.blocks[0].ops[0].attrs:
        if attr.name == b"axes":
            attr.Clear()
            attr.name, attr.type, attr.var_name = b"axes", 13, b"x"
        if attr.name == b"number":
            attr.Clear()
            attr.name, attr.type, attr.f = b"number", 1, 1.5
        if attr.name == b"wide":
            attr.Clear()
            attr.name, attr.type = b"wide", 14
            attr.vars_name.extend([b"x", b"y"])
    found = pdmodel.loads(desc.SerializeToString()).global_block().ops[0]
    assert found.attrs["axes"] == "x" and found.attrs["wide"] == ["x", "y"] and found.attrs["number"] == 1.5
    assert found.attr_types == {"axes": "VAR", "number": "FLOAT", "wide": "VARS"}
    kinds = {n: k for n, (k, _) in attributes(described_op(found.block.program)).items()}
    assert (kinds["axes"], kinds["number"], kinds["wide"]) == ("VAR", "FLOAT", "VARS")


@pytest.mark.parametrize(
    "attrs,message",
    [
        ({"number": 1 << 40}, "attribute number"),
        ({"number": 1.5}, "attribute number"),
        ({"text": 3}, "attribute text"),
        ({"flag": 2}, "attribute flag"),
        ({"axes": ["a"]}, "attribute axes"),
        ({"number": [1, 2]}, "attribute number"),
        ({"strange": object()}, "attribute strange"),
        ({"strange": [1, "a"]}, "attribute strange"),
    ],
)
def test_unwritable_attributes_are_named(known, attrs, message):
    with pytest.raises(ValueError, match=f"operator {known}: {message}"):
        pdmodel.dumps(small(known, attrs))


def test_types_of_unknown_operators_are_guessed():
    attrs = {
        "a": 1,
        "b": 1 << 40,
        "c": 0.5,
        "d": "s",
        "e": True,
        "f": [1],
        "g": [1 << 40],
        "h": [0.5, 1],
        "i": ["s"],
        "j": [False],
        "k": [],
    }
    kinds = {n: k for n, (k, _) in attributes(described_op(small("nobody_knows", attrs))).items() if len(n) == 1}
    assert list(kinds.values()) == [
        "INT",
        "LONG",
        "FLOAT",
        "STRING",
        "BOOLEAN",
        "INTS",
        "LONGS",
        "FLOATS",
        "STRINGS",
        "BOOLEANS",
        "INTS",
    ]
    found = pdmodel.loads(pdmodel.dumps(small("nobody_knows", attrs))).global_block().ops[0]
    assert {n: v for n, v in found.attrs.items() if len(n) == 1} == attrs
    assert found.attr_types["b"] == "LONG"


@pytest.mark.filterwarnings("ignore:the Program holds second derivatives")
def test_every_defined_operator_can_be_written():
    """Each definition's defaults fit the types it declares."""
    for name, definition in list(registry.OPS.items()):
        program = Program()
        program.global_block().append_op(name, {}, {}, dict(definition.defaults))
        for o in pdmodel.loads(pdmodel.dumps(program)).global_block().ops:
            assert set(o.attr_types) == set(), (name, o.attr_types)
            for attr in definition.attrs.values():
                if attr.default is not None and attr.type not in ("FLOAT", "FLOATS", "SCALAR"):
                    assert o.attrs[attr.name] == attr.default, (name, attr.name)


def test_attributes_of_kernels_are_written():
    """Paddle 2.6.2 cannot build the gradient of a cast without `use_mkldnn`, which files of 1.8 do not have."""
    found = attributes(described_op(small("cast", {"in_dtype": 5, "out_dtype": 3})))
    assert found["use_mkldnn"][0] == "BOOLEAN" and found["use_mkldnn"][1].b is False
    assert pdmodel.loads(pdmodel.dumps(small("sum"))).global_block().ops[0].attr_types == {}


# --- inference form


def two_branches() -> Program:
    program = Program()
    b = program.global_block()
    for name in ("x", "label"):
        b.create_var(name, [-1, 4], "float32", need_check_feed=True)
    b.create_var("w", [4, 4], "float32", persistable=True, is_parameter=True)
    b.create_var("unused_w", [4, 4], "float32", persistable=True, is_parameter=True)
    for name in ("h", "drop", "mask", "loss", "flag"):
        b.create_var(name, [-1, 4], "bool" if name == "flag" else "float32", stop_gradient=True)
    b.append_op("matmul_v2", {"X": "x", "Y": "w"}, {"Out": "h"}, {"trans_x": False, "trans_y": False})
    b.append_op("dropout", {"X": "h"}, {"Out": "drop", "Mask": "mask"}, {"dropout_prob": 0.5, "is_test": False})
    b.append_op("square_error_cost", {"X": "drop", "Y": "label"}, {"Out": "loss"})
    b.append_op("greater_than", {"X": "h", "Y": "drop"}, {"Out": "flag"})
    b.append_op("sgd", {"Param": "w", "Grad": "loss"}, {"ParamOut": "w"}, {"op_role": 2})
    return program


def test_inference_form():
    source = two_branches()
    before = pdmodel.dumps(source)
    program = pdmodel.to_inference_program(source, ["x"], ["drop", "flag", "h"])
    assert pdmodel.dumps(source) == before
    b = program.global_block()
    assert [o.type for o in b.ops] == [
        "feed",
        "matmul_v2",
        "dropout",
        "greater_than",
        "scale",
        "scale",
        "fetch",
        "fetch",
        "fetch",
    ]
    assert [o.attrs["col"] for o in b.ops if o.type == "fetch"] == [0, 1, 2]
    assert [o.input_arg_names for o in b.ops if o.type == "fetch"] == [
        ["save_infer_model/scale_0.tmp_0"],
        ["flag"],
        ["save_infer_model/scale_2.tmp_0"],
    ]
    dropout = b.ops[2]
    assert dropout.attrs["is_test"] is True and list(dropout.outputs) == ["Out"]
    assert "mask" not in b.vars and "label" not in b.vars and "unused_w" not in b.vars
    assert b.var("feed").kind == "FEED_MINIBATCH" and b.var("fetch").kind == "FETCH_LIST"
    assert b.var("feed").persistable and b.var("fetch").persistable
    assert not b.var("w").is_parameter and not b.var("h").stop_gradient and b.var("x").need_check_feed
    assert [v.name for v in program.persistables()] == ["w"]
    assert program.desc_version == 2006002
    body, feeds, fetches = pdmodel.from_inference_program(pdmodel.loads(pdmodel.dumps(program)))
    assert feeds == ["x"] and fetches == ["drop", "flag", "h"]
    assert [o.type for o in body.global_block().ops] == ["matmul_v2", "dropout", "greater_than"]


def test_inference_form_keeps_more_when_asked():
    program = pdmodel.to_inference_program(
        two_branches(), ["x", "label"], ["drop"], prune_program=False, clip_extra=False, keep_flags=True
    )
    b = program.global_block()
    assert "sgd" in [o.type for o in b.ops] and "Mask" in next(o for o in b.ops if o.type == "dropout").outputs
    assert b.var("w").is_parameter and b.var("h").stop_gradient


def test_feeds_stand_in_reverse_order():
    program = pdmodel.to_inference_program(two_branches(), ["x", "label"], ["loss"])
    assert [(o.output_arg_names, o.attrs["col"]) for o in program.global_block().ops[:2]] == [(["label"], 1), (["x"], 0)]
    assert pdmodel.from_inference_program(program)[1] == ["x", "label"]


def test_pruning_errors():
    with pytest.raises(ValueError, match="'nothing' is not in the Program"):
        pdmodel.prune(two_branches(), ["x"], ["nothing"])
    with pytest.raises(ValueError, match="'label', which no operator makes"):
        pdmodel.prune(two_branches(), ["x"], ["loss"])
    with pytest.raises(ValueError, match=r"feeded_var_names\[1\]: 'label' doesn't exist in pruned"):
        pdmodel.to_inference_program(two_branches(), ["x", "label"], ["drop"])
    with pytest.raises(ValueError, match=r"feeded_var_names\[1\]: 'zzz'"):
        pdmodel.to_inference_program(two_branches(), ["x", "zzz"], ["drop"])
    with pytest.raises(FormatError, match="no fetch operators"):
        pdmodel.from_inference_program(two_branches())
    path = str(GOLDEN / "v262/static_save_adam/fc.pdmodel")
    with pytest.raises(FormatError, match=r"fc\.pdmodel: the Program has no fetch"):
        pdmodel.from_inference_program(pdmodel.load_file(path))


def test_an_intermediate_result_can_be_fed():
    program = pdmodel.to_inference_program(two_branches(), ["h"], ["drop"])
    assert [o.type for o in program.global_block().ops] == ["feed", "dropout", "scale", "fetch"]


def test_an_input_can_be_fetched():
    program = pdmodel.to_inference_program(two_branches(), ["x"], ["x"])
    assert [o.type for o in program.global_block().ops] == ["feed", "scale", "fetch"]
    assert pdmodel.from_inference_program(program)[1:] == (["x"], ["x"])


def with_blocks() -> Program:
    program = two_branches()
    b = program.global_block()
    for name in ("cond", "out1", "out2"):
        b.create_var(name, [1], "bool" if name == "cond" else "float32")
    b.append_op("less_than", {"X": "h", "Y": "h"}, {"Out": "cond"})
    for out, inner in (("out1", "unused_w"), ("out2", "w")):
        sub = program.create_block(0)
        sub.create_var(out + ".t", [4, 4], "float32")
        nested = program.create_block(sub.idx)
        nested.append_op("assign", {"X": inner}, {"Out": out + ".t"})
        program.rollback()
        sub.append_op("conditional_block", {"Cond": "cond"}, {"Out": out + ".t"}, {"sub_block": nested})
        sub.append_op("assign", {"X": out + ".t"}, {"Out": out})
        program.rollback()
        b.append_op("conditional_block", {"Cond": "cond", "Input": "h"}, {"Out": out}, {"sub_block": sub.idx})
    return program


def test_blocks():
    program = with_blocks()
    again = pdmodel.loads(pdmodel.dumps(program))
    assert [o.attrs.get("sub_block") for o in again.global_block().ops if o.type == "conditional_block"] == [1, 3]
    kinds = attributes(pb().ProgramDesc.FromString(pdmodel.dumps(program)).blocks[0].ops[-1])
    assert kinds["sub_block"][0] == "BLOCK" and kinds["sub_block"][1].block_idx == 3
    assert [b.parent_idx for b in again.blocks] == [-1, 0, 1, 0, 3]


def test_blocks_are_pruned_and_numbered_afresh():
    program = pdmodel.to_inference_program(with_blocks(), ["x"], ["out2"])
    assert [(b.idx, b.parent_idx) for b in program.blocks] == [(0, -1), (1, 0), (2, 1)]
    assert [v.name for v in program.persistables()] == ["w"]
    assert [o.type for o in program.global_block().ops] == [
        "feed",
        "matmul_v2",
        "less_than",
        "conditional_block",
        "scale",
        "fetch",
    ]
    assert program.blocks[1].ops[0].attrs["sub_block"] == 2
    assert "out2.t" in program.blocks[1].vars
    pdmodel.loads(pdmodel.dumps(program))


def test_loop_over_a_fed_variable():
    """A while operator reads and writes the fed variable; it must not be taken for what makes the feed."""
    body, feeds, fetches = pdmodel.from_inference_program(
        pdmodel.load_file(str(GOLDEN / "v262/control_flow/net.pdmodel"))
    )
    again = pdmodel.to_inference_program(body, feeds, fetches)
    assert "while" in [o.type for o in again.global_block().ops]


# --- damage


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"hello", b"\x80\x04}.", b"\n", b"{}", b"\0" * 100, b"\n\x00", b"\x22\x00", b"text\n" * 50]
)
def test_foreign_files(data, tmp_path):
    path = tmp_path / "model.pdmodel"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"model\.pdmodel") as caught:
        pdmodel.load_file(str(path))
    assert isinstance(caught.value, ValueError)


def test_truncation():
    data = (GOLDEN / "v262/linear_multi/net.predict.pdmodel").read_bytes()
    blocks_end = len(pb().ProgramDesc(blocks=pb().ProgramDesc.FromString(data).blocks).SerializeToString())
    for end in range(0, len(data), 7):
        try:
            pdmodel.loads(data[:end], "name")
        except FormatError as error:
            assert "name" in str(error)
        else:
            assert end >= blocks_end  # only the version map is missing, of which nobody asks


def test_flipped_bytes_raise_only_format_errors():
    rng = np.random.default_rng(0)
    data = (GOLDEN / "v262/control_flow/net.pdmodel").read_bytes()
    for _ in range(400):
        bad = bytearray(data)
        for _ in range(rng.integers(1, 6)):
            bad[rng.integers(len(bad))] = rng.integers(256)
        try:
            pdmodel.dumps(pdmodel.loads(bytes(bad)))
        except FormatError:
            pass


def test_inconsistent_blocks():
    for field, value in (("idx", 1), ("parent_idx", 0), ("parent_idx", -2)):
        desc = described(small())
        setattr(desc.blocks[0], field, value)
        with pytest.raises(FormatError, match="block 0"):
            pdmodel.loads(desc.SerializeToString())
    for index in (0, 1, -1, 99):
        desc = described(small("x", {"sub_block": 1}))
        attributes(desc.blocks[0].ops[0])["sub_block"][1].block_idx = index
        with pytest.raises(FormatError, match="names block"):
            pdmodel.loads(desc.SerializeToString())


def test_missing_file():
    with pytest.raises(FileNotFoundError):
        pdmodel.load_file("nothing.pdmodel")


# --- the schema


def test_protobuf_is_imported_late():
    code = "import minipaddle, minipaddle.formats.pdmodel, sys; assert 'google.protobuf' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_generated_module_is_up_to_date():
    pytest.importorskip("grpc_tools")
    root = GOLDEN.parents[2]
    subprocess.run([sys.executable, str(root / "proto" / "generate.py"), "--check"], check=True)


def test_operator_extra_is_empty_for_known_files():
    """Files of the versions at hand have nothing that is not understood."""
    for path in PROGRAMS[::5]:
        program = pdmodel.load_file(str(path))
        ops: list[Operator] = [o for b in program.blocks for o in b.ops]
        assert not any(o.extra for o in ops)
