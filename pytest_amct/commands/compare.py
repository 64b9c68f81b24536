"""``pytest-amct compare``: what changed between two reports on the same quantizer."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from pytest_amct.commands.output import say
from pytest_amct.reports import changes_text
from pytest_amct.reports.changes import about, check_alike, check_whole, compare_reports
from pytest_amct.reports.reading import read_report

_FORMATS = ("text", "markdown", "json")


def add_parser(commands: Any) -> None:
    """Add the command to a parser of commands."""
    add = commands.add_parser("compare", help="say what changed between two reports")
    add.set_defaults(run=run, output=None)
    for name, what in (("old", "the report of an earlier run"), ("new", "the report to judge")):
        add.add_argument(
            name, type=Path, metavar=name.upper(), help=f"{what}: amct-report.json or its folder"
        )
    add.add_argument(
        "--only-new", action="store_true", help="exit with 1 only if something is worse than in OLD"
    )
    add.add_argument(
        "--across", action="store_true", help="the reports may judge by different releases"
    )
    add.add_argument("--format", choices=_FORMATS, default=_FORMATS[0])


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit status: 1 if NEW has violations.

    With ``--only-new``, 1 if it has new ones or lost a row.
    """
    old, new = read_report(given.old), read_report(given.new)
    names = str(given.old), str(given.new)
    for report, name in zip((old, new), names, strict=True):
        check_whole(report, name)
    check_alike(about(old), about(new), names, across=given.across)
    changes = compare_reports(old, new)
    if given.format == "json":
        text = json.dumps(changes_text.as_json(old, new, changes), indent=2)
    elif given.format == "markdown":
        text = changes_text.as_markdown(old, new, changes)
    else:
        text = changes_text.as_text(old, new, changes)
    say(given, f"{text}\n")
    if given.only_new:
        return int(changes.is_worse)
    return int(changes.violations > 0)
