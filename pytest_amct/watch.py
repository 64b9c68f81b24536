"""Watchdog: the process started as pytest forks; the child runs the tests, the parent watches it.

Native code can end a process with status 0 at any time (C's ``exit``, ``execv``). The status of a
process that has ended cannot be corrected. So the process whose status the shell sees never calls
a quantizer. It waits for its child. Through a pipe the child reports what is judged and, at the
end, the exit status. If the child ends without reporting a status, something killed it: the parent
says by which signal and in which case, writes the report from the journals, and ends with a
failure. It also ends processes whose call hangs, and forwards signals.

The fork happens before conftest files are loaded. It costs milliseconds; a second interpreter would
cost as much as starting pytest. Both processes share the process group and the streams, so Ctrl-C,
Ctrl-Z, pdb, capture and coverage work as usual.

Only the command is watched (``pytest``, ``python -m pytest``, ``coverage run -m pytest``), on
systems with ``sigtimedwait`` (Linux). A program that calls `pytest.main` is not forked: if the
quantizer ends its process, nothing is reported.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

from pytest_amct.losses import tell
from pytest_amct.processes.journal import mark_hung, read_journal
from pytest_amct.processes.temporary import cut

LINK = pytest.StashKey["Link"]()
"""The stash key of the link in the configuration of a watched run."""

_ENDING = (signal.SIGHUP, signal.SIGTERM)
_PASSED_ON = (*_ENDING, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_POLL = 0.2
"""Seconds between two checks of the journals."""

_GRACE = 10.0
"""Seconds that pytest has to end after a signal."""


@dataclass(slots=True)
class Link:
    """The child's end of the pipe to the process that watches it."""

    file: int
    owner: int

    def say(self, **values: Any) -> None:
        """Send values to the parent. Forks of this process send nothing."""
        if os.getpid() == self.owner:
            with contextlib.suppress(OSError):  # the parent may have ended
                os.write(self.file, json.dumps(values, default=os.fspath).encode() + b"\n")


def is_command(config: pytest.Config) -> bool:
    """Return whether pytest was started as a command, not by a program that continues after it."""
    program = Path(sys.argv[0])
    named = program.name in ("pytest", "py.test")
    module = program == Path(pytest.__file__).with_name("__main__.py")
    given = tuple(map(str, config.invocation_params.args))
    return (named or module) and given == tuple(sys.argv[1:]) and hasattr(signal, "sigtimedwait")


def watched() -> Link:
    """Fork and return in the child. The parent waits for the child and ends as it did."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    blocked = {*_PASSED_ON, signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns if a plugin has started threads
        child = os.fork()
    if child:
        os.close(writing)
        _watch(child, reading, blocked)
    os.close(reading)
    _end_with_parent()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return Link(writing, os.getpid())


def _end_with_parent() -> None:
    """Let the kernel send SIGTERM when the parent is killed: it could not forward that signal."""
    with contextlib.suppress(Exception):  # not every system has prctl
        import ctypes

        ctypes.CDLL(None).prctl(1, int(signal.SIGTERM))  # PR_SET_PDEATHSIG


# --- the parent -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Told:
    """What the child has reported so far."""

    file: int
    #: what is judged: settings with scratch folder and time limit, quantizer, selection
    begun: dict[str, Any] | None = None
    #: whether pytest has written the report itself
    reported: bool = False
    #: the exit status of pytest
    status: int | None = None
    _rest: bytes = b""

    def listen(self) -> None:
        """Read what the child has sent since the last call."""
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self.file, 1 << 16):
                self._rest += part
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            said = json.loads(line)
            self.begun = said.get("begun", self.begun)
            self.reported = said.get("reported", self.reported)
            self.status = said.get("status", self.status)

    @property
    def timeout(self) -> float:
        """Seconds that a call may take."""
        return float(self.begun["settings"]["timeout"]) if self.begun else 300.0

    def journals(self, child: int) -> list[Path]:
        """Return the journals of the run: that of the child, or those of its workers."""
        scratch = Path(self.begun["settings"]["scratch"]) if self.begun else None
        return sorted(scratch.glob(f"journal-{child}-*.jsonl")) if scratch else []


def _watch(child: int, reading: int, signals: set[signal.Signals]) -> NoReturn:
    told = _Told(reading)
    try:
        code = _end(child, told, *_wait(child, told, signals))
    except BaseException:  # returning into pytest would run everything twice
        traceback.print_exc()
        code = int(pytest.ExitCode.INTERNAL_ERROR)
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    if code < 0:
        _die(-code)
    os._exit(code)


def _wait(child: int, told: _Told, signals: set[signal.Signals]) -> tuple[int, str]:
    """Wait for the child. Return its exit code (< 0: signal), and why we ended it, if we did."""
    killed, deadline, silences = "", float("inf"), _Silences()
    while True:
        about = signal.sigtimedwait(signals, _POLL)
        told.listen()
        if about is not None and about.si_signo in _PASSED_ON:
            if about.si_code <= 0:  # from a process; a terminal signals the child itself
                os.kill(child, about.si_signo)
            if about.si_signo in _ENDING and deadline == float("inf"):
                killed = signal.Signals(about.si_signo).name
                deadline = time.monotonic() + min(_GRACE, told.timeout)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            told.listen()
            return os.waitstatus_to_exitcode(status), killed
        if told.status is not None and killed != "the end":
            killed, deadline = "the end", time.monotonic() + told.timeout
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        elif told.status is None:
            silences.look(told.journals(child), told.timeout, told.begun)


@dataclass(slots=True)
class _Silences:
    """How long nothing was written to each journal. Time in suspension does not count."""

    since: dict[Path, tuple[int, float]] = field(default_factory=dict)
    last: float = field(default_factory=time.monotonic)

    def look(self, journals: list[Path], timeout: float, begun: dict[str, Any] | None) -> None:
        """End the processes whose call takes longer than `timeout`."""
        now, passed = time.monotonic(), min(time.monotonic() - self.last, 1.0)
        self.last = now
        for journal in journals:
            with contextlib.suppress(OSError):
                size, (before, seconds) = (
                    journal.stat().st_size,
                    self.since.get(journal, (-1, 0.0)),
                )
                self.since[journal] = (size, seconds + passed if size == before else 0.0)
                if size != before:
                    continue
                remains = read_journal(journal)
                cut(f"{remains.temporary}output")
                limited = begun is not None and not begun["elsewhere"]
                if limited and remains.case and self.since[journal][1] > timeout:
                    mark_hung(journal)
                    os.kill(remains.process, signal.SIGKILL)


def _end(child: int, told: _Told, code: int, killed: str) -> int:
    """Report how the run ended and return the exit status of the command."""
    if told.status is not None:
        if killed == "the end" and code == -signal.SIGKILL:
            _say("pytest did not end after its last test (is a thread still running?): killed")
            return told.status
        return code or told.status
    if told.begun is None:
        if code not in (0, pytest.ExitCode.NO_TESTS_COLLECTED):
            return code
        _say(f"pytest ended with exit status {code} before anything was judged")
        return int(pytest.ExitCode.INTERNAL_ERROR)
    found = [(path, read_journal(path)) for path in told.journals(child)]
    for _, remains in found:
        if remains.process != child:  # a worker without a controller
            with contextlib.suppress(ProcessLookupError):
                os.kill(remains.process, signal.SIGKILL)
    stopped = killed if code == -signal.SIGKILL else ""
    _say(tell(told.begun, found, child, code, stopped=stopped, reported=told.reported))
    return code if code not in (0, pytest.ExitCode.NO_TESTS_COLLECTED) else 1


def _say(sentence: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # the terminal may be closed
        sys.stderr.write(f"\namct: {sentence}\n")
        sys.stderr.flush()


def _die(signo: int) -> NoReturn:
    """End by the same signal, so that the shell sees it. No second core file is written."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        signal.signal(signo, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signo})
    os.kill(os.getpid(), signo)
    os._exit(128 + signo)
