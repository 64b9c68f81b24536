"""Which wrong quantizers the gate kills, by which condition, and which ones no suite could kill.

A quantizer that is wrong by rule may do nothing that the tables forbid: `excuse` returns why.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pytest_amct.fixtures.mechanical import Mutant, mechanical

from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.ids import ConditionId
from pytest_amct.options import Settings
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.quantizers.protocol import Quantizer
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec, releases
from pytest_amct.tables.model import Condition, Row, Spec, condition_id
from pytest_amct.verdicts import Finding, Record, not_quantized

SPEC = load_spec()


@dataclass(frozen=True, slots=True)
class Killed:
    """The result of the gate for a wrong quantizer."""

    #: number of cases with an over-quantized layer of the wrong condition, and whether one failed
    cases: int
    failed: bool
    #: whether expected layers of its row were not quantized
    not_quantized: bool
    #: findings of the gate that name any other condition
    others: frozenset[str]

    @property
    def by(self) -> str:
        """The finding that kills it, ``""`` if it survives."""
        if self.cases:
            return "over-quantized" if self.failed else "over-quantized (warned)"
        return "not-quantized" if self.not_quantized else ""


def of_releases() -> list[tuple[str, Mutant]]:
    """Return those wrong by rule about conditions that the default release lacks, once each."""
    known = {mutant.condition for framework in FRAMEWORKS for mutant in mechanical(framework)}
    found: dict[str, tuple[str, Mutant]] = {}
    for release in releases():
        spec = load_spec(release)
        for mutant in (m for f in spec.frameworks for m in mechanical(f, spec)):
            if mutant.condition not in known:
                found.setdefault(mutant.name, (release, mutant))
    return list(found.values())


def runner_of(
    quantizer: Quantizer, framework: str, scratch: Path, spec: Spec | None = None
) -> Runner:
    """Return a runner of a framework's gate without random examples."""
    settings = Settings("it", max_examples=0, scratch=scratch, frameworks=(framework,))
    return Runner(quantizer, spec or SPEC, settings)


def kill(mutant: Mutant, scratch: Path, spec: Spec | None = None) -> Killed:
    """Run the cases of the gate that concern a mutant's condition and row."""
    made = mutant.make()
    quantizer = FunctionQuantizer(mutant.name, made.quantize, made)
    runner = runner_of(quantizer, mutant.condition.split("/")[1], scratch, spec)
    mine = [group for group in runner.gate.groups if _concerns(group, mutant)]
    records = [record for group in mine for record in runner.check(group).records]
    return summed(mutant.condition, mutant.row, records, runner)


def summed(condition: str, row: str, records: list[Record], runner: Runner) -> Killed:
    """Return what the records show about one condition, and about the others."""
    found: dict[tuple[str, str], Finding] = {}
    for record in records:
        found |= {(f.condition, f.case): f for f in record.findings}
    own = [f for f in found.values() if f.condition == condition]
    return Killed(
        cases=len(own),
        failed=any(f.status == "failed" for f in own),
        not_quantized=any(f.condition == row for f in not_quantized(records, runner.policy)),
        others=frozenset(f.condition for f in found.values()) - {condition},
    )


def _concerns(group: str, mutant: Mutant) -> bool:
    name = mutant.row.rpartition("/")[2]
    if ConditionId.parse(group).is_network:
        return False
    same = group == mutant.condition or (mutant.row and group.split("/")[2] == name)
    return bool(same)


def excuse(mutant: Mutant, spec: Spec | None = None) -> str:
    """Return why this mistake cannot be detected, ``""`` if it can."""
    if mutant.way == "unknown-as-true":
        return "not decided by the document"
    found = _condition(mutant, spec or SPEC)
    if found is None:
        return ""
    row, condition = found
    if condition.implied_by:
        return f"implied by {condition.implied_by}"
    if condition.unobservable and not condition.on_treatment:
        return condition.unobservable
    if mutant.way == "guard-ignored" and "weight_node" in condition.require:
        return "what the guard excludes is not quantizable by this form of the row"
    wanted = condition.require
    violates = "equals" in wanted and wanted.get("default") != wanted["equals"]
    if mutant.way == "default-lost" and violates:
        return "without the attribute the layer is not quantizable anyway"
    refuses = mutant.way in ("default-lost", "guard-ignored")
    if refuses and row.id.startswith("nonuniform/"):
        return "table 2 expects no layer"
    return ""


def _condition(mutant: Mutant, spec: Spec) -> tuple[Row, Condition] | None:
    for row in spec.rows:
        for condition in row.asked:
            if row.id == mutant.row and condition_id(row, condition) == mutant.condition:
                return row, condition
    return None
