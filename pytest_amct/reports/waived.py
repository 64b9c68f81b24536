"""The waivers of a run in its report: what each covers, and which cover nothing any more."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pytest_amct.ids import is_case
from pytest_amct.verdicts import Finding, Policy, Record
from pytest_amct.waivers import SOON, Waiver
from pytest_amct.wording import number

_MOST_SHOWN = 12
"""The most waivers that the summary lists."""


def waivers_section(
    policy: Policy, findings: Iterable[Finding], records: Sequence[Record], whole: bool
) -> list[dict[str, Any]]:
    """Return the waivers by id, each with the number of findings that it covers.

    `whole`: whether every case of the gate was shown. Only then can a waiver be stale: what it is
    about was judged, and it covers nothing.
    """
    count: dict[Waiver, int] = {}
    for finding in findings:
        waiver = policy.waiver(finding)
        if waiver is not None:
            count[waiver] = count.get(waiver, 0) + 1
    return [
        {
            "id": waiver.id,
            "kind": waiver.kind or None,
            "reason": waiver.reason,
            "owner": waiver.owner or None,
            "link": waiver.link or None,
            "until": waiver.until or None,
            "release": waiver.release or None,
            "place": waiver.place,
            "covers": count.get(waiver, 0),
            "stale": whole and waiver not in count and _was_judged(waiver.id, records),
        }
        for waiver in sorted(policy.waivers, key=lambda w: (w.id, w.kind))
    ]


def _was_judged(id_: str, records: Iterable[Record]) -> bool:
    """Return whether a decision is known that could have led to a finding about an id."""
    if is_case(id_):
        return any(r.is_known for r in records if r.case == id_)
    about = (r for r in records if id_ in (r.group, r.row) or r.states.get(id_) == "broken")
    return any(r.is_known for r in about)


def stale(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the waivers of a report that cover nothing any more."""
    return [waiver for waiver in report["waivers"] if waiver["stale"]]


def waiver_lines(report: dict[str, Any], today: datetime.date) -> Iterator[tuple[str, list[str]]]:
    """Yield the lines of the summary about waivers, each with its markup."""
    covering = [w for w in report["waivers"] if w["covers"]]
    for waiver in covering[:_MOST_SHOWN]:
        by = ", ".join(filter(None, (waiver["owner"], waiver["link"])))
        count = number(waiver["covers"], "finding")
        yield f"  w {waiver['id']}: {count} accepted: {waiver['reason']} ({by})", []
    if len(covering) > _MOST_SHOWN:
        yield f"  w {len(covering) - _MOST_SHOWN} more waivers: see the report", []
    for waiver in report["waivers"]:
        left = (datetime.date.fromisoformat(waiver["until"]) - today).days if waiver["until"] else 0
        if waiver["until"] and left <= SOON:
            days = {0: "today", 1: "tomorrow"}.get(left, f"in {left} days")
            yield f"  {_named(waiver)} ends {days}, on {waiver['until']} (UTC)", ["yellow"]
    for waiver in stale(report):
        yield f"  {_named(waiver)} covers nothing any more, so the run fails: remove it", ["red"]


def _named(waiver: dict[str, Any]) -> str:
    kind = f" ({waiver['kind']})" if waiver["kind"] else ""
    return f"the waiver of {waiver['id']}{kind} in {waiver['place']}"
