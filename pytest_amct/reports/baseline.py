"""The earlier report with which a run is compared (``--amct-compare``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_amct.errors import UsageError
from pytest_amct.reports.changes import (
    About,
    Changes,
    about,
    check_alike,
    check_whole,
    compare_reports,
    violations_of,
)
from pytest_amct.reports.json_report import FILE_NAME
from pytest_amct.reports.reading import read_report
from pytest_amct.verdicts import Key


@dataclass(frozen=True, slots=True)
class Baseline:
    """An earlier report on the same quantizer."""

    #: the name of its file; of its folder if the file has the usual name
    name: str
    report: Mapping[str, Any]
    #: the keys of its violations, by release and title
    violations: Mapping[tuple[str, str], frozenset[Key]]

    def changes(self, report: Mapping[str, Any]) -> Changes:
        """Return what changed from the earlier report to this one."""
        return compare_reports(self.report, report)


def read_baseline(path: Path, run: About, folder: Path | None) -> Baseline:
    """Read the report with which a run is compared; `folder` is where the run writes its own.

    Raises `UsageError` if it cannot be read, if it is partial, if the run is about anything else,
    or if the run would write over it: what is new would then be known to the next run.
    """
    option = f"--amct-compare={path}"
    if folder is not None and path.resolve() in (folder.resolve(), (folder / FILE_NAME).resolve()):
        raise UsageError(
            f"{option}: this run would write its report over it: name another folder with"
            " --amct-report"
        )
    try:
        report = read_report(path)
    except UsageError as error:
        raise UsageError(f"--amct-compare: {error}") from None
    check_whole(report, option)
    check_alike(about(report), run, (option, "this run"))
    name = path.parent.name if path.name == FILE_NAME else path.name
    return Baseline(name, report, violations_of(report))
