"""Writes decisions by replacing layers with integer operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import ModelProto

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.onnx.quantized_constants import MICROSOFT, stored, values
from pytest_amct.decisions.writers.editor import (
    DATA_SCALE,
    OFFSET,
    Editor,
    channel_axis,
    made_up_scales,
    own_constant,
    quantize,
)
from pytest_amct.graphs import walk
from pytest_amct.graphs.network import Layer, Tensor
from pytest_amct.tables.model import Spec

_WEIGHTED = {
    "Conv": ("QLinearConv", ""),
    "MatMul": ("QLinearMatMul", ""),
    "Gemm": ("QGemm", MICROSOFT),
}
_UNARY = ("AveragePool", "GlobalAveragePool", "Sigmoid", "LeakyRelu")
_BINARY = ("Add", "Mul")
_NOT_TAKEN = {"AveragePool": ("dilations",), "Gemm": ("beta",)}
"""Attributes of a float layer that the integer operator does not have."""

_FROM = 12
"""The first opset with all of these operators and a MaxPool that accepts INT8."""

_ZERO = 128


def write_qoperator(model: ModelProto, decisions: Mapping[str, Decision], spec: Spec) -> ModelProto:
    """Write the model with an integer operator instead of every quantized layer.

    Layers stay unchanged if onnxruntime has no such operator, if the opset is below 12, or if a
    tensor is not Float32. The form cannot show a shift, clusters, or a weight on a layer that has
    none.
    """
    editor = Editor(model, spec)
    if editor.opset < _FROM:
        return editor.model
    for layer, decision in editor.quantized(decisions):
        used = [t for t in layer.inputs if t is not None]
        if layer.domain or any(walk.dtype(t) != "float32" for t in used):
            continue
        if layer.type == "MatMul" and decision.inputs == (0, 1):
            _product(editor, layer)
        elif layer.type in _WEIGHTED:
            if editor.weight_port(layer, decision) is not None and decision.inputs != ():
                _weighted(editor, layer, decision)
        elif decision.inputs != ():
            # The operators for two operands quantize both.
            both = decision.inputs is None or len(decision.inputs) == 2
            if layer.type in _UNARY or (layer.type in _BINARY and both):
                _linear(editor, layer, decision)
            elif layer.type == "MaxPool" and len(layer.outputs) == 1:
                _on_integers(editor, layer)
    return editor.finish()


def _factors(editor: Editor, tensor: str) -> list[str]:
    return [
        editor.constant(f"{tensor}_scale", np.asarray(DATA_SCALE, np.float32)),
        editor.constant(f"{tensor}_zero_point", np.asarray(_ZERO, np.uint8)),
    ]


def _quantized(editor: Editor, layer: Layer, tensor: str) -> list[str]:
    """Quantize a data input. Return the integers, their scale and zero point."""
    factors = _factors(editor, tensor)
    numbers = editor.before(layer, "QuantizeLinear", [tensor, *factors], editor.linear())
    return [numbers, *factors]


def _output(editor: Editor, layer: Layer) -> list[str]:
    """Dequantize a layer's output. Return its scale and zero point."""
    made, read = editor.detach_output(layer, "_quantized")
    factors = _factors(editor, read)
    editor.behind(layer, "DequantizeLinear", [made, *factors], editor.linear(), _output=read)
    return factors


def _replace(layer: Layer, type_: str, domain: str, inputs: list[str]) -> None:
    """Turn a layer into another operator. Its name and attributes stay."""
    kept = [a for a in layer.raw.attribute if a.name not in _NOT_TAKEN.get(layer.type, ())]
    del layer.raw.input[:], layer.raw.attribute[:]
    layer.raw.op_type, layer.raw.domain = type_, domain
    layer.raw.input.extend(inputs)
    layer.raw.attribute.extend(kept)


def _linear(editor: Editor, layer: Layer, decision: Decision) -> None:
    """Replace a layer without a weight. The integer operators quantize all of its data."""
    count = 2 if layer.type in _BINARY else 1
    inputs = [n for t in list(layer.raw.input)[:count] for n in _quantized(editor, layer, t)]
    editor.use(MICROSOFT)
    _replace(layer, f"QLinear{layer.type}", MICROSOFT, [*inputs, *_output(editor, layer)])


def _product(editor: Editor, layer: Layer) -> None:
    """Replace a product of two variables. Both are data."""
    inputs = [n for t in list(layer.raw.input) for n in _quantized(editor, layer, t)]
    _replace(layer, *_WEIGHTED["MatMul"], [*inputs, *_output(editor, layer)])


def _on_integers(editor: Editor, layer: Layer) -> None:
    """Quantize around a MaxPool, which accepts integers."""
    layer.raw.input[0] = _quantized(editor, layer, layer.raw.input[0])[0]
    _output(editor, layer)


def _weighted(editor: Editor, layer: Layer, decision: Decision) -> None:
    bias = layer.input(2) if layer.type != "MatMul" else None
    constant = None if bias is None else values(stored(bias))
    if bias is not None and (constant is None or not walk.is_constant(bias)):
        return  # these operators need a constant INT32 bias
    weight = _weight(editor, layer, decision)
    if weight is None:
        return
    names, scales = weight
    type_, domain = _WEIGHTED[layer.type]
    inputs = [*_quantized(editor, layer, layer.raw.input[0]), *names]
    held = [] if constant is None else [_bias(editor, layer, constant, scales)]
    if layer.type == "Gemm":
        editor.use(domain)
        inputs += [held[0] if held else "", *_output(editor, layer)]
    else:
        inputs += [*_output(editor, layer), *held]
    _replace(layer, type_, domain, inputs)


def _bias(editor: Editor, layer: Layer, bias: Any, scales: Any) -> str:
    if layer.type == "Gemm":  # its bias may have any shape that broadcasts
        bias = np.broadcast_to(bias.reshape(-1), scales.shape) if bias.size == 1 else bias
    steps = np.asarray(scales, np.float64) * DATA_SCALE
    return editor.constant(f"{layer.raw.input[2]}_int32", np.rint(bias / steps).astype(np.int32))


def _weight(editor: Editor, layer: Layer, decision: Decision) -> tuple[list[str], Any] | None:
    """Quantize a weight. Return the names of integers, scale and zero point, and the scales.

    Returns ``None`` if the weight cannot be quantized.
    """
    tensor: Tensor | None = layer.input(1)
    assert tensor is not None
    rank = len(walk.shape(tensor) or ())
    axis = channel_axis(layer, rank) if decision.weight_channel_wise else None
    zero = OFFSET if decision.weight_asymmetric else 0
    array = own_constant(tensor)
    if array is not None:
        numbers, scales = quantize(array, axis, zero)
        first = editor.constant(f"{tensor.name}_quantized", numbers)
    else:
        made_up = made_up_scales(tensor, axis)
        if made_up is None:
            return None
        scales, first = made_up, ""
    factors = [
        editor.constant(f"{tensor.name}_scale", scales),
        editor.constant(f"{tensor.name}_zero_point", np.full(scales.shape, zero, np.int8)),
    ]
    if not first:
        along = {} if axis is None else {"axis": axis}
        inputs = [tensor.name, *factors]
        first = editor.before(layer, "QuantizeLinear", inputs, editor.linear(), **along)
    return [first, *factors], scales
