"""Fields and values of a prototxt that the schema lacks: forks of Caffe add many.

They are taken out of the text before it is parsed, so that protobuf's parser stays strict for the
rest. Messages that decide conditions keep the names of what was taken out, in a field of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pytest_amct.graphs.caffe.schema import is_repeated, message

STRING = r"""(?P<string>"(?:[^"\\\n]++|\\.)*+"|'(?:[^'\\\n]++|\\.)*+')"""
"""A pattern for a string in the text format of protobuf."""

FOUND = "unknown_fields"
"""The field of a message that holds the names of its unknown fields and values."""

FOUND_TYPE = "unknown_type"
"""The field of an old layer that holds the name of a type that the schema lacks."""

_TOKEN = re.compile(rf"{STRING}|(?P<word>[\w.+-]+)|(?P<mark>[{{}}<>\[\]:,;])|\S")
_CLOSING = {"{": "}", "<": ">", "[": "]"}


@dataclass(slots=True)
class _Frame:
    """A message or a list that is open: its descriptor (``None``: scalars), name and last mark."""

    descriptor: Any
    name: str
    closing: str


@dataclass(frozen=True, slots=True)
class _Cut:
    """A part of the text, and what replaces it."""

    start: int
    end: int
    text: str


class _Malformed(Exception):
    """The text is not well-formed here: protobuf's parser says what is wrong."""


def known_part(text: str) -> tuple[str, list[str]]:
    """Return the text without what the schema lacks, and the names of what it lacks.

    Line breaks stay, so that line numbers are those of the file. Text that is not well-formed stays
    as it is from that place on.
    """
    cuts: list[_Cut] = []
    names: dict[str, None] = {}
    try:
        for cut, name in _unknown(text):
            cuts.append(cut)
            names[name] = None
    except _Malformed:
        pass
    parts, at = [], 0
    for cut in cuts:
        lines = text.count("\n", cut.start, cut.end)
        parts += [text[at : cut.start], cut.text, "\n" * lines]
        at = cut.end
    return "".join([*parts, text[at:]]), list(names)


def _unknown(text: str) -> Iterator[tuple[_Cut, str]]:
    """Yield each part of the text that the schema lacks, with its name."""
    tokens = _Tokens(text)
    open_ = [_Frame(message("NetParameter").DESCRIPTOR, "net", "")]
    while tokens.shown:
        frame = open_[-1]
        if tokens.shown == frame.closing:
            tokens.take()
            open_.pop()
        elif tokens.separator():
            pass
        elif frame.closing == "]":  # a list of messages
            open_.append(_Frame(frame.descriptor, frame.name, _CLOSING[tokens.opening()]))
        else:
            start, name = tokens.start, tokens.name()
            field = frame.descriptor.fields_by_name.get(name)
            if field is None or name in (FOUND, FOUND_TYPE):
                tokens.skip()
                tokens.separator()
                yield _Cut(start, tokens.end, _left(frame, name)), f"{frame.name}.{name}"
            elif field.message_type is not None:
                open_.append(_Frame(field.message_type, name, _CLOSING[tokens.opening()]))
            else:
                value = tokens.shown
                tokens.skip()
                if value == "[" and not is_repeated(field):  # one value here, several in a fork
                    yield (
                        _Cut(start, tokens.end, _left(frame, name)),
                        f"{frame.name}.{name} = [...]",
                    )
                elif field.enum_type is not None and not _is_value(field.enum_type, value):
                    left = _left_value(frame, name, value)
                    yield _Cut(start, tokens.end, left), f"{frame.name}.{name} = {value}"


def _left(frame: _Frame, name: str) -> str:
    """Return the text that replaces an unknown field."""
    keeps = FOUND in frame.descriptor.fields_by_name
    return f' {FOUND}: "{name}" ' if keeps and name.isidentifier() else " "


def _left_value(frame: _Frame, name: str, value: str) -> str:
    """Return the text that replaces an unknown value of an enum."""
    if FOUND_TYPE in frame.descriptor.fields_by_name and name == "type":
        return f' {FOUND_TYPE}: "{value}" ' if value.isidentifier() else " "
    if frame.descriptor.name == "NetStateRule" and name == "phase":
        return " phase: TRAIN "  # another phase than the one that the network is of
    return _left(frame, name)


def _is_value(enum: Any, value: str) -> bool:
    if value.isdigit():
        return int(value) in enum.values_by_number
    return value in enum.values_by_name


class _Tokens:
    """The tokens of a text, one at a time."""

    def __init__(self, text: str) -> None:
        self._matches = _TOKEN.finditer(text)
        #: the present token, ``""`` at the end; a string is shown as ``"``
        self.shown = ""
        self.start = 0
        #: the end of the token that was taken last
        self.end = self._next_end = 0
        self.take()

    def take(self) -> None:
        """Go to the next token."""
        self.end = self._next_end
        found = next(self._matches, None)
        if found is None:
            self.shown = ""
            return
        self.shown = '"' if found["string"] is not None else found[0]
        self.start, self._next_end = found.span()

    def name(self) -> str:
        """Take the name of a field, and a colon behind it."""
        found = self.shown
        if found == "[":  # the name of an extension
            self._skip_nested()
        elif found.isidentifier():
            self.take()
        else:
            raise _Malformed
        if self.shown == ":":
            self.take()
        return found

    def opening(self) -> str:
        """Take a mark that opens a message or a list."""
        found = self.shown
        if found not in _CLOSING:
            raise _Malformed
        self.take()
        return found

    def separator(self) -> bool:
        """Take a comma or semicolon, if there is one. Return whether there was."""
        if self.shown not in (",", ";"):
            return False
        self.take()
        return True

    def skip(self) -> None:
        """Take a value: strings in a row, a number, a word, a message, a list."""
        if self.shown in _CLOSING:
            self._skip_nested()
            return
        if self.shown in ("", "}", ">", "]", ":", ",", ";"):
            raise _Malformed
        is_string = self.shown == '"'
        self.take()
        while is_string and self.shown == '"':
            self.take()

    def _skip_nested(self) -> None:
        wanted: list[str] = []
        while self.shown:
            if self.shown in _CLOSING:
                wanted.append(_CLOSING[self.shown])
            elif wanted and self.shown == wanted[-1]:
                wanted.pop()
            elif self.shown in ("}", ">", "]"):
                raise _Malformed
            self.take()
            if not wanted:
                return
        raise _Malformed
