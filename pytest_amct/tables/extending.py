"""Table files that extend another: the file says only what differs, so it *is* the change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_amct.errors import SpecError
from pytest_amct.ids import matches
from pytest_amct.tables.fields import WHOLE, Fields

Document = Mapping[str, Any]
"""A parsed table file."""

_OWN = ("release", "title")
"""Keys that a file has for itself and never inherits."""

_OF_PAGES = ("page", "unseen", "notes")
"""Keys that a file with pages of its own does not inherit."""


def whole_document(chain: Sequence[tuple[Document, str]]) -> Document:
    """Return a document with everything that it inherits, as one that extends nothing.

    `chain` has the document, the one that it extends, and so on, each with the name of its file.
    Rows of a table that the document does not list are left out: the table was not seen. Raise
    `SpecError` if a document changes what its base does not have.
    """
    *extending, (whole, _) = chain
    for document, source in reversed(extending):
        whole = _extended(whole, document, source)
    if not extending:
        return whole
    document, source = extending[0]
    lists = Fields(whole, source, WHOLE).table("lists").values
    own = {_name(entry) for entry in document.get("row", ())}
    rows = whole["row"]
    return {**whole, "row": [r for r in rows if r["id"] in own or _table(r["id"]) in lists]}


def _extended(base: Document, document: Document, source: str) -> Document:
    """Return what a document and its base say together."""
    top = Fields(document, source, WHOLE)
    own = (*_OWN, *_OF_PAGES) if "page" in document else _OWN
    made = {key: value for key, value in base.items() if key not in own}
    made |= {k: v for k, v in document.items() if k not in ("extends", "absent", "row")}
    rows = {entry["id"]: entry for entry in base.get("row", [])}
    changed: set[str] = set()
    for pattern in top.get("absent", list[str], []):
        gone = [id_ for id_ in rows if matches(id_, pattern)]
        if not gone:
            raise top.error(f"'absent' names {pattern!r}, which is not a row of its base")
        for id_ in gone:
            del rows[id_]
    for entry in top.get("row", list, []):
        row = Fields(entry, source, f"row {_name(entry)}")
        id_ = row.get("id", str)
        if id_ in changed:
            raise row.error("another row has the same 'id'")
        changed.add(id_)
        rows[id_] = _changed(rows[id_], row) if id_ in rows else entry
    return {**made, "row": list(rows.values())}


def _changed(base: Document, row: Fields) -> Document:
    """Return a row of the base with what an extending file says of it."""
    made = dict(base)
    without: list[str] = row.get("without", list[str], [])
    for key in ("condition", "open"):
        made[key] = list(base.get(key, []))
    for id_ in without:
        if not any(c["id"] == id_ for c in (*made["condition"], *made["open"])):
            raise row.error(f"'without' names the condition {id_!r}, which its base does not have")
    for key in ("condition", "open"):
        made[key] = [c for c in made[key] if c["id"] not in without]
    taken = {c["id"] for c in (*made["condition"], *made["open"])}
    for key, value in row.values.items():
        if key in ("condition", "open"):
            for condition in row.get(key, list):
                name = _name(condition)
                if name in taken:
                    why = f"{row.place}: condition {name}: its base has one of this id"
                    raise SpecError(f"{row.source}: {why}: list it in 'without' to replace it")
            made[key] = [*made[key], *value]
        elif key != "without":
            made[key] = value
    return made


def _table(id_: str) -> str:
    return id_.partition("/")[0]


def _name(values: Any) -> str:
    name = values.get("id") if isinstance(values, dict) else None
    return name if isinstance(name, str) else "?"
