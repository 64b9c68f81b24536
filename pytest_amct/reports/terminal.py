"""The summary at the end of a run: the table, one line per row."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_amct.ids import ConditionId

Line = tuple[str, list[str]]
"""A line and its markup, as keywords of pytest's terminal writer."""

_MOST_WARNED = 12
"""Maximum number of warning groups that the summary lists."""

_MOST_CONDITIONS = 4
"""Maximum number of conditions that the line of another release lists."""

_MOST_REASONS = 3
"""Maximum number of reasons that the summary lists."""

_LONGEST_WARNING = 150
"""Characters of a warning that are shown; the report has all of it."""

_LEGEND = (
    "✗ violations (how many)  ! warnings  w waived  ✓ judged, nothing found  - not judged"
    "  n of m: quantizable layers"
)

_MARKS = {"failed": "✗", "warned": "!", "waived": "w"}

Counts = Mapping[str, Mapping[str, int]]
"""Number of findings by status, for each label of a condition or kind."""


@dataclass(slots=True)
class _Row:
    """A line of the table."""

    label: str
    counts: str
    #: the conditions, and whether each was judged
    conditions: dict[str, bool] = field(default_factory=dict)
    findings: Counts = field(default_factory=dict)
    #: whether conditions without findings are only counted
    folded: bool = False

    @property
    def marks(self) -> str:
        """The marks of the conditions, in one line."""
        labels = dict.fromkeys([*self.conditions, *self.findings])
        if not self.folded:
            return "  ".join(self._mark(label) for label in labels)
        parts = [self._mark(label) for label in labels if label in self.findings]
        rest = [judged for label, judged in self.conditions.items() if label not in self.findings]
        noun = "other" if parts else "type"
        for mark, judged in (("✓", True), ("-", False)):
            parts += [f"{mark} {_number(rest.count(judged), noun)}"] if judged in rest else []
        return "  ".join(parts)

    def _mark(self, label: str) -> str:
        found = self.findings.get(label, {})
        if not found:
            return f"✓ {label}" if self.conditions[label] else f"- {label}"
        (worst, count), *others = ((s, found[s]) for s in _MARKS if s in found)
        more = "".join(f", {number} {status}" for status, number in others)
        return f"{_MARKS[worst]} {label} ({count}{more})"

    @property
    def judged(self) -> int:
        """The number of judged conditions: those whose mark is not ``-``."""
        return sum(judged or label in self.findings for label, judged in self.conditions.items())

    @property
    def failed(self) -> bool:
        """Whether the line has a violation."""
        return any("failed" in found for found in self.findings.values())


def summary_lines(report: dict[str, Any]) -> Iterator[Line]:
    """Yield the lines of the summary of a report."""
    rows = [*_table(report)]
    failed = any(f["status"] == "failed" for f in report["findings"]) or report["stopped"]
    yield _headline(report, rows), ["bold", "red" if failed else "green"]
    for sentence in report["stopped"].values():
        yield f"  {sentence}", ["red"]
    widths = [max(len(text) for text in column) for column in _columns(rows)]
    for row in rows:
        line = f"  {row.label:<{widths[0]}}  {row.counts:<{widths[1]}}  {row.marks}"
        yield line.rstrip(), ["red"] if row.failed else []
    if rows:
        yield f"  {_LEGEND}", []
    yield from _not_judged(report)
    yield from _warnings([f for f in report["findings"] if f["status"] == "warned"])
    for other in report.get("releases", ()):
        yield from _other_release(other)
    whole = report["complete"] and not _is_narrowed(report)
    for waiver in report["waivers"]:
        if whole and not waiver["used"]:
            yield f"  the waiver {waiver['pattern']!r} matches no finding: remove it", ["yellow"]


def seen(spec: dict[str, Any]) -> str:
    """Return how much of a release was seen, ``""`` if all of it was."""
    if spec["seen"] == spec["rows"]:
        return ""
    return f" ({spec['seen']} of {_number(spec['rows'], 'row')} seen)"


def _other_release(judged: dict[str, Any]) -> Iterator[Line]:
    """Yield the line of a release that does not decide: its violations, by condition."""
    failed = Counter(f["condition"] for f in judged["findings"] if f["status"] == "failed")
    label = f"  by {judged['spec']['title']}{seen(judged['spec'])}: "
    if not failed:
        yield f"{label}no violations", []
        return
    shown = [f"{name} ({count})" for name, count in failed.most_common(_MOST_CONDITIONS)]
    shown += [f"{len(failed) - len(shown)} more"] if len(failed) > len(shown) else []
    yield f"{label}{_number(failed.total(), 'violation')}: {', '.join(shown)}", ["yellow"]


def _columns(rows: list[_Row]) -> list[list[str]]:
    return [[row.label for row in rows] or [""], [row.counts for row in rows] or [""]]


def _headline(report: dict[str, Any], rows: list[_Row]) -> str:
    eligible = [row for row in report["rows"] if row["eligible"]]
    count = {
        status: sum(f["status"] == status for f in report["findings"])
        for status in ("failed", "warned", "waived")
    }
    parts = [
        _number(count["failed"], "violation"),
        _number(count["warned"], "warning"),
        f"{count['waived']} waived",
        f"{sum(row['quantized'] > 0 for row in eligible)} of {len(eligible)} rows quantized",
    ]
    models = report.get("models")
    if models:
        judged, layers = (sum(model[key] for model in models) for key in ("judged", "layers"))
        parts.append(f"{judged} of {_number(layers, 'layer')} judged")
        parts += [_number(len(models), "model")] if len(models) > 1 else []
    else:
        judged, known = sum(r.judged for r in rows), sum(len(r.conditions) for r in rows)
        parts.append(f"{judged} of {_number(known, 'condition')} judged")
        parts.append(_number(report["cases"], "case"))
    if "examples" in report:
        newest = f" up to opset {report['newest_opset']}" if "newest_opset" in report else ""
        parts.append(f"{report['examples']} examples explored{newest}")
    return ", ".join(parts) + _partial(report)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _partial(report: dict[str, Any]) -> str:
    """Return why the report is partial, in brackets; "" if it is not."""
    selection = report["selection"]
    why = [] if report["complete"] else ["the run did not complete"]
    if selection.get("select"):
        why.append("--amct-select")
    left = selection.get("left_out")
    if left:
        count = f"{left['tests']} of {_number(left['of'], 'test')}"
        why.append(f"{count} left out by {', '.join(left['by'])}")
    return f" (partial: {'; '.join(why)})" if why else ""


def _is_narrowed(report: dict[str, Any]) -> bool:
    """Return whether the user narrowed the run."""
    return any(value for key, value in report["selection"].items() if key != "seed")


def _table(report: dict[str, Any]) -> Iterator[_Row]:
    conditions: dict[str, dict[str, bool]] = {}
    for condition in report["conditions"]:
        if "implied_by" not in condition and "unobservable" not in condition:
            of_row = conditions.setdefault(_row_of(condition["id"]), {})
            of_row[_short(condition["id"])] = _was_judged(condition)
    findings: dict[str, dict[str, dict[str, int]]] = {}
    for found in report["findings"]:
        label = _short(found["condition"])
        if found["kind"] != "over-quantized":
            label = found["kind"]
        by_status = findings.setdefault(_row_of(found["condition"]), {}).setdefault(label, {})
        by_status[found["status"]] = by_status.get(found["status"], 0) + 1
    for row in report["rows"]:
        found_here = findings.pop(row["id"], {})
        if _is_narrowed(report) and not row["eligible"] and not found_here:
            continue  # it was not selected
        yield _Row(row["id"], _counts(row), conditions.get(row["id"], {}), found_here)
    unlisted = sorted(p for p in {*conditions, *findings} if p.endswith(_UNLISTED))
    for place in unlisted:
        types, of_types = conditions.get(place, {}), findings.pop(place, {})
        name = "types without a row"
        label = name if len(unlisted) == 1 else f"{place.removesuffix(_UNLISTED)} {name}"
        # Types of a table that no request used have only findings.
        count = f"{sum(t in of_types for t in types)} of {len(types)} types quantized"
        yield _Row(label, count if types else "", types, of_types, folded=True)
    for place, others in sorted(findings.items()):
        yield _Row(place, "", {}, others)


_UNLISTED = "/unlisted"


def _was_judged(condition: dict[str, Any]) -> bool:
    """Return whether a violation would show: a decision is known on each side."""
    if "checked" in condition:
        return bool(condition["checked"])
    return all(condition["judged"].values())


def _counts(row: dict[str, Any]) -> str:
    """Return what became of the quantizable layers of a row."""
    if row["float_row"]:
        return "left in float on purpose"
    if not row["eligible"]:
        return "no layer shown"
    words = {"untold": "cannot be told", "unknown": "not known"}
    names = ("untold", "unknown", "unmatched", "refused", "unsupported", "errored")
    others = [f"{row[name]} {words.get(name, name)}" for name in names if row[name]]
    if not row["judged"]:
        return f"not judged ({_number(row['eligible'], 'layer')}: {', '.join(others)})"
    return ", ".join([f"{row['quantized']} of {row['eligible']} quantized", *others])


def _row_of(condition: str) -> str:
    """Return the row in whose line a condition stands."""
    return str(ConditionId.parse(condition).restricts)


def _short(condition: str) -> str:
    return ConditionId.parse(condition).short


def _not_judged(report: dict[str, Any]) -> Iterator[Line]:
    """Yield what could not be judged, and why."""
    models = report.get("models")
    if models:
        for model in models:
            yield from _of_model(model)
    elif report["untold"]["layers"]:
        untold = report["untold"]
        count = f"{_number(untold['layers'], 'layer')} in {_number(untold['cases'], 'case')}"
        yield f"  {count} cannot be told: {_reasons(untold['reasons'], 'layers')}", []
    unvalidated = report["unvalidated"]
    if unvalidated["cases"]:
        count = _number(unvalidated["cases"], "result")
        why = _reasons(unvalidated["reasons"], "cases")
        yield f"  {count} could not be validated: {why}", []


def _reasons(reasons: list[dict[str, Any]], counted: str) -> str:
    """Return the most frequent reasons, each with its count unless it is the only one."""
    if len(reasons) == 1:
        return str(reasons[0]["reason"])
    shown = [f"{r['reason']} ({r[counted]})" for r in reasons[:_MOST_REASONS]]
    more = len(reasons) - len(shown)
    shown += [f"{_number(more, 'other reason')}: see the report"] if more else []
    return "; ".join(shown)


def _of_model(model: dict[str, Any]) -> Iterator[Line]:
    name = model["name"]
    for note in model["notes"]:
        yield f"  {name}: {note}", []
    if not model["layers"]:
        yield f"  {name}: no layer is of a type that a table lists", ["yellow"]
        return
    others = model["layers"] - model["judged"]
    told = f"  {name}: {model['judged']} of {_number(model['layers'], 'layer')} judged"
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
        message = textwrap.shorten(found[0]["message"], _LONGEST_WARNING, placeholder=" ...")
        yield f"  ! {kind} {found[0]['case']}{more}: {message}", ["yellow"]
    left = len(groups) - _MOST_WARNED
    if left > 0:
        yield f"  ! {left} other kinds of warnings: see the report (--amct-report=DIR)", ["yellow"]
