"""Judges every layer of a model by what a tool made of it, and counts what could not be judged."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pytest_amct.cures import cure_of
from pytest_amct.decisions.decision import Decision, Outcome, layer_index
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.request_options import Asked, RequestOptions
from pytest_amct.tables.answers import answer, find_row
from pytest_amct.tables.model import Spec
from pytest_amct.verdicts import (
    ENDED,
    Finding,
    Level,
    Policy,
    Record,
    judge_layer,
    requested_treatment,
)


@dataclass(frozen=True, slots=True)
class Audit:
    """A model and what a tool made of it, judged layer by layer under one release."""

    network: Network
    spec: Spec
    outcome: Outcome
    #: one for each layer of the network
    records: Sequence[Record]

    @property
    def findings(self) -> list[Finding]:
        """What is wrong, in the order of the layers."""
        return [finding for record in self.records for finding in record.findings]

    @property
    def failed(self) -> list[Finding]:
        """The findings that are violations."""
        return [finding for finding in self.findings if finding.status == "failed"]

    def decision(self, layer: Layer) -> Decision | None:
        """Return what was done to a layer, ``None`` if it is not known."""
        return self.outcome.decision(layer_index(layer))


def audit(network: Network, outcome: Outcome, spec: Spec, policy: Policy, asked: Asked) -> Audit:
    """Judge all layers of a model. An expected layer that is left in float is `not-quantized`."""
    records = []
    for layer in network.layers:
        record = judge_layer("", "", layer, outcome, spec, policy, asked(layer))
        if record.expected and record.decided == "float" and not policy.is_float_row(record.row):
            found = policy.apply(_not_quantized(layer, record.row, policy))
            record = replace(record, findings=(*record.findings, found))
        records.append(record)
    if outcome.status in ("errored", "invalid-output", *ENDED):
        listed = [record for record in records if record.row is not None]
        records = [*once_for_all(records, any(r.verdict != "quantizable" for r in listed))]
    return Audit(network, spec, outcome, records)


def once_for_all(records: Sequence[Record], may_object: bool) -> tuple[Record, ...]:
    """Keep one finding for a failed call, on the layer that is most likely the reason.

    `may_object`: a layer is not quantizable, so a tool that raises may be right.
    """
    worst = next((r for r in records if r.verdict != "quantizable"), next(iter(records), None))
    objected = " (another layer is not quantizable, so refusing would be right)"
    findings = tuple(
        replace(f, status="warned", message=f.message + objected)
        if may_object and f.kind == "errored" and f.status == "failed"
        else f
        for f in (worst.findings if worst is not None else ())
    )
    return tuple(replace(r, findings=findings if r is worst else ()) for r in records)


def with_findings(found: Audit, findings: Iterable[tuple[int, Finding]]) -> Audit:
    """Return an audit with further findings, each with the index of its layer."""
    records = [*found.records]
    for at, finding in findings:
        records[at] = replace(records[at], findings=(*records[at].findings, finding))
    return replace(found, records=records)


def _not_quantized(layer: Layer, row: str | None, policy: Policy) -> Finding:
    message = f"{layer} was left in float, although {row} lists it and every condition holds"
    status: Level = "failed" if policy.is_required(row) else "warned"
    return Finding("not-quantized", row or "", "", str(layer), status, message, row=row)


# --- what could not be judged ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NotJudged:
    """Layers that could not be judged for the same reason."""

    reason: str
    first: str
    layers: int


def grouped(reasons: Iterable[tuple[str, str]]) -> list[NotJudged]:
    """Group layers by reason, the most frequent first; reasons that differ in names are one.

    Each entry has the reason and the layer. Those with an empty reason are left out.
    """
    counts, first = Counter[str](), dict[str, tuple[str, str]]()
    for reason, layer in reasons:
        if reason:
            key = _without_names(reason)
            first.setdefault(key, (reason, layer))
            counts[key] += 1
    # The sort is stable: equal counts stay in the order of the model.
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return [NotJudged(*first[key], n) for key, n in ordered]


def not_judged(
    layers: Sequence[Layer], records: Sequence[Record], outcome: Outcome, spec: Spec, asked: Asked
) -> list[NotJudged]:
    """Group the layers of listed types that were not judged by reason."""
    return grouped(
        (_why_not(layer, record, outcome, spec, asked(layer)), str(layer))
        for layer, record in zip(layers, records, strict=True)
        if record.row is not None and not record.findings
    )


def not_compared(found: Audit) -> list[NotJudged]:
    """Group the quantized weights that were not compared with those of the model by reason."""
    layers = found.network.layers
    return grouped((why, str(layers[at])) for at, why in sorted(found.outcome.unchecked.items()))


def _why_not(
    layer: Layer, record: Record, outcome: Outcome, spec: Spec, options: RequestOptions
) -> str:
    """Return why a layer was not judged, "" if it was."""
    if record.verdict == "unspecified":
        row = find_row(layer, spec)
        unknown = answer(layer, requested_treatment(options, row), spec).unknown
        if not unknown:
            return "the document does not decide it"
        cure = cure_of(unknown[0], layer)
        return f"{unknown[0].observed}: {cure}" if cure else unknown[0].observed
    if record.is_known:
        return ""
    if outcome.status != "decided":
        return f"{outcome.status}: {outcome.message}" if outcome.message else outcome.status
    if record.decided == "unmatched":
        return "it was not found in what the quantizer returned"
    return record.untold or "what the quantizer returned does not say what was done to it"


def _without_names(reason: str) -> str:
    """Return a reason without what it quotes. Reasons that differ only in names are one."""
    return re.sub(r"'[^']*'", "", reason)
