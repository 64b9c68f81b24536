"""The summary at the end of a run: the table itself, a line for each row."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

Line = tuple[str, list[str]]
"""A line and its markup, in the words of pytest's terminal writer."""

_MOST_WARNED = 12
"""Groups of warnings that the summary lists."""

_LONGEST_WARNING = 150
"""Characters of a warning; the report has all of it."""


def summary_lines(report: dict[str, Any]) -> Iterator[Line]:
    """The summary of a report, line by line."""
    failed = _by_row(report["findings"], "failed")
    warned = _by_row(report["findings"], "warned")
    yield _headline(report), ["bold", "red" if failed else "green"]
    table = [*_table(report, failed, warned)]
    widths = [max(len(row[i]) for row in table) for i in range(2)] if table else []
    for label, counts, marks, markup in table:
        yield f"  {label:<{widths[0]}}  {counts:<{widths[1]}}  {marks}".rstrip(), markup
    yield from _warnings([f for f in report["findings"] if f["status"] == "warned"])
    whole = report["complete"] and not _is_narrowed(report)
    for waiver in report["waivers"]:
        if whole and not waiver["used"]:
            yield f"  the waiver {waiver['pattern']!r} covers nothing: remove it", ["yellow"]


def _headline(report: dict[str, Any]) -> str:
    rows = [row for row in report["rows"] if row["offered"]]
    count = {
        status: sum(f["status"] == status for f in report["findings"])
        for status in ("failed", "warned", "waived")
    }
    seen = [c for c in report["conditions"] if "satisfied" in c]
    both = sum(c["satisfied"] > 0 and c["broken_alone"] > 0 for c in seen)
    parts = [
        f"{count['failed']} violation{'' if count['failed'] == 1 else 's'}",
        f"{sum(row['quantized'] > 0 for row in rows)} of {len(rows)} rows quantized",
        f"{count['waived']} waived",
        f"{count['warned']} warned",
        f"{both} of {len(seen)} conditions seen both ways in {report['cases']}"
        f" case{'' if report['cases'] == 1 else 's'}",
    ]
    if "examples" in report:
        parts.append(f"{report['examples']} examples explored")
    return ", ".join(parts) + ("" if report["complete"] else " (the run did not complete)")


def _is_narrowed(report: dict[str, Any]) -> bool:
    """Whether the run was told to leave something out."""
    return any(value for key, value in report["selection"].items() if key != "seed")


def _by_row(findings: list[Any], status: str) -> dict[str, dict[str, int]]:
    """Findings of a status: by row, how many of each condition (or of each kind without one)."""
    counted: dict[str, dict[str, int]] = {}
    for finding in findings:
        if finding["status"] == status:
            row, label = _row_of(finding["condition"]), finding["kind"]
            if label == "over-quantized":
                label = _short(finding["condition"])
            by_label = counted.setdefault(row, {})
            by_label[label] = by_label.get(label, 0) + 1
    return counted


def _table(
    report: dict[str, Any], failed: dict[str, dict[str, int]], warned: dict[str, dict[str, int]]
) -> Iterator[tuple[str, str, str, list[str]]]:
    conditions: dict[str, dict[str, bool]] = {}
    for condition in report["conditions"]:
        if "implied_by" not in condition and "unobservable" not in condition:
            of_row = conditions.setdefault(_row_of(condition["id"]), {})
            of_row[_short(condition["id"])] = _was_seen(condition)
    for row in report["rows"]:
        id_ = row["id"]
        wrong, doubtful = failed.get(id_, {}), warned.get(id_, {})
        if _is_narrowed(report) and not row["offered"] and not wrong and not doubtful:
            continue  # it was not asked about
        seen = conditions.get(id_, {})
        labels = dict.fromkeys([*seen, *wrong, *doubtful])
        marks = "  ".join(_mark(label, wrong, doubtful, seen.get(label, True)) for label in labels)
        yield id_, _counts(row), marks, ["red"] if wrong else []
    types = conditions.get("unlisted", {})
    if types:
        wrong, doubtful = failed.get("unlisted", {}), warned.get("unlisted", {})
        found = [label for label in types if label in wrong or label in doubtful]
        marks = "  ".join(_mark(label, wrong, doubtful) for label in found) or "✓ none"
        counts = f"{len(found)} of {len(types)} quantized"
        yield "types without a row", counts, marks, ["red"] if wrong else []


def _was_seen(condition: dict[str, Any]) -> bool:
    """Whether any case could have shown a violation: what was not seen was not kept."""
    return bool(condition.get("checked") or condition.get("broken_alone"))


def _mark(label: str, failed: dict[str, int], warned: dict[str, int], seen: bool = True) -> str:
    if label in failed:
        return f"✗ {label} ({failed[label]})"
    if label in warned:
        return f"! {label} ({warned[label]})"
    return f"✓ {label}" if seen else f"- {label}"


def _counts(row: dict[str, Any]) -> str:
    if row["skipped"]:
        return "skipped on purpose"
    if not row["judged"]:
        return f"not judged: {row['untraceable']} of {row['offered']} untraceable"
    refused = f", {row['refused']} refused" if row["refused"] else ""
    return f"{row['quantized']} of {row['offered']} quantized{refused}"


def _row_of(condition: str) -> str:
    """The row that a condition's line belongs to."""
    scheme, framework, rest = [*condition.split("/", 2), "", ""][:3]
    if rest.startswith("unlisted/"):
        return "unlisted"
    # What is not a table of its own is told of in the row that it restricts.
    table = "uniform" if scheme in ("float16", "settings") else scheme
    return f"{table}/{framework}/{rest.split('/')[0]}"


def _short(condition: str) -> str:
    return "float16" if condition.startswith("float16/") else condition.rpartition("/")[2]


def _warnings(findings: list[Any]) -> Iterator[Line]:
    """Warnings, one line for each kind and condition."""
    groups: dict[tuple[str, str], list[Any]] = {}
    for finding in findings:
        groups.setdefault((finding["kind"], finding["condition"]), []).append(finding)
    for (kind, _), found in list(groups.items())[:_MOST_WARNED]:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        message = textwrap.shorten(found[0]["message"], _LONGEST_WARNING, placeholder=" ...")
        yield f"  ! {kind} {found[0]['case']}{more}: {message}", ["yellow"]
    left = len(groups) - _MOST_WARNED
    if left > 0:
        yield f"  ! {left} other kinds of warnings: see the report (--amct-report=DIR)", ["yellow"]
