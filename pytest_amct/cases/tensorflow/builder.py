"""A small builder of TensorFlow graphs, with meaningless names and distinctive constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_amct.cases.naming import Style, exported, plain
from pytest_amct.cases.values import weight_bytes
from pytest_amct.graphs.dtypes import np_dtype
from pytest_amct.graphs.tensorflow.schema import NUMBERS, schema

PRODUCER = 1882
"""The producer version of TensorFlow 2.16, which the graphs declare."""

_OUTPUTS = {
    "MatMul": "product",
    "Add": "z",
    "AddV2": "z",
    "Sub": "z",
    "Greater": "z",
    "Sin": "y",
    "Neg": "y",
    "Cast": "y",
    "Maximum": "z",
}
"""Name of an operator's first output in functions, where it is not ``output``."""

_FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    "float16": "half_val",
    "bfloat16": "half_val",
    "int32": "int_val",
    "int64": "int64_val",
    "int8": "int_val",
}
"""The field of a TensorProto that lists the values of an element type one by one."""


_UNSTYLED = frozenset("bf")
"""Kinds of names that are always plain: of functions, and of nodes in them."""


class Dtype(str):
    """An attribute that is an element type; a plain string is a bytes attribute."""


class Function(str):
    """An attribute that names a function of the library."""


class GraphBuilder:
    """A graph in the making. Names are counted up by a shared counter and carry no meaning."""

    def __init__(self, outer: GraphBuilder | None = None) -> None:
        self.graph = schema().GraphDef()
        self.outer = outer
        self.counter: dict[str, int] = outer.counter if outer else {}
        #: serialized graphs of one Const each; each is built only once (cached)
        self.constants: list[bytes] = []
        self.device = ""
        self.reversed = False
        self.style: Style = outer.style if outer else plain
        #: whether half of the constants list their values one by one
        self.typed: bool = outer.typed if outer else False
        #: whether references to first outputs name the port, too
        self.ports = False

    def name(self, letter: str) -> str:
        number = self.counter.get(letter, 0)
        self.counter[letter] = number + 1
        style = plain if letter in _UNSTYLED else self.style
        if style is exported:  # one count for all kinds
            number = self.counter.get("", 0)
            self.counter[""] = number + 1
        return style(letter, number)

    def input(self, dtype: str, shape: Sequence[int] | None) -> str:
        """Add a Placeholder, and return its name.

        -1 is an open dimension, and no shape is one of unknown rank.
        """
        given = {"dtype": Dtype(dtype), "shape": None if shape is None else tuple(shape)}
        return self.node("Placeholder", [], given, self.name("t"))

    def constant(self, shape: tuple[int, ...], dtype: str, form: str = "") -> str:
        """Add a distinctive constant, and return its name.

        `form` is ``values`` to list the values one by one, ``splat`` to list them up to the last
        one that differs from its successors, or another element type for the same bytes.
        """
        number = self.counter.get("w", 0)
        name, form = self.name("w"), form or ("values" if self.typed and number % 2 else "")
        self.constants.append(_constant(name, shape, dtype, number, form))
        return name

    def values(
        self,
        dtype: str,
        values: Sequence[float],
        shape: tuple[int, ...] | None = None,
        form: str = "",
    ) -> str:
        """Add a small constant with these values (``shape=()``: a scalar), and return its name.

        `form` is as for a distinctive constant, and ``content`` for the bytes.
        """
        name = self.name("w")
        dims = (len(values),) if shape is None else shape
        self.constants.append(_values(name, dtype, tuple(values), dims, form))
        return name

    def node(
        self,
        op: str,
        inputs: Sequence[str],
        attributes: Mapping[str, Any] | None = None,
        name: str = "",
    ) -> str:
        """Add an operator, and return its name, which is also that of its first output."""
        name = name or self.name("n")
        if self.ports:
            inputs = [text if text[0] == "^" or ":" in text else f"{text}:0" for text in inputs]
        node = self.graph.node.add(name=name, op=op, input=inputs, device=self.device)
        for key, given in (attributes or {}).items():
            _set(node.attr[key], given)
        return name

    def function(
        self,
        takes: Sequence[str],
        gives: Mapping[str, str],
        body: GraphBuilder,
        names: Sequence[str] = (),
    ) -> Function:
        """Add a function to the library, and return its name.

        Its parameters have the types `takes` and the `names`, by default ``x0``, ``x1`` ...
        `gives` maps what it returns to types: nodes of its body, of which it returns the first
        output, or references to an output (``f0:output:1``).
        """
        if self.outer is not None:
            return self.outer.function(takes, gives, body, names)
        made = self.graph.library.function.add()
        made.signature.name = self.name("b")
        for i, dtype in enumerate(takes):
            name = names[i] if names else f"x{i}"
            made.signature.input_arg.add(name=name, type=NUMBERS[dtype])
        nodes = schema().GraphDef.FromString(body.serialize()).node
        made.node_def.extend(nodes)
        ops = {node.name: node.op for node in nodes}
        for i, (name, dtype) in enumerate(gives.items()):
            made.signature.output_arg.add(name=f"y{i}", type=NUMBERS[dtype])
            # A reference to a node also names the output; one to a parameter does not.
            inner = f"{name}:{_OUTPUTS.get(ops[name], 'output')}:0" if name in ops else name
            made.ret[f"y{i}"] = inner
        return Function(made.signature.name)

    def nested(self) -> GraphBuilder:
        """Return a builder for the body of a function of this graph."""
        return GraphBuilder(self)

    def serialize(self) -> bytes:
        """Return the graph's bytes, constants first. Concatenated messages are one message."""
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
    elif given is None:
        value.shape.unknown_rank = True
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
    elif kind is float:
        values.f.append(entry)
    else:
        _set_shape(values.shape.add(), entry)


def _set_shape(shape: Any, entries: Sequence[int]) -> None:
    shape.SetInParent()
    for size in entries:
        shape.dim.add(size=size)


@lru_cache(maxsize=1024)
def _constant(name: str, shape: tuple[int, ...], dtype: str, number: int, form: str) -> bytes:
    # The ranges of `weight_bytes` differ along the first axis. TensorFlow's channels are the last
    # axis, or in a depthwise convolution the one before a last axis of length 1.
    axes = sorted(range(len(shape)), key=lambda axis: (shape[axis] == 1, -axis))
    turned = tuple(shape[axis] for axis in axes)
    first = np.frombuffer(weight_bytes(turned, dtype, number), np_dtype(dtype))
    values = first.reshape(turned).transpose(np.argsort(axes)) if axes else first
    if form == "splat":  # the last values are equal
        values = values.ravel().copy()
        values[-4:] = values[-1]
    if form in ("values", "splat"):
        return _const(name, dtype, shape, **_listed(values.ravel(), dtype, form))
    return _const(name, form or dtype, shape, tensor_content=values.tobytes())


def _listed(values: NDArray[Any], dtype: str, form: str) -> dict[str, Any]:
    """Return values as the field that lists them; ``splat`` lists equal last ones just once."""
    if form == "splat":
        (differ,) = np.nonzero(values != values[-1])
        values = values[: (differ[-1] + 2 if differ.size else 1)]
    is_half = _FIELDS[dtype] == "half_val"
    return {_FIELDS[dtype]: (values.view(np.uint16) if is_half else values).tolist()}


@lru_cache(maxsize=1024)
def _values(
    name: str, dtype: str, values: tuple[float, ...], shape: tuple[int, ...], form: str
) -> bytes:
    stored = np.array(values, np_dtype(dtype))
    if form in ("values", "splat") or (dtype == "int32" and not form):
        return _const(name, dtype, shape, **_listed(stored, dtype, form))
    return _const(name, dtype, shape, tensor_content=stored.tobytes())


def _const(name: str, dtype: str, shape: tuple[int, ...], **stored: Any) -> bytes:
    tensor = schema().TensorProto(dtype=NUMBERS[dtype], **stored)
    _set_shape(tensor.tensor_shape, shape)
    graph = schema().GraphDef()
    node = graph.node.add(name=name, op="Const")
    node.attr["dtype"].type = NUMBERS[dtype]
    node.attr["value"].tensor.CopyFrom(tensor)
    return bytes(graph.SerializeToString(deterministic=True))
