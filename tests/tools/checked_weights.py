"""What reading a result says of its weights, without the decisions."""

from __future__ import annotations

from typing import Any, NamedTuple

from pytest_amct.decisions.decision import layer_index
from pytest_amct.decisions.read import read_outcome
from pytest_amct.graphs.network import Network
from pytest_amct.tables.loader import spec_or_default
from pytest_amct.tables.model import Spec
from pytest_amct.verdicts import Finding, corrupted


class Checked(NamedTuple):
    """What is wrong with the weights of a result, and which weights were not checked."""

    findings: list[Finding]
    #: by layer: why its quantized weight was not compared
    unchecked: dict[str, str]


def check_weights(original: Network, result: Any, spec: Spec | None = None) -> Checked:
    """Return what is wrong with the quantized weights that `result` stores.

    `result` is anything that a quantizer may return; only quantized models store weights. The
    findings are in the order of the layers of `original`. Raises `OutputError` for a result that
    cannot be read.
    """
    spec = spec_or_default(spec)
    outcome = read_outcome(original, result, spec)
    findings = [
        finding
        for layer in original.layers
        if layer_index(layer) in outcome.corrupted
        for finding in corrupted("", "", layer, outcome, spec)
    ]
    layers = original.layers
    unchecked = {str(layers[i]): why for i, why in sorted(outcome.unchecked.items())}
    return Checked(findings, unchecked)
