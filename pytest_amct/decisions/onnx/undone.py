"""What a quantized ONNX model looked like before: enough of it to tell what was quantized.

Where the float model is at hand it is always better; this serves those who have the result alone.
"""

from __future__ import annotations

from onnx import ModelProto, NodeProto, TensorProto

from pytest_amct.decisions.onnx.qoperator import operands_of

_PAIRS = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")
_INTEGERS = frozenset(
    number
    for name, number in TensorProto.DataType.items()
    if name.startswith(("INT", "UINT", "FLOAT8", "FLOAT4")) and name not in ("INT64", "INT32")
)


def undo_quantization(model: ModelProto) -> ModelProto:
    """A float twin of a model in QDQ, QOperator or deploy form: same names, weights without data.

    Q/DQ pairs and AMCT's operators go, integer operators become what they stand for.
    """
    twin = ModelProto()
    twin.CopyFrom(model)
    graph = twin.graph
    same: dict[str, str] = {}
    kept: list[NodeProto] = []
    weights: set[str] = set()
    if any(node.op_type.startswith("Ascend") for node in model.graph.node):
        # Nothing stands between a deploy model's layers and their integers.
        weights.update(tensor.name for tensor in graph.initializer)
    for node in model.graph.node:
        helper = node.op_type in _PAIRS or node.op_type.startswith("Ascend")
        if helper and node.input and node.output:
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
