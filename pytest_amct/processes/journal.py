"""The journal of what is judged. It is written before each call, as the call may end the process.

Each line is a JSON value. The first is ``{"process": pid, "temporary": prefix}``. A call is
preceded by ``{"call": case}`` and followed by ``{"back": case}``; ``{"record": {...}}`` holds its
result. A process that ends a hanging one adds ``{"hung": true}``.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Journal:
    """Appends to the journal of one process."""

    def __init__(self, path: Path, temporary: str = "") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("w", encoding="utf-8")
        self._write({"process": os.getpid(), "temporary": temporary})

    def calling(self, case: str) -> None:
        """Note that the quantizer is about to be called with this case."""
        self._write({"call": case})

    def returned(self, case: str) -> None:
        """Note that the call returned."""
        self._write({"back": case})

    def judged(self, record: dict[str, Any]) -> None:
        """Note the result of a case."""
        self._write({"record": record})

    def close(self, *, arrived: bool = True) -> None:
        """Close the journal, and remove it if everything in it has arrived."""
        self._file.close()
        if arrived:
            self.path.unlink(missing_ok=True)

    def _write(self, value: dict[str, Any]) -> None:
        self._file.write(json.dumps(value) + "\n")
        self._file.flush()


@dataclass(frozen=True, slots=True)
class Remains:
    """What the journal of an ended process contains."""

    #: the case whose call did not return, ``None`` if the process ended between calls
    case: str | None
    records: tuple[dict[str, Any], ...]
    #: whether the process was ended because that call took too long
    hung: bool = False
    #: the process id, 0 = unknown
    process: int = 0
    #: the prefix of its temporary files
    temporary: str = ""


def mark_hung(path: Path) -> None:
    """Note in the journal of another process that it is ended because it hangs."""
    with path.open("a", encoding="utf-8") as file:
        file.write('{"hung": true}\n')


def read_journal(path: Path) -> Remains:
    """Read the journal of an ended process. An incomplete last line is ignored."""
    case, records, hung, process, temporary = None, [], False, 0, ""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return Remains(None, ())
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if "process" in value:
            process, temporary = value["process"], value["temporary"]
        elif "call" in value:
            case = value["call"]
        elif "record" in value:
            records.append(value["record"])
        case = None if "back" in value else case
        hung = hung or "hung" in value
    return Remains(case, tuple(records), hung, process, temporary)
