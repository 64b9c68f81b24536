"""A signal from the user ends the run in order, and the quantizer is not blamed."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_repository import ToyRepository

WAITING = ("open(FLAG, 'w').close()", "time.sleep(100)")
"""A quantizer that reports where it is and then blocks."""


def wait_for(condition: Callable[[], object]) -> None:
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it never came to that")


def waiting(repository: ToyRepository, *body: str) -> Path:
    """Make the quantizer wait in the second case; return the file that shows that it waits."""
    flag = repository.path / "flag"
    lines = [line.replace("FLAG", repr(str(flag))) for line in body or WAITING]
    repository.quantizer("if is_broken(model):", *(f"    {line}" for line in lines), "return []")
    return flag


def elsewhere(repository: ToyRepository, where: str) -> None:
    if where == "isolated":
        repository.ini("amct_isolate = true")
    elif where == "command":
        repository.write(
            "tool.py",
            "import sys, json, time, onnx, toy\n"
            "if toy.is_broken(onnx.load(sys.argv[1])):\n"
            "    toy.quantize(onnx.load(sys.argv[1]), None)\n"
            "json.dump({'format': 'pytest-amct-decisions/2', 'layers': {}},"
            " open(sys.argv[2] + '.json', 'w'))\n",
        )
        repository.environment["PYTHONPATH"] = str(repository.path)
        repository.ini(quantizer=f"command: {sys.executable} tool.py {{model}} {{output}}")


def is_alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signo", "where"),
    [
        ("SIGTERM", "here"),
        ("SIGHUP", "here"),
        ("SIGTERM", "isolated"),
        ("SIGTERM", "command"),
        ("SIGTERM", "-n2"),
    ],
)
@pytest.mark.parametrize("whom", ["process", "both"])
def test_a_run_that_a_signal_ends_reports_what_was_judged(
    signo: str, where: str, whom: str, repository: ToyRepository
) -> None:
    """`timeout` sends its signal to pytest and then to its whole group."""
    home = repository.temporary()
    record = "open(FLAG + '.pid', 'w').write(str(os.getpid()))"
    flag = waiting(repository, record, *WAITING)
    elsewhere(repository, where)
    workers = [where] if where == "-n2" else []
    with repository.started("-p", "no:randomly", *workers) as process:
        wait_for(flag.exists)
        os.kill(process.pid, getattr(signal, signo))
        if whom == "both":
            os.killpg(process.pid, getattr(signal, signo))
        out, err = process.communicate(timeout=60)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, out + err
    path = repository.path / "rep" / "amct-report.json"
    told = f"amct: stopped by {signo}: the quantizer is not blamed; what was judged is in {path}"
    assert told in out, out + err
    assert "amct: " not in err
    assert repository.report()["complete"] is False
    assert repository.report()["cases"] >= 1
    assert repository.report()["findings"] == []
    assert not list((repository.path / ".pytest_cache").rglob("journal-*"))
    assert [*home.glob("amct-*")] == []
    assert not is_alive(Path(f"{flag}.pid").read_text())


def test_ctrl_c_comes_to_parent_and_child_and_counts_once(repository: ToyRepository) -> None:
    flag, home = waiting(repository), repository.temporary()
    with repository.started("-p", "no:randomly") as process:
        wait_for(flag.exists)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert [*home.glob("amct-*")] == []
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert "amct: " not in err
    assert "no tests ran" in out
    assert "3 cases (partial: the run did not complete; " in out
    report = repository.report()
    assert report["findings"] == []
    left = report["selection"]["left_out"]
    assert (left["tests"], left["by"]) == (left["of"], ["the end of the run or a plugin"])


def test_a_quantizer_cannot_swallow_the_end(repository: ToyRepository) -> None:
    swallow = ("open(FLAG, 'w').close()", "try: time.sleep(100)", "except BaseException: pass")
    flag = waiting(repository, *swallow)
    with repository.started("-p", "no:randomly") as process:
        wait_for(flag.exists)
        process.terminate()
        out, _ = process.communicate(timeout=60)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert "stopped by SIGTERM" in out
    assert repository.report()["findings"] == []


def test_a_call_that_hears_no_signal_is_ended_all_the_same(repository: ToyRepository) -> None:
    deaf = "import signal; [signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)]"
    flag = waiting(repository, deaf, *WAITING)
    home = repository.temporary()
    repository.ini('amct_timeout = "20"')
    with repository.started("-p", "no:randomly", "-o", "amct_timeout=2") as process:
        wait_for(flag.exists)
        process.terminate()
        _, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert "amct: pytest was stopped by SIGTERM during case" in err
    assert "the quantizer is not blamed" in err
    assert repository.report()["findings"] == []
    assert [*home.glob("amct-*")] == []


def test_the_death_of_the_watching_process_ends_the_run_in_order(
    repository: ToyRepository,
) -> None:
    waiting(repository, "os.kill(os.getppid(), 9)", *WAITING)
    with repository.started("-p", "no:randomly") as process:
        out, _ = process.communicate(timeout=60)  # until the child has ended, too
    assert process.returncode == -signal.SIGKILL
    assert "the quantizer is not blamed" in out
    assert repository.report()["findings"] == []
    assert repository.report()["complete"] is False


def test_forks_of_a_quantizer_end_as_they_would_anywhere(repository: ToyRepository) -> None:
    repository.quantizer(
        "import multiprocessing",
        "child = multiprocessing.get_context('fork').Process(target=time.sleep, args=(100,))",
        "child.start()",
        "child.terminate()",
        "child.join()",
        "assert child.exitcode == -15, child.exitcode",
        "return obey(model, request)",
    )
    run = repository.cheap()
    assert run.code == 0, run.text


def test_handlers_that_a_quantizer_replaces_are_put_back(repository: ToyRepository) -> None:
    repository.quantizer(
        "import signal",
        "for signo in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):",
        "    assert signal.getsignal(signo) != signal.SIG_IGN",
        "    signal.signal(signo, signal.SIG_IGN)",
        "return obey(model, request)",
    )
    assert repository.cheap().code == 0
