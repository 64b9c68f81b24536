"""The profile explore: Hypothesis draws networks of many layers and metamorphic pairs at random.

Every property sets its own Hypothesis settings: under ``CI=true`` Hypothesis' default profile
would replay the same examples on every run.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from random import Random
from typing import Generic, TypeVar
from unittest import SkipTest

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase
from hypothesis.errors import Flaky

from pytest_amct.calls import Given
from pytest_amct.cases import catalog
from pytest_amct.cases.drawing import base_of, is_drawn
from pytest_amct.cases.metamorphic import MetamorphicCase, condition
from pytest_amct.cases.networks import AnyCase, NetworkCase, Place, places
from pytest_amct.cases.plan import USUAL_OPSET, Case
from pytest_amct.cases.requests import needs
from pytest_amct.cases.smaller import smaller
from pytest_amct.cases.strategies import every_deviation, explored_cases, networks
from pytest_amct.ids import NETWORKS, ConditionId, framework_of
from pytest_amct.results import Result
from pytest_amct.runner import Runner
from pytest_amct.stability import check_pairs, look
from pytest_amct.verdicts import Finding, Record, not_quantized

T = TypeVar("T")

MAX_LAYERS = 30
_MOST_IN_PAIRS = 6
"""Layers of the networks that metamorphic pairs are made of."""

_PAUSE = 0.5
"""Seconds between two progress lines."""

Progress = Callable[[str], None]


class Shown(Exception):
    """Raised by a property for a failure that Hypothesis has to shrink."""


@dataclass(slots=True)
class Search(Generic[T]):
    """The result of one search."""

    examples: int = 0
    #: the first example that showed a failure, counted from 1
    first: int | None = None
    #: the smallest example of a failure that no case of the gate shows
    shrunk: T | None = None
    findings: list[Finding] = field(default_factory=list)


class Explorer:
    """Explores for one runner, and in one test: it gives each example to the quantizer once.

    `explained`: try the gate's minimal cases before shrinking.
    """

    def __init__(
        self,
        runner: Runner,
        progress: Progress = lambda text: None,
        explained: bool = True,
        given: Given | None = None,
    ) -> None:
        self.runner, self.progress, self.explained = runner, progress, explained
        #: the outcomes of the examples of this test, under any release
        self._given: Given = {} if given is None else given
        #: distinct records of this test
        self._kept: dict[object, Record] = {}
        #: expected deviations that were left in float
        self._left: set[Place] = set()
        #: the deviations of the current example, by the layer's text
        self._places: dict[str, Place] = {}
        self._failed: list[Finding] = []

    def everywhere(self, check: Callable[[Explorer], Result], group: str) -> Result:
        """Return the result of a test, with its results under the other releases.

        Each release has its own search. All begin with the same examples, until one of them fails.
        """

        def under(runner: Runner) -> Result:
            return check(Explorer(runner, self.progress, self.explained, self._given))

        return self.runner.everywhere(under, group)

    # --- tests --------------------------------------------------------------------------------

    def check(self, group: str) -> Result:
        """Judge a condition or row: one target, alone or among other layers."""
        if not self.runner.gate.is_whole(group):
            return self.runner.check(group)
        if (stopped := self.runner.stopped(framework_of(group))) is not None:
            return stopped
        self._kept, self._left = {}, set()
        search, known = self._conditions(group)
        return self._result(group, search, known)

    def check_networks(self, framework: str) -> Result:
        """Judge whole networks: every layer of a type that has cases."""
        group = str(ConditionId(NETWORKS, framework))
        if not self.runner.gate.is_whole(group):
            return self.runner.check(group)
        if (stopped := self.runner.stopped(framework)) is not None:
            return stopped
        self._kept, self._left = {}, set()
        search, known = self._cases(group, networks(framework, MAX_LAYERS, self._newest(framework)))
        return self._result(group, search, known)

    def check_metamorphic(self, change: str, framework: str = "onnx") -> Result:
        """Judge pairs of models that every table treats alike."""
        group, runner = condition(change, framework), self.runner
        if not runner.gate.is_whole(group):
            return check_pairs(runner, runner.gate.pairs(group), self._given)
        if (stopped := runner.stopped(framework)) is not None:
            return stopped
        search = self.search_metamorphic(change, framework)
        if search.shrunk is None:
            return self._explored(Result((), tuple(search.findings)), framework, search)
        result = check_pairs(runner, [search.shrunk], {})
        failed = [f for f in search.findings if f.status == "failed"]
        if result.failure is None:  # it depends on earlier calls
            message = f"{failed[0].message} (not reproduced on a second run)"
            result = Result((), (replace(failed[0], message=message),), f"unstable: {message}")
        failure = f"{result.failure}\n{self._seed_line(group)}"
        return self._explored(replace(result, failure=failure), framework, search)

    # --- searches -----------------------------------------------------------------------------

    def search(self, group: str) -> Search[AnyCase]:
        """Search for a failure of a condition or row."""
        return self._conditions(group)[0]

    def search_metamorphic(self, change: str, framework: str = "onnx") -> Search[MetamorphicCase]:
        """Search for a pair of models that the quantizer treats differently."""
        search = Search[MetamorphicCase]()

        def findings(case: MetamorphicCase) -> list[Finding]:
            trial = case.build()
            if trial is None:
                return []
            return look(self.runner, case.id, change, trial, self._given)

        opset = change == "opset"
        cases = st.builds(
            lambda network, number: MetamorphicCase(
                _older(network) if opset else network, change, number
            ),
            networks(framework, _MOST_IN_PAIRS, self._newest(framework)),
            st.integers(0, 255),
        )
        self._search(condition(change, framework), cases, findings, search)
        return search

    def _conditions(self, group: str) -> tuple[Search[AnyCase], dict[str, Finding]]:
        """Search the cases of a condition: each deviation once, then at random.

        At random alone, one deviation of fifty would often not be drawn in 100 examples.
        """
        gate, chosen = self.runner.gate, self.runner.settings
        home = gate.home(group)
        rng, newest = Random(f"{chosen.seed}/{group}"), self._newest(framework_of(group))
        each = every_deviation(home, gate.declared, rng, newest)
        first = ((case, explored_cases(home, gate.declared, newest, name)) for name, case in each)
        return self._cases(group, explored_cases(home, gate.declared, newest), first)

    def _newest(self, framework: str) -> int:
        """Return the newest opset to draw; other frameworks than ONNX have none."""
        return self.runner.newest_opset if framework == "onnx" else USUAL_OPSET

    def _cases(
        self,
        group: str,
        cases: st.SearchStrategy[AnyCase] | st.SearchStrategy[NetworkCase],
        first: Iterable[tuple[AnyCase, st.SearchStrategy[AnyCase]]] = (),
    ) -> tuple[Search[AnyCase], dict[str, Finding]]:
        """Search for failures; return those that minimal gate cases show separately, by case."""
        search, known = Search[AnyCase](), dict[str, Finding]()

        def findings(case: AnyCase) -> list[Finding]:
            records = self._records(case)
            found = (
                self.runner.findings(group, records)
                if not ConditionId.parse(group).is_network
                else [f for r in records for f in r.findings]
            )
            new = []
            for finding in found:
                minimal = self._minimal(case, finding) if self.explained else None
                if minimal is None:
                    new.append(finding)
                else:
                    search.first = search.first or search.examples
                    known.setdefault(minimal.case, minimal)
            return new

        self._search(group, cases, findings, search, first)
        self._shrink(findings, search)
        return search, known

    def _shrink(
        self, findings: Callable[[AnyCase], list[Finding]], search: Search[AnyCase]
    ) -> None:
        """Replace the smallest failing example by smaller ones that fail in the same way."""
        found = search.shrunk
        while found is not None:
            found = next((c for c in smaller(found) if self._fails_so(findings(c))), None)
            search.shrunk = found or search.shrunk

    def _fails_so(self, found: list[Finding]) -> bool:
        """Return whether a finding is like that of the smallest failing example so far."""
        wanted = self._failed[0].sort
        return any(f.status == "failed" and f.sort == wanted for f in found)

    def _search(
        self,
        group: str,
        cases: st.SearchStrategy[T],
        findings: Callable[[T], list[Finding]],
        search: Search[T],
        first: Iterable[tuple[T, st.SearchStrategy[T]]] = (),
    ) -> None:
        """Run Hypothesis; after the first failure, ignore failures that differ from it.

        The examples of `first` come before the drawn ones. Each comes with the strategy that
        shrinks it if it fails.
        """
        chosen = self.runner.settings
        wanted: tuple[str, str] | None = None
        next_line = time.monotonic() + _PAUSE
        spec = self.runner.spec
        by = "" if spec is self.runner.calls.specs[0] else f" by {spec.title}"

        def judge(case: T) -> None:
            nonlocal wanted, next_line
            search.examples += wanted is None
            if time.monotonic() > next_line:
                next_line = time.monotonic() + _PAUSE
                doing = (
                    f"{search.examples} of {chosen.max_examples}" if wanted is None else "shrinking"
                )
                self.progress(f"{group}{by}: {doing}")
            found = findings(case)
            failed = [f for f in found if f.status == "failed"]
            if wanted is not None:
                failed = [f for f in failed if f.sort == wanted]
            if not failed:
                if wanted is None:
                    search.findings += found
                return
            wanted = failed[0].sort
            search.first = search.first or search.examples
            search.shrunk = case
            self._failed = failed
            raise Shown(failed[0].message)

        def run(cases: st.SearchStrategy[T], examples: int, *phases: Phase) -> None:
            configured = settings(
                max_examples=max(examples, 1),
                derandomize=False,
                database=self._database(group),
                deadline=None,
                phases=[*phases, Phase.shrink],
                suppress_health_check=list(HealthCheck),
                report_multiple_bugs=False,
                print_blob=False,
                verbosity=Verbosity.quiet,
            )
            # Hypothesis skips a test for which it has nothing to replay.
            with contextlib.suppress(Shown, Flaky, SkipTest):
                configured(seed(f"{chosen.seed}/{group}")(given(cases)(judge)))()

        most = chosen.max_examples
        if chosen.database is not None:
            run(cases, most, Phase.reuse)
        for case, alike in first:
            if wanted is not None or search.examples >= most:
                break
            with contextlib.suppress(Shown):
                judge(case)
            if wanted is not None:
                run(alike, most, Phase.generate)
        if wanted is None and search.examples < most:
            run(cases, most - search.examples, Phase.generate)
        if wanted is not None:
            search.findings += self._failed
        self.progress("")

    def _database(self, group: str) -> ExampleDatabase | None:
        """Return where failing examples of a test are kept: Hypothesis drops what does not fail."""
        folder = self.runner.settings.database
        if folder is None:
            return None
        name = f"{self.runner.spec.source}/{group}"
        return DirectoryBasedExampleDatabase(folder / re.sub(r"[^\w.-]+", "-", name))

    # --- examples -----------------------------------------------------------------------------

    def _records(self, case: AnyCase) -> tuple[Record, ...]:
        """Run and judge an example; keep only the first of identical records."""
        runner = self.runner
        built = case.build()
        network = built.native.network()
        outcome = runner.call(case.id, built.native, network, built.options, self._given)
        records = runner.judge(case, built, network, outcome)
        left = [r.layer for r in records if r.expected and r.decided == "float"]
        self._places = {}
        if left or any(r.findings for r in records):
            self._places = places(case, built, network)
            self._left |= {self._places[layer] for layer in left if layer in self._places}
        new = []
        for record in records:
            said = (
                *(record.group, record.row, record.verdict, record.status, record.decided),
                *(record.expected, record.checked, record.untold, record.unvalidated),
                tuple(record.states.items()),
            )
            if said not in self._kept:
                self._kept[said] = record
                new.append(record)
        runner.note(new)
        return records

    def _minimal(self, case: AnyCase, finding: Finding) -> Finding | None:
        """Return the same finding from an enumerated case of that deviation, if one shows it."""
        place = self._places.get(finding.layer)
        tried = [*_enumerated(place[0], base_of(place[1]))] if place is not None else []
        if place is None or is_drawn(place[1]):  # the layer may be of a branch
            tried += self.runner.gate.enumerated(finding.condition)
        if isinstance(case, Case):
            tried += [
                catalog.make_case(case.group, base_of(case.deviation), case.context, (name,))
                for name in case.variations
            ]
        for minimal in tried:
            for found in self.runner.record(minimal).findings:
                if found.sort == finding.sort and found.status == finding.status:
                    return found
        return None

    # --- results ------------------------------------------------------------------------------

    def _result(self, group: str, search: Search[AnyCase], known: dict[str, Finding]) -> Result:
        runner = self.runner
        found = [known[case] for case in sorted(known)]
        failed = [f for f in search.findings if f.status == "failed"]
        found += [f for f in search.findings if f.status != "failed"]
        # The gate's cases come first: they are the plainest ones that were left in float.
        records = [*self._both_contexts(), *self._kept.values()]
        if search.shrunk is not None:
            again = runner.records(search.shrunk)
            records += again
            same = [f for r in again for f in r.findings if f.sort == failed[0].sort]
            message = f"{failed[0].message} (not reproduced on a second run)"
            found += same or [replace(failed[0], kind="unstable", message=message)]
        found += [f for f in not_quantized(records, runner.policy) if f.status == "failed"]
        found.sort(key=lambda f: f.status != "failed")
        result = runner.result(group, records, found)
        failure = f"{result.failure}\n{self._seed_line(group)}" if result.failure else None
        return self._explored(replace(result, failure=failure), framework_of(group), search)

    def _explored(self, result: Result, framework: str, search: Search[T]) -> Result:
        """Return a result with what is reported about its examples."""
        newest = self._newest(framework) if framework == "onnx" else None
        return replace(result, examples=search.examples, newest_opset=newest)

    def _both_contexts(self) -> list[Record]:
        """Judge the gate's cases of each expected deviation that a network left in float."""
        return [self.runner.record(c) for place in sorted(self._left) for c in _enumerated(*place)]

    def _seed_line(self, group: str) -> str:
        chosen = self.runner.settings
        name = shlex.quote(f"--amct-select={group}")
        return (
            f"seed       {chosen.seed}: {chosen.command} --amct-profile=explore"
            f" --amct-seed={chosen.seed} --amct-max-examples={chosen.max_examples} {name}"
        )


@lru_cache(maxsize=1024)
def _enumerated(group: str, deviation: str) -> tuple[Case, ...]:
    """Return the gate's cases of a deviation, in each context that it has.

    One that is drawn, or only in the networks of the gate, has such cases, too.
    """
    if not catalog.is_alone(group, deviation):
        contexts = catalog.contexts(group, deviation)
        return tuple(catalog.make_case(group, deviation, context) for context in contexts)
    declared = needs(catalog.deviations(group)[deviation])
    return tuple(c for c in catalog.gate_cases(group, declared) if c.deviation == deviation)


def _older(network: NetworkCase) -> NetworkCase:
    """Return the network in the oldest opset of its layers, so that a newer one exists."""
    others = (v for v in network.variations if not v.startswith("opset"))
    return replace(network, variations=("opset13", *others))
