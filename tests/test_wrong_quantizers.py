"""Each wrong quantizer is caught by the condition that it breaks; correct ones never are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_amct.fixtures.mechanical import mechanical
from pytest_amct.fixtures.misreadings import WrongQuantizer
from pytest_amct.fixtures.wrong_caffe import WRONG_CAFFE
from pytest_amct.fixtures.wrong_quantizers import WRONG
from pytest_amct.fixtures.wrong_releases import WRONG_RELEASES
from pytest_amct.fixtures.wrong_tensorflow import WRONG_TENSORFLOW

from pytest_amct.explore import Explorer
from pytest_amct.options import Settings
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.results import Result
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec, releases
from pytest_amct.tables.model import condition_id
from pytest_amct.verdicts import not_quantized

SPEC = load_spec()
ALL = {**WRONG, **WRONG_TENSORFLOW, **WRONG_CAFFE, **WRONG_RELEASES}


def quantizer_of(wrong: WrongQuantizer) -> FunctionQuantizer:
    return FunctionQuantizer(wrong.name, wrong.quantize, wrong)


def runner_of(wrong: WrongQuantizer, scratch: Path, **settings: Any) -> Runner:
    made = Settings("it", max_examples=0, scratch=scratch, **settings)
    return Runner(quantizer_of(wrong), load_spec(wrong.release), made)


def check(wrong: WrongQuantizer, scratch: Path) -> Result:
    runner = runner_of(wrong, scratch)
    if wrong.kind == "quantizes-nothing":
        return runner.check_alive(*wrong.frameworks)
    return runner.check(wrong.caught_by)


def of_kind(kind: str, warned: bool) -> list[WrongQuantizer]:
    return [w for w in ALL.values() if w.kind == kind and w.warned is warned]


@pytest.mark.slow
@pytest.mark.parametrize("wrong", of_kind("over-quantized", False), ids=lambda w: w.name)
def test_a_broken_condition_fails_its_own_test(wrong: WrongQuantizer, tmp_path: Path) -> None:
    result = check(wrong, tmp_path)
    assert result.failure is not None
    assert {f.condition for f in result.findings if f.status == "failed"} == {wrong.caught_by}
    first = result.failure.splitlines()[0]
    assert first.startswith("over-quantized: ")
    assert wrong.caught_by in first


@pytest.mark.parametrize("wrong", of_kind("over-quantized", True), ids=lambda w: w.name)
def test_what_the_document_only_implies_warns(wrong: WrongQuantizer, tmp_path: Path) -> None:
    result = check(wrong, tmp_path)
    assert result.failure is None
    assert {(f.condition, f.status) for f in result.findings} == {(wrong.caught_by, "warned")}


@pytest.mark.parametrize("kind", ["errored", "invalid-output"])
def test_failures_of_a_quantizer_are_reported_by_their_kind(kind: str, tmp_path: Path) -> None:
    for wrong in of_kind(kind, False):
        result = check(wrong, tmp_path)
        assert result.failure is not None, wrong.name
        assert {f.kind for f in result.findings if f.status == "failed"} == {kind}, wrong.name


@pytest.mark.parametrize("wrong", of_kind("corrupted", False), ids=lambda w: w.name)
def test_models_with_other_weights_are_corrupted(wrong: WrongQuantizer, tmp_path: Path) -> None:
    result = check(wrong, tmp_path)
    assert result.failure is not None
    assert result.failure.startswith("corrupted: ")
    failed = [f for f in result.findings if f.status == "failed"]
    assert {(f.kind, f.condition) for f in failed} == {("corrupted", wrong.caught_by)}


@pytest.mark.parametrize("wrong", of_kind("unstable", False), ids=lambda w: w.name)
def test_a_decision_that_depends_on_irrelevant_details_is_unstable(
    wrong: WrongQuantizer, tmp_path: Path
) -> None:
    settings = Settings("it", profile="explore", max_examples=200, scratch=tmp_path)
    explorer = Explorer(Runner(quantizer_of(wrong), SPEC, settings))
    found = explorer.search_metamorphic(wrong.caught_by.rpartition("/")[2])
    assert {f.kind for f in found.findings if f.status == "failed"} == {"unstable"}
    if wrong.name not in ("decides-by-chance", "forgets-what-it-has-seen"):  # nothing to shrink by
        assert found.shrunk is not None
        assert len(found.shrunk.network.items) <= wrong.size


@pytest.mark.slow
@pytest.mark.parametrize("wrong", of_kind("not-quantized", True), ids=lambda w: w.name)
def test_layers_left_in_float_are_reported_and_fail_in_required_rows(
    wrong: WrongQuantizer, tmp_path: Path
) -> None:
    runner = runner_of(wrong, tmp_path)
    row = wrong.caught_by.split("/")[1:]
    groups = [g for g in runner.gate.groups if g.split("/")[1:3] == row]
    records = [r for group in groups for r in runner.check(group).records]
    assert not [f for r in records for f in r.findings]
    (finding,) = [
        f for f in not_quantized(records, runner.policy) if f.condition == wrong.caught_by
    ]
    assert finding.status == "warned"
    is_required = runner_of(wrong, tmp_path, required_rows=(wrong.caught_by,))
    failures = [is_required.check(group).failure for group in groups]
    assert any(failure and failure.startswith("not-quantized: ") for failure in failures)


def test_a_quantizer_that_quantizes_nothing_fails(tmp_path: Path) -> None:
    nothing = of_kind("quantizes-nothing", False)
    assert {w.frameworks for w in nothing} == {("onnx",), ("tensorflow",), ("caffe",)}
    for wrong in nothing:
        failure = check(wrong, tmp_path).failure
        assert failure is not None
        assert "quantized none of" in failure


@pytest.mark.parametrize("release", releases())
def test_every_condition_catches_some_wrong_quantizer(release: str) -> None:
    spec = load_spec(release)
    conditions = {condition_id(row, c) for row in spec.rows for c in row.asked if not c.implied_by}
    by_rule = {m.condition for f in spec.frameworks for m in mechanical(f, spec)}
    assert conditions <= {w.caught_by for w in ALL.values()} | by_rule
