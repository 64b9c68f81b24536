"""The three-valued answer to the question: is this treatment allowed for this layer?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pytest_amct.errors import UsageError
from pytest_amct.graphs.network import Basis, Layer
from pytest_amct.ids import UNLISTED, ConditionId
from pytest_amct.once import once
from pytest_amct.tables.facts import Facts, facts_of
from pytest_amct.tables.float16 import FLOAT16_REQUIRED
from pytest_amct.tables.kinds import Given, Predicate, Seen, kind_of, weight_rank_of
from pytest_amct.tables.loader import spec_or_default
from pytest_amct.tables.model import (
    Answer,
    Condition,
    Ports,
    Reason,
    Row,
    Spec,
    State,
    Treatment,
    Verdict,
    condition_id,
)
from pytest_amct.tables.plainly import Step, hold, steps
from pytest_amct.tables.rows import find_row as find_row
from pytest_amct.wording import cut, written


def answer(layer: Layer, treatment: Treatment = Treatment(), spec: Spec | None = None) -> Answer:  # noqa: B008
    """Return what the tables say about a treatment of a layer (default `spec`: CANN 7.0.0).

    Conditions combine by Kleene's three-valued logic: one violated condition forbids, even if
    others are unknown. Raise `UsageError` for arguments of another type.
    """
    if not isinstance(layer, Layer):
        raise UsageError(f"answer: {written(layer)} is not a layer: take one of a network's layers")
    if not isinstance(treatment, Treatment):
        raise UsageError(f"answer: {written(treatment)} is not a Treatment: give Treatment(...)")
    spec = spec_or_default(spec)
    table = "uniform" if treatment.scheme == "tensor" else treatment.scheme
    if table not in spec.lists:
        why = f"no table of this release judges {treatment.scheme}"
        reason = Reason("scheme", "unknown", why, "must be another scheme", "stated", "")
        return Answer("unspecified", "stated", None, (reason,))
    row = find_row(layer, spec, table)
    if row is None:
        return _unlisted(layer, table, spec)
    facts = facts_of(layer.network, spec)
    verdict, basis = _verdict(layer, row, treatment, facts)
    return Answer(verdict, basis, row.id, _Why(layer, row, treatment, facts))


def ir_types(layer: Layer, row: Row) -> tuple[str, ...]:
    """Return the possible Ascend IR types of a layer; one type if the weight's rank decides."""
    rank = weight_rank_of(layer, row.ports)[0] if row.ir_of_rank else None
    known = row.ir_of_rank.get(rank) if rank is not None else None
    return (known,) if known else row.ir


def unlisted_id(table: str, layer: Layer) -> str:
    """Return the id for a layer type that no row of a table lists."""
    return str(ConditionId(table, layer.framework, UNLISTED, cut(layer.qualified_type)))


def float16_id(row: Row) -> str:
    """Return the id of the Float16 rule for the layers of a row."""
    return str(ConditionId("float16", row.framework, row.name))


def closed_by_float16(row: Row, spec: Spec) -> bool:
    """Return whether the Float16 rule closes a type of a row."""
    return not spec.float16_closed.isdisjoint(row.ir) if row.float16 is None else row.float16


def may_be_closed(row: Row, spec: Spec) -> bool:
    """Return whether the Float16 rule closes a row's layers of any form."""
    forms = (row, *(form.row for form in row.forms))
    return spec.float16_basis != "open" and any(closed_by_float16(r, spec) for r in forms)


# --- what is checked --------------------------------------------------------------------------


class _Check(NamedTuple):
    """A condition of a row, with what it takes to check it."""

    id: str
    condition: Condition
    required: str
    predicate: Predicate
    guard: Predicate | None


class _RowChecks(NamedTuple):
    """The checks of a row, and the id of the Float16 rule if it closes a type of the row."""

    float16: str
    every: Sequence[_Check]
    #: those on the layer alone, with those that can forbid something first
    on_layer: Sequence[_Check]
    on_treatment: Sequence[_Check]
    #: shortcuts for these, ``None`` if one of them has none
    plain: tuple[Step, ...] | None


def _checks(spec: Spec) -> dict[int, _RowChecks]:
    """Return the checks of each row and form, by `id`: the spec keeps them alive."""
    found = {}
    rows = [r for row in spec.rows for r in (row, *(form.row for form in row.forms))]
    for row in rows:
        checks = [_check(row, condition) for condition in row.conditions]
        float16 = float16_id(row) if closed_by_float16(row, spec) else ""
        on_layer = [check for check in checks if not check.condition.on_treatment]
        on_layer.sort(key=lambda check: check.condition.open)
        others = [check for check in checks if check.condition.on_treatment]
        found[id(row)] = _RowChecks(float16, checks, on_layer, others, steps(row))
    return found


def _check(row: Row, condition: Condition) -> _Check:
    kind = kind_of(condition.require)
    guard = kind_of(condition.when).predicate if condition.when is not None else None
    id_, required = condition_id(row, condition), kind.required(condition.require)
    return _Check(id_, condition, required, kind.predicate, guard)


_Judged = tuple[State, Basis, Sequence[Seen]]
"""What a check found: the state of the condition, the basis, and what was seen."""

_VERDICTS: Sequence[tuple[Verdict, Basis]] = (
    ("quantizable", "stated"),
    ("quantizable", "inferred"),
    ("unspecified", "stated"),
    ("forbidden", "inferred"),
    ("forbidden", "stated"),
)
_WORST = len(_VERDICTS) - 1
_RANKS: Mapping[tuple[State, Basis], int] = {
    ("holds", "inferred"): 1,
    ("unknown", "stated"): 2,
    ("unknown", "inferred"): 2,
    ("broken", "inferred"): 3,
    ("broken", "stated"): _WORST,
}
"""The verdict to which a condition alone leads. All others leave the layer quantizable."""


def _verdict(layer: Layer, row: Row, treatment: Treatment, facts: Facts) -> tuple[Verdict, Basis]:
    """Return what all checks say together. Nothing is put into words: most answers need none."""
    checks = once(facts.spec, _checks)[id(row)]
    silent, plain = not treatment.shows_something, _plainly(layer, row, checks, facts)
    if silent and plain:
        return "quantizable", "stated"
    chosen = checks.on_layer if silent else checks.on_treatment if plain else checks.every
    given, spelling, ports = Given(treatment, facts.sharing), layer.type in row.spellings, row.ports
    worst = 0
    for _, (state, basis, _) in () if plain else _rules(layer, row, checks.float16, facts):
        worst = max(worst, _RANKS.get((state, basis), 0))
    for check in chosen:
        if worst == _WORST:
            break
        state, basis, _ = _judge(check, layer, ports, given, spelling)
        if state != "holds" or basis != "stated":
            worst = max(worst, _RANKS.get((state, basis), 0))
    return _VERDICTS[worst]


def _plainly(layer: Layer, row: Row, checks: _RowChecks, facts: Facts) -> bool:
    """Return whether the fast path shows that all conditions on the layer hold."""
    if checks.plain is None or layer.type not in row.types or layer.body or layer.parameters:
        return False
    if checks.float16 and (layer.type != row.types[0] or not facts.float16.holds):
        return False
    return hold(layer, row, checks.plain, facts)


@dataclass(slots=True, eq=False, repr=False)
class _Why:
    """What the answer for a layer of a row rests on."""

    layer: Layer
    row: Row
    treatment: Treatment
    facts: Facts

    def reasons(self) -> tuple[Reason, ...]:
        """Return a reason for each check."""
        return tuple(
            Reason(id_, state, ", ".join(s.observed for s in seen), required, basis, self.row.id)
            for (id_, required), (state, basis, seen) in self._judged()
        )

    def states(self) -> Mapping[str, State]:
        """Return the state of each condition."""
        return {id_: state for (id_, _), (state, _, _) in self._judged()}

    def _judged(self) -> Iterator[tuple[tuple[str, str], _Judged]]:
        layer, row, treatment, facts = self.layer, self.row, self.treatment, self.facts
        checks = once(facts.spec, _checks)[id(row)]
        given, spelling = Given(treatment, facts.sharing), layer.type in row.spellings
        yield from _rules(layer, row, checks.float16, facts)
        for check in checks.every:
            judged = _judge(check, layer, row.ports, given, spelling)
            yield (check.id, check.required), judged


_MOST_KNOWN, _LONGEST_KNOWN = 4096, 100
"""How many types without a row a spec remembers, and the most characters of their names."""


def _unlisted(layer: Layer, table: str, spec: Spec) -> Answer:
    """Return the answer for a type without a row: the same for all layers of the type."""
    known, key = once(spec, _of_missing_types), (table, layer.framework, layer.qualified_type)
    found = known.get(key)
    if found is None:
        found = _of_missing_type(layer, table, spec)
        if len(known) < _MOST_KNOWN and len(layer.qualified_type) <= _LONGEST_KNOWN:
            known[key] = found
    return found


def _of_missing_types(spec: Spec) -> dict[tuple[str, str, str], Answer]:
    return {}


def _of_missing_type(layer: Layer, table: str, spec: Spec) -> Answer:
    id_, unseen = unlisted_id(table, layer), _not_seen(layer, table, spec)
    if unseen:
        required = "must be read in another release"
        reason = Reason(id_, "unknown", unseen, required, "stated", "")
        return Answer("unspecified", "stated", None, (reason,))
    why, basis = f"no row lists {cut(layer.qualified_type)}", _basis_of_list(layer, table, spec)
    reason = Reason(id_, "broken", why, "must stay in float", basis, "")
    return Answer("forbidden", basis, None, (reason,))


def _not_seen(layer: Layer, table: str, spec: Spec) -> str:
    """Return why a type may have a row that was not seen in this release, ``""`` if it has none."""
    if layer.framework not in spec.frameworks:
        return f"{spec.title} does not speak of {layer.framework}"
    if table == "uniform" and spec.ends.get(layer.framework) == "no":
        return f"the last rows of {layer.framework} were not seen in {spec.title}"
    return ""


def _basis_of_list(layer: Layer, table: str, spec: Spec) -> Basis:
    """Return on which basis a type without a row is forbidden."""
    english = table == "uniform" and spec.ends.get(layer.framework) == "english"
    return "inferred" if english else spec.lists[table]


def _rules(
    layer: Layer, row: Row, float16: str, facts: Facts
) -> Iterator[tuple[tuple[str, str], _Judged]]:
    """Check what is about rows of all kinds; yield ids and what is required, with what was found.

    `float16` is the id of the Float16 rule if it closes a type of the row.
    """
    spelling = layer.type in row.spellings
    # The rule names Ascend IR types. The document gives one only for the row's first type and,
    # by inference, for its spellings.
    if float16 and (spelling or layer.type == row.types[0]):
        spec, holds = facts.spec, facts.float16.holds
        holds = None if spec.float16_basis == "open" and not holds else holds
        # The IR type was read from the row.
        plain = spec.float16_basis == "stated" and row.seen == "whole"
        basis: Basis = "inferred" if spelling or not (holds or plain) else "stated"
        yield (float16, FLOAT16_REQUIRED), (_state(holds), basis, (facts.float16,))
    if spelling:
        seen = Seen(None, f"the document names {row.types[0]}, not {layer.type}")
        yield (f"{row.id}/spelling", "must be a named type"), ("unknown", "inferred", (seen,))
    if layer.body or layer.parameters:
        seen = Seen(None, f"the model defines a function of the name {layer.type}")
        yield (f"{row.id}/function", "must be an operator"), ("unknown", "stated", (seen,))


_ALLOWED = Seen(True, "")


def _judge(check: _Check, layer: Layer, ports: Ports, given: Given, spelling: bool) -> _Judged:
    condition, guard = check.condition, _ALLOWED
    if check.guard is not None and condition.when is not None:
        guard = check.guard(layer, ports, given, condition.when)
        if guard.holds is False:
            return "vacuous", condition.basis, (guard,)
    seen = check.predicate(layer, ports, given, condition.require)
    said = (seen,) if guard is _ALLOWED else (guard, seen)
    # An implication: if the guard is unknown, only a requirement that holds decides it.
    holds = True if seen.holds else (seen.holds if guard.holds else None)
    if holds is None and condition.on_treatment:
        return "vacuous", condition.basis, said
    if condition.open and holds is False:
        holds = None
    # The basis of a condition does not weaken the answer for a layer that plainly meets it.
    weaker = spelling or seen.basis == "inferred" or (not holds and condition.basis == "inferred")
    return _state(holds), "inferred" if weaker else "stated", said


def _state(holds: bool | None) -> State:
    return "unknown" if holds is None else "holds" if holds else "broken"
