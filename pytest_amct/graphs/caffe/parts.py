"""Parse small nets quickly: they consist of layers that other nets have, too.

Protobuf's parser of texts is slow. Here each layer is parsed once, and layers that differ only in
their strings (names, mostly) are parsed once for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count

from google.protobuf import text_format  # type: ignore[import-untyped]

from pytest_amct.graphs.caffe.extensions import STRING, known_part
from pytest_amct.graphs.caffe.schema import Message, is_repeated, message

BRACES = re.compile(rf"{STRING}|[{{}}<>]")
"""Braces, and strings, so that braces inside strings are skipped."""

_STRING = re.compile(STRING)
#: the inside of a string that means itself
_PLAIN = re.compile(r"[\w./:@+-]*")


def parsed(text: str) -> tuple[Message, Sequence[str]]:
    """Return the net of a text, and the names of what the schema lacks. Raise `ParseError`."""
    known, unknown = known_part(text)
    net = message("NetParameter")
    text_format.Parse(known, net)
    return net, unknown


def parsed_by_parts(text: str) -> tuple[Message, Sequence[str]] | None:
    """Do the same as `parsed`, ``None`` if something is wrong with the text.

    Serialized messages that stand in a row are one message.
    """
    net, data, unknown = message("NetParameter"), [], dict[str, None]()
    singular: list[int] = []
    for text_ in _parts(text):
        part = _part(text_)
        if part is None:
            return None
        data.append(part.data)
        singular += part.singular
        unknown |= dict.fromkeys(part.unknown)
    if len(set(singular)) < len(singular):
        return None
    net.ParseFromString(b"".join(data))
    return net, list(unknown)


def _parts(text: str) -> Iterator[str]:
    """Yield the text in parts, each of which ends behind a message of the net."""
    start = depth = 0
    for found in BRACES.finditer(text):
        if found["string"] is None:
            depth += 1 if found[0] in "{<" else -1
            if not depth:
                yield text[start : found.end()]
                start = found.end()
    if text[start:].strip():
        yield text[start:]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a net: serialized, and the numbers of the fields that a net has once."""

    data: bytes
    singular: Sequence[int]
    unknown: Sequence[str]


@lru_cache(maxsize=4096)
def _part(text: str) -> _Part | None:
    strings = [found[0][1:-1] for found in _STRING.finditer(text)]
    if all(map(_PLAIN.fullmatch, strings)):
        numbers = count()
        form = _form(_STRING.sub(lambda found: f'"{next(numbers)}"', text))
        if form is not None and len(form.places) == len(strings):
            return form.with_strings(strings)
    try:
        return _serialized(*parsed(text))
    except text_format.ParseError:
        return None


def _serialized(net: Message, unknown: Sequence[str]) -> _Part:
    fields = [field for field, _ in net.ListFields()]
    singular = [field.number for field in fields if not is_repeated(field)]
    return _Part(net.SerializeToString(), singular, unknown)


@dataclass(frozen=True, slots=True)
class _Place:
    """A string of a message; `index` is ``None`` if the field is not repeated."""

    inside: Message
    field: str
    index: int | None

    def put(self, string: str) -> None:
        """Replace the string."""
        if self.index is None:
            setattr(self.inside, self.field, string)
        else:
            getattr(self.inside, self.field)[self.index] = string


@dataclass(frozen=True, slots=True)
class _Form:
    """A part of a net whose strings are numbers, and the places of 0, 1, 2 ..."""

    net: Message
    unknown: Sequence[str]
    places: Sequence[_Place]

    def with_strings(self, strings: Sequence[str]) -> _Part:
        """Return the part with these strings at its places."""
        for place, string in zip(self.places, strings, strict=True):
            place.put(string)
        return _serialized(self.net, self.unknown)


@lru_cache(maxsize=4096)
def _form(text: str) -> _Form | None:
    try:
        net, unknown = parsed(text)
    except text_format.ParseError:
        return None
    places = dict(_strings(net))
    numbers = map(str, range(len(places)))
    return _Form(net, unknown, [places[n] for n in numbers if n in places])


def _strings(inside: Message) -> Iterator[tuple[str, _Place]]:
    """Yield the strings in a message, and their places."""
    for field, value in inside.ListFields():
        for index, entry in enumerate(value) if is_repeated(field) else [(None, value)]:
            if field.message_type is not None:
                yield from _strings(entry)
            elif field.type == field.TYPE_STRING:
                yield entry, _Place(inside, field.name, index)
