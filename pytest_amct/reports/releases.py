"""What releases hold and how they differ, in words: ``pytest-amct specs`` and ``diff``.

A text is a list of sections, which can be written as plain text or as Markdown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.ids import ConditionId, condition_of, is_within, matches
from pytest_amct.options import Declared
from pytest_amct.reports.statements import fact, reading
from pytest_amct.tables.comparing import (
    SETTINGS,
    TABLES,
    Comparison,
    Presence,
    RowChange,
    closings,
    find_row,
    is_whole,
    presence,
    row_ids,
)
from pytest_amct.tables.float16 import FLOAT16_REQUIRED
from pytest_amct.tables.loader import DEFAULT_RELEASE, LATEST, LATEST_RELEASE
from pytest_amct.tables.model import Spec

DIFF = "pytest-amct-diff/1"
"""The format of `difference_json`, see ``diff.schema.json``."""

_MARKS = {"appeared": "+", "went": "-", "changed": "~"}
_NAMES = {"uniform": "table 1 (uniform)", "nonuniform": "table 2 (nonuniform)"}
_NAMES |= {"weight_only": "table 3 (weight_only)", SETTINGS: "table 3 (settings)"}


@dataclass(frozen=True, slots=True)
class Line:
    """What changed of one thing: a mark, its name, and what each release says of it."""

    mark: str
    name: str
    #: texts, each with the title of its release, ``""`` for none
    said: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its lines."""

    title: str
    lines: Sequence[Line]


def as_text(head: str, sections: Sequence[Section]) -> str:
    """Return sections as plain text."""
    found = [head]
    for section in sections:
        found += ["", section.title]
        for line in section.lines:
            start = " ".join(filter(None, (line.mark, line.name)))
            if len(line.said) == 1 and not line.said[0][0]:
                found.append(f"  {start}: {line.said[0][1]}")
            else:
                found.append(f"  {start}")
                found += [f"      {title}: {words}" for title, words in line.said]
    return "\n".join(found)


def as_markdown(head: str, sections: Sequence[Section]) -> str:
    """Return sections as Markdown."""
    title, *rest = head.splitlines()
    found = [f"# {title}", "", *rest]
    for section in sections:
        found += ["", f"## {section.title}", ""]
        for line in section.lines:
            start = f"`{line.mark}` {line.name}" if line.mark else line.name
            if len(line.said) == 1 and not line.said[0][0]:
                found.append(f"- {start}: {line.said[0][1]}")
            else:
                found.append(f"- {start}")
                found += [f"  - {title}: {words}" for title, words in line.said]
    return "\n".join(found).replace("*", "\\*")


# --- specs ----------------------------------------------------------------------------------------


def listing(specs: Mapping[str, Spec]) -> str:
    """Return the releases by name, with what was seen of each."""
    found = []
    for name, spec in specs.items():
        marks = {DEFAULT_RELEASE: "the default", LATEST_RELEASE: LATEST}
        mark = f" ({marks[name]})" if name in marks else ""
        found.append(f"{name}{mark}: {spec.title}")
        rows = ", ".join(_seen_of(spec, framework) for framework in spec.frameworks)
        found.append(f"    rows seen: {rows}")
        tables = [_NAMES[table] for table in TABLES if _has(spec, table)]
        found.append(f"    tables seen: {', '.join(tables)}")
        if english := _english(spec):
            found.append(f"    seen in English only: {', '.join(english)}")
        found += [f"    note: {note}" for note in spec.notes]
    return "\n".join(found)


def _seen_of(spec: Spec, framework: str) -> str:
    rows = [r for r in spec.rows if (r.table, r.framework) == ("uniform", framework)]
    seen = sum(row.seen != "no" for row in rows)
    return f"{framework} {seen} of {len(rows)}"


def _has(spec: Spec, table: str) -> bool:
    return any(row.table == table and row.seen != "no" for row in spec.rows)


def _english(spec: Spec) -> list[str]:
    return _shortened([id_ for id_ in row_ids([spec]) if presence(spec, id_) == "english"], [spec])


def _shortened(ids: Sequence[str], specs: Sequence[Spec]) -> list[str]:
    """Return ids with a pattern in place of all rows of a table, or of a framework in a table."""
    every, left, found = row_ids(specs), list(ids), []
    patterns = [f"{table}/*" for table in (*TABLES, SETTINGS)]
    patterns += [f"{t}/{f}/*" for t in (*TABLES, SETTINGS) for f in FRAMEWORKS]
    for pattern in patterns:
        meant = [id_ for id_ in every if matches(id_, pattern)]
        if len(meant) > 1 and set(meant) <= set(left):
            found.append(pattern)
            left = [id_ for id_ in left if id_ not in meant]
    return [*left, *found]


# --- diff -----------------------------------------------------------------------------------------


def difference(found: Comparison, declared: Declared) -> tuple[str, list[Section]]:
    """Return the head and the sections that say how two releases differ."""
    before, after = found.before.title, found.after.title
    marks = f"- only in {before}   + only in {after}   ~ in both, but not the same"
    sections = [
        *(_row(row, found) for row in found.rows if not _is_of_table(row, found)),
        Section("Tables", [*_tables(found)]),
        Section("Float16 rule", [*_float16(found)]),
        Section("Notes of the pages", [*_notes(found)]),
    ]
    changes = [section for section in sections if section.lines]
    if not changes:
        nothing = Line("", "Nothing", [("", "no row, table, rule or note differs")])
        changes = [Section("Differences", [nothing])]
    more = [
        Section("Not compared: what was not seen is not a change", [*_unseen(found)]),
        Section("Seen in English only: findings that rest on it only warn", [*_in_english(found)]),
        Section(f"Your settings in {declared.file or 'an ini file'}", [*_touched(found, declared)]),
    ]
    head = f"{before} -> {after}\n{marks}"
    return head, [*changes, *(section for section in more if section.lines)]


def _is_of_table(row: RowChange, found: Comparison) -> bool:
    """Return whether a row appeared or went with its table."""
    table = ConditionId.parse(row.id).table
    return row.change != "changed" and found.tables.get(table) == row.change


def _row(row: RowChange, found: Comparison) -> Section:
    return Section(row.id, [*_lines(row, found)])


def _lines(row: RowChange, found: Comparison) -> Iterator[Line]:
    if row.before is None or row.after is None:
        present = row.before or row.after
        types = ", ".join(present.types if present else ())
        words = f"lists {types}"
        if row.after is None:
            basis = found.after.lists[ConditionId.parse(row.id).table]
            words += f", forbidden without it ({basis})"
        yield Line(_MARKS[row.change], "row", [("", words)])
    else:
        for name, old, new in (
            ("types", row.before.types, row.after.types),
            ("Ascend IR types", row.before.ir, row.after.ir),
        ):
            if old != new:
                yield _changed(name, ", ".join(old), ", ".join(new), found)
    for condition in row.conditions:
        name = ConditionId.parse(condition.id).name
        old_words, new_words = reading(condition.before), reading(condition.after)
        if condition.change == "changed":
            yield _changed(name, old_words, new_words, found)
        else:
            yield Line(_MARKS[condition.change], name, [("", old_words or new_words)])


def _changed(name: str, old: str, new: str, found: Comparison) -> Line:
    return Line("~", name, [(found.before.title, old), (found.after.title, new)])


def _tables(found: Comparison) -> Iterator[Line]:
    for table, change in found.tables.items():
        if change == "changed":
            old, new = (
                f"a type without a row must stay in float ({spec.lists[table]})"
                for spec in (found.before, found.after)
            )
            yield _changed(_NAMES[table], old, new, found)
        else:
            other = found.before if change == "appeared" else found.after
            basis = other.lists[table]
            words = f"{other.title} lists no layer there, so all are forbidden ({basis})"
            yield Line(_MARKS[change], _NAMES[table], [("", words)])


def _float16(found: Comparison) -> Iterator[Line]:
    old, new = map(_rule, (found.before, found.after))
    if old != new:
        yield _changed("the rule", old, new, found)
    for id_, change in found.float16.items():
        spec = found.before if change == "went" else found.after
        row = find_row(spec, id_)
        guards = [] if row is None else [fact(g) for g in closings(spec, row) if g != "all"]
        if guards or old == new:
            guard = f"if {' or '.join(guards)}, " if guards else ""
            yield Line(_MARKS[change], id_, [("", f"{guard}{FLOAT16_REQUIRED}")])


def _rule(spec: Spec) -> str:
    if spec.float16_basis == "open":
        return "no such rule: not decided in a network with a Float16 input or weight"
    closed = ", ".join(sorted(spec.float16_closed))
    return f"a Float16 input or weight closes {closed} in the whole network"


def _notes(found: Comparison) -> Iterator[Line]:
    for mark, mine, other in (
        ("-", found.before, found.after),
        ("+", found.after, found.before),
    ):
        for note in mine.notes:
            if note not in other.notes:
                rest = "" if is_whole(other) else f" (not seen in {other.title})"
                yield Line(mark, "note", [("", f"{note}{rest}")])


_WHY: Mapping[Presence, str] = {
    "unseen": "not seen",
    "elsewhere": "the page does not speak of this framework",
}


def _unseen(found: Comparison) -> Iterator[Line]:
    for at, spec in enumerate((found.before, found.after)):
        for why, words in _WHY.items():
            ids = [id_ for id_, pair in found.unseen.items() if pair[at] == why]
            if ids:
                shown = ", ".join(_shortened(ids, [found.before, found.after]))
                yield Line("", f"{spec.title}, {words}", [("", shown)])


def _in_english(found: Comparison) -> Iterator[Line]:
    for spec in (found.before, found.after):
        if ids := _english(spec):
            yield Line("", spec.title, [("", ", ".join(ids))])


def touches(found: Comparison, declared: Declared) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield the settings of a repository that a change concerns: key, pattern, ids and changes."""
    ids = found.touched
    for waiver in declared.waivers:
        wanted = condition_of(waiver.id)
        hits = {
            id_: change
            for id_, change in ids.items()
            if id_ == wanted or (change != "changed" and is_within(wanted, id_))
        }
        if hits:
            yield "amct_waivers", waiver.id, hits
    rows = {id_: change for id_, change in ids.items() if ConditionId.parse(id_).is_row}
    for key, patterns in (
        ("amct_required_rows", declared.required_rows),
        ("amct_float_rows", declared.float_rows),
    ):
        for pattern in patterns:
            hits = {id_: change for id_, change in rows.items() if matches(id_, pattern)}
            if hits:
                yield key, pattern, hits


def _touched(found: Comparison, declared: Declared) -> Iterator[Line]:
    words = {"not seen": f"not seen in {found.after.title}"}
    for key, pattern, ids in touches(found, declared):
        shown = ", ".join(f"{id_} {words.get(change, change)}" for id_, change in ids.items())
        yield Line("", f"{key} {pattern}", [("", shown)])


def difference_json(found: Comparison, declared: Declared) -> dict[str, Any]:
    """Return the JSON form of a comparison."""
    return {
        "format": DIFF,
        "before": {"release": found.before.release, "title": found.before.title},
        "after": {"release": found.after.release, "title": found.after.title},
        "rows": [
            {
                "id": row.id,
                "change": row.change,
                "types": {
                    "before": [*row.before.types] if row.before else None,
                    "after": [*row.after.types] if row.after else None,
                },
                "conditions": [
                    {
                        "id": condition.id,
                        "change": condition.change,
                        "before": reading(condition.before) or None,
                        "after": reading(condition.after) or None,
                    }
                    for condition in row.conditions
                ],
            }
            for row in found.rows
        ],
        "tables": dict(found.tables),
        "float16": dict(found.float16),
        "notes": {"before": [*found.before.notes], "after": [*found.after.notes]},
        "not_compared": {
            id_: {"before": before, "after": after} for id_, (before, after) in found.unseen.items()
        },
        "english": {"before": _english(found.before), "after": _english(found.after)},
        "settings": [
            {"key": key, "pattern": pattern, "ids": ids}
            for key, pattern, ids in touches(found, declared)
        ],
    }
