"""Reconstructs the float form of a quantized ONNX model, as far as reading decisions needs it.

The real float model is always better. This is for callers who only have the quantized model.
"""

from __future__ import annotations

from onnx import ModelProto, NodeProto, TensorProto

from pytest_amct.decisions.onnx.foreign import (
    is_fake_type,
    is_foreign_dequantize,
    is_foreign_quantize,
)
from pytest_amct.decisions.onnx.qoperator import operands_of

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)
_INTEGERS = frozenset(
    number
    for name, number in TensorProto.DataType.items()
    if name.startswith(("INT", "UINT", "FLOAT8", "FLOAT6", "FLOAT4"))
    and name not in ("INT64", "INT32")
)


def undo_quantization(model: ModelProto) -> ModelProto:
    """Return the float form of a model in QDQ, QOperator or deploy form.

    Names stay, weights have no data. Q/DQ pairs and AMCT's operators are removed, and integer
    operators become the float operators that they replace.
    """
    twin = ModelProto()
    twin.CopyFrom(model)
    graph = twin.graph
    same: dict[str, str] = {}
    kept: list[NodeProto] = []
    weights: set[str] = set()
    if any(node.op_type.startswith("Ascend") for node in model.graph.node):
        # The layers of a deploy model read integers directly.
        weights.update(tensor.name for tensor in graph.initializer)
    integers = {t.name for t in graph.initializer if t.data_type in _INTEGERS}
    for node in model.graph.node:
        if _is_helper(node, integers) and node.input and node.output:
            source = same.get(node.input[0], node.input[0])
            same[node.output[0]] = source
            weights.add(source)
            continue
        copy = NodeProto()
        copy.CopyFrom(node)
        stands = operands_of(node.op_type, node.domain)
        inputs = list(node.input)
        if stands is not None:
            copy.op_type, copy.domain = stands.type, ""
            inputs = [node.input[p] for p in stands.ports if p < len(node.input)]
            weights.update(inputs)
        del copy.input[:]
        copy.input.extend(same.get(name, name) for name in inputs)
        kept.append(copy)
    for output in graph.output:
        if output.name in same:
            kept.append(
                NodeProto(op_type="Identity", input=[same[output.name]], output=[output.name])
            )
    del graph.node[:]
    graph.node.extend(kept)
    del graph.value_info[:]
    for tensor in graph.initializer:
        if tensor.name in weights and tensor.data_type in _INTEGERS:
            plain = TensorProto(name=tensor.name, dims=tensor.dims, data_type=TensorProto.FLOAT)
            tensor.CopyFrom(plain)
    return twin


def _is_helper(node: NodeProto, integers: set[str]) -> bool:
    """Return whether a node quantizes or dequantizes. A Cast of stored integers does so."""
    type_, domain = node.op_type, node.domain
    if type_ in ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"):
        return True
    if type_ == "Cast" and node.input and node.input[0] in integers:
        return any(a.name == "to" and a.i in _FLOATS for a in node.attribute)
    foreign = is_foreign_quantize(type_, domain) or is_foreign_dequantize(type_, domain)
    return foreign or is_fake_type(type_, domain) or type_.startswith("Ascend")
