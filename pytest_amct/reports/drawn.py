"""Explanations and audits as drawings: layers with their answers, and the edges between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pytest_amct.audit import Audit
from pytest_amct.decisions.decision import layer_index
from pytest_amct.decisions.names import unique_name
from pytest_amct.explain import Explanation, LayerAnswer, counted, groups
from pytest_amct.graphs import walk
from pytest_amct.graphs.network import Layer, Tensor
from pytest_amct.reports import auditing, explaining
from pytest_amct.reports.drawing import Drawing, Node
from pytest_amct.verdicts import Record

_LABELS = {
    "quantizable": "can be quantized",
    "forbidden": "cannot be quantized",
    "unspecified": "not decided",
}

_MOST_BOUND = 4
"""The most call sites of a function whose arguments a drawing leads to the function's body."""


def explanation_drawing(found: Explanation) -> Drawing:
    """Return an explanation as a drawing."""
    about = (
        ("release", found.spec.title),
        ("framework", found.network.framework),
        ("scheme", found.scheme),
        *((("quantized already", found.quantized),) if found.quantized else ()),
    )
    return Drawing(
        title=f"{found.name} ({found.spec.title})",
        sentence=explaining.sentence(found),
        about=about,
        totals=tuple((explaining.group_id(group), group.count) for group in groups(found)),
        nodes=tuple(_explained(told) for told in found.layers),
        edges=tuple(_edges([told.layer for told in found.layers])),
    )


def audit_drawing(found: auditing.Audited) -> Drawing:
    """Return an audit as a drawing."""
    audit = found.audit
    network = audit.network
    layers, _ = counted(network, [audit.spec])
    totals: dict[str, int] = {}
    for finding in audit.findings:
        what = f"{finding.kind}: {finding.condition}"
        totals[what] = totals.get(what, 0) + 1
    return Drawing(
        title=f"{found.result} made of {found.model} ({audit.spec.title})",
        sentence=auditing.sentence(found),
        about=(("release", audit.spec.title), ("framework", network.framework)),
        totals=tuple(sorted(totals.items(), key=lambda item: -item[1])),
        nodes=tuple(_audited(found, layer_index(layer)) for layer in layers),
        edges=tuple(_edges(layers)),
    )


def _explained(told: LayerAnswer) -> Node:
    reason, verdict = told.reason, told.verdict
    details = [("answer", f"{verdict} ({told.basis})")]
    details += [("why", explaining.because(reason))] if reason else []
    details += [("what to change", told.cure)] if told.cure else []
    details += [("condition", reason.condition)] if reason else []
    details += [("note", told.note)] if told.note else []
    details += [("row", told.row)] if told.row else []
    details += [("IR type", " or ".join(told.ir))] if told.ir else []
    details += [("in", told.layer.where)] if told.layer.where else []
    return Node(
        unique_name(told.layer),
        told.layer.qualified_type,
        verdict,
        _LABELS[verdict],
        tuple(details),
    )


def _audited(found: auditing.Audited, at: int) -> Node:
    audit = found.audit
    layer, record = audit.network.layers[at], audit.records[at]
    state, label = _state(audit, record)
    details = [("answer", record.verdict), ("got", record.decided)]
    details += [("how, and why", text) for text in auditing.remarks(found, at) if text]
    details += [(f"{f.status}: {f.kind}", f.message) for f in record.findings]
    details += [("row", record.row)] if record.row else []
    return Node(unique_name(layer), layer.qualified_type, state, label, tuple(details))


def _state(audit: Audit, record: Record) -> tuple[str, str]:
    if any(finding.status == "failed" for finding in record.findings):
        return "violation", "violation"
    if record.decided in ("quantized", "float"):
        return record.decided, record.decided
    return ("unspecified", "not known") if record.row else ("aside", "no row, not known")


def _edges(layers: Sequence[Layer]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of layers of which one reads what the other makes, perhaps through copies."""
    at = {layer: index for index, layer in enumerate(layers)}
    for layer, index in at.items():
        for tensor in layer.inputs:
            for made in _behind(tensor):
                if made.producer in at:
                    yield at[made.producer], index


def _behind(tensor: Tensor | None) -> Iterable[Tensor]:
    if tensor is None:
        return ()
    made = walk.copied(tensor)
    if made.producer is not None:
        return (made,)
    return [walk.copied(t) for t in made.bound[:_MOST_BOUND] if t is not None]
