"""Assembles the report from the results of the tests.

Records are keyed by case and layer, and everything is sorted by id. The report does not depend on
the order of tests, the number of processes, or which tests share a case.
"""

from __future__ import annotations

import contextlib
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from importlib import metadata
from typing import Any

from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.ids import ConditionId
from pytest_amct.options import Settings
from pytest_amct.quantizers.tool import Tool
from pytest_amct.reports.exported import exported_id
from pytest_amct.reports.phrases import is_narrowed
from pytest_amct.reports.waived import waivers_section
from pytest_amct.results import Collected, policy_of
from pytest_amct.tables.answers import float16_id, may_be_closed
from pytest_amct.tables.model import Condition, Row, Spec, condition_id
from pytest_amct.verdicts import ENDED, Record, is_not_quantized, left_in_float, not_quantized

FORMAT = "pytest-amct-report/4"
"""Name and version of the format."""

_PACKAGES = ("pytest-amct", "pytest", "hypothesis", "onnx", "numpy", "onnxruntime")


def assemble(
    collected: Collected,
    specs: Sequence[Spec],
    settings: Settings,
    quantizer: str,
    selection: dict[str, Any],
    tool: Tool | None = None,
) -> dict[str, Any]:
    """Return the report as a JSON value, see ``report.schema.json``.

    The first release decides. The others are sections of the report. The default of `tool` has the
    quantizer's name.
    """
    whole = (
        collected.complete
        and settings.profile == "gate"
        and not is_narrowed({"selection": selection})
    )
    judged = _judged(collected, specs[0], settings, whole)
    others = [
        _judged(collected.others.get(spec.source, Collected()), spec, settings)
        for spec in specs[1:]
    ]
    return {
        "format": FORMAT,
        "spec": judged.pop("spec"),
        "quantizer": quantizer,
        "tool": (tool or Tool(quantizer))._asdict(),
        "profile": settings.profile,
        "complete": collected.complete and not collected.stopped,
        "stopped": dict(sorted(collected.stopped.items())),
        "selection": selection,
        "versions": versions(),
        "cases": len({r.case for r in collected.records.values()}),
        **({"examples": collected.examples} if settings.profile == "explore" else {}),
        **({"newest_opset": collected.newest_opset} if collected.newest_opset else {}),
        **judged,
        **({"releases": others} if others else {}),
    }


def _models(collected: Collected) -> list[dict[str, Any]]:
    return sorted(collected.models, key=lambda model: str(model["name"]))


def _judged(
    collected: Collected, spec: Spec, settings: Settings, whole: bool = False
) -> dict[str, Any]:
    """Return what one release says of the results; `whole`: of every case of the gate."""
    records = sorted(collected.records.values(), key=lambda r: (r.case, r.layer))
    policy = policy_of(settings)
    shown = [ConditionId.parse(c) for c in {c for r in records for c in r.states}]
    tables = {"uniform", *(c.table for c in shown)}
    frameworks = {c.framework for c in shown} | {*collected.stopped}
    frameworks = frameworks or {"onnx"}
    rows = [
        row
        for framework in FRAMEWORKS
        for table in spec.lists
        if table in tables and framework in frameworks
        for row in spec.rows
        if (row.table, row.framework) == (table, framework)
    ]
    # No policy was applied yet to the finding that a dead process causes.
    told = [policy.apply(f) if f.kind in ENDED else f for f in collected.findings.values()]
    findings = sorted(
        [*told, *not_quantized(records, policy)],
        key=lambda f: (f.condition, f.case, f.layer, f.kind),
    )
    listed = [row for row in rows if row.table == "uniform"]
    return {
        "spec": {
            "release": spec.release,
            "title": spec.title,
            "source": spec.source,
            "rows": len(listed),
            "seen": sum(row.seen != "no" for row in listed),
        },
        "conditions": [*_conditions(spec, rows, records)],
        "rows": [_row(row, records, policy.is_float_row(row.id)) for row in rows],
        "untold": _untold(records),
        "unvalidated": _unvalidated(records),
        **({"models": _models(collected)} if collected.models else {}),
        "findings": [{**asdict(f), "exported": exported_id(f.case)} for f in findings],
        "waivers": waivers_section(policy, findings, records, whole),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a report may depend on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _conditions(spec: Spec, rows: list[Row], records: list[Record]) -> Iterator[dict[str, Any]]:
    """Yield the conditions of table 1 and of other requests, in the document's order."""
    implied = {
        condition_id(row, c): f"{row.id}/{c.implied_by}"
        for row in rows
        for c in row.conditions
        if c.implied_by
    }
    listed: set[str] = set()
    for row in rows:
        for condition in row.asked:
            listed.add(condition_id(row, condition))
            yield _condition(row, condition, records, implied)
        if may_be_closed(row, spec):
            yield _seen(float16_id(row), spec.float16_basis, records, implied)
    listed |= {condition_id(row, c) for row in rows for c in row.conditions if c.open}
    others = {c for r in records for c in r.states} - listed
    for name in sorted(c for c in others if ConditionId.parse(c).is_unlisted):
        about = ConditionId.parse(name)
        counted = _seen(name, spec.lists[about.table], records, implied)
        # The condition is "a row lists the type": every layer of a row satisfies it.
        listed_ones = [r for r in records if any(_same_table(c, about) for c in r.states)]
        known = sum(r.is_known for r in listed_ones)
        counted["satisfied"] = len(listed_ones) - counted["violated_alone"]
        counted["judged"]["satisfied"] = known - counted["judged"]["violated_alone"]
        yield counted
    for name in sorted(c for c in others if ConditionId.parse(c).table == "settings"):
        yield _seen(name, "stated", records, implied)


def _same_table(condition: str, other: ConditionId) -> bool:
    parsed = ConditionId.parse(condition)
    return (parsed.table, parsed.framework) == (other.table, other.framework)


def _condition(
    row: Row, condition: Condition, records: list[Record], implied: dict[str, str]
) -> dict[str, Any]:
    id_ = condition_id(row, condition)
    if condition.implied_by:
        return {"id": id_, "basis": condition.basis, "implied_by": implied[id_]}
    if condition.unobservable:
        return {"id": id_, "basis": condition.basis, "unobservable": condition.unobservable}
    seen = _seen(id_, condition.basis, records, implied)
    if not condition.on_treatment:
        return seen
    checked = sum(id_ in r.checked for r in records)
    asked_for = seen if seen["violated_alone"] else {"id": id_, "basis": condition.basis}
    return {**asked_for, "checked": checked}


def _seen(id_: str, basis: str, records: list[Record], implied: dict[str, str]) -> dict[str, Any]:
    """Count the cases by state of a condition; `judged` are those with a known decision."""
    shown: Counter[str] = Counter()
    judged: Counter[str] = Counter()
    for record in records:
        state = record.states.get(id_)
        if state == "holds":
            key = "satisfied"
        elif state == "unknown":
            key = "unspecified"
        elif state == "broken" and _is_alone(id_, record, implied):
            key = "violated_alone"
        else:
            continue
        shown[key] += 1
        judged[key] += record.is_known
    sides = ("satisfied", "violated_alone")
    return {
        "id": id_,
        "basis": basis,
        **{key: shown[key] for key in (*sides, "unspecified")},
        "judged": {key: judged[key] for key in sides},
    }


def _is_alone(id_: str, record: Record, implied: dict[str, str]) -> bool:
    """Return whether no other condition is violated, except those that this one implies."""
    broken = {c for c, s in record.states.items() if s == "broken"}
    return all(c == id_ or implied.get(c) == id_ for c in broken)


def _untold(records: list[Record]) -> dict[str, Any]:
    """Count the layers whose treatment a form cannot tell, by reason."""
    untold = [r for r in records if r.untold]
    return {
        "layers": len(untold),
        "cases": len({r.case for r in untold}),
        "reasons": _by_count((r.untold for r in untold), "layers"),
    }


def _unvalidated(records: list[Record]) -> dict[str, Any]:
    """Count the cases whose results were not validated, by reason."""
    cases = {r.case: r.unvalidated for r in records if r.unvalidated}
    return {"cases": len(cases), "reasons": _by_count(cases.values(), "cases")}


def _by_count(reasons: Iterable[str], counted: str) -> list[dict[str, Any]]:
    """Return each reason with its number, the most frequent first."""
    count = Counter(reasons)
    in_order = sorted(count, key=lambda reason: (-count[reason], reason))
    return [{"reason": reason, counted: count[reason]} for reason in in_order]


def _row(row: Row, records: list[Record], float_row: bool) -> dict[str, Any]:
    left = left_in_float(records).get(row.id, {})
    eligible = [r for r in records if r.row == row.id and r.verdict == "quantizable"]
    count = Counter(_became(r) for r in eligible)
    known = count["quantized"] + count["float"] + count["refused"]
    mostly_unmatched = count["unmatched"] * 2 > len(eligible)
    return {
        "id": row.id,
        "eligible": len(eligible),
        "quantized": count["quantized"],
        "float": count["float"],
        "untold": count["untold"],
        "unknown": count["unknown"],
        "unmatched": count["unmatched"],
        "refused": count["refused"],
        "unsupported": count["unsupported"],
        "errored": sum(count[status] for status in ("errored", "invalid-output", *ENDED)),
        "not_quantized": sum(is_not_quantized(found) for found in left.values()),
        "float_row": float_row,
        "judged": not eligible or (known > 0 and not mostly_unmatched),
    }


def _became(record: Record) -> str:
    """Return what became of a layer, as a key of the report's rows."""
    if record.status != "decided":
        return record.status
    return "untold" if record.untold else record.decided
