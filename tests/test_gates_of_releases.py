"""The gate of every release: correct quantizers pass it, and it shows each condition both ways."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pytest_amct.fixtures.misreadings import taking
from syrupy.assertion import SnapshotAssertion
from validity import EXCEPTIONS, PARSERS

from pytest_amct.cases import catalog
from pytest_amct.cases.catalog import parse_case
from pytest_amct.cases.plan import Case
from pytest_amct.errors import UsageError
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.gate import Gate
from pytest_amct.ids import ConditionId
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.quantizers.protocol import SETTINGS
from pytest_amct.reports.assembly import assemble
from pytest_amct.results import Collected
from pytest_amct.runner import Runner
from pytest_amct.tables.answers import float16_id, may_be_closed
from pytest_amct.tables.loader import load_spec, releases
from pytest_amct.tables.model import Condition, Spec, condition_id

DEFAULT = load_spec()
EVERYTHING = frozenset({"nonuniform", "weight_only", *SETTINGS})


def gate_of(spec: Spec) -> Gate:
    """Return the gate for a quantizer that declares everything."""
    return Gate.of(Reference(spec), spec, Settings("reference", max_examples=0))


@pytest.mark.parametrize("release", releases())
def test_every_condition_of_a_release_has_cases(release: str) -> None:
    """Cases of a new condition belong in ``cases/<framework>/rows.py``."""
    spec = load_spec(release)
    gate = gate_of(spec)
    asked = {
        condition_id(row, c)
        for row in spec.rows
        for c in row.asked
        if not c.implied_by and not c.unobservable
    }
    asked |= {float16_id(row) for row in spec.rows if may_be_closed(row, spec)}
    asked |= {row.id for row in spec.rows if row.table == "uniform"}
    assert asked <= set(gate.groups)
    assert all(gate.cases(group) for group in asked)


def test_a_condition_without_cases_is_noticed() -> None:
    row = DEFAULT.row("uniform/onnx/Conv")
    conditions = (*row.conditions, Condition("new", {"data_rank": [4]}))
    rows = tuple(replace(r, conditions=conditions) if r is row else r for r in DEFAULT.rows)
    assert "uniform/onnx/Conv/new" not in gate_of(replace(DEFAULT, rows=rows)).groups


def test_a_gate_has_nothing_that_its_release_does_not_speak_of() -> None:
    groups = {name: set(gate_of(load_spec(name)).groups) for name in releases()}
    # another condition of the same row
    assert "uniform/onnx/MatMul/second_input" in groups["cann-7.0.0"]
    assert "uniform/onnx/MatMul/second_input" not in groups["cann-9.2.0.beta1"]
    assert "uniform/onnx/MatMul/constant_rank" in groups["cann-9.2.0.beta1"]
    assert "uniform/onnx/MatMul/constant_rank" not in groups["cann-7.0.0"]
    # a row that is gone is a type without a row
    assert "uniform/onnx/unlisted/Add" in groups["cann-6.0.1"]
    assert "uniform/onnx/Add" not in groups["cann-6.0.1"]
    assert "settings/onnx/Add/skip_layers" not in groups["cann-6.0.1"]
    assert "nonuniform/onnx/unlisted/Conv" in groups["ge-2026-08"]
    assert "weight_only/caffe/unlisted/Pooling" in groups["ge-2026-08-ipv350"]
    # no Float16 rule, no table 3, and rows whose end was not seen
    assert not {g for g in groups["cann-6.3.RC1"] if g.startswith(("float16/", "weight_only/"))}
    assert "float16/onnx/MatMul" in groups["ge-2026-08"]
    assert "uniform/tensorflow/unlisted/Mul" in groups["cann-8.5.0"]
    assert "uniform/onnx/unlisted/Mul" not in groups["cann-8.5.0"]
    # an open condition forbids nothing
    assert "settings/onnx/AveragePool/asymmetric" not in groups["ge-2026-08"]
    # one framework alone
    assert {g.split("/")[1] for g in groups["amct-onnx-9.0.0"]} == {"onnx"}


def test_the_gate_of_a_guide_is_about_its_framework_alone() -> None:
    guide = load_spec("amct-onnx-9.0.0")
    assert gate_of(guide).frameworks == ("onnx",)
    settings = Settings("reference", frameworks=("caffe", "tensorflow"))
    with pytest.raises(UsageError, match=r"AMCT for ONNX 9.0.0 does not speak of"):
        Gate.of(Reference(guide), guide, settings)


def test_cases_that_releases_share_are_the_same_model() -> None:
    one, other = "uniform/onnx/MatMul/second_input", "uniform/onnx/MatMul/constant_rank"
    shared = set(catalog.deviations(one)) & set(catalog.deviations(other))
    assert len(shared) > 10
    for name in shared:
        assert catalog.make_case(one, name).build() == catalog.make_case(other, name).build()


def report_of(spec: Spec, scratch: Path) -> dict[str, Any]:
    """Return the report on the reference quantizer; every test of its gate passes."""
    settings = Settings("reference", max_examples=0, scratch=scratch)
    runner, collected = Runner(Reference(spec), spec, settings), Collected()
    checks = [(framework, runner.check_alive(framework)) for framework in runner.gate.frameworks]
    checks += [(group, runner.check(group)) for group in runner.gate.groups]
    for name, result in checks:
        assert result.failure is None, name
        assert result.findings == (), name
        collected.add(json.loads(result.to_json()))
    return assemble(collected, (spec,), settings, "reference", {})


def not_both_ways(report: dict[str, Any], spec: Spec) -> dict[str, str]:
    """Return the conditions that the gate cannot show both satisfied and violated, and why.

    Those on the treatment of a layer are violated by quantizers and not by models.
    """
    found = {row.id: "not seen" for row in spec.rows if row.seen == "no"}
    for condition in report["conditions"]:
        if "implied_by" in condition:
            found[condition["id"]] = f"implied by {condition['implied_by']}"
        elif "unobservable" in condition:
            found[condition["id"]] = condition["unobservable"]
        elif not all(
            condition.get(key, True) for key in ("checked", "satisfied", "violated_alone")
        ):
            unseen = str(ConditionId.parse(condition["id"]).restricts) in found
            found[condition["id"]] = "its row was not seen" if unseen else "NEVER"
    return found


@pytest.mark.slow
@pytest.mark.parametrize("release", releases())
def test_the_reference_passes_and_every_condition_is_shown_both_ways(
    release: str, tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    spec = load_spec(release)
    report = report_of(spec, tmp_path)
    assert report["findings"] == []
    assert {row["id"] for row in report["rows"]} == {row.id for row in spec.rows}
    left = not_both_ways(report, spec)
    assert "NEVER" not in left.values(), left
    assert left == snapshot


# --- the models that no other test runs -----------------------------------------------------------


def new_cases(framework: str) -> Iterator[Case]:
    """Return the cases of groups that the default release does not have."""
    seen = set(catalog.groups(EVERYTHING, (framework,)))
    for release in releases():
        for group in catalog.groups(EVERYTHING, (framework,), load_spec(release)):
            if group not in seen:
                seen.add(group)
                yield from catalog.gate_cases(group, EVERYTHING)


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_models_of_other_releases_are_legal_and_built_from_their_ids(framework: str) -> None:
    if find_spec({"onnx": "onnxruntime", "tensorflow": "tensorflow", "caffe": "cv2"}[framework]):
        run = PARSERS[framework]
    else:
        pytest.skip(f"no parser of {framework} is installed")
    known, failed = EXCEPTIONS[framework], {}
    tried: set[bytes] = set()
    for case in new_cases(framework):
        built = case.build()
        assert parse_case(case.id).build() == built, case.id
        if built.data in tried:
            continue
        tried.add(built.data)
        try:
            run(built)
        except Exception as error:
            text = f"{case.id}: {error}".replace("\n", " ")
            if not any(re.search(pattern, text) for pattern in known):
                failed[case.id] = text
    assert failed == {}
    assert len(tried) > 20


# --- what a release does not decide ---------------------------------------------------------------


def findings_of(type_: str, release: str, cases: list[Case], scratch: Path) -> set[str]:
    """Return the conditions that accuse a quantizer which quantizes every layer of a type."""
    quantizer = FunctionQuantizer("all", taking(lambda: type_, release), None)
    settings = Settings("it", max_examples=0, scratch=scratch)
    runner = Runner(quantizer, load_spec(release), settings)
    return {finding.condition for case in cases for finding in runner.record(case).findings}


def cases_of(*groups: str) -> list[Case]:
    return [case for group in groups for case in catalog.gate_cases(group)]


C = "uniform/onnx/Conv"


@pytest.mark.parametrize(
    ("type_", "groups", "silent", "other"),
    [
        # not seen
        ("Conv", (f"{C}/weight_source", f"{C}/dilation_d"), "cann-9.0.0", "cann-7.0.0"),
        ("ConvTranspose", ("uniform/onnx/ConvTranspose/dilation",), "cann-9.0.0", "cann-7.0.0"),
        ("Mul", ("uniform/onnx/unlisted/Mul",), "cann-8.5.0", "ge-2026-08"),
        # the cell is silent
        ("Conv", (f"{C}/dilation_d",), "cann-6.0.1", "cann-6.3.RC1"),
        ("Conv", (f"{C}/weight_source",), "cann-6.3.RC1", "cann-6.3.RC2"),
        ("AveragePool", ("float16/onnx/AveragePool",), "cann-6.3.RC1", "cann-6.3.RC2"),
    ],
)
def test_what_a_release_leaves_open_is_no_finding(
    type_: str, groups: tuple[str, ...], silent: str, other: str, tmp_path: Path
) -> None:
    cases = cases_of(*groups)
    assert findings_of(type_, silent, cases, tmp_path) == set()
    assert findings_of(type_, other, cases, tmp_path) == set(groups)


def test_the_float16_rule_still_closes_a_row_that_was_not_seen(tmp_path: Path) -> None:
    for release in ("cann-8.0.RC1", "cann-9.0.0"):
        found = findings_of("MaxPool", release, cases_of("float16/onnx/MaxPool"), tmp_path)
        assert found == {"float16/onnx/MaxPool"}
