"""Inlines the functions that a quantizer has added to a model.

Their operators are then read like those of the main graph. Functions of the given model are not
inlined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from google.protobuf.message import Error  # type: ignore[import-untyped]
from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto
from onnx.inliner import inline_selected_functions

_MOST_NODES = 200_000
"""The largest number of nodes after inlining. Beyond it, calls remain and cannot be told."""

_MOST_BYTES = 1 << 28
"""The largest size after inlining, in bytes: function bodies contain constants."""

_Key = tuple[str, str]


class Call(NamedTuple):
    """An inlined call: its name and the tensors between which its body is now."""

    name: str
    inputs: frozenset[str]
    outputs: tuple[str, ...]


class _Cost(NamedTuple):
    nodes: int
    bytes: int


def inline_new(original: ModelProto, result: ModelProto) -> tuple[ModelProto, tuple[Call, ...]]:
    """Return a copy of `result` in which the functions that `original` lacks are inlined.

    Returns `result` itself and no calls if there is nothing to inline or the copy would grow too
    large.
    """
    known = {(f.domain, f.name) for f in original.functions}
    new = {(f.domain, f.name): f for f in result.functions if (f.domain, f.name) not in known}
    if not new or len(new) < sum((f.domain, f.name) not in known for f in result.functions):
        return result, ()  # overloads share a name
    calls = tuple(
        Call(node.name, frozenset(node.input), tuple(node.output))
        for node in result.graph.node
        if (node.domain, node.op_type) in new
    )
    if not calls or _too_large(result, new):
        return result, ()
    skeleton = _without_values(result)
    _agree_on_versions(skeleton, new)
    try:
        inlined = inline_selected_functions(skeleton, list(new))
    except (RuntimeError, ValueError, Error):  # onnx refuses to inline it: the calls remain
        return result, ()
    for stored, full in zip(inlined.graph.initializer, result.graph.initializer, strict=True):
        stored.CopyFrom(full)
    return inlined, calls


def _without_values(model: ModelProto) -> ModelProto:
    """Return a copy without the values of initializers, which onnx would copy several times."""
    copy = ModelProto(ir_version=model.ir_version)
    copy.opset_import.extend(model.opset_import)
    copy.functions.extend(model.functions)
    copy.metadata_props.extend(model.metadata_props)
    for field, value in model.graph.ListFields():
        if field.name == "initializer":
            for tensor in value:
                copy.graph.initializer.add(
                    name=tensor.name, data_type=tensor.data_type, dims=tensor.dims
                )
        elif field.is_repeated:
            getattr(copy.graph, field.name).extend(value)
        else:
            setattr(copy.graph, field.name, value)
    return copy


def _agree_on_versions(model: ModelProto, new: Mapping[_Key, FunctionProto]) -> None:
    """Set the opsets of functions to those of the model: onnx requires this for inlining.

    The structure of the graph does not depend on them.
    """
    versions = {entry.domain: entry.version for entry in model.opset_import}
    for function in model.functions:
        for entry in function.opset_import:
            version = versions.get(entry.domain)
            if version is None:
                versions[entry.domain] = entry.version
                model.opset_import.append(
                    OperatorSetIdProto(domain=entry.domain, version=entry.version)
                )
            elif (function.domain, function.name) in new:
                entry.version = version


# --- cost ------------------------------------------------------------------------------------


def _too_large(model: ModelProto, new: Mapping[_Key, FunctionProto]) -> bool:
    """Return whether the inlined model would be too large. Recursive functions are too large."""
    called = {key: _called(function.node, new) for key, function in new.items()}
    try:
        order = list(TopologicalSorter({k: set(v) for k, v in called.items()}).static_order())
    except CycleError:
        return True
    costs: dict[_Key, _Cost] = {}
    for key in order:
        costs[key] = _cost(new[key].node, called[key], costs)
        if costs[key].nodes > _MOST_NODES or costs[key].bytes > _MOST_BYTES:
            return True
    whole = _cost((), _called(model.graph.node, new), costs)
    return whole.nodes > _MOST_NODES or whole.bytes > _MOST_BYTES


def _cost(nodes: Iterable[NodeProto], called: Iterable[_Key], costs: Mapping[_Key, _Cost]) -> _Cost:
    count = size = 0
    for node in nodes:
        count += 1 + sum(1 for _ in _nested(node))
        size += node.ByteSize()
    for key in called:
        count += costs[key].nodes
        size += costs[key].bytes
    return _Cost(count, size)


def _called(nodes: Iterable[NodeProto], new: Mapping[_Key, FunctionProto]) -> list[_Key]:
    found = []
    for node in nodes:
        for one in (node, *_nested(node)):
            if (one.domain, one.op_type) in new:
                found.append((one.domain, one.op_type))
    return found


def _nested(node: NodeProto) -> Iterator[NodeProto]:
    """Yield the nodes of the graphs in a node's attributes, at any depth."""
    stack: list[GraphProto] = [g for a in node.attribute for g in (a.g, *a.graphs)]
    while stack:
        for inner in stack.pop().node:
            yield inner
            stack.extend(g for a in inner.attribute for g in (a.g, *a.graphs))
