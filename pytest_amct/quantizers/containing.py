"""Isolates the output, warnings, working directory, environment and exit of foreign code."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import IO, Any, NoReturn

from pytest_amct.processes.signals import kept, stop_again
from pytest_amct.processes.temporary import prefix

_leave = os._exit

_MOST_READ = 1 << 16
"""The largest number of bytes of output to read, from the end."""


class Left(BaseException):
    """Raised instead of ending the process while foreign code runs."""


@contextlib.contextmanager
def contained(folder: Path) -> Iterator[None]:
    """Run foreign code in `folder`, record its output, and restore everything.

    The output is in ``recorder().last_lines()`` until the next call. `os._exit` raises `Left`.
    Raises `OSError` if there is no space for the output.
    """
    # By descriptor: the working directory may have been removed.
    home, environment = os.open(".", os.O_RDONLY), dict(os.environb)
    depth = sys.getrecursionlimit()
    try:
        with kept(), no_exit(), recorder().recording():
            os.chdir(folder)
            yield
    finally:
        os.fchdir(home)
        os.close(home)
        if dict(os.environb) != environment:
            os.environb.clear()
            os.environb.update(environment)
        sys.setrecursionlimit(depth)
    stop_again()


# --- the end of the process ---------------------------------------------------------------------


class _Guard:
    #: the process in which `os._exit` raises, 0 = none
    owner = 0


@contextlib.contextmanager
def no_exit() -> Iterator[None]:
    """Make `os._exit` raise `Left`: a run that ends early with status 0 would look green.

    Forks may exit. A fork that returns is ended, as it would go on with the tests.
    """
    before, owner = _Guard.owner, os.getpid()
    _Guard.owner, os._exit = owner, _exit
    try:
        yield
    finally:
        if os.getpid() != owner:
            _leave(1)
        _Guard.owner = before
        if not before:
            os._exit = _leave


def _exit(status: int) -> NoReturn:
    """Replace `os._exit`. A module may keep this function: outside of `no_exit` it exits."""
    if _Guard.owner == os.getpid():
        raise Left(f"os._exit({status})")
    _leave(status)


# --- output -------------------------------------------------------------------------------------


class Recorder:
    """Records the output of Python and of native libraries, warnings, and the log.

    All calls share one stream, because a tool that sets up logging keeps it. It is a named file, so
    that the process that waits for this one can truncate it when it grows too large.
    """

    def __init__(self) -> None:
        self.path = Path(f"{prefix()}output")
        self._open()

    def _open(self) -> None:
        # Append mode: after a truncation, writing continues at the start.
        self._file: IO[str] = self.path.open("a+", 1, encoding="utf-8", errors="backslashreplace")

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record stdout and stderr. What was recorded before is discarded."""
        if self._file.closed:
            self._open()
        for stream in (sys.stdout, sys.stderr, self._file):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        fd = self._file.fileno()
        os.ftruncate(fd, 0)
        saved = {1: os.dup(1), 2: os.dup(2)}
        for output in saved:
            os.dup2(fd, output)
        try:
            with (
                contextlib.redirect_stdout(self._file),
                contextlib.redirect_stderr(self._file),
                _warnings_to(self._file),
                _log_to(self._file),
            ):
                yield
        finally:
            for output, before in saved.items():
                os.dup2(before, output)
                os.close(before)

    def close(self) -> None:
        """Close and remove the file."""
        with contextlib.suppress(OSError):  # no space for buffered output
            self._file.close()
        self.path.unlink(missing_ok=True)

    def last_lines(self, count: int) -> str:
        """Return the last lines of the output, without blank lines at the end."""
        if self._file.closed:
            return ""
        try:
            self._file.flush()
        except OSError:  # no space: buffered output must not appear in another case
            self.close()
            return ""
        fd = self._file.fileno()
        size = os.fstat(fd).st_size
        if not size:
            return ""
        data = os.pread(fd, _MOST_READ, max(0, size - _MOST_READ))
        lines = data.decode("utf-8", "backslashreplace").strip().split("\n")
        kept = [line.rstrip() for line in map(_as_seen, lines) if not _BAR.search(line)]
        return "\n".join(kept[-count:])


_BAR = re.compile(r"\d%\s*[|\[][\s=#>.\u2588-\u258f-]*[|\]]")
"""A line with a progress bar: ``45%|####   | 5/11`` or ``45% [===>  ]``."""


def _as_seen(line: str) -> str:
    """Return what a terminal shows of a line in which a tool has gone back to the start."""
    return line.rstrip("\r").rpartition("\r")[2]


@cache
def recorder() -> Recorder:
    """Return the recorder of this process."""
    made = Recorder()
    atexit.register(made.close)
    return made


@contextlib.contextmanager
def _warnings_to(stream: IO[str]) -> Iterator[None]:
    """Print warnings, so that a repository's ``filterwarnings = error`` does not break a tool."""

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        stream.write(f"{category.__name__}: {message}\n")

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show
        yield


_LOGGED = logging.Formatter("%(levelname)s: %(message)s")


@contextlib.contextmanager
def _log_to(stream: IO[str]) -> Iterator[None]:
    """Print log warnings to `stream` only. Handlers that are added meanwhile are dropped."""
    handler = logging.StreamHandler(stream)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_LOGGED)
    root = logging.getLogger()
    before, root.handlers = root.handlers, [handler]
    try:
        yield
    finally:
        root.handlers = before
