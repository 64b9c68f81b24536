"""Run pytest on several command lines, each in a fork of one process that has imported everything.

    python forked_runs.py IN OUT

IN holds the command lines by name, OUT gets the exit status and what was printed, by name.
Started one by one, each would cost the import of pytest and of the suite.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import pytest

import pytest_amct.session  # noqa: F401


def run(arguments: list[str]) -> tuple[int, str]:
    """Run pytest in a fork."""
    with tempfile.TemporaryFile() as printed:
        child = os.fork()
        if not child:
            os.dup2(printed.fileno(), 1)
            os.dup2(printed.fileno(), 2)
            status = 70
            try:
                status = int(pytest.main(arguments))
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        printed.seek(0)
        return os.waitstatus_to_exitcode(ended), printed.read().decode()


def main() -> None:
    """Run what the file says."""
    asked, answers = map(Path, sys.argv[1:])
    lines: dict[str, list[str]] = json.loads(asked.read_text())
    answers.write_text(json.dumps({name: run(arguments) for name, arguments in lines.items()}))


if __name__ == "__main__":
    main()
