"""What is being judged, on disk before each call: a quantizer may take the process with it.

One JSON value a line: ``{"call": case}`` before a call, ``{"record": {...}}`` after it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Journal:
    """Appends to the journal of one process."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("w", encoding="utf-8")

    def calling(self, case: str) -> None:
        """Note that the quantizer is about to get this case."""
        self._write({"call": case})

    def judged(self, record: dict[str, Any]) -> None:
        """Note what came of the last call."""
        self._write({"record": record})

    def close(self) -> None:
        """Remove the journal: everything in it has arrived."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _write(self, value: dict[str, Any]) -> None:
        self._file.write(json.dumps(value) + "\n")
        self._file.flush()


@dataclass(frozen=True, slots=True)
class Remains:
    """What a journal tells of a process that is gone."""

    #: the case whose call did not come back, ``None`` if the process ended between calls
    case: str | None
    records: tuple[dict[str, Any], ...]


def read_journal(path: Path) -> Remains:
    """Read what is left of a journal; a last line that was cut off is passed over."""
    case, records = None, []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return Remains(None, ())
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if "call" in value:
            case = value["call"]
        elif "record" in value:
            case = None
            records.append(value["record"])
    return Remains(case, tuple(records))
