"""Accepted findings, as ``amct-waivers.toml`` lists them.

This module reads and extends the file. Whether an id exists, and whether its condition still reads
as it did, is for `waiving`, which knows the tables.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from pytest_amct.errors import UsageError
from pytest_amct.files import replace_file
from pytest_amct.wording import instead, printable, written

FORM = """\
[[waiver]]
id = "uniform/onnx/Conv/dilation_d"  # a condition, a row or a case, as failures name it
reason = "the device pads dilated kernels"
owner = "anna"  # or link = "https://..."
until = 2027-06-30  # optional: the last day, UTC
release = "cann-7.0.0"  # optional: the release that it was written for
kind = "over-quantized"  # optional: the only kind of finding that it covers
"""
"""A waiver as the file spells it."""

SOON = 14
"""Days before its end from which on a waiver is announced."""

Kind = Literal[
    "over-quantized",
    "not-quantized",
    "errored",
    "crashed",
    "timed-out",
    "invalid-output",
    "unstable",
    "corrupted",
]
"""What a finding is."""

_KINDS: tuple[str, ...] = get_args(Kind)
_TEXTS = ("id", "reason", "owner", "link", "release", "kind", "quantizer")
_KEYS = (*_TEXTS, "until")
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Waiver:
    """An accepted finding."""

    #: a condition, a row or a case
    id: str
    reason: str
    owner: str = ""
    link: str = ""
    #: the last day on which it counts (UTC), as ``YYYY-MM-DD``; ``""``: it does not end
    until: str = ""
    #: the release that it was written for; ``""``: any
    release: str = ""
    #: the only kind of finding that it covers; ``""``: any
    kind: str = ""
    #: the only quantizer that it is about, as ``amct_quantizer`` names it; ``""``: any
    quantizer: str = ""
    #: file and line, for messages
    place: str = field(default="", compare=False)

    def covers(self, kind: str, condition: str, case: str) -> bool:
        """Return whether a finding of this kind, about this condition and case, is accepted."""
        return self.id in (condition, case) and self.kind in ("", kind)

    def days_left(self, today: datetime.date) -> int | None:
        """Return the number of days that it still counts, ``None`` if it does not end."""
        return (datetime.date.fromisoformat(self.until) - today).days if self.until else None


def today() -> datetime.date:
    """Return the current date in UTC."""
    return datetime.datetime.now(datetime.UTC).date()


def read_waivers(path: Path, *, unfinished: bool = False) -> tuple[Waiver, ...]:
    """Return the waivers of a file, none if it does not exist.

    With `unfinished`, waivers whose reason or owner was not filled in yet are left out. Raises
    `UsageError` if the file cannot be read, or if a waiver lacks an id, a reason or somebody who
    answers for it, has an unknown key or a wrong value, or repeats another.
    """
    if not path.exists():
        return ()
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1).decode()
        if len(text) > _MOST_BYTES:
            raise UsageError(f"{path.name}: has more than {_MOST_BYTES} bytes: keep waivers alone")
        values = tomllib.loads(text)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror}): name a file in amct_waivers"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path.name}: is not TOML ({printable(str(error))}): mend it") from None
    entries = values.pop("waiver", [])
    for key in values:
        raise UsageError(
            f"{path.name}: {written(key)} is not a key: write each waiver as [[waiver]], with id"
            " and reason"
        )
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UsageError(f"{path.name}: waiver is not a list of tables: write [[waiver]]")
    places = [f"{path.name}:{line}" for line in _lines(text)]
    if len(places) != len(entries):  # not spelled as tables: without lines
        places = [path.name] * len(entries)
    found = tuple(
        _waiver(entry, place)
        for entry, place in zip(entries, places, strict=True)
        if not unfinished or _is_finished(entry)
    )
    _refuse_doubles(found)
    return found


def own_waivers(
    path: Path, names: Sequence[str], quantizer: str, *, unfinished: bool = False
) -> tuple[Waiver, ...]:
    """Return the waivers of a file that are about one of the repository's quantizers.

    If there are several `names`, each waiver must say which one it is about: what one of them
    needs, another may not. Raises `UsageError` if one does not, if it is past its end, and as
    `read_waivers` does.
    """
    found = read_waivers(path, unfinished=unfinished)
    refuse_ended(found, today())
    for waiver in found:
        if not waiver.quantizer and len(names) > 1:
            raise UsageError(
                f"{waiver.place}: the waiver of {waiver.id} names no quantizer, but amct_quantizer"
                f" names several: write quantizer = {written(names[0])} or another one"
            )
        if waiver.quantizer and waiver.quantizer not in (*names, quantizer):
            raise UsageError(
                f"{waiver.place}: the waiver of {waiver.id} is about"
                f" {written(waiver.quantizer)}, which amct_quantizer does not name"
                f"{instead(waiver.quantizer, [*names, quantizer])}"
            )
    return tuple(waiver for waiver in found if waiver.quantizer in ("", quantizer))


def refuse_ended(waivers: Iterable[Waiver], today: datetime.date) -> None:
    """Raise `UsageError` for a waiver whose last day has passed."""
    for waiver in waivers:
        left = waiver.days_left(today)
        if left is not None and left < 0:
            raise UsageError(
                f"{waiver.place}: the waiver of {waiver.id} ended on {waiver.until} (UTC): mend"
                " what it accepts, or decide again and set a later date"
            )


def add_waivers(
    path: Path, findings: Sequence[Mapping[str, Any]], release: str, quantizer: str = ""
) -> int:
    """Add a waiver without a reason for each condition and kind of these findings.

    `quantizer` is the one that they are about, if the repository has several. Return how many were
    added. What the file holds stays as it is. Raises `UsageError` if the file cannot be written.
    """
    try:
        before = path.read_text("utf-8") if path.exists() else ""
        listed = tomllib.loads(before).get("waiver", [])
    except (OSError, ValueError) as error:  # it was changed while the tests ran
        raise UsageError(
            f"--amct-write-waivers: {path} cannot be read ({error}): mend it"
        ) from None
    known = {(w.get("id"), w.get("kind"), w.get("quantizer", "")) for w in listed}
    findings = [f for f in findings if (f["condition"], f["kind"], quantizer) not in known]
    count = Counter((str(f["condition"]), str(f["kind"])) for f in findings)
    messages = {(f["condition"], f["kind"]): str(f["message"]) for f in reversed(findings)}
    about = f"quantizer = {_quoted(quantizer)}\n" if quantizer else ""
    entries = []
    for (condition, kind), number in sorted(count.items()):
        told = printable(messages[condition, kind])
        entries.append(
            f"# {number} {'finding' if number == 1 else 'findings'}, the first: {told}\n"
            "[[waiver]]\n"
            f"id = {_quoted(condition)}\n"
            f"kind = {_quoted(kind)}\n"
            f"release = {_quoted(release)}\n"
            f"{about}"
            'reason = ""\n'
            'owner = ""\n'
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
        replace_file(path, before + gap + "\n".join(entries))
    except OSError as error:
        raise UsageError(
            f"--amct-write-waivers: {path} cannot be written ({error.strerror}): name another file"
            " in amct_waivers"
        ) from None
    return len(entries)


def _is_finished(values: Mapping[str, Any]) -> bool:
    """Return whether somebody has filled in what `add_waivers` leaves empty."""
    return values.get("reason") != "" and (values.get("owner") != "" or "link" in values)


def _lines(text: str) -> list[int]:
    """Return the lines on which waivers start."""
    lines = enumerate(text.splitlines(), 1)
    return [number for number, line in lines if re.match(r"\s*\[\[\s*waiver\s*\]\]", line)]


def _waiver(values: Mapping[str, Any], place: str) -> Waiver:
    """Return the waiver that a table of the file describes."""
    name = values.get("id")
    which = f"the waiver of {printable(name)}" if isinstance(name, str) and name else "a waiver"
    for key, value in values.items():
        if key not in _KEYS:
            raise UsageError(f"{place}: {which} has the key {written(key)}{instead(key, _KEYS)}")
        if key in _TEXTS and not isinstance(value, str):
            raise UsageError(f"{place}: {which}: {key} is {written(value)}: write text")
    if not name:
        raise UsageError(f"{place}: a waiver has no id: write id = and a condition or a case")
    texts = {key: str(values.get(key, "")).strip() for key in _TEXTS}
    if not texts["reason"]:
        raise UsageError(f"{place}: {which} gives no reason: write why the finding is accepted")
    if not texts["owner"] and not texts["link"]:
        raise UsageError(f"{place}: {which} has neither owner nor link: write who answers for it")
    if "kind" in values and texts["kind"] not in _KINDS:
        raise UsageError(
            f"{place}: {which}: {written(texts['kind'])} is not a kind of finding"
            f"{instead(texts['kind'], _KINDS)}"
        )
    until = _day(values["until"], f"{place}: {which}") if "until" in values else ""
    return Waiver(**texts, until=until, place=place)


def _refuse_doubles(waivers: Iterable[Waiver]) -> None:
    """Raise `UsageError` for two waivers of one id, unless they cover different findings."""
    seen: dict[str, list[Waiver]] = {}
    for waiver in waivers:
        for other in seen.setdefault(waiver.id, []):
            kinds, names = (waiver.kind, other.kind), (waiver.quantizer, other.quantizer)
            if all("" in pair or len({*pair}) == 1 for pair in (kinds, names)):
                raise UsageError(
                    f"{waiver.place}: {waiver.id} is waived twice ({other.place}): keep one"
                )
        seen[waiver.id].append(waiver)


def _quoted(text: str) -> str:
    """Return a text as a string of TOML, which is spelled as in JSON."""
    return json.dumps(text, ensure_ascii=False)


def _day(value: object, which: str) -> str:
    """Return the day that a value of ``until`` names, as ISO text."""
    with contextlib.suppress(ValueError):
        if isinstance(value, str):
            return datetime.date.fromisoformat(value).isoformat()
        if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
            return value.isoformat()
    raise UsageError(f"{which}: until is {written(value)}: write a day such as 2027-06-30")
