"""A quantizer that ends the process or never returns is still reported."""

from __future__ import annotations

import re
import sys

import pytest
from toy_repository import BROKEN, CHEAP, Run, ToyRepository

WAYS = {
    "aborted": "os.abort()",
    "crashed": "import ctypes; ctypes.string_at(0)",
    "exited": "import ctypes; ctypes.CDLL(None).exit(0)",
    "left": "import ctypes; ctypes.CDLL(None)._exit(5)",
    "replaced": "os.execv('/bin/sh', ['sh', '-c', 'exit 0'])",
    "looping": "while True: pass",
    "sleeping": "time.sleep(10**6)",
    "deaf": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(10**6)",
}
"""Ways of never returning; the last three need a timeout."""

KILLED = {"killed": "os.kill(os.getpid(), 9)"}
"""A signal that may also come from a user, or from the kernel when memory runs out."""


ENDS = {
    "killed": "SIGKILL",
    "aborted": "SIGABRT",
    "crashed": "SIGSEGV",
    "exited": "exit status 0",
    "left": "exit status 5",
    "replaced": "exit status 0",
}


def what(way: str) -> str:
    """The words of the message."""
    return f"ended the process ({ENDS[way]}) in" if way in ENDS else "timed out in"


def kind(way: str) -> str:
    """The kind of the finding."""
    return "crashed" if way in ENDS else "timed-out"


def crash(repository: ToyRepository, way: str, *arguments: str) -> Run:
    """Run Gemm's conditions with a quantizer that crashes or hangs in cases that break trans_a."""
    repository.ini('amct_timeout = "1"')
    ending = [f"    {line}" for line in {**WAYS, **KILLED}[way].splitlines()]
    repository.quantizer("if is_broken(model):", *ending, "return obey(model, request)")
    return repository.cheap(f"--amct-select={CHEAP}@0", "--amct-select=*/weight_rank", *arguments)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_one_sentence_names_the_quantizer_and_the_case(way: str, repository: ToyRepository) -> None:
    run = crash(repository, way, "-p", "no:randomly")
    assert run.code not in (0, 5)
    sentences = [line for line in run.err.splitlines() if line.startswith("amct: ")]
    assert len(sentences) == 1, run.text
    path = repository.path / "rep" / "amct-report.json"
    told = re.escape(f"toy:quantize {what(way)} case {BROKEN}, after ")
    rest = re.escape(
        f" cases; what was judged is in {path}; again: pytest --amct --amct-select={BROKEN}"
    )
    assert re.fullmatch(rf"amct: {told}\d+{rest}", sentences[0])


@pytest.mark.parametrize("way", ["aborted", "exited", "sleeping"])
def test_the_report_contains_what_was_judged_and_the_finding(
    way: str, repository: ToyRepository
) -> None:
    home = repository.temporary()
    crash(repository, way, "-p", "no:randomly")
    assert [*home.glob("amct-*")] == []
    report = repository.report()
    assert report["complete"] is False
    assert report["cases"] == 3
    (finding,) = repository.findings(kind(way))
    assert (finding["case"], finding["condition"], finding["status"]) == (BROKEN, CHEAP, "failed")
    assert [*report["pages"]] == [CHEAP]
    assert report["selection"]["select"][0] == CHEAP
    assert not list((repository.path / ".pytest_cache").rglob("journal-*"))


@pytest.mark.slow
@pytest.mark.parametrize("way", ["killed", "exited", "looping"])
def test_under_xdist_that_test_fails_and_the_others_continue(
    way: str, repository: ToyRepository
) -> None:
    home = repository.temporary()
    run = crash(repository, way, "-n2", "--junitxml=junit.xml")
    assert run.code == 1, run.text
    assert re.search(r"1 failed, 1 passed", run.out)
    told = rf"toy:quantize {re.escape(what(way))} case {BROKEN}, after \d+ cases"
    assert re.search(rf"^{kind(way)}: {told}$", run.out, re.MULTILINE)
    assert [*home.glob("amct-*")] == []
    assert re.search(told, (repository.path / "junit.xml").read_text())
    assert f"again      pytest --amct --amct-select={BROKEN}" in run.out
    (finding,) = repository.findings(kind(way))
    assert finding["case"] == BROKEN
    report = repository.report()
    assert report["complete"] is False
    judged = {c["id"] for c in report["conditions"] if c.get("violated_alone")}
    assert "uniform/onnx/ConvTranspose/weight_rank" in judged


def test_the_quantizer_is_not_blamed_if_the_process_was_killed(repository: ToyRepository) -> None:
    run = crash(repository, "killed", "-p", "no:randomly")
    assert run.code == -9
    told = rf"amct: pytest was killed \(SIGKILL\) during case {BROKEN}, after \d+ cases: the quant"
    assert re.search(told, run.err)
    assert repository.report()["findings"] == []
    assert repository.report()["complete"] is False
    assert repository.report()["cases"] == 3


@pytest.mark.parametrize("where", ["command", "isolated"])
def test_a_quantizer_in_another_process_is_not_blamed_for_the_end_of_pytest(
    where: str, repository: ToyRepository
) -> None:
    """The child of the quantizer kills pytest here, in place of an outsider."""
    crash = "import signal; os.kill(PARENT, signal.SIGABRT); time.sleep(100)"
    if where == "command":
        repository.write("tool.py", f"import os, time\n{crash.replace('PARENT', 'os.getppid()')}")
        repository.ini(quantizer=f"command: {sys.executable} tool.py {{model}} {{output}}")
    else:
        repository.ini("amct_isolate = true")
        repository.quantizer(crash.replace("PARENT", "os.getppid()"))
    run = repository.cheap()
    assert run.code == -6
    assert "amct: pytest was killed (SIGABRT) during case" in run.err
    assert repository.report()["findings"] == []


def test_the_end_is_noticed_while_a_fork_lives_on(repository: ToyRepository) -> None:
    report, seen = (repository.path / name for name in ("rep/amct-report.json", "seen"))
    repository.quantizer(
        "if os.fork() == 0:",
        "    for _ in range(200):",
        f"        if os.path.exists({str(report)!r}):",
        f"            open({str(seen)!r}, 'w').ccrash()",
        "            break",
        "        time.sleep(0.1)",
        "    os._exit(0)",
        "os.abort()",
    )
    assert "ended the process (SIGABRT) in" in repository.cheap().err
    assert seen.exists()


@pytest.mark.slow
def test_a_run_that_is_slow_is_not_taken_for_one_that_hangs(repository: ToyRepository) -> None:
    repository.ini('amct_timeout = "1"')
    repository.quantizer("time.sleep(0.3)", "return obey(model, request)")
    repository.write("test_own.py", "import time\ndef test_own():\n    time.sleep(2)\n")
    run = repository.amct(f"--amct-select={CHEAP}@a*", "test_own.py")
    assert run.code == 0, run.text


@pytest.mark.slow
def test_slow_tests_after_a_single_model_are_not_taken_for_a_call(
    repository: ToyRepository,
) -> None:
    repository.ini('amct_timeout = "1"', quantizer="toy:gemm_always")
    repository.cheap()
    (saved,) = (repository.path / "rep" / "models").glob("*trans_a@1.onnx")
    repository.write("test_own.py", "import time\ndef test_own():\n    time.sleep(2)\n")
    repository.write(
        "conftest.py",
        "def pytest_collection_modifyitems(items):\n"
        "    items.sort(key=lambda item: item.name == 'test_own')\n",
    )
    run = repository.amct(f"--amct-model={saved}", "test_own.py", "-p", "no:randomly")
    assert "1 failed, 1 passed" in run.out, run.text


def test_an_older_report_does_not_survive_a_crashed_run(repository: ToyRepository) -> None:
    assert repository.cheap().code == 0
    repository.write("conftest.py", "import os\ndef pytest_collection_finish(): os.abort()\n")
    assert repository.cheap().code != 0
    assert repository.report()["complete"] is False
    assert repository.report()["cases"] == 0


def test_two_runs_in_one_repository_keep_apart(repository: ToyRepository) -> None:
    repository.quantizer(
        "import subprocess",
        "inner = [sys.executable, '-m', 'pytest', '--amct', '--amct-quantizer=toy:obey']",
        f"inner += ['--amct-select={CHEAP}', '--amct-max-examples=0']",
        f"subprocess.run(inner, cwd={str(repository.path)!r}, check=True)",
        "os.abort()",
    )
    run = repository.cheap("-p", "no:randomly")
    assert f"ended the process (SIGABRT) in case {CHEAP}@0, after 0 cases" in run.err
