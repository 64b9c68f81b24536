"""An estimate of the memory that onnx's shape inference would need, without running it.

Nodes that join shapes can double the number of known dimensions at each step. Forty Gather nodes
that gather from themselves give a rank of 2**40, and onnx tries to allocate it.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

_MOST = 1 << 21
"""The most dimensions and propagated numbers of all tensors together: about 100 MB."""

_LENGTHENS = frozenset(("Gather", "GatherND", "Unsqueeze"))
"""Types whose output has at most the rank of all inputs together."""

_ADDING = """
OneHot Loop Scan SequenceMap SequenceConstruct SequenceInsert Optional ConcatFromSequence
SplitToSequence
"""

_ADDS_ONE = frozenset(_ADDING.split())
"""Types that add a dimension, or wrap a type in another type."""

_PROPAGATING = """
Shape Size Cast Identity Add Sub Mul Div Mod Min Max Neg Abs Gather Slice Squeeze Unsqueeze Concat
Constant
"""

_PROPAGATES = frozenset(_PROPAGATING.split())
"""Types whose values onnx propagates if they come from shapes and small constants."""

_INTEGERS = (TensorProto.INT32, TensorProto.INT64)


class _Size(NamedTuple):
    """An upper bound of a tensor's rank, and of how many of its numbers are known."""

    rank: int = 0
    numbers: int = 0


_Known = ChainMap[str, _Size]


class _TooMuchError(Exception):
    """Raised to stop counting at the limit."""


def grows(model: ModelProto) -> bool:
    """Return whether inference on this model may need more memory than any real model.

    Follow every call of a function. Functions must not be recursive, and the inlined model must
    not be too large.
    """
    functions = {(f.domain, f.name, f.overload): f for f in model.functions}
    try:
        _Count(functions).graph(model.graph, ChainMap(), _Size())
    except _TooMuchError:
        return True
    return False


class _Count:
    """Counts dimensions and numbers in document order, as onnx does."""

    def __init__(self, functions: Mapping[tuple[str, str, str], FunctionProto]) -> None:
        self.functions = functions
        self.total = 0

    def graph(self, graph: GraphProto, outer: _Known, given: _Size) -> _Size:
        """Return the largest size of a graph's outputs, from the largest of its owner's inputs."""
        known = outer.new_child()
        declared = {info.name: _declared(info) for info in (*graph.value_info, *graph.output)}
        for tensor in graph.initializer:
            self.note(known, tensor.name, _stored(tensor))
        for sparse in graph.sparse_initializer:
            self.note(known, sparse.values.name, _Size(len(sparse.dims)))
        for info in graph.input:
            self.note(known, info.name, _largest((_declared(info), given)))
        for name, size in declared.items():
            self.note(known, name, size)
        self.nodes(graph.node, known, declared)
        return _largest(known.get(info.name, _Size()) for info in graph.output)

    def nodes(
        self, nodes: Iterable[NodeProto], known: _Known, declared: Mapping[str, _Size]
    ) -> None:
        for node in nodes:
            made = self.made(node, known)
            for name in node.output:
                size = declared.get(name)
                size = made if size is None else _largest((made, size))
                self.note(known, name, size, made.numbers)

    def made(self, node: NodeProto, known: _Known) -> _Size:
        read = [known.get(name, _Size()) for name in node.input]
        given = _largest(read)
        called = self.functions.get((node.domain, node.op_type, node.overload))
        if called is not None:
            inside: _Known = ChainMap(dict.fromkeys(called.input, given))
            described = {info.name: _declared(info) for info in called.value_info}
            self.nodes(called.node, inside, described)
            return _largest(inside.get(name, _Size()) for name in called.output)
        rank, numbers, listed = given.rank, given.numbers, 0
        for found in node.attribute:
            listed = max(listed, len(found.ints))
            if found.HasField("t"):
                held = _stored(found.t)
                rank, listed = max(rank, held.rank), max(listed, held.numbers)
            for inner in (*((found.g,) if found.HasField("g") else ()), *found.graphs):
                result = self.graph(inner, known, given)
                rank, numbers = max(rank, result.rank), max(numbers, result.numbers)
        if node.op_type in _LENGTHENS:
            rank = sum(size.rank for size in read)
        if node.op_type == "Unsqueeze":
            rank += max(numbers, listed)
        if node.op_type in _ADDS_ONE:
            rank += 1
        if node.op_type not in _PROPAGATES:  # the numbers that it reads may be a shape
            return _Size(max(rank, numbers, listed))
        if node.op_type == "Concat":
            numbers = sum(size.numbers for size in read)
        elif node.op_type == "Gather":  # as many numbers as there are indices
            numbers = read[1].numbers if len(read) > 1 else 0
        elif node.op_type == "Shape":
            numbers = rank
        return _Size(rank, max(numbers, listed, 1))

    def note(self, known: _Known, name: str, size: _Size, worked_out: int = 0) -> None:
        known[name] = size
        self.total += size.rank + worked_out
        if self.total > _MOST:
            raise _TooMuchError


def _largest(sizes: Iterable[_Size]) -> _Size:
    rank = numbers = 0
    for size in sizes:
        rank, numbers = max(rank, size.rank), max(numbers, size.numbers)
    return _Size(rank, numbers)


def _declared(info: ValueInfoProto) -> _Size:
    tensor = info.type.tensor_type
    dims = tensor.shape.dim
    # Even if the numbers of a shape are unknown, their count gives the rank.
    vector = len(dims) == 1 and tensor.elem_type in _INTEGERS
    return _Size(len(dims), max(dims[0].dim_value, 0) if vector else 0)


def _stored(tensor: TensorProto) -> _Size:
    vector = len(tensor.dims) == 1 and tensor.data_type in _INTEGERS
    return _Size(len(tensor.dims), max(tensor.dims[0], 0) if vector else 0)
