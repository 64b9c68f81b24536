"""Decisions in AMCT's deploy form: INT8 weights between AscendQuant and AscendDequant.

Edges decide, never names. One AscendQuant serves all layers that share its scale. It may be far
from them, as layers that only move or clip values pass integers through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_amct.decisions.amct.ascend import (
    WEIGHT_QUANT,
    Factors,
    factors_of,
    is_ascend,
    is_deploy,
    quantizes_data,
    weight_home,
)
from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.onnx.doubts import doubt_at
from pytest_amct.decisions.onnx.inputs import is_of_inputs
from pytest_amct.decisions.onnx.integers import is_constant
from pytest_amct.decisions.onnx.layers import Decided, sorted_out
from pytest_amct.decisions.onnx.moved import NotReadable
from pytest_amct.decisions.onnx.pairs import trace
from pytest_amct.decisions.onnx.qdq import data_ports
from pytest_amct.decisions.onnx.quantized_constants import bits_of, stored, values
from pytest_amct.decisions.value_types import HANDS_ON, SHOWS_NOTHING
from pytest_amct.graphs import walk
from pytest_amct.graphs.network import Layer, Network, Tensor
from pytest_amct.once import once
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.model import DataFormat, Row, Spec

_Kind = Literal["quantized", "summed"]
"""What a tensor of a deploy model holds: quantized data, or sums that AscendDequant converts."""

_RETYPES = {"Cast", "CastLike", "BitCast"}
_PASSES = (HANDS_ON | {"Relu", "Clip", "Concat", "Max", "Min"}) - _RETYPES
_SELECTS = ("MaxPool", "GlobalMaxPool")
"""Types that pass integers through, but whose own decision counts."""

_CARRIES = frozenset("Resize Upsample CenterCropPad Where ReverseSequence ScatterElements".split())
"""Types that may pass integers on in a changed form."""

_VISITS = 64


def read_deploy(original: Network, counterparts: Mapping[int, Layer], spec: Spec) -> Decided:
    """Return the decisions on the layers that have a counterpart in the deploy model.

    Layers whose counterpart shows nothing are left out (docs/reading.md, "What forms show").
    """
    return sorted_out(
        (index, _decide(original.layers[index], after, spec))
        for index, after in counterparts.items()
    )


def _decide(before: Layer, after: Layer, spec: Spec) -> Decision | str | None:
    if (not before.domain and before.type in SHOWS_NOTHING) or before.body or before.parameters:
        return None
    kinds = once(after.network, _kinds)
    row = find_row(before, spec)
    ports = tuple(p for p in data_ports(before, row) if after.input(p) is not None)
    held = {port: _held(before.input(port), after.input(port), kinds) for port in ports}
    inputs = tuple(port for port in ports if held[port] == "quantized")
    if row is not None and row.ports.weight is not None:
        known = None if "summed" in held.values() else inputs
        told = _weighted(before, after, row, known, kinds)
        float_ = told is not None and not told.quantized
        return (_doubt(before, after, (row.ports.weight, *ports)) if float_ else None) or told
    weights = any(_on_weight_quant(after.input(port)) for port in ports)
    if not weights and "summed" in held.values():
        return None  # such as the bias of a matrix product: integer sums are not a decision
    if not inputs and not weights:
        return _doubt(before, after, ports) or Decision.float()
    factors = _behind(after)
    return Decision(
        inputs=inputs,
        weights=weights,
        weight_bits=8 if weights else None,
        shift=factors.shift if factors is not None else None,
        formats=tuple(_format(p, after.input(p)) for p in inputs if is_of_inputs(row)),
        evidence="inferred" if _explained(after, spec) else "stated",
        seen="AscendQuant precedes it",
    )


def _format(port: int, tensor: Tensor | None) -> DataFormat:
    """Return how data was quantized, as the AscendQuant before it says."""
    for _ in range(_VISITS):
        layer = tensor.producer if tensor is not None else None
        if layer is None or not (quantizes_data(layer) or layer.type in _PASSES):
            break
        if quantizes_data(layer):
            named, offset = layer.attribute("dst_type"), layer.attribute("offset")
            bits = bits_of(named.lower()) if isinstance(named, str) else None
            is_number = isinstance(offset, int | float)
            return DataFormat(port, bits, bool(offset) if is_number else None)
        tensor = layer.input(0)
    return DataFormat(port)


def _doubt(before: Layer, after: Layer, ports: tuple[int, ...]) -> str | None:
    """Return what else may have quantized a layer, as text."""
    for port in ports:
        words = doubt_at(before, after, port, "input")
        if words is not None:
            return words
        pairs = trace(after.input(port)).pairs
        if len(pairs) > len(trace(before.input(port)).pairs):
            return f"it reads the output of {pairs[0]}, which AMCT does not write"
    return None


def _weighted(
    before: Layer,
    after: Layer,
    row: Row,
    inputs: tuple[int, ...] | None,
    kinds: Mapping[Tensor, _Kind],
) -> Decision | None:
    assert row.ports.weight is not None
    tensor, old = after.input(row.ports.weight), before.input(row.ports.weight)
    home, passed = weight_home(tensor)
    dtype = walk.dtype(home)
    is_stored = home is not None and is_constant(home) and _is_integer(dtype)
    if (passed and (is_stored or _is_weight_quant(passed))) or (
        tensor is not None and kinds.get(tensor) == "quantized"
    ):
        weights = True
    else:
        weights = _is_integer(walk.dtype(tensor)) and not _is_integer(walk.dtype(old))
    if not weights and inputs is None:
        return None  # its data is unknown, and so is the decision
    if not weights:
        return Decision(inputs=inputs, weights=False, nonuniform=False, seen=_data(inputs))
    asymmetric = _has_offset(passed)
    factors = _behind(after) if is_constant(old) else None
    if factors is not None and asymmetric is not True:
        asymmetric = factors.asymmetric
    scales = None if factors is None else factors.scales
    named = [p.attribute("dst_type") for p in passed]
    bits = next((n.lower() for n in named if isinstance(n, str)), dtype)
    return Decision(
        inputs=inputs,
        weights=True,
        weight_channel_wise=None if scales is None else bool((scales != scales[0]).any()),
        weight_asymmetric=asymmetric,
        weight_bits=bits_of(bits) if _is_integer(bits) else None,
        shift=None if factors is None else factors.shift,
        seen=" and ".join(filter(None, ("its weight holds integers", _data(inputs)))),
    )


def _data(inputs: tuple[int, ...] | None) -> str:
    return "AscendQuant precedes it" if inputs else ""


# --- edges -----------------------------------------------------------------------------------


def _kinds(network: Network) -> Mapping[Tensor, _Kind]:
    """Return the kind of each tensor that is not float. One pass in document order is enough."""
    kinds: dict[Tensor, _Kind] = {}
    for layer in network.layers:
        kind = _made(layer, kinds)
        for output in layer.outputs:
            if kind is not None and output is not None:
                kinds[output] = kind
    return kinds


def _made(layer: Layer, kinds: Mapping[Tensor, _Kind]) -> _Kind | None:
    if quantizes_data(layer):
        return "quantized"
    if is_ascend(layer):
        return None
    given = [kinds.get(t) for t in layer.inputs if t is not None and not is_constant(t)]
    if not given or not any(given):
        return None
    if layer.domain:
        return "summed"
    if layer.type in _PASSES or layer.type in _SELECTS:
        joined = set(given) if layer.type in ("Concat", "Max", "Min") else {given[0]}
        return joined.pop() if len(joined) == 1 else None
    if layer.type in SHOWS_NOTHING:
        return "summed" if layer.type in _CARRIES else None
    return "summed"


def _held(
    before: Tensor | None, tensor: Tensor | None, kinds: Mapping[Tensor, _Kind]
) -> _Kind | None:
    """Return what an input holds. A constant operand may have been stored as integers."""
    if tensor is None:
        return None
    if kinds.get(tensor) is None and is_constant(tensor):
        stored_so = _is_integer(walk.dtype(tensor)) and not _is_integer(walk.dtype(before))
        return "quantized" if stored_so else None
    return kinds.get(tensor)


def _is_integer(dtype: str | None) -> bool:
    return dtype is not None and dtype.startswith(("int", "uint"))


def _on_weight_quant(tensor: Tensor | None) -> bool:
    return _is_weight_quant(weight_home(tensor)[1])


def _is_weight_quant(passed: tuple[Layer, ...]) -> bool:
    return any(layer.type.startswith(WEIGHT_QUANT) for layer in passed)


def _has_offset(passed: tuple[Layer, ...]) -> bool | None:
    """Return whether AscendWeightQuant subtracts an offset, which is its second input."""
    for layer in passed:
        if layer.type.startswith(WEIGHT_QUANT):
            found = values(stored(layer.input(1)))
            return None if found is None else bool(found.any())
    return None


def _behind(layer: Layer) -> Factors | None:
    """Return the factors of the AscendDequant after a layer.

    Its bias and layers that pass values through may be in between.
    """
    tensor = layer.output(0)
    for _ in range(_VISITS):
        readers = tensor.consumers if tensor is not None else []
        for reader in readers:
            found = factors_of(reader)
            if found is not None:
                return found
        if len(readers) != 1 or readers[0].domain:
            return None
        if readers[0].type not in _PASSES and readers[0].type != "Add":
            return None
        tensor = readers[0].output(0)
    return None


def _explained(layer: Layer, spec: Spec) -> bool:
    """Return whether a layer after a pool that selects values explains the pool's integers."""
    if layer.domain or layer.type not in _SELECTS:
        return False
    stack, left = [layer.output(0)], _VISITS
    while stack and left > 0:
        tensor = stack.pop()
        for reader in tensor.consumers if tensor is not None else ():
            left -= 1
            row = find_row(reader, spec)
            if row is not None and row.ports.weight is not None:
                return True
            if not reader.domain and (reader.type in _PASSES or reader.type in _SELECTS):
                stack.append(reader.output(0))
    return False


# --- stored weights --------------------------------------------------------------------------


class DeployWeight(NamedTuple):
    """A weight of integers, and its scales: one, or one for each output channel."""

    numbers: Tensor
    scales: NDArray[np.float32]
    seen: str


def stored_weight(after: Layer, port: int) -> DeployWeight | None:
    """Return the quantized weight of a layer, ``None`` if its weight is not stored as integers.

    AscendDequant multiplies by the scale of the data times that of the weight; the scale of the
    data is the inverse of AscendQuant's. Raises `NotReadable` if they do not show the weight's.
    """
    home, passed = weight_home(after.input(port))
    if home is None or not is_constant(home) or not _is_integer(walk.dtype(home)):
        return None
    factors = _behind(after)
    if passed or factors is None or factors.asymmetric is not False:
        raise NotReadable("no AscendDequant shows the scale of its weight")
    data = _data_scale(after.input(0))
    if data is None:
        raise NotReadable("no AscendQuant shows the scale of its data")
    return DeployWeight(home, factors.scales * np.float32(data), "its weight holds integers")


def works_on_integers(layer: Layer) -> bool:
    """Return whether a layer of a deploy model may take integers."""
    if not once(layer.network, is_deploy):
        return False
    if is_ascend(layer):
        return True
    kinds = once(layer.network, _kinds)
    return any(t in kinds for t in layer.inputs if t is not None) or _behind(layer) is not None


def _data_scale(tensor: Tensor | None) -> float | None:
    """Return the factor of the AscendQuant before a layer, ``None`` if it is not found."""
    for _ in range(_VISITS):
        layer = tensor.producer if tensor is not None else None
        if layer is None or not (quantizes_data(layer) or layer.type in _PASSES):
            return None
        if quantizes_data(layer):
            factor = layer.attribute("scale")
            return float(factor) if isinstance(factor, int | float) else None
        tensor = layer.input(0)
    return None
