"""A report as Markdown for the summary of a CI step: short, and of a bounded size."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pytest_amct.reports import overview
from pytest_amct.reports.overview import LABELS, LEGEND, MARKS, Group, marks, numbers
from pytest_amct.reports.phrases import seen
from pytest_amct.reports.sheets import coded, escaped
from pytest_amct.reports.terminal import not_judged
from pytest_amct.wording import number

_MOST_BYTES = 60_000
"""The size at which the rest is left out. GitHub cuts a step's summary at 1 MiB."""

_LONGEST = 400
"""The most characters of a message."""


def summary(report: Mapping[str, Any]) -> str:
    """Return the summary of a report as Markdown."""
    kept, size, left_out = [], 0, 0
    for line in _lines(report):
        more = len(line.encode()) + 1
        if size + more > _MOST_BYTES:
            left_out += bool(line)
        else:
            kept.append(line)
            size += more
    if left_out:
        kept += ["", f"{number(left_out, 'line')} left out: the JSON report has everything."]
    return "\n".join(kept) + "\n"


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    spec = report["spec"]
    yield f"## {escaped(report['quantizer'])} against {escaped(spec['title'] + seen(spec))}"
    yield ""
    found, rows = numbers(report), [*overview.rows(report, report)]
    others = [number(found.warnings, "warning"), f"{found.waived} waived"]
    yield f"**{found}** quantized; {', '.join([*others, *overview.covered(report, rows)])}"
    yield ""
    yield from _completeness(report)
    if rows:
        yield from _table(rows)
    groups = overview.groups(report)
    yield from _violations([group for group in groups if group.verdict == "violation"])
    yield from _counted("Warnings", groups, "warning")
    yield from _counted("Waived", groups, "waived")
    yield from _open(report, rows)
    yield from _releases(report)


def _completeness(report: Mapping[str, Any]) -> Iterator[str]:
    why = overview.gaps(report)
    if why:
        yield f"> **Partial**: {escaped('; '.join(why))}. What is not listed may not be judged."
        yield ""
    for sentence in report.get("stopped", {}).values():
        yield f"> {escaped(sentence)}"
        yield ""


def _table(rows: Iterable[overview.Row]) -> Iterator[str]:
    yield "| row | quantizable layers | conditions |"
    yield "|---|---|---|"
    for row in rows:
        label = escaped(row.label) if row.is_unlisted else coded(row.label)
        cells = label, escaped(row.counts), escaped(", ".join(marks(row)))
        yield f"| {' | '.join(_in_table(cell) for cell in cells)} |"
    yield ""
    yield escaped(LEGEND.replace("  ", ", "))


def _in_table(cell: str) -> str:
    """Return a cell in which each bar has a backslash, also in code."""
    return cell.replace("\\|", "|").replace("|", "\\|")


def _violations(groups: Iterable[Group]) -> Iterator[str]:
    listed = [*groups]
    if listed:
        yield from ("", "### Violations", "")
    for group in listed:
        first = group.findings[0]
        count = group.counts["violation"]
        message = textwrap.shorten(first["message"], _LONGEST, placeholder=" ...")
        about = f"{first['kind']}: {message}"
        yield f"- {MARKS['violation']} {coded(group.condition)} ({count}): {escaped(about)}"


def _counted(title: str, groups: Iterable[Group], verdict: str) -> Iterator[str]:
    counted = [(g.condition, g.counts[verdict]) for g in groups if verdict in g.counts]
    if not counted:
        return
    total = sum(count for _, count in counted)
    listed = ", ".join(f"{coded(condition)} ({count})" for condition, count in counted)
    yield from ("", f"### {title}: {total}", "", listed)


def _open(report: Mapping[str, Any], rows: Iterable[overview.Row]) -> Iterator[str]:
    reasons = [escaped(line.strip()) for line, _ in not_judged(report)]
    conditions = [c for row in rows for c in row.cells if c.verdict == "open" and c.is_condition]
    if reasons or conditions:
        yield from ("", "### How much was judged", "")
    yield from (f"- {reason}" for reason in reasons)
    if plain := [coded(cell.id) for cell in conditions if not cell.note]:
        yield f"- {LABELS['open']}: {', '.join(plain)}"
    for cell in conditions:
        if cell.note:
            yield f"- {LABELS['open']}: {coded(cell.id)}, {escaped(cell.note)}"


def _releases(report: Mapping[str, Any]) -> Iterator[str]:
    others = report.get("releases", ())
    if others:
        yield from ("", "### Other releases", "")
    for other in others:
        spec = other["spec"]
        yield f"- {escaped(spec['title'] + seen(spec))}: {numbers(other)} quantized"
