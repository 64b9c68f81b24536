"""The findings of a condition as the page shows them: message, facts, model, cure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

from pytest_amct.ids import ConditionId, is_case
from pytest_amct.quantizers.loading import GROUP
from pytest_amct.reports.html.markup import as_html
from pytest_amct.reports.html.models import SYMBOLS, model_drawing, model_of
from pytest_amct.reports.html.svg import network_svg
from pytest_amct.reports.overview import LABELS, MARKS, OF_STATUS, Group
from pytest_amct.reports.pages import rule
from pytest_amct.tables.loader import load_spec, published
from pytest_amct.tables.model import Spec
from pytest_amct.wording import number

_MOST_LISTED = 300
"""The most findings of one condition that the page lists."""

_CURE = "## The cure\n"
"""The heading of the last section of a condition's page."""

DECISIONS = {
    "over-quantized": "quantized",
    "not-quantized": "left in float",
    "errored": "an exception instead of a result",
    "crashed": "the process ended",
    "timed-out": "nothing within the time limit",
    "invalid-output": "a result that cannot be used",
    "unstable": "not the same for two models that the tables treat alike",
    "corrupted": "quantized, but it computes with other weights",
}
"""What the quantizer did, by kind of finding."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding is: the report, the release, and where models are drawn."""

    report: Mapping[str, Any]
    #: what the report says about the release
    told: Mapping[str, Any]
    #: ``None`` if its tables are not at hand
    spec: Spec | None
    #: by case: the group that draws its model
    drawn_at: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding."""

    verdict: str
    mark: str
    message: str
    case: str
    #: headings and texts
    facts: Sequence[tuple[str, str]]
    #: the command that judges it again
    again: str


@dataclass(frozen=True, slots=True)
class Part:
    """The findings of a condition."""

    #: its id within the page
    anchor: str
    id: str
    framework: str
    table: str
    verdict: str
    mark: str
    #: the number of findings in words
    said: str
    #: what the condition asks for
    words: str
    cure: str
    first: Entry
    #: the model of the first finding, drawn and as text; ``""`` if it cannot be built
    drawing: str
    text: str
    #: the group that draws the same model, ``""`` if it is this one
    drawn_at: str
    others: Sequence[Entry]
    left_out: int
    #: the page of the condition as HTML, without the cure
    page: str


def spec_of(told: Mapping[str, Any], known: Mapping[str, Spec]) -> Spec | None:
    """Return the release that a report names: of those that are known, or of this package."""
    name = _release(told)
    spec = known.get(told["source"]) or (load_spec(name) if name in published() else None)
    return spec if spec is not None and spec.title == told["title"] else None


def words_of(id_: str, spec: Spec | None) -> str:
    """Return what a release says under an id, ``""`` if it says nothing."""
    parts = ConditionId.parse(id_)
    # Rows as a whole say nothing; networks and changes to models are not the document's.
    silent = parts.is_network or parts.is_metamorphic or (parts.is_row and not parts.is_unlisted)
    if spec is None or silent:
        return ""
    return rule(id_, spec)


def counted(counts: Mapping[str, int]) -> str:
    """Return numbers of findings in words: ``3 violations, 1 waived``."""
    return ", ".join(
        f"{count} waived" if verdict == "waived" else number(count, verdict)
        for verdict, count in counts.items()
    )


def text_of(value: Any) -> str:
    """Return a JSON value as a text for people."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ""}[value]
    if isinstance(value, Mapping):
        return ", ".join(f"{key!s} {text_of(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(text_of, value)) or "none"
    return str(value)


def part(group: Group, place: Place, anchor: str) -> Part:
    """Return the findings of a condition; the first one with its model."""
    parts = ConditionId.parse(group.condition)
    first, *others = group.findings
    model = model_of(first["case"], first["layer"])
    drawn_at = place.drawn_at[first["case"]]
    drawing = ""
    if model is not None and drawn_at == anchor:
        drawing = network_svg(model_drawing(model, OF_STATUS[first["status"]]), SYMBOLS)
    page = place.report.get("pages", {}).get(group.condition, "")
    says, _, cure = page.partition(_CURE)
    listed = others[:_MOST_LISTED]
    return Part(
        anchor=anchor,
        id=group.condition,
        framework=parts.framework,
        table=parts.table,
        verdict=group.verdict,
        mark=MARKS[group.verdict],
        said=counted(group.counts),
        words=words_of(group.condition, place.spec),
        cure=cure.strip(),
        first=_entry(first, place),
        drawing=drawing,
        text=model.text if model else "",
        drawn_at="" if drawing or model is None else drawn_at,
        others=[_entry(finding, place) for finding in listed],
        left_out=len(others) - len(listed),
        page=as_html(says.partition("\n")[2], below=3),
    )


def _entry(finding: Mapping[str, Any], place: Place) -> Entry:
    verdict = OF_STATUS[finding["status"]]
    reason = _reason(finding)
    facts = (
        ("status", f"{LABELS[verdict]}: {reason}" if reason else LABELS[verdict]),
        ("kind", finding["kind"]),
        ("decision", finding.get("decision") or DECISIONS.get(finding["kind"])),
        ("layer", finding["layer"]),
        ("row", finding["row"]),
        ("basis", finding["basis"]),
        ("model", finding["model"]),
    )
    return Entry(
        verdict,
        MARKS[verdict],
        finding["message"],
        finding["case"],
        [(name, text_of(text)) for name, text in facts if text],
        _again(finding, place),
    )


def _reason(finding: Mapping[str, Any]) -> str:
    """Return why a finding is waived, ``""`` if it is not."""
    if finding["status"] != "waived":
        return ""
    return text_of(finding.get("reason"))


def _again(finding: Mapping[str, Any], place: Place) -> str:
    """Return the command that judges a case, or the model of a file, again."""
    quantizer, case, release = place.report["quantizer"], finding["case"], _release(place.told)
    command = ["pytest", "--amct"]
    # Some quantizers have a name for people; the ini file then says how to load them.
    command += [f"--amct-quantizer={quantizer}"] if _is_loadable(quantizer) else []
    command.append(f"--amct-spec={release if release in published() else place.told['source']}")
    files = [model["name"] for model in place.report.get("models", ())]
    selects = is_case(case) and case not in files
    command.append(f"--amct-select={case}" if selects else f"--amct-model={case}")
    return shlex.join(command)


def _is_loadable(name: str) -> bool:
    return name in _installed() or re.fullmatch(r"[\w.]+:[\w.]+", name) is not None


@cache
def _installed() -> frozenset[str]:
    return frozenset(entry.name for entry in metadata.entry_points(group=GROUP))


def _release(told: Mapping[str, Any]) -> str:
    return str(told["source"]).removesuffix(".toml")
