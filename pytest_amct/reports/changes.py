"""What changed between two reports on the same quantizer: new, fixed and changed findings, rows
that are no longer quantized, conditions that are no longer judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pytest_amct.errors import UsageError
from pytest_amct.ids import framework_of
from pytest_amct.reports.phrases import was_judged
from pytest_amct.verdicts import ROW_WIDE, Key, key_of
from pytest_amct.wording import printable

Found = Mapping[str, Any]
"""A finding as reports hold it."""


class About(NamedTuple):
    """What a report is about. Two reports can be compared if these agree."""

    #: the name of the tool
    tool: str
    version: str | None
    profile: str
    #: the release that decides, and its title
    release: str
    title: str
    frameworks: tuple[str, ...]
    #: the seed of explore, ``None`` for the gate
    seed: int | None = None


class Change(NamedTuple):
    """A finding of both reports, with another status or message."""

    before: Found
    after: Found


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed from an old report to a new one."""

    new: Sequence[Found]
    fixed: Sequence[Found]
    changed: Sequence[Change]
    #: rows that were quantized and no longer are
    rows_lost: Sequence[str]
    #: rows that must be quantized, of which more layers are left in float than before
    rows_worse: Sequence[str]
    #: conditions that were judged and no longer are
    unjudged: Sequence[str]
    unchanged: int
    #: the violations of the new report
    violations: int

    @property
    def new_violations(self) -> list[Found]:
        """The violations that the old report did not have, or not as violations."""
        became = [c.after for c in self.changed if _fails(c.after) and not _fails(c.before)]
        return [*filter(_fails, self.new), *became]

    @property
    def is_worse(self) -> bool:
        """Whether anything is worse than before."""
        return bool(self.new_violations or self.rows_lost or self.rows_worse)


def about(report: Mapping[str, Any]) -> About:
    """Return what a report is about."""
    spec, tool = report["spec"], report["tool"]
    return About(
        tool["name"],
        tool["version"],
        report["profile"],
        spec["release"],
        spec["title"],
        tuple(sorted({framework_of(row["id"]) for row in report["rows"]})),
        report["selection"].get("seed"),
    )


def check_whole(report: Mapping[str, Any], name: str) -> None:
    """Raise `UsageError` for a report that does not hold everything: what is absent says nothing.

    `name` is what the user calls the report.
    """
    if why := why_not_whole(report):
        raise UsageError(
            f"{name}: the report is partial ({printable(why)}), so what is absent from it says"
            " nothing: run the whole suite"
        )


def why_not_whole(report: Mapping[str, Any]) -> str:
    """Return why a report does not hold everything, ``""`` if it does."""
    selection = report["selection"]
    if stopped := report["stopped"]:
        return f"the run was stopped for {', '.join(stopped)}"
    if not report["complete"]:
        return "the run did not complete"
    if selection.get("model"):
        return f"it judges {selection['model']} and not the suite"
    if selection.get("select"):
        return f"it was narrowed by --amct-select={selection['select'][0]}"
    if left := selection.get("left_out"):
        return f"{left['tests']} of {left['of']} tests were left out by {', '.join(left['by'])}"
    return ""


def check_alike(old: About, new: About, names: tuple[str, str], *, across: bool = False) -> None:
    """Raise `UsageError` if two reports cannot be compared.

    `names` is what the user calls them; `across` allows other releases.
    """
    before, after = names
    gone = [f for f in old.frameworks if f not in new.frameworks]
    reason = ""
    if old.tool != new.tool:
        reason = f"is about {old.tool}, {after} about {new.tool}: compare runs of one quantizer"
    elif old.profile != new.profile:
        reason = (
            f"has the profile {old.profile}, {after} has {new.profile}: compare runs of one profile"
        )
    elif old.seed != new.seed:
        reason = (
            f"has the seed {old.seed}, {after} has {new.seed}, which drew other examples: repeat"
            f" the run with --amct-seed={old.seed}"
        )
    elif gone:
        reason = (
            f"judges {', '.join(gone)}, and {after} does not: judge the same frameworks in both"
        )
    elif (old.release, old.title) != (new.release, new.title) and not across:
        reason = (
            f"judges by {old.title}, {after} by {new.title}: judge both by one release, or"
            " compare them with pytest-amct compare --across"
        )
    if reason:
        raise UsageError(f"{before} {printable(reason)}")


def violations_of(report: Mapping[str, Any]) -> dict[tuple[str, str], frozenset[Key]]:
    """Return the keys of the violations in a report, by release and title of each section."""
    return {
        (section["spec"]["release"], section["spec"]["title"]): frozenset(
            map(_key, filter(_fails, section["findings"]))
        )
        for section in (report, *report.get("releases", ()))
    }


def compare_reports(old: Mapping[str, Any], new: Mapping[str, Any]) -> Changes:
    """Return what changed in the release that decides.

    If the new report is partial, what is absent from it is neither fixed nor lost.
    """
    whole = not why_not_whole(new)
    before, after = ({_key(f): f for f in report["findings"]} for report in (old, new))
    both = [Change(before[key], found) for key, found in after.items() if key in before]
    changed = [change for change in both if _said(change.before) != _said(change.after)]
    same_release = old["spec"]["release"] == new["spec"]["release"]
    rows_before, rows_after = ({row["id"]: row for row in r["rows"]} for r in (old, new))
    lost, unjudged = [], []
    if whole:
        # Another release may have other rows and conditions.
        lost = [
            id_
            for id_, row in rows_before.items()
            if row["quantized"] and _is_lost(rows_after.get(id_), same_release)
        ]
        judged, known = _judged(new), {c["id"] for c in new["conditions"]}
        unjudged = [c for c in _judged(old) if c not in judged and (same_release or c in known)]
    return Changes(
        new=[found for key, found in after.items() if key not in before],
        fixed=[found for key, found in before.items() if key not in after] if whole else [],
        changed=changed,
        rows_lost=lost,
        rows_worse=[
            id_
            for change in changed
            if change.after["kind"] in ROW_WIDE
            and _fails(change.after)
            and _left(rows_after, id_ := change.after["condition"]) > _left(rows_before, id_)
        ],
        unjudged=unjudged,
        unchanged=len(both) - len(changed),
        violations=sum(map(_fails, new["findings"])),
    )


def comparison_of(changes: Changes, old: str) -> dict[str, Any]:
    """Return the member ``comparison`` of a report; `old` is the name of the old report's file."""
    return {"old": old, **changes_json(changes)}


def changes_json(changes: Changes) -> dict[str, Any]:
    """Return changes as a JSON value."""
    return {
        "new": [*changes.new],
        "fixed": [*changes.fixed],
        "changed": [change._asdict() for change in changes.changed],
        "rows_lost": [*changes.rows_lost],
        "rows_worse": [*changes.rows_worse],
        "unjudged": [*changes.unjudged],
    }


def _key(found: Found) -> Key:
    return key_of(found["kind"], found["condition"], found["case"], found["layer"])


def _said(found: Found) -> tuple[str, str]:
    return found["status"], found["message"]


def _fails(found: Found) -> bool:
    return bool(found["status"] == "failed")


def _is_lost(row: Mapping[str, Any] | None, same_release: bool) -> bool:
    """Return whether a row that was quantized is lost. It may be left in float on purpose."""
    return same_release if row is None else not row["quantized"] and not row["float_row"]


def _left(rows: Mapping[str, Mapping[str, Any]], row: str) -> int:
    return int(rows[row]["not_quantized"]) if row in rows else 0


def _judged(report: Mapping[str, Any]) -> Iterable[str]:
    return [c["id"] for c in report["conditions"] if was_judged(c)]
