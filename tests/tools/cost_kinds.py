"""Kinds of models whose reading may cost too much, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Make = Callable[[int], Any]
"""Makes a model that has this many of one thing."""

TIMES = 4.0
"""What reading and answering may cost, in times of the parse and one pass."""

WALKED = 10.0
"""The bound of kinds whose weights lie behind many operators, or whose layers share one.

Each costs little in the file. To answer for one, its way back, its rank and its sharers are found.
"""

CALLED = 15.0
"""The bound of kinds with many functions, calls or arguments.

Each function has a scope, attributes, opset versions and shapes of its own, and the source of each
parameter follows from all calls.
"""


class Made(NamedTuple):
    """How to make the models of a kind, the size at which it is measured, and its own bound."""

    make: Make
    size: int
    times: float


Kinds = dict[str, Made]
"""The kinds by their names."""


def registering(kinds: Kinds) -> Callable[..., Callable[[Make], Make]]:
    """Return a decorator for the function that makes models of a kind, with size and bound."""

    def kind(size: int, times: float = TIMES) -> Callable[[Make], Make]:
        def register(make: Make) -> Make:
            kinds[make.__name__.replace("_", " ")] = Made(make, size, times)
            return make

        return register

    return kind
