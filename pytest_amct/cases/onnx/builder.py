"""A small builder of ONNX graphs, with meaningless names and distinctive constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
)

from pytest_amct.cases.naming import Style, converted, plain
from pytest_amct.cases.plan import USUAL_OPSET
from pytest_amct.cases.values import weight_bytes
from pytest_amct.graphs.onnx.ops import DTYPES

NUMBERS = {name: number for number, name in DTYPES.items()}
"""Values of ``TensorProto.DataType`` by element type."""

Shape = Sequence[int | str | None]


class GraphBuilder:
    """A graph in the making. Names are counted up by a shared counter and carry no meaning."""

    def __init__(self, counter: list[int] | None = None, named: bool = True) -> None:
        self.graph = GraphProto(name="g")
        self.counter = counter if counter is not None else [0, 0, 0]
        self.named = named
        #: functions that its nodes call, by domain and name, and the opset of their bodies
        self.functions: dict[tuple[str, str], FunctionProto] = {}
        self.opset = USUAL_OPSET
        self.style: Style = plain
        #: whether half of the constants are stored in typed fields
        self.typed = False

    def name(self, kind: int, letter: str) -> str:
        number = self.counter[kind]
        self.counter[kind] += 1
        if kind == 0 and self.style not in (plain, converted):
            letter = "t"  # as in many networks, nodes and tensors have the same names
        return self.style(letter, number)

    def input(self, dtype: str, shape: Shape) -> str:
        """Add a graph input, and return its name."""
        name = self.name(1, "t")
        self.graph.input.append(value_info(name, dtype, shape))
        return name

    def output(self, name: str, dtype: str) -> None:
        """Make a tensor an output of the graph."""
        self.graph.output.append(value_info(name, dtype, None))

    def constant(self, shape: tuple[int, ...], dtype: str) -> TensorProto:
        """Return a new distinctive constant that is not yet part of the graph."""
        number = self.counter[2]
        name = self.name(2, "w")
        raw = weight_bytes(shape, dtype, number)
        tensor = TensorProto(name=name, dims=shape, data_type=NUMBERS[dtype], raw_data=raw)
        if self.typed and number % 2:
            write_typed(tensor, raw)
        return tensor

    def initializer(self, shape: tuple[int, ...], dtype: str) -> str:
        """Add a constant as an initializer, and return its name."""
        tensor = self.constant(shape, dtype)
        self.graph.initializer.append(tensor)
        return tensor.name

    def values(
        self, dtype: str, values: Sequence[float], shape: tuple[int, ...] | None = None
    ) -> str:
        """Add a small constant with these values (``shape=()``: a scalar), and return its name."""
        dims = (len(values),) if shape is None else shape
        cast = [int(v) for v in values] if "int" in dtype or dtype == "bool" else list(values)
        tensor = helper.make_tensor(self.name(2, "w"), NUMBERS[dtype], dims, cast)
        self.graph.initializer.append(tensor)
        return tensor.name

    def node(
        self,
        type_: str,
        inputs: Sequence[str],
        attributes: Mapping[str, Any] | None = None,
        domain: str = "",
        outputs: int = 1,
    ) -> str:
        """Add an operator, and return the name of its first output."""
        names = [self.name(1, "t") for _ in range(outputs)]
        label = self.name(0, "n") if self.named else ""
        if self.style is converted:
            names = [f"{label}:{i}" for i in range(outputs)]
        node = NodeProto(op_type=type_, input=inputs, output=names, name=label, domain=domain)
        node.attribute.extend(_attribute(k, v) for k, v in (attributes or {}).items())
        self.graph.node.append(node)
        return names[0]

    def nested(self) -> GraphBuilder:
        """Return a builder for a graph nested in a node of this graph."""
        made = GraphBuilder(self.counter, self.named)
        made.functions, made.opset, made.style = self.functions, self.opset, self.style
        made.typed = self.typed
        return made


_BITS = {"float16": "<u2", "bfloat16": "<u2", "bool": "|u1"}
_FIELDS = {
    "float32": "float_data",
    "float64": "double_data",
    "int64": "int64_data",
    **dict.fromkeys(("uint32", "uint64"), "uint64_data"),
}


def write_typed(tensor: TensorProto, raw: bytes) -> None:
    """Store bytes in the field of the tensor's element type instead of `raw_data`."""
    dtype = DTYPES[tensor.data_type]
    values = np.frombuffer(raw, _BITS.get(dtype, np.dtype(dtype) if dtype not in _BITS else "u1"))
    tensor.ClearField("raw_data")
    getattr(tensor, _FIELDS.get(dtype, "int32_data")).extend(values.tolist())


def _attribute(name: str, value: Any) -> AttributeProto:
    # Build the common kinds by hand: helper.make_attribute is the slowest part of a small model.
    if type(value) is int:
        return AttributeProto(name=name, type=AttributeProto.INT, i=value)
    if type(value) is list and value and type(value[0]) is int:
        return AttributeProto(name=name, type=AttributeProto.INTS, ints=value)
    return helper.make_attribute(name, value)


def value_info(name: str, dtype: str, shape: Shape | None) -> ValueInfoProto:
    """Return a typed name. ``None`` declares no shape; a string is a symbolic dimension.

    A dimension that is ``None`` is symbolic, and has no name.
    """
    return helper.make_tensor_value_info(name, NUMBERS[dtype], shape)


def make_model(
    graph: GraphProto, opset: int, ir_version: int, domains: Sequence[str]
) -> ModelProto:
    """Return a model of a graph that imports `opset` of ai.onnx and version 1 of `domains`.

    A newer opset needs a newer IR version than `ir_version`.
    """
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    ir_version = max(ir_version, helper.find_min_ir_version_for(imports, ignore_unknown=True))
    return ModelProto(graph=graph, ir_version=ir_version, opset_import=imports)
