"""The three-valued answer to the question: is this treatment allowed for this layer?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pytest_amct.errors import UsageError
from pytest_amct.graphs.network import Basis, Layer
from pytest_amct.ids import UNLISTED, ConditionId
from pytest_amct.once import once
from pytest_amct.tables.facts import Facts, facts_of
from pytest_amct.tables.float16 import FLOAT16_REQUIRED
from pytest_amct.tables.kinds import Given, Seen, kind_of, weight_rank_of
from pytest_amct.tables.loader import spec_or_default
from pytest_amct.tables.model import (
    Answer,
    Condition,
    Reason,
    Row,
    Spec,
    State,
    Treatment,
    condition_id,
)
from pytest_amct.tables.plainly import Step, hold, steps
from pytest_amct.tables.rows import find_row as find_row
from pytest_amct.tables.rows import see
from pytest_amct.wording import written


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
    if _plainly(layer, row, treatment, facts):
        explained = partial(_explained, layer, row, treatment, facts)
        return Answer("quantizable", "stated", row.id, explained)
    return _combine(row.id, _explained(layer, row, treatment, facts))


def _explained(layer: Layer, row: Row, treatment: Treatment, facts: Facts) -> tuple[Reason, ...]:
    return tuple(_reasons(layer, row, treatment, facts))


def _checks(spec: Spec) -> dict[int, tuple[tuple[Step, ...] | None, bool]]:
    """Return the checks of each row and form, and whether the Float16 rule closes its type."""
    rows = (r for row in spec.rows for r in (row, *(form.row for form in row.forms)))
    return {id(row): (steps(row), closed_by_float16(row, spec)) for row in rows}


def _plainly(layer: Layer, row: Row, treatment: Treatment, facts: Facts) -> bool:
    """Return whether the fast path shows that all conditions hold with basis `stated`."""
    spec = facts.spec
    checks, closed = once(spec, _checks)[id(row)]
    if checks is None or layer.type not in row.types or layer.body or layer.parameters:
        return False
    if not _says_nothing(treatment):
        return False
    if closed and (layer.type != row.types[0] or not facts.float16.holds):
        return False
    return hold(layer, row, checks, facts)


def _says_nothing(treatment: Treatment) -> bool:
    """Return whether the conditions on the treatment are vacuous because it shows nothing."""
    return (
        treatment.shift is None
        and treatment.weights is None
        and treatment.weight_channel_wise is None
        and treatment.weight_asymmetric is None
        and treatment.inputs is None
        and not treatment.formats
    )


def ir_types(layer: Layer, row: Row) -> tuple[str, ...]:
    """Return the possible Ascend IR types of a layer; one type if the weight's rank decides."""
    rank = weight_rank_of(layer, row.ports)[0] if row.ir_of_rank else None
    known = row.ir_of_rank.get(rank) if rank is not None else None
    return (known,) if known else row.ir


def unlisted_id(table: str, layer: Layer) -> str:
    """Return the id for a layer type that no row of a table lists."""
    return str(ConditionId(table, layer.framework, UNLISTED, layer.qualified_type))


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


def _combine(row: str | None, reasons: tuple[Reason, ...]) -> Answer:
    broken = [r for r in reasons if r.state == "broken"]
    if broken:
        stated = any(r.basis == "stated" for r in broken)
        return Answer("forbidden", "stated" if stated else "inferred", row, reasons)
    if any(r.state == "unknown" for r in reasons):
        return Answer("unspecified", "stated", row, reasons)
    inferred = any(r.basis == "inferred" and r.state == "holds" for r in reasons)
    return Answer("quantizable", "inferred" if inferred else "stated", row, reasons)


def _unlisted(layer: Layer, table: str, spec: Spec) -> Answer:
    known = facts_of(layer.network, spec).unlisted
    key = (table, layer.qualified_type)
    if key not in known:
        known[key] = _answer_unlisted(layer, table, spec)
    return known[key]


def _answer_unlisted(layer: Layer, table: str, spec: Spec) -> Answer:
    id_, basis = unlisted_id(table, layer), spec.lists[table]
    end = spec.ends.get(layer.framework, "whole") if table == "uniform" else "whole"
    unseen = None
    if layer.framework not in spec.frameworks:
        unseen = f"{spec.title} does not speak of {layer.framework}"
    elif end == "no":
        unseen = f"the last rows of {layer.framework} were not seen in {spec.title}"
    if unseen:
        required = "must be read in another release"
        unknown = Reason(id_, "unknown", unseen, required, "stated", "")
        return Answer("unspecified", "stated", None, (unknown,))
    basis = "inferred" if end == "english" else basis
    why = f"no row lists {layer.qualified_type}"
    reason = Reason(id_, "broken", why, "must stay in float", basis, "")
    return Answer("forbidden", basis, None, (reason,))


def _reasons(layer: Layer, row: Row, treatment: Treatment, facts: Facts) -> Iterator[Reason]:
    spelling = layer.type in row.spellings
    spec, given = facts.spec, Given(treatment, facts.sharers)
    # The rule names Ascend IR types. The document gives one only for the row's first type and,
    # by inference, for its spellings.
    if closed_by_float16(row, spec) and (spelling or layer.type == row.types[0]):
        seen = facts.float16
        holds = None if spec.float16_basis == "open" and not seen.holds else seen.holds
        # The IR type was read from the row.
        plain = spec.float16_basis == "stated" and row.seen == "whole"
        basis: Basis = "inferred" if spelling or not (holds or plain) else "stated"
        yield Reason(float16_id(row), _state(holds), seen.observed, FLOAT16_REQUIRED, basis, row.id)
    if spelling:
        why, required = f"{layer.type} is not named; {row.types[0]} is", "must be a named type"
        yield Reason(f"{row.id}/spelling", "unknown", why, required, "inferred", row.id)
    if layer.body or layer.parameters:
        why = f"the model defines a function of the name {layer.type}"
        required = "must be an operator"
        yield Reason(f"{row.id}/function", "unknown", why, required, "stated", row.id)
    for condition in row.conditions:
        yield _reason(layer, row, condition, given, spelling)


def _reason(layer: Layer, row: Row, condition: Condition, given: Given, spelling: bool) -> Reason:
    id_, kind = condition_id(row, condition), kind_of(condition.require)
    required = kind.required(condition.require)
    guard = see(layer, row, condition.when, given) if condition.when else Seen(True, "")
    if guard.holds is False:
        return Reason(id_, "vacuous", guard.observed, required, condition.basis, row.id)
    seen = see(layer, row, condition.require, given)
    observed = f"{guard.observed}, {seen.observed}" if guard.observed else seen.observed
    # An implication: if the guard is unknown, only a requirement that holds decides it.
    holds = True if seen.holds else (seen.holds if guard.holds else None)
    if condition.on_treatment and holds is None:
        return Reason(id_, "vacuous", observed, required, condition.basis, row.id)
    if condition.open and holds is False:
        holds = None
    # The basis of a condition does not weaken the answer for a layer that plainly meets it.
    weaker = seen.basis == "inferred" or spelling or (not holds and condition.basis == "inferred")
    basis: Basis = "inferred" if weaker else "stated"
    return Reason(id_, _state(holds), observed, required, basis, row.id)


def _state(holds: bool | None) -> State:
    return "unknown" if holds is None else "holds" if holds else "broken"
