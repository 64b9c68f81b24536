"""The command line: ``export`` and ``judge`` for tools that run outside pytest, ``specs``, ``diff``
and ``rule`` about the releases. The commands about models and reports have modules of their own.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import pytest

from pytest_amct import __version__
from pytest_amct.cases import catalog
from pytest_amct.cases.networks import AnyCase
from pytest_amct.cases.together import gate_networks
from pytest_amct.commands import audit, compare, explain, merge, report
from pytest_amct.commands.output import print_whole
from pytest_amct.errors import AmctError, UsageError
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.options import read_declared
from pytest_amct.quantizers.folders import write_folder
from pytest_amct.quantizers.protocol import SETTINGS, Request
from pytest_amct.quantizers.replay import PREFIX
from pytest_amct.quantizers.running import make_request
from pytest_amct.reports import history, pages, releases
from pytest_amct.request_options import SCHEMES
from pytest_amct.tables.comparing import compare as compare_releases
from pytest_amct.tables.loader import load_spec, published
from pytest_amct.tables.model import Spec

_USAGE_ERROR = 4
"""The exit status of pytest for a wrong command line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status."""
    given = command_parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except (AmctError, pytest.UsageError) as error:
        print(f"pytest-amct: {error}", file=sys.stderr)
        return _USAGE_ERROR


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        "pytest-amct",
        description="What the tables say of a model, of a quantizer's result, and of each other.",
    )
    version = f"pytest-amct {__version__}, tables of {load_spec().title}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    explain.add_parser(commands)
    audit.add_parser(commands)
    compare.add_parser(commands)
    merge.add_parser(commands)
    report.add_parser(commands)
    export = commands.add_parser("export", help="write every case of the gate as native files")
    export.set_defaults(run=_export)
    export.add_argument("folder", type=Path, metavar="DIR", help="a new folder")
    export.add_argument(
        "--framework", action="append", choices=FRAMEWORKS, help="may be repeated (default: all)"
    )
    export.add_argument(
        "--scheme",
        action="append",
        choices=SCHEMES,
        help="may be repeated (default: uniform)",
    )
    export.add_argument(
        "--setting",
        action="append",
        choices=SETTINGS,
        help="another setting that requests may use; may be repeated",
    )
    judge = commands.add_parser(
        "judge", help="judge a tool's results for an exported folder; other arguments go to pytest"
    )
    judge.set_defaults(run=_judge)
    judge.add_argument("folder", type=Path, metavar="DIR", help="the folder that export wrote")
    judge.add_argument(
        "results", type=Path, metavar="RESULTS", help="the tool's results, a JSON file"
    )
    judge.add_argument(
        "pytest",
        nargs=argparse.REMAINDER,
        metavar="...",
        help="--amct-report=DIR, --amct-strict ...",
    )
    specs = commands.add_parser("specs", help="list the releases and what was seen of each")
    specs.set_defaults(run=_specs)
    diff = commands.add_parser("diff", help="say what differs between two releases")
    diff.set_defaults(run=_diff)
    diff.add_argument(
        "releases", nargs="*", metavar="RELEASE", help="two releases, or .toml files of tables"
    )
    diff.add_argument("--all", action="store_true", help="the history of all releases instead")
    diff.add_argument("--format", choices=("text", "markdown", "json"), default="text")
    diff.add_argument(
        "--rootdir",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="whose waivers, required and float rows are compared (default: the current folder)",
    )
    rule = commands.add_parser("rule", help="explain one condition")
    rule.set_defaults(run=_rule)
    rule.add_argument("id", metavar="ID", help="a condition, row or case, as failures name it")
    rule.add_argument(
        "--spec", action="append", default=[], metavar="FILE", help="a .toml file of tables, too"
    )
    return parser


def _export(given: argparse.Namespace) -> int:
    frameworks = tuple(f for f in FRAMEWORKS if f in (given.framework or FRAMEWORKS))
    schemes, settings = given.scheme or ["uniform"], given.setting or []
    try:
        count = export(given.folder, frameworks, schemes, settings)
    except OSError as error:
        raise UsageError(
            f"{given.folder}: cannot be written ({error.strerror or error}): name another folder"
        ) from None
    print_whole(f"{count} models of {', '.join(frameworks)} in {given.folder}\n")
    return 0


def export(
    folder: Path, frameworks: Sequence[str], schemes: Sequence[str], settings: Sequence[str]
) -> int:
    """Write every enumerated case for a quantizer that declares these; return the model count.

    The bytes are the same on every run and machine. Raises `UsageError` if the folder exists and
    is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder}: already exists and is not empty: name a new folder")
    about = {
        "version": __version__,
        "frameworks": list(frameworks),
        "schemes": list(schemes),
        "settings": list(settings),
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Written to a temporary folder and renamed, so that the folder is never half written.
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as scratch:
        written = Path(scratch, "export")
        written.mkdir()
        declared = frozenset({*schemes, *settings} - {"uniform"})
        ids = write_folder(written, _requests(frameworks, declared, Path(scratch)), about)
        if folder.exists():
            folder.rmdir()
        shutil.move(written, folder)
    return len(set(ids))


def _requests(
    frameworks: Sequence[str], declared: frozenset[str], scratch: Path
) -> Iterator[Request]:
    groups = catalog.groups(declared, frameworks)
    cases: Iterator[AnyCase] = (c for group in groups for c in catalog.gate_cases(group, declared))
    for case in chain(cases, *map(gate_networks, frameworks)):
        built = case.build()
        home = scratch / "request"
        home.mkdir(exist_ok=True)
        yield make_request(built.native, built.native.network(), home, built.options)
        shutil.rmtree(home)


def _judge(given: argparse.Namespace) -> int:
    places = (str(path.absolute()) for path in (given.folder, given.results))
    name = f"{PREFIX} {shlex.join(places)}"
    # In a new process: pytest warns about plugins that were imported before it.
    command = [sys.executable, "-m", "pytest", "--amct", f"--amct-quantizer={name}"]
    return subprocess.run([*command, *given.pytest], check=False).returncode


def _releases(names: Sequence[str]) -> dict[str, Spec]:
    return {name: load_spec(name) for name in names}


def _specs(given: argparse.Namespace) -> int:
    print_whole(releases.listing(_releases(published())) + "\n")
    return 0


def _diff(given: argparse.Namespace) -> int:
    if len(given.releases) != (0 if given.all else 2):
        raise UsageError(
            "diff: name two releases, or give --all alone: pytest-amct specs lists them"
        )
    if not given.rootdir.is_dir():
        raise UsageError(f"--rootdir={given.rootdir}: no such folder: name the repository's")
    print_whole((_history(given.format) if given.all else _difference(given)) + "\n")
    return 0


def _history(form: str) -> str:
    specs = _releases(published())
    if form == "json":
        return json.dumps(history.history_json(specs), indent=2)
    written = history.history_markdown if form == "markdown" else history.history_text
    return written(specs)


def _difference(given: argparse.Namespace) -> str:
    found = compare_releases(*map(load_spec, given.releases))
    declared = read_declared(given.rootdir)
    if given.format == "json":
        return json.dumps(releases.difference_json(found, declared), indent=2)
    written = releases.as_markdown if given.format == "markdown" else releases.as_text
    return written(*releases.difference(found, declared))


def _rule(given: argparse.Namespace) -> int:
    print_whole(pages.page(given.id, _releases([*published(), *given.spec])) + "\n")
    return 0
