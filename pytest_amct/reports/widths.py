"""How wide a text is, about, where no browser can be asked."""

from __future__ import annotations

_CLASSES = (
    ("ijl.,:;|'()[]/!` ·", 0.42),
    ("mwMW%@—<>=+~", 0.98),
    ("ABCDEFGHKNOPQRUVXYZ&", 0.77),
)
"""Characters with their widths in a wide sans-serif font, in parts of its size."""

_OF = {character: width for characters, width in _CLASSES for character in characters}


def text_width(text: str, size: float) -> float:
    """Return the width of a text in a font of that size: hardly ever too small."""
    return size * sum(_OF.get(c, 0.64 if c.isascii() else 1.0) for c in text)


def shortened(text: str, room: float, size: float) -> str:
    """Return a text without its middle if it is wider than `room`: names differ at their ends."""
    if len(text) <= room and text_width(text, size) <= room:
        return text
    for kept in range(min(len(text) - 1, 80), 1, -1):
        tail = kept * 3 // 5
        short = f"{text[: kept - tail]}…{text[-tail:]}"
        if text_width(short, size) <= room:
            return short
    return "…"
