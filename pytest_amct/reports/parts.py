"""The results of a run beside its report, and how those of several runs become one report.

A report is made of counts, which cannot be added up. So a run also writes what its report is made
of: the records and findings of the tests, which tests were planned and ran, and the settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pytest_amct import __version__
from pytest_amct.errors import UsageError
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.ids import CaseId, is_case
from pytest_amct.options import Settings, settings_from
from pytest_amct.quantizers.tool import Tool
from pytest_amct.reports.assembly import assemble, versions
from pytest_amct.reports.json_report import FILE_NAME, RESULTS_NAME
from pytest_amct.reports.pages import with_pages
from pytest_amct.reports.reading import (
    FINDING_MEMBERS,
    OBJECTS,
    SPEC_MEMBERS,
    TOOL_MEMBERS,
    check_members,
    read_document,
)
from pytest_amct.results import Collected
from pytest_amct.selection import Attendance
from pytest_amct.tables.loader import load_spec
from pytest_amct.tables.model import Spec
from pytest_amct.verdicts import Finding
from pytest_amct.waivers import Waiver
from pytest_amct.wording import printable, written

FORMAT = "pytest-amct-parts/1"
"""Name and version of the format, see ``parts.schema.json``."""

PART_MEMBERS: Mapping[str, Any] = {
    "versions": dict,
    "quantizer": str,
    "tool": dict,
    "specs": OBJECTS,
    "settings": dict,
    "selection": dict,
    "frameworks": list[str],
    "planned": list[str],
    "done": list[str],
    "complete": bool,
    "results": dict,
}
"""The members of a file of results, with their types."""

SETTINGS_MEMBERS: Mapping[str, Any] = {
    "profile": str,
    "max_examples": int,
    "seed": int,
    "select": list[str],
    "model": str | None,
    "strict": bool,
    "all_must_pass": bool,
    "required_rows": list[str],
    "float_rows": list[str],
    "waivers": OBJECTS,
}
"""The settings that a report depends on, with their types."""

_OPTIONS = {
    "profile": "--amct-profile",
    "max_examples": "--amct-max-examples",
    "seed": "--amct-seed",
    "select": "--amct-select",
    "model": "--amct-model",
    "strict": "--amct-strict",
    "all_must_pass": "--amct-spec-all-must-pass",
    "required_rows": "amct_required_rows",
    "float_rows": "amct_float_rows",
    "waivers": "amct_waivers",
}
"""What users call the settings."""

RESULTS_MEMBERS: Mapping[str, Any] = {
    "records": OBJECTS,
    "findings": OBJECTS,
    "examples": int,
    "newest_opset": int | None,
    "stopped": dict,
    "model": type(None),
    "others": dict,
}
"""The results under one release, with their types; ``others`` has those under other releases."""

RECORD_MEMBERS: Mapping[str, Any] = {
    "case": str,
    "group": str,
    "layer": str,
    "row": str | None,
    "verdict": str,
    "states": dict,
    "status": str,
    "decided": str,
    "expected": bool,
    "checked": list[str],
    "findings": OBJECTS,
    "untold": str,
    "unvalidated": str,
}
"""What a record holds, with the types."""

_WAIVER: Mapping[str, Any] = dict.fromkeys((f.name for f in fields(Waiver)), str)

_FOUND = {name: kind for name, kind in FINDING_MEMBERS.items() if name != "exported"}


@dataclass(frozen=True, slots=True)
class Part:
    """The results of one run, and where they are."""

    folder: Path
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Merged:
    """The report of several runs together, and their results, as one run would write them."""

    report: dict[str, Any]
    results: dict[str, Any]
    #: paths of the saved models, relative to the report
    models: tuple[str, ...]


def part_of(
    collected: Collected,
    specs: Sequence[Spec],
    settings: Settings,
    quantizer: str,
    selection: Mapping[str, Any],
    tool: Tool,
    attendance: Attendance,
    frameworks: Sequence[str],
) -> dict[str, Any]:
    """Return the results of a run as a JSON value, see ``parts.schema.json``.

    `frameworks` are those that the quantizer declares, also those that the run left out.
    """
    return {
        "format": FORMAT,
        "versions": versions(),
        "quantizer": quantizer,
        "tool": tool._asdict(),
        "specs": [
            {"name": name, **_described(spec)}
            for name, spec in zip(settings.specs, specs, strict=True)
        ],
        "settings": {
            **{name: _plain(getattr(settings, name)) for name in SETTINGS_MEMBERS},
            "model": settings.model.name if settings.model else None,
        },
        "selection": {key: value for key, value in selection.items() if key != "left_out"},
        "frameworks": [*frameworks],
        "planned": sorted(attendance.planned),
        "done": sorted(attendance.done),
        "complete": collected.complete,
        "results": collected.values(),
    }


def read_part(path: Path) -> Part:
    """Return the results beside a report, which is named by its file or its folder.

    Raises `UsageError` if there are none, or if they cannot be read.
    """
    folder = path if path.is_dir() else path.parent
    file = folder / RESULTS_NAME
    if not file.exists():
        there = (folder / FILE_NAME).exists()
        raise UsageError(
            f"{printable(str(path))}: there is no {RESULTS_NAME} beside the report: a run writes"
            " both, so copy it along, or run again"
            if there
            else f"{printable(str(path))}: there is no report: name the folder of --amct-report"
        )
    values = read_document(file, FORMAT, "the results of a run", "run again with --amct-report")
    check_members(values, PART_MEMBERS, file)
    check_members(values["tool"], TOOL_MEMBERS, file, "tool")
    check_members(values["settings"], SETTINGS_MEMBERS, file, "settings")
    for at, waiver in enumerate(values["settings"]["waivers"]):
        check_members(waiver, _WAIVER, file, f"settings.waivers[{at}]", only=True)
    check_members(values["versions"], dict.fromkeys(values["versions"], str), file, "versions")
    if not values["specs"]:
        raise UsageError(f"{printable(str(file))}: names no release: run it again")
    for at, spec in enumerate(values["specs"]):
        check_members(spec, {"name": str, **SPEC_MEMBERS}, file, f"specs[{at}]")
    _check_results(values["results"], file, "results")
    return Part(folder, values)


def merge(parts: Sequence[Part], *, partial: bool = False) -> Merged:
    """Return what one run over all tests of the parts would have written.

    Raises `UsageError` if the parts do not belong together, if a test is in two of them, or, unless
    `partial`, in none.
    """
    first = parts[0].values
    folders = [part.folder.resolve() for part in parts]
    for part in parts:
        if folders.count(part.folder.resolve()) > 1:
            raise UsageError(f"{printable(str(part.folder))}: is named twice: name each part once")
        _check_belongs(parts[0], part)
    attendance = _attendance(parts)
    absent = _absent(parts)
    if absent and not partial:
        raise UsageError(
            f"{', '.join(absent)}: the quantizer takes it, and no part judges it: name that part's"
            " report, or add --partial"
        )
    left = attendance.left_out(["a missing part"])
    if left is not None and not partial:
        missing = f"{left['tests']} of {left['of']} tests are in no part, the first is"
        raise UsageError(
            f"{missing} {printable(left['first'][0])}: name the report of the part that ran it, or"
            " add --partial"
        )
    complete = all(part.values["complete"] for part in parts) and not absent
    collected = Collected(complete=complete)
    for part in parts:
        collected.add(part.values["results"])
    settings = settings_from(
        {
            **first["settings"],
            "quantizer": first["quantizer"],
            "spec": first["specs"][0]["name"],
            "more_specs": [spec["name"] for spec in first["specs"][1:]],
        }
    )
    specs = [*_specs(first["specs"])]
    selection, tool = {**_selection(parts), "left_out": left}, Tool(**first["tool"])
    report = assemble(collected, specs, settings, first["quantizer"], selection, tool)
    merged_versions = _versions(parts)
    declared = first["frameworks"]
    results = part_of(
        collected, specs, settings, first["quantizer"], selection, tool, attendance, declared
    )
    return Merged(
        with_pages({**report, "versions": merged_versions}, specs),
        {**results, "versions": merged_versions},
        tuple(sorted({f.model for f in _findings(collected) if f.model})),
    )


def _absent(parts: Sequence[Part]) -> list[str]:
    """Return the frameworks that the quantizer takes and that no part of a matrix judges.

    If all parts judge the same frameworks, leaving out others was a choice.
    """
    planned = [
        {*FRAMEWORKS}.intersection(re.split(r"[/\[\]]", "/".join(part.values["planned"])))
        for part in parts
    ]
    if all(frameworks == planned[0] for frameworks in planned):
        return []
    every = {name for part in parts for name in part.values["frameworks"]}
    return [name for name in FRAMEWORKS if name in every.difference(*planned)]


def _plain(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    return [asdict(one) if isinstance(one, Waiver) else one for one in value]


def _described(spec: Spec) -> dict[str, str]:
    return {"release": spec.release, "title": spec.title, "source": spec.source}


def _specs(named: Iterable[Mapping[str, Any]]) -> Iterable[Spec]:
    """Yield the releases of the parts. Raise `UsageError` for a file with other tables."""
    for entry in named:
        spec = load_spec(entry["name"])
        if {"name": entry["name"], **_described(spec)} != entry:
            raise UsageError(
                f"spec {entry['name']!r}: it is {spec.title} here, but the parts judge by"
                f" {printable(entry['title'])}: use the same file"
            )
        yield spec


def _check_belongs(first: Part, part: Part) -> None:
    """Raise `UsageError` if a part is not of the same run as the first one."""
    one, other = first.values, part.values
    names = f"{printable(str(first.folder))} and {printable(str(part.folder))}"
    version = printable(str(other["versions"].get("pytest-amct")))
    if version != __version__:
        raise UsageError(
            f"{printable(str(part.folder))}: made by pytest-amct {version}, this is {__version__}:"
            " merge with the version that ran the tests"
        )
    if other["settings"]["model"] is not None:
        raise UsageError(
            f"{printable(str(part.folder))}: judges given models (--amct-model), which are not"
            " merged: judge them in one run"
        )
    for key, what in (("quantizer", "quantizers"), ("tool", "versions of the quantizer")):
        if one[key] != other[key]:
            raise UsageError(
                f"{names} judge different {what} ({_named(one[key])}, {_named(other[key])}): merge"
                " the parts of one run"
            )
    if one["specs"] != other["specs"]:
        titles = (", ".join(spec["title"] for spec in x["specs"]) for x in (one, other))
        raise UsageError(
            f"{names} judge by different releases ({printable('; '.join(titles))}): run all parts"
            " with the same amct_spec"
        )
    for key, option in _OPTIONS.items():
        if one["settings"][key] != other["settings"][key]:
            raise UsageError(
                f"{names} differ in {option} ({written(one['settings'][key])},"
                f" {written(other['settings'][key])}): run all parts with the same settings"
            )


def _named(value: Any) -> str:
    return printable(" ".join(filter(None, value.values())) if isinstance(value, dict) else value)


def _attendance(parts: Sequence[Part]) -> Attendance:
    """Return the tests of all parts together. Raises `UsageError` for one that is in two parts."""
    planned: set[str] = set()
    ran: dict[str, Part] = {}
    for part in parts:
        planned.update(part.values["planned"])
        for name in part.values["done"]:
            if name in ran:
                raise UsageError(
                    f"{printable(name)} is in {printable(str(ran[name].folder))} and in"
                    f" {printable(str(part.folder))}: each test must run in one part"
                )
            ran[name] = part
    return Attendance(frozenset(planned), collected=set(ran), done=set(ran))


def _selection(parts: Sequence[Part]) -> dict[str, Any]:
    """Return the selection of all parts together: what each of them selects alike."""
    first, *others = (part.values["selection"] for part in parts)
    found = dict(first)
    for key in ("keyword", "markers"):  # these are what distinguishes the parts
        if any(other.get(key) != first.get(key) for other in others):
            found[key] = ""
    return found


def _versions(parts: Sequence[Part]) -> dict[str, str]:
    """Return the versions of packages; parts may have run in several environments."""
    found: dict[str, set[str]] = {}
    for part in parts:
        for name, version in part.values["versions"].items():
            found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(each)) for name, each in found.items()}


def _findings(collected: Collected) -> Iterable[Finding]:
    """Yield all findings. A test saves models of some that the report leaves to other tests."""
    yield from collected.findings.values()
    for record in collected.records.values():
        yield from record.findings
    for other in collected.others.values():
        yield from _findings(other)


def _check_results(results: Mapping[str, Any], file: Path, place: str) -> None:
    check_members(results, RESULTS_MEMBERS, file, place)
    for at, record in enumerate(results["records"]):
        here = f"{place}.records[{at}]"
        check_members(record, RECORD_MEMBERS, file, here, only=True)
        _check_case(record["case"], file, here)
        _check_findings(record["findings"], file, here)
    _check_findings(results["findings"], file, place)
    for name, other in results["others"].items():
        check_members(results["others"], {name: dict}, file, f"{place}.others")
        _check_results(other, file, f"{place}.others.{name}")


def _check_case(case: str, file: Path, place: str) -> None:
    try:
        if is_case(case):
            CaseId.parse(case)
    except ValueError as error:
        raise UsageError(
            f"{printable(str(file))}: {place}.case: {printable(str(error))}: run it again"
        ) from None


def _check_findings(findings: Iterable[Mapping[str, Any]], file: Path, place: str) -> None:
    for at, finding in enumerate(findings):
        check_members(finding, _FOUND, file, f"{place}.findings[{at}]", only=True)
        _check_case(finding["case"], file, f"{place}.findings[{at}]")
