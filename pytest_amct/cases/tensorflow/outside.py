"""Weights that come from outside a graph in rare ways, one builder for each name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_amct.cases.tensorflow.builder import Dtype, GraphBuilder
from pytest_amct.cases.tensorflow.operators import INT, Shape, cast, iterator, mul, reshape

_Source = Callable[[GraphBuilder, Shape, str], str]
_TEXT = Dtype("string")
_QUEUES = tuple(
    f"{kind}{version}"
    for kind in ("FIFOQueue", "PaddingFIFOQueue", "PriorityQueue", "RandomShuffleQueue")
    for version in ("", "V2")
)


def _queue(g: GraphBuilder, s: Shape, d: str, op: str) -> str:
    return g.node(op, [], {"component_types": [Dtype(d)], "shapes": [s], "capacity": 4})


def _dequeued(g: GraphBuilder, s: Shape, d: str, op: str) -> str:
    """Take a tensor, or a batch of one, out of a queue of the operator's version."""
    queue = _queue(g, s, d, "FIFOQueueV2" if op.endswith("V2") else "FIFOQueue")
    count = [] if op == "QueueDequeue" else [g.values("int32", [1], ())]
    return reshape(g, g.node(op, [queue, *count], {"component_types": [Dtype(d)]}), d, s)


def _size_of(op: str) -> _Source:
    """Return a source that scales a constant by the number of tensors in such a queue."""

    def make(g: GraphBuilder, s: Shape, d: str) -> str:
        version = "V2" if op.endswith("V2") else ""
        size = g.node(f"QueueSize{version}", [_queue(g, (4,), d, op)])
        return mul(g, d, g.constant(s, d), cast(g, size, "int32", d))

    return make


def _unstaged(g: GraphBuilder, s: Shape, d: str) -> str:
    return reshape(g, g.node("Unstage", [], _stage(g, d)), d, s)


def _stage(g: GraphBuilder, d: str) -> dict[str, Any]:
    return {"dtypes": [Dtype(d)], "capacity": 0, "memory_limit": 0, "shared_name": g.name("v")}


def _peeked(g: GraphBuilder, s: Shape, d: str) -> str:
    """Read what a stage holds, and leave it there."""
    return reshape(g, g.node("StagePeek", [g.values("int32", [0], ())], _stage(g, d)), d, s)


def _unstaged_by_key(g: GraphBuilder, s: Shape, d: str, op: str) -> str:
    inputs = [g.values("int64", [1], ()), g.values("int32", [0])]
    return reshape(g, g.node(op, inputs, _stage(g, d)), d, s)


def _optional(g: GraphBuilder, s: Shape, d: str) -> str:
    given = {"output_types": [Dtype(d)], "output_shapes": [s]}
    return g.node("OptionalGetValue", [iterator(g, d, s, "IteratorGetNextAsOptional")], given)


def _is_there(g: GraphBuilder, s: Shape, d: str) -> str:
    """Choose between two constants by whether an iterator has a next element."""
    taken = iterator(g, d, (4,), "IteratorGetNextAsOptional")
    inputs = [g.node("OptionalHasValue", [taken]), g.constant(s, d), g.constant(s, d)]
    return g.node("SelectV2", inputs, {"T": Dtype(d)})


def _of_shard(g: GraphBuilder, s: Shape, d: str) -> str:
    """Take an element of an iterator for several devices."""
    given = {"output_types": [Dtype(d)], "output_shapes": [s]}
    held = {"devices": ["/cpu:0"], "shared_name": g.name("v"), "container": ""}
    handle = g.node("MultiDeviceIterator", [], {**held, **given})
    inputs = [handle, g.values("int32", [0], ()), g.values("int64", [1], ())]
    return g.node("MultiDeviceIteratorGetNextFromShard", inputs, given)


def _one_shot(g: GraphBuilder, s: Shape, d: str) -> str:
    """Take the element of an iterator that makes its own data set."""
    given = {"output_types": [Dtype(d)], "output_shapes": [s]}
    body = g.nested()
    element = f"{body.constant(s, d)}:output:0"
    kinds = {"Toutput_types": [Dtype(d)], "output_shapes": [s]}
    made = body.node("TensorDataset", [element], kinds, g.name("f"))
    factory = g.function([], {f"{made}:handle:0": "variant"}, body)
    handle = g.node("OneShotIterator", [], {"dataset_factory": factory, **given})
    return g.node("IteratorGetNext", [handle], given)


def _read(g: GraphBuilder, s: Shape, d: str, op: str) -> str:
    """Scale a constant by a number that a reader reads."""
    types = {"component_types": [_TEXT]}
    queue = g.node("FIFOQueueV2", [], {**types, "shapes": [()], "capacity": 4})
    count = [g.values("int64", [1], ())] if "UpTo" in op else []
    found = g.node(op, [g.node("IdentityReaderV2", []), queue, *count]) + ":1"
    number = g.node("StringToNumber", [found], {"out_type": Dtype("float32")})
    number = reshape(g, number, "float32", ()) if count else number
    number = number if d == "float32" else cast(g, number, "float32", d)
    return mul(g, d, g.constant(s, d), number)


def _argument(g: GraphBuilder, s: Shape, d: str, op: str = "_Arg") -> str:
    """Add an argument, as in a graph that was the body of a function."""
    number = sum(node.op in ("_Arg", "_DeviceArg") for node in g.graph.node)
    given = {"T": Dtype(d), "index": number, "_output_shapes": [s]}
    return reshape(g, g.node(op, [], given), d, s)


def _bits(g: GraphBuilder, s: Shape, d: str) -> str:
    given = {"dtype": Dtype("int64"), "shape_dtype": INT}
    return cast(g, g.node("NonDeterministicInts", [g.values("int32", s)], given), "int64", d)


def _sampled(g: GraphBuilder, s: Shape, d: str, op: str) -> str:
    """Look up rows of a constant that are drawn, as for a loss over a few of many classes."""
    given = {"num_true": 1, "num_sampled": s[0], "unique": False, "range_max": 2 * s[0]}
    drawn = g.node(op, [g.values("int64", [1], (1, 1))], given)
    kinds = {"Tparams": Dtype(d), "Tindices": Dtype("int64"), "Taxis": INT}
    rows = g.constant((2 * s[0], *s[1:]), d)
    return g.node("GatherV2", [rows, drawn, g.values("int32", [0], ())], kinds)


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


OF_EACH_KIND: Mapping[str, _Source] = {
    **{f"size-of-{op}": _size_of(op) for op in _QUEUES},
    "queue-old": lambda g, s, d: _dequeued(g, s, d, "QueueDequeue"),
    "queue-many-old": lambda g, s, d: _dequeued(g, s, d, "QueueDequeueMany"),
    "queue-up-to-old": lambda g, s, d: _dequeued(g, s, d, "QueueDequeueUpTo"),
    "map-unstage": lambda g, s, d: _unstaged_by_key(g, s, d, "MapUnstage"),
    "ordered-map-unstage": lambda g, s, d: _unstaged_by_key(g, s, d, "OrderedMapUnstage"),
    "stage-peek": _peeked,
    "map-peek": lambda g, s, d: _unstaged_by_key(g, s, d, "MapPeek"),
    "ordered-map-peek": lambda g, s, d: _unstaged_by_key(g, s, d, "OrderedMapPeek"),
    "reader-up-to": lambda g, s, d: _read(g, s, d, "ReaderReadUpToV2"),
    "optional-is-there": _is_there,
    "iterator-of-shard": _of_shard,
    "iterator-one-shot": _one_shot,
    "argument-of-device": lambda g, s, d: _argument(g, s, d, "_DeviceArg"),
    "random-bits": _bits,
    "random-candidates": lambda g, s, d: _sampled(g, s, d, "UniformCandidateSampler"),
    "random-candidates-log": lambda g, s, d: _sampled(g, s, d, "LogUniformCandidateSampler"),
}
"""Further operators that read queues, stages, readers and iterators, that are fed, or that draw."""

OUTSIDE: Mapping[str, _Source] = {
    **OF_EACH_KIND,
    "queue-many": lambda g, s, d: _dequeued(g, s, d, "QueueDequeueManyV2"),
    "queue-up-to": lambda g, s, d: _dequeued(g, s, d, "QueueDequeueUpToV2"),
    "unstage": _unstaged,
    "optional": _optional,
    "reader": lambda g, s, d: _read(g, s, d, "ReaderReadV2"),
    "argument": _argument,
    "shape-symbolic-last": lambda g, s, d: _sized(g, s, d, _shape(g, g.input("float32", (4, -1)))),
    "shape-symbolic-second": _second_shape,
    "shape-symbolic-relu": _shape_behind,
    "shape-symbolic-product": _shape_of_product,
}
"""Sources by name: a function that adds a weight of a shape and element type to a graph."""
