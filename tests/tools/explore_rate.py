"""How many mistakes explore finds: those that the gate catches, and those that it does not.

    python tests/tools/explore_rate.py --framework onnx --sample 100 --models 500
    python tests/tools/explore_rate.py --framework onnx --by-hand

A mistake by machine (see machine_mistakes.py) is found if explore has a finding within so many
examples of the tests that assert the condition that the gate names; without such a condition, in
the tests of all conditions. What explore draws does not depend on a quantizer until there is a
finding, so the examples of a test are drawn and read once for all mistakes. A wrong quantizer by
hand is explored in the test of its condition.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from eager_quantizers import (
    DECLARED,
    OPINIONATED,
    RELEASES,
    SPEC,
    Opinionated,
    Shown,
    differences,
    looked_at,
)
from machine_mistakes import Tried, mistakes_of, parser, try_all
from mistakes import Mistake
from pytest_amct.fixtures.misreadings import WrongQuantizer
from pytest_amct.fixtures.wrong_caffe import WRONG_CAFFE
from pytest_amct.fixtures.wrong_quantizers import WRONG
from pytest_amct.fixtures.wrong_tensorflow import WRONG_TENSORFLOW

from pytest_amct.cases import catalog
from pytest_amct.cases.networks import AnyCase
from pytest_amct.cases.plan import target_layers
from pytest_amct.explore import Explorer
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.gate import Gate
from pytest_amct.ids import ConditionId
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.runner import Runner
from pytest_amct.verdicts import Policy, Record, not_quantized

_BLOCK = 50
"""Examples that are kept in memory at a time."""


class Collecting(Explorer):
    """Keeps the cases that it draws, and judges none."""

    def drawn(self, group: str) -> list[AnyCase]:
        """Return the examples of a test, in order."""
        self.cases: list[AnyCase] = []
        self.search(group)
        return self.cases

    def _records(self, case: AnyCase) -> tuple[Record, ...]:
        self.cases.append(case)
        return ()


@dataclass(slots=True)
class Sought:
    """A mistake that explore shall find."""

    tried: Tried
    #: the tests that look for it
    groups: Sequence[str]
    #: the example that shows it: how many came before it in its test, and its id
    found: tuple[int, str] | None = None


def examples(framework: str, group: str, count: int, seed: int, scratch: Path) -> list[AnyCase]:
    """Return the examples that explore draws for a test."""
    chosen = Settings(
        "it",
        profile="explore",
        max_examples=count,
        seed=seed,
        scratch=scratch,
        frameworks=(framework,),
    )
    return Collecting(Runner(Reference(SPEC), SPEC, chosen)).drawn(group)


def shown(framework: str, case: AnyCase) -> Shown:
    """Return an example as the quantizers see it, read and decided."""
    built = case.build()
    network = built.native.network()
    layers = [network.layers.index(layer) for layer in target_layers(network, built.targets)]
    one = Shown(case.id, case.group, built.native, built.options, network, layers)
    return looked_at(framework, one)


def seek(framework: str, sought: Sequence[Sought], count: int, seed: int = 0) -> None:
    """Look for mistakes in the examples of their tests."""
    look = OPINIONATED[framework]
    groups = dict.fromkeys(group for one in sought for group in one.groups)
    with tempfile.TemporaryDirectory() as scratch:
        for group in groups:
            if not any(s.found is None for s in sought if group in s.groups):
                continue
            cases = examples(framework, group, count, seed, Path(scratch))
            for start in range(0, len(cases), _BLOCK):
                mine = [s for s in sought if group in s.groups and s.found is None]
                block = cases[start : start + _BLOCK] if mine else []
                read = [(case, shown(framework, case)) for case in block]
                for one in mine:
                    _seek(look, one, group, start, read)
            wanted = [s for s in sought if group in s.groups]
            found = sum(s.found is not None for s in wanted)
            print(f"{group}: {found} of {len(wanted)}", file=sys.stderr, flush=True)


def _seek(
    look: Opinionated,
    sought: Sought,
    group: str,
    start: int,
    read: Sequence[tuple[AnyCase, Shown]],
) -> None:
    mistake = sought.tried.mistake
    module = RELEASES if mistake.module == RELEASES.name else look.module
    with module.changed(mistake):
        for number, (case, one) in enumerate(read, start):
            if _is_shown(look, mistake, group, case, one):
                sought.found = number, case.id
                return


def _is_shown(look: Opinionated, mistake: Mistake, group: str, case: AnyCase, one: Shown) -> bool:
    """Return whether an example shows a mistake. One that raises an error is shown, too."""
    try:
        changed = differences(look, mistake, one) or {}
    except Exception:
        return True
    for index, decision in changed.items():
        record = one.record(index, decision)
        left = record.expected and record.decided == "float"
        if left and _left_in_both(look, mistake, case):
            return True
        if any(_gate(case.framework).asserts(group, f.condition) for f in record.findings):
            return True
    return False


def _left_in_both(look: Opinionated, mistake: Mistake, case: AnyCase) -> bool:
    """Return whether a layer of a deviation is left in float in each of its contexts."""
    group, deviation = case.group, case.deviation
    records = []
    for context in catalog.contexts(group, deviation):
        one = shown(case.framework, catalog.make_case(group, deviation, context))
        found = differences(look, mistake, one) or {}
        records += [one.record(i, found.get(i, one.decisions[i])) for i in one.targets]
    return bool(not_quantized(records, Policy()))


@cache
def _gate(framework: str) -> Gate:
    return Gate(SPEC, DECLARED, (framework,))


def groups_of(framework: str, tried: Tried) -> list[str]:
    """Return the tests that look for a mistake."""
    every = catalog.groups(DECLARED, (framework,), SPEC)
    condition = tried.gate.partition(": ")[2]
    if not condition:
        return every
    parsed = ConditionId.parse(condition)
    if condition in every and not parsed.is_row:
        return [condition]
    # A row: layers that are left in float are reported with it by any test.
    return [g for g in every if ConditionId.parse(g).restricts == parsed.restricts]


def look_for(framework: str, tried: Sequence[Tried], count: int) -> list[Sought]:
    """Look for mistakes in the examples of the tests that assert what they break."""
    sought = [Sought(one, groups_of(framework, one)) for one in tried]
    seek(framework, sought, count)
    return sought


def by_machine(framework: str, sample: int, models: int, count: int) -> str:
    """Return the rates of mistakes by machine, and those that explore does not find."""
    tried = try_all(framework, mistakes_of(framework, sample), models)
    lines = []
    for kind in ("killed", "survivor"):
        sought = look_for(framework, [t for t in tried if t.kind == kind], count)
        lines.append(_told(f"{framework}, {kind}", sought))
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def _told(title: str, sought: Sequence[Sought]) -> str:
    found = sorted(s.found[0] for s in sought if s.found is not None)
    middle = f", half within {found[len(found) // 2] + 1}" if found else ""
    lines = [f"{title}: {len(found)} of {len(sought)} found{middle}"]
    for one in (s for s in sought if s.found is None):
        wrong = one.tried.wrong
        seen = f" ({wrong.model}: {wrong.says})" if wrong else ""
        lines.append(f"  not found: {one.tried.gate}{seen}\n{one.tried.mistake}")
    return "\n".join(lines)


_BY_HAND: Mapping[str, Mapping[str, WrongQuantizer]] = {
    "onnx": WRONG,
    "tensorflow": WRONG_TENSORFLOW,
    "caffe": WRONG_CAFFE,
}


def by_hand(framework: str, count: int) -> str:
    """Return the rate of wrong quantizers by hand, and those that explore does not find."""
    found, missing = [], []
    with tempfile.TemporaryDirectory() as scratch:
        for wrong in _BY_HAND[framework].values():
            if wrong.kind != "over-quantized" or wrong.warned:
                continue
            chosen = Settings(
                "it",
                profile="explore",
                max_examples=count,
                scratch=Path(scratch),
                frameworks=(framework,),
            )
            quantizer = FunctionQuantizer(wrong.name, wrong.quantize, wrong)
            search = Explorer(Runner(quantizer, SPEC, chosen), explained=False)
            first = search.search(wrong.caught_by).first
            (missing if first is None else found).append((first, wrong.name))
    lines = [f"{framework}, by hand: {len(found)} of {len(found) + len(missing)} found"]
    return "\n".join([*lines, *(f"  not found: {name}" for _, name in missing)])


def main() -> int:
    """Print the rates of the frameworks."""
    told = parser(__doc__, 1000)
    told.add_argument("--examples", type=int, default=2000, help="examples of each test")
    told.add_argument("--by-hand", action="store_true", help="wrong quantizers by hand instead")
    given = told.parse_args()
    for framework in given.framework or FRAMEWORKS:
        if given.by_hand:
            print(by_hand(framework, given.examples), flush=True)
        else:
            print(by_machine(framework, given.sample, given.models, given.examples), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
