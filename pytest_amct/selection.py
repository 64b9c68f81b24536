"""Which planned tests ran, and which options left the others out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_MOST_NAMED = 20
"""Maximum number of left-out tests that the report names."""

_OPTIONS = {
    "keyword": "-k",
    "markexpr": "-m",
    "deselect": "--deselect",
    "lf": "--lf",
    "stepwise": "--stepwise",
}
"""pytest options that leave tests out, by their names in pytest's configuration."""


@dataclass(slots=True)
class Attendance:
    """The tests of a run by name (``test_condition[uniform/onnx/Conv]``), and their fate.

    `planned`: the tests that the suite has for this quantizer and these settings.
    """

    planned: frozenset[str]
    #: what pytest was about to run; empty until it is known
    collected: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)

    @property
    def unfinished(self) -> set[str]:
        """The collected tests that have neither a result nor a skip mark."""
        return self.collected - self.done - self.skipped

    def left_out(self, by: Iterable[str]) -> dict[str, Any] | None:
        """Return the planned tests that have no result, ``None`` if there are none.

        `by`: the given options that leave tests out.
        """
        if not self.collected and not self.done and not by:
            return None  # the run ended before collection
        left = sorted(name for name in self.planned if not _is_among(name, self.done))
        if not left:
            return None
        skipped = ["skip marks"] if self.skipped - self.done else []
        known = [*by, *skipped, *(["the end of the run or a plugin"] if self.unfinished else [])]
        return {
            "tests": len(left),
            "of": len(self.planned),
            "by": known or ["a plugin or a conftest.py"],
            "first": [_short(name) for name in left[:_MOST_NAMED]],
        }


def options_given(getoption: Any, arguments: Iterable[str]) -> list[str]:
    """Return the given command line options that leave tests out."""
    found = [shown for name, shown in _OPTIONS.items() if getoption(name, None)]
    if any("::" in argument for argument in arguments):
        found.append("test ids on the command line")
    return found


def _is_among(name: str, ran: set[str]) -> bool:
    """Return whether a test ran. Plugins that repeat tests append to their names."""
    return name in ran or any(other.startswith(f"{name[:-1]}-") for other in ran)


def _short(name: str) -> str:
    """Return the condition id in a test's name. Reports hold ids, not test names."""
    inside = name.partition("[")[2].removesuffix("]")
    return inside if "/" in inside else name
