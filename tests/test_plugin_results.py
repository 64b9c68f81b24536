"""What a run selects, how it applies the user's policy, and what it reports."""

from __future__ import annotations

import os
import re
import shlex
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import jsonschema
import onnx
import pytest
import tensorflow_graphs as tf
from toy_repository import BROKEN, CHEAP, ToyRepository

from pytest_amct.reports.json_report import schema

OVER = "over-quantized"


def judged(report: dict[str, Any]) -> set[str]:
    """The conditions that a report shows as exercised both ways."""
    return {c["id"] for c in report["conditions"] if c.get("satisfied") and c.get("violated_alone")}


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


def test_a_pattern_that_matches_no_condition_means_cases(repository: ToyRepository) -> None:
    repository.amct("--amct-select=uniform/onnx/*absent-trans_b", "--amct-report=rep")
    report = repository.report()
    assert report["selection"]["select"] == ["uniform/onnx/*absent-trans_b"]
    assert report["cases"] == 1
    assert [row["id"] for row in report["rows"] if row["eligible"]] == ["uniform/onnx/Gemm"]


@pytest.mark.parametrize("pattern", [BROKEN, f"{BROKEN}:chain", f"{BROKEN}+*"])
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


def test_a_case_of_a_row_shows_what_was_done_to_it(repository: ToyRepository) -> None:
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


def test_all_layers_of_a_model_without_a_note_are_judged(repository: ToyRepository) -> None:
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
    """One layer of it is forbidden and the others are not, so the cause is unknown."""
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


def test_the_command_repeats_the_options_that_matter(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    (repository.path / "pyproject.toml").rename(repository.path / "mine.toml")
    run = repository.amct("-c", "mine.toml", f"--amct-select={BROKEN}", "--amct-report=rep")
    (again,) = re.findall(r"again +pytest (.*)", run.out)
    assert again.startswith(f"--amct -c {repository.path / 'mine.toml'} --amct-model=")
    (repository.path / "elsewhere").mkdir()
    once_more = repository.pytest(*shlex.split(again), cwd=repository.path / "elsewhere")
    assert (once_more.code, "over-quantized: " in once_more.out) == (1, True), once_more.text


def test_a_note_of_another_kind_is_reported_and_not_used(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    repository.amct(f"--amct-select={BROKEN}", "--amct-report=rep")
    (saved,) = (repository.path / "rep" / "models").glob("*.onnx")
    saved.with_suffix(".json").write_text('{"layers": 5}')
    assert "not a note of this suite" in repository.refused("--amct", f"--amct-model={saved}")


# --- required rows and float rows --------------------------------------------------------------


ROW = "uniform/onnx/Gemm"
LAZY = "return {n.name: False for n in model.graph.node}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "arguments", "code", "status"),
    [
        ("", [], 0, "warned"),
        ("", ["--amct-strict"], 1, "failed"),
        (f'amct_required_rows = ["{ROW}"]', [], 1, "failed"),
        ('amct_required_rows = ["uniform/onnx/Conv"]', [], 0, "warned"),
        (f'amct_float_rows = ["{ROW}"]', [], 0, None),
    ],
    ids=["plain", "strict", "claimed", "another claimed", "skipped"],
)
def test_layers_left_in_float_are_reported_by_policy(
    line: str, arguments: list[str], code: int, status: str | None, repository: ToyRepository
) -> None:
    repository.ini(line)
    repository.quantizer(LAZY)
    run = repository.cheap(*arguments)
    assert run.code == code, run.out
    assert [f["status"] for f in repository.findings("not-quantized")] == (
        [status] if status else []
    )


def test_quantizing_a_float_row_warns(repository: ToyRepository) -> None:
    repository.ini(f'amct_float_rows = ["{ROW}"]')
    assert repository.cheap().code == 0
    assert {f["status"] for f in repository.findings(OVER)} == {"warned"}
    assert repository.cheap("--amct-strict").code == 1


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


MODEL = """
<ir_version: 10, opset_import: ["" : 21]>
g (float[4, 32] x, float[32, 32] v1, float[32, 32] v2) => (float[4, 32] y, float[4, 32] z)
<float[32, 32] v1 = {}, float[32, 32] v2 = {}, float[32, 32] s = {}, float[32, 32] w = {}>
{
   [own] a = Gemm (x, w)
   [one] b = Gemm (a, v1)
   [two] c = Gemm (b, v2)
   [tied1] d = Gemm (c, s)
   [tied2] y = Gemm (d, s)
   [plain] z = Sin (y)
}
"""
"""A model with little to judge: callers may replace weights, and two layers share one."""


def test_judging_a_model_reports_how_much_was_judged_and_why_not_more(
    repository: ToyRepository,
) -> None:
    model = repository.path / "m.onnx"
    onnx.save(onnx.parser.parse_model(MODEL), model)
    run = repository.amct(f"--amct-model={model}", "--amct-report=rep")
    assert run.code == 0, run.text
    lines = [line.strip() for line in run.out.splitlines()]
    start = lines.index("m.onnx: 1 of 5 layers judged; 4 were not:")
    assert lines[start + 1] == (
        "2, the first Gemm 'one': weight 'v1' comes from initializer 'v1' that is also a graph"
        " input: take the initializer out of the graph's inputs"
    )
    assert lines[start + 2].startswith("2, the first Gemm 'tied1': weight 's' is shared with ")
    assert lines[start + 2].endswith(": give each layer its own copy of the weight")
    assert "1 of 5 layers judged" in run.out
    assert repository.report()["models"][0]["judged"] == 1
    jsonschema.validate(repository.report(), schema())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "judged", "reason"),
    [
        ("return ['own']", 1, None),
        ("return {n.name: False for n in model.graph.node}", 1, None),
        ("return []", 0, "what the quantizer returned does not say what was done to it"),
        ("return {'own': 'unmatched'}", 0, "it was not found in what the quantizer"),
        (
            "from pytest_amct import Decision\n    return {'own': Decision(evidence='inferred')}",
            0,
            "quantized neighbours explain the same result",
        ),
        ("from pytest_amct import Unsupported\n    raise Unsupported('no')", 0, "unsupported: no"),
    ],
    ids=["named", "float", "silent", "unmatched", "inferred", "unsupported"],
)
def test_judging_a_model_reports_what_the_quantizer_does_not_show(
    body: str, judged: int, reason: str | None, repository: ToyRepository
) -> None:
    repository.quantizer(body)
    model = repository.path / "m.onnx"
    onnx.save(onnx.parser.parse_model(MODEL), model)
    repository.amct(f"--amct-model={model}", "--amct-report=rep")
    (told,) = repository.report()["models"]
    assert (told["layers"], told["judged"]) == (5, judged)
    reasons = [g["reason"] for g in told["not_judged"] if g["first"] == "Gemm 'own'"]
    assert [r[: len(reason or "")] for r in reasons] == ([reason] if reason else [])


def test_a_model_that_is_not_judged_in_full_says_what_to_do(repository: ToyRepository) -> None:
    repository.ini('amct_frameworks = ["tensorflow"]')
    repository.quantizer("return {}")
    variable = tf.node("VarHandleOp", "v", dtype="float32", shape=(32, 32))
    read = tf.node("ReadVariableOp", "r", "v", dtype="float32")
    frozen = tf.const("dense/ReadVariableOp", 32, 32)  # the name that freezing leaves
    products = [
        tf.node("MatMul", name, "x", weight, T="float32")
        for name, weight in (("m", "r"), ("s", frozen.name), ("t", frozen.name))
    ]
    inside = [tf.const("w", 32, 32), tf.node("MatMul", "i", "a", "w:output:0", T="float32")]
    body = tf.function("f", inside, {"a": "float32"}, {"o": "i:product:0"})
    graph = tf.graph(tf.fed("x", 4, 32), variable, read, frozen, *products, functions=[body])
    (repository.path / "m.pb").write_bytes(graph.SerializeToString())
    run = repository.amct(f"--amct-model={repository.path / 'm.pb'}")
    assert run.code == 0, run.text
    assert "m.pb: 0 of 4 layers judged; 4 were not:" in run.out
    for told in (
        "1, the first MatMul 'm': .*: freeze the variables",
        "2, the first MatMul 's': .*: give each layer its own copy of the weight",
        "1, the first MatMul 'i' in function:f: .*: inline the functions",
    ):
        assert re.search(f"{told}$", run.out, re.MULTILINE), run.out


def test_a_model_without_a_listed_layer_says_so(repository: ToyRepository) -> None:
    model = repository.path / "m.onnx"
    text = '<ir_version: 10, opset_import: ["" : 21]> g (float[4] x) => (float[4] y) {y = Sin (x)}'
    onnx.save(onnx.parser.parse_model(text), model)
    run = repository.amct(f"--amct-model={model}")
    assert "m.onnx: no layer is of a type that a table lists" in run.out


def test_a_net_of_a_fork_names_what_it_does_not_know(repository: ToyRepository) -> None:
    repository.ini('amct_frameworks = ["caffe"]', quantizer="reference")
    net = (
        'input: "d" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8\n'
        'layer { name: "p" type: "Pooling" bottom: "d" top: "p"'
        " pooling_param { pool: AVE kernel_size: 2 ceil_mode: false } smooth { of: 1 } }"
    )
    (repository.path / "m.prototxt").write_text(net)
    run = repository.amct(f"--amct-model={repository.path / 'm.prototxt'}", "--amct-report=rep")
    note = "fields that Caffe does not have: pooling_param.ceil_mode, layer.smooth"
    assert f"  m.prototxt: {note}\n  m.prototxt: 1 of 1 layer judged" in run.out
    assert repository.report()["models"][0]["notes"] == [note]


# --- what was left out --------------------------------------------------------------------------

TWO = [f"--amct-select={CHEAP}", "--amct-select=uniform/onnx/Conv/dilation_d"]
LEFT_TEST = f"amct/test_conformance.py::test_condition[{TWO[1].partition('=')[2]}]"
LEFT = "uniform/onnx/Conv/dilation_d"

DROPS = (
    "def pytest_collection_modifyitems(items):\n"
    "    items[:] = [i for i in items if 'dilation_d' not in i.name]\n"
)
SKIPS = (
    "import pytest\n"
    "def pytest_collection_modifyitems(items):\n"
    "    for item in items:\n"
    "        if 'dilation_d' in item.name: item.add_marker(pytest.mark.skip)\n"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "conftest", "by"),
    [
        ([f"amct/test_conformance.py::test_condition[{CHEAP}]"], "", "test ids on the command"),
        ([f"--deselect={LEFT_TEST}"], "", "--deselect"),
        (["-k", "trans_a"], "", "-k"),
        ([], DROPS, "a plugin or a conftest.py"),
        ([], SKIPS, "skip marks"),
    ],
    ids=["id", "deselect", "keyword", "dropped", "skipped"],
)
@pytest.mark.parametrize("more", [[], ["-n2"]], ids=["one process", "xdist"])
def test_conditions_that_were_left_out_are_reported(
    given: list[str], conftest: str, by: str, more: list[str], repository: ToyRepository
) -> None:
    repository.write("conftest.py", conftest)
    run = repository.amct(*given, *TWO, "--amct-max-examples=0", "--amct-report=rep", *more)
    assert run.code == 0, run.text
    report = repository.report()
    assert report["complete"] is True
    left = report["selection"]["left_out"]
    assert (left["tests"], left["of"], left["first"]) == (1, 2, [LEFT])
    assert left["by"][0].startswith(by)
    assert f"(partial: --amct-select; 1 of 2 tests left out by {by}" in run.out


def test_last_failed_leaves_out_conditions_that_passed(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    given = [*TWO, "--amct-max-examples=0", "--amct-report=rep"]
    repository.amct(*given)
    assert repository.report()["selection"]["left_out"] is None
    assert repository.amct(*given, "--lf").code == 1
    left = repository.report()["selection"]["left_out"]
    assert (left["by"], left["first"]) == (["--lf"], [LEFT])


def test_a_whole_run_leaves_nothing_out(repository: ToyRepository) -> None:
    """Even if tests beside the suite are skipped and each test runs twice."""
    repository.write(
        "repeating.py",
        "import pytest\n"
        "@pytest.hookimpl(trylast=True)\n"
        "def pytest_generate_tests(metafunc):\n"
        "    metafunc.fixturenames.append('again')\n"
        "    metafunc.parametrize('again', range(2))\n",
    )
    repository.write("test_own.py", "import pytest\ndef test_own(): pytest.skip('no')\n")
    options = ["-p", "repeating", "--amct-max-examples=0", "--amct-report=rep"]
    run = repository.amct(".", *TWO, *options)
    assert "4 passed, 2 skipped" in run.out, run.text
    assert (repository.report()["complete"], repository.report()["selection"]["left_out"]) == (
        True,
        None,
    )
    assert "(partial: --amct-select)" in run.out


@pytest.mark.parametrize("more", [["-p", "no:randomly"], ["-n2"]], ids=" ".join)
def test_a_run_is_not_complete_if_a_test_that_was_to_run_has_no_result(
    more: list[str], repository: ToyRepository
) -> None:
    """The exit status does not show it: report writers see 0 after a second Ctrl-C."""
    repository.write(
        "conftest.py",
        "def pytest_runtest_protocol(item):\n    return 'dilation_d' in item.name or None\n",
    )
    run = repository.amct(*TWO, "--amct-max-examples=0", "--amct-report=rep", *more)
    report = repository.report()
    assert report["complete"] is False
    assert report["selection"]["left_out"] == {
        "tests": 1,
        "of": 2,
        "by": ["the end of the run or a plugin"],
        "first": ["uniform/onnx/Conv/dilation_d"],
    }
    assert "(partial: the run did not complete; --amct-select; 1 of 2 tests left out" in run.out
