"""What commands about models share: options for releases and formats, and how text is written."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pytest_amct.choosing import ALL
from pytest_amct.errors import UsageError
from pytest_amct.files import write_file
from pytest_amct.reports.sheets import Sheet, as_markdown, as_text, for_terminal
from pytest_amct.tables.loader import DEFAULT_RELEASE, load_spec

FORMATS = ("text", "json", "markdown", "html")

_MOST_ROWS = 200
"""The most rows of a table that a terminal shows."""


def add_spec(add: argparse.ArgumentParser) -> None:
    """Add the option for releases."""
    add.add_argument(
        "--spec",
        action="append",
        metavar="SPEC",
        help=f"a release or a .toml file of tables, latest, or all; may be repeated"
        f" (default: {DEFAULT_RELEASE})",
    )


def add_format(add: argparse.ArgumentParser) -> None:
    """Add the options for the format of what is written, and where."""
    add.add_argument("--format", choices=FORMATS, default=FORMATS[0])
    add.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to a file")


def spec_names(given: argparse.Namespace) -> list[str]:
    """Return the releases as the command line names them; an unknown one raises `UsageError`."""
    names: list[str] = given.spec or [DEFAULT_RELEASE]
    for name in names:
        if name != ALL:
            load_spec(name)
    return names


def as_json(document: Any) -> str:
    """Return a JSON document as text."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def joined(sheets: Iterable[Sheet], given: argparse.Namespace) -> str:
    """Return sheets in the format that the command line asks for: Markdown or text."""
    if given.format == "markdown":
        return "\n".join(map(as_markdown, sheets))
    if given.output is None and sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        return "\n".join(for_terminal(sheet, width, _MOST_ROWS) for sheet in sheets)
    return "\n".join(map(as_text, sheets))


def check_output(given: argparse.Namespace) -> None:
    """Raise `UsageError` for HTML to a terminal, or for a file whose folder does not exist."""
    if given.format == "html" and given.output is None and sys.stdout.isatty():
        raise UsageError("--format html: write a page to a file: add -o PAGE.html")
    if given.output is not None and not os.path.isdir(given.output.absolute().parent):
        raise UsageError(f"-o {given.output}: there is no such folder: create it, or name another")


def check_kept(option: str, output: Path | None, read: Iterable[Path]) -> None:
    """Raise `UsageError` if a file that is to be written is one of those that are read."""
    if output is None or not os.path.exists(output):
        return
    if any(os.path.exists(path) and path.samefile(output) for path in read):
        raise UsageError(f"{option} {output}: this file is read: name another file")


def say(given: argparse.Namespace, text: str) -> None:
    """Write a text to the file that the command line names, or to standard output."""
    if given.output is not None:
        write_file(given.output, text)
    else:
        print_whole(text, "add -o FILE")


def print_whole(text: str, cure: str = "write it to another place") -> None:
    """Write a text to standard output, with escapes for what its encoding lacks.

    Raise `UsageError`, which ends with `cure`, if it cannot be written. A reader who closes the
    pipe has seen enough and causes no error.
    """
    encoding = sys.stdout.encoding or "utf-8"  # names may hold what it cannot write
    text = text.encode(encoding, "backslashreplace").decode(encoding)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UsageError(
            f"the standard output cannot be written ({error.strerror}): {cure}"
        ) from None
