"""Parse the text of TensorFlow's protobuf messages with bounded memory.

protobuf's parser keeps more than a hundred bytes for each character of a string, and the values of
one weight are a single string. They are cut out of the text first and put back afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_amct.errors import ModelError
from pytest_amct.wording import cut as shortened

_LONG = 1 << 12
"""The least number of characters of values that are cut out."""

_LONGEST = 1 << 22
"""The most characters of a string that protobuf's parser gets."""

#: strings, closed or not; the group holds values in the way that TensorFlow writes them
_STRING = re.compile(
    rb"""
    tensor_content\s*+:\s*+"((?:[ !\#-\[\]-~]++|\\(?:[0-3][0-7]{2}|[nrt"'\\]))*+)"
    | "(?:[^"\\\n]++|\\.)*+"?
    | '(?:[^'\\\n]++|\\.)*+'?
    """,
    re.VERBOSE,
)


def parse_text(text: bytes, message: Any, name: str, partly: bool) -> None:
    """Parse text into a message; `partly` allows fields that the message does not have.

    `name` is what errors call the text. Raise `ModelError` if it is not the text of the message.
    """
    from google.protobuf import text_format  # type: ignore[import-untyped]

    short, values = _without_values(text, name)
    try:
        text_format.Parse(short.decode("utf-8-sig"), message, allow_unknown_field=partly)
    except UnicodeDecodeError:
        raise ModelError(f"{name}: is not text in UTF-8: export it again") from None
    except text_format.ParseError as error:
        where = f"line {error.GetLine()}: " if error.GetLine() else ""
        what = str(error).removeprefix(f"{error.GetLine()}:{error.GetColumn()} : ")
        what = shortened(" ".join(what.split()))
        raise ModelError(f"{name}: {where}not the text of a GraphDef: {what}") from None
    except RecursionError:
        raise ModelError(f"{name}: nested too deeply: is it the text of a GraphDef?") from None
    for tensor in _tensors(message) if values else ():
        held = values.get(tensor.tensor_content)
        if held is not None:
            tensor.tensor_content = held.decode("unicode_escape").encode("latin-1")


def _without_values(text: bytes, name: str) -> tuple[bytes, Mapping[bytes, bytes]]:
    """Replace long values of tensors by short ones. Return the text and the values, by these."""
    values: dict[bytes, bytes] = {}

    def cut(found: re.Match[bytes]) -> bytes:
        held: bytes | None = found[1]
        if held is not None and len(held) >= _LONG:
            mark = b"values cut out, %d" % len(values)
            values[mark] = held
            return b'tensor_content: "%s"' % mark
        if held is None and len(found[0]) > _LONGEST:
            line = text.count(b"\n", 0, found.start()) + 1
            raise ModelError(
                f"{name}: line {line}: a string of {len(found[0])} characters: save the model in"
                " binary form"
            )
        return found[0]

    return _STRING.sub(cut, text), values


def _tensors(message: Any) -> Iterator[Any]:
    """Yield the tensors of a message, at any depth."""
    waiting = [message]
    while waiting:
        found = waiting.pop()
        if found.DESCRIPTOR.name == "TensorProto":
            yield found
        for field, value in found.ListFields():
            if field.message_type is None:
                continue
            if hasattr(value, "values"):  # a map
                value = value.values()
            each = [value] if hasattr(value, "ListFields") else value
            waiting.extend(entry for entry in each if hasattr(entry, "ListFields"))
