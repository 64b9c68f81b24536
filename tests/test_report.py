"""The report, its schema, and what the summary makes of it (its words: test_output.py)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from own_tables import one_row
from pytest_amct.fixtures.wrong_quantizers import WRONG

from pytest_amct import Decision, Refused, Unsupported
from pytest_amct.options import Settings
from pytest_amct.processes.journal import Remains
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.reports.assembly import assemble
from pytest_amct.reports.json_report import schema, write_report
from pytest_amct.reports.pages import page, with_pages
from pytest_amct.reports.terminal import summary_lines
from pytest_amct.results import Collected, Result
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec, published
from pytest_amct.verdicts import NEIGHBOURS, Finding, not_quantized
from pytest_amct.waivers import Waiver

SPEC = load_spec()


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
    return assemble(collected, (SPEC,), settings, settings.quantizer, {"select": []})


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


def test_a_report_that_lacks_a_field_is_invalid(tmp_path: Path) -> None:
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
    trans_a = "uniform/onnx/Gemm/trans_a"
    broken = [r for r in results[0].records if r.states[trans_a] == "broken"]
    alone = [r for r in broken if [*r.states.values()].count("broken") == 1]
    assert gemm["violated_alone"] == len(alone) > 0
    assert gemm["satisfied"] == len(results[0].records) - len(broken) > 0
    assert conditions["uniform/onnx/MatMul/weight_source"] == {
        "id": "uniform/onnx/MatMul/weight_source",
        "basis": "stated",
        "implied_by": "uniform/onnx/MatMul/second_input",
    }
    assert conditions["uniform/onnx/AveragePool/shift"]["checked"] == 0
    known = [r for r in results[0].records if r.is_known]
    judged = [r for r in known if r not in broken or r in alone]
    assert sum(gemm["judged"].values()) == len(judged) > 0


GEMM = ["uniform/onnx/Gemm", "uniform/onnx/Gemm/trans_a", "settings/onnx/Gemm/channel_wise"]


def refuses_everything(model: Any, request: Any) -> Any:
    raise Refused("no")


def supports_nothing(model: Any, request: Any) -> Any:
    raise Unsupported("no")


def loses_everything(model: Any, request: Any) -> Any:
    return {n.name or n.output[0]: "unmatched" for n in model.graph.node}


def names_nothing(model: Any, request: Any) -> Any:
    return []


def leaves_all_in_float(model: Any, request: Any) -> Any:
    return {n.name or n.output[0]: False for n in model.graph.node}


def judge_by(quantize: Any, groups: list[str], folder: Path, **settings: Any) -> dict[str, Any]:
    """The report on a quantizer function."""
    given = Settings("own", max_examples=0, scratch=folder, **settings)
    runner = Runner(FunctionQuantizer("own", quantize), SPEC, given)
    return report_of(given, [runner.check(group) for group in groups])


def line_of(report: dict[str, Any], row: str) -> str:
    """The line of a row in the summary."""
    return next(x for x, _ in summary_lines(report) if x.startswith(f"  {row} "))


@pytest.mark.parametrize("quantize", [supports_nothing, loses_everything, names_nothing])
def test_nothing_has_a_tick_where_nothing_is_known(quantize: Any, tmp_path: Path) -> None:
    report = judge_by(quantize, [*GEMM, "uniform/onnx/unlisted/Mul"], tmp_path)
    jsonschema.validate(report, schema())
    lines = [line for line, _ in summary_lines(report)]
    assert "✓" not in "".join(line for line in lines if "✗ violations (" not in line)
    assert " 0 of 22 conditions judged" in lines[0]
    shown = next(c for c in report["conditions"] if c["id"] == GEMM[1])
    assert shown["satisfied"] and shown["violated_alone"]
    assert shown["judged"] == {"satisfied": 0, "violated_alone": 0}
    assert re.search(r"not judged \((\d+) layers: \1 ", line_of(report, "uniform/onnx/Gemm"))


@pytest.mark.parametrize("quantize", [refuses_everything, leaves_all_in_float])
def test_float_is_a_decision(quantize: Any, tmp_path: Path) -> None:
    report = judge_by(quantize, [*GEMM, "uniform/onnx/unlisted/Mul"], tmp_path)
    line = line_of(report, "uniform/onnx/Gemm")
    assert "✓ trans_a" in line
    assert "- channel_wise" in line  # nothing showed the settings of a weight
    assert "✓ 1 type" in line_of(report, "types without a row")


def test_what_a_row_s_layers_became_adds_up(tmp_path: Path) -> None:
    def mixed(model: Any, request: Any) -> Any:
        name = next(n.name for n in model.graph.node if n.op_type == "Gemm")
        size = len(request.model_bytes) % 7
        if size == 0:
            raise Refused("no")
        if size == 1:
            raise Unsupported("no")
        if size == 2:
            return None
        by_size = [False, True, "unmatched", Decision(evidence="inferred")]
        return {name: by_size[size - 3]}

    report = judge_by(mixed, GEMM[:2], tmp_path)
    row = next(r for r in report["rows"] if r["id"] == GEMM[0])
    parts = ("quantized", "float", "untold", "unknown", "unmatched", "refused")
    parts += ("unsupported", "errored")
    assert row["eligible"] == sum(row[key] for key in parts) > 0
    assert sum(row[key] > 0 for key in parts) >= 4


def test_a_setting_that_no_test_asserts_was_not_checked(tmp_path: Path) -> None:
    """For a Gemm per channel, only the test of that setting fails; the others say nothing."""

    def per_channel(model: Any, request: Any) -> Any:
        done = Decision((0,), True, weight_channel_wise=True, weight_asymmetric=False)
        gemms = [n.name for n in model.graph.node if n.op_type == "Gemm"]
        return dict.fromkeys(gemms, done)

    for groups in (GEMM[:1], GEMM[1:2], GEMM[:2], ["settings/onnx/Gemm/asymmetric"]):
        report = judge_by(per_channel, groups, tmp_path)
        line = line_of(report, "uniform/onnx/Gemm")
        assert "- channel_wise" in line, groups
        assert ("✓ asymmetric" in line) == ("asymmetric" in groups[0])
    report = judge_by(per_channel, [GEMM[0], GEMM[2]], tmp_path)
    assert "✗ channel_wise (" in line_of(report, "uniform/onnx/Gemm")
    assert judge_by(per_channel, GEMM, tmp_path) == judge_by(per_channel, GEMM[::-1], tmp_path)


def test_treatments_are_asserted_where_a_request_names_the_layer(tmp_path: Path) -> None:
    """A quantizer that quantizes sums only if asked, and then with weights as well."""

    class Asked:
        frameworks, settings = ("caffe",), ("tensor_quantize",)

        def quantize(self, model: Any, request: Any) -> dict[str, Decision]:
            return dict.fromkeys(request.tensor_quantize, Decision((0, 1), True))

    given = Settings("own", max_examples=0, scratch=tmp_path, frameworks=("caffe",))
    asked = Asked()
    runner = Runner(FunctionQuantizer("own", asked.quantize, asked), SPEC, given)
    result = runner.check("settings/caffe/Eltwise/tensor_quantize")
    assert "uniform/caffe/Eltwise/weights" in {f.condition for f in result.findings}
    assert result.failure is not None


def test_waived_findings_have_a_mark_of_their_own(tmp_path: Path) -> None:
    def always(model: Any, request: Any) -> Any:
        return {n.name: True for n in model.graph.node if n.op_type in ("Gemm", "Mul")}

    groups = ["uniform/onnx/Gemm/trans_a", "uniform/onnx/unlisted/Mul"]
    waivers = tuple(Waiver(id_, "known") for id_ in (f"{groups[0]}@1", *groups))
    report = judge_by(always, groups, tmp_path, waivers=waivers)
    count = sum(f["condition"] == groups[0] for f in report["findings"])
    assert f"w trans_a ({count})" in line_of(report, "uniform/onnx/Gemm")
    assert "w Mul (4)" in line_of(report, "types without a row")
    report = judge_by(always, groups, tmp_path, waivers=waivers[:1])
    assert f"✗ trans_a ({count - 1}, 1 waived)" in line_of(report, "uniform/onnx/Gemm")


def test_the_numbers_of_the_table_are_those_of_the_headline(tmp_path: Path) -> None:
    names = ["uniform/onnx/Gemm/trans_a", "uniform/onnx/Conv", "uniform/onnx/unlisted/Mul"]
    settings, results = run("trans-a-ignored", tmp_path, names)
    pair = Finding("unstable", "metamorphic/onnx/opset", "a pair", "", "failed", "it moved")
    results.append(Result((), (pair,)))
    headline, *table = (line for line, _ in summary_lines(report_of(settings, results)))
    shown = [int(n) for line in table for n in re.findall(r"✗ \S+ \((\d+)", line)]
    assert headline.startswith(f"{sum(shown)} violations, ")
    assert any("metamorphic/onnx/opset" in line and "✗ unstable (1)" in line for line in table)
    ticked = sum(len(re.findall(r"[✗!✓w] [a-z_\d]+", line)) for line in table[:-2])
    assert ticked > 0


def test_layers_that_cannot_be_told_are_reported_in_one_line(tmp_path: Path) -> None:
    """A pair that neighbours explain is neither a finding nor a quantized layer."""

    def explained(model: Any, request: Any) -> Any:
        return {n.name or n.output[0]: Decision(evidence="inferred") for n in model.graph.node}

    groups = [*GEMM, "uniform/onnx/unlisted/Mul"]
    for strict in (False, True):
        report = judge_by(explained, groups, tmp_path, strict=strict)
        assert report["findings"] == []
        (reason,) = report["untold"]["reasons"]
        assert reason == {"reason": NEIGHBOURS, "layers": report["untold"]["layers"]}
        row = next(r for r in report["rows"] if r["id"] == GEMM[0])
        assert (row["quantized"], row["not_quantized"], row["untold"]) == (0, 0, row["eligible"])
        told = [
            x
            for x, _ in summary_lines(report)
            if "cannot be told: quantized neighbours explain the same result" in x
        ]
        assert len(told) == 1
        assert "0 of 1 types quantized" in line_of(report, "types without a row")
        jsonschema.validate(report, schema())


def test_failing_models_are_saved_with_a_note(tmp_path: Path) -> None:
    _, (result,) = run("trans-a-ignored", tmp_path, ["uniform/onnx/Gemm/trans_a"])
    for finding in result.findings:
        assert finding.model is not None
        note = json.loads((tmp_path / finding.model).with_suffix(".json").read_text())
        assert note["case"] == finding.case


def test_a_waiver_accepts_a_finding(tmp_path: Path) -> None:
    mine, other = "uniform/onnx/Gemm/trans_a", "uniform/onnx/Conv/dilation_d"
    waivers = (Waiver(mine, "issue 7", "anna"), Waiver(other, "never seen"))
    settings, results = run(
        "trans-a-ignored", tmp_path, ["uniform/onnx/Gemm/trans_a"], waivers=waivers
    )
    report = report_of(settings, results)
    assert results[0].failure is None
    assert {f["status"] for f in report["findings"]} == {"waived"}
    assert {f["reason"] for f in report["findings"]} == {"issue 7"}
    # Nothing was judged about the other one.
    seen = [(w["id"], w["covers"] > 0, w["stale"]) for w in report["waivers"]]
    assert seen == [(other, False, False), (mine, True, False)]
    count = len(report["findings"])
    lines = [line for line, _ in summary_lines(report)]
    assert f"  w {mine}: {count} findings accepted: issue 7 (anna)" in lines


@pytest.mark.slow
def test_the_reference_has_no_findings_and_exercises_every_condition_both_ways(
    tmp_path: Path,
) -> None:
    settings = Settings("reference", max_examples=0, scratch=tmp_path)
    runner = Runner(Reference(), SPEC, settings)
    results = {group: runner.check(group) for group in runner.gate.groups}
    for group, result in results.items():
        assert (result.failure, result.findings) == (None, ()), group
        assert not_quantized(result.records, runner.policy) == [], group
    report = report_of(settings, [*results.values()])
    assert {row["id"] for row in report["rows"]} == {row.id for row in SPEC.rows}
    listed = ("implied_by", "unobservable", "checked")
    unseen = [
        c["id"]
        for c in report["conditions"]
        if not any(c.get(key) for key in listed) and not (c["satisfied"] and c["violated_alone"])
    ]
    jsonschema.validate(report, schema())
    assert unseen == []
    unjudged = [c["id"] for c in report["conditions"] if not all(c.get("judged", {}).values())]
    assert unjudged == []  # the reference decides on every layer
    assert len(report["conditions"]) > 190
    assert report["findings"] == []


def test_a_crashed_case_can_be_waived(tmp_path: Path) -> None:
    case = "uniform/onnx/Gemm/trans_a@1"
    collected = Collected()
    collected.add_remains(Remains(case, ()), "it")
    waivers = (Waiver("uniform/onnx/Gemm/trans_a", "crashes, see #12"),)
    for settings, status in (
        (Settings("it"), "failed"),
        (Settings("it", waivers=waivers), "waived"),
    ):
        (finding,) = assemble(collected, (SPEC,), settings, "it", {})["findings"]
        assert (finding["kind"], finding["case"], finding["status"]) == ("crashed", case, status)


# --- pages --------------------------------------------------------------------------------------


def with_findings(*conditions: str, others: tuple[str, ...] = ()) -> dict[str, Any]:
    """A report with two findings on each condition; `others` are those of a further release."""
    findings = [{"condition": c, "case": f"{c}@{n}"} for c in conditions for n in (1, 2)]
    of_others = [{"findings": [{"condition": c}]} for c in others]
    return {"findings": findings, **({"releases": of_others} if others else {})}


def test_each_condition_with_a_finding_has_its_page_once(tmp_path: Path) -> None:
    groups = ["uniform/onnx/Gemm/trans_a", "uniform/onnx/Gemm"]
    report = with_pages(report_of(*run("trans-a-ignored", tmp_path, groups)), (SPEC,))
    jsonschema.validate(report, schema())
    assert len(report["findings"]) > 1
    specs = {name: load_spec(name) for name in published()}
    id_ = "uniform/onnx/Gemm/trans_a"
    assert report["pages"] == {id_: page(id_, specs)}
    assert "# uniform/onnx/Gemm/trans_a\n" in report["pages"][id_]
    fine = with_pages(report_of(*run("trans-a-ignored", tmp_path, ["uniform/onnx/Add"])), (SPEC,))
    jsonschema.validate(fine, schema())
    assert fine["pages"] == {}


def test_findings_under_other_releases_have_pages_too() -> None:
    row, add = "uniform/onnx/Conv", "uniform/onnx/Add/one_input"
    skipped, sigmoid = "settings/onnx/Conv/skip_layers", "uniform/onnx/unlisted/Sigmoid"
    given = with_findings(sigmoid, row, "networks/onnx", "metamorphic/onnx/rename", skipped)
    found = with_pages({**given, **with_findings(row, others=(add,))}, (SPEC,))
    assert [*found["pages"]] == [add, row]
    assert [*with_pages(given, (SPEC,))["pages"]] == [skipped, row, sigmoid]


def test_the_pages_speak_of_the_releases_of_the_run(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(one_row('{ attribute = "transA", equals = 0, default = 0 }'))
    id_ = "uniform/onnx/Gemm/c"
    assert with_pages(with_findings(id_), (SPEC,))["pages"] == {}
    told = with_pages(with_findings(id_), (SPEC, load_spec(own)))["pages"][id_]
    assert "- One row: transA must be 0" in told
    again = with_pages(with_findings("uniform/onnx/Conv"), (SPEC, load_spec("latest")))
    assert str(again["pages"]).count(SPEC.title) == 1  # a published release is not listed twice


def test_a_type_of_a_foreign_model_does_not_break_its_page() -> None:
    id_ = "uniform/onnx/unlisted/a\n# b::c"
    told = with_pages(with_findings(id_), (SPEC,))["pages"][id_]
    assert told.startswith("# uniform/onnx/unlisted/a\\n# b::c\n\n- ")
