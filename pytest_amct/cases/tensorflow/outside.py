"""Weights that come from outside a graph in rare ways, one builder for each name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_amct.cases.tensorflow.builder import Dtype, GraphBuilder
from pytest_amct.cases.tensorflow.operators import INT, Shape, cast, mul, reshape

_TEXT = Dtype("string")


def _dequeued(g: GraphBuilder, s: Shape, d: str, op: str) -> str:
    """Take a batch of one tensor out of a queue."""
    types = {"component_types": [Dtype(d)]}
    queue = g.node("FIFOQueueV2", [], {**types, "shapes": [s], "capacity": 4})
    return reshape(g, g.node(op, [queue, g.values("int32", [1], ())], types), d, s)


def _unstaged(g: GraphBuilder, s: Shape, d: str) -> str:
    given = {"dtypes": [Dtype(d)], "capacity": 0, "memory_limit": 0, "shared_name": g.name("v")}
    return reshape(g, g.node("Unstage", [], given), d, s)


def _optional(g: GraphBuilder, s: Shape, d: str) -> str:
    given = {"output_types": [Dtype(d)], "output_shapes": [s]}
    handle = g.node("IteratorV2", [], {**given, "shared_name": "", "container": ""})
    taken = g.node("IteratorGetNextAsOptional", [handle], given)
    return g.node("OptionalGetValue", [taken], given)


def _read(g: GraphBuilder, s: Shape, d: str) -> str:
    """Scale a constant by a number that a reader reads."""
    types = {"component_types": [_TEXT]}
    queue = g.node("FIFOQueueV2", [], {**types, "shapes": [()], "capacity": 4})
    found = g.node("ReaderReadV2", [g.node("IdentityReaderV2", []), queue]) + ":1"
    number = g.node("StringToNumber", [found], {"out_type": Dtype("float32")})
    number = number if d == "float32" else cast(g, number, "float32", d)
    return mul(g, d, g.constant(s, d), number)


def _argument(g: GraphBuilder, s: Shape, d: str) -> str:
    """Add an argument, as in a graph that was the body of a function."""
    number = sum(node.op == "_Arg" for node in g.graph.node)
    given = {"T": Dtype(d), "index": number, "_output_shapes": [s]}
    return reshape(g, g.node("_Arg", [], given), d, s)


def _sized(g: GraphBuilder, s: Shape, d: str, sizes: str) -> str:
    """Scale a constant by the number of entries of a shape."""
    axes = {"T": INT, "Tidx": INT, "keep_dims": False}
    size = g.node("Prod", [sizes, g.values("int32", [0])], axes)
    return mul(g, d, g.constant(s, d), cast(g, size, "int32", d))


def _shape(g: GraphBuilder, of: str) -> str:
    return g.node("Shape", [of], {"T": Dtype("float32"), "out_type": INT})


def _second_shape(g: GraphBuilder, s: Shape, d: str) -> str:
    """Read the shape of the second of two inputs; only that one is symbolic."""
    fed = [g.input("float32", (2, 4)), g.input("float32", (-1, 4))]
    given: dict[str, Any] = {"T": Dtype("float32"), "N": 2, "out_type": INT}
    return _sized(g, s, d, g.node("ShapeN", fed, given) + ":1")


def _shape_behind(g: GraphBuilder, s: Shape, d: str) -> str:
    relu = g.node("Relu", [g.input("float32", (-1, 4))], {"T": Dtype("float32")})
    return _sized(g, s, d, _shape(g, relu))


def _shape_of_product(g: GraphBuilder, s: Shape, d: str) -> str:
    inputs = [g.input("float32", (-1, 4)), g.values("float32", [0.5] * 8, (4, 2))]
    return _sized(g, s, d, _shape(g, g.node("MatMul", inputs, {"T": Dtype("float32")})))


OUTSIDE: Mapping[str, Callable[[GraphBuilder, Shape, str], str]] = {
    "queue-many": lambda g, s, d: _dequeued(g, s, d, "QueueDequeueManyV2"),
    "queue-up-to": lambda g, s, d: _dequeued(g, s, d, "QueueDequeueUpToV2"),
    "unstage": _unstaged,
    "optional": _optional,
    "reader": _read,
    "argument": _argument,
    "shape-symbolic-last": lambda g, s, d: _sized(g, s, d, _shape(g, g.input("float32", (4, -1)))),
    "shape-symbolic-second": _second_shape,
    "shape-symbolic-relu": _shape_behind,
    "shape-symbolic-product": _shape_of_product,
}
"""Sources by name: a function that adds a weight of a shape and element type to a graph."""
