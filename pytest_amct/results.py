"""The result of one test, and the collected results of a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pytest_amct.ids import condition_of
from pytest_amct.options import Settings
from pytest_amct.processes.journal import Remains
from pytest_amct.verdicts import Finding, Policy, Record
from pytest_amct.waivers import Kind


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one test: its records, its own findings, and why it fails, if it does."""

    records: tuple[Record, ...]
    findings: tuple[Finding, ...] = ()
    failure: str | None = None
    #: number of drawn examples; identical ones have one record
    examples: int = 0
    #: the newest opset of ONNX that these examples may have
    newest_opset: int | None = None
    #: by framework: why the test stopped early and nothing else was judged
    stopped: Mapping[str, str] = field(default_factory=dict)
    #: for a given model: how many layers were judged, and why others were not
    model: Mapping[str, Any] | None = None
    #: the results under other releases, by the name of their table file
    others: Mapping[str, Result] = field(default_factory=dict)
    #: seconds of the calls that the test made, by case
    seconds: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the result as one JSON value, to send it to another process."""
        return json.dumps(self.values())

    def values(self) -> dict[str, Any]:
        """Return the result as values that JSON can hold."""
        return {
            "records": [values_of(r) for r in self.records],
            "findings": [asdict(f) for f in self.findings],
            "examples": self.examples,
            "newest_opset": self.newest_opset,
            "stopped": dict(self.stopped),
            "model": self.model,
            "others": {name: other.values() for name, other in self.others.items()},
            "seconds": dict(self.seconds),
        }


_FIELDS = tuple(f.name for f in fields(Record) if f.name != "findings")


def values_of(record: Record) -> dict[str, Any]:
    """Return a record as JSON values. A large model has many: `asdict` would copy each deeply."""
    values = {name: getattr(record, name) for name in _FIELDS}
    return {**values, "findings": [asdict(f) for f in record.findings]}


def policy_of(settings: Settings) -> Policy:
    """Return the policy that the user's settings define."""
    return Policy(settings.strict, settings.required_rows, settings.float_rows, settings.waivers)


@dataclass(slots=True)
class Collected:
    """The results of all tests, from this process and others."""

    records: dict[tuple[str, str], Record] = field(default_factory=dict)
    findings: dict[tuple[str, ...], Finding] = field(default_factory=dict)
    tests: int = 0
    #: number of examples that explore drew; identical ones have one record
    examples: int = 0
    #: the newest opset of ONNX that explore drew
    newest_opset: int | None = None
    complete: bool = False
    #: by framework: why nothing else of it was judged
    stopped: dict[str, str] = field(default_factory=dict)
    #: the results under other releases, by the name of their table file
    others: dict[str, Collected] = field(default_factory=dict)
    #: seconds of the calls, by case
    seconds: dict[str, float] = field(default_factory=dict)
    #: for a run of given models: how many layers of each were judged
    models: list[dict[str, Any]] = field(default_factory=list)

    def add(self, result: dict[str, Any]) -> None:
        """Add the result of a test, given as its JSON value."""
        self.tests += 1
        self.examples += result["examples"]
        self.newest_opset = result["newest_opset"] or self.newest_opset
        self.stopped |= result["stopped"]
        self.seconds |= result.get("seconds", {})
        self.models += [result["model"]] if result["model"] else []
        self._records(result["records"])
        for values in result["findings"]:
            self._finding(Finding(**values))
        for name, other in result["others"].items():
            self.others.setdefault(name, Collected()).add(other)

    def values(self) -> dict[str, Any]:
        """Return the results, sorted, as the values of one result that `add` takes.

        What is said of given models is left out.
        """
        return {
            "records": [values_of(self.records[key]) for key in sorted(self.records)],
            "findings": [asdict(self.findings[key]) for key in sorted(self.findings)],
            "examples": self.examples,
            "newest_opset": self.newest_opset,
            "stopped": self.stopped,
            "model": None,
            "others": {name: other.values() for name, other in self.others.items()},
        }

    def add_remains(
        self, remains: Remains, quantizer: str, ended: str = "", *, accused: bool = True
    ) -> str:
        """Add what a dead process left behind, and return the sentence that reports it.

        `ended` says how it ended, `accused` whether the quantizer caused it.
        """
        self._records(remains.records)
        for record in remains.records:
            for values in record["findings"]:
                self._finding(Finding(**values))
        self.tests += 1
        self.complete = False
        if remains.case is None:
            count = len(remains.records)
            return f"the process ended between two calls of {quantizer}, after {count} cases"
        place = f"case {remains.case}, after {len(remains.records)} cases"
        how = f" ({ended})" if ended else ""
        if not accused:
            return f"the process ended{how} in {place}: the quantizer is not blamed"
        kind: Kind = "timed-out" if remains.hung else "crashed"
        what = "timed out in" if remains.hung else f"ended the process{how} in"
        sentence = f"{quantizer} {what} {place}"
        group = condition_of(remains.case)
        self._finding(Finding(kind, group, remains.case, "", "failed", sentence))
        return sentence

    def _records(self, values: Iterable[dict[str, Any]]) -> None:
        for value in values:
            findings = tuple(Finding(**f) for f in value["findings"])
            # Several tests may run the same case, and each checks what it asserts.
            key = value["case"], value["layer"]
            known = self.records[key].checked if key in self.records else ()
            checked = tuple(sorted({*value["checked"], *known}))
            self.records[key] = Record(**{**value, "findings": findings, "checked": checked})

    def _finding(self, finding: Finding) -> None:
        if finding.kind != "not-quantized":  # counted once for each row, over all tests
            key = (finding.kind, finding.condition, finding.case, finding.layer)
            self.findings[key] = finding
