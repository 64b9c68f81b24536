"""What `audit` says of a result: the sentence, the findings, the totals, the layers; also JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pytest_amct.audit import Audit, not_compared, not_judged
from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.names import unique_name
from pytest_amct.explain import quantized_already
from pytest_amct.reports.explaining import because, release_name
from pytest_amct.reports.sheets import Sheet, Table
from pytest_amct.request_options import Asked
from pytest_amct.tables.answers import answer, find_row
from pytest_amct.tables.model import Treatment
from pytest_amct.verdicts import Record, requested_treatment
from pytest_amct.wording import cut, number

FORMAT = "pytest-amct-audit/1"
"""The name and version of the JSON format."""

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Audited:
    """An audit, with what the user calls the model and the result, and what was asked."""

    model: str
    result: str
    audit: Audit
    asked: Asked
    #: which file was judged and what could not be looked at, in sentences
    notes: tuple[str, ...] = ()


def sentence(found: Audited) -> str:
    """Return the outcome in one sentence: violations, warnings, how much is quantized, coverage."""
    records = found.audit.records
    failed, warned = len(found.audit.failed), _count_warned(found.audit)
    listed = [r for r in records if r.row is not None]
    able = [r for r in listed if r.verdict == "quantizable"]
    done = sum(r.decided == "quantized" for r in able)
    open_ = sum(group.layers for group in _not_judged(found))
    parts = [
        f"{number(failed, 'violation')}, {number(warned, 'warning')}",
        f"{done} of {number(len(able), 'quantizable layer')} quantized",
        f"{open_} of {number(len(listed), 'layer')} of listed types not judged",
    ]
    return "; ".join(parts)


def sheet(found: Audited) -> Sheet:
    """Return what is said about a result under one release."""
    audit = found.audit
    title = f"{found.result} made of {found.model} ({audit.network.framework}, {audit.spec.title})"
    sentences = [sentence(found), *strange(found), *_said_first(found), *found.notes]
    sentences += [f"Not known to the reader: {note}" for note in audit.network.notes]
    return Sheet(
        title,
        tuple(sentences),
        (_findings(found), _rows(found), _open(found), _weights(found), _layers(found)),
    )


def audit_json(found: Audited) -> dict[str, Any]:
    """Return the audit of one release as JSON values."""
    audit = found.audit
    return {
        "model": found.model,
        "result": found.result,
        "framework": audit.network.framework,
        "release": release_name(audit.spec),
        "sentence": sentence(found),
        "totals": {
            "violations": len(audit.failed),
            "warnings": _count_warned(audit),
            "layers": len(audit.records),
            "decided": dict(Counter(record.decided for record in audit.records)),
        },
        "findings": [
            {
                key: value
                for key, value in asdict(f).items()
                if key not in ("case", "model", "reason")
            }
            for f in audit.findings
        ],
        "rows": [dict(zip(_ROW_HEADS, row, strict=True)) for row in _row_rows(found)],
        "not_judged": [asdict(group) for group in _not_judged(found)],
        "weights_not_compared": [asdict(group) for group in not_compared(audit)],
        "notes": [*strange(found), *found.notes, *audit.network.notes],
        "layers": [
            {
                "name": cut(unique_name(layer)),
                "type": cut(layer.qualified_type),
                "row": record.row,
                "answer": record.verdict,
                "got": record.decided,
                "how": how(audit.decision(layer)) or None,
                "expected": record.expected,
            }
            for at, (layer, record) in enumerate(
                zip(audit.network.layers, audit.records, strict=True)
            )
            if _is_shown(record)
        ],
    }


def how(decision: Decision | None) -> str:
    """Return how a layer was quantized, in words; ``""`` if it was not, or if it is not known."""
    if decision is None or not decision.quantized:
        return ""
    parts = ["weights"] if decision.weights else []
    parts += ["data"] if decision.inputs else []
    if decision.inputs == () and decision.weights:
        parts = ["weights only"]
    told = [" and ".join(parts)] if parts else []
    told += ["a factor for each channel"] if decision.weight_channel_wise else []
    told += ["an offset of the weights"] if decision.weight_asymmetric else []
    told += [f"{decision.weight_bits} bits"] if decision.weight_bits not in (None, 8) else []
    told += [f"shifted by {decision.shift}"] if decision.shift else []
    told += ["clustered"] if decision.nonuniform else []
    return ", ".join(told)


# --- the parts ------------------------------------------------------------------------------------


def _count_warned(audit: Audit) -> int:
    return sum(finding.status == "warned" for finding in audit.findings)


def _not_judged(found: Audited) -> Sequence[Any]:
    audit = found.audit
    layers = audit.network.layers
    return not_judged(layers, audit.records, audit.outcome, audit.spec, found.asked)


def _said_first(found: Audited) -> Iterator[str]:
    """Yield what nobody should overlook below: nothing was done, or weights are other ones."""
    audit = found.audit
    decided = audit.outcome.decisions.values()
    if why := quantized_already(audit.network):
        yield f"The model itself seems to be quantized already ({why}): name the float model first."
    elif audit.outcome.status == "decided" and not any(d.quantized for d in decided):
        yield "Nothing is quantized in the result."
    count = sum(group.layers for group in not_compared(audit))
    if count:
        yield f"{number(count, 'quantized weight')} could not be judged: see the table of weights."


def strange(found: Audited) -> Iterator[str]:
    """Yield a sentence if most layers are not in the result: it may be that of another model.

    Tools fold additions and normalizations, so layers with a weight decide, if there are any.
    """
    audit = found.audit
    rows = [
        (layer, record, find_row(layer, audit.spec))
        for layer, record in zip(audit.network.layers, audit.records, strict=True)
    ]
    listed = [(layer, record) for layer, record, row in rows if row is not None]
    weighted = [(x, record) for x, record, row in rows if row and row.ports.weight is not None]
    listed = weighted or listed
    lost = [layer for layer, record in listed if record.decided == "unmatched"]
    if len(lost) * 2 > len(listed):
        some = ", ".join(map(str, lost[:_MOST_NAMED]))
        yield (
            f"{len(lost)} of {len(listed)} layers are not in the result ({some}"
            f"{' ...' if len(lost) > _MOST_NAMED else ''}): was it made of this model?"
        )


_LEVELS = {"failed": "violation", "warned": "warning", "waived": "waived"}


def _findings(found: Audited) -> Table:
    rows = [(_LEVELS[f.status], f.kind, f.condition, f.message) for f in found.audit.findings]
    return Table("Findings", ("", "kind", "condition", "what is wrong"), rows)


_ROW_HEADS = ("row", "layers", "quantizable", "quantized", "float", "not_known", "violations")


def _row_rows(found: Audited) -> Iterator[tuple[Any, ...]]:
    rows: dict[str, list[Record]] = {}
    for record in found.audit.records:
        if record.row is not None:
            rows.setdefault(record.row, []).append(record)
    for row, records in rows.items():
        decided = Counter(record.decided for record in records)
        yield (
            row,
            len(records),
            sum(record.verdict == "quantizable" for record in records),
            decided["quantized"],
            decided["float"],
            decided["unknown"] + decided["unmatched"],
            sum(f.status == "failed" for record in records for f in record.findings),
        )


def _rows(found: Audited) -> Table:
    rows = [tuple(map(str, row)) for row in _row_rows(found)]
    heads = tuple(head.replace("_", " ") for head in _ROW_HEADS)
    return Table("Rows", heads, rows, frozenset(range(1, len(heads))))


def _open(found: Audited) -> Table:
    rows = [(str(g.layers), g.first, g.reason) for g in _not_judged(found)]
    return Table("Not judged", ("layers", "the first", "why"), rows, frozenset({0}))


def _weights(found: Audited) -> Table:
    rows = [(str(g.layers), g.first, g.reason) for g in not_compared(found.audit)]
    heads = ("layers", "the first", "why")
    return Table("Weights not judged", heads, rows, frozenset({0}))


def _is_shown(record: Record) -> bool:
    """Return whether a layer is worth a line: it has a row, or something was done to it."""
    return record.row is not None or record.decided == "quantized" or bool(record.findings)


def _layers(found: Audited) -> Table:
    audit, rows = found.audit, []
    for at, (layer, record) in enumerate(zip(audit.network.layers, audit.records, strict=True)):
        if not _is_shown(record):
            continue
        got = "violation" if any(f.status == "failed" for f in record.findings) else record.decided
        rows.append(
            (
                unique_name(layer),
                layer.qualified_type,
                record.verdict,
                got,
                "; ".join(filter(None, remarks(found, at))),
            )
        )
    return Table("Layers", ("layer", "type", "answer", "got", "how, and why"), rows)


def remarks(found: Audited, at: int) -> Iterator[str]:
    """Yield how a layer was quantized, why that is not known, why it must not be quantized."""
    audit = found.audit
    layer, record = audit.network.layers[at], audit.records[at]
    if record.decided == "quantized":
        yield how(audit.decision(layer))
    elif record.decided == "unmatched":
        yield "not found in the result"
    yield record.untold
    if record.verdict != "quantizable":
        options, row = found.asked(layer), find_row(layer, audit.spec)
        said = answer(layer, requested_treatment(options, row), audit.spec)
        reasons = said.broken if said.verdict == "forbidden" else said.unknown
        plain = answer(layer, Treatment(options.scheme), audit.spec)
        asked = "what was asked for: " if plain.verdict != said.verdict else ""
        yield f"{asked}{because(reasons[0])}" if reasons else "the request skips it"
