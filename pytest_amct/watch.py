"""A second process that outlives the first: it tells what a quantizer took down.

A function that kills the process, or hangs where no signal reaches Python, leaves nobody to say
so. The watcher holds one end of a pipe: if the other end closes without a farewell, or one call
lasts too long, it says which case it was and writes the report from the journal.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pytest_amct.options import Settings

_FAREWELL = b"done"
_POLL = 1.0
"""Seconds between two looks at the journal."""


class Watch:
    """The watcher of this process. `close` bids it farewell."""

    def __init__(self, journal: Path, settings: Settings, quantizer: str, worker: bool) -> None:
        told = {
            "journal": os.fspath(journal),
            "report": os.fspath(settings.report) if settings.report else None,
            "spec": settings.spec,
            "profile": settings.profile,
            "quantizer": quantizer,
            "timeout": settings.timeout,
            "parent": os.getpid(),
            "worker": worker,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest_amct.watch", json.dumps(told)], stdin=subprocess.PIPE
        )

    def close(self) -> None:
        """End the watcher; nothing was lost."""
        with contextlib.suppress(OSError):
            self._process.communicate(_FAREWELL)


def main(told: dict[str, Any]) -> int:
    """Wait for the end of the watched process. Returns 0 if it said farewell."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    journal = Path(told["journal"])
    said = b""
    hung = False
    while True:
        ready, _, _ = select.select([sys.stdin.fileno()], [], [], _POLL)
        if ready:
            part = os.read(sys.stdin.fileno(), 64)
            said += part
            if not part:
                break
        elif _silent_for(journal) > told["timeout"] and _in_a_call(journal):
            hung = True
            with contextlib.suppress(OSError):
                os.kill(told["parent"], signal.SIGKILL)
    if said == _FAREWELL:
        return 0
    if not told["worker"]:  # of a worker, pytest-xdist's controller tells
        _tell(told, journal, hung)
    return 1


def _silent_for(journal: Path) -> float:
    with contextlib.suppress(OSError):
        return time.time() - journal.stat().st_mtime
    return 0.0


def _in_a_call(journal: Path) -> bool:
    from pytest_amct.journal import read_journal

    return read_journal(journal).case is not None


def _tell(told: dict[str, Any], journal: Path, hung: bool) -> None:
    from pytest_amct.journal import read_journal
    from pytest_amct.reports.assembly import Collected, assemble
    from pytest_amct.reports.json_report import write_report
    from pytest_amct.tables.loader import load_spec

    collected = Collected()
    sentence = collected.add_remains(read_journal(journal), told["quantizer"], hung=hung)
    if told["report"]:
        settings = Settings(told["quantizer"], told["spec"], told["profile"])
        report = assemble(collected, load_spec(told["spec"]), settings, told["quantizer"], {})
        sentence += f"; what was judged is in {write_report(report, Path(told['report']))}"
    sys.stderr.write(f"\namct: {sentence}\n")


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
