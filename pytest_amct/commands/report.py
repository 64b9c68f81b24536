"""``pytest-amct report``: the forms of a report that people read, from its file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pytest_amct.errors import UsageError
from pytest_amct.reports.forms import Forms, check_forms, write_forms
from pytest_amct.reports.json_report import FILE_NAME
from pytest_amct.reports.reading import read_report


def add_parser(commands: Any) -> None:
    """Add the command to a parser of commands."""
    add = commands.add_parser("report", help="make HTML, Markdown or a badge of a report")
    add.set_defaults(run=run)
    add.add_argument(
        "report", type=Path, metavar="REPORT", help="the JSON report, or the folder that has it"
    )
    add.add_argument("--html", type=Path, metavar="FILE", help="one page that needs no other file")
    add.add_argument("--markdown", type=Path, metavar="FILE", help="a summary, as for a CI step")
    add.add_argument(
        "--badge", type=Path, metavar="FILE.svg", help="a picture; data for shields.io in FILE.json"
    )


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    forms = Forms(given.html, given.markdown, given.badge, prefix="--")
    if not forms.files:
        raise UsageError("report: name what to write: --html FILE, --markdown FILE, --badge FILE")
    check_forms(forms, [given.report, given.report / FILE_NAME])
    write_forms(read_report(given.report), forms)
    return 0
