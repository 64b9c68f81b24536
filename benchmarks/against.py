"""Measure how much faster this version is than an older one, side by side.

    python benchmarks/against.py            # against 372308a; exit status 1 if a bound is not met

The old version is installed from git into a temporary folder, and uses the same dependencies. Both
versions do the same in turn, each time in a new process, so that noise affects both alike. What
counts is the processor time of exploring, and the time of a gate, which also waits for files.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from statistics import median

from measured import Measured, show

from pytest_amct.frameworks import FRAMEWORKS

ROOT = Path(__file__).parents[1]
OLD = "372308a"
ROUNDS = 5

WHAT = {
    "gate": "cases of the gate a second, now / then",
    "explore": "explored nodes a second of processor time, now / then",
}


def main() -> int:
    """Measure both versions, print the ratios, and return 1 if a bound is not met, else 0."""
    with tempfile.TemporaryDirectory() as folder:
        places = {"then": _installed(OLD, Path(folder) / "old"), "now": ROOT}
        ids = Path(folder) / "ids"
        measured = []
        for framework in FRAMEWORKS:
            then, now = (_ids(place, framework, ids) for place in places.values())
            ids.write_text("\n".join(id_ for id_ in then if id_ in now), encoding="utf-8")
            for what, said in WHAT.items():
                ratio = median(_ratio(places, what, framework, ids) for _ in range(ROUNDS))
                measured.append(Measured(f"{framework}: {said}", ratio, 2.0, at_least=True))
        return show(measured)


def _ratio(places: dict[str, Path], what: str, framework: str, ids: Path) -> float:
    rates = dict[str, float]()
    for version, place in places.items():
        done, seconds = json.loads(_worker(place, what, framework, ids))
        rates[version] = float(done / seconds)
    return rates["now"] / rates["then"]


def _ids(place: Path, framework: str, ids: Path) -> list[str]:
    """Return the ids of a version's gate."""
    _worker(place, "ids", framework, ids)
    return ids.read_text(encoding="utf-8").splitlines()


def _worker(place: Path, what: str, framework: str, ids: Path) -> str:
    command = [sys.executable, str(ROOT / "benchmarks" / "worker.py"), what, framework, str(ids)]
    environment = {**os.environ, "PYTHONPATH": str(place)}
    return subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def _installed(commit: str, folder: Path) -> Path:
    """Install a commit of this repository without dependencies; return the folder to import."""
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True)
    source = folder / "source"
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(source, filter="data")
    target = folder / "installed"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target)]
    subprocess.run([*pip, str(source)], check=True, stdout=sys.stderr)
    return target


if __name__ == "__main__":
    sys.exit(main())
