"""Messages of model files with text as `str`, and ``OpProto``, which describes operators: ``paddle.base.proto.framework_pb2``.

The classes are made from those of `framework_pb2`, where text is `bytes` so that damaged files can be read.
"""
from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from . import framework_pb2 as files

_PACKAGE = "paddle.framework.proto"
_Field = descriptor_pb2.FieldDescriptorProto


def _with_text(message: Any, package: str) -> None:
    """Let fields of bytes hold text, and let references stay inside of the new package."""
    for field in message.field:
        if field.type == _Field.TYPE_BYTES:
            field.type = _Field.TYPE_STRING
        if field.type_name:
            field.type_name = field.type_name.replace(f".{package}.", f".{_PACKAGE}.")
    for nested in message.nested_type:
        _with_text(nested, package)


def _message(name: str, *fields: tuple[str, int, int, int, str]) -> Any:
    made = descriptor_pb2.DescriptorProto(name=name)
    for field, number, label, kind, type_name in fields:
        made.field.add(name=field, number=number, label=label, type=kind, type_name=type_name or None)
    return made


def _op_proto() -> Any:
    required, optional, repeated = _Field.LABEL_REQUIRED, _Field.LABEL_OPTIONAL, _Field.LABEL_REPEATED
    text, flag, number, message = _Field.TYPE_STRING, _Field.TYPE_BOOL, _Field.TYPE_INT32, _Field.TYPE_MESSAGE
    made = _message(
        "OpProto", ("type", 1, required, text, ""), ("inputs", 2, repeated, message, f".{_PACKAGE}.OpProto.Var"),
        ("outputs", 3, repeated, message, f".{_PACKAGE}.OpProto.Var"), ("attrs", 4, repeated, message, f".{_PACKAGE}.OpProto.Attr"),
        ("comment", 5, required, text, ""),
    )  # fmt: skip
    made.nested_type.add().CopyFrom(_message(
        "Var", ("name", 1, required, text, ""), ("comment", 2, required, text, ""), ("duplicable", 3, optional, flag, ""),
        ("intermediate", 4, optional, flag, ""), ("dispensable", 5, optional, flag, ""), ("extra", 6, optional, flag, ""),
        ("quant", 7, optional, flag, ""),
    ))  # fmt: skip
    made.nested_type.add().CopyFrom(_message(
        "Attr", ("name", 1, required, text, ""), ("type", 2, required, number, ""), ("comment", 3, required, text, ""),
        ("generated", 4, optional, flag, ""), ("extra", 5, optional, flag, ""), ("quant", 6, optional, flag, ""),
        ("support_tensor", 7, optional, flag, ""),
    ))  # fmt: skip
    return made


def _file() -> Any:
    made = descriptor_pb2.FileDescriptorProto()
    files.DESCRIPTOR.CopyToProto(made)
    old, made.name, made.package = made.package, "minipaddle/op_messages.proto", _PACKAGE
    for message in made.message_type:
        _with_text(message, old)
    made.message_type.add().CopyFrom(_op_proto())
    return made


DESCRIPTOR = descriptor_pool.DescriptorPool().AddSerializedFile(_file().SerializeToString())
for _name, _descriptor in DESCRIPTOR.message_types_by_name.items():
    globals()[_name] = message_factory.GetMessageClass(_descriptor)
globals().update(files.ATTR_TYPES)
