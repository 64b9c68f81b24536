"""Protobuf messages from a short notation, each file in a pool that nothing else shares.

The notation has one message or enum at the start of a line; indented lines continue it::

    Mode{MAX,AVE,LAST=7}
    Layer Kind{A,B} name:1:string blobs:7:Blob* dim:8:int64+ kind:9:Kind=A
      tensor:10:Blob? attr:11:string->Value

A field is ``name:number:type``. A suffix says that it is repeated (``*``), repeated and packed
(``+``) or a member of the message's oneof (``?``); ``=`` gives a default. A map has the type
``key->value``. Types are protobuf's scalars, and messages and enums of the same file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from google.protobuf import (  # type: ignore[import-untyped]
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)

_ENUM = re.compile(r"(\w+)\{([^}]*)\}")
_FIELD = re.compile(r"(\w+):(\d+):(?:(\w+)->)?([\w.]+)([*+?]?)(?:=(\S*))?")
_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = "double float int32 int64 uint32 uint64 fixed64 bool string bytes".split()


def message_classes(
    file_name: str, notation: str, package: str = "", syntax: str = "proto2"
) -> Mapping[str, Any]:
    """Return the message classes of a file by name, without the package.

    They live in their own pool: messages of the same name elsewhere in the process do not matter.
    """
    file = descriptor_pb2.FileDescriptorProto(name=file_name, package=package, syntax=syntax)
    for block in re.split(r"\n(?=\w)", notation.strip()):
        if (enum := _ENUM.match(block)) is not None:
            _add_enum(file.enum_type, enum)
        else:
            _add_message(file, block)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        made.name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{package}.{made.name}".lstrip("."))
        )
        for made in file.message_type
    }


def _add_enum(enums: Any, match: re.Match[str]) -> None:
    enum = enums.add(name=match[1])
    for i, entry in enumerate(match[2].split(",")):
        name, _, number = entry.strip().partition("=")
        enum.value.add(name=name, number=int(number or i))


def _add_message(file: Any, block: str) -> None:
    name, body = block.split(None, 1)
    made = file.message_type.add(name=name)
    for match in _ENUM.finditer(body):
        _add_enum(made.enum_type, match)
    for entry in _ENUM.sub("", body).split():
        found = _FIELD.fullmatch(entry)
        assert found is not None, entry
        _add_field(made, *found.groups())


def _add_field(
    made: Any, name: str, number: str, key: str | None, kind: str, suffix: str, default: str | None
) -> None:
    field = made.field.add(name=name, number=int(number), label=_Field.LABEL_OPTIONAL)
    if key is not None:
        kind, suffix = _add_map_entry(made, name, key, kind), "*"
    _set_type(field, kind)
    if suffix in ("*", "+"):
        field.label = _Field.LABEL_REPEATED
    if suffix == "+":
        field.options.packed = True
    if suffix == "?":
        if not made.oneof_decl:
            made.oneof_decl.add(name="value")
        field.oneof_index = 0
    if default is not None:
        field.default_value = default


def _add_map_entry(made: Any, name: str, key: str, kind: str) -> str:
    """Add the message that protobuf keeps the entries of a map in; return its name."""
    entry = made.nested_type.add(name="".join(map(str.capitalize, name.split("_"))) + "Entry")
    entry.options.map_entry = True
    _set_type(entry.field.add(name="key", number=1, label=_Field.LABEL_OPTIONAL), key)
    _set_type(entry.field.add(name="value", number=2, label=_Field.LABEL_OPTIONAL), kind)
    return str(entry.name)


def _set_type(field: Any, kind: str) -> None:
    """Set a field's type; the pool finds out itself whether a name is a message or an enum."""
    if kind in _SCALARS:
        field.type = getattr(_Field, f"TYPE_{kind.upper()}")
    else:
        field.type_name = kind
