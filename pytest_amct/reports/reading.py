"""Reads back the JSON files of a run, and checks what is read of them.

Reports come from other machines and other versions, so whatever is wrong with one is said in one
sentence. `REPORT_MEMBERS` and the constants after it are what the package relies on; the schemas
say more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from pytest_amct import __version__
from pytest_amct.errors import UsageError
from pytest_amct.graphs.files import regular_bytes
from pytest_amct.options import PROFILES
from pytest_amct.reports.assembly import FORMAT
from pytest_amct.reports.json_report import FILE_NAME
from pytest_amct.typed import describe, is_of
from pytest_amct.verdicts import Level
from pytest_amct.waivers import Kind
from pytest_amct.wording import printable, written

OBJECTS: Any = list[dict]  # type: ignore[type-arg]
"""The type of a list of objects."""

REPORT_MEMBERS: Mapping[str, Any] = {
    "spec": dict,
    "quantizer": str,
    "tool": dict,
    "profile": Literal[PROFILES],
    "complete": bool,
    "stopped": dict,
    "selection": dict,
    "conditions": OBJECTS,
    "rows": OBJECTS,
    "findings": OBJECTS,
}
"""The members that are read of a report, with their types."""

SPEC_MEMBERS: Mapping[str, Any] = {"release": str, "title": str, "source": str}
"""What is read of a release."""

TOOL_MEMBERS: Mapping[str, Any] = {"name": str, "version": str | None}
"""What is read of the tool."""

LEFT_OUT_MEMBERS: Mapping[str, Any] = {"tests": int, "of": int, "by": list[str]}
"""What is read of the tests that were left out, if there are any."""

CONDITION_MEMBERS: Mapping[str, Any] = {"id": str}
"""What is read of each condition."""

JUDGED_MEMBERS: Mapping[str, Any] = {"satisfied": int, "violated_alone": int}
"""What is read of the cases of a condition that were judged, if it has any."""

ROW_MEMBERS: Mapping[str, Any] = {
    "id": str,
    "quantized": int,
    "not_quantized": int,
    "float_row": bool,
}
"""What is read of each row."""

FINDING_MEMBERS: Mapping[str, Any] = {
    "kind": Literal[get_args(Kind)],
    "condition": str,
    "case": str,
    "layer": str,
    "status": Literal[get_args(Level)],
    "message": str,
    "basis": Literal["stated", "inferred"],
    "row": str | None,
    "model": str | None,
    "exported": str | None,
    "reason": str | None,
}
"""What is read of each finding."""

_AGAIN = "run it again with --amct-report"


def read_report(path: Path) -> dict[str, Any]:
    """Return the report in a file, or in a folder that ``--amct-report`` named.

    Raises `UsageError` if there is none, if it is incomplete as a file, if another version made
    it, or if it is damaged.
    """
    file = path / FILE_NAME if path.is_dir() else path
    report = read_document(file, FORMAT, "a report", f"name an {FILE_NAME} or its folder")
    check_members(report, REPORT_MEMBERS, file)
    check_members(report["tool"], TOOL_MEMBERS, file, "tool")
    selection = {"select": [], **report["selection"]}
    check_members(selection, {"select": list[str]}, file, "selection")
    if selection.get("left_out") is not None:
        check_members(selection, {"left_out": dict}, file, "selection")
        check_members(selection["left_out"], LEFT_OUT_MEMBERS, file, "selection.left_out")
    sections = [("", report), *_numbered("releases", _listed(report, "releases", file))]
    for place, section in sections:
        dot = f"{place}." if place else ""
        check_members(
            section,
            {k: REPORT_MEMBERS[k] for k in ("spec", "conditions", "rows", "findings")},
            file,
            place,
        )
        check_members(section["spec"], SPEC_MEMBERS, file, f"{dot}spec")
        for name, members in (
            ("conditions", CONDITION_MEMBERS),
            ("rows", ROW_MEMBERS),
            ("findings", FINDING_MEMBERS),
        ):
            for at, entry in _numbered(f"{dot}{name}", section[name]):
                check_members(entry, members, file, at)
        for at, condition in _numbered(f"{dot}conditions", section["conditions"]):
            if "judged" in condition:
                check_members(condition, {"judged": dict}, file, at)
                check_members(condition["judged"], JUDGED_MEMBERS, file, f"{at}.judged")
    return report


def read_document(path: Path, format_: str, what: str, cure: str) -> dict[str, Any]:
    """Return the JSON object in a file of a format (``name/version``).

    `what` is what the file should hold, and `cure` what to do if it holds something else.
    """
    shown = printable(str(path))
    try:
        text = regular_bytes(path).decode("utf-8")
    except FileNotFoundError:
        raise UsageError(f"{shown}: there is no such file: {cure}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{shown}: not {what} (it is not text): {cure}") from None
    except OSError as error:
        raise UsageError(f"{shown}: cannot be read ({error.strerror}): {cure}") from None
    except ValueError:  # a null byte
        raise UsageError(f"{shown}: not the path of a file: {cure}") from None
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        if text.startswith("{") and _is_cut_off(text, error):
            raise UsageError(
                f"{shown}: it is cut off after {len(text)} characters: copy it again, or {_AGAIN}"
            ) from None
        raise UsageError(f"{shown}: not {what} (not JSON: {error}): {cure}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{shown}: not {what} (not JSON: {error}): {cure}") from None
    _check_format(found, format_, what, cure, shown)
    document: dict[str, Any] = found
    return document


def _is_cut_off(text: str, error: json.JSONDecodeError) -> bool:
    """Return whether a JSON text ends too early: in a string, in a word, or between values."""
    rest = text[error.pos :].strip()
    inside_word = any(word.startswith(rest) for word in ("true", "false", "null"))
    return error.msg.startswith("Unterminated string") or inside_word


def _check_format(found: Any, format_: str, what: str, cure: str, shown: str) -> None:
    given = found.get("format") if isinstance(found, dict) else None
    if given == format_:
        return
    name, _, number = format_.rpartition("/")
    other = (
        re.fullmatch(rf"{re.escape(name)}/(\d{{1,9}})", given) if isinstance(given, str) else None
    )
    if other is None:
        raise UsageError(f"{shown}: not {what} (its format is not {format_!r}): {cure}")
    if int(other[1]) < int(number):
        raise UsageError(
            f"{shown}: made by an older pytest-amct ({given}): run it again with pytest-amct"
            f" {__version__}"
        )
    raise UsageError(
        f"{shown}: made by a newer pytest-amct ({given}): use that one, this is {__version__}"
    )


def _listed(report: Mapping[str, Any], name: str, file: Path) -> list[dict[str, Any]]:
    check_members({name: [], **report}, {name: OBJECTS}, file)
    found: list[dict[str, Any]] = report.get(name, [])
    return found


def _numbered(name: str, entries: Iterable[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [(f"{name}[{at}]", entry) for at, entry in enumerate(entries)]


def check_members(
    found: Mapping[str, Any],
    kinds: Mapping[str, Any],
    file: Path,
    place: str = "",
    *,
    only: bool = False,
) -> None:
    """Check the members of an object in a file; with `only`, it has no others.

    Raises `UsageError` with the place of a wrong one.
    """
    shown, dot = printable(str(file)), f"{place}." if place else ""
    for key, kind in kinds.items():
        if key not in found:
            raise UsageError(f"{shown}: lacks {dot}{key}, so it was changed: {_AGAIN}")
        if not is_of(found[key], kind):
            raise UsageError(
                f"{shown}: {dot}{key} is {written(found[key])}, not {describe(kind, 'an object')}:"
                f" {_AGAIN}"
            )
    for key in found if only else ():
        if key not in kinds:
            raise UsageError(f"{shown}: {printable(f'{dot}{key}')} is not known: {_AGAIN}")
