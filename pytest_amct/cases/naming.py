"""Ways to name what a model holds: as real networks do, and as careless tools do not expect."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Style = Callable[[str, int], str]
"""Returns the name for a kind's letter and a number."""

_WORDS = {"n": "Conv2D", "t": "Input", "w": "kernel", "v": "Variable", "p": "shared"}
"""Words for kinds of things."""


def plain(letter: str, number: int) -> str:
    """Return a name without meaning: ``n3``."""
    return f"{letter}{number}"


_ENDS = ("/Part", "", "/part", ".0", "_1")
"""Ends of names in scopes: one name begins with another, or differs in capitals alone."""


def converted(letter: str, number: int) -> str:
    """Return a name as converters make them."""
    return f"Net/{letter}.{number // len(_ENDS)}{_ENDS[number % len(_ENDS)]}"


def _scoped(letter: str, number: int) -> str:
    return f"Model/block_{number // 4}/{_WORDS.get(letter, letter)}_{number}"


def _dotted(letter: str, number: int) -> str:
    return f"layers.{number % 3}.{_WORDS.get(letter, letter)}.{number}"


def _digits(letter: str, number: int) -> str:
    """Many of these names are prefixes of others."""
    return letter + "".join(f"_{digit}" for digit in str(number))


def _hashed(letter: str, number: int) -> str:
    """Return a name with the mark that begins comments in text files."""
    return f"{letter}#{number}"


_BLOCK = 8
"""The number of names in a scope. Every second one is the start of all later ones."""


def exported(letter: str, number: int) -> str:
    """Return a name as exporters make them; numbers count all kinds together."""
    block, place = divmod(number, _BLOCK)
    return f"Net.{block + 1}/V" + "_1" * (place // 2) + "_2" * (place % 2)


_ALIKE = ("out/{}", "Out/{}", "Out_{}")


def alike(letter: str, number: int) -> str:
    """Return a name that differs from others only late, and in capitals or a separator alone.

    Others are the neighbours of a node, and for an input the weights of its number and the next.
    """
    within = "Model/encoder/layer_0/"
    if letter == "n":
        block, place = divmod(number, len(_ALIKE))
        return within + _ALIKE[place].format(block)
    if letter == "t":
        return within + f"kernel/{number}"
    if letter == "w" and number and number % 2 == 0:
        return within + f"Kernel/{number - 1}"
    return within + f"{_WORDS.get(letter, letter)}_{number}"


def capitals(letter: str, number: int) -> str:
    """Return a name that differs from others in capitals alone."""
    block, place = divmod(number, _BLOCK)
    bits = zip("xyx", f"{place:03b}", strict=True)
    return f"{letter}{block}/" + "".join(x.upper() if bit == "1" else x for x, bit in bits)


def longer(letter: str, number: int) -> str:
    """Return a name that earlier ones are parts of: it begins and ends with them."""
    block, place = divmod(number, _BLOCK)
    return "/".join([f"{letter}{block}"] * (place + 1))


def shorter(letter: str, number: int) -> str:
    """Return a name that is a part of earlier ones: they begin and end with it."""
    block, place = divmod(number, _BLOCK)
    return "/".join([f"{letter}{block}"] * (_BLOCK - place))


def dots(letter: str, number: int) -> str:
    """Return a name that matches earlier ones as a pattern: it has dots for their letters."""
    block, place = divmod(number, _BLOCK)
    return f"{letter}{block}/" + "." * place + "x" * (_BLOCK - place)


STYLES: Mapping[str, Style] = {"scoped": _scoped, "dotted": _dotted, "digits": _digits}
"""Styles by the name of a variation that every framework has."""

EXPLORED = frozenset((*STYLES, "typed"))
"""Variations for explore alone: names and storage, with which few tools have trouble."""


def style_of(switches: tuple[str, ...]) -> Style:
    """Return the style that the switches of a model name, or the plain one."""
    known = {**STYLES, "scopes": exported, "quoted": _hashed, "alike": alike}
    known |= {"capitals": capitals, "longer": longer, "shorter": shorter, "dots": dots}
    return next((known[name] for name in switches if name in known), plain)
