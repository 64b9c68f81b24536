"""Decisions in QDQ form: which values pass a QuantizeLinear / DequantizeLinear pair, and why.

A pair stands on a tensor, not on a layer: it is there because the layer before it, the layer
behind it, or another reader of the same tensor is quantized. What such a neighbour explains is no
choice of the layer between, so the evidence is `inferred` there.
"""

from __future__ import annotations

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.onnx.neighbours import (
    evidence_of_dynamic,
    explained_ahead,
    explained_behind,
    has_other_readers,
)
from pytest_amct.decisions.onnx.pairs import (
    goes_to_pairs,
    is_dequantized_somewhere,
    is_pair,
    trace,
)
from pytest_amct.decisions.onnx.quantized_constants import WeightSeen, weight_seen
from pytest_amct.graphs import walk
from pytest_amct.graphs.network import Basis, Layer, Tensor
from pytest_amct.tables.model import Row, Spec

_FLOATS = (None, "float32", "float16", "bfloat16", "float64")


_ALIKE = frozenset({"Mul", "Sub", "Div", "Sum", "Mean"})
"""Types without a row whose operands are alike, as those of Add are."""


def data_ports(layer: Layer, row: Row | None) -> tuple[int, ...]:
    """Ports of a layer's data: those of its row, else every float input that is not constant."""
    if row is not None:
        return tuple(p for p in row.ports.data if layer.input(p) is not None)
    return tuple(
        port
        for port, tensor in enumerate(layer.inputs)
        if tensor is not None and walk.dtype(tensor) in _FLOATS and not is_constant(tensor)
    )


def is_constant(tensor: Tensor | None) -> bool:
    """Whether a value of the model that was given can not change."""
    if tensor is None or tensor.origin == "input":
        return False
    return tensor.origin == "constant" or walk.source(tensor).kind == "constant"


def read_weighted(before: Layer, after: Layer, row: Row, spec: Spec) -> Decision | None:
    """The decision on a layer with a weight, ``None`` if nothing new is to be seen.

    `before` is the layer of the model that was given, `after` its counterpart in the result.
    """
    port = row.ports.weight
    assert port is not None
    weight, old = trace(after.input(port)), trace(before.input(port))
    if not weight.pairs:
        # A constant that is scaled or smoothed behind its DequantizeLinear shows no factors.
        computed = is_constant(before.input(port)) and is_dequantized_somewhere(after.input(port))
        return None if weight.maybe or computed else Decision.float()
    if len(weight.pairs) <= len(old.pairs):
        return None
    nearest = weight.pairs[0]
    evidence: Basis | None = "stated"
    seen = WeightSeen()
    if is_constant(before.input(port)):
        seen = weight_seen(nearest.input(0), nearest.input(1), nearest.input(2))
        if has_other_readers(weight, after):
            evidence = "inferred"
    else:
        evidence = evidence_of_dynamic(after, (*row.ports.data, port), spec)
    if evidence is None:
        return None
    return Decision(
        inputs=_quantized_data(before, after, row),
        weights=True,
        weight_channel_wise=seen.channel_wise,
        weight_asymmetric=seen.asymmetric,
        weight_bits=seen.bits,
        evidence=evidence,
        seen=f"its weight comes through {nearest}",
    )


def read_data_only(before: Layer, after: Layer, row: Row | None, spec: Spec) -> Decision | None:
    """The decision on a layer without a weight, ``None`` if nothing new is to be seen."""
    # The cheap question first: most layers that are float end here.
    ports = data_ports(before, row) if goes_to_pairs(after) else ()
    if not ports:
        return Decision.float()
    sides: list[bool] = []  # of each that is new: whether a neighbour explains it
    for port in ports:
        found = trace(after.input(port))
        if not found.pairs:
            return None if found.maybe else Decision.float()
        if not is_pair(found.pairs[0]):
            return Decision.float()
        if len(found.pairs) > len(trace(before.input(port)).pairs):
            sides.append(explained_behind(found, after, spec))
    if not goes_to_pairs(before):
        sides.append(explained_ahead(after, spec))
    if not sides:
        return None
    # Where Add's constant operand is data, so may that of a type without a row be: it is float.
    half = before.type in _ALIKE and any(
        is_constant(tensor) and walk.dtype(tensor) in _FLOATS and not trace(tensor).pairs
        for tensor in after.inputs
        if tensor is not None
    )
    return Decision(
        inputs=ports,
        weights=False,
        evidence="inferred" if half or all(sides) else "stated",
        seen="its data comes through DequantizeLinear and its output goes to QuantizeLinear",
    )


def _quantized_data(before: Layer, after: Layer, row: Row) -> tuple[int, ...] | None:
    ports = []
    for port in row.ports.data:
        found = trace(after.input(port))
        if found.maybe:
            return None
        if found.pairs:
            if len(found.pairs) <= len(trace(before.input(port)).pairs):
                return None
            ports.append(port)
    return tuple(ports)
