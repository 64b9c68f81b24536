"""Which planned tests ran, and what kept the others from running."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_MOST_NAMED = 20
"""Tests that were left out which the report names."""

_OPTIONS = {
    "keyword": "-k",
    "markexpr": "-m",
    "deselect": "--deselect",
    "lf": "--lf",
    "stepwise": "--stepwise",
}
"""Options of pytest that leave tests out, by the names of their values."""


@dataclass(slots=True)
class Attendance:
    """The tests of a run by name (``test_condition[uniform/onnx/Conv]``) and what became of them.

    `planned` = what the suite has for this quantizer and these settings.
    """

    planned: frozenset[str]
    #: what pytest was about to run; nothing as long as it is not known
    collected: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)

    @property
    def unfinished(self) -> set[str]:
        """The tests that were about to run and have neither a result nor a skip mark."""
        return self.collected - self.done - self.skipped

    def left_out(self, by: Iterable[str]) -> dict[str, Any] | None:
        """The planned tests that were not to run, ``None`` if all were.

        `by` = what the user gave that leaves tests out.
        """
        if not self.collected and not self.done and not by:
            return None  # it ended before anything was collected
        ran = (self.collected | self.done) - (self.skipped - self.done)
        left = sorted(name for name in self.planned if not _is_among(name, ran))
        if not left:
            return None
        known = [*by, *(["skip marks"] if self.skipped - self.done else [])]
        return {
            "tests": len(left),
            "of": len(self.planned),
            "by": known or ["a plugin or a conftest.py"],
            "first": [_short(name) for name in left[:_MOST_NAMED]],
        }


def options_given(getoption: Any, arguments: Iterable[str]) -> list[str]:
    """What was given on the command line that leaves tests out."""
    found = [shown for name, shown in _OPTIONS.items() if getoption(name, None)]
    if any("::" in argument for argument in arguments):
        found.append("test ids on the command line")
    return found


def _is_among(name: str, ran: set[str]) -> bool:
    """Whether a test ran; plugins that repeat tests add to their names."""
    return name in ran or any(other.startswith(f"{name[:-1]}-") for other in ran)


def _short(name: str) -> str:
    """The id of a condition for its test, which reports hold in place of names of tests."""
    inside = name.partition("[")[2].removesuffix("]")
    return inside if "/" in inside else name
