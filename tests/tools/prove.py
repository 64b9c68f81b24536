"""Measure how far the suite can be trusted, and print it as tables.

    python tests/tools/prove.py kills         which wrong quantizers are found, how soon, how small
    python tests/tools/prove.py releases      the same for other releases, by the gate alone
    python tests/tools/prove.py machine       which mistakes that a machine makes are found
    python tests/tools/prove.py speed         how much faster it is than an older version
    python tests/tools/prove.py accusations   findings against correct quantizers
    python tests/tools/prove.py coverage      conditions exercised both ways by the gate
    python tests/tools/prove.py blindness     whether names or metadata reveal the answer
    python tests/tools/prove.py validity      generated models that other parsers reject
    python tests/tools/prove.py determinism   whether the same gate always makes the same report
    python tests/tools/prove.py mutants       changes to tables and verdicts that no test detects
    python tests/tools/prove.py all --write   all of it, into docs/proof.md; hours on two cores

`--seeds`, `--models`, `--runs`, `--sample`, `--mistakes`, `--examples` and `--framework` make a run
shorter. CI runs small versions as tests. Missing parsers are listed as not measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import accusations
import blindness
import determinism
import proof_page
import prove_machine
import validity
from kills import SPEC, Killed, excuse, kill, of_releases, runner_of, summed
from pytest_amct.fixtures.mechanical import mechanical
from pytest_amct.fixtures.misreadings import WrongQuantizer
from pytest_amct.fixtures.wrong_caffe import WRONG_CAFFE
from pytest_amct.fixtures.wrong_quantizers import WRONG
from pytest_amct.fixtures.wrong_releases import WRONG_RELEASES
from pytest_amct.fixtures.wrong_tensorflow import WRONG_TENSORFLOW

from pytest_amct.cases.plan import Case
from pytest_amct.explore import Explorer
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.quantizers.protocol import Quantizer
from pytest_amct.reports.assembly import assemble
from pytest_amct.results import Collected
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec

BY_HAND: Mapping[str, WrongQuantizer] = {**WRONG, **WRONG_TENSORFLOW, **WRONG_CAFFE}

_MEDIAN, _PERCENTILE = 35, 200
"""Bounds on the number of examples that explore needs."""


@dataclass(frozen=True, slots=True)
class Row:
    """A wrong quantizer, and the results for it."""

    name: str
    condition: str
    #: the finding of the gate, ``""`` = it survived
    gate: str
    #: why the mistake cannot be detected
    excuse: str = ""
    #: examples that explore needed, by seed; 0 = not found
    needed: tuple[int, ...] = ()
    #: layers of the largest network that explore shrank to
    size: int = 0
    #: number of layers that show the mistake
    declared: int = 1

    @property
    def median(self) -> str:
        """The median of the examples needed."""
        return f"{median(n or 1000 for n in self.needed):g}" if self.needed else ""

    @property
    def percentile(self) -> str:
        """The 95th percentile of the examples needed."""
        found = sorted(n or 1000 for n in self.needed)
        return str(found[min(len(found) - 1, int(0.95 * len(found)))]) if found else ""

    @property
    def repeats(self) -> bool:
        """Whether the quantizer decides the same on every call with the same model."""
        return not self.condition.endswith("/twice")

    @property
    def is_well_explored(self) -> bool:
        """Whether explore meets its bounds on examples and layers."""
        soon = float(self.median or 0) <= _MEDIAN and int(self.percentile or 0) <= _PERCENTILE
        return soon and (self.size <= self.declared or not self.repeats)


def rows(name: str, seeds: int) -> Row:
    """Return the results for the wrong quantizer of that name."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if name in BY_HAND:
            return _by_hand(BY_HAND[name], seeds, scratch)
        mutant = next(m for f in FRAMEWORKS for m in mechanical(f) if m.name == name)
        killed = kill(mutant, scratch)
        made = mutant.make()
        needed, size = (), 0
        if killed.cases and killed.failed:
            quantizer = FunctionQuantizer(name, made.quantize, made)
            needed, size = explored(quantizer, mutant.framework, mutant.condition, seeds, scratch)
        return Row(name, mutant.condition, killed.by, excuse(mutant), needed, size)


def under_its_release(name: str) -> tuple[str, Row]:
    """Return the release of a wrong quantizer, and what the gate of that release says of it."""
    with tempfile.TemporaryDirectory() as folder:
        if name in WRONG_RELEASES:
            wrong = WRONG_RELEASES[name]
            return wrong.release, _by_hand(wrong, 0, Path(folder))
        release, mutant = next(pair for pair in of_releases() if pair[1].name == name)
        spec = load_spec(release)
        killed = kill(mutant, Path(folder), spec)
        return release, Row(name, mutant.condition, killed.by, excuse(mutant, spec))


def _by_hand(wrong: WrongQuantizer, seeds: int, scratch: Path) -> Row:
    quantizer = FunctionQuantizer(wrong.name, wrong.quantize, wrong)
    (framework,) = wrong.frameworks
    runner = runner_of(quantizer, framework, scratch, load_spec(wrong.release))
    if wrong.kind == "quantizes-nothing":
        failed = runner.check_alive(framework).failure
        return Row(wrong.name, wrong.caught_by, "quantizes nothing" if failed else "")
    if wrong.kind == "unstable":
        return _unstable(wrong, quantizer, seeds, scratch)
    place = wrong.caught_by.split("/")[1:]
    row = wrong.caught_by if wrong.kind == "not-quantized" else ""
    groups = [
        g
        for g in runner.gate.groups
        if g == wrong.caught_by or (row and g.split("/")[1:3] == place)
    ]
    records = [record for group in groups for record in runner.check(group).records]
    if wrong.kind in ("errored", "invalid-output", "corrupted"):
        kinds = {f.kind for r in records for f in r.findings if f.status == "failed"}
        return Row(wrong.name, wrong.caught_by, wrong.kind if kinds == {wrong.kind} else "")
    killed: Killed = summed(wrong.caught_by, row, records, runner)
    needed, size = (), 0
    if killed.failed and seeds:
        needed, size = explored(quantizer, framework, wrong.caught_by, seeds, scratch)
    return Row(wrong.name, wrong.caught_by, killed.by, "", needed, size, wrong.size)


def _unstable(wrong: WrongQuantizer, quantizer: Quantizer, seeds: int, scratch: Path) -> Row:
    """Return the results of explore's metamorphic tests; the gate has none."""
    needed, sizes, found = [], [0], set[str]()
    for seed in range(seeds):
        settings = Settings("it", profile="explore", max_examples=200, seed=seed, scratch=scratch)
        explorer = Explorer(Runner(quantizer, SPEC, settings), explained=False)
        search = explorer.search_metamorphic(wrong.caught_by.rpartition("/")[2])
        needed.append(search.first or 0)
        found |= {f.kind for f in search.findings if f.status == "failed"}
        if search.shrunk is not None:
            sizes.append(len(search.shrunk.network.items))
    by = "unstable (explore)" if found == {"unstable"} else ""
    return Row(wrong.name, wrong.caught_by, by, "", tuple(needed), max(sizes), wrong.size)


def _runner(quantizer: Quantizer, framework: str, scratch: Path) -> Runner:
    settings = Settings("it", max_examples=0, scratch=scratch, frameworks=(framework,))
    return Runner(quantizer, SPEC, settings)


def explored(
    quantizer: Quantizer, framework: str, condition: str, seeds: int, scratch: Path
) -> tuple[tuple[int, ...], int]:
    """Return the examples that explore needs with each seed, and the largest shrunk size."""
    needed, sizes = [], [0]
    for seed in range(seeds):
        settings = Settings(
            "it",
            profile="explore",
            max_examples=200,
            seed=seed,
            scratch=scratch,
            frameworks=(framework,),
        )
        found = Explorer(Runner(quantizer, SPEC, settings), explained=False).search(condition)
        needed.append(found.first or 0)
        if found.shrunk is not None:
            sizes.append(1 if isinstance(found.shrunk, Case) else len(found.shrunk.items))
    return tuple(needed), max(sizes)


# --- pages ----------------------------------------------------------------------------------------


def kills(given: argparse.Namespace) -> Iterator[str]:
    """Yield the kill table of all wrong quantizers."""
    names = [n for n, w in BY_HAND.items() if set(w.frameworks) & set(given.framework)]
    by_rule = [m.name for f in given.framework for m in mechanical(f)]
    with ProcessPoolExecutor(given.processes) as pool:
        found = [*pool.map(rows, [*names, *by_rule], [given.seeds] * len([*names, *by_rule]))]
    killable = [r for r in found if not r.excuse or r.gate]
    killed = [r for r in killable if r.gate]
    searched = [r for r in found if r.needed]
    yield "## Wrong quantizers"
    yield ""
    yield (
        f"The gate kills {len(killed)} of {len(killable)} wrong quantizers, each with a finding"
        " that names the condition it gets wrong."
        f" {len(found) - len(killable)} more do nothing that the document forbids."
        f" {len(names)} of all are written by hand, {len(by_rule)} are generated by rule."
    )
    yield ""
    if searched:
        medians = [float(r.median) for r in searched]
        most = max(int(r.percentile) for r in searched)
        yield (
            f"Explore, {given.seeds} seeds each: the median of examples needed is at most"
            f" {max(medians):g}, and the 95th percentile is at most {most}. Each network is shrunk"
            " to the fewest layers that show the mistake."
        )
    release = SPEC.source.removesuffix(".toml")
    given.rows += [_listed(row, names, release) for row in found]
    for row in searched:
        if not row.is_well_explored:
            print(f"explored badly: {row}", file=sys.stderr)
            given.failed = True
    given.failed |= len(killed) < len(killable)


def kills_of_releases(given: argparse.Namespace) -> Iterator[str]:
    """Yield the kill table of the wrong quantizers of other releases; explore is not asked."""
    names = [n for n, w in WRONG_RELEASES.items() if set(w.frameworks) & set(given.framework)]
    by_rule = [m.name for _, m in of_releases() if m.framework in given.framework]
    with ProcessPoolExecutor(given.processes) as pool:
        found = [*pool.map(under_its_release, [*names, *by_rule])]
    killable = [r for _, r in found if not r.excuse or r.gate]
    killed = [r for r in killable if r.gate]
    yield "## Wrong quantizers of other releases"
    yield ""
    yield (
        f"The gates of the other releases kill {len(killed)} of {len(killable)} wrong quantizers."
        f" {len(names)} are written by hand. The others are generated by rule, for the conditions"
        " that the default release does not have."
        f" {len(found) - len(killable)} more do nothing that the document forbids."
    )
    given.rows += [_listed(row, names, release) for release, row in found]
    given.failed |= len(killed) < len(killable)


def _listed(row: Row, by_hand: Sequence[str], release: str) -> Sequence[str]:
    """Return a line of the table of all wrong quantizers."""
    made_by = "hand" if row.name in by_hand else "rule"
    gate = row.gate or (f"({row.excuse})" if row.excuse else "")
    name = row.name.removeprefix(f"{row.condition}:")
    size = str(row.size or "")
    return name, made_by, release, row.condition, gate, row.median, row.percentile, size


def false_findings(given: argparse.Namespace) -> Iterator[str]:
    """Yield the table of findings against correct quantizers."""
    yield "## False findings"
    yield ""
    yield "| framework | models | findings against the reference, a second opinion, a coin |"
    yield "|---|---|---|"
    parts = 2 * given.processes
    with ProcessPoolExecutor(given.processes) as pool:
        for framework in given.framework:
            each = [given.models // parts] * parts
            found = [
                a
                for part in pool.map(accusations.look, [framework] * parts, each, range(parts))
                for a in part
            ]
            yield f"| {framework} | {sum(each)} | {len(found)} |"
            for false in found[:10]:
                print(false, file=sys.stderr)
            given.failed |= bool(found)


def blind(given: argparse.Namespace) -> Iterator[str]:
    """Yield the table of what names and metadata reveal to a classifier."""
    yield "## Label blindness"
    yield ""
    yield "| framework | forbidden ranked above quantizable, by names and metadata (0.5 = chance) |"
    yield "|---|---|"
    for framework in given.framework:
        score = blindness.score(framework)
        yield f"| {framework} | {score:.2f} |"
        given.failed |= abs(score - 0.5) > blindness.CHANCE


def covered(given: argparse.Namespace) -> Iterator[str]:
    """Yield the table of conditions that are satisfied, and alone violated (MC/DC)."""
    yield "## Conditions exercised both ways"
    yield ""
    yield "| framework | conditions | both ways | checked only | implied | unobservable |"
    yield "|---|---|---|---|---|---|"
    for framework in given.framework:
        found = report(framework)["conditions"]
        seen = [c for c in found if "satisfied" in c]
        both = [c for c in seen if c["satisfied"] and c["violated_alone"]]
        done = [c for c in found if c not in seen]
        others = [sum(bool(c.get(k)) for c in done) for k in ("checked", "implied_by")]
        others.append(sum("unobservable" in c for c in found))
        yield f"| {framework} | {len(seen)} | {len(both)} | {' | '.join(map(str, others))} |"
        left = [c["id"] for c in found if "checked" in c and not c["checked"]]
        left += [c["id"] for c in seen if c not in both]
        for id_ in left:
            print(f"not exercised both ways: {id_}", file=sys.stderr)
        given.failed |= bool(left)


def report(framework: str) -> dict[str, Any]:
    """Return the report of a framework's whole gate, with every scheme and setting."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings("it", max_examples=0, scratch=Path(folder), frameworks=(framework,))
        runner = Runner(Reference(), SPEC, settings)
        collected = Collected(complete=True)
        for group in runner.gate.groups:
            collected.add(json.loads(runner.check(group).to_json()))
        return assemble(collected, (SPEC,), settings, "reference", {})


def valid(given: argparse.Namespace) -> Iterator[str]:
    """Yield the table of generated models that other parsers accept."""
    yield "## Validity"
    yield ""
    yield "| framework | models | valid | not supported | parser |"
    yield "|---|---|---|---|---|"
    for framework in given.framework:
        package, parser = _PARSERS[framework]
        if find_spec(package) is None:
            yield f"| {framework} |  |  |  | not measured: needs {package} |"
            continue
        count = min(given.models, 10_000)
        told, failed = validity.rate(framework, count, seed=0)
        beyond = sum(n for why, n in told.items() if why not in ("passed", "failed"))
        judged = count - beyond
        rate = f"{told['passed'] / judged:.0%}"
        yield f"| {framework} | {judged} | {rate} | {beyond} | {parser} |"
        for name, error in failed[:10]:
            print(f"not valid: {name}: {error[:300]}", file=sys.stderr)
        given.failed |= bool(failed)


_PARSERS = {
    "onnx": ("onnxruntime", "onnx.checker and a session of onnxruntime"),
    "tensorflow": ("tensorflow", "tf.import_graph_def"),
    "caffe": ("cv2", "OpenCV, readNetFromCaffe and forward"),
}


def same(given: argparse.Namespace) -> Iterator[str]:
    """Yield the number of reports that differ between runs of the same gate."""
    pythons = [sys.executable, *given.python]
    differ = determinism.differing(given.runs, pythons, "opencv")
    yield "## Determinism"
    yield ""
    yield (
        f"{given.runs} runs of a gate with other hash seeds, in other orders, in 1 to 4 processes,"
        f" with {len(pythons)} Python{'s' * (len(pythons) > 1)}: {differ} produced another report"
        " than the first."
    )
    given.failed |= differ > 0


def mutated(given: argparse.Namespace) -> Iterator[str]:
    """Yield how many changes to the code that decides on findings the tests detect."""
    import mutants  # imports Cosmic Ray

    found = mutants.sampled(given.sample)
    killed, excused, others = mutants.look(found, given.processes)
    yield "## Mutation testing"
    yield ""
    yield (
        f"The tests kill {killed} of {len(found)} mutants of `tables` and `verdicts`"
        f" ({killed / len(found):.0%}). {len(excused)} more survive for listed reasons"
        f" (`tests/tools/surviving_mutants.toml`), {len(others)} for none."
    )
    given.failed |= bool(others)


PARTS: Mapping[str, Callable[[argparse.Namespace], Iterator[str]]] = {
    "kills": kills,
    "releases": kills_of_releases,
    "machine": prove_machine.by_machine,
    "accusations": false_findings,
    "coverage": covered,
    "blindness": blind,
    "validity": valid,
    "determinism": same,
    "mutants": mutated,
    "speed": prove_machine.speed,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the sections; return 1 if a figure is not as required, else 0."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=[*PARTS, "all"])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--models", type=int, default=100_000)
    parser.add_argument("--framework", action="append", choices=FRAMEWORKS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--runs", type=int, default=100, help="runs of the same gate")
    parser.add_argument("--sample", type=int, default=0, help="number of mutants; default: all")
    parser.add_argument("--mistakes", type=int, default=0, help="mistakes by machine; default: all")
    parser.add_argument("--sought", type=int, default=0, help="of these by explore; default: all")
    parser.add_argument("--examples", type=int, default=2000, help="that explore draws for each")
    parser.add_argument(
        "--python", action="append", default=[], help="another Python that has pytest-amct"
    )
    parser.add_argument("--write", action="store_true", help="also write docs/proof.md")
    given = parser.parse_args(arguments)
    given.framework, given.failed, given.rows = given.framework or list(FRAMEWORKS), False, []
    made: dict[str, str] = {}
    for name, part in PARTS.items():
        if given.part in (name, "all"):
            lines = []
            for line in part(given):
                print(line, flush=True)
                lines.append(line)
            made[lines[0]] = "\n".join(lines[1:]).strip()
    if given.write:
        proof_page.write(made, given.rows)
    return int(given.failed)


if __name__ == "__main__":
    sys.exit(main())
