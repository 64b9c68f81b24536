"""Decisions in QOperator form: integer operators that replace a layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.onnx.quantized_constants import (
    MICROSOFT,
    WeightSeen,
    is_dequantize,
    is_operator,
    is_quantize,
    several,
    stored,
    values,
    weight_seen,
)
from pytest_amct.graphs.network import Layer, Tensor
from pytest_amct.tables.model import DataFormat


class _Form(NamedTuple):
    """What an operator replaces, and the ports of its quantized weight, scale and zero point."""

    types: tuple[str, ...]
    weight: int | None = None
    scale: int | None = None
    zero: int | None = None
    #: whether it quantizes its data as well; None = the operator does not show it
    data: bool | None = True


_PRODUCTS = ("MatMul", "Gemm")

_FORMS: Mapping[str, _Form] = {
    "QLinearConv": _Form(("Conv",), 3, 4, 5),
    "QLinearConvTranspose": _Form(("ConvTranspose",), 3, 4, 5),
    "QLinearMatMul": _Form(_PRODUCTS, 3, 4, 5),
    "QGemm": _Form(_PRODUCTS, 3, 4, 5),
    "ConvInteger": _Form(("Conv",), 1, None, 3),
    "MatMulInteger": _Form(_PRODUCTS, 1, None, 3),
    "MatMulInteger16": _Form(_PRODUCTS, 1),
    "MatMulIntegerToFloat": _Form(_PRODUCTS, 1, 3, 5),
    "DynamicQuantizeMatMul": _Form(_PRODUCTS, 1, 2, 3),
    "MatMulNBits": _Form(_PRODUCTS, 1, 2, 3, data=False),
    "MatMulBnb4": _Form(_PRODUCTS, 1, data=False),
    "MatMulFpQ4": _Form(_PRODUCTS, 1, data=False),
    "DynamicQuantizeLSTM": _Form(("LSTM",), 1, data=None),
    "QAttention": _Form(("Attention",), 1),
    "QEmbedLayerNormalization": _Form(("EmbedLayerNormalization",), 2, data=None),
}
"""Operators with a weight. Any other ``QLinearX`` replaces X, which has none."""

_FIRST_ZERO = {"QLinearMatMul": 2, "QGemm": 2, "MatMulInteger": 2, "MatMulIntegerToFloat": 4}
"""The port with the zero point of the first operand."""

_LINEAR = "QLinear"

_VISITS = 8
"""The largest number of operators after an integer operator to search for its factors."""


def stands_for(layer: Layer) -> tuple[str, ...]:
    """Return the types that an integer operator may replace, ``()`` for any other layer."""
    if layer.domain not in ("", MICROSOFT):
        return ()
    form = _FORMS.get(layer.type)
    if form is not None:
        return form.types
    return (layer.type.removeprefix(_LINEAR),) if layer.type.startswith(_LINEAR) else ()


class Operands(NamedTuple):
    """What an integer operator replaces, and the ports of its data and weight."""

    type: str
    ports: tuple[int, ...]


_BINARY = ("QLinearAdd", "QLinearMul")


def operands_of(type_: str, domain: str) -> Operands | None:
    """Return the float layer that an integer operator replaces, ``None`` for any other type."""
    if domain not in ("", "ai.onnx", MICROSOFT):
        return None
    form = _FORMS.get(type_)
    if form is not None:
        return Operands(form.types[0], (0,) if form.weight is None else (0, form.weight))
    if not type_.startswith(_LINEAR):
        return None
    return Operands(type_.removeprefix(_LINEAR), (0, 3) if type_ in _BINARY else (0,))


def is_qoperator(layer: Layer) -> bool:
    """Return whether the layer is an integer operator that replaces a float layer."""
    return bool(stands_for(layer))


def read_qoperator(
    after: Layer, ports: tuple[int, ...], constant_weight: bool, of_inputs: bool = False
) -> Decision:
    """Return the decision that an integer operator shows for a layer whose data ports are `ports`.

    `constant_weight` tells whether the layer's weight is constant. If it is not, its scale is that
    of an activation and says nothing about weights. `of_inputs` tells whether the row speaks of
    single inputs.
    """
    form = _FORMS.get(after.type)
    seen = f"{after} replaces it"
    if form is None or (of_inputs and form.data):
        formats = _formats(after, ports, form) if form is not None else ()
        return Decision(inputs=ports, weights=False, formats=formats, seen=seen)
    found = _seen(after, form) if constant_weight else WeightSeen()
    return Decision(
        inputs=ports if form.data else None if form.data is None else (),
        weights=True,
        weight_channel_wise=found.channel_wise,
        weight_asymmetric=found.asymmetric,
        weight_bits=found.bits,
        seen=seen,
    )


def _formats(after: Layer, ports: tuple[int, ...], form: _Form) -> tuple[DataFormat, ...]:
    """Return how the two operands of a matrix product were quantized."""
    first = _FIRST_ZERO.get(after.type)
    zeros = {0: (0, first), 1: (form.weight, form.zero)}
    found = []
    for port in ports:
        data, zero = zeros.get(port, (None, None))
        if data is not None and zero is not None:
            seen = weight_seen(after.input(data), None, after.input(zero))
            found.append(DataFormat(port, seen.bits, seen.asymmetric))
    return tuple(found)


def _seen(after: Layer, form: _Form) -> WeightSeen:
    if form.weight is None:
        return WeightSeen()
    if after.type == "MatMulNBits":
        return _packed(after)
    if form.zero is None:
        return WeightSeen()
    scale = after.input(form.scale) if form.scale is not None else _scale_behind(after)
    return weight_seen(after.input(form.weight), scale, after.input(form.zero))


def _packed(after: Layer) -> WeightSeen:
    """Return what MatMulNBits shows: packed weights are symmetric if there are no zero points."""
    bits = after.attribute("bits")
    bits = bits if isinstance(bits, int) else 4
    zero = after.input(3)
    asymmetric: bool | None = False
    if zero is not None:
        found = values(stored(zero))
        middle = {2: 0xAA, 4: 0x88, 8: 0x80}.get(bits)
        asymmetric = None
        if found is not None and found.dtype == np.uint8 and middle is not None:
            asymmetric = bool(np.not_equal(found, middle).any())
    return WeightSeen(several(after.input(2)), asymmetric, bits)


def _scale_behind(after: Layer) -> Tensor | None:
    """Return the weight scale of a ConvInteger or MatMulInteger, ``None`` if it is not found.

    The result is multiplied by it, or by its product with the data's scale. A Mul or the scale of
    a DequantizeLinear does this.
    """
    tensor = after.output(0)
    for _ in range(_VISITS):
        if tensor is None or len(tensor.consumers) != 1:
            return None
        reader = tensor.consumers[0]
        if is_dequantize(reader):
            return _weight_factor(reader.input(1), after)
        if is_operator(reader, "Mul"):
            factor = next((t for t in reader.inputs if t is not tensor), None)
            found = _weight_factor(factor, after)
            if found is not None or factor is None or _is_product(factor):
                return found
        elif not any(is_operator(reader, type_) for type_ in ("Cast", "Add", "Reshape")):
            return None
        tensor = reader.output(0)
    return None


def _weight_factor(tensor: Tensor | None, after: Layer) -> Tensor | None:
    """Return the constant factor that is not the scale of the data."""
    if tensor is None or stored(tensor) is not None:
        return tensor
    if not _is_product(tensor) or tensor.producer is None:
        return None
    data = after.input(0)
    quantizer = data.producer if data is not None else None
    scale = quantizer.input(1) if is_quantize(quantizer) and quantizer is not None else None
    factors = [t for t in tensor.producer.inputs if t is not scale and stored(t) is not None]
    return factors[0] if len(factors) == 1 else None


def _is_product(tensor: Tensor) -> bool:
    return tensor.producer is not None and is_operator(tensor.producer, "Mul")


def weight_ports(layer: Layer) -> tuple[int, Tensor | None, Tensor | None] | None:
    """Return the weight port of an integer operator with its scale and zero point.

    Returns ``None`` for an operator without a weight.
    """
    form = _FORMS.get(layer.type) if is_qoperator(layer) else None
    if form is None or form.weight is None or form.zero is None or layer.type == "MatMulNBits":
        return None
    scale = layer.input(form.scale) if form.scale is not None else _scale_behind(layer)
    return form.weight, scale, layer.input(form.zero)
