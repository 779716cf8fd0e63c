"""Programs and their files: ``.pdmodel`` and ``__model__`` hold one message ProgramDesc (proto/framework.proto).

Reading fills in the attributes that a file lacks from the operators' definitions and takes any numeric type for any
other; writing gives every declared attribute of a known operator its exact type, because real loaders insist on both.
What is not understood here (operators, attributes, fields of a later Paddle) is kept and written back. Writing is
deterministic.
"""

from __future__ import annotations

import linecache
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from .. import dtypes
from ..core import higher
from ..core.blocks import has_effect, inner_block
from ..core.callsite import remember_text
from ..core.custom_gradient import CUSTOM, without_gradients, without_pylayer
from ..core.old_programs import without_recurrent
from ..core.program import Block, Operator, Program, Variable
from ..errors import FormatError
from ..ops.registry import OPS

__all__ = ["dumps", "from_inference_program", "load_file", "loads", "prune", "to_inference_program"]

VERSION = 2006002  # of files written here: major * 1000000 + minor * 1000 + patch
SCALARS_SINCE = 4  # the version of set_value that has its values in one attribute of scalars; before, there was a list for each type
_OF_SCALARS = ("set_value", "set_value_grad")
_VALUE_LISTS = ("bool_values", "fp32_values", "int32_values", "int64_values", "fp64_values", "fp16_values")
VERSION_1X = 1008005  # of files written in the form of Paddle 1.x
_NOT_IN_1X = ("FLOAT64", "FLOAT64S", "SCALAR", "SCALARS", "VAR", "VARS")  # types of attributes
FIRST_2X = 2000000

# Attributes that Paddle puts on every operator; it reads files without them.
COMMON: dict[str, tuple[str, Any]] = {
    "op_role": ("INT", 0),
    "op_role_var": ("STRINGS", []),
    "op_namescope": ("STRING", "/"),
    "op_device": ("STRING", ""),
    "with_quant_attr": ("BOOLEAN", False),
}

# Attributes of Paddle's kernels that mean nothing here; its gradient operators fail when a file lacks them.
_ONEDNN = {"use_mkldnn": ("BOOLEAN", False), "mkldnn_data_type": ("STRING", "float32")}
KERNEL: dict[str, dict[str, tuple[str, Any]]] = {
    "cast": {"use_mkldnn": ("BOOLEAN", False)},
    "pool2d": {"use_cudnn": ("BOOLEAN", False)},
    "pool3d": {"use_cudnn": ("BOOLEAN", False)},
    "reshape2": {"use_quantizer": ("BOOLEAN", False)},
    "split": _ONEDNN,
    "sum": _ONEDNN,
}
CALLSTACK = "op_callstack"

# AttrType -> (field of OpDesc.Attr, list?)
_FIELDS = {
    "INT": ("i", False), "INTS": ("ints", True), "LONG": ("l", False), "LONGS": ("longs", True),
    "FLOAT": ("f", False), "FLOATS": ("floats", True), "FLOAT64": ("float64", False), "FLOAT64S": ("float64s", True),
    "STRING": ("s", False), "STRINGS": ("strings", True), "BOOLEAN": ("b", False), "BOOLEANS": ("bools", True),
    "BLOCK": ("block_idx", False), "BLOCKS": ("blocks_idx", True), "VAR": ("var_name", False),
    "VARS": ("vars_name", True), "SCALAR": ("scalar", False), "SCALARS": ("scalars", True),
}  # fmt: skip
_INTEGER = {"INT", "LONG", "BLOCK", "INTS", "LONGS", "BLOCKS"}
_FLOATING = {"FLOAT", "FLOAT64", "FLOATS", "FLOAT64S"}
_TEXT = {"STRING", "STRINGS", "VAR", "VARS"}
_LIMIT = {"INT": 31, "INTS": 31, "BLOCK": 31, "BLOCKS": 31, "LONG": 63, "LONGS": 63}

# kind of variable -> field of VarType with its element type and shape
_TENSOR_FIELDS = {
    "LOD_TENSOR": "lod_tensor",
    "LOD_TENSOR_ARRAY": "tensor_array",
    "SELECTED_ROWS": "selected_rows",
    "STRING": "string",
    "STRINGS": "strings",
    "VOCAB": "vocab",
    "SPARSE_COO": "sparse_coo",
    "SPARSE_CSR": "sparse_csr",
}
_WITH_LOD = ("lod_tensor", "tensor_array")

# Outputs that only training needs: Paddle drops them from inference programs, and their operators run without. (It also
# drops the Noise of rrelu, and then cannot run its own file.)
TRAINING_OUTPUTS: dict[str, tuple[str, ...]] = {
    "batch_norm": ("ReserveSpace",),
    "dequantize_linear": ("OutState", "OutAccum", "OutScale"),
    "dropout": ("Mask",),
    "dropout_nd": ("Mask",),
    "einsum": ("InnerCache", "XShape"),
    "flatten2": ("XShape",),
    "flatten_contiguous_range": ("XShape",),
    "fused_transpose": ("XShape",),
    "gru": ("BatchGate", "BatchResetHiddenPrev", "BatchHidden"),
    "instance_norm": ("SavedMean", "SavedVariance"),
    "lstm": ("BatchGate", "BatchCellPreAct"),
    "nanmedian": ("MedianIndex",),
    "nce": ("SampleLogits", "SampleLabels"),
    "norm": ("Norm",),
    "quantize_linear": ("OutState", "OutAccum", "OutScale"),
    "squeeze2": ("XShape",),
    "transpose2": ("XShape",),
    "unsqueeze2": ("XShape",),
}

OPTIMIZE = 2  # bit of op_role
SCALE_PREFIX = "save_infer_model/scale_"


def _pb() -> Any:
    """The message classes; protobuf is imported when the first model file is read or written. ImportError without it."""
    try:
        from . import framework_pb2
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "google":
            raise
        raise ImportError(
            "model files (.pdmodel) need the package protobuf, which comes with minipaddle and is not installed here; install minipaddle "
            "with pip, or: pip install protobuf", name=error.name,
        ) from None  # fmt: skip
    return framework_pb2


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


# --- values of attributes


def convert(value: Any, wanted: str) -> Any:
    """An attribute's value as AttrType `wanted` holds it: a number or text, or a list of these.

    ValueError when that would change it (1.5 as an integer, two elements as one).
    """
    many = _FIELDS[wanted][1]
    if isinstance(value, (list, tuple)):
        if many:
            return [_convert_one(v, wanted) for v in value]
        if len(value) == 1:
            return _convert_one(value[0], wanted)
        raise ValueError(f"{list(value)} is not one {wanted}")
    if not many:
        return _convert_one(value, wanted)
    tolist = getattr(value, "tolist", None)
    items = tolist() if tolist is not None else value
    return [_convert_one(v, wanted) for v in (items if isinstance(items, list) else [items])]


def _convert_one(value: Any, wanted: str) -> Any:
    if wanted in _TEXT:
        if isinstance(value, str):
            return value
        raise ValueError(f"{value!r} is not text")
    if isinstance(value, (str, bytes)) or value is None:
        raise ValueError(f"{value!r} is not a number")
    if wanted in _INTEGER:
        if isinstance(value, Block):
            value = value.idx
        if isinstance(value, dtypes.DType):
            value = value.proto
        number = int(value)
        if number != value:
            raise ValueError(f"{value!r} is not an integer")
        if not -(1 << _LIMIT[wanted]) <= number < 1 << _LIMIT[wanted]:
            raise ValueError(f"{number} does not fit in {_LIMIT[wanted] + 1} bits")
        return number
    if wanted in _FLOATING:
        return float(value)
    if wanted in ("BOOLEAN", "BOOLEANS"):
        if value not in (0, 1):
            raise ValueError(f"{value!r} is not a bool")
        return bool(value)
    item = getattr(value, "item", None)
    value = item() if item is not None else value
    if not isinstance(value, (bool, int, float, complex)):
        raise ValueError(f"{value!r} is not a number")
    return value


def _guess(name: str, value: Any) -> str:
    """AttrType for an attribute that no definition and no file gives a type."""
    if isinstance(value, Block) or (name == "sub_block" and not isinstance(value, (list, tuple))):
        return "BLOCK"
    items = value if isinstance(value, (list, tuple)) else [value]
    if all(isinstance(v, Block) for v in items) and items:
        return "BLOCKS"
    if all(isinstance(v, bool) for v in items):
        kind = "BOOLEAN" if items else "INT"
    elif all(isinstance(v, int) for v in items):
        kind = "INT" if all(-(1 << 31) <= v < 1 << 31 for v in items) else "LONG"
    elif all(isinstance(v, (int, float)) for v in items):
        kind = "FLOAT"
    elif all(isinstance(v, str) for v in items):
        kind = "STRING"
    else:
        raise ValueError(f"{value!r} has no attribute type")
    return kind + "S" if isinstance(value, (list, tuple)) else kind


def declared_type(op_type: str, name: str) -> str | None:
    """AttrType of an operator's attribute by the definition or by what Paddle puts on operators; None if neither
    says."""
    definition = OPS.get(op_type)
    if definition is not None and name in definition.attrs:
        return definition.attrs[name].type
    known = COMMON.get(name) or KERNEL.get(op_type, {}).get(name)
    return None if known is None else known[0]


def block_attrs(op: Operator) -> Iterator[tuple[str, list[int]]]:
    """(attribute, indices of blocks) for each attribute of the operator that names blocks."""
    for name, value in op.attrs.items():
        kind = op.attr_types.get(name) or declared_type(op.type, name)
        if value is not None and (kind in ("BLOCK", "BLOCKS") or isinstance(value, Block) or name == "sub_block"):
            yield name, convert(value, "BLOCKS")


def _scalar_message(value: Any) -> Any:
    pb = _pb()
    if isinstance(value, bool):
        return pb.Scalar(type=1, b=value)
    if isinstance(value, int):
        return pb.Scalar(type=2, i=value)
    if isinstance(value, float):
        return pb.Scalar(type=3, r=value)
    return pb.Scalar(type=4, c=pb.Complex(r=value.real, i=value.imag))


def _scalar_value(message: Any) -> Any:
    if message.type == 1:
        return message.b
    if message.type == 2:
        return message.i
    if message.type == 3:
        return message.r
    if message.type == 4:
        return complex(message.c.r, message.c.i)
    raise FormatError(f"a Scalar of type {message.type}")


# --- reading


def load_file(path: str) -> Program:
    """The Program of a ``.pdmodel`` or ``__model__`` file. FormatError (a ValueError) when it is damaged or something
    else."""
    with open(path, "rb") as file:
        data = file.read()
    return loads(data, path)


def loads(data: bytes, name: str = "data") -> Program:
    """The Program that `data` describes; `name` is for messages. FormatError when it is damaged or something else."""
    if not data:
        raise FormatError(f"{name}: the file is empty; expected a Program (ProgramDesc)")
    pb = _pb()
    from google.protobuf.message import DecodeError

    desc = pb.ProgramDesc()
    try:
        used = desc.ParseFromString(data)
    except (DecodeError, RuntimeError, ValueError, RecursionError) as error:
        raise FormatError(f"{name}: not a Program, or cut short ({len(data)} bytes): {error}") from None
    if (used is not None and used != len(data)) or not desc.blocks:
        raise FormatError(f"{name}: not a Program: no ProgramDesc with blocks in its {len(data)} bytes")
    if not desc.IsInitialized():
        missing = ", ".join(desc.FindInitializationErrors()[:3])
        raise FormatError(f"{name}: not a Program, or cut short: required fields are missing ({missing})")
    try:
        program = _Reader(desc).program
    except FormatError as error:
        raise FormatError(f"{name}: {error}") from None
    program.extra["source"] = name
    return program


class _Reader:
    def __init__(self, desc: Any) -> None:
        pb = _pb()
        plain = pb.ProgramDesc()
        plain.CopyFrom(desc)
        plain.DiscardUnknownFields()
        # Files of known versions have no unknown fields, and this one comparison saves looking for them everywhere.
        self.foreign = plain.ByteSize() != desc.ByteSize()
        self.kinds = {number: name for name, number in pb.VAR_TYPES.items()}
        self.attr_kinds = {number: name for name, number in pb.ATTR_TYPES.items()}
        program = self.program = Program()
        program.blocks = []
        for i, block in enumerate(desc.blocks):
            if block.idx != i or not -1 <= block.parent_idx < max(i, 1) or (block.parent_idx == -1) != (i == 0):
                raise FormatError(f"block {i} says it is block {block.idx} inside block {block.parent_idx}")
            made = Block(program, i, block.parent_idx)
            made.forward_block_idx = block.forward_block_idx
            program.blocks.append(made)
        for source, block in zip(desc.blocks, program.blocks, strict=True):
            for v in source.vars:
                self.variable(v, block)
            for op in source.ops:
                self.operator(op, block)
            if self.foreign:
                _keep(block.extra, source, "idx", "parent_idx", "forward_block_idx", "vars", "ops")
        program.desc_version = desc.version.version
        program.op_version_map = {_text(p.op_name): p.op_version.version for p in desc.op_version_map.pair}
        if self.foreign or desc.HasField("op_compatible_map"):
            _keep(program.extra, desc, "blocks", "version", "op_version_map")

    def variable(self, desc: Any, block: Block) -> None:
        kind = self.kinds.get(desc.type.type, str(desc.type.type))
        shape: Sequence[int] = ()
        number: int | None = None
        lod_level = 0
        described = _TENSOR_FIELDS.get(kind)
        if described is not None and desc.type.HasField(described):
            tensor = getattr(desc.type, described)
            if described in _WITH_LOD:
                lod_level = tensor.lod_level
                tensor = tensor.tensor
            shape, number = tensor.dims, tensor.data_type
            if len(shape) > 64 or any(not -(2**31) <= n < 2**48 for n in shape):
                raise FormatError(f"variable {_text(desc.name)!r} has shape {list(shape)[:70]}")
        dtype = None
        if number is not None:
            try:
                dtype = dtypes.from_proto(number)
            except TypeError:
                dtype = None
        v = Variable(
            block, _text(desc.name), shape, dtype, kind=kind, lod_level=lod_level, persistable=desc.persistable,
            stop_gradient=desc.stop_gradient, is_parameter=desc.is_parameter, need_check_feed=desc.need_check_feed,
        )  # fmt: skip
        if number is not None and dtype is None:
            v.extra["data_type"] = number
        if (
            self.foreign
            or desc.attrs
            or described is None
            or desc.type.HasField("reader")
            or desc.type.HasField("tuple")
        ):
            self.keep_variable(v, desc, described)
        block.vars[v.name] = v

    def keep_variable(self, v: Variable, desc: Any, described: str | None) -> None:
        """Remember what of a VarDesc was not understood."""
        rest = _pb().VarDesc()
        rest.CopyFrom(desc)
        for name in ("name", "persistable", "need_check_feed", "is_parameter", "stop_gradient"):
            rest.ClearField(name)
        rest.type.ClearField("type")
        if described is not None and rest.type.HasField(described):
            outer = tensor = getattr(rest.type, described)
            if described in _WITH_LOD:
                outer.ClearField("lod_level")
                tensor = outer.tensor
            tensor.ClearField("data_type")
            tensor.ClearField("dims")
            if tensor is not outer and not tensor.SerializePartialToString():
                outer.ClearField("tensor")
            if not outer.SerializePartialToString():
                rest.type.ClearField(described)
        if not rest.type.SerializePartialToString():
            rest.ClearField("type")
        _keep(v.extra, rest)

    def operator(self, desc: Any, block: Block) -> None:
        type_name = _text(desc.type)
        op = Operator(block, type_name, _slots(desc.inputs), _slots(desc.outputs), {})
        op.is_target = desc.is_target
        definition = OPS.get(type_name) or higher.find(type_name)
        declared = definition.attrs if definition is not None else {}
        for a in desc.attrs:
            name = _text(a.name)
            kind = self.attr_kinds.get(a.type)
            if kind is None:  # of a later Paddle: not understood, but written back
                op.extra.setdefault("attrs", {})[name] = a.SerializeToString(deterministic=True)
                continue
            try:
                value = _value(a, kind)
            except FormatError as error:
                raise FormatError(f"operator {type_name}, attribute {name}: {error}") from None
            if name == CALLSTACK and kind == "STRINGS" and _parse_callstack(value, op.callstack):
                continue
            self.attribute(op, name, kind, value)
            if self.foreign:
                _keep(op.extra.setdefault("attr_rest", {}), a, "name", "type", _FIELDS[kind][0], key=name)
        if type_name in _OF_SCALARS:
            _join_values(op)
        for name, attr in declared.items():
            if name not in op.attrs and attr.default is not None:
                op.attrs[name] = list(attr.default) if isinstance(attr.default, list) else attr.default
        for name, (_, default) in KERNEL.get(type_name, {}).items():
            op.attrs.setdefault(name, default)
        try:
            inner = [i for _, indices in block_attrs(op) for i in indices]
        except ValueError as error:
            raise FormatError(f"operator {type_name}: {error} where the index of a block is expected") from None
        if not all(block.idx < i < len(self.program.blocks) for i in inner):  # what is inside comes later in the file
            raise FormatError(
                f"operator {type_name} in block {block.idx} names block {inner}, the Program has "
                f"{len(self.program.blocks)} blocks"
            )
        op.attrs = dict(sorted(op.attrs.items()))  # Paddle 1.8 writes them in no order
        if self.foreign:
            _keep(op.extra, desc, "inputs", "outputs", "type", "attrs", "is_target")
            for side, slots in (("inputs", desc.inputs), ("outputs", desc.outputs)):
                for s in slots:
                    _keep(op.extra.setdefault(side, {}), s, "parameter", "arguments", key=_text(s.parameter))
        block.ops.append(op)

    def attribute(self, op: Operator, name: str, kind: str, value: Any) -> None:
        op.attrs[name] = value
        wanted = declared_type(op.type, name)
        if wanted == kind:
            return
        if wanted is None or kind in ("VAR", "VARS"):  # VAR: the value is in a variable, whose name this is
            op.attr_types[name] = kind
            return
        try:
            op.attrs[name] = convert(value, wanted)
        except (OverflowError, TypeError, ValueError):
            op.attr_types[name] = kind


def _join_values(op: Operator) -> None:
    """Put the values that files older than 2.5 keep in one list per data type into `values`."""
    lists = [op.attrs.pop(name, None) for name in _VALUE_LISTS]
    for name in _VALUE_LISTS:
        op.attr_types.pop(name, None)
    if "values" not in op.attrs:
        op.attrs["values"] = next((list(values) for values in lists if values), [])


def _slots(slots: Any) -> dict[str, list[str]]:
    return {_text(s.parameter): [_text(n) for n in s.arguments] for s in sorted(slots, key=lambda s: s.parameter)}


def _keep(extra: dict[str, Any], message: Any, *known: str, key: str = "rest") -> None:
    """Store the bytes of `message` without its known fields, if there are any."""
    rest = type(message)()
    rest.CopyFrom(message)
    for name in known:
        rest.ClearField(name)
    data = rest.SerializePartialToString()
    if data:
        extra[key] = data


def _value(attr: Any, kind: str) -> Any:
    field, many = _FIELDS[kind]
    value = getattr(attr, field)
    if kind in _TEXT:
        return [_text(v) for v in value] if many else _text(value)
    if kind == "SCALARS":
        return [_scalar_value(v) for v in value]
    if kind == "SCALAR":
        return _scalar_value(value)
    return list(value) if many else value


_FRAME = re.compile(r'  File "(.*)", line (\d+), in (.*)', re.DOTALL)


def _parse_callstack(lines: Sequence[str], into: list[tuple[str, int, str]]) -> bool:
    """Turn Paddle's two strings a frame into frames; False if they look different."""
    frames = [_FRAME.fullmatch(line) for line in lines[::2]]
    if len(lines) % 2 or not all(frames):
        return False
    for m, text in zip(frames, lines[1::2], strict=True):
        assert m is not None
        into.append((m[1], int(m[2]), m[3]))
        remember_text(m[1], int(m[2]), text)
    return True


# --- writing


def dumps(program: Program, callstack: bool = False) -> bytes:
    """The bytes of a Program's file; the same Program gives the same bytes.

    callstack: also write where in the user's code each operator was made, with the source lines. ValueError names an
    operator whose attribute does not fit its type.
    """
    pb = _pb()
    desc = pb.ProgramDesc()
    for block in program.blocks:
        b = desc.blocks.add(idx=block.idx, parent_idx=block.parent_idx)
        if block.forward_block_idx != -1:
            b.forward_block_idx = block.forward_block_idx
        for v in block.vars.values():
            _write_variable(v, b.vars.add())
        for op in block.ops:
            if not _starts_array(op):
                _write_operator(op, b.ops.add(), callstack)
        _restore(b, block.extra.get("rest"))
    desc.version.version = program.desc_version or VERSION
    own = sorted({op.type for block in program.blocks for op in block.ops if op.type.startswith(higher.PREFIX) or op.type == CUSTOM})
    if own:
        warnings.warn(
            f"the Program holds second derivatives for which Paddle has no operator, or hand-written gradients ({', '.join(own)}); files "
            "with it can be read by this library, but not by Paddle",
            stacklevel=3,
        )
    versions = dict(program.op_version_map)
    if any(op.type == "set_value" for block in program.blocks for op in block.ops):
        # without this, Paddle 3 takes it for the operator of 2.4, looks for the values in other attributes and writes zeros
        versions["set_value"] = max(versions.get("set_value", 0), SCALARS_SINCE)
    for name, version in versions.items():
        desc.op_version_map.pair.add(op_name=_bytes(name)).op_version.version = version
    _restore(desc, program.extra.get("rest"))
    return desc.SerializeToString(deterministic=True)


def _starts_array(op: Operator) -> bool:
    """Whether this begins the gradient of an array of tensors: in Paddle that is no operator, such an array is empty at first."""
    if op.type != "fill_zeros_like" or not op.input_arg_names:
        return False
    v = op.block._find_var_recursive(op.input_arg_names[0])
    return v is not None and v.kind == "LOD_TENSOR_ARRAY"


def _restore(message: Any, data: bytes | None) -> None:
    if data:
        message.MergeFromString(data)


def _write_variable(v: Variable, desc: Any) -> None:
    pb = _pb()
    desc.name = _bytes(v.name)
    number = pb.VAR_TYPES.get(v.kind)
    desc.type.type = int(v.kind) if number is None else number
    described = _TENSOR_FIELDS.get(v.kind)
    data_type = v.dtype.proto if v.has_dtype else v.extra.get("data_type")
    if described is not None and data_type is not None:
        tensor = getattr(desc.type, described)
        if described in _WITH_LOD:
            tensor.lod_level = v.lod_level
            tensor = tensor.tensor
        tensor.data_type = data_type
        tensor.dims.extend(v.static_shape)
    desc.persistable = v.persistable
    if v.need_check_feed:
        desc.need_check_feed = True
    if v.is_parameter:
        desc.is_parameter = True
    if v.stop_gradient:
        desc.stop_gradient = True
    _restore(desc, v.extra.get("rest"))


def _write_operator(op: Operator, desc: Any, callstack: bool) -> None:
    desc.type = _bytes(op.type)
    for side, slots, target in (("inputs", op.inputs, desc.inputs), ("outputs", op.outputs, desc.outputs)):
        rest = op.extra.get(side, {})
        for slot in sorted(slots):
            made = target.add(parameter=_bytes(slot), arguments=[_bytes(n) for n in slots[slot]])
            _restore(made, rest.get(slot))
    definition = OPS.get(op.type)
    values = dict(op.attrs)
    for name, attr in (definition.attrs if definition is not None else {}).items():
        if values.get(name) is None:
            values[name] = attr.default
    for name, (_, default) in (*COMMON.items(), *KERNEL.get(op.type, {}).items()):
        values.setdefault(name, default)
    if callstack and op.callstack:
        values[CALLSTACK] = [line for frame in op.callstack for line in _frame_lines(*frame)]
    foreign: dict[str, bytes] = op.extra.get("attrs", {})
    rests = op.extra.get("attr_rest", {})
    old = op.block.program.desc_version == VERSION_1X
    for name in sorted({*values, *foreign}):
        if name in foreign:
            desc.attrs.add().MergeFromString(foreign[name])
        elif values[name] is not None:
            if old and declared_type(op.type, name) in _NOT_IN_1X:
                if values[name]:
                    raise ValueError(f"operator {op.type}: files of Paddle 1.x cannot hold the attribute {name} = {values[name]!r}")
                continue
            _write_attribute(op, name, values[name], desc.attrs.add())
            _restore(desc.attrs[-1], rests.get(name))
    if op.is_target:
        desc.is_target = True
    _restore(desc, op.extra.get("rest"))


def _write_attribute(op: Operator, name: str, value: Any, desc: Any) -> None:
    try:
        kind = op.attr_types.get(name) or declared_type(op.type, name) or _guess(name, value)
        value = convert(value, kind)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"operator {op.type}: attribute {name} cannot be written: {error}") from None
    desc.name = _bytes(name)
    desc.type = _pb().ATTR_TYPES[kind]
    field, many = _FIELDS[kind]
    if kind in _TEXT:
        value = [_bytes(v) for v in value] if many else _bytes(value)
    elif kind in ("SCALAR", "SCALARS"):
        value = [_scalar_message(v) for v in value] if many else _scalar_message(value)
    if many:
        getattr(desc, field).extend(value)
    elif kind == "SCALAR":
        desc.scalar.CopyFrom(value)
    else:
        setattr(desc, field, value)


def _frame_lines(file: str, line: int, function: str) -> tuple[str, str]:
    return f'  File "{file}", line {line}, in {function}', "    " + linecache.getline(file, line).strip()


# --- inference programs


def _reads(op: Operator, program: Program) -> set[str]:
    """Names that an operator reads: its inputs, and what its blocks take from outside."""
    found = {n for n in op.input_arg_names if n}
    for name, kind in op.attr_types.items():
        if kind == "VAR":
            found.add(op.attrs[name])
        elif kind == "VARS":
            found.update(op.attrs[name])
    for _, indices in block_attrs(op):
        for index in indices:
            block = program.blocks[index]
            for inner in block.ops:
                found.update(n for n in _reads(inner, program) if n not in block.vars)
    return found


def prune(program: Program, feeds: Iterable[str], fetches: Iterable[str], effects: bool = False) -> Program:
    """A copy with only those operators, blocks and variables that lead from the feeds to the fetches.

    effects: also those that print or assert something about the feeds, as far as they need nothing else.
    ValueError when a fetch does not exist or needs an input that is not fed.
    """
    feeds = list(feeds)
    fetches = list(fetches)
    new = program.clone()
    main = new.global_block()
    for name in fetches:
        if name not in main.vars:
            raise ValueError(f"the fetch variable {name!r} is not in the Program")
    cut = _made_before_read(main, feeds, new)  # fed in place of what operators would have made
    live = set(fetches) - cut
    acting = _acting(main, feeds, new) if effects else set()
    kept: list[Operator] = []
    for op in reversed(main.ops):
        outputs = set(op.output_arg_names)
        if op.type in ("feed", "fetch") or int(op.attrs.get("op_role", 0)) & OPTIMIZE or not (outputs & live or id(op) in acting):
            continue  # optimizer operators write parameters, but results do not depend on them
        kept.append(op)
        inner = any(True for _ in block_attrs(op))
        if not inner:  # a block may leave its outputs as they were, other operators write all of them
            live -= {n for n in outputs if n not in main.vars or main.vars[n].kind == "LOD_TENSOR"}
        live |= _reads(op, new) - cut
    made = {n for op in kept for n in op.output_arg_names}
    for name in sorted(live - made - set(feeds)):
        v = main.vars.get(name)
        if v is not None and not v.persistable and v.kind == "LOD_TENSOR":
            raise ValueError(
                f"the fetch variables {fetches} need {v.describe()} {name!r}, which no operator makes and which is not "
                f"among the fed variables {feeds}"
            )
    main.ops = kept[::-1]
    _drop_blocks(new)
    used = {n for block in new.blocks for op in block.ops for n in (*op.output_arg_names, *_reads(op, new))} | {
        *feeds,
        *fetches,
    }
    for block in new.blocks:
        block.vars = {name: v for name, v in block.vars.items() if name in used}
    new.touch()
    return new


def _acting(block: Block, feeds: Sequence[str], program: Program) -> set[int]:
    """Identities of the operators with an effect that need nothing but the feeds and what persists."""
    found = set()
    for i, op in enumerate(block.ops):
        if not has_effect(op):
            continue
        need = _reads(op, program)
        made: set[str] = set(feeds)
        for earlier in reversed(block.ops[:i]):
            if need.intersection(earlier.output_arg_names):
                made.update(earlier.output_arg_names)
                need |= _reads(earlier, program)
        variables = [block.vars.get(n) for n in need - made]
        if all(v is None or v.persistable or v.kind != "LOD_TENSOR" for v in variables):
            found.add(id(op))
    return found


def _made_before_read(block: Block, names: Sequence[str], program: Program) -> set[str]:
    """Those of `names` that an operator writes before any reads them: intermediate results rather than inputs."""
    open_names, found = set(names), set()
    for op in block.ops:
        if op.type not in ("feed", "fetch"):
            open_names -= _reads(op, program)
            written = open_names.intersection(op.output_arg_names)
            found |= written
            open_names -= written
    return found


def _drop_blocks(program: Program) -> None:
    """Remove the blocks that no operator names any more and number the others afresh."""
    wanted: set[int] = {0}
    waiting = [0]
    while waiting:
        for op in program.blocks[waiting.pop()].ops:
            for _, indices in block_attrs(op):
                for i in indices:
                    while i > 0 and i not in wanted:
                        wanted.add(i)
                        waiting.append(i)
                        i = program.blocks[i].parent_idx
    number = {old: new for new, old in enumerate(sorted(wanted))}
    program.blocks = [program.blocks[old] for old in sorted(wanted)]
    for block in program.blocks:
        block.idx = number[block.idx]
        block.parent_idx = number.get(block.parent_idx, -1)
        block.forward_block_idx = number.get(block.forward_block_idx, -1)
        for op in block.ops:
            for name, indices in list(block_attrs(op)):
                renumbered = [number[i] for i in indices]
                op.attrs[name] = renumbered if isinstance(op.attrs[name], (list, tuple)) else renumbered[0]
    program.current_block_idx = 0


def to_inference_program(
    program: Program,
    feed_names: Sequence[str],
    fetch_names: Sequence[str],
    *,
    prune_program: bool = True,
    clip_extra: bool = True,
    keep_flags: bool = False,
    version: int = VERSION,
    effects: bool = False,
) -> Program:
    """A copy in the form of Paddle's saved models: pruned, in test mode, with feed, scale and fetch operators.

    clip_extra: drop the outputs that only training needs (Paddle 1.x wants to see them: they stay when `version` is older than
    2.0). keep_flags: keep `is_parameter` and `stop_gradient`. version: the number that the file will carry.
    effects: keep operators that print or assert.
    ValueError when a feed is not needed for the fetches, or a fetch needs more than the feeds.
    """
    program = without_gradients(program)
    new = prune(program, feed_names, fetch_names, effects) if prune_program else program.clone()
    main = new.global_block()
    main.ops = [op for op in main.ops if op.type not in ("feed", "fetch")]
    needed = {n for op in main.ops for n in _reads(op, new)} | set(fetch_names)
    for i, name in enumerate(feed_names):
        if name not in main.vars or (prune_program and name not in needed):
            raise ValueError(
                f"The feeded_var_names[{i}]: '{name}' doesn't exist in pruned inference program. Please check whether "
                f"'{name}' is a valid feed_var name, or remove it from feeded_var_names if '{name}' is not involved in "
                "the target_vars calculation."
            )
    read = {n for block in new.blocks for op in block.ops for n in op.input_arg_names}
    for block in new.blocks:
        for op in block.ops:
            op.is_target = False
            definition = OPS.get(op.type)
            if "is_test" in op.attrs or (definition is not None and "is_test" in definition.attrs):
                op.attrs["is_test"] = True
            if clip_extra and version >= FIRST_2X:
                for slot in TRAINING_OUTPUTS.get(op.type, ()):
                    if not read.intersection(op.outputs.get(slot, ())):  # a gradient inside of the model may want it
                        op.outputs.pop(slot, None)
    if version >= FIRST_2X:
        _complete_gradients(new)
    if prune_program and clip_extra:
        used = {n for block in new.blocks for op in block.ops for n in (*op.output_arg_names, *_reads(op, new))}
        used |= {*feed_names, *fetch_names}
        for block in new.blocks:
            block.vars = {name: v for name, v in block.vars.items() if name in used}
    main.vars.pop("feed", None)
    main.vars.pop("fetch", None)
    fetched = [_append_scale(main, i, main.vars[name]) for i, name in enumerate(fetch_names)]
    for block in new.blocks:
        block.vars = {name: block.vars[name] for name in sorted(block.vars)}
        for v in block.vars.values():
            if not keep_flags:
                v.is_parameter = False
                v._stop_gradient = v.cut = False
    if feed_names:
        main.create_var("feed", kind="FEED_MINIBATCH", persistable=True)
    main.create_var("fetch", kind="FETCH_LIST", persistable=True)
    for i, name in enumerate(feed_names):
        main._prepend_op("feed", {"X": ["feed"]}, {"Out": [name]}, {"col": i})
    for i, name in enumerate(fetched):
        main.append_op("fetch", {"X": [name]}, {"Out": ["fetch"]}, {"col": i})
    new.desc_version, new.op_version_map, new.extra = version, {}, {}
    return new


def _complete_gradients(program: Program) -> None:
    """Give gradient operators inside of a model all their outputs: kernels of Paddle crash where one is missing.

    Of an operator for the gradient of a gradient the incoming gradients that are missing become zeros.
    """
    for block in program.blocks:
        ops, block.ops = block.ops, []
        for op in ops:
            definition = OPS.get(op.type)
            if definition is not None and definition.gradient_of is not None and inner_block(op) is None:
                for seed, source in higher.seeds_of(definition).items():
                    if not op.inputs.get(seed) and op.inputs.get(source):
                        op.inputs[seed] = [_unused(block, n) for n in op.inputs[source]]
                        for n, zeros in zip(op.inputs[source], op.inputs[seed], strict=True):
                            attrs = {"value": 0.0, "dtype": block.find_var(n).dtype.proto}  # type: ignore[union-attr]
                            block.append_op("fill_any_like", {"X": n}, {"Out": zeros}, attrs, callstack=list(op.callstack))
                for slot in definition.outputs:
                    _complete_slot(op, slot.name, higher.source_of(definition, slot.name))
            block.ops.append(op)


def _complete_slot(op: Operator, slot: str, source: str | None) -> None:
    likes = op.inputs.get(source or "", [])
    variables = [op.block._find_var_recursive(n) for n in likes]
    if not likes or not all(v is not None and v.has_dtype and v.dtype.is_floating for v in variables):
        return
    names = op.outputs.get(slot) or ["@EMPTY@"] * len(likes)
    op.outputs[slot] = [_unused(op.block, like) if n == "@EMPTY@" else n for n, like in zip(names, likes, strict=True)]


def _unused(block: Block, like: str) -> str:
    v = block._find_var_recursive(like)
    assert v is not None
    return block.create_var(block.program.fresh_name(f"{like}@GRAD@UNUSED"), v._shape, v._dtype).name


def _drop_unused_gradients(program: Program) -> None:
    """Take away what `_complete_gradients` added: it need not be computed."""
    for block in program.blocks:
        for op in block.ops:
            for seed in higher.seeds_of(OPS[op.type]) if op.type in OPS else ():
                if op.inputs.get(seed) and all("@GRAD@UNUSED" in n for n in op.inputs[seed]):
                    del op.inputs[seed]
        added = {n for op in block.ops for n in op.input_arg_names}
        block.ops = [op for op in block.ops if op.type != "fill_any_like" or "@GRAD@UNUSED" not in op.output_arg_names[0]
                     or op.output_arg_names[0] in added]  # fmt: skip
    read = {n for block in program.blocks for op in block.ops for n in op.input_arg_names}
    for block in program.blocks:
        for op in block.ops:
            definition = OPS.get(op.type)
            if definition is None or definition.gradient_of is None or inner_block(op) is not None:
                continue
            for slot, names in list(op.outputs.items()):
                if not read.intersection(names) and any("@GRAD@UNUSED" in n for n in names):
                    del op.outputs[slot]
                    for n in names:
                        block.vars.pop(n, None)


def _append_scale(block: Block, i: int, v: Variable) -> str:
    """Append the operator that gives output `i` its name; bool outputs get none."""
    if not v.has_dtype or v.dtype is dtypes.bool_ or v.kind != "LOD_TENSOR":
        return v.name
    n = 0
    while f"{SCALE_PREFIX}{i}.tmp_{n}" in block.vars:
        n += 1
    out = block.create_var(f"{SCALE_PREFIX}{i}.tmp_{n}", v.static_shape, v.dtype, lod_level=v.lod_level)
    block.append_op(
        "scale", {"X": [v.name]}, {"Out": [out.name]}, {"scale": 1.0, "bias": 0.0, "bias_after_scale": True}
    )
    return out.name


def from_inference_program(program: Program) -> tuple[Program, list[str], list[str]]:
    """A copy without feed, fetch and ``save_infer_model`` scales, and the names of inputs and outputs.

    FormatError when the Program has no fetch operator: it is not a saved model but, say, a training Program.
    """
    source = program.extra.get("source", "data")
    new = program.clone()
    if any(op.type == "recurrent" for block in new.blocks for op in block.ops):
        without_recurrent(new)
    if any(op.type == "pylayer" for block in new.blocks for op in block.ops):
        without_pylayer(new)
    main = new.global_block()
    feeds = [op for op in main.ops if op.type == "feed"]
    fetches = [op for op in main.ops if op.type == "fetch"]
    if not fetches:
        raise FormatError(
            f"{source}: the Program has no fetch operators, so it is no inference model; static.save and paddle.save "
            "write such Programs. Load it with paddle.static.load, or the parameters beside it with "
            "paddle.load('<prefix>.pdparams')"
        )
    inputs = _ordered(feeds[::-1], lambda op: op.output_arg_names)
    outputs = _ordered(fetches, lambda op: op.input_arg_names)
    for name in (*inputs, *outputs):
        if name not in main.vars:
            raise FormatError(f"{source}: input or output {name!r} is not declared among the variables")
    main.ops = [op for op in main.ops if op.type not in ("feed", "fetch")]
    scaled: dict[str, str] = {}
    for op in main.ops:
        if op.type == "scale" and len(op.input_arg_names) == len(op.output_arg_names) == 1:
            (out,) = op.output_arg_names
            plain = op.attrs.get("scale", 1.0) == 1.0 and op.attrs.get("bias", 0.0) == 0.0
            if plain and out.startswith(SCALE_PREFIX) and op.input_arg_names[0] in main.vars:
                scaled[out] = op.input_arg_names[0]
    read = {n for op in main.ops for n in _reads(op, new)}
    drop = {out for out in scaled if out not in read and out in outputs}
    main.ops = [op for op in main.ops if not (op.type == "scale" and op.output_arg_names and op.output_arg_names[0] in drop)]
    for name in drop:
        main.vars.pop(name, None)
    special = {n for op in feeds for n in op.input_arg_names} | {n for op in fetches for n in op.output_arg_names}
    for name in special:
        main.vars.pop(name, None)
    new.touch()
    outputs = [scaled[n] if n in drop else n for n in outputs]
    _check_complete(new, inputs, outputs, source)
    _drop_unused_gradients(new)
    return new, inputs, outputs


def _check_complete(program: Program, inputs: list[str], outputs: list[str], source: str) -> None:
    """FormatError when a tensor is read, or is a result, that is neither an input, nor stored, nor computed anywhere."""
    made = {n for block in program.blocks for op in block.ops for n in op.output_arg_names}
    made.update(inputs, ("", "@EMPTY@"))
    wanted = [(n, f"operator {op.type}", block) for block in program.blocks for op in block.ops for n in op.input_arg_names]
    wanted += [(n, "the list of outputs", program.global_block()) for n in outputs]
    for name, reader, block in wanted:
        if name not in made:
            v = block._find_var_recursive(name)
            if v is None or not v.persistable and v.kind == "LOD_TENSOR":
                raise FormatError(
                    f"{source}: {reader} names the variable {name!r}, which is no input and no parameter and which no "
                    "operator computes; the file is damaged"
                )


def _ordered(ops: list[Operator], side: Callable[[Operator], list[str]]) -> list[str]:
    """Variables of feed or fetch operators by column; where the columns are missing or equal, as they stand."""
    columns = [op.attrs.get("col") for op in ops]
    if len(set(columns)) == len(ops) and all(isinstance(c, int) for c in columns):
        ops = sorted(ops, key=lambda op: op.attrs["col"])
    names = []
    for op in ops:
        found = side(op)
        if len(found) != 1:
            source = op.block.program.extra.get("source", "data")
            raise FormatError(f"{source}: a {op.type} operator with {len(found)} variables, expected one")
        names.append(found[0])
    return names
