"""The summary at the end of a run: the table itself, a line for each row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Line = tuple[str, list[str]]
"""A line and its markup, in the words of pytest's terminal writer."""


def summary_lines(report: dict[str, Any]) -> Iterator[Line]:
    """The summary of a report, line by line."""
    findings = report["findings"]
    failed = [f for f in findings if f["status"] == "failed"]
    warned = [f for f in findings if f["status"] == "warned"]
    yield _headline(report, failed, warned), ["bold", "red" if failed else "green"]
    rows = [*_rows(report, failed, warned)]
    width = max(len(line) for line, *_ in rows) if rows else 0
    for label, counts, conditions, markup in rows:
        yield f"  {label:<{width}}  {counts:<28}{conditions}".rstrip(), markup
    for finding in warned[:_MOST_WARNED]:
        yield f"  warned: {finding['case']}: {finding['message']}", ["yellow"]
    if len(warned) > _MOST_WARNED:
        yield f"  ... and {len(warned) - _MOST_WARNED} other warnings: see the JSON report", ["yellow"]
    for waiver in report["waivers"]:
        if not waiver["used"]:
            yield f"  the waiver {waiver['pattern']!r} covers nothing: remove it", ["yellow"]


_MOST_WARNED = 8


def _headline(report: dict[str, Any], failed: list[Any], warned: list[Any]) -> str:
    rows = report["rows"]
    quantized = sum(row["quantized"] > 0 for row in rows)
    waived = sum(f["status"] == "waived" for f in report["findings"])
    seen = [c for c in report["conditions"] if "satisfied" in c]
    both = sum(c["satisfied"] > 0 and c["broken_alone"] > 0 for c in seen)
    parts = [
        f"{len(failed)} violation{'' if len(failed) == 1 else 's'}",
        f"{quantized} of {len(rows)} rows quantized",
        f"{waived} waived",
        f"{len(warned)} warned",
        f"{both} of {len(seen)} conditions seen both ways in {report['cases']} cases",
    ]
    return ", ".join(parts) + ("" if report["complete"] else " (the run did not complete)")


def _rows(
    report: dict[str, Any], failed: list[Any], warned: list[Any]
) -> Iterator[tuple[str, str, str, list[str]]]:
    by_row: dict[str, list[str]] = {}
    for condition in report["conditions"]:
        by_row.setdefault(_row_of(condition["id"]), []).append(condition["id"])
    for row in report["rows"]:
        mine = {f["condition"] for f in failed if _row_of(f["condition"]) == row["id"]}
        ids = [row["id"], *by_row.get(row["id"], [])]
        marks = " ".join(_mark(id_, mine) for id_ in ids if id_ != row["id"] or id_ in mine)
        yield row["id"], _counts(row), marks, ["red"] if mine else []
    types = [i for name, ids in by_row.items() if name == "unlisted" for i in ids]
    wrong = sorted(i.rpartition("/")[2] for i in types if any(f["condition"] == i for f in failed))
    if types:
        words = f"✗ {' ✗ '.join(wrong)}" if wrong else "none quantized"
        yield "types without a row", f"{len(wrong)} of {len(types)} quantized", words, (
            ["red"] if wrong else []
        )


def _counts(row: dict[str, Any]) -> str:
    if row["skipped"]:
        return "skipped on purpose"
    if not row["judged"]:
        return f"not judged: {row['untraceable']} of {row['offered']} untraceable"
    return f"{row['quantized']} of {row['offered']} quantized"


def _row_of(condition: str) -> str:
    """The row that a condition's line belongs to."""
    scheme, framework, rest = (condition.split("/", 2) + ["", ""])[:3]
    if rest.startswith("unlisted/"):
        return "unlisted"
    return f"uniform/{framework}/{rest.split('/')[0]}" if scheme in ("uniform", "float16") else condition


def _mark(id_: str, failed: set[str]) -> str:
    name = "float16" if id_.startswith("float16/") else id_.rpartition("/")[2]
    return f"{'✗' if id_ in failed else '✓'} {name}"
