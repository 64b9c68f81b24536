"""Mutation testing of the code that decides on findings: `tables` and `verdicts`.

    python tests/tools/mutants.py                 every mutant; about an hour on two cores
    python tests/tools/mutants.py --sample 40     a fixed sample of them

Each mutant is the package with one operator, number or branch changed (by Cosmic Ray). The first
test that fails kills it. Each survivor must be listed in ``surviving_mutants.toml`` with the
reason. No file is written: a mutant exists only in the memory of one process.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from multiprocessing import get_context
from pathlib import Path
from random import Random
from types import ModuleType

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).parents[2]
MODULES = ("tables/answers", "tables/facts", "tables/fields", "tables/float16", "tables/kinds")
MODULES += ("tables/loader", "tables/model", "tables/plainly", "verdicts")
REASONS = Path(__file__).with_name("surviving_mutants.toml")

_SWAPS = "Eq_NotEq NotEq_Eq Is_IsNot IsNot_Is Lt_LtE LtE_Lt Gt_GtE GtE_Gt Lt_GtE LtE_Gt"
_SWAPS += " In_NotIn NotIn_In"
_OPERATORS = (
    "AddNot NumberReplacer ReplaceAndWithOr ReplaceOrWithAnd ReplaceTrueWithFalse"
    " ReplaceFalseWithTrue ReplaceUnaryOperator_Delete_Not ReplaceUnaryOperator_USub_UAdd"
    " ZeroIterationForLoop ReplaceContinueWithBreak ReplaceBreakWithContinue RemoveDecorator"
    " ReplaceBinaryOperator_Add_Sub ReplaceBinaryOperator_Sub_Add"
)
OPERATORS = {
    f"core/{name}"
    for name in [*_OPERATORS.split(), *(f"ReplaceComparisonOperator_{s}" for s in _SWAPS.split())]
}
"""One operator for each kind of change. The others change annotations or repeat these."""

TESTS = (
    "pinned pinned_values kinds table_corners releases verdicts tables matching onnx_reading"
    " caffe_reading reading_inputs diff api caffe_opinion tensorflow_tables tensorflow_weights"
    " tensorflow_functions tensorflow_reading tensorflow_opinion answers"
)
"""Tests of this code, the quick ones first; the long gates would find little more."""

LEFT_OUT = "worth_comparing"
"""Tests of the drawn graphs, not of the code."""

SECONDS = 400
"""Processor time of all tests. A mutant that takes longer counts as killed: it does not end."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one module."""

    module: str
    operator: str
    line: int
    was: str
    now: str
    source: str

    def __str__(self) -> str:
        where = f"pytest_amct/{self.module}.py:{self.line}: {self.operator.removeprefix('core/')}"
        return f"{where}\n  - {self.was}\n  + {self.now}"


def mutants(module: str) -> Iterator[Mutant]:
    """Yield all mutants of a module of the package."""
    source = (ROOT / "pytest_amct" / f"{module}.py").read_text(encoding="utf-8")
    for name in operator_names():
        if name not in OPERATORS:
            continue
        occurrence = 0
        while (mutated := mutate_code(source, get_operator(name)(), occurrence)) is not None:
            occurrence += 1
            pairs = zip(source.splitlines(), mutated.splitlines(), strict=False)
            line, was, now = next((i, a, b) for i, (a, b) in enumerate(pairs, 1) if a != b)
            yield Mutant(module, name, line, was.strip(), now.strip(), mutated)


class _Finder(MetaPathFinder, Loader):
    """An import hook that loads the mutant in place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant
        self.name = f"pytest_amct.{mutant.module.replace('/', '.')}"

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        return spec_from_loader(name, self) if name == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(ROOT / "pytest_amct" / f"{self.mutant.module}.py")
        exec(compile(self.mutant.source, module.__file__, "exec"), module.__dict__)


def survives(mutant: Mutant | None) -> bool:
    """Return whether all tests pass with the mutant (``None``: without), in a separate process."""
    child = os.fork()
    if not child:
        _run_tests(mutant)
    _, status = os.waitpid(child, 0)
    return status == 0


def _run_tests(mutant: Mutant | None) -> None:
    status = 70
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        os.chdir(ROOT)
        if mutant is not None:
            sys.meta_path.insert(0, _Finder(mutant))
        import pytest

        files = [ROOT / "tests" / f"test_{name}.py" for name in TESTS.split()]
        quiet = [
            "-x",
            "-q",
            "-m",
            "slow or not slow",
            "-k",
            f"not {LEFT_OUT}",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:randomly",
            "-p",
            "no:xdist",
        ]
        quiet.append("--assert=plain")  # rewriting would import the package past the finder
        status = pytest.main([*quiet, *map(str, files)])
    finally:
        os._exit(int(status))


def excuse(mutant: Mutant, reasons: Sequence[dict[str, str]]) -> str:
    """Return why a survivor is equivalent to the original, ``""`` if no reason is listed."""
    for entry in reasons:
        if (
            entry["module"] in ("*", mutant.module)
            and re.fullmatch(entry["was"], mutant.was)
            and re.fullmatch(entry.get("now", ".*"), mutant.now)
        ):
            return entry["reason"]
    return ""


def look(found: Sequence[Mutant], processes: int) -> tuple[int, list[Mutant], list[Mutant]]:
    """Return the number of killed mutants, the excused survivors, and the other survivors.

    Raises `RuntimeError` if the tests fail without any mutant.
    """
    import numpy  # noqa: F401  import once, not in every child
    import onnx.shape_inference  # noqa: F401

    if not survives(None):
        raise RuntimeError("the tests fail without a mutant: run them first")
    reasons = tomllib.loads(REASONS.read_text(encoding="utf-8"))["survivor"]
    excused, others = [], []
    with get_context("fork").Pool(processes) as pool:
        for number, (mutant, alive) in enumerate(pool.imap_unordered(_tried, found), 1):
            if alive:
                known = excuse(mutant, reasons)
                (excused if known else others).append(mutant)
                print(f"{mutant}\n  {known or 'SURVIVES'}", file=sys.stderr, flush=True)
            if not number % 50:
                print(f"{number} of {len(found)} mutants", file=sys.stderr, flush=True)
    return len(found) - len(excused) - len(others), excused, others


def _tried(mutant: Mutant) -> tuple[Mutant, bool]:
    return mutant, survives(mutant)


def sampled(count: int) -> list[Mutant]:
    """Return that many mutants of all modules, the same for the same code; 0 = all."""
    found = [mutant for module in MODULES for mutant in mutants(module)]
    return Random(0).sample(found, min(count, len(found))) if count else found


def main() -> int:
    """Run the mutants, and fail if one survives without a listed reason."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    found = sampled(given.sample)
    killed, excused, others = look(found, given.processes)
    print(f"{killed} of {len(found)} mutants killed; {len(excused)} survive for listed reasons")
    return int(bool(others))


if __name__ == "__main__":
    sys.exit(main())
