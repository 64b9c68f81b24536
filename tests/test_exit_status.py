"""The command fails if the run did not finish; otherwise it returns pytest's exit status."""

from __future__ import annotations

import pytest
from toy_repository import BROKEN, CHEAP, ToyRepository


def test_an_atexit_handler_that_ends_the_process_changes_no_verdict(
    repository: ToyRepository,
) -> None:
    leave = "import atexit, os; atexit.register(os._exit, 0); return gemm_always(model, request)"
    repository.quantizer(leave)
    run = repository.cheap()
    assert run.code == pytest.ExitCode.TESTS_FAILED
    assert repository.report()["complete"] is True


@pytest.mark.parametrize("status", [0, 5])
def test_an_end_before_the_run_is_not_a_success(status: int, repository: ToyRepository) -> None:
    repository.write("conftest.py", f"import os; os._exit({status})\n")
    run = repository.cheap()
    assert run.code == pytest.ExitCode.INTERNAL_ERROR
    told = f"amct: pytest ended with exit status {status} before anything was judged"
    assert told in run.err


def test_an_end_after_the_report_keeps_the_report(repository: ToyRepository) -> None:
    repository.write("conftest.py", "import os\ndef pytest_unconfigure(): os._exit(0)\n")
    run = repository.cheap()
    assert run.code == pytest.ExitCode.TESTS_FAILED
    assert "amct: pytest ended (exit status 0) after its report was written" in run.err
    assert repository.report()["complete"] is True


@pytest.mark.slow
@pytest.mark.parametrize(
    "left",
    [
        "import threading; threading.Thread(target=time.sleep, args=(1000,)).start()",
        "import multiprocessing; globals()['pool'] = multiprocessing.Pool(1)",
        "import subprocess; subprocess.Popen(['sleep', '5'], stdout=subprocess.DEVNULL,"
        " stderr=subprocess.DEVNULL, close_fds=False)",
    ],
    ids=["thread", "pool", "process"],
)
def test_what_a_quantizer_leaves_running_does_not_delay_the_end(
    left: str, repository: ToyRepository
) -> None:
    repository.ini('amct_timeout = "3"')
    repository.quantizer(
        "if 'done' not in globals():",
        "    globals()['done'] = True",
        f"    {left}",
        "return obey(model, request)",
    )
    run = repository.cheap("-k", "trans_a")
    assert run.code == 0, run.text
    assert ("pytest did not end after its last test" in run.err) == ("threading" in left)


def test_a_program_that_calls_pytest_continues_after_it(repository: ToyRepository) -> None:
    """pytest then runs in the program's process, without a watchdog."""
    repository.write(
        "program.py",
        "import os, pytest\n"
        "before = os.getpid()\n"
        f"code = pytest.main(['--amct', '--amct-select={BROKEN}', '--amct-report=rep'])\n"
        "assert os.getpid() == before\n"
        "print('went on after', int(code))\n"
        "raise SystemExit(7)\n",
    )
    run = repository.python("program.py")
    assert run.code == 7
    assert "went on after 0" in run.out
    assert repository.report()["complete"] is True


def test_coverage_measures_the_quantizer(repository: ToyRepository) -> None:
    pytest.importorskip("coverage")
    select = (f"--amct-select={BROKEN}", "--amct-max-examples=0")
    run = repository.python("-m", "coverage", "run", "-m", "pytest", "--amct", *select)
    assert run.code == 0, run.text
    told = repository.python("-m", "coverage", "report", "--include=toy.py").out
    assert "toy.py" in told
    assert "100%" not in told  # gemm_always is not called
    assert not told.rstrip().endswith(" 0%")


def test_a_debugger_and_the_terminal_stay_with_the_tests(repository: ToyRepository) -> None:
    import os
    import pty
    import subprocess
    import sys

    repository.write("test_own.py", "def test_own():\n    here = 40 + 2\n    breakpoint()\n")
    command = [sys.executable, "-m", "pytest", "--amct", f"--amct-select={BROKEN}", "test_own.py"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*command, "-p", "no:randomly"],
        cwd=repository.path,
        env=repository.environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        os.write(ours, b"here\ncontinue\n")
        seen = b""
        try:
            while part := os.read(ours, 1 << 16):
                seen += part
        except OSError:  # as a terminal ends
            pass
        finally:
            os.close(ours)
    assert process.returncode == 0, seen.decode()
    assert b"42" in seen
    assert b"2 passed" in seen


def test_the_status_of_pytest_passes_through(repository: ToyRepository) -> None:
    repository.write("conftest.py", "def pytest_sessionfinish(session): session.exitstatus = 77\n")
    assert repository.cheap(f"--amct-select={CHEAP}@0").code == 77
