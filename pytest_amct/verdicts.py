"""Answer x decision -> finding. Pure: nothing here runs a quantizer or opens a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from pytest_amct.decisions.decision import Decision, Outcome, layer_index
from pytest_amct.decisions.names import name_of
from pytest_amct.decisions.value_types import SHOWS_NOTHING, SHOWS_NOTHING_ELSEWHERE
from pytest_amct.graphs import sources, walk
from pytest_amct.graphs.network import Basis, Layer, Tensor
from pytest_amct.ids import CHAIN, CaseId, ConditionId, is_case, matches
from pytest_amct.once import once
from pytest_amct.request_options import RequestOptions
from pytest_amct.tables.answers import answer, find_row, ir_types
from pytest_amct.tables.model import Answer, Row, Scheme, Spec, Treatment, condition_id
from pytest_amct.tables.rows import takes_data_only
from pytest_amct.waivers import Kind, Waiver
from pytest_amct.wording import number

ENDED = ("crashed", "timed-out")
"""Kinds and statuses of calls that crashed or timed out."""
Level = Literal["failed", "warned", "waived"]
Decided = Literal["quantized", "float", "unmatched", "unknown"]

ROW_WIDE = frozenset({"not-quantized"})
"""Kinds whose `condition` is the id of a row."""

Key = tuple[Kind, str, str, str]
"""What makes findings of two runs the same one: kind, condition, case and layer."""

NEIGHBOURS = "quantized neighbours explain the same result"
"""Why a form cannot tell what was done to a layer whose evidence is inferred."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a quantizer did wrong. The message needs no context."""

    kind: Kind
    #: id of the violated condition; of the row or group if no condition is concerned
    condition: str
    case: str
    layer: str
    status: Level
    message: str
    basis: Basis = "stated"
    row: str | None = None
    #: path of the saved model, relative to the report
    model: str | None = None
    #: why it is accepted, if it is waived
    reason: str | None = None

    @property
    def sort(self) -> tuple[str, str]:
        """What went wrong, and by which condition, whatever case shows it."""
        return self.kind, self.condition

    @property
    def key(self) -> Key:
        """The identity of the finding, see `key_of`."""
        return key_of(self.kind, self.condition, self.case, self.layer)


def key_of(kind: Kind, condition: str, case: str, layer: str) -> Key:
    """Return the identity of a finding. A whole row has one, whatever case shows it."""
    return (kind, condition, "", "") if kind in ROW_WIDE else (kind, condition, case, layer)


@dataclass(frozen=True, slots=True)
class Record:
    """What one layer of one case showed. Reports are made of records and findings."""

    case: str
    group: str
    layer: str
    row: str | None
    verdict: str
    states: Mapping[str, str]
    status: str
    decided: Decided
    expected: bool
    #: treatment conditions whose field the decision showed
    checked: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    #: why the returned form cannot tell what was done to the layer; "" = it can
    untold: str = ""
    #: why the quantizer's validator could not tell whether the result is valid; "" = it could
    unvalidated: str = ""

    @property
    def deviation(self) -> str:
        """The case without its context and variations; the case itself if it has no such id."""
        return str(CaseId.parse(self.case).plain) if is_case(self.case) else self.case

    @property
    def varied(self) -> str:
        """The case without its context; the case itself if it has no such id."""
        if not is_case(self.case):
            return self.case
        return str(replace(CaseId.parse(self.case), context=""))

    @property
    def context(self) -> str:
        """``chain``, or ``""`` for neighbours that no quantizer touches."""
        return CaseId.parse(self.case).context if is_case(self.case) else ""

    @property
    def is_known(self) -> bool:
        """Whether it is known what was done to the layer. A refused layer is float."""
        return self.decided in ("quantized", "float")


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that decide which findings fail."""

    strict: bool = False
    required_rows: tuple[str, ...] = ()
    float_rows: tuple[str, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    #: violations of an earlier run, which fail no test
    known: frozenset[Key] = frozenset()

    def fails(self, finding: Finding) -> bool:
        """Return whether a finding fails its test: it is a violation, and not a known one."""
        return finding.status == "failed" and finding.key not in self.known

    def is_required(self, row: str | None) -> bool:
        """Return whether the repository promises to quantize the row."""
        return row is not None and any(matches(row, p) for p in self.required_rows)

    def is_float_row(self, row: str | None) -> bool:
        """Return whether the row is left in float on purpose."""
        return row is not None and any(matches(row, p) for p in self.float_rows)

    def waiver(self, finding: Finding) -> Waiver | None:
        """Return the waiver that covers a finding, ``None`` if none does."""
        about = finding.kind, finding.condition, finding.case
        return next((waiver for waiver in self.waivers if waiver.covers(*about)), None)

    def apply(self, finding: Finding) -> Finding:
        """Return the finding with the status that this policy gives it."""
        waiver = self.waiver(finding)
        if waiver is not None:
            return replace(finding, status="waived", reason=waiver.reason)
        if self.strict and finding.status == "warned":
            return replace(finding, status="failed")
        return finding


def requested_treatment(options: RequestOptions, row: Row | None) -> Treatment:
    """Return what a request demands of a layer, as a treatment for the tables to judge."""
    settings, has_weight = options.settings, row is not None and row.ports.weight is not None
    channel_wise, asymmetric = settings.get("channel_wise"), settings.get("asymmetric")
    return _requested(options.scheme, has_weight, channel_wise, asymmetric)


@cache
def _requested(
    scheme: Scheme, has_weight: bool, channel_wise: bool | None, asymmetric: bool | None
) -> Treatment:
    return Treatment(
        scheme,
        data=scheme != "weight_only",
        weights=True if has_weight else None,
        weight_channel_wise=channel_wise,
        weight_asymmetric=asymmetric,
    )


def judge_layer(
    case: str,
    group: str,
    layer: Layer,
    outcome: Outcome,
    spec: Spec,
    policy: Policy,
    options: RequestOptions,
) -> Record:
    """Return the record of one layer, given the outcome of a case and its request."""
    index = layer_index(layer)
    decision = outcome.decision(index) if outcome.status == "decided" else None
    why_untold = untold(outcome, index, decision)
    row = find_row(layer, spec)
    decision = None if decision is None or why_untold else _shown(layer, row, decision)
    listed = find_row(layer, spec, options.scheme)
    plain = answer(layer, requested_treatment(options, row), spec)
    skipping = _skipped_by(layer, row, options)
    findings: list[Finding] = []
    checked: tuple[str, ...] = ()
    if decision is not None and decision.quantized:
        treated = _treated(layer, decision, spec, options)
        checked = tuple(_checked(row, decision))
        if treated.verdict == "forbidden":
            findings.append(_over_quantized(case, group, layer, treated, decision))
        findings += [_though_skipped(case, layer, row, decision, s) for s in skipping]
        if row is not None and policy.is_float_row(row.id):
            words = f"{layer} was quantized, although {row.id} is declared as a float row"
            findings.append(
                Finding("over-quantized", row.id, case, str(layer), "warned", words, row=row.id)
            )
    # A decision may be right, and the model that records it wrong.
    findings += corrupted(case, group, layer, outcome, spec)
    if outcome.status in ("errored", "invalid-output", *ENDED):
        findings += _broke(case, group, layer, plain, outcome, options)
    states: dict[str, str] = {**plain.states}
    if row is not None:
        for setting in ("skip_layers", "skip_layer_types"):
            if getattr(options, setting):
                id_ = _setting_id(row, setting)
                states[id_] = "broken" if id_ in skipping else "holds"
    return Record(
        case=case,
        group=group,
        layer=str(layer),
        row=listed.id if listed else None,
        verdict="forbidden" if skipping else plain.verdict,
        states=states,
        status=outcome.status,
        decided=_decided(outcome, index, decision, row),
        expected=listed is not None
        and plain.verdict == "quantizable"
        and not skipping
        and is_expected(layer, listed, spec, options),
        checked=checked,
        findings=tuple(policy.apply(f) for f in findings),
        untold=why_untold,
        unvalidated=outcome.unvalidated,
    )


def untold(outcome: Outcome, index: int, decision: Decision | None) -> str:
    """Return why the returned form cannot tell what was done to a layer, "" if it can."""
    if outcome.status != "decided":
        return ""
    if index in outcome.untold:
        return outcome.untold[index]
    return NEIGHBOURS if decision is not None and decision.evidence == "inferred" else ""


def _treated(layer: Layer, decision: Decision, spec: Spec, options: RequestOptions) -> Answer:
    """Return the tables' answer to what was done. Unknown fields may be as requested."""
    treated = answer(layer, decision.treatment, spec)
    scheme = options.scheme
    fields = {"nonuniform": decision.nonuniform, "weight_only": decision.inputs}
    may_be_as_asked = fields.get(scheme, ...) is None and decision.weights is not False
    if treated.verdict != "forbidden" or not may_be_as_asked:
        return treated
    as_asked = answer(layer, replace(decision.treatment, scheme=scheme), spec)
    milder = as_asked.verdict != "forbidden" or as_asked.basis == "inferred"
    return as_asked if milder else treated


def _shown(layer: Layer, row: Row | None, decision: Decision) -> Decision:
    """Return what a decision shows. One output channel shows nothing about channels."""
    if not decision.weight_channel_wise or row is None or row.ports.weight is None:
        return decision
    # Only matrix products have this condition: the last axis of their weight is the outputs.
    judged = any(c.require.get("treatment") == "weight_channel_wise" for c in row.conditions)
    entries = walk.shape(layer.input(row.ports.weight)) if judged else None
    if not entries:
        return decision
    turned = any(layer.attribute(name) for name in ("transB", "transpose_b", "adj_y"))
    one = entries[-2 if turned and len(entries) > 1 else -1] == 1
    return replace(decision, weight_channel_wise=None) if one else decision


def is_expected(layer: Layer, row: Row, spec: Spec, options: RequestOptions) -> bool:
    """Return whether a quantizable layer is expected (docs/reading.md, "Expected")."""
    if options.scheme == "nonuniform" or _may_be_skipped(layer, row, options):
        return False
    if any("int8_symmetric" in c.require for c in row.conditions):
        return False  # products of two variable inputs
    if name_of(layer) not in options.named("tensor_quantize") and takes_data_only(layer, row):
        return False
    inputs = [t for port in row.ports.data if (t := layer.input(port)) is not None]
    fed = once(layer.network, walk.note_fed)
    found = [t for t in inputs if (fed[t] if t in fed else walk.is_fed(t))]
    if not found or any(map(_is_quantized_already, found)):
        return False
    makers = [find_row(made, spec) for t in found if (made := walk.origin(t).producer) is not None]
    behind_weights = any(m and m.ports.weight is not None for m in makers)
    only_bias = behind_weights and any(sources.source(t).kind == "constant" for t in inputs)
    return not only_bias


_QUANTIZED = ("DequantizeLinear", "Dequantize", "FakeQuant", "QuantizeAndDequantize")
_MOVES = SHOWS_NOTHING | SHOWS_NOTHING_ELSEWHERE
_MOST_MOVES = 128


def _is_quantized_already(tensor: Tensor | None) -> bool:
    """Return whether a tensor may be quantized already, looking through moves and clips."""
    for _ in range(_MOST_MOVES):
        maker = tensor.producer if tensor is not None else None
        if maker is None or maker.domain:
            return False
        if maker.type.startswith(_QUANTIZED):
            return True
        if maker.type not in _MOVES:
            return False
        carried = maker.network.ops.operands(maker, 0)
        tensor = maker.input(carried[0]) if carried else None
    return True  # too many hops: give up and assume quantized


def _setting_id(row: Row, setting: str) -> str:
    return str(ConditionId("settings", row.framework, row.name, setting))


def _skipped_by(layer: Layer, row: Row | None, options: RequestOptions) -> list[str]:
    """Return the ids of the request's settings that keep a layer in float."""
    if row is None:
        return []
    found = []
    if name_of(layer) in options.named("skip_layers"):
        found.append(_setting_id(row, "skip_layers"))
    # A layer that may have several types is certainly skipped only if all of them are.
    if options.named("skip_layer_types").issuperset(ir_types(layer, row)):
        found.append(_setting_id(row, "skip_layer_types"))
    return found


def _may_be_skipped(layer: Layer, row: Row, options: RequestOptions) -> bool:
    """Return whether the request skips one of the types that a layer may have."""
    return not options.named("skip_layer_types").isdisjoint(ir_types(layer, row))


def _though_skipped(
    case: str, layer: Layer, row: Row | None, decision: Decision, condition: str
) -> Finding:
    message = f"{layer} was quantized, which {condition} forbids: the request skips it"
    if decision.seen:
        message += f"; shown by: {decision.seen}"
    row_id = row.id if row else None
    return Finding("over-quantized", condition, case, str(layer), "failed", message, row=row_id)


def left_in_float(records: Iterable[Record]) -> dict[str, dict[str, list[Record]]]:
    """Group the records of expected layers by row and deviation.

    A deviation with variations has a group of its own if it was judged in both contexts.
    Deviations of which nothing is known are left out. `is_not_quantized` judges each group. A
    layer that cannot be told may have been quantized, so its group is never not-quantized.
    """
    told = [
        (record.row, record.varied, record)
        for record in records
        if record.expected and record.row is not None and (record.is_known or record.untold)
    ]
    contexts = {(row, own, record.context) for row, own, record in told}
    rows: dict[str, dict[str, list[Record]]] = {}
    for row, own, record in told:
        both = (row, own, "") in contexts and (row, own, CHAIN) in contexts
        rows.setdefault(row, {}).setdefault(own if both else record.deviation, []).append(record)
    return {
        row: {d: found for d, found in by_deviation.items() if any(r.is_known for r in found)}
        for row, by_deviation in rows.items()
    }


def is_not_quantized(records: list[Record]) -> bool:
    """Return whether a deviation was float in both contexts. Some tools quantize only chains."""
    contexts = {r.context for r in records}
    return len(contexts) == 2 and all(r.decided == "float" for r in records)


def _plainest_first(deviation: str) -> tuple[bool, str]:
    return not deviation.endswith("@default"), deviation


def not_quantized(records: Iterable[Record], policy: Policy) -> list[Finding]:
    """Return one finding for each row with expected layers that were left in float."""
    findings = []
    for row, by_deviation in sorted(left_in_float(records).items()):
        left = {d: r for d, r in by_deviation.items() if is_not_quantized(r)}
        if not left or policy.is_float_row(row):
            continue
        shown = min(left, key=_plainest_first)
        status: Level = "failed" if policy.is_required(row) else "warned"
        names = ", ".join(sorted(d.partition("@")[2] for d in left if is_case(d))[:8])
        count = f"{len(left)} of {number(len(by_deviation), 'quantizable layer')} of {row}"
        refused = sum(all(r.status == "refused" for r in found) for found in left.values())
        done = "left in float or refused" if refused else "left in float"
        was = "was" if len(left) == 1 else "were"
        message = f"{count} {was} {'refused' if refused == len(left) else done}: {names}"
        first = left[shown][0]
        finding = Finding("not-quantized", row, first.case, first.layer, status, message, row=row)
        findings.append(policy.apply(finding))
    return findings


def _checked(row: Row | None, decision: Decision) -> Iterable[str]:
    if row is not None:
        treatment = decision.treatment
        for condition in row.conditions:
            if "treatment" in condition.require:
                shown = getattr(treatment, condition.require["treatment"]) is not None
            else:  # about the quantized inputs
                shown = condition.on_treatment and treatment.inputs is not None
            if shown:
                yield condition_id(row, condition)


def _decided(outcome: Outcome, index: int, decision: Decision | None, row: Row | None) -> Decided:
    if decision is not None and decision.quantized:
        return "quantized"
    if decision is not None:
        # Float data says nothing about the weight.
        has_weight = row is not None and row.ports.weight is not None
        return "unknown" if has_weight and decision.weights is None else "float"
    if outcome.status == "refused":
        return "float"
    return "unmatched" if index in outcome.unmatched else "unknown"


def _over_quantized(
    case: str, group: str, layer: Layer, treated: Answer, decision: Decision
) -> Finding:
    reason = next((r for r in treated.broken if r.condition == group), treated.broken[0])
    basis = treated.basis
    others = [r.condition for r in treated.broken if r is not reason]
    also = f" (and {', '.join(others)})" if others else ""
    why = f"{reason.observed}, {reason.required}"
    message = f"{layer} was quantized, which {reason.condition} forbids: {why}{also}"
    if decision.seen:
        message += f"; shown by: {decision.seen}"
    if basis == "inferred":
        message += "; a warning, as the document implies this rather than stating it"
    status: Level = "failed" if basis == "stated" else "warned"
    return Finding(
        "over-quantized", reason.condition, case, str(layer), status, message, basis, treated.row
    )


def corrupted(case: str, group: str, layer: Layer, outcome: Outcome, spec: Spec) -> list[Finding]:
    """Return what is wrong with a layer of the quantized model, whatever was decided."""
    row = find_row(layer, spec)
    id_, row_id = (row.id, row.id) if row is not None else (group, None)
    findings = []
    for found in outcome.corrupted.get(layer_index(layer), ()):
        level: Level = "failed"
        message = f"the quantized model is wrong at {layer}: {found.words}"
        if found.basis == "inferred":
            level = "warned"
            message += "; a warning, as a tool may change a weight on purpose"
        where = (id_, case, str(layer))
        findings.append(Finding("corrupted", *where, level, message, found.basis, row_id))
    return findings


def _broke(
    case: str, group: str, layer: Layer, plain: Answer, outcome: Outcome, options: RequestOptions
) -> list[Finding]:
    """Return the finding for a failed call. It warns if refusing the layer would be right."""
    words = {
        "errored": "the quantizer raised",
        "crashed": "the quantizer crashed",
        "timed-out": "the quantizer timed out",
        "invalid-output": "what the quantizer returned cannot be used",
    }[outcome.status]
    objection = outcome.status == "errored" and plain.verdict != "quantizable"
    if objection and options.given and plain.verdict == "forbidden":
        return []  # the tables forbid the request: raising conforms
    status: Level = "warned" if objection else "failed"
    message = f"{words}: {outcome.message}"
    if objection:
        message += f" (the layer is {plain.verdict}, so refusing it would be right)"
    kind: Kind = outcome.status  # type: ignore[assignment]
    return [Finding(kind, group, case, str(layer), status, message, row=plain.row)]
