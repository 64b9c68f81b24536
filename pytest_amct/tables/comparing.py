"""What differs between two releases, as values; `pytest_amct.reports.releases` says it in words.

What was not seen in one of them is not compared: that is not a change.

The settings of table 3 are conditions of a row of table 1, but were read from another cell. Here
they are rows of their own: ``settings/onnx/Gemm``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.ids import UNLISTED, ConditionId, RowId
from pytest_amct.once import once
from pytest_amct.tables.answers import closed_by_float16, float16_id
from pytest_amct.tables.model import Condition, Row, Spec, condition_id

Change = Literal["appeared", "went", "changed"]

Presence = Literal["whole", "english", "unseen", "absent", "elsewhere"]
"""What was seen of a row: ``elsewhere``: the page does not speak of the row's framework."""

TABLES = ("uniform", "nonuniform", "weight_only")
SETTINGS = "settings"
"""The first part of the ids of the settings of table 3."""

_SEEN = ("whole", "english")
_ORDER = (*TABLES, SETTINGS)


@dataclass(frozen=True, slots=True)
class Said:
    """A condition of a row, and which of the row's layers it is about: all, if both are empty."""

    condition: Condition
    #: the guard of the form that it is about
    form: Mapping[str, Any] = field(default_factory=dict)
    #: the guards of all forms, if it is about the layers of none
    but: Sequence[Mapping[str, Any]] = ()

    def is_like(self, other: Said) -> bool:
        """Return whether the two say the same. What was seen in English has a weaker basis."""
        mine, theirs = self.condition, other.condition
        basis = mine.basis == theirs.basis or mine.open or mine.english or theirs.english
        same = (mine.require, mine.when, mine.open) == (theirs.require, theirs.when, theirs.open)
        return basis and same and (self.form, self.but) == (other.form, other.but)


Statements = Mapping[str, Sequence[Said]]
"""What a row says, by the ids of its conditions."""


@dataclass(frozen=True, slots=True)
class ConditionChange:
    """What two releases say under the id of one condition; empty: nothing."""

    id: str
    before: Sequence[Said]
    after: Sequence[Said]

    @property
    def change(self) -> Change:
        """Whether the condition appeared, went or changed."""
        return _change(bool(self.before), bool(self.after))


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row that differs between two releases; ``None``: the release does not have it."""

    id: str
    before: Row | None
    after: Row | None
    conditions: Sequence[ConditionChange]

    @property
    def change(self) -> Change:
        """Whether the row appeared, went or changed."""
        return _change(self.before is not None, self.after is not None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two releases."""

    before: Spec
    after: Spec
    #: the tables that only one of them has, or that are closed lists on another basis
    tables: Mapping[str, Change]
    rows: Sequence[RowChange]
    #: ids of the Float16 rule: the rows that it closes, in whole or in a form, in one of them only
    float16: Mapping[str, Change]
    #: rows that could not be compared, with what was seen of each
    unseen: Mapping[str, tuple[Presence, Presence]]

    @property
    def touched(self) -> Mapping[str, str]:
        """The ids of rows, conditions and types that differ, or were not seen in `after`."""
        lost = [id_ for id_, (_, after) in self.unseen.items() if after not in _SEEN]
        found: dict[str, str] = dict.fromkeys(lost, "not seen")
        found |= self.float16
        for row in self.rows:
            found[row.id] = row.change
            found |= {condition.id: condition.change for condition in row.conditions}
            if row.change != "changed":
                found |= _types(row)
        return found


def _change(before: bool, after: bool) -> Change:
    return "changed" if before and after else "appeared" if after else "went"


def _types(row: RowChange) -> Mapping[str, Change]:
    """Return the ids about types without a row: such an id goes where a row appears."""
    id_ = ConditionId.parse(row.id)
    present = row.before or row.after
    types = present.types if present else ()
    ids = (ConditionId(id_.table, id_.framework, UNLISTED, type_) for type_ in types)
    return {str(unlisted): "went" if row.after else "appeared" for unlisted in ids}


# --- what one release says ------------------------------------------------------------------------


def find_row(spec: Spec, id_: str) -> Row | None:
    """Return the row of an id, that of table 1 for settings; ``None`` if there is none."""
    wanted = str(ConditionId.parse(id_).restricts)
    return next((row for row in spec.rows if row.id == wanted), None)


def presence(spec: Spec, id_: str) -> Presence:
    """Return what was seen of a row."""
    parts, row = ConditionId.parse(id_), find_row(spec, id_)
    if parts.framework not in spec.frameworks:
        return "elsewhere"
    if parts.table == SETTINGS:
        said = statements(spec, id_)
        if not said:
            return "absent" if "weight_only" in spec.lists else "unseen"
        english = any(one.condition.english for every in said.values() for one in every)
        return "english" if english else "whole"
    if row is not None:
        return "unseen" if row.seen == "no" else row.seen
    cut_off = parts.table == "uniform" and spec.ends.get(parts.framework) == "no"
    return "unseen" if cut_off or parts.table not in spec.lists else "absent"


def is_whole(spec: Spec) -> bool:
    """Return whether every row and table of a release was seen in the original."""
    return set(spec.lists) == set(TABLES) and all(row.seen == "whole" for row in spec.rows)


def row_ids(specs: Sequence[Spec]) -> list[str]:
    """Return the ids of all rows of some releases: by table, then by framework, in their order."""
    ids = dict.fromkeys(row.id for spec in specs for row in spec.rows)
    for spec in specs:
        for row in spec.rows:
            settings = str(RowId(SETTINGS, row.framework, row.name))
            if row.table == "uniform" and statements(spec, settings):
                ids[settings] = None

    def place(id_: str) -> tuple[int, int]:
        found = ConditionId.parse(id_)
        return _ORDER.index(found.table), FRAMEWORKS.index(found.framework)

    return sorted(ids, key=place)


def statements(spec: Spec, id_: str) -> Statements:
    """Return what a row says that was seen. What every row of the release says is left out."""
    row = find_row(spec, id_)
    if row is None:
        return {}
    of_settings = ConditionId.parse(id_).table == SETTINGS
    if "weight_only" not in spec.lists if of_settings else row.seen == "no":
        return {}
    said = [Said(c, but=[form.when for form in row.forms]) for c in row.conditions]
    said += [Said(c, form=form.when) for form in row.forms for c in form.row.conditions]
    found: dict[str, list[Said]] = {}
    for one in said:
        named = condition_id(row, one.condition)
        own = one.condition.id not in once(spec, _shared)
        if own and (ConditionId.parse(named).table == SETTINGS) == of_settings:
            found.setdefault(named, []).append(one)
    return {named: _joined(said, 1 + len(row.forms)) for named, said in found.items()}


def _shared(spec: Spec) -> frozenset[str]:
    """Return the conditions that every row has, and those that say that a row was not seen."""
    rows = [{c.id for c in row.conditions if c.open} for row in spec.rows if row.seen != "no"]
    return frozenset(set.intersection(*rows) if len(rows) > 1 else ()) | {"seen"}


def _joined(said: Sequence[Said], parts: int) -> Sequence[Said]:
    """Return one statement about all layers if every part of a row says the same."""
    every = [Said(one.condition) for one in said]
    if len(every) == parts and all(one.is_like(every[0]) for one in every):
        return every[:1]
    return said


def closings(spec: Spec, row: Row) -> list[Mapping[str, Any] | Literal["all"]]:
    """Return what the Float16 rule closes of a row: all of it, or the forms with these guards."""
    if spec.float16_basis == "open":
        return []
    if closed_by_float16(row, spec):
        return ["all"]
    return [form.when for form in row.forms if closed_by_float16(form.row, spec)]


# --- what two releases say ------------------------------------------------------------------------


def compare(before: Spec, after: Spec) -> Comparison:
    """Return what differs between two releases."""
    rows: list[RowChange] = []
    unseen: dict[str, tuple[Presence, Presence]] = {}
    for id_ in row_ids([before, after]):
        pair = presence(before, id_), presence(after, id_)
        if {"unseen", "elsewhere"} & set(pair):
            unseen[id_] = pair
        elif (change := _row(id_, before, after)) and (change := _as_seen(change, before, after)):
            rows.append(change)
    tables, float16 = dict(_tables(before, after)), dict(_float16(before, after))
    return Comparison(before, after, tables, rows, float16, unseen)


def _as_seen(change: RowChange, before: Spec, after: Spec) -> RowChange | None:
    """Return a change without what rests on a row of table 1 that was not seen in one release.

    That is which forms the settings of table 3 are about, and what is argued for weights alone.
    """
    id_ = ConditionId.parse(change.id)
    first = str(replace(id_, table="uniform"))
    if id_.table == "uniform" or "unseen" not in (presence(before, first), presence(after, first)):
        return change
    kept = [c for c in change.conditions if not _rests_on_table_1(c, id_.table)]
    return replace(change, conditions=kept) if kept or change.change != "changed" else None


def _rests_on_table_1(change: ConditionChange, table: str) -> bool:
    old, new = ([Said(one.condition) for one in said] for said in (change.before, change.after))
    argued = all(one.condition.basis == "inferred" for one in (*old, *new))
    return _are_alike(old, new) if table == SETTINGS else argued


def _tables(before: Spec, after: Spec) -> Iterator[tuple[str, Change]]:
    for table in TABLES:
        if table not in before.lists or table not in after.lists:
            continue  # not seen
        old, new = ([r for r in spec.rows if r.table == table] for spec in (before, after))
        english = any(row.seen == "english" for row in (*old, *new))
        if bool(old) != bool(new):
            yield table, _change(bool(old), bool(new))
        elif before.lists[table] != after.lists[table] and not english:
            yield table, "changed"


def _row(id_: str, before: Spec, after: Spec) -> RowChange | None:
    """Return how a row differs, ``None`` if it does not."""
    old, new = find_row(before, id_), find_row(after, id_)
    if ConditionId.parse(id_).table == SETTINGS and not (old and new):
        return None  # the row of table 1 appeared or went
    said, says = statements(before, id_), statements(after, id_)
    changes = [
        ConditionChange(condition, said.get(condition, ()), says.get(condition, ()))
        for condition in dict.fromkeys([*said, *says])
        if not _are_alike(said.get(condition, ()), says.get(condition, ()))
    ]
    same = old is not None and new is not None and (old.types, old.ir) == (new.types, new.ir)
    return None if same and not changes else RowChange(id_, old, new, changes)


def _are_alike(before: Sequence[Said], after: Sequence[Said]) -> bool:
    return len(before) == len(after) and all(map(Said.is_like, before, after))


def _float16(before: Spec, after: Spec) -> Iterator[tuple[str, Change]]:
    for id_ in row_ids([before, after]):
        old, new = find_row(before, id_), find_row(after, id_)
        if old is None or new is None or ConditionId.parse(id_).table != "uniform":
            continue
        closed, closes = closings(before, old), closings(after, new)
        # The rule is at the head of a page, but the forms of a row are in its cell.
        seen = "no" not in (old.seen, new.seen) or not (old.forms or new.forms)
        if seen and closed != closes:
            yield float16_id(old), _change(bool(closed), bool(closes))


# --- what all releases say ------------------------------------------------------------------------


def variants(specs: Sequence[Spec], id_: str) -> list[tuple[Presence, int | None]]:
    """Return which reading of a row each release has; readings are counted in this order."""
    found: list[Spec] = []
    told: list[tuple[Presence, int | None]] = []
    for spec in specs:
        seen = presence(spec, id_)
        if seen not in _SEEN:
            told.append((seen, None))
            continue
        same = (i for i, other in enumerate(found) if _row(id_, other, spec) is None)
        number = next(same, len(found))
        if number == len(found):
            found.append(spec)
        told.append((seen, number))
    return told
