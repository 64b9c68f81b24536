"""The report and what a user reads: pinned by snapshots and by the schema that ships."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pytest_amct.fixtures.wrong_quantizers import WRONG

from pytest_amct.journal import Remains
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.reports.assembly import Collected, assemble
from pytest_amct.reports.json_report import schema, write_report
from pytest_amct.reports.terminal import summary_lines
from pytest_amct.runner import Result, Runner
from pytest_amct.tables.loader import load_spec

SPEC = load_spec()
SNAPSHOTS = Path(__file__).parent / "snapshots"


def run(
    name: str, folder: Path, groups: list[str], **settings: Any
) -> tuple[Settings, list[Result]]:
    wrong = WRONG[name]
    given = Settings(name, max_examples=0, report=folder, **settings)
    runner = Runner(FunctionQuantizer(wrong.name, wrong.quantize), SPEC, given)
    return given, [runner.check(group) for group in groups]


def report_of(settings: Settings, results: list[Result]) -> dict[str, Any]:
    collected = Collected(complete=True)
    for result in results:
        collected.add(json.loads(result.to_json()))
    return assemble(collected, SPEC, settings, settings.quantizer, {"select": []})


def compare(text: str, name: str) -> None:
    path = SNAPSHOTS / name
    assert text.rstrip() == path.read_text(encoding="utf-8").rstrip(), f"see {path}"


def test_a_failure_tells_all_in_order(tmp_path: Path) -> None:
    _, (result,) = run("depth-dilation-ignored", tmp_path, ["uniform/onnx/Conv/dilation_d"])
    assert result.failure is not None
    compare(result.failure.replace(str(tmp_path), "DIR"), "failure.txt")


def test_the_summary_is_the_table(tmp_path: Path) -> None:
    groups = ["uniform/onnx/Gemm", "uniform/onnx/Gemm/trans_a", "uniform/onnx/unlisted/Mul"]
    settings, results = run("trans-a-ignored", tmp_path, groups)
    lines = [line for line, _ in summary_lines(report_of(settings, results))]
    compare("\n".join(lines), "summary.txt")


@pytest.mark.parametrize("name", ["depth-dilation-ignored", "constant-node-taken-for-dynamic"])
def test_the_report_follows_its_schema(name: str, tmp_path: Path) -> None:
    groups = [
        "uniform/onnx/Conv",
        "uniform/onnx/Conv/dilation_d",
        "uniform/onnx/Conv/weight_source",
    ]
    settings, results = run(name, tmp_path, groups)
    report = report_of(settings, results)
    jsonschema.validate(report, schema())
    assert report["findings"]
    path = write_report(report, tmp_path)
    assert json.loads(path.read_text()) == report


def test_a_report_that_lacks_something_is_no_report(tmp_path: Path) -> None:
    report = report_of(*run("trans-a-ignored", tmp_path, ["uniform/onnx/Gemm/trans_a"]))
    del report["complete"]
    with pytest.raises(jsonschema.ValidationError, match="complete"):
        jsonschema.validate(report, schema())


def test_the_order_of_tests_and_repeated_cases_do_not_show(tmp_path: Path) -> None:
    groups = ["uniform/onnx/Add/weights", "uniform/onnx/Add", "float16/onnx/Add"]
    settings, results = run("weights-on-add", tmp_path, groups)
    assert report_of(settings, results) == report_of(settings, results[::-1] + results)


def test_conditions_count_both_ways(tmp_path: Path) -> None:
    settings, results = run("trans-a-ignored", tmp_path, ["uniform/onnx/Gemm/trans_a"])
    conditions = {c["id"]: c for c in report_of(settings, results)["conditions"]}
    gemm = conditions["uniform/onnx/Gemm/trans_a"]
    broken = {
        r.case for r in results[0].records if r.states["uniform/onnx/Gemm/trans_a"] == "broken"
    }
    assert gemm["broken_alone"] == len(broken) > 0
    assert gemm["satisfied"] == len(results[0].records) - len(broken) > 0
    assert conditions["uniform/onnx/MatMul/weight_source"] == {
        "id": "uniform/onnx/MatMul/weight_source",
        "basis": "stated",
        "implied_by": "uniform/onnx/MatMul/second_input",
    }
    assert conditions["uniform/onnx/AveragePool/shift"]["checked"] == 0


def test_failing_models_are_saved_with_a_note(tmp_path: Path) -> None:
    _, (result,) = run("trans-a-ignored", tmp_path, ["uniform/onnx/Gemm/trans_a"])
    for finding in result.findings:
        assert finding.model is not None
        note = json.loads((tmp_path / finding.model).with_suffix(".json").read_text())
        assert note["case"] == finding.case


def test_a_waiver_takes_a_finding_out_and_an_idle_one_is_told(tmp_path: Path) -> None:
    waivers = {"uniform/onnx/Gemm/trans_a": "issue 7", "uniform/onnx/Conv/*": "never seen"}
    settings, results = run(
        "trans-a-ignored", tmp_path, ["uniform/onnx/Gemm/trans_a"], waivers=waivers
    )
    report = report_of(settings, results)
    assert results[0].failure is None
    assert {f["status"] for f in report["findings"]} == {"waived"}
    assert [w["used"] for w in report["waivers"]] == [False, True]
    assert any("'uniform/onnx/Conv/*' covers nothing" in line for line, _ in summary_lines(report))


def test_every_condition_of_every_table_is_seen_both_ways(tmp_path: Path) -> None:
    settings = Settings("reference", max_examples=0, scratch=tmp_path)
    runner = Runner(Reference(), SPEC, settings)
    report = report_of(settings, [runner.check(group) for group in runner.gate.groups])
    assert {row["id"] for row in report["rows"]} == {row.id for row in SPEC.rows}
    listed = ("implied_by", "unobservable", "checked")
    unseen = [
        c["id"]
        for c in report["conditions"]
        if not any(c.get(key) for key in listed) and not (c["satisfied"] and c["broken_alone"])
    ]
    jsonschema.validate(report, schema())
    assert unseen == []
    assert len(report["conditions"]) > 190
    assert report["findings"] == []


def test_a_lost_case_can_be_waived(tmp_path: Path) -> None:
    case = "uniform/onnx/Gemm/trans_a@1"
    collected = Collected()
    collected.add_remains(Remains(case, ()), "it")
    waivers = {"uniform/onnx/Gemm/*": "crashes, see #12"}
    for settings, status in (
        (Settings("it"), "failed"),
        (Settings("it", waivers=waivers), "waived"),
    ):
        (finding,) = assemble(collected, SPEC, settings, "it", {})["findings"]
        assert (finding["kind"], finding["case"], finding["status"]) == ("lost", case, status)
