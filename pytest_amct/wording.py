"""How messages quote text and wrong values, and how they suggest the right one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import islice

_LONGEST = 200
"""The most characters of a value that a message quotes."""

_LONGEST_LINE = 1000
"""The most characters of a line that are shown."""

_MOST_ENTRIES = 32
"""The most entries of a list that are shown."""

_MOST_COMPARED = 5000
_MOST_LISTED = 8


def number(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 row``, ``2 rows``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def cut(text: str) -> str:
    """Return a text without its end if it is longer than a line that messages show."""
    return text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]} ..."


def printable(text: str) -> str:
    """Return a text as one printable line: escape other characters, cut the end if too long."""
    text = cut(text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def written(value: object) -> str:
    """Return a value as messages quote it: its `repr` on one line, cut if too long."""
    if type(value) in (str, bytes, tuple, list):
        value = value[: _LONGEST + 1]  # type: ignore[index]
    text = repr(value)
    return printable(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def word(value: object) -> str:
    """Return a value as table files write it, ``true`` or ``[1, 2]``; cut what is too long."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list) and type(value) in (tuple, list):
        listed = [*map(word, value[:_MOST_ENTRIES]), *["..."][: len(value) > _MOST_ENTRIES]]
        return f"[{', '.join(listed)}]"
    return cut(str(value))


def told(words: str, values: Sequence[object]) -> str:
    """Return a sentence with values in it, each as `word` writes it."""
    return words.format(*map(word, values)) if values else words


def instead(word: object, known: Iterable[str]) -> str:
    """Return the end of a message about a wrong word: the nearest known word, else a list."""
    words = [k for k in islice(known, _MOST_COMPARED) if len(k) <= _LONGEST]
    short = isinstance(word, str) and len(word) <= _LONGEST
    close = get_close_matches(str(word), words, 1) if short else []
    if close:
        return f", did you mean {close[0]!r}?"
    listed = ", ".join(words[:_MOST_LISTED])
    return f": use one of {listed}{' ...' if len(words) > _MOST_LISTED else ''}"
