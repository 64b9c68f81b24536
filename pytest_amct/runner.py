"""Runs cases through a quantizer and judges them; knows nothing of pytest.

Each process has one `Runner`. It caches results, so a case that several conditions need runs once.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from pytest_amct.alive import came_back, newest_opset, nothing_came_back, plain_cases
from pytest_amct.audit import once_for_all
from pytest_amct.calls import Calls, Given
from pytest_amct.cases import catalog
from pytest_amct.cases.networks import AnyCase, NetworkCase, parse_case
from pytest_amct.cases.plan import Built, Case, known_as, target_layers
from pytest_amct.decisions.decision import Outcome
from pytest_amct.errors import AmctError
from pytest_amct.failures import last_words, more, told
from pytest_amct.gate import Gate
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.graphs.reading import ModelFiles
from pytest_amct.ids import is_varied
from pytest_amct.options import Settings
from pytest_amct.processes.journal import Journal
from pytest_amct.quantizers.protocol import Quantizer
from pytest_amct.reports.pages import rule
from pytest_amct.request_options import RequestOptions
from pytest_amct.results import Result, policy_of, values_of
from pytest_amct.tables.answers import answer, find_row
from pytest_amct.tables.model import Spec
from pytest_amct.verdicts import Finding, Key, Record, judge_layer, not_quantized


class Stopped(Exception):
    """Raised if the quantizer gave no usable result for any plain layer of a framework."""

    def __init__(self, result: Result) -> None:
        super().__init__(*result.stopped.values())
        self.result = result


class Runner:
    """Judges one quantizer under one spec."""

    def __init__(
        self,
        quantizer: Quantizer,
        spec: Spec,
        settings: Settings,
        journal: Journal | None = None,
        calls: Calls | None = None,
        others: tuple[Runner, ...] = (),
        known: frozenset[Key] = frozenset(),
    ) -> None:
        self.quantizer, self.spec, self.settings = quantizer, spec, settings
        self.policy, self.journal = replace(policy_of(settings), known=known), journal
        self.gate = Gate.of(quantizer, spec, settings)
        self.calls = calls or Calls(quantizer, (spec,), settings, journal)
        self._index = self.calls.specs.index(spec)
        #: the runners of the other releases, which share the calls
        self.others = others
        self._alive: dict[str, Result | None] = {}
        self._seen: dict[str, tuple[AnyCase, tuple[Record, ...], Outcome]] = {}

    def everywhere(self, check: Callable[[Runner], Result], group: str = "") -> Result:
        """Return the result of a test, with its results under the other releases.

        A release that does not have the group judges nothing.
        """

        def under(runner: Runner) -> Result:
            asked = not group or group in runner.gate.every_group
            return check(runner) if asked else Result(())

        result = under(self)
        found = {runner.spec.source: under(runner) for runner in self.others}
        failure = result.failure
        if self.settings.all_must_pass and failure is None:
            titles = {runner.spec.source: runner.spec.title for runner in self.others}
            failed = [f"by {titles[name]}: {r.failure}" for name, r in found.items() if r.failure]
            failure = failed[0] if failed else None
        return replace(result, failure=failure, others=found)

    def check(self, group: str) -> Result:
        """Judge a condition (or a row): its enumerated cases, then examples over networks."""
        try:
            return self._check(group)
        except Stopped as stopped:
            return stopped.result

    def _check(self, group: str) -> Result:
        cases = self.gate.cases(group)
        # A user who selects single cases wants to see their results in any event.
        stops = self.gate.is_whole(group)
        # Whether the quantizer returns anything usable is checked after the batch.
        if not (stops and cases and self._alive.get(cases[0].framework)):
            self.calls.batch(cases)
        # A batch has all models in one call, so there is nothing to save.
        again = self.gate.again(group, cases) if self.quantizer.quantize_batch is None else {}
        later = {case.id for case in again.values()}
        first = (case for case in cases if case.id not in later)
        records = [record for case in first for record in self.records(case, stops)]
        # Among others, a layer that was quantized alone, as it may be, shows nothing new.
        done = {r.case for r in records if r.expected and r.decided == "quantized"}
        rest = (case for alone, case in again.items() if alone not in done)
        records += [record for case in rest for record in self.records(case, stops)]
        left = {record.case for record in records if record.expected and record.decided == "float"}
        for other in self.gate.partners(group, (c for c in cases if c.id in left)):
            records += self.records(other, stops)
        mine = self.findings(group, records)
        if not any(f.status == "failed" for f in mine):
            drawn = [self.record(case) for case in self.gate.examples(group)]
            mine += self._smallest(group, drawn)
            records += drawn
        mine += [f for f in not_quantized(records, self.policy) if f.status == "failed"]
        return self.result(group, records, mine)

    def check_alive(self, framework: str) -> Result:
        """Judge whether the quantizer quantizes any plain layer at all."""
        cases = plain_cases(framework)
        stopped = self.stopped(framework)
        if stopped is not None:
            records = tuple(r for case in cases for r in self._unsaved(case)[1])
            return replace(stopped, records=records)
        records = tuple(self._asserted("", [self.record(case) for case in cases]))
        may = any(r.verdict == "quantizable" for r in records)
        if any(r.decided == "quantized" for r in records) or not may:
            return Result(records)
        ways = sorted({r.decided if r.status == "decided" else r.status for r in records})
        failure = (
            f"{self.quantizer.name} quantized none of {len(records)} plain {framework} layers"
            f" ({', '.join(ways)}): check that it returns a supported form"
        )
        outputs = [
            o.message or o.output for _, _, o in self._seen.values() if o.message or o.output
        ]
        return Result(records, failure="\n".join([failure, *outputs[:1]]))

    def stopped(self, framework: str) -> Result | None:
        """Return why a framework is not judged further, ``None`` if it is. Checks once."""
        if framework not in self._alive:
            self._alive[framework] = None  # the check itself must not be stopped
            self._alive[framework] = self._look(framework)
        return self._alive[framework]

    def _look(self, framework: str) -> Result | None:
        cases = plain_cases(framework)
        outcomes = (self._unsaved(case)[0] for case in cases)
        why = nothing_came_back(self.quantizer.name, framework, outcomes)
        if not why:
            return None
        select = shlex.quote(f"--amct-select={cases[0].id}")
        lines = [why, f"again      {self.settings.command} {select}"]
        lines += last_words(self._unsaved(cases[0])[0])
        return Result((), failure="\n".join(lines), stopped={framework: why})

    def _unsaved(self, case: Case) -> tuple[Outcome, tuple[Record, ...]]:
        """Run and judge a case without saving its model."""
        built, network, outcome = self.shown(case)
        return outcome, self.judge(case, built, network, outcome)

    def shown(self, case: AnyCase) -> tuple[Built, Network, Outcome]:
        """Show a case to the quantizer; return its model and what came back under this release."""
        shown = self.calls.show(case)
        return shown.built, shown.network, shown.outcomes[self._index]

    @cached_property
    def newest_opset(self) -> int:
        """The newest opset of ONNX that the quantizer handles, see `alive.newest_opset`."""
        return newest_opset(lambda case: self._unsaved(case)[0])

    def record(self, case: AnyCase) -> Record:
        """Run and judge one case with one target, once."""
        (record,) = self.records(case)
        return record

    def records(self, case: AnyCase, stops: bool = False) -> tuple[Record, ...]:
        """Run and judge a case or a network, once, and save the model if it shows a failure.

        With `stops`, raises `Stopped` if the quantizer gives no usable result for plain layers.
        """
        if case.id not in self._seen:
            built, network, outcome = self.shown(case)
            if stops and not came_back(outcome):
                stopped = self.stopped(case.framework)
                if stopped is not None:
                    raise Stopped(stopped)
            records = self.judge(case, built, network, outcome)
            if not records:
                raise AmctError(f"{case.id}: its model holds no layer to judge: report this")
            if any(f.status == "failed" for r in records for f in r.findings):
                saved = self.calls.save(case, built)
                records = tuple(
                    replace(r, findings=tuple(replace(f, model=saved) for f in r.findings))
                    for r in records
                )
            self.note(records)
            self._seen[case.id] = (case, records, outcome)
        return self._seen[case.id][1]

    def note(self, records: Iterable[Record]) -> None:
        """Write the records of a case to the journal."""
        if self.journal:
            for record in records:
                self.journal.judged(values_of(record))

    def judge(
        self, case: AnyCase, built: Built, network: Network, outcome: Outcome
    ) -> tuple[Record, ...]:
        """Return the records of the case's target, or of all layers of a network."""
        target = target_layers(network, built.targets)
        groups = dict.fromkeys(target, case.group)
        if isinstance(case, NetworkCase) and case.target is None:
            by_target = dict(zip(built.targets, (item.group for item in case.items), strict=True))
            groups = {
                layer: next((by_target[n] for n in known_as(layer) if n in by_target), case.group)
                for layer in network.layers
                if layer in groups or self.is_judged(layer)
            }
        records = [
            self.judge_layer(case.id, group, layer, outcome, built.options)
            for layer, group in groups.items()
        ]
        if isinstance(case, NetworkCase) and outcome.status not in ("decided", "refused"):
            return self.broken(network, records)
        return tuple(records)

    def is_judged(self, layer: Layer) -> bool:
        """Return whether a layer's type has cases. Layers that only connect others have none."""
        source, type_ = catalog.source_of(layer.framework), layer.qualified_type
        listed = find_row(layer, self.spec) is not None
        return listed or type_ in source.unlisted or type_ in source.defaults

    def broken(self, network: Network, records: Sequence[Record]) -> tuple[Record, ...]:
        """Keep one finding for the whole network, on the layer that is most likely the reason."""
        if not records:
            return ()
        layers = [layer for layer in network.layers if self.is_judged(layer)]
        may_object = any(answer(x, spec=self.spec).verdict != "quantizable" for x in layers)
        return once_for_all(records, may_object)

    def run(
        self, case: str, model: ModelFiles, network: Network, options: RequestOptions
    ) -> Outcome:
        """Give a model to the quantizer, unless the same request for it was made before."""
        return self.calls.once(case, model, network, options)[self._index]

    def call(
        self,
        case: str,
        model: ModelFiles,
        network: Network,
        options: RequestOptions,
        given: Given,
        number: int = 0,
    ) -> Outcome:
        """Give an example to the quantizer, unless `given` has its outcomes.

        The quantizer may have seen the same model as another example.
        """
        key = case, number
        if key not in given:
            given[key] = self.calls.again(case, model, network, options)
        return given[key][self._index]

    def judge_layer(
        self, case: str, group: str, layer: Layer, outcome: Outcome, options: RequestOptions
    ) -> Record:
        """Return the record of one layer, given the outcome of a case."""
        return judge_layer(case, group, layer, outcome, self.spec, self.policy, options)

    def findings(self, group: str, records: Iterable[Record]) -> list[Finding]:
        """Return the findings that this group's test asserts."""
        return [f for r in records for f in r.findings if self.gate.asserts(group, f.condition)]

    def _asserted(self, group: str, records: Iterable[Record]) -> list[Record]:
        """Return the records without the checked conditions that the test does not assert."""
        return [
            replace(r, checked=tuple(c for c in r.checked if self.gate.asserts(group, c)))
            for r in records
        ]

    def _smallest(self, group: str, drawn: list[Record]) -> list[Finding]:
        """Return the findings of drawn cases, each with as few variations as still show it."""
        found: dict[str, Finding] = {}
        for finding in self.findings(group, drawn):
            case = self._seen[finding.case][0]
            assert isinstance(case, Case)
            # Nobody looks at the model of a waived finding.
            simpler = _with_fewer_variations(case) if finding.status != "waived" else ()
            for fewer in simpler:
                same = [f for f in self.record(fewer).findings if f.sort == finding.sort]
                if same:
                    finding = same[0]
                    break
            found[finding.case] = finding
        return list(found.values())

    def result(self, group: str, records: Iterable[Record], findings: Iterable[Finding]) -> Result:
        """Return the result of a test, which fails if one of its findings does."""
        findings = tuple(findings)
        failed = [f for f in findings if self.policy.fails(f)]
        failure = self._explain(group, failed) if failed else None
        return Result(tuple(self._asserted(group, records)), findings, failure)

    def _explain(self, group: str, failed: list[Finding]) -> str:
        """Return the text of a failing test, about the first finding."""
        # List other deviations before variations of the same one.
        first, *others = sorted(failed, key=lambda f: f.kind != "over-quantized")
        others.sort(key=lambda f: is_varied(f.case))
        if first.case not in self._seen:  # explore drew and judged it, but did not keep it
            self.records(parse_case(first.case))
        case, _, outcome = self._seen[first.case]
        path = self.settings.folder / first.model if first.model else None
        spec = self.settings.specs[self._index]
        about = rule(first.condition, self.spec)
        lines = told(first, case.build(), self.spec.title, spec, about)
        if path:
            lines += [f"model      {path}", f"again      {self.again(path)}"]
        elif first.kind == "not-quantized":  # no single model shows it
            select = shlex.quote(f"--amct-select={first.case}")
            lines += [f"again      {self.settings.command} {select}"]
        return "\n".join([*lines, *last_words(outcome), *more(group, others)])

    def again(self, model: Path) -> str:
        """Return the command that judges a saved model again."""
        return f"{self.settings.command} {shlex.quote(f'--amct-model={model}')}"


def _with_fewer_variations(case: Case) -> Iterator[Case]:
    yield catalog.make_case(case.group, case.deviation, case.context)
    for name in case.variations:
        yield catalog.make_case(case.group, case.deviation, case.context, (name,))
