"""What people stumble over in their first days: selecting, repeating, reading a failure."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx
import pytest
from toy_repository import BROKEN, CHEAP, ToyRepository

from pytest_amct import read_onnx
from pytest_amct.cases.networks import parse_case
from pytest_amct.errors import UsageError
from pytest_amct.gate import Gate
from pytest_amct.graphs.reading import ModelFiles
from pytest_amct.graphs.text import network_text
from pytest_amct.ids import file_name
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.quantizers.protocol import InputSpec, Quantizer, Request
from pytest_amct.quantizers.running import run_quantizer
from pytest_amct.reports.terminal import coloured, in_ascii, summary_lines
from pytest_amct.runner import Runner
from pytest_amct.saved import save_model
from pytest_amct.tables.loader import load_spec

ROW = "uniform/onnx/Gemm"
OURS = "amct/test_conformance.py"

MODEL = """
<ir_version: 10, opset_import: ["" : 21]>
g (float[4, 32] x, float[4, 32] z) => (float[4, 32] y, float[4, 32] u)
<float[32, 32] w = {}>
{
   [one] y = Gemm (x, w)
   [far] t = Sin (z)
   [off] u = Cos (t)
}
"""


# --- selecting ----------------------------------------------------------------------------------


def test_a_pattern_sees_variations_and_drawn_examples() -> None:
    gate = Gate(load_spec(), select=("*+opset17*",), max_examples=10)
    found = [case.id for group in gate.groups for case in gate.cases(group)]
    assert found and all("+opset17" in id_ for id_ in found)
    narrow = Gate(load_spec(), select=(f"{CHEAP}*+bias*",), max_examples=0)
    assert narrow.groups == [CHEAP]
    assert f"{CHEAP}@1+bias" in [case.id for case in narrow.cases(CHEAP)]
    with pytest.raises(UsageError, match="matches no condition"):
        _ = Gate(load_spec(), select=("*+no-such-variation",), max_examples=10).groups


def test_a_layer_that_was_left_in_float_is_shown_in_both_contexts(
    repository: ToyRepository,
) -> None:
    repository.ini(f'amct_required_rows = ["{ROW}"]')
    repository.quantizer("return {n.name: False for n in model.graph.node if n.name}")
    run = repository.amct(f"--amct-select={ROW}", "--amct-max-examples=0", "--amct-report=rep")
    (finding,) = repository.findings("not-quantized")
    assert f"case       {finding['case']}\nand case   {finding['case']}:chain" in run.out
    (again,) = re.findall(r"again      pytest --amct (.*)", run.out)
    assert again == f"--amct-select={finding['case']}"
    once_more = repository.amct(again, "--amct-report=rep")
    assert once_more.code == 1
    assert [f["case"] for f in repository.findings("not-quantized")] == [finding["case"]]
    assert repository.report()["cases"] == 2


def test_a_layer_that_was_quantized_alone_as_it_may_be_is_not_shown_again() -> None:
    def idle(model: onnx.ModelProto, request: Request) -> list[str]:
        return []

    def shown(quantizer: Quantizer, group: str, *select: str) -> set[str]:
        settings = Settings(quantizer.name, max_examples=0, select=select)
        return {r.case for r in Runner(quantizer, load_spec(), settings).check(group).records}

    right = Reference()
    once, twice = shown(right, CHEAP), shown(FunctionQuantizer("idle", idle), CHEAP)
    assert f"{CHEAP}@0" in once and f"{CHEAP}@0:chain" not in once
    assert f"{CHEAP}@1:chain" in once  # which must not be quantized, here neither
    assert once < twice and all(":chain" in id_ for id_ in twice - once)
    assert shown(right, CHEAP, f"{CHEAP}@0:chain") == {f"{CHEAP}@0:chain"}
    # A layer may be treated otherwise each time, and these tests say how it is treated.
    for group, deviation in ((ROW, "default"), ("settings/onnx/Gemm/skip_layers", "other")):
        assert f"{group}@{deviation}:chain" in shown(right, group)


def test_the_command_that_is_shown_decides_as_the_run_did(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:obey")
    run = repository.amct(
        f"--amct-select={BROKEN}",
        "-o",
        "amct_quantizer=toy:gemm_always",
        "-o",
        "amct_timeout=77",
        "-o",
        "console_output_style=count",
        "--amct-strict",
    )
    (again,) = re.findall(r"again      pytest (.*)", run.out)
    assert again.startswith(
        "--amct --amct-strict -o amct_quantizer=toy:gemm_always -o amct_timeout=77 --amct-model="
    )
    assert repository.pytest(*shlex.split(again)).code == 1


def test_ids_that_are_printed_in_a_subfolder_can_be_pasted(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    inner = repository.path / "deep" / "inner"
    inner.mkdir(parents=True)
    arguments = ("--amct", "--amct-max-examples=0", "--tb=no")
    run = repository.pytest(*arguments, f"--amct-select={CHEAP}", cwd=inner)
    (id_,) = re.findall(r"^FAILED (\S+)", run.out, re.M)
    assert id_.startswith("../../amct/")
    assert "1 failed" in repository.pytest(*arguments, id_, cwd=inner).out


def test_last_failures_of_one_quantizer_are_not_those_of_another(
    repository: ToyRepository,
) -> None:
    select = (f"--amct-select={CHEAP}", "--amct-select=uniform/onnx/MaxPool", "--tb=no")

    def run(quantizer: str, *more: str) -> str:
        done = repository.amct(
            *select, "--amct-max-examples=0", f"--amct-quantizer=toy:{quantizer}", *more
        )
        return done.out.splitlines()[-1]

    assert "1 failed, 1 passed" in run("gemm_always")
    assert "2 passed" in run("obey")
    assert "1 failed, 1 deselected" in run("gemm_always", "--lf")
    assert "2 passed" in run("obey", "--lf")
    assert "1 failed" in run("gemm_always", "--lf", "-n1")


def test_the_suite_without_the_option_says_what_is_missing(repository: ToyRepository) -> None:
    run = repository.pytest("--pyargs", "pytest_amct.conformance")
    assert run.code == pytest.ExitCode.INTERRUPTED
    assert "run only with --amct: pytest --amct" in run.out


# --- repeating ----------------------------------------------------------------------------------


def test_models_of_earlier_runs_are_removed_and_other_files_stay(
    repository: ToyRepository,
) -> None:
    repository.ini(quantizer="toy:gemm_always")
    assert repository.cheap().code == 1
    models = repository.path / "rep" / "models"
    mine = {path.name for path in models.iterdir()}
    assert len(mine) > 2
    repository.write("rep/models/own.onnx", "mine")
    repository.write("rep/models/own.json", '{"layers": 5}')
    name = f"{CHEAP.replace('/', '-')}@1"
    repository.write(f"rep/models/{name}.txt", "beside a saved model")
    again = repository.amct(f"--amct-model={models / name}.onnx", "--amct-report=rep")
    assert again.code == 1 and mine <= {path.name for path in models.iterdir()}
    repository.ini()
    assert repository.cheap().code == 0
    assert {path.name for path in models.iterdir()} == {"own.onnx", "own.json"}


def test_feeds_are_a_list() -> None:
    request = Request("onnx", b"", Path(), (InputSpec("x", "float32", (2, 3)),))
    feeds = request.calibration(3)
    assert len(feeds) == 3 and feeds[-1]["x"].shape == (2, 3)
    assert (feeds[0]["x"] == request.calibration(1)[0]["x"]).all()


# --- reading a failure ---------------------------------------------------------------------------


def test_the_crash_message_is_one_line(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    repository.environment["CI"] = "true"
    run = repository.cheap()
    told = run.out[run.out.index("short test summary info") :].splitlines()[1:]
    assert len(told) == 2 and told[0].startswith("FAILED amct/") and "must be 0" in told[0]
    assert run.out.count("again      pytest") == 1


def test_the_failure_says_the_rule_and_its_place(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    run = repository.amct(f"--amct-select={BROKEN}")
    assert "\nrule       transA must be 0\n" in run.out
    assert f"\nrow        {ROW} of CANN 7.0.0: table 1, ONNX, row Gemm\n" in run.out
    assert "\nformat     ONNX opset 21, IR version 10\n" in run.out


def test_unrelated_branches_and_stored_inputs_are_named() -> None:
    model = onnx.parser.parse_model(MODEL)
    model.graph.input.append(
        onnx.helper.make_tensor_value_info("w", onnx.TensorProto.FLOAT, (32, 32))
    )
    network = read_onnx(model)
    lines = network_text(network, frozenset(network.layers[:1])).splitlines()
    assert "   input w<float32 32x32>, with a stored value" in lines
    assert [line.split(":")[0].split()[-1] for line in lines if line.endswith("(unrelated)")] == [
        "far",
        "off",
    ]
    assert "(unrelated)" not in network_text(network)


def test_findings_of_a_model_are_grouped(repository: ToyRepository) -> None:
    nodes = "".join(f"[g{i}] y{i} = Gemm <transA = 1> (x, w)\n" for i in range(8))
    outputs = ", ".join(f"float[32, 32] y{i}" for i in range(8))
    text = f"""<ir_version: 10, opset_import: ["" : 21]>
        g (float[32, 32] x) => ({outputs}, float[32, 32] z) <float[32, 32] w = {{}}>
        {{ {nodes} [m] z = Mul (x, y0) }}"""
    onnx.save(onnx.parser.parse_model(text), repository.path / "m.onnx")
    repository.quantizer("return {n.name: True for n in model.graph.node}")
    run = repository.amct("--amct-model=m.onnx")
    assert f"over-quantized: 8 layers, {CHEAP}:" in run.out
    assert run.out.count("forbids: transA = 1") == 5
    assert "and of 3 more: Gemm 'g5', Gemm 'g6', Gemm 'g7'" in run.out
    assert "over-quantized: Mul 'm' was quantized" in run.out


def outcome_of(quantize: Any) -> Any:
    data = onnx.parser.parse_model(MODEL).SerializeToString()
    return run_quantizer(FunctionQuantizer("it", quantize), ModelFiles("onnx", data))


def test_an_exception_is_shown_whole_with_its_cause() -> None:
    def raises(model: Any, request: Any) -> Any:
        try:
            raise KeyError("scale")
        except KeyError as error:
            raise ValueError("no kernel\nfor Gemm\nof rank 2") from error

    def hides(model: Any, request: Any) -> Any:
        try:
            raise KeyError("scale")
        except KeyError:
            raise ValueError("x\n" + "line\n" * 5000) from None

    found = outcome_of(raises)
    assert found.message == "ValueError: no kernel"
    assert found.output.splitlines()[:3] == ["for Gemm", "of rank 2", "caused by KeyError: 'scale'"]
    found = outcome_of(hides)
    assert "caused by" not in found.output and len(found.output.splitlines()) < 20


def test_progress_bars_are_not_the_last_lines() -> None:
    def talks(model: Any, request: Any) -> Any:
        print("calibrating")
        for n in range(3):
            print(f"\r{n}0%|###      | {n}/10", end="")
        print("\rstep 1\rstep 2")
        print(" 45% [=====>     ] done")
        print("accuracy fell by 45% [sic]")
        raise ValueError("no")

    lines = outcome_of(talks).output.splitlines()
    assert lines[:3] == ["calibrating", "step 2", "accuracy fell by 45% [sic]"]


# --- the summary ---------------------------------------------------------------------------------


def on_a_terminal(repository: ToyRepository, columns: int, *arguments: str, **env: str) -> str:
    """Run on a terminal of so many columns, and return what it shows."""
    ours, theirs = pty.openpty()
    environment = {**repository.environment, "COLUMNS": str(columns), "TERM": "xterm", **env}
    command = [sys.executable, "-m", "pytest", "--amct", *arguments]
    with subprocess.Popen(
        command, cwd=repository.path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 1 << 16):
                shown += part
        except OSError:  # the other end is closed
            pass
        process.wait(60)
    os.close(ours)
    return shown.decode()


def test_the_summary_keeps_to_the_terminal(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    select = [f"--amct-select={ROW}", f"--amct-select={ROW}/*", "--amct-max-examples=0", "--tb=no"]
    shown = on_a_terminal(repository, 60, *select)
    table = shown[shown.index("amct: toy:gemm_always against") : shown.index("short test summary")]
    plain = re.sub(r"\x1b\[[0-9;]*m", "", table)
    assert max(len(line) for line in plain.splitlines()[1:-1]) <= 60
    # A mark has a colour, the row has none.
    assert re.search(r"\x1b\[31m✗ trans_a \(\d+\)\x1b\[0m", table)
    assert re.search(r"^  uniform/onnx/Gemm", table, re.M)
    shown = on_a_terminal(repository, 60, *select, PYTHONIOENCODING="ascii")
    assert "✗" not in shown and "x trans_a (" in shown


def test_files_keep_long_lines(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    run = repository.cheap()
    (line,) = [line for line in run.out.splitlines() if line.startswith(f"  {ROW} ")]
    assert "✗ trans_a (" in line and "asymmetric" in line and len(line) > 80


def report_with(**found: Any) -> dict[str, Any]:
    finding = {"kind": "errored", "condition": ROW, "case": f"{ROW}@x", "layer": "", "row": ROW}
    finding |= {"status": "warned", "basis": "stated", "message": "it raised", **found}
    return {
        "rows": [], "conditions": [], "findings": [finding], "stopped": {}, "selection": {},
        "complete": True, "cases": 1, "waivers": [], "spec": {},
        "untold": {"layers": 0, "cases": 0, "reasons": []},
        "unvalidated": {"cases": 0, "reasons": []},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({}, "it may refuse such a layer"),
        ({"kind": "not-quantized"}, "the row is not in amct_required_rows"),
        ({"kind": "over-quantized"}, "the row is in amct_float_rows"),
        (
            {"kind": "over-quantized", "basis": "inferred", "message": "long " * 99},
            "the document implies this rather than stating it",
        ),
    ],
)
def test_a_warning_says_why_it_is_one(found: Any, why: str) -> None:
    (line,) = [x for x, _ in summary_lines(report_with(**found)) if x.startswith("  ! ")]
    assert line.endswith(f" (a warning, as {why})")


def test_colours_are_those_of_marks_in_the_table() -> None:
    line = "  uniform/onnx/Add  3 of 4 quantized  ✗ float16 (24)  ✓ 13 others  - weights"
    parts = [*coloured(line)]
    assert "".join(text for text, _ in parts) == line
    assert [part for part in parts if part[1]] == [
        ("✗ float16 (24)", ["red"]),
        ("✓ 13 others", ["green"]),
    ]
    assert in_ascii("✗ a  ✓ b  é") == "x a  + b  \\xe9"


def test_a_model_is_saved_with_its_note_or_not_at_all(tmp_path: Path) -> None:
    case = parse_case(BROKEN)
    note = tmp_path / "models" / f"{file_name(BROKEN)}.json"
    note.mkdir(parents=True)  # it cannot be written, as on a full disk
    assert save_model(case, case.build(), tmp_path) is None
    assert [*note.parent.iterdir()] == [note]
    note.rmdir()
    assert save_model(case, case.build(), tmp_path) is not None
    assert len([*note.parent.iterdir()]) == 2
