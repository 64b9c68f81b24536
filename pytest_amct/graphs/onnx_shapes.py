"""onnx's own shape inference, run on a skeleton: no weights, no hostile expansion of functions."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, helper

from pytest_amct.graphs.network import Function, Network, Shape, Tensor
from pytest_amct.graphs.onnx_ops import NUMBERS
from pytest_amct.graphs.onnx_reader import input_shape, normal_domain, value_dtype, value_shape

_SMALL = 1024
"""Bytes up to which a constant is kept: shapes are computed from such."""

_EXPANSION = 20_000
"""Nodes that inlining all functions may give; beyond it they are left out of the inference."""


def infer(network: Network) -> None:
    """Fill in shapes and dtypes that the file does not declare; never raises."""
    skeleton = _skeleton(network.raw)
    _fill(network.scopes, skeleton)
    for function in network.functions:
        for parameter in function.parameters:
            _agree(parameter)
        _fill(function.scopes, _body(function, skeleton))


def _fill(scopes: list[dict[str, Tensor]], model: ModelProto) -> None:
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception:  # whatever onnx makes of a broken model, the answer is: not known
        return
    for tensors, graph in zip(scopes, _graphs(inferred.graph), strict=False):
        for info in [*graph.value_info, *graph.output]:
            tensor = tensors.get(info.name)
            if tensor is None:
                continue
            if tensor.origin != "input" or tensor.shape is None:
                tensor.shape = _merged(tensor.shape, value_shape(info))
            if tensor.dtype is None:
                tensor.dtype = value_dtype(info)


def _merged(declared: Shape | None, found: Shape | None) -> Shape | None:
    """The better of both for each entry: a number, else a symbol, else nothing."""
    if declared is None or found is None or len(declared) != len(found):
        return found if declared is None else declared
    return tuple(
        d if isinstance(d, int) else f if isinstance(f, int) else d or f
        for d, f in zip(declared, found, strict=True)
    )


def _agree(parameter: Tensor) -> None:
    """Give a function's parameter the type and the shape that all of its call sites pass."""
    bound = [(t.dtype, t.shape) if t else (None, None) for t in parameter.bound]
    dtypes, shapes = {dtype for dtype, _ in bound}, [shape for _, shape in bound]
    if len(dtypes) == 1 and parameter.dtype is None:
        parameter.dtype = dtypes.pop()
    known = [shape for shape in shapes if shape is not None]
    one_rank = len({len(shape) for shape in known}) == 1
    if parameter.shape is None and one_rank and len(known) == len(shapes):
        columns = zip(*known, strict=True)
        parameter.shape = tuple(c[0] if len(set(c)) == 1 else None for c in columns)


def _body(function: Function, skeleton: ModelProto) -> ModelProto:
    """A function's body as a model, its inputs typed as its callers type them."""
    model = ModelProto(ir_version=skeleton.ir_version, functions=skeleton.functions)
    model.opset_import.extend(function.raw.opset_import)
    model.graph.node.extend(function.raw.node)
    model.graph.value_info.extend(function.raw.value_info)
    for parameter in function.parameters:
        number = NUMBERS.get(parameter.dtype or "")
        if number is not None:
            info = helper.make_tensor_value_info(parameter.name, number, parameter.shape)
            model.graph.input.append(info)
    for node in (n for graph in _graphs(model.graph) for n in graph.node):
        for index in reversed(range(len(node.attribute))):
            found = node.attribute[index]
            if not found.ref_attr_name:
                continue
            passed = function.given.get(found.ref_attr_name)
            if isinstance(passed, AttributeProto):
                name = found.name
                found.CopyFrom(passed)
                found.name = name
            else:
                del node.attribute[index]
    _spell_domains(model)
    return model


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
    for info in kept.input:
        for dim, entry in zip(info.type.tensor_type.shape.dim, input_shape(info) or (), strict=False):
            if isinstance(entry, str):
                dim.dim_param = entry
    kept.output.extend(graph.output)
    kept.value_info.extend(graph.value_info)
    kept.initializer.extend(_stripped(t) for t in graph.initializer)
    kept.sparse_initializer.extend(graph.sparse_initializer)
    if any(normal_domain(entry.domain) != entry.domain for entry in model.opset_import):
        _spell_domains(skeleton)
    return skeleton


def _spell_domains(model: ModelProto) -> None:
    """Call ai.onnx by its empty name, the only one that onnx's inference knows."""
    graphs = list(_graphs(model.graph))
    nodes = [n for g in graphs for n in g.node] + [n for f in model.functions for n in f.node]
    for item in (*nodes, *model.opset_import, *(i for f in model.functions for i in f.opset_import)):
        item.domain = normal_domain(item.domain)


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
