"""``pytest-amct merge``: one report of the parts of a run, such as the jobs of a CI matrix."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pytest_amct.commands.output import print_whole
from pytest_amct.errors import UsageError
from pytest_amct.reports.json_report import remove_report, write_report, write_results
from pytest_amct.reports.parts import Part, merge, read_part
from pytest_amct.wording import number, printable


def add_parser(commands: Any) -> None:
    """Add the command to a parser of commands."""
    add = commands.add_parser("merge", help="make one report of the parts of a run")
    add.set_defaults(run=run)
    add.add_argument(
        "reports",
        nargs="+",
        type=Path,
        metavar="REPORT",
        help="the report of a part: its folder, or its amct-report.json",
    )
    add.add_argument("--output", required=True, type=Path, metavar="DIR", help="where to write")
    add.add_argument(
        "--partial", action="store_true", help="write a partial report if tests are missing"
    )


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit status 0, whatever the report says."""
    parts = [read_part(path) for path in given.reports]
    folder: Path = given.output
    for part in parts:
        if folder.exists() and part.folder.samefile(folder):
            raise UsageError(
                f"--output={folder}: a part is there, which would be overwritten: name another"
                " folder"
            )
    merged = merge(parts, partial=given.partial)
    remove_report(folder)
    lacking = _copy_models(merged.models, parts, folder)
    write_results(merged.results, folder)
    path = write_report(merged.report, folder)
    count = sum(f["status"] == "failed" for f in merged.report["findings"])
    tests = len(merged.results["done"])
    told = (
        f"{path}: {number(count, 'violation')} in {number(tests, 'test')} of"
        f" {number(len(parts), 'part')}\n"
    )
    if lacking:
        told += (
            f"{number(len(lacking), 'failing model')} cannot be copied, the first is"
            f" {printable(lacking[0])}: keep the folder models of each part beside its report\n"
        )
    print_whole(told)
    return 0


def _copy_models(models: Iterable[str], parts: Sequence[Part], folder: Path) -> list[str]:
    """Copy saved models with their notes, and return those that no part has."""
    lacking = []
    for model in models:
        found = next(
            (p.folder for p in parts if _is_inside(model) and (p.folder / model).is_file()), None
        )
        if found is None:
            lacking.append(model)
            continue
        for path in _beside(found / model):
            target = folder / path.relative_to(found)
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            except OSError as error:
                raise UsageError(
                    f"{target}: cannot be written ({error.strerror}): name another folder"
                ) from None
    return lacking


def _is_inside(model: str) -> bool:
    """Return whether a path leads to the folder of models: reports come from elsewhere."""
    path = PurePosixPath(model)
    return path.parts[:1] == ("models",) and ".." not in path.parts


def _beside(model: Path) -> list[Path]:
    """Return the files of a saved model. Those of a pair are alone in a folder."""
    files = [path for path in model.parent.iterdir() if path.is_file()]
    if model.parent.name != "models":
        return files
    return [path for path in files if path.with_suffix("") == model.with_suffix("")]
