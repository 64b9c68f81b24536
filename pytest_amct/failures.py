"""The parts of a failing test's text: finding, condition, row, model, output of the quantizer.

`Runner.result` joins them.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from onnx import ModelProto

from pytest_amct.cases.plan import Built, target_layers
from pytest_amct.decisions.decision import Outcome
from pytest_amct.frameworks import TITLES
from pytest_amct.graphs.text import network_text
from pytest_amct.ids import CaseId, ConditionId
from pytest_amct.verdicts import Finding
from pytest_amct.wording import printable

MOST_SHOWN = 5
"""Findings that a failing test lists."""


def told(finding: Finding, built: Built, release: str, spec: str, rule: str) -> list[str]:
    """Return the lines that report a finding, with the model that shows it.

    `release` is the title of the tables, `spec` what the user names them by, `rule` what they say
    under the finding's condition.
    """
    lines = [sentence(finding), "", f"case       {finding.case}"]
    if finding.kind == "not-quantized":
        lines.append(f"and case   {CaseId.parse(finding.case).partner}")
    lines.append(f"condition  {finding.condition}")
    if rule:
        lines.append(f"rule       {rule}")
    if finding.row:
        lines.append(f"row        {finding.row} of {release}: {place(finding.condition)}")
    else:
        lines.append(f"place      {place(finding.condition)} of {release}")
    if finding.kind == "over-quantized":
        own = f" {shlex.quote(f'--spec={spec}')}" if spec.endswith(".toml") else ""
        lines.append(f"explained  pytest-amct rule {finding.condition}{own}")
    if built.options.given:
        asked = ", ".join(f"{k} = {json.dumps(v)}" for k, v in sorted(built.options.given.items()))
        lines.append(f"request    {printable(asked)}")
    network = built.native.network()
    if network.framework == "onnx":
        lines.append(f"format     {_versions(network.raw)}")
    target = target_layers(network, built.targets)
    marked = [layer for layer in target if str(layer) == finding.layer] or target
    return [*lines, "", network_text(network, frozenset(marked)), ""]


_TABLES = {
    "uniform": "table 1",
    "float16": "table 1",
    "nonuniform": "table 2",
    "weight_only": "table 3",
    "settings": "table 3",
}


def place(condition: str) -> str:
    """Return where the document says it: table, framework, row."""
    parts = ConditionId.parse(condition)
    names = [_TABLES.get(parts.table, parts.table), TITLES.get(parts.framework, parts.framework)]
    if parts.table == "float16":
        names.append("the note on Float16")
    elif parts.is_unlisted:
        names.append("its list of types")
    elif parts.row:
        names.append(f"row {parts.row}")
    return ", ".join(names)


def _versions(model: ModelProto) -> str:
    """Return the versions on which the meaning of an ONNX model depends."""
    opsets = [f"{entry.domain or 'opset'} {entry.version}" for entry in model.opset_import]
    return printable(f"ONNX {', '.join(sorted(opsets))}, IR version {model.ir_version}")


def more(group: str, others: Sequence[Finding]) -> list[str]:
    """Return the lines that list further findings of the same test."""
    if not others:
        return []
    lines = ["", f"{len(others)} more of {group}:"]
    lines += [f"  {f.case}: {f.message}" for f in others[: MOST_SHOWN - 1]]
    if len(others) >= MOST_SHOWN:
        rest = len(others) - MOST_SHOWN + 1
        lines.append(f"  ... and {rest} more: see the report (--amct-report=DIR)")
    return lines


def sentence(finding: Finding) -> str:
    """Return a finding as one sentence."""
    return f"{finding.kind}: {finding.message}"


def last_words(outcome: Outcome) -> list[str]:
    """Return the lines that show the end of the quantizer's output."""
    if not outcome.output:
        return []
    said = (f"  {printable(line)}" for line in outcome.output.splitlines())
    return ["", "last lines of the quantizer's output:", *said]
