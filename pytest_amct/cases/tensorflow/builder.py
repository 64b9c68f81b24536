"""A small builder of TensorFlow graphs: neutral names, constants that carry evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from pytest_amct.cases.values import weight_bytes
from pytest_amct.graphs.dtypes import np_dtype
from pytest_amct.graphs.tensorflow.schema import NUMBERS, schema

PRODUCER = 1882
"""The version of the TensorFlow (2.16) whose graphs these are."""

_OUTPUTS = {"MatMul": "product", "Add": "z", "AddV2": "z", "Sub": "z", "Greater": "z", "Sin": "y"}
"""How functions call the first output of an operator, where it is not ``output``."""


class Dtype(str):
    """An attribute that is an element type; a plain string is one of bytes."""


class Function(str):
    """An attribute that is a function of the library."""


class GraphBuilder:
    """Collects one graph. Names count up from a shared counter and say nothing."""

    def __init__(self, outer: GraphBuilder | None = None) -> None:
        self.graph = schema().GraphDef()
        self.outer = outer
        self.counter: dict[str, int] = outer.counter if outer else {}
        #: serialized graphs of one Const each: of these every one is made only once
        self.constants: list[bytes] = []
        self.device = ""
        self.reversed = False

    def name(self, letter: str) -> str:
        number = self.counter.get(letter, 0)
        self.counter[letter] = number + 1
        return f"{letter}{number}"

    def input(self, dtype: str, shape: Sequence[int]) -> str:
        """A Placeholder; -1 is an entry that callers choose."""
        given = {"dtype": Dtype(dtype), "shape": tuple(shape)}
        return self.node("Placeholder", [], given, self.name("t"))

    def constant(self, shape: tuple[int, ...], dtype: str, form: str = "") -> str:
        """A constant that carries evidence. `form`: ``values`` are listed one by one; else another
        element type with the same bytes."""
        number = self.counter.get("w", 0)
        self.constants.append(_constant(self.name("w"), shape, dtype, number, form))
        return f"w{number}"

    def values(
        self, dtype: str, values: Sequence[float], shape: tuple[int, ...] | None = None
    ) -> str:
        """A small constant with given values; a scalar for ``shape=()``."""
        name = self.name("w")
        dims = (len(values),) if shape is None else shape
        self.constants.append(_values(name, dtype, tuple(values), dims))
        return name

    def node(
        self,
        op: str,
        inputs: Sequence[str],
        attributes: Mapping[str, Any] | None = None,
        name: str = "",
    ) -> str:
        """An operator; returns its name, which is that of its first output, too."""
        name = name or self.name("n")
        node = self.graph.node.add(name=name, op=op, input=inputs, device=self.device)
        for key, given in (attributes or {}).items():
            _set(node.attr[key], given)
        return name

    def function(
        self, takes: Sequence[str], gives: Mapping[str, str], body: GraphBuilder
    ) -> Function:
        """Add a function to the library: its parameters ``x0`` ... are of the types `takes`; it
        gives these nodes of its body, each with its type."""
        if self.outer is not None:
            return self.outer.function(takes, gives, body)
        made = self.graph.library.function.add()
        made.signature.name = self.name("b")
        for i, dtype in enumerate(takes):
            made.signature.input_arg.add(name=f"x{i}", type=NUMBERS[dtype])
        nodes = schema().GraphDef.FromString(body.serialize()).node
        made.node_def.extend(nodes)
        ops = {node.name: node.op for node in nodes}
        for i, (name, dtype) in enumerate(gives.items()):
            made.signature.output_arg.add(name=f"y{i}", type=NUMBERS[dtype])
            # A parameter is known by its name alone, a node's output by its own name, too.
            inner = f"{name}:{_OUTPUTS.get(ops[name], 'output')}:0" if name in ops else name
            made.ret[f"y{i}"] = inner
        return Function(made.signature.name)

    def nested(self) -> GraphBuilder:
        """A builder for the body of a function of this graph."""
        return GraphBuilder(self)

    def serialize(self) -> bytes:
        """The graph, constants first. Protobuf messages one behind the other are one message."""
        if self.outer is None:
            self.graph.versions.producer = PRODUCER
        parts = self.constants
        if self.reversed:
            nodes = [*self.graph.node][::-1]
            del self.graph.node[:]
            self.graph.node.extend(nodes)
            parts = parts[::-1]
        rest = self.graph.SerializeToString(deterministic=True)
        return b"".join([rest, *parts] if self.reversed else [*parts, rest])


def _set(value: Any, given: Any) -> None:
    kind = type(given)
    if kind is Dtype:
        value.type = NUMBERS[given]
    elif kind is list:
        value.list.SetInParent()
        for entry in given:
            _add(value.list, entry)
    elif kind is str:
        value.s = given.encode()
    elif kind is bool:
        value.b = given
    elif kind is int:
        value.i = given
    elif kind is tuple:
        _set_shape(value.shape, given)
    elif kind is Function:
        value.func.name = given
    else:
        value.f = given


def _add(values: Any, entry: Any) -> None:
    kind = type(entry)
    if kind is int:
        values.i.append(entry)
    elif kind is Dtype:
        values.type.append(NUMBERS[entry])
    elif kind is str:
        values.s.append(entry.encode())
    else:
        _set_shape(values.shape.add(), entry)


def _set_shape(shape: Any, entries: Sequence[int]) -> None:
    shape.SetInParent()
    for size in entries:
        shape.dim.add(size=size)


@lru_cache(maxsize=1024)
def _constant(name: str, shape: tuple[int, ...], dtype: str, number: int, form: str) -> bytes:
    # The ranges of `weight_bytes` differ by the first axis. TensorFlow's channels stand last, those
    # of a depthwise convolution with one filter for each before an axis of length 1.
    axes = sorted(range(len(shape)), key=lambda axis: (shape[axis] == 1, -axis))
    turned = tuple(shape[axis] for axis in axes)
    first = np.frombuffer(weight_bytes(turned, dtype, number), np_dtype(dtype))
    values = first.reshape(turned).transpose(np.argsort(axes)) if axes else first
    if form == "values":
        return _const(name, dtype, shape, float_val=values.ravel().tolist())
    return _const(name, form or dtype, shape, tensor_content=values.tobytes())


@lru_cache(maxsize=1024)
def _values(name: str, dtype: str, values: tuple[float, ...], shape: tuple[int, ...]) -> bytes:
    if dtype == "int32":
        return _const(name, dtype, shape, int_val=[int(v) for v in values])
    return _const(name, dtype, shape, tensor_content=np.array(values, np_dtype(dtype)).tobytes())


def _const(name: str, dtype: str, shape: tuple[int, ...], **stored: Any) -> bytes:
    tensor = schema().TensorProto(dtype=NUMBERS[dtype], **stored)
    _set_shape(tensor.tensor_shape, shape)
    graph = schema().GraphDef()
    node = graph.node.add(name=name, op="Const")
    node.attr["dtype"].type = NUMBERS[dtype]
    node.attr["value"].tensor.CopyFrom(tensor)
    return bytes(graph.SerializeToString(deterministic=True))
