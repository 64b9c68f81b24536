"""The forms of a report for people: Markdown, badge, JUnit; how they are written and refused."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt
from readable_reports import ALL, report
from syrupy.assertion import SnapshotAssertion
from toy_repository import CHEAP, ToyRepository

from pytest_amct import cli
from pytest_amct.errors import UsageError
from pytest_amct.options import Settings
from pytest_amct.reports import forms
from pytest_amct.reports.badge import badge, badge_svg
from pytest_amct.reports.forms import Forms, add_to_step_summary, prepare, write_all, write_forms
from pytest_amct.reports.json_report import FILE_NAME, write_report
from pytest_amct.reports.overview import groups
from pytest_amct.reports.summary import summary

PARTIAL = {"complete": False}
SELECTED = {"selection": {**ALL, "select": ["uniform/onnx/Gemm/*"]}}
GIVEN = {"selection": {**ALL, "model": "net.onnx"}}
HOSTILE = "</code>|`` `*_<img src=x onerror=alert(1)>[a](javascript:x)\n\n# no heading"


def without_findings(**changed: Any) -> dict[str, Any]:
    return report(findings=[], **changed)


# --- Markdown -------------------------------------------------------------------------------------


def test_the_summary_of_a_step(snapshot: SnapshotAssertion) -> None:
    assert summary(report()) == snapshot


def test_the_summary_of_a_partial_run_with_other_releases(snapshot: SnapshotAssertion) -> None:
    assert summary(report(("uniform/onnx/Gemm/trans_a",), "latest", **SELECTED)) == snapshot


def test_a_summary_says_why_a_framework_was_stopped() -> None:
    stopped = {"onnx": "it quantized none of 8 plain layers"}
    assert "> it quantized none of 8 plain layers" in summary(report(stopped=stopped, **PARTIAL))


def test_names_stay_text_in_markdown() -> None:
    made = report()
    finding = {**made["findings"][0], "status": "failed", "message": HOSTILE}
    unlisted = {"condition": f"uniform/onnx/unlisted/{HOSTILE}", "row": None}
    text = summary({**made, "quantizer": HOSTILE, "findings": [finding, {**finding, **unlisted}]})
    parser = MarkdownIt("commonmark").enable("table")
    html = parser.render(text)
    assert "<img" not in html
    assert "<a " not in html
    assert "no heading</h" not in html
    assert html.count("<h1") == 0
    assert html.count("<table>") == 1
    columns = {row.count("<td") for row in html.split("<tr>")[2:]}
    assert columns == {3}


def test_a_summary_has_a_bounded_size_and_says_what_it_leaves_out() -> None:
    made = report()
    first = made["findings"][0]
    findings = [
        {**first, "status": "failed", "condition": f"uniform/onnx/unlisted/Type{number}ßß"}
        for number in range(2000)
    ]
    text = summary({**made, "findings": findings})
    assert len(text.encode()) < 1 << 16
    listed = text.count("- ✗ ")
    left_out = int(text.splitlines()[-1].split()[0])
    assert 0 < listed < 2000
    assert left_out >= 2000 - listed
    assert text.endswith(" lines left out: the JSON report has everything.\n")


# --- the badge ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "made",
    [
        report,
        without_findings,
        lambda: without_findings(rows=[{**r, "quantized": 0} for r in report()["rows"]]),
        lambda: without_findings(**PARTIAL),
        lambda: without_findings(**SELECTED),
        lambda: without_findings(**GIVEN),
    ],
    ids=["violations", "none", "nothing quantized", "incomplete", "selected", "given model"],
)
def test_the_badge(made: Callable[[], dict[str, Any]], snapshot: SnapshotAssertion) -> None:
    assert (badge(made()), badge_svg(made())) == snapshot


def test_the_badge_is_a_picture_with_a_title() -> None:
    title = 'CANN <7> & "more" \' of it, whose name is far too long for a badge'
    spec = {**report()["spec"], "title": title}
    root = ElementTree.fromstring(badge_svg(report(spec=spec)))
    assert root.get("role") == "img"
    said = root.get("aria-label") or ""
    assert said.startswith('AMCT, CANN <7> & "more" \' of it,')
    found = badge(report())
    assert said.endswith(found["message"])
    (shown,) = root.iter("{http://www.w3.org/2000/svg}title")
    assert shown.text == said
    *_, last = root.iter("{http://www.w3.org/2000/svg}text")
    right = float(last.get("x", 0)) + float(last.get("textLength", 0))
    assert right <= float(root.get("width", 0))


# --- the findings of a condition ------------------------------------------------------------------


def test_the_worst_and_the_simplest_finding_of_a_condition_comes_first() -> None:
    for group in groups(report()):
        statuses = [finding["status"] for finding in group.findings]
        assert statuses == sorted(statuses, key=["failed", "warned", "waived"].index)
    (first, *_) = report()["findings"]
    cases = [f"{CHEAP}@{deviation}" for deviation in ("1000-x", "2", "3:chain")]
    (group,) = groups(report(findings=[{**first, "case": case} for case in cases]))
    assert [finding["case"] for finding in group.findings] == [cases[1], cases[0], cases[2]]


# --- files ----------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a report, which is the current one."""
    monkeypatch.chdir(tmp_path)
    write_report(report(), tmp_path / "rep")
    return tmp_path


def command(*arguments: str) -> int:
    return cli.main(["report", *arguments])


def test_the_command_makes_the_forms_of_a_file_or_a_folder(saved: Path) -> None:
    assert command("rep", "--markdown=one.md", "--badge=one.svg", "--html=new/one.html") == 0
    assert command("rep/amct-report.json", "--markdown=two.md") == 0
    assert Path("one.md").read_text() == Path("two.md").read_text() == summary(report())
    assert json.loads(Path("one.json").read_text()) == badge(report())
    assert Path("one.svg").read_text() == badge_svg(report())
    assert Path("new/one.html").read_text().startswith("<!DOCTYPE html>")


def test_what_the_command_refuses(
    saved: Path, capsys: Any, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("old.json").write_text('{"format": "pytest-amct-report/1"}')
    Path("other.json").write_text('{"a": 1}')
    Path("cut.json").write_text('{"format": ')
    Path("deep.json").write_text("[" * 100_000)
    Path("list.json").write_text("[1]")
    Path("empty").mkdir()
    Path("link.json").symlink_to("rep/amct-report.json")
    said = {}
    for line in (
        "rep",
        "missing --html=a.html",
        "empty --html=a.html",
        "old.json --html=a.html",
        "other.json --html=a.html",
        "list.json --html=a.html",
        "cut.json --html=a.html",
        "deep.json --html=a.html",
        "rep --html=empty",
        "rep --html=old.json/a.html",
        "rep --badge=a.png",
        "rep --badge=rep/amct-report.svg",
        "rep/amct-report.json --markdown=rep/amct-report.json",
        "rep --html=a --markdown=a",
        "rep --html=link.json",
    ):
        assert command(*line.split()) == 4, line
        said[line] = capsys.readouterr().err.replace(str(saved), "ROOT")
        assert said[line].count("\n") == 1
    assert said == snapshot
    assert sorted(p.name for p in saved.iterdir()) == sorted(
        [
            "cut.json",
            "deep.json",
            "empty",
            "link.json",
            "list.json",
            "old.json",
            "other.json",
            "rep",
        ]
    )


@pytest.mark.parametrize("module", ["jinja2", "fast_sugiyama", "markdown_it"])
def test_the_extra_is_named_when_it_is_missing(
    module: str, saved: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert command("rep", "--html=a.html") == 4
    name = module.replace("_sugiyama", "-sugiyama").replace("_it", "-it-py").replace("_", "-")
    assert capsys.readouterr().err == (
        f"pytest-amct: HTML pages need {name}: pip install pytest-amct[html]\n"
    )


@pytest.mark.slow
def test_a_full_disk_leaves_the_old_file_and_nothing_half_written(saved: Path) -> None:
    for name in ("a.html", "a.md"):
        Path(name).write_text("old")
    short = summary(json.loads(Path("rep", FILE_NAME).read_text()))
    assert len(short.encode()) < 5000  # it fits

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    done = subprocess.run(
        [sys.executable, "-m", "pytest_amct", "report", "rep", "--html=a.html", "--markdown=a.md"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=small_files,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 4
    assert done.stderr == (
        "pytest-amct: --html=a.html: cannot be written (File too large): name another file\n"
    )
    assert Path("a.html").read_text() == "old"
    assert Path("a.md").read_text() == short
    assert sorted(p.name for p in saved.iterdir()) == ["a.html", "a.md", "rep"]


def test_nothing_is_written_before_every_form_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "badge_svg", lambda made: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_forms(report(), Forms(markdown=tmp_path / "a.md", badge=tmp_path / "a.svg"))
    assert [*tmp_path.iterdir()] == []


def test_a_form_that_cannot_be_written_keeps_no_other_from_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    wanted = Settings("it", report=tmp_path / "file" / "rep", markdown=tmp_path / "file" / "a.md")
    with pytest.raises(UsageError, match=r"file/rep: cannot be written to .*another folder"):
        write_all(report(), replace(wanted, badge=tmp_path / "a.svg"), ())
    assert (tmp_path / "a.svg").read_text() == badge_svg(report())


def test_forms_go_to_links_and_never_through_one_of_a_stranger(tmp_path: Path) -> None:
    victim, real = tmp_path / "victim", tmp_path / "real.md"
    victim.write_text("precious")
    (tmp_path / ".real.md.part").symlink_to(victim)
    (tmp_path / "link.md").symlink_to(real)
    made = Forms(markdown=tmp_path / "link.md")
    for _ in range(2):
        prepare(Settings("it", markdown=made.markdown))
        assert not real.exists()
        write_forms(report(), made)
    assert real.read_text() == summary(report())
    assert (tmp_path / "link.md").is_symlink()
    assert victim.read_text() == "precious"


# --- the summary of a CI step ---------------------------------------------------------------------


def test_a_step_summary_is_appended_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "step.md"
    file.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    assert add_to_step_summary(report()) == ""
    assert file.read_text() == "before\n" + summary(report())


def test_a_step_summary_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    assert add_to_step_summary(report()) == (
        f"amct: the summary of the CI step is not written: GITHUB_STEP_SUMMARY={tmp_path}"
        " (Is a directory)"
    )
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    assert add_to_step_summary(report()) == ""


@pytest.mark.slow
def test_a_run_keeps_its_exit_status_without_a_step_summary(repository: ToyRepository) -> None:
    repository.environment["GITHUB_STEP_SUMMARY"] = "nowhere/step.md"
    run = repository.cheap()
    assert run.code == 0
    (line,) = (line for line in run.out.splitlines() if "GITHUB_STEP_SUMMARY" in line)
    assert line.endswith("GITHUB_STEP_SUMMARY=nowhere/step.md (No such file or directory)")


# --- whole runs -----------------------------------------------------------------------------------

ALL_FORMS = ("--amct-html=out/a.html", "--amct-markdown=out/a.md", "--amct-badge=out/a.svg")


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["-n2"]], ids=["one process", "xdist"])
def test_a_run_writes_every_form(
    more: list[str], repository: ToyRepository, snapshot: SnapshotAssertion
) -> None:
    repository.ini(quantizer="toy:gemm_always")
    repository.environment["GITHUB_STEP_SUMMARY"] = "step.md"
    run = repository.cheap("--junitxml=junit.xml", "-W", "error", *ALL_FORMS, *more)
    assert run.code == 1, run.text
    out = repository.path / "out"
    assert sorted(p.name for p in out.iterdir()) == ["a.html", "a.json", "a.md", "a.svg"]
    markdown = (out / "a.md").read_text()
    assert markdown == summary(repository.report())
    assert (repository.path / "step.md").read_text() == markdown
    assert CHEAP in (out / "a.html").read_text()
    assert json.loads((out / "a.json").read_text())["message"].startswith("incomplete · ")
    suite = ElementTree.parse(repository.path / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    versions = repository.report()["versions"]
    of_suite = {p.get("name"): p.get("value") for p in suite.findall("properties/property")}
    assert {k: v for k, v in of_suite.items() if k and "version" in k} == {
        f"amct_version_{name}": version for name, version in versions.items()
    }
    of_test = [(p.get("name"), p.get("value")) for p in suite.findall("testcase//property")]
    no_versions = {k: v for k, v in of_suite.items() if k and "version" not in k}
    assert (no_versions, of_test) == snapshot


@pytest.mark.slow
def test_a_run_that_was_killed_leaves_forms_that_say_so(repository: ToyRepository) -> None:
    repository.quantizer("import signal; os.kill(os.getpid(), signal.SIGKILL)")
    repository.environment["GITHUB_STEP_SUMMARY"] = "step.md"
    (repository.path / "out").mkdir()
    (repository.path / "out" / "a.md").write_text("of an older run")
    repository.cheap(*ALL_FORMS)
    assert "**Partial**: the run did not complete" in (repository.path / "out/a.md").read_text()
    assert "Partial report:" in (repository.path / "out/a.html").read_text()
    assert (repository.path / "step.md").read_text().startswith("## toy:quantize against")
    color = json.loads((repository.path / "out/a.json").read_text())["color"]
    assert color == "lightgrey"


def test_a_run_begins_without_the_forms_of_an_older_one(tmp_path: Path) -> None:
    for name in ("a.html", "a.md", "a.svg", "a.json", "other"):
        (tmp_path / name).write_text("old")
    settings = Settings(
        "it", html=tmp_path / "a.html", markdown=tmp_path / "a.md", badge=tmp_path / "a.svg"
    )
    prepare(settings)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    prepare(replace(settings, html=Path("/dev/null")))
    assert Path("/dev/null").is_char_device()


def test_options_that_are_refused(repository: ToyRepository, snapshot: SnapshotAssertion) -> None:
    repository.write("file", "")
    lines = {
        "without --amct": ["--amct-html=a.html"],
        "empty": ["--amct", "--amct-markdown="],
        "folder": ["--amct", "--amct-html=."],
        "below a file": ["--amct", "--amct-html=file/a.html"],
        "no svg": ["--amct", "--amct-badge=a.png"],
        "the report": ["--amct", "--amct-report=rep", "--amct-badge=rep/amct-report.svg"],
        "same file": ["--amct", "--amct-html=a", "--amct-markdown=a"],
    }
    assert repository.all_refused(lines) == snapshot
