"""What was seen of a release: which page each row was read from, and which rows were not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_amct.ids import matches
from pytest_amct.tables.fields import Fields
from pytest_amct.tables.model import Condition, Row, SeenAs, Spec, condition_id


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the document, and the rows and settings that were read from it, as patterns."""

    url: str
    rows: tuple[str, ...]
    english: bool = False


def unmatched(spec: Spec, patterns: Sequence[str]) -> str | None:
    """Return the first pattern that matches neither a row nor a condition, if there is one."""
    ids = [condition_id(row, condition) for row in spec.rows for condition in row.conditions]
    ids += [row.id for row in spec.rows]
    return next((p for p in patterns if not any(matches(id_, p) for id_ in ids)), None)


def as_seen(spec: Spec, pages: Sequence[Page], unseen: Sequence[str], top: Fields) -> Spec:
    """Return the tables as far as they were seen (docs/reading.md, "Other releases").

    What was seen in English only is `inferred`. A row that was not seen keeps its types, and says
    nothing. Raise `SpecError` for rows without a page.
    """
    made = []
    for row in spec.rows if "weight_only" in spec.lists else map(_without_settings, spec.rows):
        page = _page_of(row.id, pages)
        if any(matches(row.id, pattern) for pattern in unseen):
            made.append(_not_seen(row, spec.release, pages))
        elif page is not None:
            made.append(_read_from(page, row, pages))
        elif pages:
            raise top.error(f"no [[page]] and no 'unseen' names the row {row.id}")
        else:
            made.append(row)
    ends = {row.framework: row.seen for row in made if row.table == "uniform"}
    return replace(spec, rows=tuple(made), ends=ends)


def is_setting(condition: Condition) -> bool:
    """Return whether a condition is a setting, which table 3 restricts."""
    return condition.id.startswith("settings/")


def _page_of(id_: str, pages: Sequence[Page]) -> Page | None:
    found = [page for page in pages if any(matches(id_, pattern) for pattern in page.rows)]
    return found[-1] if found else None


def _read_from(page: Page, row: Row, pages: Sequence[Page]) -> Row:
    seen: SeenAs = "english" if page.english else "whole"
    conditions = tuple(_weaker(row, c, pages) for c in row.conditions)
    forms = tuple(replace(f, row=_read_from(page, f.row, pages)) for f in row.forms)
    return replace(row, page=page.url, seen=seen, conditions=conditions, forms=forms)


def _weaker(row: Row, condition: Condition, pages: Sequence[Page]) -> Condition:
    """Return a condition as `inferred` if it was seen in English only."""
    # A setting of table 3 has a page of its own; other conditions are read from their row's page.
    page = _page_of(condition.id if is_setting(condition) else row.id, pages)
    if not page or not page.english:
        return condition
    return replace(condition, basis="inferred", english=True)


def _not_seen(row: Row, release: str, pages: Sequence[Page]) -> Row:
    """Return a row that decides nothing in table 1.

    It keeps the settings that were seen, and the forms that the Float16 rule closes.
    """
    settings = (_weaker(row, c, pages) for c in row.conditions if is_setting(c))
    seen = Condition("seen", {"not_seen_in": release}, open=True)
    forms = tuple(replace(f, row=_not_seen(f.row, release, pages)) for f in row.forms)
    kept = tuple(form for form in forms if form.row.float16)
    return replace(row, conditions=(seen, *settings), forms=kept, seen="no")


def _without_settings(row: Row) -> Row:
    """Return a row whose settings are open: the release's table 3 was not seen."""
    conditions = tuple(replace(c, open=c.open or is_setting(c)) for c in row.conditions)
    return replace(
        row,
        conditions=conditions,
        forms=tuple(replace(form, row=_without_settings(form.row)) for form in row.forms),
    )
