"""How many mistakes by machine the gate catches, and which cases it lacks for the others.

    python tests/tools/machine_mistakes.py                                   hours
    python tests/tools/machine_mistakes.py --framework caffe --sample 200 --models 1000

The second opinions are quantizers in plain if-statements. Each mistake in one of them makes a
wrong quantizer: it quantizes what its opinion then calls quantizable. It counts if it quantizes a
forbidden layer, or leaves an expected one in float, in a case of the gate or in a random model.
The gate catches it if one of its tests then has a finding. Mistakes that raise an error, or that
change decisions in more than a fifth of the gate's cases, are easy and counted apart.

Nothing is run: a model is read once, and a mistake is tried only on the models whose reading or
judging ran a line that it changes.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from random import Random

from eager_quantizers import (
    DECLARED,
    OPINIONATED,
    RELEASES,
    SPEC,
    Opinionated,
    Shown,
    differences,
    gate_models,
    network_models,
    random_models,
)
from mistakes import Mistake, sampled

from pytest_amct.decisions.decision import Decision
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.gate import Gate
from pytest_amct.ids import CHAIN
from pytest_amct.verdicts import Policy, Record, not_quantized

EASY = 1 / 5
"""A mistake is easy if it changes more than this part of the gate's cases."""

ENOUGH = 2 / 5
"""The part of the gate, in random order, that tells whether a mistake is easy."""

_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Wrong:
    """A wrong decision on a layer of a model."""

    model: str
    size: tuple[int, int]
    says: str


@dataclass(slots=True)
class Tried:
    """What was seen of a mistake."""

    mistake: Mistake
    #: ``easy`` and why, ``killed`` by the gate, or ``""``
    gate: str = ""
    #: whether it changed anything at all, and whether a line of it ran
    differs: bool = False
    ran: bool = False
    #: the smallest model with a wrong decision
    wrong: Wrong | None = None

    @property
    def kind(self) -> str:
        """How it is counted."""
        if self.gate:
            return self.gate.partition(":")[0]
        if self.wrong is not None:
            return "survivor"
        return "harmless" if self.differs else "equivalent" if self.ran else "not reached"


# --- mistakes -------------------------------------------------------------------------------------


class GateTests:
    """What the gate says of decisions: its tests, over the records of its cases."""

    def __init__(self, framework: str, shown: Sequence[Shown]) -> None:
        self.framework, self.shown = framework, shown
        self.gate = Gate(SPEC, DECLARED, (framework,))
        self.records: dict[tuple[str, str, int], Record] = {}
        self.alike: dict[tuple[str | None, str], set[tuple[str, str, int]]] = defaultdict(set)
        self.alone: dict[str, tuple[str, str, int]] = {}
        for one in shown:
            for index in one.targets:
                record, key = one.record(index, one.decisions[index]), (one.group, one.name, index)
                self.records[key] = record
                self.alike[record.row, record.deviation].add(key)
                self.alone[one.name] = key

    def finding(self, changed: Mapping[int, Mapping[int, Decision]]) -> str:
        """Return how a test fails for the changed decisions of cases, ``""`` if none does."""
        others: dict[tuple[str, str, int], Record] = {}
        for number, decisions in changed.items():
            one = self.shown[number]
            for index, decision in decisions.items():
                others[one.group, one.name, index] = one.record(index, decision)
        for (group, _, _), record in others.items():
            conditions = (f.condition for f in record.findings)
            found = [c for c in conditions if self._tells(group, c)]
            if found and not self._is_left_out(group, record, others):
                return f"killed: {found[0]}"
        places = {(r.row, r.deviation) for r in others.values()}
        keys = {key for place in places for key in self.alike[place]}
        left = not_quantized([others.get(key, self.records[key]) for key in keys], Policy())
        return f"killed: {left[0].condition}" if left else ""

    def _is_left_out(
        self, group: str, record: Record, others: Mapping[tuple[str, str, int], Record]
    ) -> bool:
        """Return whether a gate does not show a layer again, as it was quantized alone."""
        if record.context != CHAIN or self.gate.shows_twice(group):
            return False
        key = self.alone.get(record.varied)
        alone = None if key is None else others.get(key, self.records[key])
        return alone is not None and alone.expected and alone.decided == "quantized"

    def _tells(self, group: str, condition: str) -> bool:
        """Return whether some test tells it: that of a treatment runs the cases of its row."""
        return group == self.gate.treated.get(condition) or self.gate.asserts(group, condition)


def try_all(
    framework: str, mistakes: Sequence[Mistake], models: int, networks: bool = True
) -> list[Tried]:
    """Try mistakes in the gate, and those that it does not catch on that many random models.

    Without `networks`, the gate is its single cases.
    """
    look = OPINIONATED[framework]
    shown = gate_models(framework) + (network_models(framework) if networks else [])
    Random(0).shuffle(shown)
    tests, found = GateTests(framework, shown), [Tried(mistake) for mistake in mistakes]
    for tried in found:
        try_one(look, tried, shown, tests)
        _progress("gate", tried)
    for block in random_models(framework, models):
        for tried in (t for t in found if not t.gate and t.wrong is None):
            try_one(look, tried, block, None)
            _progress("random", tried)
    return found


def _progress(where: str, tried: Tried) -> None:
    print(f"{where} {tried.kind} {str(tried.mistake).splitlines()[0]}", file=sys.stderr, flush=True)


def try_one(
    look: Opinionated, tried: Tried, shown: Sequence[Shown], tests: GateTests | None
) -> None:
    """Note what a mistake changes in these models, and how `tests` catch it."""
    changed: dict[int, dict[int, Decision]] = {}
    try:
        with closing(changes(look, tried.mistake, shown)) as found:
            for number, other in enumerate(found):
                tried.ran |= other is not None
                if other:
                    changed[number] = other
                if tests and len(changed) > EASY * len(shown):
                    tried.gate = "easy: it changes many cases"
                    return
                if tests and other and number > ENOUGH * len(shown):
                    tried.gate = tests.finding(changed)
                    if tried.gate:
                        return
    except Exception as error:
        tried.gate = f"easy: {type(error).__name__}"
        return
    tried.differs |= bool(changed)
    if tests and changed:
        tried.gate = tests.finding(changed)
    for number, other in () if tried.gate else changed.items():
        for index, decision in other.items():
            _note(tried, shown[number], index, decision)


def changes(
    look: Opinionated, mistake: Mistake, shown: Sequence[Shown]
) -> Generator[dict[int, Decision] | None, None, None]:
    """Yield what a mistake does otherwise in each model, ``None`` if no line of it ran."""
    module = RELEASES if mistake.module == RELEASES.name else look.module
    signal.signal(signal.SIGALRM, _too_long)
    try:
        with module.changed(mistake):
            for one in shown:
                signal.alarm(_SECONDS)
                yield differences(look, mistake, one)
    finally:
        signal.alarm(0)


def _too_long(number: int, frame: object) -> None:
    raise TimeoutError("it does not end")


def _note(tried: Tried, one: Shown, index: int, decision: Decision) -> None:
    """Keep the smallest model with a wrong decision."""
    size = len(one.network.layers), len(one.model.data)
    if tried.wrong is not None and size >= tried.wrong.size:
        return
    record = one.record(index, decision)
    says = [f.message for f in record.findings if f.kind == "over-quantized"]
    if record.expected and record.decided == "float":
        says.append(f"not-quantized: {record.layer}")
    if says:
        tried.wrong = Wrong(f"{one.name} ({one.options.scheme})", size, says[0])


# --- results --------------------------------------------------------------------------------------


def mistakes_of(framework: str, sample: int = 0) -> list[Mistake]:
    """Return the mistakes in a second opinion and what it shares with the others; 0 = all."""
    shared = [mistake for mistake in RELEASES.mistakes if mistake.function]
    return sampled([*OPINIONATED[framework].module.mistakes, *shared], sample)


def rate(found: Iterable[Tried]) -> float:
    """Return which part of the mistakes that count is caught; the easy ones do not count."""
    kinds = Counter(tried.kind for tried in found)
    return kinds["killed"] / max(1, kinds["killed"] + kinds["survivor"])


def told(framework: str, found: Sequence[Tried]) -> str:
    """Return the rate, and the survivors under the smallest models that show them."""
    kinds = Counter(tried.kind for tried in found)
    count = kinds["killed"] + kinds["survivor"]
    apart = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
    lines = [f"{framework}: {kinds['killed']} of {count} killed ({rate(found):.1%}); {apart}"]
    shown_by: dict[tuple[str, str], list[Mistake]] = defaultdict(list)
    for tried in found:
        if tried.wrong is not None and tried.kind == "survivor":
            shown_by[tried.wrong.model, tried.wrong.says].append(tried.mistake)
    for (model, says), several in sorted(shown_by.items(), key=lambda item: -len(item[1])):
        lines += ["", f"{len(several)} survive, which {model} shows: {says}", *map(str, several)]
    return "\n".join(lines)


def parser(description: str | None, models: int) -> argparse.ArgumentParser:
    """Return a parser of what every run on mistakes is told; `models` is a default."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--framework", choices=FRAMEWORKS, action="append")
    made.add_argument("--sample", type=int, default=0, help="number of mistakes; 0 = all")
    made.add_argument("--models", type=int, default=models, help="number of random models")
    return made


def main() -> int:
    """Try the mistakes of the frameworks and print what survives."""
    given = parser(__doc__, 100_000).parse_args()
    for framework in given.framework or FRAMEWORKS:
        found = try_all(framework, mistakes_of(framework, given.sample), given.models)
        print(told(framework, found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
