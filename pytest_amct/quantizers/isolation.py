"""A function in a process of its own (``amct_isolate``): what it takes down is one case.

The process is kept from call to call and restarted after a loss. Requests and outcomes cross as
pickles, length first; both sides are this package.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_amct.decisions.decision import Outcome
from pytest_amct.graphs.reading import ModelFiles

_LENGTH = struct.Struct("<Q")


class Isolated:
    """The process in which a quantizer runs."""

    def __init__(self, name: str, rootdir: Path, timeout: float) -> None:
        self.name, self.rootdir, self.timeout = name, rootdir, timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def run(self, model: ModelFiles, asked: Mapping[str, Any]) -> Outcome:
        """The outcome of one call; ``lost`` if the process does not survive it or hangs."""
        process = self._process or self._start()
        try:
            _send(
                process.stdin,
                pickle.dumps((model.framework, model.data, dict(model.files), dict(asked))),
            )
            answer = _receive(process.stdout, time.monotonic() + self.timeout)
        except TimeoutError:
            self.close()
            return Outcome("lost", message=f"no answer within {self.timeout:g} s: killed")
        except (OSError, EOFError):
            status = process.wait()
            self.close()
            return Outcome("lost", message=f"the process ended with {_cause(status)}")
        outcome: Outcome = pickle.loads(answer)
        return outcome

    def close(self) -> None:
        """End the process, and what it has started."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _start(self) -> subprocess.Popen[bytes]:
        # What it leaves behind if it is killed goes with the folder.
        self._folder = tempfile.TemporaryDirectory(prefix="amct-", ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, self.name, os.fspath(self.rootdir)],
            env={**os.environ, "TMPDIR": self._folder.name},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        return self._process


def _cause(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"


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
    """Answer requests until the other side closes."""
    from pytest_amct.quantizers.loading import load_quantizer
    from pytest_amct.quantizers.running import run_quantizer

    # The streams that everybody prints to are kept away from the messages.
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    quantizer = load_quantizer(name, rootdir)
    while header := incoming.read(_LENGTH.size):
        *model, asked = pickle.loads(incoming.read(_LENGTH.unpack(header)[0]))
        _send(outgoing, pickle.dumps(run_quantizer(quantizer, ModelFiles(*model), **asked)))
    quantizer.close()


if __name__ == "__main__":
    _serve(sys.argv[1], Path(sys.argv[2]))
