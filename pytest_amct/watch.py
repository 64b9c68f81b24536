"""A second process that outlives the first: it tells what a quantizer took down.

A function that kills the process, or hangs where no signal reaches Python, leaves nobody to say
so. The watcher holds one end of a pipe: if the other end closes without a farewell, or one call
lasts too long, it says which case it was and writes the report from the journal.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_amct.journal import mark_hung, read_journal

if TYPE_CHECKING:
    from pytest_amct.options import Settings

_FAREWELL = b"done"
_POLL = 0.5
"""Seconds between two looks at the journal."""


class Watch:
    """The watcher of this process. `close` bids it farewell.

    The watcher of a worker ends it if it hangs and says nothing: the controller will.
    """

    def __init__(
        self,
        journal: Path,
        settings: Settings,
        quantizer: str,
        selection: dict[str, Any],
        worker: bool,
    ) -> None:
        told = {
            "journal": journal,
            "settings": asdict(settings),
            "quantizer": quantizer,
            "selection": selection,
            "parent": os.getpid(),
            "worker": worker,
        }
        # -P: nothing in the working directory may stand in for a module.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pytest_amct.watch", json.dumps(told, default=os.fspath)],
            stdin=subprocess.PIPE,
        )

    def close(self) -> None:
        """End the watcher; nothing was lost."""
        with contextlib.suppress(OSError):
            self._process.communicate(_FAREWELL)


def main(told: dict[str, Any]) -> int:
    """Wait for the end of the watched process. Returns 0 if it said farewell."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    journal, parent = Path(told["journal"]), told["parent"]
    said: list[bytes] = []
    listener = threading.Thread(target=_listen, args=[said], daemon=True)
    listener.start()
    silence = _Silence(journal)
    # A fork of the watched process may hold the pipe open, so its end shows in two ways.
    while listener.is_alive() and os.getppid() == parent:
        listener.join(_POLL)
        if silence.seconds() > told["settings"]["timeout"] and read_journal(journal).case:
            mark_hung(journal)
            if not told["worker"]:
                _tell(told, journal)
            with contextlib.suppress(OSError):
                os.kill(parent, signal.SIGKILL)
            return 1
    if b"".join(said) == _FAREWELL:
        return 0
    if not told["worker"]:
        _tell(told, journal)
    return 1


def _listen(said: list[bytes]) -> None:
    while part := os.read(sys.stdin.fileno(), 64):
        said.append(part)


class _Silence:
    """For how long nothing was written to a file, on a clock that stands still in suspension."""

    def __init__(self, path: Path) -> None:
        self.path, self.size, self.since = path, -1, time.monotonic()

    def seconds(self) -> float:
        with contextlib.suppress(OSError):
            size = self.path.stat().st_size
            if size != self.size:
                self.size, self.since = size, time.monotonic()
        return time.monotonic() - self.since


def _tell(told: dict[str, Any], journal: Path) -> None:
    from pytest_amct.errors import AmctError
    from pytest_amct.options import settings_from
    from pytest_amct.reports.assembly import Collected, assemble
    from pytest_amct.reports.json_report import write_report
    from pytest_amct.tables.loader import load_spec

    settings, quantizer = settings_from(told["settings"]), told["quantizer"]
    collected, remains = Collected(), read_journal(journal)
    sentence = collected.add_remains(remains, quantizer, hung=remains.hung)
    if settings.report:
        report = assemble(
            collected, load_spec(settings.spec), settings, quantizer, told["selection"]
        )
        try:
            sentence += f"; what was judged is in {write_report(report, settings.report)}"
        except AmctError as error:
            sentence += f"; {error}"
    if remains.case is not None:
        sentence += f"; again: {again(settings, remains.case)}"
    sys.stderr.write(f"\namct: {sentence}\n")
    sys.stderr.flush()
    journal.unlink(missing_ok=True)


def again(settings: Settings, case: str) -> str:
    """The command that judges a lost case again."""
    if settings.model:
        return f"{settings.command} {shlex.quote(f'--amct-model={settings.model}')}"
    return f"{settings.command} {shlex.quote(f'--amct-select={case}')}"


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
