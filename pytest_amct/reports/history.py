"""How the rows have changed over all releases, as one table: ``pytest-amct diff --all``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_amct.ids import ConditionId
from pytest_amct.reports.releases import Line, Section, as_markdown, as_text
from pytest_amct.reports.statements import reading
from pytest_amct.tables.comparing import Presence, find_row, row_ids, statements, variants
from pytest_amct.tables.model import Spec

HISTORY = "pytest-amct-history/1"
"""The format of `history_json`, see ``history.schema.json``."""

_SIGNS: Mapping[Presence, str] = {"unseen": "?", "absent": "-", "elsewhere": "."}
_LEGEND = (
    "A, B ...: the readings of a row, in the order of publication; ': seen in English only;"
    " ?: not seen, or not on this page; -: no such row;"
    " .: the page does not speak of this framework"
)


def _cells(specs: Mapping[str, Spec]) -> dict[str, list[str]]:
    """Return the rows of the history: a letter or a sign for each release."""
    every = [*specs.values()]
    found = {
        id_: [
            _SIGNS.get(seen, "")
            if number is None
            else _letter(number) + ("'" if seen == "english" else "")
            for seen, number in variants(every, id_)
        ]
        for id_ in row_ids(every)
    }
    found["Float16 rule"] = ["no" if s.float16_basis == "open" else "yes" for s in every]
    return found


def _readings(specs: Mapping[str, Spec], id_: str) -> dict[str, dict[str, str]]:
    """Return the readings of a row by letter: types if they differ, what each condition says."""
    found: dict[str, dict[str, str]] = {}
    every = [*specs.values()]
    for spec, (_, number) in zip(every, variants(every, id_), strict=True):
        if number is not None:
            said = statements(spec, id_)
            row = find_row(spec, id_)
            words = {"types": ", ".join(row.types if row else ())}
            words |= {ConditionId.parse(c).name: reading(one) for c, one in said.items()}
            found.setdefault(_letter(number), words)
    if len({words["types"] for words in found.values()}) == 1:
        for words in found.values():
            del words["types"]
    return found


def _letter(number: int) -> str:
    return chr(ord("A") + number)


def _spelled(words: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {said}" for name, said in words.items()) or "no condition"


def _histories(specs: Mapping[str, Spec]) -> list[Section]:
    sections = []
    for id_ in row_ids([*specs.values()]):
        found = _readings(specs, id_)
        if len(found) > 1:
            lines = [Line("", letter, [("", _spelled(said))]) for letter, said in found.items()]
            sections.append(Section(id_, lines))
    return sections


def history_text(specs: Mapping[str, Spec]) -> str:
    """Return the history of all rows as plain text: releases have numbers."""
    head = [f"{n:3} {name}" for n, name in enumerate(specs, 1)]
    cells = _cells(specs)
    width = max(map(len, cells))
    table = [" " * width + "".join(f"{n:>4}" for n in range(1, len(specs) + 1))]
    table += [f"{id_:{width}}" + "".join(f"{c:>4}" for c in row) for id_, row in cells.items()]
    return as_text("\n".join([*head, "", *table, "", _LEGEND]), _histories(specs))


def history_markdown(specs: Mapping[str, Spec]) -> str:
    """Return the history of all rows as Markdown."""
    rows = [["row", *specs], ["---"] * (len(specs) + 1)]
    rows += [[f"`{id_}`", *row] for id_, row in _cells(specs).items()]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return as_markdown(f"All releases\n{_LEGEND}\n\n{table}", _histories(specs))


def history_json(specs: Mapping[str, Spec]) -> dict[str, Any]:
    """Return the JSON form of the history."""
    every = [*specs.values()]
    return {
        "format": HISTORY,
        "releases": [{"name": name, "title": spec.title} for name, spec in specs.items()],
        "float16": [spec.float16_basis != "open" for spec in every],
        "rows": [
            {
                "id": id_,
                "releases": [
                    {"seen": seen, "reading": None if n is None else _letter(n)}
                    for seen, n in variants(every, id_)
                ],
                "readings": _readings(specs, id_),
            }
            for id_ in row_ids(every)
        ],
    }
