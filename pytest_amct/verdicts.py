"""Answer x decision -> finding. Pure: nothing here runs a quantizer or touches a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from pytest_amct.graphs import walk
from pytest_amct.graphs.network import Basis, Layer
from pytest_amct.quantizers.protocol import Decision, Outcome, layer_index
from pytest_amct.tables.answers import answer, find_row
from pytest_amct.tables.model import Answer, Reason, Row, Spec

Kind = Literal["over-quantized", "missed", "errored", "lost", "invalid-output", "unstable"]
Level = Literal["failed", "warned", "waived"]
Decided = Literal["quantized", "float", "untraceable", "unknown"]

ROW_WIDE = frozenset({"missed"})
"""Kinds that carry the id of a row, not of a condition."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a quantizer did wrong, in words that stand alone."""

    kind: Kind
    #: id of the broken condition; of the row or group for what concerns no condition
    condition: str
    case: str
    layer: str
    status: Level
    message: str
    basis: Basis = "stated"
    row: str | None = None
    #: path of the saved model, relative to the report
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What one layer of one case showed; all that reports are made of."""

    case: str
    group: str
    layer: str
    row: str | None
    verdict: str
    states: Mapping[str, str]
    status: str
    decided: Decided
    owed: bool
    #: treatment conditions whose field the decision showed
    checked: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """What turns findings into failures: strictness, claims, skips and waivers of the user."""

    strict: bool = False
    claims: tuple[str, ...] = ()
    skips: tuple[str, ...] = ()
    waivers: Mapping[str, str] = field(default_factory=dict)

    def claimed(self, row: str | None) -> bool:
        """Whether the quantizer promises to quantize the row."""
        return row is not None and any(_matches(row, p) for p in self.claims)

    def skipped(self, row: str | None) -> bool:
        """Whether the row is left in float on purpose."""
        return row is not None and any(_matches(row, p) for p in self.skips)

    def waiver(self, finding: Finding) -> str | None:
        """The pattern of the waiver that covers a finding."""
        for pattern in self.waivers:
            if _matches(finding.condition, pattern) or _matches(finding.case, pattern):
                return pattern
        return None

    def apply(self, finding: Finding) -> Finding:
        """The finding with the status that this policy gives it."""
        if self.waiver(finding) is not None:
            return replace(finding, status="waived")
        if self.strict and finding.status == "warned":
            return replace(finding, status="failed")
        return finding


def _matches(id_: str, pattern: str) -> bool:
    from fnmatch import fnmatchcase

    return fnmatchcase(id_, pattern)


def judge_layer(
    case: str, group: str, layer: Layer, outcome: Outcome, spec: Spec, policy: Policy, plain: Answer
) -> Record:
    """What the outcome of a case says about one of its layers; `plain` is its uniform answer."""
    index = layer_index(layer)
    decision = outcome.decision(index) if outcome.status == "decided" else None
    row = find_row(layer, spec)
    findings: list[Finding] = []
    checked: tuple[str, ...] = ()
    if decision is not None and decision.quantized:
        treated = answer(layer, decision.treatment, spec)
        checked = tuple(_checked(row, decision))
        if treated.verdict == "forbidden":
            findings.append(_over_quantized(case, group, layer, treated, decision))
        elif row is not None and policy.skipped(row.id):
            words = f"{layer} was quantized, although {row.id} is declared as skipped"
            findings.append(
                Finding("over-quantized", row.id, case, str(layer), "warned", words, row=row.id)
            )
    elif outcome.status in ("errored", "lost", "invalid-output"):
        findings.append(_broke(case, group, layer, plain, outcome))
    return Record(
        case=case,
        group=group,
        layer=str(layer),
        row=row.id if row else None,
        verdict=plain.verdict,
        states={r.condition: r.state for r in plain.reasons},
        status=outcome.status,
        decided=_decided(outcome, index, decision),
        owed=row is not None and plain.verdict == "quantizable" and owed(layer, row),
        checked=checked,
        findings=tuple(policy.apply(f) for f in findings),
    )


def owed(layer: Layer, row: Row) -> bool:
    """Whether a quantizable layer is owed under a plain request (READING.md section 6)."""
    if row.data_only:
        return False
    data = layer.input(row.ports.data[0])
    if data is None or walk.source(data).kind == "constant":
        return False
    producer = data.producer
    return producer is None or producer.type != "DequantizeLinear"


def left_in_float(records: Iterable[Record]) -> dict[str, dict[str, list[Record]]]:
    """By row, the owed deviations that were decided in both contexts: missed ones and others.

    Returns for each row the records of each deviation; `is_missed` tells which were missed.
    """
    rows: dict[str, dict[str, list[Record]]] = {}
    for record in records:
        if record.owed and record.row is not None and record.decided in ("quantized", "float"):
            deviation = record.case.split("+")[0].removesuffix(":chain")
            rows.setdefault(record.row, {}).setdefault(deviation, []).append(record)
    return rows


def is_missed(records: list[Record]) -> bool:
    """Whether a deviation was left in float in every context: some tools quantize chains only."""
    contexts = {":chain" in r.case for r in records}
    return len(contexts) == 2 and all(r.decided == "float" for r in records)


def missed(records: Iterable[Record], policy: Policy) -> list[Finding]:
    """One finding for each row that has owed layers which were left in float."""
    findings = []
    for row, by_deviation in sorted(left_in_float(records).items()):
        left = {d: r for d, r in by_deviation.items() if is_missed(r)}
        if not left or policy.skipped(row):
            continue
        shown = min(left)
        status: Level = "failed" if policy.claimed(row) else "warned"
        names = ", ".join(sorted(d.rpartition("@")[2] for d in left)[:8])
        message = f"{len(left)} of {len(by_deviation)} quantizable layers of {row} were left in float: {names}"
        first = left[shown][0]
        finding = Finding("missed", row, first.case, first.layer, status, message, row=row)
        findings.append(policy.apply(finding))
    return findings


def _checked(row: Row | None, decision: Decision) -> Iterable[str]:
    if row is not None:
        for condition in row.conditions:
            if condition.on_treatment:
                shown = getattr(decision.treatment, condition.require["treatment"])
                if shown is not None:
                    yield f"{row.id}/{condition.id}"


def _decided(outcome: Outcome, index: int, decision: Decision | None) -> Decided:
    if decision is not None:
        return "quantized" if decision.quantized else "float"
    return "untraceable" if index in outcome.untraceable else "unknown"


def _over_quantized(
    case: str, group: str, layer: Layer, treated: Answer, decision: Decision
) -> Finding:
    reason = next((r for r in treated.broken if r.condition == group), treated.broken[0])
    basis: Basis = "stated" if treated.basis == decision.evidence == "stated" else "inferred"
    others = [r.condition for r in treated.broken if r is not reason]
    also = f" (and {', '.join(others)})" if others else ""
    message = f"{layer} was quantized, which {reason.condition} forbids: {reason.observed}{also}"
    if decision.seen:
        message += f"; shown by: {decision.seen}"
    if basis == "inferred":
        message += "; " + _why_inferred(reason, treated, decision)
    status: Level = "failed" if basis == "stated" else "warned"
    return Finding(
        "over-quantized", reason.condition, case, str(layer), status, message, basis, treated.row
    )


def _why_inferred(reason: Reason, treated: Answer, decision: Decision) -> str:
    if treated.basis == "inferred":
        return "a warning, as the document does not say it in so many words"
    return "a warning, as the neighbours would explain the same result"


def _broke(case: str, group: str, layer: Layer, plain: Answer, outcome: Outcome) -> Finding:
    """The quantizer itself failed: a failure unless it may have objected to the layer."""
    words = {
        "errored": "the quantizer raised",
        "lost": "the quantizer did not come back",
        "invalid-output": "what the quantizer returned cannot be used",
    }[outcome.status]
    objection = outcome.status == "errored" and plain.verdict != "quantizable"
    status: Level = "warned" if objection else "failed"
    message = f"{words}: {outcome.message}"
    if objection:
        message += f" (the layer is {plain.verdict}, so that refusing it would be right)"
    kind: Kind = outcome.status  # type: ignore[assignment]
    return Finding(kind, group, case, str(layer), status, message, row=plain.row)
