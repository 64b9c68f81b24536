"""Copy the parts of an ONNX model that its shapes depend on, without large constants."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from onnx import FunctionProto, GraphProto, NodeProto, TensorProto

_SMALL = 1024
"""The largest constant that is kept, in bytes: shapes are computed from small constants."""


def copy_graph(graph: GraphProto, kept: GraphProto) -> None:
    """Copy a graph without its inputs and outputs."""
    kept.name = graph.name
    kept.value_info.extend(graph.value_info)
    kept.initializer.extend(map(_stripped, graph.initializer))
    kept.sparse_initializer.extend(graph.sparse_initializer)
    copy_nodes(graph.node, kept)


def copy_function(function: FunctionProto, kept: FunctionProto) -> None:
    """Copy a function with its body."""
    kept.domain, kept.name, kept.overload = function.domain, function.name, function.overload
    kept.input.extend(function.input)
    kept.output.extend(function.output)
    kept.attribute.extend(function.attribute)
    kept.attribute_proto.extend(function.attribute_proto)
    kept.opset_import.extend(function.opset_import)
    kept.value_info.extend(function.value_info)
    copy_nodes(function.node, kept)


def copy_nodes(nodes: Iterable[NodeProto], kept: GraphProto | FunctionProto) -> None:
    """Copy nodes, with the graphs in them."""
    for node in nodes:
        if node.ByteSize() <= _SMALL:  # nearly all nodes
            kept.node.append(node)
        else:
            _copy_node(node, kept.node.add())


def _copy_node(node: NodeProto, kept: NodeProto) -> None:
    kept.op_type, kept.domain, kept.overload = node.op_type, node.domain, node.overload
    kept.input.extend(node.input)
    kept.output.extend(node.output)
    for found in node.attribute:
        if not (found.HasField("t") or found.HasField("g") or found.graphs):
            kept.attribute.append(found)
            continue
        made = kept.attribute.add(name=found.name, type=found.type)
        if found.HasField("t"):
            made.t.CopyFrom(_stripped(found.t))
        if found.HasField("g"):
            _copy_nested(found.g, made.g)
        for graph in found.graphs:
            _copy_nested(graph, made.graphs.add())


def _copy_nested(graph: GraphProto, kept: GraphProto) -> None:
    kept.input.extend(graph.input)
    kept.output.extend(graph.output)
    copy_graph(graph, kept)


def _stripped(tensor: TensorProto) -> TensorProto:
    external = tensor.data_location == TensorProto.EXTERNAL
    # The size in bytes is not asked of a large tensor: protobuf would copy it.
    large = len(tensor.dims) > _SMALL or prod(tensor.dims) > 8 * _SMALL
    large = large or tensor.ByteSize() > _SMALL
    if not external and not large:
        return tensor
    return TensorProto(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type)
