"""Reads decisions from a quantized ONNX network in QDQ or QOperator form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.onnx.inputs import is_of_inputs, read_inputs
from pytest_amct.decisions.onnx.integers import is_constant, is_narrow
from pytest_amct.decisions.onnx.pairs import holds_integers
from pytest_amct.decisions.onnx.qdq import data_ports, read_data_only, read_weighted
from pytest_amct.decisions.onnx.qoperator import is_qoperator, read_qoperator
from pytest_amct.decisions.value_types import SHOWS_NOTHING
from pytest_amct.graphs import walk
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.model import Spec

__all__ = ["SHOWS_NOTHING", "Decided", "read_decisions", "sorted_out"]


class Decided(NamedTuple):
    """What a result shows and what it does not show, by layer index."""

    decisions: Mapping[int, Decision]
    #: why a decision cannot be told, as text
    untold: Mapping[int, str]


def read_decisions(original: Network, counterparts: Mapping[int, Layer], spec: Spec) -> Decided:
    """Return the decisions on the layers that have a counterpart in the result.

    Layers whose counterpart shows nothing are left out (docs/reading.md, "What forms show").
    """
    return sorted_out(
        (index, _decide(original.layers[index], after, spec))
        for index, after in counterparts.items()
    )


def sorted_out(found: Iterable[tuple[int, Decision | str | None]]) -> Decided:
    """Separate decisions from texts that say why there is none."""
    decisions: dict[int, Decision] = {}
    untold: dict[int, str] = {}
    for index, told in found:
        if isinstance(told, str):
            untold[index] = told
        elif told is not None:
            decisions[index] = told
    return Decided(decisions, untold)


def _decide(before: Layer, after: Layer, spec: Spec) -> Decision | str | None:
    if (not before.domain and before.type in SHOWS_NOTHING) or is_qoperator(before):
        return None
    if before.body or before.parameters:  # a call: the decisions are in its body
        return None
    row = find_row(before, spec)
    weight = row.ports.weight if row is not None else None
    if is_qoperator(after):
        constant = weight is not None and is_constant(before.input(weight))
        return read_qoperator(after, data_ports(before, row), constant, is_of_inputs(row))
    if row is not None and is_of_inputs(row) and not holds_integers(after.input(0)):
        return read_inputs(before, after, row, spec)
    if row is not None and weight is not None:
        return read_weighted(before, after, row, spec)
    if holds_integers(before.input(0)):
        return None  # it already worked on integers in the given model
    if holds_integers(after.input(0)):
        ports = data_ports(before, row)
        if _was_float(before) and all(holds_integers(after.input(port)) for port in ports):
            return Decision(inputs=ports, weights=False, seen=f"{after} works on integers")
        return f"{after} works on integers, but not all of its data are integers"
    first = after.input(0)
    if first is not None and is_narrow(first.dtype) and _was_float(before):
        return f"{after} works on {first.dtype}, but no quantizer was found before it"
    return read_data_only(before, after, row, spec)


def _was_float(before: Layer) -> bool:
    return walk.dtype(before.input(0)) in ("float32", "float16")
