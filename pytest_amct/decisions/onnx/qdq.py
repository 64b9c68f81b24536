"""Decisions in QDQ form: which values pass a QuantizeLinear / DequantizeLinear pair, and why.

A pair is on a tensor, not on a layer. It is there because the layer before it, the layer after it,
or another reader of the same tensor is quantized. If a neighbour explains the pair, it does not
prove a decision on the layer, so the evidence is `inferred`.
"""

from __future__ import annotations

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.onnx.doubts import doubt_at, sums_at, unknown_reader
from pytest_amct.decisions.onnx.integers import (
    became_whole_numbers,
    cast_weight_seen,
    factors_differ,
    is_constant,
    is_narrow,
)
from pytest_amct.decisions.onnx.neighbours import (
    evidence_of_dynamic,
    explained_ahead,
    explained_behind,
    has_other_readers,
    made_by_quantized,
)
from pytest_amct.decisions.onnx.pairs import (
    Trace,
    ends_in_pairs,
    goes_back_to_float,
    goes_to_pairs,
    is_dequantized_somewhere,
    is_pair,
    is_unknown,
    trace,
)
from pytest_amct.decisions.onnx.quantized_constants import (
    WeightSeen,
    bits_of,
    is_operator,
    pair_seen,
)
from pytest_amct.graphs import walk
from pytest_amct.graphs.network import Basis, Layer
from pytest_amct.tables.model import Row, Spec

_FLOATS = (None, "float32", "float16", "bfloat16", "float64")


_ALIKE = frozenset({"Mul", "Sub", "Div", "Sum", "Mean"})
"""Types without a row whose operands are interchangeable, like those of Add."""


def data_ports(layer: Layer, row: Row | None) -> tuple[int, ...]:
    """Return the data ports of a layer: those of its row, else all non-constant float inputs."""
    if row is not None:
        return tuple(p for p in row.ports.data if layer.input(p) is not None)
    return tuple(
        port
        for port, tensor in enumerate(layer.inputs)
        if tensor is not None and walk.dtype(tensor) in _FLOATS and not is_constant(tensor)
    )


def read_weighted(before: Layer, after: Layer, row: Row, spec: Spec) -> Decision | str | None:
    """Return the decision on a layer with a weight, ``None`` if the result shows nothing new.

    `before` is the layer of the given model, `after` its counterpart in the result. A returned text
    says why the decision cannot be told.
    """
    port = row.ports.weight
    assert port is not None
    # What counts as dequantizing is in `pairs.dequantizes`.
    weight, old = trace(after.input(port)), trace(before.input(port))
    if not weight.pairs:
        return _without_pairs(before, after, row, weight)
    if len(weight.pairs) <= len(old.pairs):
        return None
    nearest = weight.pairs[0]
    evidence: Basis | None = "stated"
    seen = WeightSeen()
    raw = False
    if is_constant(before.input(port)):
        if raw := is_operator(nearest, "Cast"):
            seen = cast_weight_seen(after.input(port), nearest)
            seen = seen._replace(channel_wise=factors_differ(after))
        else:
            seen = pair_seen(nearest)
        if has_other_readers(weight, after) or made_by_quantized(nearest, spec):
            evidence = "inferred"
    else:
        evidence = evidence_of_dynamic(after, (*row.ports.data, port), spec)
    if evidence is None:
        return None
    return Decision(
        inputs=_quantized_data(before, after, row, raw),
        weights=True,
        weight_channel_wise=seen.channel_wise,
        weight_asymmetric=seen.asymmetric,
        weight_bits=seen.bits,
        evidence=evidence,
        seen=f"its weight comes through {nearest}",
    )


def _without_pairs(before: Layer, after: Layer, row: Row, weight: Trace) -> Decision | str:
    port = row.ports.weight
    assert port is not None
    plain, now = before.input(port), after.input(port)
    words = doubt_at(before, after, port, "weight")
    if is_constant(plain):
        cast = weight.doubt if words else None
        if cast is not None and is_operator(cast, "Cast") and is_pair(cast):
            seen = cast_weight_seen(now, cast)
            return _integers(before, after, row, seen, f"its weight comes through {cast}")
        if now is not None and is_narrow(now.dtype) and not is_narrow(walk.dtype(plain)):
            seen = WeightSeen(factors_differ(after), None, bits_of(now.dtype))
            return _integers(before, after, row, seen, "its weight holds integers")
        if became_whole_numbers(plain, now):
            seen = WeightSeen(factors_differ(after))
            return _integers(before, after, row, seen, "its weight holds integers as floats")
        # A constant that is scaled or smoothed after its DequantizeLinear shows no factors.
        if words is None and is_dequantized_somewhere(now):
            words = "its weight is computed from values that may have been dequantized"
    if words is None and weight.maybe:
        words = "dequantized values may reach its weight through a type that clips or joins values"
    for data in row.ports.data if words is None else ():
        words = words or doubt_at(before, after, data, "data")
    return words or Decision.float()


def _integers(before: Layer, after: Layer, row: Row, seen: WeightSeen, why: str) -> Decision:
    return Decision(
        inputs=_quantized_data(before, after, row, True),
        weights=True,
        weight_channel_wise=seen.channel_wise,
        weight_asymmetric=seen.asymmetric,
        weight_bits=seen.bits,
        seen=why,
    )


def read_data_only(
    before: Layer, after: Layer, row: Row | None, spec: Spec
) -> Decision | str | None:
    """Return the decision on a layer without a weight, ``None`` if the result shows nothing new.

    A returned text says why the decision cannot be told.
    """
    all_ports = data_ports(before, row)
    for port in all_ports:
        words = doubt_at(before, after, port, "data")
        if words is None and sums_at(before, port, spec) is None:
            words = sums_at(after, port, spec)
        if words is not None:
            return words
    ports = all_ports if goes_to_pairs(after) else ()
    if not ports:
        return _without_pairs_behind(before, after, all_ports)
    sides: list[bool] = []  # for each new pair: whether a neighbour explains it
    for port in ports:
        found = trace(after.input(port))
        if not found.pairs:
            if found.maybe:
                return "dequantized values may reach it through a type that clips or joins values"
            return Decision.float()
        if not is_pair(found.pairs[0]):
            if goes_back_to_float(found.pairs[0]):
                return Decision.float()
            return f"{found.pairs[0]} makes its data from integers that come from elsewhere"
        if len(found.pairs) > len(trace(before.input(port)).pairs):
            sides.append(explained_behind(found, after, spec))
    if not goes_to_pairs(before):
        sides.append(explained_ahead(after, spec))
    if row is None:
        sides += _sides_of_parameters(before, after, ports, spec)
    if not sides:
        return None
    # A constant operand of Add is data. It may be data of these types as well, and it is float.
    half = before.type in _ALIKE and any(
        is_constant(tensor) and walk.dtype(tensor) in _FLOATS and not trace(tensor).pairs
        for tensor in after.inputs
        if tensor is not None
    )
    return Decision(
        inputs=ports,
        weights=False,
        evidence="inferred" if half or all(sides) else "stated",
        seen=_between_pairs(after, ports[0]),
    )


def _without_pairs_behind(before: Layer, after: Layer, ports: tuple[int, ...]) -> Decision | str:
    """Return the decision on a layer whose output does not go to pairs itself."""
    now, then = ([trace(layer.input(port)) for port in ports] for layer in (after, before))
    if any(t.pairs for t in now) and (words := unknown_reader(before, after)):
        return words
    is_new = [(len(t.pairs), t.maybe) for t in now] != [(len(t.pairs), t.maybe) for t in then]
    # It may be quantized together with the activation behind it.
    if is_new and all(t.pairs or t.maybe for t in now) and ends_in_pairs(after):
        return "its output goes to QuantizeLinear behind a type that clips or joins values"
    return Decision.float()


def _sides_of_parameters(
    before: Layer, after: Layer, ports: tuple[int, ...], spec: Spec
) -> list[bool]:
    """Return for each new pair on a constant, as on the scale of a normalization, if another
    reader explains it. Only a tool that quantizes the layer puts one there.
    """
    sides = []
    for port, tensor in enumerate(after.inputs):
        found = trace(tensor)
        if port in ports or not found.pairs or not is_constant(before.input(port)):
            continue
        if is_pair(found.pairs[0]) and len(found.pairs) > len(trace(before.input(port)).pairs):
            sides.append(explained_behind(found, after, spec))
    return sides


def _between_pairs(after: Layer, port: int) -> str:
    nearest = trace(after.input(port)).pairs[0]
    if nearest.type == "DequantizeLinear":
        return "its data comes through DequantizeLinear and its output goes to QuantizeLinear"
    return f"its data comes through {nearest} and its output is also quantized"


def _quantized_data(
    before: Layer, after: Layer, row: Row, raw: bool = False
) -> tuple[int, ...] | None:
    """Return the ports whose data is quantized, ``None`` if it cannot be told.

    If `raw`, the weight holds plain integers, so rounded data counts as quantized as well.
    """
    ports = []
    for port in row.ports.data:
        found = trace(after.input(port))
        if found.maybe:
            return None
        if found.pairs:
            if len(found.pairs) <= len(trace(before.input(port)).pairs):
                return None
            ports.append(port)
        elif doubt_at(before, after, port, "data") is not None:
            if not raw or found.doubt is None or is_unknown(found.doubt):
                return None
            ports.append(port)
    return tuple(ports)
