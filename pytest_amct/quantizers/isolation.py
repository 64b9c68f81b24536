"""Runs a function in a separate process (``amct_isolate``), so that a crash costs one case.

The process is kept from call to call and restarted after a crash. It uses this process' import
path. Its first message says whether it could load the quantizer. Requests and outcomes follow. Each
message is its length and a pickle. Both sides are this package.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pytest_amct.decisions.decision import Outcome
from pytest_amct.errors import UsageError
from pytest_amct.graphs.reading import ModelFiles
from pytest_amct.processes.endings import cause
from pytest_amct.processes.temporary import cut, noted, private_folder
from pytest_amct.request_options import RequestOptions
from pytest_amct.tables.loader import DEFAULT_RELEASE, load_spec

_LENGTH = struct.Struct("<Q")
_POLL = 0.2
"""Seconds between two checks of the size of the output."""


class Isolated:
    """The process in which a quantizer runs."""

    def __init__(
        self, name: str, rootdir: Path, timeout: float, specs: tuple[str, ...] = (DEFAULT_RELEASE,)
    ) -> None:
        self.name, self.rootdir, self.timeout, self.specs = name, rootdir, timeout, specs
        self._process: subprocess.Popen[bytes] | None = None
        self._end = contextlib.ExitStack()
        self._folder = ""

    def start(self) -> None:
        """Start the process and let it load the quantizer. The first `run` does so if needed.

        Raises `UsageError` if that fails.
        """
        if self._process is not None:
            return
        try:
            self._process = self._started()
            self._end.enter_context(noted(self._process.pid))
            refused = pickle.loads(self._receive())
        except TimeoutError:
            refused = f"it took longer than {self.timeout:g} s"
        except EOFError:
            refused = self._ended()
        except OSError as error:
            refused = str(error)
        except BaseException:  # Ctrl-C
            self.close()
            raise
        if refused:
            self.close()
            raise UsageError(
                f"amct_isolate: quantizer {self.name!r} cannot be loaded in a separate process:"
                f" {refused}: correct that, or set amct_isolate to false"
            )

    def run(self, model: ModelFiles, options: RequestOptions) -> tuple[Outcome, ...]:
        """Return the outcomes of one call, one for each release.

        They are ``crashed`` or ``timed-out`` without an answer.
        """
        found = self._run(model, options)
        return (found,) * len(self.specs) if isinstance(found, Outcome) else found

    def _run(self, model: ModelFiles, options: RequestOptions) -> tuple[Outcome, ...] | Outcome:
        try:
            self.start()
        except UsageError as error:
            return Outcome("errored", message=str(error))
        assert self._process is not None
        request = (model.framework, model.data, dict(model.files), options, self.specs)
        try:
            _send(self._process.stdin, pickle.dumps(request))
            answer = self._receive()
        except TimeoutError:
            self.close()
            return Outcome("timed-out", message=f"no answer within {self.timeout:g} s: killed")
        except (OSError, EOFError):
            ended = self._ended()
            self.close()
            return Outcome("crashed", message=ended)
        outcomes: tuple[Outcome, ...] = pickle.loads(answer)
        return outcomes

    def close(self) -> None:
        """End the process and its children."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        self._end.close()

    def _started(self) -> subprocess.Popen[bytes]:
        # If it is killed, its temporary files are removed with the folder.
        folder = self._end.enter_context(private_folder())
        self._folder = os.fspath(folder)
        given = (self.name, os.fspath(self.rootdir), json.dumps(sys.path))
        return subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, *given],
            env={**os.environ, "TMPDIR": self._folder},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def _receive(self) -> bytes:
        assert self._process is not None
        stream, deadline = self._process.stdout, time.monotonic() + self.timeout
        assert stream is not None
        while not select.select([stream], [], [], _POLL)[0]:
            for output in glob.glob(f"{glob.escape(self._folder)}/*-output"):
                cut(output)
            if time.monotonic() > deadline:
                raise TimeoutError
        return _receive(stream, deadline)

    def _ended(self) -> str:
        assert self._process is not None
        return f"the process ended with {cause(self._process.wait())}"


def _send(stream: Any, message: bytes) -> None:
    stream.write(_LENGTH.pack(len(message)) + message)
    stream.flush()


def _receive(stream: Any, deadline: float) -> bytes:
    (length,) = _LENGTH.unpack(_read(stream.fileno(), _LENGTH.size, deadline))
    return _read(stream.fileno(), length, deadline)


def _read(fd: int, count: int, deadline: float) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        ready, _, _ = select.select([fd], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        part = os.read(fd, min(count - len(parts), 1 << 20))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def _serve(name: str, rootdir: Path) -> None:
    """Load the quantizer, then answer requests until the other side closes."""
    # Only the child needs these: the process that starts it must not load what it isolates.
    from pytest_amct.quantizers.loading import load_quantizer
    from pytest_amct.quantizers.running import ask

    # Messages use duplicates, so that printing to the standard streams does not mix with them.
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    try:
        quantizer = load_quantizer(name, rootdir)
    except UsageError as error:
        _send(outgoing, pickle.dumps(str(error)))
        return
    _send(outgoing, pickle.dumps(""))
    while header := incoming.read(_LENGTH.size):
        *model, options, names = pickle.loads(incoming.read(_LENGTH.unpack(header)[0]))
        specs = tuple(map(load_spec, names))
        outcomes = ask(quantizer, ModelFiles(*model), None, options, specs)
        _send(outgoing, pickle.dumps(outcomes))
    quantizer.close()


if __name__ == "__main__":
    sys.path[:] = json.loads(sys.argv[3])
    _serve(sys.argv[1], Path(sys.argv[2]))
