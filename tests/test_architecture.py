"""The import contracts in pyproject.toml hold, and would notice a violation."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def _lint(root: Path) -> subprocess.CompletedProcess[str]:
    # -P and an explicit path: read the packages of this folder, not installed ones.
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from importlinter.cli import lint_imports;"
        "sys.exit(lint_imports(no_logo=True, no_cache=True))"
    )
    return subprocess.run(
        [sys.executable, "-P", "-c", program, str(root)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_contracts_hold() -> None:
    done = _lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the package that a test may break."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    left_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pytest_amct", tmp_path / "pytest_amct", ignore=left_out)
    return tmp_path


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("tables/answers.py", "pytest_amct.cases.catalog"),
        ("decisions/read.py", "pytest_amct.quantizers.running"),
        ("quantizers/running.py", "pytest_amct.decisions.matching"),
        ("graphs/onnx/ops.py", "pytest_amct.graphs.caffe.ops"),
        ("reports/terminal.py", "pytest_amct.runner"),
    ],
)
def test_a_violation_would_be_noticed(copied: Path, module: str, imported: str) -> None:
    path = copied / "pytest_amct" / module
    path.write_text(f"{path.read_text()}\n\ndef late() -> None:\n    import {imported}\n")
    done = _lint(copied)
    assert done.returncode == 1
    assert imported in done.stdout
