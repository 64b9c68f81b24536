"""Reads decisions on the layers of a TensorFlow graph from a TensorFlow Lite model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.tflite.matching import PRODUCTS
from pytest_amct.decisions.tflite.operands import Operand, operand
from pytest_amct.decisions.tflite.reader import BITS, FLOATS, Operator, Tensor
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.graphs.sources import Kind, source
from pytest_amct.once import once
from pytest_amct.tables.model import DataFormat, Row

_AT_RUN_TIME = frozenset(
    "CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV FULLY_CONNECTED BATCH_MATMUL".split()
)
"""Operators with a kernel for integer weights and float data, which quantizes the data itself."""

_DATA_IS_LAST = frozenset(("TRANSPOSE_CONV", "CONV_3D_TRANSPOSE"))
"""Operators whose data is input 2; their input 0 is the shape of the output."""


def decide(layer: Layer, operator: Operator, row: Row | None) -> Decision | str:
    """Return the decision on a layer that became an operator; `row` is the layer's row.

    A returned text says why the decision cannot be told.
    """
    weight = row.ports.weight if row is not None else None
    if layer.type in PRODUCTS and (weight is None or _source(layer, 1) == "dynamic"):
        return _product(layer, operator)
    if row is None or weight is None:
        return _without_weight(layer, operator, row)
    return _with_weight(layer, operator, row.ports.data, weight)


# --- layers without a weight ----------------------------------------------------------------------


def _without_weight(layer: Layer, operator: Operator, row: Row | None) -> Decision | str:
    """Decide on a layer without a weight: it is quantized if all data and outputs are."""
    given = [operand(t) for t in operator.inputs if t is not None and _holds_data(t)]
    made = [operand(t) for t in operator.outputs if _holds_data(t)]
    if not given or _are_float([*given, *made]):
        return Decision.float()
    if not made:  # it makes shapes, indices or truth values, and may not use the data at all
        return f"{operator.type} reads {given[0]}, but makes no data"
    if any(o.kind != "integers" for o in (*given, *made)):
        if _quantizes_data(operator, given):
            seen = f"{operator.type} with an input of {given[1]} on data of {given[0]}"
            return Decision(weights=True, nonuniform=False, seen=seen)
        return _cannot_tell(operator, [*given, *made])
    ports = row.ports.data if row is not None else range(len(given))
    return Decision(
        inputs=tuple(port for port in ports if port < len(layer.inputs)),
        weights=False,
        shift=0,
        nonuniform=False,
        seen=f"{operator.type} on {given[0]}",
    )


def _holds_data(tensor: Tensor) -> bool:
    """Return whether a tensor holds data: not a shape, an index, a truth value or a bias."""
    return tensor.type in FLOATS or tensor.type in BITS or tensor.type.startswith("type ")


# --- products of two variables --------------------------------------------------------------------


def _product(layer: Layer, operator: Operator) -> Decision | str:
    """Decide on a product whose inputs are both data, whatever the release."""
    first, second = operator.input(0), operator.input(1)
    if first is None or second is None:
        return f"{operator.type} has only one input"
    read = [operand(first), operand(second)]
    both = read[::-1] if _is_swapped(layer, *read) else read  # by the layer's own ports
    if _are_float(both):
        return Decision.float()
    if all(o.kind == "integers" for o in both) or _quantizes_data(operator, read):
        ports: tuple[int, ...] = (0, 1)
    elif {o.kind for o in both} == {"float", "rounded"} and any(
        _is_rounded(layer, o) for o in both
    ):
        ports = tuple(port for port, o in enumerate(both) if o.kind == "rounded")
    else:
        return _cannot_tell(operator, both)
    return Decision(
        inputs=ports,
        weights=False,
        shift=0,
        nonuniform=False,
        formats=tuple(_format(p, o.held) for p, o in enumerate(both) if not o.is_float),
        seen=f"{operator.type} on {' and '.join(map(str, both))}",
    )


def _format(port: int, tensor: Tensor) -> DataFormat:
    return DataFormat(port, tensor.bits, tensor.asymmetric)


# --- layers with a weight -------------------------------------------------------------------------


def _with_weight(
    layer: Layer, operator: Operator, ports: tuple[int, ...], port: int
) -> Decision | str:
    held = operator.input(1), operator.input(2 if operator.type in _DATA_IS_LAST else 0)
    if held[0] is None or held[1] is None:
        return f"{operator.type} has no data or no weight"
    weight, data = operand(held[0]), operand(held[1])
    if _is_swapped(layer, data, weight):
        return _swapped(layer, operator, ports, data, weight)
    if _source(layer, port) == "constant" and not weight.constant:
        return f"the weight of {operator.type} is not a stored constant"
    if _are_float([weight, data]):
        return Decision.float()
    found = Decision(
        weights=True,
        weight_channel_wise=len(set(weight.held.scales)) > 1,
        weight_asymmetric=weight.held.asymmetric,
        weight_bits=weight.held.bits,
        shift=0,
        nonuniform=False,
        seen=f"{operator.type} with a weight of {weight} on data of {data}",
    )
    if weight.kind == data.kind == "integers" or _quantizes_data(operator, [data, weight]):
        return replace(found, inputs=ports)
    if _is_rounded(layer, weight) and data.kind != "unknown":
        # Data that was made integers and back belongs to other layers, or to this one.
        seen = f"the weight of {operator.type} comes from {weight} through DEQUANTIZE"
        return replace(found, inputs=() if data.kind == "float" else None, seen=seen)
    return _cannot_tell(operator, [data, weight])


def _swapped(
    layer: Layer, operator: Operator, ports: tuple[int, ...], variable: Operand, constant: Operand
) -> Decision | str:
    """Decide on a product with a constant first input, which is the operator's weight.

    The constant is data of the layer, so its factors are not those of the layer's weight. The
    other input of the layer is its weight, which changes from call to call.
    """
    both = [variable, constant]
    found = Decision(
        inputs=ports,
        weights=True,
        shift=0,
        nonuniform=False,
        seen=f"{operator.type} with a first input of {constant} and a second of {variable}",
    )
    if _are_float(both):
        return Decision.float()
    if all(o.kind == "integers" for o in both) or _quantizes_data(operator, both):
        return found
    if _is_rounded(layer, constant) and variable.kind != "unknown":
        return replace(found, weights=False if variable.kind == "float" else None)
    return _cannot_tell(operator, both)


# --- what is common -------------------------------------------------------------------------------


def _source(layer: Layer, port: int) -> Kind | None:
    tensor = layer.input(port)
    return source(tensor).kind if tensor is not None else None


def _is_swapped(layer: Layer, first: Operand, second: Operand) -> bool:
    """Return whether the constant first input of a product became the operator's second one."""
    if layer.type != "MatMul" and layer.type not in PRODUCTS:
        return False
    is_constant = (_source(layer, 0) == "constant", _source(layer, 1) == "constant")
    return is_constant == (True, False) == (second.constant, first.constant)


def _is_rounded(layer: Layer, given: Operand) -> bool:
    """Return whether the converter stored a constant as integers and works on real numbers.

    It is not known if the given graph rounds values itself, as quantization-aware training does.
    """
    return given.kind == "rounded" and given.constant and not once(layer.network, _rounds)


def _rounds(network: Network) -> bool:
    return any("quantiz" in n.type.lower() or "FakeQuant" in n.type for n in network.layers)


def _are_float(given: Sequence[Operand]) -> bool:
    return all(o.is_float for o in given)


def _quantizes_data(operator: Operator, given: Sequence[Operand]) -> bool:
    """Return whether the operator quantizes float data, given its data and its weight."""
    if operator.type not in _AT_RUN_TIME or len(given) < 2:
        return False
    data, weight = given[:2]
    return weight.kind == "integers" and weight.constant and data.is_float32


def _cannot_tell(operator: Operator, given: Sequence[Operand]) -> str:
    return f"{operator.type} works on {' and '.join(dict.fromkeys(map(_in_words, given)))}"


def _in_words(given: Operand) -> str:
    through = given.kind in ("dequantized", "rounded")
    return f"{given} through DEQUANTIZE" if through else str(given)
