"""The cases of the quick profile: few that catch what the whole gate catches.

``quick.txt`` lists their ids, those that catch most first. ``tests/tools/quick.py`` chooses them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

from pytest_amct.cases.plan import Case
from pytest_amct.ids import condition_of

LIST = resources.files("pytest_amct.cases") / "quick.txt"
"""The file with the ids."""


@cache
def ranks() -> Mapping[str, int]:
    """Return the ids of the quick cases with their places in the order."""
    return {id_: place for place, id_ in enumerate(LIST.read_text("utf-8").split())}


@cache
def _first() -> Mapping[str, int]:
    found: dict[str, int] = {}
    for id_, place in ranks().items():
        found.setdefault(condition_of(id_), place)
    return found


def first_of(group: str) -> int:
    """Return the first place of a group's cases in the order, a high number if it has none."""
    return _first().get(group, len(ranks()))


def quick_of(cases: tuple[Case, ...]) -> tuple[Case, ...]:
    """Return those of a group's cases that are quick cases, in their order."""
    order = ranks()
    return tuple(sorted((c for c in cases if c.id in order), key=lambda c: order[c.id]))
