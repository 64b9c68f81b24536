"""Writes decisions as QuantizeLinear / DequantizeLinear pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import ModelProto

from pytest_amct.decisions.decision import Decision
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
from pytest_amct.tables.model import DataFormat, Spec

_SIGNED: Mapping[int, Any] = {8: np.int8, 16: np.int16}
_FROM, _FLOAT16_FROM = 10, 19
"""The first opsets in which QuantizeLinear exists and accepts Float16."""


def write_qdq(model: ModelProto, decisions: Mapping[str, Decision], spec: Spec) -> ModelProto:
    """Write the model with a pair on every quantized value.

    No pairs are written below opset 10 or on values of other types than Float32 and, from opset 19
    on, Float16.

    The form cannot show a shift, clusters, quantized data without the weight of a layer that has
    one, or a weight on a layer that has none.
    """
    editor = Editor(model, spec)
    if editor.opset < _FROM:
        return editor.model
    for layer, decision in editor.quantized(decisions):
        weight = editor.weight_port(layer, decision)
        row = editor.row(layer)
        ports = [p for p in editor.ports(layer, decision) if p != weight]
        if not all(_possible(editor, layer.input(p)) for p in (*ports, *_given(weight))):
            continue
        if row is None or row.ports.weight is None:
            if not ports or not _possible(editor, layer.output(0)):
                continue
            _on_output(editor, layer)
        for tensor in dict.fromkeys(layer.raw.input[p] for p in ports):
            dtype = next(_dtype(layer.input(p)) for p in ports if layer.raw.input[p] == tensor)
            zero = _data_zero(decision, next(p for p in ports if layer.raw.input[p] == tensor))
            pair = _pair(editor, layer, tensor, np.asarray(DATA_SCALE, dtype), zero)
            for port in ports:
                if layer.raw.input[port] == tensor:
                    layer.raw.input[port] = pair
        if weight is not None:
            _on_weight(editor, layer, weight, decision)
    return editor.finish()


def _given(port: int | None) -> tuple[int, ...]:
    return () if port is None else (port,)


def _dtype(tensor: Tensor | None) -> Any:
    return np.float16 if walk.dtype(tensor) == "float16" else np.float32


def _possible(editor: Editor, tensor: Tensor | None) -> bool:
    """Return whether a tensor can have a pair. Outputs of foreign operators count as Float32."""
    dtype = walk.dtype(tensor)
    if dtype is None:
        return tensor is not None and tensor.producer is not None and bool(tensor.producer.domain)
    return dtype == "float32" or (dtype == "float16" and editor.opset >= _FLOAT16_FROM)


def _data_zero(decision: Decision, port: int) -> Any:
    """Return the zero point of the data at a port; its type gives the number of bits."""
    found = next((f for f in decision.formats if f.port == port), DataFormat(port))
    return _SIGNED[found.bits or 8](OFFSET if found.asymmetric else 0)


def _pair(editor: Editor, layer: Layer, tensor: str, scale: Any, zero: Any, **axis: int) -> str:
    factors = [
        editor.constant(f"{tensor}_scale", scale),
        editor.constant(f"{tensor}_zero_point", np.full(np.shape(scale), zero, zero.dtype)),
    ]
    domain = editor.linear()
    numbers = editor.before(layer, "QuantizeLinear", [tensor, *factors], domain, **axis)
    return editor.before(layer, "DequantizeLinear", [numbers, *factors], domain, **axis)


def _on_output(editor: Editor, layer: Layer) -> None:
    scale = np.asarray(DATA_SCALE, _dtype(layer.output(0)))
    made, read = editor.detach_output(layer, "_QuantizeLinear_Input")
    factors = [
        editor.constant(f"{read}_scale", scale),
        editor.constant(f"{read}_zero_point", np.zeros((), np.int8)),
    ]
    domain = editor.linear()
    numbers = editor.behind(layer, "QuantizeLinear", [made, *factors], domain)
    editor.behind(layer, "DequantizeLinear", [numbers, *factors], domain, _output=read)


def _on_weight(editor: Editor, layer: Layer, port: int, decision: Decision) -> None:
    tensor = layer.input(port)
    assert tensor is not None
    rank = len(walk.shape(tensor) or ())
    axis = channel_axis(layer, rank) if decision.weight_channel_wise else None
    along = {} if axis is None else {"axis": axis}
    zero = np.int8(OFFSET if decision.weight_asymmetric else 0)
    array = own_constant(tensor)
    if array is None:
        scale = made_up_scales(tensor, axis)
        if scale is not None:
            pair = _pair(editor, layer, tensor.name, scale.astype(_dtype(tensor)), zero, **along)
            layer.raw.input[port] = pair
        return
    numbers, scales = quantize(array, axis, int(zero))
    inputs = [
        editor.constant(f"{tensor.name}_quantized", numbers),
        editor.constant(f"{tensor.name}_scale", scales.astype(array.dtype)),
        editor.constant(f"{tensor.name}_zero_point", np.full(scales.shape, zero, np.int8)),
    ]
    layer.raw.input[port] = editor.before(
        layer, "DequantizeLinear", inputs, editor.linear(), **along
    )
