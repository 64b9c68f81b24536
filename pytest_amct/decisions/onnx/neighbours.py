"""Decides whether a QuantizeLinear / DequantizeLinear pair belongs to a layer or a neighbour."""

from __future__ import annotations

from pytest_amct.decisions.onnx.foreign import is_fake
from pytest_amct.decisions.onnx.pairs import (
    VISITS,
    Trace,
    dequantizes,
    ends_in_pairs,
    goes_back_to_float,
    goes_to_pairs,
    quantizes,
    trace,
)
from pytest_amct.decisions.onnx.qoperator import is_qoperator
from pytest_amct.decisions.onnx.quantized_constants import is_dequantize, is_quantize
from pytest_amct.decisions.value_types import SHOWS_NOTHING
from pytest_amct.graphs.network import Basis, Layer, Network, Tensor
from pytest_amct.once import once
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.model import Spec


def evidence_of_dynamic(after: Layer, ports: tuple[int, ...], spec: Spec) -> Basis | None:
    """Return the evidence of the pairs on a layer whose second operand is data like the first.

    Returns ``None`` if neighbours explain the pairs and the output does not go to pairs.
    """
    traces = [t for t in (trace(after.input(p)) for p in ports) if t.pairs]
    if not all(explained_behind(t, after, spec) for t in traces):
        return "stated"
    if not goes_to_pairs(after):
        return None
    return "inferred" if explained_ahead(after, spec) else "stated"


def has_other_readers(trace: Trace, layer: Layer) -> bool:
    """Return whether other layers read the dequantized weight.

    Some tools put the pair before all readers, even if only one of them is quantized.
    """
    way = [layer, *trace.hops]
    for behind in (*trace.hops, trace.pairs[0]):
        output = behind.output(0)
        if output is None or output.is_output or any(c not in way for c in output.consumers):
            return True
    return False


def made_by_quantized(nearest: Layer, spec: Spec) -> bool:
    """Return whether a quantized layer made a constant weight, such as an Add of constants.

    The pair may belong to that layer alone.
    """
    if goes_back_to_float(nearest):
        return True
    source = nearest.input(0)
    quantizer = source.producer if source is not None else None
    if quantizer is not None and quantizes(quantizer):
        source = quantizer.input(0)
    for _ in range(VISITS):
        producer = source.producer if source is not None else None
        if producer is None or _is_quantized(producer, spec):
            return producer is not None
        if producer.domain or producer.type not in SHOWS_NOTHING:
            return False
        source = producer.input(0)
    return True


def explained_behind(trace: Trace, layer: Layer, spec: Spec) -> bool:
    """Return whether the pair before a layer belongs to its producer or to another reader."""
    nearest = trace.pairs[0]
    skip = {layer, *trace.hops}
    if _leads_to_quantized(nearest.output(0), skip, spec):
        return True
    source = nearest.input(0)
    if not is_fake(nearest):
        quantizer = source.producer if source is not None else None
        if source is None or quantizer is None:
            return False  # a constant has no producer that could explain the pair
        for sibling in source.consumers:
            if sibling is nearest:
                continue
            if not dequantizes(sibling) or _leads_to_quantized(sibling.output(0), skip, spec):
                return True
        if not quantizes(quantizer):
            return True
        source = quantizer.input(0)
    for _ in range(VISITS):
        producer = source.producer if source is not None else None
        if producer is None:
            return False
        if dequantizes(producer) or _is_quantized(producer, spec):
            return True
        if producer.domain or producer.type not in SHOWS_NOTHING:
            return False
        source = producer.input(0)
    return True


def explained_ahead(layer: Layer, spec: Spec) -> bool:
    """Return whether the pairs after a layer belong to one of their readers."""
    for output in layer.outputs:
        for quantizer in output.consumers if output is not None else ():
            if _leads_to_quantized(quantizer.output(0), {layer}, spec):
                return True
    return False


def _leads_to_quantized(tensor: Tensor | None, skip: set[Layer], spec: Spec) -> bool:
    """Return whether a quantized layer reads a tensor, directly or through types that show nothing.

    Returns ``True`` if the search is cut short.
    """
    stack, left = [tensor], VISITS
    while stack:
        current = stack.pop()
        for consumer in current.consumers if current is not None else ():
            if consumer in skip:
                continue
            left -= 1
            if not left or _is_quantized(consumer, spec):
                return True
            if _passes(consumer):
                stack.extend(consumer.outputs)
    return False


def _passes(layer: Layer) -> bool:
    if dequantizes(layer):
        return True
    return not layer.domain and layer.type in SHOWS_NOTHING and not is_quantize(layer)


def _is_quantized(layer: Layer, spec: Spec) -> bool:
    """Return whether a layer of the result may be quantized. In doubt it is."""
    _, known = once(layer.network, _known).setdefault(id(spec), (spec, {}))
    if layer not in known:
        known[layer] = _may_be_quantized(layer, spec)
    return known[layer]


def _known(network: Network) -> dict[int, tuple[Spec, dict[Layer, bool]]]:
    return {}  # by release, as each lists other types; a release that is kept keeps its `id`


def _may_be_quantized(layer: Layer, spec: Spec) -> bool:
    if is_quantize(layer) or is_dequantize(layer) or is_fake(layer):
        return False
    if is_qoperator(layer):
        return True
    row = find_row(layer, spec)
    if row is not None and row.ports.weight is not None:
        return bool(trace(layer.input(row.ports.weight)).pairs)
    return any(trace(t).pairs for t in layer.inputs) and ends_in_pairs(layer)
