"""The report as one HTML page: the tables with their verdicts, and the findings by condition."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from pytest_amct.frameworks import FRAMEWORKS, TITLES
from pytest_amct.ids import ConditionId
from pytest_amct.reports import overview
from pytest_amct.reports.html.findings import (
    DECISIONS,
    Place,
    counted,
    part,
    spec_of,
    text_of,
    words_of,
)
from pytest_amct.reports.overview import LABELS, MARKS, Cell, Group, Row
from pytest_amct.reports.phrases import seen
from pytest_amct.reports.terminal import not_judged
from pytest_amct.reports.web import render, resource, shown
from pytest_amct.tables.model import Spec
from pytest_amct.wording import number

_TITLES = {
    "uniform": "uniform quantization",
    "nonuniform": "nonuniform quantization",
    "weight_only": "quantization of weights only",
}
"""What the tables are about; other groups of tests have the names of their ids."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A cell as the page shows it."""

    verdict: str
    mark: str
    label: str
    #: the verdict in words, with the number of findings
    said: str
    #: what the condition asks for
    words: str
    #: the group of its findings, ``""`` if there is none
    anchor: str


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of the tables as the page shows it."""

    id: str
    title: str
    framework: str
    table: str
    counts: str
    words: str
    cells: Sequence[_Shown]


def report_page(report: dict[str, Any], specs: Iterable[Spec] = ()) -> str:
    """Return a report as one HTML page that needs no other file and no network.

    `specs` are the releases of the run. Without them those of this package put conditions into
    words. Raise `UsageError` if a package of the extra ``html`` is not installed.
    """
    report = shown(report)
    known = {spec.source: spec for spec in specs}
    judged = [report, *report.get("releases", ())]
    anchors = [_anchors(overview.groups(one), at) for at, one in enumerate(judged)]
    drawn_at: dict[str, str] = {}
    for one, of_one in zip(judged, anchors, strict=True):
        for group in overview.groups(one):
            drawn_at.setdefault(group.findings[0]["case"], of_one[group.condition])
    sections = [
        _section(Place(report, one["spec"], spec_of(one["spec"], known), drawn_at), one, of_one)
        for one, of_one in zip(judged, anchors, strict=True)
    ]
    places = [
        place
        for section in sections
        for place in (*chain(*section["lists"].values()), *section["groups"])
    ]
    frameworks = {place.framework for place in places}
    return render(
        __package__,
        "page.html.j2",
        "page.css",
        resource("page.js", __package__),
        quantizer=report["quantizer"],
        sections=sections,
        why=overview.gaps(report),
        stopped=[*report.get("stopped", {}).values()],
        frameworks=[(f, TITLES[f]) for f in FRAMEWORKS if f in frameworks],
        tables_listed=sorted({place.table for place in places}),
        verdicts=[(verdict, MARKS[verdict], LABELS[verdict]) for verdict in MARKS],
        not_judged=[line.strip() for line, _ in not_judged(report)],
        waivers=_waivers(report),
        comparison=[*_pairs(report.get("comparison") or {})],
        about=[*_about(report)],
    )


def _section(place: Place, judged: Mapping[str, Any], anchors: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page shows about one release."""
    rows = [*overview.rows(place.report, judged)]
    count = overview.numbers(judged)
    more = [number(count.warnings, "warning"), f"{count.waived} waived"]
    more += overview.covered(place.report, rows) if judged is place.report else []
    return {
        "title": judged["spec"]["title"] + seen(judged["spec"]),
        "numbers": str(count),
        "failed": count.violations > 0,
        "more": ", ".join(more),
        "lists": _lists([_line(row, place.spec, anchors) for row in rows]),
        "groups": [part(g, place, anchors[g.condition]) for g in overview.groups(judged)],
    }


def _anchors(groups: Iterable[Group], section: int) -> dict[str, str]:
    """Return an id within the page for each condition with findings."""
    found: dict[str, str] = {}
    for at, group in enumerate(groups):
        slug = re.sub(r"[^A-Za-z0-9_.-]+", "-", group.condition)[:80]
        anchor = f"f{section or ''}-{slug}"
        found[group.condition] = f"{anchor}-{at}" if anchor in found.values() else anchor
    return found


# --- the tables -----------------------------------------------------------------------------------


def _lists(lines: Iterable[_Line]) -> dict[str, list[_Line]]:
    """Return the rows by table and framework, under the titles of these."""
    found: dict[str, list[_Line]] = {}
    for line in lines:
        about = TITLES.get(line.framework, line.framework), _TITLES.get(line.table, line.table)
        found.setdefault(", ".join(filter(None, about)), []).append(line)
    return found


def _line(row: Row, spec: Spec | None, anchors: Mapping[str, str]) -> _Line:
    parts = ConditionId.parse(row.id)
    words = words_of(row.id, spec) if row.is_unlisted else ""
    cells = [
        _cell(cell, "" if row.is_unlisted else words_of(cell.id, spec), anchors)
        for cell in row.cells
    ]
    title = row.label if row.is_unlisted else parts.row or row.label
    return _Line(row.id, title, parts.framework, parts.table, row.counts, words, cells)


def _cell(cell: Cell, words: str, anchors: Mapping[str, str]) -> _Shown:
    words = words if cell.is_condition else DECISIONS.get(cell.label, "")
    return _Shown(
        cell.verdict,
        MARKS[cell.verdict],
        cell.label,
        counted(cell.counts) or cell.note or LABELS[cell.verdict],
        words,
        anchors.get(cell.id, "") if cell.counts else "",
    )


# --- about the run --------------------------------------------------------------------------------


def _waivers(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the waivers as a table, with the keys that they have."""
    waivers = report["waivers"]
    heads = [*dict.fromkeys(key for waiver in waivers for key in waiver)]
    order = ["id", "reason", "owner", "link", "until", "release"]
    heads.sort(key=lambda key: order.index(key) if key in order else len(order))
    rows = [[(key, text_of(waiver.get(key))) for key in heads] for waiver in waivers]
    return {"heads": heads, "rows": rows}


def _about(report: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield headings and texts about the run."""
    yield from _pairs({"tool": report.get("tool")})
    yield "tables", f"{report['spec']['title']} ({report['spec']['source']})"
    yield from _pairs({key: report.get(key) for key in ("profile", "examples", "newest_opset")})
    yield from _pairs(report["selection"])
    yield from _pairs(dict(sorted(report["versions"].items())))
    yield "format", report["format"]


def _pairs(values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield keys and values as texts, without those that are empty."""
    for key, value in values.items():
        if value not in (None, "", [], {}):
            yield key.replace("_", " "), text_of(value)
