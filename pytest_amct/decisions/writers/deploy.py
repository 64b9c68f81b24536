"""Writes decisions as AMCT's deploy model: INT8 weights and Ascend operators around layers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, numpy_helper

from pytest_amct.decisions.amct.ascend import ANTI_QUANT, DEQUANT, QUANT, WEIGHT_QUANT, pack_factors
from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.onnx.integers import is_constant
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

_AFTER_SUMS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "AveragePool", "GlobalAveragePool")
"""Types that sum integers. An AscendDequant after them converts the sums to floats."""


def write_deploy(model: ModelProto, decisions: Mapping[str, Decision], spec: Spec) -> ModelProto:
    """Write the model as AMCT would save it for deployment.

    The form cannot show clusters or a weight that is not a constant.
    """
    editor = Editor(model, spec)
    shared: dict[str, str] = {}
    found = dict(editor.quantized(decisions))
    for layer, decision in found.items():
        scales = np.asarray([1.0], np.float32)
        weight = editor.weight_port(layer, decision)
        if weight is not None:
            scales = _on_weight(editor, layer, weight, decision)
        ports = editor.ports(layer, decision)
        for port in ports:
            if port != weight:
                layer.raw.input[port] = _on_data(editor, layer, port, shared)
        if weight is None and decision.weights:
            _on_operands(editor, layer)
        if ports:
            _on_output(editor, layer, decision, scales, found)
    return editor.finish()


def _on_data(editor: Editor, layer: Layer, port: int, shared: dict[str, str]) -> str:
    """Quantize a data input. One AscendQuant serves all readers of a tensor: they share a scale."""
    tensor = str(layer.raw.input[port])
    if tensor not in shared:
        shared[tensor] = editor.before(
            layer, QUANT, [tensor], scale=1 / DATA_SCALE, offset=0.0, dst_type="INT8"
        )
    return shared[tensor]


def _on_weight(editor: Editor, layer: Layer, port: int, decision: Decision) -> NDArray[np.float32]:
    """Replace a weight by integers and return their scales."""
    tensor = layer.input(port)
    assert tensor is not None
    rank = len(walk.shape(tensor) or ())
    axis = channel_axis(layer, rank) if decision.weight_channel_wise else None
    offset = OFFSET if decision.weight_asymmetric else 0
    array = own_constant(tensor)
    if array is None:
        layer.raw.input[port] = _weight_quant(editor, layer, tensor.name, offset)
        scale = made_up_scales(tensor, axis)
        return np.asarray([DATA_SCALE] if scale is None else scale, np.float32).reshape(-1)
    numbers, scales = quantize(array, axis, offset)
    if layer.type == "Gemm" and layer.attribute("transB"):
        numbers = np.ascontiguousarray(numbers.T)
        for found in layer.raw.attribute:
            if found.name == "transB":
                found.i = 0
    layer.raw.input[port] = _store(editor, layer, tensor, numbers)
    if decision.inputs == ():
        layer.raw.input[port] = _weight_quant(editor, layer, layer.raw.input[port], offset)
    return scales.reshape(-1)


def _store(editor: Editor, layer: Layer, tensor: Tensor, numbers: NDArray[np.int8]) -> str:
    """Store integers under the weight's own name, unless another layer reads the floats."""
    graph = editor.model.graph
    for stored in graph.initializer:
        if stored.name == tensor.name and len(tensor.consumers) == 1:
            stored.CopyFrom(numpy_helper.from_array(numbers, tensor.name))
            return tensor.name
    return editor.constant(f"{tensor.name}_int8", numbers)


def _weight_quant(editor: Editor, layer: Layer, tensor: str, offset: int) -> str:
    held = editor.constant(f"{tensor}.weight_offset", np.asarray([offset], np.int8))
    return editor.before(layer, WEIGHT_QUANT, [tensor, held], dst_type="INT8")


def _on_operands(editor: Editor, layer: Layer) -> None:
    """Quantize the constant operands of a layer without a weight as if they were weights."""
    for port, tensor in enumerate(layer.inputs):
        if tensor is not None and is_constant(tensor):
            layer.raw.input[port] = _weight_quant(editor, layer, layer.raw.input[port], 0)


def _on_output(
    editor: Editor,
    layer: Layer,
    decision: Decision,
    scales: NDArray[np.float32],
    found: Mapping[Layer, Decision],
) -> None:
    last = layer
    if layer.type == "MatMul" and not layer.domain:
        last = _bias_add(layer, found) or layer
    if not layer.raw.output or not layer.raw.output[0]:
        return
    made, read = editor.detach_output(last, "_integers")
    if layer.type not in _AFTER_SUMS or layer.domain:
        editor.behind(
            last, ANTI_QUANT, [made], scale=DATA_SCALE, offset=0.0, dst_type="INT8", _output=read
        )
        return
    # an average pool has no weight, so there is no weight offset to pack
    offset = OFFSET if decision.weight_asymmetric else 0
    words = pack_factors(scales * np.float32(DATA_SCALE), offset, decision.shift or 0)
    held = editor.constant(f"{made}.dequant.param", words)
    editor.behind(last, DEQUANT, [made, held], dtype=0, _output=read)


def _bias_add(layer: Layer, found: Mapping[Layer, Decision]) -> Layer | None:
    """Return the Add of a constant bias after a matrix product, if no decision names the Add."""
    output = layer.output(0)
    readers = output.consumers if output is not None and not output.is_output else []
    if len(readers) != 1 or readers[0].qualified_type != "Add" or readers[0] in found:
        return None
    others = [t for t in readers[0].inputs if t is not output]
    return readers[0] if others and is_constant(others[0]) else None
