"""Accepted findings: the file, what it may hold, what a run says of it."""

from __future__ import annotations

import json
import os
import signal
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from test_signals import wait_for
from toy_repository import BROKEN, CHEAP, INI_TABLES, ToyRepository

from pytest_amct.errors import UsageError
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.options import Settings, settings_from
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.reports.assembly import assemble
from pytest_amct.reports.waived import waiver_lines
from pytest_amct.results import Collected
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec
from pytest_amct.waivers import FORM, Waiver, add_waivers, read_waivers, refuse_ended, today
from pytest_amct.waiving import check_waivers

FILE = "amct-waivers.toml"
BY = 'reason = "the device has a transposer"\nowner = "anna"\n'


def spelled(id_: str, *lines: str) -> str:
    return "\n".join(["[[waiver]]", f'id = "{id_}"', *lines]) + "\n" + BY


def accepting(repository: ToyRepository, *waivers: str) -> None:
    repository.write(FILE, "\n".join(waivers))
    repository.ini(quantizer="toy:gemm_always")


# --- in a run -----------------------------------------------------------------------------------


def test_a_waived_finding_does_not_fail_and_is_reported_with_its_reason(
    repository: ToyRepository,
) -> None:
    accepting(repository, spelled(CHEAP), spelled("uniform/onnx/Conv/dilation_d"))
    run = repository.cheap()
    assert run.code == 0, run.out
    report = repository.report()
    assert {f["status"] for f in report["findings"]} == {"waived"}
    assert {f["reason"] for f in report["findings"]} == {"the device has a transposer"}
    assert not (repository.path / "rep" / "models").exists()
    other, mine = report["waivers"]
    assert (mine["covers"], other["covers"]) == (len(report["findings"]), 0)
    assert "findings accepted: the device has a transposer (anna)" in run.out
    # Nothing is known about conditions that were left out.
    assert "covers nothing" not in run.out


@pytest.mark.parametrize(
    ("waiver", "code"),
    [
        (spelled(BROKEN), 1),
        (spelled(CHEAP, 'kind = "errored"'), 1),
        (spelled(CHEAP, 'kind = "over-quantized"'), 0),
        (spelled(CHEAP, f"until = {today() + timedelta(1)}", 'release = "cann-7.0.0"'), 0),
    ],
    ids=["case", "another kind", "kind", "until"],
)
def test_what_a_waiver_covers(waiver: str, code: int, repository: ToyRepository) -> None:
    accepting(repository, waiver)
    run = repository.cheap()
    assert run.code == code, run.out
    waived = {f["case"] for f in repository.report()["findings"] if f["status"] == "waived"}
    if waiver.startswith(spelled(BROKEN)):
        assert waived == {BROKEN}
    assert ("ends tomorrow, on" in run.out) == ("until" in waiver)


def test_the_file_can_have_another_name_and_place(repository: ToyRepository) -> None:
    repository.write("ci/accepted.toml", spelled(CHEAP))
    repository.ini('amct_waivers = "ci/accepted.toml"', quantizer="toy:gemm_always")
    inner = repository.path / "ci"
    assert repository.pytest("--amct", f"--amct-select={CHEAP}", cwd=inner).code == 0


def test_todays_findings_are_written_and_count_once_they_have_a_reason(
    repository: ToyRepository,
) -> None:
    repository.ini(quantizer="toy:gemm_always")
    run = repository.cheap("--amct-write-waivers")
    assert run.code == 1
    assert f"added 1 waiver to {repository.path / FILE}: write a reason" in run.out
    file = repository.path / FILE
    written = file.read_text()
    (waiver,) = tomllib.loads(written)["waiver"]
    assert (waiver["id"], waiver["kind"], waiver["reason"]) == (CHEAP, "over-quantized", "")
    assert waiver["release"] == "cann-7.0.0"
    assert "gives no reason" in repository.refused("--amct")
    file.write_text(written.replace('""', '"known"'))
    assert repository.cheap().code == 0
    # What is in the file stays; a run without violations writes nothing.
    before = file.read_text()
    run = repository.cheap("--amct-write-waivers")
    assert run.code == 0 and "nothing was written" in run.out
    assert file.read_text() == before


def test_with_several_quantizers_a_waiver_names_its_own(repository: ToyRepository) -> None:
    repository.write(
        "pyproject.toml",
        '[tool.pytest.ini_options]\namct_quantizer = ["toy:obey", "toy:gemm_always"]\n',
    )
    run = repository.cheap("--amct-write-waivers", "--tb=no")
    assert run.code == 1
    (waiver,) = tomllib.loads((repository.path / FILE).read_text())["waiver"]
    assert waiver["quantizer"] == "toy:gemm_always"
    text = (repository.path / FILE).read_text().replace('""', '"known"')
    repository.write(FILE, text)
    run = repository.cheap("--tb=no")
    assert run.code == 0, run.text
    first, second = (
        json.loads((repository.path / "rep" / name / "amct-report.json").read_text())
        for name in ("toy-obey", "toy-gemm_always")
    )
    assert first["waivers"] == [] and second["waivers"][0]["covers"] > 0
    repository.write(FILE, text + text.replace("toy:gemm_always", "toy:obey"))
    assert repository.cheap("--tb=no").code == 0
    for changed, said in (
        (text + text, "is waived twice"),
        (text.replace("toy:gemm_always", "toy:gemm"), "did you mean 'toy:gemm_always'?"),
        (text.replace('quantizer = "toy:gemm_always"', ""), "names no quantizer"),
    ):
        repository.write(FILE, changed)
        assert said in repository.cheap("--amct-quantizer=toy:obey").err


def test_waivers_of_several_quantizers_are_written_in_one_go(repository: ToyRepository) -> None:
    names = '["toy:gemm_always", "toy:gemm_again", "toy:obey"]'
    repository.write("pyproject.toml", f"[tool.pytest.ini_options]\namct_quantizer = {names}\n")
    repository.write(
        "toy.py", (repository.path / "toy.py").read_text() + "\ngemm_again = gemm_always\n"
    )
    for _ in range(2):  # what was written and not filled in is not written again
        assert repository.cheap("--amct-write-waivers", "--tb=no").code == 1
        listed = tomllib.loads((repository.path / FILE).read_text())["waiver"]
        assert [w["quantizer"] for w in listed] == ["toy:gemm_always", "toy:gemm_again"]


def test_files_of_several_quantizers_have_names_of_their_own(repository: ToyRepository) -> None:
    repository.write(
        "pyproject.toml",
        '[tool.pytest.ini_options]\namct_quantizer = ["toy:gemm_always", "toy:obey"]\n',
    )
    repository.cheap("--tb=no", "--amct-badge=b.svg", "--junitxml=j.xml")
    for quantizer, violations in (("toy-gemm_always", True), ("toy-obey", False)):
        made = json.loads((repository.path / f"b-{quantizer}.json").read_text())
        assert (" 0 violations" not in made["message"]) == violations
        assert (repository.path / f"j-{quantizer}.xml").exists()
    run = repository.cheap("--tb=no", "--amct-compare=rep", "--amct-report=later")
    for quantizer in ("toy-gemm_always", "toy-obey"):  # each is compared with its own report
        assert f"{Path('rep', quantizer)}: the report is partial" in run.err


def test_ctrl_c_ends_the_run_of_one_quantizer_and_starts_no_other(
    repository: ToyRepository,
) -> None:
    repository.write(
        "pyproject.toml",
        '[tool.pytest.ini_options]\namct_quantizer = ["toy:quantize", "toy:obey"]\n',
    )
    flag = repository.path / "flag"
    repository.quantizer(f"open({str(flag)!r}, 'w').close()", "time.sleep(60)")
    with repository.started("-p", "no:randomly") as process:
        wait_for(flag.exists)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, out + err
    assert "Traceback" not in out + err
    assert "amct: toy:quantize against" in out and "amct: toy:obey against" not in out


def test_several_quantizers_run_one_after_the_other(repository: ToyRepository) -> None:
    for file, table in INI_TABLES:
        names = '["toy:gemm_always", "toy:obey"]'
        repository.write(file, f"[{table}]\namct_quantizer = {names}\n")
        run = repository.cheap("--tb=no")
        assert run.code == 1
        sections = [line.split()[2] for line in run.out.splitlines() if " amct: toy:" in line]
        assert sections == ["toy:gemm_always", "toy:obey"]
        assert repository.cheap("--amct-quantizer=toy:obey").code == 0
        repository.write(file, f'[{table}]\namct_quantizer = ["toy:obey", "toy:obey"]\n')
        assert "'toy:obey' is listed twice" in repository.refused("--amct")
        repository.write(file, f'[{table}]\namct_quantizer = ["toy:absent", "toy:gemm_always"]\n')
        assert repository.cheap("--tb=no").code == pytest.ExitCode.USAGE_ERROR


def test_the_old_form_is_refused_with_the_new_one(repository: ToyRepository) -> None:
    listed = f'amct_quantizer = "toy:quantize"\namct_waivers = ["{CHEAP} known"]\n'
    for file, table in INI_TABLES:
        repository.write(file, f"[{table}]\n{listed}")
        run = repository.amct()
        assert run.code == pytest.ExitCode.USAGE_ERROR
        assert "ERROR: amct_waivers names a file now" in run.err
        assert FORM in run.err
        assert "Warning" not in run.text


def test_the_form_that_is_shown_can_be_read(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(FORM)
    (waiver,) = read_waivers(tmp_path / FILE)
    assert waiver.until and waiver.release and waiver.owner
    check_waivers([waiver], ["cann-7.0.0"])


# --- what is refused -----------------------------------------------------------------------------

REFUSED = {
    "not TOML": "[[waiver]\n",
    "another key": 'waivers = ["x"]\n',
    "not tables": 'waiver = ["x"]\n',
    "no id": f"[[waiver]]\n{BY}",
    "empty id": spelled(""),
    "id is a number": f"[[waiver]]\nid = 5\n{BY}",
    "no reason": f'[[waiver]]\nid = "{CHEAP}"\nowner = "anna"\n',
    "blank reason": f'[[waiver]]\nid = "{CHEAP}"\nreason = " "\nowner = "anna"\n',
    "nobody answers": f'[[waiver]]\nid = "{CHEAP}"\nreason = "known"\n',
    "unknown key": spelled(CHEAP, "untill = 2027-01-01"),
    "unknown kind": spelled(CHEAP, 'kind = "overquantized"'),
    "until is text": spelled(CHEAP, 'until = "next year"'),
    "until is a time": spelled(CHEAP, "until = 2027-01-01T00:00:00"),
    "until is a number": spelled(CHEAP, "until = 2027"),
    "ended": spelled(CHEAP, "until = 2020-02-29"),
    "twice": spelled(CHEAP) + spelled(CHEAP),
    "twice, one of a kind": spelled(CHEAP) + spelled(CHEAP, 'kind = "errored"'),
    "unknown id": spelled("uniform/onnx/Gemm/trans_b"),
    "unknown row": spelled("uniform/onnx/Gem"),
    "unknown type": spelled("uniform/onnx/unlisted/Mull"),
    "unknown case": spelled(f"{CHEAP}@17"),
    "unknown pair": spelled("metamorphic/onnx/rename@x"),
    "pattern": spelled("uniform/onnx/Gemm/*"),
    "unknown release": spelled(CHEAP, 'release = "cann-7.0"'),
    "another reading": spelled("uniform/onnx/Add/two_tensors", 'release = "cann-8.0.0"'),
    "another row": spelled("uniform/onnx/Add", 'release = "cann-8.0.0"'),
}  # fmt: skip


def test_what_is_refused(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    said = {}
    for name, text in REFUSED.items():
        (tmp_path / FILE).write_text(text)
        with pytest.raises(UsageError) as caught:
            found = read_waivers(tmp_path / FILE)
            refuse_ended(found, date(2026, 12, 1))
            check_waivers(found, ["cann-7.0.0"])
        said[name] = str(caught.value)
    assert "\n".join(f"{name}: {text}" for name, text in said.items()) == snapshot


def test_what_is_refused_ends_the_run_at_the_start(repository: ToyRepository) -> None:
    for name in ("no reason", "ended", "unknown id", "another reading"):
        accepting(repository, REFUSED[name])
        assert repository.refused("--amct").startswith(f"{FILE}:1: "), name


def test_ids_of_every_kind_are_known() -> None:
    ids = (
        "uniform/onnx/Conv",
        "uniform/onnx/Conv/dilation_d",
        f"{CHEAP}@1:chain",
        "float16/tensorflow/Add",
        "settings/onnx/Gemm/channel_wise",
        "settings/onnx/Gemm/skip_layers",
        "nonuniform/caffe/Convolution",
        "weight_only/onnx/MatMul/weight_source",
        "uniform/onnx/unlisted/Mul",
        "uniform/onnx/unlisted/com.acme::Op",
        "networks/caffe",
        "metamorphic/onnx/rename",
    )
    check_waivers([Waiver(id_, "known") for id_ in ids], ["cann-7.0.0"])


def test_a_condition_of_a_further_release_is_known() -> None:
    waiver = Waiver("uniform/onnx/Gemm/alpha_1", "known")
    with pytest.raises(UsageError, match="is not a condition"):
        check_waivers([waiver], ["cann-7.0.0"])
    check_waivers([waiver], ["cann-7.0.0", "amct-onnx-9.0.0"])


def test_the_last_day_counts_and_the_next_does_not() -> None:
    waiver = Waiver(CHEAP, "known", until="2026-11-29", place="f:1")
    refuse_ended([waiver], date(2026, 11, 29))
    with pytest.raises(UsageError, match="ended on 2026-11-29"):
        refuse_ended([waiver], date(2026, 11, 30))


def test_settings_keep_waivers_through_json() -> None:
    from dataclasses import asdict

    settings = Settings("mine", waivers=(Waiver(CHEAP, "known", until="2026-11-29"),))
    assert settings_from(json.loads(json.dumps(asdict(settings), default=str))) == settings


def test_a_file_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        read_waivers(folder)
    finding = {"condition": CHEAP, "kind": "errored", "message": "a\nb"}
    assert add_waivers(tmp_path / "new" / FILE, [finding], "cann-7.0.0") == 1
    with pytest.raises(UsageError, match="cannot be written"):
        add_waivers(tmp_path / "new" / FILE / FILE, [finding], "cann-7.0.0")
    (tmp_path / FILE).write_bytes(b"# " + b"x" * (1 << 20))
    with pytest.raises(UsageError, match="has more than"):
        read_waivers(tmp_path / FILE)


def test_written_waivers_are_valid_whatever_findings_say(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("# mine, without a newline at the end")
    findings = [
        {
            "condition": 'uniform/onnx/unlisted/com."é"::Op',
            "kind": "errored",
            "message": "a\r\nb\0",
        },
        {"condition": CHEAP, "kind": "errored", "message": "first"},
        {"condition": CHEAP, "kind": "errored", "message": "second"},
    ]
    assert add_waivers(tmp_path / FILE, findings, 'my "own".toml') == 2
    text = (tmp_path / FILE).read_text()
    assert text.startswith("# mine, without a newline at the end\n\n")
    assert "# 2 findings, the first: first\n" in text
    ids = [w["id"] for w in tomllib.loads(text)["waiver"]]
    assert ids == [CHEAP, 'uniform/onnx/unlisted/com."é"::Op']


# --- stale ---------------------------------------------------------------------------------------


def gemm_always(model: Any, request: Any) -> Any:
    gemms = {n.name: True for n in model.graph.node if n.op_type == "Gemm" and n.name}
    return Reference().decide(read_onnx(model), request) | gemms


def obeys(model: Any, request: Any) -> Any:
    return Reference().decide(read_onnx(model), request)


def reported(quantize: Any, folder: Path, *ids: str, **given: Any) -> dict[str, Any]:
    """The report of a run of one condition; as if it was the whole gate, unless given."""
    waivers = tuple(Waiver(id_, "known", "anna", place=f"{FILE}:1") for id_ in ids)
    profile, selection = given.get("profile", "gate"), given.get("selection", {})
    settings = Settings("it", max_examples=0, scratch=folder, waivers=waivers, profile=profile)
    runner = Runner(FunctionQuantizer("it", quantize), load_spec(), settings)
    collected = Collected(complete=given.get("complete", True))
    collected.add(json.loads(runner.check(CHEAP).to_json()))
    return assemble(collected, (load_spec(),), settings, "it", selection)


def test_a_waiver_that_covers_nothing_any_more_is_stale(tmp_path: Path) -> None:
    ids = (CHEAP, BROKEN, f"{CHEAP}@0")
    found = reported(gemm_always, tmp_path, *ids)["waivers"]
    assert {w["id"]: w["stale"] for w in found} == {CHEAP: False, BROKEN: True, f"{CHEAP}@0": True}
    report = reported(obeys, tmp_path, *ids, "uniform/onnx/Conv", f"{CHEAP}@1-bias+opset17")
    assert {w["id"] for w in report["waivers"] if w["stale"]} == {*ids}  # others were not judged
    told = [line for line, _ in waiver_lines(report, date(2026, 12, 1))]
    assert (
        f"  the waiver of {CHEAP} in {FILE}:1 covers nothing any more, so the run fails:"
        in (told[0])
    )
    assert len(told) == 3


@pytest.mark.parametrize(
    "given",
    [
        {"complete": False},
        {"selection": {"select": [CHEAP]}},
        {"selection": {"left_out": {"tests": 1}}},
        {"profile": "explore"},
    ],
    ids=["incomplete", "selected", "left out", "explore"],
)
def test_nothing_is_stale_in_a_run_that_is_not_whole(given: Any, tmp_path: Path) -> None:
    assert not reported(obeys, tmp_path, CHEAP, **given)["waivers"][0]["stale"]


def test_nothing_is_stale_that_was_not_judged(tmp_path: Path) -> None:
    def knows_nothing(model: Any, request: Any) -> Any:
        return dict.fromkeys(obeys(model, request))

    def raises(model: Any, request: Any) -> Any:
        raise ValueError("no kernel")

    for quantize in (raises, knows_nothing):
        assert not reported(quantize, tmp_path, f"{CHEAP}@0")["waivers"][0]["stale"]


@pytest.mark.slow
def test_a_stale_waiver_fails_the_run(repository: ToyRepository) -> None:
    accepting(repository, spelled(CHEAP))
    repository.ini()
    run = repository.pytest("--amct", "--amct-max-examples=0", "-n", "2", timeout=300)
    assert run.code == 1
    assert f"the waiver of {CHEAP} in {FILE}:1 covers nothing any more" in run.out
    assert " failed" not in run.out.splitlines()[-1]
