"""Reads and checks the ONNX model that a quantizer returned."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from onnx import GraphProto, ModelProto

from pytest_amct.decisions.names import listed, shown
from pytest_amct.decisions.onnx.inlining import Call, inline_new
from pytest_amct.errors import ModelError, OutputError
from pytest_amct.graphs.network import Network
from pytest_amct.graphs.onnx.reader import read_onnx


class Result(NamedTuple):
    """A quantized model, and the calls in it that were inlined."""

    network: Network
    calls: tuple[Call, ...] = ()


def read_result(original: Network, model: bytes | str | os.PathLike[str] | ModelProto) -> Result:
    """Read a quantized model. Functions that the quantizer has added are inlined.

    Raises `OutputError` if the model does not parse, lacks a used input or an output of `original`,
    reads a tensor that nothing produces, or produces a tensor more than once.
    """
    try:
        result = read_onnx(model, os.fspath(model) if isinstance(model, os.PathLike) else "")
    except ModelError as error:
        raise OutputError(f"the quantizer returned a model that cannot be read: {error}") from None
    _check_ends(original, result)
    _check_dangling(original, result)
    _check_doubled(original, result)
    inlined, calls = inline_new(original.raw, result.raw)
    return Result(read_onnx(inlined), calls) if calls else Result(result)


def _check_ends(original: Network, result: Network) -> None:
    """Raise `OutputError` if an input that is used or an output of the given model is lost."""
    inputs = {tensor.name for tensor in result.inputs}
    outputs = {tensor.name for tensor in result.outputs}
    used = [t.name for t in original.inputs if t.consumers or t.is_output]
    lost = [name for name in used if name not in inputs]
    gone = [t.name for t in original.outputs if t.name not in outputs]
    if lost and gone and len(lost) + len(gone) == len(used) + len(original.outputs):
        raise OutputError(
            "the quantized model belongs to another model: it has none of the inputs and outputs"
            f" of the given one ({listed([*lost, *gone])}): give the model that it was made of, or"
            " keep their names"
        )
    for what, names in (("input", lost), ("output", gone)):
        if names:
            raise OutputError(
                f"the quantized model lost the graph {what} {shown(names[0])}: keep it"
            )


def _check_dangling(original: Network, result: Network) -> None:
    dangling = sorted(_dangling(result))
    if dangling:
        known = set(_dangling(original))
        for name in dangling:
            if name not in known:
                raise OutputError(
                    f"the quantized model reads tensor {shown(name)}, which nothing in it produces"
                )


def _dangling(network: Network) -> Iterator[str]:
    for scope in network.scopes:
        for tensor in scope.values():
            if tensor.origin == "absent" and (tensor.consumers or tensor.is_output):
                yield tensor.name


def _check_doubled(original: Network, result: Network) -> None:
    doubled = list(_doubled(result.raw.graph, len(result.scopes) > 1))
    if doubled:
        known = set(_doubled(original.raw.graph, True))
        for name in doubled:
            if name not in known:
                raise OutputError(
                    f"the quantized model produces tensor {shown(name)} more than once: names must "
                    "be unique"
                )


def _doubled(graph: GraphProto, nested: bool) -> Iterator[str]:
    stored = {tensor.name for tensor in graph.initializer}
    names = [tensor.name for tensor in graph.initializer]
    names += [tensor.values.name for tensor in graph.sparse_initializer]
    names += [info.name for info in graph.input if info.name not in stored]
    for node in graph.node:
        names += [name for name in node.output if name]
    if len(set(names)) != len(names):
        seen: set[str] = set()
        for name in names:
            if name in seen:
                yield name
            seen.add(name)
    if nested:
        for node in graph.node:
            for attribute in node.attribute:
                for inner in (attribute.g, *attribute.graphs):
                    yield from _doubled(inner, True)
