"""An estimate of the memory that onnx's shape inference would need, without running it.

Nodes that join shapes can double the number of known dimensions at each step. Forty Gather nodes
that gather from themselves give a rank of 2**40, and onnx tries to allocate it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from onnx import (
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    defs,
)

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


_NOTHING = _Size()

_REQUIRED = {
    type_: frozenset(n for n, a in defs.get_schema(type_).attributes.items() if a.required)
    for type_ in ("If", "Loop", "Scan", "SequenceMap")
}
"""Attributes that operators with nested graphs must have.

Shapes behind a node without them mean nothing, and not every version of onnx checks for it.
"""


class _UnusableError(Exception):
    """Raised to stop counting: at the limit, or if inference would mean nothing."""


def grows(model: ModelProto) -> bool:
    """Return whether inference on this model may need more memory than any real model.

    Follow every call of a function. Functions must not be recursive, and the inlined model must
    not be too large. Control flow without an attribute that its operator requires counts, too.
    """
    functions = {(f.domain, f.name, f.overload): f for f in model.functions}
    try:
        _Count(functions).graph(model.graph, {}, _NOTHING)
    except _UnusableError:
        return True
    return False


class _Count:
    """Counts dimensions and numbers in document order, as onnx does."""

    def __init__(self, functions: Mapping[tuple[str, str, str], FunctionProto]) -> None:
        self.functions = functions
        self.total = 0

    def graph(self, graph: GraphProto, known: dict[str, _Size], given: _Size) -> _Size:
        """Return the largest size of a graph's outputs, from the largest of its owner's inputs.

        `known` holds the sizes of the enclosing graphs, and does so again afterwards.
        """
        declared = {info.name: _declared(info) for info in (*graph.value_info, *graph.output)}
        own = {t.name: _stored(t) for t in graph.initializer}
        own |= {t.values.name: _Size(len(t.dims)) for t in graph.sparse_initializer}
        own |= {info.name: _largest((_declared(info), given)) for info in graph.input}
        own |= declared
        nested = bool(known)
        names = {*own, *(name for node in graph.node for name in node.output)} if nested else ()
        outer = {name: known[name] for name in names if name in known}
        for name, size in own.items():
            self.note(known, name, size)
        self.nodes(graph.node, known, declared)
        made = _largest(known.get(info.name, _NOTHING) for info in graph.output)
        if not nested:
            known.clear()
        for name in names:
            del known[name]
        known |= outer
        return made

    def nodes(
        self, nodes: Iterable[NodeProto], known: dict[str, _Size], declared: Mapping[str, _Size]
    ) -> None:
        for node in nodes:
            made = self.made(node, known)
            for name in node.output:
                size = declared.get(name)
                size = made if size is None else _largest((made, size))
                self.note(known, name, size, made.numbers)

    def made(self, node: NodeProto, known: dict[str, _Size]) -> _Size:
        read = [known.get(name, _NOTHING) for name in node.input]
        given = read[0] if len(read) == 1 else _largest(read)
        type_ = node.op_type
        if self.functions and (node.domain, type_, node.overload) in self.functions:
            called = self.functions[node.domain, type_, node.overload]
            inside = dict.fromkeys(called.input, given)
            described = {info.name: _declared(info) for info in called.value_info}
            self.nodes(called.node, inside, described)
            return _largest(inside.get(name, _NOTHING) for name in called.output)
        rank, numbers, listed = given.rank, given.numbers, 0
        if type_ in _REQUIRED:
            named = {found.name for found in node.attribute if not found.ref_attr_name}
            if not _REQUIRED[type_] <= named:
                raise _UnusableError
        for found in node.attribute:
            listed = max(listed, len(found.ints))
            if found.HasField("t"):
                held = _stored(found.t)
                rank, listed = max(rank, held.rank), max(listed, held.numbers)
            for inner in (*((found.g,) if found.HasField("g") else ()), *found.graphs):
                result = self.graph(inner, known, given)
                rank, numbers = max(rank, result.rank), max(numbers, result.numbers)
        if type_ in _LENGTHENS:
            rank = sum(size.rank for size in read)
        if type_ == "Unsqueeze":
            rank += max(numbers, listed)
        if type_ in _ADDS_ONE:
            rank += 1
        if type_ not in _PROPAGATES:  # the numbers that it reads may be a shape
            return _Size(max(rank, numbers, listed))
        if type_ == "Concat":
            numbers = sum(size.numbers for size in read)
        elif type_ == "Gather":  # as many numbers as there are indices
            numbers = read[1].numbers if len(read) > 1 else 0
        elif type_ == "Shape":
            numbers = rank
        return _Size(rank, max(numbers, listed, 1))

    def note(self, known: dict[str, _Size], name: str, size: _Size, worked_out: int = 0) -> None:
        known[name] = size
        self.total += size.rank + worked_out
        if self.total > _MOST:
            raise _UnusableError


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
