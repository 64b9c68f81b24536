"""Typed reading of a table file. Every error names the file, the table and the key."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pytest_amct.errors import SpecError
from pytest_amct.typed import describe, is_of


class Fields:
    """One TOML table. It remembers which keys were read, so that a misspelt key is an error."""

    def __init__(self, values: Any, source: str, place: str) -> None:
        self.source, self.place = source, place
        if not isinstance(values, dict):
            raise self.error("must be a table")
        self.values: Mapping[str, Any] = values
        self.asked: set[str] = set()

    def error(self, what: str) -> SpecError:
        """Return the error that says `what` about this table."""
        return SpecError(f"{self.source}: {self.place}: {what}")

    def get(self, key: str, kind: Any, default: Any = ...) -> Any:
        """Return the value of a key. Raise `SpecError` if it is missing or of another type."""
        self.asked.add(key)
        value = self.values.get(key, default)
        if value is ...:
            raise self.error(f"{key!r} is missing")
        if value is not default and not is_of(value, kind):
            raise self.error(f"{key!r} must be {describe(kind)}")
        return value

    def table(self, key: str, default: Any = ...) -> Fields:
        """Return the table at a key. Raise `SpecError` as `get` does."""
        place = f"[{key}]" if self.place == WHOLE else f"{self.place}: {key}"
        return Fields(self.get(key, dict, default), self.source, place)

    def done(self) -> None:
        """Raise `SpecError` if the table has a key that was never read."""
        extra = sorted(set(self.values) - self.asked)
        if extra:
            close = get_close_matches(extra[0], self.asked - set(self.values))
            hint = f", did you mean {close[0]!r}?" if close else ": remove it"
            raise self.error(f"{extra[0]!r} is not a key of this table{hint}")


WHOLE = "the file"
"""What errors call the top table of a file."""
