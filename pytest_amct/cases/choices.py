"""Small numbers that decide what is drawn, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Numbers to choose by, in order. After the last one, every choice is the first one."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers, self._at = numbers, 0
        #: the choices so far: each is the number of the chosen option
        self.made: list[int] = []

    @property
    def are_used_up(self) -> bool:
        """Whether there are no more numbers."""
        return self._at >= len(self._numbers)

    @property
    def rest(self) -> Sequence[int]:
        """The numbers that are left."""
        return self._numbers[self._at :]

    def number(self, limit: int) -> int:
        """Return the next number, below `limit`."""
        given = 0 if self.are_used_up else self._numbers[self._at]
        self._at += 1
        self.made.append(given % limit)
        return self.made[-1]

    def of(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return options[self.number(len(options))]
