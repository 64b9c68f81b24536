"""The report as a file, written completely or not at all."""

from __future__ import annotations

import json
import os
from importlib import resources
from pathlib import Path
from typing import Any

from pytest_amct.errors import UsageError

FILE_NAME = "amct-report.json"


def write_report(report: dict[str, Any], folder: Path) -> Path:
    """Write the report into a folder, creating it if needed, and return the file's path."""
    path = folder / FILE_NAME
    partial = path.with_suffix(".partial")
    text = json.dumps(report, indent=2, sort_keys=True) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        try:
            with partial.open("x", encoding="utf-8") as file:  # "x" never follows a link
                file.write(text)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return path


def remove_report(folder: Path) -> None:
    """Remove the report of an older run, if there is one."""
    try:
        (folder / FILE_NAME).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> UsageError:
    return UsageError(
        f"--amct-report={folder}: cannot be written to ({error.strerror}): name another folder"
    )


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the report, which ships with the package."""
    text = (resources.files("pytest_amct.reports") / "report.schema.json").read_text("utf-8")
    value: dict[str, Any] = json.loads(text)
    return value
