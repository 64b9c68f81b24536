"""What changed between two reports, as text, as Markdown and as JSON."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_amct.reports.baseline import Baseline
from pytest_amct.reports.changes import (
    About,
    Change,
    Changes,
    Found,
    about,
    changes_json,
    why_not_whole,
)
from pytest_amct.reports.overview import MARKS, OF_STATUS
from pytest_amct.reports.sheets import escaped
from pytest_amct.wording import number, printable

COMPARISON = "pytest-amct-comparison/1"
"""The format of `as_json`, see ``comparison.schema.json``."""

MOST_SHOWN = 3
"""Maximum number of findings of a condition that are shown."""

_MOST_NAMED = 20
"""Maximum number of rows or conditions that are named in a list."""

_LONGEST = 150
"""Characters of a message that are shown; the reports have all of it."""

_MARKS = {status: MARKS[verdict] for status, verdict in OF_STATUS.items()}
_WORDS = {"failed": "a violation", "warned": "a warning", "waived": "waived"}


@dataclass(frozen=True, slots=True)
class Group:
    """What changed for one condition: a few findings, and how many more there are."""

    title: str
    lines: Sequence[str]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """One kind of change."""

    title: str
    groups: Sequence[Group]


def counts(changes: Changes) -> str:
    """Return the numbers of changes in one line."""
    parts = [
        f"{len(changes.new)} new{_by_status(changes.new)}",
        f"{len(changes.fixed)} fixed",
        f"{len(changes.changed)} changed",
        f"{changes.unchanged} unchanged",
    ]
    parts += [f"{number(len(changes.rows_lost), 'row')} lost"] if changes.rows_lost else []
    if changes.unjudged:
        parts.append(f"{number(len(changes.unjudged), 'condition')} no longer judged")
    return ", ".join(parts)


def _by_status(findings: Sequence[Found]) -> str:
    """Return how many findings are violations, warnings and waived, in brackets."""
    status = Counter(f["status"] for f in findings)
    words = {"failed": "violation", "warned": "warning"}
    parts = [number(status[s], word) for s, word in words.items() if status[s]]
    parts += [f"{status['waived']} waived"] if status["waived"] else []
    return f" ({', '.join(parts)})" if parts else ""


def sections(changes: Changes) -> list[Section]:
    """Return what changed, the worst first."""
    found = [
        Section("Rows that are no longer quantized", _names(changes.rows_lost)),
        Section("Required rows of which more layers are left in float", _names(changes.rows_worse)),
        Section("New", [*_groups(changes.new)]),
        Section("Changed", [*_changed(changes.changed)]),
        Section("Conditions that are no longer judged", _names(changes.unjudged)),
        Section("Fixed", [Group(title, ()) for title, _ in _titled(changes.fixed)]),
    ]
    return [section for section in found if section.groups]


def as_text(old: Mapping[str, Any], new: Mapping[str, Any], changes: Changes) -> str:
    """Return a comparison as plain text: the counts first."""
    lines = [counts(changes), f"old: {_described(old)}", f"new: {_described(new)}"]
    for section in sections(changes):
        lines += ["", section.title, *text_lines(section)]
    return "\n".join(lines)


def text_lines(section: Section) -> Iterator[str]:
    """Yield the lines below the title of a section."""
    for group in section.groups:
        yield f"  {group.title}"
        yield from (f"    {line}" for line in group.lines)
        if group.more:
            yield f"    and {group.more} more"


def as_markdown(old: Mapping[str, Any], new: Mapping[str, Any], changes: Changes) -> str:
    """Return a comparison as Markdown, for a comment of a review."""
    lines = [f"**{counts(changes)}**", ""]
    lines += [f"- old: {escaped(_described(old))}", f"- new: {escaped(_described(new))}"]
    for section in sections(changes):
        lines += ["", f"### {section.title}", ""]
        for group in section.groups:
            lines.append(f"- {escaped(group.title)}")
            lines += [f"  - {escaped(line)}" for line in group.lines]
            lines += [f"  - and {group.more} more"] if group.more else []
    return "\n".join(lines)


def as_json(old: Mapping[str, Any], new: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
    """Return a comparison as a JSON value, see ``comparison.schema.json``."""
    return {
        "format": COMPARISON,
        "before": _about_json(about(old)),
        "after": _about_json(about(new)),
        "worse": changes.is_worse,
        "unchanged": changes.unchanged,
        **changes_json(changes),
    }


def summary(old: Baseline, report: Mapping[str, Any], *, only_new: bool) -> Iterator[str]:
    """Yield the lines that a run shows after its table."""
    changes = old.changes(report)
    yield f"compared with {old.name}: {counts(changes)}"
    for section in sections(changes):
        yield f"  {section.title.lower()}"
        yield from (f"  {line}" for line in text_lines(section))
    if why_not_whole(report):
        yield "  this run is partial, so what is absent from it counts as neither fixed nor lost"
    if only_new and (known := _known(changes)):
        were = "violation was" if known == 1 else "violations were"
        yield f"  {known} {were} in {old.name} and failed no test (--amct-only-new)"


def _known(changes: Changes) -> int:
    """Return the number of violations of the new report that the old one had as violations."""
    return changes.violations - len(changes.new_violations)


def lost_sentence(changes: Changes, old: str) -> str:
    """Return why rows fail a run in which only what is new fails, ``""`` if none does."""
    for rows, words in (
        (changes.rows_lost, "no longer quantized"),
        (changes.rows_worse, "left in float in more layers than before"),
    ):
        if rows:
            more = f" and {len(rows) - 1} more rows are" if len(rows) > 1 else " is"
            return f"amct: {rows[0]}{more} {words} (compared with {old})"
    return ""


def _about_json(found: About) -> dict[str, Any]:
    return {
        "tool": {"name": found.tool, "version": found.version},
        "profile": found.profile,
        "release": found.release,
        "title": found.title,
    }


def _described(report: Mapping[str, Any]) -> str:
    """Return a report in one line: the tool, the release, the numbers of findings."""
    found = about(report)
    status = [f["status"] for f in report["findings"]]
    counted = [
        number(status.count("failed"), "violation"),
        number(status.count("warned"), "warning"),
        f"{status.count('waived')} waived",
    ]
    tool = " ".join(filter(None, (found.tool, found.version)))
    return printable(f"{tool} against {found.title}: {', '.join(counted)}")


def _names(ids: Sequence[str]) -> list[Group]:
    shown = [Group(printable(id_), ()) for id_ in ids[:_MOST_NAMED]]
    left = len(ids) - len(shown)
    return [*shown, Group(f"and {left} more", ())] if left else shown


def _groups(findings: Sequence[Found]) -> Iterator[Group]:
    for title, found in _titled(findings):
        lines = [f"{_MARKS[f['status']]} {_told(f)}" for f in found[:MOST_SHOWN]]
        yield Group(title, lines, len(found) - len(lines))


def _titled(findings: Sequence[Found]) -> Iterator[tuple[str, list[Found]]]:
    for condition, found in _by_condition(findings).items():
        yield f"{printable(condition)} ({len(found)})", found


def _changed(changes: Sequence[Change]) -> Iterator[Group]:
    by_condition: dict[str, list[Change]] = {}
    for change in changes:
        by_condition.setdefault(change.after["condition"], []).append(change)
    for condition, found in by_condition.items():
        lines = [line for change in found[:MOST_SHOWN] for line in _change_lines(change)]
        more = max(len(found) - MOST_SHOWN, 0)
        yield Group(f"{printable(condition)} ({len(found)})", lines, more)


def _change_lines(change: Change) -> Iterator[str]:
    before, after = change
    mark = _MARKS[after["status"]]
    if before["status"] == after["status"]:
        yield f"{mark} {_told(after)}"
        yield f"  was: {_short(before['message'])}"
    else:
        yield f"{mark} {_WORDS[after['status']]}, was {_WORDS[before['status']]}: {_told(after)}"


def _by_condition(findings: Sequence[Found]) -> dict[str, list[Found]]:
    """Group findings by condition. Violations come first in each group."""
    found: dict[str, list[Found]] = {}
    for finding in sorted(findings, key=lambda f: [*_MARKS].index(f["status"])):
        found.setdefault(finding["condition"], []).append(finding)
    return dict(sorted(found.items()))


def _told(finding: Found) -> str:
    case, condition = finding["case"], finding["condition"]
    if case.startswith(f"{condition}@"):
        case = case.removeprefix(condition)  # which is the title of the group
    return f"{finding['kind']} {printable(case)}: {_short(finding['message'])}"


def _short(message: str) -> str:
    return printable(textwrap.shorten(message, _LONGEST, placeholder=" ..."))
