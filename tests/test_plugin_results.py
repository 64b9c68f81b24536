"""What a run selects, what it makes of the user's policy, and what it says in the report."""

from __future__ import annotations

import os
import re
import shlex
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from toy_repository import BROKEN, CHEAP, ToyRepository

OVER = "over-quantized"


def judged(report: dict[str, Any]) -> set[str]:
    """The conditions of which a report saw both ways."""
    return {c["id"] for c in report["conditions"] if c.get("satisfied") and c.get("broken_alone")}


# --- selection ----------------------------------------------------------------------------------


def test_patterns_select_conditions_and_add_up(repository: ToyRepository) -> None:
    run = repository.amct(
        "--amct-select=uniform/onnx/Conv*/*dilation*",
        f"--amct-select={CHEAP}",
        "--amct-max-examples=0",
        "--amct-report=rep",
    )
    assert "3 passed" in run.out
    assert judged(repository.report()) == {
        CHEAP,
        "uniform/onnx/Conv/dilation_d",
        "uniform/onnx/ConvTranspose/dilation",
    }


@pytest.mark.parametrize("pattern", [BROKEN, f"{BROKEN}:chain", f"{BROKEN}*"])
def test_a_case_is_selected_by_its_id(pattern: str, repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    run = repository.amct(f"--amct-select={pattern}", "--amct-report=rep")
    assert run.code == 1
    report = repository.report()
    assert report["cases"] == len(report["findings"])
    assert (report["cases"] > 1) == pattern.endswith("*")
    assert all(fnmatchcase(f["case"], pattern) for f in report["findings"])
    assert report["selection"]["select"] == [pattern]


def test_a_case_that_hypothesis_drew_is_selected_by_its_id(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    pattern = f"{BROKEN}+opset17+batch"
    repository.amct(f"--amct-select={pattern}", "--amct-report=rep")
    assert [f["case"] for f in repository.report()["findings"]] == [pattern]


def test_a_case_beside_a_condition_narrows_nothing(repository: ToyRepository) -> None:
    repository.cheap("--amct-select=uniform/onnx/Conv/dilation_d@d2-h1-w1")
    both = repository.report()["cases"]
    repository.cheap()
    assert both == repository.report()["cases"] + 1


def test_a_case_of_a_row_tells_what_was_done_to_it(repository: ToyRepository) -> None:
    repository.quantizer(
        "from pytest_amct import Decision",
        "pools = [n.name for n in model.graph.node if n.op_type == 'AveragePool']",
        "return dict.fromkeys(pools, Decision(shift=2))",
    )
    run = repository.amct("--amct-select=uniform/onnx/AveragePool@default", "--amct-report=rep")
    assert run.code == 1, run.out
    assert "uniform/onnx/AveragePool/shift forbids" in run.out


# --- one model ----------------------------------------------------------------------------------


def test_a_saved_model_is_judged_again_by_the_command_that_is_shown(
    repository: ToyRepository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("else where")
    first = repository.amct(
        "--amct-quantizer=toy:gemm_always",
        f"--amct-select={BROKEN}",
        f"--amct-report={elsewhere}",
    )
    (finding,) = repository.report(os.fspath(elsewhere))["findings"]
    (shown,) = re.findall(r"^again +pytest (.*)$", first.out, re.MULTILINE)
    again = repository.pytest(*shlex.split(shown), "--amct-report=again")
    assert again.code == 1
    (same,) = repository.report("again")["findings"]
    assert same | {"model": None} == finding | {"model": None}
    assert f"{OVER}: {finding['message']}" in again.out


def test_of_a_model_without_a_note_all_layers_are_judged(repository: ToyRepository) -> None:
    repository.quantizer("return [n.name for n in model.graph.node]")
    repository.amct(f"--amct-select={BROKEN}", "--amct-report=rep")
    (saved,) = (repository.path / "rep" / "models").glob("*.onnx")
    other = Path(saved).rename(repository.path / "mine.onnx")
    run = repository.amct(f"--amct-model={other}", "--amct-report=rep", "-v")
    assert run.code == 1
    assert "amct/test_conformance.py::test_model[mine.onnx] FAILED" in run.out
    report = repository.report()
    assert len(report["findings"]) > 1
    assert {f["case"] for f in report["findings"]} == {"mine.onnx"}
    assert report["selection"]["model"] == "mine.onnx"


def test_raising_over_a_model_that_may_be_refused_warns(repository: ToyRepository) -> None:
    """One layer of it is forbidden, the others are not: which it was about nobody knows."""
    repository.quantizer("raise ValueError('no')")
    repository.amct(f"--amct-select={BROKEN}", "--amct-report=rep")
    repository.ini(quantizer="toy:gemm_always")
    repository.amct(f"--amct-select={BROKEN}", "--amct-report=rep")
    (saved,) = (repository.path / "rep" / "models").glob("*.onnx")
    other = Path(saved).rename(repository.path / "mine.onnx")
    repository.ini(quantizer="toy:quantize")
    run = repository.amct(f"--amct-model={other}", "--amct-report=rep")
    assert run.code == 0, run.out
    (finding,) = repository.findings("errored")
    assert finding["status"] == "warned"


def test_a_quantizer_that_raises_is_shown_where(repository: ToyRepository) -> None:
    repository.quantizer("def deep(): return {}['k']", "return deep()")
    run = repository.amct(f"--amct-select={CHEAP}@0")
    assert "errored: the quantizer raised: KeyError: 'k'" in run.out
    assert re.search(r"  at \S*toy\.py:\d+, in deep\n", run.out)


def test_what_must_be_given_again_is_in_the_command(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    (repository.path / "pyproject.toml").rename(repository.path / "mine.toml")
    run = repository.amct("-c", "mine.toml", f"--amct-select={BROKEN}", "--amct-report=rep")
    (again,) = re.findall(r"again +pytest (.*)", run.out)
    assert again.startswith(f"--amct -c {repository.path / 'mine.toml'} --amct-model=")
    (repository.path / "elsewhere").mkdir()
    once_more = repository.pytest(*shlex.split(again), cwd=repository.path / "elsewhere")
    assert (once_more.code, "over-quantized: " in once_more.out) == (1, True), once_more.text


def test_a_note_of_another_kind_is_told_and_not_used(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    repository.amct(f"--amct-select={BROKEN}", "--amct-report=rep")
    (saved,) = (repository.path / "rep" / "models").glob("*.onnx")
    saved.with_suffix(".json").write_text('{"layers": 5}')
    assert "not a note of this suite" in repository.refused("--amct", f"--amct-model={saved}")


# --- claims, skips, waivers ---------------------------------------------------------------------


ROW = "uniform/onnx/Gemm"
LAZY = "return {n.name: False for n in model.graph.node}"


@pytest.mark.parametrize(
    ("line", "arguments", "code", "status"),
    [
        ("", [], 0, "warned"),
        ("", ["--amct-strict"], 1, "failed"),
        (f'amct_claims = ["{ROW}"]', [], 1, "failed"),
        ('amct_claims = ["uniform/onnx/Conv"]', [], 0, "warned"),
        (f'amct_skips = ["{ROW}"]', [], 0, None),
        (f'amct_waivers = ["{ROW} we are lazy"]\namct_claims = ["{ROW}"]', [], 0, "waived"),
    ],
    ids=["plain", "strict", "claimed", "another claimed", "skipped", "waived"],
)
def test_what_is_missed(
    line: str, arguments: list[str], code: int, status: str | None, repository: ToyRepository
) -> None:
    repository.ini(line)
    repository.quantizer(LAZY)
    run = repository.cheap(*arguments)
    assert run.code == code, run.out
    assert [f["status"] for f in repository.findings("missed")] == ([status] if status else [])


def test_quantizing_what_is_skipped_on_purpose_warns(repository: ToyRepository) -> None:
    repository.ini(f'amct_skips = ["{ROW}"]')
    assert repository.cheap().code == 0
    assert {f["status"] for f in repository.findings(OVER)} == {"warned"}
    assert repository.cheap("--amct-strict").code == 1


def test_a_waived_finding_does_not_fail_and_stays_in_the_report(
    repository: ToyRepository,
) -> None:
    repository.ini(
        f'amct_waivers = ["{CHEAP} the device has a transposer", "uniform/onnx/Conv/* unused"]',
        quantizer="toy:gemm_always",
    )
    run = repository.cheap()
    assert run.code == 0, run.out
    report = repository.report()
    assert {f["status"] for f in report["findings"]} == {"waived"}
    assert report["waivers"] == [
        {"pattern": "uniform/onnx/Conv/*", "reason": "unused", "used": False},
        {"pattern": CHEAP, "reason": "the device has a transposer", "used": True},
    ]
    assert "covers nothing" not in run.out  # of what was left out nothing is known


def test_a_waiver_covers_one_case_alone(repository: ToyRepository) -> None:
    repository.ini(f'amct_waivers = ["{BROKEN} known"]', quantizer="toy:gemm_always")
    assert repository.cheap().code == 1
    waived = [f["case"] for f in repository.findings(OVER) if f["status"] == "waived"]
    assert waived == [BROKEN]


# --- the report ---------------------------------------------------------------------------------


def test_the_report_has_these_fields(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    repository.cheap()
    report = repository.report()
    assert {
        "format", "spec", "quantizer", "profile", "complete", "selection", "versions", "cases",
        "conditions", "rows", "findings", "waivers",
    } <= set(report)  # fmt: skip
    assert report["quantizer"] == "toy:gemm_always"
    assert report["spec"]["title"] == "CANN 7.0.0"
    for finding in report["findings"]:
        saved = repository.path / "rep" / finding["model"]
        assert saved.is_file()
        assert saved.with_suffix(".json").is_file()


def test_the_sanity_test_fails_a_quantizer_that_does_nothing(repository: ToyRepository) -> None:
    repository.quantizer(LAZY)
    run = repository.amct("-k", "test_quantizes_something")
    assert run.code == 1
    assert "toy:quantize quantized none of " in run.out
