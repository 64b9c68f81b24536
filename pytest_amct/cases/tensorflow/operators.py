"""Operators of TensorFlow graphs, as functions that add them to a graph in the making."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_amct.cases.tensorflow.builder import Dtype, Function, GraphBuilder

Shape = tuple[int, ...]

INT = Dtype("int32")


def identity(g: GraphBuilder, dtype: str, *inputs: str) -> str:
    """Add an Identity of the first input; the others are control inputs."""
    return g.node("Identity", inputs, {"T": Dtype(dtype)})


def cast(g: GraphBuilder, data: str, old: str, new: str) -> str:
    """Cast the data to another element type."""
    return g.node("Cast", [data], {"SrcT": Dtype(old), "DstT": Dtype(new)})


def reshape(g: GraphBuilder, data: str, dtype: str, shape: Shape) -> str:
    """Reshape the data."""
    given = {"T": Dtype(dtype), "Tshape": INT}
    return g.node("Reshape", [data, g.values("int32", shape)], given)


def split(g: GraphBuilder, whole: str, dtype: str) -> str:
    """Return the second half of a tensor: the second output of an operator."""
    given = {"T": Dtype(dtype), "num_split": 2}
    return g.node("Split", [g.values("int32", [0], ()), whole], given) + ":1"


def strided_slice(g: GraphBuilder, data: str, dtype: str, end: int) -> str:
    """Return the first entries of a tensor."""
    bounds = [g.values("int32", [n]) for n in (0, end, 1)]
    return g.node("StridedSlice", [data, *bounds], {"T": Dtype(dtype), "Index": INT})


def iterator(g: GraphBuilder, dtype: str, shape: Shape, op: str = "IteratorGetNext") -> str:
    """Add an iterator over a data set, and return its next element."""
    given = {"output_types": [Dtype(dtype)], "output_shapes": [shape]}
    handle = g.node("IteratorV2", [], {**given, "shared_name": "", "container": ""})
    return g.node(op, [handle], given)


def call(
    g: GraphBuilder,
    function: Function,
    inputs: Sequence[str],
    takes: Sequence[str],
    gives: str,
    op: str = "PartitionedCall",
) -> str:
    """Call a function that returns one tensor."""
    types = {"Tin": [Dtype(t) for t in takes], "Tout": [Dtype(gives)]}
    return g.node(op, inputs, {**types, "f": function})


def transposed(g: GraphBuilder, s: Shape, d: str, stored: str) -> str:
    """Reverse the axes of the data, so that its shape becomes `s`."""
    order = g.values("int32", range(len(s))[::-1])
    return g.node("Transpose", [stored, order], {"T": Dtype(d), "Tperm": INT})


def mul(g: GraphBuilder, d: str, first: str, second: str = "") -> str:
    """Multiply the data by another tensor, or by a constant number."""
    return g.node("Mul", [first, second or g.values(d, [1.5], ())], {"T": Dtype(d)})


def concat(g: GraphBuilder, d: str, parts: Sequence[str], axis: int | str = 0) -> str:
    """Concatenate tensors; the axis may be the name of a tensor."""
    given = {"N": len(parts), "T": Dtype(d), "Tidx": INT}
    at = axis if isinstance(axis, str) else g.values("int32", [axis], ())
    return g.node("ConcatV2", [*parts, at], given)


def five_hops(g: GraphBuilder, s: Shape, d: str, stored: str) -> str:
    """Pass a tensor through five operators that keep its shape."""
    found = reshape(g, identity(g, d, stored), d, s[::-1])
    return identity(g, d, mul(g, d, transposed(g, s, d, found)))
