"""A small repository with a quantizer, in which pytest runs as users run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CHEAP = "uniform/onnx/Gemm/trans_a"
"""A condition with few cases; `GEMM_ALWAYS` breaks it."""

BROKEN = f"{CHEAP}@1"
"""Its simplest case that must not be quantized."""

INI_TABLES = [
    ("pyproject.toml", "tool.pytest.ini_options"),
    *([("pytest.toml", "pytest")] if pytest.version_tuple >= (9,) else []),
]
"""Files with settings, each with its table; pytest 9 has one whose values need not be text."""

_TOY = '''
import os
import sys
import time
from pytest_amct.quantizers.builtin.reference import Reference

def obey(model, request):
    """Does what the tables say."""
    return Reference().quantize(model, request)

def gemm_always(model, request):
    """Quantizes every Gemm, whatever the tables say."""
    gemms = {n.name: True for n in model.graph.node if n.op_type == "Gemm"}
    return obey(model, request) | gemms

def is_broken(model):
    """Whether it is a model that breaks trans_a."""
    return any(a.name == "transA" and a.i == 1 for n in model.graph.node for a in n.attribute)

def quantize(model, request):
    BODY
'''


@dataclass(frozen=True)
class Run:
    """The result of a pytest run."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Everything that was printed."""
        return self.out + self.err


class ToyRepository:
    """A repository with ``toy.py`` and one ordinary test."""

    def __init__(self, path: Path, compiled: Path) -> None:
        self.path = path
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        # Python takes twice as long to start if nothing is compiled beforehand.
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        self.environment = {**kept, "PYTHONPYCACHEPREFIX": str(compiled)}
        self.ini()
        self.quantizer("return obey(model, request)")
        self.write("test_own.py", "def test_own():\n    pass\n")

    def write(self, name: str, text: str) -> Path:
        """Write a file."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def ini(self, *lines: str, quantizer: str = "toy:quantize") -> None:
        """Write the ini file: TOML lines besides the quantizer's name."""
        named = f'amct_quantizer = "{quantizer}"' if quantizer else ""
        self.write("pyproject.toml", "\n".join(["[tool.pytest.ini_options]", named, *lines]) + "\n")

    def quantizer(self, *body: str) -> None:
        """Write ``toy.py``, with a function quantize(model, request) of these lines."""
        self.write("toy.py", _TOY.replace("BODY", "\n    ".join(body)))

    def pytest(self, *arguments: str, timeout: float = 60, cwd: Path | None = None) -> Run:
        """Run pytest in a separate process, with the plugins of this environment."""
        return self.python("-m", "pytest", *arguments, timeout=timeout, cwd=cwd)

    def python(self, *arguments: str, timeout: float = 60, cwd: Path | None = None) -> Run:
        """Run Python of this environment."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=cwd or self.path,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    def temporary(self) -> Path:
        """A separate folder for the temporary files of runs."""
        folder = self.path / "temporary"
        folder.mkdir()
        self.environment["TMPDIR"] = str(folder)
        return folder

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """The suite on one condition, running in a separate process group."""
        command = ("-m", "pytest", "--amct", f"--amct-select={CHEAP}", "--amct-max-examples=0")
        process = subprocess.Popen(
            [sys.executable, *command, "--amct-report=rep", *arguments],
            cwd=self.path,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def amct(self, *arguments: str) -> Run:
        """Run the suite."""
        return self.pytest("--amct", *arguments)

    def refused(self, *arguments: str) -> str:
        """Return the sentence of a usage error; fail if the run ended in another way."""
        unneeded = ("hypothesispytest", "randomly", "xdist")
        run = self.pytest(*(f"-pno:{name}" for name in unneeded), *arguments)
        lines = [line for line in run.text.splitlines() if line.strip()]
        assert run.code == pytest.ExitCode.USAGE_ERROR, run.text
        assert len(lines) == 1, run.text
        assert lines[0].startswith("ERROR: "), run.text
        return lines[0].removeprefix("ERROR: ")

    def all_refused(self, lines: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """The one sentence of each command line, by name, without the paths of this machine."""
        unneeded = [f"-pno:{name}" for name in ("hypothesispytest", "randomly", "xdist", "syrupy")]
        asked = {name: [*unneeded, *line] for name, line in lines.items()}
        runs, answers = self.write("lines.json", json.dumps(asked)), self.path / "answers.json"
        done = self.python(
            str(Path(__file__).with_name("forked_runs.py")), *map(str, (runs, answers))
        )
        assert done.code == 0, done.text
        found = {}
        for name, (code, text) in json.loads(answers.read_text()).items():
            printed = [line for line in text.splitlines() if line.strip()]
            assert code == pytest.ExitCode.USAGE_ERROR, (name, code, text)
            assert len(printed) == 1 and printed[0].startswith("ERROR: "), (name, text)
            found[name] = printed[0].removeprefix("ERROR: ").replace(str(self.path), "ROOT")
        return found

    def cheap(self, *arguments: str) -> Run:
        """Run one condition of the suite without examples, and write a report."""
        return self.amct(
            f"--amct-select={CHEAP}", "--amct-max-examples=0", "--amct-report=rep", *arguments
        )

    def report(self, folder: str = "rep") -> dict[str, Any]:
        """The report of the last run."""
        report: dict[str, Any] = json.loads((self.path / folder / "amct-report.json").read_text())
        return report

    def findings(self, kind: str) -> Iterator[dict[str, Any]]:
        """The findings of one kind in the last report."""
        return (f for f in self.report()["findings"] if f["kind"] == kind)
