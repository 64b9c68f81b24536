"""Values that are computed once for an object and kept with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar


class Remembers(Protocol):
    """An object that keeps what was computed of it, by the function that computes it."""

    @property
    def memo(self) -> dict[Callable[[Any], Any], Any]:
        """The values that are known."""


R = TypeVar("R", bound=Remembers)
T = TypeVar("T")


def once(owner: R, make: Callable[[R], T]) -> T:
    """Return `make(owner)`, the same object each time.

    `make` is a function of a module. It may return an empty cache, which the module then fills.
    """
    memo = owner.memo
    if make not in memo:
        memo[make] = make(owner)
    found: T = memo[make]
    return found
