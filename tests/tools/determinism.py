"""Run the same gate in many ways: each must produce the same report, byte for byte.

    python tests/tools/determinism.py --runs 100 --python 3.12=/path/to/python3.12

It uses other hash seeds, other orders, other numbers of processes, and other Python versions that
have pytest-amct (their reports may differ only in the versions).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

WAYS = (
    ("-n0",),
    ("-p", "randomly", "-n2"),
    ("-p", "no:randomly", "-p", "no:xdist"),
    ("-n4",),
    ("-p", "randomly"),
    ("-n2",),
    (),
)
"""Arguments of pytest that must not matter."""


def report(folder: Path, python: str, quantizer: str, way: tuple[str, ...], seed: int) -> str:
    """Return the report of a run, without the versions of Python and packages."""
    environment = {**os.environ, "PYTHONHASHSEED": str(seed % 2**32)}
    command = [python, "-m", "pytest", "--amct", "-q", "-p", "no:cacheprovider"]
    command += [f"--amct-quantizer={quantizer}", "--amct-report=report", *way]
    if "randomly" in way:
        command += ["-prandomly", f"--randomly-seed={seed}"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise SystemExit(done.stdout + done.stderr)
    found = json.loads((folder / "report" / "amct-report.json").read_text())
    found.pop("versions")
    return json.dumps(found)


def differing(runs: int, pythons: list[str], quantizer: str) -> int:
    """Return how many of the runs produced another report than the first."""
    rng, first, differ = random.Random(0), "", 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(runs):
            way, python = WAYS[number % len(WAYS)], pythons[number % len(pythons)]
            found = report(Path(folder), python, quantizer, way, rng.getrandbits(31))
            first = first or found
            differ += found != first
    return differ


def main() -> None:
    """Run the gate, and print how many reports differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=len(WAYS))
    parser.add_argument("--python", action="append", default=[sys.executable])
    parser.add_argument("--quantizer", default="onnxruntime")
    given = parser.parse_args()
    count = differing(given.runs, given.python, given.quantizer)
    print(f"{count} of {given.runs} runs differ from the first")
    sys.exit(count > 0)


if __name__ == "__main__":
    main()
