"""What was seen of a release: which page each row was read from, and which rows were not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_amct.ids import matches
from pytest_amct.tables.fields import Fields
from pytest_amct.tables.model import Condition, Row, Spec, condition_id


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the document, and the rows and settings that were read from it, as patterns."""

    url: str
    rows: tuple[str, ...]
    english: bool = False


def as_seen(spec: Spec, pages: Sequence[Page], unseen: Sequence[str], top: Fields) -> Spec:
    """Return the tables as far as they were seen (docs/reading.md, "Other releases").

    What was seen in English only is `inferred`. A row that was not seen keeps its types, and says
    nothing. Raise `SpecError` for patterns that match nothing, and for rows without a page.
    """
    ids = [row.id for row in spec.rows]
    settings = [condition_id(r, c) for r in spec.rows for c in r.conditions]
    for key, patterns, known in (
        ("unseen", unseen, ids),
        *(("page", page.rows, [*ids, *settings]) for page in pages),
    ):
        for pattern in patterns:
            if not any(matches(id_, pattern) for id_ in known):
                raise top.error(f"{key!r} names {pattern!r}, which is not a row of the tables")
    rows = []
    for row in spec.rows:
        if any(matches(row.id, pattern) for pattern in unseen):
            rows.append(_not_seen(row, spec.release, pages))
        elif not pages:
            rows.append(row)
        elif (page := _page_of(row.id, pages)) is None:
            raise top.error(f"no [[page]] and no 'unseen' names the row {row.id}")
        else:
            seen = replace(row, page=page.url, seen="english" if page.english else "whole")
            conditions = tuple(_weaker(row, c, pages) for c in row.conditions)
            rows.append(replace(seen, conditions=conditions))
    last = {row.framework: row for row in rows if row.table == "uniform"}
    cut_off = frozenset(f for f, row in last.items() if row.seen == "no")
    return replace(spec, rows=tuple(rows), cut_off=cut_off)


def _page_of(id_: str, pages: Sequence[Page]) -> Page | None:
    found = [page for page in pages if any(matches(id_, pattern) for pattern in page.rows)]
    return found[-1] if found else None


def _weaker(row: Row, condition: Condition, pages: Sequence[Page]) -> Condition:
    """Return a condition as `inferred` if it was seen in English only."""
    # A setting of table 3 has a page of its own; other conditions are read from their row's page.
    page = _page_of(condition.id if "/" in condition.id else row.id, pages)
    if not page or not page.english:
        return condition
    return replace(condition, basis="inferred", english=True)


def _not_seen(row: Row, release: str, pages: Sequence[Page]) -> Row:
    """Return a row that decides nothing in table 1, but keeps the settings that were seen."""
    kept = tuple(_weaker(row, c, pages) for c in row.conditions if "/" in c.id)
    seen = Condition("seen", {"not_seen_in": release}, open=True)
    return replace(row, conditions=(seen, *kept), forms=(), seen="no")
