"""Runs cases through a quantizer and judges them; knows nothing of pytest.

One `Runner` for each process. It keeps what it has seen, so that a case that several conditions
need is run once.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pytest_amct.cases import onnx_catalog
from pytest_amct.cases.plan import Case
from pytest_amct.gate import Gate
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.graphs.onnx_reader import read_onnx
from pytest_amct.graphs.text import network_text
from pytest_amct.journal import Journal
from pytest_amct.options import Settings
from pytest_amct.quantizers.protocol import Outcome, Quantizer
from pytest_amct.quantizers.running import run_quantizer
from pytest_amct.saved import read_note, save_model
from pytest_amct.tables.model import Spec
from pytest_amct.verdicts import Finding, Policy, Record, judge_layer, missed

_MOST_SHOWN = 5
"""Findings that a failing test lists."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one test saw: its records, its own findings, and why it fails, if it does."""

    records: tuple[Record, ...]
    findings: tuple[Finding, ...] = ()
    failure: str | None = None

    def to_json(self) -> str:
        """One JSON value, as it crosses processes."""
        return json.dumps(
            {
                "records": [asdict(r) for r in self.records],
                "findings": [asdict(f) for f in self.findings],
            }
        )


def policy_of(settings: Settings) -> Policy:
    """The policy that the user's settings ask for."""
    return Policy(settings.strict, settings.claims, settings.skips, settings.waivers)


class Runner:
    """Judges one quantizer under one spec."""

    def __init__(
        self, quantizer: Quantizer, spec: Spec, settings: Settings, journal: Journal | None = None
    ) -> None:
        self.quantizer, self.spec, self.settings = quantizer, spec, settings
        self.policy, self.journal = policy_of(settings), journal
        self.gate = Gate.of(quantizer, spec, settings)
        self._outcomes: dict[bytes, Outcome] = {}
        self._seen: dict[str, tuple[Case, Record, Outcome]] = {}

    def check(self, group: str) -> Result:
        """Judge a condition (or a row): its enumerated cases, then examples over networks."""
        records = [self.record(case) for case in self.gate.cases(group)]
        mine = self._findings(group, records)
        if not any(f.status == "failed" for f in mine):
            drawn = [self.record(case) for case in self.gate.examples(group)]
            mine += self._smallest(group, drawn)
            records += drawn
        mine += [f for f in missed(records, self.policy) if f.status == "failed"]
        return self._result(group, records, mine)

    def check_alive(self, framework: str) -> Result:
        """Whether the quantizer quantizes anything plain at all."""
        groups = [g for g in onnx_catalog.groups() if g.count("/") == 2 and "unlisted" not in g]
        plain = [onnx_catalog.make_case(g, "default") for g in groups if g.startswith("uniform/")]
        chained = [onnx_catalog.make_case(c.group, c.deviation, "chain") for c in plain]
        records = [self.record(case) for case in (*plain, *chained)]
        if any(r.decided == "quantized" for r in records):
            return Result(tuple(records))
        ways = sorted({r.decided if r.status == "decided" else r.status for r in records})
        failure = (
            f"{self.quantizer.name} quantized none of {len(records)} plain {framework} layers"
            f" ({', '.join(ways)}): what it returns may not be what this suite reads"
        )
        outputs = [
            o.message or o.output for _, _, o in self._seen.values() if o.message or o.output
        ]
        return Result(tuple(records), failure="\n".join([failure, *outputs[:1]]))

    def check_model(self, path: Path) -> Result:
        """Judge one model: the layers that the JSON beside it names, else all of them."""
        data = path.read_bytes()
        network = read_onnx(data, str(path))
        note = read_note(path)
        outcome = self._run(note.case, data, network, note.asked)
        layers = [x for x in network.layers if not x.where]
        if note.focal:
            layers = focal_layers(network, note.focal)
        records = [
            self._judge(note.case, note.condition, layer, outcome, note.asked) for layer in layers
        ]
        findings = [f for r in records for f in r.findings]
        failed = [f for f in findings if f.status == "failed"]
        if not failed:
            return Result(tuple(records), tuple(findings))
        lines = [_sentence(f) for f in failed[:_MOST_SHOWN]]
        return Result(tuple(records), tuple(findings), "\n".join([*lines, *_tail(outcome)]))

    def record(self, case: Case) -> Record:
        """Run and judge one case, once."""
        if case.id not in self._seen:
            built = case.build()
            network = read_onnx(built.data)
            (layer,) = focal_layers(network, built.focal)
            outcome = self._run(case.id, built.data, network, built.asked)
            record = self._judge(case.id, case.group, layer, outcome, built.asked)
            if any(f.status == "failed" for f in record.findings):
                saved = save_model(case, built, self._folder())
                record = replace(
                    record, findings=tuple(replace(f, model=saved) for f in record.findings)
                )
            if self.journal:
                self.journal.judged(asdict(record))
            self._seen[case.id] = (case, record, outcome)
        return self._seen[case.id][1]

    def _run(self, case: str, data: bytes, network: Network, asked: Mapping[str, Any]) -> Outcome:
        key = hashlib.sha256(data + json.dumps(dict(asked), sort_keys=True).encode()).digest()
        if key not in self._outcomes:
            if self.journal:
                self.journal.calling(case)
            self._outcomes[key] = run_quantizer(self.quantizer, data, network, **asked)
            if self.journal:
                self.journal.returned(case)
        return self._outcomes[key]

    def _judge(
        self, case: str, group: str, layer: Layer, outcome: Outcome, asked: Mapping[str, Any]
    ) -> Record:
        return judge_layer(case, group, layer, outcome, self.spec, self.policy, asked)

    def _findings(self, group: str, records: Iterable[Record]) -> list[Finding]:
        """The findings that this group's test tells; what was done to a layer has its own tests."""
        treated = self.gate.treated
        return [
            f
            for record in records
            for f in record.findings
            if f.condition == group
            or (f.condition not in treated and group not in treated)
        ]

    def _smallest(self, group: str, drawn: list[Record]) -> list[Finding]:
        """Findings of drawn cases, each with as few variations as still show it."""
        found: dict[str, Finding] = {}
        for finding in self._findings(group, drawn):
            case = self._seen[finding.case][0]
            for fewer in _with_fewer_variations(case):
                same = [f for f in self.record(fewer).findings if f.condition == finding.condition]
                if same:
                    finding = same[0]
                    break
            found[finding.case] = finding
        return list(found.values())

    def _result(self, group: str, records: list[Record], findings: list[Finding]) -> Result:
        failed = [f for f in findings if f.status == "failed"]
        failure = self._explain(group, failed) if failed else None
        return Result(tuple(records), tuple(findings), failure)

    def _explain(self, group: str, failed: list[Finding]) -> str:
        """A failing test's text: the finding, condition and row, the model, how to see it again."""
        first, others = failed[0], failed[1:]
        case, _, outcome = self._seen[first.case]
        lines = [_sentence(first), "", f"case       {first.case}", f"condition  {first.condition}"]
        if first.row:
            lines.append(f"row        {first.row} of {self.spec.title}")
        built = case.build()
        network = read_onnx(built.data)
        lines += ["", network_text(network, frozenset(focal_layers(network, built.focal))), ""]
        if first.model:
            path = self._folder() / first.model
            lines += [f"model      {path}", f"again      {self._again(path)}"]
        lines += _tail(outcome)
        if others:
            lines += ["", f"{len(others)} more of {group}:"]
            lines += [f"  {f.case}: {f.message}" for f in others[: _MOST_SHOWN - 1]]
        if len(others) >= _MOST_SHOWN:
            lines.append(f"  ... and {len(others) - _MOST_SHOWN + 1} others: see the report")
        return "\n".join(lines)

    def _again(self, model: Path) -> str:
        return f"{self.settings.command} {shlex.quote(f'--amct-model={model}')}"

    def _folder(self) -> Path:
        return self.settings.report or self.settings.scratch


def focal_layers(network: Network, outputs: tuple[str, ...]) -> list[Layer]:
    """The layers with one of these output tensors."""
    return [
        x for x in network.layers if any(t is not None and t.name in outputs for t in x.outputs)
    ]


def _with_fewer_variations(case: Case) -> Iterator[Case]:
    yield onnx_catalog.make_case(case.group, case.deviation, case.context)
    for name in case.variations:
        yield onnx_catalog.make_case(case.group, case.deviation, case.context, (name,))


def _sentence(finding: Finding) -> str:
    return f"{finding.kind}: {finding.message}"


def _tail(outcome: Outcome) -> list[str]:
    if not outcome.output:
        return []
    return ["", "the quantizer's last words:", *(f"  {x}" for x in outcome.output.splitlines())]
