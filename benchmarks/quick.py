"""Measure which part of the gate's time the quick profile takes, with a quantizer that is slow.

    python benchmarks/quick.py              # nncf, about 10 minutes; status 1 if a bound is not met
    python benchmarks/quick.py tflite

Both run one after the other, each in one process. What counts is the wall time of the whole run.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measured import Measured, show

BOUND = 0.2


def main() -> int:
    """Measure both profiles, print the part, and return 1 if it is more than its bound, else 0."""
    quantizer = sys.argv[1] if len(sys.argv) > 1 else "nncf"
    quick, gate = _seconds(quantizer, "quick"), _seconds(quantizer, "gate")
    return show([Measured(f"{quantizer}: wall time, quick / gate", quick / gate, BOUND)])


def _seconds(quantizer: str, profile: str) -> float:
    """Return how long a run takes. It may find violations, but must come to its end."""
    options = ["--amct", f"--amct-quantizer={quantizer}", f"--amct-profile={profile}", "-q"]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pyproject.toml").write_text("[tool.pytest.ini_options]\n", encoding="utf-8")
        command = [sys.executable, "-m", "pytest", *options, "--tb=no", "-p", "no:randomly"]
        start = time.perf_counter()
        ended = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
        seconds = time.perf_counter() - start
    if ended.returncode > 1:
        sys.exit(ended.stdout)
    return seconds


if __name__ == "__main__":
    sys.exit(main())
