"""What every summary of a report says in the same words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_amct.ids import ConditionId
from pytest_amct.wording import number


def why_partial(report: Mapping[str, Any]) -> list[str]:
    """Return why a report does not cover the whole suite; nothing if it does."""
    selection = report["selection"]
    why = [] if report["complete"] else ["the run did not complete"]
    if selection.get("select"):
        why.append("--amct-select")
    left = selection.get("left_out")
    if left:
        count = f"{left['tests']} of {number(left['of'], 'test')}"
        why.append(f"{count} left out by {', '.join(left['by'])}")
    return why


def is_narrowed(report: Mapping[str, Any]) -> bool:
    """Return whether the user narrowed the run."""
    return any(value for key, value in report["selection"].items() if key != "seed")


def was_judged(condition: Mapping[str, Any]) -> bool:
    """Return whether a violation would show: a decision is known on each side."""
    if "checked" in condition:
        return bool(condition["checked"])
    return all(condition.get("judged", {"": 0}).values())


def row_counts(row: Mapping[str, Any]) -> str:
    """Return what became of the quantizable layers of a row."""
    if row["float_row"]:
        return "left in float on purpose"
    if not row["eligible"]:
        return "no layer shown"
    words = {"untold": "cannot be told", "unknown": "not known"}
    names = ("untold", "unknown", "unmatched", "refused", "unsupported", "errored")
    others = [f"{row[name]} {words.get(name, name)}" for name in names if row[name]]
    if not row["judged"]:
        return f"not judged ({number(row['eligible'], 'layer')}: {', '.join(others)})"
    return ", ".join([f"{row['quantized']} of {row['eligible']} quantized", *others])


def row_of(condition: str) -> str:
    """Return the row in whose line a condition stands."""
    return str(ConditionId.parse(condition).restricts)


def short_name(condition: str) -> str:
    """Return what the row's line calls a condition."""
    return ConditionId.parse(condition).short


def seen(spec: Mapping[str, Any]) -> str:
    """Return how much of a release was seen, ``""`` if all of it was."""
    if spec["seen"] == spec["rows"]:
        return ""
    return f" ({spec['seen']} of {number(spec['rows'], 'row')} seen)"
