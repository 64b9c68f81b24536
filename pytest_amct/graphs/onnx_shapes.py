"""onnx's own shape inference, run on a skeleton: no weights, no hostile expansion of functions."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto

from pytest_amct.graphs.network import Network
from pytest_amct.graphs.onnx_reader import normal_domain, value_dtype, value_shape

_SMALL = 1024
"""Bytes up to which a constant is kept: shapes are computed from such."""

_EXPANSION = 20_000
"""Nodes that inlining all functions may give; beyond it they are left out of the inference."""


def infer(network: Network) -> None:
    """Fill in shapes and dtypes that the file does not declare; never raises."""
    try:
        skeleton = _skeleton(network.raw)
        inferred = onnx.shape_inference.infer_shapes(skeleton, data_prop=True)
    except Exception:  # whatever onnx makes of a broken model, the answer is: not known
        return
    graphs = zip(network.scopes, _graphs(inferred.graph), strict=False)
    for tensors, graph in graphs:
        for info in [*graph.value_info, *graph.output]:
            tensor = tensors.get(info.name)
            if tensor is None:
                continue
            if tensor.shape is None:
                tensor.shape = value_shape(info)
            if tensor.dtype is None:
                tensor.dtype = value_dtype(info)


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """A graph and all that are nested in it, in the order in which the reader meets them."""
    yield graph
    for node in graph.node:
        for found in node.attribute:
            if found.type == AttributeProto.GRAPH:
                yield from _graphs(found.g)
            for nested in found.graphs:
                yield from _graphs(nested)


def _skeleton(model: ModelProto) -> ModelProto:
    graph = model.graph
    skeleton = ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    if _expansion(model) <= _EXPANSION:
        skeleton.functions.extend(model.functions)
    kept = skeleton.graph
    kept.name = graph.name
    kept.node.extend(graph.node)
    kept.input.extend(graph.input)
    kept.output.extend(graph.output)
    kept.value_info.extend(graph.value_info)
    kept.initializer.extend(_stripped(t) for t in graph.initializer)
    kept.sparse_initializer.extend(graph.sparse_initializer)
    return skeleton


def _stripped(tensor: TensorProto) -> TensorProto:
    if tensor.ByteSize() <= _SMALL and tensor.data_location != TensorProto.EXTERNAL:
        return tensor
    return TensorProto(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type)


def _expansion(model: ModelProto) -> int:
    """How many nodes the functions have once all calls are inlined; recursion counts as too many."""
    bodies = {(normal_domain(f.domain), f.name): f for f in model.functions}
    sizes: dict[tuple[str, str], int] = {}
    for root in bodies:
        stack = [root]
        while stack:
            key = stack[-1]
            called = [
                k for n in bodies[key].node if (k := (normal_domain(n.domain), n.op_type)) in bodies
            ]
            missing = [k for k in called if k not in sizes]
            if not missing:
                sizes[key] = len(bodies[key].node) + sum(sizes[k] for k in called)
                stack.pop()
            elif len(stack) > len(bodies):
                return _EXPANSION + 1
            else:
                stack.append(missing[0])
    called_at_top = sum(sizes.get((normal_domain(n.domain), n.op_type), 0) for n in model.graph.node)
    return called_at_top + sum(sizes.values())
