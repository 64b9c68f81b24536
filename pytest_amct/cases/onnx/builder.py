"""A small builder of ONNX graphs: neutral names, constants that carry evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
)

from pytest_amct.cases.values import weight_bytes
from pytest_amct.graphs.onnx.ops import DTYPES

NUMBERS = {name: number for number, name in DTYPES.items()}
"""Numbers of ``TensorProto.DataType`` by element type."""

Shape = Sequence[int | str]


class GraphBuilder:
    """Collects one graph. Names count up from a shared counter and say nothing."""

    def __init__(self, counter: list[int] | None = None, named: bool = True) -> None:
        self.graph = GraphProto(name="g")
        self.counter = counter if counter is not None else [0, 0, 0]
        self.named = named

    def name(self, kind: int, letter: str) -> str:
        self.counter[kind] += 1
        return f"{letter}{self.counter[kind] - 1}"

    def input(self, dtype: str, shape: Shape) -> str:
        """A graph input."""
        name = self.name(1, "t")
        self.graph.input.append(value_info(name, dtype, shape))
        return name

    def output(self, name: str, dtype: str) -> None:
        """Make a tensor an output of the graph."""
        self.graph.output.append(value_info(name, dtype, None))

    def constant(self, shape: tuple[int, ...], dtype: str) -> TensorProto:
        """A constant that carries evidence, not yet part of the graph."""
        number = self.counter[2]
        name = self.name(2, "w")
        raw = weight_bytes(shape, dtype, number)
        return TensorProto(name=name, dims=shape, data_type=NUMBERS[dtype], raw_data=raw)

    def initializer(self, shape: tuple[int, ...], dtype: str) -> str:
        """A constant as an initializer."""
        tensor = self.constant(shape, dtype)
        self.graph.initializer.append(tensor)
        return tensor.name

    def values(
        self, dtype: str, values: Sequence[float], shape: tuple[int, ...] | None = None
    ) -> str:
        """A small constant with given values; a scalar for ``shape=()``."""
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
        """An operator; returns the name of its first output."""
        names = [self.name(1, "t") for _ in range(outputs)]
        label = self.name(0, "n") if self.named else ""
        node = NodeProto(op_type=type_, input=inputs, output=names, name=label, domain=domain)
        node.attribute.extend(_attribute(k, v) for k, v in (attributes or {}).items())
        self.graph.node.append(node)
        return names[0]

    def nested(self) -> GraphBuilder:
        """A builder for a graph inside a node of this one."""
        return GraphBuilder(self.counter, self.named)


def _attribute(name: str, value: Any) -> AttributeProto:
    # The common kinds by hand: helper.make_attribute is the slowest part of a small model.
    if type(value) is int:
        return AttributeProto(name=name, type=AttributeProto.INT, i=value)
    if type(value) is list and value and type(value[0]) is int:
        return AttributeProto(name=name, type=AttributeProto.INTS, ints=value)
    return helper.make_attribute(name, value)


def value_info(name: str, dtype: str, shape: Shape | None) -> ValueInfoProto:
    """A typed name; ``None`` declares no shape, a string is a symbolic dimension."""
    return helper.make_tensor_value_info(name, NUMBERS[dtype], shape)


def make_model(
    graph: GraphProto, opset: int, ir_version: int, domains: Sequence[str]
) -> ModelProto:
    """A model around a graph, importing `opset` of ai.onnx and version 1 of other `domains`."""
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    return ModelProto(graph=graph, ir_version=ir_version, opset_import=imports)
