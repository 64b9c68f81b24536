"""Decisions on layers whose inputs are seen one by one: products of variables, sums.

Most rows say whether the data of a layer is quantized. Some releases also say how many inputs of a
sum, or how both inputs of a product of two variable tensors (docs/reading.md, "Other releases").
"""

from __future__ import annotations

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.onnx.doubts import doubt_at
from pytest_amct.decisions.onnx.neighbours import evidence_of_dynamic, explained_behind
from pytest_amct.decisions.onnx.pairs import is_pair, trace
from pytest_amct.decisions.onnx.quantized_constants import pair_seen
from pytest_amct.graphs.network import Layer
from pytest_amct.tables.model import DataFormat, Row, Spec

OF_INPUTS = frozenset(("most_inputs", "int8_symmetric"))
"""The kinds of conditions on single inputs."""


def is_of_inputs(row: Row | None) -> bool:
    """Return whether a row has conditions on single inputs."""
    kinds = {kind for c in row.conditions for kind in c.require} if row is not None else set()
    return not OF_INPUTS.isdisjoint(kinds)


def read_inputs(before: Layer, after: Layer, row: Row, spec: Spec) -> Decision | str | None:
    """Return the decision on a layer whose inputs are seen one by one.

    Return ``None`` if neighbours explain all that the result shows, and a text that says why the
    decision cannot be told.
    """
    ports = [p for p in row.ports.data if before.input(p) is not None]
    new = [port for port in ports if _has_new_pairs(before, after, port)]
    for port in ports:
        if port not in new and (words := doubt_at(before, after, port, "data")) is not None:
            return words
        if trace(after.input(port)).maybe:
            return "dequantized values may reach it through a type that clips or joins values"
    if not new:
        return Decision.float()
    if any("int8_symmetric" in c.require for c in row.conditions):
        evidence = evidence_of_dynamic(after, tuple(ports), spec)
        return None if evidence is None else _decision(after, new, evidence == "stated")
    own = [p for p in new if not explained_behind(trace(after.input(p)), after, spec)]
    if own == new or len(own) > 1:
        return _decision(after, own, True)
    if own:  # one input is quantized, and another one may be
        return Decision(weights=False, seen=f"its input {own[0]} comes through DequantizeLinear")
    return _decision(after, new, False)


def _has_new_pairs(before: Layer, after: Layer, port: int) -> bool:
    found, old = trace(after.input(port)).pairs, trace(before.input(port)).pairs
    return len(found) > len(old) and is_pair(found[0])


def _decision(after: Layer, ports: list[int], certain: bool) -> Decision:
    formats = []
    for port in ports:
        seen = pair_seen(trace(after.input(port)).pairs[0])
        formats.append(DataFormat(port, seen.bits, seen.asymmetric))
    names = " and ".join(str(port) for port in ports)
    return Decision(
        inputs=tuple(ports),
        weights=False,
        formats=tuple(formats),
        evidence="stated" if certain else "inferred",
        seen=f"its input {names} comes through {trace(after.input(ports[0])).pairs[0]}",
    )
