"""The report as a file, written completely or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pytest_amct import timing
from pytest_amct.errors import UsageError
from pytest_amct.files import replace_file

FILE_NAME = "amct-report.json"


RESULTS_NAME = "amct-results.json"
"""The file of a run's results, beside its report."""


def write_report(report: dict[str, Any], folder: Path) -> Path:
    """Write the report into a folder, creating it if needed, and return the file's path."""
    return _write(folder / FILE_NAME, json.dumps(report, indent=2, sort_keys=True) + "\n")


def write_results(results: dict[str, Any], folder: Path) -> Path:
    """Write a run's results beside its report, see `reports.parts`."""
    text = json.dumps(results, separators=(",", ":"), sort_keys=True) + "\n"
    return _write(folder / RESULTS_NAME, text)


def write_times(seconds: Mapping[str, float], folder: Path) -> Path:
    """Write how long a run's calls took beside its report, see `timing`."""
    return _write(folder / timing.FILE_NAME, json.dumps(timing.times(seconds), indent=2) + "\n")


def _write(path: Path, text: str) -> Path:
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(path, text)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return path


def remove_report(folder: Path) -> None:
    """Remove the report of an older run, and the files beside it, if there are any."""
    try:
        for name in (FILE_NAME, RESULTS_NAME, timing.FILE_NAME):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{folder}: cannot be written to ({error.strerror}): name another folder for the report"
    )


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the report, which ships with the package."""
    text = (resources.files("pytest_amct.reports") / "report.schema.json").read_text("utf-8")
    value: dict[str, Any] = json.loads(text)
    return value
