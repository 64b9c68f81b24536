"""Parse Caffe's two files: the prototxt that describes a net, and the caffemodel with its blobs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from google.protobuf import text_format  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from pytest_amct.errors import ModelError
from pytest_amct.graphs.caffe.extensions import STRING
from pytest_amct.graphs.caffe.parts import BRACES, parsed, parsed_by_parts
from pytest_amct.graphs.caffe.schema import Message, message
from pytest_amct.graphs.files import path_of, read_bytes

Text = str | bytes | os.PathLike[str]
"""A prototxt: its text, or the path of a file (a string without braces, quotes or line breaks)."""

Stored = bytes | str | os.PathLike[str]
"""A caffemodel: its bytes, or the path of a file."""

_LONGEST = 1 << 20
"""The most characters of a string; protobuf's parser keeps more than a hundred bytes for each."""

_SMALL = 1 << 16
"""The most characters of a prototxt whose layers are kept for other nets."""

_MOST_WORDS = 300
"""The most characters of the parser's own words that an error repeats."""

_TEXT = re.compile(r'[{}"\n]|^\s*$')
_COMMENT = re.compile(rf"{STRING}|\#[^\n]*".encode())
_PLACE = re.compile(r"^\d+:\d+ : ", re.DOTALL)
_QUOTED_LINE = re.compile(r"^'.*': (?=[A-Z])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Prototxt:
    """A prototxt that was parsed."""

    net: Message
    #: what errors call it
    name: str
    #: the fields and values that the schema lacks
    unknown: Sequence[str]


def parse_prototxt(prototxt: Text, name: str = "") -> Prototxt:
    """Parse a prototxt. Raise `ModelError`."""
    text, name = _read_text(prototxt, name)
    if len(text) > _LONGEST:
        _check_strings(text, name)
    known = parsed_by_parts(text) if len(text) <= _SMALL else None
    try:
        net, unknown = known or parsed(text)
    except text_format.ParseError as error:
        raise ModelError(f"{name}: {_what_is_wrong(text, error)}") from None
    if not (net.layer or net.layers):
        raise ModelError(f"{name}: describes no layers: is it the prototxt of a net?")
    return Prototxt(net, name, unknown)


def parse_caffemodel(caffemodel: Stored) -> tuple[Mapping[str, list[Sequence[Message]]], str]:
    """Parse a caffemodel. Return its blobs by layer name, and its name for errors.

    A name has several entries if several layers with blobs share it. Raise `ModelError` if the
    file is missing, is cut off, or contains no layers.
    """
    if isinstance(caffemodel, bytes):
        data, name = caffemodel, "the caffemodel"
    else:
        name = path_of(caffemodel, "the bytes of a caffemodel or its path")
        data = read_bytes(caffemodel, name)
    net = message("StoredNet")
    try:
        net.ParseFromString(data)
        blobs: dict[str, list[Sequence[Message]]] = {}
        for layer in [*net.layer, *net.layers]:
            inner = layer.layer if hasattr(layer, "layer") and layer.HasField("layer") else layer
            held = blobs.setdefault(inner.name, [])
            if inner.blobs:  # a whole net has a data layer for each phase, under one name
                held.append(inner.blobs)
    except (DecodeError, UnicodeDecodeError):
        raise ModelError(
            f"{name}: not a caffemodel, or cut off ({len(data)} bytes): copy or export it again"
        ) from None
    if not blobs:
        raise ModelError(f"{name}: holds no layers: is it a caffemodel at all?")
    return blobs, name


def _read_text(prototxt: Text, name: str) -> tuple[str, str]:
    name = name or "the prototxt"
    if isinstance(prototxt, str) and _TEXT.search(prototxt):
        data = prototxt.encode("utf-8", "surrogatepass")  # decoding reports surrogates
    elif isinstance(prototxt, bytes):
        data = prototxt
    else:
        name = path_of(prototxt, "the text of a prototxt or its path")
        data = read_bytes(prototxt, name)
    try:
        # Comments may have any encoding.
        return _COMMENT.sub(lambda found: found["string"] or b"", data).decode("utf-8"), name
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ModelError(f"{name}: line {line}: not UTF-8 text: is it a prototxt?") from None


def _what_is_wrong(text: str, error: text_format.ParseError) -> str:
    """Return the parser's error as one sentence; for an unmatched brace, name its place."""
    unmatched = _unmatched_brace(text)
    if unmatched is not None:
        return unmatched
    words = _QUOTED_LINE.sub("", _PLACE.sub("", str(error)))
    words = " ".join(words.replace('"caffe.', '"').split()).removesuffix(".")
    words = words if len(words) <= _MOST_WORDS else f"{words[:_MOST_WORDS]}..."
    return f"line {error.GetLine()}, column {error.GetColumn()}: {words}: correct the prototxt"


def _check_strings(text: str, name: str) -> None:
    """Raise `ModelError` for a string so long that protobuf's parser would take all memory."""
    for found in re.finditer(STRING, text):
        length = found.end() - found.start()
        if length > _LONGEST:
            place = _place(text, found.start())
            raise ModelError(f"{name}: {place}: a string of {length} characters: shorten it")


def _unmatched_brace(text: str) -> str | None:
    opened: list[int] = []
    for found in BRACES.finditer(text):
        if found["string"] is not None:
            continue
        if found[0] in "{<":
            opened.append(found.start())
        elif opened:
            opened.pop()
        else:
            return f"{_place(text, found.start())}: unmatched closing brace"
    return f"{_place(text, opened[-1])}: this brace is never closed" if opened else None


def _place(text: str, at: int) -> str:
    line = text.count("\n", 0, at) + 1
    return f"line {line}, column {at - text.rfind(chr(10), 0, at)}"


Complain = Callable[[str], ModelError]
"""Turns a sentence into an error, with the name of the file in front."""
