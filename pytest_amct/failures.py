"""The parts of a failing test's text: finding, condition, row, model, output of the quantizer.

`Runner.result` joins them.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from pytest_amct.cases.plan import Built, target_layers
from pytest_amct.decisions.decision import Outcome
from pytest_amct.graphs.text import network_text
from pytest_amct.verdicts import Finding
from pytest_amct.wording import printable

MOST_SHOWN = 5
"""Findings that a failing test lists."""


def told(finding: Finding, built: Built, release: str, spec: str) -> list[str]:
    """Return the lines that report a finding, with the model that shows it.

    `release` is the title of the tables, `spec` what the user names them by.
    """
    lines = [sentence(finding), "", f"case       {finding.case}"]
    lines.append(f"condition  {finding.condition}")
    if finding.row:
        lines.append(f"row        {finding.row} of {release}")
    if finding.kind == "over-quantized":
        own = f" {shlex.quote(f'--spec={spec}')}" if spec.endswith(".toml") else ""
        lines.append(f"explained  pytest-amct rule {finding.condition}{own}")
    network = built.native.network()
    target = target_layers(network, built.targets)
    marked = [layer for layer in target if str(layer) == finding.layer] or target
    return [*lines, "", network_text(network, frozenset(marked)), ""]


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
