"""The summary at the end of a run: the table, one line per row."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from pytest_amct.reports import overview
from pytest_amct.reports.overview import LEGEND, Row, covered, marks, numbers
from pytest_amct.reports.phrases import seen, why_partial
from pytest_amct.reports.waived import stale, waiver_lines
from pytest_amct.waivers import today
from pytest_amct.wording import number

Line = tuple[str, list[str]]
"""A line and its markup, as keywords of pytest's terminal writer."""

TABLE = "table"
"""The markup of lines in which each mark has a colour of its own, see `coloured`."""

_MOST_WARNED = 12
"""Maximum number of warning groups that the summary lists."""

_MOST_CONDITIONS = 4
"""Maximum number of conditions that the line of another release lists."""

_MOST_REASONS = 3
"""Maximum number of reasons that the summary lists."""

_LONGEST_WARNING = 150
"""Characters of a warning that are shown; the report has all of it."""


def summary_lines(
    report: dict[str, Any], day: date | None = None, width: int | None = None
) -> Iterator[Line]:
    """Yield the lines of the summary of a report, none longer than `width` where words allow it.

    Waivers that end soon after `day` are named; it is today (UTC) by default.
    """
    for line, markup in _lines(report, day or today()):
        yield from ((part, markup) for part in _wrapped(line, width))


_MARKED = re.compile(r"(?<=  )([✗!w✓-]) [\w.:-]+(?: others?| types?)?(?: \([^)]*\))?(?=  |$)")
"""A condition in a line of the table, with its mark."""

_COLOURS = {"✗": ("red",), "!": ("yellow",), "w": ("cyan",), "✓": ("green",), "-": ()}


def coloured(line: str) -> Iterator[Line]:
    """Yield the parts of a line of the table, each with its markup: marks have colours."""
    at = 0
    for found in _MARKED.finditer(line):
        yield line[at : found.start()], []
        yield found.group(), [*_COLOURS[found.group(1)]]
        at = found.end()
    yield line[at:], []


def in_ascii(text: str) -> str:
    """Return a text of the summary for a terminal that shows nothing but ASCII."""
    return text.replace("✗", "x").replace("✓", "+").encode("ascii", "backslashreplace").decode()


def _wrapped(line: str, width: int | None) -> list[str]:
    """Return a line as lines of at most `width` columns; conditions keep their marks."""
    if width is None or len(line) <= width:
        return [line]
    glued = re.sub(r"(?<=  )([✗!w✓-]) (?=\S)", "\\1\0", line)
    glued = re.sub(r"(?<=\S) (?=\(\d[^)]*\)(?:  |$))", "\0", glued)
    first = _MARKED.search(line)
    deep = first.start() if first and first.start() < width // 2 else 6
    parts = textwrap.wrap(
        glued,
        width,
        subsequent_indent=" " * deep,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
    return [part.replace("\0", " ") for part in parts]


def _lines(report: dict[str, Any], day: date) -> Iterator[Line]:
    rows = [*overview.rows(report, report)]
    violated = any(f["status"] == "failed" for f in report["findings"])
    failed = violated or report["stopped"] or stale(report)
    yield _headline(report, rows), ["bold", "red" if failed else "green"]
    for sentence in report["stopped"].values():
        yield f"  {sentence}", ["red"]
    widths = [max(len(text) for text in column) for column in _columns(rows)]
    for row in rows:
        line = f"  {row.label:<{widths[0]}}  {row.counts:<{widths[1]}}  {'  '.join(marks(row))}"
        yield line.rstrip(), [TABLE]
    if rows:
        yield f"  {LEGEND}", [TABLE]
    yield from not_judged(report)
    yield from _warnings([f for f in report["findings"] if f["status"] == "warned"])
    for other in report.get("releases", ()):
        yield from _other_release(other)
    yield from waiver_lines(report, day)


def _other_release(judged: dict[str, Any]) -> Iterator[Line]:
    """Yield the line of a release that does not decide: its violations, by condition."""
    failed = Counter(f["condition"] for f in judged["findings"] if f["status"] == "failed")
    label = f"  by {judged['spec']['title']}{seen(judged['spec'])}: "
    if not failed:
        yield f"{label}no violations", []
        return
    shown = [f"{name} ({count})" for name, count in failed.most_common(_MOST_CONDITIONS)]
    shown += [f"{len(failed) - len(shown)} more"] if len(failed) > len(shown) else []
    yield f"{label}{number(failed.total(), 'violation')}: {', '.join(shown)}", ["yellow"]


def _columns(rows: Sequence[Row]) -> list[list[str]]:
    return [[row.label for row in rows] or [""], [row.counts for row in rows] or [""]]


def _headline(report: dict[str, Any], rows: Sequence[Row]) -> str:
    count = numbers(report)
    parts = [
        number(count.violations, "violation"),
        number(count.warnings, "warning"),
        f"{count.waived} waived",
        f"{count.quantized} of {number(count.rows, 'row')} quantized",
        *covered(report, rows),
    ]
    why = why_partial(report)
    return ", ".join(parts) + (f" (partial: {'; '.join(why)})" if why else "")


def not_judged(report: Mapping[str, Any]) -> Iterator[Line]:
    """Yield what could not be judged, and why."""
    models = report.get("models")
    if models:
        for model in models:
            yield from _of_model(model)
    elif report["untold"]["layers"]:
        untold = report["untold"]
        count = f"{number(untold['layers'], 'layer')} in {number(untold['cases'], 'case')}"
        yield f"  {count} cannot be told: {_reasons(untold['reasons'], 'layers')}", []
    unvalidated = report["unvalidated"]
    if unvalidated["cases"]:
        count = number(unvalidated["cases"], "result")
        why = _reasons(unvalidated["reasons"], "cases")
        yield f"  {count} could not be validated: {why}", []


def _reasons(reasons: list[dict[str, Any]], counted: str) -> str:
    """Return the most frequent reasons, each with its count unless it is the only one."""
    if len(reasons) == 1:
        return str(reasons[0]["reason"])
    shown = [f"{r['reason']} ({r[counted]})" for r in reasons[:_MOST_REASONS]]
    more = len(reasons) - len(shown)
    shown += [f"{number(more, 'other reason')}: see the report"] if more else []
    return "; ".join(shown)


def _of_model(model: dict[str, Any]) -> Iterator[Line]:
    name = model["name"]
    for note in model["notes"]:
        yield f"  {name}: {note}", []
    if not model["layers"]:
        yield f"  {name}: no layer is of a type that a table lists", ["yellow"]
        return
    others = model["layers"] - model["judged"]
    told = f"  {name}: {model['judged']} of {number(model['layers'], 'layer')} judged"
    if not others:
        yield told, []
        return
    yield f"{told}; {others} {'was' if others == 1 else 'were'} not:", ["yellow"]
    for group in model["not_judged"]:
        yield f"    {group['layers']}, the first {group['first']}: {group['reason']}", ["yellow"]


def _warnings(findings: list[Any]) -> Iterator[Line]:
    """Yield the warnings, one line for each kind and condition."""
    groups: dict[tuple[str, str], list[Any]] = {}
    for finding in findings:
        groups.setdefault((finding["kind"], finding["condition"]), []).append(finding)
    for (kind, _), found in list(groups.items())[:_MOST_WARNED]:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        message = re.split(r"; a warning, as | \(the layer is ", found[0]["message"])[0]
        message = textwrap.shorten(message, _LONGEST_WARNING, placeholder=" ...")
        why = _why_a_warning(found[0])
        yield f"  ! {kind} {found[0]['case']}{more}: {message} ({why})", ["yellow"]
    left = len(groups) - _MOST_WARNED
    if left > 0:
        yield f"  ! {left} other kinds of warnings: see the report (--amct-report=DIR)", ["yellow"]


def _why_a_warning(finding: Any) -> str:
    """Return why a finding does not fail the run."""
    if finding["kind"] == "not-quantized":
        return "a warning, as the row is not in amct_required_rows"
    if finding["basis"] == "inferred":
        return "a warning, as the document implies this rather than stating it"
    if finding["kind"] == "errored":
        return "a warning, as it may refuse such a layer"
    return "a warning, as the row is in amct_float_rows"
