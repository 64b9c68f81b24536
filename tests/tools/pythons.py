"""Run the tests that need no extras on every other Python from 3.11 on that is installed.

    python tests/tools/pythons.py

Each gets an environment of its own in a temporary folder. Versions that are not there are skipped.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
OLDEST, NEWEST = 11, 20


def main() -> int:
    """Return 1 if the tests fail on one of them."""
    failed = []
    for minor in range(OLDEST, NEWEST + 1):
        name = f"python3.{minor}"
        if sys.version_info[:2] == (3, minor):
            continue
        if not _is_installed(name):
            print(f"{name}: not installed, skipped", flush=True)
        elif not _passes(name):
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "no failures")
    return int(bool(failed))


def _is_installed(name: str) -> bool:
    """Return whether the command runs: version managers leave commands that do not."""
    if shutil.which(name) is None:
        return False
    return subprocess.run([name, "--version"], capture_output=True).returncode == 0


def _passes(name: str) -> bool:
    print(f"{name}:", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        own = f"{folder}/bin/python"
        commands = (
            [name, "-m", "venv", folder],
            [own, "-m", "pip", "install", "-q", "-e", str(ROOT)],
            [own, "-m", "pytest", "-q", "@.ci/core_tests.txt"],
        )
        return all(subprocess.run(command, cwd=ROOT).returncode == 0 for command in commands)


if __name__ == "__main__":
    sys.exit(main())
