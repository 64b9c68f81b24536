"""Judges the networks of the gate: are layers treated among others as they are treated alone?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from pytest_amct.cases import catalog
from pytest_amct.cases.networks import NetworkCase, Place, places
from pytest_amct.cases.plan import CONTEXTS, USUAL_OPSET, Context
from pytest_amct.cases.together import gate_networks
from pytest_amct.ids import NETWORKS, ConditionId
from pytest_amct.quantizers.replay import Recorded
from pytest_amct.results import Result
from pytest_amct.runner import Runner
from pytest_amct.verdicts import Finding, Record, not_quantized

_MOST = 5
"""How many layers tell the same violation, and how many rows and networks the same trouble."""

_HALVED = 2
"""How often a network is halved that the quantizer does not handle."""


def check_networks(runner: Runner, framework: str) -> Result:
    """Judge the layers of the gate's networks.

    What a layer alone shows as a case of the gate is left to the test of that case. Other
    violations are told about the layer alone, or about the smallest network that shows it.
    """
    group = str(ConditionId(NETWORKS, framework))
    if not runner.gate.is_whole(group):
        return runner.check(group)
    if (stopped := runner.stopped(framework)) is not None:
        return stopped
    newest = runner.newest_opset if framework == "onnx" else USUAL_OPSET
    judge, shown = _Judge(runner), dict[tuple[str, str], Record]()
    for case in gate_networks(framework, newest):
        shown |= {(record.case, record.layer): record for record in judge.records(case)}
    findings = runner.findings(group, shown.values())
    findings += [f for f in not_quantized(shown.values(), runner.policy) if f.status == "failed"]
    return runner.result(group, shown.values(), findings)


class _Judge:
    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        #: whether other models can be shown than those that were exported
        self.asks = not isinstance(runner.quantizer, Recorded)
        #: how often each violation was told, and each row with a layer in float
        self.told: Counter[tuple[str, str]] = Counter()
        #: the violations that were told about a network
        self.of_several: set[tuple[str, str]] = set()

    def records(self, case: NetworkCase, halved: int = 0) -> Iterator[Record]:
        """Yield records of what a network shows, and no case of the gate."""
        runner = self.runner
        built, network, outcome = runner.shown(case)
        half = len(case.items) // 2
        if outcome.status in ("decided", "refused"):
            placed = places(case, built, network)
            for record in runner.judge(case, built, network, outcome):
                if record.layer in placed:
                    yield from self._told(case, placed[record.layer], record)
            return
        if halved < _HALVED and half and self.asks:
            for items in (case.items[:half], case.items[half:]):
                yield from self.records(NetworkCase(items), halved + 1)
            return
        for record in runner.records(case):  # no table says that it must handle every operator
            if record.findings and self._once(record.status, case.group):
                warned = (replace(found, status="warned") for found in record.findings)
                yield replace(record, findings=tuple(warned))

    def _told(self, case: NetworkCase, place: Place, record: Record) -> Iterator[Record]:
        left = record.expected and record.decided == "float" and self.asks
        if left and not catalog.is_alone(*place) and self._once("float", str(record.row)):
            yield from self._alone(place, catalog.contexts(*place))
        for finding in record.findings:
            sort = finding.sort
            if self.told[sort] >= _MOST:
                continue
            if _shows(self._listed(finding.condition), finding):
                self.told[sort] = _MOST
                continue
            alone = [*self._alone(place, CONTEXTS[:1])] if self.asks else []
            if _shows(alone, finding):
                self.told[sort] += 1
                yield from alone
            elif sort not in self.of_several:  # it is one mistake, which many layers may show
                self.of_several.add(sort)
                yield from self._smallest(case, place, finding)

    def _once(self, kind: str, what: str) -> bool:
        """Return whether to tell something once more."""
        self.told[kind, what] += 1
        return self.told[kind, what] <= _MOST

    def _alone(self, place: Place, contexts: Iterable[Context]) -> Iterator[Record]:
        return (self.runner.record(catalog.make_case(*place, context)) for context in contexts)

    def _listed(self, condition: str) -> Iterator[Record]:
        cases = self.runner.gate.enumerated(condition)
        return (record for case in cases for record in self.runner.records(case))

    def _smallest(self, case: NetworkCase, place: Place, finding: Finding) -> list[Record]:
        """Return what shows a finding in the smallest network that does: of two layers, or all."""
        at = [(item.group, item.deviation) for item in case.items].index(place)
        pairs = (sorted((at, other)) for other in range(len(case.items)) if other != at)
        networks = (NetworkCase(tuple(case.items[n] for n in pair)) for pair in pairs)
        found = (self.runner.records(network) for network in networks)
        few = (records for records in found if _shows(records, finding)) if self.asks else ()
        shown = next(iter(few), None)
        return [r for r in shown or self.runner.records(case) if _shows([r], finding)]


def _shows(records: Iterable[Record], finding: Finding) -> bool:
    return any(f.sort == finding.sort for record in records for f in record.findings)
