"""A report as values for readers: rows of the tables with a verdict for each condition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_amct.ids import UNLISTED
from pytest_amct.reports.phrases import (
    is_narrowed,
    row_counts,
    row_of,
    short_name,
    was_judged,
    why_partial,
)
from pytest_amct.wording import number

MARKS = {"violation": "✗", "warning": "!", "waived": "w", "clear": "✓", "open": "-"}
"""The verdicts on a condition, the worst first, each with its mark."""

LABELS = {
    "violation": "violation",
    "warning": "warning",
    "waived": "waived",
    "clear": "judged, nothing found",
    "open": "not judged",
}
"""The verdicts in words."""

LEGEND = "✗ violations (how many)  ! warnings  w waived  ✓ nothing found  - not judged"
"""What the marks mean, in one line."""

OF_STATUS = {"failed": "violation", "warned": "warning", "waived": "waived"}
"""The verdict that a finding of each status gives."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A condition of a row, or a kind of finding that is not about a condition."""

    #: id of the condition; of the condition or row of the first finding for a kind
    id: str
    label: str
    #: one of `MARKS`
    verdict: str
    #: number of findings by verdict
    counts: Mapping[str, int]
    #: whether it is one of the table's conditions
    is_condition: bool = True
    #: why no case can show it, ``""`` if one can
    note: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the tables: a row, the types without one, or a group of tests."""

    id: str
    label: str
    #: what became of its quantizable layers
    counts: str
    cells: tuple[Cell, ...]

    @property
    def is_unlisted(self) -> bool:
        """Whether its cells are the types without a row."""
        return self.id.endswith(_UNLISTED)

    @property
    def known(self) -> list[Cell]:
        """The conditions that cases can show."""
        return [cell for cell in self.cells if cell.is_condition and not cell.note]

    @property
    def judged(self) -> int:
        """The number of these that were judged."""
        return sum(cell.verdict != "open" for cell in self.known)

    @property
    def failed(self) -> bool:
        """Whether it has a violation."""
        return any("violation" in cell.counts for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a headline."""

    violations: int
    warnings: int
    waived: int
    #: rows with a quantized layer, of those with a quantizable one
    quantized: int
    rows: int

    def __str__(self) -> str:
        rows = f"{self.quantized} of {number(self.rows, 'row')}"
        return f"{number(self.violations, 'violation')} · {rows}"


def numbers(judged: Mapping[str, Any]) -> Numbers:
    """Return the numbers of a report, or of its section about another release."""
    found = [OF_STATUS[f["status"]] for f in judged["findings"]]
    eligible = [row for row in judged["rows"] if row["eligible"]]
    return Numbers(
        violations=found.count("violation"),
        warnings=found.count("warning"),
        waived=found.count("waived"),
        quantized=sum(row["quantized"] > 0 for row in eligible),
        rows=len(eligible),
    )


def covered(report: Mapping[str, Any], rows: Sequence[Row]) -> list[str]:
    """Return how much was judged: parts of a headline."""
    parts = []
    models = report.get("models")
    if models:
        judged, layers = (sum(model[key] for model in models) for key in ("judged", "layers"))
        parts.append(f"{judged} of {number(layers, 'layer')} judged")
        parts += [number(len(models), "model")] if len(models) > 1 else []
    else:
        judged, known = sum(r.judged for r in rows), sum(len(r.known) for r in rows)
        parts.append(f"{judged} of {number(known, 'condition')} judged")
        few = " of the quick profile" if report.get("profile") == "quick" else ""
        parts.append(f"{number(report['cases'], 'case')}{few}")
    if "examples" in report:
        newest = f" up to opset {report['newest_opset']}" if "newest_opset" in report else ""
        parts.append(f"{report['examples']} examples explored{newest}")
    return parts


def gaps(report: Mapping[str, Any]) -> list[str]:
    """Return why the silence of a report means little; nothing if it covers the whole suite."""
    given = report["selection"].get("model")
    few = report["profile"] == "quick"
    return [
        *why_partial(report),
        *([f"only {given} was judged"] if given else []),
        *(["the quick profile runs a sixth of the gate"] if few else []),
    ]


def rows(report: Mapping[str, Any], judged: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the rows of the tables in the document's order, then other groups of findings.

    `judged` is the report itself, or its section about another release.
    """
    conditions: dict[str, dict[str, Mapping[str, Any]]] = {}
    for condition in judged["conditions"]:
        in_row = conditions.setdefault(row_of(condition["id"]), {})
        in_row[short_name(condition["id"])] = condition
    findings: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for found in judged["findings"]:
        about = found["condition"]
        label = short_name(about) if found["kind"] == "over-quantized" else found["kind"]
        findings.setdefault(row_of(about), {}).setdefault(label, []).append(found)
    for row in judged["rows"]:
        found_here = findings.pop(row["id"], {})
        if is_narrowed(report) and not row["eligible"] and not found_here:
            continue  # it was not selected
        cells = _cells(conditions.get(row["id"], {}), found_here)
        yield Row(row["id"], row["id"], row_counts(row), cells)
    places = sorted(p for p in {*conditions, *findings} if p.endswith(_UNLISTED))
    for place in places:
        types, of_types = conditions.get(place, {}), findings.pop(place, {})
        name = "types without a row"
        label = name if len(places) == 1 else f"{place.removesuffix(_UNLISTED)} {name}"
        # Types of a table that no request used have only findings.
        count = f"{sum(t in of_types for t in types)} of {len(types)} types quantized"
        yield Row(place, label, count if types else "", _cells(types, of_types))
    for place, others in sorted(findings.items()):
        yield Row(place, place, "", _cells({}, others))


_UNLISTED = f"/{UNLISTED}"


def _cells(
    conditions: Mapping[str, Mapping[str, Any]], findings: Mapping[str, Sequence[Mapping[str, Any]]]
) -> tuple[Cell, ...]:
    made = []
    for label in dict.fromkeys([*conditions, *findings]):
        condition, found = conditions.get(label), findings.get(label, ())
        by_verdict = [OF_STATUS[f["status"]] for f in found]
        counts = {v: n for v in OF_STATUS.values() if (n := by_verdict.count(v))}
        note = "" if condition is None else _note(condition)
        judged = condition is not None and not note and was_judged(condition)
        verdict = next(iter(counts), "clear" if judged else "open")
        id_ = found[0]["condition"] if condition is None else condition["id"]
        made.append(Cell(id_, label, verdict, counts, condition is not None, note))
    return tuple(made)


def _note(condition: Mapping[str, Any]) -> str:
    if "implied_by" in condition:
        return f"implied by {condition['implied_by']}"
    return str(condition.get("unobservable", ""))


def marks(row: Row) -> list[str]:
    """Return the marks of a row's conditions; types without findings are only counted."""
    cells = [cell for cell in row.cells if cell.counts or not cell.note]
    if not row.is_unlisted:
        return [*map(_mark, cells)]
    parts = [_mark(cell) for cell in cells if cell.counts]
    rest = [cell.verdict for cell in cells if not cell.counts]
    noun = "other" if parts else "type"
    for verdict in ("clear", "open"):
        count = rest.count(verdict)
        parts += [f"{MARKS[verdict]} {number(count, noun)}"] if count else []
    return parts


def _mark(cell: Cell) -> str:
    marked = f"{MARKS[cell.verdict]} {cell.label}"
    if not cell.counts:
        return marked
    (_, count), *others = cell.counts.items()
    more = "".join(f", {found} {_STATUSES[verdict]}" for verdict, found in others)
    return f"{marked} ({count}{more})"


_STATUSES = {verdict: status for status, verdict in OF_STATUS.items()}


@dataclass(frozen=True, slots=True)
class Group:
    """The findings about one condition, row or network test."""

    condition: str
    #: the worst first, then those about the condition itself, then the shortest ids: they say least
    findings: tuple[Mapping[str, Any], ...]

    @property
    def counts(self) -> dict[str, int]:
        """The number of findings by verdict, the worst first."""
        found = [OF_STATUS[f["status"]] for f in self.findings]
        return {v: n for v in OF_STATUS.values() if (n := found.count(v))}

    @property
    def verdict(self) -> str:
        """The verdict of the worst finding."""
        return next(iter(self.counts))


def groups(judged: Mapping[str, Any]) -> list[Group]:
    """Return the findings by condition, in the order of the tables; other groups come last."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for finding in judged["findings"]:
        found.setdefault(finding["condition"], []).append(finding)
    places = [row["id"] for row in judged["rows"]]
    order = {id_: at for at, id_ in enumerate(c["id"] for c in judged["conditions"])}

    def place(condition: str) -> tuple[int, int, str]:
        row = row_of(condition)
        at = places.index(row) if row in places else len(places)
        return at, order.get(condition, len(order)), condition

    def weight(finding: Mapping[str, Any]) -> tuple[int, bool, int]:
        status, aside = statuses.index(finding["status"]), finding["kind"] != "over-quantized"
        return status, aside, len(finding["case"])

    statuses = [*OF_STATUS]
    return [Group(id_, tuple(sorted(found[id_], key=weight))) for id_ in sorted(found, key=place)]
