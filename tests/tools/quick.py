"""Choose the cases of the quick profile, and check that they catch what the gate catches.

    python tests/tools/quick.py                    check the list against wrong quantizers
    python tests/tools/quick.py --machine 300      against that many mistakes by machine, too
    python tests/tools/quick.py --machine 9999 --write                   choose anew, hours

A list of few cases that still catches every wrong quantizer made by hand and by rule, and shows
each condition once kept and once violated. It is chosen greedily: the next case is the one that
catches most of what nothing before it has caught. What room is left is for the cases that show most
mistakes by machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from random import Random

from eager_quantizers import OPINIONATED, Shown, gate_models
from kills import excuse, runner_of
from machine_mistakes import GateTests, Tried, changes, mistakes_of, try_one
from mistakes import Mistake
from pytest_amct.fixtures.mechanical import mechanical
from pytest_amct.fixtures.misreadings import WrongQuantizer
from pytest_amct.fixtures.wrong_caffe import WRONG_CAFFE
from pytest_amct.fixtures.wrong_quantizers import WRONG
from pytest_amct.fixtures.wrong_tensorflow import WRONG_TENSORFLOW

from pytest_amct.cases import catalog, quick
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.ids import CaseId
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.quantizers.protocol import Quantizer
from pytest_amct.runner import Runner
from pytest_amct.verdicts import Record, is_not_quantized, left_in_float

BY_HAND: Mapping[str, WrongQuantizer] = {**WRONG, **WRONG_TENSORFLOW, **WRONG_CAFFE}
LIST = Path(quick.__file__).with_name("quick.txt")

PART = 1 / 6
"""The most of the gate, without declared settings, that the list holds."""

Shows = frozenset[str]
"""Cases that together show a mistake: one, or a layer in both contexts."""


@dataclass(frozen=True)
class Wanted:
    """Something that the quick cases must show, and the sets of cases each of which shows it."""

    name: str
    ways: tuple[Shows, ...]

    def is_shown(self, cases: frozenset[str]) -> bool:
        """Return whether these cases show it."""
        return any(way <= cases for way in self.ways)

    def apart_from(self, cases: Sequence[str]) -> Wanted:
        """Return it without the ways that need one of these cases."""
        return Wanted(self.name, tuple(way for way in self.ways if not way.intersection(cases)))


# --- what must be shown -------------------------------------------------------------------------


def names(framework: str) -> list[str]:
    """Return the names of the wrong quantizers that the gate of a framework catches."""
    by_hand = [
        name
        for name, wrong in BY_HAND.items()
        if wrong.frameworks == (framework,) and wrong.kind not in ("unstable", "quantizes-nothing")
    ]
    by_rule = [m.name for m in mechanical(framework) if not excuse(m)]
    return [*by_hand, *by_rule]


def wanted_of(framework: str, name: str) -> Wanted:
    """Return which cases of the gate catch a wrong quantizer."""
    quantizer, condition, row = _made(framework, name)
    with tempfile.TemporaryDirectory() as folder:
        runner = runner_of(quantizer, framework, Path(folder))
        place = condition.split("/")[1:3]
        groups = [g for g in runner.gate.groups if g == condition or g.split("/")[1:3] == place]
        records = [r for group in groups for r in _all_records(runner, group)]
    return Wanted(name, tuple(_ways(records, condition, row)))


def _made(framework: str, name: str) -> tuple[Quantizer, str, str]:
    """Return a wrong quantizer, the condition that it gets wrong, and the condition's row."""
    if name in BY_HAND:
        wrong = BY_HAND[name]
        row = wrong.caught_by if wrong.kind == "not-quantized" else ""
        return FunctionQuantizer(name, wrong.quantize, wrong), wrong.caught_by, row
    mutant = next(m for m in mechanical(framework) if m.name == name)
    made = mutant.make()
    return FunctionQuantizer(name, made.quantize, made), mutant.condition, mutant.row


def _all_records(runner: Runner, group: str) -> list[Record]:
    return [record for case in runner.gate.cases(group) for record in runner.records(case)]


def _ways(records: Sequence[Record], condition: str, row: str) -> Iterator[Shows]:
    """Yield the cases that show a mistake: violations, else warnings, else layers in float."""
    own = [(f, r.case) for r in records for f in r.findings if f.condition == condition]
    failed = {case for f, case in own if f.status == "failed"} or {case for _, case in own}
    if failed:
        yield from (frozenset((case,)) for case in failed)
        return
    for found in left_in_float(records).get(row, {}).values():
        if is_not_quantized(found):
            plain = [r.case for r in found if not r.context]
            chain = [r.case for r in found if r.context]
            yield from (frozenset(pair) for pair in zip(plain, chain, strict=False))


def conditions(framework: str) -> list[Wanted]:
    """Return each condition twice: kept by a quantizable layer, and violated alone."""
    quantizer = FunctionQuantizer("reference", Reference().quantize, Reference())
    found: dict[str, set[Shows]] = {}
    with tempfile.TemporaryDirectory() as folder:
        runner = runner_of(quantizer, framework, Path(folder))
        for group in runner.gate.groups:
            for record in _all_records(runner, group):
                broken = [c for c, state in record.states.items() if state == "broken"]
                for condition, state in record.states.items():
                    kept = state == "holds" and record.verdict == "quantizable"
                    if kept or (broken == [condition]):
                        side = "kept" if kept else "violated"
                        found.setdefault(f"{condition} {side}", set()).add(
                            frozenset((record.case,))
                        )
                if record.expected:
                    pair = frozenset((record.case, f"{record.case}:chain"))
                    if record.case == f"{record.row}@default":
                        found.setdefault(f"{record.row} in float", set()).add(pair)
    return [Wanted(name, tuple(ways)) for name, ways in sorted(found.items())]


# --- the choice ---------------------------------------------------------------------------------


def choose(wanted: Sequence[Wanted], others: Sequence[Wanted], whole: frozenset[str]) -> list[str]:
    """Return few cases that show everything, up to a part of the `whole` gate.

    The first round shows each thing that is wanted once. Then come the cases that show most of the
    `others`, which are mistakes by machine, and last what shows everything once more: mistakes that
    nobody thought of are then caught more often.
    """
    chosen, most = _round(wanted, []), int(len(whole) * PART)

    def again() -> list[str]:
        return _round([want.apart_from(chosen) for want in (*wanted, *others)], chosen)

    new = _round(others, chosen) or again()
    while new:
        for case in new:
            if len(whole.intersection(chosen)) >= most:
                return chosen
            chosen.append(case)
        new = again()
    return chosen


def _round(wanted: Iterable[Wanted], known: Sequence[str]) -> list[str]:
    """Return few cases that show with the known ones everything, those that show most first."""
    have, new = set(known), list[str]()
    left = [want for want in wanted if want.ways and not want.is_shown(frozenset(have))]
    while left:
        gains: dict[Shows, int] = {}
        for want in left:
            for way in want.ways:
                lacking = way.difference(have)
                gains[lacking] = gains.get(lacking, 0) + 1
        best = min(gains, key=lambda way: (-gains[way] / len(way), _plainness(way)))
        new += sorted(best, key=lambda case: (len(case), case))
        have |= best
        left = [want for want in left if not want.is_shown(frozenset(have))]
    return new


def _plainness(way: Shows) -> tuple[int, list[str]]:
    return sum(map(len, way)), sorted(way)


def by_machine(framework: str, sample: int, part: int = 0, parts: int = 1) -> list[Wanted]:
    """Return those of a sample of mistakes that the gate catches; `part` counts from 0."""
    look, shown = OPINIONATED[framework], gate_models(framework)
    Random(0).shuffle(shown)
    tests, found = GateTests(framework, shown), []
    for mistake in mistakes_of(framework, sample)[part::parts]:
        tried = Tried(mistake)
        try_one(look, tried, shown, tests)
        if tried.kind == "killed":
            found.append(Wanted(str(mistake), tuple(shows(framework, mistake, shown))))
    return found


def shows(framework: str, mistake: Mistake, shown: Sequence[Shown]) -> Iterator[Shows]:
    """Yield the cases that show a mistake: one, or a layer in both contexts if it is in float."""
    found = zip(shown, changes(OPINIONATED[framework], mistake, shown), strict=True)
    changed = {one.name: (one, other) for one, other in found if other}
    for name in changed:
        id_ = CaseId.parse(name)
        partner = str(id_.partner)
        for names in ([name], [name, partner] if partner in changed and not id_.context else []):
            several = [changed[each] for each in names]
            tests = GateTests(framework, [one for one, _ in several])
            if tests.finding({at: other for at, (_, other) in enumerate(several)}):
                yield frozenset(names)
                break


# --- the command ----------------------------------------------------------------------------------


def every_wanted(framework: str, processes: int) -> list[Wanted]:
    """Return what the quick cases of a framework must show."""
    with ProcessPoolExecutor(processes) as pool:
        several = names(framework)
        found = [*pool.map(wanted_of, [framework] * len(several), several)]
    return [*conditions(framework), *found]


def every_mistake(framework: str, sample: int, processes: int) -> list[Wanted]:
    """Return those of a sample of mistakes by machine that the gate catches."""
    if not sample:
        return []
    given = [[framework] * processes, [sample] * processes, range(processes)]
    with ProcessPoolExecutor(processes) as pool:
        return [*chain(*pool.map(by_machine, *given, [processes] * processes))]


def every_case(framework: str) -> frozenset[str]:
    """Return the cases of the gate for a quantizer that declares no settings."""
    groups = catalog.groups(frozenset(), (framework,))
    return frozenset(case.id for group in groups for case in catalog.gate_cases(group))


def main() -> int:
    """Check the list, or write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--framework", choices=FRAMEWORKS, action="append")
    parser.add_argument("--machine", type=int, default=0, help="number of mistakes by machine")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    bad, lists = 0, []
    for framework in given.framework or FRAMEWORKS:
        whole = every_case(framework)
        wanted = every_wanted(framework, given.processes)
        others = every_mistake(framework, given.machine, given.processes)
        chosen = choose(wanted, others, whole) if given.write else [*quick.ranks()]
        lists += chosen
        cases = frozenset(chosen)
        left = [w.name for w in wanted if w.ways and not w.is_shown(cases)]
        shown = sum(w.is_shown(cases) for w in others)
        bad += len(left)
        print(f"{framework}: {len(wanted)} wanted, {len(left)} not shown: {left[:5]}")
        print(f"  {shown} of {len(others)} mistakes by machine that the gate catches")
        print(f"  {len(whole & cases)} of {len(whole)} cases without declared settings", flush=True)
    if given.write:
        # Those of the other frameworks stay.
        done = tuple(f"/{framework}/" for framework in given.framework or FRAMEWORKS)
        lists += [id_ for id_ in quick.ranks() if not any(name in id_ for name in done)]
        LIST.write_text("\n".join(lists) + "\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
