"""How sentences quote text and wrong values, and what was probably meant by one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

_LONGEST = 200
"""Characters of a value that a sentence quotes."""

_LONGEST_LINE = 1000
"""Characters that are shown of a line."""

_MOST_COMPARED = 5000
_MOST_LISTED = 8


def printable(text: str) -> str:
    """Text on one line that shows on every terminal as it is: the rest is escaped, the end cut."""
    text = text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]} ..."
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def written(value: object) -> str:
    """A value as sentences quote it: on one line, long ones cut."""
    text = repr(value)
    return printable(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def instead(word: object, known: Iterable[str]) -> str:
    """How a sentence about a wrong word ends: the nearest right word, else those there are."""
    words = [k for k in islice(known, _MOST_COMPARED) if len(k) <= _LONGEST]
    short = isinstance(word, str) and len(word) <= _LONGEST
    close = get_close_matches(str(word), words, 1) if short else []
    if close:
        return f", did you mean {close[0]!r}?"
    listed = ", ".join(words[:_MOST_LISTED])
    return f": use one of {listed}{' ...' if len(words) > _MOST_LISTED else ''}"
