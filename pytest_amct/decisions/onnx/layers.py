"""Reads decisions out of a quantized ONNX network, in QDQ and in QOperator form."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.onnx.pairs import holds_integers
from pytest_amct.decisions.onnx.qdq import data_ports, is_constant, read_data_only, read_weighted
from pytest_amct.decisions.onnx.qoperator import is_qoperator, read_qoperator
from pytest_amct.decisions.value_types import SHOWS_NOTHING
from pytest_amct.graphs import walk
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.model import Spec

__all__ = ["SHOWS_NOTHING", "read_decisions"]


def read_decisions(
    original: Network, counterparts: Mapping[int, Layer], spec: Spec
) -> dict[int, Decision]:
    """Decisions by layer index, for the layers that have a counterpart in the result.

    A layer whose counterpart shows nothing (READING.md section 9) is left out.
    """
    found = {}
    for index, after in counterparts.items():
        decision = _decide(original.layers[index], after, spec)
        if decision is not None:
            found[index] = decision
    return found


def _decide(before: Layer, after: Layer, spec: Spec) -> Decision | None:
    if (not before.domain and before.type in SHOWS_NOTHING) or is_qoperator(before):
        return None
    if before.body or before.parameters:  # a call: what is decided is decided in its body
        return None
    row = find_row(before, spec)
    weight = row.ports.weight if row is not None else None
    if is_qoperator(after):
        constant = weight is not None and is_constant(before.input(weight))
        return read_qoperator(after, data_ports(before, row), constant)
    if row is not None and weight is not None:
        return read_weighted(before, after, row, spec)
    if holds_integers(before.input(0)):
        return None  # it worked on integers before, too
    if holds_integers(after.input(0)) and _was_float(before):
        ports = data_ports(before, row)
        if all(holds_integers(after.input(port)) for port in ports):
            return Decision(inputs=ports, weights=False, seen=f"{after} works on integers")
    return read_data_only(before, after, row, spec)


def _was_float(before: Layer) -> bool:
    return walk.dtype(before.input(0)) in ("float32", "float16")
