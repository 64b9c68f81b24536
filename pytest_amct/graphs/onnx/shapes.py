"""Run onnx's own shape inference on a skeleton of the model.

The skeleton has no large constants, and no functions whose expansion would be too large.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from graphlib import CycleError, TopologicalSorter
from typing import Any

import onnx
from onnx import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    helper,
)

from pytest_amct.graphs.network import Function, Network, Shape, Tensor
from pytest_amct.graphs.onnx.growth import grows
from pytest_amct.graphs.onnx.ops import NUMBERS
from pytest_amct.graphs.onnx.protos import input_shape, normal_domain, value_dtype, value_shape
from pytest_amct.graphs.onnx.skeleton import copy_function, copy_graph, copy_nodes

_Key = tuple[str, str, str]
_Functions = Mapping[_Key, "_Body"]

_EXPANSION = 4 << 20
"""The most bytes after inlining all functions; beyond it, inference runs without functions."""

_NODE = 200
"""What a node costs besides its bytes, in bytes."""

_MOST_BODIES = 1000
"""The most functions whose bodies are inferred; the shapes in further ones stay unknown."""

_MOST_COPIED = 1 << 24
"""The most bytes of passed attributes that are copied into a body."""


def infer(network: Network) -> None:
    """Fill in shapes and dtypes that the file does not declare. Never raise."""
    model = network.raw
    functions = _functions(model)
    if _expansion(functions, model.graph.node) > _EXPANSION:
        functions = {}
    _fill(network.scopes, lambda: _skeleton(model, functions))
    for function in network.functions[:_MOST_BODIES]:
        for parameter in function.parameters:
            _agree(parameter)
        _fill(function.scopes, partial(_body, function, model.ir_version, functions))


def _fill(scopes: list[dict[str, Tensor]], make: Callable[[], ModelProto]) -> None:
    try:
        model = make()
        if grows(model):
            return
        data = model.SerializeToString()
        del model  # onnx makes three more copies
        inferred = onnx.shape_inference.infer_shapes(data, data_prop=True)
    except Exception:  # whatever onnx raises on an invalid model, the shapes are unknown
        return
    for tensors, graph in zip(scopes, _graphs(inferred.graph), strict=False):
        for info in [*graph.input, *graph.value_info, *graph.output]:
            tensor = tensors.get(info.name)
            if tensor is None:
                continue
            if tensor.origin != "input" or tensor.shape is None:
                tensor.shape = _merged(tensor.shape, value_shape(info))
            if tensor.dtype is None:
                tensor.dtype = value_dtype(info)


def _merged(declared: Shape | None, found: Shape | None) -> Shape | None:
    """Return the better of both for each dimension: a number, else a symbol, else ``None``."""
    if declared is None or found is None or len(declared) != len(found):
        return found if declared is None else declared
    return tuple(
        d if isinstance(d, int) else f if isinstance(f, int) else d or f
        for d, f in zip(declared, found, strict=True)
    )


def _agree(parameter: Tensor) -> None:
    """Give a function's parameter the dtype and shape on which all call sites agree."""
    bound = [(t.dtype, t.shape) if t else (None, None) for t in parameter.bound]
    dtypes, shapes = {dtype for dtype, _ in bound}, [shape for _, shape in bound]
    if len(dtypes) == 1 and parameter.dtype is None:
        parameter.dtype = dtypes.pop()
    known = [shape for shape in shapes if shape is not None]
    one_rank = len({len(shape) for shape in known}) == 1
    if parameter.shape is None and one_rank and len(known) == len(shapes):
        columns = zip(*known, strict=True)
        parameter.shape = tuple(c[0] if len(set(c)) == 1 else None for c in columns)


def _body(function: Function, ir_version: int, functions: _Functions) -> ModelProto:
    """Return a function's body as a model whose inputs have the types that the calls pass."""
    model = ModelProto(ir_version=ir_version)
    called, waiting = set[_Key](), [_key(node) for node in _all(function.raw.node)]
    while waiting:
        key = waiting.pop()
        if key in functions and key not in called:
            called.add(key)
            model.functions.append(functions[key].raw)
            waiting.extend(key for key, _ in functions[key].calls)
    model.opset_import.extend(function.raw.opset_import)
    copy_nodes(function.raw.node, model.graph)
    model.graph.value_info.extend(function.raw.value_info)
    for parameter in function.parameters:
        number = NUMBERS.get(parameter.dtype or "")
        if number is not None:
            info = helper.make_tensor_value_info(parameter.name, number, parameter.shape)
            model.graph.input.append(info)
    _pass(function.given, model.graph.node)
    _spell_domains(model)
    return model


def _pass(given: Mapping[str, Any], nodes: Iterable[NodeProto]) -> None:
    """Replace references to a function's attributes by what the calls pass."""
    sizes = {n: p.ByteSize() for n, p in given.items() if isinstance(p, AttributeProto)}
    left = _MOST_COPIED
    for node in _all(nodes):
        for index in reversed(range(len(node.attribute))):
            found = node.attribute[index]
            if not found.ref_attr_name:
                continue
            passed = given.get(found.ref_attr_name)
            left -= sizes.get(found.ref_attr_name, 0)
            if isinstance(passed, AttributeProto) and left >= 0:
                name = found.name
                found.CopyFrom(passed)
                found.name = name
            else:
                del node.attribute[index]


@dataclass(frozen=True, slots=True)
class _Body:
    """A function without large constants."""

    raw: FunctionProto
    #: bytes
    size: int
    #: how many attributes get their value from the call
    references: int
    #: the functions that it calls, and the size of the call
    calls: list[tuple[_Key, int]]


def _functions(model: ModelProto) -> _Functions:
    keys = {(normal_domain(f.domain), f.name, f.overload) for f in model.functions}
    found = {}
    for function in model.functions:
        kept = FunctionProto()
        copy_function(function, kept)
        nodes = [*_all(kept.node)]
        references = sum(bool(a.ref_attr_name) for node in nodes for a in node.attribute)
        size = kept.ByteSize() + _NODE * len(nodes)
        key = (normal_domain(function.domain), function.name, function.overload)
        found[key] = _Body(kept, size, references, _calls(nodes, keys))
    return found


def _calls(nodes: Iterable[NodeProto], functions: Container[_Key]) -> list[tuple[_Key, int]]:
    return [(key, node.ByteSize()) for node in nodes if (key := _key(node)) in functions]


def _key(node: NodeProto) -> _Key:
    return normal_domain(node.domain), node.op_type, node.overload


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """Yield a graph and its nested graphs, in the order of the reader."""
    yield graph
    for node in graph.node:
        for nested in _nested(node):
            yield from _graphs(nested)


def _nested(node: NodeProto) -> Iterator[GraphProto]:
    for found in node.attribute:
        if found.HasField("g"):
            yield found.g
        yield from found.graphs


def _all(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Yield the nodes and those of their nested graphs."""
    for node in nodes:
        yield node
        for nested in _nested(node):
            yield from _all(nested.node)


def _skeleton(model: ModelProto, functions: _Functions) -> ModelProto:
    graph = model.graph
    # From IR version 4 on, initializers need not be inputs.
    version = max(model.ir_version, 4)
    skeleton = ModelProto(ir_version=version, opset_import=model.opset_import)
    skeleton.functions.extend(function.raw for function in functions.values())
    kept = skeleton.graph
    copy_graph(graph, kept)
    # The shape of a stored value is exact. The declaration of an input of the same name may not be.
    stored = {tensor.name for tensor in graph.initializer}
    kept.input.extend(info for info in graph.input if info.name not in stored)
    for info in kept.input:
        for dim, entry in zip(
            info.type.tensor_type.shape.dim, input_shape(info) or (), strict=False
        ):
            if isinstance(entry, str):
                dim.dim_param = entry
    # Leave out outputs that are inputs or initializers: onnx would use the output's declaration.
    known = stored.union(info.name for info in graph.input)
    kept.output.extend(info for info in graph.output if info.name not in known)
    if any(normal_domain(entry.domain) != entry.domain for entry in model.opset_import):
        _spell_domains(skeleton)
    return skeleton


def _spell_domains(model: ModelProto) -> None:
    """Rename the domain ai.onnx to the empty name, the only one that onnx's inference knows."""
    for owner in (model, *model.functions):
        nodes = owner.graph.node if isinstance(owner, ModelProto) else owner.node
        for item in (*_all(nodes), *owner.opset_import):
            item.domain = normal_domain(item.domain)


def _expansion(functions: _Functions, nodes: Iterable[NodeProto]) -> int:
    """Return the size of these nodes' calls and of all bodies after inlining every call, in bytes.

    Recursive functions give more than `_EXPANSION`.
    """
    if not functions:
        return 0
    calls = {key: {called for called, _ in body.calls} for key, body in functions.items()}
    try:
        order = list(TopologicalSorter(calls).static_order())
    except CycleError:
        return _EXPANSION + 1
    sizes: dict[_Key, int] = {}

    def inlined(calls: Iterable[tuple[_Key, int]]) -> int:
        return sum(sizes[key] + functions[key].references * size for key, size in calls)

    for key in order:
        size = functions[key].size + inlined(functions[key].calls)
        sizes[key] = min(size, _EXPANSION + 1)  # else numbers of a million digits
    return sum(sizes.values()) + inlined(_calls(_all(nodes), functions))
